/* How many ran at once: starts and ends of all spans, by operation and time, counted up and down.
 * At one instant ends come before starts, so that what follows directly does not overlap. */
#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "graph_work.h"

#define PORTION 32768u /* events merged between two looks at the clock */

void
concurrency_done(struct concurrency *concurrency)
{
    free(concurrency->events);
    free(concurrency->other);
    *concurrency = (struct concurrency){0};
}

static void
add(struct concurrency *concurrency, uint32_t operation, int64_t at_ns, int32_t change)
{
    if (concurrency->count == concurrency->capacity) {
        uint32_t wider = MAX(concurrency->capacity * 2, 1024u);
        struct concurrency_event *grown =
            realloc(concurrency->events, wider * sizeof(struct concurrency_event));
        if (grown == NULL) {
            concurrency->failed = true;
            return;
        }
        concurrency->events = grown;
        concurrency->capacity = wider;
    }
    concurrency->events[concurrency->count++] =
        (struct concurrency_event){at_ns, operation, change};
}

void
concurrency_add(struct concurrency *concurrency, uint32_t operation, int64_t start_ns,
                int64_t end_ns)
{
    if (concurrency->count + 2 > CONCURRENCY_EVENTS_MAX) {
        concurrency->cut = true;
        return;
    }
    add(concurrency, operation, start_ns, 1);
    if (end_ns != INT64_MAX) {
        add(concurrency, operation, end_ns, -1);
    }
}

static bool
goes_first(const struct concurrency_event *a, const struct concurrency_event *b)
{
    if (a->operation != b->operation) {
        return a->operation < b->operation;
    }
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->change <= b->change;
}

/* The two runs that begin at `from`, into the other array. Answers where they end. */
static uint32_t
merge(struct concurrency *concurrency, uint32_t from)
{
    uint32_t count = concurrency->count, width = concurrency->width;
    uint32_t middle = from + MIN(width, count - from), end = middle + MIN(width, count - middle);
    const struct concurrency_event *events = concurrency->events;
    for (uint32_t a = from, b = middle, to = from; to < end; to++) {
        bool first = a < middle && (b == end || goes_first(&events[a], &events[b]));
        concurrency->other[to] = first ? events[a++] : events[b++];
    }
    return end;
}

bool
concurrency_sort(struct concurrency *concurrency)
{
    if (concurrency->other == NULL && concurrency->count > 0) {
        concurrency->other = calloc(concurrency->count, sizeof(*concurrency->other));
        concurrency->failed |= concurrency->other == NULL;
        concurrency->width = 1;
    }
    if (concurrency->failed || concurrency->width >= concurrency->count) {
        return true;
    }
    for (uint32_t merged = 0; merged < PORTION && concurrency->at < concurrency->count;) {
        uint32_t from = concurrency->at;
        concurrency->at = merge(concurrency, from);
        merged += concurrency->at - from;
    }
    if (concurrency->at == concurrency->count) {
        struct concurrency_event *sorted = concurrency->other;
        concurrency->other = concurrency->events;
        concurrency->events = sorted;
        concurrency->width *= 2;
        concurrency->at = 0;
    }
    return concurrency->width >= concurrency->count;
}

void
concurrency_sweep(const struct concurrency *concurrency, struct trace_operation *operations,
                  size_t count)
{
    for (uint32_t i = 0; i < concurrency->count; i++) {
        const struct concurrency_event *event = &concurrency->events[i];
        if (event->operation < count) {
            struct trace_operation *operation = &operations[event->operation];
            operation->current += (uint32_t)event->change;
            operation->high_water = MAX(operation->high_water, operation->current);
        }
    }
}
