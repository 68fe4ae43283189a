/* The exponential histogram.
 *
 * Invariant: counts[0 .. size) are the buckets offset .. offset + size - 1, all of them within
 * [BUCKET_MIN, BUCKET_MAX]; count is zero_count plus their sum. The window starts at the first
 * value seen and grows towards what comes: a histogram of values that lie close together stays
 * small. */
#include "flametop/core/histogram.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/core/codec.h"

#define SCALE 64 /* buckets an octave: 2^6 */
#define BUCKET_MIN (-32 * SCALE)
#define BUCKET_MAX (32 * SCALE - 1)
#define WINDOW_MIN 16u
#define SUMS 4

void
histogram_init(struct histogram *histogram)
{
    *histogram = (struct histogram){.min = (double)NAN, .max = (double)NAN};
}

void
histogram_done(struct histogram *histogram)
{
    free(histogram->counts);
    histogram_init(histogram);
}

void
histogram_clear(struct histogram *histogram)
{
    uint32_t *counts = histogram->counts;
    uint32_t capacity = histogram->capacity;
    histogram_init(histogram);
    histogram->counts = counts;
    histogram->capacity = capacity;
}

static int32_t
bucket_of(double value)
{
    double at = CLAMP(log2(value) * SCALE, (double)BUCKET_MIN, (double)BUCKET_MAX + 1);
    int32_t up = (int32_t)at; /* becomes ceil(at), which is a library call on plain x86-64 */
    up += (double)up < at;
    return MAX(up - 1, BUCKET_MIN);
}

static double
bucket_middle(int32_t bucket)
{
    double low = exp2((double)bucket / SCALE);
    double high = exp2((double)(bucket + 1) / SCALE);
    return 2 * low * high / (low + high);
}

static bool
window_reserve(struct histogram *histogram, uint32_t size)
{
    if (size <= histogram->capacity) {
        return true;
    }
    uint32_t capacity = MAX(size, MAX(histogram->capacity * 2, WINDOW_MIN));
    uint32_t *counts = realloc(histogram->counts, capacity * sizeof(counts[0]));
    if (counts == NULL) {
        return false;
    }
    histogram->counts = counts;
    histogram->capacity = capacity;
    return true;
}

/* Makes the window hold low to high as well. False, and nothing changed, when out of memory. */
static bool
window_cover(struct histogram *histogram, int32_t low, int32_t high)
{
    if (histogram->size > 0) {
        low = MIN(low, histogram->offset);
        high = MAX(high, histogram->offset + (int32_t)histogram->size - 1);
    }
    uint32_t size = (uint32_t)(high - low + 1);
    if (size == histogram->size) {
        return true;
    }
    if (!window_reserve(histogram, size)) {
        return false;
    }
    uint32_t before = histogram->size > 0 ? (uint32_t)(histogram->offset - low) : 0;
    uint32_t after = size - before - histogram->size;
    uint32_t *counts = histogram->counts;
    memmove(counts + before, counts, histogram->size * sizeof(counts[0]));
    memset(counts, 0, before * sizeof(counts[0]));
    memset(counts + size - after, 0, after * sizeof(counts[0]));
    histogram->offset = low;
    histogram->size = size;
    return true;
}

static void
sums_add(struct histogram *into, const struct histogram *from)
{
    into->min = into->count == 0 ? from->min : MIN(into->min, from->min);
    into->max = into->count == 0 ? from->max : MAX(into->max, from->max);
    into->count += from->count;
    into->zero_count += from->zero_count;
    into->sum += from->sum;
    into->sum_of_squares += from->sum_of_squares;
}

bool
histogram_add_times(struct histogram *histogram, double value, uint32_t times)
{
    struct histogram some = {.count = times,
                             .zero_count = value <= 0 ? times : 0,
                             .sum = value * times,
                             .sum_of_squares = value * value * times,
                             .min = value,
                             .max = value};
    if (isnan(value)) {
        return false;
    }
    if (times == 0) {
        return true;
    }
    if (value > 0) {
        int32_t bucket = bucket_of(value);
        if (!window_cover(histogram, bucket, bucket)) {
            return false;
        }
        uint32_t *count = &histogram->counts[bucket - histogram->offset];
        if (*count > UINT32_MAX - times) {
            return false;
        }
        *count += times;
    }
    sums_add(histogram, &some);
    return true;
}

bool
histogram_add(struct histogram *histogram, double value)
{
    return histogram_add_times(histogram, value, 1);
}

/* Whether a bucket of both together would pass what a bucket can count. */
static bool
would_overflow(const struct histogram *into, const struct histogram *from, int32_t shift)
{
    const uint32_t *counts = into->counts + shift;
    uint32_t passed = 0;
    for (uint32_t i = 0; i < from->size; i++) {
        passed |=
            from->counts[i] > UINT32_MAX - counts[i]; /* no early end: the loop is vectorised */
    }
    return passed != 0;
}

bool
histogram_merge(struct histogram *into, const struct histogram *from)
{
    if (from->count == 0) {
        return true;
    }
    if (from->size > 0) {
        int32_t last = from->offset + (int32_t)from->size - 1;
        if (!window_cover(into, from->offset, last)) {
            return false;
        }
        int32_t shift = from->offset - into->offset;
        if (would_overflow(into, from, shift)) {
            return false;
        }
        uint32_t *counts = into->counts + shift;
        for (uint32_t i = 0; i < from->size; i++) {
            counts[i] += from->counts[i];
        }
    }
    sums_add(into, from);
    return true;
}

