/* Groups: by what, how many, how long, which way, and that a screen can go on while they are made.
 */
#include "../check.h"

#include <math.h>

#include "flametop/trace/group.h"
#include "made.h"

#define MINUTE (60 * NS_PER_S)

static struct trace *
request(const char *endpoint, const char *tool, int64_t at_ns, int64_t duration_ns, double weight,
        unsigned flags)
{
    struct made made = {
        .endpoint = endpoint, .tool = tool, .mono_ns = at_ns, .weight = weight, .flags = flags};
    made_span(&made, TRACE_NONE, endpoint, 0, duration_ns);
    uint32_t query = made_span(&made, 0, "SELECT", 0, duration_ns / 2);
    made.spans[query].attributes[0] =
        (struct made_attribute){.key = "db.name", .text = tool[0] != '\0' ? "tools" : "users"};
    made.spans[query].attribute_count = 1;
    return made_trace(&made);
}

/* Ten minutes: /a once a second, 100 ms, 400 ms in the last quarter; its tools in turn; /b with
 * weight 4 once in ten seconds, a second, half of them failed. */
static struct traces *
ten_minutes(uint64_t number)
{
    struct trace *traces[660];
    size_t count = 0;
    for (int64_t s = 0; s < 600; s++) {
        int64_t at_ns = MINUTE + s * NS_PER_S;
        traces[count++] = request("POST /a", s % 2 == 0 ? "sum" : "find", at_ns,
                                  (s >= 450 ? 400 : 100) * NS_PER_MS, 1, 0);
        if (s % 10 == 0) {
            traces[count++] = request("GET /b", "", at_ns, NS_PER_S, 4,
                                      s % 20 == 0 ? TRACE_ERROR | TRACE_SLOW : 0);
        }
    }
    return made_list(traces, count, number);
}

static struct trace_grouping
by(enum trace_group_by what)
{
    return (struct trace_grouping){
        .by = what, .attribute = "db.name", .scope = {.from_ns = MINUTE, .to_ns = 11 * MINUTE}};
}

static struct trace_groups *
groups_of(struct traces *list, struct trace_grouping grouping)
{
    struct trace_groups *groups = trace_groups_new();
    assert_non_null(groups);
    trace_groups_ask(groups, list, &grouping);
    while (!trace_groups_step(groups, 0)) {
    }
    return groups;
}

static void
test_group__counts_and_times(void **state)
{
    (void)state;
    struct traces *list = ten_minutes(1);
    struct trace_groups *groups = groups_of(list, by(GROUP_ENDPOINT));
    assert_int_equal(groups->count, 2);
    assert_true(groups->number == 1 && groups->span_s == 600);
    const struct trace_group *b = &groups->rows[0],
                             *a = &groups->rows[1]; /* b is waited for most */
    assert_string_equal(b->name, "GET /b");
    assert_string_equal(a->name, "POST /a");
    assert_true(b->traces == 60 && b->count == 240 && b->errors == 120 && b->slow == 120);
    assert_true(b->rate == 0.4 && fabs(b->waited_s - 24) < 1e-9);
    assert_true(fabs(b->p50_s - 1) < 0.006 && b->max_s == 1 && isnan(b->p99_s));
    assert_true(a->rate == 1 && a->errors == 0);
    assert_true(fabs(a->p50_s - 0.1) < 0.001 && fabs(a->p95_s - 0.4) < 0.003);
    assert_true(fabs(a->p99_s - 0.4) < 0.003);
    assert_true(fabs(a->ratio - 4) < 0.05 && a->trend == TREND_RISING);
    assert_true(fabs(b->ratio - 1) < 0.02 && b->trend == TREND_STABLE);
    assert_true(fabsf(a->trend_s[0] - 0.1F) < 1e-4F && fabsf(a->trend_s[23] - 0.4F) < 1e-4F);
    assert_null(a->tool);
    assert_string_equal(b->tool, "");
    assert_string_equal(a->service, "shop");
    assert_true(groups->all.count == 840 && groups->all.endpoint == NULL);
    trace_groups_free(groups);
    traces_release(list);
}

