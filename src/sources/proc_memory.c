/* Memory, swap, paging and reclaim: /proc/meminfo, /proc/vmstat, NUMA nodes, zram devices and ZFS'
 * cache.
 *
 * Every stored number is one row of a table: a key of a file, and the metric and labels it belongs
 * to. A key that the running kernel does not print gets no series. Used memory is total minus
 * available (the kernel's own estimate of what can be had without swapping), everywhere and only by
 * formula. */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "flametop/base/macros.h"
#include "kept.h"
#include "proc_parse.h"
#include "sources.h"

enum {
    MEMORY_LIMIT,
    MEMORY_AVAILABLE,
    MEMORY_USAGE,
    MEMORY_UTILIZATION,
    MEMORY_FREE,
    MEMORY_BUFFERS,
    MEMORY_CACHED,
    MEMORY_CACHE,
    MEMORY_SHARED,
    MEMORY_SLAB,
    MEMORY_ANONYMOUS,
    MEMORY_MAPPED,
    MEMORY_LRU,
    MEMORY_MLOCKED,
    MEMORY_DIRTY,
    MEMORY_WRITEBACK,
    MEMORY_PAGE_TABLES,
    MEMORY_KERNEL_STACK,
    MEMORY_PERCPU,
    MEMORY_VMALLOC,
    MEMORY_CORRUPTED,
    MEMORY_COMMITTED,
    MEMORY_COMMIT_LIMIT,
    MEMORY_HUGE_TRANSPARENT,
    MEMORY_HUGE_TOTAL,
    MEMORY_HUGE_FREE,
    MEMORY_HUGE_RESERVED,
    MEMORY_HUGE_SURPLUS,
    MEMORY_HUGE_SIZE,
    MEMORY_HUGE_USAGE,
    SWAP_LIMIT,
    SWAP_FREE,
    SWAP_CACHED,
    SWAP_USAGE,
    SWAP_UTILIZATION,
    SWAP_IO,
    ZSWAP_STORED,
    ZSWAP_COMPRESSED,
    ZRAM_STORED,
    ZRAM_COMPRESSED,
    ZRAM_MEMORY,
    PAGING_IO,
    PAGING_FAULTS,
    RECLAIM_SCANNED,
    RECLAIM_RECLAIMED,
    RECLAIM_EFFICIENCY,
    RECLAIM_STALLS,
    COMPACTION_STALLS,
    MEMORY_REFAULTS,
    OOM_KILLS,
    NUMA_ALLOCATIONS,
    NODE_LIMIT,
    NODE_FREE,
    NODE_UTILIZATION,
    ARC_SIZE,
    ARC_TARGET,
    ARC_MINIMUM,
    ARC_MAXIMUM,
    ARC_HITS,
    ARC_MISSES,
    ARC_HIT_RATIO,
};

#define GAUGE(metric_name, sentence)                                                               \
    {                                                                                              \
        .name = (metric_name), .unit = "By", .labels = "", .text = (sentence)                      \
    }
#define COUNT(metric_name, metric_unit, metric_labels, sentence)                                   \
    {                                                                                              \
        .name = (metric_name), .unit = (metric_unit), .labels = (metric_labels),                   \
        .kind = METRIC_COUNTER, .better = BETTER_LOWER, .text = (sentence)                         \
    }
#define SHARE(metric_name, metric_formula, low, high, sentence)                                    \
    {                                                                                              \
        .name = (metric_name), .unit = "1", .labels = "", .formula = (metric_formula),             \
        .better = BETTER_LOWER, .fold = FOLD_FORMULA, .warning = (low), .critical = (high),        \
        .text = (sentence)                                                                         \
    }

