/* CPU time, load and scheduling. */
#include "../check.h"

#include "../../src/sources/proc_parse.h"
#include "../../src/sources/sources.h"
#include "poll.h"

static void
test_proc_cpu__reads_every_state_of_every_core(void **state)
{
    (void)state;
    struct poll poll;
    poll_open(&poll, &source_proc_cpu, "server128");
    poll_run(&poll);
    assert_int_equal(poll.batch.state, SOURCE_OK);
    static const struct {
        const char *state;
        double seconds;
    } rows[] = {{"user", 101.27}, {"nice", 1}, {"system", 51.27}, {"idle", 9000},
                {"iowait", 20},   {"irq", 0},  {"softirq", 3},    {"steal", 0.4}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char labels[40];
        snprintf(labels, sizeof(labels), "cpu=127,state=%s", rows[i].state);
        assert_value(&poll, "system.cpu.time", labels, rows[i].seconds);
    }
    assert_value(&poll, "system.cpu.guest.time", "cpu=127", 0.6);
    assert_value(&poll, "system.cpu.logical.count", "", 128);
    poll_close(&poll);
}

static void
test_proc_cpu__reads_scheduling(void **state)
{
    (void)state;
    for (int second = 0; second < 2; second++) {
        struct poll poll;
        poll_open(&poll, &source_proc_cpu, second == 0 ? "kernel6" : "kernel6+1");
        poll_run(&poll);
        assert_value(&poll, "system.cpu.interrupts", "", 5000000 + 1200 * second);
        assert_value(&poll, "system.cpu.context_switches", "", 90000000 + 3400 * second);
        assert_value(&poll, "system.process.forks", "", 123456 + 7 * second);
        assert_value(&poll, "system.cpu.run_queue", "", 3 + second);
        assert_value(&poll, "system.cpu.blocked", "", 1 + second);
        assert_value(&poll, "system.cpu.softirqs", "type=net_rx", 40000 + 4 * second);
        assert_value(&poll, "system.cpu.softirqs", "type=rcu", 100000 + 10 * second);
        assert_value(&poll, "system.cpu.load_average.1m", "", 1.25 + second);
        assert_value(&poll, "system.cpu.load_average.15m", "", 0.5);
        assert_value(&poll, "system.thread.count", "", 812);
        assert_value(&poll, "system.uptime", "", 360000.25 + second);
        poll_close(&poll);
    }
}

/* The laptop loses its last core within the second. */
static void
test_proc_cpu__offline_core_is_a_gap(void **state)
{
    (void)state;
    char root[PATH_MAX];
    struct poll poll;
    tree_make(root);
    tree_copy(root, "laptop", "proc/stat");
    assert_int_equal(poll_open_at(&poll, &source_proc_cpu, root), 0);
    poll_run(&poll);
    assert_value(&poll, "system.cpu.time", "cpu=7,state=user", 100.07);
    tree_copy(root, "laptop+1", "proc/stat");
    poll_run(&poll);
    assert_unknown(&poll, "system.cpu.time", "cpu=7,state=user");
    assert_value(&poll, "system.cpu.time", "cpu=6,state=user", 100.06 + 0.36);
    assert_value(&poll, "system.cpu.logical.count", "", 7);
    assert_int_equal(poll.batch.state, SOURCE_OK);
    poll_close(&poll);
    tree_remove(root, "proc/stat");
}

static void
test_proc_cpu__small_falls_are_held(void **state)
{
    (void)state;
    static const char first[] = "cpu0 100 0 0 5000 1000 0 0 0 0 0\n";
    static const char second[] = "cpu0 110 0 0 5090 990 0 0 0 0 0\n";
    static const char reborn[] = "cpu0 120 0 0 90 990 0 0 0 0 0\n";
    static const char rewound[] = "cpu0 130 0 0 90 990 0 0 0 0 0\ncpu1 1 1 1 999999 0 0 0 0 0 0\n";
    char root[PATH_MAX];
    struct poll poll;
    tree_make(root);
    tree_write(root, "proc/stat", first, sizeof(first) - 1);
    assert_int_equal(poll_open_at(&poll, &source_proc_cpu, root), 0);
    poll_run(&poll);
    tree_write(root, "proc/stat", second, sizeof(second) - 1);
    poll_run(&poll);
    assert_value(&poll, "system.cpu.time", "cpu=0,state=iowait", 10);
    assert_value(&poll, "system.cpu.time", "cpu=0,state=idle", 50.9);
    tree_write(root, "proc/stat", reborn, sizeof(reborn) - 1);
    poll_run(&poll);
    assert_value(&poll, "system.cpu.time", "cpu=0,state=idle", 50.9);
    tree_write(root, "proc/stat", rewound, sizeof(rewound) - 1);
    poll_run(&poll);
    assert_value(&poll, "system.cpu.time", "cpu=1,state=idle", 9999.99);
    static const char back[] = "cpu1 1 1 1 2000 0 0 0 0 0 0\n";
    tree_write(root, "proc/stat", back, sizeof(back) - 1);
    poll_run(&poll);
    assert_value(&poll, "system.cpu.time", "cpu=1,state=idle", 20);
    poll_close(&poll);
    tree_remove(root, "proc/stat");
}

