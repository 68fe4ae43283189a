/* The snapshot document: the whole picture as JSON. Its form is described in flametop-snapshot(5).
 *
 * Two readers are served at once. `metrics`, `tables` and `findings` are for people and programs:
 * one value each, named and with a unit. `history` holds the raw readings the screen's charts were
 * made of, tick by tick, so that reading the document back gives the same picture. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/json.h"
#include "flametop/core/format.h"
#include "flametop/export/document.h"
#include "flametop/export/snapshot.h"
#include "reading.h"

#define TICKS_MAX 4096

static const char *const state_names[] = {"ok", "degraded", "buffering", "stale", "failed"};

static void
text_or_null(struct json *json, const char *key, const char *text)
{
    json_key(json, key);
    json_text(json, text != NULL && text[0] != 0 ? text : NULL);
}

static void
number(struct json *json, const char *key, double value)
{
    json_key(json, key);
    json_double(json, value);
}

static void
write_host(struct json *json, const struct host *host)
{
    json_key(json, "host");
    json_object(json);
    text_or_null(json, "name", host->name);
    text_or_null(json, "system", host->system);
    text_or_null(json, "kernel", host->kernel);
    text_or_null(json, "virtualization", host->virtualization);
    json_key(json, "cores");
    json_int(json, host->cores);
    number(json, "core_limit", host->core_limit > 0 ? host->core_limit : NAN);
    number(json, "memory_limit", host->memory_limit > 0 ? host->memory_limit : NAN);
    number(json, "uptime_s", floor(host->uptime_s));
    json_object_end(json);
}

static void
write_evidence(struct json *json, const struct finding *finding)
{
    json_key(json, "evidence");
    json_array(json);
    for (size_t i = 0; i < finding->evidence_count; i++) {
        const struct evidence *evidence = &finding->evidence[i];
        json_object(json);
        json_key(json, "label");
        json_text(json, evidence->label);
        json_key(json, "value");
        json_text(json, evidence->value);
        text_or_null(json, "metric", evidence->metric);
        text_or_null(json, "labels", evidence->labels);
        json_object_end(json);
    }
    json_array_end(json);
}

static void
write_findings(struct json *json, const struct picture *picture)
{
    json_key(json, "findings");
    json_array(json);
    for (size_t i = 0; i < picture->finding_count; i++) {
        const struct finding *finding = &picture->findings[i];
        json_object(json);
        json_key(json, "id");
        json_text(json, finding->id);
        json_key(json, "level");
        json_text(json, level_name(finding->level));
        json_key(json, "impact");
        json_int(json, finding->impact);
        json_key(json, "sentence");
        json_text(json, finding->sentence);
        text_or_null(json, "short_sentence", finding->short_sentence);
        json_key(json, "since");
        json_time(json, finding->since_wall_ns);
        json_key(json, "until");
        if (finding->until_wall_ns != 0) {
            json_time(json, finding->until_wall_ns);
        } else {
            json_null(json);
        }
        text_or_null(json, "culprit", finding->culprit);
        json_key(json, "culprit_pid");
        if (finding->culprit_pid > 0) {
            json_int(json, finding->culprit_pid);
        } else {
            json_null(json);
        }
        text_or_null(json, "advice", finding->advice);
        write_evidence(json, finding);
        json_object_end(json);
    }
    json_array_end(json);
    text_or_null(json, "looked_at", picture->looked_at);
    text_or_null(json, "not_looked_at", picture->not_looked_at);
}

static void
write_reading(void *context, const struct reading *reading)
{
    struct json *json = context;
    char unit[64];
    if (isnan(reading->value)) {
        return;
    }
    json_object(json);
    json_key(json, "name");
    json_text(json, reading->metric->name);
    json_key(json, "labels");
    document_labels(json, reading->labels);
    json_key(json, "value");
    json_double(json, reading->value);
    json_key(json, "unit");
    json_text(json, document_unit(reading->metric, unit, sizeof(unit)));
    json_object_end(json);
}

static void
write_metrics(struct json *json, const struct picture *picture)
{
    json_key(json, "metrics");
    json_array(json);
    readings_each(picture, write_reading, json);
    json_array_end(json);
}

static void
write_table(struct json *json, const struct table *table, const struct format_options *options)
{
    struct document_row *order = calloc(table->count + 1, sizeof(*order));
    if (order == NULL) {
        return;
    }
    size_t count = 0;
    for (size_t i = 0; i < table->count; i++) {
        if (options->wants == NULL ||
            options->wants(options->wants_context, table, table_row(table, i))) {
            order[count++] = (struct document_row){table, i, table->def->sort_column, false};
        }
    }
    document_sort(order, count);
    size_t rows = MIN(count, options->rows_max);
    json_object(json);
    json_key(json, "name");
    json_text(json, table->def->name);
    json_key(json, "total");
    json_uint(json, MAX(table->total, table->count));
    json_key(json, "rows");
    json_uint(json, rows);
    json_key(json, "columns");
    document_columns(json, table, order, rows);
    json_object_end(json);
    free(order);
}

static void
write_sources(struct json *json, const struct picture *picture)
{
    json_key(json, "sources");
    json_array(json);
    for (size_t i = 0; i < picture->track_count; i++) {
        const struct track *track = &picture->tracks[i];
        json_object(json);
        json_key(json, "name");
        json_text(json, track->name);
        json_key(json, "state");
        json_text(json, state_names[track->state]);
        text_or_null(json, "why", track->why);
        number(json, "duration_s", (double)track->duration_ns / 1e9);
        json_key(json, "samples");
        json_uint(json, track->samples);
        json_key(json, "errors");
        json_uint(json, track->errors);
        json_key(json, "rejected");
        json_uint(json, track->rejected);
        json_key(json, "dropped");
        json_uint(json, track->dropped);
        json_object_end(json);
    }
    json_array_end(json);
}

/* ---- history ---- */

