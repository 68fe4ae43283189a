/* Awkward traces for tests: spans as a decoder would hand them over, the same for the same seed.
 *
 *     struct generated *g = generate(GENERATE_CONCURRENT, 100, 1);
 *     struct traces *list;
 *     const struct trace *trace = generate_trace(g, &list);
 *     ...
 *     traces_release(list);
 *     generate_free(g); */
#ifndef TESTS_TRACE_GENERATE_H
#define TESTS_TRACE_GENERATE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/hash.h"
#include "flametop/base/macros.h"
#include "flametop/core/span.h"
#include "flametop/core/traces.h"
#include "flametop/trace/store.h"

enum generate_kind {
    GENERATE_PLAIN,       /* calls one after the other, some below others */
    GENERATE_CONCURRENT,  /* siblings overlap, some end together */
    GENERATE_SKEWED,      /* server halves of another host's clock, some before their callers */
    GENERATE_OVERHANGING, /* children that begin before or end after their parents */
    GENERATE_ASYNC,       /* producers, consumers, links that follow */
    GENERATE_ORPHANED,    /* every seventh span is missing */
    GENERATE_ROOTLESS,    /* the root is missing */
    GENERATE_ROOTS,       /* three roots */
    GENERATE_SHARED,      /* Zipkin: client and server half have one id */
    GENERATE_ZERO,        /* durations of 0, equal starts */
    GENERATE_UNFINISHED,  /* every fifth span, and the root, has not ended */
    GENERATE_DEEP,        /* each below the one before */
    GENERATE_WIDE,        /* all below the root */
    GENERATE_CIRCLE,      /* some name each other as parents */
    GENERATE_KINDS
};

#define GENERATE_START_NS INT64_C(1785000000000000000)
#define GENERATE_LENGTH_NS (INT64_C(1000) * NS_PER_MS)
#define GENERATE_SERVICES 4
#define GENERATE_ATTRIBUTES 6

struct generated {
    enum generate_kind kind;
    uint64_t state;
    uint8_t trace_id[16];
    struct span *spans;
    uint8_t (*ids)[8];
    struct span_attribute (*attributes)[GENERATE_ATTRIBUTES];
    struct span_link *links;
    char (*texts)[48];
    size_t count;
    struct span_resource resources[GENERATE_SERVICES];
    struct span_attribute resource_attributes[GENERATE_SERVICES][2];
};

/* xorshift64*: the same numbers everywhere. */
static inline uint64_t
generate_random(struct generated *g)
{
    g->state ^= g->state >> 12;
    g->state ^= g->state << 25;
    g->state ^= g->state >> 27;
    return g->state * UINT64_C(0x2545F4914F6CDD1D);
}

static inline int64_t
generate_below(struct generated *g, int64_t bound)
{
    return bound <= 0 ? 0 : (int64_t)(generate_random(g) % (uint64_t)bound);
}

static inline void
generate_resources(struct generated *g)
{
    static const char *const names[GENERATE_SERVICES] = {"shop", "cart", "stock", "mail"};
    for (size_t i = 0; i < GENERATE_SERVICES; i++) {
        g->resource_attributes[i][0] = (struct span_attribute){
            .key = STR("service.name"), .type = SPAN_TEXT, .text = str_from(names[i])};
        g->resource_attributes[i][1] = (struct span_attribute){
            .key = STR("process.pid"), .type = SPAN_INTEGER, .integer = 1000 + (int64_t)i};
        g->resources[i] = (struct span_resource){.service = str_from(names[i]),
                                                 .scope = STR("generate"),
                                                 .attributes = g->resource_attributes[i],
                                                 .attribute_count = 2};
    }
}

