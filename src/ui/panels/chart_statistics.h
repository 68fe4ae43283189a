/* The statistics of the readings a chart shows: the least, the mean, percentiles, the most. */
#ifndef FLAMETOP_SRC_UI_PANELS_CHART_STATISTICS_H
#define FLAMETOP_SRC_UI_PANELS_CHART_STATISTICS_H

#include "flametop/core/chart.h"
#include "flametop/core/metric.h"
#include "flametop/ui/canvas.h"

struct chart_statistics {
    double percents[METRIC_PERCENTILES_MAX]; /* 95 and 99, or the user's */
    size_t percent_count;
    size_t count; /* of readings; 0: what follows means nothing */
    double min, mean, max;
    double percentiles[METRIC_PERCENTILES_MAX]; /* of `percents` */
    int64_t last_bucket, bucket_ns;             /* of the chart they were made of */
    size_t skip;
};

/* None yet, of this metric; NULL: of a formula. */
void chart_statistics_begin(struct chart_statistics *statistics, struct catalog *catalog,
                            const struct metric *metric);

/* Of the readings in `shown` buckets of a chart, before the newest `skip`; made anew once a
 * bucket. */
void chart_statistics_update(struct chart_statistics *statistics, const struct chart *chart,
                             const struct picture *picture, size_t shown, size_t skip);

/* On one line, as many as there is room for. Percentiles of too few readings are unknown. */
void chart_statistics_draw(const struct chart_statistics *statistics, const char *unit, bool ascii,
                           struct canvas *canvas, int x, int y, int width);

#endif
