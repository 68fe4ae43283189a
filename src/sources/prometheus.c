/* Adapters for Prometheus and what speaks its API (VictoriaMetrics, Thanos, Mimir). What it scrapes
 * is a table; machines with node_exporter are a table of instances, and one of them fills the views
 * of a machine as if it were attached itself.
 *
 * A reading is a turn of a few requests, in the rhythm of the scrapes. The first turn says what is
 * there, the second reads the machine, and from then on each brings one piece of its older history,
 * newest first, until HISTORY_PIECES are there or nothing is left.
 *
 * Invariant: `plan` is what the turn under way asks; it is made anew for each and the answers are
 * read by it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters.h"
#include "flametop/base/macros.h"
#include "flametop/base/numbers.h"
#include "flametop/base/utf8.h"
#include "prometheus_server.h"

#define HISTORY_PIECES 8
#define POINTS_MAX 40000 /* of one piece of history: bounds its answer */
#define SCRAPE_LONGEST_S 300.0
#define CLOCK_DRIFT_S 2.0

/* ---- what it says of itself ---- */

enum {
    TARGETS,
    SCRAPE_DURATION,
    SERIES,
    SAMPLES,
    STORAGE,
    QUERIES,
    QUERIES_LIMIT,
    RULE_FAILURES,
    NOTIFICATIONS_DROPPED,
    CPU_TIME,
    MEMORY,
    ALERTS
};

/* clang-format off */
static const struct metric metrics[] = {
    [TARGETS] = {.name = "prometheus.targets", .unit = "{target}", .labels = "state", .text = "Targets that the server scrapes, up and down."},
    [SCRAPE_DURATION] = {.name = "prometheus.scrape.duration", .unit = "s", .labels = "job", .better = BETTER_LOWER, .fold = FOLD_MAX, .text = "The longest of the last scrapes of a job."},
    [SERIES] = {.name = "prometheus.series", .unit = "{series}", .labels = "instance", .text = "Series the server holds in memory."},
    [SAMPLES] = {.name = "prometheus.samples", .unit = "{sample}", .labels = "instance type", .kind = METRIC_COUNTER, .text = "Samples the server has stored."},
    [STORAGE] = {.name = "prometheus.storage.usage", .unit = "By", .labels = "instance type", .text = "Disk space of the server's data."},
    [QUERIES] = {.name = "prometheus.queries", .unit = "{query}", .labels = "instance", .better = BETTER_LOWER, .text = "Queries the server works on."},
    [QUERIES_LIMIT] = {.name = "prometheus.queries.limit", .unit = "{query}", .labels = "instance", .text = "Queries it works on at once at most."},
    [RULE_FAILURES] = {.name = "prometheus.rule.failures", .unit = "{failure}", .labels = "instance rule_group", .kind = METRIC_COUNTER, .better = BETTER_LOWER, .text = "Evaluations of rules that failed."},
    [NOTIFICATIONS_DROPPED] = {.name = "prometheus.notifications.dropped", .unit = "{notification}", .labels = "instance", .kind = METRIC_COUNTER, .better = BETTER_LOWER, .text = "Alerts that could not be sent."},
    [CPU_TIME] = {.name = "prometheus.cpu.time", .unit = "s", .labels = "instance", .kind = METRIC_COUNTER, .better = BETTER_LOWER, .text = "CPU time the server has used."},
    [MEMORY] = {.name = "prometheus.memory.usage", .unit = "By", .labels = "instance", .better = BETTER_LOWER, .text = "Resident memory of the server."},
    [ALERTS] = {.name = "prometheus.alerts", .unit = "{alert}", .labels = "state", .better = BETTER_LOWER, .text = "Alerts that fire or are pending."},
};
/* clang-format on */