/* The middle of the bucket that holds the rank-th smallest value (from 1). */
static double
value_at_rank(const struct histogram *histogram, uint64_t rank)
{
    uint64_t seen = histogram->zero_count;
    if (rank <= seen) {
        return 0;
    }
    for (uint32_t i = 0; i < histogram->size; i++) {
        seen += histogram->counts[i];
        if (rank <= seen) {
            return bucket_middle(histogram->offset + (int32_t)i);
        }
    }
    return histogram->max;
}

double
histogram_quantile(const struct histogram *histogram, double q)
{
    if (histogram->count == 0 || isnan(q)) {
        return (double)NAN;
    }
    if (q <= 0) {
        return histogram->min;
    }
    /* 0.07 * 100 is a little more than 7 in doubles; the rank is 7 all the same. */
    double rank = ceil(MIN(q, 1.0) * (double)histogram->count * (1 - 4 * DBL_EPSILON));
    if (rank >= (double)histogram->count) {
        return histogram->max;
    }
    double value = value_at_rank(histogram, (uint64_t)MAX(rank, 1.0));
    return CLAMP(value, histogram->min, histogram->max);
}

bool
histogram_quantile_known(const struct histogram *histogram, double q)
{
    /* 1 - q of the nearest double to 0.99 is a little more or less than 0.01: let 100 values be
     * enough. */
    return (double)histogram->count * (1 - q) >= 1 - 1e-9;
}

double
histogram_share(const struct histogram *histogram, double value)
{
    if (histogram->count == 0 || isnan(value)) {
        return (double)NAN;
    }
    if (value >= histogram->max || value < histogram->min) {
        return value >= histogram->max;
    }
    uint64_t not_greater = histogram->zero_count;
    int64_t last = value > 0 ? (int64_t)bucket_of(value) - histogram->offset : -1;
    for (int64_t i = 0; i <= last && i < histogram->size; i++) {
        not_greater += histogram->counts[i];
    }
    return (double)not_greater / (double)histogram->count;
}

double
histogram_mean(const struct histogram *histogram)
{
    return histogram->count == 0 ? (double)NAN : histogram->sum / (double)histogram->count;
}

double
histogram_stddev(const struct histogram *histogram)
{
    if (histogram->count == 0) {
        return (double)NAN;
    }
    double n = (double)histogram->count;
    double mean = histogram->sum / n;
    /* The difference of two large numbers may fall below zero by rounding. */
    double variance = histogram->sum_of_squares / n - mean * mean;
    return variance > 0 ? sqrt(variance) : variance <= 0 ? 0 : variance;
}

static uint32_t
buckets_used(const struct histogram *histogram)
{
    uint32_t used = 0;
    for (uint32_t i = 0; i < histogram->size; i++) {
        used += histogram->counts[i] != 0;
    }
    return used;
}

void
histogram_put(const struct histogram *histogram, struct buf *out)
{
    const double sums[SUMS] = {histogram->sum, histogram->sum_of_squares, histogram->min,
                               histogram->max};
    int32_t next = BUCKET_MIN;
    buf_put_varint(out, histogram->zero_count);
    buf_put_varint(out, buckets_used(histogram));
    for (uint32_t i = 0; i < histogram->size; i++) {
        int32_t bucket = histogram->offset + (int32_t)i;
        if (histogram->counts[i] != 0) {
            buf_put_varint(out, (uint64_t)(bucket - next));
            buf_put_varint(out, histogram->counts[i]);
            next = bucket + 1;
        }
    }
    codec_put_column(out, sums, SUMS);
}

/* Reads the buckets into a histogram that has none yet. */
static bool
get_buckets(struct histogram *histogram, uint64_t used, const uint8_t **p, const uint8_t *end)
{
    int32_t next = BUCKET_MIN;
    for (; used > 0; used--) {
        uint64_t gap, count;
        if (!codec_get_varint(p, end, &gap) || !codec_get_varint(p, end, &count) || count == 0 ||
            count > UINT32_MAX || next > BUCKET_MAX || gap > (uint64_t)(BUCKET_MAX - next)) {
            return false;
        }
        int32_t bucket = next + (int32_t)gap;
        if (!window_cover(histogram, bucket, bucket)) {
            return false;
        }
        histogram->counts[bucket - histogram->offset] = (uint32_t)count;
        histogram->count += count;
        next = bucket + 1;
    }
    return true;
}

static bool
get_sums(struct histogram *histogram, const uint8_t *p, const uint8_t *end)
{
    double sums[SUMS];
    if (!codec_get_column(p, (size_t)(end - p), sums, SUMS)) {
        return false;
    }
    if (histogram->count == 0) {
        return true;
    }
    histogram->sum = sums[0];
    histogram->sum_of_squares = sums[1];
    histogram->min = sums[2];
    histogram->max = sums[3];
    return histogram->min <= histogram->max;
}

static bool
get_all(struct histogram *histogram, const uint8_t *p, const uint8_t *end)
{
    uint64_t zeros, used;
    if (!codec_get_varint(&p, end, &zeros) || !codec_get_varint(&p, end, &used) ||
        !get_buckets(histogram, used, &p, end) || zeros > UINT64_MAX - histogram->count) {
        return false;
    }
    histogram->zero_count = zeros;
    histogram->count += zeros;
    return get_sums(histogram, p, end);
}

bool
histogram_get(struct histogram *histogram, const uint8_t *bytes, size_t size)
{
    struct histogram got;
    histogram_init(&got);
    if (!get_all(&got, bytes, bytes + size)) {
        histogram_done(&got);
        return false;
    }
    histogram_done(histogram);
    *histogram = got;
    return true;
}
