/* The agent on a loop of the test's own, with pictures of a collector that the test turns. */
#include "../check.h"

#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include <cjson/cJSON.h>

#include "flametop/agent/agent.h"
#include "flametop/base/file.h"
#include "flametop/base/macros.h"
#include "flametop/config/alias.h"
#include "flametop/engine/collector.h"
#include "flametop/net/websocket.h"

#define TURNS 4000 /* of the loop, a millisecond each, before a test gives up */
#define TOKEN "a-token-for-reading"
#define CHANGE "a-token-for-changes"
#define HOST "Host: localhost\r\n"

static const struct metric metrics[] = {
    {.name = "system.cpu.utilization",
     .unit = "1",
     .labels = "",
     .text = "",
     .warning = 0.8,
     .critical = 0.9},
    {.name = "t.bytes", .unit = "By", .labels = "device", .kind = METRIC_COUNTER, .text = ""},
};
static const struct column columns[] = {
    {"row.id", "ID", "", "", COLUMN_INTEGER, COLUMN_KEY, 6},
    {"row.name", "NAME", "", "", COLUMN_TEXT, COLUMN_KEEP, 10},
    {"row.load", "LOAD", "1", "", COLUMN_REAL, COLUMN_KEEP | COLUMN_RANK, 6},
};
static const struct table_def rows = {"rows", "Rows", "", columns, ARRAY_SIZE(columns), 2, 4};
static const struct table_def *const tables[] = {&rows};

struct world {
    int64_t mono_ns;
    double level;
    int many; /* devices more */
};

static struct instant
world_now(void *context)
{
    struct world *world = context;
    int64_t wall_ns = world->mono_ns + INT64_C(1700000000) * NS_PER_S;
    return (struct instant){world->mono_ns, wall_ns, world->mono_ns};
}

static struct world world;

static int
source_open(const struct source_setup *setup, void **ret_state, char *why, size_t size)
{
    (void)setup;
    (void)why;
    (void)size;
    *ret_state = &world;
    return 0;
}

static enum source_step
source_poll(void *state, struct batch *batch)
{
    const struct world *w = state;
    double seconds = (double)w->mono_ns / 1e9;
    batch_put(batch, &metrics[0], "", w->level);
    batch_put(batch, &metrics[1], "device=a", seconds * 100);
    batch_put(batch, &metrics[1], "device=b", seconds * 300);
    for (int i = 0; i < w->many; i++) {
        batch_put(batch, &metrics[1], arena_printf(batch->arena, "device=m%d", i), seconds);
    }
    struct table *table = batch_table(batch, &rows, 8);
    for (int i = 0; i < 8; i++) {
        union cell *row = table_add(table, batch->arena);
        row[0].integer = 100 + i;
        row[1].text = i == 3 ? "\"<evil>\n" : arena_printf(batch->arena, "row-%d", i);
        row[2].real = i % 5;
    }
    return SOURCE_DONE;
}

static void
source_close(void *state)
{
    (void)state;
}

static const struct source source = {.name = "t",
                                     .text = "",
                                     .metrics = metrics,
                                     .metric_count = ARRAY_SIZE(metrics),
                                     .tables = tables,
                                     .table_count = 1,
                                     .open = source_open,
                                     .poll = source_poll,
                                     .close = source_close};
static const struct source *const sources[] = {&source};

/* Says what is wrong while the level is high. */
static void
judge(struct picture *picture, double level)
{
    static const struct evidence proof = {"busy", "95 %", "system.cpu.utilization", ""};
    static struct finding finding = {.id = "cpu.saturated",
                                     .sentence = "the CPU is \"busy\"",
                                     .since_wall_ns = 1,
                                     .impact = 90,
                                     .level = LEVEL_CRITICAL,
                                     .evidence = &proof,
                                     .evidence_count = 1};
    picture->findings = &finding;
    picture->finding_count = level > 0.9;
}

struct bench {
    uv_loop_t loop;
    struct catalog *catalog;
    struct collector *collector;
    struct agent_options options;
    void *agent;
    double dropped;
};

static void
on_report(void *context, const char *metric, const char *labels, double value)
{
    struct bench *bench = context;
    assert_true(labels[0] == '\0' || strcmp(metric, "flametop.agent.readers.dropped") == 0);
    if (strcmp(metric, "flametop.agent.updates.dropped") == 0) {
        bench->dropped = value;
    }
    collector_report(bench->collector, metric, labels, value);
}

static void
write_config(void *context, struct json *json)
{
    (void)context;
    json_key(json, "interval");
    json_text(json, "1s");
}

