/* Queries. A query is compiled once into a tree of nodes; asking it turns each node into a vector of points.
 *
 * Vectors are as long as the ticks asked for, so asking for "now" costs a few readings of the head, and asking
 * for a span decodes just the columns it names. */
#include "flametop/core/query.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/core/rate.h"

#define DEPTH_MAX 16
#define MATCHERS_MAX 8
#define GROUPS_MAX 1024
#define RATE_NS_MIN (250 * NS_PER_MS)
#define HOLD_NS_MIN (15 * NS_PER_S)
#define LABEL_BYTES 512

/* One label condition: the value is one of the alternatives, all escaped as in series labels. */
struct matcher {
    char key[48];
    char values[160]; /* separated by '|' */
};

struct matchers {
    size_t count;
    struct matcher list[MATCHERS_MAX];
};

/* The columns of one layout that a leaf reads, by series id. */
struct match {
    uint32_t id, column;
};

struct leaf {
    const struct metric *metric;
    struct matchers matchers;
    struct {
        uint64_t serial;
        size_t count;
        struct match *list;
    } cache[4];
    size_t cache_next;
};

enum node_type { NODE_NUMBER, NODE_LEAF, NODE_GROUPS, NODE_ADD, NODE_SUB, NODE_MUL, NODE_DIV, NODE_MIN,
                 NODE_MAX, NODE_OR };

struct node {
    enum node_type type;
    double number;
    struct node *a, *b;
    struct leaf *leaf;
    struct groups *groups;
};

/* A derived metric with labels left open: one tree for each set of values there is. */
struct groups {
    const struct metric *metric;
    struct matchers matchers;
    struct node *probe;  /* the formula without the open labels: names the leaves to look at */
    uint64_t signature;  /* of the layouts the children were made from */
    struct node **children;
    size_t count;
};

struct query {
    struct catalog *catalog;
    const struct metric *metric;
    struct node *root;
};

/* Points of one node. */
struct vector {
    bool scalar;
    double number;
    size_t n;
    int64_t *times;
    double *values;
};

struct range {
    const struct picture *picture;
    struct catalog *catalog;
    int64_t from_ns, to_ns; /* (from, to] */
};

/* ---- matching ---- */

static bool
value_matches(const struct matcher *matcher, struct str value)
{
    struct str rest = str_from(matcher->values), one;
    while (str_until(&rest, '|', &one)) {
        if (one.n == value.n && memcmp(one.p, value.p, one.n) == 0) {
            return true;
        }
    }
    return false;
}

static bool
labels_match(const struct matchers *matchers, const char *labels)
{
    for (size_t i = 0; i < matchers->count; i++) {
        struct str value;
        if (!labels_get(labels, matchers->list[i].key, &value) ||
            !value_matches(&matchers->list[i], value)) {
            return false;
        }
    }
    return true;
}

/* Whether the blank-separated list has the word. */
static bool
has_word(const char *list, struct str word)
{
    struct str rest = str_from(list), one;
    while (str_word(&rest, &one)) {
        if (one.n == word.n && memcmp(one.p, word.p, one.n) == 0) {
            return true;
        }
    }
    return false;
}

static bool
matchers_add(struct matchers *matchers, struct str key, struct str values)
{
    for (size_t i = 0; i < matchers->count; i++) {
        if (str_is(key, matchers->list[i].key)) {
            return true; /* the inner condition stands */
        }
    }
    if (matchers->count == MATCHERS_MAX || key.n >= sizeof(matchers->list[0].key) ||
        values.n >= sizeof(matchers->list[0].values)) {
        return false;
    }
    struct matcher *matcher = &matchers->list[matchers->count++];
    str_copy(key, matcher->key, sizeof(matcher->key));
    str_copy(values, matcher->values, sizeof(matcher->values));
    return true;
}

/* Adds those of `from` whose label the metric has. */
static void
matchers_inherit(struct matchers *matchers, const struct matchers *from, const struct metric *metric)
{
    for (size_t i = 0; i < from->count; i++) {
        if (has_word(metric->labels, str_from(from->list[i].key))) {
            matchers_add(matchers, str_from(from->list[i].key), str_from(from->list[i].values));
        }
    }
}

/* ---- trees ---- */

