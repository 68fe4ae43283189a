/* Pools of workers: all busy while requests wait, requests that fail or come too late, workers that
 * are gone. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/core/table.h"
#include "flametop/core/unit.h"
#include "judge.h"

#define FULL 0.99
#define ERRORS 0.05
#define RATE_LEAST 0.5 /* requests a second: with fewer a share says little */

/* One row of the table of pools. */
struct pool {
    const char *key, *name;
    double workers, busy, share, depth, depth_limit, rate, errors, late, refused, dead;
};

static struct pool
pool_at(const struct table *table, size_t i)
{
    static const struct {
        const char *column;
        size_t offset;
    } numbers[] = {
        {"pool.workers", offsetof(struct pool, workers)},
        {"pool.workers.busy", offsetof(struct pool, busy)},
        {"pool.workers.utilization", offsetof(struct pool, share)},
        {"pool.queue", offsetof(struct pool, depth)},
        {"pool.queue.limit", offsetof(struct pool, depth_limit)},
        {"pool.rate", offsetof(struct pool, rate)},
        {"pool.error.share", offsetof(struct pool, errors)},
        {"pool.timeout.rate", offsetof(struct pool, late)},
        {"pool.refused.rate", offsetof(struct pool, refused)},
        {"pool.workers.dead", offsetof(struct pool, dead)},
    };
    const union cell *row = table_row(table, i);
    int key = table_column(table->def, "pool"), name = table_column(table->def, "pool.name");
    struct pool pool = {.key = key >= 0 ? row[key].text : NULL,
                        .name = name >= 0 ? row[name].text : NULL};
    for (size_t n = 0; n < ARRAY_SIZE(numbers); n++) {
        int column = table_column(table->def, numbers[n].column);
        bool real = column >= 0 && table->def->columns[column].type == COLUMN_REAL;
        *(double *)((char *)&pool + numbers[n].offset) = real ? row[column].real : (double)NAN;
    }
    return pool;
}

static void
prove(struct judgement *j, const struct pool *pool)
{
    char labels[SUBJECT_BYTES] = "";
    labels_add(labels, sizeof(labels), "pool", str_from(pool->name));
    judge_proof(j, "workers busy", pool->share, "1", "pool.capacity.utilization", labels);
    judge_proof(j, "requests that wait", pool->depth, "", "pool.queue_depth", labels);
    judge_proof(j, "requests", pool->rate, "{request}/s", "pool.throughput", labels);
    judge_proof(j, "failed", pool->errors, "1", "pool.error_rate", labels);
    judge_proof(j, "refused", pool->refused, "{request}/s", "pool.refused", labels);
    judge_proof(j, "too late", pool->late, "{request}/s", "pool.timeouts", labels);
}

/* Busy workers are what a pool is for; it hurts when somebody waits or is sent away. */
static void
judge_saturated(struct bench *bench, const struct pool *pool)
{
    bool waits = pool->depth > 0, lost = pool->refused > 0 || pool->late > 0;
    if (!(pool->share >= FULL && waits) && !lost) {
        return;
    }
    double fill = pool->depth / pool->depth_limit;
    struct judgement *j = judge_say(bench, "pool.saturated", pool->key,
                                    50 + 25 * (fill > 0 ? fmin(fill, 1) : 0) + (lost ? 25 : 0));
    if (j == NULL) {
        return;
    }
    char wait[32], away[32];
    unit_format(pool->depth, "{request}", false, wait, sizeof(wait));
    unit_format(fmax(pool->refused, 0) + fmax(pool->late, 0), "", false, away, sizeof(away));
    if (pool->workers > 0 && pool->busy >= 0) { /* numbers of others: they may have 300 digits */
        snprintf(j->what, sizeof(j->what), "pool %.40s: %.0f of %.0f workers busy, ", pool->name,
                 pool->busy, pool->workers);
    } else {
        snprintf(j->what, sizeof(j->what), "pool %.40s: ", pool->name);
    }
    size_t n = strlen(j->what);
    snprintf(j->what + n, sizeof(j->what) - n, "%s requests wait", wait);
    n = strlen(j->what);
    if (lost) {
        snprintf(j->what + n, sizeof(j->what) - n, ", %s a second are sent away", away);
    }
    snprintf(j->brief, sizeof(j->brief), "pool %.30s full, %s wait", pool->name, wait);
    snprintf(j->was, sizeof(j->was), "pool %.40s was full", pool->name);
    j->advice =
        "More workers, or less work for each: see who of them is busy for long (4, then . to "
        "workers).";
    prove(j, pool);
}

static void
judge_errors(struct bench *bench, const struct pool *pool)
{
    struct judgement *j =
        pool->errors >= ERRORS && pool->rate >= RATE_LEAST
            ? judge_say(bench, "pool.errors", pool->key, 40 + 50 * fmin(pool->errors, 1))
            : NULL;
    if (j == NULL) {
        return;
    }
    char share[32];
    judge_percent(pool->errors, share, sizeof(share));
    snprintf(j->what, sizeof(j->what), "pool %.40s: %s of the requests fail", pool->name, share);
    snprintf(j->brief, sizeof(j->brief), "pool %.30s: %s fail", pool->name, share);
    snprintf(j->was, sizeof(j->was), "pool %.40s: %s of the requests failed", pool->name, share);
    j->advice = "The log of the node says why; one worker that is broken shows in the workers (4, "
                "then .).";
    j->hold_ns = 3 * NS_PER_S;
    prove(j, pool);
}

static void
judge_dead(struct bench *bench, const struct pool *pool)
{
    struct judgement *j =
        pool->dead >= 1 ? judge_say(bench, "pool.dead", pool->key,
                                    45 + 45 * fmin(pool->dead / fmax(pool->workers, pool->dead), 1))
                        : NULL;
    if (j == NULL) {
        return;
    }
    bool one = pool->dead < 2;
    snprintf(j->what, sizeof(j->what), "pool %.40s: %.0f worker%s dead", pool->name, pool->dead,
             one ? " is" : "s are");
    snprintf(j->brief, sizeof(j->brief), "pool %.30s: %.0f dead", pool->name, pool->dead);
    snprintf(j->was, sizeof(j->was), "pool %.40s: %.0f worker%s dead", pool->name, pool->dead,
             one ? " was" : "s were");
    j->advice = "Their processes have ended and nobody has replaced them: see the workers (4, then "
                ".) and the log of the node.";
    j->hold_ns = 3 * NS_PER_S; /* replacing one takes a moment */
    judge_proof(j, "dead", pool->dead, "", "pool.worker.count", "status=dead");
    prove(j, pool);
}

void
judge_pools(struct bench *bench)
{
    const struct table *table = picture_table(bench->picture, "pools");
    for (size_t i = 0; table != NULL && i < table->count; i++) {
        struct pool pool = pool_at(table, i);
        if (pool.key != NULL && pool.name != NULL) {
            judge_saturated(bench, &pool);
            judge_errors(bench, &pool);
            judge_dead(bench, &pool);
        }
    }
}
