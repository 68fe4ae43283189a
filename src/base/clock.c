/* The system's clocks. */
#include "flametop/base/clock.h"

#include <stdio.h>
#include <time.h>

#include "flametop/base/macros.h"

static int64_t
read_clock(clockid_t id)
{
    struct timespec ts = {0};
    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static struct instant
system_now(void *context)
{
    (void)context;
    return (struct instant){.mono_ns = read_clock(CLOCK_MONOTONIC),
                            .wall_ns = read_clock(CLOCK_REALTIME),
                            .boot_ns = read_clock(CLOCK_BOOTTIME)};
}

const struct clock clock_system = {.now = system_now};

struct instant
clock_now(const struct clock *clock)
{
    return clock->now(clock->context);
}

struct instant
clock_recent(const struct clock *clock, struct clock_recent *recent)
{
    if (clock->now != system_now) {
        return clock_now(clock);
    }
    int64_t tick_ns = read_clock(CLOCK_MONOTONIC_COARSE);
    if (tick_ns != recent->tick_ns) {
        *recent = (struct clock_recent){tick_ns, clock_now(clock)};
    }
    return recent->now;
}

int64_t
clock_mono_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t
clock_thread_cpu_ns(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

char *
clock_rfc3339(int64_t wall_ns, char *dst, size_t size)
{
    int64_t ms = wall_ns / NS_PER_MS;
    ms -= wall_ns % NS_PER_MS < 0; /* before 1970 round down too */
    int64_t part = ((ms % 1000) + 1000) % 1000;
    time_t seconds = (time_t)((ms - part) / 1000);
    struct tm tm;
    if (size == 0) {
        return dst;
    }
    if (gmtime_r(&seconds, &tm) == NULL) {
        dst[0] = 0;
        return dst;
    }
    snprintf(dst, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1,
             tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)part);
    return dst;
}
