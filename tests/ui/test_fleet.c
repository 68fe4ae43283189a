/* Several targets: the fleet's table, opening one and coming back. */
#include "../check.h"

#include <math.h>

#include "flametop/base/buf.h"
#include "flametop/core/instance.h"
#include "flametop/core/link.h"
#include "flametop/ui/app.h"
#include "fake_picture.h"
#include "golden.h"

#define OUR_NS (INT64_C(5000) * NS_PER_S)
#define TARGETS_MAX 40

static const struct metric metrics[] = {
    {.name = "system.cpu.utilization", .unit = "1", .labels = "", .text = "CPU."},
    {.name = "system.memory.utilization", .unit = "1", .labels = "", .text = "Memory."},
    {.name = "system.disk.utilization", .unit = "1", .labels = "", .text = "Disk."},
    {.name = "system.network.io", .unit = "By/s", .labels = "", .text = "Network."},
    {.name = "request.duration.p95", .unit = "s", .labels = "", .text = "Requests."},
};

struct fleet {
    struct catalog *catalog;
    struct fake fakes[TARGETS_MAX];
    struct link_status links[TARGETS_MAX];
    char names[TARGETS_MAX][24], addresses[TARGETS_MAX][40];
    size_t count;
    struct instant now;
    struct clock clock;
    struct app *app;
    struct canvas canvas;
    struct buf out;
};

static struct instant
fixed(void *context)
{
    return *(const struct instant *)context;
}

/* A machine that works: a little different from the others, as machines are. */
static void
make(struct fleet *fleet, size_t i, double cpu, bool requests)
{
    struct fake *fake = &fleet->fakes[i];
    fake_init(fake);
    catalog_free(fake->catalog);
    fake->catalog = fake->picture->catalog = fleet->catalog;
    double own = (double)(i * 7 % 11);
    fake_series(fake, metrics[0].name, "", fake_constant, cpu, 0);
    fake_series(fake, metrics[1].name, "", fake_constant, 0.58 + own * 0.004, 0);
    fake_series(fake, metrics[2].name, "", fake_constant, 0.02 + own * 0.002, 0);
    fake_series(fake, metrics[3].name, "", fake_constant, 2.4e6 + own * 3e4, 0);
    if (requests) {
        fake_series(fake, metrics[4].name, "", fake_constant, 0.18 + own * 0.001, 0);
    }
    fake_processes(fake, 20);
    fake->picture->host.name = fleet->names[i];
    fake->picture->link = &fleet->links[i];
}

static struct fleet *
fleet_new(size_t count, int width, int height, bool requests)
{
    struct fleet *fleet = calloc(1, sizeof(*fleet));
    struct app_target targets[TARGETS_MAX];
    fleet->catalog = catalog_new(10000);
    catalog_add(fleet->catalog, metrics, ARRAY_SIZE(metrics));
    fleet->count = count;
    fleet->now = (struct instant){.mono_ns = OUR_NS, .wall_ns = FAKE_WALL_NS};
    fleet->clock = (struct clock){fixed, &fleet->now};
    for (size_t i = 0; i < count; i++) {
        snprintf(fleet->names[i], sizeof(fleet->names[i]), "web-%02zu", i + 1);
        snprintf(fleet->addresses[i], sizeof(fleet->addresses[i]), "http://web-%02zu:7711", i + 1);
        fleet->links[i] = (struct link_status){.state = LINK_LIVE,
                                               .target = fleet->addresses[i],
                                               .kind = "agent",
                                               .why = "",
                                               .heard_mono_ns = OUR_NS};
        make(fleet, i, i == 6 ? 0.97 : 0.2 + (double)(i % 5) * 0.01, requests);
        targets[i] = (struct app_target){NULL, fleet->names[i]};
    }
    fleet->app = app_new(&(struct app_options){.catalog = fleet->catalog, .clock = &fleet->clock});
    assert_true(app_set_targets(fleet->app, targets, count));
    canvas_init(&fleet->canvas);
    canvas_resize(&fleet->canvas, width, height);
    buf_init(&fleet->out, 1 << 20);
    return fleet;
}

