/* Completion scripts for three shells, from the tables of commands and flags. All texts are our own
 * and contain no single quotes, which a test checks: that is all the quoting there is. */
#include <stdio.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/config/command_line.h"

/* One flag, whatever table it comes from. */
struct flag {
    const char *name;
    char letter;
    const char *argument, *choices, *text;
    const char *command; /* the only one that takes it; NULL: all do */
    bool negative;       /* on by default: the flag that changes something is --no-NAME */
};

static bool
flag_at(size_t index, struct flag *ret_flag)
{
    for (size_t i = 0; i < general_flag_table_count; i++) {
        const struct general_flag *row = &general_flag_table[i];
        if (row->text != NULL && index-- == 0) {
            *ret_flag =
                (struct flag){row->flag, row->letter, row->argument, NULL, row->text, NULL, false};
            return true;
        }
    }
    for (size_t i = 0; i < option_table_count; i++) {
        const struct option *row = &option_table[i];
        if (row->flag != NULL && index-- == 0) {
            bool is_bool = row->type == OPTION_BOOL;
            *ret_flag =
                (struct flag){.name = row->flag,
                              .letter = row->letter,
                              .argument = is_bool || row->bare != NULL ? NULL : row->argument,
                              .choices = row->choices,
                              .text = option_flag_text(row),
                              .command = row->command,
                              .negative = row->off != NULL};
            return true;
        }
    }
    return false;
}

static bool
takes_file(const struct flag *flag)
{
    return flag->argument != NULL &&
           (strcmp(flag->argument, "FILE") == 0 || strcmp(flag->argument, "DIR") == 0);
}

/* "-d|--interval" */
static void
bash_pattern(struct buf *out, const struct flag *flag)
{
    if (flag->letter != 0) {
        buf_printf(out, "-%c|", flag->letter);
    }
    buf_printf(out, "--%s", flag->name);
}

static void
bash_values(struct buf *out, const struct flag *flag)
{
    if (flag->argument == NULL) {
        return;
    }
    buf_puts(out, "    ");
    bash_pattern(out, flag);
    if (flag->choices != NULL) {
        buf_printf(out, ") COMPREPLY=($(compgen -W '%s' -- \"$cur\")); return;;\n", flag->choices);
    } else if (takes_file(flag)) {
        buf_printf(out, ") COMPREPLY=($(compgen -%c -- \"$cur\")); return;;\n",
                   flag->argument[0] == 'D' ? 'd' : 'f');
    } else {
        buf_puts(out, ") COMPREPLY=(); return;;\n");
    }
}

/* The flags of one command alone; NULL: those that all have. */
static void
bash_flags(struct buf *out, const char *command)
{
    struct flag flag;
    for (size_t i = 0; flag_at(i, &flag); i++) {
        bool same = command == NULL ? flag.command == NULL
                                    : flag.command != NULL && strcmp(flag.command, command) == 0;
        if (same) {
            buf_printf(out, " --%s%s", flag.negative ? "no-" : "", flag.name);
        }
    }
}

/* bash breaks words at '=': --colours=m is three of them. */
static void
bash_script(struct buf *out)
{
    struct flag flag;
    buf_puts(out,
             "# bash completion of flametop; made by: flametop completion bash\n"
             "_flametop() {\n"
             "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
             "  local word seen= flags\n"
             "  if [[ $cur == = ]]; then\n    cur=\n"
             "  elif [[ $prev == = ]]; then\n    prev=${COMP_WORDS[COMP_CWORD-2]}\n  fi\n"
             "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n    case $word in\n      ");
    for (size_t i = 1; i < subcommand_table_count; i++) {
        buf_printf(out, "%s%s", i > 1 ? "|" : "", subcommand_table[i].name);
    }
    buf_puts(out, ") seen=$word; break;;\n    esac\n  done\n  case $prev in\n");
    for (size_t i = 0; flag_at(i, &flag); i++) {
        bash_values(out, &flag);
    }
    for (size_t i = 1; i < subcommand_table_count; i++) {
        if (subcommand_table[i].words != NULL) {
            buf_printf(out, "    %s) COMPREPLY=($(compgen -W '%s' -- \"$cur\")); return;;\n",
                       subcommand_table[i].name, subcommand_table[i].words);
        }
    }
    buf_puts(out, "  esac\n  flags='");
    bash_flags(out, NULL);
    buf_puts(out, "'\n  case $seen in\n");
    for (size_t i = 1; i < subcommand_table_count; i++) {
        buf_printf(out, "    %s) flags+='", subcommand_table[i].name);
        bash_flags(out, subcommand_table[i].name);
        buf_puts(out, "';;\n");
    }
    buf_puts(out, "  esac\n  if [[ $cur == -* ]]; then\n"
                  "    COMPREPLY=($(compgen -W \"$flags\" -- \"$cur\"))\n"
                  "  else\n    COMPREPLY=($(compgen -f -- \"$cur\"))\n"
                  "    [[ -z $seen ]] && COMPREPLY+=($(compgen -W '");
    for (size_t i = 1; i < subcommand_table_count; i++) {
        buf_printf(out, "%s%s", i > 1 ? " " : "", subcommand_table[i].name);
    }
    buf_puts(out, "' -- \"$cur\"))\n  fi\n}\ncomplete -o filenames -F _flametop flametop\n");
}

/* In zsh's _arguments and _values, ':' and brackets have a meaning. */
static void
zsh_text(struct buf *out, const char *text)
{
    for (const char *p = text; *p != 0; p++) {
        if (*p == ':' || *p == '[' || *p == ']') {
            buf_putc(out, '\\');
        }
        buf_putc(out, *p);
    }
}

