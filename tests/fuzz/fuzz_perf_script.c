/* Any bytes as what perf script prints. */
#include "profile.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return size > 0 ? fuzz_profile(&profile_format_perf_script, data, size) : 0;
}
