/* The flame view in the application: what is drawn, and what each key does to it. */
#include "../check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../src/ui/app_state.h"
#include "flametop/core/flame.h"
#include "flametop/ui/app.h"
#include "golden.h"
#include "machine.h"

static const char *const stacks[][2] = {
    {"main;serve;parse;json::decode", "120"},
    {"main;serve;parse;utf8::check", "40"},
    {"main;serve;query;db::execute;recv_[k]", "300"},
    {"main;serve;query;db::execute", "25"},
    {"main;serve;query;db::connect;tls::handshake", "80"},
    {"main;serve;render;json::encode", "90"},
    {"main;serve;render", "5"},
    {"main;gc;mark;mark;mark;sweep", "60"},
    {"main;idle", "1"},
    {"main;log", "1"},
    {"main;tick", "1"},
};

struct stage {
    struct fake fake;
    struct app *app;
    struct canvas canvas;
    struct profile *profile;
};

static void
fill(struct profile *profile, size_t from, size_t to)
{
    uint32_t measure = profile_measure(profile, STR("samples"), "", 1);
    for (size_t i = from; i < to; i++) {
        struct str rest = str_from(stacks[i][0]), part;
        uint32_t node = 0;
        while (str_until(&rest, ';', &part)) {
            node = profile_child(profile, node, profile_frame(profile, part, STR("")));
        }
        profile_put(profile, node, measure, strtod(stacks[i][1], NULL));
    }
}

/* Where the graph was written to last. */
static char saved[64];

static int
save(const struct flame *flame, const char *title, const char *path, char *why, size_t why_size)
{
    (void)why;
    (void)why_size;
    assert_true(flame->count > 0);
    assert_true(title[0] != '\0');
    strlcpy(saved, path, sizeof(saved));
    return 0;
}

static void
draw(struct stage *stage)
{
    do {
        stage->app->again = false;
        app_draw(stage->app, &stage->canvas);
    } while (stage->app->again);
}

static void
stage_init(struct stage *stage, int width, int height, enum glyphs glyphs, bool compared)
{
    machine_init(&stage->fake, 4);
    stage->profile = profile_new();
    fill(stage->profile, 0, ARRAY_SIZE(stacks));
    if (compared) {
        profile_second_side(stage->profile);
        fill(stage->profile, 0, 3);
        profile_put(stage->profile,
                    profile_child(stage->profile, 0,
                                  profile_frame(stage->profile, STR("old_way"), STR(""))),
                    0, 100);
    }
    struct app_options options = {.catalog = stage->fake.catalog,
                                  .view = 6,
                                  .profile = stage->profile,
                                  .profile_text = "a.folded: some frames",
                                  .save_flame = save};
    saved[0] = '\0';
    stage->app = app_new(&options);
    struct picture *picture = fake_picture(&stage->fake);
    app_set_picture(stage->app, picture);
    canvas_init(&stage->canvas);
    assert_true(canvas_resize(&stage->canvas, width, height));
    stage->canvas.glyphs = glyphs;
    draw(stage);
}

static void
stage_done(struct stage *stage)
{
    app_free(stage->app);
    canvas_done(&stage->canvas);
    profile_release(stage->profile);
    fake_done(&stage->fake);
}

static void
press(struct stage *stage, const char *keys)
{
    struct str rest = str_from(keys), word;
    while (str_word(&rest, &word)) {
        char name[32];
        struct term_event event = {0};
        assert_true(key_parse(str_copy(word, name, sizeof(name)), &event.key));
        app_key(stage->app, &event);
        draw(stage);
    }
}

static bool
shows(const struct stage *stage, const char *text)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    canvas_dump(&stage->canvas, &out);
    bool found = strstr(out.data, text) != NULL;
    buf_done(&out);
    return found;
}

#define assert_shows(stage, text)                                                                  \
    do {                                                                                           \
        if (!shows(stage, text)) {                                                                 \
            struct buf out;                                                                        \
            buf_init(&out, 1 << 20);                                                               \
            canvas_dump(&(stage)->canvas, &out);                                                   \
            fail_msg("no '%s' in\n%s", text, out.data);                                            \
        }                                                                                          \
    } while (0)

