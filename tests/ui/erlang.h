/* An Erlang node by hand: the metrics and tables that view 4 shows, of a node that works, with two
 * pools, and with one process that cannot keep up. */
#ifndef FLAMETOP_TESTS_ERLANG_H
#define FLAMETOP_TESTS_ERLANG_H

#include <stdio.h>

#include "fake_picture.h"
#include "flametop/sources/beam_metrics.h"

#define ERLANG_NODE "shop@web-01"

static inline void
erlang_put(struct fake *fake, enum beam_metric metric, const char *labels, fake_curve *curve,
           double a, double b)
{
    char with[256];
    snprintf(with, sizeof(with), "node=" ERLANG_NODE "%s%s", labels[0] != '\0' ? "," : "", labels);
    fake_series(fake, beam_metrics[metric].name, with, curve, a, b);
}

static inline void
erlang_schedulers(struct fake *fake, int count)
{
    static const char *const kinds[] = {"normal", "dirty_cpu", "dirty_io"};
    for (int kind = 0; kind < 3; kind++) {
        for (int i = 0; i < count; i++) {
            char labels[96];
            double busy = kind == 0 ? 0.2 + 0.7 * ((i * 7) % count) / count : 0.02;
            snprintf(labels, sizeof(labels), "kind=%s,scheduler=%d", kinds[kind],
                     kind * count + i + 1);
            erlang_put(fake, BEAM_SCHEDULER_ACTIVE, labels, fake_counter, busy * 1e9, 5e12);
            erlang_put(fake, BEAM_SCHEDULER_TOTAL, labels, fake_counter, 1e9, 9e12);
        }
        char labels[32];
        snprintf(labels, sizeof(labels), "kind=%s", kinds[kind]);
        erlang_put(fake, BEAM_SCHEDULER_COUNT, labels, fake_constant, count, 0);
        erlang_put(fake, BEAM_RUN_QUEUE, labels, fake_constant, kind == 0 ? 3 : 0, 0);
        erlang_put(fake, BEAM_ACTIVE_TASKS, labels, fake_constant, kind == 0 ? 5 : 0, 0);
    }
}

