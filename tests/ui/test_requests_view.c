/* The requests view in the application: what is drawn of some requests, and what each key does. */
#include "../check.h"

#include <stdlib.h>
#include <string.h>

#include "flametop/core/profile.h"
#include "golden.h"
#include "requests_stage.h"

static const struct {
    const char *name, *keys;
} screens[] = {
    {"groups", ""},
    {"slowest", "."},
    {"running", ". ."},
    {"services", ". . ."},
    {"calls", ". . . ."},
    {"queries", ". . . . ."},
    {"agents", ". . . . . ."},
    {"group", "Enter"},
    {"waterfall", "Enter Enter"},
    {"selection",
     "v Left Left Left Left Left Left Left Left Left Left Left Left Left Left Down Down Enter"},
};

static void
test_requests_view__screens(void **state)
{
    static const struct {
        int width, height;
    } sizes[] = {{80, 24}, {120, 40}, {200, 50}};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        for (size_t j = 0; j < ARRAY_SIZE(screens); j++) {
            struct stage stage;
            char name[64];
            stage_init(&stage, sizes[i].width, sizes[i].height, GLYPHS_BRAILLE, REQUESTS);
            press(&stage, screens[j].keys);
            snprintf(name, sizeof(name), "requests-%s-%dx%d", screens[j].name, sizes[i].width,
                     sizes[i].height);
            golden(name, &stage.canvas);
            stage_done(&stage);
        }
    }
}

static void
test_requests_view__ascii_has_no_other_signs(void **state)
{
    struct stage stage;
    (void)state;
    stage_init(&stage, 80, 24, GLYPHS_ASCII, REQUESTS);
    golden("requests-groups-80x24-ascii", &stage.canvas);
    press(&stage, "Enter Down Enter");
    golden("requests-waterfall-80x24-ascii", &stage.canvas);
    stage_done(&stage);
}

static void
test_requests_view__any_size_draws(void **state)
{
    static const int widths[] = {24, 31, 40, 59, 79, 101, 150, 201}, heights[] = {4, 8, 12, 17, 60};
    struct stage stage;
    (void)state;
    stage_init(&stage, 80, 24, GLYPHS_BLOCKS, 60);
    for (size_t i = 0; i < ARRAY_SIZE(screens); i++) {
        press(&stage, screens[i].keys);
        for (size_t w = 0; w < ARRAY_SIZE(widths); w++) {
            for (size_t h = 0; h < ARRAY_SIZE(heights); h++) {
                assert_true(canvas_resize(&stage.canvas, widths[w], heights[h]));
                draw(&stage);
                press(&stage, "Down Enter Esc Up");
            }
        }
        assert_true(canvas_resize(&stage.canvas, 80, 24));
        draw(&stage);
        press(&stage, "Esc Esc Esc Esc Esc 5");
        stage.app->view = 5;
        draw(&stage);
    }
    stage_done(&stage);
}

static void
test_requests_view__without_any_says_how_to_send_them(void **state)
{
    struct stage stage;
    (void)state;
    stage_init(&stage, 120, 40, GLYPHS_BRAILLE, 0);
    assert_true(shows(&stage, "OTEL_EXPORTER_OTLP_ENDPOINT"));
    assert_true(shows(&stage, "4318"));
    stage_done(&stage);
}

/* The table of receivers, as far as the view looks at it. */
static const struct column receiver_columns[] = {
    {"receiver.address", "ADDRESS", "", "", COLUMN_TEXT, COLUMN_KEY, 22},
    {"receiver.takes", "TAKES", "", "", COLUMN_TEXT, 0, 24},
    {"receiver.state", "STATE", "", "", COLUMN_TEXT, 0, 14},
    {"receiver.note", "NOTE", "", "", COLUMN_TEXT, 0, 0},
};
static const struct table_def receiver_def = {.name = "receivers",
                                              .title = "Receivers",
                                              .text = "",
                                              .columns = receiver_columns,
                                              .column_count = ARRAY_SIZE(receiver_columns)};

