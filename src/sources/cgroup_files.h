/* Reading the files of one control group, whichever version it is of.
 *
 * A group is named by its path inside the mounts ("/" is what the mount shows as its root). In v1
 * each controller has its own tree; a group is what has the same path in all of them. */
#ifndef FLAMETOP_SOURCES_CGROUP_FILES_H
#define FLAMETOP_SOURCES_CGROUP_FILES_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "cgroup_parse.h"
#include "flametop/core/source.h"

#define CGROUP_PATH_BYTES 1024
#define HIERARCHIES_MAX CGROUP_CONTROLLER_COUNT

struct hierarchy {
    int fd; /* of the mount point */
    bool v2;
    unsigned controllers;
    char root[CGROUP_PATH_BYTES]; /* which group the mount shows */
};

struct cgroup_files {
    struct hierarchy hierarchies[HIERARCHIES_MAX + 1];
    size_t count;
    const struct hierarchy *by[CGROUP_CONTROLLER_COUNT]; /* NULL: absent */
    const struct hierarchy *unified; /* v2, also when it has no controllers; for pressure */
};

/* Finds the mounts; -ENOENT with a sentence when there is none. */
int cgroup_files_open(struct cgroup_files *files, const struct roots *roots, char *why,
                      size_t why_size);
void cgroup_files_close(struct cgroup_files *files);

enum { PRESSURE_CPU, PRESSURE_MEMORY, PRESSURE_IO, PRESSURE_COUNT };

/* What a group uses and may use. NaN: cannot be read; limits are INFINITY when there is none.
 * Memory is what docker and kubelet show: usage without the file cache that has not been used of
 * late. */
struct cgroup_usage {
    double cpu_s, periods, throttled_periods, throttled_s;
    double cpu_limit;
    double memory, memory_limit, oom_kills;
    double processes;
    double some_s[PRESSURE_COUNT], full_s[PRESSURE_COUNT];
};

/* Each sets its part of `usage`, and answers whether the group had any of its files. */
bool cgroup_read_cpu(const struct cgroup_files *files, const char *path,
                     struct cgroup_usage *usage);
bool cgroup_read_memory(const struct cgroup_files *files, const char *path,
                        struct cgroup_usage *usage);
bool cgroup_read_limits(const struct cgroup_files *files, const char *path,
                        struct cgroup_usage *usage);
bool cgroup_read_processes(const struct cgroup_files *files, const char *path,
                           struct cgroup_usage *usage);
bool cgroup_read_pressure(const struct cgroup_files *files, const char *path,
                          struct cgroup_usage *usage);

/* Cores in the group's cpuset; 0 when that cannot be read. */
size_t cgroup_read_cpuset(const struct cgroup_files *files, const char *path);

/* Everything unknown. */
void cgroup_usage_init(struct cgroup_usage *usage);

/* Where a process is, given its /proc/PID/cgroup: the path inside the mount of that controller. */
char *cgroup_own_path(const struct hierarchy *hierarchy, struct str text, char *dst, size_t size);

#endif
