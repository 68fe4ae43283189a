/* What the names of targets over ssh and of Erlang nodes are made of: words that become arguments
 * of programs and addresses, of letters, digits and few other characters. */
#ifndef FLAMETOP_SOURCES_TARGET_WORDS_H
#define FLAMETOP_SOURCES_TARGET_WORDS_H

#include <stdbool.h>

#include "flametop/base/str.h"

/* Whether all of it is letters, digits and `others`, and no option; "" is not. */
bool target_is_of(struct str text, const char *others);

/* "HOST", "HOST:PORT", "[ADDRESS]:PORT" in its parts: `host` becomes the first, `ret_port` is ""
 * without a second. False when what follows the host is none; both are of no use then. */
bool target_split(struct str *host, struct str *ret_port);

#endif
