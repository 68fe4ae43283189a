/* The metrics and tables of an Erlang node, and of pools of workers. Rows only: what fills them is
 * said in the header. */
#include "flametop/sources/beam_metrics.h"

#include "flametop/base/macros.h"

#define NODE_GAUGE(name_, unit_, text_)                                                            \
    {                                                                                              \
        .name = "beam." name_, .unit = (unit_), .labels = "node", .text = (text_)                  \
    }
#define NODE_COUNTER(name_, unit_, text_)                                                          \
    {                                                                                              \
        .name = "beam." name_, .unit = (unit_), .labels = "node", .kind = METRIC_COUNTER,          \
        .text = (text_)                                                                            \
    }
/* A share of a limit. What ends the node when it is reached warns earlier. */
#define NODE_SHARE(name_, used_, limit_, warning_, critical_, text_)                               \
    {                                                                                              \
        .name = "beam." name_, .unit = "1", .labels = "node",                                      \
        .formula = "beam." used_ " / beam." limit_, .better = BETTER_LOWER, .fold = FOLD_MAX,      \
        .warning = (warning_), .critical = (critical_), .text = (text_)                            \
    }
#define SCHEDULERS(name_, kind_, warning_, critical_, text_)                                       \
    {                                                                                              \
        .name = "beam.scheduler." name_, .unit = "1", .labels = "node scheduler",                  \
        .formula = "beam.scheduler.active{kind=" kind_ "} / beam.scheduler.total{kind=" kind_ "}", \
        .better = BETTER_LOWER, .fold = FOLD_FORMULA, .warning = (warning_),                       \
        .critical = (critical_), .text = (text_)                                                   \
    }

