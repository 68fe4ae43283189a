/* Histograms: quantiles within half a bucket, merging and bytes that lose nothing. */
#include "../check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/core/histogram.h"

#define COUNT 20000
/* (base - 1) / (base + 1) with base = 2^(1/64), and a little for rounding. */
#define ERROR_MAX 0.005416

static double
uniform(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    return ((double)(*seed >> 11) + 0.5) * 0x1p-53;
}

/* Latencies as they are: log-normal with a long tail. */
static double
latency(uint64_t *seed)
{
    double normal = sqrt(-2 * log(uniform(seed))) * cos(2 * M_PI * uniform(seed));
    double tail = uniform(seed) < 0.01 ? pow(uniform(seed), -0.7) : 1;
    return 0.0049 * exp(0.6 * normal) * tail;
}

static int
compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double *
fill(struct histogram *histogram, uint64_t seed, size_t n)
{
    double *values = calloc(n, sizeof(*values));
    histogram_init(histogram);
    for (size_t i = 0; i < n; i++) {
        values[i] = latency(&seed);
        assert_true(histogram_add(histogram, values[i]));
    }
    return values;
}

static void
test_histogram__quantiles_are_within_half_a_bucket(void **state)
{
    (void)state;
    static const double quantiles[] = {0.001, 0.01, 0.07, 0.25,  0.5,
                                       0.9,   0.95, 0.99, 0.999, 0.9999};
    struct histogram histogram;
    double *values = fill(&histogram, 5, COUNT);
    qsort(values, COUNT, sizeof(*values), compare);
    for (size_t i = 0; i < ARRAY_SIZE(quantiles); i++) {
        double want = values[(size_t)ceil(quantiles[i] * COUNT - 1e-6) - 1];
        double got = histogram_quantile(&histogram, quantiles[i]);
        if (!(fabs(got / want - 1) <= ERROR_MAX)) {
            fail_msg("quantile %g: %g instead of %g", quantiles[i], got, want);
        }
    }
    assert_true(histogram_quantile(&histogram, 0) == values[0]);
    assert_true(histogram_quantile(&histogram, 1) == values[COUNT - 1]);
    free(values);
    histogram_done(&histogram);
}

/* Every bucket of the range, at its ends and in the middle. */
static void
test_histogram__every_bucket_answers_its_middle(void **state)
{
    (void)state;
    for (int bucket = -2048; bucket < 2048; bucket++) {
        struct histogram histogram;
        double middle = exp2((bucket + 0.5) / 64);
        histogram_init(&histogram);
        histogram_add(&histogram, 0);
        histogram_add(&histogram, middle);
        histogram_add(&histogram, 1e300);
        assert_int_equal(histogram.offset, bucket);
        assert_true(fabs(histogram_quantile(&histogram, 0.5) / middle - 1) <= ERROR_MAX);
        histogram_done(&histogram);
    }
}

static void
test_histogram__powers_of_two_end_a_bucket(void **state)
{
    (void)state;
    for (int power = -31; power <= 32; power++) {
        struct histogram histogram;
        histogram_init(&histogram);
        histogram_add(&histogram, ldexp(1, power));
        assert_int_equal(histogram.offset, power * 64 - 1);
        histogram_done(&histogram);
    }
}

static void
test_histogram__one_value_is_exact(void **state)
{
    (void)state;
    static const double values[] = {0.0123, 0, -5, 1e-300, 1e300, INFINITY, 5e-324};
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        struct histogram histogram;
        histogram_init(&histogram);
        assert_true(histogram_add(&histogram, values[i]));
        assert_true(histogram_quantile(&histogram, 0.5) == values[i]);
        assert_true(histogram_mean(&histogram) == values[i]);
        histogram_done(&histogram);
    }
}

