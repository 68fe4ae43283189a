/* Adapter for Glances' web server, API 3 and 4 (docs/api.rst there): a machine as psutil sees it,
 * under our own names.
 *
 * CPU comes in per cent only, so its time is summed up from them; network is counted there; disks
 * are counted in version 4 and told as what passed since the last update in version 3. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter.h"
#include "adapters.h"
#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "json_read.h"
#include "native.h"
#include "proc_process.h"

enum { ITEMS_MAX = 512, ROWS_MAX = 5000, COMMAND_BYTES = 512 };

struct machine {
    struct native native;
    char host[128], system[128], kernel[128];
    int cores;
    double uptime_s;
};

static const cJSON *
list_of(const cJSON *root, const char *name)
{
    const cJSON *list = json_at(root, name);
    return cJSON_IsArray(list) ? list : NULL;
}

/* ---- cpu, memory, load ---- */

static void
take_cpu(struct machine *machine, struct batch *batch, const cJSON *cpu, const char *name,
         double cores)
{
    static const char *const states[] = {"user",   "nice", "system",  "idle",
                                         "iowait", "irq",  "softirq", "steal"};
    for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
        char labels[NATIVE_LABELS];
        native_labels(labels, "cpu", str_from(name), "state", states[i]);
        native_add(&machine->native, batch, "system.cpu.time", labels,
                   json_number_at(cpu, states[i]) / 100 * cores);
    }
}

static void
take_cpus(struct machine *machine, struct batch *batch, const cJSON *root)
{
    const cJSON *cpu, *list = list_of(root, "percpu");
    double cores = json_number_at(root, "load.cpucore");
    size_t n = 0;
    cJSON_ArrayForEach(cpu, list)
    {
        double number = json_number_at(cpu, "cpu_number");
        char name[24];
        if (!(number >= 0 && number < 4096)) {
            continue;
        }
        if (n == ITEMS_MAX) {
            break;
        }
        n++;
        snprintf(name, sizeof(name), "%.0f", number);
        take_cpu(machine, batch, cpu, name, 1);
    }
    if (n == 0) { /* all of them as one */
        take_cpu(machine, batch, json_at(root, "cpu"), "all", isnan(cores) ? 1 : cores);
    }
    cores = isnan(cores) ? (double)n : cores;
    if (cores >= 1 && cores < 4096) {
        machine->cores = (int)cores;
        native_put(&machine->native, batch, "system.cpu.logical.count", "", cores);
    }
}