static void
fleet_free(struct fleet *fleet)
{
    app_free(fleet->app);
    canvas_done(&fleet->canvas);
    buf_done(&fleet->out);
    for (size_t i = 0; i < fleet->count; i++) {
        picture_release(fleet->fakes[i].picture);
    }
    catalog_free(fleet->catalog);
    free(fleet);
}

static void
come(struct fleet *fleet, size_t i)
{
    app_set_target_picture(fleet->app, i, fake_picture(&fleet->fakes[i]));
}

static void
come_all(struct fleet *fleet)
{
    for (size_t i = 0; i < fleet->count; i++) {
        come(fleet, i);
    }
}

/* The same picture once more, with another state of the link. */
static void
turn(struct fleet *fleet, size_t i, enum link_state state, const char *why, int64_t retry_s)
{
    fleet->links[i].state = state;
    fleet->links[i].why = why;
    fleet->links[i].retry_mono_ns = retry_s > 0 ? fleet->now.mono_ns + retry_s * NS_PER_S : 0;
    app_set_target_picture(fleet->app, i, fleet->fakes[i].picture);
}

static char *
shown(struct fleet *fleet)
{
    app_draw(fleet->app, &fleet->canvas);
    buf_clear(&fleet->out);
    canvas_dump(&fleet->canvas, &fleet->out);
    assert_non_null(fleet->out.data);
    return fleet->out.data;
}

static void
press(struct fleet *fleet, int32_t key)
{
    struct term_event event = {.key = key};
    shown(fleet);
    app_key(fleet->app, &event);
}

/* The n-th row of the screen. */
static const char *
row(struct fleet *fleet, int n)
{
    static char line[1024];
    const char *text = shown(fleet);
    while (n-- > 0) {
        text = strchr(text, '\n') + 1;
    }
    snprintf(line, sizeof(line), "%.*s", (int)strcspn(text, "\n"), text);
    return line;
}

static void
assert_has(const char *text, const char *part)
{
    assert_non_null(text);
    assert_non_null(part);
    if (strstr(text, part) == NULL) {
        fail_msg("“%s” is not in:\n%s", part, text);
    }
}

static void
assert_lacks(const char *text, const char *part)
{
    assert_non_null(text);
    assert_non_null(part);
    if (strstr(text, part) != NULL) {
        fail_msg("“%s” is in:\n%s", part, text);
    }
}

static void
test_fleet__golden(void **state)
{
    (void)state;
    static const struct {
        int width, height;
    } sizes[] = {{12, 3}, {40, 12}, {80, 24}, {120, 40}, {200, 50}};
    for (size_t s = 0; s < ARRAY_SIZE(sizes); s++) {
        struct fleet *fleet = fleet_new(40, sizes[s].width, sizes[s].height, s == 4);
        fake_finding(&fleet->fakes[20], LEVEL_CRITICAL, 87,
                     "disk nvme0n1 98 % busy, 41 % of tasks wait for it; beam.smp (812) writes 310 "
                     "MB/s",
                     "nvme0n1 98 % busy; beam.smp (812) writes 310 MB/s");
        fake_finding(&fleet->fakes[11], LEVEL_WARNING, 40, "memory 91 % used and rising", NULL);
        for (size_t i = 0; i < 38; i++) {
            come(fleet, i);
        }
        fleet->now.mono_ns += 12 * NS_PER_S;
        for (size_t i = 0; i < 37; i++) {
            fleet->links[i].heard_mono_ns = fleet->now.mono_ns;
        }
        turn(fleet, 37, LINK_LOST, "no answer", 4);
        fleet->links[38].heard_mono_ns = fleet->links[39].heard_mono_ns = 0;
        fleet->links[38].state = LINK_REFUSED;
        fleet->links[38].why = "the token is not the right one";
        fleet->links[39].state = LINK_CONNECTING;
        come(fleet, 38);
        come(fleet, 39);
        char name[64];
        snprintf(name, sizeof(name), "fleet-%dx%d", sizes[s].width, sizes[s].height);
        shown(fleet);
        golden_text(name, &fleet->out);
        fleet_free(fleet);
    }
}

