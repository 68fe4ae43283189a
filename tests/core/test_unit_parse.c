/* Numbers with units, as people write them. */
#include "../check.h"
#include "flametop/base/macros.h"
#include "flametop/core/unit.h"

#include <string.h>

struct right {
    const char *text, *unit;
    double value;
};

static void
test_unit_parse__reads_each_family(void **state)
{
    (void)state;
    static const struct right rows[] = {
        {"80%", "1", 0.8},
        {" 80 % ", "1", 0.8},
        {"0.8", "1", 0.8},
        {"1", "1", 1},
        {"250%", "1", 2.5},
        {"5s", "s", 5},
        {"5000ms", "s", 5},
        {"1.5 h", "s", 5400},
        {"100us", "s", 0.0001},
        {"100µs", "s", 0.0001},
        {"2m", "s", 120},
        {"7d", "s", 604800},
        {"0", "s", 0},
        {"512MiB", "By", 536870912},
        {"3 GB", "By", 3e9},
        {"3gb", "By", 3e9},
        {"1G", "By", 1073741824},
        {"4096", "By", 4096},
        {"10MB/s", "By/s", 1e7},
        {"10MB", "By/s", 1e7},
        {"2.4GHz", "Hz", 2.4e9},
        {"-5C", "Cel", -5},
        {"85 °C", "Cel", 85},
        {"12k", "{request}", 12000},
        {"12k/s", "{request}/s", 12000},
        {"1e3", "", 1000},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        double value = -1;
        char why[128] = "";
        if (!unit_parse(str_from(rows[i].text), rows[i].unit, &value, why, sizeof(why))) {
            fail_msg("'%s' of %s: %s", rows[i].text, rows[i].unit, why);
        }
        if (value != rows[i].value) {
            fail_msg("'%s' of %s: read %.17g, not %.17g", rows[i].text, rows[i].unit, value,
                     rows[i].value);
        }
    }
}

static void
test_unit_parse__says_why_and_leaves_the_result(void **state)
{
    (void)state;
    static const struct {
        const char *text, *unit, *why;
    } rows[] = {
        {"5", "s", "5: did you mean 5s or 5ms?"},
        {"80", "1", "80: did you mean 80% or 8000%?"},
        {"", "s", "'' is not a number (write 5s or 500ms)"},
        {"fast", "1", "'fast' is not a number (write 80% or 0.8)"},
        {"5 parsecs", "s", "'5 parsecs' has no unit that fits (write 5s or 500ms)"},
        {"5s", "By", "'5s' has no unit that fits (write 512MiB or 3GB)"},
        {"5%%", "1", "'5%%' has no unit that fits (write 80% or 0.8)"},
        {"-1s", "s", "-1s is less than zero"},
        {"1e999", "By", "'1e999' is not a number (write 512MiB or 3GB)"},
        {"5\x1b[31m", "s", "'5?[31m' has no unit that fits (write 5s or 500ms)"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        double value = 4711;
        char why[128] = "";
        assert_false(unit_parse(str_from(rows[i].text), rows[i].unit, &value, why, sizeof(why)));
        assert_string_equal(why, rows[i].why);
        assert_true(value == 4711);
    }
}

static void
test_unit_parse__never_looks_past_the_end(void **state)
{
    (void)state;
    double value;
    char why[128];
    assert_true(unit_parse((struct str){"5sx", 2}, "s", &value, why, sizeof(why)));
    assert_true(value == 5);
    assert_false(unit_parse((struct str){"50ms", 2}, "s", &value, why, sizeof(why)));
}

static void
test_unit_format__shares_have_the_decimals_that_tell_something(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } rows[] = {
        {0, "0 %"},          {0.00004, "<0.01 %"}, {0.0004, "0.04 %"}, {0.001, "0.1 %"},
        {0.070001, "7.0 %"}, {0.07, "7.0 %"},      {0.4213, "42.1 %"}, {0.9996, "100 %"},
        {1, "100 %"},        {8.534, "853 %"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char text[32];
        assert_string_equal(unit_format(rows[i].value, "1", false, text, sizeof(text)),
                            rows[i].text);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unit_parse__reads_each_family),
        cmocka_unit_test(test_unit_parse__says_why_and_leaves_the_result),
        cmocka_unit_test(test_unit_format__shares_have_the_decimals_that_tell_something),
        cmocka_unit_test(test_unit_parse__never_looks_past_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
