/* An Erlang node: its schedulers full, one process that cannot keep up, memory and atoms that grow,
 * limits that are near, other nodes that do not take what is sent to them.
 *
 * Whose fault it is are the node's own processes, by their names and the functions they are in. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "flametop/base/clock.h"
#include "flametop/base/macros.h"
#include "flametop/core/query.h"
#include "flametop/core/table.h"
#include "flametop/core/unit.h"
#include "judge.h"

#define FULL 0.90      /* of the schedulers: from here on they are full */
#define ALONE 0.60     /* of all reductions: one process does nearly everything */
#define MAIN 0.30      /* of all reductions: it has to do with it */
#define ONE_FULL 0.85  /* of one scheduler */
#define ONE_MOST 1.7   /* more than one process can do of it */
#define QUEUE_LONG 5.0 /* processes that wait for each scheduler */
#define PATIENCE_NS (6 * NS_PER_S)
#define MAILBOX_LEAST 100
#define MAILBOX_MANY 10000
#define MAILBOX_FORGOTTEN_NS (60 * NS_PER_S)
#define MEMORY_GROWN (double)(48 << 20) /* and this share of what there was: */
#define MEMORY_SHARE 0.2
#define ATOMS_LEFT_S 43200.0
#define STORM_RATE 20000.0     /* collections a second and scheduler */
#define STORM_RECLAIMED 1500e6 /* bytes a second and scheduler */

/* One row of the node's processes. */
struct erlang_process {
    int64_t key;
    const char *pid, *name, *current, *status; /* NULL: unknown */
    double reductions, queue, memory;
};

/* Columns of the table, by name: what comes from elsewhere may lack some. */
struct erlang_columns {
    int key, pid, name, current, reductions, queue, memory;
    int status; /* -1: none */
};

static bool
find_columns(const struct table *table, struct erlang_columns *ret)
{
    const struct table_def *def = table->def;
    *ret = (struct erlang_columns){
        .key = table_column(def, "beam.process.key"),
        .pid = table_column(def, "beam.process.pid"),
        .name = table_column(def, "beam.process.name"),
        .current = table_column(def, "beam.process.current_function"),
        .reductions = table_column(def, "beam.process.reductions"),
        .queue = table_column(def, "beam.process.message_queue"),
        .memory = table_column(def, "beam.process.memory"),
        .status = table_column(def, "beam.process.status"),
    };
    return ret->key >= 0 && ret->pid >= 0 && ret->name >= 0 && ret->current >= 0 &&
           ret->reductions >= 0 && ret->queue >= 0 && ret->memory >= 0;
}

static struct erlang_process
process_at(const struct table *table, const struct erlang_columns *columns, size_t i)
{
    const union cell *row = table_row(table, i);
    int status = columns->status;
    return (struct erlang_process){.key = row[columns->key].integer,
                                   .pid = row[columns->pid].text,
                                   .name = row[columns->name].text,
                                   .current = row[columns->current].text,
                                   .status = status >= 0 ? row[status].text : NULL,
                                   .reductions = row[columns->reductions].real,
                                   .queue = row[columns->queue].real,
                                   .memory = row[columns->memory].real};
}

/* "order_worker (<0.99.0>)", or the pid where that is all there is. */
static void
name_process(const struct erlang_process *process, char *dst, size_t size)
{
    const char *pid = process->pid != NULL ? process->pid : "?";
    if (process->name != NULL && process->name[0] != '\0') {
        snprintf(dst, size, "%.28s (%.15s)", process->name, pid);
    } else {
        snprintf(dst, size, "%.40s", pid);
    }
}

/* As a culprit's pid: below zero, as it is no process of the machine. 0, none, where the key is
 * unknown or, from elsewhere, no key at all. */
static int64_t
culprit_pid(const struct erlang_process *process)
{
    return process->key > 0 ? -process->key : 0;
}

