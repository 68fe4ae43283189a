/* Prometheus' API and VictoriaMetrics', turn by turn. */
#include "../check.h"

#include "../../src/sources/prometheus_tables.h"
#include "flametop/core/alert.h"
#include "flametop/core/instance.h"
#include "flametop/net/url.h"
#include "turns.h"

#define NODE "job=node,instance=127.0.0.1:39100"

/* ---- the real one ---- */

static void
test_prometheus_turns__shows_a_machine_by_its_node_exporter(void **state)
{
    (void)state;
    struct turns turns;
    struct poll *poll = &turns.reading.poll;
    turns_open(&turns, &adapter_prometheus, NULL, "");
    take_real(&turns, 1);
    assert_int_equal(poll->batch.at.mono_ns, 0); /* no news before the machine was read */
    assert_int_equal(adapter_prometheus.wait(turns.reading.state), 0);
    take_real(&turns, 1);
    assert_value(poll, "system.cpu.load_average.1m", "", 8.76);
    assert_value(poll, "system.memory.limit", "", 25276510208);
    assert_value(poll, "system.network.io", "interface=eth0,direction=receive", 400156046);
    assert_value(poll, "system.cpu.logical.count", "", 2);
    assert_value(poll, "prometheus.series", "instance=127.0.0.1:39090", 1103);
    assert_value(poll, "prometheus.memory.usage", "instance=127.0.0.1:39090", 77950976);
    assert_value(poll, "prometheus.targets", "state=up", 2);
    assert_value(poll, "prometheus.targets", "state=down", 1);
    assert_value(poll, "prometheus.alerts", "state=firing", 2);
    struct host host;
    assert_true(adapter_prometheus.host(turns.reading.state, &host));
    assert_string_equal(host.name, "vm");
    assert_string_equal(host.system, "Debian GNU/Linux 12 (bookworm), by Prometheus 2.42.0+ds");
    assert_int_equal(host.cores, 2);
    /* the scrape was 212 ms before the answer */
    assert_int_equal(poll->batch.at.mono_ns / NS_PER_MS, 1000 * 1000 - 212);
    turns_close(&turns);
}

static void
test_prometheus_turns__asks_little_and_in_the_rhythm_of_scrapes(void **state)
{
    (void)state;
    struct turns turns;
    turns_open(&turns, &adapter_prometheus, NULL, "");
    take_real(&turns, 1);
    assert_int_equal(turns.asked_count, 4);
    assert_false(asked(&turns, RANGE));
    take_real(&turns, 1);
    assert_true(asked(&turns, RHYTHM));
    assert_true(asked(&turns, "job%3D%22node%22%2Cinstance%3D%22127.0.0.1%3A39100%22"));
    take_real(&turns, 1);
    assert_true(asked(&turns, RANGE));
    assert_true(asked(&turns, "&step=5.000")); /* each scrape */
    assert_false(asked(&turns, RHYTHM));
    assert_int_equal(adapter_prometheus.wait(turns.reading.state), 0); /* not far enough back */
    take_real(&turns, 1);
    assert_true(asked(&turns, "&step=10.000"));
    /* scraped 212 ms before, each 5 s, read 300 ms after */
    assert_int_equal(adapter_prometheus.wait(turns.reading.state) / NS_PER_MS, 5000 - 212 + 300);
    take_real(&turns, 9);
    assert_false(asked(&turns, RANGE));     /* enough */
    assert_int_equal(turns.chunk_count, 1); /* the others had the same times, and were empty */
    take_real(&turns, 2);
    assert_int_equal(turns.asked_count, 4); /* exemplars are there, so they are asked for */
    turns_close(&turns);
}

