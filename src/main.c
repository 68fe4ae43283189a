/* flametop: the commands of the program. */
#include <malloc.h>
#include <stdio.h>

#include "flametop/analysis/table.h"
#include "flametop/base/macros.h"
#include "flametop/core/query.h"
#include "flametop/engine/collector.h"
#include "flametop/sources/table.h"

int
main(void)
{
    struct catalog *catalog = catalog_new(100000);
    struct collector_options options = {.catalog = catalog,
                                        .roots = {"/proc", "/sys", "/sys/fs/cgroup"},
                                        .clock = clock_system,
                                        .interval_ns = NS_PER_S,
                                        .history_bytes = 2 << 20,
                                        .sources = source_table,
                                        .source_count = source_table_count,
                                        .analyzers = analyzer_table,
                                        .analyzer_count = analyzer_table_count};
    struct collector *collector = collector_new(&options);
    struct picture *picture = collector_tick(collector);
    printf("%s %s %s %d cores\n", picture->host.name, picture->host.system, picture->host.kernel, picture->host.cores);
    picture_release(picture);
    collector_free(collector);
    catalog_free(catalog);
    return 0;
}
