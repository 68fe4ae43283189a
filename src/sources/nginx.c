/* Adapter for nginx' stub_status (ngx_http_stub_status_module). */
#include <stdlib.h>

#include "adapter.h"
#include "adapters.h"
#include "flametop/base/macros.h"

enum {
    NGINX_CONNECTIONS,
    NGINX_ACCEPTED,
    NGINX_HANDLED,
    NGINX_REQUESTS,
    NGINX_DROPPED,
    NGINX_METRICS,
};

static const struct metric metrics[NGINX_METRICS] = {
    [NGINX_CONNECTIONS] =
        {.name = "nginx.connections",
         .unit = "{connection}",
         .labels = "state",
         .text = "Connections of clients by state: reading a request's head, writing an "
                 "answer (or waiting for a backend), waiting for the next request."},
    [NGINX_ACCEPTED] = {.name = "nginx.connections.accepted",
                        .unit = "{connection}",
                        .labels = "",
                        .kind = METRIC_COUNTER,
                        .text = "Connections that were accepted."},
    [NGINX_HANDLED] = {.name = "nginx.connections.handled",
                       .unit = "{connection}",
                       .labels = "",
                       .kind = METRIC_COUNTER,
                       .text = "Connections that were handled; fewer than accepted when "
                               "worker_connections is reached."},
    [NGINX_REQUESTS] = {.name = "nginx.requests",
                        .unit = "{request}",
                        .labels = "",
                        .kind = METRIC_COUNTER,
                        .text = "Requests of clients."},
    [NGINX_DROPPED] = {.name = "nginx.connections.dropped",
                       .unit = "{connection}/s",
                       .labels = "",
                       .formula = "nginx.connections.accepted - nginx.connections.handled",
                       .better = BETTER_LOWER,
                       .fold = FOLD_FORMULA,
                       .warning = 0.1,
                       .critical = 1,
                       .text = "Connections a second that were accepted and dropped."},
};

struct status {
    uint64_t active, accepted, handled, requests, reading, writing, waiting;
};

/* The number after a word; both are consumed. */
static bool
take(struct str *rest, const char *word, uint64_t *ret_value)
{
    struct str at = str_trim(*rest);
    if (!str_starts(at, word)) {
        return false;
    }
    size_t n = str_from(word).n;
    at = (struct str){at.p + n, at.n - n};
    if (!str_u64(&at, ret_value)) {
        return false;
    }
    *rest = at;
    return true;
}

static bool
parse(struct str text, struct status *ret_status)
{
    struct status status;
    uint64_t timed;
    if (!take(&text, "Active connections:", &status.active)) {
        return false;
    }
    /* "server accepts handled requests request_time" is Tengine's, with a fourth number. */
    struct str line;
    text = str_trim(text);
    if (!str_line(&text, &line) || !str_starts(line, "server accepts handled requests") ||
        !str_u64(&text, &status.accepted) || !str_u64(&text, &status.handled) ||
        !str_u64(&text, &status.requests)) {
        return false;
    }
    str_u64(&text, &timed);
    if (!take(&text, "Reading:", &status.reading) || !take(&text, "Writing:", &status.writing) ||
        !take(&text, "Waiting:", &status.waiting)) {
        return false;
    }
    *ret_status = status;
    return true;
}

static bool
nginx_read(void *state, const struct str *bodies, struct batch *batch)
{
    struct status status;
    (void)state;
    if (!parse(bodies[0], &status)) {
        return false;
    }
    const struct {
        int metric;
        const char *labels;
        uint64_t value;
    } values[] = {
        {NGINX_CONNECTIONS, "state=reading", status.reading},
        {NGINX_CONNECTIONS, "state=writing", status.writing},
        {NGINX_CONNECTIONS, "state=waiting", status.waiting},
        {NGINX_ACCEPTED, "", status.accepted},
        {NGINX_HANDLED, "", status.handled},
        {NGINX_REQUESTS, "", status.requests},
    };
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        batch_put(batch, &metrics[values[i].metric], values[i].labels, (double)values[i].value);
    }
    return true;
}

static void *
nginx_open(const struct adapter_setup *setup)
{
    (void)setup;
    return calloc(1, sizeof(struct status)); /* nothing is kept between readings */
}

static void
nginx_close(void *state)
{
    free(state);
}

static bool
nginx_recognizes(const struct adapter_answer *answer)
{
    struct status status;
    return answer->status == 200 && parse(answer->body, &status);
}

const struct adapter adapter_nginx = {
    .name = "nginx",
    .text = "nginx by its stub_status page: connections and requests.",
    .probes = (const char *const[]){"", "/stub_status", "/nginx_status", "/basic_status", NULL},
    .recognizes = nginx_recognizes,
    .requests = (const char *const[]){"", NULL},
    .body_max = 4096,
    .metrics = metrics,
    .metric_count = NGINX_METRICS,
    .open = nginx_open,
    .read = nginx_read,
    .close = nginx_close,
};
