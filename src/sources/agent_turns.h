/* What an agent's stream brings of its sources, on its way to the collector.
 *
 * Invariant: a moment is handed out in the turn it came in, or later. A turn ends with a tick
 * record; when several ticks come at once (after a stall) the collector is asked for a picture of
 * each, one after the other, so that no reading is lost and none stays behind. Engine thread. */
#ifndef FLAMETOP_SOURCES_AGENT_TURNS_H
#define FLAMETOP_SOURCES_AGENT_TURNS_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "flametop/core/link.h"
#include "remote.h"

struct agent_turns {
    const struct link_sink *sink;
    uv_timer_t *drain;
    struct remotes remotes;
    struct moment *waiting[REMOTE_SOURCES_MAX]; /* oldest first */
    uint64_t open, shown;                       /* the one that comes in; the one handed out */
    bool unseen;                                /* history came that no picture has yet */
};

/* False when out of memory; agent_turns_done is due all the same. */
bool agent_turns_init(struct agent_turns *turns, uv_loop_t *loop, const struct link_sink *sink);
void agent_turns_done(struct agent_turns *turns);

/* Whether there is a source of that name, which the collector then has; else there are too many. */
bool agent_turns_source(struct agent_turns *turns, const char *name);

/* A batch of the turn that comes in, its time so much later. It is copied. */
void agent_turns_put(struct agent_turns *turns, const char *name, const struct batch *batch,
                     int64_t shift_ns);

/* The turn that comes in is whole. */
void agent_turns_end(struct agent_turns *turns);

/* History came, or its end: a picture of it is made soon. */
void agent_turns_show(struct agent_turns *turns);

/* What came of a turn whose end did not: it comes again, as history. */
void agent_turns_drop_torn(struct agent_turns *turns);

#endif
