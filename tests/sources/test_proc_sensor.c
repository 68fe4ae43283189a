/* Temperatures, fans, frequencies, throttling. */
#include "../check.h"

#include <time.h>

#include "../../src/sources/sensor_scan.h"
#include "../../src/sources/sources.h"
#include "poll.h"

struct scan {
    char proc[PATH_MAX], sys[PATH_MAX];
    struct sensor_scan *scan;
};

static void
scan_open(struct scan *scan, const char *tree)
{
    snprintf(scan->proc, sizeof(scan->proc), "%s/%s/proc", fixtures(), tree);
    snprintf(scan->sys, sizeof(scan->sys), "%s/%s/sys", fixtures(), tree);
    scan->scan = sensor_scan_new(scan->proc, scan->sys);
    assert_non_null(scan->scan);
    sensor_scan_round(scan->scan);
}

static double
scan_value(const struct scan *scan, unsigned metric, const char *labels)
{
    size_t count;
    uint64_t generation;
    const struct sensor_reading *readings = sensor_scan_readings(scan->scan, &count, &generation);
    for (size_t i = 0; i < count; i++) {
        if (readings[i].metric == metric && strcmp(readings[i].labels, labels) == 0) {
            return readings[i].value;
        }
    }
    return NAN;
}

static void
test_proc_sensor__reads_chips(void **state)
{
    (void)state;
    for (int second = 0; second < 2; second++) {
        struct scan scan;
        scan_open(&scan, second == 0 ? "laptop" : "laptop+1");
        assert_true(scan_value(&scan, SENSOR_TEMPERATURE, "sensor=coretemp Package id 0") ==
                    61 + 2 * second);
        assert_true(scan_value(&scan, SENSOR_TEMPERATURE_LIMIT, "sensor=coretemp Package id 0") ==
                    105);
        assert_true(scan_value(&scan, SENSOR_TEMPERATURE, "sensor=nvme Composite") == 38.85);
        assert_true(scan_value(&scan, SENSOR_FAN, "sensor=thinkpad fan1") == 2800 + 100 * second);
        assert_true(
            isnan(scan_value(&scan, SENSOR_FAN, "sensor=thinkpad fan2"))); /* 65535: not known */
        assert_true(scan_value(&scan, SENSOR_VOLTAGE, "sensor=BAT0 in0") == 12.345);
        assert_true(scan_value(&scan, SENSOR_CURRENT, "sensor=BAT0 curr1") == 0.668);
        assert_true(scan_value(&scan, SENSOR_POWER, "sensor=BAT0 power1") == 8.25);
        assert_true(scan_value(&scan, SENSOR_TEMPERATURE, "sensor=acpitz") == 20 + second);
        /* coretemp has it already */
        assert_true(isnan(scan_value(&scan, SENSOR_TEMPERATURE, "sensor=x86_pkg_temp")));
        assert_true(scan_value(&scan, SENSOR_CPU_TEMPERATURE, "") == 61 + 2 * second);
        sensor_scan_free(scan.scan);
    }
}

static void
test_proc_sensor__reads_cores(void **state)
{
    (void)state;
    struct scan scan;
    scan_open(&scan, "laptop+1");
    assert_true(scan_value(&scan, SENSOR_FREQUENCY, "cpu=3") == 3850e6);
    assert_true(scan_value(&scan, SENSOR_FREQUENCY_LIMIT, "cpu=3") == 4200e6);
    assert_true(scan_value(&scan, SENSOR_THROTTLES, "cpu=6") == 62);
    assert_true(scan_value(&scan, SENSOR_PACKAGE_THROTTLES, "package=0") == 501);
    sensor_scan_free(scan.scan);
}

/* Only a portion of 128 cores is read in a round; nothing once read becomes a gap. */
static void
test_proc_sensor__takes_many_cores_in_turns(void **state)
{
    (void)state;
    struct scan scan;
    scan_open(&scan, "server128");
    size_t known = 0;
    for (int cpu = 0; cpu < 128; cpu++) {
        char labels[16];
        snprintf(labels, sizeof(labels), "cpu=%d", cpu);
        known += !isnan(scan_value(&scan, SENSOR_FREQUENCY, labels));
    }
    assert_true(known > 0);
    for (int round = 1; round < 70; round++) {
        sensor_scan_round(scan.scan);
    }
    size_t count;
    uint64_t generation;
    sensor_scan_readings(scan.scan, &count, &generation);
    assert_true(generation == 1); /* two searches found the same */
    for (int cpu = 0; cpu < 128; cpu++) {
        char labels[16];
        snprintf(labels, sizeof(labels), "cpu=%d", cpu);
        assert_true(scan_value(&scan, SENSOR_FREQUENCY, labels) == 3000e6 - 100e6 * (cpu % 4));
    }
    sensor_scan_free(scan.scan);
}

