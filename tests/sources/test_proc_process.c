/* The process table, on fixture trees whose second reading is one second later. */
#include "../check.h"

#include <grp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "../../src/sources/proc_process.h"
#include "../../src/sources/sources.h"
#include "live.h"

static const union cell *
row_of(const struct live *live, int64_t pid)
{
    return live_row(live, PROCESS_PID, pid, NULL);
}

static void
open_processes(struct live *live, const char *name)
{
    live_init(live, name);
    assert_int_equal(live_open(live, &source_proc_process), 0);
}

/* The second reading: 1400 is gone, the rest is written over. */
static void
next(struct live *live, const char *name)
{
    live_remove(live, "proc/1400");
    live_apply(live, name);
    live_run(live, 1000);
}

static void
test_proc_process__levels_are_known_at_once_and_rates_are_not(void **state)
{
    (void)state;
    struct live live;
    open_processes(&live, "kernel6");
    live_run(&live, 0);
    const union cell *row = row_of(&live, 812);
    assert_non_null(row);
    assert_int_equal(row[PROCESS_PARENT_PID].integer, 1);
    assert_string_equal(row[PROCESS_NAME].text, "beam.smp");
    assert_string_equal(row[PROCESS_COMMAND].text, "/usr/lib/erlang/erts/bin/beam.smp -sname shop");
    assert_string_equal(row[PROCESS_STATE].text, "S");
    assert_real(row[PROCESS_MEMORY].real, 524288.0 * (double)sysconf(_SC_PAGESIZE));
    assert_real(row[PROCESS_MEMORY_VIRTUAL].real, 104857600);
    assert_int_equal(row[PROCESS_THREADS].integer, 3);
    assert_real(row[PROCESS_AGE].real, 10000);
    assert_real(row[PROCESS_CPU_TIME].real, 15);
    assert_nan(row[PROCESS_CPU].real);
    assert_nan(row[PROCESS_CHILDREN_CPU].real);
    assert_nan(row[PROCESS_FAULTS_MAJOR].real);
    assert_nan(row[PROCESS_DISK_READ].real);
    assert_string_equal(row_of(&live, 3)[PROCESS_COMMAND].text, "[kworker/0:1H-kblockd]");
    assert_int_equal(row_of(&live, 3)[PROCESS_NICE].integer, -20);
    assert_string_equal(row_of(&live, 1204)[PROCESS_COMMAND].text, "postgres: writer process");
    assert_string_equal(row_of(&live, 1600)[PROCESS_STATE].text, "Z");
    assert_int_equal(live.poll.batch.state, SOURCE_OK);
    live_close(&live);
}

static void
test_proc_process__second_reading_gives_exact_rates(void **state)
{
    (void)state;
    struct live live;
    open_processes(&live, "kernel6");
    live_run(&live, 0);
    next(&live, "kernel6+1");
    const union cell *row = row_of(&live, 812);
    assert_real(row[PROCESS_CPU].real, 0.9);
    assert_real(row[PROCESS_FAULTS_MINOR].real, 120);
    assert_real(row[PROCESS_FAULTS_MAJOR].real, 3);
    assert_real(row_of(&live, 1204)[PROCESS_CPU].real, 0.1);
    /* Its child 1400 ended: of the 1.5 s, 0.3 s of its own and 1 s of its children were seen. */
    assert_real(row_of(&live, 1300)[PROCESS_CHILDREN_CPU].real, 0.2);
    assert_real(row_of(&live, 1)[PROCESS_CPU].real, 0);
    assert_value(&live.poll, "system.process.count", "state=sleeping", 5);
    assert_value(&live.poll, "system.process.count", "state=idle", 1);
    assert_value(&live.poll, "system.process.count", "state=uninterruptible", 1);
    assert_value(&live.poll, "system.process.count", "state=defunct", 1);
    assert_value(&live.poll, "system.process.count", "state=running", 0);
    live_close(&live);
}