static void
node_free(struct node *node)
{
    if (node == NULL) {
        return;
    }
    node_free(node->a);
    node_free(node->b);
    if (node->leaf != NULL) {
        for (size_t i = 0; i < ARRAY_SIZE(node->leaf->cache); i++) {
            free(node->leaf->cache[i].list);
        }
        free(node->leaf);
    }
    if (node->groups != NULL) {
        for (size_t i = 0; i < node->groups->count; i++) {
            node_free(node->groups->children[i]);
        }
        free(node->groups->children);
        node_free(node->groups->probe);
        free(node->groups);
    }
    free(node);
}

static struct node *
node_new(enum node_type type, struct node *a, struct node *b)
{
    struct node *node = calloc(1, sizeof(*node));
    if (node == NULL) {
        node_free(a);
        node_free(b);
        return NULL;
    }
    node->type = type;
    node->a = a;
    node->b = b;
    return node;
}

struct parser {
    struct catalog *catalog;
    struct str rest;
    const char *whole;
    const struct matchers *matchers; /* of the query: go down to the names */
    int depth;
    char *why;
    size_t why_size;
};

static struct node *parse_sum(struct parser *parser);
static struct node *metric_node(struct parser *parser, const struct metric *metric,
                                const struct matchers *matchers);

static struct node *
fail(struct parser *parser, const char *what)
{
    if (parser->why_size > 0 && parser->why[0] == 0) {
        snprintf(parser->why, parser->why_size, "%s at character %zu of \"%s\"", what,
                 strlen(parser->whole) - parser->rest.n + 1, parser->whole);
    }
    return NULL;
}

static void
skip_blanks(struct parser *parser)
{
    while (parser->rest.n > 0 && (parser->rest.p[0] == ' ' || parser->rest.p[0] == '\t')) {
        parser->rest.p++;
        parser->rest.n--;
    }
}

static bool
take(struct parser *parser, char c)
{
    skip_blanks(parser);
    if (parser->rest.n == 0 || parser->rest.p[0] != c) {
        return false;
    }
    parser->rest.p++;
    parser->rest.n--;
    return true;
}

static bool
is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.';
}

static struct str
take_name(struct parser *parser)
{
    skip_blanks(parser);
    size_t n = 0;
    while (n < parser->rest.n && is_name(parser->rest.p[n])) {
        n++;
    }
    struct str name = {parser->rest.p, n};
    parser->rest.p += n;
    parser->rest.n -= n;
    return name;
}

/* label=value|value, … up to the closing brace; a value may hold escaped characters. */
static bool
parse_matchers(struct parser *parser, struct matchers *matchers)
{
    do {
        struct str key = take_name(parser);
        if (key.n == 0 || !take(parser, '=')) {
            return false;
        }
        size_t n = 0;
        while (n < parser->rest.n && parser->rest.p[n] != ',' && parser->rest.p[n] != '}') {
            n += parser->rest.p[n] == '\\' && n + 1 < parser->rest.n ? 2 : 1;
        }
        if (!matchers_add(matchers, key, (struct str){parser->rest.p, n})) {
            return false;
        }
        parser->rest.p += n;
        parser->rest.n -= n;
    } while (take(parser, ','));
    return take(parser, '}');
}

static struct node *
parse_call(struct parser *parser, enum node_type type)
{
    struct node *a = parse_sum(parser);
    if (a == NULL || !take(parser, ',')) {
        node_free(a);
        return fail(parser, "a comma is missing");
    }
    struct node *b = parse_sum(parser);
    if (b == NULL || !take(parser, ')')) {
        node_free(a);
        node_free(b);
        return fail(parser, "a closing parenthesis is missing");
    }
    return node_new(type, a, b);
}

