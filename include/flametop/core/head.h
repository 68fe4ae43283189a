/* The growing end of one source's history, and the column layout it shares with sealed chunks.
 *
 * Invariant of the head: the writer (engine thread) fills row n and then publishes n + 1 in a
 * picture; a reader only looks at rows < the n of its picture, and the writer never changes those.
 * A full head, or one whose layout or wall clock offset changed, is sealed into a chunk and
 * replaced. */
#ifndef FLAMETOP_CORE_HEAD_H
#define FLAMETOP_CORE_HEAD_H

#include <stddef.h>
#include <stdint.h>

#include "flametop/core/metric.h"

#define CHUNK_TICKS 64

struct dictionary;

/* Which series the columns are. Immutable, counted. */
struct layout {
    unsigned refs;            /* atomic */
    uint64_t serial;          /* unique in the process: queries cache look-ups by it */
    struct dictionary *texts; /* of kept rows: what their columns of texts index; otherwise NULL */
    size_t count;
    const struct series *series[];
};

/* Copies the pointers. NULL when out of memory. */
struct layout *layout_new(const struct series *const *series, size_t count);

/* The columns of kept rows, all of one series that stands for none. Takes a reference. */
struct layout *layout_new_rows(const struct series *series, size_t count, struct dictionary *texts);
struct layout *layout_acquire(struct layout *layout);
void layout_release(struct layout *layout);

struct head {
    unsigned refs; /* atomic */
    struct layout *layout;
    int64_t wall_offset_ns; /* wall minus monotonic, for the whole head */
    int64_t mono_ns[CHUNK_TICKS];
    double values[]; /* [column][tick]: values[column * CHUNK_TICKS + tick]; NaN is a gap */
};

/* Takes a reference on the layout. */
struct head *head_new(struct layout *layout, int64_t wall_offset_ns);
struct head *head_acquire(struct head *head);
void head_release(struct head *head);

#endif
