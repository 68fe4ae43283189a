/* A growable byte buffer with a maximum.
 *
 * Invariant: n <= capacity <= max; after any text call data[n] is NUL, though it is not counted.
 * What does not fit under max is dropped whole and `full` is set: a reader of the buffer looks at
 * `full` once at the end instead of checking each call. */
#ifndef FLAMETOP_BASE_BUF_H
#define FLAMETOP_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/macros.h"

struct buf {
    char *data;
    size_t n, capacity, max;
    bool full;
};

void buf_init(struct buf *buf, size_t max);
void buf_done(struct buf *buf);
void buf_clear(struct buf *buf);

/* Room for `bytes` more at data + n (the caller then adds to n); NULL when that would pass max. */
char *buf_reserve(struct buf *buf, size_t bytes);

void buf_add(struct buf *buf, const void *bytes, size_t n);
void buf_puts(struct buf *buf, const char *text);
void buf_putc(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);
void buf_vprintf(struct buf *buf, const char *format, va_list args);

/* Little-endian integers and LEB128 variable-length ones. */
void buf_put_u16(struct buf *buf, uint16_t value);
void buf_put_u32(struct buf *buf, uint32_t value);
void buf_put_u64(struct buf *buf, uint64_t value);
void buf_put_varint(struct buf *buf, uint64_t value);

#endif