static void
test_histogram__empty_knows_nothing(void **state)
{
    (void)state;
    struct histogram histogram;
    histogram_init(&histogram);
    assert_true(isnan(histogram_quantile(&histogram, 0.5)));
    assert_true(isnan(histogram_mean(&histogram)));
    assert_true(isnan(histogram_stddev(&histogram)));
    assert_false(histogram_quantile_known(&histogram, 0.5));
    assert_false(histogram_add(&histogram, (double)NAN));
    assert_int_equal(histogram.count, 0);
    assert_true(isnan(histogram.min));
    histogram_done(&histogram);
}

static void
test_histogram__mean_and_deviation(void **state)
{
    (void)state;
    static const double values[] = {2, 4, 4, 4, 5, 5, 7, 9};
    struct histogram histogram;
    histogram_init(&histogram);
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        histogram_add(&histogram, values[i]);
    }
    assert_true(histogram_mean(&histogram) == 5);
    assert_true(histogram_stddev(&histogram) == 2);
    histogram_clear(&histogram);
    for (size_t i = 0; i < 10; i++) {
        histogram_add(&histogram, 0.1); /* rounding must not give a negative variance */
    }
    assert_true(histogram_stddev(&histogram) < 1e-7);
    histogram_done(&histogram);
}

static void
test_histogram__zeros_and_negatives_come_first(void **state)
{
    (void)state;
    struct histogram histogram;
    histogram_init(&histogram);
    histogram_add(&histogram, -1);
    histogram_add(&histogram, 0);
    histogram_add(&histogram, 8);
    histogram_add(&histogram, 8);
    assert_int_equal(histogram.zero_count, 2);
    assert_true(histogram_quantile(&histogram, 0) == -1);
    assert_true(histogram_quantile(&histogram, 0.4) == 0);
    assert_true(fabs(histogram_quantile(&histogram, 0.75) - 8) <= 8 * ERROR_MAX);
    histogram_done(&histogram);
}

static void
test_histogram__known_quantiles(void **state)
{
    (void)state;
    struct histogram histogram;
    histogram_init(&histogram);
    for (size_t i = 0; i < 99; i++) {
        histogram_add(&histogram, 1);
    }
    assert_true(histogram_quantile_known(&histogram, 0.95));
    assert_false(histogram_quantile_known(&histogram, 0.99));
    histogram_add(&histogram, 1);
    assert_true(histogram_quantile_known(&histogram, 0.99));
    assert_false(histogram_quantile_known(&histogram, 0.999));
    histogram_done(&histogram);
}

static void
check_same_buckets(const struct histogram *a, const struct histogram *b)
{
    assert_int_equal(a->count, b->count);
    assert_int_equal(a->zero_count, b->zero_count);
    assert_true(a->min == b->min && a->max == b->max);
    assert_int_equal(a->offset, b->offset);
    assert_int_equal(a->size, b->size);
    assert_memory_equal(a->counts, b->counts, a->size * sizeof(a->counts[0]));
}

static void
test_histogram__merging_loses_nothing(void **state)
{
    (void)state;
    struct histogram whole, low, high, empty;
    uint64_t seed = 3;
    histogram_init(&whole);
    histogram_init(&low);
    histogram_init(&high);
    histogram_init(&empty);
    for (size_t i = 0; i < 5000; i++) {
        double value = i % 100 == 0 ? 0 : latency(&seed) * (i % 2 == 0 ? 1 : 1000);
        histogram_add(&whole, value);
        histogram_add(i % 2 == 0 ? &low : &high, value);
    }
    assert_true(histogram_merge(&high, &empty));
    assert_true(histogram_merge(&high, &low));
    check_same_buckets(&high, &whole);
    assert_true(fabs(high.sum / whole.sum - 1) < 1e-12);
    assert_true(histogram_merge(&empty, &whole));
    check_same_buckets(&empty, &whole);
    assert_true(histogram_merge(&empty, &empty));
    assert_int_equal(empty.count, 2 * whole.count);
    histogram_done(&empty);
    histogram_done(&high);
    histogram_done(&low);
    histogram_done(&whole);
}

