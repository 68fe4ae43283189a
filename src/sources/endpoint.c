/* The link to a foreign server: finding out what it is, asking it each interval, and giving what
 * came to a source that the collector polls.
 *
 * A reading is a round: all requests of the adapter at once. Its bodies are kept until the source
 * is polled, which reads them into the batch; a newer round takes the place of one not yet read.
 *
 * Invariant: the feed is shared by the link and its source, and goes with the later of the two.
 * While `adapter` is NULL probes are out, a timer runs, or the state is LINK_REFUSED. */
#include "flametop/sources/endpoint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "adapter.h"
#include "flametop/base/buf.h"
#include "flametop/base/clock.h"
#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "flametop/net/netrc.h"
#include "json_read.h"

enum {
    PROBES_MAX = 32,
    SNIFF_BYTES = 64 << 10,
    WHY_BYTES = 500,
    PATH_BYTES_MAX = 16 << 10,
};

#define PROBE_NS NS_PER_S
#define PROBE_LONGEST_NS (8 * NS_PER_S)
#define RETRY_FIRST_NS NS_PER_S
#define RETRY_LONGEST_NS (30 * NS_PER_S)
#define ANSWER_LONGEST_NS (10 * NS_PER_S)

struct endpoint;

/* The source's part. */
struct feed {
    struct source source; /* first: what open is given */
    unsigned refs;
    struct endpoint *endpoint; /* NULL once the link is closed */
    const struct adapter *adapter;
    void *state;
    struct buf bodies[ADAPTER_REQUESTS_MAX];
    bool answered[ADAPTER_REQUESTS_MAX];
    bool fresh;        /* a round is there that was not read yet */
    bool misread;      /* the last one was not what it should be */
    bool met;          /* the host was told */
    int cores;         /* as told then: servers that just started do not know all of them */
    int64_t came_ns;   /* when the round was whole */
    int64_t asked_ns;  /* about when the server read what it answered */
    int64_t newest_ns; /* of what was delivered; 0: nothing yet */
};

struct probe {
    struct endpoint *endpoint;
    char path[URL_PATH_BYTES + 64];
    struct http_call *call; /* NULL: done */
    int status;
    char type[96], realm[96], server[64], why[WHY_BYTES];
    struct buf body;
};

struct request {
    struct endpoint *endpoint;
    struct http_call *call; /* NULL: done */
    bool good;
    struct buf body;
};

struct endpoint {
    struct link_setup setup;
    const struct endpoint_options *options;
    struct url url;
    char base[URL_PATH_BYTES]; /* of the target's path, up to its last slash, without it */
    struct http_client *client;
    uv_timer_t *timer; /* of the next round or try */

    struct probe *probes;
    size_t probe_count;

    const struct adapter *adapter;
    char path[URL_PATH_BYTES + 64]; /* that it was recognised by */
    struct feed *feed;
    struct request requests[ADAPTER_REQUESTS_MAX];
    size_t request_count, pending;
    int64_t interval_ns, round_ns;
    bool hurried; /* the round was wanted at once: the screen waits for it */

    const struct link *inner; /* an agent's, from when it was recognised */
    void *inner_state;

    enum link_state state;
    char why[WHY_BYTES];
    char name[URL_PATH_BYTES + URL_HOST_BYTES + 32]; /* the target, as shown */
    int64_t heard_ns, retry_ns, back_off_ns, round_trip_ns;
    unsigned tries;
};

static void start_probing(struct endpoint *endpoint);
static void start_round(struct endpoint *endpoint);
static void start_timer(struct endpoint *endpoint, int64_t delay_ns);

/* ---- the source ---- */

static void
feed_release(struct feed *feed)
{
    if (feed == NULL || --feed->refs > 0) {
        return;
    }
    feed->adapter->close(feed->state);
    for (size_t i = 0; i < ADAPTER_REQUESTS_MAX; i++) {
        buf_done(&feed->bodies[i]);
    }
    free(feed);
}

static int
feed_open(const struct source_setup *setup, void **ret_state, char *why, size_t why_size)
{
    struct feed *feed = (struct feed *)setup->source; /* ours, and not const where it was made */
    (void)why;
    (void)why_size;
    feed->refs++;
    *ret_state = feed;
    return 0;
}

static void
feed_close(void *state)
{
    feed_release(state);
}

