/* Control groups: a table of them, and the limits of the monitor's own (cgroup_own.h).
 *
 * The table's groups are read while the table is in view, otherwise every IDLE_STRIDE-th tick, and
 * looked for every LIST_TICKS, in slices, breadth first, at most GROUPS_MAX of them and DEPTH_MAX
 * deep; in between the last rows stand. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgroup_own.h"
#include "flametop/base/hash.h"
#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "flametop/core/rate.h"
#include "proc_pid_parse.h"
#include "sources.h"

#define GROUPS_MAX 512
#define DEPTH_MAX 6
#define IDLE_STRIDE 5
#define LIST_TICKS 3     /* groups seldom come and go: those known are read meanwhile */
#define LIMITS_STRIDE 16 /* ticks between looks at the own limits */
#define ABSENT_WALKS 16  /* walks between looks for files a group did not have */
#define SLICE_NS (4500 * NS_PER_US)
#define WINDOW_NS (250 * NS_PER_MS)

enum cgroup_column {
    COLUMN_PATH,
    COLUMN_NAME,
    COLUMN_CPU,
    COLUMN_CPU_LIMIT,
    COLUMN_THROTTLED,
    COLUMN_MEMORY,
    COLUMN_MEMORY_LIMIT,
    COLUMN_MEMORY_SHARE,
    COLUMN_PRESSURE_CPU,
    COLUMN_PRESSURE_MEMORY,
    COLUMN_PRESSURE_IO,
    COLUMN_PROCESSES,
    COLUMN_OOM_KILLS,
    COLUMN_COUNT,
};

/* clang-format off */
static const struct column columns[COLUMN_COUNT] = {
    [COLUMN_PATH] = {"cgroup.path", "PATH", "", "Path of the control group.", COLUMN_TEXT, COLUMN_KEY | COLUMN_KEEP, 0},
    [COLUMN_NAME] = {"cgroup.name", "NAME", "", "Container id (12 digits), or the last part of the path.", COLUMN_TEXT, COLUMN_KEEP, 24},
    [COLUMN_CPU] = {"cgroup.cpu.utilization", "CPU", "1", "CPU time used per second; 100 % is one core.", COLUMN_REAL, COLUMN_RANK | COLUMN_KEEP, 7},
    [COLUMN_CPU_LIMIT] = {"cgroup.cpu.limit", "CPUS", "{core}", "Cores it may use; nothing without a limit.", COLUMN_REAL, COLUMN_KEEP, 6},
    [COLUMN_THROTTLED] = {"cgroup.cpu.throttled", "THROT", "1", "Share of the scheduling periods in which it was held back by its CPU limit.", COLUMN_REAL, COLUMN_KEEP, 7},
    [COLUMN_MEMORY] = {"cgroup.memory.usage", "MEM", "By", "Memory in use, without file cache that was not used of late.", COLUMN_REAL, COLUMN_RANK | COLUMN_KEEP, 9},
    [COLUMN_MEMORY_LIMIT] = {"cgroup.memory.limit", "LIMIT", "By", "Memory it may use; nothing without a limit.", COLUMN_REAL, COLUMN_KEEP, 9},
    [COLUMN_MEMORY_SHARE] = {"cgroup.memory.utilization", "MEM%", "1", "Memory in use as a share of the limit.", COLUMN_REAL, COLUMN_KEEP, 7},
    [COLUMN_PRESSURE_CPU] = {"cgroup.pressure.cpu", "PSICPU", "1", "Share of the time in which some task waited for CPU.", COLUMN_REAL, COLUMN_KEEP, 7},
    [COLUMN_PRESSURE_MEMORY] = {"cgroup.pressure.memory", "PSIMEM", "1", "Share of the time in which some task waited for memory.", COLUMN_REAL, COLUMN_KEEP, 7},
    [COLUMN_PRESSURE_IO] = {"cgroup.pressure.io", "PSIIO", "1", "Share of the time in which some task waited for I/O.", COLUMN_REAL, COLUMN_KEEP, 7},
    [COLUMN_PROCESSES] = {"cgroup.processes", "TASKS", "", "Processes and threads in it and below.", COLUMN_REAL, COLUMN_KEEP, 6},
    [COLUMN_OOM_KILLS] = {"cgroup.memory.oom_kills", "OOM", "", "Processes ended because the group was out of memory, since it was made.", COLUMN_REAL, COLUMN_HIDDEN, 5},
};
/* clang-format on */

