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

struct profile {
    struct profile_frame *frames;
    uint32_t frame_count, frame_capacity;

    uint32_t *parent, *frame; /* by node */
    uint32_t node_count, node_capacity;

    struct profile_measure measures[PROFILE_MEASURES_MAX];
    unsigned measure_count, measure_chosen;              /* the one to begin with */
    double *values[PROFILE_SIDES][PROFILE_MEASURES_MAX]; /* by node; NULL: nothing was measured */
    unsigned side, sides;                                /* the one that is filled; how many */

    uint64_t refused[PROFILE_SIDES]; /* values below zero or beyond PROFILE_VALUE_MAX */
    uint64_t cut; /* nodes or frames for which there was no room: their weight is the caller's */
    bool failed;  /* out of memory: what is there is not whole */

    struct arena names;
    struct profile_slot *node_slots, *frame_slots;
    uint32_t node_mask, frame_mask;
    struct profile_slot *old_slots; /* of nodes, while they move to a larger table; NULL: none */
    uint32_t old_mask, old_at;
};

struct profile *profile_new(void); /* NULL when out of memory */
void profile_free(struct profile *profile);

/* Makes room for so many nodes at once, so that adding one never takes long. The memory is used as
 * it fills. To be called before there are any. */
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

/* What the table of children is needed for is over: gives its memory back. */
void profile_close(struct profile *profile);

#endif
