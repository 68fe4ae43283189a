/* Clipping goes down in preorder, parents first; each parent's children are put in the order of
 * their ends, latest first, which is the order in which both the union of their times (self time)
 * and the backward sweep (critical path) want them. The sweep descends with a stack of its own:
 * traces are 5,000 deep.
 *
 * Why the segments partition the root: a sweep covers an interval [low, high] that it is given. It
 * moves t from high to low; what lies between t and the end of the next child is the span's own,
 * what lies between that end and the child's start (not before low) is covered by a sweep of the
 * child. Nothing is covered twice, nothing is left. */
#include "flametop/trace/path.h"

#include <stdlib.h>
#include <string.h>

#include "flametop/base/clock.h"
#include "flametop/base/macros.h"
#include "flametop/base/pages.h"

#define TIME_MAX                                                                                   \
    (INT64_C(1) << 60)    /* 36 years: beyond it times are clamped, sums stay in int64             \
                           */
#define OVERLAP_SHARE 100 /* 1 % of the parent may overlap */
#define PORTION 1024u     /* spans between two looks at the clock */
#define FEW 12u           /* so many are sorted by insertion */

struct child {
    int64_t start_ns, end_ns;
    uint32_t span;
};

struct sweep { /* one level of the descent */
    int64_t low_ns, t_ns, allowed_ns;
    uint32_t span, next; /* the next child to be looked at, from first[span] on */
};

enum phase { PHASE_CLIP, PHASE_SWEEP, PHASE_DONE };

struct work {
    const struct trace *trace;
    enum phase phase;
    uint32_t span, child; /* clipping: the parent that is next, and the place of its children */
    uint32_t depth;       /* of the sweep that goes on */
    uint32_t *first, *children_count; /* by span: its waited-for children in `children` */
    struct child *children, *spare;
    struct sweep *sweeps;
};

void
trace_path_init(struct trace_path *path)
{
    *path = (struct trace_path){0};
}

static void
work_free(struct work *work)
{
    if (work != NULL) {
        pages_free(work->first);
        pages_free(work->children_count);
        pages_free(work->children);
        pages_free(work->spare);
        pages_free(work->sweeps);
        free(work);
    }
}

void
trace_path_done(struct trace_path *path)
{
    work_free(path->work);
    pages_free(path->times);
    pages_free(path->segments);
    trace_path_init(path);
}

static struct work *
work_new(size_t count)
{
    struct work *work = calloc(1, sizeof(*work));
    if (work == NULL) {
        return NULL;
    }
    work->first = pages_new(count, sizeof(*work->first), PAGES_HUGE);
    work->children_count = pages_new(count, sizeof(*work->children_count), PAGES_HUGE);
    work->children = pages_new(count, sizeof(*work->children), PAGES_HUGE);
    work->spare = pages_new(count, sizeof(*work->spare), PAGES_PLAIN);
    work->sweeps = pages_new(count, sizeof(*work->sweeps), PAGES_PLAIN);
    if (work->first == NULL || work->children_count == NULL || work->children == NULL ||
        work->spare == NULL || work->sweeps == NULL) {
        work_free(work);
        return NULL;
    }
    return work;
}

/* A sweep of a span adds its own time before each of its children and once more at the end: two
 * segments a span at most. */
static bool
reserve(struct trace_path *path, size_t count)
{
    if (count <= path->capacity) {
        return true;
    }
    size_t capacity = MAX(count, path->capacity * 2);
    trace_path_done(path);
    path->times = pages_new(capacity, sizeof(*path->times), PAGES_HUGE);
    path->segments = pages_new(capacity * 2, sizeof(*path->segments), PAGES_HUGE);
    path->work = work_new(capacity);
    if (path->times == NULL || path->segments == NULL || path->work == NULL) {
        trace_path_done(path);
        return false;
    }
    path->capacity = capacity;
    path->segment_capacity = capacity * 2;
    return true;
}

/* ---- clipping ---- */

/* Whether hex digits name these bytes. */
static bool
is_hex_of(const char *hex, const uint8_t *id, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        if (hex[2 * i] != digits[id[i] >> 4] || hex[2 * i + 1] != digits[id[i] & 15]) {
            return false;
        }
    }
    return hex[2 * n] == '\0';
}

