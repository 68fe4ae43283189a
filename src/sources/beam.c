/* The link to an Erlang node.
 *
 * Once connected, the node is asked in rounds: at each interval for its numbers, less often for
 * what costs it more. Each kind of answer is a source of its own (a feed), so that each keeps its
 * own time; an answer is kept as it came and read when its source is polled.
 *
 * A node that does not answer keeps its connection: stopped or overloaded nodes come back, and what
 * they say late is dropped by its number. One that hangs up is tried again, later each time; one
 * that refuses the cookie is not, as each try is an error in its log. */
#include "flametop/sources/beam.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "beam_collector.h"
#include "beam_connect.h"
#include "beam_node.h"
#include "beam_wire.h"
#include "flametop/base/clock.h"
#include "flametop/base/log.h"
#include "flametop/base/macros.h"
#include "flametop/core/host.h"
#include "flametop/sources/beam_metrics.h"
#include "flametop/sources/table.h"

#define RETRY_FIRST_NS NS_PER_S
#define RETRY_LONGEST_NS (30 * NS_PER_S)
#define PATIENCE_NS (5 * NS_PER_S)
#define SILENCE_NS (90 * NS_PER_S)    /* its ticks come every 15 s: then the line is dead */
#define KEEP_ALIVE_NS (15 * NS_PER_S) /* the collector waits for a minute */
#define SLOW_NS (10 * NS_PER_S)
#define SEEN_NS (2 * NS_PER_S)
#define TREE_NS (5 * NS_PER_S)
#define SCAN_SHARE 20 /* a scan takes at most this part of the time */
#define TOP_ROWS 50
#define TABLE_ROWS 200
#define POOLS_WORD "pools"

enum feed_id {
    FEED_VM,
    FEED_ALLOCATORS,
    FEED_SCAN,
    FEED_PEERS,
    FEED_DETAIL,
    FEED_ETS,
    FEED_PORTS,
    FEED_APPLICATIONS,
    FEED_TREE,
    FEED_POOLS,
    FEEDS
};

struct feed {
    struct source source; /* first: what open is given */
    struct beam *beam;
    struct buf reply;
    bool fresh;   /* to be read */
    bool asked;   /* an answer is awaited */
    bool dropped; /* nobody looks any more: an empty batch takes its table away */
    bool shown;   /* a table of it is in view */
    int64_t asked_ns, came_ns, due_ns;
    int64_t process; /* of the detail: whose */
};

/* Calls that are made one by one, where there is no collector. */
struct round {
    struct beam *beam;
    const struct beam_calls *calls;
    enum feed_id feed; /* FEEDS: not for a feed */
    struct buf values[BEAM_VALUES_MAX];
    size_t left;
    bool late;
};

enum phase {
    WAITING,    /* for the next try */
    REFUSED,    /* another try would end alike */
    CONNECTING, /* in its thread */
    GREETING,   /* the collector is being put there, the node asked who it is */
    LIVE,
    SILENT, /* connected, and nothing is answered */
};

struct beam {
    struct link_setup setup;
    const struct beam_options *options;
    enum phase phase;
    struct beam_connect *connect;
    struct beam_wire *wire;
    struct beam_collector *starter;
    struct etf_pid collector;
    char collector_node[256];
    bool has_collector, has_pools; /* the collector knows how to ask for them */
    struct pools *pools;
    char own[256]; /* our name there */
    uv_timer_t *timer;
    struct beam_node node;
    struct feed feeds[FEEDS];
    bool brought, here; /* sources were brought; those of this machine as well */
    struct interest interest;
    int64_t heard_ns, retry_ns, back_off_ns, round_trip_ns, scan_interval_ns, spoken_ns;
    int64_t pid; /* of the node's process on this machine; 0 */
    char why[600], note[200], doing[300];
};

static void connect_now(struct beam *beam);
static void on_turn(uv_timer_t *timer);
static void say_changed(struct beam *beam);

/* ---- feeds as sources ---- */

static int
feed_open(const struct source_setup *setup, void **ret_state, char *why, size_t why_size)
{
    (void)why, (void)why_size;
    *ret_state = (void *)(uintptr_t)setup->source; /* it is inside a feed, which is not const */
    return 0;
}

static void
feed_close(void *state)
{
    (void)state;
}

/* The results in a list, as many as there are calls; `error` is no result. */
static void
split(struct str list_term, const struct beam_calls *calls, struct str *values)
{
    struct etf_list list = {.left = 0};
    etf_list(&list_term, &list);
    for (size_t i = 0; i < calls->count; i++) {
        struct str value;
        bool is = etf_list_next(&list, &value);
        values[i] = is && !etf_is_atom(value, "error") ? value : (struct str){"", 0};
    }
}

