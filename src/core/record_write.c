/* Writing the record stream.
 *
 * Invariant: what is in `out` is whole records, and a record names only what records before it
 * defined. So names are collected while a payload is made and go out before it; and once one record
 * did not fit, none after it is written. A payload that is too large by itself is left out alone.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/hash.h"
#include "flametop/base/macros.h"
#include "record_wire.h"

#define NAMES_FLUSH_BYTES ((size_t)1 << 20)
#define SCRATCH_BYTES_MAX ((size_t)32 << 20)

struct record_writer {
    struct buf *out;
    bool started, broken;
    uint64_t dropped;
    struct buf names, payload, entry, table, column;
    struct arena scratch; /* of one record */

    struct map metric_ids, series_ids; /* address -> id + 1 */
    size_t metric_count, series_count;
    const struct table_def *tables[TABLE_IDS_MAX];
    size_t table_count;

    struct map text_ids; /* hash, probing on by adding 1 -> id + 1 */
    struct arena text_arena;
    const char *texts[TEXT_IDS_MAX];
    size_t text_count, text_bytes;
};

struct record_writer *
record_writer_new(struct buf *out)
{
    struct record_writer *writer = calloc(1, sizeof(*writer));
    if (writer == NULL) {
        return NULL;
    }
    writer->out = out;
    buf_init(&writer->names, RECORD_BYTES_MAX);
    buf_init(&writer->payload, RECORD_BYTES_MAX);
    buf_init(&writer->entry, RECORD_BYTES_MAX / 2);
    buf_init(&writer->table, RECORD_BYTES_MAX);
    buf_init(&writer->column, RECORD_BYTES_MAX);
    arena_init(&writer->scratch, SCRATCH_BYTES_MAX);
    arena_init(&writer->text_arena, TEXT_BYTES_MAX * 2);
    map_init(&writer->metric_ids, METRIC_IDS_MAX);
    map_init(&writer->series_ids, SERIES_IDS_MAX);
    map_init(&writer->text_ids, TEXT_IDS_MAX);
    return writer;
}

void
record_writer_free(struct record_writer *writer)
{
    if (writer == NULL) {
        return;
    }
    buf_done(&writer->names);
    buf_done(&writer->payload);
    buf_done(&writer->entry);
    buf_done(&writer->table);
    buf_done(&writer->column);
    arena_done(&writer->scratch);
    arena_done(&writer->text_arena);
    map_done(&writer->metric_ids);
    map_done(&writer->series_ids);
    map_done(&writer->text_ids);
    free(writer);
}

uint64_t
record_writer_dropped(const struct record_writer *writer)
{
    return writer->dropped;
}

/* ---- records ---- */

static void
start(struct record_writer *writer)
{
    if (!writer->started) {
        buf_add(writer->out, RECORD_MAGIC, RECORD_MAGIC_BYTES);
        writer->started = true;
        writer->broken = writer->out->full;
    }
}

/* One whole record, or none; empties the payload. */
static void
emit(struct record_writer *writer, enum record_type type, struct buf *payload)
{
    uint8_t byte = (uint8_t)type;
    start(writer);
    if (payload->full || writer->broken) {
        writer->dropped++;
    } else if (buf_reserve(writer->out, payload->n + 15) == NULL) {
        writer->broken = true;
        writer->dropped++;
    } else {
        uint32_t crc = hash_crc32c(0, &byte, 1);
        buf_putc(writer->out, (char)byte);
        buf_put_varint(writer->out, payload->n);
        buf_put_u32(writer->out,
                    payload->n > 0 ? hash_crc32c(crc, payload->data, payload->n) : crc);
        buf_add(writer->out, payload->data, payload->n);
    }
    buf_clear(payload);
}

static void
flush_names(struct record_writer *writer)
{
    if (writer->names.n > 0) {
        emit(writer, RECORD_NAMES, &writer->names);
    }
}

/* The names a payload needs, then the payload. */
static void
finish(struct record_writer *writer, enum record_type type)
{
    flush_names(writer);
    emit(writer, type, &writer->payload);
    arena_clear(&writer->scratch);
}

