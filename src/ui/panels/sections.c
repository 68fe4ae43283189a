/* Sections of tables.
 *
 * Rows are found anew only when a source's layout changed, and kept when they are the same: a chart
 * is made once. Everything a page shows is in `spots`, so that cursor and mouse need to know
 * nothing of the layout. */
#include "sections.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../widgets/card.h"
#include "flametop/base/utf8.h"
#include "flametop/ui/term.h"

#define COLUMN_WIDTH_MIN 56
#define COLUMNS_MAX 4
#define SPOTS_MAX 512
#define SPARK_WIDTH_MIN 12
#define PROBE_EVERY 16 /* pictures between looks at columns that never had a value */
#define PROBE_ROWS 8
#define SPARK_WIDTH_MAX 96
#define HEIGHT_EDGES 3 /* box and head line */
#define TITLE_BYTES 96
#define LABELS_BYTES 1024 /* more than sources write: what is cut is asked for in vain */
#define REACHES_WIDTH 9
#define FILLER_ROWS_MIN 4

struct cell_text {
    struct query *query; /* NULL: unknown metric */
    struct limits limits;
    char unit[READING_UNIT];
    char text[READING_TEXT];
    enum level level;
};

struct row {
    char title[TITLE_BYTES], labels[LABELS_BYTES];
    const struct section_row *fixed;
    struct reading reading;
    struct cell_text cells[SECTION_COLUMNS_MAX];
    char value[READING_TEXT], reaches[READING_TEXT];
    uint64_t picture_number;
    int64_t picture_ns;
    struct presence presence; /* of a fixed row */
    bool hidden;              /* quiet, or gone with its device */
    struct query *quiet[3];   /* is, share, amount */
};

struct section {
    const struct section_def *def;
    struct row *rows;
    size_t count;
    uint64_t signature;              /* of the layouts the rows were found in */
    bool known[SECTION_COLUMNS_MAX]; /* columns that ever had a value; others are not shown */
    uint64_t probed_at;              /* picture number */
};

/* One row on the screen. */
struct spot {
    struct rect area;
    size_t section;
    const char *metric, *labels;
};

struct placement {
    size_t section;
    int page;
    struct rect area;
};

struct sections {
    struct catalog *catalog;
    struct section *list;
    size_t count;
    struct placement *placements; /* [count] */
    size_t placed;
    int page, pages;
    struct spot spots[SPOTS_MAX];
    int spot_count, selected;
};

static const struct style style_head = {ROLE_DIM, 0, 0};
static const struct style style_text = {ROLE_TEXT, 0, 0};

struct sections *
sections_new(struct catalog *catalog, const struct section_def *defs, size_t count)
{
    struct sections *sections = calloc(1, sizeof(*sections));
    struct section *list = calloc(count, sizeof(*list));
    struct placement *placements = calloc(count, sizeof(*placements));
    if (sections == NULL || list == NULL || placements == NULL) {
        free(sections);
        free(list);
        free(placements);
        return NULL;
    }
    sections->catalog = catalog;
    sections->list = list;
    sections->placements = placements;
    sections->count = count;
    for (size_t i = 0; i < count; i++) {
        list[i].def = &defs[i];
    }
    return sections;
}

/* ---- rows ---- */

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

static void
rows_close(struct section *section)
{
    for (size_t i = 0; i < section->count; i++) {
        row_close(&section->rows[i]);
    }
    free(section->rows);
    section->rows = NULL;
    section->count = 0;
}

