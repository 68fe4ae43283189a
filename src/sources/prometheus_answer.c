/* Answers of Prometheus' API. */
#include "prometheus_answer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"

#define TIME_LATEST_S 9e9 /* differences of such times fit into nanoseconds */

enum { SERIES_MAX = 20000, NAMES_MAX = 5000, NAME_BYTES_MAX = 200, TEXT_BYTES_MAX = 8 << 10 };

const cJSON *
prometheus_data(const cJSON *root)
{
    const cJSON *status = json_at(root, "status");
    bool good = cJSON_IsString(status) && strcmp(status->valuestring, "success") == 0;
    return good ? json_at(root, "data") : NULL;
}

const cJSON *
prometheus_results(const cJSON *root, const char *type)
{
    const cJSON *data = prometheus_data(root);
    const cJSON *own = json_at(data, "resultType"), *results = json_at(data, "result");
    bool good = cJSON_IsString(own) && strcmp(own->valuestring, type) == 0;
    return good && cJSON_IsArray(results) ? results : NULL;
}

double
prometheus_time(const cJSON *item)
{
    double at_s = json_number(item);
    return at_s > 0 && at_s < TIME_LATEST_S ? at_s : NAN;
}

/* "value": [time, "number"] */
static double
pair_value(const cJSON *pair, double *ret_at_s)
{
    const cJSON *at = cJSON_IsArray(pair) ? pair->child : NULL;
    *ret_at_s = prometheus_time(at);
    return at != NULL ? json_number(at->next) : NAN;
}

double
prometheus_value(const cJSON *result, double *ret_at_s)
{
    return pair_value(json_at(result, "value"), ret_at_s);
}

/* Nothing but what names may hold. */
static void
put_name(struct buf *text, const char *name)
{
    for (; *name != '\0'; name++) {
        bool fine = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') ||
                    (*name >= '0' && *name <= '9') || *name == '_' || *name == ':' || *name == '.';
        buf_putc(text, fine ? *name : '_');
    }
}

static void
put_label(struct buf *text, const cJSON *label)
{
    put_name(text, label->string);
    buf_puts(text, "=\"");
    for (const char *c = label->valuestring; *c != '\0'; c++) {
        if (*c == '\\' || *c == '"') {
            buf_putc(text, '\\');
        }
        buf_putc(text, *c == '\n' ? ' ' : *c);
    }
    buf_putc(text, '"');
}

/* Sums and counts of histograms have no other mark here than their names. */
static enum exposition_type
type_of(struct str name)
{
    bool counts = str_ends(name, "_bucket") || str_ends(name, "_count") || str_ends(name, "_sum");
    return counts ? EXPOSITION_HISTOGRAM : EXPOSITION_UNTYPED;
}

bool
prometheus_sample(const cJSON *result, struct buf *text, struct exposition_sample *ret_sample)
{
    const cJSON *metric = json_at(result, "metric"), *name = json_at(metric, "__name__"), *label;
    double at_s;
    if (!cJSON_IsString(name) || name->valuestring[0] == '\0') {
        return false;
    }
    buf_clear(text);
    put_name(text, name->valuestring);
    size_t name_n = text->n, labels_at;
    buf_putc(text, '{');
    labels_at = text->n;
    cJSON_ArrayForEach(label, metric)
    {
        if (label != name && cJSON_IsString(label)) {
            if (text->n > labels_at) {
                buf_putc(text, ',');
            }
            put_label(text, label);
        }
    }
    if (text->full) {
        return false;
    }
    struct str own = {text->data, name_n};
    *ret_sample = (struct exposition_sample){
        .name = own,
        .labels = {text->data + labels_at, text->n - labels_at},
        .series = {text->data, text->n},
        .help = STR(""),
        .type = type_of(own),
        .value = prometheus_value(result, &at_s),
    };
    return true;
}

void
prometheus_keys(const cJSON *list, char *dst, size_t size)
{
    const cJSON *key;
    struct buf text;
    buf_init(&text, size);
    cJSON_ArrayForEach(key, list)
    {
        if (cJSON_IsString(key) && key->valuestring[0] != '\0' &&
            strlen(key->valuestring) + 2 < size - text.n) {
            buf_puts(&text, text.n > 0 ? " " : "");
            put_name(&text, key->valuestring);
        }
    }
    str_copy((struct str){text.data, text.n}, dst, size);
    buf_done(&text);
}

void
prometheus_offer(struct catalog *catalog, const cJSON *names, const char *keys,
                 bool (*is_known)(struct str name))
{
    const cJSON *name;
    struct buf text;
    size_t n = 0;
    buf_init(&text, NAME_BYTES_MAX);
    cJSON_ArrayForEach(name, names)
    {
        buf_clear(&text);
        text.full = false;
        if (cJSON_IsString(name) && name->valuestring[0] != '\0' && n++ < NAMES_MAX) {
            put_name(&text, name->valuestring);
            struct exposition_sample sample = {.name = {text.data, text.n}, .help = STR("")};
            sample.type = type_of(sample.name);
            if (!text.full && !is_known(sample.name)) {
                exposed_describe(catalog, &sample, keys, true);
            }
        }
    }
    buf_done(&text);
}

