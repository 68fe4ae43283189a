/* Time. Inside the program time is int64 nanoseconds, and the two kinds never mix:
 * mono_ns is CLOCK_MONOTONIC (stands still while the machine is suspended, never jumps), wall_ns is
 * CLOCK_REALTIME since 1970, boot_ns is CLOCK_BOOTTIME (monotonic plus the time spent suspended).
 */
#ifndef FLAMETOP_BASE_CLOCK_H
#define FLAMETOP_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

struct instant {
    int64_t mono_ns, wall_ns, boot_ns;
};

/* Where time comes from: an argument, so that tests and replay are exact. */
struct clock {
    struct instant (*now)(void *context);
    void *context;
};

extern const struct clock clock_system;

struct instant clock_now(const struct clock *clock);
int64_t clock_mono_ns(void);

/* The time of what comes in great numbers, at a fifth of the price: the system's clocks are asked
 * when the kernel has ticked since they were, which is every 1 to 10 ms, others each time. All zero
 * at first. */
struct clock_recent {
    int64_t tick_ns;
    struct instant now;
};
struct instant clock_recent(const struct clock *clock, struct clock_recent *recent);

/* CPU time used by the calling thread. */
int64_t clock_thread_cpu_ns(void);

/* RFC 3339 in UTC with milliseconds, "2026-11-21T14:02:31.250Z". Answers dst. */
char *clock_rfc3339(int64_t wall_ns, char *dst, size_t size);

#endif
