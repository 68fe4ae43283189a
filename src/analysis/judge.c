/* What judges share: readings, thresholds and proofs. */
#include "judge.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "flametop/base/hash.h"
#include "flametop/base/macros.h"
#include "flametop/core/unit.h"

/* What happened since the last reading; the kernel's mean of 10 s stands in for it in the first
 * picture. */
#define PRESSURE(kind, resource)                                                                   \
    "or(system.pressure." kind ".utilization{resource=" resource "}, "                             \
    "system.pressure.avg10{kind=" kind ",resource=" resource "})"

const struct reading_row reading_rows[READ_COUNT] = {
    [READ_CPU] = {"system.cpu.utilization", NULL, false, NULL, true},
    [READ_SYSTEM] = {"system.cpu.system.utilization", NULL, false},
    [READ_STEAL] = {"system.cpu.steal.utilization", NULL, false, NULL, true},
    [READ_INTERRUPT] = {"system.cpu.interrupt.utilization", NULL, false},
    [READ_RUN_QUEUE] = {"system.cpu.run_queue", NULL, false},
    [READ_LOAD] = {"system.cpu.load_average.1m", NULL, false},
    [READ_BLOCKED] = {"system.cpu.blocked", NULL, false},
    [READ_CORES] = {"system.cpu.logical.count", NULL, false},
    [READ_FORKS] = {"system.process.forks", NULL, false, NULL, true},
    [READ_PSI_CPU] = {.formula = PRESSURE("some", "cpu")},
    [READ_PSI_MEMORY] = {.formula = PRESSURE("some", "memory")},
    [READ_PSI_MEMORY_FULL] = {.formula = PRESSURE("full", "memory")},
    [READ_PSI_IO] = {.formula = PRESSURE("some", "io")},
    [READ_PSI_IO_FULL] = {.formula = PRESSURE("full", "io")},
    [READ_MEMORY] = {"system.memory.utilization", NULL, false, NULL, true},
    [READ_MEMORY_LIMIT] = {"system.memory.limit", NULL, false},
    [READ_MEMORY_AVAILABLE] = {"system.memory.available", NULL, false},
    [READ_SWAP_IN] = {"system.swap.io", "direction=in", false},
    [READ_RECLAIM_STALLS] = {"system.memory.reclaim.stalls", NULL, false},
    [READ_OOM_KILLS] = {"system.memory.oom_kills", NULL, true},
    [READ_DISK] = {"system.disk.utilization", NULL, false, NULL, true},
    [READ_NETWORK_ERRORS] = {"system.network.errors", NULL, false, NULL, true},
    [READ_NETWORK_DROPPED] = {"system.network.dropped", NULL, false, NULL, true},
    [READ_NETWORK_PACKETS] = {"system.network.packets", NULL, false},
    [READ_LINK] = {"system.network.link.utilization", NULL, false, NULL, true},
    [READ_RETRANSMITS] = {"system.network.tcp.retransmits", NULL, false},
    [READ_SEGMENTS] = {"system.network.tcp.segments", "direction=transmit", false},
    [READ_LISTEN_DROPS] = {"system.network.tcp.listen.overflows", NULL, true, NULL, true},
    [READ_CONNTRACK] = {"system.network.conntrack.utilization", NULL, false, NULL, true},
    [READ_FILES] = {"system.file.descriptor.utilization", NULL, false, NULL, true},
    [READ_FILESYSTEM] = {"system.filesystem.utilization", NULL, false, NULL, true},
    [READ_INODES] = {"system.filesystem.inodes.utilization", NULL, false, NULL, true},
    [READ_THROTTLED] = {"system.cpu.throttles", NULL, true},
    [READ_UNDERVOLTAGE] = {"hw.undervoltage", NULL, false},
    [READ_QUOTA_THROTTLED] = {"container.cpu.throttled", NULL, false, NULL, true},
    [READ_QUOTA_USE] = {"container.cpu.utilization", NULL, false},
    [READ_NODE_SCHEDULERS] = {"beam.scheduler.utilization", NULL, false, NULL, true},
    [READ_NODE_SCHEDULER_COUNT] = {"beam.scheduler.count", "kind=normal", false},
    [READ_NODE_RUN_QUEUE] = {"beam.run_queue", "kind=normal", false},
    [READ_NODE_DIRTY_CPU] = {"beam.scheduler.dirty_cpu.utilization", NULL, false, NULL, true},
    [READ_NODE_DIRTY_CPU_QUEUE] = {"beam.run_queue", "kind=dirty_cpu", false},
    [READ_NODE_DIRTY_IO] = {"beam.scheduler.dirty_io.utilization", NULL, false, NULL, true},
    [READ_NODE_DIRTY_IO_QUEUE] = {"beam.run_queue", "kind=dirty_io", false},
    [READ_NODE_REDUCTIONS] = {"beam.reductions", NULL, false},
    [READ_NODE_GC] = {"beam.gc.count", NULL, false},
    [READ_NODE_RECLAIMED] = {"beam.gc.reclaimed", NULL, false},
    [READ_NODE_MEMORY] = {"beam.memory.usage", NULL, false},
    [READ_NODE_PROCESSES] = {"beam.process.utilization", NULL, false, NULL, true},
    [READ_NODE_PORTS] = {"beam.port.utilization", NULL, false, NULL, true},
    [READ_NODE_ATOMS] = {"beam.atom.utilization", NULL, false, NULL, true},
    [READ_NODE_ATOM_LIMIT] = {"beam.atom.limit", NULL, false},
    [READ_NODE_ETS] = {"beam.ets.utilization", NULL, false, NULL, true},
    [READ_NODE_BUFFER] = {"beam.distribution.buffer.utilization", NULL, false, NULL, true},
    [READ_NODE_SCAN] = {"beam.scan.interval", NULL, false},
    [READ_NODE_UPTIME] = {"beam.uptime", NULL, false},
};

