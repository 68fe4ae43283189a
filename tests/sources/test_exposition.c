/* Metrics in text: the parser on what the formats allow, and node_exporter's as our own. */
#include "../check.h"

#include "../../src/sources/adapters.h"
#include "../../src/sources/exposition.h"
#include "../../src/sources/exposition_parse.h"
#include "attached.h"

static void
test_exposition__reads_what_the_format_allows(void **state)
{
    static const struct {
        const char *line, *name, *labels;
        double value;
    } cases[] = {
        {"up 1\n", "up", "", 1},
        {"  up   -2.5e3  \n", "up", "", -2500},
        {"up{} +7 1395066363000\n", "up", "", 7},
        {"a:b_c{x=\"1\",y=\"}\\\"\"} 3\n", "a:b_c", "x=\"1\",y=\"}\\\"\"", 3},
        {"a_bucket{le=\"+Inf\"} 17 # {trace_id=\"abc\"} 0.67\r\n", "a_bucket", "le=\"+Inf\"", 17},
        {"a NaN\n", "a", "", NAN},
        {"a +Inf\n", "a", "", NAN},
        {"a\t{ x = \"1\" , }\t4\n", "a", " x = \"1\" , ", 4},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct exposition exposition;
        struct exposition_sample sample;
        char name[32], labels[64];
        exposition_init(&exposition, str_from(cases[i].line));
        assert_true(exposition_next(&exposition, &sample));
        assert_string_equal(str_copy(sample.name, name, sizeof(name)), cases[i].name);
        assert_string_equal(str_copy(sample.labels, labels, sizeof(labels)), cases[i].labels);
        assert_true(isnan(cases[i].value) ? isnan(sample.value) : sample.value == cases[i].value);
        assert_false(exposition_next(&exposition, &sample));
        assert_int_equal(exposition.rejected, 0);
    }
}

static void
test_exposition__rejects_what_it_does_not(void **state)
{
    static const char *const lines[] = {
        "1up 1\n", "up\n",         "up one\n", "up{x=\"1\" 1\n", "up{x=\"1} 1\n",
        "up 1x\n", "{\"up\"} 1\n", "<html>\n", "up 1",           "\xff 1\n",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        struct exposition exposition;
        struct exposition_sample sample;
        exposition_init(&exposition, str_from(lines[i]));
        assert_false(exposition_next(&exposition, &sample));
        assert_int_equal(exposition.rejected, 1);
        assert_false(exposition_is(str_from(lines[i])));
    }
    assert_true(exposition_is(STR("# HELP up Up.\n# TYPE up gauge\nup 1\nhalf{a=")));
    assert_false(exposition_is(STR("")));
}

static void
test_exposition__types_hold_for_their_family(void **state)
{
    (void)state;
    struct exposition exposition;
    struct exposition_sample sample;
    exposition_init(&exposition, STR("# HELP req Requests\\nserved.\n# TYPE req counter\n"
                                     "req_total 1\nrequest 2\n# EOF\n"));
    assert_true(exposition_next(&exposition, &sample));
    assert_int_equal(sample.type, EXPOSITION_COUNTER);
    char text[64];
    assert_string_equal(exposition_text(sample.help, text, sizeof(text)), "Requests served.");
    assert_true(exposition_next(&exposition, &sample));
    assert_int_equal(sample.type, EXPOSITION_UNTYPED);
    assert_false(exposition_next(&exposition, &sample));
}

static const struct metric *
metric_of(struct reading *reading, const char *name)
{
    const struct metric *metric = catalog_metric(reading->poll.catalog, name);
    if (metric == NULL) {
        fail_msg("there is no %s", name);
    }
    return metric;
}

static void
test_exposition__makes_series_of_samples(void **state)
{
    (void)state;
    struct reading reading;
    reading_open(&reading, &adapter_exposition, NULL, 0);
    assert_true(reading_text(&reading, "# TYPE http_requests_total counter\n"
                                       "http_requests_total{path=\"/a,b\",code=\"200\"} 5\n"
                                       "# TYPE size_bytes gauge\nsize_bytes 10\n"
                                       "# TYPE took_seconds histogram\n"
                                       "took_seconds_bucket{le=\"0.1\"} 3\n"
                                       "took_seconds_sum 1.5\ntook_seconds_count 4\n"
                                       "# TYPE lag_seconds summary\n"
                                       "lag_seconds{quantile=\"0.9\"} 0.25\n"
                                       "some_ratio 0.5\nlegacy_total 3\n"
                                       "evil{x=\"\x1b[31m\\n\xff\"} 1\n"));
    assert_value(&reading.poll, "http_requests_total", "path=/a\\,b,code=200", 5);
    assert_value(&reading.poll, "took_seconds_bucket", "le=0.1", 3);
    assert_value(&reading.poll, "lag_seconds", "quantile=0.9", 0.25);
    assert_value(&reading.poll, "evil", "x=?[31m ?", 1);
    assert_int_equal(metric_of(&reading, "http_requests_total")->kind, METRIC_COUNTER);
    assert_string_equal(metric_of(&reading, "http_requests_total")->labels, "path code");
    assert_int_equal(metric_of(&reading, "size_bytes")->kind, METRIC_GAUGE);
    assert_string_equal(metric_of(&reading, "size_bytes")->unit, "By");
    assert_int_equal(metric_of(&reading, "took_seconds_bucket")->kind, METRIC_COUNTER);
    assert_string_equal(metric_of(&reading, "took_seconds_bucket")->unit, "");
    assert_string_equal(metric_of(&reading, "took_seconds_sum")->unit, "s");
    assert_int_equal(metric_of(&reading, "lag_seconds")->kind, METRIC_GAUGE);
    assert_string_equal(metric_of(&reading, "some_ratio")->unit, "1");
    assert_int_equal(metric_of(&reading, "legacy_total")->kind, METRIC_COUNTER);
    assert_true(reading_text(&reading, "size_bytes 11\nsize_bytes{\n"));
    assert_value(&reading.poll, "size_bytes", "", 11);
    assert_unknown(&reading.poll, "legacy_total", "");
    assert_int_equal(reading.poll.batch.rejected, 1);
    assert_false(reading_text(&reading, "<html>\n"));
    reading_close(&reading);
}

