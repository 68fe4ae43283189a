/* TCP, UDP, sockets and connection tracking: /proc/net/{snmp,netstat,snmp6,sockstat,sockstat6},
 * /proc/sys/net/netfilter, and round-trip times by sock_diag.
 *
 * Never /proc/net/tcp: the kernel formats every socket of the machine for it.
 *
 * Round-trip times are asked for every 5 s, or as seldom as it takes to spend no more than 1/20,000
 * of the time on it: the kernel walks its whole table of connections, which is as large as the
 * machine's memory makes it. Readings in between repeat the last answer. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flametop/base/macros.h"
#include "kept.h"
#include "proc_mib.h"
#include "sock_diag.h"
#include "sources.h"
#include "wide.h"

#define RTT_NS (5 * NS_PER_S)
#define RTT_REST 20000 /* times what the last question took */
#define RTT_REST_NS_MAX (60 * NS_PER_S)

enum row {
    ROW_CONNECTIONS,
    ROW_OPENS,
    ROW_OPEN_FAILURES,
    ROW_CONNECTION_RESETS,
    ROW_RESETS,
    ROW_SEGMENTS,
    ROW_RETRANSMITS,
    ROW_TCP_ERRORS,
    ROW_LISTEN_OVERFLOWS,
    ROW_LISTEN_DROPS,
    ROW_TIMEOUTS,
    ROW_SYN_RETRANSMITS,
    ROW_SYN_COOKIES,
    ROW_BACKLOG_DROPS,
    ROW_MEMORY_PRESSURES,
    ROW_MEMORY_ABORTS,
    ROW_ORPHANS,
    ROW_TCP_MEMORY,
    ROW_TCP_MEMORY_LIMIT,
    ROW_DATAGRAMS,
    ROW_UDP_ERRORS,
    ROW_UDP_BUFFER_ERRORS,
    ROW_UDP_NO_PORTS,
    ROW_UDP_MEMORY,
    ROW_SOCKETS,
    ROW_SOCKETS_IN_USE,
    ROW_CONNTRACK,
    ROW_CONNTRACK_LIMIT,
    ROW_RTT,
    ROW_RTT_P95,
    ROW_RTT_SAMPLE,
};

/* clang-format off */
#define COUNTED(name_, unit_, labels_, better_, text_)                                                        \
    {.name = name_, .unit = unit_, .labels = labels_, .kind = METRIC_COUNTER, .bits = KERNEL_LONG_BITS,       \
     .better = better_, .text = text_}
#define MEASURED(name_, unit_, labels_, better_, text_)                                                       \
    {.name = name_, .unit = unit_, .labels = labels_, .better = better_, .text = text_}
/* clang-format on */

