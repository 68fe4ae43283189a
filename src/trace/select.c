/* Sets of traces: an array of pointers into a list that is held. */
#include "flametop/trace/select.h"

#include <math.h>
#include <stdlib.h>

#include "flametop/base/clock.h"
#include "flametop/base/macros.h"

#define PORTION 512       /* traces between two looks at the clock */
#define SPANS_AS_ONE 16   /* a condition may look at each of them */
#define WEIGHT_MAX 0x1p40 /* of one trace: sums of all stay in int64 */
#define SLOW_FROM 0.95    /* quantiles */
#define TYPICAL_FROM 0.40
#define TYPICAL_TO 0.60

int64_t
trace_weight(const struct trace *trace)
{
    double weight = trace->weight > 1 ? MIN(trace->weight, WEIGHT_MAX / TRACE_WEIGHT_ONE) : 1;
    return (int64_t)(weight * TRACE_WEIGHT_ONE + 0.5);
}

bool
trace_scope_has(const struct trace_scope *scope, const struct trace *trace)
{
    return trace->mono_ns >= scope->from_ns &&
           (scope->to_ns == 0 || trace->mono_ns < scope->to_ns) &&
           trace->duration_ns >= scope->low_ns &&
           (scope->high_ns == 0 || trace->duration_ns < scope->high_ns) &&
           (scope->accepts == NULL || scope->accepts(scope->context, trace));
}

bool
trace_scope_agrees(const struct trace_scope *a, const struct trace_scope *b)
{
    return a->accepts == b->accepts && a->context == b->context && a->version == b->version;
}

void
trace_set_init(struct trace_set *set)
{
    *set = (struct trace_set){.done = true};
}

void
trace_set_done(struct trace_set *set)
{
    traces_release(set->traces);
    free(set->list);
    trace_set_init(set);
}

void
trace_set_begin(struct trace_set *set, struct traces *traces, const struct trace_scope *scope)
{
    struct traces *held = traces_acquire(traces);
    traces_release(set->traces);
    *set = (struct trace_set){
        .traces = held, .list = set->list, .capacity = set->capacity, .scope = *scope};
}

bool
trace_set_add(struct trace_set *set, const struct trace *trace)
{
    if (set->count == set->capacity) {
        size_t wider = MAX(set->capacity * 2, (size_t)256);
        const struct trace **grown = realloc(set->list, wider * sizeof(const struct trace *));
        if (grown == NULL) {
            set->failed = true;
            return false;
        }
        set->list = grown;
        set->capacity = wider;
    }
    set->list[set->count++] = trace;
    return true;
}

/* Some of the list. True at its end. */
static bool
add_portion(struct trace_set *set)
{
    for (unsigned i = 0; i < PORTION;) {
        const struct trace *trace = traces_next(set->traces, &set->cursor);
        if (trace == NULL) {
            return true;
        }
        i += 1 + trace->span_count / SPANS_AS_ONE;
        if (trace_scope_has(&set->scope, trace) && !trace_set_add(set, trace)) {
            return true;
        }
    }
    return false;
}

bool
trace_set_step(struct trace_set *set, int64_t until_ns)
{
    while (!set->done && !set->failed) {
        set->done = set->traces == NULL || add_portion(set);
        if (!set->done && clock_mono_ns() >= until_ns) {
            return false;
        }
    }
    return true;
}

/* ---- cohorts ---- */

struct duration {
    int64_t ns, weight;
};

static int
compare_durations(const void *a, const void *b)
{
    const struct duration *left = a, *right = b;
    return (left->ns > right->ns) - (left->ns < right->ns);
}

/* The duration of the smallest rank >= q of all weight. */
static int64_t
quantile_of(const struct duration *durations, size_t count, int64_t weight, double q)
{
    double wanted = q * (double)weight, seen = 0;
    for (size_t i = 0; i < count; i++) {
        seen += (double)durations[i].weight;
        if (seen >= wanted) {
            return durations[i].ns;
        }
    }
    return count > 0 ? durations[count - 1].ns : 0;
}

static bool
has_ended(const struct trace *trace)
{
    return (trace->flags & TRACE_UNFINISHED) == 0;
}

bool
trace_set_cohorts(const struct trace_set *set, struct trace_set *slow, struct trace_set *typical)
{
    struct duration *durations = calloc(set->count + 1, sizeof(*durations));
    if (durations == NULL) {
        return false;
    }
    size_t count = 0;
    int64_t weight = 0;
    for (size_t i = 0; i < set->count; i++) {
        if (has_ended(set->list[i])) {
            durations[count] =
                (struct duration){set->list[i]->duration_ns, trace_weight(set->list[i])};
            weight += durations[count++].weight;
        }
    }
    qsort(durations, count, sizeof(*durations), compare_durations);
    int64_t slow_ns = quantile_of(durations, count, weight, SLOW_FROM);
    int64_t low_ns = quantile_of(durations, count, weight, TYPICAL_FROM);
    int64_t high_ns = quantile_of(durations, count, weight, TYPICAL_TO);
    free(durations);
    trace_set_begin(slow, set->traces, &set->scope);
    trace_set_begin(typical, set->traces, &set->scope);
    slow->done = typical->done = true;
    bool good = true;
    for (size_t i = 0; i < set->count && good; i++) {
        const struct trace *trace = set->list[i];
        int64_t ns = trace->duration_ns;
        good =
            !has_ended(trace) || ((ns < slow_ns || trace_set_add(slow, trace)) &&
                                  (ns < low_ns || ns > high_ns || trace_set_add(typical, trace)));
    }
    return good;
}
