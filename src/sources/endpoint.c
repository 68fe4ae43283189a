/* The link to a foreign server: finding out what it is, asking it each interval, and giving what
 * came to a source that the collector polls. Here are its states and the link itself.
 *
 * Invariant: the feed is shared by the link and its source, and goes with the later of the two.
 * While `adapter` is NULL probes are out, a timer runs, or the state is LINK_REFUSED. */
#include "flametop/sources/endpoint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "endpoint_parts.h"
#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "flametop/net/loop.h"
#include "flametop/net/netrc.h"

#define RETRY_LONGEST_NS (30 * NS_PER_S)

/* ---- states ---- */

static void
on_timer(uv_timer_t *timer)
{
    struct endpoint *endpoint = timer->data;
    endpoint->retry_ns = 0;
    if (endpoint->pending > 0) {
        return; /* the round that is under way sets the timer when it ends */
    }
    if (endpoint->adapter != NULL) {
        endpoint_round_start(endpoint);
    } else {
        endpoint_probes_start(endpoint);
    }
}

void
endpoint_wait(struct endpoint *endpoint, int64_t delay_ns)
{
    uv_update_time(endpoint->setup.loop);
    uv_timer_start(endpoint->timer, on_timer, (uint64_t)(MAX(delay_ns, 0) / NS_PER_MS), 0);
}

void
endpoint_lose(struct endpoint *endpoint, const char *why)
{
    endpoint->state = endpoint->heard_ns != 0 ? LINK_LOST : LINK_CONNECTING;
    snprintf(endpoint->why, sizeof(endpoint->why), "%s", why);
    int64_t delay = endpoint->back_off_ns;
    endpoint->back_off_ns = MIN(delay * 2, RETRY_LONGEST_NS);
    endpoint->retry_ns = clock_mono_ns() + delay;
    endpoint_wait(endpoint, delay);
}

void
endpoint_refuse(struct endpoint *endpoint, const char *why)
{
    endpoint->state = LINK_REFUSED;
    endpoint->retry_ns = 0;
    snprintf(endpoint->why, sizeof(endpoint->why), "%s", why);
    uv_timer_stop(endpoint->timer);
}

void
endpoint_place(const struct endpoint *endpoint, const char *path, char *dst, size_t size)
{
    bool unix_socket = endpoint->url.scheme == URL_UNIX;
    const char *own = unix_socket ? "" : endpoint->url.path;
    if (path[0] == '.') {
        size_t n = strcspn(own, "?");
        n -= n > 0 && own[n - 1] == '/';
        snprintf(dst, size, "%.*s%s", (int)n, own, path + 1);
    } else if (path[0] != '\0') {
        snprintf(dst, size, "%s%s", endpoint->base, path);
    } else {
        snprintf(dst, size, "%s%s", own[0] == '/' ? "" : "/", own);
    }
}

void
endpoint_refuse_password(struct endpoint *endpoint, int status, const char *realm)
{
    const struct http_credentials *given = &endpoint->options->credentials;
    bool had = given->token != NULL || (given->user != NULL && given->user[0] != '\0') ||
               endpoint->url.user[0] != '\0' || (given->netrc && netrc_has(endpoint->url.host));
    char why[ENDPOINT_WHY_BYTES];
    if (given->token != NULL && status == 401) {
        snprintf(why, sizeof(why),
                 "%s refused the token: give the right one with --token-file FILE", endpoint->name);
        endpoint_refuse(endpoint, why);
        return;
    }
    const char *what = status == 403 ? "does not allow this" : "wants a password";
    snprintf(why, sizeof(why), "%s %s%s%s%s: %s into ~/.netrc, or give --token-file FILE",
             endpoint->name, had && status == 401 ? "refused the password" : what,
             realm[0] != '\0' ? " for \"" : "", realm, realm[0] != '\0' ? "\"" : "",
             had ? "put the right one" : "put it");
    endpoint_refuse(endpoint, why);
}

/* ---- the link ---- */

