/* Thresholds of the user and of foreign metrics, over pictures made by hand. */
#include "../check.h"

#include "diagnosed.h"

/* The user's thresholds are there before the collector is. */
static void
restart_with(struct fixture *f, int value, double warning, double critical)
{
    collector_free(f->collector);
    catalog_set_thresholds(f->catalog, catalog_metric(f->catalog, metrics[value].name), warning,
                           critical);
    start(f);
}

static void
test_threshold__takes_the_threshold_of_the_user(void **state)
{
    struct fixture *f = *state;
    restart_with(f, CPU, 0.6, 0.8);
    pass(f, 5);
    world.values[CPU] = 0.7;
    world.people[0].core = 0.8;
    pass(f, 6);
    assert_true(says(f, "cpu.saturated", "(threshold: 60 %); p7 (7) uses 70 %"));
    assert_int_equal(finding(f, "cpu.saturated")->level, LEVEL_WARNING);
    world.values[CPU] = 0.85;
    pass(f, 20);
    assert_true(says(f, "cpu.saturated", "(threshold: 80 %)"));
    assert_int_equal(finding(f, "cpu.saturated")->level, LEVEL_CRITICAL);
}

static void
test_threshold__is_silent_below_the_threshold_of_the_user(void **state)
{
    struct fixture *f = *state;
    restart_with(f, FILESYSTEM, 0.99, NAN);
    world.values[FILESYSTEM] = 0.98;
    pass(f, 20);
    assert_int_equal(f->picture->finding_count, 0);
}

static void
test_threshold__speaks_for_any_metric_with_a_threshold(void **state)
{
    struct fixture *f = *state;
    restart_with(f, RUN_QUEUE, 4, 8);
    world.values[RUN_QUEUE] = 3.9;
    world.people[0].core = 0.5;
    pass(f, 10);
    assert_int_equal(f->picture->finding_count, 0);
    world.values[RUN_QUEUE] = 5;
    pass(f, 4);
    assert_true(says(f, "threshold:system.cpu.run_queue",
                     "system.cpu.run_queue is 5 (warning threshold: 4); p7 (7)"));
    assert_int_equal(finding(f, "threshold:system.cpu.run_queue")->level, LEVEL_WARNING);
    int64_t since = finding(f, "threshold:system.cpu.run_queue")->since_wall_ns;
    assert_true(since < f->picture->wall_ns && since > f->picture->wall_ns - 5 * NS_PER_S);
    world.values[RUN_QUEUE] = 1;
    pass(f, 1);
    assert_true(says(f, "threshold:system.cpu.run_queue", "system.cpu.run_queue was 5 until"));
}

static void
test_threshold__a_threshold_reached_is_no_matter_of_smoothing(void **state)
{
    struct fixture *f = *state;
    static const char id[] = "threshold:system.cpu.run_queue";
    restart_with(f, RUN_QUEUE, 12, 16);
    world.values[RUN_QUEUE] = 13;
    pass(f, 6);
    assert_int_equal(finding(f, id)->level, LEVEL_WARNING);
    world.values[RUN_QUEUE] = 15.9; /* near is not there */
    pass(f, 1);
    assert_int_equal(finding(f, id)->level, LEVEL_WARNING);
    world.values[RUN_QUEUE] = 16;
    pass(f, 1);
    assert_int_equal(finding(f, id)->level, LEVEL_CRITICAL);
    assert_true(says(f, id, "system.cpu.run_queue is 16 (critical threshold: 16)"));
}

/* Metrics of other sources, each what the run queue is; the last has a threshold of its own. */
static void
add_others(struct fixture *f, size_t count, double warning, double warning_of_last)
{
    static struct metric others[100];
    static char names[ARRAY_SIZE(others)][16];
    assert_true(count <= ARRAY_SIZE(others));
    for (size_t i = 0; i < count; i++) {
        snprintf(names[i], sizeof(names[i]), "other.m%zu", i);
        others[i] = (struct metric){.name = names[i],
                                    .unit = "",
                                    .labels = "",
                                    .text = "",
                                    .formula = "system.cpu.run_queue",
                                    .warning = i + 1 < count ? warning : warning_of_last};
    }
    catalog_add(f->catalog, others, count);
}

