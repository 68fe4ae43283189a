/* From a profile to a tree that can be drawn, in phases of loops that can stop anywhere:
 *
 *   map      every node of the profile to a raw node (itself, where nothing is transformed); in the
 *            order of time, every moment to one
 *   weigh    the values of its stacks to the raw nodes, and totals upwards
 *   gather   children by their parent, sorted
 *   sum      each frame over the whole tree
 *
 * Raw nodes keep the order parent before child, so that totals are one walk backwards. */
#include "flametop/core/flame.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/clock.h"
#include "flametop/base/macros.h"
#include "flametop/base/pages.h"
#include "flametop/core/ranking.h"

#define PORTION 16384u      /* between two looks at the clock */
#define FEW 48u             /* children that are sorted by exchange */
#define BOUNDED_DEPTH 1100u /* of a bounded profile's stacks, turned round: samplers give less */
#define WIDER 8u /* so many times the nodes there is room for in a tree that is transformed */

enum phase {
    PHASE_RULES,
    PHASE_TOTALS, /* of the profile: callers weigh their outermost calls */
    PHASE_MAP,
    PHASE_CLOSE,
    PHASE_VALUES,
    PHASE_UPWARDS,
    PHASE_SCALE,
    PHASE_COUNT,
    PHASE_OFFSETS,
    PHASE_FILL,
    PHASE_SORT,
    PHASE_SUMS,
    PHASE_DONE
};

struct flame_work {
    const struct profile *profile;
    struct flame_options options;
    enum phase phase;
    uint32_t at;

    const double *values[PROFILE_SIDES];
    uint32_t *mask;               /* by profile node: rules met on the way to it */
    double *below[PROFILE_SIDES]; /* by profile node, of callers: totals */
    uint32_t *map;                /* profile node → raw node; NULL: the same */
    uint32_t walked;              /* frames, in this portion of it */
    uint32_t depth_max;           /* of a stack that is turned round */
    struct profile *raw;          /* makes raw nodes; NULL: those of the profile */
    const uint32_t *raw_parent, *raw_frame;
    uint32_t raw_count;
    const double *self[PROFILE_SIDES]; /* by raw node */
    double *total[PROFILE_SIDES];      /* the same */
    uint32_t *offset, *children;       /* raw: those of i at offset[i] */
    uint32_t *on_path;                 /* by frame, while sums are made */
    uint32_t walk, *next_child;
    struct ranking ranking; /* of one node's children, where they are many; items NULL: none */

    /* In the order of time. */
    struct call *open; /* the present stack */
    uint32_t *path;    /* profile nodes of the next one, innermost first */
    uint32_t open_count, path_capacity;
    double now;
};

struct call {
    uint32_t node, raw;
};

enum { TIMED_OWN, TIMED_START }; /* what the values of raw nodes are then */

static unsigned
sides_of(const struct flame_work *work)
{
    return work->options.part == FLAME_TIMED ? 1 : work->profile->sides;
}

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

static uint32_t
portion_end(const struct flame_work *work, uint32_t count)
{
    return work->at + MIN(count - work->at, PORTION);
}

static double
value_of(const struct flame_work *work, unsigned side, uint32_t node)
{
    return work->values[side] != NULL ? work->values[side][node] : 0;
}

static bool
is_wanted(const struct flame_work *work, uint32_t node)
{
    uint32_t met = work->mask != NULL ? work->mask[node] : 0;
    return work->mask == NULL ||
           ((met & work->options.keep) == work->options.keep && (met & work->options.drop) == 0);
}

static bool
step_rules(struct flame *flame, struct flame_work *work)
{
    const struct profile *profile = work->profile;
    if (work->mask == NULL) {
        work->mask = pages_new(profile->node_count, sizeof(uint32_t), PAGES_PLAIN);
        flame->failed = work->mask == NULL;
        work->at = 1;
    }
    uint32_t end = flame->failed ? 0 : portion_end(work, profile->node_count);
    for (; work->at < end; work->at++) {
        work->mask[work->at] =
            work->mask[profile->parent[work->at]] | work->options.rules[profile->frame[work->at]];
    }
    return work->at >= profile->node_count;
}

