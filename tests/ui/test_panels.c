/* The panels on a machine made by hand, at the sizes people have, against what they looked like. */
#include "../check.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/ui/panels/chart.h"
#include "../../src/ui/panels/cores.h"
#include "../../src/ui/panels/system.h"
#include "../../src/ui/pin.h"
#include "golden.h"
#include "machine.h"

extern const struct panel panel_cards, panel_metrics;

/* What a panel asked the app for. */
static char asked_metric[128], asked_labels[512];

void
panel_open_chart(const struct panel_context *context, const char *metric, const char *labels)
{
    (void)context;
    strlcpy(asked_metric, metric, sizeof(asked_metric));
    strlcpy(asked_labels, labels, sizeof(asked_labels));
}

void
panel_copy(const struct panel_context *context, struct str text)
{
    (void)context;
    str_copy(text, asked_metric, sizeof(asked_metric));
}

void
panel_pin(const struct panel_context *context, const char *metric, const char *labels, bool wanted)
{
    struct pins *pins = context->app;
    if (wanted) {
        pins_add(pins, str_from(metric), str_from(labels));
    } else {
        pins_remove(pins, metric, labels);
    }
}

void
panel_say(const struct panel_context *context, const char *format, ...)
{
    (void)context;
    (void)format;
}

struct stage {
    struct fake fake;
    struct panel_context context;
    struct canvas canvas;
    const struct panel *panel;
    void *state;
};

static void
stage_init(struct stage *stage, const struct panel *panel, int cores, int width, int height,
           enum glyphs glyphs)
{
    machine_init(&stage->fake, cores);
    stage->context = (struct panel_context){
        .picture = fake_picture(&stage->fake),
        .catalog = stage->fake.catalog,
        .span_ns = 600 * NS_PER_S,
        .glyphs = glyphs,
        .compact = width < 100 || height < 30,
    };
    canvas_init(&stage->canvas);
    assert_true(canvas_resize(&stage->canvas, width, height));
    stage->canvas.glyphs = glyphs;
    stage->panel = panel;
    stage->state = panel->open(stage->fake.catalog);
    assert_non_null(stage->state);
}

/* With the series that were added since. */
static void
stage_renew(struct stage *stage)
{
    head_release(stage->fake.picture->tracks[0].head);
    stage->context.picture = fake_picture(&stage->fake);
}

static void
stage_draw(struct stage *stage, int height, bool focused)
{
    struct rect area = {0, 0, stage->canvas.width, height};
    assert_true(stage->panel->has_data(stage->state, &stage->context));
    canvas_clear(&stage->canvas);
    stage->panel->draw(stage->state, &stage->context, &stage->canvas, area, focused);
}

static void
stage_done(struct stage *stage)
{
    stage->panel->close(stage->state);
    canvas_done(&stage->canvas);
    fake_done(&stage->fake);
}

static void
check_golden(const struct panel *panel, int cores, int width, int height, enum glyphs glyphs,
             const char *name)
{
    struct stage stage;
    stage_init(&stage, panel, cores, width, height, glyphs);
    int wanted = panel->height != NULL ? panel->height(stage.state, &stage.context, width) : 0;
    stage_draw(&stage, wanted > 0 ? MIN(wanted, height) : height, true);
    golden(name, &stage.canvas);
    stage_done(&stage);
}

static void
test_cards__look_as_they_did(void **state)
{
    (void)state;
    check_golden(&panel_cards, 4, 80, 24, GLYPHS_BRAILLE, "cards-80x24");
    check_golden(&panel_cards, 4, 120, 40, GLYPHS_BRAILLE, "cards-120x40");
    check_golden(&panel_cards, 4, 120, 40, GLYPHS_BLOCKS, "cards-120x40-blocks");
    check_golden(&panel_cards, 4, 120, 40, GLYPHS_ASCII, "cards-120x40-ascii");
    check_golden(&panel_cards, 4, 200, 50, GLYPHS_BRAILLE, "cards-200x50");
}

