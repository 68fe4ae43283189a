/* The column codec.
 *
 * A column starts with a tag byte: the kind in bits 0-2, the decimal exponent in bits 3-5, GAPS in
 * bit 6, DIVIDED in bit 7. Then, as the tag says: the gaps, the first value, the divisor, the base,
 * the steps.
 *
 * All integer arithmetic is on uint64_t and wraps around, so that any bytes decode without overflow
 * and what was encoded comes back whatever the values are. Work is done in blocks of BLOCK_VALUES,
 * so nothing is allocated but the output. */
#include "flametop/core/codec.h"

#include <assert.h>
#include <endian.h>
#include <math.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "gaps.h"
#include "gorilla.h"
#include "simple8b.h"

enum kind {
    KIND_NONE,     /* gaps only */
    KIND_ZERO,     /* all the same: 0 */
    KIND_CONSTANT, /* all the same: a decimal */
    KIND_RAW,      /* all the same: any 64 bits */
    KIND_DELTA,    /* steps */
    KIND_DRIFT,    /* how the steps differ from their mean */
    KIND_DELTA2,   /* how the steps differ from the one before */
    KIND_XOR,
};

#define TAG_KIND 0x07u
#define TAG_EXPONENT 0x38u
#define TAG_EXPONENT_SHIFT 3
#define TAG_GAPS 0x40u
#define TAG_DIVIDED 0x80u

/* What else may be set in the tag of a kind. */
static const uint8_t tag_allows[] = {
    [KIND_NONE] = 0,
    [KIND_ZERO] = TAG_GAPS,
    [KIND_CONSTANT] = TAG_GAPS | TAG_EXPONENT,
    [KIND_RAW] = TAG_GAPS,
    [KIND_DELTA] = TAG_GAPS | TAG_EXPONENT | TAG_DIVIDED,
    [KIND_DRIFT] = TAG_GAPS | TAG_EXPONENT | TAG_DIVIDED,
    [KIND_DELTA2] = TAG_GAPS | TAG_EXPONENT | TAG_DIVIDED,
    [KIND_XOR] = TAG_GAPS,
};

#define EXPONENT_MAX 6
static const double power_of_ten[EXPONENT_MAX + 1] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6};

struct reader {
    const uint8_t *p, *end;
};

static size_t
left(const struct reader *reader)
{
    return (size_t)(reader->end - reader->p);
}

static bool
get_varint(struct reader *reader, uint64_t *ret_value)
{
    return codec_get_varint(&reader->p, reader->end, ret_value);
}

static uint64_t
zigzag(uint64_t value)
{
    return value << 1 ^ (0 - (value >> 63));
}

static uint64_t
unzigzag(uint64_t value)
{
    return value >> 1 ^ (0 - (value & 1));
}

static uint64_t
magnitude(uint64_t value)
{
    return value >> 63 ? 0 - value : value;
}

