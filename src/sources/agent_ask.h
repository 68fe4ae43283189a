/* A document of an agent, for its link: one at a time, whole. Engine thread. */
#ifndef FLAMETOP_SRC_SOURCES_AGENT_ASK_H
#define FLAMETOP_SRC_SOURCES_AGENT_ASK_H

#include "flametop/core/link.h"
#include "flametop/net/client.h"

struct agent_ask {
    struct http_client *client;
    struct http_call *call; /* NULL: nothing is asked for */
    void *context;
    link_document *answer;
};

/* What was asked for before is not answered any more. */
void agent_ask_for(struct agent_ask *ask, const char *path, void *context, link_document *answer);

#endif