/* Evaluated text: what we, or others like us, ask the node is done by such processes. */
static bool
is_evaluated(const struct erlang_process *process)
{
    return process->current != NULL && (strncmp(process->current, "prim_eval:", 10) == 0 ||
                                        strncmp(process->current, "erl_eval:", 9) == 0);
}

/* The process that does most of the work, where it does at least `least` of all of it. The node's
 * own sum counts what we ask of it as well, which on an idle node is most; so the sum of the rows
 * stands for it, with what the others could do at most. */
static bool
find_busiest(const struct bench *bench, double least, struct erlang_process *ret_process,
             double *ret_share)
{
    const struct table *table = picture_table(bench->picture, "beam.processes");
    struct erlang_columns columns;
    double most = 0, sum = 0, smallest = INFINITY;
    if (table == NULL || !find_columns(table, &columns)) {
        return false;
    }
    for (size_t i = 0; i < table->count; i++) {
        struct erlang_process process = process_at(table, &columns, i);
        if (is_evaluated(&process)) {
            continue;
        }
        if (process.reductions > most) {
            most = process.reductions;
            *ret_process = process;
        }
        sum += process.reductions >= 0 ? process.reductions : 0;
        smallest = process.reductions >= 0 ? fmin(smallest, process.reductions) : smallest;
    }
    double others = table->total > table->count ? (double)(table->total - table->count) : 0;
    double all = fmin(reading_of(bench, READ_NODE_REDUCTIONS),
                      sum + (others > 0 && smallest < INFINITY ? others * smallest : 0));
    *ret_share = fmin(most / fmax(all, most), 1);
    return most > 0 && *ret_share >= least;
}

/* Who holds most memory, where that is much of what all processes hold. */
static void
blame_memory_of(const struct bench *bench, struct judgement *j, double all)
{
    const struct table *table = picture_table(bench->picture, "beam.processes");
    struct erlang_columns columns;
    struct erlang_process holder = {.key = 0};
    double most = 0;
    char held[32];
    if (table == NULL || !find_columns(table, &columns)) {
        return;
    }
    for (size_t i = 0; i < table->count; i++) {
        struct erlang_process process = process_at(table, &columns, i);
        if (process.memory > most) {
            most = process.memory;
            holder = process;
        }
    }
    if (most >= MAIN * all) {
        name_process(&holder, j->culprit.name, sizeof(j->culprit.name));
        j->culprit.pid = culprit_pid(&holder);
        unit_format(most, "By", false, held, sizeof(held));
        snprintf(j->does, sizeof(j->does), "holds %s", held);
    }
}

/* Who does most of it, and where it is; what waits is not where it works. */
static void
blame_busiest(const struct bench *bench, struct judgement *j)
{
    struct erlang_process process;
    double share;
    char text[32];
    if (!find_busiest(bench, MAIN, &process, &share)) {
        return;
    }
    name_process(&process, j->culprit.name, sizeof(j->culprit.name));
    j->culprit.pid = culprit_pid(&process);
    judge_percent(share, text, sizeof(text));
    bool waits = process.status != NULL && strcmp(process.status, "waiting") == 0;
    if (process.current != NULL && !waits) {
        snprintf(j->does, sizeof(j->does), "does %s of the work in %.46s", text, process.current);
    } else {
        snprintf(j->does, sizeof(j->does), "does %s of the work", text);
    }
    judge_proof(j, "reductions of the busiest process", process.reductions, "{reduction}/s", NULL,
                NULL);
}

static void
prove_schedulers(const struct bench *bench, struct judgement *j)
{
    judge_proof(j, "schedulers busy", reading_of(bench, READ_NODE_SCHEDULERS), "1",
                "beam.scheduler.utilization", "");
    judge_proof(j, "processes that wait for one", reading_of(bench, READ_NODE_RUN_QUEUE), "",
                "beam.run_queue", "kind=normal");
    judge_proof(j, "reductions", reading_of(bench, READ_NODE_REDUCTIONS), "{reduction}/s",
                "beam.reductions", "");
}

