/* Adapter for any JSON: numeric leaves are series of metrics named by their keys, with their JSON
 * pointer (RFC 6901) as label; arrays of objects that have a name are tables as well, and their
 * leaves are named by the row's name instead of its place.
 *
 * What grows only may be a counter: a leaf called _total is one; any other that never fell in 30
 * readings and rose in some, or is called _count, gets a second series, NAME.rate, beside its
 * value.
 *
 * The name of a row tells it apart but is no part of the metric's name: the rows of one table are
 * series of the same metrics.
 *
 * Invariant: a leaf's column, scale and kind do not change once it was seen; the columns of a table
 * are those of its rows when it was first seen. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter.h"
#include "adapters.h"
#include "flametop/base/hash.h"
#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "json_name.h"
#include "json_read.h"

enum {
    LEAVES_MAX = 20000,
    NAMES_MAX = 1000, /* metrics; what comes later is told apart by its pointer alone */
    DEPTH_MAX = 32,
    ELEMENTS_MAX = 64, /* of an array, as series */
    ROWS_MAX = 1000,
    COLUMNS_MAX = 16,
    SAMPLE_ROWS = 16, /* that say which columns there are */
    PATH_BYTES = 96,
    LABEL_BYTES = 400,
    BODY_BYTES_MAX = 8 << 20,
    STEADY_READINGS = 30,
    RISES_MIN = 3,
};

struct leaf {
    int column, rate, share; /* -1: none */
    double scale, last, max;
    unsigned readings, rises;
    bool fell, growing; /* growing: the rate is delivered */
    const struct metric *metric;
    const char *labels;
};

/* Where the levels of a number begin, in the metric's unit; 0: nowhere. */
struct limit {
    double warning, critical;
};

/* A column of a table is a member of its rows. */
struct member {
    char path[PATH_BYTES]; /* dotted */
    double scale;
};

struct sheet {
    uint64_t key; /* of the array's pointer */
    struct table_def def;
    struct column columns[COLUMNS_MAX];
    struct member members[COLUMNS_MAX];
};

struct document {
    struct catalog *catalog;
    const struct endpoint_mapping *mappings;
    size_t mapping_count;
    struct map leaves; /* hash of the pointer -> leaf */
    struct arena arena;
    size_t names;
    struct sheet *sheets[BATCH_TABLES_MAX];
    const struct table_def *defs[BATCH_TABLES_MAX];
    size_t sheet_count;
};

/* Where the walk is. */
struct place {
    struct document *document;
    struct batch *batch;
    struct str keys[DEPTH_MAX];
    char numbers[DEPTH_MAX][24]; /* keys that are places in an array */
    bool names[DEPTH_MAX];       /* keys that are names of rows */
    size_t depth;
    uint64_t hash;
};

static void walk(struct place *place, const cJSON *item);

static void
enter(struct place *place, struct str key, bool is_name, const cJSON *item)
{
    if (place->depth == DEPTH_MAX) {
        place->batch->rejected++;
        return;
    }
    uint64_t before = place->hash;
    place->names[place->depth] = is_name;
    place->keys[place->depth++] = key;
    place->hash = hash_mix(before, hash_bytes(key.p, key.n) + 1);
    walk(place, item);
    place->depth--;
    place->hash = before;
}

/* ---- leaves ---- */

static void
write_pointer(const struct place *place, char *dst, size_t size)
{
    size_t n = 0;
    dst[0] = '\0';
    for (size_t i = 0; i < place->depth && n + 2 < size; i++) {
        dst[n++] = '/';
        for (size_t c = 0; c < place->keys[i].n && n + 3 < size; c++) {
            char byte = place->keys[i].p[c];
            if (byte == '~' || byte == '/') {
                dst[n++] = '~';
                byte = byte == '~' ? '0' : '1';
            }
            dst[n++] = byte;
        }
        dst[n] = '\0';
    }
}

