/* OTLP's metrics in protobuf (opentelemetry/proto/metrics/v1/metrics.proto). */
#include "flametop/base/macros.h"
#include "otlp_point.h"

/* What a point's fields are called by shape: 0 is no field. */
static const struct shape {
    uint32_t field; /* in a metric */
    enum point_shape shape;
    uint32_t attributes, value_double, value_integer, count, sum, counts, bounds, min, max;
    uint32_t scale, zero_count, positive, negative, quantiles;
} shapes[] = {
    {.field = 5, .shape = POINT_GAUGE, .attributes = 7, .value_double = 4, .value_integer = 6},
    {.field = 7, .shape = POINT_SUM, .attributes = 7, .value_double = 4, .value_integer = 6},
    {.field = 9,
     .shape = POINT_HISTOGRAM,
     .attributes = 9,
     .count = 4,
     .sum = 5,
     .counts = 6,
     .bounds = 7,
     .min = 11,
     .max = 12},
    {.field = 10,
     .shape = POINT_EXPONENTIAL,
     .attributes = 1,
     .count = 4,
     .sum = 5,
     .scale = 6,
     .zero_count = 7,
     .positive = 8,
     .negative = 9,
     .min = 12,
     .max = 13},
    {.field = 11, .shape = POINT_SUMMARY, .attributes = 7, .count = 4, .sum = 5, .quantiles = 6},
};

/* One data point, its metric and what its fields mean: otlp_each hands on the decoder alone. */
struct points {
    struct decoder decoder; /* first: each() gets its address */
    struct point_metric metric;
    const struct shape *shape;
};

/* The numbers of a repeated field of 64 bits or of varints. */
static void
add_counts(struct decoder *decoder, struct protobuf_field *field, enum protobuf_wire wire,
           struct point_counts *counts)
{
    uint64_t number;
    if (counts->list == NULL) {
        counts->list = arena_news(&decoder->inner, uint64_t, POINT_BUCKETS_MAX);
    }
    while (counts->list != NULL && protobuf_number(field, wire, &number)) {
        if (counts->count < POINT_BUCKETS_MAX) {
            counts->list[counts->count++] = number;
        }
    }
}

static void
add_number(struct decoder *decoder, struct point_numbers *numbers, double number)
{
    if (numbers->list == NULL) {
        numbers->list = arena_news(&decoder->inner, double, POINT_BUCKETS_MAX);
    }
    if (numbers->list != NULL && numbers->count < POINT_BUCKETS_MAX) {
        numbers->list[numbers->count++] = number;
    }
}

static void
take_exponential(struct decoder *decoder, struct str message, struct point_counts *counts)
{
    struct protobuf_field field;
    while (protobuf_next(&message, &field)) {
        if (protobuf_is(&field, 1, PROTOBUF_VARINT)) {
            counts->offset = (int32_t)protobuf_zigzag(field.value);
        } else if (field.number == 2) {
            add_counts(decoder, &field, PROTOBUF_VARINT, counts);
        }
    }
}

static void
take_quantile(struct decoder *decoder, struct str message, struct point *point)
{
    struct protobuf_field field;
    double quantile = 0, value = 0; /* a zero is not written */
    while (protobuf_next(&message, &field)) {
        if (protobuf_is(&field, 1, PROTOBUF_64)) {
            quantile = protobuf_double(field.value);
        } else if (protobuf_is(&field, 2, PROTOBUF_64)) {
            value = protobuf_double(field.value);
        }
    }
    add_number(decoder, &point->quantiles, quantile);
    add_number(decoder, &point->values, value);
}

static void
take_repeated(struct decoder *decoder, const struct shape *shape, struct protobuf_field *field,
              struct point *point)
{
    uint64_t bits;
    if (field->number == shape->counts) {
        add_counts(decoder, field, PROTOBUF_64, &point->counts);
    } else if (field->number == shape->bounds) {
        while (protobuf_number(field, PROTOBUF_64, &bits)) {
            add_number(decoder, &point->bounds, protobuf_double(bits));
        }
    } else if (field->wire != PROTOBUF_BYTES) {
        return;
    } else if (field->number == shape->positive) {
        take_exponential(decoder, field->bytes, &point->counts);
    } else if (field->number == shape->negative) {
        take_exponential(decoder, field->bytes, &point->negative);
    } else if (field->number == shape->quantiles) {
        take_quantile(decoder, field->bytes, point);
    }
}

