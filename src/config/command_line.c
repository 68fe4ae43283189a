/* Arguments into a command, targets and settings. Every mistake is reported, not only the first; a
 * flag that is not known takes no value, because whether it has one is not known either. */
#include "flametop/config/command_line.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "flametop/config/nearest.h"
#include "flametop/config/paths.h"

const struct subcommand subcommand_table[] = {
    {COMMAND_MONITOR, "", "[TARGET...]", 0, 256,
     "Open the monitor on TARGET: this machine (the default; the word local leaves its agent out), "
     "the FILE of a snapshot, a profile or traces, http://HOST:PORT, unix:PATH, ssh://HOST, an "
     "Erlang node "
     "beam://NAME@HOST or @GROUP. "
     "Several are shown side by side; web-{01..40}:7711 is forty.",
     NULL, true},
    {COMMAND_SNAPSHOT, "snapshot", "[TARGET...]", 0, 256,
     "Look for a moment and write what was seen to a file or to standard output: of several "
     "targets "
     "one document a line, or the table of them.",
     NULL, false},
    {COMMAND_AGENT, "agent", "[TARGET]", 0, 1,
     "Collect without a screen and serve what is seen over HTTP and WebSockets: of this machine, "
     "or "
     "of TARGET: an Erlang node beam://NAME@HOST, or http://HOST:PORT of another server.",
     NULL, false},
    {COMMAND_CHECK, "check", "CONDITION [TARGET...]", 1, 257,
     "Exit with 0 when the CONDITION holds (as in system.cpu.utilization > 90% for 10s), of "
     "several "
     "targets on one of them; with 1 when not, with 3 when it is not known.",
     NULL, false},
    {COMMAND_EXEC, "exec", "-- COMMAND...", 1, 256,
     "Start a service with the variables set that make its OpenTelemetry send here, and open the "
     "monitor on it: flametop exec -- node server.js. What the service prints goes to a file that "
     "is named.",
     NULL, true},
    {COMMAND_FLAME, "flame", "[FILE|TARGET]", 0, 1,
     "Open a profile of stacks as a flame graph: FILE holds folded stacks, the text of perf "
     "script, pprof, speedscope, callgrind or a CPU profile of Chrome or Node.js, or traces, whose "
     "critical paths are added up; so are those of the requests that an agent holds, with "
     "http://HOST:PORT. The stacks of a process or of the whole machine, when one is named, are "
     "sampled now, after an address there; with beam://NAME@HOST those of its processes. "
     "Without a terminal frames are printed.",
     NULL, true},
    {COMMAND_QUERY, "query", "QUERY [FILE|TARGET]", 1, 2,
     "Ask the requests in a file of traces, or those an agent holds, one question: "
     "\"p95 duration by endpoint where service=shop\", \"sum duration of spans by "
     "db.system.name\". "
     "Functions: sum, avg, min, max, count, rate, stddev, pNN.",
     NULL, false},
    {COMMAND_CHECK_CONFIG, "check-config", "[FILE]", 0, 1,
     "Report everything that is wrong in FILE, or in the files that would be read.", NULL, true},
    {COMMAND_COMPLETION, "completion", "SHELL", 1, 1,
     "Print the completion script of bash, zsh or fish.", "bash zsh fish", false},
};
const size_t subcommand_table_count = ARRAY_SIZE(subcommand_table);

enum general {
    GENERAL_HELP,
    GENERAL_VERSION,
    GENERAL_CONFIG,
    GENERAL_SET,
    GENERAL_PRINT_CONFIG,
    GENERAL_PRINT_DOCS
};

const struct general_flag general_flag_table[] = {
    [GENERAL_HELP] = {"help", 'h', NULL, "Show the help of the command and exit."},
    [GENERAL_VERSION] = {"version", 'V', NULL,
                         "Show the version, what this build can do, and exit."},
    [GENERAL_CONFIG] = {"config", 0, "FILE",
                        "Read this configuration instead of those of system and user."},
    [GENERAL_SET] = {"set", 0, "NAME=VALUE", "Set any setting of the configuration."},
    [GENERAL_PRINT_CONFIG] = {"print-config", 0, NULL,
                              "Print all settings, with where each came from, and exit."},
    [GENERAL_PRINT_DOCS] = {"print-docs", 0, "TOPIC", NULL},
};
const size_t general_flag_table_count = ARRAY_SIZE(general_flag_table);

