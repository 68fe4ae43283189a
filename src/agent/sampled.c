/* What is sampled for one request. */
#include "sampled.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "flametop/base/macros.h"
#include "flametop/net/loop.h"
#include "flametop/profile/live.h"
#include "parts.h"

struct sampled {
    struct agent *agent;
    void (*news)(void *context);
    void *context;
    bool done; /* no more news */

    struct live *live; /* here; NULL: of the node */
    uv_poll_t *poll;

    LIST_ENTRY(sampled) entry;
    bool told, held, taken;      /* of the node: nothing new; as asked for; by somebody else */
    uint64_t seen;               /* the number of the profile that was taken */
    const struct profile *base;  /* what was there when it came; NULL: nothing */
    struct sampling_status came; /* how it was doing then, */
    struct sampling_status last; /* and when it was last taken */
};

/* ---- here ---- */

static void
on_ready(uv_poll_t *poll, int status, int events)
{
    struct sampled *sampled = poll->data;
    (void)status;
    (void)events;
    sampled->news(sampled->context);
}

static bool
begin_here(struct sampled *sampled, const struct sampling_wish *wish)
{
    const struct agent *agent = sampled->agent;
    struct live_options options = {.pid = (uint32_t)wish->id,
                                   .rate_hz = wish->rate_hz > 0 ? wish->rate_hz : LIVE_RATE_HZ,
                                   .proc = agent->options->roots.proc,
                                   .sys = agent->options->roots.sys,
                                   .nodes_max = SAMPLING_NODES_MAX,
                                   .frames_max = SAMPLING_FRAMES_MAX};
    sampled->live = live_new(&options);
    sampled->poll = sampled->live != NULL ? calloc(1, sizeof(*sampled->poll)) : NULL;
    if (sampled->poll == NULL ||
        uv_poll_init(agent->setup.loop, sampled->poll, live_fd(sampled->live)) != 0) {
        free(sampled->poll);
        sampled->poll = NULL;
        return false;
    }
    sampled->poll->data = sampled;
    return uv_poll_start(sampled->poll, UV_READABLE, on_ready) == 0;
}

/* ---- of the node ---- */

/* One after the other, from the start: each may free itself. */
static void
on_news(uv_timer_t *timer)
{
    const struct far_sampling *far = timer->data;
    struct sampled *sampled = LIST_FIRST(&far->readers);
    while (sampled != NULL) {
        if (sampled->told || sampled->done) {
            sampled = LIST_NEXT(sampled, entry);
        } else {
            sampled->told = true;
            sampled->news(sampled->context);
            sampled = LIST_FIRST(&far->readers);
        }
    }
}

static void
tell_all(struct far_sampling *far)
{
    struct sampled *sampled;
    LIST_FOREACH(sampled, &far->readers, entry)
    {
        sampled->told = false;
    }
    uv_timer_start(far->timer, on_news, 0, 0);
}

void
sampled_far(struct agent *agent, const struct sampling_status *status,
            const struct profile *profile)
{
    struct far_sampling *far = &agent->far;
    far->status = *status;
    if (profile != NULL) {
        profile_release(far->profile);
        far->profile = profile;
        far->number++;
    }
    tell_all(far);
}

/* Whether somebody still wants what the node is sampled for. */
static bool
is_wanted(const struct far_sampling *far)
{
    const struct sampled *sampled;
    LIST_FOREACH(sampled, &far->readers, entry)
    {
        if (!sampled->taken && !sampled->done) {
            return true;
        }
    }
    return false;
}

static void
forget(struct far_sampling *far)
{
    profile_release(far->profile);
    far->profile = NULL;
    far->status = (struct sampling_status){.state = SAMPLING_BEGINS};
}

static void
begin_far(struct sampled *sampled, const struct sampling_wish *wish)
{
    struct agent *agent = sampled->agent;
    struct far_sampling *far = &agent->far;
    struct sampled *other;
    if (is_wanted(far) && sampling_is_same(&far->wish, wish) && !sampling_is_over(&far->status)) {
        sampled->base = far->profile != NULL ? profile_acquire(far->profile) : NULL;
        sampled->came = far->status;
        sampled->seen = far->number;
        LIST_INSERT_HEAD(&far->readers, sampled, entry);
        return;
    }
    LIST_FOREACH(other, &far->readers, entry)
    {
        other->taken = true;
    }
    forget(far);
    far->wish = *wish;
    sampled->seen = far->number;
    LIST_INSERT_HEAD(&far->readers, sampled, entry);
    tell_all(far);
    agent->setup.sample(agent->setup.context, wish);
}

