/* A flame tree: a profile as it is looked at, merged and with the heaviest sibling first.
 *
 * A node's parent has a smaller number, 0 is the root. Its children are listed with the heaviest
 * first (of a comparison: by the larger of both sides, so that the order is the same whichever side
 * is shown); nodes without weight are in no list. Totals are of the node and all below it, self of
 * it alone.
 *
 * In the order of time (FLAME_TIMED) nodes are single calls, siblings are listed as they began, and
 * times in which nothing was measured, or what rules leave out, are a caller's own time. Such a
 * tree is of the profile's first side and of the measure of its moments.
 *
 * Where the number of nodes of the profile is bounded (node_max), a tree that is turned round or in
 * the order of time has room for eight times as many, and stacks that are turned round end after
 * 1,100 calls.
 *
 * It is made in steps, so that a screen can go on meanwhile; every walk is iterative. It holds a
 * reference to the profile, which must not change. */
#ifndef FLAMETOP_CORE_FLAME_H
#define FLAMETOP_CORE_FLAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/core/profile.h"

enum flame_part {
    FLAME_WHOLE,
    FLAME_INVERTED, /* what ran at the top, what called it below */
    FLAME_CALLEES,  /* below any outermost call of one frame */
    FLAME_CALLERS,  /* from it up to the root */
    FLAME_TIMED,    /* each call of its own, in the order of time */
    FLAME_PARTS
};

struct flame_options {
    enum flame_part part;
    uint32_t frame;   /* of callees and callers */
    unsigned measure; /* not of FLAME_TIMED */
    bool collapse;    /* repeated calls of a frame to itself are one */

    /* Which frames each of up to 32 rules matches, as bits by frame: a stack counts when it has a
     * frame of each rule in `keep` and none of those in `drop`. NULL: all do. Must live until
     * flame_step is done. */
    const uint32_t *rules;
    uint32_t keep, drop;
};

/* One frame over the whole tree; recursion counts once. */
struct flame_sum {
    double self[PROFILE_SIDES], total[PROFILE_SIDES];
};

struct flame {
    const struct profile *profile;
    unsigned measure;
    uint32_t count;                 /* nodes; 0: not made yet */
    const uint32_t *frame, *parent; /* by node */
    uint32_t *first, *children; /* those of i: children[first[i]] .. children[first[i + 1] - 1] */
    const double *self[PROFILE_SIDES]; /* [1] is NULL without a comparison */
    double *total[PROFILE_SIDES];      /* the same */
    const double *start;               /* by node: when it began, of FLAME_TIMED; else NULL */
    double factor; /* what the values of the second side were multiplied by to be comparable */
    double whole[PROFILE_SIDES]; /* before rules left anything out, as measured */
    uint32_t stacks;             /* nodes with a value of their own */
    struct flame_sum *sums;      /* by frame; made last: NULL until then */
    uint64_t cut; /* stacks that did not fit whole, in the order of time calls: what is left out
                     counts for the nearest call that did fit */
    bool failed;  /* out of memory */
    struct flame_work *work;         /* while it is made */
    struct profile *own;             /* what holds frame and parent; NULL: the profile */
    double *own_self[PROFILE_SIDES]; /* what self points to; NULL: the profile's */
    unsigned dropping;               /* by flame_free_step: which array, */
    size_t dropped;                  /* and how much of it */
};

struct flame *flame_new(const struct profile *profile, const struct flame_options *options);
void flame_free(struct flame *flame);

/* The same, a part at a time, as giving back a large one takes long; nothing else may be done with
 * it meanwhile. True when it is gone. */
bool flame_free_step(struct flame *flame);

/* Goes on until all is done, or the monotonic time is reached; at least one portion of work is
 * done. True when all is done, or failed. */
bool flame_step(struct flame *flame, int64_t until_ns);

/* How much of the work is done, 0 to 1. */
double flame_progress(const struct flame *flame);

static inline bool
flame_is_drawable(const struct flame *flame)
{
    return flame != NULL && flame->count > 0;
}

/* The node that is reached from the root by the frames of `node` in `from`, or as far as they lead;
 * in the order of time, of calls of the same frame the one at the same time. The trees may be of
 * two profiles: then by the texts of frames. */
uint32_t flame_find(const struct flame *flame, const struct flame *from, uint32_t node);

/* Frames from the root to the node, itself counted; 0 of the root. */
uint32_t flame_depth(const struct flame *flame, uint32_t node);

#endif
