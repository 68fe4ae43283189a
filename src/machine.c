/* This machine, another one through a link, or a snapshot of one. */
#include "machine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "flametop/analysis/table.h"
#include "flametop/base/file.h"
#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "flametop/sources/beam_metrics.h"
#include "flametop/sources/table.h"
#include "flametop/trace/requests.h"
#include "flametop/trace/store.h"

#define RULES_BYTES_MAX ((size_t)256 << 10)

/* A root that somebody chose is a folder. Of the usual ones only /proc is asked for: a kernel
 * without control groups is as good. */
static bool
check_roots(const struct cli *cli)
{
    static const char *const names[] = {"roots.proc", "roots.sys", "roots.cgroup"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        const char *path = config_text(cli->config, names[i]);
        const char *origin = config_origin(cli->config, names[i]);
        bool chosen = strcmp(origin, "default") != 0;
        struct stat info;
        int error = stat(path, &info) < 0 ? errno : S_ISDIR(info.st_mode) ? 0 : ENOTDIR;
        if (error != 0 && (chosen || i == 0)) {
            cli_complain("%s: %s: %s", chosen ? origin : names[i], path, strerror(error));
            return false;
        }
    }
    return true;
}

struct roots
machine_roots(const struct cli *cli)
{
    return (struct roots){config_text(cli->config, "roots.proc"),
                          config_text(cli->config, "roots.sys"),
                          config_text(cli->config, "roots.cgroup")};
}

/* What is configured of traces; rules live in the arena. They were checked when they were read. */
static void
read_trace_options(const struct config *config, struct arena *arena,
                   struct trace_store_options *ret_options)
{
    char why[160];
    size_t slow_count, sampling_count;
    const char *const *slow = config_list(config, "requests.slow_for", &slow_count);
    const char *const *sampling = config_list(config, "traces.sampling", &sampling_count);
    struct trace_threshold *thresholds = arena_news(arena, struct trace_threshold, slow_count);
    struct trace_sampling *shares = arena_news(arena, struct trace_sampling, sampling_count);
    *ret_options = (struct trace_store_options){
        .bytes_max = (size_t)config_integer(config, "traces.bytes"),
        .slow_s = (double)config_integer(config, "requests.slow") / 1e9,
        .slow_query_s = (double)config_integer(config, "queries.slow") / 1e9,
        .thresholds = thresholds,
        .sampling = shares};
    for (size_t i = 0; thresholds != NULL && i < slow_count; i++) {
        struct trace_threshold *at = &thresholds[ret_options->threshold_count];
        ret_options->threshold_count +=
            trace_threshold_parse(str_from(slow[i]), arena, at, why, sizeof(why));
    }
    for (size_t i = 0; shares != NULL && i < sampling_count; i++) {
        struct trace_sampling *at = &shares[ret_options->sampling_count];
        ret_options->sampling_count +=
            trace_sampling_parse(str_from(sampling[i]), arena, at, why, sizeof(why));
    }
}

struct trace_store *
machine_file_store(const struct cli *cli, size_t bytes_max)
{
    struct arena arena;
    struct trace_store_options options;
    arena_init(&arena, RULES_BYTES_MAX);
    read_trace_options(cli->config, &arena, &options);
    options.bytes_max = options.open_bytes_max = bytes_max;
    options.sampling_count = 0; /* a file is shown whole */
    struct trace_store *store = trace_store_new(&options);
    arena_done(&arena);
    return store;
}

/* A collector with a store of traces, as configured. */
static struct collector *
make_collector(const struct cli *cli, struct collector_options *options)
{
    struct arena arena;
    struct trace_store_options traces;
    arena_init(&arena, RULES_BYTES_MAX);
    read_trace_options(cli->config, &arena, &traces);
    options->traces = &traces;
    struct collector *collector = collector_new(options);
    arena_done(&arena);
    if (collector == NULL) {
        cli_complain("out of memory");
    }
    return collector;
}

struct collector *
machine_collector(const struct cli *cli)
{
    if (!check_roots(cli)) {
        return NULL;
    }
    struct collector_options options = {
        .catalog = cli->catalog,
        .roots = machine_roots(cli),
        .clock = clock_system,
        .interval_ns = config_integer(cli->config, "interval"),
        .network_filesystems = config_bool(cli->config, "filesystem.network"),
        .history_bytes = (size_t)config_integer(cli->config, "history.bytes"),
        .sources = source_table,
        .source_count = source_table_count,
        .analyzers = analyzer_table,
        .analyzer_count = analyzer_table_count};
    return make_collector(cli, &options);
}

