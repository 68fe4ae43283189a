/* Growth: a number that rises and does not fall back, and how fast it does. */
#ifndef FLAMETOP_ANALYSIS_GROWTH_H
#define FLAMETOP_ANALYSIS_GROWTH_H

#include <stdbool.h>
#include <stdint.h>

struct growth {
    int64_t since_ns, risen_ns; /* when it began, when it last rose; 0: nothing seen yet */
    int64_t seen_ns;            /* of the reading before */
    double from, last;
    unsigned rises;
    /* Two earlier readings: the rate is counted from the older one, so that it is of the last
     * minutes. */
    int64_t base_ns[2];
    double base[2];
};

/* Takes in a reading; NaN is none. Begins anew when it fell by more than a little, or has not risen
 * for patience_ns. */
void growth_step(struct growth *growth, double value, int64_t now_ns, int64_t patience_ns);

/* By how much a second; 0 unless it rose at least `rises` times, for at least span_ns. */
double growth_rate(const struct growth *growth, unsigned rises, int64_t span_ns);

/* Since it began. */
double growth_amount(const struct growth *growth);

#endif
