/* OTLP's traces in JSON: one document or many one after the other. */
#include "flametop/base/macros.h"
#include "otlp.h"

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
            span->status_text = json_next_text(scan, &decoder->inner);
        } else if (str_is(key, "code")) {
            span->status = (enum span_status)take_enum(scan, codes, ARRAY_SIZE(codes));
        } else {
            json_scan_skip(scan, JSON_KEY);
        }
    }
}

static void
take_event(struct decoder *decoder, struct json_scan *scan, struct arena *arena, void *element)
{
    struct span_event *event = element;
    struct str key;
    event->name = (struct str){"", 0};
    while (json_scan_key(scan, &key)) {
        if (str_is(key, "timeUnixNano")) {
            json_take_integer(scan, &event->time_ns);
        } else if (str_is(key, "name")) {
            event->name = json_next_text(scan, arena);
        } else if (str_is(key, "attributes")) {
            event->attribute_count = otlp_json_attributes(decoder, scan, arena, &event->attributes);
        } else {
            json_scan_skip(scan, JSON_KEY);
        }
    }
}

static void
take_link(struct decoder *decoder, struct json_scan *scan, struct arena *arena, void *element)
{
    struct span_link *link = element;
    struct str key;
    (void)arena;
    *link = (struct span_link){.trace_id = {"", 0}, .span_id = {"", 0}};
    while (json_scan_key(scan, &key)) {
        if (str_is(key, "traceId")) {
            link->trace_id = json_take_id(decoder, scan, TRACE_ID_BYTES);
        } else if (str_is(key, "spanId")) {
            link->span_id = json_take_id(decoder, scan, SPAN_ID_BYTES);
        } else {
            json_scan_skip(scan, JSON_KEY);
        }
    }
}

/* What is a text, a time or an id; false when the key is none of these. */
static bool
take_plain(struct decoder *decoder, struct json_scan *scan, struct str key, struct span *span,
           struct str *trace_state)
{
    if (str_is(key, "name")) {
        span->name = json_next_text(scan, &decoder->inner);
    } else if (str_is(key, "traceId")) {
        span->trace_id = json_take_id(decoder, scan, TRACE_ID_BYTES);
    } else if (str_is(key, "spanId")) {
        span->span_id = json_take_id(decoder, scan, SPAN_ID_BYTES);
    } else if (str_is(key, "parentSpanId")) {
        span->parent_id = json_take_id(decoder, scan, SPAN_ID_BYTES);
    } else if (str_is(key, "startTimeUnixNano")) {
        json_take_integer(scan, &span->start_ns);
    } else if (str_is(key, "endTimeUnixNano")) {
        json_take_integer(scan, &span->end_ns);
    } else if (str_is(key, "traceState")) {
        *trace_state = json_next_text(scan, &decoder->inner);
    } else {
        return false;
    }
    return true;
}

static void
take_span(struct decoder *decoder, struct json_scan *scan)
{
    struct str key, trace_state = {"", 0};
    struct span span;
    span_init(decoder, &span);
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
            span.events = json_take_list(decoder, scan, &decoder->inner, SPAN_EVENTS_MAX,
                                         sizeof(*span.events), take_event, &span.event_count);
        } else if (str_is(key, "links")) {
            span.links = json_take_list(decoder, scan, &decoder->inner, SPAN_LINKS_MAX,
                                        sizeof(*span.links), take_link, &span.link_count);
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
