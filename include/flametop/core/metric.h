/* A metric: the static description of one kind of number, and the catalog of all of them.
 *
 * Metrics are rows of const tables, one table a source. A row without `formula` is stored as read
 * (counters as counters); a row with one is derived from stored ones whenever somebody asks
 * (core/query.h), so an old recording gains it too. Names follow OpenTelemetry, units are UCUM:
 * `s`, `By`, `1`, `Hz`, `Cel`, `{request}`. Utilizations are 0-1.
 *
 * Series are metrics with one set of label values. Both are interned in a catalog: a pointer stands
 * for the name, and lives as long as the catalog. Labels are written "key=value,key=value" in the
 * order of metric.labels; ',', '=', '|' and '\' in a value are escaped with '\'. */
#ifndef FLAMETOP_CORE_METRIC_H
#define FLAMETOP_CORE_METRIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/str.h"

enum metric_kind {
    METRIC_GAUGE,
    METRIC_COUNTER, /* only grows; shown and queried as its rate a second */
};

enum metric_better {
    BETTER_NEITHER,
    BETTER_LOWER,
    BETTER_HIGHER,
};

/* How several series become one number when a query leaves labels open. */
enum metric_fold {
    FOLD_SUM,
    FOLD_MAX,
    FOLD_MIN,
    FOLD_MEAN,
    FOLD_FORMULA, /* derived only: the formula is applied to the sums of what it names */
};

struct metric {
    const char *name;
    const char *unit;
    const char *labels;  /* label keys, separated by blanks; "" for none */
    const char *text;    /* one sentence for help and the man page */
    const char *formula; /* NULL: stored. Grammar: core/query.h */
    enum metric_kind kind;
    enum metric_better better;
    enum metric_fold fold;
    bool on_demand; /* read only while somebody looks at it (core/interest.h) */
    bool defined;   /* at run time, by catalog_define: no row of a table of ours */
    unsigned bits;  /* counters: 32 when the kernel's counter wraps at 2^32, otherwise 0 */
    double warning, critical; /* thresholds in the metric's unit; both 0: none */
};

struct series {
    const struct metric *metric;
    const char *labels;
    uint32_t id; /* dense, from 0 */
};

struct catalog; /* thread-safe; what it hands out is immutable */

struct catalog *catalog_new(size_t series_max);
void catalog_free(struct catalog *catalog);

/* Adds rows. They must outlive the catalog. A name that is there already is kept as it was. */
void catalog_add(struct catalog *catalog, const struct metric *metrics, size_t count);

/* The metric of that name; when there is none, one is made with copies of these texts (what a
 * stream or a document names that this version does not know). NULL when the catalog is full. */
const struct metric *catalog_define(struct catalog *catalog, const struct metric *like);

/* Adds another name for a metric (MISSION.md's). Both texts must outlive the catalog. */
void catalog_add_alias(struct catalog *catalog, const char *alias, const char *name);

/* By name or alias; NULL when unknown. */
const struct metric *catalog_metric(struct catalog *catalog, const char *name);

/* All of them, in the order added: index from 0, NULL at the end. */
const struct metric *catalog_metric_at(struct catalog *catalog, size_t index);

/* The series with these labels, made at first use; NULL once series_max is reached (counted). */
const struct series *catalog_series(struct catalog *catalog, const struct metric *metric,
                                    const char *labels);
size_t catalog_series_count(struct catalog *catalog);

/* False when there is none of this metric, so that nothing needs to be searched for it. */
bool catalog_has_series(struct catalog *catalog, const struct metric *metric);
uint64_t catalog_series_refused(struct catalog *catalog);

/* Thresholds with the user's overrides applied. False when the metric has none. Overrides are set
 * before threads start. */
bool catalog_thresholds(struct catalog *catalog, const struct metric *metric, double *ret_warning,
                        double *ret_critical);
void catalog_set_thresholds(struct catalog *catalog, const struct metric *metric, double warning,
                            double critical);

/* Whether the thresholds are the user's (catalog_set_thresholds). */
bool catalog_thresholds_chosen(struct catalog *catalog, const struct metric *metric);

/* What the user set for one metric besides its thresholds; all zero: nothing. Set before threads
 * start. */
#define METRIC_PERCENTILES_MAX 8
struct metric_settings {
    int64_t interval_ns;                        /* its readings are kept this often only; 0: each */
    double percentiles[METRIC_PERCENTILES_MAX]; /* 0-100, shown with its chart */
    size_t percentile_count;                    /* 0: the usual ones */
};
struct metric_settings catalog_settings(struct catalog *catalog, const struct metric *metric);
void catalog_set_settings(struct catalog *catalog, const struct metric *metric,
                          const struct metric_settings *settings);

/* The (escaped) value of one label; false when absent. */
bool labels_get(const char *labels, const char *key, struct str *ret_value);

/* The next pair: start with the whole text in rest. Values stay escaped. */
bool labels_next(struct str *rest, struct str *ret_key, struct str *ret_value);

/* Appends "key=value" (with a comma when needed) to a text of `size` bytes, escaping the value and
 * cutting what does not fit. */
void labels_add(char *labels, size_t size, const char *key, struct str value);

/* Takes the escapes out. Answers dst. */
char *labels_unescape(struct str value, char *dst, size_t size);

#endif