static void
take_plain(struct machine *machine, struct batch *batch, const cJSON *root)
{
    static const struct {
        const char *path, *metric, *labels;
    } rows[] = {
        {"load.min1", "system.cpu.load_average.1m", ""},
        {"load.min5", "system.cpu.load_average.5m", ""},
        {"load.min15", "system.cpu.load_average.15m", ""},
        {"mem.total", "system.memory.limit", ""},
        {"mem.available", "system.memory.available", ""},
        {"mem.buffers", "system.memory.buffers", ""},
        {"mem.cached", "system.memory.cached", ""},
        {"mem.shared", "system.memory.shared", ""},
        {"memswap.total", "system.swap.limit", ""},
        {"memswap.free", "system.swap.free", ""},
        {"memswap.sin", "system.swap.io", "direction=in"},
        {"memswap.sout", "system.swap.io", "direction=out"},
        {"processcount.running", "system.process.count", "state=running"},
        {"processcount.running", "system.cpu.run_queue", ""},
        {"processcount.sleeping", "system.process.count", "state=sleeping"},
        {"processcount.thread", "system.thread.count", ""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        native_put(&machine->native, batch, rows[i].metric, rows[i].labels,
                   json_number_at(root, rows[i].path));
    }
}

/* What passed since the last update, as a rate; NaN while there was none. */
static double
rate_of(const cJSON *item, const char *key)
{
    double seconds = json_number_at(item, "time_since_update");
    return seconds > 0 ? json_number_at(item, key) / seconds : NAN;
}

static void
take_switches(struct machine *machine, struct batch *batch, const cJSON *root)
{
    const cJSON *cpu = json_at(root, "cpu");
    native_add(&machine->native, batch, "system.cpu.context_switches", "",
               rate_of(cpu, "ctx_switches"));
    native_add(&machine->native, batch, "system.cpu.interrupts", "", rate_of(cpu, "interrupts"));
}

/* Differences of what was read at two moments may come out below 0; unknown stays so. */
static double
not_negative(double value)
{
    return value < 0 ? 0 : value;
}

/* ---- network, disks, file systems, sensors ---- */

static void
take_interface(struct machine *machine, struct batch *batch, const cJSON *item)
{
    static const struct {
        const char *direction, *count, *count_before;
    } rows[] = {
        {"receive", "bytes_recv_gauge", "cumulative_rx"},
        {"transmit", "bytes_sent_gauge", "cumulative_tx"},
    };
    char name[64], labels[NATIVE_LABELS];
    json_text_at(item, "interface_name", name, sizeof(name));
    bool other = native_is_virtual_interface(str_from(name));
    for (size_t i = 0; i < ARRAY_SIZE(rows) && name[0] != '\0'; i++) {
        double count = json_number_at(item, rows[i].count);
        count = isnan(count) ? json_number_at(item, rows[i].count_before) : count;
        native_labels(labels, "interface", str_from(name), "direction", rows[i].direction);
        native_put(&machine->native, batch,
                   other ? "system.network.virtual.io" : "system.network.io", labels, count);
    }
    double speed = json_number_at(item, "speed") / 8;
    if (speed > 0 && !other) {
        native_labels(labels, "interface", str_from(name), NULL, NULL);
        native_put(&machine->native, batch, "system.network.link.limit", labels, speed);
    }
}

static void
take_disk(struct machine *machine, struct batch *batch, const cJSON *item)
{
    static const struct {
        const char *direction, *passed, *count, *metric, *other;
    } rows[] = {
        {"read", "read_bytes", "read_bytes_gauge", "system.disk.io", "system.disk.logical.io"},
        {"write", "write_bytes", "write_bytes_gauge", "system.disk.io", "system.disk.logical.io"},
        {"read", "read_count", "read_count_gauge", "system.disk.operations",
         "system.disk.logical.operations"},
        {"write", "write_count", "write_count_gauge", "system.disk.operations",
         "system.disk.logical.operations"},
    };
    char name[64], labels[NATIVE_LABELS];
    json_text_at(item, "disk_name", name, sizeof(name));
    if (name[0] == '\0' || native_is_partition(str_from(name))) {
        return;
    }
    bool other = native_is_logical_disk(str_from(name));
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *metric = other ? rows[i].other : rows[i].metric;
        double count = json_number_at(item, rows[i].count);
        native_labels(labels, "device", str_from(name), "direction", rows[i].direction);
        if (!isnan(count)) {
            native_put(&machine->native, batch, metric, labels, count);
        } else {
            native_add(&machine->native, batch, metric, labels, rate_of(item, rows[i].passed));
        }
    }
}

static void
take_filesystem(struct machine *machine, struct batch *batch, const cJSON *item)
{
    char name[256], labels[NATIVE_LABELS];
    double size = json_number_at(item, "size"), used = json_number_at(item, "used"),
           free_bytes = json_number_at(item, "free");
    json_text_at(item, "mnt_point", name, sizeof(name));
    const struct {
        const char *state;
        double value;
    } rows[] = {{"used", used}, {"free", free_bytes}, {"reserved", size - used - free_bytes}};
    for (size_t i = 0; i < ARRAY_SIZE(rows) && name[0] != '\0'; i++) {
        native_labels(labels, "mountpoint", str_from(name), "state", rows[i].state);
        native_put(&machine->native, batch, "system.filesystem.usage", labels,
                   not_negative(rows[i].value));
    }
}

static void
take_sensor(struct machine *machine, struct batch *batch, const cJSON *item)
{
    char name[96], unit[8], labels[NATIVE_LABELS];
    double value = json_number_at(item, "value");
    json_text_at(item, "label", name, sizeof(name));
    json_text_at(item, "unit", unit, sizeof(unit));
    bool fahrenheit = strcmp(unit, "F") == 0;
    if (name[0] != '\0' && (strcmp(unit, "C") == 0 || fahrenheit)) {
        native_labels(labels, "sensor", str_from(name), NULL, NULL);
        native_put(&machine->native, batch, "hw.temperature", labels,
                   fahrenheit ? (value - 32) / 1.8 : value);
    }
}