static void
meet_host(struct feed *feed)
{
    struct host host = {.name = "", .system = "", .kernel = "", .virtualization = ""};
    struct endpoint *endpoint = feed->endpoint;
    if (feed->adapter->host != NULL && feed->adapter->host(feed->state, &host) &&
        (!feed->met || host.cores != feed->cores)) {
        feed->met = true;
        feed->cores = host.cores;
        endpoint->setup.sink.host(endpoint->setup.sink.context, &host);
    }
}

/* For an adapter that says what it asks: the next round begins when this one has been read, so that
 * what it learned counts. Answers whether the batch is news. */
static bool
pace(struct feed *feed, const struct batch *batch)
{
    struct endpoint *endpoint = feed->endpoint;
    int64_t wait_ns = feed->misread ? endpoint->interval_ns : feed->adapter->wait(feed->state);
    bool news = !feed->misread && batch->at.mono_ns > feed->newest_ns;
    endpoint->hurried = wait_ns == 0;
    if (wait_ns > 0) {
        int64_t now_ns = clock_mono_ns();
        wait_ns = MAX(wait_ns - (now_ns - feed->came_ns),
                      endpoint->interval_ns - (now_ns - endpoint->round_ns));
    }
    start_timer(endpoint, wait_ns);
    feed->newest_ns = news ? batch->at.mono_ns : feed->newest_ns;
    return news;
}

static void
move_back(struct instant *at, int64_t by_ns)
{
    at->mono_ns -= by_ns;
    at->wall_ns -= by_ns;
    at->boot_ns -= by_ns;
}

static enum source_step
feed_poll(void *state, struct batch *batch)
{
    struct feed *feed = state;
    struct str bodies[ADAPTER_REQUESTS_MAX] = {{NULL, 0}};
    if (!feed->fresh || feed->endpoint == NULL) {
        return SOURCE_IDLE;
    }
    feed->fresh = false;
    for (size_t i = 0; i < ADAPTER_REQUESTS_MAX; i++) {
        if (feed->answered[i]) {
            bodies[i] = (struct str){feed->bodies[i].data, feed->bodies[i].n};
        }
    }
    struct endpoint *endpoint = feed->endpoint;
    /* Rates are over the time between two readings there, not between two polls here. */
    int64_t read_ns = feed->adapter->ask != NULL ? feed->came_ns : feed->asked_ns;
    move_back(&batch->at, clock_mono_ns() - read_ns);
    feed->misread = !feed->adapter->read(feed->state, bodies, batch);
    bool news = feed->adapter->ask == NULL || pace(feed, batch);
    if (feed->misread) {
        snprintf(endpoint->why, sizeof(endpoint->why), "%s answers, but not as %s does",
                 endpoint->name, feed->adapter->name);
        endpoint->state = endpoint->heard_ns != 0 ? LINK_LOST : LINK_CONNECTING;
        return SOURCE_IDLE;
    }
    endpoint->state = LINK_LIVE;
    endpoint->why[0] = '\0';
    if (feed->adapter->tables != NULL) {
        feed->source.tables = feed->adapter->tables(feed->state, &feed->source.table_count);
    }
    meet_host(feed);
    return news ? SOURCE_DONE : SOURCE_IDLE;
}

static const char *
query_of(const struct endpoint *endpoint)
{
    const char *mark = endpoint->url.scheme != URL_UNIX ? strchr(endpoint->url.path, '?') : NULL;
    return mark != NULL ? mark + 1 : "";
}

static struct feed *
feed_new(struct endpoint *endpoint, const struct adapter *adapter)
{
    struct feed *feed = calloc(1, sizeof(*feed));
    struct adapter_setup setup = {.catalog = endpoint->setup.catalog,
                                  .mappings = endpoint->options->mappings,
                                  .mapping_count = endpoint->options->mapping_count,
                                  .instance = endpoint->options->instance,
                                  .target = endpoint->name,
                                  .query = query_of(endpoint),
                                  .sink = &endpoint->setup.sink,
                                  .span_ns = endpoint->setup.span_ns};
    void *state = feed != NULL ? adapter->open(&setup) : NULL;
    if (state == NULL) {
        free(feed);
        return NULL;
    }
    *feed = (struct feed){.source = {.name = adapter->name,
                                     .text = adapter->text,
                                     .metrics = adapter->metrics,
                                     .metric_count = adapter->metric_count,
                                     .open = feed_open,
                                     .poll = feed_poll,
                                     .close = feed_close},
                          .refs = 1,
                          .endpoint = endpoint,
                          .adapter = adapter,
                          .state = state};
    for (size_t i = 0; i < ADAPTER_REQUESTS_MAX; i++) {
        buf_init(&feed->bodies[i], adapter->body_max + 1);
    }
    return feed;
}

