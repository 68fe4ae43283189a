/* Arguments, help and completion. */
#include "../check.h"
#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "flametop/config/command_line.h"

#include <ctype.h>
#include <string.h>

#define WORDS_MAX 16

/* The arguments of one call, as the shell would split them at blanks. */
struct call {
    struct command_line line;
    struct buf errors;
    char text[256];
    char *argv[WORDS_MAX];
    int argc;
    bool ok;
};

static void
call_init(struct call *call, const char *arguments)
{
    struct str rest = str_from(arguments), word;
    size_t n = 0;
    *call = (struct call){.argc = 1};
    call->argv[0] = call->text;
    call->text[n++] = 0;
    while (str_word(&rest, &word)) {
        assert_true(call->argc < WORDS_MAX && n + word.n < sizeof(call->text));
        call->argv[call->argc++] = call->text + n;
        memcpy(call->text + n, word.p, word.n);
        n += word.n + 1;
    }
    buf_init(&call->errors, 65536);
    buf_puts(&call->errors, "");
    call->ok = command_line_init(&call->line, call->argc, call->argv, &call->errors);
}

static void
call_done(struct call *call)
{
    command_line_done(&call->line);
    buf_done(&call->errors);
}

/* "command|action|arguments|option=value ..." */
static void
describe(const struct command_line *line, struct buf *out)
{
    buf_printf(out, "%s|%d|", line->command->name, line->action);
    for (size_t i = 0; i < line->argument_count; i++) {
        buf_printf(out, "%s%s", i > 0 ? " " : "", line->arguments[i]);
    }
    buf_putc(out, '|');
    for (size_t i = 0; i < line->setting_count; i++) {
        buf_printf(out, "%s%s=%s", i > 0 ? " " : "", line->settings[i].option,
                   line->settings[i].value);
    }
}

