#include "../check.h"

#include <string.h>

#include "flametop/base/macros.h"
#include "generate.h"

/* The root's label, system and first attribute of a trace of one span. */
struct seen {
    char label[300], value[300], tool[64];
    enum trace_system system;
    bool error, redacted;
};

static struct seen
see(const char *name, enum span_kind kind, const struct span_attribute *attributes, size_t count)
{
    static const struct span_resource resource = {.service = {"shop", 4}};
    struct trace_store *store = trace_store_new(&(struct trace_store_options){0});
    struct span span = {.trace_id = STR("t"),
                        .span_id = STR("s"),
                        .name = str_from(name),
                        .kind = kind,
                        .start_ns = GENERATE_START_NS,
                        .end_ns = GENERATE_START_NS + 1,
                        .attributes = attributes,
                        .attribute_count = count,
                        .resource = &resource};
    struct seen seen = {0};
    assert_true(trace_store_span(store, &span, generate_now(0)));
    trace_store_flush(store, generate_now(0));
    struct traces *list = trace_store_publish(store, generate_now(0));
    const struct trace *trace = traces_find(list, STR("t"));
    assert_non_null(trace);
    assert_true(trace_check(trace, trace->bytes));
    const struct trace_span *root = trace_spans(trace);
    str_copy(str_from(trace_text(trace, root->label)), seen.label, sizeof(seen.label));
    str_copy(str_from(trace_text(trace, trace->tool)), seen.tool, sizeof(seen.tool));
    seen.system = root->system;
    seen.error = root->status == SPAN_ERROR;
    if (root->attribute_count > 0) {
        const struct trace_attribute *first = &trace_attributes(trace)[root->attribute];
        str_copy(str_from(trace_text(trace, first->text)), seen.value, sizeof(seen.value));
        seen.redacted = first->redacted;
    }
    traces_release(list);
    trace_store_free(store);
    return seen;
}

