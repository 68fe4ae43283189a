/* What costs more than one file a process: I/O, switches, control group, wait channel, OOM score,
 * open files, threads.
 *
 * Read for the rows on screen (the columns shown), for all when the table is sorted or filtered by
 * them, and for at most CANDIDATES_MAX others a tick: the busiest, those that read or write, and
 * the rest in turn. A file that was denied is tried again every DENIED_TICKS. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flametop/base/file.h"
#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "proc_process.h"

#define CANDIDATES_MAX 64
#define CANDIDATES_IN_TURN 4
#define IDLE_IO_TICKS 3 /* a rate is shown for as long: rows' fresh() */
#define DENIED_TICKS 32
#define CGROUP_AGE_NS (15 * NS_PER_S)
#define FILES_MAX 16384 /* counted one by one in about 4 ms; of more it is not known how many */
#define THREADS_CPU                                                                                \
    0.6 /* of a core: from here on it is worth knowing whether one thread fills it */
#define WATCH_SHARE 0.5 /* of the process's use: the busiest thread was found */

static unsigned
cost_of_column(int column)
{
    switch (column) {
    case PROCESS_DISK_READ:
    case PROCESS_DISK_WRITE:
        return COST_IO;
    case PROCESS_SWITCHES:
        return COST_STATUS;
    case PROCESS_CGROUP:
        return COST_CGROUP;
    case PROCESS_WAIT_CHANNEL:
        return COST_WAIT_CHANNEL;
    case PROCESS_OOM_SCORE:
        return COST_OOM_SCORE;
    case PROCESS_OPEN_FILES:
        return COST_FILES;
    case PROCESS_OPEN_FILES_LIMIT:
        return COST_LIMITS;
    default:
        return 0;
    }
}

static unsigned
cost_of_columns(uint64_t columns)
{
    unsigned cost = 0;
    for (int i = 0; i < PROCESS_COLUMN_COUNT; i++) {
        cost |= columns >> i & 1 ? cost_of_column(i) : 0;
    }
    return cost;
}

static unsigned
cost_for_all(const struct interest *interest)
{
    return cost_of_column(interest->process_sort) |
           (interest->process_filter_costly
                ? COST_IO | COST_STATUS | COST_CGROUP | cost_of_columns(interest->process_columns)
                : 0);
}

static bool
is_active(const struct scan *scan, const struct process *process)
{
    return process->known && !process->gone && !process->stat.kernel &&
           (process->active_tick == scan->tick || process->io_active);
}

/* Those that move bytes first, then by CPU. */
static int
compare_candidates(const void *a, const void *b)
{
    const struct process *x = *(const struct process *const *)a;
    const struct process *y = *(const struct process *const *)b;
    if (x->io_active != y->io_active) {
        return y->io_active - x->io_active;
    }
    double cpu_x = x->cpu.per_second[RATE_CPU], cpu_y = y->cpu.per_second[RATE_CPU];
    cpu_x = isnan(cpu_x) ? 0 : cpu_x;
    cpu_y = isnan(cpu_y) ? 0 : cpu_y;
    return (cpu_x < cpu_y) - (cpu_x > cpu_y);
}

/* The best of the active ones, kept as a sorted array of fixed size. */
static void
mark_active(struct scan *scan)
{
    struct process *best[CANDIDATES_MAX - CANDIDATES_IN_TURN + 1];
    size_t count = 0;
    for (size_t i = 0; i < scan->count; i++) {
        struct process *process = scan->list[i];
        if (!is_active(scan, process)) {
            continue;
        }
        size_t at = count;
        while (at > 0 && compare_candidates(&best[at - 1], &process) > 0) {
            best[at] = best[at - 1];
            at--;
        }
        best[at] = process;
        count = MIN(count + 1, ARRAY_SIZE(best) - 1);
    }
    for (size_t i = 0; i < count; i++) {
        best[i]->candidate_tick = scan->tick;
    }
}