/* The arguments being read. */
struct cursor {
    struct command_line *line;
    char *const *argv;
    int argc, at;
    const char **arguments;
    struct buf *errors;
    bool ok, only_arguments; /* after -- */
};

static void
complain(struct cursor *cursor, struct str what, const char *why)
{
    char shown[96];
    utf8_clean(what, shown, sizeof(shown));
    buf_printf(cursor->errors, "%s: %s\n", shown, why);
    cursor->ok = false;
}

bool
subcommand_takes(const struct subcommand *command, const struct option *option)
{
    if (option->command != NULL && strcmp(option->command, command->name) != 0) {
        return false;
    }
    bool receives = command->id == COMMAND_MONITOR || command->id == COMMAND_AGENT ||
                    command->id == COMMAND_EXEC;
    if (strcmp(option->group, "Receiving") == 0 && !receives) {
        return false;
    }
    static const char *const drawn[] = {"glyphs", "span",
                                        "theme"}; /* a snapshot may be drawn, too */
    bool takes = command->screen || strcmp(option->group, "Screen") != 0;
    for (size_t i = 0; i < ARRAY_SIZE(drawn) && command->id == COMMAND_SNAPSHOT; i++) {
        takes |= strcmp(option->name, drawn[i]) == 0;
    }
    return takes;
}

static bool
names_flag(const struct option *option, struct str name, char letter)
{
    return letter != 0 ? option->letter == letter
                       : option->flag != NULL && str_is(name, option->flag);
}

/* A flag that several commands have means that of the command which is read. */
static const struct option *
find_option(const struct cursor *cursor, struct str name, char letter)
{
    const struct option *found = NULL;
    for (size_t i = 0; i < option_table_count; i++) {
        const struct option *option = &option_table[i];
        bool own =
            option->command != NULL && strcmp(option->command, cursor->line->command->name) == 0;
        if (names_flag(option, name, letter) && (found == NULL || own)) {
            found = option;
        }
    }
    return found;
}

static const struct general_flag *
find_general(struct str name, char letter)
{
    for (size_t i = 0; i < general_flag_table_count; i++) {
        const struct general_flag *general = &general_flag_table[i];
        if (letter != 0 ? general->letter == letter : str_is(name, general->flag)) {
            return general;
        }
    }
    return NULL;
}

static void
add_setting(struct cursor *cursor, const char *option, const char *value, struct str where)
{
    struct command_line *line = cursor->line;
    const struct option *row = option_find(option);
    for (size_t i = 0; row != NULL && row->type == OPTION_LIST && i < line->setting_count; i++) {
        if (strcmp(line->settings[i].option, option) == 0) { /* -p 1 -p 2 is -p 1,2 */
            line->settings[i].value =
                arena_printf(&line->arena, "%s,%s", line->settings[i].value, value);
            return;
        }
    }
    if (line->setting_count == FLAG_SETTINGS_MAX) {
        complain(cursor, where, "too many flags");
        return;
    }
    line->settings[line->setting_count++] =
        (struct flag_setting){option, value, arena_text(&line->arena, where.p, where.n)};
}

/* The value after a flag: joined to it (`joined` != NULL) or the next argument. */
static const char *
take_value(struct cursor *cursor, const char *joined, struct str where, const char *argument)
{
    if (joined != NULL) {
        return joined;
    }
    if (cursor->at < cursor->argc) {
        return cursor->argv[cursor->at++];
    }
    char why[64];
    snprintf(why, sizeof(why), "needs a value (%s)", argument);
    complain(cursor, where, why);
    return NULL;
}

static void
on_general(struct cursor *cursor, const struct general_flag *general, const char *joined,
           struct str where)
{
    struct command_line *line = cursor->line;
    const char *value = NULL;
    if (general->argument == NULL && joined != NULL) {
        complain(cursor, where, "takes no value");
        return;
    }
    if (general->argument != NULL &&
        (value = take_value(cursor, joined, where, general->argument)) == NULL) {
        return;
    }
    switch ((enum general)(general - general_flag_table)) {
    case GENERAL_HELP:
        line->action = ACTION_HELP;
        break;
    case GENERAL_VERSION:
        line->action = ACTION_VERSION;
        break;
    case GENERAL_PRINT_CONFIG:
        line->action = ACTION_PRINT_CONFIG;
        break;
    case GENERAL_PRINT_DOCS:
        line->action = ACTION_PRINT_DOCS;
        line->topic = value;
        break;
    case GENERAL_CONFIG:
        line->config_file = value;
        break;
    case GENERAL_SET: {
        assert(value != NULL); /* its row says it takes one */
        const char *equals = strchr(value, '=');
        if (equals == NULL || equals == value) {
            complain(cursor, where, "write --set NAME=VALUE");
            return;
        }
        add_setting(cursor, arena_text(&line->arena, value, (size_t)(equals - value)), equals + 1,
                    where);
        break;
    }
    }
}

