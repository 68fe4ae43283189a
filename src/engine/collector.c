/* The collector. One tick: every source that is due fills its batch, batches go to their stores,
 * and a picture is made of what the stores then hold. */
#include "flametop/engine/collector.h"

#include <stdlib.h>
#include <string.h>

#include "flametop/base/log.h"
#include "flametop/core/span.h"
#include "flametop/trace/store.h"
#include "feed.h"
#include "histories.h"
#include "self.h"
#include "subject.h"
#include "verdict.h"

#define SOURCES_MAX 64
#define PICTURE_BYTES_MAX ((size_t)256 << 20)
#define STEP_NS (5 * NS_PER_MS)
#define SELF_MEMORY_EVERY 10

struct collector {
    struct collector_options options;
    struct interest interest;
    struct source_setup setup;
    struct feed feeds[SOURCES_MAX];
    size_t feed_count;
    struct feed *self;
    struct subject subject;
    struct verdict verdict;
    struct trace_store *traces;
    struct trace_store_sink trace_sink;

    uint64_t tick;
    size_t next; /* feed to poll */
    struct picture *making, *last;
    struct instant began;
    uint64_t ticks_missed, pictures_full, arrivals;
};

static void
open_feed(struct collector *collector, const struct source *source)
{
    if (collector->feed_count == SOURCES_MAX) {
        log_warning("source %s is left out: there are %d already", source->name, SOURCES_MAX);
        return;
    }
    feed_open(&collector->feeds[collector->feed_count++], source, &collector->setup,
              collector->options.catalog);
}

void
collector_describe(struct catalog *catalog, const struct source *const *sources,
                   size_t source_count)
{
    for (size_t i = 0; i < source_count; i++) {
        catalog_add(catalog, sources[i]->metrics, sources[i]->metric_count);
    }
    catalog_add(catalog, source_requests.metrics, source_requests.metric_count);
    catalog_add(catalog, source_self.metrics, source_self.metric_count);
}

struct collector *
collector_new(const struct collector_options *options)
{
    struct collector *collector = calloc(1, sizeof(*collector));
    if (collector == NULL) {
        return NULL;
    }
    collector->options = *options;
    collector->interest.process_sort = -1;
    collector->setup = (struct source_setup){.roots = &collector->options.roots,
                                             .clock = &collector->options.clock,
                                             .interest = &collector->interest,
                                             .interval_ns = options->interval_ns,
                                             .network_filesystems = options->network_filesystems};
    if (options->traces != NULL) {
        collector->traces = trace_store_new(options->traces);
        collector->options.traces = NULL; /* the caller's */
        collector->trace_sink = (struct trace_store_sink){.store = collector->traces,
                                                          .clock = &collector->options.clock};
        collector->setup.traces = collector->traces;
    }
    open_feed(collector, &source_self); /* first: links add more at any time */
    collector->self = &collector->feeds[0];
    for (size_t i = 0; i < options->source_count; i++) {
        open_feed(collector, options->sources[i]);
    }
    if (collector->traces != NULL && options->target == NULL) { /* of elsewhere they come */
        open_feed(collector, &source_requests);
    }
    verdict_init(&collector->verdict, options->analyzers, options->analyzer_count,
                 collector->traces != NULL, options->catalog);
    subject_init(&collector->subject, options->target, &collector->options.roots, options->catalog,
                 clock_now(&options->clock).boot_ns);
    return collector;
}

void
collector_free(struct collector *collector)
{
    if (collector == NULL) {
        return;
    }
    for (size_t i = 0; i < collector->feed_count; i++) {
        feed_done(&collector->feeds[i]);
    }
    verdict_done(&collector->verdict);
    subject_done(&collector->subject);
    picture_release(collector->making);
    picture_release(collector->last);
    trace_store_free(collector->traces);
    free(collector);
}

void
collector_set_interest(struct collector *collector, const struct interest *interest)
{
    collector->interest = *interest;
}

void
collector_set_interval(struct collector *collector, int64_t interval_ns)
{
    collector->options.interval_ns = interval_ns;
    collector->setup.interval_ns = interval_ns;
}

void
collector_begin(struct collector *collector)
{
    collector->began = clock_now(&collector->options.clock);
    collector->making = picture_new(collector->options.catalog, PICTURE_BYTES_MAX);
    collector->next = 0;
    collector->tick++;
    for (size_t i = 0; i < collector->feed_count; i++) {
        collector->feeds[i].polled = false; /* also after a tick that came to no picture */
    }
}

