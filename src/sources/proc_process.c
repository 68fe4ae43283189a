/* The process table, from /proc/PID.
 *
 * A tick lists /proc once, or not at all while nobody was born or has gone, and reads one file a
 * process, `stat`, through descriptors kept for at most FDS_KEPT_MAX of them. Cold ones are read
 * every COLD_STRIDE-th tick only (IDLE_STRIDE-th when they never used any CPU), and their rates are
 * over their own time between readings: kernel threads, and above MANY processes all, that sleep
 * and used no CPU for COLD_TICKS ticks (LAZY_TICKS when they used next to none in their whole
 * life). Others that sleep as long are read every QUIET_STRIDE-th tick, those on screen every
 * SHOWN_STRIDE-th. Then the costly files of a few. All of it in slices of SLICE_NS.
 *
 * Invariants: by_pid holds the living, one record a pid; a record whose start time changed is
 * another process and starts anew; `list` holds those of by_pid, and those found gone since it was
 * made, from the end of SCAN_LIST until the next. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "flametop/base/file.h"
#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "flametop/core/rate.h"
#include "proc_process.h"
#include "sources.h"

#define SLICE_NS (4500 * NS_PER_US) /* poll returns within 5 ms */
#define SLICE_CHECK 8               /* processes between looks at the clock */
#define FDS_KEPT_MAX 1024
#define FDS_RESERVE 256 /* left to everybody else */
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
#define LIST_BYTES 32768
#define LIST_ENTRY_BYTES 64 /* at least what an entry of a process takes */
#define LIST_TICKS 8        /* listed at least as often */
#define FDS_FEW 256         /* so many may be kept for the cold as well */

void
rates_init(struct rates *rates)
{
    *rates = (struct rates){.per_second = {NAN, NAN, NAN, NAN}};
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
    return process->rates.per_second[RATE_CPU] / (double)scan->ticks_per_second;
}

/* Forgets everything but the pid and the list's marks: the pid names another process now. */
static void
process_reset(struct process *process)
{
    free(process->name);
    free(process->command);
    free(process->cgroup);
    free(process->details);
    *process = (struct process){.pid = process->pid,
                                .fd = process->fd,
                                .listed_tick = process->listed_tick,
                                .looked_tick = process->looked_tick};
    rates_init(&process->rates);
    rates_init(&process->births);
    rates_init(&process->io);
}

static struct process *
process_new(int64_t pid)
{
    struct process *process = calloc(1, sizeof(*process));
    if (process != NULL) {
        process->pid = pid;
        process->fd = -1;
        process_reset(process);
    }
    return process;
}

static void
close_stat(struct scan *scan, struct process *process)
{
    if (process->fd >= 0) {
        close(process->fd);
        process->fd = -1;
        scan->fds_kept--;
    }
}

static void
process_free(struct scan *scan, struct process *process)
{
    close_stat(scan, process);
    free(process->name);
    free(process->command);
    free(process->cgroup);
    free(process->details);
    free(process);
}

static bool
push(struct scan *scan, struct process *process)
{
    if (scan->count == scan->capacity) {
        size_t bigger = scan->capacity == 0 ? 256 : scan->capacity * 2;
        struct process **grown = reallocarray(scan->list, bigger, sizeof(*grown));
        if (grown == NULL) {
            return false;
        }
        scan->list = grown;
        scan->capacity = bigger;
    }
    scan->list[scan->count++] = process;
    return true;
}

/* What was seen of it will come again, in its parent's counters. */
static void
tell_parent(struct scan *scan, const struct process *process)
{
    int64_t pid = process->known ? process->stat.parent_pid : 0;
    struct process *parent = pid > 0 ? map_get(&scan->by_pid, (uint64_t)pid) : NULL;
    if (parent == NULL) {
        return;
    }
    const struct pid_stat *stat = &process->stat;
    parent->children_cpu.ended += stat->cpu_ticks + stat->children_cpu_ticks;
    parent->children_faults.ended += stat->minor_faults + stat->children_faults;
    for (size_t i = 0; i < ARRAY_SIZE(process->io_bytes); i++) {
        parent->io_bytes[i].ended += process->io_bytes[i].last;
    }
}

/* It is gone: shown once more if it was ever known. The caller takes it out of by_pid. */
static void
retire(struct scan *scan, struct process *process)
{
    process->gone = true;
    tell_parent(scan, process);
    close_stat(scan, process);
    process->next_exited = scan->exited;
    scan->exited = process;
    scan->exited_count++;
}

