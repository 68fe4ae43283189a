/* Arena: a list of blocks, filled one after the other. */
#include "flametop/base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES ((size_t)16 * 1024)
#define ALIGN ((size_t)16)

struct arena_block {
    struct arena_block *next;
    size_t used, size;
    _Alignas(16) char data[];
};

void
arena_init(struct arena *arena, size_t bytes_max)
{
    *arena = (struct arena){.bytes_max = bytes_max};
}

void
arena_done(struct arena *arena)
{
    struct arena_block *block = arena->first;
    while (block != NULL) {
        struct arena_block *next = block->next;
        free(block);
        block = next;
    }
    arena_init(arena, arena->bytes_max);
}

void
arena_clear(struct arena *arena)
{
    for (struct arena_block *block = arena->first; block != NULL; block = block->next) {
        block->used = 0;
    }
    arena->now = arena->first;
    arena->full = false;
}

void
arena_wipe(struct arena *arena)
{
    for (struct arena_block *block = arena->first; block != NULL; block = block->next) {
        explicit_bzero(block->data, block->size);
    }
    arena_clear(arena);
}

static struct arena_block *
block_add(struct arena *arena, size_t bytes)
{
    /* Each a quarter of what there is: few blocks for a large picture, and little unused. */
    size_t size = MAX(bytes, MIN(MAX(BLOCK_BYTES, arena->bytes / 4), (size_t)1 << 20));
    if (size > arena->bytes_max - arena->bytes) {
        size = bytes;
    }
    if (size > arena->bytes_max - arena->bytes) {
        return NULL;
    }
    struct arena_block *block = malloc(sizeof(*block) + size);
    if (block == NULL) {
        return NULL;
    }
    block->used = 0;
    block->size = size;
    struct arena_block **link = arena->now != NULL ? &arena->now->next : &arena->first;
    block->next = *link;
    *link = block;
    arena->now = block;
    arena->bytes += size;
    return block;
}

void *
arena_alloc(struct arena *arena, size_t bytes)
{
    if (bytes > arena->bytes_max || bytes > SIZE_MAX / 2) {
        arena->full = true;
        return NULL;
    }
    bytes = (bytes + ALIGN - 1) & ~(ALIGN - 1);
    struct arena_block *block = arena->now;
    while (block != NULL && block->size - block->used < bytes && block->next != NULL) {
        block = arena->now = block->next;
    }
    if (block == NULL || block->size - block->used < bytes) {
        block = block_add(arena, bytes);
        if (block == NULL) {
            arena->full = true;
            return NULL;
        }
    }
    void *p = block->data + block->used;
    block->used += bytes;
    memset(p, 0, bytes);
    return p;
}

void *
arena_array(struct arena *arena, size_t count, size_t element_bytes)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, element_bytes, &bytes)) {
        arena->full = true;
        return NULL;
    }
    return arena_alloc(arena, bytes);
}

const char *
arena_text(struct arena *arena, const char *text, size_t n)
{
    char *copy = arena_alloc(arena, n + 1);
    if (copy == NULL) {
        return "";
    }
    memcpy(copy, text, n);
    return copy;
}

const char *
arena_printf(struct arena *arena, const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if (n < 0) {
        return "";
    }
    if ((size_t)n < sizeof(line)) {
        return arena_text(arena, line, (size_t)n);
    }
    char *copy = arena_alloc(arena, (size_t)n + 1);
    if (copy == NULL) {
        return "";
    }
    va_start(args, format);
    vsnprintf(copy, (size_t)n + 1, format, args);
    va_end(args);
    return copy;
}