/* What stands around the view is of other tests, and of the clock. */
static void
check_golden(const struct stage *stage, const char *name)
{
    struct buf out, view;
    buf_init(&out, 1 << 20);
    buf_init(&view, 1 << 20);
    canvas_dump(&stage->canvas, &out);
    struct str rest = {out.data, out.n}, line;
    for (int y = 0; str_line(&rest, &line); y++) {
        if (y >= 2) {
            buf_add(&view, line.p, line.n);
            buf_putc(&view, '\n');
        }
    }
    golden_text(name, &view);
    buf_done(&out);
    buf_done(&view);
}

static void
test_flame_view__looks_as_it_did(void **state)
{
    (void)state;
    static const struct {
        int width, height;
        enum glyphs glyphs;
        bool compared;
        const char *keys, *name;
    } rows[] = {
        {80, 24, GLYPHS_BRAILLE, false, "Down Down", "flame-80x24"},
        {120, 40, GLYPHS_BRAILLE, false, "Down Down", "flame-120x40"},
        {200, 50, GLYPHS_BRAILLE, false, "Down Down", "flame-200x50"},
        {80, 24, GLYPHS_ASCII, false, "Down Down", "flame-80x24-ascii"},
        {40, 12, GLYPHS_BRAILLE, false, "Down Down", "flame-40x12"},
        {120, 40, GLYPHS_BRAILLE, true, "Down Down", "flame-diff-120x40"},
        {80, 24, GLYPHS_BRAILLE, true, ".", "flame-frames-diff-80x24"},
        {80, 24, GLYPHS_BRAILLE, false, "Down Down Down S", "flame-sandwich-80x24"},
        {80, 24, GLYPHS_BRAILLE, false, "I", "flame-inverted-80x24"},
        {80, 24, GLYPHS_BRAILLE, false, "i Up", "flame-flipped-80x24"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct stage stage;
        stage_init(&stage, rows[i].width, rows[i].height, rows[i].glyphs, rows[i].compared);
        press(&stage, rows[i].keys);
        check_golden(&stage, rows[i].name);
        stage_done(&stage);
    }
}

static void
test_flame_view__explains_no_colours_where_there_are_none(void **state)
{
    struct stage stage;
    (void)state;
    stage_init(&stage, 120, 40, GLYPHS_BRAILLE, false);
    assert_shows(&stage, "colour: namespace");
    stage.app->mono = true;
    draw(&stage);
    assert_false(shows(&stage, "colour: namespace"));
    press(&stage, "h");
    assert_shows(&stage, "How much of the whole a frame took");
    assert_false(shows(&stage, "Frames of one module"));
    stage_done(&stage);
}

static void
test_flame_view__zooms_in_and_out(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, 80, 24, GLYPHS_BRAILLE, false);
    press(&stage, "Down Down Down Enter");
    assert_shows(&stage, "in query");
    assert_false(shows(&stage, "render"));
    press(&stage, "Esc");
    assert_shows(&stage, "render");
    press(&stage, "Enter Backspace");
    assert_false(shows(&stage, "in query"));
    stage_done(&stage);
}

static void
test_flame_view__shows_what_is_narrow(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, 80, 24, GLYPHS_BRAILLE, false);
    press(&stage, "Down Down Right Right"); /* serve, gc, the rest */
    assert_shows(&stage, "3 calls from main are narrower than a cell");
    press(&stage, "Enter");
    assert_shows(&stage, "idle");
    assert_shows(&stage, "log");
    assert_shows(&stage, "tick");
    stage_done(&stage);
}

static void
test_flame_view__searches(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, 120, 30, GLYPHS_BRAILLE, false);
    app_command(stage.app, "search.set ^json::");
    draw(&stage);
    assert_shows(&stage, "/^json::: 29.0 %, 2 names");
    press(&stage, "n");
    assert_shows(&stage, "self 120");
    press(&stage, "Esc");
    assert_false(shows(&stage, "/^json"));
    app_command(stage.app, "search.set (");
    draw(&stage);
    assert_shows(&stage, "(: ");
    stage_done(&stage);
}

static void
test_flame_view__hides_and_takes_back(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, 120, 30, GLYPHS_BRAILLE, false);
    press(&stage, "Down Down Down x");
    assert_shows(&stage, "without query");
    assert_shows(&stage, "44.0 % of all");
    press(&stage, "U");
    assert_false(shows(&stage, "of all"));
    press(&stage, "X");
    assert_shows(&stage, "of all");
    press(&stage, "U");
    app_command(stage.app, "filter.set !json::");
    draw(&stage);
    assert_shows(&stage, "without json::");
    assert_shows(&stage, "71.0 % of all");
    stage_done(&stage);
}