const struct metric beam_metrics[BEAM_METRIC_COUNT] = {
    [BEAM_SCHEDULER_ACTIVE] =
        {.name = "beam.scheduler.active",
         .unit = "{tick}",
         .labels = "node kind scheduler",
         .kind = METRIC_COUNTER,
         .text = "Time a scheduler was busy, in ticks of the node: normal, dirty_cpu, dirty_io."},
    [BEAM_SCHEDULER_TOTAL] = {.name = "beam.scheduler.total",
                              .unit = "{tick}",
                              .labels = "node kind scheduler",
                              .kind = METRIC_COUNTER,
                              .text = "Time that passed for a scheduler, in the same ticks."},
    [BEAM_SCHEDULER_COUNT] = {.name = "beam.scheduler.count",
                              .unit = "{scheduler}",
                              .labels = "node kind",
                              .text = "Schedulers online."},
    [BEAM_RUN_QUEUE] =
        {.name = "beam.run_queue",
         .unit = "{process}",
         .labels = "node kind",
         .better = BETTER_LOWER,
         .text = "Erlang processes and ports that are ready to run and wait for a scheduler."},
    [BEAM_ACTIVE_TASKS] = {.name = "beam.active_tasks",
                           .unit = "{process}",
                           .labels = "node kind",
                           .text = "Erlang processes and ports that run or wait to run."},
    [BEAM_MEMORY] = {.name = "beam.memory.usage",
                     .unit = "By",
                     .labels = "node kind",
                     .better = BETTER_LOWER,
                     .text = "Memory the node has given out: to processes, atoms, binaries, code, "
                             "ETS tables, and other."},
    [BEAM_CARRIERS] = {.name = "beam.memory.carriers",
                       .unit = "By",
                       .labels = "node allocator",
                       .text = "Memory the node's allocators have taken from the system."},
    [BEAM_BLOCKS] = {.name = "beam.memory.blocks",
                     .unit = "By",
                     .labels = "node allocator",
                     .text = "Memory of the carriers that is in use."},
    [BEAM_PROCESSES] = NODE_GAUGE("process.count", "{process}", "Erlang processes."),
    [BEAM_PROCESSES_LIMIT] =
        NODE_GAUGE("process.limit", "{process}", "Erlang processes there may be (erl +P)."),
    [BEAM_PORTS] = NODE_GAUGE("port.count", "{port}", "Open ports: files, sockets, programs."),
    [BEAM_PORTS_LIMIT] = NODE_GAUGE("port.limit", "{port}", "Ports that may be open (erl +Q)."),
    [BEAM_ATOMS] = NODE_GAUGE("atom.count", "{atom}", "Atoms. They are never freed."),
    [BEAM_ATOMS_LIMIT] = NODE_GAUGE("atom.limit", "{atom}",
                                    "Atoms there may be (erl +t); at this number the node ends."),
    [BEAM_ETS] = NODE_GAUGE("ets.count", "{table}", "ETS tables."),
    [BEAM_ETS_LIMIT] =
        NODE_GAUGE("ets.limit", "{table}", "ETS tables the node is made for (erl +e)."),
    [BEAM_REDUCTIONS] = NODE_COUNTER("reductions", "{reduction}",
                                     "Work done by all processes: about one a function call."),
    [BEAM_SWITCHES] =
        NODE_COUNTER("context_switches", "{switch}", "Changes from one Erlang process to another."),
    [BEAM_GC] = NODE_COUNTER("gc.count", "{collection}", "Garbage collections of processes."),
    [BEAM_GC_RECLAIMED] =
        NODE_COUNTER("gc.reclaimed", "By", "Memory that garbage collections freed."),
    [BEAM_IO] = {.name = "beam.io",
                 .unit = "By",
                 .labels = "node direction",
                 .kind = METRIC_COUNTER,
                 .text = "Bytes through the node's ports: receive, transmit."},
    [BEAM_MESSAGES] = {.name = "beam.message_queue.length",
                       .unit = "{message}",
                       .labels = "node",
                       .better = BETTER_LOWER,
                       .text = "Messages that wait in the queues of all processes."},
    [BEAM_MESSAGES_MOST] = {.name = "beam.message_queue.max",
                            .unit = "{message}",
                            .labels = "node",
                            .better = BETTER_LOWER,
                            .fold = FOLD_MAX,
                            .text = "Messages in the longest queue of one process."},
    [BEAM_PEERS] = NODE_GAUGE("distribution.peers", "{node}", "Other nodes it is connected to."),
    [BEAM_DISTRIBUTION_BUFFER] =
        NODE_GAUGE("distribution.buffer", "By", "Bytes that wait to be sent to other nodes."),
    [BEAM_DISTRIBUTION_BUFFER_MOST] =
        {.name = "beam.distribution.buffer.max",
         .unit = "By",
         .labels = "node",
         .better = BETTER_LOWER,
         .fold = FOLD_MAX,
         .text = "Bytes that wait to be sent to the other node with the most of them."},
    [BEAM_DISTRIBUTION_BUFFER_LIMIT] =
        {.name = "beam.distribution.buffer.limit",
         .unit = "By",
         .labels = "node",
         .fold = FOLD_MIN,
         .text = "Bytes to one node at which those who send to it are held (erl +zdbbl)."},
    [BEAM_UPTIME] = NODE_GAUGE("uptime", "s", "Time since the node started."),
    [BEAM_OS_PID] = {.name = "beam.os_process",
                     .unit = "",
                     .labels = "node",
                     .fold = FOLD_MAX,
                     .text = "Process id of the node in its operating system."},
    [BEAM_SCAN_DURATION] = {.name = "beam.scan.duration",
                            .unit = "s",
                            .labels = "node",
                            .fold = FOLD_MAX,
                            .better = BETTER_LOWER,
                            .text = "Time the node spent on listing its processes for flametop."},
    [BEAM_SCAN_INTERVAL] = {.name = "beam.scan.interval",
                            .unit = "s",
                            .labels = "node",
                            .fold = FOLD_MAX,
                            .text = "Time between two of these lists: the more processes, the "
                                    "longer."},
    [BEAM_SCAN_ROUND] = {.name = "beam.scan.round",
                         .unit = "s",
                         .labels = "node",
                         .fold = FOLD_MAX,
                         .better = BETTER_LOWER,
                         .text = "Time in which each process is visited: a list visits the first "
                                 "of the lists before and 25,000 of the others, in turn."},
    [BEAM_ROUND_TRIP] = {.name = "beam.round_trip",
                         .unit = "s",
                         .labels = "node",
                         .fold = FOLD_MAX,
                         .better = BETTER_LOWER,
                         .text = "Time from a question to the node to its answer."},
    [BEAM_SCHEDULER_UTILIZATION] = SCHEDULERS("utilization", "normal", 0.85, 0.97,
                                              "Share of the time the normal schedulers were busy."),
    [BEAM_DIRTY_CPU_UTILIZATION] =
        SCHEDULERS("dirty_cpu.utilization", "dirty_cpu", 0.85, 0.97,
                   "Share of the time the dirty CPU schedulers were busy: long native code."),
    [BEAM_DIRTY_IO_UTILIZATION] =
        SCHEDULERS("dirty_io.utilization", "dirty_io", 0.85, 0.97,
                   "Share of the time the dirty I/O schedulers were busy: native code that waits."),
    [BEAM_CARRIERS_UTILIZATION] =
        {.name = "beam.memory.carriers.utilization",
         .unit = "1",
         .labels = "node allocator",
         .formula = "beam.memory.blocks / beam.memory.carriers",
         .better = BETTER_HIGHER,
         .fold = FOLD_FORMULA,
         .text = "Share of the memory taken from the system that is in use; the rest is "
                 "fragmentation."},
    [BEAM_PROCESSES_UTILIZATION] =
        NODE_SHARE("process.utilization", "process.count", "process.limit", 0.8, 0.95,
                   "Erlang processes as a share of the limit."),
    [BEAM_PORTS_UTILIZATION] = NODE_SHARE("port.utilization", "port.count", "port.limit", 0.8, 0.95,
                                          "Open ports as a share of the limit."),
    [BEAM_ATOMS_UTILIZATION] = NODE_SHARE("atom.utilization", "atom.count", "atom.limit", 0.7, 0.9,
                                          "Atoms as a share of the limit."),
    [BEAM_ETS_UTILIZATION] = NODE_SHARE("ets.utilization", "ets.count", "ets.limit", 0.8, 0.95,
                                        "ETS tables as a share of what the node is made for."),
    [BEAM_GC_RATE] = {.name = "beam.gc.rate",
                      .unit = "{collection}/s",
                      .labels = "node",
                      .formula = "beam.gc.count",
                      .fold = FOLD_FORMULA,
                      .text = "Garbage collections a second."},
    [BEAM_DISTRIBUTION_UTILIZATION] = NODE_SHARE(
        "distribution.buffer.utilization", "distribution.buffer.max", "distribution.buffer.limit",
        0.5, 1, "The fullest buffer to another node, as a share of where senders are held."),
    [BEAM_SCAN_SHARE] = {.name = "beam.scan.utilization",
                         .unit = "1",
                         .labels = "node",
                         .formula = "beam.scan.duration / beam.scan.interval",
                         .fold = FOLD_MAX,
                         .better = BETTER_LOWER,
                         .text = "Share of one scheduler that flametop's lists of processes take."},
};

