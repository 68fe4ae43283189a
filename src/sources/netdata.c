/* Adapter for netdata, /api/v1/allmetrics: one answer with every chart. A machine's charts are put
 * under our own names; all others are series of metrics named after their context.
 *
 * netdata tells rates, not counters: they are summed up again. What goes out it writes as negative
 * numbers, for its charts; and it leaves idle CPU time out. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter.h"
#include "adapters.h"
#include "flametop/base/hash.h"
#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "json_read.h"
#include "native.h"

enum { CHARTS_MAX = 20000, NAME_BYTES = 128 };

#define KIB 1024.0
#define MIB 1048576.0
#define GIB 1073741824.0
#define KILOBIT 125.0
#define MILLISECOND 1e-3

/* What a rule's last label is: a chart is of one device, interface, core or mount point. */
enum subject { OF_MACHINE, OF_DISK, OF_INTERFACE, OF_MOUNT };

static const struct rule {
    const char *context, *dimension;
    const char *metric, *other; /* other: of logical disks and virtual interfaces */
    const char *key, *value;    /* a fixed label, or NULL */
    enum subject subject;
    bool rate; /* to be summed up */
    double scale;
} rules[] = {
    /* clang-format off */
    {"system.load", "load1", "system.cpu.load_average.1m", NULL, NULL, NULL, OF_MACHINE, false, 1},
    {"system.load", "load5", "system.cpu.load_average.5m", NULL, NULL, NULL, OF_MACHINE, false, 1},
    {"system.load", "load15", "system.cpu.load_average.15m", NULL, NULL, NULL, OF_MACHINE, false, 1},
    {"system.processes", "running", "system.cpu.run_queue", NULL, NULL, NULL, OF_MACHINE, false, 1},
    {"system.processes", "blocked", "system.cpu.blocked", NULL, NULL, NULL, OF_MACHINE, false, 1},
    {"system.processes_state", "running", "system.process.count", NULL, "state", "running", OF_MACHINE, false, 1},
    {"system.processes_state", "sleeping_interruptible", "system.process.count", NULL, "state", "sleeping", OF_MACHINE, false, 1},
    {"system.processes_state", "sleeping_uninterruptible", "system.process.count", NULL, "state", "uninterruptible", OF_MACHINE, false, 1},
    {"system.processes_state", "zombie", "system.process.count", NULL, "state", "defunct", OF_MACHINE, false, 1},
    {"system.processes_state", "stopped", "system.process.count", NULL, "state", "stopped", OF_MACHINE, false, 1},
    {"system.ctxt", "switches", "system.cpu.context_switches", NULL, NULL, NULL, OF_MACHINE, true, 1},
    {"system.intr", "interrupts", "system.cpu.interrupts", NULL, NULL, NULL, OF_MACHINE, true, 1},
    {"system.forks", "started", "system.process.forks", NULL, NULL, NULL, OF_MACHINE, true, 1},
    {"system.uptime", "uptime", "system.uptime", NULL, NULL, NULL, OF_MACHINE, false, 1},
    {"system.cpu_some_pressure_stall_time", "time", "system.pressure.some", NULL, "resource", "cpu", OF_MACHINE, true, MILLISECOND},
    {"system.memory_some_pressure_stall_time", "time", "system.pressure.some", NULL, "resource", "memory", OF_MACHINE, true, MILLISECOND},
    {"system.memory_full_pressure_stall_time", "time", "system.pressure.full", NULL, "resource", "memory", OF_MACHINE, true, MILLISECOND},
    {"system.io_some_pressure_stall_time", "time", "system.pressure.some", NULL, "resource", "io", OF_MACHINE, true, MILLISECOND},
    {"system.io_full_pressure_stall_time", "time", "system.pressure.full", NULL, "resource", "io", OF_MACHINE, true, MILLISECOND},
    {"system.ram", "free", "system.memory.free", NULL, NULL, NULL, OF_MACHINE, false, MIB},
    {"system.ram", "cached", "system.memory.cached", NULL, NULL, NULL, OF_MACHINE, false, MIB},
    {"system.ram", "buffers", "system.memory.buffers", NULL, NULL, NULL, OF_MACHINE, false, MIB},
    {"mem.available", "MemAvailable", "system.memory.available", NULL, NULL, NULL, OF_MACHINE, false, MIB},
    {"mem.available", "avail", "system.memory.available", NULL, NULL, NULL, OF_MACHINE, false, MIB},
    {"mem.committed", "Committed_AS", "system.memory.committed", NULL, NULL, NULL, OF_MACHINE, false, MIB},
    {"mem.writeback", "Dirty", "system.memory.dirty", NULL, NULL, NULL, OF_MACHINE, false, MIB},
    {"mem.writeback", "Writeback", "system.memory.writeback", NULL, NULL, NULL, OF_MACHINE, false, MIB},
    {"mem.kernel", "KernelStack", "system.memory.kernel_stack", NULL, NULL, NULL, OF_MACHINE, false, MIB},
    {"mem.kernel", "PageTables", "system.memory.page_tables", NULL, NULL, NULL, OF_MACHINE, false, MIB},
    {"mem.slab", "reclaimable", "system.memory.slab", NULL, "state", "reclaimable", OF_MACHINE, false, MIB},
    {"mem.slab", "unreclaimable", "system.memory.slab", NULL, "state", "unreclaimable", OF_MACHINE, false, MIB},
    {"mem.pgfaults", "major", "system.paging.faults", NULL, "type", "major", OF_MACHINE, true, 1},
    {"mem.pgfaults", "minor", "system.paging.faults", NULL, "type", "minor", OF_MACHINE, true, 1},
    {"mem.oom_kill", "kills", "system.memory.oom_kills", NULL, NULL, NULL, OF_MACHINE, true, 1},
    {"mem.swapio", "in", "system.swap.io", NULL, "direction", "in", OF_MACHINE, true, KIB},
    {"mem.swapio", "out", "system.swap.io", NULL, "direction", "out", OF_MACHINE, true, KIB},
    {"system.swapio", "in", "system.swap.io", NULL, "direction", "in", OF_MACHINE, true, KIB},
    {"system.swapio", "out", "system.swap.io", NULL, "direction", "out", OF_MACHINE, true, KIB},
    {"disk.io", "reads", "system.disk.io", "system.disk.logical.io", "direction", "read", OF_DISK, true, KIB},
    {"disk.io", "writes", "system.disk.io", "system.disk.logical.io", "direction", "write", OF_DISK, true, KIB},
    {"disk.ops", "reads", "system.disk.operations", "system.disk.logical.operations", "direction", "read", OF_DISK, true, 1},
    {"disk.ops", "writes", "system.disk.operations", "system.disk.logical.operations", "direction", "write", OF_DISK, true, 1},
    {"disk.mops", "reads", "system.disk.merged", "system.disk.logical.merged", "direction", "read", OF_DISK, true, 1},
    {"disk.mops", "writes", "system.disk.merged", "system.disk.logical.merged", "direction", "write", OF_DISK, true, 1},
    {"disk.iotime", "reads", "system.disk.operation_time", "system.disk.logical.operation_time", "direction", "read", OF_DISK, true, MILLISECOND},
    {"disk.iotime", "writes", "system.disk.operation_time", "system.disk.logical.operation_time", "direction", "write", OF_DISK, true, MILLISECOND},
    {"disk.busy", "busy", "system.disk.io_time", "system.disk.logical.io_time", NULL, NULL, OF_DISK, true, MILLISECOND},
    {"disk.backlog", "backlog", "system.disk.weighted_io_time", "system.disk.logical.weighted_io_time", NULL, NULL, OF_DISK, true, MILLISECOND},
    {"disk.qops", "operations", "system.disk.pending_operations", "system.disk.logical.pending_operations", NULL, NULL, OF_DISK, false, 1},
    {"net.net", "received", "system.network.io", "system.network.virtual.io", "direction", "receive", OF_INTERFACE, true, KILOBIT},
    {"net.net", "sent", "system.network.io", "system.network.virtual.io", "direction", "transmit", OF_INTERFACE, true, KILOBIT},
    {"net.packets", "received", "system.network.packets", "system.network.virtual.packets", "direction", "receive", OF_INTERFACE, true, 1},
    {"net.packets", "sent", "system.network.packets", "system.network.virtual.packets", "direction", "transmit", OF_INTERFACE, true, 1},
    {"net.errors", "inbound", "system.network.errors", "system.network.virtual.errors", "direction", "receive", OF_INTERFACE, true, 1},
    {"net.errors", "outbound", "system.network.errors", "system.network.virtual.errors", "direction", "transmit", OF_INTERFACE, true, 1},
    {"net.drops", "inbound", "system.network.dropped", "system.network.virtual.dropped", "direction", "receive", OF_INTERFACE, true, 1},
    {"net.drops", "outbound", "system.network.dropped", "system.network.virtual.dropped", "direction", "transmit", OF_INTERFACE, true, 1},
    {"disk.space", "avail", "system.filesystem.usage", NULL, "state", "free", OF_MOUNT, false, GIB},
    {"disk.space", "used", "system.filesystem.usage", NULL, "state", "used", OF_MOUNT, false, GIB},
    {"disk.space", "reserved_for_root", "system.filesystem.usage", NULL, "state", "reserved", OF_MOUNT, false, GIB},
    {"disk.inodes", "avail", "system.filesystem.inodes.usage", NULL, "state", "free", OF_MOUNT, false, 1},
    {"disk.inodes", "used", "system.filesystem.inodes.usage", NULL, "state", "used", OF_MOUNT, false, 1},
    /* clang-format on */
};

