/* Any bytes as Zipkin spans. */
#include "delivered.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_decode(zipkin_read, data, size);
}
