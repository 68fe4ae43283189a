/* Patterns, and words for systems. */
#include <ctype.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/trace/filter.h"

static bool
same(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

bool
trace_glob(const char *pattern, struct str text)
{
    const char *star = NULL;
    size_t at = 0, resume = 0;
    while (at < text.n) {
        if (*pattern == '*') {
            star = ++pattern;
            resume = at;
        } else if (*pattern != 0 && same(*pattern, text.p[at])) {
            pattern++;
            at++;
        } else if (star != NULL) {
            pattern = star;
            at = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*') {
        pattern++;
    }
    return *pattern == 0;
}

const char *
trace_system_name(enum trace_system system)
{
    static const char *const names[TRACE_SYSTEMS] = {
        [SYSTEM_OTHER] = "other", [SYSTEM_HTTP] = "http",   [SYSTEM_RPC] = "rpc",
        [SYSTEM_DB] = "db",       [SYSTEM_CACHE] = "cache", [SYSTEM_MESSAGING] = "messaging",
        [SYSTEM_TOOL] = "tool",   [SYSTEM_MODEL] = "model", [SYSTEM_AGENT] = "agent",
        [SYSTEM_POOL] = "pool"};
    return system < TRACE_SYSTEMS ? names[system] : "other";
}
