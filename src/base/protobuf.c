#include "flametop/base/protobuf.h"

bool
protobuf_long_varint(struct str *rest, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 10 && i < rest->n; i++) {
        unsigned char byte = (unsigned char)rest->p[i];
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            rest->p += i + 1;
            rest->n -= i + 1;
            *ret_value = value;
            return true;
        }
    }
    return false;
}

bool
protobuf_number(struct protobuf_field *field, enum protobuf_wire wire, uint64_t *ret_value)
{
    if (field->wire == wire) { /* there is one: what is left is an empty list */
        *ret_value = field->value;
        field->wire = PROTOBUF_BYTES;
        field->bytes.n = 0;
        return true;
    }
    if (field->wire != PROTOBUF_BYTES) {
        return false;
    }
    return wire == PROTOBUF_VARINT
               ? protobuf_varint(&field->bytes, ret_value)
               : protobuf_fixed(&field->bytes, wire == PROTOBUF_64 ? 8 : 4, ret_value);
}
