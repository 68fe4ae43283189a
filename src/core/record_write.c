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
#include "record_writer.h"

#define NAMES_FLUSH_BYTES ((size_t)1 << 20)
#define SCRATCH_BYTES_MAX ((size_t)32 << 20)

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
    buf_init(&writer->hello, RECORD_BYTES_MAX);
    buf_init(&writer->link, RECORD_BYTES_MAX);
    buf_init(&writer->findings, RECORD_BYTES_MAX);
    buf_init(&writer->tick, RECORD_BYTES_MAX);
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
    buf_done(&writer->hello);
    buf_done(&writer->link);
    buf_done(&writer->findings);
    buf_done(&writer->tick);
    lasts_done(&writer->lasts);
    free(writer->series);
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

void
writer_emit(struct record_writer *writer, enum record_type type, struct buf *payload)
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

void
writer_flush_names(struct record_writer *writer)
{
    if (writer->names.n > 0) {
        writer_emit(writer, RECORD_NAMES, &writer->names);
    }
}

void
writer_finish(struct record_writer *writer, enum record_type type)
{
    writer_flush_names(writer);
    writer_emit(writer, type, &writer->payload);
    arena_clear(&writer->scratch);
}

/* ---- names ---- */

void
writer_put_entry(struct record_writer *writer, enum name_kind kind)
{
    buf_putc(&writer->names, (char)kind);
    wire_put_part(&writer->names, &writer->entry);
    if (writer->names.n >= NAMES_FLUSH_BYTES) {
        writer_flush_names(writer);
    }
}

void
writer_put_metric(struct record_writer *writer, const struct metric *metric)
{
    struct buf *entry = &writer->entry;
    wire_put_text(entry, metric->name);
    wire_put_text(entry, metric->unit);
    wire_put_text(entry, metric->labels);
    wire_put_text(entry, writer->brief ? "" : metric->text);
    buf_putc(entry, (char)metric->kind);
    buf_putc(entry, (char)metric->better);
    buf_putc(entry, (char)metric->fold);
    buf_putc(entry, (char)metric->bits);
    wire_put_double(entry, metric->warning);
    wire_put_double(entry, metric->critical);
    writer_put_entry(writer, NAME_METRIC);
}

static bool
metric_id(struct record_writer *writer, const struct metric *metric, size_t *ret_id)
{
    uint64_t key = (uint64_t)(uintptr_t)metric;
    uintptr_t known = (uintptr_t)map_get(&writer->metric_ids, key);
    if (known == 0) {
        if (writer->frozen ||
            !map_put(&writer->metric_ids, key, (void *)(writer->metric_count + 1))) {
            return false;
        }
        writer_put_metric(writer, metric);
        writer->metrics[writer->metric_count] = metric;
        known = ++writer->metric_count;
    }
    *ret_id = known - 1;
    return true;
}

void
writer_put_series(struct record_writer *writer, const struct series *series, size_t metric)
{
    buf_put_varint(&writer->entry, metric);
    wire_put_text(&writer->entry, series->labels);
    writer_put_entry(writer, NAME_SERIES);
}

static bool
grow_series(struct record_writer *writer)
{
    if (writer->series_count < writer->series_capacity) {
        return true;
    }
    size_t capacity = MAX(writer->series_capacity * 2, (size_t)256);
    const struct series **series = reallocarray(writer->series, capacity, sizeof(*series));
    if (series == NULL) {
        return false;
    }
    writer->series = series;
    writer->series_capacity = capacity;
    return true;
}

bool
writer_series(struct record_writer *writer, const struct series *series, int64_t *ret_id)
{
    uint64_t key = (uint64_t)(uintptr_t)series;
    uintptr_t known = (uintptr_t)map_get(&writer->series_ids, key);
    if (known == 0) {
        size_t metric;
        if (writer->frozen || !metric_id(writer, series->metric, &metric) || !grow_series(writer) ||
            !map_put(&writer->series_ids, key, (void *)(writer->series_count + 1))) {
            return false;
        }
        writer_put_series(writer, series, metric);
        writer->series[writer->series_count] = series;
        known = ++writer->series_count;
    }
    *ret_id = (int64_t)known - 1;
    return true;
}

