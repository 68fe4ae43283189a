/* The finished traces, in segments: two generations under one byte bound.
 *
 * New traces are appended to the last segment of `fresh`. When there are too many bytes the oldest
 * fresh segment goes; what is worth keeping of it is copied to `kept` (trace/store.h says what).
 * When `kept` has more than half of the bytes its oldest segment goes for good, but for what is
 * marked.
 *
 * One that alone has more bytes than the bound, of elsewhere, stands aside, until the next: beyond
 * the bound, so that it takes nobody's place.
 *
 * Invariant: the index knows exactly the rows that are alive; numbers of segments only grow, within
 * each generation from the oldest to the newest. */
#ifndef FLAMETOP_TRACE_SEGMENTS_H
#define FLAMETOP_TRACE_SEGMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/hash.h"
#include "flametop/core/traces.h"

#define STRATA 256

struct held {
    struct trace_segment *segment;
    int64_t oldest_mono_ns;
    uint32_t dead_count;
    uint8_t dead[TRACE_SEGMENT_ROWS / 8];
};

struct generation {
    struct held **list; /* oldest first */
    size_t count, capacity;
    size_t bytes;
};

struct segments {
    struct generation kept, fresh, aside;
    struct map index; /* key of the store -> where */
    uint64_t seed;
    uint64_t next_number;
    size_t bytes_max;
    size_t alive;
    uint64_t sampled_out;
    uint64_t changes;
    uint32_t strata[STRATA]; /* how many of each endpoint were looked at: one in so many stays */
};

void segments_init(struct segments *segments, uint64_t seed, size_t bytes_max);
void segments_done(struct segments *segments);

/* Room for a trace of so many bytes: write it there, then segments_add. NULL: no room. */
void *segments_reserve(struct segments *segments, size_t bytes);

/* The trace that was written is alive, in the place of one of the same id; room is made. */
void segments_add(struct segments *segments);

/* A trace, checked, that stands aside; false: it is none, or out of memory. */
bool segments_set_aside(struct segments *segments, const void *bytes, size_t n);

/* The one that is alive, by the store's key; NULL. */
const struct trace *segments_find(const struct segments *segments, uint64_t key, const uint8_t *id,
                                  size_t n);

size_t segments_bytes(const struct segments *segments);

/* A list of what is alive, with one reference; the caller fills the rest in. NULL: no memory. */
struct traces *segments_list(const struct segments *segments);

#endif
