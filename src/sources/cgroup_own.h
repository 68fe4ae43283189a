/* The limits of the monitor's own control group.
 *
 * They are the tightest on the way from its group up to the root, and what is measured against a
 * limit is read from the group that has it: the limit holds for all below it. */
#ifndef FLAMETOP_SOURCES_CGROUP_OWN_H
#define FLAMETOP_SOURCES_CGROUP_OWN_H

#include "cgroup_files.h"
#include "flametop/core/batch.h"

#define CGROUP_OWN_METRICS 13
extern const struct metric cgroup_own_metrics[CGROUP_OWN_METRICS];

struct cgroup_own {
    const struct cgroup_files *files;
    const struct roots *roots;
    double host_memory;
    size_t host_cores;
    double cpu_limit, memory_limit; /* INFINITY: none */
    char cpu_path[CGROUP_PATH_BYTES], memory_path[CGROUP_PATH_BYTES],
        unified_path[CGROUP_PATH_BYTES];
};

/* Both must outlive it. No limits until they are looked for. */
void cgroup_own_init(struct cgroup_own *own, const struct cgroup_files *files,
                     const struct roots *roots);
void cgroup_own_find(struct cgroup_own *own);

/* The limits, and what is used of them. */
void cgroup_own_put(const struct cgroup_own *own, struct batch *batch);

#endif
