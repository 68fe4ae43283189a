/* What a histogram costs and how exact it is: bench_histogram [VALUES].
 *
 * Adds latencies (log-normal around 4.9 ms with 1 % of a Pareto tail), prints nanoseconds to add,
 * to ask a quantile and to merge, memory, bytes, and the largest relative error of p50 to p99.99.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "flametop/base/clock.h"
#include "flametop/base/macros.h"
#include "flametop/core/histogram.h"

#define VALUES_DEFAULT 2000000
#define ROUNDS 2000

static const double quantiles[] = {0.5, 0.9, 0.95, 0.99, 0.999, 0.9999};

static double
uniform(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    return ((double)(*seed >> 11) + 0.5) * 0x1p-53;
}

static double
latency(uint64_t *seed)
{
    double normal = sqrt(-2 * log(uniform(seed))) * cos(2 * M_PI * uniform(seed));
    double tail = uniform(seed) < 0.01 ? pow(uniform(seed), -0.5) : 1;
    return 0.0049 * exp(0.8 * normal) * tail;
}

static int
compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double
largest_error(const struct histogram *histogram, double *values, size_t n)
{
    double largest = 0;
    qsort(values, n, sizeof(*values), compare);
    for (size_t i = 0; i < ARRAY_SIZE(quantiles); i++) {
        double rank = ceil(quantiles[i] * (double)n);
        double want = values[(size_t)MAX(rank, 1.0) - 1];
        largest = MAX(largest, fabs(histogram_quantile(histogram, quantiles[i]) / want - 1));
    }
    return largest;
}

static void
print_add(struct histogram *histogram, const double *values, size_t n)
{
    int64_t from_ns = clock_thread_cpu_ns();
    for (size_t i = 0; i < n; i++) {
        histogram_add(histogram, values[i]);
    }
    printf("add       %7.1f ns\n", (double)(clock_thread_cpu_ns() - from_ns) / (double)n);
}

static void
print_quantile(const struct histogram *histogram)
{
    double sum = 0;
    int64_t from_ns = clock_thread_cpu_ns();
    for (int i = 0; i < ROUNDS; i++) {
        sum += histogram_quantile(histogram, (double)i / ROUNDS);
    }
    int64_t ns = clock_thread_cpu_ns() - from_ns;
    printf("quantile  %7.1f ns (mean %.4g s)\n", (double)ns / ROUNDS, sum / ROUNDS);
}

static void
print_merge(const struct histogram *histogram)
{
    struct histogram into;
    histogram_init(&into);
    int64_t from_ns = clock_thread_cpu_ns();
    for (int i = 0; i < ROUNDS; i++) {
        histogram_merge(&into, histogram);
    }
    printf("merge     %7.1f ns\n", (double)(clock_thread_cpu_ns() - from_ns) / ROUNDS);
    histogram_done(&into);
}

static void
print_bytes(const struct histogram *histogram)
{
    struct buf out;
    buf_init(&out, (size_t)1 << 16);
    histogram_put(histogram, &out);
    printf("memory    %7zu B, %u buckets from the lowest to the highest\nbytes     %7zu B\n",
           sizeof(*histogram) + histogram->capacity * sizeof(histogram->counts[0]), histogram->size,
           out.n);
    buf_done(&out);
}

int
main(int argc, char **argv)
{
    size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : VALUES_DEFAULT;
    uint64_t seed = 1;
    struct histogram histogram;
    double *values = calloc(n + 1, sizeof(*values));
    if (values == NULL || n == 0) {
        fprintf(stderr, "usage: bench_histogram [VALUES]\n");
        return 2;
    }
    for (size_t i = 0; i < n; i++) {
        values[i] = latency(&seed);
    }
    histogram_init(&histogram);
    print_add(&histogram, values, n);
    print_quantile(&histogram);
    print_merge(&histogram);
    print_bytes(&histogram);
    printf("error     %7.3f %%\n", 100 * largest_error(&histogram, values, n));
    histogram_done(&histogram);
    free(values);
    return 0;
}
