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

/* All zero is the beginning. */
struct trace_feed {
    bool begun;
    uint64_t segment; /* where what is new begins */
    uint32_t row;
    struct traces *past; /* held while it is sent; NULL: it was */
    struct traces_cursor at;
    size_t past_bytes;
};

void trace_feed_done(struct trace_feed *feed);

/* Writes about TRACES_PIECE_BYTES of what it has not been sent; nothing when it has all. */
void trace_feed_write(struct trace_feed *feed, struct traces *traces, struct record_writer *writer,
                      struct buf *out);

#endif
