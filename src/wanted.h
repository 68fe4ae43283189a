/* Which processes are wanted: -p and -u, for screens and documents alike. */
#ifndef FLAMETOP_WANTED_H
#define FLAMETOP_WANTED_H

#include "cli.h"

/* Whether this machine has a user of that name, or number; a sentence when not. */
bool wanted_check_user(const char *user, char *why, size_t why_size);

/* Both in the language of filters (core/filter.h), at the end of `text`; "" when all are wanted.
 * False, and a sentence on stderr, when there are more than a filter holds. */
bool wanted_filter(const struct cli *cli, struct buf *text);

/* Whether one of the two was given on the command line; a sentence on stderr then, because `what`
 * ("--plain") shows no processes. */
bool wanted_in_vain(const struct cli *cli, const char *what);

#endif
