/* An arena: memory that is given back all at once.
 *
 * Invariant: memory handed out is zeroed, aligned to 16 bytes, and stays where it is until
 * arena_clear or arena_done. The arena never holds more than bytes_max; when that is reached
 * arena_alloc answers NULL and `full` stays set until the next clear. */
#ifndef FLAMETOP_BASE_ARENA_H
#define FLAMETOP_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "flametop/base/macros.h"

struct arena_block;

struct arena {
    struct arena_block *first; /* all blocks, in the order of use */
    struct arena_block *now;   /* the one being filled */
    size_t bytes;              /* held in blocks */
    size_t bytes_max;
    bool full;
};

void arena_init(struct arena *arena, size_t bytes_max);
void arena_done(struct arena *arena);

/* Forgets everything handed out and keeps the blocks for the next use. */
void arena_clear(struct arena *arena);

/* The same, and overwrites what the blocks held: for secrets. */
void arena_wipe(struct arena *arena);

void *arena_alloc(struct arena *arena, size_t bytes);

/* An array of `count` zeroed elements; NULL when full or when the product overflows. */
void *arena_array(struct arena *arena, size_t count, size_t element_bytes);

#define arena_new(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
#define arena_news(arena, type, count) ((type *)arena_array((arena), (count), sizeof(type)))

/* Copies n bytes and ends them with NUL. Answers "" (never NULL) when the arena is full. */
const char *arena_text(struct arena *arena, const char *text, size_t n);

const char *arena_printf(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
