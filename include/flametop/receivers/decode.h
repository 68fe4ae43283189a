/* Decoders of what services and trace files send: spans and readings, into a sink (core/span.h).
 *
 * Each takes bytes, does no I/O, keeps nothing, and hands on what it read before the place where
 * something is wrong. Bodies hold any number of spans; of one span at most SPAN_ATTRIBUTES_MAX
 * attributes, SPAN_EVENTS_MAX events and SPAN_LINKS_MAX links are taken, the rest is counted. */
#ifndef FLAMETOP_RECEIVERS_DECODE_H
#define FLAMETOP_RECEIVERS_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/str.h"
#include "flametop/core/span.h"

#define SPAN_ATTRIBUTES_MAX 1024
#define SPAN_EVENTS_MAX 1024
#define SPAN_LINKS_MAX 256

/* What came of one body. Added to: start with a zeroed one. */
struct delivery {
    int64_t now_ns;           /* set before: Unix time, for what does not say when it was */
    const bool *ended;        /* set before: the rest is not read when it is, which another thread
                                 may set (atomically); NULL: all is */
    uint64_t spans, readings; /* handed to the sink */
    uint64_t refused;         /* of these, not taken by it */
    uint64_t cut;             /* attributes, events and links beyond the bounds */
    char why[160];            /* what is wrong with the body; "": nothing */
};

/* False, and a sentence in delivery->why with the place where it can be told, when the body is not
 * what it should be. */
typedef bool decode_function(struct str body, const struct span_sink *sink,
                             struct delivery *delivery);

decode_function otlp_traces_read;       /* ExportTraceServiceRequest, or TracesData: protobuf */
decode_function otlp_metrics_read;      /* ExportMetricsServiceRequest: protobuf */
decode_function otlp_json_read;         /* the same of traces as JSON, one or many (JSON lines),
                                           Tempo's `batches`, Jaeger's {"result": ...} */
decode_function otlp_json_metrics_read; /* the same of metrics as JSON */
decode_function zipkin_read;            /* a list of Zipkin v2 spans */
decode_function jaeger_read;            /* Jaeger's JSON of a query */
decode_function chrome_trace_read;      /* Chrome's trace events */
decode_function mission_requests_read;  /* requests of the profiling data model: one, a list or
                                           lines. Their spans are laid end to end (SPAN_ASSUMED) */
decode_function mission_samples_read;   /* measurements: one, a list or lines */
decode_function statsd_read; /* a datagram of StatsD or DogStatsD: lines. A line that is none is
                                left out; false when any was */

/* The formats a trace file can have, told apart by what is in it. */
struct span_format {
    const char *name; /* "OTLP JSON" */
    /* Whether a file that begins so is of this format. `whole`: there is no more of it. */
    bool (*is)(struct str head, bool whole);
    decode_function *read;
};

extern const struct span_format span_format_table[];
extern const size_t span_format_count;

#define SPAN_HEAD_BYTES ((size_t)64 << 10) /* so much of a file says what it is */

/* NULL when it is none. */
const struct span_format *span_format_detect(struct str head, bool whole);

#endif
