/* OTLP's traces in JSON: one document or many one after the other. */
#include "flametop/base/macros.h"
#include "otlp.h"

static void
take_text(struct decoder *decoder, struct json_scan *scan, struct str *text)
{
    if (!json_take_text(scan, &decoder->inner, text)) {
        *text = (struct str){"", 0};
    }
}

static struct str
take_id(struct decoder *decoder, struct json_scan *scan, size_t width)
{
    struct str text;
    take_text(decoder, scan, &text);
    return text.n > 0 ? id_of_text(&decoder->inner, text, width) : text;
}

/* A number, or the name that protobuf's JSON has for it as well: "SPAN_KIND_SERVER". */
static unsigned
take_enum(struct json_scan *scan, const char *const *names, size_t count)
{
    enum json_token token = json_scan_next(scan);
    struct str text = scan->text;
    uint64_t value = 0;
    if (token == JSON_NUMBER) {
        return str_u64(&text, &value) && value < count ? (unsigned)value : 0;
    }
    for (size_t i = 0; token == JSON_STRING && i < count; i++) {
        value = str_is(text, names[i]) ? i : value;
    }
    if (token != JSON_STRING) {
        json_scan_skip(scan, token);
    }
    return (unsigned)value;
}

static const char *const kinds[] = {"SPAN_KIND_UNSPECIFIED", "SPAN_KIND_INTERNAL",
                                    "SPAN_KIND_SERVER",      "SPAN_KIND_CLIENT",
                                    "SPAN_KIND_PRODUCER",    "SPAN_KIND_CONSUMER"};
static const char *const codes[] = {"STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"};

static void
take_status(struct decoder *decoder, struct json_scan *scan, struct span *span)
{
    struct str key;
    if (!json_scan_enter(scan, JSON_OBJECT)) {
        return;
    }
    while (json_scan_key(scan, &key)) {
        if (str_is(key, "message")) {
            take_text(decoder, scan, &span->status_text);
        } else if (str_is(key, "code")) {
            span->status = (enum span_status)take_enum(scan, codes, ARRAY_SIZE(codes));
        } else {
            json_scan_skip(scan, JSON_KEY);
        }
    }
}

static void
take_event(struct decoder *decoder, struct json_scan *scan, struct span_event *event)
{
    struct str key;
    *event = (struct span_event){.name = {"", 0}};
    while (json_scan_key(scan, &key)) {
        if (str_is(key, "timeUnixNano")) {
            json_take_integer(scan, &event->time_ns);
        } else if (str_is(key, "name")) {
            take_text(decoder, scan, &event->name);
        } else if (str_is(key, "attributes")) {
            event->attribute_count =
                otlp_json_attributes(decoder, scan, &decoder->inner, &event->attributes);
        } else {
            json_scan_skip(scan, JSON_KEY);
        }
    }
}

static void
take_events(struct decoder *decoder, struct json_scan *scan, struct span *span)
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
            take_event(decoder, scan, &events[n++]);
        } else {
            json_scan_skip(scan, token);
        }
    }
    span->events = events;
    span->event_count = n;
}

static void
take_link(struct decoder *decoder, struct json_scan *scan, struct span_link *link)
{
    struct str key;
    *link = (struct span_link){.trace_id = {"", 0}, .span_id = {"", 0}};
    while (json_scan_key(scan, &key)) {
        if (str_is(key, "traceId")) {
            link->trace_id = take_id(decoder, scan, TRACE_ID_BYTES);
        } else if (str_is(key, "spanId")) {
            link->span_id = take_id(decoder, scan, SPAN_ID_BYTES);
        } else {
            json_scan_skip(scan, JSON_KEY);
        }
    }
}

static void
take_links(struct decoder *decoder, struct json_scan *scan, struct span *span)
{
    enum json_token token;
    if (!json_scan_enter(scan, JSON_ARRAY)) {
        return;
    }
    size_t room = decoder_bound(decoder, json_count(*scan), SPAN_LINKS_MAX), n = 0;
    struct span_link *links = room > 0 ? arena_news(&decoder->inner, struct span_link, room) : NULL;
    while ((token = json_scan_next(scan)) != JSON_ARRAY_END && token != JSON_ERROR) {
        if (token == JSON_OBJECT && links != NULL && n < room) {
            take_link(decoder, scan, &links[n++]);
        } else {
            json_scan_skip(scan, token);
        }
    }
    span->links = links;
    span->link_count = n;
}