static void
test_fleet__opens_a_target_and_comes_back(void **state)
{
    (void)state;
    struct fleet *fleet = fleet_new(5, 120, 40, false);
    come_all(fleet);
    assert_has(row(fleet, 0), "5 targets · 5 live");
    press(fleet, 'j');
    press(fleet, 'j');
    press(fleet, '3');
    assert_has(row(fleet, 0), "web-03");
    assert_has(shown(fleet), "beam.smp");
    press(fleet, ' '); /* its own pause */
    assert_has(row(fleet, 0), "‖");
    press(fleet, '0');
    assert_has(row(fleet, 0), "5 targets");
    press(fleet, 'k');
    press(fleet, '\r');
    assert_has(row(fleet, 0), "web-02");
    assert_lacks(row(fleet, 0), "‖");
    press(fleet, 0x1B);
    press(fleet, 'j');
    press(fleet, '\r');
    assert_has(row(fleet, 0), "‖");
    press(fleet, 'q');
    assert_has(row(fleet, 0), "5 targets");
    app_command(fleet->app, "target web-05");
    assert_has(row(fleet, 0), "web-05");
    app_command(fleet->app, "target web-9");
    assert_has(shown(fleet), "no target is named web-9");
    fleet_free(fleet);
}

/* What was asked about one target is not answered by another. */
static void
test_fleet__a_question_stays_with_its_target(void **state)
{
    (void)state;
    struct fleet *fleet = fleet_new(3, 120, 40, false);
    come_all(fleet);
    fleet->links[0].may_change = true;
    app_command(fleet->app, "target web-01");
    press(fleet, '3');
    shown(fleet);
    app_command(fleet->app, "process.signal TERM");
    assert_has(shown(fleet), "Send TERM to");
    app_command(fleet->app, "target web-02");
    assert_lacks(shown(fleet), "Send TERM to");
    press(fleet, 'y');
    assert_lacks(shown(fleet), "TERM");
    fleet_free(fleet);
}

/* What the link of one could do is asked where that one is looked at, and not among all. */
static void
test_fleet__an_offer_waits_until_its_target_is_opened(void **state)
{
    (void)state;
    struct fleet *fleet = fleet_new(3, 120, 40, false);
    fleet->links[1].offer = "copy flametop to web-02?";
    come_all(fleet);
    assert_lacks(shown(fleet), "copy flametop");
    app_command(fleet->app, "target web-02");
    assert_has(shown(fleet), "copy flametop to web-02?");
    press(fleet, 'n');
    fleet->fakes[1].picture->number++;
    app_set_target_picture(fleet->app, 1, fleet->fakes[1].picture);
    assert_lacks(shown(fleet), "copy flametop");
    fleet_free(fleet);
}

static void
test_fleet__worst_first(void **state)
{
    (void)state;
    struct fleet *fleet = fleet_new(5, 120, 40, false);
    fake_finding(&fleet->fakes[3], LEVEL_WARNING, 40, "memory 91 % used", NULL);
    fake_finding(&fleet->fakes[1], LEVEL_CRITICAL, 60, "disk sda 98 % busy", NULL);
    come_all(fleet);
    assert_has(row(fleet, 2), "web-02: disk sda 98 % busy");
    assert_has(row(fleet, 4), "web-02");
    assert_has(row(fleet, 5), "web-04");
    assert_has(row(fleet, 6), "web-01");
    fleet->now.mono_ns += 5 * NS_PER_S;
    turn(fleet, 4, LINK_LOST, "no answer", 2);
    assert_has(row(fleet, 4), "web-05");
    assert_has(row(fleet, 4), "lost 5 s ago: no answer; trying again in 2 s");
    assert_has(row(fleet, 0), "4 live, 1 lost");
    fleet->now.mono_ns += NS_PER_S; /* the age goes on without pictures */
    assert_has(row(fleet, 4), "lost 6 s ago");
    fleet_free(fleet);
}

