#include "../check.h"

#include <math.h>

#include "flametop/base/macros.h"
#include "flametop/trace/query.h"
#include "generate.h"

/* Ten requests of 100 ms to 1 s: odd ones fail; each has a database call of a tenth of it. */
static struct traces *
make(void)
{
    static const struct span_resource resource = {.service = {"shop", 4}};
    struct trace_store *store = trace_store_new(&(struct trace_store_options){0});
    for (int i = 1; i <= 10; i++) {
        char id[32];
        snprintf(id, sizeof(id), "request-%d", i);
        struct span_attribute root[] = {
            {.key = STR("region"), .text = i % 2 ? STR("eu") : STR("us")},
            {.key = STR("rows"), .type = SPAN_INTEGER, .integer = i},
            {.key = STR("at.us"), .type = SPAN_INTEGER, .integer = INT64_C(1700000000000000) + i}};
        struct span_attribute db[] = {{.key = STR("db.system"), .text = STR("mysql")}};
        struct span span = {.trace_id = str_from(id),
                            .span_id = STR("a"),
                            .name = i <= 5 ? STR("one") : STR("two"),
                            .kind = SPAN_SERVER,
                            .start_ns = GENERATE_START_NS + i * NS_PER_S,
                            .end_ns = GENERATE_START_NS + i * NS_PER_S + i * 100 * NS_PER_MS,
                            .status = i % 2 ? SPAN_ERROR : SPAN_UNSET,
                            .attributes = root,
                            .attribute_count = ARRAY_SIZE(root),
                            .resource = &resource};
        struct span call = span;
        trace_store_span(store, &span, generate_now(0));
        call.parent_id = span.span_id;
        call.span_id = STR("b");
        call.kind = SPAN_CLIENT;
        call.name = STR("q");
        call.end_ns = call.start_ns + i * 10 * NS_PER_MS;
        call.attributes = db;
        call.attribute_count = 1;
        trace_store_span(store, &call, generate_now(0));
    }
    trace_store_flush(store, generate_now(0));
    struct traces *list = trace_store_publish(store, generate_now(0));
    trace_store_free(store);
    return list;
}

static size_t
answer(const struct traces *list, const char *text, struct trace_query **ret_query,
       struct trace_query_row *rows, size_t max)
{
    char why[160];
    struct trace_query *query = trace_query_new(str_from(text), why, sizeof(why));
    if (query == NULL) {
        fail_msg("%s: %s", text, why);
    }
    struct traces_cursor at = {0};
    const struct trace *trace;
    while ((trace = traces_next(list, &at)) != NULL) {
        trace_query_add(query, trace);
    }
    trace_query_set_span(query, 10);
    *ret_query = query;
    return trace_query_rows(query, rows, max);
}