/* ---- names ---- */

static void
put_entry(struct record_writer *writer, enum name_kind kind)
{
    buf_putc(&writer->names, (char)kind);
    wire_put_part(&writer->names, &writer->entry);
    if (writer->names.n >= NAMES_FLUSH_BYTES) {
        flush_names(writer);
    }
}

static bool
metric_id(struct record_writer *writer, const struct metric *metric, size_t *ret_id)
{
    uint64_t key = (uint64_t)(uintptr_t)metric;
    uintptr_t known = (uintptr_t)map_get(&writer->metric_ids, key);
    if (known == 0) {
        if (!map_put(&writer->metric_ids, key, (void *)(writer->metric_count + 1))) {
            return false;
        }
        struct buf *entry = &writer->entry;
        wire_put_text(entry, metric->name);
        wire_put_text(entry, metric->unit);
        wire_put_text(entry, metric->labels);
        wire_put_text(entry, metric->text);
        buf_putc(entry, (char)metric->kind);
        buf_putc(entry, (char)metric->better);
        buf_putc(entry, (char)metric->fold);
        buf_putc(entry, (char)metric->bits);
        wire_put_double(entry, metric->warning);
        wire_put_double(entry, metric->critical);
        put_entry(writer, NAME_METRIC);
        known = ++writer->metric_count;
    }
    *ret_id = known - 1;
    return true;
}

static bool
series_id(struct record_writer *writer, const struct series *series, int64_t *ret_id)
{
    uint64_t key = (uint64_t)(uintptr_t)series;
    uintptr_t known = (uintptr_t)map_get(&writer->series_ids, key);
    if (known == 0) {
        size_t metric;
        if (!metric_id(writer, series->metric, &metric) ||
            !map_put(&writer->series_ids, key, (void *)(writer->series_count + 1))) {
            return false;
        }
        buf_put_varint(&writer->entry, metric);
        wire_put_text(&writer->entry, series->labels);
        put_entry(writer, NAME_SERIES);
        known = ++writer->series_count;
    }
    *ret_id = (int64_t)known - 1;
    return true;
}

static void
put_table_entry(struct record_writer *writer, const struct table_def *def)
{
    struct buf *entry = &writer->entry;
    wire_put_text(entry, def->name);
    wire_put_text(entry, def->title);
    wire_put_text(entry, def->text);
    buf_put_varint(entry, def->sort_column);
    buf_put_varint(entry, def->kept_rows);
    buf_put_varint(entry, def->column_count);
    for (size_t c = 0; c < def->column_count; c++) {
        const struct column *column = &def->columns[c];
        wire_put_text(entry, column->name);
        wire_put_text(entry, column->title);
        wire_put_text(entry, column->unit);
        wire_put_text(entry, column->text);
        buf_putc(entry, (char)column->type);
        buf_put_varint(entry, column->flags);
        buf_put_varint(entry, column->width);
    }
    put_entry(writer, NAME_TABLE);
}

static bool
table_id(struct record_writer *writer, const struct table_def *def, size_t *ret_id)
{
    for (size_t i = 0; i < writer->table_count; i++) {
        if (writer->tables[i] == def) {
            *ret_id = i;
            return true;
        }
    }
    if (writer->table_count == TABLE_IDS_MAX || def->column_count > TABLE_COLUMNS_MAX) {
        return false;
    }
    put_table_entry(writer, def);
    writer->tables[writer->table_count] = def;
    *ret_id = writer->table_count++;
    return true;
}

/* Between batches: a dictionary that is full starts anew. */
static void
refresh_texts(struct record_writer *writer)
{
    if (writer->text_count < TEXT_IDS_MAX && writer->text_bytes < TEXT_BYTES_MAX - WIRE_TEXT_MAX) {
        return;
    }
    put_entry(writer, NAME_FORGET);
    map_clear(&writer->text_ids);
    arena_clear(&writer->text_arena);
    writer->text_count = writer->text_bytes = 0;
}

