/* Turns of an adapter that says what it asks, answered from a table: that of a real Prometheus, or
 * one made by hand. */
#ifndef FLAMETOP_TESTS_SOURCES_TURNS_H
#define FLAMETOP_TESTS_SOURCES_TURNS_H

#include <stdlib.h>
#include <string.h>

#include "../../src/sources/adapters.h"
#include "attached.h"
#include "flametop/base/macros.h"

/* What is answered to a path that holds `part`; the first that does counts. */
struct answer {
    const char *part;
    struct str body;
};

struct turns {
    struct reading reading;
    struct link_sink sink;
    struct chunk *chunks[16];
    size_t chunk_count;
    char asked[ADAPTER_REQUESTS_MAX][16 << 10];
    size_t asked_count;
};

static inline void
keep_chunk(void *context, const char *source, struct chunk *chunk)
{
    struct turns *turns = context;
    assert_string_equal(source, turns->reading.adapter->name);
    assert_true(turns->chunk_count < ARRAY_SIZE(turns->chunks));
    turns->chunks[turns->chunk_count++] = chunk_acquire(chunk);
}

static inline void
turns_open(struct turns *turns, const struct adapter *adapter, const char *instance,
           const char *query)
{
    memset(turns, 0, sizeof(*turns));
    struct reading *reading = &turns->reading;
    turns->sink = (struct link_sink){.context = turns, .chunk = keep_chunk};
    reading->adapter = adapter;
    reading->poll.catalog = catalog_new(100000);
    reading->poll.at = (struct instant){.mono_ns = 1000 * NS_PER_S};
    batch_init(&reading->poll.batch, reading->poll.catalog);
    arena_init(&reading->poll.arena, (size_t)64 << 20);
    catalog_add(reading->poll.catalog, adapter->metrics, adapter->metric_count);
    reading->state = adapter->open(&(struct adapter_setup){.catalog = reading->poll.catalog,
                                                           .instance = instance,
                                                           .target = "http://127.0.0.1:9090",
                                                           .query = query,
                                                           .sink = &turns->sink,
                                                           .span_ns = 600 * NS_PER_S});
    assert_non_null(reading->state);
}

static inline void
turns_close(struct turns *turns)
{
    reading_close(&turns->reading);
    for (size_t i = 0; i < turns->chunk_count; i++) {
        chunk_release(turns->chunks[i]);
    }
}

/* One turn; requests without an answer fail. */
static inline bool
turns_take(struct turns *turns, const struct answer *answers, size_t answer_count)
{
    struct reading *reading = &turns->reading;
    struct str bodies[ADAPTER_REQUESTS_MAX] = {{NULL, 0}};
    struct buf path;
    buf_init(&path, sizeof(turns->asked[0]) - 1);
    turns->asked_count = 0;
    while (buf_clear(&path), reading->adapter->ask(reading->state, turns->asked_count, &path)) {
        assert_true(turns->asked_count < ADAPTER_REQUESTS_MAX);
        assert_false(path.full);
        size_t at = turns->asked_count++;
        strcpy(turns->asked[at], path.data);
        for (size_t i = 0; i < answer_count && bodies[at].p == NULL; i++) {
            if (strstr(path.data, answers[i].part) != NULL) {
                bodies[at] = answers[i].body;
            }
        }
    }
    buf_done(&path);
    arena_clear(&reading->poll.arena);
    batch_begin(&reading->poll.batch, reading->poll.at, &reading->poll.arena);
    return reading->adapter->read(reading->state, bodies, &reading->poll.batch);
}

static inline bool
asked(const struct turns *turns, const char *part)
{
    for (size_t i = 0; i < turns->asked_count; i++) {
        if (strstr(turns->asked[i], part) != NULL) {
            return true;
        }
    }
    return false;
}

#define RANGE "/query_range?"
#define EXEMPLARS "/query_exemplars?"
#define RHYTHM "%5B300s%5D"
#define TARGETS "query=label_replace%28up"
#define SERIES "/query?"

static struct answer real[] = {
    {"/status/buildinfo", {"prometheus-2.42-buildinfo.json", 0}},
    {"/targets?", {"prometheus-2.42-errors.json", 0}},
    {"/alerts", {"prometheus-2.42-alerts.json", 0}},
    {RANGE, {"prometheus-2.42-history.json", 0}},
    {EXEMPLARS, {"prometheus-2.42-exemplars.json", 0}},
    {RHYTHM, {"prometheus-2.42-rhythm.json", 0}},
    {TARGETS, {"prometheus-2.42-targets.json", 0}},
    {SERIES, {"prometheus-2.42-series.json", 0}},
};

static inline int
load_real(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(real); i++) {
        real[i].body = endpoint_fixture(real[i].body.p);
    }
    return 0;
}

static inline int
free_real(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(real); i++) {
        free((char *)real[i].body.p);
    }
    return 0;
}

static inline void
take_real(struct turns *turns, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        assert_true(turns_take(turns, real, ARRAY_SIZE(real)));
    }
}

#endif
