/* The chart of one metric over the whole screen: axes, thresholds, the statistics of what is shown,
 * a cursor, and beneath it the parts the metric is made of (chart_parts.c).
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
#include "chart_parts.h"
#include "chart_statistics.h"
#include "flametop/base/utf8.h"
#include "flametop/ui/term.h"
#include "reading.h"

#define NAME_BYTES 128
#define BUCKETS_MAX 4096 /* shown and looked back over */
#define AXIS_WIDTH 12
#define CHART_HEIGHT_MIN 4
#define TICK_WIDTH 16
#define ZOOM_MAX 8
#define SPAN_BUCKETS_MIN 5
#define SPAN_NS_MAX (INT64_C(366) * 86400 * NS_PER_S)

struct chart_panel {
    struct catalog *catalog;
    char metric[NAME_BYTES], labels[CHART_LABELS_BYTES];
    const struct metric *row; /* NULL: a formula */
    struct reading reading;
    struct chart_parts parts;
    struct chart_statistics statistics;
    int zoom;            /* the span is halved so often */
    int64_t end_wall_ns; /* of what is shown; 0: now */
    int cursor;          /* cells from the right end; -1: none */
    int columns;         /* cells of the chart, as last drawn */
};

static const struct style style_dim = {ROLE_DIM, 0, 0};

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
chart_close(void *state)
{
    struct chart_panel *chart = state;
    if (chart != NULL) {
        chart_parts_close(&chart->parts);
        reading_close(&chart->reading);
        free(chart);
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
    chart_parts_close(&chart->parts);
    reading_close(&chart->reading);
    str_copy(name, chart->metric, sizeof(chart->metric));
    chart->row = catalog_metric(chart->catalog, chart->metric);
    if (chart->row == NULL) {
        str_copy(str_trim(str_from(argument)), chart->metric, sizeof(chart->metric));
        rest.n = 0;
    }
    str_copy(str_trim(rest), chart->labels, sizeof(chart->labels));
    chart->zoom = 0;
    chart->end_wall_ns = 0;
    chart->cursor = -1;
    chart_parts_open(&chart->parts, chart->catalog, chart->metric, chart->labels);
    chart_statistics_begin(&chart->statistics, chart->catalog, chart->row);
    return reading_open(&chart->reading, chart->catalog, chart->metric, chart->labels, NULL);
}

/* ---- the window ---- */

/* Who zooms in wants to see more than that the same bars are wider: down to single readings. */
static int64_t
bucket_min(const struct chart_panel *chart, const struct panel_context *context)
{
    int64_t least = STRIP_BUCKET_NS_MIN >> MAX(chart->zoom, 0);
    return MAX(least, MIN(context->picture->interval_ns, STRIP_BUCKET_NS_MIN));
}

static int64_t
span_of(const struct chart_panel *chart, const struct panel_context *context)
{
    int64_t span =
        chart->zoom >= 0 ? context->span_ns >> chart->zoom : context->span_ns << -chart->zoom;
    return CLAMP(span, SPAN_BUCKETS_MIN * bucket_min(chart, context), SPAN_NS_MAX);
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
    reading->plan = strip_plan(MAX(spark_columns(context->glyphs, cells), 1),
                               span_of(chart, context), bucket_min(chart, context));
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
    char title[NAME_BYTES + CHART_LABELS_BYTES + 2], labels[CHART_LABELS_BYTES], text[READING_TEXT],
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
    chart_statistics_update(&chart->statistics, &chart->reading.chart, context->picture,
                            chart->reading.plan.count, strip.skip);
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
    chart_statistics_draw(&chart->statistics, chart->reading.unit, context->glyphs == GLYPHS_ASCII,
                          canvas, area.x + 2, area.y + area.height - 2, area.width - 4);
    if (chart->cursor >= 0) {
        draw_cursor(chart, context, canvas, area, plot, &strip);
    }
}

/* Rows of the parts beneath the chart; 0 where there is no room for both. */
static int
parts_height(const struct chart_panel *chart, int height)
{
    int rows = MIN(chart_parts_height(&chart->parts), height * 2 / 5);
    bool fits = rows >= CHART_PARTS_HEIGHT_MIN && height - rows >= CHART_HEIGHT_MIN + 5;
    return fits ? rows : 0;
}

static void
chart_draw(void *state, const struct panel_context *context, struct canvas *canvas,
           struct rect area, bool focused)
{
    struct chart_panel *chart = state;
    struct rect clip = canvas_clip(canvas, area), upper = area, lower = area;
    struct panel_context shown = *context;
    chart_parts_refresh(&chart->parts, context->picture);
    lower.height = parts_height(chart, area.height);
    upper.height -= lower.height;
    lower.y += upper.height;
    draw_chart(chart, context, canvas, upper, focused);
    shown.span_ns = span_of(chart, context);
    chart_parts_draw(&chart->parts, &shown, canvas, lower, focused);
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

static bool
open_part(struct chart_panel *chart)
{
    const char *labels = chart_parts_selected(&chart->parts);
    char target[NAME_BYTES + CHART_LABELS_BYTES + 128];
    if (labels != NULL) {
        snprintf(target, sizeof(target), "%s %s", chart->metric, labels);
        show(chart, target);
    }
    return labels != NULL;
}

static enum reaction
chart_command(void *state, const struct panel_context *context, const char *name,
              const char *argument)
{
    struct chart_panel *chart = state;
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
    } else if (strcmp(name, "open") == 0) {
        return open_part(chart) ? REACTION_HANDLED : REACTION_NONE;
    } else if (!chart_parts_move(&chart->parts, name)) {
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
    if ((button != TERM_CLICK && button != TERM_DOUBLE_CLICK) ||
        !chart_parts_click(&chart->parts, y)) {
        return REACTION_NONE;
    }
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
