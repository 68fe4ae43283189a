/* Trees, and what is made of them. */
#include "../check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/core/flame_layout.h"
#include "stacks.h"

/* The node of a stack; fails when there is none. */
static uint32_t
node_of(const struct profile *profile, const struct flame *flame, const char *stack)
{
    struct str rest = str_from(stack), part;
    uint32_t node = 0;
    while (str_until(&rest, ';', &part)) {
        uint32_t found = PROFILE_NONE;
        for (uint32_t i = flame->first[node]; i < flame->first[node + 1]; i++) {
            const struct profile_frame *frame = &profile->frames[flame->frame[flame->children[i]]];
            found = frame->name_n == part.n && memcmp(frame->name, part.p, part.n) == 0
                        ? flame->children[i]
                        : found;
        }
        if (found == PROFILE_NONE) {
            fail_msg("%s has no %.*s", stack, (int)part.n, part.p);
        }
        node = found;
    }
    return node;
}

static double
total(const struct profile *profile, const struct flame *flame, const char *stack)
{
    return flame->total[0][node_of(profile, flame, stack)];
}

static void
test_flame__adds_up(void **state)
{
    (void)state;
    struct profile *profile = profile_new();
    add(profile, "main;a;b", 3);
    add(profile, "main;a", 2);
    add(profile, "main;c", 7);
    add(profile, "main;a;b", 1);
    struct flame *flame = make(profile, (struct flame_options){0});
    assert_int_equal(flame->count, 5);
    assert_true(flame->total[0][0] == 13);
    assert_true(total(profile, flame, "main;a") == 6);
    assert_true(flame->self[0][node_of(profile, flame, "main;a")] == 2);
    uint32_t heaviest = flame->children[flame->first[node_of(profile, flame, "main")]];
    assert_int_equal(flame->frame[heaviest], frame_of(profile, "c"));
    assert_int_equal(flame->stacks, 3);
    assert_true(flame->sums[frame_of(profile, "b")].self[0] == 4);
    flame_free(flame);
    profile_release(profile);
}

static void
test_flame__counts_recursion_once(void **state)
{
    (void)state;
    struct profile *profile = profile_new();
    add(profile, "main;f;f;g;f", 5);
    add(profile, "main;f", 1);
    struct flame *flame = make(profile, (struct flame_options){0});
    assert_true(flame->sums[frame_of(profile, "f")].total[0] == 6);
    assert_true(flame->sums[frame_of(profile, "f")].self[0] == 6);
    flame_free(flame);
    flame = make(profile, (struct flame_options){.collapse = true});
    assert_true(total(profile, flame, "main;f;g;f") == 5);
    assert_int_equal(flame->count, 5);
    flame_free(flame);
    profile_release(profile);
}

static void
test_flame__inverts(void **state)
{
    (void)state;
    struct profile *profile = profile_new();
    add(profile, "main;a;leaf", 3);
    add(profile, "main;b;leaf", 4);
    add(profile, "main;b", 1);
    struct flame *flame = make(profile, (struct flame_options){.part = FLAME_INVERTED});
    assert_true(flame->total[0][0] == 8);
    assert_true(total(profile, flame, "leaf") == 7);
    assert_true(total(profile, flame, "leaf;b;main") == 4);
    assert_true(total(profile, flame, "b;main") == 1);
    flame_free(flame);
    profile_release(profile);
}

static void
test_flame__has_callers_and_callees_of_one_weight(void **state)
{
    (void)state;
    struct profile *profile = profile_new();
    add(profile, "main;a;f;x", 3);
    add(profile, "main;b;f;f;y", 4);
    add(profile, "main;b", 100);
    uint32_t f = frame_of(profile, "f");
    struct flame *callers =
        make(profile, (struct flame_options){.part = FLAME_CALLERS, .frame = f});
    struct flame *callees =
        make(profile, (struct flame_options){.part = FLAME_CALLEES, .frame = f});
    assert_true(callers->total[0][0] == 7);
    assert_true(callees->total[0][0] == 7);
    assert_true(total(profile, callers, "f;b;main") == 4);
    assert_true(total(profile, callees, "f;x") == 3);
    assert_true(total(profile, callees, "f;f;y") == 4);
    assert_true(callees->whole[0] == 107);
    flame_free(callers);
    flame_free(callees);
    profile_release(profile);
}

