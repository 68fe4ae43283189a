/* The command `flame`, and a profile as the monitor's FILE. */
#ifndef FLAMETOP_FLAME_COMMAND_H
#define FLAMETOP_FLAME_COMMAND_H

#include "flametop/core/flame.h"
#include "cli.h"

/* Whether the monitor is asked for one target and that is the file of a profile. */
bool flame_is_target(const struct cli *cli);

/* Writes what is seen to a file (profile/write.h). 0, or a negative errno and a sentence. */
int flame_save(const struct flame *flame, const char *title, const char *path, char *why,
               size_t why_size);

/* Writes a profile to the file that is configured, else prints its frames; `text` says what it is.
 * The exit code. */
int flame_finish(const struct cli *cli, const struct profile *profile, const char *text);

/* The exit code. */
int flame_run(const struct cli *cli);

#endif
