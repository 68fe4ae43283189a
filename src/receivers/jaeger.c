/* Jaeger's JSON of a query: traces, each with its spans and the processes they are of. Processes
 * stand behind the spans that name them: both places are remembered, and processes read first. */
#include "decoder.h"
#include "flametop/base/macros.h"

#define PROCESSES_MAX 4096

struct jaeger_span {
    struct span span;
    struct str process;
    int64_t duration_us;
    size_t links; /* room in span.links */
};

/* ---- tags ---- */

/* {"key": ..., "type": "int64", "value": ...}: a large integer is a string. */
static void
take_tag(struct decoder *decoder, struct json_scan *scan, struct arena *arena, void *element)
{
    struct span_attribute *tag = element;
    struct str key, type = {"", 0};
    (void)decoder;
    *tag = (struct span_attribute){.key = {"", 0}, .type = SPAN_TEXT, .text = {"", 0}};
    while (json_scan_key(scan, &key)) {
        if (str_is(key, "key")) {
            tag->key = json_next_text(scan, arena);
        } else if (str_is(key, "type")) {
            type = json_next_text(scan, arena);
        } else if (str_is(key, "value")) {
            json_take_any(scan, arena, tag);
        } else {
            json_scan_skip(scan, JSON_KEY);
        }
    }
    struct str rest = tag->text;
    if (tag->type == SPAN_TEXT && str_is(type, "int64") && str_i64(&rest, &tag->integer)) {
        tag->type = SPAN_INTEGER;
    } else if (tag->type == SPAN_INTEGER && str_is(type, "float64")) {
        tag->type = SPAN_REAL;
        tag->real = (double)tag->integer;
    }
}

static size_t
take_tags(struct decoder *decoder, struct json_scan *scan, struct arena *arena,
          const struct span_attribute **ret_tags)
{
    size_t count;
    *ret_tags = json_take_list(decoder, scan, arena, SPAN_ATTRIBUTES_MAX, sizeof(**ret_tags),
                               take_tag, &count);
    return count;
}

/* ---- processes ---- */

static void
take_process(struct decoder *decoder, struct json_scan *scan)
{
    struct str key;
    struct span_resource *resource = decoder->resource;
    while (json_scan_key(scan, &key)) {
        if (str_is(key, "serviceName")) {
            resource->service = json_next_text(scan, &decoder->outer);
        } else if (str_is(key, "tags")) {
            resource->attribute_count =
                take_tags(decoder, scan, &decoder->outer, &resource->attributes);
        } else {
            json_scan_skip(scan, JSON_KEY);
        }
    }
}

/* {"p1": {...}, ...}: names are of one trace. */
static void
take_processes(struct decoder *decoder, struct json_scan scan, struct map *processes)
{
    struct str key;
    if (!json_scan_enter(&scan, JSON_OBJECT)) {
        return;
    }
    while (json_scan_key(&scan, &key)) {
        uint64_t name = hash_bytes(key.p, key.n);
        if (json_scan_enter(&scan, JSON_OBJECT)) {
            decoder_resource(decoder);
            take_process(decoder, &scan);
            map_put(processes, name, decoder->resource);
        }
    }
}

/* ---- spans ---- */

/* {"refType": "CHILD_OF", "traceID": ..., "spanID": ...}. */
static void
take_reference(struct decoder *decoder, struct json_scan *scan, struct jaeger_span *jaeger,
               struct span_link *links)
{
    struct span *span = &jaeger->span;
    struct str key, type = {"", 0};
    struct span_link link = {.trace_id = {"", 0}, .span_id = {"", 0}};
    while (json_scan_key(scan, &key)) {
        if (str_is(key, "refType")) {
            type = json_next_text(scan, &decoder->inner);
        } else if (str_is(key, "traceID")) {
            link.trace_id = json_take_id(decoder, scan, TRACE_ID_BYTES);
        } else if (str_is(key, "spanID")) {
            link.span_id = json_take_id(decoder, scan, SPAN_ID_BYTES);
        } else {
            json_scan_skip(scan, JSON_KEY);
        }
    }
    link.follows = str_is(type, "FOLLOWS_FROM");
    if (span->parent_id.n == 0 && str_is(type, "CHILD_OF")) {
        span->parent_id = link.span_id;
    } else if (links != NULL && span->link_count < jaeger->links) {
        links[span->link_count++] = link;
    }
}