void
sections_free(struct sections *sections)
{
    if (sections == NULL) {
        return;
    }
    for (size_t i = 0; i < sections->count; i++) {
        rows_close(&sections->list[i]);
    }
    free(sections->list);
    free(sections->placements);
    free(sections);
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
        rows_close(section);
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
    rows_close(section);
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

/* Rows worth drawing: of a label those that are not quiet, the fixed ones that ever had a value,
 * those of the table. */
static size_t
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

bool
sections_have_data(struct sections *sections, const struct panel_context *context)
{
    for (size_t i = 0; i < sections->count; i++) {
        if (!sections->list[i].def->filler &&
            section_refresh(&sections->list[i], sections->catalog, context) > 0) {
            return true;
        }
    }
    return false;
}

/* Finds columns that have values by now; those of a machine that lacks them stay away. A column
 * that every machine has is there from the start: one that comes with the first value and moves the
 * others cannot be read. */
static void
probe_columns(struct section *section, const struct picture *picture)
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

static void
row_update(const struct section *section, struct row *row, const struct panel_context *context,
           int spark)
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

/* ---- one section ---- */

/* Where things are in a section of some width. */
struct grid {
    int label, spark;                  /* cells */
    bool columns[SECTION_COLUMNS_MAX]; /* shown */
    int used;                          /* cells of all columns */
    bool reaches;
};

static struct grid
grid_of(const struct section *section, int width)
{
    const struct section_def *def = section->def;
    struct grid grid = {
        .label = (int)utf8_text_width(str_from(def->label_title != NULL ? def->label_title : ""))};
    for (size_t i = 0; i < section->count; i++) {
        const struct row *row = &section->rows[i];
        grid.label =
            row->hidden ? grid.label : MAX(grid.label, (int)utf8_text_width(str_from(row->title)));
    }
    grid.label = MIN(grid.label, MAX(width / 3, 4));
    int room = width - grid.label - 2 - SPARK_WIDTH_MIN;
    if (def->rows != NULL) {
        grid.used = 12;
    }
    for (int i = 0; i < SECTION_COLUMNS_MAX && def->columns[i].metric != NULL; i++) {
        if (!section->known[i]) {
            continue;
        }
        if (grid.used + def->columns[i].width + 1 > room) {
            break;
        }
        grid.used += def->columns[i].width + 1;
        grid.columns[i] = true;
    }
    grid.reaches = def->reaches != NULL && grid.used + REACHES_WIDTH + 1 <= room;
    grid.used += grid.reaches ? REACHES_WIDTH + 1 : 0;
    grid.spark = MIN(MAX(width - grid.label - 2 - grid.used, 0), SPARK_WIDTH_MAX);
    return grid;
}

static void
draw_head(struct canvas *canvas, const struct section_def *def, const struct grid *grid, int x,
          int y, int width)
{
    canvas_text(canvas, x, y, grid->label,
                str_from(def->label_title != NULL ? def->label_title : ""), style_head);
    int at = x + width - grid->used;
    for (int i = 0; i < SECTION_COLUMNS_MAX; i++) {
        if (!grid->columns[i]) {
            continue;
        }
        const struct section_column *column = &def->columns[i];
        canvas_text_right(canvas, at + 1, y, column->width, str_from(column->title), style_head);
        at += column->width + 1;
    }
    if (grid->reaches) {
        canvas_text_right(canvas, at + 1, y, REACHES_WIDTH, str_from(def->reaches), style_head);
    }
}

static struct style
value_style(enum level level)
{
    return (struct style){level >= LEVEL_WARNING ? level_role(level) : ROLE_TEXT, 0,
                          level >= LEVEL_CRITICAL ? CELL_BOLD : 0};
}

static void
draw_row(struct canvas *canvas, const struct section_def *def, const struct grid *grid,
         const struct row *row, int x, int y, int width)
{
    enum reading_scale scale = row->fixed != NULL ? row->fixed->scale : def->scale;
    canvas_text(canvas, x, y, grid->label, str_from(row->title), style_text);
    struct rect spark = {x + grid->label + 1, y, grid->spark, 1};
    struct spark line = reading_spark(&row->reading, scale, ROLE_CHART_1);
    spark_draw(canvas, spark, &line);
    int at = x + width - grid->used;
    if (row->fixed != NULL) {
        canvas_text_right(canvas, at + 1, y, grid->used - 1, str_from(row->value),
                          value_style(reading_level(&row->reading)));
    }
    for (int i = 0; i < SECTION_COLUMNS_MAX; i++) {
        if (!grid->columns[i]) {
            continue;
        }
        const struct cell_text *cell = &row->cells[i];
        canvas_text_right(canvas, at + 1, y, def->columns[i].width, str_from(cell->text),
                          value_style(cell->level));
        at += def->columns[i].width + 1;
    }
    if (grid->reaches) {
        canvas_text_right(canvas, at + 1, y, REACHES_WIDTH, str_from(row->reaches), style_text);
    }
}

static void
add_spot(struct sections *sections, struct rect area, size_t section, const char *metric,
         const char *labels)
{
    if (sections->spot_count < SPOTS_MAX) {
        sections->spots[sections->spot_count++] = (struct spot){area, section, metric, labels};
    }
}

static void
draw_rows(struct sections *sections, struct section *section, const struct panel_context *context,
          struct canvas *canvas, struct rect area)
{
    const struct section_def *def = section->def;
    int x = area.x + 2, width = area.width - 4, y = area.y + 1, bottom = area.y + area.height - 1;
    probe_columns(section, context->picture);
    struct grid grid = grid_of(section, width);
    if (def->rows == NULL) {
        draw_head(canvas, def, &grid, x, y++, width);
    }
    for (size_t i = 0; i < section->count && y < bottom; i++) {
        struct row *row = &section->rows[i];
        if (row->hidden || (row->fixed != NULL && !row->presence.is)) {
            continue;
        }
        row_update(section, row, context, grid.spark);
        draw_row(canvas, def, &grid, row, x, y, width);
        const char *metric = row->fixed != NULL ? row->fixed->metric : def->metric;
        add_spot(sections, (struct rect){area.x + 1, y, area.width - 2, 1},
                 (size_t)(section - sections->list), metric, row->labels);
        y++;
    }
}

/* ---- tables of the picture ---- */

static char *
table_cell_text(const struct column *column, union cell cell, bool ascii, char *dst, size_t size)
{
    if (!cell_known(column->type, cell)) {
        snprintf(dst, size, "%s", ascii ? "-" : "–");
    } else if (column->type == COLUMN_TEXT) {
        utf8_clean(str_from(cell.text), dst, size);
    } else if (column->type == COLUMN_INTEGER && column->unit[0] == '\0') {
        snprintf(dst, size, "%lld", (long long)cell.integer); /* a pid is no amount */
    } else {
        double value = column->type == COLUMN_REAL ? cell.real : (double)cell.integer;
        unit_format(value, column->unit, ascii, dst, size);
    }
    return dst;
}

/* By a column; rows that are equal in it by the table's rank columns. */
static int
compare_rows(const struct table *table, size_t column, size_t a, size_t b)
{
    const struct table_def *def = table->def;
    const union cell *cells_a = table_row(table, a), *cells_b = table_row(table, b);
    int order = cell_compare(def->columns[column].type, cells_a[column], cells_b[column]);
    for (size_t i = 0; order == 0 && i < def->column_count; i++) {
        if ((def->columns[i].flags & COLUMN_RANK) != 0) {
            order = cell_compare(def->columns[i].type, cells_a[i], cells_b[i]);
        }
    }
    return order;
}

/* The largest rows of a column first, by selection (few are shown). */
static size_t
top_rows(const struct table *table, const char *sort, size_t *ret_rows, size_t max)
{
    int named = sort != NULL ? table_column(table->def, sort) : -1;
    size_t column = named >= 0 ? (size_t)named : table->def->sort_column, count = 0;
    for (size_t row = 0; row < table->count; row++) {
        size_t at = count;
        while (at > 0 && compare_rows(table, column, row, ret_rows[at - 1]) > 0) {
            at--;
        }
        if (at >= max) {
            continue;
        }
        count += count < max;
        memmove(&ret_rows[at + 1], &ret_rows[at], (count - 1 - at) * sizeof(*ret_rows));
        ret_rows[at] = row;
    }
    return count;
}

#define TABLE_COLUMNS_MAX 64

/* The columns of a table section in the order they are shown. */
static size_t
table_order(const struct section_def *section, const struct table_def *def,
            size_t columns[TABLE_COLUMNS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; section->table_columns != NULL && section->table_columns[i] != NULL; i++) {
        int column = table_column(def, section->table_columns[i]);
        if (column >= 0 && count < TABLE_COLUMNS_MAX) {
            columns[count++] = (size_t)column;
        }
    }
    for (size_t i = 0; section->table_columns == NULL && i < def->column_count; i++) {
        if ((def->columns[i].flags & COLUMN_HIDDEN) == 0 && count < TABLE_COLUMNS_MAX) {
            columns[count++] = i;
        }
    }
    return count;
}

/* Columns that fit, each as wide as it wants; the one without a width takes the rest. */
static void
table_widths(const struct table_def *def, const size_t *columns, size_t count, int width,
             int *ret_widths)
{
    int used = 0, rest = -1;
    for (size_t i = 0; i < count; i++) {
        const struct column *column = &def->columns[columns[i]];
        bool elastic = column->width == 0;
        int wanted = elastic ? 12 : (int)column->width;
        if (used + wanted + 1 > width) {
            wanted = 0;
        }
        rest = elastic && wanted > 0 ? (int)i : rest;
        ret_widths[i] = wanted;
        used += wanted > 0 ? wanted + 1 : 0;
    }
    if (rest >= 0) {
        ret_widths[rest] += MAX(width - used, 0);
    }
}

static void
draw_table(const struct section *section, const struct panel_context *context,
           struct canvas *canvas, struct rect area)
{
    const struct table *table = picture_table(context->picture, section->def->table);
    int widths[TABLE_COLUMNS_MAX], x = area.x + 2, y = area.y + 1,
                                   lines = area.height - HEIGHT_EDGES;
    size_t rows[SECTION_ROWS_MAX + 1], columns[TABLE_COLUMNS_MAX];
    size_t shown = table_order(section->def, table->def, columns);
    table_widths(table->def, columns, shown, area.width - 4, widths);
    size_t count =
        top_rows(table, section->def->sort, rows, (size_t)CLAMP(lines, 0, SECTION_ROWS_MAX));
    for (size_t i = 0; i < shown; i++) {
        const struct column *column = &table->def->columns[columns[i]];
        bool text = column->type == COLUMN_TEXT;
        for (size_t r = 0; r <= count && widths[i] > 0; r++) {
            char cell[256];
            struct str words = r == 0 ? str_from(column->title)
                                      : str_from(table_cell_text(
                                            column, table_row(table, rows[r - 1])[columns[i]],
                                            context->glyphs == GLYPHS_ASCII, cell, sizeof(cell)));
            struct style style = r == 0 ? style_head : style_text;
            if (text) {
                canvas_text(canvas, x, y + (int)r, widths[i], words, style);
            } else {
                canvas_text_right(canvas, x, y + (int)r, widths[i], words, style);
            }
        }
        x += widths[i] > 0 ? widths[i] + 1 : 0;
    }
}

/* ---- the page ---- */

/* Flows the sections with data into columns and pages. */
static void
place(struct sections *sections, const struct panel_context *context, struct rect area, bool paged)
{
    int columns = CLAMP(area.width / COLUMN_WIDTH_MIN, 1, COLUMNS_MAX), heights[COLUMNS_MAX] = {0};
    int page = 0;
    sections->placed = 0;
    for (size_t i = 0; i < sections->count; i++) {
        struct section *section = &sections->list[i];
        int rows = (int)section_refresh(section, sections->catalog, context);
        int edges = section->def->rows != NULL ? HEIGHT_EDGES - 1 : HEIGHT_EDGES;
        int wanted = MIN(rows + edges, area.height);
        int best = 0;
        for (int c = 1; c < columns; c++) {
            best = heights[c] < heights[best] ? c : best;
        }
        int left = area.height - heights[best];
        if (rows == 0 || (!paged && left < edges + 1) ||
            (section->def->filler && left < edges + FILLER_ROWS_MIN)) {
            continue;
        }
        if (paged && wanted > left && left < area.height && left < edges + 4) {
            memset(heights, 0, sizeof(heights));
            best = 0;
            left = area.height;
            page++;
        }
        int x = area.width * best / columns, end = area.width * (best + 1) / columns;
        int height = MIN(wanted, left);
        sections->placements[sections->placed++] =
            (struct placement){i, page, {area.x + x, area.y + heights[best], end - x, height}};
        heights[best] += height;
    }
    sections->pages = page + 1;
    sections->page = CLAMP(sections->page, 0, page);
}

static void
draw_section(struct sections *sections, const struct placement *placement,
             const struct panel_context *context, struct canvas *canvas)
{
    struct section *section = &sections->list[placement->section];
    struct rect clip = canvas_clip(canvas, placement->area);
    char count[READING_TEXT] = "";
    int rows = (int)section_refresh(section, sections->catalog, context);
    int room =
        placement->area.height - (section->def->rows != NULL ? HEIGHT_EDGES - 1 : HEIGHT_EDGES);
    if (rows > room) {
        snprintf(count, sizeof(count), "%d of %d", MAX(room, 0), rows);
    }
    frame_draw(canvas, placement->area, section->def->title, count, false);
    if (section->def->table != NULL) {
        draw_table(section, context, canvas, placement->area);
    } else {
        draw_rows(sections, section, context, canvas, placement->area);
    }
    canvas_unclip(canvas, clip);
}

/* The selected row, and the edge of the section it is in. */
static void
draw_cursor(const struct sections *sections, struct canvas *canvas)
{
    const struct spot *spot = &sections->spots[sections->selected];
    for (size_t i = 0; i < sections->placed; i++) {
        const struct rect *area = &sections->placements[i].area;
        if (sections->placements[i].section == spot->section && area->height > 1) {
            struct style edge = {ROLE_BORDER_FOCUS, 0, 0};
            struct rect sides[] = {
                {area->x, area->y, 1, area->height},
                {area->x + area->width - 1, area->y, 1, area->height},
                {area->x, area->y + area->height - 1, area->width, 1},
            };
            for (size_t side = 0; side < ARRAY_SIZE(sides); side++) {
                canvas_restyle(canvas, sides[side], edge);
            }
        }
    }
    canvas_restyle(canvas, spot->area, (struct style){ROLE_SELECT_FG, ROLE_SELECT_BG, 0});
    canvas->cursor_x = spot->area.x;
    canvas->cursor_y = spot->area.y;
}

void
sections_draw(struct sections *sections, const struct panel_context *context, struct canvas *canvas,
              struct rect area, bool focused, bool paged)
{
    place(sections, context, area, paged);
    sections->spot_count = 0;
    const struct placement *last = NULL;
    for (size_t i = 0; i < sections->placed; i++) {
        const struct placement *placement = &sections->placements[i];
        if (placement->page == sections->page) {
            draw_section(sections, placement, context, canvas);
            last = placement;
        }
    }
    if (last != NULL && sections->pages > 1) {
        char note[READING_TEXT];
        snprintf(note, sizeof(note), "page %d of %d  , .", sections->page + 1, sections->pages);
        frame_note(canvas, last->area, note, true, style_head);
    }
    sections->selected = CLAMP(sections->selected, 0, MAX(sections->spot_count - 1, 0));
    if (focused && sections->spot_count > 0) {
        draw_cursor(sections, canvas);
    }
}

/* The nearest spot in a column beside the present one. */
static int
spot_beside(const struct sections *sections, int direction)
{
    const struct rect *from = &sections->spots[sections->selected].area;
    int best = sections->selected, best_distance = INT32_MAX;
    for (int i = 0; i < sections->spot_count; i++) {
        const struct rect *to = &sections->spots[i].area;
        int dx = (to->x - from->x) * direction;
        int distance = dx * 4 + abs(to->y - from->y);
        if (dx > 0 && distance < best_distance) {
            best = i;
            best_distance = distance;
        }
    }
    return best;
}

static bool
move(struct sections *sections, const char *name)
{
    int last = MAX(sections->spot_count - 1, 0), selected = sections->selected;
    if (strcmp(name, "move.up") == 0) {
        selected--;
    } else if (strcmp(name, "move.down") == 0) {
        selected++;
    } else if (strcmp(name, "move.page.up") == 0) {
        selected -= 10;
    } else if (strcmp(name, "move.page.down") == 0) {
        selected += 10;
    } else if (strcmp(name, "move.first") == 0) {
        selected = 0;
    } else if (strcmp(name, "move.last") == 0) {
        selected = last;
    } else if (strcmp(name, "move.left") == 0 && last > 0) {
        selected = spot_beside(sections, -1);
    } else if (strcmp(name, "move.right") == 0 && last > 0) {
        selected = spot_beside(sections, 1);
    } else {
        return false;
    }
    sections->selected = CLAMP(selected, 0, last);
    return true;
}

enum reaction
sections_command(struct sections *sections, const struct panel_context *context, const char *name)
{
    if (strcmp(name, "page.next") == 0 || strcmp(name, "page.previous") == 0) {
        int step = strcmp(name, "page.next") == 0 ? 1 : sections->pages - 1;
        sections->page = (sections->page + step) % MAX(sections->pages, 1);
        sections->selected = 0;
        return REACTION_HANDLED | REACTION_INTEREST;
    }
    if (strcmp(name, "open") == 0 && sections->spot_count > 0) {
        const struct spot *spot = &sections->spots[sections->selected];
        panel_open_chart(context, spot->metric, spot->labels);
        return REACTION_HANDLED;
    }
    return move(sections, name) ? REACTION_HANDLED : REACTION_NONE;
}

bool
sections_step(struct sections *sections, int step, bool enter)
{
    int count = sections->spot_count;
    if (count == 0) {
        return false;
    }
    sections->selected = enter ? (step > 0 ? 0 : count - 1) : sections->selected;
    int at = sections->selected;
    size_t from = sections->spots[at].section;
    while (!enter && at >= 0 && at < count && sections->spots[at].section == from) {
        at += step;
    }
    if (at < 0 || at >= count) {
        return false;
    }
    while (at > 0 && sections->spots[at - 1].section == sections->spots[at].section) {
        at--;
    }
    sections->selected = at;
    return true;
}

enum reaction
sections_mouse(struct sections *sections, const struct panel_context *context, int x, int y,
               int button)
{
    for (int i = 0; i < sections->spot_count; i++) {
        const struct rect *area = &sections->spots[i].area;
        if (y != area->y || x < area->x || x >= area->x + area->width) {
            continue;
        }
        if (button == TERM_CLICK) {
            sections->selected = i;
            return REACTION_HANDLED;
        }
        return button == TERM_DOUBLE_CLICK
                   ? (sections->selected = i, sections_command(sections, context, "open"))
                   : REACTION_NONE;
    }
    return REACTION_NONE;
}