static void
mark_in_turn(struct scan *scan)
{
    size_t marked = 0;
    for (size_t i = 0; i < scan->count && marked < CANDIDATES_IN_TURN; i++) {
        struct process *process = scan->list[scan->round_robin++ % scan->count];
        if (process->known && !process->gone && !process->stat.kernel &&
            process->candidate_tick != scan->tick) {
            process->candidate_tick = scan->tick;
            marked++;
        }
    }
}

void
costly_start(struct scan *scan)
{
    mark_active(scan);
    mark_in_turn(scan);
    scan->at = 0;
}

/* Made at first use; NULL when out of memory. */
static struct details *
details_of(struct process *process)
{
    if (process->details == NULL) {
        process->details = calloc(1, sizeof(*process->details));
        if (process->details != NULL) {
            process->details->thread_cpu = NAN;
            rates_init(&process->details->switches);
        }
    }
    return process->details;
}

static void
note_right(const struct scan *scan, struct process *process, enum cost cost, ssize_t n)
{
    if (n < 0) {
        process->denied |= cost;
        process->denied_tick = scan->tick;
        process->rights |= n == -EACCES || n == -EPERM;
    } else {
        process->denied &= ~(unsigned)cost;
    }
}

static ssize_t
read_file(const struct scan *scan, struct process *process, enum cost cost, const char *name,
          char *text, size_t size)
{
    char path[48];
    snprintf(path, sizeof(path), "%lld/%s", (long long)process->pid, name);
    ssize_t n = file_read_brief_at(scan->proc_fd, path, text, size);
    note_right(scan, process, cost, n);
    return n;
}

/* One that was born while we looked moved all its bytes since: it may be gone before another
 * reading. */
static void
start_io(const struct process *process, const struct pid_io *counters, int64_t now_ns)
{
    struct process_io *io = process->io;
    unseen_start(&io->bytes[RATE_READ], counters->read_bytes, process->since_birth);
    unseen_start(&io->bytes[RATE_WRITE], counters->write_bytes, process->since_birth);
    if (process->since_birth) {
        io->rates.from_ns = MIN(process->birth_ns, now_ns - RATE_WINDOW_NS);
    }
}

static void
take_io(const struct scan *scan, struct process *process, const struct pid_io *counters,
        int64_t now_ns)
{
    struct process_io *io = process->io;
    struct rates *rates = &io->rates;
    struct unseen *read = &io->bytes[RATE_READ], *written = &io->bytes[RATE_WRITE];
    if (io->read_ns == 0) {
        start_io(process, counters, now_ns);
    } else {
        unseen_step(read, counters->read_bytes);
        unseen_step(written, counters->write_bytes);
    }
    if (rates->from_ns != 0 && now_ns - rates->from_ns >= RATE_WINDOW_NS) {
        process->io_active =
            read->sum != rates->from[RATE_READ] || written->sum != rates->from[RATE_WRITE];
    }
    if (process->io_active && io->read_ns != 0 &&
        now_ns - io->read_ns > 4 * MAX(scan->setup.interval_ns, NS_PER_S)) {
        rates_init(rates); /* looked at again after a while: an old mean is not its rate now */
    }
    rates_step(rates, (uint64_t[]){[RATE_READ] = read->sum, [RATE_WRITE] = written->sum}, 2,
               now_ns);
    io->read_ns = now_ns;
}

static bool
read_io(struct scan *scan, struct process *process, int64_t now_ns)
{
    char text[512];
    struct pid_io counters;
    ssize_t n = process_read(scan, process, &process->io_fd, "io", scan->count <= PROCESSES_FEW,
                             text, sizeof(text));
    note_right(scan, process, COST_IO, n);
    if (n < 0) {
        return true;
    }
    if (!pid_io_parse((struct str){text, (size_t)n}, &counters)) {
        return false;
    }
    if (process_io(process) != NULL) {
        take_io(scan, process, &counters, now_ns);
    }
    return true;
}