static void
test_convention__labels_by_old_and_new_names(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum span_kind kind;
        const char *keys[4], *values[4];
        enum trace_system system;
        const char *label;
    } cases[] = {
        {"GET",
         SPAN_SERVER,
         {"http.method", "http.target"},
         {"GET", "/users/17?a=b"},
         SYSTEM_HTTP,
         "GET /users/{id}"},
        {"x",
         SPAN_SERVER,
         {"http.request.method", "url.path"},
         {"GET", "/o/0190a6a2-7f0e-7c3b-8f00-1234567890ab/items"},
         SYSTEM_HTTP,
         "GET /o/{id}/items"},
        {"x",
         SPAN_SERVER,
         {"http.request.method", "http.route", "url.path"},
         {"PUT", "/users/{id}", "/users/3"},
         SYSTEM_HTTP,
         "PUT /users/{id}"},
        {"get /users/{name}",
         SPAN_SERVER,
         {"http.method", "http.path"},
         {"GET", "/users/bob"},
         SYSTEM_HTTP,
         "GET /users/{name}"},
        {"get",
         SPAN_SERVER,
         {"http.method", "http.path"},
         {"GET", "/zip"},
         SYSTEM_HTTP,
         "GET /zip"},
        {"post", SPAN_CLIENT, {"http.method"}, {"POST"}, SYSTEM_HTTP, "POST"},
        {"x",
         SPAN_CLIENT,
         {"http.request.method", "url.full"},
         {"GET", "https://u:p@api.example.com/v1/things?token=1"},
         SYSTEM_HTTP,
         "GET /v1/things"},
        {"q",
         SPAN_CLIENT,
         {"db.system", "db.statement"},
         {"postgresql", "SELECT  a,\n b FROM t1 WHERE x = 'it''s' AND y IN (1, 2,3) -- why"},
         SYSTEM_DB,
         "SELECT a, b FROM t1 WHERE x = ? AND y IN (?)"},
        {"q",
         SPAN_CLIENT,
         {"db.system.name", "db.query.text", "db.query.summary"},
         {"mysql", "SELECT 1", "SELECT things"},
         SYSTEM_DB,
         "SELECT things"},
        {"q",
         SPAN_CLIENT,
         {"db.system.name", "db.operation.name", "db.collection.name"},
         {"mysql", "INSERT", "orders"},
         SYSTEM_DB,
         "INSERT orders"},
        {"q",
         SPAN_CLIENT,
         {"db.system", "db.statement"},
         {"mysql", "INSERT INTO o (a, b) VALUES (1, 'x'), (2, 'y'), (3, $1)"},
         SYSTEM_DB,
         "INSERT INTO o (a, b) VALUES (?)"},
        {"q",
         SPAN_CLIENT,
         {"db.system", "db.statement"},
         {"redis", "GET user:17"},
         SYSTEM_CACHE,
         "GET"},
        {"send",
         SPAN_PRODUCER,
         {"messaging.system", "messaging.operation", "messaging.destination"},
         {"kafka", "publish", "orders"},
         SYSTEM_MESSAGING,
         "publish orders"},
        {"call",
         SPAN_CLIENT,
         {"rpc.system", "rpc.service", "rpc.method"},
         {"grpc", "shop.Cart", "Add"},
         SYSTEM_RPC,
         "shop.Cart/Add"},
        {"execute_tool x",
         SPAN_INTERNAL,
         {"gen_ai.operation.name", "gen_ai.tool.name"},
         {"execute_tool", "search"},
         SYSTEM_TOOL,
         "search"},
        {"tool.invoke", SPAN_INTERNAL, {"tool.name"}, {"search"}, SYSTEM_TOOL, "search"},
        {"run", SPAN_INTERNAL, {"tool"}, {"search"}, SYSTEM_TOOL, "search"},
        {"snakepit.grpc.execute.predict",
         SPAN_CLIENT,
         {"snakepit.command", "snakepit.pool"},
         {"predict", "default"},
         SYSTEM_TOOL,
         "predict"},
        {"chat m",
         SPAN_CLIENT,
         {"gen_ai.operation.name", "gen_ai.request.model"},
         {"chat", "gpt-x"},
         SYSTEM_MODEL,
         "chat gpt-x"},
        {"a",
         SPAN_INTERNAL,
         {"gen_ai.operation.name", "gen_ai.agent.name"},
         {"invoke_agent", "planner"},
         SYSTEM_AGENT,
         "invoke_agent planner"},
        {"pool.acquire", SPAN_INTERNAL, {NULL}, {NULL}, SYSTEM_POOL, "pool.acquire"},
        {"GET /users/17", SPAN_SERVER, {NULL}, {NULL}, SYSTEM_OTHER, "GET /users/{id}"},
        {"work", SPAN_INTERNAL, {NULL}, {NULL}, SYSTEM_OTHER, "work"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct span_attribute attributes[4];
        size_t n = 0;
        for (; n < 4 && cases[i].keys[n] != NULL; n++) {
            attributes[n] = (struct span_attribute){.key = str_from(cases[i].keys[n]),
                                                    .text = str_from(cases[i].values[n])};
        }
        struct seen seen = see(cases[i].name, cases[i].kind, attributes, n);
        if (strcmp(seen.label, cases[i].label) != 0 || seen.system != cases[i].system) {
            fail_msg("%zu: '%s', system %d", i, seen.label, (int)seen.system);
        }
    }
}

static void
test_convention__tells_failures(void **state)
{
    (void)state;
    struct span_attribute code = {
        .key = STR("http.response.status_code"), .type = SPAN_INTEGER, .integer = 503};
    assert_true(see("x", SPAN_SERVER, &code, 1).error);
    code.integer = 404;
    assert_false(see("x", SPAN_SERVER, &code, 1).error);
    assert_true(see("x", SPAN_CLIENT, &code, 1).error);
    struct span_attribute error = {.key = STR("error"), .type = SPAN_BOOL, .integer = 0};
    assert_false(see("x", SPAN_SERVER, &error, 1).error);
    error = (struct span_attribute){.key = STR("error"), .text = STR("timeout")};
    assert_true(see("x", SPAN_SERVER, &error, 1).error);
}

