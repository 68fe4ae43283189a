/* Any bytes as pprof's protobuf. */
#include "profile.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return size > 0 ? fuzz_profile(&profile_format_pprof, data, size) : 0;
}
