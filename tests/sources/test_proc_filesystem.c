/* File systems, with one that does not answer. */
#include "../check.h"

#include <pthread.h>
#include <stdatomic.h>

#include "../../src/sources/proc_filesystem.h"
#include "../../src/sources/sources.h"
#include "poll.h"

/* What the false statvfs does; only these cross threads. */
static _Atomic int64_t now_ns;
static atomic_int calls, hanging_calls, clock_reads;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static struct instant
fake_now(void *context)
{
    (void)context;
    atomic_fetch_add(&clock_reads, 1);
    int64_t at = atomic_load(&now_ns);
    return (struct instant){at, at, at};
}

static const struct clock fake_clock = {.now = fake_now};

/* Each path has its own numbers; /mnt/under hangs while the gate is shut. */
static int
fake_statvfs(const char *path, struct statvfs *ret_values)
{
    if (strcmp(path, "/mnt/under") == 0) {
        atomic_fetch_add(&hanging_calls, 1);
        pthread_mutex_lock(&gate);
        pthread_mutex_unlock(&gate);
    } else {
        atomic_fetch_add(&calls, 1);
    }
    if (strcmp(path, "/boot/efi") == 0) {
        errno = EACCES;
        return -1;
    }
    *ret_values = (struct statvfs){.f_frsize = 4096,
                                   .f_bsize = 1 << 20,
                                   .f_blocks = 1000,
                                   .f_bfree = 300,
                                   .f_bavail = 250,
                                   .f_files = 500,
                                   .f_ffree = 100};
    if (strcmp(path, "/dev") == 0) {
        ret_values->f_blocks = 0;
    } else if (strcmp(path, "/home") == 0) {
        ret_values->f_files = ret_values->f_ffree = 0;
    } else if (strcmp(path, "/run") == 0) {
        ret_values->f_bavail = (fsblkcnt_t)-5;
    }
    return 0;
}

static void
open_tree(struct poll *poll, const char *root, probe_function function, const struct clock *clock)
{
    assert_int_equal(poll_open_at(poll, &source_proc_filesystem, root), 0);
    poll->source->close(poll->state);
    poll->setup.clock = clock;
    assert_int_equal(
        filesystem_open_with(&poll->setup, function, &poll->state, poll->why, sizeof(poll->why)),
        0);
}

static void
open_fixture(struct poll *poll, const char *tree, probe_function function,
             const struct clock *clock)
{
    char root[PATH_MAX];
    snprintf(root, sizeof(root), "%s/%s", fixtures(), tree);
    open_tree(poll, root, function, clock);
}

/* Time passes for the source and its threads alike. */
static void
step(struct poll *poll, int64_t by_ns)
{
    atomic_fetch_add(&now_ns, by_ns);
    poll->at.mono_ns = atomic_load(&now_ns) - NS_PER_S;
    poll_run(poll);
}

/* Polls, without time passing, until a series has a reading; the threads need real time to answer.
 */
static void
run_until_known(struct poll *poll, const char *metric, const char *labels)
{
    for (int i = 0; i < 10000 && isnan(poll_value(poll, metric, labels)); i++) {
        usleep(500);
        step(poll, 0);
    }
}

static void
wait_for(atomic_int *counter, int least)
{
    for (int i = 0; i < 10000 && atomic_load(counter) < least; i++) {
        usleep(500);
    }
    assert_true(atomic_load(counter) >= least);
}

