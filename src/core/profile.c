/* Interned frames and the tree of calls, each found by an open-addressing table that holds what it
 * compares: one cache line a probe, as a profile of millions of stacks is mostly look-ups. */
#include "flametop/core/profile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/hash.h"
#include "flametop/base/macros.h"

#define NAMES_BYTES_MAX ((size_t)512 << 20)
#define VALUE_MIN 1e-18 /* less is nothing */
#define SLOTS_FIRST 1024u
#define MIGRATE 8u /* slots of the old table that move with each node that is added */

struct profile_slot {
    uint32_t a, b, number; /* nodes: parent, frame; frames: hash; number + 1, 0: free */
};

struct profile *
profile_new(void)
{
    struct profile *profile = calloc(1, sizeof(*profile));
    if (profile == NULL) {
        return NULL;
    }
    profile->references = 1;
    profile->moment_measure = PROFILE_NONE;
    arena_init(&profile->names, NAMES_BYTES_MAX);
    profile->sides = 1;
    profile->node_max = PROFILE_NODES_MAX;
    profile->frame_max = PROFILE_FRAMES_MAX;
    profile->node_slots = calloc(SLOTS_FIRST, sizeof(struct profile_slot));
    profile->frame_slots = calloc(SLOTS_FIRST, sizeof(struct profile_slot));
    profile->node_mask = profile->frame_mask = SLOTS_FIRST - 1;
    profile->node_capacity = SLOTS_FIRST;
    profile->parent = calloc(profile->node_capacity, sizeof(uint32_t));
    profile->frame = calloc(profile->node_capacity, sizeof(uint32_t));
    profile->node_count = 1;
    if (profile->node_slots == NULL || profile->frame_slots == NULL || profile->parent == NULL ||
        profile->frame == NULL) {
        profile_release(profile);
        return NULL;
    }
    profile->frame[0] = PROFILE_NONE;
    return profile;
}

void
profile_reserve(struct profile *profile, uint32_t nodes)
{
    nodes = MIN(nodes, PROFILE_NODES_MAX);
    uint32_t slots = SLOTS_FIRST;
    while (slots / 2 < nodes) {
        slots *= 2;
    }
    struct profile_slot *node_slots = calloc(slots, sizeof(*node_slots));
    uint32_t *parent = calloc((size_t)nodes + 1, sizeof(*parent));
    uint32_t *frame = calloc((size_t)nodes + 1, sizeof(*frame));
    if (nodes <= profile->node_capacity || node_slots == NULL || parent == NULL || frame == NULL) {
        free(node_slots);
        free(parent);
        free(frame);
        return; /* it grows as usual */
    }
    free(profile->node_slots);
    free(profile->parent);
    free(profile->frame);
    profile->node_slots = node_slots;
    profile->node_mask = slots - 1;
    profile->parent = parent;
    profile->frame = frame;
    profile->frame[0] = PROFILE_NONE;
    profile->node_capacity = nodes;
}

void
profile_close(struct profile *profile)
{
    free(profile->node_slots);
    free(profile->old_slots);
    free(profile->frame_slots);
    profile->node_slots = profile->old_slots = profile->frame_slots = NULL;
}

/* Only the count of references changes in what is shared. */
const struct profile *
profile_acquire(const struct profile *profile)
{
    __atomic_add_fetch(&((struct profile *)(uintptr_t)profile)->references, 1, __ATOMIC_RELAXED);
    return profile;
}

void
profile_release(const struct profile *shared)
{
    struct profile *profile = (struct profile *)(uintptr_t)shared;
    if (profile == NULL || __atomic_sub_fetch(&profile->references, 1, __ATOMIC_ACQ_REL) != 0) {
        return;
    }
    profile_close(profile);
    free(profile->moments);
    for (unsigned side = 0; side < PROFILE_SIDES; side++) {
        for (unsigned i = 0; i < PROFILE_MEASURES_MAX; i++) {
            free(profile->values[side][i]);
        }
    }
    free(profile->parent);
    free(profile->frame);
    free(profile->frames);
    arena_done(&profile->names);
    free(profile);
}

void
profile_second_side(struct profile *profile)
{
    profile->side = 1;
    profile->sides = 2;
}

uint32_t
profile_measure(struct profile *profile, struct str name, const char *unit, double scale)
{
    struct profile_measure measure = {.unit = unit, .scale = scale};
    str_copy(name, measure.name, sizeof(measure.name));
    for (uint32_t i = 0; i < profile->measure_count; i++) {
        if (strcmp(profile->measures[i].name, measure.name) == 0 &&
            strcmp(profile->measures[i].unit, unit) == 0) {
            return i;
        }
    }
    if (profile->side > 0) {
        return profile->measure_count == 1 ? 0 : PROFILE_NONE;
    }
    if (profile->measure_count == PROFILE_MEASURES_MAX) {
        return PROFILE_NONE;
    }
    profile->measures[profile->measure_count] = measure;
    return profile->measure_count++;
}

