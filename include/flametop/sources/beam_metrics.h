/* What is told of an Erlang or Elixir node: its metrics and tables, for the link that fills them
 * (sources/beam.c), for views and judges.
 *
 * Every series has the label `node`, the node's own name ("rabbit@web-01"), first. Rows of tables
 * belong to the one node of their picture. What the node did not tell is left unset (NaN,
 * CELL_UNKNOWN, NULL), never 0. Texts come from outside: utf8_clean them before they are put.
 *
 * Names of processes, modules and functions are written as their language does ("MyApp.Repo.all/2",
 * "gen_server:loop/7"). */
#ifndef FLAMETOP_SOURCES_BEAM_METRICS_H
#define FLAMETOP_SOURCES_BEAM_METRICS_H

#include <stdint.h>

#include "flametop/core/metric.h"
#include "flametop/core/table.h"

/* Rows of beam_metrics. Kept in one order with the table in beam_metrics.c. */
enum beam_metric {
    /* ---- stored: what a batch puts, "labels" after the node ---- */

    /* kind=normal|dirty_cpu|dirty_io, scheduler=ID as the node counts them (1..). Counters as
     * statistics(scheduler_wall_time_all) has them: {Id, Active, Total}, in ticks of the node. */
    BEAM_SCHEDULER_ACTIVE,
    BEAM_SCHEDULER_TOTAL,
    /* kind: how many are online. */
    BEAM_SCHEDULER_COUNT,
    /* kind: processes (and ports) that are ready and wait. The last two of
     * statistics(run_queue_lengths_all) are the dirty ones, the others the normal schedulers'. */
    BEAM_RUN_QUEUE,
    /* kind: running and waiting, statistics(active_tasks_all), the same shape. */
    BEAM_ACTIVE_TASKS,
    /* kind=processes|atom|binary|code|ets|other, By; other is system less the four after processes,
     * so that the sum is what erlang:memory(total) says. */
    BEAM_MEMORY,
    /* allocator=binary_alloc...: By taken from the system, and By of it in blocks that are in
     * use. */
    BEAM_CARRIERS,
    BEAM_BLOCKS,
    /* Counts and limits, of system_info. */
    BEAM_PROCESSES,
    BEAM_PROCESSES_LIMIT,
    BEAM_PORTS,
    BEAM_PORTS_LIMIT,
    BEAM_ATOMS,
    BEAM_ATOMS_LIMIT,
    BEAM_ETS,
    BEAM_ETS_LIMIT,
    /* Counters, the totals since the node started. Reclaimed: words times the word's bytes. */
    BEAM_REDUCTIONS,
    BEAM_SWITCHES,
    BEAM_GC,
    BEAM_GC_RECLAIMED,
    /* direction=receive|transmit: bytes through ports, statistics(io). */
    BEAM_IO,
    /* Messages in the queues of all processes, and in the longest one. */
    BEAM_MESSAGES,
    BEAM_MESSAGES_MOST,
    /* Connected nodes (ours is not counted); By that wait to be sent to them, in all and to the one
     * with the most; and the By at which a sender is held (dist_buf_busy_limit). */
    BEAM_PEERS,
    BEAM_DISTRIBUTION_BUFFER,
    BEAM_DISTRIBUTION_BUFFER_MOST,
    BEAM_DISTRIBUTION_BUFFER_LIMIT,
    BEAM_UPTIME, /* s */
    BEAM_OS_PID, /* of the node's operating system process, os:getpid() */
    /* Of our own collecting: time the node spent on the last scan (s), the real time between scans
     * (s), and from a request to its answer (s). */
    BEAM_SCAN_DURATION,
    BEAM_SCAN_INTERVAL,
    BEAM_SCAN_ROUND,
    BEAM_ROUND_TRIP,

    /* ---- derived ---- */
    BEAM_SCHEDULER_UTILIZATION,
    BEAM_DIRTY_CPU_UTILIZATION,
    BEAM_DIRTY_IO_UTILIZATION,
    BEAM_CARRIERS_UTILIZATION,
    BEAM_PROCESSES_UTILIZATION,
    BEAM_PORTS_UTILIZATION,
    BEAM_ATOMS_UTILIZATION,
    BEAM_ETS_UTILIZATION,
    BEAM_GC_RATE,
    BEAM_DISTRIBUTION_UTILIZATION,
    BEAM_SCAN_SHARE,
    BEAM_METRIC_COUNT
};
extern const struct metric beam_metrics[BEAM_METRIC_COUNT];

/* Rows of pool_metrics; filled by pool.c from the terms that the link brings. */
enum pool_metric {
    /* pool, status=busy|available|dead|unknown */
    POOL_WORKERS,
    /* pool; what waits now, and how much may */
    POOL_QUEUE_DEPTH,
    POOL_QUEUE_LIMIT,
    /* pool; counters */
    POOL_REQUESTS,
    POOL_ERRORS,
    POOL_TIMEOUTS,
    POOL_SATURATED,
    POOL_RECYCLED,
    /* pool */
    POOL_SESSIONS,
    /* pool worker_id worker_type adapter_type profile */
    WORKER_ACTIVE,
    WORKER_CAPACITY,
    WORKER_QUEUE_DEPTH,
    WORKER_REQUESTS,