static void
test_prometheus_turns__brings_history_as_one_chunk(void **state)
{
    (void)state;
    struct turns turns;
    turns_open(&turns, &adapter_prometheus, NULL, "");
    take_real(&turns, 3);
    assert_int_equal(turns.chunk_count, 1);
    const struct chunk *chunk = turns.chunks[0];
    int64_t times[CHUNK_TICKS];
    double values[CHUNK_TICKS];
    assert_int_equal(chunk->ticks, 5);
    assert_true(chunk_times(chunk, times));
    assert_int_equal(times[4] / NS_PER_MS, 1000 * 1000 - 212 - 10 * 1000);
    assert_int_equal((times[4] - times[0]) / NS_PER_MS, 40 * 1000);
    bool found = false;
    for (size_t i = 0; i < chunk->layout->count; i++) {
        if (strcmp(chunk->layout->series[i]->metric->name, "system.cpu.load_average.1m") == 0) {
            found = true;
            assert_true(chunk_column(chunk, i, values));
            assert_true(values[0] == 8.14 && values[4] == 9.17);
        }
    }
    assert_true(found);
    turns_close(&turns);
}

static void
test_prometheus_turns__lists_instances_targets_alerts_and_exemplars(void **state)
{
    (void)state;
    struct turns turns;
    turns_open(&turns, &adapter_prometheus, NULL, "");
    take_real(&turns, 5);
    const struct table *table = reading_table(&turns.reading, "instances");
    assert_int_equal(table->count, 2);
    const union cell *up = table_row(table, 0), *down = table_row(table, 1);
    assert_string_equal(up[INSTANCE_NAME].text, "127.0.0.1:39100");
    assert_int_equal(up[INSTANCE_UP].integer, 1);
    assert_true(up[INSTANCE_CPU].real == 1);
    assert_true(fabs(up[INSTANCE_AGE].real - 0.212) < 1e-3);
    assert_int_equal(up[INSTANCE_LEVEL].integer, CELL_UNKNOWN);
    assert_int_equal(down[INSTANCE_UP].integer, 0);
    assert_string_equal(down[INSTANCE_WHY].text, "connection refused");
    assert_true(isnan(down[INSTANCE_CPU].real));
    assert_int_equal(down[INSTANCE_LEVEL].integer, LEVEL_CRITICAL);
    assert_string_equal(down[INSTANCE_TEXT].text, "127.0.0.1:39199 of job node is down");
    table = reading_table(&turns.reading, "prometheus.targets");
    assert_int_equal(table->count, 3);
    assert_string_equal(table_cell(table, 0, "target.instance").text, "127.0.0.1:39090");
    assert_string_equal(table_cell(table, 2, "target.health").text, "down");
    assert_true(table_cell(table, 1, "target.scrape.samples").real == 507);
    table = reading_table(&turns.reading, "alerts");
    assert_int_equal(table->count, 2);
    table = reading_table(&turns.reading, "prometheus.exemplars");
    assert_int_equal(table->count, 2);
    assert_string_equal(table_cell(table, 0, "exemplar.trace").text,
                        "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_true(table_cell(table, 0, "exemplar.value").real == 0.067);
    turns_close(&turns);
}

static void
test_prometheus_turns__says_the_heart_of_an_error(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"Get \"http://a:1/metrics\": dial tcp 1.2.3.4:1: connect: connection refused",
         "connection refused"},
        {"error when scraping \"http://a:1\": dial tcp4 1.2.3.4:1: i/o timeout; try -x if y",
         "i/o timeout"},
        {"server returned HTTP status 500", "server returned HTTP status 500"},
        {"odd: ;", "odd: ;"},
        {"", ""},
    };
    struct arena arena;
    arena_init(&arena, 4096);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_string_equal(scrape_why(rows[i][0], &arena), rows[i][1]);
    }
    assert_null(scrape_why(NULL, &arena));
    arena_done(&arena);
}