static void
read_calls(struct feed *feed, const struct beam_calls *calls,
           void (*read)(struct beam_node *, const struct str *, struct batch *),
           struct batch *batch)
{
    struct str values[BEAM_VALUES_MAX];
    split((struct str){feed->reply.data, feed->reply.n}, calls, values);
    read(&feed->beam->node, values, batch);
}

static void
read_reply(struct feed *feed, enum feed_id id, struct batch *batch)
{
    static void (*const readers[FEEDS])(struct beam_node *, struct str, struct batch *) = {
        [FEED_SCAN] = beam_read_scan,     [FEED_PEERS] = beam_read_peers,
        [FEED_DETAIL] = beam_read_detail, [FEED_ETS] = beam_read_ets,
        [FEED_PORTS] = beam_read_ports,   [FEED_APPLICATIONS] = beam_read_applications,
        [FEED_TREE] = beam_read_tree};
    if (id == FEED_VM) {
        read_calls(feed, &beam_calls_vm, beam_read_vm, batch);
    } else if (id == FEED_ALLOCATORS) {
        read_calls(feed, &beam_calls_allocators, beam_read_allocators, batch);
    } else if (id == FEED_POOLS) {
        pools_read(feed->beam->pools, (struct str){feed->reply.data, feed->reply.n},
                   feed->beam->node.name, feed->beam->node.local, batch);
    } else {
        readers[id](&feed->beam->node, (struct str){feed->reply.data, feed->reply.n}, batch);
    }
}

/* A scan may take a twentieth of the time, of one scheduler. */
static void
pace_scans(struct beam *beam)
{
    int64_t needed_ns = beam->node.scan_us * 1000 * SCAN_SHARE;
    beam->scan_interval_ns = MAX(beam->setup.interval_ns, needed_ns);
}

static enum source_step
feed_poll(void *state, struct batch *batch)
{
    struct feed *feed = state;
    struct beam *beam = feed->beam;
    enum feed_id id = (enum feed_id)(feed - beam->feeds);
    if (feed->dropped) {
        feed->dropped = feed->shown = false;
        return SOURCE_DONE;
    }
    if (!feed->fresh) {
        return SOURCE_IDLE;
    }
    int64_t age_ns = clock_mono_ns() - feed->came_ns;
    batch->at.mono_ns -= age_ns;
    batch->at.wall_ns -= age_ns;
    batch->at.boot_ns -= age_ns;
    feed->fresh = false;
    feed->shown = true;
    read_reply(feed, id, batch);
    if (id == FEED_SCAN) {
        pace_scans(beam);
    }
    buf_clear(&feed->reply);
    return SOURCE_DONE;
}

static const struct {
    const char *name, *text;
    const struct table_def *tables[2]; /* NULL: none */
} feed_rows[FEEDS] = {
    [FEED_VM] = {"beam", "Numbers of an Erlang node.", {&beam_node_table}},
    [FEED_ALLOCATORS] = {"beam.allocators", "Memory allocators of an Erlang node.", {NULL}},
    [FEED_SCAN] = {"beam.processes", "Processes of an Erlang node.", {&beam_process_table}},
    [FEED_PEERS] = {"beam.peers", "Nodes that an Erlang node is connected to.", {&beam_peer_table}},
    [FEED_DETAIL] = {"beam.process", "One process of an Erlang node.", {&beam_detail_table}},
    [FEED_ETS] = {"beam.ets", "ETS tables of an Erlang node.", {&beam_ets_table}},
    [FEED_PORTS] = {"beam.ports", "Ports of an Erlang node.", {&beam_port_table}},
    [FEED_APPLICATIONS] = {"beam.applications",
                           "Applications of an Erlang node.",
                           {&beam_application_table}},
    [FEED_TREE] = {"beam.supervisors", "Supervisors of an Erlang node.", {&beam_supervisor_table}},
    [FEED_POOLS] = {"pools", "Pools of workers of an Erlang node.", {&pool_table, &worker_table}},
};

static void
init_feeds(struct beam *beam)
{
    for (size_t i = 0; i < FEEDS; i++) {
        beam->feeds[i].beam = beam;
        beam->feeds[i].source =
            (struct source){.name = feed_rows[i].name,
                            .text = feed_rows[i].text,
                            .metrics = i == FEED_VM      ? beam_metrics
                                       : i == FEED_POOLS ? pool_metrics
                                                         : NULL,
                            .metric_count = i == FEED_VM      ? BEAM_METRIC_COUNT
                                            : i == FEED_POOLS ? POOL_METRIC_COUNT
                                                              : 0,
                            .tables = feed_rows[i].tables,
                            .table_count = (feed_rows[i].tables[0] != NULL) +
                                           (size_t)(feed_rows[i].tables[1] != NULL),
                            .open = feed_open,
                            .poll = feed_poll,
                            .close = feed_close};
        buf_init(&beam->feeds[i].reply, BEAM_FRAME_BYTES_MAX);
    }
}

