/* From a gathered trace to one that is built (core/trace.h). */
#ifndef FLAMETOP_TRACE_BUILD_H
#define FLAMETOP_TRACE_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gather.h"

struct build_entry {
    int64_t start_ns;
    uint32_t span;
};

/* Memory that is kept from trace to trace. */
struct build {
    void *all; /* one block of what follows */
    struct build_entry *sorted, *spare;
    uint32_t *parent, *first, *next, *place;
    uint8_t *state;
    uint32_t capacity;

    /* Of the trace at hand. */
    uint32_t count;   /* spans, with the one made up */
    uint32_t made_up; /* index of that; TRACE_NONE */
    uint32_t root;
    uint32_t made_up_name; /* text */
    int64_t made_up_start_ns, made_up_end_ns;
    bool orphans;
    const uint32_t *order, *after; /* by place: the span, and where what is below it ends */
    size_t bytes;                  /* that build_write needs */
};

void build_init(struct build *build);
void build_done(struct build *build);

/* Finds the tree of the spans: of any, also of those that name each other as parents. False when
 * out of memory. */
bool build_plan(struct build *build, struct gather *gather);

/* Whether the root and all parents are there; does not need a plan. */
bool build_is_whole(const struct gather *gather);

/* Writes it, to `bytes` bytes aligned to 8. Flags that rules decide (slow) are not set. */
void build_write(const struct build *build, const struct gather *gather, void *dst);

#endif
