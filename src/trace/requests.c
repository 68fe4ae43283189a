/* Requests as metrics.
 *
 * Events are counted as they pass, each once: a request when its trace is finished for the first
 * time, a span when it is new. The source turns digests into series at each tick. */
#include "requests.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/utf8.h"
#include "flametop/trace/requests.h"
#include "store_parts.h"

#define UNKNOWN "unknown"

static const char *const request_labels[DIGEST_LABELS] = {"service", "endpoint", "tool"};
static const char *const query_labels[DIGEST_LABELS] = {"service", "system", NULL};
static const char *const service_labels[DIGEST_LABELS] = {"service", NULL, NULL};
static const char *const agent_labels[DIGEST_LABELS] = {"agent", NULL, NULL};

void
requests_init(struct requests *requests)
{
    static const struct {
        const char *const *labels;
        size_t max;
    } families[DIGEST_FAMILIES] = {[DIGEST_REQUESTS] = {request_labels, 64},
                                   [DIGEST_QUERIES] = {query_labels, 32},
                                   [DIGEST_WAITS] = {service_labels, 16},
                                   [DIGEST_AGENTS] = {agent_labels, 64},
                                   [DIGEST_CACHES] = {service_labels, 16}};
    requests->first_mono_ns = 0;
    for (size_t i = 0; i < DIGEST_FAMILIES; i++) {
        digests_init(&requests->families[i], families[i].labels, families[i].max);
    }
}

void
requests_done(struct requests *requests)
{
    for (size_t i = 0; i < DIGEST_FAMILIES; i++) {
        digests_done(&requests->families[i]);
    }
}

/* ---- counting ---- */

static const char *
known(const char *text)
{
    return text[0] != 0 ? text : UNKNOWN;
}

static void
count(struct requests *requests, enum digest_family family, const struct digest_event *event,
      int64_t mono_ns)
{
    requests->first_mono_ns = requests->first_mono_ns == 0 ? mono_ns : requests->first_mono_ns;
    digests_add(&requests->families[family], event, mono_ns);
}

void
requests_trace(struct requests *requests, const struct trace *trace, int64_t mono_ns)
{
    struct digest_event event = {.texts = {known(trace_text(trace, trace->service)),
                                           known(trace_text(trace, trace->endpoint)),
                                           trace_text(trace, trace->tool)},
                                 .seconds = (double)trace->duration_ns / 1e9,
                                 .weight = trace->weight,
                                 .failed = (trace->flags & TRACE_ERROR) != 0,
                                 .slow = (trace->flags & TRACE_SLOW) != 0};
    count(requests, DIGEST_REQUESTS, &event, mono_ns);
}

static const char *
short_text(struct str text, char *dst, size_t size)
{
    return utf8_clean(text, dst, size) > 0 ? dst : UNKNOWN;
}

void
requests_span(struct requests *requests, const struct gather *gather,
              const struct gather_span *span, const struct convention *convention,
              double slow_query_s, int64_t mono_ns)
{
    if (convention->system == SYSTEM_OTHER || convention->system == SYSTEM_HTTP ||
        span->span.duration_ns < 0) {
        return; /* counted as requests, or not at all; what has not ended comes again */
    }
    char name[128];
    const char *service = known(gather->texts + gather->resource_list[span->span.resource].service);
    struct digest_event event = {.texts = {service},
                                 .seconds = (double)span->span.duration_ns / 1e9,
                                 .weight = gather->weight * gather->factor,
                                 .failed = span->span.status == SPAN_ERROR};
    bool is_query = convention->system == SYSTEM_DB ||
                    (convention->system == SYSTEM_CACHE && convention->system_name.n > 0);
    if (is_query) {
        event.texts[1] = short_text(convention->system_name, name, sizeof(name));
        event.slow = event.seconds >= slow_query_s;
        count(requests, DIGEST_QUERIES, &event, mono_ns);
    }
    if (convention->system == SYSTEM_POOL) {
        count(requests, DIGEST_WAITS, &event, mono_ns);
    } else if (convention->system == SYSTEM_AGENT) {
        event.texts[0] = short_text(convention->agent, name, sizeof(name));
        count(requests, DIGEST_AGENTS, &event, mono_ns);
    } else if (convention->cache_hit >= 0) {
        event.failed = convention->cache_hit == 0;
        count(requests, DIGEST_CACHES, &event, mono_ns);
    }
}

