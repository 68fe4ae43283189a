/* The system view: tables of everything the machine has, as data. */
#include "system.h"

#include <stdlib.h>
#include <string.h>

/* /dev, /dev/shm, /run and their like are mounted everywhere and hold next to nothing; a full one
 * matters as any. */
static const struct section_quiet quiet_filesystems = {
    .is = "system.filesystem.info",
    .labels = "type=tmpfs|devtmpfs|ramfs|rootfs",
    .share = "system.filesystem.utilization",
    .share_from = 0.05,
    .amount = "system.filesystem.usage",
    .amount_labels = "state=used",
    .amount_from = 64 << 20,
};

#define CORES                                                                                      \
    {                                                                                              \
        .title = "Cores", .metric = "system.cpu.utilization", .label = "cpu",                      \
        .label_title = "CORE", .scale = READING_SHARE, .columns = {                                \
            {"USE", "system.cpu.utilization", NULL, 7, true},                                      \
            {"USER", "system.cpu.user.utilization", NULL, 7, true},                                \
            {"SYSTEM", "system.cpu.system.utilization", NULL, 7, true},                            \
            {"IOWAIT", "system.cpu.iowait.utilization", NULL, 7, true},                            \
            {"CLOCK", "system.cpu.frequency", NULL, 9, false}                                      \
        }                                                                                          \
    }

#define DISKS                                                                                      \
    {                                                                                              \
        .title = "Disks", .metric = "system.disk.io", .label = "device", .label_title = "DISK",    \
        .scale = READING_NICE, .columns = {                                                        \
            {"READ", "system.disk.io", "direction=read", 9, true},                                 \
            {"WRITE", "system.disk.io", "direction=write", 9, true},                               \
            {"BUSY", "system.disk.utilization", NULL, 7, true},                                    \
            {"AWAIT", "system.disk.await", NULL, 8, true},                                         \
            {"QUEUE", "system.disk.queue", NULL, 6, true},                                         \
            {"IOPS", "system.disk.operations", NULL, 9, true}                                      \
        }                                                                                          \
    }

#define FILESYSTEMS                                                                                \
    {                                                                                              \
        .title = "Filesystems", .metric = "system.filesystem.utilization", .label = "mountpoint",  \
        .label_title = "MOUNTED ON", .scale = READING_SHARE, .reaches = "FULL IN",                 \
        .columns = {{"USE", "system.filesystem.utilization", NULL, 7, true},                       \
                    {"USED", "system.filesystem.usage", "state=used", 9, true},                    \
                    {"INODES", "system.filesystem.inodes.utilization", NULL, 7, false}},           \
        .quiet = &quiet_filesystems                                                                \
    }

#define INTERFACES                                                                                 \
    {                                                                                              \
        .title = "Interfaces", .metric = "system.network.io", .label = "interface",                \
        .label_title = "INTERFACE", .scale = READING_NICE, .columns = {                            \
            {"IN", "system.network.io", "direction=receive", 9, true},                             \
            {"OUT", "system.network.io", "direction=transmit", 9, true},                           \
            {"PACKETS", "system.network.packets", NULL, 8, true},                                  \
            {"ERRORS", "system.network.errors", NULL, 7, true},                                    \
            {"DROPS", "system.network.dropped", NULL, 7, true},                                    \
            {"LINK", "system.network.link.utilization", NULL, 7, false}                            \
        }                                                                                          \
    }

#define PRESSURE                                                                                   \
    {                                                                                              \
        .title = "Pressure", .metric = "system.pressure.some.utilization", .label = "resource",    \
        .label_title = "WAITING FOR", .scale = READING_SHARE, .columns = {                         \
            {"SOME", "system.pressure.some.utilization", NULL, 7, true},                           \
            {"FULL", "system.pressure.full.utilization", NULL, 7, true},                           \
            {"10 s", "system.pressure.avg10", "kind=some", 7, true}                                \
        }                                                                                          \
    }

#define SENSORS                                                                                    \
    {                                                                                              \
        .title = "Temperatures", .metric = "hw.temperature", .label = "sensor",                    \
        .label_title = "SENSOR", .scale = READING_NICE, .columns = {                               \
            {"NOW", "hw.temperature", NULL, 8, true},                                              \
            {"OF LIMIT", "hw.temperature.utilization", NULL, 8, false}                             \
        }                                                                                          \
    }

static const struct section_row load_rows[] = {
    {"Load, 1 min", "system.cpu.load_average.1m", NULL, "", READING_NICE},
    {"Load, 5 min", "system.cpu.load_average.5m", NULL, "", READING_NICE},
    {"Load, 15 min", "system.cpu.load_average.15m", NULL, "", READING_NICE},
    {"Running", "system.cpu.run_queue", NULL, "", READING_NICE},
    {"Blocked", "system.cpu.blocked", NULL, "", READING_NICE},
    {"Switches", "system.cpu.context_switches", NULL, NULL, READING_NICE},
    {"Interrupts", "system.cpu.interrupts", NULL, NULL, READING_NICE},
    {"Forks", "system.process.forks", NULL, NULL, READING_NICE},
    {"Threads", "system.thread.count", NULL, "", READING_NICE},
};

static const struct section_row memory_rows[] = {
    {"Used", "system.memory.usage", NULL, NULL, READING_NICE},
    {"Cache", "system.memory.cache", NULL, NULL, READING_NICE},
    {"Free", "system.memory.free", NULL, NULL, READING_NICE},
    {"Programs", "system.memory.anonymous", NULL, NULL, READING_NICE},
    {"Shared", "system.memory.shared", NULL, NULL, READING_NICE},
    {"Slab", "system.memory.slab", NULL, NULL, READING_NICE},
    {"Page tables", "system.memory.page_tables", NULL, NULL, READING_NICE},
    {"Dirty", "system.memory.dirty", NULL, NULL, READING_NICE},
    {"Writeback", "system.memory.writeback", NULL, NULL, READING_NICE},
    {"ZFS cache", "system.zfs.arc.size", NULL, NULL, READING_NICE},
};