static void
test_proc_process__rates_wait_for_a_quarter_of_a_second(void **state)
{
    (void)state;
    struct live live;
    open_processes(&live, "kernel6");
    live_run(&live, 0);
    live_apply(&live, "kernel6+1");
    live_run(&live, 100);
    assert_nan(row_of(&live, 812)[PROCESS_CPU].real);
    live_run(&live, 200);
    assert_real(row_of(&live, 812)[PROCESS_CPU].real, 3);
    live_close(&live);
}

static void
test_proc_process__exited_stays_for_one_tick(void **state)
{
    (void)state;
    struct live live;
    open_processes(&live, "kernel6");
    live_run(&live, 0);
    assert_string_equal(row_of(&live, 1400)[PROCESS_STATE].text, "S");
    next(&live, "kernel6+1");
    assert_string_equal(row_of(&live, 1400)[PROCESS_STATE].text, "X");
    assert_string_equal(row_of(&live, 1400)[PROCESS_COMMAND].text, "sleep 1");
    live_run(&live, 1000);
    assert_null(row_of(&live, 1400));
    live_close(&live);
}

static void
test_proc_process__vanishing_between_list_and_read_is_an_exit(void **state)
{
    (void)state;
    struct live live;
    open_processes(&live, "kernel6");
    live_run(&live, 0);
    live_remove(&live, "proc/1204/stat"); /* the folder is still listed */
    live_text(&live, "proc/1999/cmdline", "never seen alive");
    live_run(&live, 1000);
    /* On /proc the kept descriptor answers ESRCH; on a file system it still reads. */
    live_remove(&live, "proc/1204");
    live_run(&live, 1000);
    assert_string_equal(row_of(&live, 1204)[PROCESS_STATE].text, "X");
    assert_null(row_of(&live, 1999));
    live_close(&live);
}

static void
test_proc_process__reused_pid_is_another_process(void **state)
{
    (void)state;
    struct live live;
    open_processes(&live, "kernel6");
    live_run(&live, 0);
    assert_string_equal(row_of(&live, 1500)[PROCESS_NAME].text, "old");
    next(&live, "kernel6+1");
    const union cell *row = row_of(&live, 1500);
    assert_string_equal(row[PROCESS_NAME].text, "new");
    assert_nan(row[PROCESS_CPU].real); /* its counters are lower: neither negative nor a reset */
    assert_real(row[PROCESS_AGE].real, 5001);
    live_close(&live);
}

static void
test_proc_process__born_after_the_first_scan_has_a_rate_at_once(void **state)
{
    (void)state;
    struct live live;
    open_processes(&live, "kernel6");
    live_run(&live, 0);
    /* Started half a second after the first scan; 20 ticks of CPU in the half second it lives. */
    live_text(&live, "proc/4000/stat",
              "4000 (burst) R 1300 4000 4000 0 -1 4194304 1 0 0 0 15 5 0 0 20 0 1 0 36000050 4096 "
              "1 0 0\n");
    live_run(&live, 1000);
    assert_real(row_of(&live, 4000)[PROCESS_CPU].real, 0.4);
    live_close(&live);
}

/* A child's whole life is added to its parent when that waits for it, now or one reading later. */
static void
test_proc_process__what_was_seen_of_children_is_not_their_parents(void **state)
{
    (void)state;
    struct unseen unseen = {0};
    unseen_start(&unseen, 1000, false);
    assert_int_equal(unseen.sum, 0);
    unseen.ended += 80;
    unseen_step(&unseen, 1100);
    assert_int_equal(unseen.sum, 20);
    unseen.ended += 50;
    unseen_step(&unseen, 1100); /* not waited for yet */
    unseen_step(&unseen, 1160);
    assert_int_equal(unseen.sum, 30);
    unseen.ended += 500; /* never waited for: forgotten after two readings */
    unseen_step(&unseen, 1160);
    unseen_step(&unseen, 1160);
    unseen_step(&unseen, 1260);
    assert_int_equal(unseen.sum, 130);
    unseen_step(&unseen, 1250); /* the kernel scales: a step back is none */
    assert_int_equal(unseen.sum, 130);
    unseen_start(&unseen, 70, true);
    assert_int_equal(unseen.sum, 70);
}

