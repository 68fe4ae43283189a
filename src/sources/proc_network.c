/* Network interfaces, from /proc/net/dev and /sys/class/net.
 *
 * What is counted: system.network.io and its like are the interfaces with a device behind them, so
 * that their sum counts each packet once. Where there is none (a container's network namespace) all
 * others take their place, without bridges, bonds, tunnels and the like. Everything else, loopback
 * included, is system.network.virtual.*. A virtual interface that never carried a packet is left
 * out.
 *
 * Invariant: series are registered when an interface is first counted and again when it changes
 * sides; otherwise a poll is one pread, one walk over the text and a look at one device's link. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "kept.h"
#include "proc_network.h"
#include "roster.h"
#include "sources.h"
#include "wide.h"

#define INTERFACES_MAX 1024
#define IDENTIFIED_A_POLL 128
#define POLLS_BETWEEN_CLASSES 64
#define POLLS_BETWEEN_LOOKS 4
#define LOOKS_BETWEEN_SPEEDS 8 /* asking for the speed takes the kernel's big network lock */
#define BYTES_OF_MBIT 125000.0
#define ARPHRD_LOOPBACK_TEXT "772"

#define TRAFFIC_METRICS(prefix, of)                                                                \
    {.name = prefix ".io",                                                                         \
     .unit = "By",                                                                                 \
     .labels = "interface direction",                                                              \
     .kind = METRIC_COUNTER,                                                                       \
     .bits = KERNEL_LONG_BITS,                                                                     \
     .text = "Bytes received and transmitted by " of "."},                                         \
        {.name = prefix ".packets",                                                                \
         .unit = "{packet}",                                                                       \
         .labels = "interface direction",                                                          \
         .kind = METRIC_COUNTER,                                                                   \
         .bits = KERNEL_LONG_BITS,                                                                 \
         .text = "Packets received and transmitted by " of "."},                                   \
        {.name = prefix ".errors",                                                                 \
         .unit = "{error}",                                                                        \
         .labels = "interface direction",                                                          \
         .kind = METRIC_COUNTER,                                                                   \
         .bits = KERNEL_LONG_BITS,                                                                 \
         .better = BETTER_LOWER,                                                                   \
         .warning = 1,                                                                             \
         .critical = 100,                                                                          \
         .text = "Packets that " of " could not receive or transmit because of an error."},        \
        {.name = prefix ".dropped",                                                                \
         .unit = "{packet}",                                                                       \
         .labels = "interface direction",                                                          \
         .kind = METRIC_COUNTER,                                                                   \
         .bits = KERNEL_LONG_BITS,                                                                 \
         .better = BETTER_LOWER,                                                                   \
         .text = "Packets that " of " dropped, mostly for want of room in a queue."},

enum row {
    ROW_IO,
    ROW_PACKETS,
    ROW_ERRORS,
    ROW_DROPPED,
    TRAFFIC_ROWS,
    ROW_SPEED = 2 * TRAFFIC_ROWS,
    ROW_UP,
    ROW_CHANGES,
};

static const struct metric metrics[] = {
    /* clang-format off */
    TRAFFIC_METRICS("system.network", "the interface")
    TRAFFIC_METRICS("system.network.virtual", "the loopback or virtual interface")
    /* clang-format on */
    {.name = "system.network.link.limit",
     .unit = "By/s",
     .labels = "interface",
     .text = "What the link can carry in each direction, as negotiated; unknown where there is no "
             "cable."},
    {.name = "system.network.link.up",
     .unit = "{interface}",
     .labels = "interface",
     .text = "1 while the interface's link is up, 0 while it is down."},
    {.name = "system.network.link.changes",
     .unit = "{change}",
     .labels = "interface",
     .kind = METRIC_COUNTER,
     .better = BETTER_LOWER,
     .text = "How often the link went up or down; a link that flaps has a bad cable or port."},
    {.name = "system.network.link.utilization",
     .unit = "1",
     .labels = "interface",
     .formula =
         "max(system.network.io{direction=receive}, system.network.io{direction=transmit}) / "
         "system.network.link.limit",
     .better = BETTER_LOWER,
     .fold = FOLD_MAX,
     .warning = 0.7,
     .critical = 0.9,
     .text = "Share of the link's speed in use, in the busier direction."},
};

