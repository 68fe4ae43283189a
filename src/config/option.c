/* The option table, and values typed by its rows.
 *
 * Nothing is typed by how it looks: `no`, `on` or `1e3` in the file is what its row says it is.
 * Rows that share the part before the last dot stand together, and each group is printed in this
 * order. */
#include "flametop/config/option.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "flametop/base/json.h"
#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "flametop/config/nearest.h"
#include "flametop/core/unit.h"

#define LIST_ITEMS_MAX 1024

#define MIB 1048576.0

#define WORD(name, word) " " word
#define WORDS(list) (&(list(WORD))[1])

/* One line a row reads better than clang-format's one field a line. */
/* clang-format off */
const struct option option_table[] = {
    {.name = "interval", .flag = "interval", .letter = 'd', .argument = "TIME", .type = OPTION_DURATION,
     .fallback = "1s", .low = 0.1, .high = 60, .unit = "s", .group = "Collecting",
     .text = "Time between two readings of everything (-d also takes a bare number of seconds)."},
    {.name = "history.bytes", .flag = "history-bytes", .argument = "SIZE", .type = OPTION_SIZE,
     .fallback = "2MiB", .low = 65536, .high = 1024 * MIB, .unit = "By", .group = "Collecting",
     .text = "Memory for the compressed history of all metrics, of an agent 64MiB unless said otherwise; the oldest part "
             "is dropped first."},
    {.name = "filesystem.network", .flag = "network-filesystems", .type = OPTION_BOOL, .fallback = "false",
     .group = "Collecting",
     .text = "Ask network filesystems for their use as well; a dead server may delay their values."},
    {.name = "roots.proc", .flag = "proc", .argument = "DIR", .type = OPTION_TEXT, .fallback = "/proc",
     .group = "Collecting", .text = "Where the proc filesystem is."},
    {.name = "roots.sys", .flag = "sys", .argument = "DIR", .type = OPTION_TEXT, .fallback = "/sys",
     .group = "Collecting", .text = "Where sysfs is."},
    {.name = "roots.cgroup", .flag = "cgroup", .argument = "DIR", .type = OPTION_TEXT,
     .fallback = "/sys/fs/cgroup", .group = "Collecting", .text = "Where the control groups are."},

    {.name = "processes.pids", .flag = "pid", .letter = 'p', .argument = "PID,...", .type = OPTION_LIST,
     .fallback = "", .low = 1, .high = 4194304, .unit = "", .group = "Processes",
     .text = "Show only these processes, on screen and in snapshots; of flame without a FILE the one that is sampled."},
    {.name = "processes.users", .flag = "user", .letter = 'u', .argument = "USER,...", .type = OPTION_LIST,
     .fallback = "", .group = "Processes", .text = "Show only processes of these users (names or numbers), on screen and in snapshots."},

    {.name = "requests.slow", .flag = "slow", .argument = "TIME", .type = OPTION_DURATION, .fallback = "2s",
     .low = 0.001, .high = 3600, .unit = "s", .group = "Requests",
     .text = "Requests that take longer are slow: they are marked, counted and kept longer."},
    {.name = "requests.slow_for", .flag = "slow-for", .argument = "RULE,...", .type = OPTION_LIST, .fallback = "",
     .group = "Requests",
     .text = "Another time for some requests, the first that fits counts: \"POST /tools/*=5s\", "
             "\"tool:database-query=200ms\"; * stands for anything."},
    {.name = "queries.slow", .flag = "slow-queries", .argument = "TIME", .type = OPTION_DURATION, .fallback = "500ms",
     .low = 0.001, .high = 3600, .unit = "s", .group = "Requests",
     .text = "Calls to databases that take longer are slow."},
    {.name = "traces.bytes", .flag = "traces-bytes", .argument = "SIZE", .type = OPTION_SIZE, .fallback = "16MiB",
     .low = 1048576, .high = 16384 * MIB, .unit = "By", .group = "Requests",
     .text = "Memory for finished traces, of an agent 64MiB unless said otherwise; of old ones slow, failed and marked "
             "ones stay longest."},
    {.name = "traces.sampling", .flag = "sampling", .argument = "RULE,...", .type = OPTION_LIST, .fallback = "",
     .group = "Requests",
     .text = "Shares of traces to keep, the first rule that fits counts: \"GET /health=1%\", \"service:shop *=10%\", "
             "\"*=50%\"; rates count those that are not kept as well."},

    {.name = "attach.token_file", .flag = "token-file", .argument = "FILE", .type = OPTION_TEXT, .fallback = "",
     .group = "Attaching",
     .text = "File with the token that lets readers in: the agent asks for it, a monitor shows it "
             "(FLAMETOP_TOKEN holds the token itself)."},
    {.name = "attach.change_token_file", .flag = "change-token-file", .argument = "FILE", .type = OPTION_TEXT,
     .fallback = "", .group = "Attaching",
     .text = "File with the second token, for what changes something: signals and nice values "
             "(FLAMETOP_CHANGE_TOKEN holds the token itself)."},
    {.name = "attach.header_file", .flag = "header-file", .argument = "FILE", .type = OPTION_TEXT, .fallback = "",
     .group = "Attaching", .text = "File with header lines sent along with each request (X-Scope-OrgID: tenant)."},
    {.name = "attach.cookie_file", .flag = "cookie-file", .argument = "FILE", .type = OPTION_TEXT, .fallback = "",
     .group = "Attaching",
     .text = "File with the cookie of Erlang nodes (FLAMETOP_COOKIE holds the cookie itself); without it the one of "
             "the node on this machine, or of ~/.erlang.cookie."},
    {.name = "attach.inject", .flag = "inject", .type = OPTION_BOOL, .fallback = "true", .group = "Attaching",
     .text = "Put a collector onto Erlang nodes: one process that leaves when we do.",
     .off = "Put nothing onto Erlang nodes: plain calls tell the cards, but not of processes."},
    {.name = "attach.netrc", .flag = "netrc", .type = OPTION_BOOL, .fallback = "true", .group = "Attaching",
     .text = "Look for user and password of a server in ~/.netrc.",
     .off = "Do not look for user and password of a server in ~/.netrc."},
    {.name = "attach.ca_file", .flag = "cacert", .argument = "FILE", .type = OPTION_TEXT, .fallback = "",
     .group = "Attaching", .text = "Certificates that servers are verified with, instead of those of the system."},
    {.name = "attach.cert_file", .flag = "cert", .argument = "FILE", .type = OPTION_TEXT, .fallback = "",
     .group = "Attaching", .text = "Certificate shown to servers that ask for one."},
    {.name = "attach.key_file", .flag = "key", .argument = "FILE", .type = OPTION_TEXT, .fallback = "",
     .group = "Attaching", .text = "Key of that certificate."},
    {.name = "attach.insecure", .flag = "insecure", .type = OPTION_BOOL, .fallback = "false", .group = "Attaching",
     .text = "Do not verify servers: anybody in between could pretend to be one (shown in the header)."},

    {.name = "receive.listen", .flag = "receive", .argument = "[=ADDRESS,...]", .type = OPTION_LIST, .fallback = "",
     .group = "Receiving", .bare = "usual",
     .text = "Receive spans and readings of services: usual is the ports 4317 and 4318 (OTLP; Zipkin and JSON as well) "
             "and UDP 8125 (StatsD) of this machine; or PORT, ADDRESS:PORT, udp:ADDRESS:PORT."},
    {.name = "receive.open", .flag = "receive-open", .type = OPTION_BOOL, .fallback = "false", .group = "Receiving",
     .text = "Receive at addresses that other machines reach as well: anybody there may send, and nothing is encrypted."},

    {.name = "view", .flag = "view", .argument = "VIEW", .type = OPTION_CHOICE, .fallback = "overview",
     .choices = "overview system processes beam requests flame findings metrics fleet", .group = "Screen",
     .text = "View that is open at first; of an Erlang node that is beam unless told otherwise."},
    {.name = "span", .flag = "span", .argument = "TIME", .type = OPTION_DURATION, .fallback = "10m",
     .low = 60, .high = 604800, .unit = "s", .group = "Screen",
     .text = "Time that all charts show, and how much of its history an agent is asked for."},
    {.name = "cards", .flag = "cards", .argument = "METRIC,...", .type = OPTION_LIST, .fallback = "",
     .group = "Screen",
     .text = "Metrics that are cards of the overview beside the usual ones, at most 8: system.cpu.run_queue, "
             "system.disk.io{device=sda}."},
    {.name = "theme", .flag = "theme", .argument = "NAME", .type = OPTION_TEXT, .fallback = "dark",
     .group = "Screen", .text = "Theme: the name or the path of a .theme file."},
    {.name = "colours", .flag = "colours", .argument = "DEPTH", .type = OPTION_CHOICE, .fallback = "auto",
     .choices = WORDS(OPTION_COLOURS), .group = "Screen",
     .text = "Colours the terminal has; auto asks the terminal, NO_COLOR in the environment means mono."},
    {.name = "glyphs", .flag = "glyphs", .argument = "SET", .type = OPTION_CHOICE, .fallback = "auto",
     .choices = WORDS(OPTION_GLYPHS), .group = "Screen",
     .text = "Characters that charts and boxes are drawn with; auto asks charset and terminal."},
    {.name = "mouse", .flag = "mouse", .type = OPTION_BOOL, .fallback = "true", .group = "Screen",
     .text = "Use clicks and the wheel; without it the terminal has them, to select text.",
     .off = "Leave clicks and the wheel to the terminal, to select text."},
    {.name = "plain", .flag = "plain", .type = OPTION_BOOL, .fallback = "false", .group = "Screen",
     .text = "Print one line for each changed finding and never move the cursor (screen readers, logs)."},
    {.name = "slow_link", .flag = "slow-link", .type = OPTION_BOOL, .fallback = "false", .group = "Screen",
     .text = "Refresh every 5 s and send as little as possible; set by itself on a slow serial line."},
    {.name = "readonly", .flag = "readonly", .type = OPTION_BOOL, .fallback = "false", .group = "Screen",
     .text = "Refuse what changes something outside flametop: signals and nice values."},
    {.name = "keymap", .flag = "keymap", .argument = "NAME", .type = OPTION_CHOICE, .fallback = "default",
     .choices = "default atop htop vim", .group = "Screen",
     .text = "Keys of another program, laid over the default ones."},

    {.name = "log.level", .flag = "log-level", .argument = "LEVEL", .type = OPTION_CHOICE,
     .fallback = "warning", .choices = WORDS(OPTION_LOG_LEVELS), .group = "Log",
     .text = "Least important messages that are logged; of an agent info unless said otherwise, on a terminal "
             "warning."},
    {.name = "log.file", .flag = "log-file", .argument = "FILE", .type = OPTION_TEXT, .fallback = "",
     .group = "Log", .text = "File the log is appended to; empty: standard error while no screen is open."},

    {.name = "agent.listen", .flag = "listen", .argument = "ADDRESS:PORT,...", .type = OPTION_LIST,
     .fallback = "127.0.0.1:7711", .group = "Agent", .command = "agent",
     .text = "Where the agent listens; another address than a loopback one needs TLS and a token; none: at the "
             "unix socket only."},
    {.name = "agent.unix", .flag = "unix", .argument = "PATH", .type = OPTION_TEXT, .fallback = "",
     .group = "Agent", .command = "agent",
     .text = "Unix socket of the agent; empty: $XDG_RUNTIME_DIR/flametop.sock, /run/flametop/agent.sock for root, "
             "none with a TARGET; none: no such socket."},
    {.name = "agent.tls_cert", .flag = "tls-cert", .argument = "FILE", .type = OPTION_TEXT, .fallback = "",
     .group = "Agent", .command = "agent", .text = "Certificate of the agent, with those between it and the root."},
    {.name = "agent.tls_key", .flag = "tls-key", .argument = "FILE", .type = OPTION_TEXT, .fallback = "",
     .group = "Agent", .command = "agent", .text = "Key of that certificate."},
    {.name = "agent.insecure_no_tls", .flag = "insecure-no-tls", .type = OPTION_BOOL, .fallback = "false",
     .group = "Agent", .command = "agent",
     .text = "Listen at other addresses without TLS: somebody else encrypts, or the network is trusted."},
    {.name = "agent.hosts", .flag = "allow-host", .argument = "NAME,...", .type = OPTION_LIST, .fallback = "",
     .group = "Agent", .command = "agent",
     .text = "Names by which the agent may be asked, besides its address and the name of the machine."},
    {.name = "agent.connections", .flag = "connections", .argument = "N", .type = OPTION_INTEGER,
     .fallback = "1024", .low = 1, .high = 60000, .unit = "", .group = "Agent", .command = "agent",
     .text = "Connections at once to each address the agent listens at."},
    {.name = "agent.timeout", .flag = "request-timeout", .argument = "TIME", .type = OPTION_DURATION,
     .fallback = "20s", .low = 1, .high = 3600, .unit = "s", .group = "Agent", .command = "agent",
     .text = "Time for a request to be whole, and for readers to read on, before they are cut off."},
    {.name = "agent.until_eof", .flag = "until-eof", .type = OPTION_BOOL, .fallback = "false",
     .group = "Agent", .command = "agent", .text = "Stop when standard input ends; say on standard output when it serves."},

    {.name = "ws.heartbeat", .flag = "heartbeat", .argument = "TIME", .type = OPTION_DURATION,
     .fallback = "30s", .low = 1, .high = 3600, .unit = "s", .group = "Agent", .command = "agent",
     .text = "Time between two pings to WebSockets; two unanswered ones end the connection."},

    {.name = "snapshot.output", .flag = "output", .letter = 'o', .argument = "FILE", .type = OPTION_TEXT,
     .fallback = "", .group = "Snapshot", .command = "snapshot",
     .text = "File to write, in the format its name ends in (text without an ending); empty or - is standard output."},
    {.name = "snapshot.format", .flag = "format", .argument = "FORMAT", .type = OPTION_TEXT, .fallback = "",
     .choices = "json csv prometheus openmetrics text ansi", .group = "Snapshot", .command = "snapshot",
     .text = "Format whatever the file is called; empty: what the name of the file says, else text."},
    {.name = "snapshot.for", .flag = "for", .argument = "TIME", .type = OPTION_DURATION, .fallback = "1s",
     .low = 0.1, .high = 3600, .unit = "s", .group = "Snapshot", .command = "snapshot",
     .text = "How long to look before the snapshot is written: rates are means over this time."},
    {.name = "snapshot.count", .flag = "count", .letter = 'n', .argument = "N", .type = OPTION_INTEGER,
     .fallback = "1", .low = 1, .high = 1e9, .unit = "", .group = "Snapshot", .command = "snapshot",
     .text = "Write this many, one each interval: JSON as lines, csv under one head."},

    {.name = "flame.diff", .flag = "diff", .argument = "FILE", .type = OPTION_TEXT, .fallback = "",
     .group = "Flame", .command = "flame",
     .text = "Profile, file of traces or agent to compare with, the older side: what grew and shrank is marked and coloured."},
    {.name = "flame.filter", .flag = "filter", .argument = "FILTER", .type = OPTION_TEXT, .fallback = "",
     .group = "Flame", .command = "flame",
     .text = "Only these requests, of an agent or a file of traces: service=shop endpoint~/tools/ duration>200ms."},
    {.name = "flame.for", .flag = "for", .argument = "TIME", .type = OPTION_DURATION, .fallback = "10s",
     .low = 0.1, .high = 3600, .unit = "s", .group = "Flame", .command = "flame",
     .text = "How long to sample a process or the machine before the result is written; Ctrl-C ends it sooner. On the screen it goes on."},
    {.name = "flame.from", .flag = "from", .argument = "TIME", .type = OPTION_TEXT, .fallback = "",
     .group = "Flame", .command = "flame",
     .text = "Only requests that began then or later, of an agent or a file of traces: 14:02, 2026-11-21 14:02 (local time; with Z behind UTC), -10m (of a file: before its end). What --diff names is taken whole."},
    {.name = "flame.machine", .flag = "machine", .type = OPTION_BOOL, .fallback = "false", .group = "Flame",
     .command = "flame", .text = "Sample the stacks of all processes instead of reading a FILE."},
    {.name = "flame.node", .flag = "node", .type = OPTION_BOOL, .fallback = "false", .group = "Flame",
     .command = "flame", .text = "Sample the Erlang node that the agent watches; --of means that as well."},
    {.name = "flame.of", .flag = "of", .argument = "WHAT", .type = OPTION_TEXT, .fallback = "", .group = "Flame",
     .command = "flame",
     .text = "Sample only this of an Erlang node: an application, a registered name, or a process as <0.412.0>."},
    {.name = "flame.output", .flag = "output", .letter = 'o', .argument = "FILE", .type = OPTION_TEXT,
     .fallback = "", .group = "Flame", .command = "flame",
     .text = "Write the flame graph instead of showing it: .svg, .speedscope.json, .json or .folded by the end of the name; - is standard output, as folded stacks."},
    {.name = "flame.rate", .flag = "rate", .argument = "HZ", .type = OPTION_INTEGER, .fallback = "99", .low = 1,
     .high = 999, .unit = "", .group = "Flame", .command = "flame",
     .text = "Samples a second of each CPU that is busy, also of what F samples on the screen; of an Erlang node fewer where they would cost more than a tenth of a scheduler."},
    {.name = "flame.to", .flag = "to", .argument = "TIME", .type = OPTION_TEXT, .fallback = "", .group = "Flame",
     .command = "flame", .text = "Only requests that began before then, as --from."},
    {.name = "flame.wall", .flag = "wall", .type = OPTION_BOOL, .fallback = "false", .group = "Flame",
     .command = "flame", .text = "Sample processes of an Erlang node where they wait as well, not only where they work."},
};
const size_t option_table_count = ARRAY_SIZE(option_table);

