/* CPU time by state, from /proc/stat. */
#include "flametop/base/macros.h"
#include "sources.h"

static const struct metric metrics[] = {
    {.name = "system.cpu.time",
     .unit = "s",
     .labels = "cpu state",
     .kind = METRIC_COUNTER,
     .text = "CPU time by state (user, nice, system, idle, iowait, irq, softirq, steal), one core each."},
    {.name = "system.cpu.utilization",
     .unit = "1",
     .labels = "cpu",
     .formula = "1 - system.cpu.time{state=idle|iowait} / system.cpu.time",
     .better = BETTER_LOWER,
     .fold = FOLD_FORMULA,
     .warning = 0.8,
     .critical = 0.95,
     .text = "Share of CPU time spent on anything but idling and waiting for I/O."},
};

static int
cpu_open(const struct source_setup *setup, void **ret_state, char *why, size_t why_size)
{
    (void)setup;
    (void)why;
    (void)why_size;
    *ret_state = NULL;
    return 0;
}

static enum source_step
cpu_poll(void *state, struct batch *batch)
{
    (void)state;
    (void)batch;
    return SOURCE_DONE;
}

static void
cpu_close(void *state)
{
    (void)state;
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
