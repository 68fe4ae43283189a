/* Decompresses a request's body, never to more than the buffer may hold. */
#ifndef FLAMETOP_NET_INFLATE_H
#define FLAMETOP_NET_INFLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "flametop/base/buf.h"

struct inflater;

struct inflater *inflater_new(void); /* gzip and zlib, told apart by their first bytes */
void inflater_free(struct inflater *inflater);

/* False when the bytes are not what they claim; when `out` became full it says so itself, and
 * nothing more is decompressed. */
bool inflater_feed(struct inflater *inflater, const void *bytes, size_t n, struct buf *out);

/* The end was there, with its right sum. */
bool inflater_ended(const struct inflater *inflater);

#endif
