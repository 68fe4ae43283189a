/* Who answers: /api/v1/hello, /healthz, and the page at /. */
#include <string.h>

#include "flametop/base/clock.h"
#include "flametop/base/macros.h"
#include "flametop/core/link.h"
#include "parts.h"

#define PAGE_BYTES_MAX 16384
#define RETRY_NS NS_PER_S /* each try may be an error in the log of who is tried */

static void
write_features(struct json *json)
{
    static const char *const features[] = {"snapshot", "events",   "websocket", "query",
                                           "tables",   "findings", "commands",  "metrics",
                                           "stream",   "traces",   "flame"};
    json_key(json, "features");
    json_array(json);
    for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
        json_text(json, features[i]);
    }
    json_array_end(json);
}

/* What it was started to watch in the place of its machine. */
static void
write_target(struct json *json, const struct link_status *link)
{
    static const char *const states[] = {[LINK_CONNECTING] = "connecting",
                                         [LINK_LIVE] = "live",
                                         [LINK_LOST] = "lost",
                                         [LINK_REFUSED] = "refused"};
    json_key(json, "target");
    json_object(json);
    json_key(json, "name");
    json_text(json, link->target);
    json_key(json, "kind");
    json_text(json, link->kind);
    json_key(json, "state");
    json_text(json, states[link->state]);
    json_key(json, "why");
    json_text(json, link->why[0] != '\0' ? link->why : NULL);
    json_object_end(json);
}

void
answer_hello(struct agent *agent, const struct http_message *message, const char *name)
{
    struct buf out;
    struct json json;
    struct instant now = clock_now(&clock_system);
    (void)name;
    buf_init(&out, PAGE_BYTES_MAX);
    json_init(&json, &out, false);
    json_object(&json);
    json_key(&json, "flametop");
    json_text(&json, FLAMETOP_VERSION);
    json_key(&json, "protocol");
    json_int(&json, AGENT_PROTOCOL);
    json_key(&json, "host");
    json_text(&json, agent->picture != NULL ? agent->picture->host.name : NULL);
    json_key(&json, "instance");
    json_text(&json, agent->instance);
    json_key(&json, "started");
    json_time(&json, agent->started_wall_ns);
    json_key(&json, "now");
    json_time(&json, now.wall_ns);
    json_key(&json, "monotonic_ns");
    json_int(&json, now.mono_ns);
    json_key(&json, "interval_s");
    json_double(&json, agent->picture != NULL ? (double)agent->picture->interval_ns / 1e9 : 0);
    json_key(&json, "may_change");
    json_bool(&json, message->right == RIGHT_CHANGE);
    if (agent->picture != NULL && agent->picture->link != NULL) {
        write_target(&json, agent->picture->link);
    }
    write_features(&json);
    json_object_end(&json);
    agent_reply_json(message, &out);
    buf_done(&out);
}

void
answer_retry(struct agent *agent, const struct http_message *message, const char *name)
{
    const struct picture *picture = agent_picture(agent, message);
    int64_t now_ns = clock_mono_ns();
    (void)name;
    if (picture == NULL) {
        return;
    }
    if (picture->link == NULL || agent->setup.retry == NULL) {
        http_reply_error(message, 409,
                         "this agent watches its own machine: it connects to nothing");
        return;
    }
    if (picture->link->state != LINK_LIVE && now_ns - agent->retried_ns >= RETRY_NS) {
        agent->retried_ns = now_ns;
        agent->setup.retry(agent->setup.context);
    }
    http_reply(message, 200, "application/json", STR("{}\n"), NULL);
}

void
answer_health(struct agent *agent, const struct http_message *message, const char *name)
{
    const struct picture *picture = agent->picture;
    bool fresh =
        picture != NULL && clock_mono_ns() - picture->mono_ns < 3 * picture->interval_ns + NS_PER_S;
    (void)name;
    if (fresh) {
        http_reply(message, 200, "text/plain", STR("ok\n"), NULL);
    } else {
        http_reply_error(message, 503, "%s",
                         picture == NULL ? "there is no picture yet" : "the picture is old");
    }
}

void
answer_front(struct agent *agent, const struct http_message *message, const char *name)
{
    static const char *const headers[] = {
        "Content-Security-Policy: default-src 'none'; connect-src 'self'; style-src "
        "'unsafe-inline'",
        NULL};
    if (http_header(message, "Upgrade") != NULL) {
        answer_websocket(agent, message, name);
        return;
    }
    struct buf out;
    struct agent_route_text route;
    buf_init(&out, PAGE_BYTES_MAX);
    buf_puts(&out, "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>flametop "
                   "agent</title>\n<style>body{font:14px/1.5 monospace;max-width:60em;margin:2em "
                   "auto}td{padding:0 1em 0 0;vertical-align:top}</style>\n<h1>flametop "
                   "agent " FLAMETOP_VERSION
                   "</h1>\n<p>Open it with <b>flametop http://HOST:PORT</b>; the "
                   "interface is described in flametop-api(7).</p>\n<table>\n");
    for (size_t i = 0; agent_route_text(i, &route); i++) {
        buf_printf(&out, "<tr><td>%s<td>%s<td>%s\n", route.method, route.path, route.text);
    }
    buf_puts(&out, "</table>\n");
    http_reply(message, 200, "text/html; charset=utf-8", (struct str){out.data, out.n}, headers);
    buf_done(&out);
}
