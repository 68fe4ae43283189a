/* Charts. The ring's newest bucket is at index count - 1; moving on by k buckets clears k oldest
 * ones. */
#include "flametop/core/chart.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"

#define POINTS_A_TURN 1024
#define NOTHING 0.03 /* of a scale */
#define LATE_NS (120 * NS_PER_S)

void
chart_init(struct chart *chart, struct query *query)
{
    *chart = (struct chart){.query = query, .now = NAN};
}

void
chart_done(struct chart *chart)
{
    query_free(chart->query);
    free(chart->buckets);
    *chart = (struct chart){0};
}

static void
bucket_clear(struct bucket *bucket)
{
    *bucket = (struct bucket){.min = NAN, .max = NAN};
}

static struct bucket *
bucket_at(const struct chart *chart, size_t i)
{
    assert(chart->buckets != NULL && chart->count > 0);
    return &chart->buckets[(chart->first + i) % chart->count];
}

const struct bucket *
chart_bucket(const struct chart *chart, size_t i)
{
    return bucket_at(chart, i);
}

static void
take(struct chart *chart, int64_t wall_ns, double value)
{
    int64_t age = chart->last_bucket - wall_ns / chart->bucket_ns;
    if (isnan(value) || age < 0 || age >= (int64_t)chart->count) {
        return;
    }
    struct bucket *bucket = bucket_at(chart, chart->count - 1 - (size_t)age);
    float v = (float)value;
    bucket->min = fminf(bucket->min, v);
    bucket->max = fmaxf(bucket->max, v);
    bucket->sum += v;
    bucket->count++;
}

static bool
start_anew(struct chart *chart, const struct picture *picture, size_t count, int64_t bucket_ns)
{
    if (chart->count != count) {
        struct bucket *buckets = reallocarray(chart->buckets, count, sizeof(*buckets));
        if (buckets == NULL) {
            return false;
        }
        chart->buckets = buckets;
        chart->count = count;
    }
    for (size_t i = 0; i < count; i++) {
        bucket_clear(&chart->buckets[i]);
    }
    chart->first = 0;
    chart->now = NAN;
    chart->now_ns = 0;
    chart->bucket_ns = bucket_ns;
    chart->last_bucket = picture->wall_ns / bucket_ns;
    chart->seen_ns = chart->taken_ns = picture->mono_ns - (int64_t)count * bucket_ns;
    return true;
}

static void
move_on(struct chart *chart, int64_t last_bucket)
{
    int64_t steps = MIN(last_bucket - chart->last_bucket, (int64_t)chart->count);
    for (int64_t i = 0; i < steps; i++) {
        bucket_clear(bucket_at(chart, 0));
        chart->first = (chart->first + 1) % chart->count;
    }
    chart->last_bucket = last_bucket;
}

/* What is read elsewhere comes later than it was read, so those of before the last picture count as
 * well. In turns, so that a week's do not need a week's memory. */
static void
take_new(struct chart *chart, const struct picture *picture)
{
    struct point *points = malloc(POINTS_A_TURN * sizeof(*points));
    int64_t step = MAX(picture->interval_ns, NS_PER_S / 10) * (POINTS_A_TURN / 4);
    int64_t late = MAX(chart->taken_ns, chart->seen_ns - LATE_NS);
    int64_t from = MAX(late, picture_oldest(picture) - 1);
    while (points != NULL && from < picture->mono_ns) {
        int64_t to = MIN(from + step, picture->mono_ns);
        size_t n = query_points(chart->query, picture, from, to, points, POINTS_A_TURN);
        for (size_t i = 0; i < n; i++) {
            take(chart, picture_wall(picture, points[i].mono_ns), points[i].value);
            chart->taken_ns = points[i].mono_ns;
            if (!isnan(points[i].value)) {
                chart->now = points[i].value;
                chart->now_ns = points[i].mono_ns;
            }
        }
        from = to;
    }
    free(points);
    chart->seen_ns = picture->mono_ns;
}

