/* What an agent is attached to itself: how that link is doing, as the agent says. To who is
 * attached to the agent it is as if the link were its own. */
#ifndef FLAMETOP_SOURCES_AGENT_FAR_H
#define FLAMETOP_SOURCES_AGENT_FAR_H

#include <stdbool.h>
#include <stdint.h>

#include "flametop/core/link.h"

struct agent_far {
    bool there; /* the agent has a link; else it watches its own machine */
    struct link_status status;
    char target[400], kind[32], why[700];
};

/* `offset_ns`: our clock minus the agent's, whose times the status has. */
void agent_far_take(struct agent_far *far, const struct link_status *status, int64_t offset_ns);

/* Into what is said of a live connection to the agent. */
void agent_far_tell(const struct agent_far *far, struct link_status *status);

#endif
