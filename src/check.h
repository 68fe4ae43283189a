/* `flametop check 'CONDITION' [TARGET]`: one question for scripts. */
#ifndef FLAMETOP_CHECK_H
#define FLAMETOP_CHECK_H

#include "cli.h"

/* The exit code: EXIT_DONE when the condition holds, EXIT_FAILED when not, EXIT_UNKNOWN when nobody
 * can tell. */
int check_run(const struct cli *cli);

#endif