static const struct option metric_fields[] = {
    {.name = "interval", .argument = "TIME", .type = OPTION_DURATION, .low = 0.1, .high = 86400, .unit = "s",
     .text = "Keep a reading of this metric only this often."},
    {.name = "percentiles", .argument = "LIST", .type = OPTION_LIST, .low = 0, .high = 100, .unit = "",
     .text = "Percentiles shown with its chart."},
};

static const struct option mapping_fields[] = {
    {.name = "name", .argument = "NAME", .type = OPTION_TEXT, .unit = "",
     .text = "Name of the metric it is; without it one is made of the keys."},
    {.name = "unit", .argument = "UNIT", .type = OPTION_TEXT, .unit = "",
     .text = "Unit it is written in: ms, us, s, By, KiB, MiB, MB, %, or any other; without it the end of the key tells."},
    {.name = "kind", .argument = "KIND", .type = OPTION_CHOICE, .choices = "gauge counter", .unit = "",
     .text = "Whether it is a level or a number that only grows; without it what it does tells."},
    {.name = "max", .argument = "VALUE", .type = OPTION_REAL, .unit = "",
     .text = "Value at which it is full, in the same unit: NAME.utilization is the share of it."},
    {.name = "warning", .argument = "VALUE", .type = OPTION_REAL, .unit = "",
     .text = "Value the level warning begins at, in the same unit."},
    {.name = "critical", .argument = "VALUE", .type = OPTION_REAL, .unit = "",
     .text = "Value the level critical begins at, in the same unit."},
};