/* Its own metrics, and ours for them; `type` is a label that one of ours takes over. */
static const struct own {
    const char *theirs;
    int metric;
    const char *type; /* NULL: none */
} owns[] = {
    {"prometheus_tsdb_head_series", SERIES, NULL},
    {"prometheus_tsdb_head_samples_appended_total", SAMPLES, "type"},
    {"prometheus_tsdb_storage_blocks_bytes", STORAGE, "type"},
    {"prometheus_engine_queries", QUERIES, NULL},
    {"prometheus_engine_queries_concurrent_max", QUERIES_LIMIT, NULL},
    {"prometheus_rule_evaluation_failures_total", RULE_FAILURES, "rule_group"},
    {"prometheus_notifications_dropped_total", NOTIFICATIONS_DROPPED, NULL},
    {"vm_rows_inserted_total", SAMPLES, "type"},
    {"vm_data_size_bytes", STORAGE, "type"},
    {"vm_concurrent_select_current", QUERIES, NULL},
    {"vm_concurrent_select_capacity", QUERIES_LIMIT, NULL},
};

/* Of processes that are such a server. */
static const struct own owns_of_process[] = {
    {"process_cpu_seconds_total", CPU_TIME, NULL},
    {"process_resident_memory_bytes", MEMORY, NULL},
};

/* ---- what it answers ---- */

const char *
prometheus_own_metric(size_t i)
{
    return i < ARRAY_SIZE(owns) ? owns[i].theirs : NULL;
}

static const struct own *
own_of(struct str name)
{
    static const struct own *const lists[] = {owns, owns_of_process};
    static const size_t counts[] = {ARRAY_SIZE(owns), ARRAY_SIZE(owns_of_process)};
    static const struct own entries = {"vm_cache_entries", SERIES, NULL};
    const struct own *own = str_is(name, entries.theirs) ? &entries : NULL;
    for (size_t l = 0; l < ARRAY_SIZE(lists); l++) {
        for (size_t i = 0; i < counts[l] && own == NULL; i++) {
            own = str_is(name, lists[l][i].theirs) ? &lists[l][i] : NULL;
        }
    }
    return own;
}

/* The column of a metric of its own. */
static int
own_column(struct batch *batch, const struct exposition_sample *sample)
{
    const struct own *own = own_of(sample->name);
    if (own == NULL) {
        return -1;
    }
    char labels[NATIVE_LABELS] = "", text[NAME_BYTES];
    struct str rest = sample->labels, key, value;
    while (exposition_label(&rest, &key, &value)) {
        if (str_is(key, "instance") || (own->type != NULL && str_is(key, own->type))) {
            char name[32];
            exposition_text(value, text, sizeof(text));
            labels_add(labels, sizeof(labels), str_copy(key, name, sizeof(name)), str_from(text));
        }
    }
    return batch_column(batch, &metrics[own->metric], labels);
}

static bool
is_wanted(const struct server *server, const struct scraped *scraped)
{
    const char *instance = server->wanted_instance, *job = server->wanted_job;
    return (instance[0] == '\0' || strcmp(instance, scraped->instance) == 0) &&
           (job[0] == '\0' || strcmp(job, scraped->job) == 0);
}

/* How well a target serves as what is followed: a machine, and one that is up. */
static int
rank_of(const struct server *server, const struct scraped *scraped)
{
    bool machine = scraped->machine && is_wanted(server, scraped);
    return (machine ? 2 : 0) + (scraped->values[TARGET_UP] > 0);
}

/* Each job may have a rhythm of its own. */
static void
follow(struct server *server, const struct scraped *scraped)
{
    bool same =
        strcmp(scraped->instance, server->instance) == 0 && strcmp(scraped->job, server->job) == 0;
    server->scrape_s = same ? server->scrape_s : 0;
    str_copy(str_from(scraped->job), server->job, sizeof(server->job));
    str_copy(str_from(scraped->instance), server->instance, sizeof(server->instance));
    server->machine = rank_of(server, scraped) >= 2;
}

/* What is followed: its scrapes are the rhythm, and it is what is shown if it is a machine, the one
 * asked for or else the first that is up. A machine stays; NULL: nothing is scraped. */
static const struct scraped *
choose(struct server *server, const struct scrapes *scrapes)
{
    const struct scraped *best = NULL;
    for (size_t i = 0; i < scrapes->count; i++) {
        const struct scraped *scraped = scrapes->list[i];
        bool same = strcmp(scraped->instance, server->instance) == 0 &&
                    strcmp(scraped->job, server->job) == 0;
        if (same && server->machine) {
            return scraped;
        }
        bool better = best == NULL || rank_of(server, scraped) > rank_of(server, best);
        best = better ? scraped : best;
    }
    if (best != NULL && !server->machine) {
        follow(server, best);
    }
    return best;
}