#define POOL_GAUGE(name_, unit_, text_)                                                            \
    {                                                                                              \
        .name = "pool." name_, .unit = (unit_), .labels = "node pool", .text = (text_)             \
    }
#define POOL_COUNTER(name_, unit_, better_, text_)                                                 \
    {                                                                                              \
        .name = "pool." name_, .unit = (unit_), .labels = "node pool", .kind = METRIC_COUNTER,     \
        .better = (better_), .text = (text_)                                                       \
    }
#define WORKER_LABELS "node pool worker_id worker_type adapter_type profile"

const struct metric pool_metrics[POOL_METRIC_COUNT] = {
    [POOL_WORKERS] = {.name = "pool.worker.count",
                      .unit = "{worker}",
                      .labels = "node pool status",
                      .text = "Workers of a pool: busy, available, dead, unknown."},
    [POOL_QUEUE_DEPTH] = {.name = "pool.queue_depth",
                          .unit = "{request}",
                          .labels = "node pool",
                          .better = BETTER_LOWER,
                          .text = "Requests that wait for a worker."},
    [POOL_QUEUE_LIMIT] = POOL_GAUGE("queue_limit", "{request}", "Requests that may wait."),
    [POOL_REQUESTS] =
        POOL_COUNTER("requests", "{request}", BETTER_NEITHER, "Requests a pool was given."),
    [POOL_ERRORS] = POOL_COUNTER("errors", "{request}", BETTER_LOWER, "Requests that failed."),
    [POOL_TIMEOUTS] = POOL_COUNTER("timeouts", "{request}", BETTER_LOWER,
                                   "Requests that waited too long for a worker."),
    [POOL_SATURATED] = POOL_COUNTER("refused", "{request}", BETTER_LOWER,
                                    "Requests refused because all workers were busy and the queue "
                                    "was full."),
    [POOL_RECYCLED] = POOL_COUNTER("worker.recycled", "{worker}", BETTER_NEITHER,
                                   "Workers replaced because they had grown too large."),
    [POOL_SESSIONS] = POOL_GAUGE("session.count", "{session}", "Open sessions."),
    [WORKER_ACTIVE] = {.name = "worker.active_requests",
                       .unit = "{request}",
                       .labels = WORKER_LABELS,
                       .text = "Requests a worker works on."},
    [WORKER_CAPACITY] = {.name = "worker.capacity",
                         .unit = "{request}",
                         .labels = WORKER_LABELS,
                         .text = "Requests a worker can work on at once."},
    [WORKER_QUEUE_DEPTH] = {.name = "worker.queue_depth",
                            .unit = "{request}",
                            .labels = WORKER_LABELS,
                            .better = BETTER_LOWER,
                            .text = "Requests that wait for this worker."},
    [WORKER_REQUESTS] = {.name = "worker.requests",
                         .unit = "{request}",
                         .labels = WORKER_LABELS,
                         .kind = METRIC_COUNTER,
                         .text = "Requests a worker was given."},
    [POOL_THROUGHPUT] = {.name = "pool.throughput",
                         .unit = "{request}/s",
                         .labels = "node pool",
                         .formula = "pool.requests",
                         .better = BETTER_HIGHER,
                         .fold = FOLD_FORMULA,
                         .text = "Requests a second."},
    [POOL_UTILIZATION] = {.name = "pool.capacity.utilization",
                          .unit = "1",
                          .labels = "node pool",
                          .formula = "pool.worker.count{status=busy} / "
                                     "pool.worker.count{status=busy|available}",
                          .better = BETTER_LOWER,
                          .fold = FOLD_FORMULA,
                          .warning = 0.85,
                          .critical = 0.99,
                          .text = "Share of a pool's living workers that are busy."},
    [POOL_ERROR_RATE] = {.name = "pool.error_rate",
                         .unit = "1",
                         .labels = "node pool",
                         .formula = "pool.errors / pool.requests",
                         .better = BETTER_LOWER,
                         .fold = FOLD_FORMULA,
                         .warning = 0.05,
                         .critical = 0.25,
                         .text = "Share of a pool's requests that failed."},
    [WORKER_UTILIZATION] = {.name = "worker.utilization",
                            .unit = "1",
                            .labels = WORKER_LABELS,
                            .formula = "worker.active_requests / worker.capacity",
                            .better = BETTER_LOWER,
                            .fold = FOLD_FORMULA,
                            .warning = 0.85,
                            .critical = 1,
                            .text = "Requests a worker works on as a share of what it can."},
};