/* ---- states ---- */

static void
say_changed(struct beam *beam)
{
    beam->setup.sink.tick(beam->setup.sink.context);
}

static void
set_timer(struct beam *beam, int64_t delay_ns)
{
    uv_update_time(beam->setup.loop);
    uv_timer_start(beam->timer, on_turn, (uint64_t)(MAX(delay_ns, 0) / NS_PER_MS), 0);
}

/* Everything of one connection. */
static void
disconnect(struct beam *beam)
{
    struct beam_wire *wire = beam->wire;
    beam_connect_cancel(beam->connect);
    beam_collector_free(beam->starter);
    beam->connect = NULL;
    beam->starter = NULL;
    beam->wire = NULL;
    beam->has_collector = beam->has_pools = false;
    beam_wire_free(wire); /* open requests are answered, with BEAM_GONE */
    for (size_t i = 0; i < FEEDS; i++) {
        beam->feeds[i].asked = beam->feeds[i].fresh = false;
        beam->feeds[i].due_ns = 0;
    }
}

/* It is over for now; again later. */
static void
lose(struct beam *beam, const char *why)
{
    disconnect(beam);
    snprintf(beam->why, sizeof(beam->why), "%s", why);
    log_write(beam->phase == LIVE || beam->phase == SILENT ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO,
              "%s: %s", beam->options->target, why);
    beam->phase = WAITING;
    beam->retry_ns = clock_mono_ns() + beam->back_off_ns;
    set_timer(beam, beam->back_off_ns);
    beam->back_off_ns = MIN(beam->back_off_ns * 2, RETRY_LONGEST_NS);
    say_changed(beam);
}

static void
refuse(struct beam *beam, const char *why)
{
    disconnect(beam);
    snprintf(beam->why, sizeof(beam->why), "%s", why);
    log_info("%s: %s", beam->options->target, why);
    beam->phase = REFUSED;
    beam->retry_ns = 0;
    uv_timer_stop(beam->timer);
    say_changed(beam);
}

/* Something was answered. */
static void
hear(struct beam *beam)
{
    beam->heard_ns = clock_mono_ns();
    if (beam->phase == SILENT) {
        beam->phase = LIVE;
        beam->why[0] = '\0';
        log_info("%s answers again", beam->options->target);
    }
}

static void
miss(struct beam *beam)
{
    if (beam->phase == LIVE) {
        beam->phase = SILENT;
        log_warning("%s does not answer", beam->options->target);
        say_changed(beam);
    }
}

/* ---- answers ---- */

static void
keep(struct feed *feed, struct str value)
{
    struct beam *beam = feed->beam;
    enum feed_id id = (enum feed_id)(feed - beam->feeds);
    buf_clear(&feed->reply);
    buf_add(&feed->reply, value.p, value.n);
    feed->came_ns = clock_mono_ns();
    feed->fresh = !feed->reply.full;
    if (id == FEED_VM) {
        beam->round_trip_ns = feed->came_ns - feed->asked_ns;
        beam->node.round_trip_s = (double)beam->round_trip_ns / 1e9;
    }
    if (id == FEED_POOLS) { /* what is asked there may be slow */
        feed->due_ns =
            MAX(feed->due_ns, feed->came_ns + (feed->came_ns - feed->asked_ns) * SCAN_SHARE);
    }
    if (id == FEED_APPLICATIONS) { /* its cost is not told: what it took is more than that */
        feed->due_ns = feed->came_ns + MAX(SEEN_NS, (feed->came_ns - feed->asked_ns) * SCAN_SHARE);
    }
    /* The numbers are the node's tick; for the rest the screen waits only when it was not there. */
    if (id == FEED_VM || (!feed->shown && id != FEED_ALLOCATORS && id != FEED_PEERS)) {
        say_changed(beam);
    }
}

static void
on_feed(void *context, enum beam_outcome outcome, struct str value)
{
    struct feed *feed = context;
    struct beam *beam = feed->beam;
    feed->asked = false;
    if (outcome == BEAM_GONE) {
        return;
    }
    if (outcome == BEAM_LATE) {
        miss(beam);
        return;
    }
    hear(beam);
    if (outcome == BEAM_ANSWERED && !etf_is_atom(value, "timeout") &&
        !etf_is_atom(value, "error")) {
        keep(feed, value);
    }
}

/* ---- calls one by one ---- */

static void on_info(struct beam *beam, struct str list);

