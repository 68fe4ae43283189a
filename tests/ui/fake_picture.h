/* A picture by hand, for the tests of screens: the same every time, with history, tables and
 * findings.
 *
 *     struct fake fake;
 *     fake_init(&fake);                                     catalog, an empty picture of 2026-11-21
 * 14:02:31 UTC fake_metrics(&fake, rows, ARRAY_SIZE(rows));          what the catalog shall know
 *     fake_series(&fake, "system.memory.limit", "", fake_constant, 16e9, 0);
 *     fake_processes(&fake, 214);
 *     fake_finding(&fake, LEVEL_CRITICAL, 87, "disk nvme0n1 98 % busy", "…");
 *     struct picture *picture = fake_picture(&fake);        borrowed; all is freed by fake_done
 *
 * The history is one head of 64 ticks, FAKE_STEP_NS apart, the newest at the picture's moment. */
#ifndef FLAMETOP_TESTS_FAKE_PICTURE_H
#define FLAMETOP_TESTS_FAKE_PICTURE_H

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/core/picture.h"

#define FAKE_STEP_NS (10 * NS_PER_S)
#define FAKE_WALL_NS (INT64_C(1795269751) * NS_PER_S) /* 2026-11-21 14:02:31 UTC */
#define FAKE_MONO_NS (INT64_C(1051200) * NS_PER_S)
#define FAKE_SERIES_MAX 1024

/* The value at a tick (0 the oldest, CHUNK_TICKS - 1 the newest). */
typedef double fake_curve(size_t tick, double a, double b);

struct fake_column {
    const struct series *series;
    fake_curve *curve;
    double a, b;
};

struct fake {
    struct catalog *catalog;
    struct picture *picture;
    struct fake_column columns[FAKE_SERIES_MAX];
    size_t column_count;
    struct table *tables[BATCH_TABLES_MAX];
    struct finding findings[8];
};

/* a, whatever the time. */
static inline double
fake_constant(size_t tick, double a, double b)
{
    (void)tick;
    (void)b;
    return a;
}

/* A counter that grows by a each second. */
static inline double
fake_counter(size_t tick, double a, double b)
{
    return b + a * (double)tick * ((double)FAKE_STEP_NS / 1e9);
}

/* A wave around a, b high to either side. */
static inline double
fake_wave(size_t tick, double a, double b)
{
    return a + b * sin((double)tick / 7.0);
}

/* From a straight to b. */
static inline double
fake_ramp(size_t tick, double a, double b)
{
    return a + (b - a) * (double)tick / (CHUNK_TICKS - 1);
}

static inline void
fake_init(struct fake *fake)
{
    memset(fake, 0, sizeof(*fake));
    setenv("TZ", "UTC", 1);
    fake->catalog = catalog_new(100000);
    fake->picture = picture_new(fake->catalog, (size_t)64 << 20);
    assert(fake->picture != NULL);
    struct picture *picture = fake->picture;
    picture->number = 1;
    picture->mono_ns = FAKE_MONO_NS;
    picture->wall_ns = FAKE_WALL_NS;
    picture->interval_ns = NS_PER_S;
    picture->host = (struct host){
        .name = "web-01",
        .system = "Debian 12",
        .kernel = "6.1.0-18-amd64",
        .virtualization = "",
        .cores = 4,
        .uptime_s = 12 * 86400 + 4 * 3600,
    };
    picture->tables = fake->tables;
    picture->findings = fake->findings;
    picture->looked_at = "cpu, memory, disk, network, filesystems, processes";
}

static inline void
fake_done(struct fake *fake)
{
    picture_release(fake->picture);
    catalog_free(fake->catalog);
}

/* The rows must outlive the fake. */
static inline void
fake_metrics(struct fake *fake, const struct metric *metrics, size_t count)
{
    catalog_add(fake->catalog, metrics, count);
}

