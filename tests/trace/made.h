/* Traces and lists of them made by hand or at random, without a store: spans are added in any order
 * with their parents first, and laid out as core/trace.h says. */
#ifndef FLAMETOP_TESTS_TRACE_MADE_H
#define FLAMETOP_TESTS_TRACE_MADE_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/hash.h"
#include "flametop/base/macros.h"
#include "flametop/base/pages.h"
#include "flametop/core/traces.h"

#define MADE_ATTRIBUTES_MAX 8
#define MADE_TEXTS_MAX 4096

struct made_attribute {
    const char *key, *text; /* text NULL: the number */
    double real;
};

struct made_span {
    uint32_t parent; /* TRACE_NONE: the root */
    int64_t start_ns, duration_ns;
    const char *service, *label;
    enum span_kind kind;
    enum span_status status;
    enum trace_system system;
    unsigned flags;
    bool follows;
    struct made_attribute attributes[MADE_ATTRIBUTES_MAX];
    uint32_t attribute_count;
};

struct made {
    struct made_span *spans;
    uint32_t count, capacity;
    const char *endpoint, *tool;
    double weight;
    int64_t mono_ns;
    unsigned flags;
};

static inline uint32_t
made_add(struct made *made, struct made_span span)
{
    if (made->count == made->capacity) {
        made->capacity = MAX(made->capacity * 2, 64u);
        made->spans = realloc(made->spans, made->capacity * sizeof(*made->spans));
    }
    made->spans[made->count] = span;
    return made->count++;
}

/* A span of the service "shop". */
static inline uint32_t
made_span(struct made *made, uint32_t parent, const char *label, int64_t start_ns, int64_t end_ns)
{
    return made_add(made, (struct made_span){.parent = parent,
                                             .start_ns = start_ns,
                                             .duration_ns = end_ns - start_ns,
                                             .service = "shop",
                                             .label = label,
                                             .kind = SPAN_INTERNAL});
}

/* ---- laying out ---- */

struct made_texts {
    char *bytes;
    size_t n, capacity;
    uint32_t slots[MADE_TEXTS_MAX * 2]; /* offset + 1 */
};

static inline uint32_t
made_text(struct made_texts *texts, const char *text)
{
    text = text != NULL ? text : "";
    if (text[0] == '\0') {
        return 0;
    }
    size_t at = hash_text(text) % ARRAY_SIZE(texts->slots), n = strlen(text) + 1;
    for (; texts->slots[at] != 0; at = (at + 1) % ARRAY_SIZE(texts->slots)) {
        if (strcmp(texts->bytes + texts->slots[at] - 1, text) == 0) {
            return texts->slots[at] - 1;
        }
    }
    if (texts->n + n > texts->capacity) {
        texts->capacity = MAX(texts->capacity * 2, texts->n + n + 1024);
        texts->bytes = realloc(texts->bytes, texts->capacity);
    }
    memcpy(texts->bytes + texts->n, text, n);
    texts->slots[at] = (uint32_t)texts->n + 1;
    texts->n += n;
    return texts->slots[at] - 1;
}

struct made_child {
    uint32_t parent, span;
    int64_t start_ns;
};

/* By parent, then by start, the later ones first: so they come off a stack in order. */
static inline int
made_compare(const void *a, const void *b)
{
    const struct made_child *left = a, *right = b;
    if (left->parent != right->parent) {
        return left->parent < right->parent ? -1 : 1;
    }
    if (left->start_ns != right->start_ns) {
        return left->start_ns > right->start_ns ? -1 : 1;
    }
    return left->span > right->span ? -1 : 1;
}

