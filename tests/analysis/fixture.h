/* A collector with the analyzers of the diagnosis, over a world that the test turns. */
#ifndef FLAMETOP_TESTS_ANALYSIS_FIXTURE_H
#define FLAMETOP_TESTS_ANALYSIS_FIXTURE_H

#include "../world.h"
#include "flametop/analysis/table.h"
#include "flametop/engine/collector.h"

struct fixture {
    void *world;                        /* begins with its mono_ns */
    const struct source *const *source; /* the only one */
    struct catalog *catalog;
    struct collector *collector;
    struct picture *picture; /* the last */
};

static inline void
start(struct fixture *f)
{
    struct collector_options options = {.catalog = f->catalog,
                                        .roots = {"/nonexistent", "/nonexistent", "/nonexistent"},
                                        .clock = {world_now, f->world},
                                        .interval_ns = NS_PER_S,
                                        .history_bytes = 1 << 20,
                                        .sources = f->source,
                                        .source_count = 1,
                                        .analyzers = analyzer_table,
                                        .analyzer_count = analyzer_table_count};
    f->collector = collector_new(&options);
}

static inline int
tear_down(void **state)
{
    struct fixture *f = *state;
    picture_release(f->picture);
    collector_free(f->collector);
    catalog_free(f->catalog);
    return 0;
}

static inline void
pass(struct fixture *f, int seconds)
{
    int64_t *mono_ns = f->world;
    for (int i = 0; i < seconds; i++) {
        *mono_ns += NS_PER_S;
        picture_release(f->picture);
        f->picture = collector_tick(f->collector);
        assert_non_null(f->picture);
    }
}

#endif
