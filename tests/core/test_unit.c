/* Numbers for people. */
#include "../check.h"

#include <math.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/core/unit.h"

static void
test_unit__formats_each_unit(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *unit, *text;
    } rows[] = {
        {0.421, "1", "42.1 %"},
        {0, "1", "0 %"},
        {1, "1", "100 %"},
        {0.9999, "1", "100 %"},
        {0.00002, "1", "<0.01 %"},
        {0.0005, "1", "0.05 %"},
        {0, "By", "0 B"},
        {1023, "By", "1023 B"},
        {1024, "By", "1 KiB"},
        {10522669875.2, "By", "9.80 GiB"},
        {1048575, "By", "1.00 MiB"},
        {312e6, "By/s", "312 MB/s"},
        {999.6, "By/s", "1.00 kB/s"},
        {1.9, "s", "1.90 s"},
        {0.182, "s", "182 ms"},
        {0.0000015, "s", "1.50 µs"},
        {0, "s", "0 s"},
        {119, "s", "119 s"},
        {271, "s", "4 m 31 s"},
        {3.2e9, "Hz", "3.20 GHz"},
        {61.5, "Cel", "61.5 °C"},
        {12345, "{thing}", "12.3 k"},
        {12, "{thing}/s", "12 /s"},
        {0.5, "s/s", "50 %"},
        {-2048, "By", "-2 KiB"},
        {7, "", "7"},
        {1e300, "By", "8.88e+284 PiB"},
        {NAN, "By", "–"},
        {INFINITY, "s", "inf"},
        {-0.0, "", "0"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char text[64];
        assert_string_equal(unit_format(rows[i].value, rows[i].unit, false, text, sizeof(text)),
                            rows[i].text);
    }
    char text[64];
    assert_string_equal(unit_format(NAN, "By", true, text, sizeof(text)), "-");
    assert_string_equal(unit_format(61.5, "Cel", true, text, sizeof(text)), "61.5 C");
    assert_string_equal(unit_format(0.0000015, "s", true, text, sizeof(text)), "1.50 us");
}

static void
test_unit__ages_have_two_parts(void **state)
{
    (void)state;
    static const struct {
        double seconds;
        const char *text;
    } rows[] = {{0, "0 s"},        {59.9, "59 s"},       {60, "1 m 0 s"},    {3599, "59 m 59 s"},
                {3600, "1 h 0 m"}, {86399, "23 h 59 m"}, {90000, "1 d 1 h"}, {-5, "0 s"},
                {NAN, "-"},        {INFINITY, "-"}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char text[64];
        assert_string_equal(unit_format_age(rows[i].seconds, text, sizeof(text)), rows[i].text);
    }
}

/* Whatever the value, unit and size: ended, and at most four digits before a suffix. */
static void
test_unit__never_passes_the_size(void **state)
{
    (void)state;
    static const char *const units[] = {"1", "By", "By/s", "s",     "s/s", "Hz", "Cel",
                                        "V", "W",  "{x}",  "{x}/s", "",    "/s"};
    static const double values[] = {0,    1e-300, 1e-9,  0.5,    999.95,   1e6,
                                    1e15, 1e22,   1e308, -1e308, INFINITY, NAN};
    for (size_t u = 0; u < ARRAY_SIZE(units); u++) {
        for (size_t v = 0; v < ARRAY_SIZE(values); v++) {
            for (size_t size = 1; size < 40; size += 3) {
                char text[48];
                memset(text, 'x', sizeof(text));
                unit_format(values[v], units[u], v % 2 == 0, text, size);
                assert_true(strlen(text) < size && text[size] == 'x');
                unit_format_short(values[v], units[u], v % 2 == 0, text, size);
                assert_true(strlen(text) < size && text[size] == 'x');
            }
            char text[64];
            assert_true(strlen(unit_format(values[v], units[u], true, text, sizeof(text))) < 24);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unit__formats_each_unit),
        cmocka_unit_test(test_unit__ages_have_two_parts),
        cmocka_unit_test(test_unit__never_passes_the_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
