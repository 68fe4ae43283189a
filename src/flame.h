/* The command `flame`, and a profile as the monitor's FILE. */
#ifndef FLAMETOP_FLAME_COMMAND_H
#define FLAMETOP_FLAME_COMMAND_H

#include "cli.h"

/* Whether the monitor is asked for one target and that is the file of a profile. */
bool flame_is_target(const struct cli *cli);

/* The exit code. */
int flame_run(const struct cli *cli);

#endif
