/* OTLP's metrics in JSON. What is said of all points of a metric may stand behind them: the place
 * of the points is remembered and they are read last. */
#include "flametop/base/macros.h"
#include "otlp_point.h"

static const struct {
    const char *key;
    enum point_shape shape;
} shapes[] = {{"gauge", POINT_GAUGE},
              {"sum", POINT_SUM},
              {"histogram", POINT_HISTOGRAM},
              {"exponentialHistogram", POINT_EXPONENTIAL},
              {"summary", POINT_SUMMARY}};

/* ---- a point ---- */

/* A list of numbers, in quotes or not. */
static void
take_numbers(struct decoder *decoder, struct json_scan *scan, struct point_numbers *numbers)
{
    enum json_token token;
    if (!json_scan_enter(scan, JSON_ARRAY)) {
        return;
    }
    size_t room = MIN(json_count(*scan), (size_t)POINT_BUCKETS_MAX);
    numbers->list = arena_news(&decoder->inner, double, room + 1);
    numbers->count = 0;
    while ((token = json_scan_next(scan)) != JSON_ARRAY_END && token != JSON_ERROR) {
        struct str text = scan->text;
        bool is_number = token == JSON_NUMBER || token == JSON_STRING;
        if (!is_number) {
            json_scan_skip(scan, token);
        } else if (numbers->list != NULL && numbers->count < room) {
            double value = 0;
            str_double(&text, &value);
            numbers->list[numbers->count++] = value;
        }
    }
}

static void
take_counts(struct decoder *decoder, struct json_scan *scan, struct point_counts *counts)
{
    struct point_numbers numbers = {0};
    take_numbers(decoder, scan, &numbers);
    counts->list = arena_news(&decoder->inner, uint64_t, numbers.count + 1);
    for (size_t i = 0; counts->list != NULL && i < numbers.count; i++) {
        counts->list[i] = (uint64_t)CLAMP(numbers.list[i], 0.0, 1e18);
    }
    counts->count = counts->list != NULL ? numbers.count : 0;
}

/* {"offset": -3, "bucketCounts": ["1", "2"]}. */
static void
take_exponential(struct decoder *decoder, struct json_scan *scan, struct point_counts *counts)
{
    struct str key;
    if (!json_scan_enter(scan, JSON_OBJECT)) {
        return;
    }
    while (json_scan_key(scan, &key)) {
        if (str_is(key, "offset")) {
            json_take_integer(scan, &counts->offset);
        } else if (str_is(key, "bucketCounts")) {
            take_counts(decoder, scan, counts);
        } else {
            json_scan_skip(scan, JSON_KEY);
        }
    }
    counts->offset = CLAMP(counts->offset, (int64_t)INT32_MIN, (int64_t)INT32_MAX);
}

/* [{"quantile": 0.5, "value": 3}]. */
static void
take_quantiles(struct decoder *decoder, struct json_scan *scan, struct point *point)
{
    struct str key;
    if (!json_scan_enter(scan, JSON_ARRAY)) {
        return;
    }
    size_t room = MIN(json_count(*scan), (size_t)POINT_BUCKETS_MAX), n = 0;
    double *quantiles = arena_news(&decoder->inner, double, room + 1);
    double *values = arena_news(&decoder->inner, double, room + 1);
    while (json_next_object(scan)) {
        if (n == room || quantiles == NULL || values == NULL) {
            json_scan_skip(scan, JSON_OBJECT);
            continue;
        }
        while (json_scan_key(scan, &key)) {
            if (str_is(key, "quantile")) {
                json_take_real(scan, &quantiles[n]);
            } else if (str_is(key, "value")) {
                json_take_real(scan, &values[n]);
            } else {
                json_scan_skip(scan, JSON_KEY);
            }
        }
        n++;
    }
    point->quantiles = (struct point_numbers){quantiles, n};
    point->values = (struct point_numbers){values, n};
}

static void
take_count(struct json_scan *scan, uint64_t *count)
{
    int64_t value;
    if (json_take_integer(scan, &value)) {
        *count = (uint64_t)MAX(value, INT64_C(0));
    }
}

/* Single numbers; false when the key is none of them. */
static bool
take_single(struct json_scan *scan, struct str key, struct point *point)
{
    const struct {
        const char *key;
        double *real;
        int64_t *integer;
        uint64_t *count;
    } fields[] = {{"asDouble", &point->value, NULL, NULL},
                  {"asInt", &point->value, NULL, NULL},
                  {"sum", &point->sum, NULL, NULL},
                  {"min", &point->min, NULL, NULL},
                  {"max", &point->max, NULL, NULL},
                  {"timeUnixNano", NULL, &point->time_ns, NULL},
                  {"startTimeUnixNano", NULL, &point->start_ns, NULL},
                  {"scale", NULL, &point->scale, NULL},
                  {"count", NULL, NULL, &point->count},
                  {"zeroCount", NULL, NULL, &point->zero_count}};
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        if (!str_is(key, fields[i].key)) {
            continue;
        }
        if (fields[i].real != NULL) {
            json_take_real(scan, fields[i].real);
        } else if (fields[i].integer != NULL) {
            json_take_integer(scan, fields[i].integer);
        } else {
            take_count(scan, fields[i].count);
        }
        return true;
    }
    return false;
}