static void
test_prometheus_turns__opens_the_instance_it_is_told(void **state)
{
    (void)state;
    struct turns turns;
    turns_open(&turns, &adapter_prometheus, "127.0.0.1:39100", "");
    take_real(&turns, 2);
    assert_null(reading_table(&turns.reading, "instances")); /* it is one machine, no fleet */
    assert_value(&turns.reading.poll, "system.cpu.load_average.1m", "", 8.76);
    turns_close(&turns);
    turns_open(&turns, &adapter_prometheus, NULL, "x=1&instance=127.0.0.1%3a39199&job=node");
    take_real(&turns, 2);
    assert_int_equal(turns.reading.poll.batch.state, SOURCE_STALE);
    assert_non_null(strstr(turns.reading.poll.batch.why, "39199 is down"));
    assert_true(asked(&turns, "instance%3D%22127.0.0.1%3A39199%22"));
    assert_false(asked(&turns, "prometheus_tsdb"));
    assert_int_equal(reading_table(&turns.reading, "prometheus.targets")->count, 1);
    const struct table *alerts = reading_table(&turns.reading, "alerts");
    assert_int_equal(alerts->count, 2); /* its own, and one that is of nothing in particular */
    assert_true(turns_take(&turns, real + 3, ARRAY_SIZE(real) - 3));
    alerts = reading_table(&turns.reading, "alerts");
    assert_int_equal(alerts->count, 1); /* no rule speaks of it: the fact does */
    assert_int_equal(table_row(alerts, 0)[ALERT_LEVEL].integer, LEVEL_CRITICAL);
    assert_non_null(strstr(table_row(alerts, 0)[ALERT_SUMMARY].text, "connection refused"));
    turns_close(&turns);
    turns_open(&turns, &adapter_prometheus, "nobody", "");
    take_real(&turns, 2);
    assert_int_equal(turns.reading.poll.batch.state, SOURCE_DEGRADED);
    assert_string_equal(turns.reading.poll.batch.why, "no machine nobody is scraped there");
    turns_close(&turns);
}

static void
test_prometheus_turns__reads_any_metric_while_it_is_looked_at(void **state)
{
    (void)state;
    struct answer answers[ARRAY_SIZE(real) + 3] = {
        {"/labels", STR("{\"status\":\"success\",\"data\":[\"__name__\",\"code\",3,\"job\"]}")},
        {"/label/__name__/values",
         STR("{\"status\":\"success\",\"data\":[\"up\",\"http_requests_total\",5,\"a\\u001bb\","
             "\"node_load1\",\"prometheus_engine_queries\"]}")},
        {"query=%7B__name__%3D~%22http_requests_total%22%7D",
         STR("{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[{\"metric\":"
             "{\"__name__\":\"http_requests_total\",\"code\":\"200\",\"job\":\"web\"},"
             "\"value\":[1,\"7\"]}]}}")},
    };
    memcpy(answers + 3, real, sizeof(real));
    struct turns turns;
    struct catalog *catalog;
    turns_open(&turns, &adapter_prometheus, NULL, "");
    catalog = turns.reading.poll.catalog;
    for (int i = 0; i < 5; i++) {
        assert_true(turns_take(&turns, answers, ARRAY_SIZE(answers)));
    }
    const struct metric *metric = catalog_metric(catalog, "http_requests_total");
    assert_non_null(metric);
    assert_true(metric->on_demand);
    assert_int_equal(metric->kind, METRIC_COUNTER);
    assert_non_null(catalog_metric(catalog, "a_b"));
    assert_null(catalog_metric(catalog, "node_load1")); /* it has a name of ours */
    assert_null(catalog_metric(catalog, "prometheus_engine_queries"));
    assert_unknown(&turns.reading.poll, "http_requests_total", "code=200,job=web");
    struct interest interest = {.process_sort = -1};
    interest_in_metric(&interest, catalog_metric(catalog, "prometheus.series"));
    assert_int_equal(interest.metric_count, 0); /* it comes anyway */
    interest_in_metric(&interest, metric);
    interest_in_metric(&interest, metric);
    assert_int_equal(interest.metric_count, 1);
    adapter_prometheus.interest(turns.reading.state, &interest);
    assert_true(turns_take(&turns, answers, ARRAY_SIZE(answers)));
    assert_value(&turns.reading.poll, "http_requests_total", "code=200,job=web", 7);
    interest.metric_count = 0;
    adapter_prometheus.interest(turns.reading.state, &interest);
    assert_true(turns_take(&turns, answers, ARRAY_SIZE(answers)));
    assert_true(asked(&turns, "http_requests_total")); /* for a while */
    for (int i = 0; i < 30; i++) {
        assert_true(turns_take(&turns, answers, ARRAY_SIZE(answers)));
    }
    assert_false(asked(&turns, "http_requests_total"));
    turns_close(&turns);
}

