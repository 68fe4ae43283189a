/* Flame graphs of many traces: widths that add up, to the nanosecond, on traces of every awkward
 * kind. */
#include "../check.h"

#include <math.h>

#include "flametop/core/flame.h"
#include "flametop/trace/flame.h"
#include "flametop/trace/path.h"
#include "made.h"

static struct trace_set
set_of(struct traces *traces)
{
    struct trace_set set;
    trace_set_init(&set);
    trace_set_begin(&set, traces, &(struct trace_scope){0});
    assert_true(trace_set_step(&set, INT64_MAX));
    assert_int_equal(set.count, traces->count);
    return set;
}

static struct trace_flame *
flame_of(const struct trace_set *first, const struct trace_set *second)
{
    struct trace_flame *flame = trace_flame_new(first, second);
    assert_non_null(flame);
    while (!trace_flame_step(flame, 0)) {
        assert_true(trace_flame_progress(flame) >= 0 && trace_flame_progress(flame) <= 1);
    }
    assert_false(flame->failed || flame->profile->failed);
    assert_true(trace_flame_progress(flame) == 1);
    return flame;
}

static struct traces *
awkward_list(uint64_t *seed, size_t count)
{
    struct trace **traces = calloc(count, sizeof(*traces));
    for (size_t i = 0; i < count; i++) {
        enum made_awkward kind = (enum made_awkward)made_pick(seed, AWKWARD_KINDS);
        traces[i] = made_awkward(seed, kind, 30);
    }
    struct traces *list = made_list(traces, count, 1);
    free(traces);
    return list;
}

/* What the sums have to come to: weight times duration, exact. */
static trace_wide
wall_of(const struct trace_set *set, trace_wide *ret_self)
{
    struct trace_path path;
    trace_path_init(&path);
    trace_wide wall = 0;
    *ret_self = 0;
    for (size_t i = 0; i < set->count; i++) {
        assert_true(trace_path_of(&path, set->list[i]));
        wall += (trace_wide)path.duration_ns * trace_weight(set->list[i]);
        for (uint32_t s = 0; s < path.count; s++) {
            *ret_self += (trace_wide)path.times[s].self_ns * trace_weight(set->list[i]);
        }
    }
    trace_path_done(&path);
    return wall;
}

static trace_wide
whole_of(const struct trace_flame *flame, unsigned side, enum trace_measure measure)
{
    trace_wide whole = 0;
    for (uint32_t node = 0; node < flame->profile->node_count; node++) {
        whole += flame->sides[side].sums[measure][node];
    }
    return whole;
}

static void
test_trace_flame__widths_sum_to_wall_time(void **state)
{
    (void)state;
    uint64_t seed = 11;
    for (int round = 0; round < 30; round++) {
        struct traces *list = awkward_list(&seed, 1 + made_pick(&seed, 40));
        struct trace_set set = set_of(list);
        struct trace_flame *flame = flame_of(&set, NULL);
        trace_wide self, wall = wall_of(&set, &self);
        assert_true(whole_of(flame, 0, MEASURE_WALL) == wall);
        assert_true(whole_of(flame, 0, MEASURE_TOTAL) == self);
        assert_true(whole_of(flame, 0, MEASURE_SELF) == self);
        assert_true(flame->sides[0].traces == set.count);
        double mean_s = (double)wall / (double)flame->sides[0].weight * 1e-9;
        assert_true(fabs(flame->sides[0].wall_s - mean_s) <= mean_s * 1e-12);
        trace_flame_free(flame);
        trace_set_done(&set);
        traces_release(list);
    }
}

