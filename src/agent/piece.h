/* A piece of a record stream as it goes out: plain, or deflated by itself (Z_FULL_FLUSH), so that a
 * shared piece fits behind anything. The gzip of a whole stream is put together of the pieces'
 * checksums. */
#ifndef FLAMETOP_AGENT_PIECE_H
#define FLAMETOP_AGENT_PIECE_H

#include <stdbool.h>
#include <stdint.h>
#include <zlib.h>

#include "flametop/base/buf.h"
#include "flametop/net/server.h"

#define GZIP_TAIL_BYTES 10

struct piece {
    struct http_bytes *bytes; /* NULL: there is none */
    uint32_t crc;             /* of what it was before it was packed, and how much that was */
    size_t n;
};

struct packer {
    z_stream deflater;
};

bool packer_init(struct packer *packer);
void packer_done(struct packer *packer);

/* `head`: with the head of a gzip before it. False: out of memory, no piece. */
bool piece_make(struct packer *packer, const struct buf *from, bool packed, bool head,
                struct piece *ret_piece);
void piece_done(struct piece *piece); /* and empty again */

/* The end of the gzip of n bytes with that checksum. */
void gzip_tail(uint32_t crc, uint64_t n, uint8_t ret_tail[GZIP_TAIL_BYTES]);

#endif
