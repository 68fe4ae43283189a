/* Traces merged into a profile. One trace after the other: its path (trace/path.c), then its spans
 * in preorder, so that a span's parent has its node already. Sums are integers of nanoseconds times
 * 64ths of a request; the profile gets them divided once, at the end of each side. */
#include "flametop/trace/flame.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/clock.h"
#include "flametop/base/hash.h"
#include "flametop/base/macros.h"
#include "flametop/trace/path.h"

#define PORTION 4096u /* spans, nodes between two looks at the clock */
#define KNOWN 512u    /* frames of this trace that are found without hashing their names */

enum phase { PHASE_TRACE, PHASE_PATH, PHASE_SPANS, PHASE_VALUES, PHASE_DONE };

struct known {
    uint64_t of; /* which trace, counted from 1 */
    uint32_t label, resource, frame, flat;
};

struct trace_flame_work {
    const struct trace_set *sets[PROFILE_SIDES];
    enum phase phase;
    unsigned side;
    size_t trace; /* of the set */
    uint32_t at;
    uint64_t serial; /* counts traces of both sides */
    struct trace_path path;
    uint32_t *node; /* by span */
    size_t node_capacity;
    uint32_t sums_capacity;
    uint64_t *last;                   /* by node: the trace that was counted there last */
    trace_wide whole[TRACE_MEASURES]; /* of the side, as its values are made */
    uint32_t measures[TRACE_MEASURES];
    struct known known[KNOWN];
};

static void
work_free(struct trace_flame_work *work)
{
    if (work != NULL) {
        trace_path_done(&work->path);
        free(work->node);
        free(work->last);
        free(work);
    }
}

void
trace_flame_free(struct trace_flame *flame)
{
    if (flame == NULL) {
        return;
    }
    for (unsigned side = 0; side < PROFILE_SIDES; side++) {
        for (unsigned i = 0; i < TRACE_MEASURES; i++) {
            free(flame->sides[side].sums[i]);
        }
        free(flame->sides[side].occurs);
    }
    work_free(flame->work);
    profile_release(flame->profile);
    free(flame);
}

struct trace_flame *
trace_flame_new(const struct trace_set *first, const struct trace_set *second)
{
    static const struct profile_measure rows[TRACE_MEASURES] = {
        [MEASURE_WALL] = {"wall", "s", 1e-9},
        [MEASURE_TOTAL] = {"total", "s", 1e-9},
        [MEASURE_SELF] = {"self", "s", 1e-9},
        [MEASURE_COUNT] = {"count", "", 1},
    };
    struct trace_flame *flame = calloc(1, sizeof(*flame));
    struct trace_flame_work *work = calloc(1, sizeof(*work));
    struct profile *profile = profile_new();
    if (flame == NULL || work == NULL || profile == NULL) {
        free(flame);
        free(work);
        profile_release(profile);
        return NULL;
    }
    trace_path_init(&work->path);
    work->sets[0] = first;
    work->sets[1] = second;
    profile->comparable = true;
    for (unsigned i = 0; i < TRACE_MEASURES; i++) {
        work->measures[i] =
            profile_measure(profile, str_from(rows[i].name), rows[i].unit, rows[i].scale);
    }
    *flame = (struct trace_flame){.profile = profile, .work = work};
    return flame;
}

/* ---- one trace ---- */

static bool
grow(void **array, size_t from, size_t to, size_t bytes)
{
    void *grown = realloc(*array, to * bytes);
    if (grown == NULL) {
        return false;
    }
    memset((char *)grown + from * bytes, 0, (to - from) * bytes);
    *array = grown;
    return true;
}

/* Makes room for the sums of all nodes there are. */
static bool
reserve_sums(struct trace_flame *flame, struct trace_flame_work *work)
{
    uint32_t from = work->sums_capacity, to = flame->profile->node_capacity;
    if (from >= to) {
        return true;
    }
    bool good = grow((void **)&work->last, from, to, sizeof(*work->last));
    for (unsigned i = 0; i < PROFILE_SIDES && work->sets[i] != NULL; i++) {
        struct trace_flame_side *side = &flame->sides[i];
        good = good && grow((void **)&side->occurs, from, to, sizeof(*side->occurs));
        for (unsigned m = 0; m < TRACE_MEASURES; m++) {
            good = good && grow((void **)&side->sums[m], from, to, sizeof(*side->sums[m]));
        }
    }
    work->sums_capacity = good ? to : from;
    return good;
}

