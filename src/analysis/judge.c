/* What judges share: readings, proofs and culprits. */
#include "judge.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/core/table.h"
#include "flametop/core/unit.h"

/* What happened since the last reading; the kernel's mean of 10 s stands in for it in the first
 * picture. */
#define PRESSURE(kind, resource)                                                                   \
    "or(system.pressure." kind ".utilization{resource=" resource "}, "                             \
    "system.pressure.avg10{kind=" kind ",resource=" resource "})"

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
    [READ_PSI_CPU] = {.formula = PRESSURE("some", "cpu")},
    [READ_PSI_MEMORY] = {.formula = PRESSURE("some", "memory")},
    [READ_PSI_MEMORY_FULL] = {.formula = PRESSURE("full", "memory")},
    [READ_PSI_IO] = {.formula = PRESSURE("some", "io")},
    [READ_PSI_IO_FULL] = {.formula = PRESSURE("full", "io")},
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
    [READ_QUOTA_THROTTLED] = {"container.cpu.throttled", NULL, false},
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

/* What the search for a culprit needs of the process table; columns that are not there are -1. */
struct search {
    const struct table *table;
    int amount, pid, name, group;
};

static bool
search_init(struct search *search, const struct table *table, const char *column)
{
    if (table == NULL) {
        return false;
    }
    *search = (struct search){.table = table,
                              .amount = table_column(table->def, column),
                              .pid = table_column(table->def, "process.pid"),
                              .name = table_column(table->def, "process.name"),
                              .group = table_column(table->def, "process.cgroup")};
    return search->amount >= 0 && search->pid >= 0 && search->name >= 0;
}

static bool
is_in_group(const struct search *search, const union cell *row, const char *cgroup)
{
    return cgroup == NULL || (search->group >= 0 && row[search->group].text != NULL &&
                              strcmp(row[search->group].text, cgroup) == 0);
}

/* Whether rights hide some processes from us, or what they do: the source says so. */
static bool
are_hidden(const struct bench *bench)
{
    const struct track *track = picture_track(bench->picture, "processes");
    return track != NULL && track->state == SOURCE_DEGRADED;
}

static struct culprit
find_culprit(const struct bench *bench, const char *column, const char *cgroup, double most)
{
    struct culprit culprit = {.amount = NAN};
    struct search search;
    if (!search_init(&search, bench->processes, column)) {
        return culprit;
    }
    culprit.hidden = are_hidden(bench);
    const union cell *best = NULL;
    for (size_t i = 0; i < search.table->count; i++) {
        const union cell *row = table_row(search.table, i);
        if (!is_in_group(&search, row, cgroup)) {
            continue;
        }
        double amount = row[search.amount].real;
        if (amount > 0 && amount <= most && (best == NULL || amount > best[search.amount].real)) {
            best = row;
        }
    }
    if (best != NULL) {
        const char *name = best[search.name].text;
        culprit.pid = best[search.pid].integer;
        culprit.amount = best[search.amount].real;
        snprintf(culprit.name, sizeof(culprit.name), "%.30s (%lld)", name != NULL ? name : "?",
                 (long long)culprit.pid);
    }
    return culprit;
}

struct culprit
culprit_in(const struct bench *bench, const char *column, const char *cgroup)
{
    return find_culprit(bench, column, cgroup, INFINITY);
}

struct culprit
culprit_below(const struct bench *bench, const char *column, double most)
{
    return find_culprit(bench, column, NULL, most);
}

struct culprit
culprit_by(const struct bench *bench, const char *column)
{
    return find_culprit(bench, column, NULL, INFINITY);
}
