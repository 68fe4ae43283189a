/* The traces that one reader of the record stream is sent: from when it looks at requests, what is
 * new at each tick, and behind that what there was, newest first. Engine thread. */
#ifndef FLAMETOP_AGENT_TRACES_H
#define FLAMETOP_AGENT_TRACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/core/record.h"
#include "flametop/core/traces.h"

#define TRACES_PIECE_BYTES ((size_t)128 << 10)
#define TRACES_PAST_BYTES ((size_t)16 << 20) /* of what there was */

/* A place among the segments of one generation: what is below `row` of that segment, and what is
 * behind it. */
struct trace_place {
    uint64_t segment;
    uint32_t row;
};

/* Places only, so that a slow reader keeps no trace alive. All zero is the beginning. */
struct trace_feed {
    bool begun;
    struct trace_place next; /* where what is new begins */
    bool past;               /* what there was is being sent */
    bool kept;               /* of older ones that made room, by now */
    struct trace_place at;   /* so far */
    size_t past_bytes;
};

/* Writes about TRACES_PIECE_BYTES of what it has not been sent; nothing when it has all. */
void trace_feed_write(struct trace_feed *feed, const struct traces *traces,
                      struct record_writer *writer, struct buf *out);

#endif
