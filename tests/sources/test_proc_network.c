/* Interfaces. */
#include "../check.h"

#include "../../src/sources/proc_network.h"
#include "../../src/sources/sources.h"
#include "poll.h"

static void
test_proc_network__reads_every_field(void **state)
{
    (void)state;
    static const struct {
        const char *metric, *labels;
        double first, step;
    } rows[] = {
        {"system.network.io", "interface=eth0,direction=receive", 1000000, 12500000},
        {"system.network.io", "interface=eth0,direction=transmit", 2000000, 25000000},
        {"system.network.packets", "interface=eth0,direction=receive", 1000, 100},
        {"system.network.packets", "interface=eth0,direction=transmit", 2000, 200},
        {"system.network.errors", "interface=eth0,direction=receive", 3, 1},
        {"system.network.errors", "interface=eth0,direction=transmit", 1, 0},
        {"system.network.dropped", "interface=eth0,direction=receive", 5, 2},
        {"system.network.dropped", "interface=eth0,direction=transmit", 2, 1},
        {"system.network.link.limit", "interface=eth0", 125e6, 0},
        {"system.network.link.up", "interface=eth0", 1, 0},
        {"system.network.link.changes", "interface=eth0", 2, 1},
        {"system.network.virtual.io", "interface=lo,direction=receive", 1000000, 12500000},
    };
    for (int second = 0; second < 2; second++) {
        struct poll poll;
        poll_open(&poll, &source_proc_network, second == 0 ? "kernel6" : "kernel6+1");
        poll_run(&poll);
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
            assert_value(&poll, rows[i].metric, rows[i].labels,
                         rows[i].first + rows[i].step * second);
        }
        assert_int_equal(poll.batch.state, SOURCE_OK);
        assert_int_equal(poll.batch.rejected, 0);
        poll_close(&poll);
    }
}

static void
test_proc_network__sums_count_each_packet_once(void **state)
{
    (void)state;
    static const struct {
        const char *tree;
        int counted, virtual;
    } rows[] = {
        {"laptop", 2, 3},    /* wifi and cable; lo, docker0, veth; ifb0 never carried anything */
        {"server128", 2, 2}, /* both members; their bond, lo */
        {"numa64", 1, 2},    /* eth0; the function below it, lo */
        {"cgroup2", 1, 2},   /* no device at all: the container's end; a tunnel, lo */
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct poll poll;
        poll_open(&poll, &source_proc_network, rows[i].tree);
        poll_run(&poll);
        assert_true(poll_sum(&poll, "system.network.packets") == 3000.0 * rows[i].counted);
        assert_true(poll_sum(&poll, "system.network.virtual.packets") == 3000.0 * rows[i].virtual);
        poll_close(&poll);
    }
}

static void
test_proc_network__unknown_speed_is_unknown(void **state)
{
    (void)state;
    static const struct {
        const char *tree, *labels;
        double up;
    } rows[] = {
        {"laptop", "interface=wlp2s0", 1},    /* no such file */
        {"laptop", "interface=enp0s31f6", 0}, /* -1 */
        {"kernel418", "interface=eth0", 1},   /* 2^32 - 1 */
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct poll poll;
        poll_open(&poll, &source_proc_network, rows[i].tree);
        poll_run(&poll);
        assert_unknown(&poll, "system.network.link.limit", rows[i].labels);
        assert_value(&poll, "system.network.link.up", rows[i].labels, rows[i].up);
        poll_close(&poll);
    }
}

/* A device that appears takes the count over from what stood in for it. */
static void
test_proc_network__a_device_takes_over(void **state)
{
    (void)state;
    char root[PATH_MAX];
    struct poll poll;
    static const char before[] = "h\nh\n plain0: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n";
    static const char after[] = "h\nh\n plain0: 2 1 0 0 0 0 0 0 2 1 0 0 0 0 0 0\n"
                                "  eth0: 5 1 0 0 0 0 0 0 6 1 0 0 0 0 0 0\n";
    tree_make(root);
    tree_write(root, "proc/net/dev", before, strlen(before));
    tree_write(root, "sys/class/net/eth0/device/vendor", "", 0);
    assert_int_equal(poll_open_at(&poll, &source_proc_network, root), 0);
    poll_run(&poll);
    assert_value(&poll, "system.network.io", "interface=plain0,direction=receive", 1);
    tree_write(root, "proc/net/dev", after, strlen(after));
    poll_run(&poll);
    assert_unknown(&poll, "system.network.io", "interface=plain0,direction=receive");
    assert_value(&poll, "system.network.virtual.io", "interface=plain0,direction=receive", 2);
    assert_value(&poll, "system.network.io", "interface=eth0,direction=transmit", 6);
    poll_close(&poll);
    tree_remove(root, "sys/class/net/eth0/device/vendor");
    tree_remove(root, "proc/net/dev");
}

static void
test_proc_network__torn_files_tell_whole_lines_only(void **state)
{
    (void)state;
    char *data, root[PATH_MAX];
    size_t n = fixture_load("numa64", "proc/net/dev", &data);
    struct poll poll;
    tree_make(root);
    tree_write(root, "proc/net/dev", "", 0);
    assert_int_equal(poll_open_at(&poll, &source_proc_network, root), 0);
    for (size_t cut = 0; cut <= n; cut++) {
        tree_write(root, "proc/net/dev", data, cut);
        poll_run(&poll);
        size_t lines = 0;
        for (size_t i = 0; i < cut; i++) {
            lines += data[i] == '\n';
        }
        double sum = poll_sum(&poll, "system.network.packets") +
                     poll_sum(&poll, "system.network.virtual.packets");
        assert_true(sum == 3000.0 * (double)(lines < 2 ? 0 : lines - 2));
        assert_int_equal(poll.batch.rejected, 0);
    }
    poll_close(&poll);
    tree_remove(root, "proc/net/dev");
    free(data);
}

static void
test_proc_network__hostile_names_are_clean(void **state)
{
    (void)state;
    struct poll poll;
    poll_open(&poll, &source_proc_network, "hostile");
    poll_run(&poll);
    assert_value(&poll, "system.network.io", "interface=e?\\,\\=0,direction=transmit", 9);
    assert_value(&poll, "system.network.errors", "interface=e?\\,\\=0,direction=receive", 3);
    assert_true(poll_sum(&poll, "system.network.packets") == 12);
    assert_true(poll.batch.rejected > 0);
    poll_close(&poll);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_proc_network__reads_every_field),
        cmocka_unit_test(test_proc_network__sums_count_each_packet_once),
        cmocka_unit_test(test_proc_network__unknown_speed_is_unknown),
        cmocka_unit_test(test_proc_network__a_device_takes_over),
        cmocka_unit_test(test_proc_network__torn_files_tell_whole_lines_only),
        cmocka_unit_test(test_proc_network__hostile_names_are_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