static const struct metric metrics[] = {
    [MEMORY_LIMIT] = GAUGE("system.memory.limit", "Memory the kernel manages (MemTotal)."),
    [MEMORY_AVAILABLE] =
        {.name = "system.memory.available",
         .unit = "By",
         .labels = "",
         .better = BETTER_HIGHER,
         .text = "Memory that programs can get without swapping, as the kernel estimates it."},
    [MEMORY_USAGE] =
        {.name = "system.memory.usage",
         .unit = "By",
         .labels = "",
         .formula = "system.memory.limit - system.memory.available",
         .better = BETTER_LOWER,
         .fold = FOLD_FORMULA,
         .text =
             "Used memory: total minus available, so cache that can be dropped counts as free."},
    [MEMORY_UTILIZATION] =
        SHARE("system.memory.utilization", "1 - system.memory.available / system.memory.limit", 0.8,
              0.95, "Share of memory in use: (total minus available) / total."),
    [MEMORY_FREE] =
        GAUGE("system.memory.free", "Memory nobody uses for anything, not even as cache."),
    [MEMORY_BUFFERS] = GAUGE("system.memory.buffers", "Cache of block devices' own blocks."),
    [MEMORY_CACHED] =
        GAUGE("system.memory.cached", "Cache of file contents, shared memory and tmpfs included."),
    [MEMORY_CACHE] =
        {.name = "system.memory.cache",
         .unit = "By",
         .labels = "",
         .formula = "system.memory.buffers + system.memory.cached + "
                    "or(system.memory.slab{state=reclaimable}, 0) - or(system.memory.shared, 0)",
         .fold = FOLD_FORMULA,
         .text = "Buffers, file cache and reclaimable slab without shared memory: what can be "
                 "dropped."},
    [MEMORY_SHARED] = GAUGE("system.memory.shared",
                            "Shared memory and tmpfs; it can only be swapped, not dropped."),
    [MEMORY_SLAB] =
        {.name = "system.memory.slab",
         .unit = "By",
         .labels = "state",
         .text = "The kernel's own structures: reclaimable (inodes, names of files) or not."},
    [MEMORY_ANONYMOUS] = GAUGE("system.memory.anonymous", "Heaps and stacks of programs."),
    [MEMORY_MAPPED] =
        GAUGE("system.memory.mapped", "File contents mapped into programs, libraries for example."),
    [MEMORY_LRU] =
        {.name = "system.memory.lru",
         .unit = "By",
         .labels = "list",
         .text = "Memory by how recently it was used: active and inactive, anonymous and file."},
    [MEMORY_MLOCKED] = GAUGE("system.memory.mlocked", "Memory that programs pinned with mlock."),
    [MEMORY_DIRTY] =
        GAUGE("system.memory.dirty", "Changed file contents that wait to be written to disk."),
    [MEMORY_WRITEBACK] = GAUGE("system.memory.writeback", "File contents on their way to disk."),
    [MEMORY_PAGE_TABLES] =
        GAUGE("system.memory.page_tables", "Page tables: maps from addresses to memory."),
    [MEMORY_KERNEL_STACK] = GAUGE("system.memory.kernel_stack", "Kernel stacks of all threads."),
    [MEMORY_PERCPU] = GAUGE("system.memory.percpu", "Kernel data that exists once for each core."),
    [MEMORY_VMALLOC] =
        GAUGE("system.memory.vmalloc", "Kernel memory that is contiguous in addresses only."),
    [MEMORY_CORRUPTED] =
        {.name = "system.memory.corrupted",
         .unit = "By",
         .labels = "",
         .better = BETTER_LOWER,
         .warning = 1,
         .critical = 1 << 20,
         .text = "Memory the kernel took out of use because the hardware reported it broken."},
    [MEMORY_COMMITTED] =
        GAUGE("system.memory.committed", "Memory promised to programs, used by them or not."),
    [MEMORY_COMMIT_LIMIT] = GAUGE("system.memory.commit_limit",
                                  "Most that is promised when overcommitting is forbidden "
                                  "(vm.overcommit_memory=2)."),
    [MEMORY_HUGE_TRANSPARENT] = GAUGE("system.memory.hugepages.transparent",
                                      "Heaps that the kernel keeps in huge pages by itself."),
    [MEMORY_HUGE_TOTAL] =
        {.name = "system.memory.hugepages.total",
         .unit = "{page}",
         .labels = "",
         .text = "Huge pages of the default size set aside; nothing else can use them."},
    [MEMORY_HUGE_FREE] = {.name = "system.memory.hugepages.free",
                          .unit = "{page}",
                          .labels = "",
                          .text = "Huge pages set aside and not allocated."},
    [MEMORY_HUGE_RESERVED] = {.name = "system.memory.hugepages.reserved",
                              .unit = "{page}",
                              .labels = "",
                              .text = "Free huge pages already promised to a program."},
    [MEMORY_HUGE_SURPLUS] =
        {.name = "system.memory.hugepages.surplus",
         .unit = "{page}",
         .labels = "",
         .text = "Huge pages above the number set aside (nr_overcommit_hugepages)."},
    [MEMORY_HUGE_SIZE] =
        GAUGE("system.memory.hugepages.size", "Bytes of one huge page of the default size."),
    [MEMORY_HUGE_USAGE] = {.name = "system.memory.hugepages.usage",
                           .unit = "By",
                           .labels = "",
                           .formula =
                               "(system.memory.hugepages.total - system.memory.hugepages.free) * "
                               "system.memory.hugepages.size",
                           .fold = FOLD_FORMULA,
                           .text = "Memory allocated in huge pages of the default size."},
    [SWAP_LIMIT] = GAUGE("system.swap.limit", "Size of all swap areas; 0 where there are none."),
    [SWAP_FREE] = {.name = "system.swap.free",
                   .unit = "By",
                   .labels = "",
                   .better = BETTER_HIGHER,
                   .text = "Swap that is not used."},
    [SWAP_CACHED] =
        GAUGE("system.swap.cached", "Memory that is in swap as well, and can be dropped at once."),
    [SWAP_USAGE] = {.name = "system.swap.usage",
                    .unit = "By",
                    .labels = "",
                    .formula = "system.swap.limit - system.swap.free",
                    .better = BETTER_LOWER,
                    .fold = FOLD_FORMULA,
                    .text = "Swap in use; harmless in itself, see system.swap.io for what moves."},
    [SWAP_UTILIZATION] =
        SHARE("system.swap.utilization", "1 - system.swap.free / system.swap.limit", 0.6, 0.9,
              "Share of swap in use; unknown where there is no swap."),
    [SWAP_IO] = COUNT("system.swap.io", "By", "direction",
                      "Memory read back from swap (in) and written to it (out)."),
    [ZSWAP_STORED] =
        GAUGE("system.swap.zswap.stored", "Size before compression of what zswap holds in memory."),
    [ZSWAP_COMPRESSED] = GAUGE("system.swap.zswap.memory", "Memory that zswap takes for it."),
    [ZRAM_STORED] = {.name = "system.swap.zram.stored",
                     .unit = "By",
                     .labels = "device",
                     .text = "Size before compression of what the zram device holds."},
    [ZRAM_COMPRESSED] = {.name = "system.swap.zram.compressed",
                         .unit = "By",
                         .labels = "device",
                         .text = "Size after compression of what the zram device holds."},
    [ZRAM_MEMORY] = {.name = "system.swap.zram.memory",
                     .unit = "By",
                     .labels = "device",
                     .text = "Memory the zram device takes, fragmentation included."},
    [PAGING_IO] =
        COUNT("system.paging.io", "By", "direction",
              "What block devices read into memory (in) and wrote from it (out), swap included."),
    [PAGING_FAULTS] =
        COUNT("system.paging.faults", "{fault}", "type",
              "Page faults: minor ones were served from memory, major ones waited for a disk."),
    [RECLAIM_SCANNED] =
        COUNT("system.memory.reclaim.scanned", "{page}", "by",
              "Pages looked at to free memory: by kswapd in the background, or directly by a "
              "program that had to wait for it."),
    [RECLAIM_RECLAIMED] =
        COUNT("system.memory.reclaim.reclaimed", "{page}", "by",
              "Pages freed by kswapd in the background, or directly by a program."),
    [RECLAIM_EFFICIENCY] =
        {.name = "system.memory.reclaim.efficiency",
         .unit = "1",
         .labels = "by",
         .formula = "system.memory.reclaim.reclaimed / system.memory.reclaim.scanned",
         .better = BETTER_HIGHER,
         .fold = FOLD_FORMULA,
         .text = "Freed pages for each page looked at; low means memory is in real use."},
    [RECLAIM_STALLS] = COUNT("system.memory.reclaim.stalls", "{stall}", "",
                             "Allocations that had to free memory themselves before they got any."),
    [COMPACTION_STALLS] = COUNT("system.memory.compaction.stalls", "{stall}", "",
                                "Allocations that waited until memory was made contiguous."),
    [MEMORY_REFAULTS] =
        COUNT("system.memory.refaults", "{page}", "type",
              "Pages read again soon after they were dropped (file) or swapped (anon): the "
              "working set does not fit."),
    [OOM_KILLS] = COUNT("system.memory.oom_kills", "{process}", "",
                        "Processes the kernel killed because memory ran out, of cgroups as well."),
    [NUMA_ALLOCATIONS] =
        {.name = "system.memory.numa.allocations",
         .unit = "{page}",
         .labels = "type",
         .kind = METRIC_COUNTER,
         .text = "Pages by where they were allocated: hit (the node wanted), miss, local, other."},
    [NODE_LIMIT] = {.name = "system.memory.node.limit",
                    .unit = "By",
                    .labels = "node",
                    .text = "Memory of each NUMA node."},
    [NODE_FREE] = {.name = "system.memory.node.free",
                   .unit = "By",
                   .labels = "node",
                   .better = BETTER_HIGHER,
                   .text = "Memory of each NUMA node that nobody uses, not even as cache."},
    [NODE_UTILIZATION] = {.name = "system.memory.node.utilization",
                          .unit = "1",
                          .labels = "node",
                          .formula = "1 - system.memory.node.free / system.memory.node.limit",
                          .fold = FOLD_FORMULA,
                          .text =
                              "Share of each NUMA node's memory that is taken, cache included."},
    [ARC_SIZE] = GAUGE("system.zfs.arc.size",
                       "Memory that ZFS' cache (ARC) takes; it is not in system.memory.cached "
                       "and counts as used, though all above the minimum can be dropped."),
    [ARC_TARGET] = GAUGE("system.zfs.arc.target", "Size ZFS' cache is steering for."),
    [ARC_MINIMUM] = GAUGE("system.zfs.arc.minimum", "Size below which ZFS' cache does not shrink."),
    [ARC_MAXIMUM] = GAUGE("system.zfs.arc.maximum", "Size above which ZFS' cache does not grow."),
    [ARC_HITS] = {.name = "system.zfs.arc.hits",
                  .unit = "{access}",
                  .labels = "",
                  .kind = METRIC_COUNTER,
                  .text = "Reads that ZFS' cache answered."},
    [ARC_MISSES] =
        COUNT("system.zfs.arc.misses", "{access}", "", "Reads that ZFS' cache could not answer."),
    [ARC_HIT_RATIO] = {.name = "system.zfs.arc.hit_ratio",
                       .unit = "1",
                       .labels = "",
                       .formula =
                           "system.zfs.arc.hits / (system.zfs.arc.hits + system.zfs.arc.misses)",
                       .better = BETTER_HIGHER,
                       .fold = FOLD_FORMULA,
                       .text = "Share of reads that ZFS' cache answered."},
};

