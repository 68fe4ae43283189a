/* The diagnosis over pictures made by hand: who fires, who stays silent, and how it holds over
 * time. */
#include "../check.h"

#include "diagnosed.h"

static void
test_bottleneck__is_silent_on_an_idle_machine(void **state)
{
    struct fixture *f = *state;
    pass(f, 30);
    assert_int_equal(f->picture->finding_count, 0);
    assert_non_null(strstr(f->picture->looked_at, "CPU"));
    assert_non_null(strstr(f->picture->looked_at, "2 processes"));
}

/* Each judge: one value that is just not enough, one that is. */
static void
test_bottleneck__speaks_above_its_threshold_only(void **state)
{
    struct fixture *f = *state;
    static const struct {
        int value;
        double quiet, loud;
        const char *id, *words;
    } rows[] = {
        {CPU, 0.88, 0.97, "cpu.saturated", "CPU 97 % busy"},
        {STEAL, 0.08, 0.25, "cpu.stolen", "hypervisor"},
        {FORKS, 400, 2000, "process.fork_storm", "2.00 k"},
        {MEMORY, 0.93, 0.98, "memory.short", "memory 98 % used"},
        {FILESYSTEM, 0.94, 1, "filesystem.full:/data", "file system /data 100 % full"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        double before = world.values[rows[i].value];
        world.values[rows[i].value] = rows[i].quiet;
        pass(f, 25);
        assert_null(finding(f, rows[i].id));
        world.values[rows[i].value] = rows[i].loud;
        pass(f, 25);
        assert_true(says(f, rows[i].id, rows[i].words));
        world.values[rows[i].value] = before;
        pass(f, 25);
        assert_int_equal(f->picture->finding_count, 0);
    }
}

static void
test_bottleneck__speaks_in_the_first_picture(void **state)
{
    struct fixture *f = *state;
    world.values[CPU] = 1;
    world.people[0].core = 0.9;
    pass(f, 1);
    assert_true(says(f, "cpu.saturated", "p7 (7) uses 90 %"));
    assert_int_equal(finding(f, "cpu.saturated")->culprit_pid, 7);
}

static void
test_bottleneck__waits_its_hold_time_later_on(void **state)
{
    struct fixture *f = *state;
    pass(f, 10);
    world.values[STEAL] = 0.9; /* its smoothed value passes the threshold at once */
    pass(f, 3);
    assert_null(finding(f, "cpu.stolen"));
    pass(f, 1);
    assert_non_null(finding(f, "cpu.stolen"));
}

static void
test_bottleneck__says_a_clear_one_within_four_seconds(void **state)
{
    struct fixture *f = *state;
    pass(f, 10);
    world.values[CPU] = 0.98;
    world.people[0].core = 1.9;
    pass(f, 1);
    assert_int_equal(f->picture->finding_count, 0);
    pass(f, 2);
    assert_true(says(f, "cpu.saturated", "CPU 97 % busy"));
}

static void
test_bottleneck__does_not_call_a_second_of_work_a_finding(void **state)
{
    struct fixture *f = *state;
    pass(f, 12);
    for (int i = 0; i < 20; i++) {
        world.values[CPU] = 1;
        pass(f, 2);
        assert_int_equal(f->picture->finding_count, 0);
        world.values[CPU] = 0.05;
        pass(f, 3);
        assert_int_equal(f->picture->finding_count, 0);
    }
}

/* One thread is no grave matter, but a look of one second has no later. */
static void
test_bottleneck__says_what_is_there_from_the_start(void **state)
{
    struct fixture *f = *state;
    world.values[CPU] = 0.5;
    world.people[0].core = 1;
    pass(f, 2);
    assert_int_equal(f->picture->host.cores > 1, finding(f, "cpu.one_thread:7") != NULL);
}

static void
test_bottleneck__is_not_silent_about_what_has_not_stood_long(void **state)
{
    struct fixture *f = *state;
    pass(f, 20);
    assert_string_not_equal(f->picture->looked_at, "");
    world.values[CPU] = 1;
    pass(f, 2); /* the mean of two ticks tells */
    assert_int_equal(f->picture->finding_count, 0);
    assert_string_equal(f->picture->looked_at, "");
}

static void
test_bottleneck__does_not_speak_of_rates_before_there_are_some(void **state)
{
    struct fixture *f = *state;
    world.values[CPU] = NAN;
    pass(f, 1);
    assert_string_equal(f->picture->looked_at, "");
    world.values[CPU] = 0.1;
    pass(f, 1);
    assert_non_null(strstr(f->picture->looked_at, "CPU"));
    assert_non_null(strstr(f->picture->looked_at, "for 1.0 s"));
    pass(f, 10);
    assert_null(strstr(f->picture->looked_at, "for 1"));
}

static void
test_bottleneck__says_in_the_past_tense_what_is_over(void **state)
{
    struct fixture *f = *state;
    world.values[CPU] = 0.98;
    world.people[0].core = 1.9;
    pass(f, 10);
    assert_int_equal(finding(f, "cpu.saturated")->until_wall_ns, 0);
    int64_t last = f->picture->wall_ns;
    world.values[CPU] = 0.1;
    world.people[0].core = 0.01;
    pass(f, 1);
    assert_true(says(f, "cpu.saturated", "the CPU was 98 % busy until "));
    assert_true(says(f, "cpu.saturated", "culprit: p7 (7)"));
    assert_null(strstr(finding(f, "cpu.saturated")->sentence, "uses"));
    assert_int_equal(finding(f, "cpu.saturated")->until_wall_ns, last);
    pass(f, 3);
    assert_non_null(finding(f, "cpu.saturated"));
    pass(f, 1);
    assert_null(finding(f, "cpu.saturated"));
}

static void
test_bottleneck__puts_what_is_over_last(void **state)
{
    struct fixture *f = *state;
    world.values[CPU] = 1;
    world.values[STEAL] = 0.12;
    pass(f, 10);
    assert_string_equal(f->picture->findings[0].id, "cpu.saturated");
    world.values[CPU] = 0.1;
    pass(f, 1);
    assert_string_equal(f->picture->findings[0].id, "cpu.stolen");
    assert_string_equal(f->picture->findings[1].id, "cpu.saturated");
}

/* A build that pauses now and then is one trouble, not ten. */
static void
test_bottleneck__does_not_flicker_with_bursts(void **state)
{
    struct fixture *f = *state;
    int comings = 0;
    bool was = false;
    pass(f, 10);
    for (int i = 0; i < 10 * 20; i++) {
        world.values[CPU] = i % 20 < 8 ? 1 : 0.1;
        pass(f, 1);
        bool is = finding(f, "cpu.saturated") != NULL;
        comings += is && !was;
        was = is;
    }
    assert_in_range(comings, 1, 2);
    world.values[CPU] = 0.1;
    pass(f, 70);
    assert_int_equal(f->picture->finding_count, 0);
}

static void
test_bottleneck__renews_its_numbers_every_two_seconds(void **state)
{
    struct fixture *f = *state;
    world.values[CPU] = 1;
    world.people[0].core = 0.9;
    pass(f, 10);
    char sentence[300];
    int since = 0;
    snprintf(sentence, sizeof(sentence), "%s", finding(f, "cpu.saturated")->sentence);
    for (int i = 0; i < 20; i++) {
        world.people[0].core = 0.5 + 0.02 * i;
        pass(f, 1);
        since++;
        if (strcmp(finding(f, "cpu.saturated")->sentence, sentence) != 0) {
            snprintf(sentence, sizeof(sentence), "%s", finding(f, "cpu.saturated")->sentence);
            since = 0;
        }
        assert_in_range(since, 0, 2);
    }
}

static void
test_bottleneck__keeps_since_when(void **state)
{
    struct fixture *f = *state;
    world.values[CPU] = 1;
    pass(f, 1);
    int64_t since = finding(f, "cpu.saturated")->since_wall_ns;
    pass(f, 20);
    assert_int_equal(finding(f, "cpu.saturated")->since_wall_ns, since);
}

static void
test_bottleneck__is_silent_when_a_busy_disk_holds_nobody_back(void **state)
{
    struct fixture *f = *state;
    world.values[DISK] = 0.85;
    world.values[PSI] = 0.05;
    pass(f, 20);
    assert_int_equal(f->picture->finding_count, 0);
}

static void
test_bottleneck__names_one_thread_that_fills_a_core(void **state)
{
    struct fixture *f = *state;
    world.values[CPU] = 0.3;
    world.people[0].core = 0.99;
    pass(f, 10);
    assert_int_equal(f->picture->host.cores > 1, finding(f, "cpu.one_thread:7") != NULL);
}

static void
check_kills_of_group(struct fixture *f)
{
    world.group = true;
    world.group_use = 50e6;
    world.group_kills = 3; /* before we came */
    pass(f, 5);
    assert_int_equal(f->picture->finding_count, 0);
    world.group_kills = 4;
    world.values[KILLS] = 1;
    pass(f, 1);
    world.values[KILLS] = 0;
    pass(f, 3);
    assert_true(says(f, "memory.group_limit:box", "the kernel kills for it; p7 (7) holds"));
    assert_null(finding(f, "memory.oom"));
    pass(f, 20);
    assert_int_equal(f->picture->finding_count, 0);
}

static void
test_bottleneck__lays_kills_at_their_group(void **state)
{
    check_kills_of_group(*state);
}

static void
test_bottleneck__knows_groups_of_long_paths_again(void **state)
{
    static char path[4000];
    memset(path, 'd', sizeof(path) - 1);
    path[0] = '/';
    world.group_path = path;
    check_kills_of_group(*state);
}

static void
test_bottleneck__knows_as_many_groups_as_are_read(void **state)
{
    world.group_others = 511;
    check_kills_of_group(*state);
}

static void
test_bottleneck__lays_other_kills_at_the_machine(void **state)
{
    struct fixture *f = *state;
    pass(f, 5);
    world.values[KILLS] = 1;
    pass(f, 4);
    assert_true(says(f, "memory.oom", "killed a process"));
}

static void
test_bottleneck__says_once_what_is_not_there(void **state)
{
    struct fixture *f = *state;
    pass(f, 2);
    assert_non_null(strstr(f->picture->not_looked_at, "no PSI"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_bottleneck__##name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(is_silent_on_an_idle_machine),
        TEST(speaks_above_its_threshold_only),
        TEST(speaks_in_the_first_picture),
        TEST(waits_its_hold_time_later_on),
        TEST(says_a_clear_one_within_four_seconds),
        TEST(does_not_call_a_second_of_work_a_finding),
        TEST(says_what_is_there_from_the_start),
        TEST(is_not_silent_about_what_has_not_stood_long),
        TEST(does_not_speak_of_rates_before_there_are_some),
        TEST(says_in_the_past_tense_what_is_over),
        TEST(puts_what_is_over_last),
        TEST(does_not_flicker_with_bursts),
        TEST(renews_its_numbers_every_two_seconds),
        TEST(keeps_since_when),
        TEST(is_silent_when_a_busy_disk_holds_nobody_back),
        TEST(names_one_thread_that_fills_a_core),
        TEST(lays_kills_at_their_group),
        TEST(knows_groups_of_long_paths_again),
        TEST(knows_as_many_groups_as_are_read),
        TEST(lays_other_kills_at_the_machine),
        TEST(says_once_what_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