static const struct option pool_fields[] = {
    {.name = "call", .argument = "CALL", .type = OPTION_TEXT, .unit = "",
     .text = "What is asked of the node, as Erlang writes it: my_pool:stats(orders)."},
    {.name = "process", .argument = "NAME", .type = OPTION_TEXT, .unit = "",
     .text = "Ask only nodes on which a process of this name is registered."},
    {.name = "rows", .argument = "PATH", .type = OPTION_TEXT, .unit = "",
     .text = "Where in the answer the pools are listed; without it the answer is of one pool."},
    {.name = "pool", .argument = "PATH", .type = OPTION_TEXT, .unit = "",
     .text = "Where in a row its name is; without it the name in the configuration."},
    {.name = "workers", .argument = "PATH", .type = OPTION_TEXT, .unit = "",
     .text = "Where in a row the number of workers is."},
    {.name = "busy", .argument = "PATH", .type = OPTION_TEXT, .unit = "",
     .text = "Where in a row the number of busy workers is."},
    {.name = "available", .argument = "PATH", .type = OPTION_TEXT, .unit = "",
     .text = "Where in a row the number of free workers is."},
    {.name = "queue", .argument = "PATH", .type = OPTION_TEXT, .unit = "",
     .text = "Where in a row the number of those that wait is."},
    {.name = "queue_limit", .argument = "PATH", .type = OPTION_TEXT, .unit = "",
     .text = "Where in a row it says how many may wait."},
    {.name = "requests", .argument = "PATH", .type = OPTION_TEXT, .unit = "",
     .text = "Where in a row the number of all requests since the start is."},
    {.name = "errors", .argument = "PATH", .type = OPTION_TEXT, .unit = "",
     .text = "Where in a row the number of failed ones since the start is."},
    {.name = "timeouts", .argument = "PATH", .type = OPTION_TEXT, .unit = "",
     .text = "Where in a row the number of those that waited too long is, since the start."},
    {.name = "refused", .argument = "PATH", .type = OPTION_TEXT, .unit = "",
     .text = "Where in a row the number of those sent away is, since the start."},
    {.name = "sessions", .argument = "PATH", .type = OPTION_TEXT, .unit = "",
     .text = "Where in a row the number of open sessions is."},
};

