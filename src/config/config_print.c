/* The effective configuration as YAML that reads back the same. */
#include "config_parts.h"

#include <stdio.h>
#include <string.h>

#include "wrap.h"

static void
print_option(const struct config *config, const struct option *option, const char *indent,
             struct buf *out)
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

/* Entries are kept in the order they were set; a metric's come together under its name at the first
 * of them. */
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
print_named_entries(const struct entry *first, struct buf *out)
{
    buf_puts(out, "  ");
    print_quoted(first->key.context, out);
    buf_puts(out, ":\n");
    for (const struct entry *entry = first; entry != NULL; entry = entry->next) {
        if (entry->section == first->section &&
            strcmp(entry->key.context, first->key.context) == 0) {
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
        if (entry->section == first->section &&
            strcmp(entry->key.context, first->key.context) == 0) {
            buf_puts(out, "    ");
            print_quoted(entry->key.key, out);
            buf_puts(out, ": ");
            print_quoted(entry->key.command, out);
            buf_printf(out, "  # %s\n", entry->setting.origin);
        }
    }
}

static void
print_list_entry(const struct entry *entry, struct buf *out)
{
    static const struct option row = {.name = "", .type = OPTION_LIST};
    buf_puts(out, "  ");
    print_quoted(entry->key.context, out);
    buf_puts(out, ": ");
    option_print(&row, NULL, &entry->setting.value, out);
    buf_printf(out, "  # %s\n", entry->setting.origin);
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
        if (section->is_list) {
            print_list_entry(entry, out);
        } else if (section->fields == NULL) {
            print_key_entries(entry, out);
        } else if (section->is_named) {
            print_named_entries(entry, out);
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
