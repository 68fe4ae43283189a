/* The whole screen on a picture made by hand: golden screens, keys, and properties over random
 * sizes. See golden.h for how the files are written anew. */
#include "../check.h"

#include <unistd.h>

#include "flametop/base/buf.h"
#include "flametop/base/utf8.h"
#include "flametop/ui/app.h"
#include "fake_picture.h"
#include "golden.h"

struct screen {
    struct fake fake;
    struct app *app;
    struct canvas canvas;
};

static void
screen_open(struct screen *screen, const struct app_options *options)
{
    fake_init(&screen->fake);
    fake_processes(&screen->fake, 214);
    struct finding *finding = fake_finding(
        &screen->fake, LEVEL_CRITICAL, 87,
        "disk nvme0n1 98 % busy, 41 % of tasks wait for it; beam.smp (812) writes 310 MB/s",
        "nvme0n1 98 % busy; beam.smp (812) writes 310 MB/s");
    static const struct evidence evidence[] = {
        {"busy", "98 %", "system.disk.utilization", "device=nvme0n1"},
        {"tasks waiting", "41 %", NULL, NULL}};
    finding->evidence = evidence;
    finding->evidence_count = ARRAY_SIZE(evidence);
    finding->culprit = "beam.smp (812)";
    finding->advice = "Look at what it writes.";
    fake_finding(&screen->fake, LEVEL_WARNING, 40, "memory 91 % used and rising", NULL);
    struct app_options with = *options;
    with.catalog = screen->fake.catalog;
    screen->app = app_new(&with);
    app_set_picture(screen->app, fake_picture(&screen->fake));
    canvas_init(&screen->canvas);
}

static void
screen_close(struct screen *screen)
{
    app_free(screen->app);
    canvas_done(&screen->canvas);
    fake_done(&screen->fake);
}

static void
press(struct screen *screen, int32_t key)
{
    struct term_event event = {.key = key};
    app_draw(screen->app, &screen->canvas);
    app_key(screen->app, &event);
}

static void
type(struct screen *screen, const char *text)
{
    for (; *text != '\0'; text++) {
        press(screen, *text);
    }
}

static char *
shown(struct screen *screen, struct buf *out)
{
    app_draw(screen->app, &screen->canvas);
    buf_clear(out);
    canvas_dump(&screen->canvas, out);
    return out->data;
}

/* Wherever the cursor is, nothing of its line is cut: long texts take several rows. */
static void
test_app__help_is_readable_whole(void **state)
{
    (void)state;
    struct screen screen;
    struct buf out;
    buf_init(&out, 1 << 20);
    screen_open(&screen, &(struct app_options){.view = 0});
    canvas_resize(&screen.canvas, 80, 24);
    type(&screen, "3?");
    for (int i = 0; i < 200; i++) {
        struct str rest = str_from(shown(&screen, &out)), row = {"", 0};
        for (int y = 0; y <= screen.canvas.cursor_y; y++) {
            str_line(&rest, &row);
        }
        if (memmem(row.p, row.n, "…", strlen("…")) != NULL) {
            fail_msg("cut: %.*s", (int)row.n, row.p);
        }
        press(&screen, TERM_DOWN);
    }
    buf_done(&out);
    screen_close(&screen);
}

/* Keys of the view behind do nothing while help is read, those of the application do. */
static void
test_app__overlay_keeps_keys_from_what_is_behind(void **state)
{
    (void)state;
    struct screen screen;
    struct buf out;
    buf_init(&out, 1 << 20);
    screen_open(&screen, &(struct app_options){.view = 3});
    canvas_resize(&screen.canvas, 120, 40);
    type(&screen, "?>");
    assert_non_null(strstr(shown(&screen, &out), "sort.next does nothing while this is open"));
    press(&screen, '\t');
    assert_non_null(strstr(shown(&screen, &out), "panel.next does nothing while this is open"));
    type(&screen, " ");
    assert_non_null(strstr(shown(&screen, &out), "r live"));
    assert_non_null(strstr(shown(&screen, &out), "Everywhere"));
    type(&screen, "?>");
    assert_null(strstr(shown(&screen, &out), "Everywhere"));
    assert_null(strstr(shown(&screen, &out), "does nothing"));
    buf_done(&out);
    screen_close(&screen);
}

