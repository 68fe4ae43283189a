/* Pools of a node. What they were given is counted by the node; rates and shares in the tables are
 * of the time since the answer before, so counters are remembered by pool and worker. The most
 * interesting rows become series as well, and keep being so. */
#include "flametop/sources/pool.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "etf.h"
#include "flametop/base/file.h"
#include "flametop/base/hash.h"
#include "flametop/base/macros.h"
#include "flametop/core/rate.h"
#include "flametop/sources/beam_metrics.h"
#include "pool_parts.h"
#include "pool_path.h"
#include "proc_pid_parse.h"

#define POOL_ROWS_MAX 500
#define WORKER_ROWS_MAX 1000
#define POOL_SERIES_MAX 64
#define WORKER_SERIES_MAX 128
#define KNOWN_MAX 4096
#define LABELS_BYTES 700
#define RATE_NS (250 * NS_PER_MS)
#define PROCESSES_MAX 128 /* of workers, looked at for one reading */

const struct pool_told pool_untold = {
    .workers = NAN,
    .busy = NAN,
    .available = NAN,
    .dead = NAN,
    .queue = NAN,
    .queue_limit = NAN,
    .sessions = NAN,
    .requests = NAN,
    .errors = NAN,
    .timeouts = NAN,
    .refused = NAN,
    .recycled = NAN,
};
const struct worker_told worker_untold = {
    .active = NAN, .capacity = NAN, .requests = NAN, .age_s = NAN};

const struct pool_def pool_examples[] = {
    {.name = "rabbitmq",
     .process = "rabbit_sup",
     .call = "ets:select(queue_coarse_metrics, [{'$1', [], ['$1']}], 500)",
     .rows = "1",
     .pool = "1/2 1/4",
     .queue = "2",
     .busy = "3",
     .quiet = true},
    {.name = "ejabberd",
     .process = "ejabberd_sm",
     .call = "ejabberd_sm:connected_users_number()",
     .sessions = ".",
     .quiet = true},
};
const size_t pool_example_count = ARRAY_SIZE(pool_examples);

/* What is remembered of a pool or worker. */
enum { COUNT_REQUESTS, COUNT_ERRORS, COUNT_TIMEOUTS, COUNT_REFUSED, COUNT_CPU, COUNTS };
struct known {
    int64_t at_ns; /* of the counters; 0: none yet */
    double counts[COUNTS], rates[COUNTS];
    double errors; /* share of the requests */
    bool series;   /* it has them */
    uint64_t start_ticks;
};

struct pools {
    struct pool_def defs[POOL_DEFS_MAX];
    size_t count;
    const char *proc;
    struct map known; /* by hash of its key */
    size_t pool_series, worker_series;
    long ticks_per_second, page_bytes;
};

struct pool_batch {
    struct pools *pools;
    const char *node;
    bool local;
    struct batch *batch;
    struct table *pool_table, *worker_table;
    size_t processes; /* looked at */
    size_t left_out, workers_left_out;
};

/* ---- life ---- */