/* ---- states ---- */

static void
on_timer(uv_timer_t *timer)
{
    struct endpoint *endpoint = timer->data;
    endpoint->retry_ns = 0;
    if (endpoint->pending > 0) {
        return; /* the round that is under way sets the timer when it ends */
    }
    if (endpoint->adapter != NULL) {
        start_round(endpoint);
    } else {
        start_probing(endpoint);
    }
}

static void
start_timer(struct endpoint *endpoint, int64_t delay_ns)
{
    uv_update_time(endpoint->setup.loop);
    uv_timer_start(endpoint->timer, on_timer, (uint64_t)(MAX(delay_ns, 0) / NS_PER_MS), 0);
}

/* Nothing came: again later, and later each time. */
static void
lose(struct endpoint *endpoint, const char *why)
{
    endpoint->state = endpoint->heard_ns != 0 ? LINK_LOST : LINK_CONNECTING;
    snprintf(endpoint->why, sizeof(endpoint->why), "%s", why);
    int64_t delay = endpoint->back_off_ns;
    endpoint->back_off_ns = MIN(delay * 2, RETRY_LONGEST_NS);
    endpoint->retry_ns = clock_mono_ns() + delay;
    start_timer(endpoint, delay);
}

/* Trying again would not help. */
static void
refuse(struct endpoint *endpoint, const char *why)
{
    endpoint->state = LINK_REFUSED;
    endpoint->retry_ns = 0;
    snprintf(endpoint->why, sizeof(endpoint->why), "%s", why);
    uv_timer_stop(endpoint->timer);
}

static void
refuse_password(struct endpoint *endpoint, int status, const char *realm)
{
    const struct http_credentials *given = &endpoint->options->credentials;
    bool had = given->token != NULL || (given->user != NULL && given->user[0] != '\0') ||
               endpoint->url.user[0] != '\0' || (given->netrc && netrc_has(endpoint->url.host));
    char why[WHY_BYTES];
    if (given->token != NULL && status == 401) {
        snprintf(why, sizeof(why),
                 "%s refused the token: give the right one with --token-file FILE", endpoint->name);
        refuse(endpoint, why);
        return;
    }
    const char *what = status == 403 ? "does not allow this" : "wants a password";
    snprintf(why, sizeof(why), "%s %s%s%s%s: %s into ~/.netrc, or give --token-file FILE",
             endpoint->name, had && status == 401 ? "refused the password" : what,
             realm[0] != '\0' ? " for \"" : "", realm, realm[0] != '\0' ? "\"" : "",
             had ? "put the right one" : "put it");
    refuse(endpoint, why);
}

/* ---- probing ---- */

static void
free_probes(struct endpoint *endpoint)
{
    for (size_t i = 0; i < endpoint->probe_count; i++) {
        http_cancel(endpoint->probes[i].call);
        endpoint->probes[i].call = NULL;
        buf_done(&endpoint->probes[i].body);
    }
    endpoint->probe_count = 0;
}

static bool
is_wanted(const struct endpoint *endpoint, const struct adapter *adapter)
{
    const char *kind = endpoint->url.kind;
    return kind[0] == '\0' || strcmp(kind, adapter->name) == 0;
}

/* Where a path of an adapter is at this target. */
static void
place(const struct endpoint *endpoint, const char *path, char *dst, size_t size)
{
    bool unix_socket = endpoint->url.scheme == URL_UNIX;
    const char *own = unix_socket ? "" : endpoint->url.path;
    if (path[0] == '.') {
        size_t n = strcspn(own, "?");
        n -= n > 0 && own[n - 1] == '/';
        snprintf(dst, size, "%.*s%s", (int)n, own, path + 1);
    } else if (path[0] != '\0') {
        snprintf(dst, size, "%s%s", endpoint->base, path);
    } else {
        snprintf(dst, size, "%s%s", own[0] == '/' ? "" : "/", own);
    }
}

static struct probe *
probe_of(const struct endpoint *endpoint, const char *path)
{
    char placed[URL_PATH_BYTES + 64];
    place(endpoint, path, placed, sizeof(placed));
    for (size_t i = 0; i < endpoint->probe_count; i++) {
        if (strcmp(endpoint->probes[i].path, placed) == 0) {
            return &endpoint->probes[i];
        }
    }
    return NULL;
}

static bool
recognizes(const struct adapter *adapter, const struct probe *probe)
{
    struct adapter_answer answer = {
        probe->status,
        probe->type,
        probe->realm,
        {probe->body.data != NULL ? probe->body.data : "", probe->body.n}};
    return probe->status != 0 && adapter->recognizes(&answer);
}

