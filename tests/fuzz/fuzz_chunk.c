/* Any bytes as a chunk: what is taken can be read to the end, and sealed again holds the same. And
 * the bytes as what a head holds, sealed, with one bit flipped. The first byte is the number of
 * columns, the next two are the bit. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/core/chunk.h"

#define COLUMNS_MAX 40

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool ok)
{
    if (!ok) {
        abort();
    }
}

static void
check_same(const struct chunk *chunk, const struct head *head)
{
    int64_t times[CHUNK_TICKS];
    double values[CHUNK_TICKS];
    must(chunk_times(chunk, times));
    must(memcmp(times, head->mono_ns, chunk->ticks * sizeof(times[0])) == 0);
    for (size_t i = 0; i < chunk->layout->count; i++) {
        must(chunk_column(chunk, i, values));
        must(memcmp(values, head->values + i * CHUNK_TICKS, chunk->ticks * sizeof(values[0])) == 0);
    }
}

static void
check_chunk(struct chunk *chunk)
{
    struct head *head = head_new(chunk->layout, chunk->wall_offset_ns);
    must(head != NULL && chunk->ticks > 0 && chunk->ticks <= CHUNK_TICKS);
    must(chunk_times(chunk, head->mono_ns));
    for (size_t i = 0; i < chunk->layout->count; i++) {
        must(chunk_column(chunk, i, head->values + i * CHUNK_TICKS));
    }
    must(chunk->first_ns == head->mono_ns[0]);
    must(chunk->last_ns == head->mono_ns[chunk->ticks - 1]);
    struct chunk *again = chunk_seal(head, chunk->ticks);
    must(again != NULL && again->wall_offset_ns == chunk->wall_offset_ns);
    check_same(again, head);
    chunk_release(again);
    head_release(head);
}

static void
check_bytes(struct layout *layout, const uint8_t *bytes, size_t size)
{
    struct chunk *chunk = chunk_parse(layout, bytes, size);
    if (chunk != NULL) {
        check_chunk(chunk);
        chunk_release(chunk);
    }
}

static void
check_damaged(struct layout *layout, const uint8_t *bytes, size_t size, size_t bit)
{
    struct head *head = head_new(layout, (int64_t)size);
    must(head != NULL);
    memset(head->values, 0, layout->count * CHUNK_TICKS * sizeof(head->values[0]));
    for (size_t i = 0; i < CHUNK_TICKS; i++) {
        head->mono_ns[i] = size > 0 ? bytes[i % size] : 0;
    }
    for (size_t i = 0; i < layout->count * CHUNK_TICKS && size > 0; i++) {
        head->values[i] = (double)bytes[i % size] / (double)(1 + i / CHUNK_TICKS);
    }
    struct chunk *chunk = chunk_seal(head, 1 + bit % CHUNK_TICKS);
    must(chunk != NULL);
    check_same(chunk, head);
    bit %= chunk->size * 8;
    chunk->bytes[bit / 8] = (uint8_t)(chunk->bytes[bit / 8] ^ 1 << bit % 8);
    check_bytes(layout, chunk->bytes, chunk->size);
    chunk_release(chunk);
    head_release(head);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct series *series[COLUMNS_MAX] = {NULL};
    if (size < 3) {
        return 0;
    }
    struct layout *layout = layout_new(series, data[0] % (COLUMNS_MAX + 1));
    must(layout != NULL);
    check_bytes(layout, data + 3, size - 3);
    check_damaged(layout, data + 3, size - 3, data[1] | (size_t)data[2] << 8);
    layout_release(layout);
    return 0;
}
