/* Names and histograms as Prometheus has them. */
#ifndef FLAMETOP_SRC_EXPORT_PROMETHEUS_H
#define FLAMETOP_SRC_EXPORT_PROMETHEUS_H

#include "flametop/core/histogram.h"
#include "flametop/core/metric.h"

#define PROMETHEUS_NAME_BYTES 192

/* The metric's family by OpenTelemetry's rules: system.disk.io in By is system_disk_io_bytes; the
 * lines of a counter add _total. A gauge's name never ends as those of counters and histograms do
 * (_total, _count, _sum, _bucket). Answers dst. */
char *prometheus_name(const struct metric *metric, char dst[PROMETHEUS_NAME_BYTES]);

/* The lines of one histogram: cumulative buckets whose bounds are powers of 2^(1/4), exact because
 * each is a bound of scale 6 too, _sum and _count. `labels` as in series.labels. */
void prometheus_histogram(struct buf *out, const char *name, const char *labels,
                          const struct histogram *histogram);

#endif
