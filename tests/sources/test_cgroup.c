/* Control groups, v1 and v2, on fixture trees whose second reading is one second later. */
#include "../check.h"

#include "../../src/sources/cgroup_parse.h"
#include "../../src/sources/sources.h"
#include "live.h"

static double
real(const struct live *live, const char *path, const char *column)
{
    const union cell *row = live_row(live, 0, 0, path);
    assert_non_null(row);
    int index = table_column(live->poll.batch.tables[0]->def, column);
    assert_true(index >= 0);
    return row[index].real;
}

static void
read_twice(struct live *live, const char *first, const char *second)
{
    live_init(live, first);
    live->interest.cgroups = true;
    assert_int_equal(live_open(live, &source_cgroup), 0);
    live_run(live, 0);
    live_apply(live, second);
    live_run(live, 1000);
}

#define ID "4f1c2d3e4f1c2d3e4f1c2d3e4f1c2d3e4f1c2d3e4f1c2d3e4f1c2d3e4f1c2d3e"
#define SCOPE "/system.slice/docker-" ID ".scope"

static void
test_cgroup__v2_table(void **state)
{
    (void)state;
    struct live live;
    read_twice(&live, "cgroup2", "cgroup2+1");
    assert_int_equal(live.poll.batch.tables[0]->count, 5);
    assert_string_equal(live_row(&live, 0, 0, SCOPE)[1].text, "4f1c2d3e4f1c");
    assert_string_equal(live_row(&live, 0, 0, "/system.slice/app\\x2dserver.service")[1].text,
                        "app-server.service");
    assert_real(real(&live, SCOPE, "cgroup.cpu.utilization"), 1.2);
    assert_real(real(&live, SCOPE, "cgroup.cpu.limit"), 1.5);
    assert_real(real(&live, SCOPE, "cgroup.cpu.throttled"), 0.4);
    assert_real(real(&live, SCOPE, "cgroup.memory.usage"), 1073741824 - 134217728);
    assert_nan(real(&live, SCOPE, "cgroup.memory.limit"));
    assert_nan(real(&live, SCOPE, "cgroup.memory.utilization"));
    assert_real(real(&live, SCOPE, "cgroup.pressure.cpu"), 0.2);
    assert_real(real(&live, SCOPE, "cgroup.pressure.memory"), 0.05);
    assert_real(real(&live, SCOPE, "cgroup.pressure.io"), 0.01);
    assert_real(real(&live, SCOPE, "cgroup.processes"), 12);
    assert_real(real(&live, "/system.slice", "cgroup.memory.limit"), 2147483648);
    assert_real(real(&live, "/system.slice", "cgroup.memory.utilization"), 0.625);
    assert_nan(real(&live, "/", "cgroup.memory.usage"));
    assert_real(real(&live, "/", "cgroup.cpu.utilization"), 1.3);
    assert_int_equal(live.poll.batch.state, SOURCE_OK);
    live_close(&live);
}

static void
test_cgroup__v2_own_limits_are_the_tightest_on_the_way_up(void **state)
{
    (void)state;
    struct live live;
    read_twice(&live, "cgroup2", "cgroup2+1");
    assert_value(&live.poll, "container.cpu.limit", "", 1.5);
    assert_value(&live.poll, "container.cpu.time", "", 91.2);
    assert_value(&live.poll, "container.cpu.periods", "", 110);
    assert_value(&live.poll, "container.cpu.throttled.periods", "", 24);
    assert_value(&live.poll, "container.cpu.throttled.time", "", 6);
    /* The limit is the slice's, so is the use: of all that shares it. */
    assert_value(&live.poll, "container.memory.limit", "", 2147483648);
    assert_value(&live.poll, "container.memory.usage", "", 1342177280);
    assert_value(&live.poll, "container.memory.oom_kills", "", 2);
    assert_value(&live.poll, "container.pressure.time", "resource=cpu,kind=some", 1.2);
    assert_value(&live.poll, "container.pressure.time", "resource=io,kind=full", 0.505);
    live_close(&live);
}