    POOL_THROUGHPUT,
    POOL_UTILIZATION,
    POOL_ERROR_RATE,
    WORKER_UTILIZATION,
    POOL_METRIC_COUNT
};
extern const struct metric pool_metrics[POOL_METRIC_COUNT];

/* The node itself, one row. */
enum beam_node_column {
    BEAM_NODE_NAME,       /* text, the key: "rabbit@web-01" */
    BEAM_NODE_RELEASE,    /* text: system_info(otp_release), "25" */
    BEAM_NODE_ERTS,       /* text: system_info(version), "13.1.5" */
    BEAM_NODE_FLAVOR,     /* text: "jit" or "emu"; NULL before OTP 24 */
    BEAM_NODE_LANGUAGE,   /* text: "Elixir 1.14.0" where it is loaded, else "Erlang" */
    BEAM_NODE_OS_PID,     /* integer */
    BEAM_NODE_SCHEDULERS, /* integer: normal ones online */
    BEAM_NODE_UPTIME,     /* real, s */
    BEAM_NODE_LOCAL,      /* integer: 1 when it runs on this machine, else 0 */
    BEAM_NODE_MODE,       /* text: how it is read: "collector", "plain calls" */
    BEAM_NODE_COLUMNS
};
extern const struct table_def beam_node_table; /* "beam.nodes" */

/* Processes: the top ones of the newest scan by each rank column; table.total is how many there
 * are. */
enum beam_process_column {
    BEAM_PROCESS_KEY,         /* integer: beam_process_key */
    BEAM_PROCESS_PID,         /* text: "<0.123.0>", as the node itself writes it */
    BEAM_PROCESS_NAME,        /* text: registered name, else label, else initial call */
    BEAM_PROCESS_REDUCTIONS,  /* real, {reduction}/s, since the scan before */
    BEAM_PROCESS_QUEUE,       /* real: message_queue_len */
    BEAM_PROCESS_QUEUE_RATE,  /* real, {message}/s: by how much the queue grew since the scan
                                 before; NaN when it was not seen then */
    BEAM_PROCESS_MEMORY,      /* real, By: process_info(memory); NaN where it was not asked */
    BEAM_PROCESS_HEAP,        /* real, By: heap_size times the word's bytes */
    BEAM_PROCESS_STATUS,      /* text: "running", "runnable", "waiting", ... */
    BEAM_PROCESS_CURRENT,     /* text: current function */
    BEAM_PROCESS_INITIAL,     /* text: initial call (proc_lib:translate_initial_call) */
    BEAM_PROCESS_APPLICATION, /* text: whose group leader it has */
    BEAM_PROCESS_COLUMNS
};
extern const struct table_def beam_process_table; /* "beam.processes" */

/* Everything known of the one process whose drawer is open (interest.node_process), in the order in
 * which it is to be read. One row a line of text. */
enum beam_detail_column {
    BEAM_DETAIL_KEY,     /* integer: the row's number from 1 */
    BEAM_DETAIL_PROCESS, /* integer: beam_process_key of whom it is */
    BEAM_DETAIL_KIND,    /* text: "stack", "link", "monitors", "monitored by", "ancestor",
                            "dictionary", "memory"; rows of a kind lie together */
    BEAM_DETAIL_TEXT,    /* text: "gen_server:loop/7", "<0.12.0> rabbit_sup", "$initial_call" */
    BEAM_DETAIL_VALUE,   /* real: By of dictionary and memory; NaN: none */
    BEAM_DETAIL_COLUMNS
};
extern const struct table_def beam_detail_table; /* "beam.process.detail" */

/* Filled while in view (interest.node_tables), else seldom or never. */
enum beam_ets_column {
    BEAM_ETS_KEY,        /* text: name, or the reference as the node writes it */
    BEAM_ETS_NAME,       /* text */
    BEAM_ETS_OBJECTS,    /* real */
    BEAM_ETS_MEMORY,     /* real, By */
    BEAM_ETS_TYPE,       /* text: "set", "ordered_set", "bag", "duplicate_bag" */
    BEAM_ETS_PROTECTION, /* text: "public", "protected", "private" */
    BEAM_ETS_OWNER,      /* text: name or pid of the owner */
    BEAM_ETS_COLUMNS
};
extern const struct table_def beam_ets_table; /* "beam.ets" */

enum beam_port_column {
    BEAM_PORT_KEY,     /* text: "#Port<0.5>" */
    BEAM_PORT_NAME,    /* text: "tcp_inet", a command */
    BEAM_PORT_ADDRESS, /* text: "127.0.0.1:5672 - 10.0.0.7:41822"; NULL: no socket */
    BEAM_PORT_OWNER,   /* text: name or pid of who is connected */
    BEAM_PORT_IN,      /* real, By/s, since the reading before */
    BEAM_PORT_OUT,     /* real, By/s */
    BEAM_PORT_QUEUE,   /* real, By that wait to be written */
    BEAM_PORT_MEMORY,  /* real, By */
    BEAM_PORT_COLUMNS
};
extern const struct table_def beam_port_table; /* "beam.ports" */

