/* The formats of trace files, told apart by what is in them. */
#include "decoder.h"
#include "flametop/base/macros.h"
#include "flametop/base/protobuf.h"

/* Begins with `first`, after blanks. */
static bool
begins(struct str head, char first)
{
    struct str rest = str_trim(head);
    return rest.n > 0 && rest.p[0] == first;
}

static bool
is_otlp_json(struct str head, bool whole)
{
    (void)whole;
    return begins(head, '{') &&
           (json_has_key(head, "resourceSpans") ||
            (json_has_key(head, "batches") && (json_has_key(head, "scopeSpans") ||
                                               json_has_key(head, "instrumentationLibrarySpans"))));
}

static bool
is_jaeger(struct str head, bool whole)
{
    (void)whole;
    return begins(head, '{') && json_has_key(head, "data") && json_has_key(head, "traceID") &&
           (json_has_key(head, "operationName") || json_has_key(head, "spans"));
}

static bool
is_zipkin(struct str head, bool whole)
{
    (void)whole;
    return begins(head, '[') && json_has_key(head, "traceId") && json_has_key(head, "id");
}

static bool
is_chrome(struct str head, bool whole)
{
    (void)whole;
    return (begins(head, '{') && json_has_key(head, "traceEvents")) ||
           (begins(head, '[') && json_has_key(head, "ph") && json_has_key(head, "ts"));
}

static bool
is_mission(struct str head, bool whole)
{
    (void)whole;
    return (begins(head, '{') || begins(head, '[')) && json_has_key(head, "duration_ms") &&
           json_has_key(head, "request");
}

/* ResourceSpans after ResourceSpans, the first of which holds a resource or spans. */
static bool
is_otlp_protobuf(struct str head, bool whole)
{
    struct protobuf_field field;
    struct str rest = head, inner;
    uint64_t tag, n;
    if (!protobuf_varint(&rest, &tag) || tag != (1 << 3 | PROTOBUF_BYTES) ||
        !protobuf_varint(&rest, &n) || n < 4 || (whole && n > rest.n)) {
        return false;
    }
    inner = (struct str){rest.p, MIN((size_t)n, rest.n)};
    /* A resource is short enough to be whole in the head. */
    return protobuf_next(&inner, &field) && field.wire == PROTOBUF_BYTES &&
           (field.number == 1 || field.number == 2) &&
           (field.bytes.n == 0 || (field.bytes.p[0] == 0x0a || field.bytes.p[0] == 0x12));
}

const struct span_format span_format_table[] = {
    {"OTLP JSON", is_otlp_json, otlp_json_read},
    {"Jaeger JSON", is_jaeger, jaeger_read},
    {"Zipkin JSON", is_zipkin, zipkin_read},
    {"Chrome trace events", is_chrome, chrome_trace_read},
    {"requests of the profiling data model", is_mission, mission_requests_read},
    {"OTLP protobuf", is_otlp_protobuf, otlp_traces_read},
};
const size_t span_format_count = ARRAY_SIZE(span_format_table);

const struct span_format *
span_format_detect(struct str head, bool whole)
{
    for (size_t i = 0; i < span_format_count; i++) {
        if (span_format_table[i].is(head, whole)) {
            return &span_format_table[i];
        }
    }
    return NULL;
}
