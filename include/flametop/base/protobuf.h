/* A reader of protobuf's wire format: field after field, never past the end of what encloses it.
 *
 * It knows no schema: the caller tells by the numbers what a field is. Bytes are taken from the
 * front of `rest`; where they are damaged or cut nothing more is taken, and `rest` is not empty.
 * In the header because a message is mostly fields of a few bytes. */
#ifndef FLAMETOP_BASE_PROTOBUF_H
#define FLAMETOP_BASE_PROTOBUF_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "flametop/base/str.h"

enum protobuf_wire { PROTOBUF_VARINT = 0, PROTOBUF_64 = 1, PROTOBUF_BYTES = 2, PROTOBUF_32 = 5 };

struct protobuf_field {
    uint32_t number;
    enum protobuf_wire wire;
    uint64_t value;   /* of VARINT, 64 and 32: its bits */
    struct str bytes; /* of BYTES */
};

/* False, and nothing taken, when it does not end within ten bytes. */
bool protobuf_long_varint(struct str *rest, uint64_t *ret_value);

static inline bool
protobuf_varint(struct str *rest, uint64_t *ret_value)
{
    if (rest->n == 0 || (unsigned char)rest->p[0] >= 0x80) {
        return protobuf_long_varint(rest, ret_value);
    }
    *ret_value = (unsigned char)rest->p[0];
    rest->p++;
    rest->n--;
    return true;
}

static inline bool
protobuf_fixed(struct str *rest, size_t n, uint64_t *ret_value)
{
    if (rest->n < n) {
        return false;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < n; i++) {
        value |= (uint64_t)(unsigned char)rest->p[i] << (8 * i);
    }
    *ret_value = value;
    rest->p += n;
    rest->n -= n;
    return true;
}

/* Pointers and lengths are handled one by one here: as pairs they would be read back from memory
 * wider than they were just written, which processors wait for. */
static inline bool
protobuf_take_varint(const char **p, size_t *n, uint64_t *ret_value)
{
    if (*n > 0 && (unsigned char)**p < 0x80) {
        *ret_value = (unsigned char)**p;
        ++*p;
        --*n;
        return true;
    }
    struct str rest = {*p, *n};
    bool good = protobuf_long_varint(&rest, ret_value);
    *p = rest.p;
    *n = rest.n;
    return good;
}

static inline bool
protobuf_take_fixed(const char **p, size_t *n, size_t wide, uint64_t *ret_value)
{
    if (*n < wide) {
        return false;
    }
    for (size_t i = 0; i < wide; i++) {
        *ret_value |= (uint64_t)(unsigned char)(*p)[i] << (8 * i);
    }
    *p += wide;
    *n -= wide;
    return true;
}

/* The next field; false at the end, and with rest->n > 0 where it is damaged (the field is nothing
 * then). */
static inline bool
protobuf_next(struct str *rest, struct protobuf_field *ret_field)
{
    const char *p = rest->p;
    size_t n = rest->n, length = 0;
    uint64_t tag, value = 0;
    if (!protobuf_take_varint(&p, &n, &tag) || tag >> 3 == 0 || tag >> 3 > UINT32_MAX) {
        return false;
    }
    enum protobuf_wire wire = (enum protobuf_wire)(tag & 7);
    bool good = wire == PROTOBUF_BYTES || wire == PROTOBUF_VARINT
                    ? protobuf_take_varint(&p, &n, &value)
                : wire == PROTOBUF_64 ? protobuf_take_fixed(&p, &n, 8, &value)
                : wire == PROTOBUF_32 ? protobuf_take_fixed(&p, &n, 4, &value)
                                      : false;
    if (wire == PROTOBUF_BYTES) {
        good = good && value <= n;
        length = good ? (size_t)value : 0;
        value = 0;
    }
    if (!good) {
        return false;
    }
    ret_field->number = (uint32_t)(tag >> 3);
    ret_field->wire = wire;
    ret_field->value = value;
    ret_field->bytes.p = wire == PROTOBUF_BYTES ? p : "";
    ret_field->bytes.n = length;
    rest->p = p + length;
    rest->n = n - length;
    return true;
}

/* Whether it is this field, of this wire type: another type under the number is not what is meant.
 */
static inline bool
protobuf_is(const struct protobuf_field *field, uint32_t number, enum protobuf_wire wire)
{
    return field->number == number && field->wire == wire;
}

/* The bits of a 64-bit field as a double. */
static inline double
protobuf_double(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

/* sint32, sint64. */
static inline int64_t
protobuf_zigzag(uint64_t value)
{
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

/* The next number of a repeated field, packed (BYTES) or not: call until it answers false. `wire`
 * is the type of the numbers. */
bool protobuf_number(struct protobuf_field *field, enum protobuf_wire wire, uint64_t *ret_value);

#endif