/* clang-format off */
static const struct column node_columns[BEAM_NODE_COLUMNS] = {
    [BEAM_NODE_NAME] = {"beam.node", "NODE", "", "Name of the node.", COLUMN_TEXT, COLUMN_KEY | COLUMN_KEEP, 24},
    [BEAM_NODE_RELEASE] = {"beam.node.release", "OTP", "", "Release of Erlang/OTP.", COLUMN_TEXT, COLUMN_KEEP, 5},
    [BEAM_NODE_ERTS] = {"beam.node.erts", "ERTS", "", "Version of its runtime system.", COLUMN_TEXT, COLUMN_KEEP, 9},
    [BEAM_NODE_FLAVOR] = {"beam.node.flavor", "CODE", "", "How its code runs: jit or emu.", COLUMN_TEXT, COLUMN_KEEP, 5},
    [BEAM_NODE_LANGUAGE] = {"beam.node.language", "LANGUAGE", "", "Erlang, or Elixir and its version.", COLUMN_TEXT, COLUMN_KEEP, 14},
    [BEAM_NODE_OS_PID] = {"beam.node.os_pid", "PID", "", "Process id in its operating system.", COLUMN_INTEGER, COLUMN_KEEP, 8},
    [BEAM_NODE_SCHEDULERS] = {"beam.node.schedulers", "SCHED", "", "Normal schedulers online.", COLUMN_INTEGER, COLUMN_KEEP, 5},
    [BEAM_NODE_UPTIME] = {"beam.node.uptime", "UPTIME", "s", "Time since it started.", COLUMN_REAL, COLUMN_KEEP | COLUMN_RANK, 9},
    [BEAM_NODE_LOCAL] = {"beam.node.local", "HERE", "", "1 when it runs on this machine.", COLUMN_INTEGER, COLUMN_KEEP | COLUMN_HIDDEN, 4},
    [BEAM_NODE_MODE] = {"beam.node.mode", "READ BY", "", "How it is read: by a collector that runs on it, or by plain calls.", COLUMN_TEXT, COLUMN_KEEP, 12},
};

