/* Spans into a graph. Of each trace every span gets its operation first, parents before children,
 * so that an edge has both ends. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "graph_work.h"

/* Room for one more. */
static bool
reserve(struct trace_graph *graph, void **array, size_t count, size_t bytes)
{
    if (count > 0 && (count < 16 || (count & (count - 1)) != 0)) {
        return true; /* room is made at 0, 16, 32, 64 ... */
    }
    size_t wider = MAX(count * 2, (size_t)16);
    void *grown = realloc(*array, wider * bytes);
    if (grown == NULL) {
        graph->failed = true;
        return false;
    }
    *array = grown;
    return true;
}

static const char *
copy(struct trace_graph *graph, const char *text)
{
    return arena_text(&graph->work->texts, text, strlen(text));
}

static bool
index_it(struct trace_graph *graph, struct map *map, uint64_t key, size_t place)
{
    bool good = map_put(map, key, (void *)(uintptr_t)(place + 1));
    graph->dropped += !good;
    return good;
}

static void
numbers_init(struct trace_numbers *numbers)
{
    *numbers = (struct trace_numbers){0};
    histogram_init(&numbers->durations);
}

static void
numbers_add(struct trace_numbers *numbers, const struct trace_span *span, double weight)
{
    numbers->count += weight;
    numbers->errors += span->status == SPAN_ERROR ? weight : 0;
    if (span->duration_ns >= 0) {
        numbers->spans++;
        histogram_add_times(&numbers->durations, (double)span->duration_ns * 1e-9,
                            (uint32_t)MIN(weight + 0.5, 1e9));
    }
}

/* ---- what is known by name ---- */

/* TRACE_NONE: there is no room. */
static uint32_t
service_of(struct trace_graph *graph, const char *name, bool foreign, uint8_t system)
{
    struct trace_graph_work *work = graph->work;
    uint64_t key = hash_text(name);
    uintptr_t place = (uintptr_t)map_get(&work->service_index, key);
    if (place != 0) {
        struct trace_service *service = &graph->services[place - 1];
        service->foreign &= foreign;
        service->system = service->foreign ? system : service->system;
        return (uint32_t)(place - 1);
    }
    if (!reserve(graph, (void **)&graph->services, graph->service_count,
                 sizeof(*graph->services)) ||
        !index_it(graph, &work->service_index, key, graph->service_count)) {
        return TRACE_NONE;
    }
    struct trace_service *service = &graph->services[graph->service_count];
    *service =
        (struct trace_service){.name = copy(graph, name), .foreign = foreign, .system = system};
    numbers_init(&service->numbers);
    return (uint32_t)graph->service_count++;
}

static uint32_t
operation_of(struct trace_graph *graph, const struct trace *trace, const struct trace_span *span)
{
    struct trace_graph_work *work = graph->work;
    const char *service = trace_text(trace, trace_resources(trace)[span->resource].service);
    const char *name = trace_text(trace, span->label);
    uint64_t key = hash_mix(hash_text(service), hash_text(name));
    uintptr_t place = (uintptr_t)map_get(&work->operation_index, key);
    if (place != 0) {
        return (uint32_t)(place - 1);
    }
    uint32_t service_at = service_of(graph, service, false, SYSTEM_OTHER);
    size_t count = graph->operation_count;
    if (service_at == TRACE_NONE ||
        !reserve(graph, (void **)&graph->operations, count, sizeof(*graph->operations)) ||
        !index_it(graph, &work->operation_index, key, count)) {
        return TRACE_NONE;
    }
    struct trace_operation *operation = &graph->operations[count];
    *operation = (struct trace_operation){.service = graph->services[service_at].name,
                                          .name = copy(graph, name),
                                          .service_at = service_at,
                                          .system = span->system,
                                          .kind = span->kind};
    numbers_init(&operation->numbers);
    return (uint32_t)graph->operation_count++;
}

struct edges {
    struct trace_edge **list;
    size_t *count;
    struct map *index;
    double **network_ns;
};