/* Ten seconds of which four were waited: no minute of which 24 were. */
static void
test_group__seconds_foretell_no_minute(void **state)
{
    (void)state;
    struct traces *list = ten_minutes(1);
    struct trace_grouping grouping = by(GROUP_ENDPOINT);
    grouping.scope.from_ns = 11 * MINUTE - 10 * NS_PER_S;
    struct trace_groups *groups = groups_of(list, grouping);
    assert_true(groups->count == 2 && groups->span_s == 10);
    for (size_t i = 0; i < 2; i++) {
        assert_true(fabs(groups->rows[i].waited_s - 4) < 1e-9);
    }
    assert_true(groups->rows[0].rate + groups->rows[1].rate == 1.4);
    trace_groups_free(groups);
    traces_release(list);
}

static void
test_group__by_what_is_asked(void **state)
{
    (void)state;
    static const struct {
        enum trace_group_by by;
        size_t count;
        const char *name;
    } rows[] = {{GROUP_REQUEST, 3, "GET /b"},
                {GROUP_ENDPOINT, 2, "GET /b"},
                {GROUP_TOOL, 3, ""},
                {GROUP_SERVICE, 1, "shop"},
                {GROUP_ATTRIBUTE, 2, "users"}};
    struct traces *list = ten_minutes(1);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct trace_grouping grouping = by(rows[i].by);
        struct trace_groups *groups = groups_of(list, grouping);
        assert_int_equal(groups->count, rows[i].count);
        assert_string_equal(groups->rows[0].name, rows[i].name);
        double count = 0;
        uint64_t found = 0;
        for (size_t r = 0; r < groups->count; r++) {
            count += groups->rows[r].count;
        }
        struct traces_cursor cursor = {0};
        for (const struct trace *t; (t = traces_next(list, &cursor)) != NULL;) {
            found += trace_group_key(&grouping, t) == groups->rows[0].key;
        }
        assert_true(count == groups->all.count && found == groups->rows[0].traces);
        trace_groups_free(groups);
    }
    struct trace_grouping odd = by(GROUP_ATTRIBUTE);
    odd.attribute = "nobody.has.it";
    struct trace_groups *groups = groups_of(list, odd);
    assert_int_equal(groups->count, 1);
    assert_string_equal(groups->rows[0].name, "");
    trace_groups_free(groups);
    traces_release(list);
}

/* Two that stand for forty: nobody knows what the others took. */
static void
test_group__few_requests_tell_no_ratio(void **state)
{
    (void)state;
    struct trace *traces[] = {request("GET /a", "", 2 * MINUTE, NS_PER_S, 20, 0),
                              request("GET /a", "", 10 * MINUTE, 3 * NS_PER_S, 20, 0)};
    struct traces *list = made_list(traces, 2, 1);
    struct trace_groups *groups = groups_of(list, by(GROUP_ENDPOINT));
    assert_true(groups->rows[0].traces == 2 && groups->rows[0].count == 40);
    assert_true(isnan(groups->rows[0].ratio));
    trace_groups_free(groups);
    traces_release(list);
}

static void
test_group__unfinished_requests_have_no_duration(void **state)
{
    (void)state;
    struct made made = {.endpoint = "GET /a", .mono_ns = MINUTE};
    made_span(&made, TRACE_NONE, "GET /a", 0, 0);
    made.spans[0].duration_ns = -1;
    struct trace *traces[] = {made_trace(&made), request("GET /a", "", 2 * MINUTE, NS_PER_S, 1, 0)};
    struct traces *list = made_list(traces, 2, 1);
    struct trace_groups *groups = groups_of(list, by(GROUP_ENDPOINT));
    assert_int_equal(groups->count, 1);
    assert_true(groups->rows[0].count == 2 && groups->rows[0].running == 1);
    assert_true(groups->rows[0].p50_s == 1 && isnan(groups->rows[0].p95_s));
    assert_true(isnan(groups->rows[0].ratio) && groups->rows[0].trend == TREND_UNKNOWN);
    trace_groups_free(groups);
    traces_release(list);
}