/* What one dimension of a chart is; kept, so that the rules are searched once. */
struct dimension {
    int column; /* of what has no rule; -1: none */
    const struct rule *rule;
    const char *metric, *labels; /* with a rule */
};

struct agent {
    struct native native;
    struct map dimensions; /* hash of chart and dimension -> dimension */
    struct arena arena;
    char host[128], version[64], kernel[128];
    unsigned cores;
    double uptime_s;
};

static const struct rule *
rule_of(const char *context, const char *dimension)
{
    for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
        if (strcmp(rules[i].context, context) == 0 && strcmp(rules[i].dimension, dimension) == 0) {
            return &rules[i];
        }
    }
    return NULL;
}

/* Where temporary files and devices live, not data. */
static bool
is_pseudo_mount(const char *mount)
{
    static const char *const roots[] = {"/dev", "/run", "/sys", "/proc"};
    for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
        size_t n = strlen(roots[i]);
        if (strncmp(mount, roots[i], n) == 0 && (mount[n] == '\0' || mount[n] == '/')) {
            return true;
        }
    }
    return false;
}

/* The device is the id behind the dot, the mount point the family. False: not to be shown. */
static bool
name_subject(const struct rule *rule, const cJSON *chart, const char *id, char *dst, size_t size,
             bool *ret_other)
{
    const char *dot = strchr(id, '.');
    *ret_other = false;
    if (rule->subject == OF_MOUNT) {
        json_text_at(chart, "family", dst, size);
        return dst[0] != '\0' && !is_pseudo_mount(dst);
    }
    utf8_clean(str_from(dot != NULL ? dot + 1 : id), dst, size);
    if (rule->subject == OF_DISK) {
        *ret_other = native_is_logical_disk(str_from(dst));
        return !native_is_partition(str_from(dst));
    }
    *ret_other = rule->subject == OF_INTERFACE && native_is_virtual_interface(str_from(dst));
    return true;
}

