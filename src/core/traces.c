/* Lists of traces. */
#include "flametop/core/traces.h"

#include <stdlib.h>
#include <string.h>

#include "flametop/base/pages.h"

void
trace_segment_release(struct trace_segment *segment)
{
    if (segment != NULL && __atomic_sub_fetch(&segment->refs, 1, __ATOMIC_ACQ_REL) == 0) {
        pages_free(segment->data);
        free(segment);
    }
}

struct traces *
traces_acquire(struct traces *traces)
{
    if (traces != NULL) {
        __atomic_add_fetch(&traces->refs, 1, __ATOMIC_RELAXED);
    }
    return traces;
}

void
traces_release(struct traces *traces)
{
    if (traces == NULL || __atomic_sub_fetch(&traces->refs, 1, __ATOMIC_ACQ_REL) != 0) {
        return;
    }
    for (size_t i = 0; i < traces->part_count; i++) {
        trace_segment_release(traces->parts[i].segment);
    }
    free(traces);
}

static bool
is_dead(const struct traces_part *part, uint32_t row)
{
    return part->dead != NULL && (part->dead[row / 8] >> row % 8 & 1) != 0;
}

const struct trace *
traces_next(const struct traces *traces, struct traces_cursor *cursor)
{
    while (cursor->part < traces->part_count) {
        const struct traces_part *part = &traces->parts[traces->part_count - 1 - cursor->part];
        if (!cursor->started) {
            cursor->row = part->count;
            cursor->started = true;
        }
        while (cursor->row > 0) {
            uint32_t row = --cursor->row;
            if (!is_dead(part, row)) {
                return (const void *)(part->segment->data + (size_t)part->segment->offset[row] * 8);
            }
        }
        cursor->part++;
        cursor->started = false;
    }
    return NULL;
}

const struct trace *
traces_find(const struct traces *traces, struct str id)
{
    struct traces_cursor cursor = {0};
    const struct trace *trace;
    while ((trace = traces_next(traces, &cursor)) != NULL) {
        if (trace->id_n == id.n && memcmp(trace->id, id.p, id.n) == 0) {
            return trace;
        }
    }
    return NULL;
}
