/* An hour of ticks through a collector with a clock of its own: bench_hour.
 *
 * 500 series and a table of 200 processes, 4 of which come and go each tick. Once as a busy machine
 * (counters with noise in their rates, gauges that move, a tenth constant), once as a usual one
 * (three quarters hardly ever change). Prints bytes a sample, memory, the time of a tick without
 * what making the values up takes, and what charts and going back in time cost; beside each what
 * DESIGN.md allows. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/file.h"
#include "flametop/base/macros.h"
#include "flametop/core/chart.h"
#include "flametop/core/record.h"
#include "flametop/engine/collector.h"

#define TICKS 3600
#define SERIES 500
#define ROWS 200
#define CHURN 4
#define CHARTS 20
#define LOOKS 500

static const struct metric metrics[] = {
    {.name = "b.counter", .unit = "s", .labels = "n", .text = "", .kind = METRIC_COUNTER},
    {.name = "b.gauge", .unit = "By", .labels = "n", .text = ""},
    {.name = "b.share", .unit = "1", .labels = "n", .text = ""},
};

static const struct column columns[] = {
    {"process.pid", "PID", "", "", COLUMN_INTEGER, COLUMN_KEY, 7},
    {"process.user", "USER", "", "", COLUMN_TEXT, COLUMN_KEEP, 8},
    {"process.state", "S", "", "", COLUMN_TEXT, COLUMN_KEEP, 1},
    {"process.cpu", "CPU", "1", "", COLUMN_REAL, COLUMN_KEEP | COLUMN_RANK, 6},
    {"process.memory", "MEM", "By", "", COLUMN_INTEGER, COLUMN_KEEP | COLUMN_RANK, 8},
    {"process.threads", "THR", "", "", COLUMN_INTEGER, COLUMN_KEEP, 4},
    {"process.read", "READ", "By/s", "", COLUMN_REAL, COLUMN_RANK, 8},
    {"process.name", "NAME", "", "", COLUMN_TEXT, COLUMN_KEEP, 16},
    {"process.command", "COMMAND", "", "", COLUMN_TEXT, 0, 0},
};
static const struct table_def processes = {"processes",         "Processes", "", columns,
                                           ARRAY_SIZE(columns), 3,           8};
static const struct table_def *const tables[] = {&processes};

struct process {
    int64_t pid, memory, threads;
    double cpu;
};

struct machine {
    bool busy;
    unsigned tick;
    uint64_t seed;
    int column[SERIES];
    double value[SERIES], rate[SERIES];
    struct process rows[ROWS];
    int64_t next_pid;
    int64_t made_up_ns; /* time that making up this tick's values took */
};

static double
uniform(struct machine *machine)
{
    machine->seed ^= machine->seed >> 12;
    machine->seed ^= machine->seed << 25;
    machine->seed ^= machine->seed >> 27;
    return (double)(machine->seed * UINT64_C(2685821657736338717) >> 11) * 0x1p-53;
}

static struct process
new_process(struct machine *machine)
{
    return (struct process){.pid = machine->next_pid++,
                            .memory = (int64_t)(uniform(machine) * 1e5) * 4096,
                            .threads = 1 + (int64_t)(uniform(machine) * 20)};
}

static struct instant
machine_now(void *context)
{
    const struct machine *machine = context;
    int64_t mono_ns = 1000 * NS_PER_S + (int64_t)machine->tick * NS_PER_S +
                      (int64_t)(machine->tick * 7919 % 90000);
    return (struct instant){mono_ns, INT64_C(1700000000) * NS_PER_S + mono_ns, mono_ns};
}

static int
machine_open(const struct source_setup *setup, void **ret_state, char *why, size_t why_size)
{
    (void)why;
    (void)why_size;
    struct machine *machine = setup->clock->context;
    for (size_t i = 0; i < ROWS; i++) {
        machine->rows[i] = new_process(machine);
    }
    for (size_t i = 0; i < SERIES; i++) {
        machine->column[i] = -1;
        machine->rate[i] = pow(10, 1 + 5 * uniform(machine));
        machine->value[i] = floor(1e9 * uniform(machine));
    }
    *ret_state = machine;
    return 0;
}

static void
machine_close(void *state)
{
    (void)state;
}

/* Half counters, a third gauges in pages, the rest shares with four decimals. */
static void
move(struct machine *machine, size_t i)
{
    bool still = i % 10 == 0 || (!machine->busy && i % 4 != 1);
    if (still && uniform(machine) > 0.002) {
        return;
    }
    if (i % 6 < 3) {
        machine->value[i] += floor(machine->rate[i] * (0.8 + 0.4 * uniform(machine)));
    } else if (i % 6 < 5) {
        machine->value[i] = fabs(machine->value[i] + 4096 * floor(64 * (uniform(machine) - 0.5)));
    } else {
        machine->value[i] = round(uniform(machine) * 1e4) / 1e4;
    }
}

