/* OTLP in protobuf and JSON: the same spans and readings come of both. */
#include "recorded.h"

#include <math.h>
#include <stdlib.h>

#include "flametop/base/macros.h"
#include "flametop/base/protobuf.h"

/* ---- protobuf, by hand ---- */

static void
put_bytes(struct buf *out, unsigned number, const void *bytes, size_t n)
{
    buf_put_varint(out, number << 3 | PROTOBUF_BYTES);
    buf_put_varint(out, n);
    buf_add(out, bytes, n);
}

static void
put_text(struct buf *out, unsigned number, const char *text)
{
    put_bytes(out, number, text, strlen(text));
}

static void
put_number(struct buf *out, unsigned number, uint64_t value)
{
    buf_put_varint(out, number << 3 | PROTOBUF_VARINT);
    buf_put_varint(out, value);
}

static void
put_fixed(struct buf *out, unsigned number, uint64_t value)
{
    buf_put_varint(out, number << 3 | PROTOBUF_64);
    buf_put_u64(out, value);
}

static void
put_double(struct buf *out, unsigned number, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    put_fixed(out, number, bits);
}

/* A message inside another; what was in `inner` is gone. */
static void
put_message(struct buf *out, unsigned number, struct buf *inner)
{
    put_bytes(out, number, inner->n > 0 ? inner->data : "", inner->n);
    buf_clear(inner);
}

/* {key, {field: text}}. */
static void
put_attribute(struct buf *out, unsigned number, const char *key, unsigned field, const char *text)
{
    struct buf pair, value;
    buf_init(&pair, 4096);
    buf_init(&value, 4096);
    put_text(&value, field, text);
    put_text(&pair, 1, key);
    put_message(&pair, 2, &value);
    put_message(out, number, &pair);
    buf_done(&pair);
    buf_done(&value);
}

static void
put_integer_attribute(struct buf *out, unsigned number, const char *key, int64_t integer)
{
    struct buf pair, value;
    buf_init(&pair, 4096);
    buf_init(&value, 4096);
    put_number(&value, 3, (uint64_t)integer);
    put_text(&pair, 1, key);
    put_message(&pair, 2, &value);
    put_message(out, number, &pair);
    buf_done(&pair);
    buf_done(&value);
}

/* {"list": ["a", {"k": 7}]} as an AnyValue. */
static void
put_nested_attribute(struct buf *out, unsigned number)
{
    struct buf value, array, element, map, pair;
    buf_init(&value, 4096);
    buf_init(&array, 4096);
    buf_init(&element, 4096);
    buf_init(&map, 4096);
    buf_init(&pair, 4096);
    put_text(&element, 1, "a");
    put_message(&array, 1, &element);
    put_integer_attribute(&map, 1, "k", 7);
    put_message(&element, 6, &map);
    put_message(&array, 1, &element);
    put_message(&value, 5, &array);
    put_text(&pair, 1, "list");
    put_message(&pair, 2, &value);
    put_message(out, number, &pair);
    buf_done(&value);
    buf_done(&array);
    buf_done(&element);
    buf_done(&map);
    buf_done(&pair);
}

static void
put_span(struct buf *out)
{
    struct buf part;
    buf_init(&part, 4096);
    put_bytes(out, 1, "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10", 16);
    put_bytes(out, 2, "\xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa8", 8);
    put_text(out, 3, "x=1,ot=th:c");
    put_bytes(out, 4, "\0\0\0\0\0\0\0\0", 8);
    put_text(out, 5, "GET /a");
    put_number(out, 6, SPAN_SERVER);
    put_fixed(out, 7, UINT64_C(1785000000000000123));
    put_fixed(out, 8, UINT64_C(1785000000000000456));
    put_attribute(out, 9, "http.route", 1, "/a");
    put_integer_attribute(out, 9, "rows", -3);
    put_nested_attribute(out, 9);
    put_fixed(&part, 1, UINT64_C(1785000000000000200));
    put_text(&part, 2, "retry");
    put_attribute(&part, 3, "why", 1, "busy");
    put_message(out, 11, &part);
    put_bytes(&part, 2, "\xb1\xb2\xb3\xb4\xb5\xb6\xb7\xb8", 8);
    put_message(out, 13, &part);
    put_text(&part, 2, "late");
    put_number(&part, 3, SPAN_ERROR);
    put_message(out, 15, &part);
    buf_done(&part);
}

