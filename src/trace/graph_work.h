/* What making a graph needs: spans in (graph_read.c), concurrency (concurrency.c), and what is
 * known by name. */
#ifndef FLAMETOP_SRC_TRACE_GRAPH_WORK_H
#define FLAMETOP_SRC_TRACE_GRAPH_WORK_H

#include "flametop/base/arena.h"
#include "flametop/base/hash.h"
#include "flametop/trace/graph.h"
#include "flametop/trace/path.h"

/* ---- concurrency ---- */

#define CONCURRENCY_EVENTS_MAX (UINT32_C(1) << 19)

struct concurrency_event {
    int64_t at_ns;
    uint32_t operation;
    int32_t change; /* +1, -1 */
};

/* Starts and ends, sorted in steps: a merge sort from the bottom up. */
struct concurrency {
    struct concurrency_event *events, *other;
    uint32_t count, capacity;
    uint32_t width, at; /* of the sort: runs of this width are sorted; merged up to here */
    bool cut, failed;
};

void concurrency_done(struct concurrency *concurrency);

/* A span that ran; end_ns INT64_MAX: it has not ended. */
void concurrency_add(struct concurrency *concurrency, uint32_t operation, int64_t start_ns,
                     int64_t end_ns);

/* Sorts a portion. True when all is sorted. */
bool concurrency_sort(struct concurrency *concurrency);

/* Sets current and high_water of all operations. */
void concurrency_sweep(const struct concurrency *concurrency, struct trace_operation *operations,
                       size_t count);

/* ---- all of it ---- */

enum graph_phase {
    GRAPH_TRACE,
    GRAPH_PATH,
    GRAPH_SPANS,
    GRAPH_SORT,
    GRAPH_FINISH,
    GRAPH_ORDER,
    GRAPH_DONE
};

struct trace_graph_work {
    const struct trace_set *set;
    enum graph_phase phase;
    size_t trace; /* of the set */
    uint32_t at;
    int64_t first_ns, last_ns; /* starts and ends that were seen */
    double asked_span_s;
    double requests; /* by weight */
    struct trace_path path;
    uint32_t *operation; /* by span of the trace; TRACE_NONE: none */
    size_t operation_capacity;
    struct map operation_index, service_index, call_index, dependency_index;
    double *call_network_ns, *dependency_network_ns;
    struct concurrency concurrency;
    struct arena texts; /* lives as long as the graph */
};

/* One span into operations, services, edges and quality. */
void graph_read_span(struct trace_graph *graph, const struct trace *trace, uint32_t span);

/* A trace: before its path is made, and before its spans are read. */
void graph_begin_trace(struct trace_graph *graph, const struct trace *trace);
void graph_read_trace(struct trace_graph *graph, const struct trace *trace);

/* Whether the time of the trace went where no span tells on what. */
bool quality_is_blind(const struct trace *trace, const struct trace_path *path);

void quality_read_trace(struct trace_quality *quality, const struct trace *trace,
                        const struct trace_path *path);
void quality_read_span(struct trace_quality *quality, const struct trace *trace, uint32_t span,
                       const struct trace_path *path);

#endif
