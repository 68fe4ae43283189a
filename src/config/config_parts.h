/* What the parts of the layered store share: config.c holds and sets the options, config_entry.c
 * the entries of sections, config_file.c walks a file, config_print.c prints them. */
#ifndef FLAMETOP_CONFIG_CONFIG_PARTS_H
#define FLAMETOP_CONFIG_CONFIG_PARTS_H

#include "flametop/config/option.h"
#include "yaml_tree.h"

#define CONFIG_FILE_BYTES_MAX ((size_t)1 << 20)
#define CONFIG_PATH_BYTES 256
#define CONFIG_WHY_BYTES 320

/* Where something is being set: for its origin, and for the sentence when it is wrong. */
struct site {
    const char *file;  /* NULL: no file */
    const char *where; /* without a file: "--interval", "FLAMETOP_THEME" */
    const char *key;   /* as written */
    struct yaml_place place;
    struct buf *errors;
    bool *ok;
};

struct setting {
    struct option_value value;
    const char *origin;
    unsigned reading;        /* which reading of a file set it last: twice in one is an error */
    struct yaml_place place; /* of what set it, in a file */
};

/* One value of a section: (thresholds, system.cpu.utilization, warning). */
struct entry {
    struct entry *next;
    const struct option_section *section;
    const struct option *field;  /* NULL in keys */
    const struct metric *metric; /* NULL in keys */
    const char *unit;
    struct config_key key;
    struct setting setting;
};

struct config {
    struct catalog *catalog;
    struct arena arena;
    struct setting *settings; /* by index of option_table */
    struct entry *entries, *entries_last;
    struct config_check check;
    unsigned reading;
};

/* What was written for an option or field: one text, or the items of a YAML sequence. */
struct written {
    struct str text;
    const struct str *items;
    size_t count;
    bool is_list;
};

/* A mistake, with its place. */
void config_report(const struct site *site, const char *why);

/* The nearest names are suggested; NULL: none is near. */
void config_unknown(const struct site *site, const char *what, const char *nearest);
void config_unknown_setting(const char *path, const struct site *site);
void config_unknown_metric(const struct config *config, const char *name, const struct site *site);

/* What a dotted path is: a section or below one (NULL: neither); above options or aliases
 * ("history"); above metrics. */
const struct option_section *config_section_of(const char *path);
bool config_is_group(const char *path);
bool config_is_metric_prefix(const struct config *config, const char *name);

/* What was written as a value of the option, in `unit` (NULL: its own). False when it is none. */
bool config_parse(struct config *config, const struct option *option, const char *unit,
                  const struct written *written, const struct site *site,
                  struct option_value *ret_value);

/* What the program has to say of a value. */
bool config_passes_check(const struct config *config, const char *name, const char *value,
                         const struct site *site);

/* Stores a value that fits. Refuses the second one of a key in the same file. */
void config_store(struct config *config, struct setting *setting, const struct option_value *value,
                  const struct site *site);

/* Each sets what fits and reports what does not. `path` lies below the section. */
void config_set_option(struct config *config, const struct option *option,
                       const struct written *written, const struct site *site);
void config_set_entry(struct config *config, const struct option_section *section, const char *path,
                      const struct written *written, const struct site *site);
void config_set_metric_field(struct config *config, const struct option_section *section,
                             const char *metric_name, const char *field_name,
                             const struct written *written, const struct site *site);

/* The first entry of the index-th name of a section; NULL past the end. Then those after it. */
const struct entry *config_named(const struct config *config, const char *section, size_t index);
const struct entry *config_named_next(const struct entry *first, const struct entry *entry);

#endif