static const struct table_def cgroup_table_def = {
    .name = "cgroups",
    .title = "Control groups",
    .text = "Containers, services and other control groups with what they use and may use.",
    .columns = columns,
    .column_count = COLUMN_COUNT,
    .sort_column = COLUMN_CPU,
    .kept_rows = 8,
};

struct group {
    char *path;
    unsigned depth;
    uint64_t walk;
    int64_t from_ns; /* when `from` was read; 0: nothing yet */
    struct cgroup_usage from, now;
    unsigned absent; /* bit i: it had none of the files of readings[i] */
    double cpu, throttled, some[PRESSURE_COUNT];
};

enum walk_phase { WALK_START, WALK_LIST, WALK_READ, WALK_NONE };

struct cgroups {
    struct source_setup setup;
    struct cgroup_files files;
    uint64_t tick, walk, listed_tick;
    enum walk_phase phase;
    int64_t slice_ns;
    size_t at;
    struct map by_path; /* hash of the path, probing on by adding 1 */
    struct group *list[GROUPS_MAX];
    size_t count;
    bool more; /* there are more groups than fit */

    struct cgroup_own own;
};

static bool
is_late(const struct cgroups *cgroups)
{
    return clock_now(cgroups->setup.clock).mono_ns - cgroups->slice_ns >= SLICE_NS;
}

/* Groups
 * -------------------------------------------------------------------------------------------------
 */

static struct group *
find_group(const struct cgroups *cgroups, const char *path, uint64_t *ret_key)
{
    uint64_t key = hash_text(path);
    struct group *group;
    while ((group = map_get(&cgroups->by_path, key)) != NULL && strcmp(group->path, path) != 0) {
        key++;
    }
    *ret_key = key;
    return group;
}

static void
group_free(struct group *group)
{
    free(group->path);
    free(group);
}

static struct group *
group_new(const char *path)
{
    struct group *group = calloc(1, sizeof(*group));
    char *copy = strdup(path);
    if (group == NULL || copy == NULL) {
        free(group);
        free(copy);
        return NULL;
    }
    group->path = copy;
    group->cpu = group->throttled = NAN;
    group->some[PRESSURE_CPU] = group->some[PRESSURE_MEMORY] = group->some[PRESSURE_IO] = NAN;
    cgroup_usage_init(&group->now);
    return group;
}

/* Puts a group on the list of this walk, once. */
static void
visit(struct cgroups *cgroups, const char *path, unsigned depth)
{
    uint64_t key;
    struct group *group = find_group(cgroups, path, &key);
    if (group != NULL && group->walk == cgroups->walk) {
        return;
    }
    if (cgroups->count == GROUPS_MAX) {
        cgroups->more = true;
        return;
    }
    if (group == NULL) {
        group = group_new(path);
        if (group == NULL || !map_put(&cgroups->by_path, key, group)) {
            if (group != NULL) {
                group_free(group);
            }
            cgroups->more = true;
            return;
        }
    }
    group->walk = cgroups->walk;
    group->depth = depth;
    cgroups->list[cgroups->count++] = group;
}

static void
visit_children(struct cgroups *cgroups, const struct hierarchy *hierarchy,
               const struct group *group)
{
    char name[CGROUP_PATH_BYTES + 2], child[CGROUP_PATH_BYTES];
    snprintf(name, sizeof(name), ".%s", group->path);
    int fd = openat(hierarchy->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir == NULL) {
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    const char *parent = strcmp(group->path, "/") == 0 ? "" : group->path;
    const struct dirent *entry;
    while (!cgroups->more && (entry = readdir(dir)) != NULL) {
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.') {
            continue;
        }
        int n = snprintf(child, sizeof(child), "%s/%s", parent, entry->d_name);
        if (n > 0 && (size_t)n < sizeof(child)) {
            visit(cgroups, child, group->depth + 1);
        }
    }
    closedir(dir);
}

/* The trees that are walked: v2 where it has controllers, else those of v1 that say something. */
static bool
is_walked(const struct cgroups *cgroups, const struct hierarchy *hierarchy)
{
    const struct cgroup_files *files = &cgroups->files;
    static const enum cgroup_controller telling[] = {CGROUP_MEMORY, CGROUP_CPU, CGROUP_CPUACCT,
                                                     CGROUP_PIDS};
    for (size_t i = 0; i < ARRAY_SIZE(telling); i++) {
        if (files->by[telling[i]] == hierarchy) {
            return true;
        }
    }
    return files->count == 1;
}