static const struct option threshold_fields[] = {
    {.name = "warning", .argument = "VALUE", .type = OPTION_REAL,
     .text = "Value the level warning begins at; none: never."},
    {.name = "critical", .argument = "VALUE", .type = OPTION_REAL,
     .text = "Value the level critical begins at; none: never."},
};

const struct option_section option_section_table[] = {
    {"keys", "CONTEXT.KEY", NULL, 0, "Commands of keys: everywhere, or in one view only.", false, false, 0},
    {"mappings", "POINTER", mapping_fields, ARRAY_SIZE(mapping_fields),
     "What the numbers of a JSON endpoint are, by their JSON pointer (/pools/*/busy), in which * is any one key.",
     true, false, '/'},
    {"metrics", "METRIC", metric_fields, ARRAY_SIZE(metric_fields), "Settings of one metric.", false, false, 0},
    {"pools", "NAME", pool_fields, ARRAY_SIZE(pool_fields),
     "Pools of an Erlang node, by what it answers to a call. A PATH is of keys of maps and property lists, and of places "
     "in tuples and lists from 1, separated by /: stats/busy, 2/1; * is each element, . the answer itself.",
     true, false, 0},
    {"targets", "GROUP", NULL, 0,
     "Targets that @GROUP stands for: a list, in which web-{01..40}:7711 is forty of them. Inside [ ] a name with "
     "braces needs quotes: prod: [\"web-{01..40}:7711\"].", false, true, 0},
    {"thresholds", "METRIC", threshold_fields, ARRAY_SIZE(threshold_fields),
     "Levels of one metric, in its unit.", false, false, 0},
};
const size_t option_section_table_count = ARRAY_SIZE(option_section_table);
/* clang-format on */