static void
test_requests_view__while_it_listens_it_says_where(void **state)
{
    static const char *const rows[][4] = {
        {"127.0.0.1:4317", "OTLP", "listening", "python3 (990) sends what is no HTTP"},
        {"127.0.0.1:4318", "OTLP, Zipkin, JSON", "listening", ""},
        {"127.0.0.1:8125", "StatsD", "listening", ""}};
    struct stage stage;
    (void)state;
    stage_init(&stage, 120, 40, GLYPHS_BRAILLE, 0);
    struct table *table = fake_table(&stage.fake, &receiver_def);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        union cell *row = table_add(table, &stage.fake.picture->arena);
        for (size_t column = 0; column < 4; column++) {
            row[column].text = rows[i][column];
        }
    }
    draw(&stage);
    golden("requests-listening-120x40", &stage.canvas);
    assert_true(shows(&stage, "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318"));
    stage.fake.picture->past = true; /* read from a snapshot, which listens nowhere */
    draw(&stage);
    assert_false(shows(&stage, "Listening"));
    assert_true(shows(&stage, "A snapshot holds no single requests"));
    stage_done(&stage);
}

static void
test_requests_view__escape_leaves_a_request_and_then_its_group(void **state)
{
    struct stage stage;
    (void)state;
    stage_init(&stage, 120, 40, GLYPHS_BRAILLE, REQUESTS);
    press(&stage, "Enter");
    assert_true(shows(&stage, "Latency · POST /tools/invoke"));
    press(&stage, "Down Enter");
    assert_true(shows(&stage, "critical path"));
    press(&stage, "Esc");
    assert_true(shows(&stage, "Latency · POST /tools/invoke"));
    press(&stage, "Esc");
    assert_true(shows(&stage, "WAITED/min"));
    assert_false(stage.app->leave);
    stage_done(&stage);
}

static void
test_requests_view__group_by_service_and_by_an_attribute(void **state)
{
    struct stage stage;
    (void)state;
    stage_init(&stage, 120, 40, GLYPHS_BRAILLE, REQUESTS);
    app_command(stage.app, "request.group service");
    draw(&stage);
    assert_true(shows(&stage, "gateway"));
    press(&stage, "o");
    assert_true(shows(&stage, "an attribute"));
    press(&stage, "Esc");
    app_command(stage.app, "request.group tenant");
    draw(&stage);
    assert_true(shows(&stage, "acme"));
    assert_true(shows(&stage, "globex"));
    stage_done(&stage);
}

/* Of the requests themselves nothing is done while a choice is asked for: nobody looks there. */
static void
test_requests_view__menu_keeps_keys_from_what_is_behind(void **state)
{
    static const char *const swallowed[] = {"d", "D", "m", "F", "v", "Left", "Space", "Tab", "."};
    struct stage stage;
    (void)state;
    stage_init(&stage, 120, 40, GLYPHS_BRAILLE, REQUESTS);
    press(&stage, "o");
    for (size_t i = 0; i < ARRAY_SIZE(swallowed); i++) {
        press(&stage, swallowed[i]);
        assert_true(shows(&stage, "does nothing while this is open: Esc closes it"));
        assert_true(shows(&stage, "an attribute"));
    }
    press(&stage, "Up Down"); /* the sentence goes, the footer comes: of the menu alone */
    assert_true(shows(&stage, "q close  Enter choose  / search"));
    assert_false(shows(&stage, "h help"));
    assert_false(shows(&stage, "pause"));
    press(&stage, "Down Esc");
    assert_false(shows(&stage, "an attribute"));
    assert_false(shows(&stage, "marked: "));
    assert_true(shows(&stage, "h help"));
    assert_null(stage.app->seat->held);
    assert_int_equal(stage.app->view, 5);
    press(&stage, "o 2");
    assert_false(shows(&stage, "an attribute"));
    assert_int_equal(stage.app->view, 2);
    press(&stage, "5 o q");
    assert_false(shows(&stage, "an attribute"));
    press(&stage, "m");
    assert_true(shows(&stage, "marked: ")); /* so does m where it is let */
    stage_done(&stage);
}