/* It has heard the last of it. */
static void
leave_far(struct sampled *sampled)
{
    struct agent *agent = sampled->agent;
    bool wanted = is_wanted(&agent->far);
    sampled->done = true;
    if (wanted && !is_wanted(&agent->far)) {
        static const struct sampling_wish nothing = {.kind = SAMPLING_NOTHING};
        forget(&agent->far);
        agent->setup.sample(agent->setup.context, &nothing);
    }
}

/* What came since `base`: values only grow, and numbers stay. */
static const struct profile *
since(const struct profile *now, const struct profile *base)
{
    if (base == NULL) {
        return profile_acquire(now);
    }
    struct profile *copy = profile_copy(now);
    for (unsigned m = 0; copy != NULL && m < MIN(base->measure_count, copy->measure_count); m++) {
        const double *before = base->values[0][m];
        double *values = copy->values[0][m];
        for (uint32_t i = 0; before != NULL && values != NULL && i < base->node_count; i++) {
            values[i] = MAX(values[i] - before[i], 0);
        }
    }
    return copy;
}

static const struct profile *
take_far(struct sampled *sampled, struct sampling_status *ret_status)
{
    const struct far_sampling *far = &sampled->agent->far;
    struct sampling_status status = far->status;
    const struct profile *profile = NULL;
    if (sampled->taken) {
        *ret_status = sampled->last;
        ret_status->state = SAMPLING_ENDED;
        snprintf(ret_status->why, sizeof(ret_status->why),
                 "taken over by another reader of the agent");
        return NULL;
    }
    if (far->profile != NULL && sampled->seen != far->number) {
        sampled->seen = far->number;
        profile = since(far->profile, sampled->base);
    }
    if (sampled->base != NULL) {
        status.samples -= MIN(sampled->came.samples, status.samples);
        status.lost -= MIN(sampled->came.lost, status.lost);
        status.sampled_ns = MAX(status.sampled_ns - sampled->came.sampled_ns, 0);
    }
    if (sampled->held && !sampling_is_over(&status)) {
        status.state = SAMPLING_HELD;
    }
    *ret_status = sampled->last = status;
    return profile;
}

/* ---- either ---- */

struct sampled *
sampled_new(struct agent *agent, const struct sampling_wish *wish, void (*news)(void *context),
            void *context)
{
    struct sampled *sampled = calloc(1, sizeof(*sampled));
    bool here = wish->kind == SAMPLING_PROCESS || wish->kind == SAMPLING_MACHINE;
    if (sampled == NULL) {
        return NULL;
    }
    *sampled = (struct sampled){.agent = agent, .news = news, .context = context, .told = true};
    if (!here) {
        begin_far(sampled, wish);
    } else if (!begin_here(sampled, wish)) {
        sampled_free(sampled);
        return NULL;
    }
    return sampled;
}

void
sampled_free(struct sampled *sampled)
{
    if (sampled == NULL) {
        return;
    }
    if (sampled->entry.le_prev != NULL) {
        leave_far(sampled);
        LIST_REMOVE(sampled, entry);
    }
    if (sampled->poll != NULL) {
        uv_poll_stop(sampled->poll); /* before the descriptor is closed */
        loop_close(sampled->poll);
    }
    live_free(sampled->live);
    profile_release(sampled->base);
    free(sampled);
}

void
sampled_hold(struct sampled *sampled)
{
    if (sampled->live != NULL) {
        live_switch(sampled->live, false);
        return;
    }
    sampled->held = true;
    sampled->told = false;
    uv_timer_start(sampled->agent->far.timer, on_news, 0, 0);
}

const struct profile *
sampled_take(struct sampled *sampled, struct sampling_status *ret_status)
{
    bool here = sampled->live != NULL;
    const struct profile *profile =
        here ? live_take(sampled->live, ret_status) : take_far(sampled, ret_status);
    if (ret_status->state >= SAMPLING_HELD && !sampled->done) {
        if (here) {
            sampled->done = true;
            uv_poll_stop(sampled->poll);
        } else {
            leave_far(sampled);
        }
    }
    return profile;
}

bool
sampled_init(struct agent *agent)
{
    struct far_sampling *far = &agent->far;
    LIST_INIT(&far->readers);
    forget(far);
    far->timer = calloc(1, sizeof(*far->timer));
    if (far->timer != NULL) {
        uv_timer_init(agent->setup.loop, far->timer);
        far->timer->data = far;
    }
    return far->timer != NULL;
}

void
sampled_done(struct agent *agent)
{
    forget(&agent->far);
    if (agent->far.timer != NULL) {
        loop_close(agent->far.timer);
    }
}
