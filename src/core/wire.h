/* The pieces that records are made of: integers, doubles, texts, lists of ids; little-endian.
 *
 * Invariant of the reading side: it never looks past `end`. The first piece that is not there or is
 * wrong sets `bad`, and from then on every piece reads as 0 or "", so a reader checks once, where
 * it matters. */
#ifndef FLAMETOP_CORE_WIRE_H
#define FLAMETOP_CORE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/arena.h"
#include "flametop/base/buf.h"

/* A text on the wire is at most this long; longer ones are cut when written and refused when read.
 */
#define WIRE_TEXT_MAX 4096

/* Lists are cut into blocks of this many. */
#define WIRE_BLOCK 1024

struct wire {
    const uint8_t *p, *end;
    bool bad;
};

void wire_put_double(struct buf *out, double value);
void wire_put_text(struct buf *out, const char *text); /* NULL: as "" */

/* n of them, then their bytes; the reader knows n. */
void wire_put_integers(struct buf *out, const int64_t *values, size_t n);
void wire_put_doubles(struct buf *out, const double *values, size_t n);

/* Puts what `part` holds behind its length and empties it. */
void wire_put_part(struct buf *out, struct buf *part);

size_t wire_left(const struct wire *wire);
uint8_t wire_u8(struct wire *wire);
uint64_t wire_u64(struct wire *wire);
uint64_t wire_varint(struct wire *wire);

/* A varint of at most `max`: more is wrong, or counts as max. */
size_t wire_count(struct wire *wire, size_t max);
size_t wire_clamped(struct wire *wire, size_t max);
double wire_double(struct wire *wire);

/* Cleaned for a terminal, in the arena. */
const char *wire_text(struct wire *wire, struct arena *arena);

void wire_integers(struct wire *wire, int64_t *ret_values, size_t n);
void wire_doubles(struct wire *wire, double *ret_values, size_t n);

/* The bytes behind a length, which are consumed here. */
struct wire wire_part(struct wire *wire);

#endif