static void
test_cgroup__v1_in_a_container_without_namespace(void **state)
{
    (void)state;
    struct live live;
    read_twice(&live, "cgroup1", "cgroup1+1");
    assert_value(&live.poll, "container.cpu.limit", "", 0.5);
    assert_value(&live.poll, "container.cpu.time", "", 90.45);
    assert_value(&live.poll, "container.cpu.throttled.time", "", 5.7);
    assert_value(&live.poll, "container.memory.limit", "", 536870912);
    assert_value(&live.poll, "container.memory.usage", "", 402653184 - 134217728);
    assert_value(&live.poll, "container.memory.oom_kills", "", 1);
    assert_nan(poll_value(&live.poll, "container.pressure.time", "resource=cpu,kind=some"));
    assert_int_equal(live.poll.batch.tables[0]->count, 2);
    assert_real(real(&live, "/", "cgroup.cpu.utilization"), 0.45);
    assert_real(real(&live, "/", "cgroup.cpu.throttled"), 0.9);
    assert_real(real(&live, "/", "cgroup.memory.utilization"), 0.5);
    assert_real(real(&live, "/", "cgroup.processes"), 12);
    assert_real(real(&live, "/worker", "cgroup.memory.usage"), 1048576);
    assert_nan(real(&live, "/worker", "cgroup.memory.limit"));
    live_close(&live);
}

static void
test_cgroup__no_limit_no_metric(void **state)
{
    (void)state;
    struct live live;
    live_init(&live, "cgroup2");
    live_text(&live, "cgroup" SCOPE "/cpu.max", "max 100000\n");
    live_text(&live, "cgroup/system.slice/memory.max",
              "99999999999999\n"); /* more than the machine has */
    assert_int_equal(live_open(&live, &source_cgroup), 0);
    live_run(&live, 0);
    assert_nan(poll_value(&live.poll, "container.cpu.limit", ""));
    assert_nan(poll_value(&live.poll, "container.cpu.time", ""));
    assert_nan(poll_value(&live.poll, "container.memory.limit", ""));
    live_close(&live);
}

static void
test_cgroup__cpuset_is_a_limit(void **state)
{
    (void)state;
    struct live live;
    live_init(&live, "cgroup2");
    live_text(&live, "cgroup" SCOPE "/cpuset.cpus.effective", "2\n");
    assert_int_equal(live_open(&live, &source_cgroup), 0);
    live_run(&live, 0);
    assert_value(&live.poll, "container.cpu.limit", "", 1);
    live_close(&live);
}

static void
test_cgroup__groups_come_and_go(void **state)
{
    (void)state;
    struct live live;
    read_twice(&live, "cgroup2", "cgroup2+1");
    live_remove(&live, "cgroup/user.slice");
    live_text(&live, "cgroup/new.slice/memory.current", "4096\n");
    live_run(&live, 1000); /* those known are read */
    assert_non_null(live_row(&live, 0, 0, "/user.slice"));
    live_run(&live, 1000);
    assert_null(live_row(&live, 0, 0, "/user.slice"));
    assert_real(real(&live, "/new.slice", "cgroup.memory.usage"), 4096);
    assert_nan(real(&live, "/new.slice", "cgroup.cpu.utilization"));
    live_close(&live);
}

static void
test_cgroup__out_of_view_rows_stand_between_walks(void **state)
{
    (void)state;
    struct live live;
    read_twice(&live, "cgroup2", "cgroup2+1");
    live.interest.cgroups = false;
    live_remove(&live, "cgroup/user.slice");
    live_run(&live, 1000); /* the third tick: no walk */
    assert_non_null(live_row(&live, 0, 0, "/user.slice"));
    for (int i = 0; i < 3; i++) {
        live_run(&live, 1000);
    }
    assert_null(live_row(&live, 0, 0, "/user.slice"));
    live_close(&live);
}

static void
test_cgroup__depth_and_count_are_bounded(void **state)
{
    (void)state;
    struct live live;
    live_init(&live, "cgroup2");
    live_text(&live, "cgroup/1/2/3/4/5/6/7/8/memory.current", "1\n");
    for (int i = 0; i < 600; i++) {
        char path[64];
        snprintf(path, sizeof(path), "cgroup/user.slice/%d/memory.current", i);
        live_text(&live, path, "1\n");
    }
    assert_int_equal(live_open(&live, &source_cgroup), 0);
    live_run(&live, 0);
    assert_int_equal(live.poll.batch.tables[0]->count, 512);
    assert_null(live_row(&live, 0, 0, "/1/2/3/4/5/6/7"));
    assert_int_equal(live.poll.batch.state, SOURCE_DEGRADED);
    assert_non_null(strstr(live.poll.batch.why, "more than 512"));
    live_close(&live);
}

