/* What a sampling grew by, from a server: any bytes, in any number of portions. Whatever is taken
 * can be copied, and written again. */
#include <stdint.h>
#include <stdlib.h>

#include "flametop/core/sampling.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sampling_reader reader;
    struct buf out;
    if (!sampling_reader_init(&reader)) {
        return 0;
    }
    while (size > 0) { /* a portion's length, and that many bytes */
        size_t n = data[0] < size ? data[0] : size - 1;
        if (!sampling_read(&reader, (struct str){(const char *)data + 1, n})) {
            sampling_reader_again(&reader);
        }
        data += n + 1;
        size -= n + 1;
    }
    struct profile *copy = profile_copy(reader.profile);
    buf_init(&out, 1 << 20);
    if (copy != NULL) {
        for (uint32_t i = 1; i < copy->node_count; i++) {
            if (copy->parent[i] >= i || copy->frame[i] >= copy->frame_count) {
                abort();
            }
        }
        sampling_write(NULL, copy, &reader.status, &out);
    }
    buf_done(&out);
    profile_release(copy);
    sampling_reader_done(&reader);
    return 0;
}