/* The results as one list, as the collector would have answered. */
static void
conclude_round(struct round *round)
{
    struct beam *beam = round->beam;
    struct buf list;
    buf_init(&list, (size_t)4 << 20);
    etf_put_list(&list, (uint32_t)round->calls->count);
    for (size_t i = 0; i < round->calls->count; i++) {
        if (round->values[i].n > 0) {
            buf_add(&list, round->values[i].data, round->values[i].n);
        } else {
            etf_put_atom(&list, "error");
        }
    }
    etf_put_nil(&list);
    enum feed_id id = round->feed;
    if (!list.full && id < FEEDS) {
        keep(&beam->feeds[id], (struct str){list.data, list.n});
    } else if (!list.full) {
        on_info(beam, (struct str){list.data, list.n});
    }
    buf_done(&list);
}

struct turn {
    struct round *round;
    size_t index;
};

static void
free_round(struct round *round)
{
    for (size_t i = 0; i < BEAM_VALUES_MAX; i++) {
        buf_done(&round->values[i]);
    }
    free(round);
}

static void
on_call(void *context, enum beam_outcome outcome, struct str value)
{
    struct turn turn = *(struct turn *)context;
    struct round *round = turn.round;
    struct beam *beam = round->beam;
    free(context);
    if (outcome == BEAM_ANSWERED) {
        buf_add(&round->values[turn.index], value.p, value.n);
    }
    round->late |= outcome == BEAM_LATE || outcome == BEAM_GONE;
    if (--round->left > 0) {
        return;
    }
    bool whole = !round->late, live = beam->wire != NULL;
    if (round->feed < FEEDS) {
        beam->feeds[round->feed].asked = false;
    }
    if (whole && live) {
        hear(beam);
        conclude_round(round);
    } else if (live) {
        miss(beam);
    }
    free_round(round);
}

static void
start_round(struct beam *beam, const struct beam_calls *calls, enum feed_id feed)
{
    struct round *round = calloc(1, sizeof(*round));
    if (round == NULL) {
        return;
    }
    *round = (struct round){.beam = beam, .calls = calls, .feed = feed, .left = calls->count + 1};
    for (size_t i = 0; i < BEAM_VALUES_MAX; i++) {
        buf_init(&round->values[i], (size_t)1 << 20);
    }
    for (size_t i = 0; i < calls->count; i++) {
        const struct beam_call *call = &calls->list[i];
        struct turn *turn = calloc(1, sizeof(*turn));
        struct buf arguments;
        if (turn == NULL) {
            round->left--;
            continue;
        }
        *turn = (struct turn){round, i};
        buf_init(&arguments, 4096);
        unsigned count = beam_put_arguments(&arguments, call);
        beam_wire_call(beam->wire, call->module, call->function,
                       (struct str){arguments.data, arguments.n}, count, PATIENCE_NS, turn,
                       on_call);
        buf_done(&arguments);
    }
    if (--round->left == 0) { /* none of them could be made */
        free_round(round);
    }
}

/* ---- asking ---- */

static void
ask(struct beam *beam, const char *word, const struct buf *arguments, unsigned count, void *context,
    beam_answer *answer)
{
    struct str text = {"", 0};
    if (arguments != NULL && !arguments->full) {
        text = (struct str){arguments->data, arguments->n};
    }
    beam->spoken_ns = clock_mono_ns();
    beam_wire_ask(beam->wire, &beam->collector, word, text, count, PATIENCE_NS, context, answer);
}

static void
ask_calls(struct beam *beam, const char *word, const struct beam_calls *calls, void *context,
          beam_answer *answer)
{
    struct buf arguments;
    buf_init(&arguments, 65536);
    beam_put_calls(&arguments, calls);
    ask(beam, word, &arguments, 1, context, answer);
    buf_done(&arguments);
}

static void
ask_number(struct beam *beam, const char *word, int64_t number, struct feed *feed)
{
    struct buf arguments;
    buf_init(&arguments, 64);
    etf_put_integer(&arguments, number);
    ask(beam, word, &arguments, 1, feed, on_feed);
    buf_done(&arguments);
}

/* A process of the node by its key (beam_process_key). The creation is the collector's. */
static void
ask_process(struct beam *beam, int64_t key, struct feed *feed)
{
    struct etf_pid pid = beam->collector;
    struct buf arguments;
    buf_init(&arguments, 1024);
    pid.id = (uint32_t)((key - 1) & UINT32_MAX);
    pid.serial = (uint32_t)((key - 1) >> 32);
    etf_put_pid(&arguments, &pid);
    feed->process = key;
    ask(beam, "proc", &arguments, 1, feed, on_feed);
    buf_done(&arguments);
}

