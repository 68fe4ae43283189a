/* Subscribers: WebSockets and event streams. Each tick's text is written once and shared by all
 * that take everything; who chose metrics of their own gets a text of their own.
 *
 * A reader that is behind has one thing waiting at most: when its queue has run empty it gets the
 * newest picture, and what came in between is counted as dropped. Alerts are queued behind that as
 * far as there is room. */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "flametop/base/clock.h"
#include "flametop/base/macros.h"
#include "flametop/net/websocket.h"
#include "parts.h"

#define QUEUE_BYTES_MAX ((size_t)256 << 10)
#define TEXT_BYTES_MAX ((size_t)4 << 20)
#define MESSAGE_BYTES_MAX ((size_t)16 << 10)
#define CHOSEN_MAX 64
#define NAME_BYTES 256
#define PINGS_UNANSWERED_MAX 2
#define CLOSE_GOING_AWAY "\x03\xe9" /* 1001 (RFC 6455, 7.4.1) */

enum kind { KIND_EVENTS, KIND_WEBSOCKET };

struct subscriber {
    LIST_ENTRY(subscriber) entry;
    struct agent *agent;
    struct http_stream *stream;
    enum kind kind;
    bool greeted; /* has had initial_data */
    bool behind;  /* the newest picture waits until the queue is empty */
    bool closing;
    int64_t interval_ns; /* 0: each picture */
    int64_t sent_ns;     /* monotonic time of the last picture it got */
    char *names[CHOSEN_MAX];
    struct query *queries[CHOSEN_MAX];
    size_t chosen; /* 0: everything */
    struct websocket_reader *reader;
    int64_t pinged_ns;
    unsigned unanswered;
};

/* ---- texts ---- */

/* One message as its kind writes it; NULL when out of memory or too large. */
static struct http_bytes *
pack(enum kind kind, const char *type, const struct buf *data)
{
    struct buf text, frame;
    struct http_bytes *bytes = NULL;
    buf_init(&text, TEXT_BYTES_MAX);
    buf_init(&frame, TEXT_BYTES_MAX);
    if (kind == KIND_EVENTS) {
        buf_printf(&text, "event: %s\ndata: ", type);
        buf_add(&text, data->data, data->n);
        buf_puts(&text, "\n\n");
    } else {
        buf_printf(&text, "{\"type\":\"%s\",\"data\":", type);
        buf_add(&text, data->data, data->n);
        buf_putc(&text, '}');
        websocket_write(&frame, WEBSOCKET_TEXT, (struct str){text.data, text.n}, NULL);
    }
    const struct buf *whole = kind == KIND_EVENTS ? &text : &frame;
    if (!text.full && !frame.full && !data->full) {
        bytes = http_bytes_new(whole->data, whole->n);
    }
    buf_done(&text);
    buf_done(&frame);
    return bytes;
}

/* Writes the data of a message and packs it. */
static struct http_bytes *
pack_json(enum kind kind, const char *type,
          void (*write)(const struct subscriber *subscriber, const void *what, struct json *json),
          const struct subscriber *subscriber, const void *what)
{
    struct buf data;
    struct json json;
    buf_init(&data, TEXT_BYTES_MAX);
    json_init(&json, &data, false);
    write(subscriber, what, &json);
    struct http_bytes *bytes = pack(kind, type, &data);
    buf_done(&data);
    return bytes;
}

static bool
push(struct subscriber *subscriber, struct http_bytes *bytes)
{
    bool taken = bytes != NULL && http_stream_push(subscriber->stream, bytes);
    http_bytes_release(bytes);
    return taken;
}

static void
write_whole(const struct subscriber *subscriber, const void *what, struct json *json)
{
    (void)what;
    write_update(subscriber->agent, subscriber->agent->picture, json);
}

static void
write_chosen(const struct subscriber *subscriber, const void *what, struct json *json)
{
    const struct picture *picture = subscriber->agent->picture;
    (void)what;
    json_object(json);
    json_key(json, "timestamp");
    json_time(json, picture->wall_ns);
    json_key(json, "metrics");
    json_object(json);
    for (size_t i = 0; i < subscriber->chosen; i++) {
        json_key(json, subscriber->names[i]);
        json_double(json, query_now(subscriber->queries[i], picture));
    }
    json_object_end(json);
    json_object_end(json);
}

