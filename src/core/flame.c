/* From a profile to a tree that can be drawn, in phases of loops that can stop anywhere:
 *
 *   map      every node of the profile to a raw node (itself, where nothing is transformed); in the
 *            order of time, every moment to one
 *   weigh    the values of its stacks to the raw nodes, and totals upwards
 *   gather   children by their parent, sorted
 *   sum      each frame over the whole tree
 *
 * The first two are flame_raw.c's. */
#include "flametop/core/flame.h"

#include <math.h>
#include <stdlib.h>

#include "flametop/base/clock.h"
#include "flametop/base/macros.h"
#include "flametop/base/pages.h"
#include "flametop/core/ranking.h"
#include "flame_raw.h"

#define FEW 48u             /* children that are sorted by exchange */
#define BOUNDED_DEPTH 1100u /* of a bounded profile's stacks, turned round: samplers give less */
#define WIDER 8u /* so many times the nodes there is room for in a tree that is transformed */

/* ---- life ---- */

static void
work_free(struct flame_work *work)
{
    if (work == NULL) {
        return;
    }
    for (unsigned side = 0; side < PROFILE_SIDES; side++) {
        pages_free(work->below[side]);
    }
    pages_free(work->mask);
    pages_free(work->map);
    pages_free(work->on_path);
    pages_free(work->next_child);
    ranking_done(&work->ranking);
    free(work->open);
    free(work->path);
    free(work);
}

void
flame_free(struct flame *flame)
{
    if (flame == NULL) {
        return;
    }
    work_free(flame->work);
    pages_free(flame->first);
    pages_free(flame->children);
    pages_free(flame->sums);
    for (unsigned side = 0; side < PROFILE_SIDES; side++) {
        pages_free(flame->total[side]);
        pages_free(flame->own_self[side]);
    }
    profile_release(flame->own);
    profile_release(flame->profile);
    free(flame);
}

bool
flame_free_step(struct flame *flame)
{
    size_t nodes = flame->count > 0 ? flame->count : 0;
    size_t children = nodes > 0 ? flame->first[nodes] : 0;
    size_t made = flame->own != NULL ? flame->own->node_count : 0;
    const struct {
        void *array;
        size_t bytes;
    } arrays[] = {
        {flame->children, children * sizeof(uint32_t)},
        {flame->total[0], nodes * sizeof(double)},
        {flame->total[1], nodes * sizeof(double)},
        {flame->own_self[0], nodes * sizeof(double)},
        {flame->own_self[1], nodes * sizeof(double)},
        {made > 0 ? flame->own->parent : NULL, made * sizeof(uint32_t)},
        {made > 0 ? flame->own->frame : NULL, made * sizeof(uint32_t)},
        {flame->first, nodes * sizeof(uint32_t)},
    };
    for (; flame->dropping < ARRAY_SIZE(arrays); flame->dropping++, flame->dropped = 0) {
        size_t bytes = arrays[flame->dropping].bytes;
        if (flame->dropped < bytes) {
            flame->dropped = pages_drop(arrays[flame->dropping].array, bytes, flame->dropped);
            return false;
        }
    }
    flame_free(flame);
    return true;
}

struct flame *
flame_new(const struct profile *profile, const struct flame_options *options)
{
    struct flame *flame = calloc(1, sizeof(*flame));
    struct flame_work *work = calloc(1, sizeof(*work));
    if (flame == NULL || work == NULL) {
        free(flame);
        free(work);
        return NULL;
    }
    bool bounded = profile->node_max < PROFILE_NODES_MAX;
    *work = (struct flame_work){.profile = profile,
                                .options = *options,
                                .depth_max = bounded ? BOUNDED_DEPTH : PROFILE_NONE};
    bool plain = options->part == FLAME_WHOLE && !options->collapse;
    work->phase = options->rules != NULL && (options->keep | options->drop) != 0 ? PHASE_RULES
                  : options->part == FLAME_CALLERS                               ? PHASE_TOTALS
                                                                                 : PHASE_MAP;
    for (unsigned side = 0; side < profile->sides; side++) {
        work->values[side] = profile->values[side][options->measure];
    }
    if (!plain) {
        flame->own = work->raw = profile_new();
        flame->failed = work->raw == NULL;
        if (work->raw != NULL) {
            /* Turned round, n calls in one another are n * n / 2 nodes, and as much work where they
             * are one function's: of a profile that is bounded, as those of other machines are, so
             * is what is made of it. */
            work->raw->node_max = MIN(profile->node_max, PROFILE_NODES_MAX / WIDER) * WIDER;
            profile_reserve(work->raw, MIN(profile->node_count, PROFILE_NODES_MAX / WIDER) * WIDER);
        }
    }
    flame->profile = profile_acquire(profile);
    bool timed = options->part == FLAME_TIMED && profile->moment_count > 0;
    flame->measure = timed ? profile->moment_measure : options->measure;
    flame->work = work;
    flame->factor = 1;
    return flame;
}