const struct option *
option_find(const char *name)
{
    for (size_t i = 0; i < option_table_count; i++) {
        if (strcmp(option_table[i].name, name) == 0) {
            return &option_table[i];
        }
    }
    return NULL;
}

bool
option_choice(const struct option *option, size_t n, struct str *ret_word)
{
    struct str rest = str_from(option->choices), word;
    for (size_t i = 0; str_word(&rest, &word); i++) {
        if (i == n) {
            *ret_word = word;
            return true;
        }
    }
    return false;
}

/* What was typed, safe to show and short. */
struct shown {
    char text[64];
};

static struct shown
show(struct str text)
{
    struct shown shown = {""};
    utf8_clean(text, shown.text, sizeof(shown.text));
    return shown;
}

static bool
has_bounds(const struct option *option)
{
    return option->low != 0 || option->high != 0;
}

static void
bound_text(const struct option *option, const char *unit, double bound, struct buf *out)
{
    struct option_value value = {
        .real = bound, .integer = (int64_t)(option->type == OPTION_DURATION ? bound * 1e9 : bound)};
    if (option->type == OPTION_LIST) {
        buf_printf(out, "%.0f", bound);
    } else {
        option_print(option, unit, &value, out);
    }
}

static bool
in_bounds(const struct option *option, const char *unit, double number, struct str text, char *why,
          size_t why_size)
{
    if (!has_bounds(option) || (number >= option->low && number <= option->high)) {
        return true;
    }
    struct buf bounds;
    buf_init(&bounds, 128);
    bound_text(option, unit, option->low, &bounds);
    buf_puts(&bounds, " to ");
    bound_text(option, unit, option->high, &bounds);
    snprintf(why, why_size, "%s is out of bounds (%s)", show(text).text,
             bounds.data != NULL ? bounds.data : "");
    buf_done(&bounds);
    return false;
}