/* False when the dictionary is full. */
static bool
text_id(struct record_writer *writer, const char *text, size_t *ret_id)
{
    size_t n = strnlen(text, WIRE_TEXT_MAX);
    uint64_t key = hash_bytes(text, n);
    uintptr_t known;
    while ((known = (uintptr_t)map_get(&writer->text_ids, key)) != 0) {
        const char *there = writer->texts[known - 1];
        if (strncmp(there, text, n) == 0 && there[n] == 0) {
            *ret_id = known - 1;
            return true;
        }
        key++;
    }
    if (writer->text_count == TEXT_IDS_MAX || writer->text_bytes + n > TEXT_BYTES_MAX) {
        return false;
    }
    const char *copy = arena_text(&writer->text_arena, text, n);
    if (writer->text_arena.full ||
        !map_put(&writer->text_ids, key, (void *)(writer->text_count + 1))) {
        return false;
    }
    buf_add(&writer->entry, text, n);
    put_entry(writer, NAME_TEXT);
    writer->texts[writer->text_count] = copy;
    writer->text_bytes += n;
    *ret_id = writer->text_count++;
    return true;
}

/* ---- payloads ---- */

void
record_write_hello(struct record_writer *writer, const struct record_hello *hello)
{
    struct buf *out = &writer->payload;
    const struct host *host = &hello->host;
    buf_put_varint(out, hello->protocol);
    buf_put_varint(out, hello->protocol_min);
    buf_put_u64(out, (uint64_t)hello->at.mono_ns);
    buf_put_u64(out, (uint64_t)hello->at.wall_ns);
    buf_put_u64(out, (uint64_t)hello->at.boot_ns);
    buf_put_u64(out, (uint64_t)hello->interval_ns);
    wire_put_text(out, host->name);
    wire_put_text(out, host->system);
    wire_put_text(out, host->kernel);
    wire_put_text(out, host->virtualization);
    buf_put_varint(out, host->cores > 0 ? (uint64_t)host->cores : 0);
    wire_put_double(out, host->core_limit);
    wire_put_double(out, host->memory_limit);
    wire_put_double(out, host->uptime_s);
    finish(writer, RECORD_HELLO);
}

/* The columns that have a value. */
static void
put_samples(struct record_writer *writer, const struct batch *batch)
{
    int64_t *ids = arena_news(&writer->scratch, int64_t, batch->column_count);
    double *values = arena_news(&writer->scratch, double, batch->column_count);
    size_t n = 0;
    if (ids == NULL || values == NULL) {
        writer->payload.full = true;
        return;
    }
    for (size_t i = 0; i < batch->column_count; i++) {
        if (!isnan(batch->values[i]) && series_id(writer, batch->columns[i], &ids[n])) {
            values[n++] = batch->values[i];
        }
    }
    buf_put_varint(&writer->payload, n);
    wire_put_integers(&writer->payload, ids, n);
    wire_put_doubles(&writer->payload, values, n);
}

static void
put_bitmap(struct buf *out, const struct table *table, size_t rows, size_t column)
{
    enum column_type type = table->def->columns[column].type;
    for (size_t row = 0; row < rows; row += 8) {
        unsigned byte = 0;
        for (size_t i = 0; i < 8 && row + i < rows; i++) {
            byte |= (unsigned)cell_known(type, table_row(table, row + i)[column]) << i;
        }
        buf_putc(out, (char)byte);
    }
}

static void
put_text_cell(struct record_writer *writer, const char *text)
{
    size_t id;
    if (text_id(writer, text, &id)) {
        buf_put_varint(&writer->column, id + 1);
    } else {
        buf_put_varint(&writer->column, 0);
        wire_put_text(&writer->column, text);
    }
}

/* The known cells of a column. */
static void
put_cells(struct record_writer *writer, const struct table *table, size_t rows, size_t column,
          size_t known, union cell *scratch)
{
    enum column_type type = table->def->columns[column].type;
    size_t n = 0;
    for (size_t row = 0; row < rows; row++) {
        union cell cell = table_row(table, row)[column];
        if (cell_known(type, cell)) {
            scratch[n++] = cell;
        }
    }
    switch (type) {
    case COLUMN_REAL:
        wire_put_doubles(&writer->column, &scratch->real, known);
        break;
    case COLUMN_INTEGER:
        wire_put_integers(&writer->column, &scratch->integer, known);
        break;
    case COLUMN_TEXT:
        for (size_t i = 0; i < n; i++) {
            put_text_cell(writer, scratch[i].text);
        }
        break;
    }
}

