/* What the agent answers. */
#include "../check.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

#include <cjson/cJSON.h>

#include "asked.h"
#include "flametop/base/file.h"

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

/* More than a day of seconds is one answer. */
static void
test_routes__holds_all_readings_of_a_long_window(void **state)
{
    struct bench *bench = *state;
    start(bench);
    for (int i = 0; i < 100100; i++) {
        tick(bench, i < 50 ? 0.25 : 0.5);
    }
    cJSON *json =
        ask(bench, "/api/v1/metrics/query?name=system.cpu.utilization&from=-28h&agg=stats", 200);
    assert_int_equal(number(json, "series.0.statistics.count"), 100100);
    assert_true(number(json, "series.0.statistics.min") == 0.25);
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
        TEST(test_routes__holds_all_readings_of_a_long_window),
        TEST(test_routes__leaves_older_readings_out_and_says_so),
        TEST(test_routes__makes_steps_longer_and_says_so),
        TEST(test_routes__refuses_bad_queries),
        TEST(test_routes__cuts_tables),
        TEST(test_routes__tells_findings),
        cmocka_unit_test(test_routes__are_documented),
        TEST(test_routes__signals_the_process_that_is_meant),
        TEST(test_routes__refuses_bad_commands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
