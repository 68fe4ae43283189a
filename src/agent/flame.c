/* GET /api/v1/flame: a flame graph as a document, made in steps of a few milliseconds between which
 * the agent does everything else; the request waits. Of the requests that are held, merged; or of
 * what runs now, sampled for a while.
 *
 * The finished tree is written by a thread of its own: nothing changes it any more, and nobody else
 * has it. A job that is being written is freed after that, also when nobody waits for it. */
#include "flame.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "flametop/base/macros.h"
#include "flametop/base/thread.h"
#include "flametop/core/flame.h"
#include "flametop/net/loop.h"
#include "flametop/profile/write.h"
#include "flametop/trace/filter.h"
#include "flametop/trace/flame.h"

#define JOBS_MAX 2 /* of requests; profiles that are sampled have a limit of their own */
#define NODES_MAX (UINT32_C(1) << 17) /* of requests, merged: some 250 bytes each */
#define STEP_NS (4 * NS_PER_MS)
#define SECONDS 5
#define TITLE_BYTES 240

struct flame_format {
    const char *name, *ending, *type;
};

static const struct flame_format formats[] = {
    {"speedscope", ".speedscope.json", "application/json"},
    {"json", ".json", "application/json"},
    {"folded", ".folded", "text/plain; charset=utf-8"},
    {"svg", ".svg", "image/svg+xml"},
};

struct flame_job {
    LIST_ENTRY(flame_job) entry;
    struct agent *agent;                /* NULL: it has ended while this was written */
    const struct http_message *message; /* to be answered; NULL: nobody waits any more */
    const struct flame_format *format;
    char title[TITLE_BYTES];
    uv_timer_t *timer;

    bool sampled; /* else: of requests */
    bool of_node; /* that is sampled */
    struct sampled *live;

    struct trace_filter *filter; /* NULL: any */
    struct trace_set set;
    struct trace_flame *making;

    const struct profile *profile; /* NULL: not there yet */
    unsigned measure;
    struct flame *flame;

    uv_async_t *written; /* NULL: no thread writes */
    pthread_t thread;
    struct buf document;
    bool good;
};

/* ---- life ---- */

/* What the profile is made of: it is there. */
static void
leave_subject(struct flame_job *job)
{
    trace_flame_free(job->making);
    trace_set_done(&job->set);
    trace_filter_free(job->filter);
    job->making = NULL;
    job->filter = NULL;
    trace_set_init(&job->set);
}

/* Until then it counts, also while it is written. */
static void
leave_agent(struct flame_job *job)
{
    agent_profile_end(job->agent, job->live);
    job->agent->flame_count -= !job->sampled;
    LIST_REMOVE(job, entry);
    job->agent = NULL;
}

static void
job_free(struct flame_job *job)
{
    leave_subject(job);
    loop_close(job->timer);
    if (job->written != NULL) {
        loop_close(job->written);
    }
    flame_free(job->flame);
    profile_release(job->profile);
    buf_done(&job->document);
    if (job->agent != NULL) {
        leave_agent(job);
    }
    free(job);
}

static void
nobody_waits(void *context)
{
    struct flame_job *job = context;
    job->message = NULL;
    if (job->written == NULL) {
        job_free(job);
    }
}

void
agent_flames_end(struct agent *agent)
{
    while (!LIST_EMPTY(&agent->flames)) {
        leave_agent(LIST_FIRST(&agent->flames));
    }
}

static void
refuse(struct flame_job *job, int status, const char *why)
{
    http_reply_error(job->message, status, "%s", why);
    job_free(job);
}

/* ---- the tree, and the answer ---- */

static void
answer(const struct flame_job *job)
{
    static const char *const headers[] = {
        "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; script-src "
        "'unsafe-inline'",
        NULL};
    const struct buf *out = &job->document;
    if (job->good) {
        http_reply(job->message, 200, job->format->type, (struct str){out->data, out->n}, headers);
    } else if (out->full) {
        http_reply_error(job->message, 500, "the answer is larger than %zu MiB: ask for less",
                         AGENT_ANSWER_BYTES_MAX >> 20);
    } else {
        http_reply_error(job->message, 503, "out of memory");
    }
}

static void
on_written(uv_async_t *written)
{
    struct flame_job *job = written->data;
    pthread_join(job->thread, NULL);
    if (job->message != NULL) {
        answer(job);
    }
    job_free(job);
}

/* The thread. */
static void *
write_document(void *context)
{
    struct flame_job *job = context;
    char why[200];
    job->good = profile_write(job->flame, job->title, job->format->ending, &job->document, why,
                              sizeof(why));
    uv_async_send(job->written);
    return NULL;
}

static void
begin_writing(struct flame_job *job)
{
    uv_async_t *written = calloc(1, sizeof(*written));
    if (written == NULL || uv_async_init(job->agent->setup.loop, written, on_written) != 0) {
        free(written);
        refuse(job, 503, "out of memory");
        return;
    }
    written->data = job;
    job->written = written;
    if (thread_start(write_document, job, &job->thread) < 0) {
        refuse(job, 503, "there is no thread to write it: ask again later");
    }
}

