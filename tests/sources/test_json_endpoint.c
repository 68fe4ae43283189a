/* Any JSON: names, units, counters, tables, mappings, and what must not hurt. */
#include "../check.h"

#include "../../src/sources/adapters.h"
#include "../../src/sources/json_name.h"
#include "attached.h"

static void
test_json_endpoint__names_and_units_come_from_keys(void **state)
{
    static const struct {
        const char *keys[4];
        const char *name, *unit;
        double scale;
    } cases[] = {
        {{"queueDepth"}, "json.queue_depth", "", 1},
        {{"pools", "busy"}, "json.pools.busy", "", 1},
        {{"data", "http", "latency_ms"}, "json.http.latency", "s", 1e-3},
        {{"data", "stats", "hits"}, "json.hits", "", 1},
        {{"mem", "percent"}, "json.mem", "1", 0.01},
        {{"memory_mb"}, "json.memory", "By", 1048576},
        {{"read_bytes_total"}, "json.read", "By", 1},
        {{"load", "0"}, "json.load", "", 1},
        {{"0"}, "json.value", "", 1},
        {{"items", "7", "usedPercent"}, "json.used", "1", 0.01},
        {{"\x1b[31m \xff"}, "json.31m", "", 1},
        {{""}, "json.value", "", 1},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct str keys[4];
        size_t n = 0;
        while (n < 4 && cases[i].keys[n] != NULL) {
            keys[n] = str_from(cases[i].keys[n]);
            n++;
        }
        struct json_meaning meaning;
        json_mean(keys, n, &meaning);
        if (strcmp(cases[i].name, "json.31m") == 0) { /* never begins with a digit */
            assert_string_equal(meaning.name, "json.value");
            continue;
        }
        assert_string_equal(meaning.name, cases[i].name);
        assert_string_equal(meaning.unit, cases[i].unit);
        assert_true(meaning.scale == cases[i].scale);
    }
}

static void
test_json_endpoint__numeric_leaves_are_series(void **state)
{
    (void)state;
    struct reading reading;
    reading_open(&reading, &adapter_json, NULL, 0);
    assert_true(reading_text(&reading,
                             "{\"queue\": 3, \"ok\": true, \"text\": \"hello\", \"size\": \"12.5\","
                             " \"nil\": null, \"mem\": {\"used_bytes\": 1024},"
                             " \"a/b\": {\"c~d\": 1}, \"load\": [0.5, 0.25]}"));
    assert_value(&reading.poll, "json.queue", "pointer=/queue", 3);
    assert_value(&reading.poll, "json.ok", "pointer=/ok", 1);
    assert_value(&reading.poll, "json.size", "pointer=/size", 12.5);
    assert_value(&reading.poll, "json.mem.used", "pointer=/mem/used_bytes", 1024);
    assert_value(&reading.poll, "json.a_b.c_d", "pointer=/a~1b/c~0d", 1);
    assert_value(&reading.poll, "json.load", "pointer=/load/1", 0.25);
    assert_null(catalog_metric(reading.poll.catalog, "json.text"));
    assert_true(reading_text(&reading, "{\"queue\": 4}"));
    assert_value(&reading.poll, "json.queue", "pointer=/queue", 4);
    assert_unknown(&reading.poll, "json.size", "pointer=/size"); /* a missing key is a gap */
    assert_false(reading_text(&reading, "{\"queue\": "));
    reading_close(&reading);
}

static void
take_steps(struct reading *reading, const char *form, int count)
{
    for (int i = 1; i <= count; i++) {
        char text[100];
        snprintf(text, sizeof(text), form, i);
        assert_true(reading_text(reading, text));
    }
}

