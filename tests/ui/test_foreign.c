/* The screen of a server that is no machine: cards of what tells most, its tables, and sentences
 * where other views have nothing. */
#include "../check.h"

#include "flametop/base/buf.h"
#include "flametop/core/link.h"
#include "flametop/ui/app.h"
#include "flametop/ui/term.h"
#include "fake_picture.h"
#include "golden.h"

static const struct metric metrics[] = {
    {.name = "json.queue.depth", .unit = "", .labels = "pointer", .text = "A number."},
    {.name = "json.http.requests",
     .unit = "",
     .labels = "pointer",
     .kind = METRIC_COUNTER,
     .text = "A number."},
    {.name = "json.http.latency", .unit = "s", .labels = "pointer", .text = "A number."},
    {.name = "json.pools.busy", .unit = "", .labels = "pointer", .text = "A number."},
    {.name = "json.config.port", .unit = "", .labels = "pointer", .text = "A number."},
    {.name = "system.memory.limit", .unit = "By", .labels = "", .text = "Memory there is."},
};

static const struct column pool_columns[] = {
    {"json.pools.name", "NAME", "", "A member.", COLUMN_TEXT, COLUMN_KEY, 24},
    {"json.pools.busy", "BUSY", "", "A member.", COLUMN_REAL, COLUMN_RANK, 10},
};
static const struct table_def pools = {
    .name = "json.pools", .title = "pools", .text = "Rows.", .columns = pool_columns, 2, 1, 8};
static const struct column job_columns[] = {
    {"json.jobs.id", "ID", "", "A member.", COLUMN_INTEGER, COLUMN_KEY, 10},
    {"json.jobs.state", "STATE", "", "A member.", COLUMN_TEXT, 0, 14},
};
static const struct table_def jobs = {
    .name = "json.jobs", .title = "jobs", .text = "Rows.", .columns = job_columns, 2, 0, 8};

static double
saw(size_t tick, double a, double b)
{
    return b + a * (double)(tick % 5);
}

struct screen {
    struct fake fake;
    struct link_status link;
    struct app *app;
    struct canvas canvas;
    struct buf out;
};

static void
add_tables(struct fake *fake)
{
    static const char *const names[] = {"db", "http", "mail\xcc\x81"};
    struct arena *arena = &fake->picture->arena;
    struct table *table = fake_table(fake, &pools);
    for (int i = 0; i < 3; i++) {
        union cell *row = table_add(table, arena);
        row[0].text = names[i];
        row[1].real = 3 * i + 1;
    }
    table->total = 3;
    table = fake_table(fake, &jobs);
    for (int i = 0; i < 12; i++) {
        union cell *row = table_add(table, arena);
        row[0].integer = 100 + i;
        row[1].text = i % 3 == 0 ? "waits" : "runs";
    }
    table->total = 40;
}

static struct screen *
screen_new(int width, int height, bool tables)
{
    struct screen *screen = calloc(1, sizeof(*screen));
    struct fake *fake = &screen->fake;
    fake_init(fake);
    fake_metrics(fake, metrics, ARRAY_SIZE(metrics));
    fake_series(fake, "json.queue.depth", "pointer=/queue/depth", saw, 3, 1);
    fake_series(fake, "json.http.requests", "pointer=/http/requests_total", fake_counter, 70, 0);
    fake_series(fake, "json.http.latency", "pointer=/http/latency_ms", fake_wave, 0.02, 0.005);
    fake_series(fake, "json.pools.busy", "pointer=/pools/db/busy", saw, 1, 3);
    fake_series(fake, "json.pools.busy", "pointer=/pools/mail/busy", saw, 2, 1);
    fake_series(fake, "json.config.port", "pointer=/config/port", fake_constant, 8080, 0);
    if (tables) {
        add_tables(fake);
    }
    screen->link = (struct link_status){.state = LINK_LIVE,
                                        .target = "http://shop:8080",
                                        .kind = "json",
                                        .why = "",
                                        .heard_mono_ns = FAKE_MONO_NS};
    struct picture *picture = fake_picture(fake);
    picture->host =
        (struct host){.name = "shop:8080", .system = "json", .kernel = "", .virtualization = ""};
    picture->looked_at = "";
    picture->not_looked_at = "its machine";
    picture->link = &screen->link;
    screen->app = app_new(&(struct app_options){.catalog = fake->catalog, .view = 1});
    struct app_target target = {NULL, "http://shop:8080"};
    assert_true(app_set_targets(screen->app, &target, 1));
    app_set_picture(screen->app, picture);
    canvas_init(&screen->canvas);
    canvas_resize(&screen->canvas, width, height);
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
press(struct screen *screen, int32_t key)
{
    struct term_event event = {.key = key};
    shown(screen);
    app_key(screen->app, &event);
}

static void
test_foreign__golden(void **state)
{
    static const struct {
        int width, height;
    } sizes[] = {{120, 40}, {80, 24}, {40, 12}};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        struct screen *screen = screen_new(sizes[i].width, sizes[i].height, true);
        char name[64];
        snprintf(name, sizeof(name), "foreign-%dx%d", sizes[i].width, sizes[i].height);
        shown(screen);
        golden_text(name, &screen->out);
        screen_free(screen);
    }
}