static struct node *
parse_name(struct parser *parser)
{
    static const struct {
        const char *name;
        enum node_type type;
    } functions[] = {{"min", NODE_MIN}, {"max", NODE_MAX}, {"or", NODE_OR}};
    struct str name = take_name(parser);
    if (name.n == 0) {
        return fail(parser, "a number or a metric is missing");
    }
    if (take(parser, '(')) {
        for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
            if (str_is(name, functions[i].name)) {
                return parse_call(parser, functions[i].type);
            }
        }
        return fail(parser, "only min, max and or are functions");
    }
    char text[128];
    const struct metric *metric = catalog_metric(parser->catalog, str_copy(name, text, sizeof(text)));
    if (metric == NULL || name.n >= sizeof(text)) {
        return fail(parser, "an unknown metric ends");
    }
    struct matchers matchers = {0};
    if (take(parser, '{') && !parse_matchers(parser, &matchers)) {
        return fail(parser, "a label condition (label=value|value, …}) is wrong");
    }
    matchers_inherit(&matchers, parser->matchers, metric);
    return metric_node(parser, metric, &matchers);
}

static struct node *
parse_factor(struct parser *parser)
{
    if (++parser->depth > DEPTH_MAX * 4) {
        return fail(parser, "too deep");
    }
    struct node *node;
    double number;
    skip_blanks(parser);
    if (take(parser, '(')) {
        node = parse_sum(parser);
        if (node != NULL && !take(parser, ')')) {
            node_free(node);
            node = fail(parser, "a closing parenthesis is missing");
        }
    } else if (take(parser, '-')) {
        struct node *zero = node_new(NODE_NUMBER, NULL, NULL);
        node = parse_factor(parser);
        node = node != NULL && zero != NULL ? node_new(NODE_SUB, zero, node) : (node_free(zero), NULL);
    } else if (parser->rest.n > 0 && parser->rest.p[0] >= '0' && parser->rest.p[0] <= '9' &&
               str_double(&parser->rest, &number)) {
        node = node_new(NODE_NUMBER, NULL, NULL);
        if (node != NULL) {
            node->number = number;
        }
    } else {
        node = parse_name(parser);
    }
    parser->depth--;
    return node;
}

static struct node *
parse_product(struct parser *parser)
{
    struct node *node = parse_factor(parser);
    while (node != NULL) {
        enum node_type type = take(parser, '*')   ? NODE_MUL
                              : take(parser, '/') ? NODE_DIV
                                                  : NODE_NUMBER;
        if (type == NODE_NUMBER) {
            break;
        }
        struct node *right = parse_factor(parser);
        if (right == NULL) {
            node_free(node);
            return NULL;
        }
        node = node_new(type, node, right);
    }
    return node;
}

static struct node *
parse_sum(struct parser *parser)
{
    struct node *node = parse_product(parser);
    while (node != NULL) {
        enum node_type type = take(parser, '+')   ? NODE_ADD
                              : take(parser, '-') ? NODE_SUB
                                                  : NODE_NUMBER;
        if (type == NODE_NUMBER) {
            break;
        }
        struct node *right = parse_product(parser);
        if (right == NULL) {
            node_free(node);
            return NULL;
        }
        node = node_new(type, node, right);
    }
    return node;
}

static struct node *
formula_node(struct parser *outer, const char *formula, const struct matchers *matchers)
{
    if (outer->depth >= DEPTH_MAX) {
        return fail(outer, "a metric is derived from itself");
    }
    struct parser parser = {.catalog = outer->catalog,
                            .rest = str_from(formula),
                            .whole = formula,
                            .matchers = matchers,
                            .depth = outer->depth + 1,
                            .why = outer->why,
                            .why_size = outer->why_size};
    struct node *node = parse_sum(&parser);
    skip_blanks(&parser);
    if (node != NULL && parser.rest.n > 0) {
        node_free(node);
        return fail(&parser, "nothing was expected here");
    }
    return node;
}

/* Whether every label of the metric is fixed to one value. */
static bool
is_closed(const struct metric *metric, const struct matchers *matchers)
{
    struct str rest = str_from(metric->labels), key;
    while (str_word(&rest, &key)) {
        bool fixed = false;
        for (size_t i = 0; i < matchers->count; i++) {
            fixed |= str_is(key, matchers->list[i].key) &&
                     strchr(matchers->list[i].values, '|') == NULL;
        }
        if (!fixed) {
            return false;
        }
    }
    return true;
}

