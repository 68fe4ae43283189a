/* The column codec: bit-exact on anything, safe on anything. */
#include "../check.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/core/codec.h"

/* xorshift64*: the same values in every run. */
static uint64_t
random_next(uint64_t *seed)
{
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    return *seed * UINT64_C(2685821657736338717);
}

static double
double_of(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

/* A copy in memory of exactly that size, so that the sanitizer sees a read outside. */
static uint8_t *
exact_copy(const void *bytes, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    if (size > 0) {
        memcpy(copy, bytes, size);
    }
    return copy;
}

/* Answers the bytes the column took. */
static size_t
check_column(const double *values, size_t n)
{
    struct buf out;
    buf_init(&out, 3 + CODEC_ROOM(n));
    buf_puts(&out, "abc");
    codec_put_column(&out, values, n);
    assert_false(out.full);
    size_t size = out.n - 3;
    uint8_t *bytes = exact_copy(out.data + 3, size);
    double *got = calloc(n + 1, sizeof(*got));
    assert_true(codec_get_column(bytes, size, got, n));
    if (n > 0) {
        assert_memory_equal(got, values, n * sizeof(*got));
    }
    free(got);
    free(bytes);
    buf_done(&out);
    return size;
}

static size_t
check_times(const int64_t *times, size_t n)
{
    struct buf out;
    buf_init(&out, CODEC_ROOM(n));
    codec_put_times(&out, times, n);
    assert_false(out.full);
    size_t size = out.n;
    uint8_t *bytes = exact_copy(out.data, size);
    int64_t *got = calloc(n + 1, sizeof(*got));
    assert_true(codec_get_times(bytes, size, got, n));
    if (n > 0) {
        assert_memory_equal(got, times, n * sizeof(*got));
    }
    free(got);
    free(bytes);
    buf_done(&out);
    return size;
}

/* Ways to make a column; each gives value i. */

static double
make_zero(uint64_t *seed, size_t i)
{
    (void)seed;
    (void)i;
    return 0;
}

static double
make_constant_decimal(uint64_t *seed, size_t i)
{
    (void)seed;
    (void)i;
    return 2900.25;
}

static double
make_constant_raw(uint64_t *seed, size_t i)
{
    (void)seed;
    (void)i;
    return M_PI;
}

static double
make_ramp(uint64_t *seed, size_t i)
{
    (void)seed;
    return 1e9 + 100.0 * (double)i;
}

static double
make_pages(uint64_t *seed, size_t i)
{
    (void)i;
    return 4096.0 * (double)(random_next(seed) % 100000);
}

static double
make_noise(uint64_t *seed, size_t i)
{
    return 1e6 * (double)i + (double)(random_next(seed) % 4096);
}

static double
make_quadratic(uint64_t *seed, size_t i)
{
    (void)seed;
    return (double)i * (double)i * 37;
}

static double
make_percent(uint64_t *seed, size_t i)
{
    (void)i;
    return (double)(random_next(seed) % 10001) / 100;
}

static double
make_micro(uint64_t *seed, size_t i)
{
    (void)i;
    return (double)(random_next(seed) % 100000000) / 1e6;
}

static double
make_steps_of_all_widths(uint64_t *seed, size_t i)
{
    return (double)(random_next(seed) >> (11 + random_next(seed) % 53)) + (double)(i & 1);
}

static double
make_sparse(uint64_t *seed, size_t i)
{
    (void)seed;
    return (double)(i / 37);
}

static double
make_real(uint64_t *seed, size_t i)
{
    return 20 + sin((double)i / 10) + (double)random_next(seed) / 1e22;
}

static double
make_bits(uint64_t *seed, size_t i)
{
    (void)i;
    return double_of(random_next(seed));
}

static double
make_nasty(uint64_t *seed, size_t i)
{
    (void)i;
    static const uint64_t all[] = {
        0,
        UINT64_C(0x8000000000000000), /* -0.0 */
        UINT64_C(0x7ff0000000000000), /* infinities */
        UINT64_C(0xfff0000000000000),
        UINT64_C(0x7ff8000000000000), /* the gap */
        UINT64_C(0xfff8000000000000), /* other NaNs, quiet and signalling */
        UINT64_C(0x7ff0000000000001),
        UINT64_C(0x7ff0000000000002),
        UINT64_C(0x7fffffffffffffff),
        UINT64_C(0x0000000000000001), /* denormals */
        UINT64_C(0x800fffffffffffff),
        UINT64_C(0x0010000000000000), /* least normal */
        UINT64_C(0x7fefffffffffffff), /* largest */
        UINT64_C(0x433fffffffffffff), /* 2^53 - 1 */
        UINT64_C(0x4340000000000000), /* 2^53 */
        UINT64_C(0x4340000000000001), /* 2^53 + 2 */
        UINT64_C(0xc33fffffffffffff),
        UINT64_C(0x43e0000000000000), /* 2^63 */
        UINT64_C(0x3fb999999999999a), /* 0.1 */
        UINT64_C(0x3fb999999999999b),
        UINT64_C(0x3ff0000000000000),
    };
    return double_of(all[random_next(seed) % ARRAY_SIZE(all)]);
}

static double
make_gaps(uint64_t *seed, size_t i)
{
    return random_next(seed) % 3 == 0 ? (double)NAN : (double)i;
}

static double
make_real_gaps(uint64_t *seed, size_t i)
{
    return random_next(seed) % 50 == 0 ? (double)NAN : make_real(seed, i);
}

static double
make_gone(uint64_t *seed, size_t i)
{
    (void)seed;
    return i >= 20 ? (double)NAN : 7;
}

static double (*const makers[])(uint64_t *seed, size_t i) = {
    make_zero,         make_constant_decimal,
    make_constant_raw, make_ramp,
    make_pages,        make_noise,
    make_quadratic,    make_percent,
    make_micro,        make_steps_of_all_widths,
    make_sparse,       make_real,
    make_bits,         make_nasty,
    make_gaps,         make_real_gaps,
    make_gone,
};

static double *
make(size_t maker, uint64_t *seed, size_t n)
{
    double *values = calloc(n + 1, sizeof(*values));
    assert_non_null(values);
    for (size_t i = 0; i < n; i++) {
        values[i] = makers[maker](seed, i);
    }
    return values;
}

static void
test_codec__columns_come_back_bit_for_bit(void **state)
{
    (void)state;
    static const size_t larger[] = {120, 1023, 1024, 1025, 3600, CODEC_VALUES_MAX};
    uint64_t seed = 7;
    for (size_t maker = 0; maker < ARRAY_SIZE(makers); maker++) {
        for (size_t n = 0; n <= 64 + ARRAY_SIZE(larger) - 1; n++) {
            size_t count = n < 64 ? n : n == 64 ? 64 : larger[n - 65];
            double *values = make(maker, &seed, count);
            check_column(values, count);
            free(values);
        }
    }
}

static void
test_codec__each_nasty_value_alone_and_among_others(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (size_t i = 0; i < 400; i++) {
        double column[9] = {5, 6, 7, 8, 9, 10, 11, 12, 13};
        double value = make_nasty(&seed, i);
        check_column(&value, 1);
        column[i % 9] = value;
        check_column(column, 9);
    }
}

/* n values of one maker must not take more than so many bytes. */
static void
test_codec__sizes(void **state)
{
    (void)state;
    static const struct {
        double (*maker)(uint64_t *seed, size_t i);
        size_t n, bytes;
    } rows[] = {
        {make_zero, 64, 1},
        {make_constant_decimal, 64, 4},
        {make_constant_raw, 64, 9},
        {make_ramp, 64, 9},
        {make_gone, 64, 5},
        {make_quadratic, 64, 16},
        {make_sparse, 64, 12},
        {make_pages, 64, 192},
        {make_noise, 64, 150},
        {make_percent, 64, 140},
        {make_gaps, 64, 40},
        {make_zero, CODEC_VALUES_MAX, 128},
        {make_gone, CODEC_VALUES_MAX, 140},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        uint64_t seed = 3;
        double *values = calloc(rows[i].n, sizeof(*values));
        for (size_t j = 0; j < rows[i].n; j++) {
            values[j] = rows[i].maker(&seed, j);
        }
        size_t size = check_column(values, rows[i].n);
        if (size > rows[i].bytes) {
            fail_msg("row %zu: %zu bytes", i, size);
        }
        free(values);
    }
}

static void
test_codec__all_gaps_take_one_byte(void **state)
{
    (void)state;
    double values[64];
    for (size_t i = 0; i < 64; i++) {
        values[i] = (double)NAN;
    }
    assert_int_equal(check_column(values, 64), 1);
    assert_int_equal(check_column(values, 1), 1);
    assert_int_equal(check_column(values, 0), 1);
}

static void
test_codec__one_gap_costs_three_bytes(void **state)
{
    (void)state;
    double values[64];
    for (size_t i = 0; i < 64; i++) {
        values[i] = 42;
    }
    size_t whole = check_column(values, 64);
    values[40] = (double)NAN;
    assert_int_equal(check_column(values, 64), whole + 3);
}

static void
test_codec__negative_zero_is_not_zero(void **state)
{
    (void)state;
    double values[2] = {0.0, -0.0};
    check_column(values, 2);
    values[0] = -0.0;
    assert_int_equal(check_column(values, 2), 9);
}

static void
test_codec__times_come_back(void **state)
{
    (void)state;
    static const int64_t extremes[] = {INT64_MIN, INT64_MAX, 0,         -1,
                                       1,         INT64_MIN, INT64_MIN, INT64_MAX};
    uint64_t seed = 11;
    int64_t times[2000];
    check_times(extremes, ARRAY_SIZE(extremes));
    for (size_t n = 0; n <= ARRAY_SIZE(extremes); n++) {
        check_times(extremes, n);
    }
    for (size_t shift = 0; shift < 64; shift++) {
        for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
            times[i] = (int64_t)(random_next(&seed) >> shift);
        }
        check_times(times, 64);
        check_times(times, ARRAY_SIZE(times));
    }
}