/* How long what grows may stand: for some readings of it. */
static int64_t
patience_of(const struct bench *bench)
{
    return MAX(PATIENCE_NS, 3 * bench->picture->interval_ns);
}

/* ---- schedulers ---- */

static void
judge_saturated(struct bench *bench)
{
    double use = reading_of(bench, READ_NODE_SCHEDULERS);
    double count = fmax(reading_of(bench, READ_NODE_SCHEDULER_COUNT), 1);
    double waiting = fmax(reading_of(bench, READ_NODE_RUN_QUEUE), 0) / count;
    if (!(use >= judge_limit(bench, READ_NODE_SCHEDULERS, FULL, "beam.schedulers", ""))) {
        return;
    }
    double full = fmax(use - FULL, 0) / (1 - FULL);
    struct judgement *j = judge_say(bench, "beam.schedulers", "",
                                    35 + 20 * full + 35 * fmin(waiting / QUEUE_LONG, 1));
    if (j == NULL) {
        return;
    }
    char busy[32], queue[32];
    judge_percent(use, busy, sizeof(busy));
    unit_format(waiting * count, "{process}", false, queue, sizeof(queue));
    snprintf(j->what, sizeof(j->what), "schedulers %s busy, %s Erlang processes wait for %.0f",
             busy, queue, count);
    snprintf(j->brief, sizeof(j->brief), "schedulers %s busy", busy);
    snprintf(j->was, sizeof(j->was), "the schedulers were %s busy", busy);
    judge_chosen(bench, j, READ_NODE_SCHEDULERS, use);
    j->advice = "See which processes work most (4, sorted by REDS/s) and what they run (Enter).";
    prove_schedulers(bench, j);
    blame_busiest(bench, j);
}

/* Work that does not spread: one process keeps a scheduler busy and the others have nothing. */
static void
judge_one_process(struct bench *bench)
{
    double use = reading_of(bench, READ_NODE_SCHEDULERS);
    double count = reading_of(bench, READ_NODE_SCHEDULER_COUNT), share;
    struct erlang_process process;
    if (!(count >= 2) || !(use < FULL) || !(use * count >= ONE_FULL) || use * count > ONE_MOST ||
        !find_busiest(bench, ALONE, &process, &share)) {
        return;
    }
    struct judgement *j = judge_say(bench, "beam.one_process",
                                    process.pid != NULL ? process.pid : "", 20 + 40 / count);
    if (j == NULL) {
        return;
    }
    snprintf(j->what, sizeof(j->what),
             "one Erlang process fills a scheduler while the node is %.0f %% idle",
             100 * (1 - use));
    snprintf(j->brief, sizeof(j->brief), "one process fills a scheduler");
    snprintf(j->was, sizeof(j->was), "one Erlang process filled a scheduler");
    j->advice = "More schedulers do not help it: its work must be split among processes, or be "
                "less.";
    j->hold_ns = MAX(j->hold_ns, 3 * NS_PER_S);
    prove_schedulers(bench, j);
    blame_busiest(bench, j);
}

