#include "cgroup_own.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "flametop/base/file.h"
#include "flametop/base/macros.h"

enum {
    METRIC_CPU_LIMIT,
    METRIC_CPU_TIME,
    METRIC_CPU_UTILIZATION,
    METRIC_THROTTLED_TIME,
    METRIC_PERIODS,
    METRIC_THROTTLED_PERIODS,
    METRIC_THROTTLED,
    METRIC_MEMORY_LIMIT,
    METRIC_MEMORY_USAGE,
    METRIC_MEMORY_UTILIZATION,
    METRIC_OOM_KILLS,
    METRIC_PRESSURE_TIME,
    METRIC_PRESSURE,
    METRIC_COUNT = CGROUP_OWN_METRICS,
};

const struct metric cgroup_own_metrics[METRIC_COUNT] = {
    [METRIC_CPU_LIMIT] = {.name = "container.cpu.limit",
                          .unit = "{core}",
                          .labels = "",
                          .text = "Cores this control group may use; absent without a limit."},
    [METRIC_CPU_TIME] = {.name = "container.cpu.time",
                         .unit = "s",
                         .labels = "",
                         .kind = METRIC_COUNTER,
                         .text = "CPU time used by the control group that has the CPU limit."},
    [METRIC_CPU_UTILIZATION] = {.name = "container.cpu.utilization",
                                .unit = "1",
                                .labels = "",
                                .formula = "container.cpu.time / container.cpu.limit",
                                .better = BETTER_LOWER,
                                .fold = FOLD_FORMULA,
                                .warning = 0.8,
                                .critical = 0.95,
                                .text = "CPU use as a share of the control group's limit."},
    [METRIC_THROTTLED_TIME] =
        {.name = "container.cpu.throttled.time",
         .unit = "s",
         .labels = "",
         .kind = METRIC_COUNTER,
         .better = BETTER_LOWER,
         .text = "Time the control group was held back by its CPU limit, all cores "
                 "added."},
    [METRIC_PERIODS] =
        {.name = "container.cpu.periods",
         .unit = "{period}",
         .labels = "",
         .kind = METRIC_COUNTER,
         .text = "Scheduling periods of the CPU limit in which the group wanted to run."},
    [METRIC_THROTTLED_PERIODS] = {.name = "container.cpu.throttled.periods",
                                  .unit = "{period}",
                                  .labels = "",
                                  .kind = METRIC_COUNTER,
                                  .better = BETTER_LOWER,
                                  .text = "Scheduling periods in which the CPU limit was used up."},
    [METRIC_THROTTLED] =
        {.name = "container.cpu.throttled",
         .unit = "1",
         .labels = "",
         .formula = "container.cpu.throttled.periods / container.cpu.periods",
         .better = BETTER_LOWER,
         .fold = FOLD_FORMULA,
         .warning = 0.1,
         .critical = 0.5,
         .text = "Share of the scheduling periods in which the CPU limit was used up."},
    [METRIC_MEMORY_LIMIT] = {.name = "container.memory.limit",
                             .unit = "By",
                             .labels = "",
                             .text = "Memory this control group may use; absent without a limit."},
    [METRIC_MEMORY_USAGE] =
        {.name = "container.memory.usage",
         .unit = "By",
         .labels = "",
         .better = BETTER_LOWER,
         .text = "Memory used by the control group that has the memory limit, without file "
                 "cache that was not used of late."},
    [METRIC_MEMORY_UTILIZATION] = {.name = "container.memory.utilization",
                                   .unit = "1",
                                   .labels = "",
                                   .formula = "container.memory.usage / container.memory.limit",
                                   .better = BETTER_LOWER,
                                   .fold = FOLD_FORMULA,
                                   .warning = 0.8,
                                   .critical = 0.95,
                                   .text = "Memory use as a share of the control group's limit."},
    [METRIC_OOM_KILLS] =
        {.name = "container.memory.oom_kills",
         .unit = "{process}",
         .labels = "",
         .kind = METRIC_COUNTER,
         .better = BETTER_LOWER,
         .text = "Processes ended because the control group reached its memory limit."},
    [METRIC_PRESSURE_TIME] =
        {.name = "container.pressure.time",
         .unit = "s",
         .labels = "resource kind",
         .kind = METRIC_COUNTER,
         .better = BETTER_LOWER,
         .text = "Time in which some or all (full) tasks of this control group waited for "
                 "cpu, memory or io (PSI)."},
    [METRIC_PRESSURE] =
        {.name = "container.pressure.utilization",
         .unit = "1",
         .labels = "resource kind",
         .formula = "min(1, container.pressure.time)",
         .better = BETTER_LOWER,
         .fold = FOLD_MAX,
         .warning = 0.1,
         .critical = 0.4,
         .text = "Share of the time in which tasks of this control group waited (PSI)."},
};

