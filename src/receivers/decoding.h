/* Large bodies, decoded a little at a time: the loop does not stand still for the second that one
 * of 64 MiB takes.
 *
 * A decoder runs to its end in a thread of its own, but hands on what it read only while the loop's
 * thread lends it the time for it, DECODING_SLICE_NS at most, and waits meanwhile: whatever takes
 * spans and readings is still used by one thread at a time. One body after the other, in the order
 * in which they came. */
#ifndef FLAMETOP_SRC_RECEIVERS_DECODING_H
#define FLAMETOP_SRC_RECEIVERS_DECODING_H

#include <uv.h>

#include "flametop/base/macros.h"
#include "flametop/receivers/decode.h"

#define DECODING_SLICE_NS (6 * NS_PER_MS)
#define DECODING_BYTES_MIN ((size_t)256 << 10) /* what is smaller is decoded at once */

enum decoded {
    DECODED_GOOD,
    DECODED_BAD,   /* delivery->why says what is wrong */
    DECODED_ENDED, /* the receiver was closed before it was read */
};

struct decoding {
    decode_function *decode;
    struct str body;          /* stays until it is done */
    struct delivery delivery; /* zeroed, with now_ns */
    /* On the loop's thread; the body and the decoding are the caller's again. */
    void (*done)(void *context, const struct decoding *decoding, enum decoded how);
    void *context;
};

struct decodings;

/* `bytes_max`: of all bodies that wait. NULL: out of memory. */
struct decodings *decodings_new(uv_loop_t *loop, const struct span_sink *sink, size_t bytes_max);

/* All that were not done are, as DECODED_ENDED. The loop must turn once more to release its handle.
 */
void decodings_free(struct decodings *decodings); /* NULL is allowed */

/* Copies it and begins it in its turn. False: too many bytes wait, or out of memory; it is not done
 * then. */
bool decodings_add(struct decodings *decodings, const struct decoding *decoding);

#endif
