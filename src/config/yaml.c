/* libyaml's events into a tree. The walk keeps its own stack of at most YAML_DEPTH_MAX open nodes,
 * and whatever it refuses is skipped with everything inside it, so one mistake is one error. */
#include "yaml_tree.h"

#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "flametop/base/utf8.h"

struct reader {
    yaml_parser_t parser;
    struct arena *arena;
    const struct yaml_errors *errors;
    struct yaml_node *root;
    struct yaml_node *open[YAML_DEPTH_MAX];
    size_t depth;
    size_t skip_depth; /* inside a refused node: how deep; 0: not */
    size_t nodes, documents;
    bool has_key;
    struct str key;
    struct yaml_place key_place;
    bool stop;
};

static struct yaml_place
place_of(yaml_mark_t mark)
{
    return (struct yaml_place){mark.line + 1, mark.column + 1};
}

static void
refuse(struct reader *reader, struct yaml_place place, const char *why)
{
    reader->errors->add(reader->errors->context, place, why);
}

/* Whether a key is expected next rather than a value. */
static bool
wants_key(const struct reader *reader)
{
    return reader->depth > 0 && reader->open[reader->depth - 1]->kind == YAML_MAPPING &&
           !reader->has_key;
}

static struct yaml_node *
add_node(struct reader *reader, enum yaml_kind kind, struct yaml_place place)
{
    struct yaml_node *node =
        reader->nodes < YAML_NODES_MAX ? arena_new(reader->arena, struct yaml_node) : NULL;
    if (node == NULL) {
        refuse(reader, place, "the file is too large from here on");
        reader->stop = true;
        return NULL;
    }
    reader->nodes++;
    *node = (struct yaml_node){
        .kind = kind, .place = place, .key = reader->key, .key_place = reader->key_place};
    reader->has_key = false;
    if (reader->depth == 0) {
        reader->root = node;
        return node;
    }
    struct yaml_node *parent = reader->open[reader->depth - 1];
    if (parent->last == NULL) {
        parent->first = node;
    } else {
        parent->last->next = node;
    }
    parent->last = node;
    return node;
}

/* A refused node takes the place of the value (or of the key and its value) it would have been. */
static void
drop_value(struct reader *reader)
{
    reader->has_key = false;
}

static void
on_scalar(struct reader *reader, const yaml_event_t *event)
{
    struct yaml_place place = place_of(event->start_mark);
    if (event->data.scalar.anchor != NULL || event->data.scalar.tag != NULL) {
        refuse(reader, place,
               event->data.scalar.anchor != NULL ? "anchors (&) are not accepted"
                                                 : "tags (!) are not accepted");
        reader->stop = wants_key(reader);
        drop_value(reader);
        return;
    }
    size_t n = event->data.scalar.length;
    struct str text = {arena_text(reader->arena, (const char *)event->data.scalar.value, n), n};
    if (reader->arena->full) {
        refuse(reader, place, "the file is too large from here on");
        reader->stop = true;
        return;
    }
    if (wants_key(reader)) {
        reader->has_key = true;
        reader->key = text;
        reader->key_place = place;
        return;
    }
    struct yaml_node *node = add_node(reader, YAML_TEXT, place);
    if (node != NULL) {
        node->text = text;
        node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    }
}

static void
on_start(struct reader *reader, enum yaml_kind kind, const yaml_event_t *event)
{
    struct yaml_place place = place_of(event->start_mark);
    bool mapping = kind == YAML_MAPPING;
    const char *why = NULL;
    if (mapping ? event->data.mapping_start.anchor != NULL
                : event->data.sequence_start.anchor != NULL) {
        why = "anchors (&) are not accepted";
    } else if (mapping ? event->data.mapping_start.tag != NULL
                       : event->data.sequence_start.tag != NULL) {
        why = "tags (!) are not accepted";
    } else if (wants_key(reader)) {
        why = "a key must be plain text";
    } else if (reader->depth == YAML_DEPTH_MAX) {
        why = "nested too deeply";
    }
    if (why != NULL) {
        refuse(reader, place, why);
        /* A refused key leaves its value without a name, so nothing after it can be trusted; and
         * libyaml takes time with the square of the depth. */
        reader->stop = wants_key(reader) || reader->depth == YAML_DEPTH_MAX;
        reader->skip_depth = 1;
        drop_value(reader);
        return;
    }
    struct yaml_node *node = add_node(reader, kind, place);
    if (node != NULL) {
        reader->open[reader->depth++] = node;
    }
}

/* Events inside a refused node only move its depth. */
static bool
is_skipped(struct reader *reader, yaml_event_type_t type)
{
    if (reader->skip_depth == 0) {
        return false;
    }
    if (type == YAML_MAPPING_START_EVENT || type == YAML_SEQUENCE_START_EVENT) {
        reader->skip_depth++;
    } else if (type == YAML_MAPPING_END_EVENT || type == YAML_SEQUENCE_END_EVENT) {
        reader->skip_depth--;
    }
    return true;
}

static void
on_event(struct reader *reader, const yaml_event_t *event)
{
    if (is_skipped(reader, event->type)) {
        return;
    }
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (reader->documents++ > 0) {
            refuse(reader, place_of(event->start_mark), "a second document (---) is not read");
            reader->stop = true;
        }
        break;
    case YAML_ALIAS_EVENT:
        refuse(reader, place_of(event->start_mark), "aliases (*) are not accepted");
        reader->stop = wants_key(reader);
        drop_value(reader);
        break;
    case YAML_SCALAR_EVENT:
        on_scalar(reader, event);
        break;
    case YAML_MAPPING_START_EVENT:
        on_start(reader, YAML_MAPPING, event);
        break;
    case YAML_SEQUENCE_START_EVENT:
        on_start(reader, YAML_SEQUENCE, event);
        break;
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        reader->depth--;
        break;
    case YAML_STREAM_END_EVENT:
        reader->stop = true;
        break;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        break;
    }
}

/* A tab that indents is the commonest mistake, and libyaml's sentence for it does not say so. */
static const char *
reason_of(const yaml_parser_t *parser)
{
    const char *problem = parser->problem != NULL ? parser->problem : "out of memory";
    if (strstr(problem, "cannot start any token") != NULL) {
        return "a value cannot begin with this character (quote it; tabs do not indent)";
    }
    return problem;
}

static void
on_syntax_error(struct reader *reader)
{
    const yaml_parser_t *parser = &reader->parser;
    struct yaml_place place = place_of(parser->problem_mark);
    char why[160];
    snprintf(why, sizeof(why), "%s", reason_of(parser));
    if (parser->error == YAML_READER_ERROR) {
        /* No mark there: only how many bytes in. */
        snprintf(why, sizeof(why), "%s (byte %zu)", reason_of(parser), parser->problem_offset);
        place = place_of(parser->mark);
    }
    refuse(reader, place, why);
}

struct yaml_node *
yaml_read(struct str text, struct arena *arena, const struct yaml_errors *errors)
{
    struct reader reader = {.arena = arena, .errors = errors};
    if (yaml_parser_initialize(&reader.parser) == 0) {
        refuse(&reader, (struct yaml_place){1, 1}, "out of memory");
        return NULL;
    }
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text.p, text.n);
    while (!reader.stop) {
        yaml_event_t event;
        if (yaml_parser_parse(&reader.parser, &event) == 0) {
            on_syntax_error(&reader);
            break;
        }
        on_event(&reader, &event);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&reader.parser);
    return reader.root;
}