static void
test_flame__keeps_and_drops(void **state)
{
    (void)state;
    struct profile *profile = profile_new();
    add(profile, "main;a;f", 3);
    add(profile, "main;b;f", 4);
    add(profile, "main;b", 5);
    uint32_t bits[8] = {0};
    bits[frame_of(profile, "f")] = 1;
    bits[frame_of(profile, "a")] = 2;
    struct flame *flame =
        make(profile, (struct flame_options){.rules = bits, .keep = 1, .drop = 2});
    assert_true(flame->total[0][0] == 4);
    assert_true(flame->whole[0] == 12);
    assert_true(total(profile, flame, "main;b;f") == 4);
    assert_int_equal(flame->first[flame->count], 3); /* nothing is left of a */
    flame_free(flame);
    flame =
        make(profile,
             (struct flame_options){
                 .part = FLAME_CALLERS, .frame = frame_of(profile, "f"), .rules = bits, .drop = 2});
    assert_true(flame->total[0][0] == 4);
    flame_free(flame);
    profile_release(profile);
}

static void
test_flame__compares_normalised(void **state)
{
    (void)state;
    struct profile *profile = profile_new();
    add(profile, "main;a", 30);
    add(profile, "main;b", 70);
    profile_second_side(profile);
    add(profile, "main;a", 100);
    add(profile, "main;gone", 100);
    struct flame *flame = make(profile, (struct flame_options){0});
    assert_true(flame->factor == 0.5);
    assert_true(flame->total[1][0] == 100);
    uint32_t a = node_of(profile, flame, "main;a"), gone = node_of(profile, flame, "main;gone");
    assert_true(flame->total[0][a] == 30 && flame->total[1][a] == 50);
    assert_true(flame->total[0][gone] == 0 && flame->total[1][gone] == 50);
    uint32_t below = flame->first[node_of(profile, flame, "main")];
    assert_int_equal(flame->children[below], node_of(profile, flame, "main;b"));
    assert_int_equal(flame->children[below + 1], a); /* as heavy as the one that is gone */
    flame_free(flame);
    profile->comparable = true; /* means of one thing stay what they are */
    flame = make(profile, (struct flame_options){0});
    assert_true(flame->factor == 1);
    assert_true(flame->total[0][0] == 100 && flame->total[1][0] == 200);
    assert_true(flame->total[1][node_of(profile, flame, "main;gone")] == 100);
    flame_free(flame);
    profile_release(profile);
}

static void
test_flame__goes_deep(void **state)
{
    (void)state;
    struct profile *profile = profile_new();
    uint32_t node = 0, measure = profile_measure(profile, STR("samples"), "", 1);
    for (int i = 0; i < 5000; i++) {
        char name[16];
        snprintf(name, sizeof(name), "f%d", i);
        node = profile_child(profile, node, frame_of(profile, name));
    }
    profile_put(profile, node, measure, 1);
    static const enum flame_part parts[] = {FLAME_WHOLE, FLAME_INVERTED, FLAME_CALLEES,
                                            FLAME_CALLERS};
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        struct flame *flame = make(
            profile, (struct flame_options){.part = parts[i], .frame = frame_of(profile, "f0")});
        uint32_t deepest = flame->count - 1;
        assert_int_equal(flame_depth(flame, deepest), parts[i] == FLAME_CALLERS ? 1 : 5000);
        assert_int_equal(flame_find(flame, flame, deepest), deepest);
        struct flame_layout layout;
        struct flame_zoom zoom = {0};
        flame_layout_init(&layout);
        flame_layout_begin(&layout, flame, &zoom, 0, 80);
        flame_layout_extend(&layout, 10000);
        assert_int_equal(layout.row_count, parts[i] == FLAME_CALLERS ? 2 : 5001);
        flame_layout_done(&layout);
        flame_free(flame);
    }
    profile_release(profile);
}

