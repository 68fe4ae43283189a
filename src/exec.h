/* flametop exec: a service started with the variables that make it send here, and the monitor. */
#ifndef FLAMETOP_EXEC_H
#define FLAMETOP_EXEC_H

#include "cli.h"

/* The service's own exit code when it ended before the monitor was left; else 0. */
int exec_run(struct cli *cli);

#endif
