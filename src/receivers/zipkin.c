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

static enum span_kind
take_kind(struct json_scan *scan, struct arena *arena)
{
    struct str word = json_next_text(scan, arena);
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
            name = json_next_text(scan, arena);
        } else if (str_is(key, "ipv4") || str_is(key, "ipv6")) {
            address = json_next_text(scan, arena);
        } else {
            json_scan_skip(scan, JSON_KEY);
        }
    }
    return name.n > 0 ? name : address;
}

static void
take_annotation(struct decoder *decoder, struct json_scan *scan, struct arena *arena, void *element)
{
    struct span_event *event = element;
    struct str key;
    int64_t us = 0;
    (void)decoder;
    event->name = (struct str){"", 0};
    while (json_scan_key(scan, &key)) {
        if (str_is(key, "timestamp")) {
            json_take_integer(scan, &us);
        } else if (str_is(key, "value")) {
            event->name = json_next_text(scan, arena);
        } else {
            json_scan_skip(scan, JSON_KEY);
        }
    }
    event->time_ns = ns_of_us(us);
}

/* False when the key is none of these. */
static bool
take_id_or_time(struct decoder *decoder, struct json_scan *scan, struct str key,
                struct zipkin *zipkin)
{
    struct span *span = &zipkin->span;
    int64_t us = 0;
    if (str_is(key, "traceId")) {
        span->trace_id = json_take_id(decoder, scan, TRACE_ID_BYTES);
    } else if (str_is(key, "id")) {
        span->span_id = json_take_id(decoder, scan, SPAN_ID_BYTES);
    } else if (str_is(key, "parentId")) {
        span->parent_id = json_take_id(decoder, scan, SPAN_ID_BYTES);
    } else if (str_is(key, "timestamp")) {
        span->start_ns = json_take_integer(scan, &us) ? ns_of_us(us) : 0;
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
        span->name = json_next_text(scan, &decoder->inner);
    } else if (str_is(key, "kind")) {
        span->kind = take_kind(scan, &decoder->inner);
    } else if (str_is(key, "localEndpoint")) {
        zipkin->service = take_endpoint(scan, &decoder->outer);
    } else if (str_is(key, "remoteEndpoint")) {
        zipkin->peer = take_endpoint(scan, &decoder->inner);
    } else if (str_is(key, "tags")) {
        span->attribute_count = json_take_map(decoder, scan, &decoder->inner, &span->attributes);
    } else if (str_is(key, "annotations")) {
        span->events = json_take_list(decoder, scan, &decoder->inner, SPAN_EVENTS_MAX,
                                      sizeof(*span->events), take_annotation, &span->event_count);
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
    struct zipkin zipkin = {.service = {"", 0}, .peer = {"", 0}};
    struct span *span = &zipkin.span;
    (void)context;
    span_init(decoder, span);
    while (json_scan_key(scan, &key)) {
        if (!take_id_or_time(decoder, scan, key, &zipkin)) {
            take_field(decoder, scan, key, &zipkin);
        }
    }
    if (scan->why != NULL) {
        return false;
    }
    if (zipkin.ended) {
        span->end_ns = ns_after(span->start_ns, ns_of_us(zipkin.duration_us));
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