static void
judge_run_queue(struct bench *bench)
{
    struct growth *growth = &bench->node->run_queue;
    double queue = reading_of(bench, READ_NODE_RUN_QUEUE);
    double count = fmax(reading_of(bench, READ_NODE_SCHEDULER_COUNT), 1);
    growth_step(growth, queue, bench->picture->mono_ns, patience_of(bench));
    bool grows = growth_rate(growth, 4, 4 * NS_PER_S) > 0 && growth_amount(growth) >= count;
    bool stands = judge_standing(bench, "beam.run_queue", "") != NULL;
    if (!(queue >= QUEUE_LONG * count) || !(grows || stands)) {
        return;
    }
    struct judgement *j =
        judge_say(bench, "beam.run_queue", "", 40 + 8 * fmin(queue / count / QUEUE_LONG, 5));
    if (j == NULL) {
        return;
    }
    char text[32], from[32];
    unit_format(queue, "{process}", false, text, sizeof(text));
    unit_format(growth->from, "{process}", false, from, sizeof(from));
    snprintf(j->what, sizeof(j->what), "the run queue %s %s processes for %.0f scheduler%s",
             grows ? "grows:" : "is long:", text, count, count > 1 ? "s" : "");
    if (grows) {
        size_t n = strlen(j->what);
        snprintf(j->what + n, sizeof(j->what) - n, ", %s before", from);
    }
    snprintf(j->brief, sizeof(j->brief), "%s processes in the run queue", text);
    snprintf(j->was, sizeof(j->was), "%s processes waited in the run queue", text);
    j->advice = "More comes in than the schedulers can do: shed load, or give the node more cores.";
    prove_schedulers(bench, j);
    blame_busiest(bench, j);
}

static void
judge_dirty(struct bench *bench)
{
    static const struct {
        enum reading use, queue;
        const char *kind, *word, *metric, *labels, *advice;
    } rows[] = {
        {READ_NODE_DIRTY_CPU, READ_NODE_DIRTY_CPU_QUEUE, "beam.dirty_cpu", "CPU",
         "beam.scheduler.dirty_cpu.utilization", "kind=dirty_cpu",
         "Long native code (NIFs, hashing, compression, large collections) waits in turn: fewer "
         "calls at once, or erl +SDcpu."},
        {READ_NODE_DIRTY_IO, READ_NODE_DIRTY_IO_QUEUE, "beam.dirty_io", "I/O",
         "beam.scheduler.dirty_io.utilization", "kind=dirty_io",
         "Files and native code that waits are in turn: look at the disks, or raise erl +SDio."},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        double use = reading_of(bench, rows[i].use), queue = reading_of(bench, rows[i].queue);
        struct judgement *j =
            use >= judge_limit(bench, rows[i].use, FULL, rows[i].kind, "")
                ? judge_say(bench, rows[i].kind, "", 40 + 40 * fmin(fmax(queue, 0) / 10, 1))
                : NULL;
        if (j == NULL) {
            continue;
        }
        char busy[32], wait[32];
        judge_percent(use, busy, sizeof(busy));
        unit_format(queue, "{process}", false, wait, sizeof(wait));
        snprintf(j->what, sizeof(j->what), "all dirty %s schedulers are %s busy, %s processes wait",
                 rows[i].word, busy, wait);
        snprintf(j->brief, sizeof(j->brief), "dirty %s schedulers %s busy", rows[i].word, busy);
        snprintf(j->was, sizeof(j->was), "dirty %s schedulers were %s busy", rows[i].word, busy);
        judge_chosen(bench, j, rows[i].use, use);
        j->advice = rows[i].advice;
        judge_proof(j, "busy", use, "1", rows[i].metric, "");
        judge_proof(j, "processes that wait", queue, "", "beam.run_queue", rows[i].labels);
    }
}

/* ---- messages ---- */

static struct mailbox *
mailbox_of(struct node_memory *memory, int64_t key, int64_t now_ns)
{
    struct mailbox *oldest = &memory->mailboxes[0];
    for (size_t i = 0; i < MAILBOXES_MAX; i++) {
        struct mailbox *mailbox = &memory->mailboxes[i];
        if (mailbox->key == key) {
            return mailbox;
        }
        oldest = mailbox->seen_ns < oldest->seen_ns ? mailbox : oldest;
    }
    if (oldest->seen_ns == now_ns) {
        return NULL; /* all are of this picture */
    }
    *oldest = (struct mailbox){.key = key};
    return oldest;
}

