/* What the program measures of itself, as a source of its own: the collector fills its batch. */
#ifndef FLAMETOP_ENGINE_SELF_H
#define FLAMETOP_ENGINE_SELF_H

#include "flametop/core/source.h"

extern const struct source source_self;

/* Rows of the metrics that the collector sets. */
enum self_metric {
    SELF_CPU_TIME,
    SELF_MEMORY,
    SELF_SAMPLES,
    SELF_DURATION,
    SELF_SOURCE_CPU,
    SELF_ERRORS,
    SELF_REJECTED,
    SELF_DROPPED,
    SELF_TICKS_MISSED,
    SELF_SERIES,
    SELF_SERIES_REFUSED,
    SELF_PICTURES_FULL,
    SELF_HISTORY_BYTES,
    SELF_HISTORY_REACH,
};

const struct metric *self_metric(enum self_metric which);

/* Rows of reports from elsewhere in the program (UI); NULL when the name is no such metric. */
const struct metric *self_report_metric(const char *name);

#endif
