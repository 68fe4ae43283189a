/* Any bytes as a column and as times: what decodes must come back when it is encoded again. And the
 * bytes themselves as values: they must come back, and their column with one bit flipped must do no
 * harm. The first two bytes are the number of values, or the bit. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/buf.h"
#include "flametop/core/codec.h"

#define VALUES_MAX 2100

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool ok)
{
    if (!ok) {
        abort();
    }
}

static void
check_column(const double *values, size_t n)
{
    struct buf out;
    double got[VALUES_MAX];
    buf_init(&out, CODEC_ROOM(n));
    codec_put_column(&out, values, n);
    must(!out.full);
    must(codec_get_column((const uint8_t *)out.data, out.n, got, n));
    must(n == 0 || memcmp(got, values, n * sizeof(got[0])) == 0);
    buf_done(&out);
}

static void
check_times(const int64_t *times, size_t n)
{
    struct buf out;
    int64_t got[VALUES_MAX];
    buf_init(&out, CODEC_ROOM(n));
    codec_put_times(&out, times, n);
    must(!out.full);
    must(codec_get_times((const uint8_t *)out.data, out.n, got, n));
    must(n == 0 || memcmp(got, times, n * sizeof(got[0])) == 0);
    buf_done(&out);
}

/* A damaged column of a valid one gets further into the decoder than random bytes do. */
static void
check_damaged(const double *values, size_t n, size_t bit)
{
    struct buf out;
    double got[VALUES_MAX];
    buf_init(&out, CODEC_ROOM(n));
    codec_put_column(&out, values, n);
    bit %= out.n * 8;
    out.data[bit / 8] = (char)(out.data[bit / 8] ^ 1 << bit % 8);
    if (codec_get_column((const uint8_t *)out.data, out.n, got, n)) {
        check_column(got, n);
    }
    buf_done(&out);
}

static void
check_as_values(const uint8_t *data, size_t size, size_t bit)
{
    double values[VALUES_MAX];
    int64_t times[VALUES_MAX];
    size_t n = size / sizeof(values[0]) < VALUES_MAX ? size / sizeof(values[0]) : VALUES_MAX;
    memcpy(values, data, n * sizeof(values[0]));
    check_column(values, n);
    memcpy(times, data, n * sizeof(times[0]));
    check_times(times, n);
    check_damaged(values, n, bit);
    /* Integers of few bits are what the decimals are for. */
    for (size_t i = 0; i < n; i++) {
        values[i] = (double)(times[i] >> (bit & 63));
    }
    check_column(values, n);
    check_damaged(values, n, bit);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    double values[VALUES_MAX];
    int64_t times[VALUES_MAX];
    if (size < 2) {
        return 0;
    }
    size_t bit = data[0] | (size_t)data[1] << 8;
    size_t n = bit % (VALUES_MAX + 1);
    if (codec_get_column(data + 2, size - 2, values, n)) {
        check_column(values, n);
    }
    if (codec_get_times(data + 2, size - 2, times, n)) {
        check_times(times, n);
    }
    check_as_values(data + 2, size - 2, bit);
    return 0;
}