static void
say_mailbox(struct bench *bench, const struct erlang_process *process, double rate)
{
    double size = log10(fmax(process->queue, MAILBOX_LEAST) / MAILBOX_LEAST);
    struct judgement *j = judge_say(bench, "beam.mailbox", process->pid != NULL ? process->pid : "",
                                    45 + 10 * size + (rate > 0 ? 5 : -10));
    if (j == NULL) {
        return;
    }
    char wait[32], more[32];
    unit_format(process->queue, "{message}", false, wait, sizeof(wait));
    unit_format(rate, "", false, more, sizeof(more));
    name_process(process, j->culprit.name, sizeof(j->culprit.name));
    j->culprit.pid = culprit_pid(process);
    if (rate > 0) {
        snprintf(j->what, sizeof(j->what), "%s messages wait for one process, %s more each second",
                 wait, more);
    } else {
        snprintf(j->what, sizeof(j->what), "%s messages wait for one process", wait);
    }
    snprintf(j->brief, sizeof(j->brief), "%s messages wait", wait);
    snprintf(j->was, sizeof(j->was), "%s messages waited for one process", wait);
    if (process->current != NULL) {
        snprintf(j->does, sizeof(j->does), "is in %.40s", process->current);
    }
    j->advice =
        "It handles them more slowly than they come: what it does for each must be less, be "
        "split, or those who send must wait (call instead of cast).";
    j->hold_ns = NS_PER_S; /* the queue was watched for longer already */
    judge_proof(j, "messages that wait for it", process->queue, "", NULL, NULL);
    judge_proof(j, "more each second", rate, "{message}/s", NULL, NULL);
    judge_proof(j, "in all queues", query_once(bench->picture, "beam.message_queue.length", NULL),
                "", "beam.message_queue.length", "");
}

static void
judge_mailboxes(struct bench *bench)
{
    const struct table *table = picture_table(bench->picture, "beam.processes");
    struct erlang_columns columns;
    int64_t now_ns = bench->picture->mono_ns;
    double scan_s = reading_of(bench, READ_NODE_SCAN);
    int64_t scans_ns = scan_s > 0 && scan_s < 1000 ? (int64_t)(scan_s * 3e9) : 0;
    int64_t patience_ns = MAX(patience_of(bench), scans_ns);
    if (table == NULL || !find_columns(table, &columns)) {
        return;
    }
    for (size_t i = 0; i < table->count; i++) {
        struct erlang_process process = process_at(table, &columns, i);
        struct mailbox *mailbox = process.queue >= MAILBOX_LEAST / 10
                                      ? mailbox_of(bench->node, process.key, now_ns)
                                      : NULL;
        if (mailbox == NULL) {
            continue;
        }
        if (mailbox->seen_ns != 0 &&
            now_ns - mailbox->seen_ns > MAX(patience_ns, MAILBOX_FORGOTTEN_NS)) {
            mailbox->growth = (struct growth){0};
        }
        mailbox->seen_ns = now_ns;
        growth_step(&mailbox->growth, process.queue, now_ns, patience_ns);
        double rate = growth_rate(&mailbox->growth, 3, 3 * NS_PER_S);
        bool grows = rate > 0 && process.queue >= MAILBOX_LEAST;
        if (grows || process.queue >= MAILBOX_MANY) {
            say_mailbox(bench, &process, grows ? rate : 0);
        }
    }
}

/* ---- memory ---- */

static void
find_kinds(struct node_memory *memory, const struct picture *picture)
{
    const char *kinds[NODE_KINDS_MAX];
    struct arena arena;
    if (memory->kind_count > 0 || (memory->looked != 0 && picture->number - memory->looked < 8)) {
        return;
    }
    memory->looked = picture->number;
    arena_init(&arena, (size_t)1 << 16);
    size_t count =
        query_label_values(picture, "beam.memory.usage", "kind", &arena, kinds, NODE_KINDS_MAX);
    for (size_t i = 0; i < count; i++) {
        char labels[64] = "", why[160];
        labels_add(labels, sizeof(labels), "kind", str_from(kinds[i]));
        snprintf(memory->kinds[i].kind, sizeof(memory->kinds[i].kind), "%s", kinds[i]);
        memory->kinds[i].query =
            query_new(picture->catalog, "beam.memory.usage", labels, why, sizeof(why));
    }
    memory->kind_count = count;
    arena_done(&arena);
}

