/* Profiles of a few stacks, and flame graphs made of them to the end. */
#ifndef FLAMETOP_TESTS_CORE_STACKS_H
#define FLAMETOP_TESTS_CORE_STACKS_H

#include "flametop/base/hash.h"
#include "flametop/core/flame.h"

static uint64_t random_state = 1;

static inline uint32_t
pick(uint32_t below)
{
    random_state = hash_u64(random_state + UINT64_C(0x9e3779b97f4a7c15));
    return (uint32_t)(random_state % below);
}

/* "a;b;c" */
static inline uint32_t
add(struct profile *profile, const char *stack, double value)
{
    struct str rest = str_from(stack), part;
    uint32_t node = 0;
    while (str_until(&rest, ';', &part)) {
        node = profile_child(profile, node, profile_frame(profile, part, STR("")));
    }
    profile_put(profile, node, profile_measure(profile, STR("samples"), "", 1), value);
    return node;
}

static inline struct flame *
make(const struct profile *profile, struct flame_options options)
{
    struct flame *flame = flame_new(profile, &options);
    assert_non_null(flame);
    while (!flame_step(flame, 0)) {
    }
    assert_false(flame->failed);
    return flame;
}

static inline uint32_t
frame_of(struct profile *profile, const char *name)
{
    return profile_frame(profile, str_from(name), STR(""));
}

#endif