static void
put_series(struct machine *machine, struct batch *batch)
{
    for (size_t i = 0; i < SERIES; i++) {
        move(machine, i);
        if (machine->column[i] < 0) {
            char labels[32];
            snprintf(labels, sizeof(labels), "n=%zu", i);
            machine->column[i] = batch_column(batch,
                                              &metrics[i % 6 < 3   ? 0
                                                       : i % 6 < 5 ? 1
                                                                   : 2],
                                              labels);
        }
        batch_set(batch, machine->column[i], machine->value[i]);
    }
}

static void
put_processes(struct machine *machine, struct batch *batch)
{
    static const char *const users[] = {"root", "www-data", "postgres"};
    struct table *table = batch_table(batch, &processes, ROWS);
    for (size_t i = 0; i < CHURN; i++) {
        machine->rows[(size_t)(uniform(machine) * ROWS)] = new_process(machine);
    }
    for (size_t i = 0; table != NULL && i < ROWS; i++) {
        struct process *process = &machine->rows[i];
        process->cpu = i % 8 == 0 || machine->busy ? round(uniform(machine) * 100) / 100 : 0;
        process->memory += i % 16 == 0 ? 4096 : 0;
        union cell *row = table_add(table, batch->arena);
        row[0].integer = process->pid;
        row[1].text = users[process->pid % 3];
        row[2].text = process->cpu > 0.5 ? "R" : "S";
        row[3].real = process->cpu;
        row[4].integer = process->memory;
        row[5].integer = process->threads;
        row[6].real = i % 20 == 0 ? process->cpu * 1e6 : 0;
        row[7].text = arena_printf(batch->arena, "worker-%d", (int)(process->pid % 50));
        row[8].text = arena_printf(batch->arena, "/usr/bin/worker --id %d --of some service",
                                   (int)process->pid);
    }
}

static enum source_step
machine_poll(void *state, struct batch *batch)
{
    struct machine *machine = state;
    int64_t started = clock_thread_cpu_ns();
    put_series(machine, batch);
    put_processes(machine, batch);
    machine->made_up_ns = clock_thread_cpu_ns() - started;
    return SOURCE_DONE;
}

static const struct source source = {.name = "machine",
                                     .text = "",
                                     .metrics = metrics,
                                     .metric_count = ARRAY_SIZE(metrics),
                                     .tables = tables,
                                     .table_count = 1,
                                     .open = machine_open,
                                     .poll = machine_poll,
                                     .close = machine_close};
static const struct source *const sources[] = {&source};

/* ---- figures ---- */

static int
ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void
print_times(const char *what, int64_t *times, size_t n, const char *budget)
{
    int64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += times[i];
    }
    qsort(times, n, sizeof(*times), ascending);
    printf("  %-34s mean %8.1f us   p99 %8.1f us   max %8.1f us   %s\n", what,
           (double)sum / (double)n / 1e3, (double)times[n * 99 / 100] / 1e3,
           (double)times[n - 1] / 1e3, budget);
}

static double
pss_bytes(void)
{
    char *text;
    double kib = NAN;
    ssize_t n = file_load("/proc/self/smaps_rollup", 1 << 16, &text);
    if (n < 0) {
        return NAN;
    }
    struct str rest = {text, (size_t)n}, line;
    while (str_line(&rest, &line)) {
        if (str_starts(line, "Pss:")) {
            line.p += 4;
            line.n -= 4;
            str_double(&line, &kib);
            break;
        }
    }
    free(text);
    return kib * 1024;
}

struct hour {
    struct machine machine;
    struct catalog *catalog;
    struct collector *collector;
    struct picture *picture;
    struct chart charts[CHARTS];
    struct buf recording;
    struct record_writer *writer;
    int64_t tick_ns[TICKS], chart_ns[TICKS], look_ns[LOOKS], record_ns[TICKS];
    int64_t recorded_ns; /* in this tick */
    size_t recorded_bytes;
};

static void
record(void *context, const char *name, const struct batch *batch)
{
    struct hour *hour = context;
    int64_t started = clock_thread_cpu_ns();
    record_write_batch(hour->writer, name, batch);
    hour->recorded_bytes += hour->recording.n;
    buf_clear(&hour->recording);
    hour->recorded_ns += clock_thread_cpu_ns() - started;
}

static void
hour_init(struct hour *hour, bool busy, size_t history_bytes)
{
    hour->machine = (struct machine){.busy = busy, .seed = 42, .next_pid = 100};
    hour->catalog = catalog_new(4096);
    buf_init(&hour->recording, RECORD_BYTES_MAX);
    hour->writer = record_writer_new(&hour->recording);
    struct collector_options options = {.catalog = hour->catalog,
                                        .roots = {"/proc", "/sys", "/sys/fs/cgroup"},
                                        .clock = {machine_now, &hour->machine},
                                        .interval_ns = NS_PER_S,
                                        .history_bytes = history_bytes,
                                        .sources = sources,
                                        .source_count = 1,
                                        .tap = {hour, record}};
    hour->collector = collector_new(&options);
    for (size_t i = 0; i < CHARTS; i++) {
        char labels[32], why[160];
        snprintf(labels, sizeof(labels), "n=%zu", i * 6);
        chart_init(&hour->charts[i],
                   query_new(hour->catalog, "b.counter", labels, why, sizeof(why)));
    }
}