static void
write_initial(const struct subscriber *subscriber, const void *what, struct json *json)
{
    struct agent *agent = subscriber->agent;
    (void)what;
    json_object(json);
    json_key(json, "current");
    (subscriber->chosen > 0 ? write_chosen : write_whole)(subscriber, NULL, json);
    json_key(json, "alerts");
    write_findings(agent->picture, true, json);
    json_key(json, "bottlenecks");
    write_findings(agent->picture, false, json);
    json_key(json, "config");
    json_object(json);
    if (agent->options->write_config != NULL) {
        agent->options->write_config(agent->options->context, json);
    }
    json_object_end(json);
    json_object_end(json);
}

static void
write_one_alert(const struct subscriber *subscriber, const void *what, struct json *json)
{
    write_alert(subscriber->agent->picture, what, json);
}

static void
write_sentence(const struct subscriber *subscriber, const void *what, struct json *json)
{
    (void)subscriber;
    json_object(json);
    json_key(json, "error");
    json_text(json, what);
    json_object_end(json);
}

static void
write_subscription(const struct subscriber *subscriber, const void *what, struct json *json)
{
    (void)what;
    json_object(json);
    json_key(json, "metrics");
    json_array(json);
    for (size_t i = 0; i < subscriber->chosen; i++) {
        json_text(json, subscriber->names[i]);
    }
    json_array_end(json);
    json_key(json, "interval_s");
    if (subscriber->interval_ns > 0) {
        json_double(json, (double)subscriber->interval_ns / 1e9);
    } else {
        json_null(json);
    }
    json_object_end(json);
}

/* ---- sending ---- */

/* The update of this picture that all of a kind share; with a reference for the caller. */
static struct http_bytes *
shared_update(struct subscriber *subscriber)
{
    struct http_bytes **update = &subscriber->agent->update[subscriber->kind];
    if (*update == NULL) {
        *update = pack_json(subscriber->kind, "metrics_update", write_whole, subscriber, NULL);
    }
    return *update != NULL ? http_bytes_acquire(*update) : NULL;
}

/* The newest picture, now. */
static void
send_picture(struct subscriber *subscriber)
{
    struct http_bytes *bytes;
    if (!subscriber->greeted) {
        bytes = pack_json(subscriber->kind, "initial_data", write_initial, subscriber, NULL);
    } else if (subscriber->chosen > 0) {
        bytes = pack_json(subscriber->kind, "metrics_update", write_chosen, subscriber, NULL);
    } else {
        bytes = shared_update(subscriber);
    }
    subscriber->behind = !push(subscriber, bytes);
    if (!subscriber->behind) {
        subscriber->greeted = true;
        subscriber->sent_ns = subscriber->agent->picture->mono_ns;
    }
}

static void
offer_picture(struct subscriber *subscriber)
{
    const struct picture *picture = subscriber->agent->picture;
    int64_t due_ns = subscriber->sent_ns + subscriber->interval_ns - picture->interval_ns / 2;
    if (subscriber->greeted && subscriber->interval_ns > 0 && picture->mono_ns < due_ns) {
        return;
    }
    if (http_stream_queued(subscriber->stream) > 0) {
        subscriber->agent->updates_dropped += subscriber->behind;
        subscriber->behind = true;
    } else {
        send_picture(subscriber);
    }
}

static bool
was_alert(const struct picture *before, const char *id)
{
    for (size_t i = 0; before != NULL && i < before->finding_count; i++) {
        if (finding_is_alert(&before->findings[i]) && strcmp(before->findings[i].id, id) == 0) {
            return true;
        }
    }
    return false;
}

