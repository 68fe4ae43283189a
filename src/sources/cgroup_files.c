/* Finding and reading control groups. */
#include "cgroup_files.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flametop/base/file.h"
#include "flametop/base/macros.h"

#define MOUNTINFO_BYTES_MAX ((size_t)4 << 20)
#define MOUNTED_AT "/sys/fs/cgroup"
#define FILE_BYTES 8192 /* memory.stat is the longest, about 1.5 KiB */

static bool
add_hierarchy(struct cgroup_files *files, const char *point, const char *root, bool v2,
              unsigned controllers)
{
    if (files->count == ARRAY_SIZE(files->hierarchies)) {
        return false;
    }
    int fd = open(point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    struct hierarchy *hierarchy = &files->hierarchies[files->count++];
    *hierarchy = (struct hierarchy){.fd = fd, .v2 = v2, .controllers = controllers};
    str_copy(str_from(root), hierarchy->root, sizeof(hierarchy->root));
    if (v2) {
        char text[512];
        ssize_t n = file_read_brief_at(fd, "cgroup.controllers", text, sizeof(text));
        hierarchy->controllers = n > 0 ? cgroup_controllers((struct str){text, (size_t)n}, ' ') : 0;
        /* v2 counts CPU time in every group, whether the controller is on or not. */
        hierarchy->controllers |=
            hierarchy->controllers & 1u << CGROUP_CPU ? 1u << CGROUP_CPUACCT : 0;
    }
    return true;
}

static void
assign_controllers(struct cgroup_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        const struct hierarchy *hierarchy = &files->hierarchies[i];
        for (unsigned c = 0; c < CGROUP_CONTROLLER_COUNT; c++) {
            if ((hierarchy->controllers >> c & 1) != 0 && files->by[c] == NULL) {
                files->by[c] = hierarchy;
            }
        }
        if (hierarchy->v2 && files->unified == NULL) {
            files->unified = hierarchy;
        }
    }
}

/* Mount points lie under /sys/fs/cgroup; with another root they are looked for under that. */
static void
take_mount(struct cgroup_files *files, const struct roots *roots, const struct cgroup_mount *mount)
{
    char point[PATH_MAX], root[CGROUP_PATH_BYTES], moved[PATH_MAX];
    cgroup_unescape(mount->point, point, sizeof(point));
    cgroup_unescape(mount->root, root, sizeof(root));
    for (size_t i = 0; i < files->count; i++) {
        if (mount->v2 ? files->hierarchies[i].v2
                      : !files->hierarchies[i].v2 &&
                            (files->hierarchies[i].controllers & mount->controllers) != 0) {
            return; /* mounted a second time */
        }
    }
    const char *path = point;
    if (str_starts(str_from(point), MOUNTED_AT) && strcmp(roots->cgroup, MOUNTED_AT) != 0) {
        int n = snprintf(moved, sizeof(moved), "%s%s", roots->cgroup, point + strlen(MOUNTED_AT));
        path = n > 0 && (size_t)n < sizeof(moved) ? moved : point;
    }
    add_hierarchy(files, path, root, mount->v2, mount->controllers);
}

static void
find_by_mountinfo(struct cgroup_files *files, const struct roots *roots)
{
    char path[PATH_MAX], *data;
    snprintf(path, sizeof(path), "%s/self/mountinfo", roots->proc);
    ssize_t n = file_load(path, MOUNTINFO_BYTES_MAX, &data);
    if (n < 0) {
        return;
    }
    struct str rest = {data, (size_t)n}, line;
    while (str_line(&rest, &line)) {
        struct cgroup_mount mount;
        if (cgroup_mount_parse(line, &mount)) {
            take_mount(files, roots, &mount);
        }
    }
    free(data);
}