static struct node *
metric_node(struct parser *parser, const struct metric *metric, const struct matchers *matchers)
{
    if (metric->formula == NULL) {
        struct node *node = node_new(NODE_LEAF, NULL, NULL);
        struct leaf *leaf = calloc(1, sizeof(*leaf));
        if (node == NULL || leaf == NULL) {
            node_free(node);
            free(leaf);
            return NULL;
        }
        leaf->metric = metric;
        leaf->matchers = *matchers;
        node->leaf = leaf;
        return node;
    }
    if (metric->fold == FOLD_FORMULA || is_closed(metric, matchers)) {
        return formula_node(parser, metric->formula, matchers);
    }
    struct node *probe = formula_node(parser, metric->formula, matchers);
    struct node *node = probe != NULL ? node_new(NODE_GROUPS, NULL, NULL) : NULL;
    struct groups *groups = node != NULL ? calloc(1, sizeof(*groups)) : NULL;
    if (groups == NULL) {
        node_free(node);
        node_free(probe);
        return NULL;
    }
    groups->metric = metric;
    groups->matchers = *matchers;
    groups->probe = probe;
    node->groups = groups;
    return node;
}

static struct query *
query_wrap(struct catalog *catalog, const struct metric *metric, struct node *root)
{
    struct query *query = root != NULL ? calloc(1, sizeof(*query)) : NULL;
    if (query == NULL) {
        node_free(root);
        return NULL;
    }
    *query = (struct query){catalog, metric, root};
    return query;
}

struct query *
query_new(struct catalog *catalog, const char *name, const char *labels, char *why, size_t why_size)
{
    if (why_size > 0) {
        why[0] = 0;
    }
    const struct metric *metric = catalog_metric(catalog, name);
    struct matchers matchers = {0};
    if (metric == NULL) {
        snprintf(why, why_size, "no metric is called %s", name);
        return NULL;
    }
    struct str rest = str_from(labels != NULL ? labels : ""), key, value;
    while (labels_next(&rest, &key, &value)) {
        if (!has_word(metric->labels, key) || !matchers_add(&matchers, key, value)) {
            snprintf(why, why_size, "%s has no label %.*s", name, (int)MIN(key.n, 40u), key.p);
            return NULL;
        }
    }
    struct parser parser = {.catalog = catalog, .whole = name, .why = why, .why_size = why_size};
    return query_wrap(catalog, metric, metric_node(&parser, metric, &matchers));
}

struct query *
query_new_formula(struct catalog *catalog, const char *formula, char *why, size_t why_size)
{
    if (why_size > 0) {
        why[0] = 0;
    }
    struct matchers none = {0};
    struct parser parser = {
        .catalog = catalog, .whole = formula, .matchers = &none, .why = why, .why_size = why_size};
    return query_wrap(catalog, NULL, formula_node(&parser, formula, &none));
}

void
query_free(struct query *query)
{
    if (query != NULL) {
        node_free(query->root);
        free(query);
    }
}

const struct metric *
query_metric(const struct query *query)
{
    return query->metric;
}

/* ---- leaves ---- */

