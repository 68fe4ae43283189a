/* The layered store. Each layer is read into the same values, later over earlier; a value knows where it came from.
 *
 * Invariant: every option has a value at all times, and it is one that its row allows; what a file, a variable or a
 * flag says wrongly is reported and changes nothing. */
#include "flametop/config/option.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/file.h"
#include "flametop/base/hash.h"
#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "flametop/config/alias.h"
#include "flametop/config/nearest.h"
#include "flametop/config/paths.h"
#include "wrap.h"
#include "yaml_tree.h"

#define FILE_BYTES_MAX ((size_t)1 << 20)
#define TREE_BYTES_MAX ((size_t)16 << 20)
#define VALUE_BYTES_MAX ((size_t)8 << 20)
#define PATH_BYTES 256
#define WHY_BYTES 320

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
    unsigned reading; /* which reading of a file set it last: twice in one is an error */
    size_t line;
};

/* One value of a section: (thresholds, system.cpu.utilization, warning). */
struct entry {
    struct entry *next;
    const struct option_section *section;
    const struct option *field; /* NULL in keys */
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

static void
report(const struct site *site, const char *why)
{
    char key[PATH_BYTES];
    *site->ok = false;
    utf8_clean(str_from(site->key != NULL ? site->key : ""), key, sizeof(key));
    if (site->file != NULL) {
        buf_printf(site->errors, "%s:%zu:%zu: %s%s%s\n", site->file, site->place.line, site->place.column, key,
                   key[0] != 0 ? ": " : "", why);
    } else {
        buf_printf(site->errors, "%s: %s\n", site->where, why);
    }
}

static const char *
origin_text(struct config *config, const struct site *site)
{
    if (site->file == NULL) {
        return arena_text(&config->arena, site->where, strlen(site->where));
    }
    return arena_printf(&config->arena, "%s:%zu", site->file, site->place.line);
}

/* Stores a value that fits. Refuses the second one of a key in the same file. */
static void
store(struct config *config, struct setting *setting, const struct option_value *value, const struct site *site)
{
    char why[WHY_BYTES];
    if (site->file != NULL && setting->reading == config->reading) {
        snprintf(why, sizeof(why), "is set twice (first on line %zu)", setting->line);
        report(site, why);
        return;
    }
    *setting = (struct setting){*value, origin_text(config, site), site->file != NULL ? config->reading : 0,
                                site->place.line};
    if (config->arena.full) {
        report(site, "too many settings");
    }
}

static bool
passes_check(const struct config *config, const char *name, const char *value, const struct site *site)
{
    char why[WHY_BYTES] = "is not known";
    if (config->check.check == NULL || config->check.check(config->check.context, name, value, why, sizeof(why))) {
        return true;
    }
    report(site, why);
    return false;
}

static bool
value_passes_check(const struct config *config, const struct option *option, const struct option_value *value,
                   const struct site *site)
{
    if (option->type == OPTION_TEXT) {
        return passes_check(config, option->name, value->text, site);
    }
    bool right = true;
    for (size_t i = 0; i < value->item_count; i++) {
        right = passes_check(config, option->name, value->items[i], site) && right;
    }
    return right;
}

/* What was written for an option or field: one text, or the items of a YAML sequence. */
struct written {
    struct str text;
    const struct str *items;
    size_t count;
    bool is_list;
};

static bool
parse_written(struct config *config, const struct option *option, const char *unit, const struct written *written,
              const struct site *site, struct option_value *ret_value)
{
    char why[WHY_BYTES];
    if (written->is_list && option->type != OPTION_LIST) {
        report(site, "takes one value, not a list");
        return false;
    }
    bool right = written->is_list
                     ? option_parse_items(option, written->items, written->count, &config->arena, ret_value, why,
                                          sizeof(why))
                     : option_parse(option, unit, written->text, &config->arena, ret_value, why, sizeof(why));
    if (!right) {
        report(site, why);
    }
    return right;
}

static void
set_option(struct config *config, const struct option *option, const struct written *written,
           const struct site *site)
{
    struct option_value value;
    if (parse_written(config, option, NULL, written, site, &value) &&
        value_passes_check(config, option, &value, site)) {
        store(config, &config->settings[option - option_table], &value, site);
    }
}

/* Whether `path` is `name` itself or lies below it. */
static bool
is_below(const char *path, const char *name)
{
    size_t n = strlen(name);
    return strncmp(path, name, n) == 0 && (path[n] == 0 || path[n] == '.');
}

static const struct option_section *
section_of(const char *path)
{
    for (size_t i = 0; i < option_section_table_count; i++) {
        if (is_below(path, option_section_table[i].name)) {
            return &option_section_table[i];
        }
    }
    return NULL;
}

/* Whether options or aliases lie below `path`: "history", "tracingConfig". */
static bool
is_group(const char *path)
{
    for (size_t i = 0; i < option_table_count; i++) {
        if (is_below(option_table[i].name, path)) {
            return true;
        }
    }
    for (size_t i = 0; i < option_alias_table_count; i++) {
        if (is_below(option_alias_table[i].alias, path)) {
            return true;
        }
    }
    return false;
}

static void
say_unknown(const struct site *site, const char *what, const char *suggestion)
{
    char why[WHY_BYTES];
    if (suggestion != NULL) {
        snprintf(why, sizeof(why), "%s; did you mean %s?", what, suggestion);
    } else {
        snprintf(why, sizeof(why), "%s", what);
    }
    report(site, why);
}

static void
unknown_setting(const char *path, const struct site *site)
{
    struct nearest nearest;
    nearest_init(&nearest, str_from(path));
    const char *same_end = NULL;
    for (size_t i = 0; i < option_table_count; i++) {
        const char *name = option_table[i].name, *dot = strrchr(name, '.');
        nearest_try(&nearest, name);
        if (dot != NULL && strcmp(dot + 1, path) == 0) {
            same_end = name;
        }
    }
    for (size_t i = 0; i < option_section_table_count; i++) {
        nearest_try(&nearest, option_section_table[i].name);
    }
    say_unknown(site, "no such setting", nearest.best != NULL ? nearest.best : same_end);
}

static void
unknown_metric(const struct config *config, const char *name, const struct site *site)
{
    struct nearest nearest;
    nearest_init(&nearest, str_from(name));
    const struct metric *metric;
    for (size_t i = 0; (metric = catalog_metric_at(config->catalog, i)) != NULL; i++) {
        nearest_try(&nearest, metric->name);
    }
    say_unknown(site, "no such metric", nearest.best);
}

/* Whether metrics lie below a name that is itself none: "system.cpu". */
static bool
is_metric_prefix(const struct config *config, const char *name)
{
    const struct metric *metric;
    for (size_t i = 0; (metric = catalog_metric_at(config->catalog, i)) != NULL; i++) {
        if (is_below(metric->name, name)) {
            return true;
        }
    }
    for (size_t i = 0; i < metric_alias_table_count; i++) {
        if (is_below(metric_alias_table[i].alias, name) &&
            catalog_metric(config->catalog, metric_alias_table[i].name) != NULL) {
            return true;
        }
    }
    return false;
}

static struct entry *
add_entry(struct config *config, const struct entry *like)
{
    struct entry *entry = arena_new(&config->arena, struct entry);
    if (entry == NULL) {
        return NULL;
    }
    *entry = *like;
    if (config->entries_last == NULL) {
        config->entries = entry;
    } else {
        config->entries_last->next = entry;
    }
    config->entries_last = entry;
    return entry;
}

static struct entry *
find_entry(const struct config *config, const struct entry *like)
{
    struct entry *entry = config->entries;
    for (; entry != NULL; entry = entry->next) {
        if (entry->section == like->section && entry->field == like->field && entry->metric == like->metric &&
            (like->field != NULL || (strcmp(entry->key.context, like->key.context) == 0 &&
                                     strcmp(entry->key.key, like->key.key) == 0))) {
            return entry;
        }
    }
    return NULL;
}

static void
store_entry(struct config *config, struct entry *like, const struct option_value *value, const struct site *site)
{
    struct entry *entry = find_entry(config, like);
    if (entry == NULL) {
        entry = add_entry(config, like);
    }
    if (entry == NULL) {
        report(site, "too many settings");
        return;
    }
    store(config, &entry->setting, value, site);
    entry->key.command = like->field == NULL ? entry->setting.value.text : NULL;
}

/* The unit a threshold of this metric is written in: counters are looked at as their rate a second. */
static const char *
threshold_unit(struct config *config, const struct metric *metric)
{
    if (metric->kind != METRIC_COUNTER) {
        return metric->unit;
    }
    return strcmp(metric->unit, "s") == 0 ? "1" : arena_printf(&config->arena, "%s/s", metric->unit);
}

static void
set_metric_field(struct config *config, const struct option_section *section, const char *metric_name,
                 const char *field_name, const struct written *written, const struct site *site)
{
    struct entry like = {.section = section, .metric = catalog_metric(config->catalog, metric_name)};
    if (like.metric == NULL) {
        unknown_metric(config, metric_name, site);
        return;
    }
    struct nearest nearest;
    nearest_init(&nearest, str_from(field_name));
    for (size_t i = 0; i < section->field_count; i++) {
        nearest_try(&nearest, section->fields[i].name);
        if (strcmp(section->fields[i].name, field_name) == 0) {
            like.field = &section->fields[i];
        }
    }
    if (like.field == NULL) {
        say_unknown(site, "no such setting of a metric", nearest.best);
        return;
    }
    bool is_interval = strcmp(like.field->name, "interval") == 0;
    if (is_interval && like.metric->formula != NULL) {
        char why[WHY_BYTES];
        snprintf(why, sizeof(why), "is derived and never kept itself; set the interval of what it is made of: %s",
                 like.metric->formula);
        report(site, why);
        return;
    }
    like.unit = like.field->unit != NULL ? like.field->unit : threshold_unit(config, like.metric);
    struct option_value value = {.real = NAN};
    bool none = like.field->type == OPTION_REAL && !written->is_list && str_is(str_trim(written->text), "none");
    if (none || parse_written(config, like.field, like.unit, written, site, &value)) {
        if (value.item_count > METRIC_PERCENTILES_MAX) {
            report(site, "has more than 8 percentiles");
            return;
        }
        store_entry(config, &like, &value, site);
    }
}

static void
set_key(struct config *config, const struct option_section *section, const char *rest, const struct written *written,
        const struct site *site)
{
    const char *dot = strchr(rest, '.');
    if (dot == NULL || dot == rest || dot[1] == 0) {
        report(site, "write keys: CONTEXT: KEY: command");
        return;
    }
    static const struct option command_row = {.name = "keys", .type = OPTION_TEXT};
    struct option_value value;
    if (!parse_written(config, &command_row, "", written, site, &value)) {
        return;
    }
    struct entry like = {.section = section};
    like.key.context = arena_text(&config->arena, rest, (size_t)(dot - rest));
    like.key.key = arena_text(&config->arena, dot + 1, strlen(dot + 1));
    const char *name = arena_printf(&config->arena, "keys.%s", like.key.context);
    const char *pair = arena_printf(&config->arena, "%s %s", like.key.key, value.text);
    if (passes_check(config, name, pair, site)) {
        store_entry(config, &like, &value, site);
    }
}

/* `path` lies below the section: thresholds.system.cpu.utilization.warning. */
static void
set_entry(struct config *config, const struct option_section *section, const char *path,
          const struct written *written, const struct site *site)
{
    size_t n = strlen(section->name);
    const char *rest = path[n] == '.' ? path + n + 1 : "";
    if (section->fields == NULL) {
        set_key(config, section, rest, written, site);
        return;
    }
    const char *dot = strrchr(rest, '.');
    if (dot == NULL || catalog_metric(config->catalog, rest) != NULL) {
        char why[WHY_BYTES];
        snprintf(why, sizeof(why), "write %s: %s: %s: value", section->name, section->argument,
                 section->fields[0].name);
        report(site, why);
        return;
    }
    char metric[PATH_BYTES];
    str_copy((struct str){rest, (size_t)(dot - rest)}, metric, sizeof(metric));
    set_metric_field(config, section, metric, dot + 1, written, site);
}

/* One file being read. */
struct file {
    struct config *config;
    const char *name;
    struct buf *errors;
    struct arena arena; /* of the tree */
    bool ok;
};

static struct site
site_of(struct file *file, const char *key, struct yaml_place place)
{
    return (struct site){.file = file->name, .key = key, .place = place, .errors = file->errors, .ok = &file->ok};
}

static void
on_yaml_error(void *context, struct yaml_place place, const char *why)
{
    struct site site = site_of(context, NULL, place);
    report(&site, why);
}

/* The items of a sequence of texts. */
static bool
read_items(struct file *file, const struct yaml_node *node, const char *path, struct written *ret_written)
{
    size_t count = 0;
    for (const struct yaml_node *child = node->first; child != NULL; child = child->next) {
        count++;
        if (child->kind != YAML_TEXT) {
            struct site site = site_of(file, path, child->place);
            report(&site, "an item of the list is not plain text");
            return false;
        }
    }
    struct str *items = arena_news(&file->arena, struct str, MAX(count, (size_t)1));
    if (items == NULL) {
        return false;
    }
    size_t i = 0;
    for (const struct yaml_node *child = node->first; child != NULL; child = child->next) {
        items[i++] = child->text;
    }
    *ret_written = (struct written){.items = items, .count = count, .is_list = true};
    return true;
}

/* What a leaf says; false when it says nothing, which is reported. */
static bool
read_leaf(struct file *file, const struct yaml_node *node, const char *path, const struct site *site,
          struct written *ret_written)
{
    if (node->kind == YAML_SEQUENCE) {
        return read_items(file, node, path, ret_written);
    }
    if (node->kind == YAML_MAPPING) {
        report(site, "takes a value, not keys below it");
        return false;
    }
    if (node->text.n == 0 && !node->quoted) {
        report(site, "has no value (leave the line out for the default)");
        return false;
    }
    *ret_written = (struct written){.text = node->text};
    return true;
}

static void read_mapping(struct file *file, const struct yaml_node *node, const char *path);

/* {metric: NAME, warning: 80, critical: 95, unit: "%"}: the unit belongs to bare numbers. A description is for people
 * who read the file. */
static void
read_threshold_item(struct file *file, const struct option_section *section, const struct yaml_node *item)
{
    const struct yaml_node *metric = NULL, *unit = NULL;
    for (const struct yaml_node *child = item->first; child != NULL; child = child->next) {
        metric = str_is(child->key, "metric") && child->kind == YAML_TEXT ? child : metric;
        unit = str_is(child->key, "unit") && child->kind == YAML_TEXT ? child : unit;
    }
    if (metric == NULL) {
        struct site site = site_of(file, section->name, item->place);
        report(&site, "an item of the list needs a key metric");
        return;
    }
    char name[PATH_BYTES], path[3 * PATH_BYTES], field[PATH_BYTES], text[PATH_BYTES];
    str_copy(metric->text, name, sizeof(name));
    for (const struct yaml_node *child = item->first; child != NULL; child = child->next) {
        if (child == metric || child == unit || str_is(child->key, "description")) {
            continue;
        }
        str_copy(child->key, field, sizeof(field));
        snprintf(path, sizeof(path), "%s.%s.%s", section->name, name, field);
        struct site site = site_of(file, path, child->place);
        struct written written;
        if (!read_leaf(file, child, path, &site, &written)) {
            continue;
        }
        struct str rest = written.text;
        double number;
        if (unit != NULL && !written.is_list && str_double(&rest, &number) && str_trim(rest).n == 0) {
            snprintf(text, sizeof(text), "%.*s%.*s", (int)MIN(written.text.n, (size_t)64), written.text.p,
                     (int)MIN(unit->text.n, (size_t)32), unit->text.p);
            written.text = str_from(text);
        }
        set_metric_field(file->config, section, name, field, &written, &site);
    }
}

static void
read_section(struct file *file, const struct option_section *section, const struct yaml_node *node, const char *path)
{
    struct site site = site_of(file, path, node->kind == YAML_MAPPING ? node->key_place : node->place);
    size_t n = strlen(section->name);
    bool is_root = path[n] == 0;
    const char *rest = is_root ? "" : path + n + 1;
    if (node->kind == YAML_TEXT && node->text.n == 0 && !node->quoted && is_root) {
        return; /* all lines below it are comments */
    }
    if (node->kind == YAML_SEQUENCE && is_root && section->fields != NULL) {
        for (const struct yaml_node *item = node->first; item != NULL; item = item->next) {
            read_threshold_item(file, section, item);
        }
        return;
    }
    if (node->kind == YAML_MAPPING) {
        if (section->fields != NULL && !is_root && !is_metric_prefix(file->config, rest)) {
            unknown_metric(file->config, rest, &site);
            return;
        }
        read_mapping(file, node, path);
        return;
    }
    struct written written;
    if (read_leaf(file, node, path, &site, &written)) {
        set_entry(file->config, section, path, &written, &site);
    }
}

static void
read_node(struct file *file, const struct yaml_node *node, const char *path)
{
    const struct option *option = option_find(alias_option(path));
    struct site at_key = site_of(file, path, node->key_place);
    struct site at_value = site_of(file, path, node->place);
    struct written written;
    if (option != NULL) {
        if (read_leaf(file, node, path, &at_value, &written)) {
            set_option(file->config, option, &written, &at_value);
        }
    } else if (section_of(path) != NULL) {
        read_section(file, section_of(path), node, path);
    } else if (!is_group(path)) {
        unknown_setting(path, &at_key);
    } else if (node->kind == YAML_MAPPING) {
        read_mapping(file, node, path);
    } else if (node->kind != YAML_TEXT || node->text.n > 0 || node->quoted) {
        report(&at_value, "has settings below it and no value of its own");
    }
}

/* The depth of the recursion is the tree's, which yaml.c bounds. */
static void
read_mapping(struct file *file, const struct yaml_node *node, const char *path)
{
    struct map seen;
    map_init(&seen, YAML_NODES_MAX);
    for (const struct yaml_node *child = node->first; child != NULL; child = child->next) {
        char child_path[PATH_BYTES];
        int n = snprintf(child_path, sizeof(child_path), "%s%s%.*s", path, path[0] != 0 ? "." : "",
                         (int)MIN(child->key.n, (size_t)PATH_BYTES), child->key.p);
        struct site site = site_of(file, child_path, child->key_place);
        uint64_t hash = hash_bytes(child->key.p, child->key.n);
        const struct yaml_node *twin = map_get(&seen, hash);
        if (n < 0 || (size_t)n >= sizeof(child_path) || memchr(child->key.p, 0, child->key.n) != NULL) {
            report(&site, "no such setting");
        } else if (twin != NULL) {
            char why[WHY_BYTES];
            snprintf(why, sizeof(why), "is set twice (first on line %zu)", twin->key_place.line);
            report(&site, why);
        } else {
            map_put(&seen, hash, (void *)(uintptr_t)child);
            read_node(file, child, child_path);
        }
    }
    map_done(&seen);
}

static const struct entry *
field_of(const struct config *config, const struct metric *metric, const char *field)
{
    for (const struct entry *entry = config->entries; entry != NULL; entry = entry->next) {
        if (entry->metric == metric && entry->field != NULL && strcmp(entry->field->name, field) == 0) {
            return entry;
        }
    }
    return NULL;
}

/* A critical level on the near side of the warning would never be seen as what it is. */
static void
check_order(struct file *file)
{
    for (const struct entry *entry = file->config->entries; entry != NULL; entry = entry->next) {
        if (entry->field == NULL || strcmp(entry->field->name, "critical") != 0 ||
            entry->setting.reading != file->config->reading) {
            continue;
        }
        const struct entry *warning = field_of(file->config, entry->metric, "warning");
        if (warning == NULL) {
            continue;
        }
        double before = warning->setting.value.real, after = entry->setting.value.real;
        bool higher_is_better = entry->metric->better == BETTER_HIGHER;
        if (higher_is_better ? after > before : after < before) {
            char key[PATH_BYTES];
            snprintf(key, sizeof(key), "thresholds.%s.critical", entry->metric->name);
            struct site site = site_of(file, key, (struct yaml_place){entry->setting.line, 1});
            report(&site, higher_is_better ? "must not be above the warning" : "must not be below the warning");
        }
    }
}

bool
config_read_text(struct config *config, struct str text, const char *file_name, struct buf *errors)
{
    struct file file = {.config = config, .name = file_name, .errors = errors, .ok = true};
    if (text.n > FILE_BYTES_MAX) {
        buf_printf(errors, "%s: larger than 1 MiB\n", file_name);
        return false;
    }
    config->reading++;
    arena_init(&file.arena, TREE_BYTES_MAX);
    struct yaml_errors yaml_errors = {&file, on_yaml_error};
    const struct yaml_node *root = yaml_read(text, &file.arena, &yaml_errors);
    if (root != NULL && root->kind == YAML_MAPPING) {
        read_mapping(&file, root, "");
        check_order(&file);
    } else if (root != NULL && (root->kind == YAML_SEQUENCE || root->text.n > 0)) {
        struct site site = site_of(&file, NULL, root->place);
        report(&site, "settings are written as key: value");
    }
    arena_done(&file.arena);
    return file.ok;
}

bool
config_read_file(struct config *config, const char *path, bool required, struct buf *errors)
{
    char *data;
    ssize_t n = file_load(path, FILE_BYTES_MAX, &data);
    if (n < 0) {
        if ((n == -ENOENT || n == -ENOTDIR) && !required) {
            return true;
        }
        buf_printf(errors, "%s: cannot be read: %s\n", path,
                   n == -EFBIG ? "larger than 1 MiB" : strerror((int)-n));
        return false;
    }
    bool ok = config_read_text(config, (struct str){data, (size_t)n}, path, errors);
    free(data);
    return ok;
}

/* history.bytes -> FLAMETOP_HISTORY_BYTES */
static void
variable_name(const char *option_name, char dst[64])
{
    size_t n = str_copy(STR("FLAMETOP_"), dst, 64) != NULL ? strlen(dst) : 0;
    for (const char *p = option_name; *p != 0 && n < 63; p++) {
        dst[n++] = *p == '.' ? '_' : *p >= 'a' && *p <= 'z' ? (char)(*p - 'a' + 'A') : *p;
    }
    dst[n] = 0;
}

static bool
read_variable(struct config *config, struct str name, const char *value, struct buf *errors)
{
    bool ok = true;
    char where[96];
    str_copy(name, where, sizeof(where));
    struct site site = {.where = where, .errors = errors, .ok = &ok};
    unsigned distance = 3;
    char variable[64], best[64] = "";
    for (size_t i = 0; i < option_table_count; i++) {
        variable_name(option_table[i].name, variable);
        if (str_is(name, variable)) {
            struct written written = {.text = str_from(value)};
            set_option(config, &option_table[i], &written, &site);
            return ok;
        }
        unsigned edits = nearest_distance(name, str_from(variable));
        if (edits < distance) {
            distance = edits;
            str_copy(str_from(variable), best, sizeof(best));
        }
    }
    if (best[0] != 0) {
        say_unknown(&site, "no such setting", best);
    }
    return ok;
}

bool
config_read_environment(struct config *config, char *const *environment, struct buf *errors)
{
    bool ok = true;
    /* no-color.org: any value but an empty one counts, and the user's own files and flags go before it. */
    const char *no_colour = paths_variable(environment, "NO_COLOR");
    if (no_colour != NULL && no_colour[0] != 0 && strcmp(config_origin(config, "colours"), "default") == 0) {
        ok = config_set(config, "colours", "mono", "NO_COLOR", errors);
    }
    for (size_t i = 0; environment != NULL && environment[i] != NULL; i++) {
        const char *equals = strchr(environment[i], '=');
        struct str name = {environment[i], equals != NULL ? (size_t)(equals - environment[i]) : 0};
        if (str_starts(name, "FLAMETOP_")) {
            ok = read_variable(config, name, equals + 1, errors) && ok;
        }
    }
    return ok;
}

bool
config_set(struct config *config, const char *name, const char *value, const char *where, struct buf *errors)
{
    bool ok = true;
    struct site site = {.where = where, .key = name, .errors = errors, .ok = &ok};
    struct written written = {.text = str_from(value)};
    const struct option *option = option_find(alias_option(name));
    const struct option_section *section = section_of(name);
    if (option != NULL) {
        set_option(config, option, &written, &site);
    } else if (section != NULL) {
        set_entry(config, section, name, &written, &site);
    } else {
        char there[PATH_BYTES];
        snprintf(there, sizeof(there), "%s: %s", where, name);
        site.where = there;
        unknown_setting(name, &site);
    }
    return ok;
}

void
config_set_check(struct config *config, struct config_check check)
{
    config->check = check;
}

struct config *
config_new(struct catalog *catalog)
{
    assert(catalog != NULL);
    struct config *config = calloc(1, sizeof(*config));
    if (config == NULL) {
        return NULL;
    }
    config->catalog = catalog;
    arena_init(&config->arena, VALUE_BYTES_MAX);
    config->settings = arena_news(&config->arena, struct setting, option_table_count);
    if (config->settings == NULL) {
        config_free(config);
        return NULL;
    }
    struct buf errors;
    buf_init(&errors, 4096);
    bool ok = true;
    for (size_t i = 0; i < option_table_count; i++) {
        ok = config_set(config, option_table[i].name, option_table[i].fallback, "default", &errors) && ok;
    }
    assert(ok); /* a default in the table breaks its own row */
    buf_done(&errors);
    return config;
}

void
config_free(struct config *config)
{
    if (config != NULL) {
        arena_done(&config->arena);
        free(config);
    }
}

/* Asking for an option that does not exist, or as another type, is a mistake in the program. */
static const struct setting *
setting_of(const struct config *config, const char *name)
{
    const struct option *option = option_find(name);
    assert(option != NULL);
    return &config->settings[option - option_table];
}

bool
config_bool(const struct config *config, const char *name)
{
    assert(option_find(name)->type == OPTION_BOOL);
    return setting_of(config, name)->value.integer != 0;
}

int64_t
config_integer(const struct config *config, const char *name)
{
    return setting_of(config, name)->value.integer;
}

double
config_real(const struct config *config, const char *name)
{
    return setting_of(config, name)->value.real;
}

const char *
config_text(const struct config *config, const char *name)
{
    const char *text = setting_of(config, name)->value.text;
    assert(text != NULL);
    return text;
}

const char *const *
config_list(const struct config *config, const char *name, size_t *ret_count)
{
    const struct setting *setting = setting_of(config, name);
    assert(setting->value.items != NULL);
    *ret_count = setting->value.item_count;
    return setting->value.items;
}

const char *
config_origin(const struct config *config, const char *name)
{
    return setting_of(config, name)->origin;
}

bool
config_key(const struct config *config, size_t index, struct config_key *ret_key)
{
    for (const struct entry *entry = config->entries; entry != NULL; entry = entry->next) {
        if (entry->field == NULL && index-- == 0) {
            *ret_key = entry->key;
            return true;
        }
    }
    return false;
}

static void
apply_threshold(const struct entry *entry, struct catalog *catalog)
{
    double warning, critical;
    if (!catalog_thresholds(catalog, entry->metric, &warning, &critical)) {
        warning = critical = NAN;
    }
    bool is_warning = strcmp(entry->field->name, "warning") == 0;
    catalog_set_thresholds(catalog, entry->metric, is_warning ? entry->setting.value.real : warning,
                           is_warning ? critical : entry->setting.value.real);
}

static void
apply_setting(const struct entry *entry, struct catalog *catalog)
{
    struct metric_settings settings = catalog_settings(catalog, entry->metric);
    const struct option_value *value = &entry->setting.value;
    if (entry->field->type == OPTION_DURATION) {
        settings.interval_ns = value->integer;
    } else {
        settings.percentile_count = value->item_count;
        for (size_t i = 0; i < value->item_count; i++) {
            struct str rest = str_from(value->items[i]);
            str_double(&rest, &settings.percentiles[i]);
        }
    }
    catalog_set_settings(catalog, entry->metric, &settings);
}

void
config_apply(const struct config *config, struct catalog *catalog)
{
    for (const struct entry *entry = config->entries; entry != NULL; entry = entry->next) {
        if (entry->field != NULL && entry->field->type == OPTION_REAL) {
            apply_threshold(entry, catalog);
        } else if (entry->field != NULL) {
            apply_setting(entry, catalog);
        }
    }
}

static void
print_option(const struct config *config, const struct option *option, const char *indent, struct buf *out)
{
    const struct setting *setting = &config->settings[option - option_table];
    const char *dot = strrchr(option->name, '.');
    char comment[16];
    snprintf(comment, sizeof(comment), "%s# ", indent);
    buf_puts(out, comment);
    wrap_text(out, option->text, strlen(comment), comment, 80);
    buf_printf(out, "\n%s%s: ", indent, dot != NULL ? dot + 1 : option->name);
    option_print(option, NULL, &setting->value, out);
    buf_printf(out, "  # %s\n", setting->origin);
}

static void
print_quoted(const char *text, struct buf *out)
{
    static const struct option row = {.name = "", .type = OPTION_TEXT};
    option_print(&row, NULL, &(struct option_value){.text = text}, out);
}

/* Entries are kept in the order they were set; a metric's come together under its name at the first of them. */
static void
print_metric_entries(const struct entry *first, struct buf *out)
{
    buf_printf(out, "  %s:\n", first->metric->name);
    for (const struct entry *entry = first; entry != NULL; entry = entry->next) {
        if (entry->section == first->section && entry->metric == first->metric) {
            buf_printf(out, "    %s: ", entry->field->name);
            option_print(entry->field, entry->unit, &entry->setting.value, out);
            buf_printf(out, "  # %s\n", entry->setting.origin);
        }
    }
}

static void
print_key_entries(const struct entry *first, struct buf *out)
{
    buf_puts(out, "  ");
    print_quoted(first->key.context, out);
    buf_puts(out, ":\n");
    for (const struct entry *entry = first; entry != NULL; entry = entry->next) {
        if (entry->section == first->section && strcmp(entry->key.context, first->key.context) == 0) {
            buf_puts(out, "    ");
            print_quoted(entry->key.key, out);
            buf_puts(out, ": ");
            print_quoted(entry->key.command, out);
            buf_printf(out, "  # %s\n", entry->setting.origin);
        }
    }
}

/* Whether an earlier entry already brought this one's heading. */
static bool
is_printed(const struct config *config, const struct entry *of)
{
    for (const struct entry *entry = config->entries; entry != of; entry = entry->next) {
        if (entry->section == of->section && entry->metric == of->metric &&
            (of->metric != NULL || strcmp(entry->key.context, of->key.context) == 0)) {
            return true;
        }
    }
    return false;
}

static void
print_section(const struct config *config, const struct option_section *section, struct buf *out)
{
    bool heading = false;
    for (const struct entry *entry = config->entries; entry != NULL; entry = entry->next) {
        if (entry->section != section || is_printed(config, entry)) {
            continue;
        }
        if (!heading) {
            buf_printf(out, "\n# %s\n%s:\n", section->text, section->name);
            heading = true;
        }
        if (section->fields == NULL) {
            print_key_entries(entry, out);
        } else {
            print_metric_entries(entry, out);
        }
    }
}

void
config_print(const struct config *config, struct buf *out)
{
    struct str open = {"", 0};
    for (size_t i = 0; i < option_table_count; i++) {
        const struct option *option = &option_table[i];
        const char *dot = strrchr(option->name, '.');
        struct str group = {option->name, dot != NULL ? (size_t)(dot - option->name) : 0};
        bool same = group.n == open.n && memcmp(group.p, open.p, group.n) == 0;
        if (i > 0 && (dot == NULL || !same)) {
            buf_putc(out, '\n');
        }
        if (dot != NULL && !same) {
            buf_printf(out, "%.*s:\n", (int)group.n, group.p);
        }
        open = group;
        print_option(config, option, dot != NULL ? "  " : "", out);
    }
    for (size_t i = 0; i < option_section_table_count; i++) {
        print_section(config, &option_section_table[i], out);
    }
}
