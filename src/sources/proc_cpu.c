/* CPU time by state, load and scheduling: /proc/stat, /proc/loadavg, /proc/uptime.
 *
 * There is no series for the machine as a whole: it is the sum over the cores. Time spent in guests
 * is inside user and nice in the file and stays there; it is told apart as a metric of its own, so
 * that the states sum to the time that passed.
 *
 * Invariant: core->known exactly when its columns are registered; a core that is offline has no
 * reading. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "flametop/base/macros.h"
#include "kept.h"
#include "proc_parse.h"
#include "sources.h"

/* A share of CPU time: of the cores that the query's labels leave open. */
#define SHARE(states) "system.cpu.time{state=" states "} / system.cpu.time"

enum {
    CPU_TIME,
    CPU_GUEST,
    CPU_UTILIZATION,
    CPU_USER,
    CPU_SYSTEM,
    CPU_IOWAIT,
    CPU_INTERRUPT,
    CPU_STEAL,
    CPU_COUNT,
    CPU_LOAD_1M,
    CPU_LOAD_5M,
    CPU_LOAD_15M,
    CPU_LOAD_PER_CORE,
    CPU_RUN_QUEUE,
    CPU_RUN_QUEUE_PER_CORE,
    CPU_BLOCKED,
    CPU_SWITCHES,
    CPU_INTERRUPTS,
    CPU_SOFTIRQS,
    CPU_FORKS,
    CPU_THREADS,
    CPU_UPTIME,
};