static void
test_requests_view__filter_names_what_it_hides(void **state)
{
    struct stage stage;
    (void)state;
    stage_init(&stage, 120, 40, GLYPHS_BRAILLE, REQUESTS);
    press(&stage, "f 'tenant=acme Enter");
    assert_true(shows(&stage, "filter tenant=acme"));
    assert_true(shows(&stage, "database-query"));
    assert_false(shows(&stage, "web-search"));
    press(&stage, "f Ctrl-U 'tenant=nobody Enter");
    assert_true(shows(&stage, "No request of this span matches the filter"));
    press(&stage, "Esc");
    assert_true(shows(&stage, "web-search"));
    press(&stage, "f 'duration>fast Enter");
    assert_string_not_equal(stage.app->said, "");
    stage_done(&stage);
}

static void
test_requests_view__any_number_of_filters(void **state)
{
    struct stage stage;
    (void)state;
    stage_init(&stage, 120, 40, GLYPHS_BRAILLE, 60);
    for (int i = 0; i < 100; i++) {
        char line[64];
        snprintf(line, sizeof(line), "filter.set spans>%d", i % 3);
        app_command(stage.app, line);
        if (i % 7 == 0) {
            app_draw(stage.app, &stage.canvas);
        }
    }
    draw(&stage);
    assert_true(shows(&stage, "filter spans>0"));
    assert_true(shows(&stage, "GET /orders/{id}"));
    stage_done(&stage);
}

static void
test_requests_view__critical_path_alone_and_folding(void **state)
{
    struct stage stage;
    (void)state;
    stage_init(&stage, 120, 40, GLYPHS_BRAILLE, REQUESTS);
    press(&stage, "Enter Down Enter");
    assert_true(shows(&stage, "SELECT orders"));
    assert_true(shows(&stage, "GET"));
    press(&stage, "c");
    assert_false(shows(&stage, "─ GET"));
    press(&stage, "c -");
    assert_false(shows(&stage, "SELECT orders"));
    press(&stage, "+ / 'select Enter");
    assert_true(shows(&stage, "db.query.text"));
    stage_done(&stage);
}

static void
test_requests_view__copies_and_exports_a_request(void **state)
{
    struct stage stage;
    (void)state;
    stage_init(&stage, 120, 40, GLYPHS_BRAILLE, REQUESTS);
    press(&stage, "e");
    assert_true(strstr(stage.app->said, "single request") != NULL);
    press(&stage, "Enter Down y");
    assert_string_equal(stage.app->said, "copied");
    press(&stage, "e");
    assert_true(shows(&stage, "trace-4bf92f3577b34da6.json"));
    press(&stage, "Ctrl-U '/tmp/none/x.json Enter");
    assert_string_equal(saved, "/tmp/none/x.json of 6 spans");
    stage_done(&stage);
}

static void
test_requests_view__file_has_nothing_on_its_way(void **state)
{
    struct stage stage;
    (void)state;
    stage_init(&stage, 120, 40, GLYPHS_BRAILLE, REQUESTS);
    struct picture *file = picture_new(stage.fake.catalog, 65536);
    file->past = true;
    file->traces = traces_acquire(stage.fake.picture->traces);
    app_set_picture(stage.app, file);
    picture_release(file);
    press(&stage, "1");
    assert_false(shows(&stage, "on their way"));
    assert_true(shows(&stage, "This is a file of requests: 5 shows them"));
    press(&stage, "6");
    assert_true(shows(&stage, "F there draws what is selected"));
    stage_done(&stage);
}