/* Of 64 bits. */
static void
take_fixed(const struct shape *shape, const struct protobuf_field *field, struct point *point)
{
    double *const to[] = {&point->value, &point->sum, &point->min, &point->max};
    const uint32_t numbers[] = {shape->value_double, shape->sum, shape->min, shape->max};
    for (size_t i = 0; i < ARRAY_SIZE(to); i++) {
        if (field->number == numbers[i]) {
            *to[i] = protobuf_double(field->value);
        }
    }
    if (field->number == 2) {
        point->start_ns = otlp_time(field->value);
    } else if (field->number == 3) {
        point->time_ns = otlp_time(field->value);
    } else if (field->number == shape->value_integer) {
        point->value = (double)(int64_t)field->value;
    } else if (field->number == shape->count) {
        point->count = field->value;
    } else if (field->number == shape->zero_count) {
        point->zero_count = field->value;
    }
}

static bool
take_point(struct decoder *decoder, struct str message)
{
    struct points *points = (struct points *)(void *)decoder;
    const struct shape *shape = points->shape;
    struct protobuf_field field;
    struct point point;
    size_t tags = 0;
    point_init(decoder, &point);
    for (struct str rest = message; protobuf_next(&rest, &field);) {
        tags += field.number == shape->attributes;
        bool list = field.number == shape->counts || field.number == shape->bounds;
        if (list || field.wire == PROTOBUF_BYTES) {
            take_repeated(decoder, shape, &field, &point);
        } else if (field.wire == PROTOBUF_64) {
            take_fixed(shape, &field, &point);
        } else if (protobuf_is(&field, shape->scale, PROTOBUF_VARINT)) {
            point.scale = (int32_t)protobuf_zigzag(field.value);
        }
    }
    point.tags = otlp_attributes(decoder, &decoder->inner, message, shape->attributes, tags,
                                 &point.tag_count);
    point_deliver(decoder, &points->metric, &point);
    return true;
}

/* The Gauge, Sum, Histogram ... of a metric: what is said of all points stands behind them. */
static bool
take_data(struct points *points, struct str message)
{
    struct protobuf_field field;
    points->metric.temporality = TEMPORALITY_UNSET;
    points->metric.monotonic = false;
    for (struct str rest = message; protobuf_next(&rest, &field);) {
        if (protobuf_is(&field, 2, PROTOBUF_VARINT)) {
            points->metric.temporality = (enum point_temporality)MIN(field.value, UINT64_C(2));
        } else if (protobuf_is(&field, 3, PROTOBUF_VARINT)) {
            points->metric.monotonic = field.value != 0;
        }
    }
    return otlp_each(&points->decoder, message, 1, take_point);
}

static bool
take_metric(struct decoder *decoder, struct str message)
{
    struct points *points = (struct points *)(void *)decoder;
    struct protobuf_field field;
    bool good = true;
    points->metric =
        (struct point_metric){.name = {"", 0}, .unit = {"", 0}, .description = {"", 0}};
    /* By the numbers of their fields. */
    struct str *const texts[] = {NULL, &points->metric.name, &points->metric.description,
                                 &points->metric.unit};
    for (struct str rest = message; protobuf_next(&rest, &field);) {
        if (field.wire == PROTOBUF_BYTES && field.number < ARRAY_SIZE(texts)) {
            *texts[field.number] = field.bytes;
        }
    }
    while (good && protobuf_next(&message, &field)) {
        for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
            if (protobuf_is(&field, shapes[i].field, PROTOBUF_BYTES)) {
                points->shape = &shapes[i];
                points->metric.shape = shapes[i].shape;
                good = take_data(points, field.bytes);
            }
        }
    }
    return good && (message.n == 0 || decoder_fail(decoder, "a field of a metric is damaged"));
}

static bool
take_scope_metrics(struct decoder *decoder, struct str message)
{
    otlp_scope(decoder, message);
    return otlp_each(decoder, message, 2, take_metric);
}

static bool
take_resource_metrics(struct decoder *decoder, struct str message)
{
    otlp_resource(decoder, message);
    return otlp_each(decoder, message, 2, take_scope_metrics);
}

bool
otlp_metrics_read(struct str body, const struct span_sink *sink, struct delivery *delivery)
{
    struct points points = {0};
    decoder_init(&points.decoder, sink, delivery);
    bool good = otlp_each(&points.decoder, body, 1, take_resource_metrics);
    decoder_done(&points.decoder);
    return good;
}
