/* The clock of an agent as it is followed here: ours plus an offset, which moves slowly to what is
 * measured, so that it never runs backwards; forwards it jumps when one of the machines has slept.
 * An agent whose machine was started anew counts from 0: `shift_ns` then puts its times behind
 * those that came before, and stays. Engine thread. */
#ifndef FLAMETOP_SOURCES_AGENT_CLOCK_H
#define FLAMETOP_SOURCES_AGENT_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "flametop/core/link.h"
#include "flametop/core/record.h"

struct agent_clock {
    const struct link_sink *sink; /* is told of it once it is known */
    bool known;
    char instance[64]; /* whose it is */
    int64_t newest_ns; /* of what came, as the agent counts */
    int64_t shift_ns;  /* to be added to its times */
    int64_t error_ns;  /* its wall clock minus ours; 0: about the same */
    int64_t offset_ns, offset_goal_ns, offset_at_ns, wall_offset_ns, boot_offset_ns, best_trip_ns;
};

/* A stream has begun; `trip_ns` says how sure its time is. */
void agent_clock_begin(struct agent_clock *clock, const struct record_hello *hello,
                       int64_t trip_ns);

/* What it shows, half a trip ago. */
void agent_clock_heard(struct agent_clock *clock, int64_t mono_ns, int64_t trip_ns);

/* Its time, shifted, minus ours. */
int64_t agent_clock_offset(struct agent_clock *clock);

#endif