/* Our time for one of its clock. The two are tied together once, so that the times between scrapes
 * stay exact however its answers are delayed or rounded, and anew when a clock was set. */
static int64_t
our_time(const struct server *server, double at_s)
{
    return server->anchor_mono_ns + (int64_t)((at_s - server->anchor_s) * 1e9);
}

static void
set_time(struct server *server, struct batch *batch)
{
    int64_t drift_ns = batch->at.mono_ns - our_time(server, server->now_s);
    if (server->anchor_s <= 0 || llabs(drift_ns) > (int64_t)(CLOCK_DRIFT_S * 1e9)) {
        server->anchor_s = server->now_s;
        server->anchor_mono_ns = batch->at.mono_ns;
    }
    server->wall_offset_ns = batch->at.wall_ns - batch->at.mono_ns;
    if (!isnan(server->at_s)) {
        int64_t back_ns = MAX(batch->at.mono_ns - our_time(server, server->at_s), INT64_C(0));
        batch->at.mono_ns -= back_ns;
        batch->at.wall_ns -= back_ns;
        batch->at.boot_ns -= back_ns;
    }
}

static void
put_targets(const struct scrapes *scrapes, struct batch *batch)
{
    size_t up = 0;
    for (size_t i = 0; i < scrapes->count; i++) {
        const struct scraped *scraped = scrapes->list[i];
        char labels[NATIVE_LABELS];
        up += scraped->values[TARGET_UP] > 0;
        native_labels(labels, "job", str_from(scraped->job), NULL, NULL);
        int column = batch_column(batch, &metrics[SCRAPE_DURATION], labels);
        double before = column >= 0 ? batch->values[column] : NAN;
        double duration = scraped->values[TARGET_DURATION];
        batch_set(batch, column, isnan(before) || duration > before ? duration : before);
    }
    batch_put(batch, &metrics[TARGETS], "state=up", (double)up);
    batch_put(batch, &metrics[TARGETS], "state=down", (double)(scrapes->count - up));
}

static void
say_health(const struct server *server, const struct scraped *shown, struct batch *batch)
{
    if (!server->machine && prometheus_is_alone(server)) {
        batch_fail(batch, SOURCE_DEGRADED, "no machine %s is scraped there",
                   server->wanted_instance);
    } else if (server->machine && shown != NULL && shown->values[TARGET_UP] <= 0) {
        const char *why = scrape_why(shown->error, batch->arena);
        batch_fail(batch, SOURCE_STALE, "%s is down: %s", shown->instance,
                   why != NULL ? why : "its scrape failed");
    }
}

static void
put_alerts(const struct server *server, const cJSON *data, const struct scraped *shown,
           struct batch *batch)
{
    bool down = server->machine && shown != NULL && shown->values[TARGET_UP] <= 0;
    size_t firing, pending;
    alerts_put(data, server->wanted_instance, down ? shown : NULL, batch, server->now_s, &firing,
               &pending);
    if (data != NULL && !prometheus_is_alone(server)) {
        batch_put(batch, &metrics[ALERTS], "state=firing", (double)firing);
        batch_put(batch, &metrics[ALERTS], "state=pending", (double)pending);
    }
}

static bool
read_targets(struct server *server, const cJSON *root, const cJSON *alerts, struct batch *batch)
{
    const cJSON *results = prometheus_results(root, "vector");
    struct scrapes scrapes;
    double now_s = NAN;
    if (results == NULL) {
        return false;
    }
    prometheus_value(results->child, &now_s);
    scrapes_init(&scrapes, batch->arena);
    scrapes_take(&scrapes, results);
    scrapes_take_errors(&scrapes, &server->errors);
    scrapes_take_alerts(&scrapes, prometheus_data(alerts));
    scrapes_sort(&scrapes);
    server->now_s = isnan(now_s) ? (double)batch->at.wall_ns / 1e9 : now_s;
    scrapes_put(&scrapes, batch, server->now_s, server->wanted_instance);
    const struct scraped *shown = choose(server, &scrapes);
    server->at_s = shown != NULL ? shown->values[TARGET_AT] : NAN;
    if (!prometheus_is_alone(server)) {
        put_targets(&scrapes, batch);
    }
    put_alerts(server, prometheus_data(alerts), shown, batch);
    say_health(server, shown, batch);
    set_time(server, batch);
    scrapes_done(&scrapes);
    return true;
}

