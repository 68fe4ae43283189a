/* Sampling a node. The collector there learns a fun that looks for the processes that work most and
 * then at their stacks, for a little less than the second it may take, and is asked for it again
 * and again. Lists meet process_info and compiled match specifications, as in the collector. */
#include "flametop/sources/beam_flame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "beam_collector.h"
#include "beam_connect.h"
#include "beam_wire.h"
#include "flametop/base/clock.h"
#include "flametop/base/macros.h"

#define PATIENCE_NS (5 * NS_PER_S)
#define WORD "flame"
#define FRAME_BYTES 256
#define DEPTH_MAX 512

/* The period in milliseconds goes before it. */
static const char source[] =
    "Me = self(), T0 = erlang:monotonic_time(millisecond),\n"
    "Reds = fun() -> Ps = erlang:processes() -- [Me], lists:zip(Ps, lists:zipwith("
    "fun erlang:process_info/2, Ps, lists:duplicate(length(Ps), reductions))) end,\n"
    "A = maps:from_list(Reds()), receive after 40 -> ok end, B = Reds(),\n"
    "{Ks,_} = lists:unzip(B),\n"
    "MD = ets:match_spec_compile([{{{'$1',{'_','$2'}},{ok,{'_','$3'}}},[{'>','$2','$3'}],"
    "[{{{'-','$2','$3'},'$1'}}]}]),\n"
    "D = ets:match_spec_run(lists:zip(B, lists:zipwith(fun maps:find/2, Ks, "
    "lists:duplicate(length(Ks), A))), MD),\n"
    "Top = lists:sublist(lists:reverse(lists:sort(D)), 32),\n"
    "Ps = [P || {_,P} <- Top],\n"
    "Name = fun(P) -> case erlang:process_info(P, registered_name) of {_,N} -> N; "
    "_ -> case proc_lib:translate_initial_call(P) of {proc_lib,init_p,5} -> "
    "{_,C} = erlang:process_info(P, initial_call), C; C -> C end end end,\n"
    "Ns = lists:map(fun(P) -> try Name(P) catch _:_ -> P end end, Ps), N = length(Ps),\n"
    "It = lists:duplicate(N, [status,current_stacktrace]),\n"
    "MS = ets:match_spec_compile([{{'$3',[{status,'$1'},{current_stacktrace,'$2'}]},"
    "[{'=/=','$1',waiting},{'=/=','$1',suspended}],[{{'$3','$2'}}]}]),\n"
    "MF = ets:match_spec_compile([{{'$1','$2','$3','_'},[],[{{'$1','$2','$3'}}]}]),\n"
    "Add = fun({Who,St}, M) -> K = {Who, ets:match_spec_run(St, MF)}, "
    "maps:put(K, maps:get(K, M, 0) + 1, M) end,\n"
    "Look = fun Look(L, M) -> case erlang:monotonic_time(millisecond) - T0 of E when E > 750 -> "
    "{L, maps:to_list(M)};\n"
    "  _ -> M2 = lists:foldl(Add, M, ets:match_spec_run(lists:zip(Ns, lists:zipwith("
    "fun erlang:process_info/2, Ps, It)), MS)), receive after Period -> Look(L + 1, M2) end end "
    "end,\n"
    "Look(0, #{}) end.";

/* ---- answers ---- */

/* "mod:fun/arity" and the module; a process without a name is called by what it began with. */
static uint32_t
frame_of(struct profile *profile, struct str term)
{
    char text[FRAME_BYTES], module[FRAME_BYTES], function[FRAME_BYTES];
    struct str rest = term, name, of;
    int64_t arity;
    if (!etf_tuple(&rest, 3) || !etf_skip(&rest, &of) || !etf_skip(&rest, &name) ||
        !etf_integer(&rest, &arity)) {
        etf_print(term, text, sizeof(text));
        return profile_frame(profile, str_from(text), STR(""));
    }
    etf_print(of, module, sizeof(module));
    etf_print(name, function, sizeof(function));
    bool elixir = module[0] >= 'A' && module[0] <= 'Z';
    snprintf(text, sizeof(text), "%.120s%c%.100s/%lld", module, elixir ? '.' : ':', function,
             (long long)arity);
    return profile_frame(profile, str_from(text), str_from(module));
}

