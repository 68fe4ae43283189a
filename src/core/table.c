/* Tables: cells row by row in the arena. */
#include "flametop/core/table.h"

#include <math.h>
#include <string.h>

struct table *
table_new(struct arena *arena, const struct table_def *def, size_t capacity)
{
    struct table *table = arena_new(arena, struct table);
    if (table == NULL) {
        return NULL;
    }
    table->def = def;
    table->cells = arena_news(arena, union cell, capacity * def->column_count);
    table->capacity = table->cells != NULL ? capacity : 0;
    return table;
}

static bool
grow(struct table *table, struct arena *arena)
{
    size_t columns = table->def->column_count;
    size_t capacity = table->capacity < 16 ? 32 : table->capacity * 2;
    union cell *cells = arena_news(arena, union cell, capacity * columns);
    if (cells == NULL) {
        return false;
    }
    if (table->count > 0) {
        memcpy(cells, table->cells, table->count * columns * sizeof(*cells));
    }
    table->cells = cells;
    table->capacity = capacity;
    return true;
}

union cell *
table_add(struct table *table, struct arena *arena)
{
    if (table->count == table->capacity && !grow(table, arena)) {
        return NULL;
    }
    union cell *row = table_row(table, table->count++);
    for (size_t i = 0; i < table->def->column_count; i++) {
        switch (table->def->columns[i].type) {
        case COLUMN_REAL:
            row[i].real = NAN;
            break;
        case COLUMN_INTEGER:
            row[i].integer = CELL_UNKNOWN;
            break;
        case COLUMN_TEXT:
            row[i].text = NULL;
            break;
        }
    }
    return row;
}

union cell *
table_row(const struct table *table, size_t row)
{
    return table->cells + row * table->def->column_count;
}

bool
cell_known(enum column_type type, union cell cell)
{
    return type == COLUMN_REAL      ? !isnan(cell.real)
           : type == COLUMN_INTEGER ? cell.integer != CELL_UNKNOWN
                                    : cell.text != NULL;
}

int
cell_compare(enum column_type type, union cell a, union cell b)
{
    bool known_a = cell_known(type, a), known_b = cell_known(type, b);
    if (!known_a || !known_b) {
        return known_a - known_b;
    }
    if (type == COLUMN_TEXT) {
        int order = strcmp(a.text, b.text);
        return (order > 0) - (order < 0);
    }
    return type == COLUMN_REAL ? (a.real > b.real) - (a.real < b.real)
                               : (a.integer > b.integer) - (a.integer < b.integer);
}

int
table_column(const struct table_def *def, const char *name)
{
    for (size_t i = 0; i < def->column_count; i++) {
        if (strcmp(def->columns[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

/* NULL: there is none of this name and type. */
static const union cell *
cell_of(const struct table_def *def, const union cell *row, const char *name, enum column_type type)
{
    int column = row != NULL ? table_column(def, name) : -1;
    return column >= 0 && def->columns[column].type == type ? &row[column] : NULL;
}

int64_t
row_integer(const struct table_def *def, const union cell *row, const char *name)
{
    const union cell *cell = cell_of(def, row, name, COLUMN_INTEGER);
    return cell != NULL ? cell->integer : CELL_UNKNOWN;
}

double
row_real(const struct table_def *def, const union cell *row, const char *name)
{
    const union cell *cell = cell_of(def, row, name, COLUMN_REAL);
    return cell != NULL ? cell->real : (double)NAN;
}

const char *
row_text(const struct table_def *def, const union cell *row, const char *name)
{
    const union cell *cell = cell_of(def, row, name, COLUMN_TEXT);
    return cell != NULL ? cell->text : NULL;
}

struct table *
table_copy(struct arena *arena, const struct table *table)
{
    struct table *copy = table_new(arena, table->def, table->count);
    if (copy == NULL || copy->capacity < table->count) {
        return NULL;
    }
    size_t columns = table->def->column_count;
    memcpy(copy->cells, table->cells, table->count * columns * sizeof(*copy->cells));
    copy->count = table->count;
    copy->total = table->total;
    for (size_t i = 0; i < table->count * columns; i++) {
        bool text = table->def->columns[i % columns].type == COLUMN_TEXT;
        if (text && copy->cells[i].text != NULL) {
            copy->cells[i].text =
                arena_text(arena, copy->cells[i].text, strlen(copy->cells[i].text));
        }
    }
    return copy;
}
