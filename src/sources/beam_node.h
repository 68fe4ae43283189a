/* What a node answered, as readings: terms in, batches out. No I/O; the terms may hold anything.
 *
 * Unknown is what was not told: a term of another shape leaves its readings unset and is counted as
 * rejected. */
#ifndef FLAMETOP_SOURCES_BEAM_NODE_H
#define FLAMETOP_SOURCES_BEAM_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "etf.h"
#include "flametop/core/batch.h"

#define BEAM_MASTERS_MAX 256
#define BEAM_BEFORE_MAX 1024
#define BEAM_VALUES_MAX 48

/* Readings of rows at the last time, for rates: sorted by key. */
struct beam_before {
    struct {
        uint64_t key;
        double values[2];
    } rows[BEAM_BEFORE_MAX];
    size_t count;
    int64_t at_ns; /* 0: there was none */
};

struct beam_node {
    char name[256], labels[300]; /* "rabbit@web-01", "node=rabbit@web-01" */
    char release[16], erts[32], flavor[16], language[48];
    bool elixir; /* its version can be asked for */
    int64_t os_pid, word_bytes, schedulers, dirty_cpu, online, dirty_cpu_online, dirty_io_online;
    int64_t started_ns; /* by the node's monotonic clock */
    double uptime_s, buffer_limit;
    bool local, plain;

    double round_trip_s, scan_interval_s; /* NaN: unknown */
    int64_t scan_us;                      /* the last scan's time there; 0 */
    int64_t scan_began_us;                /* by the node's clock; 0: none yet */

    struct beam_master {
        uint32_t id, serial;
        char name[64];
        char version[24], text[96];
    } masters[BEAM_MASTERS_MAX];
    size_t master_count;

    struct beam_before queues, applications, ports, peers;
};

/* Calls whose results are read together. The argument is an atom, or {wrap, atom}. */
struct beam_call {
    const char *module, *function, *argument, *wrap; /* NULL: none */
};
struct beam_calls {
    const struct beam_call *list;
    size_t count; /* at most BEAM_VALUES_MAX */
};
extern const struct beam_calls beam_calls_info, beam_calls_language, beam_calls_vm, beam_calls_sums,
    beam_calls_allocators, beam_calls_applications;

/* The arguments of one call: how many were put. */
unsigned beam_put_arguments(struct buf *out, const struct beam_call *call);

/* All of them as a list of {Module, Function, Arguments}. */
void beam_put_calls(struct buf *out, const struct beam_calls *calls);

/* The results of `calls`, one each; an empty text for one that failed. */
bool beam_take_info(struct beam_node *node, const struct str *values);
void beam_take_language(struct beam_node *node, const struct str *values);
void beam_take_masters(struct beam_node *node, struct str masters);
void beam_take_applications(struct beam_node *node, const struct str *values);

void beam_read_vm(struct beam_node *node, const struct str *values, struct batch *batch);
void beam_read_sums(struct beam_node *node, const struct str *values, struct batch *batch);
void beam_read_allocators(struct beam_node *node, const struct str *values, struct batch *batch);

/* Answers of the collector (beam_collector.h), at the time they were made. */
void beam_read_scan(struct beam_node *node, struct str reply, struct batch *batch);
void beam_read_detail(struct beam_node *node, struct str reply, struct batch *batch);
void beam_read_ets(struct beam_node *node, struct str reply, struct batch *batch);
void beam_read_ports(struct beam_node *node, struct str reply, struct batch *batch);
void beam_read_applications(struct beam_node *node, struct str reply, struct batch *batch);
void beam_read_peers(struct beam_node *node, struct str reply, struct batch *batch);
void beam_read_tree(struct beam_node *node, struct str reply, struct batch *batch);

/* ---- for the readers ---- */

/* A text in the batch's arena: of an atom or a text; NULL for anything else. */
const char *beam_text(struct batch *batch, struct str term);

/* Any term as the language writes it; NULL for `undefined`. */
const char *beam_term(struct batch *batch, struct str term);

/* {Module,Function,Arity} as the language writes it: "gen_server:loop/7", "MyApp.Repo.all/2". */
const char *beam_function(struct batch *batch, struct str term);

/* "<0.123.0>"; false when it is no pid. */
bool beam_pid(struct batch *batch, struct str term, const char **ret_text, int64_t *ret_key);

/* The application of a group leader; NULL. */
const char *beam_application_of(const struct beam_node *node, struct str leader);

/* What was noted of a row the last time; NULL. And a new list, in any order, to replace it. */
const double *beam_before_get(const struct beam_before *before, uint64_t key);
void beam_before_begin(struct beam_before *next);
void beam_before_add(struct beam_before *next, uint64_t key, double a, double b);
void beam_before_end(struct beam_before *before, struct beam_before *next, int64_t at_ns);

#endif