static void
take_point(struct decoder *decoder, struct json_scan *scan, const struct point_metric *metric)
{
    struct point point;
    struct str key;
    point_init(decoder, &point);
    while (json_scan_key(scan, &key)) {
        if (take_single(scan, key, &point)) {
            continue;
        }
        if (str_is(key, "attributes")) {
            point.tag_count = otlp_json_attributes(decoder, scan, &decoder->inner, &point.tags);
        } else if (str_is(key, "bucketCounts")) {
            take_counts(decoder, scan, &point.counts);
        } else if (str_is(key, "explicitBounds")) {
            take_numbers(decoder, scan, &point.bounds);
        } else if (str_is(key, "positive")) {
            take_exponential(decoder, scan, &point.counts);
        } else if (str_is(key, "negative")) {
            take_exponential(decoder, scan, &point.negative);
        } else if (str_is(key, "quantileValues")) {
            take_quantiles(decoder, scan, &point);
        } else {
            json_scan_skip(scan, JSON_KEY);
        }
    }
    if (scan->why == NULL) {
        point_deliver(decoder, metric, &point);
    }
}

/* ---- metrics ---- */

/* A copy of the scanner stands before the list of points. */
static void
take_points(struct decoder *decoder, struct json_scan scan, const struct point_metric *metric)
{
    if (!json_scan_enter(&scan, JSON_ARRAY)) {
        return;
    }
    while (json_next_object(&scan)) {
        take_point(decoder, &scan, metric);
    }
}

static enum point_temporality
take_temporality(struct json_scan *scan)
{
    enum json_token token = json_scan_next(scan);
    struct str text = scan->text;
    uint64_t value = 0;
    if (token == JSON_STRING) {
        return str_is(text, "AGGREGATION_TEMPORALITY_DELTA")        ? TEMPORALITY_DELTA
               : str_is(text, "AGGREGATION_TEMPORALITY_CUMULATIVE") ? TEMPORALITY_CUMULATIVE
                                                                    : TEMPORALITY_UNSET;
    }
    if (token != JSON_NUMBER) {
        json_scan_skip(scan, token);
        return TEMPORALITY_UNSET;
    }
    return str_u64(&text, &value) && value <= TEMPORALITY_CUMULATIVE ? (enum point_temporality)value
                                                                     : TEMPORALITY_UNSET;
}

/* The {"dataPoints": [...], "aggregationTemporality": 2, "isMonotonic": true}; the place of the
 * points, or false when there are none. */
static bool
take_data(struct json_scan *scan, struct point_metric *metric, struct json_scan *ret_points)
{
    struct str key;
    bool found = false;
    if (!json_scan_enter(scan, JSON_OBJECT)) {
        return false;
    }
    while (json_scan_key(scan, &key)) {
        if (str_is(key, "dataPoints")) {
            *ret_points = *scan;
            found = json_scan_skip(scan, JSON_KEY);
        } else if (str_is(key, "aggregationTemporality")) {
            metric->temporality = take_temporality(scan);
        } else if (str_is(key, "isMonotonic")) {
            json_take_bool(scan, &metric->monotonic);
        } else {
            json_scan_skip(scan, JSON_KEY);
        }
    }
    return found && scan->why == NULL;
}

static void
take_metric(struct decoder *decoder, struct json_scan *scan)
{
    struct point_metric metric = {.name = {"", 0}, .unit = {"", 0}, .description = {"", 0}};
    struct json_scan points;
    struct str key;
    bool found = false;
    while (json_scan_key(scan, &key)) {
        struct str *text = str_is(key, "name")          ? &metric.name
                           : str_is(key, "unit")        ? &metric.unit
                           : str_is(key, "description") ? &metric.description
                                                        : NULL;
        size_t shape = 0;
        while (shape < ARRAY_SIZE(shapes) && !str_is(key, shapes[shape].key)) {
            shape++;
        }
        if (text != NULL) {
            json_take_text(scan, &decoder->outer, text);
        } else if (shape < ARRAY_SIZE(shapes)) {
            metric.shape = shapes[shape].shape;
            found = take_data(scan, &metric, &points);
        } else {
            json_scan_skip(scan, JSON_KEY);
        }
    }
    if (found && scan->why == NULL) {
        take_points(decoder, points, &metric);
    }
}

static void
take_scope_metrics(struct decoder *decoder, struct json_scan *scan)
{
    static const struct otlp_owner scope_metrics = {
        {"scope", "instrumentationLibrary"}, {"metrics", "metrics"}, otlp_json_scope, take_metric};
    decoder_scope(decoder, (struct str){"", 0});
    otlp_json_owner(decoder, scan, &scope_metrics);
}

static void
take_resource_metrics(struct decoder *decoder, struct json_scan *scan)
{
    static const struct otlp_owner resource_metrics = {
        {"resource", "resource"},
        {"scopeMetrics", "instrumentationLibraryMetrics"},
        otlp_json_resource,
        take_scope_metrics};
    decoder_resource(decoder);
    otlp_json_owner(decoder, scan, &resource_metrics);
}

static bool
take_document(struct decoder *decoder, struct json_scan *scan, void *context)
{
    struct str key;
    (void)context;
    while (json_scan_key(scan, &key)) {
        if (str_is(key, "resourceMetrics")) {
            otlp_json_each(decoder, scan, take_resource_metrics);
        } else {
            json_scan_skip(scan, JSON_KEY);
        }
    }
    return scan->why == NULL;
}

bool
otlp_json_metrics_read(struct str body, const struct span_sink *sink, struct delivery *delivery)
{
    struct decoder decoder;
    decoder_init(&decoder, sink, delivery);
    bool good = json_each(&decoder, body, false, NULL, take_document);
    decoder_done(&decoder);
    return good;
}
