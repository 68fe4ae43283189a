/* Bodies of OTLP in protobuf, as services send them: what benches decode. */
#ifndef FLAMETOP_TESTS_BENCH_OTLP_MADE_H
#define FLAMETOP_TESTS_BENCH_OTLP_MADE_H

#include <string.h>

#include "flametop/base/buf.h"
#include "flametop/base/protobuf.h"

static inline void
put_bytes(struct buf *out, unsigned number, const void *bytes, size_t n)
{
    buf_put_varint(out, number << 3 | PROTOBUF_BYTES);
    buf_put_varint(out, n);
    buf_add(out, bytes, n);
}

static inline void
put_message(struct buf *out, unsigned number, struct buf *inner)
{
    put_bytes(out, number, inner->data, inner->n);
    buf_clear(inner);
}

static inline void
put_number(struct buf *out, unsigned number, uint64_t value)
{
    buf_put_varint(out, number << 3 | PROTOBUF_VARINT);
    buf_put_varint(out, value);
}

static inline void
put_time(struct buf *out, unsigned number, uint64_t ns)
{
    buf_put_varint(out, number << 3 | PROTOBUF_64);
    buf_put_u64(out, ns);
}

/* A KeyValue: a text, or a whole number where there is none. */
static inline void
put_pair(struct buf *out, unsigned number, const char *key, const char *text, uint64_t value)
{
    struct buf pair, any;
    buf_init(&pair, 4096);
    buf_init(&any, 4096);
    if (text != NULL) {
        put_bytes(&any, 1, text, strlen(text));
    } else {
        put_number(&any, 3, value);
    }
    put_bytes(&pair, 1, key, strlen(key));
    put_message(&pair, 2, &any);
    put_message(out, number, &pair);
    buf_done(&pair);
    buf_done(&any);
}

static inline void
put_attribute(struct buf *out, unsigned number, const char *key, const char *text)
{
    put_pair(out, number, key, text, 0);
}

#endif
