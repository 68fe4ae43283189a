/* The trace store: spans in, immutable traces out. One thread (the engine's).
 *
 * Spans of one trace are gathered until it is whole (its root and all parents are there) and quiet
 * for TRACE_QUIET_NS, or quiet for TRACE_PATIENCE_NS, or TRACE_AGE_NS old; then it is built
 * (core/trace.h), counted and published with the next list. A span that comes later opens it again,
 * as a new version; each time it waits longer. Large traces are opened again only so often a
 * second: spans beyond that are dropped. A span that was there already (a retried batch) is counted
 * once; of one that had not ended the end is taken.
 *
 * On arrival: texts are cleaned, secrets in attributes and names redacted (keys by pattern:
 * authorization, cookie, password, secret, token, api key ...; also inside URLs, JSON and lines of
 * headers), old and new semantic conventions mapped to labels and systems, head sampling applied by
 * rule. An attribute `flametop.resources` (JSON) is the trace's `resources`, no attribute.
 *
 * Bounded by bytes: the oldest segment goes first, but of what it holds slow, failed and marked
 * traces stay (in half of the bytes at most), and of the others one in TRACE_TAIL_SHARE, whose
 * `weight` grows by as much: the sum of weights is that of the requests received, within the time
 * the list reaches back. */
#ifndef FLAMETOP_TRACE_STORE_H
#define FLAMETOP_TRACE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/arena.h"
#include "flametop/base/clock.h"
#include "flametop/base/macros.h"
#include "flametop/core/source.h"
#include "flametop/core/span.h"
#include "flametop/core/traces.h"

#define TRACE_QUIET_NS (300 * NS_PER_MS)
#define TRACE_PATIENCE_NS (6 * NS_PER_S)
#define TRACE_AGE_NS (60 * NS_PER_S)
#define TRACE_TAIL_SHARE 8

struct trace_store;

struct trace_threshold {         /* seconds, for what matches; the first that matches counts */
    const char *endpoint, *tool; /* patterns (trace_glob); "" or NULL: any */
    double seconds;
};

struct trace_sampling { /* head sampling: keeps this share of matching traces, the first rule counts
                         */
    const char *service, *endpoint; /* patterns */
    double probability;
};

struct trace_store_options {
    size_t bytes_max;                         /* of finished traces; 0: 16 MiB */
    size_t open_bytes_max;                    /* of those being gathered; 0: a quarter of it. Large
                                                 ones have as much as bytes_max besides */
    double slow_s;                            /* 0: 2 */
    double slow_query_s;                      /* 0: 0.5 */
    const struct trace_threshold *thresholds; /* copied, with their texts */
    size_t threshold_count;
    const struct trace_sampling *sampling; /* copied, with their texts */
    size_t sampling_count;
};

/* Rules as they are written in the configuration, into an arena: "POST /tools/x*=5s",
 * "tool:database-query=200ms" and "GET /health=1%", "service:shop GET *=10%". False and a
 * sentence. */
bool trace_threshold_parse(struct str text, struct arena *arena, struct trace_threshold *ret_rule,
                           char *why, size_t why_size);
bool trace_sampling_parse(struct str text, struct arena *arena, struct trace_sampling *ret_rule,
                          char *why, size_t why_size);

/* NULL when out of memory. */
struct trace_store *trace_store_new(const struct trace_store_options *options);
void trace_store_free(struct trace_store *store);

/* One span. False: refused (no ids, no room), counted. */
bool trace_store_span(struct trace_store *store, const struct span *span, struct instant now);

/* A finished trace from elsewhere (an agent, a file of ours), checked; replaces an older version.
 * One that is larger than bytes_max stands beside the others, until the next such one comes. False:
 * it is none, or its head alone, or there is no memory. */
bool trace_store_trace(struct trace_store *store, const void *bytes, size_t n, struct instant now);

/* Marks or unmarks a trace that is held; false when it is not. */
bool trace_store_mark(struct trace_store *store, struct str id, bool marked);

/* Finishes what is due and answers the list as it is now, with a reference for the caller; the same
 * list again when nothing has changed. NULL when out of memory. */
struct traces *trace_store_publish(struct trace_store *store, struct instant now);

/* Finishes all there is, due or not (a file was read to its end). */
void trace_store_flush(struct trace_store *store, struct instant now);

/* Whether anything ever arrived: what nobody uses costs nothing. */
bool trace_store_used(const struct trace_store *store);

/* A sink for decoders that puts into this store, at the time of the clock when it is called. The
 * clock outlives the sink; `at` is the sink's context. */
struct trace_store_sink {
    struct trace_store *store;
    const struct clock *clock;
    struct clock_recent recent; /* all zero at first */
};
struct span_sink trace_store_sink(struct trace_store_sink *at);

/* The source of metrics and tables made of what passes through: request.duration, .count, .errors
 * by service, endpoint and tool; db.client.*; cache.hit.ratio; pool waits; agents;
 * flametop.trace.*. The store is source_setup.traces; without one the source is not here. */
extern const struct source source_requests;

#endif
