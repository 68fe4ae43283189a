/* The trace store: spans in, immutable traces out. One thread (the engine's).
 *
 * Spans of one trace are gathered until it is whole (its root and all parents are there) and quiet,
 * or has waited long enough; then it is built (core/trace.h), counted and published with the next
 * list. A span that comes later opens it again, as a new version. A span that was there already (a
 * retried batch) is counted once.
 *
 * On arrival: texts are cleaned, secrets in attributes redacted (keys by pattern: authorization,
 * cookie, password, secret, token, api key ...), old and new semantic conventions mapped to labels
 * and systems, head sampling applied by rule.
 *
 * Bounded by bytes: the oldest segment goes first, but of what it holds slow, failed and marked
 * traces stay (in half of the bytes at most), and of the others one in so many, whose `weight`
 * grows by as much. */
#ifndef FLAMETOP_TRACE_STORE_H
#define FLAMETOP_TRACE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/clock.h"
#include "flametop/core/source.h"
#include "flametop/core/span.h"
#include "flametop/core/traces.h"

struct trace_store;

struct trace_threshold {         /* seconds, for what matches; the first that matches counts */
    const char *endpoint, *tool; /* texts; "" or NULL: any */
    double seconds;
};

struct trace_sampling { /* head sampling: keeps this share of matching traces, the first rule counts
                         */
    const char *service, *endpoint;
    double probability;
};

struct trace_store_options {
    size_t bytes_max;                         /* of finished traces; 0: 16 MiB */
    size_t open_bytes_max;                    /* of those being gathered; 0: a quarter of it */
    double slow_s;                            /* 0: 2 */
    double slow_query_s;                      /* 0: 0.5 */
    const struct trace_threshold *thresholds; /* copied */
    size_t threshold_count;
    const struct trace_sampling *sampling; /* copied */
    size_t sampling_count;
};

struct trace_store *trace_store_new(const struct trace_store_options *options);
void trace_store_free(struct trace_store *store);

/* One span. False: refused (no ids, no room), counted. */
bool trace_store_span(struct trace_store *store, const struct span *span, struct instant now);

/* A finished trace from elsewhere (an agent, a file of ours), checked; replaces an older version.
 */
bool trace_store_trace(struct trace_store *store, const void *bytes, size_t n, struct instant now);

/* Marks or unmarks a trace that is held; false when it is not. */
bool trace_store_mark(struct trace_store *store, struct str id, bool marked);

/* Finishes what is due and answers the list as it is now, with a reference for the caller; the same
 * list again when nothing has changed. NULL when out of memory. */
struct traces *trace_store_publish(struct trace_store *store, struct instant now);

/* Finishes all there is, due or not (a file was read to its end). */
void trace_store_flush(struct trace_store *store, struct instant now);

/* The source of metrics and tables made of what passes through: request.duration, .count, .errors
 * by service, endpoint and tool; db.client.*; cache.hit.ratio; pool waits; agents;
 * flametop.trace.*. Polled by the collector; `store` is found through trace_source_store. */
extern const struct source source_requests;

#endif
