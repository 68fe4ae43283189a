/* The process table as others see it: its columns, and a row for each record. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "proc_process.h"

#define KEEP COLUMN_KEEP
#define RANK (COLUMN_RANK | COLUMN_KEEP)
#define COSTLY COLUMN_COSTLY
#define HIDDEN COLUMN_HIDDEN

/* clang-format off */
static const struct column columns[PROCESS_COLUMN_COUNT] = {
    [PROCESS_PID] = {"process.pid", "PID", "", "Process id.", COLUMN_INTEGER, COLUMN_KEY | KEEP, 7},
    [PROCESS_PARENT_PID] = {"process.parent_pid", "PPID", "", "Process id of the parent.", COLUMN_INTEGER, KEEP | HIDDEN, 7},
    [PROCESS_OWNER] = {"process.owner", "USER", "", "Effective user; a number when /etc/passwd does not name it.", COLUMN_TEXT, KEEP, 9},
    [PROCESS_STATE] = {"process.state", "S", "", "R running, S sleeping, D waiting for I/O, I idle kernel thread, T stopped, t traced, Z defunct, X exited since the last refresh.", COLUMN_TEXT, KEEP, 1},
    [PROCESS_CPU] = {"process.cpu.utilization", "CPU", "1", "CPU time used per second; 100 % is one core.", COLUMN_REAL, RANK, 7},
    [PROCESS_MEMORY] = {"process.memory.usage", "MEM", "By", "Resident memory, shared pages included.", COLUMN_REAL, RANK, 9},
    [PROCESS_DISK_READ] = {"process.disk.read", "READ", "By/s", "Bytes fetched from storage per second.", COLUMN_REAL, RANK | COSTLY, 9},
    [PROCESS_DISK_WRITE] = {"process.disk.write", "WRITE", "By/s", "Bytes sent towards storage per second (when the page is made dirty).", COLUMN_REAL, RANK | COSTLY, 9},
    [PROCESS_THREADS] = {"process.threads", "THR", "", "Threads.", COLUMN_INTEGER, KEEP, 5},
    [PROCESS_AGE] = {"process.age", "AGE", "s", "Time since the process started.", COLUMN_REAL, KEEP, 10},
    [PROCESS_NAME] = {"process.name", "NAME", "", "Name, as the kernel has it (15 bytes).", COLUMN_TEXT, KEEP, 16},
    [PROCESS_COMMAND] = {"process.command_line", "COMMAND", "", "Command line; [name] for kernel threads and where there is none.", COLUMN_TEXT, 0, 0},
    [PROCESS_MEMORY_VIRTUAL] = {"process.memory.virtual", "VIRT", "By", "Address space in use.", COLUMN_REAL, HIDDEN, 9},
    [PROCESS_NICE] = {"process.nice", "NI", "", "Nice value, -20 (first) to 19 (last).", COLUMN_INTEGER, HIDDEN, 3},
    [PROCESS_CPU_TIME] = {"process.cpu.time", "TIME", "s", "CPU time used since the start.", COLUMN_REAL, HIDDEN | COLUMN_TOTAL, 9},
    [PROCESS_CHILDREN_CPU] = {"process.children.cpu.utilization", "CHILD", "1", "CPU time per second of children that ended, without what was seen of them alive.", COLUMN_REAL, KEEP | HIDDEN, 7},
    [PROCESS_FAULTS_MAJOR] = {"process.paging.faults.major", "MAJFLT", "{fault}/s", "Page faults per second that had to wait for storage.", COLUMN_REAL, HIDDEN, 7},
    [PROCESS_FAULTS_MINOR] = {"process.paging.faults.minor", "MINFLT", "{fault}/s", "Page faults per second served from memory.", COLUMN_REAL, HIDDEN, 7},
    [PROCESS_SWITCHES] = {"process.context_switches", "CSW", "{switch}/s", "Context switches per second of the main thread.", COLUMN_REAL, HIDDEN | COSTLY, 7},
    [PROCESS_CGROUP] = {"process.cgroup", "CGROUP", "", "Container id (12 digits), or the last part of the control group's path.", COLUMN_TEXT, HIDDEN | COSTLY, 14},
    [PROCESS_WAIT_CHANNEL] = {"process.wait_channel", "WCHAN", "", "Kernel function it sleeps in.", COLUMN_TEXT, HIDDEN | COSTLY, 16},
    [PROCESS_OOM_SCORE] = {"process.oom_score", "OOM", "", "Who the kernel ends first when memory runs out (higher first).", COLUMN_INTEGER, HIDDEN | COSTLY, 5},
    [PROCESS_OPEN_FILES] = {"process.open_files", "FILES", "", "Open files, sockets and pipes; nothing where it is denied.", COLUMN_INTEGER, HIDDEN | COSTLY, 7},
    [PROCESS_OPEN_FILES_LIMIT] = {"process.open_files.limit", "MAXFILES", "", "Files it may have open at once (the soft limit).", COLUMN_INTEGER, HIDDEN | COSTLY, 8},
    [PROCESS_THREAD_NAME] = {"process.thread.top.name", "THREAD", "", "Busiest thread, for the busiest processes.", COLUMN_TEXT, HIDDEN | COSTLY, 16},
    [PROCESS_THREAD_CPU] = {"process.thread.top.cpu.utilization", "THRCPU", "1", "CPU use of the busiest thread; 100 % is one core.", COLUMN_REAL, HIDDEN | COSTLY, 7},
    [PROCESS_BIRTHS] = {"process.children.births", "BIRTHS", "{process}/s", "Children a second: those seen, and as many more as their page faults let expect.", COLUMN_REAL, HIDDEN, 7},
    [PROCESS_DISK_WAIT] = {"process.disk.wait", "IOWAIT", "1", "Share of the last readings at which the process waited for storage (state D).", COLUMN_REAL, HIDDEN, 7},
};
/* clang-format on */

