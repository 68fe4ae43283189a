/* Hexadecimal numbers in text. */
#ifndef FLAMETOP_SRC_PROFILE_HEX_H
#define FLAMETOP_SRC_PROFILE_HEX_H

#include <stdbool.h>
#include <stdint.h>

#include "flametop/base/str.h"

/* Takes 1 to 16 digits from the front, after 0x or not; false, and nothing taken, when there are
 * none, or more. */
static inline bool
hex_take(struct str *rest, uint64_t *ret_value)
{
    size_t begin = rest->n > 2 && rest->p[0] == '0' && (rest->p[1] | 32) == 'x' ? 2 : 0, i = begin;
    uint64_t value = 0;
    for (; i < rest->n; i++) {
        char c = rest->p[i];
        char low = (char)(c | 32);
        unsigned digit = c >= '0' && c <= '9'       ? (unsigned)(c - '0')
                         : low >= 'a' && low <= 'f' ? (unsigned)(low - 'a') + 10
                                                    : 16;
        if (digit == 16) {
            break;
        }
        value = value << 4 | digit;
    }
    if (i == begin || i > begin + 16) {
        return false;
    }
    rest->p += i;
    rest->n -= i;
    *ret_value = value;
    return true;
}

#endif
