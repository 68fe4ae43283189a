#include "../check.h"

#include "flametop/base/macros.h"
#include "flametop/trace/filter.h"
#include "generate.h"

static bool
matches(const char *text, const struct trace *trace)
{
    char why[160];
    struct trace_filter *filter = trace_filter_new(str_from(text), why, sizeof(why));
    if (filter == NULL) {
        fail_msg("%s: %s", text, why);
    }
    bool matches = trace_filter_matches(filter, trace);
    trace_filter_free(filter);
    return matches;
}

static void
test_trace_filter__tells_which_are_wanted(void **state)
{
    (void)state;
    struct generated *g = generate(GENERATE_PLAIN, 12, 1);
    g->spans[0].status = SPAN_ERROR;
    struct traces *list;
    const struct trace *trace = generate_trace(g, &list);
    static const struct {
        const char *text;
        bool wanted;
    } cases[] = {
        {"service=shop", true},
        {"service=Shop endpoint~/users", true},
        {"service=nobody", false},
        {"!service=nobody", true},
        {"service!=shop", false},
        {"endpoint=\"GET /users/{id}\"", true},
        {"endpoint=\"get /USERS/{id}\"", true},
        {"endpoint~/tools", false},
        {"duration>200ms", true},
        {"duration>=1s", true},
        {"duration>1s", false},
        {"duration<1.5s", true},
        {"status=error", true},
        {"status=ok", false},
        {"status=ok|error", true},
        {"status=slow", false},
        {"spans=12", true},
        {"spans>11 spans<13", true},
        {"system=db", true},
        {"system=messaging", false},
        {"name~select", true},
        {"code.function=handler", true},
        {"attr.code.function=handler", true},
        {"code.function=Handler", false},
        {"code.function~and", true},
        {"process.pid=1001", true},
        {"process.pid=9", false},
        {"load>2.7", true},
        {"load>2.75", false},
        {"load=0.25", true},
        {"load=0.250", true},
        {"ok=true", true},
        {"no.such.key=1", false},
        {"no.such.key!=1", true},
        {"trace=zz", false},
        {"users", true},
        {"cart", true},
        {"nowhere", false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        if (matches(cases[i].text, trace) != cases[i].wanted) {
            fail_msg("%s", cases[i].text);
        }
    }
    char id[80], text[96];
    snprintf(text, sizeof(text), "trace=%.10s", trace_id_text(trace, id, sizeof(id)));
    assert_true(matches(text, trace));
    traces_release(list);
    generate_free(g);
}

static void
test_trace_filter__tells_which_spans_are_wanted(void **state)
{
    (void)state;
    struct generated *g = generate(GENERATE_PLAIN, 12, 1);
    struct traces *list;
    const struct trace *trace = generate_trace(g, &list);
    char why[160];
    struct trace_filter *filter = trace_filter_new(STR("system=db load>2"), why, sizeof(why));
    size_t wanted = 0;
    for (uint32_t i = 0; i < trace->span_count; i++) {
        wanted += trace_filter_matches_span(filter, trace, i);
    }
    assert_int_equal(wanted, 1); /* 10: 1, 4 and 7 carry less */
    trace_filter_free(filter);
    traces_release(list);
    generate_free(g);
}

static void
test_trace_filter__says_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"duration>200", "200"},
        {"status=bad", "status is ok"},
        {"service>3", "no order"},
        {"load>x", "no number"},
        {"spans=many", "no number"},
        {"=x", "missing"},
        {"service=", "a value is missing"},
        {"service=a||b", "a value is missing"},
        {"x=1|2|3|4|5|6|7|8|9|10|11|12|13|14|15|16|17", "too many values"},
        {"a b c d e f g h i j k l m n o p q", "too many terms"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char why[160];
        assert_null(trace_filter_new(str_from(cases[i].text), why, sizeof(why)));
        if (strstr(why, cases[i].why) == NULL) {
            fail_msg("%s: %s", cases[i].text, why);
        }
    }
    char why[160] = "x";
    assert_null(trace_filter_new(STR("  "), why, sizeof(why)));
    assert_string_equal(why, "");
    assert_true(trace_filter_matches(NULL, NULL));
}

static void
test_trace_filter__knows_patterns(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool fits;
    } cases[] = {{"*", "", true},
                 {"", "", true},
                 {"a", "", false},
                 {"GET /x", "get /X", true},
                 {"GET *", "GET /x", true},
                 {"*x", "aax", true},
                 {"a*b*c", "aXbYc", true},
                 {"a*b*c", "aXbY", false},
                 {"*a*a*a*b", "aaaaaaaa", false},
                 {"/x*", "/xyz", true},
                 {"/x", "/xyz", false}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        if (trace_glob(cases[i].pattern, str_from(cases[i].text)) != cases[i].fits) {
            fail_msg("%s and %s", cases[i].pattern, cases[i].text);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trace_filter__tells_which_are_wanted),
        cmocka_unit_test(test_trace_filter__tells_which_spans_are_wanted),
        cmocka_unit_test(test_trace_filter__says_what_is_wrong),
        cmocka_unit_test(test_trace_filter__knows_patterns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
