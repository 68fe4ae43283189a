/* Rows of a section: found anew only when a source's layout changed, and kept when they are the
 * same: a chart is made once. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/utf8.h"
#include "section.h"

#define PROBE_EVERY 16 /* pictures between looks at columns that never had a value */
#define PROBE_ROWS 8

static void
row_close(struct row *row)
{
    reading_close(&row->reading);
    for (size_t i = 0; i < SECTION_COLUMNS_MAX; i++) {
        query_free(row->cells[i].query);
    }
    for (size_t i = 0; i < ARRAY_SIZE(row->quiet); i++) {
        query_free(row->quiet[i]);
    }
}

void
section_close(struct section *section)
{
    for (size_t i = 0; i < section->count; i++) {
        row_close(&section->rows[i]);
    }
    free(section->rows);
    section->rows = NULL;
    section->count = 0;
}

static char *
join_labels(const char *labels, const char *more, char dst[LABELS_BYTES])
{
    strlcpy(dst, labels, LABELS_BYTES);
    if (more != NULL) {
        strlcat(dst, ",", LABELS_BYTES);
        strlcat(dst, more, LABELS_BYTES);
    }
    return dst;
}

static void
cell_open(struct cell_text *cell, const struct section_column *column, const char *labels,
          struct catalog *catalog)
{
    char why[160], with[LABELS_BYTES];
    const struct metric *metric = catalog_metric(catalog, column->metric);
    cell->query = query_new(catalog, column->metric, join_labels(labels, column->labels, with), why,
                            sizeof(why));
    cell->limits = limits_of(catalog, metric);
    if (metric != NULL) {
        reading_unit(metric, cell->unit);
    }
}

static struct query *
open_with(struct catalog *catalog, const char *metric, const char *labels, const char *more)
{
    char why[160], with[LABELS_BYTES];
    return query_new(catalog, metric, join_labels(labels, more, with), why, sizeof(why));
}

static void
quiet_open(struct row *row, const struct section_quiet *quiet, struct catalog *catalog)
{
    row->quiet[0] = open_with(catalog, quiet->is, row->labels, quiet->labels);
    row->quiet[1] = open_with(catalog, quiet->share, row->labels, NULL);
    row->quiet[2] = open_with(catalog, quiet->amount, row->labels, quiet->amount_labels);
}

static void
row_open(struct row *row, const struct section_def *def, struct catalog *catalog, const char *value)
{
    char with[LABELS_BYTES];
    utf8_clean(str_from(value), row->title, sizeof(row->title));
    labels_add(row->labels, sizeof(row->labels), def->label, str_from(value));
    reading_open(&row->reading, catalog, def->metric, join_labels(row->labels, def->labels, with),
                 NULL);
    for (size_t i = 0; i < SECTION_COLUMNS_MAX && def->columns[i].metric != NULL; i++) {
        cell_open(&row->cells[i], &def->columns[i], row->labels, catalog);
    }
    if (def->quiet != NULL) {
        quiet_open(row, def->quiet, catalog);
    }
}

static bool
same_rows(const struct section *section, const char *const *values, size_t count)
{
    char clean[TITLE_BYTES];
    bool same = section->count == count;
    for (size_t i = 0; i < count && same; i++) {
        utf8_clean(str_from(values[i]), clean, sizeof(clean));
        same = strcmp(section->rows[i].title, clean) == 0;
    }
    return same;
}

static void
find_label_rows(struct section *section, struct catalog *catalog, const struct picture *picture)
{
    const char *values[SECTION_ROWS_MAX];
    struct arena arena;
    arena_init(&arena, 1 << 20);
    const struct section_def *def = section->def;
    size_t count =
        query_label_values(picture, def->metric, def->label, &arena, values, SECTION_ROWS_MAX);
    if (!same_rows(section, values, count)) {
        section_close(section);
        section->rows = count > 0 ? calloc(count, sizeof(*section->rows)) : NULL;
        section->count = section->rows != NULL ? count : 0;
        for (size_t i = 0; i < section->count; i++) {
            row_open(&section->rows[i], def, catalog, values[i]);
        }
    }
    arena_done(&arena);
}

