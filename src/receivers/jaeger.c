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

/* ---- tags ---- */

/* {"key": ..., "type": "int64", "value": ...}: a large integer is a string. */
static void
take_tag(struct json_scan *scan, struct arena *arena, struct span_attribute *tag)
{
    struct str key, type = {"", 0};
    *tag = (struct span_attribute){.key = {"", 0}, .type = SPAN_TEXT, .text = {"", 0}};
    while (json_scan_key(scan, &key)) {
        if (str_is(key, "key")) {
            tag->key = take_text(scan, arena);
        } else if (str_is(key, "type")) {
            type = take_text(scan, arena);
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
    enum json_token token;
    size_t n = 0;
    *ret_tags = NULL;
    if (!json_scan_enter(scan, JSON_ARRAY)) {
        return 0;
    }
    size_t room = decoder_bound(decoder, json_count(*scan), SPAN_ATTRIBUTES_MAX);
    struct span_attribute *tags = room > 0 ? arena_news(arena, struct span_attribute, room) : NULL;
    while ((token = json_scan_next(scan)) != JSON_ARRAY_END && token != JSON_ERROR) {
        if (token == JSON_OBJECT && tags != NULL && n < room) {
            take_tag(scan, arena, &tags[n++]);
        } else {
            json_scan_skip(scan, token);
        }
    }
    *ret_tags = tags;
    return n;
}

/* ---- processes ---- */

static void
take_process(struct decoder *decoder, struct json_scan *scan)
{
    struct str key;
    struct span_resource *resource = decoder->resource;
    while (json_scan_key(scan, &key)) {
        if (str_is(key, "serviceName")) {
            resource->service = take_text(scan, &decoder->outer);
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
            type = take_text(scan, &decoder->inner);
        } else if (str_is(key, "traceID")) {
            link.trace_id = take_id(decoder, scan, TRACE_ID_BYTES);
        } else if (str_is(key, "spanID")) {
            link.span_id = take_id(decoder, scan, SPAN_ID_BYTES);
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
    enum json_token token;
    if (!json_scan_enter(scan, JSON_ARRAY)) {
        return;
    }
    jaeger->links = decoder_bound(decoder, json_count(*scan), SPAN_LINKS_MAX);
    struct span_link *links =
        jaeger->links > 0 ? arena_news(&decoder->inner, struct span_link, jaeger->links) : NULL;
    jaeger->span.links = links;
    jaeger->span.link_count = 0;
    while ((token = json_scan_next(scan)) != JSON_ARRAY_END && token != JSON_ERROR) {
        if (token == JSON_OBJECT) {
            take_reference(decoder, scan, jaeger, links);
        } else {
            json_scan_skip(scan, token);
        }
    }
}

/* {"timestamp": ..., "fields": [...]}: the field "event", or "message", is its name. */
static void
take_log(struct decoder *decoder, struct json_scan *scan, struct span_event *event)
{
    struct str key;
    int64_t us = 0;
    *event = (struct span_event){.name = STR("log")};
    while (json_scan_key(scan, &key)) {
        if (str_is(key, "timestamp")) {
            json_take_integer(scan, &us);
        } else if (str_is(key, "fields")) {
            event->attribute_count = take_tags(decoder, scan, &decoder->inner, &event->attributes);
        } else {
            json_scan_skip(scan, JSON_KEY);
        }
    }
    event->time_ns = from_us(us);
    const struct span_attribute *name =
        attribute_find(event->attributes, event->attribute_count, "event");
    name =
        name != NULL ? name : attribute_find(event->attributes, event->attribute_count, "message");
    if (name != NULL && name->type == SPAN_TEXT) {
        event->name = name->text;
    }
}

static void
take_logs(struct decoder *decoder, struct json_scan *scan, struct span *span)
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
            take_log(decoder, scan, &events[n++]);
        } else {
            json_scan_skip(scan, token);
        }
    }
    span->events = events;
    span->event_count = n;
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
        span->trace_id = take_id(decoder, scan, TRACE_ID_BYTES);
    } else if (str_is(key, "spanID")) {
        span->span_id = take_id(decoder, scan, SPAN_ID_BYTES);
    } else if (str_is(key, "parentSpanID")) {
        span->parent_id = take_id(decoder, scan, SPAN_ID_BYTES);
    } else if (str_is(key, "operationName")) {
        span->name = take_text(scan, &decoder->inner);
    } else if (str_is(key, "startTime")) {
        span->start_ns = json_take_integer(scan, &us) ? from_us(us) : 0;
    } else if (str_is(key, "duration")) {
        json_take_integer(scan, &jaeger->duration_us);
    } else if (str_is(key, "processID")) {
        jaeger->process = take_text(scan, &decoder->inner);
    } else if (str_is(key, "references")) {
        take_references(decoder, scan, jaeger);
    } else if (str_is(key, "tags")) {
        span->attribute_count = take_tags(decoder, scan, &decoder->inner, &span->attributes);
    } else if (str_is(key, "logs")) {
        take_logs(decoder, scan, span);
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
    struct jaeger_span jaeger = {.span = {.trace_id = {"", 0},
                                          .span_id = {"", 0},
                                          .parent_id = {"", 0},
                                          .name = {"", 0},
                                          .status_text = {"", 0}},
                                 .process = {"", 0}};
    struct span *span = &jaeger.span;
    arena_clear(&decoder->inner);
    while (json_scan_key(scan, &key)) {
        take_field(decoder, scan, key, &jaeger);
    }
    if (scan->why != NULL) {
        return;
    }
    int64_t duration_ns = from_us(jaeger.duration_us);
    span->end_ns =
        span->start_ns > INT64_MAX - duration_ns ? INT64_MAX : span->start_ns + duration_ns;
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
    enum json_token token;
    if (!json_scan_enter(&scan, JSON_ARRAY)) {
        return;
    }
    while ((token = json_scan_next(&scan)) != JSON_ARRAY_END && token != JSON_ERROR) {
        if (token == JSON_OBJECT) {
            take_span(decoder, &scan, processes);
        } else {
            json_scan_skip(&scan, token);
        }
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
    enum json_token token;
    (void)context;
    while (json_scan_key(scan, &key)) {
        if (!str_is(key, "data")) {
            json_scan_skip(scan, JSON_KEY);
        } else if (json_scan_enter(scan, JSON_ARRAY)) {
            while ((token = json_scan_next(scan)) != JSON_ARRAY_END && token != JSON_ERROR) {
                if (token == JSON_OBJECT) {
                    take_trace(decoder, scan);
                } else {
                    json_scan_skip(scan, token);
                }
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
    decoder.none = (struct span_resource){.service = {"", 0}, .scope = {"", 0}};
    bool good = json_each(&decoder, body, false, NULL, take_document);
    decoder_done(&decoder);
    return good;
}