/* The next trace of the side. True when there is none left. */
static bool
begin_trace(struct trace_flame *flame, struct trace_flame_work *work)
{
    const struct trace_set *set = work->sets[work->side];
    if (set == NULL || work->trace == set->count) {
        return true;
    }
    const struct trace *trace = set->list[work->trace];
    if (trace->span_count > work->node_capacity) {
        size_t wider = MAX((size_t)trace->span_count, work->node_capacity * 2);
        free(work->node);
        work->node = calloc(wider, sizeof(*work->node));
        work->node_capacity = work->node != NULL ? wider : 0;
    }
    flame->failed |= work->node == NULL || !trace_path_begin(&work->path, trace);
    struct trace_flame_side *side = &flame->sides[work->side];
    side->traces++;
    side->spans += trace->span_count;
    side->weight += trace_weight(trace);
    work->serial++;
    work->at = 0;
    return false;
}

/* The frame of a span, and its node one level deep. Equal texts of one trace have equal offsets. */
static const struct known *
frame_of(struct profile *profile, struct trace_flame_work *work, const struct trace *trace,
         const struct trace_span *span)
{
    uint64_t hash = hash_u64((uint64_t)span->label << 32 | span->resource);
    struct known *known = &work->known[hash % KNOWN];
    if (known->of != work->serial || known->label != span->label ||
        known->resource != span->resource) {
        uint32_t service = trace_resources(trace)[span->resource].service;
        uint32_t frame = profile_frame(profile, str_from(trace_text(trace, span->label)),
                                       str_from(trace_text(trace, service)));
        *known = (struct known){work->serial, span->label, span->resource, frame,
                                profile_child(profile, 0, frame)};
    }
    return known;
}

static void
put(struct trace_flame_side *side, struct trace_flame_work *work, uint32_t node, int64_t weight,
    enum trace_measure measure, int64_t value)
{
    side->sums[measure][node] += (trace_wide)value * weight;
    if (work->last[node] != work->serial) {
        work->last[node] = work->serial;
        side->occurs[node] += weight;
    }
}

static bool
put_span(struct trace_flame *flame, struct trace_flame_work *work, const struct trace *trace,
         uint32_t i, int64_t weight)
{
    const struct trace_span *span = &trace_spans(trace)[i];
    const struct trace_times *times = &work->path.times[i];
    struct profile *profile = flame->profile;
    uint32_t parent = span->parent != TRACE_NONE ? work->node[span->parent] : 0;
    const struct known *known = frame_of(profile, work, trace, span);
    uint32_t node = profile_child(profile, parent, known->frame);
    work->node[i] = node;
    if (profile->failed || !reserve_sums(flame, work)) {
        return false;
    }
    struct trace_flame_side *side = &flame->sides[work->side];
    put(side, work, node, weight, MEASURE_WALL, times->path_ns);
    put(side, work, node, weight, MEASURE_TOTAL, times->self_ns);
    put(side, work, node, weight, MEASURE_COUNT, 1);
    put(side, work, known->flat, weight, MEASURE_SELF, times->self_ns);
    return true;
}

static bool
put_spans(struct trace_flame *flame, struct trace_flame_work *work)
{
    const struct trace *trace = work->sets[work->side]->list[work->trace];
    uint32_t end = work->at + MIN(trace->span_count - work->at, PORTION);
    int64_t weight = trace_weight(trace);
    for (; work->at < end; work->at++) {
        if (!put_span(flame, work, trace, work->at, weight)) {
            flame->failed = true;
            return true;
        }
    }
    return work->at == trace->span_count;
}

/* Of one request alone its critical path is kept in the order of time as well. */
static bool
is_timed(const struct trace_flame_work *work)
{
    return work->side == 0 && work->sets[0]->count == 1;
}

