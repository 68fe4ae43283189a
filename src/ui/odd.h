/* The odd one out: which of a few values of the same kind, one a target, stands apart. */
#ifndef FLAMETOP_SRC_UI_ODD_H
#define FLAMETOP_SRC_UI_ODD_H

#include <stddef.h>

#define ODD_VALUES_MIN 3 /* of two nobody can say which is the odd one */

/* Marks each value 1 when it lies above the others, -1 below, 0 among them. It stands apart when
 * its distance from the median is more than three median absolute deviations, in the units of a
 * standard deviation (Hampel's identifier: Davies and Gather 1993), and more than `least` and than
 * `least_share` of the median: where all are alike, small differences are none. NaN takes no part
 * and gets 0; below ODD_VALUES_MIN known values nothing is marked. `scratch` holds `count` numbers.
 */
void odd_mark(const double *values, size_t count, double least, double least_share, double *scratch,
              signed char *ret_marks);

#endif
