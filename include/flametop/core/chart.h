/* A chart: a query's history in buckets of time aligned to the wall clock, kept up to date at the
 * cost of the new readings only.
 *
 * Buckets hold min, max and sum, so a spike never vanishes. The newest bucket changes with each
 * picture, the others do not, until the span changes, the picture goes back in time, or older
 * history comes from elsewhere (then all are made anew). */
#ifndef FLAMETOP_CORE_CHART_H
#define FLAMETOP_CORE_CHART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/core/query.h"

struct bucket {
    float min, max, sum; /* min and max NaN when count is 0 */
    uint32_t count;
};

struct chart {
    struct query *query; /* owned */
    int64_t bucket_ns;
    int64_t last_bucket; /* wall_ns / bucket_ns of the newest */
    int64_t seen_ns;     /* monotonic time of the newest picture */
    int64_t taken_ns;    /* and of the newest reading taken in */
    uint64_t picture_number, arrivals;
    struct bucket *buckets; /* ring of `count`, oldest at `first` */
    size_t count, first;
    double now;     /* value at the picture's moment */
    int64_t now_ns; /* monotonic time of the reading it is */
};

/* Takes the query. */
void chart_init(struct chart *chart, struct query *query);
void chart_done(struct chart *chart);

/* Brings it up to the picture, with `count` buckets of bucket_ns. */
void chart_update(struct chart *chart, const struct picture *picture, size_t count,
                  int64_t bucket_ns);

/* Bucket i, 0 the oldest. */
const struct bucket *chart_bucket(const struct chart *chart, size_t i);

/* Over all buckets; NaN when empty. */
double chart_max(const struct chart *chart);
double chart_mean(const struct chart *chart);

/* What a line through the buckets' means is made of; empty buckets are passed over. */
struct chart_sums {
    double n, x, y, xx, xy, yy; /* x: the number of the bucket */
};
struct chart_sums chart_sums(const struct chart *chart);

/* Which way it goes, by least squares over the bucket means: the change over the whole span
 * relative to the mean, and how noisy it is. What is less than a few per cent of `scale` (a
 * threshold, the whole; 0: not known) is as good as nothing. */
enum trend { TREND_UNKNOWN, TREND_STABLE, TREND_RISING, TREND_FALLING, TREND_VOLATILE };
enum trend chart_trend(const struct chart *chart, double scale);

/* "improving", "degrading" where the metric says which way is better, else "rising", "falling". */
const char *trend_word(enum trend trend, enum metric_better better);

#endif
