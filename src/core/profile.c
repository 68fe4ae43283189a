/* Interned frames and the tree of calls, each found by an open-addressing table that holds hashes:
 * mostly one cache line a probe, as a profile of millions of stacks is mostly look-ups. */
#include "flametop/core/profile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/hash.h"
#include "flametop/base/macros.h"
#include "flametop/base/pages.h"

#define NAMES_BYTES_MAX ((size_t)512 << 20)
#define VALUE_MIN 1e-18 /* less is nothing */
#define SLOTS_FIRST 1024u
#define DROP_EACH 4096u
#define MIGRATE 8u /* slots of the old table that move with each node that is added */

struct profile_slot {
    uint32_t hash, number; /* of nodes their number, 0: free; of frames one more */
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
    profile->node_slots = pages_new(SLOTS_FIRST, sizeof(struct profile_slot), PAGES_SMALL);
    profile->indexed = 1;
    profile->frame_slots = calloc(SLOTS_FIRST, sizeof(struct profile_slot));
    profile->node_mask = profile->frame_mask = SLOTS_FIRST - 1;
    profile->node_capacity = SLOTS_FIRST;
    profile->parent = pages_new(profile->node_capacity, sizeof(uint32_t), PAGES_PLAIN);
    profile->frame = pages_new(profile->node_capacity, sizeof(uint32_t), PAGES_PLAIN);
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
    uint32_t *parent = pages_new(nodes, sizeof(*parent), PAGES_PLAIN),
             *frame = pages_new(nodes, sizeof(*frame), PAGES_PLAIN);
    if (nodes <= profile->node_capacity || parent == NULL || frame == NULL) {
        pages_free(parent);
        pages_free(frame);
        return; /* it grows as usual */
    }
    pages_free(profile->parent);
    pages_free(profile->frame);
    profile->parent = parent;
    profile->frame = frame;
    profile->frame[0] = PROFILE_NONE;
    profile->node_capacity = nodes;
}

void
profile_close(struct profile *profile)
{
    pages_free(profile->node_slots);
    pages_free(profile->old_slots);
    pages_free(profile->spent_slots);
    free(profile->frame_slots);
    profile->node_slots = profile->old_slots = profile->frame_slots = NULL;
    profile->spent_slots = NULL;
}

bool
profile_close_step(struct profile *profile)
{
    const struct {
        struct profile_slot *slots;
        uint32_t mask;
    } tables[] = {{profile->node_slots, profile->node_mask},
                  {profile->old_slots, profile->old_mask},
                  {profile->spent_slots, profile->old_mask}};
    for (; profile->closing < ARRAY_SIZE(tables); profile->closing++, profile->closed_at = 0) {
        size_t bytes = ((size_t)tables[profile->closing].mask + 1) * sizeof(struct profile_slot);
        if (tables[profile->closing].slots != NULL && profile->closed_at < bytes) {
            profile->closed_at =
                pages_drop(tables[profile->closing].slots, bytes, profile->closed_at);
            return false;
        }
    }
    profile_close(profile);
    return true;
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
            pages_free(profile->values[side][i]);
        }
    }
    pages_free(profile->parent);
    pages_free(profile->frame);
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

static uint32_t
hash_frame(struct str name, struct str module)
{
    uint64_t hash = hash_bytes(name.p, name.n);
    return (uint32_t)(module.n > 0 ? hash_mix(hash, hash_bytes(module.p, module.n)) : hash);
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
        uint32_t at = slot.hash & wider;
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
    module.n = profile->names_only ? 0 : MIN(module.n, PROFILE_NAME_BYTES_MAX);
    profile->modules[profile->side] |= module.n > 0;
    uint32_t hash = hash_frame(name, module), at = hash & profile->frame_mask;
    for (; profile->frame_slots[at].number != 0; at = (at + 1) & profile->frame_mask) {
        struct profile_slot slot = profile->frame_slots[at];
        if (slot.hash == hash && is_frame(&profile->frames[slot.number - 1], name, module)) {
            return slot.number - 1;
        }
    }
    uint32_t number = add_frame(profile, name, module);
    if (number == PROFILE_NONE) {
        return number;
    }
    profile->frame_slots[at] = (struct profile_slot){hash, number + 1};
    if (profile->frame_count * 2 > profile->frame_mask && !grow_frame_slots(profile)) {
        profile->failed = true;
    }
    return number;
}

/* ---- nodes ---- */

static bool
grow_array(void **array, size_t count, size_t wider, size_t bytes)
{
    void *grown = pages_new(wider, bytes, PAGES_PLAIN);
    if (grown == NULL) {
        return false;
    }
    memcpy(grown, *array, count * bytes);
    pages_free(*array);
    *array = grown;
    return true;
}

