/* Any bytes as speedscope's JSON. */
#include "profile.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return size > 0 ? fuzz_profile(&profile_format_speedscope, data, size) : 0;
}
