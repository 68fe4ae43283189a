/* A request as OTLP JSON. */
#include "../check.h"

#include <string.h>

#include "../ui/fake_traces.h"
#include "flametop/base/json_scan.h"
#include "flametop/core/traces.h"
#include "flametop/export/trace.h"

static const struct trace *
first_with(const struct traces *traces, uint32_t flag)
{
    struct traces_cursor cursor = {0};
    const struct trace *trace = traces_next(traces, &cursor);
    while (trace != NULL && (trace->flags & flag) != flag) {
        trace = traces_next(traces, &cursor);
    }
    assert_non_null(trace);
    return trace;
}

static size_t
count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at++) {
        count++;
    }
    return count;
}

static void
test_trace__holds_each_span_with_its_parent(void **state)
{
    struct fake fake;
    struct buf out;
    struct json_scan scan;
    (void)state;
    fake_init(&fake);
    fake_traces(&fake, 200);
    const struct trace *trace = first_with(fake.picture->traces, TRACE_ERROR);
    buf_init(&out, 1 << 20);
    assert_true(trace_write_otlp(trace, &out));
    json_scan_init(&scan, (struct str){out.data, out.n});
    assert_true(json_scan_skip(&scan, json_scan_next(&scan)));
    assert_int_equal(json_scan_next(&scan), JSON_END);
    assert_int_equal(count_of(out.data, "\"spanId\""), trace->span_count);
    assert_int_equal(count_of(out.data, "\"parentSpanId\""), trace->span_count - 1);
    assert_non_null(strstr(out.data, "\"service.name\""));
    assert_non_null(strstr(out.data, "{\"intValue\":\"504\"}"));
    assert_non_null(strstr(out.data, "\"message\":\"deadline exceeded\",\"code\":2"));
    buf_done(&out);
    fake_done(&fake);
}

static void
test_trace__running_has_no_end(void **state)
{
    struct fake fake;
    struct buf out;
    (void)state;
    fake_init(&fake);
    fake_traces(&fake, 8);
    buf_init(&out, 1 << 20);
    const struct trace *trace = first_with(fake.picture->traces, TRACE_UNFINISHED);
    assert_true(trace_write_otlp(trace, &out));
    assert_int_equal(count_of(out.data, "\"endTimeUnixNano\""), trace->span_count - 2);
    buf_done(&out);
    fake_done(&fake);
}

static void
test_trace__says_when_it_does_not_fit(void **state)
{
    struct fake fake;
    struct buf out;
    (void)state;
    fake_init(&fake);
    fake_traces(&fake, 8);
    buf_init(&out, 100);
    assert_false(trace_write_otlp(first_with(fake.picture->traces, 0), &out));
    buf_done(&out);
    fake_done(&fake);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trace__holds_each_span_with_its_parent),
        cmocka_unit_test(test_trace__running_has_no_end),
        cmocka_unit_test(test_trace__says_when_it_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
