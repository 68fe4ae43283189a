/* Median and median absolute deviation: what is far off does not move them, so it cannot hide
 * itself. */
#include "odd.h"

#include <math.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/base/numbers.h"

#define DEVIATIONS 3
#define MAD_TO_DEVIATION 1.4826 /* of a normal distribution */

/* Sorts the values. */
static double
median(double *values, size_t count)
{
    numbers_sort(values, count);
    size_t middle = count / 2;
    return count % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

void
odd_mark(const double *values, size_t count, double least, double least_share, double *scratch,
         signed char *ret_marks)
{
    size_t known = 0;
    memset(ret_marks, 0, count);
    for (size_t i = 0; i < count; i++) {
        if (!isnan(values[i])) {
            scratch[known++] = values[i];
        }
    }
    if (known < ODD_VALUES_MIN) {
        return;
    }
    double middle = median(scratch, known);
    for (size_t i = 0; i < known; i++) {
        scratch[i] = fabs(scratch[i] - middle);
    }
    double far = DEVIATIONS * MAD_TO_DEVIATION * median(scratch, known);
    far = MAX(MAX(far, least), least_share * fabs(middle));
    for (size_t i = 0; i < count; i++) {
        ret_marks[i] = (signed char)((values[i] > middle + far) - (values[i] < middle - far));
    }
}
