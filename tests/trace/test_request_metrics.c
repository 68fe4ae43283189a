#include "../check.h"

#include <math.h>

#include "flametop/base/macros.h"
#include "flametop/core/batch.h"
#include "flametop/trace/requests.h"
#include "generate.h"

struct scene {
    struct trace_store *store;
    struct catalog *catalog;
    struct batch batch;
    struct arena arena;
    void *state;
};

static void
scene_init(struct scene *scene)
{
    char why[160];
    struct trace_store_options options = {.slow_query_s = 0.03};
    *scene = (struct scene){.store = trace_store_new(&options), .catalog = catalog_new(1000)};
    catalog_add(scene->catalog, source_requests.metrics, source_requests.metric_count);
    batch_init(&scene->batch, scene->catalog);
    arena_init(&scene->arena, (size_t)1 << 20);
    struct source_setup setup = {.traces = scene->store};
    assert_int_equal(source_requests.open(&setup, &scene->state, why, sizeof(why)), 0);
}

static void
scene_done(struct scene *scene)
{
    source_requests.close(scene->state);
    batch_done(&scene->batch);
    arena_done(&scene->arena);
    catalog_free(scene->catalog);
    trace_store_free(scene->store);
}

static enum source_step
poll_at(struct scene *scene, int64_t after_ns)
{
    arena_clear(&scene->arena);
    batch_begin(&scene->batch, generate_now(after_ns), &scene->arena);
    return source_requests.poll(scene->state, &scene->batch);
}

static double
value(const struct scene *scene, const char *metric, const char *labels)
{
    for (size_t i = 0; i < scene->batch.column_count; i++) {
        const struct series *series = scene->batch.columns[i];
        if (strcmp(series->metric->name, metric) == 0 && strcmp(series->labels, labels) == 0) {
            return scene->batch.values[i];
        }
    }
    return NAN;
}

static void
send_at(struct scene *scene, int64_t after_ns, const char *trace,
        const struct span_attribute *attributes, size_t count, int64_t duration_ns,
        enum span_status status)
{
    static const struct span_resource resource = {.service = {"shop", 4}};
    struct instant now = generate_now(after_ns);
    struct span span = {.trace_id = str_from(trace),
                        .span_id = STR("12345678"),
                        .name = STR("it"),
                        .kind = SPAN_SERVER,
                        .start_ns = now.wall_ns - duration_ns,
                        .end_ns = now.wall_ns,
                        .status = status,
                        .attributes = attributes,
                        .attribute_count = count,
                        .resource = &resource};
    assert_true(trace_store_span(scene->store, &span, now));
}

static void
send_one(struct scene *scene, const char *trace, const struct span_attribute *attributes,
         size_t count, int64_t duration_ns, enum span_status status)
{
    send_at(scene, 0, trace, attributes, count, duration_ns, status);
}

static void
test_request_metrics__are_silent_while_nothing_came(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    assert_int_equal(poll_at(&scene, 0), SOURCE_IDLE);
    scene_done(&scene);
}

static void
test_request_metrics__count_by_service_endpoint_and_tool(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    struct span_attribute attributes[] = {{.key = STR("http.method"), .text = STR("POST")},
                                          {.key = STR("http.target"), .text = STR("/tools/7?x=1")},
                                          {.key = STR("tool.name"), .text = STR("search")}};
    for (int i = 0; i < 10; i++) {
        char id[32];
        snprintf(id, sizeof(id), "trace-number-%03d", i);
        send_one(&scene, id, attributes, 3, (i == 9 ? 3000 : 100) * NS_PER_MS,
                 i < 2 ? SPAN_ERROR : SPAN_UNSET);
    }
    traces_release(trace_store_publish(scene.store, generate_now(NS_PER_S)));
    assert_int_equal(poll_at(&scene, NS_PER_S), SOURCE_DONE);
    const char *labels = "service=shop,endpoint=POST /tools/{id},tool=search";
    assert_float_equal(value(&scene, "request.count", labels), 10, 0);
    assert_float_equal(value(&scene, "request.errors", labels), 2, 0);
    assert_float_equal(value(&scene, "request.slow", labels), 1, 0);
    char with[128];
    snprintf(with, sizeof(with), "%s,quantile=0.5", labels);
    assert_float_equal(value(&scene, "request.duration", with), 0.1, 0.001);
    snprintf(with, sizeof(with), "%s,quantile=0.99", labels);
    assert_float_equal(value(&scene, "request.duration", with), 3, 0.02);
    assert_float_equal(value(&scene, "request.latency", "quantile=mean"), 0.39, 0.001);
    assert_float_equal(value(&scene, "flametop.trace.spans", ""), 10, 0);
    assert_int_equal(scene.batch.table_count, 1);
    const struct table *table = scene.batch.tables[0];
    assert_int_equal(table->count, 1);
    const union cell *row = table_row(table, 0);
    assert_string_equal(row[REQUEST_ENDPOINT].text, "POST /tools/{id}");
    assert_float_equal(row[REQUEST_ERRORS].real, 0.2, 1e-9);
    poll_at(&scene, 100 * NS_PER_S); /* durations are those of the last minute */
    assert_true(isnan(value(&scene, "request.duration", with)));
    assert_float_equal(value(&scene, "request.count", labels), 10, 0);
    scene_done(&scene);
}

