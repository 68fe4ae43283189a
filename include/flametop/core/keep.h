/* Kept rows: the top rows of a table at each tick, so that tables too can be walked back.
 *
 * A row that stays among the top keeps its slot, so each (slot, column) is a slowly changing column
 * of a history (core/history.h) like those of series. Texts are indices into a dictionary that
 * belongs to the history's layout. */
#ifndef FLAMETOP_CORE_KEEP_H
#define FLAMETOP_CORE_KEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/clock.h"
#include "flametop/core/history.h"
#include "flametop/core/table.h"

/* The writer's side; engine thread only. */
struct keep;
struct keep *keep_new(const struct table_def *def);
void keep_free(struct keep *keep);
const struct table_def *keep_def(const struct keep *keep);
/* Nothing when `at` is no later than the newest tick. */
void keep_add(struct keep *keep, const struct table *table, struct instant at);
struct history *keep_history(struct keep *keep); /* to bound it */

/* Kept rows of a time, made elsewhere: `chunk` has slots * column_count columns, those of a slot
 * together. columns[i] is a column of `def`, -1: one that is not known here; texts are indices into
 * `texts` (NULL: none of that index). */
struct kept_part {
    const struct table_def *def;
    size_t slots, column_count;
    const int *columns;
    const struct chunk *chunk;
    const char *const *texts;
    size_t text_count;
};

/* Puts it where its time belongs (core/history.h). False when it overlaps what is there, is of
 * another definition, or memory is out. */
bool keep_add_part(struct keep *keep, const struct kept_part *part);

/* What one picture sees of it: counted, immutable. */
struct kept;
struct kept *keep_view(const struct keep *keep); /* one reference; NULL when out of memory */
void kept_release(struct kept *kept);
const struct table_def *kept_def(const struct kept *kept);

/* Its chunks, newest first: 0 is what grows. One reference for the caller; NULL: nothing there. */
size_t kept_chunk_count(const struct kept *kept);
struct chunk *kept_chunk(const struct kept *kept, size_t depth);
int64_t kept_newest(const struct kept *kept); /* INT64_MIN: there is none */

/* A text of one of them; NULL for what is none. */
const char *kept_chunk_text(const struct chunk *chunk, double index);

/* The table at the newest tick not later than mono_ns, in the arena; columns that are not kept are
 * unknown. NULL when there is none. */
struct table *kept_table_at(const struct kept *kept, int64_t mono_ns, struct arena *arena);

/* One row's values over time: at most `max` ticks with from_ns < time <= to_ns in which the row of
 * this integer key was kept, oldest first (the newest when there are more), with `column_count`
 * columns each, NaN where unknown. Answers how many. The columns must be kept ones with numbers.
 * Reads every chunk of that time: for what is asked once. */
size_t kept_row_values(const struct kept *kept, int64_t key, const size_t *columns,
                       size_t column_count, int64_t from_ns, int64_t to_ns, int64_t *ret_mono_ns,
                       double *ret_values, size_t max);

#endif