static void
test_proc_process__unseen_children_are_counted_by_their_faults(void **state)
{
    (void)state;
    struct live live;
    open_processes(&live, "kernel6");
    for (int i = 0; i < 4; i++) {
        char stat[160], status[160];
        snprintf(stat, sizeof(stat),
                 "4000 (storm) S 1 4000 4000 0 -1 4194304 1 %d 0 0 15 5 0 0 20 0 1 0 30000000 "
                 "4096 1 0 0\n",
                 1000 + i * 34000);
        snprintf(status, sizeof(status),
                 "Name:\tstorm\nUid:\t0\t0\t0\t0\nvoluntary_ctxt_switches:\t%d\n"
                 "nonvoluntary_ctxt_switches:\t0\n",
                 i * 1500);
        live_text(&live, "proc/4000/stat", stat);
        live_text(&live, "proc/4000/status", status);
        live_run(&live, i == 0 ? 0 : 1000);
    }
    /* 34,000 faults would be 2,125 children, but it waited 1,500 times only. */
    assert_real(row_of(&live, 4000)[PROCESS_BIRTHS].real, 1500);
    assert_real(row_of(&live, 1)[PROCESS_BIRTHS].real, 0);
    live_close(&live);
}

static void
test_proc_process__who_waits_for_storage_is_known(void **state)
{
    (void)state;
    struct live live;
    open_processes(&live, "kernel6");
    for (int i = 0; i < 20; i++) {
        live_run(&live, i == 0 ? 0 : 1000);
    }
    assert_true(row_of(&live, 1204)[PROCESS_DISK_WAIT].real > 0.9);
    assert_real(row_of(&live, 812)[PROCESS_DISK_WAIT].real, 0);
    live_close(&live);
}

static void
test_proc_process__torn_stat_keeps_what_was_known(void **state)
{
    (void)state;
    struct live live;
    open_processes(&live, "kernel6");
    live_run(&live, 0);
    live_text(&live, "proc/1204/stat", "1204 (postgres) S 1 1204");
    live_run(&live, 1000);
    assert_string_equal(row_of(&live, 1204)[PROCESS_STATE].text, "D");
    assert_int_equal(live.poll.batch.rejected, 1);
    live_close(&live);
}

static void
test_proc_process__hostile_names_are_cleaned(void **state)
{
    (void)state;
    struct live live;
    open_processes(&live, "hostile");
    live_run(&live, 0);
    assert_string_equal(row_of(&live, 2000)[PROCESS_NAME].text, ") R 1 (");
    assert_int_equal(row_of(&live, 2000)[PROCESS_PARENT_PID].integer, 1);
    assert_string_equal(row_of(&live, 2000)[PROCESS_STATE].text, "S");
    assert_memory_equal(row_of(&live, 2000)[PROCESS_COMMAND].text,
                        "?]0;owned??[31mred --name ü漢🙂", 33);
    assert_string_equal(row_of(&live, 2001)[PROCESS_NAME].text, "?? ?(");
    for (const char *p = row_of(&live, 2001)[PROCESS_COMMAND].text; *p != 0; p++) {
        assert_true((unsigned char)*p >= 0x20 && *p != 0x7f);
    }
    assert_null(row_of(&live, 2005));
    assert_null(row_of(&live, 7));
    live_close(&live);
}