static void
test_convention__redacts_secrets(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value, *want;
    } cases[] = {
        {"http.request.header.authorization", "Basic abc", "[redacted]"},
        {"http.request.header.x-api-key", "k", "[redacted]"},
        {"dbPassword", "hunter2", "[redacted]"},
        {"access_token", "x", "[redacted]"},
        {"Set-Cookie", "a=b", "[redacted]"},
        {"note", "Bearer abc.def", "[redacted]"},
        {"note", "eyJhbGciOiJIUzI1NiJ9.e30.x", "[redacted]"},
        {"url.full", "https://bob:pw@h/x?a=1&token=abc&b=2",
         "https://[redacted]@h/x?a=1&token=[redacted]&b=2"},
        {"tool.arguments", "{\"user\":\"bob\",\"password\":\"pw\\\"x\",\"n\":1}",
         "{\"user\":\"bob\",\"password\":\"[redacted]\",\"n\":1}"},
        {"dsn", "host=h password=pw dbname=x", "host=h password=[redacted] dbname=x"},
        {"line", "curl -H 'Authorization: Bearer a.b-c' http://h",
         "curl -H 'Authorization: [redacted]' http://h"},
        {"line", "proxy-authorization: Basic  dTpw, x: 1", "proxy-authorization: [redacted], x: 1"},
        {"line", "Cookie: a=1; sid=2, 3", "Cookie: [redacted]"},
        {"url.query", "cookie=abc&b=2", "cookie=[redacted]&b=2"},
        {"exception.message", "401 for Bearer eyJhbGciOiJIUzI1NiJ9.e30.x-_y, again",
         "401 for Bearer [redacted], again"},
        {"line", "sent bearer  s3cr3t/+= to h", "sent bearer  [redacted] to h"},
        {"line", "the bearer token is old", "the bearer token is old"},
        {"line", "a jwt (eyJhbGciOiJIUzI1NiJ9.e30.x) of h", "a jwt ([redacted]) of h"},
        {"line", "a eyJ-eyJ0 is none, eyJhbGciOiJIUzI1NiJ9.e30.x is one",
         "a eyJ-eyJ0 is none, [redacted] is one"},
        {"line", "a eyJ-token=x eyJ-eyJ0eXAiOiJKV1Q.e30.x", "a eyJ-token=[redacted] [redacted]"},
        {"line", "sent Basic dTpw to h", "sent Basic [redacted] to h"},
        {"line", "a basic authentication of h", "a basic authentication of h"},
        {"line", "dial postgres://u:p@ss@db/x failed", "dial postgres://[redacted]@db/x failed"},
        {"line", "GET /x?token=abc HTTP/1.1", "GET /x?token=[redacted] HTTP/1.1"},
        {"db.statement", "SET password = ? WHERE id = ?", "SET password = ? WHERE id = ?"},
        {"gen_ai.usage.input_tokens", "12", "12"},
        {"gen_ai.token.type", "input", "input"},
        {"author", "me", "me"},
        {"db.statement", "SELECT * FROM t WHERE id = 5", "SELECT * FROM t WHERE id = 5"},
        {"keyboard", "de", "de"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct span_attribute attribute = {.key = str_from(cases[i].key),
                                           .text = str_from(cases[i].value)};
        struct seen seen = see("x", SPAN_INTERNAL, &attribute, 1);
        if (strcmp(seen.value, cases[i].want) != 0) {
            fail_msg("%s: %s", cases[i].key, seen.value);
        }
        assert_int_equal(seen.redacted, strstr(cases[i].want, "[redacted]") != NULL);
    }
    assert_string_equal(see("login password=hunter2", SPAN_SERVER, NULL, 0).label,
                        "login password=[redacted]");
}