/* 1: one of the answers is this adapter's; 0: one may yet be; -1: none is. */
static int
judge_adapter(const struct endpoint *endpoint, const struct adapter *adapter,
              const struct probe **ret_probe)
{
    int verdict = -1;
    for (size_t i = 0; adapter->probes[i] != NULL; i++) {
        const struct probe *probe = probe_of(endpoint, adapter->probes[i]);
        if (probe == NULL) {
            continue;
        }
        if (probe->call != NULL) {
            verdict = 0;
        } else if (recognizes(adapter, probe)) {
            *ret_probe = probe;
            return 1;
        }
    }
    return verdict;
}

/* The probe of the path that the target names; NULL when it names the server alone. */
static const struct probe *
named_probe(const struct endpoint *endpoint)
{
    bool named = endpoint->url.scheme != URL_UNIX && strcspn(endpoint->url.path, "?") > 1;
    return named ? probe_of(endpoint, "") : NULL;
}

/* The first of the table that asked for this probe and knows its answer; NULL: none does. */
static const struct adapter *
adapter_of(const struct endpoint *endpoint, const struct probe *probe)
{
    for (size_t i = 0; i < adapter_table_count; i++) {
        const struct adapter *adapter = adapter_table[i];
        for (size_t p = 0; is_wanted(endpoint, adapter) && adapter->probes[p] != NULL; p++) {
            if (probe_of(endpoint, adapter->probes[p]) == probe && recognizes(adapter, probe)) {
                return adapter;
            }
        }
    }
    return NULL;
}

static void
adopt_link(struct endpoint *endpoint, const struct adapter *adapter)
{
    char why[WHY_BYTES] = "";
    if (adapter->attach(&endpoint->setup, &endpoint->url, endpoint->options, &endpoint->inner_state,
                        why, sizeof(why)) < 0) {
        refuse(endpoint, why);
        return;
    }
    endpoint->inner = adapter->link;
}

/* What the header says until the adapter knows better: "web-01:8080", "nginx 1.22.1". */
static void
introduce(struct endpoint *endpoint, const char *kind, const char *server)
{
    const struct url *url = &endpoint->url;
    char name[sizeof(endpoint->name)], system[96];
    size_t n = strlen(kind);
    bool six = strchr(url->host, ':') != NULL;
    bool told = strncasecmp(server, kind, n) == 0 && server[n] == '/';
    const char *version = told ? server + n + 1 : "";
    snprintf(system, sizeof(system), "%s%s%.*s", kind, told ? " " : "", (int)strcspn(version, " "),
             version);
    if (url->port != 0) {
        snprintf(name, sizeof(name), "%s%s%s:%u", six ? "[" : "", url->host, six ? "]" : "",
                 url->port);
    } else {
        str_copy(str_from(url->host[0] != '\0' ? url->host : endpoint->name), name, sizeof(name));
    }
    const struct host host = {.name = name, .system = system, .kernel = "", .virtualization = ""};
    endpoint->setup.sink.host(endpoint->setup.sink.context, &host);
}

/* Recognised below the target's own path: from now on that is where the server's paths are. */
static void
move_base(struct endpoint *endpoint, const struct adapter *adapter)
{
    char placed[sizeof(endpoint->path)];
    for (size_t i = 0; adapter->probes[i] != NULL; i++) {
        const char *probe = adapter->probes[i];
        place(endpoint, probe, placed, sizeof(placed));
        if (probe[0] == '.' && strcmp(placed, endpoint->path) == 0) {
            size_t n = strlen(placed) - strlen(probe + 1);
            str_copy((struct str){placed, n}, endpoint->base, sizeof(endpoint->base));
            return;
        }
    }
}

static void
adopt(struct endpoint *endpoint, const struct adapter *adapter, const struct probe *probe)
{
    char server[sizeof(probe->server)];
    str_copy(str_from(probe->server), server, sizeof(server));
    str_copy(str_from(probe->path), endpoint->path, sizeof(endpoint->path));
    move_base(endpoint, adapter);
    free_probes(endpoint);
    uv_timer_stop(endpoint->timer);
    if (adapter->link != NULL) {
        adopt_link(endpoint, adapter);
        return;
    }
    endpoint->feed = feed_new(endpoint, adapter);
    if (endpoint->feed == NULL) {
        lose(endpoint, "out of memory");
        return;
    }
    endpoint->adapter = adapter;
    introduce(endpoint, adapter->name, server);
    const struct link_sink *sink = &endpoint->setup.sink;
    sink->source(sink->context, &endpoint->feed->source);
    start_round(endpoint);
}

