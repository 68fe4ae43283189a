/* CPU: full, stolen, throttled, one thread on one core, interrupts on one core, processes started
 * too fast. */
#include <math.h>
#include <stdio.h>

#include "flametop/base/macros.h"
#include "flametop/core/query.h"
#include "flametop/core/table.h"
#include "flametop/core/unit.h"
#include "judge.h"

/* From here on a core counts as full; the kernel's ticks leave a few per cent of doubt. */
#define FULL 0.90
#define CLEARLY 0.95 /* said soon */
#define BUSY_THREAD 0.93
#define SLACK 0.08 /* while it is being said */
#define FORKS_STORM 500.0
/* Saturated is not the same as busy: somebody must wait. Without pressure the run queue stands in
 * for it. */
static void
judge_saturation(struct bench *bench)
{
    double use = reading_of(bench, READ_CPU), psi = reading_of(bench, READ_PSI_CPU);
    double queue = reading_of(bench, READ_RUN_QUEUE) / bench->machine_cores;
    double waiting = isnan(psi) ? CLAMP((queue - 1) / 2, 0.0, 1.0) : psi;
    if (!(use >= judge_limit(bench, READ_CPU, FULL, "cpu.saturated", ""))) {
        return;
    }
    double full = fmax(use - FULL, 0) / (1 - FULL);
    struct judgement *j =
        judge_say(bench, "cpu.saturated", "", 35 + 25 * full + 30 * (isnan(waiting) ? 0 : waiting));
    if (j == NULL) {
        return;
    }
    char busy[32], wait[32];
    judge_percent(use, busy, sizeof(busy));
    if (isnan(psi)) {
        unit_format(queue, "", false, wait, sizeof(wait));
        snprintf(j->what, sizeof(j->what), "CPU %s busy, %s tasks want each core", busy, wait);
    } else {
        judge_percent(psi, wait, sizeof(wait));
        snprintf(j->what, sizeof(j->what), "CPU %s busy, tasks wait for a core %s of the time",
                 busy, wait);
    }
    snprintf(j->brief, sizeof(j->brief), "CPU %s busy", busy);
    snprintf(j->was, sizeof(j->was), "the CPU was %s busy", busy);
    j->hold_ns = use >= CLEARLY ? MIN(j->hold_ns, NS_PER_S) : j->hold_ns;
    judge_chosen(bench, j, READ_CPU, use);
    j->advice = "See which processes use it (3) and since when (Enter on the CPU card); nice what "
                "can wait.";
    judge_proof(j, "CPU busy", use, "1", "system.cpu.utilization", "");
    judge_proof(j, "in the kernel", reading_of(bench, READ_SYSTEM), "1",
                "system.cpu.system.utilization", "");
    judge_proof(j, "tasks waiting (PSI some)", psi, "1", "system.pressure.some.utilization",
                "resource=cpu");
    judge_proof(j, "run queue for each core", queue, "", "system.cpu.run_queue.per_core", "");
    judge_proof(j, "load average, 1 min", reading_of(bench, READ_LOAD), "",
                "system.cpu.load_average.1m", "");
    blame_cpu(bench, j, use * bench->machine_cores);
}

/* Work that does not spread: one thread is at the end of its core while the others have room. */
static void
judge_one_thread(struct bench *bench)
{
    const struct table *table = bench->processes;
    double use = reading_of(bench, READ_CPU);
    if (table == NULL || bench->cores < 2 || !(use < FULL)) {
        return;
    }
    int cpu = table_column(table->def, "process.cpu.utilization"),
        threads = table_column(table->def, "process.threads");
    int top = table_column(table->def, "process.thread.top.cpu.utilization");
    int top_name = table_column(table->def, "process.thread.top.name");
    int pid = table_column(table->def, "process.pid"),
        name = table_column(table->def, "process.name");
    for (size_t i = 0; cpu >= 0 && threads >= 0 && pid >= 0 && name >= 0 && i < table->count; i++) {
        const union cell *row = table_row(table, i);
        bool single = row[threads].integer <= 1;
        double busy = single ? row[cpu].real : top >= 0 ? row[top].real : NAN;
        if (!(busy >= BUSY_THREAD - SLACK)) {
            continue;
        }
        char subject[32], share[32];
        snprintf(subject, sizeof(subject), "%lld", (long long)row[pid].integer);
        if (busy < BUSY_THREAD && judge_standing(bench, "cpu.one_thread", subject) == NULL) {
            continue;
        }
        struct judgement *j = judge_say(bench, "cpu.one_thread", subject, 20 + 40 / bench->cores);
        if (j == NULL) {
            return;
        }
        const char *thread =
            !single && top_name >= 0 && row[top_name].text != NULL ? row[top_name].text : NULL;
        snprintf(j->culprit.name, sizeof(j->culprit.name), "%.30s (%s)",
                 row[name].text != NULL ? row[name].text : "?", subject);
        j->culprit.pid = row[pid].integer;
        judge_percent(fmin(busy, 1), share, sizeof(share));
        snprintf(j->what, sizeof(j->what),
                 "one thread%s%.24s%s fills a core while the machine is %.0f %% idle",
                 thread != NULL ? " (" : "", thread != NULL ? thread : "",
                 thread != NULL ? ")" : "", 100 * (1 - use));
        snprintf(j->brief, sizeof(j->brief), "one thread fills a core");
        snprintf(j->was, sizeof(j->was), "one thread filled a core");
        snprintf(j->does, sizeof(j->does), "uses %s", share);
        j->advice = "More cores do not help it: the work of this thread must be split, or be less.";
        judge_proof(j, "its busiest thread", busy, "1", NULL, NULL);
        judge_proof(j, "CPU busy in all", use, "1", "system.cpu.utilization", "");
    }
}