/* Three top-like programs and years of habit: `-d 2` and `-d 0.5` are seconds. --interval asks for
 * the unit. */
static const char *
with_seconds(struct cursor *cursor, const char *value)
{
    struct str rest = str_from(value);
    double number;
    return str_double(&rest, &number) && rest.n == 0
               ? arena_printf(&cursor->line->arena, "%ss", value)
               : value;
}

static void
on_option(struct cursor *cursor, const struct option *option, const char *joined, struct str where,
          bool by_letter)
{
    const char *value;
    if (option->bare != NULL && joined == NULL) {
        value = option->bare;
    } else if (option->type == OPTION_BOOL) {
        value = joined != NULL ? joined : "true";
    } else {
        value = take_value(cursor, joined, where, option->argument);
    }
    if (value == NULL) {
        return;
    }
    if (by_letter && option->type == OPTION_DURATION) {
        value = with_seconds(cursor, value);
    }
    add_setting(cursor, option->name, value, where);
}

/* What was tried as a flag and must not be one. */
static const struct {
    const char *flag, *why;
} refused_flags[] = {
    {"cookie", "a cookie in arguments is seen by everybody who lists processes: put it into "
               "~/.erlang.cookie, give its file with --cookie-file FILE, or set FLAMETOP_COOKIE"},
};

static void
unknown_flag(struct cursor *cursor, struct str name, struct str where)
{
    struct nearest nearest;
    for (size_t i = 0; i < ARRAY_SIZE(refused_flags); i++) {
        if (str_is(name, refused_flags[i].flag)) {
            complain(cursor, where, refused_flags[i].why);
            return;
        }
    }
    nearest_init(&nearest, name);
    for (size_t i = 0; i < option_table_count; i++) {
        if (option_table[i].flag != NULL) {
            nearest_try(&nearest, option_table[i].flag);
        }
    }
    for (size_t i = 0; i < general_flag_table_count; i++) {
        if (general_flag_table[i].text != NULL) {
            nearest_try(&nearest, general_flag_table[i].flag);
        }
    }
    char why[128];
    if (nearest.best != NULL) {
        snprintf(why, sizeof(why), "no such flag; did you mean --%s?", nearest.best);
    } else {
        snprintf(why, sizeof(why), "no such flag; flametop --help lists them");
    }
    complain(cursor, where, why);
}

static void
on_long(struct cursor *cursor, const char *argument)
{
    const char *equals = strchr(argument, '=');
    struct str where = {argument, equals != NULL ? (size_t)(equals - argument) : strlen(argument)};
    struct str name = {where.p + 2, where.n - 2};
    const char *joined = equals != NULL ? equals + 1 : NULL;
    const struct general_flag *general = find_general(name, 0);
    const struct option *option = find_option(cursor, name, 0);
    if (general != NULL) {
        on_general(cursor, general, joined, where);
    } else if (option != NULL) {
        on_option(cursor, option, joined, where, false);
    } else {
        if (str_starts(name, "no-")) {
            option = find_option(cursor, (struct str){name.p + 3, name.n - 3}, 0);
        }
        if (option != NULL && option->type == OPTION_BOOL && joined == NULL) {
            add_setting(cursor, option->name, "false", where);
        } else {
            unknown_flag(cursor, name, where);
        }
    }
}

/* -d2, -d 2, and letters without value together: -hV. */
static void
on_letters(struct cursor *cursor, const char *argument)
{
    for (const char *p = argument + 1; *p != 0; p++) {
        const struct general_flag *general = find_general((struct str){"", 0}, *p);
        const struct option *option = find_option(cursor, (struct str){"", 0}, *p);
        char flag[3] = {'-', *p, 0};
        const char *name = arena_text(&cursor->line->arena, flag, 2);
        const char *joined = p[1] != 0 ? p + 1 : NULL;
        if (general != NULL && general->argument == NULL) {
            on_general(cursor, general, NULL, str_from(name));
        } else if (general != NULL) {
            on_general(cursor, general, joined, str_from(name));
            return;
        } else if (option != NULL) {
            on_option(cursor, option, joined, str_from(name), true);
            return;
        } else {
            complain(cursor, str_from(argument), "no such flag; flametop --help lists them");
            return;
        }
    }
}

