/* Names of targets. */
#include "target_words.h"

#include <string.h>

bool
target_is_of(struct str text, const char *others)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool right = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     (c != '\0' && strchr(others, c) != NULL);
        if (!right) {
            return false;
        }
    }
    return text.n > 0 && text.p[0] != '-';
}

bool
target_split(struct str *host, struct str *ret_port)
{
    const char *bracket = memchr(host->p, ']', host->n);
    *ret_port = (struct str){"", 0};
    struct str after = *host;
    if (str_starts(*host, "[") && bracket != NULL) {
        after = (struct str){bracket + 1, host->n - (size_t)(bracket + 1 - host->p)};
        *host = (struct str){host->p + 1, (size_t)(bracket - host->p) - 1};
        if (after.n > 0 && after.p[0] != ':') {
            return false;
        }
    } else {
        const char *colon = memchr(host->p, ':', host->n);
        after.p = colon != NULL ? colon : host->p + host->n;
        after.n = host->n - (size_t)(after.p - host->p);
        host->n -= after.n;
    }
    if (after.n > 0) {
        *ret_port = (struct str){after.p + 1, after.n - 1};
    }
    return after.n != 1;
}
