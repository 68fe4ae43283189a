/* The last batch of each source in a stream, as both sides of it know it: what changes refer to.
 *
 * Invariant: after each record the reader's columns and rows stand in the places that they have at
 * the writer. */
#ifndef FLAMETOP_CORE_RECORD_LAST_H
#define FLAMETOP_CORE_RECORD_LAST_H

#include "flametop/base/hash.h"
#include "record_wire.h"

struct last {
    char name[64];
    bool known;         /* false: the next batch must be a whole one */
    uint64_t tick;      /* so many were whole when it came; the writer's */
    struct batch batch; /* a column is NULL where the catalog refused it, NaN where it is gone */
    struct map places;  /* series -> place + 1; the writer's */
    struct arena arenas[2];
    unsigned now; /* the arena of the tables */
};

struct lasts {
    struct last *list[LASTS_MAX];
    size_t count;
};

void lasts_done(struct lasts *lasts);

/* NULL when there is none; last_add: when the name is too long or there are too many. */
struct last *lasts_find(const struct lasts *lasts, const char *name);
struct last *lasts_add(struct lasts *lasts, const char *name);

/* Memory that all of them take. */
size_t lasts_bytes(const struct lasts *lasts);

/* No columns and no tables; its memory is given back. */
void last_forget(struct last *last);

/* A new column at the end, with NaN. False when out of memory. */
bool last_add_column(struct last *last, const struct series *series);

/* Everything but columns, values and tables. */
void last_set_header(struct last *last, const struct batch *batch);

/* Copies them; those of before are gone. False when out of memory: then there are none. */
bool last_set_tables(struct last *last, struct table *const *tables, size_t count);

#endif