static void
test_threshold__takes_any_number_of_thresholds(void **state)
{
    struct fixture *f = *state;
    add_others(f, 100, 100, 4);
    world.values[RUN_QUEUE] = 5;
    pass(f, 10);
    assert_int_equal(f->picture->thresholds, 100);
    assert_true(says(f, "threshold:other.m99", "other.m99 is 5 (warning threshold: 4)"));
}

static void
test_threshold__says_how_many_findings_are_left_out(void **state)
{
    struct fixture *f = *state;
    add_others(f, 60, 4, 4);
    world.values[RUN_QUEUE] = 5;
    pass(f, 10);
    assert_true(says(f, "findings.left_out", "12 more findings are left out: 48 are told at once"));
}

/* A burst is not said at once; that there is a threshold is known all the same. */
static void
test_threshold__counts_thresholds_while_it_waits(void **state)
{
    struct fixture *f = *state;
    restart_with(f, RUN_QUEUE, 12, 16);
    pass(f, 15);
    world.values[RUN_QUEUE] = 16;
    pass(f, 1);
    assert_int_equal(f->picture->finding_count, 0);
    assert_string_equal(f->picture->looked_at, "");
    assert_int_equal(f->picture->thresholds, 1);
}

/* The worst of several is the metric's fold: each is judged and named. */
static void
test_threshold__names_which_of_several_is_beyond_a_threshold(void **state)
{
    struct fixture *f = *state;
    restart_with(f, PSI, 0.3, NAN);
    world.values[PSI] = 0.35;
    pass(f, 6);
    assert_true(says(f, "threshold:system.pressure.some.utilization:io",
                     "system.pressure.some.utilization of io is 35 %"));
}

static void
test_threshold__judges_the_worst_of_many(void **state)
{
    struct fixture *f = *state;
    world.resources = 200;
    restart_with(f, PSI, 0.3, NAN);
    pass(f, 6);
    assert_true(says(f, "threshold:system.pressure.some.utilization",
                     "system.pressure.some.utilization is 50 %"));
}

/* Mount points of containers and JSON pointers are. */
static void
test_threshold__judges_what_has_a_long_name(void **state)
{
    struct fixture *f = *state;
    char mountpoint[400] = "mountpoint=/", resource[400] = "resource=";
    memset(mountpoint + strlen(mountpoint), 'm', 300);
    memset(resource + strlen(resource), 'r', 300);
    world.labels[FILESYSTEM] = mountpoint;
    world.labels[PSI] = resource;
    restart_with(f, PSI, 0.3, NAN);
    world.values[PSI] = 0.35;
    world.values[FILESYSTEM] = 0.999;
    pass(f, 6);
    assert_int_equal(f->picture->finding_count, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct finding *finding = &f->picture->findings[i];
        bool full = strncmp(finding->id, "filesystem.full:/mmm", 20) == 0;
        assert_true(full || strncmp(finding->id, "threshold:system.pressure", 25) == 0);
        assert_null(finding->evidence[0].metric); /* its labels do not fit */
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_threshold__##name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(takes_the_threshold_of_the_user),
        TEST(is_silent_below_the_threshold_of_the_user),
        TEST(speaks_for_any_metric_with_a_threshold),
        TEST(a_threshold_reached_is_no_matter_of_smoothing),
        TEST(takes_any_number_of_thresholds),
        TEST(says_how_many_findings_are_left_out),
        TEST(counts_thresholds_while_it_waits),
        TEST(names_which_of_several_is_beyond_a_threshold),
        TEST(judges_the_worst_of_many),
        TEST(judges_what_has_a_long_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