static void
test_command_line__reads_commands_targets_and_flags(void **state)
{
    (void)state;
    static const struct {
        const char *arguments, *read;
    } rows[] = {
        {"", "|0||"},
        {"local", "|0|local|"},
        {"-d 2", "|0||interval=2s"},
        {"-d0.5", "|0||interval=0.5s"},
        {"-d 500ms", "|0||interval=500ms"},
        {"--interval 5", "|0||interval=5"}, /* refused later, with both readings */
        {"--interval=2s --theme light", "|0||interval=2s theme=light"},
        {"-p 1 -p2,3 --pid=4", "|0||processes.pids=1,2,3,4"},
        {"--plain --no-mouse --readonly=off", "|0||plain=true mouse=false readonly=off"},
        {"snapshot -o x.json --count 3", "snapshot|0||snapshot.output=x.json snapshot.count=3"},
        {"-d 1 snapshot local -o -", "snapshot|0|local|interval=1s snapshot.output=-"},
        {"-- snapshot", "|0|snapshot|"},
        {"-- -d", "|0|-d|"},
        {"-", "|0|-|"},
        {"check-config a.yml", "check-config|0|a.yml|"},
        {"completion zsh", "completion|0|zsh|"},
        {"--help", "|1||"},
        {"snapshot -h", "snapshot|1||"},
        {"completion --help", "completion|1||"},
        {"-V", "|2||"},
        {"--print-config -d 2", "|3||interval=2s"},
        {"--set thresholds.x.warning=5=6", "|0||thresholds.x.warning=5=6"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct call call;
        struct buf out;
        buf_init(&out, 4096);
        call_init(&call, rows[i].arguments);
        describe(&call.line, &out);
        assert_string_equal(call.errors.data, "");
        assert_true(call.ok);
        assert_string_equal(out.data, rows[i].read);
        buf_done(&out);
        call_done(&call);
    }
}

static void
test_command_line__says_each_mistake(void **state)
{
    (void)state;
    static const struct {
        const char *arguments, *errors;
    } rows[] = {
        {"--intervall", "--intervall: no such flag; did you mean --interval?\n"},
        {"--xyzzy", "--xyzzy: no such flag; flametop --help lists them\n"},
        {"-x", "-x: no such flag; flametop --help lists them\n"},
        {"--interval", "--interval: needs a value (TIME)\n"},
        {"-d", "-d: needs a value (TIME)\n"},
        {"--help=yes", "--help: takes no value\n"},
        {"--no-theme", "--no-theme: no such flag; did you mean --theme?\n"},
        {"--set interval", "--set: write --set NAME=VALUE\n"},
        {"completion zsh b",
         "b: is one argument too many; flametop --help shows what is expected\n"},
        {"completion", "completion: needs SHELL, one of: bash zsh fish\n"},
        {"-o x.json", "-o: is a flag of snapshot\n"},
        {"snapshot --plain", "--plain: is a flag of the monitor\n"},
        {"--plian --thema x", "--plian: no such flag; did you mean --plain?\n"
                              "--thema: no such flag; did you mean --theme?\n"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct call call;
        call_init(&call, rows[i].arguments);
        assert_false(call.ok);
        assert_string_equal(call.errors.data, rows[i].errors);
        call_done(&call);
    }
}

static void
test_command_line__flags_win_over_environment_and_files(void **state)
{
    (void)state;
    struct catalog *catalog = catalog_new(16);
    struct config *config = config_new(catalog);
    struct call call;
    struct buf warnings;
    char *environment[] = {(char[]){"FLAMETOP_THEME=light"}, (char[]){"FLAMETOP_SPAN=5"}, NULL};
    buf_init(&warnings, 4096);
    call_init(&call, "--config /dev/null --theme mono -d 2 --set slow_link=on");
    assert_true(call.ok);
    assert_true(command_line_configure(&call.line, config, environment, &warnings, &call.errors));
    assert_string_equal(config_text(config, "theme"), "mono");
    assert_string_equal(config_origin(config, "theme"), "--theme");
    assert_true(config_integer(config, "interval") == 2 * NS_PER_S);
    assert_true(config_bool(config, "slow_link"));
    assert_string_equal(warnings.data, "FLAMETOP_SPAN: 5: did you mean 5m or 5h?\n");
    call_done(&call);

    call_init(&call, "--config /nonexistent --interval 5");
    assert_false(command_line_configure(&call.line, config, NULL, &warnings, &call.errors));
    assert_string_equal(call.errors.data,
                        "/nonexistent: cannot be read: No such file or directory\n"
                        "--interval: 5: did you mean 5s?\n");
    call_done(&call);
    buf_done(&warnings);
    config_free(config);
    catalog_free(catalog);
}

static bool
takes_flag(const struct subcommand *command, const char *flag)
{
    bool takes = false;
    for (size_t i = 0; i < option_table_count; i++) {
        takes |= option_table[i].flag != NULL && strcmp(option_table[i].flag, flag) == 0 &&
                 subcommand_takes(command, &option_table[i]);
    }
    return takes;
}

/* Also inside a sentence; --to is not named by --token-file. */
static bool
names_flag(const char *text, const char *flag)
{
    size_t n = strlen(flag);
    const char *at = strstr(text, flag);
    while (at != NULL && (isalnum((unsigned char)at[n]) || at[n] == '-')) {
        at = strstr(at + n, flag);
    }
    return at != NULL;
}

static void
test_command_line__help_fits_80_columns_and_names_each_flag(void **state)
{
    (void)state;
    for (size_t i = 0; i < subcommand_table_count; i++) {
        struct buf out;
        buf_init(&out, 65536);
        command_line_help(&subcommand_table[i], &out);
        struct str rest = {out.data, out.n}, row;
        while (str_line(&rest, &row)) {
            assert_true(utf8_text_width(row) <= 80);
        }
        for (size_t j = 0; j < option_table_count; j++) {
            const struct option *option = &option_table[j];
            if (option->flag != NULL) {
                char flag[64] = "--";
                strncat(flag,
                        option->type == OPTION_BOOL && strcmp(option->fallback, "true") == 0 ? "no-"
                                                                                             : "",
                        8);
                strncat(flag, option->flag, 40);
                assert_int_equal(names_flag(out.data, flag),
                                 takes_flag(&subcommand_table[i], option->flag));
            }
        }
        buf_done(&out);
    }
}

static void
test_command_line__completion_names_each_flag_and_needs_no_quoting(void **state)
{
    (void)state;
    static const char *const shells[] = {"bash", "zsh", "fish"};
    struct buf out;
    for (size_t i = 0; i < ARRAY_SIZE(shells); i++) {
        buf_init(&out, 65536);
        assert_true(command_line_completion(shells[i], &out));
        for (size_t j = 0; j < option_table_count; j++) {
            const struct option *option = &option_table[j];
            assert_null(strchr(option_flag_text(option), '\''));
            bool on = option->type == OPTION_BOOL && strcmp(option->fallback, "true") == 0;
            assert_true(on == (option->off != NULL));
            assert_true(option->flag == NULL || strstr(out.data, option->flag) != NULL);
        }
        for (size_t j = 0; j < general_flag_table_count; j++) {
            assert_true(general_flag_table[j].text == NULL ||
                        strchr(general_flag_table[j].text, '\'') == NULL);
        }
        for (size_t j = 0; j < subcommand_table_count; j++) {
            assert_null(strchr(subcommand_table[j].text, '\''));
            assert_non_null(strstr(out.data, subcommand_table[j].name));
        }
        buf_done(&out);
    }
    buf_init(&out, 16);
    assert_false(command_line_completion("csh", &out));
    buf_done(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_command_line__reads_commands_targets_and_flags),
        cmocka_unit_test(test_command_line__says_each_mistake),
        cmocka_unit_test(test_command_line__flags_win_over_environment_and_files),
        cmocka_unit_test(test_command_line__help_fits_80_columns_and_names_each_flag),
        cmocka_unit_test(test_command_line__completion_names_each_flag_and_needs_no_quoting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
