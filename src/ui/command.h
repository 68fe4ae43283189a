/* Commands: everything a user can do has a name, and is a row of one table. Keys, the ':' prompt,
 * help, the man page and completion are made from the rows. A row without `run` is answered by the
 * focused panel. */
#ifndef FLAMETOP_SRC_UI_COMMAND_H
#define FLAMETOP_SRC_UI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

struct app;

/* The words an argument may be, for completion; names that do not fit are left out. */
#define WORDS_MAX 64
#define WORD_BYTES 40

struct words {
    char list[WORDS_MAX][WORD_BYTES];
    size_t count;
};

void words_add(struct words *words, const char *word); /* each once */

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

/* Whether a line names a command, with an argument that it takes as far as that can be said without
 * running it; a sentence when not. */
bool command_check(const char *line, char *why, size_t why_size);

/* What Tab makes of a line: the completed name, or what several have in common. False when nothing
 * is gained. */
bool command_complete(const char *line, char *dst, size_t size);

/* The names that begin with a line, as many as fit, "" unless there are several. */
void command_candidates(const char *line, char *dst, size_t size);

/* Adds what the argument of a command may be, where that is a known set. */
void command_words(const struct command *command, const struct app *app, struct words *words);

/* The same for a text that is one of the words, whatever the case. The words that fit are put into
 * `hint` when there are several ("" otherwise). */
bool words_complete(const struct words *words, const char *text, char *dst, size_t size, char *hint,
                    size_t hint_size);

#endif
