/* What node_exporter calls things, and what we do: a table, and the few that take arithmetic. */
#include "node_exporter.h"

#include <math.h>
#include <string.h>

#include "flametop/base/macros.h"

enum rule_kind {
    RULE_PLAIN,
    RULE_DISK,      /* physical, logical or left out, by its name */
    RULE_INTERFACE, /* physical or virtual, by its name */
    RULE_CPU,
    RULE_MOUNT, /* `at`: offset of the member of node_mount */
    RULE_BOOT,
    RULE_NOW,
    RULE_UNAME,
    RULE_SYSTEM,
};

/* In `labels` "ours=$theirs" takes a label's value over; without $ it is fixed. */
struct node_rule {
    const char *theirs, *ours, *labels;
    enum rule_kind kind;
    double scale;
    size_t at;
    const char *other; /* for what is logical or virtual */
};

#define PLAIN(theirs_, ours_)                                                                      \
    {                                                                                              \
        .theirs = "node_" theirs_, .ours = (ours_), .labels = ""                                   \
    }
#define WITH(theirs_, ours_, labels_)                                                              \
    {                                                                                              \
        .theirs = "node_" theirs_, .ours = (ours_), .labels = (labels_)                            \
    }
#define DISK(theirs_, ours_, labels_)                                                              \
    {                                                                                              \
        .theirs = "node_disk_" theirs_, .ours = "system.disk." ours_,                              \
        .other = "system.disk.logical." ours_, .labels = "device=$device" labels_,                 \
        .kind = RULE_DISK                                                                          \
    }
#define INTERFACE(theirs_, ours_, direction_)                                                      \
    {                                                                                              \
        .theirs = "node_network_" theirs_, .ours = "system.network." ours_,                        \
        .other = "system.network.virtual." ours_,                                                  \
        .labels = "interface=$device,direction=" direction_, .kind = RULE_INTERFACE                \
    }
#define MOUNT(theirs_, member_)                                                                    \
    {                                                                                              \
        .theirs = "node_filesystem_" theirs_, .labels = "mountpoint=$mountpoint",                  \
        .kind = RULE_MOUNT, .at = offsetof(struct node_mount, member_)                             \
    }
#define MEMORY(theirs_, ours_) PLAIN("memory_" theirs_ "_bytes", ours_)
#define TCP(theirs_, ours_) PLAIN("netstat_" theirs_, "system.network.tcp." ours_)