/* Nothing was recognised. */
static void
conclude(struct endpoint *endpoint)
{
    const struct probe *denied = NULL, *answered = NULL, *failed = NULL;
    bool upset = true; /* all that answered had troubles of their own */
    for (size_t i = 0; i < endpoint->probe_count; i++) {
        const struct probe *probe = &endpoint->probes[i];
        denied = probe->status == 401 || probe->status == 403 ? probe : denied;
        failed = probe->status == 0 && failed == NULL ? probe : failed;
        if (probe->status != 0) {
            answered = answered == NULL || probe->why[0] != '\0' ? probe : answered;
            upset &= probe->status >= 500;
        }
    }
    char why[WHY_BYTES];
    if (denied != NULL) {
        refuse_password(endpoint, denied->status, denied->realm);
    } else if (answered != NULL && answered->why[0] != '\0' && answered->status < 400) {
        refuse(endpoint, answered->why);
    } else if (answered != NULL && upset) {
        snprintf(why, sizeof(why), "%s answers with status %d", endpoint->name, answered->status);
        lose(endpoint, why);
    } else if (answered != NULL && failed == NULL) { /* else what is missing may come next time */
        snprintf(why, sizeof(why),
                 endpoint->url.kind[0] != '\0'
                     ? "%s answers, but not as %s does"
                     : "%s answers, but with nothing known: give the URL of a JSON or metrics "
                       "document%s",
                 endpoint->name, endpoint->url.kind);
        refuse(endpoint, why);
    } else {
        lose(endpoint, failed != NULL ? failed->why : "");
    }
}

static void
judge(struct endpoint *endpoint)
{
    const struct probe *probe = NULL, *named = named_probe(endpoint);
    bool waiting = named != NULL && named->call != NULL;
    /* A document that was asked for by its path is shown, whatever else the server has. */
    const struct adapter *own = named != NULL && !waiting ? adapter_of(endpoint, named) : NULL;
    if (own != NULL) {
        adopt(endpoint, own, named);
        return;
    }
    for (size_t i = 0; i < adapter_table_count && !waiting; i++) {
        if (is_wanted(endpoint, adapter_table[i])) {
            int verdict = judge_adapter(endpoint, adapter_table[i], &probe);
            if (verdict > 0) {
                adopt(endpoint, adapter_table[i], probe);
                return;
            }
            waiting = verdict == 0;
        }
    }
    if (!waiting) {
        conclude(endpoint);
        free_probes(endpoint);
    }
}

static bool
probe_bytes(void *context, const void *bytes, size_t n)
{
    struct probe *probe = context;
    size_t room = SNIFF_BYTES - probe->body.n;
    buf_add(&probe->body, bytes, MIN(n, room));
    return n < room;
}

static void
probe_done(void *context, const struct http_answer *answer)
{
    struct probe *probe = context;
    probe->call = NULL;
    probe->status = answer->status;
    snprintf(probe->why, sizeof(probe->why), "%s", answer->why);
    snprintf(probe->type, sizeof(probe->type), "%s", answer->type);
    snprintf(probe->realm, sizeof(probe->realm), "%s", answer->realm);
    snprintf(probe->server, sizeof(probe->server), "%s", answer->server);
    if (probe->body.n == 0 && answer->body.n > 0) {
        buf_add(&probe->body, answer->body.p, answer->body.n);
    }
    probe->endpoint->round_trip_ns = answer->first_byte_ns;
    judge(probe->endpoint);
}

/* The server may drip: however it answers, a probe is over in time. */
static void
on_probes_late(uv_timer_t *timer)
{
    struct endpoint *endpoint = timer->data;
    for (size_t i = 0; i < endpoint->probe_count; i++) {
        struct probe *probe = &endpoint->probes[i];
        if (probe->call != NULL) {
            http_cancel(probe->call);
            probe->call = NULL;
            probe->status = 0;
            snprintf(probe->why, sizeof(probe->why), "%s gave no answer in time", endpoint->name);
        }
    }
    judge(endpoint);
}

static void
add_probe(struct endpoint *endpoint, const char *path)
{
    if (endpoint->probe_count == PROBES_MAX || probe_of(endpoint, path) != NULL) {
        return;
    }
    struct probe *probe = &endpoint->probes[endpoint->probe_count++];
    *probe = (struct probe){.endpoint = endpoint};
    place(endpoint, path, probe->path, sizeof(probe->path));
    buf_init(&probe->body, SNIFF_BYTES + 1);
}

