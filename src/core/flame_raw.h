/* Inside of a flame tree that is being made, and its first half: raw nodes, which are the nodes of
 * the profile, or what a part of it, turned round or in the order of time, becomes; with their
 * values and totals.
 *
 * Each step does one portion and answers whether it is through; where memory is out flame->failed
 * is set. They come in the order of the phases. */
#ifndef FLAMETOP_CORE_FLAME_RAW_H
#define FLAMETOP_CORE_FLAME_RAW_H

#include <stdbool.h>
#include <stdint.h>

#include "flametop/base/macros.h"
#include "flametop/core/flame.h"
#include "flametop/core/ranking.h"

#define FLAME_PORTION 16384u /* between two looks at the clock */

enum flame_phase {
    PHASE_RULES,
    PHASE_TOTALS, /* of the profile: callers weigh their outermost calls */
    PHASE_MAP,
    PHASE_CLOSE,
    PHASE_VALUES,
    PHASE_UPWARDS,
    PHASE_SCALE,
    PHASE_COUNT,
    PHASE_OFFSETS,
    PHASE_FILL,
    PHASE_SORT,
    PHASE_SUMS,
    PHASE_DONE
};

struct flame_call { /* one that goes on: of the profile, and what it became */
    uint32_t node, raw;
};

struct flame_work {
    const struct profile *profile;
    struct flame_options options;
    enum flame_phase phase;
    uint32_t at;

    const double *values[PROFILE_SIDES];
    uint32_t *mask;               /* by profile node: rules met on the way to it */
    double *below[PROFILE_SIDES]; /* by profile node, of callers: totals */
    uint32_t *map;                /* profile node → raw node; NULL: the same */
    uint32_t walked;              /* frames, in this portion of it */
    uint32_t depth_max;           /* of a stack that is turned round */
    struct profile *raw;          /* makes raw nodes; NULL: those of the profile */
    const uint32_t *raw_parent, *raw_frame;
    uint32_t raw_count;
    const double *self[PROFILE_SIDES]; /* by raw node */
    double *total[PROFILE_SIDES];      /* the same */
    uint32_t *offset, *children;       /* raw: those of i at offset[i] */
    uint32_t *on_path;                 /* by frame, while sums are made */
    uint32_t walk, *next_child;
    struct ranking ranking; /* of one node's children, where they are many; items NULL: none */

    /* In the order of time. */
    struct flame_call *open; /* the present stack */
    uint32_t *path;          /* profile nodes of the next one, innermost first */
    uint32_t open_count, path_capacity;
    double now;
};

static inline unsigned
flame_sides(const struct flame_work *work)
{
    return work->options.part == FLAME_TIMED ? 1 : work->profile->sides;
}

/* Where the portion ends that begins at work->at. */
static inline uint32_t
flame_portion_end(const struct flame_work *work, uint32_t count)
{
    return work->at + MIN(count - work->at, FLAME_PORTION);
}

bool flame_raw_rules(struct flame *flame, struct flame_work *work);
bool flame_raw_totals(struct flame *flame, struct flame_work *work);
bool flame_raw_map(struct flame *flame, struct flame_work *work);
bool flame_raw_close(struct flame *flame, struct flame_work *work);
bool flame_raw_values(struct flame *flame, struct flame_work *work);
bool flame_raw_upwards(struct flame *flame, struct flame_work *work);
bool flame_raw_scale(struct flame *flame, struct flame_work *work);

#endif
