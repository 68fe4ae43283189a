/* A counter the kernel keeps in 32 bits, made as wide as a double's integers.
 *
 * metric.bits tells core/rate.h about a counter that wraps at 2^32 as stored. A counter that is
 * stored in another unit (milliseconds as seconds, sectors as bytes) wraps elsewhere, so it is
 * widened where it is read. A reading that fell from the upper half is a wrap; any other fall is a
 * reset and is passed on. */
#ifndef FLAMETOP_SOURCES_WIDE_H
#define FLAMETOP_SOURCES_WIDE_H

#include <stdint.h>

/* As many bits as `unsigned long` has in this kernel; what /proc prints with %lu wraps there. As
 * metric.bits. */
#define KERNEL_LONG_BITS (sizeof(long) == 4 ? 32u : 0u)

struct wide {
    uint32_t last;
    uint32_t wraps;
};

static inline uint64_t
wide_take(struct wide *wide, uint64_t reading)
{
    if (reading > UINT32_MAX) { /* it was not a 32-bit counter after all */
        *wide = (struct wide){0, 0};
        return reading;
    }
    uint32_t now = (uint32_t)reading;
    if (now < wide->last) {
        wide->wraps = wide->last >= UINT32_C(0x80000000) ? wide->wraps + 1 : 0;
    }
    wide->last = now;
    return (uint64_t)wide->wraps << 32 | now;
}

#endif
