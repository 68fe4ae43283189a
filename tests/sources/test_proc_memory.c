/* Memory, swap, paging and reclaim. */
#include "../check.h"

#include "../../src/sources/proc_parse.h"
#include "../../src/sources/sources.h"
#include "poll.h"

#define KIB 1024.0

static void
test_proc_memory__reads_meminfo(void **state)
{
    (void)state;
    for (int second = 0; second < 2; second++) {
        struct poll poll;
        poll_open(&poll, &source_proc_memory, second == 0 ? "kernel6" : "kernel6+1");
        poll_run(&poll);
        assert_int_equal(poll.batch.state, SOURCE_OK);
        assert_value(&poll, "system.memory.limit", "", 16777216 * KIB);
        assert_value(&poll, "system.memory.available", "", (8388608 - 1024 * second) * KIB);
        assert_value(&poll, "system.memory.slab", "state=reclaimable", 60000 * KIB);
        assert_value(&poll, "system.memory.slab", "state=unreclaimable", 30000 * KIB);
        assert_value(&poll, "system.memory.dirty", "", (640 + 64 * second) * KIB);
        assert_value(&poll, "system.memory.lru", "list=inactive_anon", 4096 * KIB);
        assert_value(&poll, "system.swap.limit", "", 2097152 * KIB);
        assert_value(&poll, "system.swap.free", "", 1572864 * KIB);
        assert_value(&poll, "system.swap.zswap.stored", "", 3000 * KIB);
        assert_value(&poll, "system.swap.zswap.memory", "", 1000 * KIB);
        assert_value(&poll, "system.memory.hugepages.size", "", 2048 * KIB);
        poll_close(&poll);
    }
}

static void
test_proc_memory__reads_vmstat(void **state)
{
    (void)state;
    double page = (double)sysconf(_SC_PAGESIZE);
    for (int second = 0; second < 2; second++) {
        struct poll poll;
        poll_open(&poll, &source_proc_memory, second == 0 ? "laptop" : "laptop+1");
        poll_run(&poll);
        assert_value(&poll, "system.paging.io", "direction=in", (8000000 + 2048 * second) * KIB);
        assert_value(&poll, "system.swap.io", "direction=out", (2000 + 10 * second) * page);
        assert_value(&poll, "system.paging.faults", "type=major", 20000 + 12 * second);
        assert_value(&poll, "system.paging.faults", "type=minor", 49980000 + 5988 * second);
        assert_value(&poll, "system.memory.reclaim.scanned", "by=direct", 9000 + 8 * second);
        assert_value(&poll, "system.memory.reclaim.reclaimed", "by=kswapd", 40000 + 30 * second);
        assert_value(&poll, "system.memory.reclaim.stalls", "", 60 + 6 * second);
        assert_value(&poll, "system.memory.compaction.stalls", "", 44 + second);
        assert_value(&poll, "system.memory.refaults", "type=file", 4000 + 11 * second);
        assert_value(&poll, "system.memory.oom_kills", "", 2 + second);
        assert_value(&poll, "system.memory.numa.allocations", "type=miss", 70 + 3 * second);
        assert_value(&poll, "system.swap.zram.stored", "device=zram0", 300000256 + 4096 * second);
        assert_value(&poll, "system.swap.zram.memory", "device=zram0", 110000128 + 1024 * second);
        poll_close(&poll);
    }
}

static void
test_proc_memory__old_kernels_have_fewer_series(void **state)
{
    (void)state;
    struct poll poll;
    poll_open(&poll, &source_proc_memory, "kernel418");
    poll_run(&poll);
    assert_int_equal(poll.batch.state, SOURCE_OK);
    assert_unknown(&poll, "system.swap.zswap.stored", "");
    assert_unknown(&poll, "system.memory.refaults", "type=file");
    assert_value(&poll, "system.memory.refaults", "type=any", 4300);
    assert_value(&poll, "system.memory.oom_kills", "", 2);
    for (size_t i = 0; i < poll.batch.column_count; i++) {
        assert_false(isnan(poll.batch.values[i]));
    }
    poll_close(&poll);
}

static void
test_proc_memory__nodes_hugepages_arc_and_no_swap(void **state)
{
    (void)state;
    struct poll poll;
    poll_open(&poll, &source_proc_memory, "server128");
    poll_run(&poll);
    assert_value(&poll, "system.swap.limit", "", 0);
    assert_value(&poll, "system.memory.hugepages.total", "", 1024);
    assert_value(&poll, "system.memory.hugepages.free", "", 256);
    assert_value(&poll, "system.memory.hugepages.reserved", "", 128);
    assert_value(&poll, "system.zfs.arc.size", "", 6442450944.0);
    assert_value(&poll, "system.zfs.arc.minimum", "", 1073741824);
    assert_value(&poll, "system.zfs.arc.hits", "", 900000);
    assert_value(&poll, "system.zfs.arc.misses", "", 100000);
    poll_close(&poll);
    poll_open(&poll, &source_proc_memory, "numa64");
    poll_run(&poll);
    assert_value(&poll, "system.memory.node.limit", "node=7", 33554432 * KIB);
    assert_value(&poll, "system.memory.node.free", "node=7", (8388608 - 7168) * KIB);
    assert_unknown(&poll, "system.zfs.arc.size", "");
    poll_close(&poll);
}