static void
test_proc_sensor__knows_a_weak_supply(void **state)
{
    (void)state;
    for (int second = 0; second < 2; second++) {
        struct scan scan;
        scan_open(&scan, second == 0 ? "raspberry" : "raspberry+1");
        assert_true(scan_value(&scan, SENSOR_UNDERVOLTAGE, "") == second);
        assert_true(scan_value(&scan, SENSOR_CPU_TEMPERATURE, "") == 52.582);
        /* the thermal zone is the same sensor as the chip */
        assert_true(isnan(scan_value(&scan, SENSOR_TEMPERATURE, "sensor=cpu-thermal")));
        sensor_scan_free(scan.scan);
    }
}

static void
test_proc_sensor__falls_back_to_cpuinfo(void **state)
{
    (void)state;
    struct scan scan;
    scan_open(&scan, "kernel6");
    assert_true(scan_value(&scan, SENSOR_FREQUENCY, "cpu=0") == 2500e6);
    assert_true(scan_value(&scan, SENSOR_FREQUENCY, "cpu=3") == 2200e6);
    assert_true(isnan(scan_value(&scan, SENSOR_FREQUENCY_LIMIT, "cpu=0")));
    sensor_scan_free(scan.scan);
}

/* Through the thread: the readings come with one of the first polls. */
static void
test_proc_sensor__source_delivers_what_the_thread_read(void **state)
{
    (void)state;
    struct poll poll;
    poll_open(&poll, &source_proc_sensor, "laptop");
    for (int i = 0; i < 2000; i++) {
        poll_run(&poll);
        if (!isnan(poll_value(&poll, "hw.fan.speed", "sensor=thinkpad fan1"))) {
            break;
        }
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    assert_value(&poll, "hw.fan.speed", "sensor=thinkpad fan1", 2800);
    assert_value(&poll, "system.cpu.temperature", "", 61);
    for (size_t i = 0; i < poll.batch.column_count; i++) {
        assert_false(isnan(poll.batch.values[i]));
    }
    poll_close(&poll);
}

/* A round that takes longer than a poll waits is there at the next poll, be that a minute later. */
static void
test_proc_sensor__readings_wait_for_the_next_poll(void **state)
{
    (void)state;
    const int64_t read_ns = 100 * NS_PER_S + 5 * NS_PER_MS;
    assert_true(sensor_is_current(read_ns, 100 * NS_PER_S, 101 * NS_PER_S));
    assert_true(sensor_is_current(read_ns, 100 * NS_PER_S, 160 * NS_PER_S));
    assert_true(sensor_is_current(read_ns, 109 * NS_PER_S, 110 * NS_PER_S));
    assert_false(sensor_is_current(read_ns, 110 * NS_PER_S, 111 * NS_PER_S)); /* it hangs */
    assert_false(sensor_is_current(read_ns, 160 * NS_PER_S, 220 * NS_PER_S));
}

static void
test_proc_sensor__is_left_out_without_sensors(void **state)
{
    (void)state;
    struct poll poll;
    assert_int_equal(poll_open_at(&poll, &source_proc_sensor, "/nonexistent"), -ENOENT);
    assert_non_null(strstr(poll.why, "no sensors"));
    poll_close(&poll);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_proc_sensor__reads_chips),
        cmocka_unit_test(test_proc_sensor__reads_cores),
        cmocka_unit_test(test_proc_sensor__takes_many_cores_in_turns),
        cmocka_unit_test(test_proc_sensor__knows_a_weak_supply),
        cmocka_unit_test(test_proc_sensor__falls_back_to_cpuinfo),
        cmocka_unit_test(test_proc_sensor__source_delivers_what_the_thread_read),
        cmocka_unit_test(test_proc_sensor__readings_wait_for_the_next_poll),
        cmocka_unit_test(test_proc_sensor__is_left_out_without_sensors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