static const struct metric metrics[] = {
    [ROW_CONNECTIONS] = MEASURED(
        "system.network.connection.count", "{connection}", "protocol state", BETTER_NEITHER,
        "TCP connections by state: established (and half closed), or waiting out "
        "their time."),
    [ROW_OPENS] = COUNTED("system.network.tcp.opens", "{connection}", "type", BETTER_NEITHER,
                          "TCP connections opened: active to others, passive by others."),
    [ROW_OPEN_FAILURES] = COUNTED("system.network.tcp.open.failures", "{connection}", "",
                                  BETTER_LOWER, "TCP connections that failed while being opened."),
    [ROW_CONNECTION_RESETS] =
        COUNTED("system.network.tcp.connection.resets", "{connection}", "", BETTER_LOWER,
                "Established TCP connections that ended with a reset."),
    [ROW_RESETS] =
        COUNTED("system.network.tcp.resets", "{segment}", "", BETTER_LOWER,
                "TCP segments sent with the reset flag, as for a port nobody listens on."),
    [ROW_SEGMENTS] =
        COUNTED("system.network.tcp.segments", "{segment}", "direction", BETTER_NEITHER,
                "TCP segments received and sent, retransmissions not among the sent."),
    [ROW_RETRANSMITS] = COUNTED("system.network.tcp.retransmits", "{segment}", "", BETTER_LOWER,
                                "TCP segments sent again because nobody confirmed them."),
    [ROW_TCP_ERRORS] = COUNTED("system.network.tcp.errors", "{segment}", "", BETTER_LOWER,
                               "TCP segments received damaged, wrong checksums included."),
    [ROW_LISTEN_OVERFLOWS] =
        {.name = "system.network.tcp.listen.overflows",
         .unit = "{connection}",
         .labels = "",
         .kind = METRIC_COUNTER,
         .bits = KERNEL_LONG_BITS,
         .better = BETTER_LOWER,
         .warning = 0.1,
         .critical = 10,
         .text = "Connections refused because a program did not accept them in time (its "
                 "queue was full)."},
    [ROW_LISTEN_DROPS] =
        COUNTED("system.network.tcp.listen.drops", "{connection}", "", BETTER_LOWER,
                "Connections dropped on listening sockets for any reason, full queues included."),
    [ROW_TIMEOUTS] =
        COUNTED("system.network.tcp.timeouts", "{event}", "", BETTER_LOWER,
                "Retransmission timers that ran out: the peer was silent for longer than usual."),
    [ROW_SYN_RETRANSMITS] =
        COUNTED("system.network.tcp.syn.retransmits", "{segment}", "", BETTER_LOWER,
                "Requests to open a connection sent again: the peer or the way does not answer."),
    [ROW_SYN_COOKIES] =
        COUNTED("system.network.tcp.syn.cookies", "{segment}", "", BETTER_LOWER,
                "SYN cookies sent: more connections were half open than the queue holds."),
    [ROW_BACKLOG_DROPS] = COUNTED("system.network.tcp.backlog.drops", "{segment}", "", BETTER_LOWER,
                                  "Segments dropped because a socket's backlog was full."),
    [ROW_MEMORY_PRESSURES] =
        COUNTED("system.network.tcp.memory.pressures", "{event}", "", BETTER_LOWER,
                "How often TCP came under memory pressure (tcp_mem)."),
    [ROW_MEMORY_ABORTS] =
        COUNTED("system.network.tcp.memory.aborts", "{connection}", "", BETTER_LOWER,
                "Connections cut off because TCP ran out of memory."),
    [ROW_ORPHANS] = MEASURED("system.network.tcp.orphans", "{socket}", "", BETTER_LOWER,
                             "TCP sockets that no program holds any more and that still send."),
    [ROW_TCP_MEMORY] = MEASURED("system.network.tcp.memory", "By", "", BETTER_LOWER,
                                "Memory in the buffers of TCP sockets."),
    [ROW_TCP_MEMORY_LIMIT] = MEASURED("system.network.tcp.memory.limit", "By", "", BETTER_HIGHER,
                                      "The most memory TCP may take for buffers (tcp_mem)."),
    [ROW_DATAGRAMS] = COUNTED("system.network.udp.datagrams", "{datagram}", "direction family",
                              BETTER_NEITHER, "UDP datagrams received and sent."),
    [ROW_UDP_ERRORS] = COUNTED(
        "system.network.udp.errors", "{datagram}", "family", BETTER_LOWER,
        "UDP datagrams that arrived and could not be delivered: buffer full or wrong checksum."),
    [ROW_UDP_BUFFER_ERRORS] =
        COUNTED("system.network.udp.buffer.errors", "{datagram}", "direction family", BETTER_LOWER,
                "UDP datagrams lost because the socket's buffer was full."),
    [ROW_UDP_NO_PORTS] = COUNTED("system.network.udp.no_ports", "{datagram}", "family",
                                 BETTER_LOWER, "UDP datagrams for a port nobody listens on."),
    [ROW_UDP_MEMORY] = MEASURED("system.network.udp.memory", "By", "", BETTER_LOWER,
                                "Memory in the buffers of UDP sockets."),
    [ROW_SOCKETS] = MEASURED("system.network.socket.count", "{socket}", "", BETTER_NEITHER,
                             "Sockets of all kinds that programs hold open."),
    [ROW_SOCKETS_IN_USE] =
        MEASURED("system.network.socket.in_use", "{socket}", "protocol family", BETTER_NEITHER,
                 "Sockets in use by protocol: TCP (listening ones too), UDP and raw."),
    [ROW_CONNTRACK] = MEASURED("system.network.conntrack.count", "{connection}", "", BETTER_LOWER,
                               "Connections the firewall keeps track of."),
    [ROW_CONNTRACK_LIMIT] = MEASURED(
        "system.network.conntrack.limit", "{connection}", "", BETTER_HIGHER,
        "The most connections the firewall can keep track of; above it packets are dropped."),
    [ROW_RTT] = MEASURED("system.network.rtt", "s", "", BETTER_LOWER,
                         "Median of the smoothed round-trip times of TCP connections to other "
                         "machines, from a sample."),
    [ROW_RTT_P95] =
        MEASURED("system.network.rtt.p95", "s", "", BETTER_LOWER,
                 "The round-trip time that 95 % of the sampled TCP connections stay below."),
    [ROW_RTT_SAMPLE] = MEASURED("system.network.rtt.sample", "{connection}", "", BETTER_NEITHER,
                                "TCP connections the round-trip times come from."),
    {.name = "system.network.tcp.retransmit.ratio",
     .unit = "1",
     .labels = "",
     .formula = "system.network.tcp.retransmits / (system.network.tcp.retransmits + "
                "system.network.tcp.segments{direction=transmit})",
     .better = BETTER_LOWER,
     .fold = FOLD_FORMULA,
     .warning = 0.01,
     .critical = 0.05,
     .text = "Share of the TCP segments sent that were retransmissions."},
    {.name = "system.network.tcp.memory.utilization",
     .unit = "1",
     .labels = "",
     .formula = "system.network.tcp.memory / system.network.tcp.memory.limit",
     .better = BETTER_LOWER,
     .fold = FOLD_FORMULA,
     .warning = 0.7,
     .critical = 0.9,
     .text = "Share of the memory TCP may take for buffers in use."},
    {.name = "system.network.conntrack.utilization",
     .unit = "1",
     .labels = "",
     .formula = "system.network.conntrack.count / system.network.conntrack.limit",
     .better = BETTER_LOWER,
     .fold = FOLD_FORMULA,
     .warning = 0.8,
     .critical = 0.95,
     .text = "Share of the firewall's connection table in use."},
};