static void
deliver(struct collector *collector, struct feed *feed)
{
    const struct collector_tap *tap = &collector->options.tap;
    feed_deliver(feed);
    if (tap->batch != NULL) {
        tap->batch(tap->context, feed->source->name, &feed->batch);
    }
}

static void
poll_feed(struct collector *collector, struct feed *feed)
{
    enum source_step step = feed_poll(feed, &collector->options.clock, &collector->making->arena);
    if (step == SOURCE_DONE) {
        deliver(collector, feed);
    }
    collector->next += step != SOURCE_MORE;
}

bool
collector_step(struct collector *collector)
{
    if (collector->making == NULL) {
        return true;
    }
    int64_t deadline = clock_mono_ns() + STEP_NS;
    while (collector->next < collector->feed_count) {
        struct feed *feed = &collector->feeds[collector->next];
        if (feed == collector->self || !feed_is_due(feed, collector->tick)) {
            feed->polled = false; /* its own readings come at the end */
            collector->next++;
            continue;
        }
        poll_feed(collector, feed);
        if (clock_mono_ns() >= deadline) {
            return false;
        }
    }
    return true;
}

static void
collect_self(struct collector *collector)
{
    struct feed *self = collector->self;
    /* Reports came in since the last tick: they are in the batch already, only the rest is added.
     */
    self->batch.at = clock_now(&collector->options.clock);
    self->started_ns = clock_mono_ns();
    self_put_process(&self->batch, collector->tick % SELF_MEMORY_EVERY == 1);
    for (size_t i = 0; i < collector->feed_count; i++) {
        if (&collector->feeds[i] != self && collector->feeds[i].polled) {
            self_put_feed(&self->batch, &collector->feeds[i]);
        }
    }
    struct self_counts counts = {.ticks_missed = collector->ticks_missed,
                                 .pictures_full = collector->pictures_full};
    struct histories histories = {collector->feeds, collector->feed_count, collector->verdict.kept};
    counts.history_bytes =
        histories_bound(&histories, collector->options.history_bytes, &counts.oldest_ns);
    self_put_counts(&self->batch, &counts);
    self->polled = true;
    deliver(collector, self);
    batch_begin(&self->batch, self->batch.at, NULL);
}

void
collector_report(struct collector *collector, const char *name, const char *labels, double value)
{
    const struct metric *metric = self_report_metric(name);
    if (metric != NULL) {
        batch_put(&collector->self->batch, metric, labels, value);
    }
}

static void
add_tables(struct picture *picture, struct table *const *tables, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        picture->tables[picture->table_count++] = tables[i];
    }
}

/* A source that was not due keeps showing the tables it delivered last. */
static void
carry_tables(struct collector *collector, struct picture *picture, const struct feed *feed)
{
    for (size_t t = 0; collector->last != NULL && t < feed->source->table_count; t++) {
        const struct table *older = picture_table(collector->last, feed->source->tables[t]->name);
        struct table *copy = older != NULL ? table_copy(&picture->arena, older) : NULL;
        if (copy != NULL) {
            picture->tables[picture->table_count++] = copy;
        }
    }
}

static bool
fill_tracks(struct collector *collector, struct picture *picture)
{
    picture->tracks = arena_news(&picture->arena, struct track, collector->feed_count);
    picture->tables =
        arena_news(&picture->arena, struct table *, collector->feed_count * BATCH_TABLES_MAX);
    if (picture->tracks == NULL || picture->tables == NULL) {
        return false;
    }
    for (size_t i = 0; i < collector->feed_count; i++) {
        struct feed *feed = &collector->feeds[i];
        feed_view(feed, &picture->arena, &picture->tracks[picture->track_count++]);
        if (feed->polled && feed != collector->self) {
            add_tables(picture, feed->batch.tables, feed->batch.table_count);
        } else {
            carry_tables(collector, picture, feed);
        }
    }
    return true;
}

