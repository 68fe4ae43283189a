/* A machine made by hand, diagnosed as it is told second by second. */
#ifndef FLAMETOP_TESTS_ANALYSIS_DIAGNOSED_H
#define FLAMETOP_TESTS_ANALYSIS_DIAGNOSED_H

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "fixture.h"
#include "flametop/base/macros.h"

/* Gauges by the names that the judges read. */
enum {
    CPU,
    FORKS,
    RUN_QUEUE,
    PSI,
    MEMORY,
    KILLS,
    DISK,
    DISK_IO,
    FILESYSTEM,
    STEAL,
    LIMIT,
    LIMIT_USE,
    THROTTLED,
    VALUE_COUNT
};
static const struct metric metrics[] = {
    [CPU] = {.name = "system.cpu.utilization", .unit = "1", .labels = "", .text = ""},
    [FORKS] = {.name = "system.process.forks", .unit = "{process}/s", .labels = "", .text = ""},
    [RUN_QUEUE] = {.name = "system.cpu.run_queue", .unit = "{thread}", .labels = "", .text = ""},
    [PSI] = {.name = "system.pressure.some.utilization",
             .unit = "1",
             .labels = "resource",
             .fold = FOLD_MAX,
             .text = ""},
    [MEMORY] = {.name = "system.memory.utilization", .unit = "1", .labels = "", .text = ""},
    [KILLS] = {.name = "system.memory.oom_kills", .unit = "{process}/s", .labels = "", .text = ""},
    [DISK] = {.name = "system.disk.utilization", .unit = "1", .labels = "device", .text = ""},
    [DISK_IO] = {.name = "system.disk.io", .unit = "By/s", .labels = "device", .text = ""},
    [FILESYSTEM] = {.name = "system.filesystem.utilization",
                    .unit = "1",
                    .labels = "mountpoint",
                    .text = ""},
    [STEAL] = {.name = "system.cpu.steal.utilization", .unit = "1", .labels = "", .text = ""},
    [LIMIT] = {.name = "container.cpu.limit", .unit = "{cpu}", .labels = "", .text = ""},
    [LIMIT_USE] = {.name = "container.cpu.utilization", .unit = "1", .labels = "", .text = ""},
    [THROTTLED] = {.name = "container.cpu.throttled", .unit = "1", .labels = "", .text = ""},
    {.name = "system.pressure.avg10", .unit = "1", .labels = "resource kind", .text = ""},
};
static const char *const labels[VALUE_COUNT] = {[PSI] = "resource=io",
                                                [DISK] = "device=sda",
                                                [DISK_IO] = "device=sda",
                                                [FILESYSTEM] = "mountpoint=/data"};

enum { PID, NAME, CORE, CHILDREN, WRITE, HELD, THREADS, AGE, GROUP, PARENT, BORN, WAIT };
static const struct column process_columns[] = {
    [PID] = {"process.pid", "PID", "", "", COLUMN_INTEGER, COLUMN_KEY, 6},
    [NAME] = {"process.name", "NAME", "", "", COLUMN_TEXT, 0, 10},
    [CORE] = {"process.cpu.utilization", "CPU", "1", "", COLUMN_REAL, COLUMN_RANK, 6},
    [CHILDREN] = {"process.children.cpu.utilization", "", "1", "", COLUMN_REAL, 0, 6},
    [WRITE] = {"process.disk.write", "WRITE", "By/s", "", COLUMN_REAL, 0, 6},
    [HELD] = {"process.memory.usage", "MEM", "By", "", COLUMN_REAL, 0, 6},
    [THREADS] = {"process.threads", "THR", "", "", COLUMN_INTEGER, 0, 6},
    [AGE] = {"process.age", "AGE", "s", "", COLUMN_REAL, 0, 6},
    [GROUP] = {"process.cgroup", "GROUP", "", "", COLUMN_TEXT, 0, 6},
    [PARENT] = {"process.parent_pid", "PPID", "", "", COLUMN_INTEGER, 0, 6},
    [BORN] = {"process.children.births", "BORN", "{process}/s", "", COLUMN_REAL, 0, 6},
    [WAIT] = {"process.disk.wait", "WAIT", "1", "", COLUMN_REAL, 0, 6},
};
static const struct table_def processes = {
    "processes", "Processes", "", process_columns, ARRAY_SIZE(process_columns), CORE, 4};
static const struct column group_columns[] = {
    {"cgroup.path", "PATH", "", "", COLUMN_TEXT, COLUMN_KEY, 6},
    {"cgroup.name", "NAME", "", "", COLUMN_TEXT, 0, 6},
    {"cgroup.memory.usage", "MEM", "By", "", COLUMN_REAL, COLUMN_RANK, 6},
    {"cgroup.memory.limit", "LIMIT", "By", "", COLUMN_REAL, 0, 6},
    {"cgroup.memory.oom_kills", "OOM", "", "", COLUMN_REAL, 0, 6},
};
static const struct table_def groups = {
    "cgroups", "Groups", "", group_columns, ARRAY_SIZE(group_columns), 2, 4};