void
prometheus_take(struct exposed *exposed, struct batch *batch, const cJSON *results)
{
    const cJSON *result;
    struct exposition_sample sample;
    struct buf text;
    size_t n = 0;
    buf_init(&text, TEXT_BYTES_MAX);
    cJSON_ArrayForEach(result, results)
    {
        bool good = n++ < SERIES_MAX && prometheus_sample(result, &text, &sample);
        struct exposed_cell *cell = good ? exposed_cell_of(exposed, batch, &sample) : NULL;
        if (cell != NULL) {
            exposed_take(exposed, batch, cell, &sample);
        }
        batch->rejected += !good;
        text.full = false;
    }
    buf_done(&text);
}

/* ---- ranges ---- */

/* One series of a range, and how far it has been read. */
struct run {
    struct exposed_cell *cell;
    const cJSON *next; /* pair */
};

/* The values of all columns at one step. */
struct row {
    int64_t mono_ns;
    double *values;
    size_t count;
};

static size_t
open_runs(struct exposed *exposed, struct batch *batch, const cJSON *results, struct run *runs,
          size_t max)
{
    const cJSON *result;
    struct exposition_sample sample;
    struct buf text;
    size_t n = 0;
    buf_init(&text, TEXT_BYTES_MAX);
    cJSON_ArrayForEach(result, results)
    {
        const cJSON *values = json_at(result, "values");
        bool good = n < max && cJSON_IsArray(values) && prometheus_sample(result, &text, &sample);
        struct exposed_cell *cell = good ? exposed_cell_of(exposed, batch, &sample) : NULL;
        if (cell != NULL) {
            runs[n++] = (struct run){cell, values->child};
        }
        text.full = false;
    }
    buf_done(&text);
    return n;
}

/* The value of a series at a step; NaN: none. Pairs are in order of time, or are passed over. */
static double
run_value(struct run *run, const struct prometheus_steps *steps, size_t step)
{
    double at_s, value = NAN, early = steps->start_s + steps->step_s * ((double)step - 0.5);
    while (run->next != NULL) {
        double own = pair_value(run->next, &at_s);
        if (at_s >= early + steps->step_s) {
            break;
        }
        value = at_s >= early ? own : value;
        run->next = run->next->next;
    }
    return value;
}

static size_t
known_values(const struct batch *batch)
{
    size_t known = 0;
    for (size_t i = 0; i < batch->column_count; i++) {
        known += !isnan(batch->values[i]);
    }
    return known;
}

/* A step as if it had been read then. False when nothing is known of it. */
static bool
read_step(struct exposed *exposed, struct batch *batch, struct run *runs, size_t run_count,
          const struct prometheus_steps *steps, size_t step, struct arena *arena,
          struct row *ret_row)
{
    int64_t mono_ns = steps->first_mono_ns + (int64_t)((double)step * steps->step_s * 1e9);
    batch_begin(batch, (struct instant){.mono_ns = mono_ns}, NULL);
    exposed_begin(exposed, batch);
    for (size_t i = 0; i < run_count; i++) {
        struct exposition_sample sample = {.value = run_value(&runs[i], steps, step),
                                           .labels = STR("")};
        if (!isnan(sample.value)) {
            exposed_take(exposed, batch, runs[i].cell, &sample);
        }
    }
    exposed_end(exposed, batch);
    double *values = arena_news(arena, double, batch->column_count + 1);
    if (values == NULL || known_values(batch) == 0 || mono_ns <= 0) {
        return false;
    }
    memcpy(values, batch->values, batch->column_count * sizeof(*values));
    *ret_row = (struct row){mono_ns, values, batch->column_count};
    return true;
}

static struct chunk *
seal(const struct batch *batch, const struct row *rows, size_t row_count, int64_t wall_offset_ns)
{
    struct layout *layout = layout_new(batch->columns, batch->column_count);
    struct head *head = layout != NULL ? head_new(layout, wall_offset_ns) : NULL;
    struct chunk *chunk = NULL;
    for (size_t r = 0; head != NULL && r < row_count; r++) {
        head->mono_ns[r] = rows[r].mono_ns;
        for (size_t c = 0; c < batch->column_count; c++) {
            head->values[c * CHUNK_TICKS + r] = c < rows[r].count ? rows[r].values[c] : NAN;
        }
    }
    if (head != NULL) {
        chunk = chunk_seal(head, row_count);
    }
    head_release(head);
    layout_release(layout);
    return chunk;
}

struct chunk *
prometheus_chunk(struct exposed *exposed, struct batch *batch, const cJSON *results,
                 const struct prometheus_steps *steps)
{
    struct row rows[CHUNK_TICKS];
    size_t row_count = 0, max = MIN((size_t)cJSON_GetArraySize(results), (size_t)SERIES_MAX);
    struct arena arena;
    arena_init(&arena, (size_t)64 << 20);
    struct run *runs = arena_news(&arena, struct run, max + 1);
    size_t run_count = runs != NULL ? open_runs(exposed, batch, results, runs, max) : 0;
    for (size_t i = 0; run_count > 0 && i < MIN(steps->count, (size_t)CHUNK_TICKS); i++) {
        row_count += read_step(exposed, batch, runs, run_count, steps, i, &arena, &rows[row_count]);
    }
    struct chunk *chunk =
        row_count > 0 ? seal(batch, rows, row_count, steps->wall_offset_ns) : NULL;
    arena_done(&arena);
    return chunk;
}