static void
test_codec__regular_times_are_small(void **state)
{
    (void)state;
    int64_t times[64];
    for (size_t i = 0; i < 64; i++) {
        times[i] = (int64_t)i * NS_PER_S;
    }
    assert_in_range(check_times(times, 64), 1, 10);
    times[63] += 5 * NS_PER_S; /* suspended */
    assert_in_range(check_times(times, 64), 1, 20);
}

static void
test_codec__full_buffer_is_left_as_it_was(void **state)
{
    (void)state;
    uint64_t seed = 5;
    for (size_t maker = 0; maker < ARRAY_SIZE(makers); maker++) {
        double *values = make(maker, &seed, 1500);
        for (size_t max = 3; max < 40; max++) {
            struct buf out;
            buf_init(&out, max);
            buf_puts(&out, "abc");
            codec_put_column(&out, values, 1500);
            assert_true(out.full ? out.n == 3 : out.n > 3);
            assert_memory_equal(out.data, "abc", 3);
            buf_done(&out);
        }
        free(values);
    }
}

/* Whatever decodes must come back when encoded again; nothing may be read outside. */
static void
check_hostile(const uint8_t *bytes, size_t size, size_t n)
{
    uint8_t *copy = exact_copy(bytes, size);
    double *got = calloc(n + 1, sizeof(*got));
    int64_t *times = calloc(n + 1, sizeof(*times));
    if (codec_get_column(copy, size, got, n)) {
        check_column(got, n);
    }
    if (codec_get_times(copy, size, times, n)) {
        check_times(times, n);
    }
    free(times);
    free(got);
    free(copy);
}