/* Its frames come innermost first. */
static uint32_t
node_of(struct profile *profile, struct str who, struct str stack)
{
    struct str frames[DEPTH_MAX], frame;
    struct etf_list list;
    size_t count = 0;
    uint32_t node = profile_child(profile, 0, frame_of(profile, who));
    if (etf_list(&stack, &list)) {
        while (count < DEPTH_MAX && etf_list_next(&list, &frame)) {
            frames[count++] = frame;
        }
    }
    while (count-- > 0) {
        node = profile_child(profile, node, frame_of(profile, frames[count]));
    }
    return node;
}

uint64_t
beam_flame_read(struct str answer, struct profile *profile, uint32_t measure, uint64_t *ret_looks)
{
    struct etf_list list;
    struct str row, key, who, stack;
    int64_t looks, count;
    uint64_t samples = 0;
    if (!etf_tuple(&answer, 2) || !etf_integer(&answer, &looks) || looks < 0 ||
        !etf_list(&answer, &list)) {
        return 0;
    }
    *ret_looks += (uint64_t)looks;
    while (etf_list_next(&list, &row)) {
        if (etf_tuple(&row, 2) && etf_skip(&row, &key) && etf_integer(&row, &count) && count > 0 &&
            etf_tuple(&key, 2) && etf_skip(&key, &who) && etf_skip(&key, &stack)) {
            profile_put(profile, node_of(profile, who, stack), measure, (double)count);
            samples += (uint64_t)count;
        }
    }
    return samples;
}

/* ---- the connection ---- */

struct sampler {
    uv_loop_t loop;
    uv_timer_t timer;
    uv_poll_t stop;
    const struct beam_options *options;
    unsigned rate_hz;
    struct beam_connect *connect;
    struct beam_wire *wire;
    struct beam_collector *starter;
    struct etf_pid collector;
    char own[256], node[256];
    struct profile *profile;
    uint32_t measure;
    int64_t span_ns, began_ns; /* 0: not yet */
    bool over;
    struct beam_flame_status *status;
};

static void
conclude(struct sampler *sampler, const char *why)
{
    if (!sampler->over && why != NULL && sampler->status->samples == 0) {
        snprintf(sampler->status->why, sizeof(sampler->status->why), "%s", why);
    }
    sampler->over = true;
    uv_stop(&sampler->loop);
}

static void use(struct sampler *sampler);

static void
on_samples(void *context, enum beam_outcome outcome, struct str value)
{
    struct sampler *sampler = context;
    struct beam_flame_status *status = sampler->status;
    int64_t now_ns = clock_mono_ns();
    if (outcome == BEAM_GONE || sampler->over) {
        return;
    }
    if (outcome == BEAM_ANSWERED) {
        status->samples +=
            beam_flame_read(value, sampler->profile, sampler->measure, &status->looks);
    }
    status->sampled_ns = now_ns - sampler->began_ns;
    if (status->sampled_ns >= sampler->span_ns) {
        conclude(sampler, NULL);
    } else {
        use(sampler);
    }
}

static void
use(struct sampler *sampler)
{
    struct buf arguments;
    buf_init(&arguments, 64);
    etf_put_atom(&arguments, WORD);
    beam_wire_ask(sampler->wire, &sampler->collector, "use",
                  (struct str){arguments.data, arguments.n}, 1, PATIENCE_NS, sampler, on_samples);
    buf_done(&arguments);
}

static void
on_learned(void *context, enum beam_outcome outcome, struct str value)
{
    struct sampler *sampler = context;
    char reason[160], why[240];
    if (outcome == BEAM_GONE || sampler->over) {
        return;
    }
    if (outcome != BEAM_ANSWERED || !etf_is_atom(value, "ok")) {
        snprintf(why, sizeof(why), "the node does not take the sampler: %s",
                 outcome == BEAM_LATE ? "no answer" : etf_print(value, reason, sizeof(reason)));
        conclude(sampler, why);
        return;
    }
    sampler->began_ns = clock_mono_ns();
    use(sampler);
}