/* A key of a file and the series it is. metric -1: only used for another row. */
struct row {
    const char *key;
    int metric;
    const char *labels;
    double factor; /* 0: 1; PAGE: of a page */
};

#define PAGE (-1.0)

static const struct row meminfo_rows[] = {
    {"MemTotal", MEMORY_LIMIT, "", 0},
    {"MemFree", MEMORY_FREE, "", 0},
    {"MemAvailable", MEMORY_AVAILABLE, "", 0},
    {"Buffers", MEMORY_BUFFERS, "", 0},
    {"Cached", MEMORY_CACHED, "", 0},
    {"SwapCached", SWAP_CACHED, "", 0},
    {"Active(anon)", MEMORY_LRU, "list=active_anon", 0},
    {"Inactive(anon)", MEMORY_LRU, "list=inactive_anon", 0},
    {"Active(file)", MEMORY_LRU, "list=active_file", 0},
    {"Inactive(file)", MEMORY_LRU, "list=inactive_file", 0},
    {"Unevictable", MEMORY_LRU, "list=unevictable", 0},
    {"Mlocked", MEMORY_MLOCKED, "", 0},
    {"SwapTotal", SWAP_LIMIT, "", 0},
    {"SwapFree", SWAP_FREE, "", 0},
    {"Zswap", ZSWAP_COMPRESSED, "", 0},
    {"Zswapped", ZSWAP_STORED, "", 0},
    {"Dirty", MEMORY_DIRTY, "", 0},
    {"Writeback", MEMORY_WRITEBACK, "", 0},
    {"AnonPages", MEMORY_ANONYMOUS, "", 0},
    {"Mapped", MEMORY_MAPPED, "", 0},
    {"Shmem", MEMORY_SHARED, "", 0},
    {"SReclaimable", MEMORY_SLAB, "state=reclaimable", 0},
    {"SUnreclaim", MEMORY_SLAB, "state=unreclaimable", 0},
    {"KernelStack", MEMORY_KERNEL_STACK, "", 0},
    {"PageTables", MEMORY_PAGE_TABLES, "", 0},
    {"CommitLimit", MEMORY_COMMIT_LIMIT, "", 0},
    {"Committed_AS", MEMORY_COMMITTED, "", 0},
    {"VmallocUsed", MEMORY_VMALLOC, "", 0},
    {"Percpu", MEMORY_PERCPU, "", 0},
    {"HardwareCorrupted", MEMORY_CORRUPTED, "", 0},
    {"AnonHugePages", MEMORY_HUGE_TRANSPARENT, "", 0},
    {"HugePages_Total", MEMORY_HUGE_TOTAL, "", 0},
    {"HugePages_Free", MEMORY_HUGE_FREE, "", 0},
    {"HugePages_Rsvd", MEMORY_HUGE_RESERVED, "", 0},
    {"HugePages_Surp", MEMORY_HUGE_SURPLUS, "", 0},
    {"Hugepagesize", MEMORY_HUGE_SIZE, "", 0},
};

