/* How flame graphs tile a row, on trees made at random. */
#include "../check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "flametop/base/macros.h"
#include "flametop/core/flame_layout.h"
#include "stacks.h"

static struct profile *
random_moments(uint32_t count)
{
    struct profile *profile = profile_new();
    uint32_t measure = profile_measure(profile, STR("time"), "s", 1), node = 0;
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t up = pick(4); up > 0 && node != 0; up--) {
            node = profile->parent[node];
        }
        for (uint32_t down = pick(4); down > 0; down--) {
            char name[16];
            snprintf(name, sizeof(name), "f%u", pick(20));
            node = profile_child(profile, node, frame_of(profile, name));
        }
        double value = pick(5) == 0 ? 1 + pick(1000) : 0.1;
        if (pick(6) == 0) {
            profile_put_idle(profile, node, measure, value);
        } else {
            profile_put_next(profile, node, measure, value);
        }
    }
    return profile;
}

static struct profile *
random_profile(uint32_t stacks, bool compared)
{
    struct profile *profile = profile_new();
    uint32_t measure = profile_measure(profile, STR("samples"), "", 1);
    for (uint32_t i = 0; i < stacks * (compared ? 2 : 1); i++) {
        uint32_t node = 0, depth = pick(12);
        if (i == stacks) {
            profile_second_side(profile);
        }
        for (uint32_t d = 0; d < depth; d++) {
            char name[16];
            snprintf(name, sizeof(name), "f%u", pick(1 + pick(40)));
            node = profile_child(profile, node, frame_of(profile, name));
        }
        profile_put(profile, node, measure, pick(3) == 0 ? 1 + pick(1000) : 1);
    }
    return profile;
}

/* Everything below a node, that much is shown or counted. */
static uint32_t
nodes_of_row(const struct flame_layout *layout, size_t row, const struct flame_cell *parent,
             size_t *at)
{
    uint32_t nodes = 0;
    int x = parent->x;
    while (*at < layout->rows[row + 1] && layout->cells[*at].x < parent->x + parent->width) {
        const struct flame_cell *cell = &layout->cells[(*at)++];
        assert_int_equal(cell->x, x);
        assert_true(cell->width > 0);
        x += cell->width;
        nodes += cell->kind == FLAME_FRAME ? 1 : cell->kind == FLAME_REST ? cell->count : 0;
        if (cell->kind != FLAME_FRAME) {
            assert_int_equal(cell->node, parent->node);
        }
    }
    assert_int_equal(x, parent->x + parent->width);
    return nodes;
}

static uint32_t
children_on(const struct flame *flame, unsigned side, uint32_t node)
{
    uint32_t count = 0;
    for (uint32_t i = flame->first[node]; i < flame->first[node + 1]; i++) {
        count += flame->total[side][flame->children[i]] > 0;
    }
    return count;
}

static void
check_tiling(const struct flame_layout *layout)
{
    for (size_t row = 0; row + 1 < layout->row_count; row++) {
        size_t at = layout->rows[row + 1];
        for (size_t i = layout->rows[row]; i < layout->rows[row + 1]; i++) {
            const struct flame_cell *cell = &layout->cells[i];
            uint32_t children = cell->kind == FLAME_FRAME
                                    ? children_on(layout->flame, layout->side, cell->node)
                                    : 0;
            bool has_row = cell->kind == FLAME_FRAME &&
                           layout->flame->first[cell->node] < layout->flame->first[cell->node + 1];
            if (has_row) {
                assert_int_equal(nodes_of_row(layout, row + 1, cell, &at), children);
            }
        }
        assert_int_equal(at, layout->rows[row + 2]);
    }
}

static void
check_widths(bool compared)
{
    for (int width = 1; width <= 500; width++) {
        struct profile *profile = random_profile(1 + pick(400), compared);
        struct flame *flame = make(profile, (struct flame_options){0});
        for (unsigned side = 0; side < (compared ? 2u : 1u); side++) {
            struct flame_layout layout;
            struct flame_zoom zoom = {0};
            flame_layout_init(&layout);
            flame_layout_begin(&layout, flame, &zoom, side, width);
            flame_layout_extend(&layout, 1000);
            assert_false(layout.failed);
            check_tiling(&layout);
            flame_layout_done(&layout);
        }
        flame_free(flame);
        profile_release(profile);
    }
}

static void
test_flame_layout__tiles_every_width(void **state)
{
    (void)state;
    check_widths(false);
}

static void
test_flame_layout__tiles_comparisons(void **state)
{
    (void)state;
    check_widths(true);
}