/* Where a reading stands. The first three are groups of struct mib. */
enum place {
    IN_TCP,
    IN_UDP,
    IN_TCP_EXT,
    MIBS,
    IN_SNMP6 = MIBS,
    IN_SOCKSTAT,
    IN_SOCKSTAT6,
    PLACES,
};

static const char *const mib_groups[MIBS] = {
    [IN_TCP] = "Tcp", [IN_UDP] = "Udp", [IN_TCP_EXT] = "TcpExt"};

enum scale { AS_IS, PAGES };

static const struct reading {
    enum place place;
    enum row row;
    const char *labels;
    const char *key;
    const char *line; /* of sockstat */
    enum scale scale;
} readings[] = {
    {IN_TCP, ROW_OPENS, "type=active", "ActiveOpens", NULL, AS_IS},
    {IN_TCP, ROW_OPENS, "type=passive", "PassiveOpens", NULL, AS_IS},
    {IN_TCP, ROW_OPEN_FAILURES, "", "AttemptFails", NULL, AS_IS},
    {IN_TCP, ROW_CONNECTION_RESETS, "", "EstabResets", NULL, AS_IS},
    {IN_TCP, ROW_CONNECTIONS, "protocol=tcp,state=established", "CurrEstab", NULL, AS_IS},
    {IN_TCP, ROW_SEGMENTS, "direction=receive", "InSegs", NULL, AS_IS},
    {IN_TCP, ROW_SEGMENTS, "direction=transmit", "OutSegs", NULL, AS_IS},
    {IN_TCP, ROW_RETRANSMITS, "", "RetransSegs", NULL, AS_IS},
    {IN_TCP, ROW_TCP_ERRORS, "", "InErrs", NULL, AS_IS},
    {IN_TCP, ROW_RESETS, "", "OutRsts", NULL, AS_IS},
    {IN_UDP, ROW_DATAGRAMS, "direction=receive,family=ipv4", "InDatagrams", NULL, AS_IS},
    {IN_UDP, ROW_DATAGRAMS, "direction=transmit,family=ipv4", "OutDatagrams", NULL, AS_IS},
    {IN_UDP, ROW_UDP_ERRORS, "family=ipv4", "InErrors", NULL, AS_IS},
    {IN_UDP, ROW_UDP_NO_PORTS, "family=ipv4", "NoPorts", NULL, AS_IS},
    {IN_UDP, ROW_UDP_BUFFER_ERRORS, "direction=receive,family=ipv4", "RcvbufErrors", NULL, AS_IS},
    {IN_UDP, ROW_UDP_BUFFER_ERRORS, "direction=transmit,family=ipv4", "SndbufErrors", NULL, AS_IS},
    {IN_TCP_EXT, ROW_SYN_COOKIES, "", "SyncookiesSent", NULL, AS_IS},
    {IN_TCP_EXT, ROW_LISTEN_OVERFLOWS, "", "ListenOverflows", NULL, AS_IS},
    {IN_TCP_EXT, ROW_LISTEN_DROPS, "", "ListenDrops", NULL, AS_IS},
    {IN_TCP_EXT, ROW_TIMEOUTS, "", "TCPTimeouts", NULL, AS_IS},
    {IN_TCP_EXT, ROW_MEMORY_ABORTS, "", "TCPAbortOnMemory", NULL, AS_IS},
    {IN_TCP_EXT, ROW_MEMORY_PRESSURES, "", "TCPMemoryPressures", NULL, AS_IS},
    {IN_TCP_EXT, ROW_BACKLOG_DROPS, "", "TCPBacklogDrop", NULL, AS_IS},
    {IN_TCP_EXT, ROW_SYN_RETRANSMITS, "", "TCPSynRetrans", NULL, AS_IS},
    /* In the order of the file, see mib_line. */
    {IN_SNMP6, ROW_DATAGRAMS, "direction=receive,family=ipv6", "Udp6InDatagrams", NULL, AS_IS},
    {IN_SNMP6, ROW_UDP_NO_PORTS, "family=ipv6", "Udp6NoPorts", NULL, AS_IS},
    {IN_SNMP6, ROW_UDP_ERRORS, "family=ipv6", "Udp6InErrors", NULL, AS_IS},
    {IN_SNMP6, ROW_DATAGRAMS, "direction=transmit,family=ipv6", "Udp6OutDatagrams", NULL, AS_IS},
    {IN_SNMP6, ROW_UDP_BUFFER_ERRORS, "direction=receive,family=ipv6", "Udp6RcvbufErrors", NULL,
     AS_IS},
    {IN_SNMP6, ROW_UDP_BUFFER_ERRORS, "direction=transmit,family=ipv6", "Udp6SndbufErrors", NULL,
     AS_IS},
    {IN_SOCKSTAT, ROW_SOCKETS, "", "used", "sockets", AS_IS},
    {IN_SOCKSTAT, ROW_SOCKETS_IN_USE, "protocol=tcp,family=ipv4", "inuse", "TCP", AS_IS},
    {IN_SOCKSTAT, ROW_ORPHANS, "", "orphan", "TCP", AS_IS},
    {IN_SOCKSTAT, ROW_CONNECTIONS, "protocol=tcp,state=time_wait", "tw", "TCP", AS_IS},
    {IN_SOCKSTAT, ROW_TCP_MEMORY, "", "mem", "TCP", PAGES},
    {IN_SOCKSTAT, ROW_SOCKETS_IN_USE, "protocol=udp,family=ipv4", "inuse", "UDP", AS_IS},
    {IN_SOCKSTAT, ROW_UDP_MEMORY, "", "mem", "UDP", PAGES},
    {IN_SOCKSTAT, ROW_SOCKETS_IN_USE, "protocol=raw,family=ipv4", "inuse", "RAW", AS_IS},
    {IN_SOCKSTAT6, ROW_SOCKETS_IN_USE, "protocol=tcp,family=ipv6", "inuse", "TCP6", AS_IS},
    {IN_SOCKSTAT6, ROW_SOCKETS_IN_USE, "protocol=udp,family=ipv6", "inuse", "UDP6", AS_IS},
    {IN_SOCKSTAT6, ROW_SOCKETS_IN_USE, "protocol=raw,family=ipv6", "inuse", "RAW6", AS_IS},
};

