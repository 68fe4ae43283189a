/* Snakepit's pools of Python workers (github.com/nshkrdotcom/snakepit, 0.6 to 0.13). Its own
 * functions are asked; what one version lacks is left out. get_stats/0 of a pool counts in `queued`
 * what ever waited, so the queue is told only by get_stats/2. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "etf.h"
#include "flametop/base/clock.h"
#include "flametop/base/macros.h"
#include "pool_parts.h"
#include "pool_path.h"

/* {snakepit, [{Name, Profile, {ok | all, Stats} | failed}], Lifecycle, Sessions,
 *  [{Id, Pool, Module, Adapter, Status, Alive, OsPid, Since, {Capacity, Load} | none}], QueueMax,
 *  WorkersLeftOut}
 */
const char snakepit_source[] =
    "fun() -> case erlang:whereis('Elixir.Snakepit.Pool') of undefined -> none; _ ->\n"
    "  Try = fun(F) -> try F() catch _:_ -> failed end end,\n"
    "  One = erlang:function_exported('Elixir.Snakepit.Pool',get_stats,2),\n"
    "  Configs = case Try(fun() -> 'Elixir.Snakepit.Config':get_pool_configs() end) of\n"
    "    {ok,[_|_] = L} -> lists:sublist(L,500); _ -> [#{name => default}] end,\n"
    "  Stats = fun(P) when One -> case Try(fun() -> 'Elixir.Snakepit.Pool':get_stats("
    "'Elixir.Snakepit.Pool',P) end) of M when is_map(M) -> {ok,M}; _ -> failed end;\n"
    "    (_) -> case Try(fun() -> 'Elixir.Snakepit.Pool':get_stats() end) of "
    "M when is_map(M) -> {all,M}; _ -> failed end end,\n"
    "  Loads = case Try(fun() -> ets:tab2list(snakepit_worker_capacity) end) of\n"
    "    Ls when is_list(Ls) -> maps:from_list([{W,{C,N}} || {W,C,N} <- Ls]); _ -> #{} end,\n"
    "  Worker = fun({Id,I}) -> Pid = maps:get(elixir_pid,I,none),\n"
    "    Meta = case Try(fun() -> 'Elixir.Snakepit.Pool.Registry':get_worker_metadata(Id) end) of "
    "{ok,X} when is_map(X) -> X; _ -> #{} end,\n"
    "    {Id, maps:get(pool_name,Meta,none), maps:get(worker_module,Meta,none), "
    "maps:get(adapter_module,Meta,none), maps:get(status,I,none),\n"
    "     is_pid(Pid) andalso node(Pid) =:= node() andalso erlang:is_process_alive(Pid), "
    "maps:get(process_pid,I,none), maps:get(registered_at,I,none), maps:get(Pid,Loads,none)} end,\n"
    "  {Workers,More} = case Try(fun() -> "
    "'Elixir.Snakepit.Pool.ProcessRegistry':list_all_workers() end) "
    "of\n"
    "    Ws when is_list(Ws) -> {[Worker(W) || {_,#{}} = W <- lists:sublist(Ws,1000)], "
    "erlang:max(0,length(Ws) - 1000)}; _ -> {[],0} end,\n"
    "  {snakepit, [{maps:get(name,C,default), maps:get(worker_profile,C,none), "
    "Stats(maps:get(name,C,default))} || C <- case One of true -> Configs; "
    "false -> [hd(Configs)] end],\n"
    "   Try(fun() -> 'Elixir.Snakepit.Worker.LifecycleManager':get_stats() end),\n"
    "   Try(fun() -> 'Elixir.Snakepit.Bridge.SessionStore':get_stats() end), Workers,\n"
    "   case application:get_env(snakepit,pool_max_queue_size) of {ok,Q} -> Q; _ -> 1000 end, "
    "More}\n"
    "end end";

static const char source[] = "snakepit";

