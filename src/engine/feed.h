/* A source in a collector: the batch it fills, and the store that goes into. Engine thread. */
#ifndef FLAMETOP_ENGINE_FEED_H
#define FLAMETOP_ENGINE_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include "flametop/core/source.h"
#include "store.h"

struct feed {
    const struct source *source;
    void *state;
    bool open;
    char why_closed[160];
    struct batch batch;
    struct store store;
    bool polled; /* in this tick */
    int64_t cpu_ns, cpu_total_ns, started_ns, duration_ns;
    uint64_t samples;
};

/* Opens the source, whose metrics the catalog then has. The feed is zero before. One that does not
 * exist here stays a feed, which says why. */
void feed_open(struct feed *feed, const struct source *source, struct source_setup *setup,
               struct catalog *catalog);
void feed_done(struct feed *feed);

bool feed_is_due(const struct feed *feed, uint64_t tick);

/* One call of its poll, with tables in `arena`. When that is done the batch is for feed_deliver;
 * idle is as if it had not been asked: what its last batch said of it stands. */
enum source_step feed_poll(struct feed *feed, const struct clock *clock, struct arena *arena);

/* Counts what a finished batch brought, and stores it. */
void feed_deliver(struct feed *feed);

/* What a picture sees of it. */
void feed_view(const struct feed *feed, struct arena *arena, struct track *ret_track);

#endif
