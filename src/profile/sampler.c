/* Events, rings and what to say when there may be none. */
#include "sampler.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "flametop/base/buf.h"
#include "flametop/base/file.h"
#include "flametop/base/macros.h"

#define CPUS_MAX 4096u
#define EVENTS_MAX ((size_t)65536)
#define RING_BYTES ((size_t)131072) /* of data: more than a second of the deepest stacks at */
#define RING_RATE_HZ 99u            /* this rate */
#define RING_BYTES_MAX ((size_t)512 << 10)
#define DESCRIPTORS_BESIDE 256u
#define TASKS_MAX ((size_t)32768)
#define ATTEMPTS 3

struct sampler_ring {
    int fd; /* of the event it belongs to */
    struct perf_event_mmap_page *page;
    size_t head;  /* bytes before the data */
    size_t bytes; /* of data, a power of two */
};

/* One record as it waits for its turn. */
struct turn {
    uint64_t time;
    size_t at; /* in `bytes` */
};

struct sampler_work {
    struct buf bytes; /* what all rings held, one after another */
    struct turn *turns;
    size_t turn_count, turn_capacity;
    struct pollfd *fds;
};

/* ---- what there is ---- */

static int64_t
read_number(const char *root, const char *path, int64_t fallback)
{
    char name[256], text[64];
    snprintf(name, sizeof(name), "%s/%s", root, path);
    ssize_t n = file_read_at(AT_FDCWD, name, text, sizeof(text));
    struct str rest = {text, n > 0 ? (size_t)n : 0};
    int64_t value;
    return str_i64(&rest, &value) ? value : fallback;
}

/* What is to be opened: each task on each CPU. */
struct opening {
    const struct sampler_options *options;
    struct perf_event_attr attr;
    unsigned cpus[CPUS_MAX];
    size_t cpu_count;
    uint32_t tasks[TASKS_MAX], after[TASKS_MAX]; /* of a process; of the machine there is one: 0 */
    size_t task_count;
};

/* "0-3,8" */
static size_t
read_cpus(const char *sys, unsigned cpus[CPUS_MAX])
{
    char name[256], text[4096];
    size_t count = 0;
    snprintf(name, sizeof(name), "%s/devices/system/cpu/online", sys);
    ssize_t n = file_read_at(AT_FDCWD, name, text, sizeof(text));
    struct str rest = {text, n > 0 ? (size_t)n : 0}, part;
    while (str_until(&rest, ',', &part)) {
        uint64_t first, last;
        if (!str_u64(&part, &first)) {
            break;
        }
        last = first;
        if (part.n > 1 && part.p[0] == '-') {
            part.p++;
            part.n--;
            str_u64(&part, &last);
        }
        for (uint64_t cpu = first; cpu <= last && count < CPUS_MAX; cpu++) {
            cpus[count++] = (unsigned)cpu;
        }
    }
    if (count == 0) {
        cpus[count++] = 0;
    }
    return count;
}

