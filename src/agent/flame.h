/* Flame graphs of an agent: of the requests that it holds, and of what runs now. Engine thread. */
#ifndef FLAMETOP_AGENT_FLAME_H
#define FLAMETOP_AGENT_FLAME_H

#include "flametop/profile/live.h"
#include "parts.h"

#define FLAME_SECONDS_MAX 60             /* of a profile that is answered at the end */
#define FLAME_STREAM_NS (600 * NS_PER_S) /* of one that is watched */

/* Whether a request asks for a live profile. */
bool agent_profile_asked(const struct http_message *message);

/* Begins the one that it asks for: pid=, machine=1, of a node node=1 (and of=, wall=1) or process=,
 * and hz=. NULL: it may not, or cannot, and the request is answered. */
struct sampled *agent_profile_begin(struct agent *agent, const struct http_message *message,
                                    void (*news)(void *context), void *context,
                                    struct sampling_wish *ret_wish);
void agent_profile_end(struct agent *agent, struct sampled *sampled); /* NULL is allowed */

#endif