static const struct metric metrics[] = {
    [CPU_TIME] = {.name = "system.cpu.time",
                  .unit = "s",
                  .labels = "cpu state",
                  .kind = METRIC_COUNTER,
                  .text = "CPU time of each core by state: user, nice, system, idle, iowait, irq, "
                          "softirq, steal; "
                          "running guests counts as user."},
    [CPU_GUEST] = {.name = "system.cpu.guest.time",
                   .unit = "s",
                   .labels = "cpu",
                   .kind = METRIC_COUNTER,
                   .text =
                       "The part of user and nice time that was spent running virtual machines."},
    [CPU_UTILIZATION] = {.name = "system.cpu.utilization",
                         .unit = "1",
                         .labels = "cpu",
                         .formula = "1 - " SHARE("idle|iowait"),
                         .better = BETTER_LOWER,
                         .fold = FOLD_FORMULA,
                         .warning = 0.8,
                         .critical = 0.95,
                         .text =
                             "Share of CPU time spent on anything but idling and waiting for I/O."},
    [CPU_USER] = {.name = "system.cpu.user.utilization",
                  .unit = "1",
                  .labels = "cpu",
                  .formula = SHARE("user|nice"),
                  .better = BETTER_LOWER,
                  .fold = FOLD_FORMULA,
                  .text = "Share of CPU time spent in programs, low priority and guests included."},
    [CPU_SYSTEM] = {.name = "system.cpu.system.utilization",
                    .unit = "1",
                    .labels = "cpu",
                    .formula = SHARE("system"),
                    .better = BETTER_LOWER,
                    .fold = FOLD_FORMULA,
                    .text = "Share of CPU time spent in the kernel on behalf of programs."},
    [CPU_IOWAIT] =
        {.name = "system.cpu.iowait.utilization",
         .unit = "1",
         .labels = "cpu",
         .formula = SHARE("iowait"),
         .better = BETTER_LOWER,
         .fold = FOLD_FORMULA,
         .text =
             "Share of time a core idled while a task that last ran on it waited for I/O; a hint "
             "only, pressure says more."},
    [CPU_INTERRUPT] =
        {.name = "system.cpu.interrupt.utilization",
         .unit = "1",
         .labels = "cpu",
         .formula = SHARE("irq|softirq"),
         .better = BETTER_LOWER,
         .fold = FOLD_FORMULA,
         .text =
             "Share of CPU time spent serving interrupts and soft interrupts (network, timers)."},
    [CPU_STEAL] = {.name = "system.cpu.steal.utilization",
                   .unit = "1",
                   .labels = "cpu",
                   .formula = SHARE("steal"),
                   .better = BETTER_LOWER,
                   .fold = FOLD_FORMULA,
                   .warning = 0.05,
                   .critical = 0.2,
                   .text = "Share of CPU time the hypervisor gave to somebody else while this "
                           "machine wanted it."},
    [CPU_COUNT] = {.name = "system.cpu.logical.count",
                   .unit = "{cpu}",
                   .labels = "",
                   .text = "Logical cores that are online."},
    [CPU_LOAD_1M] =
        {.name = "system.cpu.load_average.1m",
         .unit = "{thread}",
         .labels = "",
         .better = BETTER_LOWER,
         .text = "Tasks that ran, wanted to run or slept uninterruptibly, averaged over 1 minute."},
    [CPU_LOAD_5M] =
        {.name = "system.cpu.load_average.5m",
         .unit = "{thread}",
         .labels = "",
         .better = BETTER_LOWER,
         .text =
             "Tasks that ran, wanted to run or slept uninterruptibly, averaged over 5 minutes."},
    [CPU_LOAD_15M] =
        {.name = "system.cpu.load_average.15m",
         .unit = "{thread}",
         .labels = "",
         .better = BETTER_LOWER,
         .text =
             "Tasks that ran, wanted to run or slept uninterruptibly, averaged over 15 minutes."},
    [CPU_LOAD_PER_CORE] =
        {.name = "system.cpu.load_average.per_core",
         .unit = "{thread}",
         .labels = "",
         .formula = "system.cpu.load_average.1m / system.cpu.logical.count",
         .better = BETTER_LOWER,
         .fold = FOLD_FORMULA,
         .warning = 1,
         .critical = 5,
         .text = "Load average of 1 minute for each online core; above 1 tasks wait."},
    [CPU_RUN_QUEUE] =
        {.name = "system.cpu.run_queue",
         .unit = "{thread}",
         .labels = "",
         .better = BETTER_LOWER,
         .text = "Tasks that run or wait for a core at this moment, this monitor included."},
    [CPU_RUN_QUEUE_PER_CORE] =
        {.name = "system.cpu.run_queue.per_core",
         .unit = "{thread}",
         .labels = "",
         .formula = "system.cpu.run_queue / system.cpu.logical.count",
         .better = BETTER_LOWER,
         .fold = FOLD_FORMULA,
         .text = "Tasks that run or wait for each online core; above 1 tasks wait."},
    [CPU_BLOCKED] = {.name = "system.cpu.blocked",
                     .unit = "{thread}",
                     .labels = "",
                     .better = BETTER_LOWER,
                     .text = "Tasks blocked on I/O at this moment."},
    [CPU_SWITCHES] = {.name = "system.cpu.context_switches",
                      .unit = "{switch}",
                      .labels = "",
                      .kind = METRIC_COUNTER,
                      .text = "Changes from one task to another, over all cores."},
    [CPU_INTERRUPTS] = {.name = "system.cpu.interrupts",
                        .unit = "{interrupt}",
                        .labels = "",
                        .kind = METRIC_COUNTER,
                        .text = "Hardware interrupts served, over all cores."},
    [CPU_SOFTIRQS] =
        {.name = "system.cpu.softirqs",
         .unit = "{interrupt}",
         .labels = "type",
         .kind = METRIC_COUNTER,
         .text = "Soft interrupts served by type (timer, net_rx, block, rcu …), over all cores."},
    [CPU_FORKS] = {.name = "system.process.forks",
                   .unit = "{process}",
                   .labels = "",
                   .kind = METRIC_COUNTER,
                   .better = BETTER_LOWER,
                   .text = "Processes and threads created."},
    [CPU_THREADS] = {.name = "system.thread.count",
                     .unit = "{thread}",
                     .labels = "",
                     .text = "Threads there are, those of the kernel included."},
    [CPU_UPTIME] = {.name = "system.uptime",
                    .unit = "s",
                    .labels = "",
                    .text = "Time since the machine started, the time it was suspended included."},
};

