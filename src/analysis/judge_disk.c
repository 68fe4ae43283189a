/* Disks: busy while somebody waits; file systems: full or nearly. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/core/query.h"
#include "flametop/core/table.h"
#include "flametop/core/unit.h"
#include "judge.h"

#define DEVICES_MAX 256
/* Who syncs after each block computes while the disk rests: a disk may hold everybody back at half
 * its time. */
#define BUSY 0.4
#define VERY_BUSY 0.6
#define STANDING 0.7 /* of the waiting it takes: while it is being said */
#define FILLED 0.95
#define GROWTH_POINTS 32
#define SLACKEST 0.9 /* below the threshold of what is being said, too */
#define GROWTH_NS (30 * NS_PER_S)

static double
of_device(const struct bench *bench, const char *metric, const char *key, const char *value,
          const char *more, char *labels, size_t size)
{
    labels[0] = 0;
    labels_add(labels, size, key, str_from(value));
    if (more != NULL) {
        size_t n = strlen(labels);
        snprintf(labels + n, size - n, ",%s", more);
    }
    return query_once(bench->picture, metric, labels);
}

static void
judge_device(struct bench *bench, const char *device)
{
    char labels[QUERIED_BYTES];
    double busy =
        of_device(bench, "system.disk.utilization", "device", device, NULL, labels, sizeof(labels));
    double psi = reading_of(bench, READ_PSI_IO);
    bool chosen = bench->limits[READ_DISK].chosen;
    double least = judge_limit(bench, READ_DISK, BUSY, "disk.saturated", device);
    if (!(busy >= least)) {
        return;
    }
    double wait =
        of_device(bench, "system.disk.await", "device", device, NULL, labels, sizeof(labels));
    double queue =
        of_device(bench, "system.disk.queue", "device", device, NULL, labels, sizeof(labels));
    double moved =
        of_device(bench, "system.disk.io", "device", device, NULL, labels, sizeof(labels));
    /* Busy alone is no harm (principle of iostat's %util): somebody must wait, in the queue or by
     * pressure. */
    double less = judge_standing(bench, "disk.saturated", device) != NULL ? STANDING : 1;
    bool hurts = chosen || psi >= 0.25 * less || (busy >= VERY_BUSY && psi >= 0.15 * less) ||
                 (busy >= VERY_BUSY && isnan(psi) && (queue >= 1.5 || wait >= 0.02)) ||
                 (busy >= 0.9 && queue >= 4);
    if (!hurts) {
        return;
    }
    struct judgement *j = judge_say(bench, "disk.saturated", device,
                                    25 + 45 * (isnan(psi) ? 0.3 : psi) +
                                        30 * fmax(busy - VERY_BUSY, 0) / (1 - VERY_BUSY));
    if (j == NULL) {
        return;
    }
    char share[32], waiting[32];
    judge_percent(busy, share, sizeof(share));
    judge_percent(psi, waiting, sizeof(waiting));
    if (isnan(psi)) {
        unit_format(wait, "s", false, waiting, sizeof(waiting));
        snprintf(j->what, sizeof(j->what), "disk %.48s %s busy, a request takes %s", device, share,
                 waiting);
    } else {
        snprintf(j->what, sizeof(j->what), "disk %.48s %s busy, tasks wait for I/O %s of the time",
                 device, share, waiting);
    }
    snprintf(j->brief, sizeof(j->brief), "%.40s %s busy", device, share);
    snprintf(j->was, sizeof(j->was), "disk %.48s was %s busy", device, share);
    judge_chosen(bench, j, READ_DISK, busy);
    j->advice = "See what is written (3, sorted by WRITE); many small fsyncs cost more than bytes.";
    labels[0] = 0;
    labels_add(labels, sizeof(labels), "device", str_from(device));
    judge_proof(j, "busy", busy, "1", "system.disk.utilization", labels);
    judge_proof(j, "tasks waiting (PSI some)", psi, "1", "system.pressure.some.utilization",
                "resource=io");
    judge_proof(j, "a request takes", wait, "s", "system.disk.await", labels);
    judge_proof(j, "requests in flight", queue, "", "system.disk.queue", labels);
    judge_proof(j, "moved", moved, "By/s", "system.disk.io", labels);
    blame_io(bench, j, moved);
}

/* Tasks wait, and no disk of this machine is to blame: network storage, a throttled group, a slow
 * loop. */
static void
judge_elsewhere(struct bench *bench)
{
    double psi = reading_of(bench, READ_PSI_IO), full = reading_of(bench, READ_PSI_IO_FULL);
    double least = judge_standing(bench, "io.waiting", "") != NULL ? 0.3 : 0.4;
    struct judgement *j = psi >= least && reading_of(bench, READ_DISK) < BUSY
                              ? judge_say(bench, "io.waiting", "", 20 + 50 * psi)
                              : NULL;
    if (j == NULL) {
        return;
    }
    char share[32];
    judge_percent(psi, share, sizeof(share));
    snprintf(j->what, sizeof(j->what), "tasks wait for I/O %s of the time, but no disk is busy",
             share);
    snprintf(j->brief, sizeof(j->brief), "tasks wait for I/O %s", share);
    snprintf(j->was, sizeof(j->was), "tasks waited for I/O %s of the time", share);
    j->advice = "Flushes, network storage or an I/O limit of a control group: see WCHAN in "
                "Processes (3, C).";
    j->hold_ns = 3 * NS_PER_S;
    judge_proof(j, "tasks waiting (PSI some)", psi, "1", "system.pressure.some.utilization",
                "resource=io");
    judge_proof(j, "all waiting (PSI full)", full, "1", "system.pressure.full.utilization",
                "resource=io");
    judge_proof(j, "busiest disk", reading_of(bench, READ_DISK), "1", "system.disk.utilization",
                "");
    blame_io(bench, j, query_once(bench->picture, "system.disk.io", NULL));
}