void
node_memory_done(struct node_memory *memory)
{
    for (size_t i = 0; i < memory->kind_count; i++) {
        query_free(memory->kinds[i].query);
    }
    *memory = (struct node_memory){0};
}

static void
say_kind(struct bench *bench, const char *kind, const struct growth *growth, double rate)
{
    static const struct {
        const char *kind, *word, *advice;
    } words[] = {
        {"processes", "of processes",
         "See which hold most (4, sorted by MEM): long message "
         "queues, or state that is never dropped."},
        {"binary", "of binaries",
         "Processes that keep parts of large binaries, or seldom collect "
         "garbage: binary:copy/1, or hibernate them."},
        {"ets", "of ETS tables", "See which table (4, then . to ETS): rows that nobody deletes."},
        {"atom", "of atoms", "Atoms are never freed: do not make them of outside text."},
        {"code", "of code", "Code is loaded or compiled again and again."},
        {"other", "of the system", "Drivers and native code hold it: see the ports."},
    };
    size_t which = 0;
    while (which < ARRAY_SIZE(words) && strcmp(words[which].kind, kind) != 0) {
        which++;
    }
    const char *word = which < ARRAY_SIZE(words) ? words[which].word : kind;
    double all = fmax(reading_of(bench, READ_NODE_MEMORY), 1);
    struct judgement *j =
        judge_say(bench, "beam.memory", kind, 35 + 40 * fmin(growth_amount(growth) / all, 1));
    if (j == NULL) {
        return;
    }
    char now[32], more[32], each[32], labels[64] = "";
    unit_format(growth->last, "By", false, now, sizeof(now));
    unit_format(growth_amount(growth), "By", false, more, sizeof(more));
    unit_format(rate, "By/s", false, each, sizeof(each));
    snprintf(j->what, sizeof(j->what), "memory %s grows by %s: %s now, %s more than before", word,
             each, now, more);
    snprintf(j->brief, sizeof(j->brief), "memory %s grows by %s", word, each);
    snprintf(j->was, sizeof(j->was), "memory %s grew by %s", word, each);
    j->advice = which < ARRAY_SIZE(words) ? words[which].advice : NULL;
    labels_add(labels, sizeof(labels), "kind", str_from(kind));
    judge_proof(j, "memory of this kind", growth->last, "By", "beam.memory.usage", labels);
    judge_proof(j, "memory in all", all, "By", "beam.memory.usage", "");
    if (strcmp(kind, "processes") == 0) {
        blame_memory_of(bench, j, growth->last);
    } else if (strcmp(kind, "binary") == 0) {
        blame_busiest(bench, j);
    }
}

static void
judge_memory_kinds(struct bench *bench)
{
    struct node_memory *memory = bench->node;
    find_kinds(memory, bench->picture);
    for (size_t i = 0; i < memory->kind_count; i++) {
        struct growth *growth = &memory->kinds[i].growth;
        double value = memory->kinds[i].query != NULL
                           ? query_now(memory->kinds[i].query, bench->picture)
                           : (double)NAN;
        growth_step(growth, value, bench->picture->mono_ns, patience_of(bench));
        double rate = growth_rate(growth, 5, 6 * NS_PER_S), grown = growth_amount(growth);
        if (rate > 0 && grown >= MEMORY_GROWN && grown >= MEMORY_SHARE * growth->from) {
            say_kind(bench, memory->kinds[i].kind, growth, rate);
        }
    }
}