static inline void
erlang_numbers(struct fake *fake)
{
    static const struct {
        enum beam_metric metric;
        const char *labels;
        fake_curve *curve;
        double a, b;
    } rows[] = {
        {BEAM_MEMORY, "kind=processes", fake_ramp, 210e6, 260e6},
        {BEAM_MEMORY, "kind=atom", fake_constant, 1.1e6, 0},
        {BEAM_MEMORY, "kind=binary", fake_wave, 44e6, 8e6},
        {BEAM_MEMORY, "kind=code", fake_constant, 31e6, 0},
        {BEAM_MEMORY, "kind=ets", fake_constant, 18e6, 0},
        {BEAM_MEMORY, "kind=other", fake_constant, 12e6, 0},
        {BEAM_CARRIERS, "allocator=eheap_alloc", fake_constant, 400e6, 0},
        {BEAM_BLOCKS, "allocator=eheap_alloc", fake_constant, 270e6, 0},
        {BEAM_PROCESSES, "", fake_wave, 12480, 300},
        {BEAM_PROCESSES_LIMIT, "", fake_constant, 262144, 0},
        {BEAM_PORTS, "", fake_constant, 214, 0},
        {BEAM_PORTS_LIMIT, "", fake_constant, 65536, 0},
        {BEAM_ATOMS, "", fake_constant, 38211, 0},
        {BEAM_ATOMS_LIMIT, "", fake_constant, 1048576, 0},
        {BEAM_ETS, "", fake_constant, 141, 0},
        {BEAM_ETS_LIMIT, "", fake_constant, 8192, 0},
        {BEAM_REDUCTIONS, "", fake_counter, 42.1e6, 1e9},
        {BEAM_SWITCHES, "", fake_counter, 81200, 0},
        {BEAM_GC, "", fake_counter, 1930, 0},
        {BEAM_GC_RECLAIMED, "", fake_counter, 96e6, 0},
        {BEAM_IO, "direction=receive", fake_counter, 2.1e6, 0},
        {BEAM_IO, "direction=transmit", fake_counter, 5.4e6, 0},
        {BEAM_MESSAGES, "", fake_ramp, 12, 48300},
        {BEAM_MESSAGES_MOST, "", fake_ramp, 3, 48211},
        {BEAM_PEERS, "", fake_constant, 2, 0},
        {BEAM_DISTRIBUTION_BUFFER, "", fake_constant, 4096, 0},
        {BEAM_UPTIME, "", fake_constant, 93000, 0},
        {BEAM_SCAN_DURATION, "", fake_constant, 0.0093, 0},
        {BEAM_SCAN_INTERVAL, "", fake_constant, 1, 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        erlang_put(fake, rows[i].metric, rows[i].labels, rows[i].curve, rows[i].a, rows[i].b);
    }
}

static inline void
erlang_processes(struct fake *fake)
{
    static const struct {
        const char *name, *status, *current, *initial, *application;
        double reductions, queue, growth, memory;
    } rows[] = {
        {"Shop.OrderWorker", "running", "Shop.Pricing.quote/3", "Shop.OrderWorker.init/1", "shop",
         18.2e6, 48211, 812, 61e6},
        {"Shop.Repo.Pool", "waiting", "gen_server:loop/7", "DBConnection.Connection.init/1",
         "db_connection", 2.1e6, 3, 0, 4.1e6},
        {"code_server", "waiting", "code_server:loop/1", "erlang:apply/2", "kernel", 1200, 0, NAN,
         9e6},
        {"Phoenix.Endpoint.Acceptor", "runnable", "prim_inet:accept0/3", "ranch_acceptor:loop/3",
         "ranch", 640e3, 0, 0, 21e3},
        {"logger", "waiting", "gen_server:loop/7", "logger_server:init/1", "kernel", 300, 1, 0,
         60e3},
        {"Shop.Cart (user 4711) with a name that is longer than the column", "waiting",
         "Shop.Cart.wait/1", "Shop.Cart.init/1", "shop", 90e3, 0, NAN, 1.1e6},
        {NULL, "suspended", NULL, NULL, NULL, NAN, NAN, NAN, NAN},
    };
    struct table *table = fake_table(fake, &beam_process_table);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char pid[24];
        union cell *row = table_add(table, &fake->picture->arena);
        snprintf(pid, sizeof(pid), "<0.%zu.0>", 100 + 11 * i);
        row[BEAM_PROCESS_KEY].integer = beam_process_key((uint32_t)(100 + 11 * i), 0);
        row[BEAM_PROCESS_PID].text = arena_text(&fake->picture->arena, pid, strlen(pid));
        row[BEAM_PROCESS_NAME].text = rows[i].name;
        row[BEAM_PROCESS_REDUCTIONS].real = rows[i].reductions;
        row[BEAM_PROCESS_QUEUE].real = rows[i].queue;
        row[BEAM_PROCESS_QUEUE_RATE].real = rows[i].growth;
        row[BEAM_PROCESS_MEMORY].real = rows[i].memory;
        row[BEAM_PROCESS_HEAP].real = rows[i].memory / 2;
        row[BEAM_PROCESS_STATUS].text = rows[i].status;
        row[BEAM_PROCESS_CURRENT].text = rows[i].current;
        row[BEAM_PROCESS_INITIAL].text = rows[i].initial;
        row[BEAM_PROCESS_APPLICATION].text = rows[i].application;
    }
    table->total = 12480;
}

static inline void
erlang_detail(struct fake *fake)
{
    static const struct {
        const char *kind, *text;
        double size;
    } rows[] = {
        {"stack", "Shop.Pricing.quote/3", NAN},
        {"stack", "Shop.OrderWorker.handle_cast/2", NAN},
        {"stack", "gen_server:try_handle_cast/3", NAN},
        {"stack", "gen_server:handle_msg/6", NAN},
        {"stack", "proc_lib:init_p_do_apply/3", NAN},
        {"link", "<0.88.0> Shop.Supervisor", NAN},
        {"monitors", "<0.111.0> Shop.Repo.Pool", NAN},
        {"monitored by", "<0.402.0>", NAN},
        {"dictionary", "$ancestors", 96},
        {"dictionary", "$initial_call", 48},
        {"dictionary", "rand_seed", 240},
    };
    struct table *table = fake_table(fake, &beam_detail_table);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        union cell *row = table_add(table, &fake->picture->arena);
        row[BEAM_DETAIL_KEY].integer = (int64_t)i + 1;
        row[BEAM_DETAIL_PROCESS].integer = beam_process_key(100, 0);
        row[BEAM_DETAIL_KIND].text = rows[i].kind;
        row[BEAM_DETAIL_TEXT].text = rows[i].text;
        row[BEAM_DETAIL_VALUE].real = rows[i].size;
    }
    table->total = table->count;
}