static void
read_series(struct server *server, const cJSON *root, struct batch *batch)
{
    const cJSON *results = prometheus_results(root, "vector");
    if (results == NULL) {
        batch_fail(batch, SOURCE_DEGRADED, "%s did not answer the query for its series",
                   server->product);
        return;
    }
    server->series = (size_t)cJSON_GetArraySize(results);
    exposed_begin(&server->live, batch);
    prometheus_take(&server->live, batch, results);
    exposed_end(&server->live, batch);
}

/* The median of the times between scrapes. */
static void
read_rhythm(struct server *server, const cJSON *root, struct batch *batch)
{
    const cJSON *results = prometheus_results(root, "matrix");
    const cJSON *pair, *values = json_at(results != NULL ? results->child : NULL, "values");
    double gaps[64], before_s = NAN;
    size_t n = 0;
    (void)batch;
    values = cJSON_IsArray(values) ? values : NULL;
    cJSON_ArrayForEach(pair, values)
    {
        double at_s = json_number(cJSON_GetArrayItem(pair, 0));
        if (at_s > before_s && n < ARRAY_SIZE(gaps)) {
            gaps[n++] = at_s - before_s;
        }
        before_s = at_s;
    }
    if (n > 0) {
        numbers_sort(gaps, n);
        server->scrape_s = CLAMP(gaps[n / 2], SCRAPE_SHORTEST_S, SCRAPE_LONGEST_S);
    }
}

static void
read_errors(struct server *server, const cJSON *root, struct batch *batch)
{
    (void)batch;
    scrape_errors_take(&server->errors, prometheus_data(root));
}

static void
read_exemplars(struct server *server, const cJSON *root, struct batch *batch)
{
    const cJSON *data = prometheus_data(root);
    server->exemplars = cJSON_IsArray(data) && data->child != NULL;
    exemplars_put(data, batch, server->now_s);
}

static void
read_history(struct server *server, const cJSON *root, struct batch *batch)
{
    const cJSON *results = prometheus_results(root, "matrix");
    struct prometheus_steps *steps = &server->steps;
    (void)batch;
    server->pieces++;
    if (results == NULL) { /* too much at once, or too slow: ask for less */
        server->points /= 2;
        server->complete = server->pieces >= HISTORY_PIECES || server->points < 8;
        return;
    }
    steps->first_mono_ns = our_time(server, steps->start_s - prometheus_slack_s(server));
    steps->wall_offset_ns = server->wall_offset_ns;
    steps->start_s -= server->history_late_s;
    struct chunk *chunk = prometheus_chunk(&server->past, &server->past_batch, results, steps);
    server->complete = chunk == NULL || server->pieces >= HISTORY_PIECES;
    server->piece_end_s = steps->start_s + server->history_late_s - steps->step_s;
    server->reaches = (server->at_s - server->piece_end_s) * 1e9 >= (double)server->setup.span_ns;
    if (chunk != NULL) {
        const struct link_sink *sink = server->setup.sink;
        sink->chunk(sink->context, server->kind, chunk);
        chunk_release(chunk);
    }
}

static void
read_version(struct server *server, const cJSON *root, struct batch *batch)
{
    char version[64], application[64];
    const cJSON *data = prometheus_data(root);
    (void)batch;
    json_text_at(data, "version", version, sizeof(version));
    json_text_at(data, "application", application, sizeof(application));
    bool own = json_at(data, "revision") != NULL || application[0] != '\0';
    snprintf(server->version, sizeof(server->version), "%s%s%s",
             application[0] != '\0' ? application : server->product,
             own && version[0] != '\0' ? " " : "", own ? version : "");
}

/* Whether it is shown under a name of ours. */
static bool
is_shown(struct str name)
{
    const char *theirs;
    for (size_t i = 0; (theirs = node_metric(i)) != NULL; i++) {
        if (str_is(name, theirs)) {
            return true;
        }
    }
    return own_of(name) != NULL;
}

