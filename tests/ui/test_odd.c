/* The odd one out. */
#include "../check.h"

#include <math.h>

#include "flametop/base/macros.h"
#include "../../src/ui/odd.h"

#define VALUES_MAX 8

static void
test_odd__marks_what_stands_apart(void **state)
{
    (void)state;
    static const struct {
        size_t count;
        double values[VALUES_MAX], least, least_share;
        signed char want[VALUES_MAX];
    } rows[] = {
        {5, {0.10, 0.12, 0.11, 0.95, 0.10}, 0.05, 0, {0, 0, 0, 1, 0}},
        {5, {0.80, 0.82, 0.81, 0.02, 0.80}, 0.05, 0, {0, 0, 0, -1, 0}},
        {3, {0.10, 0.11, 0.90}, 0.05, 0, {0, 0, 1}},
        {2, {0.10, 0.90}, 0.05, 0, {0, 0}},                 /* which one? */
        {4, {0.10, NAN, 0.90, NAN}, 0.05, 0, {0, 0, 0, 0}}, /* two known ones are two */
        {4, {0, 0, 0, 0.01}, 0.05, 0, {0, 0, 0, 0}},        /* alike: a little is nothing */
        {4, {0, 0, 0, 0.06}, 0.05, 0, {0, 0, 0, 1}},
        {6, {0.1, 0.3, 0.5, 0.7, 0.9, 0.2}, 0.05, 0, {0}}, /* all over the place: none is odd */
        {6, {0.1, NAN, 0.1, 0.9, 0.1, 0.8}, 0.05, 0, {0, 0, 0, 1, 0, 1}}, /* two of them */
        {4, {1e6, 1.01e6, 1.02e6, 1.4e6}, 1e3, 0.5, {0, 0, 0, 0}}, /* not half as much again */
        {4, {1e6, 1.01e6, 1.02e6, 1.6e6}, 1e3, 0.5, {0, 0, 0, 1}},
        {1, {1}, 0, 0, {0}},
        {0, {0}, 0, 0, {0}},
    };
    for (size_t r = 0; r < ARRAY_SIZE(rows); r++) {
        double scratch[VALUES_MAX];
        signed char marks[VALUES_MAX] = {7, 7, 7, 7, 7, 7, 7, 7};
        odd_mark(rows[r].values, rows[r].count, rows[r].least, rows[r].least_share, scratch, marks);
        assert_memory_equal(marks, rows[r].want, rows[r].count);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_odd__marks_what_stands_apart)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
