/* Text views and their parsers. */
#include "../check.h"

#include <limits.h>

#include "flametop/base/str.h"

static void
test_str__numbers_stop_where_they_end(void **state)
{
    (void)state;
    struct str s = STR("  42kB 18446744073709551616 -7 1.5e3x");
    uint64_t u;
    int64_t i;
    double d;
    struct str word;
    assert_true(str_u64(&s, &u));
    assert_int_equal(u, 42);
    assert_true(str_word(&s, &word));
    assert_true(str_is(word, "kB"));
    assert_true(str_u64(&s, &u));
    assert_true(u == UINT64_MAX);
    assert_true(str_i64(&s, &i));
    assert_int_equal(i, -7);
    assert_true(str_double(&s, &d));
    assert_true(d == 1500.0);
    assert_false(str_u64(&s, &u));
    assert_int_equal(s.n, 1);
}

static void
test_str__lines_and_parts_never_pass_the_end(void **state)
{
    (void)state;
    struct str s = STR("a\n\nlast"), line;
    assert_true(str_line(&s, &line) && str_is(line, "a"));
    assert_true(str_line(&s, &line) && line.n == 0);
    assert_true(str_line(&s, &line) && str_is(line, "last"));
    assert_false(str_line(&s, &line));
}

static void
test_str__knows_hexadecimal_digits(void **state)
{
    (void)state;
    static const char digits[] = "0123456789abcdefABCDEF";
    int count = 0;
    for (int c = CHAR_MIN; c <= CHAR_MAX; c++) {
        count += str_hex_digit((char)c) >= 0;
    }
    assert_int_equal(count, 22);
    for (int i = 0; i < 22; i++) {
        assert_int_equal(str_hex_digit(digits[i]), i < 16 ? i : i - 6);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_str__numbers_stop_where_they_end),
        cmocka_unit_test(test_str__lines_and_parts_never_pass_the_end),
        cmocka_unit_test(test_str__knows_hexadecimal_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
