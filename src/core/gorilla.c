/* Gorilla XOR.
 *
 * Invariant of the writer: room for the worst case (77 bits a value) is reserved before the first
 * bit, so no single write checks. Of the reader: `at` never passes `bits`. */
#include "gorilla.h"

#include <endian.h>
#include <string.h>

#include "flametop/base/macros.h"

#define LEADING_BITS 5
#define LEADING_MAX 31
#define LENGTH_BITS 6
#define VALUE_BITS_MAX (2 + LEADING_BITS + LENGTH_BITS + 64)
#define NEW_WINDOW_BITS (LEADING_BITS + LENGTH_BITS)

struct window {
    unsigned leading, length;
};

static const struct window window_all = {0, 64};

static unsigned
window_shift(struct window window)
{
    return 64 - window.leading - window.length;
}

struct bit_writer {
    char *p;
    uint64_t word;
    unsigned used; /* bits in word, 0-63 */
};

/* value must not have bits above `bits` (1-64). */
static void
put_bits(struct bit_writer *writer, uint64_t value, unsigned bits)
{
    writer->word |= value << writer->used;
    writer->used += bits;
    if (writer->used < 64) {
        return;
    }
    uint64_t little = htole64(writer->word);
    memcpy(writer->p, &little, sizeof(little));
    writer->p += sizeof(little);
    writer->used -= 64;
    writer->word = writer->used == 0 ? 0 : value >> (bits - writer->used);
}

static char *
put_end(struct bit_writer *writer)
{
    uint64_t little = htole64(writer->word);
    size_t n = (writer->used + 7) / 8;
    memcpy(writer->p, &little, n);
    return writer->p + n;
}

static void
put_xor(struct bit_writer *writer, uint64_t xor, struct window *window)
{
    if (xor == 0) {
        put_bits(writer, 0, 1);
        return;
    }
    unsigned leading = MIN((unsigned)__builtin_clzll(xor), LEADING_MAX);
    unsigned trailing = (unsigned)__builtin_ctzll(xor);
    unsigned length = 64 - leading - trailing;
    bool inside = leading >= window->leading && trailing >= window_shift(*window);
    if (inside && window->length <= length + NEW_WINDOW_BITS) {
        put_bits(writer, 1, 2);
    } else {
        *window = (struct window){leading, length};
        put_bits(writer, 3u | leading << 2 | (length & 63u) << (2 + LEADING_BITS),
                 2 + NEW_WINDOW_BITS);
    }
    put_bits(writer, xor >> window_shift(*window), window->length);
}

static uint64_t
bits_of_double(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

void
gorilla_put(struct buf *out, const double *values, size_t n)
{
    char *start = buf_reserve(out, n * VALUE_BITS_MAX / 8 + sizeof(uint64_t));
    if (start == NULL || n == 0) {
        return;
    }
    struct bit_writer writer = {.p = start};
    struct window window = window_all;
    uint64_t before = bits_of_double(values[0]);
    put_bits(&writer, before, 64);
    for (size_t i = 1; i < n; i++) {
        uint64_t now = bits_of_double(values[i]);
        put_xor(&writer, now ^ before, &window);
        before = now;
    }
    out->n += (size_t)(put_end(&writer) - start);
}

struct bit_reader {
    const uint8_t *bytes;
    size_t size, bits, at;
};

/* Takes `bits` (1-64); false when there are fewer. */
static bool
get_bits(struct bit_reader *reader, unsigned bits, uint64_t *ret_value)
{
    if (bits > reader->bits - reader->at) {
        return false;
    }
    size_t byte = reader->at / 8;
    unsigned shift = (unsigned)(reader->at % 8);
    uint64_t word = 0;
    memcpy(&word, reader->bytes + byte, MIN(sizeof(word), reader->size - byte));
    uint64_t value = le64toh(word) >> shift;
    if (shift + bits > 64) {
        value |= (uint64_t)reader->bytes[byte + 8] << (64 - shift);
    }
    reader->at += bits;
    *ret_value = bits == 64 ? value : value & ((UINT64_C(1) << bits) - 1);
    return true;
}

static bool
get_window(struct bit_reader *reader, struct window *window)
{
    uint64_t both;
    if (!get_bits(reader, NEW_WINDOW_BITS, &both)) {
        return false;
    }
    unsigned length = (unsigned)(both >> LEADING_BITS);
    struct window got = {(unsigned)both & LEADING_MAX, length == 0 ? 64 : length};
    if (got.leading + got.length > 64) {
        return false;
    }
    *window = got;
    return true;
}

static bool
get_xor(struct bit_reader *reader, struct window *window, uint64_t *ret_xor)
{
    uint64_t changed, fresh, bits;
    *ret_xor = 0;
    if (!get_bits(reader, 1, &changed)) {
        return false;
    }
    if (changed == 0) {
        return true;
    }
    if (!get_bits(reader, 1, &fresh) || (fresh == 1 && !get_window(reader, window)) ||
        !get_bits(reader, window->length, &bits)) {
        return false;
    }
    *ret_xor = bits << window_shift(*window);
    return true;
}

/* The padding: less than a byte, and zero. */
static bool
get_end(struct bit_reader *reader)
{
    unsigned left = (unsigned)MIN(reader->bits - reader->at, (size_t)8);
    uint64_t padding = 0;
    return left < 8 && (left == 0 || (get_bits(reader, left, &padding) && padding == 0));
}

bool
gorilla_get(const uint8_t *bytes, size_t size, double *ret_values, size_t n)
{
    struct bit_reader reader = {.bytes = bytes, .size = size, .bits = size * 8};
    struct window window = window_all;
    uint64_t now = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t xor ;
        if (i == 0 ? !get_bits(&reader, 64, &xor) : !get_xor(&reader, &window, &xor)) {
            return false;
        }
        now ^= xor;
        memcpy(&ret_values[i], &now, sizeof(now));
    }
    return get_end(&reader);
}
