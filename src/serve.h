/* `flametop agent`: the engine without a screen, served over HTTP. */
#ifndef FLAMETOP_SERVE_H
#define FLAMETOP_SERVE_H

#include "cli.h"

/* Until SIGTERM or SIGINT; the exit code. SIGHUP reads the configuration anew. */
int serve_run(struct cli *cli);

#endif