/* What does not fit is counted at each reading, and takes no memory at any. */
static void
test_exposition__too_many_series_are_left_out(void **state)
{
    (void)state;
    struct reading reading;
    struct buf text;
    buf_init(&text, (size_t)4 << 20);
    for (int i = 0; i < 60000; i++) { /* all of one column */
        buf_printf(&text, "node_disk_io_now{device=\"vda\",n=\"%d\"} 1\n", i);
    }
    reading_open(&reading, &adapter_exposition, NULL, 0);
    const struct exposed *exposed = reading.state;
    assert_true(reading_text(&reading, text.data));
    uint64_t dropped = reading.poll.batch.dropped;
    size_t bytes = exposed->arena.bytes;
    assert_true(dropped >= 10000);
    for (int i = 0; i < 10; i++) {
        assert_true(reading_text(&reading, text.data));
    }
    assert_int_equal(reading.poll.batch.dropped, 11 * dropped);
    assert_int_equal(exposed->arena.bytes, bytes);
    buf_done(&text);
    reading_close(&reading);
}

/* Those of containers come and go: who is gone leaves room. */
static void
test_exposition__mount_points_that_go_make_room(void **state)
{
    (void)state;
    struct reading reading;
    struct buf text;
    buf_init(&text, (size_t)1 << 20);
    reading_open(&reading, &adapter_exposition, NULL, 0);
    for (int turn = 0; turn < 12; turn++) {
        buf_clear(&text);
        for (int i = 0; i < 100; i++) { /* each stays for three readings */
            buf_printf(&text, "node_filesystem_avail_bytes{mountpoint=\"/m%d\"} %d\n",
                       turn / 3 * 100 + i, i + 1);
        }
        assert_true(reading_text(&reading, text.data));
        if (turn % 3 == 2) {
            char last[64];
            snprintf(last, sizeof(last), "mountpoint=/m%d,state=free", turn / 3 * 100 + 99);
            assert_value(&reading.poll, "system.filesystem.usage", last, 100);
        }
    }
    assert_unknown(&reading.poll, "system.filesystem.usage", "mountpoint=/m0,state=free");
    buf_done(&text);
    reading_close(&reading);
}

static void
test_exposition__node_exporter_is_a_machine(void **state)
{
    (void)state;
    struct reading reading;
    struct str text = endpoint_fixture("node_exporter-1.5.0.txt");
    reading_open(&reading, &adapter_exposition, NULL, 0);
    assert_true(reading_take(&reading, &text));
    assert_int_equal(reading.poll.batch.rejected, 0);
    assert_value(&reading.poll, "system.cpu.time", "cpu=0,state=idle", 13978.33);
    assert_value(&reading.poll, "system.cpu.logical.count", "", 2);
    assert_value(&reading.poll, "system.memory.limit", "", 2.5276510208e+10);
    assert_value(&reading.poll, "system.disk.io", "device=vda,direction=read", 1.00502279168e+11);
    assert_value(&reading.poll, "system.network.virtual.io", "interface=ifb0,direction=receive", 0);
    assert_value(&reading.poll, "system.filesystem.usage", "mountpoint=/,state=free",
                 8.1552109568e+10);
    assert_value(&reading.poll, "system.filesystem.usage", "mountpoint=/,state=used",
                 2.70553174016e+11 - 2.49360003072e+11);
    assert_true(poll_value(&reading.poll, "system.uptime", "") > 0);
    assert_true(poll_value(&reading.poll, "system.cpu.load_average.1m", "") >= 0);
    assert_non_null(catalog_metric(reading.poll.catalog, "system.cpu.utilization"));
    assert_null(catalog_metric(reading.poll.catalog, "node_cpu_seconds_total"));
    struct host host;
    assert_true(adapter_exposition.host(reading.state, &host));
    assert_string_equal(host.name, "vm");
    assert_int_equal(host.cores, 2);
    assert_true(host.kernel[0] != '\0' && strstr(host.system, "Debian") != NULL);
    free((char *)text.p);
    reading_close(&reading);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exposition__reads_what_the_format_allows),
        cmocka_unit_test(test_exposition__rejects_what_it_does_not),
        cmocka_unit_test(test_exposition__types_hold_for_their_family),
        cmocka_unit_test(test_exposition__makes_series_of_samples),
        cmocka_unit_test(test_exposition__too_many_series_are_left_out),
        cmocka_unit_test(test_exposition__mount_points_that_go_make_room),
        cmocka_unit_test(test_exposition__node_exporter_is_a_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
