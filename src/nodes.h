/* Erlang nodes as targets of the command line: beam://NAME@HOST, NAME@HOST, all nodes of a host
 * (beam://HOST), the VMs of this machine (beam://). */
#ifndef FLAMETOP_NODES_H
#define FLAMETOP_NODES_H

#include <stdbool.h>

#include "targets.h"

/* Whether the word names nodes. */
bool nodes_is_one(const char *word);

/* Adds what it names; false, and a sentence on stderr, when that is nothing. */
bool nodes_add(struct targets *targets, const struct cli *cli, const char *word);

/* The cookie of the environment, taken out of it. */
bool nodes_take_cookie(struct targets *targets);

#endif