static const struct row vmstat_rows[] = {
    {"pgfault", -1, "", 0},
    {"pgmajfault", PAGING_FAULTS, "type=major", 0},
    {"allocstall_dma", -1, "", 0},
    {"allocstall_dma32", -1, "", 0},
    {"allocstall_normal", -1, "", 0},
    {"allocstall_movable", -1, "", 0},
    {"allocstall_device", -1, "", 0},
    {"allocstall_high", -1, "", 0},
    {"numa_hit", NUMA_ALLOCATIONS, "type=hit", 0},
    {"numa_miss", NUMA_ALLOCATIONS, "type=miss", 0},
    {"numa_local", NUMA_ALLOCATIONS, "type=local", 0},
    {"numa_other", NUMA_ALLOCATIONS, "type=other", 0},
    {"workingset_refault", MEMORY_REFAULTS, "type=any", 0}, /* before 5.9 */
    {"workingset_refault_anon", MEMORY_REFAULTS, "type=anon", 0},
    {"workingset_refault_file", MEMORY_REFAULTS, "type=file", 0},
    {"pgpgin", PAGING_IO, "direction=in", 1024}, /* counted in KiB, whatever its name says */
    {"pgpgout", PAGING_IO, "direction=out", 1024},
    {"pswpin", SWAP_IO, "direction=in", PAGE},
    {"pswpout", SWAP_IO, "direction=out", PAGE},
    {"pgsteal_kswapd", RECLAIM_RECLAIMED, "by=kswapd", 0},
    {"pgsteal_direct", RECLAIM_RECLAIMED, "by=direct", 0},
    {"pgsteal_khugepaged", RECLAIM_RECLAIMED, "by=khugepaged", 0},
    {"pgsteal_proactive", RECLAIM_RECLAIMED, "by=proactive", 0},
    {"pgscan_kswapd", RECLAIM_SCANNED, "by=kswapd", 0},
    {"pgscan_direct", RECLAIM_SCANNED, "by=direct", 0},
    {"pgscan_khugepaged", RECLAIM_SCANNED, "by=khugepaged", 0},
    {"pgscan_proactive", RECLAIM_SCANNED, "by=proactive", 0},
    {"oom_kill", OOM_KILLS, "", 0},
    {"compact_stall", COMPACTION_STALLS, "", 0},
};

