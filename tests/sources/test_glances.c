/* Glances, API 3 as captured and API 4 as it differs. */
#include "../check.h"

#include "../../src/sources/adapters.h"
#include "attached.h"

static void
test_glances__is_a_machine(void **state)
{
    (void)state;
    struct reading reading;
    struct str text = endpoint_fixture("glances-3.3.json");
    reading_open(&reading, &adapter_glances_3, NULL, 0);
    assert_true(reading_take(&reading, &text));
    assert_true(reading_take(&reading, &text));
    assert_value(&reading.poll, "system.cpu.time", "cpu=0,state=system", 0.309);
    assert_value(&reading.poll, "system.cpu.logical.count", "", 2);
    assert_value(&reading.poll, "system.memory.available", "", 24475320320);
    assert_value(&reading.poll, "system.network.virtual.io", "interface=lo,direction=receive",
                 190946280);
    assert_value(&reading.poll, "system.disk.io", "device=vda,direction=read",
                 67743744 / 131.58258652687073);
    assert_value(&reading.poll, "system.filesystem.usage", "mountpoint=/,state=used", 21312524288);
    assert_value(&reading.poll, "system.filesystem.usage", "mountpoint=/,state=reserved",
                 270553174016 - 21312524288 - 81432756224);
    assert_value(&reading.poll, "system.uptime", "", 5 * 3600 + 46 * 60);
    struct host host;
    assert_true(adapter_glances_3.host(reading.state, &host));
    assert_string_equal(host.name, "vm");
    assert_string_equal(host.system, "Debian GNU/Linux 12");
    assert_int_equal(host.cores, 2);
    free((char *)text.p);
    reading_close(&reading);
}

static void
test_glances__lists_processes(void **state)
{
    (void)state;
    struct reading reading;
    struct str text = endpoint_fixture("glances-3.3.json");
    reading_open(&reading, &adapter_glances_3, NULL, 0);
    assert_true(reading_take(&reading, &text));
    const struct table *table = reading_table(&reading, "processes");
    assert_non_null(table);
    assert_int_equal(table->count, 4);
    assert_int_equal(table_cell(table, 0, "process.pid").integer, 812);
    assert_string_equal(table_cell(table, 0, "process.command_line").text,
                        "postgres: checkpointer");
    assert_true(fabs(table_cell(table, 0, "process.cpu.utilization").real - 0.089) < 1e-12);
    assert_true(table_cell(table, 0, "process.memory.usage").real == 75558912);
    assert_true(fabs(table_cell(table, 0, "process.cpu.time").real - 13.26) < 1e-9);
    assert_true(table_cell(table, 0, "process.disk.read").real == 0);
    assert_true(isnan(table_cell(table, 0, "process.age").real)); /* it is not told */
    assert_null(table_cell(table, 3, "process.command_line").text);
    assert_string_equal(table_cell(table, 3, "process.state").text, "I");
    free((char *)text.p);
    reading_close(&reading);
}