static void
test_cores__look_as_they_did(void **state)
{
    (void)state;
    check_golden(&panel_cores, 4, 60, 24, GLYPHS_BRAILLE, "cores-4");
    check_golden(&panel_cores, 4, 60, 24, GLYPHS_ASCII, "cores-4-ascii");
    check_golden(&panel_cores, 16, 60, 24, GLYPHS_BRAILLE, "cores-16");
    check_golden(&panel_cores, 64, 60, 24, GLYPHS_BRAILLE, "cores-64");
}

static void
test_system__looks_as_it_did(void **state)
{
    (void)state;
    check_golden(&panel_system, 4, 80, 24, GLYPHS_BRAILLE, "system-80x24");
    check_golden(&panel_system, 4, 120, 40, GLYPHS_BRAILLE, "system-120x40");
    check_golden(&panel_system, 4, 200, 50, GLYPHS_BRAILLE, "system-200x50");
}

/* Each frame asks first whether there is data at all. */
static void
test_cards__keep_the_selected_one(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, &panel_cards, 4, 120, 40, GLYPHS_BRAILLE);
    stage_draw(&stage, 24, true);
    stage.panel->command(stage.state, &stage.context, "move.right", "");
    stage_draw(&stage, 24, true);
    stage.panel->command(stage.state, &stage.context, "move.right", "");
    stage_draw(&stage, 24, true);
    stage.panel->command(stage.state, &stage.context, "open", "");
    assert_string_equal(asked_metric, "system.disk.io");
    stage_done(&stage);
}

/* The list is made anew now and then: the cursor stays, however long the labels are. */
static void
test_metrics__keep_the_selected_one(void **state)
{
    (void)state;
    struct stage stage;
    char labels[400] = "device=";
    static const struct metric long_one = {.name = "long.one", .unit = "", .labels = "device"};
    stage_init(&stage, &panel_metrics, 4, 120, 40, GLYPHS_BRAILLE);
    memset(labels + strlen(labels), 'x', 380 - strlen(labels));
    fake_metrics(&stage.fake, &long_one, 1);
    for (char last = 'a'; last <= 'c'; last++) {
        labels[380] = last;
        fake_series(&stage.fake, "long.one", labels, fake_constant, 1, 0);
    }
    stage_renew(&stage);
    stage_draw(&stage, 40, true);
    stage.panel->command(stage.state, &stage.context, "filter.set", "long.one");
    stage.panel->command(stage.state, &stage.context, "move.last", "");
    stage.fake.picture->number += 100;
    stage_draw(&stage, 40, true);
    stage.panel->command(stage.state, &stage.context, "open", "");
    assert_string_equal(asked_labels, labels);
    stage_done(&stage);
}

/* Mount points of containers are long. */
static void
test_system__knows_what_has_a_long_name(void **state)
{
    (void)state;
    struct stage stage;
    char labels[300] = "mountpoint=/";
    memset(labels + strlen(labels), 'm', 250);
    stage_init(&stage, &panel_system, 4, 200, 50, GLYPHS_BRAILLE);
    fake_series(&stage.fake, "system.filesystem.utilization", labels, fake_constant, 0.77, 0);
    stage_renew(&stage);
    struct buf text;
    buf_init(&text, 1 << 20);
    stage_draw(&stage, 50, true);
    canvas_dump(&stage.canvas, &text);
    buf_putc(&text, '\0');
    assert_non_null(strstr(text.data, "/mmm"));
    assert_non_null(strstr(text.data, " 77 %"));
    buf_done(&text);
    stage_done(&stage);
}

static void
test_metrics__look_as_they_did(void **state)
{
    (void)state;
    check_golden(&panel_metrics, 4, 80, 24, GLYPHS_BRAILLE, "metrics-80x24");
    check_golden(&panel_metrics, 4, 120, 40, GLYPHS_BRAILLE, "metrics-120x40");
    check_golden(&panel_metrics, 4, 200, 50, GLYPHS_BRAILLE, "metrics-200x50");
}