static void
send_alert(struct agent *agent, const struct finding *finding)
{
    struct http_bytes *texts[2] = {NULL, NULL};
    struct subscriber *subscriber;
    LIST_FOREACH(subscriber, &agent->subscribers, entry)
    {
        struct http_bytes **text = &texts[subscriber->kind];
        if (*text == NULL) {
            *text = pack_json(subscriber->kind, "alert_triggered", write_one_alert, subscriber,
                              finding);
        }
        if (*text != NULL && subscriber->greeted) {
            agent->updates_dropped += !http_stream_push(subscriber->stream, *text);
        }
    }
    http_bytes_release(texts[0]);
    http_bytes_release(texts[1]);
}

void
live_picture(struct agent *agent, const struct picture *before)
{
    const struct picture *picture = agent->picture;
    struct subscriber *subscriber;
    LIST_FOREACH(subscriber, &agent->subscribers, entry)
    {
        offer_picture(subscriber);
    }
    for (size_t i = 0; agent->subscriber_count > 0 && i < picture->finding_count; i++) {
        const struct finding *finding = &picture->findings[i];
        if (before != NULL && finding_is_alert(finding) && !was_alert(before, finding->id)) {
            send_alert(agent, finding);
        }
    }
}

static void
push_frame(struct subscriber *subscriber, enum websocket_opcode opcode, struct str payload)
{
    struct buf frame;
    buf_init(&frame, 1024);
    websocket_write(&frame, opcode, payload, NULL);
    push(subscriber, http_bytes_new(frame.data, frame.n));
    buf_done(&frame);
}

/* A ping for WebSockets, a comment for event streams: both notice who has left. */
void
live_heartbeat(struct agent *agent)
{
    struct subscriber *subscriber;
    LIST_FOREACH(subscriber, &agent->subscribers, entry)
    {
        if (subscriber->kind == KIND_EVENTS) {
            push(subscriber, http_bytes_new(":\n\n", 3));
        } else if (subscriber->unanswered >= PINGS_UNANSWERED_MAX) {
            http_stream_end(subscriber->stream);
        } else {
            subscriber->unanswered++;
            subscriber->pinged_ns = clock_mono_ns();
            push_frame(subscriber, WEBSOCKET_PING, STR("flametop"));
        }
    }
}

void
live_end(struct agent *agent)
{
    struct subscriber *subscriber;
    LIST_FOREACH(subscriber, &agent->subscribers, entry)
    {
        if (subscriber->kind == KIND_WEBSOCKET && !subscriber->closing) {
            push_frame(subscriber, WEBSOCKET_CLOSE, STR(CLOSE_GOING_AWAY));
        }
        http_stream_end(subscriber->stream);
    }
}

/* ---- what subscribers ask for ---- */

static void
forget_chosen(struct subscriber *subscriber)
{
    for (size_t i = 0; i < subscriber->chosen; i++) {
        free(subscriber->names[i]);
        query_free(subscriber->queries[i]);
    }
    subscriber->chosen = 0;
}

/* False and a sentence when it names no metric. */
static bool
choose(struct subscriber *subscriber, struct str formula, char *why, size_t why_size)
{
    char text[NAME_BYTES];
    if (subscriber->chosen == CHOSEN_MAX || formula.n >= sizeof(text)) {
        snprintf(why, why_size, "at most %d metrics of %d bytes", CHOSEN_MAX, NAME_BYTES - 1);
        return false;
    }
    str_copy(formula, text, sizeof(text));
    struct query *query = query_new_formula(subscriber->agent->setup.catalog, text, why, why_size);
    char *name = query != NULL ? strdup(text) : NULL;
    if (name == NULL) {
        query_free(query);
        return false;
    }
    subscriber->names[subscriber->chosen] = name;
    subscriber->queries[subscriber->chosen++] = query;
    return true;
}

/* "a,b{c=d,e=f}": names are separated by commas outside of braces and parentheses. */
static bool
choose_list(struct subscriber *subscriber, const char *text, char *why, size_t why_size)
{
    while (text[0] != '\0') {
        size_t n = 0, depth = 0;
        for (; text[n] != '\0' && (text[n] != ',' || depth > 0); n++) {
            depth += text[n] == '{' || text[n] == '(';
            depth -= depth > 0 && (text[n] == '}' || text[n] == ')');
        }
        if (n > 0 && !choose(subscriber, (struct str){text, n}, why, why_size)) {
            return false;
        }
        text += n + (text[n] == ',');
    }
    return true;
}