static void
ask_pools(struct beam *beam, struct feed *feed)
{
    struct buf arguments;
    buf_init(&arguments, 64);
    etf_put_atom(&arguments, POOLS_WORD);
    ask(beam, "use", &arguments, 1, feed, on_feed);
    buf_done(&arguments);
}

static void
on_learned(void *context, enum beam_outcome outcome, struct str value)
{
    struct beam *beam = context;
    char reason[160];
    if (outcome == BEAM_ANSWERED && etf_is_atom(value, "ok")) {
        beam->has_pools = true;
    } else if (outcome == BEAM_ANSWERED) {
        log_warning("%s: pools are not asked for: %s", beam->node.name,
                    etf_print(value, reason, sizeof(reason)));
    }
}

/* How to ask for pools is told the collector once. */
static void
teach_pools(struct beam *beam)
{
    struct buf source, arguments;
    buf_init(&source, (size_t)256 << 10);
    buf_init(&arguments, (size_t)512 << 10);
    pools_source(beam->pools, &source);
    buf_putc(&source, '.');
    etf_put_atom(&arguments, POOLS_WORD);
    etf_put_binary(&arguments, (struct str){source.data, source.n});
    if (!source.full) {
        ask(beam, "learn", &arguments, 2, beam, on_learned);
    }
    buf_done(&source);
    buf_done(&arguments);
}

static void
on_masters(void *context, enum beam_outcome outcome, struct str value)
{
    struct beam *beam = context;
    if (outcome == BEAM_ANSWERED) {
        beam_take_masters(&beam->node, value);
    }
}

static void
on_applications(void *context, enum beam_outcome outcome, struct str value)
{
    struct beam *beam = context;
    struct str values[BEAM_VALUES_MAX];
    if (outcome == BEAM_ANSWERED) {
        split(value, &beam_calls_applications, values);
        beam_take_applications(&beam->node, values);
    }
}

static bool
is_wanted(const struct beam *beam, enum feed_id id)
{
    static const int bits[FEEDS] = {
        [FEED_ETS] = 1 << INTEREST_ETS,
        [FEED_PORTS] = 1 << INTEREST_PORTS,
        [FEED_APPLICATIONS] = 1 << INTEREST_APPLICATIONS,
        [FEED_TREE] = 1 << INTEREST_SUPERVISORS,
    };
    bool always = id == FEED_VM || id == FEED_ALLOCATORS;
    if (!beam->has_collector) {
        return always;
    }
    return always || id == FEED_SCAN || id == FEED_PEERS || (id == FEED_POOLS && beam->has_pools) ||
           (id == FEED_DETAIL ? beam->interest.node_process != 0
                              : (beam->interest.tables & (unsigned)bits[id]) != 0);
}

static int64_t
period_of(const struct beam *beam, enum feed_id id)
{
    switch (id) {
    case FEED_ALLOCATORS:
        return MAX(beam->setup.interval_ns, SLOW_NS);
    case FEED_SCAN:
        return beam->scan_interval_ns;
    case FEED_ETS:
    case FEED_PORTS:
    case FEED_APPLICATIONS:
        return MAX(beam->setup.interval_ns, SEEN_NS);
    case FEED_TREE:
        return MAX(beam->setup.interval_ns, TREE_NS);
    default:
        return beam->setup.interval_ns;
    }
}

static void
ask_feed(struct beam *beam, enum feed_id id)
{
    struct feed *feed = &beam->feeds[id];
    feed->asked = true;
    feed->asked_ns = clock_mono_ns();
    switch (id) {
    case FEED_VM:
    case FEED_ALLOCATORS: {
        const struct beam_calls *calls = id == FEED_VM ? &beam_calls_vm : &beam_calls_allocators;
        if (beam->has_collector) {
            ask_calls(beam, "many", calls, feed, on_feed);
        } else {
            start_round(beam, calls, id);
        }
        break;
    }
    case FEED_SCAN:
        ask_number(beam, "scan", TOP_ROWS, feed);
        break;
    case FEED_PEERS:
        ask(beam, "peers", NULL, 0, feed, on_feed);
        break;
    case FEED_DETAIL:
        ask_process(beam, beam->interest.node_process, feed);
        break;
    case FEED_ETS:
        ask_number(beam, "ets", TABLE_ROWS, feed);
        break;
    case FEED_PORTS:
        ask_number(beam, "ports", TABLE_ROWS, feed);
        break;
    case FEED_APPLICATIONS:
        ask_calls(beam, "safe", &beam_calls_applications, beam, on_applications);
        ask(beam, "apps", NULL, 0, feed, on_feed);
        break;
    case FEED_TREE:
        ask(beam, "tree", NULL, 0, feed, on_feed);
        break;
    case FEED_POOLS:
        ask_pools(beam, feed);
        break;
    case FEEDS:
        break;
    }
}

