/* The numbers of a picture one by one, as all formats write them. */
#ifndef FLAMETOP_SRC_EXPORT_READING_H
#define FLAMETOP_SRC_EXPORT_READING_H

#include <stdbool.h>

#include "flametop/core/picture.h"

struct reading {
    const struct metric *metric;
    const char *labels; /* as in series.labels */
    double value;       /* as it is shown: counters as their rate a second */
    double raw;         /* as it was read; of a derived metric the value */
    bool folded;        /* all labels left open, beside readings that have them */
};

typedef void reading_each(void *context, const struct reading *reading);

/* Calls `each` for what is known at the picture's moment: the readings of one metric together,
 * metrics in the order of the catalog. Unknown values are left out, not 0. A derived metric with
 * several labels is read with all of them left open. */
void readings_each(const struct picture *picture, reading_each *each, void *context);

#endif
