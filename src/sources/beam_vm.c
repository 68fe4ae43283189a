/* The series of a node: what its virtual machine counts. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "beam_node.h"
#include "flametop/base/macros.h"
#include "flametop/sources/beam_metrics.h"

#define SCHEDULERS_MAX 4096 /* a node has 1,024 normal and as many dirty ones at most */

enum vm {
    VM_RUN_QUEUES,
    VM_TASKS,
    VM_SWITCHES,
    VM_REDUCTIONS,
    VM_CLOCK,
    VM_PROCESSES,
    VM_PROCESS_LIMIT,
    VM_PORTS,
    VM_PORT_LIMIT,
    VM_ATOMS,
    VM_ATOM_LIMIT,
    VM_ETS,
    VM_ETS_LIMIT,
    VMS
};

static const struct beam_call vm_calls[VMS] = {
    [VM_RUN_QUEUES] = {"erlang", "statistics", "run_queue_lengths_all", NULL},
    [VM_TASKS] = {"erlang", "statistics", "active_tasks_all", NULL},
    [VM_SWITCHES] = {"erlang", "statistics", "context_switches", NULL},
    [VM_REDUCTIONS] = {"erlang", "statistics", "reductions", NULL},
    [VM_CLOCK] = {"erlang", "monotonic_time", "nanosecond", NULL},
    [VM_PROCESSES] = {"erlang", "system_info", "process_count", NULL},
    [VM_PROCESS_LIMIT] = {"erlang", "system_info", "process_limit", NULL},
    [VM_PORTS] = {"erlang", "system_info", "port_count", NULL},
    [VM_PORT_LIMIT] = {"erlang", "system_info", "port_limit", NULL},
    [VM_ATOMS] = {"erlang", "system_info", "atom_count", NULL},
    [VM_ATOM_LIMIT] = {"erlang", "system_info", "atom_limit", NULL},
    [VM_ETS] = {"erlang", "system_info", "ets_count", NULL},
    [VM_ETS_LIMIT] = {"erlang", "system_info", "ets_limit", NULL},
};
const struct beam_calls beam_calls_vm = {vm_calls, VMS};

/* What every scheduler is asked for its part of: on a node whose schedulers are full that takes
 * tens of milliseconds. */
enum sum { SUM_WALL_TIME, SUM_MEMORY, SUM_IO, SUM_GC, SUMS };

static const struct beam_call sum_calls[SUMS] = {
    [SUM_WALL_TIME] = {"erlang", "statistics", "scheduler_wall_time_all", NULL},
    [SUM_MEMORY] = {"erlang", "memory", NULL, NULL},
    [SUM_IO] = {"erlang", "statistics", "io", NULL},
    [SUM_GC] = {"erlang", "statistics", "garbage_collection", NULL},
};
const struct beam_calls beam_calls_sums = {sum_calls, SUMS};

static const struct beam_call allocator_calls[] = {
    {"erlang", "system_info", "binary_alloc", "allocator_sizes"},
    {"erlang", "system_info", "driver_alloc", "allocator_sizes"},
    {"erlang", "system_info", "eheap_alloc", "allocator_sizes"},
    {"erlang", "system_info", "ets_alloc", "allocator_sizes"},
    {"erlang", "system_info", "fix_alloc", "allocator_sizes"},
    {"erlang", "system_info", "ll_alloc", "allocator_sizes"},
    {"erlang", "system_info", "sl_alloc", "allocator_sizes"},
    {"erlang", "system_info", "std_alloc", "allocator_sizes"},
    {"erlang", "system_info", "temp_alloc", "allocator_sizes"},
};
const struct beam_calls beam_calls_allocators = {allocator_calls, ARRAY_SIZE(allocator_calls)};

enum kind { NORMAL, DIRTY_CPU, DIRTY_IO, KINDS };
static const char *const kind_names[KINDS] = {"normal", "dirty_cpu", "dirty_io"};

/* ---- putting ---- */

static void
put(const struct beam_node *node, struct batch *batch, enum beam_metric metric, const char *key,
    const char *value, double number)
{
    char labels[400];
    str_copy(str_from(node->labels), labels, sizeof(labels));
    if (key != NULL) {
        labels_add(labels, sizeof(labels), key, str_from(value));
    }
    if (!isnan(number)) {
        batch_put(batch, &beam_metrics[metric], labels, number);
    }
}

static void
put_number(const struct beam_node *node, struct batch *batch, enum beam_metric metric,
           struct str term)
{
    double number;
    if (etf_number(&term, &number)) {
        put(node, batch, metric, NULL, NULL, number);
    }
}

/* The n-th element of a tuple, counted from 0; false when there is none. */
static bool
element(struct str tuple, uint32_t n, struct str *ret)
{
    struct etf_term head;
    if (!etf_next(&tuple, &head) || head.type != ETF_TUPLE || n >= head.children) {
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        etf_skip(&tuple, NULL);
    }
    return etf_skip(&tuple, ret);
}