bool
trace_is_apart(const struct trace *trace, uint32_t span)
{
    const struct trace_span *spans = trace_spans(trace), *child = &spans[span];
    if (child->parent == TRACE_NONE) {
        return false;
    }
    const struct trace_span *parent = &spans[child->parent];
    if (parent->kind == SPAN_PRODUCER && child->kind == SPAN_CONSUMER) {
        return true;
    }
    for (uint32_t i = 0; i < child->link_count; i++) {
        const struct trace_link *link = &trace_links(trace)[child->link + i];
        if (link->follows != 0 && is_hex_of(trace_text(trace, link->span), parent->id,
                                            MIN(parent->id_n, SPAN_ID_BYTES_MAX))) {
            return true;
        }
    }
    return false;
}

static int64_t
start_of(const struct trace_span *span)
{
    return CLAMP(span->start_ns, -TIME_MAX, TIME_MAX);
}

/* Its duration; of one that has not ended what is left of its parent's. */
static int64_t
duration_of(const struct trace_span *span, int64_t start_ns, int64_t parent_end_ns)
{
    int64_t open_ns = MAX(parent_end_ns - start_ns, INT64_C(0));
    return span->duration_ns < 0 ? MIN(open_ns, TIME_MAX) : MIN(span->duration_ns, TIME_MAX);
}

/* By how much the clock of a SERVER span's machine is off its CLIENT parent's. */
static int64_t
skew_of(const struct trace_span *parent, const struct trace_span *child,
        const struct trace_times *above, int64_t start_ns, int64_t duration_ns)
{
    bool crosses = parent->kind == SPAN_CLIENT && child->kind == SPAN_SERVER &&
                   parent->resource != child->resource && parent->duration_ns >= 0;
    int64_t from_ns = start_of(parent) + above->skew_ns;
    int64_t room_ns = MIN(parent->duration_ns, TIME_MAX) - duration_ns;
    bool sticks_out = start_ns < from_ns || start_ns > from_ns + room_ns;
    return crosses && room_ns >= 0 && sticks_out ? from_ns + room_ns / 2 - start_ns : 0;
}

static void
clip(struct trace_path *path, const struct trace *trace, uint32_t i)
{
    const struct trace_span *span = &trace_spans(trace)[i];
    const struct trace_span *parent = &trace_spans(trace)[span->parent];
    const struct trace_times *above = &path->times[span->parent];
    struct trace_times *times = &path->times[i];
    int64_t start_ns = start_of(span) + above->skew_ns;
    int64_t duration_ns = duration_of(span, start_ns, above->end_ns);
    int64_t skew_ns = above->skew_ns + skew_of(parent, span, above, start_ns, duration_ns);
    skew_ns = CLAMP(skew_ns, -TIME_MAX, TIME_MAX);
    start_ns = start_of(span) + skew_ns;
    int64_t end_ns = start_ns + duration_ns;
    int64_t from_ns = MAX(start_ns, above->start_ns), to_ns = MIN(end_ns, above->end_ns);
    bool apart = trace_is_apart(trace, i), inside = above->counted || above->apart;
    bool meets = apart || from_ns < to_ns || (duration_ns == 0 && from_ns == to_ns);
    *times = (struct trace_times){.start_ns = start_ns,
                                  .end_ns = start_ns,
                                  .skew_ns = skew_ns,
                                  .counted = above->counted && meets && !apart,
                                  .apart = inside && meets && (apart || above->apart)};
    if (inside && meets) {
        times->start_ns = apart ? start_ns : from_ns;
        times->end_ns = apart ? end_ns : to_ns;
        times->self_ns = times->end_ns - times->start_ns;
    }
}

/* ---- children, latest end first, and self time ---- */

/* Whether a is to be looked at before b: the later end; of equals the longer, then the later in
 * the trace. */
static bool
goes_before(const struct child *a, const struct child *b)
{
    return a->end_ns != b->end_ns       ? a->end_ns > b->end_ns
           : a->start_ns != b->start_ns ? a->start_ns < b->start_ns
                                        : a->span > b->span;
}

static void
sort_few(struct child *children, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        struct child moved = children[i];
        uint32_t to = i;
        for (; to > 0 && goes_before(&moved, &children[to - 1]); to--) {
            children[to] = children[to - 1];
        }
        children[to] = moved;
    }
}

