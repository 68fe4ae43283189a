/* The diagnosis over pictures made by hand: who fires, who stays silent, and how it holds over
 * time. */
#include "../check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "flametop/analysis/table.h"
#include "flametop/base/macros.h"
#include "flametop/engine/collector.h"

/* Gauges by the names that the judges read. */
enum { CPU, FORKS, RUN_QUEUE, PSI, MEMORY, KILLS, DISK, DISK_IO, FILESYSTEM, STEAL, VALUE_COUNT };
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

static struct instant
world_now(void *context)
{
    (void)context;
    return (struct instant){world.mono_ns, world.mono_ns + INT64_C(1700000000) * NS_PER_S,
                            world.mono_ns};
}

static int
source_open(const struct source_setup *setup, void **ret_state, char *why, size_t size)
{
    (void)setup;
    (void)why;
    (void)size;
    *ret_state = &world;
    return 0;
}

static enum source_step
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

static void
source_close(void *state)
{
    (void)state;
}

static const struct source source = {.name = "processes",
                                     .text = "",
                                     .metrics = metrics,
                                     .metric_count = ARRAY_SIZE(metrics),
                                     .tables = tables,
                                     .table_count = ARRAY_SIZE(tables),
                                     .open = source_open,
                                     .poll = source_poll,
                                     .close = source_close};
static const struct source *const sources[] = {&source};

struct fixture {
    struct catalog *catalog;
    struct collector *collector;
    struct picture *picture; /* the last */
};

static void
start(struct fixture *f)
{
    struct collector_options options = {.catalog = f->catalog,
                                        .roots = {"/nonexistent", "/nonexistent", "/nonexistent"},
                                        .clock = {world_now, NULL},
                                        .interval_ns = NS_PER_S,
                                        .history_bytes = 1 << 20,
                                        .sources = sources,
                                        .source_count = 1,
                                        .analyzers = analyzer_table,
                                        .analyzer_count = analyzer_table_count};
    f->collector = collector_new(&options);
}

/* The user's thresholds are there before the collector is. */
static void
restart_with(struct fixture *f, int value, double warning, double critical)
{
    collector_free(f->collector);
    catalog_set_thresholds(f->catalog, catalog_metric(f->catalog, metrics[value].name), warning,
                           critical);
    start(f);
}

static int
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
    f = (struct fixture){.catalog = catalog_new(1000)};
    catalog_add(f.catalog, metrics, ARRAY_SIZE(metrics));
    start(&f);
    *state = &f;
    return 0;
}

static int
tear_down(void **state)
{
    struct fixture *f = *state;
    picture_release(f->picture);
    collector_free(f->collector);
    catalog_free(f->catalog);
    return 0;
}

static void
pass(struct fixture *f, int seconds)
{
    for (int i = 0; i < seconds; i++) {
        world.mono_ns += NS_PER_S;
        picture_release(f->picture);
        f->picture = collector_tick(f->collector);
        assert_non_null(f->picture);
    }
}

static const struct finding *
finding(const struct fixture *f, const char *id)
{
    for (size_t i = 0; i < f->picture->finding_count; i++) {
        if (strcmp(f->picture->findings[i].id, id) == 0) {
            return &f->picture->findings[i];
        }
    }
    return NULL;
}

static bool
says(const struct fixture *f, const char *id, const char *words)
{
    const struct finding *found = finding(f, id);
    if (found != NULL && strstr(found->sentence, words) == NULL) {
        print_message("%s: %s\n", id, found->sentence);
    }
    return found != NULL && strstr(found->sentence, words) != NULL;
}

static void
test_bottleneck__is_silent_on_an_idle_machine(void **state)
{
    struct fixture *f = *state;
    pass(f, 30);
    assert_int_equal(f->picture->finding_count, 0);
    assert_non_null(strstr(f->picture->looked_at, "CPU"));
    assert_non_null(strstr(f->picture->looked_at, "2 processes"));
}

