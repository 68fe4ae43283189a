/* What a stream's names records have defined so far, for its reader.
 *
 * Invariant: every id below a count can be used; each kind has a maximum, and so has the memory of
 * the texts. */
#ifndef FLAMETOP_CORE_RECORD_NAMES_H
#define FLAMETOP_CORE_RECORD_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/hash.h"
#include "record_wire.h"

/* A series of the stream; NULL when the catalog refused it or it has an id already (cleaned, texts
 * may be alike). `seen` is the last record that named it. */
struct stream_series {
    const struct series *series;
    uint64_t seen;
};

/* A table of the stream: the types its columns have there, and which columns of `def` they are (-1:
 * none). */
struct stream_table {
    const struct table_def *def;
    size_t column_count;
    const uint8_t *types;
    const int *columns;
    const struct table_def *own; /* as the stream has it */
};

struct names {
    struct catalog *catalog;
    const struct table_def *const *preferred;
    size_t preferred_count;
    struct arena lasting; /* definitions made here */
    const struct metric *metrics[METRIC_IDS_MAX];
    size_t metric_count;
    struct stream_series *series;
    size_t series_count, series_capacity;
    struct map named; /* series -> itself: those that have an id already */
    struct stream_table tables[TABLE_IDS_MAX];
    size_t table_count;
    struct arena text_arena;
    const char *texts[TEXT_IDS_MAX];
    size_t text_count;
};

void names_init(struct names *names, struct catalog *catalog);
void names_done(struct names *names);

/* Takes in the payload of a names record; false, and one reason, when it is damaged or passes a
 * maximum. */
bool names_read(struct names *names, struct wire payload, struct arena *scratch,
                const char **ret_reason);

/* The next n ids of series as series; those that the catalog refused are NULL. False when an id is
 * unknown or comes twice in the record number `round` (0: it may). */
bool names_series(struct names *names, struct wire *wire, size_t n, uint64_t round,
                  const struct series **ret_series, int64_t *scratch);

/* Places below `count`, ascending: how many, in the arena. False when they are wrong. */
bool wire_places(struct wire *wire, size_t count, struct arena *arena, size_t **ret_places,
                 size_t *ret_n);

/* Reads a table as what differs from those of the batch before; NULL when it is damaged or the
 * arena is full. */
struct table *names_changed_table(const struct names *names, struct wire *wire,
                                  const struct batch *before, struct arena *arena);

/* Reads one table into the arena; NULL when it is damaged or the arena is full. */
struct table *names_table(const struct names *names, struct wire *wire, struct arena *arena);

#endif