static void
endpoint_close(void *state)
{
    struct endpoint *endpoint = state;
    if (endpoint->inner != NULL) {
        endpoint->inner->close(endpoint->inner_state);
    }
    endpoint_probes_free(endpoint);
    http_client_free(endpoint->client);
    loop_close(endpoint->timer);
    if (endpoint->feed != NULL) {
        endpoint->feed->endpoint = NULL;
        feed_release(endpoint->feed);
    }
    for (size_t i = 0; i < ADAPTER_REQUESTS_MAX; i++) {
        buf_done(&endpoint->requests[i].body);
    }
    free(endpoint->probes);
    free(endpoint);
}

static bool
judge_kind(const char *kind, char *why, size_t why_size)
{
    size_t n = 0;
    const char *last = "";
    for (size_t i = 0; i < adapter_table_count; i++) {
        if (kind[0] == '\0' || strcmp(kind, adapter_table[i]->name) == 0) {
            return true;
        }
    }
    n +=
        (size_t)snprintf(why, why_size, "there is no kind of server called %s: it is one of", kind);
    for (size_t i = 0; i < adapter_table_count && n < why_size; i++) {
        if (strcmp(adapter_table[i]->name, last) != 0) {
            last = adapter_table[i]->name;
            n += (size_t)snprintf(why + n, why_size - n, " %s", last);
        }
    }
    return false;
}

static void
name_target(struct endpoint *endpoint)
{
    const struct url *url = &endpoint->url;
    struct buf text;
    if (url->scheme == URL_UNIX) {
        snprintf(endpoint->name, sizeof(endpoint->name), "unix:%s", url->path);
        return;
    }
    buf_init(&text, sizeof(endpoint->name));
    struct str path = str_from(url->path);
    struct str shown;
    if (!str_until(&path, '?', &shown)) { /* a query may hold a secret */
        shown = STR("");
    }
    char plain[URL_PATH_BYTES];
    url_write(url, str_copy(shown, plain, sizeof(plain)), &text);
    utf8_clean((struct str){text.data, text.n}, endpoint->name, sizeof(endpoint->name));
    buf_done(&text);
    const char *slash = strrchr(plain, '/');
    str_copy((struct str){plain, slash != NULL ? (size_t)(slash - plain) : 0}, endpoint->base,
             sizeof(endpoint->base));
}

static int
endpoint_open(const struct link_setup *setup, void **ret_state, char *why, size_t why_size)
{
    struct endpoint *endpoint = calloc(1, sizeof(*endpoint));
    snprintf(why, why_size, "out of memory");
    if (endpoint == NULL) {
        return -ENOMEM;
    }
    endpoint->setup = *setup;
    endpoint->options = setup->options;
    endpoint->back_off_ns = RETRY_FIRST_NS;
    endpoint->probes = calloc(PROBES_MAX, sizeof(*endpoint->probes));
    endpoint->timer = calloc(1, sizeof(*endpoint->timer));
    if (endpoint->timer != NULL) {
        uv_timer_init(setup->loop, endpoint->timer);
        endpoint->timer->data = endpoint;
    }
    if (endpoint->probes == NULL || endpoint->timer == NULL ||
        !url_parse(str_from(endpoint->options->target), &endpoint->url, why, why_size) ||
        !judge_kind(endpoint->url.kind, why, why_size) ||
        (endpoint->client = http_client_new(setup->loop, &endpoint->url,
                                            &endpoint->options->credentials, why, why_size)) ==
            NULL) {
        endpoint_close(endpoint);
        return -EINVAL;
    }
    name_target(endpoint);
    endpoint_probes_start(endpoint);
    *ret_state = endpoint;
    return 0;
}

