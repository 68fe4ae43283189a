/* Requests by hand, for the tests of screens: the same every time. A gateway asks a shop's services
 * and tools; from two minutes ago on, requests of the tenant acme wait for one query. */
#ifndef FLAMETOP_TESTS_FAKE_TRACES_H
#define FLAMETOP_TESTS_FAKE_TRACES_H

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "fake_picture.h"
#include "flametop/trace/store.h"

#define FAKE_TRACE_MS NS_PER_MS

struct fake_traces {
    struct trace_store *store;
    uint64_t random, next_id;
    struct span_resource gateway, worker;
};

static inline double
fake_random(struct fake_traces *traces)
{
    traces->random = traces->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(traces->random >> 33) / (double)(UINT64_C(1) << 31);
}

static inline struct span_attribute
fake_text(const char *key, const char *value)
{
    return (struct span_attribute){
        .key = str_from(key), .type = SPAN_TEXT, .text = str_from(value)};
}

static inline struct span_attribute
fake_number(const char *key, int64_t value)
{
    return (struct span_attribute){.key = str_from(key), .type = SPAN_INTEGER, .integer = value};
}

/* What is put in: a span of the trace `id`; answers its own id. */
static inline uint64_t
fake_span(struct fake_traces *traces, uint64_t id, uint64_t parent,
          const struct span_resource *resource, enum span_kind kind, const char *name,
          int64_t start_ns, int64_t duration_ns, enum span_status status,
          const struct span_attribute *attributes, size_t count)
{
    uint8_t trace_id[16] = {0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6}, span_id[8], above[8];
    uint64_t own = ++traces->next_id;
    for (unsigned i = 0; i < 8; i++) {
        trace_id[15 - i] = (uint8_t)(id >> 8 * i);
        span_id[7 - i] = (uint8_t)(own >> 8 * i);
        above[7 - i] = (uint8_t)(parent >> 8 * i);
    }
    struct span span = {
        .trace_id = {(const char *)trace_id, sizeof(trace_id)},
        .span_id = {(const char *)span_id, sizeof(span_id)},
        .parent_id = {(const char *)above, parent != 0 ? sizeof(above) : 0},
        .name = str_from(name),
        .kind = kind,
        .status = status,
        .status_text = str_from(status == SPAN_ERROR ? "deadline exceeded" : ""),
        .start_ns = start_ns,
        .end_ns = duration_ns >= 0 ? start_ns + duration_ns : 0,
        .attributes = attributes,
        .attribute_count = count,
        .resource = resource,
    };
    int64_t at_ns = start_ns + MAX(duration_ns, INT64_C(0));
    struct instant now = {FAKE_MONO_NS + (at_ns - FAKE_WALL_NS), at_ns, 0};
    bool taken = trace_store_span(traces->store, &span, now);
    assert(taken);
    (void)taken;
    return own;
}

/* One request that began so long before the picture's moment. */
static inline void
fake_request(struct fake_traces *traces, uint64_t id, double ago_s, const char *tool, bool slow,
             bool failed, bool running)
{
    int64_t start = FAKE_WALL_NS - (int64_t)(ago_s * 1e9);
    double noise = 0.7 + 0.6 * fake_random(traces);
    int64_t query = (int64_t)(noise * (slow ? 1400e6 : 38e6)), pool = (int64_t)(noise * 4e6);
    int64_t whole = query + pool + (int64_t)(noise * 44e6);
    const char *tenant = slow ? "acme" : fake_random(traces) < 0.5 ? "initech" : "globex";
    struct span_attribute root[] = {
        fake_text("http.request.method", "POST"), fake_text("http.route", "/tools/invoke"),
        fake_text("tenant", tenant), fake_text("gen_ai.tool.name", tool),
        fake_number("http.response.status_code", failed ? 504 : 200)};
    uint64_t top =
        fake_span(traces, id, 0, &traces->gateway, SPAN_SERVER, "POST /tools/invoke", start,
                  running ? -1 : whole, failed ? SPAN_ERROR : SPAN_UNSET, root, ARRAY_SIZE(root));
    int64_t at = start + (int64_t)(noise * 2e6);
    fake_span(traces, id, top, &traces->gateway, SPAN_INTERNAL, "auth", at, 5 * FAKE_TRACE_MS,
              SPAN_UNSET, NULL, 0);
    at += 6 * FAKE_TRACE_MS;
    struct span_attribute tools[] = {fake_text("gen_ai.operation.name", "execute_tool"),
                                     fake_text("gen_ai.tool.name", tool)};
    uint64_t run = fake_span(traces, id, top, &traces->worker, SPAN_INTERNAL, "tool_execution", at,
                             running ? -1 : pool + query + 12 * FAKE_TRACE_MS, SPAN_UNSET, tools,
                             ARRAY_SIZE(tools));
    struct span_attribute wait[] = {fake_text("pool.name", "orders")};
    fake_span(traces, id, run, &traces->worker, SPAN_INTERNAL, "pool.acquire", at + FAKE_TRACE_MS,
              pool, SPAN_UNSET, wait, ARRAY_SIZE(wait));
    struct span_attribute db[] = {
        fake_text("db.system.name", "postgresql"), fake_text("db.namespace", "shop"),
        fake_text("db.operation.name", "SELECT"), fake_text("db.collection.name", "orders"),
        fake_text("db.query.text", "SELECT * FROM orders WHERE tenant = ?")};
    if (!running) {
        fake_span(traces, id, run, &traces->worker, SPAN_CLIENT, "SELECT orders",
                  at + pool + 2 * FAKE_TRACE_MS, query, failed ? SPAN_ERROR : SPAN_UNSET, db,
                  ARRAY_SIZE(db));
    }
    fake_span(traces, id, run, &traces->worker, SPAN_CLIENT, "GET cache", at + 2 * FAKE_TRACE_MS,
              FAKE_TRACE_MS, SPAN_UNSET,
              (struct span_attribute[]){fake_text("db.system.name", "redis"),
                                        fake_text("db.operation.name", "GET")},
              2);
}

