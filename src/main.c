/* flametop: the commands of the program. */
#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

#include "cli.h"
#include "flametop/analysis/table.h"
#include "flametop/base/macros.h"
#include "flametop/core/query.h"
#include "flametop/engine/collector.h"
#include "flametop/sources/table.h"

static int
run(const struct cli *cli)
{
    struct collector_options options = {.catalog = cli->catalog,
                                        .roots = {config_text(cli->config, "roots.proc"),
                                                  config_text(cli->config, "roots.sys"),
                                                  config_text(cli->config, "roots.cgroup")},
                                        .clock = clock_system,
                                        .interval_ns = config_integer(cli->config, "interval"),
                                        .history_bytes = (size_t)config_integer(cli->config, "history.bytes"),
                                        .sources = source_table,
                                        .source_count = source_table_count,
                                        .analyzers = analyzer_table,
                                        .analyzer_count = analyzer_table_count};
    struct collector *collector = collector_new(&options);
    struct picture *picture = collector_tick(collector);
    printf("%s %s %s %d cores\n", picture->host.name, picture->host.system, picture->host.kernel, picture->host.cores);
    picture_release(picture);
    collector_free(collector);
    return EXIT_DONE;
}

int
main(int argc, char **argv)
{
    struct cli cli = {0};
    int code = cli_begin(&cli, argc, argv, environ);
    if (code < 0) {
        code = run(&cli);
    }
    cli_end(&cli);
    return code;
}