/* Whether it is due, and when it will be next. Due times are kept even when one comes late. */
static void
take_turn(struct beam *beam, enum feed_id id, int64_t now_ns)
{
    struct feed *feed = &beam->feeds[id];
    bool wanted = is_wanted(beam, id);
    if (!wanted && feed->shown && feed_rows[id].tables[0] != NULL) {
        feed->dropped = true;
        feed->due_ns = 0;
    }
    bool other = id == FEED_DETAIL && feed->process != beam->interest.node_process;
    if (!wanted || feed->asked || (now_ns < feed->due_ns && !other)) {
        return;
    }
    feed->shown &= !other;
    int64_t period_ns = period_of(beam, id);
    feed->due_ns =
        feed->due_ns + period_ns > now_ns ? feed->due_ns + period_ns : now_ns + period_ns;
    if (id == FEED_ALLOCATORS && beam->has_collector) {
        ask(beam, "masters", NULL, 0, beam, on_masters);
    }
    ask_feed(beam, id);
}

static void
on_ping(void *context, enum beam_outcome outcome, struct str value)
{
    struct beam *beam = context;
    (void)value;
    if (outcome == BEAM_ANSWERED) {
        hear(beam);
    }
}

static void start_collector(struct beam *beam);

/* The node answers calls although the collector does not: it was killed there. */
static void
on_alive(void *context, enum beam_outcome outcome, struct str value)
{
    struct beam *beam = context;
    if (outcome == BEAM_ANSWERED && etf_is_atom(value, "false") && beam->phase == SILENT) {
        log_info("%s: the collector has ended there; it is started again", beam->options->target);
        beam->has_collector = false;
        beam->phase = GREETING;
        start_collector(beam);
    }
}

static void
look_for_collector(struct beam *beam)
{
    struct buf arguments;
    buf_init(&arguments, 1024);
    etf_put_pid(&arguments, &beam->collector);
    beam_wire_call(beam->wire, "erlang", "is_process_alive",
                   (struct str){arguments.data, arguments.n}, 1, PATIENCE_NS, beam, on_alive);
    buf_done(&arguments);
}

static void
ask_what_is_due(struct beam *beam)
{
    int64_t now_ns = clock_mono_ns(), next_ns = now_ns + KEEP_ALIVE_NS;
    if (beam->phase == SILENT && beam->has_collector && !beam->feeds[FEED_VM].asked) {
        look_for_collector(beam);
    }
    for (size_t i = 0; i < FEEDS && beam->wire != NULL; i++) {
        take_turn(beam, (enum feed_id)i, now_ns);
        if (is_wanted(beam, (enum feed_id)i)) {
            next_ns = MIN(next_ns, MAX(beam->feeds[i].due_ns, now_ns + NS_PER_MS));
        }
    }
    if (beam->has_collector && now_ns - beam->spoken_ns >= KEEP_ALIVE_NS) {
        ask(beam, "ping", NULL, 0, beam, on_ping);
    }
    set_timer(beam, next_ns - now_ns);
}

static void
on_turn(uv_timer_t *timer)
{
    struct beam *beam = timer->data;
    if (beam->phase == WAITING) {
        connect_now(beam);
    } else if (beam->phase == LIVE || beam->phase == SILENT) {
        if (clock_mono_ns() - beam_wire_heard_ns(beam->wire) > SILENCE_NS) {
            lose(beam, "nothing came for 90 s: the machine or the way to it is gone");
        } else {
            ask_what_is_due(beam);
        }
    }
}

/* ---- who it is ---- */

/* "OTP 25, Elixir 1.14.0", and with its machine's system where that is ours. */
static void
introduce(struct beam *beam)
{
    const struct beam_node *node = &beam->node;
    struct arena arena;
    char system[160];
    struct host host = {.name = "", .system = "", .kernel = "", .virtualization = ""};
    arena_init(&arena, (size_t)64 << 10);
    if (node->local) {
        host_read(&host, &beam->options->roots, &arena);
    }
    bool elixir = strcmp(node->language, "Erlang") != 0;
    snprintf(system, sizeof(system), "OTP %s%s%s%s%s", node->release, elixir ? ", " : "",
             elixir ? node->language : "", host.system[0] != '\0' ? " on " : "", host.system);
    host.name = node->name;
    host.system = system;
    beam->setup.sink.host(beam->setup.sink.context, &host);
    arena_done(&arena);
}

