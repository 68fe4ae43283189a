/* Sets of traces: what a scope chooses, and the slow and typical of them. */
#include "../check.h"

#include "flametop/trace/select.h"
#include "made.h"

/* Durations and starts of 1, 2 ... count ms, the newest the slowest. */
static struct traces *
staircase(size_t count, const double *weights)
{
    struct trace **traces = calloc(count, sizeof(*traces));
    for (size_t i = 0; i < count; i++) {
        struct made made = {.mono_ns = (int64_t)(i + 1) * NS_PER_MS,
                            .weight = weights != NULL ? weights[i] : 1};
        made_span(&made, TRACE_NONE, "root", 0, (int64_t)(i + 1) * NS_PER_MS);
        traces[i] = made_trace(&made);
    }
    struct traces *list = made_list(traces, count, 1);
    free(traces);
    return list;
}

static bool
is_even(const void *context, const struct trace *trace)
{
    (void)context;
    return trace->duration_ns / NS_PER_MS % 2 == 0;
}

static size_t
count_of(struct traces *traces, struct trace_scope scope)
{
    struct trace_set set;
    trace_set_init(&set);
    assert_true(trace_set_step(&set, 0)); /* nothing was begun */
    trace_set_begin(&set, traces, &scope);
    while (!trace_set_step(&set, 0)) {
    }
    size_t count = set.count;
    for (size_t i = 0; i < count; i++) {
        assert_true(trace_scope_has(&scope, set.list[i]));
        assert_true(i == 0 || set.list[i]->mono_ns < set.list[i - 1]->mono_ns);
    }
    trace_set_done(&set);
    return count;
}

static void
test_select__scopes(void **state)
{
    (void)state;
    struct traces *list = staircase(2000, NULL);
    assert_int_equal(count_of(list, (struct trace_scope){0}), 2000);
    assert_int_equal(count_of(list, (struct trace_scope){.from_ns = 11 * NS_PER_MS}), 1990);
    assert_int_equal(count_of(list, (struct trace_scope){.to_ns = 11 * NS_PER_MS}), 10);
    assert_int_equal(
        count_of(list, (struct trace_scope){.low_ns = 10 * NS_PER_MS, .high_ns = 20 * NS_PER_MS}),
        10);
    assert_int_equal(count_of(list, (struct trace_scope){.accepts = is_even}), 1000);
    traces_release(list);
}

static void
test_select__holds_its_list(void **state)
{
    (void)state;
    struct traces *list = staircase(3, NULL);
    struct trace_set set;
    trace_set_init(&set);
    trace_set_begin(&set, list, &(struct trace_scope){0});
    traces_release(list);
    assert_true(trace_set_step(&set, INT64_MAX));
    assert_true(set.list[2]->duration_ns == NS_PER_MS);
    trace_set_begin(&set, set.traces, &(struct trace_scope){.accepts = is_even});
    assert_true(trace_set_step(&set, INT64_MAX));
    assert_int_equal(set.count, 1);
    trace_set_done(&set);
}

static void
check_cohorts(struct traces *list, size_t slow_count, int64_t slow_ms, size_t typical_count,
              int64_t from_ms, int64_t to_ms)
{
    struct trace_set set, slow, typical;
    trace_set_init(&set);
    trace_set_init(&slow);
    trace_set_init(&typical);
    trace_set_begin(&set, list, &(struct trace_scope){0});
    assert_true(trace_set_step(&set, INT64_MAX));
    assert_true(trace_set_cohorts(&set, &slow, &typical));
    assert_int_equal(slow.count, slow_count);
    assert_int_equal(typical.count, typical_count);
    assert_true(slow.list[slow.count - 1]->duration_ns == slow_ms * NS_PER_MS);
    assert_true(typical.list[0]->duration_ns == to_ms * NS_PER_MS);
    assert_true(typical.list[typical.count - 1]->duration_ns == from_ms * NS_PER_MS);
    trace_set_done(&set);
    trace_set_done(&slow);
    trace_set_done(&typical);
}

static void
test_select__slow_and_typical(void **state)
{
    (void)state;
    struct traces *list = staircase(100, NULL);
    check_cohorts(list, 6, 95, 21, 40, 60);
    traces_release(list);
    list = staircase(1, NULL);
    check_cohorts(list, 1, 1, 1, 1, 1);
    traces_release(list);
    /* the fastest stands for as many as all others: it is the median, too */
    double weights[10] = {10, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    list = staircase(10, weights);
    check_cohorts(list, 1, 10, 3, 1, 3);
    traces_release(list);
}

static void
test_select__weights_are_at_least_one(void **state)
{
    (void)state;
    struct trace trace = {.weight = 2.5};
    assert_true(trace_weight(&trace) == 160);
    static const double odd[] = {0, -3, 0.5, (double)__builtin_nanf("")};
    for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
        trace.weight = odd[i];
        assert_true(trace_weight(&trace) == TRACE_WEIGHT_ONE);
    }
    trace.weight = 1e300;
    assert_true(trace_weight(&trace) == INT64_C(1) << 40);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_select__scopes),
        cmocka_unit_test(test_select__holds_its_list),
        cmocka_unit_test(test_select__slow_and_typical),
        cmocka_unit_test(test_select__weights_are_at_least_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
