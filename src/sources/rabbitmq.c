/* Adapter for RabbitMQ's management plugin (its HTTP API): the broker, its nodes, its queues. The
 * plugin refreshes its numbers each 5 s. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter.h"
#include "adapters.h"
#include "flametop/base/macros.h"
#include "json_read.h"

enum { NODES_MAX = 64, QUEUES_MAX = 500, LABEL_BYTES = 300 };

#define NODE_GAUGE(name_, unit_, text_)                                                            \
    {                                                                                              \
        .name = "rabbitmq.node." name_, .unit = (unit_), .labels = "node", .text = (text_)         \
    }
#define NODE_COUNTER(name_, unit_, text_)                                                          \
    {                                                                                              \
        .name = "rabbitmq.node." name_, .unit = (unit_), .labels = "node", .kind = METRIC_COUNTER, \
        .text = (text_)                                                                            \
    }
#define NODE_ALARM(name_, text_)                                                                   \
    {                                                                                              \
        .name = "rabbitmq.node." name_, .unit = "{alarm}", .labels = "node",                       \
        .better = BETTER_LOWER, .fold = FOLD_MAX, .critical = 1, .text = (text_)                   \
    }
#define NODE_SHARE(name_, used_, limit_, warning_, critical_, text_)                               \
    {                                                                                              \
        .name = "rabbitmq.node." name_, .unit = "1", .labels = "node",                             \
        .formula = "rabbitmq.node." used_ " / rabbitmq.node." limit_, .better = BETTER_LOWER,      \
        .fold = FOLD_MAX, .warning = (warning_), .critical = (critical_), .text = (text_)          \
    }
#define TOTAL(name_, unit_, text_)                                                                 \
    {                                                                                              \
        .name = "rabbitmq." name_, .unit = (unit_), .labels = "", .text = (text_)                  \
    }

enum {
    MESSAGES,
    OPERATIONS,
    CHURN,
    CONNECTIONS,
    CHANNELS,
    CONSUMERS,
    EXCHANGES,
    QUEUES,
    NODE_RUNNING,
    NODE_MEMORY,
    NODE_MEMORY_LIMIT,
    NODE_MEMORY_ALARM,
    NODE_DISK_FREE,
    NODE_DISK_LIMIT,
    NODE_DISK_ALARM,
    NODE_FILES,
    NODE_FILES_LIMIT,
    NODE_SOCKETS,
    NODE_SOCKETS_LIMIT,
    NODE_PROCESSES,
    NODE_PROCESSES_LIMIT,
    NODE_RUN_QUEUE,
    NODE_UPTIME,
    NODE_SWITCHES,
    NODE_COLLECTIONS,
    NODE_RECLAIMED,
};

static const struct metric metrics[] = {
    [MESSAGES] = {.name = "rabbitmq.messages",
                  .unit = "{message}",
                  .labels = "state",
                  .better = BETTER_LOWER,
                  .text = "Messages in all queues: ready for a consumer, or delivered and not yet "
                          "acknowledged."},
    [OPERATIONS] = {.name = "rabbitmq.message.operations",
                    .unit = "{message}",
                    .labels = "operation",
                    .kind = METRIC_COUNTER,
                    .text =
                        "What was done with messages: publish, deliver_get, ack, redeliver, "
                        "confirm, return_unroutable, drop_unroutable, disk_reads, disk_writes."},
    [CHURN] = {.name = "rabbitmq.churn",
               .unit = "{event}",
               .labels = "event",
               .kind = METRIC_COUNTER,
               .text =
                   "Connections, channels and queues made and closed; many a second mean clients "
                   "that connect for each message."},
    [CONNECTIONS] = TOTAL("connections", "{connection}", "Connections of clients."),
    [CHANNELS] = TOTAL("channels", "{channel}", "Channels on the connections."),
    [CONSUMERS] = TOTAL("consumers", "{consumer}", "Consumers of all queues."),
    [EXCHANGES] = TOTAL("exchanges", "{exchange}", "Exchanges there are."),
    [QUEUES] = TOTAL("queues", "{queue}", "Queues there are."),
    [NODE_RUNNING] = NODE_GAUGE("running", "{node}", "1 while the node runs, else 0."),
    [NODE_MEMORY] = NODE_GAUGE("memory.usage", "By", "Memory the node uses."),
    [NODE_MEMORY_LIMIT] =
        NODE_GAUGE("memory.limit", "By", "Memory at which the node stops all publishers."),
    [NODE_MEMORY_ALARM] =
        NODE_ALARM("memory.alarm", "1 while publishers are stopped for want of memory."),
    [NODE_DISK_FREE] = NODE_GAUGE("disk.free", "By", "Free space where the node keeps messages."),
    [NODE_DISK_LIMIT] = NODE_GAUGE("disk.free.limit", "By",
                                   "Free space below which the node stops all publishers."),
    [NODE_DISK_ALARM] =
        NODE_ALARM("disk.alarm", "1 while publishers are stopped for want of disk space."),
    [NODE_FILES] = NODE_GAUGE("files", "{file}", "Open file descriptors."),
    [NODE_FILES_LIMIT] = NODE_GAUGE("files.limit", "{file}", "File descriptors it may have open."),
    [NODE_SOCKETS] = NODE_GAUGE("sockets", "{socket}", "Open sockets."),
    [NODE_SOCKETS_LIMIT] = NODE_GAUGE("sockets.limit", "{socket}", "Sockets it may have open."),
    [NODE_PROCESSES] = NODE_GAUGE("processes", "{process}", "Erlang processes."),
    [NODE_PROCESSES_LIMIT] =
        NODE_GAUGE("processes.limit", "{process}", "Erlang processes there may be."),
    [NODE_RUN_QUEUE] =
        NODE_GAUGE("run_queue", "{process}", "Erlang processes that wait for a scheduler."),
    [NODE_UPTIME] = NODE_GAUGE("uptime", "s", "Time since the node started."),
    [NODE_SWITCHES] =
        NODE_COUNTER("context_switches", "{switch}", "Switches between Erlang processes."),
    [NODE_COLLECTIONS] = NODE_COUNTER("gc.count", "{collection}", "Garbage collections."),
    [NODE_RECLAIMED] = NODE_COUNTER("gc.reclaimed", "By", "Memory that garbage collections freed."),
    NODE_SHARE("memory.utilization", "memory.usage", "memory.limit", 0.8, 0.95,
               "Memory as a share of where publishers are stopped."),
    NODE_SHARE("files.utilization", "files", "files.limit", 0.8, 0.95,
               "File descriptors as a share of the limit."),
    NODE_SHARE("sockets.utilization", "sockets", "sockets.limit", 0.8, 0.95,
               "Sockets as a share of the limit."),
    NODE_SHARE("processes.utilization", "processes", "processes.limit", 0.8, 0.95,
               "Erlang processes as a share of the limit."),
};

enum queue_column {
    QUEUE_KEY,
    QUEUE_NAME,
    QUEUE_VHOST,
    QUEUE_STATE,
    QUEUE_MESSAGES,
    QUEUE_READY,
    QUEUE_UNACKNOWLEDGED,
    QUEUE_CONSUMERS,
    QUEUE_PUBLISH,
    QUEUE_DELIVER,
    QUEUE_ACK,
    QUEUE_MEMORY,
    QUEUE_COLUMNS,
};

/* clang-format off */
static const struct column columns[QUEUE_COLUMNS] = {
    [QUEUE_KEY] = {"rabbitmq.queue", "QUEUE", "", "Virtual host and name.", COLUMN_TEXT, COLUMN_KEY | COLUMN_KEEP | COLUMN_HIDDEN, 30},
    [QUEUE_NAME] = {"rabbitmq.queue.name", "NAME", "", "Name of the queue.", COLUMN_TEXT, COLUMN_KEEP, 24},
    [QUEUE_VHOST] = {"rabbitmq.queue.vhost", "VHOST", "", "Virtual host it is in.", COLUMN_TEXT, COLUMN_KEEP, 8},
    [QUEUE_STATE] = {"rabbitmq.queue.state", "STATE", "", "running, idle, flow, down ...", COLUMN_TEXT, COLUMN_KEEP, 9},
    [QUEUE_MESSAGES] = {"rabbitmq.queue.messages", "MSGS", "", "Messages in it.", COLUMN_REAL, COLUMN_KEEP | COLUMN_RANK, 8},
    [QUEUE_READY] = {"rabbitmq.queue.ready", "READY", "", "Messages that wait for a consumer.", COLUMN_REAL, COLUMN_KEEP, 8},
    [QUEUE_UNACKNOWLEDGED] = {"rabbitmq.queue.unacknowledged", "UNACK", "", "Messages delivered and not yet acknowledged.", COLUMN_REAL, COLUMN_KEEP, 8},
    [QUEUE_CONSUMERS] = {"rabbitmq.queue.consumers", "CONS", "", "Consumers.", COLUMN_REAL, COLUMN_KEEP, 6},
    [QUEUE_PUBLISH] = {"rabbitmq.queue.publish.rate", "IN/s", "{message}/s", "Messages published to it a second.", COLUMN_REAL, COLUMN_KEEP | COLUMN_RANK, 8},
    [QUEUE_DELIVER] = {"rabbitmq.queue.deliver.rate", "OUT/s", "{message}/s", "Messages delivered or fetched a second.", COLUMN_REAL, COLUMN_KEEP, 8},
    [QUEUE_ACK] = {"rabbitmq.queue.ack.rate", "ACK/s", "{message}/s", "Messages acknowledged a second.", COLUMN_REAL, COLUMN_KEEP, 8},
    [QUEUE_MEMORY] = {"rabbitmq.queue.memory", "MEM", "By", "Memory of the queue's process.", COLUMN_REAL, COLUMN_KEEP, 9},
};
/* clang-format on */