enum file {
    FILE_SNMP,
    FILE_NETSTAT,
    FILE_SNMP6,
    FILE_SOCKSTAT,
    FILE_SOCKSTAT6,
    FILE_CONNTRACK,
    FILE_LIMIT,
    FILES
};

/* A kernel without IPv6 or a firewall has no such files, and nothing is missing then. */
static const struct {
    const char *path;
    bool is_optional;
} files[FILES] = {
    [FILE_SNMP] = {"net/snmp", false},
    [FILE_NETSTAT] = {"net/netstat", false},
    [FILE_SNMP6] = {"net/snmp6", true},
    [FILE_SOCKSTAT] = {"net/sockstat", false},
    [FILE_SOCKSTAT6] = {"net/sockstat6", true},
    [FILE_CONNTRACK] = {"sys/net/netfilter/nf_conntrack_count", true},
    [FILE_LIMIT] = {"sys/net/netfilter/nf_conntrack_max", true},
};

struct tcp {
    struct kept kept[FILES];
    struct mib mibs[MIBS];
    uint8_t reading_of_key[MIBS][MIB_KEYS_MAX];
    int columns[ARRAY_SIZE(readings)]; /* -2: not registered yet */
    double values[ARRAY_SIZE(readings)];
    double page_bytes, memory_limit_bytes;
    bool asks_rtt;
    int64_t rtt_next_ns;
    struct rtt_summary rtt;
    struct rtt_sample sample;
};