struct collector *
machine_collector_of(const struct cli *cli, const char *target)
{
    struct collector_options options = {
        .catalog = cli->catalog,
        .roots = machine_roots(cli),
        .clock = clock_system,
        .interval_ns = config_integer(cli->config, "interval"),
        .network_filesystems = config_bool(cli->config, "filesystem.network"),
        .history_bytes = (size_t)config_integer(cli->config, "history.bytes"),
        .analyzers = analyzer_table,
        .analyzer_count = analyzer_table_count,
        .target = target};
    return make_collector(cli, &options);
}

struct receive_options
machine_receive(const struct cli *cli)
{
    struct receive_options options = {.open = config_bool(cli->config, "receive.open"),
                                      .proc = config_text(cli->config, "roots.proc"),
                                      .child = cli->child};
    options.listen = config_list(cli->config, "receive.listen", &options.listen_count);
    options.now = options.listen_count > 0;
    return options;
}

size_t
machine_tables(const struct table_def *tables[MACHINE_TABLES_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < source_table_count; i++) {
        for (size_t t = 0; t < source_table[i]->table_count && count < MACHINE_TABLES_MAX; t++) {
            tables[count++] = source_table[i]->tables[t];
        }
    }
    if (count < MACHINE_TABLES_MAX) {
        tables[count++] = &request_table;
    }
    for (size_t t = 0; t < BEAM_TABLES && count < MACHINE_TABLES_MAX; t++) {
        tables[count++] = beam_tables[t];
    }
    if (count < MACHINE_TABLES_MAX) {
        tables[count++] = &receive_table;
    }
    return count;
}

/* A snapshot is asked for last: what is none is of no format at all. */
static bool
may_be_snapshot(struct str text, char *why, size_t why_size)
{
    text = str_trim(text);
    if (text.n > 0 && text.p[0] == '{') {
        return true;
    }
    snprintf(why, why_size,
             text.n == 0
                 ? "the file is empty"
                 : "no format that is known: a snapshot, requests (OTLP, Jaeger, Zipkin, Chrome "
                   "trace events), or a profile (perf script, folded stacks, pprof, "
                   "speedscope, callgrind, cpuprofile)");
    return false;
}

struct picture *
machine_open_file(const struct cli *cli, const char *path)
{
    char *text = NULL, why[240] = "";
    ssize_t n = file_load(path, SNAPSHOT_BYTES_MAX, &text);
    if (n < 0) {
        cli_complain("%s: %s", path, strerror((int)-n));
        return NULL;
    }
    const struct table_def *tables[MACHINE_TABLES_MAX];
    size_t count = machine_tables(tables);
    struct str read = {text, (size_t)n};
    struct picture *picture =
        may_be_snapshot(read, why, sizeof(why))
            ? snapshot_read(read, cli->catalog, tables, count, why, sizeof(why))
            : NULL;
    free(text);
    if (picture == NULL) {
        cli_complain("%s: %s", path, why[0] != 0 ? why : "out of memory");
    }
    return picture;
}

struct picture *
machine_file_picture(const struct cli *cli, const char *path)
{
    struct stat info;
    char name[128];
    const char *slash = strrchr(path, '/');
    struct picture *picture = picture_new(cli->catalog, 65536);
    if (picture == NULL) {
        return NULL;
    }
    utf8_clean(str_from(slash != NULL && slash[1] != '\0' ? slash + 1 : path), name, sizeof(name));
    picture->number = 1;
    picture->past = true;
    picture->wall_ns = stat(path, &info) == 0 ? info.st_mtim.tv_sec * NS_PER_S : 0;
    picture->host.name = arena_printf(&picture->arena, "%s", name);
    picture->host.system = picture->host.kernel = picture->host.virtualization = "";
    picture->looked_at = "";
    return picture;
}

bool
machine_is_elsewhere(const struct cli *cli)
{
    enum program_command id = cli->line.command->id;
    return (id == COMMAND_MONITOR || id == COMMAND_SNAPSHOT) && cli->line.argument_count > 0 &&
           strcmp(cli->line.arguments[0], "local") != 0;
}