static const struct table_def queue_table = {
    .name = "rabbitmq.queues",
    .title = "Queues",
    .text = "RabbitMQ's queues.",
    .columns = columns,
    .column_count = QUEUE_COLUMNS,
    .sort_column = QUEUE_MESSAGES,
    .kept_rows = 8,
};
static const struct table_def *const tables[] = {&queue_table};

struct broker {
    char name[128], version[64];
    double uptime_s;
};

static void
put(struct batch *batch, int metric, const char *key, const char *label, double value)
{
    char labels[LABEL_BYTES] = "";
    if (isnan(value)) {
        return;
    }
    if (key != NULL) {
        labels_add(labels, sizeof(labels), key, str_from(label));
    }
    batch_put(batch, &metrics[metric], labels, value);
}

static void
read_overview(struct broker *broker, const cJSON *root, struct batch *batch)
{
    static const struct {
        const char *path;
        int metric;
        const char *key, *label;
    } rows[] = {
        {"queue_totals.messages_ready", MESSAGES, "state", "ready"},
        {"queue_totals.messages_unacknowledged", MESSAGES, "state", "unacknowledged"},
        {"object_totals.connections", CONNECTIONS, NULL, NULL},
        {"object_totals.channels", CHANNELS, NULL, NULL},
        {"object_totals.consumers", CONSUMERS, NULL, NULL},
        {"object_totals.exchanges", EXCHANGES, NULL, NULL},
        {"object_totals.queues", QUEUES, NULL, NULL},
        {"message_stats.publish", OPERATIONS, "operation", "publish"},
        {"message_stats.deliver_get", OPERATIONS, "operation", "deliver_get"},
        {"message_stats.ack", OPERATIONS, "operation", "ack"},
        {"message_stats.redeliver", OPERATIONS, "operation", "redeliver"},
        {"message_stats.confirm", OPERATIONS, "operation", "confirm"},
        {"message_stats.return_unroutable", OPERATIONS, "operation", "return_unroutable"},
        {"message_stats.drop_unroutable", OPERATIONS, "operation", "drop_unroutable"},
        {"message_stats.disk_reads", OPERATIONS, "operation", "disk_reads"},
        {"message_stats.disk_writes", OPERATIONS, "operation", "disk_writes"},
        {"churn_rates.connection_created", CHURN, "event", "connection_created"},
        {"churn_rates.connection_closed", CHURN, "event", "connection_closed"},
        {"churn_rates.channel_created", CHURN, "event", "channel_created"},
        {"churn_rates.channel_closed", CHURN, "event", "channel_closed"},
        {"churn_rates.queue_created", CHURN, "event", "queue_created"},
        {"churn_rates.queue_deleted", CHURN, "event", "queue_deleted"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        put(batch, rows[i].metric, rows[i].key, rows[i].label, json_number_at(root, rows[i].path));
    }
    char version[32];
    json_text_at(root, "cluster_name", broker->name, sizeof(broker->name));
    json_text_at(root, "rabbitmq_version", version, sizeof(version));
    snprintf(broker->version, sizeof(broker->version), "RabbitMQ %s", version);
}

static void
read_node(struct broker *broker, const cJSON *node, struct batch *batch)
{
    static const struct {
        const char *key;
        int metric;
        double scale;
    } rows[] = {
        {"mem_used", NODE_MEMORY, 1},
        {"mem_limit", NODE_MEMORY_LIMIT, 1},
        {"disk_free", NODE_DISK_FREE, 1},
        {"disk_free_limit", NODE_DISK_LIMIT, 1},
        {"fd_used", NODE_FILES, 1},
        {"fd_total", NODE_FILES_LIMIT, 1},
        {"sockets_used", NODE_SOCKETS, 1},
        {"sockets_total", NODE_SOCKETS_LIMIT, 1},
        {"proc_used", NODE_PROCESSES, 1},
        {"proc_total", NODE_PROCESSES_LIMIT, 1},
        {"run_queue", NODE_RUN_QUEUE, 1},
        {"uptime", NODE_UPTIME, 1e-3},
        {"context_switches", NODE_SWITCHES, 1},
        {"gc_num", NODE_COLLECTIONS, 1},
        {"gc_bytes_reclaimed", NODE_RECLAIMED, 1},
    };
    static const struct {
        const char *key;
        int metric;
    } flags[] = {
        {"running", NODE_RUNNING},
        {"mem_alarm", NODE_MEMORY_ALARM},
        {"disk_free_alarm", NODE_DISK_ALARM},
    };
    char name[128];
    json_text_at(node, "name", name, sizeof(name));
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        put(batch, rows[i].metric, "node", name, json_number_at(node, rows[i].key) * rows[i].scale);
    }
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
        const cJSON *flag = json_at(node, flags[i].key);
        put(batch, flags[i].metric, "node", name,
            cJSON_IsBool(flag) ? (double)cJSON_IsTrue(flag) : NAN);
    }
    double uptime = json_number_at(node, "uptime");
    broker->uptime_s = isnan(uptime) ? broker->uptime_s : MAX(broker->uptime_s, uptime / 1e3);
}

