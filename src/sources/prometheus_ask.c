/* What is asked of a Prometheus server: each turn's plan, its queries, and when the next is due. */
#include <math.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/net/url.h"
#include "prometheus_server.h"

enum {
    SLOW_TURNS = 4,      /* so often what hardly changes is asked again */
    RHYTHM_SPAN_S = 300, /* of scrapes looked at to learn their rhythm */
    RATE_SCRAPES = 4,    /* rates of the instances go over so many */
    EXEMPLAR_SPAN_S = 300,
    LOOKED_TURNS = 20,
};

#define SCRAPE_USUAL_S 15.0
#define SLACK_S 0.3 /* after a scrape is due, until it can be read */

bool
prometheus_is_alone(const struct server *server)
{
    return server->wanted_instance[0] != '\0';
}

double
prometheus_slack_s(const struct server *server)
{
    return MIN(SLACK_S, server->scrape_s / 2);
}

static void
put_quoted(struct buf *query, const char *text)
{
    buf_putc(query, '"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            buf_putc(query, '\\');
        }
        buf_putc(query, *text);
    }
    buf_putc(query, '"');
}

static void
put_machine(const struct server *server, struct buf *query)
{
    buf_puts(query, "job=");
    put_quoted(query, server->job);
    buf_puts(query, ",instance=");
    put_quoted(query, server->instance);
}

/* node_exporter's series of the machine. `offset`: "", or what stands behind each selector. */
static void
put_machine_query(const struct server *server, const char *offset, struct buf *query)
{
    const char *name;
    buf_puts(query, "{__name__=~\"node_(");
    for (size_t i = 0; (name = node_metric(i)) != NULL; i++) {
        buf_printf(query, "%s%s", i > 0 ? "|" : "", name + strlen("node_"));
    }
    buf_puts(query, ")\",");
    put_machine(server, query);
    buf_printf(query, "}%s", offset);
}

/* Everything that is charted, in one expression. `or` leaves out what has the labels of something
 * before it: a label of ours sets the last part apart. */
static void
put_series_query(const struct server *server, const char *offset, struct buf *query)
{
    const char *name;
    if (server->machine) {
        put_machine_query(server, offset, query);
        if (prometheus_is_alone(server)) {
            return;
        }
        buf_puts(query, " or ");
    }
    buf_puts(query, "{__name__=~\"");
    for (size_t i = 0; (name = prometheus_own_metric(i)) != NULL; i++) {
        buf_printf(query, "%s%s", i > 0 ? "|" : "", name);
    }
    buf_printf(query,
               "\"}%s or vm_cache_entries{type=\"storage/hour_metric_ids\"}%s or label_replace("
               "{__name__=~\"process_cpu_seconds_total|process_resident_memory_bytes\"}%s and "
               "on(job,instance) (prometheus_build_info%s or vm_app_version%s),"
               "\"flametop\",\"server\",\"\",\"\")",
               offset, offset, offset, offset, offset);
}

/* nocache: VictoriaMetrics answers with the newest samples, not those of 30 s ago. */
static void
put_query(struct buf *path, const struct buf *query)
{
    buf_puts(path, "/api/v1/query?nocache=1&query=");
    url_escape((struct str){query->data, query->n}, path);
}

static void
ask_targets(struct server *server, struct buf *query, struct buf *path)
{
    double scrape_s = server->scrape_s > 0 ? server->scrape_s : SCRAPE_USUAL_S;
    scrapes_query(query, (unsigned)MAX(RATE_SCRAPES * scrape_s, 10));
    put_query(path, query);
}

/* The server's own numbers are of scrapes at other times. First come those of the machine alone, at
 * once; from the next scrape on all of them, in one rhythm, as they are in the history. */
static void
ask_series(struct server *server, struct buf *query, struct buf *path)
{
    if (server->turn == 1 && server->machine) {
        put_machine_query(server, "", query);
    } else {
        put_series_query(server, "", query);
    }
    put_query(path, query);
}

