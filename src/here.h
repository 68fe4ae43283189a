/* This machine as a target, where the command line names none. */
#ifndef FLAMETOP_HERE_H
#define FLAMETOP_HERE_H

#include <stdbool.h>

#include "targets.h"

/* Adds this machine's agent when one answers, else this machine; false, and a sentence on stderr,
 * when there are too many targets. */
bool here_add(struct targets *targets, const struct cli *cli);

#endif