static void
test_proc_process__denied_is_unknown_not_zero(void **state)
{
    (void)state;
    struct live live;
    open_processes(&live, "hostile");
    live.interest.process_filter_costly = true;
    live.interest.process_columns = UINT64_MAX;
    live_run(&live, 0);
    next(&live, "hostile+1");
    const union cell *row = row_of(&live, 2002); /* every file but stat */
    assert_real(row[PROCESS_CPU].real, 0.1);
    assert_nan(row[PROCESS_DISK_READ].real);
    assert_nan(row[PROCESS_SWITCHES].real);
    assert_null(row[PROCESS_COMMAND].text);
    assert_null(row[PROCESS_CGROUP].text);
    assert_null(row[PROCESS_WAIT_CHANNEL].text);
    row = row_of(&live, 2004); /* stat itself: a row that says only who */
    assert_non_null(row);
    assert_non_null(row[PROCESS_OWNER].text);
    assert_null(row[PROCESS_NAME].text);
    assert_null(row[PROCESS_STATE].text);
    assert_nan(row[PROCESS_MEMORY].real);
    assert_true(row[PROCESS_THREADS].integer == CELL_UNKNOWN);
    assert_int_equal(live.poll.batch.state, SOURCE_DEGRADED);
    assert_non_null(strstr(live.poll.batch.why, "1 process of other users cannot"));
    live_close(&live);
}

static void
test_proc_process__hidden_processes_are_said(void **state)
{
    (void)state;
    struct live live;
    open_processes(&live, "kernel6");
    live_remove(&live, "proc/1");
    live_run(&live, 0);
    assert_int_equal(live.poll.batch.state, SOURCE_DEGRADED);
    assert_non_null(strstr(live.poll.batch.why, "only own processes"));
    assert_non_null(row_of(&live, 812));
    live_close(&live);
}

static void
test_proc_process__costly_columns_of_rows_on_screen(void **state)
{
    (void)state;
    struct live live;
    open_processes(&live, "cgroup2");
    live.interest.pids[0] = 812;
    live.interest.pid_count = 1;
    live.interest.process_columns = 1u << PROCESS_DISK_READ | 1u << PROCESS_SWITCHES |
                                    1u << PROCESS_CGROUP | 1u << PROCESS_WAIT_CHANNEL |
                                    1u << PROCESS_OOM_SCORE;
    live_run(&live, 0);
    next(&live, "cgroup2+1");
    const union cell *row = row_of(&live, 812);
    assert_real(row[PROCESS_DISK_READ].real, 2097152);
    assert_real(row[PROCESS_DISK_WRITE].real, 314572800);
    assert_real(row[PROCESS_SWITCHES].real, 52);
    assert_string_equal(row[PROCESS_CGROUP].text, "4f1c2d3e4f1c");
    assert_string_equal(row[PROCESS_WAIT_CHANNEL].text, "futex_wait_queue");
    assert_int_equal(row[PROCESS_OOM_SCORE].integer, 666);
    assert_nan(row_of(&live, 1300)[PROCESS_SWITCHES].real); /* nobody looks at it */
    assert_true(row_of(&live, 1300)[PROCESS_OOM_SCORE].integer == CELL_UNKNOWN);
    live_close(&live);
}

static void
test_proc_process__open_files_of_the_selected_one(void **state)
{
    (void)state;
    struct live live;
    open_processes(&live, "kernel6");
    static const char *const names[] = {"0", "1", "2", "17"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        char path[64];
        snprintf(path, sizeof(path), "proc/812/fd/%s", names[i]);
        live_text(&live, path, "");
        snprintf(path, sizeof(path), "proc/1300/fd/%s", names[i]);
        live_text(&live, path, "");
    }
    live_text(&live, "proc/812/limits",
              "Max open files            1024                 524288               files \n");
    live.interest.pids[0] = 812;
    live.interest.pids[1] = 1300;
    live.interest.pid_count = 2;
    live.interest.selected_pid = 812;
    live_run(&live, 0);
    assert_int_equal(row_of(&live, 812)[PROCESS_OPEN_FILES].integer, 4);
    assert_int_equal(row_of(&live, 812)[PROCESS_OPEN_FILES_LIMIT].integer, 1024);
    assert_true(row_of(&live, 1300)[PROCESS_OPEN_FILES].integer == CELL_UNKNOWN);
    live.interest.selected_pid = 1204; /* it has no such folder: denied */
    live.interest.pids[0] = 1204;
    live_run(&live, 1000);
    assert_true(row_of(&live, 1204)[PROCESS_OPEN_FILES].integer == CELL_UNKNOWN);
    live_close(&live);
}