static void
start_probing(struct endpoint *endpoint)
{
    int64_t first = endpoint->options->patience_ns > 0 ? endpoint->options->patience_ns : PROBE_NS;
    int64_t patience = MIN(first << MIN(endpoint->tries, 3U), MAX(first, PROBE_LONGEST_NS));
    endpoint->tries++;
    free_probes(endpoint);
    for (size_t i = 0; i < adapter_table_count; i++) {
        const struct adapter *adapter = adapter_table[i];
        for (size_t p = 0; is_wanted(endpoint, adapter) && adapter->probes[p] != NULL; p++) {
            add_probe(endpoint, adapter->probes[p]);
        }
    }
    for (size_t i = 0; i < endpoint->probe_count; i++) {
        struct probe *probe = &endpoint->probes[i];
        probe->call = http_send(endpoint->client, &(struct http_request){.path = probe->path,
                                                                         .timeout_ns = patience,
                                                                         .context = probe,
                                                                         .bytes = probe_bytes,
                                                                         .done = probe_done});
    }
    uv_update_time(endpoint->setup.loop);
    uv_timer_start(endpoint->timer, on_probes_late,
                   (uint64_t)((patience + patience / 4) / NS_PER_MS), 0);
}

/* ---- rounds ---- */

static void
keep_round(struct endpoint *endpoint)
{
    struct feed *feed = endpoint->feed;
    bool first = endpoint->heard_ns == 0;
    for (size_t i = 0; i < endpoint->request_count; i++) {
        struct buf body = feed->bodies[i];
        feed->bodies[i] = endpoint->requests[i].body;
        endpoint->requests[i].body = body;
        feed->answered[i] = endpoint->requests[i].good;
    }
    feed->asked_ns = endpoint->round_ns + endpoint->round_trip_ns / 2;
    feed->fresh = true;
    endpoint->heard_ns = feed->came_ns = clock_mono_ns();
    endpoint->back_off_ns = RETRY_FIRST_NS;
    if (!feed->misread) {
        endpoint->state = LINK_LIVE;
        endpoint->why[0] = '\0';
    }
    int64_t used = endpoint->heard_ns - endpoint->round_ns;
    if (endpoint->adapter->ask == NULL) {
        start_timer(endpoint, endpoint->interval_ns - used);
    }
    if (first || endpoint->hurried) { /* the screen waits; later ones come with its own ticks */
        endpoint->setup.sink.tick(endpoint->setup.sink.context);
    }
}

/* With what the server itself says of it: many put that under "error". */
static void
say_status(const struct endpoint *endpoint, const struct http_answer *answer, char *why,
           size_t why_size)
{
    char error[200];
    cJSON *root = answer->body.n <= SNIFF_BYTES ? json_parse(answer->body) : NULL;
    json_text_at(root, "error", error, sizeof(error));
    cJSON_Delete(root);
    snprintf(why, why_size, "%s answers with status %d%s%s", endpoint->name, answer->status,
             error[0] != '\0' ? ": " : "", error);
}

static void
request_done(void *context, const struct http_answer *answer)
{
    struct request *request = context;
    struct endpoint *endpoint = request->endpoint;
    bool main = request == &endpoint->requests[0];
    char why[WHY_BYTES];
    request->call = NULL;
    endpoint->pending--;
    request->good = answer->status == 200 && answer->why[0] == '\0';
    if (request->good) {
        buf_clear(&request->body);
        buf_add(&request->body, answer->body.p, answer->body.n);
    }
    if (main && !request->good) {
        for (size_t i = 0; i < endpoint->request_count; i++) {
            http_cancel(endpoint->requests[i].call);
            endpoint->requests[i].call = NULL;
        }
        endpoint->pending = 0;
        say_status(endpoint, answer, why, sizeof(why));
        if (answer->status == 401 || answer->status == 403) {
            refuse_password(endpoint, answer->status, answer->realm);
        } else {
            lose(endpoint, answer->why[0] != '\0' ? answer->why : why);
        }
        return;
    }
    endpoint->round_trip_ns = main ? answer->first_byte_ns : endpoint->round_trip_ns;
    if (endpoint->pending == 0) {
        keep_round(endpoint);
    }
}