/* Names and units by the keys that are no names of rows. */
static void
mean(const struct place *place, struct json_meaning *ret_meaning)
{
    struct str keys[DEPTH_MAX];
    size_t n = 0;
    for (size_t i = 0; i < place->depth; i++) {
        if (!place->names[i]) {
            keys[n++] = place->keys[i];
        }
    }
    json_mean(keys, n, ret_meaning);
}

/* Whether a pointer is meant by one in which "*" stands for any key. */
static bool
pointer_fits(struct str pattern, struct str pointer)
{
    struct str want, have;
    while (pattern.n > 0 && pointer.n > 0) {
        if (!str_until(&pattern, '/', &want) || !str_until(&pointer, '/', &have)) {
            return false;
        }
        bool same = want.n == have.n && (want.n == 0 || memcmp(want.p, have.p, want.n) == 0);
        if (!same && !str_is(want, "*")) {
            return false;
        }
    }
    return pattern.n == 0 && pointer.n == 0;
}

static const struct endpoint_mapping *
mapping_of(const struct document *document, const char *pointer)
{
    for (size_t i = 0; i < document->mapping_count; i++) {
        if (pointer_fits(str_from(document->mappings[i].pointer), str_from(pointer))) {
            return &document->mappings[i];
        }
    }
    return NULL;
}

/* The metric of that name, or of a name like it when that one is of another unit or kind. */
static const struct metric *
define(struct document *document, const char *name, const char *unit, enum metric_kind kind,
       const struct limit *limit)
{
    char text[JSON_NAME_BYTES + 16];
    snprintf(text, sizeof(text), "%s", name);
    for (int attempt = 0; attempt < 3; attempt++) {
        const struct metric *known = catalog_metric(document->catalog, text);
        if (known == NULL && document->names >= NAMES_MAX) {
            snprintf(text, sizeof(text), kind == METRIC_COUNTER ? "json.counters" : "json.values");
            unit = "";
        }
        document->names += known == NULL;
        bool judged = limit != NULL && (limit->warning != 0 || limit->critical != 0);
        bool level = strcmp(unit, "1") == 0 || strcmp(unit, "s") == 0 || strcmp(unit, "Cel") == 0;
        const struct metric *metric = catalog_define(
            document->catalog,
            &(struct metric){.name = text,
                             .unit = unit,
                             .labels = "pointer",
                             .text = "A number of the JSON document, at the pointer.",
                             .kind = kind,
                             .warning = limit != NULL ? limit->warning : 0,
                             .critical = limit != NULL ? limit->critical : 0,
                             .fold = judged                          ? FOLD_MAX
                                     : level && kind == METRIC_GAUGE ? FOLD_MEAN
                                                                     : FOLD_SUM});
        if (metric == NULL ||
            (metric->formula == NULL && metric->kind == kind && strcmp(metric->unit, unit) == 0)) {
            return metric;
        }
        const char *end = kind == METRIC_COUNTER    ? "rate"
                          : strcmp(unit, "1") == 0  ? "share"
                          : strcmp(unit, "By") == 0 ? "bytes"
                          : strcmp(unit, "s") == 0  ? "time"
                                                    : "value";
        snprintf(text, sizeof(text), "%s.%s%s", name, end, attempt > 0 ? "2" : "");
    }
    return NULL;
}

/* The scale from what is written to a unit that the configuration names. */
static double
scale_of(const char *unit, const char **ret_unit)
{
    static const struct {
        const char *name, *unit;
        double scale;
    } units[] = {
        {"ms", "s", 1e-3},   {"us", "s", 1e-6},      {"ns", "s", 1e-9},
        {"%", "1", 0.01},    {"KiBy", "By", 1024},   {"MiBy", "By", 1048576},
        {"KiB", "By", 1024}, {"MiB", "By", 1048576}, {"GiB", "By", 1073741824},
        {"kB", "By", 1e3},   {"MB", "By", 1e6},      {"GB", "By", 1e9},
    };
    for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
        if (strcmp(unit, units[i].name) == 0) {
            *ret_unit = units[i].unit;
            return units[i].scale;
        }
    }
    *ret_unit = unit;
    return 1;
}