static void
test_metrics__filter_search_and_open(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, &panel_metrics, 4, 120, 40, GLYPHS_BRAILLE);
    stage_draw(&stage, 40, true);
    stage.panel->command(stage.state, &stage.context, "search.set", "network rtt");
    stage.panel->command(stage.state, &stage.context, "open", "");
    assert_string_equal(asked_metric, "system.network.rtt");
    stage.panel->command(stage.state, &stage.context, "filter.set", "disk.io !read sda");
    stage.panel->command(stage.state, &stage.context, "move.last", "");
    stage.panel->command(stage.state, &stage.context, "open", "");
    assert_string_equal(asked_metric, "system.disk.io");
    assert_string_equal(asked_labels, "device=sda,direction=write");
    /* No name has it, but what they mean. */
    stage.panel->command(stage.state, &stage.context, "filter.set", "");
    stage.panel->command(stage.state, &stage.context, "search.set", "task waited");
    stage.panel->command(stage.state, &stage.context, "open", "");
    assert_non_null(strstr(asked_metric, "pressure"));
    stage.panel->command(stage.state, &stage.context, "filter.set", "task waited");
    stage.panel->command(stage.state, &stage.context, "move.first", "");
    stage.panel->command(stage.state, &stage.context, "open", "");
    assert_non_null(strstr(asked_metric, "pressure"));
    stage.panel->command(stage.state, &stage.context, "filter.set", "nothing has this name");
    stage_draw(&stage, 40, true);
    struct buf out;
    buf_init(&out, 1 << 20);
    canvas_dump(&stage.canvas, &out);
    assert_non_null(strstr(out.data, "No metric has these words"));
    buf_done(&out);
    assert_int_equal(stage.panel->command(stage.state, &stage.context, "open", ""), REACTION_NONE);
    stage_done(&stage);
}

static void
test_metrics__list_wholes_and_know_other_names(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, &panel_metrics, 4, 120, 40, GLYPHS_BRAILLE);
    catalog_add_alias(stage.fake.catalog, "cpu_percent", "system.cpu.utilization");
    stage_draw(&stage, 40, true);
    stage.panel->command(stage.state, &stage.context, "filter.set", "cpu_percent");
    stage.panel->command(stage.state, &stage.context, "move.first", "");
    stage.panel->command(stage.state, &stage.context, "open", "");
    assert_string_equal(asked_metric, "system.cpu.utilization");
    assert_string_equal(asked_labels, "");
    stage.panel->command(stage.state, &stage.context, "move.down", "");
    stage.panel->command(stage.state, &stage.context, "open", "");
    assert_string_equal(asked_labels, "cpu=0");
    assert_string_equal(stage.panel->current(stage.state, "filter.set"), "cpu_percent");
    assert_int_equal(stage.panel->command(stage.state, &stage.context, "escape", ""),
                     REACTION_HANDLED);
    assert_string_equal(stage.panel->current(stage.state, "filter.set"), "");
    assert_int_equal(stage.panel->command(stage.state, &stage.context, "escape", ""),
                     REACTION_NONE);
    stage_done(&stage);
}

/* Tab goes from the map through all tables beneath it, and on; Shift-Tab the same way back. */
static void
test_cores__tab_reaches_the_tables_beneath(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, &panel_cores, 4, 60, 40, GLYPHS_BRAILLE);
    stage_draw(&stage, 40, true);
    int down = 0, up = 0;
    static const char *const last[] = {"system.disk.io", "system.filesystem.utilization"};
    while (stage.panel->command(stage.state, &stage.context, "panel.next", "") != REACTION_NONE) {
        stage_draw(&stage, 40, true);
        stage.panel->command(stage.state, &stage.context, "open", "");
        if (down < (int)ARRAY_SIZE(last)) {
            assert_string_equal(asked_metric, last[down]);
        }
        down++;
    }
    assert_true(down >= 4);
    stage.panel->command(stage.state, &stage.context, "panel.last", "");
    while (stage.panel->command(stage.state, &stage.context, "panel.previous", "") !=
           REACTION_NONE) {
        up++;
    }
    assert_int_equal(up, down);
    stage.panel->command(stage.state, &stage.context, "open", "");
    assert_string_equal(asked_metric, "system.cpu.utilization");
    stage_done(&stage);
}

