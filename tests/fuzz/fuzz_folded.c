/* Any bytes as folded stacks. */
#include "profile.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return size > 0 ? fuzz_profile(&profile_format_folded, data, size) : 0;
}
