/* The layered store. Each layer is read into the same values, later over earlier; a value knows
 * where it came from.
 *
 * Invariant: every option has a value at all times, and it is one that its row allows; what a file,
 * a variable or a flag says wrongly is reported and changes nothing. */
#include "config_parts.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "flametop/config/alias.h"
#include "flametop/config/nearest.h"
#include "flametop/config/paths.h"

#define VALUE_BYTES_MAX ((size_t)8 << 20)

void
config_report(const struct site *site, const char *why)
{
    char key[CONFIG_PATH_BYTES];
    *site->ok = false;
    utf8_clean(str_from(site->key != NULL ? site->key : ""), key, sizeof(key));
    if (site->file != NULL) {
        buf_printf(site->errors, "%s:%zu:%zu: %s%s%s\n", site->file, site->place.line,
                   site->place.column, key, key[0] != 0 ? ": " : "", why);
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

void
config_store(struct config *config, struct setting *setting, const struct option_value *value,
             const struct site *site)
{
    char why[CONFIG_WHY_BYTES];
    if (site->file != NULL && setting->reading == config->reading) {
        snprintf(why, sizeof(why), "is set twice (first on line %zu)", setting->place.line);
        config_report(site, why);
        return;
    }
    *setting = (struct setting){*value, origin_text(config, site),
                                site->file != NULL ? config->reading : 0, site->place};
    if (config->arena.full) {
        config_report(site, "too many settings");
    }
}

bool
config_passes_check(const struct config *config, const char *name, const char *value,
                    const struct site *site)
{
    char why[CONFIG_WHY_BYTES] = "is not known";
    if (config->check.check == NULL ||
        config->check.check(config->check.context, name, value, why, sizeof(why))) {
        return true;
    }
    config_report(site, why);
    return false;
}

static bool
value_passes_check(const struct config *config, const struct option *option,
                   const struct option_value *value, const struct site *site)
{
    if (option->type == OPTION_TEXT) {
        return config_passes_check(config, option->name, value->text, site);
    }
    bool right = true;
    for (size_t i = 0; i < value->item_count; i++) {
        right = config_passes_check(config, option->name, value->items[i], site) && right;
    }
    return right;
}

bool
config_parse(struct config *config, const struct option *option, const char *unit,
             const struct written *written, const struct site *site, struct option_value *ret_value)
{
    char why[CONFIG_WHY_BYTES];
    if (written->is_list && option->type != OPTION_LIST) {
        config_report(site, "takes one value, not a list");
        return false;
    }
    bool right = written->is_list ? option_parse_items(option, written->items, written->count,
                                                       &config->arena, ret_value, why, sizeof(why))
                                  : option_parse(option, unit, written->text, &config->arena,
                                                 ret_value, why, sizeof(why));
    if (!right) {
        config_report(site, why);
    }
    return right;
}

void
config_set_option(struct config *config, const struct option *option, const struct written *written,
                  const struct site *site)
{
    struct option_value value;
    if (config_parse(config, option, NULL, written, site, &value) &&
        value_passes_check(config, option, &value, site)) {
        config_store(config, &config->settings[option - option_table], &value, site);
    }
}

/* Whether `path` is `name` itself or lies below it. */
static bool
is_below(const char *path, const char *name)
{
    size_t n = strlen(name);
    return strncmp(path, name, n) == 0 && (path[n] == 0 || path[n] == '.');
}

const struct option_section *
config_section_of(const char *path)
{
    for (size_t i = 0; i < option_section_table_count; i++) {
        if (is_below(path, option_section_table[i].name)) {
            return &option_section_table[i];
        }
    }
    return NULL;
}

/* Whether options or aliases lie below `path`: "history", "tracingConfig". */
bool
config_is_group(const char *path)
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

void
config_unknown(const struct site *site, const char *what, const char *suggestion)
{
    char why[CONFIG_WHY_BYTES];
    if (suggestion != NULL) {
        snprintf(why, sizeof(why), "%s; did you mean %s?", what, suggestion);
    } else {
        snprintf(why, sizeof(why), "%s", what);
    }
    config_report(site, why);
}

void
config_unknown_setting(const char *path, const struct site *site)
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
    config_unknown(site, "no such setting", nearest.best != NULL ? nearest.best : same_end);
}

void
config_unknown_metric(const struct config *config, const char *name, const struct site *site)
{
    struct nearest nearest;
    nearest_init(&nearest, str_from(name));
    const struct metric *metric;
    for (size_t i = 0; (metric = catalog_metric_at(config->catalog, i)) != NULL; i++) {
        nearest_try(&nearest, metric->name);
    }
    config_unknown(site, "no such metric", nearest.best);
}

/* Whether metrics lie below a name that is itself none: "system.cpu". */
bool
config_is_metric_prefix(const struct config *config, const char *name)
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
            config_set_option(config, &option_table[i], &written, &site);
            return ok;
        }
        unsigned edits = nearest_distance(name, str_from(variable));
        if (edits < distance) {
            distance = edits;
            str_copy(str_from(variable), best, sizeof(best));
        }
    }
    if (best[0] != 0) {
        config_unknown(&site, "no such setting", best);
    }
    return ok;
}

bool
config_read_environment(struct config *config, char *const *environment, struct buf *errors)
{
    bool ok = true;
    /* no-color.org: any value but an empty one counts, and the user's own files and flags go before
     * it. */
    const char *no_colour = paths_variable(environment, "NO_COLOR");
    if (no_colour != NULL && no_colour[0] != 0 &&
        strcmp(config_origin(config, "colours"), "default") == 0) {
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
config_set(struct config *config, const char *name, const char *value, const char *where,
           struct buf *errors)
{
    bool ok = true;
    struct site site = {.where = where, .key = name, .errors = errors, .ok = &ok};
    struct written written = {.text = str_from(value)};
    const struct option *option = option_find(alias_option(name));
    const struct option_section *section = config_section_of(name);
    if (option != NULL) {
        config_set_option(config, option, &written, &site);
    } else if (section != NULL) {
        config_set_entry(config, section, name, &written, &site);
    } else {
        char there[CONFIG_PATH_BYTES];
        snprintf(there, sizeof(there), "%s: %s", where, name);
        site.where = there;
        config_unknown_setting(name, &site);
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
        ok = config_set(config, option_table[i].name, option_table[i].fallback, "default",
                        &errors) &&
             ok;
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