/* Impacts: what warns, and what is so clear that it is said soon; what is critical. */
#define WARNING 45
#define CLEAR 60
#define CRITICAL 80
#define SLACK 0.05 /* of a threshold: what is being said may fall this much below it */

/* Names that are cut must not become one: what is left out tells them apart. */
static void
write_subject(const char *subject, char dst[SUBJECT_BYTES])
{
    if (strlen(subject) < SUBJECT_BYTES) {
        snprintf(dst, SUBJECT_BYTES, "%s", subject);
    } else {
        snprintf(dst, SUBJECT_BYTES, "%.*s~%08x", SUBJECT_BYTES - 10, subject,
                 (unsigned)hash_text(subject));
    }
}

struct judgement *
judge_say(struct bench *bench, const char *kind, const char *subject, double impact)
{
    if (!(impact >= 1)) {
        return NULL;
    }
    if (bench->count == JUDGEMENTS_MAX) {
        bench->left_out++;
        return NULL;
    }
    struct judgement *judgement = &bench->list[bench->count++];
    int whole = (int)lround(fmin(impact, 100));
    *judgement = (struct judgement){.kind = kind,
                                    .impact = whole,
                                    .hold_ns = whole >= CLEAR     ? NS_PER_S
                                               : whole >= WARNING ? 2 * NS_PER_S
                                                                  : 3 * NS_PER_S};
    write_subject(subject, judgement->subject);
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
    bool fits = labels == NULL || strlen(labels) < sizeof(proof->labels);
    snprintf(proof->labels, sizeof(proof->labels), "%s", labels != NULL && fits ? labels : "");
    proof->label = label;
    proof->metric = fits ? metric : NULL; /* else its chart would be of something else */
    unit_format(value, unit, false, proof->value, sizeof(proof->value));
}

double
reading_of(const struct bench *bench, enum reading which)
{
    return bench->readings[which];
}

char *
judge_percent(double share, char *dst, size_t size)
{
    if (share >= 0.095) {
        snprintf(dst, size, "%.0f %%", 100 * share);
        return dst;
    }
    return unit_format(share, "1", false, dst, size);
}

const struct standing *
judge_standing(const struct bench *bench, const char *kind, const char *subject)
{
    char wanted[SUBJECT_BYTES];
    write_subject(subject, wanted);
    for (size_t i = 0; i < bench->standing_count; i++) {
        const struct standing *standing = &bench->standing[i];
        if (strcmp(standing->kind, kind) == 0 && strcmp(standing->subject, wanted) == 0) {
            return standing;
        }
    }
    return NULL;
}

struct limit
limit_of(struct catalog *catalog, const char *metric)
{
    struct limit limit = {false, NAN, NAN};
    const struct metric *row = catalog_metric(catalog, metric);
    if (row != NULL && catalog_thresholds_chosen(catalog, row)) {
        limit.chosen = catalog_thresholds(catalog, row, &limit.warning, &limit.critical);
    }
    return limit;
}

static bool
passes(double value, double threshold, bool less_is_worse, double slack)
{
    if (isnan(threshold) || threshold == 0) {
        return false;
    }
    double shift = fabs(threshold) * slack;
    return less_is_worse ? value <= threshold + shift : value >= threshold - shift;
}

enum level
limit_level(const struct limit *limit, double value, bool less_is_worse, double slack)
{
    bool less = less_is_worse || (limit->critical > 0 && limit->critical < limit->warning);
    return passes(value, limit->critical, less, slack)  ? LEVEL_CRITICAL
           : passes(value, limit->warning, less, slack) ? LEVEL_WARNING
                                                        : LEVEL_NORMAL;
}

double
judge_limit(const struct bench *bench, enum reading which, double built_in, const char *kind,
            const char *subject)
{
    const struct limit *limit = &bench->limits[which];
    double least = built_in;
    if (limit->chosen) {
        least = limit->warning > 0 ? limit->warning : INFINITY;
        least = limit->critical > 0 ? fmin(limit->critical, least) : least;
    }
    return judge_standing(bench, kind, subject) != NULL ? least * (1 - SLACK) : least;
}

void
judge_chosen(const struct bench *bench, struct judgement *judgement, enum reading which,
             double value)
{
    const struct limit *limit = &bench->limits[which];
    if (!limit->chosen) {
        return;
    }
    enum level level = limit_level(limit, value, false, SLACK);
    if (level == LEVEL_NORMAL) {
        return;
    }
    bool critical = level == LEVEL_CRITICAL;
    const struct metric *metric =
        catalog_metric(bench->picture->catalog, reading_rows[which].metric);
    bool counter = metric->kind == METRIC_COUNTER;
    char unit[32], text[32];
    snprintf(unit, sizeof(unit), "%s%s", metric->unit, counter ? "/s" : "");
    double threshold = critical ? limit->critical : limit->warning;
    unit_format(threshold, unit, false, text, sizeof(text));
    size_t n = strlen(judgement->what);
    snprintf(judgement->what + n, sizeof(judgement->what) - n, " (threshold: %s)", text);
    judgement->impact = critical              ? MAX(judgement->impact, CRITICAL + 5)
                        : limit->critical > 0 ? CLAMP(judgement->impact, WARNING, CRITICAL - 5)
                                              : MAX(judgement->impact, WARNING);
    judge_proof(judgement, critical ? "threshold, critical" : "threshold, warning", threshold, unit,
                NULL, NULL);
}
