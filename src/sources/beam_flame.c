/* What a node is told to sample itself, and how its answers become a profile.
 *
 * The collector there learns a fun. Learning it starts a process that looks at stacks while it is
 * asked for them, once a second, and stops 3 s after nobody did; a second one ends it when the
 * collector ends, also where a look does not come back. Lists meet process_info and compiled match
 * specifications, as in the collector. */
#include "flametop/sources/beam_flame.h"

#include <stdio.h>
#include <string.h>

#include "etf.h"
#include "flametop/base/macros.h"

#define FRAME_BYTES 256
#define DEPTH_MAX 512
#define PART_US_MAX (INT64_C(3600) * 1000000) /* sums of many stay in int64 */

/* `Period` (in microseconds), `What` (a binary) and `Wall` stand before it. */
/* clang-format off */
static const char *const source[] = {
"Me = erlang:self(), Now = fun() -> erlang:monotonic_time(microsecond) end,"
"Own = fun() -> erlang:put('$initial_call', {flametop,sampler,0}) end,"
"C = fun ets:match_spec_compile/1,"
"Atom = fun() -> try erlang:binary_to_existing_atom(What, utf8) catch _:_ -> undefined end end,"
"Master = fun(A) -> case ets:lookup(ac_tab, {application_master,A}) of [{_,G}] -> G; _ -> none end end,"
/* One process, or those of which the busiest are looked at. */
"{One,All} = case What of"
" <<>> -> {none, fun erlang:processes/0};"
" <<\"<\",_/binary>> -> {erlang:list_to_pid(erlang:binary_to_list(What)), none};"
" _ -> case Atom() =/= undefined andalso Master(Atom()) of"
"  G when erlang:is_pid(G) -> {none, fun() -> Ps = erlang:processes(), D = erlang:length(Ps),"
"   ets:match_spec_run(lists:zip(Ps, lists:zipwith(fun erlang:process_info/2, Ps,"
"    lists:duplicate(D, group_leader))), C([{{'$1',{'_',Master(Atom())}},[],['$1']}])) end};"
"  _ -> case erlang:whereis(Atom()) of P when erlang:is_pid(P) -> {P, none};"
"   _ -> erlang:error(unknown) end end end,"
/* Its registered name, else what it began with. */
"Name = fun(P) -> try case erlang:process_info(P, registered_name) of {_,N} -> N; _ ->"
" case proc_lib:translate_initial_call(P) of"
"  {proc_lib,init_p,5} -> {_,I} = erlang:process_info(P, initial_call), I; I -> I end end"
" catch _:_ -> P end end,",
/* Those that worked most since the last time; new ones count with all they did. To be looked at is
 * a reduction's work each time, and some more by others' looks. Of an application those that wait
 * for something all the time are of interest as well. */
"Least = if Wall andalso What =/= <<>> -> -1000000; true -> 20 end,"
"MD = C([{{{'$1',{'_','$2'}},{ok,'$3'}},[{'>',{'-','$2','$3'},Least}],[{{{'-','$2','$3'},'$1'}}]},"
" {{{'$1',{'_','$2'}},error},[],[{{'$2','$1'}}]}]),"
"Less = fun({D,P}, Old, Looks) -> case lists:keymember(P, 1, Old) of true -> {D - Looks,P};"
" _ -> {D,P} end end,"
"Most = fun(L) -> lists:reverse(lists:sort(L)) end,"
"MP = C([{{'$1',{'_','$2'}},[],[{{'$1','$2'}}]}]),"
"Known = fun(P,L) -> case lists:keyfind(P, 1, L) of {_,N} -> {P,N}; _ -> {P,Name(P)} end end,"
"Ours = fun({_,{flametop,_,_}}) -> true; (_) -> false end,"
"Pick = fun(Old, none, _) -> {Old, maps:from_list(ets:match_spec_run(begin Ps = All(),"
"   lists:zip(Ps, lists:zipwith(fun erlang:process_info/2, Ps,"
"   lists:duplicate(erlang:length(Ps), reductions))) end, MP))};"
" (Old, Before, Looks) -> Ps = All(), D = erlang:length(Ps),"
"  L = lists:zip(Ps, lists:zipwith(fun erlang:process_info/2, Ps, lists:duplicate(D, reductions))),"
"  W = ets:match_spec_run(lists:zip(L, lists:zipwith(fun maps:find/2, Ps,"
"   lists:duplicate(D, Before))), MD),"
"  Top = [Known(P,Old) || {D2,P} <- Most([Less(X,Old,Looks) || X <- lists:sublist(Most(W), 72)]),"
"   D2 > Least],"
"  {lists:sublist([X || X <- Top, not Ours(X)], 32), maps:from_list(ets:match_spec_run(L, MP))} end,"
/* A look: samples by whose, what it does, and where. */
"It = [status,current_stacktrace],"
"MS = C(if Wall -> [{{'$3',[{status,'$1'},{current_stacktrace,'$2'}]},[],[{{'$3','$1','$2'}}]}];"
" true -> [{{'$3',[{status,'$1'},{current_stacktrace,'$2'}]},"
"  [{'=/=','$1',waiting},{'=/=','$1',suspended}],[{{'$3',on,'$2'}}]}] end),"
"MF = C([{{'$1','$2','$3','_'},[],[{{'$1','$2','$3'}}]}]),"
"Add = fun({Who,St,Stack}, {M,D}) -> K = {Who,St,ets:match_spec_run(Stack, MF)},"
" case maps:find(K, M) of {ok,N} -> {maps:put(K, N + 1, M),D};"
"  _ when erlang:map_size(M) < 1000 -> {maps:put(K, 1, M),D}; _ -> {M,D + 1} end end,"
"Look = fun(Ns, A) -> {Ps,Whose} = lists:unzip(Ns),"
" lists:foldl(Add, A, ets:match_spec_run(lists:zip(Whose, lists:zipwith("
"  fun erlang:process_info/2, Ps, lists:duplicate(erlang:length(Ps), It))), MS)) end,",
/* Looks take at most a tenth of the time, choosing at most a twentieth. To look at what runs is to wait
 * for it, and others may hold the cores: what a look took of the CPU is told by its reductions and the
 * best time there was for one, what choosing took by its best time. */
"Told = fun({M,D}, {Looks,Busy,Since}, Ns, T) -> {Looks, maps:to_list(M),"
" {Busy, T - Since, erlang:length(Ns), D,"
"  One =:= none orelse erlang:is_process_alive(One)}} end,"
"Mine = fun() -> {_,N} = erlang:process_info(erlang:self(), reductions), N end,"
"Run = fun Run(Ns, {Before,Made,Due,Best} = Choice, Next, A, {Looks,Busy,Since} = Sum, Asked, Speed) ->"
" receive {F,R} when erlang:is_pid(F) -> T = Now(), F ! {R,Told(A, Sum, Ns, T)},"
"   Run(Ns, Choice, erlang:max(Next, T), {#{},0}, {0,0,T}, T, Speed)"
" after erlang:max(0, (erlang:min(Next, Asked + 3000000) - Now()) div 1000) ->"
"  T0 = Now(),"
"  if T0 - Asked > 3000000 -> erlang:garbage_collect(), receive {F,R} when erlang:is_pid(F) -> T = Now(),"
"     F ! {R,Told({#{},0}, {0,0,T}, Ns, T)},"
"     Run(Ns, {none,0,if One =:= none -> T; true -> Due end,Best}, T, {#{},0}, {0,0,T}, T, Speed)"
"     after 60000 -> ok end;"
"   T0 >= Due -> {Ns2,Before2} = Pick(Ns, Before, Made), erlang:garbage_collect(), T1 = Now(),"
"    Best2 = erlang:min(Best, T1 - T0), Wait = if Before =:= none -> 100000; true -> 1000000 end,"
"    Run(Ns2, {Before2,0,T1 + erlang:max(Wait, 20 * Best2),Best2}, erlang:max(Next, T1), A,"
"     {Looks,Busy + Best2,Since}, Asked, Speed);"
"   true -> R0 = Mine(), A2 = Look(Ns, A), Work = Mine() - R0, T1 = Now(), Took = T1 - T0,"
"    Speed2 = if Took >= 100 -> erlang:min(Speed, Took / Work); true -> Speed end,"
"    Cost = erlang:min(Took, erlang:round(Work * Speed2)),"
"    Run(Ns, {Before,Made + 1,Due,Best}, erlang:max(Next + Period, T1 + 9 * Cost), A2,"
"     {Looks + 1,Busy + Cost,Since}, Asked, Speed2) end end end,"
"Begin = fun() -> T = Now(), case One of"
" none -> Run([], {none,0,T,60000000}, T, {#{},0}, {0,0,T}, T, 1.0e6);"
" _ -> Run([{One,Name(One)}], {none,0,T + (1 bsl 60),60000000}, T, {#{},0}, {0,0,T}, T, 1.0e6) end end,"
"S = erlang:spawn_opt(fun() -> Own(), try Begin() catch _:_ -> ok end end, [{priority,high}]),"
"_ = erlang:spawn_opt(fun() -> Own(), A = erlang:monitor(process, Me),"
" B = erlang:monitor(process, S), receive {'DOWN',A,_,_,_} -> erlang:exit(S, kill);"
"  {'DOWN',B,_,_,_} -> ok end end, [{priority,high}]),"
"fun() -> R = erlang:make_ref(), S ! {erlang:self(),R},"
" receive {R,V} -> V after 900 -> erlang:exit(S, kill), stalled end end."
};
/* clang-format on */