static void
judge_collections(struct bench *bench)
{
    double count = fmax(reading_of(bench, READ_NODE_SCHEDULER_COUNT), 1);
    double rate = reading_of(bench, READ_NODE_GC), freed = reading_of(bench, READ_NODE_RECLAIMED);
    double use = reading_of(bench, READ_NODE_SCHEDULERS);
    bool storm = rate / count >= STORM_RATE || freed / count >= STORM_RECLAIMED;
    struct judgement *j =
        storm && use >= 0.5 ? judge_say(bench, "beam.gc", "", 30 + 30 * use) : NULL;
    if (j == NULL) {
        return;
    }
    char each[32], bytes[32];
    unit_format(rate, "", false, each, sizeof(each));
    unit_format(freed, "By/s", false, bytes, sizeof(bytes));
    snprintf(j->what, sizeof(j->what), "the node collects garbage %s times a second and frees %s",
             each, bytes);
    snprintf(j->brief, sizeof(j->brief), "%s garbage collections a second", each);
    snprintf(j->was, sizeof(j->was), "the node collected garbage %s times a second", each);
    j->advice = "Some process makes and drops much data: give it a larger heap (min_heap_size), or "
                "let it build less.";
    j->hold_ns = MAX(j->hold_ns, 3 * NS_PER_S);
    judge_proof(j, "collections", rate, "{collection}/s", "beam.gc.count", "");
    judge_proof(j, "freed", freed, "By/s", "beam.gc.reclaimed", "");
    prove_schedulers(bench, j);
    blame_busiest(bench, j);
}

/* ---- limits ---- */

static void
judge_node_limits(struct bench *bench)
{
    static const struct {
        enum reading reading;
        double least;
        const char *kind, *what, *metric, *advice;
    } rows[] = {
        {READ_NODE_PROCESSES, 0.8, "beam.process_limit", "Erlang processes",
         "beam.process.utilization",
         "Processes that are started and never end: see the applications (4, then .), or erl +P."},
        {READ_NODE_PORTS, 0.8, "beam.port_limit", "ports", "beam.port.utilization",
         "Sockets and files that nobody closes: see the ports (4, then .), or erl +Q."},
        {READ_NODE_ATOMS, 0.7, "beam.atom_limit", "atoms", "beam.atom.utilization",
         "The node ends at the limit. Do not make atoms of outside text; erl +t buys time."},
        {READ_NODE_ETS, 0.8, "beam.ets_limit", "ETS tables", "beam.ets.utilization",
         "Tables that nobody deletes: see them (4, then .), or erl +e."},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        double use = reading_of(bench, rows[i].reading);
        struct judgement *j =
            use >= judge_limit(bench, rows[i].reading, rows[i].least, rows[i].kind, "")
                ? judge_say(bench, rows[i].kind, "", 45 + 250 * fmax(use - rows[i].least, 0))
                : NULL;
        if (j == NULL) {
            continue;
        }
        char share[32];
        judge_percent(use, share, sizeof(share));
        snprintf(j->what, sizeof(j->what), "%s are at %s of the node's limit", rows[i].what, share);
        snprintf(j->brief, sizeof(j->brief), "%s at %s of the limit", rows[i].what, share);
        snprintf(j->was, sizeof(j->was), "%s were at %s of the node's limit", rows[i].what, share);
        judge_chosen(bench, j, rows[i].reading, use);
        j->advice = rows[i].advice;
        judge_proof(j, rows[i].what, use, "1", rows[i].metric, "");
    }
}