static const struct node_rule rules[] = {
    {.theirs = "node_cpu_seconds_total",
     .ours = "system.cpu.time",
     .labels = "cpu=$cpu,state=$mode",
     .kind = RULE_CPU},
    PLAIN("load1", "system.cpu.load_average.1m"),
    PLAIN("load5", "system.cpu.load_average.5m"),
    PLAIN("load15", "system.cpu.load_average.15m"),
    PLAIN("procs_running", "system.cpu.run_queue"),
    PLAIN("procs_blocked", "system.cpu.blocked"),
    PLAIN("context_switches_total", "system.cpu.context_switches"),
    PLAIN("intr_total", "system.cpu.interrupts"),
    PLAIN("forks_total", "system.process.forks"),
    PLAIN("processes_threads", "system.thread.count"),
    WITH("cpu_scaling_frequency_hertz", "system.cpu.frequency", "cpu=$cpu"),
    WITH("cpu_core_throttles_total", "system.cpu.throttles", "cpu=$core"),
    WITH("cpu_package_throttles_total", "system.cpu.package.throttles", "package=$package"),
    {.theirs = "node_boot_time_seconds", .labels = "", .kind = RULE_BOOT},
    {.theirs = "node_time_seconds", .labels = "", .kind = RULE_NOW},
    {.theirs = "node_uname_info", .labels = "", .kind = RULE_UNAME},
    {.theirs = "node_os_info", .labels = "", .kind = RULE_SYSTEM},

    MEMORY("MemTotal", "system.memory.limit"),
    MEMORY("MemAvailable", "system.memory.available"),
    MEMORY("MemFree", "system.memory.free"),
    MEMORY("Buffers", "system.memory.buffers"),
    MEMORY("Cached", "system.memory.cached"),
    MEMORY("Shmem", "system.memory.shared"),
    WITH("memory_SReclaimable_bytes", "system.memory.slab", "state=reclaimable"),
    WITH("memory_SUnreclaim_bytes", "system.memory.slab", "state=unreclaimable"),
    MEMORY("AnonPages", "system.memory.anonymous"),
    MEMORY("Mapped", "system.memory.mapped"),
    MEMORY("Dirty", "system.memory.dirty"),
    MEMORY("Writeback", "system.memory.writeback"),
    MEMORY("PageTables", "system.memory.page_tables"),
    MEMORY("KernelStack", "system.memory.kernel_stack"),
    MEMORY("Committed_AS", "system.memory.committed"),
    MEMORY("CommitLimit", "system.memory.commit_limit"),
    MEMORY("AnonHugePages", "system.memory.hugepages.transparent"),
    MEMORY("SwapTotal", "system.swap.limit"),
    MEMORY("SwapFree", "system.swap.free"),
    MEMORY("SwapCached", "system.swap.cached"),
    WITH("vmstat_pgmajfault", "system.paging.faults", "type=major"),
    PLAIN("vmstat_oom_kill", "system.memory.oom_kills"),

    WITH("pressure_cpu_waiting_seconds_total", "system.pressure.some", "resource=cpu"),
    WITH("pressure_io_waiting_seconds_total", "system.pressure.some", "resource=io"),
    WITH("pressure_io_stalled_seconds_total", "system.pressure.full", "resource=io"),
    WITH("pressure_memory_waiting_seconds_total", "system.pressure.some", "resource=memory"),
    WITH("pressure_memory_stalled_seconds_total", "system.pressure.full", "resource=memory"),

    DISK("read_bytes_total", "io", ",direction=read"),
    DISK("written_bytes_total", "io", ",direction=write"),
    DISK("reads_completed_total", "operations", ",direction=read"),
    DISK("writes_completed_total", "operations", ",direction=write"),
    DISK("reads_merged_total", "merged", ",direction=read"),
    DISK("writes_merged_total", "merged", ",direction=write"),
    DISK("read_time_seconds_total", "operation_time", ",direction=read"),
    DISK("write_time_seconds_total", "operation_time", ",direction=write"),
    DISK("io_time_seconds_total", "io_time", ""),
    DISK("io_time_weighted_seconds_total", "weighted_io_time", ""),
    DISK("io_now", "pending_operations", ""),

    INTERFACE("receive_bytes_total", "io", "receive"),
    INTERFACE("transmit_bytes_total", "io", "transmit"),
    INTERFACE("receive_packets_total", "packets", "receive"),
    INTERFACE("transmit_packets_total", "packets", "transmit"),
    INTERFACE("receive_errs_total", "errors", "receive"),
    INTERFACE("transmit_errs_total", "errors", "transmit"),
    INTERFACE("receive_drop_total", "dropped", "receive"),
    INTERFACE("transmit_drop_total", "dropped", "transmit"),
    TCP("Tcp_RetransSegs", "retransmits"),
    TCP("TcpExt_ListenOverflows", "listen.overflows"),
    TCP("TcpExt_ListenDrops", "listen.drops"),
    TCP("TcpExt_TCPTimeouts", "timeouts"),
    TCP("TcpExt_TCPSynRetrans", "syn.retransmits"),
    PLAIN("nf_conntrack_entries", "system.network.conntrack.count"),
    PLAIN("nf_conntrack_entries_limit", "system.network.conntrack.limit"),

    PLAIN("filefd_allocated", "system.file.descriptor.count"),
    PLAIN("filefd_maximum", "system.file.descriptor.limit"),
    WITH("filesystem_readonly", "system.filesystem.read_only", "mountpoint=$mountpoint"),
    MOUNT("size_bytes", size),
    MOUNT("free_bytes", free),
    MOUNT("avail_bytes", available),
    MOUNT("files", files),
    MOUNT("files_free", files_free),
};

