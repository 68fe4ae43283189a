/* Numbers in order of size. */
#ifndef FLAMETOP_BASE_NUMBERS_H
#define FLAMETOP_BASE_NUMBERS_H

#include <stddef.h>

/* From the smallest; none of them is NaN. `values` may be NULL when n is 0. */
void numbers_sort(double *values, size_t n);

/* Of n > 0 sorted numbers the one of the nearest rank: the smallest that at least `percent` (0 to
 * 100) of them do not exceed. */
double numbers_percentile(const double *sorted, size_t n, double percent);

#endif
