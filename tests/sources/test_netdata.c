/* netdata's charts, as a machine and as themselves. */
#include "../check.h"

#include "../../src/sources/adapters.h"
#include "attached.h"

static void
test_netdata__is_a_machine(void **state)
{
    (void)state;
    struct reading reading;
    struct str bodies[] = {endpoint_fixture("netdata-1.37.json"),
                           endpoint_fixture("netdata-1.37-info.json")};
    reading_open(&reading, &adapter_netdata, NULL, 0);
    assert_true(reading_take(&reading, bodies));
    assert_value(&reading.poll, "system.cpu.time", "cpu=0,state=steal", 0); /* sums begin here */
    assert_true(reading_take(&reading, bodies));                            /* 1 s later */
    assert_value(&reading.poll, "system.cpu.time", "cpu=0,state=steal", 0.04950495);
    assert_value(&reading.poll, "system.cpu.context_switches", "", 986.5537796);
    assert_value(&reading.poll, "system.disk.io", "device=vda,direction=write",
                 2404.4468332 * 1024); /* written as negative */
    assert_value(&reading.poll, "system.disk.io_time", "device=vda", 0.0079997967);
    assert_value(&reading.poll, "system.memory.available", "", 23360.5078125 * 1048576);
    assert_value(&reading.poll, "system.filesystem.usage", "mountpoint=/,state=used",
                 19.8483963 * 1073741824);
    assert_unknown(&reading.poll, "system.filesystem.usage", "mountpoint=/dev,state=used");
    assert_value(&reading.poll, "system.pressure.some", "resource=cpu", 0.6486694776);
    assert_value(&reading.poll, "system.cpu.logical.count", "", 2);
    assert_value(&reading.poll, "system.cpu.load_average.1m", "", 5.29);
    assert_value(&reading.poll, "netdata.netdata.clients",
                 "chart=netdata.clients,dimension=clients", 0);
    struct host host;
    assert_true(adapter_netdata.host(reading.state, &host));
    assert_string_equal(host.name, "vm");
    assert_string_equal(host.system, "netdata v1.37.1");
    free((char *)bodies[0].p);
    free((char *)bodies[1].p);
    reading_close(&reading);
}

/* The states of a core sum to the time that passed, or shares of it would be wrong. */
static void
test_netdata__states_of_a_core_sum_to_the_time(void **state)
{
    (void)state;
    struct reading reading;
    static const char text[] =
        "{\"cpu.cpu3\": {\"context\": \"cpu.cpu\", \"dimensions\": {\"user\": {\"value\": 20},"
        "\"guest\": {\"value\": 5}, \"system\": {\"value\": 10}, \"iowait\": {\"value\": null}}}}";
    reading_open(&reading, &adapter_netdata, NULL, 0);
    assert_true(reading_text(&reading, text));
    assert_true(reading_text(&reading, text));
    assert_value(&reading.poll, "system.cpu.time", "cpu=3,state=user", 0.25);
    assert_value(&reading.poll, "system.cpu.time", "cpu=3,state=idle", 0.65);
    assert_true(fabs(poll_sum(&reading.poll, "system.cpu.time") - 1) < 1e-9);
    reading_close(&reading);
}

/* The rate over all that time is the one that is told, however long nothing was. */
static void
test_netdata__a_gap_does_not_change_rates(void **state)
{
    (void)state;
    struct reading reading;
    static const char text[] = "{\"system.ctxt\": {\"context\": \"system.ctxt\", \"dimensions\": "
                               "{\"switches\": {\"value\": 50}}}}";
    reading_open(&reading, &adapter_netdata, NULL, 0);
    assert_true(reading_text(&reading, text));
    assert_true(reading_text(&reading, text));
    assert_value(&reading.poll, "system.cpu.context_switches", "", 50);
    assert_true(reading_text(&reading, "{}")); /* the chart is gone for a while */
    assert_true(reading_text(&reading, text));
    assert_value(&reading.poll, "system.cpu.context_switches", "", 150);
    reading.poll.at.mono_ns += 599 * NS_PER_S; /* and the whole server */
    assert_true(reading_text(&reading, text));
    assert_value(&reading.poll, "system.cpu.context_switches", "", 150 + 600 * 50);
    reading_close(&reading);
}

static void
test_netdata__lives_with_anything(void **state)
{
    (void)state;
    struct reading reading;
    reading_open(&reading, &adapter_netdata, NULL, 0);
    assert_true(reading_text(&reading, "{}"));
    assert_true(reading_text(
        &reading, "{\"x\": 3, \"y\": {\"context\": 5, \"dimensions\": [1, {\"value\": 2}]},"
                  "\"nodots\": {\"context\": \"disk.io\", \"dimensions\": {\"reads\":"
                  "{\"value\": \"12\"}}},"
                  "\"a.\\u001b,b\": {\"context\": \"my sql\\u0007\", \"units\": 7, \"dimensions\":"
                  "{\"d\\u001b[1m\": {\"value\": 4}}}}"));
    assert_value(&reading.poll, "system.disk.io", "device=nodots,direction=read", 12 * 1024);
    assert_value(&reading.poll, "netdata.my_sql_", "chart=a.?\\,b,dimension=d?[1m", 4);
    assert_false(reading_text(&reading, "[1]"));
    assert_false(reading_text(&reading, "<html>"));
    reading_close(&reading);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_netdata__is_a_machine),
        cmocka_unit_test(test_netdata__states_of_a_core_sum_to_the_time),
        cmocka_unit_test(test_netdata__a_gap_does_not_change_rates),
        cmocka_unit_test(test_netdata__lives_with_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