static bool
read_status(struct scan *scan, struct process *process, int64_t now_ns)
{
    char text[4096];
    struct pid_status status;
    ssize_t n = read_file(scan, process, COST_STATUS, "status", text, sizeof(text));
    if (n < 0) {
        return true;
    }
    if (!pid_status_parse((struct str){text, (size_t)n}, &status)) {
        return false;
    }
    process->uid = status.effective_uid;
    process->uid_known = true;
    rates_step(&process->details->switches, &status.switches, 1, now_ns);
    process->details->status_ns = now_ns;
    return true;
}

static bool
read_cgroup(struct scan *scan, struct process *process, int64_t now_ns)
{
    if (process->cgroup_ns != 0 && now_ns - process->cgroup_ns < CGROUP_AGE_NS) {
        return true;
    }
    char text[4096], name[128];
    struct str path;
    ssize_t n = read_file(scan, process, COST_CGROUP, "cgroup", text, sizeof(text));
    if (n < 0) {
        return true;
    }
    process->cgroup_ns = now_ns;
    if (!pid_cgroup_parse((struct str){text, (size_t)n}, &path)) {
        return false;
    }
    cgroup_short_name(path, name, sizeof(name));
    free(process->cgroup);
    process->cgroup = strdup(name);
    return true;
}

static bool
read_wait_channel(struct scan *scan, struct process *process, int64_t now_ns)
{
    char text[64];
    ssize_t n = read_file(scan, process, COST_WAIT_CHANNEL, "wchan", text, sizeof(text));
    if (n < 0) {
        return true;
    }
    /* "0": running, or hidden from us. Both are "not known". */
    struct str name =
        str_is((struct str){text, (size_t)n}, "0") ? STR("") : (struct str){text, (size_t)n};
    utf8_clean(name, process->details->wait_channel, sizeof(process->details->wait_channel));
    process->details->wait_ns = now_ns;
    return true;
}

static bool
read_oom_score(struct scan *scan, struct process *process, int64_t now_ns)
{
    char text[32];
    ssize_t n = read_file(scan, process, COST_OOM_SCORE, "oom_score", text, sizeof(text));
    struct str rest = {text, n < 0 ? 0 : (size_t)n};
    if (n >= 0 && !str_i64(&rest, &process->details->oom_score)) {
        return false;
    }
    process->details->oom_ns = n < 0 ? 0 : now_ns;
    return true;
}

/* Entries of an open directory but "." and ".."; CELL_UNKNOWN when there are more than FILES_MAX.
 */
static int64_t
count_entries(DIR *dir)
{
    int64_t count = 0;
    const struct dirent *entry;
    while (count <= FILES_MAX && (entry = readdir(dir)) != NULL) {
        count += entry->d_name[0] != '.';
    }
    return count <= FILES_MAX ? count : CELL_UNKNOWN;
}

/* Since Linux 6.2 the size of /proc/PID/fd is the number of open files. */
static bool
read_open_files(struct scan *scan, struct process *process, int64_t now_ns)
{
    char path[32];
    struct stat info;
    snprintf(path, sizeof(path), "%lld/fd", (long long)process->pid);
    int fd = openat(scan->proc_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    process->rights |= fd < 0 && (errno == EACCES || errno == EPERM);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir == NULL) {
        if (fd >= 0) {
            close(fd);
        }
        process->denied |= COST_FILES;
        process->denied_tick = scan->tick;
        process->details->files_ns = 0;
        return true;
    }
    bool sized = scan->proc_sizes && fstat(fd, &info) == 0 && info.st_size > 0;
    process->details->open_files = sized ? info.st_size : count_entries(dir);
    process->details->files_ns = now_ns;
    process->denied &= ~(unsigned)COST_FILES;
    closedir(dir);
    return true;
}

static bool
read_limits(struct scan *scan, struct process *process, int64_t now_ns)
{
    char text[4096];
    ssize_t n = read_file(scan, process, COST_LIMITS, "limits", text, sizeof(text));
    process->details->limits_ns = n < 0 ? 0 : now_ns;
    process->details->open_files_limit = CELL_UNKNOWN;
    return n < 0 ||
           pid_limits_parse((struct str){text, (size_t)n}, &process->details->open_files_limit);
}

