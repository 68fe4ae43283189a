/* What happens before a command runs, and the commands that only print: help, version,
 * configuration, completion, reference tables. */
#ifndef FLAMETOP_CLI_H
#define FLAMETOP_CLI_H

#include "flametop/config/command_line.h"

struct receive_child; /* receivers/receive.h */

struct cli {
    struct catalog *catalog; /* knows all metrics and their aliases, with the user's thresholds */
    struct config *config;
    struct command_line line;
    const struct receive_child *child; /* of exec; NULL: none */
    char notice[256]; /* what the screen says at its start: stderr is not seen there; "": nothing */
};

/* Reads arguments and configuration and opens the log. Answers the exit code of what is done
 * already, or -1 when cli->line.command is to run. Mistakes are on stderr by then. */
int cli_begin(struct cli *cli, int argc, char *const *argv, char *const *environment);
void cli_end(struct cli *cli);

/* Reads the configuration anew into cli->config; the caller frees the one it was. False when
 * anything is wrong with it: that is logged, and nothing has changed. */
bool cli_reload(struct cli *cli);

/* Writes to standard output; the exit code. */
int cli_print(const struct buf *text);

/* The glyphs that are configured (enum glyphs); `automatic` when that is left to the program. */
int cli_glyphs(const struct cli *cli, int automatic);

/* Takes a secret out of the environment, where `ps e` and /proc/PID/environ show it: "" when there
 * is none. Before other threads are started. */
void cli_take_secret(const char *variable, char *dst, size_t size);

/* "flametop: sentence" on stderr. */
void cli_complain(const char *format, ...) PRINTF_LIKE(1, 2);

#endif