void
chart_update(struct chart *chart, const struct picture *picture, size_t count, int64_t bucket_ns)
{
    count = MAX(count, (size_t)1);
    bucket_ns = MAX(bucket_ns, NS_PER_MS);
    bool same = chart->buckets != NULL && chart->count == count && chart->bucket_ns == bucket_ns;
    if (same && chart->seen_ns == picture->mono_ns && chart->picture_number == picture->number) {
        return;
    }
    int64_t last_bucket = picture->wall_ns / bucket_ns;
    bool back = chart->seen_ns > picture->mono_ns || chart->last_bucket > last_bucket;
    bool filled = chart->arrivals != picture->arrivals;
    chart->arrivals = picture->arrivals;
    if (!same || back || filled) {
        if (!start_anew(chart, picture, count, bucket_ns)) {
            return;
        }
    } else {
        move_on(chart, last_bucket);
    }
    chart->picture_number = picture->number;
    take_new(chart, picture);
    /* A reading of just now needs no second look; an older one may be too old to stand for now. */
    if (chart->now_ns < picture->mono_ns - picture->interval_ns) {
        chart->now = query_now(chart->query, picture);
    }
}

double
chart_max(const struct chart *chart)
{
    double max = NAN;
    for (size_t i = 0; i < chart->count; i++) {
        max = fmax(max, (double)chart->buckets[i].max);
    }
    return max;
}

double
chart_mean(const struct chart *chart)
{
    double sum = 0;
    uint64_t count = 0;
    for (size_t i = 0; i < chart->count; i++) {
        sum += (double)chart->buckets[i].sum;
        count += chart->buckets[i].count;
    }
    return count > 0 ? sum / (double)count : NAN;
}

struct chart_sums
chart_sums(const struct chart *chart)
{
    struct chart_sums sums = {0};
    for (size_t i = 0; i < chart->count; i++) {
        const struct bucket *bucket = bucket_at(chart, i);
        if (bucket->count > 0) {
            double x = (double)i, y = (double)bucket->sum / bucket->count;
            sums.n++;
            sums.x += x;
            sums.y += y;
            sums.xx += x * x;
            sums.xy += x * y;
            sums.yy += y * y;
        }
    }
    return sums;
}

enum trend
chart_trend(const struct chart *chart, double scale)
{
    const struct chart_sums sums = chart_sums(chart);
    double n = sums.n;
    if (n < 8) {
        return TREND_UNKNOWN;
    }
    double mean = sums.y / n, spread = sums.xx - sums.x * sums.x / n;
    double slope = spread > 0 ? (sums.xy - sums.x * sums.y / n) / spread : 0;
    double variance = fmax(0, sums.yy / n - mean * mean);
    double change = slope * n, noise = sqrt(fmax(0, variance - slope * slope * spread / n));
    double level = fmax(fabs(mean), 1e-12), nothing = NOTHING * scale;
    /* A change counts when it is a tenth of the level and stands out of the noise. */
    if (fabs(change) > fmax(0.1 * level, nothing) && fabs(change) > 1.5 * noise) {
        return change > 0 ? TREND_RISING : TREND_FALLING;
    }
    return noise > 0.5 * level && level > nothing ? TREND_VOLATILE : TREND_STABLE;
}

const char *
trend_word(enum trend trend, enum metric_better better)
{
    switch (trend) {
    case TREND_STABLE:
        return "stable";
    case TREND_VOLATILE:
        return "volatile";
    case TREND_RISING:
        return better == BETTER_LOWER    ? "degrading"
               : better == BETTER_HIGHER ? "improving"
                                         : "rising";
    case TREND_FALLING:
        return better == BETTER_LOWER    ? "improving"
               : better == BETTER_HIGHER ? "degrading"
                                         : "falling";
    case TREND_UNKNOWN:
    default:
        return "";
    }
}