/* What is told of the machine as well, when it is this one. */
static void
bring_sources(struct beam *beam)
{
    const struct link_sink *sink = &beam->setup.sink;
    for (size_t i = 0; i < FEEDS && !beam->brought; i++) {
        sink->source(sink->context, &beam->feeds[i].source);
    }
    beam->brought = true;
    for (size_t i = 0; i < source_table_count && beam->node.local && !beam->here; i++) {
        sink->source(sink->context, source_table[i]);
    }
    beam->here |= beam->node.local;
}

static void
go_live(struct beam *beam)
{
    beam->phase = LIVE;
    beam->why[0] = '\0';
    beam->back_off_ns = RETRY_FIRST_NS;
    beam->scan_interval_ns = beam->setup.interval_ns;
    beam->node.local = beam->pid != 0 && beam->pid == beam->node.os_pid;
    beam->node.plain = !beam->has_collector;
    hear(beam);
    introduce(beam);
    bring_sources(beam);
    log_info("%s: %s, OTP %s, attached as %s", beam->options->target, beam->node.name,
             beam->node.release, beam->own);
    ask_what_is_due(beam);
}

static void
on_language(void *context, enum beam_outcome outcome, struct str value)
{
    struct beam *beam = context;
    if (outcome == BEAM_GONE || beam->phase != GREETING) {
        return;
    }
    if (outcome == BEAM_ANSWERED) {
        beam_take_language(&beam->node, &value);
    }
    go_live(beam);
}

static void
on_info(struct beam *beam, struct str list)
{
    struct str values[BEAM_VALUES_MAX];
    if (beam->phase != GREETING) {
        return;
    }
    split(list, &beam_calls_info, values);
    beam->node = (struct beam_node){.name = ""};
    if (!beam_take_info(&beam->node, values)) {
        lose(beam, "it does not say who it is");
        return;
    }
    if (!beam->node.elixir) {
        go_live(beam);
        return;
    }
    const struct beam_call *call = &beam_calls_language.list[0];
    beam_wire_call(beam->wire, call->module, call->function, (struct str){"", 0}, 0, PATIENCE_NS,
                   beam, on_language);
}

static void
on_info_list(void *context, enum beam_outcome outcome, struct str value)
{
    struct beam *beam = context;
    if (outcome == BEAM_ANSWERED) {
        on_info(beam, value);
    } else if (outcome != BEAM_GONE) {
        lose(beam, "it took us in and does not answer: stopped, or too busy");
    }
}

/* ---- connecting ---- */

static void
on_collector(void *context, const struct etf_pid *pid, const char *why)
{
    struct beam *beam = context;
    if (pid == NULL) {
        lose(beam, why);
        return;
    }
    str_copy(str_from(pid->node), beam->collector_node, sizeof(beam->collector_node));
    beam->collector = *pid;
    beam->collector.node = beam->collector_node;
    beam->has_collector = true;
    teach_pools(beam);
    ask_calls(beam, "many", &beam_calls_info, beam, on_info_list);
}

static void
start_collector(struct beam *beam)
{
    beam_collector_free(beam->starter);
    beam->starter = beam_collector_start(beam->wire, beam->own, beam, on_collector);
    if (beam->starter == NULL) {
        lose(beam, "out of memory");
    }
}

static void
on_ended(void *context, const char *why)
{
    struct beam *beam = context;
    char sentence[300];
    snprintf(sentence, sizeof(sentence), "%s: %s",
             beam->node.name[0] != '\0' ? beam->node.name : beam->options->target, why);
    lose(beam, sentence);
}

static void
on_connected(void *context, const struct beam_connected *connected)
{
    struct beam *beam = context;
    if (connected->state != BEAM_CONNECTED) {
        (connected->state == BEAM_REFUSED ? refuse : lose)(beam, connected->why);
        return;
    }
    str_copy(str_from(connected->node), beam->own, sizeof(beam->own));
    str_copy(str_from(connected->note), beam->note, sizeof(beam->note));
    beam->pid = connected->pid;
    beam_connect_cancel(beam->connect);
    beam->connect = NULL;
    beam->wire = beam_wire_new(&(struct beam_wire_setup){.loop = beam->setup.loop,
                                                         .fd = connected->fd,
                                                         .node = beam->own,
                                                         .creation = connected->creation,
                                                         .context = beam,
                                                         .ended = on_ended});
    if (beam->wire == NULL) {
        lose(beam, "out of memory");
        return;
    }
    beam->phase = GREETING;
    if (beam->options->plain) {
        start_round(beam, &beam_calls_info, FEEDS);
    } else {
        start_collector(beam);
    }
}

static void
connect_now(struct beam *beam)
{
    if (beam->options->hindrance != NULL) {
        refuse(beam, beam->options->hindrance);
        return;
    }
    beam->phase = CONNECTING;
    beam->retry_ns = 0;
    beam->connect = beam_connect_start(beam->setup.loop, beam->options, beam, on_connected);
    if (beam->connect == NULL) {
        lose(beam, "no thread can be started to connect");
    }
}