static inline void
fake_small_request(struct fake_traces *traces, uint64_t id, double ago_s)
{
    int64_t start = FAKE_WALL_NS - (int64_t)(ago_s * 1e9);
    int64_t whole = (int64_t)((0.5 + fake_random(traces)) * 9e6);
    struct span_attribute root[] = {fake_text("http.request.method", "GET"),
                                    fake_text("http.route", "/orders/{id}"),
                                    fake_number("http.response.status_code", 200)};
    uint64_t top = fake_span(traces, id, 0, &traces->gateway, SPAN_SERVER, "GET /orders/{id}",
                             start, whole, SPAN_UNSET, root, ARRAY_SIZE(root));
    struct span_attribute db[] = {fake_text("db.system.name", "postgresql"),
                                  fake_text("db.operation.name", "SELECT"),
                                  fake_text("db.collection.name", "orders")};
    fake_span(traces, id, top, &traces->gateway, SPAN_CLIENT, "SELECT orders", start + whole / 4,
              whole / 2, SPAN_UNSET, db, ARRAY_SIZE(db));
}

typedef void fake_fill(struct fake *fake, struct fake_traces *traces);

static inline void
fake_traces_begin(struct fake_traces *traces)
{
    static const struct span_attribute host[] = {
        {.key = {"host.name", 9}, .type = SPAN_TEXT, .text = {"web-01", 6}},
        {.key = {"process.pid", 11}, .type = SPAN_INTEGER, .integer = 812}};
    struct trace_store_options options = {.bytes_max = (size_t)64 << 20};
    *traces = (struct fake_traces){
        .store = trace_store_new(&options),
        .random = 7,
        .gateway = {.service = STR("gateway"), .attributes = host, .attribute_count = 2},
        .worker = {.service = STR("worker"),
                   .scope = STR("tools"),
                   .attributes = host,
                   .attribute_count = 2},
    };
    assert(traces->store != NULL);
}

/* The picture holds what there is. */
static inline void
fake_traces_end(struct fake *fake, struct fake_traces *traces)
{
    struct instant now = {FAKE_MONO_NS, FAKE_WALL_NS, 0};
    trace_store_flush(traces->store, now);
    fake->picture->traces = trace_store_publish(traces->store, now);
    assert(fake->picture->traces != NULL);
    trace_store_free(traces->store);
}

static inline void
fake_traces_of(struct fake *fake, fake_fill *fill)
{
    struct fake_traces traces;
    fake_traces_begin(&traces);
    fill(fake, &traces);
    fake_traces_end(fake, &traces);
}

/* `count` requests of the last ten minutes, and one that runs. */
static inline void
fake_traces(struct fake *fake, size_t count)
{
    struct fake_traces traces;
    fake_traces_begin(&traces);
    for (size_t i = 0; i < count; i++) {
        double ago_s = 590.0 * (double)(count - i) / (double)count + 4;
        bool slow = ago_s < 120 && i % 4 == 0;
        if (i % 3 == 2) {
            fake_small_request(&traces, i + 1, ago_s);
        } else {
            fake_request(&traces, i + 1, ago_s, i % 2 == 0 ? "database-query" : "web-search", slow,
                         slow && i % 16 == 0, false);
        }
    }
    fake_request(&traces, count + 1, 2.5, "database-query", false, false, true);
    fake_traces_end(fake, &traces);
}

#endif
