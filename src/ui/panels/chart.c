/* The chart of one metric over the whole screen: axes, thresholds, the statistics of what is shown,
 * a cursor, and beneath it the parts the metric is made of.
 *
 * Looking back keeps the same chart with more buckets and leaves out the newest ones, so that live
 * and panned are drawn alike. */
#include "chart.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../widgets/card.h"
#include "flametop/base/utf8.h"
#include "flametop/ui/term.h"
#include "reading.h"

#define NAME_BYTES 128
#define LABELS_BYTES 1024 /* more than sources write: what is cut is another series */
#define PARTS_MAX 256
#define POINTS_MAX 16384
#define BUCKETS_MAX 4096 /* shown and looked back over */
#define AXIS_WIDTH 12
#define CHART_HEIGHT_MIN 4
#define TICK_WIDTH 16
#define ZOOM_MAX 8
#define SPAN_NS_MAX (INT64_C(366) * 86400 * NS_PER_S)
#define VALUE_WIDTH 12

struct part {
    char title[96], labels[LABELS_BYTES + 96];
    struct reading reading;
};

struct statistics {
    double min, mean, max;
    double percentiles[METRIC_PERCENTILES_MAX]; /* of the panel's */
    size_t count;
};

struct chart_panel {
    struct catalog *catalog;
    char metric[NAME_BYTES], labels[LABELS_BYTES];
    const struct metric *row; /* NULL: a formula */
    struct reading reading;
    int zoom;               /* the span is halved so often */
    int64_t end_wall_ns;    /* of what is shown; 0: now */
    int cursor;             /* cells from the right end; -1: none */
    int columns;            /* cells of the chart, as last drawn */
    struct rect parts_area; /* rows of parts, as last drawn */

    struct part *parts;
    size_t part_count, selected, top;
    char part_label[64];
    uint64_t signature;

    double percentiles[METRIC_PERCENTILES_MAX]; /* 95 and 99, or the user's */
    size_t percentile_count;
    struct statistics statistics;
    int64_t stats_bucket, stats_bucket_ns;
    size_t stats_skip;
};

static const struct style style_dim = {ROLE_DIM, 0, 0};
static const struct style style_text = {ROLE_TEXT, 0, 0};

static void *
chart_open(struct catalog *catalog)
{
    struct chart_panel *chart = calloc(1, sizeof(*chart));
    if (chart != NULL) {
        chart->catalog = catalog;
        chart->cursor = -1;
    }
    return chart;
}

static void
parts_close(struct chart_panel *chart)
{
    for (size_t i = 0; i < chart->part_count; i++) {
        reading_close(&chart->parts[i].reading);
    }
    free(chart->parts);
    chart->parts = NULL;
    chart->part_count = 0;
}

static void
chart_close(void *state)
{
    struct chart_panel *chart = state;
    if (chart != NULL) {
        parts_close(chart);
        reading_close(&chart->reading);
        free(chart);
    }
}

static void
choose_percentiles(struct chart_panel *chart)
{
    static const double usual[] = {95, 99};
    struct metric_settings settings = {0};
    if (chart->row != NULL) {
        settings = catalog_settings(chart->catalog, chart->row);
    }
    bool own = settings.percentile_count > 0;
    chart->percentile_count = own ? settings.percentile_count : ARRAY_SIZE(usual);
    for (size_t i = 0; i < chart->percentile_count; i++) {
        chart->percentiles[i] = own ? settings.percentiles[i] : usual[i];
    }
}

/* "METRIC LABELS"; a formula has no labels and may hold blanks. */
static bool
show(struct chart_panel *chart, const char *argument)
{
    struct str rest = str_from(argument), name;
    if (!str_word(&rest, &name)) {
        return false;
    }
    parts_close(chart);
    reading_close(&chart->reading);
    str_copy(name, chart->metric, sizeof(chart->metric));
    chart->row = catalog_metric(chart->catalog, chart->metric);
    choose_percentiles(chart);
    if (chart->row == NULL) {
        str_copy(str_trim(str_from(argument)), chart->metric, sizeof(chart->metric));
        rest.n = 0;
    }
    str_copy(str_trim(rest), chart->labels, sizeof(chart->labels));
    chart->zoom = 0;
    chart->end_wall_ns = 0;
    chart->cursor = -1;
    chart->selected = chart->top = 0;
    chart->signature = 0;
    chart->stats_bucket = 0;
    return reading_open(&chart->reading, chart->catalog, chart->metric, chart->labels, NULL);
}