static void
test_histogram__a_full_bucket_refuses(void **state)
{
    (void)state;
    struct histogram a, b;
    histogram_init(&a);
    histogram_init(&b);
    histogram_add(&a, 1);
    histogram_add(&b, 1);
    a.counts[0] = UINT32_MAX;
    a.count = UINT32_MAX;
    assert_false(histogram_add(&a, 1));
    assert_false(histogram_merge(&a, &b));
    assert_true(a.count == UINT32_MAX && a.counts[0] == UINT32_MAX);
    assert_true(histogram_add(&a, 2));
    histogram_done(&b);
    histogram_done(&a);
}

static void
test_histogram__memory_follows_the_range_of_values(void **state)
{
    (void)state;
    struct histogram histogram;
    histogram_init(&histogram);
    for (size_t i = 0; i < 1000; i++) {
        histogram_add(&histogram, 1 + (double)i / 10000);
    }
    assert_in_range(histogram.capacity, 1, 32);
    histogram_add(&histogram, 1e-300);
    histogram_add(&histogram, 1e300);
    assert_int_equal(histogram.size, 4096);
    assert_int_equal(histogram.offset, -2048);
    histogram_clear(&histogram);
    assert_int_equal(histogram.count, 0);
    histogram_add(&histogram, 3);
    assert_int_equal(histogram.size, 1);
    assert_int_equal(histogram.counts[0], 1);
    histogram_done(&histogram);
}

static void
test_histogram__bytes_come_back(void **state)
{
    (void)state;
    static const size_t counts[] = {1, 2, 60, 5000};
    for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
        struct histogram histogram, got;
        struct buf out;
        free(fill(&histogram, i + 1, counts[i]));
        histogram_add(&histogram, 0);
        histogram_init(&got);
        histogram_add(&got, 77);
        buf_init(&out, 65536);
        histogram_put(&histogram, &out);
        assert_true(histogram_get(&got, (uint8_t *)out.data, out.n));
        check_same_buckets(&got, &histogram);
        assert_true(got.sum == histogram.sum);
        assert_true(got.sum_of_squares == histogram.sum_of_squares);
        assert_true(out.n <= 50 + 3 * histogram.size);
        buf_done(&out);
        histogram_done(&got);
        histogram_done(&histogram);
    }
}

static void
test_histogram__empty_bytes_are_few(void **state)
{
    (void)state;
    struct histogram histogram, got;
    struct buf out;
    histogram_init(&histogram);
    histogram_init(&got);
    buf_init(&out, 256);
    histogram_put(&histogram, &out);
    assert_in_range(out.n, 1, 8);
    assert_true(histogram_get(&got, (uint8_t *)out.data, out.n));
    assert_int_equal(got.count, 0);
    assert_true(isnan(got.min) && isnan(got.max));
    buf_done(&out);
    histogram_done(&got);
    histogram_done(&histogram);
}

static void
test_histogram__damaged_bytes_change_nothing(void **state)
{
    (void)state;
    struct histogram histogram, got;
    struct buf out;
    free(fill(&histogram, 9, 60));
    buf_init(&out, 4096);
    histogram_put(&histogram, &out);
    for (size_t i = 0; i < out.n * 9; i++) {
        size_t size = i < out.n ? i : out.n, bit = i < out.n ? 0 : i - out.n;
        uint8_t *copy = malloc(size > 0 ? size : 1);
        memcpy(copy, out.data, size);
        if (i >= out.n) {
            copy[bit / 8] = (uint8_t)(copy[bit / 8] ^ 1 << bit % 8);
        }
        histogram_init(&got);
        histogram_add(&got, 77);
        bool taken = histogram_get(&got, copy, size);
        assert_true(taken || (got.count == 1 && got.sum == 77));
        assert_false(taken && got.size > 4096);
        histogram_done(&got);
        free(copy);
    }
    buf_done(&out);
    histogram_done(&histogram);
}