/* Without mountinfo: the usual folders. */
static void
find_by_folders(struct cgroup_files *files, const struct roots *roots)
{
    static const struct {
        const char *folder;
        unsigned controllers;
    } usual[] = {
        {"cpu,cpuacct", 1u << CGROUP_CPU | 1u << CGROUP_CPUACCT},
        {"cpu", 1u << CGROUP_CPU},
        {"cpuacct", 1u << CGROUP_CPUACCT},
        {"cpuset", 1u << CGROUP_CPUSET},
        {"memory", 1u << CGROUP_MEMORY},
        {"pids", 1u << CGROUP_PIDS},
    };
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/cgroup.controllers", roots->cgroup);
    if (access(path, R_OK) == 0) {
        add_hierarchy(files, roots->cgroup, "/", true, 0);
        return;
    }
    unsigned have = 0;
    for (size_t i = 0; i < ARRAY_SIZE(usual); i++) {
        snprintf(path, sizeof(path), "%s/%s", roots->cgroup, usual[i].folder);
        if ((have & usual[i].controllers) == 0 &&
            add_hierarchy(files, path, "/", false, usual[i].controllers)) {
            have |= usual[i].controllers;
        }
    }
}

int
cgroup_files_open(struct cgroup_files *files, const struct roots *roots, char *why, size_t why_size)
{
    *files = (struct cgroup_files){0};
    find_by_mountinfo(files, roots);
    if (files->count == 0) {
        find_by_folders(files, roots);
    }
    if (files->count == 0) {
        snprintf(why, why_size, "no control groups are mounted");
        return -ENOENT;
    }
    assign_controllers(files);
    return 0;
}

void
cgroup_files_close(struct cgroup_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        close(files->hierarchies[i].fd);
    }
    files->count = 0;
}

void
cgroup_usage_init(struct cgroup_usage *usage)
{
    *usage = (struct cgroup_usage){
        .cpu_s = NAN,
        .periods = NAN,
        .throttled_periods = NAN,
        .throttled_s = NAN,
        .cpu_limit = NAN,
        .memory = NAN,
        .memory_limit = NAN,
        .oom_kills = NAN,
        .processes = NAN,
        .some_s = {NAN, NAN, NAN},
        .full_s = {NAN, NAN, NAN},
    };
}

/* Reads PATH/FILE of a hierarchy; an empty text when it is not there. */
static struct str
read_text(const struct hierarchy *hierarchy, const char *path, const char *file,
          char text[FILE_BYTES])
{
    char name[CGROUP_PATH_BYTES + 64];
    if (hierarchy == NULL) {
        return (struct str){text, 0};
    }
    snprintf(name, sizeof(name), ".%s/%s", path, file);
    ssize_t n = file_read_brief_at(hierarchy->fd, name, text, FILE_BYTES);
    return (struct str){text, n > 0 ? (size_t)n : 0};
}

static double
read_value(const struct hierarchy *hierarchy, const char *path, const char *file)
{
    char text[FILE_BYTES];
    double value;
    return cgroup_value_parse(read_text(hierarchy, path, file, text), &value) ? value : NAN;
}

static double
key_of(struct str text, const char *key, double scale)
{
    uint64_t value;
    return cgroup_key(text, key, &value) ? (double)value * scale : NAN;
}

bool
cgroup_read_cpu(const struct cgroup_files *files, const char *path, struct cgroup_usage *usage)
{
    char text[FILE_BYTES];
    const struct hierarchy *cpu = files->by[CGROUP_CPU], *account = files->by[CGROUP_CPUACCT];
    if (cpu == NULL && account == NULL && files->unified != NULL) {
        account = files->unified;
    }
    struct str stat = read_text(cpu, path, "cpu.stat", text);
    usage->periods = key_of(stat, "nr_periods", 1);
    usage->throttled_periods = key_of(stat, "nr_throttled", 1);
    if (cpu != NULL && cpu->v2) {
        usage->throttled_s = key_of(stat, "throttled_usec", 1e-6);
    } else {
        usage->throttled_s = key_of(stat, "throttled_time", 1e-9);
    }
    if (account != NULL && account->v2) {
        stat = account == cpu ? stat : read_text(account, path, "cpu.stat", text);
        usage->cpu_s = key_of(stat, "usage_usec", 1e-6);
    } else {
        usage->cpu_s = read_value(account, path, "cpuacct.usage") * 1e-9;
    }
    return !isnan(usage->cpu_s) || !isnan(usage->periods);
}

