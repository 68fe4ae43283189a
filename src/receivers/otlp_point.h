/* A data point of OTLP's metrics, before it becomes readings. The same for protobuf and JSON. */
#ifndef FLAMETOP_SRC_RECEIVERS_OTLP_POINT_H
#define FLAMETOP_SRC_RECEIVERS_OTLP_POINT_H

#include "otlp.h"

#define POINT_BUCKETS_MAX 1024

enum point_shape { POINT_GAUGE, POINT_SUM, POINT_HISTOGRAM, POINT_EXPONENTIAL, POINT_SUMMARY };

enum point_temporality { TEMPORALITY_UNSET, TEMPORALITY_DELTA, TEMPORALITY_CUMULATIVE };

/* What all points of a metric have in common. */
struct point_metric {
    struct str name, unit, description;
    enum point_shape shape;
    enum point_temporality temporality;
    bool monotonic;
};

/* Lists hold at most POINT_BUCKETS_MAX, in the decoder's inner arena. */
struct point_numbers {
    double *list;
    size_t count;
};

struct point_counts {
    int64_t offset; /* of an exponential histogram's first bucket */
    uint64_t *list;
    size_t count;
};

struct point {
    const struct span_attribute *tags;
    size_t tag_count;
    int64_t time_ns, start_ns;
    double value; /* NaN: none was recorded */
    uint64_t count, zero_count;
    double sum, min, max; /* NaN: not said */
    int64_t scale;
    struct point_counts counts, negative; /* `counts`: of a histogram, or of the positive ones */
    struct point_numbers bounds;
    struct point_numbers quantiles, values; /* of a summary */
};

/* A point with nothing in it; what the last one held is gone. */
void point_init(struct decoder *decoder, struct point *point);

/* Makes readings of it. */
void point_deliver(struct decoder *decoder, const struct point_metric *metric,
                   const struct point *point);

#endif
