/* The link to an agent: connecting, and what it is asked for beside its stream.
 *
 * The collector runs on the agent's clock (agent_clock.h), and is handed what the stream says
 * (agent_stream.h) turn by turn (agent_turns.h). */
#include "flametop/sources/agent.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <uv.h>

#include "flametop/base/macros.h"
#include "flametop/core/record.h"
#include "flametop/net/loop.h"
#include "agent_ask.h"
#include "agent_hello.h"
#include "agent_interest.h"
#include "agent_orders.h"
#include "agent_refusal.h"
#include "agent_sampling.h"
#include "agent_stream.h"

#define BACKOFF_FIRST_NS (500 * NS_PER_MS)
#define BACKOFF_LAST_NS (15 * NS_PER_S)
#define SILENCE_EXTRA_NS (2 * NS_PER_S)
#define CONNECT_NS (10 * NS_PER_S)
#define HELLO_EVERY_NS (30 * NS_PER_S)
#define ANSWER_BYTES_MAX ((size_t)64 << 10)

struct agent_link {
    struct link_setup setup;
    struct agent_link_options options;
    struct http_client *client;
    struct http_call *streaming, *retrying;
    uv_timer_t *timer;
    char target[400], id[17];

    enum link_state state;
    char why[240];
    int64_t heard_ns, retry_ns, backoff_ns;

    struct agent_stream stream;
    struct agent_hello hello;
    struct agent_interest interest;
    struct agent_orders orders;
    struct agent_sampling sampling;
    struct agent_ask asking;
};

static void connect_agent(struct agent_link *agent);
static void on_timer(uv_timer_t *timer);

/* ---- connecting ---- */

static void
arm(struct agent_link *agent, int64_t at_ns)
{
    int64_t wait_ns = MAX(at_ns - clock_mono_ns(), INT64_C(0));
    uv_update_time(agent->setup.loop);
    uv_timer_start(agent->timer, on_timer, (uint64_t)(wait_ns / NS_PER_MS + 1), 0);
}

/* Why is a sentence; refused: it is no use to try again. */
static void
lose(struct agent_link *agent, const char *why, bool refused)
{
    http_cancel(agent->streaming);
    http_cancel(agent->retrying);
    agent->streaming = agent->retrying = NULL;
    agent_hello_lose(&agent->hello);
    agent_interest_lose(&agent->interest);
    agent_sampling_lose(&agent->sampling);
    agent_stream_lose(&agent->stream);
    snprintf(agent->why, sizeof(agent->why), "%s", why);
    bool was_live = agent->state == LINK_LIVE || agent->state == LINK_LOST;
    agent->state = refused ? LINK_REFUSED : was_live ? LINK_LOST : LINK_CONNECTING;
    agent->retry_ns = 0;
    uv_timer_stop(agent->timer);
    if (!refused) {
        int64_t now = clock_mono_ns();
        agent->retry_ns = now + agent->backoff_ns + agent->backoff_ns / 8 * (now / 1000 % 3);
        agent->backoff_ns = MIN(agent->backoff_ns * 2, BACKOFF_LAST_NS);
        arm(agent, agent->retry_ns);
    }
    agent->setup.sink.tick(agent->setup.sink.context); /* so that it is seen */
}

static int64_t
silence_ns(const struct agent_link *agent)
{
    return agent->state == LINK_LIVE
               ? 3 * MAX(agent->stream.interval_ns, agent->setup.interval_ns) + SILENCE_EXTRA_NS
               : CONNECT_NS;
}

static void
on_timer(uv_timer_t *timer)
{
    struct agent_link *agent = timer->data;
    int64_t now = clock_mono_ns();
    if (agent->streaming == NULL) {
        connect_agent(agent);
        return;
    }
    int64_t due_ns = MAX(agent->stream.asked_ns, agent->heard_ns) + silence_ns(agent);
    if (now >= due_ns) {
        char why[120];
        snprintf(why, sizeof(why), "it was silent for %" PRId64 " s", silence_ns(agent) / NS_PER_S);
        lose(agent, why, false);
        return;
    }
    if (agent->state == LINK_LIVE) {
        agent_hello_ask(&agent->hello);
    }
    arm(agent, MIN(due_ns, now + HELLO_EVERY_NS));
}

static bool
on_bytes(void *context, const void *bytes, size_t n)
{
    struct agent_link *agent = context;
    bool first = agent->heard_ns < agent->stream.asked_ns;
    agent->heard_ns = clock_mono_ns();
    if (first) {
        agent_hello_ask(&agent->hello);
    }
    return record_reader_feed(agent->stream.reader, bytes, n) == 0;
}