static void
test_flame_view__collapses_recursion(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, 120, 30, GLYPHS_BRAILLE, false);
    press(&stage, "c");
    assert_shows(&stage, "recursion collapsed");
    press(&stage, "U");
    assert_false(shows(&stage, "recursion collapsed"));
    stage_done(&stage);
}

static void
test_flame_view__exports(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, 120, 30, GLYPHS_BRAILLE, false);
    press(&stage, "e");
    assert_shows(&stage, "flame.svg");
    press(&stage, "Enter");
    assert_string_equal(saved, "flame.svg");
    saved[0] = '\0';
    app_command(stage.app, "save other.folded");
    assert_string_equal(saved, "other.folded");
    stage_done(&stage);
}

static void
test_flame_view__swaps_sides(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, 120, 30, GLYPHS_BRAILLE, true);
    assert_shows(&stage, "gone: old_way");
    assert_false(shows(&stage, "- old_way"));
    press(&stage, "d");
    assert_shows(&stage, "- old_way");
    assert_shows(&stage, "not there before:");
    stage_done(&stage);
}

/* "g" is called twice, with a pause between. */
static struct profile *
timed_profile(void)
{
    struct profile *profile = profile_new();
    uint32_t measure = profile_measure(profile, STR("time"), "s", 1e-3);
    uint32_t main = profile_child(profile, 0, profile_frame(profile, STR("main"), STR("")));
    uint32_t f = profile_child(profile, main, profile_frame(profile, STR("f"), STR("")));
    uint32_t g = profile_child(profile, main, profile_frame(profile, STR("g"), STR("")));
    profile_put_next(profile, g, measure, 100);
    profile_put_next(profile, f, measure, 300);
    profile_put_idle(profile, 0, measure, 200);
    profile_put_next(profile, g, measure, 400);
    return profile;
}

static void
test_flame_view__shows_the_order_of_time(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, 80, 24, GLYPHS_BRAILLE, false);
    press(&stage, "o");
    assert_shows(&stage, "nothing in it says what came first");
    app_set_profile(stage.app, timed_profile(), "three calls", false);
    draw(&stage);
    assert_shows(&stage, "800 ms = 100 %");
    press(&stage, "Down Down o");
    assert_shows(&stage, "in the order of time");
    assert_shows(&stage, "s = 100 %");
    check_golden(&stage, "flame-time-80x24");
    press(&stage, "U");
    assert_false(shows(&stage, "in the order of time"));
    stage_done(&stage);
}

/* What another process, or the same one a second later, ran. */
static struct profile *
newer_profile(void)
{
    static const char *const newer[][2] = {{"zygote", "50"},
                                           {"main;idle", "9"},
                                           {"main;gc", "70"},
                                           {"main;serve;query", "300"},
                                           {"main;serve;render", "100"},
                                           {"main;serve;query;fresh", "50"}};
    struct profile *profile = profile_new();
    uint32_t measure = profile_measure(profile, STR("samples"), "", 1);
    for (size_t i = 0; i < ARRAY_SIZE(newer); i++) {
        struct str rest = str_from(newer[i][0]), part;
        uint32_t node = 0;
        while (str_until(&rest, ';', &part)) {
            node = profile_child(profile, node, profile_frame(profile, part, STR("")));
        }
        profile_put(profile, node, measure, strtod(newer[i][1], NULL));
    }
    return profile;
}

static void
test_flame_view__keeps_what_is_looked_at_when_it_is_renewed(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, 120, 30, GLYPHS_BRAILLE, false);
    app_command(stage.app, "filter.set !gc");
    app_command(stage.app, "search.set que");
    press(&stage, "Down Down Down Enter");
    assert_shows(&stage, "in query");
    assert_shows(&stage, "without gc");
    app_set_profile(stage.app, newer_profile(), "a second later", true);
    draw(&stage);
    assert_shows(&stage, "in query");
    assert_shows(&stage, "without gc");
    assert_shows(&stage, "/que");
    assert_shows(&stage, "fresh");
    assert_false(shows(&stage, "zygote"));
    press(&stage, "Esc Esc");
    assert_shows(&stage, "zygote");
    press(&stage, "U");
    assert_false(shows(&stage, "without gc"));
    app_set_profile(stage.app, newer_profile(), "something else", false);
    draw(&stage);
    press(&stage, "U");
    assert_shows(&stage, "there is nothing to take back");
    stage_done(&stage);
}

