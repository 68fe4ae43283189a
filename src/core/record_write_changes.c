/* Writing what changed since the batch before.
 *
 * Most columns that changed are counters: how much they grew, as an integer, is a byte or two where
 * their value is eight. Integers are written as varints rather than packed: most streams are
 * compressed afterwards, and then they are the shorter. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "record_writer.h"

#define EXACT_MAX 9007199254740992.0 /* 2^53 */
#define GROWN_MAX 1e12

/* ---- whole ---- */

static void
put_samples(struct record_writer *writer, const struct batch *batch)
{
    int64_t *ids = arena_news(&writer->scratch, int64_t, batch->column_count);
    if (ids == NULL) {
        writer->payload.full = true;
        return;
    }
    for (size_t i = 0; i < batch->column_count; i++) {
        writer->payload.full |= !writer_series(writer, batch->columns[i], &ids[i]);
    }
    buf_put_varint(&writer->payload, batch->column_count);
    wire_put_integers(&writer->payload, ids, batch->column_count);
    wire_put_doubles(&writer->payload, batch->values, batch->column_count);
}

struct order {
    const struct table *table;
    size_t column;
};

static int
larger_first(const void *a, const void *b, void *context)
{
    const struct order *order = context;
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    int compared = cell_compare(order->table->def->columns[order->column].type,
                                table_row(order->table, y)[order->column],
                                table_row(order->table, x)[order->column]);
    return compared != 0 ? compared : (x > y) - (x < y);
}

/* The top rows as the table is sorted by default, for this record. */
static const struct table *
top_rows(struct record_writer *writer, const struct table *table, size_t rows_max)
{
    size_t *rows = arena_news(&writer->scratch, size_t, table->count);
    struct table *top = table_new(&writer->scratch, table->def, rows_max);
    if (rows == NULL || top == NULL || top->capacity < rows_max) {
        return table;
    }
    for (size_t i = 0; i < table->count; i++) {
        rows[i] = i;
    }
    struct order order = {table, table->def->sort_column};
    qsort_r(rows, table->count, sizeof(*rows), larger_first, &order);
    for (size_t i = 0; i < rows_max; i++) {
        memcpy(table_row(top, i), table_row(table, rows[i]),
               table->def->column_count * sizeof(union cell));
    }
    top->count = rows_max;
    top->total = table->total;
    return top;
}

void
writer_put_last(struct record_writer *writer, const struct last *last, size_t rows_max)
{
    const struct batch *batch = &last->batch;
    wire_put_text(&writer->payload, last->name);
    writer_put_header(writer, batch);
    put_samples(writer, batch);
    buf_put_varint(&writer->payload, batch->table_count);
    for (size_t i = 0; i < batch->table_count; i++) {
        const struct table *table = batch->tables[i];
        size_t id = 0;
        if (rows_max > 0 && table->count > rows_max) {
            table = top_rows(writer, table, rows_max);
        }
        writer->payload.full |= !writer_table(writer, table->def, &id);
        writer_put_table(writer, table, id);
    }
    writer_finish(writer, RECORD_BATCH);
}

/* ---- columns ---- */

static bool
same_bits(double a, double b)
{
    return memcmp(&a, &b, sizeof(a)) == 0 || (isnan(a) && isnan(b));
}

/* The values of the batch in the places of the last one; new columns get places at its end. */
static double *
place_values(struct record_writer *writer, struct last *last, const struct batch *batch)
{
    double *values =
        arena_news(&writer->scratch, double, last->batch.column_count + batch->column_count);
    if (values == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < last->batch.column_count; i++) {
        values[i] = NAN;
    }
    for (size_t i = 0; i < batch->column_count; i++) {
        const struct series *series = batch->columns[i];
        uint64_t key = (uint64_t)(uintptr_t)series;
        uintptr_t place = (uintptr_t)map_get(&last->places, key);
        int64_t id;
        if (isnan(batch->values[i])) {
            continue;
        }
        if (place == 0) {
            place = last->batch.column_count + 1;
            if (!writer_series(writer, series, &id) ||
                !map_put(&last->places, key, (void *)place)) {
                continue; /* there are too many: it is left out, as in a whole batch */
            }
            if (!last_add_column(last, series)) {
                return NULL;
            }
        }
        values[place - 1] = batch->values[i];
    }
    return values;
}