/* The ticks of a track inside the span, oldest first, as runs of a chunk or the head. */
struct run {
    const struct chunk *chunk; /* NULL: the head */
    const struct layout *layout;
    size_t first, count;
};

struct ticks {
    struct run *runs;
    size_t run_count, count;
    int64_t times[TICKS_MAX];
};

static void
add_run(struct ticks *ticks, const struct chunk *chunk, const struct layout *layout,
        const int64_t *times, size_t count, int64_t from_ns, int64_t to_ns)
{
    size_t first = 0, end = count;
    while (first < end && times[first] < from_ns) {
        first++;
    }
    while (end > first && times[end - 1] > to_ns) {
        end--;
    }
    size_t n = MIN(end - first, TICKS_MAX - ticks->count);
    if (n == 0) {
        return;
    }
    ticks->runs[ticks->run_count++] = (struct run){chunk, layout, first, n};
    memcpy(ticks->times + ticks->count, times + first, n * sizeof(*times));
    ticks->count += n;
}

static bool
collect_ticks(const struct track *track, int64_t from_ns, int64_t to_ns, struct ticks *ticks)
{
    size_t chunks = track->chunks != NULL ? track->chunks->count : 0;
    ticks->runs = calloc(chunks + 1, sizeof(*ticks->runs));
    ticks->run_count = ticks->count = 0;
    if (ticks->runs == NULL) {
        return false;
    }
    for (size_t i = 0; i < chunks; i++) {
        const struct chunk *chunk = track->chunks->chunks[i];
        int64_t times[CHUNK_TICKS];
        if (chunk->last_ns >= from_ns && chunk->first_ns <= to_ns && chunk_times(chunk, times)) {
            add_run(ticks, chunk, chunk->layout, times, chunk->ticks, from_ns, to_ns);
        }
    }
    if (track->head != NULL) {
        add_run(ticks, NULL, track->head->layout, track->head->mono_ns, track->head_ticks, from_ns,
                to_ns);
    }
    return ticks->count > 0;
}

static int
column_in(const struct layout *layout, const struct series *series, size_t guess)
{
    if (guess < layout->count && layout->series[guess] == series) {
        return (int)guess;
    }
    for (size_t i = 0; i < layout->count; i++) {
        if (layout->series[i] == series) {
            return (int)i;
        }
    }
    return -1;
}

static void
series_values(const struct track *track, const struct ticks *ticks, const struct series *series,
              size_t guess, double *ret_values)
{
    size_t at = 0;
    for (size_t r = 0; r < ticks->run_count; r++) {
        const struct run *run = &ticks->runs[r];
        int column = column_in(run->layout, series, guess);
        double decoded[CHUNK_TICKS];
        const double *values = NULL;
        if (column >= 0 && run->chunk == NULL) {
            values = track->head->values + (size_t)column * CHUNK_TICKS;
        } else if (column >= 0 && chunk_column(run->chunk, (size_t)column, decoded)) {
            values = decoded;
        }
        for (size_t i = 0; i < run->count; i++) {
            ret_values[at++] = values != NULL ? values[run->first + i] : NAN;
        }
    }
}

