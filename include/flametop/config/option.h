/* Options: every setting is a row. Parsing, checking, listing, the man page and completion come
 * from the rows.
 *
 * Values come from, later over earlier: the defaults in the rows, /etc/flametop/config.yml,
 * $XDG_CONFIG_HOME/flametop/config.yml, the environment (FLAMETOP_INTERVAL for `interval`), the
 * command line. */
#ifndef FLAMETOP_CONFIG_OPTION_H
#define FLAMETOP_CONFIG_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/arena.h"
#include "flametop/base/buf.h"
#include "flametop/core/metric.h"

enum option_type {
    OPTION_BOOL,
    OPTION_INTEGER,
    OPTION_REAL,     /* a share or plain number */
    OPTION_DURATION, /* nanoseconds in integer */
    OPTION_SIZE,     /* bytes in integer */
    OPTION_TEXT,
    OPTION_CHOICE, /* index in integer, of `choices` */
    OPTION_LIST,   /* of texts; with bounds: of numbers. On one line they are separated by commas */
};

struct option {
    const char *name;     /* dotted path in the file: history.bytes */
    const char *flag;     /* long flag, NULL for none: "interval" */
    char letter;          /* short flag, 0 for none */
    const char *argument; /* in help: SECONDS */
    enum option_type type;
    const char *fallback; /* default, as text */
    const char
        *choices; /* separated by blanks: of OPTION_CHOICE; of OPTION_TEXT what upper layers take */
    double low, high;    /* bounds, in the option's unit; both 0: none */
    const char *unit;    /* "s", "By", "1" or "" */
    const char *text;    /* one sentence */
    const char *off;     /* what --no-FLAG does, of what is on unless said otherwise; else NULL */
    const char *group;   /* heading in help */
    const char *command; /* only for this command; NULL: for all */
    const char *bare;    /* what the flag without a value stands for; NULL: it needs one. Its value
                            is joined by '=' then, and `argument` written as "[=WORD]" */
};

/* What its flag does, as help shows it: --no-FLAG where `off` is set. */
static inline const char *
option_flag_text(const struct option *option)
{
    return option->off != NULL ? option->off : option->text;
}

/* The words of each OPTION_CHOICE whose place in its list the program asks for, in that order:
 * enumerators (CHOSEN_COLOURS_MONO) and `choices` are made of the same lists. */
#define OPTION_COLOURS(X)                                                                          \
    X(AUTO, "auto") X(MONO, "mono") X(8, "8") X(16, "16") X(256, "256") X(TRUE, "true")
#define OPTION_GLYPHS(X) X(AUTO, "auto") X(ASCII, "ascii") X(BLOCKS, "blocks") X(BRAILLE, "braille")
#define OPTION_LOG_LEVELS(X)                                                                       \
    X(ERROR, "error") X(WARNING, "warning") X(INFO, "info") X(DEBUG, "debug")

#define X(name, word) CHOSEN_COLOURS_##name,
enum chosen_colours { OPTION_COLOURS(X) };
#undef X
#define X(name, word) CHOSEN_GLYPHS_##name,
enum chosen_glyphs { OPTION_GLYPHS(X) };
#undef X
#define X(name, word) CHOSEN_LOG_##name,
enum chosen_log_level { OPTION_LOG_LEVELS(X) };
#undef X

/* A part of the file whose keys are names of things: thresholds.METRIC.warning. */
struct option_section {
    const char *name;     /* thresholds */
    const char *argument; /* METRIC */
    const struct option
        *fields; /* what can be set for each; unit NULL: the metric's own. NULL: see keys below */
    size_t field_count;
    const char *text;
    bool is_named; /* with fields: what stands before them is any name, not a metric's */
    bool is_list;  /* without fields: what stands after the name is a list, not a key's command */
    char begins;   /* of a named one: with what its names begin; 0: anything */
};

struct config;

extern const struct option option_table[];
extern const size_t option_table_count;
extern const struct option_section option_section_table[];
extern const size_t option_section_table_count;

/* A value of any type. Texts and lists live as long as the arena they were read into. */
struct option_value {
    int64_t integer; /* BOOL, INTEGER, DURATION (ns), SIZE (bytes), CHOICE (index) */
    double real;
    const char *text; /* TEXT, CHOICE (the word) */
    const char *const *items;
    size_t item_count;
};