/* The spans in preorder: ret_order[place] is the number of the span. */
static inline void
made_order(const struct made *made, uint32_t *ret_order)
{
    struct made_child *children = calloc(made->count, sizeof(*children));
    uint32_t *stack = calloc(made->count, sizeof(*stack));
    uint32_t *first = calloc(made->count + 2, sizeof(*first));
    for (uint32_t i = 0; i < made->count; i++) {
        uint32_t parent = made->spans[i].parent == TRACE_NONE ? 0 : made->spans[i].parent + 1;
        children[i] = (struct made_child){parent, i, made->spans[i].start_ns};
        first[parent + 1]++;
    }
    for (uint32_t i = 1; i < made->count + 2; i++) {
        first[i] += first[i - 1];
    }
    qsort(children, made->count, sizeof(*children), made_compare);
    uint32_t depth = 0, place = 0;
    stack[depth++] = children[0].span;
    while (depth > 0) {
        uint32_t span = stack[--depth];
        ret_order[place++] = span;
        for (uint32_t i = first[span + 1]; i < made->count && children[i].parent == span + 1; i++) {
            stack[depth++] = children[i].span;
        }
    }
    free(children);
    free(stack);
    free(first);
}

static inline void
made_id(uint32_t span, uint8_t id[8])
{
    uint64_t value = hash_u64(span + 1);
    memcpy(id, &value, 8);
}

static inline void
made_hex(uint32_t span, char hex[17])
{
    uint8_t id[8];
    made_id(span, id);
    for (size_t i = 0; i < 8; i++) {
        snprintf(hex + i * 2, 3, "%02x", id[i]);
    }
}

static inline void
made_sign(uint64_t signature[4], const char *key, const char *text)
{
    struct trace_wanted wanted = trace_wanted(key, text);
    for (size_t i = 0; i < ARRAY_SIZE(wanted.bits); i++) {
        signature[i] |= wanted.bits[i];
    }
}

struct made_parts {
    struct trace_span *spans;
    struct trace_resource *resources;
    struct trace_attribute *attributes;
    struct trace_link *links;
    uint32_t resource_count, attribute_count, link_count;
    struct made_texts texts;
    uint64_t signature[4];
};

static inline uint32_t
made_resource(struct made_parts *parts, const char *service)
{
    uint32_t text = made_text(&parts->texts, service);
    for (uint32_t i = 0; i < parts->resource_count; i++) {
        if (parts->resources[i].service == text) {
            return i;
        }
    }
    parts->resources[parts->resource_count] = (struct trace_resource){.service = text};
    return parts->resource_count++;
}

static inline void
made_attributes(struct made_parts *parts, struct trace_span *to, const struct made_span *from)
{
    to->attribute = parts->attribute_count;
    to->attribute_count = from->attribute_count;
    for (uint32_t i = 0; i < from->attribute_count; i++) {
        const struct made_attribute *attribute = &from->attributes[i];
        char number[32];
        snprintf(number, sizeof(number), "%g", attribute->real);
        const char *text = attribute->text != NULL ? attribute->text : number;
        parts->attributes[parts->attribute_count++] = (struct trace_attribute){
            .key = made_text(&parts->texts, attribute->key),
            .text = made_text(&parts->texts, text),
            .real = attribute->text != NULL ? (double)__builtin_nan("") : attribute->real,
            .type = attribute->text != NULL ? SPAN_TEXT : SPAN_REAL};
        made_sign(parts->signature, attribute->key, NULL);
        made_sign(parts->signature, attribute->key, text);
    }
}

static inline void
made_lay_span(struct made_parts *parts, const struct made *made, const uint32_t *place_of,
              uint32_t place, uint32_t number)
{
    const struct made_span *from = &made->spans[number];
    struct trace_span *to = &parts->spans[place];
    *to = (struct trace_span){.start_ns = from->start_ns,
                              .duration_ns = from->duration_ns,
                              .parent =
                                  from->parent == TRACE_NONE ? TRACE_NONE : place_of[from->parent],
                              .after = place + 1,
                              .name = made_text(&parts->texts, from->label),
                              .resource = made_resource(parts, from->service),
                              .link = parts->link_count,
                              .kind = (uint8_t)from->kind,
                              .status = (uint8_t)from->status,
                              .flags = (uint8_t)from->flags,
                              .system = (uint8_t)from->system,
                              .id_n = 8};
    to->label = to->name;
    to->depth = to->parent == TRACE_NONE ? 0 : parts->spans[to->parent].depth + 1;
    made_id(number, to->id);
    made_attributes(parts, to, from);
    if (from->follows) {
        char hex[17];
        made_hex(from->parent, hex);
        to->link_count = 1;
        parts->links[parts->link_count++] =
            (struct trace_link){.span = made_text(&parts->texts, hex), .follows = 1};
    }
}

