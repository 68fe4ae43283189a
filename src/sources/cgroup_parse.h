/* Parsers for control groups: where they are mounted and what their files say.
 *
 * Formats: proc(5) mountinfo, cgroups(7), Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/.
 * Pure functions; false leaves the result untouched. */
#ifndef FLAMETOP_SOURCES_CGROUP_PARSE_H
#define FLAMETOP_SOURCES_CGROUP_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/str.h"

enum cgroup_controller {
    CGROUP_CPU,
    CGROUP_CPUACCT,
    CGROUP_CPUSET,
    CGROUP_MEMORY,
    CGROUP_PIDS,
    CGROUP_CONTROLLER_COUNT
};

/* A bit for each controller in a list such as "cpu,cpuacct" or "cpuset cpu io memory". */
unsigned cgroup_controllers(struct str list, char separator);

struct cgroup_mount {
    struct str root;  /* which group the mount shows as its root */
    struct str point; /* both with octal escapes, see cgroup_unescape */
    bool v2;
    unsigned controllers; /* v1 only */
};

/* One line of /proc/PID/mountinfo; false when it is no cgroup mount. */
bool cgroup_mount_parse(struct str line, struct cgroup_mount *ret_mount);

/* Undoes \040 and its like. Answers dst. */
char *cgroup_unescape(struct str s, char *dst, size_t size);

/* The path of a v1 controller (0 < controller bit), or of v2 (controllers == 0), in
 * /proc/PID/cgroup. */
bool cgroup_path_of(struct str text, unsigned controllers, struct str *ret_path);

/* One number; "max", -1 and v1's "no limit" (above 2^62) are INFINITY. */
bool cgroup_value_parse(struct str text, double *ret_value);

/* cpu.max: cores that may be used, INFINITY without a limit. */
bool cgroup_cpu_max_parse(struct str text, double *ret_cores);

/* The value of one key in a flat keyed file (cpu.stat, memory.stat, memory.events). */
bool cgroup_key(struct str text, const char *key, uint64_t *ret_value);

/* Pressure: the `total` of the line "some" or "full", in microseconds. */
bool cgroup_pressure_parse(struct str text, const char *kind, uint64_t *ret_us);

/* How many numbers a list such as "0-3,8" has; 0 for an empty or broken one. */
size_t cgroup_cpu_count(struct str list);

#endif
