/* What judges share: readings, proofs and culprits. */
#include "judge.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/core/table.h"
#include "flametop/core/unit.h"

const struct reading_row reading_rows[READ_COUNT] = {
    [READ_CPU] = {"system.cpu.utilization", NULL, false},
    [READ_SYSTEM] = {"system.cpu.system.utilization", NULL, false},
    [READ_STEAL] = {"system.cpu.steal.utilization", NULL, false},
    [READ_INTERRUPT] = {"system.cpu.interrupt.utilization", NULL, false},
    [READ_RUN_QUEUE] = {"system.cpu.run_queue", NULL, false},
    [READ_LOAD] = {"system.cpu.load_average.1m", NULL, false},
    [READ_BLOCKED] = {"system.cpu.blocked", NULL, false},
    [READ_CORES] = {"system.cpu.logical.count", NULL, false},
    [READ_FORKS] = {"system.process.forks", NULL, false},
    [READ_PSI_CPU] = {"system.pressure.avg10", "resource=cpu,kind=some", false},
    [READ_PSI_MEMORY] = {"system.pressure.avg10", "resource=memory,kind=some", false},
    [READ_PSI_MEMORY_FULL] = {"system.pressure.avg10", "resource=memory,kind=full", false},
    [READ_PSI_IO] = {"system.pressure.avg10", "resource=io,kind=some", false},
    [READ_PSI_IO_FULL] = {"system.pressure.avg10", "resource=io,kind=full", false},
    [READ_MEMORY] = {"system.memory.utilization", NULL, false},
    [READ_MEMORY_LIMIT] = {"system.memory.limit", NULL, false},
    [READ_MEMORY_AVAILABLE] = {"system.memory.available", NULL, false},
    [READ_SWAP_IN] = {"system.swap.io", "direction=in", false},
    [READ_RECLAIM_STALLS] = {"system.memory.reclaim.stalls", NULL, false},
    [READ_OOM_KILLS] = {"system.memory.oom_kills", NULL, true},
    [READ_DISK] = {"system.disk.utilization", NULL, false},
    [READ_NETWORK_ERRORS] = {"system.network.errors", NULL, false},
    [READ_NETWORK_DROPPED] = {"system.network.dropped", NULL, false},
    [READ_NETWORK_PACKETS] = {"system.network.packets", NULL, false},
    [READ_LINK] = {"system.network.link.utilization", NULL, false},
    [READ_RETRANSMITS] = {"system.network.tcp.retransmits", NULL, false},
    [READ_SEGMENTS] = {"system.network.tcp.segments", "direction=transmit", false},
    [READ_LISTEN_DROPS] = {"system.network.tcp.listen.overflows", NULL, true},
    [READ_CONNTRACK] = {"system.network.conntrack.utilization", NULL, false},
    [READ_FILES] = {"system.file.descriptor.utilization", NULL, false},
    [READ_FILESYSTEM] = {"system.filesystem.utilization", NULL, false},
    [READ_INODES] = {"system.filesystem.inodes.utilization", NULL, false},
    [READ_THROTTLED] = {"system.cpu.throttles", NULL, true},
    [READ_UNDERVOLTAGE] = {"hw.undervoltage", NULL, false},
    [READ_QUOTA_THROTTLED] = {"container.cpu.throttled.utilization", NULL, false},
    [READ_QUOTA_USE] = {"container.cpu.utilization", NULL, false},
};

struct judgement *
judge_say(struct bench *bench, const char *kind, const char *subject, double impact)
{
    if (!(impact >= 1) || bench->count == JUDGEMENTS_MAX) {
        return NULL;
    }
    struct judgement *judgement = &bench->list[bench->count++];
    *judgement = (struct judgement){
        .kind = kind, .impact = (int)lround(fmin(impact, 100)), .hold_ns = 3 * NS_PER_S};
    snprintf(judgement->subject, sizeof(judgement->subject), "%s", subject);
    return judgement;
}

void
judge_proof(struct judgement *judgement, const char *label, double value, const char *unit,
            const char *metric, const char *labels)
{
    if (judgement->proof_count == EVIDENCE_MAX || isnan(value)) {
        return;
    }
    struct proof *proof = &judgement->proofs[judgement->proof_count++];
    proof->label = label;
    proof->metric = metric;
    unit_format(value, unit, false, proof->value, sizeof(proof->value));
    snprintf(proof->labels, sizeof(proof->labels), "%s", labels != NULL ? labels : "");
}

double
reading_of(const struct bench *bench, enum reading which)
{
    return bench->readings[which];
}

struct culprit
culprit_in(const struct bench *bench, const char *column, const char *cgroup)
{
    struct culprit culprit = {.amount = NAN};
    const struct table *table = bench->processes;
    int amount = table != NULL ? table_column(table->def, column) : -1;
    if (amount < 0) {
        return culprit;
    }
    int pid = table_column(table->def, "process.pid"),
        name = table_column(table->def, "process.name");
    int group = table_column(table->def, "process.cgroup");
    const union cell *best = NULL;
    for (size_t i = 0; i < table->count; i++) {
        const union cell *row = table_row(table, i);
        if (cgroup != NULL &&
            (group < 0 || row[group].text == NULL || strcmp(row[group].text, cgroup) != 0)) {
            continue;
        }
        if (isnan(row[amount].real)) {
            culprit.hidden = true;
        } else if (best == NULL || row[amount].real > best[amount].real) {
            best = row;
        }
    }
    if (best != NULL && best[amount].real > 0 && pid >= 0 && name >= 0) {
        culprit.pid = best[pid].integer;
        culprit.amount = best[amount].real;
        snprintf(culprit.name, sizeof(culprit.name), "%.30s (%lld)",
                 best[name].text != NULL ? best[name].text : "?", (long long)culprit.pid);
    }
    return culprit;
}

struct culprit
culprit_by(const struct bench *bench, const char *column)
{
    return culprit_in(bench, column, NULL);
}