static void
write_series(struct json *json, const struct series *series, const double *values, size_t n)
{
    bool constant = true;
    for (size_t i = 1; i < n && constant; i++) {
        constant = values[i] == values[0];
    }
    json_object(json);
    json_key(json, "metric");
    json_text(json, series->metric->name);
    json_key(json, "unit");
    json_text(json, series->metric->unit);
    json_key(json, "kind");
    json_text(json, series->metric->kind == METRIC_COUNTER ? "counter" : "gauge");
    json_key(json, "labels");
    json_text(json, series->labels);
    json_key(json, "values");
    if (constant) {
        json_double(json, values[0]);
    } else {
        json_array(json);
        for (size_t i = 0; i < n; i++) {
            json_double(json, values[i]);
        }
        json_array_end(json);
    }
    json_object_end(json);
}

static void
write_track(struct json *json, const struct picture *picture, const struct track *track,
            struct ticks *ticks, double *values)
{
    json_object(json);
    json_key(json, "source");
    json_text(json, track->name);
    bool pretty = json->pretty;
    json->pretty = false;
    /* Whole nanoseconds since 1970 pass 2^53: times are strings, milliseconds would lose the order
     * of ticks. */
    json_key(json, "times_ns");
    json_array(json);
    for (size_t i = 0; i < ticks->count; i++) {
        json_int(json, picture_wall(picture, ticks->times[i]));
    }
    json_array_end(json);
    json->pretty = pretty;
    json_key(json, "series");
    json_array(json);
    const struct layout *newest = ticks->runs[ticks->run_count - 1].layout;
    for (size_t c = 0; c < newest->count; c++) {
        series_values(track, ticks, newest->series[c], c, values);
        json->pretty = false;
        write_series(json, newest->series[c], values, ticks->count);
        json->pretty = pretty;
    }
    json_array_end(json);
    json_object_end(json);
}

static int
write_history(struct json *json, const struct picture *picture, int64_t span_ns)
{
    struct ticks *ticks = malloc(sizeof(*ticks));
    double *values = calloc(TICKS_MAX, sizeof(*values));
    int error = ticks == NULL || values == NULL ? -ENOMEM : 0;
    json_key(json, "history");
    json_array(json);
    for (size_t i = 0; error == 0 && i < picture->track_count; i++) {
        const struct track *track = &picture->tracks[i];
        if (collect_ticks(track, picture->mono_ns - span_ns, picture->mono_ns, ticks)) {
            write_track(json, picture, track, ticks, values);
        }
        free(ticks->runs);
    }
    json_array_end(json);
    free(ticks);
    free(values);
    return error;
}

static int
json_write(const struct picture *picture, const struct format_options *options, struct buf *out)
{
    struct json json;
    json_init(&json, out, options->pretty);
    json_object(&json);
    json_key(&json, "schema");
    json_int(&json, SNAPSHOT_SCHEMA);
    json_key(&json, "generator");
    json_text(&json, "flametop " FLAMETOP_VERSION);
    if (options->target != NULL) {
        json_key(&json, "target");
        json_text(&json, options->target);
    }
    json_key(&json, "time");
    json_time(&json, picture->wall_ns);
    json_key(&json, "time_ns");
    json_int(&json, picture->wall_ns);
    number(&json, "interval_s", (double)picture->interval_ns / 1e9);
    json_key(&json, "ticks_missed");
    json_uint(&json, picture->ticks_missed);
    write_host(&json, &picture->host);
    write_findings(&json, picture);
    write_metrics(&json, picture);
    json_key(&json, "tables");
    json_array(&json);
    for (size_t i = 0; i < picture->table_count; i++) {
        write_table(&json, picture->tables[i], options);
    }
    json_array_end(&json);
    write_sources(&json, picture);
    int error = write_history(&json, picture, options->span_ns);
    json_object_end(&json);
    buf_putc(out, '\n');
    return error != 0 ? error : out->full ? -EFBIG : 0;
}

extern const struct format format_json;
const struct format format_json = {
    .name = "json",
    .extension = ".json",
    .media_type = "application/json",
    .has_tables = true,
    .has_target = true,
    .text = "The whole picture with the history of its charts; flametop opens it again.",
    .write = json_write,
};
