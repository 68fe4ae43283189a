/* A source: where readings come from. Pulled, pushed to, remote and replayed alike.
 *
 * To add one: write src/sources/NAME.c with its metrics and `const struct source source_NAME`, and
 * give it a row in src/sources/table.c. */
#ifndef FLAMETOP_CORE_SOURCE_H
#define FLAMETOP_CORE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/clock.h"
#include "flametop/core/batch.h"
#include "flametop/core/interest.h"

/* Where the kernel's files are: options, so that tests use trees of fixtures. */
struct roots {
    const char *proc;   /* /proc */
    const char *sys;    /* /sys */
    const char *cgroup; /* /sys/fs/cgroup */
};

struct source;
struct trace_store;

struct source_setup {
    const struct roots *roots;
    const struct clock *clock;
    const struct interest *interest; /* changes between polls, never during one */
    int64_t interval_ns;
    const struct source *source; /* the one being opened; during open only */
    bool network_filesystems;    /* ask them for their use, too */
    struct trace_store *traces;  /* of the collector (trace/store.h); NULL: none */
};

enum source_step {
    SOURCE_DONE, /* the batch is complete */
    SOURCE_MORE, /* 5 ms are used up: call again with the same batch */
    SOURCE_IDLE, /* nothing came in this tick: no batch, the tables of the last one stay in view */
};

struct source {
    const char *name;
    const char *text; /* one sentence */
    const struct metric *metrics;
    size_t metric_count;
    const struct table_def *const *tables;
    size_t table_count;
    unsigned every; /* polled each `every` ticks (0 and 1: each); sources of slow things say more */

    /* 0 with *ret_state, or a negative errno when the source does not exist here (that is no error:
     * it is left out, with `why` for the list of sources). Does no slow work. */
    int (*open)(const struct source_setup *setup, void **ret_state, char *why, size_t why_size);

    /* Returns within 5 ms. Failure is data: batch_fail. */
    enum source_step (*poll)(void *state, struct batch *batch);
    void (*close)(void *state);
};

#endif