static const char *const state_names[STAT_STATES] = {"user",   "nice", "system",  "idle",
                                                     "iowait", "irq",  "softirq", "steal"};
static const char *const softirq_names[STAT_SOFTIRQS] = {
    "hi", "timer", "net_tx", "net_rx", "block", "irq_poll", "tasklet", "sched", "hrtimer", "rcu"};

/* A counter of /proc/stat that runs back by less than this was read while the kernel corrected it:
 * iowait and idle of a tickless core do that (proc.rst: "may decrease in certain conditions"). More
 * is a core that came back from being offline. */
#define FALL_SECONDS_MAX 60.0

struct core {
    bool known;
    int columns[STAT_STATES], guest_column;
    double seconds[STAT_STATES];
};

struct cpu {
    struct kept stat, loadavg, uptime;
    double ticks_a_second;
    struct core *cores; /* by number */
    size_t core_count;
    int columns[ARRAY_SIZE(metrics)], softirq_columns[STAT_SOFTIRQS];
    bool registered;
};

static int
cpu_open(const struct source_setup *setup, void **ret_state, char *why, size_t why_size)
{
    struct cpu *cpu = calloc(1, sizeof(*cpu));
    if (cpu == NULL) {
        snprintf(why, why_size, "out of memory");
        return -ENOMEM;
    }
    int error = kept_open(&cpu->stat, setup->roots->proc, "stat");
    kept_open(&cpu->loadavg, setup->roots->proc, "loadavg");
    kept_open(&cpu->uptime, setup->roots->proc, "uptime");
    cpu->ticks_a_second = (double)sysconf(_SC_CLK_TCK);
    if (error != 0 && cpu->loadavg.fd < 0) {
        snprintf(why, why_size, "%s/stat cannot be read", setup->roots->proc);
        kept_close(&cpu->stat);
        kept_close(&cpu->loadavg);
        kept_close(&cpu->uptime);
        free(cpu);
        return error;
    }
    *ret_state = cpu;
    return 0;
}

/* The metrics without labels, and the soft interrupts. */
static void
register_columns(struct cpu *cpu, struct batch *batch)
{
    for (size_t i = 0; i < ARRAY_SIZE(metrics); i++) {
        if (metrics[i].formula == NULL && metrics[i].labels[0] == 0) {
            cpu->columns[i] = batch_column(batch, &metrics[i], "");
        }
    }
    for (size_t i = 0; i < STAT_SOFTIRQS; i++) {
        char labels[32];
        snprintf(labels, sizeof(labels), "type=%s", softirq_names[i]);
        cpu->softirq_columns[i] = batch_column(batch, &metrics[CPU_SOFTIRQS], labels);
    }
    cpu->registered = true;
}

static void
register_core(struct core *core, unsigned number, struct batch *batch)
{
    char labels[48];
    for (size_t i = 0; i < STAT_STATES; i++) {
        snprintf(labels, sizeof(labels), "cpu=%u,state=%s", number, state_names[i]);
        core->columns[i] = batch_column(batch, &metrics[CPU_TIME], labels);
        core->seconds[i] = NAN;
    }
    snprintf(labels, sizeof(labels), "cpu=%u", number);
    core->guest_column = batch_column(batch, &metrics[CPU_GUEST], labels);
    core->known = true;
}

/* NULL when memory is out. */
static struct core *
core_of(struct cpu *cpu, unsigned number, struct batch *batch)
{
    if (number >= cpu->core_count) {
        size_t count = MAX((size_t)number + 1, MIN(cpu->core_count * 2, (size_t)STAT_CPU_MAX));
        struct core *cores = reallocarray(cpu->cores, count, sizeof(*cores));
        if (cores == NULL) {
            return NULL;
        }
        for (size_t i = cpu->core_count; i < count; i++) {
            cores[i] = (struct core){.known = false};
        }
        cpu->cores = cores;
        cpu->core_count = count;
    }
    struct core *core = &cpu->cores[number];
    if (!core->known) {
        register_core(core, number, batch);
    }
    return core;
}