static void
drop_unseen(struct cgroups *cgroups)
{
    for (;;) {
        size_t at = 0;
        uint64_t key;
        struct group *group;
        uint64_t gone[64];
        size_t count = 0;
        while (count < ARRAY_SIZE(gone) &&
               (group = map_next(&cgroups->by_path, &at, &key)) != NULL) {
            if (group->walk != cgroups->walk) {
                gone[count++] = key;
            }
        }
        for (size_t i = 0; i < count; i++) {
            group_free(map_remove(&cgroups->by_path, gone[i]));
        }
        if (count < ARRAY_SIZE(gone)) {
            return;
        }
    }
}

static void
start_walk(struct cgroups *cgroups)
{
    cgroups->tick++;
    bool due = cgroups->setup.interest->cgroups || cgroups->tick % IDLE_STRIDE == 1;
    bool list = due && (cgroups->walk == 0 || cgroups->tick - cgroups->listed_tick >= LIST_TICKS);
    cgroups->at = 0;
    cgroups->phase = list ? WALK_LIST : due ? WALK_READ : WALK_NONE;
    if (list) {
        cgroups->walk++;
        cgroups->listed_tick = cgroups->tick;
        cgroups->count = 0;
        cgroups->more = false;
        visit(cgroups, "/", 0);
    }
}

static bool
list_groups(struct cgroups *cgroups)
{
    while (cgroups->at < cgroups->count) {
        const struct group *group = cgroups->list[cgroups->at++];
        for (size_t i = 0; group->depth < DEPTH_MAX && i < cgroups->files.count; i++) {
            if (is_walked(cgroups, &cgroups->files.hierarchies[i])) {
                visit_children(cgroups, &cgroups->files.hierarchies[i], group);
            }
        }
        if (is_late(cgroups)) {
            return false;
        }
    }
    drop_unseen(cgroups);
    cgroups->at = 0;
    cgroups->phase = WALK_READ;
    return true;
}

/* The kernel's pressure totals may step back by a little when cores come and go: then nothing
 * happened. */
static double
rate(double before, double after, int64_t dt_ns)
{
    return after < before ? 0 : rate_of(before, after, dt_ns, 0);
}

static bool (*const readings[])(const struct cgroup_files *files, const char *path,
                                struct cgroup_usage *usage) = {
    cgroup_read_cpu,       cgroup_read_memory,   cgroup_read_limits,
    cgroup_read_processes, cgroup_read_pressure,
};

/* A group is seldom in all hierarchies, and controllers are seldom turned on later. */
static void
read_usage(const struct cgroups *cgroups, struct group *group)
{
    if (cgroups->walk % ABSENT_WALKS == 0) {
        group->absent = 0;
    }
    for (size_t i = 0; i < ARRAY_SIZE(readings); i++) {
        if ((group->absent >> i & 1) == 0 &&
            !readings[i](&cgroups->files, group->path, &group->now)) {
            group->absent |= 1u << i;
        }
    }
}

static void
read_group(struct cgroups *cgroups, struct group *group, int64_t now_ns)
{
    struct cgroup_usage *now = &group->now;
    const struct cgroup_usage *from = &group->from;
    read_usage(cgroups, group);
    int64_t dt_ns = now_ns - group->from_ns;
    if (group->from_ns != 0 && dt_ns < WINDOW_NS) {
        return;
    }
    if (group->from_ns != 0) {
        group->cpu = rate(from->cpu_s, now->cpu_s, dt_ns);
        double periods = now->periods - from->periods;
        group->throttled = periods > 0
                               ? (now->throttled_periods - from->throttled_periods) / periods
                           : periods == 0 ? 0
                                          : NAN;
        for (unsigned i = 0; i < PRESSURE_COUNT; i++) {
            group->some[i] = rate(from->some_s[i], now->some_s[i], dt_ns);
        }
    }
    group->from = *now;
    group->from_ns = now_ns;
}

static bool
read_groups(struct cgroups *cgroups)
{
    while (cgroups->at < cgroups->count) {
        read_group(cgroups, cgroups->list[cgroups->at++], clock_now(cgroups->setup.clock).mono_ns);
        if (is_late(cgroups)) {
            return false;
        }
    }
    return true;
}

static double
limited(double limit)
{
    return isfinite(limit) ? limit : NAN;
}