void
writer_put_table_def(struct record_writer *writer, const struct table_def *def)
{
    struct buf *entry = &writer->entry;
    wire_put_text(entry, def->name);
    wire_put_text(entry, def->title);
    wire_put_text(entry, writer->brief ? "" : def->text);
    buf_put_varint(entry, def->sort_column);
    buf_put_varint(entry, def->kept_rows);
    buf_put_varint(entry, def->column_count);
    for (size_t c = 0; c < def->column_count; c++) {
        const struct column *column = &def->columns[c];
        wire_put_text(entry, column->name);
        wire_put_text(entry, column->title);
        wire_put_text(entry, column->unit);
        wire_put_text(entry, writer->brief ? "" : column->text);
        buf_putc(entry, (char)column->type);
        buf_put_varint(entry, column->flags);
        buf_put_varint(entry, column->width);
    }
    writer_put_entry(writer, NAME_TABLE);
}

bool
writer_table(struct record_writer *writer, const struct table_def *def, size_t *ret_id)
{
    for (size_t i = 0; i < writer->table_count; i++) {
        if (writer->tables[i] == def) {
            *ret_id = i;
            return true;
        }
    }
    if (writer->frozen || writer->table_count == TABLE_IDS_MAX ||
        def->column_count > TABLE_COLUMNS_MAX) {
        return false;
    }
    writer_put_table_def(writer, def);
    writer->tables[writer->table_count] = def;
    *ret_id = writer->table_count++;
    return true;
}

void
writer_refresh_texts(struct record_writer *writer)
{
    if (writer->text_count < TEXT_IDS_MAX && writer->text_bytes < TEXT_BYTES_MAX - WIRE_TEXT_MAX) {
        return;
    }
    writer_put_entry(writer, NAME_FORGET);
    map_clear(&writer->text_ids);
    arena_clear(&writer->text_arena);
    writer->text_count = writer->text_bytes = 0;
    writer->forgotten++;
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
    if (writer->frozen || writer->text_count == TEXT_IDS_MAX ||
        writer->text_bytes + n > TEXT_BYTES_MAX) {
        return false;
    }
    const char *copy = arena_text(&writer->text_arena, text, n);
    if (writer->text_arena.full ||
        !map_put(&writer->text_ids, key, (void *)(writer->text_count + 1))) {
        return false;
    }
    buf_add(&writer->entry, text, n);
    writer_put_entry(writer, NAME_TEXT);
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
    wire_put_text(out, hello->instance);
    if (writer->started && !writer->frozen) { /* another than the first */
        buf_clear(&writer->hello);
        buf_add(&writer->hello, out->data, out->n);
        writer->hello_tick = writer->ticks;
    }
    writer_finish(writer, RECORD_HELLO);
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
        if (!isnan(batch->values[i]) && writer_series(writer, batch->columns[i], &ids[n])) {
            values[n++] = batch->values[i];
        }
    }
    buf_put_varint(&writer->payload, n);
    wire_put_integers(&writer->payload, ids, n);
    wire_put_doubles(&writer->payload, values, n);
}

static void
put_bitmap(struct buf *out, enum column_type type, const union cell *cells, size_t n)
{
    for (size_t row = 0; row < n; row += 8) {
        unsigned byte = 0;
        for (size_t i = 0; i < 8 && row + i < n; i++) {
            byte |= (unsigned)cell_known(type, cells[row + i]) << i;
        }
        buf_putc(out, (char)byte);
    }
}

static void
put_text_cell(struct record_writer *writer, const char *text)
{
    size_t id;
    if (!writer->own_texts && text_id(writer, text, &id)) {
        buf_put_varint(&writer->column, id + 1);
    } else {
        buf_put_varint(&writer->column, 0);
        wire_put_text(&writer->column, text);
    }
}