static int
by_id(const void *a, const void *b)
{
    const struct match *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

/* The columns of a layout that match, sorted by series id. */
static size_t
leaf_columns(struct leaf *leaf, const struct layout *layout, const struct match **ret_list)
{
    for (size_t i = 0; i < ARRAY_SIZE(leaf->cache); i++) {
        if (leaf->cache[i].serial == layout->serial) {
            *ret_list = leaf->cache[i].list;
            return leaf->cache[i].count;
        }
    }
    size_t count = 0;
    struct match *list = NULL;
    for (size_t pass = 0; pass < 2; pass++) {
        count = 0;
        for (size_t c = 0; c < layout->count; c++) {
            const struct series *series = layout->series[c];
            if (series->metric == leaf->metric && labels_match(&leaf->matchers, series->labels)) {
                if (list != NULL) {
                    list[count] = (struct match){series->id, (uint32_t)c};
                }
                count++;
            }
        }
        if (count == 0) {
            break;
        }
        list = list != NULL ? list : calloc(count, sizeof(*list));
        if (list == NULL) {
            count = 0;
            break;
        }
    }
    if (count > 1) {
        qsort(list, count, sizeof(*list), by_id);
    }
    size_t slot = leaf->cache_next++ % ARRAY_SIZE(leaf->cache);
    free(leaf->cache[slot].list);
    leaf->cache[slot].serial = layout->serial;
    leaf->cache[slot].count = count;
    leaf->cache[slot].list = list;
    *ret_list = list;
    return count;
}

/* A run of ticks inside one chunk or the head. */
struct segment {
    const struct chunk *chunk; /* or the head */
    const struct head *head;
    const struct layout *layout;
    size_t first, count; /* ticks inside it */
};

#define SEGMENTS_MAX 4096

/* The segments of a track that cover (from, to], and one reading before `from` old enough for a rate. */
struct coverage {
    struct segment *segments; /* oldest first */
    size_t segment_count;
    int64_t *times;
    size_t tick_count;
    size_t lead; /* ticks at the front that are not in the range */
};

static void
coverage_done(struct coverage *coverage)
{
    free(coverage->segments);
    free(coverage->times);
}

static const int64_t *
segment_times(const struct track *track, size_t index_from_end, struct segment *ret_segment,
              int64_t scratch[CHUNK_TICKS])
{
    if (index_from_end == 0) {
        *ret_segment = (struct segment){NULL, track->head, track->head->layout, 0, track->head_ticks};
        return track->head->mono_ns;
    }
    const struct chunk *chunk = track->chunks->chunks[track->chunks->count - index_from_end];
    *ret_segment = (struct segment){chunk, NULL, chunk->layout, 0, chunk->ticks};
    if (!chunk_times(chunk, scratch)) {
        ret_segment->count = 0;
    }
    return scratch;
}

/* Collected newest first, then turned round. False when there is nothing. */
static bool
cover(const struct track *track, const struct range *range, struct coverage *ret)
{
    size_t chunk_count = track->chunks != NULL ? track->chunks->count : 0;
    size_t parts = MIN(chunk_count + 1, (size_t)SEGMENTS_MAX);
    struct coverage c = {0};
    size_t capacity = 0, segments_capacity = 0;
    int64_t first_ns = INT64_MAX;
    bool enough = false;
    for (size_t i = track->head_ticks > 0 ? 0 : 1; i < parts && !enough; i++) {
        int64_t scratch[CHUNK_TICKS];
        struct segment segment;
        if (i > 0 && track->chunks->chunks[chunk_count - i]->first_ns > range->to_ns) {
            continue;
        }
        const int64_t *times = segment_times(track, i, &segment, scratch);
        size_t end = segment.count;
        while (end > 0 && times[end - 1] > range->to_ns) {
            end--;
        }
        /* Back to the start of the range, and on to a reading old enough to make a rate with the first. */
        size_t start = end;
        while (start > 0 && !enough) {
            int64_t time = times[start - 1];
            if (time <= range->from_ns && first_ns == INT64_MAX) {
                enough = true;
                break;
            }
            start--;
            if (time > range->from_ns) {
                first_ns = time;
            } else {
                enough = first_ns - time >= RATE_NS_MIN;
            }
        }
        if (start == end) {
            continue;
        }
        segment.first = start;
        segment.count = end - start;
        if (c.segment_count == segments_capacity) {
            segments_capacity = segments_capacity == 0 ? 4 : segments_capacity * 2;
            struct segment *grown = reallocarray(c.segments, segments_capacity, sizeof(*grown));
            if (grown == NULL) {
                break;
            }
            c.segments = grown;
        }
        if (c.tick_count + segment.count > capacity) {
            capacity = MAX(capacity * 2, c.tick_count + segment.count);
            int64_t *grown = reallocarray(c.times, capacity, sizeof(*grown));
            if (grown == NULL) {
                break;
            }
            c.times = grown;
        }
        for (size_t t = 0; t < segment.count; t++) { /* newest first for now */
            c.times[c.tick_count + t] = times[end - 1 - t];
        }
        c.tick_count += segment.count;
        c.segments[c.segment_count++] = segment;
    }
    for (size_t i = 0; i < c.segment_count / 2; i++) {
        struct segment swap = c.segments[i];
        c.segments[i] = c.segments[c.segment_count - 1 - i];
        c.segments[c.segment_count - 1 - i] = swap;
    }
    for (size_t i = 0; i < c.tick_count / 2; i++) {
        int64_t swap = c.times[i];
        c.times[i] = c.times[c.tick_count - 1 - i];
        c.times[c.tick_count - 1 - i] = swap;
    }
    while (c.lead < c.tick_count && c.times[c.lead] <= range->from_ns) {
        c.lead++;
    }
    if (c.lead == c.tick_count) {
        coverage_done(&c);
        return false;
    }
    *ret = c;
    return true;
}

/* The values of one series over the coverage; NaN where a segment lacks it. */
static void
gather(const struct coverage *coverage, struct leaf *leaf, uint32_t id, double *ret_values)
{
    size_t at = 0;
    for (size_t s = 0; s < coverage->segment_count; s++) {
        const struct segment *segment = &coverage->segments[s];
        const struct match *list;
        size_t count = leaf_columns(leaf, segment->layout, &list);
        struct match key = {id, 0};
        const struct match *match =
            count > 0 ? bsearch(&key, list, count, sizeof(*list), by_id) : NULL;
        double decoded[CHUNK_TICKS];
        const double *values = NULL;
        if (match != NULL && segment->head != NULL) {
            values = segment->head->values + (size_t)match->column * CHUNK_TICKS;
        } else if (match != NULL && chunk_column(segment->chunk, match->column, decoded)) {
            values = decoded;
        }
        for (size_t i = 0; i < segment->count; i++) {
            ret_values[at++] = values != NULL ? values[segment->first + i] : NAN;
        }
    }
}

/* In place, newest first: each value becomes the rate since the newest reading at least 250 ms older. */
static void
to_rates(const struct coverage *coverage, unsigned bits, double *values)
{
    size_t before = coverage->tick_count;
    for (size_t i = coverage->tick_count; i-- > 0;) {
        before = MIN(before, i);
        while (before > 0 && (coverage->times[i] - coverage->times[before] < RATE_NS_MIN ||
                              isnan(values[before]))) {
            before--;
        }
        int64_t dt = coverage->times[i] - coverage->times[before];
        values[i] = before < i && dt >= RATE_NS_MIN ? rate_of(values[before], values[i], dt, bits) : NAN;
        if (before == i) {
            values[i] = NAN;
        }
    }
}

static double
fold_into(enum metric_fold fold, double folded, double value)
{
    switch (fold) {
    case FOLD_MAX:
        return fmax(folded, value);
    case FOLD_MIN:
        return fmin(folded, value);
    case FOLD_SUM:
    case FOLD_MEAN:
    case FOLD_FORMULA:
    default:
        return folded + value;
    }
}

/* Folds one more vector of values in, gaps aside. */
static void
fold_values(enum metric_fold fold, double *folded, uint32_t *counts, const double *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!isnan(values[i])) {
            folded[i] = counts[i] == 0 ? values[i] : fold_into(fold, folded[i], values[i]);
            counts[i]++;
        }
    }
}