/* `late`: the resource stands behind what belongs to it. */
static void
put_request(struct buf *out, bool late)
{
    struct buf resource_spans, scope_spans, part;
    buf_init(&resource_spans, 65536);
    buf_init(&scope_spans, 65536);
    buf_init(&part, 65536);
    put_text(&part, 1, "lib");
    put_message(&scope_spans, 1, &part);
    put_span(&part);
    put_message(&scope_spans, 2, &part);
    put_attribute(&part, 1, "service.name", 1, "shop");
    if (!late) {
        put_message(&resource_spans, 1, &part);
    }
    put_message(&resource_spans, 2, &scope_spans);
    if (late) {
        put_message(&resource_spans, 1, &part);
    }
    put_message(out, 1, &resource_spans);
    buf_done(&resource_spans);
    buf_done(&scope_spans);
    buf_done(&part);
}

static const char span_line[] =
    "span GET /a trace=0102030405060708090a0b0c0d0e0f10 id=a1a2a3a4a5a6a7a8 parent= kind=2 "
    "status=2 flags=0 1785000000000000123-1785000000000000456 p=0.25 service=shop scope=lib "
    "http.route=/a rows=-3 list:=[\"a\",{\"k\":7}] event@1785000000000000200=retry why=busy "
    "link=b1b2b3b4b5b6b7b8 why=late\n";

static const char span_json[] =
    "{\"traceId\":\"0102030405060708090A0B0C0D0E0F10\",\"spanId\":\"a1a2a3a4a5a6a7a8\","
    "\"parentSpanId\":\"\",\"traceState\":\"x=1,ot=th:c\",\"name\":\"GET /a\",\"kind\":2,"
    "\"startTimeUnixNano\":\"1785000000000000123\",\"endTimeUnixNano\":1785000000000000456,"
    "\"attributes\":[{\"key\":\"http.route\",\"value\":{\"stringValue\":\"\\u002fa\"}},"
    "{\"key\":\"rows\",\"value\":{\"intValue\":\"-3\"}},"
    "{\"key\":\"list\",\"value\":{\"arrayValue\":{\"values\":[{\"stringValue\":\"a\"},"
    "{\"kvlistValue\":{\"values\":[{\"key\":\"k\",\"value\":{\"intValue\":7}}]}}]}}}],"
    "\"events\":[{\"timeUnixNano\":\"1785000000000000200\",\"name\":\"retry\","
    "\"attributes\":[{\"key\":\"why\",\"value\":{\"stringValue\":\"busy\"}}]}],"
    "\"links\":[{\"spanId\":\"b1b2b3b4b5b6b7b8\"}],"
    "\"status\":{\"message\":\"late\",\"code\":\"STATUS_CODE_ERROR\"},\"unknown\":[{}]}";

