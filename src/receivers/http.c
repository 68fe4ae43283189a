/* The routes over HTTP/1. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "flametop/base/log.h"
#include "otlp_reply.h"
#include "receive_parts.h"

#define REPLY_BYTES_MAX 4096
#define ORIGIN_BYTES 300

/* Codes of google.rpc.Status. */
enum { STATUS_INVALID = 3, STATUS_UNAVAILABLE = 14, STATUS_UNIMPLEMENTED = 12 };

enum media { MEDIA_OTHER, MEDIA_NONE, MEDIA_JSON, MEDIA_LINES, MEDIA_PROTOBUF, MEDIA_FORM };

static const struct {
    const char *type;
    enum media media;
} media_types[] = {
    {"application/json", MEDIA_JSON},
    {"application/x-protobuf", MEDIA_PROTOBUF},
    {"application/protobuf", MEDIA_PROTOBUF},
    {"application/x-ndjson", MEDIA_LINES},
    {"application/jsonl", MEDIA_LINES},
    {"application/json-lines", MEDIA_LINES},
    {"text/plain", MEDIA_LINES},
    {"application/x-www-form-urlencoded", MEDIA_FORM}, /* what curl says unless it is told */
};

static const struct route {
    const char *path;
    enum receive_protocol protocol;
    decode_function *json, *protobuf;
    bool metrics, ours; /* ours: what curl calls a form is JSON */
} routes[] = {
    {"/v1/traces", RECEIVE_OTLP_HTTP, otlp_json_read, otlp_traces_read, false, false},
    {"/v1/metrics", RECEIVE_OTLP_HTTP, otlp_json_metrics_read, otlp_metrics_read, true, false},
    {"/api/v2/spans", RECEIVE_ZIPKIN, zipkin_read, NULL, false, false},
    {"/v1/requests", RECEIVE_REQUESTS, mission_requests_read, NULL, false, true},
    {"/v1/samples", RECEIVE_SAMPLES, mission_samples_read, NULL, true, true},
};

static const char about[] = "flametop receives here:\n"
                            "  POST /v1/traces      OTLP, protobuf or JSON\n"
                            "  POST /v1/metrics     OTLP, protobuf or JSON\n"
                            "  POST /api/v2/spans   Zipkin, JSON\n"
                            "  POST /v1/requests    requests of the profiling data model, JSON\n"
                            "  POST /v1/samples     measurements with units, JSON\n";

static enum media
media_of(const struct http_message *message)
{
    const char *type = http_header(message, "Content-Type");
    size_t n = type != NULL ? strcspn(type, "; \t") : 0;
    if (n == 0) {
        return MEDIA_NONE;
    }
    for (size_t i = 0; i < ARRAY_SIZE(media_types); i++) {
        if (strlen(media_types[i].type) == n && strncasecmp(type, media_types[i].type, n) == 0) {
            return media_types[i].media;
        }
    }
    return MEDIA_OTHER;
}

static const struct route *
route_of(const char *path)
{
    for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
        if (strcmp(routes[i].path, path) == 0) {
            return &routes[i];
        }
    }
    return NULL;
}

/* Answers, with what a page of this machine needs to see the answer. The server has judged the
 * Origin: a page of others meets 403. */
static void
reply(const struct http_message *message, int status, const char *type, const struct buf *body,
      const char *extra)
{
    char allowed[ORIGIN_BYTES + 40];
    const char *origin = http_header(message, "Origin"), *headers[4] = {NULL};
    size_t n = 0;
    if (origin != NULL && strlen(origin) < ORIGIN_BYTES && status != 403) {
        snprintf(allowed, sizeof(allowed), "Access-Control-Allow-Origin: %s", origin);
        headers[n++] = allowed;
        headers[n++] = "Vary: Origin";
    }
    if (extra != NULL) {
        headers[n] = extra;
    }
    http_reply(message, status, type, (struct str){body->data != NULL ? body->data : "", body->n},
               headers);
}

static void
reply_error(const struct http_message *message, int status, const char *sentence)
{
    const struct route *route = route_of(message->path);
    bool protobuf = route != NULL && route->protobuf != NULL && media_of(message) == MEDIA_PROTOBUF;
    int code = status == 503   ? STATUS_UNAVAILABLE
               : status == 404 ? STATUS_UNIMPLEMENTED
                               : STATUS_INVALID;
    const char *extra = status == 503   ? "Retry-After: 1"
                        : status == 405 ? "Allow: POST, OPTIONS"
                                        : NULL;
    struct buf body;
    buf_init(&body, REPLY_BYTES_MAX);
    otlp_reply_error(code, sentence, !protobuf, &body);
    reply(message, status, protobuf ? "application/x-protobuf" : "application/json", &body, extra);
    buf_done(&body);
}

void
http_refuse(void *context, const struct http_message *message, int status, const char *why)
{
    const struct route *route = route_of(message->path);
    char sentence[200];
    snprintf(sentence, sizeof(sentence), "%s",
             status == 413 ? "the body is larger than 64 MiB when unpacked" : why);
    if (route != NULL) {
        receive_error(context, route->protocol);
    }
    reply_error(message, status, sentence);
}