enum beam_application_column {
    BEAM_APPLICATION_NAME,       /* text, the key */
    BEAM_APPLICATION_VERSION,    /* text */
    BEAM_APPLICATION_PROCESSES,  /* real: by their group leader */
    BEAM_APPLICATION_REDUCTIONS, /* real, {reduction}/s, sum */
    BEAM_APPLICATION_HEAP,       /* real, By, sum */
    BEAM_APPLICATION_QUEUE,      /* real: messages in their queues, sum */
    BEAM_APPLICATION_TEXT,       /* text: its description */
    BEAM_APPLICATION_COLUMNS
};
extern const struct table_def beam_application_table; /* "beam.applications" */

enum beam_peer_column {
    BEAM_PEER_NAME,   /* text, the key: the other node */
    BEAM_PEER_TYPE,   /* text: "visible", "hidden" */
    BEAM_PEER_STATE,  /* text: "up", "pending", ... */
    BEAM_PEER_BUFFER, /* real, By that wait to be sent (the port's queue and its own) */
    BEAM_PEER_IN,     /* real, By/s; where only packets are known of it: NaN */
    BEAM_PEER_OUT,    /* real, By/s */
    BEAM_PEER_COLUMNS
};
extern const struct table_def beam_peer_table; /* "beam.peers" */

/* The supervision tree, parents before their children. */
enum beam_supervisor_column {
    BEAM_SUPERVISOR_KEY,      /* integer: beam_process_key, the row's number below 0 where there is
                                 no process */
    BEAM_SUPERVISOR_PARENT,   /* integer: the key of its parent; 0: the top of an application */
    BEAM_SUPERVISOR_NAME,     /* text: id of the child, or its name */
    BEAM_SUPERVISOR_PID,      /* text; NULL: not running */
    BEAM_SUPERVISOR_TYPE,     /* text: "application", "supervisor", "worker" */
    BEAM_SUPERVISOR_CHILDREN, /* real: active ones; NaN of workers */
    BEAM_SUPERVISOR_STATUS,   /* text: "running", "restarting", "undefined" */
    BEAM_SUPERVISOR_COLUMNS
};
extern const struct table_def beam_supervisor_table; /* "beam.supervisors" */

enum pool_column {
    POOL_KEY,           /* text: source and name, "snakepit default" */
    POOL_NAME,          /* text */
    POOL_SOURCE,        /* text: "snakepit", or the name it has in the configuration */
    POOL_PROFILE,       /* text: "process", "thread"; NULL */
    POOL_TOTAL,         /* real: workers */
    POOL_BUSY,          /* real */
    POOL_SHARE,         /* real, 1: busy of the workers that live */
    POOL_DEPTH,         /* real: requests that wait */
    POOL_DEPTH_LIMIT,   /* real: how many may */
    POOL_RATE,          /* real, {request}/s */
    POOL_ERROR_SHARE,   /* real, 1: of the requests since the reading before */
    POOL_TIMEOUT_RATE,  /* real, {timeout}/s */
    POOL_REFUSED_RATE,  /* real, {request}/s: refused because all was busy and the queue full */
    POOL_SESSION_COUNT, /* real */
    POOL_DEAD,          /* real: workers that are gone and still listed */
    POOL_COLUMNS
};
extern const struct table_def pool_table; /* "pools" */

enum worker_column {
    WORKER_KEY,     /* text: source, pool and worker */
    WORKER_ID,      /* text */
    WORKER_POOL,    /* text */
    WORKER_TYPE,    /* text: its module; NULL */
    WORKER_ADAPTER, /* text: the adapter's module; NULL */
    WORKER_PROFILE, /* text: "process", "thread"; NULL */
    WORKER_STATUS,  /* text: "busy", "available", "dead", ... */
    WORKER_LOAD,    /* real: requests it works on */
    WORKER_SLOTS,   /* real: how many it may */
    WORKER_RATE,    /* real, {request}/s */
    WORKER_PID,     /* integer: of its operating system process */
    WORKER_CPU,     /* real, 1: of a core; where the node is on this machine */
    WORKER_MEMORY,  /* real, By: resident */
    WORKER_AGE,     /* real, s */
    WORKER_COLUMNS
};
extern const struct table_def worker_table; /* "workers" */

/* What a batch of the link can hold, for link_source.tables, reading files and the manual. */
#define BEAM_TABLES 10
extern const struct table_def *const beam_tables[BEAM_TABLES];

/* The numbers of a pid ("<0.NUMBER.SERIAL>") as one key that a double holds exactly; never 0. */
static inline int64_t
beam_process_key(uint32_t number, uint32_t serial)
{
    return ((int64_t)(serial & 0x1ffff) << 32 | number) + 1;
}

#endif