static void
test_requests_view__says_what_stays_at_the_agent(void **state)
{
    static const char *const said[] = {"slow: ", "request of 17 MiB stays there: /api/v1/traces/7f",
                                       "2 requests stay there, the last of 17 MiB: "};
    (void)state;
    for (uint64_t left = 0; left < ARRAY_SIZE(said); left++) {
        struct stage stage;
        stage_init(&stage, 120, 40, GLYPHS_BRAILLE, REQUESTS);
        struct traces *traces = stage.fake.picture->traces;
        traces->left = left;
        traces->left_bytes = 17 << 20;
        strlcpy(traces->left_id, "7f", sizeof(traces->left_id));
        draw(&stage);
        assert_true(shows(&stage, said[left]));
        assert_int_equal(shows(&stage, " there"), left > 0);
        stage_done(&stage);
    }
}

/* The newest request of a file takes seconds: these are no half hour. */
static void
test_requests_view__file_fills_its_window(void **state)
{
    static const struct {
        int64_t later_ns;
        const char *keys, *shown;
    } rows[] = {
        {NS_PER_S, "w", "11 min \xc2\xb7 601 requests"},
        {20 * 60 * NS_PER_S, "w", "31 min \xc2\xb7 601 requests"},
        {NS_PER_S, "W", "5 min \xc2\xb7 "},
        {59 * NS_PER_S + 900 * NS_PER_MS, "w", "11 min \xc2\xb7 601 requests"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct stage stage;
        stage_init(&stage, i % 2 != 0 ? 200 : 120, 40, GLYPHS_BRAILLE, REQUESTS);
        struct picture *file = picture_new(stage.fake.catalog, 65536);
        file->past = true;
        file->traces = traces_acquire(stage.fake.picture->traces);
        file->mono_ns = file->traces->oldest_mono_ns + 600 * NS_PER_S + rows[i].later_ns;
        file->wall_ns = FAKE_WALL_NS;
        app_set_picture(stage.app, file);
        picture_release(file);
        press(&stage, rows[i].keys);
        assert_true(shows(&stage, rows[i].shown));
        stage_done(&stage);
    }
}

static void
test_requests_view__question_is_answered(void **state)
{
    struct stage stage;
    (void)state;
    stage_init(&stage, 120, 40, GLYPHS_BRAILLE, REQUESTS);
    app_command(stage.app, "query count by tool");
    draw(&stage);
    assert_true(shows(&stage, "count by tool"));
    assert_true(shows(&stage, "web-search"));
    app_command(stage.app, "query nonsense by");
    assert_string_not_equal(stage.app->said, "");
    stage_done(&stage);
}

static void
test_requests_view__answer_says_what_is_left_out(void **state)
{
    struct stage stage;
    (void)state;
    stage_init(&stage, 120, 40, GLYPHS_BRAILLE, REQUESTS);
    app_command(stage.app, "query count by trace");
    draw(&stage);
    assert_true(shows(&stage, "89 more are left out"));
    stage_done(&stage);
}

/* Keys that come before a drawing meet a page whose rows were made of what is gone since. */
static void
test_requests_view__keys_before_a_drawing(void **state)
{
    struct stage stage;
    (void)state;
    stage_init(&stage, 160, 40, GLYPHS_BRAILLE, REQUESTS);
    press(&stage, ". . . . . . ,");
    app_command(stage.app, "filter.set spans>0"); /* makes another graph of calls */
    draw(&stage);
    app_command(stage.app, "page.next");
    app_command(stage.app, "open");
    draw(&stage);
    assert_true(shows(&stage, "filter spans>0 name="));
    assert_true(shows(&stage, "service=")); /* others may have operations of that name */
    stage_done(&stage);
}

static void
test_requests_view__past_shows_what_had_begun(void **state)
{
    struct stage stage;
    (void)state;
    stage_init(&stage, 120, 40, GLYPHS_BRAILLE, REQUESTS);
    press(&stage, "{ {");
    assert_false(shows(&stage, "601 requests"));
    assert_true(shows(&stage, " requests"));
    press(&stage, "r");
    assert_true(shows(&stage, "601 requests"));
    stage_done(&stage);
}

/* Ten thousand spans: one below the other at first, then side by side. */
static void
add_large(struct fake *fake, struct fake_traces *traces)
{
    int64_t start = FAKE_WALL_NS - 60 * NS_PER_S;
    uint64_t above = 0;
    (void)fake;
    for (int i = 0; i < 10000; i++) {
        char name[32];
        snprintf(name, sizeof(name), "step %d", i);
        int64_t inset = MIN(i, 300) * 1000;
        uint64_t own = fake_span(traces, 99, above, &traces->gateway, SPAN_INTERNAL, name,
                                 start + inset + (i > 300 ? (i - 300) * 100000 : 0),
                                 i <= 300 ? 2 * NS_PER_S - 2 * inset : 90000, SPAN_UNSET, NULL, 0);
        above = i < 300 ? own : above;
    }
}

static void
stage_init_large(struct stage *stage)
{
    machine_init(&stage->fake, 4);
    fake_traces_of(&stage->fake, add_large);
    struct app_options options = {.catalog = stage->fake.catalog, .view = 5};
    stage->app = app_new(&options);
    app_set_picture(stage->app, fake_picture(&stage->fake));
    canvas_init(&stage->canvas);
    assert_true(canvas_resize(&stage->canvas, 120, 40));
    draw(stage);
}

/* A large request is made while the screen is drawn: before that it can be left. */
static void
test_requests_view__leaves_a_request_before_it_is_there(void **state)
{
    struct stage stage;
    struct term_event enter = {0}, escape = {0};
    (void)state;
    assert_true(key_parse("Enter", &enter.key) && key_parse("Esc", &escape.key));
    stage_init_large(&stage);
    press(&stage, ".");
    app_key(stage.app, &enter);
    app_key(stage.app, &escape);
    draw(&stage);
    assert_false(shows(&stage, "step 1 "));
    assert_true(shows(&stage, "BEGAN")); /* the list it was chosen from */
    app_key(stage.app, &enter);
    draw(&stage);
    assert_true(shows(&stage, "step 1 "));
    stage_done(&stage);
}

static void
test_requests_view__large_and_deep_request(void **state)
{
    struct stage stage;
    (void)state;
    stage_init_large(&stage);
    press(&stage, ". Enter End");
    assert_true(shows(&stage, "step 9999"));
    press(&stage, "Home - Down");
    assert_true(shows(&stage, "+9999 step 0"));
    press(&stage, "/ 'step_7777 Enter");
    assert_true(shows(&stage, "step 7777"));
    press(&stage, "c F");
    assert_int_equal(stage.app->view, 6);
    stage_done(&stage);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_view__screens),
        cmocka_unit_test(test_requests_view__ascii_has_no_other_signs),
        cmocka_unit_test(test_requests_view__any_size_draws),
        cmocka_unit_test(test_requests_view__without_any_says_how_to_send_them),
        cmocka_unit_test(test_requests_view__while_it_listens_it_says_where),
        cmocka_unit_test(test_requests_view__escape_leaves_a_request_and_then_its_group),
        cmocka_unit_test(test_requests_view__group_by_service_and_by_an_attribute),
        cmocka_unit_test(test_requests_view__menu_keeps_keys_from_what_is_behind),
        cmocka_unit_test(test_requests_view__filter_names_what_it_hides),
        cmocka_unit_test(test_requests_view__any_number_of_filters),
        cmocka_unit_test(test_requests_view__critical_path_alone_and_folding),
        cmocka_unit_test(test_requests_view__copies_and_exports_a_request),
        cmocka_unit_test(test_requests_view__file_has_nothing_on_its_way),
        cmocka_unit_test(test_requests_view__says_what_stays_at_the_agent),
        cmocka_unit_test(test_requests_view__file_fills_its_window),
        cmocka_unit_test(test_requests_view__question_is_answered),
        cmocka_unit_test(test_requests_view__answer_says_what_is_left_out),
        cmocka_unit_test(test_requests_view__keys_before_a_drawing),
        cmocka_unit_test(test_requests_view__past_shows_what_had_begun),
        cmocka_unit_test(test_requests_view__leaves_a_request_before_it_is_there),
        cmocka_unit_test(test_requests_view__large_and_deep_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
