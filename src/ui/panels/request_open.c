/* Opening a request: its critical path and what else is made of all its spans before any is drawn.
 * Of a large one that takes longer than a key may, so it is made beside what is open, in steps. */
#include <stdlib.h>
#include <string.h>

#include "flametop/base/clock.h"
#include "flametop/base/macros.h"
#include "request.h"

#define AT_ONCE_MAX 4096 /* spans; more are looked at while the screen is drawn */
#define UNFOLDED_MAX 400 /* larger requests open with what is off the critical path folded */

/* ---- closing ---- */

static void
close_trace(struct waterfall *waterfall)
{
    free(waterfall->state);
    free(waterfall->rows);
    free(waterfall->segments);
    free(waterfall->segment_first);
    waterfall->state = NULL;
    waterfall->rows = NULL;
    waterfall->segments = NULL;
    waterfall->segment_first = NULL;
    waterfall->row_count = 0;
    traces_release(waterfall->traces);
    waterfall->traces = NULL;
    waterfall->trace = NULL;
}

static void
drop_coming(struct waterfall *waterfall)
{
    if (waterfall->coming != NULL) {
        close_trace(waterfall->coming);
        trace_path_done(&waterfall->coming->path);
        free(waterfall->coming);
        waterfall->coming = NULL;
    }
}

void
waterfall_close(struct waterfall *waterfall)
{
    drop_coming(waterfall);
    close_trace(waterfall);
    waterfall->path_only = false;
    waterfall->whole = false;
    waterfall->search[0] = '\0';
    request_lines_clear(&waterfall->lines);
}

/* ---- what is made ---- */

/* The segments of the path, by span: those of i are segments[first[i]] to [first[i + 1] - 1]. */
static bool
index_segments(struct waterfall *waterfall)
{
    const struct trace_path *path = &waterfall->path;
    uint32_t count = path->count;
    waterfall->segment_first = calloc((size_t)count + 2, sizeof(uint32_t));
    waterfall->segments = calloc(MAX(path->segment_count, (size_t)1), sizeof(uint32_t));
    if (waterfall->segment_first == NULL || waterfall->segments == NULL) {
        return false;
    }
    uint32_t *first = waterfall->segment_first;
    for (size_t i = 0; i < path->segment_count; i++) {
        first[path->segments[i].span + 2]++;
    }
    for (uint32_t i = 2; i < count + 2; i++) {
        first[i] += first[i - 1];
    }
    for (size_t i = 0; i < path->segment_count; i++) {
        waterfall->segments[first[path->segments[i].span + 1]++] = (uint32_t)i;
    }
    return true;
}

/* A span is on the path when it or anything below it is. */
static void
mark_path(struct waterfall *waterfall)
{
    const struct trace_span *spans = trace_spans(waterfall->trace);
    for (uint32_t i = waterfall->path.count; i-- > 0;) {
        if (waterfall->segment_first[i + 1] > waterfall->segment_first[i]) {
            waterfall->state[i] |= WATERFALL_ON_PATH;
        }
        if ((waterfall->state[i] & WATERFALL_ON_PATH) != 0 && spans[i].parent != TRACE_NONE) {
            waterfall->state[spans[i].parent] |= WATERFALL_ON_PATH;
        }
    }
}

static void
fold_most(struct waterfall *waterfall)
{
    const struct trace_span *spans = trace_spans(waterfall->trace);
    for (uint32_t i = 1; i < waterfall->path.count; i++) {
        if (spans[i].after > i + 1 && (waterfall->state[i] & WATERFALL_ON_PATH) == 0) {
            waterfall->state[i] |= WATERFALL_FOLDED;
        }
    }
}

/* From the first to the last moment of any span: what nobody waits for may end after the root. */
void
waterfall_extent(struct waterfall *waterfall)
{
    waterfall->from_ns = 0;
    waterfall->to_ns = MAX(waterfall->path.duration_ns, INT64_C(1));
    for (uint32_t i = 0; i < waterfall->path.count; i++) {
        struct waterfall_time time = waterfall_time(waterfall, i);
        waterfall->from_ns = MIN(waterfall->from_ns, time.start_ns);
        waterfall->to_ns = MAX(waterfall->to_ns, time.end_ns);
    }
}

/* ---- opening ---- */

