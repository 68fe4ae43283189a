/* Arrays of pages: zeroed, apart from each other, and refused where there cannot be as many. */
#include "../check.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/base/pages.h"

static void
test_pages__are_zeroed_and_apart(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, 1000, 262136, 262144, 1000003};
    uint64_t *all[ARRAY_SIZE(counts)];
    for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
        all[i] = pages_new(counts[i], sizeof(uint64_t), (enum pages)(i % 3));
        assert_non_null(all[i]);
        assert_int_equal((uintptr_t)all[i] % 16, 0);
        for (size_t k = 0; k < counts[i]; k++) {
            assert_true(all[i][k] == 0);
            all[i][k] = i + 1;
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
        for (size_t k = 0; k < counts[i]; k++) {
            assert_true(all[i][k] == i + 1);
        }
        pages_free(all[i]);
    }
    pages_free(NULL);
}

static void
test_pages__refuses_more_than_there_is(void **state)
{
    (void)state;
    assert_null(pages_new(SIZE_MAX / 8, 16, PAGES_PLAIN));
    assert_null(pages_new(SIZE_MAX, 1, PAGES_HUGE));
    assert_null(pages_new((size_t)1 << 60, 1, PAGES_SMALL));
}

static void
test_pages__are_dropped_to_the_end(void **state)
{
    (void)state;
    size_t bytes = (size_t)9 << 20, at = 0, steps = 0;
    char *array = malloc(bytes), *beside = malloc(64);
    memset(array, 1, bytes);
    memset(beside, 1, 64);
    for (; at < bytes; steps++) {
        at = pages_drop(array, bytes, at);
    }
    assert_int_equal(at, bytes);
    assert_int_equal(steps, 3);
    assert_true(array[bytes / 2] == 0 && array[0] >= 0 && beside[0] == 1 && beside[63] == 1);
    free(beside);
    free(array);
    assert_int_equal(pages_drop(NULL, 100, 0), 100);
}

static void
test_pages__grow_with_what_they_hold(void **state)
{
    (void)state;
    static const size_t sizes[] = {1000,
                                   5000,
                                   (size_t)1 << 20,
                                   (size_t)3 << 20,
                                   (size_t)9 << 20,
                                   (size_t)10 << 20,
                                   (size_t)7 << 20,
                                   100};
    unsigned char *grown = NULL;
    size_t used = 0;
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        size_t kept = MIN(used, sizes[i]), room = pages_room(sizes[i]);
        assert_true(room >= sizes[i] && room - sizes[i] < ((size_t)2 << 20));
        grown = pages_grow(grown, kept, room);
        assert_non_null(grown);
        assert_int_equal((uintptr_t)grown % 16, 0);
        for (size_t k = 0; k < kept; k++) {
            assert_true(grown[k] == (unsigned char)(k * 7 + k / 4096));
        }
        for (used = room; kept < used; kept++) {
            grown[kept] = (unsigned char)(kept * 7 + kept / 4096);
        }
    }
    assert_null(pages_grow(grown, used, SIZE_MAX));
    assert_null(pages_grow(grown, used, (size_t)1 << 60));
    assert_true(grown[used - 1] == (unsigned char)((used - 1) * 7 + (used - 1) / 4096));
    pages_free(grown);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pages__grow_with_what_they_hold),
        cmocka_unit_test(test_pages__are_zeroed_and_apart),
        cmocka_unit_test(test_pages__are_dropped_to_the_end),
        cmocka_unit_test(test_pages__refuses_more_than_there_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
