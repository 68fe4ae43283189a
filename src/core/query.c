/* Queries. A query is compiled once into a tree of nodes (formula.h); asking it turns each node
 * into a vector of points.
 *
 * Vectors are as long as the ticks asked for, so asking for "now" costs a few readings of the head,
 * and asking for a span decodes just the columns it names. */
#include "flametop/core/query.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coverage.h"
#include "flametop/base/macros.h"
#include "leaf.h"

#define GROUPS_MAX 1024
#define FIRST_SPACING_NS (5 * NS_PER_S)

struct query {
    struct catalog *catalog;
    struct node *root;
};

static struct query *
query_wrap(struct catalog *catalog, struct node *root)
{
    struct query *query = root != NULL ? calloc(1, sizeof(*query)) : NULL;
    if (query == NULL) {
        node_free(root);
        return NULL;
    }
    *query = (struct query){catalog, root};
    return query;
}

struct query *
query_new(struct catalog *catalog, const char *name, const char *labels, char *why, size_t why_size)
{
    if (why_size > 0) {
        why[0] = 0;
    }
    const struct metric *metric = catalog_metric(catalog, name);
    if (metric == NULL) {
        snprintf(why, why_size, "no metric is called %s", name);
        return NULL;
    }
    return query_wrap(catalog, formula_of_metric(catalog, metric, labels, why, why_size));
}

struct query *
query_new_formula(struct catalog *catalog, const char *formula, char *why, size_t why_size)
{
    if (why_size > 0) {
        why[0] = 0;
    }
    return query_wrap(catalog, formula_parse(catalog, formula, why, why_size));
}

void
query_free(struct query *query)
{
    if (query != NULL) {
        node_free(query->root);
        free(query);
    }
}

/* ---- inner nodes ---- */

static struct vector eval(struct node *node, const struct range *range);

static double
apply(enum node_type type, double a, double b)
{
    switch (type) {
    case NODE_ADD:
        return a + b;
    case NODE_SUB:
        return a - b;
    case NODE_MUL:
        return a * b;
    case NODE_DIV:
        return b == 0 ? NAN : a / b;
    case NODE_MIN:
        return isnan(a) || isnan(b) ? NAN : fmin(a, b);
    case NODE_MAX:
        return isnan(a) || isnan(b) ? NAN : fmax(a, b);
    case NODE_OR:
        return isnan(a) ? b : a;
    case NODE_NUMBER:
    case NODE_LEAF:
    case NODE_GROUPS:
    default:
        return NAN;
    }
}

static struct vector
eval_pair(struct node *node, const struct range *range)
{
    struct vector a = eval(node->a, range), b = eval(node->b, range);
    if (node->type == NODE_OR && !a.scalar && a.n == 0) {
        vector_done(range, &a);
        return b;
    }
    if (a.scalar && b.scalar) {
        return (struct vector){.scalar = true, .number = apply(node->type, a.number, b.number)};
    }
    if (a.scalar) {
        for (size_t i = 0; i < b.n; i++) {
            b.values[i] = apply(node->type, a.number, b.values[i]);
        }
        return b;
    }
    bool missing = !b.scalar && b.n == 0 && node->type != NODE_OR;
    vector_align(range, &b, &a);
    for (size_t i = 0; i < a.n; i++) {
        double right = b.scalar ? b.number : i < b.n ? b.values[i] : NAN;
        a.values[i] = apply(node->type, a.values[i], right);
    }
    vector_done(range, &b);
    if (missing) {
        vector_done(range, &a);
    }
    return a;
}

static struct leaf *
first_leaf(struct node *node, struct str key)
{
    if (node == NULL) {
        return NULL;
    }
    if (node->leaf != NULL && has_word(node->leaf->metric->labels, key)) {
        return node->leaf;
    }
    if (node->groups != NULL) {
        return first_leaf(node->groups->probe, key);
    }
    struct leaf *leaf = first_leaf(node->a, key);
    return leaf != NULL ? leaf : first_leaf(node->b, key);
}

/* The open labels of a series, as a label text; false when it lacks one. */
static bool
open_labels(const struct groups *groups, const char *labels, char *ret, size_t size)
{
    struct str rest = str_from(groups->metric->labels), key, value;
    ret[0] = 0;
    while (str_word(&rest, &key)) {
        char name[48], plain[LABEL_BYTES];
        if (!labels_get(labels, str_copy(key, name, sizeof(name)), &value)) {
            return false;
        }
        labels_unescape(value, plain, sizeof(plain));
        labels_add(ret, size, name, str_from(plain));
    }
    return true;
}

/* NULL: it has none yet. */
static const struct layout *
newest_layout(const struct track *track)
{
    size_t count = track->chunks != NULL ? track->chunks->count : 0;
    return track->head != NULL ? track->head->layout
           : count > 0         ? track->chunks->chunks[count - 1]->layout
                               : NULL;
}