bool
cgroup_read_memory(const struct cgroup_files *files, const char *path, struct cgroup_usage *usage)
{
    char text[FILE_BYTES];
    const struct hierarchy *memory = files->by[CGROUP_MEMORY];
    bool v2 = memory != NULL && memory->v2;
    double used = read_value(memory, path, v2 ? "memory.current" : "memory.usage_in_bytes");
    double idle = key_of(read_text(memory, path, "memory.stat", text),
                         v2 ? "inactive_file" : "total_inactive_file", 1);
    usage->memory = isnan(idle) ? used : fmax(used - idle, 0);
    if (isnan(used)) {
        usage->memory = NAN;
    }
    usage->oom_kills = key_of(
        read_text(memory, path, v2 ? "memory.events" : "memory.oom_control", text), "oom_kill", 1);
    return !isnan(used) || !isnan(usage->oom_kills);
}

bool
cgroup_read_limits(const struct cgroup_files *files, const char *path, struct cgroup_usage *usage)
{
    char text[FILE_BYTES];
    const struct hierarchy *cpu = files->by[CGROUP_CPU], *memory = files->by[CGROUP_MEMORY];
    usage->cpu_limit = NAN;
    if (cpu != NULL && cpu->v2) {
        cgroup_cpu_max_parse(read_text(cpu, path, "cpu.max", text), &usage->cpu_limit);
    } else if (cpu != NULL) {
        double period = read_value(cpu, path, "cpu.cfs_period_us");
        usage->cpu_limit = period > 0 ? read_value(cpu, path, "cpu.cfs_quota_us") / period : NAN;
    }
    usage->memory_limit = read_value(
        memory, path, memory != NULL && memory->v2 ? "memory.max" : "memory.limit_in_bytes");
    return !isnan(usage->cpu_limit) || !isnan(usage->memory_limit);
}

bool
cgroup_read_processes(const struct cgroup_files *files, const char *path,
                      struct cgroup_usage *usage)
{
    usage->processes = read_value(files->by[CGROUP_PIDS], path, "pids.current");
    return !isnan(usage->processes);
}

bool
cgroup_read_pressure(const struct cgroup_files *files, const char *path, struct cgroup_usage *usage)
{
    static const char *const names[PRESSURE_COUNT] = {"cpu.pressure", "memory.pressure",
                                                      "io.pressure"};
    bool any = false;
    for (unsigned i = 0; i < PRESSURE_COUNT; i++) {
        char text[FILE_BYTES];
        uint64_t us;
        struct str s = read_text(files->unified, path, names[i], text);
        usage->some_s[i] = cgroup_pressure_parse(s, "some", &us) ? (double)us * 1e-6 : NAN;
        usage->full_s[i] = cgroup_pressure_parse(s, "full", &us) ? (double)us * 1e-6 : NAN;
        any |= s.n > 0;
    }
    return any;
}

size_t
cgroup_read_cpuset(const struct cgroup_files *files, const char *path)
{
    char text[FILE_BYTES];
    const struct hierarchy *cpuset = files->by[CGROUP_CPUSET];
    bool v2 = cpuset != NULL && cpuset->v2;
    struct str list =
        read_text(cpuset, path, v2 ? "cpuset.cpus.effective" : "cpuset.effective_cpus", text);
    if (list.n == 0 && !v2) {
        list = read_text(cpuset, path, "cpuset.cpus", text);
    }
    return cgroup_cpu_count(list);
}

char *
cgroup_own_path(const struct hierarchy *hierarchy, struct str text, char *dst, size_t size)
{
    struct str path = STR("/"), root = str_from(hierarchy->root);
    cgroup_path_of(text, hierarchy->v2 ? 0 : hierarchy->controllers, &path);
    /* Seen from inside a container without a cgroup namespace, the mount shows the container's
     * group as its root, and the process' path is still the host's. */
    if (root.n > 1 && path.n >= root.n && memcmp(path.p, root.p, root.n) == 0 &&
        (path.n == root.n || path.p[root.n] == '/')) {
        path = (struct str){path.p + root.n, path.n - root.n};
    }
    str_copy(path.n == 0 ? STR("/") : path, dst, size);
    char name[CGROUP_PATH_BYTES + 2];
    snprintf(name, sizeof(name), ".%s", dst);
    if (strstr(dst, "/..") != NULL || faccessat(hierarchy->fd, name, F_OK, 0) != 0) {
        str_copy(STR("/"), dst, size); /* outside of what the mount shows */
    }
    return dst;
}