static void
read_nodes(struct broker *broker, const cJSON *root, struct batch *batch)
{
    const cJSON *node;
    size_t n = 0;
    broker->uptime_s = 0;
    cJSON_ArrayForEach(node, root)
    {
        if (cJSON_IsObject(node) && n++ < NODES_MAX) {
            read_node(broker, node, batch);
        }
    }
}

static void
read_queue(const cJSON *queue, struct arena *arena, union cell *row)
{
    static const struct {
        const char *path;
        enum queue_column column;
    } numbers[] = {
        {"messages", QUEUE_MESSAGES},
        {"messages_ready", QUEUE_READY},
        {"messages_unacknowledged", QUEUE_UNACKNOWLEDGED},
        {"consumers", QUEUE_CONSUMERS},
        {"memory", QUEUE_MEMORY},
        {"message_stats.publish_details.rate", QUEUE_PUBLISH},
        {"message_stats.deliver_get_details.rate", QUEUE_DELIVER},
        {"message_stats.ack_details.rate", QUEUE_ACK},
    };
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        row[numbers[i].column].real = json_number_at(queue, numbers[i].path);
    }
    row[QUEUE_NAME].text = json_cell_at(queue, "name", arena);
    row[QUEUE_VHOST].text = json_cell_at(queue, "vhost", arena);
    row[QUEUE_STATE].text = json_cell_at(queue, "state", arena);
    const char *vhost = row[QUEUE_VHOST].text, *name = row[QUEUE_NAME].text;
    row[QUEUE_KEY].text =
        arena_printf(arena, "%s %s", vhost != NULL ? vhost : "", name != NULL ? name : "");
}