static bool
grow_nodes(struct profile *profile)
{
    uint32_t count = profile->node_capacity, wider = count * 2;
    bool good = grow_array((void **)&profile->parent, count, wider, sizeof(uint32_t)) &&
                grow_array((void **)&profile->frame, count, wider, sizeof(uint32_t));
    for (unsigned side = 0; side < PROFILE_SIDES; side++) {
        for (unsigned i = 0; good && i < PROFILE_MEASURES_MAX; i++) {
            double **values = &profile->values[side][i];
            good = *values == NULL || grow_array((void **)values, count, wider, sizeof(double));
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

static uint32_t
hash_node(uint32_t parent, uint32_t frame)
{
    return (uint32_t)hash_u64((uint64_t)parent << 32 | frame);
}

static uint32_t
free_slot(const struct profile_slot *slots, uint32_t mask, uint32_t hash)
{
    uint32_t at = hash & mask;
    while (slots[at].number != 0) {
        at = (at + 1) & mask;
    }
    return at;
}

/* The node's number; 0: it is not in this table. */
static uint32_t
find_node(const struct profile *profile, const struct profile_slot *slots, uint32_t mask,
          uint32_t parent, uint32_t frame)
{
    uint32_t hash = hash_node(parent, frame);
    for (uint32_t at = hash & mask; slots[at].number != 0; at = (at + 1) & mask) {
        uint32_t node = slots[at].number;
        if (slots[at].hash == hash && profile->frame[node] == frame &&
            profile->parent[node] == parent) {
            return node;
        }
    }
    return 0;
}

static void
index_node(struct profile *profile, uint32_t hash, uint32_t node)
{
    struct profile_slot *slots = profile->node_slots;
    slots[free_slot(slots, profile->node_mask, hash)] = (struct profile_slot){hash, node};
}

/* The table that was left is given back a part at a time as well. */
static void
drop_spent(struct profile *profile)
{
    size_t bytes = ((size_t)profile->old_mask + 1) * sizeof(struct profile_slot);
    profile->spent_at = pages_drop(profile->spent_slots, bytes, profile->spent_at);
    if (profile->spent_at == bytes) {
        pages_free(profile->spent_slots);
        profile->spent_slots = NULL;
    }
}

/* A table that is full gets another of twice the size beside it, which takes over a few slots with
 * each node that is added: adding one never takes long. */
static void
migrate(struct profile *profile)
{
    for (uint32_t i = 0; i < MIGRATE && profile->old_slots != NULL; i++) {
        struct profile_slot slot = profile->old_slots[profile->old_at];
        if (slot.number != 0) {
            index_node(profile, slot.hash, slot.number);
        }
        if (profile->old_at++ == profile->old_mask) {
            profile->spent_slots = profile->old_slots;
            profile->spent_at = 0;
            profile->old_slots = NULL;
        }
    }
    if (profile->spent_slots != NULL && profile->node_count % DROP_EACH == 0) {
        drop_spent(profile);
    }
}

static bool
grow_node_slots(struct profile *profile)
{
    uint32_t wider = profile->node_mask * 2 + 1;
    struct profile_slot *grown = pages_new((size_t)wider + 1, sizeof(*grown), PAGES_SMALL);
    if (grown == NULL || profile->old_slots != NULL) {
        pages_free(grown);
        return false;
    }
    pages_free(profile->spent_slots);
    profile->spent_slots = NULL;
    profile->old_slots = profile->node_slots;
    profile->old_mask = profile->node_mask;
    profile->old_at = 0;
    profile->node_slots = grown;
    profile->node_mask = wider;
    return true;
}

/* Those that were appended, all at once. */
static bool
index_appended(struct profile *profile)
{
    size_t slots = (size_t)profile->node_mask + 1;
    while (slots / 4 < profile->node_count) {
        slots *= 2;
    }
    struct profile_slot *grown = pages_new(slots, sizeof(*grown), PAGES_PLAIN);
    if (grown == NULL) {
        profile->failed = true;
        return false;
    }
    pages_free(profile->node_slots);
    pages_free(profile->old_slots);
    profile->old_slots = NULL;
    profile->node_slots = grown;
    profile->node_mask = (uint32_t)(slots - 1);
    for (uint32_t node = 1; node < profile->node_count; node++) {
        index_node(profile, hash_node(profile->parent[node], profile->frame[node]), node);
    }
    profile->indexed = profile->node_count;
    return true;
}

uint32_t
profile_child(struct profile *profile, uint32_t parent, uint32_t frame)
{
    if (frame == PROFILE_NONE ||
        (profile->indexed < profile->node_count && !index_appended(profile))) {
        return parent;
    }
    uint32_t known = find_node(profile, profile->node_slots, profile->node_mask, parent, frame);
    if (known == 0 && profile->old_slots != NULL) {
        known = find_node(profile, profile->old_slots, profile->old_mask, parent, frame);
    }
    if (known != 0) {
        return known;
    }
    if (!has_room(profile)) {
        profile->cut++;
        return parent;
    }
    uint32_t node = profile->node_count++;
    profile->parent[node] = parent;
    profile->frame[node] = frame;
    index_node(profile, hash_node(parent, frame), node);
    profile->indexed = profile->node_count;
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
        *values = pages_new(profile->node_capacity, sizeof(double), PAGES_PLAIN);
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

static void *
copy_pages(const void *from, size_t count, size_t bytes)
{
    void *copy = pages_new(count, bytes, PAGES_PLAIN);
    if (copy != NULL) {
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
                copy->values[side][i] = copy_pages(values, profile->node_count, sizeof(double));
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
    copy->node_slots = copy->frame_slots = copy->old_slots = copy->spent_slots = NULL;
    memset(copy->values, 0, sizeof(copy->values));
    arena_init(&copy->names, NAMES_BYTES_MAX);
    copy->parent = copy_pages(profile->parent, profile->node_count, sizeof(uint32_t));
    copy->frame = copy_pages(profile->frame, profile->node_count, sizeof(uint32_t));
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