static struct edges
calls_of(struct trace_graph *graph)
{
    struct trace_graph_work *work = graph->work;
    return (struct edges){&graph->calls, &graph->call_count, &work->call_index,
                          &work->call_network_ns};
}

static struct edges
dependencies_of(struct trace_graph *graph)
{
    struct trace_graph_work *work = graph->work;
    return (struct edges){&graph->dependencies, &graph->dependency_count, &work->dependency_index,
                          &work->dependency_network_ns};
}

/* One more call along an edge. network_ns < 0: not known. */
static void
add_call(struct trace_graph *graph, struct edges edges, uint32_t from, uint32_t to,
         const struct trace_span *span, double weight, int64_t network_ns)
{
    uint64_t key = hash_u64((uint64_t)from << 32 | to);
    uintptr_t place = (uintptr_t)map_get(edges.index, key);
    if (place == 0) {
        size_t count = *edges.count;
        if (!reserve(graph, (void **)edges.list, count, sizeof(**edges.list)) ||
            !reserve(graph, (void **)edges.network_ns, count, sizeof(**edges.network_ns)) ||
            !index_it(graph, edges.index, key, count)) {
            return;
        }
        (*edges.list)[count] = (struct trace_edge){.from = from, .to = to};
        numbers_init(&(*edges.list)[count].numbers);
        (*edges.network_ns)[count] = 0;
        *edges.count = place = count + 1;
    }
    struct trace_edge *edge = &(*edges.list)[place - 1];
    numbers_add(&edge->numbers, span, weight);
    if (network_ns >= 0) {
        edge->network_count++;
        (*edges.network_ns)[place - 1] += (double)network_ns;
    }
}

/* ---- other ends ---- */

/* Whether a direct child is the other end of this call. */
static bool
has_other_end(const struct trace *trace, uint32_t i)
{
    const struct trace_span *spans = trace_spans(trace);
    for (uint32_t child = i + 1; child < spans[i].after; child = spans[child].after) {
        if (spans[child].kind == SPAN_SERVER || spans[child].kind == SPAN_CONSUMER ||
            spans[child].resource != spans[i].resource) {
            return true;
        }
    }
    return false;
}

/* Who was called, by the attributes of the call; NULL: nobody knows. */
static const char *
foreign_name(const struct trace *trace, uint32_t span)
{
    static const char *const keys[] = {
        "peer.service",     "db.system.name", "db.system",
        "messaging.system", "cache.system",   "gen_ai.provider.name",
        "gen_ai.system",    "server.address", "net.peer.name",
        "http.host",        "rpc.service",
    };
    const struct trace_span *s = &trace_spans(trace)[span];
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        for (uint32_t a = s->attribute; a < s->attribute + s->attribute_count; a++) {
            const struct trace_attribute *attribute = &trace_attributes(trace)[a];
            const char *text = trace_text(trace, attribute->text);
            if (attribute->redacted == 0 && text[0] != '\0' &&
                strcmp(trace_text(trace, attribute->key), keys[i]) == 0) {
                return text;
            }
        }
    }
    return NULL;
}

static bool
leaves_the_service(const struct trace_span *span)
{
    bool leaf_system = span->system == SYSTEM_DB || span->system == SYSTEM_CACHE;
    return span->kind == SPAN_CLIENT || span->kind == SPAN_PRODUCER ||
           (leaf_system && span->kind != SPAN_SERVER && span->kind != SPAN_CONSUMER);
}

/* ---- reading ---- */

void
graph_begin_trace(struct trace_graph *graph, const struct trace *trace)
{
    struct trace_graph_work *work = graph->work;
    if (trace->span_count > work->operation_capacity) {
        size_t wider = MAX((size_t)trace->span_count, work->operation_capacity * 2);
        free(work->operation);
        work->operation = calloc(wider, sizeof(*work->operation));
        work->operation_capacity = work->operation != NULL ? wider : 0;
    }
    graph->failed |= work->operation == NULL || !trace_path_begin(&work->path, trace);
}