static void
read_queues(const cJSON *root, struct batch *batch)
{
    size_t total = (size_t)cJSON_GetArraySize(root);
    struct table *table = batch_table(batch, &queue_table, MIN(total, (size_t)QUEUES_MAX));
    const cJSON *queue;
    if (table == NULL) {
        return;
    }
    cJSON_ArrayForEach(queue, root)
    {
        union cell *row = cJSON_IsObject(queue) && table->count < QUEUES_MAX
                              ? table_add(table, batch->arena)
                              : NULL;
        if (row != NULL) {
            read_queue(queue, batch->arena, row);
        }
    }
    table->total = total;
}

static bool
rabbitmq_read(void *state, const struct str *bodies, struct batch *batch)
{
    cJSON *overview = json_parse(bodies[0]);
    bool good = json_at(overview, "rabbitmq_version") != NULL;
    if (good) {
        read_overview(state, overview, batch);
    }
    cJSON_Delete(overview);
    cJSON *nodes = json_parse(bodies[1]), *queues = json_parse(bodies[2]);
    if (cJSON_IsArray(nodes)) {
        read_nodes(state, nodes, batch);
    }
    if (cJSON_IsArray(queues)) {
        read_queues(queues, batch);
    } else if (good) {
        batch_fail(batch, SOURCE_DEGRADED, "this user may not list the queues");
    }
    cJSON_Delete(nodes);
    cJSON_Delete(queues);
    return good;
}

