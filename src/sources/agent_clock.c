/* The clock of an agent. */
#include "agent_clock.h"

#include <stdlib.h>
#include <string.h>

#include "flametop/base/clock.h"
#include "flametop/base/macros.h"
#include "flametop/base/str.h"

#define CLOCK_ERROR_MIN_NS NS_PER_S
#define CLOCK_JUMP_NS (5 * NS_PER_S)

/* Moves towards the goal by at most a tenth of the time that passes. */
int64_t
agent_clock_offset(struct agent_clock *clock)
{
    int64_t now = clock_mono_ns(), step = (now - clock->offset_at_ns) / 10;
    int64_t left = clock->offset_goal_ns - clock->offset_ns;
    clock->offset_ns += CLAMP(left, -step, step);
    clock->offset_at_ns = now;
    return clock->offset_ns;
}

static struct instant
agent_now(void *context)
{
    struct agent_clock *clock = context;
    int64_t mono_ns = clock_mono_ns() + agent_clock_offset(clock);
    return (struct instant){mono_ns, mono_ns + clock->wall_offset_ns,
                            mono_ns + clock->boot_offset_ns};
}

/* What the agent's clock shows `now`; `trip_ns` says how sure that is. */
static void
set_offset(struct agent_clock *clock, int64_t offset_ns, int64_t trip_ns)
{
    int64_t now = clock_mono_ns();
    if (!clock->known) {
        clock->known = true;
        clock->offset_ns = clock->offset_goal_ns = offset_ns;
        clock->offset_at_ns = now;
        struct clock theirs = {agent_now, clock};
        clock->sink->clock(clock->sink->context, &theirs);
    } else if (trip_ns <= clock->best_trip_ns * 2 ||
               llabs(offset_ns - clock->offset_goal_ns) > trip_ns) { /* no error of the trip */
        clock->offset_goal_ns = offset_ns;
    }
    if (clock->offset_goal_ns - clock->offset_ns > trip_ns + CLOCK_JUMP_NS) {
        clock->offset_ns = clock->offset_goal_ns;
    }
    clock->best_trip_ns = clock->best_trip_ns == 0 ? trip_ns : MIN(clock->best_trip_ns, trip_ns);
    /* What a long trip says of the clock may be the trip's own time. */
    int64_t ours_ns = clock_now(&clock_system).wall_ns - now;
    int64_t error_ns = clock->offset_goal_ns + clock->wall_offset_ns - ours_ns;
    clock->error_ns = llabs(error_ns) < CLOCK_ERROR_MIN_NS + clock->best_trip_ns / 2 ? 0 : error_ns;
}

void
agent_clock_heard(struct agent_clock *clock, int64_t mono_ns, int64_t trip_ns)
{
    set_offset(clock, mono_ns + clock->shift_ns - (clock_mono_ns() - trip_ns / 2), trip_ns);
}

/* Another agent whose clock stands before what came last: its machine was started anew. */
static void
follow_restart(struct agent_clock *clock, const char *instance, int64_t mono_ns)
{
    if (strcmp(instance, clock->instance) != 0 && mono_ns <= clock->newest_ns) {
        clock->shift_ns = clock_mono_ns() + agent_clock_offset(clock) - mono_ns;
        clock->newest_ns = 0;
    }
}

void
agent_clock_begin(struct agent_clock *clock, const struct record_hello *hello, int64_t trip_ns)
{
    int64_t mono_ns = hello->at.mono_ns;
    const char *instance = hello->instance != NULL ? hello->instance : "";
    follow_restart(clock, instance, mono_ns);
    str_copy(str_from(instance), clock->instance, sizeof(clock->instance));
    clock->wall_offset_ns = hello->at.wall_ns - mono_ns - clock->shift_ns;
    clock->boot_offset_ns = hello->at.boot_ns - mono_ns - clock->shift_ns;
    agent_clock_heard(clock, mono_ns, trip_ns);
}