static void
merge(const struct child *from, struct child *to, uint32_t middle, uint32_t count)
{
    for (uint32_t a = 0, b = middle, i = 0; i < count; i++) {
        bool first = a < middle && (b == count || !goes_before(&from[b], &from[a]));
        to[i] = first ? from[a++] : from[b++];
    }
}

/* From the bottom up, as one parent may have 100,000: half the time of qsort. */
static void
sort_children(struct child *children, struct child *spare, uint32_t count)
{
    uint32_t sorted = 1;
    while (sorted < count && !goes_before(&children[sorted], &children[sorted - 1])) {
        sorted++;
    }
    if (sorted >= count) {
        return;
    }
    for (uint32_t i = 0; i < count; i += FEW) {
        sort_few(children + i, MIN(FEW, count - i));
    }
    struct child *from = children, *to = spare;
    for (uint32_t width = FEW; width < count; width *= 2) {
        for (uint32_t i = 0; i < count; i += 2 * width) {
            merge(from + i, to + i, MIN(width, count - i), MIN(2 * width, count - i));
        }
        struct child *swapped = from;
        from = to;
        to = swapped;
    }
    if (from != children) {
        memcpy(children, from, count * sizeof(*children));
    }
}

/* The union of intervals in the order of their ends, latest first. */
static int64_t
covered_by(const struct child *children, uint32_t count)
{
    int64_t covered_ns = 0, low_ns = INT64_MAX;
    for (uint32_t i = 0; i < count; i++) {
        int64_t end_ns = MIN(children[i].end_ns, low_ns);
        covered_ns += MAX(end_ns - children[i].start_ns, INT64_C(0));
        low_ns = MIN(low_ns, children[i].start_ns);
    }
    return covered_ns;
}

/* Clips the children of a span and gathers those it waits for. They come in the order of their
 * starts, so mostly of their ends: gathered from the back they are sorted. */
static uint32_t
gather(struct trace_path *path, const struct trace *trace, uint32_t parent, uint32_t at)
{
    const struct trace_span *spans = trace_spans(trace);
    struct work *work = path->work;
    uint32_t count = 0;
    for (uint32_t i = parent + 1; i < spans[parent].after; i = spans[i].after) {
        clip(path, trace, i);
        const struct trace_times *times = &path->times[i];
        bool waited = times->counted ||
                      (times->apart && path->times[parent].apart && !trace_is_apart(trace, i));
        if (waited) {
            work->children[at + count++] = (struct child){times->start_ns, times->end_ns, i};
        }
    }
    for (uint32_t low = at, high = at + count; low + 1 < high; low++) {
        struct child swapped = work->children[--high];
        work->children[high] = work->children[low];
        work->children[low] = swapped;
    }
    sort_children(work->children + at, work->spare, count);
    work->first[parent] = at;
    work->children_count[parent] = count;
    path->times[parent].self_ns -= covered_by(work->children + at, count);
    return at + count;
}

static void
clip_root(struct trace_path *path, const struct trace *trace)
{
    const struct trace_span *root = trace_spans(trace);
    int64_t known_ns = CLAMP(trace->duration_ns, INT64_C(0), TIME_MAX);
    int64_t duration_ns = root->duration_ns < 0 ? known_ns : MIN(root->duration_ns, TIME_MAX);
    int64_t start_ns = start_of(root);
    path->duration_ns = duration_ns;
    path->times[0] = (struct trace_times){.start_ns = start_ns,
                                          .end_ns = start_ns + duration_ns,
                                          .self_ns = duration_ns,
                                          .counted = true};
}

/* Some parents; their children are what takes the time. True when all are through. */
static bool
clip_portion(struct trace_path *path, struct work *work)
{
    for (uint32_t clipped = 0; work->span < path->count && clipped < PORTION;) {
        uint32_t before = work->child;
        work->child = gather(path, work->trace, work->span++, before);
        clipped += 1 + work->child - before;
    }
    return work->span == path->count;
}

/* ---- the critical path ---- */