static void
ask_rhythm(struct server *server, struct buf *query, struct buf *path)
{
    buf_puts(query, "up{");
    put_machine(server, query);
    buf_printf(query, "}[%ds]", RHYTHM_SPAN_S);
    put_query(path, query);
}

static void
ask_alerts(struct server *server, struct buf *query, struct buf *path)
{
    (void)server;
    (void)query;
    buf_puts(path, "/api/v1/alerts");
}

static void
ask_errors(struct server *server, struct buf *query, struct buf *path)
{
    (void)server;
    (void)query;
    buf_puts(path, "/api/v1/targets?state=active");
}

static void
ask_exemplars(struct server *server, struct buf *query, struct buf *path)
{
    buf_puts(query, "{__name__=~\".+\"}");
    buf_puts(path, "/api/v1/query_exemplars?query=");
    url_escape((struct str){query->data, query->n}, path);
    buf_printf(path, "&start=%.3f&end=%.3f", server->now_s - EXEMPLAR_SPAN_S, server->now_s);
}

/* Each step holds the same number of scrapes, and lies a little behind one, as readings do. The
 * newest piece has all of them, the next one reaches as far as the screen does. */
static void
ask_history(struct server *server, struct buf *query, struct buf *path)
{
    double span_s = (double)server->setup.span_ns / 1e9;
    struct prometheus_steps *steps = &server->steps;
    steps->count = server->points;
    double wide = ceil(span_s / (double)server->points / server->scrape_s);
    steps->step_s = server->scrape_s * (server->pieces == 0 ? 1 : fmax(wide, 1));
    if (server->piece_end_s <= 0) {
        server->piece_end_s = server->at_s - steps->step_s + prometheus_slack_s(server);
    }
    steps->start_s = server->piece_end_s - steps->step_s * (double)(steps->count - 1);
    put_series_query(server, server->history_offset, query);
    buf_puts(path, "/api/v1/query_range?nocache=1&query=");
    url_escape((struct str){query->data, query->n}, path);
    buf_printf(path, "&start=%.3f&end=%.3f&step=%.3f", steps->start_s - server->history_late_s,
               server->piece_end_s - server->history_late_s, steps->step_s);
}

static void
ask_version(struct server *server, struct buf *query, struct buf *path)
{
    (void)server;
    (void)query;
    buf_puts(path, "/api/v1/status/buildinfo");
}

/* What there is a list of: all of it, or what one machine has. */
static void
put_list(const struct server *server, const char *list, struct buf *query, struct buf *path)
{
    buf_puts(path, list);
    if (prometheus_is_alone(server)) {
        buf_puts(query, "{instance=");
        put_quoted(query, server->wanted_instance);
        buf_putc(query, '}');
        buf_puts(path, "?match%5B%5D=");
        url_escape((struct str){query->data, query->n}, path);
    }
}

static void
ask_labels(struct server *server, struct buf *query, struct buf *path)
{
    put_list(server, "/api/v1/labels", query, path);
}

static void
ask_names(struct server *server, struct buf *query, struct buf *path)
{
    put_list(server, "/api/v1/label/__name__/values", query, path);
}

/* What somebody looked at lately, of the machine alone if that is all that is wanted. */
static void
ask_looked(struct server *server, struct buf *query, struct buf *path)
{
    buf_puts(query, "{__name__=~\"");
    for (size_t i = 0; i < server->looked_count; i++) {
        buf_printf(query, "%s%s", i > 0 ? "|" : "", server->looked[i].metric->name);
    }
    buf_putc(query, '"');
    if (prometheus_is_alone(server)) {
        buf_puts(query, ",instance=");
        put_quoted(query, server->wanted_instance);
    }
    buf_putc(query, '}');
    put_query(path, query);
}

static void
look_at(struct server *server, const struct metric *metric)
{
    struct looked *oldest = &server->looked[0];
    for (size_t i = 0; i < server->looked_count; i++) {
        struct looked *looked = &server->looked[i];
        if (looked->metric == metric) {
            looked->turn = server->turn;
            return;
        }
        oldest = looked->turn < oldest->turn ? looked : oldest;
    }
    bool room = server->looked_count < ARRAY_SIZE(server->looked);
    *(room ? &server->looked[server->looked_count++] : oldest) =
        (struct looked){metric, server->turn};
}