static uint64_t
bits_of_double(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static void
put_tag(struct buf *out, unsigned tag)
{
    buf_putc(out, (char)tag);
}

/* Decimals. */

/* v * 10^e rounded, if that is below 2^53 and divided again gives back every bit of v. */
static bool
to_decimal(double v, unsigned e, uint64_t *ret_integer)
{
    double scaled = v * power_of_ten[e];
    if (!(fabs(scaled) < 0x1p53)) {
        return false;
    }
    int64_t integer = (int64_t)scaled;
    double rest = scaled - (double)integer;
    integer += (rest >= 0.5) - (rest <= -0.5);
    *ret_integer = (uint64_t)integer;
    return bits_of_double((double)integer / power_of_ten[e]) == bits_of_double(v);
}

/* The smallest exponent that suits all values, with the integers; false when there is none. */
static bool
to_decimals(const double *values, size_t n, uint64_t *ret_integers, unsigned *ret_exponent)
{
    unsigned e = 0;
    size_t fitted_from = 0; /* values before this one were converted with a smaller exponent */
    for (size_t i = 0; i < n; i++) {
        while (!to_decimal(values[i], e, &ret_integers[i])) {
            fitted_from = i;
            if (++e > EXPONENT_MAX) {
                return false;
            }
        }
    }
    for (size_t i = 0; i < fitted_from; i++) {
        if (!to_decimal(values[i], e, &ret_integers[i])) {
            return false;
        }
    }
    *ret_exponent = e;
    return true;
}

/* Integers. */

static uint64_t
gcd(uint64_t a, uint64_t b)
{
    while (b != 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* Turns n integers into their n - 1 steps divided by the gcd of all; answers the gcd. */
static uint64_t
to_steps(uint64_t *integers, size_t n)
{
    uint64_t divisor = 0;
    for (size_t i = 0; i + 1 < n; i++) {
        integers[i] = integers[i + 1] - integers[i];
        if (divisor != 1) {
            divisor = gcd(magnitude(integers[i]), divisor);
        }
    }
    if (divisor <= 1 || divisor > INT64_MAX) {
        return 1;
    }
    for (size_t i = 0; i + 1 < n; i++) {
        integers[i] = (uint64_t)((int64_t)integers[i] / (int64_t)divisor);
    }
    return divisor;
}

static uint64_t
mean_of_steps(const uint64_t *steps, size_t n)
{
    uint64_t sum = 0;
    assert(n > 0);
    for (size_t i = 0; i < n; i++) {
        sum += steps[i];
    }
    return (uint64_t)((int64_t)sum / (int64_t)n);
}

static void
put_steps(struct buf *out, enum kind kind, const uint64_t *steps, size_t n)
{
    uint64_t residues[BLOCK_VALUES];
    uint64_t base = kind == KIND_DRIFT    ? mean_of_steps(steps, n)
                    : kind == KIND_DELTA2 ? steps[0]
                                          : 0;
    if (kind != KIND_DELTA) {
        buf_put_varint(out, zigzag(base));
    }
    for (size_t i = 0; i < n; i++) {
        residues[i] = zigzag(steps[i] - base);
        base = kind == KIND_DELTA2 ? steps[i] : base;
    }
    simple8b_put(out, residues, n);
}

/* Writes the steps in each way and keeps the shortest; answers its kind. */
static enum kind
put_shortest_steps(struct buf *out, const uint64_t *steps, size_t n)
{
    size_t start = out->n;
    put_steps(out, KIND_DELTA, steps, n);
    size_t best = out->n - start;
    enum kind best_kind = KIND_DELTA;
    for (enum kind kind = KIND_DRIFT; kind <= KIND_DELTA2; kind++) {
        put_steps(out, kind, steps, n);
        size_t bytes = out->n - start - best;
        if (bytes < best && !out->full) {
            memmove(out->data + start, out->data + start + best, bytes);
            best = bytes;
            best_kind = kind;
        }
        out->n = start + best;
    }
    return best_kind;
}

/* Writes n >= 2 integers that are not all the same. `tag_at` is where their tag stands. */
static void
put_integers(struct buf *out, size_t tag_at, uint64_t *integers, size_t n)
{
    buf_put_varint(out, zigzag(integers[0]));
    uint64_t divisor = to_steps(integers, n);
    if (divisor > 1) {
        buf_put_varint(out, divisor);
    }
    unsigned kind = put_shortest_steps(out, integers, n - 1);
    if (!out->full) {
        out->data[tag_at] =
            (char)((uint8_t)out->data[tag_at] | kind | (divisor > 1 ? TAG_DIVIDED : 0));
    }
}

/* Turns the n - 1 residues behind ret_integers[0] into integers, in place. */
static void
add_up(enum kind kind, uint64_t base, uint64_t divisor, uint64_t *ret_integers, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        uint64_t step = base + unzigzag(ret_integers[i]);
        ret_integers[i] = ret_integers[i - 1] + step * divisor;
        base = kind == KIND_DELTA2 ? step : base;
    }
}

/* Reads what put_integers wrote, to the end. */
static bool
get_integers(struct reader *reader, unsigned tag, uint64_t *ret_integers, size_t n)
{
    enum kind kind = tag & TAG_KIND;
    uint64_t first, base = 0, divisor = 1;
    if (n < 2 || !get_varint(reader, &first) ||
        ((tag & TAG_DIVIDED) && (!get_varint(reader, &divisor) || divisor < 2)) ||
        (kind != KIND_DELTA && !get_varint(reader, &base)) ||
        !simple8b_get(reader->p, left(reader), ret_integers + 1, n - 1)) {
        return false;
    }
    reader->p = reader->end;
    ret_integers[0] = unzigzag(first);
    add_up(kind, unzigzag(base), divisor, ret_integers, n);
    return true;
}

static bool
all_same(const uint64_t *integers, size_t n)
{
    size_t i = 1;
    while (i < n && integers[i] == integers[0]) {
        i++;
    }
    return i >= n;
}

/* Columns. */

static bool
all_same_doubles(const double *values, size_t n)
{
    size_t i = 1;
    while (i < n && bits_of_double(values[i]) == bits_of_double(values[0])) {
        i++;
    }
    return i >= n;
}

static void
put_constant(struct buf *out, double value, unsigned gaps_tag, const struct gaps *gaps, size_t n)
{
    uint64_t integer = 0;
    unsigned exponent = 0;
    bool decimal = to_decimals(&value, 1, &integer, &exponent);
    unsigned tag = !decimal       ? KIND_RAW
                   : integer == 0 ? KIND_ZERO
                                  : KIND_CONSTANT | exponent << TAG_EXPONENT_SHIFT;
    put_tag(out, tag | gaps_tag);
    if (gaps_tag != 0) {
        gaps_put(out, gaps, n);
    }
    if (!decimal) {
        buf_put_u64(out, bits_of_double(value));
    } else if (integer != 0) {
        buf_put_varint(out, zigzag(integer));
    }
}

static void
put_varying(struct buf *out, const double *kept, size_t count, unsigned gaps_tag,
            const struct gaps *gaps, size_t n)
{
    uint64_t integers[BLOCK_VALUES];
    unsigned exponent = 0;
    bool decimal = to_decimals(kept, count, integers, &exponent);
    size_t tag_at = out->n;
    put_tag(out, gaps_tag | (decimal ? exponent << TAG_EXPONENT_SHIFT : KIND_XOR));
    if (gaps_tag != 0) {
        gaps_put(out, gaps, n);
    }
    if (decimal) {
        put_integers(out, tag_at, integers, count);
    } else {
        gorilla_put(out, kept, count);
    }
}

static void
put_block(struct buf *out, const double *values, size_t n)
{
    struct gaps gaps;
    double kept[BLOCK_VALUES];
    size_t count = gaps_split(values, n, &gaps, kept);
    unsigned gaps_tag = count < n ? TAG_GAPS : 0;
    if (count == 0) {
        put_tag(out, KIND_NONE);
    } else if (all_same_doubles(kept, count)) {
        put_constant(out, kept[0], gaps_tag, &gaps, n);
    } else {
        put_varying(out, kept, count, gaps_tag, &gaps, n);
    }
}

static bool
get_tag(struct reader *reader, unsigned *ret_tag)
{
    if (left(reader) == 0) {
        return false;
    }
    unsigned tag = *reader->p++;
    unsigned allowed = TAG_KIND | tag_allows[tag & TAG_KIND];
    *ret_tag = tag;
    return (tag & ~allowed) == 0 && (tag & TAG_EXPONENT) >> TAG_EXPONENT_SHIFT <= EXPONENT_MAX;
}

static void
fill(double *values, size_t n, double value)
{
    for (size_t i = 0; i < n; i++) {
        values[i] = value;
    }
}

static bool
get_raw(struct reader *reader, double *ret_value)
{
    uint64_t bits;
    if (left(reader) < sizeof(bits)) {
        return false;
    }
    memcpy(&bits, reader->p, sizeof(bits));
    bits = le64toh(bits);
    memcpy(ret_value, &bits, sizeof(bits));
    reader->p += sizeof(bits);
    return true;
}

static bool
get_constant(struct reader *reader, unsigned tag, double *ret_value)
{
    uint64_t integer = 0;
    if ((tag & TAG_KIND) == KIND_RAW) {
        return get_raw(reader, ret_value);
    }
    if ((tag & TAG_KIND) == KIND_CONSTANT && !get_varint(reader, &integer)) {
        return false;
    }
    double power = power_of_ten[(tag & TAG_EXPONENT) >> TAG_EXPONENT_SHIFT];
    *ret_value = (double)(int64_t)unzigzag(integer) / power;
    return true;
}

static bool
get_decimals(struct reader *reader, unsigned tag, double *ret_values, size_t n)
{
    uint64_t integers[BLOCK_VALUES];
    if (!get_integers(reader, tag, integers, n)) {
        return false;
    }
    double power = power_of_ten[(tag & TAG_EXPONENT) >> TAG_EXPONENT_SHIFT];
    for (size_t i = 0; i < n; i++) {
        ret_values[i] = (double)(int64_t)integers[i] / power;
    }
    return true;
}

static bool
get_xor(struct reader *reader, double *ret_values, size_t n)
{
    bool ok = gorilla_get(reader->p, left(reader), ret_values, n);
    reader->p = reader->end;
    return ok;
}

/* The n values present, to the end of the reader. */
static bool
get_present(struct reader *reader, unsigned tag, double *ret_values, size_t n)
{
    enum kind kind = tag & TAG_KIND;
    if (kind == KIND_XOR) {
        return get_xor(reader, ret_values, n);
    }
    if (kind >= KIND_DELTA) {
        return get_decimals(reader, tag, ret_values, n);
    }
    double value = 0;
    if (n == 0 || !get_constant(reader, tag, &value)) {
        return false;
    }
    fill(ret_values, n, value);
    return left(reader) == 0;
}

static bool
get_block(struct reader reader, double *ret_values, size_t n)
{
    unsigned tag;
    struct gaps gaps;
    size_t count = n;
    if (!get_tag(&reader, &tag)) {
        return false;
    }
    if ((tag & TAG_KIND) == KIND_NONE) {
        gaps = (struct gaps){.pairs = 0};
        gaps_spread(&gaps, ret_values, n, 0);
        return left(&reader) == 0;
    }
    if ((tag & TAG_GAPS) == 0) {
        return get_present(&reader, tag, ret_values, n);
    }
    if (!gaps_get(&reader.p, reader.end, &gaps, n, &count) ||
        !get_present(&reader, tag, ret_values, count)) {
        return false;
    }
    gaps_spread(&gaps, ret_values, n, count);
    return true;
}

/* Times. */

static void
put_times_block(struct buf *out, const int64_t *times, size_t n)
{
    uint64_t integers[BLOCK_VALUES];
    for (size_t i = 0; i < n; i++) {
        integers[i] = (uint64_t)times[i];
    }
    size_t tag_at = out->n;
    if (n == 0) {
        put_tag(out, KIND_NONE);
    } else if (!all_same(integers, n)) {
        put_tag(out, 0);
        put_integers(out, tag_at, integers, n);
    } else if (integers[0] == 0) {
        put_tag(out, KIND_ZERO);
    } else {
        put_tag(out, KIND_CONSTANT);
        buf_put_varint(out, zigzag(integers[0]));
    }
}

static bool
get_same_times(struct reader *reader, unsigned tag, uint64_t *ret_integers, size_t n)
{
    uint64_t integer = 0;
    if ((tag != KIND_ZERO && !get_varint(reader, &integer)) || left(reader) > 0) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        ret_integers[i] = unzigzag(integer);
    }
    return true;
}

static bool
get_times_block(struct reader reader, int64_t *ret_times, size_t n)
{
    uint64_t integers[BLOCK_VALUES];
    unsigned tag;
    if (!get_tag(&reader, &tag) || (tag & (TAG_GAPS | TAG_EXPONENT)) != 0) {
        return false;
    }
    enum kind kind = tag & TAG_KIND;
    if (n == 0 || kind == KIND_NONE) {
        return n == 0 && kind == KIND_NONE && left(&reader) == 0;
    }
    bool ok =
        kind == KIND_ZERO || kind == KIND_CONSTANT
            ? get_same_times(&reader, tag, integers, n)
            : kind >= KIND_DELTA && kind <= KIND_DELTA2 && get_integers(&reader, tag, integers, n);
    for (size_t i = 0; ok && i < n; i++) {
        ret_times[i] = (int64_t)integers[i];
    }
    return ok;
}

/* Blocks: up to BLOCK_VALUES values are one block; more are cut, each block behind its length. */

/* Moves the bytes from `start` on back to make room for their length as a varint. */
static void
put_length_before(struct buf *out, size_t start)
{
    size_t bytes = out->n - start;
    buf_put_varint(out, bytes);
    size_t length_bytes = out->n - start - bytes;
    uint8_t length[10];
    if (out->full) {
        return;
    }
    memcpy(length, out->data + start + bytes, length_bytes);
    memmove(out->data + start + length_bytes, out->data + start, bytes);
    memcpy(out->data + start, length, length_bytes);
}

static bool
get_length_before(struct reader *reader, struct reader *ret_block)
{
    uint64_t bytes;
    if (!get_varint(reader, &bytes) || bytes > left(reader)) {
        return false;
    }
    *ret_block = (struct reader){reader->p, reader->p + bytes};
    reader->p += bytes;
    return true;
}

void
codec_put_column(struct buf *out, const double *values, size_t n)
{
    size_t begin = out->n;
    if (n <= BLOCK_VALUES) {
        put_block(out, values, n);
    }
    for (size_t i = 0; n > BLOCK_VALUES && i < n && !out->full; i += BLOCK_VALUES) {
        size_t start = out->n;
        put_block(out, values + i, MIN(n - i, (size_t)BLOCK_VALUES));
        put_length_before(out, start);
    }
    out->n = out->full ? begin : out->n;
}

bool
codec_get_column(const uint8_t *bytes, size_t size, double *ret_values, size_t n)
{
    struct reader reader = {bytes, bytes + size};
    if (n <= BLOCK_VALUES) {
        return get_block(reader, ret_values, n);
    }
    for (size_t i = 0; i < n; i += BLOCK_VALUES) {
        struct reader block;
        if (!get_length_before(&reader, &block) ||
            !get_block(block, ret_values + i, MIN(n - i, (size_t)BLOCK_VALUES))) {
            return false;
        }
    }
    return left(&reader) == 0;
}

void
codec_put_times(struct buf *out, const int64_t *times, size_t n)
{
    size_t begin = out->n;
    if (n <= BLOCK_VALUES) {
        put_times_block(out, times, n);
    }
    for (size_t i = 0; n > BLOCK_VALUES && i < n && !out->full; i += BLOCK_VALUES) {
        size_t start = out->n;
        put_times_block(out, times + i, MIN(n - i, (size_t)BLOCK_VALUES));
        put_length_before(out, start);
    }
    out->n = out->full ? begin : out->n;
}

bool
codec_get_times(const uint8_t *bytes, size_t size, int64_t *ret_times, size_t n)
{
    struct reader reader = {bytes, bytes + size};
    if (n <= BLOCK_VALUES) {
        return get_times_block(reader, ret_times, n);
    }
    for (size_t i = 0; i < n; i += BLOCK_VALUES) {
        struct reader block;
        if (!get_length_before(&reader, &block) ||
            !get_times_block(block, ret_times + i, MIN(n - i, (size_t)BLOCK_VALUES))) {
            return false;
        }
    }
    return left(&reader) == 0;
}

bool
codec_get_varint(const uint8_t **p, const uint8_t *end, uint64_t *ret_value)
{
    uint64_t value = 0;
    const uint8_t *at = *p;
    for (unsigned shift = 0; shift < 64 && at < end; shift += 7) {
        uint64_t byte = *at++;
        if (shift == 63 && byte > 1) {
            return false;
        }
        value |= (byte & 0x7f) << shift;
        if (byte < 0x80) {
            *p = at;
            *ret_value = value;
            return true;
        }
    }
    return false;
}
