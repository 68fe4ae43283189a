/* All histories of a collector together: one bound of bytes, and the oldest chunk goes first,
 * whoever's it is. Engine thread. */
#ifndef FLAMETOP_ENGINE_HISTORIES_H
#define FLAMETOP_ENGINE_HISTORIES_H

#include <stddef.h>
#include <stdint.h>

#include "feed.h"
#include "flametop/core/keep.h"

struct histories {
    struct feed *feeds;
    size_t feed_count;
    struct keep *findings;
};

/* Answers the bytes left, and since when there is history: INT64_MAX when there is none. */
size_t histories_bound(const struct histories *histories, size_t bytes_max, int64_t *ret_oldest);

#endif