const struct table_def process_table_def = {
    .name = "processes",
    .title = "Processes",
    .text = "Every process with what it uses.",
    .columns = columns,
    .column_count = PROCESS_COLUMN_COUNT,
    .sort_column = PROCESS_CPU,
    .kept_rows = 8,
};

const struct metric process_metrics[PROCESS_METRIC_COUNT] = {
    [PROCESS_METRIC_PROCESSES] =
        {.name = "system.process.count",
         .unit = "{process}",
         .labels = "state",
         .text = "Processes by state (running, sleeping, uninterruptible, idle, stopped, "
                 "defunct)."},
};

/* proc(5): the state field. Rows with the same label are counted together. */
static const struct state {
    char letter;
    const char *text, *label;
} states[] = {
    {'R', "R", "state=running"},
    {'S', "S", "state=sleeping"},
    {'D', "D", "state=uninterruptible"},
    {'I', "I", "state=idle"},
    {'T', "T", "state=stopped"},
    {'t', "t", "state=stopped"},
    {'Z', "Z", "state=defunct"},
    {'X', "X", NULL},
    {'x', "X", NULL},
    {'P', "P", "state=stopped"},
    {'W', "W", "state=running"},
    {'K', "K", "state=sleeping"},
};

static const struct state *
state_of(char letter)
{
    for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
        if (states[i].letter == letter) {
            return &states[i];
        }
    }
    return NULL;
}

static const char *
copy(struct arena *arena, const char *text)
{
    return arena_text(arena, text, strlen(text));
}

/* A reading that is older than this is no longer "now". */
static bool
fresh(const struct scan *scan, int64_t then_ns, int64_t now_ns)
{
    return then_ns != 0 && now_ns - then_ns <= MAX(3 * scan->setup.interval_ns, NS_PER_S);
}

/* The text of the row before when it is the same: the workers of one service have pids in a row,
 * and at thousands of them a picture is half the size. */
static const char *
copy_unless(struct arena *arena, const char *text, const char *before)
{
    return before != NULL && strcmp(before, text) == 0 ? before : copy(arena, text);
}

/* `before` is the row before, or NULL. */
static void
fill_texts(const struct process *process, union cell *row, const union cell *before,
           struct arena *arena)
{
    const char *known = process->name != NULL ? process->name : "";
    const char *name = copy_unless(arena, known, before != NULL ? before[PROCESS_NAME].text : NULL);
    row[PROCESS_NAME].text = name;
    if (process->stat.kernel || (process->command != NULL && process->command[0] == 0)) {
        row[PROCESS_COMMAND].text = arena_printf(arena, "[%s]", name);
    } else if (process->command != NULL) {
        row[PROCESS_COMMAND].text = copy_unless(
            arena, process->command, before != NULL ? before[PROCESS_COMMAND].text : NULL);
    }
    const struct state *state = state_of(process->gone ? 'X' : process->stat.state);
    row[PROCESS_STATE].text = state != NULL ? state->text : NULL;
}

#define CHILD_FAULTS 16      /* a child that does nothing but end has more */
#define CHILD_FAULTS_EXEC 64 /* most run a program */

/* Children that were not seen left their faults. The parent waits at least once for each; of one
 * with many threads that is not known. */
static double
births_of(const struct process *process)
{
    double faults = process->births.per_second[RATE_FAULTS];
    double waits =
        process->details != NULL ? process->details->switches.per_second[0] : (double)NAN;
    bool bounded = process->stat.threads == 1 && !isnan(waits);
    double unseen = bounded ? fmin(faults / CHILD_FAULTS, waits) : faults / CHILD_FAULTS_EXEC;
    return process->births.per_second[RATE_BORN] + unseen;
}