/* ---- metrics ---- */

enum request_metric {
    REQUESTS_COUNT,
    REQUESTS_ERRORS,
    REQUESTS_SLOW,
    REQUESTS_DURATION,
    REQUESTS_RATIO,
    REQUESTS_LATENCY,
    QUERIES_COUNT,
    QUERIES_ERRORS,
    QUERIES_SLOW,
    QUERIES_DURATION,
    CACHE_LOOKUPS,
    CACHE_MISSES,
    CACHE_RATIO,
    WAITS_COUNT,
    WAITS_DURATION,
    AGENTS_COUNT,
    TASKS_COUNT,
    TASKS_ERRORS,
    TASKS_DURATION,
    TASKS_RATE,
    INGEST_DURATION,
    INGEST_MEMORY,
    INGEST_SPANS,
    INGEST_LOST,
    INGEST_SPAN_RATE,
    INGEST_ERROR_RATIO,
    INGEST_STORAGE,
    INGEST_STORAGE_RATE,
    INGEST_TRACES,
    INGEST_SAMPLED_OUT,
    INGEST_BEYOND,
};

#define COUNTER(id, metric_name, metric_unit, keys, which, sentence)                               \
    [id] = {.name = metric_name,                                                                   \
            .unit = metric_unit,                                                                   \
            .labels = keys,                                                                        \
            .kind = METRIC_COUNTER,                                                                \
            .better = which,                                                                       \
            .text = sentence}
#define GAUGE(id, metric_name, metric_unit, keys, which, how, sentence)                            \
    [id] = {.name = metric_name,                                                                   \
            .unit = metric_unit,                                                                   \
            .labels = keys,                                                                        \
            .better = which,                                                                       \
            .fold = how,                                                                           \
            .text = sentence}
#define DERIVED(id, metric_name, metric_unit, keys, which, what, sentence)                         \
    [id] = {.name = metric_name,                                                                   \
            .unit = metric_unit,                                                                   \
            .labels = keys,                                                                        \
            .formula = what,                                                                       \
            .better = which,                                                                       \
            .fold = FOLD_FORMULA,                                                                  \
            .text = sentence}

