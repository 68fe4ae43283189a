/* The panels on a machine made by hand, at the sizes people have, against what they looked like. */
#include "../check.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/ui/panels/cores.h"
#include "../../src/ui/panels/system.h"
#include "golden.h"
#include "machine.h"

extern const struct panel panel_cards;

/* What a panel asked the app for. */
static char asked_metric[128], asked_labels[128];

void
panel_open_chart(const struct panel_context *context, const char *metric, const char *labels)
{
    (void)context;
    strlcpy(asked_metric, metric, sizeof(asked_metric));
    strlcpy(asked_labels, labels, sizeof(asked_labels));
}

struct stage {
    struct fake fake;
    struct panel_context context;
    struct canvas canvas;
    const struct panel *panel;
    void *state;
};

static void
stage_init(struct stage *stage, const struct panel *panel, int cores, int width, int height, enum glyphs glyphs)
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
check_golden(const struct panel *panel, int cores, int width, int height, enum glyphs glyphs, const char *name)
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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cards__look_as_they_did),
        cmocka_unit_test(test_cores__look_as_they_did),
        cmocka_unit_test(test_system__looks_as_it_did),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
