/* Zipkin, Jaeger, Chrome's trace events, the profiling data model; and telling them apart. */
#include "recorded.h"

#include <math.h>
#include <stdlib.h>

#include "flametop/base/macros.h"

static const char zipkin[] =
    "[{\"traceId\":\"0a\",\"id\":\"b1\",\"parentId\":\"c1\",\"kind\":\"SERVER\",\"name\":\"get\","
    "\"timestamp\":1785000000000001,\"duration\":250,\"shared\":true,"
    "\"localEndpoint\":{\"serviceName\":\"shop\"},\"remoteEndpoint\":{\"ipv4\":\"10.0.0.1\"},"
    "\"annotations\":[{\"timestamp\":1785000000000002,\"value\":\"cache miss\"}],"
    "\"tags\":{\"http.method\":\"GET\",\"error\":\"timeout\"}},"
    "{\"traceId\":\"0a\",\"id\":\"b2\",\"name\":\"open\",\"timestamp\":5,"
    "\"localEndpoint\":{\"serviceName\":\"shop\"}}]";

static void
test_span_formats__read_zipkin(void **state)
{
    (void)state;
    check_decoded(zipkin_read, zipkin,
                  "span get trace=0000000000000000000000000000000a id=00000000000000b1 "
                  "parent=00000000000000c1 kind=2 status=2 flags=1 "
                  "1785000000000001000-1785000000000251000 service=shop scope= http.method=GET "
                  "error=timeout peer.service=10.0.0.1 event@1785000000000002000=cache miss "
                  "why=timeout\n"
                  "span open trace=0000000000000000000000000000000a id=00000000000000b2 parent= "
                  "kind=0 status=0 flags=0 5000-0 service=shop scope=\n");
    check_refused(zipkin_read, "[{\"traceId\":\"1\",\"id\":\"1\"},3]",
                  "line 1: there is something else than an object in the list", 1);
    check_hostile(zipkin_read, STR("[{\"traceId\":\"0a\",\"annotations\":[{\"value\":\"\\\"\"}],"
                                   "\"tags\":{\"a\":\"b\"},\"duration\":1e30}]"));
}

static const char jaeger[] =
    "{\"data\":[{\"traceID\":\"a\",\"spans\":[{\"traceID\":\"a\",\"spanID\":\"b\","
    "\"operationName\":\"HTTP GET\",\"references\":[{\"refType\":\"CHILD_OF\",\"traceID\":\"a\","
    "\"spanID\":\"c\"},{\"refType\":\"FOLLOWS_FROM\",\"traceID\":\"a\",\"spanID\":\"d\"}],"
    "\"startTime\":1785000000000001,\"duration\":9,\"tags\":[{\"key\":\"span.kind\",\"type\":"
    "\"string\",\"value\":\"client\"},{\"key\":\"error\",\"type\":\"bool\",\"value\":true},"
    "{\"key\":\"big\",\"type\":\"int64\",\"value\":\"9007199254740993\"},{\"key\":\"f\",\"type\":"
    "\"float64\",\"value\":2}],\"logs\":[{\"timestamp\":1785000000000002,\"fields\":[{\"key\":"
    "\"event\",\"type\":\"string\",\"value\":\"retry\"}]}],\"processID\":\"p1\"},"
    "{\"traceID\":\"a\",\"spanID\":\"e\",\"operationName\":\"later\",\"references\":[{\"refType\":"
    "\"FOLLOWS_FROM\",\"traceID\":\"a\",\"spanID\":\"b\"}],\"startTime\":1,\"duration\":1,"
    "\"processID\":\"p2\"}],"
    "\"processes\":{\"p1\":{\"serviceName\":\"shop\",\"tags\":[]}}}],\"total\":0}";

static void
test_span_formats__read_jaeger(void **state)
{
    (void)state;
    check_decoded(jaeger_read, jaeger,
                  "span HTTP GET trace=0000000000000000000000000000000a id=000000000000000b "
                  "parent=000000000000000c kind=3 status=2 flags=0 "
                  "1785000000000001000-1785000000000010000 service=shop scope= span.kind=client "
                  "error=true big=9007199254740993 f=2 event@1785000000000002000=retry event=retry "
                  "follows=000000000000000d\n"
                  "span later trace=0000000000000000000000000000000a id=000000000000000e "
                  "parent=000000000000000b kind=0 status=0 flags=0 1000-2000 service= scope= "
                  "follows=000000000000000b\n");
    check_hostile(jaeger_read, STR("{\"data\":[{\"spans\":[{\"traceID\":\"a\",\"tags\":[{\"key\":1}"
                                   "],\"references\":[{}]}],\"processes\":{\"p\":{}}}]}"));
}