static void
test_proc_process__sorting_column_is_read_for_all(void **state)
{
    (void)state;
    struct live live;
    open_processes(&live, "kernel6");
    live.interest.process_sort = PROCESS_SWITCHES;
    live_run(&live, 0);
    next(&live, "kernel6+1");
    assert_real(row_of(&live, 812)[PROCESS_SWITCHES].real, 52);
    assert_real(row_of(&live, 1300)[PROCESS_SWITCHES].real, 2);
    assert_true(row_of(&live, 812)[PROCESS_OOM_SCORE].integer == CELL_UNKNOWN);
    live_close(&live);
}

static void
test_proc_process__busiest_thread_is_named(void **state)
{
    (void)state;
    struct live live;
    open_processes(&live, "kernel6");
    live_run(&live, 0);
    next(&live, "kernel6+1"); /* 0.9 of a core: its threads are watched from now on */
    for (int second = 0; second < 2; second++) {
        char text[256];
        snprintf(text, sizeof(text),
                 "812 (beam.smp) S 1 8 8 0 -1 0 5 0 7 0 %d 500 3 1 20 0 3 0 35000000 9 9 0 0\n",
                 1180 + 90 * second);
        live_text(&live, "proc/812/stat", text);
        snprintf(text, sizeof(text),
                 "813 (1_scheduler) R 1 8 8 0 -1 0 5 0 7 0 %d 500 3 1 20 0 3 0 35000000 9 9 0 0\n",
                 1160 + 80 * second);
        live_text(&live, "proc/812/task/813/stat", text);
        live_run(&live, 1000);
    }
    const union cell *row = row_of(&live, 812);
    assert_string_equal(row[PROCESS_THREAD_NAME].text, "1_scheduler");
    assert_real(row[PROCESS_THREAD_CPU].real, 0.8);
    assert_null(row_of(&live, 1204)[PROCESS_THREAD_NAME].text);
    live_close(&live);
}

static void
write_sleeper(const struct live *live, int pid, int ticks)
{
    char path[64], text[200];
    snprintf(path, sizeof(path), "proc/%d/stat", pid);
    snprintf(text, sizeof(text),
             "%d (sleeper) S 1 1 1 0 -1 0 5 0 7 0 %d 0 0 0 20 0 1 0 100 9 9 0 0\n", pid, ticks);
    live_text(live, path, text);
}

static void
test_proc_process__cold_ones_are_read_every_fourth_tick(void **state)
{
    (void)state;
    struct live live;
    open_processes(&live, "kernel6");
    for (int pid = 10000; pid < 11100; pid++) {
        write_sleeper(&live, pid, 0);
    }
    for (int i = 0; i < 16; i++) {
        live_run(&live, 1000);
    }
    for (int pid = 10000; pid < 10004; pid++) {
        write_sleeper(&live, pid, 40);
    }
    int seen[4] = {0}, first = 0;
    for (int i = 0; i < 4; i++) {
        live_run(&live, 1000);
        for (int pid = 10000; pid < 10004; pid++) {
            const union cell *row = row_of(&live, pid);
            if (row[PROCESS_CPU].real > 0 && seen[pid - 10000] == 0) {
                seen[pid - 10000] = i + 1;
                first += i == 0;
                assert_real(row[PROCESS_CPU].real, 0.1); /* 40 ticks over its own four seconds */
            }
        }
    }
    assert_int_equal(first, 1); /* one of four in a tick, all in four */
    for (int i = 0; i < 4; i++) {
        assert_int_not_equal(seen[i], 0);
    }
    live_close(&live);
}

