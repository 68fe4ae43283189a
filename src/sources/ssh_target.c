/* What a target over ssh says: ssh://[USER@]HOST[:PORT].
 *
 * Its words become arguments of ssh: letters, digits and few other characters, and no option. */
#include <stdio.h>
#include <string.h>

#include "flametop/base/utf8.h"
#include "ssh_parts.h"

bool
ssh_is_of(struct str text, const char *others)
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

/* "HOST", "HOST:PORT", "[ADDRESS]:PORT", in its two parts. */
static bool
split_port(struct str *host, struct str *ret_port)
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

static bool
is_port(struct str text)
{
    uint64_t number;
    return text.n == 0 ||
           (text.n <= 5 && str_u64(&text, &number) && text.n == 0 && number > 0 && number <= 65535);
}

bool
ssh_parse(struct tunnel *tunnel, const char *target, char *why, size_t why_size)
{
    struct str host = str_from(target + strlen("ssh://")), user = {"", 0}, port;
    char shown[200];
    if (host.n > 0 && host.p[host.n - 1] == '/') {
        host.n--;
    }
    const char *at = memrchr(host.p, '@', host.n);
    if (at != NULL) {
        user = (struct str){host.p, (size_t)(at - host.p)};
        host = (struct str){at + 1, host.n - user.n - 1};
    }
    if (memchr(user.p, ':', user.n) != NULL) {
        snprintf(why, why_size,
                 "a password in a target would be seen by everybody who lists processes: use a "
                 "key, ssh-keygen makes one");
        return false;
    }
    utf8_clean(str_from(target), shown, sizeof(shown));
    if (!split_port(&host, &port) || !is_port(port)) {
        snprintf(why, why_size, "%s: a port is a number from 1 to 65535", shown);
        return false;
    }
    if (!ssh_is_of(host, "._-:%") || (at != NULL && !ssh_is_of(user, "._-+@")) ||
        user.n + host.n + 2 > sizeof(tunnel->destination)) {
        snprintf(why, why_size,
                 "%s: write ssh://HOST, ssh://USER@HOST or ssh://USER@HOST:PORT, in letters, "
                 "digits and . _ -",
                 shown);
        return false;
    }
    str_copy(port, tunnel->port, sizeof(tunnel->port));
    snprintf(tunnel->destination, sizeof(tunnel->destination), "%.*s%s%.*s", (int)user.n, user.p,
             at != NULL ? "@" : "", (int)host.n, host.p);
    return true;
}
