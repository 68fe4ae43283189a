/* Weights in their order, whatever they are and wherever the work is interrupted. */
#include "../check.h"

#include <stdlib.h>

#include "flametop/base/hash.h"
#include "flametop/base/macros.h"
#include "flametop/core/ranking.h"

static double
weight_of(unsigned kind, uint32_t i)
{
    uint64_t random = hash_u64(i + 1 + kind * UINT64_C(1000003));
    return kind == 0   ? 7
           : kind == 1 ? (double)(random % 5)
           : kind == 2 ? (double)(random % 100000)
                       : (double)(random >> 11) * 1e-12;
}

static void
test_ranking__orders_any_weights(void **state)
{
    (void)state;
    static const uint32_t counts[] = {0, 1, 2, 3, 1000, 50000};
    for (unsigned kind = 0; kind < 4; kind++) {
        for (size_t c = 0; c < ARRAY_SIZE(counts); c++) {
            struct ranking ranking;
            assert_true(ranking_init(&ranking, counts[c]));
            for (uint32_t i = 0; i < counts[c]; i++) {
                ranking.items[i] = (struct ranked){weight_of(kind, i), i};
            }
            while (!ranking_step(&ranking, 0)) {
            }
            for (uint32_t i = 0; i < counts[c]; i++) {
                const struct ranked *item = &ranking.items[i], *before = item - 1;
                assert_true(item->weight == weight_of(kind, item->number));
                assert_true(i == 0 || before->weight > item->weight ||
                            (before->weight == item->weight && before->number < item->number));
            }
            ranking_done(&ranking);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranking__orders_any_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
