/* A link to http://HOST without a port: an agent at its usual port, else whatever is at the port of
 * the scheme. While neither answers both are tried again. */
#ifndef FLAMETOP_SOURCES_GUESS_H
#define FLAMETOP_SOURCES_GUESS_H

#include <stdbool.h>

#include "flametop/core/link.h"
#include "flametop/net/url.h"

#define AGENT_PORT 7711

/* Whether there is something to guess: no port, and no kind of server but an agent. */
bool guess_wanted(const struct url *url);

/* Its options are struct endpoint_options. */
extern const struct link link_guess;

#endif