static const struct metric metrics[] = {
    COUNTER(REQUESTS_COUNT, "request.count", "{request}", "service endpoint tool", BETTER_NEITHER,
            "Requests, by the service that took them; sampled ones count by their weight."),
    COUNTER(REQUESTS_ERRORS, "request.errors", "{request}", "service endpoint tool", BETTER_LOWER,
            "Requests that failed."),
    COUNTER(REQUESTS_SLOW, "request.slow", "{request}", "service endpoint tool", BETTER_LOWER,
            "Requests that took longer than requests.slow allows."),
    GAUGE(REQUESTS_DURATION, "request.duration", "s", "service endpoint tool quantile",
          BETTER_LOWER, FOLD_MAX,
          "How long requests took over the last minute: their mean and quantiles."),
    DERIVED(REQUESTS_RATIO, "request.error.ratio", "1", "service endpoint tool", BETTER_LOWER,
            "request.errors / request.count", "Share of the requests that failed."),
    GAUGE(REQUESTS_LATENCY, "request.latency", "s", "quantile", BETTER_LOWER, FOLD_MAX,
          "How long requests of all services took over the last minute: mean and quantiles."),
    COUNTER(QUERIES_COUNT, "db.client.operation.count", "{operation}", "service system",
            BETTER_NEITHER, "Calls to databases."),
    COUNTER(QUERIES_ERRORS, "db.client.operation.errors", "{operation}", "service system",
            BETTER_LOWER, "Calls to databases that failed."),
    COUNTER(QUERIES_SLOW, "db.client.slow_queries", "{operation}", "service system", BETTER_LOWER,
            "Calls to databases that took longer than queries.slow allows."),
    GAUGE(QUERIES_DURATION, "db.client.operation.duration", "s", "service system quantile",
          BETTER_LOWER, FOLD_MAX,
          "How long calls to databases took over the last minute: mean and quantiles."),
    COUNTER(CACHE_LOOKUPS, "cache.lookups", "{lookup}", "service", BETTER_NEITHER,
            "Look-ups in caches that say whether they hit."),
    COUNTER(CACHE_MISSES, "cache.misses", "{lookup}", "service", BETTER_LOWER,
            "Look-ups in caches that found nothing."),
    DERIVED(CACHE_RATIO, "cache.hit.ratio", "1", "service", BETTER_HIGHER,
            "1 - cache.misses / cache.lookups", "Share of the look-ups in caches that hit."),
    COUNTER(WAITS_COUNT, "db.client.connection.waits", "{wait}", "service", BETTER_LOWER,
            "Waits for a connection or a worker of a pool."),
    GAUGE(WAITS_DURATION, "db.client.connection.wait_time", "s", "service quantile", BETTER_LOWER,
          FOLD_MAX, "How long such waits took over the last minute: mean and quantiles."),
    GAUGE(
        AGENTS_COUNT, "agent.count", "{agent}", "state", BETTER_NEITHER, FOLD_MAX,
        "Agents: known (seen within an hour), active (had a task within the last minute) and busy "
        "(at work at once, on average over that minute)."),
    COUNTER(TASKS_COUNT, "agent.task.count", "{task}", "agent", BETTER_NEITHER,
            "Tasks of agents that ended."),
    COUNTER(TASKS_ERRORS, "agent.task.errors", "{task}", "agent", BETTER_LOWER,
            "Tasks of agents that failed."),
    GAUGE(TASKS_DURATION, "agent.task.duration", "s", "agent quantile", BETTER_LOWER, FOLD_MAX,
          "How long tasks of agents took over the last minute: mean and quantiles."),
    DERIVED(TASKS_RATE, "agent.task.rate", "{task}/s", "agent", BETTER_NEITHER, "agent.task.count",
            "Tasks of agents a second."),
    GAUGE(INGEST_DURATION, "flametop.trace.ingest.duration", "s", "", BETTER_LOWER, FOLD_MEAN,
          "Time that taking in one span costs."),
    GAUGE(INGEST_MEMORY, "flametop.trace.ingest.memory", "By", "", BETTER_LOWER, FOLD_SUM,
          "Memory that traces take, finished ones and those being gathered."),
    COUNTER(INGEST_SPANS, "flametop.trace.spans", "{span}", "", BETTER_NEITHER, "Spans received."),
    COUNTER(INGEST_LOST, "flametop.trace.spans.lost", "{span}", "", BETTER_LOWER,
            "Spans refused because they had no ids, or dropped because a limit was reached."),
    DERIVED(INGEST_SPAN_RATE, "flametop.trace.span.rate", "{span}/s", "", BETTER_NEITHER,
            "flametop.trace.spans", "Spans received a second."),
    DERIVED(INGEST_ERROR_RATIO, "flametop.trace.error.ratio", "1", "", BETTER_LOWER,
            "flametop.trace.spans.lost / flametop.trace.spans",
            "Share of the spans that were refused or dropped."),
    COUNTER(INGEST_STORAGE, "flametop.trace.storage", "By", "", BETTER_NEITHER,
            "Bytes of finished traces that were stored."),
    DERIVED(INGEST_STORAGE_RATE, "flametop.trace.storage.rate", "By/s", "", BETTER_NEITHER,
            "flametop.trace.storage", "Bytes of finished traces stored a second."),
    GAUGE(INGEST_TRACES, "flametop.trace.count", "{trace}", "", BETTER_NEITHER, FOLD_SUM,
          "Finished traces that are held."),
    COUNTER(INGEST_SAMPLED_OUT, "flametop.trace.sampled_out", "{trace}", "", BETTER_NEITHER,
            "Traces sampled away, by a rule or to make room; those that stay count for them."),
    COUNTER(INGEST_BEYOND, "flametop.trace.labels.beyond", "{event}", "", BETTER_LOWER,
            "Events counted as other, because there were too many endpoints, databases or agents."),
};