/* Beside the rate of the last minute stands what failed in it. */
static void
test_request_metrics__share_of_failures_is_of_the_window(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    for (int i = 0; i < 12; i++) { /* six that fail, a minute later one that does and five */
        char id[32];
        int64_t after_ns = (i < 6 ? 0 : 100) * NS_PER_S;
        snprintf(id, sizeof(id), "trace-number-%03d", i);
        send_at(&scene, after_ns, id, NULL, 0, NS_PER_MS, i <= 6 ? SPAN_ERROR : SPAN_UNSET);
        traces_release(trace_store_publish(scene.store, generate_now(after_ns + NS_PER_S)));
    }
    poll_at(&scene, 101 * NS_PER_S);
    const union cell *row = table_row(scene.batch.tables[0], 0);
    assert_float_equal(row[REQUEST_COUNT].real, 12, 0);
    assert_float_equal(row[REQUEST_ERRORS].real, 1.0 / 6, 1e-9);
    scene_done(&scene);
}

/* Ten a second for minutes: whenever one looks, the rate is that. */
static void
test_request_metrics__rate_is_over_what_is_counted(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    for (int i = 0; i < 1200; i++) {
        char id[32];
        int64_t after_ns = i * NS_PER_S / 10;
        snprintf(id, sizeof(id), "trace-number-%04d", i);
        send_at(&scene, after_ns, id, NULL, 0, 200 * NS_PER_MS, SPAN_UNSET);
        trace_store_flush(scene.store, generate_now(after_ns));
        if (i >= 100 && i % 10 == 9) {
            poll_at(&scene, after_ns);
            const union cell *row = table_row(scene.batch.tables[0], 0);
            assert_float_equal(row[REQUEST_RATE].real, 10, 0.3);
            assert_float_equal(row[REQUEST_WAITING].real, 2, 0.06);
        }
    }
    scene_done(&scene);
}

/* Two of five were sampled: the three that came stand for seven and a half. */
static void
test_request_metrics__shares_of_requests_count(void **state)
{
    (void)state;
    struct scene scene;
    struct span_attribute sampled = {
        .key = STR("sampling.probability"), .type = SPAN_REAL, .real = 0.4};
    scene_init(&scene);
    for (int i = 0; i < 3; i++) {
        char id[32];
        snprintf(id, sizeof(id), "trace-number-%d", i);
        send_one(&scene, id, &sampled, 1, NS_PER_S, i == 0 ? SPAN_ERROR : SPAN_UNSET);
    }
    trace_store_flush(scene.store, generate_now(0));
    poll_at(&scene, 10 * NS_PER_S);
    const union cell *row = table_row(scene.batch.tables[0], 0);
    assert_float_equal(row[REQUEST_COUNT].real, 7.5, 1e-9);
    assert_float_equal(row[REQUEST_RATE].real, 0.75, 1e-9);
    assert_float_equal(row[REQUEST_WAITING].real, 0.75, 1e-9);
    assert_float_equal(row[REQUEST_ERRORS].real, 1.0 / 3, 1e-9);
    scene_done(&scene);
}

/* What is sent again, and what opens a trace again, counts once. */
static void
test_request_metrics__count_once(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    struct generated *g = generate(GENERATE_PLAIN, 10, 3);
    for (int i = 0; i < 3; i++) {
        generate_send(g, scene.store, i * 20 * NS_PER_S);
        traces_release(trace_store_publish(scene.store, generate_now((i * 20 + 15) * NS_PER_S)));
    }
    poll_at(&scene, 60 * NS_PER_S);
    assert_float_equal(
        value(&scene, "request.count", "service=shop,endpoint=GET /users/{id},tool="), 1, 0);
    double queries = 0;
    for (size_t i = 0; i < scene.batch.column_count; i++) {
        const struct series *series = scene.batch.columns[i];
        if (strcmp(series->metric->name, "db.client.operation.count") == 0) {
            queries += scene.batch.values[i];
        }
    }
    assert_float_equal(queries, 3, 0); /* spans 1, 4 and 7 */
    generate_free(g);
    scene_done(&scene);
}

