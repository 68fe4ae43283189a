/* Making a graph: every trace is read (graph_read.c), events of concurrency are sorted, numbers are
 * finished, and all is put in order, the edges with it. */
#include "flametop/trace/graph.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/clock.h"
#include "flametop/base/macros.h"
#include "graph_work.h"

#define PORTION_SPANS 512u
#define PORTION_NUMBERS 32
#define TEXT_BYTES_MAX ((size_t)8 << 20)
#define SPAN_MIN_S 1.0 /* of less no rate is told */

struct trace_graph *
trace_graph_new(const struct trace_set *set, double span_s)
{
    struct trace_graph *graph = calloc(1, sizeof(*graph));
    struct trace_graph_work *work = calloc(1, sizeof(*work));
    if (graph == NULL || work == NULL) {
        free(graph);
        free(work);
        return NULL;
    }
    work->set = set;
    work->asked_span_s = span_s;
    work->first_ns = INT64_MAX;
    work->last_ns = INT64_MIN;
    trace_path_init(&work->path);
    map_init(&work->operation_index, TRACE_OPERATIONS_MAX);
    map_init(&work->service_index, TRACE_SERVICES_MAX);
    map_init(&work->call_index, TRACE_EDGES_MAX);
    map_init(&work->dependency_index, TRACE_EDGES_MAX);
    arena_init(&work->texts, TEXT_BYTES_MAX);
    graph->work = work;
    return graph;
}

/* What is needed for reading only; names stay. */
static void
forget_work(struct trace_graph *graph)
{
    struct trace_graph_work *work = graph->work;
    free(work->operation);
    free(work->call_network_ns);
    free(work->dependency_network_ns);
    work->operation = NULL;
    work->call_network_ns = work->dependency_network_ns = NULL;
    trace_path_done(&work->path);
    concurrency_done(&work->concurrency);
}

static void
free_edges(struct trace_edge *edges, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        histogram_done(&edges[i].numbers.durations);
    }
    free(edges);
}

void
trace_graph_free(struct trace_graph *graph)
{
    if (graph == NULL) {
        return;
    }
    struct trace_graph_work *work = graph->work;
    forget_work(graph);
    map_done(&work->operation_index);
    map_done(&work->service_index);
    map_done(&work->call_index);
    map_done(&work->dependency_index);
    arena_done(&work->texts);
    free(work);
    for (size_t i = 0; i < graph->operation_count; i++) {
        histogram_done(&graph->operations[i].numbers.durations);
    }
    for (size_t i = 0; i < graph->service_count; i++) {
        histogram_done(&graph->services[i].numbers.durations);
    }
    free(graph->operations);
    free(graph->services);
    free_edges(graph->calls, graph->call_count);
    free_edges(graph->dependencies, graph->dependency_count);
    free(graph);
}

/* ---- reading ---- */

static bool
step_trace(struct trace_graph *graph, struct trace_graph_work *work)
{
    if (work->trace == work->set->count) {
        work->phase = GRAPH_SORT;
        return false;
    }
    graph_begin_trace(graph, work->set->list[work->trace]);
    work->at = 0;
    return true;
}

/* True when the trace is read. */
static bool
step_spans(struct trace_graph *graph, struct trace_graph_work *work)
{
    const struct trace *trace = work->set->list[work->trace];
    uint32_t end = work->at + MIN(trace->span_count - work->at, PORTION_SPANS);
    for (; work->at < end && !graph->failed; work->at++) {
        graph_read_span(graph, trace, work->at);
    }
    return work->at == trace->span_count;
}

/* ---- numbers ---- */

/* NaN where there are too few; weights do not make them more. */
static double
quantile_of(const struct histogram *histogram, uint64_t spans, double q)
{
    bool known = q <= 0.5 || (double)spans * (1 - q) >= 1 - 1e-9;
    return known ? histogram_quantile(histogram, q) : (double)NAN;
}

