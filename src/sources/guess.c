/* Guessing a port.
 *
 * Invariant: an inner link is only closed before it has recognised its server: it has brought
 * nothing by then. Once it has (its status names a kind) it stays. */
#include "flametop/sources/guess.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "flametop/base/clock.h"
#include "flametop/base/macros.h"
#include "flametop/net/loop.h"
#include "flametop/sources/endpoint.h"

#define LOOK_MS 20
#define PATIENCE_NS (1500 * NS_PER_MS) /* with a port that swallows what is sent to it */
#define RETRY_FIRST_NS NS_PER_S
#define RETRY_LONGEST_NS (30 * NS_PER_S)

enum phase { AT_AGENT_PORT, AT_SCHEME_PORT, WAITING, FOUND };

struct guess {
    struct link_setup setup;
    const struct endpoint_options *options;
    struct endpoint_options inner_options;
    struct url url;
    char target[URL_PATH_BYTES + URL_HOST_BYTES + 128];
    void *inner; /* state of link_endpoint; NULL: none is open */
    enum phase phase;
    uv_timer_t *timer;
    struct interest interest;
    bool interested;
    int64_t began_ns, retry_ns, back_off_ns;
    char why[400];
};

bool
guess_wanted(const struct url *url)
{
    return url->scheme != URL_UNIX && url->port == 0 &&
           (url->kind[0] == '\0' || strcmp(url->kind, "agent") == 0);
}

static void
close_inner(struct guess *guess)
{
    if (guess->inner != NULL) {
        link_endpoint.close(guess->inner);
        guess->inner = NULL;
    }
}

/* "agent+http://USER@HOST:7711", or the target as it was given. */
static void
write_target(struct guess *guess, enum phase phase)
{
    const struct url *url = &guess->url;
    bool six = strchr(url->host, ':') != NULL;
    if (phase == AT_AGENT_PORT) {
        snprintf(guess->target, sizeof(guess->target), "agent+%s://%s%s%s%s%s:%d",
                 url->scheme == URL_HTTPS ? "https" : "http", url->user,
                 url->user[0] != '\0' ? "@" : "", six ? "[" : "", url->host, six ? "]" : "",
                 AGENT_PORT);
    } else {
        str_copy(str_from(guess->options->target), guess->target, sizeof(guess->target));
    }
}

static int
open_inner(struct guess *guess, enum phase phase, char *why, size_t why_size)
{
    struct link_setup inner = guess->setup;
    write_target(guess, phase);
    inner.options = &guess->inner_options;
    int error = link_endpoint.open(&inner, &guess->inner, why, why_size);
    if (error < 0) {
        guess->inner = NULL;
        return error;
    }
    if (guess->interested) {
        link_endpoint.interest(guess->inner, &guess->interest);
    }
    guess->phase = phase;
    guess->began_ns = clock_mono_ns();
    guess->retry_ns = 0;
    return 0;
}

/* Neither answers. */
static void
wait(struct guess *guess, const char *why)
{
    snprintf(guess->why, sizeof(guess->why),
             "%s, and there is no agent at its port %d (another one is given as http://HOST:PORT)",
             why, AGENT_PORT);
    close_inner(guess);
    guess->phase = WAITING;
    guess->retry_ns = clock_mono_ns() + guess->back_off_ns;
    guess->back_off_ns = MIN(guess->back_off_ns * 2, RETRY_LONGEST_NS);
    guess->setup.sink.tick(guess->setup.sink.context);
}

static void
on_look(uv_timer_t *timer)
{
    struct guess *guess = timer->data;
    int64_t now_ns = clock_mono_ns();
    struct link_status status = {.kind = "", .why = ""};
    if (guess->phase == WAITING) {
        if (now_ns >= guess->retry_ns &&
            open_inner(guess, AT_AGENT_PORT, guess->why, sizeof(guess->why)) < 0) {
            wait(guess, "out of memory");
        }
        return;
    }
    link_endpoint.status(guess->inner, &status);
    bool failed = status.state == LINK_CONNECTING && status.retry_mono_ns != 0;
    bool refused = status.state == LINK_REFUSED;
    if (status.kind[0] != '\0' || (refused && guess->phase == AT_SCHEME_PORT)) {
        guess->phase = FOUND;
        uv_timer_stop(timer);
    } else if (guess->phase == AT_AGENT_PORT &&
               (failed || refused || now_ns - guess->began_ns > PATIENCE_NS)) {
        close_inner(guess);
        if (open_inner(guess, AT_SCHEME_PORT, guess->why, sizeof(guess->why)) < 0) {
            wait(guess, "out of memory");
        }
    } else if (guess->phase == AT_SCHEME_PORT && failed) {
        char why[300];
        str_copy(str_from(status.why), why, sizeof(why)); /* it goes with the link */
        wait(guess, why);
    }
}