const char *
node_metric(size_t index)
{
    return index < ARRAY_SIZE(rules) ? rules[index].theirs : NULL;
}

void
node_init(struct node_exporter *node)
{
    *node = (struct node_exporter){.mount_count = 0};
    native_init(&node->native);
}

void
node_done(struct node_exporter *node)
{
    native_done(&node->native);
}

/* The value of a label of the sample, cleaned; "" when absent. */
static char *
label_of(const struct exposition_sample *sample, struct str wanted, char *dst, size_t size)
{
    struct str rest = sample->labels, key, value;
    dst[0] = '\0';
    while (exposition_label(&rest, &key, &value)) {
        if (key.n == wanted.n && memcmp(key.p, wanted.p, key.n) == 0) {
            return exposition_text(value, dst, size);
        }
    }
    return dst;
}

static void
write_labels(const struct exposition_sample *sample, const char *form, char *dst)
{
    struct str rest = str_from(form), key, value;
    dst[0] = '\0';
    while (labels_next(&rest, &key, &value)) {
        char name[32], text[256];
        str_copy(key, name, sizeof(name));
        if (value.n > 0 && value.p[0] == '$') {
            label_of(sample, (struct str){value.p + 1, value.n - 1}, text, sizeof(text));
        } else {
            str_copy(value, text, sizeof(text));
        }
        labels_add(dst, NATIVE_LABELS, name, str_from(text));
    }
}

/* File systems that hold nothing of their own. */
static bool
is_pseudo(const struct exposition_sample *sample)
{
    static const char *const types[] = {"tmpfs",    "devtmpfs", "ramfs",
                                        "squashfs", "rootfs",   "iso9660"};
    char type[64];
    label_of(sample, STR("fstype"), type, sizeof(type));
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        if (strcmp(type, types[i]) == 0) {
            return true;
        }
    }
    return false;
}

const struct node_rule *
node_rule_for(const struct exposition_sample *sample, char ret_labels[NATIVE_LABELS])
{
    for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
        if (!str_is(sample->name, rules[i].theirs)) {
            continue;
        }
        char device[64];
        label_of(sample, STR("device"), device, sizeof(device));
        bool left_out = (rules[i].kind == RULE_DISK && native_is_partition(str_from(device))) ||
                        (strstr(rules[i].labels, "$mountpoint") != NULL && is_pseudo(sample));
        if (left_out) {
            return NULL;
        }
        write_labels(sample, rules[i].labels, ret_labels);
        return &rules[i];
    }
    return NULL;
}

void
node_begin(struct node_exporter *node, struct batch *batch)
{
    native_begin(&node->native, batch);
    node->boot_s = node->now_s = NAN;
    node->cores = 0;
    node->readings++;
    for (size_t i = 0; i < node->mount_count; i++) {
        struct node_mount *mount = &node->mounts[i];
        mount->size = mount->free = mount->available = mount->files = mount->files_free = NAN;
    }
}

/* A free place: a new one, or of what was not in the reading before. NULL: there is none. */
static struct node_mount *
free_mount(struct node_exporter *node)
{
    if (node->mount_count < NODE_MOUNTS_MAX) {
        return &node->mounts[node->mount_count++];
    }
    for (size_t i = 0; i < node->mount_count; i++) {
        if (node->mounts[i].seen + 1 < node->readings) {
            return &node->mounts[i];
        }
    }
    return NULL;
}

