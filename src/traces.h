/* Files of traces: read whole into a store, then shown in the Requests view. */
#ifndef FLAMETOP_TRACES_H
#define FLAMETOP_TRACES_H

#include "cli.h"
#include "flametop/core/traces.h"

/* Whether the monitor's only target is such a file. */
bool traces_is_target(const struct cli *cli);

/* Whether a file is of traces, and those in it (one reference), with when the last one ended; NULL,
 * and a sentence on stderr. */
bool traces_is_file(const char *path);
struct traces *traces_load(const struct cli *cli, const char *path, int64_t *ret_newest_ns);

/* The exit code. Without a terminal the slowest requests are printed. */
int traces_run(const struct cli *cli);

#endif