/* False: there are no more requests in this round. */
static bool
write_path(struct endpoint *endpoint, size_t index, struct buf *path)
{
    const struct adapter *adapter = endpoint->adapter;
    buf_clear(path);
    if (adapter->ask != NULL) {
        buf_puts(path, endpoint->base);
        return adapter->ask(endpoint->feed->state, index, path) && !path->full;
    }
    char placed[sizeof(endpoint->path)];
    if (adapter->requests[index] == NULL) {
        return false;
    }
    if (adapter->requests[index][0] != '\0') {
        place(endpoint, adapter->requests[index], placed, sizeof(placed));
    } else {
        str_copy(str_from(endpoint->path), placed, sizeof(placed));
    }
    buf_puts(path, placed);
    return true;
}

static void
send_request(struct endpoint *endpoint, struct request *request, const char *path)
{
    const struct adapter *adapter = endpoint->adapter;
    request->endpoint = endpoint;
    request->good = false;
    if (request->body.max == 0) {
        buf_init(&request->body, adapter->body_max + 1);
    }
    /* Queries may take long; documents come at once. */
    int64_t patience_ns = MIN(MAX(2 * endpoint->interval_ns, 2 * NS_PER_S), ANSWER_LONGEST_NS);
    request->call = http_send(
        endpoint->client,
        &(struct http_request){.path = path,
                               .accept = adapter->accept,
                               .timeout_ns = adapter->ask != NULL ? ANSWER_LONGEST_NS : patience_ns,
                               .body_max = adapter->body_max,
                               .context = request,
                               .done = request_done});
    endpoint->pending += request->call != NULL;
}

static void
start_round(struct endpoint *endpoint)
{
    const struct adapter *adapter = endpoint->adapter;
    endpoint->interval_ns = MAX(endpoint->setup.interval_ns, adapter->interval_min_ns);
    endpoint->round_ns = clock_mono_ns();
    endpoint->request_count = 0;
    struct buf path;
    buf_init(&path, PATH_BYTES_MAX);
    while (endpoint->request_count < ADAPTER_REQUESTS_MAX &&
           write_path(endpoint, endpoint->request_count, &path)) {
        send_request(endpoint, &endpoint->requests[endpoint->request_count++], path.data);
    }
    buf_done(&path);
    if (endpoint->requests[0].call == NULL) {
        lose(endpoint, "out of memory");
    }
}

/* ---- the link ---- */

static void
free_timer(uv_handle_t *timer)
{
    free(timer);
}

static void
endpoint_close(void *state)
{
    struct endpoint *endpoint = state;
    if (endpoint->inner != NULL) {
        endpoint->inner->close(endpoint->inner_state);
    }
    free_probes(endpoint);
    http_client_free(endpoint->client);
    if (endpoint->timer != NULL) {
        uv_close((uv_handle_t *)endpoint->timer, free_timer);
    }
    if (endpoint->feed != NULL) {
        endpoint->feed->endpoint = NULL;
        feed_release(endpoint->feed);
    }
    for (size_t i = 0; i < ADAPTER_REQUESTS_MAX; i++) {
        buf_done(&endpoint->requests[i].body);
    }
    free(endpoint->probes);
    free(endpoint);
}

static bool
judge_kind(const char *kind, char *why, size_t why_size)
{
    size_t n = 0;
    const char *last = "";
    for (size_t i = 0; i < adapter_table_count; i++) {
        if (kind[0] == '\0' || strcmp(kind, adapter_table[i]->name) == 0) {
            return true;
        }
    }
    n +=
        (size_t)snprintf(why, why_size, "there is no kind of server called %s: it is one of", kind);
    for (size_t i = 0; i < adapter_table_count && n < why_size; i++) {
        if (strcmp(adapter_table[i]->name, last) != 0) {
            last = adapter_table[i]->name;
            n += (size_t)snprintf(why + n, why_size - n, " %s", last);
        }
    }
    return false;
}

static void
name_target(struct endpoint *endpoint)
{
    const struct url *url = &endpoint->url;
    struct buf text;
    if (url->scheme == URL_UNIX) {
        snprintf(endpoint->name, sizeof(endpoint->name), "unix:%s", url->path);
        return;
    }
    buf_init(&text, sizeof(endpoint->name));
    struct str path = str_from(url->path);
    struct str shown;
    if (!str_until(&path, '?', &shown)) { /* a query may hold a secret */
        shown = STR("");
    }
    char plain[URL_PATH_BYTES];
    url_write(url, str_copy(shown, plain, sizeof(plain)), &text);
    utf8_clean((struct str){text.data, text.n}, endpoint->name, sizeof(endpoint->name));
    buf_done(&text);
    const char *slash = strrchr(plain, '/');
    str_copy((struct str){plain, slash != NULL ? (size_t)(slash - plain) : 0}, endpoint->base,
             sizeof(endpoint->base));
}

