/* Folding readings onto the tick, and names. */
#include "../../src/receivers/fold.h"
#include "../check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "flametop/base/macros.h"

#define NOW (1000 * NS_PER_S)

#define assert_near(value, expected, within)                                                       \
    assert_true(fabs((value) - (double)(expected)) <= (double)(within))

struct bench {
    struct catalog *catalog;
    struct fold *fold;
    struct batch batch;
    struct arena arena;
    int64_t mono_ns;
};

static void
bench_init(struct bench *bench)
{
    *bench = (struct bench){.catalog = catalog_new(10000), .mono_ns = NOW};
    bench->fold = fold_new(bench->catalog, NOW);
    batch_init(&bench->batch, bench->catalog);
    arena_init(&bench->arena, 1 << 20);
}

static void
bench_done(struct bench *bench)
{
    batch_done(&bench->batch);
    arena_done(&bench->arena);
    fold_free(bench->fold);
    catalog_free(bench->catalog);
}

static void
tick(struct bench *bench)
{
    struct instant at = {.mono_ns = bench->mono_ns += NS_PER_S};
    batch_begin(&bench->batch, at, &bench->arena);
    fold_put(bench->fold, &bench->batch);
}

/* What the batch holds; NaN when it is not there. */
static double
value_of(const struct bench *bench, const char *metric, const char *labels)
{
    for (size_t i = 0; i < bench->batch.column_count; i++) {
        const struct series *series = bench->batch.columns[i];
        if (strcmp(series->metric->name, metric) == 0 && strcmp(series->labels, labels) == 0) {
            return bench->batch.values[i];
        }
    }
    return (double)NAN;
}

static bool
put(struct bench *bench, enum reading_kind kind, const char *name, const char *unit, double value)
{
    struct measurement reading = {.kind = kind,
                                  .name = str_from(name),
                                  .unit = str_from(unit),
                                  .text = str_from("ann"),
                                  .value = value,
                                  .weight = 1,
                                  .sum = (double)NAN};
    return fold_reading(bench->fold, &reading, bench->mono_ns);
}

static void
test_fold__keeps_the_last_of_a_gauge(void **state)
{
    struct bench bench;
    (void)state;
    bench_init(&bench);
    put(&bench, READING_GAUGE, "load", "ms", 100);
    put(&bench, READING_GAUGE, "load", "ms", 250);
    put(&bench, READING_ADD, "load", "ms", 50);
    tick(&bench);
    assert_near(value_of(&bench, "load", ""), 0.3, 1e-9);
    assert_string_equal(catalog_metric(bench.catalog, "load")->unit, "s");
    tick(&bench); /* it stands until it is old */
    assert_near(value_of(&bench, "load", ""), 0.3, 1e-9);
    bench.mono_ns += FOLD_GAUGE_NS;
    tick(&bench);
    assert_true(isnan(value_of(&bench, "load", "")));
    bench_done(&bench);
}

static void
test_fold__sums_counters_from_zero(void **state)
{
    struct bench bench;
    (void)state;
    bench_init(&bench);
    put(&bench, READING_COUNT, "hits", "", 3);
    tick(&bench);
    assert_near(value_of(&bench, "hits", ""), 0, 0);
    put(&bench, READING_COUNT, "hits", "", 2);
    tick(&bench);
    assert_near(value_of(&bench, "hits", ""), 5, 0);
    assert_int_equal(catalog_metric(bench.catalog, "hits")->kind, METRIC_COUNTER);
    bench_done(&bench);
}

/* A total of one sender, that began at start_ns. */
static void
put_total(struct bench *bench, const char *sender, int64_t start_ns, double value)
{
    struct span_attribute id = {
        .key = STR("service.instance.id"), .type = SPAN_TEXT, .text = str_from(sender)};
    struct span_resource resource = {
        .service = STR("shop"), .scope = {"", 0}, .attributes = &id, .attribute_count = 1};
    struct measurement reading = {.kind = READING_TOTAL,
                                  .name = STR("served"),
                                  .unit = {"", 0},
                                  .text = {"", 0},
                                  .resource = &resource,
                                  .value = value,
                                  .weight = 1,
                                  .start_ns = start_ns};
    assert_true(fold_reading(bench->fold, &reading, bench->mono_ns));
}