static void
tick(struct bench *bench, double level)
{
    world.mono_ns += NS_PER_S;
    world.level = level;
    struct picture *picture = collector_tick(bench->collector);
    judge(picture, level);
    exporter_agent.picture(bench->agent, picture);
    picture_release(picture);
}

static void
start(struct bench *bench)
{
    char why[200] = "";
    struct exporter_setup setup = {.loop = &bench->loop,
                                   .catalog = bench->catalog,
                                   .options = &bench->options,
                                   .report = on_report,
                                   .context = bench};
    if (exporter_agent.open(&setup, &bench->agent, why, sizeof(why)) != 0) {
        fail_msg("%s", why);
    }
}

static int
setup(void **state)
{
    static const char *const listen[] = {"127.0.0.1:0"};
    struct bench *bench = calloc(1, sizeof(*bench));
    uv_loop_init(&bench->loop);
    world = (struct world){.mono_ns = 1000 * NS_PER_S};
    bench->catalog = catalog_new(1000);
    alias_add_all(bench->catalog);
    struct collector_options options = {.catalog = bench->catalog,
                                        .roots = {"/proc", "/sys", "/sys/fs/cgroup"},
                                        .clock = {world_now, &world},
                                        .interval_ns = NS_PER_S,
                                        .history_bytes = 1 << 20,
                                        .sources = sources,
                                        .source_count = 1};
    bench->collector = collector_new(&options);
    assert_non_null(bench->collector);
    bench->options = (struct agent_options){.listen = listen,
                                            .listen_count = 1,
                                            .token = TOKEN,
                                            .change_token = CHANGE,
                                            .roots = {.proc = "/proc"},
                                            .write_config = write_config};
    *state = bench;
    return 0;
}

static int
teardown(void **state)
{
    struct bench *bench = *state;
    exporter_agent.close(bench->agent);
    uv_run(&bench->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&bench->loop), 0);
    collector_free(bench->collector);
    catalog_free(bench->catalog);
    free(bench);
    return 0;
}

static int
dial(struct bench *bench)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)agent_port(bench->agent, 0)),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

/* Reads until `done` says that it is enough, or the other end closes; static text. */
static struct str
hear(struct bench *bench, int fd, bool (*done)(struct str text, const char *what), const char *what)
{
    static char text[4000000];
    size_t n = 0;
    for (int i = 0; i < TURNS; i++) {
        uv_run(&bench->loop, UV_RUN_NOWAIT);
        usleep(1000);
        ssize_t got = recv(fd, text + n, sizeof(text) - 1 - n, MSG_DONTWAIT);
        n += got > 0 ? (size_t)got : 0;
        text[n] = '\0';
        if (got == 0 || (got < 0 && errno != EAGAIN) || done((struct str){text, n}, what)) {
            return (struct str){text, n};
        }
    }
    fail_msg("no \"%s\" came, but: %.300s", what, text);
    return (struct str){text, n};
}

static bool
has(struct str text, const char *what)
{
    return memmem(text.p, text.n, what, strlen(what)) != NULL;
}

static bool
is_whole(struct str text, const char *what)
{
    const char *body = strstr(text.p, "\r\n\r\n"), *length = strstr(text.p, "Content-Length: ");
    (void)what;
    return body != NULL && length != NULL &&
           text.n - (size_t)(body + 4 - text.p) >=
               strtoul(length + strlen("Content-Length: "), NULL, 10);
}

static const char *
request(struct bench *bench, const char *line, const char *more, int status)
{
    char text[2000];
    int fd = dial(bench);
    int n = snprintf(text, sizeof(text), "%s HTTP/1.1\r\n" HOST "%s\r\n", line, more);
    assert_int_equal(send(fd, text, (size_t)n, MSG_NOSIGNAL), n);
    struct str answer = hear(bench, fd, is_whole, "whole answer");
    close(fd);
    if (strtol(answer.p + strlen("HTTP/1.1 "), NULL, 10) != status) {
        fail_msg("%s was answered by\n%.600s", line, answer.p);
    }
    return strstr(answer.p, "\r\n\r\n") + 4;
}

#define READ "Authorization: Bearer " TOKEN "\r\n"

static cJSON *
ask(struct bench *bench, const char *path, int status)
{
    char line[500];
    snprintf(line, sizeof(line), "GET %s", path);
    const char *body = request(bench, line, READ, status);
    cJSON *json = cJSON_Parse(body);
    if (json == NULL) {
        fail_msg("%s is no JSON: %.200s", path, body);
    }
    return json;
}