static void
on_collector(void *context, const struct etf_pid *pid, const char *why)
{
    struct sampler *sampler = context;
    struct buf text, arguments;
    if (pid == NULL) {
        conclude(sampler, why);
        return;
    }
    str_copy(str_from(pid->node), sampler->node, sizeof(sampler->node));
    sampler->collector = *pid;
    sampler->collector.node = sampler->node;
    buf_init(&text, 65536);
    buf_init(&arguments, 65536);
    buf_printf(&text, "fun() -> Period = %u, ", MAX(1000 / MAX(sampler->rate_hz, 1U), 1U));
    buf_puts(&text, source);
    etf_put_atom(&arguments, WORD);
    etf_put_binary(&arguments, (struct str){text.data, text.n});
    beam_wire_ask(sampler->wire, &sampler->collector, "learn",
                  (struct str){arguments.data, arguments.n}, 2, PATIENCE_NS, sampler, on_learned);
    buf_done(&text);
    buf_done(&arguments);
}

static void
on_ended(void *context, const char *why)
{
    conclude(context, why);
}

static void
on_connected(void *context, const struct beam_connected *connected)
{
    struct sampler *sampler = context;
    if (connected->state != BEAM_CONNECTED) {
        conclude(sampler, connected->why);
        return;
    }
    str_copy(str_from(connected->node), sampler->own, sizeof(sampler->own));
    sampler->wire = beam_wire_new(&(struct beam_wire_setup){.loop = &sampler->loop,
                                                            .fd = connected->fd,
                                                            .node = sampler->own,
                                                            .creation = connected->creation,
                                                            .context = sampler,
                                                            .ended = on_ended});
    sampler->starter = sampler->wire != NULL ? beam_collector_start(sampler->wire, sampler->own,
                                                                    sampler, on_collector)
                                             : NULL;
    if (sampler->starter == NULL) {
        conclude(sampler, "out of memory");
    }
}

/* ---- the loop ---- */

static void
on_stop(uv_poll_t *handle, int status, int events)
{
    (void)status, (void)events;
    conclude(handle->data, "it was ended before anything came");
}

/* A node that stops answering must not hold us for ever. */
static void
on_late(uv_timer_t *timer)
{
    conclude(timer->data, "the node did not answer");
}

static void
close_handle(uv_handle_t *handle, void *context)
{
    (void)context;
    if (!uv_is_closing(handle)) {
        uv_close(handle, NULL);
    }
}

static void
run(struct sampler *sampler, int stop_fd)
{
    uv_timer_init(&sampler->loop, &sampler->timer);
    sampler->timer.data = sampler;
    uv_timer_start(&sampler->timer, on_late,
                   (uint64_t)((sampler->span_ns + 8 * PATIENCE_NS) / NS_PER_MS), 0);
    if (stop_fd >= 0 && uv_poll_init(&sampler->loop, &sampler->stop, stop_fd) == 0) {
        sampler->stop.data = sampler;
        uv_poll_start(&sampler->stop, UV_READABLE, on_stop);
    }
    sampler->connect = beam_connect_start(&sampler->loop, sampler->options, sampler, on_connected);
    if (sampler->connect == NULL) {
        conclude(sampler, "no thread can be started to connect");
    }
    while (!sampler->over) {
        uv_run(&sampler->loop, UV_RUN_DEFAULT);
    }
    beam_connect_cancel(sampler->connect);
    beam_collector_free(sampler->starter);
    beam_wire_free(sampler->wire);
    uv_walk(&sampler->loop, close_handle, NULL);
    uv_run(&sampler->loop, UV_RUN_DEFAULT);
    uv_loop_close(&sampler->loop);
}

struct profile *
beam_flame_sample(const struct beam_options *options, unsigned rate_hz, int64_t span_ns,
                  int stop_fd, struct beam_flame_status *ret_status)
{
    struct sampler *sampler = calloc(1, sizeof(*sampler));
    struct profile *profile = profile_new();
    *ret_status = (struct beam_flame_status){.why = ""};
    if (sampler == NULL || profile == NULL || uv_loop_init(&sampler->loop) != 0) {
        snprintf(ret_status->why, sizeof(ret_status->why), "out of memory");
        profile_release(profile);
        free(sampler);
        return NULL;
    }
    sampler->options = options;
    sampler->rate_hz = rate_hz;
    sampler->span_ns = span_ns;
    sampler->profile = profile;
    sampler->measure = profile_measure(profile, STR("samples"), "", 1);
    sampler->status = ret_status;
    run(sampler, stop_fd);
    free(sampler);
    if (ret_status->samples == 0) {
        if (ret_status->why[0] == '\0') {
            snprintf(ret_status->why, sizeof(ret_status->why),
                     "no process ran or wanted to meanwhile");
        }
        profile_release(profile);
        return NULL;
    }
    profile_close(profile);
    return profile;
}
