/* Files of traces: read whole into a store, then shown in the Requests view. */
#ifndef FLAMETOP_TRACES_H
#define FLAMETOP_TRACES_H

#include "cli.h"

/* Whether the monitor's only target is such a file. */
bool traces_is_target(const struct cli *cli);

/* The exit code. Without a terminal the slowest requests are printed. */
int traces_run(const struct cli *cli);

#endif
