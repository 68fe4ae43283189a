/* The collector's text and its way onto the node.
 *
 * Three calls: a few words are made into a program there (erl_scan, erl_parse), and spawned. They
 * read the text below, which goes along as a binary, and become it; so the long part travels once,
 * and is read at high priority. The text runs on OTP 23 to 29.
 *
 * What makes it fast: lists of processes meet process_info in functions of the library and in
 * compiled match specifications, never in a fun of the text: that would be interpreted, 17 times as
 * slow. 5,000 processes at a time keep the garbage small. Of more than 25,000 processes a scan
 * visits so many, in turn, and those that were first in something. */
#include "beam_collector.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/clock.h"
#include "flametop/base/macros.h"

#define PATIENCE_NS (10 * NS_PER_S)

static const char boot[] = "{ok,T,_} = erl_scan:string(erlang:binary_to_list(S)),"
                           "{ok,F} = erl_parse:parse_exprs(T),"
                           "erl_eval:exprs(F, [{'CN',CN}]).";

/* In parts, as compilers take strings of a certain length only. */
/* clang-format off */
static const char *const text[] = {
/* What ends with us. */
"_ = erlang:monitor_node(CN, true),"
"_ = erlang:system_flag(scheduler_wall_time, true),"
/* Whoever lists processes, we or others, is told whose ours are. */
"Own = fun() -> erlang:put('$initial_call', {flametop,collector,0}) end, _ = Own(),"
"OTP = erlang:list_to_integer(erlang:system_info(otp_release)),"
/* What we ask may be gone when the answer is there: nodes would call it back, and look up names. */
"Say = fun(F,X) -> erlang:send(F, X, [noconnect]) end,"
"Now = fun() -> erlang:monotonic_time(microsecond) end,"
"Top = fun(L,K) -> lists:sublist(lists:reverse(lists:sort(L)),K) end,"
"Many = fun(Cs) -> lists:map(fun({M,F,A}) ->"
" try erlang:apply(M,F,A) catch _:_ -> error end end, Cs) end,"
/* In a process that lives a second at most. */
"Safe = fun(Fun) -> Me = self(), R = make_ref(),"
" {P,M} = erlang:spawn_opt(fun() -> Own(), Me ! {R,Fun()} end, [monitor,{priority,high}]),"
" receive {R,V} -> erlang:demonitor(M,[flush]), V;"
"  {'DOWN',M,_,_,_} -> error"
" after 1000 -> erlang:exit(P,kill), erlang:demonitor(M,[flush]),"
"  receive {R,V} -> V after 0 -> timeout end end end,"
"Later = fun(F,R,Fun) -> erlang:spawn_opt(fun() -> Own(), Say(F,{R,Safe(Fun)}) end, [{priority,high}]) end,"
/* The scan: what processes tell without being asked by a signal. Those that were seen lie in parts
 * {Time, Size, Pids, [{reductions,N}], Queued, Leaders}, whose lists are parallel, so that nothing
 * is looked up. Of each part the leaders, first in something when it was visited, are looked at in
 * each scan; Queued is of the others. Parts are visited in turn; none are the leaders of one that
 * waits for its first visit. */
"C = fun ets:match_spec_compile/1, Run = fun ets:match_spec_run/2,"
"It = [reductions,message_queue_len,heap_size],"
"In = {'$1',[{'_','$2'},{'_','$3'},{'_','$4'}],{'_','$5'}},"
"Row = fun(D,G) -> {In,G,[{{D,'$1','$2','$3','$4'}}]} end,"
/* Reductions a second. A few are what our asking for its memory costs a process. */
"Rate = fun(Us) -> W = {'-','$2','$5'},"
" [Row({'div',{'*',W,1000000},erlang:max(Us,1)},[{'>',W,4}]),Row(0,[{'>',W,0}])] end,"
"MQ = C([Row('$3',[{'>','$3',0}])]), MH = C([Row('$4',[{'>','$4',10000}])]),"
"MS = C([{In,[{'>','$3',0}],['$3']}]),"
/* Most processes did nothing, and have neither messages nor a heap to speak of. */
"MY = C([{In,[{'orelse',{'>','$2','$5'},{'>','$3',0},{'>','$4',10000}}],['$_']}]),"
"ME = C([{{'_',['_'|'_'],'_'},[],['$_']}]),"
"ML = C([{In,[],[{{'$1',{{reductions,'$2'}},'$3'}}]}]),"
"MC = C([{{'_','$1','$2','$3','_'},[],[{{'$1',{{reductions,'$2'}},'$3'}}]}]),"
"See = fun(X,B) ->"
" I = lists:zipwith(fun erlang:process_info/2, X, lists:duplicate(length(X),It)),"
" Z = lists:zip3(X,I,B), case lists:keymember(undefined,2,Z) of false -> {X,I,Z};"
"  true -> L = Run(Z,ME), {X2,I2,_} = lists:unzip3(L), {X2,I2,L} end end,"
"Queued = fun(none) -> 0; (Ls) -> {_,_,Q} = lists:unzip3(Ls), lists:sum(Q) end,"
"Lead = fun(none,_) -> {none,[],[],[]}; (Ls,MT) -> {X,B,_} = lists:unzip3(Ls), {_,_,Z} = See(X,B),"
" {Run(Z,ML),Run(Z,MT),Run(Z,MQ),Run(Z,MH)} end,"
"Visit = fun(T1,{T,_,X0,B0,_,_},K) -> {X,I,Z} = See(X0,B0), Y = Run(Z,MY),"
" R = Top(Run(Y,C(Rate(T1-T))),K), Q = Top(Run(Y,MQ),K), H = Top(Run(Y,MH),K),"
" Ls = lists:usort(Run(lists:append([R,Q,H]),MC)),"
" {{T1,length(X),X,lists:map(fun erlang:hd/1,I),lists:sum(Run(Y,MS))-Queued(Ls),Ls},R,Q,H} end,"
/* Others may hold the cores: what a scan takes of the CPU is told by its reductions and the best
 * time there was for one in a larger visit, which grows old slowly. */
"Mine = fun() -> {_,X} = erlang:process_info(self(),reductions), X end,"
"Pace = fun(D,T,W) -> Us = Now() - T, if D < 1000 -> ok;"
" true -> erlang:put(pace, erlang:min(erlang:get(pace), Us / (Mine() - W))) end end,"
/* Those that are less urgent than we have their turn as well. */
"Nap = fun() -> T = Now(), receive after 1 -> ok end,"
" erlang:put(nap, erlang:get(nap) + Now() - T) end,",
/* What processes end leaves small parts behind. */
"Join = fun Join([{T,D,X,B,S,Ls},{T,D2,X2,B2,S2,Ls2}|Es]) when D + D2 =< 5000 ->"
"  Join([{T,D+D2,lists:append(X,X2),lists:append(B,B2),S+S2,lists:append(Ls,Ls2)}|Es]);"
" Join([E|Es]) -> [E|Join(Es)]; Join([]) -> [] end,"
"Part = fun Part(_,[],_) -> [];"
" Part(T,X,N) -> {A,Y} = if N > 5000 -> lists:split(5000,X); true -> {X,[]} end, D = length(A),"
"  [{T,D,A,lists:duplicate(D,{reductions,0}),0,none}|Part(T,Y,N-D)] end,"
/* What leaders did since the last scan is known better than by the visit to their part. */
"Go = fun Go([],_,_,_,_,A,Kept,Done) -> {A,Kept,Done};"
" Go([{T,D,X,B,S,Ls} = E|Es],T1,MT,K,Left,{F,R,Q,H,N,Us},Kept,Done) ->"
"  {Ls2,F1,Q1,H1} = Lead(Ls,MT), F2 = lists:append(F1,F),"
"  if Left > 0 -> T2 = Now(), W2 = Mine(), {E2,R2,Q2,H2} = Visit(T1,E,K), _ = Pace(D,T2,W2), Nap(),"
"    Go(Es,T1,MT,K,Left-D,{F2,lists:append(R2,R),lists:append(Q2,Q),lists:append(H2,H),"
"     N+erlang:element(5,E2)+Queued(erlang:element(6,E2)),"
"     if Ls =:= none -> Us; true -> erlang:max(Us,T1-T) end},Kept,[E2|Done]);"
"   true -> Go(Es,T1,MT,K,Left,{F2,R,lists:append(Q1,Q),lists:append(H1,H),"
"     N+S+Queued(Ls2),Us},[{T,D,X,B,S,Ls2}|Kept],Done) end end,"
/* Who is new: processes are numbered as they begin, from one mark to the next, until there were as
 * many as there may be at a time: then numbers are those of who ended first. From then on, which is
 * a mark behind all, and where a node orders them in another way, it is who was not there. */
"Pid = fun(A,B) -> erlang:list_to_pid(lists:concat([\"<0.\",A,\".\",B,\">\"])) end,"
"Lim = erlang:system_info(process_limit), End = try Pid(Lim,0)"
" catch _:_ -> Pid(Lim rem 32768,Lim div 32768) end,"
"Ord = try Pid(32767,0) < Pid(0,1) catch _:_ -> false end,"
"Old = C([{'$1',[{'>=','$1',{const,End}}],['$1']}]),"
"New = fun(Ps,M0,M1,Es) ->"
" case Ord andalso M0 < M1 andalso M1 < End andalso Run(Ps,Old) =:= [] of"
"  true -> {M1,Run(Ps,C([{'$1',[{'>=','$1',{const,M0}},{'<','$1',{const,M1}}],['$1']}]))};"
"  false -> {[],Ps -- lists:append([X || {_,_,X,_,_,_} <- Es])} end end,"
"Lab = fun(P) -> if OTP >= 27 -> proc_lib:get_label(P); true -> undefined end end,"
/* proc_lib answers with init_p/5 for each process that is none of its own. */
"Ini = fun(P) -> case proc_lib:translate_initial_call(P) of"
" {proc_lib,init_p,5} = D -> case erlang:process_info(P,initial_call) of {_,X} -> X; _ -> D end;"
" T -> T end end,"
"Det = fun(Ps) -> [{P, case {erlang:process_info(P,status),"
" erlang:process_info(P,[registered_name,current_function,memory,group_leader])} of"
"  {S,L} when erlang:is_list(L) -> [S|L]; _ -> undefined end,Ini(P),Lab(P)} || P <- Ps] end,"
/* A fun that is given to another process takes all with it that has a name where it is made: 16 MB
 * in a scan. */
"Tell = fun(F,W,I,R,Q,H,U) -> erlang:spawn_opt(fun() -> Own(),"
"  Say(F,{W,{I,R,Q,H,Safe(fun() -> Det(U) end)}}) end, [{priority,high}]) end,"
/* 25,000 of those that are new and as many of the others. What was there before us counts from the
 * node's start, when it is visited first; sums and rounds are known when all were. */
"Scan = fun(F,W,{T0,M0,Es},K) -> T1 = Now(), W1 = Mine(),"
" _ = erlang:put(nap,0), _ = erlang:put(pace,erlang:min(erlang:get(pace)*1.02,1.0e6)),"
" M1 = erlang:spawn(erlang,self,[]), Ps = erlang:processes(),"
" {M2,Nx} = New(Ps,M0,M1,Es), Nw = lists:delete(self(),Nx),"
" MT = C(lists:append(Rate(T1-T0),[Row(0,[])])),"
" {A,Kn,Dn} = Go(Part(T0,Nw,length(Nw)),T1,MT,K,25000,{[],[],[],[],0,0},[],[]),"
" {{L,R0,Q0,H0,S,Us},Ko,Dn2} = Go(Es,T1,MT,K,25000,A,[],Dn),"
" Kept = lists:append(lists:reverse(Ko),lists:reverse(Kn)),"
" R = Top(lists:ukeymerge(2,lists:ukeysort(2,L),lists:ukeysort(2,R0)),K),"
" Q = Top(Q0,K), H = Top(H0,K), U = lists:usort([erlang:element(2,E) || E <- R++Q++H]),"
" N = length(Ps) - 1 - length([M || M <- [M1], lists:member(M,Ps)]),"
" {S2,Us2} = case lists:keymember(none,6,Kept) of true -> {undefined,undefined}; _ -> {S,Us} end,"
" Took = erlang:min(Now()-T1-erlang:get(nap), erlang:round((Mine()-W1)*erlang:get(pace))),"
" I = {T1,Took,N,S2,Us2},"
" _ = Tell(F,W,I,R,Q,H,U),"
" {T1,M2,lists:append(Kept,Join(lists:reverse(Dn2)))} end,",
/* Sums of the processes of each application: a bag of them by group leader, 5,000 at a time. */
"MA = C([{[{'_','$1'},{'_','$2'},{'_','$3'},{'_','$4'}],[],[{{'$1','$2','$3','$4'}}]}]),"
"Sum = fun(E,G,M) -> lists:sum(ets:select(E,[{{G,'$1','$2','$3'},[],[M]}])) end,"
"Ag = fun Ag([],_,A) -> A;"
" Ag(Ps,N,A) -> {X,T} = if N > 5000 -> lists:split(5000,Ps); true -> {Ps,[]} end,"
"  D = length(X), E = ets:new(sums,[duplicate_bag,private]),"
"  true = ets:insert(E, ets:match_spec_run(lists:zipwith(fun erlang:process_info/2, X,"
"   lists:duplicate(D,[group_leader,reductions,message_queue_len,heap_size])), MA)),"
"  B = [{G,Y+ets:select_count(E,[{{G,'_','_','_'},[],[true]}]),R+Sum(E,G,'$1'),"
"   Q+Sum(E,G,'$2'),H+Sum(E,G,'$3')} || {G,Y,R,Q,H} <- A],"
"  true = ets:delete(E), Ag(T,N-D,B) end,"
"Ms = fun() -> ets:select(ac_tab,[{{{application_master,'$1'},'$2'},[],[{{'$1','$2'}}]}]) end,"
"Apps = fun() -> Ps = erlang:processes(), M = Ms(),"
" lists:zip(M, Ag(Ps, length(Ps), [{G,0,0,0,0} || {_,G} <- M])) end,",
/* What is looked at now and then. */
"Nm = fun(P) -> case erlang:process_info(P,registered_name) of {_,X} -> X; _ -> P end end,"
"Ets = fun(K) -> Ts = ets:all(), D = length(Ts),"
" Z = Top(lists:zip(lists:zipwith(fun ets:info/2, Ts, lists:duplicate(D,memory)), Ts),K),"
" {D,[{T,ets:info(T,name),ets:info(T,size),W,ets:info(T,type),ets:info(T,protection),"
"  Nm(ets:info(T,owner))} || {W,T} <- Z, erlang:is_integer(W)]} end,"
"Pi = fun(P,X) -> case erlang:port_info(P,X) of {_,V} -> V; _ -> undefined end end,"
"Pn = fun(P) -> case Pi(P,connected) of X when erlang:is_pid(X) -> Nm(X); _ -> undefined end end,"
"Adr = fun(P,\"tcp_inet\") -> {inet:sockname(P),inet:peername(P)};"
" (P,\"udp_inet\") -> {inet:sockname(P),undefined}; (_,_) -> {undefined,undefined} end,"
"Ports = fun(K) -> Ps = erlang:ports(), D = length(Ps),"
" Z = Top(lists:zip(lists:zipwith(fun erlang:port_info/2, Ps, lists:duplicate(D,output)), Ps),K),"
" {D,[{P,Pi(P,name),Pn(P),Pi(P,input),O,Pi(P,queue_size),Pi(P,memory),"
"  Adr(P,Pi(P,name))} || {{_,O},P} <- Z]} end,"
"Peers = fun() -> V = erlang:nodes(), [{N,lists:member(N,V),"
" case erlang:is_port(P) andalso inet:getstat(P,[recv_oct,send_oct,send_pend]) of"
"  {ok,[{_,I},{_,O},{_,Q}]} -> {Q,I,O}; _ -> undefined end} || {N,P} <- erlang:system_info(dist_ctrl), N =/= CN] end,"
"Cut = fun({X,L}) when erlang:is_list(L) -> {X,length(L),lists:sublist(L,100)}; (X) -> X end,"
"Proc = fun(P) -> D = case erlang:process_info(P,dictionary) of {_,X} -> X; _ -> [] end,"
" {P,[Cut(erlang:process_info(P,I)) || I <- [current_stacktrace,links,monitors,monitored_by,"
"  memory,total_heap_size,stack_size]],"
" [{K,erts_debug:flat_size(V)} || {K,V} <- lists:sublist(D,100), erlang:is_atom(K)],"
" case lists:keyfind('$ancestors',1,D) of {_,A} -> A; _ -> [] end} end,"
"Sup = fun Sup(P,Par,Id,supervisor) when erlang:is_pid(P) ->"
"  Cs = lists:reverse(try supervisor:which_children(P) catch _:_ -> [] end),"
"  [{Id,P,Par,supervisor,length([1 || {_,X,_,_} <- Cs, erlang:is_pid(X)])} |"
"   lists:append([Sup(X,P,if I =:= undefined -> Nm(X); true -> I end,T)"
"    || {I,X,T,_} <- lists:sublist(Cs,100)])];"
" Sup(P,Par,Id,T) -> [{Id,P,Par,T,undefined}] end,"
"Tree = fun() -> lists:sublist(lists:append([[{A,G,0,application,undefined} |"
" case application_master:get_child(G) of"
"  {P,_} when erlang:is_pid(P) -> Sup(P,G,Nm(P),supervisor); _ -> [] end]"
" || {A,G} <- lists:sort(Ms())]),1000) end,",
/* Scans have a process of their own: however long one takes, the rest is answered. Where it was
 * ended, the next scan begins it again. */
"Me = self(),"
"Sc = fun() -> case erlang:get(scans) of undefined ->"
" {P,_} = erlang:spawn_opt(fun() -> Own(), _ = erlang:put(pace,1.0e6),"
"  Mn = erlang:monitor(process, Me),"
"  (fun L(Pv) -> receive"
"   {scan,F,R,K} -> P2 = Scan(F,R,Pv,K), erlang:garbage_collect(), L(P2);"
"   {'DOWN',Mn,_,_,_} -> ok end end)({erlang:convert_time_unit("
"    erlang:system_info(start_time),native,microsecond),Pid(0,0),[]}) end,"
"  [monitor,{priority,high}]), _ = erlang:put(scans,P), P; P -> P end end,"
/* Text of others that is to be used more than once. */
"Learn = fun(S) -> try {ok,T,_} = erl_scan:string(erlang:binary_to_list(S)),"
" {ok,E} = erl_parse:parse_exprs(T), {value,V,_} = erl_eval:exprs(E, []),"
" true = erlang:is_function(V, 0), {ok,V} catch _:X -> {error,X} end end,"
/* The process itself: all it keeps is what it learned, and who scans. */
"(fun L(Fs) -> receive"
" {ping,F,R} -> Say(F,{R,pong}), L(Fs);"
" {many,F,R,Cs} -> Say(F,{R,Many(Cs)}), L(Fs);"
" {safe,F,R,Cs} -> Later(F,R,fun() -> Many(Cs) end), L(Fs);"
" {scan,F,R,K} -> Sc() ! {scan,F,R,K}, L(Fs);"
" {'DOWN',_,_,_,_} -> _ = erlang:erase(scans), L(Fs);"
" {ets,F,R,K} -> Later(F,R,fun() -> Ets(K) end), L(Fs);"
" {ports,F,R,K} -> Later(F,R,fun() -> Ports(K) end), L(Fs);"
" {masters,F,R} -> Say(F,{R,Ms()}), L(Fs);"
" {apps,F,R} -> Later(F,R,Apps), L(Fs);"
" {proc,F,R,P} -> Later(F,R,fun() -> Proc(P) end), L(Fs);"
" {tree,F,R} -> Later(F,R,Tree), L(Fs);"
" {peers,F,R} -> Later(F,R,Peers), L(Fs);"
" {learn,F,R,N,S} -> case Learn(S) of"
"  {ok,V} -> Say(F,{R,ok}), L(maps:put(N,V,Fs)); E -> Say(F,{R,E}), L(Fs) end;"
" {use,F,R,N} -> Later(F,R,fun() -> (maps:get(N,Fs))() end), L(Fs);"
" {nodedown,CN} -> ok; stop -> ok; _ -> L(Fs)"
" after 60000 -> ok end end)(#{})."
};
/* clang-format on */