static void
test_prometheus_turns__reads_victoriametrics_alike(void **state)
{
    (void)state;
    struct turns turns;
    struct str targets = endpoint_fixture("victoria-metrics-1.79-targets.json");
    struct str series = endpoint_fixture("victoria-metrics-1.79-series.json");
    const struct answer answers[] = {
        {"/status/buildinfo", STR("{\"status\":\"success\",\"data\":{}}")},
        {"/alerts", STR("{\"status\":\"success\",\"data\":{\"alerts\":[]}}")},
        {TARGETS, targets},
        {RHYTHM, real[5].body},
        {RANGE, {NULL, 0}},
        {EXEMPLARS, STR("{\"status\":\"success\",\"data\":[]}")},
        {SERIES, series},
    };
    turns_open(&turns, &adapter_victoriametrics, NULL, "");
    for (int i = 0; i < 3; i++) {
        assert_true(turns_take(&turns, answers, ARRAY_SIZE(answers)));
    }
    struct host host;
    assert_value(&turns.reading.poll, "system.cpu.logical.count", "", 2);
    assert_true(adapter_victoriametrics.host(turns.reading.state, &host));
    assert_string_equal(host.system, "Debian GNU/Linux 12 (bookworm), by VictoriaMetrics");
    assert_true(asked(&turns, "%20offset%20-60s"));
    assert_int_equal(reading_table(&turns.reading, "instances")->count, 2);
    turns_close(&turns);
    free((char *)targets.p);
    free((char *)series.p);
}

/* ---- all others ---- */