static void
test_proc_process__descriptors_are_given_back(void **state)
{
    (void)state;
    struct live live;
    int before = dup(0);
    close(before);
    open_processes(&live, "kernel6");
    for (int pid = 10000; pid < 11500; pid++) {
        write_sleeper(&live, pid, 0);
    }
    live_run(&live, 0);
    live_run(&live, 1000);
    live_close(&live);
    int after = dup(0);
    close(after);
    assert_int_equal(after, before);
}

static void
test_proc_process__arena_full_is_counted(void **state)
{
    (void)state;
    struct live live;
    open_processes(&live, "kernel6");
    arena_done(&live.poll.arena);
    arena_init(&live.poll.arena, 128);
    live_run(&live, 0);
    assert_true(live.poll.batch.dropped > 0);
    live_close(&live);
}

/* In a child as nobody, on the real /proc: what belongs to root is unknown where it is denied. */
static int
look_as_nobody(void)
{
    if (setgroups(0, NULL) < 0 || setresgid(65534, 65534, 65534) < 0 ||
        setresuid(65534, 65534, 65534) < 0) {
        return 2;
    }
    struct interest interest = {.process_sort = PROCESS_DISK_READ};
    struct roots roots = {"/proc", "/sys", "/sys/fs/cgroup"};
    struct source_setup setup = {
        .roots = &roots, .clock = &clock_system, .interest = &interest, .interval_ns = NS_PER_S};
    char why[160];
    void *state;
    if (source_proc_process.open(&setup, &state, why, sizeof(why)) != 0) {
        return 3;
    }
    struct catalog *catalog = catalog_new(100);
    struct batch batch;
    struct arena arena;
    batch_init(&batch, catalog);
    arena_init(&arena, (size_t)64 << 20);
    batch_begin(&batch, clock_now(&clock_system), &arena);
    while (source_proc_process.poll(state, &batch) == SOURCE_MORE) {
    }
    int result = 4;
    for (size_t i = 0; batch.table_count > 0 && i < batch.tables[0]->count; i++) {
        const union cell *row = table_row(batch.tables[0], i);
        if (row[PROCESS_PID].integer == getppid()) {
            bool said = row[PROCESS_NAME].text != NULL && row[PROCESS_MEMORY].real > 0 &&
                        row[PROCESS_OWNER].text != NULL &&
                        strcmp(row[PROCESS_OWNER].text, "root") == 0;
            result = said && isnan(row[PROCESS_DISK_READ].real) ? 0 : 5;
        }
    }
    source_proc_process.close(state);
    batch_done(&batch);
    arena_done(&arena);
    catalog_free(catalog);
    return result;
}

static void
test_proc_process__unprivileged_user_sees_what_is_public(void **state)
{
    (void)state;
    if (getuid() != 0) {
        print_message("skipped: needs root to become nobody\n");
        skip();
    }
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(look_as_nobody());
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* The state the table shows of a process; NULL: no row. */
static const char *
state_shown(const struct batch *batch, pid_t pid)
{
    const struct table *table = batch->tables[0];
    for (size_t i = 0; i < table->count; i++) {
        const union cell *row = table_row(table, i);
        if (row[PROCESS_PID].integer == pid) {
            return row[PROCESS_STATE].text;
        }
    }
    return NULL;
}

static pid_t
start_sleeper(void)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        for (;;) {
            pause();
        }
    }
    return child;
}