static void
put_places(struct buf *out, const size_t *places, size_t n)
{
    buf_put_varint(out, n);
    for (size_t i = 0; i < n; i++) {
        buf_put_varint(out, i == 0 ? places[0] : places[i] - places[i - 1] - 1);
    }
}

/* Which scale takes the change, and how much it grew there; CHANGED_EXPONENTS: none. */
static size_t
scale_of(double before, double after, int64_t *ret_grown)
{
    for (size_t e = 0; e < CHANGED_EXPONENTS; e++) {
        double from = rint(before * changed_scales[e]), to = rint(after * changed_scales[e]);
        if (!(fabs(from) < EXACT_MAX && fabs(to) < EXACT_MAX && fabs(to - from) < GROWN_MAX)) {
            return CHANGED_EXPONENTS;
        }
        int64_t grown = (int64_t)to - (int64_t)from;
        if (same_bits((from + (double)grown) / changed_scales[e], after)) { /* as it is read */
            *ret_grown = grown;
            return e;
        }
    }
    return CHANGED_EXPONENTS;
}

struct changed {
    size_t *places[CHANGED_EXPONENTS + 1];
    size_t counts[CHANGED_EXPONENTS + 1];
    int64_t *grown[CHANGED_EXPONENTS];
    double *values; /* of the others */
};

static bool
changed_init(struct changed *changed, struct arena *arena, size_t n)
{
    *changed = (struct changed){.values = arena_news(arena, double, n)};
    bool good = changed->values != NULL;
    for (size_t e = 0; e <= CHANGED_EXPONENTS && good; e++) {
        changed->places[e] = arena_news(arena, size_t, n);
        good = changed->places[e] != NULL;
    }
    for (size_t e = 0; e < CHANGED_EXPONENTS && good; e++) {
        changed->grown[e] = arena_news(arena, int64_t, n);
        good = changed->grown[e] != NULL;
    }
    return good;
}

static void
changed_add(struct changed *changed, size_t place, double before, double after)
{
    int64_t grown = 0;
    size_t e = isnan(before) ? CHANGED_EXPONENTS : scale_of(before, after, &grown);
    size_t i = changed->counts[e]++;
    changed->places[e][i] = place;
    if (e < CHANGED_EXPONENTS) {
        changed->grown[e][i] = grown;
    } else {
        changed->values[i] = after;
    }
}

static void
changed_put(const struct changed *changed, struct buf *out)
{
    for (size_t e = 0; e < CHANGED_EXPONENTS; e++) {
        put_places(out, changed->places[e], changed->counts[e]);
        for (size_t i = 0; i < changed->counts[e]; i++) {
            uint64_t grown = (uint64_t)changed->grown[e][i];
            buf_put_varint(out, grown << 1 ^ (0 - (grown >> 63)));
        }
    }
    put_places(out, changed->places[CHANGED_EXPONENTS], changed->counts[CHANGED_EXPONENTS]);
    wire_put_doubles(out, changed->values, changed->counts[CHANGED_EXPONENTS]);
}

static void
put_new(struct record_writer *writer, const struct last *last, size_t from, const double *values)
{
    size_t n = last->batch.column_count - from;
    int64_t *ids = arena_news(&writer->scratch, int64_t, n);
    for (size_t i = 0; ids != NULL && i < n; i++) {
        writer_series(writer, last->batch.columns[from + i], &ids[i]);
    }
    writer->payload.full |= ids == NULL;
    buf_put_varint(&writer->payload, n);
    if (ids != NULL) {
        wire_put_integers(&writer->payload, ids, n);
        wire_put_doubles(&writer->payload, values + from, n);
    }
}

