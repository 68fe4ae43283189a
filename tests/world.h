/* A world that a test turns by hand: a struct of its own. A clock reads it, and sources that are
 * made by hand are polled with it as their state. */
#ifndef FLAMETOP_TESTS_WORLD_H
#define FLAMETOP_TESTS_WORLD_H

#include "flametop/base/clock.h"
#include "flametop/base/macros.h"
#include "flametop/core/source.h"

/* The time of a struct clock whose context is the world: a struct that begins with
 * `int64_t mono_ns`. */
static inline struct instant
world_now(void *world)
{
    const int64_t *mono_ns = world;
    return (struct instant){*mono_ns, *mono_ns + INT64_C(1700000000) * NS_PER_S, *mono_ns};
}

/* For sources: their state is the context of the clock. */
static inline int
world_open(const struct source_setup *setup, void **ret_state, char *why, size_t why_size)
{
    (void)why;
    (void)why_size;
    *ret_state = setup->clock->context;
    return 0;
}

static inline void
world_close(void *state)
{
    (void)state;
}

/* A struct source of arrays of metrics and of tables. */
#define WORLD_SOURCE(of_name, of_metrics, of_tables, of_poll)                                      \
    {                                                                                              \
        .name = (of_name), .text = "", .metrics = (of_metrics),                                    \
        .metric_count = ARRAY_SIZE(of_metrics), .tables = (of_tables),                             \
        .table_count = ARRAY_SIZE(of_tables), .open = world_open, .poll = (of_poll),               \
        .close = world_close                                                                       \
    }

#endif