static void
groups_refresh(struct groups *groups, const struct range *range)
{
    struct str keys = str_from(groups->metric->labels), key;
    if (!str_word(&keys, &key)) {
        return;
    }
    struct leaf *leaf = first_leaf(groups->probe, key);
    const struct track *track = leaf != NULL ? leaf_track(leaf, range->picture) : NULL;
    const struct layout *layout = track != NULL ? newest_layout(track) : NULL;
    if (layout == NULL || layout->serial == groups->signature) {
        return;
    }
    for (size_t i = 0; i < groups->count; i++) {
        node_free(groups->children[i]);
    }
    free(groups->children);
    groups->children = NULL;
    groups->count = 0;
    groups->signature = layout->serial;
    const struct match *list;
    size_t n = leaf_columns(leaf, layout, &list);
    char(*seen)[LABEL_BYTES] = n > 0 ? calloc(MIN(n, (size_t)GROUPS_MAX), LABEL_BYTES) : NULL;
    groups->children = n > 0 ? calloc(MIN(n, (size_t)GROUPS_MAX), sizeof(*groups->children)) : NULL;
    size_t seen_count = 0;
    for (size_t i = 0; seen != NULL && groups->children != NULL && i < n; i++) {
        char labels[LABEL_BYTES];
        bool there =
            !open_labels(groups, layout->series[list[i].column]->labels, labels, sizeof(labels));
        for (size_t j = 0; !there && j < seen_count; j++) {
            there = strcmp(seen[j], labels) == 0;
        }
        if (there || seen_count == GROUPS_MAX || !labels_match(groups->matchers, labels)) {
            continue;
        }
        memcpy(seen[seen_count++], labels, LABEL_BYTES);
        struct node *child = formula_of_group(range->catalog, groups, labels);
        if (child != NULL) {
            groups->children[groups->count++] = child;
        }
    }
    free(seen);
}

static struct vector
eval_groups(struct groups *groups, const struct range *range)
{
    groups_refresh(groups, range);
    struct vector result = {0};
    uint32_t *counts = NULL;
    for (size_t i = 0; i < groups->count; i++) {
        struct vector child = eval(groups->children[i], range);
        if (child.scalar || child.n == 0) {
            vector_done(range, &child);
            continue;
        }
        if (counts == NULL) {
            counts = range_take(range, child.n, sizeof(*counts));
            if (counts == NULL) {
                vector_done(range, &child);
                break;
            }
            result = child;
            for (size_t t = 0; t < child.n; t++) {
                counts[t] = !isnan(child.values[t]);
            }
            continue;
        }
        vector_align(range, &child, &result);
        fold_values(groups->metric->fold, result.values, counts, child.values, child.n);
        vector_done(range, &child);
    }
    if (counts != NULL) {
        fold_finish(groups->metric->fold, result.values, counts, result.n);
    }
    range_give(range, counts);
    return result;
}

static struct vector
eval(struct node *node, const struct range *range)
{
    switch (node->type) {
    case NODE_NUMBER:
        return (struct vector){.scalar = true, .number = node->number};
    case NODE_LEAF:
        return leaf_eval(node->leaf, range);
    case NODE_GROUPS:
        return eval_groups(node->groups, range);
    case NODE_ADD:
    case NODE_SUB:
    case NODE_MUL:
    case NODE_DIV:
    case NODE_MIN:
    case NODE_MAX:
    case NODE_OR:
    default:
        return eval_pair(node, range);
    }
}

/* ---- asking ---- */

/* The first leaf's track says how often there are readings. */
static struct leaf *
any_leaf(struct node *node)
{
    if (node == NULL) {
        return NULL;
    }
    if (node->leaf != NULL) {
        return node->leaf;
    }
    if (node->groups != NULL) {
        return any_leaf(node->groups->probe);
    }
    struct leaf *leaf = any_leaf(node->a);
    return leaf != NULL ? leaf : any_leaf(node->b);
}

/* Between its newest readings; of the first one, a while: how often it is read is not known yet. */
static int64_t
track_spacing(const struct track *track)
{
    if (track->head_ticks >= 2) {
        return track->head->mono_ns[track->head_ticks - 1] -
               track->head->mono_ns[track->head_ticks - 2];
    }
    if (track->chunks != NULL && track->chunks->count > 0) {
        const struct chunk *chunk = track->chunks->chunks[track->chunks->count - 1];
        if (chunk->ticks >= 2) {
            return (chunk->last_ns - chunk->first_ns) / (int64_t)(chunk->ticks - 1);
        }
        return track->head_ticks == 1 ? track->head->mono_ns[0] - chunk->last_ns : 0;
    }
    return track->head_ticks == 1 ? FIRST_SPACING_NS : 0;
}

