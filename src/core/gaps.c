#include "gaps.h"

#include <endian.h>
#include <string.h>

#include "flametop/core/codec.h"

#define GAP_BITS UINT64_C(0x7ff8000000000000)

static bool
is_present(const struct gaps *gaps, size_t i)
{
    return gaps->present[i / 64] >> i % 64 & 1;
}

size_t
gaps_split(const double *values, size_t n, struct gaps *gaps, double *ret_kept)
{
    *gaps = (struct gaps){.pairs = 0};
    size_t count = 0;
    bool in_gap = false;
    for (size_t i = 0; i < n; i++) {
        uint64_t bits;
        memcpy(&bits, &values[i], sizeof(bits));
        bool is_gap = bits == GAP_BITS;
        if (!is_gap) {
            gaps->present[i / 64] |= UINT64_C(1) << i % 64;
            ret_kept[count++] = values[i];
        }
        gaps->pairs += is_gap && !in_gap;
        in_gap = is_gap;
    }
    return count;
}

static void
put_gap_pairs(struct buf *out, const struct gaps *gaps, size_t n)
{
    buf_put_varint(out, gaps->pairs);
    for (size_t i = 0, pair = 0; pair < gaps->pairs; pair++) {
        size_t start = i;
        while (is_present(gaps, i)) {
            i++;
        }
        buf_put_varint(out, i - start);
        start = i;
        while (i < n && !is_present(gaps, i)) {
            i++;
        }
        buf_put_varint(out, i - start);
    }
}

void
gaps_put(struct buf *out, const struct gaps *gaps, size_t n)
{
    size_t pair_bytes = n < 128 ? 2 : 4;
    size_t bitmap_bytes = (n + 7) / 8;
    if (gaps->pairs * pair_bytes < bitmap_bytes) {
        put_gap_pairs(out, gaps, n);
        return;
    }
    uint64_t little[BLOCK_WORDS];
    for (size_t i = 0; i < BLOCK_WORDS; i++) {
        little[i] = htole64(gaps->present[i]);
    }
    buf_putc(out, 0);
    buf_add(out, little, bitmap_bytes);
}

static bool
get_gap_bitmap(const uint8_t **p, const uint8_t *end, struct gaps *gaps, size_t n)
{
    size_t bytes = (n + 7) / 8;
    if ((size_t)(end - *p) < bytes) {
        return false;
    }
    memcpy(gaps->present, *p, bytes);
    *p += bytes;
    for (size_t i = 0; i < BLOCK_WORDS; i++) {
        gaps->present[i] = le64toh(gaps->present[i]);
    }
    /* Bits behind the last value would be counted as values. */
    return n % 64 == 0 || gaps->present[n / 64] >> n % 64 == 0;
}

static bool
get_gap_pairs(const uint8_t **p, const uint8_t *end, struct gaps *gaps, size_t pairs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        gaps->present[i / 64] |= UINT64_C(1) << i % 64;
    }
    for (size_t i = 0; pairs > 0; pairs--) {
        uint64_t before, length;
        if (!codec_get_varint(p, end, &before) || before > n - i ||
            !codec_get_varint(p, end, &length) || length == 0 || length > n - i - before) {
            return false;
        }
        i += before;
        for (size_t stop = i + length; i < stop; i++) {
            gaps->present[i / 64] &= ~(UINT64_C(1) << i % 64);
        }
    }
    return true;
}

bool
gaps_get(const uint8_t **p, const uint8_t *end, struct gaps *gaps, size_t n, size_t *ret_count)
{
    uint64_t pairs;
    *gaps = (struct gaps){.pairs = 0};
    if (!codec_get_varint(p, end, &pairs) ||
        !(pairs == 0 ? get_gap_bitmap(p, end, gaps, n) : get_gap_pairs(p, end, gaps, pairs, n))) {
        return false;
    }
    size_t count = 0;
    for (size_t i = 0; i < BLOCK_WORDS; i++) {
        count += (size_t)__builtin_popcountll(gaps->present[i]);
    }
    *ret_count = count;
    return true;
}

/* From the back, as a value never moves forward. */
void
gaps_spread(const struct gaps *gaps, double *values, size_t n, size_t count)
{
    for (size_t i = n; i-- > 0;) {
        uint64_t gap = GAP_BITS;
        if (is_present(gaps, i)) {
            values[i] = values[--count];
        } else {
            memcpy(&values[i], &gap, sizeof(gap));
        }
    }
}