/* Children have larger numbers: one walk backwards. `at` counts what is done. */
static bool
step_totals(struct flame *flame, struct flame_work *work)
{
    const struct profile *profile = work->profile;
    uint32_t count = profile->node_count;
    for (unsigned side = 0; side < sides_of(work) && work->below[side] == NULL; side++) {
        work->below[side] = pages_new(count, sizeof(double), PAGES_PLAIN);
        flame->failed |= work->below[side] == NULL;
    }
    uint32_t end = flame->failed ? 0 : portion_end(work, count);
    for (; work->at < end; work->at++) {
        uint32_t node = count - 1 - work->at;
        for (unsigned side = 0; side < sides_of(work); side++) {
            double *below = work->below[side];
            below[node] += is_wanted(work, node) ? value_of(work, side, node) : 0;
            if (node > 0) {
                below[profile->parent[node]] += below[node];
            }
        }
    }
    return work->at >= count;
}

static bool
has_value(const struct flame_work *work, uint32_t node)
{
    bool any = false;
    for (unsigned side = 0; side < sides_of(work); side++) {
        any |= value_of(work, side, node) > 0;
    }
    return any && is_wanted(work, node);
}

/* From a node up to the root as a stack of its own, the node first. */
static uint32_t
map_upwards(struct flame_work *work, uint32_t node)
{
    const struct profile *profile = work->profile;
    uint32_t to = 0, before = PROFILE_NONE, depth = 0;
    for (; node != 0; node = profile->parent[node]) {
        uint32_t frame = profile->frame[node];
        if (depth++ == work->depth_max) {
            work->raw->cut++;
            break;
        }
        work->walked++;
        if (!work->options.collapse || frame != before) {
            uint32_t caller = profile_child(work->raw, to, frame);
            if (caller == to) {
                break; /* no room: what is below another would not be of this stack */
            }
            to = caller;
        }
        before = frame;
    }
    return to;
}

static uint32_t
map_downwards(struct flame_work *work, uint32_t node)
{
    const struct profile *profile = work->profile;
    uint32_t frame = profile->frame[node], parent = work->map[profile->parent[node]];
    if (parent == PROFILE_NONE && frame != work->options.frame) {
        return PROFILE_NONE;
    }
    parent = parent == PROFILE_NONE ? 0 : parent;
    if (work->options.collapse && parent != 0 && work->raw->frame[parent] == frame) {
        return parent;
    }
    return profile_child(work->raw, parent, frame);
}

/* The outermost call of the frame on its stack. */
static bool
is_outermost(struct flame_work *work, uint32_t node)
{
    const struct profile *profile = work->profile;
    uint32_t frame = work->options.frame;
    if (profile->frame[node] != frame) {
        return false;
    }
    for (node = profile->parent[node]; node != 0; node = profile->parent[node]) {
        if (profile->frame[node] == frame) {
            return false;
        }
        work->walked++;
    }
    return true;
}

static bool
calls_any(const struct flame_work *work, uint32_t node)
{
    return work->below[0][node] > 0 || (sides_of(work) > 1 && work->below[1][node] > 0);
}

static uint32_t
map_node(struct flame_work *work, uint32_t node)
{
    switch (work->options.part) {
    case FLAME_WHOLE:
    case FLAME_CALLEES:
        return map_downwards(work, node);
    case FLAME_INVERTED:
        return has_value(work, node) ? map_upwards(work, node) : PROFILE_NONE;
    case FLAME_CALLERS:
    case FLAME_TIMED:
    case FLAME_PARTS:
        break;
    }
    return is_outermost(work, node) && calls_any(work, node) ? map_upwards(work, node)
                                                             : PROFILE_NONE;
}

static void
take_raw(struct flame *flame, struct flame_work *work)
{
    flame->failed |= work->raw->failed;
    flame->cut = work->raw->cut;
    work->raw_parent = work->raw->parent;
    work->raw_frame = work->raw->frame;
    work->raw_count = work->raw->node_count;
}

/* The profile nodes of a stack, innermost first. Answers how many. */
static uint32_t
find_path(struct flame *flame, struct flame_work *work, uint32_t node)
{
    const struct profile *profile = work->profile;
    uint32_t depth = 0;
    for (; node != 0; node = profile->parent[node]) {
        bool again = profile->frame[profile->parent[node]] == profile->frame[node];
        if (work->options.collapse && again) {
            continue;
        }
        if (depth == work->path_capacity) {
            uint32_t wider = MAX(depth * 2, 256u);
            uint32_t *path = realloc(work->path, wider * sizeof(*path));
            struct call *open = realloc(work->open, wider * sizeof(*open));
            work->path = path != NULL ? path : work->path;
            work->open = open != NULL ? open : work->open;
            if (path == NULL || open == NULL) {
                flame->failed = true;
                return 0;
            }
            work->path_capacity = wider;
        }
        work->path[depth++] = node;
    }
    return depth;
}

