/* The collector. One tick: every source that is due fills its batch, batches go to their stores,
 * and a picture is made of what the stores then hold. */
#include "flametop/engine/collector.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "flametop/base/file.h"
#include "flametop/base/log.h"
#include "flametop/core/host.h"
#include "flametop/core/query.h"
#include "flametop/core/span.h"
#include "flametop/trace/analyzer.h"
#include "flametop/trace/store.h"
#include "self.h"
#include "store.h"

#define SOURCES_MAX 64
#define PICTURE_BYTES_MAX ((size_t)256 << 20)
#define FINDINGS_BYTES_MAX ((size_t)256 << 10)
#define STEP_NS (5 * NS_PER_MS)
#define SELF_MEMORY_EVERY 10

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

struct collector {
    struct collector_options options;
    struct interest interest;
    struct source_setup setup;
    struct feed feeds[SOURCES_MAX];
    size_t feed_count;
    struct feed *self;
    void *analyzer_states[16];
    struct keep *finding_keep;
    struct arena host_arena, findings_arena;
    bool judged_elsewhere;
    struct findings findings; /* made elsewhere */
    struct link_status link;  /* state with texts in link_arena */
    struct arena link_arena;
    bool linked;
    struct host host;
    int64_t host_boot_ns;
    struct query *core_limit, *memory_limit;
    struct trace_store *traces;
    void *request_state; /* of analyzer_request, where there are traces */
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
    struct feed *feed = &collector->feeds[collector->feed_count++];
    feed->source = source;
    catalog_add(collector->options.catalog, source->metrics, source->metric_count);
    batch_init(&feed->batch, collector->options.catalog);
    store_init(&feed->store);
    collector->setup.source = source;
    int error =
        source->open(&collector->setup, &feed->state, feed->why_closed, sizeof(feed->why_closed));
    feed->open = error == 0;
    if (error != 0) {
        log_info("source %s is not here: %s", source->name,
                 feed->why_closed[0] != 0 ? feed->why_closed : strerror(-error));
    }
}

static struct query *
optional_query(struct catalog *catalog, const char *metric)
{
    char why[160];
    return catalog_metric(catalog, metric) != NULL
               ? query_new(catalog, metric, NULL, why, sizeof(why))
               : NULL;
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
        collector->request_state = analyzer_request.open(options->catalog);
    }
    open_feed(collector, &source_self); /* first: links add more at any time */
    collector->self = &collector->feeds[0];
    for (size_t i = 0; i < options->source_count; i++) {
        open_feed(collector, options->sources[i]);
    }
    if (collector->traces != NULL && options->target == NULL) { /* of elsewhere they come */
        open_feed(collector, &source_requests);
    }
    for (size_t i = 0; i < options->analyzer_count && i < ARRAY_SIZE(collector->analyzer_states);
         i++) {
        collector->analyzer_states[i] = options->analyzers[i]->open(options->catalog);
    }
    collector->finding_keep = keep_new(&finding_table);
    arena_init(&collector->host_arena, (size_t)64 * 1024);
    arena_init(&collector->findings_arena, FINDINGS_BYTES_MAX);
    arena_init(&collector->link_arena, (size_t)16 * 1024);
    collector->host = (struct host){.name = options->target != NULL ? options->target : "",
                                    .system = "",
                                    .kernel = "",
                                    .virtualization = ""};
    if (options->target == NULL) {
        host_read(&collector->host, &collector->options.roots, &collector->host_arena);
    }
    collector->host_boot_ns = clock_now(&options->clock).boot_ns;
    collector->core_limit = optional_query(options->catalog, "container.cpu.limit");
    collector->memory_limit = optional_query(options->catalog, "container.memory.limit");
    return collector;
}