static const struct reading {
    enum row row;
    const char *direction;
    enum net_field field;
} readings[] = {
    {ROW_IO, "receive", NET_RECEIVED_BYTES},        {ROW_IO, "transmit", NET_SENT_BYTES},
    {ROW_PACKETS, "receive", NET_RECEIVED_PACKETS}, {ROW_PACKETS, "transmit", NET_SENT_PACKETS},
    {ROW_ERRORS, "receive", NET_RECEIVE_ERRORS},    {ROW_ERRORS, "transmit", NET_SEND_ERRORS},
    {ROW_DROPPED, "receive", NET_RECEIVE_DROPPED},  {ROW_DROPPED, "transmit", NET_SEND_DROPPED},
};

enum side { SIDE_NONE, SIDE_COUNTED, SIDE_VIRTUAL };

struct interface {
    struct roster_name name;
    bool is_identified;
    enum net_class class;
    enum side side; /* the one the columns are of */
    uint64_t fields[NET_FIELDS];
    int columns[ARRAY_SIZE(readings)];
    int speed_column, up_column, changes_column;
    double speed, up, changes; /* as last looked at; NaN: unknown */
    unsigned looks;            /* at the link */
};

struct network {
    struct kept file;
    char *sys;
    struct roster roster;
    size_t next_class, next_link;
    size_t device_count, plain_count; /* in the last poll */
    unsigned polls;
};

/* Beginnings of names whose traffic another interface carries too, where sysfs has no better sign.
 */
static const char *const virtual_prefixes[] = {
    "veth",    "br-",    "docker", "virbr",   "lxcbr", "lxdbr",     "cni",    "cali",
    "flannel", "cilium", "lxc",    "vnet",    "tun",   "tap",       "wg",     "bond",
    "team",    "ifb",    "dummy",  "sit",     "gre",   "erspan",    "ip6tnl", "ip6gre",
    "tunl",    "vlan",   "macv",   "ipvl",    "vxlan", "geneve",    "nlmon",  "podman",
    "kube",    "ovs-",   "ip_vti", "ip6_vti", "ppp",   "tailscale", "zt",
};

/* Files that only interfaces on top of others have. */
static const char *const virtual_files[] = {"bridge", "bonding", "tun_flags"};

bool
net_line_parse(struct str line, struct net_line *ret_line)
{
    struct net_line parsed = {.name = {NULL, 0}};
    const char *colon = line.n > 0 ? memrchr(line.p, ':', line.n) : NULL;
    if (colon == NULL) {
        return false;
    }
    parsed.name = str_trim((struct str){line.p, (size_t)(colon - line.p)});
    struct str rest = {colon + 1, line.n - (size_t)(colon + 1 - line.p)};
    for (size_t i = 0; i < NET_FIELDS; i++) {
        if (!str_u64(&rest, &parsed.fields[i]) || (rest.n > 0 && rest.p[0] != ' ')) {
            return false;
        }
    }
    if (parsed.name.n == 0 || memchr(parsed.name.p, '/', parsed.name.n) != NULL) {
        return false; /* a name becomes part of a path */
    }
    *ret_line = parsed;
    return true;
}