static void
test_flame_view__keeps_a_sandwich_and_a_row_when_it_is_renewed(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, 120, 30, GLYPHS_BRAILLE, false);
    press(&stage, "Down Down Down S");
    assert_shows(&stage, "callers above");
    app_set_profile(stage.app, newer_profile(), "a second later", true);
    draw(&stage);
    assert_shows(&stage, "callers above");
    assert_shows(&stage, "fresh");
    assert_false(shows(&stage, "render"));
    press(&stage, "U .");
    app_command(stage.app, "search.set render");
    draw(&stage);
    press(&stage, "n");
    app_set_profile(stage.app, newer_profile(), "two seconds later", true);
    draw(&stage);
    press(&stage, "x .");
    assert_shows(&stage, "without render");
    stage_done(&stage);
}

/* What was begun before a sandwich, and is not shown in it, holds up nothing. */
static void
test_flame_view__is_renewed_whatever_was_begun(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, 120, 30, GLYPHS_BRAILLE, false);
    press(&stage, "Down Down Down");
    app_command(stage.app, "flame.collapse"); /* nothing is drawn in between */
    app_command(stage.app, "flame.sandwich");
    draw(&stage);
    assert_shows(&stage, "callers above");
    app_set_profile(stage.app, newer_profile(), "a second later", true);
    draw(&stage);
    assert_shows(&stage, "fresh");
    stage_done(&stage);
}

/* Any keys at any size: nothing is written outside, nothing is lost. */
static void
test_flame_view__takes_any_key(void **state)
{
    (void)state;
    static const char *const keys[] = {
        "Up", "Down", "Left", "Right", "Enter", "Backspace", "Esc", "S",    "I",    "i", "c", "x",
        "X",  "U",    "d",    "u",     "n",     ".",         "<",   "PgDn", "PgUp", "g", "G", "o"};
    unsigned random = 1;
    for (int width = 1; width < 140; width += 13) {
        struct stage stage;
        stage_init(&stage, width, 4 + width / 3, GLYPHS_BLOCKS, width % 2 == 0);
        app_command(stage.app, "search.set e");
        for (int i = 0; i < 150; i++) {
            random = random * 1103515245 + 12345;
            press(&stage, keys[(random >> 16) % ARRAY_SIZE(keys)]);
            if (i % 40 == 20) {
                app_set_profile(stage.app, i % 80 == 20 ? timed_profile() : newer_profile(), "t",
                                (random >> 20) % 4 != 0);
            }
        }
        stage_done(&stage);
    }
}

static void
test_flame_view__without_a_profile_says_how_to_get_one(void **state)
{
    (void)state;
    struct fake fake;
    machine_init(&fake, 4);
    struct app *app = app_new(&(struct app_options){.catalog = fake.catalog, .view = 6});
    struct stage stage = {.app = app};
    app_set_picture(app, fake_picture(&fake));
    canvas_init(&stage.canvas);
    assert_true(canvas_resize(&stage.canvas, 120, 30));
    draw(&stage);
    assert_shows(&stage, "F samples what this machine runs");
    app_free(app);
    canvas_done(&stage.canvas);
    fake_done(&fake);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flame_view__looks_as_it_did),
        cmocka_unit_test(test_flame_view__explains_no_colours_where_there_are_none),
        cmocka_unit_test(test_flame_view__zooms_in_and_out),
        cmocka_unit_test(test_flame_view__shows_what_is_narrow),
        cmocka_unit_test(test_flame_view__searches),
        cmocka_unit_test(test_flame_view__hides_and_takes_back),
        cmocka_unit_test(test_flame_view__collapses_recursion),
        cmocka_unit_test(test_flame_view__exports),
        cmocka_unit_test(test_flame_view__swaps_sides),
        cmocka_unit_test(test_flame_view__shows_the_order_of_time),
        cmocka_unit_test(test_flame_view__keeps_what_is_looked_at_when_it_is_renewed),
        cmocka_unit_test(test_flame_view__keeps_a_sandwich_and_a_row_when_it_is_renewed),
        cmocka_unit_test(test_flame_view__is_renewed_whatever_was_begun),
        cmocka_unit_test(test_flame_view__takes_any_key),
        cmocka_unit_test(test_flame_view__without_a_profile_says_how_to_get_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