/* Names of the spans below each other, by indent. */
static bool
take_tree(void *context, const struct span *span)
{
    struct buf *out = context;
    buf_printf(out, "%.*s %s %lld-%lld %.*s\n", (int)span->name.n, span->name.p,
               span->parent_id.n == 0 ? "root" : "child", (long long)span->start_ns,
               (long long)span->end_ns, (int)span->resource->service.n, span->resource->service.p);
    return true;
}

static void
test_span_formats__nest_chrome_events(void **state)
{
    static const char body[] =
        "[{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":1,\"args\":{\"name\":\"tab\"}},"
        "{\"ph\":\"X\",\"name\":\"inner\",\"ts\":20,\"dur\":5,\"pid\":1,\"tid\":1},"
        "{\"ph\":\"X\",\"name\":\"outer\",\"ts\":10,\"dur\":30,\"pid\":1,\"tid\":1},"
        "{\"ph\":\"B\",\"name\":\"begun\",\"ts\":50.5,\"pid\":1,\"tid\":1},"
        "{\"ph\":\"B\",\"name\":\"deeper\",\"ts\":51,\"pid\":1,\"tid\":1},"
        "{\"ph\":\"E\",\"ts\":52,\"pid\":1,\"tid\":1},{\"ph\":\"E\",\"ts\":53,\"pid\":1,\"tid\":1},"
        "{\"ph\":\"E\",\"ts\":54,\"pid\":1,\"tid\":1},";
    struct buf out;
    struct span_sink sink = {&out, take_tree, NULL};
    struct delivery delivery = {0};
    (void)state;
    buf_init(&out, 65536);
    assert_true(chrome_trace_read(str_from(body), &sink, &delivery)); /* an end is not needed */
    assert_string_equal(out.data, "outer root 10000-40000 tab\n"
                                  "inner child 20000-25000 tab\n"
                                  "begun root 50500-53000 tab\n"
                                  "deeper child 51000-52000 tab\n");
    buf_done(&out);
    check_refused(chrome_trace_read, "{\"traceEvents\":[]}", "there are no events in it", 0);
    check_hostile(chrome_trace_read, STR("{\"traceEvents\":[{\"ph\":\"b\",\"id\":1,\"ts\":1},{"
                                         "\"ph\":\"e\",\"id\":1,\"ts\":2,\"args\":{\"a\":[1]}}]}"));
}

static void
test_span_formats__lay_requests_end_to_end(void **state)
{
    struct recorded recorded = {.refuse = false};
    (void)state;
    static const char body[] =
        "{\"trace_id\":\"0102030405060708090a0b0c0d0e0f10\",\"timestamp\":\"1970-01-01T00:00:01."
        "5Z\","
        "\"request\":{\"method\":\"POST\",\"path\":\"/tools/invoke\",\"tool\":\"database-query\","
        "\"duration_ms\":450},\"spans\":[{\"name\":\"auth\",\"duration_ms\":5},"
        "{\"name\":\"tool_execution\",\"duration_ms\":400.5,\"rows\":3}],"
        "\"resources\":{\"cpu_percent\":45}}";
    assert_true(record(&recorded, mission_requests_read, str_from(body)));
    assert_int_equal(recorded.delivery.spans, 3);
    const char *text = recorded.text.data;
    assert_non_null(strstr(text, "span POST /tools/invoke trace=0102030405060708090a0b0c0d0e0f10"));
    assert_non_null(strstr(text, "flags=2 1500000000-1950000000 service= scope= "
                                 "http.request.method=POST url.path=/tools/invoke "
                                 "gen_ai.tool.name=database-query "
                                 "flametop.resources:={\"cpu_percent\":45}\n"));
    assert_non_null(strstr(text, "flags=2 1500000000-1505000000 "));
    assert_non_null(strstr(text, "flags=2 1505000000-1905500000 service= scope= rows=3\n"));
    buf_done(&recorded.text);
}

/* Together they are no longer than one may be: what is beyond that is refused, and counted. */
static void
test_span_formats__bound_the_sum_of_parts(void **state)
{
    struct recorded recorded = {.refuse = false};
    (void)state;
    assert_true(record(&recorded, mission_requests_read,
                       STR("{\"timestamp\":1,\"spans\":["
                           "{\"name\":\"first\",\"duration_ms\":315575999999},"
                           "{\"name\":\"beyond\",\"duration_ms\":2},"
                           "{\"name\":\"last\",\"duration_ms\":1}]}")));
    assert_int_equal(recorded.delivery.spans, 4);
    assert_int_equal(recorded.delivery.refused, 1);
    assert_non_null(strstr(recorded.text.data, " 1000000000-315576001000000000 "));
    assert_non_null(strstr(recorded.text.data, " 315576000999000000-315576001000000000 "));
    assert_null(strstr(recorded.text.data, "beyond"));
    buf_done(&recorded.text);
}