static void
apply_mapping(const struct endpoint_mapping *mapping, struct json_meaning *meaning,
              struct leaf *leaf)
{
    if (mapping->name != NULL) {
        str_copy(str_from(mapping->name), meaning->name, sizeof(meaning->name));
    }
    if (mapping->unit != NULL) {
        meaning->scale = scale_of(mapping->unit, &meaning->unit);
    }
    if (mapping->kind != NULL) {
        meaning->total = strcmp(mapping->kind, "counter") == 0;
        meaning->perhaps = false;
        leaf->fell = true; /* what it is was said: no rate is guessed */
    }
    leaf->max = mapping->max;
}

static void
add_rate(struct place *place, struct leaf *leaf)
{
    char name[JSON_NAME_BYTES + 16];
    snprintf(name, sizeof(name), "%s.rate", leaf->metric->name);
    const struct metric *metric =
        define(place->document, name, leaf->metric->unit, METRIC_COUNTER, NULL);
    leaf->growing = true;
    leaf->rate = metric != NULL ? batch_column(place->batch, metric, leaf->labels) : -1;
}

static void
add_share(struct place *place, struct leaf *leaf)
{
    char name[JSON_NAME_BYTES + 16];
    snprintf(name, sizeof(name), "%s.utilization", leaf->metric->name);
    const struct metric *metric = define(place->document, name, "1", METRIC_GAUGE, NULL);
    leaf->share = metric != NULL ? batch_column(place->batch, metric, leaf->labels) : -1;
}

static struct leaf *
leaf_new(struct place *place)
{
    struct document *document = place->document;
    bool room = document->leaves.count < LEAVES_MAX; /* or each reading would take memory */
    struct leaf *leaf = room ? arena_new(&document->arena, struct leaf) : NULL;
    if (leaf == NULL || !map_put(&document->leaves, place->hash, leaf)) {
        return NULL;
    }
    char pointer[LABEL_BYTES], clean[LABEL_BYTES], labels[LABEL_BYTES + 64] = "";
    struct json_meaning meaning;
    *leaf = (struct leaf){.column = -1, .rate = -1, .share = -1, .last = NAN};
    write_pointer(place, pointer, sizeof(pointer));
    mean(place, &meaning);
    const struct endpoint_mapping *mapping = mapping_of(document, pointer);
    struct limit limit = {0};
    if (mapping != NULL) {
        apply_mapping(mapping, &meaning, leaf);
        limit = (struct limit){mapping->warning * meaning.scale, mapping->critical * meaning.scale};
    }
    utf8_clean(str_from(pointer), clean, sizeof(clean));
    labels_add(labels, sizeof(labels), "pointer", str_from(clean));
    leaf->labels = arena_text(&document->arena, labels, strlen(labels));
    leaf->scale = meaning.scale;
    leaf->fell = leaf->fell || meaning.total;
    leaf->metric = define(document, meaning.name, meaning.unit,
                          meaning.total ? METRIC_COUNTER : METRIC_GAUGE, &limit);
    if (leaf->metric == NULL) {
        place->batch->dropped++;
        return leaf;
    }
    leaf->column = batch_column(place->batch, leaf->metric, leaf->labels);
    if (meaning.perhaps && !leaf->fell) {
        add_rate(place, leaf);
    }
    if (leaf->max > 0) {
        add_share(place, leaf);
    }
    return leaf;
}

/* What the leaf has done so far decides whether it is shown as a rate as well. */
static void
watch(struct place *place, struct leaf *leaf, double value)
{
    if (leaf->fell || leaf->metric == NULL) {
        return;
    }
    leaf->readings += leaf->readings < STEADY_READINGS;
    leaf->rises += value > leaf->last && leaf->rises < RISES_MIN;
    /* A counter that starts anew falls near to 0; anything else that falls is a level. */
    if (value < leaf->last && (!leaf->growing || value > leaf->last / 2)) {
        leaf->fell = true;
        leaf->growing = false;
        leaf->rate = -1;
    }
    if (!leaf->fell && !leaf->growing && leaf->readings == STEADY_READINGS &&
        leaf->rises == RISES_MIN) {
        add_rate(place, leaf);
    }
}