static void
free_exited(struct scan *scan)
{
    while (scan->exited != NULL) {
        struct process *process = scan->exited;
        scan->exited = process->next_exited;
        process_free(scan, process);
    }
    scan->exited_count = 0;
}

/* Marks the rows on screen. */
static void
mark_looked(struct scan *scan)
{
    const struct interest *interest = scan->setup.interest;
    unsigned count = MIN(interest->pid_count, (unsigned)INTEREST_ROWS_MAX);
    for (unsigned i = 0; i <= count; i++) {
        int64_t pid = i < count ? interest->pids[i] : interest->selected_pid;
        struct process *process = pid > 0 ? map_get(&scan->by_pid, (uint64_t)pid) : NULL;
        if (process != NULL) {
            process->looked_tick = scan->tick;
        }
    }
}

static void
begin_reading(struct scan *scan)
{
    mark_looked(scan);
    scan->at = 0;
    scan->phase = SCAN_READ;
}

/* Each birth in this pid namespace moves the last pid of /proc/loadavg, and procfs counts the
 * processes in the links of its root: when neither moved, the list of the last time holds. */
static struct census
take_census(const struct scan *scan)
{
    char text[128];
    struct stat info;
    struct census census = {0};
    ssize_t n = scan->loadavg_fd < 0 ? -1 : file_pread_once(scan->loadavg_fd, text, sizeof(text));
    if (n <= 0 || fstat(scan->proc_fd, &info) != 0) {
        return census;
    }
    struct str rest = str_trim((struct str){text, (size_t)n}), last = {0}, word;
    while (str_word(&rest, &word)) {
        last = word;
    }
    census.links = (uint64_t)info.st_nlink;
    census.known = str_u64(&last, &census.last_pid) && last.n == 0;
    return census;
}

static void
start(struct scan *scan, const struct batch *batch)
{
    bool listed = scan->exited_count == 0 && scan->not_kept == 0;
    free_exited(scan);
    scan->denied = 0;
    scan->tick++;
    if (scan->tick == 1) {
        scan->first_boot_ns = batch->at.boot_ns;
    }
    scan->boot_ticks =
        (uint64_t)((double)MAX(batch->at.boot_ns, 0) / 1e9 * (double)scan->ticks_per_second);
    struct census now = take_census(scan);
    bool same =
        now.known && now.last_pid == scan->census.last_pid && now.links == scan->census.links;
    if (listed && same && scan->census.known && scan->tick - scan->list_tick < LIST_TICKS) {
        begin_reading(scan);
        return;
    }
    scan->census = now; /* taken before the list: who is born meanwhile changes the next */
    scan->list_tick = scan->tick;
    scan->count = 0;
    scan->not_kept = 0;
    scan->saw_init = false;
    lseek(scan->proc_fd, scan->pids_at, SEEK_SET);
    scan->phase = SCAN_LIST;
}

static void
list_pid(struct scan *scan, int64_t pid)
{
    struct process *process = map_get(&scan->by_pid, (uint64_t)pid);
    if (process != NULL && process->listed_tick == scan->tick) {
        return;
    }
    if (process == NULL) {
        process = process_new(pid);
        if (process == NULL || !map_put(&scan->by_pid, (uint64_t)pid, process)) {
            free(process);
            scan->not_kept++;
            return;
        }
    }
    process->listed_tick = scan->tick;
    scan->saw_init |= pid == 1;
    if (!push(scan, process)) {
        scan->not_kept++;
    }
}

/* Those that were not listed have exited. */
static void
end_list(struct scan *scan)
{
    size_t at = 0;
    uint64_t key;
    struct process *process;
    while ((process = map_next(&scan->by_pid, &at, &key)) != NULL) {
        if (process->listed_tick != scan->tick) {
            retire(scan, process);
        }
    }
    for (process = scan->exited; process != NULL; process = process->next_exited) {
        map_remove(&scan->by_pid, (uint64_t)process->pid);
    }
    scan->census.known &= scan->census.links >= scan->count; /* else it counts something else */
    begin_reading(scan);
}

/* The pids of procfs come last: from the second time on the list begins with the entry before. */
static void
note_pids_at(struct scan *scan, const struct dirent64 *entry, bool is_pid)
{
    if (scan->proc_sizes && scan->pids_at == 0) {
        scan->pids_at = is_pid ? scan->entry_at : 0;
        scan->entry_at = scan->next_at;
        scan->next_at = entry->d_off;
    }
}

