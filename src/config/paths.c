/* XDG paths. The environment is an argument, so that tests have their own. */
#include "flametop/config/paths.h"

#include <stdio.h>
#include <string.h>

const char *
paths_variable(char *const *environment, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; environment != NULL && environment[i] != NULL; i++) {
        if (strncmp(environment[i], name, n) == 0 && environment[i][n] == '=') {
            return environment[i] + n + 1;
        }
    }
    return NULL;
}

bool
paths_user(char *const *environment, const char *name, char *dst, size_t size)
{
    const char *base = paths_variable(environment, "XDG_CONFIG_HOME");
    const char *below = "";
    if (base == NULL || base[0] != '/') { /* the specification: a relative path is ignored */
        base = paths_variable(environment, "HOME");
        below = "/.config";
    }
    if (base == NULL || base[0] != '/') {
        return false;
    }
    int n = snprintf(dst, size, "%s%s/flametop/%s", base, below, name);
    return n >= 0 && (size_t)n < size;
}
