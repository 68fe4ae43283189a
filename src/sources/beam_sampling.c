/* The sampling of a node: its collector learns the sampler (beam_flame.h), and is asked once a
 * second for what came. While it is held nobody asks, and the sampler there stops by itself. */
#include "beam_sampling.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "flametop/base/clock.h"
#include "flametop/base/macros.h"
#include "flametop/net/loop.h"
#include "flametop/sources/beam_flame.h"

#define WORD "flame"
#define PATIENCE_NS (5 * NS_PER_S)
#define FIRST_NS (400 * NS_PER_MS) /* until something is there to be seen */
#define SILENCE_NS (60 * NS_PER_S) /* a node that answers nothing for so long is given up */
#define STALLS_MAX 3               /* looks that did not come back, one after the other */
#define NODES_A_SECOND 50000u      /* more of them are handed over less often */
#define RATE_HZ 99                 /* where the wish names none */
#define RATE_HZ_MAX 1e6            /* whatever the node says */

struct beam_sampling {
    struct beam_sampling_setup setup;
    struct sampling_wish wish;
    struct sampling_status status;
    uv_timer_t *timer;
    struct profile *profile;
    uint32_t measure;
    bool learned, waiting, ended; /* waiting: an answer is to come */
    bool on;                      /* sampled now */
    bool untaught;                /* it is to learn the sampler when the wire has room */
    bool stale;                   /* the next answer is of the time it was held */
    unsigned stalls, processes;
    uint64_t looks;
    int64_t looked_us, busy_us; /* the time of those looks, and what they took of it */
    int64_t on_ns, before_ns;   /* sampled since; and before that */
    int64_t heard_ns, handed_ns;
    uint64_t handed; /* samples that were in it */
};

static void teach(struct beam_sampling *sampling);
static void on_timer(uv_timer_t *timer);

/* ---- telling ---- */

/* " · on CPU · cost 0.4 % · 3 processes": our process there, of one scheduler */
static void
describe(struct beam_sampling *sampling)
{
    struct sampling_status *status = &sampling->status;
    char cost[48] = "";
    if (sampling->looked_us > 0) {
        double looked_us = (double)sampling->looked_us;
        snprintf(cost, sizeof(cost), " · cost %.1f %%",
                 (double)sampling->busy_us / looked_us * 100);
        status->rate_hz =
            (unsigned)lround(MIN((double)sampling->looks * 1e6 / looked_us, RATE_HZ_MAX));
    }
    snprintf(status->notes, sizeof(status->notes), " · %s%s · %u %s",
             sampling->wish.wall ? "wall time" : "on CPU", cost, sampling->processes,
             sampling->processes == 1 ? "process" : "processes");
}

static void
tell(struct beam_sampling *sampling, bool last)
{
    int64_t now_ns = clock_mono_ns();
    int64_t every_ns = NS_PER_S * (sampling->profile->node_count / NODES_A_SECOND);
    struct sampling_status *status = &sampling->status;
    struct profile *copy = NULL;
    status->sampled_ns = sampling->before_ns + (sampling->on ? now_ns - sampling->on_ns : 0);
    if ((last || now_ns - sampling->handed_ns >= every_ns) && status->samples > sampling->handed &&
        (copy = profile_copy(sampling->profile)) != NULL) {
        sampling->handed = status->samples;
        sampling->handed_ns = now_ns;
    }
    describe(sampling);
    sampling->setup.told(sampling->setup.context, status, copy);
}

static void
set_timer(struct beam_sampling *sampling, int64_t delay_ns)
{
    uv_update_time(sampling->setup.loop);
    uv_timer_start(sampling->timer, on_timer, (uint64_t)(delay_ns / NS_PER_MS), 0);
}

/* What there is stays. */
static void
conclude(struct beam_sampling *sampling, const char *why)
{
    if (sampling->ended) {
        return;
    }
    sampling->ended = true;
    sampling->before_ns += sampling->on ? clock_mono_ns() - sampling->on_ns : 0;
    sampling->on = false;
    sampling->status.state = sampling->learned ? SAMPLING_ENDED : SAMPLING_FAILED;
    str_copy(str_from(why), sampling->status.why, sizeof(sampling->status.why));
    uv_timer_stop(sampling->timer);
    tell(sampling, true);
}

