/* A base-2 exponential histogram of scale 6 (OTLP's ExponentialHistogram, Prometheus' native schema
 * 6).
 *
 * Bucket i holds (base^i, base^(i+1)] with base = 2^(1/64); a quantile answers 2*lo*hi/(lo+hi), at
 * most 0.55 % off (half a bucket). Merging adds counts and loses nothing. In memory the buckets are
 * a window from the lowest to the highest in use (at most 4,096, 16 KiB); as bytes, only those in
 * use. Values <= 0 count in the zero bucket; NaN is refused. Range: 2^-32 to 2^32, beyond it the
 * outermost bucket (min and max stay exact). */
#ifndef FLAMETOP_CORE_HISTOGRAM_H
#define FLAMETOP_CORE_HISTOGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/buf.h"

struct histogram {
    uint64_t count, zero_count;
    double sum, sum_of_squares, min, max;
    uint32_t *counts; /* buckets offset .. offset + size - 1 */
    int32_t offset;
    uint32_t size, capacity;
};

void histogram_init(struct histogram *histogram);
void histogram_done(struct histogram *histogram);
void histogram_clear(struct histogram *histogram);

/* False for NaN, when out of memory, or when a bucket would pass 2^32 - 1; no count changes then.
 */
bool histogram_add(struct histogram *histogram, double value);
bool histogram_add_times(struct histogram *histogram, double value, uint32_t times);
bool histogram_merge(struct histogram *into, const struct histogram *from);

/* The value of the smallest rank >= q * count, in [min, max]; exact for q <= 0 and q >= 1. NaN when
 * empty. */
double histogram_quantile(const struct histogram *histogram, double q);

/* Whether there are enough values for quantile q to mean something: count * (1 - q) >= 1. */
bool histogram_quantile_known(const struct histogram *histogram, double q);

/* The share of values that are not greater, as far as buckets can tell: those of the bucket that
 * `value` is in count as not greater. NaN when empty. */
double histogram_share(const struct histogram *histogram, double value);
double histogram_mean(const struct histogram *histogram);
double histogram_stddev(const struct histogram *histogram);

/* Sparse bytes: varint zero_count · varint buckets in use · for each varint gap (buckets skipped
 * since the last, at first since the lowest there can be) and varint count · sum, sum of squares,
 * min, max (core/codec.h). histogram_get replaces what the histogram held; it is untouched when the
 * bytes are anything else. */
void histogram_put(const struct histogram *histogram, struct buf *out);
bool histogram_get(struct histogram *histogram, const uint8_t *bytes, size_t size);

#endif
