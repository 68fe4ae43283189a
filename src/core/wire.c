/* Pieces of records. */
#include "wire.h"

#include <endian.h>
#include <math.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "flametop/core/codec.h"

/* ---- writing ---- */

void
wire_put_double(struct buf *out, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    buf_put_u64(out, bits);
}

void
wire_put_text(struct buf *out, const char *text)
{
    size_t n = text != NULL ? strnlen(text, WIRE_TEXT_MAX) : 0;
    buf_put_varint(out, n);
    buf_add(out, text, n);
}

void
wire_put_part(struct buf *out, struct buf *part)
{
    out->full |= part->full;
    buf_put_varint(out, part->n);
    buf_add(out, part->data, part->n);
    buf_clear(part);
}

void
wire_put_integers(struct buf *out, const int64_t *values, size_t n)
{
    struct buf part;
    buf_init(&part, CODEC_ROOM(WIRE_BLOCK));
    for (size_t i = 0; i < n; i += WIRE_BLOCK) {
        codec_put_times(&part, values + i, MIN(n - i, (size_t)WIRE_BLOCK));
        wire_put_part(out, &part);
    }
    buf_done(&part);
}

void
wire_put_doubles(struct buf *out, const double *values, size_t n)
{
    struct buf part;
    buf_init(&part, CODEC_ROOM(WIRE_BLOCK));
    for (size_t i = 0; i < n; i += WIRE_BLOCK) {
        codec_put_column(&part, values + i, MIN(n - i, (size_t)WIRE_BLOCK));
        wire_put_part(out, &part);
    }
    buf_done(&part);
}

/* ---- reading ---- */

size_t
wire_left(const struct wire *wire)
{
    return wire->bad ? 0 : (size_t)(wire->end - wire->p);
}

/* n bytes, or NULL and bad. */
static const uint8_t *
take(struct wire *wire, size_t n)
{
    if (wire->bad || n > (size_t)(wire->end - wire->p)) {
        wire->bad = true;
        return NULL;
    }
    const uint8_t *p = wire->p;
    wire->p += n;
    return p;
}

uint8_t
wire_u8(struct wire *wire)
{
    const uint8_t *p = take(wire, 1);
    return p != NULL ? *p : 0;
}

uint64_t
wire_u64(struct wire *wire)
{
    uint64_t little;
    const uint8_t *p = take(wire, sizeof(little));
    if (p == NULL) {
        return 0;
    }
    memcpy(&little, p, sizeof(little));
    return le64toh(little);
}

uint64_t
wire_varint(struct wire *wire)
{
    uint64_t value = 0;
    if (wire->bad || !codec_get_varint(&wire->p, wire->end, &value)) {
        wire->bad = true;
        return 0;
    }
    return value;
}

size_t
wire_count(struct wire *wire, size_t max)
{
    uint64_t value = wire_varint(wire);
    if (value > max) {
        wire->bad = true;
        return 0;
    }
    return (size_t)value;
}

size_t
wire_clamped(struct wire *wire, size_t max)
{
    uint64_t value = wire_varint(wire);
    return value < max ? (size_t)value : max;
}

double
wire_double(struct wire *wire)
{
    uint64_t bits = wire_u64(wire);
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

const char *
wire_text(struct wire *wire, struct arena *arena)
{
    size_t n = wire_count(wire, WIRE_TEXT_MAX);
    const uint8_t *p = take(wire, n);
    char clean[WIRE_TEXT_MAX + 1];
    if (p == NULL) {
        return "";
    }
    /* Every bad byte becomes one '?', so what is clean is never longer. */
    n = utf8_clean((struct str){(const char *)p, n}, clean, sizeof(clean));
    return arena_text(arena, clean, n);
}

struct wire
wire_part(struct wire *wire)
{
    size_t n = wire_count(wire, wire_left(wire));
    const uint8_t *p = take(wire, n);
    return p != NULL ? (struct wire){p, p + n, false} : (struct wire){.bad = true};
}

void
wire_integers(struct wire *wire, int64_t *ret_values, size_t n)
{
    for (size_t i = 0; i < n && !wire->bad; i += WIRE_BLOCK) {
        struct wire part = wire_part(wire);
        wire->bad |= part.bad || !codec_get_times(part.p, wire_left(&part), ret_values + i,
                                                  MIN(n - i, (size_t)WIRE_BLOCK));
    }
    if (wire->bad && n > 0) {
        memset(ret_values, 0, n * sizeof(*ret_values));
    }
}

void
wire_doubles(struct wire *wire, double *ret_values, size_t n)
{
    for (size_t i = 0; i < n && !wire->bad; i += WIRE_BLOCK) {
        struct wire part = wire_part(wire);
        wire->bad |= part.bad || !codec_get_column(part.p, wire_left(&part), ret_values + i,
                                                   MIN(n - i, (size_t)WIRE_BLOCK));
    }
    if (wire->bad && n > 0) {
        memset(ret_values, 0, n * sizeof(*ret_values));
    }
}
