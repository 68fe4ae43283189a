/* The command `flame` on an Erlang node: its processes' stacks are sampled there. */
#ifndef FLAMETOP_FLAME_NODE_H
#define FLAMETOP_FLAME_NODE_H

#include "cli.h"

/* Whether the command line asks for it. */
bool flame_node_is_wanted(const struct cli *cli);

/* Samples for the time that is configured and writes or prints the result. The exit code. */
int flame_node_run(const struct cli *cli);

#endif