static void
test_app__golden(void **state)
{
    (void)state;
    static const struct {
        int width, height;
    } sizes[] = {{12, 3}, {40, 12}, {80, 24}, {120, 40}, {200, 50}};
    static const struct {
        const char *name, *keys;
    } screens[] = {
        {"processes", "3"},
        {"processes-tree", "3t"},
        {"processes-detail", "3j\r"},
        {"processes-filter", "3fbeam cpu>5\r"},
        {"findings", "8"},
        {"evidence", "!"},
        {"help", "3?"},
        {"signal", "3K"},
        {"question", "3jK\r"},
        {"remedy", "4"},
        {"paused", "3 "},
        {"prompt", "3:fil\t"},
    };
    for (size_t s = 0; s < ARRAY_SIZE(screens); s++) {
        for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
            struct screen *screen = calloc(1, sizeof(*screen));
            struct buf out;
            char name[64];
            buf_init(&out, 1 << 20);
            screen_open(screen, &(struct app_options){.view = 0});
            canvas_resize(&screen->canvas, sizes[i].width, sizes[i].height);
            type(screen, screens[s].keys);
            shown(screen, &out);
            snprintf(name, sizeof(name), "app-%s-%dx%d", screens[s].name, sizes[i].width,
                     sizes[i].height);
            golden_text(name, &out);
            screen_close(screen);
            buf_done(&out);
            free(screen);
        }
    }
}

/* Small screens: what stands around the panels goes before they do. */
static void
test_app__golden_small(void **state)
{
    (void)state;
    static const struct {
        int width, height;
    } sizes[] = {{80, 10}, {80, 7}, {80, 4}, {60, 16}, {30, 12}, {24, 4}, {23, 10}};
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        struct screen *screen = calloc(1, sizeof(*screen));
        struct buf out;
        char name[64];
        buf_init(&out, 1 << 20);
        screen_open(screen, &(struct app_options){.view = 3});
        canvas_resize(&screen->canvas, sizes[i].width, sizes[i].height);
        shown(screen, &out);
        snprintf(name, sizeof(name), "app-small-%dx%d", sizes[i].width, sizes[i].height);
        golden_text(name, &out);
        press(screen, ':');
        assert_non_null(strstr(shown(screen, &out), sizes[i].width < 24 ? "87" : " command:"));
        screen_close(screen);
        buf_done(&out);
        free(screen);
    }
}

static void
test_app__golden_styles_and_ascii(void **state)
{
    (void)state;
    struct screen *screen = calloc(1, sizeof(*screen));
    struct buf out;
    buf_init(&out, 1 << 20);
    screen_open(screen, &(struct app_options){.view = 3});
    canvas_resize(&screen->canvas, 80, 24);
    app_draw(screen->app, &screen->canvas);
    canvas_dump_styles(&screen->canvas, &out);
    golden_text("app-processes-80x24-styles", &out);
    screen->canvas.glyphs = GLYPHS_ASCII;
    char *text = shown(screen, &out);
    for (size_t i = 0; i < out.n; i++) {
        assert_true((unsigned char)text[i] < 0x80);
    }
    golden_text("app-processes-80x24-ascii", &out);
    screen_close(screen);
    buf_done(&out);
    free(screen);
}

/* No size and no key makes the screen write outside or blank it; what is cut says so. */
static void
test_app__any_size_and_key(void **state)
{
    (void)state;
    static const char keys[] = "123456789!?\x1b"
                               "jkgG\r+-t<>IPMCwW[]{} rfx\r/s\rnN,.\t:vi\rKqL";
    struct screen *screen = calloc(1, sizeof(*screen));
    struct buf out;
    buf_init(&out, 1 << 20);
    screen_open(screen, &(struct app_options){.view = 3});
    unsigned seed = 7;
    for (int i = 0; i < 200; i++) {
        seed = seed * 1103515245u + 12345u;
        int width = (int)(seed >> 16) % 240, height = (int)(seed >> 8) % 70;
        canvas_resize(&screen->canvas, width, height);
        press(screen, keys[(seed >> 12) % (sizeof(keys) - 1)]);
        shown(screen, &out);
        const struct canvas *canvas = &screen->canvas;
        bool blank = true;
        for (int cell = 0; cell < canvas->width * canvas->height; cell++) {
            uint32_t c = canvas->cells[cell].c;
            blank = blank && c == ' ';
            assert_true(c == 0 || (c >= 0x20 && c != 0x7F));
        }
        assert_true(!blank || canvas->width < 3);
        assert_true(canvas->cursor_x < canvas->width && canvas->cursor_y < canvas->height);
    }
    screen_close(screen);
    buf_done(&out);
    free(screen);
}

