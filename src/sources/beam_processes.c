/* Processes of a node: the rows of a scan, and all about one of them. */
#include <math.h>
#include <string.h>

#include "beam_node.h"
#include "flametop/base/macros.h"
#include "flametop/sources/beam_metrics.h"

#define ROWS_MAX 512u
#define LISTS 3
#define SCAN_US_MAX (INT64_C(3600) * 1000000) /* nobody waits for longer ones */

struct scan {
    struct beam_node *node;
    struct batch *batch;
    struct table *table;
    double seconds; /* since the scan before; NaN: there was none */
    struct beam_before queues;
};

/* The row of a process: lists share rows. */
static union cell *
row_of(struct scan *scan, int64_t key)
{
    for (size_t i = 0; i < scan->table->count; i++) {
        union cell *row = table_row(scan->table, i);
        if (row[BEAM_PROCESS_KEY].integer == key) {
            return row;
        }
    }
    return NULL;
}

/* There is none in a first scan: what each did since it began stands there. */
static void
set_rates(struct scan *scan, union cell *row, double rate, double queue)
{
    uint64_t key = (uint64_t)row[BEAM_PROCESS_KEY].integer;
    const double *before = beam_before_get(&scan->node->queues, key);
    if (!isnan(rate) && scan->seconds > 0) {
        row[BEAM_PROCESS_REDUCTIONS].real = rate;
    }
    if (before != NULL && scan->seconds > 0) {
        row[BEAM_PROCESS_QUEUE_RATE].real = (queue - before[0]) / scan->seconds;
    }
}

/* {Rank,Pid,Reductions,Queue,HeapWords}. Only in the first list is the rank the reductions a
 * second, since the process was looked at before. */
static void
read_row(struct scan *scan, struct str term, bool by_reductions)
{
    struct str pid;
    double rank, reductions, queue, words;
    const char *text;
    int64_t key;
    if (!etf_tuple(&term, 5) || !etf_number(&term, &rank) || !etf_skip(&term, &pid) ||
        !etf_number(&term, &reductions) || !etf_number(&term, &queue) ||
        !etf_number(&term, &words) || !beam_pid(scan->batch, pid, &text, &key)) {
        scan->batch->rejected++;
        return;
    }
    union cell *row = row_of(scan, key);
    if (row == NULL) {
        row = table_add(scan->table, scan->batch->arena);
        if (row == NULL) {
            return;
        }
        row[BEAM_PROCESS_KEY].integer = key;
        row[BEAM_PROCESS_PID].text = text;
        row[BEAM_PROCESS_QUEUE].real = queue;
        row[BEAM_PROCESS_HEAP].real = words * (double)scan->node->word_bytes;
        beam_before_add(&scan->queues, (uint64_t)key, queue, 0);
    }
    set_rates(scan, row, by_reductions ? rank : NAN, queue);
}

/* {Pid, [Item], InitialCall, Label}; no list of items: it has ended meanwhile. */
static void
read_name(struct scan *scan, struct str term)
{
    struct str pid, items, initial, label, value;
    struct batch *batch = scan->batch;
    struct etf_term head;
    const char *text;
    int64_t key;
    double bytes;
    if (!etf_tuple(&term, 4) || !etf_skip(&term, &pid) || !etf_skip(&term, &items) ||
        !etf_skip(&term, &initial) || !etf_skip(&term, &label) ||
        !beam_pid(batch, pid, &text, &key)) {
        batch->rejected++;
        return;
    }
    union cell *row = row_of(scan, key);
    if (row == NULL) {
        return;
    }
    row[BEAM_PROCESS_INITIAL].text = beam_function(batch, initial);
    row[BEAM_PROCESS_NAME].text = beam_term(batch, label);
    if (etf_get(items, "registered_name", &value) &&
        etf_next(&(struct str){value.p, value.n}, &head) &&
        head.type == ETF_ATOM) { /* else it is the empty list: it has none */
        row[BEAM_PROCESS_NAME].text = beam_term(batch, value);
    }
    if (row[BEAM_PROCESS_NAME].text == NULL) {
        row[BEAM_PROCESS_NAME].text = row[BEAM_PROCESS_INITIAL].text;
    }
    if (etf_get(items, "status", &value)) {
        row[BEAM_PROCESS_STATUS].text = beam_text(batch, value);
    }
    if (etf_get(items, "current_function", &value)) {
        row[BEAM_PROCESS_CURRENT].text = beam_function(batch, value);
    }
    if (etf_get(items, "memory", &value) && etf_number(&value, &bytes)) {
        row[BEAM_PROCESS_MEMORY].real = bytes;
    }
    if (etf_get(items, "group_leader", &value)) {
        const char *name = beam_application_of(scan->node, value);
        row[BEAM_PROCESS_APPLICATION].text =
            name != NULL ? arena_text(batch->arena, name, strlen(name)) : NULL;
    }
}

