/* What the readers of pools share: one pool and one worker as they were told, and where that goes
 * (pool.c). */
#ifndef FLAMETOP_SOURCES_POOL_PARTS_H
#define FLAMETOP_SOURCES_POOL_PARTS_H

#include <stdint.h>

#include "flametop/core/batch.h"
#include "flametop/sources/pool.h"

#define POOL_NAME_BYTES 128

/* NaN: not told. */
struct pool_told {
    const char *source, *name, *profile; /* profile NULL: none */
    double workers, busy, available, dead, queue, queue_limit, sessions;
    double requests, errors, timeouts, refused, recycled; /* since the start */
};

struct worker_told {
    const char *source, *pool, *id, *type, *adapter, *profile, *status; /* NULL: not told */
    double active, capacity, requests, age_s;
    int64_t os_pid; /* 0: unknown */
};

extern const struct pool_told pool_untold; /* all NaN and NULL */
extern const struct worker_told worker_untold;

/* A reading under way. */
struct pool_batch;
void pool_put(struct pool_batch *to, const struct pool_told *told);
void worker_put(struct pool_batch *to, const struct worker_told *told);
void workers_leave_out(struct pool_batch *to, int64_t count); /* by the node: there are more */

/* Snakepit (pool_snakepit.c): the text of a fun that answers `none` or a term for the reader, which
 * is false when the term is none of those. */
extern const char snakepit_source[];
bool snakepit_read(struct str term, int64_t wall_ns, struct pool_batch *to);

#endif