static inline void
fake_series(struct fake *fake, const char *metric, const char *labels, fake_curve *curve, double a,
            double b)
{
    const struct metric *row = catalog_metric(fake->catalog, metric);
    assert(row != NULL && fake->column_count < FAKE_SERIES_MAX);
    fake->columns[fake->column_count++] = (struct fake_column){
        .series = catalog_series(fake->catalog, row, labels), .curve = curve, .a = a, .b = b};
}

/* A new empty table in the picture; add rows with table_add(table, &fake->picture->arena). */
static inline struct table *
fake_table(struct fake *fake, const struct table_def *def)
{
    struct table *table = table_new(&fake->picture->arena, def, 16);
    assert(table != NULL && fake->picture->table_count < ARRAY_SIZE(fake->tables));
    fake->tables[fake->picture->table_count++] = table;
    return table;
}

/* The texts must outlive the fake. Add the worst first. Answers it, so that more can be filled in.
 */
static inline struct finding *
fake_finding(struct fake *fake, enum level level, int impact, const char *sentence,
             const char *short_sentence)
{
    assert(fake->picture->finding_count < ARRAY_SIZE(fake->findings));
    struct finding *finding = &fake->findings[fake->picture->finding_count++];
    *finding = (struct finding){
        .id = sentence,
        .sentence = sentence,
        .short_sentence = short_sentence,
        .since_wall_ns = FAKE_WALL_NS - 271 * NS_PER_S,
        .impact = impact,
        .level = level,
    };
    return finding;
}

/* The picture, with one track of all series added so far. Call once. */
static inline struct picture *
fake_picture(struct fake *fake)
{
    const struct series *series[FAKE_SERIES_MAX];
    for (size_t i = 0; i < fake->column_count; i++) {
        series[i] = fake->columns[i].series;
    }
    struct layout *layout = layout_new(series, fake->column_count);
    struct head *head = head_new(layout, FAKE_WALL_NS - FAKE_MONO_NS);
    layout_release(layout);
    for (size_t tick = 0; tick < CHUNK_TICKS; tick++) {
        head->mono_ns[tick] = FAKE_MONO_NS - (int64_t)(CHUNK_TICKS - 1 - tick) * FAKE_STEP_NS;
        for (size_t i = 0; i < fake->column_count; i++) {
            const struct fake_column *column = &fake->columns[i];
            head->values[i * CHUNK_TICKS + tick] = column->curve(tick, column->a, column->b);
        }
    }
    struct track *track = arena_new(&fake->picture->arena, struct track);
    *track = (struct track){
        .name = "fake",
        .text = "Readings made up for tests.",
        .why = "",
        .mono_ns = FAKE_MONO_NS,
        .cpu_ns = 210000,
        .duration_ns = 350000,
        .samples = fake->column_count * CHUNK_TICKS,
        .head = head,
        .head_ticks = CHUNK_TICKS,
    };
    fake->picture->tracks = track;
    fake->picture->track_count = 1;
    return fake->picture;
}

enum {
    FAKE_PID,
    FAKE_PPID,
    FAKE_USER,
    FAKE_STATE,
    FAKE_NAME,
    FAKE_CPU,
    FAKE_MEM,
    FAKE_THREADS,
    FAKE_AGE,
    FAKE_READ,
    FAKE_WRITE,
    FAKE_COMMAND,
};