static void
test_codec__damaged_bytes_are_harmless(void **state)
{
    (void)state;
    uint64_t seed = 17;
    for (size_t maker = 0; maker < ARRAY_SIZE(makers); maker++) {
        struct buf out;
        double *values = make(maker, &seed, 64);
        buf_init(&out, CODEC_ROOM(64));
        codec_put_column(&out, values, 64);
        for (size_t cut = 0; cut < out.n; cut++) {
            check_hostile((uint8_t *)out.data, cut, 64);
        }
        for (size_t bit = 0; bit < out.n * 8; bit++) {
            out.data[bit / 8] = (char)(out.data[bit / 8] ^ 1 << bit % 8);
            check_hostile((uint8_t *)out.data, out.n, 64);
            out.data[bit / 8] = (char)(out.data[bit / 8] ^ 1 << bit % 8);
        }
        free(values);
        buf_done(&out);
    }
}

static void
test_codec__random_bytes_are_harmless(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, 2, 63, 64, 1024, 1025, 5000};
    uint64_t seed = 23;
    for (size_t i = 0; i < 20000; i++) {
        uint8_t bytes[64];
        for (size_t j = 0; j < sizeof(bytes); j++) {
            bytes[j] = (uint8_t)(random_next(&seed) >> 40);
        }
        check_hostile(bytes, random_next(&seed) % sizeof(bytes), counts[i % ARRAY_SIZE(counts)]);
    }
}