static void
test_histogram__buckets_behind_the_last_are_refused(void **state)
{
    (void)state;
    /* no zeros · 2 buckets · the last one (gap 4095), one more (gap 0) · sums 0, 0, 0, 0 */
    static const uint8_t bytes[] = {0, 2, 0xff, 0x1f, 1, 0, 1, 1};
    static const uint8_t good[] = {0, 1, 0xff, 0x1f, 1, 1};
    struct histogram histogram;
    histogram_init(&histogram);
    assert_false(histogram_get(&histogram, bytes, sizeof(bytes)));
    assert_true(histogram_get(&histogram, good, sizeof(good)));
    assert_int_equal(histogram.offset, 2047);
    histogram_done(&histogram);
}

static void
test_histogram__many_at_once_are_as_many_one_by_one(void **state)
{
    (void)state;
    struct histogram once, one;
    histogram_init(&once);
    histogram_init(&one);
    const double values[] = {0.25, 0.0, 3.5};
    for (uint32_t i = 0; i < ARRAY_SIZE(values); i++) {
        assert_true(histogram_add_times(&once, values[i], i + 2));
        for (uint32_t n = 0; n < i + 2; n++) {
            assert_true(histogram_add(&one, values[i]));
        }
    }
    assert_true(histogram_add_times(&once, 99, 0));
    assert_false(histogram_add_times(&once, NAN, 3));
    assert_int_equal(once.count, 9);
    assert_int_equal(once.zero_count, 3);
    assert_true(once.sum == one.sum && once.sum_of_squares == one.sum_of_squares);
    assert_true(once.min == 0 && once.max == 3.5);
    assert_int_equal(once.size, one.size);
    assert_memory_equal(once.counts, one.counts, one.size * sizeof(one.counts[0]));
    assert_false(histogram_add_times(&once, 3.5, UINT32_MAX - 3));
    assert_int_equal(once.count, 9);
    histogram_done(&once);
    histogram_done(&one);
}

static void
test_histogram__share_is_of_what_is_not_greater(void **state)
{
    (void)state;
    struct histogram histogram;
    histogram_init(&histogram);
    assert_true(isnan(histogram_share(&histogram, 1)));
    for (int i = 1; i <= 100; i++) {
        histogram_add(&histogram, i);
    }
    histogram_add_times(&histogram, 0, 100);
    assert_true(histogram_share(&histogram, -1) == 0);
    assert_true(histogram_share(&histogram, 0) == 0.5);
    assert_true(histogram_share(&histogram, 0.5) == 0.5);
    assert_true(fabs(histogram_share(&histogram, 50) - 0.75) <= 0.005);
    assert_true(histogram_share(&histogram, 100) == 1);
    assert_true(histogram_share(&histogram, 1e9) == 1);
    assert_true(isnan(histogram_share(&histogram, NAN)));
    histogram_done(&histogram);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_histogram__quantiles_are_within_half_a_bucket),
        cmocka_unit_test(test_histogram__every_bucket_answers_its_middle),
        cmocka_unit_test(test_histogram__powers_of_two_end_a_bucket),
        cmocka_unit_test(test_histogram__one_value_is_exact),
        cmocka_unit_test(test_histogram__empty_knows_nothing),
        cmocka_unit_test(test_histogram__mean_and_deviation),
        cmocka_unit_test(test_histogram__zeros_and_negatives_come_first),
        cmocka_unit_test(test_histogram__known_quantiles),
        cmocka_unit_test(test_histogram__merging_loses_nothing),
        cmocka_unit_test(test_histogram__a_full_bucket_refuses),
        cmocka_unit_test(test_histogram__memory_follows_the_range_of_values),
        cmocka_unit_test(test_histogram__bytes_come_back),
        cmocka_unit_test(test_histogram__empty_bytes_are_few),
        cmocka_unit_test(test_histogram__damaged_bytes_change_nothing),
        cmocka_unit_test(test_histogram__buckets_behind_the_last_are_refused),
        cmocka_unit_test(test_histogram__many_at_once_are_as_many_one_by_one),
        cmocka_unit_test(test_histogram__share_is_of_what_is_not_greater),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
