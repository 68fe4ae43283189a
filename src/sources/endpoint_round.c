/* Asking a server: a round is all requests of its adapter at once. */
#include <stdio.h>
#include <string.h>

#include "endpoint_parts.h"
#include "flametop/base/macros.h"
#include "json_read.h"

enum { PATH_BYTES_MAX = 16 << 10 };

#define ANSWER_LONGEST_NS (10 * NS_PER_S)

static void
keep_round(struct endpoint *endpoint)
{
    struct feed *feed = endpoint->feed;
    for (size_t i = 0; i < endpoint->request_count; i++) {
        struct buf body = feed->bodies[i];
        feed->bodies[i] = endpoint->requests[i].body;
        endpoint->requests[i].body = body;
        feed->answered[i] = endpoint->requests[i].good;
    }
    feed->asked_ns = endpoint->round_ns + endpoint->round_trip_ns / 2;
    feed->fresh = true;
    endpoint->heard_ns = feed->came_ns = clock_mono_ns();
    endpoint->back_off_ns = RETRY_FIRST_NS;
    if (!feed->misread) {
        endpoint->state = LINK_LIVE;
        endpoint->why[0] = '\0';
    }
    if (endpoint->adapter->ask == NULL) {
        endpoint_wait(endpoint, feed_wait(feed));
    }
    endpoint->setup.sink.tick(endpoint->setup.sink.context);
}

/* With what the server itself says of it: many put that under "error". */
static void
say_status(const struct endpoint *endpoint, const struct http_answer *answer, char *why,
           size_t why_size)
{
    char error[200];
    cJSON *root = answer->body.n <= SNIFF_BYTES ? json_parse(answer->body) : NULL;
    json_text_at(root, "error", error, sizeof(error));
    cJSON_Delete(root);
    snprintf(why, why_size, "%s answers with status %d%s%s", endpoint->name, answer->status,
             error[0] != '\0' ? ": " : "", error);
}

static void
request_done(void *context, const struct http_answer *answer)
{
    struct request *request = context;
    struct endpoint *endpoint = request->endpoint;
    bool main = request == &endpoint->requests[0];
    char why[ENDPOINT_WHY_BYTES];
    request->call = NULL;
    endpoint->pending--;
    request->good = answer->status == 200 && answer->why[0] == '\0';
    if (request->good) {
        buf_clear(&request->body);
        buf_add(&request->body, answer->body.p, answer->body.n);
    }
    if (main && !request->good) {
        for (size_t i = 0; i < endpoint->request_count; i++) {
            http_cancel(endpoint->requests[i].call);
            endpoint->requests[i].call = NULL;
        }
        endpoint->pending = 0;
        say_status(endpoint, answer, why, sizeof(why));
        if (answer->status == 401 || answer->status == 403) {
            endpoint_refuse_password(endpoint, answer->status, answer->realm);
        } else {
            endpoint_lose(endpoint, answer->why[0] != '\0' ? answer->why : why);
        }
        return;
    }
    endpoint->round_trip_ns = main ? answer->first_byte_ns : endpoint->round_trip_ns;
    if (endpoint->pending == 0) {
        keep_round(endpoint);
    }
}

/* False: there are no more requests in this round. */
static bool
write_path(struct endpoint *endpoint, size_t index, struct buf *path)
{
    const struct adapter *adapter = endpoint->adapter;
    buf_clear(path);
    if (adapter->ask != NULL) {
        buf_puts(path, endpoint->base);
        return adapter->ask(endpoint->feed->state, index, path) && !path->full;
    }
    char placed[sizeof(endpoint->path)];
    if (adapter->requests[index] == NULL) {
        return false;
    }
    if (adapter->requests[index][0] != '\0') {
        endpoint_place(endpoint, adapter->requests[index], placed, sizeof(placed));
    } else {
        str_copy(str_from(endpoint->path), placed, sizeof(placed));
    }
    buf_puts(path, placed);
    return true;
}

static void
send_request(struct endpoint *endpoint, struct request *request, const char *path)
{
    const struct adapter *adapter = endpoint->adapter;
    request->endpoint = endpoint;
    request->good = false;
    if (request->body.max == 0) {
        buf_init(&request->body, adapter->body_max + 1);
    }
    /* Queries may take long; documents come at once. */
    int64_t patience_ns = MIN(MAX(2 * endpoint->interval_ns, 2 * NS_PER_S), ANSWER_LONGEST_NS);
    request->call = http_send(
        endpoint->client,
        &(struct http_request){.path = path,
                               .accept = adapter->accept,
                               .timeout_ns = adapter->ask != NULL ? ANSWER_LONGEST_NS : patience_ns,
                               .body_max = adapter->body_max,
                               .context = request,
                               .done = request_done});
    endpoint->pending += request->call != NULL;
}

void
endpoint_round_hurry(struct endpoint *endpoint)
{
    endpoint->interval_ns = MAX(endpoint->setup.interval_ns, endpoint->adapter->interval_min_ns);
    if (endpoint->state == LINK_LIVE && uv_is_active((uv_handle_t *)endpoint->timer)) {
        int64_t left_ns = (int64_t)uv_timer_get_due_in(endpoint->timer) * NS_PER_MS;
        endpoint_wait(endpoint, MIN(left_ns, feed_wait(endpoint->feed)));
    }
}

void
endpoint_round_start(struct endpoint *endpoint)
{
    const struct adapter *adapter = endpoint->adapter;
    endpoint->interval_ns = MAX(endpoint->setup.interval_ns, adapter->interval_min_ns);
    endpoint->round_ns = clock_mono_ns();
    endpoint->request_count = 0;
    struct buf path;
    buf_init(&path, PATH_BYTES_MAX);
    while (endpoint->request_count < ADAPTER_REQUESTS_MAX &&
           write_path(endpoint, endpoint->request_count, &path)) {
        send_request(endpoint, &endpoint->requests[endpoint->request_count++], path.data);
    }
    buf_done(&path);
    if (endpoint->requests[0].call == NULL) {
        endpoint_lose(endpoint, "out of memory");
    }
}