/* Behind a column that ends in a cut word only zero is certain to be too much; blocks know their
 * length. */
static void
test_codec__a_byte_too_many_is_refused(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        uint8_t extra;
    } rows[] = {{64, 0}, {1100, 0}, {1100, 1}};
    uint64_t seed = 29;
    for (size_t i = 0; i < ARRAY_SIZE(makers) * ARRAY_SIZE(rows); i++) {
        struct buf out;
        double got[1100];
        size_t n = rows[i % ARRAY_SIZE(rows)].n;
        double *values = make(i / ARRAY_SIZE(rows), &seed, n);
        buf_init(&out, CODEC_ROOM(n) + 1);
        codec_put_column(&out, values, n);
        buf_putc(&out, (char)rows[i % ARRAY_SIZE(rows)].extra);
        bool taken = codec_get_column((uint8_t *)out.data, out.n, got, n);
        free(values);
        buf_done(&out);
        assert_false(taken);
    }
}

static void
test_codec__bad_tags_are_refused(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[10];
        size_t size;
        size_t n;
    } rows[] = {
        {{0}, 0, 1},               /* nothing */
        {{0x40}, 1, 1},            /* only gaps, and gaps */
        {{0x08}, 1, 1},            /* only gaps, with an exponent */
        {{0x81}, 1, 1},            /* zero, divided */
        {{0x01}, 1, 0},            /* zero, of no values */
        {{0x02}, 1, 1},            /* constant without a value */
        {{0x3a, 2}, 2, 1},         /* exponent 7 */
        {{0x03, 1, 2, 3}, 4, 1},   /* half a raw value */
        {{0x04, 2}, 2, 1},         /* steps of one value */
        {{0x84, 2, 1}, 3, 3},      /* divided by 1 */
        {{0x07, 1, 2, 3}, 4, 1},   /* half a first value */
        {{0x41, 1, 65, 1}, 4, 64}, /* a gap behind the end */
        {{0x41, 1, 0, 0}, 4, 64},  /* an empty gap */
        {{0x41, 0, 1}, 3, 64},     /* a bitmap too short */
        {{0x41, 0, 0xff}, 3, 7},   /* a bitmap with a bit too many */
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        double got[64];
        if (codec_get_column(rows[i].bytes, rows[i].size, got, rows[i].n)) {
            fail_msg("row %zu was taken", i);
        }
    }
}

static void
test_codec__varints(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[11];
        size_t size;
        bool good;
        uint64_t value;
    } rows[] = {
        {{0}, 1, true, 0},
        {{0x7f}, 1, true, 127},
        {{0x80, 1}, 2, true, 128},
        {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, 10, true, UINT64_MAX},
        {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2}, 10, false, 0},
        {{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0}, 11, false, 0},
        {{0x80}, 1, false, 0},
        {{0}, 0, false, 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const uint8_t *p = rows[i].bytes;
        uint64_t value = 99;
        assert_int_equal(codec_get_varint(&p, p + rows[i].size, &value), rows[i].good);
        assert_true(value == (rows[i].good ? rows[i].value : 99));
        assert_ptr_equal(p, rows[i].bytes + (rows[i].good ? rows[i].size : 0));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codec__columns_come_back_bit_for_bit),
        cmocka_unit_test(test_codec__each_nasty_value_alone_and_among_others),
        cmocka_unit_test(test_codec__sizes),
        cmocka_unit_test(test_codec__all_gaps_take_one_byte),
        cmocka_unit_test(test_codec__one_gap_costs_three_bytes),
        cmocka_unit_test(test_codec__negative_zero_is_not_zero),
        cmocka_unit_test(test_codec__times_come_back),
        cmocka_unit_test(test_codec__regular_times_are_small),
        cmocka_unit_test(test_codec__full_buffer_is_left_as_it_was),
        cmocka_unit_test(test_codec__damaged_bytes_are_harmless),
        cmocka_unit_test(test_codec__random_bytes_are_harmless),
        cmocka_unit_test(test_codec__a_byte_too_many_is_refused),
        cmocka_unit_test(test_codec__bad_tags_are_refused),
        cmocka_unit_test(test_codec__varints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
