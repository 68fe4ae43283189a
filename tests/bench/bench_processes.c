/* What a tick of the process table costs: bench_processes [SECONDS] [ROWS] [all].
 *
 * Polls the source once a second on the real /proc, prints CPU time, slices and the longest slice
 * of each tick, and at the end the first ROWS rows by CPU, for comparison with ps(1). With `all`
 * every costly column is read for every process. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "flametop/base/clock.h"
#include "flametop/base/macros.h"
#include "flametop/core/source.h"
#include "flametop/sources/table.h"

#define ARENA_BYTES ((size_t)256 << 20)

static const struct source *
find(const char *name)
{
    for (size_t i = 0; i < source_table_count; i++) {
        if (strcmp(source_table[i]->name, name) == 0) {
            return source_table[i];
        }
    }
    return NULL;
}

static void
tick(const struct source *source, void *state, struct batch *batch, struct arena *arena)
{
    arena_clear(arena);
    batch_begin(batch, clock_now(&clock_system), arena);
    int64_t cpu_ns = clock_thread_cpu_ns(), longest_ns = 0;
    unsigned slices = 0;
    enum source_step step;
    do {
        int64_t from_ns = clock_mono_ns();
        step = source->poll(state, batch);
        longest_ns = MAX(longest_ns, clock_mono_ns() - from_ns);
        slices++;
    } while (step == SOURCE_MORE);
    printf("%zu rows  cpu %.3f ms  slices %u  longest %.2f ms  arena %zu KiB  %s\n",
           batch->table_count > 0 ? batch->tables[0]->count : 0,
           (double)(clock_thread_cpu_ns() - cpu_ns) / 1e6, slices, (double)longest_ns / 1e6,
           arena->bytes >> 10, batch->why);
}

static void
print_cell(const struct column *column, union cell cell)
{
    if (!cell_known(column->type, cell)) {
        printf(" %s=?", column->title);
    } else if (column->type == COLUMN_TEXT) {
        printf(" %s=%.60s", column->title, cell.text);
    } else if (column->type == COLUMN_REAL) {
        printf(" %s=%.3f", column->title, cell.real);
    } else {
        printf(" %s=%lld", column->title, (long long)cell.integer);
    }
}

static void
print_rows(const struct table *table, size_t max)
{
    const struct table_def *def = table->def;
    for (size_t i = 0; i < table->count && max > 0; i++) {
        for (size_t c = 0; c < def->column_count; c++) {
            print_cell(&def->columns[c], table_row(table, i)[c]);
        }
        putchar('\n');
        max--;
    }
}

int
main(int argc, char **argv)
{
    long seconds = argc > 1 ? strtol(argv[1], NULL, 10) : 5;
    long rows = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
    const char *name = argc > 4 ? argv[4] : "processes";
    struct interest interest = {.process_sort = -1, .cgroups = true};
    if (argc > 3 && strcmp(argv[3], "all") == 0) {
        interest.process_columns = UINT64_MAX;
        interest.process_filter_costly = true;
    }
    struct roots roots = {"/proc", "/sys", "/sys/fs/cgroup"};
    struct source_setup setup = {
        .roots = &roots, .clock = &clock_system, .interest = &interest, .interval_ns = NS_PER_S};
    const struct source *source = find(name);
    char why[160];
    void *state;
    if (source == NULL || source->open(&setup, &state, why, sizeof(why)) != 0) {
        fprintf(stderr, "bench_processes: %s: %s\n", name, source == NULL ? "no such source" : why);
        return 1;
    }
    struct catalog *catalog = catalog_new(4096);
    struct arena arena;
    struct batch batch;
    arena_init(&arena, ARENA_BYTES);
    batch_init(&batch, catalog);
    for (long i = 0; i < seconds; i++) {
        tick(source, state, &batch, &arena);
        nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
    }
    if (batch.table_count > 0) {
        print_rows(batch.tables[0], (size_t)rows);
    }
    for (size_t i = 0; i < batch.column_count && rows > 0; i++) {
        printf("%s{%s} = %g\n", batch.columns[i]->metric->name, batch.columns[i]->labels,
               batch.values[i]);
    }
    source->close(state);
    batch_done(&batch);
    arena_done(&arena);
    catalog_free(catalog);
    return 0;
}