static const struct column process_columns[BEAM_PROCESS_COLUMNS] = {
    [BEAM_PROCESS_KEY] = {"beam.process.key", "KEY", "", "The pid as a number.", COLUMN_INTEGER, COLUMN_KEY | COLUMN_KEEP | COLUMN_HIDDEN, 12},
    [BEAM_PROCESS_PID] = {"beam.process.pid", "PID", "", "Erlang pid.", COLUMN_TEXT, COLUMN_KEEP, 11},
    [BEAM_PROCESS_NAME] = {"beam.process.name", "NAME", "", "Registered name, else its label, else the call it began with.", COLUMN_TEXT, COLUMN_KEEP, 26},
    [BEAM_PROCESS_REDUCTIONS] = {"beam.process.reductions", "REDS/s", "{reduction}/s", "Reductions a second: how much it works.", COLUMN_REAL, COLUMN_KEEP | COLUMN_RANK, 8},
    [BEAM_PROCESS_QUEUE] = {"beam.process.message_queue", "MSGQ", "", "Messages that wait for it.", COLUMN_REAL, COLUMN_KEEP | COLUMN_RANK, 7},
    [BEAM_PROCESS_QUEUE_RATE] = {"beam.process.message_queue.growth", "MSGQ+/s", "{message}/s", "By how many messages a second its queue grows.", COLUMN_REAL, COLUMN_KEEP, 8},
    [BEAM_PROCESS_MEMORY] = {"beam.process.memory", "MEM", "By", "Memory of the process with heap, stack and queue.", COLUMN_REAL, COLUMN_KEEP | COLUMN_RANK, 9},
    [BEAM_PROCESS_HEAP] = {"beam.process.heap", "HEAP", "By", "Youngest generation of its heap.", COLUMN_REAL, COLUMN_KEEP | COLUMN_HIDDEN, 9},
    [BEAM_PROCESS_STATUS] = {"beam.process.status", "STATUS", "", "running, runnable, waiting, suspended, garbage_collecting, exiting.", COLUMN_TEXT, COLUMN_KEEP, 8},
    [BEAM_PROCESS_CURRENT] = {"beam.process.current_function", "CURRENT", "", "Function it is in.", COLUMN_TEXT, COLUMN_KEEP, 0},
    [BEAM_PROCESS_INITIAL] = {"beam.process.initial_call", "BEGAN WITH", "", "Function it began with.", COLUMN_TEXT, COLUMN_KEEP | COLUMN_HIDDEN, 28},
    [BEAM_PROCESS_APPLICATION] = {"beam.process.application", "APPLICATION", "", "Application it belongs to.", COLUMN_TEXT, COLUMN_KEEP, 12},
};

static const struct column detail_columns[BEAM_DETAIL_COLUMNS] = {
    [BEAM_DETAIL_KEY] = {"beam.detail.line", "#", "", "Number of the line.", COLUMN_INTEGER, COLUMN_KEY, 4},
    [BEAM_DETAIL_PROCESS] = {"beam.detail.process", "KEY", "", "Whose it is.", COLUMN_INTEGER, COLUMN_HIDDEN, 12},
    [BEAM_DETAIL_KIND] = {"beam.detail.kind", "KIND", "", "stack, link, monitors, dictionary ...", COLUMN_TEXT, 0, 14},
    [BEAM_DETAIL_TEXT] = {"beam.detail.text", "WHAT", "", "A frame, a pid, a key.", COLUMN_TEXT, 0, 40},
    [BEAM_DETAIL_VALUE] = {"beam.detail.size", "SIZE", "By", "How large it is.", COLUMN_REAL, 0, 9},
};

static const struct column ets_columns[BEAM_ETS_COLUMNS] = {
    [BEAM_ETS_KEY] = {"beam.ets", "TABLE", "", "Name or reference of the table.", COLUMN_TEXT, COLUMN_KEY | COLUMN_KEEP | COLUMN_HIDDEN, 24},
    [BEAM_ETS_NAME] = {"beam.ets.name", "NAME", "", "Name of the table.", COLUMN_TEXT, COLUMN_KEEP, 30},
    [BEAM_ETS_OBJECTS] = {"beam.ets.objects", "OBJECTS", "", "Objects in it.", COLUMN_REAL, COLUMN_KEEP | COLUMN_RANK, 9},
    [BEAM_ETS_MEMORY] = {"beam.ets.memory", "MEM", "By", "Memory of the table.", COLUMN_REAL, COLUMN_KEEP | COLUMN_RANK, 9},
    [BEAM_ETS_TYPE] = {"beam.ets.type", "TYPE", "", "set, ordered_set, bag, duplicate_bag.", COLUMN_TEXT, COLUMN_KEEP, 13},
    [BEAM_ETS_PROTECTION] = {"beam.ets.protection", "ACCESS", "", "public, protected, private.", COLUMN_TEXT, COLUMN_KEEP, 9},
    [BEAM_ETS_OWNER] = {"beam.ets.owner", "OWNER", "", "Process that owns it.", COLUMN_TEXT, COLUMN_KEEP, 0},
};

