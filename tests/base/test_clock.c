/* Times as text. */
#include "../check.h"

#include "flametop/base/clock.h"
#include "flametop/base/macros.h"

static void
test_clock__rfc3339_of_any_time(void **state)
{
    (void)state;
    static const struct {
        int64_t ns;
        const char *text;
    } rows[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {1, "1970-01-01T00:00:00.000Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {-NS_PER_MS, "1969-12-31T23:59:59.999Z"},
        {-NS_PER_MS - 1, "1969-12-31T23:59:59.998Z"},
        {-NS_PER_S, "1969-12-31T23:59:59.000Z"},
        {INT64_C(951782400) * NS_PER_S, "2000-02-29T00:00:00.000Z"},
        {INT64_C(1709251199) * NS_PER_S + 999 * NS_PER_MS, "2024-02-29T23:59:59.999Z"},
        {INT64_C(1709251200) * NS_PER_S, "2024-03-01T00:00:00.000Z"},
        {INT64_C(-2203977600) * NS_PER_S, "1900-02-28T00:00:00.000Z"},
        {INT64_C(-2203891200) * NS_PER_S, "1900-03-01T00:00:00.000Z"}, /* 1900 had no leap day */
        {INT64_C(1795269751) * NS_PER_S + 250 * NS_PER_MS, "2026-11-21T14:02:31.250Z"},
        {INT64_MAX, "2262-04-11T23:47:16.854Z"},
        {INT64_MIN, "1677-09-21T00:12:43.145Z"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char text[40];
        assert_string_equal(clock_rfc3339(rows[i].ns, text, sizeof(text)), rows[i].text);
    }
    char small[5] = "xxxx";
    assert_string_equal(clock_rfc3339(0, small, sizeof(small)), "1970");
}

static struct instant
fixed(void *context)
{
    return *(const struct instant *)context;
}

static void
test_clock__is_an_argument(void **state)
{
    (void)state;
    struct instant told = {1, 2, 3};
    struct clock clock = {fixed, &told};
    assert_true(clock_now(&clock).wall_ns == 2 && clock_now(&clock).boot_ns == 3);
    int64_t before = clock_mono_ns();
    struct instant now = clock_now(&clock_system);
    assert_true(now.mono_ns >= before && now.boot_ns >= now.mono_ns);
    assert_true(now.wall_ns > INT64_C(1700000000) * NS_PER_S);
}

static void
test_clock__recent_is_not_long_ago(void **state)
{
    (void)state;
    struct instant told = {1, 2, 3};
    struct clock clock = {fixed, &told};
    struct clock_recent recent = {0};
    assert_true(clock_recent(&clock, &recent).wall_ns == 2);
    told.wall_ns = 5;
    assert_true(clock_recent(&clock, &recent).wall_ns == 5); /* which is no system's: asked again */
    int64_t last_ns = 0, began_ns = clock_mono_ns();
    while (clock_mono_ns() - began_ns < 30 * NS_PER_MS) {
        int64_t before_ns = clock_mono_ns();
        struct instant now = clock_recent(&clock_system, &recent);
        assert_true(now.mono_ns >= last_ns && now.mono_ns <= clock_mono_ns());
        assert_true(now.mono_ns > before_ns - NS_PER_S); /* a machine may be busy */
        assert_true(now.boot_ns >= now.mono_ns && now.wall_ns > INT64_C(1700000000) * NS_PER_S);
        last_ns = now.mono_ns;
    }
    assert_true(last_ns > began_ns);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clock__rfc3339_of_any_time),
        cmocka_unit_test(test_clock__is_an_argument),
        cmocka_unit_test(test_clock__recent_is_not_long_ago),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