static void
put_element(const struct beam_node *node, struct batch *batch, enum beam_metric metric,
            struct str tuple, uint32_t n, double factor)
{
    struct str term;
    double number;
    if (element(tuple, n, &term) && etf_number(&term, &number)) {
        put(node, batch, metric, NULL, NULL, number * factor);
    }
}

/* ---- what is more than one number ---- */

static double
memory_of(struct str memory, const char *kind)
{
    struct str term;
    double bytes;
    return etf_get(memory, kind, &term) && etf_number(&term, &bytes) ? bytes : NAN;
}

/* The parts add up to what `total` says: `system` has four of them in it. */
static void
read_memory(const struct beam_node *node, struct str memory, struct batch *batch)
{
    static const char *const parts[] = {"atom", "binary", "code", "ets"};
    double rest = memory_of(memory, "system");
    if (isnan(rest)) {
        batch->rejected++;
        return;
    }
    put(node, batch, BEAM_MEMORY, "kind", "processes", memory_of(memory, "processes"));
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        double bytes = memory_of(memory, parts[i]);
        put(node, batch, BEAM_MEMORY, "kind", parts[i], bytes);
        rest -= isnan(bytes) ? 0 : bytes;
    }
    put(node, batch, BEAM_MEMORY, "kind", "other", MAX(rest, 0));
}

/* A list of lengths: the normal schedulers', then that of the dirty CPU ones, then dirty I/O. */
static void
read_lengths(const struct beam_node *node, struct str lengths, enum beam_metric metric,
             struct batch *batch)
{
    struct etf_list list;
    double sums[KINDS] = {0};
    int64_t length;
    if (!etf_list(&lengths, &list) || list.left < 3) {
        batch->rejected++;
        return;
    }
    for (uint32_t left = list.left; left > 0 && etf_list_integer(&list, &length); left--) {
        sums[left == 1 ? DIRTY_IO : left == 2 ? DIRTY_CPU : NORMAL] += (double)length;
    }
    for (size_t i = 0; i < KINDS; i++) {
        put(node, batch, metric, "kind", kind_names[i], sums[i]);
    }
}

/* [{Id, Active, Total}], in any order; `undefined` while nobody has switched it on. */
static void
read_wall_time(const struct beam_node *node, struct str wall, struct batch *batch)
{
    struct etf_list list;
    struct str row;
    int64_t id;
    double active, total;
    bool is = etf_list(&wall, &list);
    for (int left = SCHEDULERS_MAX; is && left > 0 && etf_list_next(&list, &row); left--) {
        if (!etf_tuple(&row, 3) || !etf_integer(&row, &id) || !etf_number(&row, &active) ||
            !etf_number(&row, &total)) {
            batch->rejected++;
            continue;
        }
        enum kind kind = id <= node->schedulers                     ? NORMAL
                         : id <= node->schedulers + node->dirty_cpu ? DIRTY_CPU
                                                                    : DIRTY_IO;
        char labels[400], number[24];
        snprintf(number, sizeof(number), "%lld", (long long)id);
        str_copy(str_from(node->labels), labels, sizeof(labels));
        labels_add(labels, sizeof(labels), "kind", str_from(kind_names[kind]));
        labels_add(labels, sizeof(labels), "scheduler", str_from(number));
        batch_put(batch, &beam_metrics[BEAM_SCHEDULER_ACTIVE], labels, active);
        batch_put(batch, &beam_metrics[BEAM_SCHEDULER_TOTAL], labels, total);
    }
}

/* {{input, Bytes}, {output, Bytes}}. */
static void
read_io(const struct beam_node *node, struct str io, struct batch *batch)
{
    static const char *const directions[] = {"receive", "transmit"};
    for (uint32_t i = 0; i < ARRAY_SIZE(directions); i++) {
        struct str pair, bytes;
        double number;
        if (element(io, i, &pair) && element(pair, 1, &bytes) && etf_number(&bytes, &number)) {
            put(node, batch, BEAM_IO, "direction", directions[i], number);
        }
    }
}

static void
read_uptime(struct beam_node *node, struct str clock, struct batch *batch)
{
    int64_t now_ns;
    node->uptime_s = NAN;
    if (etf_integer(&clock, &now_ns) && node->started_ns != 0 && now_ns >= node->started_ns) {
        node->uptime_s = ((double)now_ns - (double)node->started_ns) / 1e9;
        put(node, batch, BEAM_UPTIME, NULL, NULL, node->uptime_s);
    }
}

static void
read_counts(const struct beam_node *node, const struct str *values, struct batch *batch)
{
    static const struct {
        enum vm value;
        enum beam_metric metric;
    } rows[] = {{VM_PROCESSES, BEAM_PROCESSES},
                {VM_PROCESS_LIMIT, BEAM_PROCESSES_LIMIT},
                {VM_PORTS, BEAM_PORTS},
                {VM_PORT_LIMIT, BEAM_PORTS_LIMIT},
                {VM_ATOMS, BEAM_ATOMS},
                {VM_ATOM_LIMIT, BEAM_ATOMS_LIMIT},
                {VM_ETS, BEAM_ETS},
                {VM_ETS_LIMIT, BEAM_ETS_LIMIT}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        put_number(node, batch, rows[i].metric, values[rows[i].value]);
    }
}

