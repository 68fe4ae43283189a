/* A chunk: up to 64 ticks of one source, sealed: immutable and counted.
 *
 * It holds one time vector, a directory and one compressed column a series. The same bytes are the
 * unit of history in memory, on disk, in recordings and on the wire:
 *
 *   u8 format (1) · varint ticks · varint columns · i64 first mono_ns · i64 wall_offset_ns ·
 *   times since the first (core/codec.h) with its length as varint · a varint length for each
 * column · the columns. */
#ifndef FLAMETOP_CORE_CHUNK_H
#define FLAMETOP_CORE_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/core/head.h"

struct chunk_mark;

struct chunk {
    unsigned refs; /* atomic */
    struct layout *layout;
    size_t ticks;
    int64_t first_ns, last_ns; /* monotonic */
    int64_t wall_offset_ns;
    struct chunk_mark *marks; /* into the same block of memory: where some of the columns start */
    size_t size;
    uint8_t bytes[];
};

/* Seals the first n (1 to CHUNK_TICKS) ticks of a head. NULL when out of memory. */
struct chunk *chunk_seal(const struct head *head, size_t n);

/* A chunk from bytes of unknown origin: everything is checked. NULL when they are not a chunk with
 * layout->count columns. */
struct chunk *chunk_parse(struct layout *layout, const void *bytes, size_t size);

struct chunk *chunk_acquire(struct chunk *chunk);
void chunk_release(struct chunk *chunk);

/* All times (chunk->ticks of them), or one column. False when the bytes are damaged. */
bool chunk_times(const struct chunk *chunk, int64_t ret_mono_ns[CHUNK_TICKS]);
bool chunk_column(const struct chunk *chunk, size_t column, double ret_values[CHUNK_TICKS]);

/* Memory the chunk takes. */
size_t chunk_memory(const struct chunk *chunk);

#endif
