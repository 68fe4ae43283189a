/* Zipkin's spans, version 2: a list of objects. Times are microseconds. */
#include "decoder.h"
#include "flametop/base/macros.h"

static const struct {
    const char *word;
    enum span_kind kind;
} kinds[] = {{"CLIENT", SPAN_CLIENT},
             {"SERVER", SPAN_SERVER},
             {"PRODUCER", SPAN_PRODUCER},
             {"CONSUMER", SPAN_CONSUMER}};

/* What is known of a span before it is delivered. */
struct zipkin {
    struct span span;
    struct str service, peer;
    int64_t duration_us;
    bool ended;
};

static int64_t
from_us(int64_t us)
{
    return us > INT64_MAX / 1000 ? INT64_MAX : us < 0 ? 0 : us * 1000;
}

static struct str
take_text(struct json_scan *scan, struct arena *arena)
{
    struct str text = {"", 0};
    json_take_text(scan, arena, &text);
    return text;
}

static struct str
take_id(struct decoder *decoder, struct json_scan *scan, size_t width)
{
    struct str text = take_text(scan, &decoder->inner);
    return text.n > 0 ? id_of_text(&decoder->inner, text, width) : text;
}

static enum span_kind
take_kind(struct json_scan *scan, struct arena *arena)
{
    struct str word = take_text(scan, arena);
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (str_is(word, kinds[i].word)) {
            return kinds[i].kind;
        }
    }
    return SPAN_UNSPECIFIED;
}

/* {"serviceName": ..., "ipv4": ..., "port": ...}: the name, else the address. */
static struct str
take_endpoint(struct json_scan *scan, struct arena *arena)
{
    struct str key, name = {"", 0}, address = {"", 0};
    if (!json_scan_enter(scan, JSON_OBJECT)) {
        return name;
    }
    while (json_scan_key(scan, &key)) {
        if (str_is(key, "serviceName")) {
            name = take_text(scan, arena);
        } else if (str_is(key, "ipv4") || str_is(key, "ipv6")) {
            address = take_text(scan, arena);
        } else {
            json_scan_skip(scan, JSON_KEY);
        }
    }
    return name.n > 0 ? name : address;
}

static void
take_annotation(struct json_scan *scan, struct arena *arena, struct span_event *event)
{
    struct str key;
    int64_t us = 0;
    *event = (struct span_event){.name = {"", 0}};
    while (json_scan_key(scan, &key)) {
        if (str_is(key, "timestamp")) {
            json_take_integer(scan, &us);
        } else if (str_is(key, "value")) {
            event->name = take_text(scan, arena);
        } else {
            json_scan_skip(scan, JSON_KEY);
        }
    }
    event->time_ns = from_us(us);
}

static void
take_annotations(struct decoder *decoder, struct json_scan *scan, struct span *span)
{
    enum json_token token;
    if (!json_scan_enter(scan, JSON_ARRAY)) {
        return;
    }
    size_t room = decoder_bound(decoder, json_count(*scan), SPAN_EVENTS_MAX), n = 0;
    struct span_event *events =
        room > 0 ? arena_news(&decoder->inner, struct span_event, room) : NULL;
    while ((token = json_scan_next(scan)) != JSON_ARRAY_END && token != JSON_ERROR) {
        if (token == JSON_OBJECT && events != NULL && n < room) {
            take_annotation(scan, &decoder->inner, &events[n++]);
        } else {
            json_scan_skip(scan, token);
        }
    }
    span->events = events;
    span->event_count = n;
}

/* False when the key is none of these. */
static bool
take_id_or_time(struct decoder *decoder, struct json_scan *scan, struct str key,
                struct zipkin *zipkin)
{
    struct span *span = &zipkin->span;
    int64_t us = 0;
    if (str_is(key, "traceId")) {
        span->trace_id = take_id(decoder, scan, TRACE_ID_BYTES);
    } else if (str_is(key, "id")) {
        span->span_id = take_id(decoder, scan, SPAN_ID_BYTES);
    } else if (str_is(key, "parentId")) {
        span->parent_id = take_id(decoder, scan, SPAN_ID_BYTES);
    } else if (str_is(key, "timestamp")) {
        span->start_ns = json_take_integer(scan, &us) ? from_us(us) : 0;
    } else if (str_is(key, "duration")) {
        zipkin->ended = json_take_integer(scan, &zipkin->duration_us);
    } else {
        return false;
    }
    return true;
}

