/* Pictures without a screen. */
#include "look.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "flametop/base/macros.h"
#include "flametop/core/link.h"

#define FIRST_RATE_NS (300 * NS_PER_MS)
#define PATIENCE_NS (15 * NS_PER_S)
#define SSH_PATIENCE_NS (40 * NS_PER_S)    /* logins can take their time */
#define FAILING_PATIENCE_NS (3 * NS_PER_S) /* with what is known not to answer */

struct look {
    const struct target *target;
    struct collector *collector; /* by hand; or */
    struct engine *engine;
    int64_t interval_ns, opened_ns, last_ns;
    bool heard;           /* a live picture of the engine */
    uint64_t ticks, seen; /* seen: number of the newest picture of the engine */
    struct sampling_wish wish;
};

struct look *
look_open(const struct targets *targets, const struct cli *cli, size_t which)
{
    char why[300] = "";
    struct look *look = calloc(1, sizeof(*look));
    if (look == NULL) {
        cli_complain("out of memory");
        return NULL;
    }
    look->target = &targets->list[which];
    look->interval_ns = config_integer(cli->config, "interval");
    look->opened_ns = clock_mono_ns();
    if (look->target->kind == TARGET_LOCAL) {
        look->collector = machine_collector(cli);
    } else {
        look->engine = targets_engine(targets, cli, which, why, sizeof(why));
        if (look->engine != NULL && !engine_start(look->engine, why, sizeof(why))) {
            engine_free(look->engine);
            look->engine = NULL;
        }
    }
    if (look->collector == NULL && look->engine == NULL) {
        if (why[0] != 0) {
            cli_complain("%s", why);
        }
        free(look);
        return NULL;
    }
    return look;
}

void
look_close(struct look *look)
{
    if (look != NULL) {
        collector_free(look->collector);
        engine_free(look->engine);
        free(look);
    }
}

