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

/* Stores a value that fits. Refuses the second one of a key in the same file. */
static void
store(struct config *config, struct setting *setting, const struct option_value *value,
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

static bool
passes_check(const struct config *config, const char *name, const char *value,
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
        return passes_check(config, option->name, value->text, site);
    }
    bool right = true;
    for (size_t i = 0; i < value->item_count; i++) {
        right = passes_check(config, option->name, value->items[i], site) && right;
    }
    return right;
}

static bool
parse_written(struct config *config, const struct option *option, const char *unit,
              const struct written *written, const struct site *site,
              struct option_value *ret_value)
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

static void
say_unknown(const struct site *site, const char *what, const char *suggestion)
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
    say_unknown(site, "no such setting", nearest.best != NULL ? nearest.best : same_end);
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
    say_unknown(site, "no such metric", nearest.best);
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

/* Texts, or neither. */
static bool
is_same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static struct entry *
find_entry(const struct config *config, const struct entry *like)
{
    struct entry *entry = config->entries;
    for (; entry != NULL; entry = entry->next) {
        if (entry->section == like->section && entry->field == like->field &&
            entry->metric == like->metric && is_same(entry->key.context, like->key.context) &&
            is_same(entry->key.key, like->key.key)) {
            return entry;
        }
    }
    return NULL;
}

static void
store_entry(struct config *config, struct entry *like, const struct option_value *value,
            const struct site *site)
{
    struct entry *entry = find_entry(config, like);
    if (entry == NULL) {
        entry = add_entry(config, like);
    }
    if (entry == NULL) {
        config_report(site, "too many settings");
        return;
    }
    store(config, &entry->setting, value, site);
    entry->key.command =
        like->field == NULL && !like->section->is_list ? entry->setting.value.text : NULL;
}

/* The unit a threshold of this metric is written in: counters are looked at as their rate a second.
 */
static const char *
threshold_unit(struct config *config, const struct metric *metric)
{
    if (metric->kind != METRIC_COUNTER) {
        return metric->unit;
    }
    return strcmp(metric->unit, "s") == 0 ? "1"
                                          : arena_printf(&config->arena, "%s/s", metric->unit);
}

void
config_set_metric_field(struct config *config, const struct option_section *section,
                        const char *metric_name, const char *field_name,
                        const struct written *written, const struct site *site)
{
    struct entry like = {.section = section,
                         .metric = catalog_metric(config->catalog, metric_name)};
    if (like.metric == NULL) {
        config_unknown_metric(config, metric_name, site);
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
        char why[CONFIG_WHY_BYTES];
        snprintf(why, sizeof(why),
                 "is derived and never kept itself; set the interval of what it is made of: %s",
                 like.metric->formula);
        config_report(site, why);
        return;
    }
    like.unit = like.field->unit != NULL ? like.field->unit : threshold_unit(config, like.metric);
    struct option_value value = {.real = NAN};
    bool none = like.field->type == OPTION_REAL && !written->is_list &&
                str_is(str_trim(written->text), "none");
    if (none || parse_written(config, like.field, like.unit, written, site, &value)) {
        if (value.item_count > METRIC_PERCENTILES_MAX) {
            config_report(site, "has more than 8 percentiles");
            return;
        }
        store_entry(config, &like, &value, site);
    }
}