static void
test_foreign__claims_nothing_of_a_machine(void **state)
{
    static const char *const absent[] = {"CPU",  "Memory",    "Disk", "Network",
                                         "core", "looked at", " up "};
    (void)state;
    struct screen *screen = screen_new(120, 40, true);
    const char *text = shown(screen);
    for (size_t i = 0; i < ARRAY_SIZE(absent); i++) {
        if (strstr(text, absent[i]) != NULL) {
            fail_msg("%s is shown:\n%s", absent[i], text);
        }
    }
    assert_non_null(strstr(text, "nothing is judged: json has no thresholds"));
    screen->fake.picture->thresholds = 1; /* and something is seen, too short to be said */
    screen->fake.picture->number++;
    text = shown(screen);
    assert_null(strstr(text, "nothing is judged"));
    assert_non_null(strstr(text, "looking at the thresholds"));
    screen_free(screen);
}

static void
test_foreign__empty_views_say_what_they_need(void **state)
{
    static const struct {
        int32_t key;
        const char *words;
    } cases[] = {{'2', "(json) tells nothing of the machine it runs on."},
                 {'3', "tells of no processes."},
                 {'4', "Erlang node"},
                 {'5', "no single requests"},
                 {'6', "collects no stacks"},
                 {'8', "brings no thresholds"}};
    (void)state;
    struct screen *screen = screen_new(120, 40, true);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        press(screen, cases[i].key);
        if (strstr(shown(screen), cases[i].words) == NULL) {
            fail_msg("%c:\n%s", (char)cases[i].key, shown(screen));
        }
    }
    screen->link.kind = "agent"; /* has its own words */
    press(screen, '2');
    assert_null(strstr(shown(screen), "tells nothing"));
    screen_free(screen);
}

static void
test_foreign__tables_are_chosen_by_page(void **state)
{
    (void)state;
    struct screen *screen = screen_new(80, 24, true);
    assert_non_null(strstr(shown(screen), "BUSY"));
    press(screen, '.');
    const char *text = shown(screen);
    assert_null(strstr(text, "BUSY"));
    assert_non_null(strstr(text, "jobs 12 of 40"));
    assert_non_null(strstr(text, "STATE"));
    press(screen, ',');
    assert_non_null(strstr(shown(screen), "BUSY"));
    screen_free(screen);
}

static void
test_foreign__without_tables_lists_its_metrics(void **state)
{
    (void)state;
    struct screen *screen = screen_new(120, 40, false);
    assert_non_null(strstr(shown(screen), "pointer=/config/port"));
    screen_free(screen);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_foreign__golden),
        cmocka_unit_test(test_foreign__claims_nothing_of_a_machine),
        cmocka_unit_test(test_foreign__empty_views_say_what_they_need),
        cmocka_unit_test(test_foreign__tables_are_chosen_by_page),
        cmocka_unit_test(test_foreign__without_tables_lists_its_metrics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
