/* What the program measures of itself, as a source of its own: the collector fills its batch. */
#ifndef FLAMETOP_ENGINE_SELF_H
#define FLAMETOP_ENGINE_SELF_H

#include "feed.h"
#include "flametop/core/source.h"

extern const struct source source_self;

/* CPU time, and memory where it is asked for, which takes a read. */
void self_put_process(struct batch *batch, bool memory);

/* What a source that was polled in this tick brought and cost. */
void self_put_feed(struct batch *batch, const struct feed *feed);

struct self_counts {
    uint64_t ticks_missed, pictures_full;
    size_t history_bytes;
    int64_t oldest_ns; /* of the history; INT64_MAX: there is none */
};

void self_put_counts(struct batch *batch, const struct self_counts *counts);

/* Rows of reports from elsewhere in the program (UI); NULL when the name is no such metric. */
const struct metric *self_report_metric(const char *name);

#endif