static void
prepare_mibs(struct tcp *tcp)
{
    for (size_t m = 0; m < MIBS; m++) {
        size_t keys = 0;
        tcp->mibs[m].group = mib_groups[m];
        for (size_t i = 0; i < ARRAY_SIZE(readings); i++) {
            if (readings[i].place == m && keys < MIB_KEYS_MAX) {
                tcp->reading_of_key[m][keys] = (uint8_t)i;
                tcp->mibs[m].keys[keys++] = readings[i].key;
            }
        }
    }
}

static void
take_mib(struct tcp *tcp, enum place place, struct str text, struct batch *batch)
{
    double values[MIB_KEYS_MAX];
    struct mib *mib = &tcp->mibs[place];
    batch->rejected += !mib_take(mib, text, values);
    for (size_t k = 0; k < MIB_KEYS_MAX && mib->keys[k] != NULL; k++) {
        tcp->values[tcp->reading_of_key[place][k]] = values[k];
    }
}

static void
take_lines(struct tcp *tcp, struct str text)
{
    for (size_t i = 0; i < ARRAY_SIZE(readings); i++) {
        if (readings[i].place == IN_SNMP6) {
            tcp->values[i] = mib_line(&text, readings[i].key);
        }
    }
}

static void
take_pairs(struct tcp *tcp, enum place place, struct str text)
{
    for (size_t i = 0; i < ARRAY_SIZE(readings); i++) {
        const struct reading *reading = &readings[i];
        if (reading->place == place) {
            double scale = reading->scale == PAGES ? tcp->page_bytes : 1;
            tcp->values[i] = mib_pair(text, reading->line, reading->key) * scale;
        }
    }
}

static bool
read_file(struct tcp *tcp, enum file file, struct str *ret_text, struct batch *batch)
{
    struct kept *kept = &tcp->kept[file];
    if (kept_read(kept, ret_text)) {
        return true;
    }
    if (!files[file].is_optional) {
        batch_fail(batch, SOURCE_DEGRADED, "%s cannot be read: %s", kept->path,
                   strerror(kept->error));
    }
    return false;
}

static void
read_protocols(struct tcp *tcp, struct batch *batch)
{
    struct str text;
    if (read_file(tcp, FILE_SNMP, &text, batch)) {
        take_mib(tcp, IN_TCP, text, batch);
        take_mib(tcp, IN_UDP, text, batch);
    }
    if (read_file(tcp, FILE_NETSTAT, &text, batch)) {
        take_mib(tcp, IN_TCP_EXT, text, batch);
    }
    if (read_file(tcp, FILE_SNMP6, &text, batch)) {
        take_lines(tcp, text);
    }
    if (read_file(tcp, FILE_SOCKSTAT, &text, batch)) {
        take_pairs(tcp, IN_SOCKSTAT, text);
    }
    if (read_file(tcp, FILE_SOCKSTAT6, &text, batch)) {
        take_pairs(tcp, IN_SOCKSTAT6, text);
    }
}

static void
put_readings(struct tcp *tcp, struct batch *batch)
{
    for (size_t i = 0; i < ARRAY_SIZE(readings); i++) {
        if (isnan(tcp->values[i])) {
            continue;
        }
        if (tcp->columns[i] == -2) {
            tcp->columns[i] = batch_column(batch, &metrics[readings[i].row], readings[i].labels);
        }
        batch_set(batch, tcp->columns[i], tcp->values[i]);
    }
    if (!isnan(tcp->memory_limit_bytes)) {
        batch_put(batch, &metrics[ROW_TCP_MEMORY_LIMIT], "", tcp->memory_limit_bytes);
    }
}

static void
put_number(struct tcp *tcp, enum file file, enum row row, struct batch *batch)
{
    struct str text, line;
    uint64_t value;
    if (read_file(tcp, file, &text, batch) && kept_line(&text, &line) && str_u64(&line, &value) &&
        line.n == 0) {
        batch_put(batch, &metrics[row], "", (double)value);
    }
}

