/* Pieces of a record stream. */
#include "piece.h"

#include <string.h>

#define LEVEL 6

bool
packer_init(struct packer *packer)
{
    packer->deflater = (z_stream){0};
    return deflateInit2(&packer->deflater, LEVEL, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) == Z_OK;
}

void
packer_done(struct packer *packer)
{
    deflateEnd(&packer->deflater);
}

static struct http_bytes *
pack(struct packer *packer, const struct buf *from, bool with_head)
{
    static const uint8_t head[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255};
    z_stream *z = &packer->deflater;
    deflateReset(z);
    size_t room = deflateBound(z, from->n) + 16, before = with_head ? sizeof(head) : 0;
    struct buf out;
    buf_init(&out, before + room);
    char *to = buf_reserve(&out, before + room);
    if (to == NULL) {
        return NULL;
    }
    memcpy(to, head, before);
    z->next_in = (Bytef *)(uintptr_t)from->data;
    z->avail_in = (uInt)from->n;
    z->next_out = (Bytef *)to + before;
    z->avail_out = (uInt)room;
    struct http_bytes *packed = NULL;
    if (deflate(z, Z_FULL_FLUSH) == Z_OK && z->avail_in == 0 && z->avail_out > 0) {
        packed = http_bytes_new(to, before + room - z->avail_out);
    }
    buf_done(&out);
    return packed;
}

bool
piece_make(struct packer *packer, const struct buf *from, bool packed, bool head,
           struct piece *ret_piece)
{
    struct http_bytes *bytes =
        packed ? pack(packer, from, head) : http_bytes_new(from->data, from->n);
    if (bytes != NULL) {
        *ret_piece = (struct piece){
            bytes, (uint32_t)crc32(0, (const Bytef *)from->data, (uInt)from->n), from->n};
    }
    return bytes != NULL;
}

void
piece_done(struct piece *piece)
{
    http_bytes_release(piece->bytes);
    *piece = (struct piece){0};
}

void
gzip_tail(uint32_t crc, uint64_t n, uint8_t ret_tail[GZIP_TAIL_BYTES])
{
    ret_tail[0] = 3; /* an empty last block */
    ret_tail[1] = 0;
    for (size_t i = 0; i < 4; i++) {
        ret_tail[2 + i] = (uint8_t)(crc >> 8 * i);
        ret_tail[6 + i] = (uint8_t)(n >> 8 * i);
    }
}