/* "main;a" for a second, twice with a pause between: two calls. */
static void
test_flame__is_in_the_order_of_time(void **state)
{
    (void)state;
    struct profile *profile = profile_new();
    uint32_t a = add(profile, "main;a", 0), b = add(profile, "main;b", 0), c = add(profile, "c", 0);
    uint32_t main = profile->parent[a], measure = 0;
    profile_put_next(profile, a, measure, 1);
    profile_put_next(profile, main, measure, 2);
    profile_put_next(profile, b, measure, 8);
    profile_put_next(profile, a, measure, 1);
    profile_put_next(profile, a, measure, 1);
    profile_put_idle(profile, 0, measure, 4);
    profile_put_next(profile, c, measure, 3);
    struct flame *flame = make(profile, (struct flame_options){.part = FLAME_TIMED});
    static const struct {
        const char *name;
        double start, total;
    } calls[] = {{"main", 0, 13}, {"a", 0, 1}, {"b", 3, 8}, {"a", 11, 2}, {"c", 17, 3}};
    assert_int_equal(flame->count, 1 + ARRAY_SIZE(calls));
    for (uint32_t i = 0; i < ARRAY_SIZE(calls); i++) {
        assert_int_equal(flame->frame[i + 1], frame_of(profile, calls[i].name));
        assert_true(flame->start[i + 1] == calls[i].start);
        assert_true(flame->total[0][i + 1] == calls[i].total);
    }
    assert_true(flame->self[0][0] == 4 && flame->self[0][1] == 2 && flame->total[0][0] == 20);
    assert_true(flame->sums[frame_of(profile, "a")].total[0] == 3);

    uint32_t bits[8] = {0}; /* what is left out is a pause: nothing moves */
    bits[frame_of(profile, "b")] = 1;
    struct flame *without =
        make(profile, (struct flame_options){.part = FLAME_TIMED, .rules = bits, .drop = 1});
    uint32_t second = flame_find(without, flame, 4);
    assert_true(without->start[second] == 11 && without->total[0][0] == 20);
    flame_free(without);
    flame_free(flame);
    profile_release(profile);
}

/* What has no room counts for its caller, which began when it began. */
static void
test_flame__calls_without_room_move_no_other(void **state)
{
    (void)state;
    struct profile *profile = profile_new();
    uint32_t a = add(profile, "main;a", 0), b = add(profile, "main;b", 0);
    uint32_t main = profile->parent[a];
    profile_put_next(profile, main, 0, 2);
    profile_put_next(profile, a, 0, 1);
    profile_put_next(profile, b, 0, 4);
    struct flame *flame = flame_new(profile, &(struct flame_options){.part = FLAME_TIMED});
    flame->own->node_max = 3; /* the root, main and a */
    while (!flame_step(flame, 0)) {
    }
    assert_false(flame->failed);
    assert_int_equal(flame->count, 3);
    assert_int_equal(flame->cut, 1);
    assert_true(flame->start[1] == 0 && flame->start[2] == 2);
    assert_true(flame->self[0][1] == 6 && flame->total[0][1] == 7);
    flame_free(flame);
    profile_release(profile);
}

/* Far from their parents, as where stacks come in no order. */
static struct profile *
scattered_profile(void)
{
    struct profile *profile = profile_new();
    uint32_t tops[5000], measure = profile_measure(profile, STR("samples"), "", 1);
    for (uint32_t round = 0; round < 4; round++) {
        for (uint32_t i = 0; i < ARRAY_SIZE(tops); i++) {
            char name[24];
            snprintf(name, sizeof(name), "f%u.%u", round, (i * 7919 + round) % 5000);
            uint32_t parent = round > 0 ? tops[i] : 0;
            tops[i] = profile_append(profile, parent, frame_of(profile, name));
            profile_put_next(profile, tops[i], measure, i + round + 1);
        }
    }
    return profile;
}

