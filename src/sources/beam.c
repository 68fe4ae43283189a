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

#include "beam_link.h"
#include "flametop/base/log.h"
#include "flametop/core/host.h"
#include "flametop/net/loop.h"
#include "flametop/sources/beam_metrics.h"
#include "flametop/sources/table.h"

#define RETRY_FIRST_NS NS_PER_S
#define RETRY_LONGEST_NS (30 * NS_PER_S)
#define SILENCE_NS (90 * NS_PER_S) /* its ticks come every 15 s: then the line is dead */

static void connect_now(struct beam *beam);
static void on_turn(uv_timer_t *timer);

/* ---- states ---- */

void
beam_say_changed(struct beam *beam)
{
    beam->setup.sink.tick(beam->setup.sink.context);
}

void
beam_set_timer(struct beam *beam, int64_t delay_ns)
{
    uv_update_time(beam->setup.loop);
    uv_timer_start(beam->timer, on_turn, (uint64_t)(MAX(delay_ns, 0) / NS_PER_MS), 0);
}

void
beam_stop_sampling(struct beam *beam, const char *why)
{
    struct beam_sampling *sampling = beam->sampling;
    beam->sampling = NULL;
    beam_sampling_end(sampling, why);
}

/* Everything of one connection. */
static void
disconnect(struct beam *beam)
{
    struct beam_wire *wire = beam->wire;
    beam_stop_sampling(beam, "the connection broke: it ended");
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
    beam_set_timer(beam, beam->back_off_ns);
    beam->back_off_ns = MIN(beam->back_off_ns * 2, RETRY_LONGEST_NS);
    beam_say_changed(beam);
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
    beam_say_changed(beam);
}

void
beam_hear(struct beam *beam)
{
    beam->heard_ns = clock_mono_ns();
    if (beam->phase == SILENT) {
        beam->phase = LIVE;
        beam->why[0] = '\0';
        log_info("%s answers again", beam->options->target);
    }
}

void
beam_miss(struct beam *beam)
{
    if (beam->phase == LIVE) {
        beam->phase = SILENT;
        log_warning("%s does not answer", beam->options->target);
        beam_say_changed(beam);
    }
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
            beam_ask_what_is_due(beam);
        }
    } else if (beam->phase == GREETING) {
        beam_on_no_info(beam);
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
    beam_hear(beam);
    introduce(beam);
    bring_sources(beam);
    log_info("%s: %s, OTP %s, attached as %s", beam->options->target, beam->node.name,
             beam->node.release, beam->own);
    beam_ask_what_is_due(beam);
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

void
beam_on_info(struct beam *beam, struct str list)
{
    struct str values[BEAM_VALUES_MAX];
    if (beam->phase != GREETING) {
        return;
    }
    beam_split(list, &beam_calls_info, values);
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

void
beam_on_no_info(struct beam *beam)
{
    if (beam->phase == GREETING) {
        lose(beam, "it took us in and does not answer: stopped, or too busy");
    }
}

static void
on_info_list(void *context, enum beam_outcome outcome, struct str value)
{
    struct beam *beam = context;
    if (outcome == BEAM_ANSWERED) {
        beam_on_info(beam, value);
    } else if (outcome != BEAM_GONE) {
        beam_on_no_info(beam);
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
    beam_teach_pools(beam);
    beam_ask_calls(beam, "many", &beam_calls_info, beam, on_info_list);
}

void
beam_start_collector(struct beam *beam)
{
    beam_collector_free(beam->starter);
    beam_set_timer(beam, SILENCE_NS);
    beam->starter = beam_collector_start(beam->wire, beam->own, beam, on_collector);
    if (beam->starter == NULL) {
        lose(beam, "out of memory, or too much waits for the node already");
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
    if (connected->note[0] != '\0') {
        log_warning("%s: %s", beam->options->target, connected->note);
    }
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
    beam_set_timer(beam, SILENCE_NS); /* all its steps have limits of their own: this is the last */
    if (beam->options->plain) {
        beam_start_round(beam, &beam_calls_info, FEEDS);
    } else {
        beam_start_collector(beam);
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
    beam_feeds_init(beam);
    beam->phase = WAITING;
    beam_set_timer(beam, 0); /* on the loop's first turn: the sink is whole by then */
    *ret_state = beam;
    return 0;
}

static const char *
sentence(const struct beam *beam, char *dst, size_t size)
{
    switch (beam->phase) {
    case CONNECTING:
        return beam->connect != NULL ? beam_connect_doing(beam->connect, dst, size) : beam->why;
    case GREETING:
        return "connected; the node is being asked";
    case SILENT:
        return "the node does not answer: it is stopped, or too busy";
    case LIVE:
        return "";
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
                                       .samples = 1U << SAMPLING_NODE | 1U << SAMPLING_NODE_PROCESS,
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
        beam_set_timer(beam, 0);
    }
}

static void
beam_interval(void *state, int64_t interval_ns)
{
    struct beam *beam = state;
    beam->setup.interval_ns = interval_ns;
    beam_pace_scans(beam);
    for (size_t i = 0; i < FEEDS; i++) {
        beam->feeds[i].due_ns = 0;
    }
    if (beam->phase == LIVE || beam->phase == SILENT) {
        beam_set_timer(beam, 0);
    }
}

static void
beam_retry(void *state)
{
    struct beam *beam = state;
    if (beam->phase == WAITING || beam->phase == REFUSED || beam->phase == SILENT) {
        disconnect(beam);
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
tell_sampling(void *context, const struct sampling_status *status, const struct profile *profile)
{
    struct beam *beam = context;
    beam->setup.sink.sampled(beam->setup.sink.context, status, profile);
}

static void
refuse_sampling(struct beam *beam, const char *why)
{
    struct sampling_status status = {.state = SAMPLING_FAILED};
    str_copy(str_from(why), status.why, sizeof(status.why));
    tell_sampling(beam, &status, NULL);
}

static void
beam_sample(void *state, const struct sampling_wish *wish)
{
    struct beam *beam = state;
    bool of_node = wish->kind == SAMPLING_NODE || wish->kind == SAMPLING_NODE_PROCESS;
    if (beam->sampling != NULL && beam_sampling_follow(beam->sampling, wish)) {
        return;
    }
    beam_stop_sampling(beam, "");
    if (wish->kind == SAMPLING_NOTHING) {
        return;
    }
    if (!of_node) {
        refuse_sampling(beam, "a node samples its own processes alone");
    } else if (beam->options->plain) {
        refuse_sampling(beam, "plain calls sample nothing: it takes the collector, leave out "
                              "--no-inject");
    } else if (!beam->has_collector) {
        refuse_sampling(beam, "the node does not answer");
    } else {
        beam->sampling =
            beam_sampling_new(&(struct beam_sampling_setup){.loop = beam->setup.loop,
                                                            .wire = beam->wire,
                                                            .collector = &beam->collector,
                                                            .context = beam,
                                                            .told = tell_sampling},
                              wish);
        if (beam->sampling == NULL) {
            refuse_sampling(beam, "out of memory");
        }
    }
}

static void
beam_close(void *state)
{
    struct beam *beam = state;
    beam_stop_sampling(beam, "");
    disconnect(beam);
    for (size_t i = 0; i < FEEDS; i++) {
        buf_done(&beam->feeds[i].reply);
    }
    loop_close(beam->timer);
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
    .sample = beam_sample,
    .close = beam_close,
};