static void
guess_close(void *state)
{
    struct guess *guess = state;
    close_inner(guess);
    loop_close(guess->timer);
    free(guess);
}

static int
guess_open(const struct link_setup *setup, void **ret_state, char *why, size_t why_size)
{
    const struct endpoint_options *options = setup->options;
    struct guess *guess = calloc(1, sizeof(*guess));
    uv_timer_t *timer = calloc(1, sizeof(*timer));
    if (guess == NULL || timer == NULL ||
        !url_parse(str_from(options->target), &guess->url, why, why_size)) {
        int error = guess == NULL || timer == NULL ? -ENOMEM : -EINVAL;
        if (error == -ENOMEM) {
            snprintf(why, why_size, "out of memory");
        }
        free(guess);
        free(timer);
        return error;
    }
    uv_timer_init(setup->loop, timer);
    timer->data = guess;
    guess->timer = timer;
    guess->setup = *setup;
    guess->options = options;
    guess->inner_options = *options;
    guess->inner_options.target = guess->target;
    guess->back_off_ns = RETRY_FIRST_NS;
    int error = open_inner(guess, AT_AGENT_PORT, why, why_size);
    if (error < 0) {
        guess_close(guess);
        return error;
    }
    uv_timer_start(timer, on_look, LOOK_MS, LOOK_MS);
    *ret_state = guess;
    return 0;
}

static void
guess_status(const void *state, struct link_status *ret_status)
{
    const struct guess *guess = state;
    if (guess->phase == FOUND) {
        link_endpoint.status(guess->inner, ret_status);
        return;
    }
    /* what one port says is not the whole story */
    *ret_status = (struct link_status){.state = LINK_CONNECTING,
                                       .target = guess->options->target,
                                       .kind = "",
                                       .why = guess->phase == WAITING ? guess->why : "",
                                       .retry_mono_ns = guess->retry_ns,
                                       .insecure = guess->options->credentials.insecure};
}

static void
guess_interest(void *state, const struct interest *interest)
{
    struct guess *guess = state;
    guess->interest = *interest;
    guess->interested = true;
    if (guess->inner != NULL) {
        link_endpoint.interest(guess->inner, interest);
    }
}

static void
guess_interval(void *state, int64_t interval_ns)
{
    struct guess *guess = state;
    guess->setup.interval_ns = interval_ns;
    if (guess->inner != NULL) {
        link_endpoint.interval(guess->inner, interval_ns);
    }
}

static void
guess_retry(void *state)
{
    struct guess *guess = state;
    if (guess->phase == FOUND) {
        link_endpoint.retry(guess->inner);
    } else {
        guess->retry_ns = 0;
        guess->back_off_ns = RETRY_FIRST_NS;
    }
}

static void
guess_command(void *state, const char *name, const char *arguments, void *context,
              link_answer *answer)
{
    struct guess *guess = state;
    if (guess->inner != NULL) {
        link_endpoint.command(guess->inner, name, arguments, context, answer);
    } else {
        answer(context, "there is no connection");
    }
}

static void
guess_sample(void *state, const struct sampling_wish *wish)
{
    struct guess *guess = state;
    if (guess->inner != NULL) {
        link_endpoint.sample(guess->inner, wish);
    }
}

const struct link link_guess = {
    .name = "guess",
    .open = guess_open,
    .status = guess_status,
    .interest = guess_interest,
    .interval = guess_interval,
    .retry = guess_retry,
    .command = guess_command,
    .sample = guess_sample,
    .close = guess_close,
};