static bool
parse_bool(struct str text, struct option_value *ret_value, char *why, size_t why_size)
{
    static const struct {
        const char *word;
        bool value;
    } words[] = {{"true", true}, {"false", false}, {"yes", true}, {"no", false},
                 {"on", true},   {"off", false},   {"1", true},   {"0", false}};
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (nearest_distance(text, str_from(words[i].word)) == 0) {
            *ret_value = (struct option_value){.integer = words[i].value};
            return true;
        }
    }
    snprintf(why, why_size, "'%s' is neither true nor false", show(text).text);
    return false;
}

static bool
parse_integer(const struct option *option, struct str text, struct option_value *ret_value,
              char *why, size_t why_size)
{
    struct str rest = text;
    int64_t integer;
    if (!str_i64(&rest, &integer) || rest.n > 0) {
        snprintf(why, why_size, "'%s' is not a whole number", show(text).text);
        return false;
    }
    if (!in_bounds(option, "", (double)integer, text, why, why_size)) {
        return false;
    }
    *ret_value = (struct option_value){.integer = integer, .real = (double)integer};
    return true;
}

/* A time without its unit: asks which of the readings that are in bounds was meant. False when it
 * is no such thing, or none is. */
static bool
ask_unit(const struct option *option, struct str text, char *why, size_t why_size)
{
    static const struct {
        const char *suffix;
        double seconds;
    } readings[] = {{"s", 1}, {"ms", 0.001}, {"m", 60}, {"h", 3600}};
    struct str rest = text;
    double number;
    if (option->type != OPTION_DURATION || !str_double(&rest, &number) || rest.n > 0) {
        return false;
    }
    struct shown shown = show(text);
    const char *bare = shown.text;
    size_t n = (size_t)snprintf(why, why_size, "%s: did you mean", bare), found = 0;
    for (size_t i = 0; i < ARRAY_SIZE(readings) && found < 2; i++) {
        double seconds = number * readings[i].seconds;
        if (seconds >= option->low && seconds <= option->high && n < why_size) {
            n += (size_t)snprintf(why + n, why_size - n, "%s %s%s", found > 0 ? " or" : "", bare,
                                  readings[i].suffix);
            found++;
        }
    }
    if (found > 0 && n < why_size) {
        snprintf(why + n, why_size - n, "?");
    }
    return found > 0;
}