static void
fold_finish(enum metric_fold fold, double *folded, const uint32_t *counts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (counts[i] == 0) {
            folded[i] = NAN;
        } else if (fold == FOLD_MEAN) {
            folded[i] /= counts[i];
        }
    }
}

static void
vector_done(struct vector *vector)
{
    free(vector->times);
    free(vector->values);
    *vector = (struct vector){0};
}

/* The ids of all series of the coverage, ascending. */
static size_t
union_ids(const struct coverage *coverage, struct leaf *leaf, uint32_t **ret_ids)
{
    uint32_t *ids = NULL;
    size_t count = 0, capacity = 0;
    const struct layout *seen = NULL;
    for (size_t s = coverage->segment_count; s-- > 0;) {
        const struct match *list;
        if (coverage->segments[s].layout == seen) {
            continue;
        }
        seen = coverage->segments[s].layout;
        size_t n = leaf_columns(leaf, seen, &list);
        for (size_t i = 0; i < n; i++) {
            size_t at = 0, high = count;
            while (at < high) {
                size_t middle = (at + high) / 2;
                if (ids[middle] < list[i].id) {
                    at = middle + 1;
                } else {
                    high = middle;
                }
            }
            if (at < count && ids[at] == list[i].id) {
                continue;
            }
            if (count == capacity) {
                capacity = capacity == 0 ? n : capacity * 2;
                uint32_t *grown = reallocarray(ids, capacity, sizeof(*ids));
                if (grown == NULL) {
                    break;
                }
                ids = grown;
            }
            memmove(&ids[at + 1], &ids[at], (count - at) * sizeof(*ids));
            ids[at] = list[i].id;
            count++;
        }
    }
    *ret_ids = ids;
    return count;
}