static void
follow_rule(struct agent *agent, struct dimension *dimension, const struct rule *rule,
            const cJSON *chart, const char *id)
{
    static const char *const keys[] = {"", "device", "interface", "mountpoint"};
    char labels[NATIVE_LABELS] = "", subject[256];
    bool other = false;
    if (!name_subject(rule, chart, id, subject, sizeof(subject), &other)) {
        return;
    }
    if (rule->subject != OF_MACHINE) {
        labels_add(labels, sizeof(labels), keys[rule->subject], str_from(subject));
    }
    if (rule->key != NULL) {
        labels_add(labels, sizeof(labels), rule->key, str_from(rule->value));
    }
    dimension->rule = rule;
    dimension->metric = other ? rule->other : rule->metric;
    dimension->labels = arena_text(&agent->arena, labels, strlen(labels));
}

/* A metric for a chart that is not of ours. */
static int
define(struct batch *batch, const cJSON *chart, const char *id, const char *name)
{
    char context[NAME_BYTES], units[48], metric_name[NAME_BYTES + 16], text[200];
    char labels[NATIVE_LABELS] = "", clean[256];
    json_text_at(chart, "context", context, sizeof(context));
    json_text_at(chart, "units", units, sizeof(units));
    snprintf(metric_name, sizeof(metric_name), "netdata.%s", context);
    for (char *c = metric_name; *c != '\0'; c++) {
        bool fine = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                    (*c >= '0' && *c <= '9') || *c == '.' || *c == '_';
        *c = fine ? *c : '_';
    }
    snprintf(text, sizeof(text), "A chart of netdata, in %s.", units);
    utf8_clean(str_from(id), clean, sizeof(clean));
    labels_add(labels, sizeof(labels), "chart", str_from(clean));
    utf8_clean(str_from(name), clean, sizeof(clean));
    labels_add(labels, sizeof(labels), "dimension", str_from(clean));
    const struct metric *metric = catalog_define(
        batch->catalog,
        &(struct metric){
            .name = metric_name, .unit = "", .labels = "chart dimension", .text = text});
    if (metric == NULL) {
        batch->dropped++;
        return -1;
    }
    return batch_column(batch, metric, labels);
}

