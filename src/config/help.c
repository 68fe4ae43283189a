/* --help: usage, commands and flags in groups, from the tables. */
#include <stdio.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/config/command_line.h"
#include "wrap.h"

#define TEXT_COLUMN 28
#define WIDTH 80

static const char indent[TEXT_COLUMN + 1] = "                            ";

/* A left part, and its sentence in the text column; on its own line when the left part is long. */
static void
entry(struct buf *out, const char *left, const char *text)
{
    size_t n = strlen(left);
    buf_printf(out, "  %s", left);
    if (n + 4 > TEXT_COLUMN) {
        buf_printf(out, "\n%s", indent);
    } else {
        buf_printf(out, "%s", indent + n + 2);
    }
    wrap_text(out, text, TEXT_COLUMN, indent, WIDTH);
    buf_putc(out, '\n');
}

static void
flag_entry(struct buf *out, char letter, const char *flag, const char *argument, bool negative,
           const char *text)
{
    char left[64];
    snprintf(left, sizeof(left), "%c%c%s--%s%s%s%s", letter != 0 ? '-' : ' ',
             letter != 0 ? letter : ' ', letter != 0 ? ", " : "  ", negative ? "no-" : "", flag,
             argument != NULL && argument[0] != '[' ? " " : "", argument != NULL ? argument : "");
    entry(out, left, text);
}

static void
option_entry(struct buf *out, const struct option *option)
{
    char text[512];
    bool shows_default = option->type != OPTION_BOOL && option->fallback[0] != 0;
    snprintf(text, sizeof(text), "%s%s%s%s%s%s", option_flag_text(option),
             option->choices != NULL ? " One of: " : "",
             option->choices != NULL ? option->choices : "", shows_default ? " (" : "",
             shows_default ? option->fallback : "", shows_default ? ")" : "");
    flag_entry(out, option->letter, option->flag, option->argument, option->off != NULL, text);
}

static void
usage(struct buf *out, const struct subcommand *command)
{
    buf_printf(out, "Usage: flametop %s%s[FLAG...]%s%s\n\n", command->name,
               command->name[0] != 0 ? " " : "", command->arguments[0] != 0 ? " " : "",
               command->arguments);
    wrap_text(out, command->text, 0, "", WIDTH);
    buf_putc(out, '\n');
}

static void
command_list(struct buf *out)
{
    buf_puts(out, "\nCommands (flametop COMMAND --help):\n");
    for (size_t i = 1; i < subcommand_table_count; i++) {
        char left[64];
        snprintf(left, sizeof(left), "%s %s", subcommand_table[i].name,
                 subcommand_table[i].arguments);
        entry(out, left, subcommand_table[i].text);
    }
}

void
command_line_help(const struct subcommand *command, struct buf *out)
{
    usage(out, command);
    if (command->id == COMMAND_MONITOR) {
        command_list(out);
    }
    buf_puts(out, "\nGeneral:\n");
    for (size_t i = 0; i < general_flag_table_count; i++) {
        const struct general_flag *general = &general_flag_table[i];
        if (general->text != NULL) {
            flag_entry(out, general->letter, general->flag, general->argument, false,
                       general->text);
        }
    }
    const char *group = "";
    for (size_t i = 0; i < option_table_count; i++) {
        const struct option *option = &option_table[i];
        if (option->flag == NULL || !subcommand_takes(command, option)) {
            continue;
        }
        if (strcmp(group, option->group) != 0) {
            group = option->group;
            buf_printf(out, "\n%s:\n", group);
        }
        option_entry(out, option);
    }
    buf_puts(out, "\nSettings: flametop.conf(5). Metrics: flametop-metrics(7).\n"
                  "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 unknown.\n");
}