static void
check_chart(const char *target, int width, int height, enum glyphs glyphs,
            const char *const *commands, const char *name)
{
    struct stage stage;
    stage_init(&stage, &panel_chart, 4, width, height, glyphs);
    assert_false(panel_chart.has_data(stage.state, &stage.context));
    panel_chart.command(stage.state, &stage.context, "show", target);
    stage_draw(&stage, height, true);
    for (; *commands != NULL; commands++) {
        assert_int_equal(panel_chart.command(stage.state, &stage.context, *commands, ""),
                         REACTION_HANDLED);
        stage_draw(&stage, height, true);
    }
    golden(name, &stage.canvas);
    stage_done(&stage);
}

static void
test_chart__shows_what_has_a_long_name(void **state)
{
    (void)state;
    struct stage stage;
    char labels[500] = "mountpoint=/", target[600];
    memset(labels + strlen(labels), 'm', 450);
    stage_init(&stage, &panel_chart, 4, 120, 40, GLYPHS_BRAILLE);
    fake_series(&stage.fake, "system.filesystem.utilization", labels, fake_constant, 0.77, 0);
    stage_renew(&stage);
    snprintf(target, sizeof(target), "system.filesystem.utilization %s", labels);
    stage.panel->command(stage.state, &stage.context, "show", target);
    stage_draw(&stage, 40, true); /* there is data */
    stage_done(&stage);
}

static void
test_chart__looks_as_it_did(void **state)
{
    (void)state;
    static const char *const none[] = {NULL};
    static const char *const cursor[] = {"move.left", "move.left", "move.left", "move.down", NULL};
    static const char *const back[] = {"zoom.in", "page.previous", "page.previous", "move.left",
                                       NULL};
    static const char *const deeper[] = {"move.down", "open", NULL};
    check_chart("system.disk.utilization", 80, 24, GLYPHS_BRAILLE, none, "chart-80x24");
    check_chart("system.cpu.utilization", 120, 40, GLYPHS_BRAILLE, cursor, "chart-120x40-cursor");
    check_chart("system.disk.io", 120, 40, GLYPHS_BLOCKS, deeper, "chart-120x40-part");
    check_chart("system.disk.io", 120, 40, GLYPHS_ASCII, back, "chart-120x40-ascii-back");
    check_chart("system.network.rtt", 200, 50, GLYPHS_BRAILLE, none, "chart-200x50");
}

static void
test_reading__tops_are_round_in_their_unit(void **state)
{
    (void)state;
    assert_true(reading_top("By", 6093) == 6 * 1024.0);
    assert_true(reading_top("By", 700) == 800);
    assert_true(reading_top("By", 9.3 * (1 << 30)) == 10.0 * (1 << 30));
    assert_true(reading_top("By/s", 312e6) == 400e6);
    assert_true(reading_top("1", 0.2) == 1);
    assert_true(reading_top("1", 2.2) == 3);
    assert_true(reading_top("s", (double)NAN) == 1);
}

static void
test_panels__stay_inside_at_any_size(void **state)
{
    (void)state;
    static const struct panel *const panels[] = {&panel_cards, &panel_cores, &panel_system,
                                                 &panel_metrics, &panel_chart};
    unsigned seed = 7;
    for (size_t p = 0; p < ARRAY_SIZE(panels); p++) {
        struct stage stage;
        stage_init(&stage, panels[p], 20, 220, 60, GLYPHS_BRAILLE);
        stage.panel->command(stage.state, &stage.context, "show", "system.disk.io");
        for (int i = 0; i < 40; i++) {
            struct rect area = {rand_r(&seed) % 20, rand_r(&seed) % 10, rand_r(&seed) % 200,
                                rand_r(&seed) % 50};
            stage.context.glyphs = stage.canvas.glyphs = (enum glyphs)(i % 3);
            stage.context.compact = area.width < 100;
            canvas_clear(&stage.canvas);
            stage.panel->draw(stage.state, &stage.context, &stage.canvas, area, i % 2 == 0);
            stage.panel->command(stage.state, &stage.context,
                                 i % 2 == 0 ? "move.down" : "move.left", "");
            for (int y = 0; y < 60; y++) {
                for (int x = 0; x < 220; x++) {
                    bool in = x >= area.x && x < area.x + area.width && y >= area.y &&
                              y < area.y + area.height;
                    assert_true(in || stage.canvas.cells[y * 220 + x].c == ' ');
                }
            }
        }
        stage_done(&stage);
    }
}