/* Calls that go on stay open; what rules leave out is a pause of all. */
static void
add_moment(struct flame *flame, struct flame_work *work, const struct profile_moment *moment)
{
    uint32_t depth = find_path(flame, work, is_wanted(work, moment->node) ? moment->node : 0);
    uint32_t common = 0, raw = 0;
    while (common < MIN(depth, work->open_count) &&
           work->open[common].node == work->path[depth - 1 - common]) {
        raw = work->open[common++].raw;
    }
    for (; common < depth; common++) {
        uint32_t node = work->path[depth - 1 - common], caller = raw;
        raw = profile_append(work->raw, caller, work->profile->frame[node]);
        if (raw != caller) { /* where there is no room it is its caller, which began before */
            profile_put(work->raw, raw, TIMED_START, work->now);
        }
        work->open[common] = (struct call){node, raw};
    }
    work->open_count = depth;
    profile_put(work->raw, raw, TIMED_OWN, moment->value);
    work->now += moment->value;
}

static bool
step_moments(struct flame *flame, struct flame_work *work)
{
    uint32_t count = work->profile->moment_count;
    uint32_t end = work->at + MIN(count - work->at, PORTION / 64);
    for (; work->at < end && !flame->failed; work->at++) {
        add_moment(flame, work, &work->profile->moments[work->at]);
    }
    take_raw(flame, work);
    return work->at >= count;
}

static bool
step_map(struct flame *flame, struct flame_work *work)
{
    const struct profile *profile = work->profile;
    uint32_t count = profile->node_count;
    if (work->options.part == FLAME_TIMED) {
        return step_moments(flame, work);
    }
    if (work->raw == NULL) {
        work->raw_parent = profile->parent;
        work->raw_frame = profile->frame;
        work->raw_count = count;
        return true;
    }
    if (work->map == NULL) {
        work->map = pages_new(count, sizeof(uint32_t), PAGES_PLAIN);
        flame->failed |= work->map == NULL;
        if (!flame->failed) {
            work->map[0] = work->options.part == FLAME_WHOLE ? 0 : PROFILE_NONE;
        }
        work->at = 1;
    }
    /* A new node may move others to a larger table; stacks of their own are as much work as they
     * are deep, which may be as deep as there are nodes. */
    uint32_t end = work->at + MIN(count - work->at, PORTION / 16);
    work->walked = 0;
    for (; work->at < end && work->walked < PORTION / 4 && !flame->failed; work->at++) {
        work->map[work->at] = map_node(work, work->at);
    }
    take_raw(flame, work);
    return work->at >= count;
}

static bool
step_close(struct flame *flame, struct flame_work *work)
{
    (void)flame;
    return work->raw == NULL || profile_close_step(work->raw);
}

/* Both are there already, or nothing took time. */
static bool
begin_timed(struct flame *flame, struct flame_work *work)
{
    double **values = work->raw->values[0];
    for (unsigned i = TIMED_OWN; i <= TIMED_START; i++) {
        values[i] =
            values[i] != NULL ? values[i] : pages_new(work->raw_count, sizeof(double), PAGES_PLAIN);
        flame->failed |= values[i] == NULL;
    }
    flame->total[0] = work->total[0] = pages_new(work->raw_count, sizeof(double), PAGES_PLAIN);
    flame->failed |= work->total[0] == NULL;
    work->self[0] = values[TIMED_OWN];
    flame->start = values[TIMED_START];
    flame->whole[0] = work->now;
    return true;
}

/* Where nothing is transformed the profile's own values are used. */
static void
begin_values(struct flame *flame, struct flame_work *work)
{
    for (unsigned side = 0; side < sides_of(work); side++) {
        bool same = work->map == NULL && work->mask == NULL && sides_of(work) == 1 &&
                    work->values[side] != NULL;
        flame->total[side] = work->total[side] =
            pages_new(work->raw_count, sizeof(double), PAGES_PLAIN);
        flame->own_self[side] =
            same ? NULL : pages_new(work->raw_count, sizeof(double), PAGES_PLAIN);
        work->self[side] = same ? work->values[side] : flame->own_self[side];
        flame->failed |= work->total[side] == NULL || work->self[side] == NULL;
    }
}