static size_t
read_tasks(const struct sampler_options *options, uint32_t tasks[TASKS_MAX])
{
    char name[256];
    size_t count = 0;
    snprintf(name, sizeof(name), "%s/%u/task", options->proc, options->pid);
    DIR *dir = options->pid != 0 ? opendir(name) : NULL;
    const struct dirent *entry;
    if (options->pid == 0) {
        tasks[count++] = 0;
    }
    while (dir != NULL && count < TASKS_MAX && (entry = readdir(dir)) != NULL) {
        struct str text = str_from(entry->d_name);
        uint64_t tid;
        if (str_u64(&text, &tid) && text.n == 0) {
            tasks[count++] = (uint32_t)tid;
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return count;
}

/* ---- events ---- */

struct kind {
    bool cycles, kernel, threads; /* threads: what is inherited is threads alone, not processes */
};

static struct perf_event_attr
make_attr(const struct sampler *sampler, const struct sampler_options *options, struct kind kind)
{
    return (struct perf_event_attr){
        .type = kind.cycles ? PERF_TYPE_HARDWARE : PERF_TYPE_SOFTWARE,
        .size = sizeof(struct perf_event_attr),
        .config = kind.cycles ? PERF_COUNT_HW_CPU_CYCLES : PERF_COUNT_SW_CPU_CLOCK,
        .freq = 1,
        .sample_freq = sampler->rate_hz,
        .sample_type =
            PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_PERIOD | PERF_SAMPLE_CALLCHAIN,
        .disabled = 1,
        .inherit = options->pid != 0,
        .inherit_thread = options->pid != 0 && kind.threads,
        .exclude_kernel = !kind.kernel,
        .exclude_hv = 1,
        .exclude_idle = 1,
        .exclude_callchain_kernel = !kind.kernel,
        .mmap = 1,
        .mmap2 = 1,
        .comm = 1,
        .comm_exec = 1,
        .task = 1,
        .sample_id_all = 1,
        .watermark = 1,
        .wakeup_watermark = RING_BYTES / 2,
    };
}

static int
open_event(const struct perf_event_attr *attr, uint32_t tid, unsigned cpu)
{
    return (int)syscall(SYS_perf_event_open, attr, tid != 0 ? (pid_t)tid : -1, (int)cpu, -1,
                        PERF_FLAG_FD_CLOEXEC);
}

/* What the machine and our rights allow, best first: probed with one event. 0, or an errno: that
 * of rights when there is one. */
static int
choose_kind(struct sampler *sampler, struct opening *opening)
{
    int refused = 0, error = 0;
    for (unsigned i = 0; i < 8; i++) {
        struct kind kind = {(i & 4) == 0, (i & 2) == 0, (i & 1) == 0};
        opening->attr = make_attr(sampler, opening->options, kind);
        int fd = open_event(&opening->attr, opening->options->pid, opening->cpus[0]);
        if (fd >= 0) {
            close(fd);
            sampler->cycles = kind.cycles;
            sampler->kernel = kind.kernel;
            return 0;
        }
        error = errno;
        refused = error == EACCES || error == EPERM ? error : refused;
    }
    return refused != 0 ? refused : error;
}

static bool
has_event_room(struct sampler *sampler)
{
    if (sampler->event_count < sampler->event_capacity) {
        return true;
    }
    size_t wider = MAX(sampler->event_capacity * 2, (size_t)64);
    int *grown = realloc(sampler->events, wider * sizeof(int));
    if (grown != NULL) {
        sampler->events = grown;
        sampler->event_capacity = wider;
    }
    return grown != NULL;
}

/* The rings of those without rights may not be larger than kernel.perf_event_mlock_kb. */
static bool
open_ring(struct sampler *sampler, int fd)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), most = MAX(RING_BYTES, page);
    while (most < RING_BYTES_MAX && most / RING_BYTES * RING_RATE_HZ < sampler->rate_hz) {
        most *= 2;
    }
    for (size_t bytes = most; bytes >= page; bytes /= 2) {
        void *memory = mmap(NULL, page + bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (memory != MAP_FAILED) {
            sampler->rings[sampler->ring_count++] =
                (struct sampler_ring){.fd = fd, .page = memory, .bytes = bytes, .head = page};
            return true;
        }
    }
    return false;
}

/* 0, or an errno. A thread that is over and a CPU that was switched off are no mistakes: -1 in
 * *ring_fd until there is a ring. */
static int
add_event(struct sampler *sampler, const struct perf_event_attr *attr, uint32_t tid, unsigned cpu,
          int *ring_fd)
{
    int fd = open_event(attr, tid, cpu);
    if (fd < 0) {
        return errno == ESRCH || errno == ENODEV ? 0 : errno;
    }
    if (!has_event_room(sampler)) {
        close(fd);
        return ENOMEM;
    }
    sampler->events[sampler->event_count++] = fd;
    if (*ring_fd >= 0) {
        return ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT, *ring_fd) == 0 ? 0 : errno;
    }
    if (!open_ring(sampler, fd)) {
        return errno;
    }
    *ring_fd = fd;
    return 0;
}

static int
add_events(struct sampler *sampler, const struct opening *opening)
{
    for (size_t c = 0; c < opening->cpu_count; c++) {
        int ring_fd = -1;
        for (size_t t = 0; t < opening->task_count; t++) {
            int error =
                add_event(sampler, &opening->attr, opening->tasks[t], opening->cpus[c], &ring_fd);
            if (error != 0) {
                return error;
            }
        }
    }
    return sampler->ring_count > 0 ? 0 : ESRCH;
}

static void
close_events(struct sampler *sampler)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (size_t i = 0; i < sampler->ring_count; i++) {
        munmap(sampler->rings[i].page, page + sampler->rings[i].bytes);
    }
    for (size_t i = 0; i < sampler->event_count; i++) {
        close(sampler->events[i]);
    }
    sampler->ring_count = sampler->event_count = 0;
}