static void
test_cgroup__absent_controller_is_said(void **state)
{
    (void)state;
    struct live live;
    live_init(&live, "cgroup2");
    live_text(&live, "cgroup/cgroup.controllers", "cpu pids\n");
    assert_int_equal(live_open(&live, &source_cgroup), 0);
    live_run(&live, 0);
    assert_int_equal(live.poll.batch.state, SOURCE_DEGRADED);
    assert_non_null(strstr(live.poll.batch.why, "memory controller"));
    assert_nan(real(&live, SCOPE, "cgroup.memory.usage"));
    live_close(&live);
}

static void
test_cgroup__nothing_mounted_is_left_out(void **state)
{
    (void)state;
    struct live live;
    live_init(&live, NULL);
    live_remove(&live, "cgroup");
    assert_int_equal(live_open(&live, &source_cgroup), -ENOENT);
    assert_string_equal(live.poll.why, "no control groups are mounted");
    live_close(&live);
}

static void
test_cgroup__mount_lines(void **state)
{
    (void)state;
    struct cgroup_mount mount;
    char text[64];
    assert_true(cgroup_mount_parse(
        STR("1 2 0:3 / /a\\040b rw,nosuid shared:4 master:5 - cgroup2 none rw"), &mount));
    assert_true(mount.v2);
    assert_string_equal(cgroup_unescape(mount.point, text, sizeof(text)), "/a b");
    assert_true(cgroup_mount_parse(STR("1 2 0:3 /x /y rw - cgroup cgroup rw,cpu,cpuacct"), &mount));
    assert_int_equal(mount.controllers, 1u << CGROUP_CPU | 1u << CGROUP_CPUACCT);
    assert_false(
        cgroup_mount_parse(STR("1 2 0:3 /x /y rw - cgroup cgroup rw,name=systemd"), &mount));
    assert_false(cgroup_mount_parse(STR("1 2 0:3 / /proc rw - proc proc rw"), &mount));
    assert_false(cgroup_mount_parse(STR("1 2 0:3 / /proc rw shared:1"), &mount));
    assert_false(cgroup_mount_parse(STR(""), &mount));
}

static void
test_cgroup__values(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
        double value;
    } values[] = {
        {"max\n", true, INFINITY},
        {"-1\n", true, INFINITY},
        {"9223372036854771712\n", true, INFINITY},
        {"0\n", true, 0},
        {"4096", true, 4096},
        {"", false, 0},
        {"4096x", false, 0},
        {"maximum", false, 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        double value = 42;
        assert_int_equal(cgroup_value_parse(str_from(values[i].text), &value), values[i].good);
        assert_true(value == (values[i].good ? values[i].value : 42));
    }
    double cores = 42;
    assert_true(cgroup_cpu_max_parse(STR("max 100000\n"), &cores) && isinf(cores));
    assert_true(cgroup_cpu_max_parse(STR("50000 100000\n"), &cores) && cores == 0.5);
    assert_false(cgroup_cpu_max_parse(STR("50000 0\n"), &cores));
    assert_false(cgroup_cpu_max_parse(STR("50000"), &cores));
    uint64_t us = 0;
    assert_true(
        cgroup_pressure_parse(STR("some avg10=0.1 total=7\nfull avg10=0 total=8\n"), "full", &us));
    assert_int_equal(us, 8);
    assert_false(cgroup_pressure_parse(STR("some avg10=0.1 total=7\n"), "full", &us));
    assert_int_equal(cgroup_cpu_count(STR("0-3,8,10-11\n")), 7);
    assert_int_equal(cgroup_cpu_count(STR("")), 0);
    assert_int_equal(cgroup_cpu_count(STR("3-1")), 0);
    assert_int_equal(cgroup_cpu_count(STR("0-18446744073709551615")), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cgroup__v2_table),
        cmocka_unit_test(test_cgroup__v2_own_limits_are_the_tightest_on_the_way_up),
        cmocka_unit_test(test_cgroup__v1_in_a_container_without_namespace),
        cmocka_unit_test(test_cgroup__no_limit_no_metric),
        cmocka_unit_test(test_cgroup__cpuset_is_a_limit),
        cmocka_unit_test(test_cgroup__groups_come_and_go),
        cmocka_unit_test(test_cgroup__out_of_view_rows_stand_between_walks),
        cmocka_unit_test(test_cgroup__depth_and_count_are_bounded),
        cmocka_unit_test(test_cgroup__absent_controller_is_said),
        cmocka_unit_test(test_cgroup__nothing_mounted_is_left_out),
        cmocka_unit_test(test_cgroup__mount_lines),
        cmocka_unit_test(test_cgroup__values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