/* The difference of the means times both weights is an integer: frames' differences sum to it. */
static void
test_trace_flame__differences_sum_to_that_of_the_means(void **state)
{
    (void)state;
    uint64_t seed = 5;
    for (int round = 0; round < 30; round++) {
        struct traces *lists[2];
        struct trace_set sets[2];
        trace_wide wall[2], self[2];
        for (int i = 0; i < 2; i++) {
            lists[i] = awkward_list(&seed, 1 + made_pick(&seed, 40));
            sets[i] = set_of(lists[i]);
            wall[i] = wall_of(&sets[i], &self[i]);
        }
        struct trace_flame *flame = flame_of(&sets[0], &sets[1]);
        trace_wide weight[2] = {flame->sides[0].weight, flame->sides[1].weight}, sum = 0;
        double means = (double)wall[0] / (double)weight[0] - (double)wall[1] / (double)weight[1];
        double deltas = 0, scale = (double)wall[0] / (double)weight[0] + fabs(means);
        for (uint32_t node = 0; node < flame->profile->node_count; node++) {
            sum += flame->sides[0].sums[MEASURE_WALL][node] * weight[1] -
                   flame->sides[1].sums[MEASURE_WALL][node] * weight[0];
            const double *a = flame->profile->values[0][MEASURE_WALL];
            const double *b = flame->profile->values[1][MEASURE_WALL];
            deltas += (a != NULL ? a[node] : 0) - (b != NULL ? b[node] : 0);
        }
        assert_true(sum == wall[0] * weight[1] - wall[1] * weight[0]);
        assert_true(fabs(deltas - means) <= scale * 1e-9);
        trace_flame_free(flame);
        for (int i = 0; i < 2; i++) {
            trace_set_done(&sets[i]);
            traces_release(lists[i]);
        }
    }
}

static uint32_t
node_of(const struct profile *profile, const char *stack)
{
    struct str rest = str_from(stack), part;
    uint32_t node = 0;
    while (str_until(&rest, ';', &part)) {
        uint32_t found = PROFILE_NONE;
        for (uint32_t i = 1; i < profile->node_count; i++) {
            const struct profile_frame *frame = &profile->frames[profile->frame[i]];
            if (profile->parent[i] == node && frame->name_n == part.n &&
                memcmp(frame->name, part.p, part.n) == 0) {
                found = i;
            }
        }
        if (found == PROFILE_NONE) {
            fail_msg("%s has no %.*s", stack, (int)part.n, part.p);
        }
        node = found;
    }
    return node;
}

static struct trace *
request(int64_t query_ns, double weight)
{
    struct made made = {.weight = weight};
    made_span(&made, TRACE_NONE, "POST /x", 0, 300 + query_ns);
    made_span(&made, 0, "auth", 100, 200);
    made_span(&made, 0, "SELECT", 200, 200 + query_ns);
    made_span(&made, 0, "log", 200, 200 + query_ns / 2);
    return made_trace(&made);
}

static void
test_trace_flame__means_are_weighted(void **state)
{
    (void)state;
    struct trace *traces[] = {request(1000, 1), request(2000, 3)};
    struct traces *list = made_list(traces, 2, 1);
    struct trace_set set = set_of(list);
    struct trace_flame *flame = flame_of(&set, NULL);
    struct profile *profile = flame->profile;
    assert_true(flame->sides[0].requests == 4);
    uint32_t query = node_of(profile, "POST /x;SELECT"), log = node_of(profile, "POST /x;log");
    assert_true(profile->values[0][MEASURE_WALL][query] == 1750);
    assert_true(profile->values[0][MEASURE_WALL][log] == 0);
    assert_true(profile->values[0][MEASURE_TOTAL][log] == 875);
    assert_true(profile->values[0][MEASURE_SELF][node_of(profile, "SELECT")] == 1750);
    assert_true(profile->values[0][MEASURE_COUNT][query] == 1);
    assert_true(profile->values[0][MEASURE_WALL][node_of(profile, "POST /x")] == 200);
    assert_true(flame->sides[0].occurs[query] == 4 * TRACE_WEIGHT_ONE);
    assert_true(fabs(flame->sides[0].concurrency - (2050 + 875) / 2050.0) < 1e-12);
    assert_string_equal(profile->frames[profile->frame[query]].module, "shop");
    assert_true(profile->measures[MEASURE_WALL].scale == 1e-9);
    trace_flame_free(flame);
    trace_set_done(&set);
    traces_release(list);
}

