/* The traces of one picture: an immutable list of what the store held then.
 *
 * Traces live in counted segments of about 1 MiB; a list holds its segments and how much of each
 * belongs to it, so making one costs by segments, not by traces. A trace that a late span replaced,
 * or that sampling took away, is dead in lists made since then and alive in older ones. */
#ifndef FLAMETOP_CORE_TRACES_H
#define FLAMETOP_CORE_TRACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/core/trace.h"

#define TRACE_SEGMENT_BYTES ((size_t)1 << 20)
#define TRACE_SEGMENT_ROWS 8192

/* The command that marks a trace in the store of this program (MESSAGE_COMMAND): its argument is
 * the id in hex. Nothing is answered; the trace has TRACE_MARKED from the next list on. */
#define TRACE_MARK "trace.mark"

struct trace_segment {
    unsigned refs; /* atomic */
    uint64_t number;
    uint32_t count; /* written by the store's thread only; lists have their own */
    size_t bytes, capacity;
    uint8_t *data;                       /* traces, each aligned to 8; of base/pages.h */
    uint32_t offset[TRACE_SEGMENT_ROWS]; /* of each, in units of 8 bytes */
};

void trace_segment_release(struct trace_segment *segment);

struct traces_part {
    struct trace_segment *segment; /* one reference */
    uint32_t count;
    uint32_t dead_count;
    bool kept;           /* copies of older ones that made room: nothing new is in it */
    const uint8_t *dead; /* bits by row; NULL: none. Belongs to the list */
};

struct traces {
    unsigned refs;             /* atomic */
    struct traces_part *parts; /* oldest first */
    size_t part_count;
    size_t count;            /* traces alive */
    size_t bytes, bytes_max; /* held, may be held */
    int64_t oldest_mono_ns;  /* of those alive: how far back it reaches */
    uint64_t number;         /* counts up whenever anything changed */
    /* Since the start: */
    uint64_t received;    /* spans */
    uint64_t repeated;    /* of them sent before (a batch tried again) */
    uint64_t dropped;     /* spans that a limit left no room for */
    uint64_t refused;     /* spans without ids */
    uint64_t cut;         /* attributes, events, links and texts beyond a limit */
    uint64_t sampled_out; /* traces sampled away, by a rule or to make room */
    uint64_t left;        /* traces of elsewhere that are too large to be here, at most 64 */
    uint32_t left_bytes;  /* of the last of them, */
    char left_id[2 * SPAN_ID_BYTES_MAX + 1]; /* its id in hex */
    size_t open, open_bytes;                 /* traces being gathered, what they hold */
    double slow_s, slow_query_s;             /* thresholds in force, seconds */
};

struct traces *traces_acquire(struct traces *traces); /* NULL is allowed */
void traces_release(struct traces *traces);           /* NULL is allowed */

/* Walks from the newest to the oldest by arrival: start with a zeroed cursor; NULL at the end. */
struct traces_cursor {
    size_t part; /* counted from the end */
    uint32_t row;
    bool started;
};
const struct trace *traces_next(const struct traces *traces, struct traces_cursor *cursor);

/* The trace with this id (raw bytes); NULL. Walks the list. */
const struct trace *traces_find(const struct traces *traces, struct str id);

#endif
