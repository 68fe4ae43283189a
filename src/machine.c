/* Targets: this machine, or a snapshot of one. */
#include "machine.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "flametop/analysis/table.h"
#include "flametop/base/file.h"
#include "flametop/sources/table.h"

#define TABLES_MAX 64

struct collector *
machine_collector(const struct cli *cli)
{
    struct collector_options options = {
        .catalog = cli->catalog,
        .roots = {config_text(cli->config, "roots.proc"), config_text(cli->config, "roots.sys"),
                  config_text(cli->config, "roots.cgroup")},
        .clock = clock_system,
        .interval_ns = config_integer(cli->config, "interval"),
        .network_filesystems = config_bool(cli->config, "filesystem.network"),
        .history_bytes = (size_t)config_integer(cli->config, "history.bytes"),
        .sources = source_table,
        .source_count = source_table_count,
        .analyzers = analyzer_table,
        .analyzer_count = analyzer_table_count};
    struct collector *collector = collector_new(&options);
    if (collector == NULL) {
        cli_complain("out of memory");
    }
    return collector;
}

static size_t
all_tables(const struct table_def *tables[TABLES_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < source_table_count; i++) {
        for (size_t t = 0; t < source_table[i]->table_count && count < TABLES_MAX; t++) {
            tables[count++] = source_table[i]->tables[t];
        }
    }
    return count;
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
    const struct table_def *tables[TABLES_MAX];
    size_t count = all_tables(tables);
    struct picture *picture =
        snapshot_read((struct str){text, (size_t)n}, cli->catalog, tables, count, why, sizeof(why));
    free(text);
    if (picture == NULL) {
        cli_complain("%s: %s", path, why[0] != 0 ? why : "out of memory");
    }
    return picture;
}

enum target
machine_target(const struct cli *cli)
{
    const char *target = cli->line.argument_count > 0 ? cli->line.arguments[0] : "local";
    struct stat info;
    if (strcmp(target, "local") == 0) {
        return TARGET_LOCAL;
    }
    if (stat(target, &info) == 0) {
        return TARGET_FILE;
    }
    cli_complain("there is no file %s: give a snapshot file (flametop snapshot -o x.json writes "
                 "one), or nothing for this "
                 "machine",
                 target);
    return TARGET_UNKNOWN;
}
