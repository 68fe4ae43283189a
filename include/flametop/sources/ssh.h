/* A link over ssh: starts an agent on the other machine that ends with its standard input, and has
 * ssh carry a unix socket to it (ssh -L). The rest is the link to that socket.
 *
 * ssh is asked not to ask: without a key or an ssh-agent it says why, and so do we. */
#ifndef FLAMETOP_SOURCES_SSH_H
#define FLAMETOP_SOURCES_SSH_H

#include "flametop/core/link.h"

/* Its options are struct endpoint_options with a target of ssh://[USER@]HOST[:PORT]. */
extern const struct link link_ssh;

#endif