static void
put_known(struct record_writer *writer, enum column_type type, const union cell *cells, size_t n)
{
    switch (type) {
    case COLUMN_REAL:
        wire_put_doubles(&writer->column, &cells->real, n);
        break;
    case COLUMN_INTEGER:
        wire_put_integers(&writer->column, &cells->integer, n);
        break;
    case COLUMN_TEXT:
        for (size_t i = 0; i < n; i++) {
            put_text_cell(writer, cells[i].text);
        }
        break;
    }
}

void
writer_put_cells(struct record_writer *writer, enum column_type type, union cell *cells, size_t n)
{
    size_t known = 0;
    for (size_t i = 0; i < n; i++) {
        known += cell_known(type, cells[i]);
    }
    enum cells_known which = known == n ? CELLS_ALL : known == 0 ? CELLS_NONE : CELLS_SOME;
    buf_putc(&writer->column, (char)which);
    if (which == CELLS_SOME) {
        put_bitmap(&writer->column, type, cells, n);
    }
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (cell_known(type, cells[i])) {
            cells[kept++] = cells[i];
        }
    }
    if (known > 0) {
        put_known(writer, type, cells, known);
    }
}

void
writer_put_table(struct record_writer *writer, const struct table *table, size_t id)
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
        for (size_t row = 0; row < rows; row++) {
            scratch[row] = table_row(table, row)[c];
        }
        writer_put_cells(writer, table->def->columns[c].type, scratch, rows);
        wire_put_part(&writer->table, &writer->column);
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
        if (writer_table(writer, batch->tables[i]->def, &ids[n])) {
            which[n++] = i;
        } else {
            writer->dropped++;
        }
    }
    buf_put_varint(&writer->payload, n);
    for (size_t i = 0; i < n; i++) {
        writer_put_table(writer, batch->tables[which[i]], ids[i]);
    }
}

void
writer_put_header(struct record_writer *writer, const struct batch *batch)
{
    struct buf *out = &writer->payload;
    buf_put_u64(out, (uint64_t)batch->at.mono_ns);
    buf_put_u64(out, (uint64_t)batch->at.wall_ns);
    buf_put_u64(out, (uint64_t)batch->at.boot_ns);
    buf_putc(out, (char)batch->state);
    wire_put_text(out, batch->why);
    buf_put_varint(out, batch->rejected);
    buf_put_varint(out, batch->dropped);
    buf_put_varint(out, batch->errors);
}

void
record_write_batch(struct record_writer *writer, const char *source, const struct batch *batch)
{
    struct last *last = lasts_find(&writer->lasts, source);
    if (last != NULL) {
        last_forget(last); /* the reader's is this one now */
    }
    writer_refresh_texts(writer);
    wire_put_text(&writer->payload, source);
    writer_put_header(writer, batch);
    put_samples(writer, batch);
    put_tables(writer, batch);
    writer_finish(writer, RECORD_BATCH);
}

void
record_write_chunk(struct record_writer *writer, const char *source, const struct chunk *chunk)
{
    struct buf *out = &writer->payload;
    size_t count = chunk->layout->count;
    int64_t *ids = arena_news(&writer->scratch, int64_t, count);
    bool named = ids != NULL;
    for (size_t i = 0; named && i < count; i++) {
        named = writer_series(writer, chunk->layout->series[i], &ids[i]);
    }
    if (!named) {
        writer_flush_names(writer);
        arena_clear(&writer->scratch);
        writer->dropped++;
        return;
    }
    wire_put_text(out, source);
    buf_put_varint(out, count);
    wire_put_integers(out, ids, count);
    buf_put_varint(out, chunk->size);
    buf_add(out, chunk->bytes, chunk->size);
    writer_finish(writer, RECORD_CHUNK);
}

void
record_write_end(struct record_writer *writer)
{
    writer_finish(writer, RECORD_END);
}