static bool
parse_number(const struct option *option, const char *unit, struct str text,
             struct option_value *ret_value, char *why, size_t why_size)
{
    double number;
    if (has_bounds(option) && ask_unit(option, text, why, why_size)) {
        return false;
    }
    if (!unit_parse(text, unit, &number, why, why_size) ||
        !in_bounds(option, unit, number, text, why, why_size)) {
        return false;
    }
    double scaled = option->type == OPTION_DURATION ? number * 1e9 : number;
    bool whole = option->type == OPTION_DURATION || option->type == OPTION_SIZE;
    if (whole && scaled >= 9.2e18) {
        snprintf(why, why_size, "%s is too much", show(text).text);
        return false;
    }
    *ret_value = (struct option_value){.integer = whole ? llround(scaled) : 0, .real = number};
    return true;
}

static bool
parse_choice(const struct option *option, struct str text, struct arena *arena,
             struct option_value *ret_value, char *why, size_t why_size)
{
    struct str word;
    for (size_t i = 0; option_choice(option, i, &word); i++) {
        if (word.n == text.n && memcmp(word.p, text.p, word.n) == 0) {
            *ret_value = (struct option_value){.integer = (int64_t)i,
                                               .text = arena_text(arena, text.p, text.n)};
            return true;
        }
    }
    snprintf(why, why_size, "'%s' is none of: %s", show(text).text, option->choices);
    return false;
}

static bool
has_nul(struct str text, char *why, size_t why_size)
{
    if (text.n == 0 || memchr(text.p, 0, text.n) == NULL) {
        return false;
    }
    snprintf(why, why_size, "the text contains a NUL character");
    return true;
}

bool
option_parse_items(const struct option *option, const struct str *items, size_t count,
                   struct arena *arena, struct option_value *ret_value, char *why, size_t why_size)
{
    const char **texts = arena_news(arena, const char *, MAX(count, (size_t)1));
    if (texts == NULL || count > LIST_ITEMS_MAX) {
        snprintf(why, why_size, "the list is too long");
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct str rest = items[i];
        double number;
        if (rest.n == 0) {
            snprintf(why, why_size, "the list has an empty item");
            return false;
        }
        if (has_nul(rest, why, why_size)) {
            return false;
        }
        if (has_bounds(option)) {
            if (!str_double(&rest, &number) || rest.n > 0) {
                snprintf(why, why_size, "'%s' is not a number", show(items[i]).text);
                return false;
            }
            if (!in_bounds(option, "", number, items[i], why, why_size)) {
                return false;
            }
        }
        texts[i] = arena_text(arena, items[i].p, items[i].n);
    }
    *ret_value = (struct option_value){.items = texts, .item_count = count};
    return true;
}

static bool
parse_list(const struct option *option, struct str text, struct arena *arena,
           struct option_value *ret_value, char *why, size_t why_size)
{
    struct str items[64], rest = text, item;
    size_t count = 0;
    while (count < ARRAY_SIZE(items) && str_until(&rest, ',', &item)) {
        items[count++] = str_trim(item);
    }
    if (rest.n > 0) {
        snprintf(why, why_size, "more than %zu items", ARRAY_SIZE(items));
        return false;
    }
    return option_parse_items(option, items, count, arena, ret_value, why, why_size);
}