static void
test_cards__open_what_is_selected(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, &panel_cards, 4, 120, 40, GLYPHS_BRAILLE);
    stage_draw(&stage, 6, true);
    stage.panel->command(stage.state, &stage.context, "move.right", "");
    stage.panel->command(stage.state, &stage.context, "move.right", "");
    stage.panel->command(stage.state, &stage.context, "open", "");
    assert_string_equal(asked_metric, "system.disk.io");
    stage.panel->mouse(stage.state, &stage.context, 5, 2, 2);
    assert_string_equal(asked_metric, "system.cpu.utilization");
    stage_done(&stage);
}

static void
test_cards__pinned_ones_follow_those_of_every_machine(void **state)
{
    (void)state;
    struct stage stage;
    struct pins pins = {0};
    stage_init(&stage, &panel_cards, 4, 120, 40, GLYPHS_BRAILLE);
    stage.context.pins = &pins;
    stage.context.app = &pins;
    stage_draw(&stage, 12, true);
    stage.panel->command(stage.state, &stage.context, "unpin", ""); /* CPU is no pinned one */
    assert_int_equal(pins.changes, 0);
    pins_add_text(&pins, STR("system.disk.io{device=sda,direction=write}"));
    pins_add_text(&pins, STR("no.such.metric"));
    stage_draw(&stage, 12, true);
    struct buf out;
    buf_init(&out, 1 << 20);
    canvas_dump(&stage.canvas, &out);
    const char *network = strstr(out.data, "Network"),
               *pinned = strstr(out.data, "disk.io sda write");
    const char *load = strstr(out.data, "Load");
    assert_true(network != NULL && pinned != NULL && load != NULL);
    assert_true(network < pinned && pinned < load);
    assert_null(strstr(out.data, "no.such"));
    stage.panel->command(stage.state, &stage.context, "move.first", "");
    stage.panel->command(stage.state, &stage.context, "move.down", "");
    stage.panel->command(stage.state, &stage.context, "open", "");
    assert_string_equal(asked_metric, "system.disk.io");
    assert_string_equal(asked_labels, "device=sda,direction=write");
    stage.panel->command(stage.state, &stage.context, "unpin", "");
    assert_false(pins_have(&pins, "system.disk.io", "device=sda,direction=write"));
    stage_draw(&stage, 12, true);
    buf_clear(&out);
    canvas_dump(&stage.canvas, &out);
    assert_null(strstr(out.data, "disk.io sda"));
    buf_done(&out);
    stage_done(&stage);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cards__look_as_they_did),
        cmocka_unit_test(test_cores__look_as_they_did),
        cmocka_unit_test(test_system__looks_as_it_did),
        cmocka_unit_test(test_cards__keep_the_selected_one),
        cmocka_unit_test(test_metrics__keep_the_selected_one),
        cmocka_unit_test(test_system__knows_what_has_a_long_name),
        cmocka_unit_test(test_metrics__look_as_they_did),
        cmocka_unit_test(test_metrics__filter_search_and_open),
        cmocka_unit_test(test_metrics__list_wholes_and_know_other_names),
        cmocka_unit_test(test_cores__tab_reaches_the_tables_beneath),
        cmocka_unit_test(test_chart__shows_what_has_a_long_name),
        cmocka_unit_test(test_chart__looks_as_it_did),
        cmocka_unit_test(test_cards__open_what_is_selected),
        cmocka_unit_test(test_cards__pinned_ones_follow_those_of_every_machine),
        cmocka_unit_test(test_reading__tops_are_round_in_their_unit),
        cmocka_unit_test(test_panels__stay_inside_at_any_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