/* Which labels a metric has is known with its series only: any of them may be its own. */
static void
read_labels(struct server *server, const cJSON *root, struct batch *batch)
{
    (void)batch;
    prometheus_keys(prometheus_data(root), server->keys, sizeof(server->keys));
}

static void
read_names(struct server *server, const cJSON *root, struct batch *batch)
{
    prometheus_offer(batch->catalog, prometheus_data(root), server->keys, is_shown);
}

static void
read_looked(struct server *server, const cJSON *root, struct batch *batch)
{
    const cJSON *results = prometheus_results(root, "vector");
    if (results != NULL) {
        prometheus_take(&server->looked_at, batch, results);
    } else {
        batch_fail(batch, SOURCE_DEGRADED, "%s did not answer the query for what is looked at",
                   server->product);
    }
}

static void
read_answer(struct server *server, enum question question, struct str body, struct batch *batch)
{
    static void (*const reads[])(struct server *, const cJSON *, struct batch *) = {
        [ASK_SERIES] = read_series,   [ASK_RHYTHM] = read_rhythm,
        [ASK_ERRORS] = read_errors,   [ASK_EXEMPLARS] = read_exemplars,
        [ASK_HISTORY] = read_history, [ASK_VERSION] = read_version,
        [ASK_LABELS] = read_labels,   [ASK_NAMES] = read_names,
        [ASK_LOOKED] = read_looked,
    };
    cJSON *root = json_parse(body);
    reads[question](server, root, batch);
    cJSON_Delete(root);
}

static bool
prometheus_read(void *state, const struct str *bodies, struct batch *batch)
{
    struct server *server = state;
    cJSON *root = json_parse(bodies[0]), *alerts = json_parse(bodies[1]);
    bool good = read_targets(server, root, alerts, batch);
    cJSON_Delete(root);
    cJSON_Delete(alerts);
    if (!good) {
        return false;
    }
    for (size_t i = 2; i < server->plan_count; i++) {
        read_answer(server, server->plan[i], bodies[i], batch);
    }
    if (server->pieces == 0) {
        size_t points = POINTS_MAX / MAX(server->series, (size_t)1);
        server->points = CLAMP(points, (size_t)8, (size_t)CHUNK_TICKS);
    }
    bool early = server->turn == 0 || (server->turn == 1 && isnan(server->at_s));
    server->turn++;
    if (early) {
        batch->at.mono_ns = 0; /* no news: there is more in the turn that follows at once */
    }
    return true;
}

/* ---- open, close ---- */

/* A parameter of the target's query, unescaped and cleaned; "" when it is not there. */
static void
parameter(struct str query, const char *name, char *dst, size_t size)
{
    struct str part, key;
    char text[NAME_BYTES];
    size_t n = 0;
    dst[0] = '\0';
    while (str_until(&query, '&', &part)) {
        if (!str_until(&part, '=', &key) || !str_is(key, name)) {
            continue;
        }
        for (size_t i = 0; i < part.n && n + 1 < sizeof(text); i++) {
            unsigned value;
            char digits[3] = {0};
            if (part.p[i] == '%' && i + 2 < part.n) {
                memcpy(digits, part.p + i + 1, 2);
            }
            bool escaped = digits[0] != '\0' && sscanf(digits, "%2x", &value) == 1;
            text[n++] = escaped ? (char)value : part.p[i];
            i += escaped ? 2 : 0;
        }
        utf8_clean((struct str){text, n}, dst, size);
        return;
    }
}

static void
name_server(struct server *server, const char *target)
{
    const char *rest = strstr(target, "://");
    rest = rest != NULL ? rest + 3 : target;
    str_copy((struct str){rest, strcspn(rest, "/")}, server->name, sizeof(server->name));
}

static void *
open_server(const struct adapter_setup *setup, const char *kind, const char *product)
{
    struct server *server = calloc(1, sizeof(*server));
    if (server == NULL) {
        return NULL;
    }
    server->setup = *setup;
    server->kind = kind;
    server->product = product;
    server->at_s = NAN;
    server->history_offset = "";
    exposed_init(&server->live);
    exposed_init(&server->past);
    exposed_init(&server->looked_at);
    server->looked_at.plain = true;
    server->live.known = server->past.known = own_column;
    batch_init(&server->past_batch, setup->catalog);
    scrape_errors_init(&server->errors);
    struct str query = str_from(setup->query != NULL ? setup->query : "");
    parameter(query, "instance", server->wanted_instance, sizeof(server->wanted_instance));
    if (setup->instance != NULL) {
        utf8_clean(str_from(setup->instance), server->wanted_instance,
                   sizeof(server->wanted_instance));
    }
    parameter(query, "job", server->wanted_job, sizeof(server->wanted_job));
    server->setup.target = setup->target != NULL ? setup->target : "";
    name_server(server, server->setup.target);
    return server;
}

