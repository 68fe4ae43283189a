/* Who may have a live profile of an agent, and the stream of one: what it grew by, once a second,
 * for as long as its reader stays. How many there are is bounded, and so is what each may send: of
 * a reader that is slow only the newest waits, and comes as one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flame.h"
#include "flametop/base/log.h"
#include "flametop/base/macros.h"
#include "flametop/core/record.h"

#define PROFILES_MAX 4
#define RATE_HZ_MAX 999
#define QUEUE_BYTES_MAX ((size_t)1 << 20)

/* ---- who may ---- */

/* Stacks of others, and what the kernel does for them, the kernel tells only who may act as them:
 * an agent that lets in whoever is on its machine passes them on to its own user alone. */
static bool
may_sample(const struct agent *agent, const struct http_message *message)
{
    bool may =
        message->right == RIGHT_CHANGE || agent->options->token != NULL || http_is_own(message);
    if (!may) {
        http_reply_error(message, 403,
                         "a live profile shows what the kernel keeps from other users: come as "
                         "the user that runs this agent, or start it with --token-file and give "
                         "the token");
    }
    return may;
}

static bool
is_there(const struct agent *agent, uint64_t pid)
{
    char path[320];
    snprintf(path, sizeof(path), "%s/%llu", agent->options->roots.proc, (unsigned long long)pid);
    return access(path, F_OK) == 0;
}

static bool
is_set(const struct http_message *message, const char *name)
{
    const char *text = http_argument(message, name);
    return text != NULL && strcmp(text, "1") == 0;
}

/* What the agent watches, as long as it is a node and answers. */
static bool
has_node(const struct agent *agent, const struct http_message *message)
{
    const struct link_status *link = agent->picture->link;
    bool node = link != NULL && (link->samples & 1U << SAMPLING_NODE) != 0;
    if (!node) {
        http_reply_error(message, 409,
                         "this agent watches no Erlang node: say which process is to be sampled by "
                         "its pid, or that the machine is");
    } else if (link->state != LINK_LIVE) {
        http_reply_error(message, 503, "%s: %s", link->target, link->why);
    }
    return node && link->state == LINK_LIVE;
}

static bool
has_process(const struct agent *agent, const struct http_message *message, int64_t pid)
{
    bool is_here = agent_has_processes(agent, message);
    if (is_here && pid > 0 && !is_there(agent, (uint64_t)pid)) {
        http_reply_error(message, 410, "there is no process %lld", (long long)pid);
        return false;
    }
    return is_here;
}

/* One process, the machine, or of a node one process or all. */
static bool
read_wish(const struct agent *agent, const struct http_message *message, struct sampling_wish *wish)
{
    uint64_t pid, key;
    const char *of = http_argument(message, "of");
    bool machine = is_set(message, "machine"), node = is_set(message, "node");
    if (!agent_number(message, "pid", 0, INT32_MAX, &pid) ||
        !agent_number(message, "process", 0, INT64_MAX, &key)) {
        return false;
    }
    if (machine + node + (pid > 0) + (key > 0) != 1) {
        http_reply_error(message, 400,
                         "give one of pid=NUMBER, machine=1, node=1 and process=KEY of a node");
        return false;
    }
    if (of != NULL && strlen(of) >= sizeof(wish->of)) {
        http_reply_error(message, 400, "of has at most %zu characters", sizeof(wish->of) - 1);
        return false;
    }
    wish->kind = machine   ? SAMPLING_MACHINE
                 : node    ? SAMPLING_NODE
                 : key > 0 ? SAMPLING_NODE_PROCESS
                           : SAMPLING_PROCESS;
    wish->id = (int64_t)MAX(pid, key);
    wish->wall = is_set(message, "wall");
    str_copy(str_from(of != NULL ? of : ""), wish->of, sizeof(wish->of));
    return node || key > 0 ? has_node(agent, message) : has_process(agent, message, wish->id);
}

bool
agent_profile_asked(const struct http_message *message)
{
    static const char *const subjects[] = {"pid", "machine", "node", "process"};
    bool asked = false;
    for (size_t i = 0; i < ARRAY_SIZE(subjects); i++) {
        asked |= http_argument(message, subjects[i]) != NULL;
    }
    return asked;
}

static void
tell_log(const struct sampling_wish *wish, const char *peer)
{
    if (wish->kind == SAMPLING_NODE) {
        log_info("profile node of=\"%s\" peer=%s", wish->of, peer);
    } else {
        log_info("profile %s=%lld peer=%s", wish->kind == SAMPLING_NODE_PROCESS ? "process" : "pid",
                 (long long)wish->id, peer);
    }
}

struct sampled *
agent_profile_begin(struct agent *agent, const struct http_message *message,
                    void (*news)(void *context), void *context, struct sampling_wish *ret_wish)
{
    struct sampling_wish wish = {.kind = SAMPLING_NOTHING};
    uint64_t rate_hz;
    if (!may_sample(agent, message) || !read_wish(agent, message, &wish) ||
        !agent_number(message, "hz", LIVE_RATE_HZ, RATE_HZ_MAX, &rate_hz)) {
        return NULL;
    }
    if (agent->profile_count >= PROFILES_MAX) {
        http_reply_error(message, 429, "%d live profiles are being made here: ask again later",
                         PROFILES_MAX);
        return NULL;
    }
    wish.rate_hz = (unsigned)MAX(rate_hz, 1);
    struct sampled *sampled = sampled_new(agent, &wish, news, context);
    if (sampled == NULL) {
        http_reply_error(message, 503,
                         "out of memory, or earlier profiles still hang in files of their "
                         "processes");
        return NULL;
    }
    agent->profile_count++;
    tell_log(&wish, message->peer);
    *ret_wish = wish;
    return sampled;
}