static void
put_column(struct record_writer *writer, const struct table *table, size_t rows, size_t column,
           union cell *scratch)
{
    enum column_type type = table->def->columns[column].type;
    size_t known = 0;
    for (size_t row = 0; row < rows; row++) {
        known += cell_known(type, table_row(table, row)[column]);
    }
    enum cells_known which = known == rows ? CELLS_ALL : known == 0 ? CELLS_NONE : CELLS_SOME;
    buf_putc(&writer->column, (char)which);
    if (which == CELLS_SOME) {
        put_bitmap(&writer->column, table, rows, column);
    }
    if (known > 0) {
        put_cells(writer, table, rows, column, known, scratch);
    }
    wire_put_part(&writer->table, &writer->column);
}

static void
put_table(struct record_writer *writer, const struct table *table, size_t id)
{
    size_t rows = MIN(table->count, (size_t)TABLE_ROWS_MAX);
    union cell *scratch = arena_news(&writer->scratch, union cell, MAX(rows, (size_t)1));
    if (scratch == NULL) {
        writer->payload.full = true;
        return;
    }
    buf_put_varint(&writer->table, id);
    buf_put_varint(&writer->table, table->total);
    buf_put_varint(&writer->table, rows);
    for (size_t c = 0; c < table->def->column_count; c++) {
        put_column(writer, table, rows, c, scratch);
    }
    while (writer->table.n * ROWS_PER_BYTE < rows) {
        buf_putc(&writer->table, 0);
    }
    wire_put_part(&writer->payload, &writer->table);
}

static void
put_tables(struct record_writer *writer, const struct batch *batch)
{
    size_t ids[BATCH_TABLES_MAX], which[BATCH_TABLES_MAX], n = 0;
    for (size_t i = 0; i < batch->table_count; i++) {
        if (table_id(writer, batch->tables[i]->def, &ids[n])) {
            which[n++] = i;
        } else {
            writer->dropped++;
        }
    }
    buf_put_varint(&writer->payload, n);
    for (size_t i = 0; i < n; i++) {
        put_table(writer, batch->tables[which[i]], ids[i]);
    }
}

void
record_write_batch(struct record_writer *writer, const char *source, const struct batch *batch)
{
    struct buf *out = &writer->payload;
    refresh_texts(writer);
    wire_put_text(out, source);
    buf_put_u64(out, (uint64_t)batch->at.mono_ns);
    buf_put_u64(out, (uint64_t)batch->at.wall_ns);
    buf_put_u64(out, (uint64_t)batch->at.boot_ns);
    buf_putc(out, (char)batch->state);
    wire_put_text(out, batch->why);
    buf_put_varint(out, batch->rejected);
    buf_put_varint(out, batch->dropped);
    buf_put_varint(out, batch->errors);
    put_samples(writer, batch);
    put_tables(writer, batch);
    finish(writer, RECORD_BATCH);
}

void
record_write_chunk(struct record_writer *writer, const char *source, const struct chunk *chunk)
{
    struct buf *out = &writer->payload;
    size_t count = chunk->layout->count;
    int64_t *ids = arena_news(&writer->scratch, int64_t, count);
    bool named = ids != NULL;
    for (size_t i = 0; named && i < count; i++) {
        named = series_id(writer, chunk->layout->series[i], &ids[i]);
    }
    if (!named) {
        arena_clear(&writer->scratch);
        writer->dropped++;
        return;
    }
    wire_put_text(out, source);
    buf_put_varint(out, count);
    wire_put_integers(out, ids, count);
    buf_put_varint(out, chunk->size);
    buf_add(out, chunk->bytes, chunk->size);
    finish(writer, RECORD_CHUNK);
}

void
record_write_end(struct record_writer *writer)
{
    finish(writer, RECORD_END);
}
