/* What is sampled for one request: a process of this machine, or the machine, by a sampler of its
 * own; or a node that the agent was started to watch.
 *
 * A node is sampled once at a time: who wants the same shares it, and sees what came since; who
 * wants something else takes it over, and those of before are told that they have it no more. */
#ifndef FLAMETOP_AGENT_SAMPLED_H
#define FLAMETOP_AGENT_SAMPLED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "flametop/core/sampling.h"

struct agent;
struct sampled;
struct uv_timer_s;

/* The sampling of the node, in the agent. */
struct far_sampling {
    LIST_HEAD(, sampled) readers; /* newest first */
    struct sampling_wish wish;
    struct sampling_status status;
    const struct profile *profile; /* the newest; NULL: none yet */
    uint64_t number;               /* of it */
    struct uv_timer_s *timer;      /* tells the readers, outside of the link's calls */
};

/* `news` says that something can be taken; not before this returns, and no more once what was taken
 * is held or over. NULL when out of memory, or when earlier samplers still hang. */
struct sampled *sampled_new(struct agent *agent, const struct sampling_wish *wish,
                            void (*news)(void *context), void *context);
void sampled_free(struct sampled *sampled); /* NULL is allowed */

/* What it has then comes at once, as SAMPLING_HELD. */
void sampled_hold(struct sampled *sampled);

/* As live_take (profile/live.h). */
const struct profile *sampled_take(struct sampled *sampled, struct sampling_status *ret_status);

/* Before there are requests, and after there are. */
bool sampled_init(struct agent *agent);
void sampled_done(struct agent *agent);

/* From the link: how it is doing; the reference goes over. */
void sampled_far(struct agent *agent, const struct sampling_status *status,
                 const struct profile *profile);

#endif
