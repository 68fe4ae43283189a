/* Counters to rates. */
#include "../check.h"

#include <math.h>

#include "flametop/base/macros.h"
#include "flametop/core/rate.h"

static void
test_rate__table(void **state)
{
    (void)state;
    static const struct {
        double before, after;
        int64_t dt_ns;
        unsigned bits;
        double want;
    } rows[] = {
        {100, 150, NS_PER_S, 0, 50},
        {100, 150, 2 * NS_PER_S, 0, 25},
        {100, 100, NS_PER_S, 0, 0},
        {4294967290.0, 10, NS_PER_S, 32, 16}, /* wrapped */
        {4294967290.0, 10, NS_PER_S, 0, 10},  /* a 64-bit counter that fell was reset */
        {1000, 10, NS_PER_S, 32, 10},         /* too low to have wrapped */
        {100, 150, 0, 0, NAN},
        {100, 150, -1, 0, NAN},
        {NAN, 150, NS_PER_S, 0, NAN},
        {100, INFINITY, NS_PER_S, 0, NAN},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        double got = rate_of(rows[i].before, rows[i].after, rows[i].dt_ns, rows[i].bits);
        if (isnan(rows[i].want)) {
            assert_true(isnan(got));
        } else {
            assert_true(got == rows[i].want);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rate__table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
