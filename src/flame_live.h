/* The command `flame` on what runs now: stacks are sampled instead of read. */
#ifndef FLAMETOP_FLAME_LIVE_H
#define FLAMETOP_FLAME_LIVE_H

#include "cli.h"

/* Whether the command line asks for it. */
bool flame_live_is_wanted(const struct cli *cli);

struct app;

/* Where the command line asks for it, the screen begins with it. */
void flame_live_begin(const struct cli *cli, struct app *app);

/* With a terminal and no file to write, the monitor with what is sampled; else samples for the time
 * that is configured and writes or prints the result. The exit code. */
int flame_live_run(const struct cli *cli);

#endif