/* "a.b.0.c" */
static const cJSON *
member(const cJSON *json, const char *path)
{
    struct str rest = str_from(path), part;
    while (json != NULL && str_until(&rest, '.', &part)) {
        char name[80];
        str_copy(part, name, sizeof(name));
        json = cJSON_IsArray(json) ? cJSON_GetArrayItem(json, (int)strtol(name, NULL, 10))
                                   : cJSON_GetObjectItemCaseSensitive(json, name);
    }
    return json;
}

static double
number(const cJSON *json, const char *path)
{
    const cJSON *value = member(json, path);
    if (!cJSON_IsNumber(value)) {
        fail_msg("%s is no number", path);
        return NAN;
    }
    return value->valuedouble;
}

static const char *
word(const cJSON *json, const char *path)
{
    const char *value = cJSON_GetStringValue(member(json, path));
    return value != NULL ? value : "(none)";
}

static void
test_routes__says_who_it_is(void **state)
{
    struct bench *bench = *state;
    start(bench);
    request(bench, "GET /healthz", "", 503);
    request(bench, "GET /api/v1/snapshot", READ, 503);
    tick(bench, 0.5);
    cJSON *hello = ask(bench, "/api/v1/hello", 200);
    assert_int_equal(strlen(word(hello, "instance")), 32);
    assert_string_equal(word(hello, "flametop"), FLAMETOP_VERSION);
    assert_true(cJSON_IsFalse(member(hello, "may_change")));
    assert_int_equal(number(hello, "interval_s"), 1);
    cJSON_Delete(hello);
    assert_non_null(strstr(request(bench, "GET /", READ, 200), "/api/v1/tables/{name}"));
}

static void
test_routes__refuses_without_tokens(void **state)
{
    struct bench *bench = *state;
    start(bench);
    tick(bench, 0.5);
    struct agent_route_text route;
    for (size_t i = 0; agent_route_text(i, &route); i++) {
        char line[200];
        snprintf(line, sizeof(line), "%s %s", route.method, route.path);
        if (route.right != RIGHT_NONE) {
            const char *body = request(bench, line, "", 401);
            assert_null(strstr(body, "system.cpu"));
        }
    }
    request(bench, "GET /no/such/route", "", 401);
    request(bench, "GET /no/such/route", READ, 404);
    request(bench, "POST /api/v1/hello", READ, 405);
    request(bench, "POST /api/v1/commands/signal", READ, 403);
    assert_true(agent_route_text(0, &route));
}

static void
test_routes__writes_snapshots(void **state)
{
    struct bench *bench = *state;
    start(bench);
    tick(bench, 0.5);
    cJSON *snapshot = ask(bench, "/api/v1/snapshot?span=1m&rows=2", 200);
    assert_non_null(member(snapshot, "tables.0.columns"));
    cJSON_Delete(snapshot);
    cJSON_Delete(ask(bench, "/api/v1/snapshot?format=nonsense", 400));
    cJSON_Delete(ask(bench, "/api/v1/snapshot?span=5", 400));
    cJSON_Delete(ask(bench, "/api/v1/snapshot?rows=-1", 400));
}

static void
test_routes__answers_queries(void **state)
{
    struct bench *bench = *state;
    start(bench);
    for (int i = 1; i <= 10; i++) {
        tick(bench, i / 10.0);
    }
    /* The wall clock's newest tick is at 1700001010; the alias is accepted, our name is shown. */
    cJSON *json = ask(bench,
                      "/api/v1/metrics/query?name=system.cpuUsage&from=1700001005.5&to=1700001010.5"
                      "&step=2s&agg=max",
                      200);
    assert_string_equal(word(json, "name"), "system.cpu.utilization");
    assert_string_equal(word(json, "from"), "2023-11-14T22:30:05.500Z");
    assert_int_equal(cJSON_GetArraySize(member(json, "series.0.values")), 3);
    assert_true(number(json, "series.0.values.0") == 0.7);
    assert_true(number(json, "series.0.values.2") == 1.0);
    cJSON_Delete(json);
    json = ask(bench, "/api/v1/metrics/query?name=t.bytes&by=device&from=-5s&step=5s", 200);
    assert_string_equal(word(json, "unit"), "By/s");
    assert_string_equal(word(json, "series.1.labels.device"), "b");
    assert_true(fabs(number(json, "series.1.values.0") - 300) < 1e-6);
    cJSON_Delete(json);
    json = ask(bench, "/api/v1/metrics/query?name=t.bytes%7Bdevice%3Da%7D%2F100&from=-3s&agg=p50",
               200);
    assert_true(fabs(number(json, "series.0.values.0") - 1) < 1e-6);
    cJSON_Delete(json);
    json = ask(bench, "/api/v1/metrics/query?name=system.cpu.utilization&agg=stats", 200);
    assert_int_equal(number(json, "series.0.statistics.count"), 10);
    assert_true(fabs(number(json, "series.0.statistics.mean") - 0.55) < 1e-9);
    assert_true(number(json, "series.0.statistics.percentiles.50") == 0.5);
    assert_true(cJSON_IsNull(member(json, "series.0.statistics.percentiles.99")));
    cJSON_Delete(json);
    json = ask(bench, "/api/v1/metrics/query?name=t.bytes&labels=device%3Da&from=-3h&to=-2h", 200);
    assert_true(cJSON_IsNull(member(json, "series.0.values.0"))); /* before there was anything */
    cJSON_Delete(json);
}

