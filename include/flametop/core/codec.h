/* The column codec: a few doubles, or times, as few bytes, bit for bit.
 *
 * A column is one tag byte and what the tag says:
 *   constant      the value
 *   decimal       exponent e <= 6 such that every v * 10^e is an exact integer < 2^53, the gcd of the steps,
 *                 delta or delta-of-delta (whichever is shorter), zigzag, simple8b with run lengths;
 *                 gaps (NaN) in a bitmap beside it
 *   xor           Gorilla's XOR with leading/trailing zero windows (Pelkonen et al., VLDB 2015)
 * -0.0, infinities, NaN payloads other than the quiet gap, and integers >= 2^53 take xor. */
#ifndef FLAMETOP_CORE_CODEC_H
#define FLAMETOP_CORE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/buf.h"

/* At most this many values a column. */
#define CODEC_VALUES_MAX 65536

void codec_put_column(struct buf *out, const double *values, size_t n);

/* Reads exactly n values from exactly `size` bytes; false when the bytes are anything else. */
bool codec_get_column(const uint8_t *bytes, size_t size, double *ret_values, size_t n);

/* Ascending or not, times are int64; regular ticks cost next to nothing. */
void codec_put_times(struct buf *out, const int64_t *times, size_t n);
bool codec_get_times(const uint8_t *bytes, size_t size, int64_t *ret_times, size_t n);

/* LEB128, as buf_put_varint writes it. False at the end or beyond 64 bits. */
bool codec_get_varint(const uint8_t **p, const uint8_t *end, uint64_t *ret_value);

#endif