/* ---- the table ---- */

static const struct column columns[REQUEST_COLUMNS] = {
    [REQUEST_KEY] = {"request.key", "", "", "Service, endpoint and tool together.", COLUMN_TEXT,
                     COLUMN_KEY | COLUMN_HIDDEN, 0},
    [REQUEST_SERVICE] = {"request.service", "SERVICE", "", "The service that took the request.",
                         COLUMN_TEXT, COLUMN_KEEP, 14},
    [REQUEST_ENDPOINT] = {"request.endpoint", "ENDPOINT", "", "What was asked for.", COLUMN_TEXT,
                          COLUMN_KEEP, 0},
    [REQUEST_TOOL] = {"request.tool", "TOOL", "", "The first tool that was run for it.",
                      COLUMN_TEXT, COLUMN_KEEP, 16},
    [REQUEST_RATE] = {"request.rate", "REQ/s", "{request}/s", "Requests a second.", COLUMN_REAL,
                      COLUMN_RANK | COLUMN_KEEP, 7},
    [REQUEST_ERRORS] = {"request.error.ratio", "ERR%", "1", "Share that failed.", COLUMN_REAL,
                        COLUMN_KEEP, 6},
    [REQUEST_P50] = {"request.duration.p50", "P50", "s", "Half of them took no longer.",
                     COLUMN_REAL, COLUMN_KEEP, 7},
    [REQUEST_P95] = {"request.duration.p95", "P95", "s", "95 of 100 took no longer.", COLUMN_REAL,
                     COLUMN_KEEP, 7},
    [REQUEST_P99] = {"request.duration.p99", "P99", "s", "99 of 100 took no longer.", COLUMN_REAL,
                     COLUMN_KEEP, 7},
    [REQUEST_MEAN] = {"request.duration.mean", "MEAN", "s", "Their mean.", COLUMN_REAL,
                      COLUMN_KEEP | COLUMN_HIDDEN, 7},
    [REQUEST_WAITING] = {"request.waiting", "WAIT/s", "s/s",
                         "Seconds that users waited for it, a second: rate times mean.",
                         COLUMN_REAL, COLUMN_RANK | COLUMN_KEEP, 7},
    [REQUEST_COUNT] = {"request.count", "COUNT", "{request}", "Requests since the start.",
                       COLUMN_REAL, COLUMN_HIDDEN, 8},
};

const struct table_def request_table = {.name = "requests",
                                        .title = "Requests",
                                        .text = "Requests by endpoint, over the last minute.",
                                        .columns = columns,
                                        .column_count = REQUEST_COLUMNS,
                                        .sort_column = REQUEST_WAITING,
                                        .kept_rows = 20};

/* ---- the source ---- */

struct requests_source {
    struct trace_store *store;
    struct histogram window;
    uint64_t timed_before, spent_before;
};

static int
requests_open(const struct source_setup *setup, void **ret_state, char *why, size_t why_size)
{
    if (setup->traces == NULL) {
        snprintf(why, why_size, "no traces are received here");
        return -ENOENT;
    }
    struct requests_source *source = calloc(1, sizeof(*source));
    if (source == NULL) {
        return -ENOMEM;
    }
    source->store = setup->traces;
    histogram_init(&source->window);
    *ret_state = source;
    return 0;
}

static void
requests_close(void *state)
{
    struct requests_source *source = state;
    histogram_done(&source->window);
    free(source);
}

/* A family's metrics; those that are not set (< 0) it has not. */
struct family_metrics {
    int count, errors, slow, duration;
};

static const struct family_metrics families[DIGEST_FAMILIES] = {
    [DIGEST_REQUESTS] = {REQUESTS_COUNT, REQUESTS_ERRORS, REQUESTS_SLOW, REQUESTS_DURATION},
    [DIGEST_QUERIES] = {QUERIES_COUNT, QUERIES_ERRORS, QUERIES_SLOW, QUERIES_DURATION},
    [DIGEST_WAITS] = {WAITS_COUNT, -1, -1, WAITS_DURATION},
    [DIGEST_AGENTS] = {TASKS_COUNT, TASKS_ERRORS, -1, TASKS_DURATION},
    [DIGEST_CACHES] = {CACHE_LOOKUPS, CACHE_MISSES, -1, -1},
};