/* 10 readings of 2 devices, of which one answer may look at 8. */
static void
test_routes__leaves_older_readings_out_and_says_so(void **state)
{
    struct bench *bench = *state;
    bench->options.readings_max = 8;
    start(bench);
    for (int i = 1; i <= 10; i++) {
        tick(bench, i / 10.0);
    }
    cJSON *json = ask(bench, "/api/v1/metrics/query?name=t.bytes&by=device&from=-8s&step=1s", 200);
    assert_non_null(strstr(word(json, "note"), "older readings are left out"));
    assert_string_equal(word(json, "from"), "2023-11-14T22:30:06.000Z");
    assert_int_equal(cJSON_GetArraySize(member(json, "series.1.values")), 4);
    assert_true(fabs(number(json, "series.1.values.3") - 300) < 1e-6);
    cJSON_Delete(json);
    json =
        ask(bench, "/api/v1/metrics/query?name=t.bytes&labels=device%3Da&from=-8s&agg=stats", 200);
    assert_int_equal(number(json, "series.0.statistics.count"), 9);
    assert_true(cJSON_IsNull(member(json, "note")));
    cJSON_Delete(json);
}

static void
test_routes__makes_steps_longer_and_says_so(void **state)
{
    struct bench *bench = *state;
    world.many = 98;
    start(bench);
    for (int i = 1; i <= 3; i++) {
        tick(bench, i / 10.0);
    }
    cJSON *json =
        ask(bench, "/api/v1/metrics/query?name=t.bytes&by=device&from=-10000s&step=1s", 200);
    assert_non_null(strstr(word(json, "note"), "steps are longer"));
    assert_true(number(json, "step_s") == 2.5);
    assert_int_equal(cJSON_GetArraySize(member(json, "series")), 100);
    assert_int_equal(cJSON_GetArraySize(member(json, "series.99.values")), 4000);
    cJSON_Delete(json);
    world.many = 300;
    tick(bench, 0.5);
    json = ask(bench, "/api/v1/metrics/query?name=t.bytes&by=device&from=-2s&step=1s", 200);
    assert_non_null(strstr(word(json, "note"), "more than 256 series"));
    assert_int_equal(cJSON_GetArraySize(member(json, "series")), 256);
    cJSON_Delete(json);
}

static void
test_routes__refuses_bad_queries(void **state)
{
    struct bench *bench = *state;
    static const char *const bad[] = {
        "",
        "?name=",
        "?name=no.such.metric",
        "?name=t.bytes&agg=most",
        "?name=t.bytes&agg=p101",
        "?name=t.bytes&agg=p",
        "?name=t.bytes&step=5",
        "?name=t.bytes&step=1ns",
        "?name=t.bytes&by=device&from=2023-11-14T22:30:05Z&to=2023-11-14T22:30:05.0000000015Z"
        "&step=0.1ns",
        "?name=t.bytes&from=yesterday",
        "?name=t.bytes&from=-1m&to=-2m",
        "?name=t.bytes&from=2023-11-14T22:30:05",
        "?name=t.bytes&from=1e300",
        "?name=t.bytes&to=9.9e9",
        "?name=t.bytes&to=9999-12-31T23:59:59Z",
        "?name=t.bytes&from=0001-01-01T00:00:00Z",
        "?name=t.bytes&from=nan",
        "?name=t.bytes%2B1&by=device",
    };
    start(bench);
    tick(bench, 0.5);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        char path[200];
        snprintf(path, sizeof(path), "/api/v1/metrics/query%s", bad[i]);
        cJSON *json = ask(bench, path, 400);
        assert_true(strlen(word(json, "error")) > 10);
        cJSON_Delete(json);
    }
}