static const char *const pressure_labels[PRESSURE_COUNT][2] = {
    [PRESSURE_CPU] = {"resource=cpu,kind=some", "resource=cpu,kind=full"},
    [PRESSURE_MEMORY] = {"resource=memory,kind=some", "resource=memory,kind=full"},
    [PRESSURE_IO] = {"resource=io,kind=some", "resource=io,kind=full"},
};

/* The machine itself, to know what is no limit: INFINITY where it cannot be read. */
static void
read_host(struct cgroup_own *own)
{
    char path[PATH_MAX], text[8192];
    uint64_t kib;
    snprintf(path, sizeof(path), "%s/meminfo", own->roots->proc);
    ssize_t n = file_read_at(AT_FDCWD, path, text, sizeof(text));
    own->host_memory = n > 0 && cgroup_key((struct str){text, (size_t)n}, "MemTotal:", &kib)
                           ? (double)kib * 1024
                           : INFINITY;
    snprintf(path, sizeof(path), "%s/devices/system/cpu/online", own->roots->sys);
    n = file_read_at(AT_FDCWD, path, text, sizeof(text));
    own->host_cores = n > 0 ? cgroup_cpu_count((struct str){text, (size_t)n}) : 0;
    if (own->host_cores == 0) {
        own->host_cores = (size_t)MAX(sysconf(_SC_NPROCESSORS_ONLN), 1);
    }
}

void
cgroup_own_init(struct cgroup_own *own, const struct cgroup_files *files, const struct roots *roots)
{
    *own = (struct cgroup_own){.files = files, .roots = roots};
    own->cpu_limit = own->memory_limit = INFINITY;
    read_host(own);
}

/* Cuts the last component off; false at the root. */
static bool
go_up(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash == NULL || path[1] == 0) {
        return false;
    }
    slash[slash == path] = 0;
    return true;
}

/* The tightest value on the way up, and where it is. */
static double
tightest(struct cgroup_own *own, const char *from,
         double (*value)(struct cgroup_own *, const char *), char *ret_path)
{
    char path[CGROUP_PATH_BYTES];
    double least = INFINITY;
    str_copy(str_from(from), path, sizeof(path));
    str_copy(str_from(from), ret_path, CGROUP_PATH_BYTES);
    do {
        double limit = value(own, path);
        if (limit < least) {
            least = limit;
            str_copy(str_from(path), ret_path, CGROUP_PATH_BYTES);
        }
    } while (go_up(path));
    return least;
}

static double
cpu_limit_of(struct cgroup_own *own, const char *path)
{
    struct cgroup_usage usage;
    cgroup_usage_init(&usage);
    cgroup_read_limits(own->files, path, &usage);
    return usage.cpu_limit < (double)own->host_cores ? usage.cpu_limit : INFINITY;
}

static double
memory_limit_of(struct cgroup_own *own, const char *path)
{
    struct cgroup_usage usage;
    cgroup_usage_init(&usage);
    cgroup_read_limits(own->files, path, &usage);
    return usage.memory_limit < own->host_memory ? usage.memory_limit : INFINITY;
}