static const struct {
    const char *label;
    double quantile; /* NaN: the mean */
} parts[] = {{"0.5", 0.5}, {"0.95", 0.95}, {"0.99", 0.99}, {"mean", -1}};

static int
column_of(struct batch *batch, int metric, const char *labels)
{
    return metric >= 0 ? batch_column(batch, &metrics[metric], labels) : -1;
}

/* Columns are looked up once a digest. */
static void
find_columns(struct batch *batch, struct digest *digest, const struct family_metrics *family)
{
    size_t n = 0;
    digest->columns[n++] = column_of(batch, family->count, digest->labels);
    digest->columns[n++] = column_of(batch, family->errors, digest->labels);
    digest->columns[n++] = column_of(batch, family->slow, digest->labels);
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        char labels[DIGEST_LABELS_MAX + 32];
        snprintf(labels, sizeof(labels), "%s", digest->labels);
        labels_add(labels, sizeof(labels), "quantile", str_from(parts[i].label));
        digest->columns[n++] = column_of(batch, family->duration, labels);
    }
    digest->columns_known = true;
}

static double
part_of(const struct histogram *histogram, size_t part)
{
    return parts[part].quantile < 0 ? histogram_mean(histogram)
                                    : histogram_quantile(histogram, parts[part].quantile);
}

static void
put_digest(struct requests_source *source, struct batch *batch, struct digest *digest,
           const struct family_metrics *family)
{
    if (!digest->columns_known) {
        find_columns(batch, digest, family);
    }
    batch_set(batch, digest->columns[0], digest->count);
    batch_set(batch, digest->columns[1], digest->errors);
    batch_set(batch, digest->columns[2], digest->slow);
    if (family->duration >= 0 && digest_window(digest, batch->at.mono_ns, &source->window)) {
        for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
            batch_set(batch, digest->columns[3 + i], part_of(&source->window, i));
        }
    }
}

static void
put_all(struct requests_source *source, struct batch *batch)
{
    struct requests *requests = &source->store->requests;
    for (size_t f = 0; f < DIGEST_FAMILIES; f++) {
        struct digest *digest;
        for (size_t i = 0; (digest = digests_at(&requests->families[f], i)) != NULL; i++) {
            put_digest(source, batch, digest, &families[f]);
        }
    }
    if (digests_window(&requests->families[DIGEST_REQUESTS], batch->at.mono_ns, &source->window)) {
        for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
            char labels[32] = "";
            labels_add(labels, sizeof(labels), "quantile", str_from(parts[i].label));
            batch_put(batch, &metrics[REQUESTS_LATENCY], labels, part_of(&source->window, i));
        }
    }
}

/* How long the window is, by its slots; shorter at first. */
static double
window_s(const struct requests *requests, int64_t mono_ns)
{
    int64_t from_ns = MAX(digest_window_from(mono_ns), requests->first_mono_ns);
    return (double)MAX(mono_ns - from_ns, NS_PER_S) / 1e9;
}

static void
put_agents(struct requests_source *source, struct batch *batch)
{
    struct digests *agents = &source->store->requests.families[DIGEST_AGENTS];
    double known_count = 0, active = 0, worked_s = 0;
    struct digest *digest;
    if (agents->count == 0) {
        return;
    }
    for (size_t i = 0; (digest = digests_at(agents, i)) != NULL; i++) {
        int64_t idle_ns = batch->at.mono_ns - digest->seen_mono_ns;
        known_count += idle_ns <= 3600 * NS_PER_S;
        active += idle_ns <= DIGEST_WINDOW_NS;
        worked_s += digest_window_sums(digest, batch->at.mono_ns).seconds;
    }
    double busy = worked_s / window_s(&source->store->requests, batch->at.mono_ns);
    batch_put(batch, &metrics[AGENTS_COUNT], "state=known", known_count);
    batch_put(batch, &metrics[AGENTS_COUNT], "state=active", active);
    batch_put(batch, &metrics[AGENTS_COUNT], "state=busy", MIN(busy, active));
}

