/* The record stream: recordings, test fixtures, an agent's stream and its pipe are the same bytes.
 *
 *   magic "flametop" · u8 version (1) · records
 *   record: u8 type · varint length · u32 CRC-32C of type and payload · payload
 *
 * Types: hello (protocol, minimum protocol, wall and monotonic pair, interval, host texts), names
 * (metric rows and series, each with the id later records use), batch (one source, one instant:
 * values by series id, tables), changes (a batch as what differs from the source's batch before),
 * chunk (one source: series ids and the chunk's bytes), findings, tick (all batches of one instant
 * have come), kept (a table's kept rows over time: the chunk's bytes and its texts), trace, profile
 * (how much a sampling grew), link (how what the writer itself is attached to is doing), coming
 * (which of what there was is still being sent), end. A reader skips types it does not know and
 * stops with a sentence at a damaged record: everything before it stands. */
#ifndef FLAMETOP_CORE_RECORD_H
#define FLAMETOP_CORE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/buf.h"
#include "flametop/core/batch.h"
#include "flametop/core/chunk.h"
#include "flametop/core/keep.h"
#include "flametop/core/link.h"
#include "flametop/core/picture.h"

#define RECORD_PROTOCOL 1
#define RECORD_BYTES_MAX ((size_t)16 << 20)

enum record_type {
    RECORD_HELLO = 1,
    RECORD_NAMES,
    RECORD_BATCH,
    RECORD_CHUNK,
    RECORD_END,
    RECORD_CHANGES,
    RECORD_TICK,
    RECORD_FINDINGS,
    RECORD_KEPT,
    RECORD_TRACE,
    RECORD_PROFILE,
    RECORD_LINK,
    RECORD_COMING,
};

struct record_hello {
    uint64_t protocol, protocol_min;
    struct instant at;
    int64_t interval_ns;
    struct host host;     /* texts live as long as the reader */
    const char *instance; /* of the agent that writes, so that a reader may resume; "" or NULL */
};

/* The end of one tick. */
struct record_tick {
    struct instant at;
    int64_t interval_ns;
    uint64_t number, missed; /* as in a picture */
};

/* What analyzers found; stands until the next. */
struct record_findings {
    const struct finding *list;
    size_t count;
    const char *looked_at, *not_looked_at; /* NULL: nothing */
};

/* Writing: remembers which names went out, so each goes out once. Once a record does not fit
 * (out->full) nothing more is written: what is there is whole records. Everything written must
 * outlive the writer, but for tables and their texts; series come from one catalog. */
struct record_writer;
struct record_writer *record_writer_new(struct buf *out);
void record_writer_free(struct record_writer *writer);

/* First of all; and again when the host is another, which tells a reader no time. */
void record_write_hello(struct record_writer *writer, const struct record_hello *hello);
void record_write_batch(struct record_writer *writer, const char *source,
                        const struct batch *batch);
void record_write_chunk(struct record_writer *writer, const char *source,
                        const struct chunk *chunk);
void record_write_end(struct record_writer *writer);

/* The same batch as what differs from the source's batch before, when that was written by this
 * function too; otherwise whole. A reader makes the whole batch of it again. */
void record_write_changes(struct record_writer *writer, const char *source,
                          const struct batch *batch);
void record_write_tick(struct record_writer *writer, const struct record_tick *tick);

/* Nothing when they are the same as the last. */
void record_write_findings(struct record_writer *writer, const struct record_findings *findings);

/* The state of the link of who writes, its times by the writer's clock: target, kind, why, samples
 * and here travel as well. Nothing when that is the same as the last; when it was heard, and how
 * far it is, goes out only while it is not live. */
void record_write_link(struct record_writer *writer, const struct link_status *status);

/* How much of what a writer wrote a reader knows: names, and the batches of so many ticks. Not of
 * what time they are: a batch may be older than the tick before the one that it came with. */
struct record_mark {
    size_t metrics, series, tables, texts;
    uint64_t forgotten; /* times the texts were */
    uint64_t ticks;     /* 0: the batches of every source are news */
};
struct record_mark record_writer_mark(const struct record_writer *writer);

