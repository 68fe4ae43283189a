/* Simple8b: each word takes as many values as fit, from the front (greedy).
 *
 * Invariant of the decoder: every word yields at least one value or ends the decoding, so it takes
 * at most n rounds whatever the bytes are; behind the end it reads zeros, which mean "zeros to the
 * end". */
#include "simple8b.h"

#include <endian.h>
#include <string.h>

#include "flametop/base/macros.h"

enum { SELECT_RUN, SELECT_RAW, SELECT_FIRST, SELECT_COUNT = 16 };

#define SELECT_BITS 4
#define SELECT_MASK 15u
#define RUN_BITS 20
#define RUN_MAX ((1u << RUN_BITS) - 1)
#define RUN_VALUE_MAX ((UINT64_C(1) << 40) - 1)

static const uint8_t slots_of[SELECT_COUNT] = {0, 0, 60, 30, 20, 15, 12, 10,
                                               8, 7, 6,  5,  4,  3,  2,  1};
static const uint8_t width_of[SELECT_COUNT] = {0, 0, 1,  2,  3,  4,  5,  6,
                                               7, 8, 10, 12, 15, 20, 30, 60};

/* The selector with the narrowest slots that hold a value of so many bits. */
static const uint8_t select_of_bits[61] = {
    2,  2,  3,  4,  5,  6,  7,  8,  9,  10, 10, 11, 11, 12, 12, 12, 13, 13, 13, 13, 13,
    14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,
};

static unsigned
bits_of(uint64_t value)
{
    return value == 0 ? 0 : 64u - (unsigned)__builtin_clzll(value);
}

static void
put_word(struct buf *out, uint64_t word)
{
    char *p = buf_reserve(out, sizeof(word));
    if (p != NULL) {
        uint64_t little = htole64(word);
        memcpy(p, &little, sizeof(little));
        out->n += sizeof(little);
    }
}

/* How many values from the front share one word, and its selector. 0: the first needs the escape.
 */
static size_t
fit(const uint64_t *values, size_t n, unsigned *ret_select)
{
    unsigned widest = 0;
    size_t count = 0;
    while (count < n) {
        unsigned bits = MAX(widest, bits_of(values[count]));
        if (bits > 60 || count + 1 > slots_of[select_of_bits[bits]]) {
            break;
        }
        widest = bits;
        count++;
    }
    unsigned select = select_of_bits[widest];
    if (count < n) {
        /* Only the last word may have empty slots: take fewer, wider ones. */
        while (select < SELECT_COUNT - 1 && slots_of[select] > count) {
            select++;
        }
        count = MIN(count, (size_t)slots_of[select]);
    }
    *ret_select = select;
    return count;
}

static size_t
run_length(const uint64_t *values, size_t n)
{
    if (values[0] > RUN_VALUE_MAX) {
        return 0;
    }
    size_t limit = MIN(n, (size_t)RUN_MAX);
    size_t run = 1;
    while (run < limit && values[run] == values[0]) {
        run++;
    }
    return run;
}

/* Whether a run is the shorter way to say what stands at the front. */
static bool
run_pays(uint64_t value, size_t run, size_t n, size_t packed, unsigned select)
{
    if (run < n || packed < n) {
        return run > packed;
    }
    /* Both end the column, whose last word is cut after its last byte in use. */
    unsigned run_bits = value == 0 ? 0 : SELECT_BITS + RUN_BITS + bits_of(value);
    return run_bits <= SELECT_BITS + n * width_of[select];
}

static uint64_t
pack(const uint64_t *values, size_t count, unsigned select)
{
    uint64_t word = select;
    unsigned shift = SELECT_BITS;
    for (size_t i = 0; i < count; i++) {
        word |= values[i] << shift;
        shift += width_of[select];
    }
    return word;
}

/* Puts one word (or an escape) and answers how many values it took. */
static size_t
put_front(struct buf *out, const uint64_t *values, size_t n)
{
    unsigned select;
    size_t packed = fit(values, n, &select);
    if (packed == 0) {
        put_word(out, SELECT_RAW);
        put_word(out, values[0]);
        return 1;
    }
    size_t run = run_length(values, n);
    if (run > 0 && run_pays(values[0], run, n, packed, select)) {
        uint64_t length = run == n ? 0 : run;
        put_word(out, values[0] << (SELECT_BITS + RUN_BITS) | length << SELECT_BITS | SELECT_RUN);
        return run;
    }
    put_word(out, pack(values, packed, select));
    return packed;
}

void
simple8b_put(struct buf *out, const uint64_t *values, size_t n)
{
    size_t start = out->n;
    for (size_t i = 0; i < n && !out->full;) {
        i += put_front(out, values + i, n - i);
    }
    while (out->n > start && out->data[out->n - 1] == 0) {
        out->n--;
    }
}

struct words {
    const uint8_t *p, *end;
};

static uint64_t
next_word(struct words *words)
{
    uint64_t word = 0;
    size_t n = MIN(sizeof(word), (size_t)(words->end - words->p));
    if (n > 0) {
        memcpy(&word, words->p, n);
        words->p += n;
    }
    return le64toh(word);
}

/* The next three answer how many values a word gave; 0 when it is not valid. */
static size_t
get_run(uint64_t word, uint64_t *ret_values, size_t n)
{
    uint64_t value = word >> (SELECT_BITS + RUN_BITS);
    size_t run = (size_t)(word >> SELECT_BITS) & RUN_MAX;
    run = run == 0 ? n : run;
    if (run > n) {
        return 0;
    }
    for (size_t i = 0; i < run; i++) {
        ret_values[i] = value;
    }
    return run;
}

static size_t
get_raw(uint64_t word, struct words *words, uint64_t *ret_values)
{
    if (word != SELECT_RAW) {
        return 0;
    }
    ret_values[0] = next_word(words);
    return 1;
}

static size_t
get_packed(uint64_t word, uint64_t *ret_values, size_t n)
{
    unsigned select = (unsigned)(word & SELECT_MASK);
    unsigned width = width_of[select];
    uint64_t mask = (UINT64_C(1) << width) - 1;
    size_t count = MIN(n, (size_t)slots_of[select]);
    word >>= SELECT_BITS;
    for (size_t i = 0; i < count; i++) {
        ret_values[i] = word & mask;
        word >>= width;
    }
    return word == 0 ? count : 0;
}

bool
simple8b_get(const uint8_t *bytes, size_t size, uint64_t *ret_values, size_t n)
{
    if (size > 0 && bytes[size - 1] == 0) {
        return false;
    }
    struct words words = {bytes, bytes + size};
    for (size_t i = 0; i < n;) {
        uint64_t word = next_word(&words);
        unsigned select = (unsigned)(word & SELECT_MASK);
        size_t got = select == SELECT_RUN   ? get_run(word, ret_values + i, n - i)
                     : select == SELECT_RAW ? get_raw(word, &words, ret_values + i)
                                            : get_packed(word, ret_values + i, n - i);
        if (got == 0) {
            return false;
        }
        i += got;
    }
    return words.p == words.end;
}
