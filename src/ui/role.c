/* Names of roles, made from the list in role.h. */
#include "flametop/ui/role.h"

#include <stddef.h>

#define RAMP_NAMES(name)                                                                           \
    name ".0", name ".1", name ".2", name ".3", name ".4", name ".5", name ".6", name ".7",        \
        name ".8", name ".9", name ".10", name ".11", name ".12", name ".13", name ".14",          \
        name ".15"

static const char *const names[ROLE_COUNT] = {
#define X(id, name, fallback) name,
    ROLE_LIST(X)
#undef X
        RAMP_NAMES("ramp.heat"),
    RAMP_NAMES("ramp.load"),
    RAMP_NAMES("ramp.diff"),
    RAMP_NAMES("flame.hues"),
};

const char *
role_name(int role)
{
    return role < 0 || role >= ROLE_COUNT ? "?" : names[role];
}