static void
hour_done(struct hour *hour)
{
    for (size_t i = 0; i < CHARTS; i++) {
        chart_done(&hour->charts[i]);
    }
    picture_release(hour->picture);
    collector_free(hour->collector);
    catalog_free(hour->catalog);
    record_writer_free(hour->writer);
    buf_done(&hour->recording);
}

static void
update_charts(struct hour *hour)
{
    for (size_t i = 0; i < CHARTS; i++) {
        chart_update(&hour->charts[i], hour->picture, 120, 30 * NS_PER_S);
    }
}

static void
run(struct hour *hour)
{
    for (unsigned t = 0; t < TICKS; t++) {
        hour->machine.tick++;
        hour->recorded_ns = 0;
        int64_t started = clock_thread_cpu_ns();
        struct picture *picture = collector_tick(hour->collector);
        picture_release(hour->picture);
        hour->picture = picture;
        hour->tick_ns[t] =
            clock_thread_cpu_ns() - started - hour->machine.made_up_ns - hour->recorded_ns;
        hour->record_ns[t] = hour->recorded_ns;
        started = clock_thread_cpu_ns();
        update_charts(hour);
        hour->chart_ns[t] = (clock_thread_cpu_ns() - started) / CHARTS;
    }
}

/* Going back: a picture of some earlier moment, with its process table. */
static void
look_back(struct hour *hour)
{
    int64_t oldest = picture_oldest(hour->picture), reach = hour->picture->mono_ns - oldest;
    size_t whole = 0;
    for (size_t i = 0; i < LOOKS; i++) {
        int64_t at = oldest + (int64_t)((double)reach * uniform(&hour->machine));
        int64_t started = clock_thread_cpu_ns();
        struct picture *past = picture_at(hour->picture, at);
        whole += past != NULL && picture_table(past, "processes") != NULL;
        hour->look_ns[i] = clock_thread_cpu_ns() - started;
        picture_release(past);
    }
    printf("  %-34s %zu of %d moments have their processes\n", "going back", whole, LOOKS);
}

static void
print_history(const struct hour *hour, const char *budget)
{
    const struct track *track = picture_track(hour->picture, "machine");
    size_t bytes = 0, samples = 0;
    for (size_t i = 0; track->chunks != NULL && i < track->chunks->count; i++) {
        const struct chunk *chunk = track->chunks->chunks[i];
        bytes += chunk_memory(chunk);
        samples += chunk->ticks * chunk->layout->count;
    }
    printf("  %-34s %.3f B (%zu samples)   %s\n", "history, a sample",
           (double)bytes / (double)samples, samples, budget);
    double all = query_once(hour->picture, "flametop.history.usage", NULL);
    printf("  %-34s %.2f MiB of series, %.2f MiB of kept rows and others\n", "history",
           (double)bytes / 1048576, (all - (double)bytes) / 1048576);
    printf("  %-34s %.0f s\n", "reach", query_once(hour->picture, "flametop.history.reach", NULL));
}

static void
measure(const char *title, bool busy, size_t history_bytes, const char *budget)
{
    static struct hour hour;
    memset(&hour, 0, sizeof(hour));
    double before = pss_bytes();
    hour_init(&hour, busy, history_bytes);
    run(&hour);
    printf("%s, history %zu MiB\n", title, history_bytes >> 20);
    print_history(&hour, budget);
    printf("  %-34s %.2f MiB more than before   budget of the whole program: 8 MiB PSS\n", "memory",
           (pss_bytes() - before) / 1048576);
    print_times("a tick (store, picture)", hour.tick_ns, TICKS,
                "budget of the whole program: 2000 us/s");
    print_times("recording a tick", hour.record_ns, TICKS, "no budget");
    printf("  %-34s %.0f B/s\n", "record stream", (double)hour.recorded_bytes / TICKS);
    print_times("chart_update, 120 buckets", hour.chart_ns, TICKS, "key to screen: 16000 us");
    look_back(&hour);
    print_times("picture_at", hour.look_ns, LOOKS, "key to screen: 16000 us");
    hour_done(&hour);
}

int
main(void)
{
    printf("%d ticks, %d series, %d processes with %d new ones a tick; CPU time of the thread\n",
           TICKS, SERIES, ROWS, CHURN);
    measure("busy values", true, (size_t)64 << 20, "budget: 1.5 B");
    measure("usual values", false, (size_t)64 << 20,
            "budget: 0.25 B, of what a real machine says (bench_codec FILE)");
    measure("busy values", true, (size_t)2 << 20, "budget: 1.5 B");
    return 0;
}