void
collector_free(struct collector *collector)
{
    if (collector == NULL) {
        return;
    }
    for (size_t i = 0; i < collector->feed_count; i++) {
        struct feed *feed = &collector->feeds[i];
        if (feed->open) {
            feed->source->close(feed->state);
        }
        batch_done(&feed->batch);
        store_done(&feed->store);
    }
    for (size_t i = 0; i < collector->options.analyzer_count; i++) {
        collector->options.analyzers[i]->close(collector->analyzer_states[i]);
    }
    analyzer_request.close(collector->request_state);
    keep_free(collector->finding_keep);
    query_free(collector->core_limit);
    query_free(collector->memory_limit);
    picture_release(collector->making);
    picture_release(collector->last);
    trace_store_free(collector->traces);
    arena_done(&collector->host_arena);
    arena_done(&collector->findings_arena);
    arena_done(&collector->link_arena);
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

static bool
is_due(const struct collector *collector, const struct feed *feed)
{
    unsigned every = feed->source->every;
    return feed->open && (every <= 1 || (collector->tick - 1) % every == 0 || collector->tick == 2);
}

/* Counts what a finished batch brought and hands it on. */
static void
deliver(struct collector *collector, struct feed *feed)
{
    uint64_t known = 0;
    for (size_t i = 0; i < feed->batch.column_count; i++) {
        known += !isnan(feed->batch.values[i]);
    }
    feed->samples += known;
    feed->duration_ns = clock_mono_ns() - feed->started_ns;
    feed->cpu_total_ns += feed->cpu_ns;
    store_add(&feed->store, &feed->batch);
    if (collector->options.tap.batch != NULL) {
        collector->options.tap.batch(collector->options.tap.context, feed->source->name,
                                     &feed->batch);
    }
}

/* One call of a source's poll. */
static void
poll_feed(struct collector *collector, struct feed *feed)
{
    struct batch before = feed->batch;
    if (!feed->polled) {
        feed->polled = true;
        feed->cpu_ns = 0;
        feed->started_ns = clock_mono_ns();
        batch_begin(&feed->batch, clock_now(&collector->options.clock), &collector->making->arena);
    }
    int64_t cpu = clock_thread_cpu_ns();
    enum source_step step = feed->source->poll(feed->state, &feed->batch);
    feed->cpu_ns += clock_thread_cpu_ns() - cpu;
    if (step == SOURCE_DONE) {
        deliver(collector, feed);
        collector->next++;
    } else if (step == SOURCE_IDLE) {
        /* As if it had not been asked: what its last batch said of it stands. */
        feed->polled = false;
        feed->batch.at = before.at;
        feed->batch.state = before.state;
        memcpy(feed->batch.why, before.why, sizeof(before.why));
        collector->next++;
    }
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
        if (feed == collector->self || !is_due(collector, feed)) {
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

/* All histories one after the other: start with 0 and 0; NULL at the end. */
static struct history *
next_history(struct collector *collector, size_t *feed, size_t *index)
{
    for (; *feed < collector->feed_count; ++*feed, *index = 0) {
        struct history *history = store_history(&collector->feeds[*feed].store, (*index)++);
        if (history != NULL) {
            return history;
        }
    }
    return (*index)++ == 0 ? keep_history(collector->finding_keep) : NULL;
}

/* The bytes of all histories together, and the one that reaches back furthest; NULL: none does. */
static size_t
sum_histories(struct collector *collector, struct history **ret_oldest)
{
    size_t bytes = 0, feed = 0, index = 0;
    int64_t oldest = INT64_MAX;
    *ret_oldest = NULL;
    struct history *history;
    while ((history = next_history(collector, &feed, &index)) != NULL) {
        bytes += history->bytes;
        if (history_oldest(history) < oldest) {
            oldest = history_oldest(history);
            *ret_oldest = history;
        }
    }
    return bytes;
}

/* The oldest chunk goes first, whoever's it is. Answers the bytes left, and since when there is
 * history: INT64_MAX when there is none. */
static size_t
bound_histories(struct collector *collector, int64_t *ret_oldest)
{
    struct history *oldest;
    size_t bytes;
    while ((bytes = sum_histories(collector, &oldest)) > collector->options.history_bytes &&
           oldest != NULL && history_drop_oldest(oldest)) {
    }
    *ret_oldest = oldest != NULL ? history_oldest(oldest) : INT64_MAX;
    return bytes;
}

static void
self_put(struct collector *collector, enum self_metric which, const char *labels, double value)
{
    batch_put(&collector->self->batch, self_metric(which), labels, value);
}

static double
resident_bytes(void)
{
    char text[128];
    ssize_t n = file_read_at(AT_FDCWD, "/proc/self/statm", text, sizeof(text));
    struct str rest = {text, n > 0 ? (size_t)n : 0};
    uint64_t size, resident;
    return str_u64(&rest, &size) && str_u64(&rest, &resident)
               ? (double)resident * (double)sysconf(_SC_PAGESIZE)
               : NAN;
}

static void
collect_self(struct collector *collector)
{
    struct feed *self = collector->self;
    /* Reports came in since the last tick: they are in the batch already, only the rest is added.
     */
    self->batch.at = clock_now(&collector->options.clock);
    self->started_ns = clock_mono_ns();
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    self_put(collector, SELF_CPU_TIME, "",
             (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                 (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
    if (collector->tick % SELF_MEMORY_EVERY == 1) {
        self_put(collector, SELF_MEMORY, "", resident_bytes());
    }
    for (size_t i = 0; i < collector->feed_count; i++) {
        struct feed *feed = &collector->feeds[i];
        char labels[80] = "";
        labels_add(labels, sizeof(labels), "source", str_from(feed->source->name));
        if (feed == self || !feed->polled) {
            continue;
        }
        self_put(collector, SELF_SAMPLES, labels, (double)feed->samples);
        self_put(collector, SELF_DURATION, labels, (double)feed->duration_ns / 1e9);
        self_put(collector, SELF_SOURCE_CPU, labels, (double)feed->cpu_total_ns / 1e9);
        self_put(collector, SELF_ERRORS, labels, (double)feed->batch.errors);
        self_put(collector, SELF_REJECTED, labels, (double)feed->batch.rejected);
        self_put(collector, SELF_DROPPED, labels, (double)feed->batch.dropped);
    }
    int64_t oldest;
    size_t memory = bound_histories(collector, &oldest);
    self_put(collector, SELF_TICKS_MISSED, "", (double)collector->ticks_missed);
    self_put(collector, SELF_SERIES_REFUSED, "",
             (double)catalog_series_refused(collector->options.catalog));
    self_put(collector, SELF_PICTURES_FULL, "", (double)collector->pictures_full);
    self_put(collector, SELF_SERIES, "", (double)catalog_series_count(collector->options.catalog));
    self_put(collector, SELF_HISTORY_BYTES, "", (double)memory);
    if (oldest != INT64_MAX) {
        self_put(collector, SELF_HISTORY_REACH, "",
                 (double)(self->batch.at.mono_ns - oldest) / 1e9);
    }
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
        struct track *track = &picture->tracks[picture->track_count++];
        *track = (struct track){.name = feed->source->name,
                                .text = feed->source->text,
                                .state = feed->open ? feed->batch.state : SOURCE_FAILED,
                                .mono_ns = feed->batch.at.mono_ns,
                                .cpu_ns = feed->cpu_ns,
                                .duration_ns = feed->duration_ns,
                                .samples = feed->samples,
                                .errors = feed->batch.errors,
                                .rejected = feed->batch.rejected,
                                .dropped = feed->batch.dropped};
        const char *why = feed->open ? feed->batch.why : feed->why_closed;
        track->why = arena_text(&picture->arena, why, strlen(why));
        store_view(&feed->store, track);
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
    struct kept *findings = picture->kept != NULL ? keep_view(collector->finding_keep) : NULL;
    if (findings != NULL) {
        picture->kept[picture->kept_count++] = findings;
    }
}

static void
fill_host(struct collector *collector, struct picture *picture)
{
    picture->host = collector->host;
    struct host *host = &picture->host;
    host->name = arena_text(&picture->arena, host->name, strlen(host->name));
    host->system = arena_text(&picture->arena, host->system, strlen(host->system));
    host->kernel = arena_text(&picture->arena, host->kernel, strlen(host->kernel));
    host->virtualization =
        arena_text(&picture->arena, host->virtualization, strlen(host->virtualization));
    if (host->uptime_s > 0) { /* 0: nobody knows */
        host->uptime_s += (double)(collector->began.boot_ns - collector->host_boot_ns) / 1e9;
    }
    double cores = collector->core_limit != NULL ? query_now(collector->core_limit, picture) : NAN;
    double memory =
        collector->memory_limit != NULL ? query_now(collector->memory_limit, picture) : NAN;
    host->core_limit = isnan(cores) ? 0 : cores;
    host->memory_limit = isnan(memory) ? 0 : memory;
}

static void
copy_link(struct link_status *to, const struct link_status *from, struct arena *arena)
{
    *to = *from;
    to->target = arena_text(arena, from->target, strlen(from->target));
    to->kind = arena_text(arena, from->kind, strlen(from->kind));
    to->why = arena_text(arena, from->why, strlen(from->why));
    to->offer = from->offer != NULL ? arena_text(arena, from->offer, strlen(from->offer)) : "";
}

static void
fill_link(struct collector *collector, struct picture *picture)
{
    struct link_status *link =
        collector->linked ? arena_new(&picture->arena, struct link_status) : NULL;
    if (link != NULL) {
        copy_link(link, &collector->link, &picture->arena);
        picture->link = link;
    }
}

void
collector_set_link(struct collector *collector, const struct link_status *status)
{
    arena_clear(&collector->link_arena);
    collector->linked = status != NULL;
    if (status != NULL) {
        copy_link(&collector->link, status, &collector->link_arena);
    }
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
        keep_add_part(collector->finding_keep, part); /* which wants its own definition */
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
    struct arena *arena = &collector->host_arena;
    arena_clear(arena);
    collector->host = *host;
    collector->host.name = arena_text(arena, host->name, strlen(host->name));
    collector->host.system = arena_text(arena, host->system, strlen(host->system));
    collector->host.kernel = arena_text(arena, host->kernel, strlen(host->kernel));
    collector->host.virtualization =
        arena_text(arena, host->virtualization, strlen(host->virtualization));
    collector->host_boot_ns = clock_now(&collector->options.clock).boot_ns;
}

void
collector_set_clock(struct collector *collector, const struct clock *clock)
{
    collector->options.clock = *clock;
    store_done(&collector->self->store); /* which leaves it empty */
    collector->host_boot_ns = clock_now(&collector->options.clock).boot_ns;
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

static const char *
text_in(struct arena *arena, const char *text)
{
    return text != NULL ? arena_text(arena, text, strlen(text)) : NULL;
}

static const struct evidence *
copy_evidence(struct arena *arena, const struct finding *from)
{
    struct evidence *list = arena_news(arena, struct evidence, from->evidence_count);
    for (size_t i = 0; list != NULL && i < from->evidence_count; i++) {
        const struct evidence *evidence = &from->evidence[i];
        list[i] = (struct evidence){.label = text_in(arena, evidence->label),
                                    .value = text_in(arena, evidence->value),
                                    .metric = text_in(arena, evidence->metric),
                                    .labels = text_in(arena, evidence->labels)};
    }
    return list;
}

static void
copy_findings(struct findings *to, const struct finding *list, size_t count, const char *looked_at,
              const char *not_looked_at)
{
    to->count = MIN(count, ARRAY_SIZE(to->list));
    for (size_t i = 0; i < to->count; i++) {
        struct finding *finding = &to->list[i];
        *finding = list[i];
        finding->id = text_in(to->arena, list[i].id);
        finding->sentence = text_in(to->arena, list[i].sentence);
        finding->short_sentence = text_in(to->arena, list[i].short_sentence);
        finding->culprit = text_in(to->arena, list[i].culprit);
        finding->advice = text_in(to->arena, list[i].advice);
        finding->evidence = copy_evidence(to->arena, &list[i]);
        finding->evidence_count = finding->evidence != NULL ? list[i].evidence_count : 0;
    }
    to->looked_at = looked_at != NULL ? text_in(to->arena, looked_at) : "";
    to->not_looked_at = text_in(to->arena, not_looked_at);
}

void
collector_set_findings(struct collector *collector, const struct finding *findings, size_t count,
                       const char *looked_at, const char *not_looked_at)
{
    arena_clear(&collector->findings_arena);
    collector->findings = (struct findings){.arena = &collector->findings_arena};
    collector->judged_elsewhere = findings != NULL;
    if (findings != NULL) {
        copy_findings(&collector->findings, findings, count, looked_at, not_looked_at);
    }
}

static void
judge(struct collector *collector, struct picture *picture, struct findings *findings)
{
    const struct findings *theirs = &collector->findings;
    if (collector->judged_elsewhere) {
        copy_findings(findings, theirs->list, theirs->count, theirs->looked_at,
                      theirs->not_looked_at);
        return;
    }
    for (size_t i = 0; i < collector->options.analyzer_count; i++) {
        collector->options.analyzers[i]->run(collector->analyzer_states[i], picture, findings);
    }
    analyzer_request.run(collector->request_state, picture, findings);
}

static void
analyze(struct collector *collector, struct picture *picture)
{
    struct findings findings = {.arena = &picture->arena, .looked_at = ""};
    judge(collector, picture, &findings);
    picture->findings = arena_news(&picture->arena, struct finding, findings.count);
    if (picture->findings != NULL) {
        memcpy(picture->findings, findings.list, findings.count * sizeof(findings.list[0]));
        picture->finding_count = findings.count;
        findings_sort(picture->findings, picture->finding_count);
    }
    picture->looked_at = findings.looked_at;
    picture->not_looked_at = findings.not_looked_at;
    picture->thresholds = findings.thresholds;
    struct table *table =
        findings_to_table(picture->findings, picture->finding_count, &picture->arena);
    bool old = collector->linked && collector->link.state == LINK_LOST;
    if (table != NULL && !old) { /* what was found meanwhile comes when the link is back */
        keep_add(collector->finding_keep, table,
                 (struct instant){.mono_ns = picture->mono_ns, .wall_ns = picture->wall_ns});
    }
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
    fill_host(collector, picture);
    fill_link(collector, picture);
    if (collector->traces != NULL && trace_store_used(collector->traces)) {
        picture->traces = trace_store_publish(collector->traces, now);
    }
    analyze(collector, picture);
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