static bool
read_subscription(struct subscriber *subscriber, const cJSON *message, char *why, size_t why_size)
{
    const cJSON *interval = cJSON_GetObjectItemCaseSensitive(message, "interval");
    const cJSON *metrics = cJSON_GetObjectItemCaseSensitive(message, "metrics"), *item;
    int64_t interval_ns = 0;
    if (interval != NULL &&
        (!cJSON_IsString(interval) ||
         !agent_parse_duration(str_from(interval->valuestring), &interval_ns))) {
        snprintf(why, why_size, "interval is a text with its unit, as \"5s\" or \"250ms\"");
        return false;
    }
    if (metrics != NULL && !cJSON_IsArray(metrics)) {
        snprintf(why, why_size, "metrics is an array of names");
        return false;
    }
    struct subscriber before = *subscriber; /* whose choice stands if this one is wrong */
    bool right = true;
    subscriber->chosen = 0;
    cJSON_ArrayForEach(item, metrics)
    {
        right = right && cJSON_IsString(item) &&
                choose(subscriber, str_from(item->valuestring), why, why_size);
    }
    forget_chosen(right ? &before : subscriber);
    if (!right) {
        *subscriber = before;
        return false;
    }
    subscriber->interval_ns = interval_ns;
    return true;
}

static void
on_text(struct subscriber *subscriber, struct str text)
{
    char why[240] = "a message is an object with a type: subscribe or unsubscribe";
    cJSON *message = cJSON_ParseWithLength(text.p, text.n);
    const char *type = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(message, "type"));
    bool right = false;
    if (type != NULL && strcmp(type, "subscribe") == 0) {
        right = read_subscription(subscriber, message, why, sizeof(why));
    } else if (type != NULL && strcmp(type, "unsubscribe") == 0) {
        forget_chosen(subscriber);
        subscriber->interval_ns = 0;
        right = true;
    }
    cJSON_Delete(message);
    push(subscriber,
         right ? pack_json(KIND_WEBSOCKET, "subscribed", write_subscription, subscriber, NULL)
               : pack_json(KIND_WEBSOCKET, "error", write_sentence, subscriber, why));
}

static void
on_pong(struct subscriber *subscriber)
{
    double seconds = (double)(clock_mono_ns() - subscriber->pinged_ns) / 1e9;
    if (subscriber->unanswered > 0) {
        subscriber->agent->latency_s = fmax(subscriber->agent->latency_s, seconds);
    }
    subscriber->unanswered = 0;
}

static bool
on_message(void *context, enum websocket_opcode opcode, struct str payload)
{
    struct subscriber *subscriber = context;
    switch (opcode) {
    case WEBSOCKET_TEXT:
        on_text(subscriber, payload);
        break;
    case WEBSOCKET_PING:
        push_frame(subscriber, WEBSOCKET_PONG, payload);
        break;
    case WEBSOCKET_PONG:
        on_pong(subscriber);
        break;
    case WEBSOCKET_CLOSE:
        push_frame(subscriber, WEBSOCKET_CLOSE, (struct str){payload.p, MIN(payload.n, (size_t)2)});
        subscriber->closing = true;
        break;
    case WEBSOCKET_BINARY:
        break;
    }
    return !subscriber->closing;
}

static bool
on_received(void *context, struct http_stream *stream, const void *bytes, size_t n)
{
    struct subscriber *subscriber = context;
    (void)stream;
    int code = websocket_reader_feed(subscriber->reader, bytes, n);
    if (code != 0) {
        char payload[2] = {(char)(code >> 8), (char)(code & 0xff)};
        push_frame(subscriber, WEBSOCKET_CLOSE, (struct str){payload, 2});
        subscriber->closing = true;
    }
    return !subscriber->closing;
}

/* ---- coming and going ---- */

static void
on_writable(void *context, struct http_stream *stream)
{
    struct subscriber *subscriber = context;
    (void)stream;
    if (subscriber->behind && subscriber->agent->picture != NULL) {
        send_picture(subscriber);
    }
}