static void
test_fold__adds_the_totals_of_several_senders(void **state)
{
    struct bench bench;
    (void)state;
    bench_init(&bench);
    put_total(&bench, "a", 5, 1000); /* counted before we listened */
    tick(&bench);
    put_total(&bench, "a", 5, 1004);
    put_total(&bench, "b", NOW + 1, 7); /* began meanwhile */
    tick(&bench);
    assert_near(value_of(&bench, "served", "service=shop"), 11, 0);
    put_total(&bench, "a", NOW + 9, 2); /* began anew */
    put_total(&bench, "b", NOW + 1, 8);
    tick(&bench);
    assert_near(value_of(&bench, "served", "service=shop"), 14, 0);
    bench_done(&bench);
}

static void
test_fold__makes_quantiles_of_times(void **state)
{
    struct bench bench;
    (void)state;
    bench_init(&bench);
    for (int i = 1; i <= 100; i++) {
        put(&bench, READING_TIME, "wait", "ms", i);
    }
    tick(&bench);
    assert_near(value_of(&bench, "wait", "quantile=0.5"), 0.050, 0.0005);
    assert_near(value_of(&bench, "wait", "quantile=0.99"), 0.099, 0.001);
    tick(&bench); /* nothing came: nothing is known */
    assert_true(isnan(value_of(&bench, "wait", "quantile=0.5")));
    assert_near(value_of(&bench, "wait.count", ""), 100, 0);
    assert_near(value_of(&bench, "wait.sum", ""), 5.05, 1e-9);
    bench_done(&bench);
}

static void
put_buckets(struct bench *bench, uint64_t first, uint64_t second, double sum)
{
    struct reading_bucket buckets[] = {{0, 1, first}, {1, 2, second}};
    struct measurement reading = {.kind = READING_HISTOGRAMS,
                                  .name = STR("took"),
                                  .unit = STR("s"),
                                  .text = {"", 0},
                                  .weight = 1,
                                  .start_ns = 5,
                                  .buckets = buckets,
                                  .bucket_count = 2,
                                  .sum = sum,
                                  .count = first + second};
    assert_true(fold_reading(bench->fold, &reading, bench->mono_ns));
}

static void
test_fold__takes_what_buckets_gained(void **state)
{
    struct bench bench;
    (void)state;
    bench_init(&bench);
    put_buckets(&bench, 1000000, 0, 500000);
    tick(&bench); /* all of it was before */
    assert_true(isnan(value_of(&bench, "took", "quantile=0.5")));
    put_buckets(&bench, 1000000, 40, 500060);
    tick(&bench);
    assert_near(value_of(&bench, "took", "quantile=0.5"), 1.5, 0.1);
    assert_near(value_of(&bench, "took.count", ""), 40, 0);
    assert_near(value_of(&bench, "took.sum", ""), 60, 1e-6);
    bench_done(&bench);
}

static void
test_fold__counts_members_of_a_tick(void **state)
{
    struct bench bench;
    struct measurement reading = {
        .kind = READING_MEMBER, .name = STR("users"), .unit = {"", 0}, .weight = 1};
    (void)state;
    bench_init(&bench);
    for (int i = 0; i < 10; i++) {
        reading.text = i % 2 != 0 ? STR("ann") : STR("bob");
        assert_true(fold_reading(bench.fold, &reading, bench.mono_ns));
    }
    tick(&bench);
    assert_near(value_of(&bench, "users", ""), 2, 0);
    tick(&bench);
    assert_near(value_of(&bench, "users", ""), 0, 0);
    bench_done(&bench);
}

static void
test_fold__leaves_our_names_alone(void **state)
{
    static const struct metric ours = {
        .name = "system.cpu.utilization", .unit = "1", .labels = "cpu", .text = "Ours."};
    struct bench bench;
    (void)state;
    bench_init(&bench);
    catalog_add(bench.catalog, &ours, 1);
    assert_true(put(&bench, READING_GAUGE, "system.cpu.utilization", "1", 0.5));
    assert_true(put(&bench, READING_GAUGE, "x", "", 1));
    assert_true(put(&bench, READING_COUNT, "x", "", 1)); /* the same name for another thing */
    tick(&bench);
    assert_near(value_of(&bench, "custom.system.cpu.utilization", ""), 0.5, 0);
    assert_true(isnan(value_of(&bench, "system.cpu.utilization", "")));
    assert_near(value_of(&bench, "x", ""), 1, 0);
    assert_near(value_of(&bench, "custom.x", ""), 0, 0);
    bench_done(&bench);
}

