/* Who may have a live profile of an agent, and the stream of one: what it grew by, once a second,
 * for as long as its reader stays. Each reader has a sampler of its own, so that what one does
 * changes nothing for another; how many there are is bounded, and so is what each may send: of a
 * reader that is slow only the newest waits, and comes as one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "flame.h"
#include "flametop/base/log.h"
#include "flametop/base/macros.h"
#include "flametop/core/record.h"
#include "flametop/net/loop.h"

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

/* One process, or the machine. */
static bool
read_subject(const struct agent *agent, const struct http_message *message, uint64_t *ret_pid)
{
    const char *machine = http_argument(message, "machine");
    bool whole = machine != NULL && strcmp(machine, "1") == 0;
    if (!agent_number(message, "pid", 0, INT32_MAX, ret_pid)) {
        return false;
    }
    if (whole == (*ret_pid > 0)) {
        http_reply_error(message, 400, "give one of pid=NUMBER and machine=1");
        return false;
    }
    if (!agent_has_processes(agent, message)) {
        return false;
    }
    if (!whole && !is_there(agent, *ret_pid)) {
        http_reply_error(message, 410, "there is no process %llu", (unsigned long long)*ret_pid);
        return false;
    }
    return true;
}

struct live *
agent_profile_begin(struct agent *agent, const struct http_message *message)
{
    uint64_t pid, rate_hz;
    if (!may_sample(agent, message) || !read_subject(agent, message, &pid) ||
        !agent_number(message, "hz", LIVE_RATE_HZ, RATE_HZ_MAX, &rate_hz)) {
        return NULL;
    }
    if (agent->profile_count >= PROFILES_MAX) {
        http_reply_error(message, 429, "%d live profiles are being made here: ask again later",
                         PROFILES_MAX);
        return NULL;
    }
    struct live *live = live_new(&(struct live_options){.pid = (uint32_t)pid,
                                                        .rate_hz = (unsigned)MAX(rate_hz, 1),
                                                        .proc = agent->options->roots.proc,
                                                        .sys = agent->options->roots.sys,
                                                        .nodes_max = SAMPLING_NODES_MAX,
                                                        .frames_max = SAMPLING_FRAMES_MAX});
    if (live == NULL) {
        http_reply_error(message, 503,
                         "out of memory, or earlier profiles still hang in files of their "
                         "processes");
        return NULL;
    }
    agent->profile_count++;
    log_info("profile pid=%llu peer=%s", (unsigned long long)pid, message->peer);
    return live;
}

void
agent_profile_end(struct agent *agent, struct live *live)
{
    agent->profile_count -= live != NULL;
    live_free(live);
}

/* ---- the stream ---- */

struct watcher {
    struct agent *agent;
    struct http_stream *stream;
    struct live *live;
    uv_poll_t *poll;
    int64_t until_ns;
    struct record_writer *writer;
    struct buf out, growth;
    const struct profile *sent, *newest; /* NULL: nothing; nothing newer */
    struct sampling_status status;
};

static void
watcher_free(struct watcher *watcher)
{
    if (watcher->poll != NULL) {
        uv_poll_stop(watcher->poll); /* before the descriptor is closed */
        loop_close(watcher->poll);
    }
    agent_profile_end(watcher->agent, watcher->live);
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
on_ready(uv_poll_t *poll, int status, int events)
{
    struct watcher *watcher = poll->data;
    (void)status;
    (void)events;
    bool over = sampling_is_over(&watcher->status);
    const struct profile *newer = live_take(watcher->live, &watcher->status);
    profile_release(newer != NULL ? watcher->newest : NULL);
    watcher->newest = newer != NULL ? newer : watcher->newest;
    if (!sampling_is_over(&watcher->status) && clock_mono_ns() >= watcher->until_ns) {
        watcher->status.state = SAMPLING_ENDED;
        snprintf(watcher->status.why, sizeof(watcher->status.why),
                 "an agent samples for %lld s at a time: it ended",
                 (long long)(FLAME_STREAM_NS / NS_PER_S));
    }
    if (!over) {
        send_growth(watcher);
    }
    if (sampling_is_over(&watcher->status)) {
        uv_poll_stop(poll);
    }
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
watcher_new(struct agent *agent, struct live *live)
{
    struct watcher *watcher = calloc(1, sizeof(*watcher));
    if (watcher == NULL) {
        agent_profile_end(agent, live);
        return NULL;
    }
    *watcher = (struct watcher){
        .agent = agent, .live = live, .until_ns = clock_mono_ns() + FLAME_STREAM_NS};
    buf_init(&watcher->out, RECORD_BYTES_MAX + 4096);
    buf_init(&watcher->growth, RECORD_BYTES_MAX);
    watcher->writer = record_writer_new(&watcher->out);
    watcher->poll = calloc(1, sizeof(*watcher->poll));
    if (watcher->poll != NULL &&
        uv_poll_init(agent->setup.loop, watcher->poll, live_fd(live)) != 0) {
        free(watcher->poll);
        watcher->poll = NULL;
    }
    if (watcher->poll == NULL || watcher->writer == NULL) {
        watcher_free(watcher);
        return NULL;
    }
    watcher->poll->data = watcher;
    return watcher;
}

void
answer_flame_stream(struct agent *agent, const struct http_message *message, const char *name)
{
    struct picture *picture = agent_picture(agent, message);
    struct live *live = picture != NULL ? agent_profile_begin(agent, message) : NULL;
    (void)name;
    if (live == NULL) {
        return;
    }
    struct watcher *watcher = watcher_new(agent, live);
    if (watcher == NULL) {
        http_reply_error(message, 503, "out of memory");
        return;
    }
    struct http_stream_events events = {watcher, on_writable, on_gone};
    watcher->stream =
        http_reply_stream(message, "application/x-flametop", NULL, &events, QUEUE_BYTES_MAX);
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
    uv_poll_start(watcher->poll, UV_READABLE, on_ready);
    push(watcher);
}