static void
take_leaf(struct place *place, double value)
{
    struct leaf *leaf = map_get(&place->document->leaves, place->hash);
    if (leaf == NULL) {
        leaf = leaf_new(place);
    }
    if (leaf == NULL) {
        place->batch->dropped++;
        return;
    }
    value *= leaf->scale;
    if (!isfinite(value)) {
        place->batch->rejected++;
        return;
    }
    watch(place, leaf, value);
    leaf->last = value;
    batch_set(place->batch, leaf->column, value);
    batch_set(place->batch, leaf->rate, value);
    if (leaf->max > 0) {
        batch_set(place->batch, leaf->share, value / (leaf->max * leaf->scale));
    }
}

/* ---- tables ---- */

static const cJSON *
row_name(const cJSON *row)
{
    static const char *const names[] = {"name", "id", "key", "pid", "device"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        const cJSON *name = cJSON_GetObjectItemCaseSensitive(row, names[i]);
        if (cJSON_IsString(name) || cJSON_IsNumber(name)) {
            return name;
        }
    }
    return NULL;
}

static bool
is_row_list(const cJSON *array)
{
    return cJSON_IsObject(array->child) && row_name(array->child) != NULL;
}

static size_t
member_index(const struct sheet *sheet, const char *path)
{
    size_t i = 0;
    while (i < sheet->def.column_count && strcmp(sheet->members[i].path, path) != 0) {
        i++;
    }
    return i;
}

/* The last key without its unit, which stands in the cells. */
static const char *
title_of(struct arena *arena, const char *name)
{
    const char *dot = strrchr(name, '.');
    char title[12];
    json_key_name(str_from(dot != NULL ? dot + 1 : name), title, sizeof(title));
    for (char *c = title; *c != '\0'; c++) {
        *c = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c == '_' ? ' ' : *c;
    }
    return arena_text(arena, title, strlen(title));
}

static void
add_column(struct document *document, struct sheet *sheet, const char *path, const cJSON *item,
           bool key)
{
    bool number = !isnan(json_number(item)) && !(key && cJSON_IsString(item));
    struct str keys[] = {str_from(sheet->def.name), str_from(path)};
    struct json_meaning meaning;
    json_mean(keys, 2, &meaning);
    size_t at = sheet->def.column_count++;
    const char *name = arena_printf(&document->arena, "%s.%s", sheet->def.name, path);
    bool ranked = number && !key && sheet->def.sort_column == 0;
    struct column *column = &sheet->columns[at];
    *column = (struct column){
        .name = name,
        .title = title_of(&document->arena, number && !key ? meaning.name : path),
        .unit =
            number && !key ? arena_text(&document->arena, meaning.unit, strlen(meaning.unit)) : "",
        .text = "A member of the rows of the JSON document.",
        .type = !number ? COLUMN_TEXT
                : key   ? COLUMN_INTEGER
                        : COLUMN_REAL,
        .flags = COLUMN_KEEP | (key ? COLUMN_KEY : 0u) | (ranked ? COLUMN_RANK : 0u),
        .width = number ? 10
                 : key  ? 24
                        : 14};
    sheet->def.sort_column = ranked ? at : sheet->def.sort_column;
    str_copy(str_from(path), sheet->members[at].path, PATH_BYTES);
    sheet->members[at].scale = column->type == COLUMN_REAL ? meaning.scale : 1;
}