/* ---- frames ---- */

static uint64_t
hash_frame(struct str name, struct str module)
{
    uint64_t hash = hash_bytes(name.p, name.n);
    return module.n > 0 ? hash_mix(hash, hash_bytes(module.p, module.n)) : hash;
}

static bool
is_frame(const struct profile_frame *frame, struct str name, struct str module)
{
    return frame->name_n == name.n && frame->module_n == module.n &&
           memcmp(frame->name, name.p, name.n) == 0 &&
           (module.n == 0 || memcmp(frame->module, module.p, module.n) == 0);
}

bool
profile_frames_equal(const struct profile_frame *a, const struct profile_frame *b)
{
    return is_frame(a, (struct str){b->name, b->name_n}, (struct str){b->module, b->module_n});
}

uint32_t
profile_frame_like(const struct profile *profile, const struct profile_frame *frame)
{
    for (uint32_t i = 0; i < profile->frame_count; i++) {
        if (profile_frames_equal(&profile->frames[i], frame)) {
            return i;
        }
    }
    return PROFILE_NONE;
}

/* Half full at most. The old table stays when there is no memory for another. */
static bool
grow_frame_slots(struct profile *profile)
{
    uint32_t mask = profile->frame_mask, wider = mask * 2 + 1;
    struct profile_slot *grown = calloc((size_t)wider + 1, sizeof(*grown));
    if (grown == NULL) {
        return false;
    }
    for (size_t i = 0; i <= mask; i++) {
        struct profile_slot slot = profile->frame_slots[i];
        uint32_t at = slot.b & wider;
        while (slot.number != 0 && grown[at].number != 0) {
            at = (at + 1) & wider;
        }
        if (slot.number != 0) {
            grown[at] = slot;
        }
    }
    free(profile->frame_slots);
    profile->frame_slots = grown;
    profile->frame_mask = wider;
    return true;
}

static uint32_t
add_frame(struct profile *profile, struct str name, struct str module)
{
    if (profile->frame_count >= profile->frame_max || profile->failed) {
        profile->cut++;
        return PROFILE_NONE;
    }
    if (profile->frame_count == profile->frame_capacity) {
        uint32_t wider = MAX(profile->frame_capacity * 2, 256u);
        struct profile_frame *grown =
            realloc(profile->frames, wider * sizeof(struct profile_frame));
        if (grown == NULL) {
            profile->failed = true;
            return PROFILE_NONE;
        }
        profile->frames = grown;
        profile->frame_capacity = wider;
    }
    profile->frames[profile->frame_count] = (struct profile_frame){
        .name = arena_text(&profile->names, name.p, name.n),
        .module = module.n > 0 ? arena_text(&profile->names, module.p, module.n) : "",
        .name_n = (uint32_t)name.n,
        .module_n = (uint32_t)module.n};
    if (profile->names.full) {
        profile->cut++;
        return PROFILE_NONE;
    }
    return profile->frame_count++;
}

uint32_t
profile_frame(struct profile *profile, struct str name, struct str module)
{
    name = name.n == 0 ? STR("[unnamed]") : name;
    name.n = MIN(name.n, PROFILE_NAME_BYTES_MAX);
    module.n = MIN(module.n, PROFILE_NAME_BYTES_MAX);
    uint64_t hash = hash_frame(name, module);
    uint32_t high = (uint32_t)(hash >> 32), low = (uint32_t)hash, at = low & profile->frame_mask;
    for (; profile->frame_slots[at].number != 0; at = (at + 1) & profile->frame_mask) {
        struct profile_slot slot = profile->frame_slots[at];
        if (slot.a == high && slot.b == low &&
            is_frame(&profile->frames[slot.number - 1], name, module)) {
            return slot.number - 1;
        }
    }
    uint32_t number = add_frame(profile, name, module);
    if (number == PROFILE_NONE) {
        return number;
    }
    profile->frame_slots[at] = (struct profile_slot){high, low, number + 1};
    if (profile->frame_count * 2 > profile->frame_mask && !grow_frame_slots(profile)) {
        profile->failed = true;
    }
    return number;
}

/* ---- nodes ---- */

static bool
grow_array(void **array, size_t count, size_t wider, size_t bytes, bool zeroed)
{
    void *grown = realloc(*array, wider * bytes);
    if (grown == NULL) {
        return false;
    }
    if (zeroed) {
        memset((char *)grown + count * bytes, 0, (wider - count) * bytes);
    }
    *array = grown;
    return true;
}

