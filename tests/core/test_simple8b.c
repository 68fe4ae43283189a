/* Simple8b: every selector, run lengths, the cut end. */
#include "../check.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/core/simple8b.h"
#include "flametop/base/macros.h"

#define VALUES_MAX 70000

/* Puts, checks that the values come back, and answers the words as a buffer of the caller. */
static void
put_and_check(struct buf *out, const uint64_t *values, size_t n)
{
    uint64_t *got = calloc(n + 1, sizeof(*got));
    buf_init(out, (n + 1) * 16);
    simple8b_put(out, values, n);
    assert_false(out->full);
    assert_true(simple8b_get((uint8_t *)out->data, out->n, got, n));
    if (n > 0) {
        assert_memory_equal(got, values, n * sizeof(*got));
    }
    free(got);
}

static unsigned
first_selector(const struct buf *out)
{
    return (unsigned)out->data[0] & 15;
}

static void
test_simple8b__every_width_has_its_selector(void **state)
{
    (void)state;
    static const struct {
        unsigned bits, slots, selector;
    } rows[] = {
        {1, 60, 2},  {2, 30, 3},  {3, 20, 4},  {4, 15, 5},  {5, 12, 6},  {6, 10, 7},
        {7, 8, 8},   {8, 7, 9},   {9, 6, 10},  {10, 6, 10}, {11, 5, 11}, {12, 5, 11},
        {13, 4, 12}, {15, 4, 12}, {16, 3, 13}, {20, 3, 13}, {21, 2, 14}, {30, 2, 14},
        {31, 1, 15}, {60, 1, 15}, {61, 0, 1},  {64, 0, 1},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        uint64_t values[120], top = UINT64_C(1) << (rows[i].bits - 1);
        struct buf out;
        for (size_t j = 0; j < ARRAY_SIZE(values); j++) {
            values[j] = top | (rows[i].bits > 1 && j % 2 == 1); /* no runs */
        }
        values[1] = rows[i].bits == 1 ? 0 : values[1];
        put_and_check(&out, values, ARRAY_SIZE(values));
        assert_int_equal(first_selector(&out), rows[i].selector);
        if (rows[i].bits > 1 && rows[i].slots > 0) {
            assert_in_range(out.n, (ARRAY_SIZE(values) / rows[i].slots - 1) * 8 + 1,
                            (ARRAY_SIZE(values) / rows[i].slots + 1) * 8);
        }
        buf_done(&out);
    }
}

static void
test_simple8b__run_lengths(void **state)
{
    (void)state;
    static const size_t lengths[] = {61, 1000, 65536};
    static const uint64_t run_values[] = {0, 1, 77, (UINT64_C(1) << 40) - 1};
    uint64_t *values = calloc(VALUES_MAX, sizeof(*values));
    for (size_t i = 0; i < ARRAY_SIZE(lengths) * ARRAY_SIZE(run_values); i++) {
        size_t n = lengths[i % ARRAY_SIZE(lengths)];
        struct buf out;
        for (size_t j = 0; j < n; j++) {
            values[j] = run_values[i / ARRAY_SIZE(lengths)];
        }
        put_and_check(&out, values, n); /* to the end */
        assert_in_range(out.n, 0, 8);
        buf_done(&out);
        values[n] = UINT64_MAX; /* not to the end */
        put_and_check(&out, values, n + 1);
        assert_int_equal(first_selector(&out), 0);
        assert_int_equal(out.n, 24);
        buf_done(&out);
    }
    free(values);
}

static void
test_simple8b__a_run_above_40_bits_is_no_run(void **state)
{
    (void)state;
    uint64_t values[3] = {UINT64_C(1) << 40, UINT64_C(1) << 40, UINT64_C(1) << 40};
    struct buf out;
    put_and_check(&out, values, 3);
    assert_int_equal(first_selector(&out), 15);
    buf_done(&out);
}

static void
test_simple8b__zeros_at_the_end_take_nothing(void **state)
{
    (void)state;
    uint64_t values[200] = {0};
    struct buf out;
    put_and_check(&out, values, 200);
    assert_int_equal(out.n, 0);
    buf_done(&out);
    values[0] = UINT64_MAX;
    put_and_check(&out, values, 200);
    assert_int_equal(out.n, 16);
    buf_done(&out);
}

static void
test_simple8b__random_mixtures(void **state)
{
    (void)state;
    uint64_t seed = 99, values[300];
    for (size_t round = 0; round < 3000; round++) {
        size_t n = round % ARRAY_SIZE(values);
        unsigned widest = 1 + (unsigned)(round % 64);
        for (size_t i = 0; i < n; i++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
            unsigned shift = 64 - 1 - (unsigned)(seed >> 33) % widest;
            bool repeat = i > 0 && seed >> 60 < round % 16;
            values[i] = repeat ? values[i - 1] : (seed ^ seed << 31) >> shift;
        }
        struct buf out;
        put_and_check(&out, values, n);
        buf_done(&out);
    }
}

static void
test_simple8b__damage_is_refused(void **state)
{
    (void)state;
    static const struct {
        uint64_t words[3];
        size_t size, n;
    } rows[] = {
        {{0}, 1, 5},                /* a zero byte at the end */
        {{UINT64_C(6) << 4}, 1, 5}, /* a run of 6 in 5 values */
        {{0x11, 5}, 9, 1},          /* an escape with something beside it */
        {{1, 5, 0x12}, 17, 1},      /* a word too many */
        {{0x22}, 1, 1},             /* a bit in a slot behind the end */
        {{0x0f, 0}, 9, 1},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        uint64_t little[3], got[8];
        for (size_t j = 0; j < 3; j++) {
            little[j] = htole64(rows[i].words[j]);
        }
        if (simple8b_get((uint8_t *)little, rows[i].size, got, rows[i].n)) {
            fail_msg("row %zu was taken", i);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_simple8b__every_width_has_its_selector),
        cmocka_unit_test(test_simple8b__run_lengths),
        cmocka_unit_test(test_simple8b__a_run_above_40_bits_is_no_run),
        cmocka_unit_test(test_simple8b__zeros_at_the_end_take_nothing),
        cmocka_unit_test(test_simple8b__random_mixtures),
        cmocka_unit_test(test_simple8b__damage_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
