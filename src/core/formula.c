/* Formulas: a recursive-descent parser whose depth is bounded. */
#include "formula.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"

#define DEPTH_MAX 16

/* A sum of n terms is a tree n deep, and trees are walked recursively. */
#define FACTORS_MAX 1024

static bool
value_matches(const struct matcher *matcher, struct str value)
{
    struct str rest = str_from(matcher->values);
    while (rest.n > 0) {
        size_t n = 0; /* up to the next '|' that is not escaped */
        while (n < rest.n && rest.p[n] != '|') {
            n += rest.p[n] == '\\' && n + 1 < rest.n ? 2 : 1;
        }
        if (n == value.n && memcmp(rest.p, value.p, n) == 0) {
            return true;
        }
        n += n < rest.n;
        rest.p += n;
        rest.n -= n;
    }
    return false;
}

bool
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

bool
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
matchers_inherit(struct matchers *matchers, const struct matchers *from,
                 const struct metric *metric)
{
    for (size_t i = 0; i < from->count; i++) {
        if (has_word(metric->labels, str_from(from->list[i].key))) {
            matchers_add(matchers, str_from(from->list[i].key), str_from(from->list[i].values));
        }
    }
}

void
node_free(struct node *node)
{
    if (node == NULL) {
        return;
    }
    node_free(node->a);
    node_free(node->b);
    if (node->leaf != NULL) {
        for (size_t i = 0; i < node->leaf->cache_count; i++) {
            free(node->leaf->cache[i].list);
        }
        free(node->leaf->cache);
        free((void *)node->leaf->matchers);
        free(node->leaf);
    }
    if (node->groups != NULL) {
        for (size_t i = 0; i < node->groups->count; i++) {
            node_free(node->groups->children[i]);
        }
        free(node->groups->children);
        node_free(node->groups->probe);
        free((void *)node->groups->matchers);
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
    unsigned *factors; /* of the whole query, with all formulas it names */
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
    skip_blanks(parser);
    struct str start = parser->rest, name = take_name(parser);
    if (name.n == 0) {
        return fail(parser, "a number or a metric is missing");
    }
    if (take(parser, '(')) {
        for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
            if (str_is(name, functions[i].name)) {
                return parse_call(parser, functions[i].type);
            }
        }
        parser->rest = start;
        return fail(parser, "only min, max and or are functions: another name stands");
    }
    char text[128];
    const struct metric *metric =
        catalog_metric(parser->catalog, str_copy(name, text, sizeof(text)));
    if (metric == NULL || name.n >= sizeof(text)) {
        parser->rest = start;
        return fail(parser, "no such metric");
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
    if (++*parser->factors > FACTORS_MAX) {
        return fail(parser, "too long");
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
        node =
            node != NULL && zero != NULL ? node_new(NODE_SUB, zero, node) : (node_free(zero), NULL);
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
                            .factors = outer->factors,
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

/* Whether there are several alternatives: a '|' that is not escaped. */
static bool
has_choice(const char *values)
{
    for (const char *p = values; *p != 0; p++) {
        if (*p == '|') {
            return true;
        }
        p += *p == '\\' && p[1] != 0;
    }
    return false;
}

/* Whether every label of the metric is fixed to one value. */
static bool
is_closed(const struct metric *metric, const struct matchers *matchers)
{
    struct str rest = str_from(metric->labels), key;
    while (str_word(&rest, &key)) {
        bool fixed = false;
        for (size_t i = 0; i < matchers->count; i++) {
            fixed |= str_is(key, matchers->list[i].key) && !has_choice(matchers->list[i].values);
        }
        if (!fixed) {
            return false;
        }
    }
    return true;
}

/* Hundreds of queries have none or a short one: a copy ends with the text of the last. */
static const struct matchers *
matchers_copy(const struct matchers *matchers)
{
    size_t bytes = offsetof(struct matchers, list);
    if (matchers->count > 0) {
        const struct matcher *last = &matchers->list[matchers->count - 1];
        bytes = (size_t)(last->values - (const char *)matchers) + strlen(last->values) + 1;
    }
    struct matchers *copy = malloc(bytes);
    if (copy != NULL) {
        memcpy(copy, matchers, bytes);
    }
    return copy;
}

static struct node *
metric_node(struct parser *parser, const struct metric *metric, const struct matchers *matchers)
{
    if (metric->formula == NULL) {
        struct node *node = node_new(NODE_LEAF, NULL, NULL);
        struct leaf *leaf = calloc(1, sizeof(*leaf));
        const struct matchers *copy = leaf != NULL ? matchers_copy(matchers) : NULL;
        if (node == NULL || copy == NULL) {
            node_free(node);
            free(leaf);
            free((void *)copy);
            return NULL;
        }
        leaf->metric = metric;
        leaf->matchers = copy;
        leaf->interval_ns = catalog_settings(parser->catalog, metric).interval_ns;
        node->leaf = leaf;
        return node;
    }
    if (metric->fold == FOLD_FORMULA || is_closed(metric, matchers)) {
        return formula_node(parser, metric->formula, matchers);
    }
    struct node *probe = formula_node(parser, metric->formula, matchers);
    struct node *node = probe != NULL ? node_new(NODE_GROUPS, NULL, NULL) : NULL;
    struct groups *groups = node != NULL ? calloc(1, sizeof(*groups)) : NULL;
    const struct matchers *copy = groups != NULL ? matchers_copy(matchers) : NULL;
    if (copy == NULL) {
        node_free(node);
        node_free(probe);
        free(groups);
        return NULL;
    }
    groups->metric = metric;
    groups->matchers = copy;
    groups->probe = probe;
    node->groups = groups;
    return node;
}

struct node *
formula_of_metric(struct catalog *catalog, const struct metric *metric, const char *labels,
                  char *why, size_t why_size)
{
    struct matchers matchers = {0};
    struct str rest = str_from(labels != NULL ? labels : ""), key, value;
    while (labels_next(&rest, &key, &value)) {
        if (!has_word(metric->labels, key) || !matchers_add(&matchers, key, value)) {
            snprintf(why, why_size, "%s has no label %.*s", metric->name, (int)MIN(key.n, 40u),
                     key.p);
            return NULL;
        }
    }
    unsigned factors = 0;
    struct parser parser = {.catalog = catalog,
                            .whole = metric->name,
                            .factors = &factors,
                            .why = why,
                            .why_size = why_size};
    return metric_node(&parser, metric, &matchers);
}

struct node *
formula_parse(struct catalog *catalog, const char *formula, char *why, size_t why_size)
{
    struct matchers none = {0};
    unsigned factors = 0;
    struct parser parser = {.catalog = catalog,
                            .whole = formula,
                            .matchers = &none,
                            .factors = &factors,
                            .why = why,
                            .why_size = why_size};
    return formula_node(&parser, formula, &none);
}

struct node *
formula_of_group(struct catalog *catalog, const struct groups *groups, const char *labels)
{
    char why[160] = "";
    unsigned factors = 0;
    struct parser parser = {.catalog = catalog,
                            .whole = groups->metric->name,
                            .factors = &factors,
                            .why = why,
                            .why_size = sizeof(why)};
    struct matchers matchers = {0};
    struct str rest = str_from(labels), key, value;
    while (labels_next(&rest, &key, &value)) {
        matchers_add(&matchers, key, value);
    }
    return formula_node(&parser, groups->metric->formula, &matchers);
}
