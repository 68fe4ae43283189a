/* Numbers in order of size. */
#include "../check.h"

#include <math.h>

#include "flametop/base/macros.h"
#include "flametop/base/numbers.h"

static void
test_numbers__stand_in_order(void **state)
{
    (void)state;
    double values[] = {3, -1, INFINITY, 0.5, 3, -INFINITY};
    static const double want[] = {-INFINITY, -1, 0.5, 3, 3, INFINITY};
    numbers_sort(values, ARRAY_SIZE(values));
    for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
        assert_true(values[i] == want[i]);
    }
    numbers_sort(NULL, 0);
}

static void
test_numbers__percentiles_are_of_the_nearest_rank(void **state)
{
    (void)state;
    static const double sorted[] = {10, 20, 30, 40, 50};
    static const struct {
        size_t n;
        double percent, want;
    } rows[] = {{5, 0, 10},  {5, 20, 10},  {5, 20.5, 20}, {5, 50, 30}, {5, 80, 40},
                {5, 99, 50}, {5, 100, 50}, {4, 50, 20},   {1, 0, 10},  {1, 99, 10}};
    for (size_t r = 0; r < ARRAY_SIZE(rows); r++) {
        assert_true(numbers_percentile(sorted, rows[r].n, rows[r].percent) == rows[r].want);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers__stand_in_order),
        cmocka_unit_test(test_numbers__percentiles_are_of_the_nearest_rank),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