/* What is wrong with the machine below it is the machine's. */
static void
test_fleet__a_node_is_judged_as_a_node(void **state)
{
    (void)state;
    struct fleet *fleet = fleet_new(3, 120, 40, false);
    for (size_t i = 0; i < 2; i++) {
        fleet->links[i].kind = "beam";
        fake_finding(&fleet->fakes[i], LEVEL_CRITICAL, 90, "disk sda 98 % busy", NULL);
    }
    fake_finding(&fleet->fakes[1], LEVEL_WARNING, 50, "messages wait for slow_worker", NULL);
    fleet->fakes[1].picture->findings[1].id = "beam.mailbox:slow_worker";
    come_all(fleet);
    char *text = shown(fleet);
    assert_has(text, "messages wait for slow_worker");
    assert_lacks(text, "disk sda 98 % busy");
    press(fleet, '\r'); /* what is told of nodes */
    assert_has(shown(fleet), "This view needs the node itself");
    fleet_free(fleet);
}

static void
test_fleet__marks_the_odd_one_and_leaves_out_empty_columns(void **state)
{
    (void)state;
    struct fleet *fleet = fleet_new(8, 120, 40, false);
    come_all(fleet);
    char *text = shown(fleet);
    assert_has(text, "↑97.0 %");
    assert_lacks(text, "P95");
    assert_lacks(text, "ERR");
    assert_lacks(text, "↓");
    press(fleet, 'f');
    for (const char *c = "odd>0\r"; *c != '\0'; c++) {
        press(fleet, *c);
    }
    text = shown(fleet);
    assert_has(text, "1 of 8");
    assert_has(text, "web-07");
    assert_lacks(text, "web-06");
    fleet_free(fleet);
    fleet = fleet_new(8, 120, 40, true);
    come_all(fleet);
    assert_has(shown(fleet), "P95");
    assert_lacks(shown(fleet), "ERR");
    fleet_free(fleet);
}

static void
test_fleet__refuses_what_is_of_one_target(void **state)
{
    (void)state;
    struct fleet *fleet = fleet_new(3, 120, 40, false);
    come_all(fleet);
    press(fleet, '[');
    assert_has(shown(fleet), "each target has its own past");
    app_command(fleet->app, "save x.json");
    assert_has(shown(fleet), "a snapshot is of one target");
    fleet_free(fleet);
}

static void
test_fleet__sorts_searches_and_chooses_columns(void **state)
{
    (void)state;
    struct fleet *fleet = fleet_new(8, 120, 40, false);
    come_all(fleet);
    press(fleet, '>');
    assert_has(row(fleet, 3), "▼CPU");
    assert_has(row(fleet, 4), "web-07");
    press(fleet, 'I');
    assert_has(row(fleet, 3), "▲CPU");
    assert_has(row(fleet, 4), "web-01");
    press(fleet, '<');
    assert_has(row(fleet, 3), "LEVEL");
    press(fleet, '/');
    for (const char *c = "web-06\r\r"; *c != '\0'; c++) { /* found, and opened */
        press(fleet, *c);
    }
    assert_has(row(fleet, 0), "web-06");
    press(fleet, '0');
    app_command(fleet->app, "columns NET");
    assert_lacks(row(fleet, 3), "NET");
    fleet_free(fleet);
}

/* ---- the instances of one server ---- */

struct server {
    struct fleet *fleet;
    struct arena arena;
    struct table *table;
    size_t opened;
};

