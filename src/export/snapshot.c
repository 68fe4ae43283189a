/* Reading snapshots. The document is untrusted: every member is checked, counts are bounded by the
 * document's size, and what is missing stays unknown. */
#include "flametop/export/snapshot.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/utf8.h"

#define TEXT_MAX 4096
#define SERIES_MAX 65536
#define ROWS_MAX 65536

struct reader {
    struct picture *picture;
    const struct table_def *const *tables;
    size_t table_count;
    int64_t wall_offset_ns; /* the document's clock: monotonic times are made from wall times */
    char *why;
    size_t why_size;
};

static bool
refuse(struct reader *reader, const char *what)
{
    snprintf(reader->why, reader->why_size, "%s", what);
    return false;
}

static const cJSON *
member(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

/* Text cleaned for a terminal, in the picture's arena; `otherwise` when the member is no text. */
static const char *
text_of(struct reader *reader, const cJSON *item, const char *otherwise)
{
    if (!cJSON_IsString(item) || item->valuestring == NULL) {
        return otherwise;
    }
    char clean[TEXT_MAX];
    size_t n = utf8_clean(str_from(item->valuestring), clean, sizeof(clean));
    return arena_text(&reader->picture->arena, clean, n);
}

/* Numbers beyond 2^53 are written as strings. */
static bool
integer_of(const cJSON *item, int64_t *ret_value)
{
    if (cJSON_IsNumber(item) && fabs(item->valuedouble) <= 9007199254740992.0) {
        *ret_value = (int64_t)item->valuedouble;
        return true;
    }
    if (cJSON_IsString(item)) {
        struct str rest = str_from(item->valuestring);
        return str_i64(&rest, ret_value) && rest.n == 0;
    }
    return false;
}

static double
real_of(const cJSON *item)
{
    return cJSON_IsNumber(item) ? item->valuedouble : NAN;
}

static double
real_or_zero(const cJSON *item)
{
    double value = real_of(item);
    return isfinite(value) ? value : 0;
}

static void
read_host(struct reader *reader, const cJSON *item)
{
    struct host *host = &reader->picture->host;
    host->name = text_of(reader, member(item, "name"), "");
    host->system = text_of(reader, member(item, "system"), "");
    host->kernel = text_of(reader, member(item, "kernel"), "");
    host->virtualization = text_of(reader, member(item, "virtualization"), "");
    host->cores = (int)CLAMP(real_or_zero(member(item, "cores")), 0.0, 65536.0);
    host->core_limit = real_or_zero(member(item, "core_limit"));
    host->memory_limit = real_or_zero(member(item, "memory_limit"));
    host->uptime_s = real_or_zero(member(item, "uptime_s"));
}

/* "2026-11-21T14:02:31.250Z"; 0 when it is anything else. */
static int64_t
time_of(const cJSON *item)
{
    int year, month, day, hour, minute;
    double second;
    if (!cJSON_IsString(item) || strlen(item->valuestring) > 40 ||
        sscanf(item->valuestring, "%4d-%2d-%2dT%2d:%2d:%lfZ", &year, &month, &day, &hour, &minute,
               &second) != 6 ||
        month < 1 || month > 12 || !(second >= 0 && second < 61)) {
        return 0;
    }
    /* Days from the civil date (Howard Hinnant's algorithm, era of 400 years). */
    int64_t y = year - (month <= 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t days = era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
    return ((days * 24 + hour) * 60 + minute) * 60 * NS_PER_S + (int64_t)(second * 1e9);
}

static enum level
level_of(const cJSON *item)
{
    for (int level = LEVEL_NORMAL; cJSON_IsString(item) && level <= LEVEL_EMERGENCY; level++) {
        if (strcmp(item->valuestring, level_name((enum level)level)) == 0) {
            return (enum level)level;
        }
    }
    return LEVEL_NORMAL;
}

static void
read_evidence(struct reader *reader, const cJSON *list, struct finding *finding)
{
    size_t count = (size_t)MAX(cJSON_GetArraySize(list), 0);
    struct evidence *evidence =
        arena_news(&reader->picture->arena, struct evidence, MIN(count, (size_t)64));
    const cJSON *item;
    cJSON_ArrayForEach(item, list)
    {
        if (evidence == NULL || finding->evidence_count == 64) {
            break;
        }
        evidence[finding->evidence_count++] =
            (struct evidence){.label = text_of(reader, member(item, "label"), ""),
                              .value = text_of(reader, member(item, "value"), ""),
                              .metric = text_of(reader, member(item, "metric"), NULL),
                              .labels = text_of(reader, member(item, "labels"), NULL)};
    }
    finding->evidence = evidence;
}

static void
read_findings(struct reader *reader, const cJSON *list)
{
    struct picture *picture = reader->picture;
    size_t count = MIN((size_t)MAX(cJSON_GetArraySize(list), 0), (size_t)256);
    picture->findings = arena_news(&picture->arena, struct finding, count);
    const cJSON *item;
    cJSON_ArrayForEach(item, list)
    {
        int64_t pid = 0;
        if (picture->findings == NULL || picture->finding_count == count) {
            break;
        }
        integer_of(member(item, "culprit_pid"), &pid);
        struct finding *finding = &picture->findings[picture->finding_count++];
        *finding = (struct finding){
            .id = text_of(reader, member(item, "id"), ""),
            .sentence = text_of(reader, member(item, "sentence"), ""),
            .short_sentence = text_of(reader, member(item, "short_sentence"), NULL),
            .culprit = text_of(reader, member(item, "culprit"), NULL),
            .advice = text_of(reader, member(item, "advice"), NULL),
            .culprit_pid = pid,
            .since_wall_ns = time_of(member(item, "since")),
            .until_wall_ns = time_of(member(item, "until")),
            .impact = (int)CLAMP(real_or_zero(member(item, "impact")), 0.0, 100.0),
            .level = level_of(member(item, "level"))};
        read_evidence(reader, member(item, "evidence"), finding);
    }
}

static union cell
cell_of(struct reader *reader, enum column_type type, const cJSON *item)
{
    union cell cell;
    int64_t integer = CELL_UNKNOWN;
    switch (type) {
    case COLUMN_REAL:
        cell.real = real_of(item);
        break;
    case COLUMN_INTEGER:
        integer_of(item, &integer);
        cell.integer = integer;
        break;
    case COLUMN_TEXT:
    default:
        cell.text = text_of(reader, item, NULL);
        break;
    }
    return cell;
}

static void
read_column(struct reader *reader, struct table *table, const cJSON *item)
{
    const cJSON *name = member(item, "name"), *value;
    int column = cJSON_IsString(name) ? table_column(table->def, name->valuestring) : -1;
    size_t row = 0;
    if (column < 0) {
        return;
    }
    cJSON_ArrayForEach(value, member(item, "values"))
    {
        if (row == table->count) {
            break;
        }
        table_row(table, row++)[column] = cell_of(reader, table->def->columns[column].type, value);
    }
}

static void
read_table(struct reader *reader, const struct table_def *def, const cJSON *item)
{
    struct picture *picture = reader->picture;
    size_t rows = (size_t)CLAMP(real_or_zero(member(item, "rows")), 0.0, (double)ROWS_MAX);
    struct table *table = table_new(&picture->arena, def, rows);
    if (table == NULL) {
        return;
    }
    for (size_t i = 0; i < rows && table_add(table, &picture->arena) != NULL; i++) {
    }
    table->total = MAX(table->count, (size_t)CLAMP(real_or_zero(member(item, "total")), 0.0, 1e9));
    const cJSON *column;
    cJSON_ArrayForEach(column, member(item, "columns"))
    {
        read_column(reader, table, column);
    }
    picture->tables[picture->table_count++] = table;
}

static void
read_tables(struct reader *reader, const cJSON *list)
{
    struct picture *picture = reader->picture;
    picture->tables = arena_news(&picture->arena, struct table *, reader->table_count);
    for (size_t i = 0; picture->tables != NULL && i < reader->table_count; i++) {
        const cJSON *item;
        cJSON_ArrayForEach(item, list)
        {
            const cJSON *name = member(item, "name");
            if (cJSON_IsString(name) && strcmp(name->valuestring, reader->tables[i]->name) == 0) {
                read_table(reader, reader->tables[i], item);
                break;
            }
        }
    }
}

/* ---- history ---- */

/* The metric of a series; one the catalog lacks is added, for the rest of the process. */
static const struct metric *
metric_of(struct reader *reader, const cJSON *item)
{
    const cJSON *name = member(item, "metric"), *kind = member(item, "kind");
    if (!cJSON_IsString(name) || name->valuestring[0] == 0 || strlen(name->valuestring) > 120) {
        return NULL;
    }
    const struct metric *known = catalog_metric(reader->picture->catalog, name->valuestring);
    if (known != NULL) {
        return known;
    }
    /* The keys of the labels this series has are the metric's labels. */
    char name_text[128], keys[256] = "";
    const char *labels = text_of(reader, member(item, "labels"), "");
    struct str rest = str_from(labels), key, value;
    size_t n = 0;
    while (labels_next(&rest, &key, &value) && n + key.n + 2 < sizeof(keys)) {
        memcpy(keys + n, key.p, key.n);
        n += key.n;
        keys[n++] = ' ';
    }
    utf8_clean(str_from(name->valuestring), name_text, sizeof(name_text));
    struct metric like = {.name = name_text,
                          .unit = text_of(reader, member(item, "unit"), ""),
                          .labels = keys,
                          .text = "From a snapshot of another version.",
                          .kind = cJSON_IsString(kind) && strcmp(kind->valuestring, "counter") == 0
                                      ? METRIC_COUNTER
                                      : METRIC_GAUGE};
    return catalog_define(reader->picture->catalog, &like);
}

static size_t
read_times(struct reader *reader, const cJSON *list, int64_t **ret_times)
{
    size_t count = (size_t)MAX(cJSON_GetArraySize(list), 0), n = 0;
    int64_t *times = calloc(count + 1, sizeof(*times));
    const cJSON *item;
    cJSON_ArrayForEach(item, list)
    {
        int64_t wall_ns;
        if (times == NULL || !integer_of(item, &wall_ns) || wall_ns <= reader->wall_offset_ns ||
            (n > 0 && wall_ns - reader->wall_offset_ns <= times[n - 1])) {
            free(times);
            return 0;
        }
        times[n++] = wall_ns - reader->wall_offset_ns;
    }
    *ret_times = times;
    return n;
}

/* All series of a source as one matrix, [series][tick]. */
struct matrix {
    const struct series **series;
    double *values;
    size_t series_count, ticks;
};

static void
read_series(struct reader *reader, const cJSON *item, struct matrix *matrix)
{
    const struct metric *metric = metric_of(reader, item);
    const char *labels = text_of(reader, member(item, "labels"), "");
    const struct series *series = metric != NULL && metric->formula == NULL
                                      ? catalog_series(reader->picture->catalog, metric, labels)
                                      : NULL;
    const cJSON *values = member(item, "values"), *value;
    if (series == NULL) {
        return;
    }
    double *row = matrix->values + matrix->series_count * matrix->ticks;
    for (size_t i = 0; i < matrix->ticks; i++) {
        row[i] = real_of(values); /* one number stands for all */
    }
    size_t at = 0;
    if (cJSON_IsArray(values)) {
        cJSON_ArrayForEach(value, values)
        {
            if (at == matrix->ticks) {
                break;
            }
            row[at++] = real_of(value);
        }
    }
    matrix->series[matrix->series_count++] = series;
}

/* Chunks of 64 ticks and a head with what is left, at least one tick. */
static bool
matrix_to_track(const struct reader *reader, const struct matrix *matrix, const int64_t *times,
                struct track *track)
{
    struct layout *layout = layout_new(matrix->series, matrix->series_count);
    size_t chunk_count = (matrix->ticks - 1) / CHUNK_TICKS;
    struct chunk **chunks = calloc(chunk_count + 1, sizeof(struct chunk *));
    bool good = layout != NULL && chunks != NULL;
    for (size_t c = 0; good && c <= chunk_count; c++) {
        size_t first = c * CHUNK_TICKS, n = MIN(matrix->ticks - first, (size_t)CHUNK_TICKS);
        struct head *head = head_new(layout, reader->wall_offset_ns);
        if (head == NULL) {
            good = false;
            break;
        }
        memcpy(head->mono_ns, times + first, n * sizeof(*times));
        for (size_t s = 0; s < matrix->series_count; s++) {
            memcpy(head->values + s * CHUNK_TICKS, matrix->values + s * matrix->ticks + first,
                   n * sizeof(double));
        }
        if (c == chunk_count) {
            track->head = head;
            track->head_ticks = n;
        } else {
            chunks[c] = chunk_seal(head, n);
            good = chunks[c] != NULL;
            head_release(head);
        }
    }
    if (good && chunk_count > 0) {
        track->chunks = chunk_list_new(chunks, chunk_count);
    }
    for (size_t c = 0; chunks != NULL && c < chunk_count; c++) {
        chunk_release(chunks[c]);
    }
    free(chunks);
    layout_release(layout);
    return good;
}

static void
read_track_history(struct reader *reader, const cJSON *item, struct track *track)
{
    int64_t *times = NULL;
    size_t ticks = read_times(reader, member(item, "times_ns"), &times);
    size_t count =
        MIN((size_t)MAX(cJSON_GetArraySize(member(item, "series")), 0), (size_t)SERIES_MAX);
    struct matrix matrix = {.ticks = ticks};
    if (ticks > 0 && count > 0 && count * ticks <= SNAPSHOT_BYTES_MAX / 4) {
        matrix.series = calloc(count, sizeof(*matrix.series));
        matrix.values = calloc(count * ticks, sizeof(*matrix.values));
    }
    if (matrix.series != NULL && matrix.values != NULL) {
        const cJSON *series;
        cJSON_ArrayForEach(series, member(item, "series"))
        {
            if (matrix.series_count < count) {
                read_series(reader, series, &matrix);
            }
        }
        if (matrix.series_count > 0 && matrix_to_track(reader, &matrix, times, track)) {
            track->mono_ns = times[ticks - 1];
        }
    }
    free(matrix.series);
    free(matrix.values);
    free(times);
}

static enum source_state
state_of(const cJSON *item)
{
    static const char *const names[] = {"ok", "degraded", "buffering", "stale", "failed"};
    for (size_t i = 0; cJSON_IsString(item) && i < ARRAY_SIZE(names); i++) {
        if (strcmp(item->valuestring, names[i]) == 0) {
            return (enum source_state)i;
        }
    }
    return SOURCE_OK;
}

static void
read_tracks(struct reader *reader, const cJSON *sources, const cJSON *history)
{
    struct picture *picture = reader->picture;
    size_t count = MIN((size_t)MAX(cJSON_GetArraySize(sources), 0), (size_t)1024);
    picture->tracks = arena_news(&picture->arena, struct track, count);
    const cJSON *item;
    cJSON_ArrayForEach(item, sources)
    {
        if (picture->tracks == NULL || picture->track_count == count) {
            break;
        }
        struct track *track = &picture->tracks[picture->track_count++];
        *track = (struct track){
            .name = text_of(reader, member(item, "name"), ""),
            .text = "",
            .state = state_of(member(item, "state")),
            .why = text_of(reader, member(item, "why"), ""),
            .mono_ns = picture->mono_ns,
            .duration_ns = llround(CLAMP(real_or_zero(member(item, "duration_s")), 0.0, 1e6) * 1e9),
            .samples = (uint64_t)CLAMP(real_or_zero(member(item, "samples")), 0.0, 9e15),
            .errors = (uint64_t)CLAMP(real_or_zero(member(item, "errors")), 0.0, 9e15),
            .rejected = (uint64_t)CLAMP(real_or_zero(member(item, "rejected")), 0.0, 9e15),
            .dropped = (uint64_t)CLAMP(real_or_zero(member(item, "dropped")), 0.0, 9e15)};
        const cJSON *part;
        cJSON_ArrayForEach(part, history)
        {
            const cJSON *source = member(part, "source");
            if (cJSON_IsString(source) && strcmp(source->valuestring, track->name) == 0 &&
                track->head == NULL) {
                read_track_history(reader, part, track);
            }
        }
    }
}

/* Monotonic times are made so that the oldest tick stands well after 0. */
static bool
read_times_of_picture(struct reader *reader, const cJSON *root)
{
    int64_t wall_ns;
    if (!integer_of(member(root, "time_ns"), &wall_ns) || wall_ns < 0) {
        return refuse(reader, "the snapshot has no time_ns");
    }
    int64_t back = INT64_C(366) * 86400 * NS_PER_S;
    reader->wall_offset_ns = wall_ns > back ? wall_ns - back : 0;
    reader->picture->wall_ns = wall_ns;
    reader->picture->mono_ns = wall_ns - reader->wall_offset_ns;
    double interval = real_or_zero(member(root, "interval_s"));
    reader->picture->interval_ns = (int64_t)(CLAMP(interval, 0.1, 3600.0) * 1e9);
    reader->picture->ticks_missed =
        (uint64_t)CLAMP(real_or_zero(member(root, "ticks_missed")), 0.0, 9e15);
    return true;
}

static bool
read_root(struct reader *reader, const cJSON *root)
{
    int64_t schema;
    if (!cJSON_IsObject(root) || !integer_of(member(root, "schema"), &schema)) {
        return refuse(reader, "this JSON is no flametop snapshot: it has no \"schema\"");
    }
    if (schema > SNAPSHOT_SCHEMA || schema < 1) {
        snprintf(reader->why, reader->why_size,
                 "the snapshot has schema %" PRId64
                 ", this flametop reads up to %d: a newer one will",
                 schema, SNAPSHOT_SCHEMA);
        return false;
    }
    if (!read_times_of_picture(reader, root)) {
        return false;
    }
    struct picture *picture = reader->picture;
    picture->past = true;
    picture->number = 1;
    picture->looked_at = text_of(reader, member(root, "looked_at"), "");
    picture->not_looked_at = text_of(reader, member(root, "not_looked_at"), NULL);
    read_host(reader, member(root, "host"));
    read_findings(reader, member(root, "findings"));
    read_tables(reader, member(root, "tables"));
    read_tracks(reader, member(root, "sources"), member(root, "history"));
    return true;
}

struct picture *
snapshot_read(struct str text, struct catalog *catalog, const struct table_def *const *tables,
              size_t table_count, char *why, size_t why_size)
{
    struct picture *picture = picture_new(catalog, (size_t)512 << 20);
    cJSON *root = text.n <= SNAPSHOT_BYTES_MAX ? cJSON_ParseWithLength(text.p, text.n) : NULL;
    struct reader reader = {.picture = picture,
                            .tables = tables,
                            .table_count = table_count,
                            .why = why,
                            .why_size = why_size};
    bool good = false;
    if (root == NULL) {
        const char *end = cJSON_GetErrorPtr();
        size_t at =
            end != NULL && end >= text.p && end <= text.p + text.n ? (size_t)(end - text.p) : 0;
        snprintf(why, why_size, "not valid JSON, near byte %zu", at);
    } else if (picture != NULL) {
        good = read_root(&reader, root);
    }
    cJSON_Delete(root);
    if (!good) {
        picture_release(picture);
        return NULL;
    }
    return picture;
}