static void
zsh_action(struct buf *out, const struct flag *flag)
{
    buf_printf(out, ":");
    zsh_text(out, flag->argument);
    if (flag->choices != NULL) {
        buf_printf(out, ":(%s)", flag->choices);
    } else if (takes_file(flag)) {
        buf_puts(out, flag->argument[0] == 'D' ? ":_files -/" : ":_files");
    } else {
        buf_puts(out, ":( )");
    }
}

static void
zsh_flag(struct buf *out, const struct flag *flag, char letter)
{
    if (letter != 0) {
        buf_printf(out, "    '*-%c[", letter);
    } else {
        buf_printf(out, "    '*--%s%s%s[", flag->negative ? "no-" : "", flag->name,
                   flag->argument != NULL ? "=" : "");
    }
    zsh_text(out, flag->text);
    buf_putc(out, ']');
    if (flag->argument != NULL) {
        zsh_action(out, flag);
    }
    buf_puts(out, "'\n");
}

/* As in bash_flags. */
static void
zsh_flags(struct buf *out, const char *command)
{
    struct flag flag;
    for (size_t i = 0; flag_at(i, &flag); i++) {
        bool same = command == NULL ? flag.command == NULL
                                    : flag.command != NULL && strcmp(flag.command, command) == 0;
        if (same && flag.letter != 0) {
            zsh_flag(out, &flag, flag.letter);
        }
        if (same) {
            zsh_flag(out, &flag, 0);
        }
    }
}

static void
zsh_script(struct buf *out)
{
    buf_puts(out,
             "#compdef flametop\n# zsh completion of flametop; made by: flametop completion zsh\n"
             "_flametop_first() {\n  local -a commands\n  commands=(\n");
    for (size_t i = 1; i < subcommand_table_count; i++) {
        buf_printf(out, "    '%s:", subcommand_table[i].name);
        zsh_text(out, subcommand_table[i].text);
        buf_puts(out, "'\n");
    }
    buf_puts(out, "  )\n  _describe command commands\n  _files\n}\n"
                  "_flametop_second() {\n  case $line[1] in\n");
    for (size_t i = 1; i < subcommand_table_count; i++) {
        if (subcommand_table[i].words != NULL) {
            buf_printf(out, "    %s) _values argument %s;;\n", subcommand_table[i].name,
                       subcommand_table[i].words);
        }
    }
    buf_puts(out, "    *) _files;;\n  esac\n}\n_flametop() {\n"
                  "  local state state_descr context\n  local -a line flags\n"
                  "  typeset -A opt_args\n  flags=(\n");
    zsh_flags(out, NULL);
    buf_puts(out, "  )\n");
    for (size_t i = 1; i < subcommand_table_count; i++) {
        buf_printf(out, "  (( ${words[(I)%s]} )) && flags+=(\n", subcommand_table[i].name);
        zsh_flags(out, subcommand_table[i].name);
        buf_puts(out, "  )\n");
    }
    buf_puts(out, "  _arguments $flags '1:target:_flametop_first' '2:target:->second' && return\n"
                  "  [[ $state == second ]] && _flametop_second\n}\n_flametop \"$@\"\n");
}

static void
fish_flag(struct buf *out, const struct flag *flag)
{
    buf_puts(out, "complete -c flametop");
    if (flag->command != NULL) {
        buf_printf(out, " -n '__fish_seen_subcommand_from %s'", flag->command);
    }
    if (flag->letter != 0) {
        buf_printf(out, " -s %c", flag->letter);
    }
    buf_printf(out, " -l %s%s", flag->negative ? "no-" : "", flag->name);
    if (flag->choices != NULL) {
        buf_printf(out, " -x -a '%s'", flag->choices);
    } else if (flag->argument != NULL) {
        buf_puts(out, takes_file(flag) ? " -r -F" : " -x");
    }
    buf_printf(out, " -d '%s'\n", flag->text);
}

static void
fish_script(struct buf *out)
{
    struct flag flag;
    buf_puts(out, "# fish completion of flametop; made by: flametop completion fish\n");
    for (size_t i = 1; i < subcommand_table_count; i++) {
        const struct subcommand *command = &subcommand_table[i];
        /* Not __fish_use_subcommand: it takes the value of a flag for one. */
        buf_puts(out, "complete -c flametop -n 'not __fish_seen_subcommand_from");
        for (size_t j = 1; j < subcommand_table_count; j++) {
            buf_printf(out, " %s", subcommand_table[j].name);
        }
        buf_printf(out, "' -a %s -d '%s'\n", command->name, command->text);
        if (command->words != NULL) {
            buf_printf(out, "complete -c flametop -n '__fish_seen_subcommand_from %s' -f -a '%s'\n",
                       command->name, command->words);
        }
    }
    for (size_t i = 0; flag_at(i, &flag); i++) {
        fish_flag(out, &flag);
    }
}

bool
command_line_completion(const char *shell, struct buf *out)
{
    static const struct {
        const char *shell;
        void (*script)(struct buf *out);
    } shells[] = {{"bash", bash_script}, {"zsh", zsh_script}, {"fish", fish_script}};
    for (size_t i = 0; i < ARRAY_SIZE(shells); i++) {
        if (strcmp(shells[i].shell, shell) == 0) {
            shells[i].script(out);
            return true;
        }
    }
    return false;
}
