/* Any bytes as a datagram of StatsD. */
#include "delivered.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_decode(statsd_read, data, size);
}
