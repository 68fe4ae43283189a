/* Readings: what is said of where a value goes. */
#include "../check.h"

#include "../../src/ui/panels/reading.h"
#include "fake_picture.h"

static const struct metric metrics[] = {
    {.name = "t.load",
     .unit = "1",
     .labels = "",
     .better = BETTER_LOWER,
     .warning = 0.8,
     .critical = 0.95,
     .text = ""},
    {.name = "t.traffic", .unit = "By/s", .labels = "", .text = ""},
};

static double
bursts(size_t tick, double a, double b)
{
    return tick % 7 == 0 ? b : a;
}

static void
check_word(const char *metric, fake_curve *curve, double a, double b, const char *word)
{
    struct fake fake;
    fake_init(&fake);
    fake_metrics(&fake, metrics, ARRAY_SIZE(metrics));
    fake_series(&fake, metric, "", curve, a, b);
    struct panel_context context = {.picture = fake_picture(&fake), .span_ns = 600 * NS_PER_S};
    struct reading reading;
    assert_true(reading_open(&reading, fake.catalog, metric, NULL, NULL));
    reading_update(&reading, &context, 60);
    assert_string_equal(reading_trend_word(&reading), word);
    reading_close(&reading);
    fake_done(&fake);
}

static void
test_reading__words_of_a_trend(void **state)
{
    (void)state;
    static const struct {
        const char *metric;
        fake_curve *curve;
        double a, b;
        const char *word;
    } cases[] = {
        {"t.load", fake_ramp, 0.3, 0.7, "degrading"}, {"t.load", fake_ramp, 0.9, 0.6, "improving"},
        {"t.load", fake_ramp, 0.1, 0.3, "rising"},  /* far from a threshold nothing is bad */
        {"t.load", fake_ramp, 0.9, 0.2, "falling"}, /* or better than it was */
        {"t.load", fake_ramp, 0.02, 0.037, "stable"}, {"t.load", fake_ramp, 1, 0.98, "stable"},
        {"t.load", bursts, 0, 0.02, "stable"},        {"t.load", bursts, 0, 1, "volatile"},
        {"t.traffic", bursts, 0, 900, "stable"},      {"t.traffic", bursts, 0, 9e6, "volatile"},
        {"t.traffic", fake_ramp, 1e6, 9e6, "rising"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        check_word(cases[i].metric, cases[i].curve, cases[i].a, cases[i].b, cases[i].word);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reading__words_of_a_trend),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
