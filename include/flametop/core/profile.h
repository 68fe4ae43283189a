/* A profile: stacks of frames with weights, merged into one tree of calls.
 *
 * Frames are interned by (name, module). A node is a stack: its frame, called from its parent.
 * Invariant: node 0 is the root, which has no frame; a node's parent has a smaller number; no two
 * children of one node have the same frame. Values are what was measured in exactly this stack, not
 * below it.
 *
 * A profile may hold two sides, of which the second is what the first is compared with: both use
 * the same frames and nodes. What does not fit under the limits below goes to the nearest caller
 * that does, and is counted: no weight is ever lost. */
#ifndef FLAMETOP_CORE_PROFILE_H
#define FLAMETOP_CORE_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/arena.h"
#include "flametop/base/str.h"

#define PROFILE_MEASURES_MAX 8
#define PROFILE_SIDES 2
#define PROFILE_NODES_MAX (UINT32_C(1) << 24)
#define PROFILE_FRAMES_MAX (UINT32_C(1) << 22)
#define PROFILE_MOMENTS_MAX (UINT32_C(1) << 24)
#define PROFILE_NAME_BYTES_MAX ((size_t)4096) /* longer names are cut */
#define PROFILE_VALUE_MAX 1e18                /* sums of the most that there can be stay finite */
#define PROFILE_NONE UINT32_MAX

struct profile_measure {
    char name[48];
    const char *unit; /* "s", "By", "" (core/unit.h) */
    double scale;     /* of its values to that unit */
};

struct profile_frame {
    const char *name, *module; /* raw bytes from outside; module "" where it is not known */
    uint32_t name_n, module_n;
};

/* What was measured after the moment before. */
struct profile_moment {
    double value;
    uint32_t node;
    bool idle; /* nothing was: this much went by in the stack of the node */
};

struct profile {
    unsigned references;
    struct profile_frame *frames;
    uint32_t frame_count, frame_capacity;

    uint32_t *parent, *frame; /* by node */
    uint32_t node_count, node_capacity;
    uint32_t node_max, frame_max; /* may be lowered */

    struct profile_measure measures[PROFILE_MEASURES_MAX];
    unsigned measure_count, measure_chosen;              /* the one to begin with */
    double *values[PROFILE_SIDES][PROFILE_MEASURES_MAX]; /* by node; NULL: nothing was measured */
    unsigned side, sides;                                /* the one that is filled; how many */
    bool modules[PROFILE_SIDES];                         /* whether any frame came with one */
    bool names_only;                                     /* modules of frames do not count */
    bool comparable; /* both sides are means of one thing already: neither is scaled to the other */

    /* The first side's values of one measure in the order of time; none where there are no times,
     * or more than PROFILE_MOMENTS_MAX. */
    struct profile_moment *moments;
    uint32_t moment_count, moment_capacity, moment_measure;
    bool moments_lost; /* there were too many */

    uint64_t refused[PROFILE_SIDES]; /* values below zero or beyond PROFILE_VALUE_MAX */
    uint64_t cut; /* nodes or frames for which there was no room: their weight is the caller's */
    bool failed;  /* out of memory: what is there is not whole */

    struct arena names;
    struct profile_slot *node_slots, *frame_slots;
    uint32_t node_mask, frame_mask;
    uint32_t indexed;               /* nodes below this are in the table of children */
    struct profile_slot *old_slots; /* of nodes, while they move to a larger table; NULL: none */
    uint32_t old_mask, old_at;
    struct profile_slot *spent_slots; /* moved, and not given back yet */
    size_t spent_at, closed_at;
    unsigned closing; /* by profile_close_step: which table */
};

/* NULL when out of memory. Who made it has one reference; the last release frees it. One that
 * others have references to does not change any more. Any thread. */
struct profile *profile_new(void);
const struct profile *profile_acquire(const struct profile *profile);
void profile_release(const struct profile *profile); /* NULL: nothing */

/* Makes room for so many nodes, so that nothing has to be moved later. The memory is used as it
 * fills. To be called before there are any. */
void profile_reserve(struct profile *profile, uint32_t nodes);

/* From here on values are of the other side. */
void profile_second_side(struct profile *profile);

/* A measure by name, made where there is none of that name. On the second side only those of the
 * first count, where a single one stands for a single one whatever their names; PROFILE_NONE:
 * there is none. `unit` is a text that lives on. */
uint32_t profile_measure(struct profile *profile, struct str name, const char *unit, double scale);

/* The frame's number; PROFILE_NONE when there is no room for another. */
uint32_t profile_frame(struct profile *profile, struct str name, struct str module);

/* The stack of `frame` called from `parent`; the parent itself when there is no room or the frame
 * is PROFILE_NONE. */
uint32_t profile_child(struct profile *profile, uint32_t parent, uint32_t frame);

/* Adds to a node. A measure that is PROFILE_NONE is left out. */
void profile_put(struct profile *profile, uint32_t node, uint32_t measure, double value);

/* The same, and it came after what was put so before: the order of time is that of the first
 * measure that is put so, on the first side. */
void profile_put_next(struct profile *profile, uint32_t node, uint32_t measure, double value);

/* So much went by unmeasured after what was put last. */
void profile_put_idle(struct profile *profile, uint32_t node, uint32_t measure, double value);

/* A new node, for callers that know that there is none of this frame (or want one of its own, in
 * trees of single calls): nothing is looked up. */
uint32_t profile_append(struct profile *profile, uint32_t parent, uint32_t frame);

/* The frame of another profile here, by its texts; PROFILE_NONE: it is not there. Takes time by the
 * number of frames. */
uint32_t profile_frame_like(const struct profile *profile, const struct profile_frame *frame);
bool profile_frames_equal(const struct profile_frame *a, const struct profile_frame *b);

/* Numbers the nodes anew where they lie far from their parents, so that walks go along the memory;
 * numbers that callers kept mean nothing any more. Not done when there is no memory for it. */
void profile_order(struct profile *profile);

/* What the table of children is needed for is over: gives its memory back. */
void profile_close(struct profile *profile);
bool profile_close_step(struct profile *profile); /* a part of it; true when all is done */

/* What is there now, closed, with the same numbers of frames and nodes; NULL when out of memory.
 * The other may go on growing. */
struct profile *profile_copy(const struct profile *profile);

#endif