static struct dimension *
dimension_of(struct agent *agent, struct batch *batch, const cJSON *chart, const cJSON *item)
{
    uint64_t key = hash_mix(hash_text(chart->string), hash_text(item->string));
    struct dimension *dimension = map_get(&agent->dimensions, key);
    if (dimension != NULL) {
        return dimension;
    }
    bool room = agent->dimensions.count < CHARTS_MAX; /* or each reading would take memory */
    dimension = room ? arena_new(&agent->arena, struct dimension) : NULL;
    if (dimension == NULL || !map_put(&agent->dimensions, key, dimension)) {
        batch->dropped++;
        return NULL;
    }
    char context[NAME_BYTES];
    json_text_at(chart, "context", context, sizeof(context));
    dimension->column = -1;
    const struct rule *rule = rule_of(context, item->string);
    if (rule != NULL) {
        follow_rule(agent, dimension, rule, chart, chart->string);
    } else {
        dimension->column = define(batch, chart, chart->string, item->string);
    }
    return dimension;
}

static void
take_dimension(struct agent *agent, struct batch *batch, const cJSON *chart, const cJSON *item)
{
    double value = json_number_at(item, "value");
    struct dimension *dimension = dimension_of(agent, batch, chart, item);
    if (dimension == NULL || isnan(value)) {
        return;
    }
    if (dimension->rule == NULL) {
        batch_set(batch, dimension->column, value);
        return;
    }
    value = fabs(value) * dimension->rule->scale;
    if (dimension->rule->rate) {
        native_add(&agent->native, batch, dimension->metric, dimension->labels, value);
    } else {
        native_put(&agent->native, batch, dimension->metric, dimension->labels, value);
    }
}

/* Per cent of each state but idle; guests are told apart from user and nice there. */
static void
take_core(struct agent *agent, struct batch *batch, const cJSON *chart)
{
    static const struct {
        const char *dimension, *state;
    } rows[] = {
        {"user", "user"},       {"guest", "user"},    {"nice", "nice"},
        {"guest_nice", "nice"}, {"system", "system"}, {"irq", "irq"},
        {"softirq", "softirq"}, {"steal", "steal"},   {"iowait", "iowait"},
    };
    const cJSON *dimensions = json_at(chart, "dimensions");
    const char *digits = chart->string + strcspn(chart->string, "0123456789");
    double shares[ARRAY_SIZE(rows)], busy = 0;
    bool known = false; /* a chart without values says nothing, not that the core idles */
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char path[32];
        snprintf(path, sizeof(path), "%s.value", rows[i].dimension);
        double share = json_number_at(dimensions, path) / 100;
        known |= !isnan(share);
        shares[i] = isnan(share) ? 0 : CLAMP(share, 0, 1);
        busy += shares[i];
    }
    if (!known) {
        return;
    }
    char labels[NATIVE_LABELS];
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        bool first = i == 0 || strcmp(rows[i].state, rows[i - 1].state) != 0;
        bool joined = i + 1 < ARRAY_SIZE(rows) && strcmp(rows[i].state, rows[i + 1].state) == 0;
        if (first) {
            native_labels(labels, "cpu", str_from(digits), "state", rows[i].state);
            native_add(&agent->native, batch, "system.cpu.time", labels,
                       shares[i] + (joined ? shares[i + 1] : 0));
        }
    }
    native_labels(labels, "cpu", str_from(digits), "state", "idle");
    native_add(&agent->native, batch, "system.cpu.time", labels, MAX(1 - busy, 0));
    agent->cores++;
}