static void
read_schedulers(const struct beam_node *node, struct batch *batch)
{
    const int64_t online[KINDS] = {node->online, node->dirty_cpu_online, node->dirty_io_online};
    for (size_t i = 0; i < KINDS; i++) {
        put(node, batch, BEAM_SCHEDULER_COUNT, "kind", kind_names[i], (double)online[i]);
    }
}

/* ---- the node's own row ---- */

static const char *
known(struct batch *batch, const char *text)
{
    return text[0] != '\0' ? arena_text(batch->arena, text, strlen(text)) : NULL;
}

static void
add_node(const struct beam_node *node, struct batch *batch)
{
    struct table *table = batch_table(batch, &beam_node_table, 1);
    union cell *row = table != NULL ? table_add(table, batch->arena) : NULL;
    if (row == NULL) {
        return;
    }
    row[BEAM_NODE_NAME].text = known(batch, node->name);
    row[BEAM_NODE_RELEASE].text = known(batch, node->release);
    row[BEAM_NODE_ERTS].text = known(batch, node->erts);
    row[BEAM_NODE_FLAVOR].text = known(batch, node->flavor);
    row[BEAM_NODE_LANGUAGE].text = known(batch, node->language);
    row[BEAM_NODE_OS_PID].integer = node->os_pid != 0 ? node->os_pid : CELL_UNKNOWN;
    row[BEAM_NODE_SCHEDULERS].integer = node->online;
    row[BEAM_NODE_UPTIME].real = node->uptime_s;
    row[BEAM_NODE_LOCAL].integer = node->local;
    row[BEAM_NODE_MODE].text = node->plain ? "plain calls" : "collector";
    table->total = 1;
}

void
beam_read_vm(struct beam_node *node, const struct str *values, struct batch *batch)
{
    read_lengths(node, values[VM_RUN_QUEUES], BEAM_RUN_QUEUE, batch);
    read_lengths(node, values[VM_TASKS], BEAM_ACTIVE_TASKS, batch);
    put_element(node, batch, BEAM_SWITCHES, values[VM_SWITCHES], 0, 1);
    put_element(node, batch, BEAM_REDUCTIONS, values[VM_REDUCTIONS], 0, 1);
    read_counts(node, values, batch);
    read_schedulers(node, batch);
    read_uptime(node, values[VM_CLOCK], batch);
    put(node, batch, BEAM_OS_PID, NULL, NULL, node->os_pid != 0 ? (double)node->os_pid : NAN);
    put(node, batch, BEAM_ROUND_TRIP, NULL, NULL, node->round_trip_s);
    add_node(node, batch);
}

void
beam_read_sums(struct beam_node *node, const struct str *values, struct batch *batch)
{
    read_wall_time(node, values[SUM_WALL_TIME], batch);
    read_memory(node, values[SUM_MEMORY], batch);
    read_io(node, values[SUM_IO], batch);
    put_element(node, batch, BEAM_GC, values[SUM_GC], 0, 1);
    put_element(node, batch, BEAM_GC_RECLAIMED, values[SUM_GC], 1, (double)node->word_bytes);
}

/* ---- allocators ---- */

/* The sums over all instances, found by the names of the numbers, wherever they stand: their
 * nesting differs from release to release. {carriers_size,Now,...}; {blocks_size,Now,...} before
 * OTP 24, since then {size,Now,...} within {blocks,...}. */
static void
sum_sizes(struct str term, double *ret_carriers, double *ret_blocks)
{
    struct etf_term head;
    *ret_carriers = *ret_blocks = 0;
    while (etf_next(&term, &head)) {
        struct str name, at = term;
        double bytes;
        if (head.type != ETF_TUPLE || head.children < 2 || !etf_atom(&at, &name) ||
            !etf_number(&at, &bytes)) {
            continue;
        }
        *ret_carriers += str_is(name, "carriers_size") ? bytes : 0;
        *ret_blocks += str_is(name, "blocks_size") || str_is(name, "size") ? bytes : 0;
    }
}

void
beam_read_allocators(struct beam_node *node, const struct str *values, struct batch *batch)
{
    for (size_t i = 0; i < ARRAY_SIZE(allocator_calls); i++) {
        double carriers, blocks;
        sum_sizes(values[i], &carriers, &blocks);
        if (carriers > 0) {
            const char *name = allocator_calls[i].argument;
            put(node, batch, BEAM_CARRIERS, "allocator", name, carriers);
            put(node, batch, BEAM_BLOCKS, "allocator", name, blocks);
        }
    }
}
