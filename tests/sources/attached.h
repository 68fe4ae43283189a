/* A link with a loop, and a sink that polls what it brings; and the adapters' reading by itself. */
#ifndef FLAMETOP_TESTS_SOURCES_ATTACHED_H
#define FLAMETOP_TESTS_SOURCES_ATTACHED_H

#include "flametop/base/macros.h"

#include <uv.h>

#include "../../src/sources/adapter.h"
#include "../peer.h"
#include "flametop/base/clock.h"
#include "flametop/base/file.h"
#include "poll.h"

/* ---- an adapter on bodies ---- */

struct reading {
    struct poll poll; /* of which the batch and the catalog are used */
    const struct adapter *adapter;
    void *state;
};

static inline void
reading_open(struct reading *reading, const struct adapter *adapter,
             const struct endpoint_mapping *mappings, size_t mapping_count)
{
    *reading = (struct reading){.adapter = adapter};
    reading->poll.catalog = catalog_new(100000);
    batch_init(&reading->poll.batch, reading->poll.catalog);
    arena_init(&reading->poll.arena, (size_t)64 << 20);
    catalog_add(reading->poll.catalog, adapter->metrics, adapter->metric_count);
    reading->state = adapter->open(&(struct adapter_setup){
        .catalog = reading->poll.catalog, .mappings = mappings, .mapping_count = mapping_count});
    assert_non_null(reading->state);
}

/* One second later. */
static inline bool
reading_take(struct reading *reading, const struct str *bodies)
{
    struct str all[ADAPTER_REQUESTS_MAX] = {{NULL, 0}};
    for (size_t i = 0; reading->adapter->requests[i] != NULL; i++) {
        all[i] = bodies[i];
    }
    arena_clear(&reading->poll.arena);
    reading->poll.at.mono_ns += NS_PER_S;
    batch_begin(&reading->poll.batch, reading->poll.at, &reading->poll.arena);
    return reading->adapter->read(reading->state, all, &reading->poll.batch);
}

static inline bool
reading_text(struct reading *reading, const char *text)
{
    struct str bodies[ADAPTER_REQUESTS_MAX] = {str_from(text)};
    return reading_take(reading, bodies);
}

static inline void
reading_close(struct reading *reading)
{
    reading->adapter->close(reading->state);
    batch_done(&reading->poll.batch);
    arena_done(&reading->poll.arena);
    catalog_free(reading->poll.catalog);
}

/* What a real server answered: tests/fixtures/endpoints/NAME. free() it. */
static inline struct str
endpoint_fixture(const char *name)
{
    char path[PATH_MAX], *data;
    snprintf(path, sizeof(path), "%s/tests/fixtures/endpoints/%s", getenv("FLAMETOP_SOURCE"), name);
    ssize_t n = file_load(path, (size_t)8 << 20, &data);
    if (n < 0) {
        fail_msg("%s cannot be read", path);
    }
    return (struct str){data, (size_t)n};
}

static inline const struct table *
reading_table(const struct reading *reading, const char *name)
{
    for (size_t i = 0; i < reading->poll.batch.table_count; i++) {
        if (strcmp(reading->poll.batch.tables[i]->def->name, name) == 0) {
            return reading->poll.batch.tables[i];
        }
    }
    return NULL;
}

static inline union cell
table_cell(const struct table *table, size_t row, const char *column)
{
    int at = table_column(table->def, column);
    assert_true(at >= 0);
    assert_true(row < table->count);
    return table_row(table, row)[at];
}

/* ---- a link ---- */

struct attached {
    uv_loop_t loop;
    uv_timer_t guard;
    struct poll poll;
    const struct source *source;
    void *source_state;
    char host[256], system[128];
    unsigned ticks, sources, hosts;
    struct endpoint_options options;
    void *state;
    char why[600];
};

static inline void
attached_source(void *context, const struct source *source)
{
    struct attached *attached = context;
    attached->sources++;
    attached->source = source;
    attached->poll.setup.source = source;
    catalog_add(attached->poll.catalog, source->metrics, source->metric_count);
    assert_int_equal(source->open(&attached->poll.setup, &attached->source_state, attached->why,
                                  sizeof(attached->why)),
                     0);
}

