/* Commands to an agent that wait for its answer. Engine thread. */
#ifndef FLAMETOP_SOURCES_AGENT_ORDERS_H
#define FLAMETOP_SOURCES_AGENT_ORDERS_H

#include "flametop/core/link.h"
#include "flametop/net/client.h"

#define AGENT_ORDERS_MAX 8

struct agent_orders {
    struct http_client *client;
    const char *token; /* for changes */
    struct agent_order {
        link_answer *answer; /* NULL: free */
        void *context;
    } list[AGENT_ORDERS_MAX];
};

/* A command by its name. It is answered once, at once when there are too many, unless the client
 * goes before. */
void agent_orders_send(struct agent_orders *orders, const char *name, const char *arguments_json,
                       void *context, link_answer *answer);

#endif