void
agent_profile_end(struct agent *agent, struct sampled *sampled)
{
    agent->profile_count -= sampled != NULL;
    sampled_free(sampled);
}

/* ---- the stream ---- */

struct watcher {
    struct agent *agent;
    struct http_stream *stream;
    struct sampled *sampled;
    int64_t until_ns;
    struct record_writer *writer;
    struct buf out, growth;
    const struct profile *sent, *newest; /* NULL: nothing; nothing newer */
    struct sampling_status status;
};

static void
watcher_free(struct watcher *watcher)
{
    agent_profile_end(watcher->agent, watcher->sampled);
    record_writer_free(watcher->writer);
    buf_done(&watcher->out);
    buf_done(&watcher->growth);
    profile_release(watcher->sent);
    profile_release(watcher->newest);
    free(watcher);
}

static bool
push(struct watcher *watcher)
{
    struct http_bytes *bytes =
        watcher->out.full ? NULL : http_bytes_new(watcher->out.data, watcher->out.n);
    bool pushed = bytes != NULL && http_stream_push(watcher->stream, bytes);
    http_bytes_release(bytes);
    buf_clear(&watcher->out);
    return pushed;
}

/* What it has not been sent, once all before it has left. */
static void
send_growth(struct watcher *watcher)
{
    if (http_stream_queued(watcher->stream) > 0) {
        return;
    }
    buf_clear(&watcher->growth);
    sampling_write(watcher->sent, watcher->newest, &watcher->status, &watcher->growth);
    record_write_profile(watcher->writer, &watcher->growth);
    if (sampling_is_over(&watcher->status)) {
        record_write_end(watcher->writer);
    }
    if (push(watcher) && watcher->newest != NULL) {
        profile_release(watcher->sent);
        watcher->sent = watcher->newest;
        watcher->newest = NULL;
    }
    if (sampling_is_over(&watcher->status)) {
        http_stream_end(watcher->stream);
    }
}

static void
on_news(void *context)
{
    struct watcher *watcher = context;
    const struct profile *newer = sampled_take(watcher->sampled, &watcher->status);
    profile_release(newer != NULL ? watcher->newest : NULL);
    watcher->newest = newer != NULL ? newer : watcher->newest;
    if (!sampling_is_over(&watcher->status) && clock_mono_ns() >= watcher->until_ns) {
        watcher->status.state = SAMPLING_ENDED;
        snprintf(watcher->status.why, sizeof(watcher->status.why),
                 "an agent samples for %lld s at a time: it ended",
                 (long long)(FLAME_STREAM_NS / NS_PER_S));
    }
    if (sampling_is_over(&watcher->status)) {
        agent_profile_end(watcher->agent, watcher->sampled);
        watcher->sampled = NULL;
    }
    send_growth(watcher);
}

static void
on_writable(void *context, struct http_stream *stream)
{
    struct watcher *watcher = context;
    (void)stream;
    if (watcher->newest != NULL || sampling_is_over(&watcher->status)) {
        send_growth(watcher);
    }
}

static void
on_gone(void *context, struct http_stream *stream)
{
    (void)stream;
    watcher_free(context);
}

static struct watcher *
watcher_new(struct agent *agent)
{
    struct watcher *watcher = calloc(1, sizeof(*watcher));
    if (watcher == NULL) {
        return NULL;
    }
    *watcher = (struct watcher){.agent = agent, .until_ns = clock_mono_ns() + FLAME_STREAM_NS};
    buf_init(&watcher->out, RECORD_BYTES_MAX + 4096);
    buf_init(&watcher->growth, RECORD_BYTES_MAX);
    watcher->writer = record_writer_new(&watcher->out);
    if (watcher->writer == NULL) {
        watcher_free(watcher);
        return NULL;
    }
    return watcher;
}

void
answer_flame_stream(struct agent *agent, const struct http_message *message, const char *name)
{
    struct picture *picture = agent_picture(agent, message);
    struct watcher *watcher = picture != NULL ? watcher_new(agent) : NULL;
    struct sampling_wish wish;
    (void)name;
    if (watcher == NULL) {
        if (picture != NULL) {
            http_reply_error(message, 503, "out of memory");
        }
        return;
    }
    watcher->sampled = agent_profile_begin(agent, message, on_news, watcher, &wish);
    struct http_stream_events events = {watcher, on_writable, on_gone};
    watcher->stream =
        watcher->sampled != NULL
            ? http_reply_stream(message, "application/x-flametop", NULL, &events, QUEUE_BYTES_MAX)
            : NULL;
    if (watcher->stream == NULL) {
        watcher_free(watcher);
        return;
    }
    record_write_hello(watcher->writer, &(struct record_hello){.protocol = RECORD_PROTOCOL,
                                                               .protocol_min = RECORD_PROTOCOL,
                                                               .at = clock_now(&clock_system),
                                                               .interval_ns = picture->interval_ns,
                                                               .host = picture->host,
                                                               .instance = agent->instance});
    push(watcher);
}