void
beam_flame_source(const struct beam_flame_options *options, struct buf *out)
{
    struct str of = str_from(options->of != NULL ? options->of : "");
    buf_printf(out, "Period = %u, Wall = %s, What = <<", 1000000 / MAX(options->rate_hz, 1U),
               options->wall ? "true" : "false");
    for (size_t i = 0; i < MIN(of.n, (size_t)256); i++) { /* any bytes, no syntax */
        buf_printf(out, "%s%u", i > 0 ? "," : "", (unsigned char)of.p[i]);
    }
    buf_puts(out, ">>, ");
    for (size_t i = 0; i < ARRAY_SIZE(source); i++) {
        buf_puts(out, source[i]);
    }
}

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

/* "[waiting]": what a process did there; where only those that work are sampled, nothing. */
static uint32_t
add_status(struct profile *profile, uint32_t node, struct str status)
{
    char word[48], text[56];
    if (etf_is_atom(status, "on")) {
        return node;
    }
    snprintf(text, sizeof(text), "[%s]", etf_print(status, word, sizeof(word)));
    return profile_child(profile, node, profile_frame(profile, str_from(text), STR("")));
}

/* Its frames come innermost first. */
static uint32_t
node_of(struct profile *profile, struct str who, struct str status, struct str stack)
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
    return add_status(profile, node, status);
}