static void
ask_rtt(struct tcp *tcp, int64_t now_ns)
{
    if (!tcp->asks_rtt || now_ns < tcp->rtt_next_ns) {
        return;
    }
    int64_t start_ns = clock_thread_cpu_ns();
    tcp->rtt = (struct rtt_summary){0, NAN, NAN};
    int error = sock_diag_read(&tcp->sample);
    if (error == 0) {
        tcp->rtt = rtt_summarize(&tcp->sample);
    }
    /* A kernel without the module, or a sandbox that forbids the socket, will not change its mind.
     */
    tcp->asks_rtt = error == 0 || error == -EINTR || error == -ENOBUFS || error == -ENOMEM;
    int64_t rest_ns = (clock_thread_cpu_ns() - start_ns) * RTT_REST;
    tcp->rtt_next_ns = now_ns + CLAMP(rest_ns, RTT_NS, RTT_REST_NS_MAX);
}

static void
put_rtt(const struct tcp *tcp, struct batch *batch)
{
    if (tcp->rtt.count > 0) {
        batch_put(batch, &metrics[ROW_RTT], "", tcp->rtt.median_s);
        batch_put(batch, &metrics[ROW_RTT_P95], "", tcp->rtt.p95_s);
        batch_put(batch, &metrics[ROW_RTT_SAMPLE], "", (double)tcp->rtt.count);
    }
}

/* The third number of tcp_mem, in pages: above it no more buffers are given out. */
static double
read_memory_limit(const char *proc, double page_bytes)
{
    char text[96];
    struct str s = kept_once(text, sizeof(text), "%s/sys/net/ipv4/tcp_mem", proc);
    uint64_t low, pressure, high;
    bool is_whole = str_u64(&s, &low) && str_u64(&s, &pressure) && str_u64(&s, &high) && s.n == 0;
    return is_whole ? (double)high * page_bytes : NAN;
}

static void
tcp_close(void *state)
{
    struct tcp *tcp = state;
    if (tcp == NULL) {
        return;
    }
    for (size_t i = 0; i < FILES; i++) {
        kept_close(&tcp->kept[i]);
    }
    free(tcp);
}

static int
tcp_open(const struct source_setup *setup, void **ret_state, char *why, size_t why_size)
{
    struct tcp *tcp = calloc(1, sizeof(*tcp));
    if (tcp == NULL) {
        return -ENOMEM;
    }
    const char *proc = setup->roots->proc;
    bool has_any = false;
    for (size_t i = 0; i < FILES; i++) {
        has_any |= kept_open(&tcp->kept[i], proc, files[i].path) == 0;
    }
    if (!has_any) {
        snprintf(why, why_size, "%s/net has none of the files with protocol counters", proc);
        tcp_close(tcp);
        return -ENOENT;
    }
    prepare_mibs(tcp);
    for (size_t i = 0; i < ARRAY_SIZE(readings); i++) {
        tcp->columns[i] = -2;
    }
    tcp->page_bytes = (double)sysconf(_SC_PAGESIZE);
    tcp->memory_limit_bytes = read_memory_limit(proc, tcp->page_bytes);
    tcp->asks_rtt =
        strcmp(proc, "/proc") == 0; /* the kernel's sockets are not those of a tree of files */
    tcp->rtt = (struct rtt_summary){0, NAN, NAN};
    *ret_state = tcp;
    return 0;
}

static enum source_step
tcp_poll(void *state, struct batch *batch)
{
    struct tcp *tcp = state;
    for (size_t i = 0; i < ARRAY_SIZE(readings); i++) {
        tcp->values[i] = NAN;
    }
    read_protocols(tcp, batch);
    put_readings(tcp, batch);
    put_number(tcp, FILE_CONNTRACK, ROW_CONNTRACK, batch);
    put_number(tcp, FILE_LIMIT, ROW_CONNTRACK_LIMIT, batch);
    ask_rtt(tcp, batch->at.mono_ns);
    put_rtt(tcp, batch);
    return SOURCE_DONE;
}

const struct source source_proc_tcp = {
    .name = "tcp",
    .text =
        "TCP, UDP, sockets and connection tracking from /proc/net, round-trip times by sock_diag.",
    .metrics = metrics,
    .metric_count = ARRAY_SIZE(metrics),
    .every = 2, /* nine files, and nothing in them that a second would change */
    .open = tcp_open,
    .poll = tcp_poll,
    .close = tcp_close,
};
