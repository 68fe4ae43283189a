/* Disks. */
#include "../check.h"

#include "../../src/sources/proc_disk.h"
#include "../../src/sources/sources.h"
#include "../../src/sources/wide.h"
#include "poll.h"

static void
test_proc_disk__reads_every_field(void **state)
{
    (void)state;
    static const struct {
        const char *metric, *labels;
        double first, step;
    } rows[] = {
        {"system.disk.io", "device=vda,direction=read", 80000 * 512.0, 20480 * 512.0},
        {"system.disk.io", "device=vda,direction=write", 160000 * 512.0, 10240 * 512.0},
        {"system.disk.operations", "device=vda,direction=read", 1000, 100},
        {"system.disk.operations", "device=vda,direction=write", 2000, 50},
        {"system.disk.merged", "device=vda,direction=read", 10, 1},
        {"system.disk.merged", "device=vda,direction=write", 20, 2},
        {"system.disk.operation_time", "device=vda,direction=read", 5, 0.2},
        {"system.disk.operation_time", "device=vda,direction=write", 8, 0.4},
        {"system.disk.io_time", "device=vda", 6, 0.5},
        {"system.disk.weighted_io_time", "device=vda", 13, 0.6},
        {"system.disk.pending_operations", "device=vda", 0, 3},
        {"system.disk.discard.io", "device=vda", 4000 * 512.0, 800 * 512.0},
        {"system.disk.discard.operations", "device=vda", 50, 4},
        {"system.disk.flush.operations", "device=vda", 30, 5},
        {"system.disk.flush.time", "device=vda", 0.06, 0.01},
        {"system.disk.limit", "device=vda", 7814037168 * 512.0, 0},
        {"system.disk.info", "device=vda,kernel=vda,kind=virtual,model=", 1, 0},
    };
    for (int second = 0; second < 2; second++) {
        struct poll poll;
        poll_open(&poll, &source_proc_disk, second == 0 ? "kernel6" : "kernel6+1");
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
test_proc_disk__old_kernels_have_fewer_fields(void **state)
{
    (void)state;
    struct poll poll;
    poll_open(&poll, &source_proc_disk, "kernel418");
    poll_run(&poll);
    assert_value(&poll, "system.disk.discard.operations", "device=sda", 50);
    assert_unknown(&poll, "system.disk.flush.operations", "device=sda");
    poll_close(&poll);
}

/* Whole disks count once, whatever is above, below or beside them. */
static void
test_proc_disk__sums_count_each_byte_once(void **state)
{
    (void)state;
    static const struct {
        const char *tree;
        int disks, layered;
    } rows[] = {
        {"laptop", 1, 2},    /* nvme0n1; luks-home and vg0-root on it; partitions, zram, loops */
        {"server128", 4, 2}, /* sda, sdb, one path of nvme0n1 that counts itself, cciss; md127,
                                bcache0 */
        {"numa64", 2, 0},    /* nvme1n1, its path folded; vda */
        {"kernel418", 1, 1}, /* sda; cl-root; an optical drive never used */
        {"raspberry", 1, 0}, {"kernel6", 1, 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct poll poll;
        poll_open(&poll, &source_proc_disk, rows[i].tree);
        poll_run(&poll);
        assert_true(poll_sum(&poll, "system.disk.operations") == 3000.0 * rows[i].disks);
        assert_true(poll_sum(&poll, "system.disk.logical.operations") == 3000.0 * rows[i].layered);
        poll_close(&poll);
    }
}

static void
test_proc_disk__has_the_names_people_know(void **state)
{
    (void)state;
    static const struct {
        const char *tree, *metric, *labels;
    } rows[] = {
        {"laptop", "system.disk.info",
         "device=nvme0n1,kernel=nvme0n1,kind=nvme,model=Samsung SSD 980 PRO 1TB"},
        {"laptop", "system.disk.logical.info", "device=luks-home,kernel=dm-0,kind=crypt,model="},
        {"laptop", "system.disk.logical.info", "device=vg0-root,kernel=dm-1,kind=lvm,model="},
        {"server128", "system.disk.info", "device=sda,kernel=sda,kind=hdd,model=ST4000NM0035"},
        {"server128", "system.disk.info", "device=cciss/c0d0,kernel=cciss/c0d0,kind=hdd,model="},
        {"server128", "system.disk.logical.info", "device=md127,kernel=md127,kind=raid1,model="},
        {"server128", "system.disk.logical.info",
         "device=bcache0,kernel=bcache0,kind=cache,model="},
        {"raspberry", "system.disk.info", "device=mmcblk0,kernel=mmcblk0,kind=mmc,model=SD32G"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct poll poll;
        poll_open(&poll, &source_proc_disk, rows[i].tree);
        poll_run(&poll);
        assert_value(&poll, rows[i].metric, rows[i].labels, 1);
        poll_close(&poll);
    }
}

/* The kernel prints milliseconds in 32 bits; stored in seconds they must go on. */
static void
test_proc_disk__times_go_on_where_the_kernels_wrap(void **state)
{
    (void)state;
    char root[PATH_MAX];
    struct poll poll;
    tree_make(root);
    tree_copy(root, "raspberry", "proc/diskstats");
    assert_int_equal(poll_open_at(&poll, &source_proc_disk, root), 0);
    poll_run(&poll);
    assert_value(&poll, "system.disk.weighted_io_time", "device=mmcblk0", 4294967.096);
    tree_copy(root, "raspberry+1", "proc/diskstats");
    poll_run(&poll);
    assert_value(&poll, "system.disk.weighted_io_time", "device=mmcblk0", 4294967.696);
    assert_value(&poll, "system.disk.operations", "device=mmcblk0,direction=read", 1100);
    poll_close(&poll);
    tree_remove(root, "proc/diskstats");
}

static void
test_proc_disk__widening_tells_wraps_from_resets(void **state)
{
    (void)state;
    static const struct {
        uint64_t reading, want;
    } rows[] = {
        {5, 5},
        {4294967290, 4294967290},
        {10, 4294967306},
        {20, 4294967316},
        {3, 3}, /* a reset: too low to have wrapped */
        {4294967295, 4294967295},
        {0, 4294967296},
        {5000000000, 5000000000},
        {7, 7},
    };
    struct wide wide = {0, 0};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_int_equal(wide_take(&wide, rows[i].reading), rows[i].want);
    }
}

/* Without sysfs (some containers) the names must do. */
static void
test_proc_disk__knows_partitions_without_sysfs(void **state)
{
    (void)state;
    char root[PATH_MAX];
    struct poll poll;
    static const char *const names[] = {"sda",       "sda1",    "sda15",     "nvme0n1",
                                        "nvme0n1p1", "mmcblk0", "mmcblk0p2", "loop3",
                                        "ram0",      "sdab",    "sdab1",     "dm-3"};
    char text[2048];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        n += (size_t)snprintf(text + n, sizeof(text) - n, "8 %zu %s 1 2 3 4 5 6 7 8 9 10 11\n", i,
                              names[i]);
    }
    tree_make(root);
    tree_write(root, "proc/diskstats", text, n);
    assert_int_equal(poll_open_at(&poll, &source_proc_disk, root), 0);
    poll_run(&poll);
    static const char *const disks[] = {"sda", "nvme0n1", "mmcblk0", "sdab"};
    for (size_t i = 0; i < ARRAY_SIZE(disks); i++) {
        char labels[64];
        snprintf(labels, sizeof(labels), "device=%s", disks[i]);
        assert_value(&poll, "system.disk.io_time", labels, 0.01);
    }
    assert_true(poll_sum(&poll, "system.disk.operations") == 6.0 * ARRAY_SIZE(disks));
    assert_value(&poll, "system.disk.logical.io_time", "device=dm-3", 0.01);
    poll_close(&poll);
    tree_remove(root, "proc/diskstats");
}

/* A disk that is pulled is a gap, one that comes is found, the others keep their series. */
static void
test_proc_disk__disks_come_and_go(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "8 0 sda 1 0 0 0 0 0 0 0 0 0 0\n8 16 sdb 2 0 0 0 0 0 0 0 0 0 0\n",
        "8 16 sdb 3 0 0 0 0 0 0 0 0 0 0\n",
        "8 32 sdc 9 0 0 0 0 0 0 0 0 0 0\n8 16 sdb 4 0 0 0 0 0 0 0 0 0 0\n",
    };
    static const double sda[] = {1, NAN, NAN}, sdb[] = {2, 3, 4}, sdc[] = {NAN, NAN, 9};
    char root[PATH_MAX];
    struct poll poll;
    tree_make(root);
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        tree_write(root, "proc/diskstats", texts[i], strlen(texts[i]));
        if (i == 0) {
            assert_int_equal(poll_open_at(&poll, &source_proc_disk, root), 0);
        }
        poll_run(&poll);
        const double want[] = {sda[i], sdb[i], sdc[i]};
        for (size_t d = 0; d < 3; d++) {
            char labels[64];
            snprintf(labels, sizeof(labels), "device=sd%c,direction=read", (char)('a' + (int)d));
            double got = poll_value(&poll, "system.disk.operations", labels);
            assert_true(isnan(want[d]) ? isnan(got) : got == want[d]);
        }
    }
    poll_close(&poll);
    tree_remove(root, "proc/diskstats");
}