static void
test_span_formats__take_requests_of_any_number(void **state)
{
    struct recorded recorded = {.refuse = false};
    (void)state;
    /* A list; lines; and one that ended just now, as long as its parts. */
    assert_true(
        record(&recorded, mission_requests_read,
               STR("[{\"duration_ms\":1,\"path\":\"/a\"},{\"request\":{\"duration_ms\":2}}]\n"
                   "{\"spans\":[{\"name\":\"x\",\"duration_ms\":500}]}")));
    assert_int_equal(recorded.delivery.spans, 4);
    assert_non_null(strstr(recorded.text.data, "span /a "));
    assert_non_null(strstr(recorded.text.data, " 1999000000-2000000000 "));
    assert_non_null(strstr(recorded.text.data, "flags=2 1500000000-2000000000 "));
    buf_done(&recorded.text);
    check_refused(mission_requests_read, "{\"duration_ms\":1}\n{\"request\":{}}",
                  "line 2: a request has neither \"duration_ms\" nor \"spans\"", 1);
    check_refused(mission_requests_read, "{\"duration_ms\":null}",
                  "line 1: a request has neither \"duration_ms\" nor \"spans\"", 0);
    static const char *const wrong[] = {"-1", "\"abc\"", "1e308", "315576000001", "\"NaN\"", "[1]"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char body[100];
        snprintf(body, sizeof(body), "{\"duration_ms\":%s,\"spans\":[]}", wrong[i]);
        check_refused(mission_requests_read, body,
                      "line 1: \"duration_ms\" is a number from 0 to ten years", 0);
    }
    check_hostile(mission_requests_read,
                  STR("[{\"request\":{\"method\":\"A\",\"path\":\"\\u0041\",\"duration_ms\":1e400,"
                      "\"error\":{}},\"spans\":[{\"name\":1,\"duration_ms\":-1,\"a\":[]}],"
                      "\"timestamp\":\"2026-02-30T25:61:61+9\"}]"));
}

static void
test_span_formats__read_samples(void **state)
{
    (void)state;
    check_decoded(
        mission_samples_read,
        "{\"name\":\"my_metric\",\"value\":42,\"unit\":\"By\",\"tags\":{\"k\":\"v\",\"n\":"
        "3}}\n[{\"metric\":\"t\",\"value\":\"1.5\",\"unit\":\"ms\",\"type\":\"timer\"}]\n",
        "gauge my_metric 42 x1 [By] k=v n=3\n"
        "time t 1.5 x1 [ms]\n");
    check_refused(mission_samples_read, "{\"name\":\"a\",\"value\":\"b\"}",
                  "line 1: a sample needs \"name\" and \"value\", a number", 0);
    check_refused(mission_samples_read, "{\"name\":\"a\",\"value\":1,\"kind\":\"x\"}",
                  "line 1: \"kind\" is none of gauge, counter, histogram, timer, summary, "
                  "distribution, set",
                  0);
}

static void
check_format(const char *head, const char *name)
{
    const struct span_format *format = span_format_detect(str_from(head), true);
    if (name == NULL) {
        assert_null(format);
    } else {
        assert_non_null(format);
        assert_string_equal(format->name, name);
    }
}

static void
test_span_formats__are_told_apart(void **state)
{
    (void)state;
    check_format(zipkin, "Zipkin JSON");
    check_format(jaeger, "Jaeger JSON");
    check_format("{\"resourceSpans\":[", "OTLP JSON");
    check_format("{\"batches\":[{\"scopeSpans\":[]}]}", "OTLP JSON");
    check_format("[{\"ph\":\"X\",\"ts\":1}", "Chrome trace events");
    check_format("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[", "Chrome trace events");
    check_format("{\"request\":{\"duration_ms\":1}}", "requests of the profiling data model");
    check_format("\x0a\x07\x0a\x05\x0a\x03\x0a\x01"
                 "a",
                 "OTLP protobuf");
    check_format("{\"schema\":\"flametop\"}", NULL);
    check_format("main;a 3\n", NULL);
    check_format("", NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_span_formats__read_zipkin),
        cmocka_unit_test(test_span_formats__read_jaeger),
        cmocka_unit_test(test_span_formats__nest_chrome_events),
        cmocka_unit_test(test_span_formats__lay_requests_end_to_end),
        cmocka_unit_test(test_span_formats__bound_the_sum_of_parts),
        cmocka_unit_test(test_span_formats__take_requests_of_any_number),
        cmocka_unit_test(test_span_formats__read_samples),
        cmocka_unit_test(test_span_formats__are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