/* Members of a row and of the objects in it, two deep. */
static void
find_columns(struct document *document, struct sheet *sheet, const cJSON *object,
             const char *prefix, int depth)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, object)
    {
        char path[PATH_BYTES], plain[PATH_BYTES];
        const char *name = item->string != NULL ? item->string : "";
        utf8_clean(str_from(name), plain, sizeof(plain));
        int n = snprintf(path, sizeof(path), "%s%s", prefix, name);
        if (sheet->def.column_count == COLUMNS_MAX) {
            return;
        }
        if (name[0] == '\0' || strcmp(plain, name) != 0 || strchr(name, '.') != NULL ||
            n >= PATH_BYTES - 1) {
            continue;
        }
        bool plainly = cJSON_IsNumber(item) || cJSON_IsString(item);
        if (plainly && member_index(sheet, path) == sheet->def.column_count) {
            add_column(document, sheet, path, item, false);
        } else if (cJSON_IsObject(item) && depth < 2) {
            path[n] = '.';
            path[n + 1] = '\0';
            find_columns(document, sheet, item, path, depth + 1);
        }
    }
}

static struct sheet *
sheet_new(struct place *place, const cJSON *array)
{
    struct document *document = place->document;
    struct sheet *sheet =
        document->sheet_count < BATCH_TABLES_MAX ? arena_new(&document->arena, struct sheet) : NULL;
    const cJSON *key = row_name(array->child), *row;
    if (sheet == NULL) {
        return NULL;
    }
    struct json_meaning meaning;
    mean(place, &meaning);
    const char *name = place->depth > 0 ? meaning.name : "json.rows";
    sheet->key = place->hash;
    sheet->def = (struct table_def){
        .name = arena_text(&document->arena, name, strlen(name)),
        .title = arena_text(&document->arena, name + strlen("json."), strlen(name) - 5),
        .text = "Rows of an array in the JSON document.",
        .columns = sheet->columns,
        .kept_rows = 8};
    add_column(document, sheet, key->string, key, true);
    size_t n = 0;
    cJSON_ArrayForEach(row, array)
    {
        if (n++ < SAMPLE_ROWS && cJSON_IsObject(row)) {
            find_columns(document, sheet, row, "", 0);
        }
    }
    document->sheets[document->sheet_count] = sheet;
    document->defs[document->sheet_count++] = &sheet->def;
    return sheet;
}

static struct sheet *
sheet_of(struct place *place, const cJSON *array)
{
    const struct document *document = place->document;
    for (size_t i = 0; i < document->sheet_count; i++) {
        if (document->sheets[i]->key == place->hash) {
            return document->sheets[i];
        }
    }
    return sheet_new(place, array);
}

static void
fill_cell(const struct sheet *sheet, size_t at, const cJSON *row, struct arena *arena,
          union cell *cell)
{
    const struct member *member = &sheet->members[at];
    double value;
    switch (sheet->columns[at].type) {
    case COLUMN_TEXT:
        cell->text = json_cell_at(row, member->path, arena);
        break;
    case COLUMN_INTEGER:
        value = json_number_at(row, member->path);
        cell->integer = fabs(value) < 9e18 ? (int64_t)value : CELL_UNKNOWN;
        break;
    case COLUMN_REAL:
        value = json_number_at(row, member->path) * member->scale;
        cell->real = isfinite(value) ? value : NAN;
        break;
    }
}

static void
fill_table(struct place *place, const struct sheet *sheet, const cJSON *array)
{
    struct arena *arena = place->batch->arena;
    const cJSON *row;
    size_t total = (size_t)cJSON_GetArraySize(array);
    struct table *table = batch_table(place->batch, &sheet->def, MIN(total, (size_t)ROWS_MAX));
    size_t n = 0;
    if (table == NULL) {
        return;
    }
    cJSON_ArrayForEach(row, array)
    {
        union cell *cells = cJSON_IsObject(row) && n++ < ROWS_MAX ? table_add(table, arena) : NULL;
        for (size_t i = 0; cells != NULL && i < sheet->def.column_count; i++) {
            fill_cell(sheet, i, row, arena, &cells[i]);
        }
    }
    table->total = total;
}

/* ---- the walk ---- */