static void
test_prometheus_turns__is_told_from_victoriametrics(void **state)
{
    (void)state;
    const struct {
        const char *body;
        bool prometheus, victoriametrics;
    } rows[] = {
        {real[0].body.p, true, false},
        {"{\"status\":\"success\",\"data\":{}}", true, true},
        {"{\"status\":\"success\",\"data\":{\"version\":\"2.24.0\"}}", true, true},
        {"{\"status\":\"success\",\"data\":{\"application\":\"Grafana Mimir\"}}", true, false},
        {"{\"status\":\"error\",\"data\":{}}", false, false},
        {"{\"data\":{}}", false, false},
        {"", false, false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct adapter_answer answer = {200, "application/json", "", str_from(rows[i].body)};
        assert_int_equal(adapter_prometheus.recognizes(&answer), rows[i].prometheus);
        assert_int_equal(adapter_victoriametrics.recognizes(&answer), rows[i].victoriametrics);
        answer.status = 404;
        assert_false(adapter_prometheus.recognizes(&answer));
    }
}

static void
test_prometheus_turns__stands_for_itself_without_machines(void **state)
{
    (void)state;
    static const char up[] =
        "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":["
        "{\"metric\":{\"flametop\":\"up\",\"instance\":\"a\",\"job\":\"web\"},\"value\":[100,\"1\"]"
        "},"
        "{\"metric\":{\"flametop\":\"at\",\"instance\":\"a\",\"job\":\"web\"},"
        "\"value\":[100,\"98\"]}]}}";
    const struct answer answers[] = {{TARGETS, STR(up)}, {"/status/buildinfo", real[0].body}};
    struct turns turns;
    struct host host;
    turns_open(&turns, &adapter_prometheus, NULL, "");
    assert_true(turns_take(&turns, answers, ARRAY_SIZE(answers)));
    assert_true(turns_take(&turns, answers, ARRAY_SIZE(answers)));
    assert_int_equal(turns.reading.poll.batch.at.mono_ns, 998 * NS_PER_S);
    assert_int_equal(turns.reading.poll.batch.state, SOURCE_DEGRADED); /* one went unanswered */
    assert_value(&turns.reading.poll, "prometheus.targets", "state=up", 1);
    assert_int_equal(reading_table(&turns.reading, "instances")->count, 0);
    assert_true(adapter_prometheus.host(turns.reading.state, &host));
    assert_string_equal(host.name, "127.0.0.1:9090");
    assert_string_equal(host.system, "Prometheus 2.42.0+ds");
    turns_close(&turns);
}

/* A machine that is scraped only later may be scraped more often than what was there before. */
static void
test_prometheus_turns__learns_the_rhythm_of_what_it_follows(void **state)
{
    (void)state;
    static const char up[] =
        "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":["
        "{\"metric\":{\"flametop\":\"up\",\"instance\":\"a\",\"job\":\"web\"},\"value\":[100,\"1\"]"
        "}]}}";
    static const char slow[] =
        "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":["
        "{\"metric\":{},\"values\":[[10,\"1\"],[70,\"1\"]]}]}}";
    const struct answer answers[] = {{RHYTHM, STR(slow)}, {TARGETS, STR(up)}};
    struct turns turns;
    turns_open(&turns, &adapter_prometheus, NULL, "");
    for (int i = 0; i < 3; i++) {
        assert_true(turns_take(&turns, answers, ARRAY_SIZE(answers)));
    }
    assert_false(asked(&turns, RHYTHM)); /* it is known: a minute */
    take_real(&turns, 1);
    take_real(&turns, 1);
    assert_true(asked(&turns, RHYTHM));
    assert_int_equal(adapter_prometheus.wait(turns.reading.state) / NS_PER_MS, 5000 - 212 + 300);
    turns_close(&turns);
}

static void
test_prometheus_turns__outlives_hostile_answers(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[3,null,[],{},"
        "{\"metric\":5,\"value\":{}},{\"metric\":{\"flametop\":\"up\"},\"value\":[]},"
        "{\"metric\":{\"flametop\":\"up\",\"instance\":\"\\u001b[2Jx\",\"job\":\"\\\"}\"},"
        "\"value\":[\"a\",\"NaN\"]},{\"metric\":{\"flametop\":\"cpu\",\"instance\":\"\\u001b[2Jx\","
        "\"job\":\"\\\"}\"},\"value\":[1e308,\"+Inf\"]},"
        "{\"metric\":{\"__name__\":\"node_uname_info\",\"nodename\":\"\\u0007\\u202e\"},"
        "\"value\":[1,\"1\"]},{\"metric\":{\"__name__\":\"a\\u001b=,\",\"b\\n\":\"c\\u0000\"},"
        "\"value\":[1,\"1\"]}]}}",
        "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[3,{\"metric\":"
        "{\"__name__\":\"x\"},\"values\":[[1,\"1\"],[1],[],3,[0,\"2\"],[1e300,\"1\"]]}],"
        "\"alerts\":[4,{\"labels\":[],\"activeAt\":\"2026-13-99\"}],\"activeTargets\":{}}}",
        "{\"status\":\"success\",\"data\":[{\"exemplars\":[3,{\"labels\":{\"trace_id\":\"\\u001b\"}"
        "}]}]}",
        "{\"status\":\"success\",\"data\":[{\"seriesLabels\":[\"a\"],\"exemplars\":[{\"labels\":"
        "[\"b\"]}]}]}",
        "{\"status\":\"success\",\"data\":{\"alerts\":[{\"labels\":[\"c\"]}]}}",
        "[",
        "",
    };
    for (size_t first = 0; first < ARRAY_SIZE(bodies); first++) {
        struct turns turns;
        turns_open(&turns, &adapter_prometheus, NULL, "");
        for (size_t i = 0; i < 12; i++) {
            struct str other = str_from(bodies[(first + i) % ARRAY_SIZE(bodies)]);
            const struct answer answers[] = {{TARGETS, str_from(bodies[0])}, {"/", other}};
            assert_true(turns_take(&turns, answers, 2));
            for (size_t t = 0; t < turns.reading.poll.batch.table_count; t++) {
                const struct table *table = turns.reading.poll.batch.tables[t];
                for (size_t c = 0; c < table->count * table->def->column_count; c++) {
                    const char *text =
                        table->def->columns[c % table->def->column_count].type == COLUMN_TEXT
                            ? table->cells[c].text
                            : NULL;
                    assert_true(text == NULL || strpbrk(text, "\x1b\a\n") == NULL);
                }
            }
        }
        turns_close(&turns);
    }
    struct turns turns;
    turns_open(&turns, &adapter_prometheus, NULL, "");
    for (size_t i = 1; i < ARRAY_SIZE(bodies); i++) {
        const struct answer answer = {"/", str_from(bodies[i])};
        assert_false(turns_take(&turns, &answer, 1));
    }
    turns_close(&turns);
}

static void
test_prometheus_turns__takes_no_times_that_cannot_be(void **state)
{
    (void)state;
    static const char *const times[][2] = {
        {"1e300", "1e300"}, {"1e300", "-1e300"}, {"-1e300", "1e300"}, {"1", "9e18"}, {"1e18", "1"}};
    for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
        struct turns turns;
        char body[1000];
        turns_open(&turns, &adapter_prometheus, NULL, "");
        snprintf(body, sizeof(body),
                 "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":["
                 "{\"metric\":{\"flametop\":\"up\",\"instance\":\"a\",\"job\":\"b\"},\"value\":"
                 "[%s,\"1\"]},{\"metric\":{\"flametop\":\"at\",\"instance\":\"a\",\"job\":\"b\"},"
                 "\"value\":[%s,\"%s\"]}]}}",
                 times[i][0], times[i][0], times[i][1]);
        const struct answer answer = {"/", str_from(body)};
        for (int turn = 0; turn < 6; turn++) {
            assert_true(turns_take(&turns, &answer, 1));
            assert_true(turns.reading.poll.batch.at.mono_ns >= 0);
            assert_true(turns.reading.poll.batch.at.mono_ns <= turns.reading.poll.at.mono_ns);
        }
        const struct table *table = reading_table(&turns.reading, "prometheus.targets");
        double age_s = table_cell(table, 0, "target.age").real;
        assert_true(isnan(age_s) || (age_s >= 0 && age_s < 1e10));
        turns_close(&turns);
    }
}

static void
test_prometheus_turns__asks_for_less_history_when_that_was_too_much(void **state)
{
    (void)state;
    struct turns turns;
    struct answer answers[ARRAY_SIZE(real)];
    memcpy(answers, real, sizeof(real));
    answers[3].body = (struct str){NULL, 0};
    turns_open(&turns, &adapter_prometheus, NULL, "");
    for (int i = 0; i < 3; i++) {
        assert_true(turns_take(&turns, answers, ARRAY_SIZE(answers)));
    }
    assert_true(asked(&turns, "&step=5.000"));
    assert_true(turns_take(&turns, answers, ARRAY_SIZE(answers)));
    assert_true(asked(&turns, "&step=20.000")); /* half as many, over the whole span */
    for (int i = 0; i < 4; i++) {
        assert_true(turns_take(&turns, answers, ARRAY_SIZE(answers)));
    }
    assert_false(asked(&turns, RANGE)); /* it does not want to */
    turns_close(&turns);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prometheus_turns__shows_a_machine_by_its_node_exporter),
        cmocka_unit_test(test_prometheus_turns__asks_little_and_in_the_rhythm_of_scrapes),
        cmocka_unit_test(test_prometheus_turns__brings_history_as_one_chunk),
        cmocka_unit_test(test_prometheus_turns__lists_instances_targets_alerts_and_exemplars),
        cmocka_unit_test(test_prometheus_turns__says_the_heart_of_an_error),
        cmocka_unit_test(test_prometheus_turns__opens_the_instance_it_is_told),
        cmocka_unit_test(test_prometheus_turns__reads_any_metric_while_it_is_looked_at),
        cmocka_unit_test(test_prometheus_turns__reads_victoriametrics_alike),
        cmocka_unit_test(test_prometheus_turns__is_told_from_victoriametrics),
        cmocka_unit_test(test_prometheus_turns__stands_for_itself_without_machines),
        cmocka_unit_test(test_prometheus_turns__learns_the_rhythm_of_what_it_follows),
        cmocka_unit_test(test_prometheus_turns__outlives_hostile_answers),
        cmocka_unit_test(test_prometheus_turns__takes_no_times_that_cannot_be),
        cmocka_unit_test(test_prometheus_turns__asks_for_less_history_when_that_was_too_much),
    };
    return cmocka_run_group_tests(tests, load_real, free_real);
}