/* What is made of several dimensions. */
static void
take_sums(struct agent *agent, struct batch *batch, const cJSON *root)
{
    static const char *const parts[] = {"free", "used", "cached", "buffers"};
    const cJSON *ram = cJSON_GetObjectItemCaseSensitive(root, "system.ram");
    const cJSON *swap = cJSON_GetObjectItemCaseSensitive(root, "mem.swap");
    swap = swap != NULL ? swap : cJSON_GetObjectItemCaseSensitive(root, "system.swap");
    double limit = 0;
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        char path[40];
        snprintf(path, sizeof(path), "dimensions.%s.value", parts[i]);
        limit += json_number_at(ram, path);
    }
    const cJSON *uptime = cJSON_GetObjectItemCaseSensitive(root, "system.uptime");
    double seconds = json_number_at(uptime, "dimensions.uptime.value");
    agent->uptime_s = seconds > 0 ? seconds : 0;
    double swap_free = json_number_at(swap, "dimensions.free.value");
    double swap_used = json_number_at(swap, "dimensions.used.value");
    native_put(&agent->native, batch, "system.memory.limit", "", limit * MIB);
    native_put(&agent->native, batch, "system.swap.free", "", swap_free * MIB);
    native_put(&agent->native, batch, "system.swap.limit", "", (swap_free + swap_used) * MIB);
    if (agent->cores > 0) {
        native_put(&agent->native, batch, "system.cpu.logical.count", "", (double)agent->cores);
    }
}

static void
take_charts(struct agent *agent, struct batch *batch, const cJSON *root)
{
    const cJSON *chart, *item;
    native_begin(&agent->native, batch);
    agent->cores = 0;
    cJSON_ArrayForEach(chart, root)
    {
        char context[NAME_BYTES];
        if (chart->string == NULL || !cJSON_IsObject(chart)) {
            continue;
        }
        json_text_at(chart, "context", context, sizeof(context));
        if (strcmp(context, "cpu.cpu") == 0) {
            take_core(agent, batch, chart);
            continue;
        }
        cJSON_ArrayForEach(item, json_at(chart, "dimensions"))
        {
            if (item->string != NULL) {
                take_dimension(agent, batch, chart, item);
            }
        }
    }
    take_sums(agent, batch, root);
}

static void
take_info(struct agent *agent, const cJSON *info)
{
    char name[64], version[32];
    const cJSON *host = cJSON_GetArrayItem(json_at(info, "mirrored_hosts"), 0);
    utf8_clean(cJSON_IsString(host) ? str_from(host->valuestring) : STR(""), agent->host,
               sizeof(agent->host));
    json_text_at(info, "os_name", name, sizeof(name));
    json_text_at(info, "version", version, sizeof(version));
    snprintf(agent->version, sizeof(agent->version), name[0] != '\0' ? "%s" : "netdata %s",
             name[0] != '\0' ? name : version);
    json_text_at(info, "kernel_version", agent->kernel, sizeof(agent->kernel));
}

static bool
netdata_read(void *state, const struct str *bodies, struct batch *batch)
{
    struct agent *agent = state;
    cJSON *root = json_parse(bodies[0]), *info = json_parse(bodies[1]);
    bool good = cJSON_IsObject(root);
    if (good) {
        take_charts(agent, batch, root);
    }
    if (info != NULL) {
        take_info(agent, info);
    }
    cJSON_Delete(root);
    cJSON_Delete(info);
    return good;
}

static void *
netdata_open(const struct adapter_setup *setup)
{
    struct agent *agent = calloc(1, sizeof(*agent));
    (void)setup;
    if (agent != NULL) {
        native_init(&agent->native);
        map_init(&agent->dimensions, CHARTS_MAX);
        arena_init(&agent->arena, (size_t)8 << 20);
    }
    return agent;
}

static void
netdata_close(void *state)
{
    struct agent *agent = state;
    native_done(&agent->native);
    map_done(&agent->dimensions);
    arena_done(&agent->arena);
    free(agent);
}

static bool
netdata_host(const void *state, struct host *ret_host)
{
    const struct agent *agent = state;
    if (agent->host[0] == '\0') {
        return false;
    }
    *ret_host = (struct host){.name = agent->host,
                              .system = agent->version,
                              .kernel = agent->kernel,
                              .virtualization = "",
                              .cores = (int)agent->cores,
                              .uptime_s = agent->uptime_s};
    return true;
}

static bool
netdata_recognizes(const struct adapter_answer *answer)
{
    return answer->status == 200 && str_starts(str_trim(answer->body), "{") &&
           memmem(answer->body.p, answer->body.n, "\"mirrored_hosts\"", 16) != NULL;
}

const struct adapter adapter_netdata = {
    .name = "netdata",
    .text = "netdata: a machine, and every other chart it has.",
    .probes = (const char *const[]){"/api/v1/info", NULL},
    .recognizes = netdata_recognizes,
    .requests = (const char *const[]){"/api/v1/allmetrics?format=json", "/api/v1/info", NULL},
    .accept = "application/json",
    .body_max = (size_t)16 << 20,
    .open = netdata_open,
    .read = netdata_read,
    .close = netdata_close,
    .host = netdata_host,
};