static void
say_status(const struct agent_link *agent, const struct http_answer *answer, char *why, size_t size)
{
    switch (answer->status) {
    case 0:
        snprintf(why, size, "%s", answer->why);
        break;
    case 401:
        snprintf(why, size,
                 agent->options.credentials.token != NULL
                     ? "it refused the token: give the right one with --token-file"
                     : "it wants a token: give --token-file");
        break;
    case 404:
        snprintf(why, size, "there is no flametop agent at %s", agent->target);
        break;
    default:
        if (answer->why[0] != '\0') {
            snprintf(why, size, "%s", answer->why);
        } else if (!agent_refusal(answer, why, size)) {
            snprintf(why, size, "it answered with status %d", answer->status);
        }
    }
}

static void
on_stream_done(void *context, const struct http_answer *answer)
{
    struct agent_link *agent = context;
    char why[240];
    const char *damage = record_reader_why(agent->stream.reader);
    int error = record_reader_feed(agent->stream.reader, "", 0);
    agent->streaming = NULL;
    if (damage[0] != '\0') {
        snprintf(why, sizeof(why), "%s", damage);
        lose(agent, why, error == -EPROTONOSUPPORT);
    } else if (answer->status / 100 == 2) {
        lose(agent, answer->why[0] != '\0' ? answer->why : "it ended the stream", false);
    } else {
        say_status(agent, answer, why, sizeof(why));
        lose(agent, why, answer->status / 100 == 4 && answer->status != 429);
    }
}

static void
connect_agent(struct agent_link *agent)
{
    char path[256];
    struct http_request request = {.path = path,
                                   .accept = "application/x-flametop",
                                   .timeout_ns = 600 * NS_PER_S, /* silence is judged here */
                                   .context = agent,
                                   .bytes = on_bytes,
                                   .done = on_stream_done};
    snprintf(path, sizeof(path),
             "/api/v1/stream?version=" FLAMETOP_VERSION "&client=%s&span=%" PRId64
             "s&instance=%s&since=%" PRId64,
             agent->id, agent->setup.span_ns / NS_PER_S, agent->stream.clock.instance,
             agent->stream.clock.newest_ns);
    agent->retry_ns = 0;
    if (agent_stream_begin(&agent->stream)) {
        agent->streaming = http_send(agent->client, &request);
    }
    if (agent->streaming == NULL) {
        lose(agent, "out of memory", false);
        return;
    }
    arm(agent, agent->stream.asked_ns + CONNECT_NS);
}

static void
on_ticked(void *context)
{
    struct agent_link *agent = context;
    agent->state = LINK_LIVE;
    agent->why[0] = '\0';
    agent->backoff_ns = BACKOFF_FIRST_NS;
    agent->retry_ns = 0;
    agent_large_go_on(&agent->stream.large);
    agent_turns_end(&agent->stream.turns);
    agent_interest_tell(&agent->interest);
}

/* ---- as a link ---- */

static void
agent_look(void *state, const struct interest *interest)
{
    struct agent_link *agent = state;
    agent_interest_set(&agent->interest, interest);
    if (agent->state == LINK_LIVE) {
        agent_interest_tell(&agent->interest);
    }
}

static void
agent_command(void *state, const char *name, const char *arguments_json, void *context,
              link_answer *answer)
{
    struct agent_link *agent = state;
    if (agent->options.change_token == NULL) {
        answer(context, "this needs the token for changes: give --change-token-file");
    } else if (agent->state != LINK_LIVE) {
        answer(context, "there is no connection");
    } else {
        agent_orders_send(&agent->orders, name, arguments_json, context, answer);
    }
}

static void
agent_status(const void *state, struct link_status *ret_status)
{
    const struct agent_link *agent = state;
    *ret_status = (struct link_status){.state = agent->state,
                                       .target = agent->target,
                                       .kind = "agent",
                                       .why = agent->why,
                                       .heard_mono_ns = agent->heard_ns,
                                       .retry_mono_ns = agent->retry_ns,
                                       .clock_error_ns = agent->stream.clock.error_ns,
                                       .round_trip_ns = agent->hello.round_trip_ns,
                                       .may_change = agent->options.change_token != NULL,
                                       .samples = 1U << SAMPLING_MACHINE | 1U << SAMPLING_PROCESS,
                                       .insecure = agent->options.credentials.insecure,
                                       .coming = agent->stream.coming,
                                       .here = true,
                                       .agent = true};
    if (agent->state == LINK_LIVE) {
        agent_far_tell(&agent->stream.far, ret_status);
    }
}

static void
agent_sample(void *state, const struct sampling_wish *wish)
{
    struct agent_link *agent = state;
    agent_sampling_wish(&agent->sampling, wish);
}

