/* Batches. */
#include "flametop/core/batch.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"

void
batch_init(struct batch *batch, struct catalog *catalog)
{
    *batch = (struct batch){.catalog = catalog};
}

void
batch_done(struct batch *batch)
{
    free(batch->columns);
    free(batch->values);
    batch_init(batch, batch->catalog);
}

void
batch_begin(struct batch *batch, struct instant at, struct arena *arena)
{
    batch->at = at;
    batch->arena = arena;
    batch->table_count = 0;
    batch->state = SOURCE_OK;
    batch->why[0] = 0;
    for (size_t i = 0; i < batch->column_count; i++) {
        batch->values[i] = NAN;
    }
}

bool
batch_reserve(struct batch *batch, size_t columns)
{
    if (columns <= batch->column_capacity) {
        return true;
    }
    size_t capacity = MAX(MAX(batch->column_capacity * 2, (size_t)32), columns);
    const struct series **grown = reallocarray(batch->columns, capacity, sizeof(*grown));
    if (grown == NULL) {
        return false;
    }
    batch->columns = grown;
    double *values = reallocarray(batch->values, capacity, sizeof(*values));
    if (values == NULL) {
        return false;
    }
    batch->values = values;
    batch->column_capacity = capacity;
    return true;
}

int
batch_column(struct batch *batch, const struct metric *metric, const char *labels)
{
    const struct series *series = catalog_series(batch->catalog, metric, labels);
    if (series == NULL) {
        batch->dropped++;
        return -1;
    }
    for (size_t i = 0; i < batch->column_count; i++) {
        if (batch->columns[i] == series) {
            return (int)i;
        }
    }
    if (!batch_reserve(batch, batch->column_count + 1)) {
        batch->dropped++;
        return -1;
    }
    batch->columns[batch->column_count] = series;
    batch->values[batch->column_count] = NAN;
    return (int)batch->column_count++;
}

void
batch_set(struct batch *batch, int column, double value)
{
    if (column >= 0 && (size_t)column < batch->column_count) {
        batch->values[column] = value;
    }
}

void
batch_put(struct batch *batch, const struct metric *metric, const char *labels, double value)
{
    batch_set(batch, batch_column(batch, metric, labels), value);
}

struct table *
batch_table(struct batch *batch, const struct table_def *def, size_t capacity)
{
    if (batch->table_count == BATCH_TABLES_MAX) {
        return NULL;
    }
    struct table *table = table_new(batch->arena, def, capacity);
    if (table != NULL) {
        batch->tables[batch->table_count++] = table;
    }
    return table;
}

void
batch_fail(struct batch *batch, enum source_state state, const char *format, ...)
{
    char why[sizeof(batch->why)];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof(why), format, args);
    va_end(args);
    if (state >= batch->state) {
        batch->state = state;
        utf8_clean(str_from(why), batch->why, sizeof(batch->why));
    }
    if (state == SOURCE_FAILED) {
        batch->errors++;
    }
}