static void *
prometheus_open(const struct adapter_setup *setup)
{
    return open_server(setup, "prometheus", "Prometheus");
}

/* In ranges it repeats, instead of the newest 30 s, the value before them; it looks ahead if told
 * to, which Prometheus does not. */
static void *
victoriametrics_open(const struct adapter_setup *setup)
{
    struct server *server = open_server(setup, "victoriametrics", "VictoriaMetrics");
    if (server != NULL) {
        server->history_offset = " offset -60s";
        server->history_late_s = 60;
    }
    return server;
}

static void
prometheus_close(void *state)
{
    struct server *server = state;
    exposed_done(&server->live);
    exposed_done(&server->past);
    exposed_done(&server->looked_at);
    batch_done(&server->past_batch);
    scrape_errors_done(&server->errors);
    free(server);
}

/* The machine that is shown, and by whom; the server itself where there is none. */
static bool
prometheus_host(const void *state, struct host *ret_host)
{
    const struct server *server = state;
    struct server *own = (struct server *)(uintptr_t)state;
    if (server->turn < 2) {
        return false;
    }
    if (!server->machine || !node_host(&server->live.node, ret_host)) {
        *ret_host = (struct host){
            .name = server->name, .system = server->version, .kernel = "", .virtualization = ""};
        return true;
    }
    snprintf(own->system, sizeof(own->system), "%s%sby %s", ret_host->system,
             ret_host->system[0] != '\0' ? ", " : "", server->version);
    ret_host->system = server->system;
    return true;
}

static const struct table_def *const *
tables(const void *state, size_t *ret_count)
{
    (void)state;
    *ret_count = prometheus_table_count;
    return prometheus_tables;
}

/* ---- recognition ---- */

static bool
body_has(const struct adapter_answer *answer, const char *text)
{
    return memmem(answer->body.p, answer->body.n, text, strlen(text)) != NULL;
}

static bool
prometheus_recognizes(const struct adapter_answer *answer)
{
    return answer->status == 200 && body_has(answer, "\"status\":\"success\"") &&
           body_has(answer, "\"data\":{");
}

/* It answers as Prometheus does, but has no revision. */
static bool
victoriametrics_recognizes(const struct adapter_answer *answer)
{
    return prometheus_recognizes(answer) && !body_has(answer, "\"revision\"") &&
           !body_has(answer, "\"application\"");
}

#define BUILD "/api/v1/status/buildinfo"
#define ONE "/api/v1/query?query=1"

#define PROMETHEUS(name_, text_, open_, recognizes_, ...)                                          \
    {                                                                                              \
        .name = name_, .text = text_, .probes = (const char *const[]){__VA_ARGS__, NULL},          \
        .recognizes = recognizes_, .requests = (const char *const[]){NULL}, .ask = prometheus_ask, \
        .interest = prometheus_interest, .wait = prometheus_wait, .accept = "application/json",    \
        .interval_min_ns = NS_PER_S, .body_max = (size_t)4 << 20, .metrics = metrics,              \
        .metric_count = ARRAY_SIZE(metrics), .open = open_, .read = prometheus_read,               \
        .close = prometheus_close, .host = prometheus_host, .tables = tables,                      \
    }

const struct adapter adapter_prometheus = PROMETHEUS(
    "prometheus", "Prometheus: what it scrapes, its alerts, and the machines with node_exporter.",
    prometheus_open, prometheus_recognizes, BUILD, "." BUILD, ONE, "." ONE);
const struct adapter adapter_victoriametrics =
    PROMETHEUS("victoriametrics", "VictoriaMetrics, in the same way.", victoriametrics_open,
               victoriametrics_recognizes, BUILD, "." BUILD);