/* What a page asks before it sends. */
static void
reply_options(const struct http_message *message)
{
    char asked[400], allowed[ORIGIN_BYTES + 40];
    const char *origin = http_header(message, "Origin");
    const char *headers = http_header(message, "Access-Control-Request-Headers");
    const char *list[] = {NULL,
                          "Vary: Origin",
                          "Access-Control-Allow-Methods: POST",
                          "Access-Control-Max-Age: 600",
                          NULL,
                          NULL};
    if (origin == NULL || strlen(origin) >= ORIGIN_BYTES) {
        http_reply(message, 204, NULL, (struct str){"", 0},
                   (const char *const[]){"Allow: POST, OPTIONS", NULL});
        return;
    }
    snprintf(allowed, sizeof(allowed), "Access-Control-Allow-Origin: %s", origin);
    snprintf(asked, sizeof(asked), "Access-Control-Allow-Headers: %s",
             headers != NULL ? headers : "content-type");
    list[0] = allowed;
    list[4] = asked;
    http_reply(message, 204, NULL, (struct str){"", 0}, list);
}

/* The decoder of a body of this type; NULL: there is none for it. */
static decode_function *
decoder_of(const struct route *route, enum media media, struct str body)
{
    bool json = body.n > 0 && (body.p[0] == '{' || body.p[0] == '[');
    switch (media) {
    case MEDIA_PROTOBUF:
        return route->protobuf;
    case MEDIA_JSON:
    case MEDIA_LINES:
        return route->json;
    case MEDIA_FORM:
    case MEDIA_NONE:
        return route->ours && json ? route->json : NULL;
    default:
        return NULL;
    }
}

static void
reply_taken(const struct http_message *message, const struct route *route,
            const struct delivery *delivery, bool protobuf)
{
    struct buf body;
    buf_init(&body, REPLY_BYTES_MAX);
    if (route->protocol == RECEIVE_ZIPKIN) { /* which answers nothing */
        reply(message, 202, NULL, &body, NULL);
    } else {
        otlp_reply(delivery, route->metrics, !protobuf, &body);
        reply(message, 200, protobuf ? "application/x-protobuf" : "application/json", &body, NULL);
    }
    buf_done(&body);
}

/* ---- large bodies ---- */

struct large_request {
    struct receive_large large;
    const struct http_message *message; /* NULL: nobody waits for the answer */
    const struct route *route;
    bool protobuf;
    struct buf body;
};

static void
answer_large(struct receive_large *large, const struct delivery *delivery, enum decoded how)
{
    struct large_request *request = (struct large_request *)large;
    if (request->message == NULL) {
        log_debug("receiving: who sent a body did not wait for its answer");
    } else if (how == DECODED_GOOD) {
        reply_taken(request->message, request->route, delivery, request->protobuf);
    } else if (how == DECODED_BAD) {
        reply_error(request->message, 400, delivery->why);
    } else {
        reply_error(request->message, 503, "flametop ends");
    }
    buf_done(&request->body);
    free(request);
}

static void
nobody_waits(void *context)
{
    struct large_request *request = context;
    request->message = NULL;
}

static void
take_large(struct receive *receive, const struct http_message *message, const struct route *route,
           decode_function *decode, bool protobuf)
{
    struct large_request *request = malloc(sizeof(*request));
    if (request == NULL) {
        reply_error(message, 503, "out of memory");
        return;
    }
    *request = (struct large_request){.large = {receive, route->protocol, answer_large},
                                      .route = route,
                                      .protobuf = protobuf,
                                      .body = http_take_body(message)};
    if (receive_decode_large(&request->large, decode, message->body)) {
        request->message = http_defer(message, request, nobody_waits);
    } else {
        reply_error(message, 503, "other bodies are being read: send it again in a moment");
        buf_done(&request->body);
        free(request);
    }
}

/* ---- requests ---- */

static void
take(struct receive *receive, const struct http_message *message, const struct route *route)
{
    enum media media = media_of(message);
    struct delivery delivery;
    decode_function *decode = decoder_of(route, media, message->body);
    if (decode == NULL) {
        receive_error(receive, route->protocol);
        reply_error(message, 415,
                    route->protobuf != NULL
                        ? "Content-Type is neither application/x-protobuf nor application/json"
                        : "Content-Type is not application/json");
    } else if (receive_is_large(receive, message->body)) {
        take_large(receive, message, route, decode, media == MEDIA_PROTOBUF);
    } else if (!receive_decode(receive, route->protocol, decode, message->body, &delivery)) {
        reply_error(message, 400, delivery.why);
    } else {
        reply_taken(message, route, &delivery, media == MEDIA_PROTOBUF);
    }
}

void
http_handle(void *context, const struct http_message *message)
{
    const struct route *route = route_of(message->path);
    bool root = strcmp(message->path, "/") == 0;
    if (route == NULL && root && strcmp(message->method, "GET") == 0) {
        http_reply(message, 200, "text/plain; charset=utf-8", STR(about), NULL);
    } else if (route == NULL) {
        reply_error(message, 404,
                    strcmp(message->path, "/v1/logs") == 0
                        ? "logs are not kept here: set OTEL_LOGS_EXPORTER=none"
                        : "nothing is received at this path; GET / says what is where");
    } else if (strcmp(message->method, "OPTIONS") == 0) {
        reply_options(message);
    } else if (strcmp(message->method, "POST") != 0) {
        reply_error(message, 405, "this path takes POST");
    } else {
        take(context, message, route);
    }
}