static const struct column fake_process_columns[] = {
    {"process.pid", "PID", "", "Process id.", COLUMN_INTEGER, COLUMN_KEY, 7},
    {"process.parent_pid", "PPID", "", "Parent's process id.", COLUMN_INTEGER, COLUMN_HIDDEN, 7},
    {"process.owner", "USER", "", "Owner.", COLUMN_TEXT, 0, 8},
    {"process.state", "S", "",
     "R running, S sleeping, D waiting for I/O, I idle kernel thread, T stopped, t traced, Z "
     "defunct, X exited since the last refresh.",
     COLUMN_TEXT, 0, 1},
    {"process.name", "NAME", "", "Name.", COLUMN_TEXT, COLUMN_KEEP, 15},
    {"process.cpu.utilization", "CPU", "1", "CPU use, 100 % is one core.", COLUMN_REAL,
     COLUMN_RANK | COLUMN_KEEP, 7},
    {"process.memory.usage", "MEM", "By", "Resident memory.", COLUMN_REAL,
     COLUMN_RANK | COLUMN_KEEP, 8},
    {"process.threads", "THR", "", "Threads.", COLUMN_INTEGER, 0, 4},
    {"process.age", "AGE", "s", "Time since it started.", COLUMN_REAL, 0, 9},
    {"process.disk.read", "READ", "By/s", "Read from disks.", COLUMN_REAL, COLUMN_COSTLY, 9},
    {"process.disk.write", "WRITE", "By/s", "Written to disks.", COLUMN_REAL, COLUMN_COSTLY, 9},
    {"process.command_line", "COMMAND", "", "Command line.", COLUMN_TEXT, 0, 0},
};

static const struct table_def fake_process_def = {
    .name = "processes",
    .title = "Processes",
    .text = "Running processes.",
    .columns = fake_process_columns,
    .column_count = ARRAY_SIZE(fake_process_columns),
    .sort_column = FAKE_CPU,
    .kept_rows = 20,
};

/* `count` processes: a tree below pid 1, with names, an exited one, and some that cannot be read.
 */
static inline struct table *
fake_processes(struct fake *fake, size_t count)
{
    static const struct {
        const char *name, *user, *command;
        double cpu, mem;
    } kinds[] = {
        {"systemd", "root", "/sbin/init", 0.001, 12e6},
        {"beam.smp", "app",
         "/usr/lib/erlang/erts-13.1.5/bin/beam.smp -W w -- -root /usr/lib/erlang", 0.612, 2.1e9},
        {"postgres", "postgres", "postgres: 15/main: checkpointer", 0.098, 640e6},
        {"nginx", "www-data", "nginx: worker process", 0.031, 18e6},
        {"sleep", "app", "sleep 600", 0, 1e6},
        {"kworker/0:1", "root", NULL, 0.002, NAN},
    };
    struct table *table = fake_table(fake, &fake_process_def);
    struct arena *arena = &fake->picture->arena;
    for (size_t i = 0; i < count; i++) {
        size_t kind = i == 0 ? 0 : 1 + (i - 1) % (ARRAY_SIZE(kinds) - 1);
        double round = (double)(i / ARRAY_SIZE(kinds) + 1);
        union cell *row = table_add(table, arena);
        assert(row != NULL);
        row[FAKE_PID].integer = i == 0 ? 1 : 800 + (int64_t)i * 12;
        row[FAKE_PPID].integer = i == 0                  ? 0
                                 : i < ARRAY_SIZE(kinds) ? 1
                                                         : 800 + (int64_t)(i % 5 + 1) * 12;
        row[FAKE_USER].text = kinds[kind].user;
        row[FAKE_STATE].text = i == 7 ? "X" : i % 11 == 1 ? "R" : "S";
        row[FAKE_NAME].text = kinds[kind].name;
        row[FAKE_CPU].real = kinds[kind].cpu / round;
        row[FAKE_MEM].real = kinds[kind].mem / round;
        row[FAKE_THREADS].integer = (int64_t)(kind == 1 ? 32 : 1);
        row[FAKE_AGE].real = 1e6 / round;
        row[FAKE_READ].real = kind == 5 ? NAN : kind == 2 ? 2.1e6 / round : 0;
        row[FAKE_WRITE].real = kind == 5 ? NAN : kind == 1 ? 310e6 / round : 0;
        row[FAKE_COMMAND].text = kinds[kind].command;
    }
    table->total = count;
    return table;
}

#endif
