/* Where the values of a block are NaN, the quiet one: a byte 0 and a bitmap of the values present,
 * or a count of pairs (values before the gap, length of the gap), whichever is shorter. */
#ifndef FLAMETOP_CORE_GAPS_H
#define FLAMETOP_CORE_GAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/buf.h"

/* Values a block, and the words of its bitmap. */
#define BLOCK_VALUES 1024
#define BLOCK_WORDS (BLOCK_VALUES / 64)

struct gaps {
    uint64_t present[BLOCK_WORDS];
    size_t pairs;
};

/* Notes where the gaps are and moves the values present together; answers how many. */
size_t gaps_split(const double *values, size_t n, struct gaps *gaps, double *ret_kept);

/* Moves the values at the front to where they belong. */
void gaps_spread(const struct gaps *gaps, double *values, size_t n, size_t count);

/* Writes them; reads them from *p on, and how many values are present. */
void gaps_put(struct buf *out, const struct gaps *gaps, size_t n);
bool gaps_get(const uint8_t **p, const uint8_t *end, struct gaps *gaps, size_t n,
              size_t *ret_count);

#endif