/* What is a text, a time or an id; false when the key is none of these. */
static bool
take_plain(struct decoder *decoder, struct json_scan *scan, struct str key, struct span *span,
           struct str *trace_state)
{
    if (str_is(key, "name")) {
        take_text(decoder, scan, &span->name);
    } else if (str_is(key, "traceId")) {
        span->trace_id = take_id(decoder, scan, TRACE_ID_BYTES);
    } else if (str_is(key, "spanId")) {
        span->span_id = take_id(decoder, scan, SPAN_ID_BYTES);
    } else if (str_is(key, "parentSpanId")) {
        span->parent_id = take_id(decoder, scan, SPAN_ID_BYTES);
    } else if (str_is(key, "startTimeUnixNano")) {
        json_take_integer(scan, &span->start_ns);
    } else if (str_is(key, "endTimeUnixNano")) {
        json_take_integer(scan, &span->end_ns);
    } else if (str_is(key, "traceState")) {
        take_text(decoder, scan, trace_state);
    } else {
        return false;
    }
    return true;
}

static void
take_span(struct decoder *decoder, struct json_scan *scan)
{
    struct str key, trace_state = {"", 0};
    struct span span = {.trace_id = {"", 0},
                        .span_id = {"", 0},
                        .parent_id = {"", 0},
                        .name = {"", 0},
                        .status_text = {"", 0},
                        .resource = decoder->resource};
    arena_clear(&decoder->inner);
    while (json_scan_key(scan, &key)) {
        if (take_plain(decoder, scan, key, &span, &trace_state)) {
            continue;
        }
        if (str_is(key, "kind")) {
            span.kind = (enum span_kind)take_enum(scan, kinds, ARRAY_SIZE(kinds));
        } else if (str_is(key, "attributes")) {
            span.attribute_count =
                otlp_json_attributes(decoder, scan, &decoder->inner, &span.attributes);
        } else if (str_is(key, "events")) {
            take_events(decoder, scan, &span);
        } else if (str_is(key, "links")) {
            take_links(decoder, scan, &span);
        } else if (str_is(key, "status")) {
            take_status(decoder, scan, &span);
        } else {
            json_scan_skip(scan, JSON_KEY);
        }
    }
    if (scan->why == NULL) {
        span.probability = span_sampled(trace_state, span.attributes, span.attribute_count);
        decoder_span(decoder, &span);
    }
}

static void
take_scope_spans(struct decoder *decoder, struct json_scan *scan)
{
    static const struct otlp_owner scope_spans = {
        {"scope", "instrumentationLibrary"}, {"spans", "spans"}, otlp_json_scope, take_span};
    decoder_scope(decoder, (struct str){"", 0});
    otlp_json_owner(decoder, scan, &scope_spans);
}

static void
take_resource_spans(struct decoder *decoder, struct json_scan *scan)
{
    static const struct otlp_owner resource_spans = {{"resource", "resource"},
                                                     {"scopeSpans", "instrumentationLibrarySpans"},
                                                     otlp_json_resource,
                                                     take_scope_spans};
    decoder_resource(decoder);
    otlp_json_owner(decoder, scan, &resource_spans);
}

/* {"resourceSpans": [...]}, Tempo's {"batches": [...]} and {"trace": {...}}, Jaeger's {"result":
 * {...}}: a wrapper is entered, and its end read as ours. */
static bool
take_document(struct decoder *decoder, struct json_scan *scan, void *context)
{
    unsigned inside = scan->depth;
    struct str key;
    (void)context;
    while (scan->why == NULL && scan->depth >= inside) {
        if (!json_scan_key(scan, &key)) {
            continue; /* the end of an object */
        }
        if (str_is(key, "resourceSpans") || str_is(key, "batches")) {
            otlp_json_each(decoder, scan, take_resource_spans);
        } else if (scan->depth == inside && (str_is(key, "result") || str_is(key, "trace"))) {
            json_scan_enter(scan, JSON_OBJECT);
        } else {
            json_scan_skip(scan, JSON_KEY);
        }
    }
    return scan->why == NULL;
}

bool
otlp_json_read(struct str body, const struct span_sink *sink, struct delivery *delivery)
{
    struct decoder decoder;
    decoder_init(&decoder, sink, delivery);
    bool good = json_each(&decoder, body, false, NULL, take_document);
    decoder_done(&decoder);
    return good;
}