static inline void
made_put(uint8_t **at, const void *bytes, size_t n)
{
    if (n > 0) {
        memcpy(*at, bytes, n);
    }
    *at += n;
}

/* The trace, to be freed; what it is made of is forgotten. */
static inline struct trace *
made_trace(struct made *made)
{
    uint32_t n = made->count, *order = calloc(n, sizeof(*order));
    uint32_t *place_of = calloc(n, sizeof(*place_of));
    struct made_parts *parts = calloc(1, sizeof(*parts));
    parts->spans = calloc(n, sizeof(*parts->spans));
    parts->resources = calloc(n, sizeof(*parts->resources));
    parts->attributes = calloc((size_t)n * MADE_ATTRIBUTES_MAX, sizeof(*parts->attributes));
    parts->links = calloc(n, sizeof(*parts->links));
    parts->texts = (struct made_texts){.bytes = calloc(1, 64), .n = 1, .capacity = 64};
    made_order(made, order);
    for (uint32_t i = 0; i < n; i++) {
        place_of[order[i]] = i;
        made_lay_span(parts, made, place_of, i, order[i]);
    }
    for (uint32_t i = n; i-- > 1;) {
        struct trace_span *parent = &parts->spans[parts->spans[i].parent];
        parent->after = MAX(parent->after, parts->spans[i].after);
    }
    int64_t known_ns = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct trace_span *span = &parts->spans[i];
        known_ns = MAX(known_ns, span->start_ns + MAX(span->duration_ns, INT64_C(0)));
    }
    const struct trace_span *root = &parts->spans[0];
    struct trace head = {
        .version = 1,
        .key = hash_u64((uint64_t)made->mono_ns),
        .start_ns = INT64_C(1785000000000000123),
        .duration_ns = root->duration_ns >= 0 ? root->duration_ns : known_ns,
        .mono_ns = made->mono_ns,
        .weight = made->weight > 0 ? made->weight : 1,
        .flags = made->flags | (root->duration_ns < 0 ? TRACE_UNFINISHED : 0u),
        .span_count = n,
        .resource_count = parts->resource_count,
        .attribute_count = parts->attribute_count,
        .link_count = parts->link_count,
        .service = parts->resources[root->resource].service,
        .endpoint = made_text(&parts->texts, made->endpoint != NULL ? made->endpoint : "GET /"),
        .tool = made_text(&parts->texts, made->tool),
        .id_n = 16};
    memcpy(head.signature, parts->signature, sizeof(head.signature));
    memcpy(head.id, &head.key, 8);
    memcpy(head.id + 8, &head.key, 8);
    head.text_bytes = (uint32_t)parts->texts.n;
    size_t bytes = sizeof(head) + n * sizeof(*parts->spans) +
                   head.resource_count * sizeof(*parts->resources) +
                   head.attribute_count * sizeof(*parts->attributes) +
                   head.link_count * sizeof(*parts->links) + head.text_bytes;
    bytes = (bytes + 7) / 8 * 8;
    head.bytes = (uint32_t)bytes;
    uint8_t *trace = calloc(1, bytes), *at = trace;
    made_put(&at, &head, sizeof(head));
    made_put(&at, parts->spans, n * sizeof(*parts->spans));
    made_put(&at, parts->resources, head.resource_count * sizeof(*parts->resources));
    made_put(&at, parts->attributes, head.attribute_count * sizeof(*parts->attributes));
    made_put(&at, parts->links, head.link_count * sizeof(*parts->links));
    made_put(&at, parts->texts.bytes, head.text_bytes);
    free(parts->spans);
    free(parts->resources);
    free(parts->attributes);
    free(parts->links);
    free(parts->texts.bytes);
    free(parts);
    free(order);
    free(place_of);
    free(made->spans);
    *made = (struct made){0};
    return (struct trace *)(void *)trace;
}