/* ---- parts ---- */

/* The metric's first label that is left open. */
static bool
open_label(const struct chart_panel *chart, char *dst, size_t size)
{
    struct str rest = str_from(chart->row != NULL ? chart->row->labels : ""), key, value;
    while (str_word(&rest, &key)) {
        str_copy(key, dst, size);
        if (!labels_get(chart->labels, dst, &value)) {
            return true;
        }
    }
    return false;
}

static void
part_open(struct chart_panel *chart, struct part *part, const char *value)
{
    utf8_clean(str_from(value), part->title, sizeof(part->title));
    strlcpy(part->labels, chart->labels, sizeof(part->labels));
    labels_add(part->labels, sizeof(part->labels), chart->part_label, str_from(value));
    reading_open(&part->reading, chart->catalog, chart->metric, part->labels, NULL);
}

static void
parts_refresh(struct chart_panel *chart, const struct picture *picture)
{
    uint64_t signature = picture_signature(picture);
    if (signature == chart->signature) {
        return;
    }
    chart->signature = signature;
    parts_close(chart);
    if (!open_label(chart, chart->part_label, sizeof(chart->part_label))) {
        return;
    }
    const char *values[PARTS_MAX];
    struct arena arena;
    arena_init(&arena, 1 << 20);
    size_t count =
        query_label_values(picture, chart->metric, chart->part_label, &arena, values, PARTS_MAX);
    chart->parts = count > 1 ? calloc(count, sizeof(*chart->parts)) : NULL;
    chart->part_count = chart->parts != NULL ? count : 0;
    for (size_t i = 0; i < chart->part_count; i++) {
        part_open(chart, &chart->parts[i], values[i]);
    }
    arena_done(&arena);
}

/* ---- the window ---- */

static int64_t
span_of(const struct chart_panel *chart, const struct panel_context *context)
{
    int64_t span =
        chart->zoom >= 0 ? context->span_ns >> chart->zoom : context->span_ns << -chart->zoom;
    return CLAMP(span, 5 * STRIP_BUCKET_NS_MIN, SPAN_NS_MAX);
}

/* Newest buckets that are left out. */
static size_t
skip_of(const struct chart_panel *chart, const struct picture *picture,
        const struct strip_plan *plan)
{
    if (chart->end_wall_ns == 0 || chart->end_wall_ns >= picture->wall_ns) {
        return 0;
    }
    int64_t skip = picture->wall_ns / plan->bucket_ns - chart->end_wall_ns / plan->bucket_ns;
    return (size_t)CLAMP(skip, 0, BUCKETS_MAX - (int64_t)plan->count);
}

static struct strip
update(struct chart_panel *chart, const struct panel_context *context, int cells)
{
    struct reading *reading = &chart->reading;
    reading->plan =
        strip_plan(MAX(spark_columns(context->glyphs, cells), 1), span_of(chart, context));
    size_t skip = skip_of(chart, context->picture, &reading->plan);
    /* In steps, so that going on back does not begin anew each time. */
    size_t count = reading->plan.count;
    while (count < reading->plan.count + skip) {
        count += reading->plan.count;
    }
    chart_update(&reading->chart, context->picture, count, reading->plan.bucket_ns);
    struct strip strip = strip_of(&reading->chart, &reading->plan);
    strip.skip = skip;
    strip.half = false; /* the cursor and the axis count from the right end */
    reading_follow_trend(reading, false);
    return strip;
}

