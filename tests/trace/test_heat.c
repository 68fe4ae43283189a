/* The heatmap: every request in one cell, and a rectangle is what its cells count. */
#include "../check.h"

#include <math.h>

#include "flametop/trace/heat.h"
#include "made.h"

#define COLUMNS 30
#define ROWS 12

static struct traces *
random_list(uint64_t *seed, size_t count)
{
    struct trace **traces = calloc(count, sizeof(*traces));
    for (size_t i = 0; i < count; i++) {
        struct made made = {.mono_ns = (int64_t)made_pick(seed, 320) * NS_PER_S / 10,
                            .weight = 1 + made_pick(seed, 3),
                            .flags = made_pick(seed, 5) == 0 ? TRACE_ERROR : 0};
        int64_t duration_ns = 1 + made_pick(seed, 1000000);
        for (uint32_t power = made_pick(seed, 4); power > 0; power--) {
            duration_ns *= 10;
        }
        made_span(&made, TRACE_NONE, "root", 0, duration_ns);
        traces[i] = made_trace(&made);
    }
    struct traces *list = made_list(traces, count, 1);
    free(traces);
    return list;
}

static struct trace_heat *
heat_of(struct traces *list, struct trace_heat_options options)
{
    struct trace_heat *heat = trace_heat_new();
    assert_non_null(heat);
    trace_heat_ask(heat, list, &options);
    while (!trace_heat_step(heat, 0)) {
    }
    assert_true(heat->number == list->number);
    return heat;
}

static double
weight_of(struct traces *list, struct trace_scope scope, double *ret_errors)
{
    double weight = 0;
    *ret_errors = 0;
    struct traces_cursor cursor = {0};
    for (const struct trace *trace; (trace = traces_next(list, &cursor)) != NULL;) {
        if (trace_scope_has(&scope, trace)) {
            weight += trace->weight;
            *ret_errors += (trace->flags & TRACE_ERROR) != 0 ? trace->weight : 0;
        }
    }
    return weight;
}

static void
test_heat__a_rectangle_is_what_its_cells_count(void **state)
{
    (void)state;
    uint64_t seed = 9;
    struct traces *list = random_list(&seed, 3000);
    static const int64_t scales[][2] = {{0, 0}, {NS_PER_MS, NS_PER_S}, {1, 5}};
    for (size_t s = 0; s < ARRAY_SIZE(scales); s++) {
        struct trace_heat *heat =
            heat_of(list, (struct trace_heat_options){.from_ns = NS_PER_S,
                                                      .bucket_ns = NS_PER_S,
                                                      .columns = COLUMNS,
                                                      .rows = ROWS,
                                                      .low_ns = scales[s][0],
                                                      .high_ns = scales[s][1]});
        double errors, all = 0;
        for (int round = 0; round < 200; round++) {
            int column = (int)made_pick(&seed, COLUMNS), row = (int)made_pick(&seed, ROWS);
            int to_column = round == 0 ? COLUMNS - 1 - column : (int)made_pick(&seed, COLUMNS);
            int to_row = (int)made_pick(&seed, ROWS);
            double counted = 0, failed = 0;
            for (int r = MIN(row, to_row); r <= MAX(row, to_row); r++) {
                for (int c = MIN(column, to_column); c <= MAX(column, to_column); c++) {
                    counted += heat->counts[r * COLUMNS + c];
                    failed += heat->errors[r * COLUMNS + c];
                    assert_true(heat->counts[r * COLUMNS + c] <= heat->max);
                }
            }
            struct trace_scope scope = trace_heat_scope(heat, column, row, to_column, to_row);
            assert_true(weight_of(list, scope, &errors) == counted && errors == failed);
        }
        struct trace_scope scope = trace_heat_scope(heat, 0, 0, COLUMNS - 1, ROWS - 1);
        all = weight_of(list, scope, &errors);
        assert_true(all == heat->total);
        scope = (struct trace_scope){.from_ns = NS_PER_S, .to_ns = 31 * NS_PER_S};
        assert_true(all == weight_of(list, scope, &errors));
        trace_heat_free(heat);
    }
    traces_release(list);
}

static void
test_heat__scale_is_of_whole_decades(void **state)
{
    (void)state;
    static const struct {
        int64_t shortest_ns, longest_ns, low_ns, high_ns;
    } rows[] = {{3, 7000, 1, 10000},
                {10, 1000, 10, 1000},
                {10, 1001, 10, 10000},
                {100, 100, 100, 1000},
                {0, 0, NS_PER_MS, 10 * NS_PER_S},
                {0, 5, 1, 10}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct made made = {.mono_ns = 1}, other = {.mono_ns = 2};
        made_span(&made, TRACE_NONE, "root", 0, rows[i].shortest_ns);
        made_span(&other, TRACE_NONE, "root", 0, rows[i].longest_ns);
        struct trace *traces[] = {made_trace(&made), made_trace(&other)};
        struct traces *list = made_list(traces, 2, 1);
        struct trace_heat *heat = heat_of(
            list, (struct trace_heat_options){.bucket_ns = NS_PER_S, .columns = 1, .rows = 4});
        assert_true(heat->options.low_ns == rows[i].low_ns);
        assert_true(heat->options.high_ns == rows[i].high_ns);
        assert_true(heat->edges_ns[0] == rows[i].low_ns && heat->edges_ns[4] == rows[i].high_ns);
        assert_true(heat->total == 2);
        trace_heat_free(heat);
        traces_release(list);
    }
}

static bool
is_long(const void *context, const struct trace *trace)
{
    return trace->duration_ns >= *(const int64_t *)context;
}

static void
test_heat__asks_again_for_what_is_new_only(void **state)
{
    (void)state;
    uint64_t seed = 4;
    struct traces *list = random_list(&seed, 1500);
    struct trace_heat_options options = {.bucket_ns = NS_PER_S, .columns = COLUMNS, .rows = ROWS};
    struct trace_heat *heat = heat_of(list, options);
    double before = heat->total;
    trace_heat_ask(heat, list, &options);
    assert_true(trace_heat_step(heat, 0)); /* nothing to do */
    int64_t least_ns = NS_PER_MS;
    options.scope = (struct trace_scope){.accepts = is_long, .context = &least_ns, .version = 1};
    trace_heat_ask(heat, list, &options);
    assert_false(trace_heat_step(heat, 0));
    assert_true(heat->total == before); /* what is there stays until the next is whole */
    while (!trace_heat_step(heat, 0)) {
    }
    double errors;
    struct trace_scope scope = options.scope;
    scope.to_ns = COLUMNS * NS_PER_S;
    assert_true(heat->total == weight_of(list, scope, &errors) && heat->total < before);
    options.columns = 0; /* nothing to draw on */
    trace_heat_ask(heat, list, &options);
    assert_true(trace_heat_step(heat, 0));
    trace_heat_free(heat);
    traces_release(list);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heat__a_rectangle_is_what_its_cells_count),
        cmocka_unit_test(test_heat__scale_is_of_whole_decades),
        cmocka_unit_test(test_heat__asks_again_for_what_is_new_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