/* ---- answers ---- */

static void
free_all(struct beam_sampling *sampling)
{
    profile_release(sampling->profile);
    free(sampling);
}

/* Whether an answer is still of interest. The last one of a sampling that is over frees it. */
static bool
is_wanted(struct beam_sampling *sampling, enum beam_outcome outcome)
{
    sampling->waiting = false;
    if (sampling->timer == NULL) {
        free_all(sampling);
        return false;
    }
    return outcome != BEAM_GONE && !sampling->ended;
}

static void
take(struct beam_sampling *sampling, const struct beam_flame_part *part)
{
    sampling->status.samples += part->samples;
    sampling->status.lost += part->dropped;
    sampling->looks += part->looks;
    sampling->looked_us += part->span_us;
    sampling->busy_us += part->busy_us;
    sampling->processes = part->processes;
}

/* A look that does not come back ends the sampler there; another one may do better. */
static void
begin_again(struct beam_sampling *sampling)
{
    if (++sampling->stalls >= STALLS_MAX) {
        conclude(sampling, "a process there hangs when it is looked at");
    } else {
        teach(sampling);
    }
}

static void
on_samples(void *context, enum beam_outcome outcome, struct str value)
{
    struct beam_sampling *sampling = context;
    struct beam_flame_part part = {0};
    if (!is_wanted(sampling, outcome)) {
        return;
    }
    if (outcome == BEAM_LATE || outcome == BEAM_BUSY) {
        set_timer(sampling, outcome == BEAM_LATE ? 0 : NS_PER_S);
        return;
    }
    bool stale = sampling->stale;
    struct profile *nowhere = stale ? profile_new() : NULL;
    sampling->stale = false;
    sampling->heard_ns = clock_mono_ns();
    if (!beam_flame_read(value, nowhere != NULL ? nowhere : sampling->profile,
                         nowhere != NULL ? PROFILE_NONE : sampling->measure, &part)) {
        begin_again(sampling);
    } else {
        sampling->stalls = 0;
        if (!stale) {
            take(sampling, &part);
        }
        if (part.gone) {
            conclude(sampling, "the process has ended");
        } else {
            tell(sampling, false);
            set_timer(sampling, stale ? FIRST_NS : NS_PER_S);
        }
    }
    profile_release(nowhere);
}

static void
on_learned(void *context, enum beam_outcome outcome, struct str value)
{
    struct beam_sampling *sampling = context;
    char reason[100], why[SAMPLING_WHY_BYTES];
    struct str error = value, tag, what;
    if (!is_wanted(sampling, outcome)) {
        return;
    }
    if (outcome == BEAM_BUSY) {
        sampling->untaught = true;
        set_timer(sampling, NS_PER_S);
        return;
    }
    sampling->heard_ns = clock_mono_ns();
    if (outcome == BEAM_ANSWERED && etf_is_atom(value, "ok")) {
        bool first = !sampling->learned;
        sampling->learned = true;
        sampling->on = first ? !sampling->wish.held : sampling->on;
        sampling->on_ns = first ? sampling->heard_ns : sampling->on_ns;
        sampling->status.state = sampling->on ? SAMPLING_RUNS : SAMPLING_HELD;
        tell(sampling, false);
        set_timer(sampling, FIRST_NS);
        return;
    }
    bool unknown = outcome == BEAM_ANSWERED && etf_tuple(&error, 2) && etf_skip(&error, &tag) &&
                   etf_skip(&error, &what) &&
                   (etf_is_atom(what, "unknown") || etf_is_atom(what, "badarg"));
    if (unknown) {
        snprintf(why, sizeof(why), "the node has no such process and no such application");
    } else {
        snprintf(why, sizeof(why), "the node does not take the sampler: %s",
                 outcome == BEAM_LATE ? "no answer" : etf_print(value, reason, sizeof(reason)));
    }
    conclude(sampling, why);
}

/* ---- asking ---- */