static const struct table_def *const tables[] = {&processes, &groups};

struct person {
    int64_t pid;
    double core, children, write, held, age, born, wait;
    int64_t parent;
    const char *name; /* NULL: p and the pid */
};

static struct world {
    int64_t mono_ns;
    double values[VALUE_COUNT]; /* NaN: not told */
    struct person people[5];
    size_t people_count;
    bool denied; /* rights hide some of what they do */
    bool group;
    double group_use, group_kills;
    size_t group_others;             /* further groups, with room */
    const char *group_path;          /* NULL: "/box" */
    const char *labels[VALUE_COUNT]; /* NULL: the usual ones */
    size_t resources;                /* more of them, of which the last is waited for */
} world;

static inline enum source_step
source_poll(void *state, struct batch *batch)
{
    (void)state;
    for (size_t i = 0; i < VALUE_COUNT; i++) {
        if (!isnan(world.values[i])) {
            const char *usual = labels[i] != NULL ? labels[i] : "";
            batch_put(batch, &metrics[i], world.labels[i] != NULL ? world.labels[i] : usual,
                      world.values[i]);
        }
    }
    for (size_t i = 1; i <= world.resources; i++) {
        batch_put(batch, &metrics[PSI], arena_printf(batch->arena, "resource=r%zu", i),
                  i == world.resources ? 0.5 : 0.01);
    }
    struct table *table = batch_table(batch, &processes, 5);
    table->total = world.people_count;
    for (size_t i = 0; i < world.people_count; i++) {
        const struct person *person = &world.people[i];
        union cell *row = table_add(table, batch->arena);
        row[PID].integer = person->pid;
        row[NAME].text = person->name != NULL ? person->name
                                              : arena_printf(batch->arena, "p%d", (int)person->pid);
        row[CORE].real = person->core;
        row[CHILDREN].real = person->children;
        row[WRITE].real = person->write;
        row[HELD].real = person->held;
        row[THREADS].integer = 1;
        row[AGE].real = person->age;
        row[GROUP].text = "box";
        row[PARENT].integer = person->parent;
        row[BORN].real = person->born;
        row[WAIT].real = person->wait;
    }
    if (world.group) {
        struct table *others = batch_table(batch, &groups, 1 + world.group_others);
        for (size_t i = 0; i < world.group_others; i++) {
            union cell *row = table_add(others, batch->arena);
            row[0].text = arena_printf(batch->arena, "/other%zu", i);
            row[1].text = "other";
            row[2].real = 1e6;
            row[3].real = 100e6;
            row[4].real = 0;
        }
        union cell *row = table_add(others, batch->arena);
        row[0].text = world.group_path != NULL ? world.group_path : "/box";
        row[1].text = "box";
        row[2].real = world.group_use;
        row[3].real = 100e6;
        row[4].real = world.group_kills;
    }
    batch->state = world.denied ? SOURCE_DEGRADED : SOURCE_OK;
    return SOURCE_DONE;
}

static const struct source source = WORLD_SOURCE("processes", metrics, tables, source_poll);
static const struct source *const sources[] = {&source};

static inline int
set_up(void **state)
{
    static struct fixture f;
    world = (struct world){.mono_ns = 1000 * NS_PER_S,
                           .people_count = 2,
                           .people = {{7, 0.02, 0, 0, 50e6, 100}, {8, 0.01, 0, 0, 20e6, 100}}};
    for (size_t i = 0; i < VALUE_COUNT; i++) {
        world.values[i] = 0;
    }
    world.values[CPU] = 0.05;
    world.values[MEMORY] = 0.3;
    world.values[FILESYSTEM] = 0.4;
    f = (struct fixture){.world = &world, .source = sources, .catalog = catalog_new(1000)};
    catalog_add(f.catalog, metrics, ARRAY_SIZE(metrics));
    start(&f);
    *state = &f;
    return 0;
}

static inline const struct finding *
finding(const struct fixture *f, const char *id)
{
    for (size_t i = 0; i < f->picture->finding_count; i++) {
        if (strcmp(f->picture->findings[i].id, id) == 0) {
            return &f->picture->findings[i];
        }
    }
    return NULL;
}

static inline bool
says(const struct fixture *f, const char *id, const char *words)
{
    const struct finding *found = finding(f, id);
    if (found != NULL && strstr(found->sentence, words) == NULL) {
        print_message("%s: %s\n", id, found->sentence);
    }
    return found != NULL && strstr(found->sentence, words) != NULL;
}

#endif
