/* The column codec: a few doubles, or times, as few bytes, bit for bit.
 *
 * A column is one tag byte and what the tag says:
 *   constant      the value (none at all for 0, a varint for a decimal)
 *   decimal       the smallest exponent e <= 6 such that every v is an integer below 2^53 divided
 * by 10^e; the first integer, the gcd of the steps, then the steps, or how they differ from their
 * mean or from the step before (whichever is shortest), zigzag, simple8b with run lengths xor
 * Gorilla's XOR with leading/trailing zero windows (Pelkonen et al., VLDB 2015) with the gaps (NaN)
 * beside it, as a bitmap or as run lengths. -0.0, infinities, NaN payloads other than the quiet
 * gap, and integers >= 2^53 take xor. More than 1,024 values are cut into blocks of that many, each
 * a column behind its length as a varint. Nothing is allocated but the output. */
#ifndef FLAMETOP_CORE_CODEC_H
#define FLAMETOP_CORE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/buf.h"

/* At most this many values a column. */
#define CODEC_VALUES_MAX 65536

/* Room in bytes that putting n values may take up to (what is kept is shorter: different ways are
 * tried). */
#define CODEC_ROOM(n) ((size_t)(n)*34 + 64)

/* What does not fit is not written at all, and out->full is set. */
void codec_put_column(struct buf *out, const double *values, size_t n);

/* Reads exactly n values from exactly `size` bytes; false when the bytes are anything else. */
bool codec_get_column(const uint8_t *bytes, size_t size, double *ret_values, size_t n);

/* Ascending or not, times are int64; regular ticks cost next to nothing. */
void codec_put_times(struct buf *out, const int64_t *times, size_t n);
bool codec_get_times(const uint8_t *bytes, size_t size, int64_t *ret_times, size_t n);

/* LEB128, as buf_put_varint writes it. False at the end or beyond 64 bits. */
bool codec_get_varint(const uint8_t **p, const uint8_t *end, uint64_t *ret_value);

#endif