static void
on_argument(struct cursor *cursor, const char *argument)
{
    struct command_line *line = cursor->line;
    if (line->command->id == COMMAND_MONITOR && line->argument_count == 0 &&
        !cursor->only_arguments) {
        for (size_t i = 1; i < subcommand_table_count; i++) {
            if (strcmp(subcommand_table[i].name, argument) == 0) {
                line->command = &subcommand_table[i];
                return;
            }
        }
    }
    cursor->arguments[line->argument_count++] = argument;
}

/* What can only be said when the command is known. */
static void
check_command(struct cursor *cursor)
{
    struct command_line *line = cursor->line;
    char why[160];
    if (line->action != ACTION_RUN) {
        return;
    }
    for (size_t i = 0; i < line->setting_count; i++) {
        const struct option *option = option_find(line->settings[i].option);
        bool by_flag = strcmp(line->settings[i].where, "--set") != 0;
        if (option != NULL && by_flag && !subcommand_takes(line->command, option)) {
            snprintf(why, sizeof(why), "is a flag of %s",
                     option->command != NULL ? option->command : "the monitor");
            complain(cursor, str_from(line->settings[i].where), why);
        }
    }
    if (line->argument_count > line->command->arguments_max) {
        complain(cursor, str_from(line->arguments[line->command->arguments_max]),
                 "is one argument too many; flametop --help shows what is expected");
    }
    if (line->argument_count < line->command->arguments_min) {
        const char *words = line->command->words;
        snprintf(why, sizeof(why), "needs %s%s%s", line->command->arguments,
                 words != NULL ? ", one of: " : "", words != NULL ? words : "");
        complain(cursor, str_from(line->command->name), why);
    }
}

bool
command_line_init(struct command_line *line, int argc, char *const *argv, struct buf *errors)
{
    *line = (struct command_line){.command = &subcommand_table[0]};
    arena_init(&line->arena, (size_t)16 << 20);
    struct cursor cursor = {
        .line = line, .argv = argv, .argc = argc, .at = 1, .errors = errors, .ok = true};
    cursor.arguments = arena_news(&line->arena, const char *, (size_t)MAX(argc, 1));
    line->arguments = cursor.arguments;
    if (cursor.arguments == NULL) {
        buf_puts(errors, "out of memory\n");
        return false;
    }
    while (cursor.at < argc) {
        const char *argument = argv[cursor.at++];
        if (cursor.only_arguments || argument[0] != '-' || argument[1] == 0) {
            on_argument(&cursor, argument);
        } else if (strcmp(argument, "--") == 0) {
            cursor.only_arguments = true;
        } else if (argument[1] == '-') {
            on_long(&cursor, argument);
        } else {
            on_letters(&cursor, argument);
        }
    }
    check_command(&cursor);
    return cursor.ok;
}

void
command_line_done(struct command_line *line)
{
    arena_done(&line->arena);
}

static void
read_files(struct config *config, char *const *environment, struct buf *warnings)
{
    char path[4096];
    config_read_file(config, PATHS_CONFIG_SYSTEM, false, warnings);
    if (paths_user(environment, "config.yml", path, sizeof(path))) {
        config_read_file(config, path, false, warnings);
    }
}

bool
command_line_configure(const struct command_line *line, struct config *config,
                       char *const *environment, struct buf *warnings, struct buf *errors)
{
    size_t errors_before = errors->n;
    const char *file = line->config_file;
    if (line->command->id == COMMAND_CHECK_CONFIG && line->argument_count > 0) {
        file = line->arguments[0];
    }
    if (file == NULL) {
        read_files(config, environment, warnings);
    } else {
        config_read_file(config, file, true, line->config_file != NULL ? errors : warnings);
    }
    config_read_environment(config, environment, warnings);
    for (size_t i = 0; i < line->setting_count; i++) {
        const struct flag_setting *setting = &line->settings[i];
        config_set(config, setting->option, setting->value, setting->where, errors);
    }
    return errors->n == errors_before;
}