static void
test_app__readonly_has_no_signals(void **state)
{
    (void)state;
    struct screen *screen = calloc(1, sizeof(*screen));
    struct buf out;
    buf_init(&out, 1 << 20);
    screen_open(screen, &(struct app_options){.view = 3, .readonly = true});
    canvas_resize(&screen->canvas, 120, 40);
    press(screen, 'K');
    char *text = shown(screen, &out);
    assert_non_null(strstr(text, "process.signal is not there with --readonly"));
    assert_null(strstr(text, "Signal to"));
    press(screen, '?');
    text = shown(screen, &out);
    assert_null(strstr(text, "process.signal"));
    screen_close(screen);
    buf_done(&out);
    free(screen);
}

/* Where Enter opens a chart, the bottom line says so, also in 80 columns. */
static void
test_app__offers_what_opens_charts(void **state)
{
    (void)state;
    struct screen *screen = calloc(1, sizeof(*screen));
    struct buf out;
    buf_init(&out, 1 << 20);
    screen_open(screen, &(struct app_options){.view = 9});
    canvas_resize(&screen->canvas, 80, 24);
    assert_non_null(strstr(shown(screen, &out), "Enter chart  [ back in time"));
    canvas_resize(&screen->canvas, 120, 40);
    assert_non_null(strstr(shown(screen, &out), "+ card"));
    press(screen, '1');
    assert_non_null(strstr(shown(screen, &out), "Enter open"));
    screen_close(screen);
    buf_done(&out);
    free(screen);
}

/* The sentences of columns are there whole, beside their names. */
static void
test_app__columns_are_readable_whole(void **state)
{
    (void)state;
    struct screen *screen = calloc(1, sizeof(*screen));
    struct buf out;
    buf_init(&out, 1 << 20);
    screen_open(screen, &(struct app_options){.view = 3});
    canvas_resize(&screen->canvas, 80, 24);
    press(screen, 'C');
    const char *text = shown(screen, &out);
    assert_non_null(strstr(text, "[x] S        R running"));
    assert_non_null(strstr(text, "│              refresh. "));
    screen_close(screen);
    buf_done(&out);
    free(screen);
}

/* While something is seen that has not lasted, nothing is called usual. */
static void
test_app__evidence_says_when_there_is_none_yet(void **state)
{
    (void)state;
    struct screen *screen = calloc(1, sizeof(*screen));
    struct buf out;
    buf_init(&out, 1 << 20);
    screen_open(screen, &(struct app_options){.view = 3});
    canvas_resize(&screen->canvas, 120, 40);
    struct picture *picture = screen->fake.picture;
    picture->finding_count = 0;
    picture->looked_at = "";
    app_set_picture(screen->app, picture);
    press(screen, '!');
    assert_non_null(strstr(shown(screen, &out), "nothing yet"));
    assert_null(strstr(out.data, "nothing unusual"));
    screen_close(screen);
    buf_done(&out);
    free(screen);
}

static void
test_app__filter_from_the_start(void **state)
{
    (void)state;
    struct screen *screen = calloc(1, sizeof(*screen));
    struct buf out;
    buf_init(&out, 1 << 20);
    screen_open(screen, &(struct app_options){.view = 3, .filter = "pid=812|824"});
    canvas_resize(&screen->canvas, 120, 40);
    assert_non_null(strstr(shown(screen, &out), "2 of 214"));
    screen_close(screen);
    buf_done(&out);
    free(screen);
}

static void
test_app__prompts_begin_with_what_is_in_force(void **state)
{
    (void)state;
    struct screen *screen = calloc(1, sizeof(*screen));
    struct buf out;
    buf_init(&out, 1 << 20);
    screen_open(screen, &(struct app_options){.view = 3});
    canvas_resize(&screen->canvas, 100, 30);
    type(screen, "fnginx\rf");
    assert_non_null(strstr(shown(screen, &out), " filter: nginx"));
    assert_non_null(strstr(shown(screen, &out), "type over it"));
    type(screen, "\x05 cpu>1\rf"); /* Ctrl-E: to the end, and on */
    assert_non_null(strstr(shown(screen, &out), " filter: nginx cpu>1"));
    type(screen, "beam\rf");
    assert_non_null(strstr(shown(screen, &out), " filter: beam  "));
    type(screen, "\x15\r/worker\r/");
    assert_non_null(strstr(shown(screen, &out), " search: worker"));
    buf_done(&out);
    screen_close(screen);
    free(screen);
}

