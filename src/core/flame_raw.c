/* Raw nodes. They keep the order parent before child, so that totals are one walk backwards. */
#include "flame_raw.h"

#include <stdlib.h>

#include "flametop/base/pages.h"

enum { TIMED_OWN, TIMED_START }; /* what the values of raw nodes are then */

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

bool
flame_raw_rules(struct flame *flame, struct flame_work *work)
{
    const struct profile *profile = work->profile;
    if (work->mask == NULL) {
        work->mask = pages_new(profile->node_count, sizeof(uint32_t), PAGES_PLAIN);
        flame->failed = work->mask == NULL;
        work->at = 1;
    }
    uint32_t end = flame->failed ? 0 : flame_portion_end(work, profile->node_count);
    for (; work->at < end; work->at++) {
        work->mask[work->at] =
            work->mask[profile->parent[work->at]] | work->options.rules[profile->frame[work->at]];
    }
    return work->at >= profile->node_count;
}

/* Children have larger numbers: one walk backwards. `at` counts what is done. */
bool
flame_raw_totals(struct flame *flame, struct flame_work *work)
{
    const struct profile *profile = work->profile;
    uint32_t count = profile->node_count;
    for (unsigned side = 0; side < flame_sides(work) && work->below[side] == NULL; side++) {
        work->below[side] = pages_new(count, sizeof(double), PAGES_PLAIN);
        flame->failed |= work->below[side] == NULL;
    }
    uint32_t end = flame->failed ? 0 : flame_portion_end(work, count);
    for (; work->at < end; work->at++) {
        uint32_t node = count - 1 - work->at;
        for (unsigned side = 0; side < flame_sides(work); side++) {
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
    for (unsigned side = 0; side < flame_sides(work); side++) {
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
    return work->below[0][node] > 0 || (flame_sides(work) > 1 && work->below[1][node] > 0);
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
            struct flame_call *open = realloc(work->open, wider * sizeof(*open));
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
        work->open[common] = (struct flame_call){node, raw};
    }
    work->open_count = depth;
    profile_put(work->raw, raw, TIMED_OWN, moment->value);
    work->now += moment->value;
}

static bool
step_moments(struct flame *flame, struct flame_work *work)
{
    uint32_t count = work->profile->moment_count;
    uint32_t end = work->at + MIN(count - work->at, FLAME_PORTION / 64);
    for (; work->at < end && !flame->failed; work->at++) {
        add_moment(flame, work, &work->profile->moments[work->at]);
    }
    take_raw(flame, work);
    return work->at >= count;
}

bool
flame_raw_map(struct flame *flame, struct flame_work *work)
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
    uint32_t end = work->at + MIN(count - work->at, FLAME_PORTION / 16);
    work->walked = 0;
    for (; work->at < end && work->walked < FLAME_PORTION / 4 && !flame->failed; work->at++) {
        work->map[work->at] = map_node(work, work->at);
    }
    take_raw(flame, work);
    return work->at >= count;
}

bool
flame_raw_close(struct flame *flame, struct flame_work *work)
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
    for (unsigned side = 0; side < flame_sides(work); side++) {
        bool same = work->map == NULL && work->mask == NULL && flame_sides(work) == 1 &&
                    work->values[side] != NULL;
        flame->total[side] = work->total[side] =
            pages_new(work->raw_count, sizeof(double), PAGES_PLAIN);
        flame->own_self[side] =
            same ? NULL : pages_new(work->raw_count, sizeof(double), PAGES_PLAIN);
        work->self[side] = same ? work->values[side] : flame->own_self[side];
        flame->failed |= work->total[side] == NULL || work->self[side] == NULL;
    }
}

bool
flame_raw_values(struct flame *flame, struct flame_work *work)
{
    uint32_t count = work->profile->node_count;
    if (work->options.part == FLAME_TIMED) {
        return begin_timed(flame, work);
    }
    if (work->total[0] == NULL) {
        begin_values(flame, work);
    }
    uint32_t end = flame->failed ? 0 : flame_portion_end(work, count);
    for (; work->at < end; work->at++) {
        uint32_t to = work->map != NULL ? work->map[work->at] : work->at;
        for (unsigned side = 0; side < flame_sides(work); side++) {
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

bool
flame_raw_upwards(struct flame *flame, struct flame_work *work)
{
    (void)flame;
    uint32_t end = flame_portion_end(work, work->raw_count);
    for (; work->at < end; work->at++) {
        uint32_t node = work->raw_count - 1 - work->at;
        for (unsigned side = 0; side < flame_sides(work); side++) {
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
bool
flame_raw_scale(struct flame *flame, struct flame_work *work)
{
    if (flame_sides(work) == 1) {
        return true;
    }
    if (work->at == 0 && !work->profile->comparable && flame->whole[0] > 0 && flame->whole[1] > 0) {
        flame->factor = flame->whole[0] / flame->whole[1];
    }
    uint32_t end = flame_portion_end(work, work->raw_count);
    for (; work->at < end; work->at++) {
        flame->own_self[1][work->at] *= flame->factor;
        work->total[1][work->at] *= flame->factor;
    }
    return work->at >= work->raw_count;
}