/* What one more reader of a shared stream needs. */
struct record_state {
    const struct record_hello *hello; /* magic and hello come first; NULL: neither */
    struct record_mark known;         /* what it has already */
    bool names_only;                  /* no batches, findings and tick */
    bool brief;      /* without the sentences that a reader of this version has itself */
    bool own_texts;  /* tables bring their texts themselves: none are named, known.texts stays 0 */
    size_t rows_max; /* of a table, the top ones; 0: all */
    size_t rows_had; /* what rows_max was the last time: tables that were cut then come, too; 0 */
};

/* Names series, for all readers, before chunks of them are written for one. */
void record_write_names(struct record_writer *writer, const struct layout *layout);

/* Writes to `out` the names so far, the last batch of each source that record_write_changes wrote,
 * the last link, findings and tick: whoever reads it, and then what this writer writes from now
 * on, is where its other readers are (but for tables that were cut). The writer stays as it is. */
void record_write_state(struct record_writer *writer, const struct record_state *state,
                        struct buf *out);

/* A chunk for one reader, to `out`; dropped when it has a series that was not named. */
void record_write_history(struct record_writer *writer, const char *source,
                          const struct chunk *chunk, struct buf *out);

/* The same of a table's kept rows: its definition is named for all readers, then chunks of it are
 * written for one (core/keep.h, kept_chunk). */
void record_write_table_name(struct record_writer *writer, const struct table_def *def);
void record_write_kept(struct record_writer *writer, const struct table_def *def,
                       const struct chunk *chunk, struct buf *out);

/* A trace for one reader (core/trace.h), as it is; of one that is too large for a record its head
 * alone, which tells so by its size. */
struct trace;
void record_write_trace(struct record_writer *writer, const struct trace *trace, struct buf *out);

/* What is still on its way to one reader, bits by enum link_coming, to `out`: it stands until the
 * next. */
void record_write_coming(struct record_writer *writer, unsigned coming, struct buf *out);

/* What sampling_write (core/sampling.h) made. */
void record_write_profile(struct record_writer *writer, const struct buf *growth);

/* Records and tables that could not be written. */
uint64_t record_writer_dropped(const struct record_writer *writer);

/* Reading: bytes in any portions, callbacks out. Names are interned in the catalog; a metric it
 * lacks is made (catalog_define), a series it refuses is counted as dropped. Texts are cleaned.
 * Gaps do not travel: a batch has just the columns that have values, in an order of its own.
 * Changes come out as the whole batch. */
struct record_events {
    void *context;
    void (*hello)(void *context, const struct record_hello *hello);
    /* The batch and its tables are valid during the call only. */
    void (*batch)(void *context, const char *source, const struct batch *batch);
    void (*chunk)(void *context, const char *source, struct chunk *chunk); /* acquire to keep */
    void (*end)(void *context);
    void (*tick)(void *context, const struct record_tick *tick);
    void (*findings)(void *context, const struct record_findings *findings); /* during the call */
    void (*kept)(void *context, const struct kept_part *part);               /* during the call */
    void (*trace)(void *context, const void *bytes, size_t n); /* during the call; neither checked
                                                                  nor aligned */
    void (*profile)(void *context, struct str growth); /* for sampling_read; during the call */
    void (*link)(void *context, const struct link_status *status); /* during the call */
    void (*coming)(void *context, unsigned coming);                /* bits by enum link_coming */
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

/* Changes of a batch that this reader has not: passed over. */
uint64_t record_reader_dropped(const struct record_reader *reader);

/* 0, or a negative errno with a sentence from record_reader_why; after an error nothing more is
 * read. */
int record_reader_feed(struct record_reader *reader, const void *bytes, size_t n);

/* Says that no more bytes will come: 0 when the last record was whole (an end record need not be
 * there), otherwise a negative errno with a sentence. */
int record_reader_finish(struct record_reader *reader);
const char *record_reader_why(const struct record_reader *reader);

#endif
