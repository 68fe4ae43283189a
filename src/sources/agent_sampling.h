/* What is sampled at an agent, for its link: a stream of its own for as long as somebody looks
 * (GET /api/v1/flame/stream). Ending it, or holding it, ends the sampling there; what comes after
 * it was held is added. Engine thread. */
#ifndef FLAMETOP_SRC_SOURCES_AGENT_SAMPLING_H
#define FLAMETOP_SRC_SOURCES_AGENT_SAMPLING_H

#include "flametop/core/link.h"
#include "flametop/core/record.h"
#include "flametop/net/client.h"

struct agent_sampling {
    struct http_client *client;
    struct catalog *catalog;
    const char *token; /* instead of the client's; NULL: its own */
    const struct link_sink *sink;
    struct sampling_wish wish;
    struct http_call *call; /* NULL: nothing is sampled now */
    struct record_reader *reader;
    struct sampling_reader grown; /* profile NULL: nothing was begun */
    bool damaged;
    bool newer;        /* than the last copy that was handed over, at copied_ns; 0: none was */
    int64_t copied_ns; /* monotonic */
};

/* Another wish, or whether it is held, has changed. */
void agent_sampling_wish(struct agent_sampling *sampling, const struct sampling_wish *wish);

/* The connection is lost: what is sampled ends. */
void agent_sampling_lose(struct agent_sampling *sampling);

void agent_sampling_done(struct agent_sampling *sampling);

#endif