/* ---- phases: each does one portion and answers whether it is through ---- */

static double
weight(const struct flame_work *work, uint32_t raw)
{
    double first = work->total[0][raw];
    return flame_sides(work) > 1 ? fmax(first, work->total[1][raw]) : first;
}

static bool
step_count(struct flame *flame, struct flame_work *work)
{
    if (work->offset == NULL) {
        flame->first = work->offset =
            pages_new((size_t)work->raw_count + 2, sizeof(uint32_t), PAGES_PLAIN);
        flame->failed |= work->offset == NULL;
        work->at = 1;
        flame->stacks = 0;
    }
    uint32_t end = flame->failed ? 0 : flame_portion_end(work, work->raw_count);
    for (; work->at < end; work->at++) {
        if (weight(work, work->at) > 0) {
            work->offset[work->raw_parent[work->at] + 2]++;
            flame->stacks += work->self[0][work->at] > 0 ||
                             (flame_sides(work) > 1 && work->self[1][work->at] > 0);
        }
    }
    return work->at >= work->raw_count;
}

/* offset[i + 1] is where the next child of i goes: after filling, where those of i + 1 begin. */
static bool
step_offsets(struct flame *flame, struct flame_work *work)
{
    (void)flame;
    uint32_t count = work->raw_count, end = flame_portion_end(work, count);
    for (; work->at < end; work->at++) {
        work->offset[work->at + 2] += work->offset[work->at + 1];
    }
    return work->at >= count;
}

static bool
step_fill(struct flame *flame, struct flame_work *work)
{
    if (work->children == NULL) {
        flame->children = work->children =
            pages_new((size_t)work->offset[work->raw_count + 1] + 1, sizeof(uint32_t), PAGES_PLAIN);
        flame->failed |= work->children == NULL;
        work->at = 1;
    }
    uint32_t end = flame->failed ? 0 : flame_portion_end(work, work->raw_count);
    for (; work->at < end; work->at++) {
        if (weight(work, work->at) > 0) {
            work->children[work->offset[work->raw_parent[work->at] + 1]++] = work->at;
        }
    }
    return work->at >= work->raw_count;
}

static void
sort_few(const struct flame_work *work, uint32_t *nodes, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        uint32_t node = nodes[i], at = i;
        double own = weight(work, node);
        for (; at > 0 && weight(work, nodes[at - 1]) < own; at--) {
            nodes[at] = nodes[at - 1];
        }
        nodes[at] = node;
    }
}

/* True when they are in order. */
static bool
sort_many(struct flame *flame, struct flame_work *work, uint32_t *nodes, uint32_t count)
{
    struct ranking *ranking = &work->ranking;
    if (ranking->items == NULL) {
        if (!ranking_init(ranking, count)) {
            flame->failed = true;
            return true;
        }
        for (uint32_t i = 0; i < count; i++) {
            ranking->items[i] = (struct ranked){weight(work, nodes[i]), nodes[i]};
        }
    }
    if (!ranking_step(ranking, count <= FLAME_PORTION ? INT64_MAX : 0)) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        nodes[i] = ranking->items[i].number;
    }
    ranking_done(ranking);
    return true;
}

/* From now on it can be drawn. */
static void
publish(struct flame *flame, const struct flame_work *work)
{
    flame->frame = work->raw_frame;
    flame->parent = work->raw_parent;
    for (unsigned side = 0; side < flame_sides(work); side++) {
        flame->self[side] = work->self[side];
    }
    flame->count = work->raw_count;
}

static bool
step_sort(struct flame *flame, struct flame_work *work)
{
    uint32_t count = work->raw_count, done = 0;
    work->at = work->options.part == FLAME_TIMED ? count : work->at; /* they are in order */
    for (; work->at < count && done < FLAME_PORTION; work->at++) {
        uint32_t begin = work->offset[work->at], many = work->offset[work->at + 1] - begin;
        if (many > 1 && many <= FEW) {
            sort_few(work, work->children + begin, many);
        } else if (many > 1 && !sort_many(flame, work, work->children + begin, many)) {
            return false;
        }
        done += many + 1;
    }
    if (work->at >= count) {
        publish(flame, work);
    }
    return work->at >= count;
}

static void
begin_sums(struct flame *flame, struct flame_work *work)
{
    size_t frames = (size_t)work->profile->frame_count + 1;
    flame->sums = pages_new(frames, sizeof(*flame->sums), PAGES_PLAIN);
    work->on_path = pages_new(frames, sizeof(uint32_t), PAGES_PLAIN);
    work->next_child = pages_new(flame->count, sizeof(uint32_t), PAGES_PLAIN);
    flame->failed |= flame->sums == NULL || work->on_path == NULL || work->next_child == NULL;
    if (!flame->failed) {
        work->next_child[0] = flame->first[0];
    }
}