enum {
    VMSTAT_FAULT,
    VMSTAT_MAJOR_FAULT,
    VMSTAT_STALL_FIRST,
    VMSTAT_STALL_LAST = VMSTAT_STALL_FIRST + 5
};

static const struct row arc_rows[] = {
    {"hits", ARC_HITS, "", 0},     {"misses", ARC_MISSES, "", 0}, {"c", ARC_TARGET, "", 0},
    {"c_min", ARC_MINIMUM, "", 0}, {"c_max", ARC_MAXIMUM, "", 0}, {"size", ARC_SIZE, "", 0},
};

#define ROWS_MAX 48
_Static_assert(ARRAY_SIZE(meminfo_rows) <= ROWS_MAX && ARRAY_SIZE(vmstat_rows) <= ROWS_MAX, "rows");

#define NODES_MAX 1024
#define ZRAM_MAX 32
#define COLUMN_NONE (-2) /* not registered yet */

/* A file read by a table of rows. */
struct sheet {
    struct kept file;
    struct keyed_shape shape;
    const struct row *rows;
    size_t count;
    const char *keys[ROWS_MAX];
    int columns[ROWS_MAX];
    double values[ROWS_MAX];
    struct keyed_plan plan;
};

struct node {
    struct kept file;
    unsigned number;
    int limit_column, free_column;
};