static void
fill_row(const struct group *group, union cell *row, struct arena *arena)
{
    char path[CGROUP_PATH_BYTES], name[128];
    size_t n = utf8_clean(str_from(group->path), path, sizeof(path));
    row[COLUMN_PATH].text = arena_text(arena, path, n);
    n = cgroup_short_name(str_from(group->path), name, sizeof(name));
    row[COLUMN_NAME].text = arena_text(arena, name, n);
    row[COLUMN_CPU].real = group->cpu;
    row[COLUMN_CPU_LIMIT].real = limited(group->now.cpu_limit);
    row[COLUMN_THROTTLED].real = group->throttled;
    row[COLUMN_MEMORY].real = group->now.memory;
    row[COLUMN_MEMORY_LIMIT].real = limited(group->now.memory_limit);
    row[COLUMN_MEMORY_SHARE].real =
        group->now.memory_limit > 0 ? group->now.memory / limited(group->now.memory_limit) : NAN;
    row[COLUMN_PRESSURE_CPU].real = group->some[PRESSURE_CPU];
    row[COLUMN_PRESSURE_MEMORY].real = group->some[PRESSURE_MEMORY];
    row[COLUMN_PRESSURE_IO].real = group->some[PRESSURE_IO];
    row[COLUMN_PROCESSES].real = group->now.processes;
    row[COLUMN_OOM_KILLS].real = group->now.oom_kills;
}

static void
deliver_table(const struct cgroups *cgroups, struct batch *batch)
{
    struct table *table = batch_table(batch, &cgroup_table_def, cgroups->count);
    for (size_t i = 0; table != NULL && i < cgroups->count; i++) {
        union cell *row = table_add(table, batch->arena);
        if (row == NULL) {
            batch->dropped += cgroups->count - i;
            break;
        }
        fill_row(cgroups->list[i], row, batch->arena);
    }
    if (table != NULL) {
        table->total = cgroups->count;
    }
}

/* The source
 * --------------------------------------------------------------------------------------------- */

static void
judge(const struct cgroups *cgroups, struct batch *batch)
{
    const struct hierarchy *const *by = cgroups->files.by;
    if (by[CGROUP_CPU] == NULL || by[CGROUP_MEMORY] == NULL) {
        batch_fail(batch, SOURCE_DEGRADED, "the %s controller of control groups is not there",
                   by[CGROUP_CPU] != NULL      ? "memory"
                   : by[CGROUP_MEMORY] != NULL ? "cpu"
                                               : "cpu and the memory");
    } else if (cgroups->more) {
        batch_fail(batch, SOURCE_DEGRADED, "more than %d control groups: the others are not read",
                   GROUPS_MAX);
    }
}

static enum source_step
cgroup_poll(void *state, struct batch *batch)
{
    struct cgroups *cgroups = state;
    cgroups->slice_ns = clock_now(cgroups->setup.clock).mono_ns;
    if (cgroups->phase == WALK_START) {
        start_walk(cgroups);
    }
    if ((cgroups->phase == WALK_LIST && !list_groups(cgroups)) ||
        (cgroups->phase == WALK_READ && !read_groups(cgroups))) {
        return SOURCE_MORE;
    }
    cgroups->phase = WALK_START;
    if (cgroups->tick % LIMITS_STRIDE == 1) {
        cgroup_own_find(&cgroups->own);
    }
    cgroup_own_put(&cgroups->own, batch);
    deliver_table(cgroups, batch);
    judge(cgroups, batch);
    return SOURCE_DONE;
}

static void
cgroup_close(void *state)
{
    struct cgroups *cgroups = state;
    size_t at = 0;
    uint64_t key;
    struct group *group;
    while ((group = map_next(&cgroups->by_path, &at, &key)) != NULL) {
        group_free(group);
    }
    map_done(&cgroups->by_path);
    cgroup_files_close(&cgroups->files);
    free(cgroups);
}

static int
cgroup_open(const struct source_setup *setup, void **ret_state, char *why, size_t why_size)
{
    struct cgroups *cgroups = calloc(1, sizeof(*cgroups));
    if (cgroups == NULL) {
        snprintf(why, why_size, "out of memory");
        return -ENOMEM;
    }
    cgroups->setup = *setup;
    int error = cgroup_files_open(&cgroups->files, setup->roots, why, why_size);
    if (error != 0) {
        free(cgroups);
        return error;
    }
    map_init(&cgroups->by_path, (size_t)2 * GROUPS_MAX);
    cgroup_own_init(&cgroups->own, &cgroups->files, setup->roots);
    *ret_state = cgroups;
    return 0;
}

static const struct table_def *const tables[] = {&cgroup_table_def};

const struct source source_cgroup = {
    .name = "cgroups",
    .text = "Control groups and containers: limits, use, throttling and pressure.",
    .metrics = cgroup_own_metrics,
    .metric_count = ARRAY_SIZE(cgroup_own_metrics),
    .tables = tables,
    .table_count = ARRAY_SIZE(tables),
    .open = cgroup_open,
    .poll = cgroup_poll,
    .close = cgroup_close,
};