void
graph_read_trace(struct trace_graph *graph, const struct trace *trace)
{
    struct trace_graph_work *work = graph->work;
    work->requests += (double)trace_weight(trace) / TRACE_WEIGHT_ONE;
    work->first_ns = MIN(work->first_ns, trace->mono_ns);
    work->last_ns = MAX(work->last_ns, trace->mono_ns + trace->duration_ns);
    quality_read_trace(&graph->quality, trace, &work->path);
}

static void
add_services(struct trace_graph *graph, const struct trace *trace, uint32_t i, uint32_t caller,
             double weight, int64_t network_ns)
{
    const struct trace_span *span = &trace_spans(trace)[i];
    uint32_t own = graph->operations[graph->work->operation[i]].service_at;
    uint32_t from = caller != TRACE_NONE ? graph->operations[caller].service_at : TRACE_NONE;
    if (from != own) {
        add_call(graph, dependencies_of(graph), from, own, span, weight, network_ns);
        numbers_add(&graph->services[own].numbers, span, weight);
    }
    const char *name =
        leaves_the_service(span) && !has_other_end(trace, i) ? foreign_name(trace, i) : NULL;
    uint32_t foreign = name != NULL ? service_of(graph, name, true, span->system) : TRACE_NONE;
    if (foreign != TRACE_NONE && foreign != own) {
        add_call(graph, dependencies_of(graph), own, foreign, span, weight, -1);
        numbers_add(&graph->services[foreign].numbers, span, weight);
    }
}

static void
add_numbers(struct trace_graph *graph, const struct trace *trace, uint32_t i, double weight)
{
    struct trace_graph_work *work = graph->work;
    const struct trace_span *span = &trace_spans(trace)[i];
    const struct trace_times *times = &work->path.times[i];
    uint32_t at = work->operation[i];
    struct trace_operation *operation = &graph->operations[at];
    numbers_add(&operation->numbers, span, weight);
    operation->self_s += (double)times->self_ns * 1e-9 * weight;
    operation->path_s += (double)times->path_ns * 1e-9 * weight;
    int64_t start_ns = trace->mono_ns + span->start_ns + times->skew_ns;
    if (span->duration_ns > 0) {
        concurrency_add(&work->concurrency, at, start_ns, start_ns + span->duration_ns);
    } else if (span->duration_ns < 0 && (trace->flags & TRACE_UNFINISHED) != 0) {
        concurrency_add(&work->concurrency, at, start_ns, INT64_MAX);
    }
}

void
graph_read_span(struct trace_graph *graph, const struct trace *trace, uint32_t i)
{
    struct trace_graph_work *work = graph->work;
    const struct trace_span *spans = trace_spans(trace), *span = &spans[i];
    double weight = (double)trace_weight(trace) / TRACE_WEIGHT_ONE;
    work->operation[i] = TRACE_NONE;
    if ((span->flags & SPAN_MADE_UP) != 0) {
        return; /* what hangs below it has no caller that is known */
    }
    quality_read_span(&graph->quality, trace, i, &work->path);
    work->operation[i] = operation_of(graph, trace, span);
    if (work->operation[i] == TRACE_NONE) {
        return;
    }
    bool made_up = span->parent == TRACE_NONE || (spans[span->parent].flags & SPAN_MADE_UP) != 0;
    uint32_t caller = made_up ? TRACE_NONE : work->operation[span->parent];
    if (!made_up && caller == TRACE_NONE) {
        return; /* there was no room for its caller */
    }
    bool crosses = caller != TRACE_NONE && spans[span->parent].kind == SPAN_CLIENT &&
                   span->kind == SPAN_SERVER && span->duration_ns >= 0;
    int64_t network_ns = crosses ? spans[span->parent].duration_ns - span->duration_ns : -1;
    add_numbers(graph, trace, i, weight);
    add_call(graph, calls_of(graph), caller, work->operation[i], span, weight, network_ns);
    add_services(graph, trace, i, caller, weight, network_ns);
}
