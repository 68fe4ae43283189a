/* The call graph: who calls whom, how often, how long, what runs at once, and what is missing. */
#include "../check.h"

#include <math.h>

#include "flametop/trace/graph.h"
#include "made.h"

static struct trace_set
set_of(struct traces *list)
{
    struct trace_set set;
    trace_set_init(&set);
    trace_set_begin(&set, list, &(struct trace_scope){0});
    assert_true(trace_set_step(&set, INT64_MAX));
    return set;
}

static struct trace_graph *
graph_of(struct traces *list, double span_s)
{
    struct trace_set set = set_of(list);
    struct trace_graph *graph = trace_graph_new(&set, span_s);
    assert_non_null(graph);
    while (!trace_graph_step(graph, 0)) {
        assert_true(trace_graph_progress(graph) >= 0 && trace_graph_progress(graph) <= 1);
    }
    assert_false(graph->failed);
    trace_set_done(&set);
    return graph;
}

static uint32_t
add(struct made *made, uint32_t parent, const char *service, const char *label, enum span_kind kind,
    int64_t start_ms, int64_t end_ms)
{
    uint32_t span = made_span(made, parent, label, start_ms * NS_PER_MS, end_ms * NS_PER_MS);
    made->spans[span].service = service;
    made->spans[span].kind = kind;
    return span;
}

static void
tell(struct made *made, uint32_t span, const char *key, const char *text)
{
    struct made_span *s = &made->spans[span];
    s->attributes[s->attribute_count++] = (struct made_attribute){.key = key, .text = text};
}

/* shop: POST /buy calls stock (100 ms, of which 60 in the server) and twice its own database. */
static struct trace *
purchase(int64_t at_ms, bool failed, double weight)
{
    struct made made = {.endpoint = "POST /buy",
                        .mono_ns = at_ms * NS_PER_MS,
                        .weight = weight,
                        .flags = failed ? TRACE_ERROR : 0};
    uint32_t root = add(&made, TRACE_NONE, "shop", "POST /buy", SPAN_SERVER, 0, 200);
    uint32_t call = add(&made, root, "shop", "GET stock", SPAN_CLIENT, 10, 110);
    uint32_t serve = add(&made, call, "stock", "GET /stock", SPAN_SERVER, 30, 90);
    add(&made, serve, "stock", "count", SPAN_INTERNAL, 40, 80);
    for (int i = 0; i < 2; i++) {
        uint32_t query = add(&made, root, "shop", "SELECT orders", SPAN_CLIENT, 110, 150 + i);
        made.spans[query].system = SYSTEM_DB;
        made.spans[query].status = failed && i == 0 ? SPAN_ERROR : SPAN_UNSET;
        tell(&made, query, "db.system", "postgresql");
        tell(&made, query, "server.address", "db-1");
    }
    made.spans[root].status = failed ? SPAN_ERROR : SPAN_OK;
    return made_trace(&made);
}

static struct traces *
purchases(void)
{
    struct trace *traces[40];
    for (int i = 0; i < 40; i++) {
        traces[i] = purchase(i * 1000, i % 4 == 0, i == 0 ? 5 : 1);
    }
    return made_list(traces, 40, 1);
}

static const struct trace_edge *
dependency(const struct trace_graph *graph, const char *from, const char *to)
{
    for (size_t i = 0; i < graph->dependency_count; i++) {
        const struct trace_edge *edge = &graph->dependencies[i];
        const char *caller = edge->from == TRACE_NONE ? "" : graph->services[edge->from].name;
        if (strcmp(caller, from) == 0 && strcmp(graph->services[edge->to].name, to) == 0) {
            return edge;
        }
    }
    fail_msg("no edge from %s to %s", from, to);
    return NULL;
}

static void
test_graph__services(void **state)
{
    (void)state;
    struct traces *list = purchases();
    struct trace_graph *graph = graph_of(list, 44);
    assert_true(graph->service_count == 3 && graph->dependency_count == 3);
    const struct trace_edge *root = dependency(graph, "", "shop");
    const struct trace_edge *stock = dependency(graph, "shop", "stock");
    const struct trace_edge *database = dependency(graph, "shop", "postgresql");
    assert_true(root->numbers.count == 44 && root->numbers.rate == 1);
    assert_true(root->numbers.errors == 14); /* the first counts five times */
    assert_true(fabs(stock->network_s - 0.04) < 1e-9 && stock->network_count == 40);
    assert_true(fabs(stock->numbers.p50_s - 0.06) < 0.001);
    assert_true(database->numbers.count == 88 && database->numbers.errors == 14);
    assert_true(isnan(database->network_s) && graph->services[database->to].foreign);
    assert_int_equal(graph->services[database->to].system, SYSTEM_DB);
    assert_false(graph->services[stock->to].foreign);
    assert_true(graph->services[stock->to].numbers.count == 44);
    assert_true(graph->dependencies[0].numbers.count == 88); /* most often first */
    trace_graph_free(graph);
    traces_release(list);
}