static void
take_list(struct machine *machine, struct batch *batch, const cJSON *root, const char *name,
          void (*take)(struct machine *, struct batch *, const cJSON *))
{
    const cJSON *item, *list = list_of(root, name);
    size_t n = 0;
    cJSON_ArrayForEach(item, list)
    {
        if (cJSON_IsObject(item) && n++ < ITEMS_MAX) {
            take(machine, batch, item);
        }
    }
}

/* ---- processes ---- */

/* The words of a command line, cleaned; version 4 may send them joined. */
static const char *
command_of(const cJSON *item, struct arena *arena)
{
    char text[COMMAND_BYTES] = "", clean[COMMAND_BYTES];
    size_t n = 0;
    const cJSON *word, *line = json_at(item, "cmdline");
    if (cJSON_IsString(line)) {
        return json_cell_at(item, "cmdline", arena);
    }
    line = cJSON_IsArray(line) ? line : NULL;
    cJSON_ArrayForEach(word, line)
    {
        if (cJSON_IsString(word) && n < sizeof(text)) {
            int wrote =
                snprintf(text + n, sizeof(text) - n, "%s%s", n > 0 ? " " : "", word->valuestring);
            n += (size_t)MAX(wrote, 0);
        }
    }
    utf8_clean(str_from(text), clean, sizeof(clean));
    return clean[0] != '\0' ? arena_text(arena, clean, strlen(clean)) : NULL;
}

/* A member that is a list in version 3 and an object in version 4. */
static double
part_of(const cJSON *item, const char *member, int place, const char *key)
{
    const cJSON *at = json_at(item, member);
    return cJSON_IsArray(at) ? json_number(cJSON_GetArrayItem(at, place)) : json_number_at(at, key);
}

static int64_t
whole(double value)
{
    return fabs(value) < 1e15 ? (int64_t)value : CELL_UNKNOWN;
}

static void
take_process(const cJSON *item, struct arena *arena, union cell *row)
{
    double seconds = json_number_at(item, "time_since_update");
    const cJSON *io = json_at(item, "io_counters");
    row[PROCESS_PID].integer = whole(json_number_at(item, "pid"));
    row[PROCESS_OWNER].text = json_cell_at(item, "username", arena);
    row[PROCESS_STATE].text = json_cell_at(item, "status", arena);
    row[PROCESS_CPU].real = json_number_at(item, "cpu_percent") / 100;
    row[PROCESS_MEMORY].real = part_of(item, "memory_info", 0, "rss");
    row[PROCESS_MEMORY_VIRTUAL].real = part_of(item, "memory_info", 1, "vms");
    row[PROCESS_CPU_TIME].real =
        part_of(item, "cpu_times", 0, "user") + part_of(item, "cpu_times", 1, "system");
    row[PROCESS_THREADS].integer = whole(json_number_at(item, "num_threads"));
    row[PROCESS_NICE].integer = whole(json_number_at(item, "nice"));
    row[PROCESS_NAME].text = json_cell_at(item, "name", arena);
    row[PROCESS_COMMAND].text = command_of(item, arena);
    /* read, written, the same before, and whether they could be read */
    if (cJSON_GetArraySize(io) >= 5 && seconds > 0 && json_number(cJSON_GetArrayItem(io, 4)) > 0) {
        double at[4];
        for (int i = 0; i < 4; i++) {
            at[i] = json_number(cJSON_GetArrayItem(io, i));
        }
        row[PROCESS_DISK_READ].real = not_negative(at[0] - at[2]) / seconds;
        row[PROCESS_DISK_WRITE].real = not_negative(at[1] - at[3]) / seconds;
    }
}

static void
take_processes(const cJSON *root, struct batch *batch)
{
    const cJSON *item, *list = list_of(root, "processlist");
    size_t total = (size_t)cJSON_GetArraySize(list);
    struct table *table =
        list != NULL ? batch_table(batch, &process_table_def, MIN(total, (size_t)ROWS_MAX)) : NULL;
    if (table == NULL) {
        return;
    }
    cJSON_ArrayForEach(item, list)
    {
        union cell *row = isnan(json_number_at(item, "pid")) || table->count == ROWS_MAX
                              ? NULL
                              : table_add(table, batch->arena);
        if (row != NULL) {
            take_process(item, batch->arena, row);
        }
    }
    table->total = total;
}

/* ---- the machine ---- */

