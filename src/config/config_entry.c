/* Entries: values of sections, of which there are as many as are written: thresholds and settings
 * of metrics, keys, groups of targets, and what is named. */
#include "config_parts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/config/nearest.h"

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
    config_store(config, &entry->setting, value, site);
    entry->key.command =
        like->field == NULL && !like->section->is_list ? entry->setting.value.text : NULL;
}

/* The section's field of this name; NULL, and said to be unknown, when it has none. */
static const struct option *
find_field(const struct option_section *section, const char *name, const char *unknown,
           const struct site *site)
{
    struct nearest nearest;
    nearest_init(&nearest, str_from(name));
    for (size_t i = 0; i < section->field_count; i++) {
        nearest_try(&nearest, section->fields[i].name);
        if (strcmp(section->fields[i].name, name) == 0) {
            return &section->fields[i];
        }
    }
    config_unknown(site, unknown, nearest.best);
    return NULL;
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
    like.field = find_field(section, field_name, "no such setting of a metric", site);
    if (like.field == NULL) {
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
    if (none || config_parse(config, like.field, like.unit, written, site, &value)) {
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
    if (!config_parse(config, &command_row, "", written, site, &value)) {
        return;
    }
    struct entry like = {.section = section};
    like.key.context = arena_text(&config->arena, rest, (size_t)(dot - rest));
    like.key.key = arena_text(&config->arena, dot + 1, strlen(dot + 1));
    const char *name = arena_printf(&config->arena, "keys.%s", like.key.context);
    const char *pair = arena_printf(&config->arena, "%s %s", like.key.key, value.text);
    if (config_passes_check(config, name, pair, site)) {
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
    if (config_parse(config, &row, "", written, site, &value)) {
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
    char what[64];
    struct option_value value;
    snprintf(what, sizeof(what), "no such setting of a %.*s", (int)strlen(section->name) - 1,
             section->name);
    like.field = find_field(section, dot + 1, what, site);
    if (like.field != NULL && config_parse(config, like.field, "", written, site, &value)) {
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

/* ---- asking ---- */

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