static void
test_json_endpoint__what_only_grows_has_a_rate(void **state)
{
    (void)state;
    struct reading reading;
    reading_open(&reading, &adapter_json, NULL, 0);
    take_steps(&reading, "{\"done\": %d, \"flat\": 5, \"sent_total\": 1, \"seen_count\": 2}", 29);
    assert_null(catalog_metric(reading.poll.catalog, "json.done.rate"));
    take_steps(&reading, "{\"done\": 3%d, \"flat\": 5, \"sent_total\": 1, \"seen_count\": 2}", 1);
    assert_value(&reading.poll, "json.done.rate", "pointer=/done", 31);
    assert_value(&reading.poll, "json.done", "pointer=/done", 31);
    assert_int_equal(catalog_metric(reading.poll.catalog, "json.done.rate")->kind, METRIC_COUNTER);
    assert_int_equal(catalog_metric(reading.poll.catalog, "json.done")->kind, METRIC_GAUGE);
    assert_int_equal(catalog_metric(reading.poll.catalog, "json.sent")->kind, METRIC_COUNTER);
    assert_value(&reading.poll, "json.seen_count.rate", "pointer=/seen_count", 2);
    assert_null(catalog_metric(reading.poll.catalog, "json.flat.rate")); /* nothing rose */
    assert_true(reading_text(&reading, "{\"done\": 0}"));                /* started anew */
    assert_value(&reading.poll, "json.done.rate", "pointer=/done", 0);
    assert_true(reading_text(&reading, "{\"done\": 100}"));
    assert_true(reading_text(&reading, "{\"done\": 90}")); /* a level after all */
    assert_unknown(&reading.poll, "json.done.rate", "pointer=/done");
    assert_value(&reading.poll, "json.done", "pointer=/done", 90);
    reading_close(&reading);
}

static void
test_json_endpoint__lists_of_named_objects_are_tables(void **state)
{
    (void)state;
    struct reading reading;
    reading_open(&reading, &adapter_json, NULL, 0);
    assert_true(reading_text(
        &reading, "{\"pools\": [{\"name\": \"a\", \"busy\": 3, \"wait_ms\": 20, \"state\": \"up\"},"
                  "{\"name\": \"b\\u001b[1m\", \"busy\": \"4\", \"io\": {\"read_kb\": 2}}, 7],"
                  "\"workers\": [{\"pid\": 12, \"cpu\": 0.5}]}"));
    const struct table *pools = reading_table(&reading, "json.pools");
    assert_non_null(pools);
    assert_int_equal(pools->count, 2);
    assert_int_equal(pools->total, 3);
    assert_string_equal(table_cell(pools, 0, "json.pools.name").text, "a");
    assert_string_equal(table_cell(pools, 1, "json.pools.name").text, "b?[1m");
    assert_true(table_cell(pools, 1, "json.pools.busy").real == 4);
    assert_true(fabs(table_cell(pools, 0, "json.pools.wait_ms").real - 0.02) < 1e-12);
    assert_true(table_cell(pools, 1, "json.pools.io.read_kb").real == 2048);
    assert_true(isnan(table_cell(pools, 0, "json.pools.io.read_kb").real));
    assert_string_equal(table_cell(pools, 0, "json.pools.state").text, "up");
    assert_null(table_cell(pools, 1, "json.pools.state").text);
    assert_int_equal(
        table_cell(reading_table(&reading, "json.workers"), 0, "json.workers.pid").integer, 12);
    assert_value(&reading.poll, "json.pools.busy", "pointer=/pools/a/busy", 3);
    size_t count;
    adapter_json.tables(reading.state, &count);
    assert_int_equal(count, 2);
    /* Another order is the same rows; a table that shrinks to nothing is no error. */
    assert_true(reading_text(&reading, "{\"pools\": [{\"name\": \"c\"}, {\"name\": \"a\","
                                       "\"busy\": 5, \"io\": {\"read_kb\": 1e308}}],"
                                       "\"workers\": []}"));
    pools = reading_table(&reading, "json.pools"); /* more bytes than there are numbers */
    assert_true(isnan(table_cell(pools, 1, "json.pools.io.read_kb").real));
    assert_value(&reading.poll, "json.pools.busy", "pointer=/pools/a/busy", 5);
    reading_close(&reading);
}