static bool
begin_rows(struct waterfall *waterfall)
{
    size_t count = (size_t)waterfall->path.count + 1;
    waterfall->state = calloc(count, 1);
    waterfall->rows = calloc(count, sizeof(*waterfall->rows));
    return waterfall->state != NULL && waterfall->rows != NULL && index_segments(waterfall);
}

/* What was made takes the place of what was open. Of a newer version of the same request what was
 * selected stays so where it can. */
static void
take_over(struct waterfall *waterfall)
{
    struct waterfall *made = waterfall->coming;
    const struct trace *before = waterfall->trace, *now = made->trace;
    struct trace_span selected = {.id_n = 0};
    if (before != NULL && before->id_n == now->id_n &&
        memcmp(before->id, now->id, now->id_n) == 0) {
        selected = trace_spans(before)[waterfall_span(waterfall)];
    }
    close_trace(waterfall);
    struct trace_path path = waterfall->path;
    waterfall->path = made->path;
    made->path = path;
    waterfall->traces = made->traces;
    waterfall->trace = now;
    waterfall->state = made->state;
    waterfall->rows = made->rows;
    waterfall->row_count = made->row_count;
    waterfall->segments = made->segments;
    waterfall->segment_first = made->segment_first;
    waterfall->from_ns = made->from_ns;
    waterfall->to_ns = made->to_ns;
    waterfall->label_width = made->label_width;
    waterfall->at = waterfall->first = 0;
    waterfall->running_ns = 0;
    waterfall->line_span = TRACE_NONE;
    made->traces = NULL;
    made->state = NULL;
    made->rows = made->segments = made->segment_first = NULL;
    bool relist = made->path_only != waterfall->path_only;
    drop_coming(waterfall);
    if (relist) {
        waterfall_list(waterfall);
    }
    if (selected.id_n > 0) {
        uint32_t there =
            trace_find_span(now, (struct str){(const char *)selected.id, selected.id_n});
        waterfall_select(waterfall, there != TRACE_NONE ? there : 0);
    }
}

/* One phase, the first of them in steps: a large request takes longer than a key may. False when
 * out of memory. */
static bool
make_phase(struct waterfall *waterfall, int64_t until_ns)
{
    struct waterfall *made = waterfall->coming;
    switch (waterfall->phase) {
    case 0:
        waterfall->phase += trace_path_step(&made->path, until_ns);
        return true;
    case 1:
        waterfall->phase++;
        return begin_rows(made);
    case 2:
        mark_path(made);
        break;
    case 3:
        if (made->path.count > UNFOLDED_MAX) {
            fold_most(made);
        }
        break;
    case 4:
        waterfall_extent(made);
        break;
    case 5:
        made->path_only = waterfall->path_only;
        waterfall_list(made);
        break;
    default:
        take_over(waterfall);
        return true;
    }
    waterfall->phase++;
    return true;
}

bool
waterfall_work(struct waterfall *waterfall, int64_t until_ns)
{
    while (waterfall->coming != NULL) {
        if (!make_phase(waterfall, until_ns)) {
            drop_coming(waterfall);
        }
        if (waterfall->coming != NULL && clock_mono_ns() >= until_ns) {
            return true;
        }
    }
    return false;
}

bool
waterfall_open(struct waterfall *waterfall, struct traces *traces, const struct trace *trace)
{
    drop_coming(waterfall);
    struct waterfall *made = calloc(1, sizeof(*made));
    if (made == NULL) {
        return false;
    }
    trace_path_init(&made->path);
    made->traces = traces_acquire(traces);
    made->trace = trace;
    waterfall->coming = made;
    waterfall->phase = 0;
    if (!trace_path_begin(&made->path, trace)) {
        drop_coming(waterfall);
        return false;
    }
    if (trace->span_count <= AT_ONCE_MAX) {
        waterfall_work(waterfall, INT64_MAX);
    }
    return waterfall->coming != NULL || waterfall->trace == trace;
}

/* A newer version of the same request, which is made beside the one that is open. */
void
waterfall_renew(struct waterfall *waterfall, struct traces *traces)
{
    const struct trace *before = waterfall->trace;
    if (before == NULL || waterfall->coming != NULL || traces == NULL ||
        traces->number == waterfall->number) {
        return;
    }
    waterfall->number = traces->number;
    const struct trace *now =
        traces_find(traces, (struct str){(const char *)before->id, before->id_n});
    if (now != NULL && now->version != before->version) {
        waterfall_open(waterfall, traces, now);
    }
}