static void
test_routes__cuts_tables(void **state)
{
    struct bench *bench = *state;
    start(bench);
    tick(bench, 0.5);
    cJSON *json = ask(bench, "/api/v1/tables/rows?limit=2&filter=load%3C300", 200);
    assert_int_equal(number(json, "total"), 8);
    assert_int_equal(number(json, "matching"), 6);
    assert_int_equal(number(json, "rows"), 2);
    assert_int_equal(number(json, "columns.0.values.0"), 102); /* by the table's own column */
    assert_int_equal(cJSON_GetArraySize(member(json, "columns.1.values")), 2);
    cJSON_Delete(json);
    json = ask(bench, "/api/v1/tables/rows?sort=%2Bid", 200);
    assert_int_equal(number(json, "columns.0.values.0"), 100);
    assert_string_equal(word(json, "columns.1.values.3"), "\"<evil>\n");
    cJSON_Delete(json);
    cJSON_Delete(ask(bench, "/api/v1/tables/nothing", 404));
    cJSON_Delete(ask(bench, "/api/v1/tables/rows?sort=nothing", 400));
    cJSON_Delete(ask(bench, "/api/v1/tables/rows?filter=nothing%3D1", 400));
    cJSON_Delete(ask(bench, "/api/v1/tables/rows?limit=1x", 400));
}

static void
test_routes__tells_findings(void **state)
{
    struct bench *bench = *state;
    start(bench);
    tick(bench, 0.95);
    cJSON *json = ask(bench, "/api/v1/findings", 200);
    assert_string_equal(word(json, "findings.0.sentence"), "the CPU is \"busy\"");
    assert_string_equal(word(json, "findings.0.evidence.0.metric"), "system.cpu.utilization");
    cJSON_Delete(json);
}

/* ---- documents of the interface ---- */

static char *
load(const char *name)
{
    char path[500], *text = NULL;
    const char *folder = getenv("FLAMETOP_SOURCE");
    snprintf(path, sizeof(path), "%s/%s", folder != NULL ? folder : ".", name);
    assert_true(file_load(path, 1 << 20, &text) > 0);
    return text;
}

static size_t
count_of(const char *text, const char *what)
{
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at++) {
        count++;
    }
    return count;
}

static void
test_routes__are_documented(void **state)
{
    (void)state;
    char *api = load("man/openapi.yaml"), *page = load("man/flametop-api.7");
    struct agent_route_text route;
    size_t count = 0;
    for (; agent_route_text(count, &route); count++) {
        char entry[400], item[200];
        snprintf(entry, sizeof(entry), "\n  %s:\n    %s:\n      summary: \"%s\"\n%s", route.path,
                 strcmp(route.method, "GET") == 0 ? "get" : "post", route.text,
                 route.right == RIGHT_NONE ? "      security: []\n" : "");
        snprintf(item, sizeof(item), "\n.It Cm %s %s\n", route.method, route.path);
        if (strstr(api, entry) == NULL || strstr(page, item) == NULL) {
            fail_msg("not documented as it is: %s %s", route.method, route.path);
        }
    }
    assert_int_equal(count_of(api, "\n  /"), count);
    assert_int_equal(count_of(api, "security: []"), 1);
    assert_int_equal(count_of(page, "\n.It Cm GET") + count_of(page, "\n.It Cm POST"), count);
    free(api);
    free(page);
}

/* ---- followers ---- */

static void
test_routes__streams_events(void **state)
{
    struct bench *bench = *state;
    start(bench);
    tick(bench, 0.25);
    int fd = dial(bench);
    static const char text[] =
        "GET /api/v1/stream HTTP/1.1\r\n" HOST READ "Accept: text/event-stream\r\n\r\n";
    assert_true(send(fd, text, strlen(text), MSG_NOSIGNAL) > 0);
    struct str heard = hear(bench, fd, has, "\"bottlenecks\":[]");
    assert_true(has(heard, "Content-Type: text/event-stream"));
    assert_true(has(heard, "event: initial_data\ndata: {\"current\":{\"timestamp\":"));
    assert_true(has(heard, "\"config\":{\"interval\":\"1s\"}"));
    tick(bench, 0.5);
    heard = hear(bench, fd, has, "\n\n");
    assert_true(has(heard, "event: metrics_update\ndata: {"));
    assert_true(has(heard, "\"cpuUsage\":50,"));
    assert_true(has(heard, "\"t.bytes\":400"));
    tick(bench, 0.95);
    heard = hear(bench, fd, has, "alert_triggered");
    assert_true(has(heard, "{\"id\":\"cpu.saturated\",\"severity\":\"critical\",\"message\":\"the "
                           "CPU is \\\"busy\\\"\",\"metric\":\"system.cpu.utilization\","
                           "\"threshold\":0.9,\"value\":0.95}"));
    tick(bench, 0.96);
    assert_false(has(hear(bench, fd, has, "\n\n"), "alert_triggered")); /* the same one */
    close(fd);
}