static const struct column port_columns[BEAM_PORT_COLUMNS] = {
    [BEAM_PORT_KEY] = {"beam.port", "PORT", "", "The port.", COLUMN_TEXT, COLUMN_KEY | COLUMN_KEEP, 12},
    [BEAM_PORT_NAME] = {"beam.port.name", "DRIVER", "", "Its driver, or the program it runs.", COLUMN_TEXT, COLUMN_KEEP, 20},
    [BEAM_PORT_ADDRESS] = {"beam.port.address", "ADDRESS", "", "Own address and the other end's.", COLUMN_TEXT, COLUMN_KEEP, 36},
    [BEAM_PORT_OWNER] = {"beam.port.owner", "OWNER", "", "Process that is connected to it.", COLUMN_TEXT, COLUMN_KEEP, 24},
    [BEAM_PORT_IN] = {"beam.port.in", "IN", "By/s", "Bytes read a second.", COLUMN_REAL, COLUMN_KEEP | COLUMN_RANK, 9},
    [BEAM_PORT_OUT] = {"beam.port.out", "OUT", "By/s", "Bytes written a second.", COLUMN_REAL, COLUMN_KEEP | COLUMN_RANK, 9},
    [BEAM_PORT_QUEUE] = {"beam.port.queue", "QUEUE", "By", "Bytes that wait to be written.", COLUMN_REAL, COLUMN_KEEP | COLUMN_RANK, 9},
    [BEAM_PORT_MEMORY] = {"beam.port.memory", "MEM", "By", "Memory of the port.", COLUMN_REAL, COLUMN_KEEP, 9},
};

static const struct column application_columns[BEAM_APPLICATION_COLUMNS] = {
    [BEAM_APPLICATION_NAME] = {"beam.application", "APPLICATION", "", "Name of the application.", COLUMN_TEXT, COLUMN_KEY | COLUMN_KEEP, 24},
    [BEAM_APPLICATION_VERSION] = {"beam.application.version", "VERSION", "", "Its version.", COLUMN_TEXT, COLUMN_KEEP, 10},
    [BEAM_APPLICATION_PROCESSES] = {"beam.application.processes", "PROCS", "", "Processes that belong to it.", COLUMN_REAL, COLUMN_KEEP | COLUMN_RANK, 8},
    [BEAM_APPLICATION_REDUCTIONS] = {"beam.application.reductions", "REDS/s", "{reduction}/s", "Reductions of its processes a second.", COLUMN_REAL, COLUMN_KEEP | COLUMN_RANK, 8},
    [BEAM_APPLICATION_HEAP] = {"beam.application.heap", "HEAP", "By", "Heaps of its processes.", COLUMN_REAL, COLUMN_KEEP | COLUMN_RANK, 9},
    [BEAM_APPLICATION_QUEUE] = {"beam.application.message_queue", "MSGQ", "", "Messages that wait for its processes.", COLUMN_REAL, COLUMN_KEEP, 7},
    [BEAM_APPLICATION_TEXT] = {"beam.application.description", "DESCRIPTION", "", "What it says of itself.", COLUMN_TEXT, COLUMN_KEEP, 0},
};

static const struct column peer_columns[BEAM_PEER_COLUMNS] = {
    [BEAM_PEER_NAME] = {"beam.peer", "NODE", "", "The other node.", COLUMN_TEXT, COLUMN_KEY | COLUMN_KEEP, 30},
    [BEAM_PEER_TYPE] = {"beam.peer.type", "TYPE", "", "visible or hidden.", COLUMN_TEXT, COLUMN_KEEP, 8},
    [BEAM_PEER_STATE] = {"beam.peer.state", "STATE", "", "State of the connection.", COLUMN_TEXT, COLUMN_KEEP, 9},
    [BEAM_PEER_BUFFER] = {"beam.peer.buffer", "WAITS", "By", "Bytes that wait to be sent to it.", COLUMN_REAL, COLUMN_KEEP | COLUMN_RANK, 9},
    [BEAM_PEER_IN] = {"beam.peer.in", "IN", "By/s", "Bytes received a second.", COLUMN_REAL, COLUMN_KEEP, 9},
    [BEAM_PEER_OUT] = {"beam.peer.out", "OUT", "By/s", "Bytes sent a second.", COLUMN_REAL, COLUMN_KEEP | COLUMN_RANK, 9},
};

static const struct column supervisor_columns[BEAM_SUPERVISOR_COLUMNS] = {
    [BEAM_SUPERVISOR_KEY] = {"beam.supervisor.key", "KEY", "", "The pid as a number.", COLUMN_INTEGER, COLUMN_KEY | COLUMN_HIDDEN, 12},
    [BEAM_SUPERVISOR_PARENT] = {"beam.supervisor.parent", "PARENT", "", "Its supervisor.", COLUMN_INTEGER, COLUMN_HIDDEN, 12},
    [BEAM_SUPERVISOR_NAME] = {"beam.supervisor.child", "CHILD", "", "Its id at its supervisor, or its name.", COLUMN_TEXT, 0, 44},
    [BEAM_SUPERVISOR_PID] = {"beam.supervisor.pid", "PID", "", "Erlang pid.", COLUMN_TEXT, 0, 12},
    [BEAM_SUPERVISOR_TYPE] = {"beam.supervisor.type", "TYPE", "", "application, supervisor, worker.", COLUMN_TEXT, 0, 11},
    [BEAM_SUPERVISOR_CHILDREN] = {"beam.supervisor.children", "CHILDREN", "", "Children that run.", COLUMN_REAL, COLUMN_RANK, 8},
    [BEAM_SUPERVISOR_STATUS] = {"beam.supervisor.status", "STATUS", "", "running, restarting, undefined.", COLUMN_TEXT, 0, 11},
};