static void
fill_numbers(const struct scan *scan, const struct process *process, union cell *row,
             int64_t boot_ns)
{
    const struct pid_stat *stat = &process->stat;
    double hz = (double)scan->ticks_per_second;
    row[PROCESS_PARENT_PID].integer = stat->parent_pid;
    row[PROCESS_CPU].real = process_cpu(scan, process);
    row[PROCESS_CHILDREN_CPU].real = process->cpu.per_second[RATE_CHILDREN] / hz;
    row[PROCESS_FAULTS_MAJOR].real = process->faults.per_second[RATE_MAJOR];
    row[PROCESS_FAULTS_MINOR].real = process->faults.per_second[RATE_MINOR];
    row[PROCESS_BIRTHS].real = births_of(process);
    row[PROCESS_DISK_WAIT].real = process->waits;
    row[PROCESS_MEMORY].real = (double)MAX(stat->rss_pages, 0) * (double)scan->page_bytes;
    row[PROCESS_MEMORY_VIRTUAL].real = (double)stat->virtual_bytes;
    row[PROCESS_CPU_TIME].real = (double)stat->cpu_ticks / hz;
    row[PROCESS_THREADS].integer = stat->threads;
    row[PROCESS_NICE].integer = stat->nice;
    double age = (double)boot_ns / 1e9 - (double)stat->start_ticks / hz;
    row[PROCESS_AGE].real = age > 0 ? age : 0;
}

static void
fill_details(const struct scan *scan, const struct details *details, union cell *row,
             struct arena *arena, int64_t now_ns)
{
    if (fresh(scan, details->status_ns, now_ns)) {
        row[PROCESS_SWITCHES].real = details->switches.per_second[0];
    }
    if (fresh(scan, details->wait_ns, now_ns) && details->wait_channel[0] != 0) {
        row[PROCESS_WAIT_CHANNEL].text = copy(arena, details->wait_channel);
    }
    if (fresh(scan, details->oom_ns, now_ns)) {
        row[PROCESS_OOM_SCORE].integer = details->oom_score;
    }
    if (fresh(scan, details->files_ns, now_ns)) {
        row[PROCESS_OPEN_FILES].integer = details->open_files;
    }
    if (fresh(scan, details->limits_ns, now_ns)) {
        bool limited = details->open_files_limit != INT64_MAX;
        row[PROCESS_OPEN_FILES_LIMIT].integer = limited ? details->open_files_limit : CELL_UNKNOWN;
    }
    if (fresh(scan, details->thread_ns, now_ns)) {
        row[PROCESS_THREAD_NAME].text = copy(arena, details->thread_name);
        row[PROCESS_THREAD_CPU].real = details->thread_cpu;
    }
}

static void
fill_costly(const struct scan *scan, const struct process *process, union cell *row,
            struct arena *arena, int64_t now_ns)
{
    const struct process_io *io = process->io;
    if (io != NULL && fresh(scan, io->read_ns, now_ns)) {
        row[PROCESS_DISK_READ].real = io->rates.per_second[RATE_READ];
        row[PROCESS_DISK_WRITE].real = io->rates.per_second[RATE_WRITE];
    }
    if (process->cgroup != NULL) {
        row[PROCESS_CGROUP].text = copy(arena, process->cgroup);
    }
    if (process->details != NULL) {
        fill_details(scan, process->details, row, arena, now_ns);
    }
}

static bool
add_row(struct scan *scan, struct batch *batch, struct table *table, const struct process *process)
{
    union cell *row = table_add(table, batch->arena);
    if (row == NULL) {
        return false;
    }
    row[PROCESS_PID].integer = process->pid;
    if (process->uid_known) {
        row[PROCESS_OWNER].text = users_name(scan->users, process->uid, batch->arena, scan->tick);
    }
    if (process->known) {
        const union cell *before = table->count > 1 ? table_row(table, table->count - 2) : NULL;
        fill_texts(process, row, before, batch->arena);
        fill_numbers(scan, process, row, batch->at.boot_ns);
        fill_costly(scan, process, row, batch->arena, batch->at.mono_ns);
    }
    return true;
}

static void
deliver_counts(const struct scan *scan, struct batch *batch)
{
    double counts[ARRAY_SIZE(states)] = {0};
    for (size_t i = 0; i < scan->count; i++) {
        const struct process *process = scan->list[i];
        const struct state *state = state_of(process->stat.state);
        if (!process->gone && process->known && state != NULL) {
            counts[state - states]++;
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
        double sum = 0;
        bool first = states[i].label != NULL;
        for (size_t j = 0; first && j < ARRAY_SIZE(states); j++) {
            bool same = states[j].label != NULL && strcmp(states[i].label, states[j].label) == 0;
            first = !(same && j < i);
            sum += same ? counts[j] : 0;
        }
        if (first) {
            batch_put(batch, &process_metrics[PROCESS_METRIC_PROCESSES], states[i].label, sum);
        }
    }
}

void
rows_deliver(struct scan *scan, struct batch *batch)
{
    deliver_counts(scan, batch);
    struct table *table = batch_table(batch, &process_table_def, scan->count + scan->exited_count);
    if (table == NULL) {
        batch->dropped += scan->count;
        return;
    }
    bool fits = true;
    for (size_t i = 0; fits && i < scan->count; i++) {
        fits = scan->list[i]->gone || add_row(scan, batch, table, scan->list[i]);
    }
    size_t rows = 0;
    for (size_t i = 0; i < scan->count; i++) {
        rows += !scan->list[i]->gone;
    }
    for (const struct process *process = scan->exited; process != NULL;
         process = process->next_exited) {
        rows += process->known;
        fits = fits && (!process->known || add_row(scan, batch, table, process));
    }
    table->total = rows + scan->not_kept;
    batch->dropped += rows - table->count;
}
