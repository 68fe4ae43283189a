/* Writing external terms. */
#include <string.h>

#include "etf.h"
#include "etf_tags.h"

static void
put_number(struct buf *out, unsigned bytes, uint64_t value)
{
    for (unsigned i = bytes; i-- > 0;) {
        buf_putc(out, (char)(value >> (8 * i)));
    }
}

void
etf_put_atom(struct buf *out, const char *text)
{
    size_t n = strlen(text);
    buf_putc(out, (char)(n < 256 ? TAG_SMALL_ATOM_UTF8 : TAG_ATOM_UTF8));
    put_number(out, n < 256 ? 1 : 2, n);
    buf_add(out, text, n);
}

void
etf_put_integer(struct buf *out, int64_t value)
{
    uint64_t size = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    if (value >= 0 && value < 256) {
        buf_putc(out, TAG_SMALL_INTEGER);
        put_number(out, 1, size);
    } else if (value >= INT32_MIN && value <= INT32_MAX) {
        buf_putc(out, TAG_INTEGER);
        put_number(out, 4, (uint32_t)(int32_t)value);
    } else {
        buf_putc(out, TAG_SMALL_BIG);
        buf_putc(out, 8);
        buf_putc(out, value < 0);
        buf_put_u64(out, size);
    }
}

void
etf_put_binary(struct buf *out, struct str text)
{
    buf_putc(out, TAG_BINARY);
    put_number(out, 4, text.n);
    buf_add(out, text.p, text.n);
}

void
etf_put_string(struct buf *out, struct str text)
{
    if (text.n == 0) {
        etf_put_nil(out);
        return;
    }
    buf_putc(out, TAG_STRING);
    put_number(out, 2, text.n);
    buf_add(out, text.p, text.n);
}

void
etf_put_pid(struct buf *out, const struct etf_pid *pid)
{
    buf_putc(out, TAG_NEW_PID);
    etf_put_atom(out, pid->node);
    put_number(out, 4, pid->id);
    put_number(out, 4, pid->serial);
    put_number(out, 4, pid->creation);
}

void
etf_put_tuple(struct buf *out, unsigned arity)
{
    buf_putc(out, TAG_SMALL_TUPLE);
    put_number(out, 1, arity);
}

void
etf_put_list(struct buf *out, uint32_t count)
{
    buf_putc(out, TAG_LIST);
    put_number(out, 4, count);
}

void
etf_put_nil(struct buf *out)
{
    buf_putc(out, TAG_NIL);
}
