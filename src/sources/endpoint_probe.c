/* Finding out what a server is: all paths that some adapter knows are asked at once, and the first
 * adapter of the table that knows an answer is the one. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "endpoint_parts.h"
#include "flametop/base/macros.h"

#define PROBE_NS NS_PER_S
#define PROBE_LONGEST_NS (8 * NS_PER_S)

void
endpoint_probes_free(struct endpoint *endpoint)
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

static struct probe *
probe_of(const struct endpoint *endpoint, const char *path)
{
    char placed[URL_PATH_BYTES + 64];
    endpoint_place(endpoint, path, placed, sizeof(placed));
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
    char why[ENDPOINT_WHY_BYTES] = "";
    if (adapter->attach(&endpoint->setup, &endpoint->url, endpoint->options, &endpoint->inner_state,
                        why, sizeof(why)) < 0) {
        endpoint_refuse(endpoint, why);
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
        endpoint_place(endpoint, probe, placed, sizeof(placed));
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
    endpoint_probes_free(endpoint);
    uv_timer_stop(endpoint->timer);
    if (adapter->link != NULL) {
        adopt_link(endpoint, adapter);
        return;
    }
    endpoint->feed = feed_new(endpoint, adapter);
    if (endpoint->feed == NULL) {
        endpoint_lose(endpoint, "out of memory");
        return;
    }
    endpoint->adapter = adapter;
    introduce(endpoint, adapter->name, server);
    const struct link_sink *sink = &endpoint->setup.sink;
    sink->source(sink->context, &endpoint->feed->source);
    endpoint_round_start(endpoint);
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
    char why[ENDPOINT_WHY_BYTES];
    if (denied != NULL) {
        endpoint_refuse_password(endpoint, denied->status, denied->realm);
    } else if (answered != NULL && answered->why[0] != '\0' && answered->status < 400) {
        endpoint_refuse(endpoint, answered->why);
    } else if (answered != NULL && upset) {
        snprintf(why, sizeof(why), "%s answers with status %d", endpoint->name, answered->status);
        endpoint_lose(endpoint, why);
    } else if (answered != NULL && failed == NULL) { /* else what is missing may come next time */
        snprintf(why, sizeof(why),
                 endpoint->url.kind[0] != '\0'
                     ? "%s answers, but not as %s does"
                     : "%s answers, but with nothing known: give the URL of a JSON or metrics "
                       "document%s",
                 endpoint->name, endpoint->url.kind);
        endpoint_refuse(endpoint, why);
    } else {
        endpoint_lose(endpoint, failed != NULL ? failed->why : "");
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
        endpoint_probes_free(endpoint);
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
    endpoint_place(endpoint, path, probe->path, sizeof(probe->path));
    buf_init(&probe->body, SNIFF_BYTES + 1);
}

void
endpoint_probes_start(struct endpoint *endpoint)
{
    int64_t first = endpoint->options->patience_ns > 0 ? endpoint->options->patience_ns : PROBE_NS;
    int64_t patience = MIN(first << MIN(endpoint->tries, 3U), MAX(first, PROBE_LONGEST_NS));
    endpoint->tries++;
    endpoint_probes_free(endpoint);
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
