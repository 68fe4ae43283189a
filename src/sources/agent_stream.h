/* What an agent's record stream says, over all the connections of its link, each with a reader of
 * its own: what was made of it stands here. Engine thread. */
#ifndef FLAMETOP_SOURCES_AGENT_STREAM_H
#define FLAMETOP_SOURCES_AGENT_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent_clock.h"
#include "agent_far.h"
#include "agent_large.h"
#include "agent_turns.h"
#include "flametop/core/link.h"
#include "flametop/core/record.h"

#define AGENT_TABLES_MAX 256
#define AGENT_READERS_KEPT 8

struct agent_stream {
    const struct link_setup *setup;
    void *context;
    void (*ticked)(void *context); /* the turn is to be ended, by agent_turns_end */
    struct agent_clock clock;
    struct agent_turns turns;
    struct agent_large large;
    struct agent_far far; /* what the agent is attached to */
    unsigned coming;      /* bits by enum link_coming */
    int64_t interval_ns;
    int64_t asked_ns; /* when this connection began */

    struct record_reader *reader; /* NULL: there is no connection */
    bool greeted;                 /* it has said who and when it is */
    /* They made definitions that are in use, by the collector as well. */
    struct record_reader *kept_readers[AGENT_READERS_KEPT];
    size_t kept_count;
    const struct table_def *tables[AGENT_TABLES_MAX]; /* to prefer: ours, then those made so far */
    size_t table_count, tables_before;
};

/* `setup` and `client` outlive the stream, which is empty before. False when out of memory;
 * agent_stream_done is due all the same, after the client has gone. */
bool agent_stream_init(struct agent_stream *stream, const struct link_setup *setup,
                       struct http_client *client, void *context, void (*ticked)(void *context));
void agent_stream_done(struct agent_stream *stream);

/* Another connection: what it sends is for the reader. False when out of memory. */
bool agent_stream_begin(struct agent_stream *stream);

/* The connection is lost. */
void agent_stream_lose(struct agent_stream *stream);

/* The definition of that name; NULL: there is none. */
const struct table_def *agent_stream_table(const struct agent_stream *stream, const char *name);

#endif
