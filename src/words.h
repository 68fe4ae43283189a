/* Words of the command line as targets: each is a file, a URL, nodes, a group, or several of them
 * in braces. */
#ifndef FLAMETOP_WORDS_H
#define FLAMETOP_WORDS_H

#include <stdbool.h>

#include "targets.h"

/* Adds what it names; false, and a sentence on stderr, when part of that is nothing. */
bool words_to_targets(struct targets *targets, const struct cli *cli, const char *word);

#endif
