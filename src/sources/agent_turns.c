/* Turns of an agent's stream. */
#include "agent_turns.h"

#include <stdlib.h>

#include "flametop/base/macros.h"
#include "flametop/net/loop.h"

#define WAITING_MAX 64
#define DRAIN_MS 20
#define HISTORY_MS 100

static struct moment *
take_moment(void *context, struct remote *remote)
{
    struct agent_turns *turns = context;
    for (size_t i = 0; i < turns->remotes.count; i++) {
        struct moment *moment = turns->waiting[i];
        if (turns->remotes.list[i] == remote && moment != NULL && moment->turn <= turns->shown) {
            turns->waiting[i] = moment->next;
            return moment;
        }
    }
    return NULL;
}

/* The first turn that has a moment waiting; the open one when no other has. */
static uint64_t
oldest_turn(const struct agent_turns *turns)
{
    uint64_t oldest = turns->open;
    for (size_t i = 0; i < turns->remotes.count; i++) {
        if (turns->waiting[i] != NULL) {
            oldest = MIN(oldest, turns->waiting[i]->turn);
        }
    }
    return oldest;
}

static bool
is_behind(const struct agent_turns *turns)
{
    return oldest_turn(turns) < turns->open;
}

static void
on_drain(uv_timer_t *timer)
{
    struct agent_turns *turns = timer->data;
    bool behind = is_behind(turns);
    if (behind) { /* turns whose moments were dropped are passed over */
        uint64_t next = MAX(turns->shown + 1, oldest_turn(turns));
        turns->shown = MIN(next, turns->open - 1);
        uv_timer_start(timer, on_drain, DRAIN_MS, 0);
    }
    if (behind || turns->unseen) {
        turns->unseen = false;
        turns->sink->tick(turns->sink->context);
    }
}

/* The index of the source, which the collector then has; -1: there are too many. */
static int
source_for(struct agent_turns *turns, const char *name)
{
    size_t before = turns->remotes.count;
    int index = remotes_index(&turns->remotes, name);
    if (turns->remotes.count > before) {
        struct remote *remote = turns->remotes.list[index];
        remote->take = take_moment;
        remote->context = turns;
        turns->sink->source(turns->sink->context, &remote->source);
    }
    return index;
}

bool
agent_turns_source(struct agent_turns *turns, const char *name)
{
    return source_for(turns, name) >= 0;
}

/* At the end of the source's list; the oldest goes when there are too many. */
static void
put_moment(struct agent_turns *turns, size_t index, struct moment *moment)
{
    struct moment **end = &turns->waiting[index];
    size_t count = 0;
    while (*end != NULL) {
        end = &(*end)->next;
        count++;
    }
    *end = moment;
    if (count >= WAITING_MAX) {
        struct moment *oldest = turns->waiting[index];
        turns->waiting[index] = oldest->next;
        oldest->next->batch.dropped += oldest->batch.dropped + 1;
        moment_free(oldest);
    }
}

void
agent_turns_put(struct agent_turns *turns, const char *name, const struct batch *batch,
                int64_t shift_ns)
{
    int index = source_for(turns, name);
    struct moment *moment = index >= 0 ? moment_new(batch) : NULL;
    if (moment == NULL) {
        return;
    }
    moment->turn = turns->open;
    moment->batch.at.mono_ns += shift_ns;
    remote_note_tables(turns->remotes.list[index], batch);
    put_moment(turns, (size_t)index, moment);
}

void
agent_turns_end(struct agent_turns *turns)
{
    turns->open++;
    if (!is_behind(turns)) {
        turns->sink->tick(turns->sink->context); /* a tick without readings */
    } else if (!uv_is_active((uv_handle_t *)turns->drain) ||
               uv_timer_get_due_in(turns->drain) > DRAIN_MS) {
        on_drain(turns->drain);
    }
}

void
agent_turns_show(struct agent_turns *turns)
{
    turns->unseen = true;
    if (!uv_is_active((uv_handle_t *)turns->drain)) {
        uv_timer_start(turns->drain, on_drain, HISTORY_MS, 0);
    }
}

void
agent_turns_drop_torn(struct agent_turns *turns)
{
    for (size_t i = 0; i < turns->remotes.count; i++) {
        struct moment **at = &turns->waiting[i];
        while (*at != NULL && (*at)->turn < turns->open) {
            at = &(*at)->next;
        }
        while (*at != NULL) {
            struct moment *torn = *at;
            *at = torn->next;
            moment_free(torn);
        }
    }
}

bool
agent_turns_init(struct agent_turns *turns, uv_loop_t *loop, const struct link_sink *sink)
{
    *turns = (struct agent_turns){.sink = sink, .open = 1};
    turns->drain = calloc(1, sizeof(*turns->drain));
    if (turns->drain != NULL) {
        uv_timer_init(loop, turns->drain);
        turns->drain->data = turns;
    }
    return turns->drain != NULL;
}

void
agent_turns_done(struct agent_turns *turns)
{
    loop_close(turns->drain);
    for (size_t i = 0; i < turns->remotes.count; i++) {
        while (turns->waiting[i] != NULL) {
            struct moment *next = turns->waiting[i]->next;
            moment_free(turns->waiting[i]);
            turns->waiting[i] = next;
        }
    }
    remotes_done(&turns->remotes);
}