/* `had` columns were there before; `last` still has their values. */
static void
put_columns(struct record_writer *writer, const struct last *last, size_t had, const double *values)
{
    struct changed changed;
    size_t *gone = arena_news(&writer->scratch, size_t, had), gone_count = 0;
    if (gone == NULL || !changed_init(&changed, &writer->scratch, had)) {
        writer->payload.full = true;
        return;
    }
    for (size_t i = 0; i < had; i++) {
        double before = last->batch.values[i];
        if (same_bits(before, values[i])) {
            continue;
        }
        if (isnan(values[i])) {
            gone[gone_count++] = i;
        } else {
            changed_add(&changed, i, before, values[i]);
        }
    }
    put_new(writer, last, had, values);
    put_places(&writer->payload, gone, gone_count);
    changed_put(&changed, &writer->payload);
}

/* ---- tables ---- */

static bool
same_cell(enum column_type type, union cell a, union cell b)
{
    bool known = cell_known(type, a);
    if (known != cell_known(type, b)) {
        return false;
    }
    return !known || (type == COLUMN_TEXT   ? strcmp(a.text, b.text) == 0
                      : type == COLUMN_REAL ? same_bits(a.real, b.real)
                                            : a.integer == b.integer);
}

static uint64_t
key_of(enum column_type type, union cell cell)
{
    return type == COLUMN_TEXT ? (cell.text != NULL ? hash_text(cell.text) : 0)
                               : (uint64_t)cell.integer;
}

static int
key_column(const struct table_def *def)
{
    for (size_t c = 0; c < def->column_count; c++) {
        if ((def->columns[c].flags & COLUMN_KEY) != 0) {
            return (int)c;
        }
    }
    return -1;
}

static void
map_rows(const struct table *table, int key, struct map *ret_rows)
{
    enum column_type type = table->def->columns[key].type;
    for (size_t i = 0; i < table->count; i++) {
        map_put(ret_rows, key_of(type, table_row(table, i)[key]), (void *)(i + 1));
    }
}

/* The row of the same key before; -1: new. Most stand where they stood. */
static void
find_rows(const struct table *before, const struct table *table, int64_t *ret_rows)
{
    int key = key_column(table->def);
    enum column_type type = key >= 0 ? table->def->columns[key].type : COLUMN_INTEGER;
    struct map rows;
    map_init(&rows, TABLE_ROWS_MAX);
    for (size_t i = 0; i < table->count; i++) {
        union cell cell = key >= 0 ? table_row(table, i)[key] : (union cell){.integer = 0};
        if (i < before->count && (key < 0 || same_cell(type, table_row(before, i)[key], cell))) {
            ret_rows[i] = (int64_t)i;
            continue;
        }
        if (rows.count == 0 && key >= 0) {
            map_rows(before, key, &rows);
        }
        size_t row = key >= 0 ? (size_t)(uintptr_t)map_get(&rows, key_of(type, cell)) : 0;
        bool same = row > 0 && same_cell(type, table_row(before, row - 1)[key], cell);
        ret_rows[i] = same ? (int64_t)row - 1 : -1;
    }
    map_done(&rows);
}

static void
put_changed_column(struct record_writer *writer, const struct table *before,
                   const struct table *table, size_t column, const int64_t *rows, size_t *places,
                   union cell *cells)
{
    enum column_type type = table->def->columns[column].type;
    size_t n = 0;
    for (size_t i = 0; i < table->count; i++) {
        union cell cell = table_row(table, i)[column];
        bool same = rows[i] >= 0 ? same_cell(type, table_row(before, (size_t)rows[i])[column], cell)
                                 : !cell_known(type, cell);
        if (!same) {
            places[n] = i;
            cells[n++] = cell;
        }
    }
    put_places(&writer->column, places, n);
    if (n > 0) {
        writer_put_cells(writer, type, cells, n);
    }
    wire_put_part(&writer->table, &writer->column);
}

