/* History: what came from one place over time, a source's series or a table's kept rows. A growing
 * head, and the chunks that full heads were sealed into, oldest first.
 *
 * The writer (engine thread) begins a tick, fills the row of the head it is given, and commits.
 * Readers hold a list of chunks and a head with its number of ticks, all counted and immutable: a
 * list is replaced, never changed. Its bytes are those of sealed history, for the caller to bound:
 * over several histories the oldest chunk goes first, whoever's it is. */
#ifndef FLAMETOP_CORE_HISTORY_H
#define FLAMETOP_CORE_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/clock.h"
#include "flametop/core/chunk.h"
#include "flametop/core/head.h"

/* Sealed chunks, oldest first. Immutable, counted. */
struct chunk_list {
    unsigned refs; /* atomic */
    size_t count;
    struct chunk *chunks[];
};

struct chunk_list *chunk_list_new(struct chunk *const *chunks, size_t count); /* takes references */
struct chunk_list *chunk_list_acquire(struct chunk_list *list);               /* NULL stays NULL */
void chunk_list_release(struct chunk_list *list);

struct history {
    struct layout *layout; /* of the heads to come; NULL: none was set */
    struct head *head;     /* NULL: none yet */
    size_t head_ticks;
    struct chunk_list *chunks; /* NULL: none yet */
    size_t bytes;              /* of the chunks and of dictionaries that only they need */
};

/* All zero is an empty history. */
void history_done(struct history *history);

/* Other columns from now on; seals what there is. Takes a reference. */
void history_set_layout(struct history *history, struct layout *layout);

/* Whether the next tick starts a new head: none yet, the head is full, or the wall clock was set.
 * The moment to choose other columns. */
bool history_is_due(const struct history *history, struct instant at);

/* The head with room for a tick at history->head_ticks, values undefined; seals a full one. NULL
 * when out of memory. */
struct head *history_begin(struct history *history, struct instant at);

/* The tick is filled in: from now on it belongs to the history. */
void history_commit(struct history *history, struct instant at);

/* Puts a chunk made elsewhere where its time belongs, also between two ticks of the head, which is
 * then cut there (a reference is taken). False when it overlaps what is there or memory is out:
 * what is there stays. */
bool history_add_chunk(struct history *history, struct chunk *chunk);

/* Monotonic time of the oldest sealed chunk; INT64_MAX: none. */
int64_t history_oldest(const struct history *history);

/* Monotonic time of the newest tick; INT64_MIN: none. */
int64_t history_newest(const struct history *history);

/* Forgets that chunk; readers keep what they hold. False when there is none, or no memory for the
 * shorter list. */
bool history_drop_oldest(struct history *history);

#endif