/* Each judge: one value that is just not enough, one that is. */
static void
test_bottleneck__speaks_above_its_threshold_only(void **state)
{
    struct fixture *f = *state;
    static const struct {
        int value;
        double quiet, loud;
        const char *id, *words;
    } rows[] = {
        {CPU, 0.88, 0.97, "cpu.saturated", "CPU 97 % busy"},
        {STEAL, 0.08, 0.25, "cpu.stolen", "hypervisor"},
        {FORKS, 400, 2000, "process.fork_storm", "2.00 k"},
        {MEMORY, 0.93, 0.98, "memory.short", "memory 98 % used"},
        {FILESYSTEM, 0.94, 1, "filesystem.full:/data", "file system /data 100 % full"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        double before = world.values[rows[i].value];
        world.values[rows[i].value] = rows[i].quiet;
        pass(f, 25);
        assert_null(finding(f, rows[i].id));
        world.values[rows[i].value] = rows[i].loud;
        pass(f, 25);
        assert_true(says(f, rows[i].id, rows[i].words));
        world.values[rows[i].value] = before;
        pass(f, 25);
        assert_int_equal(f->picture->finding_count, 0);
    }
}

static void
test_bottleneck__speaks_in_the_first_picture(void **state)
{
    struct fixture *f = *state;
    world.values[CPU] = 1;
    world.people[0].core = 0.9;
    pass(f, 1);
    assert_true(says(f, "cpu.saturated", "p7 (7) uses 90 %"));
    assert_int_equal(finding(f, "cpu.saturated")->culprit_pid, 7);
}

static void
test_bottleneck__waits_its_hold_time_later_on(void **state)
{
    struct fixture *f = *state;
    pass(f, 10);
    world.values[STEAL] = 0.9; /* its smoothed value passes the threshold at once */
    pass(f, 3);
    assert_null(finding(f, "cpu.stolen"));
    pass(f, 1);
    assert_non_null(finding(f, "cpu.stolen"));
}

static void
test_bottleneck__says_a_clear_one_within_four_seconds(void **state)
{
    struct fixture *f = *state;
    pass(f, 10);
    world.values[CPU] = 0.98;
    world.people[0].core = 1.9;
    pass(f, 1);
    assert_int_equal(f->picture->finding_count, 0);
    pass(f, 2);
    assert_true(says(f, "cpu.saturated", "CPU 97 % busy"));
}

static void
test_bottleneck__does_not_call_a_second_of_work_a_finding(void **state)
{
    struct fixture *f = *state;
    pass(f, 12);
    for (int i = 0; i < 20; i++) {
        world.values[CPU] = 1;
        pass(f, 2);
        assert_int_equal(f->picture->finding_count, 0);
        world.values[CPU] = 0.05;
        pass(f, 3);
        assert_int_equal(f->picture->finding_count, 0);
    }
}

/* One thread is no grave matter, but a look of one second has no later. */
static void
test_bottleneck__says_what_is_there_from_the_start(void **state)
{
    struct fixture *f = *state;
    world.values[CPU] = 0.5;
    world.people[0].core = 1;
    pass(f, 2);
    assert_int_equal(f->picture->host.cores > 1, finding(f, "cpu.one_thread:7") != NULL);
}

static void
test_bottleneck__is_not_silent_about_what_has_not_stood_long(void **state)
{
    struct fixture *f = *state;
    pass(f, 20);
    assert_string_not_equal(f->picture->looked_at, "");
    world.values[CPU] = 1;
    pass(f, 2); /* the mean of two ticks tells */
    assert_int_equal(f->picture->finding_count, 0);
    assert_string_equal(f->picture->looked_at, "");
}

static void
test_bottleneck__does_not_speak_of_rates_before_there_are_some(void **state)
{
    struct fixture *f = *state;
    world.values[CPU] = NAN;
    pass(f, 1);
    assert_string_equal(f->picture->looked_at, "");
    world.values[CPU] = 0.1;
    pass(f, 1);
    assert_non_null(strstr(f->picture->looked_at, "CPU"));
    assert_non_null(strstr(f->picture->looked_at, "for 1.0 s"));
    pass(f, 10);
    assert_null(strstr(f->picture->looked_at, "for 1"));
}

static void
test_bottleneck__says_in_the_past_tense_what_is_over(void **state)
{
    struct fixture *f = *state;
    world.values[CPU] = 0.98;
    world.people[0].core = 1.9;
    pass(f, 10);
    assert_int_equal(finding(f, "cpu.saturated")->until_wall_ns, 0);
    int64_t last = f->picture->wall_ns;
    world.values[CPU] = 0.1;
    world.people[0].core = 0.01;
    pass(f, 1);
    assert_true(says(f, "cpu.saturated", "the CPU was 98 % busy until "));
    assert_true(says(f, "cpu.saturated", "culprit: p7 (7)"));
    assert_null(strstr(finding(f, "cpu.saturated")->sentence, "uses"));
    assert_int_equal(finding(f, "cpu.saturated")->until_wall_ns, last);
    pass(f, 3);
    assert_non_null(finding(f, "cpu.saturated"));
    pass(f, 1);
    assert_null(finding(f, "cpu.saturated"));
}

static void
test_bottleneck__puts_what_is_over_last(void **state)
{
    struct fixture *f = *state;
    world.values[CPU] = 1;
    world.values[STEAL] = 0.12;
    pass(f, 10);
    assert_string_equal(f->picture->findings[0].id, "cpu.saturated");
    world.values[CPU] = 0.1;
    pass(f, 1);
    assert_string_equal(f->picture->findings[0].id, "cpu.stolen");
    assert_string_equal(f->picture->findings[1].id, "cpu.saturated");
}

/* A build that pauses now and then is one trouble, not ten. */
static void
test_bottleneck__does_not_flicker_with_bursts(void **state)
{
    struct fixture *f = *state;
    int comings = 0;
    bool was = false;
    pass(f, 10);
    for (int i = 0; i < 10 * 20; i++) {
        world.values[CPU] = i % 20 < 8 ? 1 : 0.1;
        pass(f, 1);
        bool is = finding(f, "cpu.saturated") != NULL;
        comings += is && !was;
        was = is;
    }
    assert_in_range(comings, 1, 2);
    world.values[CPU] = 0.1;
    pass(f, 70);
    assert_int_equal(f->picture->finding_count, 0);
}

static void
test_bottleneck__renews_its_numbers_every_two_seconds(void **state)
{
    struct fixture *f = *state;
    world.values[CPU] = 1;
    world.people[0].core = 0.9;
    pass(f, 10);
    char sentence[300];
    int since = 0;
    snprintf(sentence, sizeof(sentence), "%s", finding(f, "cpu.saturated")->sentence);
    for (int i = 0; i < 20; i++) {
        world.people[0].core = 0.5 + 0.02 * i;
        pass(f, 1);
        since++;
        if (strcmp(finding(f, "cpu.saturated")->sentence, sentence) != 0) {
            snprintf(sentence, sizeof(sentence), "%s", finding(f, "cpu.saturated")->sentence);
            since = 0;
        }
        assert_in_range(since, 0, 2);
    }
}

/* Two that take turns at being the worst: one name. */
static void
test_bottleneck__keeps_to_its_culprit(void **state)
{
    struct fixture *f = *state;
    world.values[CPU] = 1;
    for (int i = 0; i < 20; i++) {
        world.people[0].core = i % 2 == 0 ? 0.9 : 0.7;
        world.people[1].core = i % 2 == 0 ? 0.7 : 0.9;
        pass(f, 1);
        assert_int_equal(finding(f, "cpu.saturated")->culprit_pid, 7);
    }
    world.people[0].core = 0.1;
    pass(f, 2);
    assert_int_equal(finding(f, "cpu.saturated")->culprit_pid, 8);
}

static void
start_build(void)
{
    world.values[CPU] = 1;
    world.people_count = 5;
    double all = 2; /* the host's cores are as they are: each compiler takes one */
    world.people[0] = (struct person){.pid = 7, .name = "make", .core = 0.01};
    world.people[1] = (struct person){.pid = 20, .name = "gcc", .parent = 7};
    world.people[2] = (struct person){.pid = 21, .name = "cc1", .parent = 20, .core = all * 0.4};
    world.people[3] = (struct person){.pid = 30, .name = "cc1", .parent = 7, .core = all * 0.4};
    world.people[4] = (struct person){.pid = 9, .name = "bystander", .core = 0.3};
}

static void
test_bottleneck__lays_compilers_at_who_starts_them(void **state)
{
    struct fixture *f = *state;
    start_build();
    for (int i = 0; i < 12; i++) {
        world.people[2].pid += 2;
        world.people[3].pid += 2;
        pass(f, 1);
        assert_true(says(f, "cpu.saturated", "make (7)'s children use "));
        assert_true(says(f, "cpu.saturated", ", mostly cc1"));
    }
}

/* Somebody else gets busier: neither its name nor its use is laid at them. */
static void
test_bottleneck__lays_nothing_of_others_at_a_family(void **state)
{
    struct fixture *f = *state;
    start_build();
    pass(f, 4);
    assert_int_equal(finding(f, "cpu.saturated")->culprit_pid, 7);
    double cores = MAX(f->picture->host.cores, 1);
    world.people[0].children = cores * 0.6; /* a burst of what ended */
    world.people[2].core = world.people[3].core = cores * 0.15;
    world.people[4] = (struct person){.pid = 9, .name = "perl", .core = cores * 0.4};
    pass(f, 4);
    assert_false(says(f, "cpu.saturated", "perl"));
    assert_true(says(f, "cpu.saturated", "make (7)'s children use "));
    assert_true(says(f, "cpu.saturated", cores == 2 ? "use 120 %" : "use "));
}

/* Of many small ones none is to blame. */
static void
test_bottleneck__blames_nobody_for_a_small_part(void **state)
{
    struct fixture *f = *state;
    world.values[CPU] = 1;
    world.people[0].core = 0.12;
    world.people[1].core = 0.11;
    pass(f, 6);
    assert_non_null(finding(f, "cpu.saturated"));
    assert_null(finding(f, "cpu.saturated")->culprit);
}

static void
test_bottleneck__lays_forks_at_who_starts_most(void **state)
{
    struct fixture *f = *state;
    start_build();
    world.values[FORKS] = 2000;
    world.people[0].children = 1.5;
    world.people[0].born = 30;
    world.people[4].born = 1900;
    pass(f, 6);
    assert_true(says(f, "process.fork_storm", "bystander (9) starts most of them"));
    world.people[4].born = 100; /* nobody known starts a fifth of them */
    pass(f, 6);
    assert_int_equal(finding(f, "process.fork_storm")->culprit_pid, 0);
}

static void
test_bottleneck__lays_a_disk_at_who_waits_for_it(void **state)
{
    struct fixture *f = *state;
    world.values[DISK] = 0.95;
    world.values[PSI] = 0.6;
    world.values[DISK_IO] = 50e6;
    world.people[0].write = 30e6;
    world.people[0].core = 1;
    world.people[1].write = 20e6;
    world.people[1].wait = 0.8;
    pass(f, 6);
    assert_true(says(f, "disk.saturated:sda", "p8 (8) writes 20 MB/s"));
    world.people[0].write = 900e6; /* waiting is not everything */
    pass(f, 6);
    assert_int_equal(finding(f, "disk.saturated:sda")->culprit_pid, 7);
}

static void
test_bottleneck__takes_the_threshold_of_the_user(void **state)
{
    struct fixture *f = *state;
    restart_with(f, CPU, 0.6, 0.8);
    pass(f, 5);
    world.values[CPU] = 0.7;
    world.people[0].core = 0.8;
    pass(f, 6);
    assert_true(says(f, "cpu.saturated", "(threshold: 60 %); p7 (7) uses 70 %"));
    assert_int_equal(finding(f, "cpu.saturated")->level, LEVEL_WARNING);
    world.values[CPU] = 0.85;
    pass(f, 20);
    assert_true(says(f, "cpu.saturated", "(threshold: 80 %)"));
    assert_int_equal(finding(f, "cpu.saturated")->level, LEVEL_CRITICAL);
}

static void
test_bottleneck__is_silent_below_the_threshold_of_the_user(void **state)
{
    struct fixture *f = *state;
    restart_with(f, FILESYSTEM, 0.99, NAN);
    world.values[FILESYSTEM] = 0.98;
    pass(f, 20);
    assert_int_equal(f->picture->finding_count, 0);
}

static void
test_bottleneck__speaks_for_any_metric_with_a_threshold(void **state)
{
    struct fixture *f = *state;
    restart_with(f, RUN_QUEUE, 4, 8);
    world.values[RUN_QUEUE] = 3.9;
    world.people[0].core = 0.5;
    pass(f, 10);
    assert_int_equal(f->picture->finding_count, 0);
    world.values[RUN_QUEUE] = 5;
    pass(f, 4);
    assert_true(says(f, "threshold:system.cpu.run_queue",
                     "system.cpu.run_queue is 5 (warning threshold: 4); p7 (7)"));
    assert_int_equal(finding(f, "threshold:system.cpu.run_queue")->level, LEVEL_WARNING);
    int64_t since = finding(f, "threshold:system.cpu.run_queue")->since_wall_ns;
    assert_true(since < f->picture->wall_ns && since > f->picture->wall_ns - 5 * NS_PER_S);
    world.values[RUN_QUEUE] = 1;
    pass(f, 1);
    assert_true(says(f, "threshold:system.cpu.run_queue", "system.cpu.run_queue was 5 until"));
}

static void
test_bottleneck__a_threshold_reached_is_no_matter_of_smoothing(void **state)
{
    struct fixture *f = *state;
    static const char id[] = "threshold:system.cpu.run_queue";
    restart_with(f, RUN_QUEUE, 12, 16);
    world.values[RUN_QUEUE] = 13;
    pass(f, 6);
    assert_int_equal(finding(f, id)->level, LEVEL_WARNING);
    world.values[RUN_QUEUE] = 15.9; /* near is not there */
    pass(f, 1);
    assert_int_equal(finding(f, id)->level, LEVEL_WARNING);
    world.values[RUN_QUEUE] = 16;
    pass(f, 1);
    assert_int_equal(finding(f, id)->level, LEVEL_CRITICAL);
    assert_true(says(f, id, "system.cpu.run_queue is 16 (critical threshold: 16)"));
}

static void
test_bottleneck__takes_any_number_of_thresholds(void **state)
{
    struct fixture *f = *state;
    static struct metric many[100];
    static char texts[ARRAY_SIZE(many)][16];
    for (size_t i = 0; i < ARRAY_SIZE(many); i++) {
        snprintf(texts[i], sizeof(texts[i]), "other.m%zu", i);
        many[i] = (struct metric){.name = texts[i],
                                  .unit = "",
                                  .labels = "",
                                  .text = "",
                                  .formula = "system.cpu.run_queue",
                                  .warning = i + 1 < ARRAY_SIZE(many) ? 100 : 4};
    }
    catalog_add(f->catalog, many, ARRAY_SIZE(many));
    world.values[RUN_QUEUE] = 5;
    pass(f, 10);
    assert_int_equal(f->picture->thresholds, ARRAY_SIZE(many));
    assert_true(says(f, "threshold:other.m99", "other.m99 is 5 (warning threshold: 4)"));
}

/* A burst is not said at once; that there is a threshold is known all the same. */
static void
test_bottleneck__counts_thresholds_while_it_waits(void **state)
{
    struct fixture *f = *state;
    restart_with(f, RUN_QUEUE, 12, 16);
    pass(f, 15);
    world.values[RUN_QUEUE] = 16;
    pass(f, 1);
    assert_int_equal(f->picture->finding_count, 0);
    assert_string_equal(f->picture->looked_at, "");
    assert_int_equal(f->picture->thresholds, 1);
}

/* The worst of several is the metric's fold: each is judged and named. */
static void
test_bottleneck__names_which_of_several_is_beyond_a_threshold(void **state)
{
    struct fixture *f = *state;
    restart_with(f, PSI, 0.3, NAN);
    world.values[PSI] = 0.35;
    pass(f, 6);
    assert_true(says(f, "threshold:system.pressure.some.utilization:io",
                     "system.pressure.some.utilization of io is 35 %"));
}

static void
test_bottleneck__judges_the_worst_of_many(void **state)
{
    struct fixture *f = *state;
    world.resources = 200;
    restart_with(f, PSI, 0.3, NAN);
    pass(f, 6);
    assert_true(says(f, "threshold:system.pressure.some.utilization",
                     "system.pressure.some.utilization is 50 %"));
}

/* Mount points of containers and JSON pointers are. */
static void
test_bottleneck__judges_what_has_a_long_name(void **state)
{
    struct fixture *f = *state;
    char mountpoint[400] = "mountpoint=/", resource[400] = "resource=";
    memset(mountpoint + strlen(mountpoint), 'm', 300);
    memset(resource + strlen(resource), 'r', 300);
    world.labels[FILESYSTEM] = mountpoint;
    world.labels[PSI] = resource;
    restart_with(f, PSI, 0.3, NAN);
    world.values[PSI] = 0.35;
    world.values[FILESYSTEM] = 0.999;
    pass(f, 6);
    assert_int_equal(f->picture->finding_count, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct finding *finding = &f->picture->findings[i];
        bool full = strncmp(finding->id, "filesystem.full:/mmm", 20) == 0;
        assert_true(full || strncmp(finding->id, "threshold:system.pressure", 25) == 0);
        assert_null(finding->evidence[0].metric); /* its labels do not fit */
    }
}

static void
test_bottleneck__keeps_since_when(void **state)
{
    struct fixture *f = *state;
    world.values[CPU] = 1;
    pass(f, 1);
    int64_t since = finding(f, "cpu.saturated")->since_wall_ns;
    pass(f, 20);
    assert_int_equal(finding(f, "cpu.saturated")->since_wall_ns, since);
}

static void
test_bottleneck__names_who_writes(void **state)
{
    struct fixture *f = *state;
    world.values[DISK] = 0.95;
    world.values[PSI] = 0.6;
    world.values[DISK_IO] = 300e6;
    world.people[1].write = 290e6;
    pass(f, 6);
    assert_true(says(f, "disk.saturated:sda", "p8 (8) writes 290 MB/s"));
}

static void
test_bottleneck__says_when_rights_hide_who_writes(void **state)
{
    struct fixture *f = *state;
    world.values[DISK] = 0.95;
    world.values[PSI] = 0.6;
    world.values[DISK_IO] = 300e6;
    world.people[0].write = 1e3;
    world.people[1].write = NAN;
    world.denied = true;
    pass(f, 6);
    assert_true(says(f, "disk.saturated:sda", "culprit unknown: needs root"));
    assert_int_equal(finding(f, "disk.saturated:sda")->culprit_pid, 0);
    assert_string_equal(finding(f, "disk.saturated:sda")->culprit, "unknown: needs root");
}

static void
test_bottleneck__does_not_call_the_unread_hidden(void **state)
{
    struct fixture *f = *state;
    world.values[DISK] = 0.95;
    world.values[PSI] = 0.6;
    world.values[DISK_IO] = 300e6;
    world.people[1].write = NAN;
    world.people[1].core = 0; /* idle: read only in turn */
    pass(f, 6);
    assert_non_null(finding(f, "disk.saturated:sda"));
    assert_null(finding(f, "disk.saturated:sda")->culprit);
}

static void
test_bottleneck__is_silent_when_a_busy_disk_holds_nobody_back(void **state)
{
    struct fixture *f = *state;
    world.values[DISK] = 0.85;
    world.values[PSI] = 0.05;
    pass(f, 20);
    assert_int_equal(f->picture->finding_count, 0);
}

static void
test_bottleneck__names_one_thread_that_fills_a_core(void **state)
{
    struct fixture *f = *state;
    world.values[CPU] = 0.3;
    world.people[0].core = 0.99;
    pass(f, 10);
    assert_int_equal(f->picture->host.cores > 1, finding(f, "cpu.one_thread:7") != NULL);
}

static void
test_bottleneck__does_not_believe_a_jump_of_dead_children(void **state)
{
    struct fixture *f = *state;
    world.values[CPU] = 1;
    world.people[0].core = 0.4;
    world.people[1].children = 5000;
    pass(f, 8);
    assert_int_equal(finding(f, "cpu.saturated")->culprit_pid, 7);
}

static void
check_kills_of_group(struct fixture *f)
{
    world.group = true;
    world.group_use = 50e6;
    world.group_kills = 3; /* before we came */
    pass(f, 5);
    assert_int_equal(f->picture->finding_count, 0);
    world.group_kills = 4;
    world.values[KILLS] = 1;
    pass(f, 1);
    world.values[KILLS] = 0;
    pass(f, 3);
    assert_true(says(f, "memory.group_limit:box", "the kernel kills for it; p7 (7) holds"));
    assert_null(finding(f, "memory.oom"));
    pass(f, 20);
    assert_int_equal(f->picture->finding_count, 0);
}

static void
test_bottleneck__lays_kills_at_their_group(void **state)
{
    check_kills_of_group(*state);
}

static void
test_bottleneck__knows_groups_of_long_paths_again(void **state)
{
    static char path[4000];
    memset(path, 'd', sizeof(path) - 1);
    path[0] = '/';
    world.group_path = path;
    check_kills_of_group(*state);
}

static void
test_bottleneck__knows_as_many_groups_as_are_read(void **state)
{
    world.group_others = 511;
    check_kills_of_group(*state);
}

static void
test_bottleneck__lays_other_kills_at_the_machine(void **state)
{
    struct fixture *f = *state;
    pass(f, 5);
    world.values[KILLS] = 1;
    pass(f, 4);
    assert_true(says(f, "memory.oom", "killed a process"));
}

static void
test_bottleneck__says_once_what_is_not_there(void **state)
{
    struct fixture *f = *state;
    pass(f, 2);
    assert_non_null(strstr(f->picture->not_looked_at, "no PSI"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_bottleneck__##name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(is_silent_on_an_idle_machine),
        TEST(speaks_above_its_threshold_only),
        TEST(speaks_in_the_first_picture),
        TEST(waits_its_hold_time_later_on),
        TEST(says_a_clear_one_within_four_seconds),
        TEST(does_not_call_a_second_of_work_a_finding),
        TEST(says_what_is_there_from_the_start),
        TEST(is_not_silent_about_what_has_not_stood_long),
        TEST(does_not_speak_of_rates_before_there_are_some),
        TEST(says_in_the_past_tense_what_is_over),
        TEST(puts_what_is_over_last),
        TEST(does_not_flicker_with_bursts),
        TEST(renews_its_numbers_every_two_seconds),
        TEST(keeps_to_its_culprit),
        TEST(lays_compilers_at_who_starts_them),
        TEST(lays_nothing_of_others_at_a_family),
        TEST(blames_nobody_for_a_small_part),
        TEST(lays_forks_at_who_starts_most),
        TEST(lays_a_disk_at_who_waits_for_it),
        TEST(takes_the_threshold_of_the_user),
        TEST(is_silent_below_the_threshold_of_the_user),
        TEST(speaks_for_any_metric_with_a_threshold),
        TEST(a_threshold_reached_is_no_matter_of_smoothing),
        TEST(takes_any_number_of_thresholds),
        TEST(counts_thresholds_while_it_waits),
        TEST(names_which_of_several_is_beyond_a_threshold),
        TEST(judges_the_worst_of_many),
        TEST(judges_what_has_a_long_name),
        TEST(keeps_since_when),
        TEST(names_who_writes),
        TEST(says_when_rights_hide_who_writes),
        TEST(does_not_call_the_unread_hidden),
        TEST(is_silent_when_a_busy_disk_holds_nobody_back),
        TEST(names_one_thread_that_fills_a_core),
        TEST(does_not_believe_a_jump_of_dead_children),
        TEST(lays_kills_at_their_group),
        TEST(knows_groups_of_long_paths_again),
        TEST(knows_as_many_groups_as_are_read),
        TEST(lays_other_kills_at_the_machine),
        TEST(says_once_what_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
