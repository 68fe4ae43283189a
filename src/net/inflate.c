#include "inflate.h"

#include <stdlib.h>
#include <zlib.h>

#include "flametop/base/macros.h"

#define CHUNK_BYTES 4096
#define FEED_BYTES_MAX ((size_t)1 << 30) /* zlib counts in unsigned int */

struct inflater {
    z_stream z;
    bool ended;
};

struct inflater *
inflater_new(void)
{
    struct inflater *inflater = calloc(1, sizeof(*inflater));
    if (inflater != NULL && inflateInit2(&inflater->z, 15 + 32) != Z_OK) {
        free(inflater);
        return NULL;
    }
    return inflater;
}

void
inflater_free(struct inflater *inflater)
{
    if (inflater != NULL) {
        inflateEnd(&inflater->z);
        free(inflater);
    }
}

bool
inflater_feed(struct inflater *inflater, const void *bytes, size_t n, struct buf *out)
{
    z_stream *z = &inflater->z;
    z->next_in = (Bytef *)(uintptr_t)bytes;
    z->avail_in = (uInt)MIN(n, FEED_BYTES_MAX);
    bool more = n > 0;
    while (more && !out->full) {
        Bytef chunk[CHUNK_BYTES];
        z->next_out = chunk;
        z->avail_out = sizeof(chunk);
        int result = inflater->ended ? Z_DATA_ERROR : inflate(z, Z_NO_FLUSH);
        if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
            return false; /* also what follows the end */
        }
        inflater->ended = result == Z_STREAM_END;
        buf_add(out, chunk, sizeof(chunk) - z->avail_out);
        more = z->avail_in > 0 || (z->avail_out == 0 && !inflater->ended);
    }
    return n <= FEED_BYTES_MAX;
}

bool
inflater_ended(const struct inflater *inflater)
{
    return inflater->ended;
}