static bool
grow_nodes(struct profile *profile)
{
    uint32_t count = profile->node_capacity, wider = count * 2;
    bool good = grow_array((void **)&profile->parent, count, wider, sizeof(uint32_t), false) &&
                grow_array((void **)&profile->frame, count, wider, sizeof(uint32_t), false);
    for (unsigned side = 0; side < PROFILE_SIDES; side++) {
        for (unsigned i = 0; good && i < PROFILE_MEASURES_MAX; i++) {
            double **values = &profile->values[side][i];
            good =
                *values == NULL || grow_array((void **)values, count, wider, sizeof(double), true);
        }
    }
    profile->failed |= !good;
    profile->node_capacity = good ? wider : count;
    return good;
}

static bool
has_room(struct profile *profile)
{
    if (profile->node_count >= profile->node_max || profile->failed) {
        return false;
    }
    return profile->node_count < profile->node_capacity || grow_nodes(profile);
}

/* Where a node is, or where it would go. */
static uint32_t
find_slot(const struct profile_slot *slots, uint32_t mask, uint32_t parent, uint32_t frame)
{
    uint32_t at = (uint32_t)hash_u64((uint64_t)parent << 32 | frame) & mask;
    while (slots[at].number != 0 && (slots[at].a != parent || slots[at].b != frame)) {
        at = (at + 1) & mask;
    }
    return at;
}

/* A table that is full gets another of twice the size beside it, which takes over a few slots with
 * each node that is added: adding one never takes long. */
static void
migrate(struct profile *profile)
{
    for (uint32_t i = 0; i < MIGRATE && profile->old_slots != NULL; i++) {
        struct profile_slot slot = profile->old_slots[profile->old_at];
        if (slot.number != 0) {
            profile
                ->node_slots[find_slot(profile->node_slots, profile->node_mask, slot.a, slot.b)] =
                slot;
        }
        if (profile->old_at++ == profile->old_mask) {
            free(profile->old_slots);
            profile->old_slots = NULL;
        }
    }
}

static bool
grow_node_slots(struct profile *profile)
{
    uint32_t wider = profile->node_mask * 2 + 1;
    struct profile_slot *grown = calloc((size_t)wider + 1, sizeof(*grown));
    if (grown == NULL || profile->old_slots != NULL) {
        free(grown);
        return false;
    }
    profile->old_slots = profile->node_slots;
    profile->old_mask = profile->node_mask;
    profile->old_at = 0;
    profile->node_slots = grown;
    profile->node_mask = wider;
    return true;
}

uint32_t
profile_child(struct profile *profile, uint32_t parent, uint32_t frame)
{
    if (frame == PROFILE_NONE) {
        return parent;
    }
    uint32_t at = find_slot(profile->node_slots, profile->node_mask, parent, frame);
    if (profile->node_slots[at].number != 0) {
        return profile->node_slots[at].number;
    }
    if (profile->old_slots != NULL) {
        uint32_t old = find_slot(profile->old_slots, profile->old_mask, parent, frame);
        if (profile->old_slots[old].number != 0) {
            return profile->old_slots[old].number;
        }
    }
    if (!has_room(profile)) {
        profile->cut++;
        return parent;
    }
    uint32_t node = profile->node_count++;
    profile->parent[node] = parent;
    profile->frame[node] = frame;
    profile->node_slots[at] = (struct profile_slot){parent, frame, node};
    migrate(profile);
    if ((uint64_t)profile->node_count * 2 > profile->node_mask && !grow_node_slots(profile)) {
        profile->failed = true;
    }
    return node;
}

void
profile_put(struct profile *profile, uint32_t node, uint32_t measure, double value)
{
    if (measure == PROFILE_NONE || fabs(value) < VALUE_MIN) {
        return;
    }
    if (!(value > 0 && value <= PROFILE_VALUE_MAX)) {
        profile->refused[profile->side]++;
        return;
    }
    double **values = &profile->values[profile->side][measure];
    if (*values == NULL) {
        *values = calloc(profile->node_capacity, sizeof(double));
    }
    if (*values == NULL) {
        profile->failed = true;
        return;
    }
    (*values)[node] += value;
}

uint32_t
profile_append(struct profile *profile, uint32_t parent, uint32_t frame)
{
    if (frame == PROFILE_NONE || !has_room(profile)) {
        profile->cut += frame != PROFILE_NONE;
        return parent;
    }
    profile->parent[profile->node_count] = parent;
    profile->frame[profile->node_count] = frame;
    return profile->node_count++;
}

