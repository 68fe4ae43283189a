/* Pools of workers on an Erlang node: which there are, the text that asks the node for them, and
 * the reading of its answer. Snakepit is known; others are described, by the configuration or
 * below.
 *
 * A path leads into a term: keys of maps and property lists, and places in tuples and lists from 1,
 * separated by '/' ("stats/busy", "2/1"); "*" is each element, "." the term itself. */
#ifndef FLAMETOP_SOURCES_POOL_H
#define FLAMETOP_SOURCES_POOL_H

#include <stdbool.h>
#include <stddef.h>

#include "flametop/base/buf.h"
#include "flametop/base/str.h"
#include "flametop/core/batch.h"

#define POOL_DEFS_MAX 32

/* Texts outlive whoever is given it. NULL: none. */
struct pool_def {
    const char *name;
    const char *call;    /* "my_pool:stats(orders)" */
    const char *process; /* asked only where a process of this name is registered */
    const char *rows;    /* of the answer: the list of pools; NULL: it is one pool */
    const char *pool;    /* of a row: its name, or names separated by blanks */
    const char *workers, *busy, *available, *queue, *queue_limit, *requests, *errors, *timeouts,
        *refused, *sessions; /* of a row: numbers */
    bool quiet;              /* no failure when the node does not know the call */
};

/* The queues of RabbitMQ and the sessions of ejabberd, in the words of the configuration. */
extern const struct pool_def pool_examples[];
extern const size_t pool_example_count;

struct pools;

/* Of these and the examples; a definition stands for the example of its name. `proc` is the root
 * /proc. NULL when out of memory. Definitions and `proc` outlive it. */
struct pools *pools_new(const struct pool_def *defs, size_t count, const char *proc);
void pools_free(struct pools *pools);

/* The source text of an Erlang expression whose value is a fun of no arguments. Called on the node
 * that fun answers the term for pools_read. What it asks is looked up each time, changes nothing,
 * and never raises; it may take as long as those who are asked. */
void pools_source(const struct pools *pools, struct buf *text);

/* Reads such an answer: metrics and tables of the batch. `local`: the node runs on this machine, so
 * the processes of its workers can be looked at. False when it is no such answer. What a call of
 * the configuration came to that brought nothing is said in batch->why. */
bool pools_read(struct pools *pools, struct str term, const char *node, bool local,
                struct batch *batch);

#endif