static int
endpoint_open(const struct link_setup *setup, void **ret_state, char *why, size_t why_size)
{
    struct endpoint *endpoint = calloc(1, sizeof(*endpoint));
    snprintf(why, why_size, "out of memory");
    if (endpoint == NULL) {
        return -ENOMEM;
    }
    endpoint->setup = *setup;
    endpoint->options = setup->options;
    endpoint->back_off_ns = RETRY_FIRST_NS;
    endpoint->probes = calloc(PROBES_MAX, sizeof(*endpoint->probes));
    endpoint->timer = calloc(1, sizeof(*endpoint->timer));
    if (endpoint->timer != NULL) {
        uv_timer_init(setup->loop, endpoint->timer);
        endpoint->timer->data = endpoint;
    }
    if (endpoint->probes == NULL || endpoint->timer == NULL ||
        !url_parse(str_from(endpoint->options->target), &endpoint->url, why, why_size) ||
        !judge_kind(endpoint->url.kind, why, why_size) ||
        (endpoint->client = http_client_new(setup->loop, &endpoint->url,
                                            &endpoint->options->credentials, why, why_size)) ==
            NULL) {
        endpoint_close(endpoint);
        return -EINVAL;
    }
    name_target(endpoint);
    start_probing(endpoint);
    *ret_state = endpoint;
    return 0;
}

static void
endpoint_status(const void *state, struct link_status *ret_status)
{
    const struct endpoint *endpoint = state;
    if (endpoint->inner != NULL) {
        endpoint->inner->status(endpoint->inner_state, ret_status);
        ret_status->here = endpoint->options->here;
        return;
    }
    *ret_status = (struct link_status){
        .state = endpoint->state,
        .target = endpoint->name,
        .kind = endpoint->adapter != NULL ? endpoint->adapter->name : "",
        .why = endpoint->why,
        .heard_mono_ns = endpoint->heard_ns,
        .retry_mono_ns = endpoint->retry_ns,
        .round_trip_ns = endpoint->round_trip_ns,
        .insecure = endpoint->options->credentials.insecure,
    };
}

static void
endpoint_interest(void *state, const struct interest *interest)
{
    struct endpoint *endpoint = state;
    if (endpoint->inner != NULL) {
        endpoint->inner->interest(endpoint->inner_state, interest);
    } else if (endpoint->adapter != NULL && endpoint->adapter->interest != NULL) {
        endpoint->adapter->interest(endpoint->feed->state, interest);
    }
}

static void
endpoint_interval(void *state, int64_t interval_ns)
{
    struct endpoint *endpoint = state;
    endpoint->setup.interval_ns = interval_ns;
    if (endpoint->inner != NULL) {
        endpoint->inner->interval(endpoint->inner_state, interval_ns);
    }
}

static void
endpoint_retry(void *state)
{
    struct endpoint *endpoint = state;
    if (endpoint->inner != NULL) {
        endpoint->inner->retry(endpoint->inner_state);
        return;
    }
    if (endpoint->pending > 0 || endpoint->probe_count > 0 || endpoint->state == LINK_LIVE) {
        return; /* it is being tried */
    }
    endpoint->back_off_ns = RETRY_FIRST_NS;
    endpoint->state = endpoint->heard_ns != 0 ? LINK_LOST : LINK_CONNECTING;
    start_timer(endpoint, 0);
}

static void
endpoint_command(void *state, const char *name, const char *arguments_json, void *context,
                 link_answer *answer)
{
    struct endpoint *endpoint = state;
    if (endpoint->inner != NULL) {
        endpoint->inner->command(endpoint->inner_state, name, arguments_json, context, answer);
    } else {
        answer(context, "this server takes no commands: they need a flametop agent");
    }
}

const struct link link_endpoint = {
    .name = "endpoint",
    .open = endpoint_open,
    .status = endpoint_status,
    .interest = endpoint_interest,
    .interval = endpoint_interval,
    .retry = endpoint_retry,
    .command = endpoint_command,
    .close = endpoint_close,
};

bool
endpoint_kind(size_t index, struct endpoint_kind *ret_kind)
{
    for (size_t i = 0; i < adapter_table_count; i++) {
        const struct adapter *adapter = adapter_table[i];
        bool version = i > 0 && strcmp(adapter->name, adapter_table[i - 1]->name) == 0;
        if (!version && index-- == 0) {
            *ret_kind = (struct endpoint_kind){adapter->name, adapter->text, adapter->metrics,
                                               adapter->metric_count};
            return true;
        }
    }
    return false;
}
