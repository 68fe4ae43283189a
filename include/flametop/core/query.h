/* A query: the numbers of one metric, out of a picture's history.
 *
 * What a query means: the fold (sum unless the metric says otherwise) of all series of the metric
 * whose labels contain the given ones; counters count as their rate a second. A derived metric
 * evaluates its formula: with all its labels given, or with FOLD_FORMULA, on the sums of what it
 * names; with labels left open and another fold, for each set of values, and folds the results.
 *
 * Formulas:   expr  := term (('+' | '-') term)*
 *             term  := factor (('*' | '/') factor)*
 *             factor:= number | '-' factor | '(' expr ')' | name ['{' label '=' value ('|' value)*
 * ',' … '}'] | ('min' | 'max' | 'or') '(' expr ',' expr ')' Division by zero is NaN; or(a, b) is b
 * where a is NaN. Names are stored or derived metrics; the query's labels go down to every name
 * that has such a label. One reading at 10 ms CPU ticks says little: rates of counters need 250 ms
 * between readings, before that they are NaN.
 *
 * A query belongs to one thread. It caches the columns it found for each layout. */
#ifndef FLAMETOP_CORE_QUERY_H
#define FLAMETOP_CORE_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/core/metric.h"
#include "flametop/core/picture.h"

struct point {
    int64_t mono_ns;
    double value; /* NaN: a gap */
};

struct query;

/* `labels`: "device=sda" as in series.labels, or NULL. On an unknown metric or a bad formula: NULL,
 * and a sentence in why. */
struct query *query_new(struct catalog *catalog, const char *metric, const char *labels, char *why,
                        size_t why_size);
/* The same for a formula of its own (rules, checks). */
struct query *query_new_formula(struct catalog *catalog, const char *formula, char *why,
                                size_t why_size);
void query_free(struct query *query);

/* The value at the picture's moment: the newest reading not older than it and not older than 3
 * intervals of its source. NaN: unknown. */
double query_now(struct query *query, const struct picture *picture);

/* The readings with from_ns < time <= to_ns, oldest first, at most max (the newest are kept);
 * answers how many. */
size_t query_points(struct query *query, const struct picture *picture, int64_t from_ns,
                    int64_t to_ns, struct point *ret_points, size_t max);

/* How many readings a question over from_ns < time <= to_ns looks at, about: what it costs. */
size_t query_weight(struct query *query, const struct picture *picture, int64_t from_ns,
                    int64_t to_ns);

/* The distinct values of one label that the metric (or what its formula names) has in the newest
 * data of this picture, unescaped into the arena, in order of appearance. Answers how many (at most
 * max). */
size_t query_label_values(const struct picture *picture, const char *metric, const char *label,
                          struct arena *arena, const char **ret_values, size_t max);

/* One value without keeping a query; for what is asked rarely. */
double query_once(const struct picture *picture, const char *metric, const char *labels);

/* The same of one stored series, found by itself and not by its labels: for walks over all. */
double query_series(const struct picture *picture, const struct series *series);

#endif