/* ---- lists ---- */

/* A list with one reference; takes the traces, the oldest first. */
static inline struct traces *
made_list(struct trace **traces, size_t count, uint64_t number)
{
    size_t parts = (count + TRACE_SEGMENT_ROWS - 1) / TRACE_SEGMENT_ROWS;
    struct traces *list = calloc(1, sizeof(*list) + parts * sizeof(struct traces_part));
    *list = (struct traces){.refs = 1,
                            .parts = (struct traces_part *)(void *)(list + 1),
                            .part_count = parts,
                            .count = count,
                            .oldest_mono_ns = INT64_MAX,
                            .number = number};
    for (size_t p = 0; p < parts; p++) {
        struct trace_segment *segment = calloc(1, sizeof(*segment));
        size_t from = p * TRACE_SEGMENT_ROWS, to = MIN(from + TRACE_SEGMENT_ROWS, count);
        for (size_t i = from; i < to; i++) {
            segment->capacity += traces[i]->bytes;
        }
        segment->refs = 1;
        segment->data = pages_new(segment->capacity, 1, PAGES_PLAIN);
        for (size_t i = from; i < to; i++) {
            segment->offset[segment->count++] = (uint32_t)(segment->bytes / 8);
            memcpy(segment->data + segment->bytes, traces[i], traces[i]->bytes);
            segment->bytes += traces[i]->bytes;
            list->bytes += traces[i]->bytes;
            list->oldest_mono_ns = MIN(list->oldest_mono_ns, traces[i]->mono_ns);
            free(traces[i]);
        }
        list->parts[p] = (struct traces_part){.segment = segment, .count = segment->count};
    }
    return list;
}

/* ---- at random ---- */

static inline uint64_t
made_random(uint64_t *seed)
{
    *seed += UINT64_C(0x9e3779b97f4a7c15);
    return hash_u64(*seed);
}

static inline uint32_t
made_pick(uint64_t *seed, uint32_t below)
{
    return (uint32_t)(made_random(seed) % below);
}

enum made_awkward {
    AWKWARD_CONCURRENT, /* children anywhere in and about their parents */
    AWKWARD_SKEWED,     /* clients and servers of different clocks */
    AWKWARD_ZERO,       /* mostly without a duration */
    AWKWARD_UNFINISHED, /* a third has not ended */
    AWKWARD_APART,      /* producers, consumers, what only follows */
    AWKWARD_ORPHANS,    /* below a span that was made up */
    AWKWARD_DEEP,       /* one below the other */
    AWKWARD_WIDE,       /* all below the root */
    AWKWARD_TOUCHING,   /* one ends where the next begins */
    AWKWARD_HUGE,       /* times as far as they go */
    AWKWARD_KINDS
};

