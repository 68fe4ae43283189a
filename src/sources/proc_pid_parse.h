/* Parsers for the files of one process: /proc/PID/{stat,status,io,cgroup,cmdline,limits,wchan}
 * (proc(5)).
 *
 * Pure functions on bytes that the process itself may have chosen. They answer false, and leave the
 * result untouched, when the text is not whole: a process can vanish in the middle of a reading. */
#ifndef FLAMETOP_SOURCES_PROC_PID_PARSE_H
#define FLAMETOP_SOURCES_PROC_PID_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/str.h"

/* What /proc/PID/stat and /proc/PID/task/TID/stat say, fields 1-24. Times are in clock ticks. */
struct pid_stat {
    struct str name; /* raw, inside the text that was parsed */
    int64_t pid, parent_pid;
    char state;
    bool kernel; /* a kernel thread: PF_KTHREAD of linux/sched.h */
    uint64_t minor_faults, major_faults;
    uint64_t cpu_ticks;          /* utime + stime */
    uint64_t children_cpu_ticks; /* cutime + cstime: of the children waited for */
    uint64_t children_faults;    /* cminflt: theirs, minor */
    int64_t nice, threads;
    uint64_t start_ticks; /* since boot; with the pid it names the process */
    uint64_t virtual_bytes;
    int64_t rss_pages;
};

bool pid_stat_parse(struct str text, struct pid_stat *ret_stat);

/* /proc/PID/io: what reached the block layer. */
struct pid_io {
    uint64_t read_bytes, write_bytes;
};

bool pid_io_parse(struct str text, struct pid_io *ret_io);

/* /proc/PID/status. */
struct pid_status {
    uint32_t effective_uid;
    uint64_t switches; /* voluntary and not, of the main thread */
};

bool pid_status_parse(struct str text, struct pid_status *ret_status);

/* The path that says most in /proc/PID/cgroup: of cgroup v2 when it is not the root, else of the
 * first v1 hierarchy that is not at its root, else "/". False when no line is whole. */
bool pid_cgroup_parse(struct str text, struct str *ret_path);

/* A short name for a cgroup path: the first 12 digits of the deepest container id (32 hexadecimal
 * digits or more), else the last component with systemd's \xNN escapes undone, "/" for the root.
 * Cleaned. Answers the bytes written. */
size_t cgroup_short_name(struct str path, char *dst, size_t size);

/* /proc/PID/cmdline on one line: the arguments joined by blanks and cleaned. Empty for kernel
 * threads and zombies. Answers the bytes written. */
size_t pid_cmdline_text(struct str text, char *dst, size_t size);

/* The soft limit of open files in /proc/PID/limits; INT64_MAX when there is none. */
bool pid_limits_parse(struct str text, int64_t *ret_open_files);

/* One name of a directory such as /proc as a process id; false for everything else. */
bool pid_parse(const char *name, int64_t *ret_pid);

#endif
