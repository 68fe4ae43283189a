/* Counters to rates. */
#include "flametop/core/rate.h"

#include <math.h>
#include <stdbool.h>

double
rate_of(double before, double after, int64_t dt_ns, unsigned bits)
{
    if (!isfinite(before) || !isfinite(after) || dt_ns <= 0) {
        return NAN;
    }
    double increase = after - before;
    if (increase < 0) {
        bool wrapped = bits == 32 && before >= 2147483648.0 && before < 4294967296.0;
        increase = wrapped ? increase + 4294967296.0 : after;
    }
    return increase / ((double)dt_ns / 1e9);
}