static void
subscriber_free(struct subscriber *subscriber)
{
    forget_chosen(subscriber);
    websocket_reader_free(subscriber->reader);
    free(subscriber);
}

static void
on_gone(void *context, struct http_stream *stream)
{
    struct subscriber *subscriber = context;
    (void)stream;
    LIST_REMOVE(subscriber, entry);
    subscriber->agent->subscriber_count--;
    subscriber_free(subscriber);
}

static struct subscriber *
subscriber_new(struct agent *agent, enum kind kind)
{
    struct subscriber *subscriber = calloc(1, sizeof(*subscriber));
    if (subscriber == NULL) {
        return NULL;
    }
    subscriber->agent = agent;
    subscriber->kind = kind;
    if (kind == KIND_WEBSOCKET) {
        subscriber->reader = websocket_reader_new(true, MESSAGE_BYTES_MAX, subscriber, on_message);
        if (subscriber->reader == NULL) {
            free(subscriber);
            return NULL;
        }
    }
    return subscriber;
}

/* The answer has begun: greets as soon as there is a picture. */
static void
subscriber_add(struct subscriber *subscriber)
{
    struct agent *agent = subscriber->agent;
    LIST_INSERT_HEAD(&agent->subscribers, subscriber, entry);
    agent->subscriber_count++;
    if (agent->picture != NULL) {
        send_picture(subscriber);
    }
}

void
answer_events(struct agent *agent, const struct http_message *message, const char *name)
{
    const char *metrics = http_argument(message, "metrics");
    char why[240] = "out of memory";
    int64_t interval_ns;
    (void)name;
    if (!agent_duration(message, "interval", 0, &interval_ns)) {
        return;
    }
    struct subscriber *subscriber = subscriber_new(agent, KIND_EVENTS);
    if (subscriber == NULL ||
        (metrics != NULL && !choose_list(subscriber, metrics, why, sizeof(why)))) {
        http_reply_error(message, subscriber == NULL ? 503 : 400, "%s", why);
        if (subscriber != NULL) {
            subscriber_free(subscriber);
        }
        return;
    }
    struct http_stream_events events = {subscriber, on_writable, on_gone};
    subscriber->interval_ns = interval_ns;
    subscriber->stream =
        http_reply_stream(message, "text/event-stream", NULL, &events, QUEUE_BYTES_MAX);
    if (subscriber->stream == NULL) {
        subscriber_free(subscriber);
        return;
    }
    subscriber_add(subscriber);
}

void
answer_websocket(struct agent *agent, const struct http_message *message, const char *name)
{
    static const char *const version[] = {"Sec-WebSocket-Version: 13", NULL};
    const char *upgrade = http_header(message, "Upgrade");
    const char *wanted = http_header(message, "Sec-WebSocket-Version");
    const char *key = http_header(message, "Sec-WebSocket-Key");
    char accept[29], accept_header[64];
    (void)name;
    if (upgrade == NULL || strcasecmp(upgrade, "websocket") != 0) {
        http_reply_error(message, 426, "this is a WebSocket: ask with Upgrade: websocket");
        return;
    }
    if (wanted == NULL || strcmp(wanted, "13") != 0) {
        http_reply(message, 426, "application/json",
                   STR("{\"error\":\"the version of WebSockets is 13\"}\n"), version);
        return;
    }
    if (key == NULL || !websocket_accept(str_from(key), accept)) {
        http_reply_error(message, 400, "Sec-WebSocket-Key is missing or wrong");
        return;
    }
    struct subscriber *subscriber = subscriber_new(agent, KIND_WEBSOCKET);
    if (subscriber == NULL) {
        return; /* answered as an error of the server */
    }
    struct http_stream_events events = {subscriber, on_writable, on_gone};
    snprintf(accept_header, sizeof(accept_header), "Sec-WebSocket-Accept: %s", accept);
    const char *const headers[] = {"Upgrade: websocket", accept_header, NULL};
    subscriber->stream =
        http_reply_upgrade(message, headers, &events, QUEUE_BYTES_MAX, on_received);
    if (subscriber->stream == NULL) {
        subscriber_free(subscriber);
        return;
    }
    subscriber_add(subscriber);
}
