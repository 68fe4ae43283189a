/* Inside of the reader of the record stream. */
#ifndef FLAMETOP_CORE_RECORD_READER_H
#define FLAMETOP_CORE_RECORD_READER_H

#include "record_last.h"
#include "record_names.h"

#define LAYOUTS_KEPT 16
#define TIME_NS_MAX (INT64_C(1) << 61)

struct record_reader {
    struct record_events events;
    struct names names;
    struct batch batch;
    struct arena arena; /* of one record */
    struct layout *layouts[LAYOUTS_KEPT];
    size_t layout_next;
    struct lasts lasts;
    uint64_t dropped;

    struct buf held;
    uint64_t position, round;
    bool begun, greeted, ended;
    int error;
    char why[200];
};

/* A record that cannot be used. */
void reader_damaged(struct record_reader *reader, unsigned type, const char *reason);

struct instant reader_instant(struct wire *wire);

/* The payloads of records. */
void reader_batch(struct record_reader *reader, struct wire wire);
void reader_changes(struct record_reader *reader, struct wire wire);
void reader_chunk(struct record_reader *reader, struct wire wire);
void reader_kept(struct record_reader *reader, struct wire wire);

#endif
