/* Feeds: the answers of a node as sources. An answer is kept as it came, and read when its source
 * is polled, at the time at which it came. */
#include <string.h>

#include "beam_link.h"
#include "flametop/sources/beam_metrics.h"

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

void
beam_split(struct str list_term, const struct beam_calls *calls, struct str *values)
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
    beam_split((struct str){feed->reply.data, feed->reply.n}, calls, values);
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
    } else if (id == FEED_SUMS) {
        read_calls(feed, &beam_calls_sums, beam_read_sums, batch);
    } else if (id == FEED_ALLOCATORS) {
        read_calls(feed, &beam_calls_allocators, beam_read_allocators, batch);
    } else if (id == FEED_POOLS) {
        pools_read(feed->beam->pools, (struct str){feed->reply.data, feed->reply.n},
                   feed->beam->node.name, feed->beam->node.local, batch);
    } else {
        readers[id](&feed->beam->node, (struct str){feed->reply.data, feed->reply.n}, batch);
    }
}

void
beam_pace_scans(struct beam *beam)
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
    if (feed->trouble != NULL && !feed->fresh) {
        batch_fail(batch, SOURCE_DEGRADED, "%s", feed->trouble);
        feed->trouble = NULL;
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
        beam_pace_scans(beam);
        feed->due_ns = feed->asked_ns + beam->scan_interval_ns;
    }
    buf_clear(&feed->reply);
    beam_look_again(beam);
    return SOURCE_DONE;
}

static const struct {
    const char *name, *text;
    const struct table_def *tables[2]; /* NULL: none */
} feed_rows[FEEDS] = {
    [FEED_VM] = {"beam", "Numbers of an Erlang node.", {&beam_node_table}},
    [FEED_SUMS] = {"beam.sums", "Schedulers and memory of an Erlang node.", {NULL}},
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

void
beam_feeds_init(struct beam *beam)
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
        buf_init(&beam->feeds[i].reply, REPLY_BYTES_MAX);
    }
}

/* ---- answers ---- */

void
beam_keep(struct feed *feed, struct str value)
{
    struct beam *beam = feed->beam;
    enum feed_id id = (enum feed_id)(feed - beam->feeds);
    buf_clear(&feed->reply);
    buf_add(&feed->reply, value.p, value.n);
    feed->came_ns = clock_mono_ns();
    feed->fresh = !feed->reply.full;
    feed->trouble = feed->fresh ? NULL : "the node's answer to this is longer than 4 MiB";
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
    if (id == FEED_VM ||
        (!feed->shown && id != FEED_SUMS && id != FEED_ALLOCATORS && id != FEED_PEERS)) {
        beam_say_changed(beam);
    }
}

void
beam_on_feed(void *context, enum beam_outcome outcome, struct str value)
{
    struct feed *feed = context;
    struct beam *beam = feed->beam;
    feed->asked = false;
    if (outcome == BEAM_GONE || outcome == BEAM_BUSY) { /* whoever asks looks when it is due next */
        return;
    }
    beam_look_again(beam);
    if (outcome == BEAM_LATE) { /* only its numbers are what any node has at hand */
        feed->trouble = "the node did not answer this in time";
        if (feed == &beam->feeds[FEED_VM]) {
            beam_miss(beam);
        }
        return;
    }
    beam_hear(beam);
    if (etf_is_atom(value, "timeout")) { /* its collector ends what takes longer */
        feed->trouble = "finding this out takes the node more than a second";
    } else if (outcome == BEAM_ANSWERED && !etf_is_atom(value, "error")) {
        beam_keep(feed, value);
    } else {
        feed->trouble = "the node could not find this out";
    }
}