/* A name, or NULL where the node said none. */
static const char *
text_or_null(struct str term, char *dst, size_t size)
{
    bool none = etf_is_atom(term, "none") || etf_is_atom(term, "nil");
    return !none && etf_text(term, dst, size) ? dst : NULL;
}

/* Without "Elixir." as Elixir writes it. */
static const char *
module_or_null(struct str term, char *dst, size_t size)
{
    return etf_is_atom(term, "none") || etf_is_atom(term, "nil") ? NULL
                                                                 : etf_print(term, dst, size);
}

struct worker_term {
    struct str id, pool, module, adapter, status, alive, os_pid, since, load;
};

static bool
worker_of(struct str row, struct worker_term *ret)
{
    return etf_tuple(&row, 9) && etf_skip(&row, &ret->id) && etf_skip(&row, &ret->pool) &&
           etf_skip(&row, &ret->module) && etf_skip(&row, &ret->adapter) &&
           etf_skip(&row, &ret->status) && etf_skip(&row, &ret->alive) &&
           etf_skip(&row, &ret->os_pid) && etf_skip(&row, &ret->since) &&
           etf_skip(&row, &ret->load);
}

/* registered_at is the system time in seconds. */
static double
age_of(struct str since, int64_t wall_ns)
{
    double at_s, now_s = (double)wall_ns / (double)NS_PER_S;
    return etf_number(&since, &at_s) && at_s > 1e9 && at_s <= now_s + 5 ? fmax(now_s - at_s, 0)
                                                                        : (double)NAN;
}

/* What the pool of that name is told to be; NULL. */
static const char *
profile_of(struct str pools, const char *name, char *dst, size_t size)
{
    struct pool_rows rows;
    struct str key, row, its;
    char text[POOL_NAME_BYTES];
    bool good = pool_rows_begin(pools, ".", &rows);
    while (good && pool_rows_next(&rows, &key, &row)) {
        if (pool_path(row, "1", &its) && etf_text(its, text, sizeof(text)) &&
            strcmp(text, name) == 0 && pool_path(row, "2", &its)) {
            return text_or_null(its, dst, size);
        }
    }
    return NULL;
}

static void
read_worker(const struct worker_term *term, struct str pools, const char *only_pool,
            int64_t wall_ns, struct pool_batch *to)
{
    char id[POOL_NAME_BYTES], pool[POOL_NAME_BYTES], type[POOL_NAME_BYTES],
        adapter[POOL_NAME_BYTES], status[64], profile[64];
    struct worker_told told = worker_untold;
    struct str os_pid = term->os_pid;
    if (!etf_text(term->id, id, sizeof(id))) {
        return;
    }
    const char *named = text_or_null(term->pool, pool, sizeof(pool));
    bool alive = etf_is_atom(term->alive, "true");
    told.source = source;
    told.id = id;
    told.pool = named != NULL ? named : only_pool;
    told.type = module_or_null(term->module, type, sizeof(type));
    told.adapter = module_or_null(term->adapter, adapter, sizeof(adapter));
    told.active = pool_number(term->load, "2");
    told.capacity = pool_number(term->load, "1");
    told.status = !alive             ? "dead"
                  : told.active > 0  ? "busy"
                  : told.active == 0 ? "available"
                                     : text_or_null(term->status, status, sizeof(status));
    told.profile = profile_of(pools, told.pool, profile, sizeof(profile));
    told.age_s = age_of(term->since, wall_ns);
    if (!etf_integer(&os_pid, &told.os_pid)) {
        told.os_pid = 0;
    }
    worker_put(to, &told);
}

/* How many of a pool's workers have ended; those without a pool are of the only one. */
static double
dead_of(struct str workers, struct str pool, bool only)
{
    struct pool_rows rows;
    struct str key, row;
    char name[POOL_NAME_BYTES], its[POOL_NAME_BYTES];
    double dead = 0;
    if (!pool_rows_begin(workers, ".", &rows) || !etf_text(pool, name, sizeof(name))) {
        return NAN;
    }
    while (pool_rows_next(&rows, &key, &row)) {
        struct worker_term worker;
        if (!worker_of(row, &worker)) {
            continue;
        }
        const char *named = text_or_null(worker.pool, its, sizeof(its));
        bool here = named != NULL ? strcmp(named, name) == 0 : only;
        dead += here && !etf_is_atom(worker.alive, "true");
    }
    return dead;
}

