/* Any bytes as Chrome's CPU profile. */
#include "profile.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return size > 0 ? fuzz_profile(&profile_format_callgrind, data, size) : 0;
}