static void
test_profile__numbers_nodes_anew(void **state)
{
    (void)state;
    struct profile *before = scattered_profile(), *after = scattered_profile();
    profile_order(after);
    assert_int_equal(after->node_count, before->node_count);
    struct flame *one = make(before, (struct flame_options){0});
    struct flame *other = make(after, (struct flame_options){0});
    uint32_t moved = 0;
    for (uint32_t node = 1; node < before->node_count; node += 17) {
        uint32_t found = flame_find(other, one, node);
        assert_true(after->parent[found] < found);
        assert_int_equal(flame_depth(other, found), flame_depth(one, node));
        assert_true(other->self[0][found] == one->self[0][node]);
        assert_true(other->total[0][found] == one->total[0][node]);
        moved += found != node;
    }
    assert_true(moved > before->node_count / 17 / 2);
    for (uint32_t i = 0; i < before->moment_count; i += 17) {
        uint32_t found = flame_find(other, one, before->moments[i].node);
        assert_int_equal(after->moments[i].node, found);
    }
    uint32_t last = after->node_count - 1; /* what was appended is found as well */
    assert_int_equal(profile_child(after, after->parent[last], after->frame[last]), last);
    assert_int_equal(profile_child(after, 0, frame_of(after, "new")), last + 1);
    flame_free(one);
    flame_free(other);
    profile_release(before);
    profile_release(after);
}

/* One frame calls more than can be sorted at once. */
static void
test_flame__sorts_many_in_steps(void **state)
{
    (void)state;
    struct profile *profile = profile_new();
    uint32_t measure = profile_measure(profile, STR("samples"), "", 1);
    for (uint32_t i = 0; i < 60000; i++) {
        char name[16];
        snprintf(name, sizeof(name), "f%u", i);
        profile_put(profile, profile_child(profile, 0, frame_of(profile, name)), measure,
                    1 + pick(50));
    }
    struct flame *flame = make(profile, (struct flame_options){0});
    for (uint32_t i = 1; i < flame->first[1]; i++) {
        uint32_t left = flame->children[i - 1], right = flame->children[i];
        assert_true(flame->total[0][left] > flame->total[0][right] ||
                    (flame->total[0][left] == flame->total[0][right] && left < right));
    }
    while (!flame_free_step(flame)) {
    }
    profile_release(profile);
}

/* A node is found in a tree of another profile by the names on the way to it. */
static void
test_flame__is_found_in_a_newer_profile(void **state)
{
    (void)state;
    struct profile *before = profile_new(), *after = profile_new();
    add(before, "main;a;b", 3);
    add(after, "other;a", 1);
    add(after, "main;x", 9);
    add(after, "main;a;c", 5);
    struct flame *from = make(before, (struct flame_options){0});
    profile_release(before); /* the tree keeps it */
    struct flame *to = make(after, (struct flame_options){0});
    uint32_t b = node_of(from->profile, from, "main;a;b");
    assert_int_equal(flame_find(to, from, b), node_of(after, to, "main;a"));
    flame_free(from);
    flame_free(to);
    profile_release(after);
}

