/* Options: every setting is a row. Parsing, checking, listing, the man page and completion come from the rows.
 *
 * Values come from, later over earlier: the defaults in the rows, /etc/flametop/config.yml,
 * $XDG_CONFIG_HOME/flametop/config.yml, the environment (FLAMETOP_INTERVAL for `interval`), the command line. */
#ifndef FLAMETOP_CONFIG_OPTION_H
#define FLAMETOP_CONFIG_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/buf.h"
#include "flametop/core/metric.h"

enum option_type {
    OPTION_BOOL,
    OPTION_INTEGER,
    OPTION_REAL,     /* a share or plain number */
    OPTION_DURATION, /* nanoseconds in integer */
    OPTION_SIZE,     /* bytes in integer */
    OPTION_TEXT,
    OPTION_CHOICE,   /* index in integer, of `choices` */
    OPTION_LIST,     /* of texts */
};

struct option {
    const char *name;    /* dotted path in the file: history.bytes */
    const char *flag;    /* long flag, NULL for none: "interval" */
    char letter;         /* short flag, 0 for none */
    const char *argument; /* in help: SECONDS */
    enum option_type type;
    const char *fallback; /* default, as text */
    const char *choices;  /* OPTION_CHOICE: separated by blanks */
    double low, high;     /* bounds, in the option's unit; both 0: none */
    const char *unit;     /* "s", "By", "1" or "" */
    const char *text;     /* one sentence */
};

struct config;

extern const struct option option_table[];
extern const size_t option_table_count;

/* The defaults. */
struct config *config_new(struct catalog *catalog);
void config_free(struct config *config);

/* Reads a file; true when it had no errors. Errors are added to `errors`, one "file:line:col: key: why" a line, all of
 * them; what was right is set. A missing file is no error unless `required`. */
bool config_read_file(struct config *config, const char *path, bool required, struct buf *errors);
bool config_read_text(struct config *config, struct str text, const char *file_name, struct buf *errors);
bool config_read_environment(struct config *config, char *const *environment, struct buf *errors);

/* One option from the command line. False and a sentence in `errors`. */
bool config_set(struct config *config, const char *name, const char *value, const char *where, struct buf *errors);

bool config_bool(const struct config *config, const char *name);
int64_t config_integer(const struct config *config, const char *name); /* durations in ns, sizes, choices */
double config_real(const struct config *config, const char *name);
const char *config_text(const struct config *config, const char *name);
const char *const *config_list(const struct config *config, const char *name, size_t *ret_count);

/* Applies `thresholds.METRIC` and `metrics.NAME` sections to the catalog. */
void config_apply(const struct config *config, struct catalog *catalog);

/* The effective configuration as YAML, each key with its sentence and where its value came from. */
void config_print(const struct config *config, struct buf *out);

#endif