static void
test_fold__writes_labels_in_one_order(void **state)
{
    struct bench bench;
    struct span_attribute tags[] = {
        {.key = STR("zone"), .type = SPAN_TEXT, .text = STR("a,b\x1b")},
        {.key = STR("Path Name"), .type = SPAN_INTEGER, .integer = 7},
        {.key = STR("request_id"), .type = SPAN_TEXT, .text = STR("1f")}};
    struct measurement reading = {.name = STR("n"),
                                  .unit = {"", 0},
                                  .text = {"", 0},
                                  .tags = tags,
                                  .tag_count = 3,
                                  .value = 1,
                                  .weight = 1};
    (void)state;
    bench_init(&bench);
    assert_true(fold_reading(bench.fold, &reading, bench.mono_ns));
    struct span_attribute swap = tags[0];
    tags[0] = tags[1];
    tags[1] = swap;
    assert_true(fold_reading(bench.fold, &reading, bench.mono_ns));
    tick(&bench);
    assert_int_equal(fold_series_count(bench.fold), 1);
    assert_near(value_of(&bench, "n", "path_name=7,zone=a\\,b?"), 1, 0);
    bench_done(&bench);
}

static void
test_fold__is_bounded(void **state)
{
    struct bench bench;
    struct span_attribute tag = {.key = STR("k"), .type = SPAN_INTEGER};
    struct measurement reading = {.name = STR("n"),
                                  .unit = {"", 0},
                                  .text = {"", 0},
                                  .tags = &tag,
                                  .tag_count = 1,
                                  .weight = 1};
    size_t taken = 0;
    (void)state;
    bench_init(&bench);
    for (tag.integer = 0; tag.integer < 3 * FOLD_METRIC_SERIES_MAX; tag.integer++) {
        taken += fold_reading(bench.fold, &reading, bench.mono_ns);
    }
    assert_int_equal(taken, FOLD_METRIC_SERIES_MAX);
    assert_false(put(&bench, READING_GAUGE, "x", "", (double)NAN));
    assert_false(put(&bench, READING_GAUGE, "---", "", 1));
    bench_done(&bench);
}

static void
test_fold__cleans_names(void **state)
{
    static const struct {
        const char *raw, *name;
    } rows[] = {
        {"http.server.request.duration", "http.server.request.duration"},
        {"MyApp.RequestCount", "my_app.request_count"},
        {"jobs-done/total", "jobs_done.total"},
        {"..a__b..", "a_b"},
        {"9lives", "n_9lives"},
        {"worker.performance", "worker.request.duration"},
        {"\xC3\xA4", ""},
    };
    char name[FOLD_NAME_BYTES];
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_int_equal(fold_name(str_from(rows[i].raw), name), rows[i].name[0] != '\0');
        assert_string_equal(name, rows[i].name);
    }
}

static void
test_fold__knows_units(void **state)
{
    static const struct {
        const char *raw, *unit;
        double scale;
    } rows[] = {{"ms", "s", 1e-3},         {"MiBy", "By", 1048576}, {"%", "1", 0.01},
                {"{order}", "{order}", 1}, {"\x1b[31m", "", 1},     {"", "", 1}};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char unit[32];
        double scale;
        fold_unit(str_from(rows[i].raw), unit, sizeof(unit), &scale);
        assert_string_equal(unit, rows[i].unit);
        assert_near(scale, rows[i].scale, 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fold__keeps_the_last_of_a_gauge),
        cmocka_unit_test(test_fold__sums_counters_from_zero),
        cmocka_unit_test(test_fold__adds_the_totals_of_several_senders),
        cmocka_unit_test(test_fold__makes_quantiles_of_times),
        cmocka_unit_test(test_fold__takes_what_buckets_gained),
        cmocka_unit_test(test_fold__counts_members_of_a_tick),
        cmocka_unit_test(test_fold__leaves_our_names_alone),
        cmocka_unit_test(test_fold__writes_labels_in_one_order),
        cmocka_unit_test(test_fold__is_bounded),
        cmocka_unit_test(test_fold__cleans_names),
        cmocka_unit_test(test_fold__knows_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