struct zram {
    struct kept file;
    unsigned number;
    int columns[3];
};

struct memory {
    struct sheet meminfo, vmstat, arc;
    struct keyed_plan node_plan; /* one for all: their files are alike */
    struct node *nodes;          /* none when there is only one */
    size_t node_count;
    struct zram zrams[ZRAM_MAX];
    size_t zram_count;
    int minor_column, stalls_column;
    double page_bytes;
};

static void
sheet_open(struct sheet *sheet, const char *root, const char *path, const struct row *rows,
           size_t count)
{
    kept_open(&sheet->file, root, path);
    sheet->rows = rows;
    sheet->count = count;
    for (size_t i = 0; i < count; i++) {
        sheet->keys[i] = rows[i].key;
        sheet->columns[i] = COLUMN_NONE;
    }
}

/* Sets a value, with a column made at the first one that is known. */
static void
put(struct batch *batch, int *column, int metric, const char *labels, double value)
{
    if (isnan(value)) {
        return;
    }
    if (*column == COLUMN_NONE) {
        *column = batch_column(batch, &metrics[metric], labels);
    }
    batch_set(batch, *column, value);
}

/* False when the file is there but cannot be read. */
static bool
sheet_poll(struct sheet *sheet, double page_bytes, struct batch *batch)
{
    struct str text;
    for (size_t i = 0; i < sheet->count; i++) {
        sheet->values[i] = NAN;
    }
    if (!kept_read(&sheet->file, &text)) {
        return sheet->file.error == ENOENT;
    }
    parse_keyed(text, sheet->shape, sheet->keys, sheet->count, &sheet->plan, sheet->values);
    for (size_t i = 0; i < sheet->count; i++) {
        const struct row *row = &sheet->rows[i];
        double factor = row->factor == PAGE ? page_bytes : row->factor == 0 ? 1 : row->factor;
        if (row->metric >= 0) {
            put(batch, &sheet->columns[i], row->metric, row->labels, sheet->values[i] * factor);
        }
    }
    return true;
}

/* One node alone says nothing that meminfo does not. */
static void
open_nodes(struct memory *memory, const char *sys)
{
    char folder[4096];
    unsigned numbers[NODES_MAX];
    snprintf(folder, sizeof(folder), "%s/devices/system/node", sys);
    size_t count = kept_numbered(folder, "node", numbers, NODES_MAX);
    memory->nodes = count > 1 ? calloc(count, sizeof(*memory->nodes)) : NULL;
    for (size_t i = 0; memory->nodes != NULL && i < count; i++) {
        char path[64];
        snprintf(path, sizeof(path), "devices/system/node/node%u/meminfo", numbers[i]);
        kept_open(&memory->nodes[i].file, sys, path);
        memory->nodes[i].number = numbers[i];
        memory->nodes[i].limit_column = memory->nodes[i].free_column = COLUMN_NONE;
        memory->node_count++;
    }
}

static void
open_zrams(struct memory *memory, const char *sys)
{
    char folder[4096];
    unsigned numbers[ZRAM_MAX];
    snprintf(folder, sizeof(folder), "%s/block", sys);
    memory->zram_count = kept_numbered(folder, "zram", numbers, ZRAM_MAX);
    for (size_t i = 0; i < memory->zram_count; i++) {
        char path[64];
        snprintf(path, sizeof(path), "block/zram%u/mm_stat", numbers[i]);
        kept_open(&memory->zrams[i].file, sys, path);
        memory->zrams[i].number = numbers[i];
        for (size_t j = 0; j < 3; j++) {
            memory->zrams[i].columns[j] = COLUMN_NONE;
        }
    }
}

static void
memory_close(void *state)
{
    struct memory *memory = state;
    kept_close(&memory->meminfo.file);
    kept_close(&memory->vmstat.file);
    kept_close(&memory->arc.file);
    for (size_t i = 0; i < memory->node_count; i++) {
        kept_close(&memory->nodes[i].file);
    }
    for (size_t i = 0; i < memory->zram_count; i++) {
        kept_close(&memory->zrams[i].file);
    }
    free(memory->nodes);
    free(memory);
}