static void
find_fixed_rows(struct section *section, struct catalog *catalog)
{
    const struct section_def *def = section->def;
    section_close(section);
    section->rows = calloc(def->row_count, sizeof(*section->rows));
    section->count = section->rows != NULL ? def->row_count : 0;
    for (size_t i = 0; i < section->count; i++) {
        struct row *row = &section->rows[i];
        row->fixed = &def->rows[i];
        strlcpy(row->title, row->fixed->title, sizeof(row->title));
        strlcpy(row->labels, row->fixed->labels != NULL ? row->fixed->labels : "",
                sizeof(row->labels));
        reading_open(&row->reading, catalog, row->fixed->metric, row->labels, row->fixed->unit);
    }
}

static bool
is_quiet(const struct row *row, const struct section_quiet *quiet, const struct picture *picture)
{
    double values[ARRAY_SIZE(row->quiet)] = {NAN};
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        values[i] = row->quiet[i] != NULL ? query_now(row->quiet[i], picture) : (double)NAN;
    }
    return !isnan(values[0]) && values[1] < quiet->share_from && values[2] < quiet->amount_from;
}

size_t
section_refresh(struct section *section, struct catalog *catalog,
                const struct panel_context *context)
{
    if (section->def->table != NULL) {
        const struct table *table = picture_table(context->picture, section->def->table);
        return table != NULL ? table->count : 0;
    }
    uint64_t signature = picture_signature(context->picture);
    if (section->signature != signature) {
        section->signature = signature;
        if (section->def->rows != NULL) {
            find_fixed_rows(section, catalog);
        } else {
            find_label_rows(section, catalog, context->picture);
        }
    }
    size_t count = 0;
    for (size_t i = 0; i < section->count; i++) {
        struct row *row = &section->rows[i];
        if (row->fixed != NULL) {
            reading_is_present(&row->reading, &row->presence, context->picture);
        }
        if (section->def->quiet != NULL) {
            row->hidden = is_quiet(row, section->def->quiet, context->picture);
        }
        count += row->fixed == NULL ? !row->hidden : row->presence.is;
    }
    return count;
}

/* Finds columns that have values by now; those of a machine that lacks them stay away. A column
 * that every machine has is there from the start: one that comes with the first value and moves the
 * others cannot be read. */
void
section_probe(struct section *section, const struct picture *picture)
{
    bool due = picture->number < PROBE_EVERY || picture->number - section->probed_at >= PROBE_EVERY;
    if (section->probed_at == picture->number || !due) {
        return;
    }
    section->probed_at = picture->number;
    for (size_t i = 0; i < SECTION_COLUMNS_MAX; i++) {
        section->known[i] = section->known[i] || section->def->columns[i].always;
        for (size_t r = 0; r < MIN(section->count, (size_t)PROBE_ROWS) && !section->known[i]; r++) {
            struct row *row = &section->rows[r];
            section->known[i] =
                row->cells[i].query != NULL && !isnan(query_now(row->cells[i].query, picture));
            row->picture_number = section->known[i] ? 0 : row->picture_number;
        }
    }
}

void
section_row_update(const struct section *section, struct row *row,
                   const struct panel_context *context, int spark)
{
    const struct section_def *def = section->def;
    bool ascii = context->glyphs == GLYPHS_ASCII;
    reading_update(&row->reading, context, spark);
    reading_text(&row->reading, ascii, row->value);
    const struct picture *picture = context->picture;
    if (row->picture_number == picture->number && row->picture_ns == picture->mono_ns) {
        return;
    }
    row->picture_number = picture->number;
    row->picture_ns = picture->mono_ns;
    for (int i = 0; i < SECTION_COLUMNS_MAX; i++) {
        struct cell_text *cell = &row->cells[i];
        if (!section->known[i]) {
            continue;
        }
        double value = cell->query != NULL ? query_now(cell->query, picture) : (double)NAN;
        cell->level = limits_level(&cell->limits, value);
        unit_format(value, cell->unit, ascii, cell->text, sizeof(cell->text));
    }
    if (def->reaches != NULL) {
        double seconds = reading_reaches(&row->reading, 1);
        row->reaches[0] = '\0';
        if (!isnan(seconds)) {
            unit_format_age(seconds, row->reaches, sizeof(row->reaches));
        }
    }
}