static void
put_moments(struct trace_flame *flame, struct trace_flame_work *work)
{
    for (size_t i = 0; i < work->path.segment_count; i++) {
        const struct trace_segment_of_path *segment = &work->path.segments[i];
        profile_put_next(flame->profile, work->node[segment->span], work->measures[MEASURE_WALL],
                         (double)(segment->end_ns - segment->start_ns));
    }
}

/* ---- values ---- */

/* Gives the profile some of its values. True when it has all. */
static bool
put_values(struct trace_flame *flame, struct trace_flame_work *work)
{
    const struct trace_flame_side *side = &flame->sides[work->side];
    uint32_t count = MIN(work->sums_capacity, flame->profile->node_count);
    if (side->weight == 0) {
        return true;
    }
    uint32_t end = work->at + MIN(count - work->at, PORTION);
    for (; work->at < end; work->at++) {
        for (unsigned i = 0; i < TRACE_MEASURES; i++) {
            trace_wide sum = side->sums[i][work->at];
            work->whole[i] += sum;
            if (i != MEASURE_WALL || !is_timed(work)) {
                profile_put(flame->profile, work->at, work->measures[i],
                            (double)sum / (double)side->weight);
            }
        }
    }
    return work->at == count;
}

static double
share(trace_wide a, trace_wide b)
{
    return b > 0 ? (double)a / (double)b : (double)NAN;
}

static void
end_side(struct trace_flame *flame, struct trace_flame_work *work)
{
    struct trace_flame_side *side = &flame->sides[work->side];
    side->requests = (double)side->weight / TRACE_WEIGHT_ONE;
    side->wall_s = share(work->whole[MEASURE_WALL], side->weight) * 1e-9;
    side->concurrency = share(work->whole[MEASURE_TOTAL], work->whole[MEASURE_WALL]);
    if (work->side == 1 || work->sets[1] == NULL) {
        profile_close(flame->profile);
        work->phase = PHASE_DONE;
        return;
    }
    profile_second_side(flame->profile);
    memset(work->whole, 0, sizeof(work->whole));
    work->side = 1;
    work->trace = 0;
    work->phase = PHASE_TRACE;
}

static void
step(struct trace_flame *flame, struct trace_flame_work *work, int64_t until_ns)
{
    switch (work->phase) {
    case PHASE_TRACE:
        work->phase = begin_trace(flame, work) ? PHASE_VALUES : PHASE_PATH;
        work->at = 0;
        break;
    case PHASE_PATH:
        if (trace_path_step(&work->path, until_ns)) {
            work->phase = PHASE_SPANS;
        }
        break;
    case PHASE_SPANS:
        if (put_spans(flame, work)) {
            if (is_timed(work) && !flame->failed) {
                put_moments(flame, work);
            }
            work->trace++;
            work->phase = PHASE_TRACE;
        }
        break;
    case PHASE_VALUES:
        if (put_values(flame, work)) {
            end_side(flame, work);
        }
        break;
    case PHASE_DONE:
    default:
        break;
    }
    flame->failed |= flame->profile->failed;
}

bool
trace_flame_step(struct trace_flame *flame, int64_t until_ns)
{
    struct trace_flame_work *work = flame->work;
    while (work != NULL && !flame->failed && work->phase != PHASE_DONE) {
        step(flame, work, until_ns);
        if (work->phase != PHASE_DONE && !flame->failed && clock_mono_ns() >= until_ns) {
            return false;
        }
    }
    work_free(work);
    flame->work = NULL;
    return true;
}

double
trace_flame_progress(const struct trace_flame *flame)
{
    const struct trace_flame_work *work = flame->work;
    if (work == NULL) {
        return 1;
    }
    size_t first = work->sets[0]->count, second = work->sets[1] != NULL ? work->sets[1]->count : 0;
    size_t read = work->trace + (work->side == 1 ? first : 0);
    return (double)read / (double)MAX(first + second, (size_t)1);
}

struct profile *
trace_flame_take(struct trace_flame *flame)
{
    struct profile *profile = flame->profile;
    flame->profile = NULL;
    return profile;
}
