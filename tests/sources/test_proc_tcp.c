/* TCP, UDP, sockets, connection tracking; open files. */
#include "../check.h"

#include "../../src/sources/proc_file.h"
#include "../../src/sources/proc_mib.h"
#include "../../src/sources/sources.h"
#include "poll.h"

static const struct row {
    const char *metric, *labels;
    double first, step;
} rows[] = {
    {"system.network.tcp.opens", "type=active", 100, 5},
    {"system.network.tcp.opens", "type=passive", 200, 7},
    {"system.network.tcp.open.failures", "", 10, 1},
    {"system.network.tcp.connection.resets", "", 20, 2},
    {"system.network.connection.count", "protocol=tcp,state=established", 42, 3},
    {"system.network.connection.count", "protocol=tcp,state=time_wait", 9, 1},
    {"system.network.tcp.segments", "direction=receive", 100000, 900},
    {"system.network.tcp.segments", "direction=transmit", 90000, 980},
    {"system.network.tcp.retransmits", "", 500, 20},
    {"system.network.tcp.errors", "", 6, 1},
    {"system.network.tcp.resets", "", 70, 4},
    {"system.network.tcp.syn.cookies", "", 1, 1},
    {"system.network.tcp.listen.overflows", "", 30, 2},
    {"system.network.tcp.listen.drops", "", 33, 3},
    {"system.network.tcp.timeouts", "", 77, 6},
    {"system.network.tcp.memory.aborts", "", 5, 0},
    {"system.network.tcp.memory.pressures", "", 9, 1},
    {"system.network.tcp.backlog.drops", "", 4, 1},
    {"system.network.tcp.syn.retransmits", "", 60, 8},
    {"system.network.tcp.orphans", "", 2, 0},
    {"system.network.udp.datagrams", "direction=receive,family=ipv4", 3000, 30},
    {"system.network.udp.datagrams", "direction=transmit,family=ipv4", 6000, 60},
    {"system.network.udp.errors", "family=ipv4", 50, 5},
    {"system.network.udp.no_ports", "family=ipv4", 40, 4},
    {"system.network.udp.buffer.errors", "direction=receive,family=ipv4", 45, 3},
    {"system.network.udp.buffer.errors", "direction=transmit,family=ipv4", 8, 1},
    {"system.network.socket.count", "", 300, 1},
    {"system.network.socket.in_use", "protocol=tcp,family=ipv4", 50, 1},
    {"system.network.socket.in_use", "protocol=udp,family=ipv4", 8, 0},
    {"system.network.socket.in_use", "protocol=raw,family=ipv4", 1, 0},
};

static const struct row rows_v6[] = {
    {"system.network.udp.datagrams", "direction=receive,family=ipv6", 300, 3},
    {"system.network.udp.datagrams", "direction=transmit,family=ipv6", 600, 6},
    {"system.network.udp.errors", "family=ipv6", 5, 1},
    {"system.network.udp.no_ports", "family=ipv6", 4, 1},
    {"system.network.udp.buffer.errors", "direction=receive,family=ipv6", 2, 1},
    {"system.network.socket.in_use", "protocol=tcp,family=ipv6", 11, 0},
    {"system.network.socket.in_use", "protocol=raw,family=ipv6", 2, 0},
};

static void
test_proc_tcp__reads_every_number(void **state)
{
    (void)state;
    /* Kernels whose lists have other columns in between. */
    static const char *const trees[][2] = {{"kernel6", "kernel6+1"}, {"kernel418", "kernel418+1"}};
    for (size_t t = 0; t < ARRAY_SIZE(trees); t++) {
        for (int second = 0; second < 2; second++) {
            struct poll poll;
            poll_open(&poll, &source_proc_tcp, trees[t][second]);
            poll_run(&poll);
            for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                assert_value(&poll, rows[i].metric, rows[i].labels,
                             rows[i].first + rows[i].step * second);
            }
            for (size_t i = 0; i < ARRAY_SIZE(rows_v6); i++) {
                assert_value(&poll, rows_v6[i].metric, rows_v6[i].labels,
                             rows_v6[i].first + rows_v6[i].step * second);
            }
            double page = (double)sysconf(_SC_PAGESIZE);
            assert_value(&poll, "system.network.tcp.memory", "", (20 + second) * page);
            assert_value(&poll, "system.network.tcp.memory.limit", "", 40000 * page);
            assert_int_equal(poll.batch.state, SOURCE_OK);
            assert_int_equal(poll.batch.rejected, 0);
            poll_close(&poll);
        }
    }
}

static void
test_proc_tcp__missing_parts_are_unknown(void **state)
{
    (void)state;
    struct poll poll;
    poll_open(&poll, &source_proc_tcp, "raspberry");
    poll_run(&poll);
    assert_unknown(&poll, "system.network.udp.datagrams", "direction=receive,family=ipv6");
    assert_unknown(&poll, "system.network.conntrack.count", "");
    assert_value(&poll, "system.network.tcp.retransmits", "", 500);
    assert_int_equal(poll.batch.state, SOURCE_OK);
    poll_close(&poll);
    poll_open(&poll, &source_proc_tcp, "server128+1");
    poll_run(&poll);
    assert_value(&poll, "system.network.conntrack.count", "", 51000);
    assert_value(&poll, "system.network.conntrack.limit", "", 262144);
    /* The kernel's own sockets do not answer for a tree of files. */
    assert_unknown(&poll, "system.network.rtt", "");
    poll_close(&poll);
}