static void
take_field(struct decoder *decoder, struct json_scan *scan, struct str key, struct zipkin *zipkin)
{
    struct span *span = &zipkin->span;
    bool shared = false;
    if (str_is(key, "name")) {
        span->name = take_text(scan, &decoder->inner);
    } else if (str_is(key, "kind")) {
        span->kind = take_kind(scan, &decoder->inner);
    } else if (str_is(key, "localEndpoint")) {
        zipkin->service = take_endpoint(scan, &decoder->outer);
    } else if (str_is(key, "remoteEndpoint")) {
        zipkin->peer = take_endpoint(scan, &decoder->inner);
    } else if (str_is(key, "tags")) {
        span->attribute_count = json_take_map(decoder, scan, &decoder->inner, &span->attributes);
    } else if (str_is(key, "annotations")) {
        take_annotations(decoder, scan, span);
    } else if (str_is(key, "shared")) {
        span->flags |= json_take_bool(scan, &shared) && shared ? SPAN_SHARED : 0;
    } else {
        json_scan_skip(scan, JSON_KEY);
    }
}

/* An error is that there is a tag of that name. */
static void
judge(struct span *span)
{
    const struct span_attribute *error =
        attribute_find(span->attributes, span->attribute_count, "error");
    const struct span_attribute *code =
        attribute_find(span->attributes, span->attribute_count, "otel.status_code");
    if (error != NULL && !(error->type == SPAN_TEXT && str_is(error->text, "false"))) {
        span->status = SPAN_ERROR;
        span->status_text = error->type == SPAN_TEXT ? error->text : span->status_text;
    } else if (code != NULL && code->type == SPAN_TEXT) {
        span->status = str_is(code->text, "ERROR") ? SPAN_ERROR
                       : str_is(code->text, "OK")  ? SPAN_OK
                                                   : SPAN_UNSET;
    }
}

/* The other end is an attribute here. */
static void
add_peer(struct decoder *decoder, struct zipkin *zipkin)
{
    struct span *span = &zipkin->span;
    size_t n = span->attribute_count;
    struct span_attribute *attributes =
        zipkin->peer.n > 0 ? arena_news(&decoder->inner, struct span_attribute, n + 1) : NULL;
    if (attributes == NULL) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        attributes[i] = span->attributes[i];
    }
    attributes[n] = attribute_text(STR("peer.service"), zipkin->peer);
    span->attributes = attributes;
    span->attribute_count = n + 1;
}

static bool
take_span(struct decoder *decoder, struct json_scan *scan, void *context)
{
    struct str key;
    struct zipkin zipkin = {.span = {.trace_id = {"", 0},
                                     .span_id = {"", 0},
                                     .parent_id = {"", 0},
                                     .name = {"", 0},
                                     .status_text = {"", 0}},
                            .service = {"", 0},
                            .peer = {"", 0}};
    struct span *span = &zipkin.span;
    (void)context;
    arena_clear(&decoder->inner);
    while (json_scan_key(scan, &key)) {
        if (!take_id_or_time(decoder, scan, key, &zipkin)) {
            take_field(decoder, scan, key, &zipkin);
        }
    }
    if (scan->why != NULL) {
        return false;
    }
    if (zipkin.ended) {
        int64_t duration_ns = from_us(zipkin.duration_us);
        span->end_ns =
            span->start_ns > INT64_MAX - duration_ns ? INT64_MAX : span->start_ns + duration_ns;
    }
    judge(span);
    add_peer(decoder, &zipkin);
    span->probability = span_sampled((struct str){"", 0}, span->attributes, span->attribute_count);
    decoder_service(decoder, zipkin.service);
    span->resource = decoder->resource;
    decoder_span(decoder, span);
    return true;
}

bool
zipkin_read(struct str body, const struct span_sink *sink, struct delivery *delivery)
{
    struct decoder decoder;
    decoder_init(&decoder, sink, delivery);
    bool good = json_each(&decoder, body, true, NULL, take_span);
    decoder_done(&decoder);
    return good;
}
