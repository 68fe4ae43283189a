/* The tables of a Prometheus server: what it scrapes, the machines among that, its alerts, and
 * exemplars. */
#ifndef FLAMETOP_SOURCES_PROMETHEUS_TABLES_H
#define FLAMETOP_SOURCES_PROMETHEUS_TABLES_H

#include "flametop/base/buf.h"
#include "flametop/base/hash.h"
#include "flametop/core/batch.h"
#include "json_read.h"

/* What one query brought of a target, each value in its place. */
enum target_value {
    TARGET_UP,
    TARGET_AT, /* of the last scrape, seconds since 1970 by the server's clock */
    TARGET_DURATION,
    TARGET_SAMPLES,
    TARGET_CPU, /* from here on: of a machine, by node_exporter */
    TARGET_MEMORY,
    TARGET_DISK,
    TARGET_NETWORK,
    TARGET_VALUES
};

struct scraped {
    const char *job, *instance; /* cleaned */
    const char *error;          /* of the last scrape; NULL: none, or not known */
    double values[TARGET_VALUES];
    bool machine;
    int level;         /* enum level of its worst alert that fires; -1: none does */
    const char *alert; /* in words */
};

/* All of a reading, by job and instance. */
struct scrapes {
    struct arena *arena; /* of the texts */
    struct map index;
    struct scraped **list;
    size_t count, capacity;
    uint64_t dropped;
};

void scrapes_init(struct scrapes *scrapes, struct arena *arena);
void scrapes_done(struct scrapes *scrapes);

/* Of the labels of a series, made when it is new; NULL when there are too many. */
struct scraped *scrapes_of(struct scrapes *scrapes, const cJSON *labels);
void scrapes_sort(struct scrapes *scrapes); /* by instance, then job */

/* The expression whose answer scrapes_take reads; rates over `span_s` seconds. */
void scrapes_query(struct buf *query, unsigned span_s);
void scrapes_take(struct scrapes *scrapes, const cJSON *results);

/* Why scrapes failed, as /api/v1/targets said last: it is asked less often. */
struct scrape_errors {
    struct map texts; /* by job and instance */
    struct arena arena;
};
void scrape_errors_init(struct scrape_errors *errors);
void scrape_errors_done(struct scrape_errors *errors);
void scrape_errors_take(struct scrape_errors *errors, const cJSON *data); /* forgets the former */
void scrapes_take_errors(struct scrapes *scrapes, const struct scrape_errors *errors);

/* The heart of such an error; NULL when there is none. */
const char *scrape_why(const char *error, struct arena *arena);

/* The worst alert of each, from /api/v1/alerts. */
void scrapes_take_alerts(struct scrapes *scrapes, const cJSON *data);

/* Into tables: targets and the machines among them (core/instance.h), or with an `instance` that
 * one's targets alone. `now_s` is the server's clock. */
void scrapes_put(const struct scrapes *scrapes, struct batch *batch, double now_s,
                 const char *instance);

/* Alerts (core/alert.h): all, or those of one instance. `down`: what is shown does not answer,
 * which is told as an alert where no rule does; NULL: it does. */
void alerts_put(const cJSON *data, const char *instance, const struct scraped *down,
                struct batch *batch, double now_s, size_t *ret_firing, size_t *ret_pending);
void exemplars_put(const cJSON *data, struct batch *batch, double now_s);

extern const struct table_def *const prometheus_tables[];
extern const size_t prometheus_table_count;

#endif