static void
on_tree(uv_timer_t *timer)
{
    struct flame_job *job = timer->data;
    if (!flame_step(job->flame, clock_mono_ns() + STEP_NS)) {
        return;
    }
    uv_timer_stop(timer);
    if (job->flame->failed) {
        refuse(job, 503, "out of memory");
    } else {
        begin_writing(job);
    }
}

/* The profile is whole. */
static void
begin_tree(struct flame_job *job)
{
    struct flame_options options = {.measure = job->measure};
    leave_subject(job);
    if (job->profile != NULL && job->profile->cut > 0) {
        size_t n = strlen(job->title);
        snprintf(job->title + n, sizeof(job->title) - n,
                 "; %llu calls did not fit and count for their caller: ask for less",
                 (unsigned long long)job->profile->cut);
    }
    job->flame = job->profile != NULL ? flame_new(job->profile, &options) : NULL;
    if (job->flame == NULL) {
        refuse(job, 503, "out of memory");
    } else {
        uv_timer_start(job->timer, on_tree, 0, 1);
    }
}

/* ---- of requests ---- */

static void
on_requests(uv_timer_t *timer)
{
    struct flame_job *job = timer->data;
    int64_t until_ns = clock_mono_ns() + STEP_NS;
    if (!trace_set_step(&job->set, until_ns)) {
        return;
    }
    if (job->making == NULL) {
        job->making = trace_flame_new(&job->set, NULL);
        if (job->making != NULL) {
            job->making->profile->node_max = job->making->profile->frame_max = NODES_MAX;
        }
    }
    if (job->making != NULL && !trace_flame_step(job->making, until_ns)) {
        return;
    }
    if (job->making == NULL || job->making->failed || job->set.failed) {
        refuse(job, 503, "out of memory");
        return;
    }
    job->profile = trace_flame_take(job->making);
    begin_tree(job);
}

static bool
accepts(const void *context, const struct trace *trace)
{
    return trace_filter_matches(context, trace);
}

static bool
read_mode(struct flame_job *job, const struct http_message *message)
{
    static const char *const modes[TRACE_MEASURES] = {
        [MEASURE_WALL] = "wall",
        [MEASURE_TOTAL] = "total",
        [MEASURE_SELF] = "self",
        [MEASURE_COUNT] = "count",
    };
    const char *mode = http_argument(message, "mode");
    for (unsigned i = 0; i < TRACE_MEASURES; i++) {
        if (strcmp(mode != NULL ? mode : modes[MEASURE_WALL], modes[i]) == 0) {
            job->measure = i;
            snprintf(job->title, sizeof(job->title), "requests, %s", modes[i]);
            return true;
        }
    }
    http_reply_error(message, 400, "mode is wall, total, self or count");
    return false;
}

/* False: the request is answered. */
static bool
begin_requests(struct flame_job *job, const struct http_message *message)
{
    const struct picture *picture = job->agent->picture;
    const char *text = http_argument(message, "filter");
    int64_t from_ns, to_ns, shift_ns = picture->wall_ns - picture->mono_ns;
    char why[200] = "";
    if (!read_mode(job, message) || !agent_time(message, picture, "from", INT64_MIN, &from_ns) ||
        !agent_time(message, picture, "to", 0, &to_ns)) {
        return false;
    }
    job->filter = trace_filter_new(str_from(text != NULL ? text : ""), why, sizeof(why));
    if (why[0] != '\0') {
        http_reply_error(message, 400, "%s", why);
        return false;
    }
    struct trace_scope scope = {.from_ns = from_ns == INT64_MIN ? from_ns : from_ns - shift_ns,
                                .to_ns = to_ns == 0 ? 0 : to_ns - shift_ns,
                                .accepts = job->filter != NULL ? accepts : NULL,
                                .context = job->filter};
    trace_set_begin(&job->set, picture->traces, &scope);
    return uv_timer_start(job->timer, on_requests, 0, 1) == 0;
}

/* ---- of what runs ---- */

static void
on_time(uv_timer_t *timer)
{
    struct flame_job *job = timer->data;
    sampled_hold(job->live); /* what it has then comes at once */
}

/* One that saw nothing is empty, no error. */
static const struct profile *
empty_profile(void)
{
    struct profile *profile = profile_new();
    if (profile != NULL) {
        profile_measure(profile, STR("samples"), "", 1);
        profile_close(profile);
    }
    return profile;
}

/* What became of it before its time was over stands in the title. */
static void
on_live(void *context)
{
    struct flame_job *job = context;
    struct sampling_status now;
    const struct profile *newer = sampled_take(job->live, &now);
    profile_release(newer != NULL ? job->profile : NULL);
    job->profile = newer != NULL ? newer : job->profile;
    if (now.state == SAMPLING_FAILED) {
        refuse(job, job->of_node ? 404 : 403, now.why);
    } else if (now.state >= SAMPLING_HELD) {
        size_t n = strlen(job->title);
        bool told = now.state == SAMPLING_ENDED && now.why[0] != '\0';
        snprintf(job->title + n, sizeof(job->title) - n, "%s%s", told ? "; " : "",
                 told ? now.why : "");
        job->profile = job->profile != NULL ? job->profile : empty_profile();
        begin_tree(job);
    }
}