/* They are never freed, so steady growth has an end that can be told. */
static void
judge_atoms(struct bench *bench)
{
    struct growth *growth = &bench->node->atoms;
    double count = query_once(bench->picture, "beam.atom.count", NULL);
    double limit = reading_of(bench, READ_NODE_ATOM_LIMIT);
    growth_step(growth, count, bench->picture->mono_ns, patience_of(bench));
    double rate = growth_rate(growth, 5, 5 * NS_PER_S), left_s = (limit - count) / rate;
    if (!(rate > 0) || !(left_s < ATOMS_LEFT_S)) {
        return;
    }
    struct judgement *j = judge_say(bench, "beam.atoms", "",
                                    left_s < 600    ? 85
                                    : left_s < 3600 ? 70
                                                    : 50);
    if (j == NULL) {
        return;
    }
    char each[32], when[32];
    unit_format(rate, "", false, each, sizeof(each));
    unit_format_age(left_s, when, sizeof(when));
    snprintf(j->what, sizeof(j->what),
             "atoms leak: %s more each second, the node ends at its limit in %s", each, when);
    snprintf(j->brief, sizeof(j->brief), "atoms leak, the limit is reached in %s", when);
    snprintf(j->was, sizeof(j->was), "atoms grew by %s each second", each);
    j->advice = "Atoms are made of outside text (list_to_atom, binary_to_atom, keys of JSON): use "
                "binary_to_existing_atom, or keep binaries.";
    j->hold_ns = NS_PER_S; /* it was watched for longer already */
    judge_proof(j, "atoms", count, "", "beam.atom.count", "");
    judge_proof(j, "of", limit, "", "beam.atom.limit", "");
    judge_proof(j, "more each second", rate, "{atom}/s", NULL, NULL);
    blame_busiest(bench, j);
}

/* ---- other nodes ---- */

/* The node with the most that waits; NULL: unknown. */
static const char *
fullest_peer(const struct picture *picture)
{
    const struct table *table = picture_table(picture, "beam.peers");
    int name = table != NULL ? table_column(table->def, "beam.peer") : -1,
        buffer = table != NULL ? table_column(table->def, "beam.peer.buffer") : -1;
    const char *fullest = NULL;
    double most = 0;
    for (size_t i = 0; name >= 0 && buffer >= 0 && i < table->count; i++) {
        const union cell *row = table_row(table, i);
        if (row[buffer].real > most) {
            most = row[buffer].real;
            fullest = row[name].text;
        }
    }
    return fullest;
}

static void
judge_distribution(struct bench *bench)
{
    double use = reading_of(bench, READ_NODE_BUFFER);
    struct judgement *j =
        use >= judge_limit(bench, READ_NODE_BUFFER, 0.5, "beam.distribution", "")
            ? judge_say(bench, "beam.distribution", "", 45 + 40 * fmin(use - 0.5, 1))
            : NULL;
    if (j == NULL) {
        return;
    }
    const char *peer = fullest_peer(bench->picture);
    char share[32];
    judge_percent(use, share, sizeof(share));
    snprintf(j->what, sizeof(j->what), "the buffer to node %.64s is %s full: %s",
             peer != NULL ? peer : "?", share,
             use >= 1 ? "those who send there are held" : "it takes less than is sent to it");
    snprintf(j->brief, sizeof(j->brief), "buffer to %.40s %s full", peer != NULL ? peer : "a node",
             share);
    snprintf(j->was, sizeof(j->was), "the buffer to node %.64s was %s full",
             peer != NULL ? peer : "?", share);
    judge_chosen(bench, j, READ_NODE_BUFFER, use);
    j->advice = "The other node or the network is too slow, or messages are very large: see the "
                "connected nodes (4, then .); erl +zdbbl holds senders later.";
    judge_proof(j, "fullest buffer", use, "1", "beam.distribution.buffer.utilization", "");
    judge_proof(j, "bytes that wait", query_once(bench->picture, "beam.distribution.buffer", NULL),
                "By", "beam.distribution.buffer", "");
}

void
judge_beam(struct bench *bench)
{
    if (picture_table(bench->picture, "beam.nodes") == NULL) {
        return;
    }
    judge_saturated(bench);
    judge_one_process(bench);
    judge_run_queue(bench);
    judge_dirty(bench);
    judge_mailboxes(bench);
    judge_memory_kinds(bench);
    judge_collections(bench);
    judge_node_limits(bench);
    judge_atoms(bench);
    judge_distribution(bench);
}
