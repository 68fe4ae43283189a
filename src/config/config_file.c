/* A file into the store: a walk over its tree, whose depth and size yaml.c bounds. Every key is met
 * once, by its whole path, so that `history.bytes` and `history: {bytes: …}` are the same setting.
 */
#include "config_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/file.h"
#include "flametop/base/hash.h"
#include "flametop/base/macros.h"
#include "flametop/config/alias.h"

#define TREE_BYTES_MAX ((size_t)16 << 20)

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
    return (struct site){
        .file = file->name, .key = key, .place = place, .errors = file->errors, .ok = &file->ok};
}

static void
on_yaml_error(void *context, struct yaml_place place, const char *why)
{
    struct site site = site_of(context, NULL, place);
    config_report(&site, why);
}

/* The items of a sequence of texts. */
static bool
read_items(struct file *file, const struct yaml_node *node, const char *path,
           struct written *ret_written)
{
    size_t count = 0;
    for (const struct yaml_node *child = node->first; child != NULL; child = child->next) {
        count++;
        if (child->kind != YAML_TEXT) {
            struct site site = site_of(file, path, child->place);
            config_report(&site, "an item of the list is not plain text");
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
read_leaf(struct file *file, const struct yaml_node *node, const char *path,
          const struct site *site, struct written *ret_written)
{
    if (node->kind == YAML_SEQUENCE) {
        return read_items(file, node, path, ret_written);
    }
    if (node->kind == YAML_MAPPING) {
        config_report(site, "takes a value, not keys below it");
        return false;
    }
    if (node->text.n == 0 && !node->quoted) {
        config_report(site, "has no value (leave the line out for the default)");
        return false;
    }
    *ret_written = (struct written){.text = node->text};
    return true;
}

static void read_mapping(struct file *file, const struct yaml_node *node, const char *path);

/* {metric: NAME, warning: 80, critical: 95, unit: "%"}: the unit belongs to bare numbers. A
 * description is for people who read the file. */
static void
read_threshold_item(struct file *file, const struct option_section *section,
                    const struct yaml_node *item)
{
    const struct yaml_node *metric = NULL, *unit = NULL;
    for (const struct yaml_node *child = item->first; child != NULL; child = child->next) {
        metric = str_is(child->key, "metric") && child->kind == YAML_TEXT ? child : metric;
        unit = str_is(child->key, "unit") && child->kind == YAML_TEXT ? child : unit;
    }
    if (metric == NULL) {
        struct site site = site_of(file, section->name, item->place);
        config_report(&site, "an item of the list needs a key metric");
        return;
    }
    char name[CONFIG_PATH_BYTES], path[3 * CONFIG_PATH_BYTES], field[CONFIG_PATH_BYTES],
        text[CONFIG_PATH_BYTES];
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
        if (unit != NULL && !written.is_list && str_double(&rest, &number) &&
            str_trim(rest).n == 0) {
            snprintf(text, sizeof(text), "%.*s%.*s", (int)MIN(written.text.n, (size_t)64),
                     written.text.p, (int)MIN(unit->text.n, (size_t)32), unit->text.p);
            written.text = str_from(text);
        }
        config_set_metric_field(file->config, section, name, field, &written, &site);
    }
}

static void
read_section(struct file *file, const struct option_section *section, const struct yaml_node *node,
             const char *path)
{
    struct site site =
        site_of(file, path, node->kind == YAML_MAPPING ? node->key_place : node->place);
    size_t n = strlen(section->name);
    bool is_root = path[n] == 0;
    const char *rest = is_root ? "" : path + n + 1;
    if (node->kind == YAML_TEXT && node->text.n == 0 && !node->quoted && is_root) {
        return; /* all lines below it are comments */
    }
    bool of_metrics = section->fields != NULL && !section->is_named;
    if (node->kind == YAML_SEQUENCE && is_root && of_metrics) {
        for (const struct yaml_node *item = node->first; item != NULL; item = item->next) {
            read_threshold_item(file, section, item);
        }
        return;
    }
    if (node->kind == YAML_MAPPING) {
        if (of_metrics && !is_root && !config_is_metric_prefix(file->config, rest)) {
            config_unknown_metric(file->config, rest, &site);
            return;
        }
        read_mapping(file, node, path);
        return;
    }
    struct written written;
    if (read_leaf(file, node, path, &site, &written)) {
        config_set_entry(file->config, section, path, &written, &site);
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
            config_set_option(file->config, option, &written, &at_value);
        }
    } else if (config_section_of(path) != NULL) {
        read_section(file, config_section_of(path), node, path);
    } else if (!config_is_group(path)) {
        config_unknown_setting(path, &at_key);
    } else if (node->kind == YAML_MAPPING) {
        read_mapping(file, node, path);
    } else if (node->kind != YAML_TEXT || node->text.n > 0 || node->quoted) {
        config_report(&at_value, "has settings below it and no value of its own");
    }
}

/* The depth of the recursion is the tree's, which yaml.c bounds. */
static void
read_mapping(struct file *file, const struct yaml_node *node, const char *path)
{
    struct map seen;
    map_init(&seen, YAML_NODES_MAX);
    for (const struct yaml_node *child = node->first; child != NULL; child = child->next) {
        char child_path[CONFIG_PATH_BYTES];
        int n = snprintf(child_path, sizeof(child_path), "%s%s%.*s", path, path[0] != 0 ? "." : "",
                         (int)MIN(child->key.n, (size_t)CONFIG_PATH_BYTES), child->key.p);
        struct site site = site_of(file, child_path, child->key_place);
        uint64_t hash = hash_bytes(child->key.p, child->key.n);
        const struct yaml_node *twin = map_get(&seen, hash);
        if (n < 0 || (size_t)n >= sizeof(child_path) ||
            memchr(child->key.p, 0, child->key.n) != NULL) {
            config_report(&site, "no such setting");
        } else if (twin != NULL) {
            char why[CONFIG_WHY_BYTES];
            snprintf(why, sizeof(why), "is set twice (first on line %zu)", twin->key_place.line);
            config_report(&site, why);
        } else {
            map_put(&seen, hash, (void *)child);
            read_node(file, child, child_path);
        }
    }
    map_done(&seen);
}

static const struct entry *
field_of(const struct config *config, const struct metric *metric, const char *field)
{
    for (const struct entry *entry = config->entries; entry != NULL; entry = entry->next) {
        if (entry->metric == metric && entry->field != NULL &&
            strcmp(entry->field->name, field) == 0) {
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
        if (entry->metric == NULL || strcmp(entry->field->name, "critical") != 0 ||
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
            char key[CONFIG_PATH_BYTES];
            snprintf(key, sizeof(key), "thresholds.%s.critical", entry->metric->name);
            struct site site = site_of(file, key, entry->setting.place);
            config_report(&site, higher_is_better ? "must not be above the warning"
                                                  : "must not be below the warning");
        }
    }
}

/* One line of errors, and the place it names. */
struct reported {
    struct str text;
    uint64_t line, column;
    size_t at; /* lines of one place stay in order */
};

static int
by_place(const void *a, const void *b)
{
    const struct reported *x = a, *y = b;
    if (x->line != y->line) {
        return x->line < y->line ? -1 : 1;
    }
    if (x->column != y->column) {
        return x->column < y->column ? -1 : 1;
    }
    return (x->at > y->at) - (x->at < y->at);
}

/* What was found later in an earlier line (orders of levels, names set twice) goes to its place:
 * people mend a file from the top. */
static void
add_in_order(const struct file *file, struct buf *errors)
{
    struct str rest = {file->errors->data, file->errors->n}, line;
    size_t count = 0, skip = strlen(file->name) + 1;
    for (size_t i = 0; i < rest.n; i++) {
        count += rest.p[i] == '\n';
    }
    struct reported *lines = calloc(count + 1, sizeof(*lines));
    for (size_t i = 0; lines != NULL && i < count && str_line(&rest, &line); i++) {
        struct str place = {line.p + skip, line.n > skip ? line.n - skip : 0}, colon;
        lines[i] = (struct reported){.text = line, .at = i};
        if (str_u64(&place, &lines[i].line) && str_until(&place, ':', &colon)) {
            str_u64(&place, &lines[i].column);
        }
    }
    if (lines == NULL) {
        buf_add(errors, file->errors->data, file->errors->n);
        return;
    }
    qsort(lines, count, sizeof(*lines), by_place);
    for (size_t i = 0; i < count; i++) {
        buf_add(errors, lines[i].text.p, lines[i].text.n);
        buf_putc(errors, '\n');
    }
    free(lines);
}

bool
config_read_text(struct config *config, struct str text, const char *file_name, struct buf *errors)
{
    struct buf found;
    struct file file = {.config = config, .name = file_name, .errors = &found, .ok = true};
    if (text.n > CONFIG_FILE_BYTES_MAX) {
        buf_printf(errors, "%s: larger than 1 MiB\n", file_name);
        return false;
    }
    config->reading++;
    buf_init(&found, errors->max);
    arena_init(&file.arena, TREE_BYTES_MAX);
    struct yaml_errors yaml_errors = {&file, on_yaml_error};
    const struct yaml_node *root = yaml_read(text, &file.arena, &yaml_errors);
    if (root != NULL && root->kind == YAML_MAPPING) {
        read_mapping(&file, root, "");
        check_order(&file);
    } else if (root != NULL && (root->kind == YAML_SEQUENCE || root->text.n > 0)) {
        struct site site = site_of(&file, NULL, root->place);
        config_report(&site, "settings are written as key: value");
    }
    arena_done(&file.arena);
    add_in_order(&file, errors);
    buf_done(&found);
    return file.ok;
}

bool
config_read_file(struct config *config, const char *path, bool required, struct buf *errors)
{
    char *data;
    ssize_t n = file_load(path, CONFIG_FILE_BYTES_MAX, &data);
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