static void
test_graph__operations(void **state)
{
    (void)state;
    struct traces *list = purchases();
    struct trace_graph *graph = graph_of(list, 0);
    assert_int_equal(graph->operation_count, 5);
    assert_true(fabs(graph->span_s - 39.2) < 1e-9);
    uint32_t query = trace_graph_operation(graph, "shop", "SELECT orders");
    uint32_t root = trace_graph_operation(graph, "shop", "POST /buy");
    uint32_t serve = trace_graph_operation(graph, "stock", "GET /stock");
    assert_int_equal(trace_graph_operation(graph, "shop", "GET /stock"), TRACE_NONE);
    const struct trace_operation *operation = &graph->operations[query];
    assert_string_equal(operation->name, "SELECT orders");
    assert_true(operation->numbers.count == 88 && operation->numbers.errors == 14);
    assert_true(operation->high_water == 2 && operation->current == 0);
    assert_true(graph->operations[root].high_water == 1);
    /* own time: 200 - (10..151); of the path also the queries, of which the longer counts */
    assert_true(fabs(graph->operations[root].self_s - 44 * 0.059) < 1e-9);
    assert_true(fabs(operation->self_s - 44 * 0.081) < 1e-9);
    assert_true(fabs(operation->path_s - 44 * 0.041) < 1e-9);
    for (size_t i = 1; i < graph->operation_count; i++) {
        assert_true(graph->operations[i].path_s <= graph->operations[i - 1].path_s);
    }
    assert_true(trace_graph_rank(graph, root, 0.1) == 0);
    assert_true(trace_graph_rank(graph, root, 0.3) == 1);
    assert_true(fabs(trace_graph_rank(graph, query, 0.0405) - 0.5) < 0.01);
    uint32_t calls[4];
    assert_int_equal(trace_graph_callers(graph, serve, calls, 4), 1);
    const struct trace_edge *call = &graph->calls[calls[0]];
    assert_string_equal(graph->operations[call->from].name, "GET stock");
    assert_true(fabs(call->network_s - 0.04) < 1e-9);
    assert_int_equal(trace_graph_callees(graph, root, calls, 1), 2);
    assert_int_equal(graph->calls[calls[0]].to, query);
    assert_int_equal(trace_graph_callers(graph, root, calls, 4), 1);
    assert_true(graph->calls[calls[0]].from == TRACE_NONE);
    trace_graph_free(graph);
    traces_release(list);
}

/* How many run at once, counted the slow way. */
static void
test_graph__concurrency(void **state)
{
    (void)state;
    uint64_t seed = 3;
    int32_t running[400] = {0}, most = 0;
    struct trace *traces[300];
    uint32_t open = 0;
    for (int i = 0; i < 300; i++) {
        int64_t from = made_pick(&seed, 300), length = made_pick(&seed, 100);
        bool unfinished = i % 50 == 7;
        struct made made = {.mono_ns = from};
        made_span(&made, TRACE_NONE, "work", 0, length);
        made.spans[0].duration_ns = unfinished ? -1 : length;
        open += unfinished;
        traces[i] = made_trace(&made);
        for (int64_t t = from; t < (unfinished ? 400 : from + length); t++) {
            running[t]++;
            most = MAX(most, running[t]);
        }
    }
    struct traces *list = made_list(traces, 300, 1);
    struct trace_graph *graph = graph_of(list, 1);
    assert_int_equal(graph->operations[0].high_water, most);
    assert_int_equal(graph->operations[0].current, open);
    assert_false(graph->concurrency_cut);
    assert_true(graph->quality.unfinished == open);
    trace_graph_free(graph);
    traces_release(list);
}

static void
test_graph__quality(void **state)
{
    (void)state;
    struct traces *list = purchases();
    struct trace_graph *graph = graph_of(list, 0);
    const struct trace_quality *quality = &graph->quality;
    assert_true(quality->traces == 40 && quality->spans == 240);
    assert_true(quality->database == 80 && quality->without_query == 80);
    assert_true(quality->blind == 0 && quality->skewed == 0 && quality->without_service == 0);
    assert_true(fabs(quality->sampled - 40 / 44.0) < 1e-12);
    char line[128], narrow[24];
    trace_quality_line(quality, line, sizeof(line));
    assert_string_equal(line, "240 spans: 100 % of database spans lack query text");
    trace_quality_line(quality, narrow, sizeof(narrow));
    assert_string_equal(narrow, "240 spans");
    struct trace_quality odd = {.traces = 1000, .spans = 1234567, .blind = 3, .orphans = 500};
    trace_quality_line(&odd, line, sizeof(line));
    assert_string_equal(line, "1,234,567 spans: 50 % of traces miss a parent, < 1 % of traces need "
                              "more spans");
    odd = (struct trace_quality){.traces = 1, .spans = 2};
    trace_quality_line(&odd, line, sizeof(line));
    assert_string_equal(line, "2 spans, nothing missing");
    trace_graph_free(graph);
    traces_release(list);
}

