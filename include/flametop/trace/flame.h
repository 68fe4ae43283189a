/* Traces as a flame graph: a profile (core/profile.h) whose frames are operations, module the
 * service, and whose widths add up.
 *
 * Measures, all of them means per request:
 *   wall   the critical path (trace/path.h): the whole is the mean wall time of the requests, to
 *          the nanosecond, however much ran at once
 *   total  all that was worked on: self times by stack, also of what ran at the same time or was
 *          not waited for. The whole is `concurrency` times the wall time
 *   self   self times by operation, whoever called it: one level
 *   count  calls
 *
 * A stack is the same node in all measures; those of `self` are one frame deep. Requests count by
 * their weights. A second set becomes the profile's second side; both are means
 * per request, so the differences of all frames sum exactly to the difference of the means. Sums
 * are integers until the values are made.
 *
 * Of one request alone the critical path is there in the order of time, too (FLAME_TIMED).
 *
 * Made in steps; the sets must live and not change until it is done, the profile holds nothing of
 * theirs. */
#ifndef FLAMETOP_TRACE_FLAME_H
#define FLAMETOP_TRACE_FLAME_H

#include <stdbool.h>
#include <stdint.h>

#include "flametop/core/profile.h"
#include "flametop/trace/select.h"

enum trace_measure { MEASURE_WALL, MEASURE_TOTAL, MEASURE_SELF, MEASURE_COUNT, TRACE_MEASURES };

__extension__ typedef __int128 trace_wide; /* nanoseconds in 64ths, of any number of requests */

struct trace_flame_side {
    uint64_t traces, spans;
    double requests;                  /* what the traces stand for */
    int64_t weight;                   /* the same in 64ths, exact */
    double wall_s;                    /* mean of a request */
    double concurrency;               /* total / wall; NaN without wall time */
    int64_t *occurs;                  /* by node: weight of the requests that have a value there */
    trace_wide *sums[TRACE_MEASURES]; /* by node: values before the division by weight */
};

struct trace_flame {
    struct profile *profile; /* owned; to be read when all is done */
    struct trace_flame_side sides[PROFILE_SIDES];
    bool failed; /* out of memory */
    struct trace_flame_work *work;
};

/* `second` NULL: no comparison. NULL when out of memory. */
struct trace_flame *trace_flame_new(const struct trace_set *first, const struct trace_set *second);
void trace_flame_free(struct trace_flame *flame);

/* Goes on until all is done, or the monotonic time is reached; at least one trace is done. True
 * when all is done, or failed. */
bool trace_flame_step(struct trace_flame *flame, int64_t until_ns);

/* How much of the work is done, 0 to 1. */
double trace_flame_progress(const struct trace_flame *flame);

/* The profile, for the caller to release. */
struct profile *trace_flame_take(struct trace_flame *flame);

#endif
