/* Counters become rates here and nowhere else. */
#ifndef FLAMETOP_CORE_RATE_H
#define FLAMETOP_CORE_RATE_H

#include <stdint.h>

/* The rate per second between two readings, dt_ns apart on the monotonic clock (which stands still
 * while the machine is suspended, as the kernel's counters do). A reading that fell: with bits ==
 * 32 and the old one in the upper half, the counter wrapped; otherwise it was reset and counted up
 * from 0 again, so the increase is the new reading (as Prometheus' rate does). NaN when a reading
 * is NaN or infinite, or dt_ns <= 0. */
double rate_of(double before, double after, int64_t dt_ns, unsigned bits);

#endif