enum net_class
net_classify(const char *sys, const char *name)
{
    char text[16];
    struct str type = kept_once(text, sizeof(text), "%s/class/net/%s/type", sys, name);
    if (str_is(type, ARPHRD_LOOPBACK_TEXT) || strcmp(name, "lo") == 0) {
        return NET_LOOPBACK;
    }
    if (kept_exists("%s/class/net/%s/device", sys, name)) {
        /* A virtual function below the paravirtual device it speeds up is counted there as well;
         * members of a bond are not, their master has no device. */
        return kept_exists("%s/class/net/%s/master/device", sys, name) ? NET_VIRTUAL : NET_DEVICE;
    }
    for (size_t i = 0; i < ARRAY_SIZE(virtual_files); i++) {
        if (kept_exists("%s/class/net/%s/%s", sys, name, virtual_files[i])) {
            return NET_VIRTUAL;
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(virtual_prefixes); i++) {
        if (str_starts(str_from(name), virtual_prefixes[i])) {
            return NET_VIRTUAL;
        }
    }
    return NET_PLAIN;
}

static enum side
side_of(const struct network *network, const struct interface *interface)
{
    switch (interface->class) {
    case NET_DEVICE:
        return SIDE_COUNTED;
    case NET_PLAIN:
        return network->device_count == 0 ? SIDE_COUNTED : SIDE_VIRTUAL;
    case NET_VIRTUAL:
        return network->device_count + network->plain_count == 0 ? SIDE_COUNTED : SIDE_VIRTUAL;
    case NET_LOOPBACK:
        break;
    }
    return SIDE_VIRTUAL;
}

static void
add_columns(struct interface *interface, enum side side, struct batch *batch)
{
    const struct metric *rows = metrics + (side == SIDE_VIRTUAL ? TRAFFIC_ROWS : 0);
    char name[ROSTER_NAME_MAX * 3 + 1], labels[512] = "";
    utf8_clean(str_from(interface->name.text), name, sizeof(name));
    labels_add(labels, sizeof(labels), "interface", str_from(name));
    size_t own = strlen(labels);
    bool has_link = side == SIDE_COUNTED;
    interface->speed_column = has_link ? batch_column(batch, &metrics[ROW_SPEED], labels) : -1;
    interface->up_column = has_link ? batch_column(batch, &metrics[ROW_UP], labels) : -1;
    interface->changes_column = has_link ? batch_column(batch, &metrics[ROW_CHANGES], labels) : -1;
    for (size_t i = 0; i < ARRAY_SIZE(readings); i++) {
        labels[own] = 0;
        labels_add(labels, sizeof(labels), "direction", str_from(readings[i].direction));
        interface->columns[i] = batch_column(batch, &rows[readings[i].row], labels);
    }
    interface->side = side;
}

static double
read_number(const struct network *network, const struct interface *interface, const char *file)
{
    char text[32];
    struct str s = kept_once(text, sizeof(text), "%s/class/net/%s/%s", network->sys,
                             interface->name.text, file);
    int64_t value;
    return str_i64(&s, &value) && s.n == 0 ? (double)value : NAN;
}

/* What does not tell its state (operstate "unknown": many virtual devices) is up as long as it is
 * there. */
static double
read_up(const struct network *network, const struct interface *interface)
{
    char text[32];
    struct str state = kept_once(text, sizeof(text), "%s/class/net/%s/operstate", network->sys,
                                 interface->name.text);
    if (state.n == 0) {
        return NAN;
    }
    return str_is(state, "up") || str_is(state, "unknown") ? 1 : 0;
}

static void
look_at_link(const struct network *network, struct interface *interface)
{
    double up = read_up(network, interface);
    if (interface->looks++ % LOOKS_BETWEEN_SPEEDS == 0 || up != interface->up) {
        /* -1 when the driver does not know; kernels before 4.17 print that as 2^32 - 1. */
        double mbit = up > 0 ? read_number(network, interface, "speed") : NAN;
        interface->speed = mbit > 0 && mbit < 4294967295.0 ? mbit * BYTES_OF_MBIT : NAN;
    }
    interface->up = up;
    interface->changes = read_number(network, interface, "carrier_changes");
}

/* One link a poll at most, in turn, and none more often than every POLLS_BETWEEN_LOOKS: opening
 * files of /sys costs more than all of /proc/net/dev. */
static void
look_at_links(struct network *network)
{
    size_t links = 0;
    for (size_t i = 0; i < network->roster.count; i++) {
        links += ((struct interface *)roster_at(&network->roster, i))->side == SIDE_COUNTED;
    }
    if (links == 0 || network->polls % MAX(POLLS_BETWEEN_LOOKS / links, (size_t)1) != 0) {
        return;
    }
    for (size_t i = 0; i < network->roster.count; i++) {
        network->next_link = (network->next_link + 1) % network->roster.count;
        struct interface *interface = roster_at(&network->roster, network->next_link);
        if (interface->side == SIDE_COUNTED) {
            look_at_link(network, interface);
            return;
        }
    }
}

static void
identify(const struct network *network, struct interface *interface)
{
    interface->class = net_classify(network->sys, interface->name.text);
    interface->is_identified = true;
}

static void
look_again(struct network *network)
{
    if (network->roster.count == 0 || network->polls++ % POLLS_BETWEEN_CLASSES != 0) {
        return;
    }
    network->next_class = (network->next_class + 1) % network->roster.count;
    identify(network, roster_at(&network->roster, network->next_class));
}

static void
set_readings(struct network *network, struct interface *interface, struct batch *batch)
{
    enum side side = side_of(network, interface);
    bool has_worked =
        (interface->fields[NET_RECEIVED_PACKETS] | interface->fields[NET_SENT_PACKETS]) != 0;
    if (!interface->is_identified || (side == SIDE_VIRTUAL && !has_worked)) {
        return;
    }
    if (interface->side != side) {
        add_columns(interface, side, batch);
        if (side == SIDE_COUNTED) {
            look_at_link(network, interface);
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(readings); i++) {
        batch_set(batch, interface->columns[i], (double)interface->fields[readings[i].field]);
    }
    batch_set(batch, interface->speed_column, interface->speed);
    batch_set(batch, interface->up_column, interface->up);
    batch_set(batch, interface->changes_column, interface->changes);
}

static void
take_lines(struct network *network, struct str text, struct batch *batch)
{
    size_t position = 0, looks = 0, line_number = 0;
    for (struct str line; kept_line(&text, &line); line_number++) {
        struct net_line parsed;
        if (!net_line_parse(line, &parsed)) {
            batch->rejected += line_number >= 2; /* two lines are the head */
            continue;
        }
        struct interface *interface = roster_place(&network->roster, position, parsed.name);
        if (interface == NULL) {
            batch->dropped++;
            continue;
        }
        if (!interface->is_identified && looks < IDENTIFIED_A_POLL) {
            looks++;
            identify(network, interface);
        }
        memcpy(interface->fields, parsed.fields, sizeof(interface->fields));
        position++;
    }
    roster_end(&network->roster, position);
}

static void
count_classes(struct network *network)
{
    network->device_count = network->plain_count = 0;
    for (size_t i = 0; i < network->roster.count; i++) {
        const struct interface *interface = roster_at(&network->roster, i);
        network->device_count += interface->is_identified && interface->class == NET_DEVICE;
        network->plain_count += interface->is_identified && interface->class == NET_PLAIN;
    }
}

static void
network_close(void *state)
{
    struct network *network = state;
    if (network == NULL) {
        return;
    }
    kept_close(&network->file);
    roster_done(&network->roster);
    free(network->sys);
    free(network);
}

static int
network_open(const struct source_setup *setup, void **ret_state, char *why, size_t why_size)
{
    struct network *network = calloc(1, sizeof(*network));
    if (network == NULL) {
        return -ENOMEM;
    }
    roster_init(&network->roster, sizeof(struct interface), INTERFACES_MAX);
    network->sys = strdup(setup->roots->sys);
    int error = network->sys == NULL ? -ENOMEM : 0;
    int opened = kept_open(&network->file, setup->roots->proc, "net/dev");
    error = error != 0 ? error : opened;
    if (error != 0) {
        snprintf(why, why_size, "%s/net/dev cannot be opened: %s", setup->roots->proc,
                 strerror(-error));
        network_close(network);
        return error;
    }
    *ret_state = network;
    return 0;
}

static enum source_step
network_poll(void *state, struct batch *batch)
{
    struct network *network = state;
    struct str text;
    if (!kept_read(&network->file, &text)) {
        batch_fail(batch, SOURCE_FAILED, "%s cannot be read: %s", network->file.path,
                   strerror(network->file.error));
        return SOURCE_DONE;
    }
    take_lines(network, text, batch);
    look_again(network);
    look_at_links(network);
    count_classes(network);
    for (size_t i = 0; i < network->roster.count; i++) {
        set_readings(network, roster_at(&network->roster, i), batch);
    }
    return SOURCE_DONE;
}

const struct source source_proc_network = {
    .name = "network",
    .text = "Bytes, packets, errors, drops and link state of each interface from /proc/net/dev and "
            "/sys/class/net.",
    .metrics = metrics,
    .metric_count = ARRAY_SIZE(metrics),
    .open = network_open,
    .poll = network_poll,
    .close = network_close,
};