static void
end_sleeper(pid_t child)
{
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static void
poll_real(void *state, struct batch *batch, struct arena *arena)
{
    arena_clear(arena);
    batch_begin(batch, clock_now(&clock_system), arena);
    while (source_proc_process.poll(state, batch) == SOURCE_MORE) {
    }
    assert_int_equal(batch->table_count, 1);
}

/* The list of the last tick is taken when nothing tells of a birth or an end: each must. */
static void
test_proc_process__every_birth_and_end_is_seen_at_once(void **state)
{
    (void)state;
    struct interest interest = {.process_sort = -1};
    struct roots roots = {"/proc", "/sys", "/sys/fs/cgroup"};
    struct source_setup setup = {
        .roots = &roots, .clock = &clock_system, .interest = &interest, .interval_ns = NS_PER_S};
    char why[160];
    void *scan;
    assert_int_equal(source_proc_process.open(&setup, &scan, why, sizeof(why)), 0);
    struct catalog *catalog = catalog_new(100);
    struct batch batch;
    struct arena arena;
    batch_init(&batch, catalog);
    arena_init(&arena, (size_t)64 << 20);
    poll_real(scan, &batch, &arena);
    for (int i = 0; i < 12; i++) { /* longer than a list may be used, with 0 to 3 still ticks */
        pid_t child = start_sleeper();
        poll_real(scan, &batch, &arena);
        assert_non_null(state_shown(&batch, child));
        assert_non_null(state_shown(&batch, getpid()));
        for (int still = 0; still < i % 4; still++) {
            poll_real(scan, &batch, &arena);
            assert_non_null(state_shown(&batch, child));
            assert_non_null(state_shown(&batch, getpid()));
        }
        end_sleeper(child);
        poll_real(scan, &batch, &arena);
        assert_string_equal(state_shown(&batch, child), "X"); /* once more */
        poll_real(scan, &batch, &arena);
        assert_null(state_shown(&batch, child));
    }
    source_proc_process.close(scan);
    arena_done(&arena);
    batch_done(&batch);
    catalog_free(catalog);
}

static void
test_proc_process__missing_proc_is_left_out(void **state)
{
    (void)state;
    struct live live;
    live_init(&live, NULL);
    live_remove(&live, "proc");
    assert_int_equal(live_open(&live, &source_proc_process), -ENOENT);
    assert_non_null(strstr(live.poll.why, "cannot open"));
    live_close(&live);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_proc_process__levels_are_known_at_once_and_rates_are_not),
        cmocka_unit_test(test_proc_process__second_reading_gives_exact_rates),
        cmocka_unit_test(test_proc_process__rates_wait_for_a_quarter_of_a_second),
        cmocka_unit_test(test_proc_process__exited_stays_for_one_tick),
        cmocka_unit_test(test_proc_process__vanishing_between_list_and_read_is_an_exit),
        cmocka_unit_test(test_proc_process__reused_pid_is_another_process),
        cmocka_unit_test(test_proc_process__born_after_the_first_scan_has_a_rate_at_once),
        cmocka_unit_test(test_proc_process__what_was_seen_of_children_is_not_their_parents),
        cmocka_unit_test(test_proc_process__unseen_children_are_counted_by_their_faults),
        cmocka_unit_test(test_proc_process__who_waits_for_storage_is_known),
        cmocka_unit_test(test_proc_process__torn_stat_keeps_what_was_known),
        cmocka_unit_test(test_proc_process__hostile_names_are_cleaned),
        cmocka_unit_test(test_proc_process__denied_is_unknown_not_zero),
        cmocka_unit_test(test_proc_process__hidden_processes_are_said),
        cmocka_unit_test(test_proc_process__costly_columns_of_rows_on_screen),
        cmocka_unit_test(test_proc_process__open_files_of_the_selected_one),
        cmocka_unit_test(test_proc_process__sorting_column_is_read_for_all),
        cmocka_unit_test(test_proc_process__busiest_thread_is_named),
        cmocka_unit_test(test_proc_process__cold_ones_are_read_every_fourth_tick),
        cmocka_unit_test(test_proc_process__descriptors_are_given_back),
        cmocka_unit_test(test_proc_process__arena_full_is_counted),
        cmocka_unit_test(test_proc_process__unprivileged_user_sees_what_is_public),
        cmocka_unit_test(test_proc_process__every_birth_and_end_is_seen_at_once),
        cmocka_unit_test(test_proc_process__missing_proc_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