/* The next of a tuple; what is no number is not known yet. */
static bool
read_known(struct str *tuple, double *ret_number)
{
    struct str value;
    double number = NAN;
    if (!etf_skip(tuple, &value)) {
        return false;
    }
    *ret_number = etf_number(&value, &number) ? number : NAN;
    return true;
}

/* {StartUs, ScanUs, Processes, Queued, RoundUs}: the longest time a process was not visited. */
static bool
read_head(struct scan *scan, struct str term, bool *ret_known)
{
    struct beam_node *node = scan->node;
    struct batch *batch = scan->batch;
    int64_t start_us, scan_us, processes;
    double queued, round_us;
    if (!etf_tuple(&term, 5) || !etf_integer(&term, &start_us) || !etf_integer(&term, &scan_us) ||
        !etf_integer(&term, &processes) || !read_known(&term, &queued) ||
        !read_known(&term, &round_us)) {
        return false;
    }
    scan->seconds = node->scan_began_us != 0 && start_us > node->scan_began_us
                        ? ((double)start_us - (double)node->scan_began_us) / 1e6
                        : NAN;
    node->scan_began_us = start_us;
    node->scan_us = CLAMP(scan_us, 1, SCAN_US_MAX);
    node->scan_interval_s = scan->seconds;
    scan->table->total = (size_t)CLAMP(processes, 0, INT32_MAX);
    batch_put(batch, &beam_metrics[BEAM_SCAN_DURATION], node->labels, (double)scan_us / 1e6);
    if (!isnan(scan->seconds)) {
        batch_put(batch, &beam_metrics[BEAM_SCAN_INTERVAL], node->labels, scan->seconds);
    }
    if (!isnan(scan->seconds) && round_us >= 0) {
        batch_put(batch, &beam_metrics[BEAM_SCAN_ROUND], node->labels,
                  MAX(round_us / 1e6, scan->seconds));
    }
    *ret_known = !isnan(queued);
    if (*ret_known) {
        batch_put(batch, &beam_metrics[BEAM_MESSAGES], node->labels, queued);
    }
    return true;
}

/* The first row of the second list has the longest queue; none: nobody has messages. */
static double
longest_queue(struct etf_list list)
{
    struct str term;
    double rank;
    if (!etf_list_next(&list, &term)) {
        return 0;
    }
    return etf_tuple(&term, 5) && etf_number(&term, &rank) ? rank : NAN;
}

void
beam_read_scan(struct beam_node *node, struct str reply, struct batch *batch)
{
    struct scan scan = {.node = node,
                        .batch = batch,
                        .table = batch_table(batch, &beam_process_table, 128),
                        .seconds = NAN};
    struct str head, term;
    struct etf_list list;
    double most = NAN;
    bool known = false; /* all processes were visited once */
    if (scan.table == NULL || !etf_tuple(&reply, 5) || !etf_skip(&reply, &head) ||
        !read_head(&scan, head, &known)) {
        batch->rejected++;
        return;
    }
    for (int i = 0; i < LISTS && etf_list(&reply, &list); i++) {
        most = i == 1 && known ? longest_queue(list) : most;
        list.left = MIN(list.left, ROWS_MAX);
        while (scan.table->count < ROWS_MAX && etf_list_next(&list, &term)) {
            read_row(&scan, term, i == 0);
        }
    }
    if (!isnan(most)) {
        batch_put(batch, &beam_metrics[BEAM_MESSAGES_MOST], node->labels, most);
    }
    if (etf_list(&reply, &list)) {
        list.left = MIN(list.left, ROWS_MAX);
        while (etf_list_next(&list, &term)) {
            read_name(&scan, term);
        }
    } else {
        batch_fail(batch, SOURCE_DEGRADED,
                   "names and memory of processes did not come within a second: one of them hangs");
    }
    beam_before_end(&node->queues, &scan.queues, batch->at.mono_ns);
}

/* ---- all about one ---- */

struct detail {
    struct batch *batch;
    struct table *table;
    int64_t process;
};