static void
endpoint_status(const void *state, struct link_status *ret_status)
{
    const struct endpoint *endpoint = state;
    if (endpoint->inner != NULL) {
        endpoint->inner->status(endpoint->inner_state, ret_status);
        ret_status->here = ret_status->here && endpoint->options->here;
        return;
    }
    *ret_status = (struct link_status){
        .state = endpoint->state,
        .target = endpoint->name,
        .kind = endpoint->adapter != NULL ? endpoint->adapter->name : "",
        .why = endpoint->why,
        .heard_mono_ns = endpoint->heard_ns,
        .retry_mono_ns = endpoint->retry_ns,
        .round_trip_ns = endpoint->round_trip_ns,
        .insecure = endpoint->options->credentials.insecure,
    };
}

static void
endpoint_interest(void *state, const struct interest *interest)
{
    struct endpoint *endpoint = state;
    if (endpoint->inner != NULL) {
        endpoint->inner->interest(endpoint->inner_state, interest);
    } else if (endpoint->adapter != NULL && endpoint->adapter->interest != NULL) {
        endpoint->adapter->interest(endpoint->feed->state, interest);
    }
}

static void
endpoint_interval(void *state, int64_t interval_ns)
{
    struct endpoint *endpoint = state;
    endpoint->setup.interval_ns = interval_ns;
    if (endpoint->inner != NULL) {
        endpoint->inner->interval(endpoint->inner_state, interval_ns);
    } else if (endpoint->adapter != NULL) {
        endpoint_round_hurry(endpoint);
    }
}

static void
endpoint_retry(void *state)
{
    struct endpoint *endpoint = state;
    if (endpoint->inner != NULL) {
        endpoint->inner->retry(endpoint->inner_state);
        return;
    }
    if (endpoint->pending > 0 || endpoint->probe_count > 0 || endpoint->state == LINK_LIVE) {
        return; /* it is being tried */
    }
    endpoint->back_off_ns = RETRY_FIRST_NS;
    endpoint->state = endpoint->heard_ns != 0 ? LINK_LOST : LINK_CONNECTING;
    endpoint_wait(endpoint, 0);
}

static void
endpoint_command(void *state, const char *name, const char *arguments_json, void *context,
                 link_answer *answer)
{
    struct endpoint *endpoint = state;
    if (endpoint->inner != NULL) {
        endpoint->inner->command(endpoint->inner_state, name, arguments_json, context, answer);
    } else {
        answer(context, "this server takes no commands: they need a flametop agent");
    }
}

static void
endpoint_sample(void *state, const struct sampling_wish *wish)
{
    struct endpoint *endpoint = state;
    if (endpoint->inner != NULL && endpoint->inner->sample != NULL) {
        endpoint->inner->sample(endpoint->inner_state, wish);
    } else if (wish->kind != SAMPLING_NOTHING) {
        struct sampling_status status = {
            .state = SAMPLING_FAILED,
            .why = "this server samples nothing: that takes a flametop agent"};
        endpoint->setup.sink.sampled(endpoint->setup.sink.context, &status, NULL);
    }
}

static void
endpoint_ask(void *state, const char *path, void *context, link_document *answer)
{
    struct endpoint *endpoint = state;
    if (endpoint->inner != NULL && endpoint->inner->ask != NULL) {
        endpoint->inner->ask(endpoint->inner_state, path, context, answer);
    } else {
        answer(context, "this server holds no requests: that takes a flametop agent", STR(""));
    }
}

const struct link link_endpoint = {
    .name = "endpoint",
    .open = endpoint_open,
    .status = endpoint_status,
    .interest = endpoint_interest,
    .interval = endpoint_interval,
    .retry = endpoint_retry,
    .command = endpoint_command,
    .sample = endpoint_sample,
    .ask = endpoint_ask,
    .close = endpoint_close,
};

bool
endpoint_kind(size_t index, struct endpoint_kind *ret_kind)
{
    for (size_t i = 0; i < adapter_table_count; i++) {
        const struct adapter *adapter = adapter_table[i];
        bool version = i > 0 && strcmp(adapter->name, adapter_table[i - 1]->name) == 0;
        if (!version && index-- == 0) {
            *ret_kind = (struct endpoint_kind){adapter->name, adapter->text, adapter->metrics,
                                               adapter->metric_count};
            return true;
        }
    }
    return false;
}
