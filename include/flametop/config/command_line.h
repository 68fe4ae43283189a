/* The command line: a table of subcommands, the flags of the option rows, and a few general ones.
 * Parsing, --help and shell completion are made from the same rows. */
#ifndef FLAMETOP_CONFIG_COMMAND_LINE_H
#define FLAMETOP_CONFIG_COMMAND_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "flametop/base/arena.h"
#include "flametop/base/buf.h"
#include "flametop/config/option.h"

enum program_exit { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_UNKNOWN = 3 };

enum program_command {
    COMMAND_MONITOR,
    COMMAND_SNAPSHOT,
    COMMAND_AGENT,
    COMMAND_CHECK,
    COMMAND_CHECK_CONFIG,
    COMMAND_QUERY,
    COMMAND_EXEC,
    COMMAND_FLAME,
    COMMAND_COMPLETION
};

struct subcommand {
    enum program_command id;
    const char *name;      /* "" for the monitor */
    const char *arguments; /* in help: [TARGET] */
    size_t arguments_min, arguments_max;
    const char *text;  /* one sentence */
    const char *words; /* what its argument may be, separated by blanks; NULL: anything */
    bool screen;       /* takes the flags that are about the screen */
};

extern const struct subcommand subcommand_table[];
extern const size_t subcommand_table_count;

/* Flags that are no settings. */
struct general_flag {
    const char *flag;
    char letter;          /* 0 for none */
    const char *argument; /* NULL for none */
    const char *text;     /* NULL: not in help */
};

extern const struct general_flag general_flag_table[];
extern const size_t general_flag_table_count;

enum program_action {
    ACTION_RUN,
    ACTION_HELP,
    ACTION_VERSION,
    ACTION_PRINT_CONFIG,
    ACTION_PRINT_DOCS
};

/* A setting given by flag. */
struct flag_setting {
    const char *option, *value, *where;
};

#define FLAG_SETTINGS_MAX 128

struct command_line {
    struct arena arena;
    const struct subcommand *command;
    enum program_action action;
    const char *topic; /* of ACTION_PRINT_DOCS */
    const char
        *config_file; /* --config: read instead of the system's and the user's; NULL: not given */
    const char *const *arguments; /* what stands after the command, without flags */
    size_t argument_count;
    struct flag_setting settings[FLAG_SETTINGS_MAX];
    size_t setting_count;
};

/* Reads the arguments (argv[0] is skipped); reads no files. False, and a sentence for each mistake
 * in `errors`, when they are not right: the program ends with EXIT_USAGE. Texts of argv must
 * outlive it. */
bool command_line_init(struct command_line *line, int argc, char *const *argv, struct buf *errors);
void command_line_done(struct command_line *line);

/* Puts the layers together: files, environment, flags. Mistakes in files and variables go to
 * `warnings` (the program runs with what was right; check-config fails), mistakes in flags and a
 * --config that cannot be read to `errors`. False when there are `errors`. */
bool command_line_configure(const struct command_line *line, struct config *config,
                            char *const *environment, struct buf *warnings, struct buf *errors);

/* The text of --help, for one command, at most 80 columns. */
void command_line_help(const struct subcommand *command, struct buf *out);

/* The completion script of "bash", "zsh" or "fish"; false for another shell. */
bool command_line_completion(const char *shell, struct buf *out);

/* Whether a flag of this option belongs to the command. */
bool subcommand_takes(const struct subcommand *command, const struct option *option);

#endif
