/* Trails of rows. A full list of points halves its resolution: neighbours become one with the
 * larger values, so that no spike vanishes. */
#include "trail.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reading.h"

#define POINTS_MAX 4096
#define BUCKETS_MAX 1024
#define SCALE_WIDTH 14 /* "max 12.3 MB/s" */
#define SPAN_WIDTH 9

bool
trail_init(struct trail *trail)
{
    *trail = (struct trail){.points = calloc(POINTS_MAX, sizeof(struct trail_point))};
    return trail->points != NULL;
}

void
trail_done(struct trail *trail)
{
    free(trail->points);
    *trail = (struct trail){0};
}

static void
thin(struct trail *trail)
{
    for (size_t i = 0; i < POINTS_MAX / 2; i++) {
        const struct trail_point *a = &trail->points[2 * i], *b = a + 1;
        struct trail_point joined = {.mono_ns = b->mono_ns};
        for (int c = 0; c < TRAIL_COLUMNS; c++) {
            joined.values[c] = fmax(a->values[c], b->values[c]);
        }
        trail->points[i] = joined;
    }
    trail->count = POINTS_MAX / 2;
}

static void
add(struct trail *trail, int64_t mono_ns, const double values[TRAIL_COLUMNS])
{
    if (trail->count == POINTS_MAX) {
        thin(trail);
    }
    struct trail_point *point = &trail->points[trail->count++];
    point->mono_ns = mono_ns;
    for (int c = 0; c < TRAIL_COLUMNS; c++) {
        point->values[c] = values[c];
    }
}

static void
recall(struct trail *trail, const struct picture *picture, const struct table_def *def,
       const int columns[TRAIL_COLUMNS], int64_t since_ns)
{
    const struct picture *base = picture->base != NULL ? picture->base : picture;
    int64_t *times = calloc(POINTS_MAX, sizeof(*times));
    double *values = calloc(POINTS_MAX, TRAIL_COLUMNS * sizeof(*values));
    size_t wanted[TRAIL_COLUMNS];
    bool good = times != NULL && values != NULL;
    for (int c = 0; c < TRAIL_COLUMNS; c++) {
        good = good && columns[c] >= 0;
        wanted[c] = (size_t)MAX(columns[c], 0);
    }
    trail->count = 0;
    for (size_t i = 0; i < base->kept_count && good; i++) {
        if (kept_def(base->kept[i]) != def) {
            continue;
        }
        size_t n = kept_row_values(base->kept[i], trail->key, wanted, TRAIL_COLUMNS, since_ns,
                                   picture->mono_ns, times, values, POINTS_MAX);
        for (size_t j = 0; j < n; j++) {
            add(trail, times[j], values + TRAIL_COLUMNS * j);
        }
    }
    free(times);
    free(values);
}

static double
real_at(const struct table_def *def, const union cell *cells, int column)
{
    bool fits = column >= 0 && def->columns[column].type == COLUMN_REAL;
    return fits ? cells[column].real : (double)NAN;
}

void
trail_follow(struct trail *trail, const struct picture *picture, const struct table_def *def,
             const union cell *cells, int64_t key, const int columns[TRAIL_COLUMNS],
             int64_t since_ns)
{
    int64_t now_ns = picture->mono_ns;
    if (key == trail->key && now_ns == trail->watched_ns) {
        return;
    }
    bool moved =
        now_ns < trail->watched_ns || now_ns - trail->watched_ns > 4 * picture->interval_ns;
    bool another = key != trail->key || trail->arrivals != picture->arrivals;
    trail->arrivals = picture->arrivals;
    trail->key = key;
    trail->watched_ns = now_ns;
    if (another || moved) {
        recall(trail, picture, def, columns, since_ns);
    }
    int64_t last_ns = trail->count > 0 ? trail->points[trail->count - 1].mono_ns : 0;
    if (now_ns > last_ns && cells != NULL) {
        double values[TRAIL_COLUMNS];
        for (int c = 0; c < TRAIL_COLUMNS; c++) {
            values[c] = real_at(def, cells, columns[c]);
        }
        add(trail, now_ns, values);
    }
}

/* The shortest of the usual spans that reaches back to the first point: it changes seldom, so
 * charts stay still. */
static int64_t
span_since_first(const struct trail *trail, int64_t now_ns)
{
    static const int64_t minutes[] = {1, 5, 10, 60, 360, 1440};
    int64_t since_ns = trail->count > 0 ? now_ns - trail->points[0].mono_ns : 0;
    size_t i = 0;
    while (i + 1 < ARRAY_SIZE(minutes) && minutes[i] * 60 * NS_PER_S < since_ns) {
        i++;
    }
    return minutes[i] * 60 * NS_PER_S;
}

/* The points as buckets of time aligned to the clock; answers the largest value, at least 0. */
static double
fill_buckets(const struct trail *trail, int column, const struct picture *picture,
             const struct strip_plan *plan, struct bucket *buckets)
{
    double most = 0;
    for (size_t i = 0; i < plan->count; i++) {
        buckets[i] = (struct bucket){.min = NAN, .max = NAN};
    }
    for (size_t i = 0; i < trail->count; i++) {
        double value = trail->points[i].values[column];
        int64_t wall_ns = picture->wall_ns - (picture->mono_ns - trail->points[i].mono_ns);
        int64_t age = picture->wall_ns / plan->bucket_ns - wall_ns / plan->bucket_ns;
        if (isnan(value) || age < 0 || age >= (int64_t)plan->count) {
            continue;
        }
        struct bucket *bucket = &buckets[plan->count - 1 - (size_t)age];
        bucket->min = fminf(bucket->min, (float)value);
        bucket->max = fmaxf(bucket->max, (float)value);
        bucket->sum += (float)value;
        bucket->count++;
        most = fmax(most, value);
    }
    return most;
}

void
trail_draw(const struct trail *trail, const struct panel_context *context, int column,
           const char *label, const char *unit, uint8_t role, struct canvas *canvas,
           struct rect row)
{
    struct bucket buckets[BUCKETS_MAX];
    bool ascii = context->glyphs == GLYPHS_ASCII;
    char scale[32], span[READING_TEXT];
    int64_t span_ns = span_since_first(trail, context->picture->mono_ns);
    int width = (int)strlen(label) + SCALE_WIDTH + SPAN_WIDTH, cells = MAX(row.width - width, 1);
    struct strip_plan plan = strip_plan(MIN(spark_columns(context->glyphs, cells), BUCKETS_MAX),
                                        span_ns, STRIP_BUCKET_NS_MIN);
    double most = fill_buckets(trail, column, context->picture, &plan, buckets);
    unit_format(most, unit, ascii, scale, sizeof(scale));
    canvas_printf(canvas, row.x, row.y, MIN(width, row.width), (struct style){.fg = ROLE_DIM},
                  "%smax %-9s %-8s", label, scale, span_text(span_ns, span));
    if (row.width <= width) {
        return;
    }
    struct spark spark = {.strip = {buckets, plan.count, 0, plan.repeat, 0, 0},
                          .high = reading_top(unit, most),
                          .role = role};
    spark.strip.hold = strip_hold(&spark.strip);
    spark_draw(canvas, (struct rect){row.x + width, row.y, cells, 1}, &spark);
}
