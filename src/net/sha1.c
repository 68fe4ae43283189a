#include "sha1.h"

#include <assert.h>
#include <string.h>

#define BLOCK_BYTES 64

static uint32_t
rotate(uint32_t x, unsigned n)
{
    return x << n | x >> (32 - n);
}

static uint32_t
choose(unsigned round, uint32_t b, uint32_t c, uint32_t d)
{
    if (round < 20) {
        return (b & c) | (~b & d);
    }
    return round >= 40 && round < 60 ? (b & c) | (b & d) | (c & d) : b ^ c ^ d;
}

static void
sha1_block(uint32_t h[5], const uint8_t block[BLOCK_BYTES])
{
    static const uint32_t constants[4] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
    uint32_t w[80];
    for (size_t i = 0; i < 16; i++) {
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
               (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    }
    for (size_t i = 16; i < 80; i++) {
        w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    }
    uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
    for (unsigned i = 0; i < 80; i++) {
        uint32_t t = rotate(a, 5) + choose(i, b, c, d) + e + w[i] + constants[i / 20];
        e = d;
        d = c;
        c = rotate(b, 30);
        b = a;
        a = t;
    }
    h[0] += a;
    h[1] += b;
    h[2] += c;
    h[3] += d;
    h[4] += e;
}

void
sha1(struct str text, uint8_t dst[SHA1_BYTES])
{
    uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    uint8_t blocks[2 * BLOCK_BYTES] = {0};
    assert(text.n <= sizeof(blocks) - 9);
    size_t size = text.n <= BLOCK_BYTES - 9 ? BLOCK_BYTES : sizeof(blocks);
    memcpy(blocks, text.p, text.n);
    blocks[text.n] = 0x80;
    blocks[size - 2] = (uint8_t)(text.n * 8 >> 8);
    blocks[size - 1] = (uint8_t)(text.n * 8);
    for (size_t at = 0; at < size; at += BLOCK_BYTES) {
        sha1_block(h, blocks + at);
    }
    for (size_t i = 0; i < SHA1_BYTES; i++) {
        dst[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
    }
}
