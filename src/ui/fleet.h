/* The fleet: all targets as one table, in a picture of its own, so that the tables' widget, the
 * header, the diagnosis and a pause work on it as on any other picture. The instances of one server
 * (core/instance.h) are a fleet as well. */
#ifndef FLAMETOP_SRC_UI_FLEET_H
#define FLAMETOP_SRC_UI_FLEET_H

#include "flametop/core/finding.h"
#include "flametop/core/instance.h"
#include "flametop/core/picture.h"

#define FLEET_READINGS 6
#define FLEET_METRICS 3
#define FLEET_EVERY_NS NS_PER_S /* so often its values are read anew */

/* Columns of the fleet's table. */
enum fleet_column {
    FLEET_INDEX, /* of the target or the instance */
    FLEET_HOST,  /* the key */
    FLEET_RANK,  /* what the rows are sorted by: level, then impact */
    FLEET_AGE,
    FLEET_READING, /* the first of FLEET_READINGS */
    FLEET_ODD = FLEET_READING + FLEET_READINGS,
    FLEET_DIAGNOSIS,
    FLEET_COLUMNS
};

/* The queries of one target, opened as its metrics become known. */
struct fleet_queries {
    struct query *queries[FLEET_READINGS][FLEET_METRICS];
};
void fleet_queries_done(struct fleet_queries *queries);

/* A target as the fleet sees it. */
struct fleet_row {
    const char *name;
    struct fleet_queries *queries;
    struct picture *picture;        /* the last one seen through a link that was up; NULL: none */
    const struct link_status *link; /* as it is now; NULL: none */
    int64_t came_mono_ns;           /* when its newest picture came, by our clock */
    int64_t since_mono_ns;          /* since when it is watched, by our clock */
};

/* The instances of a server, as its table has them: columns are found by their names. */
struct fleet_instances {
    const struct table *table;
    int columns[INSTANCE_COLUMNS];  /* -1: it has none of that name and type */
    const struct link_status *link; /* of the server */
};
void fleet_instances_init(struct fleet_instances *instances, const struct table *table,
                          const struct link_status *link);

/* The rank of a level and an impact, and back; a target that is not there ranks before what is
 * critical elsewhere, one that is on its way among what is worth knowing. */
#define FLEET_IMPACT_AWAY 999
int64_t fleet_rank(enum level level, int impact);
enum level fleet_rank_level(int64_t rank);
int fleet_rank_impact(int64_t rank);

/* The table of these targets and the findings that are their worst. Holds nothing of what it is
 * made from. NULL when out of memory. */
struct picture *fleet_picture(const struct fleet_row *rows, size_t count, struct catalog *catalog,
                              const struct instant *now, uint64_t number);

/* The same of instances. */
struct picture *fleet_picture_of(const struct fleet_instances *instances, struct catalog *catalog,
                                 const struct instant *now, uint64_t number);

/* Whether one value of a row stands apart from the other targets' (1 above, -1 below). */
int fleet_mark(const struct picture *picture, size_t row, int column);

/* Whether there is a connection to a target; an instance answers its server. */
bool fleet_is_up(const struct picture *picture, size_t row);

/* Whether a target's values are of now: its link is up and it has sent something lately. */
bool fleet_is_fresh(const struct picture *picture, size_t row);

extern const struct table_def fleet_table;

#endif