static int
compare_doubles(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* Nearest rank. */
static double
quantile(const double *sorted, size_t n, double q)
{
    size_t rank = (size_t)ceil(q * (double)n);
    return sorted[CLAMP(rank, (size_t)1, n) - 1];
}

static struct statistics
statistics_of(const struct chart_panel *chart, const struct point *points, size_t n)
{
    struct statistics statistics = {.min = NAN, .mean = NAN, .max = NAN};
    double *values = calloc(MAX(n, (size_t)1), sizeof(*values)), sum = 0;
    size_t count = 0;
    for (size_t i = 0; values != NULL && i < n; i++) {
        if (!isnan(points[i].value)) {
            sum += values[count++] = points[i].value;
        }
    }
    if (count > 0) {
        qsort(values, count, sizeof(*values), compare_doubles);
        statistics = (struct statistics){.min = values[0],
                                         .mean = sum / (double)count,
                                         .max = values[count - 1],
                                         .count = count};
        for (size_t i = 0; i < chart->percentile_count; i++) {
            statistics.percentiles[i] = quantile(values, count, chart->percentiles[i] / 100);
        }
    }
    free(values);
    return statistics;
}

/* Of the readings shown; made anew once a bucket. */
static void
update_statistics(struct chart_panel *chart, const struct picture *picture,
                  const struct strip *strip)
{
    const struct chart *buckets = &chart->reading.chart;
    if (chart->stats_bucket == buckets->last_bucket &&
        chart->stats_bucket_ns == buckets->bucket_ns && chart->stats_skip == strip->skip &&
        chart->statistics.count > 16) {
        return;
    }
    chart->stats_bucket = buckets->last_bucket;
    chart->stats_bucket_ns = buckets->bucket_ns;
    chart->stats_skip = strip->skip;
    struct point *points = calloc(POINTS_MAX, sizeof(*points));
    if (points == NULL) {
        return;
    }
    int64_t to = picture->mono_ns - (int64_t)strip->skip * buckets->bucket_ns;
    int64_t from = to - (int64_t)chart->reading.plan.count * buckets->bucket_ns;
    size_t n = query_points(buckets->query, picture, from, to, points, POINTS_MAX);
    chart->statistics = statistics_of(chart, points, n);
    free(points);
}

/* ---- drawing ---- */

static double
top_of(const struct chart_panel *chart)
{
    return reading_top(chart->reading.unit, chart_max(&chart->reading.chart));
}

static char *
value_text(const struct chart_panel *chart, const struct panel_context *context, double value,
           char dst[READING_TEXT])
{
    return unit_format(value, chart->reading.unit, context->glyphs == GLYPHS_ASCII, dst,
                       READING_TEXT);
}

/* Wall time of the bucket of a column, counted in cells from the right. */
static int64_t
wall_at(const struct chart_panel *chart, const struct panel_context *context,
        const struct strip *strip, int back)
{
    const struct chart *buckets = &chart->reading.chart;
    int per_cell = context->glyphs == GLYPHS_BRAILLE ? 2 : 1;
    int64_t bucket = buckets->last_bucket - (int64_t)strip->skip -
                     (int64_t)(back * per_cell) / MAX(strip->repeat, 1);
    return bucket * buckets->bucket_ns;
}

/* The same between the buckets: marks that are equally far apart say so, also where a bucket is
 * wider than a cell. */
static int64_t
wall_between(const struct chart_panel *chart, const struct panel_context *context,
             const struct strip *strip, int back)
{
    int per_cell = context->glyphs == GLYPHS_BRAILLE ? 2 : 1;
    return wall_at(chart, context, strip, 0) -
           chart->reading.chart.bucket_ns * back * per_cell / MAX(strip->repeat, 1);
}

static char *
time_text(int64_t wall_ns, const char *format, char dst[READING_TEXT])
{
    time_t at = (time_t)(wall_ns / NS_PER_S);
    struct tm local;
    dst[0] = '\0';
    if (localtime_r(&at, &local) != NULL) {
        strftime(dst, READING_TEXT, format, &local);
    }
    return dst;
}

static void
draw_value_axis(const struct chart_panel *chart, const struct panel_context *context,
                struct canvas *canvas, struct rect area, double top)
{
    int steps = area.height >= 12 ? 4 : 2;
    for (int i = 0; i <= steps; i++) {
        char text[READING_TEXT];
        int y = area.y + (area.height - 1) * i / steps;
        value_text(chart, context, top * (steps - i) / steps, text);
        canvas_text_right(canvas, area.x - AXIS_WIDTH, y, AXIS_WIDTH - 2, str_from(text),
                          style_dim);
        canvas_put(canvas, area.x - 1, y, 0x2524, style_dim); /* ┤ */
    }
}

static void
draw_limit(struct canvas *canvas, struct rect area, double top, double limit, enum level level)
{
    if (!(limit > 0) || limit > top) {
        return;
    }
    int y = area.y + area.height - 1 - (int)(limit / top * area.height * 0.9999);
    for (int x = 0; x < area.width; x++) {
        canvas_put(canvas, area.x + x, y, 0x2504, (struct style){level_role(level), 0, 0}); /* ┄ */
    }
}

static void
draw_time_axis(const struct chart_panel *chart, const struct panel_context *context,
               struct canvas *canvas, struct rect area, const struct strip *strip)
{
    int64_t shown = (int64_t)chart->reading.plan.count * chart->reading.chart.bucket_ns;
    const char *format = shown > 36 * INT64_C(3600) * NS_PER_S ? "%d %b %H:%M" : "%H:%M:%S";
    int y = area.y + area.height;
    for (int back = 0; back < area.width - 6; back += TICK_WIDTH) {
        char text[READING_TEXT];
        time_text(wall_between(chart, context, strip, back), format, text);
        int width = (int)strlen(text), x = area.x + area.width - back - width;
        if (x >= area.x) {
            canvas_text(canvas, x, y, width, str_from(text), style_dim);
        }
    }
}

static void
draw_statistics(const struct chart_panel *chart, const struct panel_context *context,
                struct canvas *canvas, int x, int y, int width)
{
    const struct statistics *s = &chart->statistics;
    struct {
        char label[16];
        double value;
        bool known;
    } list[METRIC_PERCENTILES_MAX + 3] = {{"min", s->min, s->count > 0},
                                          {"mean", s->mean, s->count > 0}};
    size_t n_list = 2;
    for (size_t i = 0; i < chart->percentile_count; i++, n_list++) {
        double p = chart->percentiles[i], tail = fmin(p, 100 - p);
        snprintf(list[n_list].label, sizeof(list[n_list].label), "p%.6g", p);
        list[n_list].value = s->percentiles[i];
        /* So few readings that none lies beyond it say nothing of a percentile. */
        list[n_list].known = s->count > 0 && (double)s->count * tail >= (tail > 0 ? 100 : 0) - 1e-9;
    }
    memcpy(list[n_list].label, "max", 4);
    list[n_list].value = s->max;
    list[n_list++].known = s->count > 0;
    int end = x + width;
    for (size_t i = 0; i < n_list; i++) {
        char text[READING_TEXT];
        value_text(chart, context, list[i].known ? list[i].value : (double)NAN, text);
        int cells =
            (int)strlen(list[i].label) + 1 + MAX((int)utf8_text_width(str_from(text)), 9) + 2;
        if (x + cells > end) {
            break;
        }
        int n = canvas_text(canvas, x, y, cells, str_from(list[i].label), style_dim);
        canvas_text(canvas, x + n + 1, y, cells - n - 1, str_from(text), style_text);
        x += cells;
    }
}

/* Time and readings under the cursor in the lower edge. */
static void
draw_cursor(struct chart_panel *chart, const struct panel_context *context, struct canvas *canvas,
            struct rect frame, struct rect area, const struct strip *strip)
{
    chart->cursor = MIN(chart->cursor, area.width - 1);
    int x = area.width - 1 - chart->cursor;
    int columns = spark_columns(context->glyphs, area.width);
    int last = context->glyphs == GLYPHS_BRAILLE ? 2 * x + 1 : x;
    const struct bucket *bucket = strip_at(strip, columns, last);
    char when[READING_TEXT], max[READING_TEXT], mean[READING_TEXT], min[READING_TEXT],
        note[5 * READING_TEXT];
    time_text(wall_at(chart, context, strip, chart->cursor), "%H:%M:%S", when);
    value_text(chart, context, bucket != NULL ? (double)bucket->min : (double)NAN, min);
    value_text(chart, context, bucket != NULL ? (double)bucket->sum / bucket->count : (double)NAN,
               mean);
    value_text(chart, context, bucket != NULL ? (double)bucket->max : (double)NAN, max);
    snprintf(note, sizeof(note), "%s  min %s  mean %s  max %s", when, min, mean, max);
    frame_note(canvas, frame, note, false, (struct style){ROLE_VALUE, 0, 0});
    for (int y = 0; y < area.height; y++) {
        canvas_restyle(canvas, (struct rect){area.x + x, area.y + y, 1, 1},
                       (struct style){ROLE_SELECT_FG, ROLE_SELECT_BG, CELL_REVERSE});
    }
    canvas->cursor_x = area.x + x;
    canvas->cursor_y = area.y + area.height - 1;
}

static void
draw_frame(const struct chart_panel *chart, const struct panel_context *context,
           struct canvas *canvas, struct rect area, bool focused)
{
    char title[NAME_BYTES + LABELS_BYTES + 2], labels[LABELS_BYTES], text[READING_TEXT],
        span[READING_TEXT];
    utf8_clean(str_from(chart->labels), labels, sizeof(labels));
    snprintf(title, sizeof(title), "%s%s%s", chart->metric, labels[0] != '\0' ? " " : "", labels);
    frame_draw(canvas, area, title, value_text(chart, context, chart->reading.chart.now, text),
               focused);
    frame_note(canvas, area, span_text(span_of(chart, context), span), true, style_dim);
    if (chart->cursor < 0) {
        char note[64];
        snprintf(note, sizeof(note), "%s", reading_trend_word(&chart->reading));
        frame_note(canvas, area, note, false, style_dim);
    }
}

static void
draw_chart(struct chart_panel *chart, const struct panel_context *context, struct canvas *canvas,
           struct rect area, bool focused)
{
    struct rect plot = {area.x + 1 + AXIS_WIDTH, area.y + 2, area.width - AXIS_WIDTH - 3,
                        area.height - 5};
    chart->columns = plot.width;
    struct strip strip = update(chart, context, plot.width);
    update_statistics(chart, context->picture, &strip);
    draw_frame(chart, context, canvas, area, focused);
    double top = top_of(chart);
    struct spark spark = {
        .strip = strip, .high = top, .limits = chart->reading.limits, .role = ROLE_CHART_1};
    if (chart->row != NULL) {
        canvas_text(canvas, area.x + 2, area.y + 1, area.width - 4, str_from(chart->row->text),
                    style_dim);
    }
    draw_value_axis(chart, context, canvas, plot, top);
    draw_limit(canvas, plot, top, chart->reading.limits.warning, LEVEL_WARNING);
    draw_limit(canvas, plot, top, chart->reading.limits.critical, LEVEL_CRITICAL);
    spark_draw(canvas, plot, &spark);
    draw_time_axis(chart, context, canvas, plot, &strip);
    draw_statistics(chart, context, canvas, area.x + 2, area.y + area.height - 2, area.width - 4);
    if (chart->cursor >= 0) {
        draw_cursor(chart, context, canvas, area, plot, &strip);
    }
}

static void
draw_part(struct chart_panel *chart, const struct panel_context *context, struct canvas *canvas,
          struct part *part, struct rect line, int label, double top)
{
    struct panel_context zoomed = *context;
    zoomed.span_ns = span_of(chart, context);
    int spark = MAX(line.width - label - 2 - 2 * (VALUE_WIDTH + 1), 1);
    reading_update(&part->reading, &zoomed, spark);
    canvas_text(canvas, line.x, line.y, label, str_from(part->title), style_text);
    struct spark chart_line = reading_spark(&part->reading, READING_SHARE, ROLE_CHART_1);
    chart_line.high = top;
    spark_draw(canvas, (struct rect){line.x + label + 1, line.y, spark, 1}, &chart_line);
    char text[READING_TEXT];
    int x = line.x + label + 1 + spark + 1;
    enum level level = reading_level(&part->reading);
    canvas_text_right(
        canvas, x, line.y, VALUE_WIDTH,
        str_from(value_text(chart, context, part->reading.chart.now, text)),
        (struct style){level >= LEVEL_WARNING ? level_role(level) : ROLE_VALUE, 0, 0});
    canvas_text_right(canvas, x + VALUE_WIDTH + 1, line.y, VALUE_WIDTH,
                      str_from(value_text(chart, context, chart_max(&part->reading.chart), text)),
                      style_text);
}

/* The scale all parts share: what the largest had, as far as they were drawn. */
static double
parts_top(const struct chart_panel *chart)
{
    double max = NAN;
    for (size_t i = 0; i < chart->part_count; i++) {
        max = fmax(max, chart_max(&chart->parts[i].reading.chart));
    }
    return reading_top(chart->reading.unit, max);
}

static void
draw_parts(struct chart_panel *chart, const struct panel_context *context, struct canvas *canvas,
           struct rect area, bool focused)
{
    char title[96], count[READING_TEXT];
    snprintf(title, sizeof(title), "By %s", chart->part_label);
    snprintf(count, sizeof(count), "%zu", chart->part_count);
    frame_draw(canvas, area, title, count, false);
    int rows = area.height - 3, x = area.x + 2, width = area.width - 4, label = 8;
    for (size_t i = 0; i < chart->part_count; i++) {
        label = MAX(label, (int)utf8_text_width(str_from(chart->parts[i].title)));
    }
    label = MIN(label, width / 3);
    canvas_text_right(canvas, x + width - 2 * VALUE_WIDTH - 1, area.y + 1, VALUE_WIDTH, STR("NOW"),
                      style_dim);
    canvas_text_right(canvas, x + width - VALUE_WIDTH, area.y + 1, VALUE_WIDTH, STR("MAX"),
                      style_dim);
    chart->parts_area = (struct rect){x, area.y + 2, width, rows};
    size_t page = (size_t)MAX(rows, 1);
    chart->selected = MIN(chart->selected, chart->part_count - 1);
    chart->top = MIN(chart->top, chart->selected);
    chart->top = chart->selected >= chart->top + page ? chart->selected + 1 - page : chart->top;
    double top = parts_top(chart);
    for (size_t i = 0; i < page && chart->top + i < chart->part_count; i++) {
        struct rect line = {x, area.y + 2 + (int)i, width, 1};
        draw_part(chart, context, canvas, &chart->parts[chart->top + i], line, label, top);
        if (focused && chart->top + i == chart->selected) {
            canvas_restyle(canvas, (struct rect){area.x + 1, line.y, area.width - 2, 1},
                           (struct style){ROLE_SELECT_FG, ROLE_SELECT_BG, 0});
        }
    }
}

static void
chart_draw(void *state, const struct panel_context *context, struct canvas *canvas,
           struct rect area, bool focused)
{
    struct chart_panel *chart = state;
    struct rect clip = canvas_clip(canvas, area);
    parts_refresh(chart, context->picture);
    int parts =
        chart->part_count > 0 ? (int)MIN(chart->part_count + 3, (size_t)area.height * 2 / 5) : 0;
    if (parts < 4 || area.height - parts < CHART_HEIGHT_MIN + 5) {
        parts = 0;
    }
    chart->parts_area = (struct rect){0, 0, 0, 0};
    draw_chart(chart, context, canvas,
               (struct rect){area.x, area.y, area.width, area.height - parts}, focused);
    if (parts > 0) {
        draw_parts(chart, context, canvas,
                   (struct rect){area.x, area.y + area.height - parts, area.width, parts}, focused);
    }
    canvas_unclip(canvas, clip);
}

static bool
chart_has_data(void *state, const struct panel_context *context)
{
    struct chart_panel *chart = state;
    if (!reading_is_open(&chart->reading)) {
        return false;
    }
    update(chart, context, MAX(chart->columns, 1));
    return reading_has_data(&chart->reading);
}

/* ---- commands ---- */

/* Moves what is shown by cells, into the past for positive ones. */
static void
pan(struct chart_panel *chart, const struct panel_context *context, int cells)
{
    const struct picture *picture = context->picture;
    int64_t cell_ns = span_of(chart, context) / MAX(chart->columns, 1);
    int64_t end = chart->end_wall_ns != 0 ? chart->end_wall_ns : picture->wall_ns;
    end -= cells * cell_ns;
    int64_t oldest = picture_wall(picture, picture_oldest(picture));
    chart->end_wall_ns = end >= picture->wall_ns ? 0 : MAX(end, oldest);
}

static void
move_cursor(struct chart_panel *chart, const struct panel_context *context, int by)
{
    int cursor = chart->cursor < 0 ? (by > 0 ? 0 : -1) : chart->cursor + by;
    if (cursor >= chart->columns) {
        pan(chart, context, 1);
        cursor = chart->columns - 1;
    } else if (cursor < 0 && chart->end_wall_ns != 0) {
        pan(chart, context, -1);
        cursor = 0;
    }
    chart->cursor = MAX(cursor, -1);
}

static void
select_part(struct chart_panel *chart, int by)
{
    int64_t last = (int64_t)MAX(chart->part_count, (size_t)1) - 1;
    chart->selected = (size_t)CLAMP((int64_t)chart->selected + by, 0, last);
}

static enum reaction
chart_command(void *state, const struct panel_context *context, const char *name,
              const char *argument)
{
    struct chart_panel *chart = state;
    int page = MAX(chart->parts_area.height, 1);
    if (strcmp(name, "show") == 0) {
        show(chart, argument);
    } else if (strcmp(name, "zoom.in") == 0 || strcmp(name, "zoom.out") == 0) {
        chart->zoom =
            CLAMP(chart->zoom + (strcmp(name, "zoom.in") == 0 ? 1 : -1), -ZOOM_MAX, ZOOM_MAX);
    } else if (strcmp(name, "move.left") == 0 || strcmp(name, "move.right") == 0) {
        move_cursor(chart, context, strcmp(name, "move.left") == 0 ? 1 : -1);
    } else if (strcmp(name, "page.previous") == 0 || strcmp(name, "page.next") == 0) {
        pan(chart, context,
            strcmp(name, "page.previous") == 0 ? chart->columns / 2 : -chart->columns / 2);
    } else if (strcmp(name, "move.up") == 0 || strcmp(name, "move.down") == 0) {
        select_part(chart, strcmp(name, "move.down") == 0 ? 1 : -1);
    } else if (strcmp(name, "move.page.up") == 0 || strcmp(name, "move.page.down") == 0) {
        select_part(chart, strcmp(name, "move.page.down") == 0 ? page : -page);
    } else if (strcmp(name, "move.first") == 0 || strcmp(name, "move.last") == 0) {
        select_part(chart, strcmp(name, "move.last") == 0 ? PARTS_MAX : -PARTS_MAX);
    } else if (strcmp(name, "open") == 0 && chart->selected < chart->part_count) {
        char target[NAME_BYTES + LABELS_BYTES + 128];
        snprintf(target, sizeof(target), "%s %s", chart->metric,
                 chart->parts[chart->selected].labels);
        show(chart, target);
    } else {
        return REACTION_NONE;
    }
    return REACTION_HANDLED;
}

static enum reaction
chart_mouse(void *state, const struct panel_context *context, int x, int y, int button)
{
    struct chart_panel *chart = state;
    (void)x;
    if (button == TERM_WHEEL_UP || button == TERM_WHEEL_DOWN) {
        return chart_command(chart, context, button == TERM_WHEEL_UP ? "zoom.in" : "zoom.out", "");
    }
    int row = y - chart->parts_area.y;
    bool inside =
        row >= 0 && row < chart->parts_area.height && chart->top + (size_t)row < chart->part_count;
    if (!inside || (button != TERM_CLICK && button != TERM_DOUBLE_CLICK)) {
        return REACTION_NONE;
    }
    chart->selected = chart->top + (size_t)row;
    return button == TERM_DOUBLE_CLICK ? chart_command(chart, context, "open", "")
                                       : REACTION_HANDLED;
}

static void
chart_interest(void *state, const struct panel_context *context, struct interest *interest)
{
    const struct chart_panel *chart = state;
    (void)context;
    interest_in_metric(interest, chart->row);
}

const struct panel panel_chart = {
    .name = "chart",
    .title = "Chart",
    .open = chart_open,
    .close = chart_close,
    .has_data = chart_has_data,
    .draw = chart_draw,
    .command = chart_command,
    .interest = chart_interest,
    .mouse = chart_mouse,
};
