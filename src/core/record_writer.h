/* Inside of the writer of the record stream. */
#ifndef FLAMETOP_CORE_RECORD_WRITER_H
#define FLAMETOP_CORE_RECORD_WRITER_H

#include "record_last.h"

struct record_writer {
    struct buf *out;
    bool started, broken;
    bool frozen;    /* for one reader only: nothing is named */
    bool brief;     /* sentences are left out */
    bool own_texts; /* cells hold their texts, not ids */
    uint64_t dropped;
    struct buf names, payload, entry, table, column;
    struct arena scratch; /* of one record */

    struct map metric_ids, series_ids; /* address -> id + 1 */
    const struct metric *metrics[METRIC_IDS_MAX];
    size_t metric_count;
    const struct series **series;
    size_t series_count, series_capacity;
    const struct table_def *tables[TABLE_IDS_MAX];
    size_t table_count;

    struct map text_ids; /* hash, probing on by adding 1 -> id + 1 */
    struct arena text_arena;
    const char *texts[TEXT_IDS_MAX];
    size_t text_count, text_bytes;
    uint64_t forgotten;

    struct lasts lasts;
    struct buf hello, link, findings, tick; /* the last payloads; of hello after the first */
    uint64_t hello_tick;                    /* so many ticks were whole then */
    uint64_t ticks;                         /* that were written */
};

/* One whole record, or none; empties the payload. */
void writer_emit(struct record_writer *writer, enum record_type type, struct buf *payload);
void writer_flush_names(struct record_writer *writer);

/* The names a payload needs, then the payload. */
void writer_finish(struct record_writer *writer, enum record_type type);

/* The id; named when it is new. False when there are too many. */
bool writer_series(struct record_writer *writer, const struct series *series, int64_t *ret_id);
bool writer_table(struct record_writer *writer, const struct table_def *def, size_t *ret_id);

/* Before a batch: a dictionary that is full starts anew. */
void writer_refresh_texts(struct record_writer *writer);

/* Entries of things that have an id. */
void writer_put_metric(struct record_writer *writer, const struct metric *metric);
void writer_put_series(struct record_writer *writer, const struct series *series, size_t metric);
void writer_put_table_def(struct record_writer *writer, const struct table_def *def);
void writer_put_entry(struct record_writer *writer, enum name_kind kind);

/* Pieces of a payload. `column` holds n cells; it is overwritten. */
void writer_put_header(struct record_writer *writer, const struct batch *batch);
void writer_put_cells(struct record_writer *writer, enum column_type type, union cell *cells,
                      size_t n);
void writer_put_table(struct record_writer *writer, const struct table *table, size_t id);

/* The last batch of a source, whole: columns that are gone, too, so that all stand in their places.
 * Tables are cut to the top rows_max rows (0: not). */
void writer_put_last(struct record_writer *writer, const struct last *last, size_t rows_max);

#endif