/* How fast a file system grew, bytes a second; NaN when there are no two readings of it. */
static double
growth_of(const struct bench *bench, const char *mountpoint)
{
    char labels[QUERIED_BYTES] = "", why[160];
    labels_add(labels, sizeof(labels), "mountpoint", str_from(mountpoint));
    size_t n = strlen(labels);
    snprintf(labels + n, sizeof(labels) - n, ",state=used");
    struct query *query =
        query_new(bench->picture->catalog, "system.filesystem.usage", labels, why, sizeof(why));
    struct point points[GROWTH_POINTS];
    int64_t now = bench->picture->mono_ns;
    size_t count = query != NULL ? query_points(query, bench->picture, now - GROWTH_NS, now, points,
                                                GROWTH_POINTS)
                                 : 0;
    query_free(query);
    if (count < 2 || points[count - 1].mono_ns <= points[0].mono_ns) {
        return NAN;
    }
    return (points[count - 1].value - points[0].value) /
           ((double)(points[count - 1].mono_ns - points[0].mono_ns) / 1e9);
}

/* Somebody who writes about as much as it grows fills it; who merely writes may do so elsewhere. */
static void
blame_filling(const struct bench *bench, struct judgement *j, const char *mountpoint)
{
    double growth = growth_of(bench, mountpoint);
    struct culprit writer = culprit_by(bench, "process.disk.write");
    if (growth >= 1e6 && writer.amount >= growth / 2 && writer.amount <= growth * 2) {
        char amount[32];
        j->culprit = writer;
        snprintf(j->does, sizeof(j->does), "writes %s",
                 unit_format(writer.amount, "By/s", false, amount, sizeof(amount)));
    }
}

static void
judge_full(struct bench *bench, const char *mountpoint, enum reading which, const char *kind,
           const char *of)
{
    const char *metric = reading_rows[which].metric;
    char labels[QUERIED_BYTES], share[32];
    double use = of_device(bench, metric, "mountpoint", mountpoint, NULL, labels, sizeof(labels));
    if (!(use >= judge_limit(bench, which, FILLED, kind, mountpoint))) {
        return;
    }
    struct judgement *j =
        judge_say(bench, kind, mountpoint,
                  use >= 0.995 ? 70 : 25 + 40 * fmax(use - FILLED, 0) / (1 - FILLED));
    if (j == NULL) {
        return;
    }
    unit_format(use, "1", false, share, sizeof(share));
    snprintf(j->what, sizeof(j->what), "file system %.64s %s full%s", mountpoint, share, of);
    snprintf(j->brief, sizeof(j->brief), "%.40s %s full%s", mountpoint, share, of);
    snprintf(j->was, sizeof(j->was), "file system %.64s was %s full%s", mountpoint, share, of);
    judge_chosen(bench, j, which, use);
    j->advice =
        "du -x finds what is large; deleted files that are still open keep their room (lsof +L1).";
    j->hold_ns = NS_PER_S;
    judge_proof(j, "use", use, "1", metric, labels);
    blame_filling(bench, j, mountpoint);
}

void
judge_disk(struct bench *bench)
{
    struct arena arena;
    const char *names[DEVICES_MAX];
    arena_init(&arena, (size_t)256 * 1024);
    if (reading_of(bench, READ_DISK) >= judge_limit(bench, READ_DISK, BUSY, "", "") * SLACKEST) {
        size_t count = query_label_values(bench->picture, "system.disk.utilization", "device",
                                          &arena, names, DEVICES_MAX);
        for (size_t i = 0; i < count; i++) {
            judge_device(bench, names[i]);
        }
    }
    judge_elsewhere(bench);
    static const struct {
        enum reading reading;
        const char *kind, *of;
    } fillings[] = {
        {READ_FILESYSTEM, "filesystem.full", ""},
        {READ_INODES, "filesystem.inodes", " of inodes"},
    };
    for (size_t f = 0; f < ARRAY_SIZE(fillings); f++) {
        enum reading which = fillings[f].reading;
        double least = judge_limit(bench, which, FILLED, "", "") * SLACKEST;
        if (!(reading_of(bench, which) >= least)) {
            continue;
        }
        size_t count = query_label_values(bench->picture, reading_rows[which].metric, "mountpoint",
                                          &arena, names, DEVICES_MAX);
        for (size_t i = 0; i < count; i++) {
            judge_full(bench, names[i], which, fillings[f].kind, fillings[f].of);
        }
    }
    arena_done(&arena);
}