static inline void
erlang_pools(struct fake *fake)
{
    static const struct {
        const char *name, *profile;
        double workers, busy, queue, rate, errors, late;
    } pools[] = {
        {"default", "process", 8, 8, 120, 31.5, 0.004, 0.2},
        {"ml_inference", "thread", 4, 1, 0, 2.2, 0, 0},
    };
    struct arena *arena = &fake->picture->arena;
    struct table *table = fake_table(fake, &pool_table);
    for (size_t i = 0; i < ARRAY_SIZE(pools); i++) {
        char labels[96];
        snprintf(labels, sizeof(labels), "node=" ERLANG_NODE ",pool=%s,status=busy", pools[i].name);
        fake_series(fake, "pool.worker.count", labels, fake_constant, pools[i].busy, 0);
        snprintf(labels, sizeof(labels), "node=" ERLANG_NODE ",pool=%s,status=available",
                 pools[i].name);
        fake_series(fake, "pool.worker.count", labels, fake_constant,
                    pools[i].workers - pools[i].busy, 0);
        union cell *row = table_add(table, arena);
        row[POOL_KEY].text = row[POOL_NAME].text = pools[i].name;
        row[POOL_SOURCE].text = "snakepit";
        row[POOL_PROFILE].text = pools[i].profile;
        row[POOL_TOTAL].real = pools[i].workers;
        row[POOL_BUSY].real = pools[i].busy;
        row[POOL_SHARE].real = pools[i].busy / pools[i].workers;
        row[POOL_DEPTH].real = pools[i].queue;
        row[POOL_DEPTH_LIMIT].real = 1000;
        row[POOL_RATE].real = pools[i].rate;
        row[POOL_ERROR_SHARE].real = pools[i].errors;
        row[POOL_TIMEOUT_RATE].real = pools[i].late;
        row[POOL_REFUSED_RATE].real = 0;
        row[POOL_DEAD].real = 0;
    }
    table->total = table->count;
    table = fake_table(fake, &worker_table);
    for (int i = 0; i < 12; i++) {
        char id[32];
        union cell *row = table_add(table, arena);
        snprintf(id, sizeof(id), "pool_worker_%d_%d", i + 1, 4100 + 37 * i);
        row[WORKER_KEY].text = row[WORKER_ID].text = arena_text(arena, id, strlen(id));
        row[WORKER_POOL].text = pools[i < 8 ? 0 : 1].name;
        row[WORKER_PROFILE].text = pools[i < 8 ? 0 : 1].profile;
        row[WORKER_STATUS].text = i < 9 ? "busy" : "available";
        row[WORKER_LOAD].real = i < 9 ? 1 : 0;
        row[WORKER_SLOTS].real = i < 8 ? 1 : 16;
        row[WORKER_RATE].real = i * 0.7;
        row[WORKER_PID].integer = 20000 + i;
        row[WORKER_CPU].real = i < 9 ? 0.4 + i * 0.05 : 0.01;
        row[WORKER_MEMORY].real = 120e6 + i * 7e6;
        row[WORKER_AGE].real = 4000 + i * 100;
    }
    table->total = table->count;
}

