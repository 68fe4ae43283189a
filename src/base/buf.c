/* Buffer: doubles until its maximum. */
#include "flametop/base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
buf_init(struct buf *buf, size_t max)
{
    *buf = (struct buf){.max = max};
}

void
buf_done(struct buf *buf)
{
    free(buf->data);
    buf_init(buf, buf->max);
}

void
buf_clear(struct buf *buf)
{
    buf->n = 0;
    buf->full = false;
    if (buf->data != NULL) {
        buf->data[0] = 0;
    }
}

char *
buf_reserve(struct buf *buf, size_t bytes)
{
    if (bytes > buf->max || buf->n > buf->max - bytes) {
        buf->full = true;
        return NULL;
    }
    if (buf->data == NULL || buf->n + bytes > buf->capacity) {
        size_t capacity = MIN(buf->max, MAX(buf->n + bytes, MAX(buf->capacity * 2, (size_t)256)));
        char *data = realloc(buf->data, capacity + 1);
        if (data == NULL) {
            buf->full = true;
            return NULL;
        }
        buf->data = data;
        buf->capacity = capacity;
    }
    return buf->data + buf->n;
}

void
buf_add(struct buf *buf, const void *bytes, size_t n)
{
    char *p = buf_reserve(buf, n);
    if (p == NULL) {
        return;
    }
    if (n > 0) {
        memcpy(p, bytes, n);
    }
    buf->n += n;
    buf->data[buf->n] = 0;
}

void
buf_puts(struct buf *buf, const char *text)
{
    buf_add(buf, text, strlen(text));
}

void
buf_putc(struct buf *buf, char c)
{
    buf_add(buf, &c, 1);
}

void
buf_vprintf(struct buf *buf, const char *format, va_list args)
{
    char line[256];
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(line, sizeof(line), format, args);
    if (n >= 0 && (size_t)n < sizeof(line)) {
        buf_add(buf, line, (size_t)n);
    } else if (n >= 0) {
        char *p = buf_reserve(buf, (size_t)n);
        if (p != NULL) {
            vsnprintf(p, (size_t)n + 1, format, again);
            buf->n += (size_t)n;
        }
    }
    va_end(again);
}

void
buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    buf_vprintf(buf, format, args);
    va_end(args);
}

static void
put_le(struct buf *buf, uint64_t value, size_t bytes)
{
    unsigned char le[8];
    for (size_t i = 0; i < bytes; i++) {
        le[i] = (unsigned char)(value >> (8 * i));
    }
    buf_add(buf, le, bytes);
}

void
buf_put_u16(struct buf *buf, uint16_t value)
{
    put_le(buf, value, 2);
}

void
buf_put_u32(struct buf *buf, uint32_t value)
{
    put_le(buf, value, 4);
}

void
buf_put_u64(struct buf *buf, uint64_t value)
{
    put_le(buf, value, 8);
}

void
buf_put_varint(struct buf *buf, uint64_t value)
{
    unsigned char bytes[10];
    size_t n = 0;
    while (value >= 0x80) {
        bytes[n++] = (unsigned char)(value | 0x80);
        value >>= 7;
    }
    bytes[n++] = (unsigned char)value;
    buf_add(buf, bytes, n);
}
