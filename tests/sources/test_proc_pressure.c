/* Pressure stall information. */
#include "../check.h"

#include "../../src/sources/proc_parse.h"
#include "../../src/sources/sources.h"
#include "../ui/fake_picture.h"
#include "flametop/core/query.h"
#include "poll.h"

static void
test_proc_pressure__reads_all_resources(void **state)
{
    (void)state;
    for (int second = 0; second < 2; second++) {
        struct poll poll;
        poll_open(&poll, &source_proc_pressure, second == 0 ? "kernel6" : "kernel6+1");
        poll_run(&poll);
        assert_int_equal(poll.batch.state, SOURCE_OK);
        assert_value(&poll, "system.pressure.some", "resource=cpu", 4 + 0.125 * second);
        assert_value(&poll, "system.pressure.some", "resource=io", 9 + 0.41 * second);
        assert_value(&poll, "system.pressure.full", "resource=memory", 0.2 + 0.025 * second);
        assert_value(&poll, "system.pressure.full", "resource=irq", 0.06 + 0.004 * second);
        assert_unknown(&poll, "system.pressure.some", "resource=irq");
        assert_value(&poll, "system.pressure.avg10", "resource=io,kind=some", 0.41);
        assert_value(&poll, "system.pressure.avg10", "resource=cpu,kind=full", 0);
        poll_close(&poll);
    }
}

static void
test_proc_pressure__is_left_out_without_psi(void **state)
{
    (void)state;
    char root[PATH_MAX];
    struct poll poll;
    snprintf(root, sizeof(root), "%s/kernel418", fixtures());
    assert_int_equal(poll_open_at(&poll, &source_proc_pressure, root), -ENOENT);
    assert_non_null(strstr(poll.why, "psi=1"));
    poll_close(&poll);
}

static void
test_proc_pressure__hostile_files_are_unknown(void **state)
{
    (void)state;
    struct poll poll;
    poll_open(&poll, &source_proc_pressure, "hostile");
    poll_run(&poll);
    assert_int_equal(poll.batch.state, SOURCE_DEGRADED);
    assert_true(poll.batch.rejected >= 2);
    assert_unknown(&poll, "system.pressure.some", "resource=cpu");
    assert_unknown(&poll, "system.pressure.some", "resource=io");
    poll_close(&poll);
}

static void
test_proc_pressure__every_prefix_is_right_or_unknown(void **state)
{
    (void)state;
    static const char text[] = "some avg10=9.67 avg60=2.74 avg300=0.78 total=7245578\n"
                               "full avg10=0.50 avg60=0.25 avg300=0.10 total=1000000\n";
    for (size_t cut = 0; cut < sizeof(text); cut++) {
        struct pressure_text got = {.some.total_s = -1};
        bool any = parse_pressure((struct str){text, cut}, &got);
        size_t line = (size_t)(strchr(text, '\n') - text) + 1;
        assert_int_equal(any, cut >= line);
        assert_true(cut < line ? isnan(got.some.total_s) : got.some.total_s == 7.245578);
        assert_true(cut < sizeof(text) - 1 ? isnan(got.full.total_s) : got.full.total_s == 1);
        assert_true(cut < line || got.some.avg10 == 9.67 / 100);
    }
}

/* The interval is measured at one clock, the waiting counted at another: some more than all of the
 * time may have been waited. */
static void
test_proc_pressure__shares_end_at_the_whole(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake);
    fake_metrics(&fake, source_proc_pressure.metrics, source_proc_pressure.metric_count);
    fake_series(&fake, "system.pressure.some", "resource=cpu", fake_counter, 1.03, 0);
    fake_series(&fake, "system.pressure.some", "resource=io", fake_counter, 0.25, 0);
    fake_series(&fake, "system.pressure.full", "resource=io", fake_counter, 1.01, 0);
    const struct picture *picture = fake_picture(&fake);
    static const char some[] = "system.pressure.some.utilization";
    assert_true(query_once(picture, some, "resource=cpu") == 1);
    assert_true(query_once(picture, some, NULL) == 1);
    assert_true(fabs(query_once(picture, some, "resource=io") - 0.25) < 1e-9);
    assert_true(query_once(picture, "system.pressure.full.utilization", NULL) == 1);
    fake_done(&fake);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_proc_pressure__reads_all_resources),
        cmocka_unit_test(test_proc_pressure__is_left_out_without_psi),
        cmocka_unit_test(test_proc_pressure__hostile_files_are_unknown),
        cmocka_unit_test(test_proc_pressure__every_prefix_is_right_or_unknown),
        cmocka_unit_test(test_proc_pressure__shares_end_at_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