double
query_now(struct query *query, const struct picture *picture)
{
    struct leaf *leaf = any_leaf(query->root);
    const struct track *track = leaf != NULL ? leaf_track(leaf, picture) : NULL;
    int64_t interval = track != NULL ? MAX(track_spacing(track), picture->interval_ns) : 0;
    if (leaf != NULL) { /* kept less often than read */
        interval = MAX(interval, leaf->interval_ns);
    }
    struct scratch scratch;
    scratch.used = 0;
    struct range range = {picture, query->catalog,
                          picture->mono_ns - 3 * MAX(interval, RATE_NS_MIN), picture->mono_ns,
                          &scratch};
    struct vector vector = eval(query->root, &range);
    double value = vector.scalar ? vector.number : NAN;
    for (size_t i = vector.n; i-- > 0 && isnan(value);) {
        value = vector.values[i];
    }
    vector_done(&range, &vector);
    return value;
}

static size_t
weigh(struct node *node, const struct range *range)
{
    size_t weight = 0;
    if (node == NULL) {
        return 0;
    }
    if (node->leaf != NULL) {
        const struct track *track = leaf_track(node->leaf, range->picture);
        const struct layout *layout = track != NULL ? newest_layout(track) : NULL;
        const struct match *list;
        return layout != NULL
                   ? leaf_columns(node->leaf, layout, &list) * coverage_ticks(track, range)
                   : 0;
    }
    if (node->groups != NULL) {
        groups_refresh(node->groups, range);
    }
    for (size_t i = 0; node->groups != NULL && i < node->groups->count; i++) {
        weight += weigh(node->groups->children[i], range);
    }
    return weight + weigh(node->a, range) + weigh(node->b, range);
}

size_t
query_weight(struct query *query, const struct picture *picture, int64_t from_ns, int64_t to_ns)
{
    struct range range = {picture, query->catalog, from_ns, MIN(to_ns, picture->mono_ns), NULL};
    return weigh(query->root, &range);
}

size_t
query_points(struct query *query, const struct picture *picture, int64_t from_ns, int64_t to_ns,
             struct point *ret_points, size_t max)
{
    struct scratch scratch;
    scratch.used = 0;
    struct range range = {picture, query->catalog, from_ns, MIN(to_ns, picture->mono_ns), &scratch};
    if (range.to_ns <= range.from_ns) {
        return 0;
    }
    struct vector vector = eval(query->root, &range);
    size_t skip = vector.n > max ? vector.n - max : 0;
    for (size_t i = skip; i < vector.n; i++) {
        ret_points[i - skip] = (struct point){vector.times[i], vector.values[i]};
    }
    size_t count = vector.n - skip;
    vector_done(&range, &vector);
    return count;
}

double
query_once(const struct picture *picture, const char *metric, const char *labels)
{
    char why[160];
    struct query *query = query_new(picture->catalog, metric, labels, why, sizeof(why));
    double value = query != NULL ? query_now(query, picture) : NAN;
    query_free(query);
    return value;
}

double
query_series(const struct picture *picture, const struct series *series)
{
    char why[160];
    struct query *query = query_new(picture->catalog, series->metric->name, NULL, why, sizeof(why));
    if (query == NULL || query->root->type != NODE_LEAF) {
        query_free(query);
        return NAN;
    }
    query->root->leaf->only = series;
    double value = query_now(query, picture);
    query_free(query);
    return value;
}

size_t
query_label_values(const struct picture *picture, const char *metric, const char *label,
                   struct arena *arena, const char **ret_values, size_t max)
{
    char why[160];
    struct query *query = query_new(picture->catalog, metric, NULL, why, sizeof(why));
    struct leaf *leaf = query != NULL ? first_leaf(query->root, str_from(label)) : NULL;
    const struct track *track = leaf != NULL ? leaf_track(leaf, picture) : NULL;
    size_t count = 0;
    if (track != NULL && track->head != NULL) {
        const struct layout *layout = track->head->layout;
        for (size_t c = 0; c < layout->count && count < max; c++) {
            const struct series *series = layout->series[c];
            struct str value;
            if (series->metric != leaf->metric || !labels_match(leaf->matchers, series->labels) ||
                !labels_get(series->labels, label, &value)) {
                continue;
            }
            char plain[LABEL_BYTES];
            labels_unescape(value, plain, sizeof(plain));
            bool there = false;
            for (size_t i = 0; i < count && !there; i++) {
                there = strcmp(ret_values[i], plain) == 0;
            }
            if (!there) {
                ret_values[count++] = arena_text(arena, plain, strlen(plain));
            }
        }
    }
    query_free(query);
    return count;
}
