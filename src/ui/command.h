/* Commands: everything a user can do has a name, and is a row of one table. Keys, the ':' prompt,
 * help, the man page and completion are made from the rows. A row without `run` is answered by the
 * focused panel. */
#ifndef FLAMETOP_SRC_UI_COMMAND_H
#define FLAMETOP_SRC_UI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

struct app;

struct command {
    const char *name;
    const char *usage; /* of its argument: "[TEXT]", "" for none */
    const char *text;  /* one sentence for help */
    const char
        *prompt; /* label of the prompt that asks for a missing argument; NULL: none is asked for */
    bool writes; /* changes something outside the program: not there with --readonly */
    void (*run)(struct app *app, const char *argument);
};

extern const struct command command_table[];
extern const size_t command_count;

/* By name, or by a beginning that only one has; NULL otherwise. */
const struct command *command_find(const char *name, size_t n);

/* The command a line names; its argument (trimmed at the front) in ret_argument unless NULL. */
const struct command *command_of_line(const char *line, const char **ret_argument);

/* What Tab makes of a line: the completed name, or what several have in common. False when nothing
 * is gained. */
bool command_complete(const char *line, char *dst, size_t size);

#endif