static void
test_group__keeps_the_rows_until_the_next_are_whole(void **state)
{
    (void)state;
    struct traces *first = ten_minutes(1), *second = ten_minutes(2);
    struct trace_grouping grouping = by(GROUP_ENDPOINT), other = by(GROUP_TOOL);
    struct trace_groups *groups = groups_of(first, grouping);
    traces_release(first);
    assert_true(trace_groups_step(groups, 0)); /* asked again: nothing to do */
    trace_groups_ask(groups, second, &grouping);
    assert_false(trace_groups_step(groups, 0));
    assert_true(groups->number == 1 && groups->count == 2);
    assert_string_equal(groups->rows[0].name, "GET /b");
    trace_groups_ask(groups, second, &other); /* what is being made is finished first */
    traces_release(second);
    bool seen = false;
    while (!trace_groups_step(groups, 0)) {
        seen |= groups->number == 2 && groups->count == 2;
    }
    assert_true(seen && groups->count == 3);
    trace_groups_free(groups);
}

static void
test_group__too_many_are_one_more(void **state)
{
    (void)state;
    size_t count = TRACE_GROUPS_MAX + 76;
    struct trace **traces = calloc(count, sizeof(*traces));
    char name[32];
    for (size_t i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "GET /%zu", i);
        traces[i] = request(name, "", 2 * MINUTE, NS_PER_S, 1, 0);
    }
    struct traces *list = made_list(traces, count, 1);
    free(traces);
    struct trace_groups *groups = groups_of(list, by(GROUP_ENDPOINT));
    assert_int_equal(groups->count, TRACE_GROUPS_MAX + 1);
    assert_null(groups->rows[TRACE_GROUPS_MAX].name);
    assert_true(groups->rows[TRACE_GROUPS_MAX].count == 76);
    assert_true(groups->all.count == (double)count);
    trace_groups_free(groups);
    traces_release(list);
}

static void
test_group__rates_are_of_the_time_that_is_held(void **state)
{
    (void)state;
    struct traces *list = ten_minutes(1);
    struct trace_grouping grouping = by(GROUP_ENDPOINT);
    grouping.scope.from_ns = -60 * MINUTE;
    struct trace_groups *groups = groups_of(list, grouping);
    assert_true(groups->span_s == 600 && groups->rows[1].rate == 1);
    trace_groups_free(groups);
    struct trace *one = request("GET /a", "", 11 * MINUTE - NS_PER_S, NS_PER_S, 1, 0);
    traces_release(list);
    list = made_list(&one, 1, 1);
    groups = groups_of(list, by(GROUP_ENDPOINT));
    assert_true(groups->span_s == 10 && groups->rows[0].rate == 0.1);
    trace_groups_free(groups);
    traces_release(list);
}

static void
test_group__of_nothing(void **state)
{
    (void)state;
    struct traces *list = made_list(NULL, 0, 1);
    struct trace_groups *groups = groups_of(list, by(GROUP_REQUEST));
    assert_true(groups->count == 0 && groups->number == 1 && groups->all.count == 0);
    trace_groups_free(groups);
    traces_release(list);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_group__counts_and_times),
        cmocka_unit_test(test_group__seconds_foretell_no_minute),
        cmocka_unit_test(test_group__by_what_is_asked),
        cmocka_unit_test(test_group__few_requests_tell_no_ratio),
        cmocka_unit_test(test_group__unfinished_requests_have_no_duration),
        cmocka_unit_test(test_group__keeps_the_rows_until_the_next_are_whole),
        cmocka_unit_test(test_group__too_many_are_one_more),
        cmocka_unit_test(test_group__rates_are_of_the_time_that_is_held),
        cmocka_unit_test(test_group__of_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