static void
test_app__arguments_are_completed(void **state)
{
    (void)state;
    static const struct {
        const char *typed, *shows;
    } rows[] = {
        {":view pro\t", " command: view processes"},
        {":theme li\t", " command: theme light"},
        {":span \t", "1m 5m 10m 1h 6h 24h 7d"},
        {":sort.set wr\t", " command: sort.set WRITE"},
        {":keymap v\t", " command: keymap vim"},
        {":interval 2\t", "250ms 2s"},
        {":span\r2\t", "): 24h"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct screen *screen = calloc(1, sizeof(*screen));
        struct buf out;
        buf_init(&out, 1 << 20);
        screen_open(screen, &(struct app_options){.view = 3});
        canvas_resize(&screen->canvas, 100, 30);
        type(screen, rows[i].typed);
        assert_non_null(strstr(shown(screen, &out), rows[i].shows));
        buf_done(&out);
        screen_close(screen);
        free(screen);
    }
}

static void
test_app__views_have_names_and_spans_say_what_they_became(void **state)
{
    (void)state;
    struct screen *screen = calloc(1, sizeof(*screen));
    struct buf out;
    buf_init(&out, 1 << 20);
    screen_open(screen, &(struct app_options){.view = 1});
    canvas_resize(&screen->canvas, 100, 30);
    app_command(screen->app, "view processes");
    assert_non_null(strstr(shown(screen, &out), "COMMAND"));
    app_command(screen->app, "view beam");
    assert_non_null(strstr(shown(screen, &out), "No Erlang node"));
    app_command(screen->app, "view nothing");
    assert_non_null(strstr(shown(screen, &out), "view “nothing”"));
    app_command(screen->app, "span 3m");
    assert_non_null(strstr(shown(screen, &out), "span 5 min: the nearest to 3m"));
    buf_done(&out);
    screen_close(screen);
    free(screen);
}

static int
count_saves(void *context, const struct picture *picture, const char *path, char *why,
            size_t why_size)
{
    (void)picture;
    (void)why;
    (void)why_size;
    char *last = context;
    strlcpy(last, path, 256);
    return 0;
}

static void
test_app__saving_asks_before_it_writes_over(void **state)
{
    (void)state;
    struct screen *screen = calloc(1, sizeof(*screen));
    struct buf out;
    char last[256] = "", path[] = "/tmp/flametop-test-XXXXXX", command[300];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    buf_init(&out, 1 << 20);
    screen_open(screen,
                &(struct app_options){.view = 3, .save = count_saves, .save_context = last});
    canvas_resize(&screen->canvas, 100, 30);
    snprintf(command, sizeof(command), "save %s", path);
    app_command(screen->app, command);
    assert_non_null(strstr(shown(screen, &out), "is there already: write over it?"));
    type(screen, "n");
    assert_string_equal(last, "");
    app_command(screen->app, command);
    type(screen, "y");
    assert_string_equal(last, path);
    setenv("HOME", "/nowhere", 1);
    app_command(screen->app, "save ~/x.json");
    assert_string_equal(last, "/nowhere/x.json");
    close(fd);
    unlink(path);
    buf_done(&out);
    screen_close(screen);
    free(screen);
}

static void
test_plain__says_what_changed(void **state)
{
    (void)state;
    struct fake *before = calloc(1, sizeof(*before)), *now = calloc(1, sizeof(*now));
    struct buf out;
    buf_init(&out, 1 << 16);
    fake_init(before);
    fake_init(now);
    fake_finding(before, LEVEL_WARNING, 40, "memory\x1b[2J low", NULL);
    plain_changes("", NULL, before->picture, &out);
    assert_string_equal(out.data, "14:02:31 warning: memory?[2J low\n");
    buf_clear(&out);
    plain_changes("", before->picture, before->picture, &out);
    assert_int_equal(out.n, 0);
    plain_changes("", before->picture, now->picture, &out);
    assert_non_null(strstr(out.data, "over: memory"));
    assert_non_null(strstr(out.data, "nothing unusual"));
    buf_clear(&out);
    before->picture->finding_count = 0;
    before->picture->looked_at = ""; /* the first picture: nothing to compare yet */
    plain_changes("", NULL, before->picture, &out);
    assert_int_equal(out.n, 0);
    plain_changes("", before->picture, now->picture, &out);
    assert_non_null(strstr(out.data, "nothing unusual"));
    buf_done(&out);
    fake_done(before);
    fake_done(now);
    free(before);
    free(now);
}

/* The charts show what there is until the span is reached, and the header says both. */
static void
test_app__span_grows_with_the_history(void **state)
{
    (void)state;
    static const struct {
        int64_t history_s;
        const char *said;
    } rows[] = {{0, "span 1 min of 10 min "},  {60, "span 1 min of 10 min "},
                {61, "span 2 min of 10 min "}, {299, "span 5 min of 10 min "},
                {301, "span 10 min "},         {9000, "span 10 min "}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct screen *screen = calloc(1, sizeof(*screen));
        struct buf out;
        buf_init(&out, 1 << 20);
        screen_open(screen, &(struct app_options){.view = 3});
        struct picture *picture = screen->fake.picture;
        picture->tracks[0].head->mono_ns[0] = picture->mono_ns - rows[i].history_s * NS_PER_S;
        canvas_resize(&screen->canvas, 120, 40);
        assert_non_null(strstr(shown(screen, &out), rows[i].said));
        screen_close(screen);
        buf_done(&out);
        free(screen);
    }
}

/* Where no panel is drawn, none takes a click. */
static void
test_app__small_screens_take_no_clicks(void **state)
{
    (void)state;
    struct screen *screen = calloc(1, sizeof(*screen));
    struct buf before, after;
    buf_init(&before, 1 << 20);
    buf_init(&after, 1 << 20);
    screen_open(screen, &(struct app_options){.view = 3});
    canvas_resize(&screen->canvas, 80, 24);
    press(screen, 'x');
    shown(screen, &before);
    canvas_dump_styles(&screen->canvas, &before);
    canvas_resize(&screen->canvas, 23, 11);
    app_draw(screen->app, &screen->canvas);
    struct term_event click = {.key = TERM_MOUSE, .button = TERM_CLICK, .x = 5, .y = 9};
    app_key(screen->app, &click);
    canvas_resize(&screen->canvas, 80, 24);
    shown(screen, &after);
    canvas_dump_styles(&screen->canvas, &after);
    assert_string_equal(after.data, before.data);
    screen_close(screen);
    buf_done(&before);
    buf_done(&after);
    free(screen);
}

/* The evidence stays with its finding when another becomes worse, and says when it is over. */
static void
test_app__evidence_keeps_its_subject(void **state)
{
    (void)state;
    struct screen *screen = calloc(1, sizeof(*screen));
    struct buf out;
    buf_init(&out, 1 << 20);
    screen_open(screen, &(struct app_options){.view = 3});
    canvas_resize(&screen->canvas, 120, 40);
    press(screen, '!');
    struct picture *picture = screen->fake.picture;
    struct finding first = picture->findings[0];
    picture->findings[0] = picture->findings[1];
    picture->findings[1] = first;
    app_set_picture(screen->app, picture);
    assert_non_null(strstr(shown(screen, &out), "87 of 100"));
    picture->finding_count = 1;
    app_set_picture(screen->app, picture);
    shown(screen, &out);
    assert_null(strstr(out.data, "of 100"));
    assert_non_null(strstr(out.data, "over"));
    screen_close(screen);
    buf_done(&out);
    free(screen);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_app__overlay_keeps_keys_from_what_is_behind),
        cmocka_unit_test(test_app__golden),
        cmocka_unit_test(test_app__help_is_readable_whole),
        cmocka_unit_test(test_app__golden_small),
        cmocka_unit_test(test_app__golden_styles_and_ascii),
        cmocka_unit_test(test_app__any_size_and_key),
        cmocka_unit_test(test_app__span_grows_with_the_history),
        cmocka_unit_test(test_app__small_screens_take_no_clicks),
        cmocka_unit_test(test_app__evidence_keeps_its_subject),
        cmocka_unit_test(test_app__evidence_says_when_there_is_none_yet),
        cmocka_unit_test(test_app__offers_what_opens_charts),
        cmocka_unit_test(test_app__columns_are_readable_whole),
        cmocka_unit_test(test_app__readonly_has_no_signals),
        cmocka_unit_test(test_app__filter_from_the_start),
        cmocka_unit_test(test_app__prompts_begin_with_what_is_in_force),
        cmocka_unit_test(test_app__arguments_are_completed),
        cmocka_unit_test(test_app__views_have_names_and_spans_say_what_they_became),
        cmocka_unit_test(test_app__saving_asks_before_it_writes_over),
        cmocka_unit_test(test_plain__says_what_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