static void
add_line(struct detail *detail, const char *kind, const char *text, double value)
{
    union cell *row = text != NULL ? table_add(detail->table, detail->batch->arena) : NULL;
    if (row != NULL) {
        row[BEAM_DETAIL_KEY].integer = (int64_t)detail->table->count;
        row[BEAM_DETAIL_PROCESS].integer = detail->process;
        row[BEAM_DETAIL_KIND].text = kind;
        row[BEAM_DETAIL_TEXT].text = text;
        row[BEAM_DETAIL_VALUE].real = value;
    }
}

/* {Module,Function,Arity,Location}: the function alone. */
static const char *
frame_of(struct batch *batch, struct str frame)
{
    struct str module, function, arity, at = frame;
    char room[1024];
    if (!etf_tuple(&at, 4) || !etf_skip(&at, &module) || !etf_skip(&at, &function) ||
        !etf_skip(&at, &arity) || module.n + function.n + arity.n + 2 > sizeof(room)) {
        return NULL;
    }
    size_t n = module.n + function.n + arity.n;
    memcpy(room, frame.p, 1);
    room[1] = 3;
    memcpy(room + 2, module.p, n); /* they lie behind each other */
    return beam_function(batch, (struct str){room, n + 2});
}

static void
add_lines(struct detail *detail, const char *kind, struct str items, const char *item)
{
    struct str value, term, count;
    struct etf_list list;
    if (!etf_get(items, item, &value)) {
        /* {Item, Count, [Term]}: those that may be many, cut there. */
        struct etf_list all;
        bool is = etf_list(&items, &all), found = false;
        while (is && !found && etf_list_next(&all, &term)) {
            struct str name;
            found = etf_tuple(&term, 3) && etf_atom(&term, &name) && str_is(name, item) &&
                    etf_skip(&term, &count);
            value = term;
        }
        if (!found) {
            return;
        }
    }
    bool stack = strcmp(kind, "stack") == 0;
    for (bool is = etf_list(&value, &list); is && etf_list_next(&list, &term);) {
        struct str what = term, tag, pid;
        bool tagged =
            !stack && etf_tuple(&what, 2) && etf_skip(&what, &tag) && etf_skip(&what, &pid);
        add_line(detail, kind,
                 stack ? frame_of(detail->batch, term)
                       : beam_term(detail->batch, tagged ? pid : term),
                 NAN);
    }
}

static void
add_size(struct detail *detail, const char *text, struct str items, const char *item, double factor)
{
    struct str value;
    double number;
    if (etf_get(items, item, &value) && etf_number(&value, &number)) {
        add_line(detail, "memory", text, number * factor);
    }
}

static void
add_dictionary(struct detail *detail, struct str dictionary, double word_bytes)
{
    struct etf_list list;
    struct str pair, key;
    double words;
    for (bool is = etf_list(&dictionary, &list); is && etf_list_next(&list, &pair);) {
        if (etf_tuple(&pair, 2) && etf_skip(&pair, &key) && etf_number(&pair, &words)) {
            add_line(detail, "dictionary", beam_text(detail->batch, key), words * word_bytes);
        }
    }
}

static void
add_ancestors(struct detail *detail, struct str ancestors)
{
    struct etf_list list;
    struct str term;
    for (bool is = etf_list(&ancestors, &list); is && etf_list_next(&list, &term);) {
        add_line(detail, "ancestor", beam_term(detail->batch, term), NAN);
    }
}

void
beam_read_detail(struct beam_node *node, struct str reply, struct batch *batch)
{
    struct str pid, items, dictionary, ancestors;
    const char *text;
    struct detail detail = {.batch = batch};
    double word = (double)node->word_bytes;
    if (!etf_tuple(&reply, 4) || !etf_skip(&reply, &pid) || !etf_skip(&reply, &items) ||
        !etf_skip(&reply, &dictionary) || !etf_skip(&reply, &ancestors) ||
        !beam_pid(batch, pid, &text, &detail.process) ||
        (detail.table = batch_table(batch, &beam_detail_table, 128)) == NULL) {
        batch->rejected++;
        return;
    }
    add_lines(&detail, "stack", items, "current_stacktrace");
    add_size(&detail, "in all", items, "memory", 1);
    add_size(&detail, "heaps", items, "total_heap_size", word);
    add_size(&detail, "stack", items, "stack_size", word);
    add_lines(&detail, "link", items, "links");
    add_lines(&detail, "monitors", items, "monitors");
    add_lines(&detail, "monitored by", items, "monitored_by");
    add_ancestors(&detail, ancestors);
    add_dictionary(&detail, dictionary, word);
    detail.table->total = detail.table->count;
}