/* ---- the order of time ---- */

static void
lose_moments(struct profile *profile)
{
    free(profile->moments);
    profile->moments = NULL;
    profile->moment_count = profile->moment_capacity = 0;
    profile->moments_lost = true;
}

static bool
grow_moments(struct profile *profile)
{
    uint32_t wider = MAX(profile->moment_capacity * 2, 256u);
    struct profile_moment *grown =
        wider <= PROFILE_MOMENTS_MAX ? realloc(profile->moments, wider * sizeof(*grown)) : NULL;
    if (grown == NULL) {
        lose_moments(profile); /* a part of the time would be taken for all of it */
        return false;
    }
    profile->moments = grown;
    profile->moment_capacity = wider;
    return true;
}

/* What goes on in the same stack is one moment. */
static void
add_moment(struct profile *profile, struct profile_moment moment, uint32_t measure)
{
    bool first = profile->moment_measure == PROFILE_NONE;
    profile->moment_measure = first ? measure : profile->moment_measure;
    if (measure != profile->moment_measure || profile->side > 0 || profile->moments_lost ||
        !(moment.value >= VALUE_MIN && moment.value <= PROFILE_VALUE_MAX)) {
        return;
    }
    struct profile_moment *last =
        profile->moment_count > 0 ? &profile->moments[profile->moment_count - 1] : NULL;
    if (last != NULL && last->node == moment.node && last->idle == moment.idle) {
        last->value += moment.value;
    } else if (profile->moment_count < profile->moment_capacity || grow_moments(profile)) {
        profile->moments[profile->moment_count++] = moment;
    }
}

void
profile_put_next(struct profile *profile, uint32_t node, uint32_t measure, double value)
{
    profile_put(profile, node, measure, value);
    add_moment(profile, (struct profile_moment){value, node, false}, measure);
}

void
profile_put_idle(struct profile *profile, uint32_t node, uint32_t measure, double value)
{
    add_moment(profile, (struct profile_moment){value, node, true}, measure);
}

/* ---- copies ---- */

static void *
copy_array(const void *from, size_t count, size_t bytes)
{
    void *copy = malloc(MAX(count * bytes, (size_t)1));
    if (copy != NULL && count > 0) {
        memcpy(copy, from, count * bytes);
    }
    return copy;
}

static bool
copy_frames(struct profile *copy, const struct profile *profile)
{
    copy->frames = copy_array(profile->frames, profile->frame_count, sizeof(*copy->frames));
    for (uint32_t i = 0; copy->frames != NULL && i < profile->frame_count; i++) {
        struct profile_frame *frame = &copy->frames[i];
        frame->name = arena_text(&copy->names, frame->name, frame->name_n);
        frame->module =
            frame->module_n > 0 ? arena_text(&copy->names, frame->module, frame->module_n) : "";
    }
    return copy->frames != NULL && !copy->names.full;
}

static bool
copy_values(struct profile *copy, const struct profile *profile)
{
    bool good = true;
    for (unsigned side = 0; side < PROFILE_SIDES; side++) {
        for (unsigned i = 0; good && i < PROFILE_MEASURES_MAX; i++) {
            const double *values = profile->values[side][i];
            if (values != NULL) {
                copy->values[side][i] = copy_array(values, profile->node_count, sizeof(double));
                good = copy->values[side][i] != NULL;
            }
        }
    }
    return good;
}

struct profile *
profile_copy(const struct profile *profile)
{
    struct profile *copy = calloc(1, sizeof(*copy));
    if (copy == NULL) {
        return NULL;
    }
    *copy = *profile;
    copy->references = 1;
    copy->frame_capacity = copy->frame_count;
    copy->node_capacity = copy->node_count;
    copy->node_slots = copy->frame_slots = copy->old_slots = NULL;
    memset(copy->values, 0, sizeof(copy->values));
    arena_init(&copy->names, NAMES_BYTES_MAX);
    copy->parent = copy_array(profile->parent, profile->node_count, sizeof(uint32_t));
    copy->frame = copy_array(profile->frame, profile->node_count, sizeof(uint32_t));
    copy->frames = NULL;
    copy->moments = NULL;
    if (profile->moment_count > 0) {
        copy->moments =
            copy_array(profile->moments, profile->moment_count, sizeof(*profile->moments));
        copy->moment_capacity = copy->moment_count;
    }
    if (copy->parent == NULL || copy->frame == NULL || !copy_frames(copy, profile) ||
        !copy_values(copy, profile) || (copy->moments == NULL && copy->moment_count > 0)) {
        profile_release(copy);
        return NULL;
    }
    return copy;
}