static const struct section_row paging_rows[] = {
    {"Swap used", "system.swap.usage", NULL, NULL, READING_NICE},
    {"Swap in", "system.swap.io", "direction=in", NULL, READING_NICE},
    {"Swap out", "system.swap.io", "direction=out", NULL, READING_NICE},
    {"Major faults", "system.paging.faults", "type=major", NULL, READING_NICE},
    {"Minor faults", "system.paging.faults", "type=minor", NULL, READING_NICE},
    {"Reclaim", "system.memory.reclaim.scanned", NULL, NULL, READING_NICE},
    {"Stalls", "system.memory.reclaim.stalls", NULL, NULL, READING_NICE},
    {"OOM kills", "system.memory.oom_kills", NULL, NULL, READING_NICE},
};

static const struct section_row tcp_rows[] = {
    {"Connections", "system.network.connection.count", NULL, "", READING_NICE},
    {"Round trip", "system.network.rtt", NULL, NULL, READING_NICE},
    {"Segments", "system.network.tcp.segments", NULL, NULL, READING_NICE},
    {"Retransmitted", "system.network.tcp.retransmit.ratio", NULL, NULL, READING_SHARE},
    {"Resets", "system.network.tcp.resets", NULL, NULL, READING_NICE},
    {"Accept overflows", "system.network.tcp.listen.overflows", NULL, NULL, READING_NICE},
    {"Accept drops", "system.network.tcp.listen.drops", NULL, NULL, READING_NICE},
    {"UDP errors", "system.network.udp.errors", NULL, NULL, READING_NICE},
    {"Sockets", "system.network.socket.count", NULL, "", READING_NICE},
    {"Conntrack", "system.network.conntrack.utilization", NULL, NULL, READING_SHARE},
    {"Open files", "system.file.descriptor.count", NULL, "", READING_NICE},
};

static const char *const process_columns[] = {"process.pid",
                                              "process.name",
                                              "process.cpu.utilization",
                                              "process.memory.usage",
                                              "process.owner",
                                              "process.threads",
                                              "process.age",
                                              NULL};

static const struct section_def defs[] = {
    CORES,
    {.title = "Memory", .rows = memory_rows, .row_count = ARRAY_SIZE(memory_rows)},
    DISKS,
    FILESYSTEMS,
    INTERFACES,
    PRESSURE,
    {.title = "Load", .rows = load_rows, .row_count = ARRAY_SIZE(load_rows)},
    {.title = "Paging", .rows = paging_rows, .row_count = ARRAY_SIZE(paging_rows)},
    {.title = "TCP and sockets", .rows = tcp_rows, .row_count = ARRAY_SIZE(tcp_rows)},
    SENSORS,
    {.title = "Cgroups", .table = "cgroups"},
    {.title = "Processes by CPU",
     .table = "processes",
     .sort = "process.cpu.utilization",
     .table_columns = process_columns,
     .filler = true},
    {.title = "Processes by memory",
     .table = "processes",
     .sort = "process.memory.usage",
     .table_columns = process_columns,
     .filler = true},
    {.title = "Processes by threads",
     .table = "processes",
     .sort = "process.threads",
     .table_columns = process_columns,
     .filler = true},
};

static const struct section_def side_defs[] = {
    DISKS,
    FILESYSTEMS,
    INTERFACES,
    PRESSURE,
    SENSORS,
    {.title = "Load", .rows = load_rows, .row_count = ARRAY_SIZE(load_rows)},
    {.title = "Memory", .rows = memory_rows, .row_count = ARRAY_SIZE(memory_rows)},
    {.title = "TCP and sockets", .rows = tcp_rows, .row_count = ARRAY_SIZE(tcp_rows)},
};

struct sections *
system_side_sections(struct catalog *catalog)
{
    return sections_new(catalog, side_defs, ARRAY_SIZE(side_defs));
}

static void *
system_open(struct catalog *catalog)
{
    return sections_new(catalog, defs, ARRAY_SIZE(defs));
}

static void
system_close(void *state)
{
    sections_free(state);
}

static bool
system_has_data(void *state, const struct panel_context *context)
{
    return sections_have_data(state, context);
}

static void
system_draw(void *state, const struct panel_context *context, struct canvas *canvas,
            struct rect area, bool focused)
{
    sections_draw(state, context, canvas, area, focused, true);
}

static enum reaction
system_command(void *state, const struct panel_context *context, const char *name,
               const char *argument)
{
    (void)argument;
    static const struct {
        const char *name;
        int step;
        bool enter;
    } steps[] = {{"panel.next", 1, false},
                 {"panel.previous", -1, false},
                 {"panel.first", 1, true},
                 {"panel.last", -1, true}};
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        if (strcmp(name, steps[i].name) == 0) {
            return sections_step(state, steps[i].step, steps[i].enter) ? REACTION_HANDLED
                                                                       : REACTION_NONE;
        }
    }
    return sections_command(state, context, name);
}

static enum reaction
system_mouse(void *state, const struct panel_context *context, int x, int y, int button)
{
    return sections_mouse(state, context, x, y, button);
}

static void
system_interest(void *state, const struct panel_context *context, struct interest *interest)
{
    (void)state;
    (void)context;
    interest->cgroups = true;
}

const struct panel panel_system = {
    .name = "system",
    .title = "System",
    .open = system_open,
    .close = system_close,
    .has_data = system_has_data,
    .draw = system_draw,
    .command = system_command,
    .mouse = system_mouse,
    .interest = system_interest,
};