static void
test_proc_memory__hostile_lines_are_unknown(void **state)
{
    (void)state;
    struct poll poll;
    poll_open(&poll, &source_proc_memory, "hostile");
    poll_run(&poll);
    assert_unknown(&poll, "system.memory.free", "");
    assert_unknown(&poll, "system.swap.limit", "");
    assert_unknown(&poll, "system.paging.faults", "type=major");
    assert_unknown(&poll, "system.swap.io", "direction=in");
    assert_unknown(&poll, "system.memory.oom_kills", "");
    assert_value(&poll, "system.memory.available", "", 8388608 * KIB);
    poll_close(&poll);
}

static void
test_proc_memory__changed_layout_makes_a_new_plan(void **state)
{
    (void)state;
    static const char *const keys[] = {"b", "a", "z"};
    static const struct {
        const char *text;
        double b, a, z;
    } rows[] = {
        {"a: 1 kB\nb: 2 kB\n", 2048, 1024, NAN},
        {"a: 3 kB\nb: 4 kB\n", 4096, 3072, NAN},
        {"x: 9 kB\na: 1 kB\nb: 2 kB\n", 2048, 1024, NAN},
        {"x: 9 kB\na: 1 kB\nb: 2 kB\nz 7\n", 2048, 1024, 7},
        {"z 7\nb: 2\n", 2, NAN, 7},
        {"b: 2\nb: 3\n", 2, NAN, NAN},
        {"b: 2\nz 8", 2, NAN, NAN},
        {"", NAN, NAN, NAN},
        {"a: 12 MB\nb: -1 kB\nz: 1x\n", NAN, NAN, NAN},
    };
    struct keyed_plan plan = {.lines = 0};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        double got[3], want[3] = {rows[i].b, rows[i].a, rows[i].z};
        parse_keyed(str_from(rows[i].text), (struct keyed_shape){0, 0}, keys, 3, &plan, got);
        for (size_t j = 0; j < 3; j++) {
            assert_true(isnan(want[j]) ? isnan(got[j]) : got[j] == want[j]);
        }
    }
}

static void
test_proc_memory__every_prefix_is_right_or_unknown(void **state)
{
    (void)state;
    static const char *const keys[] = {"MemTotal", "Active(file)", "Shmem", "DirectMap2M"};
    static const double want[] = {16777216 * KIB, 2097152 * KIB, 10240 * KIB, 16477216 * KIB};
    char *data;
    size_t n = fixture_load("kernel6", "proc/meminfo", &data);
    struct keyed_plan plan = {.lines = 0};
    for (size_t cut = 0; cut <= n; cut++) {
        double got[4];
        char *copy = malloc(cut > 0 ? cut : 1);
        memcpy(copy, data, cut);
        parse_keyed((struct str){copy, cut}, (struct keyed_shape){0, 0}, keys, 4, &plan, got);
        for (size_t i = 0; i < 4; i++) {
            assert_true(got[i] == want[i] || (isnan(got[i]) && cut < n));
        }
        free(copy);
    }
    free(data);
}

static void
test_proc_memory__zram_line(void **state)
{
    (void)state;
    double a = 0, b = 0, c = 0;
    assert_true(parse_zram(STR("300 100 110        0 120 1200 40 12 0\n"), &a, &b, &c));
    assert_true(a == 300 && b == 100 && c == 110);
    assert_false(parse_zram(STR("300 100 110"), &a, &b, &c));
    assert_false(parse_zram(STR("300 x 110\n"), &a, &b, &c));
    assert_false(parse_zram(STR(""), &a, &b, &c));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_proc_memory__reads_meminfo),
        cmocka_unit_test(test_proc_memory__reads_vmstat),
        cmocka_unit_test(test_proc_memory__old_kernels_have_fewer_series),
        cmocka_unit_test(test_proc_memory__nodes_hugepages_arc_and_no_swap),
        cmocka_unit_test(test_proc_memory__hostile_lines_are_unknown),
        cmocka_unit_test(test_proc_memory__changed_layout_makes_a_new_plan),
        cmocka_unit_test(test_proc_memory__every_prefix_is_right_or_unknown),
        cmocka_unit_test(test_proc_memory__zram_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