enum step { SCANNING, PARSING, SPAWNING, GREETING };

struct beam_collector {
    struct beam_wire *wire;
    char own[256];
    void *context;
    beam_collector_ready *ready;
    enum step step;
    struct etf_pid pid;
    char node[256];
    bool freed, waiting;
    bool busy; /* the wire had no room for the first call */
};

static void on_answer(void *context, enum beam_outcome outcome, struct str value);

static void
conclude(struct beam_collector *collector, const char *why)
{
    beam_collector_ready *ready = collector->ready;
    collector->ready = NULL;
    if (ready != NULL) {
        ready(collector->context, why == NULL ? &collector->pid : NULL, why);
    }
}

static void
call(struct beam_collector *collector, const char *module, const char *function,
     const struct buf *arguments, unsigned count)
{
    collector->waiting = true;
    beam_wire_call(collector->wire, module, function,
                   (struct str){arguments->data, arguments->full ? 0 : arguments->n}, count,
                   PATIENCE_NS, collector, on_answer);
}

static void
spawn(struct beam_collector *collector, struct str forms)
{
    struct buf arguments, source;
    buf_init(&source, 65536);
    for (size_t i = 0; i < ARRAY_SIZE(text); i++) {
        buf_puts(&source, text[i]);
    }
    buf_init(&arguments, (size_t)256 << 10);
    etf_put_atom(&arguments, "erl_eval");
    etf_put_atom(&arguments, "exprs");
    etf_put_list(&arguments, 2);
    buf_add(&arguments, forms.p, forms.n);
    etf_put_list(&arguments, 2); /* the bindings, in the order of their names */
    etf_put_tuple(&arguments, 2);
    etf_put_atom(&arguments, "CN");
    etf_put_atom(&arguments, collector->own);
    etf_put_tuple(&arguments, 2);
    etf_put_atom(&arguments, "S");
    etf_put_binary(&arguments, (struct str){source.data, source.n});
    buf_done(&source);
    etf_put_nil(&arguments);
    etf_put_nil(&arguments);
    etf_put_list(&arguments, 1);
    etf_put_tuple(&arguments, 2);
    etf_put_atom(&arguments, "priority");
    etf_put_atom(&arguments, "high");
    etf_put_nil(&arguments);
    collector->step = SPAWNING;
    call(collector, "erlang", "spawn_opt", &arguments, 4);
    buf_done(&arguments);
}