/* Words that look like tokens all along are walked once, not from each of their places: a span of
 * these took 18 s. */
static void
test_convention__redacts_long_texts(void **state)
{
    (void)state;
    static const char *const parts[] = {"e.", "b.", "eyJ-"};
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        static char text[8000];
        struct span_attribute attributes[256];
        for (size_t at = 0; at < sizeof(text); at++) {
            text[at] = parts[i][at % strlen(parts[i])];
        }
        memcpy(text, "a=b ", 4);
        for (size_t k = 0; k < ARRAY_SIZE(attributes); k++) {
            attributes[k] =
                (struct span_attribute){.key = STR("line"), .text = {text, sizeof(text) - k}};
        }
        assert_false(see("x", SPAN_INTERNAL, attributes, ARRAY_SIZE(attributes)).redacted);
    }
}

/* Control characters never come through; what is too long is cut and says so. */
static void
test_convention__cleans_texts(void **state)
{
    (void)state;
    char large[10000];
    memset(large, 'x', sizeof(large));
    struct span_attribute attribute = {.key = STR("k\x1b[2J"), .text = STR("a\x1b]0;x\x07\xff b")};
    assert_string_equal(see("n\nm", SPAN_INTERNAL, &attribute, 1).value, "a?]0;x?? b");
    assert_string_equal(see("n\nm", SPAN_INTERNAL, &attribute, 1).label, "n m");
    attribute = (struct span_attribute){.key = STR("k"), .text = {large, sizeof(large)}};
    struct seen seen = see("x", SPAN_INTERNAL, &attribute, 1);
    assert_int_equal(strlen(seen.value), sizeof(seen.value) - 1);
    memcpy(large, "a://b@", 6); /* which grows as it is redacted, and is cut between characters */
    for (size_t i = 6; i < 8190; i += 2) {
        memcpy(large + i, "\xC3\xA9", 2);
    }
    attribute.text.n = 8190;
    assert_true(see("x", SPAN_INTERNAL, &attribute, 1).redacted);
}

static void
test_convention__reads_rules(void **state)
{
    (void)state;
    struct arena arena;
    struct trace_threshold slow;
    struct trace_sampling share;
    char why[160];
    arena_init(&arena, 4096);
    assert_true(trace_threshold_parse(STR("POST /a=b*=5s"), &arena, &slow, why, sizeof(why)));
    assert_string_equal(slow.endpoint, "POST /a=b*");
    assert_string_equal(slow.tool, "");
    assert_float_equal(slow.seconds, 5, 0);
    assert_true(trace_threshold_parse(STR("tool:x GET * = 20ms"), &arena, &slow, why, sizeof(why)));
    assert_string_equal(slow.tool, "x");
    assert_string_equal(slow.endpoint, "GET *");
    assert_true(trace_sampling_parse(STR("service:shop=10%"), &arena, &share, why, sizeof(why)));
    assert_string_equal(share.service, "shop");
    assert_string_equal(share.endpoint, "");
    assert_float_equal(share.probability, 0.1, 1e-12);
    assert_false(trace_sampling_parse(STR("x"), &arena, &share, why, sizeof(why)));
    assert_false(trace_sampling_parse(STR("x=200%"), &arena, &share, why, sizeof(why)));
    assert_false(trace_threshold_parse(STR("x=5"), &arena, &slow, why, sizeof(why)));
    arena_done(&arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_convention__labels_by_old_and_new_names),
        cmocka_unit_test(test_convention__tells_failures),
        cmocka_unit_test(test_convention__redacts_secrets),
        cmocka_unit_test(test_convention__redacts_long_texts),
        cmocka_unit_test(test_convention__cleans_texts),
        cmocka_unit_test(test_convention__reads_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