/* As the screen sees it: neither side is scaled to the other. */
static void
test_trace_flame__compares_means_as_they_are(void **state)
{
    (void)state;
    struct trace *slow[] = {request(3000, 1)}, *typical[] = {request(1000, 1), request(1000, 1)};
    struct traces *lists[] = {made_list(slow, 1, 1), made_list(typical, 2, 2)};
    struct trace_set sets[] = {set_of(lists[0]), set_of(lists[1])};
    struct trace_flame *made = flame_of(&sets[0], &sets[1]);
    struct profile *profile = trace_flame_take(made);
    assert_null(made->profile);
    trace_flame_free(made);
    struct flame *flame = flame_new(profile, &(struct flame_options){.measure = MEASURE_WALL});
    while (!flame_step(flame, 0)) {
    }
    assert_true(flame->total[0][0] == 3300 && flame->total[1][0] == 1300);
    flame_free(flame);
    profile_release(profile);
    for (int i = 0; i < 2; i++) {
        trace_set_done(&sets[i]);
        traces_release(lists[i]);
    }
}

static void
test_trace_flame__of_one_request_keeps_the_order_of_time(void **state)
{
    (void)state;
    struct trace *trace = request(1000, 4);
    struct traces *list = made_list(&trace, 1, 1);
    struct trace_set set = set_of(list);
    struct trace_flame *flame = flame_of(&set, NULL);
    const struct profile *profile = flame->profile;
    uint32_t root = node_of(profile, "POST /x"), auth = node_of(profile, "POST /x;auth"),
             query = node_of(profile, "POST /x;SELECT");
    const struct profile_moment expected[] = {
        {100, root, false}, {100, auth, false}, {1000, query, false}, {100, root, false}};
    assert_int_equal(profile->moment_count, ARRAY_SIZE(expected));
    assert_int_equal(profile->moment_measure, MEASURE_WALL);
    for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
        assert_true(profile->moments[i].value == expected[i].value);
        assert_int_equal(profile->moments[i].node, expected[i].node);
    }
    assert_true(profile->values[0][MEASURE_WALL][root] == 200);
    assert_true(flame->sides[0].wall_s > 1.2999e-6 && flame->sides[0].wall_s < 1.3001e-6);
    trace_flame_free(flame);
    trace_set_done(&set);
    traces_release(list);
}

static void
test_trace_flame__of_nothing_is_empty(void **state)
{
    (void)state;
    struct traces *list = made_list(NULL, 0, 1);
    struct trace_set set = set_of(list);
    struct trace_flame *flame = flame_of(&set, &set);
    assert_int_equal(flame->profile->node_count, 1);
    assert_true(isnan(flame->sides[0].wall_s) && isnan(flame->sides[1].concurrency));
    trace_flame_free(flame);
    trace_flame_free(trace_flame_new(&set, NULL)); /* given up before it began */
    trace_set_done(&set);
    traces_release(list);
}

static void
test_trace_flame__takes_deep_and_wide_traces(void **state)
{
    (void)state;
    struct made made = {0};
    made_span(&made, TRACE_NONE, "root", 0, 1000000);
    for (uint32_t i = 1; i <= 5000; i++) {
        char *label = malloc(16); /* kept as long as the trace is made */
        snprintf(label, 16, "f%u", i % 100);
        made_span(&made, i - 1, label, i, 1000000 - i);
    }
    const char *labels[5001];
    for (uint32_t i = 1; i <= 5000; i++) {
        labels[i] = made.spans[i].label;
    }
    struct trace *deep = made_trace(&made);
    for (uint32_t i = 1; i <= 5000; i++) {
        free((void *)(uintptr_t)labels[i]);
    }
    struct traces *list = made_list(&deep, 1, 1);
    struct trace_set set = set_of(list);
    struct trace_flame *flame = flame_of(&set, NULL);
    assert_int_equal(flame->profile->node_count, 1 + 5001 + 100); /* and those of one level */
    assert_true(whole_of(flame, 0, MEASURE_WALL) == (trace_wide)1000000 * TRACE_WEIGHT_ONE);
    trace_flame_free(flame);
    trace_set_done(&set);
    traces_release(list);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trace_flame__widths_sum_to_wall_time),
        cmocka_unit_test(test_trace_flame__differences_sum_to_that_of_the_means),
        cmocka_unit_test(test_trace_flame__means_are_weighted),
        cmocka_unit_test(test_trace_flame__compares_means_as_they_are),
        cmocka_unit_test(test_trace_flame__of_one_request_keeps_the_order_of_time),
        cmocka_unit_test(test_trace_flame__of_nothing_is_empty),
        cmocka_unit_test(test_trace_flame__takes_deep_and_wide_traces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
