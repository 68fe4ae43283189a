/* Who calls whom: operations and services of a set of traces, and the edges between them, with
 * rates, durations and errors.
 *
 * An operation is (service, label of its spans). An edge leads from the operation of a span to that
 * of its child; of services, from one to another. A call whose other end sent no spans (a database,
 * a cache, a foreign API) leads to a service that is known by name only: peer.service, else the
 * system or the address of its attributes.
 *
 * Between a CLIENT span and the SERVER span below it, what the client took longer is the network
 * and the queue before the server.
 *
 * Made in steps; the set must live until it is done, texts are copied. */
#ifndef FLAMETOP_TRACE_GRAPH_H
#define FLAMETOP_TRACE_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/core/histogram.h"
#include "flametop/trace/select.h"

#define TRACE_OPERATIONS_MAX 2048
#define TRACE_SERVICES_MAX 512
#define TRACE_EDGES_MAX 4096 /* of operations; as many of services */

struct trace_numbers { /* seconds; counts by the weights of the traces */
    double count, errors;
    double rate, mean_s, p50_s, p95_s; /* a second of the span covered; NaN: too few to know */
    uint64_t spans;                    /* that were read; unfinished ones are in no duration */
    struct histogram durations;
};

struct trace_operation {
    const char *service, *name;
    uint32_t service_at; /* in services */
    uint8_t system;      /* enum trace_system */
    uint8_t kind;        /* enum span_kind */
    struct trace_numbers numbers;
    double self_s, path_s; /* sums: its own time; of it on critical paths */
    uint32_t current;      /* that have not ended */
    uint32_t high_water;   /* most that ran at once */
};

struct trace_service {
    const char *name;
    bool foreign;                 /* sends no spans: known from its callers alone */
    uint8_t system;               /* what it is called with */
    struct trace_numbers numbers; /* calls from other services, and roots */
};

struct trace_edge {
    uint32_t from, to;            /* indices of operations or services; from TRACE_NONE: a root */
    struct trace_numbers numbers; /* of the called side where it sent spans */
    double network_s;             /* mean of client minus server; NaN: not known */
    uint64_t network_count;
};

/* How much the traces can tell. */
struct trace_quality {
    uint64_t traces, spans;
    uint64_t database, without_query; /* spans; of those without text, summary or operation */
    uint64_t without_service;
    uint64_t http, without_route; /* SERVER spans of HTTP; of those that name no route */
    uint64_t orphans, unfinished, assumed, cut; /* traces */
    uint64_t skewed;                            /* spans whose clock was put right */
    uint64_t blind; /* traces that spent half of their time and more where no span tells on what */
    double sampled; /* traces here for each request, 0 to 1 */
};

struct trace_graph {
    struct trace_operation *operations; /* most time on critical paths first */
    size_t operation_count;
    struct trace_service *services;
    size_t service_count;
    struct trace_edge *calls, *dependencies; /* of operations, of services; most often first */
    size_t call_count, dependency_count;
    struct trace_quality quality;
    double span_s;        /* of time from the first to the end */
    uint64_t dropped;     /* spans for whose operations, services or edges there was no room */
    bool concurrency_cut; /* the oldest spans are not in high_water */
    bool failed;          /* out of memory */
    struct trace_graph_work *work;
};

/* span_s: what the set covers, for rates; 0: from its first start to its last end. NULL when out of
 * memory. */
struct trace_graph *trace_graph_new(const struct trace_set *set, double span_s);
void trace_graph_free(struct trace_graph *graph);
bool trace_graph_step(struct trace_graph *graph, int64_t until_ns);
double trace_graph_progress(const struct trace_graph *graph);

/* By name; TRACE_NONE when there is none. */
uint32_t trace_graph_operation(const struct trace_graph *graph, const char *service,
                               const char *name);

/* The calls to (or from) an operation, most often first: indices of calls. Answers how many there
 * are. */
size_t trace_graph_callers(const struct trace_graph *graph, uint32_t operation, uint32_t *ret_calls,
                           size_t max);
size_t trace_graph_callees(const struct trace_graph *graph, uint32_t operation, uint32_t *ret_calls,
                           size_t max);

/* Where a duration stands among those of its operation: the share that took no longer; NaN: not
 * known. */
double trace_graph_rank(const struct trace_graph *graph, uint32_t operation, double seconds);

/* "12,400 spans: 38 % of database spans lack query text, 2 % of traces miss a parent", the gravest
 * first, as many as fit; "12,400 spans, nothing missing". Answers dst. */
char *trace_quality_line(const struct trace_quality *quality, char *dst, size_t size);

#endif