/* Names are cleaned, and what is too long for a label ends with a whole character. */
static void
test_request_metrics__label_by_clean_names(void **state)
{
    (void)state;
    struct scene scene;
    char tool[124], labels[200];
    snprintf(tool, sizeof(tool), "%0119d\xC3\xA9", 7);
    struct span_attribute agent[] = {
        {.key = STR("gen_ai.operation.name"), .text = STR("invoke_agent")},
        {.key = STR("gen_ai.agent.name"), .text = STR("plan\x1bner")}};
    struct span_attribute named = {.key = STR("tool.name"), .text = str_from(tool)};
    scene_init(&scene);
    send_one(&scene, "a", agent, 2, NS_PER_MS, SPAN_UNSET);
    send_one(&scene, "b", &named, 1, NS_PER_MS, SPAN_UNSET);
    traces_release(trace_store_publish(scene.store, generate_now(NS_PER_S)));
    assert_int_equal(poll_at(&scene, NS_PER_S), SOURCE_DONE);
    assert_float_equal(value(&scene, "agent.task.count", "agent=plan?ner"), 1, 0);
    snprintf(labels, sizeof(labels), "service=shop,endpoint=it,tool=%0119d", 7);
    assert_float_equal(value(&scene, "request.count", labels), 1, 0);
    scene_done(&scene);
}

static void
test_request_metrics__know_queries_caches_waits_and_agents(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    struct span_attribute db[] = {{.key = STR("db.system.name"), .text = STR("mysql")},
                                  {.key = STR("db.query.text"), .text = STR("SELECT 1")}};
    struct span_attribute hit[] = {{.key = STR("cache.hit"), .type = SPAN_BOOL, .integer = 1}};
    struct span_attribute miss[] = {{.key = STR("cache.hit"), .type = SPAN_BOOL, .integer = 0}};
    struct span_attribute agent[] = {
        {.key = STR("gen_ai.operation.name"), .text = STR("invoke_agent")},
        {.key = STR("gen_ai.agent.name"), .text = STR("planner")}};
    send_one(&scene, "a", db, 2, 20 * NS_PER_MS, SPAN_UNSET);
    send_one(&scene, "b", db, 2, 40 * NS_PER_MS, SPAN_ERROR);
    send_one(&scene, "c", hit, 1, NS_PER_MS, SPAN_UNSET);
    send_one(&scene, "d", hit, 1, NS_PER_MS, SPAN_UNSET);
    send_one(&scene, "e", miss, 1, NS_PER_MS, SPAN_UNSET);
    send_one(&scene, "f", agent, 2, 500 * NS_PER_MS, SPAN_UNSET);
    poll_at(&scene, 0);
    assert_float_equal(value(&scene, "db.client.operation.count", "service=shop,system=mysql"), 2,
                       0);
    assert_float_equal(value(&scene, "db.client.operation.errors", "service=shop,system=mysql"), 1,
                       0);
    assert_float_equal(value(&scene, "db.client.slow_queries", "service=shop,system=mysql"), 1, 0);
    assert_float_equal(value(&scene, "cache.lookups", "service=shop"), 3, 0);
    assert_float_equal(value(&scene, "cache.misses", "service=shop"), 1, 0);
    assert_float_equal(value(&scene, "agent.count", "state=known"), 1, 0);
    assert_float_equal(value(&scene, "agent.task.count", "agent=planner"), 1, 0);
    assert_float_equal(value(&scene, "agent.task.duration", "agent=planner,quantile=mean"), 0.5,
                       0.001);
    scene_done(&scene);
}

/* Endpoints without end: as many series as there is room for, the rest counts as other. */
static void
test_request_metrics__bound_their_labels(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    for (int i = 0; i < 300; i++) {
        char id[32], route[24];
        snprintf(id, sizeof(id), "trace-number-%03d", i);
        int n = snprintf(route, sizeof(route), "/route-%d", i);
        struct span_attribute attributes[] = {
            {.key = STR("http.method"), .text = STR("GET")},
            {.key = STR("http.route"), .text = {route, (size_t)n}}};
        send_one(&scene, id, attributes, 2, NS_PER_MS, SPAN_UNSET);
    }
    traces_release(trace_store_publish(scene.store, generate_now(NS_PER_S)));
    poll_at(&scene, NS_PER_S);
    double all = 0;
    size_t series_count = 0;
    for (size_t i = 0; i < scene.batch.column_count; i++) {
        if (strcmp(scene.batch.columns[i]->metric->name, "request.count") == 0) {
            all += scene.batch.values[i];
            series_count++;
        }
    }
    assert_float_equal(all, 300, 0);
    assert_int_equal(series_count, 65);
    double other = value(&scene, "request.count", "service=other,endpoint=other,tool=other");
    assert_float_equal(other, 300 - 64, 0);
    assert_float_equal(value(&scene, "flametop.trace.labels.beyond", ""), other, 0);
    scene_done(&scene);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_metrics__are_silent_while_nothing_came),
        cmocka_unit_test(test_request_metrics__count_by_service_endpoint_and_tool),
        cmocka_unit_test(test_request_metrics__share_of_failures_is_of_the_window),
        cmocka_unit_test(test_request_metrics__rate_is_over_what_is_counted),
        cmocka_unit_test(test_request_metrics__shares_of_requests_count),
        cmocka_unit_test(test_request_metrics__count_once),
        cmocka_unit_test(test_request_metrics__label_by_clean_names),
        cmocka_unit_test(test_request_metrics__know_queries_caches_waits_and_agents),
        cmocka_unit_test(test_request_metrics__bound_their_labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
