/* Data points into readings. */
#include "otlp_point.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "flametop/base/json.h"
#include "flametop/base/macros.h"

#define SCALE_MAX 20

void
point_init(struct decoder *decoder, struct point *point)
{
    arena_clear(&decoder->inner);
    *point = (struct point){
        .value = (double)NAN, .sum = (double)NAN, .min = (double)NAN, .max = (double)NAN};
}

static struct measurement
reading_of(const struct decoder *decoder, const struct point_metric *metric,
           const struct point *point)
{
    return (struct measurement){.name = metric->name,
                                .unit = metric->unit,
                                .description = metric->description,
                                .text = {"", 0},
                                .tags = point->tags,
                                .tag_count = point->tag_count,
                                .resource = decoder->resource,
                                .value = point->value,
                                .weight = 1,
                                .time_ns = point->time_ns,
                                .start_ns = point->start_ns,
                                .sum = point->sum,
                                .count = point->count};
}

static void
deliver_number(struct decoder *decoder, const struct point_metric *metric,
               const struct point *point)
{
    struct measurement reading = reading_of(decoder, metric, point);
    bool delta = metric->temporality == TEMPORALITY_DELTA;
    reading.kind = metric->shape == POINT_GAUGE ? READING_GAUGE
                   : metric->monotonic          ? (delta ? READING_COUNT : READING_TOTAL)
                                                : (delta ? READING_ADD : READING_GAUGE);
    if (!isnan(point->value)) { /* a point without a value says that there is none now */
        decoder_reading(decoder, &reading);
    }
}

/* The lower end of what the first bucket holds, and the upper end of the last. */
static double
known_or(double value, double otherwise)
{
    return isnan(value) ? otherwise : value;
}

static void
deliver_buckets(struct decoder *decoder, const struct point_metric *metric,
                const struct point *point, const struct reading_bucket *buckets, size_t count)
{
    struct measurement reading = reading_of(decoder, metric, point);
    reading.kind =
        metric->temporality == TEMPORALITY_DELTA ? READING_HISTOGRAM : READING_HISTOGRAMS;
    reading.buckets = buckets;
    reading.bucket_count = count;
    decoder_reading(decoder, &reading);
}

/* Of explicit bounds: (-inf, b0], (b0, b1], ... (bn, inf). Without any there is but one bucket. */
static void
deliver_histogram(struct decoder *decoder, const struct point_metric *metric,
                  const struct point *point)
{
    size_t n = point->counts.count;
    struct reading_bucket *buckets = arena_news(&decoder->inner, struct reading_bucket, n + 1);
    if (buckets == NULL || (n > 0 && n != point->bounds.count + 1)) {
        decoder->delivery->readings++;
        decoder->delivery->refused++;
        return;
    }
    for (size_t i = 0; i < n; i++) {
        buckets[i] = (struct reading_bucket){
            i > 0 ? point->bounds.list[i - 1] : known_or(point->min, -(double)INFINITY),
            i + 1 < n ? point->bounds.list[i] : known_or(point->max, (double)INFINITY),
            point->counts.list[i]};
    }
    deliver_buckets(decoder, metric, point, buckets, n);
}

static void
add_exponential(struct reading_bucket *buckets, size_t *count, const struct point_counts *counts,
                double exponent, double sign)
{
    for (size_t i = 0; i < counts->count; i++) {
        if (counts->list[i] == 0) {
            continue;
        }
        double index = (double)counts->offset + (double)i;
        double low = exp2(index * exponent), high = exp2((index + 1) * exponent);
        buckets[(*count)++] = sign > 0 ? (struct reading_bucket){low, high, counts->list[i]}
                                       : (struct reading_bucket){-high, -low, counts->list[i]};
    }
}

/* Bucket i holds (base^i, base^(i+1)] with base = 2^(2^-scale). */
static void
deliver_exponential(struct decoder *decoder, const struct point_metric *metric,
                    const struct point *point)
{
    size_t room = point->counts.count + point->negative.count + 1, count = 0;
    struct reading_bucket *buckets = arena_news(&decoder->inner, struct reading_bucket, room);
    if (buckets == NULL || point->scale > SCALE_MAX || point->scale < -SCALE_MAX) {
        decoder->delivery->readings++;
        decoder->delivery->refused++;
        return;
    }
    double exponent = exp2((double)-point->scale);
    add_exponential(buckets, &count, &point->negative, exponent, -1);
    if (point->zero_count > 0) {
        buckets[count++] = (struct reading_bucket){0, 0, point->zero_count};
    }
    add_exponential(buckets, &count, &point->counts, exponent, 1);
    deliver_buckets(decoder, metric, point, buckets, count);
}

static struct str
name_with(struct decoder *decoder, struct str name, const char *end)
{
    const char *text =
        arena_printf(&decoder->inner, "%.*s%s", (int)MIN(name.n, (size_t)512), name.p, end);
    return str_from(text);
}

/* Each quantile is a gauge with a tag that says which; count and sum are counters. */
static void
deliver_summary(struct decoder *decoder, const struct point_metric *metric,
                const struct point *point)
{
    struct measurement reading = reading_of(decoder, metric, point);
    size_t n = MIN(point->quantiles.count, point->values.count);
    struct span_attribute *tags =
        arena_news(&decoder->inner, struct span_attribute, point->tag_count + 1);
    if (tags == NULL) {
        return;
    }
    if (point->tag_count > 0) {
        memcpy(tags, point->tags, point->tag_count * sizeof(*tags));
    }
    reading.kind = READING_GAUGE;
    reading.tags = tags;
    reading.tag_count = point->tag_count + 1;
    for (size_t i = 0; i < n; i++) {
        char text[32];
        tags[point->tag_count] = attribute_text(
            STR("quantile"), str_from(json_double_text(point->quantiles.list[i], text)));
        reading.value = point->values.list[i];
        if (!isnan(reading.value)) {
            decoder_reading(decoder, &reading);
        }
    }
    reading.tag_count = point->tag_count;
    reading.kind = READING_TOTAL;
    reading.name = name_with(decoder, metric->name, ".sum");
    reading.value = point->sum;
    if (!isnan(point->sum)) {
        decoder_reading(decoder, &reading);
    }
    reading.name = name_with(decoder, metric->name, ".count");
    reading.unit = (struct str){"", 0};
    reading.value = (double)point->count;
    decoder_reading(decoder, &reading);
}

void
point_deliver(struct decoder *decoder, const struct point_metric *metric, const struct point *point)
{
    switch (metric->shape) {
    case POINT_GAUGE:
    case POINT_SUM:
        deliver_number(decoder, metric, point);
        break;
    case POINT_HISTOGRAM:
        deliver_histogram(decoder, metric, point);
        break;
    case POINT_EXPONENTIAL:
        deliver_exponential(decoder, metric, point);
        break;
    case POINT_SUMMARY:
        deliver_summary(decoder, metric, point);
        break;
    }
}