static void
fill_kept(struct collector *collector, struct picture *picture)
{
    size_t count = 1;
    for (size_t i = 0; i < collector->feed_count; i++) {
        count += collector->feeds[i].store.keep_count;
    }
    picture->kept = arena_news(&picture->arena, struct kept *, count);
    for (size_t i = 0; picture->kept != NULL && i < collector->feed_count; i++) {
        struct store *store = &collector->feeds[i].store;
        for (size_t k = 0; k < store->keep_count; k++) {
            struct kept *kept = keep_view(store->keeps[k]);
            if (kept != NULL) {
                picture->kept[picture->kept_count++] = kept;
            }
        }
    }
    struct kept *findings = picture->kept != NULL ? keep_view(collector->verdict.kept) : NULL;
    if (findings != NULL) {
        picture->kept[picture->kept_count++] = findings;
    }
}

void
collector_set_link(struct collector *collector, const struct link_status *status)
{
    subject_set_link(&collector->subject, status);
}

void
collector_add_source(struct collector *collector, const struct source *source)
{
    open_feed(collector, source);
}

void
collector_add_chunk(struct collector *collector, const char *source, struct chunk *chunk)
{
    for (size_t i = 0; i < collector->feed_count; i++) {
        if (strcmp(collector->feeds[i].source->name, source) == 0) {
            collector->arrivals += history_add_chunk(&collector->feeds[i].store.history, chunk);
            return;
        }
    }
}

void
collector_add_kept(struct collector *collector, const struct kept_part *part)
{
    for (size_t i = 0; i < collector->feed_count; i++) {
        const struct store *store = &collector->feeds[i].store;
        for (size_t k = 0; k < store->keep_count; k++) {
            if (keep_def(store->keeps[k]) == part->def) {
                collector->arrivals += keep_add_part(store->keeps[k], part);
                return;
            }
        }
    }
    collector->arrivals +=
        keep_add_part(collector->verdict.kept, part); /* which wants its own definition */
}

void
collector_add_trace(struct collector *collector, const void *bytes, size_t n)
{
    if (collector->traces != NULL) {
        trace_store_trace(collector->traces, bytes, n, clock_now(&collector->options.clock));
    }
}

void
collector_set_host(struct collector *collector, const struct host *host)
{
    subject_set_host(&collector->subject, host, clock_now(&collector->options.clock).boot_ns);
}

void
collector_set_clock(struct collector *collector, const struct clock *clock)
{
    collector->options.clock = *clock;
    store_done(&collector->self->store); /* which leaves it empty */
    collector->subject.host_boot_ns = clock_now(&collector->options.clock).boot_ns;
}

struct span_sink
collector_span_sink(struct collector *collector)
{
    return collector->traces != NULL ? trace_store_sink(&collector->trace_sink)
                                     : (struct span_sink){.context = NULL};
}

struct trace_store *
collector_traces(struct collector *collector)
{
    return collector->traces;
}

void
collector_set_tap(struct collector *collector, const struct collector_tap *tap)
{
    collector->options.tap = *tap;
}

void
collector_set_findings(struct collector *collector, const struct finding *findings, size_t count,
                       const char *looked_at, const char *not_looked_at)
{
    verdict_set(&collector->verdict, findings, count, looked_at, not_looked_at);
}

struct picture *
collector_finish(struct collector *collector, uint64_t missed)
{
    struct picture *picture = collector->making;
    collector->making = NULL;
    if (picture == NULL) {
        return NULL;
    }
    collector->ticks_missed += missed;
    collect_self(collector);
    struct instant now = clock_now(&collector->options.clock);
    picture->number = collector->tick;
    picture->mono_ns = now.mono_ns;
    picture->wall_ns = now.wall_ns;
    picture->interval_ns = collector->options.interval_ns;
    picture->ticks_missed = collector->ticks_missed;
    picture->arrivals = collector->arrivals;
    if (!fill_tracks(collector, picture)) {
        picture_release(picture);
        return NULL;
    }
    subject_fill(&collector->subject, collector->began.boot_ns, picture);
    if (collector->traces != NULL && trace_store_used(collector->traces)) {
        picture->traces = trace_store_publish(collector->traces, now);
    }
    verdict_fill(&collector->verdict, subject_is_lost(&collector->subject), picture);
    fill_kept(collector, picture);
    for (size_t i = 0; i < collector->feed_count; i++) {
        collector->feeds[i].polled = false;
    }
    collector->pictures_full += picture->arena.full;
    picture_release(collector->last);
    collector->last = picture_acquire(picture);
    return picture;
}

struct picture *
collector_tick(struct collector *collector)
{
    collector_begin(collector);
    while (!collector_step(collector)) {
    }
    return collector_finish(collector, 0);
}
