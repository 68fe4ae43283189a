/* `flametop check 'CONDITION' [TARGET...]`: one question for scripts. */
#ifndef FLAMETOP_CHECK_H
#define FLAMETOP_CHECK_H

#include "cli.h"

/* The exit code: EXIT_DONE when the condition holds, EXIT_FAILED when not, EXIT_UNKNOWN when nobody
 * can tell. Of several targets each has its line; it holds when it does on one of them, as grep
 * finds in one file of many, and else what is not known of one is not known. */
int check_run(const struct cli *cli);

#endif