static const struct column pool_columns[POOL_COLUMNS] = {
    [POOL_KEY] = {"pool", "POOL", "", "Kind and name of the pool.", COLUMN_TEXT, COLUMN_KEY | COLUMN_KEEP | COLUMN_HIDDEN, 24},
    [POOL_NAME] = {"pool.name", "POOL", "", "Name of the pool.", COLUMN_TEXT, COLUMN_KEEP, 22},
    [POOL_SOURCE] = {"pool.source", "KIND", "", "What tells of it: snakepit, or the name it has in the configuration.", COLUMN_TEXT, COLUMN_KEEP, 10},
    [POOL_PROFILE] = {"pool.profile", "PROFILE", "", "How its workers work: process or thread.", COLUMN_TEXT, COLUMN_KEEP, 8},
    [POOL_TOTAL] = {"pool.workers", "WORKERS", "", "Workers.", COLUMN_REAL, COLUMN_KEEP, 8},
    [POOL_BUSY] = {"pool.workers.busy", "BUSY", "", "Workers that work.", COLUMN_REAL, COLUMN_KEEP, 6},
    [POOL_SHARE] = {"pool.workers.utilization", "USE", "1", "Share of the living workers that work.", COLUMN_REAL, COLUMN_KEEP | COLUMN_RANK, 7},
    [POOL_DEPTH] = {"pool.queue", "QUEUE", "", "Requests that wait.", COLUMN_REAL, COLUMN_KEEP | COLUMN_RANK, 7},
    [POOL_DEPTH_LIMIT] = {"pool.queue.limit", "MAX", "", "Requests that may wait.", COLUMN_REAL, COLUMN_KEEP, 6},
    [POOL_RATE] = {"pool.rate", "REQ/s", "{request}/s", "Requests a second.", COLUMN_REAL, COLUMN_KEEP | COLUMN_RANK, 8},
    [POOL_ERROR_SHARE] = {"pool.error.share", "ERR", "1", "Share of the requests that failed.", COLUMN_REAL, COLUMN_KEEP, 7},
    [POOL_TIMEOUT_RATE] = {"pool.timeout.rate", "LATE/s", "{request}/s", "Requests a second that waited too long.", COLUMN_REAL, COLUMN_KEEP, 8},
    [POOL_REFUSED_RATE] = {"pool.refused.rate", "FULL/s", "{request}/s", "Requests a second refused because all was full.", COLUMN_REAL, COLUMN_KEEP, 8},
    [POOL_SESSION_COUNT] = {"pool.sessions", "SESSIONS", "", "Open sessions.", COLUMN_REAL, COLUMN_KEEP, 8},
    [POOL_DEAD] = {"pool.workers.dead", "DEAD", "", "Workers that are gone and still listed.", COLUMN_REAL, COLUMN_KEEP, 5},
};

static const struct column worker_columns[WORKER_COLUMNS] = {
    [WORKER_KEY] = {"worker", "WORKER", "", "Pool and worker.", COLUMN_TEXT, COLUMN_KEY | COLUMN_KEEP | COLUMN_HIDDEN, 24},
    [WORKER_ID] = {"worker.id", "WORKER", "", "Name of the worker.", COLUMN_TEXT, COLUMN_KEEP, 26},
    [WORKER_POOL] = {"worker.pool", "POOL", "", "Pool it belongs to.", COLUMN_TEXT, COLUMN_KEEP, 14},
    [WORKER_TYPE] = {"worker.type", "TYPE", "", "Its module.", COLUMN_TEXT, COLUMN_KEEP | COLUMN_HIDDEN, 24},
    [WORKER_ADAPTER] = {"worker.adapter", "ADAPTER", "", "The adapter it uses.", COLUMN_TEXT, COLUMN_KEEP | COLUMN_HIDDEN, 24},
    [WORKER_PROFILE] = {"worker.profile", "PROFILE", "", "process or thread.", COLUMN_TEXT, COLUMN_KEEP, 8},
    [WORKER_STATUS] = {"worker.status", "STATE", "", "busy, available, dead.", COLUMN_TEXT, COLUMN_KEEP, 10},
    [WORKER_LOAD] = {"worker.load", "LOAD", "", "Requests it works on.", COLUMN_REAL, COLUMN_KEEP | COLUMN_RANK, 6},
    [WORKER_SLOTS] = {"worker.slots", "CAP", "", "Requests it can work on at once.", COLUMN_REAL, COLUMN_KEEP, 5},
    [WORKER_RATE] = {"worker.rate", "REQ/s", "{request}/s", "Requests a second.", COLUMN_REAL, COLUMN_KEEP, 8},
    [WORKER_PID] = {"worker.os_pid", "OS-PID", "", "Process id in the operating system.", COLUMN_INTEGER, COLUMN_KEEP, 8},
    [WORKER_CPU] = {"worker.cpu.utilization", "CPU", "1", "CPU use of that process; 100 % is one core.", COLUMN_REAL, COLUMN_KEEP | COLUMN_RANK, 7},
    [WORKER_MEMORY] = {"worker.memory.usage", "RSS", "By", "Resident memory of that process.", COLUMN_REAL, COLUMN_KEEP | COLUMN_RANK, 9},
    [WORKER_AGE] = {"worker.age", "AGE", "s", "Time since it was started.", COLUMN_REAL, COLUMN_KEEP, 9},
};
/* clang-format on */