static void
set_key(struct config *config, const struct option_section *section, const char *rest,
        const struct written *written, const struct site *site)
{
    const char *dot = strchr(rest, '.');
    if (dot == NULL || dot == rest || dot[1] == 0) {
        config_report(site, "write keys: CONTEXT: KEY: command");
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

static void
set_group(struct config *config, const struct option_section *section, const char *rest,
          const struct written *written, const struct site *site)
{
    static const struct option row = {.name = "targets", .type = OPTION_LIST};
    struct option_value value;
    if (rest[0] == 0) {
        config_report(site, "write targets: GROUP: [TARGET, ...]");
        return;
    }
    if (parse_written(config, &row, "", written, site, &value)) {
        struct entry like = {.section = section};
        like.key.context = arena_text(&config->arena, rest, strlen(rest));
        like.key.key = "";
        store_entry(config, &like, &value, site);
    }
}

static void
set_named(struct config *config, const struct option_section *section, const char *rest,
          const struct written *written, const struct site *site)
{
    const char *dot = strrchr(rest, '.');
    struct entry like = {.section = section};
    struct nearest nearest;
    if (dot == NULL || dot == rest) {
        char why[CONFIG_WHY_BYTES];
        snprintf(why, sizeof(why), "write %s: %s: {%s: value}", section->name, section->argument,
                 section->fields[0].name);
        config_report(site, why);
        return;
    }
    if (section->begins != 0 && rest[0] != section->begins) {
        config_report(site, "a JSON pointer begins with '/': /pools/0/busy");
        return;
    }
    nearest_init(&nearest, str_from(dot + 1));
    for (size_t i = 0; i < section->field_count; i++) {
        nearest_try(&nearest, section->fields[i].name);
        if (strcmp(section->fields[i].name, dot + 1) == 0) {
            like.field = &section->fields[i];
        }
    }
    struct option_value value;
    if (like.field == NULL) {
        char what[64];
        snprintf(what, sizeof(what), "no such setting of a %.*s", (int)strlen(section->name) - 1,
                 section->name);
        say_unknown(site, what, nearest.best);
    } else if (parse_written(config, like.field, "", written, site, &value)) {
        like.unit = "";
        like.key.context = arena_text(&config->arena, rest, (size_t)(dot - rest));
        store_entry(config, &like, &value, site);
    }
}

/* `path` lies below the section: thresholds.system.cpu.utilization.warning. */
void
config_set_entry(struct config *config, const struct option_section *section, const char *path,
                 const struct written *written, const struct site *site)
{
    size_t n = strlen(section->name);
    const char *rest = path[n] == '.' ? path + n + 1 : "";
    if (section->fields == NULL) {
        (section->is_list ? set_group : set_key)(config, section, rest, written, site);
        return;
    }
    if (section->is_named) {
        set_named(config, section, rest, written, site);
        return;
    }
    const char *dot = strrchr(rest, '.');
    if (dot == NULL || catalog_metric(config->catalog, rest) != NULL) {
        char why[CONFIG_WHY_BYTES];
        snprintf(why, sizeof(why), "write %s: %s: %s: value", section->name, section->argument,
                 section->fields[0].name);
        config_report(site, why);
        return;
    }
    char metric[CONFIG_PATH_BYTES];
    str_copy((struct str){rest, (size_t)(dot - rest)}, metric, sizeof(metric));
    config_set_metric_field(config, section, metric, dot + 1, written, site);
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
        say_unknown(&site, "no such setting", best);
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

bool
config_key(const struct config *config, size_t index, struct config_key *ret_key)
{
    for (const struct entry *entry = config->entries; entry != NULL; entry = entry->next) {
        if (entry->field == NULL && !entry->section->is_list && index-- == 0) {
            *ret_key = entry->key;
            return true;
        }
    }
    return false;
}

/* Whether an earlier entry is of the same name. */
static bool
is_repeated(const struct config *config, const struct entry *of)
{
    for (const struct entry *entry = config->entries; entry != of; entry = entry->next) {
        if (entry->section == of->section && is_same(entry->key.context, of->key.context)) {
            return true;
        }
    }
    return false;
}

const struct entry *
config_named(const struct config *config, const char *section, size_t index)
{
    const struct entry *first = config->entries;
    while (first != NULL &&
           (!first->section->is_named || strcmp(first->section->name, section) != 0 ||
            is_repeated(config, first) || index-- > 0)) {
        first = first->next;
    }
    return first;
}

const struct entry *
config_named_next(const struct entry *first, const struct entry *entry)
{
    do {
        entry = entry->next;
    } while (entry != NULL && (entry->section != first->section ||
                               !is_same(entry->key.context, first->key.context)));
    return entry;
}

static void
fill_mapping(const struct entry *entry, struct config_mapping *mapping)
{
    const struct {
        const char *field;
        const char **text;
        double *real;
    } rows[] = {
        {"name", &mapping->name, NULL},       {"unit", &mapping->unit, NULL},
        {"kind", &mapping->kind, NULL},       {"max", NULL, &mapping->max},
        {"warning", NULL, &mapping->warning}, {"critical", NULL, &mapping->critical},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        bool same = strcmp(entry->field->name, rows[i].field) == 0;
        if (same && rows[i].text != NULL) {
            *rows[i].text = entry->setting.value.text;
        } else if (same) {
            *rows[i].real = entry->setting.value.real;
        }
    }
}

bool
config_mapping(const struct config *config, size_t index, struct config_mapping *ret_mapping)
{
    const struct entry *first = config_named(config, "mappings", index);
    if (first == NULL) {
        return false;
    }
    *ret_mapping = (struct config_mapping){.pointer = first->key.context};
    for (const struct entry *entry = first; entry != NULL;
         entry = config_named_next(first, entry)) {
        fill_mapping(entry, ret_mapping);
    }
    return true;
}

const char *
config_group_name(const struct config *config, size_t index)
{
    for (const struct entry *entry = config->entries; entry != NULL; entry = entry->next) {
        if (entry->section->is_list && index-- == 0) {
            return entry->key.context;
        }
    }
    return NULL;
}

const char *const *
config_group(const struct config *config, const char *name, size_t *ret_count)
{
    for (const struct entry *entry = config->entries; entry != NULL; entry = entry->next) {
        if (entry->section->is_list && strcmp(entry->key.context, name) == 0) {
            *ret_count = entry->setting.value.item_count;
            return entry->setting.value.items;
        }
    }
    return NULL;
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
        if (entry->metric == NULL) {
            continue;
        }
        if (entry->field->type == OPTION_REAL) {
            apply_threshold(entry, catalog);
        } else {
            apply_setting(entry, catalog);
        }
    }
}
