/* The collector: a process of evaluated text on the node. Nothing is loaded there and nothing is
 * written; it ends when our connection does, when nothing was asked of it for a minute, or when it
 * is told to.
 *
 * It runs at high priority, so that it answers on a node whose schedulers are full, and it asks all
 * processes only for what they can tell without being interrupted. What costs more, and what could
 * hang, is done for a few of them by a helper that lives a second at most.
 *
 * It is asked with beam_wire_ask, by these words:
 *   ping                  pong
 *   many  [{M,F,Args}]    [Result], `error` for those that fail
 *   safe  [{M,F,Args}]    the same in a helper; `timeout` when it took more than a second
 *   scan  K               {{StartUs,ScanUs,Processes,Queued}, [Row], [Row], [Row], [Detail]}: the
 *                         top K by reductions since the last scan, by queue, by heap.
 *                         Row: {Rank,Pid,Reductions,Queue,Status,HeapWords}
 *                         Detail: {Pid,[Item],InitialCall,Label}; `error` or `timeout` for the list
 *   ets   K               {Count,[{Table,Name,Objects,Words,Type,Protection,Owner}]}
 *   ports K               {Count,[{Port,Name,Owner,In,Out,Queue,Memory,{Own,Other}}]}
 *   masters               [{Application,Master}]
 *   apps                  [{{Application,Master},{Master,Processes,Reductions,Queue,HeapWords}}]
 *   proc  Pid             {Pid,[Item],[{Key,Words}],Ancestors}
 *   tree                  [{Id,Pid,Parent,Type,Children}]
 *   peers                 [{Node,Visible,{Queue,In,Out}}]
 *   learn Name, Source    `ok`: the source (a binary, ended with a full stop) is a fun() that is
 *                         kept under this name; or {error,Reason}
 *   use   Name            what that fun answers, called in a helper; `error`, `timeout` */
#ifndef FLAMETOP_SOURCES_BEAM_COLLECTOR_H
#define FLAMETOP_SOURCES_BEAM_COLLECTOR_H

#include "beam_wire.h"

struct beam_collector;

/* `pid` is NULL when it did not come to be; why then says so. The name is valid during the call. */
typedef void beam_collector_ready(void *context, const struct etf_pid *pid, const char *why);

/* Puts it onto the node whose wire this is; `own` is our name there. NULL when out of memory, or
 * while the wire is full. */
struct beam_collector *beam_collector_start(struct beam_wire *wire, const char *own, void *context,
                                            beam_collector_ready *ready);

/* Before or after it is ready, once, before the wire is freed. NULL is allowed. */
void beam_collector_free(struct beam_collector *collector);

#endif
