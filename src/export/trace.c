/* A request as OTLP JSON: ids in lower-case hex, 64-bit numbers as texts, enums as numbers. */
#include "flametop/export/trace.h"

#include <stdio.h>
#include <string.h>

#include "flametop/base/json.h"

/* Bytes of ids as OpenTelemetry has them: others keep their own length. */
static void
put_id(struct json *json, const char *key, const uint8_t *id, size_t n)
{
    char text[2 * SPAN_ID_BYTES_MAX + 1] = "";
    for (size_t i = 0; i < n && i < SPAN_ID_BYTES_MAX; i++) {
        snprintf(text + 2 * i, 3, "%02x", id[i]);
    }
    json_key(json, key);
    json_text(json, text);
}

static void
put_decimal(struct json *json, const char *key, int64_t value)
{
    char text[32];
    snprintf(text, sizeof(text), "%lld", (long long)value);
    json_key(json, key);
    json_text(json, text);
}

static void
put_value(struct json *json, const struct trace *trace, const struct trace_attribute *attribute)
{
    const char *text = trace_text(trace, attribute->text);
    json_object(json);
    switch (attribute->redacted ? SPAN_TEXT : (enum span_value_type)attribute->type) {
    case SPAN_BOOL:
        json_key(json, "boolValue");
        json_bool(json, attribute->real > 0);
        break;
    case SPAN_INTEGER:
        json_key(json, "intValue");
        json_text(json, text);
        break;
    case SPAN_REAL:
        json_key(json, "doubleValue");
        json_double(json, attribute->real);
        break;
    default:
        json_key(json, "stringValue");
        json_text(json, text);
        break;
    }
    json_object_end(json);
}

static void
put_each(struct json *json, const struct trace *trace, uint32_t first, uint32_t count)
{
    const struct trace_attribute *attributes = trace_attributes(trace) + first;
    for (uint32_t i = 0; i < count; i++) {
        json_object(json);
        json_key(json, "key");
        json_text(json, trace_text(trace, attributes[i].key));
        json_key(json, "value");
        put_value(json, trace, &attributes[i]);
        json_object_end(json);
    }
}

static void
put_attributes(struct json *json, const struct trace *trace, uint32_t first, uint32_t count)
{
    json_key(json, "attributes");
    json_array(json);
    put_each(json, trace, first, count);
    json_array_end(json);
}

/* Those of a resource: its service is one of them, wherever it was said. */
static void
put_resource_attributes(struct json *json, const struct trace *trace,
                        const struct trace_resource *resource)
{
    const struct trace_attribute *attributes = trace_attributes(trace) + resource->attribute;
    bool said = resource->service == 0;
    for (uint32_t i = 0; i < resource->attribute_count; i++) {
        said |= strcmp(trace_text(trace, attributes[i].key), "service.name") == 0;
    }
    json_key(json, "attributes");
    json_array(json);
    if (!said) {
        json_object(json);
        json_key(json, "key");
        json_text(json, "service.name");
        json_key(json, "value");
        json_object(json);
        json_key(json, "stringValue");
        json_text(json, trace_text(trace, resource->service));
        json_object_end(json);
        json_object_end(json);
    }
    put_each(json, trace, resource->attribute, resource->attribute_count);
    json_array_end(json);
}

static void
put_events(struct json *json, const struct trace *trace, const struct trace_span *span)
{
    const struct trace_event *events = trace_events(trace) + span->event;
    json_key(json, "events");
    json_array(json);
    for (uint32_t i = 0; i < span->event_count; i++) {
        json_object(json);
        put_decimal(json, "timeUnixNano", trace->start_ns + events[i].time_ns);
        json_key(json, "name");
        json_text(json, trace_text(trace, events[i].name));
        put_attributes(json, trace, events[i].attribute, events[i].attribute_count);
        json_object_end(json);
    }
    json_array_end(json);
}

static void
put_links(struct json *json, const struct trace *trace, const struct trace_span *span)
{
    const struct trace_link *links = trace_links(trace) + span->link;
    json_key(json, "links");
    json_array(json);
    for (uint32_t i = 0; i < span->link_count; i++) {
        json_object(json);
        json_key(json, "traceId");
        json_text(json, trace_text(trace, links[i].trace));
        json_key(json, "spanId");
        json_text(json, trace_text(trace, links[i].span));
        json_object_end(json);
    }
    json_array_end(json);
}

static void
put_parent(struct json *json, const struct trace *trace, const struct trace_span *span)
{
    const struct trace_span *spans = trace_spans(trace);
    if (span->missing != 0) {
        json_key(json, "parentSpanId");
        json_text(json, trace_text(trace, span->missing));
    } else if (span->parent != TRACE_NONE && (spans[span->parent].flags & SPAN_MADE_UP) == 0) {
        put_id(json, "parentSpanId", spans[span->parent].id, spans[span->parent].id_n);
    }
}

static void
put_span(struct json *json, const struct trace *trace, const struct trace_span *span)
{
    json_object(json);
    put_id(json, "traceId", trace->id, trace->id_n);
    put_id(json, "spanId", span->id, span->id_n);
    put_parent(json, trace, span);
    json_key(json, "name");
    json_text(json, trace_text(trace, span->name));
    json_key(json, "kind");
    json_int(json, span->kind);
    put_decimal(json, "startTimeUnixNano", trace->start_ns + span->start_ns);
    if (span->duration_ns >= 0) {
        put_decimal(json, "endTimeUnixNano", trace->start_ns + span->start_ns + span->duration_ns);
    }
    put_attributes(json, trace, span->attribute, span->attribute_count);
    put_events(json, trace, span);
    put_links(json, trace, span);
    json_key(json, "status");
    json_object(json);
    if (span->status_text != 0) {
        json_key(json, "message");
        json_text(json, trace_text(trace, span->status_text));
    }
    json_key(json, "code");
    json_int(json, span->status);
    json_object_end(json);
    json_object_end(json);
}

static void
put_resource(struct json *json, const struct trace *trace, uint32_t index)
{
    const struct trace_resource *resource = &trace_resources(trace)[index];
    const struct trace_span *spans = trace_spans(trace);
    json_object(json);
    json_key(json, "resource");
    json_object(json);
    put_resource_attributes(json, trace, resource);
    json_object_end(json);
    json_key(json, "scopeSpans");
    json_array(json);
    json_object(json);
    json_key(json, "scope");
    json_object(json);
    json_key(json, "name");
    json_text(json, trace_text(trace, resource->scope));
    json_object_end(json);
    json_key(json, "spans");
    json_array(json);
    for (uint32_t i = 0; i < trace->span_count; i++) {
        if (spans[i].resource == index && (spans[i].flags & SPAN_MADE_UP) == 0) {
            put_span(json, trace, &spans[i]);
        }
    }
    json_array_end(json);
    json_object_end(json);
    json_array_end(json);
    json_object_end(json);
}

bool
trace_write_otlp(const struct trace *trace, struct buf *out)
{
    struct json json;
    json_init(&json, out, false);
    json_object(&json);
    json_key(&json, "resourceSpans");
    json_array(&json);
    for (uint32_t i = 0; i < trace->resource_count; i++) {
        put_resource(&json, trace, i);
    }
    json_array_end(&json);
    json_object_end(&json);
    buf_putc(out, '\n');
    return !out->full;
}