/* False when the slice is used up. */
static bool
list(struct scan *scan, struct batch *batch)
{
    _Alignas(struct dirent64) char bytes[LIST_BYTES];
    for (;;) {
        ssize_t n = getdents64(scan->proc_fd, bytes, sizeof(bytes));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            batch_fail(batch, SOURCE_FAILED, "cannot list %s: %s", scan->setup.roots->proc,
                       strerror(errno));
        }
        if (n <= 0) {
            end_list(scan);
            return true;
        }
        for (ssize_t at = 0; at < n;) {
            const struct dirent64 *entry = (const struct dirent64 *)(const void *)(bytes + at);
            int64_t pid;
            bool is_pid = pid_parse(entry->d_name, &pid);
            note_pids_at(scan, entry, is_pid);
            if (is_pid) {
                list_pid(scan, pid);
            }
            at += entry->d_reclen;
        }
        if (scan->proc_sizes && n + LIST_ENTRY_BYTES <= LIST_BYTES) {
            end_list(scan); /* procfs stops only where an entry does not fit */
            return true;
        }
        if (scan_late(scan)) {
            return false;
        }
    }
}

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
    return scan->count <= FDS_FEW || !is_cold(scan, process);
}

/* The length of the text, or a negative errno: -ENOENT and -ESRCH mean it is gone. */
static ssize_t
read_stat(struct scan *scan, struct process *process, char *text, size_t size)
{
    if (process->fd >= 0) {
        ssize_t n = file_pread_once(process->fd, text, size);
        if (n > 0) {
            return n;
        }
        close_stat(scan, process); /* gone, or the pid was given to another */
    }
    char path[32];
    snprintf(path, sizeof(path), "%lld/stat", (long long)process->pid);
    int fd = openat(scan->proc_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return -errno;
    }
    ssize_t n = file_pread_once(fd, text, size);
    bool keep = n > 0 && scan->fds_kept < scan->fds_max && is_kept(scan, process);
    if (keep) {
        process->fd = fd;
        scan->fds_kept++;
    } else {
        close(fd);
    }
    return n;
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
        process->rates.from_ns = process->birth_ns;
        process->births.from_ns = process->birth_ns;
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
        tell_parent(scan, process);
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
    uint64_t counters[] = {[RATE_CPU] = stat->cpu_ticks,
                           [RATE_CHILDREN] = process->children_cpu.sum,
                           [RATE_MAJOR] = stat->major_faults,
                           [RATE_MINOR] = stat->minor_faults};
    rates_step(&process->rates, counters, ARRAY_SIZE(counters), now_ns);
    read_identity(scan, process, take_name(process, stat->name), now_ns);
}

static void
read_process(struct scan *scan, struct process *process, struct batch *batch, int64_t now_ns)
{
    char text[1024];
    ssize_t n = read_stat(scan, process, text, sizeof(text));
    struct pid_stat stat;
    if (n == -ENOENT || n == -ESRCH) {
        map_remove(&scan->by_pid, (uint64_t)process->pid);
        retire(scan, process);
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
    if (process->fd >= 0 && !is_kept(scan, process)) {
        close_stat(scan, process);
    }
}

static bool
read_all(struct scan *scan, struct batch *batch)
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
    if ((scan->phase == SCAN_LIST && !list(scan, batch)) ||
        (scan->phase == SCAN_READ && !read_all(scan, batch)) ||
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
    free_exited(scan);
    map_done(&scan->by_pid);
    free(scan->list);
    users_free(scan->users);
    if (scan->loadavg_fd >= 0) {
        close(scan->loadavg_fd);
    }
    close(scan->proc_fd);
    free(scan);
}

static bool
is_procfs(int fd)
{
    struct statfs system;
    return fstatfs(fd, &system) == 0 && system.f_type == PROC_SUPER_MAGIC;
}

/* /proc/loadavg, where its last pid is of those that are listed: what is laid over it by a
 * container's file system, and the /proc of another pid namespace, say something else. */
static int
open_loadavg(int proc_fd)
{
    char self[32] = "", own[32];
    snprintf(own, sizeof(own), "%ld", (long)getpid());
    ssize_t n = readlinkat(proc_fd, "self", self, sizeof(self) - 1);
    if (n <= 0 || strcmp(self, own) != 0) {
        return -1;
    }
    int fd = openat(proc_fd, "loadavg", O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && !is_procfs(fd)) {
        close(fd);
        fd = -1;
    }
    return fd;
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
    scan->proc_sizes = is_procfs(fd);
    scan->loadavg_fd = scan->proc_sizes ? open_loadavg(fd) : -1;
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
