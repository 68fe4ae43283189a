/* The parts of a chart's metric. They are looked up when series come or go, and keep their
 * readings in between, those out of sight as well. */
#include "chart_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../list.h"
#include "../widgets/card.h"
#include "flametop/base/arena.h"
#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"

#define PARTS_MAX 256
#define LABEL_WIDTH_MIN 8
#define VALUE_WIDTH 12

struct chart_part {
    char title[96], labels[CHART_LABELS_BYTES + 96];
    struct reading reading;
};

static const struct style style_dim = {ROLE_DIM, 0, 0};
static const struct style style_text = {ROLE_TEXT, 0, 0};

/* ---- which there are ---- */

static void
forget(struct chart_parts *parts)
{
    for (size_t i = 0; i < parts->count; i++) {
        reading_close(&parts->list[i].reading);
    }
    free(parts->list);
    parts->list = NULL;
    parts->count = 0;
}

/* The first of the metric's labels that is left open; "" when all are given. */
static void
choose_label(struct chart_parts *parts, const struct metric *metric)
{
    struct str rest = str_from(metric->labels), key, value;
    while (str_word(&rest, &key)) {
        str_copy(key, parts->label, sizeof(parts->label));
        if (!labels_get(parts->labels, parts->label, &value)) {
            return;
        }
    }
    parts->label[0] = '\0';
}

void
chart_parts_open(struct chart_parts *parts, struct catalog *catalog, const char *metric,
                 const char *labels)
{
    const struct metric *row = catalog_metric(catalog, metric);
    forget(parts);
    *parts = (struct chart_parts){.catalog = catalog, .metric = metric, .labels = labels};
    if (row != NULL) {
        reading_unit(row, parts->unit);
        choose_label(parts, row);
    }
}

void
chart_parts_close(struct chart_parts *parts)
{
    forget(parts);
    *parts = (struct chart_parts){0};
}

static void
part_open(const struct chart_parts *parts, struct chart_part *part, const char *value)
{
    utf8_clean(str_from(value), part->title, sizeof(part->title));
    strlcpy(part->labels, parts->labels, sizeof(part->labels));
    labels_add(part->labels, sizeof(part->labels), parts->label, str_from(value));
    reading_open(&part->reading, parts->catalog, parts->metric, part->labels, NULL);
}

void
chart_parts_refresh(struct chart_parts *parts, const struct picture *picture)
{
    uint64_t signature = picture_signature(picture);
    if (parts->label[0] == '\0' || signature == parts->signature) {
        return;
    }
    parts->signature = signature;
    forget(parts);
    const char *values[PARTS_MAX];
    struct arena arena;
    arena_init(&arena, 1 << 20);
    size_t count =
        query_label_values(picture, parts->metric, parts->label, &arena, values, PARTS_MAX);
    parts->list = count > 1 ? calloc(count, sizeof(*parts->list)) : NULL;
    parts->count = parts->list != NULL ? count : 0;
    for (size_t i = 0; i < parts->count; i++) {
        part_open(parts, &parts->list[i], values[i]);
    }
    arena_done(&arena);
}

/* ---- drawing ---- */

int
chart_parts_height(const struct chart_parts *parts)
{
    return parts->count > 0 ? (int)parts->count + CHART_PARTS_HEIGHT_MIN - 1 : 0;
}

static void
draw_part(const struct chart_parts *parts, struct chart_part *part,
          const struct panel_context *context, struct canvas *canvas, struct rect line, int label,
          double top)
{
    struct reading *reading = &part->reading;
    int spark = MAX(line.width - label - 2 - 2 * (VALUE_WIDTH + 1), 1);
    bool ascii = context->glyphs == GLYPHS_ASCII;
    reading_update(reading, context, spark);
    canvas_text(canvas, line.x, line.y, label, str_from(part->title), style_text);
    struct spark chart_line = reading_spark(reading, READING_SHARE, ROLE_CHART_1);
    chart_line.high = top;
    spark_draw(canvas, (struct rect){line.x + label + 1, line.y, spark, 1}, &chart_line);
    char text[READING_TEXT];
    int x = line.x + label + 1 + spark + 1;
    enum level level = reading_level(reading);
    canvas_text_right(
        canvas, x, line.y, VALUE_WIDTH, str_from(reading_text(reading, ascii, text)),
        (struct style){level >= LEVEL_WARNING ? level_role(level) : ROLE_VALUE, 0, 0});
    unit_format(chart_max(&reading->chart), parts->unit, ascii, text, sizeof(text));
    canvas_text_right(canvas, x + VALUE_WIDTH + 1, line.y, VALUE_WIDTH, str_from(text), style_text);
}