static struct node_mount *
mount_of(struct node_exporter *node, const char *labels)
{
    uint64_t key = hash_text(labels);
    for (size_t i = 0; i < node->mount_count; i++) {
        if (node->mounts[i].key == key) {
            node->mounts[i].seen = node->readings;
            return &node->mounts[i];
        }
    }
    struct str name;
    struct node_mount *mount = labels_get(labels, "mountpoint", &name) ? free_mount(node) : NULL;
    if (mount != NULL) {
        *mount = (struct node_mount){key, "", NAN, NAN, NAN, NAN, NAN, node->readings};
        labels_unescape(name, mount->name, sizeof(mount->name));
    }
    return mount;
}

static void
take_device(struct node_exporter *node, struct batch *batch, const struct node_rule *rule,
            const char *labels, double value)
{
    struct str name = {"", 0};
    bool disk = rule->kind == RULE_DISK;
    labels_get(labels, disk ? "device" : "interface", &name);
    bool other = disk ? native_is_logical_disk(name) : native_is_virtual_interface(name);
    native_put(&node->native, batch, other ? rule->other : rule->ours, labels, value);
}

static void
take_uname(struct node_exporter *node, const struct exposition_sample *sample)
{
    label_of(sample, STR("nodename"), node->host, sizeof(node->host));
    label_of(sample, STR("release"), node->kernel, sizeof(node->kernel));
}

void
node_take(struct node_exporter *node, struct batch *batch, const struct node_rule *rule,
          const char *labels, const struct exposition_sample *sample)
{
    struct str state;
    struct node_mount *mount;
    switch (rule->kind) {
    case RULE_CPU:
        node->cores += labels_get(labels, "state", &state) && str_is(state, "idle");
        native_put(&node->native, batch, rule->ours, labels, sample->value);
        break;
    case RULE_PLAIN:
        native_put(&node->native, batch, rule->ours, labels, sample->value);
        break;
    case RULE_DISK:
    case RULE_INTERFACE:
        take_device(node, batch, rule, labels, sample->value);
        break;
    case RULE_MOUNT:
        mount = mount_of(node, labels);
        batch->dropped += mount == NULL;
        if (mount != NULL) {
            memcpy((char *)mount + rule->at, &sample->value, sizeof(sample->value));
        }
        break;
    case RULE_BOOT:
        node->boot_s = sample->value;
        break;
    case RULE_NOW:
        node->now_s = sample->value;
        break;
    case RULE_UNAME:
        take_uname(node, sample);
        break;
    case RULE_SYSTEM:
        label_of(sample, STR("pretty_name"), node->system, sizeof(node->system));
        break;
    }
}

static void
put_mount(struct node_exporter *node, struct batch *batch, const struct node_mount *mount)
{
    const struct {
        const char *name, *state;
        double value;
    } values[] = {
        {"system.filesystem.usage", "used", mount->size - mount->free},
        {"system.filesystem.usage", "free", mount->available},
        {"system.filesystem.usage", "reserved", mount->free - mount->available},
        {"system.filesystem.inodes.usage", "used", mount->files - mount->files_free},
        {"system.filesystem.inodes.usage", "free", mount->files_free},
    };
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        char labels[NATIVE_LABELS];
        native_labels(labels, "mountpoint", str_from(mount->name), "state", values[i].state);
        native_put(&node->native, batch, values[i].name, labels, values[i].value);
    }
}

void
node_end(struct node_exporter *node, struct batch *batch)
{
    for (size_t i = 0; i < node->mount_count; i++) {
        put_mount(node, batch, &node->mounts[i]);
    }
    if (node->cores > 0) {
        native_put(&node->native, batch, "system.cpu.logical.count", "", (double)node->cores);
    }
    native_put(&node->native, batch, "system.uptime", "", node->now_s - node->boot_s);
}

bool
node_host(const struct node_exporter *node, struct host *ret_host)
{
    if (node->host[0] == '\0') {
        return false;
    }
    double uptime = node->now_s - node->boot_s;
    *ret_host = (struct host){.name = node->host,
                              .system = node->system,
                              .kernel = node->kernel,
                              .virtualization = "",
                              .cores = (int)node->cores,
                              .uptime_s = uptime > 0 ? uptime : 0};
    return true;
}
