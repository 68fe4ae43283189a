/* Any bytes as a histogram: what is taken answers quantiles in order, and comes back when written
 * again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/core/histogram.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool ok)
{
    if (!ok) {
        abort();
    }
}

static void
check_quantiles(const struct histogram *histogram)
{
    double before = histogram_quantile(histogram, 0);
    for (int i = 1; i <= 20 && histogram->count > 0; i++) {
        double now = histogram_quantile(histogram, i / 20.0);
        must(now >= before && now <= histogram->max);
        before = now;
    }
}

static void
check_again(const struct histogram *histogram)
{
    struct buf first, second;
    struct histogram again;
    buf_init(&first, (size_t)1 << 16);
    buf_init(&second, (size_t)1 << 16);
    histogram_init(&again);
    histogram_put(histogram, &first);
    must(!first.full && histogram_get(&again, (const uint8_t *)first.data, first.n));
    histogram_put(&again, &second);
    must(first.n == second.n && memcmp(first.data, second.data, first.n) == 0);
    must(again.count == histogram->count);
    histogram_merge(&again, histogram);
    histogram_done(&again);
    buf_done(&first);
    buf_done(&second);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct histogram histogram;
    histogram_init(&histogram);
    if (histogram_get(&histogram, data, size)) {
        check_quantiles(&histogram);
        check_again(&histogram);
    }
    histogram_done(&histogram);
    return 0;
}
