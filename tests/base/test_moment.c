/* Times as people type them. */
#include "../check.h"

#include <stdlib.h>
#include <time.h>

#include "flametop/base/clock.h"
#include "flametop/base/macros.h"
#include "flametop/base/moment.h"

#define NOW_NS (INT64_C(1795269751) * NS_PER_S) /* 2026-11-21 14:02:31 UTC */

static void
test_moment__durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ns; /* 0: refused */
    } rows[] = {{"500ms", 500 * NS_PER_MS},
                {"2s", 2 * NS_PER_S},
                {"2 s", 2 * NS_PER_S},
                {"-1m", -60 * NS_PER_S},
                {"4m31s", 271 * NS_PER_S},
                {"7d", 7 * 86400 * NS_PER_S},
                {"10 min", 600 * NS_PER_S},
                {"5", 0},
                {"", 0},
                {"-", 0},
                {"5x", 0},
                {"1e99d", 0}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        int64_t ns = 0;
        assert_int_equal(duration_parse(rows[i].text, &ns), rows[i].ns != 0);
        assert_int_equal(ns, rows[i].ns);
    }
}

static void
test_moment__times(void **state)
{
    (void)state;
    setenv("TZ", "UTC-2", 1); /* two hours ahead */
    tzset();
    static const struct {
        const char *text;
        int64_t before_s; /* now; -1: refused */
    } rows[] = {{"15:58", 271},
                {"15:58:30", 241},
                {"16:02:31", 0},
                {"17:00", 86400 - 3449},
                {"13:58Z", 271},
                {"2026-11-20T14:02:31Z", 86400},
                {"13:58ZZ", -1},
                {"Z", -1},
                {":Z", -1},
                {"-5m", 300},
                {"5m", 300},
                {"25:00", -1},
                {"13:", -1},
                {"13:58x", -1},
                {"13:58:", -1},
                {"yesterday", -1},
                {"2026-11-21 15:58", 271},
                {"2026-11-20T16:02:31", 86400},
                {"2026-11-21", -1},
                {"2026-11-31 13:58", -1},
                {"2026-13-01 13:58", -1},
                {"2026-11-21 1:2:3:4", -1},
                {"9999-01-01 00:00", -1},
                {"2026-11-2113:58", -1}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        int64_t wall_ns = 0;
        assert_int_equal(moment_parse(rows[i].text, NOW_NS, &wall_ns), rows[i].before_s >= 0);
        if (rows[i].before_s >= 0) {
            assert_int_equal((NOW_NS - wall_ns) / NS_PER_S, rows[i].before_s);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moment__durations),
        cmocka_unit_test(test_moment__times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
