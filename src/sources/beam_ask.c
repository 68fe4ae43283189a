/* What a node is asked, and when: what is due, in the order of the feeds. Where there is no
 * collector, calls are made one by one and their results put together. */
#include <stdlib.h>
#include <string.h>

#include "beam_link.h"
#include "flametop/base/log.h"

#define KEEP_ALIVE_NS (15 * NS_PER_S) /* the collector waits for a minute */
#define SOON_NS (20 * NS_PER_MS)
#define SLOW_NS (10 * NS_PER_S)
#define TREE_NS (5 * NS_PER_S)
#define TOP_ROWS 50
#define TABLE_ROWS 200
#define POOLS_WORD "pools"

/* Calls that are made one by one, where there is no collector. */
struct round {
    struct beam *beam;
    const struct beam_calls *calls;
    enum feed_id feed; /* FEEDS: not for a feed */
    struct buf values[BEAM_VALUES_MAX];
    size_t left;
    bool late, gone, busy; /* an answer did not come in time; the wire has ended; it was full */
};

/* ---- calls one by one ---- */

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
        beam_keep(&beam->feeds[id], (struct str){list.data, list.n});
    } else if (!list.full) {
        beam_on_info(beam, (struct str){list.data, list.n});
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

/* Nothing of it is awaited any more. */
static void
set_unasked(struct beam *beam, enum feed_id id)
{
    if (id < FEEDS) {
        beam->feeds[id].asked = false;
    }
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
    round->late |= outcome == BEAM_LATE;
    round->gone |= outcome == BEAM_GONE;
    round->busy |= outcome == BEAM_BUSY;
    if (--round->left > 0) {
        return;
    }
    set_unasked(beam, round->feed);
    if (!round->gone) {
        beam_look_again(beam);
    }
    if (!round->late && !round->gone && !round->busy) {
        beam_hear(beam);
        conclude_round(round);
    } else if (!round->gone && round->feed == FEEDS) {
        beam_on_no_info(beam);
    } else if (!round->gone && round->late) { /* the wire's end is told by itself */
        beam_miss(beam);
    }
    free_round(round);
}

void
beam_start_round(struct beam *beam, const struct beam_calls *calls, enum feed_id feed)
{
    struct round *round = calloc(1, sizeof(*round));
    if (round == NULL) {
        set_unasked(beam, feed);
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
        set_unasked(beam, feed);
        free_round(round);
    }
}

/* ---- asking ---- */

void
beam_ask(struct beam *beam, const char *word, const struct buf *arguments, unsigned count,
         void *context, beam_answer *answer)
{
    struct str text = {"", 0};
    if (arguments != NULL && !arguments->full) {
        text = (struct str){arguments->data, arguments->n};
    }
    beam->spoken_ns = clock_mono_ns();
    beam_wire_ask(beam->wire, &beam->collector, word, text, count, PATIENCE_NS, context, answer);
}

void
beam_ask_calls(struct beam *beam, const char *word, const struct beam_calls *calls, void *context,
               beam_answer *answer)
{
    struct buf arguments;
    buf_init(&arguments, 65536);
    beam_put_calls(&arguments, calls);
    beam_ask(beam, word, &arguments, 1, context, answer);
    buf_done(&arguments);
}

static void
ask_number(struct beam *beam, const char *word, int64_t number, struct feed *feed)
{
    struct buf arguments;
    buf_init(&arguments, 64);
    etf_put_integer(&arguments, number);
    beam_ask(beam, word, &arguments, 1, feed, beam_on_feed);
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
    beam_ask(beam, "proc", &arguments, 1, feed, beam_on_feed);
    buf_done(&arguments);
}

static void
ask_pools(struct beam *beam, struct feed *feed)
{
    struct buf arguments;
    buf_init(&arguments, 64);
    etf_put_atom(&arguments, POOLS_WORD);
    beam_ask(beam, "use", &arguments, 1, feed, beam_on_feed);
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

void
beam_teach_pools(struct beam *beam)
{
    struct buf source, arguments;
    buf_init(&source, (size_t)256 << 10);
    buf_init(&arguments, (size_t)512 << 10);
    pools_source(beam->pools, &source);
    buf_putc(&source, '.');
    etf_put_atom(&arguments, POOLS_WORD);
    etf_put_binary(&arguments, (struct str){source.data, source.n});
    if (!source.full) {
        beam_ask(beam, "learn", &arguments, 2, beam, on_learned);
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
        beam_split(value, &beam_calls_applications, values);
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
    bool always = id == FEED_VM || id == FEED_SUMS || id == FEED_ALLOCATORS;
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

/* By the collector itself, or where it can take its time by a helper. */
static void
ask_numbers(struct beam *beam, enum feed_id id)
{
    const struct beam_calls *calls = id == FEED_VM     ? &beam_calls_vm
                                     : id == FEED_SUMS ? &beam_calls_sums
                                                       : &beam_calls_allocators;
    if (beam->has_collector) {
        beam_ask_calls(beam, id == FEED_VM ? "many" : "safe", calls, &beam->feeds[id],
                       beam_on_feed);
    } else {
        beam_start_round(beam, calls, id);
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
    case FEED_SUMS:
    case FEED_ALLOCATORS:
        ask_numbers(beam, id);
        break;
    case FEED_SCAN:
        ask_number(beam, "scan", TOP_ROWS, feed);
        break;
    case FEED_PEERS:
        beam_ask(beam, "peers", NULL, 0, feed, beam_on_feed);
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
        beam_ask_calls(beam, "safe", &beam_calls_applications, beam, on_applications);
        beam_ask(beam, "apps", NULL, 0, feed, beam_on_feed);
        break;
    case FEED_TREE:
        beam_ask(beam, "tree", NULL, 0, feed, beam_on_feed);
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
    if (!wanted && feed->shown && feed->source.table_count > 0) {
        feed->dropped = true;
        feed->due_ns = 0;
    }
    bool other = id == FEED_DETAIL && feed->process != beam->interest.node_process;
    bool busy = feed->asked || feed->fresh; /* what came is to be read before, it sets the pace */
    if (!wanted || busy || (now_ns < feed->due_ns && !other)) {
        return;
    }
    feed->shown &= !other;
    int64_t period_ns = period_of(beam, id);
    feed->due_ns =
        feed->due_ns + period_ns > now_ns ? feed->due_ns + period_ns : now_ns + period_ns;
    if (id == FEED_ALLOCATORS && beam->has_collector) {
        beam_ask(beam, "masters", NULL, 0, beam, on_masters);
    }
    ask_feed(beam, id);
}

static void
on_ping(void *context, enum beam_outcome outcome, struct str value)
{
    struct beam *beam = context;
    (void)value;
    if (outcome == BEAM_ANSWERED) {
        beam_hear(beam);
    }
}

/* The node answers calls although the collector does not: it was killed there. */
static void
on_alive(void *context, enum beam_outcome outcome, struct str value)
{
    struct beam *beam = context;
    if (outcome == BEAM_ANSWERED && etf_is_atom(value, "false") && beam->phase == SILENT) {
        log_info("%s: the collector has ended there; it is started again", beam->options->target);
        beam_stop_sampling(beam, "the collector was ended there: it ended");
        beam->has_collector = false;
        beam->phase = GREETING;
        beam_start_collector(beam);
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

void
beam_ask_what_is_due(struct beam *beam)
{
    int64_t now_ns = clock_mono_ns(), next_ns = now_ns + KEEP_ALIVE_NS;
    if (beam->phase == SILENT && beam->has_collector && !beam->feeds[FEED_VM].asked) {
        look_for_collector(beam);
    }
    for (size_t i = 0; i < FEEDS && beam->wire != NULL; i++) {
        const struct feed *feed = &beam->feeds[i];
        take_turn(beam, (enum feed_id)i, now_ns);
        /* what is awaited, or not read yet, has its turn again when that has come to an end */
        if (is_wanted(beam, (enum feed_id)i) && !feed->asked && !feed->fresh) {
            next_ns = MIN(next_ns, MAX(feed->due_ns, now_ns + SOON_NS));
        }
    }
    if (beam->has_collector && now_ns - beam->spoken_ns >= KEEP_ALIVE_NS) {
        beam_ask(beam, "ping", NULL, 0, beam, on_ping);
    }
    beam_set_timer(beam, next_ns - now_ns);
}

void
beam_look_again(struct beam *beam)
{
    if (beam->phase == LIVE || beam->phase == SILENT) {
        beam_set_timer(beam, 0);
    }
}
