/* The front of the program. */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "docs.h"
#include "machine.h"
#include "snapshot.h"
#include "wanted.h"
#include "flametop/analysis/table.h"
#include "flametop/base/log.h"
#include "flametop/base/utf8.h"
#include "flametop/config/alias.h"
#include "flametop/config/nearest.h"
#include "flametop/config/paths.h"
#include "flametop/core/query.h"
#include "flametop/engine/collector.h"
#include "flametop/sources/beam.h"
#include "flametop/sources/beam_metrics.h"
#include "flametop/receivers/decode.h"
#include "flametop/receivers/receive.h"
#include "flametop/sources/endpoint.h"
#include "flametop/sources/table.h"
#include "flametop/trace/analyzer.h"
#include "flametop/trace/store.h"
#include "flametop/ui/app.h"
#include "flametop/ui/theme.h"

#define SERIES_MAX 100000
#define TEXT_BYTES_MAX ((size_t)4 << 20)
#define RULE_BYTES_MAX ((size_t)4 << 10)

void
cli_complain(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("flametop: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

int
cli_print(const struct buf *text)
{
    bool written = text->n == 0 || fwrite(text->data, 1, text->n, stdout) == text->n;
    if (!written || fflush(stdout) != 0) {
        cli_complain("standard output: %s", strerror(errno));
        return EXIT_FAILED;
    }
    return EXIT_DONE;
}

void
cli_take_secret(const char *variable, char *dst, size_t size)
{
    char *value = getenv(variable);
    str_copy(str_trim(str_from(value != NULL ? value : "")), dst, size);
    if (value != NULL) {
        explicit_bzero(value, strlen(value));
        unsetenv(variable);
    }
}

static void
complain_lines(const struct buf *lines)
{
    struct str rest = {lines->data, lines->n}, line;
    while (str_line(&rest, &line)) {
        cli_complain("%.*s", (int)line.n, line.p);
        log_warning("%.*s", (int)line.n, line.p);
    }
}

int
cli_glyphs(const struct cli *cli, int automatic)
{
    const int glyphs[] = {[CHOSEN_GLYPHS_AUTO] = automatic,
                          [CHOSEN_GLYPHS_ASCII] = GLYPHS_ASCII,
                          [CHOSEN_GLYPHS_BLOCKS] = GLYPHS_BLOCKS,
                          [CHOSEN_GLYPHS_BRAILLE] = GLYPHS_BRAILLE};
    return glyphs[config_integer(cli->config, "glyphs")];
}

static void
print_version(struct buf *out)
{
    buf_printf(out, "flametop " FLAMETOP_VERSION " (libuv %s)\nsources:", uv_version_string());
    for (size_t i = 0; i < source_table_count; i++) {
        buf_printf(out, " %s", source_table[i]->name);
    }
    buf_puts(out, "\nanalyzers:");
    for (size_t i = 0; i < analyzer_table_count; i++) {
        buf_printf(out, " %s", analyzer_table[i]->name);
    }
    buf_printf(out, " %s", analyzer_request.name);
    buf_puts(out, "\nformats:");
    snapshot_list_formats(out);
    buf_puts(out, "\ntrace files:");
    for (size_t i = 0; i < span_format_count; i++) {
        buf_printf(out, "%s %s", i > 0 ? "," : "", span_format_table[i].name);
    }
    buf_printf(out, "\ntargets: local, snapshot files, http, https, unix, ssh%s\n",
               beam_is_built() ? ", beam" : "");
}

/* What needs no configuration. */
static int
print_early(const struct cli *cli, struct buf *out)
{
    switch (cli->line.action) {
    case ACTION_HELP:
        command_line_help(cli->line.command, out);
        return cli_print(out);
    case ACTION_VERSION:
        print_version(out);
        return cli_print(out);
    case ACTION_PRINT_DOCS:
        if (!docs_print(cli->line.topic, cli->catalog, out)) {
            cli_complain("--print-docs: %s is none of: %s", cli->line.topic, docs_topics());
            return EXIT_USAGE;
        }
        return cli_print(out);
    case ACTION_RUN:
        if (cli->line.command->id != COMMAND_COMPLETION) {
            return -1;
        }
        if (!command_line_completion(cli->line.arguments[0], out)) {
            cli_complain("completion: %s is none of: %s", cli->line.arguments[0],
                         cli->line.command->words);
            return EXIT_USAGE;
        }
        return cli_print(out);
    case ACTION_PRINT_CONFIG:
        break;
    }
    return -1;
}

/* What configuration cannot know: formats, themes, and keys with their commands, which a screen
 * that is never shown tries out. */
struct checker {
    struct catalog *catalog;
    bool elsewhere;  /* the target is a file: its users need not be this machine's */
    struct app *app; /* made at the first key */
};

static bool
check_key(struct checker *checker, const char *context, const char *pair, char *why,
          size_t why_size)
{
    struct str rest = str_from(pair), key;
    char name[32];
    if (checker->app == NULL) {
        checker->app = app_new(&(struct app_options){.catalog = checker->catalog});
    }
    if (checker->app == NULL || !str_until(&rest, ' ', &key)) {
        snprintf(why, why_size, "out of memory");
        return false;
    }
    str_copy(key, name, sizeof(name));
    return app_bind(checker->app, strcmp(context, "everywhere") == 0 ? "" : context, name, rest.p,
                    why, why_size);
}

struct near_theme {
    struct nearest nearest;
    char name[64]; /* a copy of the best: those that are listed do not live on */
};

static void
try_theme(void *context, const char *name)
{
    struct near_theme *near = context;
    const char *before = near->nearest.best;
    if (strlen(name) < sizeof(near->name)) {
        nearest_try(&near->nearest, name);
    }
    if (near->nearest.best != before) {
        strlcpy(near->name, name, sizeof(near->name));
        near->nearest.best = near->name;
    }
}

/* A theme of nearly that name, when the given one is none. */
static bool
suggest_theme(const char *name, char *why, size_t why_size)
{
    struct near_theme near;
    nearest_init(&near.nearest, str_from(name));
    /* There are few names and all are short words: lite is light. */
    near.nearest.distance = MAX(near.nearest.distance, (unsigned)CLAMP(strlen(name), 1u, 4u) - 1);
    theme_list(try_theme, &near);
    if (near.nearest.best == NULL || near.nearest.distance == 0) {
        return false;
    }
    char shown[64];
    utf8_clean(str_from(name), shown, sizeof(shown));
    snprintf(why, why_size, "%s: no such theme; did you mean %s?", shown, near.nearest.best);
    return true;
}

static bool
check_theme(const char *name, char *why, size_t why_size)
{
    struct theme theme;
    struct buf errors;
    buf_init(&errors, 4096);
    bool right = theme_load(name, &theme, &errors);
    struct str rest = {errors.data, errors.n}, line;
    if (!right && !suggest_theme(name, why, why_size) && str_line(&rest, &line)) {
        str_copy(line, why, why_size);
    }
    buf_done(&errors);
    return right;
}

/* "system.swap.io" or "system.disk.io{device=sda}". */
static bool
check_metric(const struct checker *checker, const char *value, char *why, size_t why_size)
{
    struct query *query = query_new_formula(checker->catalog, value, why, why_size);
    query_free(query);
    return query != NULL;
}

static bool
check_rule(const char *name, const char *value, char *why, size_t why_size)
{
    struct arena arena;
    struct trace_threshold threshold;
    struct trace_sampling sampling;
    arena_init(&arena, RULE_BYTES_MAX);
    bool good = strcmp(name, "traces.sampling") == 0
                    ? trace_sampling_parse(str_from(value), &arena, &sampling, why, why_size)
                    : trace_threshold_parse(str_from(value), &arena, &threshold, why, why_size);
    arena_done(&arena);
    return good;
}

static bool
check(void *context, const char *name, const char *value, char *why, size_t why_size)
{
    if (strncmp(name, "keys.", 5) == 0) {
        return check_key(context, name + 5, value, why, why_size);
    }
    if (strcmp(name, "theme") == 0) {
        return check_theme(value, why, why_size);
    }
    if (strcmp(name, "cards") == 0) {
        return check_metric(context, value, why, why_size);
    }
    const struct checker *checker = context;
    if (strcmp(name, "processes.users") == 0) {
        return checker->elsewhere || wanted_check_user(value, why, why_size);
    }
    if (strcmp(name, "receive.listen") == 0) { /* whether others may reach it is asked later */
        return receive_check(value, true, why, why_size);
    }
    if (strcmp(name, "requests.slow_for") == 0 || strcmp(name, "traces.sampling") == 0) {
        return check_rule(name, value, why, why_size);
    }
    if (strcmp(name, "snapshot.format") == 0) {
        return snapshot_check_format(value, why, why_size);
    }
    return true;
}

static int
open_log(const struct config *config)
{
    static const enum log_level levels[] = {[CHOSEN_LOG_ERROR] = LOG_LEVEL_ERROR,
                                            [CHOSEN_LOG_WARNING] = LOG_LEVEL_WARNING,
                                            [CHOSEN_LOG_INFO] = LOG_LEVEL_INFO,
                                            [CHOSEN_LOG_DEBUG] = LOG_LEVEL_DEBUG};
    const char *file = config_text(config, "log.file");
    int fd = STDERR_FILENO;
    if (file[0] != 0) {
        fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
        if (fd < 0) {
            cli_complain("log.file %s: %s", file, strerror(errno));
            return EXIT_FAILED;
        }
    }
    log_open(fd, levels[config_integer(config, "log.level")]);
    return -1;
}

static int
check_config(const struct cli *cli, char *const *environment, const struct buf *warnings)
{
    char path[4096] = "";
    if (warnings->n > 0) {
        return EXIT_FAILED;
    }
    if (cli->line.argument_count > 0 || cli->line.config_file != NULL) {
        printf("nothing wrong in %s\n",
               cli->line.argument_count > 0 ? cli->line.arguments[0] : cli->line.config_file);
        return EXIT_DONE;
    }
    paths_user(environment, "config.yml", path, sizeof(path));
    printf("nothing wrong in " PATHS_CONFIG_SYSTEM
           "%s%s and the environment (files that are not there hold the "
           "defaults)\n",
           path[0] != 0 ? ", " : "", path);
    return EXIT_DONE;
}

/* Where the first mistake is, and how many there are. */
static void
make_notice(struct cli *cli, const struct buf *warnings)
{
    struct str rest = {warnings->data, warnings->n}, first, line;
    size_t count = 0;
    for (struct str all = rest; str_line(&all, &line);) {
        count++;
    }
    if (count == 0 || !str_until(&rest, ':', &first)) {
        return;
    }
    snprintf(cli->notice, sizeof(cli->notice),
             "%.*s: %zu %s ignored; flametop check-config says %s", (int)MIN(first.n, (size_t)160),
             first.p, count, count == 1 ? "mistake is" : "mistakes are",
             count == 1 ? "what it is" : "what they are");
}

static int
configure(struct cli *cli, char *const *environment, struct buf *out)
{
    struct buf warnings, errors;
    struct checker checker = {.catalog = cli->catalog, .elsewhere = machine_is_elsewhere(cli)};
    int code = -1;
    config_set_check(cli->config, (struct config_check){check, &checker});
    buf_init(&warnings, TEXT_BYTES_MAX);
    buf_init(&errors, TEXT_BYTES_MAX);
    bool right = command_line_configure(&cli->line, cli->config, environment, &warnings, &errors);
    config_set_check(cli->config, (struct config_check){NULL, NULL});
    app_free(checker.app);
    config_apply(cli->config, cli->catalog);
    if (!right) {
        code = EXIT_USAGE;
    } else if (cli->line.action == ACTION_PRINT_CONFIG) {
        config_print(cli->config, out);
        code = cli_print(out);
    } else if (cli->line.command->id == COMMAND_CHECK_CONFIG) {
        code = check_config(cli, environment, &warnings);
    }
    complain_lines(&warnings);
    complain_lines(&errors);
    make_notice(cli, &warnings);
    if (code < 0) {
        code = open_log(cli->config);
    }
    buf_done(&warnings);
    buf_done(&errors);
    return code;
}

int
cli_begin(struct cli *cli, int argc, char *const *argv, char *const *environment)
{
    struct buf out, errors;
    log_open(-1, LOG_LEVEL_WARNING); /* what is complained about is on stderr already; the log keeps
                                        it for :log */
    cli->catalog = catalog_new(SERIES_MAX);
    if (cli->catalog == NULL) {
        *cli = (struct cli){0};
        cli_complain("out of memory");
        return EXIT_FAILED;
    }
    collector_describe(cli->catalog, source_table, source_table_count);
    struct endpoint_kind kind; /* known before there is a target, for thresholds and cards */
    for (size_t i = 0; endpoint_kind(i, &kind); i++) {
        catalog_add(cli->catalog, kind.metrics, kind.metric_count);
    }
    catalog_add(cli->catalog, beam_metrics, BEAM_METRIC_COUNT);
    catalog_add(cli->catalog, pool_metrics, POOL_METRIC_COUNT);
    catalog_add(cli->catalog, source_received.metrics, source_received.metric_count);
    alias_add_all(cli->catalog);
    cli->config = config_new(cli->catalog);
    buf_init(&out, TEXT_BYTES_MAX);
    buf_init(&errors, TEXT_BYTES_MAX);
    int code = EXIT_USAGE;
    if (command_line_init(&cli->line, argc, argv, &errors)) {
        code = cli->config != NULL ? print_early(cli, &out) : EXIT_FAILED;
    }
    complain_lines(&errors);
    if (code < 0) {
        code = configure(cli, environment, &out);
    }
    buf_done(&out);
    buf_done(&errors);
    return code;
}

bool
cli_reload(struct cli *cli)
{
    struct buf wrong;
    struct checker checker = {.catalog = cli->catalog, .elsewhere = machine_is_elsewhere(cli)};
    struct config *config = config_new(cli->catalog);
    if (config == NULL) {
        return false;
    }
    buf_init(&wrong, TEXT_BYTES_MAX);
    config_set_check(config, (struct config_check){check, &checker});
    bool right = command_line_configure(&cli->line, config, environ, &wrong, &wrong);
    config_set_check(config, (struct config_check){NULL, NULL});
    app_free(checker.app);
    right = right && wrong.n == 0;
    struct str rest = {wrong.data, wrong.n}, line;
    while (str_line(&rest, &line)) {
        log_error("%.*s", (int)line.n, line.p);
    }
    buf_done(&wrong);
    if (!right) {
        config_free(config);
        return false;
    }
    config_apply(config, cli->catalog);
    cli->config = config;
    return true;
}

void
cli_end(struct cli *cli)
{
    command_line_done(&cli->line);
    config_free(cli->config);
    catalog_free(cli->catalog);
}
