/* YAML as far as a configuration needs it: mappings, sequences and scalars that all are text.
 *
 * Refused, each with its place: anchors and aliases (a small file could otherwise unfold into
 * gigabytes), tags, more than one document, keys that are no plain text, nesting deeper than 16,
 * more than 20,000 nodes. After a refused node or a syntax error the nodes read so far stand. */
#ifndef FLAMETOP_CONFIG_YAML_TREE_H
#define FLAMETOP_CONFIG_YAML_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "flametop/base/arena.h"
#include "flametop/base/str.h"

#define YAML_DEPTH_MAX 16
#define YAML_NODES_MAX 20000

enum yaml_kind { YAML_TEXT, YAML_MAPPING, YAML_SEQUENCE };

struct yaml_place {
    size_t line, column; /* from 1 */
};

struct yaml_node {
    enum yaml_kind kind;
    struct str key; /* in a mapping */
    struct yaml_place key_place, place;
    struct str text;                       /* YAML_TEXT */
    bool quoted;                           /* otherwise an empty text is a missing value */
    struct yaml_node *first, *last, *next; /* children; sibling */
};

struct yaml_errors {
    void *context;
    void (*add)(void *context, struct yaml_place place, const char *why);
};

/* The tree of a text, in the arena. NULL for an empty document or when nothing could be read. */
struct yaml_node *yaml_read(struct str text, struct arena *arena, const struct yaml_errors *errors);

#endif
