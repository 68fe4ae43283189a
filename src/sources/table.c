/* All sources, in the order they are polled. */
#include "flametop/sources/table.h"

#include "flametop/base/macros.h"
#include "sources.h"

const struct source *const source_table[] = {
    &source_proc_cpu,     &source_proc_memory,     &source_proc_pressure, &source_proc_sensor,
    &source_proc_disk,    &source_proc_file,       &source_proc_network,  &source_cgroup,
    &source_proc_process, &source_proc_filesystem, &source_proc_tcp,
};
const size_t source_table_count = ARRAY_SIZE(source_table);
