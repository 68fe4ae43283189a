/* Readings from outside, folded onto the tick: of gauges the last, counters summed, histograms
 * merged, sets counted. What nobody can bound is bounded here: series, streams, members, labels.
 *
 * A series is a metric of ours with its labels; a stream what one sender says of it. Several
 * processes of one service are several streams of one series: their counters are added. */
#ifndef FLAMETOP_SRC_RECEIVERS_FOLD_H
#define FLAMETOP_SRC_RECEIVERS_FOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "flametop/base/clock.h"
#include "flametop/core/batch.h"
#include "flametop/core/span.h"

#define FOLD_SERIES_MAX 4096
#define FOLD_METRIC_SERIES_MAX 512 /* of one metric */
#define FOLD_STREAMS_MAX 16384
#define FOLD_MEMBERS_MAX 4096 /* of one set in one tick */
#define FOLD_LABELS_MAX 8
#define FOLD_GAUGE_NS (300 * NS_PER_S) /* so long the last value of a gauge stands */

struct fold;

/* Metrics are defined in the catalog, which outlives it. `since_ns`: Unix time; counters that began
 * later are counted from zero. NULL when out of memory. */
struct fold *fold_new(struct catalog *catalog, int64_t since_ns);
void fold_free(struct fold *fold);

/* False: it has no name, is no number, or a bound leaves no room for it. */
bool fold_reading(struct fold *fold, const struct measurement *reading, int64_t mono_ns);

/* Puts what was folded since the last call into the batch, at its time. */
void fold_put(struct fold *fold, struct batch *batch);

size_t fold_series_count(const struct fold *fold);

/* ---- names ---- */

#define FOLD_NAME_BYTES 128

/* A metric's name as ours are: small letters, digits, dots and underscores; those of the mission
 * that we call otherwise are renamed. False when nothing is left. */
bool fold_name(struct str raw, char dst[FOLD_NAME_BYTES]);

/* The unit it is kept in, at most size - 1 bytes, and what a value in the given one is multiplied
 * by. */
void fold_unit(struct str raw, char *dst, size_t size, double *ret_scale);

#endif
