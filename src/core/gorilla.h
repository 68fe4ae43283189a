/* Gorilla's XOR coding of doubles (Pelkonen et al., VLDB 2015, section 4.1.2), bit for bit.
 *
 * The first value is 64 bits. Each further one is XORed with the one before:
 *   0                                  the same
 *   10 bits                            within the window of the last 11
 *   11 leading:5 length:6 bits         a new window: leading zeros (at most 31), bits in use (0:
 * 64) Before the first 11 the window is all 64 bits. Bits fill bytes from the low end; the last
 * byte is padded with zeros. */
#ifndef FLAMETOP_CORE_GORILLA_H
#define FLAMETOP_CORE_GORILLA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/buf.h"

void gorilla_put(struct buf *out, const double *values, size_t n);

/* Reads n values from exactly `size` bytes; false when the bytes are anything else. */
bool gorilla_get(const uint8_t *bytes, size_t size, double *ret_values, size_t n);

#endif