static void
take_references(struct decoder *decoder, struct json_scan *scan, struct jaeger_span *jaeger)
{
    if (!json_scan_enter(scan, JSON_ARRAY)) {
        return;
    }
    jaeger->links = decoder_bound(decoder, json_count(*scan), SPAN_LINKS_MAX);
    struct span_link *links =
        jaeger->links > 0 ? arena_news(&decoder->inner, struct span_link, jaeger->links) : NULL;
    jaeger->span.links = links;
    jaeger->span.link_count = 0;
    while (json_next_object(scan)) {
        take_reference(decoder, scan, jaeger, links);
    }
}

/* {"timestamp": ..., "fields": [...]}: the field "event", or "message", is its name. */
static void
take_log(struct decoder *decoder, struct json_scan *scan, struct arena *arena, void *element)
{
    struct span_event *event = element;
    struct str key;
    int64_t us = 0;
    event->name = STR("log");
    while (json_scan_key(scan, &key)) {
        if (str_is(key, "timestamp")) {
            json_take_integer(scan, &us);
        } else if (str_is(key, "fields")) {
            event->attribute_count = take_tags(decoder, scan, arena, &event->attributes);
        } else {
            json_scan_skip(scan, JSON_KEY);
        }
    }
    event->time_ns = ns_of_us(us);
    const struct span_attribute *name =
        attribute_find(event->attributes, event->attribute_count, "event");
    name =
        name != NULL ? name : attribute_find(event->attributes, event->attribute_count, "message");
    if (name != NULL && name->type == SPAN_TEXT) {
        event->name = name->text;
    }
}

static enum span_kind
kind_of(const struct span *span)
{
    static const char *const words[] = {"", "internal", "server", "client", "producer", "consumer"};
    const struct span_attribute *kind =
        attribute_find(span->attributes, span->attribute_count, "span.kind");
    for (size_t i = 1; kind != NULL && i < ARRAY_SIZE(words); i++) {
        if (str_is(kind->text, words[i])) {
            return (enum span_kind)i;
        }
    }
    return SPAN_UNSPECIFIED;
}

static bool
is_true(const struct span_attribute *tag)
{
    return tag != NULL && ((tag->type == SPAN_BOOL && tag->integer != 0) ||
                           (tag->type == SPAN_TEXT && str_is(tag->text, "true")));
}

static void
judge(struct span *span)
{
    const struct span_attribute *tags = span->attributes;
    size_t n = span->attribute_count;
    const struct span_attribute *code = attribute_find(tags, n, "otel.status_code");
    const struct span_attribute *text = attribute_find(tags, n, "otel.status_description");
    if (is_true(attribute_find(tags, n, "error"))) {
        span->status = SPAN_ERROR;
    } else if (code != NULL && str_is(code->text, "OK")) {
        span->status = SPAN_OK;
    }
    if (text != NULL && text->type == SPAN_TEXT) {
        span->status_text = text->text;
    }
}