static bool
read_numbers(struct str term, struct beam_flame_part *part)
{
    int64_t processes, dropped;
    struct str alive;
    if (!etf_tuple(&term, 5) || !etf_integer(&term, &part->busy_us) ||
        !etf_integer(&term, &part->span_us) || !etf_integer(&term, &processes) ||
        !etf_integer(&term, &dropped) || !etf_skip(&term, &alive) || part->busy_us < 0 ||
        part->span_us < 0 || dropped < 0) {
        return false;
    }
    part->busy_us = MIN(part->busy_us, PART_US_MAX);
    part->span_us = MIN(part->span_us, PART_US_MAX);
    part->processes = (unsigned)CLAMP(processes, 0, INT32_MAX);
    part->dropped = (uint64_t)dropped;
    part->gone = etf_is_atom(alive, "false");
    return true;
}

bool
beam_flame_read(struct str answer, struct profile *profile, uint32_t measure,
                struct beam_flame_part *ret_part)
{
    struct beam_flame_part part = {0};
    struct etf_list list;
    struct str row, key, who, status, stack;
    int64_t looks, count;
    if (!etf_tuple(&answer, 3) || !etf_integer(&answer, &looks) || looks < 0 ||
        !etf_list(&answer, &list) || !read_numbers(answer, &part)) {
        return false;
    }
    part.looks = (uint64_t)MIN(looks, PART_US_MAX);
    while (etf_list_next(&list, &row)) {
        if (etf_tuple(&row, 2) && etf_skip(&row, &key) && etf_integer(&row, &count) && count > 0 &&
            etf_tuple(&key, 3) && etf_skip(&key, &who) && etf_skip(&key, &status) &&
            etf_skip(&key, &stack)) {
            profile_put(profile, node_of(profile, who, status, stack), measure, (double)count);
            part.samples += (uint64_t)count;
        }
    }
    *ret_part = part;
    return true;
}
