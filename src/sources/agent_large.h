/* Requests that are too large for a record, for the link to an agent: the stream has their heads,
 * so each is fetched alone, whole: one at a time, with a pause, none that is older than those
 * before it, none twice; of those that come meanwhile the last. The others stay there. Of one that
 * cannot be fetched the log says why. Engine thread. */
#ifndef FLAMETOP_SRC_SOURCES_AGENT_LARGE_H
#define FLAMETOP_SRC_SOURCES_AGENT_LARGE_H

#include "flametop/core/trace.h"
#include "flametop/net/client.h"

struct agent_large_version {            /* late spans make a new one of it */
    char id[2 * SPAN_ID_BYTES_MAX + 1]; /* "": of none */
    uint32_t number;
};

struct agent_large {
    struct http_client *client;
    void *context;
    void (*take)(void *context, const void *bytes, size_t n); /* neither checked nor aligned */
    struct http_call *call;                                   /* NULL: none comes */
    struct agent_large_version wanted, coming;
    struct agent_large_version taken; /* the last: its head comes again with each connection */
    int64_t next_ns;                  /* not before then */
    int64_t newest_ns;                /* when the last that was wanted ended; INT64_MIN: none was */
};

/* The head of one came. */
void agent_large_want(struct agent_large *large, const struct trace *head);

/* Now and then: fetches what is wanted, when it is time. */
void agent_large_go_on(struct agent_large *large);

/* The connection is lost. */
void agent_large_lose(struct agent_large *large);

#endif