static void
ask(struct beam_sampling *sampling, const char *word, const struct buf *arguments, unsigned count,
    beam_answer *answer)
{
    sampling->waiting = true;
    beam_wire_ask(sampling->setup.wire, sampling->setup.collector, word,
                  (struct str){arguments->data, arguments->full ? 0 : arguments->n}, count,
                  PATIENCE_NS, sampling, answer);
}

static void
teach(struct beam_sampling *sampling)
{
    const struct sampling_wish *wish = &sampling->wish;
    char process[48];
    sampling->untaught = false;
    uint64_t key = (uint64_t)wish->id - 1;
    snprintf(process, sizeof(process), "<0.%u.%u>", (unsigned)(key & UINT32_MAX),
             (unsigned)(key >> 32));
    struct beam_flame_options options = {.rate_hz = wish->rate_hz > 0 ? wish->rate_hz : RATE_HZ,
                                         .of = wish->kind == SAMPLING_NODE_PROCESS ? process
                                                                                   : wish->of,
                                         .wall = wish->wall};
    struct buf text, arguments;
    buf_init(&text, 65536);
    buf_init(&arguments, 131072);
    beam_flame_source(&options, &text);
    etf_put_atom(&arguments, WORD);
    etf_put_binary(&arguments, (struct str){text.data, text.n});
    ask(sampling, "learn", &arguments, 2, on_learned);
    buf_done(&text);
    buf_done(&arguments);
}

static void
on_timer(uv_timer_t *timer)
{
    struct beam_sampling *sampling = timer->data;
    struct buf arguments;
    if (sampling->ended || sampling->waiting || (!sampling->on && !sampling->untaught)) {
        return;
    }
    if (sampling->untaught) {
        teach(sampling);
        return;
    }
    if (clock_mono_ns() - sampling->heard_ns > SILENCE_NS) {
        conclude(sampling, "the node did not answer for a minute");
        return;
    }
    buf_init(&arguments, 64);
    etf_put_atom(&arguments, WORD);
    ask(sampling, "use", &arguments, 1, on_samples);
    buf_done(&arguments);
}

/* ---- the link's ---- */

struct beam_sampling *
beam_sampling_new(const struct beam_sampling_setup *setup, const struct sampling_wish *wish)
{
    struct beam_sampling *sampling = calloc(1, sizeof(*sampling));
    uv_timer_t *timer = calloc(1, sizeof(*timer));
    struct profile *profile = profile_new();
    if (sampling == NULL || timer == NULL || profile == NULL) {
        profile_release(profile);
        free(sampling);
        free(timer);
        return NULL;
    }
    *sampling =
        (struct beam_sampling){.setup = *setup, .wish = *wish, .timer = timer, .profile = profile};
    sampling->measure = profile_measure(profile, STR("samples"), "", 1);
    profile->node_max = MIN(profile->node_max, SAMPLING_NODES_MAX);
    profile->frame_max = MIN(profile->frame_max, SAMPLING_FRAMES_MAX);
    uv_timer_init(setup->loop, timer);
    timer->data = sampling;
    teach(sampling);
    return sampling;
}

bool
beam_sampling_follow(struct beam_sampling *sampling, const struct sampling_wish *wish)
{
    if (!sampling_answers(&sampling->wish, &sampling->status, wish)) {
        return false;
    }
    int64_t now_ns = clock_mono_ns();
    sampling->wish.held = wish->held;
    if (sampling->learned && !sampling->ended && sampling->on == wish->held) {
        sampling->before_ns += sampling->on ? now_ns - sampling->on_ns : 0;
        sampling->on = !wish->held;
        sampling->on_ns = sampling->heard_ns = now_ns;
        sampling->stale = sampling->on;
        sampling->status.state = sampling->on ? SAMPLING_RUNS : SAMPLING_HELD;
        tell(sampling, true);
        if (sampling->on) {
            set_timer(sampling, 0);
        }
    }
    return true;
}

/* An answer may still come: then it frees. */
void
beam_sampling_end(struct beam_sampling *sampling, const char *why)
{
    if (sampling == NULL) {
        return;
    }
    if (why[0] != '\0') {
        conclude(sampling, why);
    }
    sampling->ended = true;
    loop_close(sampling->timer);
    sampling->timer = NULL;
    if (!sampling->waiting) {
        free_all(sampling);
    }
}