static void
walk_rows(struct place *place, const cJSON *array)
{
    const struct sheet *sheet = sheet_of(place, array);
    const cJSON *row;
    size_t n = 0;
    if (sheet != NULL) {
        fill_table(place, sheet, array);
    }
    cJSON_ArrayForEach(row, array)
    {
        const cJSON *name = cJSON_IsObject(row) ? row_name(row) : NULL;
        if (name == NULL || n++ >= ELEMENTS_MAX || place->depth == DEPTH_MAX) {
            continue;
        }
        char *number = place->numbers[place->depth];
        snprintf(number, sizeof(place->numbers[0]), "%.17g", name->valuedouble);
        enter(place, str_from(cJSON_IsString(name) ? name->valuestring : number), true, row);
    }
}

static void
walk_elements(struct place *place, const cJSON *array)
{
    const cJSON *item;
    size_t n = 0;
    cJSON_ArrayForEach(item, array)
    {
        if (n >= ELEMENTS_MAX || place->depth == DEPTH_MAX) {
            place->batch->dropped++;
            break;
        }
        char *number = place->numbers[place->depth];
        snprintf(number, sizeof(place->numbers[0]), "%zu", n++);
        enter(place, str_from(number), false, item);
    }
}

static void
walk(struct place *place, const cJSON *item)
{
    if (cJSON_IsArray(item)) {
        if (item->child != NULL && is_row_list(item)) {
            walk_rows(place, item);
        } else {
            walk_elements(place, item);
        }
    } else if (cJSON_IsObject(item)) {
        const cJSON *child;
        cJSON_ArrayForEach(child, item)
        {
            enter(place, str_from(child->string != NULL ? child->string : ""), false, child);
        }
    } else if (cJSON_IsBool(item)) {
        take_leaf(place, cJSON_IsTrue(item) ? 1 : 0);
    } else if (!isnan(json_number(item))) {
        take_leaf(place, json_number(item));
    }
}

/* ---- the adapter ---- */

static bool
json_read(void *state, const struct str *bodies, struct batch *batch)
{
    cJSON *root = json_parse(bodies[0]);
    if (root == NULL) {
        return false;
    }
    struct place *place = calloc(1, sizeof(*place));
    if (place != NULL) {
        place->document = state;
        place->batch = batch;
        walk(place, root);
    }
    free(place);
    cJSON_Delete(root);
    return true;
}

static void *
json_open(const struct adapter_setup *setup)
{
    struct document *document = calloc(1, sizeof(*document));
    if (document != NULL) {
        document->catalog = setup->catalog;
        document->mappings = setup->mappings;
        document->mapping_count = setup->mapping_count;
        map_init(&document->leaves, LEAVES_MAX);
        arena_init(&document->arena, (size_t)32 << 20);
    }
    return document;
}

static void
json_close(void *state)
{
    struct document *document = state;
    map_done(&document->leaves);
    arena_done(&document->arena);
    free(document);
}

static const struct table_def *const *
json_tables(const void *state, size_t *ret_count)
{
    const struct document *document = state;
    *ret_count = document->sheet_count;
    return document->defs;
}

/* By type, or because it reads as an object or a list; the probe may have cut it. */
static bool
json_recognizes(const struct adapter_answer *answer)
{
    struct str body = str_trim(answer->body);
    bool typed = strstr(answer->type, "json") != NULL;
    bool opened = str_starts(body, "{") || str_starts(body, "[");
    if (answer->status != 200 || !opened) {
        return false;
    }
    cJSON *root = json_parse(body);
    bool whole = root != NULL && root->child != NULL;
    cJSON_Delete(root);
    return typed || whole;
}

const struct adapter adapter_json = {
    .name = "json",
    .text = "Any JSON document: its numbers are charted, its lists of objects are tables.",
    .probes = (const char *const[]){"", "/stats", "/status", "/metrics.json", "/debug/vars", NULL},
    .recognizes = json_recognizes,
    .requests = (const char *const[]){"", NULL},
    .accept = "application/json",
    .body_max = BODY_BYTES_MAX,
    .open = json_open,
    .read = json_read,
    .close = json_close,
    .tables = json_tables,
};