static void
finish_numbers(struct trace_numbers *numbers, double span_s)
{
    numbers->rate = numbers->count / span_s;
    numbers->mean_s = histogram_mean(&numbers->durations);
    numbers->p50_s = quantile_of(&numbers->durations, numbers->spans, 0.5);
    numbers->p95_s = quantile_of(&numbers->durations, numbers->spans, 0.95);
}

static void
finish_edge(struct trace_edge *edge, double network_ns, double span_s)
{
    finish_numbers(&edge->numbers, span_s);
    edge->network_s =
        edge->network_count > 0 ? network_ns * 1e-9 / (double)edge->network_count : (double)NAN;
}

/* Number i of all: operations, then services, calls, dependencies. */
static void
finish_one(struct trace_graph *graph, struct trace_graph_work *work, size_t i)
{
    if (i < graph->operation_count) {
        finish_numbers(&graph->operations[i].numbers, graph->span_s);
        return;
    }
    i -= graph->operation_count;
    if (i < graph->service_count) {
        finish_numbers(&graph->services[i].numbers, graph->span_s);
        return;
    }
    i -= graph->service_count;
    if (i < graph->call_count) {
        finish_edge(&graph->calls[i], work->call_network_ns[i], graph->span_s);
        return;
    }
    i -= graph->call_count;
    finish_edge(&graph->dependencies[i], work->dependency_network_ns[i], graph->span_s);
}

static bool
step_finish(struct trace_graph *graph, struct trace_graph_work *work)
{
    size_t count =
        graph->operation_count + graph->service_count + graph->call_count + graph->dependency_count;
    size_t end = MIN((size_t)work->at + PORTION_NUMBERS, count);
    for (; work->at < end; work->at++) {
        finish_one(graph, work, work->at);
    }
    return work->at == count;
}

/* ---- order ---- */

struct place {
    double weight;
    uint32_t was;
};

static int
compare_places(const void *a, const void *b)
{
    const struct place *left = a, *right = b;
    if (left->weight != right->weight) {
        return left->weight > right->weight ? -1 : 1;
    }
    return left->was < right->was ? -1 : left->was > right->was;
}

static int
compare_edges(const void *a, const void *b)
{
    const struct trace_edge *left = a, *right = b;
    if (left->numbers.count != right->numbers.count) {
        return left->numbers.count > right->numbers.count ? -1 : 1;
    }
    return left->to != right->to ? (left->to < right->to ? -1 : 1)
                                 : (left->from < right->from ? -1 : left->from > right->from);
}

/* Operations by their time on critical paths; edges and the index follow them. */
static bool
order_operations(struct trace_graph *graph)
{
    size_t count = graph->operation_count;
    struct place *places = calloc(count + 1, sizeof(*places));
    struct trace_operation *ordered = calloc(count + 1, sizeof(*ordered));
    uint32_t *now = calloc(count + 1, sizeof(*now));
    bool good = places != NULL && ordered != NULL && now != NULL;
    for (uint32_t i = 0; i < count && good; i++) {
        places[i] = (struct place){graph->operations[i].path_s, i};
    }
    if (good) {
        qsort(places, count, sizeof(*places), compare_places);
        map_clear(&graph->work->operation_index);
        for (uint32_t i = 0; i < count; i++) {
            ordered[i] = graph->operations[places[i].was];
            now[places[i].was] = i;
            map_put(&graph->work->operation_index,
                    hash_mix(hash_text(ordered[i].service), hash_text(ordered[i].name)),
                    (void *)((uintptr_t)i + 1));
        }
        for (size_t i = 0; i < graph->call_count; i++) {
            struct trace_edge *call = &graph->calls[i];
            call->from = call->from != TRACE_NONE ? now[call->from] : TRACE_NONE;
            call->to = now[call->to];
        }
        free(graph->operations);
        graph->operations = ordered;
    } else {
        free(ordered);
    }
    free(places);
    free(now);
    return good;
}