const struct table_def beam_node_table = {
    .name = "beam.nodes",
    .title = "Erlang node",
    .text = "The Erlang node that is watched.",
    .columns = node_columns,
    .column_count = BEAM_NODE_COLUMNS,
    .sort_column = BEAM_NODE_UPTIME,
    .kept_rows = 1,
};

const struct table_def beam_process_table = {
    .name = "beam.processes",
    .title = "Erlang processes",
    .text = "Processes of an Erlang node: those that work most, have the most messages waiting, or "
            "hold the most memory.",
    .columns = process_columns,
    .column_count = BEAM_PROCESS_COLUMNS,
    .sort_column = BEAM_PROCESS_REDUCTIONS,
    .kept_rows = 8,
};

const struct table_def beam_detail_table = {
    .name = "beam.process.detail",
    .title = "Erlang process",
    .text = "The stack, links, monitors and dictionary of the Erlang process that is looked at.",
    .columns = detail_columns,
    .column_count = BEAM_DETAIL_COLUMNS,
    .sort_column = BEAM_DETAIL_KEY,
};

const struct table_def beam_ets_table = {
    .name = "beam.ets",
    .title = "ETS tables",
    .text = "Tables that an Erlang node holds in memory.",
    .columns = ets_columns,
    .column_count = BEAM_ETS_COLUMNS,
    .sort_column = BEAM_ETS_MEMORY,
    .kept_rows = 8,
};

const struct table_def beam_port_table = {
    .name = "beam.ports",
    .title = "Erlang ports",
    .text = "Sockets, files and programs that an Erlang node has open.",
    .columns = port_columns,
    .column_count = BEAM_PORT_COLUMNS,
    .sort_column = BEAM_PORT_OUT,
    .kept_rows = 8,
};

const struct table_def beam_application_table = {
    .name = "beam.applications",
    .title = "Erlang applications",
    .text = "Applications that run on an Erlang node, with the sums of their processes.",
    .columns = application_columns,
    .column_count = BEAM_APPLICATION_COLUMNS,
    .sort_column = BEAM_APPLICATION_REDUCTIONS,
    .kept_rows = 8,
};

const struct table_def beam_peer_table = {
    .name = "beam.peers",
    .title = "Connected nodes",
    .text = "Other nodes that an Erlang node is connected to.",
    .columns = peer_columns,
    .column_count = BEAM_PEER_COLUMNS,
    .sort_column = BEAM_PEER_BUFFER,
    .kept_rows = 8,
};

const struct table_def beam_supervisor_table = {
    .name = "beam.supervisors",
    .title = "Supervision tree",
    .text = "Who supervises whom on an Erlang node.",
    .columns = supervisor_columns,
    .column_count = BEAM_SUPERVISOR_COLUMNS,
    .sort_column = BEAM_SUPERVISOR_NAME,
};

const struct table_def pool_table = {
    .name = "pools",
    .title = "Pools",
    .text = "Pools of workers and queues of a node.",
    .columns = pool_columns,
    .column_count = POOL_COLUMNS,
    .sort_column = POOL_SHARE,
    .kept_rows = 8,
};

const struct table_def worker_table = {
    .name = "workers",
    .title = "Workers",
    .text = "Workers of the pools.",
    .columns = worker_columns,
    .column_count = WORKER_COLUMNS,
    .sort_column = WORKER_LOAD,
    .kept_rows = 8,
};

const struct table_def *const beam_tables[BEAM_TABLES] = {
    &beam_node_table, &beam_process_table,     &beam_detail_table, &beam_ets_table,
    &beam_port_table, &beam_application_table, &beam_peer_table,   &beam_supervisor_table,
    &pool_table,      &worker_table,
};