void
cgroup_own_find(struct cgroup_own *own)
{
    char file[PATH_MAX], text[8192], path[CGROUP_PATH_BYTES];
    snprintf(file, sizeof(file), "%s/self/cgroup", own->roots->proc);
    ssize_t n = file_read_at(AT_FDCWD, file, text, sizeof(text));
    struct str paths = {text, n > 0 ? (size_t)n : 0};
    const struct cgroup_files *files = own->files;
    own->cpu_limit = own->memory_limit = INFINITY;
    if (files->by[CGROUP_CPU] != NULL) {
        cgroup_own_path(files->by[CGROUP_CPU], paths, path, sizeof(path));
        own->cpu_limit = tightest(own, path, cpu_limit_of, own->cpu_path);
    }
    if (files->by[CGROUP_MEMORY] != NULL) {
        cgroup_own_path(files->by[CGROUP_MEMORY], paths, path, sizeof(path));
        own->memory_limit = tightest(own, path, memory_limit_of, own->memory_path);
    }
    if (files->by[CGROUP_CPUSET] != NULL) {
        cgroup_own_path(files->by[CGROUP_CPUSET], paths, path, sizeof(path));
        size_t cores = cgroup_read_cpuset(files, path);
        if (cores > 0 && cores < own->host_cores && (double)cores < own->cpu_limit) {
            own->cpu_limit = (double)cores;
        }
    }
    str_copy(STR("/"), own->unified_path, sizeof(own->unified_path));
    if (files->unified != NULL) {
        cgroup_own_path(files->unified, paths, own->unified_path, sizeof(own->unified_path));
    }
}

static void
put_known(struct batch *batch, unsigned metric, const char *labels, double value)
{
    if (isfinite(value)) {
        batch_put(batch, &cgroup_own_metrics[metric], labels, value);
    }
}

static void
deliver_cpu(const struct cgroup_own *own, struct batch *batch)
{
    struct cgroup_usage usage;
    cgroup_usage_init(&usage);
    cgroup_read_cpu(own->files, own->cpu_path, &usage);
    put_known(batch, METRIC_CPU_LIMIT, "", own->cpu_limit);
    put_known(batch, METRIC_CPU_TIME, "", usage.cpu_s);
    put_known(batch, METRIC_THROTTLED_TIME, "", usage.throttled_s);
    put_known(batch, METRIC_PERIODS, "", usage.periods);
    put_known(batch, METRIC_THROTTLED_PERIODS, "", usage.throttled_periods);
}

static void
deliver_memory(const struct cgroup_own *own, struct batch *batch)
{
    struct cgroup_usage usage;
    cgroup_usage_init(&usage);
    cgroup_read_memory(own->files, own->memory_path, &usage);
    put_known(batch, METRIC_MEMORY_LIMIT, "", own->memory_limit);
    put_known(batch, METRIC_MEMORY_USAGE, "", usage.memory);
    put_known(batch, METRIC_OOM_KILLS, "", usage.oom_kills);
}

static void
deliver_pressure(const struct cgroup_own *own, struct batch *batch)
{
    struct cgroup_usage usage;
    cgroup_usage_init(&usage);
    cgroup_read_pressure(own->files, own->unified_path, &usage);
    for (unsigned i = 0; i < PRESSURE_COUNT; i++) {
        put_known(batch, METRIC_PRESSURE_TIME, pressure_labels[i][0], usage.some_s[i]);
        put_known(batch, METRIC_PRESSURE_TIME, pressure_labels[i][1], usage.full_s[i]);
    }
}

void
cgroup_own_put(const struct cgroup_own *own, struct batch *batch)
{
    bool cpu = isfinite(own->cpu_limit), memory = isfinite(own->memory_limit);
    if (cpu) {
        deliver_cpu(own, batch);
    }
    if (memory) {
        deliver_memory(own, batch);
    }
    if (cpu || memory || strcmp(own->unified_path, "/") != 0) {
        deliver_pressure(own, batch);
    }
}