/* {ok, Tokens, Location}: the tokens are what the parser wants. */
static bool
parse_tokens(struct beam_collector *collector, struct str value)
{
    struct str ok, tokens;
    struct buf arguments;
    if (!etf_tuple(&value, 3) || !etf_atom(&value, &ok) || !str_is(ok, "ok") ||
        !etf_skip(&value, &tokens)) {
        return false;
    }
    buf_init(&arguments, (size_t)64 << 10);
    buf_add(&arguments, tokens.p, tokens.n);
    collector->step = PARSING;
    call(collector, "erl_parse", "parse_exprs", &arguments, 1);
    buf_done(&arguments);
    return true;
}

static bool
spawn_forms(struct beam_collector *collector, struct str value)
{
    struct str ok, forms;
    if (!etf_tuple(&value, 2) || !etf_atom(&value, &ok) || !str_is(ok, "ok") ||
        !etf_skip(&value, &forms)) {
        return false;
    }
    spawn(collector, forms);
    return true;
}

static bool
greet(struct beam_collector *collector, struct str value)
{
    struct etf_term pid;
    if (!etf_next(&value, &pid) || pid.type != ETF_PID || pid.text.n >= sizeof(collector->node)) {
        return false;
    }
    str_copy(pid.text, collector->node, sizeof(collector->node));
    collector->pid = (struct etf_pid){.node = collector->node,
                                      .id = (uint32_t)pid.integer,
                                      .serial = pid.serial,
                                      .creation = pid.creation};
    collector->step = GREETING;
    collector->waiting = true;
    beam_wire_ask(collector->wire, &collector->pid, "ping", (struct str){"", 0}, 0, PATIENCE_NS,
                  collector, on_answer);
    return true;
}

