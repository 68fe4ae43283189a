/* Any bytes as requests and measurements of the profiling data model. */
#include "delivered.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_decode(mission_requests_read, data, size) +
           fuzz_decode(mission_samples_read, data, size);
}