/* The track whose newest layout has series of this leaf. */
static const struct track *
leaf_track(struct leaf *leaf, const struct picture *picture)
{
    for (size_t i = 0; i < picture->track_count; i++) {
        const struct track *track = &picture->tracks[i];
        const struct match *list;
        if (track->head != NULL && leaf_columns(leaf, track->head->layout, &list) > 0) {
            return track;
        }
    }
    /* Gone by now, but there may be history. */
    for (size_t i = 0; i < picture->track_count; i++) {
        const struct track *track = &picture->tracks[i];
        for (size_t c = track->chunks != NULL ? track->chunks->count : 0; c-- > 0;) {
            const struct match *list;
            bool same = c + 1 < track->chunks->count &&
                        track->chunks->chunks[c]->layout == track->chunks->chunks[c + 1]->layout;
            if (!same && leaf_columns(leaf, track->chunks->chunks[c]->layout, &list) > 0) {
                return track;
            }
        }
    }
    return NULL;
}

static struct vector
eval_leaf(struct leaf *leaf, const struct range *range)
{
    struct vector result = {0};
    struct coverage coverage;
    const struct track *track = leaf_track(leaf, range->picture);
    if (track == NULL || !cover(track, range, &coverage)) {
        return result;
    }
    uint32_t *ids;
    size_t id_count = union_ids(&coverage, leaf, &ids);
    size_t n = coverage.tick_count, out = n - coverage.lead;
    double *values = calloc(n, sizeof(*values));
    double *folded = calloc(out, sizeof(*folded));
    uint32_t *counts = calloc(out, sizeof(*counts));
    int64_t *times = calloc(out, sizeof(*times));
    if (values != NULL && folded != NULL && counts != NULL && times != NULL) {
        for (size_t i = 0; i < id_count; i++) {
            gather(&coverage, leaf, ids[i], values);
            if (leaf->metric->kind == METRIC_COUNTER) {
                to_rates(&coverage, leaf->metric->bits, values);
            }
            fold_values(leaf->metric->fold, folded, counts, values + coverage.lead, out);
        }
        fold_finish(leaf->metric->fold, folded, counts, out);
        memcpy(times, coverage.times + coverage.lead, out * sizeof(*times));
        result = (struct vector){.n = out, .times = times, .values = folded};
        times = NULL;
        folded = NULL;
    }
    free(times);
    free(folded);
    free(counts);
    free(values);
    free(ids);
    coverage_done(&coverage);
    return result;
}

/* ---- inner nodes ---- */

static struct vector eval(struct node *node, const struct range *range);

