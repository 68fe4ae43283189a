/* The record stream: recordings, test fixtures, an agent's stream and its pipe are the same bytes.
 *
 *   magic "flametop" · u8 version (1) · records
 *   record: u8 type · varint length · u32 CRC-32C of type and payload · payload
 *
 * Types: hello (protocol, minimum protocol, wall and monotonic pair, interval, host texts), names
 * (metric rows and series, each with the id later records use), batch (one source, one instant:
 * values by series id, tables), chunk (one source: series ids and the chunk's bytes), end. A reader
 * skips types it does not know and stops with a sentence at a damaged record: everything before it
 * stands. */
#ifndef FLAMETOP_CORE_RECORD_H
#define FLAMETOP_CORE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/buf.h"
#include "flametop/core/batch.h"
#include "flametop/core/chunk.h"
#include "flametop/core/picture.h"

#define RECORD_PROTOCOL 1
#define RECORD_BYTES_MAX ((size_t)16 << 20)

enum record_type { RECORD_HELLO = 1, RECORD_NAMES, RECORD_BATCH, RECORD_CHUNK, RECORD_END };

struct record_hello {
    uint64_t protocol, protocol_min;
    struct instant at;
    int64_t interval_ns;
    struct host host; /* texts live as long as the reader */
};

/* Writing: remembers which names went out, so each goes out once. Once a record does not fit
 * (out->full) nothing more is written: what is there is whole records. Everything written must
 * outlive the writer, but for tables and their texts; series come from one catalog. */
struct record_writer;
struct record_writer *record_writer_new(struct buf *out);
void record_writer_free(struct record_writer *writer);
void record_write_hello(struct record_writer *writer, const struct record_hello *hello);
void record_write_batch(struct record_writer *writer, const char *source,
                        const struct batch *batch);
void record_write_chunk(struct record_writer *writer, const char *source,
                        const struct chunk *chunk);
void record_write_end(struct record_writer *writer);

/* Records and tables that could not be written. */
uint64_t record_writer_dropped(const struct record_writer *writer);

/* Reading: bytes in any portions, callbacks out. Names are interned in the catalog; a metric it
 * lacks is made (catalog_define), a series it refuses is counted as dropped. Texts are cleaned.
 * Gaps do not travel: a batch has just the columns that have values, in an order of its own. */
struct record_events {
    void *context;
    void (*hello)(void *context, const struct record_hello *hello);
    /* The batch and its tables are valid during the call only. */
    void (*batch)(void *context, const char *source, const struct batch *batch);
    void (*chunk)(void *context, const char *source, struct chunk *chunk); /* acquire to keep */
    void (*end)(void *context);
};

struct record_reader;
struct record_reader *record_reader_new(struct catalog *catalog,
                                        const struct record_events *events);
void record_reader_free(struct record_reader *reader);

/* Before the first bytes: definitions to use for tables of their names, column by name and type.
 * They must outlive the reader. Other tables get definitions made from the stream, which live as
 * long as the reader. */
void record_reader_tables(struct record_reader *reader, const struct table_def *const *tables,
                          size_t count);

/* 0, or a negative errno with a sentence from record_reader_why; after an error nothing more is
 * read. */
int record_reader_feed(struct record_reader *reader, const void *bytes, size_t n);

/* Says that no more bytes will come: 0 when the last record was whole (an end record need not be
 * there), otherwise a negative errno with a sentence. */
int record_reader_finish(struct record_reader *reader);
const char *record_reader_why(const struct record_reader *reader);

#endif
