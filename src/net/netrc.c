/* Looking into ~/.netrc. The file holds secrets: what was read of it is wiped. */
#include "flametop/net/netrc.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/file.h"

#define NETRC_BYTES_MAX ((size_t)64 * 1024)

/* A macro ends at the first empty line. */
static void
skip_macro(struct str *rest)
{
    struct str line;
    while (str_line(rest, &line) && str_trim(line).n > 0) {
    }
}

bool
netrc_names(struct str text, const char *host)
{
    struct str word, line;
    while (str_word(&text, &word)) {
        if (str_starts(word, "#")) {
            str_line(&text, &line);
        } else if (str_is(word, "macdef")) {
            skip_macro(&text);
        } else if (str_is(word, "default")) {
            return true;
        } else if (str_is(word, "machine") && str_word(&text, &word) && str_is(word, host)) {
            return true;
        } else if (str_is(word, "login") || str_is(word, "password") || str_is(word, "account")) {
            str_word(&text, &word); /* a password may read "default" */
        }
    }
    return false;
}

bool
netrc_has(const char *host)
{
    char path[PATH_MAX], *text = NULL;
    const char *home = getenv("HOME");
    if (home == NULL || home[0] != '/') {
        return false;
    }
    snprintf(path, sizeof(path), "%s/.netrc", home);
    ssize_t n = file_load(path, NETRC_BYTES_MAX, &text);
    if (n < 0) {
        return false;
    }
    bool has = netrc_names((struct str){text, (size_t)n}, host);
    explicit_bzero(text, (size_t)n);
    free(text);
    return has;
}
