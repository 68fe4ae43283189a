/* Samples into a profile: addresses become names, stacks become nodes.
 *
 * The first level is the thread by its name (of the machine: the process, and below it the thread
 * where its name is another), then what it ran, the kernel's part innermost. A stack that the
 * kernel cut because it is too deep begins with TRUNCATED; one that cannot be followed further out
 * begins with UNKNOWN: code without frame pointers. */
#ifndef FLAMETOP_SRC_PROFILE_STACKS_H
#define FLAMETOP_SRC_PROFILE_STACKS_H

#include "flametop/core/profile.h"
#include "module.h"
#include "ring_record.h"
#include "space.h"

#define STACKS_TRUNCATED "[truncated stack]"
#define STACKS_UNKNOWN "[unknown]"
#define STACKS_NODES_MAX (UINT32_C(1) << 19)
#define STACKS_FRAMES_MAX (UINT32_C(1) << 17)

struct stacks_options {
    const char *proc;               /* "/proc" */
    uint32_t pid;                   /* whose samples count; 0: of all processes */
    uint32_t depth_max;             /* frames after which the kernel cuts; 0: unknown */
    bool cycles;                    /* what periods are: cycles of the CPU, else nanoseconds */
    uint32_t nodes_max, frames_max; /* 0: STACKS_NODES_MAX, STACKS_FRAMES_MAX */
};

struct stacks_counts {
    uint64_t samples, lost, truncated, broken;
    uint64_t nameless;  /* files for whose symbols there was no room */
    bool kernel_hidden; /* there were kernel frames whose names the kernel does not tell */
};

struct stacks;

struct stacks *stacks_new(const struct stacks_options *options); /* NULL when out of memory */
void stacks_free(struct stacks *stacks);

/* From now on files are looked at again for what changed: to be called now and then. */
void stacks_round(struct stacks *stacks);

/* Takes one record, in the order of time. */
void stacks_add(void *stacks, const struct ring_record *record);

const struct profile *stacks_profile(const struct stacks *stacks);
const struct stacks_counts *stacks_counts(const struct stacks *stacks);

#endif