static void
enter(struct flame *flame, struct flame_work *work, uint32_t node)
{
    struct flame_sum *sum = &flame->sums[flame->frame[node]];
    bool outermost = work->on_path[flame->frame[node]]++ == 0;
    for (unsigned side = 0; side < flame_sides(work); side++) {
        sum->self[side] += flame->self[side][node];
        sum->total[side] += outermost ? flame->total[side][node] : 0;
    }
    work->next_child[node] = flame->first[node];
    work->walk = node;
}

/* Depth first, so that a frame that is on the way already is known. */
static bool
step_sums(struct flame *flame, struct flame_work *work)
{
    if (work->on_path == NULL) {
        begin_sums(flame, work);
    }
    for (uint32_t done = 0; done < FLAME_PORTION && !flame->failed; done++) {
        uint32_t node = work->walk;
        if (work->next_child[node] < flame->first[node + 1]) {
            enter(flame, work, flame->children[work->next_child[node]++]);
        } else if (node == 0) {
            return true;
        } else {
            work->on_path[flame->frame[node]]--;
            work->walk = flame->parent[node];
            work->at++;
        }
    }
    return false;
}

static bool (*const steps[])(struct flame *flame, struct flame_work *work) = {
    [PHASE_RULES] = flame_raw_rules,   [PHASE_TOTALS] = flame_raw_totals,
    [PHASE_MAP] = flame_raw_map,       [PHASE_CLOSE] = flame_raw_close,
    [PHASE_VALUES] = flame_raw_values, [PHASE_UPWARDS] = flame_raw_upwards,
    [PHASE_SCALE] = flame_raw_scale,   [PHASE_COUNT] = step_count,
    [PHASE_OFFSETS] = step_offsets,    [PHASE_FILL] = step_fill,
    [PHASE_SORT] = step_sort,          [PHASE_SUMS] = step_sums,
};

static void
next_phase(struct flame_work *work)
{
    bool skips = work->phase == PHASE_RULES && work->options.part != FLAME_CALLERS;
    work->phase += skips ? 2 : 1;
    work->at = 0;
}

bool
flame_step(struct flame *flame, int64_t until_ns)
{
    struct flame_work *work = flame->work;
    if (work == NULL || flame->failed) {
        return true;
    }
    do {
        if (steps[work->phase](flame, work) && !flame->failed) {
            next_phase(work);
        }
    } while (!flame->failed && work->phase != PHASE_DONE && clock_mono_ns() < until_ns);
    if (flame->failed || work->phase == PHASE_DONE) {
        flame->count = flame->failed ? 0 : flame->count;
        work_free(work);
        flame->work = NULL;
        return true;
    }
    return false;
}

double
flame_progress(const struct flame *flame)
{
    const struct flame_work *work = flame->work;
    if (work == NULL) {
        return 1;
    }
    double within =
        (double)work->at / (double)MAX(MAX(work->profile->node_count, work->raw_count), 1u);
    return (work->phase + MIN(within, 1)) / PHASE_DONE;
}

/* ---- finding one's way ---- */

uint32_t
flame_depth(const struct flame *flame, uint32_t node)
{
    uint32_t depth = 0;
    for (; node != 0; node = flame->parent[node]) {
        depth++;
    }
    return depth;
}

/* Of calls of the same frame, in the order of time, the one that goes on at `at`; else the first.
 */
static uint32_t
child_of(const struct flame *flame, uint32_t node, const struct profile *profile, uint32_t frame,
         double at)
{
    const struct profile_frame *wanted = &profile->frames[frame];
    uint32_t found = PROFILE_NONE;
    for (uint32_t i = flame->first[node]; i < flame->first[node + 1]; i++) {
        uint32_t child = flame->children[i], own = flame->frame[child];
        bool is = profile == flame->profile
                      ? own == frame
                      : profile_frames_equal(&flame->profile->frames[own], wanted);
        if (is && (flame->start == NULL || (flame->start[child] <= at &&
                                            at < flame->start[child] + flame->total[0][child]))) {
            return child;
        }
        found = is && found == PROFILE_NONE ? child : found;
    }
    return found;
}

uint32_t
flame_find(const struct flame *flame, const struct flame *from, uint32_t node)
{
    uint32_t depth = flame_depth(from, node), at = 0;
    uint32_t *path = malloc(((size_t)depth + 1) * sizeof(uint32_t));
    if (path == NULL) {
        return 0;
    }
    double start = from->start != NULL ? from->start[node] : -1;
    for (uint32_t i = depth; i > 0; i--, node = from->parent[node]) {
        path[i - 1] = from->frame[node];
    }
    for (uint32_t i = 0; i < depth; i++) {
        uint32_t child = child_of(flame, at, from->profile, path[i], start);
        if (child == PROFILE_NONE) {
            break;
        }
        at = child;
    }
    free(path);
    return at;
}