static void
judge_steal(struct bench *bench)
{
    double steal = reading_of(bench, READ_STEAL);
    struct judgement *j = steal >= judge_limit(bench, READ_STEAL, 0.10, "cpu.stolen", "")
                              ? judge_say(bench, "cpu.stolen", "", 30 + 100 * fmax(steal - 0.10, 0))
                              : NULL;
    if (j == NULL) {
        return;
    }
    char share[32];
    unit_format(steal, "1", false, share, sizeof(share));
    snprintf(j->what, sizeof(j->what),
             "the hypervisor gives %s of the CPU time this machine wants to others", share);
    snprintf(j->brief, sizeof(j->brief), "%s of CPU stolen", share);
    snprintf(j->was, sizeof(j->was), "%s of the CPU time was stolen", share);
    j->advice = "Nothing in this machine causes it: ask for a host with room, or a size without "
                "burst credits.";
    j->hold_ns = MAX(j->hold_ns, 3 * NS_PER_S);
    judge_chosen(bench, j, READ_STEAL, steal);
    judge_proof(j, "steal", steal, "1", "system.cpu.steal.utilization", "");
    judge_proof(j, "CPU busy", reading_of(bench, READ_CPU), "1", "system.cpu.utilization", "");
}

/* The own control group's quota. */
static void
judge_quota(struct bench *bench)
{
    double throttled = reading_of(bench, READ_QUOTA_THROTTLED);
    struct judgement *j =
        throttled >= judge_limit(bench, READ_QUOTA_THROTTLED, 0.05, "cpu.quota", "")
            ? judge_say(bench, "cpu.quota", "", 30 + 60 * throttled)
            : NULL;
    if (j == NULL) {
        return;
    }
    char share[32];
    unit_format(throttled, "1", false, share, sizeof(share));
    snprintf(j->what, sizeof(j->what), "the container is held back by its CPU limit %s of the time",
             share);
    snprintf(j->brief, sizeof(j->brief), "CPU limit reached %s of the time", share);
    snprintf(j->was, sizeof(j->was), "the CPU limit held the container back %s of the time", share);
    judge_chosen(bench, j, READ_QUOTA_THROTTLED, throttled);
    j->advice = "Raise the limit (cpu.max), or run fewer threads than the limit has cores.";
    judge_proof(j, "throttled", throttled, "1", "container.cpu.throttled", "");
    judge_proof(j, "use of the limit", reading_of(bench, READ_QUOTA_USE), "1",
                "container.cpu.utilization", "");
    blame_cpu(bench, j, reading_of(bench, READ_QUOTA_USE) * bench->cores);
}

/* Interrupt work that sits on one core: looked at core by core only when there is enough of it for
 * one. */