/* A made-up parent is nobody's caller; what the root spent where no span tells is blind. */
static void
test_graph__made_up_spans_call_nobody(void **state)
{
    (void)state;
    struct made made = {.flags = TRACE_ORPHANS};
    add(&made, TRACE_NONE, "", "(missing parent)", SPAN_UNSPECIFIED, 0, 100);
    add(&made, 0, "shop", "lost", SPAN_INTERNAL, 0, 100);
    made.spans[0].flags = SPAN_MADE_UP;
    struct made dark = {.mono_ns = 1};
    uint32_t root = add(&dark, TRACE_NONE, "", "GET /", SPAN_SERVER, 0, 100);
    add(&dark, root, "shop", "short", SPAN_INTERNAL, 0, 10);
    dark.spans[root].system = SYSTEM_HTTP;
    struct trace *traces[] = {made_trace(&made), made_trace(&dark)};
    struct traces *list = made_list(traces, 2, 1);
    struct trace_graph *graph = graph_of(list, 1);
    assert_int_equal(graph->operation_count, 3);
    uint32_t lost = trace_graph_operation(graph, "shop", "lost"), call;
    assert_int_equal(trace_graph_callers(graph, lost, &call, 1), 1);
    assert_true(graph->calls[call].from == TRACE_NONE);
    assert_true(graph->quality.orphans == 1 && graph->quality.blind == 1);
    assert_true(graph->quality.without_service == 1 && graph->quality.without_route == 1);
    trace_graph_free(graph);
    traces_release(list);
}

static void
test_graph__takes_awkward_traces(void **state)
{
    (void)state;
    uint64_t seed = 21;
    struct trace *traces[300];
    double spans = 0;
    for (int i = 0; i < 300; i++) {
        enum made_awkward kind = (enum made_awkward)(i % AWKWARD_HUGE); /* all but that */
        traces[i] = made_awkward(&seed, kind, 60);
        traces[i]->weight = 1;
        uint32_t made_up = kind == AWKWARD_ORPHANS;
        spans += traces[i]->span_count - made_up;
    }
    struct traces *list = made_list(traces, 300, 1);
    struct trace_graph *graph = graph_of(list, 1);
    double operations = 0, calls = 0;
    for (size_t i = 0; i < graph->operation_count; i++) {
        operations += graph->operations[i].numbers.count;
        assert_true(graph->operations[i].high_water >= graph->operations[i].current);
    }
    for (size_t i = 0; i < graph->call_count; i++) {
        calls += graph->calls[i].numbers.count;
        assert_true(graph->calls[i].to < graph->operation_count);
    }
    assert_true(operations == spans && calls == spans && graph->dropped == 0);
    trace_graph_free(graph);
    traces_release(list);
    struct trace *huge = made_awkward(&seed, AWKWARD_HUGE, 60);
    list = made_list(&huge, 1, 1);
    trace_graph_free(graph_of(list, 1));
    traces_release(list);
}

static void
test_graph__is_bounded(void **state)
{
    (void)state;
    struct made made = {0};
    char(*names)[16] = calloc(3000, sizeof(*names));
    made_span(&made, TRACE_NONE, "root", 0, NS_PER_S);
    for (uint32_t i = 0; i < 3000; i++) {
        snprintf(names[i], sizeof(names[i]), "f%u", i);
        made_span(&made, 0, names[i], i, i + 10);
    }
    struct trace *trace = made_trace(&made);
    free(names);
    struct traces *list = made_list(&trace, 1, 1);
    struct trace_graph *graph = graph_of(list, 1);
    assert_int_equal(graph->operation_count, TRACE_OPERATIONS_MAX);
    assert_true(graph->dropped == 3001 - TRACE_OPERATIONS_MAX);
    trace_graph_free(graph);
    struct trace_set set = set_of(list);
    graph = trace_graph_new(&set, 1); /* given up in the middle */
    trace_graph_step(graph, 0);
    trace_graph_free(graph);
    trace_set_done(&set);
    traces_release(list);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_graph__services),
        cmocka_unit_test(test_graph__operations),
        cmocka_unit_test(test_graph__concurrency),
        cmocka_unit_test(test_graph__quality),
        cmocka_unit_test(test_graph__made_up_spans_call_nobody),
        cmocka_unit_test(test_graph__takes_awkward_traces),
        cmocka_unit_test(test_graph__is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
