/* A span: one timed operation of a request, as it arrives from outside; and the sink that takes
 * what receivers and trace files deliver.
 *
 * A decoder fills the structures with views into the bytes it reads and hands them to the sink,
 * which copies what it keeps: everything is valid during the call only. Nothing here is cleaned,
 * redacted or mapped yet; the store does that in one place (trace/store.h).
 *
 * Ids are opaque bytes (16 and 8 in OpenTelemetry, but UUIDs, 48 hex digits and others are seen).
 * Times are nanoseconds of Unix time. */
#ifndef FLAMETOP_CORE_SPAN_H
#define FLAMETOP_CORE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/str.h"
#include "flametop/core/trace.h"

struct span_attribute {
    struct str key;
    enum span_value_type type;
    struct str text;
    int64_t integer;
    double real;
};

struct span_event {
    int64_t time_ns;
    struct str name;
    const struct span_attribute *attributes;
    size_t attribute_count;
};

/* Another span this one refers to without being its child. */
struct span_link {
    struct str trace_id, span_id;
    bool follows; /* Jaeger's FOLLOWS_FROM: started by it, not waited for */
};

/* What a taker of spans keeps beside the attributes of a resource: it need not read them for each
 * span. All zero at first. */
struct span_memo {
    uint64_t of, hash;
};

/* What sent the spans: attributes of the process, not of the operation. */
struct span_resource {
    struct str service;                      /* service.name; empty when unknown */
    struct str scope;                        /* the instrumentation's name; may be empty */
    const struct span_attribute *attributes; /* their texts stay as they are for one delivery */
    size_t attribute_count;
    struct span_memo *memo; /* may be shared by resources of one delivery; NULL: none */
};

struct span {
    struct str trace_id, span_id, parent_id; /* raw bytes; parent empty: a root */
    struct str name, status_text;
    enum span_kind kind;
    enum span_status status;
    unsigned flags;
    int64_t start_ns;
    int64_t end_ns;     /* 0: not ended when it was sent */
    double probability; /* that its trace was sampled by the sender (ot=th:, sampling.probability);
                           0: not said */
    const struct span_attribute *attributes;
    size_t attribute_count;
    const struct span_event *events;
    size_t event_count;
    const struct span_link *links;
    size_t link_count;
    const struct span_resource *resource; /* never NULL. The same pointer within one delivery means
                                             the same resource */
};

/* A measurement pushed from outside (OTLP metrics, StatsD, /v1/samples). */
enum reading_kind {
    READING_GAUGE,
    READING_ADD,        /* gauge, changed by so much (StatsD `+4|g`) */
    READING_COUNT,      /* so many more (delta counters); weight applied */
    READING_TOTAL,      /* a counter's value since `start_ns` */
    READING_TIME,       /* one observation for a histogram, in `unit` */
    READING_MEMBER,     /* `text` is a member of a set; the size of the set is the metric */
    READING_HISTOGRAM,  /* a delta of buckets, in `buckets` */
    READING_HISTOGRAMS, /* buckets since start_ns */
};

struct reading_bucket {
    double low, high; /* (low, high]; infinities at the ends */
    uint64_t count;
};

struct measurement {
    enum reading_kind kind;
    struct str name, unit, text, description;
    const struct span_attribute *tags;
    size_t tag_count;
    const struct span_resource *resource; /* NULL: none */
    double value;
    double weight;             /* 1 / sample rate; 1 when all were sent */
    int64_t time_ns, start_ns; /* 0: now, unknown */
    const struct reading_bucket *buckets;
    size_t bucket_count;
    double sum;     /* of a histogram; NaN: unknown */
    uint64_t count; /* the same */
};

/* Where decoders put what they read. Both answer false when it was refused (full, no id, no name);
 * the receiver counts and reports that as a partial success. */
struct span_sink {
    void *context;
    bool (*span)(void *context, const struct span *span);
    bool (*reading)(void *context, const struct measurement *reading); /* NULL: not wanted */
};

#endif
