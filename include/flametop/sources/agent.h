/* The link to a flametop agent: its record stream, so that what is shown here is what its own
 * collector has. Sources, history, findings, host and clock are the agent's. */
#ifndef FLAMETOP_SOURCES_AGENT_H
#define FLAMETOP_SOURCES_AGENT_H

#include "flametop/core/link.h"
#include "flametop/net/client.h"

/* What link_setup.options is. Copied by open, but for the texts of the credentials and the token,
 * which must outlive the link. */
struct agent_link_options {
    struct url url;
    struct http_credentials credentials;
    const char *change_token; /* for commands; NULL: none */
};

extern const struct link link_agent;

#endif
