/* The hub on a loop of the test's own, behind a server, with pictures of a collector that the test
 * turns. */
#ifndef FLAMETOP_TESTS_AGENT_STREAMED_H
#define FLAMETOP_TESTS_AGENT_STREAMED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "../../src/agent/hub.h"
#include "../world.h"
#include "flametop/base/macros.h"
#include "flametop/core/span.h"
#include "flametop/engine/collector.h"
#include "flametop/net/server.h"
#include "flametop/trace/store.h"

static const struct metric metrics[] = {
    {.name = "t.time", .unit = "s", .labels = "", .kind = METRIC_COUNTER, .text = "A sentence."}};
static const struct column columns[] = {
    {"process.pid", "PID", "", "", COLUMN_INTEGER, COLUMN_KEY, 6},
    {"process.name", "NAME", "", "", COLUMN_TEXT, COLUMN_KEEP, 10},
    {"process.load", "LOAD", "1", "", COLUMN_REAL, COLUMN_KEEP | COLUMN_RANK, 6},
};
static const struct table_def processes = {"processes",         "Processes", "", columns,
                                           ARRAY_SIZE(columns), 2,           4};
static const struct table_def *const tables[] = {&processes};

struct world {
    int64_t mono_ns;
    size_t rows;
    uint64_t noise;
    int64_t age_ns; /* of what the other source brings */
};

static struct world world;

static inline enum source_step
source_poll(void *state, struct batch *batch)
{
    struct world *w = state;
    batch_put(batch, &metrics[0], "", (double)w->mono_ns / 1e9);
    struct table *table = batch_table(batch, &processes, w->rows);
    for (size_t i = 0; i < w->rows; i++) {
        union cell *row = table_add(table, batch->arena);
        w->noise = w->noise * UINT64_C(6364136223846793005) + 1;
        row[0].integer = 100 + (int64_t)i;
        row[1].text = "name";
        row[2].real = (double)(w->noise >> 11) / 1e15;
    }
    return SOURCE_DONE;
}

static inline enum source_step
other_poll(void *state, struct batch *batch)
{
    const struct world *w = state;
    batch->at.mono_ns -= w->age_ns;
    batch_put(batch, &metrics[0], "", (double)w->mono_ns / 1e9);
    return SOURCE_DONE;
}

/* "cpu": the history of the cards comes first. */
static const struct source cards = WORLD_SOURCE("cpu", metrics, tables, source_poll);
static const struct source other = {.name = "other",
                                    .text = "",
                                    .metrics = metrics,
                                    .metric_count = 1,
                                    .open = world_open,
                                    .poll = other_poll,
                                    .close = world_close};
static const struct source *const sources[] = {&cards, &other};

struct bench {
    uv_loop_t loop;
    struct catalog *catalog;
    struct collector *collector;
    struct http_server *server;
    struct hub *hub;
    struct interest interest;
};

static inline void
on_interest(void *context, const struct interest *interest)
{
    struct bench *bench = context;
    bench->interest = *interest;
}

static inline void
on_request(void *context, const struct http_message *message)
{
    struct bench *bench = context;
    if (strcmp(message->path, "/stream") == 0) {
        hub_answer_stream(bench->hub, message);
    } else {
        hub_answer_interest(bench->hub, message);
    }
}

static inline void
on_batch(void *context, const char *source, const struct batch *batch)
{
    struct bench *bench = context;
    hub_batch(bench->hub, source, batch);
}

static inline void
tick(struct bench *bench)
{
    world.mono_ns += NS_PER_S;
    struct picture *picture = collector_tick(bench->collector);
    hub_picture(bench->hub, picture);
    picture_release(picture);
}

static inline void
ticks(struct bench *bench, int count)
{
    while (count-- > 0) {
        tick(bench);
    }
}

/* Requests that each take 1 s, one a second. */
static inline void
send_traces(struct bench *bench, int from, int count)
{
    static const struct span_resource resource = {.service = {"shop", 4}};
    struct span_sink sink = collector_span_sink(bench->collector);
    for (int i = from; i < from + count; i++) {
        char id[32];
        snprintf(id, sizeof(id), "request-%d", i);
        struct span span = {.trace_id = str_from(id),
                            .span_id = STR("a"),
                            .name = STR("GET /x"),
                            .start_ns = i * NS_PER_S,
                            .end_ns = (i + 1) * NS_PER_S,
                            .resource = &resource};
        assert_true(sink.span(sink.context, &span));
    }
}

static inline int
setup(void **state)
{
    static const char *const listen[] = {"127.0.0.1:0"};
    char why[200] = "";
    struct bench *bench = calloc(1, sizeof(*bench));
    uv_loop_init(&bench->loop);
    world = (struct world){.mono_ns = 1000 * NS_PER_S, .rows = 3};
    bench->catalog = catalog_new(100);
    struct collector_options options = {.catalog = bench->catalog,
                                        .roots = {"/proc", "/sys", "/sys/fs/cgroup"},
                                        .clock = {world_now, &world},
                                        .interval_ns = NS_PER_S,
                                        .history_bytes = 1 << 20,
                                        .sources = sources,
                                        .source_count = ARRAY_SIZE(sources),
                                        .traces = &(struct trace_store_options){.bytes_max = 0},
                                        .tap = {bench, on_batch}};
    bench->collector = collector_new(&options);
    struct hub_setup hub = {.instance = "this-one", .context = bench, .interest = on_interest};
    bench->hub = hub_new(&hub);
    struct http_server_options server = {.loop = &bench->loop,
                                         .listen = listen,
                                         .listen_count = 1,
                                         .body_max = 1 << 16,
                                         .context = bench,
                                         .handle = on_request};
    bench->server = http_server_new(&server, why, sizeof(why));
    if (bench->server == NULL) {
        fail_msg("%s", why);
    }
    *state = bench;
    return 0;
}

static inline int
teardown(void **state)
{
    struct bench *bench = *state;
    hub_end(bench->hub);
    http_server_free(bench->server);
    hub_free(bench->hub);
    uv_run(&bench->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&bench->loop), 0);
    collector_free(bench->collector);
    catalog_free(bench->catalog);
    free(bench);
    return 0;
}

#endif