/* What is no longer looked at is read for a while, so that coming back finds no gap. */
static void
forget_looked(struct server *server)
{
    size_t kept = 0;
    for (unsigned i = 0; i < server->interest.metric_count; i++) {
        look_at(server, server->interest.metrics[i]);
    }
    for (size_t i = 0; i < server->looked_count; i++) {
        if (server->turn - server->looked[i].turn < LOOKED_TURNS) {
            server->looked[kept++] = server->looked[i];
        }
    }
    server->looked_count = kept;
}

void
prometheus_interest(void *state, const struct interest *interest)
{
    struct server *server = state;
    server->interest = *interest;
}

static void
make_plan(struct server *server)
{
    forget_looked(server);
    bool first = server->turn == 0, slow = server->turn % SLOW_TURNS == 0;
    bool history = server->turn >= 2 && !server->complete && server->setup.sink != NULL &&
                   server->scrape_s > 0 && !isnan(server->at_s);
    const struct {
        enum question question;
        bool asked;
    } rows[] = {
        {ASK_TARGETS, true},
        {ASK_ALERTS, true},
        {ASK_SERIES, !first},
        {ASK_RHYTHM, !first && server->scrape_s <= 0 && server->instance[0] != '\0'},
        {ASK_ERRORS, slow},
        {ASK_EXEMPLARS, !first && (slow || server->exemplars)},
        {ASK_HISTORY, history},
        {ASK_VERSION, first},
        {ASK_LABELS, server->turn == 3},
        {ASK_NAMES, server->turn == 3},
        {ASK_LOOKED, server->looked_count > 0},
    };
    server->plan_count = 0;
    for (size_t i = 0; i < ARRAY_SIZE(rows) && server->plan_count < ADAPTER_REQUESTS_MAX; i++) {
        if (rows[i].asked) {
            server->plan[server->plan_count++] = rows[i].question;
        }
    }
}

bool
prometheus_ask(void *state, size_t index, struct buf *path)
{
    static void (*const asks[])(struct server *, struct buf *, struct buf *) = {
        [ASK_TARGETS] = ask_targets, [ASK_SERIES] = ask_series,   [ASK_ALERTS] = ask_alerts,
        [ASK_RHYTHM] = ask_rhythm,   [ASK_ERRORS] = ask_errors,   [ASK_EXEMPLARS] = ask_exemplars,
        [ASK_HISTORY] = ask_history, [ASK_VERSION] = ask_version, [ASK_LABELS] = ask_labels,
        [ASK_NAMES] = ask_names,     [ASK_LOOKED] = ask_looked,
    };
    struct server *server = state;
    struct buf query;
    if (index == 0) {
        make_plan(server);
    }
    if (index >= server->plan_count) {
        return false;
    }
    buf_init(&query, (size_t)16 << 10);
    asks[server->plan[index]](server, &query, path);
    buf_done(&query);
    return true;
}

/* Just after the next scrape. What is late is looked for more often, and so is the rhythm while it
 * is not known: less and less. */
int64_t
prometheus_wait(const void *state)
{
    const struct server *server = state;
    bool history = server->pieces == 1 && !server->complete && !server->reaches;
    if (server->turn < 3 || history) {
        return 0;
    }
    double longest_s = server->scrape_s + SCRAPE_SHORTEST_S;
    double due_s = server->at_s + server->scrape_s + SLACK_S - server->now_s;
    if (server->scrape_s <= 0) {
        due_s = longest_s = MIN((double)server->turn - 2, SCRAPE_USUAL_S);
    } else if (isnan(due_s) || due_s <= 0) {
        due_s = server->scrape_s / 4;
    }
    return (int64_t)(CLAMP(due_s, SCRAPE_SHORTEST_S, longest_s) * 1e9);
}
