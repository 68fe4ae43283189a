/* View 4: an Erlang node by hand, at the sizes people have, against what it looked like. */
#include "../check.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "erlang.h"
#include "flametop/core/interest.h"
#include "flametop/core/link.h"
#include "../../src/ui/app_state.h"
#include "../../src/ui/view.h"
#include "flametop/ui/app.h"
#include "flametop/ui/term.h"
#include "golden.h"

struct screen {
    struct fake fake;
    struct link_status link;
    struct app *app;
    struct canvas canvas;
    struct buf out;
};

static struct screen *
screen_new(int width, int height, int schedulers, enum glyphs glyphs)
{
    struct screen *screen = calloc(1, sizeof(*screen));
    erlang_init(&screen->fake, schedulers);
    fake_finding(&screen->fake, LEVEL_WARNING, 70,
                 "48,211 messages wait for one process, 812 more each second; Shop.OrderWorker "
                 "(<0.100.0>) is in Shop.Pricing.quote/3",
                 "48.2 k messages wait; Shop.OrderWorker (<0.100.0>)");
    screen->link = (struct link_status){.state = LINK_LIVE,
                                        .target = "beam://" ERLANG_NODE,
                                        .kind = "beam",
                                        .why = "",
                                        .heard_mono_ns = FAKE_MONO_NS};
    struct picture *picture = fake_picture(&screen->fake);
    picture->link = &screen->link;
    /* No view is chosen: that it is a node chooses. */
    screen->app = app_new(&(struct app_options){.catalog = screen->fake.catalog});
    struct app_target target = {NULL, ERLANG_NODE};
    assert_true(app_set_targets(screen->app, &target, 1));
    app_set_picture(screen->app, picture);
    canvas_init(&screen->canvas);
    canvas_resize(&screen->canvas, width, height);
    screen->canvas.glyphs = glyphs;
    buf_init(&screen->out, 1 << 20);
    return screen;
}

static void
screen_free(struct screen *screen)
{
    app_free(screen->app);
    canvas_done(&screen->canvas);
    buf_done(&screen->out);
    fake_done(&screen->fake);
    free(screen);
}

static const char *
shown(struct screen *screen)
{
    app_draw(screen->app, &screen->canvas);
    buf_clear(&screen->out);
    canvas_dump(&screen->canvas, &screen->out);
    return screen->out.data;
}

static void
press(struct screen *screen, const char *keys)
{
    for (; *keys != '\0'; keys++) {
        shown(screen);
        struct term_event event = {.key = *keys};
        app_key(screen->app, &event);
    }
}

static void
check(const char *name, int width, int height, int schedulers, enum glyphs glyphs, const char *keys)
{
    struct screen *screen = screen_new(width, height, schedulers, glyphs);
    char file[96];
    press(screen, keys);
    shown(screen);
    snprintf(file, sizeof(file), "node%s-%dx%d%s", name, width, height,
             glyphs == GLYPHS_ASCII ? "-ascii" : "");
    golden_text(file, &screen->out);
    screen_free(screen);
}

static void
test_node__looks_as_it_did(void **state)
{
    (void)state;
    check("", 80, 24, 4, GLYPHS_BRAILLE, "");
    check("", 120, 40, 4, GLYPHS_BRAILLE, "");
    check("", 120, 40, 4, GLYPHS_ASCII, "");
    check("", 200, 50, 16, GLYPHS_BRAILLE, "");
    check("-detail", 80, 24, 4, GLYPHS_BRAILLE, "\t\r");
    check("-detail", 120, 40, 4, GLYPHS_BRAILLE, "\t\t\t\r");
    check("-detail", 200, 50, 16, GLYPHS_BRAILLE, "\t\t\t\r");
    check("-workers", 120, 40, 4, GLYPHS_BRAILLE, "..");
    check("-supervisors", 120, 40, 4, GLYPHS_BRAILLE, ",");
    check("-overview", 120, 40, 4, GLYPHS_BRAILLE, "1");
}

/* Enter on a pool shows its workers and no others; Esc goes back. */
static void
test_node__opens_the_workers_of_a_pool(void **state)
{
    (void)state;
    struct screen *screen = screen_new(120, 40, 4, GLYPHS_BRAILLE);
    press(screen, "\t\t\r");
    const char *text = shown(screen);
    assert_non_null(strstr(text, "pool_worker_8_"));
    assert_null(strstr(text, "pool_worker_12_"));
    press(screen, "\x1b");
    text = shown(screen);
    assert_non_null(strstr(text, "ml_inference"));
    assert_null(strstr(text, "pool_worker_8_"));
    screen_free(screen);
}