static inline void
generate_attributes(struct generated *g, size_t i)
{
    struct span_attribute *list = g->attributes[i];
    size_t n = 0;
    snprintf(g->texts[i], sizeof(g->texts[i]), "SELECT * FROM t%zu WHERE id = %zu", i % 5, i);
    if (i % 3 == 1) {
        list[n++] = (struct span_attribute){
            .key = STR("db.system"), .type = SPAN_TEXT, .text = STR("postgresql")};
        list[n++] = (struct span_attribute){
            .key = STR("db.statement"), .type = SPAN_TEXT, .text = str_from(g->texts[i])};
    } else {
        list[n++] = (struct span_attribute){
            .key = STR("http.request.method"), .type = SPAN_TEXT, .text = STR("GET")};
        list[n++] = (struct span_attribute){
            .key = STR("http.route"), .type = SPAN_TEXT, .text = STR("/users/{id}")};
    }
    list[n++] = (struct span_attribute){
        .key = STR("thread.id"), .type = SPAN_INTEGER, .integer = (int64_t)(i % 16)};
    list[n++] =
        (struct span_attribute){.key = STR("load"), .type = SPAN_REAL, .real = (double)i / 4};
    list[n++] = (struct span_attribute){.key = STR("ok"), .type = SPAN_BOOL, .integer = i % 2};
    list[n++] = (struct span_attribute){
        .key = STR("code.function"), .type = SPAN_TEXT, .text = STR("handler")};
    g->spans[i].attributes = list;
    g->spans[i].attribute_count = n;
}

/* Which span is the parent of i > 0. */
static inline size_t
generate_parent(struct generated *g, size_t i)
{
    switch (g->kind) {
    case GENERATE_DEEP:
        return i - 1;
    case GENERATE_WIDE:
        return 0;
    case GENERATE_SHARED:
    case GENERATE_ASYNC:
        return i % 2 == 0 ? i - 1 : (size_t)generate_below(g, (int64_t)MIN(i, (size_t)8)) / 2 * 2;
    default:
        return (size_t)generate_below(g, (int64_t)i);
    }
}

static inline void
generate_times(struct generated *g, size_t i, size_t parent)
{
    struct span *span = &g->spans[i];
    const struct span *above = &g->spans[parent];
    int64_t length = MAX(above->end_ns - above->start_ns, 1);
    int64_t start = above->start_ns + generate_below(g, length);
    int64_t end = start + generate_below(g, above->end_ns - start + 1);
    if (g->kind == GENERATE_DEEP) {
        start = above->start_ns + generate_below(g, MAX(length / 4096, 2));
        end = above->end_ns - generate_below(g, MAX((above->end_ns - start) / 4096, 2));
    } else if (g->kind == GENERATE_CONCURRENT && i % 3 == 0) {
        end = above->end_ns; /* some end together */
    } else if (g->kind == GENERATE_SKEWED && i % 2 == 0) {
        int64_t by = generate_below(g, 40 * NS_PER_MS) - 20 * NS_PER_MS;
        start += by;
        end += by;
    } else if (g->kind == GENERATE_OVERHANGING && i % 4 == 0) {
        start -= generate_below(g, length);
        end += generate_below(g, length);
    } else if (g->kind == GENERATE_ZERO) {
        start = above->start_ns + generate_below(g, 3) * (length / 3);
        end = i % 2 == 0 ? start : MAX(start, end);
    }
    span->start_ns = start;
    span->end_ns = MAX(start, end);
}

static inline void
generate_span(struct generated *g, size_t i)
{
    struct span *span = &g->spans[i];
    uint64_t id = hash_mix(g->state, i) | 1;
    memcpy(g->ids[i], &id, 8);
    *span = (struct span){.trace_id = {(const char *)g->trace_id, 16},
                          .span_id = {(const char *)g->ids[i], 8},
                          .name = i == 0 ? STR("GET /users/{id}") : STR("work"),
                          .kind = i == 0 ? SPAN_SERVER : SPAN_INTERNAL,
                          .start_ns = GENERATE_START_NS,
                          .end_ns = GENERATE_START_NS + GENERATE_LENGTH_NS,
                          .resource = &g->resources[i % GENERATE_SERVICES]};
    generate_attributes(g, i);
    if (i == 0) {
        return;
    }
    size_t parent = generate_parent(g, i);
    generate_times(g, i, parent);
    span->parent_id = g->spans[parent].span_id;
    span->status = i % 50 == 49 ? SPAN_ERROR : SPAN_UNSET;
    bool pairs =
        g->kind == GENERATE_SHARED || g->kind == GENERATE_SKEWED || g->kind == GENERATE_ASYNC;
    if (pairs && i % 2 == 1) {
        span->kind = g->kind == GENERATE_ASYNC ? SPAN_PRODUCER : SPAN_CLIENT;
    } else if (pairs) {
        span->kind = g->kind == GENERATE_ASYNC ? SPAN_CONSUMER : SPAN_SERVER;
        if (g->kind == GENERATE_SHARED) {
            memcpy(g->ids[i], g->ids[i - 1], 8);
            span->parent_id = g->spans[i - 1].parent_id;
            span->flags = SPAN_SHARED;
        }
    }
    if (g->kind == GENERATE_ASYNC && i % 4 == 0) {
        g->links[i] = (struct span_link){
            .trace_id = span->trace_id, .span_id = span->parent_id, .follows = true};
        span->links = &g->links[i];
        span->link_count = 1;
    }
}