/* ---- the link ---- */

static int
beam_open(const struct link_setup *setup, void **ret_state, char *why, size_t why_size)
{
    struct beam *beam = calloc(1, sizeof(*beam));
    uv_timer_t *timer = calloc(1, sizeof(*timer));
    const struct beam_options *options = setup->options;
    struct pools *pools = pools_new(options->pools, options->pool_count,
                                    options->roots.proc != NULL ? options->roots.proc : "/proc");
    if (beam == NULL || timer == NULL || pools == NULL) {
        pools_free(pools);
        free(beam);
        free(timer);
        snprintf(why, why_size, "out of memory");
        return -ENOMEM;
    }
    beam->setup = *setup;
    beam->options = options;
    beam->pools = pools;
    beam->timer = timer;
    beam->back_off_ns = RETRY_FIRST_NS;
    beam->interest.process_sort = -1;
    uv_timer_init(setup->loop, timer);
    timer->data = beam;
    init_feeds(beam);
    beam->phase = WAITING;
    set_timer(beam, 0); /* on the loop's first turn: the sink is whole by then */
    *ret_state = beam;
    return 0;
}

static const char *
sentence(const struct beam *beam, char *dst, size_t size)
{
    int64_t silent_ns = clock_mono_ns() - beam->heard_ns;
    switch (beam->phase) {
    case CONNECTING:
        return beam->connect != NULL ? beam_connect_doing(beam->connect, dst, size) : beam->why;
    case GREETING:
        return "connected; the node is being asked";
    case SILENT:
        snprintf(dst, size, "%s has not answered for %lld s: it is stopped, or too busy to answer",
                 beam->node.name, (long long)(silent_ns / NS_PER_S));
        return dst;
    case LIVE:
        return beam->note;
    default:
        return beam->why;
    }
}

static void
beam_status(const void *state, struct link_status *ret_status)
{
    struct beam *beam = (struct beam *)(uintptr_t)state; /* its sentence is made when asked for */
    bool heard = beam->heard_ns != 0;
    *ret_status = (struct link_status){.state = beam->phase == LIVE      ? LINK_LIVE
                                                : beam->phase == REFUSED ? LINK_REFUSED
                                                : heard                  ? LINK_LOST
                                                                         : LINK_CONNECTING,
                                       .target = beam->options->target,
                                       .kind = "beam",
                                       .why = sentence(beam, beam->doing, sizeof(beam->doing)),
                                       .heard_mono_ns = beam->heard_ns,
                                       .retry_mono_ns = beam->phase == WAITING ? beam->retry_ns : 0,
                                       .round_trip_ns = beam->round_trip_ns,
                                       .here = beam->node.local,
                                       .offer = ""};
}

static void
beam_interest(void *state, const struct interest *interest)
{
    struct beam *beam = state;
    bool more = (interest->tables & ~beam->interest.tables) != 0 ||
                interest->node_process != beam->interest.node_process;
    beam->interest = *interest;
    if (more && (beam->phase == LIVE || beam->phase == SILENT)) {
        set_timer(beam, 0);
    }
}

static void
beam_interval(void *state, int64_t interval_ns)
{
    struct beam *beam = state;
    beam->setup.interval_ns = interval_ns;
    pace_scans(beam);
    for (size_t i = 0; i < FEEDS; i++) {
        beam->feeds[i].due_ns = 0;
    }
    if (beam->phase == LIVE || beam->phase == SILENT) {
        set_timer(beam, 0);
    }
}

static void
beam_retry(void *state)
{
    struct beam *beam = state;
    if (beam->phase == WAITING || beam->phase == REFUSED) {
        beam->back_off_ns = RETRY_FIRST_NS;
        connect_now(beam);
    }
}

static void
beam_command(void *state, const char *name, const char *arguments, void *context,
             link_answer *answer)
{
    (void)state, (void)name, (void)arguments;
    answer(context, "an Erlang node takes no commands from here");
}

static void
free_timer(uv_handle_t *timer)
{
    free(timer);
}

static void
beam_close(void *state)
{
    struct beam *beam = state;
    disconnect(beam);
    for (size_t i = 0; i < FEEDS; i++) {
        buf_done(&beam->feeds[i].reply);
    }
    uv_close((uv_handle_t *)beam->timer, free_timer);
    pools_free(beam->pools);
    free(beam);
}

const struct link link_beam = {
    .name = "beam",
    .open = beam_open,
    .status = beam_status,
    .interest = beam_interest,
    .interval = beam_interval,
    .retry = beam_retry,
    .command = beam_command,
    .close = beam_close,
};