/* Each call stands in the columns that it went on in, give or take one. */
static void
check_places(const struct flame_layout *layout)
{
    const struct flame *flame = layout->flame;
    for (size_t row = 1; row < layout->row_count; row++) {
        for (size_t i = layout->rows[row]; i < layout->rows[row + 1]; i++) {
            const struct flame_cell *cell = &layout->cells[i];
            if (cell->kind == FLAME_FRAME) {
                double column = flame->total[0][0] / layout->width;
                double began = flame->start[cell->node] / column;
                double ended = began + flame->total[0][cell->node] / column;
                assert_true(fabs(cell->x - began) < 2 * (double)row);
                assert_true(fabs(cell->x + cell->width - ended) < 2 * (double)row);
            }
        }
    }
}

static void
test_flame_layout__tiles_the_order_of_time(void **state)
{
    (void)state;
    for (int width = 1; width <= 500; width++) {
        struct profile *profile = random_moments(1 + pick(400));
        struct flame *flame = make(profile, (struct flame_options){.part = FLAME_TIMED});
        struct flame_layout layout;
        struct flame_zoom zoom = {0};
        flame_layout_init(&layout);
        flame_layout_begin(&layout, flame, &zoom, 0, width);
        flame_layout_extend(&layout, 1000);
        assert_false(layout.failed);
        check_tiling(&layout);
        check_places(&layout);
        flame_layout_done(&layout);
        flame_free(flame);
        profile_release(profile);
    }
}

/* Zooms into every rest until each node was a frame once. */
static uint32_t
reach(const struct flame *flame, struct flame_zoom *zoom, int width, uint8_t *seen, unsigned depth)
{
    struct flame_layout layout;
    uint32_t reached = 0;
    assert_in_range(depth, 0, 40);
    flame_layout_init(&layout);
    flame_layout_begin(&layout, flame, zoom, 0, width);
    flame_layout_extend(&layout, 1000);
    for (size_t row = 0; row < layout.row_count; row++) {
        for (size_t i = layout.rows[row]; i < layout.rows[row + 1]; i++) {
            const struct flame_cell *cell = &layout.cells[i];
            if (cell->kind == FLAME_FRAME) {
                reached += seen[cell->node] == 0;
                seen[cell->node] = 1;
            } else if (cell->kind == FLAME_REST) {
                struct flame_zoom inner;
                assert_true(flame_layout_zoom(&layout, row, cell, &inner));
                assert_int_equal(inner.count, cell->count);
                assert_true(fabs(inner.weight - cell->weight) < 1e-6);
                reached += reach(flame, &inner, width, seen, depth + 1);
                flame_zoom_done(&inner);
            }
        }
    }
    flame_layout_done(&layout);
    return reached;
}

/* Of what took no time nothing is shown. */
static uint32_t
listed_on(const struct flame *flame)
{
    return 1 + flame->first[flame->count];
}

static void
test_flame_layout__reaches_all_by_zoom(void **state)
{
    (void)state;
    static const int widths[] = {2, 3, 7, 40, 120};
    for (size_t i = 0; i < 2 * ARRAY_SIZE(widths); i++) {
        bool timed = i >= ARRAY_SIZE(widths);
        struct profile *profile = timed ? random_moments(300) : random_profile(300, false);
        struct flame *flame =
            make(profile, (struct flame_options){.part = timed ? FLAME_TIMED : FLAME_WHOLE});
        uint8_t *seen = calloc(flame->count, 1);
        struct flame_zoom zoom = {0};
        assert_int_equal(reach(flame, &zoom, widths[i % ARRAY_SIZE(widths)], seen, 0),
                         listed_on(flame));
        free(seen);
        flame_free(flame);
        profile_release(profile);
    }
}

static void
test_flame_layout__splits_equal_ones(void **state)
{
    (void)state;
    struct profile *profile = profile_new();
    for (int i = 0; i < 1000; i++) {
        char name[16];
        snprintf(name, sizeof(name), "f%d", i);
        add(profile, name, 1);
    }
    struct flame *flame = make(profile, (struct flame_options){0});
    uint8_t *seen = calloc(flame->count, 1);
    struct flame_zoom zoom = {0};
    assert_int_equal(reach(flame, &zoom, 10, seen, 0), 1001);
    free(seen);
    flame_free(flame);
    profile_release(profile);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flame_layout__tiles_every_width),
        cmocka_unit_test(test_flame_layout__tiles_comparisons),
        cmocka_unit_test(test_flame_layout__tiles_the_order_of_time),
        cmocka_unit_test(test_flame_layout__reaches_all_by_zoom),
        cmocka_unit_test(test_flame_layout__splits_equal_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