/* Spans that are missing are taken out: `count` becomes smaller. */
static inline void
generate_spoil(struct generated *g)
{
    size_t kept = 0;
    for (size_t i = 0; i < g->count; i++) {
        struct span *span = &g->spans[i];
        bool gone = (g->kind == GENERATE_ORPHANED && i % 7 == 6) ||
                    (g->kind == GENERATE_ROOTLESS && i == 0);
        if (g->kind == GENERATE_UNFINISHED && i % 5 == 0) {
            span->end_ns = 0;
        } else if (g->kind == GENERATE_ROOTS && (i == 1 || i == 2)) {
            span->parent_id = (struct str){NULL, 0};
        } else if (g->kind == GENERATE_CIRCLE && i > 4 && i % 9 == 0) {
            g->spans[i - 3].parent_id = span->span_id;
            span->parent_id = g->spans[i - 3].span_id;
        }
        if (!gone) {
            g->spans[kept++] = *span;
        }
    }
    g->count = kept;
}

static inline struct generated *
generate(enum generate_kind kind, size_t count, uint64_t seed)
{
    struct generated *g = calloc(1, sizeof(*g));
    g->kind = kind;
    g->state = hash_u64(seed + 1) | 1;
    uint64_t id[2] = {hash_u64(seed * 2 + 1), hash_u64(seed * 2 + 2)};
    memcpy(g->trace_id, id, 16);
    g->spans = calloc(count, sizeof(g->spans[0]));
    g->ids = calloc(count, sizeof(g->ids[0]));
    g->attributes = calloc(count, sizeof(g->attributes[0]));
    g->links = calloc(count, sizeof(g->links[0]));
    g->texts = calloc(count, sizeof(g->texts[0]));
    g->count = count;
    generate_resources(g);
    for (size_t i = 0; i < count; i++) {
        generate_span(g, i);
    }
    generate_spoil(g);
    return g;
}

static inline void
generate_free(struct generated *g)
{
    free(g->spans);
    free(g->ids);
    free(g->attributes);
    free(g->links);
    free(g->texts);
    free(g);
}

/* Another order of the same spans. */
static inline void
generate_shuffle(struct generated *g)
{
    for (size_t i = g->count; i > 1; i--) {
        size_t j = (size_t)generate_below(g, (int64_t)i);
        struct span swap = g->spans[i - 1];
        g->spans[i - 1] = g->spans[j];
        g->spans[j] = swap;
    }
}

/* When spans arrive: their own time, on both clocks. */
static inline struct instant
generate_now(int64_t after_ns)
{
    int64_t mono_ns = 1000 * NS_PER_S + GENERATE_LENGTH_NS + after_ns;
    return (struct instant){mono_ns, GENERATE_START_NS + GENERATE_LENGTH_NS + after_ns, mono_ns};
}

/* Puts the spans into a store. */
static inline void
generate_send(const struct generated *g, struct trace_store *store, int64_t after_ns)
{
    for (size_t i = 0; i < g->count; i++) {
        trace_store_span(store, &g->spans[i], generate_now(after_ns));
    }
}

/* The trace they make, built by a store of its own. Release the list when done. */
static inline const struct trace *
generate_trace(const struct generated *g, struct traces **ret_list)
{
    struct trace_store_options options = {.bytes_max = TRACE_BYTES_MAX};
    struct trace_store *store = trace_store_new(&options);
    generate_send(g, store, 0);
    trace_store_flush(store, generate_now(0));
    *ret_list = trace_store_publish(store, generate_now(0));
    trace_store_free(store);
    return traces_find(*ret_list, (struct str){(const char *)g->trace_id, 16});
}

#endif