/* Every cut of the file: what is there is exact, nothing is half a number. */
static void
test_proc_disk__torn_files_tell_whole_lines_only(void **state)
{
    (void)state;
    char *data, root[PATH_MAX];
    size_t n = fixture_load("numa64", "proc/diskstats", &data);
    struct poll poll;
    tree_make(root);
    tree_write(root, "proc/diskstats", "", 0);
    assert_int_equal(poll_open_at(&poll, &source_proc_disk, root), 0);
    for (size_t cut = 0; cut <= n; cut++) {
        tree_write(root, "proc/diskstats", data, cut);
        poll_run(&poll);
        size_t lines = 0;
        for (size_t i = 0; i < cut; i++) {
            lines += data[i] == '\n';
        }
        /* Without sysfs: nvme1n1, vda; vda1 is a partition, nvme1c0n1 looks like a disk. */
        assert_true(poll_sum(&poll, "system.disk.operations") ==
                    3000.0 * (double)(lines < 3 ? lines : 3));
        assert_int_equal(poll.batch.rejected, 0);
    }
    poll_close(&poll);
    tree_remove(root, "proc/diskstats");
    free(data);
}

static void
test_proc_disk__hostile_lines_are_counted(void **state)
{
    (void)state;
    struct poll poll;
    poll_open(&poll, &source_proc_disk, "hostile");
    poll_run(&poll);
    assert_int_equal(poll.batch.rejected,
                     5); /* empty, short, 3 fields, a letter in a number, no numbers */
    assert_int_equal(poll.batch.dropped, 1); /* the name of 300 bytes */
    assert_true(poll_sum(&poll, "system.disk.operations") == 0);
    poll_close(&poll);
}

static void
test_proc_disk__lost_file_is_a_state(void **state)
{
    (void)state;
    char root[PATH_MAX];
    struct poll poll;
    tree_make(root);
    assert_int_equal(poll_open_at(&poll, &source_proc_disk, root), -ENOENT);
    assert_non_null(strstr(poll.why, "diskstats"));
    poll_close(&poll);
    rmdir(root);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_proc_disk__reads_every_field),
        cmocka_unit_test(test_proc_disk__old_kernels_have_fewer_fields),
        cmocka_unit_test(test_proc_disk__sums_count_each_byte_once),
        cmocka_unit_test(test_proc_disk__has_the_names_people_know),
        cmocka_unit_test(test_proc_disk__times_go_on_where_the_kernels_wrap),
        cmocka_unit_test(test_proc_disk__widening_tells_wraps_from_resets),
        cmocka_unit_test(test_proc_disk__knows_partitions_without_sysfs),
        cmocka_unit_test(test_proc_disk__disks_come_and_go),
        cmocka_unit_test(test_proc_disk__torn_files_tell_whole_lines_only),
        cmocka_unit_test(test_proc_disk__hostile_lines_are_counted),
        cmocka_unit_test(test_proc_disk__lost_file_is_a_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