bool
option_parse(const struct option *option, const char *unit, struct str text, struct arena *arena,
             struct option_value *ret_value, char *why, size_t why_size)
{
    const char *of_unit = unit != NULL ? unit : option->unit != NULL ? option->unit : "";
    struct str trimmed = str_trim(text);
    switch (option->type) {
    case OPTION_BOOL:
        return parse_bool(trimmed, ret_value, why, why_size);
    case OPTION_INTEGER:
        return parse_integer(option, trimmed, ret_value, why, why_size);
    case OPTION_REAL:
    case OPTION_DURATION:
    case OPTION_SIZE:
        return parse_number(option, of_unit, trimmed, ret_value, why, why_size);
    case OPTION_CHOICE:
        return parse_choice(option, trimmed, arena, ret_value, why, why_size);
    case OPTION_LIST:
        return parse_list(option, trimmed, arena, ret_value, why, why_size);
    case OPTION_TEXT:
        break;
    }
    if (has_nul(text, why, why_size)) {
        return false;
    }
    *ret_value = (struct option_value){.text = arena_text(arena, text.p, text.n)};
    return true;
}

/* A double-quoted YAML scalar. Bad UTF-8 cannot be written in YAML and becomes U+FFFD. */
static void
print_text(const char *text, struct buf *out)
{
    struct str rest = str_from(text);
    buf_putc(out, '"');
    while (rest.n > 0) {
        char bytes[4];
        uint32_t c = utf8_next(&rest);
        if (c == '"' || c == '\\') {
            buf_printf(out, "\\%c", (char)c);
        } else if (c < 0x20 || (c >= 0x7f && c < 0xa0)) {
            buf_printf(out, "\\x%02x", (unsigned)c);
        } else if (c == 0x2028 || c == 0x2029 || c == 0xfeff || c == 0x85) {
            buf_printf(out, "\\u%04x", (unsigned)c);
        } else {
            buf_add(out, bytes, utf8_put(c, bytes));
        }
    }
    buf_putc(out, '"');
}

/* The largest unit that divides the value, so that it reads back exactly. */
static void
print_whole(int64_t value, bool duration, struct buf *out)
{
    static const struct {
        int64_t divisor;
        const char *suffix;
    } times[] = {{86400 * NS_PER_S, "d"},
                 {3600 * NS_PER_S, "h"},
                 {60 * NS_PER_S, "m"},
                 {NS_PER_S, "s"},
                 {NS_PER_MS, "ms"},
                 {NS_PER_US, "us"},
                 {1, "ns"}},
      sizes[] = {{INT64_C(1) << 40, "TiB"},
                 {1 << 30, "GiB"},
                 {1 << 20, "MiB"},
                 {1 << 10, "KiB"},
                 {1, "B"},
                 {1, "B"},
                 {1, "B"}};
    for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
        int64_t divisor = duration ? times[i].divisor : sizes[i].divisor;
        if (value % divisor == 0 && (value != 0 || divisor == (duration ? NS_PER_S : 1))) {
            buf_printf(out, "%lld%s", (long long)(value / divisor),
                       duration ? times[i].suffix : sizes[i].suffix);
            return;
        }
    }
}

static void
print_real(double value, const char *unit, struct buf *out)
{
    char text[32];
    if (isnan(value)) {
        buf_puts(out, "none");
    } else if (strcmp(unit, "1") == 0 && value > 1) {
        /* Above 1 a bare share is refused. Percent carries every double only where it divides
         * evenly back. */
        buf_printf(out, "%s%%", json_double_text(value * 100, text));
    } else {
        buf_printf(out, "%s%s", json_double_text(value, text), strcmp(unit, "s") == 0 ? "s" : "");
    }
}

void
option_print(const struct option *option, const char *unit, const struct option_value *value,
             struct buf *out)
{
    switch (option->type) {
    case OPTION_BOOL:
        buf_puts(out, value->integer != 0 ? "true" : "false");
        break;
    case OPTION_INTEGER:
        buf_printf(out, "%lld", (long long)value->integer);
        break;
    case OPTION_REAL:
        print_real(value->real,
                   unit != NULL           ? unit
                   : option->unit != NULL ? option->unit
                                          : "",
                   out);
        break;
    case OPTION_DURATION:
    case OPTION_SIZE:
        print_whole(value->integer, option->type == OPTION_DURATION, out);
        break;
    case OPTION_TEXT:
        print_text(value->text, out);
        break;
    case OPTION_CHOICE:
        buf_puts(out, value->text);
        break;
    case OPTION_LIST:
        buf_putc(out, '[');
        for (size_t i = 0; i < value->item_count; i++) {
            buf_puts(out, i > 0 ? ", " : "");
            print_text(value->items[i], out);
        }
        buf_putc(out, ']');
        break;
    }
}