/* Every reading but those that candidates in turn get, which in time are all. */
#define COST_DETAILS (COST_ALL & ~(unsigned)(COST_IO | COST_CGROUP))

static const struct {
    enum cost cost;
    bool (*read)(struct scan *scan, struct process *process, int64_t now_ns); /* false: torn */
} readings[] = {
    {COST_IO, read_io},
    {COST_STATUS, read_status},
    {COST_CGROUP, read_cgroup},
    {COST_WAIT_CHANNEL, read_wait_channel},
    {COST_OOM_SCORE, read_oom_score},
    {COST_FILES, read_open_files},
    {COST_LIMITS, read_limits},
};

static unsigned
cost_for(const struct scan *scan, const struct process *process, unsigned for_all,
         unsigned for_shown)
{
    unsigned cost = for_all;
    if (process->looked_tick == scan->tick) {
        cost |= process->pid == scan->setup.interest->selected_pid ? COST_ALL : for_shown;
    }
    if (process->candidate_tick == scan->tick) {
        cost |= COST_IO | COST_CGROUP;
    }
    if (process->fertile) {
        cost |= COST_STATUS; /* how often it waited bounds how many children it had */
    }
    if (process->candidate_tick != scan->tick && !is_active(scan, process) &&
        (scan->tick + (uint64_t)process->pid) % IDLE_IO_TICKS != 0 && process->io != NULL &&
        process->io->read_ns != 0) {
        cost &= ~(unsigned)COST_IO; /* shown, but asleep: it moves nothing */
    }
    if (process->denied != 0 && scan->tick - process->denied_tick < DENIED_TICKS) {
        cost &= ~process->denied;
    }
    return process->gone || !process->known ? 0 : cost;
}

bool
costly_step(struct scan *scan, struct batch *batch)
{
    unsigned for_all = cost_for_all(scan->setup.interest);
    unsigned for_shown = cost_of_columns(scan->setup.interest->process_columns);
    while (scan->at < scan->count) {
        struct process *process = scan->list[scan->at++];
        unsigned cost = cost_for(scan, process, for_all, for_shown);
        if ((cost & COST_DETAILS) != 0 && details_of(process) == NULL) {
            cost &= ~COST_DETAILS;
        }
        if (cost == 0) {
            continue;
        }
        int64_t now_ns = scan_now_ns(scan);
        for (size_t i = 0; i < ARRAY_SIZE(readings); i++) {
            if ((cost & readings[i].cost) != 0 && !readings[i].read(scan, process, now_ns)) {
                batch->rejected++;
            }
        }
        if (scan_late(scan)) {
            return false;
        }
    }
    scan->at = 0;
    scan->phase = SCAN_THREADS;
    return true;
}

/* Threads
 * ------------------------------------------------------------------------------------------------
 */

/* The busiest processes with several threads, busiest first. */
static size_t
find_busiest(const struct scan *scan, struct process *busiest[WATCHES_MAX + 1])
{
    size_t count = 0;
    for (size_t i = 0; i < scan->count; i++) {
        struct process *process = scan->list[i];
        if (process->gone || process->stat.threads < 2 ||
            !(process_cpu(scan, process) >= THREADS_CPU)) {
            continue;
        }
        size_t at = count;
        while (at > 0 && process_cpu(scan, busiest[at - 1]) < process_cpu(scan, process)) {
            busiest[at] = busiest[at - 1];
            at--;
        }
        busiest[at] = process;
        count = MIN(count + 1, (size_t)WATCHES_MAX);
    }
    return count;
}

static struct watch *
watch_of(struct scan *scan, const struct process *process)
{
    struct watch *oldest = &scan->watches[0];
    for (size_t i = 0; i < WATCHES_MAX; i++) {
        struct watch *watch = &scan->watches[i];
        if (watch->pid == process->pid && watch->start_ticks == process->stat.start_ticks) {
            return watch;
        }
        if (watch->tick < oldest->tick) {
            oldest = watch;
        }
    }
    *oldest = (struct watch){.pid = process->pid, .start_ticks = process->stat.start_ticks};
    return oldest;
}

