/* The process table, from /proc/PID.
 *
 * A tick lists /proc once, or not at all while nobody was born or has gone, and reads `stat` of
 * each process that is due, then the costly files of a few. All of it in slices of SLICE_NS.
 *
 * Invariants: by_pid holds the living, one record a pid; a record whose start time changed is
 * another process and starts anew; `list` holds those of by_pid, and those found gone since it was
 * made, from the end of SCAN_LIST until the next. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "flametop/base/file.h"
#include "flametop/base/macros.h"
#include "flametop/core/rate.h"
#include "proc_process.h"
#include "sources.h"

#define FDS_KEPT_MAX 1024
#define FDS_RESERVE 256 /* left to everybody else */

void
rates_init(struct rates *rates)
{
    *rates = (struct rates){.per_second = {NAN, NAN}};
}

void
rates_step(struct rates *rates, const uint64_t *counters, size_t count, int64_t now_ns)
{
    int64_t dt_ns = now_ns - rates->from_ns;
    if (rates->from_ns != 0 && dt_ns < RATE_WINDOW_NS) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (rates->from_ns != 0) {
            /* The kernel scales utime and stime, so a sum may step back by a tick: no reset, as it
             * is the same process. */
            rates->per_second[i] =
                counters[i] < rates->from[i]
                    ? 0
                    : rate_of((double)rates->from[i], (double)counters[i], dt_ns, 0);
        }
        rates->from[i] = counters[i];
    }
    rates->from_ns = now_ns;
}

void
unseen_start(struct unseen *unseen, uint64_t counter, bool since_birth)
{
    *unseen = (struct unseen){.last = since_birth ? 0 : counter, .ended = unseen->ended};
    unseen_step(unseen, counter);
}

void
unseen_step(struct unseen *unseen, uint64_t counter)
{
    uint64_t more = counter > unseen->last ? counter - unseen->last : 0;
    uint64_t seen = MIN(unseen->ended + unseen->waited, more);
    unseen->sum += more - seen;
    unseen->waited = MIN(unseen->ended, unseen->ended + unseen->waited - seen);
    unseen->ended = 0;
    unseen->last = counter;
}

int64_t
scan_now_ns(const struct scan *scan)
{
    return clock_now(scan->setup.clock).mono_ns;
}

bool
scan_late(const struct scan *scan)
{
    return scan_now_ns(scan) - scan->slice_ns >= SLICE_NS;
}

double
process_cpu(const struct scan *scan, const struct process *process)
{
    return process->cpu.per_second[RATE_CPU] / (double)scan->ticks_per_second;
}

void
process_reset(struct process *process)
{
    free(process->name);
    free(process->command);
    free(process->cgroup);
    free(process->io);
    free(process->details);
    *process = (struct process){.pid = process->pid,
                                .stat_fd = process->stat_fd,
                                .io_fd = process->io_fd,
                                .listed_tick = process->listed_tick,
                                .looked_tick = process->looked_tick};
    rates_init(&process->cpu);
    rates_init(&process->faults);
    rates_init(&process->births);
}

struct process *
process_new(int64_t pid)
{
    struct process *process = calloc(1, sizeof(*process));
    if (process != NULL) {
        process->pid = pid;
        process->stat_fd = process->io_fd = -1;
        process_reset(process);
    }
    return process;
}

struct process_io *
process_io(struct process *process)
{
    if (process->io == NULL) {
        process->io = calloc(1, sizeof(*process->io));
        if (process->io != NULL) {
            rates_init(&process->io->rates);
        }
    }
    return process->io;
}

static void
close_kept(struct scan *scan, int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
        scan->fds_kept--;
    }
}

void
process_close_files(struct scan *scan, struct process *process)
{
    close_kept(scan, &process->stat_fd);
    close_kept(scan, &process->io_fd);
}