/* What is costly is asked for while it is looked at, and only then. */
static void
test_node__asks_for_what_is_looked_at(void **state)
{
    (void)state;
    struct screen *screen = screen_new(80, 24, 4, GLYPHS_BRAILLE);
    struct interest interest;
    shown(screen);
    app_interest(screen->app, &interest);
    assert_int_equal(interest.tables, 0);
    assert_int_equal(interest.node_process, 0);
    press(screen, "\t\r");
    shown(screen);
    app_interest(screen->app, &interest);
    assert_int_equal(interest.node_process, beam_process_key(100, 0));
    for (int i = 0; i < 8; i++) {
        if (strstr(shown(screen), "The node is asked") != NULL) {
            break;
        }
        press(screen, ".");
    }
    assert_non_null(strstr(shown(screen), "The node is asked"));
    app_interest(screen->app, &interest);
    assert_int_equal(interest.tables, 1U << INTEREST_ETS);
    assert_int_equal(interest.node_process, 0);
    screen_free(screen);
}

/* Without a collector there are cards, and why there is no more. */
static void
test_node__says_what_plain_calls_do_not_tell(void **state)
{
    (void)state;
    struct screen *screen = screen_new(80, 24, 4, GLYPHS_BRAILLE);
    struct picture *picture = screen->fake.picture;
    table_row(picture_table(picture, "beam.nodes"), 0)[BEAM_NODE_MODE].text = "plain calls";
    picture->table_count = 1;
    const char *text = shown(screen);
    assert_non_null(strstr(text, "Schedulers"));
    assert_non_null(strstr(text, "Plain calls tell of no table"));
    screen_free(screen);
}

/* Wherever the cursor is: this one has no engine that could be asked. */
static void
test_node__says_that_it_cannot_be_sampled(void **state)
{
    (void)state;
    struct screen *screen = screen_new(120, 40, 4, GLYPHS_BRAILLE);
    for (int i = 0; i < 4; i++) {
        press(screen, "F");
        assert_non_null(strstr(shown(screen), "nothing can be sampled through this"));
        press(screen, "\t");
    }
    screen_free(screen);
}

/* No size and no key makes the view write outside, or blanks it. */
static void
test_node__any_size_and_key(void **state)
{
    (void)state;
    static const char keys[] = "\t\r.,jkgGPMQtI<>+-C\x1b/sho\rnfshop\r\\\r4";
    static const char *const tables[] = {"Shop", "NAME", "Schedulers", "node", "shop"};
    struct screen *screen = screen_new(120, 40, 16, GLYPHS_BRAILLE);
    unsigned seed = 11;
    for (int i = 0; i < 200; i++) {
        seed = seed * 1103515245 + 12345;
        int width = (int)(seed >> 16) % 220;
        seed = seed * 1103515245 + 12345;
        int height = (int)(seed >> 16) % 70;
        canvas_resize(&screen->canvas, MAX(width, 1), MAX(height, 1));
        char key[2] = {keys[(size_t)i % (sizeof(keys) - 1)], '\0'};
        press(screen, key);
        const char *text = shown(screen);
        bool any = width < 24 || height < 8;
        for (size_t t = 0; t < ARRAY_SIZE(tables); t++) {
            any = any || strstr(text, tables[t]) != NULL;
        }
        assert_true(any);
    }
    screen_free(screen);
}

/* A moment of the past has what was kept: no stack, no tables that nobody looked at. */
static void
test_node__says_what_of_the_past_is_not_there(void **state)
{
    (void)state;
    struct screen *screen = screen_new(80, 24, 4, GLYPHS_BRAILLE);
    screen->fake.picture->past = true;
    app_set_picture(screen->app, screen->fake.picture);
    press(screen, "\tj\r");
    assert_non_null(strstr(shown(screen), "were not kept"));
    screen_free(screen);
}

static void
test_node__leaves_a_view_that_was_chosen(void **state)
{
    (void)state;
    struct screen *screen = screen_new(80, 24, 4, GLYPHS_BRAILLE);
    assert_int_equal(screen->app->view, VIEW_BEAM);
    press(screen, "1");
    app_set_picture(screen->app, screen->fake.picture);
    assert_int_equal(screen->app->view, VIEW_FIRST);
    screen_free(screen);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_node__looks_as_it_did),
        cmocka_unit_test(test_node__leaves_a_view_that_was_chosen),
        cmocka_unit_test(test_node__opens_the_workers_of_a_pool),
        cmocka_unit_test(test_node__asks_for_what_is_looked_at),
        cmocka_unit_test(test_node__says_what_plain_calls_do_not_tell),
        cmocka_unit_test(test_node__says_that_it_cannot_be_sampled),
        cmocka_unit_test(test_node__any_size_and_key),
        cmocka_unit_test(test_node__says_what_of_the_past_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
