/* Folding onto the tick. Counters begin at zero with the first tick that knows them, so that what
 * came before it is seen as a rate in the next. */
#include "fold.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/hash.h"
#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "flametop/core/histogram.h"

#define LABELS_BYTES 512
#define KEY_BYTES 64
#define VALUE_BYTES 128
#define BOUNDS_MAX 1024
#define SPREAD 8                   /* values that stand for what is in a bucket */
#define STREAM_NS (900 * NS_PER_S) /* a stream that is silent for longer makes way */
#define RENAMED "custom."          /* in front of a name that is taken */

/* How a series is folded. */
enum fold_shape { SHAPE_GAUGE, SHAPE_COUNTER, SHAPE_HISTOGRAM, SHAPE_SET };

static const struct {
    const char *label;
    double quantile;
} quantiles[] = {{"0.5", 0.5}, {"0.95", 0.95}, {"0.99", 0.99}};

#define QUANTILES ARRAY_SIZE(quantiles)

struct series_state {
    struct series_state *next;
    enum fold_shape shape;
    const struct metric *metric, *count_metric, *sum_metric;
    char labels[LABELS_BYTES];
    int column, count_column, sum_column, quantile_columns[QUANTILES];
    double scale;
    double value;               /* of a gauge */
    double total, sum;          /* of a counter; of a histogram's observations, and their sum */
    struct histogram histogram; /* of this tick */
    struct map members;         /* of this tick */
    int64_t heard_ns;
};

struct stream {
    struct series_state *series;
    int64_t heard_ns, start_ns;
    double value, sum;
    uint64_t count;
    uint64_t *counts; /* of the buckets, in their order; NULL: none yet */
    size_t bucket_count;
    uint64_t shape; /* hash of the buckets' bounds */
};

struct fold {
    struct catalog *catalog;
    int64_t since_ns;
    struct map streams;    /* what a sender says → stream */
    struct map by_labels;  /* metric and labels → series */
    struct map per_metric; /* metric → how many series it has */
    struct series_state *first, **end;
    size_t series_count;
    int64_t swept_ns;
};

struct fold *
fold_new(struct catalog *catalog, int64_t since_ns)
{
    struct fold *fold = calloc(1, sizeof(*fold));
    if (fold != NULL) {
        fold->catalog = catalog;
        fold->since_ns = since_ns;
        fold->end = &fold->first;
        map_init(&fold->streams, FOLD_STREAMS_MAX);
        map_init(&fold->by_labels, FOLD_SERIES_MAX);
        map_init(&fold->per_metric, FOLD_SERIES_MAX);
    }
    return fold;
}

static void
stream_free(struct stream *stream)
{
    free(stream->counts);
    free(stream);
}

void
fold_free(struct fold *fold)
{
    size_t at = 0;
    uint64_t key;
    struct stream *stream;
    if (fold == NULL) {
        return;
    }
    while ((stream = map_next(&fold->streams, &at, &key)) != NULL) {
        stream_free(stream);
    }
    while (fold->first != NULL) {
        struct series_state *series = fold->first;
        fold->first = series->next;
        histogram_done(&series->histogram);
        map_done(&series->members);
        free(series);
    }
    map_done(&fold->streams);
    map_done(&fold->by_labels);
    map_done(&fold->per_metric);
    free(fold);
}

size_t
fold_series_count(const struct fold *fold)
{
    return fold->series_count;
}

/* ---- labels ---- */

struct label {
    char key[KEY_BYTES], value[VALUE_BYTES];
};

