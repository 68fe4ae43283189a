/* ~/.netrc, which libcurl reads users and passwords from: whether there is anything for a host, so
 * that a refusal can say whether a password was missing or wrong. The secrets stay unread. */
#ifndef FLAMETOP_NET_NETRC_H
#define FLAMETOP_NET_NETRC_H

#include <stdbool.h>

#include "flametop/base/str.h"

/* Whether the text of such a file has an entry for this host, or a default one. */
bool netrc_names(struct str text, const char *host);

/* The same of the file itself; false when it cannot be read. */
bool netrc_has(const char *host);

#endif