static void
test_proc_filesystem__reads_sizes_as_df_does(void **state)
{
    (void)state;
    struct poll poll;
    atomic_store(&now_ns, NS_PER_S);
    open_fixture(&poll, "kernel6", fake_statvfs, &fake_clock);
    step(&poll, NS_PER_S);
    run_until_known(&poll, "system.filesystem.usage", "mountpoint=/mnt/nosource,state=used");
    static const struct {
        const char *metric, *labels;
        double want;
    } rows[] = {
        {"system.filesystem.usage", "mountpoint=/,state=used", 700 * 4096.0},
        {"system.filesystem.usage", "mountpoint=/,state=free", 250 * 4096.0},
        {"system.filesystem.usage", "mountpoint=/,state=reserved", 50 * 4096.0},
        {"system.filesystem.inodes.usage", "mountpoint=/,state=used", 400},
        {"system.filesystem.inodes.usage", "mountpoint=/,state=free", 100},
        {"system.filesystem.read_only", "mountpoint=/", 0},
        {"system.filesystem.response.time", "mountpoint=/", 0},
        {"system.filesystem.info", "mountpoint=/,device=/dev/vda1,type=ext4", 1},
        {"system.filesystem.usage", "mountpoint=/mnt/usb disk \\\\x,state=free", 250 * 4096.0},
        {"system.filesystem.usage", "mountpoint=/run,state=free", 0},
        {"system.filesystem.usage", "mountpoint=/home,state=used", 700 * 4096.0},
        {"system.filesystem.skipped", "", 2},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_value(&poll, rows[i].metric, rows[i].labels, rows[i].want);
    }
    assert_unknown(&poll, "system.filesystem.inodes.usage", "mountpoint=/home,state=used");
    assert_unknown(&poll, "system.filesystem.usage", "mountpoint=/dev,state=used"); /* no blocks */
    assert_unknown(&poll, "system.filesystem.usage",
                   "mountpoint=/boot/efi,state=used"); /* denied */
    assert_unknown(&poll, "system.filesystem.usage",
                   "mountpoint=/mnt/nfs,state=used"); /* never asked */
    assert_int_equal(poll.batch.state, SOURCE_OK);
    poll_close(&poll);
}

/* One mount hangs: the others are read on, it is asked once, it is said, and it comes back. */
static void
test_proc_filesystem__a_dead_mount_holds_up_nobody(void **state)
{
    (void)state;
    static const char dead[] = "mountpoint=/mnt/under,state=used",
                      alive[] = "mountpoint=/mnt/nosource,state=used";
    struct poll poll;
    atomic_store(&now_ns, NS_PER_S);
    atomic_store(&hanging_calls, 0);
    atomic_store(&calls, 0);
    pthread_mutex_lock(&gate);
    open_fixture(&poll, "kernel6", fake_statvfs, &fake_clock);
    step(&poll, NS_PER_S);
    wait_for(&hanging_calls, 1);
    assert_unknown(&poll, "system.filesystem.usage", alive); /* it waits behind the dead one */
    step(&poll, NS_PER_S);
    run_until_known(&poll, "system.filesystem.usage", alive);
    assert_value(&poll, "system.filesystem.usage", alive, 700 * 4096.0);
    assert_int_equal(poll.batch.state, SOURCE_OK);
    for (int i = 0; i < 10; i++) {
        step(&poll, 2 * NS_PER_S);
        wait_for(&calls, 9 * (i + 2)); /* all others answer each time */
    }
    assert_int_equal(poll.batch.state, SOURCE_DEGRADED);
    assert_string_equal(poll.batch.why, "/mnt/under has not answered for 21 s");
    assert_value(&poll, "system.filesystem.response.time", "mountpoint=/mnt/under", 21);
    assert_unknown(&poll, "system.filesystem.usage", dead);
    assert_int_equal(atomic_load(&hanging_calls), 1);
    run_until_known(&poll, "system.filesystem.usage", alive);
    assert_value(&poll, "system.filesystem.usage", alive, 700 * 4096.0);
    pthread_mutex_unlock(&gate);
    run_until_known(&poll, "system.filesystem.usage", dead);
    assert_value(&poll, "system.filesystem.usage", dead, 700 * 4096.0);
    poll_close(&poll);
}