static void
take_field(struct decoder *decoder, struct json_scan *scan, struct str key,
           struct jaeger_span *jaeger)
{
    struct span *span = &jaeger->span;
    int64_t us = 0;
    if (str_is(key, "traceID")) {
        span->trace_id = json_take_id(decoder, scan, TRACE_ID_BYTES);
    } else if (str_is(key, "spanID")) {
        span->span_id = json_take_id(decoder, scan, SPAN_ID_BYTES);
    } else if (str_is(key, "parentSpanID")) {
        span->parent_id = json_take_id(decoder, scan, SPAN_ID_BYTES);
    } else if (str_is(key, "operationName")) {
        span->name = json_next_text(scan, &decoder->inner);
    } else if (str_is(key, "startTime")) {
        span->start_ns = json_take_integer(scan, &us) ? ns_of_us(us) : 0;
    } else if (str_is(key, "duration")) {
        json_take_integer(scan, &jaeger->duration_us);
    } else if (str_is(key, "processID")) {
        jaeger->process = json_next_text(scan, &decoder->inner);
    } else if (str_is(key, "references")) {
        take_references(decoder, scan, jaeger);
    } else if (str_is(key, "tags")) {
        span->attribute_count = take_tags(decoder, scan, &decoder->inner, &span->attributes);
    } else if (str_is(key, "logs")) {
        span->events = json_take_list(decoder, scan, &decoder->inner, SPAN_EVENTS_MAX,
                                      sizeof(*span->events), take_log, &span->event_count);
    } else {
        json_scan_skip(scan, JSON_KEY);
    }
}

/* Who was started by a span and is a child of none is below that one. */
static void
adopt(struct span *span)
{
    for (size_t i = 0; i < span->link_count && span->parent_id.n == 0; i++) {
        if (span->links[i].follows) {
            span->parent_id = span->links[i].span_id;
        }
    }
}

static void
take_span(struct decoder *decoder, struct json_scan *scan, const struct map *processes)
{
    struct str key;
    struct jaeger_span jaeger = {.process = {"", 0}};
    struct span *span = &jaeger.span;
    span_init(decoder, span);
    while (json_scan_key(scan, &key)) {
        take_field(decoder, scan, key, &jaeger);
    }
    if (scan->why != NULL) {
        return;
    }
    span->end_ns = ns_after(span->start_ns, ns_of_us(jaeger.duration_us));
    const struct span_resource *process =
        map_get(processes, hash_bytes(jaeger.process.p, jaeger.process.n));
    span->resource = process != NULL ? process : &decoder->none;
    span->kind = kind_of(span);
    span->probability = span_sampled((struct str){"", 0}, span->attributes, span->attribute_count);
    judge(span);
    adopt(span);
    decoder_span(decoder, span);
}

static void
take_spans(struct decoder *decoder, struct json_scan scan, const struct map *processes)
{
    if (!json_scan_enter(&scan, JSON_ARRAY)) {
        return;
    }
    while (decoder_goes_on(decoder, &scan) && json_next_object(&scan)) {
        take_span(decoder, &scan, processes);
    }
}

/* {"traceID": ..., "spans": [...], "processes": {...}}. */
static void
take_trace(struct decoder *decoder, struct json_scan *scan)
{
    struct json_scan spans, processes;
    struct str key;
    struct map by_name;
    bool has_spans = false, has_processes = false;
    while (json_scan_key(scan, &key)) {
        if (str_is(key, "spans")) {
            spans = *scan;
            has_spans = true;
        } else if (str_is(key, "processes")) {
            processes = *scan;
            has_processes = true;
        }
        json_scan_skip(scan, JSON_KEY);
    }
    if (scan->why != NULL) {
        return;
    }
    map_init(&by_name, PROCESSES_MAX);
    if (has_processes) {
        take_processes(decoder, processes, &by_name);
    }
    if (has_spans) {
        take_spans(decoder, spans, &by_name);
    }
    map_done(&by_name);
}

static bool
take_document(struct decoder *decoder, struct json_scan *scan, void *context)
{
    struct str key;
    (void)context;
    while (json_scan_key(scan, &key)) {
        if (!str_is(key, "data")) {
            json_scan_skip(scan, JSON_KEY);
        } else if (json_scan_enter(scan, JSON_ARRAY)) {
            while (decoder_goes_on(decoder, scan) && json_next_object(scan)) {
                take_trace(decoder, scan);
            }
        }
    }
    return scan->why == NULL;
}

bool
jaeger_read(struct str body, const struct span_sink *sink, struct delivery *delivery)
{
    struct decoder decoder;
    decoder_init(&decoder, sink, delivery);
    bool good = json_each(&decoder, body, false, NULL, take_document);
    decoder_done(&decoder);
    return good;
}
