/* The living processes: who is in /proc.
 *
 * Invariant: a list that holds is not made again. It is made anew when somebody was born or has
 * gone, when not all were kept, and every LIST_TICKS ticks. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "flametop/base/file.h"
#include "flametop/base/macros.h"
#include "proc_process.h"

#define LIST_BYTES 32768
#define LIST_ENTRY_BYTES 64 /* at least what an entry of a process takes */
#define LIST_TICKS 8        /* listed at least as often */

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

void
list_start(struct scan *scan)
{
    bool listed = scan->exited_count == 0 && scan->not_kept == 0;
    exited_free(scan);
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
            process_retire(scan, process);
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

bool
list_step(struct scan *scan, struct batch *batch)
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

void
list_open(struct scan *scan)
{
    scan->proc_sizes = is_procfs(scan->proc_fd);
    scan->loadavg_fd = scan->proc_sizes ? open_loadavg(scan->proc_fd) : -1;
}
