/* Flame graphs of an agent: of the requests that it holds, and of what runs now. Engine thread. */
#ifndef FLAMETOP_AGENT_FLAME_H
#define FLAMETOP_AGENT_FLAME_H

#include "flametop/profile/live.h"
#include "parts.h"

#define FLAME_SECONDS_MAX 60             /* of a profile that is answered at the end */
#define FLAME_STREAM_NS (600 * NS_PER_S) /* of one that is watched */

/* Begins the live profile that a request asks for: pid= or machine=1, and hz=. NULL: it may not, or
 * cannot, and the request is answered. */
struct live *agent_profile_begin(struct agent *agent, const struct http_message *message);
void agent_profile_end(struct agent *agent, struct live *live); /* NULL is allowed */

#endif
