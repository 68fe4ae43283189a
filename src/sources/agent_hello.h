/* An agent's hello, asked for now and then beside its stream: what its clock shows, and how long
 * the way there and back takes. Engine thread. */
#ifndef FLAMETOP_SOURCES_AGENT_HELLO_H
#define FLAMETOP_SOURCES_AGENT_HELLO_H

#include <stdint.h>

#include "agent_clock.h"
#include "flametop/net/client.h"

struct agent_hello {
    struct http_client *client;
    struct agent_clock *clock;
    struct http_call *call; /* NULL: none comes */
    int64_t round_trip_ns;  /* of the last; 0: unknown */
};

void agent_hello_ask(struct agent_hello *hello);

/* The connection is lost. */
void agent_hello_lose(struct agent_hello *hello);

#endif