static void
test_trace_query__answers(void **state)
{
    (void)state;
    struct traces *list = make();
    static const struct {
        const char *text;
        size_t rows;
        double first;
        const char *tag;
    } cases[] = {
        {"count", 1, 10, NULL},
        {"COUNT by endpoint", 2, 5, "one"},
        {"rate", 1, 1, NULL},
        {"sum duration", 1, 5.5, NULL},
        {"avg duration by status", 2, 0.6, "ok"},
        {"min duration", 1, 0.1, NULL},
        {"max rows by region", 2, 10, "us"},
        {"stddev rows", 1, 2.8722813, NULL},
        {"stddev at.us", 1, 2.8722813, NULL},
        {"p50 duration", 1, 0.5, NULL},
        {"p100 duration by endpoint", 2, 1, "two"},
        {"count by region where duration>600ms", 2, 2, "eu"},
        {"count of spans by system", 2, 10, "db"},
        {"sum duration of spans by db.system where system=db", 1, 0.55, "mysql"},
        {"sum self of spans by name", 3, 3.6, "two"},
        {"avg spans", 1, 2, NULL},
        {"count where service=nobody", 0, 0, NULL},
        {"count by endpoint , status", 4, 3, NULL},
        {"count by system,region of spans where system=db", 1, 10, "db"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct trace_query *query;
        struct trace_query_row rows[16];
        size_t count = answer(list, cases[i].text, &query, rows, 16);
        if (count != cases[i].rows ||
            (count > 0 && fabs(rows[0].value - cases[i].first) > 0.006 * cases[i].first) ||
            (cases[i].tag != NULL && strcmp(rows[0].tags[0], cases[i].tag) != 0)) {
            fail_msg("%s: %zu rows, first %g %s", cases[i].text, count,
                     count > 0 ? rows[0].value : 0,
                     count > 0 && cases[i].tag != NULL ? rows[0].tags[0] : "");
        }
        trace_query_free(query);
    }
    traces_release(list);
}

/* What was sampled away counts by the weight of what stayed. */
static void
test_trace_query__counts_by_weight(void **state)
{
    (void)state;
    struct trace_sampling rule = {"", "", 0.2};
    struct trace_store_options options = {
        .bytes_max = (size_t)64 << 20, .sampling = &rule, .sampling_count = 1};
    struct trace_store *store = trace_store_new(&options);
    for (uint64_t i = 0; i < 2000; i++) {
        struct generated *g = generate(GENERATE_PLAIN, 2, i + 1);
        generate_send(g, store, 0);
        generate_free(g);
    }
    trace_store_flush(store, generate_now(0));
    struct traces *list = trace_store_publish(store, generate_now(0));
    struct trace_query *query;
    struct trace_query_row row;
    assert_int_equal(answer(list, "count", &query, &row, 1), 1);
    assert_true(list->count < 500);
    assert_float_equal(row.value, 2000, 200);
    trace_query_free(query);
    traces_release(list);
    trace_store_free(store);
}

static void
test_trace_query__says_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } cases[] = {{"", "begins with"},
                 {"mean duration", "begins with"},
                 {"p101 duration", "begins with"},
                 {"count by", "by what"},
                 {"count where", "where what"},
                 {"count of traces", "of spans"},
                 {"sum self", "of spans"},
                 {"sum a b", "what is this"},
                 {"count by a,b,c,d,e,f,g", "too many tags"},
                 {"count by endpoint service", "a comma between tags"},
                 {"count by endpoint status=error", "a comma between tags"},
                 {"count by , where status=error", "by what"},
                 {"count endpoint", "write by"},
                 {"count where status=bad", "status is"}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char why[160];
        assert_null(trace_query_new(str_from(cases[i].text), why, sizeof(why)));
        if (strstr(why, cases[i].why) == NULL) {
            fail_msg("%s: %s", cases[i].text, why);
        }
    }
}

/* What may be mistyped: a field and tags that nothing counted has. */
static void
test_trace_query__tells_what_nothing_has(void **state)
{
    (void)state;
    struct traces *list = make();
    static const struct {
        const char *text, *field, *first, *second;
    } cases[] = {{"avg rows by region, tool", NULL, NULL, NULL},
                 {"avg row by region", "row", NULL, NULL},
                 {"count by regon, region, endpoit", NULL, "regon", "endpoit"},
                 {"count by db.system where status=ok", NULL, NULL, NULL},
                 {"count by regon where service=nobody", NULL, NULL, NULL}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct trace_query *query;
        struct trace_query_row rows[16];
        answer(list, cases[i].text, &query, rows, 16);
        const char *field = trace_query_missing_field(query);
        const char *tags[] = {trace_query_missing_tag(query, 0), trace_query_missing_tag(query, 1)};
        assert_string_equal(field != NULL ? field : "",
                            cases[i].field != NULL ? cases[i].field : "");
        assert_string_equal(tags[0] != NULL ? tags[0] : "",
                            cases[i].first != NULL ? cases[i].first : "");
        assert_string_equal(tags[1] != NULL ? tags[1] : "",
                            cases[i].second != NULL ? cases[i].second : "");
        trace_query_free(query);
    }
    traces_release(list);
}

static void
test_trace_query__writes_its_answer(void **state)
{
    (void)state;
    struct traces *list = make();
    struct trace_query *query;
    struct trace_query_row rows[16];
    struct buf out;
    struct json json;
    answer(list, "avg rows by endpoint, regon", &query, rows, 16);
    buf_init(&out, 1 << 16);
    json_init(&json, &out, false);
    trace_query_write(query, list, 1, &json);
    buf_putc(&out, '\0');
    assert_string_equal(
        out.data,
        "{\"held\":10,\"value\":\"avg rows\",\"unit\":\"\",\"tags\":[\"endpoint\",\"regon\"],"
        "\"groups\":2,\"rows\":[{\"tags\":[\"two\",\"\"],\"value\":8,\"count\":5}],"
        "\"missing\":[{\"name\":\"regon\",\"field\":false,\"meant\":\"region\"}]}");
    buf_done(&out);
    trace_query_free(query);
    traces_release(list);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trace_query__answers),
        cmocka_unit_test(test_trace_query__counts_by_weight),
        cmocka_unit_test(test_trace_query__says_what_is_wrong),
        cmocka_unit_test(test_trace_query__tells_what_nothing_has),
        cmocka_unit_test(test_trace_query__writes_its_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
