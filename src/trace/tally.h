/* Attributes counted over two groups of requests: for each key its values, and for each of both how
 * many requests of either group have it; and samples of its numbers.
 *
 * Bounded: keys, values of all, values of one key, numbers of one key (then every second is kept,
 * then every fourth, ...). What finds no room is counted. */
#ifndef FLAMETOP_SRC_TRACE_TALLY_H
#define FLAMETOP_SRC_TRACE_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/arena.h"
#include "flametop/base/hash.h"
#include "flametop/core/trace.h"

#define TALLY_SIDES 2
#define TALLY_KEYS_MAX 2048u
#define TALLY_VALUES_MAX 65536u
#define TALLY_VALUES_OF_KEY_MAX 8192u
#define TALLY_NUMBERS_MAX 8192u /* of one key and side */

struct tally_value {
    uint64_t last; /* request that was counted here last */
    const char *text;
    int64_t weight[TALLY_SIDES];
    uint32_t next; /* of the same key, + 1 */
};

struct tally_number {
    double value;
    int64_t weight;
};

struct tally_numbers {
    struct tally_number *list;
    uint32_t count, capacity, stride, skipped;
};

struct tally_key {
    const char *text;
    uint64_t last;
    int64_t weight[TALLY_SIDES]; /* of requests that have it */
    uint32_t traces;             /* the same, both sides */
    uint64_t occurrences;        /* distinct values of each request, summed */
    uint32_t values;             /* distinct; those that found no room count again and again */
    uint32_t first;              /* value + 1 */
    bool other;                  /* some values are no numbers */
    bool pending;                /* this request has a number */
    double number;               /* its largest */
    struct tally_numbers numbers[TALLY_SIDES];
};

struct tally {
    struct tally_key *keys;
    struct tally_value *values;
    uint32_t key_count, key_capacity, value_count, value_capacity;
    struct map key_index, value_index; /* hash → place + 1 */
    struct arena texts;
    uint32_t *pending; /* keys with a number of this request */
    uint32_t pending_count;
    uint64_t serial;
    int64_t weight[TALLY_SIDES]; /* of all requests */
    uint64_t traces[TALLY_SIDES];
    uint64_t dropped;
    bool failed; /* out of memory */
};

bool tally_init(struct tally *tally);
void tally_done(struct tally *tally);

/* One request more, in pieces: its spans from..to, first those from 0. */
void tally_trace(struct tally *tally, unsigned side, const struct trace *trace, uint32_t from,
                 uint32_t to);

#endif
