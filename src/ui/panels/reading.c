/* Metrics on screen. */
#include "reading.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "flametop/base/hash.h"

#define TRAFFIC 1e6 /* bytes a second: a few per cent of it are nobody's concern */
#define REACH 10    /* how much further than the history a line may be drawn */

char *
reading_unit(const struct metric *metric, char dst[READING_UNIT])
{
    snprintf(dst, READING_UNIT, "%.20s%s", metric->unit,
             metric->kind == METRIC_COUNTER ? "/s" : "");
    return dst;
}

bool
reading_open(struct reading *reading, struct catalog *catalog, const char *metric_or_formula,
             const char *labels, const char *unit)
{
    char why[160];
    const struct metric *metric = catalog_metric(catalog, metric_or_formula);
    struct query *query = metric != NULL
                              ? query_new(catalog, metric_or_formula, labels, why, sizeof(why))
                              : query_new_formula(catalog, metric_or_formula, why, sizeof(why));
    *reading = (struct reading){0};
    if (query == NULL) {
        return false;
    }
    chart_init(&reading->chart, query);
    if (metric != NULL) {
        reading->better = metric->better;
        reading->limits = limits_of(catalog, metric);
        reading_unit(metric, reading->unit);
    }
    if (unit != NULL) {
        strlcpy(reading->unit, unit, sizeof(reading->unit));
    }
    return true;
}

void
reading_close(struct reading *reading)
{
    if (reading_is_open(reading)) {
        chart_done(&reading->chart);
    }
    *reading = (struct reading){0};
}

bool
reading_is_open(const struct reading *reading)
{
    return reading->chart.query != NULL;
}

void
reading_update(struct reading *reading, const struct panel_context *context, int cells)
{
    if (!reading_is_open(reading)) {
        return;
    }
    struct chart *chart = &reading->chart;
    int columns = MAX(spark_columns(context->glyphs, cells), 1);
    reading->plan = strip_plan(columns, context->span_ns, STRIP_BUCKET_NS_MIN);
    bool same = chart->count == reading->plan.count && chart->bucket_ns == reading->plan.bucket_ns;
    chart_update(chart, context->picture, reading->plan.count, reading->plan.bucket_ns);
    reading_follow_trend(reading, !same);
}

/* By what the values are measured. */
static double
whole_of(const struct reading *reading)
{
    if (limits_known(&reading->limits)) {
        return fmax(reading->limits.warning, reading->limits.critical);
    }
    return strcmp(reading->unit, "1") == 0 ? 1 : strcmp(reading->unit, "By/s") == 0 ? TRAFFIC : 0;
}

static bool
is_in_reach(const struct reading *reading)
{
    const struct limits *limits = &reading->limits;
    double limit = limits->warning > 0 ? limits->warning : limits->critical;
    bool less = limits->critical > 0 && limits->critical < limits->warning;
    return limit > 0 && (less ? reading->chart.now <= 2 * limit : reading->chart.now >= limit / 2);
}

void
reading_follow_trend(struct reading *reading, bool anew)
{
    const struct chart *chart = &reading->chart;
    if (anew || reading->trend_bucket != chart->last_bucket || reading->trend == TREND_UNKNOWN) {
        reading->trend = chart_trend(chart, whole_of(reading));
        reading->in_reach = is_in_reach(reading);
        reading->trend_bucket = chart->last_bucket;
    }
}

bool
reading_is_present(const struct reading *reading, struct presence *presence,
                   const struct picture *picture)
{
    bool asked =
        presence->picture_number == picture->number && presence->picture_ns == picture->mono_ns;
    if (!presence->is && !asked && reading_is_open(reading)) {
        presence->is = !isnan(query_now(reading->chart.query, picture));
        presence->picture_number = picture->number;
        presence->picture_ns = picture->mono_ns;
    }
    return presence->is;
}

bool
reading_has_data(const struct reading *reading)
{
    if (!reading_is_open(reading)) {
        return false;
    }
    if (!isnan(reading->chart.now)) {
        return true;
    }
    for (size_t i = 0; i < reading->chart.count; i++) {
        if (reading->chart.buckets[i].count > 0) {
            return true;
        }
    }
    return false;
}

enum level
reading_level(const struct reading *reading)
{
    return limits_level(&reading->limits,
                        reading_is_open(reading) ? reading->chart.now : (double)NAN);
}

const char *
reading_trend_word(const struct reading *reading)
{
    return trend_word(reading->trend, reading->in_reach ? reading->better : BETTER_NEITHER);
}

double
reading_top(const char *unit, double max)
{
    if (strcmp(unit, "1") == 0 && !(max > 1)) {
        return 1;
    }
    if (strcmp(unit, "By") != 0 || !(max >= 1024)) {
        return nice_top(max);
    }
    double power = pow(1024, floor(log2(max) / 10));
    return nice_top(max / power) * power;
}

/* Shares may be small: where the whole is not wanted, their scale fits them too. */
static double
nice_scale(const struct reading *reading)
{
    double max = chart_max(&reading->chart);
    return strcmp(reading->unit, "1") == 0 ? nice_top(max) : reading_top(reading->unit, max);
}

struct spark
reading_spark(const struct reading *reading, enum reading_scale scale, uint8_t role)
{
    return (struct spark){
        .strip = strip_of(&reading->chart, &reading->plan),
        .high = scale == READING_SHARE ? 1 : nice_scale(reading),
        .limits = reading->limits,
        .role = role,
    };
}

char *
reading_text(const struct reading *reading, bool ascii, char dst[READING_TEXT])
{
    double now = reading_is_open(reading) ? reading->chart.now : (double)NAN;
    return unit_format(now, reading->unit, ascii, dst, READING_TEXT);
}

double
reading_reaches(const struct reading *reading, double top)
{
    const struct chart *chart = &reading->chart;
    if (reading->trend != TREND_RISING) {
        return (double)NAN;
    }
    const struct chart_sums sums = chart_sums(chart);
    double n = sums.n, common = sums.xy - sums.x * sums.y / n;
    double spread_x = sums.xx - sums.x * sums.x / n, spread_y = sums.yy - sums.y * sums.y / n;
    if (n < 16 || spread_x <= 0 || spread_y <= 0 || common * common < 0.9 * spread_x * spread_y) {
        return (double)NAN;
    }
    double slope = common / spread_x; /* a bucket */
    double buckets = (top - chart->now) / slope;
    return buckets > 0 && buckets <= REACH * n ? buckets * (double)chart->bucket_ns / 1e9
                                               : (double)NAN;
}

uint64_t
picture_signature(const struct picture *picture)
{
    uint64_t signature = hash_u64(picture->track_count);
    for (size_t i = 0; i < picture->track_count; i++) {
        const struct head *head = picture->tracks[i].head;
        signature = hash_mix(signature, head != NULL ? head->layout->serial : 0);
    }
    return signature;
}
