/* The agent: holds the newest picture and answers requests out of it. */
#include "flametop/agent/agent.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <uv.h>

#include "flametop/base/clock.h"
#include "flametop/base/log.h"
#include "flametop/base/macros.h"
#include "flametop/core/link.h"
#include "flametop/core/unit.h"
#include "flametop/net/loop.h"
#include "parts.h"

#define BODY_BYTES_MAX ((size_t)64 << 10)
#define CONNECTIONS_MAX 1024
#define HEARTBEAT_NS (30 * NS_PER_S)

struct picture *
agent_picture(struct agent *agent, const struct http_message *message)
{
    if (agent->picture == NULL) {
        http_reply_error(message, 503, "there is no picture yet: ask again in a moment");
    }
    return agent->picture;
}

bool
agent_has_processes(const struct agent *agent, const struct http_message *message)
{
    const struct link_status *link = agent->picture != NULL ? agent->picture->link : NULL;
    bool elsewhere = link_is_elsewhere(link);
    if (elsewhere) {
        http_reply_error(message, 409, "this agent watches %s: it touches no processes here",
                         link->target);
    }
    return !elsewhere;
}

void
agent_reply_json(const struct http_message *message, struct buf *out)
{
    buf_putc(out, '\n');
    if (out->full) {
        http_reply_error(message, 500, "the answer is too large: ask for less");
    } else {
        http_reply_buf(message, 200, "application/json", out, NULL);
    }
}

bool
agent_parse_duration(struct str text, int64_t *ret_ns)
{
    double seconds;
    char why[160];
    if (!unit_parse(text, "s", &seconds, why, sizeof(why)) || !(seconds >= 1e-9) || seconds > 1e7) {
        return false;
    }
    *ret_ns = (int64_t)(seconds * 1e9);
    return true;
}

bool
agent_duration(const struct http_message *message, const char *name, int64_t fallback_ns,
               int64_t *ret_ns)
{
    const char *text = http_argument(message, name);
    *ret_ns = fallback_ns;
    if (text == NULL || agent_parse_duration(str_from(text), ret_ns)) {
        return true;
    }
    http_reply_error(message, 400, "%s is a time with its unit, as 5s, 250ms or 10m", name);
    return false;
}

bool
agent_number(const struct http_message *message, const char *name, uint64_t fallback, uint64_t max,
             uint64_t *ret_value)
{
    const char *text = http_argument(message, name);
    struct str rest = str_from(text != NULL ? text : "");
    *ret_value = fallback;
    if (text == NULL || (str_u64(&rest, ret_value) && rest.n == 0 && *ret_value <= max)) {
        return true;
    }
    http_reply_error(message, 400, "%s is a whole number, at most %llu", name,
                     (unsigned long long)max);
    return false;
}

unsigned
agent_port(const void *state, size_t i)
{
    return http_server_port(((const struct agent *)state)->server, i);
}

static void
on_request(void *context, const struct http_message *message)
{
    routes_answer(context, message);
}

static void
on_heartbeat(uv_timer_t *timer)
{
    live_heartbeat(timer->data);
}

static bool
start_heartbeat(struct agent *agent)
{
    int64_t period_ns =
        agent->options->heartbeat_ns != 0 ? agent->options->heartbeat_ns : HEARTBEAT_NS;
    uint64_t period_ms = (uint64_t)MAX(period_ns / NS_PER_MS, 1);
    agent->heartbeat = calloc(1, sizeof(*agent->heartbeat));
    if (agent->heartbeat == NULL) {
        return false;
    }
    uv_timer_init(agent->setup.loop, agent->heartbeat);
    agent->heartbeat->data = agent;
    return uv_timer_start(agent->heartbeat, on_heartbeat, period_ms, period_ms) == 0;
}

static struct http_server *
start_server(struct agent *agent, char *why, size_t why_size)
{
    const struct agent_options *options = agent->options;
    struct http_server_options server = {
        .loop = agent->setup.loop,
        .listen = options->listen,
        .listen_count = options->listen_count,
        .unix_path = options->unix_path,
        .cert_file = options->cert_file,
        .key_file = options->key_file,
        .token = options->token,
        .change_token = options->change_token,
        .insecure_no_tls = options->insecure_no_tls,
        .hosts = options->hosts,
        .host_count = options->host_count,
        .connections_max =
            options->connections_max != 0 ? options->connections_max : CONNECTIONS_MAX,
        .body_max = BODY_BYTES_MAX,
        .timeout_ns = options->timeout_ns,
        .context = agent,
        .handle = on_request,
    };
    return http_server_new(&server, why, why_size);
}