/* By name; NULL when there is none. */
const struct option *option_find(const char *name);

/* Reads a value by the row's type, unit and bounds. `unit` replaces the row's when not NULL. False
 * and a sentence, without the option's name, when it does not fit. */
bool option_parse(const struct option *option, const char *unit, struct str text,
                  struct arena *arena, struct option_value *ret_value, char *why, size_t why_size);

/* Reads the parts of a list; otherwise as above. */
bool option_parse_items(const struct option *option, const struct str *items, size_t count,
                        struct arena *arena, struct option_value *ret_value, char *why,
                        size_t why_size);

/* Writes a value so that it reads back the same: as YAML ("quoted", [a, b]). */
void option_print(const struct option *option, const char *unit, const struct option_value *value,
                  struct buf *out);

/* The nth word of `choices`; false past the end. */
bool option_choice(const struct option *option, size_t n, struct str *ret_word);

/* The defaults. The catalog tells which metric names are right, and their units; it must outlive
 * the config. NULL when out of memory. */
struct config *config_new(struct catalog *catalog);
void config_free(struct config *config);

/* Checks what only upper layers know: themes, columns, commands. Called for each text, each item of
 * a list and each entry of `keys` (name "keys.CONTEXT", value "KEY COMMAND") that is set from then
 * on, after its own type fits. False and a sentence when it is wrong. */
struct config_check {
    bool (*check)(void *context, const char *name, const char *value, char *why, size_t why_size);
    void *context;
};
void config_set_check(struct config *config, struct config_check check);

/* Reads a file; true when it had no errors. Errors are added to `errors`, one "file:line:col: key:
 * why" a line, all of them; what was right is set. A missing file is no error unless `required`. */
bool config_read_file(struct config *config, const char *path, bool required, struct buf *errors);
bool config_read_text(struct config *config, struct str text, const char *file_name,
                      struct buf *errors);

/* FLAMETOP_* and NO_COLOR. A FLAMETOP_ variable that is nearly but not quite an option's is an
 * error. */
bool config_read_environment(struct config *config, char *const *environment, struct buf *errors);

/* One option from the command line. False and a sentence in `errors`. */
bool config_set(struct config *config, const char *name, const char *value, const char *where,
                struct buf *errors);

bool config_bool(const struct config *config, const char *name);
int64_t config_integer(const struct config *config,
                       const char *name); /* durations in ns, sizes, choices */
const char *config_text(const struct config *config, const char *name);
const char *const *config_list(const struct config *config, const char *name, size_t *ret_count);

/* Where a value came from: "default", "file:line", "FLAMETOP_THEME", "--theme". */
const char *config_origin(const struct config *config, const char *name);

/* The entries of `keys`, in the order they were set: a key of a context ("everywhere" or a view)
 * runs a command. False past the end. */
struct config_key {
    const char *context, *key, *command;
};
bool config_key(const struct config *config, size_t index, struct config_key *ret_key);

/* What `mappings` says of a number of foreign JSON: index from 0 in the order they were set, false
 * past the end. NULL, and 0: not set. */
struct config_mapping {
    const char *pointer, *name, *unit, *kind;
    double max, warning, critical;
};
bool config_mapping(const struct config *config, size_t index, struct config_mapping *ret_mapping);

/* What `pools` says of one pool of an Erlang node: index from 0 in the order they were set, false
 * past the end. NULL: not set; `call` may be missing as well. */
struct config_pool {
    const char *name;
    const char *call, *process, *rows, *pool, *workers, *busy, *available, *queue, *queue_limit,
        *requests, *errors, *timeouts, *refused, *sessions;
};
bool config_pool(const struct config *config, size_t index, struct config_pool *ret_pool);

/* The members of a group of targets, as written; NULL when there is no such group. */
const char *const *config_group(const struct config *config, const char *name, size_t *ret_count);

/* The names of all groups: index from 0, NULL at the end. */
const char *config_group_name(const struct config *config, size_t index);

/* Applies `thresholds.METRIC` and `metrics.NAME` sections to the catalog. */
void config_apply(const struct config *config, struct catalog *catalog);

/* The effective configuration as YAML, each key with its sentence and where its value came from. */
void config_print(const struct config *config, struct buf *out);

#endif