struct answer {
    struct str pools, lifecycle, sessions, workers, queue_limit;
    uint32_t pool_count;
};

static void
read_pool(const struct answer *answer, struct str row, struct pool_batch *to)
{
    char name[POOL_NAME_BYTES], profile[64], path[POOL_NAME_BYTES + 32];
    struct str pool, profile_term, stats, kind, map = {"", 0};
    struct pool_told told = pool_untold;
    if (!etf_tuple(&row, 3) || !etf_skip(&row, &pool) || !etf_skip(&row, &profile_term) ||
        !etf_skip(&row, &stats) || !etf_text(pool, name, sizeof(name))) {
        return;
    }
    bool told_stats = etf_tuple(&stats, 2) && etf_skip(&stats, &kind) && etf_skip(&stats, &map);
    bool single = told_stats && etf_is_atom(kind, "ok");
    told.source = source;
    told.name = name;
    told.profile = text_or_null(profile_term, profile, sizeof(profile));
    told.workers = pool_number(map, "workers");
    told.available = pool_number(map, "available");
    told.busy = pool_number(map, "busy");
    told.queue = single ? pool_number(map, "queued") : (double)NAN;
    told.requests = pool_number(map, "requests");
    told.errors = pool_number(map, "errors");
    told.timeouts = pool_number(map, "queue_timeouts");
    told.refused = pool_number(map, "pool_saturated");
    told.queue_limit = pool_number(answer->queue_limit, ".");
    told.dead = dead_of(answer->workers, pool, answer->pool_count == 1);
    snprintf(path, sizeof(path), "memory_recycles_by_pool/%s", name);
    told.recycled = pool_number(answer->lifecycle, path);
    if (answer->pool_count == 1) {
        told.sessions = pool_number(answer->sessions, "current_sessions");
    }
    pool_put(to, &told);
}

/* Sessions belong to none of several pools: they have a row of their own. */
static void
read_sessions(const struct answer *answer, struct pool_batch *to)
{
    struct pool_told told = pool_untold;
    told.source = source;
    told.name = "sessions";
    told.sessions = pool_number(answer->sessions, "current_sessions");
    if (answer->pool_count > 1 && !isnan(told.sessions)) {
        pool_put(to, &told);
    }
}

bool
snakepit_read(struct str term, int64_t wall_ns, struct pool_batch *to)
{
    struct str rest = term, tag, key, row;
    struct answer answer;
    struct pool_rows rows;
    char only[POOL_NAME_BYTES] = "default";
    int64_t more;
    if (!etf_tuple(&rest, 7) || !etf_skip(&rest, &tag) || !etf_is_atom(tag, "snakepit") ||
        !etf_skip(&rest, &answer.pools) || !etf_skip(&rest, &answer.lifecycle) ||
        !etf_skip(&rest, &answer.sessions) || !etf_skip(&rest, &answer.workers) ||
        !etf_skip(&rest, &answer.queue_limit) || !etf_integer(&rest, &more) ||
        !pool_rows_begin(answer.pools, ".", &rows)) {
        return false;
    }
    answer.pool_count = rows.left;
    while (pool_rows_next(&rows, &key, &row)) {
        struct str name;
        if (pool_path(row, "1", &name)) {
            etf_text(name, only, sizeof(only));
        }
        read_pool(&answer, row, to);
    }
    read_sessions(&answer, to);
    bool good = pool_rows_begin(answer.workers, ".", &rows);
    while (good && pool_rows_next(&rows, &key, &row)) {
        struct worker_term worker;
        if (worker_of(row, &worker)) {
            read_worker(&worker, answer.pools, only, wall_ns, to);
        }
    }
    workers_leave_out(to, more);
    return true;
}
