/* The writers there are, for the table in write.c. */
#ifndef FLAMETOP_SRC_PROFILE_WRITERS_H
#define FLAMETOP_SRC_PROFILE_WRITERS_H

#include "flametop/profile/write.h"

static inline bool
writer_is_compared(const struct flame *flame)
{
    return flame->total[1] != NULL;
}

/* As measured: those of the second side are scaled in a tree. */
static inline double
writer_as_measured(const struct flame *flame, unsigned side, double value)
{
    return value / (side == 1 ? flame->factor : 1);
}

/* The stack of a node, its root first; `path` has room for the deepest. Answers how many. */
uint32_t writer_path(const struct flame *flame, uint32_t node, uint32_t *path);

/* All nodes from the root, each before those below it, siblings in their order. False when out of
 * memory. `leave` may be NULL. */
bool writer_walk(const struct flame *flame, void *context,
                 void (*enter)(void *context, uint32_t node),
                 void (*leave)(void *context, uint32_t node));

/* False when out of memory. */
bool writer_folded(const struct flame *flame, const char *title, struct buf *out);
bool writer_json(const struct flame *flame, const char *title, struct buf *out);
bool writer_speedscope(const struct flame *flame, const char *title, struct buf *out);
bool writer_svg(const struct flame *flame, const char *title, struct buf *out);

#endif