static void
judge_softirq(struct bench *bench)
{
    double all = reading_of(bench, READ_INTERRUPT) * bench->machine_cores;
    if (!(all >= 0.45) || bench->machine_cores < 2) {
        return;
    }
    struct arena arena;
    arena_init(&arena, (size_t)256 * 1024);
    const char *cores[1024];
    size_t count = query_label_values(bench->picture, "system.cpu.interrupt.utilization", "cpu",
                                      &arena, cores, ARRAY_SIZE(cores));
    double worst = 0;
    const char *which = "";
    for (size_t i = 0; i < count; i++) {
        char labels[64] = "";
        labels_add(labels, sizeof(labels), "cpu", str_from(cores[i]));
        double share = query_once(bench->picture, "system.cpu.interrupt.utilization", labels);
        if (share > worst) {
            worst = share;
            which = cores[i];
        }
    }
    double others = (all - worst) / fmax(bench->machine_cores - 1, 1);
    struct judgement *j = worst >= 0.5 && worst > 3 * others
                              ? judge_say(bench, "cpu.interrupts", which, 25 + 50 * worst)
                              : NULL;
    if (j != NULL) {
        char share[32], labels[64] = "";
        labels_add(labels, sizeof(labels), "cpu", str_from(which));
        unit_format(worst, "1", false, share, sizeof(share));
        snprintf(j->what, sizeof(j->what), "core %.16s spends %s on interrupts, the others %.0f %%",
                 which, share, 100 * fmax(others, 0));
        snprintf(j->brief, sizeof(j->brief), "interrupts fill core %.16s", which);
        snprintf(j->was, sizeof(j->was), "interrupts filled core %.16s", which);
        j->advice =
            "Spread them: more queues of the network card (ethtool -L), RPS, or irqbalance.";
        j->hold_ns = 5 * NS_PER_S;
        judge_proof(j, "interrupts on this core", worst, "1", "system.cpu.interrupt.utilization",
                    labels);
        judge_proof(j, "interrupts, mean of the others", others, "1", NULL, NULL);
    }
    arena_done(&arena);
}

/* Short-lived processes are gone before they are seen: whose children come and go is estimated. */
static void
judge_forks(struct bench *bench)
{
    double forks = reading_of(bench, READ_FORKS);
    static const char kind[] = "process.fork_storm";
    struct judgement *j = forks >= judge_limit(bench, READ_FORKS, FORKS_STORM, kind, "")
                              ? judge_say(bench, kind, "", 30 + 35 * fmin(forks / 4000, 1))
                              : NULL;
    if (j == NULL) {
        return;
    }
    char rate[32];
    unit_format(forks, "", false, rate, sizeof(rate));
    snprintf(j->what, sizeof(j->what), "%s new processes and threads a second", rate);
    snprintf(j->brief, sizeof(j->brief), "%s forks/s", rate);
    snprintf(j->was, sizeof(j->was), "%s processes and threads a second were started", rate);
    j->advice = "Short-lived processes cost more to start than they do: keep them running, or do "
                "it inside one.";
    j->hold_ns = MIN(j->hold_ns, 2 * NS_PER_S);
    judge_chosen(bench, j, READ_FORKS, forks);
    judge_proof(j, "forks and clones", forks, "{process}/s", "system.process.forks", "");
    judge_proof(j, "in the kernel", reading_of(bench, READ_SYSTEM), "1",
                "system.cpu.system.utilization", "");
    blame_forks(bench, j, forks);
}

static void
judge_heat(struct bench *bench)
{
    double throttles = reading_of(bench, READ_THROTTLED),
           voltage = reading_of(bench, READ_UNDERVOLTAGE);
    struct judgement *j = throttles > 0 ? judge_say(bench, "cpu.thermal", "", 45) : NULL;
    if (j != NULL) {
        snprintf(j->what, sizeof(j->what), "the CPU slows itself down because it is too hot");
        snprintf(j->brief, sizeof(j->brief), "CPU throttled by heat");
        snprintf(j->was, sizeof(j->was), "the CPU was throttled by heat");
        j->advice = "Look at fans and dust; see the temperatures in System (2).";
        judge_proof(j, "throttling", throttles, "{event}/s", "system.cpu.throttles", "");
    }
    j = voltage > 0 ? judge_say(bench, "power.undervoltage", "", 50) : NULL;
    if (j != NULL) {
        snprintf(j->what, sizeof(j->what),
                 "the supply voltage is too low, the CPU runs slower than it could");
        snprintf(j->brief, sizeof(j->brief), "under-voltage");
        snprintf(j->was, sizeof(j->was), "the supply voltage was too low");
        j->advice = "Use a stronger power supply or a shorter cable.";
    }
}

void
judge_cpu(struct bench *bench)
{
    judge_saturation(bench);
    judge_one_thread(bench);
    judge_steal(bench);
    judge_quota(bench);
    judge_softirq(bench);
    judge_forks(bench);
    judge_heat(bench);
}
