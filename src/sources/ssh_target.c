/* What a target over ssh says: ssh://[USER@]HOST[:PORT].
 *
 * Its words become arguments of ssh: letters, digits and few other characters, and no option. */
#include <stdio.h>
#include <string.h>

#include "flametop/base/utf8.h"
#include "ssh_parts.h"
#include "target_words.h"

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
    if (!target_split(&host, &port) || !is_port(port)) {
        snprintf(why, why_size, "%s: a port is a number from 1 to 65535", shown);
        return false;
    }
    if (!target_is_of(host, "._-:%") || (at != NULL && !target_is_of(user, "._-+@")) ||
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
