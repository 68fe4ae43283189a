/* flametop query: one question to the requests of a file or of an agent. */
#ifndef FLAMETOP_QUERY_H
#define FLAMETOP_QUERY_H

#include "cli.h"

/* The exit code. */
int query_run(const struct cli *cli);

#endif