/* False when that does not work; then nothing was written. */
static bool
put_changed_table(struct record_writer *writer, const struct table *before,
                  const struct table *table, size_t id)
{
    size_t n = table->count;
    if (n > TABLE_ROWS_MAX || before->count > TABLE_ROWS_MAX || before->def != table->def) {
        return false;
    }
    int64_t *rows = arena_news(&writer->scratch, int64_t, n);
    size_t *places = arena_news(&writer->scratch, size_t, n);
    union cell *cells = arena_news(&writer->scratch, union cell, n);
    if (rows == NULL || places == NULL || cells == NULL) {
        return false;
    }
    find_rows(before, table, rows);
    struct buf *out = &writer->table;
    buf_putc(out, 1);
    buf_put_varint(out, id);
    buf_put_varint(out, table->total);
    buf_put_varint(out, n);
    wire_put_integers(out, rows, n);
    for (size_t c = 0; c < table->def->column_count; c++) {
        put_changed_column(writer, before, table, c, rows, places, cells);
    }
    while (before->count + out->n * ROWS_PER_BYTE < n) {
        buf_putc(out, 0);
    }
    wire_put_part(&writer->payload, out);
    return true;
}

static const struct table *
table_before(const struct last *last, const struct table_def *def)
{
    for (size_t i = 0; i < last->batch.table_count; i++) {
        if (last->batch.tables[i]->def == def) {
            return last->batch.tables[i];
        }
    }
    return NULL;
}

/* The tables that have an id; the others are dropped. */
static size_t
named_tables(struct record_writer *writer, const struct batch *batch, struct table **ret_tables)
{
    size_t n = 0, id;
    for (size_t i = 0; i < batch->table_count; i++) {
        if (writer_table(writer, batch->tables[i]->def, &id)) {
            ret_tables[n++] = batch->tables[i];
        } else {
            writer->dropped++;
        }
    }
    return n;
}

static void
put_tables(struct record_writer *writer, const struct last *last, struct table *const *tables,
           size_t count)
{
    buf_put_varint(&writer->payload, count);
    for (size_t i = 0; i < count; i++) {
        const struct table *before = table_before(last, tables[i]->def);
        size_t id = 0;
        writer_table(writer, tables[i]->def, &id);
        if (before == NULL || !put_changed_table(writer, before, tables[i], id)) {
            buf_putc(&writer->table, 0);
            writer_put_table(writer, tables[i], id);
        }
    }
}

/* ---- both ---- */

static void
put_changes(struct record_writer *writer, struct last *last, const struct batch *batch,
            struct table *const *tables, size_t table_count)
{
    size_t had = last->batch.column_count;
    wire_put_text(&writer->payload, last->name);
    buf_put_u64(&writer->payload, (uint64_t)last->batch.at.mono_ns);
    writer_put_header(writer, batch);
    double *values = place_values(writer, last, batch);
    if (values == NULL) {
        writer->payload.full = true;
        last->known = false;
        return;
    }
    put_columns(writer, last, had, values);
    put_tables(writer, last, tables, table_count);
    for (size_t i = 0; i < last->batch.column_count; i++) {
        last->batch.values[i] = values[i];
    }
}

/* The batch becomes the last one as it is. */
static bool
take_whole(struct record_writer *writer, struct last *last, const struct batch *batch)
{
    last_forget(last);
    double *values = place_values(writer, last, batch);
    for (size_t i = 0; values != NULL && i < last->batch.column_count; i++) {
        last->batch.values[i] = values[i];
    }
    return values != NULL;
}

void
record_write_changes(struct record_writer *writer, const char *source, const struct batch *batch)
{
    struct table *tables[BATCH_TABLES_MAX];
    struct last *last = lasts_find(&writer->lasts, source);
    last = last != NULL ? last : lasts_add(&writer->lasts, source);
    if (last == NULL) {
        record_write_batch(writer, source, batch);
        return;
    }
    uint64_t dropped = writer->dropped;
    bool was_known = last->known;
    writer_refresh_texts(writer);
    size_t table_count = named_tables(writer, batch, tables);
    dropped += batch->table_count - table_count;
    last->known = was_known || take_whole(writer, last, batch);
    if (was_known) {
        put_changes(writer, last, batch, tables, table_count);
    }
    last_set_header(last, batch);
    last->tick = writer->ticks;
    last->known &= last_set_tables(last, tables, table_count);
    if (was_known) {
        writer_finish(writer, RECORD_CHANGES);
    } else {
        writer_put_last(writer, last, 0);
    }
    last->known &= writer->dropped == dropped;
}
