/* The pages that Prometheus reads. */
#include "../check.h"

#include <math.h>
#include <string.h>

#include "../../src/export/prometheus.h"
#include "flametop/export/table.h"
#include "numbers.h"

static void
test_prometheus__names(void **state)
{
    (void)state;
    static const struct {
        const char *name, *unit;
        enum metric_kind kind;
        const char *want;
    } rows[] = {
        {"system.cpu.time", "s", METRIC_COUNTER, "system_cpu_time_seconds"},
        {"system.cpu.utilization", "1", METRIC_GAUGE, "system_cpu_utilization_ratio"},
        {"cache.hits", "1", METRIC_COUNTER, "cache_hits"},
        {"system.disk.io", "By", METRIC_COUNTER, "system_disk_io_bytes"},
        {"disk.read.bytes", "By", METRIC_GAUGE, "disk_read_bytes"},
        {"megabytes", "By", METRIC_GAUGE, "megabytes_bytes"},
        {"net.rate", "By/s", METRIC_GAUGE, "net_rate_bytes_per_second"},
        {"req.rate", "{request}/s", METRIC_GAUGE, "req_rate_per_second"},
        {"requests", "{request}", METRIC_COUNTER, "requests"},
        {"requests.total", "{request}", METRIC_COUNTER, "requests"},
        {"pages.total", "{page}", METRIC_GAUGE, "pages_all"},
        {"process.count", "{process}", METRIC_GAUGE, "process_number"},
        {"data.sum", "By", METRIC_GAUGE, "data_sum_bytes"},
        {"disk.info", "1", METRIC_GAUGE, "disk_info"},
        {"core.temperature", "Cel", METRIC_GAUGE, "core_temperature_celsius"},
        {"cpu.frequency", "Hz", METRIC_GAUGE, "cpu_frequency_hertz"},
        {"9..odd--\xff name", "", METRIC_GAUGE, "_9_odd_name"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct metric metric = {.name = rows[i].name, .unit = rows[i].unit, .kind = rows[i].kind};
        char name[PROMETHEUS_NAME_BYTES];
        assert_string_equal(prometheus_name(&metric, name), rows[i].want);
    }
}

static void
test_prometheus__long_names_are_cut(void **state)
{
    (void)state;
    char long_name[400], name[PROMETHEUS_NAME_BYTES];
    memset(long_name, 'x', sizeof(long_name));
    long_name[sizeof(long_name) - 1] = 0;
    struct metric metric = {.name = long_name, .unit = "By/s", .kind = METRIC_GAUGE};
    prometheus_name(&metric, name);
    assert_true(strlen(name) < PROMETHEUS_NAME_BYTES);
    assert_non_null(strstr(name, "x_bytes_per_second"));
}

static void
check_page(const char *format, const char *want)
{
    struct catalog *catalog = catalog_new(100);
    struct picture *picture = numbers_picture(catalog);
    struct format_options options = {0};
    struct buf out;
    buf_init(&out, 1 << 16);
    assert_int_equal(format_by_name(format)->write(picture, &options, &out), 0);
    assert_string_equal(out.data, want);
    buf_done(&out);
    picture_release(picture);
    catalog_free(catalog);
}

#define MOUNT "{mount=\"/a,b\\\"c\\\\d\\ne\xef\xbf\xbd\"} "

/* Groups whole, labels escaped, unknown left out, no sum beside its parts, no name twice. */
static void
test_prometheus__text(void **state)
{
    (void)state;
    check_page("prometheus", "# HELP t_io_bytes_total Bytes \\\\ \"moved\".\n"
                             "# TYPE t_io_bytes_total counter\n"
                             "t_io_bytes_total{device=\"sda\"} 1500\n"
                             "t_io_bytes_total{device=\"sdb\"} 5\n"
                             "# HELP t_level_ratio How full.\n"
                             "# TYPE t_level_ratio gauge\n"
                             "t_level_ratio" MOUNT "0.5\n"
                             "# HELP t_worst_ratio Twice.\n"
                             "# TYPE t_worst_ratio gauge\n"
                             "t_worst_ratio" MOUNT "1\n"
                             "# HELP t_number t.count\n"
                             "# TYPE t_number gauge\n"
                             "t_number 8\n");
}

static void
test_prometheus__openmetrics(void **state)
{
    (void)state;
    check_page("openmetrics", "# HELP t_io_bytes Bytes \\\\ \\\"moved\\\".\n"
                              "# TYPE t_io_bytes counter\n"
                              "t_io_bytes_total{device=\"sda\"} 1500\n"
                              "t_io_bytes_total{device=\"sdb\"} 5\n"
                              "# HELP t_level_ratio How full.\n"
                              "# TYPE t_level_ratio gauge\n"
                              "t_level_ratio" MOUNT "0.5\n"
                              "# HELP t_worst_ratio Twice.\n"
                              "# TYPE t_worst_ratio gauge\n"
                              "t_worst_ratio" MOUNT "1\n"
                              "# HELP t_number t.count\n"
                              "# TYPE t_number gauge\n"
                              "t_number 8\n"
                              "# EOF\n");
}

static void
test_prometheus__histograms_are_cumulative(void **state)
{
    (void)state;
    struct histogram histogram;
    struct buf out;
    buf_init(&out, 1 << 16);
    histogram_init(&histogram);
    prometheus_histogram(&out, "h", "", &histogram);
    assert_string_equal(out.data, "h_bucket{le=\"+Inf\"} 0\nh_sum 0\nh_count 0\n");
    buf_clear(&out);
    histogram_add(&histogram, 0);
    histogram_add(&histogram, 1);   /* (2^-1/64, 1]: bound 1 */
    histogram_add(&histogram, 1.5); /* below 2^(3/4) = 1.68 */
    histogram_add(&histogram, 2);
    prometheus_histogram(&out, "h_seconds", "route=a\\,b", &histogram);
    assert_string_equal(out.data, "h_seconds_bucket{route=\"a,b\",le=\"1\"} 2\n"
                                  "h_seconds_bucket{route=\"a,b\",le=\"1.189207115002721\"} 2\n"
                                  "h_seconds_bucket{route=\"a,b\",le=\"1.4142135623730951\"} 2\n"
                                  "h_seconds_bucket{route=\"a,b\",le=\"1.681792830507429\"} 3\n"
                                  "h_seconds_bucket{route=\"a,b\",le=\"2\"} 4\n"
                                  "h_seconds_bucket{route=\"a,b\",le=\"+Inf\"} 4\n"
                                  "h_seconds_sum{route=\"a,b\"} 4.5\n"
                                  "h_seconds_count{route=\"a,b\"} 4\n");
    histogram_done(&histogram);
    buf_done(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prometheus__names),
        cmocka_unit_test(test_prometheus__long_names_are_cut),
        cmocka_unit_test(test_prometheus__text),
        cmocka_unit_test(test_prometheus__openmetrics),
        cmocka_unit_test(test_prometheus__histograms_are_cumulative),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