static void
order(struct trace_graph *graph)
{
    struct trace_graph_work *work = graph->work;
    concurrency_sweep(&work->concurrency, graph->operations, graph->operation_count);
    graph->concurrency_cut = work->concurrency.cut;
    graph->failed |= !order_operations(graph);
    if (graph->call_count > 0) {
        qsort(graph->calls, graph->call_count, sizeof(*graph->calls), compare_edges);
    }
    if (graph->dependency_count > 0) {
        qsort(graph->dependencies, graph->dependency_count, sizeof(*graph->dependencies),
              compare_edges);
    }
    graph->quality.sampled =
        work->requests > 0 ? (double)graph->quality.traces / work->requests : 1;
}

static void
measure_span(struct trace_graph *graph, const struct trace_graph_work *work)
{
    double seen_s =
        work->last_ns >= work->first_ns ? (double)(work->last_ns - work->first_ns) * 1e-9 : 0;
    graph->span_s = MAX(work->asked_span_s > 0 ? work->asked_span_s : seen_s, SPAN_MIN_S);
}

static void
step(struct trace_graph *graph, struct trace_graph_work *work, int64_t until_ns)
{
    switch (work->phase) {
    case GRAPH_TRACE:
        if (step_trace(graph, work)) {
            work->phase = GRAPH_PATH;
        }
        break;
    case GRAPH_PATH:
        if (trace_path_step(&work->path, until_ns)) {
            graph_read_trace(graph, work->set->list[work->trace]);
            work->phase = GRAPH_SPANS;
        }
        break;
    case GRAPH_SPANS:
        if (step_spans(graph, work)) {
            work->trace++;
            work->phase = GRAPH_TRACE;
        }
        break;
    case GRAPH_SORT:
        if (concurrency_sort(&work->concurrency)) {
            measure_span(graph, work);
            work->at = 0;
            work->phase = GRAPH_FINISH;
        }
        break;
    case GRAPH_FINISH:
        if (step_finish(graph, work)) {
            work->phase = GRAPH_ORDER;
        }
        break;
    case GRAPH_ORDER:
        order(graph);
        forget_work(graph);
        work->phase = GRAPH_DONE;
        break;
    case GRAPH_DONE:
    default:
        break;
    }
    graph->failed |= work->concurrency.failed;
}

bool
trace_graph_step(struct trace_graph *graph, int64_t until_ns)
{
    struct trace_graph_work *work = graph->work;
    while (work->phase != GRAPH_DONE && !graph->failed) {
        step(graph, work, until_ns);
        if (work->phase != GRAPH_DONE && !graph->failed && clock_mono_ns() >= until_ns) {
            return false;
        }
    }
    return true;
}

double
trace_graph_progress(const struct trace_graph *graph)
{
    const struct trace_graph_work *work = graph->work;
    return (double)work->trace / (double)MAX(work->set->count, (size_t)1);
}

/* ---- questions ---- */

uint32_t
trace_graph_operation(const struct trace_graph *graph, const char *service, const char *name)
{
    uint64_t key = hash_mix(hash_text(service), hash_text(name));
    uintptr_t place = (uintptr_t)map_get(&graph->work->operation_index, key);
    return place != 0 ? (uint32_t)(place - 1) : TRACE_NONE;
}

static size_t
edges_of(const struct trace_graph *graph, uint32_t operation, bool to, uint32_t *ret_calls,
         size_t max)
{
    size_t count = 0;
    for (size_t i = 0; i < graph->call_count; i++) {
        const struct trace_edge *call = &graph->calls[i];
        if ((to ? call->to : call->from) == operation) {
            if (count < max) {
                ret_calls[count] = (uint32_t)i;
            }
            count++;
        }
    }
    return count;
}

size_t
trace_graph_callers(const struct trace_graph *graph, uint32_t operation, uint32_t *ret_calls,
                    size_t max)
{
    return edges_of(graph, operation, true, ret_calls, max);
}

size_t
trace_graph_callees(const struct trace_graph *graph, uint32_t operation, uint32_t *ret_calls,
                    size_t max)
{
    return edges_of(graph, operation, false, ret_calls, max);
}

double
trace_graph_rank(const struct trace_graph *graph, uint32_t operation, double seconds)
{
    return histogram_share(&graph->operations[operation].numbers.durations, seconds);
}