/* A WebSocket's client: what it heard, as text with a line a message. */
struct talk {
    int fd;
    struct websocket_reader *reader;
    struct buf heard;
    int closed; /* the code; 0: not */
    unsigned pings;
};

static bool
on_message(void *context, enum websocket_opcode opcode, struct str payload)
{
    struct talk *talk = context;
    talk->pings += opcode == WEBSOCKET_PING;
    if (opcode == WEBSOCKET_TEXT) {
        buf_add(&talk->heard, payload.p, payload.n);
        buf_putc(&talk->heard, '\n');
    } else if (opcode == WEBSOCKET_CLOSE) {
        talk->closed = payload.n == 2 ? (uint8_t)payload.p[0] << 8 | (uint8_t)payload.p[1] : 1005;
    }
    return true;
}

static void
talk_begin(struct bench *bench, struct talk *talk, const char *path)
{
    char text[400];
    *talk = (struct talk){.fd = dial(bench)};
    buf_init(&talk->heard, 1 << 24);
    talk->reader = websocket_reader_new(false, 1 << 22, talk, on_message);
    int n = snprintf(text, sizeof(text),
                     "GET %s HTTP/1.1\r\n" HOST READ "Connection: keep-alive, Upgrade\r\n"
                     "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                     path);
    assert_int_equal(send(talk->fd, text, (size_t)n, MSG_NOSIGNAL), n);
    struct str answer = hear(bench, talk->fd, has, "\r\n\r\n");
    assert_true(has(answer, "HTTP/1.1 101 "));
    assert_true(has(answer, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    const char *rest = strstr(answer.p, "\r\n\r\n") + 4;
    assert_int_equal(
        websocket_reader_feed(talk->reader, rest, answer.n - (size_t)(rest - answer.p)), 0);
}

static void
talk_end(struct talk *talk)
{
    close(talk->fd);
    websocket_reader_free(talk->reader);
    buf_done(&talk->heard);
}

/* Turns the loop until a text has come (NULL: until it is closed). */
static void
talk_hear(struct bench *bench, struct talk *talk, const char *what)
{
    char bytes[65536];
    for (int i = 0; i < TURNS; i++) {
        if (what != NULL && talk->heard.n > 0 && strstr(talk->heard.data, what) != NULL) {
            return;
        }
        uv_run(&bench->loop, UV_RUN_NOWAIT);
        usleep(1000);
        ssize_t n = recv(talk->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (n > 0) {
            assert_int_equal(websocket_reader_feed(talk->reader, bytes, (size_t)n), 0);
        } else if (n == 0 || errno != EAGAIN) {
            assert_null(what);
            return;
        }
    }
    fail_msg("no \"%s\" came, but: %.300s", what != NULL ? what : "end",
             talk->heard.n > 0 ? talk->heard.data : "nothing");
}

static void
talk_say(struct talk *talk, enum websocket_opcode opcode, struct str text)
{
    static const uint8_t mask[4] = {1, 2, 3, 4};
    struct buf frame;
    buf_init(&frame, 1 << 20);
    websocket_write(&frame, opcode, text, mask);
    assert_int_equal(send(talk->fd, frame.data, frame.n, MSG_NOSIGNAL), (ssize_t)frame.n);
    buf_done(&frame);
}

static void
test_routes__talks_over_websockets(void **state)
{
    struct bench *bench = *state;
    static const char *const paths[] = {"/ws", "/"};
    start(bench);
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        struct talk talk;
        tick(bench, 0.95);
        talk_begin(bench, &talk, paths[i]);
        talk_hear(bench, &talk, "\"config\":{\"interval\":\"1s\"}}}");
        assert_non_null(
            strstr(talk.heard.data, "{\"type\":\"initial_data\",\"data\":{\"current\":"));
        assert_non_null(strstr(talk.heard.data, "\"alerts\":[{\"id\":\"cpu.saturated\""));
        buf_clear(&talk.heard);
        tick(bench, 0.5);
        talk_hear(bench, &talk, "\n");
        assert_non_null(strstr(talk.heard.data, "{\"type\":\"metrics_update\",\"data\":{"));
        assert_non_null(
            strstr(talk.heard.data, "\"system\":{\"cpuUsage\":50,\"memoryUsage\":null"));
        talk_say(&talk, WEBSOCKET_CLOSE, STR("\x03\xe8"));
        talk_hear(bench, &talk, NULL);
        assert_int_equal(talk.closed, 1000);
        talk_end(&talk);
    }
}

static void
test_routes__keeps_subscriptions(void **state)
{
    struct bench *bench = *state;
    struct talk talk;
    start(bench);
    tick(bench, 0.5);
    talk_begin(bench, &talk, "/ws");
    talk_hear(bench, &talk, "initial_data");
    buf_clear(&talk.heard);
    talk_say(&talk, WEBSOCKET_TEXT,
             STR("{\"type\":\"subscribe\",\"metrics\":[\"system.cpuUsage\",\"t.bytes{device=a}\"],"
                 "\"interval\":\"3s\"}"));
    talk_hear(bench, &talk,
              "{\"type\":\"subscribed\",\"data\":{\"metrics\":[\"system.cpuUsage\","
              "\"t.bytes{device=a}\"],\"interval_s\":3}}\n");
    buf_clear(&talk.heard);
    talk_say(&talk, WEBSOCKET_TEXT, /* which changes nothing */
             STR("{\"type\":\"subscribe\",\"metrics\":[\"t.bytes{device=b}\",\"no.such\"]}"));
    talk_hear(bench, &talk, "{\"type\":\"error\"");
    buf_clear(&talk.heard);
    for (int i = 0; i < 6; i++) {
        tick(bench, 0.5);
        for (int k = 0; k < 5; k++) {
            uv_run(&bench->loop, UV_RUN_NOWAIT);
        }
    }
    talk_say(&talk, WEBSOCKET_TEXT, STR("{\"type\":\"unsubscribe\"}"));
    talk_hear(bench, &talk, "subscribed");
    size_t updates = 0;
    for (const char *at = talk.heard.data; (at = strstr(at, "metrics_update")) != NULL; at++) {
        updates++;
    }
    assert_int_equal(updates, 2); /* of six ticks, each third */
    assert_non_null(strstr(talk.heard.data,
                           "\"metrics\":{\"system.cpuUsage\":0.5,\"t.bytes{device=a}\":100}}}"));
    buf_clear(&talk.heard);
    static const char *const wrong[] = {
        "{\"type\":\"subscribe\",\"metrics\":[\"no.such\"]}",
        "{\"type\":\"subscribe\",\"metrics\":[5]}",
        "{\"type\":\"subscribe\",\"metrics\":5}",
        "{\"type\":\"subscribe\",\"interval\":5}",
        "{\"type\":\"dance\"}",
        "[[[[",
        "",
    };
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        talk_say(&talk, WEBSOCKET_TEXT, str_from(wrong[i]));
        talk_hear(bench, &talk, "{\"type\":\"error\",\"data\":{\"error\":\"");
        buf_clear(&talk.heard);
    }
    talk_say(&talk, WEBSOCKET_TEXT, (struct str){"\xff", 1});
    talk_hear(bench, &talk, NULL);
    assert_int_equal(talk.closed, 1007);
    talk_end(&talk);
}

static void
test_routes__ends_who_never_answers_pings(void **state)
{
    struct bench *bench = *state;
    struct talk talk;
    bench->options.heartbeat_ns = 20 * NS_PER_MS;
    start(bench);
    tick(bench, 0.5);
    talk_begin(bench, &talk, "/ws");
    talk_hear(bench, &talk, NULL);
    assert_int_equal(talk.pings, 2);
    talk_end(&talk);
}

static void
test_routes__says_goodbye_when_it_ends(void **state)
{
    struct bench *bench = *state;
    struct talk talk;
    start(bench);
    tick(bench, 0.5);
    talk_begin(bench, &talk, "/ws");
    talk_hear(bench, &talk, "initial_data");
    exporter_agent.close(bench->agent);
    talk_hear(bench, &talk, NULL);
    assert_int_equal(talk.closed, 1001);
    talk_end(&talk);
    start(bench);
}

static void
test_routes__slow_readers_get_the_newest(void **state)
{
    struct bench *bench = *state;
    struct talk slow, quick;
    start(bench);
    tick(bench, 0.5);
    talk_begin(bench, &slow, "/ws");
    talk_hear(bench, &slow, "initial_data");
    int small = 4096, large = 1 << 20;
    setsockopt(slow.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    talk_begin(bench, &quick, "/ws");
    talk_hear(bench, &quick, "initial_data");
    size_t ticks = 0;
    for (; bench->dropped < 20 && ticks < 50000; ticks++) {
        char text[64];
        tick(bench, 0.5 + (double)ticks / 1e6);
        snprintf(text, sizeof(text), "%.17g", 0.5 + (double)ticks / 1e6);
        uv_run(&bench->loop, UV_RUN_NOWAIT);
        char bytes[65536];
        ssize_t n = recv(quick.fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (n > 0) {
            assert_int_equal(websocket_reader_feed(quick.reader, bytes, (size_t)n), 0);
        }
    }
    assert_true(bench->dropped >= 20);
    tick(bench, 0.0625);
    buf_clear(&quick.heard);
    talk_hear(bench, &quick, "\"cpuUsage\":6.25,");
    setsockopt(slow.fd, SOL_SOCKET, SO_RCVBUF, &large, sizeof(large));
    talk_hear(bench, &slow, "\"cpuUsage\":6.25,"); /* what was kept, then the newest */
    size_t updates = 0;
    for (const char *at = slow.heard.data; (at = strstr(at, "metrics_update")) != NULL; at++) {
        updates++;
    }
    assert_true(updates + 20 <= ticks + 1);
    talk_end(&slow);
    talk_end(&quick);
}

/* ---- changes ---- */

static void
post(struct bench *bench, const char *command, const char *body, const char *token, int status)
{
    char line[100], more[600];
    snprintf(line, sizeof(line), "POST /api/v1/commands/%s", command);
    /* The blank line of the header stands in `more`; request() adds one, which ends the body. */
    snprintf(more, sizeof(more), "Authorization: Bearer %s\r\nContent-Length: %zu\r\n\r\n%s", token,
             strlen(body) + 2, body);
    request(bench, line, more, status);
}

static void
test_routes__signals_the_process_that_is_meant(void **state)
{
    struct bench *bench = *state;
    start(bench);
    tick(bench, 0.5);
    pid_t child = fork();
    if (child == 0) {
        for (;;) {
            pause();
        }
    }
    char body[200];
    int64_t now_s = (int64_t)time(NULL);
    snprintf(body, sizeof(body), "{\"pid\":%d,\"start\":%lld,\"signal\":\"TERM\"}", (int)child,
             (long long)now_s - 100);
    post(bench, "signal", body, CHANGE, 409); /* another process had this number then */
    snprintf(body, sizeof(body), "{\"pid\":%d,\"start\":%lld,\"signal\":\"SIGTERM\"}", (int)child,
             (long long)now_s);
    post(bench, "signal", body, TOKEN, 403);
    post(bench, "signal", body, CHANGE "x", 401);
    assert_int_equal(waitpid(child, NULL, WNOHANG), 0);
    char nice[200];
    snprintf(nice, sizeof(nice), "{\"pid\":%d,\"start\":%lld,\"nice\":7}", (int)child,
             (long long)now_s);
    post(bench, "renice", nice, CHANGE, 200);
    post(bench, "signal", body, CHANGE, 200);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    post(bench, "signal", body, CHANGE, 409);
}

static void
test_routes__refuses_bad_commands(void **state)
{
    struct bench *bench = *state;
    start(bench);
    tick(bench, 0.5);
    post(bench, "format", "{}", CHANGE, 404);
    post(bench, "signal", "{}", CHANGE, 400);
    post(bench, "signal", "[]", CHANGE, 400);
    post(bench, "signal", "nonsense", CHANGE, 400);
    post(bench, "signal", "{\"pid\":-1,\"start\":1}", CHANGE, 400);
    post(bench, "signal", "{\"pid\":1.5,\"start\":1}", CHANGE, 400);
    post(bench, "signal", "{\"pid\":1e30,\"start\":1}", CHANGE, 400);
    post(bench, "signal", "{\"pid\":1}", CHANGE, 400);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_routes__says_who_it_is),
        TEST(test_routes__refuses_without_tokens),
        TEST(test_routes__writes_snapshots),
        TEST(test_routes__answers_queries),
        TEST(test_routes__leaves_older_readings_out_and_says_so),
        TEST(test_routes__makes_steps_longer_and_says_so),
        TEST(test_routes__refuses_bad_queries),
        TEST(test_routes__cuts_tables),
        TEST(test_routes__tells_findings),
        cmocka_unit_test(test_routes__are_documented),
        TEST(test_routes__streams_events),
        TEST(test_routes__talks_over_websockets),
        TEST(test_routes__keeps_subscriptions),
        TEST(test_routes__ends_who_never_answers_pings),
        TEST(test_routes__says_goodbye_when_it_ends),
        TEST(test_routes__slow_readers_get_the_newest),
        TEST(test_routes__signals_the_process_that_is_meant),
        TEST(test_routes__refuses_bad_commands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