static void
test_json_endpoint__a_mapping_says_what_it_is(void **state)
{
    static const struct endpoint_mapping mappings[] = {
        {"/pools/*/q", "pool.queue_depth", "{request}", "gauge", 50, 30, 45},
        {"/t", "job.duration", "ms", NULL, 0, 500, 0},
        {"/n", NULL, NULL, "counter", 0, 0, 0},
        {"/bad", "system.cpu.utilization", NULL, NULL, 0, 0, 0},
    };
    (void)state;
    struct reading reading;
    reading_open(&reading, &adapter_json, mappings, ARRAY_SIZE(mappings));
    assert_true(reading_text(&reading, "{\"pools\": [{\"name\": \"a\", \"q\": 25}], \"t\": 1500,"
                                       "\"n\": 3, \"bad\": 1}"));
    assert_value(&reading.poll, "pool.queue_depth", "pointer=/pools/a/q", 25);
    assert_value(&reading.poll, "pool.queue_depth.utilization", "pointer=/pools/a/q", 0.5);
    assert_value(&reading.poll, "job.duration", "pointer=/t", 1.5);
    assert_string_equal(catalog_metric(reading.poll.catalog, "job.duration")->unit, "s");
    assert_int_equal(catalog_metric(reading.poll.catalog, "json.n")->kind, METRIC_COUNTER);
    assert_true(catalog_metric(reading.poll.catalog, "pool.queue_depth")->critical == 45);
    assert_true(catalog_metric(reading.poll.catalog, "job.duration")->warning == 0.5);
    reading_close(&reading);
}

static void
test_json_endpoint__ten_thousand_leaves_are_bounded(void **state)
{
    (void)state;
    struct reading reading;
    struct buf text;
    buf_init(&text, (size_t)4 << 20);
    buf_puts(&text, "{\"a\": {");
    for (int i = 0; i < 10000; i++) {
        buf_printf(&text, "%s\"key%c%d\": {\"v%d\": %d}", i > 0 ? "," : "", 'a' + i % 26, i, i, i);
    }
    buf_puts(&text, "}}");
    reading_open(&reading, &adapter_json, NULL, 0);
    for (int i = 0; i < 3; i++) {
        assert_true(reading_text(&reading, text.data));
    }
    assert_int_equal(reading.poll.batch.column_count, 10000); /* none lost, though names ran out */
    assert_int_equal(reading.poll.batch.dropped, 0);
    assert_value(&reading.poll, "json.values", "pointer=/a/keyp9999/v9999", 9999);
    buf_done(&text);
    reading_close(&reading);
}

static void
test_json_endpoint__is_not_hurt_by_depth(void **state)
{
    (void)state;
    struct reading reading;
    struct buf text;
    buf_init(&text, 1 << 20);
    for (int i = 0; i < 900; i++) {
        buf_puts(&text, "{\"a\":");
    }
    buf_puts(&text, "1");
    for (int i = 0; i < 900; i++) {
        buf_puts(&text, "}");
    }
    reading_open(&reading, &adapter_json, NULL, 0);
    assert_true(reading_text(&reading, text.data));
    assert_true(reading.poll.batch.rejected > 0);
    assert_int_equal(reading.poll.batch.column_count, 0);
    buf_done(&text);
    reading_close(&reading);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_endpoint__names_and_units_come_from_keys),
        cmocka_unit_test(test_json_endpoint__numeric_leaves_are_series),
        cmocka_unit_test(test_json_endpoint__what_only_grows_has_a_rate),
        cmocka_unit_test(test_json_endpoint__lists_of_named_objects_are_tables),
        cmocka_unit_test(test_json_endpoint__a_mapping_says_what_it_is),
        cmocka_unit_test(test_json_endpoint__ten_thousand_leaves_are_bounded),
        cmocka_unit_test(test_json_endpoint__is_not_hurt_by_depth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