static void
test_glances__version_4_counts_more(void **state)
{
    (void)state;
    struct reading reading;
    reading_open(&reading, &adapter_glances_4, NULL, 0);
    assert_true(reading_text(
        &reading,
        "{\"cpu\": {\"user\": 50, \"idle\": 50}, \"mem\": {\"total\": 100}, \"load\": "
        "{\"cpucore\": 4},"
        "\"network\": [{\"interface_name\": \"eth0\", \"bytes_recv\": 7, \"bytes_recv_gauge\": 700,"
        "\"bytes_sent_gauge\": 800, \"speed\": 1000000000}],"
        "\"diskio\": [{\"disk_name\": \"sda\", \"read_bytes\": 5, \"read_bytes_gauge\": 500},"
        "{\"disk_name\": \"sda1\", \"read_bytes_gauge\": 400},"
        "{\"disk_name\": \"dm-0\", \"read_bytes_gauge\": 300}],"
        "\"processlist\": [{\"pid\": 1, \"name\": \"init\", \"cmdline\": [\"/sbin/init\", "
        "\"\\u001b\"],"
        "\"memory_info\": {\"rss\": 4096, \"vms\": 8192}, \"cpu_times\": {\"user\": 1, \"system\": "
        "2}}],"
        "\"sensors\": [{\"label\": \"Core 0\", \"value\": 122, \"unit\": \"F\"},"
        "{\"label\": \"fan\", \"value\": 900, \"unit\": \"R\"}], \"uptime\": \"3 days, "
        "5:46:00\"}"));
    assert_value(&reading.poll, "system.network.io", "interface=eth0,direction=receive", 700);
    assert_value(&reading.poll, "system.network.link.limit", "interface=eth0", 125e6);
    assert_value(&reading.poll, "system.disk.io", "device=sda,direction=read", 500);
    assert_value(&reading.poll, "system.disk.logical.io", "device=dm-0,direction=read", 300);
    assert_unknown(&reading.poll, "system.disk.io", "device=sda1,direction=read");
    assert_value(&reading.poll, "hw.temperature", "sensor=Core 0", 50);
    assert_value(&reading.poll, "system.uptime", "", 3 * 86400 + 20760);
    const struct table *table = reading_table(&reading, "processes");
    assert_true(table_cell(table, 0, "process.memory.usage").real == 4096);
    assert_true(table_cell(table, 0, "process.cpu.time").real == 3);
    assert_string_equal(table_cell(table, 0, "process.command_line").text, "/sbin/init ?");
    assert_true(reading_text(&reading, "{\"cpu\": {\"user\": 50, \"idle\": 50}, \"mem\": {},"
                                       "\"load\": {\"cpucore\": 4}}"));
    assert_value(&reading.poll, "system.cpu.time", "cpu=all,state=user", 2); /* of 4 cores, 1 s */
    reading_close(&reading);
}

static void
test_glances__makes_no_zero_of_what_it_is_not_told(void **state)
{
    (void)state;
    struct reading reading;
    reading_open(&reading, &adapter_glances_3, NULL, 0);
    assert_true(reading_text(
        &reading, "{\"cpu\": {}, \"mem\": {}, \"fs\": [{\"mnt_point\": \"/\", \"used\": 9}],"
                  "\"processlist\": [{\"pid\": 1, \"time_since_update\": 1, \"io_counters\": "
                  "[null, 7, 3, 9, 1]}]}"));
    assert_value(&reading.poll, "system.filesystem.usage", "mountpoint=/,state=used", 9);
    assert_unknown(&reading.poll, "system.filesystem.usage", "mountpoint=/,state=free");
    assert_unknown(&reading.poll, "system.filesystem.usage", "mountpoint=/,state=reserved");
    const struct table *table = reading_table(&reading, "processes");
    assert_true(isnan(table_cell(table, 0, "process.disk.read").real));
    assert_true(table_cell(table, 0, "process.disk.write").real == 0); /* counted anew */
    reading_close(&reading);
}

static void
test_glances__lives_with_anything(void **state)
{
    static const char *const good[] = {
        "{\"cpu\": {}, \"mem\": {}}",
        "{\"cpu\": {}, \"mem\": {}, \"percpu\": [1, {\"cpu_number\": -1}, {\"cpu_number\": 1e99}],"
        "\"network\": {}, \"diskio\": [[], {\"disk_name\": 3}], \"fs\": [{\"mnt_point\": \"\"}],"
        "\"processlist\": [3, {\"pid\": \"x\"}, {\"pid\": 1e300}], \"uptime\": \"x day\","
        "\"sensors\": [null]}",
    };
    (void)state;
    struct reading reading;
    reading_open(&reading, &adapter_glances_3, NULL, 0);
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        assert_true(reading_text(&reading, good[i]));
    }
    assert_false(reading_text(&reading, "{\"cpu\": {}}"));
    assert_false(reading_text(&reading, "[]"));
    assert_true(adapter_glances_3.recognizes(
        &(struct adapter_answer){200, "", "", STR("[\"cpu\",\"processlist\"]")}));
    assert_false(adapter_glances_3.recognizes(
        &(struct adapter_answer){200, "", "", STR("<html>\"processlist\"")}));
    reading_close(&reading);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_glances__is_a_machine),
        cmocka_unit_test(test_glances__lists_processes),
        cmocka_unit_test(test_glances__version_4_counts_more),
        cmocka_unit_test(test_glances__makes_no_zero_of_what_it_is_not_told),
        cmocka_unit_test(test_glances__lives_with_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
