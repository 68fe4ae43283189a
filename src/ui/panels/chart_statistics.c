/* Statistics of what a chart shows. They are of the readings, as buckets know no percentiles. */
#include "chart_statistics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "flametop/base/macros.h"
#include "flametop/base/numbers.h"
#include "flametop/base/utf8.h"
#include "reading.h"

#define POINTS_MAX 16384
#define FEW 16 /* so few readings are looked at anew each time: the next one matters */
#define VALUE_WIDTH_MIN 9

struct entry {
    char label[16];
    double value; /* NaN: unknown */
};

void
chart_statistics_begin(struct chart_statistics *statistics, struct catalog *catalog,
                       const struct metric *metric)
{
    static const double usual[] = {95, 99};
    struct metric_settings settings = {0};
    if (metric != NULL) {
        settings = catalog_settings(catalog, metric);
    }
    bool own = settings.percentile_count > 0;
    *statistics = (struct chart_statistics){.percent_count = own ? settings.percentile_count
                                                                 : ARRAY_SIZE(usual)};
    for (size_t i = 0; i < statistics->percent_count; i++) {
        statistics->percents[i] = own ? settings.percentiles[i] : usual[i];
    }
}

static void
make(struct chart_statistics *statistics, const struct point *points, size_t n)
{
    double *values = calloc(MAX(n, (size_t)1), sizeof(*values)), sum = 0;
    size_t count = 0;
    for (size_t i = 0; values != NULL && i < n; i++) {
        if (!isnan(points[i].value)) {
            sum += values[count++] = points[i].value;
        }
    }
    statistics->count = count;
    if (count > 0) {
        numbers_sort(values, count);
        statistics->min = values[0];
        statistics->mean = sum / (double)count;
        statistics->max = values[count - 1];
        for (size_t i = 0; i < statistics->percent_count; i++) {
            statistics->percentiles[i] = numbers_percentile(values, count, statistics->percents[i]);
        }
    }
    free(values);
}

void
chart_statistics_update(struct chart_statistics *statistics, const struct chart *chart,
                        const struct picture *picture, size_t shown, size_t skip)
{
    if (statistics->last_bucket == chart->last_bucket &&
        statistics->bucket_ns == chart->bucket_ns && statistics->skip == skip &&
        statistics->count > FEW) {
        return;
    }
    statistics->last_bucket = chart->last_bucket;
    statistics->bucket_ns = chart->bucket_ns;
    statistics->skip = skip;
    struct point *points = calloc(POINTS_MAX, sizeof(*points));
    if (points == NULL) {
        return;
    }
    int64_t to_ns = picture->mono_ns - (int64_t)skip * chart->bucket_ns;
    int64_t from_ns = to_ns - (int64_t)shown * chart->bucket_ns;
    make(statistics, points,
         query_points(chart->query, picture, from_ns, to_ns, points, POINTS_MAX));
    free(points);
}

static size_t
entries_of(const struct chart_statistics *statistics,
           struct entry entries[METRIC_PERCENTILES_MAX + 3])
{
    bool known = statistics->count > 0;
    size_t n = 0;
    entries[n++] = (struct entry){"min", known ? statistics->min : (double)NAN};
    entries[n++] = (struct entry){"mean", known ? statistics->mean : (double)NAN};
    for (size_t i = 0; i < statistics->percent_count; i++, n++) {
        double percent = statistics->percents[i], tail = fmin(percent, 100 - percent);
        /* So few readings that none lies beyond it say nothing of a percentile. */
        bool meant = known && (double)statistics->count * tail >= (tail > 0 ? 100 : 0) - 1e-9;
        entries[n].value = meant ? statistics->percentiles[i] : (double)NAN;
        snprintf(entries[n].label, sizeof(entries[n].label), "p%.6g", percent);
    }
    entries[n++] = (struct entry){"max", known ? statistics->max : (double)NAN};
    return n;
}

void
chart_statistics_draw(const struct chart_statistics *statistics, const char *unit, bool ascii,
                      struct canvas *canvas, int x, int y, int width)
{
    struct entry entries[METRIC_PERCENTILES_MAX + 3];
    size_t count = entries_of(statistics, entries);
    int end = x + width;
    for (size_t i = 0; i < count; i++) {
        char text[READING_TEXT];
        struct str label = str_from(entries[i].label);
        struct str value = str_from(unit_format(entries[i].value, unit, ascii, text, sizeof(text)));
        int cells = (int)label.n + 1 + MAX((int)utf8_text_width(value), VALUE_WIDTH_MIN) + 2;
        if (x + cells > end) {
            break;
        }
        int n = canvas_text(canvas, x, y, cells, label, (struct style){.fg = ROLE_DIM});
        canvas_text(canvas, x + n + 1, y, cells - n - 1, value, (struct style){.fg = ROLE_TEXT});
        x += cells;
    }
}