static const char *
text_in(struct batch *batch, const char *text)
{
    return text[0] != 0 ? arena_text(batch->arena, text, strlen(text)) : NULL;
}

static void
put_table(struct requests_source *source, struct batch *batch)
{
    struct requests *requests = &source->store->requests;
    struct digests *digests = &requests->families[DIGEST_REQUESTS];
    struct table *table = batch_table(batch, &request_table, digests->count + 1);
    double over_s = window_s(requests, batch->at.mono_ns);
    struct digest *digest;
    for (size_t i = 0; table != NULL && (digest = digests_at(digests, i)) != NULL; i++) {
        bool any = digest_window(digest, batch->at.mono_ns, &source->window);
        union cell *row = any ? table_add(table, batch->arena) : NULL;
        if (row == NULL) {
            continue;
        }
        const struct histogram *window = &source->window;
        struct digest_sums sums = digest_window_sums(digest, batch->at.mono_ns);
        row[REQUEST_KEY].text = arena_text(batch->arena, digest->labels, strlen(digest->labels));
        row[REQUEST_SERVICE].text = text_in(batch, digest->texts[0]);
        row[REQUEST_ENDPOINT].text = text_in(batch, digest->texts[1]);
        row[REQUEST_TOOL].text = text_in(batch, digest->texts[2]);
        row[REQUEST_RATE].real = sums.count / over_s;
        row[REQUEST_ERRORS].real = sums.failed / sums.count;
        row[REQUEST_P50].real = histogram_quantile(window, 0.5);
        row[REQUEST_P95].real = histogram_quantile(window, 0.95);
        row[REQUEST_P99].real = histogram_quantile(window, 0.99);
        row[REQUEST_MEAN].real = histogram_mean(window);
        row[REQUEST_WAITING].real = sums.seconds / over_s;
        row[REQUEST_COUNT].real = digest->count;
    }
}

static void
put_own(struct requests_source *source, struct batch *batch)
{
    const struct trace_store *store = source->store;
    uint64_t beyond = 0;
    for (size_t i = 0; i < DIGEST_FAMILIES; i++) {
        beyond += store->requests.families[i].beyond;
    }
    const struct {
        int metric;
        double value;
    } values[] = {{INGEST_MEMORY, (double)(segments_bytes(&store->segments) + store->open_bytes)},
                  {INGEST_SPANS, (double)store->received},
                  {INGEST_LOST, (double)(store->refused + store->dropped)},
                  {INGEST_STORAGE, (double)store->stored_bytes},
                  {INGEST_TRACES, (double)store->segments.alive},
                  {INGEST_SAMPLED_OUT, (double)(store->segments.sampled_out + store->sampled_out)},
                  {INGEST_BEYOND, (double)beyond}};
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        batch_put(batch, &metrics[values[i].metric], "", values[i].value);
    }
    if (store->timed > source->timed_before) {
        batch_put(batch, &metrics[INGEST_DURATION], "",
                  (double)(store->spent_ns - source->spent_before) / 1e9 /
                      (double)(store->timed - source->timed_before));
    }
    source->timed_before = store->timed;
    source->spent_before = store->spent_ns;
    batch->dropped = store->dropped;
    batch->rejected = store->refused;
}

static enum source_step
requests_poll(void *state, struct batch *batch)
{
    struct requests_source *source = state;
    if (!trace_store_used(source->store)) {
        return SOURCE_IDLE;
    }
    put_own(source, batch);
    put_all(source, batch);
    put_agents(source, batch);
    put_table(source, batch);
    return SOURCE_DONE;
}

static const struct table_def *const tables[] = {&request_table};

const struct source source_requests = {
    .name = "requests",
    .text = "Requests, by the spans of their traces that were received.",
    .metrics = metrics,
    .metric_count = ARRAY_SIZE(metrics),
    .tables = tables,
    .table_count = ARRAY_SIZE(tables),
    .open = requests_open,
    .poll = requests_poll,
    .close = requests_close,
};