ssize_t
process_read(struct scan *scan, const struct process *process, int *fd, const char *name, bool keep,
             char *text, size_t size)
{
    if (*fd >= 0) {
        ssize_t n = file_pread_once(*fd, text, size);
        if (n > 0) {
            return n;
        }
        close_kept(scan, fd); /* gone, or the pid was given to another */
    }
    char path[48];
    snprintf(path, sizeof(path), "%lld/%s", (long long)process->pid, name);
    int opened = openat(scan->proc_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (opened < 0) {
        return -errno;
    }
    ssize_t n = file_pread_once(opened, text, size);
    if (n > 0 && keep && scan->fds_kept < scan->fds_max) {
        *fd = opened;
        scan->fds_kept++;
    } else {
        close(opened);
    }
    return n;
}

static void
process_free(struct scan *scan, struct process *process)
{
    process_close_files(scan, process);
    free(process->name);
    free(process->command);
    free(process->cgroup);
    free(process->io);
    free(process->details);
    free(process);
}

void
process_tell_parent(struct scan *scan, const struct process *process)
{
    int64_t pid = process->known ? process->stat.parent_pid : 0;
    struct process *parent = pid > 0 ? map_get(&scan->by_pid, (uint64_t)pid) : NULL;
    if (parent == NULL) {
        return;
    }
    const struct pid_stat *stat = &process->stat;
    parent->children_cpu.ended += stat->cpu_ticks + stat->children_cpu_ticks;
    parent->children_faults.ended += stat->minor_faults + stat->children_faults;
    struct process_io *io = process->io != NULL ? process_io(parent) : NULL;
    for (size_t i = 0; io != NULL && i < ARRAY_SIZE(io->bytes); i++) {
        io->bytes[i].ended += process->io->bytes[i].last;
    }
}

void
process_retire(struct scan *scan, struct process *process)
{
    process->gone = true;
    process_tell_parent(scan, process);
    process_close_files(scan, process);
    process->next_exited = scan->exited;
    scan->exited = process;
    scan->exited_count++;
}

void
exited_free(struct scan *scan)
{
    while (scan->exited != NULL) {
        struct process *process = scan->exited;
        scan->exited = process->next_exited;
        process_free(scan, process);
    }
    scan->exited_count = 0;
}

static void
start(struct scan *scan, const struct batch *batch)
{
    scan->denied = 0;
    scan->tick++;
    if (scan->tick == 1) {
        scan->first_boot_ns = batch->at.boot_ns;
    }
    scan->boot_ticks =
        (uint64_t)((double)MAX(batch->at.boot_ns, 0) / 1e9 * (double)scan->ticks_per_second);
    list_start(scan);
}

static void
judge(const struct scan *scan, struct batch *batch)
{
    if (scan->denied > 0) {
        batch_fail(batch, SOURCE_DEGRADED,
                   "%zu process%s of other users cannot be read (hidepid, or rights)", scan->denied,
                   scan->denied == 1 ? "" : "es");
    } else if (!scan->saw_init) {
        batch_fail(batch, SOURCE_DEGRADED,
                   "only own processes are visible (%s hides those of others)",
                   scan->setup.roots->proc);
    }
    size_t refused = 0;
    for (size_t i = 0; i < scan->count; i++) {
        refused += scan->list[i]->rights;
    }
    if (refused > 0) {
        batch_fail(batch, SOURCE_DEGRADED, "reads and writes of %zu process%s are not known: %s",
                   refused, refused == 1 ? "" : "es",
                   geteuid() == 0 ? "the kernel refuses them even to root here (a container "
                                    "without CAP_SYS_PTRACE, or a security module)"
                                  : "those of other users are for root alone");
    }
    if (scan->not_kept > 0) {
        batch_fail(batch, SOURCE_DEGRADED, "%llu processes beyond %d are counted, not read",
                   (unsigned long long)scan->not_kept, PROCESSES_MAX);
    }
}

static enum source_step
process_poll(void *state, struct batch *batch)
{
    struct scan *scan = state;
    scan->slice_ns = scan_now_ns(scan);
    if (scan->phase == SCAN_START) {
        start(scan, batch);
    }
    if ((scan->phase == SCAN_LIST && !list_step(scan, batch)) ||
        (scan->phase == SCAN_READ && !stat_step(scan, batch)) ||
        (scan->phase == SCAN_COSTLY && !costly_step(scan, batch)) ||
        (scan->phase == SCAN_THREADS && !threads_step(scan, batch))) {
        return SOURCE_MORE;
    }
    judge(scan, batch);
    rows_deliver(scan, batch);
    scan->phase = SCAN_START;
    return SOURCE_DONE;
}

/* How many descriptors may be kept, after asking for more than the usual 1,024 of a process. */
static size_t
raise_fd_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
        return 0;
    }
    rlim_t wanted = FDS_KEPT_MAX + 2 * FDS_RESERVE;
    if (limit.rlim_cur < wanted && limit.rlim_cur < limit.rlim_max) {
        struct rlimit raised = {MIN(wanted, limit.rlim_max), limit.rlim_max};
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0) {
            limit = raised;
        }
    }
    rlim_t room = limit.rlim_cur > FDS_RESERVE ? limit.rlim_cur - FDS_RESERVE : 0;
    return (size_t)MIN(room, (rlim_t)FDS_KEPT_MAX);
}

static void
process_close(void *state)
{
    struct scan *scan = state;
    size_t at = 0;
    uint64_t key;
    struct process *process;
    while ((process = map_next(&scan->by_pid, &at, &key)) != NULL) {
        process_free(scan, process);
    }
    exited_free(scan);
    map_done(&scan->by_pid);
    free(scan->list);
    users_free(scan->users);
    if (scan->loadavg_fd >= 0) {
        close(scan->loadavg_fd);
    }
    close(scan->proc_fd);
    free(scan);
}

static int
process_open(const struct source_setup *setup, void **ret_state, char *why, size_t why_size)
{
    int fd = open(setup->roots->proc, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        int error = errno;
        snprintf(why, why_size, "cannot open %s: %s", setup->roots->proc, strerror(error));
        return -error;
    }
    struct scan *scan = calloc(1, sizeof(*scan));
    struct users *users = users_new(USERS_FILE);
    if (scan == NULL || users == NULL) {
        free(scan);
        users_free(users);
        close(fd);
        snprintf(why, why_size, "out of memory");
        return -ENOMEM;
    }
    scan->setup = *setup;
    scan->proc_fd = fd;
    list_open(scan);
    scan->users = users;
    scan->ticks_per_second = MAX(sysconf(_SC_CLK_TCK), 1);
    scan->page_bytes = sysconf(_SC_PAGESIZE);
    scan->fds_max = raise_fd_limit();
    map_init(&scan->by_pid, PROCESSES_MAX);
    *ret_state = scan;
    return 0;
}

static const struct table_def *const tables[] = {&process_table_def};

const struct source source_proc_process = {
    .name = "processes",
    .text = "Processes and what they use, from /proc/PID.",
    .metrics = process_metrics,
    .metric_count = PROCESS_METRIC_COUNT,
    .tables = tables,
    .table_count = ARRAY_SIZE(tables),
    .open = process_open,
    .poll = process_poll,
    .close = process_close,
};