/* Closing does not wait, and what the thread still holds is freed when its call returns. */
static void
test_proc_filesystem__closes_while_a_call_hangs(void **state)
{
    (void)state;
    struct poll poll;
    atomic_store(&hanging_calls, 0);
    pthread_mutex_lock(&gate);
    struct clock *clock = malloc(sizeof(*clock)); /* the owner's: it goes before the call returns */
    assert_non_null(clock);
    *clock = fake_clock;
    open_fixture(&poll, "kernel6", fake_statvfs, clock);
    step(&poll, NS_PER_S);
    wait_for(&hanging_calls, 1);
    poll_close(&poll);
    int before = atomic_load(&clock_reads);
    *clock = (struct clock){.now = NULL};
    free(clock);
    pthread_mutex_unlock(&gate);
    wait_for(&clock_reads, before + 1);
}

static void
test_proc_filesystem__follows_the_table(void **state)
{
    (void)state;
    static const char first[] =
        "1 0 8:1 / / rw - ext4 /dev/a rw\n2 1 8:2 / /x ro - ext4 /dev/b rw\n";
    static const char second[] =
        "1 0 8:1 / / ro - ext4 /dev/a rw\n3 1 8:3 / /y rw - ext4 /dev/c rw\n";
    char root[PATH_MAX];
    struct poll poll;
    tree_make(root);
    tree_write(root, "proc/self/mountinfo", first, strlen(first));
    open_tree(&poll, root, fake_statvfs, &fake_clock);
    step(&poll, NS_PER_S);
    run_until_known(&poll, "system.filesystem.read_only", "mountpoint=/x");
    assert_value(&poll, "system.filesystem.read_only", "mountpoint=/x", 1);
    assert_value(&poll, "system.filesystem.read_only", "mountpoint=/", 0);
    tree_write(root, "proc/self/mountinfo", second, strlen(second));
    step(&poll, 31 * NS_PER_S);
    run_until_known(&poll, "system.filesystem.read_only", "mountpoint=/y");
    assert_value(&poll, "system.filesystem.read_only", "mountpoint=/", 1);
    assert_unknown(&poll, "system.filesystem.read_only", "mountpoint=/x");
    poll_close(&poll);
    tree_remove(root, "proc/self/mountinfo");
}

static void
test_proc_filesystem__asks_the_network_when_told_to(void **state)
{
    (void)state;
    struct poll poll;
    atomic_store(&now_ns, NS_PER_S);
    open_fixture(&poll, "kernel6", fake_statvfs, &fake_clock);
    poll.source->close(poll.state);
    poll.setup.network_filesystems = true;
    assert_int_equal(
        filesystem_open_with(&poll.setup, fake_statvfs, &poll.state, poll.why, sizeof(poll.why)),
        0);
    step(&poll, NS_PER_S);
    run_until_known(&poll, "system.filesystem.usage", "mountpoint=/mnt/nfs,state=used");
    assert_value(&poll, "system.filesystem.usage", "mountpoint=/mnt/nfs,state=used", 700 * 4096.0);
    assert_value(&poll, "system.filesystem.info",
                 "mountpoint=/mnt/nfs,device=server:/export,type=nfs4", 1);
    assert_value(&poll, "system.filesystem.skipped", "", 0);
    poll_close(&poll);
}

static void
test_proc_filesystem__tree_of_files_has_no_sizes(void **state)
{
    (void)state;
    struct poll poll;
    poll_open(&poll, &source_proc_filesystem, "kernel6");
    poll_run(&poll);
    assert_value(&poll, "system.filesystem.skipped", "", 2);
    assert_true(poll_sum(&poll, "system.filesystem.usage") == 0);
    assert_int_equal(poll.batch.state, SOURCE_OK);
    poll_close(&poll);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_proc_filesystem__reads_sizes_as_df_does),
        cmocka_unit_test(test_proc_filesystem__a_dead_mount_holds_up_nobody),
        cmocka_unit_test(test_proc_filesystem__closes_while_a_call_hangs),
        cmocka_unit_test(test_proc_filesystem__follows_the_table),
        cmocka_unit_test(test_proc_filesystem__asks_the_network_when_told_to),
        cmocka_unit_test(test_proc_filesystem__tree_of_files_has_no_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
