/* The link of an agent. */
#include "agent_far.h"

#include <stdio.h>

#include "flametop/base/str.h"

void
agent_far_take(struct agent_far *far, const struct link_status *status, int64_t offset_ns)
{
    far->there = true;
    far->status = *status;
    str_copy(str_from(status->target), far->target, sizeof(far->target));
    str_copy(str_from(status->kind), far->kind, sizeof(far->kind));
    far->why[0] = '\0';
    if (status->why[0] != '\0') {
        snprintf(far->why, sizeof(far->why), "%s (from the agent to %s)", status->why, far->target);
    }
    far->status.heard_mono_ns += status->heard_mono_ns != 0 ? offset_ns : 0;
    far->status.retry_mono_ns += status->retry_mono_ns != 0 ? offset_ns : 0;
}

void
agent_far_tell(const struct agent_far *far, struct link_status *status)
{
    if (!far->there) {
        return;
    }
    status->state = far->status.state;
    status->kind = far->kind[0] != '\0' ? far->kind : status->kind;
    status->samples = far->status.samples | (far->status.here ? status->samples : 0);
    status->here = status->here && far->status.here;
    if (far->status.state != LINK_LIVE) {
        status->why = far->why;
        status->heard_mono_ns = far->status.heard_mono_ns;
        status->retry_mono_ns = far->status.retry_mono_ns;
    }
}