static void
test_proc_cpu__hostile_lines_are_counted_not_believed(void **state)
{
    (void)state;
    struct poll poll;
    poll_open(&poll, &source_proc_cpu, "hostile");
    poll_run(&poll);
    assert_int_equal(poll.batch.state, SOURCE_DEGRADED);
    assert_true(poll.batch.rejected >= 4);
    assert_value(&poll, "system.cpu.time", "cpu=2,state=user", 0.07);
    assert_unknown(&poll, "system.cpu.time", "cpu=2,state=steal");
    assert_unknown(&poll, "system.cpu.time", "cpu=0,state=user");
    assert_unknown(&poll, "system.cpu.time", "cpu=1,state=user");
    assert_unknown(&poll, "system.cpu.logical.count", "");
    assert_unknown(&poll, "system.cpu.context_switches", "");
    assert_value(&poll, "system.cpu.run_queue", "", 2);
    assert_unknown(&poll, "system.cpu.blocked", "");
    assert_unknown(&poll, "system.cpu.load_average.1m", "");
    poll_close(&poll);
}

static void
test_proc_cpu__missing_files_leave_it_out(void **state)
{
    (void)state;
    struct poll poll;
    assert_int_equal(poll_open_at(&poll, &source_proc_cpu, "/nonexistent"), -ENOENT);
    assert_non_null(strstr(poll.why, "stat cannot be read"));
    poll_close(&poll);
}

/* Whatever is cut off: a number is the whole file's or unknown. */
static void
test_proc_cpu__every_prefix_is_right_or_unknown(void **state)
{
    (void)state;
    char *data;
    size_t n = fixture_load("kernel6", "proc/stat", &data);
    for (size_t cut = 0; cut <= n; cut++) {
        char *copy = malloc(cut > 0 ? cut : 1);
        memcpy(copy, data, cut);
        struct str text = {copy, cut};
        struct stat_core core;
        struct stat_text rest;
        size_t refused = 0, cores = 0;
        for (; parse_stat_core(&text, &core, &refused); cores++) {
            assert_int_equal(core.cpu, cores);
            assert_true(core.ticks[STAT_USER] == 10000 + (double)cores);
            assert_true(core.ticks[STAT_GUEST_NICE] == 10);
        }
        assert_int_equal(refused, 0);
        parse_stat_rest(text, &rest);
        assert_true(isnan(rest.context_switches) || rest.context_switches == 90000000);
        assert_true(isnan(rest.interrupts) || rest.interrupts == 5000000);
        assert_true(isnan(rest.forks) || rest.forks == 123456);
        assert_true(isnan(rest.softirqs[9]) || rest.softirqs[9] == 100000);
        assert_true(cut < n || (cores == 4 && rest.softirqs[9] == 100000));
        free(copy);
    }
    free(data);
    static const char load[] = "0.15 0.03 0.01 2/96 8182\n";
    struct loadavg got;
    for (size_t cut = 0; cut < sizeof(load) - 1; cut++) {
        assert_false(parse_loadavg((struct str){load, cut}, &got));
    }
    assert_true(parse_loadavg((struct str){load, sizeof(load) - 1}, &got));
    assert_true(got.load[1] == 0.03 && got.runnable == 2 && got.threads == 96);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_proc_cpu__reads_every_state_of_every_core),
        cmocka_unit_test(test_proc_cpu__reads_scheduling),
        cmocka_unit_test(test_proc_cpu__offline_core_is_a_gap),
        cmocka_unit_test(test_proc_cpu__small_falls_are_held),
        cmocka_unit_test(test_proc_cpu__hostile_lines_are_counted_not_believed),
        cmocka_unit_test(test_proc_cpu__missing_files_leave_it_out),
        cmocka_unit_test(test_proc_cpu__every_prefix_is_right_or_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