/* "process 812, 5 s", "hot on node@host, wall time, 5 s" */
static void
name_live(struct flame_job *job, const struct sampling_wish *wish, unsigned seconds)
{
    const char *host = job->agent->picture->host.name, *wall = wish->wall ? ", wall time" : "";
    switch (wish->kind) {
    case SAMPLING_PROCESS:
        snprintf(job->title, sizeof(job->title), "process %" PRId64 ", %u s", wish->id, seconds);
        break;
    case SAMPLING_NODE:
        snprintf(job->title, sizeof(job->title), "%s%s%.100s%s, %u s", wish->of,
                 wish->of[0] != '\0' ? " on " : "", host, wall, seconds);
        break;
    case SAMPLING_NODE_PROCESS:
        snprintf(job->title, sizeof(job->title), "one process on %.100s%s, %u s", host, wall,
                 seconds);
        break;
    default:
        snprintf(job->title, sizeof(job->title), "machine, %u s", seconds);
    }
}

/* False: the request is answered. */
static bool
begin_live(struct flame_job *job, const struct http_message *message)
{
    struct sampling_wish wish;
    uint64_t seconds;
    if (!agent_number(message, "seconds", SECONDS, FLAME_SECONDS_MAX, &seconds)) {
        return false;
    }
    if (seconds == 0) {
        http_reply_error(message, 400, "seconds is a whole number, from 1 to %d",
                         FLAME_SECONDS_MAX);
        return false;
    }
    job->live = agent_profile_begin(job->agent, message, on_live, job, &wish);
    if (job->live == NULL) {
        return false;
    }
    job->of_node = wish.kind == SAMPLING_NODE || wish.kind == SAMPLING_NODE_PROCESS;
    name_live(job, &wish, (unsigned)seconds);
    return uv_timer_start(job->timer, on_time, seconds * 1000, 0) == 0;
}

/* ---- the request ---- */

static const struct flame_format *
read_format(const struct http_message *message)
{
    const char *name = http_argument(message, "format");
    for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
        if (strcmp(name != NULL ? name : formats[0].name, formats[i].name) == 0) {
            return &formats[i];
        }
    }
    http_reply_error(message, 400, "format is speedscope, json, folded or svg");
    return NULL;
}

/* What is misspelt would silently be something else. */
static bool
knows_arguments(const struct http_message *message, bool live)
{
    static const char *const of_requests[] = {"format", "mode", "filter", "from", "to", NULL};
    static const char *const of_live[] = {"format", "pid",  "machine", "node", "process",
                                          "of",     "wall", "seconds", "hz",   NULL};
    const char *const *known = live ? of_live : of_requests;
    const char *name;
    for (size_t i = 0; (name = http_argument_name(message, i)) != NULL; i++) {
        size_t at = 0;
        while (known[at] != NULL && strcmp(name, known[at]) != 0) {
            at++;
        }
        if (known[at] == NULL) {
            http_reply_error(message, 400, "a flame graph of %s has the arguments %s",
                             live ? "what runs" : "requests",
                             live ? "format, seconds and hz, and one of pid, machine, process and "
                                    "node, which has of and wall"
                                  : "format, mode, filter, from and to");
            return false;
        }
    }
    return true;
}

static struct flame_job *
job_new(struct agent *agent, bool sampled)
{
    struct flame_job *job = calloc(1, sizeof(*job));
    uv_timer_t *timer = calloc(1, sizeof(*timer));
    if (job == NULL || timer == NULL) {
        free(job);
        free(timer);
        return NULL;
    }
    uv_timer_init(agent->setup.loop, timer);
    timer->data = job;
    job->agent = agent;
    job->sampled = sampled;
    job->timer = timer;
    trace_set_init(&job->set);
    buf_init(&job->document, AGENT_ANSWER_BYTES_MAX);
    LIST_INSERT_HEAD(&agent->flames, job, entry);
    agent->flame_count += !sampled;
    return job;
}

void
answer_flame(struct agent *agent, const struct http_message *message, const char *name)
{
    bool live = agent_profile_asked(message);
    const struct flame_format *format = read_format(message);
    (void)name;
    if (format == NULL || !knows_arguments(message, live) ||
        agent_picture(agent, message) == NULL) {
        return;
    }
    if (!live && agent->flame_count >= JOBS_MAX) {
        http_reply_error(message, 429, "%d flame graphs are being made here: ask again later",
                         JOBS_MAX);
        return;
    }
    struct flame_job *job = job_new(agent, live);
    if (job == NULL) {
        http_reply_error(message, 503, "out of memory");
        return;
    }
    job->format = format;
    if ((live ? begin_live : begin_requests)(job, message)) {
        job->message = http_defer(message, job, nobody_waits);
    } else {
        job_free(job);
    }
}