/* The scale all share: what the largest had, as far as they were drawn. */
static double
top_of(const struct chart_parts *parts)
{
    double max = NAN;
    for (size_t i = 0; i < parts->count; i++) {
        max = fmax(max, chart_max(&parts->list[i].reading.chart));
    }
    return reading_top(parts->unit, max);
}

static int
label_width(const struct chart_parts *parts, int width)
{
    int label = LABEL_WIDTH_MIN;
    for (size_t i = 0; i < parts->count; i++) {
        label = MAX(label, (int)utf8_text_width(str_from(parts->list[i].title)));
    }
    return MIN(label, width / 3);
}

/* The frame and the heading of the columns; answers the room for the lines. */
static struct rect
draw_frame(const struct chart_parts *parts, struct canvas *canvas, struct rect area)
{
    char title[96], count[READING_TEXT];
    snprintf(title, sizeof(title), "By %s", parts->label);
    snprintf(count, sizeof(count), "%zu", parts->count);
    frame_draw(canvas, area, title, count, false);
    struct rect lines = {area.x + 2, area.y + 2, area.width - 4, area.height - 3};
    int now = lines.x + lines.width - 2 * VALUE_WIDTH - 1;
    canvas_text_right(canvas, now, area.y + 1, VALUE_WIDTH, STR("NOW"), style_dim);
    canvas_text_right(canvas, now + VALUE_WIDTH + 1, area.y + 1, VALUE_WIDTH, STR("MAX"),
                      style_dim);
    return lines;
}

void
chart_parts_draw(struct chart_parts *parts, const struct panel_context *context,
                 struct canvas *canvas, struct rect area, bool focused)
{
    parts->area = (struct rect){0};
    if (area.height < CHART_PARTS_HEIGHT_MIN || parts->count == 0) {
        return;
    }
    parts->area = draw_frame(parts, canvas, area);
    size_t room = (size_t)parts->area.height;
    int label = label_width(parts, parts->area.width);
    double top = top_of(parts);
    parts->selected = MIN(parts->selected, parts->count - 1);
    parts->top = list_first(parts->top, parts->selected, parts->count, room);
    for (size_t i = parts->top; i < parts->count && i < parts->top + room; i++) {
        struct rect line = {parts->area.x, parts->area.y + (int)(i - parts->top), parts->area.width,
                            1};
        draw_part(parts, &parts->list[i], context, canvas, line, label, top);
        if (focused && i == parts->selected) {
            canvas_restyle(canvas, (struct rect){area.x + 1, line.y, area.width - 2, 1},
                           (struct style){ROLE_SELECT_FG, ROLE_SELECT_BG, 0});
        }
    }
}

/* ---- commands ---- */

bool
chart_parts_move(struct chart_parts *parts, const char *command)
{
    return list_move(command, parts->count, (size_t)MAX(parts->area.height, 1), &parts->selected);
}

bool
chart_parts_click(struct chart_parts *parts, int y)
{
    int row = y - parts->area.y;
    bool inside = row >= 0 && row < parts->area.height && parts->top + (size_t)row < parts->count;
    if (inside) {
        parts->selected = parts->top + (size_t)row;
    }
    return inside;
}

const char *
chart_parts_selected(const struct chart_parts *parts)
{
    return parts->selected < parts->count ? parts->list[parts->selected].labels : NULL;
}
