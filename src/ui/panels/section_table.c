/* A section of a table of the picture: its first rows. */
#include <stdio.h>
#include <string.h>

#include "flametop/base/utf8.h"
#include "section.h"

#define TABLE_COLUMNS_MAX 64

static const struct style style_head = {ROLE_DIM, 0, 0};
static const struct style style_text = {ROLE_TEXT, 0, 0};

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

void
section_draw_table(const struct section *section, const struct panel_context *context,
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
