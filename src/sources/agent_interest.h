/* What is looked at here, told to an agent: it reads as much as somebody looks at. One telling at a
 * time: what changes meanwhile is told when the answer has come. Engine thread. */
#ifndef FLAMETOP_SOURCES_AGENT_INTEREST_H
#define FLAMETOP_SOURCES_AGENT_INTEREST_H

#include <stdbool.h>

#include "agent_stream.h"
#include "flametop/core/interest.h"
#include "flametop/net/client.h"

struct agent_interest {
    struct http_client *client;
    const char *id;                    /* who looks */
    const struct agent_stream *stream; /* whose tables these are */
    struct interest now;
    bool any, told;
    struct http_call *call; /* NULL: nothing is being told */
};

/* To be told, if it is another. */
void agent_interest_set(struct agent_interest *interest, const struct interest *now);

/* While there is a connection: tells what has not been told. */
void agent_interest_tell(struct agent_interest *interest);

/* The connection is lost. */
void agent_interest_lose(struct agent_interest *interest);

#endif
