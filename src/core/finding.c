/* Findings. */
#include "flametop/core/finding.h"

#include <assert.h>

const char *
level_name(enum level level)
{
    static const char *const names[] = {"normal", "info", "warning", "critical", "emergency"};
    assert(level >= LEVEL_NORMAL && level <= LEVEL_EMERGENCY);
    return names[level];
}