static inline void
erlang_supervisors(struct fake *fake)
{
    static const struct {
        int64_t key, parent;
        const char *name, *pid, *type, *status;
        double children;
    } rows[] = {
        {5, 0, "shop", "<0.87.0>", "application", "running", 1},
        {6, 5, "Shop.Supervisor", "<0.88.0>", "supervisor", "running", 3},
        {7, 6, "Shop.OrderWorker", "<0.100.0>", "worker", "running", NAN},
        {8, 6, "Shop.Carts", "<0.90.0>", "supervisor", "running", 2},
        {9, 8, "Shop.Cart 4711", "<0.155.0>", "worker", "running", NAN},
        {-1, 8, "Shop.Cart 4712", NULL, "worker", "restarting", NAN},
        {10, 6, "Shop.Repo", "<0.111.0>", "worker", "running", NAN},
    };
    struct table *table = fake_table(fake, &beam_supervisor_table);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        union cell *row = table_add(table, &fake->picture->arena);
        row[BEAM_SUPERVISOR_KEY].integer = rows[i].key;
        row[BEAM_SUPERVISOR_PARENT].integer = rows[i].parent;
        row[BEAM_SUPERVISOR_NAME].text = rows[i].name;
        row[BEAM_SUPERVISOR_PID].text = rows[i].pid;
        row[BEAM_SUPERVISOR_TYPE].text = rows[i].type;
        row[BEAM_SUPERVISOR_STATUS].text = rows[i].status;
        row[BEAM_SUPERVISOR_CHILDREN].real = rows[i].children;
    }
    table->total = table->count;
}

static inline void
erlang_applications(struct fake *fake)
{
    static const struct {
        const char *name, *version, *text;
        double processes, reductions, heap, queue;
    } rows[] = {
        {"shop", "0.4.1", "The shop", 11800, 19e6, 180e6, 48211},
        {"kernel", "8.5.3", "ERTS  CXC 138 10", 71, 1500, 9e6, 1},
        {"ranch", "1.8.0", "Socket acceptor pool for TCP protocols.", 210, 640e3, 4e6, 0},
    };
    struct table *table = fake_table(fake, &beam_application_table);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        union cell *row = table_add(table, &fake->picture->arena);
        row[BEAM_APPLICATION_NAME].text = rows[i].name;
        row[BEAM_APPLICATION_VERSION].text = rows[i].version;
        row[BEAM_APPLICATION_TEXT].text = rows[i].text;
        row[BEAM_APPLICATION_PROCESSES].real = rows[i].processes;
        row[BEAM_APPLICATION_REDUCTIONS].real = rows[i].reductions;
        row[BEAM_APPLICATION_HEAP].real = rows[i].heap;
        row[BEAM_APPLICATION_QUEUE].real = rows[i].queue;
    }
    table->total = table->count;
}

static inline void
erlang_node(struct fake *fake)
{
    struct table *table = fake_table(fake, &beam_node_table);
    union cell *row = table_add(table, &fake->picture->arena);
    row[BEAM_NODE_NAME].text = ERLANG_NODE;
    row[BEAM_NODE_RELEASE].text = "25";
    row[BEAM_NODE_ERTS].text = "13.1.5";
    row[BEAM_NODE_FLAVOR].text = "jit";
    row[BEAM_NODE_LANGUAGE].text = "Elixir 1.14.0";
    row[BEAM_NODE_OS_PID].integer = 812;
    row[BEAM_NODE_SCHEDULERS].integer = 4;
    row[BEAM_NODE_UPTIME].real = 93000;
    row[BEAM_NODE_LOCAL].integer = 1;
    table->total = 1;
}

/* All of it; `schedulers` normal ones, and as many of the others. */
static inline void
erlang_init(struct fake *fake, int schedulers)
{
    fake_init(fake);
    fake_metrics(fake, beam_metrics, BEAM_METRIC_COUNT);
    fake_metrics(fake, pool_metrics, POOL_METRIC_COUNT);
    fake->picture->number = 100;
    fake->picture->host = (struct host){.name = ERLANG_NODE,
                                        .system = "OTP 25",
                                        .kernel = "",
                                        .virtualization = "",
                                        .uptime_s = 93000};
    erlang_schedulers(fake, schedulers);
    erlang_numbers(fake);
    erlang_node(fake);
    erlang_processes(fake);
    erlang_detail(fake);
    erlang_pools(fake);
    erlang_applications(fake);
    erlang_supervisors(fake);
}

#endif
