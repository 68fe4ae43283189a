/* Any bytes as OTLP's protobuf, of traces and of metrics. */
#include "delivered.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_decode(otlp_traces_read, data, size) + fuzz_decode(otlp_metrics_read, data, size);
}