static bool
step_values(struct flame *flame, struct flame_work *work)
{
    uint32_t count = work->profile->node_count;
    if (work->options.part == FLAME_TIMED) {
        return begin_timed(flame, work);
    }
    if (work->total[0] == NULL) {
        begin_values(flame, work);
    }
    uint32_t end = flame->failed ? 0 : portion_end(work, count);
    for (; work->at < end; work->at++) {
        uint32_t to = work->map != NULL ? work->map[work->at] : work->at;
        for (unsigned side = 0; side < sides_of(work); side++) {
            double value = value_of(work, side, work->at);
            double *own = flame->own_self[side];
            flame->whole[side] += value;
            if (own != NULL && to != PROFILE_NONE && is_wanted(work, work->at)) {
                own[to] += work->below[side] != NULL ? work->below[side][work->at] : value;
            }
        }
    }
    return work->at >= count;
}

static bool
step_upwards(struct flame *flame, struct flame_work *work)
{
    (void)flame;
    uint32_t end = portion_end(work, work->raw_count);
    for (; work->at < end; work->at++) {
        uint32_t node = work->raw_count - 1 - work->at;
        for (unsigned side = 0; side < sides_of(work); side++) {
            double *total = work->total[side];
            total[node] += work->self[side][node];
            if (node > 0) {
                total[work->raw_parent[node]] += total[node];
            }
        }
    }
    return work->at >= work->raw_count;
}

/* Two runs are seldom equally long: both sides get the same whole, unless they are means of one
 * thing. Where a part is looked at, the wholes they are parts of. */
static bool
step_scale(struct flame *flame, struct flame_work *work)
{
    if (sides_of(work) == 1) {
        return true;
    }
    if (work->at == 0 && !work->profile->comparable && flame->whole[0] > 0 && flame->whole[1] > 0) {
        flame->factor = flame->whole[0] / flame->whole[1];
    }
    uint32_t end = portion_end(work, work->raw_count);
    for (; work->at < end; work->at++) {
        flame->own_self[1][work->at] *= flame->factor;
        work->total[1][work->at] *= flame->factor;
    }
    return work->at >= work->raw_count;
}

static double
weight(const struct flame_work *work, uint32_t raw)
{
    double first = work->total[0][raw];
    return sides_of(work) > 1 ? fmax(first, work->total[1][raw]) : first;
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
    uint32_t end = flame->failed ? 0 : portion_end(work, work->raw_count);
    for (; work->at < end; work->at++) {
        if (weight(work, work->at) > 0) {
            work->offset[work->raw_parent[work->at] + 2]++;
            flame->stacks +=
                work->self[0][work->at] > 0 || (sides_of(work) > 1 && work->self[1][work->at] > 0);
        }
    }
    return work->at >= work->raw_count;
}

/* offset[i + 1] is where the next child of i goes: after filling, where those of i + 1 begin. */
static bool
step_offsets(struct flame *flame, struct flame_work *work)
{
    (void)flame;
    uint32_t count = work->raw_count, end = portion_end(work, count);
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
    uint32_t end = flame->failed ? 0 : portion_end(work, work->raw_count);
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
    if (!ranking_step(ranking, count <= PORTION ? INT64_MAX : 0)) {
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
    for (unsigned side = 0; side < sides_of(work); side++) {
        flame->self[side] = work->self[side];
    }
    flame->count = work->raw_count;
}

static bool
step_sort(struct flame *flame, struct flame_work *work)
{
    uint32_t count = work->raw_count, done = 0;
    work->at = work->options.part == FLAME_TIMED ? count : work->at; /* they are in order */
    for (; work->at < count && done < PORTION; work->at++) {
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
    for (unsigned side = 0; side < sides_of(work); side++) {
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
    for (uint32_t done = 0; done < PORTION && !flame->failed; done++) {
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
    [PHASE_RULES] = step_rules, [PHASE_TOTALS] = step_totals, [PHASE_MAP] = step_map,
    [PHASE_CLOSE] = step_close, [PHASE_VALUES] = step_values, [PHASE_UPWARDS] = step_upwards,
    [PHASE_SCALE] = step_scale, [PHASE_COUNT] = step_count,   [PHASE_OFFSETS] = step_offsets,
    [PHASE_FILL] = step_fill,   [PHASE_SORT] = step_sort,     [PHASE_SUMS] = step_sums,
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
