/* What a query is compiled to: a tree of nodes whose leaves are stored metrics with label
 * conditions. */
#ifndef FLAMETOP_CORE_FORMULA_H
#define FLAMETOP_CORE_FORMULA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/core/metric.h"

#define MATCHERS_MAX 8
#define LABEL_BYTES 512

/* One label condition: the value is one of the alternatives, all escaped as in series labels. */
struct matcher {
    char key[48];
    char values[LABEL_BYTES]; /* separated by '|' */
};

struct matchers {
    size_t count;
    struct matcher list[MATCHERS_MAX];
};

#define LEAF_LAYOUTS 24

/* The columns of one layout that a leaf reads, by series id. */
struct match {
    uint32_t id, column;
};

struct leaf {
    const struct metric *metric;
    const struct matchers *matchers; /* owned; only as long as it must be */
    const struct series *only;       /* instead of what matches; NULL: all of that */
    /* The layouts asked last, at most LEAF_LAYOUTS: one for each source and some to spare, as a
     * look-up asks those of all sources, and with fewer each would push out the next. Most leaves
     * are of metrics that are absent, and have none. */
    struct columns {
        uint64_t serial;
        size_t count;
        struct match *list;
    } * cache;
    size_t cache_count, cache_next;
    size_t track; /* where it was found last: looked at first */

    int64_t interval_ns; /* its readings are kept this often only; 0: each */
    size_t counted;      /* series of the catalog when `absent` was found out */
    bool absent;         /* the catalog has none of its metric */
};

enum node_type {
    NODE_NUMBER,
    NODE_LEAF,
    NODE_GROUPS,
    NODE_ADD,
    NODE_SUB,
    NODE_MUL,
    NODE_DIV,
    NODE_MIN,
    NODE_MAX,
    NODE_OR
};

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
    const struct matchers *matchers; /* owned; only as long as it must be */
    struct node *probe; /* the formula without the open labels: names the leaves to look at */
    uint64_t signature; /* of the layouts the children were made from */
    struct node **children;
    size_t count;
};

/* The tree of a metric under label conditions ("" or NULL: none), or of a formula. NULL, and a
 * sentence in why, when it cannot be. */
struct node *formula_of_metric(struct catalog *catalog, const struct metric *metric,
                               const char *labels, char *why, size_t why_size);
struct node *formula_parse(struct catalog *catalog, const char *formula, char *why,
                           size_t why_size);

/* The formula of a group's metric for one set of values of its open labels. */
struct node *formula_of_group(struct catalog *catalog, const struct groups *groups,
                              const char *labels);

void node_free(struct node *node);

/* Whether a series' labels meet all conditions. */
bool labels_match(const struct matchers *matchers, const char *labels);

/* Whether the blank-separated list has the word. */
bool has_word(const char *list, struct str word);

#endif
