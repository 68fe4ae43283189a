/* One file a process, `stat`, through descriptors kept for the hot ones, and what
 * seldom changes: the owner and the command line.
 *
 * Cold ones are read every COLD_STRIDE-th tick only (IDLE_STRIDE-th when they never used any CPU),
 * and their rates are over their own time between readings: kernel threads, and above MANY
 * processes all, that sleep and used no CPU for COLD_TICKS ticks (LAZY_TICKS when they used next to
 * none in their whole life). Others that sleep as long are read every QUIET_STRIDE-th tick, those
 * on screen every SHOWN_STRIDE-th. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flametop/base/file.h"
#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "proc_process.h"

#define SLICE_CHECK 8 /* processes between looks at the clock */
#define MANY 1000
#define COLD_TICKS 10
#define COLD_STRIDE 4
#define IDLE_STRIDE 8
#define SHOWN_STRIDE 2 /* of a sleeper on screen */
#define QUIET_STRIDE 3 /* of one that is not */
#define LAZY_TICKS                                                                                 \
    2 /* so that all have two readings, and a parent is read once more after its child */
#define LAZY_SHARE 1000 /* lazy: less than 1/1000 of a core since its start */
#define YOUNG_NS (5 * NS_PER_S)
#define COMMAND_YOUNG_NS (2 * NS_PER_S)   /* between readings of a young one's command line */
#define COMMAND_LOOKED_NS (10 * NS_PER_S) /* and of one on screen */

static bool
is_asleep(char state)
{
    return state == 'S' || state == 'I' || state == 'T' || state == 't' || state == 'Z';
}

static bool
is_cold(const struct scan *scan, const struct process *process)
{
    if (!process->known || !is_asleep(process->stat.state) ||
        (scan->count <= MANY && !process->stat.kernel)) {
        return false;
    }
    const struct pid_stat *stat = &process->stat;
    bool lazy = stat->start_ticks < scan->boot_ticks &&
                stat->cpu_ticks < (scan->boot_ticks - stat->start_ticks) / LAZY_SHARE;
    return scan->tick - process->active_tick >= (lazy ? LAZY_TICKS : COLD_TICKS);
}

/* Each how many ticks it is read: what has slept for a while can wait for one or two. */
static unsigned
stride(const struct scan *scan, const struct process *process)
{
    bool shown = process->looked_tick == scan->tick;
    if (!process->known || process->pid == scan->setup.interest->selected_pid) {
        return 1;
    }
    if (!shown && is_cold(scan, process)) {
        bool idle = process->stat.kernel && process->stat.cpu_ticks == 0;
        return idle ? IDLE_STRIDE : COLD_STRIDE;
    }
    bool quiet = is_asleep(process->stat.state) && scan->tick - process->active_tick >= COLD_TICKS;
    return !quiet ? 1 : shown ? SHOWN_STRIDE : QUIET_STRIDE;
}

static bool
is_due(const struct scan *scan, const struct process *process)
{
    return ((uint64_t)process->pid + scan->tick) % stride(scan, process) == 0;
}

/* 4.3 KiB of kernel memory each: for the hot ones, or while they are few. */
static bool
is_kept(const struct scan *scan, const struct process *process)
{
    return scan->count <= PROCESSES_FEW || !is_cold(scan, process);
}

static int64_t
age_ns(const struct scan *scan, const struct process *process)
{
    int64_t born_ns =
        (int64_t)((double)process->stat.start_ticks / (double)scan->ticks_per_second * 1e9);
    return clock_now(scan->setup.clock).boot_ns - born_ns;
}

/* Effective user: the owner of the directory. (Its files belong to root when the process is not
 * dumpable.) */
static void
read_owner(struct scan *scan, struct process *process)
{
    char path[32];
    struct stat info;
    snprintf(path, sizeof(path), "%lld", (long long)process->pid);
    if (fstatat(scan->proc_fd, path, &info, 0) == 0) {
        process->uid = info.st_uid;
        process->uid_known = true;
    }
}

static void
read_command(struct scan *scan, struct process *process)
{
    char path[32], raw[PROCESS_COMMAND_BYTES * 2], text[PROCESS_COMMAND_BYTES];
    snprintf(path, sizeof(path), "%lld/cmdline", (long long)process->pid);
    ssize_t n = file_read_at(scan->proc_fd, path, raw, sizeof(raw));
    free(process->command);
    process->command = NULL;
    if (n >= 0) {
        pid_cmdline_text((struct str){raw, (size_t)n}, text, sizeof(text));
        process->command = strdup(text);
    }
}

/* What seldom changes: at first sight, when the name changed (exec), and a few times while it is
 * young or looked at (setproctitle). */
static void
read_identity(struct scan *scan, struct process *process, bool renamed, int64_t now_ns)
{
    bool first = process->command_ns == 0;
    bool again =
        !process->stat.kernel && !first && now_ns - process->command_ns >= COMMAND_YOUNG_NS &&
        (age_ns(scan, process) < YOUNG_NS ||
         (process->looked_tick == scan->tick && now_ns - process->command_ns >= COMMAND_LOOKED_NS));
    if (!first && !renamed && !again) {
        return;
    }
    process->command_ns = now_ns;
    read_owner(scan, process);
    if (!process->stat.kernel && process->stat.state != 'Z') {
        read_command(scan, process);
    }
}

