/* Some traces of a list: what a filter, a group, a span of time or a rectangle of the heatmap
 * chose. A set holds its list, so its traces stay whatever arrives meanwhile. */
#ifndef FLAMETOP_TRACE_SELECT_H
#define FLAMETOP_TRACE_SELECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/core/traces.h"

/* Which traces are meant; all zero: all. */
struct trace_scope {
    int64_t from_ns, to_ns;  /* from <= start < to on the clock of pictures (mono_ns); to 0: any */
    int64_t low_ns, high_ns; /* low <= duration < high; high 0: any */
    bool (*accepts)(const void *context, const struct trace *trace); /* NULL: any */
    const void *context; /* lives until another scope is asked for */
    uint64_t version;    /* tells one context from another */
};

#define TRACE_WEIGHT_ONE                                                                           \
    64 /* weights are counted in 64ths of a request, so that sums are exact                        \
        */

/* How many requests a trace stands for, in 64ths; at least one. */
int64_t trace_weight(const struct trace *trace);

bool trace_scope_has(const struct trace_scope *scope, const struct trace *trace);

/* Whether both have one condition, whatever their times and durations. */
bool trace_scope_agrees(const struct trace_scope *a, const struct trace_scope *b);

struct trace_set {
    struct traces *traces;     /* one reference; NULL: empty */
    const struct trace **list; /* newest first, as they are added */
    size_t count, capacity;
    struct trace_scope scope;
    struct traces_cursor cursor;
    bool done;   /* the list was walked to its end */
    bool failed; /* out of memory: there are more */
};

void trace_set_init(struct trace_set *set);
void trace_set_done(struct trace_set *set);

/* Empties the set and begins to fill it anew; takes a reference of its own. Without
 * trace_set_step it stays empty, for traces that are added one by one. */
void trace_set_begin(struct trace_set *set, struct traces *traces, const struct trace_scope *scope);

/* Goes on until all are looked at, or the monotonic time is reached; at least some are. True when
 * all is done, or failed. */
bool trace_set_step(struct trace_set *set, int64_t until_ns);

/* One more, of the list the set began with. False when out of memory. */
bool trace_set_add(struct trace_set *set, const struct trace *trace);

/* The slow of a set that is done (duration >= p95) and the typical (p40 to p60), by their weights;
 * unfinished requests are in neither. Both are begun anew. False when out of memory. */
bool trace_set_cohorts(const struct trace_set *set, struct trace_set *slow,
                       struct trace_set *typical);

#endif
