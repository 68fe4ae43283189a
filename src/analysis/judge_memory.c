/* Memory: short, swapping, killed for; of the machine and of each control group. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "flametop/core/table.h"
#include "flametop/core/unit.h"
#include "judge.h"

static void
blame_memory(const struct bench *bench, struct judgement *judgement, const char *cgroup)
{
    judgement->culprit = culprit_in(bench, "process.memory.usage", cgroup);
    if (judgement->culprit.pid == 0 && cgroup != NULL) {
        judgement->culprit = culprit_in(bench, "process.memory.usage", NULL);
    }
    if (judgement->culprit.pid != 0) {
        char amount[32];
        snprintf(judgement->does, sizeof(judgement->does), "holds %s",
                 unit_format(judgement->culprit.amount, "By", false, amount, sizeof(amount)));
    }
}

static void
prove_memory(const struct bench *bench, struct judgement *j)
{
    judge_proof(j, "used (total - available)", reading_of(bench, READ_MEMORY), "1",
                "system.memory.utilization", "");
    judge_proof(j, "tasks waiting (PSI some, 10 s)", reading_of(bench, READ_PSI_MEMORY), "1",
                "system.pressure.avg10", "resource=memory,kind=some");
    judge_proof(j, "swapped in", reading_of(bench, READ_SWAP_IN), "By/s", "system.swap.io",
                "direction=in");
    judge_proof(j, "tasks that reclaimed themselves", reading_of(bench, READ_RECLAIM_STALLS),
                "{stall}/s", "system.memory.reclaim.stalls", "");
}

/* A group at its limit reclaims or kills inside itself while the machine has room. Answers whether
 * there is one. */
static bool
judge_groups(struct bench *bench)
{
    const struct table *table = bench->cgroups;
    bool any = false;
    if (table == NULL) {
        return false;
    }
    int name = table_column(table->def, "cgroup.name"),
        use = table_column(table->def, "cgroup.memory.usage");
    int limit = table_column(table->def, "cgroup.memory.limit");
    for (size_t i = 0; name >= 0 && use >= 0 && limit >= 0 && i < table->count; i++) {
        const union cell *row = table_row(table, i);
        double share = row[use].real / row[limit].real;
        /* Page cache fills a group to its limit without hurting: what counts is that nothing can be
         * dropped, which shows as pressure, stalls or kills. */
        double psi = reading_of(bench, READ_PSI_MEMORY), kills = reading_of(bench, READ_OOM_KILLS);
        double stalls = reading_of(bench, READ_RECLAIM_STALLS);
        bool hurts = kills > 0 || psi >= 0.02 || (isnan(psi) && stalls > 0) || share >= 0.995;
        if (!(share >= 0.95) || !hurts || row[name].text == NULL || row[name].text[0] == 0) {
            continue;
        }
        struct judgement *j = judge_say(bench, "memory.group_limit", row[name].text,
                                        45 + 40 * fmin(fmax(psi, 0) * 2, 1) + (kills > 0 ? 15 : 0));
        if (j == NULL) {
            break;
        }
        any = true;
        char used[32], most[32];
        unit_format(row[use].real, "By", false, used, sizeof(used));
        unit_format(row[limit].real, "By", false, most, sizeof(most));
        snprintf(j->what, sizeof(j->what), "memory of group %.48s is at its limit: %s of %s%s",
                 row[name].text, used, most, kills > 0 ? ", the kernel kills for it" : "");
        snprintf(j->brief, sizeof(j->brief), "%.30s at its memory limit", row[name].text);
        j->advice = "Raise the group's limit (memory.max), or find out what grows in it.";
        judge_proof(j, "use", row[use].real, "By", NULL, NULL);
        judge_proof(j, "limit", row[limit].real, "By", NULL, NULL);
        prove_memory(bench, j);
        blame_memory(bench, j, row[name].text);
    }
    return any;
}

static void
judge_pressure(struct bench *bench, bool in_group)
{
    double psi = reading_of(bench, READ_PSI_MEMORY), used = reading_of(bench, READ_MEMORY);
    double swap_in = reading_of(bench, READ_SWAP_IN),
           stalls = reading_of(bench, READ_RECLAIM_STALLS);
    bool short_of = used >= 0.95, waits = psi >= 0.05, swaps = swap_in >= 2e6;
    bool stalled = isnan(psi) && stalls >= 50;
    if (!(short_of || waits || swaps || stalled)) {
        return;
    }
    if (in_group && !short_of) {
        return; /* the group's judgement says it better */
    }
    double impact =
        30 + 60 * fmax(psi, 0) + (short_of ? 25 : 0) + (swaps ? 15 : 0) + (stalled ? 15 : 0);
    struct judgement *j = judge_say(bench, "memory.short", "", impact);
    if (j == NULL) {
        return;
    }
    char share[32], wait[32], swapped[32];
    unit_format(used, "1", false, share, sizeof(share));
    unit_format(psi, "1", false, wait, sizeof(wait));
    unit_format(swap_in, "By/s", false, swapped, sizeof(swapped));
    if (swaps) {
        snprintf(j->what, sizeof(j->what), "memory %s used and swapping in %s", share, swapped);
    } else if (waits) {
        snprintf(j->what, sizeof(j->what), "memory %s used, tasks wait for it %s of the time",
                 share, wait);
    } else {
        snprintf(j->what, sizeof(j->what), "memory %s used, little is left to drop", share);
    }
    snprintf(j->brief, sizeof(j->brief), "memory %s used", share);
    j->advice = "See who holds it (3, then M); what grows steadily is a leak.";
    prove_memory(bench, j);
    blame_memory(bench, j, NULL);
}

static void
judge_kills(struct bench *bench, bool in_group)
{
    double kills = reading_of(bench, READ_OOM_KILLS);
    struct judgement *j = kills > 0 && !in_group ? judge_say(bench, "memory.oom", "", 80) : NULL;
    if (j == NULL) {
        return;
    }
    j->hold_ns = 0;
    snprintf(j->what, sizeof(j->what), "the kernel killed a process because memory ran out");
    snprintf(j->brief, sizeof(j->brief), "a process was killed for memory");
    j->advice = "dmesg says which; give it more memory or a limit of its own.";
    prove_memory(bench, j);
    blame_memory(bench, j, NULL);
}

void
judge_memory(struct bench *bench)
{
    bool in_group = judge_groups(bench);
    judge_pressure(bench, in_group);
    judge_kills(bench, in_group);
}