static void
make_instance(char dst[33])
{
    unsigned char bytes[16] = {0};
    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes)) {
        int64_t now_ns = clock_now(&clock_system).wall_ns;
        memcpy(bytes, &now_ns, sizeof(now_ns));
    }
    for (size_t i = 0; i < sizeof(bytes); i++) {
        snprintf(dst + 2 * i, 3, "%02x", bytes[i]);
    }
}

static void
agent_close(void *state)
{
    struct agent *agent = state;
    live_end(agent);
    if (agent->hub != NULL) {
        hub_end(agent->hub);
    }
    http_server_free(agent->server); /* all subscribers leave */
    agent_flames_end(agent);
    sampled_done(agent);
    hub_free(agent->hub);
    if (agent->heartbeat != NULL) {
        loop_close(agent->heartbeat);
    }
    for (size_t i = 0; i < agent->total_count; i++) {
        query_free(agent->totals[i]);
    }
    free(agent->totals);
    http_bytes_release(agent->update[0]);
    http_bytes_release(agent->update[1]);
    if (agent->picture != NULL) {
        picture_release(agent->picture);
    }
    free(agent);
}

static int
agent_open(const struct exporter_setup *setup, void **ret_state, char *why, size_t why_size)
{
    struct agent *agent = calloc(1, sizeof(*agent));
    snprintf(why, why_size, "out of memory");
    if (agent == NULL) {
        return -ENOMEM;
    }
    agent->options = setup->options;
    agent->setup = *setup;
    agent->started_wall_ns = clock_now(&clock_system).wall_ns;
    agent->latency_s = NAN;
    LIST_INIT(&agent->subscribers);
    LIST_INIT(&agent->flames);
    make_instance(agent->instance);
    agent->hub = hub_new(&(struct hub_setup){
        .instance = agent->instance, .context = setup->context, .interest = setup->interest});
    if (agent->hub == NULL || !sampled_init(agent) || !start_heartbeat(agent) ||
        (agent->server = start_server(agent, why, why_size)) == NULL) {
        agent_close(agent);
        return -EIO;
    }
    *ret_state = agent;
    return 0;
}

/* Delivered with the next tick. */
static void
report(struct agent *agent)
{
    struct http_server_counts counts = http_server_counts(agent->server);
    struct hub_counts records = hub_counts(agent->hub);
    const struct {
        const char *metric, *labels;
        double value;
    } rows[] = {
        {"flametop.agent.connections", "", (double)counts.connections},
        {"flametop.agent.subscribers", "", (double)(agent->subscriber_count + records.readers)},
        {"flametop.agent.requests", "", (double)counts.requests},
        {"flametop.agent.requests.refused", "", (double)counts.refused},
        {"flametop.agent.io", "", (double)counts.bytes_sent},
        {"flametop.agent.updates.dropped", "",
         (double)(agent->updates_dropped + records.ticks_dropped)},
        {"flametop.agent.readers.dropped", "reason=slow", (double)records.dropped_slow},
        {"flametop.agent.readers.dropped", "reason=memory", (double)records.dropped_memory},
        {"flametop.agent.history.cut", "", (double)records.histories_cut},
        {"flametop.stream.latency", "", agent->latency_s},
    };
    for (size_t i = 0; agent->setup.report != NULL && i < ARRAY_SIZE(rows); i++) {
        if (!isnan(rows[i].value)) {
            agent->setup.report(agent->setup.context, rows[i].metric, rows[i].labels,
                                rows[i].value);
        }
    }
    agent->latency_s = NAN;
}

static void
forget_interest(struct agent *agent)
{
    if (agent->interested && clock_mono_ns() > agent->interest_until_ns) {
        agent->interested = false;
        hub_also_interest(agent->hub, NULL);
    }
}

static void
agent_sampled(void *state, const struct sampling_status *status, const struct profile *profile)
{
    sampled_far(state, status, profile);
}

static void
agent_batch(void *state, const char *source, const struct batch *batch)
{
    hub_batch(((struct agent *)state)->hub, source, batch);
}

static void
agent_publish(void *state, struct picture *picture)
{
    struct agent *agent = state;
    struct picture *before = agent->picture;
    agent->picture = picture_acquire(picture);
    for (size_t i = 0; i < ARRAY_SIZE(agent->update); i++) {
        http_bytes_release(agent->update[i]);
        agent->update[i] = NULL;
    }
    hub_picture(agent->hub, picture);
    live_picture(agent, before);
    if (before != NULL) {
        picture_release(before);
    }
    forget_interest(agent);
    report(agent);
    const struct agent_options *options = agent->options;
    http_server_set_access(agent->server, options->token, options->change_token, options->hosts,
                           options->host_count);
}

const struct exporter exporter_agent = {
    .name = "agent",
    .text = "Serves pictures over HTTP and WebSockets.",
    .open = agent_open,
    .batch = agent_batch,
    .picture = agent_publish,
    .sampled = agent_sampled,
    .close = agent_close,
};
