/* The routes of the agent: one row each. The manual and openapi.yaml are held against this table.
 */
#include <string.h>

#include "flametop/base/macros.h"
#include "parts.h"

/* clang-format off */
static const struct route routes[] = {
    {"GET", "/", RIGHT_READ, answer_front, "A WebSocket, as /ws; without an upgrade, a page that names the routes."},
    {"GET", "/ws", RIGHT_READ, answer_websocket, "A WebSocket that sends the picture, each update and each alert."},
    {"GET", "/healthz", RIGHT_NONE, answer_health, "Whether the agent has a picture not older than three intervals."},
    {"GET", "/metrics", RIGHT_READ, answer_metrics, "The newest values in Prometheus' text form, or OpenMetrics by the Accept header."},
    {"GET", "/api/v1/hello", RIGHT_READ, answer_hello, "Who answers: versions, host, instance, clock, features."},
    {"GET", "/api/v1/snapshot", RIGHT_READ, answer_snapshot, "The whole picture with its charts, as a snapshot document or in another format."},
    {"GET", "/api/v1/stream", RIGHT_READ, answer_stream, "The record stream: the picture, history newest first, each tick; server-sent events when Accept is text/event-stream."},
    {"POST", "/api/v1/interest", RIGHT_READ, answer_interest, "What the reader of a record stream looks at, until it leaves."},
    {"POST", "/api/v1/retry", RIGHT_READ, answer_retry, "Connects again now to what the agent was started to watch, where that does not answer."},
    {"GET", "/api/v1/metrics/query", RIGHT_READ, answer_query, "The history of one metric or formula, in steps."},
    {"GET", "/api/v1/tables/{name}", RIGHT_READ, answer_table, "One table, sorted, filtered and cut."},
    {"GET", "/api/v1/traces", RIGHT_READ, answer_traces, "The requests that are held, newest first, filtered and cut."},
    {"GET", "/api/v1/traces/query", RIGHT_READ, answer_question, "A question to all requests that are held, such as p95 duration by tool."},
    {"GET", "/api/v1/traces/{id}", RIGHT_READ, answer_trace, "One request with its spans, as OTLP JSON."},
    {"GET", "/api/v1/flame", RIGHT_READ, answer_flame, "A flame graph of the requests that are held, or of what runs now, as speedscope JSON or in another form."},
    {"GET", "/api/v1/flame/stream", RIGHT_READ, answer_flame_stream, "A live profile as it grows, as records."},
    {"GET", "/api/v1/findings", RIGHT_READ, answer_findings, "What the diagnosis says, worst first."},
    {"POST", "/api/v1/commands/{name}", RIGHT_CHANGE, answer_command, "Sends a signal, changes a priority, or keeps a request longer."},
};
/* clang-format on */

bool
agent_route_text(size_t index, struct agent_route_text *ret_text)
{
    if (index >= ARRAY_SIZE(routes)) {
        return false;
    }
    const struct route *route = &routes[index];
    *ret_text = (struct agent_route_text){route->method, route->path, route->text, route->right};
    return true;
}

/* The name that stands for {name}, "" when the route has none; NULL: another route. */
static const char *
match(const struct route *route, const char *path)
{
    const char *brace = strchr(route->path, '{');
    if (brace == NULL) {
        return strcmp(route->path, path) == 0 ? "" : NULL;
    }
    size_t n = (size_t)(brace - route->path);
    bool right =
        strncmp(route->path, path, n) == 0 && path[n] != '\0' && strchr(path + n, '/') == NULL;
    return right ? path + n : NULL;
}

static void
refuse_right(const struct agent *agent, const struct http_message *message)
{
    if (message->right == RIGHT_NONE) {
        http_reply_error(message, 401,
                         "this agent wants a token: send Authorization: Bearer TOKEN");
    } else if (agent->options->change_token == NULL) {
        http_reply_error(message, 403,
                         "this agent changes nothing: it was started without --change-token-file");
    } else {
        http_reply_error(message, 403, "this takes the token for changes");
    }
}

void
answer_stream(struct agent *agent, const struct http_message *message, const char *name)
{
    const char *accept = http_header(message, "Accept");
    if (accept != NULL && strstr(accept, "text/event-stream") != NULL) {
        answer_events(agent, message, name);
    } else {
        hub_answer_stream(agent->hub, message);
    }
}

void
answer_interest(struct agent *agent, const struct http_message *message, const char *name)
{
    (void)name;
    hub_answer_interest(agent->hub, message);
}

void
routes_answer(struct agent *agent, const struct http_message *message)
{
    const char *other = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
        const char *name = match(&routes[i], message->path);
        if (name == NULL) {
            continue;
        }
        if (strcmp(routes[i].method, message->method) != 0) {
            other = routes[i].method;
        } else if (message->right < routes[i].right) {
            refuse_right(agent, message);
            return;
        } else {
            routes[i].answer(agent, message, name);
            return;
        }
    }
    if (message->right == RIGHT_NONE) {
        refuse_right(agent, message); /* what exists is nobody's business */
    } else if (other != NULL) {
        http_reply_error(message, 405, "this route is for %s", other);
    } else {
        http_reply_error(message, 404, "there is no such route: / names them");
    }
}