static struct watched_thread *
thread_of(struct watch *watch, int64_t tid)
{
    for (size_t i = 0; i < watch->count; i++) {
        if (watch->threads[i].tid == tid) {
            return &watch->threads[i];
        }
    }
    if (watch->count == WATCH_THREADS_MAX) {
        return NULL;
    }
    struct watched_thread *thread = &watch->threads[watch->count++];
    *thread = (struct watched_thread){.tid = tid};
    rates_init(&thread->rates);
    return thread;
}

/* Reads one thread; the busiest so far goes into the process. */
static void
read_thread(const struct scan *scan, struct process *process, int task_fd,
            struct watched_thread *thread)
{
    char path[32], text[1024];
    struct pid_stat stat;
    snprintf(path, sizeof(path), "%lld/stat", (long long)thread->tid);
    ssize_t n = file_read_brief_at(task_fd, path, text, sizeof(text));
    if (n <= 0 || !pid_stat_parse((struct str){text, (size_t)n}, &stat)) {
        return;
    }
    if (stat.start_ticks != thread->start_ticks) {
        rates_init(&thread->rates);
        thread->start_ticks = stat.start_ticks;
    }
    thread->tick = scan->tick;
    rates_step(&thread->rates, &stat.cpu_ticks, 1, scan_now_ns(scan));
    double cpu = thread->rates.per_second[0] / (double)scan->ticks_per_second;
    if (cpu > process->details->thread_cpu ||
        (isnan(process->details->thread_cpu) && !isnan(cpu))) {
        process->details->thread_cpu = cpu;
        utf8_clean(stat.name, process->details->thread_name, sizeof(process->details->thread_name));
        process->details->thread_ns = scan_now_ns(scan);
    }
}

/* Threads that ended make room for others. */
static void
drop_ended(const struct scan *scan, struct watch *watch)
{
    size_t kept = 0;
    for (size_t i = 0; i < watch->count; i++) {
        if (watch->threads[i].tick == scan->tick) {
            watch->threads[kept++] = watch->threads[i];
        }
    }
    watch->count = kept;
}

static void
read_threads(struct scan *scan, struct process *process)
{
    if (details_of(process) == NULL) {
        return;
    }
    char path[32];
    snprintf(path, sizeof(path), "%lld/task", (long long)process->pid);
    int fd = openat(scan->proc_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir == NULL) {
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    struct watch *watch = watch_of(scan, process);
    watch->tick = scan->tick;
    process->details->thread_cpu = NAN;
    size_t passed = 0, read = 0;
    const struct dirent *entry;
    while (read < WATCH_THREADS_MAX && (entry = readdir(dir)) != NULL) {
        int64_t tid;
        struct watched_thread *thread;
        if (pid_parse(entry->d_name, &tid) && passed++ >= watch->skip &&
            (thread = thread_of(watch, tid)) != NULL) {
            read_thread(scan, process, fd, thread);
            read++;
        }
    }
    closedir(dir);
    drop_ended(scan, watch);
    bool found = isnan(process->details->thread_cpu) ||
                 process->details->thread_cpu >= WATCH_SHARE * process_cpu(scan, process);
    if (!found && process->stat.threads > WATCH_THREADS_MAX) {
        watch->skip = (watch->skip + WATCH_THREADS_MAX) % (size_t)process->stat.threads;
        watch->count = 0;
    }
}

bool
threads_step(struct scan *scan, struct batch *batch)
{
    (void)batch;
    struct process *busiest[WATCHES_MAX + 1];
    size_t count = find_busiest(scan, busiest);
    while (scan->at < count) {
        read_threads(scan, busiest[scan->at++]);
        if (scan_late(scan) && scan->at < count) {
            return false;
        }
    }
    return true;
}
