/* What is picked in the requests view (a group, a rectangle of the heatmap, a mark), and the flame
 * graphs and comparisons that are made of it. */
#include "../check.h"

#include "../../src/ui/panels/request.h"
#include "requests_stage.h"

static void
test_requests_graph__flame_graph_of_a_group_adds_up(void **state)
{
    struct stage stage;
    (void)state;
    stage_init(&stage, 120, 40, GLYPHS_BRAILLE, REQUESTS);
    press(&stage, "F");
    assert_int_equal(stage.app->view, 6);
    assert_true(shows(&stage, "critical path · POST /tools/invoke"));
    assert_true(shows(&stage, "SELECT orders"));
    assert_true(shows(&stage, "colour: module or service"));
    stage_done(&stage);
}

/* A graph that was opened here is closed, one that was gone to is not. */
static void
test_requests_graph__flame_graph_returns_here(void **state)
{
    struct stage stage;
    (void)state;
    stage_init(&stage, 120, 40, GLYPHS_BRAILLE, REQUESTS);
    static const char *const ways[] = {"F q", "d q", "F Down Enter Esc Esc"};
    for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
        press(&stage, ways[i]);
        assert_int_equal(stage.app->view, 5);
        assert_false(stage.app->leave);
    }
    press(&stage, "F");
    assert_true(shows(&stage, "q back"));
    press(&stage, "5 6");
    assert_true(shows(&stage, "q quit"));
    press(&stage, "Esc");
    assert_int_equal(stage.app->view, 6);
    press(&stage, "q");
    assert_true(stage.app->leave);
    stage_done(&stage);
}

/* In the corner of the slow ones, wherever the newest requests stand. */
static void
test_requests_graph__rectangle_begins_at_the_newest_slow_ones(void **state)
{
    struct stage stage;
    (void)state;
    stage_init(&stage, 120, 40, GLYPHS_BRAILLE, REQUESTS);
    press(&stage, "v");
    const struct request_heat *heat = &((struct requests *)app_focus(stage.app)->state)->heat;
    const struct trace_heat *made = heat->heat;
    int columns = made->options.columns;
    double beyond = 0;
    assert_true(heat->selecting && heat->at_ns < made->options.from_ns + columns * heat->bucket_ns);
    assert_true(made->edges_ns[heat->row + 1] > NS_PER_S);
    for (int row = heat->row + 1; row < made->options.rows; row++) {
        for (int column = columns - columns / 5; column < columns; column++) {
            beyond += made->counts[row * columns + column];
        }
    }
    assert_true(beyond == 0); /* none is slower */
    press(&stage, "Left Left Left Left Left Left Left Left Left Left Left Left Down Down Enter");
    assert_true(shows(&stage, "+ tenant = acme"));
    stage_done(&stage);
}

static void
test_requests_graph__compares_slow_with_typical_and_with_a_mark(void **state)
{
    struct stage stage;
    (void)state;
    stage_init(&stage, 120, 40, GLYPHS_BRAILLE, REQUESTS);
    press(&stage, "d");
    assert_int_equal(stage.app->view, 6);
    assert_true(shows(&stage, "slowest 5 % of POST"));
    assert_true(shows(&stage, ", before: typical"));
    assert_true(shows(&stage, "SELECT orders"));
    press(&stage, "5 Down m");
    assert_true(strstr(stage.app->said, "marked: ") != NULL);
    press(&stage, "Up d");
    assert_int_equal(stage.app->view, 6);
    assert_true(shows(&stage, "before: "));
    stage_done(&stage);
}

/* A single request is not compared with itself. */
static void
test_requests_graph__one_request_needs_a_mark_to_compare(void **state)
{
    struct stage stage;
    (void)state;
    stage_init(&stage, 120, 40, GLYPHS_BRAILLE, REQUESTS);
    press(&stage, "Enter Down Enter");
    assert_true(shows(&stage, "critical path"));
    press(&stage, "d");
    assert_int_equal(stage.app->view, 5);
    assert_true(strstr(stage.app->said, "m marks what to compare with") != NULL);
    stage_done(&stage);
}

static void
test_requests_graph__rectangle_by_the_mouse(void **state)
{
    struct stage stage;
    (void)state;
    stage_init(&stage, 120, 40, GLYPHS_BRAILLE, REQUESTS);
    const struct rect *area = &((struct requests *)app_focus(stage.app)->state)->heat.area;
    int right = area->x + area->width - 1, top = area->y + 1;
    click(&stage, right, top, TERM_CLICK);
    click(&stage, right - 25, top + 5, TERM_DRAG);
    click(&stage, right - 25, top + 5, TERM_RELEASE);
    press(&stage, "Enter");
    assert_true(shows(&stage, "+ tenant = acme"));
    press(&stage, "F");
    assert_int_equal(stage.app->view, 6);
    assert_true(shows(&stage, "requests selected"));
    stage_done(&stage);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_graph__flame_graph_of_a_group_adds_up),
        cmocka_unit_test(test_requests_graph__flame_graph_returns_here),
        cmocka_unit_test(test_requests_graph__rectangle_begins_at_the_newest_slow_ones),
        cmocka_unit_test(test_requests_graph__compares_slow_with_typical_and_with_a_mark),
        cmocka_unit_test(test_requests_graph__one_request_needs_a_mark_to_compare),
        cmocka_unit_test(test_requests_graph__rectangle_by_the_mouse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
