/* Any bytes as Jaeger JSON. */
#include "delivered.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_decode(jaeger_read, data, size);
}
