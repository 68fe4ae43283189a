/* What the time of one trace was spent on: clipped spans, clocks put right, self time and the
 * critical path. One definition each; everything that shows times of spans uses this.
 *
 * Clipping: a child counts only inside its parent; one that does not meet it is left out, with all
 * below it. A span that has not ended lasts to the end of its parent, the root to the last end that
 * is known. Children that are not waited for (PRODUCER to CONSUMER, FOLLOWS_FROM) are no part of
 * their parent's time: they run apart, as roots of their own that nothing clips.
 *
 * Clock skew: where a SERVER span of another resource sticks out of its CLIENT parent, its subtree
 * is shifted so that it is centred (when it fits), and `skew_ns` says by how much.
 *
 * Self time: the duration without the union of the clipped children.
 *
 * Critical path: backward sweep from the end of the root: the child with the latest end not after
 * t is descended into, the gap above it is the parent's own, and t becomes its start. A child that
 * ends after t by no more than 1 % of the parent's duration and half of its own counts as well, up
 * to t; of children with one end the longest is taken. Its segments partition the root's wall time
 * exactly, to the nanosecond. After Zhang et al., "CRISP: Critical Path Analysis of Large-Scale
 * Microservice Architectures", 2022. */
#ifndef FLAMETOP_TRACE_PATH_H
#define FLAMETOP_TRACE_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/core/trace.h"

struct trace_times {          /* by span */
    int64_t start_ns, end_ns; /* clipped, since the trace's start; left out: both its start */
    int64_t self_ns;
    int64_t path_ns; /* of it on the critical path, without what is below it */
    int64_t skew_ns; /* it was shifted by so much, those above it included */
    bool counted;    /* it and all above it meet their parents and are waited for */
    bool apart;      /* it, or one above it, is not waited for; neither of both: left out */
};

struct trace_segment_of_path { /* oldest first, none of them empty, neighbours differ in span */
    int64_t start_ns, end_ns;
    uint32_t span;
};

struct trace_path {
    struct trace_times *times;
    uint32_t count;
    struct trace_segment_of_path *segments;
    size_t segment_count;
    int64_t duration_ns;               /* of the root: the sum of all path_ns */
    size_t capacity, segment_capacity; /* memory is kept for the next trace */
    void *work;
};

void trace_path_init(struct trace_path *path);
void trace_path_done(struct trace_path *path);

/* Computes all of it; O(n log n), iterative. False when out of memory. */
bool trace_path_of(struct trace_path *path, const struct trace *trace);

/* The same in steps, for what may have 100,000 spans: begun (false when out of memory), then gone
 * on with until all is done, or the monotonic time is reached; the trace must live as long. True
 * when all is done. */
bool trace_path_begin(struct trace_path *path, const struct trace *trace);
bool trace_path_step(struct trace_path *path, int64_t until_ns);

/* Whether the parent does not wait for this span: a CONSUMER of a PRODUCER, or one that only
 * follows from it. */
bool trace_is_apart(const struct trace *trace, uint32_t span);

#endif
