/* Sampling at an agent. */
#include "agent_sampling.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent_refusal.h"
#include "flametop/base/clock.h"
#include "flametop/base/macros.h"
#include "flametop/net/url.h"

#define SILENCE_NS (30 * NS_PER_S) /* an agent says once a second how it is doing */
#define COPY_NS (NS_PER_S / 4)     /* whatever it says, a copy is not made more often */

/* How it is doing, and what came since the last copy: now and then, and at the end. */
static void
tell(struct agent_sampling *sampling, bool last)
{
    const struct profile *grown = sampling->grown.profile;
    int64_t now_ns = clock_mono_ns();
    bool due = last || sampling->copied_ns == 0 || now_ns - sampling->copied_ns >= COPY_NS;
    bool shows = sampling->newer && due && grown->measure_count > 0;
    const struct profile *copy = shows ? profile_copy(grown) : NULL;
    if (shows) {
        sampling->newer = false;
        sampling->copied_ns = now_ns;
    }
    sampling->sink->sampled(sampling->sink->context, &sampling->grown.status, copy);
}

static void
stop(struct agent_sampling *sampling)
{
    http_cancel(sampling->call);
    sampling->call = NULL;
    record_reader_free(sampling->reader);
    sampling->reader = NULL;
}

/* There will be no more. */
static void
conclude(struct agent_sampling *sampling, const char *why)
{
    struct sampling_status *status = &sampling->grown.status;
    stop(sampling);
    if (!sampling_is_over(status)) {
        status->state = status->samples > 0 ? SAMPLING_ENDED : SAMPLING_FAILED;
        snprintf(status->why, sizeof(status->why), "%s", why);
        tell(sampling, true);
    }
}

/* What follows its end is not looked at. */
static void
on_growth(void *context, struct str growth)
{
    struct agent_sampling *sampling = context;
    const struct sampling_status *status = &sampling->grown.status;
    uint64_t before = status->samples;
    if (sampling_is_over(status)) {
        return;
    }
    if (sampling_read(&sampling->grown, growth)) {
        sampling->newer |= status->samples > before;
        tell(sampling, sampling_is_over(status));
    } else {
        sampling->damaged = true;
    }
}

static bool
on_bytes(void *context, const void *bytes, size_t n)
{
    struct agent_sampling *sampling = context;
    return record_reader_feed(sampling->reader, bytes, n) == 0 && !sampling->damaged;
}

static void
on_done(void *context, const struct http_answer *answer)
{
    struct agent_sampling *sampling = context;
    char why[SAMPLING_WHY_BYTES] = "the connection broke: it ended";
    bool refused = answer->status != 0 && answer->status / 100 != 2;
    sampling->call = NULL;
    if (answer->status == 404) {
        snprintf(why, sizeof(why),
                 "this agent samples nothing: it is older than this flametop, update it there");
    } else if (refused && !agent_refusal(answer, why, sizeof(why))) {
        snprintf(why, sizeof(why), "it answered with status %d", answer->status);
    } else if (sampling->damaged || record_reader_why(sampling->reader)[0] != '\0') {
        snprintf(why, sizeof(why), "what the agent sent is damaged: it ended");
    } else if (answer->status == 0 && answer->why[0] != '\0') {
        snprintf(why, sizeof(why), "%s", answer->why);
    }
    conclude(sampling, why);
}

/* The arguments that say what is sampled. */
static void
name_subject(const struct sampling_wish *wish, char *dst, size_t size)
{
    const char *wall = wish->wall ? "&wall=1" : "";
    struct buf of;
    buf_init(&of, 3 * sizeof(wish->of) + 1);
    switch (wish->kind) {
    case SAMPLING_PROCESS:
        snprintf(dst, size, "pid=%" PRId64, wish->id);
        break;
    case SAMPLING_NODE:
        url_escape(str_from(wish->of), &of);
        snprintf(dst, size, "node=1%s%.*s%s", of.n > 0 ? "&of=" : "", (int)of.n,
                 of.n > 0 ? of.data : "", wall);
        break;
    case SAMPLING_NODE_PROCESS:
        snprintf(dst, size, "process=%" PRId64 "%s", wish->id, wall);
        break;
    default:
        snprintf(dst, size, "machine=1");
    }
    buf_done(&of);
}

static void
begin(struct agent_sampling *sampling)
{
    struct record_events events = {.context = sampling, .profile = on_growth};
    const struct sampling_wish *wish = &sampling->wish;
    char path[512], what[400];
    struct http_request request = {.path = path,
                                   .accept = "application/x-flametop",
                                   .token = sampling->token,
                                   .timeout_ns = SILENCE_NS,
                                   .context = sampling,
                                   .bytes = on_bytes,
                                   .done = on_done};
    name_subject(wish, what, sizeof(what));
    snprintf(path, sizeof(path), "/api/v1/flame/stream?%s&hz=%u", what, wish->rate_hz);
    sampling->damaged = false;
    sampling->grown.status.state = SAMPLING_BEGINS;
    sampling->reader = record_reader_new(sampling->catalog, &events);
    sampling->call = sampling->reader != NULL ? http_send(sampling->client, &request) : NULL;
    if (sampling->call == NULL) {
        conclude(sampling, "out of memory");
    }
}

static void
hold(struct agent_sampling *sampling, bool held)
{
    if (held) {
        stop(sampling);
        sampling->grown.status.state = SAMPLING_HELD;
        tell(sampling, true);
    } else if (sampling->call == NULL) {
        sampling_reader_again(&sampling->grown);
        begin(sampling);
    }
}

void
agent_sampling_wish(struct agent_sampling *sampling, const struct sampling_wish *wish)
{
    bool other = sampling->grown.profile == NULL ||
                 !sampling_answers(&sampling->wish, &sampling->grown.status, wish);
    bool changed = sampling->wish.held != wish->held;
    sampling->wish = *wish;
    if (!other) {
        if (changed && !sampling_is_over(&sampling->grown.status)) {
            hold(sampling, wish->held);
        }
        return;
    }
    stop(sampling);
    sampling_reader_done(&sampling->grown);
    sampling->newer = false;
    sampling->copied_ns = 0;
    if (wish->kind == SAMPLING_NOTHING) {
        return;
    }
    if (!sampling_reader_init(&sampling->grown)) {
        struct sampling_status status = {.state = SAMPLING_FAILED, .why = "out of memory"};
        sampling->sink->sampled(sampling->sink->context, &status, NULL);
    } else {
        begin(sampling);
    }
}

void
agent_sampling_lose(struct agent_sampling *sampling)
{
    if (sampling->call != NULL) {
        conclude(sampling, "the connection broke: it ended");
    }
}

void
agent_sampling_done(struct agent_sampling *sampling)
{
    stop(sampling);
    sampling_reader_done(&sampling->grown);
}