/* Turned round, a stack is as much work as it is deep: of deep ones a step takes few. */
static void
test_flame__stops_among_deep_stacks(void **state)
{
    (void)state;
    enum { DEPTH = 2000 };
    struct profile *profile = profile_new();
    uint32_t measure = profile_measure(profile, STR("samples"), "", 1), node = 0;
    for (int i = 0; i < DEPTH; i++) {
        char name[16];
        snprintf(name, sizeof(name), "f%d", i);
        node = profile_child(profile, node, frame_of(profile, name));
        profile_put(profile, node, measure, 1);
    }
    struct flame_options options = {.part = FLAME_INVERTED, .measure = measure};
    struct flame *flame = flame_new(profile, &options);
    unsigned steps = 1;
    assert_non_null(flame);
    while (!flame_step(flame, 0)) {
        steps++;
    }
    assert_false(flame->failed);
    assert_int_equal(flame->count, 1 + DEPTH * (DEPTH + 1) / 2);
    assert_true(steps > DEPTH / 10);
    flame_free(flame);
    profile_release(profile);
}

/* A profile of another machine has a bound, and so has what is made of it: what does not fit counts
 * for the nearest call of its own stack that did. */
static void
test_flame__bounds_what_it_makes_of_a_bounded_profile(void **state)
{
    (void)state;
    enum { DEPTH = 500 };
    struct profile *profile = profile_new();
    profile->node_max = DEPTH + 1;
    uint32_t measure = profile_measure(profile, STR("samples"), "", 1), node = 0;
    for (int i = 0; i < DEPTH; i++) {
        char name[16];
        snprintf(name, sizeof(name), "f%d", i);
        node = profile_child(profile, node, frame_of(profile, name));
        profile_put(profile, node, measure, 1);
    }
    struct flame *flame =
        make(profile, (struct flame_options){.part = FLAME_INVERTED, .measure = measure});
    assert_int_equal(flame->count, 8 * (DEPTH + 1));
    assert_true(flame->cut > 0);
    assert_true(fabs(flame->total[0][0] - DEPTH) < 1e-9);
    for (uint32_t i = 1; i < flame->count; i++) {
        uint32_t caller = flame->frame[flame->parent[i]];
        assert_true(caller == PROFILE_NONE || caller == flame->frame[i] + 1);
    }
    flame_free(flame);
    profile_release(profile);
}

static void
test_flame__bounds_how_deep_it_turns_round(void **state)
{
    (void)state;
    enum { DEPTH = 3000 };
    for (int bounded = 0; bounded < 2; bounded++) {
        struct profile *profile = profile_new();
        profile->node_max -= bounded;
        uint32_t measure = profile_measure(profile, STR("samples"), "", 1), node = 0;
        for (int i = 0; i < DEPTH; i++) {
            node = profile_append(profile, node, frame_of(profile, "again"));
            profile_put(profile, node, measure, 1);
        }
        struct flame *flame =
            make(profile, (struct flame_options){.part = FLAME_INVERTED, .measure = measure});
        assert_int_equal(flame->count, 1 + (bounded ? 1100 : DEPTH));
        assert_int_equal(flame->cut, bounded ? DEPTH - 1100 : 0);
        assert_true(fabs(flame->total[0][0] - DEPTH) < 1e-9);
        flame_free(flame);
        profile_release(profile);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flame__adds_up),
        cmocka_unit_test(test_flame__counts_recursion_once),
        cmocka_unit_test(test_flame__inverts),
        cmocka_unit_test(test_flame__has_callers_and_callees_of_one_weight),
        cmocka_unit_test(test_flame__keeps_and_drops),
        cmocka_unit_test(test_flame__compares_normalised),
        cmocka_unit_test(test_flame__goes_deep),
        cmocka_unit_test(test_flame__is_in_the_order_of_time),
        cmocka_unit_test(test_flame__calls_without_room_move_no_other),
        cmocka_unit_test(test_flame__is_found_in_a_newer_profile),
        cmocka_unit_test(test_flame__sorts_many_in_steps),
        cmocka_unit_test(test_profile__numbers_nodes_anew),
        cmocka_unit_test(test_flame__stops_among_deep_stacks),
        cmocka_unit_test(test_flame__bounds_what_it_makes_of_a_bounded_profile),
        cmocka_unit_test(test_flame__bounds_how_deep_it_turns_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
