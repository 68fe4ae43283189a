/* Numbers in order of size. */
#include "flametop/base/numbers.h"

#include <math.h>
#include <stdlib.h>

#include "flametop/base/macros.h"

static int
compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void
numbers_sort(double *values, size_t n)
{
    if (n > 0) {
        qsort(values, n, sizeof(*values), compare);
    }
}

double
numbers_percentile(const double *sorted, size_t n, double percent)
{
    double rank = ceil(percent / 100 * (double)n);
    return sorted[(size_t)CLAMP(rank - 1, 0, (double)(n - 1))];
}