/* Each event is a descriptor, and the usual limit is 1024. The hard one is ours to use. */
static void
allow_descriptors(size_t count)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)count + DESCRIPTORS_BESIDE;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < wanted) {
        limit.rlim_cur = MIN(wanted, limit.rlim_max);
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Threads that were born meanwhile of others that had no event yet have none: then all is opened
 * anew. Those born of threads that have one inherit it. */
static int
open_events(struct sampler *sampler, struct opening *opening)
{
    int error = 0;
    for (unsigned i = 0; i < ATTEMPTS && error == 0; i++) {
        close_events(sampler);
        opening->task_count = read_tasks(opening->options, opening->tasks);
        if (opening->task_count * opening->cpu_count > EVENTS_MAX) {
            return EMFILE;
        }
        allow_descriptors(opening->task_count * opening->cpu_count);
        error = add_events(sampler, opening);
        size_t after = read_tasks(opening->options, opening->after);
        if (after == opening->task_count &&
            memcmp(opening->tasks, opening->after, after * sizeof(opening->tasks[0])) == 0) {
            break;
        }
    }
    return error;
}

/* ---- what would allow it ---- */

/* Seccomp filters of containers answer EPERM, the kernel's own check EACCES. */
static bool
is_filtered(const char *proc)
{
    char name[256], text[4096];
    snprintf(name, sizeof(name), "%s/self/status", proc);
    ssize_t n = file_read_at(AT_FDCWD, name, text, sizeof(text));
    return n > 0 && strstr(text, "\nSeccomp:\t2") != NULL;
}

static void
say_refused(const struct sampler_options *options, int error, char *why, size_t why_size)
{
    int64_t level = read_number(options->proc, "sys/kernel/perf_event_paranoid", 2);
    if (error == EPERM && is_filtered(options->proc)) {
        snprintf(
            why, why_size,
            "the seccomp filter of this container forbids perf_event_open: give it CAP_PERFMON "
            "(docker run --cap-add PERFMON), or sample from the host");
    } else if (error == EPERM) {
        snprintf(why, why_size,
                 "a security module or the kernel's lockdown forbids perf_event_open here");
    } else if (options->pid == 0) {
        snprintf(
            why, why_size,
            "sampling all processes takes CAP_PERFMON (sudo), or kernel.perf_event_paranoid at "
            "0 or below: it is %lld",
            (long long)level);
    } else if (level > 2) {
        snprintf(why, why_size,
                 "kernel.perf_event_paranoid is %lld: 2 lets users sample their own processes, "
                 "CAP_PERFMON (sudo) any",
                 (long long)level);
    } else {
        snprintf(why, why_size, "process %u is not yours: sampling it takes CAP_PERFMON (sudo)",
                 options->pid);
    }
}

static void
say_why(const struct opening *opening, int error, char *why, size_t why_size)
{
    const struct sampler_options *options = opening->options;
    size_t tasks = opening->task_count, cpus = opening->cpu_count;
    if (error == EACCES || error == EPERM) {
        say_refused(options, error, why, why_size);
    } else if (error == ESRCH) {
        snprintf(why, why_size, "there is no process %u", options->pid);
    } else if (error == EMFILE || error == ENFILE) {
        snprintf(why, why_size,
                 "%zu threads on %zu CPUs take %zu open files, more than there may be (ulimit -n): "
                 "sample the machine instead",
                 tasks, cpus, tasks * cpus);
    } else if (error == ENOSYS || error == ENOENT || error == EOPNOTSUPP) {
        snprintf(why, why_size, "this kernel was built without perf events");
    } else {
        snprintf(why, why_size, "perf_event_open: %s", strerror(error));
    }
}

/* ---- all of it ---- */

static bool
open_work(struct sampler *sampler)
{
    struct sampler_work *work = sampler->work = calloc(1, sizeof(*sampler->work));
    if (work == NULL) {
        return false;
    }
    size_t room = RING_BYTES;
    for (size_t i = 0; i < sampler->ring_count; i++) {
        room += sampler->rings[i].bytes;
    }
    buf_init(&work->bytes, room);
    work->fds = calloc(sampler->ring_count + 1, sizeof(*work->fds));
    for (size_t i = 0; work->fds != NULL && i < sampler->ring_count; i++) {
        work->fds[i] = (struct pollfd){.fd = sampler->rings[i].fd, .events = POLLIN};
    }
    return work->fds != NULL;
}

static int
open_all(struct sampler *sampler, struct opening *opening)
{
    opening->cpu_count = read_cpus(opening->options->sys, opening->cpus);
    sampler->rings = calloc(opening->cpu_count, sizeof(*sampler->rings));
    int error = sampler->rings == NULL ? ENOMEM : choose_kind(sampler, opening);
    error = error == 0 ? open_events(sampler, opening) : error;
    return error == 0 && !open_work(sampler) ? ENOMEM : error;
}

bool
sampler_open(struct sampler *sampler, const struct sampler_options *options, char *why,
             size_t why_size)
{
    int64_t most = read_number(options->proc, "sys/kernel/perf_event_max_sample_rate", 100000);
    int64_t depth = read_number(options->proc, "sys/kernel/perf_event_max_stack", 0);
    struct opening *opening = calloc(1, sizeof(*opening));
    *sampler = (struct sampler){
        .rate_hz = (unsigned)CLAMP((int64_t)options->rate_hz, 1, MAX(most, (int64_t)1)),
        .depth_max = (uint32_t)CLAMP(depth, 0, 65535)};
    if (opening == NULL) {
        snprintf(why, why_size, "out of memory");
        return false;
    }
    opening->options = options;
    int error = open_all(sampler, opening);
    if (error != 0) {
        say_why(opening, error, why, why_size);
        sampler_close(sampler);
    }
    free(opening);
    return error == 0;
}

void
sampler_close(struct sampler *sampler)
{
    close_events(sampler);
    if (sampler->work != NULL) {
        buf_done(&sampler->work->bytes);
        free(sampler->work->turns);
        free(sampler->work->fds);
        free(sampler->work);
    }
    free(sampler->events);
    free(sampler->rings);
    *sampler = (struct sampler){0};
}

void
sampler_switch(struct sampler *sampler, bool on)
{
    for (size_t i = 0; i < sampler->event_count; i++) {
        ioctl(sampler->events[i], on ? PERF_EVENT_IOC_ENABLE : PERF_EVENT_IOC_DISABLE, 0);
    }
}

/* ---- reading ---- */

/* Rings of threads that are over say so for ever: they are only looked at when the time is over. */
bool
sampler_wait(struct sampler *sampler, int fd, int timeout_ms)
{
    struct pollfd *fds = sampler->work->fds, *own = &fds[sampler->ring_count];
    *own = (struct pollfd){.fd = fd, .events = POLLIN};
    if (poll(fds, sampler->ring_count + 1, timeout_ms) > 0) {
        for (size_t i = 0; i < sampler->ring_count; i++) {
            if ((fds[i].revents & (POLLHUP | POLLERR)) != 0) {
                fds[i].fd = -1;
            }
        }
    }
    return (own->revents & POLLIN) != 0;
}

/* Takes over what a ring holds and gives its room back. A record may go round the end of it. */
static void
empty_ring(struct sampler_ring *ring, struct buf *bytes)
{
    uint64_t head = __atomic_load_n(&ring->page->data_head, __ATOMIC_ACQUIRE);
    uint64_t tail = ring->page->data_tail;
    size_t n = (size_t)MIN(head - tail, (uint64_t)ring->bytes);
    size_t at = (size_t)(tail & (ring->bytes - 1)), first = MIN(n, ring->bytes - at);
    const char *data = (const char *)ring->page + ring->head;
    buf_add(bytes, data + at, first);
    buf_add(bytes, data, n - first);
    __atomic_store_n(&ring->page->data_tail, head, __ATOMIC_RELEASE);
}

static bool
add_turn(struct sampler_work *work, uint64_t time, size_t at)
{
    if (work->turn_count == work->turn_capacity) {
        size_t wider = MAX(work->turn_capacity * 2, (size_t)256);
        struct turn *grown = realloc(work->turns, wider * sizeof(*grown));
        if (grown == NULL) {
            return false;
        }
        work->turns = grown;
        work->turn_capacity = wider;
    }
    work->turns[work->turn_count++] = (struct turn){time, at};
    return true;
}

static int
compare_turns(const void *a, const void *b)
{
    const struct turn *left = a, *right = b;
    return left->time != right->time ? (left->time < right->time ? -1 : 1)
                                     : (left->at > right->at) - (left->at < right->at);
}

void
sampler_drain(struct sampler *sampler,
              void (*take)(void *context, const struct ring_record *record), void *context)
{
    struct sampler_work *work = sampler->work;
    struct ring_record record;
    buf_clear(&work->bytes);
    work->turn_count = 0;
    for (size_t i = 0; i < sampler->ring_count; i++) {
        size_t at = work->bytes.n, n;
        empty_ring(&sampler->rings[i], &work->bytes);
        while ((n = ring_record_read((struct str){work->bytes.data + at, work->bytes.n - at},
                                     &record)) > 0) {
            add_turn(work, record.time, at);
            at += n;
        }
    }
    if (work->turn_count > 0) { /* or there may be no array */
        qsort(work->turns, work->turn_count, sizeof(*work->turns), compare_turns);
    }
    for (size_t i = 0; i < work->turn_count; i++) {
        size_t at = work->turns[i].at;
        ring_record_read((struct str){work->bytes.data + at, work->bytes.n - at}, &record);
        take(context, &record);
    }
}
