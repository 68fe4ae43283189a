/* The collector: sources in, pictures out, one tick at a time. No threads, no waiting: the engine
 * drives it from its loop, a snapshot and the tests by hand. */
#ifndef FLAMETOP_ENGINE_COLLECTOR_H
#define FLAMETOP_ENGINE_COLLECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/core/analyzer.h"
#include "flametop/core/link.h"
#include "flametop/core/picture.h"
#include "flametop/core/source.h"

struct span_sink;           /* core/span.h */
struct trace_store;         /* trace/store.h */
struct trace_store_options; /* trace/store.h */

/* Sees every batch as it is stored: a recorder. Engine thread. */
struct collector_tap {
    void *context;
    void (*batch)(void *context, const char *source, const struct batch *batch);
};

struct collector_options {
    struct catalog *catalog;
    struct roots roots;
    struct clock clock;
    int64_t interval_ns;
    bool network_filesystems; /* ask them for their use, too */
    size_t history_bytes;     /* of sealed chunks, all sources together; the oldest go first */
    const struct source *const *sources;
    size_t source_count;
    const struct analyzer *const *analyzers;
    size_t analyzer_count;
    struct collector_tap tap; /* optional */
    const char *target;       /* what is looked at, when it is not this machine: no host is read */
    const struct trace_store_options *traces; /* NULL: none are received or shown */
};

struct collector;

/* Tells the catalog the metrics of these sources and of the collector itself: what a collector will
 * bring, for those who must know names before there is one (configuration, manual). */
void collector_describe(struct catalog *catalog, const struct source *const *sources,
                        size_t source_count);

struct collector *collector_new(const struct collector_options *options);
void collector_free(struct collector *collector);

/* Changes what sources are asked for, from the next poll on. */
void collector_set_interest(struct collector *collector, const struct interest *interest);
void collector_set_interval(struct collector *collector, int64_t interval_ns);

/* Begins a tick. */
void collector_begin(struct collector *collector);

/* Polls for about 5 ms; true when the tick is complete. */
bool collector_step(struct collector *collector);

/* Stores the tick, runs the analyzers and answers the picture, with one reference for the caller.
 * `missed` ticks since the last are added to the picture's count. NULL when out of memory. */
struct picture *collector_finish(struct collector *collector, uint64_t missed);

/* begin, step until complete, finish. */
struct picture *collector_tick(struct collector *collector);

/* What a link brings (core/link.h), between ticks or in the midst of one. All copy. */
void collector_add_source(struct collector *collector, const struct source *source);
void collector_add_chunk(struct collector *collector, const char *source, struct chunk *chunk);
void collector_add_kept(struct collector *collector, const struct kept_part *part);
void collector_add_trace(struct collector *collector, const void *bytes, size_t n);
void collector_set_host(struct collector *collector, const struct host *host);

/* Another machine's clock from now on: readings of our own made so far are forgotten, as their
 * times mean nothing there. */
void collector_set_clock(struct collector *collector, const struct clock *clock);

/* Findings made elsewhere, in place of the analyzers'; NULL: judge here again. */
void collector_set_findings(struct collector *collector, const struct finding *findings,
                            size_t count, const char *looked_at, const char *not_looked_at);

/* Put into each picture from now on; NULL: none. */
void collector_set_link(struct collector *collector, const struct link_status *status);

/* Where receivers put spans, between ticks, on the engine's thread; each picture has the traces
 * that are done (picture->traces). `span` is NULL when the collector keeps no traces. Valid as long
 * as the collector. */
struct span_sink collector_span_sink(struct collector *collector);

/* The store of traces, the collector's; NULL when it keeps none. */
struct trace_store *collector_traces(struct collector *collector);

void collector_set_tap(struct collector *collector, const struct collector_tap *tap);

/* A reading that the program makes of itself, delivered by the `self` source with the next tick. */
void collector_report(struct collector *collector, const char *metric, const char *labels,
                      double value);

#endif
