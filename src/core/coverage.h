/* The ticks of a track that a question is about. */
#ifndef FLAMETOP_CORE_COVERAGE_H
#define FLAMETOP_CORE_COVERAGE_H

#include "vector.h"

/* A run of ticks inside one chunk or the head. */
struct segment {
    const struct chunk *chunk; /* or the head */
    const struct head *head;
    const struct layout *layout;
    size_t first, count; /* ticks inside it */
};

/* The segments of a track that cover (from, to], and one reading before `from` old enough for a
 * rate. */
struct coverage {
    struct segment *segments; /* oldest first */
    size_t segment_count;
    int64_t *times;
    size_t tick_count;
    size_t lead; /* ticks at the front that are not in the range */
};

/* Before the range stand the lead's ticks: the first reading of a counter makes a rate with an
 * earlier one, and that may be some ticks back, past a gap. False when there is nothing in the
 * range. */
bool coverage_find(const struct track *track, const struct range *range, int64_t lead_ns,
                   struct coverage *ret);
/* How many ticks that would be without those before, to a chunk. */
size_t coverage_ticks(const struct track *track, const struct range *range);
void coverage_done(const struct range *range, struct coverage *coverage);

#endif
