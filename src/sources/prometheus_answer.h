/* What Prometheus' HTTP API answers (prometheus.io/docs/prometheus/latest/querying/api), read
 * without trust. Pure: no I/O; results live as long as the document. */
#ifndef FLAMETOP_SOURCES_PROMETHEUS_ANSWER_H
#define FLAMETOP_SOURCES_PROMETHEUS_ANSWER_H

#include "exposition.h"
#include "flametop/base/buf.h"
#include "flametop/core/chunk.h"
#include "json_read.h"

/* The data of a document whose status is success; NULL when it is none. */
const cJSON *prometheus_data(const cJSON *root);

/* The list of results of a query of this type ("vector", "matrix"); NULL when it is another. */
const cJSON *prometheus_results(const cJSON *root, const char *type);

/* A time in seconds since 1970; NaN when it is none that can be: a server may say anything. */
double prometheus_time(const cJSON *item);

/* A result's value, and its time in seconds; NaN when there is none. */
double prometheus_value(const cJSON *result, double *ret_at_s);

/* A result as a sample of metrics in text: what it points to lies in `text`. False when it has no
 * name or is too long. */
bool prometheus_sample(const cJSON *result, struct buf *text, struct exposition_sample *ret_sample);

/* The keys of a list, as in metric.labels; as many as there is room for. */
void prometheus_keys(const cJSON *list, char *dst, size_t size);

/* The metrics that a list names, to be read on demand, but for those that are shown under other
 * names. `keys`: of all labels they may have. */
void prometheus_offer(struct catalog *catalog, const cJSON *names, const char *keys,
                      bool (*is_known)(struct str name));

/* A vector into a batch: all that is between exposed_begin and exposed_end. */
void prometheus_take(struct exposed *exposed, struct batch *batch, const cJSON *results);

/* Where the steps of a range lie in time. */
struct prometheus_steps {
    double start_s, step_s;
    size_t count;          /* at most CHUNK_TICKS */
    int64_t first_mono_ns; /* of the first */
    int64_t wall_offset_ns;
};

/* A matrix as a chunk of one source. `batch` holds its columns and is for this alone. NULL when
 * there is nothing in it, or out of memory. */
struct chunk *prometheus_chunk(struct exposed *exposed, struct batch *batch, const cJSON *results,
                               const struct prometheus_steps *steps);

#endif
