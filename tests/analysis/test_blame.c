/* Who is to blame, over pictures made by hand. */
#include "../check.h"

#include "diagnosed.h"

/* Two that take turns at being the worst: one name. */
static void
test_blame__keeps_to_its_culprit(void **state)
{
    struct fixture *f = *state;
    world.values[CPU] = 1;
    for (int i = 0; i < 20; i++) {
        world.people[0].core = i % 2 == 0 ? 0.9 : 0.7;
        world.people[1].core = i % 2 == 0 ? 0.7 : 0.9;
        pass(f, 1);
        assert_int_equal(finding(f, "cpu.saturated")->culprit_pid, 7);
    }
    world.people[0].core = 0.1;
    pass(f, 2);
    assert_int_equal(finding(f, "cpu.saturated")->culprit_pid, 8);
}

static void
start_build(void)
{
    world.values[CPU] = 1;
    world.people_count = 5;
    double all = 2; /* the host's cores are as they are: each compiler takes one */
    world.people[0] = (struct person){.pid = 7, .name = "make", .core = 0.01};
    world.people[1] = (struct person){.pid = 20, .name = "gcc", .parent = 7};
    world.people[2] = (struct person){.pid = 21, .name = "cc1", .parent = 20, .core = all * 0.4};
    world.people[3] = (struct person){.pid = 30, .name = "cc1", .parent = 7, .core = all * 0.4};
    world.people[4] = (struct person){.pid = 9, .name = "bystander", .core = 0.3};
}

static void
test_blame__lays_compilers_at_who_starts_them(void **state)
{
    struct fixture *f = *state;
    start_build();
    for (int i = 0; i < 12; i++) {
        world.people[2].pid += 2;
        world.people[3].pid += 2;
        pass(f, 1);
        assert_true(says(f, "cpu.saturated", "make (7)'s children use "));
        assert_true(says(f, "cpu.saturated", ", mostly cc1"));
    }
}

/* Somebody else gets busier: neither its name nor its use is laid at them. */
static void
test_blame__lays_nothing_of_others_at_a_family(void **state)
{
    struct fixture *f = *state;
    start_build();
    pass(f, 4);
    assert_int_equal(finding(f, "cpu.saturated")->culprit_pid, 7);
    double cores = MAX(f->picture->host.cores, 1);
    world.people[0].children = cores * 0.6; /* a burst of what ended */
    world.people[2].core = world.people[3].core = cores * 0.15;
    world.people[4] = (struct person){.pid = 9, .name = "perl", .core = cores * 0.4};
    pass(f, 4);
    assert_false(says(f, "cpu.saturated", "perl"));
    assert_true(says(f, "cpu.saturated", "make (7)'s children use "));
    assert_true(says(f, "cpu.saturated", cores == 2 ? "use 120 %" : "use "));
}

/* Two cores of a machine that has many and idles: what uses both uses 200 %. */
static void
test_blame__counts_by_the_limit_what_the_limit_holds_back(void **state)
{
    struct fixture *f = *state;
    world.values[LIMIT] = 2;
    world.values[LIMIT_USE] = 1;
    world.values[THROTTLED] = 0.5;
    world.people[0].core = 2;
    pass(f, 6);
    assert_int_equal(finding(f, "cpu.quota")->culprit_pid, 7);
    assert_true(says(f, "cpu.quota", "p7 (7) uses 200 %"));
}

/* Of many small ones none is to blame. */
static void
test_blame__blames_nobody_for_a_small_part(void **state)
{
    struct fixture *f = *state;
    world.values[CPU] = 1;
    world.people[0].core = 0.12;
    world.people[1].core = 0.11;
    pass(f, 6);
    assert_non_null(finding(f, "cpu.saturated"));
    assert_null(finding(f, "cpu.saturated")->culprit);
}

static void
test_blame__lays_forks_at_who_starts_most(void **state)
{
    struct fixture *f = *state;
    start_build();
    world.values[FORKS] = 2000;
    world.people[0].children = 1.5;
    world.people[0].born = 30;
    world.people[4].born = 1900;
    pass(f, 6);
    assert_true(says(f, "process.fork_storm", "bystander (9) starts most of them"));
    world.people[4].born = 100; /* nobody known starts a fifth of them */
    pass(f, 6);
    assert_int_equal(finding(f, "process.fork_storm")->culprit_pid, 0);
}

static void
test_blame__lays_a_disk_at_who_waits_for_it(void **state)
{
    struct fixture *f = *state;
    world.values[DISK] = 0.95;
    world.values[PSI] = 0.6;
    world.values[DISK_IO] = 50e6;
    world.people[0].write = 30e6;
    world.people[0].core = 1;
    world.people[1].write = 20e6;
    world.people[1].wait = 0.8;
    pass(f, 6);
    assert_true(says(f, "disk.saturated:sda", "p8 (8) writes 20 MB/s"));
    world.people[0].write = 900e6; /* waiting is not everything */
    pass(f, 6);
    assert_int_equal(finding(f, "disk.saturated:sda")->culprit_pid, 7);
}

static void
test_blame__names_who_writes(void **state)
{
    struct fixture *f = *state;
    world.values[DISK] = 0.95;
    world.values[PSI] = 0.6;
    world.values[DISK_IO] = 300e6;
    world.people[1].write = 290e6;
    pass(f, 6);
    assert_true(says(f, "disk.saturated:sda", "p8 (8) writes 290 MB/s"));
}

static void
test_blame__says_when_rights_hide_who_writes(void **state)
{
    struct fixture *f = *state;
    world.values[DISK] = 0.95;
    world.values[PSI] = 0.6;
    world.values[DISK_IO] = 300e6;
    world.people[0].write = 1e3;
    world.people[1].write = NAN;
    world.denied = true;
    pass(f, 6);
    assert_true(says(f, "disk.saturated:sda", "culprit unknown: needs root"));
    assert_int_equal(finding(f, "disk.saturated:sda")->culprit_pid, 0);
    assert_string_equal(finding(f, "disk.saturated:sda")->culprit, "unknown: needs root");
}

static void
test_blame__does_not_call_the_unread_hidden(void **state)
{
    struct fixture *f = *state;
    world.values[DISK] = 0.95;
    world.values[PSI] = 0.6;
    world.values[DISK_IO] = 300e6;
    world.people[1].write = NAN;
    world.people[1].core = 0; /* idle: read only in turn */
    pass(f, 6);
    assert_non_null(finding(f, "disk.saturated:sda"));
    assert_null(finding(f, "disk.saturated:sda")->culprit);
}

static void
test_blame__does_not_believe_a_jump_of_dead_children(void **state)
{
    struct fixture *f = *state;
    world.values[CPU] = 1;
    world.people[0].core = 0.4;
    world.people[1].children = 5000;
    pass(f, 8);
    assert_int_equal(finding(f, "cpu.saturated")->culprit_pid, 7);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_blame__##name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(keeps_to_its_culprit),
        TEST(lays_compilers_at_who_starts_them),
        TEST(lays_nothing_of_others_at_a_family),
        TEST(counts_by_the_limit_what_the_limit_holds_back),
        TEST(blames_nobody_for_a_small_part),
        TEST(lays_forks_at_who_starts_most),
        TEST(lays_a_disk_at_who_waits_for_it),
        TEST(names_who_writes),
        TEST(says_when_rights_hide_who_writes),
        TEST(does_not_call_the_unread_hidden),
        TEST(does_not_believe_a_jump_of_dead_children),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