static void
instance(struct server *server, const char *name, int64_t up, double cpu)
{
    union cell *cells = table_add(server->table, &server->arena);
    cells[INSTANCE_NAME].text = name;
    cells[INSTANCE_UP].integer = up;
    cells[INSTANCE_AGE].real = up == 1 ? 7 : NAN;
    cells[INSTANCE_CPU].real = cpu;
    cells[INSTANCE_MEMORY].real = up == 1 ? 0.4 : NAN;
    server->table->total++;
}

static struct engine *
open_instance(void *context, const char *name, char *why, size_t why_size)
{
    struct server *server = context;
    struct collector *collector =
        collector_new(&(struct collector_options){.catalog = server->fleet->catalog,
                                                  .clock = clock_system,
                                                  .interval_ns = NS_PER_S,
                                                  .target = name});
    struct engine_options options = {
        .collector = collector, .catalog = server->fleet->catalog, .interval_ns = NS_PER_S};
    server->opened++;
    if (strcmp(name, "db-01:9100") == 0) {
        collector_free(collector);
        snprintf(why, why_size, "the server has nothing of it");
        return NULL;
    }
    return engine_new(&options, why, why_size);
}

static struct server *
server_new(void)
{
    struct server *server = calloc(1, sizeof(*server));
    struct fleet *fleet = server->fleet = fleet_new(1, 120, 40, false);
    app_free(fleet->app);
    catalog_set_thresholds(fleet->catalog, &metrics[0], 0.8, 0.95);
    fleet->app = app_new(&(struct app_options){.catalog = fleet->catalog,
                                               .clock = &fleet->clock,
                                               .open_instance = open_instance,
                                               .open_instance_context = server});
    arena_init(&server->arena, 1 << 20);
    server->table = table_new(&server->arena, &instance_table, 8);
    instance(server, "web-01:9100", 1, 0.21);
    instance(server, "web-02:9100", 1, 0.97);
    instance(server, "web-03:9100", 0, NAN);
    instance(server, "web-04:9100", 1, 0.22);
    instance(server, "web-05:9100", CELL_UNKNOWN, NAN);
    instance(server, "db-01:9100", 1, 0.20);
    instance(server, "web-06:9100", 1, 0.22);
    instance(server, "web-07:9100", 1, 0.20);
    table_row(server->table, 2)[INSTANCE_WHY].text = "connection refused\x1b[2J";
    table_row(server->table, 3)[INSTANCE_LEVEL].integer = LEVEL_WARNING;
    table_row(server->table, 3)[INSTANCE_TEXT].text = "DiskWillFill for 10 m";
    table_row(server->table, 3)[INSTANCE_CPU].real = 0.82;
    fleet->fakes[0].tables[1] = server->table;
    fleet->links[0].kind = "prometheus";
    struct picture *picture = fake_picture(&fleet->fakes[0]);
    picture->tables = fleet->fakes[0].tables;
    picture->table_count = 2;
    app_set_picture(fleet->app, picture);
    return server;
}

static void
server_free(struct server *server)
{
    fleet_free(server->fleet);
    arena_done(&server->arena);
    free(server);
}

static void
test_fleet__of_instances(void **state)
{
    (void)state;
    struct server *server = server_new();
    struct fleet *fleet = server->fleet;
    assert_has(row(fleet, 0), "8 instances · 6 up, 1 down, 1 not read");
    golden_text("fleet-instances-120x40", &fleet->out);
    assert_has(row(fleet, 4), "web-03:9100");
    assert_has(row(fleet, 4), "down: connection refused?[2J");
    assert_has(row(fleet, 5), "web-02:9100");
    assert_has(row(fleet, 5), "CPU 97 %");
    assert_has(row(fleet, 6), "DiskWillFill for 10 m; CPU 82 %");
    assert_has(row(fleet, 7), "not read yet");
    assert_has(row(fleet, 8), "nothing above its thresholds");
    assert_has(row(fleet, 2), "web-03:9100: down");
    app_command(fleet->app, "filter.set odd>0");
    assert_has(row(fleet, 5), "↑97.0 %");
    server_free(server);
}