static bool
is_defined(const struct pools *pools, const char *name)
{
    for (size_t i = 0; i < pools->count; i++) {
        if (strcmp(pools->defs[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

struct pools *
pools_new(const struct pool_def *defs, size_t count, const char *proc)
{
    struct pools *pools = calloc(1, sizeof(*pools));
    if (pools == NULL) {
        return NULL;
    }
    map_init(&pools->known, KNOWN_MAX);
    pools->proc = proc;
    pools->ticks_per_second = sysconf(_SC_CLK_TCK);
    pools->page_bytes = sysconf(_SC_PAGESIZE);
    for (size_t i = 0; i < count && pools->count < POOL_DEFS_MAX; i++) {
        pools->defs[pools->count++] = defs[i];
    }
    for (size_t i = 0; i < pool_example_count && pools->count < POOL_DEFS_MAX; i++) {
        if (!is_defined(pools, pool_examples[i].name)) {
            pools->defs[pools->count++] = pool_examples[i];
        }
    }
    return pools;
}

static void
free_known(struct pools *pools)
{
    size_t at = 0;
    uint64_t key;
    struct known *known;
    while ((known = map_next(&pools->known, &at, &key)) != NULL) {
        free(known);
    }
}

void
pools_free(struct pools *pools)
{
    if (pools == NULL) {
        return;
    }
    free_known(pools);
    map_done(&pools->known);
    free(pools);
}

/* ---- asking ---- */

/* As a string of Erlang. */
static void
quote(const char *text, struct buf *out)
{
    buf_putc(out, '"');
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '"' || *p == '\\') {
            buf_putc(out, '\\');
        }
        buf_putc(out, *p == '\n' ? ' ' : *p);
    }
    buf_putc(out, '"');
}

/* Calls of the configuration are parsed on the node, each by itself: one that is wrong must not
 * spoil the others. A call may end with the dot that Erlang wants, or without. */
void
pools_source(const struct pools *pools, struct buf *text)
{
    buf_puts(
        text,
        "(fun() ->\n"
        "Parse = fun(T) -> try {ok,Ts,_} = erl_scan:string(T),\n"
        "  {ok,Es} = erl_parse:parse_exprs(case lists:last(Ts) of {dot,_} -> Ts; L -> "
        "Ts ++ [{dot,element(2,L)}] end), {ok,Es} catch _:_ -> bad end end,\n"
        "Has = fun(none) -> true; (S) -> try is_pid(erlang:whereis("
        "erlang:list_to_existing_atom(S))) catch _:_ -> false end end,\n"
        /* A long list, also beside what goes on with it (ets:select/3), and a large map. */
        "Few = fun(L) -> D = length(L), if D > 500 -> {lists:sublist(L, 500), D - 500}; "
        "true -> {L, 0} end end,\n"
        "Cut = fun(V) when is_list(V) -> Few(V);\n"
        "  ({L,K}) when is_list(L) -> {F,N} = Few(L), {{F,K},N};\n"
        "  (V) when map_size(V) > 500 -> {F,N} = Few(maps:to_list(V)), {maps:from_list(F),N};\n"
        "  (V) -> {V,0} end,\n"
        "Told = fun(V) -> {F,N} = try Cut(V) catch _:_ -> {V,0} end, "
        "case erlang:external_size(F) of B when B > 1000000 -> {large,B}; _ -> {ok,F,N} end end,\n"
        "Ask = fun({I,N,P}) -> {I, case Has(N) of false -> absent; true -> case P of bad -> "
        "bad;\n"
        "  {ok,Es} -> try {value,V,_} = erl_eval:exprs(Es, []), Told(V)\n"
        "    catch error:undef -> undef; _:_ -> failed end end end} end,\n"
        "Snakepit = ");
    buf_puts(text, snakepit_source);
    buf_puts(text, ",\nDefs = [");
    for (size_t i = 0; i < pools->count; i++) {
        const struct pool_def *def = &pools->defs[i];
        buf_printf(text, "%s{%zu,", i > 0 ? ",\n " : "", i);
        if (def->process != NULL) {
            quote(def->process, text);
        } else {
            buf_puts(text, "none");
        }
        buf_puts(text, ",Parse(");
        quote(def->call != NULL ? def->call : "", text);
        buf_puts(text, ")}");
    }
    buf_puts(text,
             "],\n"
             "fun() -> {pools, try Snakepit() catch _:_ -> failed end, lists:map(Ask, Defs)} end\n"
             "end)()");
}

/* ---- what is remembered ---- */

static struct known *
known_of(struct pools *pools, const char *kind, const char *source, const char *pool,
         const char *worker)
{
    uint64_t key = hash_mix(hash_mix(hash_text(kind), hash_text(source)),
                            hash_mix(hash_text(pool), hash_text(worker)));
    struct known *known = map_get(&pools->known, key);
    if (known == NULL && (known = calloc(1, sizeof(*known))) != NULL) {
        for (int i = 0; i < COUNTS; i++) {
            known->counts[i] = known->rates[i] = NAN;
        }
        known->errors = NAN;
        if (!map_put(&pools->known, key, known)) {
            free(known);
            known = NULL;
        }
    }
    return known;
}

/* What is forgotten last is what was read: all begin anew when there is no room, as the pools of a
 * node that makes ever new ones. */
static void
make_room(struct pools *pools)
{
    if (pools->known.count < KNOWN_MAX - POOL_ROWS_MAX - WORKER_ROWS_MAX) {
        return;
    }
    free_known(pools);
    map_clear(&pools->known);
    pools->pool_series = pools->worker_series = 0;
}

static void
step(struct known *known, const double counts[COUNTS], int64_t now_ns)
{
    int64_t dt_ns = now_ns - known->at_ns;
    if (known->at_ns != 0 && dt_ns < RATE_NS) {
        return;
    }
    double requests = counts[COUNT_REQUESTS] - known->counts[COUNT_REQUESTS],
           errors = counts[COUNT_ERRORS] - known->counts[COUNT_ERRORS];
    for (int i = 0; i < COUNTS; i++) {
        known->rates[i] =
            known->at_ns != 0 ? rate_of(known->counts[i], counts[i], dt_ns, 0) : (double)NAN;
        known->counts[i] = counts[i];
    }
    known->errors = requests > 0 && errors >= 0 ? fmin(errors / requests, 1)
                    : requests == 0             ? 0
                                                : (double)NAN;
    known->at_ns = now_ns;
}

/* ---- pools ---- */

static void
put(struct pool_batch *to, enum pool_metric metric, const char *labels, double value)
{
    if (!isnan(value)) {
        batch_put(to->batch, &pool_metrics[metric], labels, value);
    }
}

static void
put_status(struct pool_batch *to, const char *labels, const char *status, double value)
{
    char with[LABELS_BYTES];
    snprintf(with, sizeof(with), "%s,status=%s", labels, status);
    put(to, POOL_WORKERS, with, value);
}

static void
pool_series(struct pool_batch *to, const struct pool_told *told)
{
    char labels[LABELS_BYTES] = "";
    labels_add(labels, LABELS_BYTES - 32, "node", str_from(to->node));
    labels_add(labels, LABELS_BYTES - 32, "pool", str_from(told->name));
    put_status(to, labels, "busy", told->busy);
    put_status(to, labels, "available", told->available);
    put_status(to, labels, "dead", told->dead);
    if (isnan(told->busy) && isnan(told->available)) {
        put_status(to, labels, "unknown", told->workers);
    }
    put(to, POOL_QUEUE_DEPTH, labels, told->queue);
    put(to, POOL_QUEUE_LIMIT, labels, told->queue_limit);
    put(to, POOL_REQUESTS, labels, told->requests);
    put(to, POOL_ERRORS, labels, told->errors);
    put(to, POOL_TIMEOUTS, labels, told->timeouts);
    put(to, POOL_SATURATED, labels, told->refused);
    put(to, POOL_RECYCLED, labels, told->recycled);
    put(to, POOL_SESSIONS, labels, told->sessions);
}

/* A node without pools has no tables of them. */
static struct table *
table_of(const struct pool_batch *to, struct table **table, const struct table_def *def)
{
    if (*table == NULL) {
        *table = batch_table(to->batch, def, 16);
    }
    return *table;
}

static const char *
own(struct pool_batch *to, const char *text)
{
    return text != NULL ? arena_text(to->batch->arena, text, strlen(text)) : NULL;
}

/* The rest follows from two of the three. */
static struct pool_told
complete(const struct pool_told *told)
{
    struct pool_told whole = *told;
    if (isnan(whole.available) && whole.workers >= whole.busy) {
        whole.available = whole.workers - whole.busy;
    }
    if (isnan(whole.busy) && whole.workers >= whole.available) {
        whole.busy = whole.workers - whole.available;
    }
    if (isnan(whole.workers)) {
        whole.workers = whole.busy + whole.available;
    }
    return whole;
}

void
pool_put(struct pool_batch *to, const struct pool_told *given)
{
    struct pool_told told = complete(given);
    struct known *known = known_of(to->pools, "pool", told.source, told.name, "");
    struct table *table = table_of(to, &to->pool_table, &pool_table);
    if (known == NULL || table == NULL || table->count == POOL_ROWS_MAX) {
        to->left_out++;
        return;
    }
    step(known, (double[COUNTS]){told.requests, told.errors, told.timeouts, told.refused, NAN},
         to->batch->at.mono_ns);
    known->series = known->series || to->pools->pool_series++ < POOL_SERIES_MAX;
    if (known->series) {
        pool_series(to, &told);
    }
    union cell *row = table_add(table, to->batch->arena);
    if (row == NULL) {
        return;
    }
    row[POOL_KEY].text = arena_printf(to->batch->arena, "%s %s", told.source, told.name);
    row[POOL_NAME].text = own(to, told.name);
    row[POOL_SOURCE].text = own(to, told.source);
    row[POOL_PROFILE].text = own(to, told.profile);
    row[POOL_TOTAL].real = told.workers;
    row[POOL_BUSY].real = told.busy;
    row[POOL_SHARE].real = told.busy / (told.busy + told.available);
    row[POOL_DEPTH].real = told.queue;
    row[POOL_DEPTH_LIMIT].real = told.queue_limit;
    row[POOL_RATE].real = known->rates[COUNT_REQUESTS];
    row[POOL_ERROR_SHARE].real = known->errors;
    row[POOL_TIMEOUT_RATE].real = known->rates[COUNT_TIMEOUTS];
    row[POOL_REFUSED_RATE].real = known->rates[COUNT_REFUSED];
    row[POOL_SESSION_COUNT].real = told.sessions;
    row[POOL_DEAD].real = told.dead;
}

/* ---- workers ---- */

/* CPU and memory of a worker's process, where it runs here. Answers its CPU time in seconds. */
static double
look_at_process(struct pool_batch *to, const struct worker_told *told, struct known *known,
                union cell *row)
{
    char path[512], text[1024];
    struct pid_stat stat;
    const struct pools *pools = to->pools;
    if (!to->local || told->os_pid <= 0 || to->processes == PROCESSES_MAX) {
        return NAN;
    }
    to->processes++;
    snprintf(path, sizeof(path), "%s/%lld/stat", pools->proc, (long long)told->os_pid);
    ssize_t n = file_read_at(AT_FDCWD, path, text, sizeof(text));
    if (n <= 0 || !pid_stat_parse((struct str){text, (size_t)n}, &stat)) {
        return NAN;
    }
    row[WORKER_MEMORY].real = (double)stat.rss_pages * (double)pools->page_bytes;
    if (stat.start_ticks != known->start_ticks) { /* another process, or the first look */
        known->start_ticks = stat.start_ticks;
        known->counts[COUNT_CPU] = NAN;
    }
    return (double)stat.cpu_ticks / (double)pools->ticks_per_second;
}

static void
worker_series(struct pool_batch *to, const struct worker_told *told)
{
    const struct {
        const char *key, *value;
    } rows[] = {{"node", to->node},
                {"pool", told->pool},
                {"worker_id", told->id},
                {"worker_type", told->type},
                {"adapter_type", told->adapter},
                {"profile", told->profile}};
    char labels[LABELS_BYTES] = "";
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (rows[i].value != NULL) {
            labels_add(labels, sizeof(labels), rows[i].key, str_from(rows[i].value));
        }
    }
    put(to, WORKER_ACTIVE, labels, told->active);
    put(to, WORKER_CAPACITY, labels, told->capacity);
    put(to, WORKER_REQUESTS, labels, told->requests);
}

void
worker_put(struct pool_batch *to, const struct worker_told *told)
{
    struct known *known = known_of(to->pools, "worker", told->source, told->pool, told->id);
    struct table *table = table_of(to, &to->worker_table, &worker_table);
    if (known == NULL || table == NULL || table->count == WORKER_ROWS_MAX) {
        to->workers_left_out++;
        return;
    }
    union cell *row = table_add(table, to->batch->arena);
    if (row == NULL) {
        return;
    }
    double cpu_s = look_at_process(to, told, known, row);
    step(known, (double[COUNTS]){told->requests, NAN, NAN, NAN, cpu_s}, to->batch->at.mono_ns);
    known->series = known->series || to->pools->worker_series++ < WORKER_SERIES_MAX;
    if (known->series) {
        worker_series(to, told);
    }
    row[WORKER_KEY].text =
        arena_printf(to->batch->arena, "%s %s %s", told->source, told->pool, told->id);
    row[WORKER_ID].text = own(to, told->id);
    row[WORKER_POOL].text = own(to, told->pool);
    row[WORKER_TYPE].text = own(to, told->type);
    row[WORKER_ADAPTER].text = own(to, told->adapter);
    row[WORKER_PROFILE].text = own(to, told->profile);
    row[WORKER_STATUS].text = own(to, told->status);
    row[WORKER_LOAD].real = told->active;
    row[WORKER_SLOTS].real = told->capacity;
    row[WORKER_RATE].real = known->rates[COUNT_REQUESTS];
    row[WORKER_CPU].real = known->rates[COUNT_CPU];
    row[WORKER_AGE].real = told->age_s;
    if (told->os_pid > 0) {
        row[WORKER_PID].integer = told->os_pid;
    }
}

/* ---- answers to calls ---- */

/* "orders", or several parts joined by blanks; else the row's key, else the definition's name. */
static void
name_row(const struct pool_def *def, struct str key, struct str row, size_t number, bool alone,
         char dst[POOL_NAME_BYTES])
{
    struct str rest = str_from(def->pool != NULL ? def->pool : ""), path;
    dst[0] = '\0';
    while (str_word(&rest, &path)) {
        char step[128], part[POOL_NAME_BYTES];
        struct str term;
        str_copy(path, step, sizeof(step));
        if (!pool_path(row, step, &term)) {
            continue;
        }
        if (!etf_text(term, part, sizeof(part))) {
            etf_print(term, part, sizeof(part));
        }
        if (dst[0] != '\0') {
            strlcat(dst, " ", POOL_NAME_BYTES);
        }
        strlcat(dst, part, POOL_NAME_BYTES);
    }
    if (dst[0] == '\0' && key.n > 0 && !etf_text(key, dst, POOL_NAME_BYTES)) {
        etf_print(key, dst, POOL_NAME_BYTES);
    }
    if (dst[0] == '\0' && alone) {
        strlcpy(dst, def->name, POOL_NAME_BYTES);
    } else if (dst[0] == '\0') {
        snprintf(dst, POOL_NAME_BYTES, "%s %zu", def->name, number);
    }
}

static void
read_row(const struct pool_def *def, struct str key, struct str row, size_t number, bool alone,
         struct pool_batch *to)
{
    char name[POOL_NAME_BYTES];
    struct pool_told told = pool_untold;
    name_row(def, key, row, number, alone, name);
    told.source = def->name;
    told.name = name;
    told.workers = pool_number(row, def->workers);
    told.busy = pool_number(row, def->busy);
    told.available = pool_number(row, def->available);
    told.queue = pool_number(row, def->queue);
    told.queue_limit = pool_number(row, def->queue_limit);
    told.requests = pool_number(row, def->requests);
    told.errors = pool_number(row, def->errors);
    told.timeouts = pool_number(row, def->timeouts);
    told.refused = pool_number(row, def->refused);
    told.sessions = pool_number(row, def->sessions);
    pool_put(to, &told);
}

static void
read_answer(const struct pool_def *def, struct str term, struct pool_batch *to)
{
    struct pool_rows rows;
    struct str key, row, nothing = {"", 0};
    if (def->rows == NULL) {
        read_row(def, nothing, term, 1, true, to);
    } else if (pool_rows_begin(term, def->rows, &rows)) {
        for (size_t i = 1; pool_rows_next(&rows, &key, &row); i++) {
            read_row(def, key, row, i, false, to);
        }
    } else if (!def->quiet) {
        batch_fail(to->batch, SOURCE_DEGRADED, "pools: %.40s: its answer has no list at %.40s",
                   def->name, def->rows);
    }
}

void
workers_leave_out(struct pool_batch *to, int64_t count)
{
    to->workers_left_out += (size_t)CLAMP(count, 0, INT32_MAX);
}

static void
read_result(const struct pool_def *def, struct str result, struct pool_batch *to)
{
    static const struct {
        const char *atom, *why;
    } failures[] = {
        {"bad", "its call is no Erlang expression; write module:function(arguments)"},
        {"undef", "the node has no such function"},
        {"failed", "the call failed on the node"},
    };
    struct str rest = result, tag, term;
    int64_t number;
    if (etf_tuple(&rest, 3) && etf_skip(&rest, &tag) && etf_is_atom(tag, "ok") &&
        etf_skip(&rest, &term) && etf_integer(&rest, &number)) {
        read_answer(def, term, to);
        to->left_out += (size_t)CLAMP(number, 0, INT32_MAX);
        return;
    }
    if (etf_tuple(&rest, 2) && etf_skip(&rest, &tag) && etf_is_atom(tag, "large") &&
        etf_integer(&rest, &number)) {
        batch_fail(to->batch, SOURCE_DEGRADED,
                   "pools: %.40s: its answer is %lld bytes long, at most a million are read",
                   def->name, (long long)number);
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(failures) && !def->quiet; i++) {
        if (etf_is_atom(result, failures[i].atom)) {
            batch_fail(to->batch, SOURCE_DEGRADED, "pools: %.40s: %s", def->name, failures[i].why);
        }
    }
}

bool
pools_read(struct pools *pools, struct str term, const char *node, bool local, struct batch *batch)
{
    struct str rest = term, part, snakepit, results;
    struct pool_rows rows;
    if (!etf_tuple(&rest, 3) || !etf_skip(&rest, &part) || !etf_is_atom(part, "pools") ||
        !etf_skip(&rest, &snakepit) || !etf_skip(&rest, &results)) {
        return false;
    }
    make_room(pools);
    struct pool_batch to = {.pools = pools, .node = node, .local = local, .batch = batch};
    snakepit_read(snakepit, batch->at.wall_ns, &to);
    bool good = pool_rows_begin(results, ".", &rows);
    while (good && pool_rows_next(&rows, &part, &rest)) {
        int64_t index;
        struct str result;
        if (etf_tuple(&rest, 2) && etf_integer(&rest, &index) && etf_skip(&rest, &result) &&
            index >= 0 && (size_t)index < pools->count) {
            read_result(&pools->defs[index], result, &to);
        }
    }
    if (to.pool_table != NULL) {
        to.pool_table->total = to.pool_table->count + to.left_out;
    }
    if (to.worker_table != NULL) {
        to.worker_table->total = to.worker_table->count + to.workers_left_out;
    }
    batch->dropped += to.left_out + to.workers_left_out;
    return good;
}
