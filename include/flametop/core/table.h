/* A table: rows of typed columns for what is too many or too short-lived to be series (processes,
 * cgroups).
 *
 * A cell that could not be read is unknown, not zero: NaN, CELL_UNKNOWN or NULL. Texts belong to
 * the arena the table was made in, or outlive it. */
#ifndef FLAMETOP_CORE_TABLE_H
#define FLAMETOP_CORE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/arena.h"

#define CELL_UNKNOWN INT64_MIN

union cell {
    double real;
    int64_t integer;
    const char *text;
};

enum column_type { COLUMN_REAL, COLUMN_INTEGER, COLUMN_TEXT };

enum column_flags {
    COLUMN_KEY = 1,  /* identifies the row over time; one a table, an integer or a text */
    COLUMN_RANK = 2, /* larger is more interesting: the rows kept in history are the top of these */
    COLUMN_KEEP = 4, /* kept in history for the top rows */
    COLUMN_HIDDEN = 8,  /* not shown unless chosen */
    COLUMN_COSTLY = 16, /* filled only for rows and columns somebody looks at (core/interest.h) */
    COLUMN_TOTAL = 32   /* what a share adds up to over time: rows of one share stand by it, largest
                           first, so that who works now and then is near those who work */
};

struct column {
    const char *name;  /* a metric-like name: process.cpu.utilization */
    const char *title; /* as in the table's head: CPU */
    const char *unit;  /* UCUM, as in metric.unit; "" for plain numbers and texts */
    const char *text;  /* one sentence for help */
    enum column_type type;
    unsigned flags;
    unsigned width; /* cells, as a default; 0: takes what is left */
};

struct table_def {
    const char *name; /* processes */
    const char *title;
    const char *text;
    const struct column *columns;
    size_t column_count;
    size_t sort_column; /* default, descending */
    size_t kept_rows;   /* of each rank column */
};

struct table {
    const struct table_def *def;
    size_t count, capacity;
    size_t total;      /* rows there are, also those that are not in here */
    union cell *cells; /* [row][column] */
};

struct table *table_new(struct arena *arena, const struct table_def *def, size_t capacity);

/* A new row, every cell unknown; NULL when the arena is full. */
union cell *table_add(struct table *table, struct arena *arena);

/* A copy with its texts in another arena; NULL when that is full. */
struct table *table_copy(struct arena *arena, const struct table *table);

union cell *table_row(const struct table *table, size_t row);
bool cell_known(enum column_type type, union cell cell);

/* -1, 0, 1. Unknown cells sort below all others. */
int cell_compare(enum column_type type, union cell a, union cell b);

/* Index of a column by name; -1 when there is none. */
int table_column(const struct table_def *def, const char *name);

/* The cell of a row (NULL: no row) by the name of its column; unknown when there is no such column,
 * or one of another type. */
int64_t row_integer(const struct table_def *def, const union cell *row, const char *name);
double row_real(const struct table_def *def, const union cell *row, const char *name);
const char *row_text(const struct table_def *def, const union cell *row, const char *name);

#endif