/* The firewall's files are there once its module is. */
static void
test_proc_tcp__finds_conntrack_later(void **state)
{
    (void)state;
    char root[PATH_MAX];
    struct poll poll;
    tree_make(root);
    tree_copy(root, "kernel6", "proc/net/snmp");
    assert_int_equal(poll_open_at(&poll, &source_proc_tcp, root), 0);
    poll_run(&poll);
    assert_int_equal(poll.batch.state, SOURCE_DEGRADED);
    assert_unknown(&poll, "system.network.conntrack.count", "");
    tree_write(root, "proc/sys/net/netfilter/nf_conntrack_count", "7\n", 2);
    for (int i = 0; i < 70; i++) {
        poll_run(&poll);
    }
    assert_value(&poll, "system.network.conntrack.count", "", 7);
    poll_close(&poll);
    tree_remove(root, "proc/sys/net/netfilter/nf_conntrack_count");
    tree_remove(root, "proc/net/snmp");
}

static void
test_proc_tcp__mib_follows_the_header(void **state)
{
    (void)state;
    struct mib mib = {.group = "Tcp", .keys = {"InSegs", "MaxConn", "Nothing"}};
    double values[MIB_KEYS_MAX];
    static const struct {
        const char *text;
        bool found;
        double in, max;
    } cases[] = {
        {"TcpExt: InSegs\nTcpExt: 9\nTcp: A InSegs MaxConn B\nTcp: 1 22 -1 4\n", true, 22, -1},
        {"Tcp: A InSegs MaxConn B\nTcp: 1 23 -1 4\n", true, 23, -1},
        {"Tcp: MaxConn A InSegs B\nTcp: 1 23 -1 4\n", true, -1, 1},
        {"Tcp: A InSegs\nTcp: 1 5\n", true, 5, NAN},
        {"Tcp: A InSegs\nTcp: 1\n", false, NAN, NAN},
        {"Tcp: A InSegs\nTcp: 1 5", false, NAN, NAN},
        {"Tcp: A InSegs\nUdp: 1 5\n", false, NAN, NAN},
        {"Tcp: A InSegs\nTcp: 1 5x\n", false, NAN, NAN},
        {"Tcp:\nTcp:\n", true, NAN, NAN},
        {"", false, NAN, NAN},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_int_equal(mib_take(&mib, str_from(cases[i].text), values), cases[i].found);
        if (cases[i].found) {
            assert_true(isnan(cases[i].in) ? isnan(values[0]) : values[0] == cases[i].in);
            assert_true(isnan(cases[i].max) ? isnan(values[1]) : values[1] == cases[i].max);
        }
        assert_true(isnan(values[2]));
    }
}

static void
test_proc_tcp__torn_files_give_whole_numbers(void **state)
{
    (void)state;
    static const char *const files[] = {"proc/net/snmp", "proc/net/netstat", "proc/net/snmp6",
                                        "proc/net/sockstat", "proc/net/sockstat6"};
    char root[PATH_MAX];
    for (size_t f = 0; f < ARRAY_SIZE(files); f++) {
        char *data;
        struct poll poll;
        size_t n = fixture_load("kernel6", files[f], &data);
        tree_make(root);
        tree_write(root, files[f], "", 0);
        assert_int_equal(poll_open_at(&poll, &source_proc_tcp, root), 0);
        for (size_t cut = 0; cut <= n; cut++) {
            tree_write(root, files[f], data, cut);
            poll_run(&poll);
            for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                double value = poll_value(&poll, rows[i].metric, rows[i].labels);
                assert_true(isnan(value) || value == rows[i].first);
            }
        }
        poll_close(&poll);
        tree_remove(root, files[f]);
        free(data);
    }
}

static void
test_proc_tcp__hostile_files_give_nothing_wrong(void **state)
{
    (void)state;
    struct poll poll;
    poll_open(&poll, &source_proc_tcp, "hostile");
    poll_run(&poll);
    assert_true(poll.batch.rejected > 0);
    assert_unknown(&poll, "system.network.tcp.opens", "type=passive");
    assert_unknown(&poll, "system.network.udp.no_ports", "family=ipv6");
    assert_unknown(&poll, "system.network.socket.count", "");
    assert_unknown(&poll, "system.network.tcp.orphans", "");
    assert_unknown(&poll, "system.network.udp.memory", "");
    poll_close(&poll);
}

static void
test_proc_file__reads_open_files(void **state)
{
    (void)state;
    struct poll poll;
    poll_open(&poll, &source_proc_file, "kernel418+1");
    poll_run(&poll);
    assert_value(&poll, "system.file.descriptor.count", "", 8016);
    assert_value(&poll, "system.file.descriptor.limit", "", 800000);
    poll_close(&poll);
    static const struct {
        const char *text;
        bool good;
        uint64_t open, limit;
    } cases[] = {
        {"100\t10\t1000\n", true, 90, 1000},
        {"100\t0\t9223372036854775807\n", true, 100, INT64_MAX},
        {"5 6 7\n", false, 0, 0},
        {"100 10 1000", false, 0, 0},
        {"100 10\n", false, 0, 0},
        {"100 10 1000 x\n", false, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct file_counts counts = {0, 0};
        assert_int_equal(file_counts_parse(str_from(cases[i].text), &counts), cases[i].good);
        assert_int_equal(counts.open, cases[i].open);
        assert_int_equal(counts.limit, cases[i].limit);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_proc_tcp__reads_every_number),
        cmocka_unit_test(test_proc_tcp__missing_parts_are_unknown),
        cmocka_unit_test(test_proc_tcp__finds_conntrack_later),
        cmocka_unit_test(test_proc_tcp__mib_follows_the_header),
        cmocka_unit_test(test_proc_tcp__torn_files_give_whole_numbers),
        cmocka_unit_test(test_proc_tcp__hostile_files_give_nothing_wrong),
        cmocka_unit_test(test_proc_file__reads_open_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
