/* The filter language for traces: which requests are wanted.
 *
 *   service=shop endpoint~/tools/ tool=database-query duration>200ms status=error http.route=/x
 *
 * Terms are joined by "and". FIELD OP VALUE, with `=` `!=` for equal, `~` `!~` for "contains" and
 * `<` `<=` `>` `>=` for order; a value may list several: status=error|slow. `!` turns a term round,
 * quotes keep blanks: endpoint="GET /a b". Case matters only in values of attributes.
 *
 * Fields: service (of any span), endpoint, tool (of any span), duration, status (ok, error, slow,
 * failed: some span did, unfinished, marked, orphans), name (name or label of any span), system
 * (http, rpc, db, cache, messaging, tool, model, agent, pool: of any span), spans (how many), trace
 * (its id begins with this, in hex). Any other name is an attribute of any span or resource, also
 * written attr.NAME; it compares as a number where both sides are numbers. A bare word is looked
 * for in endpoint, tool, services, names and the id. Times say their unit: 200ms, 1.5s. */
#ifndef FLAMETOP_TRACE_FILTER_H
#define FLAMETOP_TRACE_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include "flametop/base/str.h"
#include "flametop/core/trace.h"

#define TRACE_FILTER_BYTES_MAX 1024

struct trace_filter;

/* NULL and a sentence in why; an empty text, too, is NULL, with why empty. */
struct trace_filter *trace_filter_new(struct str text, char *why, size_t why_size);
void trace_filter_free(struct trace_filter *filter); /* NULL is allowed */

/* NULL wants every trace. Any thread, several at once. */
bool trace_filter_matches(const struct trace_filter *filter, const struct trace *trace);

/* The same of one span alone: its service, its own tool, its duration, its status (ok, error, slow
 * beyond nothing), name, system and attributes; the endpoint and the id are the trace's. */
bool trace_filter_matches_span(const struct trace_filter *filter, const struct trace *trace,
                               uint32_t span);

/* `text` against a pattern in which * stands for any bytes; whatever the case. Linear but for
 * retries at stars. */
bool trace_glob(const char *pattern, struct str text);

/* The word for a system, as the filter knows it: "db"; "other". */
const char *trace_system_name(enum trace_system system);

#endif
