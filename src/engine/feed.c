/* Sources of a collector. */
#include "feed.h"

#include <math.h>
#include <string.h>

#include "flametop/base/log.h"

void
feed_open(struct feed *feed, const struct source *source, struct source_setup *setup,
          struct catalog *catalog)
{
    feed->source = source;
    catalog_add(catalog, source->metrics, source->metric_count);
    batch_init(&feed->batch, catalog);
    store_init(&feed->store);
    setup->source = source;
    int error = source->open(setup, &feed->state, feed->why_closed, sizeof(feed->why_closed));
    feed->open = error == 0;
    if (error != 0) {
        log_info("source %s is not here: %s", source->name,
                 feed->why_closed[0] != 0 ? feed->why_closed : strerror(-error));
    }
}

void
feed_done(struct feed *feed)
{
    if (feed->open) {
        feed->source->close(feed->state);
    }
    batch_done(&feed->batch);
    store_done(&feed->store);
}

bool
feed_is_due(const struct feed *feed, uint64_t tick)
{
    unsigned every = feed->source->every;
    return feed->open && (every <= 1 || (tick - 1) % every == 0 || tick == 2);
}

void
feed_deliver(struct feed *feed)
{
    uint64_t known = 0;
    for (size_t i = 0; i < feed->batch.column_count; i++) {
        known += !isnan(feed->batch.values[i]);
    }
    feed->samples += known;
    feed->duration_ns = clock_mono_ns() - feed->started_ns;
    feed->cpu_total_ns += feed->cpu_ns;
    store_add(&feed->store, &feed->batch);
}

enum source_step
feed_poll(struct feed *feed, const struct clock *clock, struct arena *arena)
{
    struct batch before = feed->batch;
    if (!feed->polled) {
        feed->polled = true;
        feed->cpu_ns = 0;
        feed->started_ns = clock_mono_ns();
        batch_begin(&feed->batch, clock_now(clock), arena);
    }
    int64_t cpu = clock_thread_cpu_ns();
    enum source_step step = feed->source->poll(feed->state, &feed->batch);
    feed->cpu_ns += clock_thread_cpu_ns() - cpu;
    if (step == SOURCE_IDLE) {
        feed->polled = false;
        feed->batch.at = before.at;
        feed->batch.state = before.state;
        memcpy(feed->batch.why, before.why, sizeof(before.why));
    }
    return step;
}

void
feed_view(const struct feed *feed, struct arena *arena, struct track *ret_track)
{
    const char *why = feed->open ? feed->batch.why : feed->why_closed;
    *ret_track = (struct track){.name = feed->source->name,
                                .text = feed->source->text,
                                .state = feed->open ? feed->batch.state : SOURCE_FAILED,
                                .mono_ns = feed->batch.at.mono_ns,
                                .cpu_ns = feed->cpu_ns,
                                .duration_ns = feed->duration_ns,
                                .samples = feed->samples,
                                .errors = feed->batch.errors,
                                .rejected = feed->batch.rejected,
                                .dropped = feed->batch.dropped};
    ret_track->why = arena_text(arena, why, strlen(why));
    store_view(&feed->store, ret_track);
}