static void *
rabbitmq_open(const struct adapter_setup *setup)
{
    (void)setup;
    return calloc(1, sizeof(struct broker));
}

static void
rabbitmq_close(void *state)
{
    free(state);
}

static bool
rabbitmq_host(const void *state, struct host *ret_host)
{
    const struct broker *broker = state;
    if (broker->name[0] == '\0') {
        return false;
    }
    *ret_host = (struct host){.name = broker->name,
                              .system = broker->version,
                              .kernel = "",
                              .virtualization = "",
                              .uptime_s = broker->uptime_s};
    return true;
}

static const struct table_def *const *
rabbitmq_tables(const void *state, size_t *ret_count)
{
    (void)state;
    *ret_count = ARRAY_SIZE(tables);
    return tables;
}

static bool
rabbitmq_recognizes(const struct adapter_answer *answer)
{
    if (answer->status == 401) {
        return strstr(answer->realm, "RabbitMQ") != NULL;
    }
    return answer->status == 200 &&
           memmem(answer->body.p, answer->body.n, "\"rabbitmq_version\"", 18) != NULL;
}

const struct adapter adapter_rabbitmq = {
    .name = "rabbitmq",
    .text = "RabbitMQ by its management plugin: messages, nodes and queues.",
    .probes = (const char *const[]){"/api/overview", NULL},
    .recognizes = rabbitmq_recognizes,
    .requests = (const char *const[]){"/api/overview", "/api/nodes",
                                      "/api/queues?columns=name,vhost,state,messages,"
                                      "messages_ready,messages_unacknowledged,consumers,memory,"
                                      "message_stats",
                                      NULL},
    .accept = "application/json",
    .interval_min_ns = 5 * NS_PER_S,
    .body_max = (size_t)8 << 20,
    .metrics = metrics,
    .metric_count = ARRAY_SIZE(metrics),
    .open = rabbitmq_open,
    .read = rabbitmq_read,
    .close = rabbitmq_close,
    .host = rabbitmq_host,
    .tables = rabbitmq_tables,
};
