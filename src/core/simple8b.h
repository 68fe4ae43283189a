/* Simple8b with run lengths: small unsigned integers in 64-bit little-endian words (Anh and Moffat,
 * 2010).
 *
 * The low 4 bits of a word select what the rest means:
 *   0       a run: 20-bit length (0: all values that remain), 40-bit value
 *   1       nothing; the next word is one value of 64 bits
 *   2..15   60, 30, 20, 15, 12, 10, 8, 7, 6, 5, 4, 3, 2, 1 values of equal width, first in the low
 * bits Behind the last value slots are zero. Zero bytes at the very end are left out, so a column
 * that ends in zeros (a counter at rest) needs no bytes for them. */
#ifndef FLAMETOP_CORE_SIMPLE8B_H
#define FLAMETOP_CORE_SIMPLE8B_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/buf.h"

void simple8b_put(struct buf *out, const uint64_t *values, size_t n);

/* Reads n values from exactly `size` bytes; false when the bytes are anything else. */
bool simple8b_get(const uint8_t *bytes, size_t size, uint64_t *ret_values, size_t n);

#endif