static inline struct made_span
made_awkward_span(uint64_t *seed, const struct made *made, enum made_awkward kind, uint32_t i)
{
    static const char *const labels[] = {"GET /a", "SELECT", "cache get", "tool", "auth", "render"};
    static const char *const services[] = {"shop", "stock", "bank"};
    uint32_t parent = kind == AWKWARD_DEEP ? i - 1 : kind == AWKWARD_WIDE ? 0 : made_pick(seed, i);
    const struct made_span *above = &made->spans[parent];
    int64_t room_ns = MAX(above->duration_ns, INT64_C(1));
    uint32_t part = (uint32_t)MIN(room_ns, (int64_t)UINT32_MAX / 4);
    struct made_span span = {.parent = parent,
                             .service = services[made_pick(seed, 3)],
                             .label = labels[made_pick(seed, 6)],
                             .kind = (enum span_kind)made_pick(seed, 6),
                             .status = (enum span_status)made_pick(seed, 3),
                             .start_ns = above->start_ns + made_pick(seed, part),
                             .duration_ns = made_pick(seed, part) + 1};
    if (made_pick(seed, 4) == 0) {
        span.start_ns -= made_pick(seed, part);
    }
    if (kind == AWKWARD_DEEP) {
        span.start_ns = above->start_ns + made_pick(seed, 2);
        span.duration_ns = MAX(above->duration_ns - made_pick(seed, 3), INT64_C(0));
    }
    if (kind == AWKWARD_SKEWED) {
        span.kind = above->kind == SPAN_CLIENT ? SPAN_SERVER : SPAN_CLIENT;
        span.start_ns += span.kind == SPAN_SERVER ? (int64_t)made_pick(seed, 1000) - 500 : 0;
    }
    if (kind == AWKWARD_ZERO && made_pick(seed, 3) > 0) {
        span.duration_ns = 0;
    }
    if (kind == AWKWARD_UNFINISHED && made_pick(seed, 3) == 0) {
        span.duration_ns = -1;
    }
    if (kind == AWKWARD_APART) {
        span.kind = above->kind == SPAN_PRODUCER ? SPAN_CONSUMER : SPAN_PRODUCER;
        span.follows = made_pick(seed, 4) == 0;
        span.start_ns += made_pick(seed, 2) * (uint32_t)MIN(room_ns, INT64_C(1000));
    }
    if (kind == AWKWARD_TOUCHING) {
        span.start_ns = above->start_ns + made_pick(seed, 10) * (room_ns / 10);
        span.duration_ns = room_ns / 10;
    }
    if (kind == AWKWARD_HUGE) {
        static const int64_t ends[] = {0,
                                       1,
                                       -1,
                                       INT64_C(1) << 60,
                                       -(INT64_C(1) << 60),
                                       (INT64_C(1) << 62) - 1,
                                       1 - (INT64_C(1) << 62)};
        span.start_ns = ends[made_pick(seed, ARRAY_SIZE(ends))];
        int64_t duration_ns = ends[made_pick(seed, ARRAY_SIZE(ends))];
        span.duration_ns = MAX(duration_ns, INT64_C(-1));
    }
    return span;
}

/* A trace of some kind with at most so many spans. */
static inline struct trace *
made_awkward(uint64_t *seed, enum made_awkward kind, uint32_t spans_max)
{
    struct made made = {0};
    uint32_t count = 1 + made_pick(seed, spans_max);
    bool open = kind == AWKWARD_UNFINISHED && made_pick(seed, 4) == 0;
    made_add(&made, (struct made_span){.parent = TRACE_NONE,
                                       .duration_ns =
                                           open ? INT64_C(-1) : 1 + (int64_t)made_pick(seed, 1000),
                                       .service = "shop",
                                       .label = "GET /",
                                       .kind = kind == AWKWARD_APART ? SPAN_PRODUCER : SPAN_CLIENT,
                                       .flags = kind == AWKWARD_ORPHANS ? SPAN_MADE_UP : 0u});
    for (uint32_t i = 1; i < count; i++) {
        made_add(&made, made_awkward_span(seed, &made, kind, i));
    }
    made.mono_ns = (int64_t)made_pick(seed, 1000) * NS_PER_MS;
    made.weight = made_pick(seed, 3) == 0 ? 1 + made_pick(seed, 80) / 8.0 : 1;
    made.flags = made_pick(seed, 3) == 0 ? TRACE_ERROR : 0;
    return made_trace(&made);
}

#endif