/* Brings `v` onto the times of `onto`: each time takes the newest value not older than the hold. */
static void
align(struct vector *v, const struct vector *onto)
{
    if (v->scalar || onto->scalar) {
        return;
    }
    if (v->n == onto->n && memcmp(v->times, onto->times, v->n * sizeof(*v->times)) == 0) {
        return;
    }
    struct vector held = {.n = onto->n,
                          .times = calloc(onto->n, sizeof(*held.times)),
                          .values = calloc(onto->n, sizeof(*held.values))};
    if (held.times == NULL || held.values == NULL) {
        vector_done(&held);
        vector_done(v);
        return;
    }
    size_t at = 0;
    for (size_t i = 0; i < onto->n; i++) {
        while (at < v->n && v->times[at] <= onto->times[i]) {
            at++;
        }
        held.times[i] = onto->times[i];
        bool fresh = at > 0 && onto->times[i] - v->times[at - 1] <= HOLD_NS_MIN;
        held.values[i] = fresh ? v->values[at - 1] : NAN;
    }
    vector_done(v);
    *v = held;
}

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
        vector_done(&a);
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
    align(&b, &a);
    for (size_t i = 0; i < a.n; i++) {
        double right = b.scalar ? b.number : i < b.n ? b.values[i] : NAN;
        a.values[i] = apply(node->type, a.values[i], right);
    }
    vector_done(&b);
    if (missing) {
        vector_done(&a);
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

/* A derived metric's own labels with conditions of the query on top. */
static struct node *
group_child(struct groups *groups, struct catalog *catalog, const char *labels)
{
    char why[160] = "";
    struct parser parser = {
        .catalog = catalog, .whole = groups->metric->name, .why = why, .why_size = sizeof(why)};
    struct matchers matchers = {0};
    struct str rest = str_from(labels), key, value;
    while (labels_next(&rest, &key, &value)) {
        matchers_add(&matchers, key, value);
    }
    return formula_node(&parser, groups->metric->formula, &matchers);
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
    const struct layout *layout = track == NULL          ? NULL
                                  : track->head != NULL  ? track->head->layout
                                  : track->chunks != NULL && track->chunks->count > 0
                                      ? track->chunks->chunks[track->chunks->count - 1]->layout
                                      : NULL;
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
        bool there = !open_labels(groups, layout->series[list[i].column]->labels, labels, sizeof(labels));
        for (size_t j = 0; !there && j < seen_count; j++) {
            there = strcmp(seen[j], labels) == 0;
        }
        if (there || seen_count == GROUPS_MAX || !labels_match(&groups->matchers, labels)) {
            continue;
        }
        memcpy(seen[seen_count++], labels, LABEL_BYTES);
        struct node *child = group_child(groups, range->catalog, labels);
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
            vector_done(&child);
            continue;
        }
        if (counts == NULL) {
            counts = calloc(child.n, sizeof(*counts));
            if (counts == NULL) {
                vector_done(&child);
                break;
            }
            result = child;
            for (size_t t = 0; t < child.n; t++) {
                counts[t] = !isnan(child.values[t]);
            }
            continue;
        }
        align(&child, &result);
        fold_values(groups->metric->fold, result.values, counts, child.values, child.n);
        vector_done(&child);
    }
    if (counts != NULL) {
        fold_finish(groups->metric->fold, result.values, counts, result.n);
    }
    free(counts);
    return result;
}

static struct vector
eval(struct node *node, const struct range *range)
{
    switch (node->type) {
    case NODE_NUMBER:
        return (struct vector){.scalar = true, .number = node->number};
    case NODE_LEAF:
        return eval_leaf(node->leaf, range);
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

static int64_t
track_spacing(const struct track *track)
{
    if (track->head_ticks >= 2) {
        return track->head->mono_ns[track->head_ticks - 1] - track->head->mono_ns[track->head_ticks - 2];
    }
    if (track->chunks != NULL && track->chunks->count > 0) {
        const struct chunk *chunk = track->chunks->chunks[track->chunks->count - 1];
        if (chunk->ticks >= 2) {
            return (chunk->last_ns - chunk->first_ns) / (int64_t)(chunk->ticks - 1);
        }
    }
    return 0;
}

double
query_now(struct query *query, const struct picture *picture)
{
    struct leaf *leaf = any_leaf(query->root);
    const struct track *track = leaf != NULL ? leaf_track(leaf, picture) : NULL;
    int64_t interval = track != NULL ? MAX(track_spacing(track), picture->interval_ns) : 0;
    struct range range = {picture, query->catalog, picture->mono_ns - 3 * MAX(interval, RATE_NS_MIN),
                          picture->mono_ns};
    struct vector vector = eval(query->root, &range);
    double value = vector.scalar ? vector.number : NAN;
    for (size_t i = vector.n; i-- > 0 && isnan(value);) {
        value = vector.values[i];
    }
    vector_done(&vector);
    return value;
}

size_t
query_points(struct query *query, const struct picture *picture, int64_t from_ns, int64_t to_ns,
             struct point *ret_points, size_t max)
{
    struct range range = {picture, query->catalog, from_ns, MIN(to_ns, picture->mono_ns)};
    if (range.to_ns <= range.from_ns) {
        return 0;
    }
    struct vector vector = eval(query->root, &range);
    size_t skip = vector.n > max ? vector.n - max : 0;
    for (size_t i = skip; i < vector.n; i++) {
        ret_points[i - skip] = (struct point){vector.times[i], vector.values[i]};
    }
    size_t count = vector.n - skip;
    vector_done(&vector);
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
            if (series->metric != leaf->metric || !labels_match(&leaf->matchers, series->labels) ||
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