static void
test_fleet__opens_an_instance_and_comes_back(void **state)
{
    (void)state;
    struct server *server = server_new();
    struct fleet *fleet = server->fleet;
    press(fleet, 'j');
    press(fleet, '\r');
    assert_int_equal(server->opened, 1);
    assert_has(shown(fleet), "web-02:9100");
    assert_has(shown(fleet), "connecting");
    press(fleet, '0');
    assert_has(row(fleet, 0), "8 instances");
    press(fleet, '3'); /* the same again: what is open stays open */
    assert_int_equal(server->opened, 1);
    assert_has(row(fleet, 0), "web-02:9100");
    app_command(fleet->app, "target web-04");
    assert_int_equal(server->opened, 2);
    assert_has(row(fleet, 0), "web-04:9100");
    app_command(fleet->app, "target db-01");
    assert_has(shown(fleet), "db-01:9100: the server has nothing of it");
    app_command(fleet->app, "target http://web-01:7711"); /* the server itself */
    assert_has(shown(fleet), "beam.smp");
    app_command(fleet->app, "target web-0");
    assert_has(shown(fleet), "no target is named web-0");
    server_free(server);
}

/* Without the server nobody knows how its instances are. */
static void
test_fleet__of_a_lost_server(void **state)
{
    (void)state;
    struct server *server = server_new();
    struct fleet *fleet = server->fleet;
    shown(fleet);
    fleet->now.mono_ns += 5 * NS_PER_S;
    fleet->links[0].state = LINK_LOST;
    char *why = strdup("no answer"); /* as long as the server's picture, and no longer */
    fleet->links[0].why = fleet->links[0].offer = why;
    app_set_picture(fleet->app, fleet->fakes[0].picture);
    assert_has(row(fleet, 2), "lost 5 s ago: no answer");
    fleet->links[0].why = "";
    fleet->links[0].offer = NULL;
    free(why);
    fleet->now.mono_ns += NS_PER_S;
    assert_has(shown(fleet), "web-02:9100");
    server_free(server);
}

static void
test_fleet__any_size_and_key(void **state)
{
    (void)state;
    static const char keys[] =
        "0123456789!?\x1bjkgG\r+-<>ICwW[]{} rfx\r/s\rnN,.\tq:target web-02\r";
    struct fleet *fleet = fleet_new(4, 80, 24, false);
    unsigned seed = 3;
    for (int i = 0; i < 400; i++) {
        seed = seed * 1103515245u + 12345u;
        canvas_resize(&fleet->canvas, (int)(seed >> 16) % 200, (int)(seed >> 8) % 60);
        if (i % 20 < 4 && i < 20) {
            come(fleet, (size_t)i % 20);
        }
        press(fleet, keys[(seed >> 12) % (sizeof(keys) - 1)]);
        fleet->now.mono_ns += 300 * NS_PER_MS;
        shown(fleet);
    }
    fleet_free(fleet);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fleet__golden),
        cmocka_unit_test(test_fleet__opens_a_target_and_comes_back),
        cmocka_unit_test(test_fleet__a_question_stays_with_its_target),
        cmocka_unit_test(test_fleet__an_offer_waits_until_its_target_is_opened),
        cmocka_unit_test(test_fleet__worst_first),
        cmocka_unit_test(test_fleet__a_node_is_judged_as_a_node),
        cmocka_unit_test(test_fleet__marks_the_odd_one_and_leaves_out_empty_columns),
        cmocka_unit_test(test_fleet__refuses_what_is_of_one_target),
        cmocka_unit_test(test_fleet__sorts_searches_and_chooses_columns),
        cmocka_unit_test(test_fleet__of_instances),
        cmocka_unit_test(test_fleet__opens_an_instance_and_comes_back),
        cmocka_unit_test(test_fleet__of_a_lost_server),
        cmocka_unit_test(test_fleet__any_size_and_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
