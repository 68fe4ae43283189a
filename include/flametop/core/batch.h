/* A batch: what one source saw at one instant. The source fills it in poll, the engine stores it.
 *
 * A batch lives as long as its source: columns are registered once and keep their index; values are
 * set to NaN before each poll, so what a source does not set is a gap. Raw readings only: counters
 * as counters. */
#ifndef FLAMETOP_CORE_BATCH_H
#define FLAMETOP_CORE_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/arena.h"
#include "flametop/base/clock.h"
#include "flametop/core/metric.h"
#include "flametop/core/table.h"

enum source_state {
    SOURCE_OK,
    SOURCE_DEGRADED, /* works, with something missing or collected less often */
    SOURCE_BUFFERING,
    SOURCE_STALE,
    SOURCE_FAILED,
};

#define BATCH_TABLES_MAX 12

struct batch {
    struct instant at;
    struct catalog *catalog;
    struct arena *arena; /* of the picture being made: tables and texts */

    const struct series **columns;
    double *values; /* [column] */
    size_t column_count, column_capacity;

    struct table *tables[BATCH_TABLES_MAX];
    size_t table_count;

    enum source_state state;
    char why[160]; /* one sentence when state is not SOURCE_OK */
    uint64_t rejected, dropped, errors;
};

void batch_init(struct batch *batch, struct catalog *catalog);
void batch_done(struct batch *batch);

/* Before each poll: forgets values and tables, sets state OK. */
void batch_begin(struct batch *batch, struct instant at, struct arena *arena);

/* Room for so many columns, and values of them. False when out of memory. */
bool batch_reserve(struct batch *batch, size_t columns);

/* The column of a series, registered at first use. -1 (and `dropped` counted) when the catalog is
 * full. */
int batch_column(struct batch *batch, const struct metric *metric, const char *labels);

/* Does nothing for column -1. */
void batch_set(struct batch *batch, int column, double value);

/* Registers and sets in one; for what is read rarely. */
void batch_put(struct batch *batch, const struct metric *metric, const char *labels, double value);

/* A new table in the arena, delivered with this batch; NULL when the arena is full. */
struct table *batch_table(struct batch *batch, const struct table_def *def, size_t capacity);

void batch_fail(struct batch *batch, enum source_state state, const char *format, ...)
    PRINTF_LIKE(3, 4);

#endif
