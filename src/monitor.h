/* The command without a name: the monitor on the screen. */
#ifndef FLAMETOP_MONITOR_H
#define FLAMETOP_MONITOR_H

#include "cli.h"

/* The exit code. Without a terminal on standard output: one text snapshot. */
int monitor_run(const struct cli *cli);

#endif
