/* Any bytes as trace events of Chrome. */
#include "delivered.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_decode(chrome_trace_read, data, size);
}
