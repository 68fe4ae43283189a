/* Thresholds of metrics that no other judge speaks for: the user's, and those that metrics of
 * foreign servers come with. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/core/query.h"
#include "flametop/core/unit.h"
#include "judge.h"

#define VALUES_MAX 64
#define SLACK 0.05
#define IMPACT_WARNING 50
#define IMPACT_CRITICAL 85

enum resource { RESOURCE_NONE, RESOURCE_CPU, RESOURCE_QUOTA, RESOURCE_MEMORY, RESOURCE_DISK };

/* Whose fault it is depends on what the metric is about. */
static enum resource
resource_of(const char *metric, const char *value)
{
    static const struct {
        const char *prefix, *value;
        enum resource resource;
    } rows[] = {
        {"system.cpu.", NULL, RESOURCE_CPU},       {"container.cpu.", NULL, RESOURCE_QUOTA},
        {"system.memory.", NULL, RESOURCE_MEMORY}, {"system.swap.", NULL, RESOURCE_MEMORY},
        {"system.paging.", NULL, RESOURCE_MEMORY}, {"container.memory.", NULL, RESOURCE_MEMORY},
        {"system.disk.", NULL, RESOURCE_DISK},     {"system.pressure.", "cpu", RESOURCE_CPU},
        {"system.pressure.", "io", RESOURCE_DISK}, {"system.pressure.", "memory", RESOURCE_MEMORY},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (strncmp(metric, rows[i].prefix, strlen(rows[i].prefix)) == 0 &&
            (rows[i].value == NULL || strcmp(value, rows[i].value) == 0)) {
            return rows[i].resource;
        }
    }
    return RESOURCE_NONE;
}

static void
blame(const struct bench *bench, struct judgement *j, enum resource resource)
{
    if (resource == RESOURCE_CPU) {
        blame_cpu(bench, j, reading_of(bench, READ_CPU) * bench->machine_cores);
    } else if (resource == RESOURCE_QUOTA) {
        blame_cpu(bench, j, reading_of(bench, READ_QUOTA_USE) * bench->cores);
    } else if (resource == RESOURCE_MEMORY) {
        blame_memory(bench, j, NULL);
    } else if (resource == RESOURCE_DISK) {
        blame_io(bench, j, query_once(bench->picture, "system.disk.io", NULL));
    }
}

static void
judge_value(struct bench *bench, const struct threshold *threshold, const char *of,
            const char *labels, double value)
{
    static const char kind[] = "threshold";
    const struct metric *metric = threshold->metric;
    char subject[QUERIED_BYTES];
    snprintf(subject, sizeof(subject), "%s%s%s", metric->name, of[0] != 0 ? ":" : "", of);
    bench->thresholds_known += !isnan(value);
    double slack = judge_standing(bench, kind, subject) != NULL ? SLACK : 0;
    const struct limit *limit = &threshold->limit;
    bool less = metric->better == BETTER_HIGHER;
    enum level level = isnan(value) ? LEVEL_NORMAL : limit_level(limit, value, less, slack);
    if (level == LEVEL_NORMAL) {
        return;
    }
    bool critical = level == LEVEL_CRITICAL;
    struct judgement *j =
        judge_say(bench, kind, subject, critical ? IMPACT_CRITICAL : IMPACT_WARNING);
    if (j == NULL) {
        return;
    }
    j->exact = limit_level(limit, value, less, 0) == level; /* else it only stays there */
    double bound = critical ? limit->critical : limit->warning;
    char unit[40], now[32], then[32], whole[128];
    snprintf(unit, sizeof(unit), "%s%s", metric->unit, metric->kind == METRIC_COUNTER ? "/s" : "");
    unit_format(value, unit, false, now, sizeof(now));
    unit_format(bound, unit, false, then, sizeof(then));
    snprintf(whole, sizeof(whole), "%.60s%s%.40s", metric->name, of[0] != 0 ? " of " : "", of);
    snprintf(j->what, sizeof(j->what), "%s is %s (%s threshold: %s)", whole, now, level_name(level),
             then);
    snprintf(j->brief, sizeof(j->brief), "%.48s %s (limit %.20s)", metric->name, now, then);
    snprintf(j->was, sizeof(j->was), "%.90s was %s", whole, now);
    j->advice = limit->chosen ? "The threshold is set in the configuration (flametop "
                                "--print-config); view 9 has the metric's chart."
                              : "View 9 has the metric's chart; thresholds: in the configuration "
                                "sets other levels.";
    judge_proof(j, "value", value, unit, metric->name, labels);
    judge_proof(j, "threshold, warning", limit->warning, unit, NULL, NULL);
    judge_proof(j, "threshold, critical", limit->critical, unit, NULL, NULL);
    blame(bench, j, resource_of(metric->name, of));
}

/* The worst of several is what counts where a metric folds by it: then each is judged by itself. Of
 * more than that the worst of all is judged as well, without its name. */
static void
judge_each(struct bench *bench, const struct threshold *threshold)
{
    const struct metric *metric = threshold->metric;
    struct arena arena;
    const char *values[VALUES_MAX];
    double least = INFINITY, most = -INFINITY;
    arena_init(&arena, (size_t)64 * 1024);
    size_t count = query_label_values(bench->picture, metric->name, metric->labels, &arena, values,
                                      VALUES_MAX);
    for (size_t i = 0; i < count; i++) {
        char labels[QUERIED_BYTES] = "";
        labels_add(labels, sizeof(labels), metric->labels, str_from(values[i]));
        double value = query_once(bench->picture, metric->name, labels);
        judge_value(bench, threshold, values[i], labels, value);
        least = fmin(least, value);
        most = fmax(most, value);
    }
    arena_done(&arena);
    double all = count == VALUES_MAX && threshold->query != NULL
                     ? query_now(threshold->query, bench->picture)
                     : NAN;
    if (all < least || all > most) {
        judge_value(bench, threshold, "", "", all);
    }
}

void
judge_thresholds(struct bench *bench)
{
    for (size_t i = 0; i < bench->threshold_count; i++) {
        const struct threshold *threshold = &bench->thresholds[i];
        const struct metric *metric = threshold->metric;
        bool one_label = metric->labels[0] != 0 && strchr(metric->labels, ' ') == NULL;
        bool worst = metric->fold == FOLD_MAX || metric->fold == FOLD_MIN;
        if (one_label && worst) {
            judge_each(bench, threshold);
        } else if (threshold->query != NULL) {
            judge_value(bench, threshold, "", "", query_now(threshold->query, bench->picture));
        }
    }
}