/* "5:46:00", "3 days, 5:46:00" */
static double
parse_uptime(struct str text)
{
    uint64_t days = 0, hours, minutes, seconds;
    struct str word, rest = text;
    if (memmem(text.p, text.n, "day", 3) != NULL) {
        if (!str_u64(&rest, &days) || !str_until(&rest, ',', &word)) {
            return NAN;
        }
    }
    if (!str_u64(&rest, &hours) || !str_until(&rest, ':', &word) || !str_u64(&rest, &minutes) ||
        !str_until(&rest, ':', &word) || !str_u64(&rest, &seconds)) {
        return NAN;
    }
    return (double)days * 86400 + (double)hours * 3600 + (double)minutes * 60 + (double)seconds;
}

static void
take_machine(struct machine *machine, struct batch *batch, const cJSON *root)
{
    char text[64];
    json_text_at(root, "system.hostname", machine->host, sizeof(machine->host));
    json_text_at(root, "system.linux_distro", machine->system, sizeof(machine->system));
    if (machine->system[0] == '\0') {
        json_text_at(root, "system.os_name", machine->system, sizeof(machine->system));
    }
    json_text_at(root, "system.os_version", machine->kernel, sizeof(machine->kernel));
    json_text_at(root, "uptime", text, sizeof(text));
    double uptime = parse_uptime(str_from(text));
    machine->uptime_s = isnan(uptime) ? machine->uptime_s : uptime;
    native_put(&machine->native, batch, "system.uptime", "", uptime);
}

static bool
glances_read(void *state, const struct str *bodies, struct batch *batch)
{
    struct machine *machine = state;
    cJSON *root = json_parse(bodies[0]);
    bool good = cJSON_IsObject(json_at(root, "cpu")) && cJSON_IsObject(json_at(root, "mem"));
    if (good) {
        native_begin(&machine->native, batch);
        take_machine(machine, batch, root);
        take_cpus(machine, batch, root);
        take_plain(machine, batch, root);
        take_switches(machine, batch, root);
        take_list(machine, batch, root, "network", take_interface);
        take_list(machine, batch, root, "diskio", take_disk);
        take_list(machine, batch, root, "fs", take_filesystem);
        take_list(machine, batch, root, "sensors", take_sensor);
        take_processes(root, batch);
    }
    cJSON_Delete(root);
    return good;
}

static void *
glances_open(const struct adapter_setup *setup)
{
    struct machine *machine = calloc(1, sizeof(*machine));
    (void)setup;
    if (machine != NULL) {
        native_init(&machine->native);
    }
    return machine;
}

static void
glances_close(void *state)
{
    struct machine *machine = state;
    native_done(&machine->native);
    free(machine);
}

static bool
glances_host(const void *state, struct host *ret_host)
{
    const struct machine *machine = state;
    if (machine->host[0] == '\0') {
        return false;
    }
    *ret_host = (struct host){.name = machine->host,
                              .system = machine->system,
                              .kernel = machine->kernel,
                              .virtualization = "",
                              .cores = machine->cores,
                              .uptime_s = machine->uptime_s};
    return true;
}

static const struct table_def *const *
glances_tables(const void *state, size_t *ret_count)
{
    static const struct table_def *const tables[] = {&process_table_def};
    (void)state;
    *ret_count = ARRAY_SIZE(tables);
    return tables;
}

/* The list of plugins, which no other server has at that path. */
static bool
glances_recognizes(const struct adapter_answer *answer)
{
    struct str body = str_trim(answer->body);
    return (answer->status == 200 && str_starts(body, "[") &&
            memmem(body.p, body.n, "\"processlist\"", 13) != NULL) ||
           (answer->status == 401 && strcasestr(answer->realm, "glances") != NULL);
}

#define GLANCES(version_)                                                                          \
    {                                                                                              \
        .name = "glances", .text = "Glances' web server: a machine and its processes.",            \
        .probes = (const char *const[]){"/api/" version_ "/pluginslist", NULL},                    \
        .recognizes = glances_recognizes,                                                          \
        .requests = (const char *const[]){"/api/" version_ "/all", NULL},                          \
        .accept = "application/json", .interval_min_ns = 2 * NS_PER_S,                             \
        .body_max = (size_t)16 << 20, .open = glances_open, .read = glances_read,                  \
        .close = glances_close, .host = glances_host, .tables = glances_tables,                    \
    }

const struct adapter adapter_glances_4 = GLANCES("4");
const struct adapter adapter_glances_3 = GLANCES("3");
