/* Any bytes as a chunk: what is taken can be read to the end, and sealed again holds the same. The first
 * byte is the number of columns. */
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

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct series *series[COLUMNS_MAX] = {NULL};
    if (size < 1) {
        return 0;
    }
    struct layout *layout = layout_new(series, data[0] % (COLUMNS_MAX + 1));
    must(layout != NULL);
    struct chunk *chunk = chunk_parse(layout, data + 1, size - 1);
    if (chunk != NULL) {
        check_chunk(chunk);
        chunk_release(chunk);
    }
    layout_release(layout);
    return 0;
}
