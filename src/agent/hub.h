/* The record stream for many readers (application/x-flametop): each tick is encoded and compressed
 * once and shared by all. Engine thread. */
#ifndef FLAMETOP_AGENT_HUB_H
#define FLAMETOP_AGENT_HUB_H

#include <stddef.h>
#include <stdint.h>

#include "flametop/core/batch.h"
#include "flametop/core/interest.h"
#include "flametop/core/picture.h"
#include "flametop/net/server.h"

struct hub_setup {
    const char *instance; /* tells a reader whether it may resume; outlives the hub */
    void *context;
    /* What all readers together look at, whenever that changes. NULL: nobody wants to know. */
    void (*interest)(void *context, const struct interest *interest);
    size_t firsts_bytes_max; /* of first pictures that are waiting for readers; 0: 64 MiB */
};

struct hub;
struct hub *hub_new(const struct hub_setup *setup); /* NULL when out of memory */

/* Ends the streams, each with a whole gzip trailer. Before the server is freed. */
void hub_end(struct hub *hub);
void hub_free(struct hub *hub); /* after it */

/* The batches of a tick, then its picture. */
void hub_batch(struct hub *hub, const char *source, const struct batch *batch);
void hub_picture(struct hub *hub, struct picture *picture);

/* Answers GET /api/v1/stream?client=ID&span=SECONDS&instance=ID&since=MONO_NS, all optional: the
 * picture first, then history of at most `span`, newest first, and each tick. With the instance of
 * this agent only history newer than `since`; with its own version (version=) without help texts;
 * with requests=1 traces from the start, as if it had told that it looks at them.
 */
void hub_answer_stream(struct hub *hub, const struct http_message *message);

/* Answers POST /api/v1/interest?client=ID: what that reader looks at, until its stream ends. */
void hub_answer_interest(struct hub *hub, const struct http_message *message);

/* What somebody without a stream looks at, beside the readers; NULL: nobody does any more. */
void hub_also_interest(struct hub *hub, const struct interest *interest);

struct hub_counts {
    uint64_t readers, ticks_dropped, tick_bytes, tick_bytes_packed; /* of the last tick */
    uint64_t dropped_slow;   /* readers let go: they took next to nothing of what waited */
    uint64_t dropped_memory; /* to make room for first pictures of others */
    uint64_t histories_cut;  /* that a reader took too slowly to be sent the rest */
};
struct hub_counts hub_counts(const struct hub *hub);

#endif