/* Who was born since the first scan is known from its birth on, when all its counters were zero. */
static void
start_rates(const struct scan *scan, struct process *process, int64_t now_ns)
{
    int64_t age = age_ns(scan, process);
    int64_t now_boot_ns = clock_now(scan->setup.clock).boot_ns;
    if (scan->tick > 1 && now_boot_ns - age > scan->first_boot_ns && age > 0 && age < now_ns) {
        process->since_birth = true;
        process->birth_ns = now_ns - age;
        process->cpu.from_ns = process->faults.from_ns = process->births.from_ns =
            process->birth_ns;
    }
}

/* A new child makes its parent worth reading every tick: a shell that forks short processes shows
 * in what its children used. */
static void
wake_parent(struct scan *scan, int64_t parent_pid)
{
    struct process *parent = parent_pid > 0 ? map_get(&scan->by_pid, (uint64_t)parent_pid) : NULL;
    if (parent != NULL) {
        parent->active_tick = scan->tick;
        parent->born += scan->tick > 1;
    }
}

#define WAITS_WEIGHT 0.25 /* of one reading */

/* What its children did that nobody saw, how many were seen, and whether it waits for storage. */
static void
take_family(struct process *process, const struct pid_stat *stat, bool first, int64_t now_ns)
{
    struct unseen *cpu = &process->children_cpu, *faults = &process->children_faults;
    uint64_t before = faults->sum;
    if (first) {
        unseen_start(cpu, stat->children_cpu_ticks, process->since_birth);
        unseen_start(faults, stat->children_faults, process->since_birth);
    } else {
        unseen_step(cpu, stat->children_cpu_ticks);
        unseen_step(faults, stat->children_faults);
    }
    process->fertile = faults->sum != before;
    process->waits += ((stat->state == 'D') - process->waits) * WAITS_WEIGHT;
    uint64_t counters[] = {[RATE_BORN] = process->born, [RATE_FAULTS] = faults->sum};
    rates_step(&process->births, counters, ARRAY_SIZE(counters), now_ns);
}

/* Whether it has another name than before. */
static bool
take_name(struct process *process, struct str raw)
{
    char name[PROCESS_NAME_BYTES];
    utf8_clean(raw, name, sizeof(name));
    if (process->name != NULL && strcmp(name, process->name) == 0) {
        return false;
    }
    free(process->name);
    process->name = strdup(name);
    return true;
}

static void
take_stat(struct scan *scan, struct process *process, const struct pid_stat *stat, int64_t now_ns)
{
    if (process->known && process->stat.start_ticks != stat->start_ticks) {
        process_tell_parent(scan, process);
        process_reset(process);
    }
    bool first = !process->known;
    bool active = first || process->stat.cpu_ticks != stat->cpu_ticks || !is_asleep(stat->state) ||
                  process->stat.children_cpu_ticks != stat->children_cpu_ticks ||
                  process->stat.major_faults != stat->major_faults;
    process->stat = *stat;
    process->stat.name = (struct str){0};
    process->known = true;
    process->read_ns = now_ns;
    if (active) {
        process->active_tick = scan->tick;
    }
    if (first) {
        start_rates(scan, process, now_ns);
        wake_parent(scan, stat->parent_pid);
    }
    take_family(process, stat, first, now_ns);
    uint64_t cpu[] = {[RATE_CPU] = stat->cpu_ticks, [RATE_CHILDREN] = process->children_cpu.sum};
    uint64_t faults[] = {[RATE_MAJOR] = stat->major_faults, [RATE_MINOR] = stat->minor_faults};
    rates_step(&process->cpu, cpu, ARRAY_SIZE(cpu), now_ns);
    rates_step(&process->faults, faults, ARRAY_SIZE(faults), now_ns);
    read_identity(scan, process, take_name(process, stat->name), now_ns);
}

static void
read_process(struct scan *scan, struct process *process, struct batch *batch, int64_t now_ns)
{
    char text[1024];
    ssize_t n = process_read(scan, process, &process->stat_fd, "stat", is_kept(scan, process), text,
                             sizeof(text));
    struct pid_stat stat;
    if (n == -ENOENT || n == -ESRCH) {
        map_remove(&scan->by_pid, (uint64_t)process->pid);
        process_retire(scan, process);
    } else if (n < 0) {
        scan->denied++;
        if (!process->uid_known) {
            read_owner(scan, process);
        }
    } else if (!pid_stat_parse((struct str){text, (size_t)n}, &stat)) {
        batch->rejected++; /* torn: what was known stays for this tick */
    } else {
        take_stat(scan, process, &stat, now_ns);
    }
    if ((process->stat_fd >= 0 || process->io_fd >= 0) && !is_kept(scan, process)) {
        process_close_files(scan, process);
    }
}

bool
stat_step(struct scan *scan, struct batch *batch)
{
    int64_t now_ns = scan_now_ns(scan);
    for (size_t read = 0; scan->at < scan->count;) {
        struct process *process = scan->list[scan->at++];
        if (!is_due(scan, process)) {
            continue;
        }
        read_process(scan, process, batch, now_ns);
        if (++read % SLICE_CHECK == 0) {
            now_ns = scan_now_ns(scan);
            if (now_ns - scan->slice_ns >= SLICE_NS) {
                return false;
            }
        }
    }
    costly_start(scan);
    scan->phase = SCAN_COSTLY;
    return true;
}