static void
on_answer(void *context, enum beam_outcome outcome, struct str value)
{
    static const char *const doing[] = {[SCANNING] = "erl_scan",
                                        [PARSING] = "erl_parse",
                                        [SPAWNING] = "erl_eval",
                                        [GREETING] = "the collector"};
    struct beam_collector *collector = context;
    char why[300], reason[160];
    enum step step = collector->step;
    collector->waiting = false;
    if (collector->freed) {
        free(collector);
        return;
    }
    if (outcome == BEAM_BUSY && step == SCANNING) { /* its owner does not know it yet */
        collector->busy = true;
        return;
    }
    bool good = outcome == BEAM_ANSWERED;
    if (good && step == GREETING) {
        conclude(collector, NULL);
        return;
    }
    good = good && (step == SCANNING  ? parse_tokens(collector, value)
                    : step == PARSING ? spawn_forms(collector, value)
                                      : greet(collector, value));
    if (!good && outcome != BEAM_GONE) {
        const char *told = outcome == BEAM_LATE   ? " did not answer"
                           : outcome == BEAM_BUSY ? " cannot be asked: too much waits there"
                                                  : ": ";
        bool has_reason = outcome == BEAM_FAILED || outcome == BEAM_ANSWERED;
        snprintf(why, sizeof(why), "the collector does not start there (%s%s%s); try --no-inject",
                 doing[step], told, has_reason ? etf_print(value, reason, sizeof(reason)) : "");
        conclude(collector, why);
    }
}

struct beam_collector *
beam_collector_start(struct beam_wire *wire, const char *own, void *context,
                     beam_collector_ready *ready)
{
    struct beam_collector *collector = calloc(1, sizeof(*collector));
    struct buf arguments;
    if (collector == NULL) {
        return NULL;
    }
    *collector = (struct beam_collector){.wire = wire, .context = context, .ready = ready};
    str_copy(str_from(own), collector->own, sizeof(collector->own));
    buf_init(&arguments, 4096);
    etf_put_string(&arguments, (struct str){boot, sizeof(boot) - 1});
    call(collector, "erl_scan", "string", &arguments, 1);
    buf_done(&arguments);
    if (collector->busy) {
        free(collector);
        return NULL;
    }
    return collector;
}

/* An answer may still come: then it frees. */
void
beam_collector_free(struct beam_collector *collector)
{
    if (collector == NULL) {
        return;
    }
    if (collector->pid.node != NULL) {
        beam_wire_tell(collector->wire, &collector->pid, "stop");
    }
    collector->freed = true;
    if (!collector->waiting) {
        free(collector);
    }
}