/* What identifies a request is an example of it, never a series of its own. */
static bool
is_identity(const char *key)
{
    static const char *const keys[] = {"request_id", "trace_id",   "span_id",  "traceid",
                                       "spanid",     "request.id", "trace.id", "span.id"};
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        if (strcmp(key, keys[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void
value_text(const struct span_attribute *tag, char dst[VALUE_BYTES])
{
    switch (tag->type) {
    case SPAN_BOOL:
        str_copy(tag->integer != 0 ? STR("true") : STR("false"), dst, VALUE_BYTES);
        break;
    case SPAN_INTEGER:
        snprintf(dst, VALUE_BYTES, "%lld", (long long)tag->integer);
        break;
    case SPAN_REAL:
        snprintf(dst, VALUE_BYTES, "%.9g", tag->real);
        break;
    case SPAN_BYTES:
        dst[0] = '\0';
        break;
    default:
        utf8_clean(tag->text, dst, VALUE_BYTES);
    }
}

static int
compare_labels(const void *a, const void *b)
{
    return strcmp(((const struct label *)a)->key, ((const struct label *)b)->key);
}

/* At most FOLD_LABELS_MAX of the tags, by their keys, after the service. */
static void
write_labels(const struct measurement *reading, char labels[LABELS_BYTES], char keys[LABELS_BYTES])
{
    struct label list[FOLD_LABELS_MAX];
    size_t n = 0, wrote = 0;
    labels[0] = keys[0] = '\0';
    if (reading->resource != NULL && reading->resource->service.n > 0) {
        char service[VALUE_BYTES];
        utf8_clean(reading->resource->service, service, sizeof(service));
        labels_add(labels, LABELS_BYTES, "service", str_from(service));
        wrote = (size_t)snprintf(keys, LABELS_BYTES, "service");
    }
    for (size_t i = 0; i < reading->tag_count && n < FOLD_LABELS_MAX; i++) {
        char name[FOLD_NAME_BYTES];
        if (!fold_name(reading->tags[i].key, name) || is_identity(name)) {
            continue;
        }
        str_copy(str_from(name), list[n].key, KEY_BYTES);
        value_text(&reading->tags[i], list[n].value);
        n += list[n].value[0] != '\0';
    }
    qsort(list, n, sizeof(list[0]), compare_labels);
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && strcmp(list[i].key, list[i - 1].key) == 0) {
            continue;
        }
        labels_add(labels, LABELS_BYTES, list[i].key, str_from(list[i].value));
        int more =
            snprintf(keys + wrote, LABELS_BYTES - wrote, "%s%s", wrote > 0 ? " " : "", list[i].key);
        wrote = MIN(wrote + (size_t)MAX(more, 0), (size_t)LABELS_BYTES - 1);
    }
}

/* ---- series ---- */

static enum fold_shape
shape_of(enum reading_kind kind)
{
    switch (kind) {
    case READING_COUNT:
    case READING_TOTAL:
        return SHAPE_COUNTER;
    case READING_TIME:
    case READING_HISTOGRAM:
    case READING_HISTOGRAMS:
        return SHAPE_HISTOGRAM;
    case READING_MEMBER:
        return SHAPE_SET;
    default:
        return SHAPE_GAUGE;
    }
}

static const struct metric *
define(struct fold *fold, const char *name, const char *unit, const char *labels, const char *text,
       enum metric_kind kind, enum metric_fold how)
{
    struct metric like = {
        .name = name, .unit = unit, .labels = labels, .text = text, .kind = kind, .fold = how};
    const struct metric *metric = catalog_define(fold->catalog, &like);
    bool ours = metric != NULL && metric->defined && metric->kind == kind;
    if (!ours && strncmp(name, RENAMED, strlen(RENAMED)) != 0) { /* the name means another thing */
        char other[FOLD_NAME_BYTES + sizeof(RENAMED)];
        snprintf(other, sizeof(other), RENAMED "%s", name);
        return define(fold, other, unit, labels, text, kind, how);
    }
    return ours ? metric : NULL;
}

static bool
define_all(struct fold *fold, struct series_state *series, const struct measurement *reading,
           const char *name, const char *keys)
{
    char text[200], unit[32], other[FOLD_NAME_BYTES + 8], with_quantile[LABELS_BYTES + 16];
    fold_unit(reading->unit, unit, sizeof(unit), &series->scale);
    bool level = strcmp(unit, "1") == 0 || strcmp(unit, "Cel") == 0 || strcmp(unit, "Hz") == 0;
    utf8_clean(reading->description.n > 0 ? reading->description : STR("Sent from outside."), text,
               sizeof(text));
    if (series->shape != SHAPE_HISTOGRAM) {
        bool counter = series->shape == SHAPE_COUNTER;
        series->metric = define(fold, name, series->shape == SHAPE_SET ? "" : unit, keys, text,
                                counter ? METRIC_COUNTER : METRIC_GAUGE,
                                level && !counter ? FOLD_MAX : FOLD_SUM);
        return series->metric != NULL;
    }
    snprintf(with_quantile, sizeof(with_quantile), "%s%squantile", keys, keys[0] != 0 ? " " : "");
    series->metric = define(fold, name, unit, with_quantile, text, METRIC_GAUGE, FOLD_MAX);
    snprintf(other, sizeof(other), "%s.count", name);
    series->count_metric =
        define(fold, other, "", keys, "How many of these values came.", METRIC_COUNTER, FOLD_SUM);
    snprintf(other, sizeof(other), "%s.sum", name);
    series->sum_metric =
        define(fold, other, unit, keys, "The sum of these values.", METRIC_COUNTER, FOLD_SUM);
    return series->metric != NULL && series->count_metric != NULL && series->sum_metric != NULL;
}

static struct series_state *
new_series(struct fold *fold, const struct measurement *reading, enum fold_shape shape,
           const char *name, const char *labels, const char *keys, uint64_t key)
{
    uint64_t of_metric = hash_text(name);
    uintptr_t many = (uintptr_t)map_get(&fold->per_metric, of_metric);
    if (fold->series_count == FOLD_SERIES_MAX || many >= FOLD_METRIC_SERIES_MAX) {
        return NULL;
    }
    struct series_state *series = calloc(1, sizeof(*series));
    if (series == NULL) {
        return NULL;
    }
    series->shape = shape;
    str_copy(str_from(labels), series->labels, sizeof(series->labels));
    histogram_init(&series->histogram);
    map_init(&series->members, FOLD_MEMBERS_MAX);
    series->column = series->count_column = series->sum_column = -2; /* not registered yet */
    if (!define_all(fold, series, reading, name, keys) || !map_put(&fold->by_labels, key, series)) {
        map_done(&series->members);
        free(series);
        return NULL;
    }
    map_put(&fold->per_metric, of_metric, (void *)(many + 1));
    *fold->end = series;
    fold->end = &series->next;
    fold->series_count++;
    return series;
}

static struct series_state *
series_of(struct fold *fold, const struct measurement *reading, enum fold_shape shape)
{
    char name[FOLD_NAME_BYTES], labels[LABELS_BYTES], keys[LABELS_BYTES];
    if (!fold_name(reading->name, name)) {
        return NULL;
    }
    write_labels(reading, labels, keys);
    uint64_t key = hash_mix(hash_mix(hash_text(name), hash_text(labels)), (uint64_t)shape);
    struct series_state *series = map_get(&fold->by_labels, key);
    return series != NULL ? series : new_series(fold, reading, shape, name, labels, keys, key);
}

/* ---- streams ---- */

static uint64_t
hash_str(uint64_t hash, struct str text)
{
    return hash_mix(hash, hash_bytes(text.p, text.n));
}

static uint64_t
hash_attributes(uint64_t hash, const struct span_attribute *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        hash = hash_str(hash_str(hash, list[i].key), list[i].text);
        hash = hash_mix(hash, (uint64_t)list[i].integer);
    }
    return hash;
}

static uint64_t
stream_key(const struct measurement *reading, enum fold_shape shape)
{
    uint64_t hash = hash_str((uint64_t)shape, reading->name);
    hash = hash_attributes(hash, reading->tags, reading->tag_count);
    if (reading->resource != NULL) {
        hash = hash_str(hash, reading->resource->service);
        hash = hash_attributes(hash, reading->resource->attributes,
                               reading->resource->attribute_count);
    }
    return hash;
}

/* Streams that were silent for long make way. */
static void
sweep(struct fold *fold, int64_t mono_ns)
{
    uint64_t keys[256], key;
    size_t at = 0, n = 0;
    struct stream *stream;
    if (mono_ns - fold->swept_ns < NS_PER_S && fold->swept_ns != 0) {
        return;
    }
    fold->swept_ns = mono_ns;
    while (n < ARRAY_SIZE(keys) && (stream = map_next(&fold->streams, &at, &key)) != NULL) {
        if (mono_ns - stream->heard_ns > STREAM_NS) {
            keys[n++] = key;
        }
    }
    for (size_t i = 0; i < n; i++) {
        stream_free(map_remove(&fold->streams, keys[i]));
    }
}

static struct stream *
stream_of(struct fold *fold, const struct measurement *reading, int64_t mono_ns)
{
    enum fold_shape shape = shape_of(reading->kind);
    uint64_t key = stream_key(reading, shape);
    struct stream *stream = map_get(&fold->streams, key);
    if (stream != NULL) {
        return stream;
    }
    if (fold->streams.count == FOLD_STREAMS_MAX) {
        sweep(fold, mono_ns);
    }
    struct series_state *series = series_of(fold, reading, shape);
    stream = series != NULL ? calloc(1, sizeof(*stream)) : NULL;
    if (stream == NULL) {
        return NULL;
    }
    stream->series = series;
    stream->start_ns = -1; /* nothing was said yet */
    if (!map_put(&fold->streams, key, stream)) {
        stream_free(stream);
        return NULL;
    }
    return stream;
}

/* ---- readings ---- */

/* Whether what a stream counts began anew; `first`: it was never heard, and counts from zero only
 * when it began while we listened. */
static bool
begins_anew(const struct fold *fold, struct stream *stream, const struct measurement *reading,
            bool *ret_first)
{
    *ret_first = stream->start_ns == -1;
    bool anew = *ret_first ? reading->start_ns > fold->since_ns
                           : reading->start_ns != 0 && reading->start_ns != stream->start_ns;
    stream->start_ns = reading->start_ns;
    return anew;
}

static void
take_total(struct fold *fold, struct stream *stream, const struct measurement *reading)
{
    bool first;
    bool anew = begins_anew(fold, stream, reading, &first);
    double value = reading->value * stream->series->scale, more = value - stream->value;
    if (anew || (!first && more < 0)) {
        more = value;
    } else if (first) { /* counted before we listened: our count begins here */
        more = 0;
    }
    stream->series->total += MAX(more, 0.0);
    stream->value = value;
}

/* Spreads what is in a bucket over it: its ends where they are known. */
static void
add_bucket(struct series_state *series, const struct reading_bucket *bucket, uint64_t count)
{
    double low = isfinite(bucket->low) ? bucket->low : MIN(bucket->high, 0.0);
    double high = isfinite(bucket->high) ? bucket->high : low;
    uint64_t parts = MIN(count, (uint64_t)SPREAD), before = 0;
    for (uint64_t i = 0; i < parts; i++) {
        double at = low + (high - low) * ((double)i + 0.5) / (double)parts;
        uint64_t until = count / parts * (i + 1) + MIN(i + 1, count % parts);
        histogram_add_times(&series->histogram, at * series->scale,
                            (uint32_t)MIN(until - before, (uint64_t)UINT32_MAX));
        before = until;
    }
}

static uint64_t
hash_bounds(const struct measurement *reading)
{
    uint64_t hash = reading->bucket_count;
    for (size_t i = 0; i < reading->bucket_count; i++) {
        hash = hash_mix(hash, hash_bytes(&reading->buckets[i].high, sizeof(double)));
        hash = hash_mix(hash, hash_bytes(&reading->buckets[i].low, sizeof(double)));
    }
    return hash;
}

static bool
keep_counts(struct stream *stream, const struct measurement *reading, uint64_t bounds)
{
    if (stream->bucket_count != reading->bucket_count) {
        uint64_t *counts = realloc(stream->counts, (reading->bucket_count + 1) * sizeof(*counts));
        if (counts == NULL) {
            return false;
        }
        stream->counts = counts;
        stream->bucket_count = reading->bucket_count;
    }
    for (size_t i = 0; i < reading->bucket_count; i++) {
        stream->counts[i] = reading->buckets[i].count;
    }
    stream->shape = bounds;
    stream->count = reading->count;
    stream->sum = isnan(reading->sum) ? 0 : reading->sum;
    return true;
}

/* What came since the last one: bucket by bucket, where the buckets are the same. */
static bool
take_buckets_since(struct fold *fold, struct stream *stream, const struct measurement *reading)
{
    struct series_state *series = stream->series;
    uint64_t bounds = hash_bounds(reading);
    bool first;
    bool anew =
        begins_anew(fold, stream, reading, &first) || (!first && reading->count < stream->count);
    bool same = !first && !anew && bounds == stream->shape;
    bool lost = !anew && !same; /* nothing to subtract, and it did not begin now */
    for (size_t i = 0; i < reading->bucket_count && !lost; i++) {
        uint64_t before = same ? stream->counts[i] : 0, now = reading->buckets[i].count;
        add_bucket(series, &reading->buckets[i], now > before ? now - before : 0);
    }
    if (!first || anew) {
        uint64_t before = anew ? 0 : stream->count;
        double sum = isnan(reading->sum) ? 0 : reading->sum;
        series->total += (double)(reading->count - MIN(before, reading->count));
        series->sum += MAX(sum - (anew ? 0 : stream->sum), 0.0) * series->scale;
    }
    return keep_counts(stream, reading, bounds);
}

static void
take_buckets(struct series_state *series, const struct measurement *reading)
{
    for (size_t i = 0; i < reading->bucket_count; i++) {
        add_bucket(series, &reading->buckets[i], reading->buckets[i].count);
    }
    series->total += (double)reading->count;
    series->sum += isnan(reading->sum) ? 0 : MAX(reading->sum, 0.0) * series->scale;
}

static void
take_time(struct series_state *series, const struct measurement *reading)
{
    double value = reading->value * series->scale, weight = MAX(reading->weight, 1.0);
    uint64_t many = (uint64_t)MIN(weight + 0.5, 1e6);
    histogram_add_times(&series->histogram, value, (uint32_t)many);
    series->total += weight;
    series->sum += MAX(value, 0.0) * weight;
}

static bool
take(struct fold *fold, struct stream *stream, const struct measurement *reading)
{
    struct series_state *series = stream->series;
    switch (reading->kind) {
    case READING_GAUGE:
        series->value = reading->value * series->scale;
        return true;
    case READING_ADD:
        series->value += reading->value * series->scale;
        return true;
    case READING_COUNT:
        series->total += MAX(reading->value, 0.0) * MAX(reading->weight, 1.0) * series->scale;
        return true;
    case READING_TOTAL:
        take_total(fold, stream, reading);
        return true;
    case READING_TIME:
        take_time(series, reading);
        return true;
    case READING_MEMBER: /* what there is no room for was there all the same: nothing to report */
        map_put(&series->members, hash_bytes(reading->text.p, reading->text.n), series);
        return true;
    case READING_HISTOGRAM:
        take_buckets(series, reading);
        return true;
    case READING_HISTOGRAMS:
        return take_buckets_since(fold, stream, reading);
    }
    return false;
}

static bool
is_number(const struct measurement *reading)
{
    bool counted = reading->kind == READING_MEMBER || reading->kind == READING_HISTOGRAM ||
                   reading->kind == READING_HISTOGRAMS;
    return counted ? reading->bucket_count <= 2 * BOUNDS_MAX + 1 : isfinite(reading->value);
}

bool
fold_reading(struct fold *fold, const struct measurement *reading, int64_t mono_ns)
{
    struct stream *stream = is_number(reading) ? stream_of(fold, reading, mono_ns) : NULL;
    if (stream == NULL || !take(fold, stream, reading)) {
        return false;
    }
    stream->heard_ns = stream->series->heard_ns = mono_ns;
    return true;
}

/* ---- the tick ---- */

static void
put_histogram(struct series_state *series, struct batch *batch)
{
    bool first = series->count_column == -2;
    if (first) {
        series->count_column = batch_column(batch, series->count_metric, series->labels);
        series->sum_column = batch_column(batch, series->sum_metric, series->labels);
        for (size_t i = 0; i < QUANTILES; i++) {
            char labels[LABELS_BYTES + 32];
            str_copy(str_from(series->labels), labels, sizeof(labels));
            labels_add(labels, sizeof(labels), "quantile", str_from(quantiles[i].label));
            series->quantile_columns[i] = batch_column(batch, series->metric, labels);
        }
    }
    batch_set(batch, series->count_column, first ? 0 : series->total);
    batch_set(batch, series->sum_column, first ? 0 : series->sum);
    for (size_t i = 0; i < QUANTILES && series->histogram.count > 0; i++) {
        batch_set(batch, series->quantile_columns[i],
                  histogram_quantile(&series->histogram, quantiles[i].quantile));
    }
    histogram_clear(&series->histogram);
}

static void
put_series(struct series_state *series, struct batch *batch)
{
    double value = series->shape == SHAPE_COUNTER ? series->total
                   : series->shape == SHAPE_SET   ? (double)series->members.count
                                                  : series->value;
    bool old = batch->at.mono_ns - series->heard_ns > FOLD_GAUGE_NS;
    if (series->shape == SHAPE_HISTOGRAM) {
        put_histogram(series, batch);
        return;
    }
    bool first = series->column == -2;
    if (first) {
        series->column = batch_column(batch, series->metric, series->labels);
    }
    if (series->shape == SHAPE_COUNTER || !old) {
        batch_set(batch, series->column, first && series->shape == SHAPE_COUNTER ? 0 : value);
    }
    map_clear(&series->members);
}

void
fold_put(struct fold *fold, struct batch *batch)
{
    for (struct series_state *series = fold->first; series != NULL; series = series->next) {
        put_series(series, batch);
    }
    sweep(fold, batch->at.mono_ns);
}