static void
wait_until(int64_t mono_ns)
{
    struct timespec until = {.tv_sec = (time_t)(mono_ns / NS_PER_S),
                             .tv_nsec = (long)(mono_ns % NS_PER_S)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {
    }
}

/* The next on the grid that is not over: two readings in a row, to catch up, have no rates. */
static int64_t
next_tick(int64_t last_ns, int64_t interval_ns)
{
    return last_ns + interval_ns * (1 + MAX(clock_mono_ns() - last_ns, 0) / interval_ns);
}

static struct picture *
next_by_hand(struct look *look)
{
    if (look->ticks > 0) {
        wait_until(look->ticks == 1 ? look->last_ns + MIN(FIRST_RATE_NS, look->interval_ns)
                                    : next_tick(look->last_ns, look->interval_ns));
    }
    look->last_ns = clock_mono_ns();
    look->ticks++;
    return collector_tick(look->collector);
}

/* A newer picture of the engine; NULL after a while without one. */
static struct picture *
newer(struct look *look)
{
    struct pollfd ready = {.fd = engine_fd(look->engine), .events = POLLIN};
    uint64_t count;
    if (poll(&ready, 1, 500) > 0 && read(ready.fd, &count, sizeof(count)) < 0 && errno != EAGAIN) {
        return NULL;
    }
    struct picture *picture = engine_latest(look->engine);
    if (picture != NULL && picture->number > look->seen) {
        look->seen = picture->number;
        return picture;
    }
    picture_release(picture);
    return NULL;
}

static struct picture *
next_of_link(struct look *look)
{
    int64_t patience_ns = look->target->kind == TARGET_SSH ? SSH_PATIENCE_NS : PATIENCE_NS;
    int64_t until_ns = (look->heard ? clock_mono_ns() : look->opened_ns) + patience_ns;
    char why[800] = "there was no answer";
    do {
        struct picture *picture = newer(look);
        const struct link_status *link = picture != NULL ? picture->link : NULL;
        if (link != NULL && link->state == LINK_LIVE) {
            look->heard = true;
            return picture;
        }
        if (link != NULL && link->why[0] != 0) {
            str_copy(str_from(link->why), why, sizeof(why));
        }
        bool refused = link != NULL && link->state == LINK_REFUSED;
        bool failing = link != NULL && link->state == LINK_CONNECTING && link->retry_mono_ns != 0;
        bool late = clock_mono_ns() - look->opened_ns > FAILING_PATIENCE_NS;
        picture_release(picture);
        if (refused || (failing && late)) {
            break;
        }
    } while (clock_mono_ns() < until_ns);
    cli_complain("%s: %s", look->target->shown, why);
    return NULL;
}

struct picture *
look_next(struct look *look)
{
    return look->collector != NULL ? next_by_hand(look) : next_of_link(look);
}

/* An engine that has run for long meanwhile, because others were asked first, has looked. */
static struct picture *
for_link(struct look *look, int64_t for_ns)
{
    struct picture *picture = next_of_link(look);
    int64_t live_ns = picture != NULL ? picture->link->live_mono_ns : 0;
    int64_t end_ns = MIN(clock_mono_ns() + for_ns, live_ns + for_ns + look->interval_ns);
    while (picture != NULL && clock_mono_ns() < end_ns) {
        picture_release(picture);
        picture = next_of_link(look);
    }
    return picture;
}

/* A tick that would come just before the end is left out: the last one has its place. */
static struct picture *
for_by_hand(struct look *look, int64_t for_ns)
{
    struct picture *picture = next_by_hand(look);
    int64_t end_ns = clock_mono_ns() + for_ns;
    while (picture != NULL) {
        picture_release(picture);
        if (look->last_ns + look->interval_ns > end_ns - look->interval_ns / 2 ||
            clock_mono_ns() >= end_ns) {
            wait_until(end_ns);
            look->last_ns = clock_mono_ns();
            look->ticks++;
            return collector_tick(look->collector);
        }
        picture = next_by_hand(look);
    }
    return NULL;
}

struct picture *
look_for(struct look *look, int64_t for_ns)
{
    int64_t long_ns = MAX(for_ns, FIRST_RATE_NS);
    return look->collector != NULL ? for_by_hand(look, long_ns) : for_link(look, long_ns);
}

struct picture *
look_last(struct look *look)
{
    return look->engine != NULL ? engine_latest(look->engine) : NULL;
}

/* ---- documents ---- */

char *
look_ask(struct look *look, const char *path, size_t *ret_n)
{
    struct message message = {.type = MESSAGE_ASK};
    char *document = NULL, why[200];
    struct picture *picture = look->engine != NULL ? look_next(look) : NULL;
    bool sent = picture != NULL && strlen(path) < sizeof(message.path);
    strlcpy(message.path, path, sizeof(message.path));
    if (look->engine == NULL) {
        cli_complain("%s: no agent that holds requests", look->target->shown);
    } else if (picture != NULL && (!sent || !engine_send(look->engine, &message))) {
        cli_complain("%s: too much is asked at once", look->target->shown);
        sent = false;
    }
    picture_release(picture);
    while (sent && !engine_document(look->engine, &document, ret_n, why, sizeof(why))) {
        picture_release(newer(look));
    }
    if (sent && document == NULL) {
        cli_complain("%s: %s", look->target->shown, why);
    }
    return document;
}

/* ---- sampling ---- */

#define SAMPLING_NUMBER 1 /* there is one a look */

static bool
send_wish(struct look *look)
{
    struct message message = {.type = MESSAGE_SAMPLE,
                              .sample = {.wish = look->wish, .number = SAMPLING_NUMBER}};
    return engine_send(look->engine, &message);
}

static bool
begin_sampling(void *context, const struct sampling_wish *wish, char *why, size_t why_size)
{
    struct look *look = context;
    look->wish = *wish;
    if (look->engine == NULL || !send_wish(look)) {
        snprintf(why, why_size, "%s: nothing can be sampled there", look->target->shown);
        return false;
    }
    return true;
}

static void
hold_sampling(void *context, bool held)
{
    struct look *look = context;
    look->wish.held = held;
    send_wish(look);
}

static void
end_sampling(void *context)
{
    struct look *look = context;
    look->wish = (struct sampling_wish){.kind = SAMPLING_NOTHING};
    send_wish(look);
}

static int
sampling_fd(const void *context)
{
    return engine_sampling_fd(((const struct look *)context)->engine);
}

static const struct profile *
take_sampling(void *context, struct sampling_status *ret_status)
{
    return engine_sampling(((struct look *)context)->engine, SAMPLING_NUMBER, ret_status);
}

struct app_sampler
look_sampler(struct look *look)
{
    return (struct app_sampler){.context = look,
                                .begin = begin_sampling,
                                .end = end_sampling,
                                .hold = hold_sampling,
                                .fd = sampling_fd,
                                .take = take_sampling};
}