static inline void
attached_host(void *context, const struct host *host)
{
    struct attached *attached = context;
    attached->hosts++;
    snprintf(attached->host, sizeof(attached->host), "%s", host->name);
    snprintf(attached->system, sizeof(attached->system), "%s", host->system);
}

static inline void
attached_tick(void *context)
{
    ((struct attached *)context)->ticks++;
}

/* Answers what the link's open did. */
static inline int
attached_open(struct attached *attached, const char *target, const struct endpoint_options *options)
{
    memset(attached, 0, sizeof(*attached));
    uv_loop_init(&attached->loop);
    attached->poll.catalog = catalog_new(100000);
    attached->options = options != NULL ? *options : (struct endpoint_options){.target = NULL};
    attached->options.target = target;
    attached->options.patience_ns = 20 * NS_PER_S; /* a loaded machine is no server that is late */
    batch_init(&attached->poll.batch, attached->poll.catalog);
    arena_init(&attached->poll.arena, (size_t)64 << 20);
    struct link_setup setup = {.loop = &attached->loop,
                               .catalog = attached->poll.catalog,
                               .interval_ns = 50 * NS_PER_MS,
                               .options = &attached->options,
                               .sink = {.context = attached,
                                        .source = attached_source,
                                        .host = attached_host,
                                        .tick = attached_tick}};
    return link_endpoint.open(&setup, &attached->state, attached->why, sizeof(attached->why));
}

static inline struct link_status
attached_status(const struct attached *attached)
{
    struct link_status status;
    link_endpoint.status(attached->state, &status);
    return status;
}

static inline void
attached_late(uv_timer_t *timer)
{
    (void)timer;
}

/* Polls the source, as the collector would. Answers whether a batch came. */
static inline bool
attached_poll(struct attached *attached)
{
    if (attached->source == NULL) {
        return false;
    }
    arena_clear(&attached->poll.arena);
    attached->poll.at.mono_ns += NS_PER_S;
    batch_begin(&attached->poll.batch, attached->poll.at, &attached->poll.arena);
    return attached->source->poll(attached->source_state, &attached->poll.batch) == SOURCE_DONE;
}

/* Turns the loop until the state is this one and, when LIVE, a batch came, and its sentence has
 * these words ("": whatever it says, for under load others may come between); fails after 60 s. */
static inline void
attached_until_said(struct attached *attached, enum link_state state, const char *words)
{
    int64_t end = clock_mono_ns() + 60 * NS_PER_S;
    bool batch = false;
    uv_timer_init(&attached->loop, &attached->guard);
    uv_timer_start(&attached->guard, attached_late, 10, 10); /* that uv_run comes back */
    while (clock_mono_ns() < end) {
        uv_run(&attached->loop, UV_RUN_ONCE);
        batch |= attached_poll(attached);
        struct link_status now = attached_status(attached);
        if (now.state == state && (batch || state != LINK_LIVE) && strstr(now.why, words) != NULL) {
            break;
        }
    }
    uv_close((uv_handle_t *)&attached->guard, NULL);
    struct link_status status = attached_status(attached);
    if (status.state != state || (state == LINK_LIVE && !batch) ||
        strstr(status.why, words) == NULL) {
        fail_msg("state %d: \"%s\" is not \"%s\"", status.state, status.why, words);
    }
    uv_run(&attached->loop, UV_RUN_NOWAIT);
}

static inline void
attached_until(struct attached *attached, enum link_state state)
{
    attached_until_said(attached, state, "");
}

static inline void
attached_close(struct attached *attached)
{
    if (attached->state != NULL) {
        link_endpoint.close(attached->state);
    }
    if (attached->source != NULL) { /* later than the link, to see that it holds out */
        assert_false(attached_poll(attached));
        attached->source->close(attached->source_state);
    }
    uv_run(&attached->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&attached->loop), 0);
    batch_done(&attached->poll.batch);
    arena_done(&attached->poll.arena);
    catalog_free(attached->poll.catalog);
}

#endif