static void
put_core(struct cpu *cpu, const struct stat_core *read, struct batch *batch)
{
    struct core *core = core_of(cpu, read->cpu, batch);
    if (core == NULL) {
        batch->dropped++;
        return;
    }
    for (size_t i = 0; i < STAT_STATES; i++) {
        double now = read->ticks[i] / cpu->ticks_a_second;
        if (now < core->seconds[i] && core->seconds[i] - now < FALL_SECONDS_MAX) {
            now = core->seconds[i];
        }
        core->seconds[i] = now;
        batch_set(batch, core->columns[i], now);
    }
    double guest_nice = read->ticks[STAT_GUEST_NICE];
    double guest = read->ticks[STAT_GUEST] + (isnan(guest_nice) ? 0 : guest_nice);
    batch_set(batch, core->guest_column, guest / cpu->ticks_a_second);
}

static void
put_stat(struct cpu *cpu, struct str text, struct batch *batch)
{
    struct stat_core core;
    size_t count = 0, refused = 0;
    while (parse_stat_core(&text, &core, &refused)) {
        put_core(cpu, &core, batch);
        count++;
    }
    struct stat_text rest;
    parse_stat_rest(text, &rest);
    batch_set(batch, cpu->columns[CPU_COUNT], count > 0 && refused == 0 ? (double)count : NAN);
    batch_set(batch, cpu->columns[CPU_INTERRUPTS], rest.interrupts);
    batch_set(batch, cpu->columns[CPU_SWITCHES], rest.context_switches);
    batch_set(batch, cpu->columns[CPU_FORKS], rest.forks);
    batch_set(batch, cpu->columns[CPU_RUN_QUEUE], rest.running);
    batch_set(batch, cpu->columns[CPU_BLOCKED], rest.blocked);
    for (size_t i = 0; i < STAT_SOFTIRQS; i++) {
        batch_set(batch, cpu->softirq_columns[i], rest.softirqs[i]);
    }
    batch->rejected += refused;
    if (count == 0 || refused > 0) {
        batch_fail(batch, SOURCE_DEGRADED, "%s has lines that make no sense", cpu->stat.path);
    }
}

static void
put_load(struct cpu *cpu, struct str text, struct batch *batch)
{
    struct loadavg load;
    if (!parse_loadavg(text, &load)) {
        batch->rejected++;
        return;
    }
    for (size_t i = 0; i < 3; i++) {
        batch_set(batch, cpu->columns[CPU_LOAD_1M + i], load.load[i]);
    }
    batch_set(batch, cpu->columns[CPU_THREADS], load.threads);
}

static enum source_step
cpu_poll(void *state, struct batch *batch)
{
    struct cpu *cpu = state;
    struct str text;
    double uptime;
    if (!cpu->registered) {
        register_columns(cpu, batch);
    }
    if (kept_read(&cpu->stat, &text)) {
        put_stat(cpu, text, batch);
    } else {
        batch_fail(batch, SOURCE_DEGRADED, "%s cannot be read: CPU time is unknown",
                   cpu->stat.path);
    }
    if (kept_read(&cpu->loadavg, &text)) {
        put_load(cpu, text, batch);
    }
    if (kept_read(&cpu->uptime, &text) && parse_uptime(text, &uptime)) {
        batch_set(batch, cpu->columns[CPU_UPTIME], uptime);
    }
    return SOURCE_DONE;
}

static void
cpu_close(void *state)
{
    struct cpu *cpu = state;
    kept_close(&cpu->stat);
    kept_close(&cpu->loadavg);
    kept_close(&cpu->uptime);
    free(cpu->cores);
    free(cpu);
}

const struct source source_proc_cpu = {
    .name = "cpu",
    .text = "CPU time, load and scheduling from /proc/stat and /proc/loadavg.",
    .metrics = metrics,
    .metric_count = ARRAY_SIZE(metrics),
    .open = cpu_open,
    .poll = cpu_poll,
    .close = cpu_close,
};