static int
memory_open(const struct source_setup *setup, void **ret_state, char *why, size_t why_size)
{
    struct memory *memory = calloc(1, sizeof(*memory));
    if (memory == NULL) {
        snprintf(why, why_size, "out of memory");
        return -ENOMEM;
    }
    const char *proc = setup->roots->proc;
    sheet_open(&memory->meminfo, proc, "meminfo", meminfo_rows, ARRAY_SIZE(meminfo_rows));
    sheet_open(&memory->vmstat, proc, "vmstat", vmstat_rows, ARRAY_SIZE(vmstat_rows));
    sheet_open(&memory->arc, proc, "spl/kstat/zfs/arcstats", arc_rows, ARRAY_SIZE(arc_rows));
    memory->arc.shape.words_before_value = 1;
    memory->minor_column = memory->stalls_column = COLUMN_NONE;
    memory->page_bytes = (double)sysconf(_SC_PAGESIZE);
    open_nodes(memory, setup->roots->sys);
    open_zrams(memory, setup->roots->sys);
    if (memory->meminfo.file.fd < 0 && memory->vmstat.file.fd < 0) {
        int error = -memory->meminfo.file.error;
        snprintf(why, why_size, "%s/meminfo cannot be read", proc);
        memory_close(memory);
        return error;
    }
    *ret_state = memory;
    return 0;
}

/* What several keys make together. */
static void
put_vmstat_sums(struct memory *memory, struct batch *batch)
{
    const double *values = memory->vmstat.values;
    put(batch, &memory->minor_column, PAGING_FAULTS, "type=minor",
        values[VMSTAT_FAULT] - values[VMSTAT_MAJOR_FAULT]);
    double stalls = NAN;
    for (size_t i = VMSTAT_STALL_FIRST; i <= VMSTAT_STALL_LAST; i++) {
        stalls = isnan(values[i]) ? stalls : isnan(stalls) ? values[i] : stalls + values[i];
    }
    put(batch, &memory->stalls_column, RECLAIM_STALLS, "", stalls);
}

static void
poll_node(struct memory *memory, struct node *node, struct batch *batch)
{
    static const struct keyed_shape shape = {.words_before_key = 2};
    static const char *const keys[] = {"MemTotal", "MemFree"};
    struct str text;
    double values[2];
    if (!kept_read(&node->file, &text)) {
        return;
    }
    parse_keyed(text, shape, keys, 2, &memory->node_plan, values);
    char labels[24];
    snprintf(labels, sizeof(labels), "node=%u", node->number);
    put(batch, &node->limit_column, NODE_LIMIT, labels, values[0]);
    put(batch, &node->free_column, NODE_FREE, labels, values[1]);
}

static void
poll_zram(struct zram *zram, struct batch *batch)
{
    static const int wanted[3] = {ZRAM_STORED, ZRAM_COMPRESSED, ZRAM_MEMORY};
    struct str text;
    double values[3];
    if (!kept_read(&zram->file, &text) || !parse_zram(text, &values[0], &values[1], &values[2])) {
        return;
    }
    char labels[24];
    snprintf(labels, sizeof(labels), "device=zram%u", zram->number);
    for (size_t i = 0; i < 3; i++) {
        put(batch, &zram->columns[i], wanted[i], labels, values[i]);
    }
}

static enum source_step
memory_poll(void *state, struct batch *batch)
{
    struct memory *memory = state;
    struct sheet *sheets[] = {&memory->meminfo, &memory->vmstat, &memory->arc};
    for (size_t i = 0; i < ARRAY_SIZE(sheets); i++) {
        if (!sheet_poll(sheets[i], memory->page_bytes, batch)) {
            batch_fail(batch, SOURCE_DEGRADED, "%s cannot be read", sheets[i]->file.path);
        }
    }
    if (isnan(memory->meminfo.values[0])) {
        batch_fail(batch, SOURCE_DEGRADED, "%s does not say how much memory there is",
                   memory->meminfo.file.path);
    }
    put_vmstat_sums(memory, batch);
    for (size_t i = 0; i < memory->node_count; i++) {
        poll_node(memory, &memory->nodes[i], batch);
    }
    for (size_t i = 0; i < memory->zram_count; i++) {
        poll_zram(&memory->zrams[i], batch);
    }
    return SOURCE_DONE;
}

const struct source source_proc_memory = {
    .name = "memory",
    .text = "Memory, swap, paging and reclaim from /proc/meminfo and /proc/vmstat.",
    .metrics = metrics,
    .metric_count = ARRAY_SIZE(metrics),
    .open = memory_open,
    .poll = memory_poll,
    .close = memory_close,
};