static const char resource_json[] =
    "\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":{\"stringValue\":\"shop\"}}]"
    "}";

static void
test_otlp__reads_protobuf(void **state)
{
    struct recorded recorded = {.refuse = false};
    struct buf body;
    (void)state;
    buf_init(&body, 65536);
    put_request(&body, false);
    put_request(&body, true);
    assert_true(record(&recorded, otlp_traces_read, (struct str){body.data, body.n}));
    assert_int_equal(recorded.delivery.spans, 2);
    assert_memory_equal(recorded.text.data, span_line, strlen(span_line));
    assert_string_equal(recorded.text.data + strlen(span_line), span_line);
    buf_done(&recorded.text);
    buf_done(&body);
}

static void
test_otlp__reads_json(void **state)
{
    char body[8192], twice[8192];
    (void)state;
    snprintf(twice, sizeof(twice), "%s%s", span_line, span_line);
    snprintf(body, sizeof(body),
             "{\"resourceSpans\":[{%s,\"scopeSpans\":[{\"scope\":{\"name\":\"lib\"},\"spans\":[%s]}"
             "]}]}",
             resource_json, span_json);
    check_decoded(otlp_json_read, body, span_line);
    /* Whose they are comes last; two documents, one a line. */
    snprintf(body, sizeof(body),
             "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[%s],\"scope\":{\"name\":\"lib\"}}],%"
             "s}]}\n{\"batches\":[{%s,\"instrumentationLibrarySpans\":[{\"instrumentationLibrary\":"
             "{\"name\":\"lib\"},\"spans\":[%s]}]}]}\n",
             span_json, resource_json, resource_json, span_json);
    check_decoded(otlp_json_read, body, twice);
    /* Jaeger's wrapper. */
    snprintf(body, sizeof(body),
             "{\"result\":{\"resourceSpans\":[{%s,\"scopeSpans\":[{\"scope\":{\"name\":\"lib\"},"
             "\"spans\":[%s]}]}]}}",
             resource_json, span_json);
    check_decoded(otlp_json_read, body, span_line);
}

/* The pointer is what tells resources apart. */
static bool
take_resource(void *context, const struct span *span)
{
    const struct span_resource **seen = context;
    seen[seen[0] == NULL ? 0 : seen[1] == NULL ? 1 : 2] = span->resource;
    return true;
}

static void
test_otlp__gives_each_resource_a_pointer(void **state)
{
    const struct span_resource *seen[3] = {NULL};
    struct span_sink sink = {seen, take_resource, NULL};
    struct delivery delivery = {0};
    struct buf body;
    (void)state;
    buf_init(&body, 65536);
    put_request(&body, false);
    put_request(&body, false);
    assert_true(otlp_traces_read((struct str){body.data, body.n}, &sink, &delivery));
    assert_non_null(seen[1]);
    assert_ptr_not_equal(seen[0], seen[1]);
    buf_done(&body);
}

static void
test_otlp__reads_ids_of_any_form(void **state)
{
    (void)state;
    /* Base64 of 16 and 8 bytes, as old Tempo writes them; a UUID. */
    check_decoded(otlp_json_read,
                  "{\"resourceSpans\":[{\"resource\":{},\"scopeSpans\":[{\"scope\":{},\"spans\":["
                  "{\"traceId\":\"AQIDBAUGBwgJCgsMDQ4PEA==\",\"spanId\":\"oaKjpKWmp6g=\"},"
                  "{\"traceId\":\"01020304-0506-0708-090a-0b0c0d0e0f10\",\"spanId\":\"1\"},"
                  "{\"traceId\":\"no hex\",\"spanId\":\"0000000000000000\"}]}]}]}",
                  "span  trace=0102030405060708090a0b0c0d0e0f10 id=a1a2a3a4a5a6a7a8 parent= kind=0 "
                  "status=0 flags=0 0-0 service= scope=\n"
                  "span  trace=0102030405060708090a0b0c0d0e0f10 id=0000000000000001 parent= kind=0 "
                  "status=0 flags=0 0-0 service= scope=\n"
                  "span  trace=6e6f20686578 id= parent= kind=0 status=0 flags=0 0-0 service= "
                  "scope=\n");
}

static void
test_otlp__refuses_what_is_damaged(void **state)
{
    struct recorded recorded = {.refuse = false};
    struct buf body;
    (void)state;
    buf_init(&body, 65536);
    put_request(&body, false);
    assert_false(record(&recorded, otlp_traces_read, (struct str){body.data, body.n - 1}));
    assert_string_equal(recorded.delivery.why, "a field is cut or damaged");
    buf_done(&recorded.text);
    check_hostile(otlp_traces_read, (struct str){body.data, body.n});
    buf_done(&body);
    check_refused(otlp_json_read, "{\"resourceSpans\":[\n{]}",
                  "line 2: a bracket closes what is not open", 0);
    check_refused(otlp_json_read, "[]", "line 1: this is no object of the kind expected", 0);
    check_refused(otlp_json_read, "", "there is nothing in it", 0);
    check_hostile(otlp_json_read, STR("{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"name\":"
                                      "\"\\u12\",\"attributes\":[{\"key\":\"k\",\"value\":{"
                                      "\"arrayValue\":{\"values\":[{\"kvlistValue\":{\"values\":[{"
                                      "\"key\":\"a\",\"value\":{}}]}}]}}}]}]}]}]}"));
}

/* As deep as somebody likes: iterative, and told where it was too deep. */
static void
test_otlp__survives_depth(void **state)
{
    struct recorded recorded = {.refuse = false};
    struct buf inner, outer, body;
    (void)state;
    buf_init(&inner, 65536);
    buf_init(&outer, 65536);
    buf_init(&body, 65536);
    put_text(&inner, 1, "end");
    for (int i = 0; i < 300; i++) { /* {array: {values: [...]}} */
        put_message(&outer, 1, &inner);
        put_message(&inner, 5, &outer);
    }
    put_text(&outer, 1, "deep");
    put_message(&outer, 2, &inner);
    put_message(&inner, 9, &outer);
    put_message(&outer, 2, &inner);
    put_message(&inner, 2, &outer);
    put_message(&body, 1, &inner);
    assert_true(record(&recorded, otlp_traces_read, (struct str){body.data, body.n}));
    assert_non_null(strstr(recorded.text.data, " deep=(larger than can be shown)\n"));
    buf_done(&recorded.text);
    buf_done(&inner);
    buf_done(&outer);
    buf_done(&body);
}

static void
test_otlp__counts_what_is_too_much(void **state)
{
    struct recorded recorded = {.refuse = false};
    struct buf span, list, body;
    (void)state;
    buf_init(&span, 1 << 20);
    buf_init(&list, 1 << 20);
    buf_init(&body, 1 << 20);
    for (int i = 0; i < SPAN_ATTRIBUTES_MAX + 5; i++) {
        put_integer_attribute(&span, 9, "k", i);
    }
    put_message(&list, 2, &span);
    put_message(&span, 2, &list);
    put_message(&body, 1, &span);
    recorded.refuse = true;
    assert_true(record(&recorded, otlp_traces_read, (struct str){body.data, body.n}));
    assert_int_equal(recorded.delivery.cut, 5);
    assert_int_equal(recorded.delivery.refused, 1);
    buf_done(&recorded.text);
    buf_done(&span);
    buf_done(&list);
    buf_done(&body);
}

/* ---- metrics ---- */

/* {name, unit, FIELD: {dataPoints: [point], temporality, monotonic}}. */
static void
put_metric(struct buf *out, const char *name, const char *unit, unsigned field, struct buf *point,
           unsigned temporality, bool monotonic)
{
    struct buf data, metric;
    buf_init(&data, 4096);
    buf_init(&metric, 4096);
    put_message(&data, 1, point);
    put_number(&data, 2, temporality);
    put_number(&data, 3, monotonic);
    put_text(&metric, 1, name);
    put_text(&metric, 3, unit);
    put_message(&metric, field, &data);
    put_message(out, 2, &metric);
    buf_done(&data);
    buf_done(&metric);
}

static void
put_metrics(struct buf *body)
{
    struct buf point, metrics, resource;
    uint8_t packed[16] = {2, 0, 0, 0, 0, 0, 0, 0, 1}, bounds[8];
    double half = 0.5;
    buf_init(&point, 4096);
    buf_init(&metrics, 4096);
    buf_init(&resource, 4096);
    put_double(&point, 4, 1.5);
    put_attribute(&point, 7, "k", 1, "v");
    put_metric(&metrics, "g", "ms", 5, &point, 0, false);
    put_fixed(&point, 6, (uint64_t)INT64_C(-4));
    put_metric(&metrics, "down", "", 7, &point, 2, false);
    put_fixed(&point, 6, 9);
    put_metric(&metrics, "total", "", 7, &point, 2, true);
    put_fixed(&point, 6, 9);
    put_metric(&metrics, "more", "", 7, &point, 1, true);
    memcpy(bounds, &half, sizeof(half));
    put_fixed(&point, 4, 3);
    put_double(&point, 5, 2.5);
    put_bytes(&point, 6, packed, sizeof(packed));
    put_bytes(&point, 7, bounds, sizeof(bounds));
    put_metric(&metrics, "h", "s", 9, &point, 1, false);
    put_message(&resource, 2, &metrics);
    put_message(body, 1, &resource);
    buf_done(&point);
    buf_done(&metrics);
    buf_done(&resource);
}

static const char metric_lines[] = "gauge g 1.5 x1 [ms] k=v\n"
                                   "gauge down -4 x1 []\n"
                                   "total total 9 x1 []\n"
                                   "count more 9 x1 []\n"
                                   "histogram h nan x1 [s] (-inf,0.5]2 (0.5,inf]1\n";

static void
test_otlp__reads_metrics(void **state)
{
    struct recorded recorded = {.refuse = false};
    struct buf body;
    (void)state;
    buf_init(&body, 65536);
    put_metrics(&body);
    assert_true(record(&recorded, otlp_metrics_read, (struct str){body.data, body.n}));
    assert_string_equal(recorded.text.data, metric_lines);
    buf_done(&recorded.text);
    check_hostile(otlp_metrics_read, (struct str){body.data, body.n});
    buf_done(&body);
}

static void
test_otlp__reads_metrics_of_json(void **state)
{
    (void)state;
    check_decoded(
        otlp_json_metrics_read,
        "{\"resourceMetrics\":[{\"resource\":{},\"scopeMetrics\":[{\"scope\":{},\"metrics\":["
        "{\"name\":\"g\",\"unit\":\"ms\",\"gauge\":{\"dataPoints\":[{\"asDouble\":1.5,"
        "\"attributes\":[{\"key\":\"k\",\"value\":{\"stringValue\":\"v\"}}]}]}},"
        "{\"name\":\"down\",\"sum\":{\"dataPoints\":[{\"asInt\":\"-4\"}],"
        "\"aggregationTemporality\":2}},"
        "{\"name\":\"total\",\"sum\":{\"dataPoints\":[{\"asInt\":9}],\"isMonotonic\":true,"
        "\"aggregationTemporality\":\"AGGREGATION_TEMPORALITY_CUMULATIVE\"}},"
        "{\"name\":\"more\",\"sum\":{\"aggregationTemporality\":1,\"isMonotonic\":true,"
        "\"dataPoints\":[{\"asInt\":9}]}},"
        "{\"name\":\"h\",\"unit\":\"s\",\"histogram\":{\"dataPoints\":[{\"count\":\"3\",\"sum\":2."
        "5,"
        "\"bucketCounts\":[\"2\",1],\"explicitBounds\":[0.5]}],\"aggregationTemporality\":1}}]}]}]"
        "}",
        metric_lines);
}

static void
test_otlp__reads_exponential_histograms_and_summaries(void **state)
{
    (void)state;
    check_decoded(
        otlp_json_metrics_read,
        "{\"resourceMetrics\":[{\"resource\":{},\"scopeMetrics\":[{\"scope\":{},\"metrics\":["
        "{\"name\":\"e\",\"exponentialHistogram\":{\"aggregationTemporality\":2,\"dataPoints\":[{"
        "\"count\":4,\"scale\":0,\"zeroCount\":1,\"positive\":{\"offset\":1,\"bucketCounts\":[2,0,"
        "1]}}]}},"
        "{\"name\":\"s\",\"unit\":\"s\",\"summary\":{\"dataPoints\":[{\"count\":4,\"sum\":10,"
        "\"quantileValues\":[{\"quantile\":0.5,\"value\":2}]}]}}]}]}]}",
        "histograms e nan x1 [] (0,0]1 (2,4]2 (8,16]1\n"
        "gauge s 2 x1 [s] quantile=0.5\n"
        "total s.sum 10 x1 [s]\n"
        "total s.count 4 x1 []\n");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_otlp__reads_protobuf),
        cmocka_unit_test(test_otlp__reads_json),
        cmocka_unit_test(test_otlp__gives_each_resource_a_pointer),
        cmocka_unit_test(test_otlp__reads_ids_of_any_form),
        cmocka_unit_test(test_otlp__refuses_what_is_damaged),
        cmocka_unit_test(test_otlp__survives_depth),
        cmocka_unit_test(test_otlp__counts_what_is_too_much),
        cmocka_unit_test(test_otlp__reads_metrics),
        cmocka_unit_test(test_otlp__reads_metrics_of_json),
        cmocka_unit_test(test_otlp__reads_exponential_histograms_and_summaries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
