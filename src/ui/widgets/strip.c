/* Buckets of time as columns. */
#include "strip.h"

#include <math.h>
#include <stdio.h>

#define HOLD_MAX 32 /* buckets; beyond it nothing is usual */

struct strip_plan
strip_plan(int columns, int64_t span_ns, int64_t bucket_min_ns)
{
    int64_t n = MAX(columns, 1);
    int64_t span = MAX(span_ns, bucket_min_ns);
    int64_t repeat = (bucket_min_ns * n + span - 1) / span;
    repeat = CLAMP(repeat, 1, n);
    return (struct strip_plan){
        .count = (size_t)((n + repeat - 1) / repeat),
        .bucket_ns = MAX(span * repeat / n, bucket_min_ns),
        .repeat = (int)repeat,
    };
}

static const struct bucket *
bucket_at(const struct strip *strip, size_t i)
{
    size_t at = strip->first + i; /* both below count */
    return &strip->ring[at < strip->count ? at : at - strip->count];
}

size_t
strip_hold(const struct strip *strip)
{
    unsigned counts[HOLD_MAX + 1] = {0}, total = 0, seen = 0, readings = 0;
    size_t last = SIZE_MAX;
    for (size_t i = 0; strip->ring != NULL && i < strip->count; i++) {
        if (bucket_at(strip, i)->count == 0) {
            continue;
        }
        if (last != SIZE_MAX) {
            counts[MIN(i - last, (size_t)HOLD_MAX)]++;
            total++;
        }
        last = i;
        readings += bucket_at(strip, i)->count;
    }
    /* About one reading a bucket: now and then one falls just beside its bucket. */
    bool sparse = readings < 2 * (total + 1);
    for (size_t distance = 1; distance < HOLD_MAX && total > 0; distance++) {
        seen += counts[distance];
        if (10 * seen >= 9 * total) {
            return distance > 1 ? distance : sparse ? 1 : 0;
        }
    }
    return 0;
}

struct strip
strip_of(const struct chart *chart, const struct strip_plan *plan)
{
    struct strip strip = {
        .ring = chart->buckets,
        .count = chart->count,
        .first = chart->first,
        .repeat = plan->repeat,
        .half = (chart->last_bucket + 1) * plan->repeat % 2 != 0,
    };
    strip.hold = strip_hold(&strip);
    return strip;
}

const struct bucket *
strip_at(const struct strip *strip, int columns, int x)
{
    if (strip->ring == NULL || strip->count == 0 || x < 0 || x >= columns) {
        return NULL;
    }
    size_t back = (size_t)((columns - 1 - x) / MAX(strip->repeat, 1)) + strip->skip;
    for (size_t i = 0; i <= strip->hold && back + i < strip->count; i++) {
        const struct bucket *bucket = bucket_at(strip, strip->count - 1 - back - i);
        if (bucket->count > 0) {
            return bucket;
        }
    }
    return NULL;
}

double
nice_top(double value)
{
    static const double steps[] = {1, 1.5, 2, 3, 4, 5, 6, 8, 10};
    if (!(value > 0) || !isfinite(value)) {
        return 1;
    }
    double power = pow(10, floor(log10(value)));
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        /* A hair of slack: 0.3 is not above 3 * 0.1. */
        if (value <= steps[i] * power * (1 + 1e-9)) {
            return steps[i] * power;
        }
    }
    return 10 * power;
}

char *
span_text(int64_t span_ns, char dst[SPAN_TEXT])
{
    int64_t s = (span_ns + NS_PER_S / 2) / NS_PER_S;
    static const struct {
        int64_t seconds;
        const char *unit;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
    for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
        int64_t whole = s / units[i].seconds;
        if (whole > 0 && (s % units[i].seconds == 0 || i + 1 == ARRAY_SIZE(units))) {
            snprintf(dst, SPAN_TEXT, "%lld %s", (long long)whole, units[i].unit);
            return dst;
        }
    }
    snprintf(dst, SPAN_TEXT, "0 s");
    return dst;
}