static void
agent_ask(void *state, const char *path, void *context, link_document *answer)
{
    struct agent_link *agent = state;
    agent_ask_for(&agent->asking, path, context, answer);
}

static void
agent_interval(void *state, int64_t interval_ns)
{
    struct agent_link *agent = state;
    agent->setup.interval_ns = interval_ns;
}

static void
on_retried(void *context, const struct http_answer *answer)
{
    struct agent_link *agent = context;
    (void)answer; /* the stream says what comes of it */
    agent->retrying = NULL;
}

/* The agent's own link. */
static void
retry_far(struct agent_link *agent)
{
    struct http_request request = {.path = "/api/v1/retry",
                                   .post = "",
                                   .timeout_ns = CONNECT_NS,
                                   .body_max = ANSWER_BYTES_MAX,
                                   .context = agent,
                                   .done = on_retried};
    if (agent->retrying == NULL) {
        agent->retrying = http_send(agent->client, &request);
    }
}

static void
agent_retry(void *state)
{
    struct agent_link *agent = state;
    const struct agent_far *far = &agent->stream.far;
    if (agent->state == LINK_LIVE && far->there && far->status.state != LINK_LIVE) {
        retry_far(agent);
    } else if (agent->streaming == NULL) {
        agent->backoff_ns = BACKOFF_FIRST_NS;
        agent->state = agent->state == LINK_REFUSED ? LINK_CONNECTING : agent->state;
        uv_timer_stop(agent->timer);
        connect_agent(agent);
    }
}

static void
agent_close(void *state)
{
    struct agent_link *agent = state;
    agent_sampling_done(&agent->sampling);
    http_client_free(agent->client);
    loop_close(agent->timer);
    agent_stream_done(&agent->stream);
    free(agent);
}

static uv_timer_t *
new_timer(struct agent_link *agent)
{
    uv_timer_t *timer = calloc(1, sizeof(*timer));
    if (timer != NULL) {
        uv_timer_init(agent->setup.loop, timer);
        timer->data = agent;
    }
    return timer;
}

static void
make_id(char dst[17])
{
    uint64_t bits = 0;
    if (getrandom(&bits, sizeof(bits), 0) != (ssize_t)sizeof(bits)) {
        bits = (uint64_t)clock_mono_ns();
    }
    snprintf(dst, 17, "%016" PRIx64, bits);
}

static void
name_target(struct agent_link *agent)
{
    const struct url *url = &agent->options.url;
    struct buf out;
    buf_init(&out, sizeof(agent->target));
    if (url->scheme == URL_UNIX) {
        buf_printf(&out, "unix:%s", url->path);
    } else {
        url_write(url, "", &out);
    }
    str_copy((struct str){out.data != NULL ? out.data : "", out.n}, agent->target,
             sizeof(agent->target));
    buf_done(&out);
}

static int
agent_open(const struct link_setup *setup, void **ret_state, char *why, size_t why_size)
{
    struct agent_link *agent = calloc(1, sizeof(*agent));
    if (agent == NULL) {
        snprintf(why, why_size, "out of memory");
        return -ENOMEM;
    }
    agent->setup = *setup;
    agent->options = *(const struct agent_link_options *)setup->options;
    agent->backoff_ns = BACKOFF_FIRST_NS;
    make_id(agent->id);
    name_target(agent);
    agent->client = http_client_new(setup->loop, &agent->options.url, &agent->options.credentials,
                                    why, why_size);
    agent->timer = agent->client != NULL ? new_timer(agent) : NULL;
    if (agent->timer == NULL ||
        !agent_stream_init(&agent->stream, &agent->setup, agent->client, agent, on_ticked)) {
        if (agent->client != NULL) {
            snprintf(why, why_size, "out of memory");
        }
        agent_close(agent);
        return -EIO;
    }
    agent->hello = (struct agent_hello){.client = agent->client, .clock = &agent->stream.clock};
    agent->interest =
        (struct agent_interest){.client = agent->client, .id = agent->id, .stream = &agent->stream};
    agent->orders =
        (struct agent_orders){.client = agent->client, .token = agent->options.change_token};
    agent->sampling = (struct agent_sampling){.client = agent->client,
                                              .catalog = setup->catalog,
                                              .token = agent->options.change_token,
                                              .sink = &agent->setup.sink};
    agent->asking.client = agent->client;
    connect_agent(agent);
    *ret_state = agent;
    return 0;
}

const struct link link_agent = {
    .name = "agent",
    .open = agent_open,
    .status = agent_status,
    .interest = agent_look,
    .interval = agent_interval,
    .retry = agent_retry,
    .command = agent_command,
    .sample = agent_sample,
    .ask = agent_ask,
    .close = agent_close,
};