/* From the end backwards: what is added lies before what is there. */
static void
add_segment(struct trace_path *path, uint32_t span, int64_t start_ns, int64_t end_ns)
{
    if (start_ns >= end_ns) {
        return;
    }
    path->times[span].path_ns += end_ns - start_ns;
    struct trace_segment_of_path *last =
        path->segment_count > 0 ? &path->segments[path->segment_count - 1] : NULL;
    if (last != NULL && last->span == span) {
        last->start_ns = start_ns;
        return;
    }
    path->segments[path->segment_count++] = (struct trace_segment_of_path){start_ns, end_ns, span};
}

static struct sweep
sweep_of(const struct trace_path *path, uint32_t span, int64_t low_ns, int64_t high_ns)
{
    const struct trace_times *times = &path->times[span];
    return (struct sweep){.span = span,
                          .low_ns = low_ns,
                          .t_ns = high_ns,
                          .allowed_ns = (times->end_ns - times->start_ns) / OVERLAP_SHARE};
}

/* The next child that counts before t; NULL when there is none. One that is passed over ends too
 * late for any earlier t as well. */
static const struct child *
next_child(const struct work *work, struct sweep *sweep)
{
    while (sweep->next < work->children_count[sweep->span]) {
        const struct child *child = &work->children[work->first[sweep->span] + sweep->next++];
        int64_t overlap_ns = child->end_ns - sweep->t_ns;
        int64_t half_ns = (child->end_ns - child->start_ns) / 2;
        bool fits = overlap_ns <= 0 || overlap_ns <= MIN(sweep->allowed_ns, half_ns);
        if (fits && MIN(child->end_ns, sweep->t_ns) > MAX(child->start_ns, sweep->low_ns)) {
            return child;
        }
    }
    return NULL;
}

static void
begin_sweep(struct trace_path *path, struct work *work)
{
    work->depth = 0;
    work->sweeps[0] = sweep_of(path, 0, path->times[0].start_ns, path->times[0].end_ns);
}

/* Some of the descent. True when it is back above the root. */
static bool
sweep_portion(struct trace_path *path, struct work *work)
{
    for (uint32_t i = 0; i < PORTION; i++) {
        struct sweep *sweep = &work->sweeps[work->depth];
        const struct child *child = next_child(work, sweep);
        if (child == NULL) {
            add_segment(path, sweep->span, sweep->low_ns, sweep->t_ns);
            if (work->depth-- == 0) {
                return true;
            }
            continue;
        }
        int64_t end_ns = MIN(child->end_ns, sweep->t_ns);
        int64_t start_ns = MAX(child->start_ns, sweep->low_ns);
        add_segment(path, sweep->span, end_ns, sweep->t_ns);
        sweep->t_ns = start_ns;
        work->sweeps[++work->depth] = sweep_of(path, child->span, start_ns, end_ns);
    }
    return false;
}

/* The oldest first. */
static void
turn_segments(struct trace_path *path)
{
    for (size_t low = 0, high = path->segment_count; low + 1 < high; low++) {
        struct trace_segment_of_path swapped = path->segments[--high];
        path->segments[high] = path->segments[low];
        path->segments[low] = swapped;
    }
}

bool
trace_path_begin(struct trace_path *path, const struct trace *trace)
{
    if (!reserve(path, MAX(trace->span_count, 1u))) {
        return false;
    }
    struct work *work = path->work;
    path->count = trace->span_count;
    path->segment_count = 0;
    path->duration_ns = 0;
    work->trace = trace;
    work->span = work->child = 0;
    work->phase = path->count > 0 ? PHASE_CLIP : PHASE_DONE;
    if (path->count > 0) {
        clip_root(path, trace);
    }
    return true;
}

bool
trace_path_step(struct trace_path *path, int64_t until_ns)
{
    struct work *work = path->work;
    while (work->phase != PHASE_DONE) {
        if (work->phase == PHASE_CLIP && clip_portion(path, work)) {
            begin_sweep(path, work);
            work->phase = PHASE_SWEEP;
        } else if (work->phase == PHASE_SWEEP && sweep_portion(path, work)) {
            turn_segments(path);
            work->phase = PHASE_DONE;
        }
        if (work->phase != PHASE_DONE && clock_mono_ns() >= until_ns) {
            return false;
        }
    }
    return true;
}

bool
trace_path_of(struct trace_path *path, const struct trace *trace)
{
    return trace_path_begin(path, trace) && trace_path_step(path, INT64_MAX);
}
