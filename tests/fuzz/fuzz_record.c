/* Any bytes as a record stream. The first byte says how: as they are, in portions of its size; or
 * as payloads with right checksums behind a hello (type, length in 16 bits, payload), which gets
 * past the framing. What is read can be written, and then reads the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/hash.h"
#include "flametop/base/macros.h"
#include "flametop/core/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool ok)
{
    if (!ok) {
        abort();
    }
}

struct seen {
    struct record_writer *again; /* NULL: the second reading */
    uint64_t batches, chunks, digest;
};

static void
mix(struct seen *seen, const void *bytes, size_t n)
{
    seen->digest = hash_mix(seen->digest, hash_bytes(bytes, n));
}

static void
mix_text(struct seen *seen, const char *text)
{
    mix(seen, text != NULL ? text : "\1", text != NULL ? strlen(text) : 1);
}

static void
see_table(struct seen *seen, const struct table *table)
{
    const struct table_def *def = table->def;
    mix_text(seen, def->name);
    mix(seen, &table->total, sizeof(table->total));
    for (size_t i = 0; i < table->count * def->column_count; i++) {
        const struct column *column = &def->columns[i % def->column_count];
        mix_text(seen, column->title);
        if (column->type == COLUMN_TEXT) {
            mix_text(seen, table->cells[i].text);
        } else if (cell_known(column->type, table->cells[i])) {
            mix(seen, &table->cells[i], sizeof(table->cells[i]));
        }
    }
}

static void
see_batch(void *context, const char *source, const struct batch *batch)
{
    struct seen *seen = context;
    seen->batches++;
    mix_text(seen, source);
    mix_text(seen, batch->why);
    mix(seen, &batch->at, sizeof(batch->at));
    for (size_t i = 0; i < batch->column_count; i++) {
        if (batch->values[i] == batch->values[i]) {
            mix_text(seen, batch->columns[i]->metric->name);
            mix_text(seen, batch->columns[i]->labels);
            mix(seen, &batch->values[i], sizeof(batch->values[i]));
        }
    }
    for (size_t i = 0; i < batch->table_count; i++) {
        see_table(seen, batch->tables[i]);
    }
    if (seen->again != NULL) {
        record_write_changes(seen->again, source, batch);
    }
}

static void
see_chunk(void *context, const char *source, struct chunk *chunk)
{
    struct seen *seen = context;
    double values[CHUNK_TICKS];
    seen->chunks++;
    for (size_t i = 0; i < chunk->layout->count; i++) {
        must(chunk_column(chunk, i, values));
    }
    mix_text(seen, source);
    mix(seen, chunk->bytes, chunk->size);
    if (seen->again != NULL) {
        record_write_chunk(seen->again, source, chunk);
    }
}

/* Rows that can be kept can be looked at. */
static void
see_kept(void *context, const struct kept_part *part)
{
    struct keep *keep = keep_new(part->def);
    (void)context;
    struct arena arena;
    must(keep != NULL);
    arena_init(&arena, (size_t)1 << 20);
    if (keep_add_part(keep, part)) {
        struct kept *kept = keep_view(keep);
        kept_table_at(kept, kept_newest(kept), &arena);
        kept_release(kept);
    }
    arena_done(&arena);
    keep_free(keep);
}

static void
see_tick(void *context, const struct record_tick *tick)
{
    struct seen *seen = context;
    mix(seen, &tick->number, sizeof(tick->number));
    if (seen->again != NULL) {
        record_write_tick(seen->again, tick);
    }
}

static void
see_findings(void *context, const struct record_findings *findings)
{
    struct seen *seen = context;
    mix_text(seen, findings->not_looked_at);
    for (size_t i = 0; i < findings->count; i++) {
        const struct finding *finding = &findings->list[i];
        mix_text(seen, finding->sentence);
        for (size_t e = 0; e < finding->evidence_count; e++) {
            mix_text(seen, finding->evidence[e].value);
            mix_text(seen, finding->evidence[e].labels);
        }
    }
    if (seen->again != NULL) {
        record_write_findings(seen->again, findings);
    }
}

static void
see_link(void *context, const struct link_status *status)
{
    struct seen *seen = context;
    mix_text(seen, status->target);
    mix_text(seen, status->kind);
    mix_text(seen, status->why);
    if (seen->again != NULL) {
        record_write_link(seen->again, status);
    }
}

static void
see_hello(void *context, const struct record_hello *hello)
{
    struct seen *seen = context;
    mix_text(seen, hello->host.name);
}

static void
read_all(struct catalog *catalog, struct seen *seen, const void *bytes, size_t n, size_t portion,
         bool clean)
{
    struct record_events events = {.context = seen,
                                   .hello = see_hello,
                                   .batch = see_batch,
                                   .chunk = see_chunk,
                                   .kept = see_kept,
                                   .tick = see_tick,
                                   .findings = see_findings,
                                   .link = see_link};
    struct record_reader *reader = record_reader_new(catalog, &events);
    must(reader != NULL);
    int error = 0;
    for (size_t at = 0; at < n && error == 0; at += portion) {
        error = record_reader_feed(reader, (const uint8_t *)bytes + at, MIN(portion, n - at));
    }
    error = error == 0 ? record_reader_finish(reader) : error;
    must((error != 0) == (record_reader_why(reader)[0] != 0));
    must(!clean || error == 0);
    record_reader_free(reader);
}

static void
put_record(struct buf *out, uint8_t type, const uint8_t *payload, size_t n)
{
    buf_putc(out, (char)type);
    buf_put_varint(out, n);
    buf_put_u32(out, hash_crc32c(hash_crc32c(0, &type, 1), payload, n));
    buf_add(out, payload, n);
}

static void
wrap(struct buf *out, const uint8_t *data, size_t size)
{
    while (size >= 3) {
        size_t n = MIN(size - 3, (size_t)data[1] | (size_t)data[2] << 8);
        put_record(out, data[0], data + 3, n);
        data += 3 + n;
        size -= 3 + n;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct buf in, out;
    buf_init(&in, (size_t)1 << 24);
    buf_init(&out, (size_t)1 << 26);
    struct record_hello hello = {.protocol = 1, .protocol_min = 1, .interval_ns = 1};
    if (data[0] < 128) {
        struct record_writer *opening = record_writer_new(&in);
        record_write_hello(opening, &hello);
        record_writer_free(opening);
        wrap(&in, data + 1, size - 1);
    } else {
        buf_add(&in, data + 1, size - 1);
    }
    struct catalog *catalog = catalog_new(300);
    struct seen first = {.again = record_writer_new(&out)}, second = {0};
    record_write_hello(first.again, &hello);
    read_all(catalog, &first, in.data != NULL ? in.data : "", in.n, 1 + data[0] % 128, false);
    bool whole = !out.full && record_writer_dropped(first.again) == 0;
    read_all(catalog, &second, out.data, out.n, SIZE_MAX / 2, true);
    must(!whole || (first.batches == second.batches && first.chunks == second.chunks));
    record_writer_free(first.again);
    catalog_free(catalog);
    buf_done(&in);
    buf_done(&out);
    return 0;
}
