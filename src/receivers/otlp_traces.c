/* OTLP's traces in protobuf (opentelemetry/proto/trace/v1/trace.proto). A span with events or links
 * is walked again for these, when it is known how many there are. */
#include "flametop/base/macros.h"
#include "otlp.h"

enum {
    SPAN_TRACE_ID = 1,
    SPAN_ID,
    SPAN_TRACE_STATE,
    SPAN_PARENT_ID,
    SPAN_NAME,
    SPAN_KIND,
    SPAN_START,
    SPAN_END,
    SPAN_ATTRIBUTES = 9,
    SPAN_EVENTS = 11,
    SPAN_LINKS = 13,
    SPAN_STATUS_FIELD = 15,
    SPAN_FIELDS
};

enum { EVENT_TIME = 1, EVENT_NAME, EVENT_ATTRIBUTES };
enum { LINK_TRACE_ID = 1, LINK_SPAN_ID };
enum { STATUS_MESSAGE = 2, STATUS_CODE = 3 };

static void
take_status(struct str message, struct span *span)
{
    struct protobuf_field field;
    while (protobuf_next(&message, &field)) {
        if (protobuf_is(&field, STATUS_MESSAGE, PROTOBUF_BYTES)) {
            span->status_text = field.bytes;
        } else if (protobuf_is(&field, STATUS_CODE, PROTOBUF_VARINT)) {
            span->status = field.value <= SPAN_ERROR ? (enum span_status)field.value : SPAN_UNSET;
        }
    }
}

static void
take_bytes(struct decoder *decoder, const struct protobuf_field *field, struct span *span,
           struct str *trace_state)
{
    struct arena *arena = &decoder->inner;
    switch (field->number) {
    case SPAN_TRACE_ID:
        span->trace_id = id_of_bytes(arena, field->bytes);
        break;
    case SPAN_ID:
        span->span_id = id_of_bytes(arena, field->bytes);
        break;
    case SPAN_PARENT_ID:
        span->parent_id = id_of_bytes(arena, field->bytes);
        break;
    case SPAN_TRACE_STATE:
        *trace_state = field->bytes;
        break;
    case SPAN_NAME:
        span->name = field->bytes;
        break;
    case SPAN_STATUS_FIELD:
        take_status(field->bytes, span);
        break;
    default:
        break;
    }
}

static void
take_number(const struct protobuf_field *field, struct span *span)
{
    if (protobuf_is(field, SPAN_START, PROTOBUF_64)) {
        span->start_ns = otlp_time(field->value);
    } else if (protobuf_is(field, SPAN_END, PROTOBUF_64)) {
        span->end_ns = otlp_time(field->value);
    } else if (protobuf_is(field, SPAN_KIND, PROTOBUF_VARINT)) {
        span->kind =
            field->value <= SPAN_CONSUMER ? (enum span_kind)field->value : SPAN_UNSPECIFIED;
    }
}

static void
take_event(struct decoder *decoder, struct str message, struct span_event *event)
{
    struct protobuf_field field;
    size_t count = 0;
    *event = (struct span_event){.name = {"", 0}};
    for (struct str rest = message; protobuf_next(&rest, &field);) {
        if (protobuf_is(&field, EVENT_TIME, PROTOBUF_64)) {
            event->time_ns = otlp_time(field.value);
        } else if (protobuf_is(&field, EVENT_NAME, PROTOBUF_BYTES)) {
            event->name = field.bytes;
        }
        count += field.number == EVENT_ATTRIBUTES;
    }
    event->attributes = otlp_attributes(decoder, &decoder->inner, message, EVENT_ATTRIBUTES, count,
                                        &event->attribute_count);
}

static void
take_events(struct decoder *decoder, struct str message, size_t count, struct span *span)
{
    struct protobuf_field field;
    size_t room = decoder_bound(decoder, count, SPAN_EVENTS_MAX);
    struct span_event *events = arena_news(&decoder->inner, struct span_event, room);
    while (events != NULL && span->event_count < room && protobuf_next(&message, &field)) {
        if (protobuf_is(&field, SPAN_EVENTS, PROTOBUF_BYTES)) {
            take_event(decoder, field.bytes, &events[span->event_count++]);
        }
    }
    span->events = events;
}

static void
take_link(struct decoder *decoder, struct str message, struct span_link *link)
{
    struct protobuf_field field;
    *link = (struct span_link){.trace_id = {"", 0}, .span_id = {"", 0}};
    while (protobuf_next(&message, &field)) {
        if (protobuf_is(&field, LINK_TRACE_ID, PROTOBUF_BYTES)) {
            link->trace_id = id_of_bytes(&decoder->inner, field.bytes);
        } else if (protobuf_is(&field, LINK_SPAN_ID, PROTOBUF_BYTES)) {
            link->span_id = id_of_bytes(&decoder->inner, field.bytes);
        }
    }
}

static void
take_links(struct decoder *decoder, struct str message, size_t count, struct span *span)
{
    struct protobuf_field field;
    size_t room = decoder_bound(decoder, count, SPAN_LINKS_MAX);
    struct span_link *links = arena_news(&decoder->inner, struct span_link, room);
    while (links != NULL && span->link_count < room && protobuf_next(&message, &field)) {
        if (protobuf_is(&field, SPAN_LINKS, PROTOBUF_BYTES)) {
            take_link(decoder, field.bytes, &links[span->link_count++]);
        }
    }
    span->links = links;
}

static bool
take_span(struct decoder *decoder, struct str message)
{
    struct protobuf_field field;
    struct str rest = message, trace_state = {"", 0};
    size_t counts[SPAN_FIELDS] = {0};
    struct span span;
    span_init(decoder, &span);
    while (protobuf_next(&rest, &field)) {
        if (protobuf_is(&field, SPAN_ATTRIBUTES, PROTOBUF_BYTES)) {
            span.attribute_count = otlp_attribute(decoder, field.bytes, span.attribute_count);
        } else if (field.wire == PROTOBUF_BYTES) {
            take_bytes(decoder, &field, &span, &trace_state);
        } else {
            take_number(&field, &span);
        }
        counts[field.number < SPAN_FIELDS ? field.number : 0]++;
    }
    if (rest.n > 0) {
        return decoder_fail(decoder, "a field of a span is cut or damaged");
    }
    span.attributes = decoder->attributes;
    if (counts[SPAN_EVENTS] > 0) {
        take_events(decoder, message, counts[SPAN_EVENTS], &span);
    }
    if (counts[SPAN_LINKS] > 0) {
        take_links(decoder, message, counts[SPAN_LINKS], &span);
    }
    span.probability = span_sampled(trace_state, span.attributes, span.attribute_count);
    decoder_span(decoder, &span);
    return true;
}

static bool
take_scope_spans(struct decoder *decoder, struct str message)
{
    otlp_scope(decoder, message);
    return otlp_each(decoder, message, 2, take_span);
}

static bool
take_resource_spans(struct decoder *decoder, struct str message)
{
    otlp_resource(decoder, message);
    return otlp_each(decoder, message, 2, take_scope_spans);
}

bool
otlp_traces_read(struct str body, const struct span_sink *sink, struct delivery *delivery)
{
    struct decoder decoder;
    decoder_init(&decoder, sink, delivery);
    bool good = otlp_each(&decoder, body, 1, take_resource_spans);
    decoder_done(&decoder);
    return good;
}
