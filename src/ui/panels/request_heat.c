/* The latency heatmap: how many requests began when and took how long, on a log scale. A cell's
 * shade is the logarithm of its count; the cursor says the number. `v` starts a rectangle: arrows
 * or a drag make it larger, Enter takes what is in it.
 *
 * Columns are buckets of time aligned to the clock, so the map moves once a bucket. Cursor and
 * rectangle are moments, not cells: they move with what they were put on. */
#include "request.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../widgets/card.h"
#include "../widgets/heat.h"
#include "../widgets/strip.h"
#include "flametop/base/utf8.h"
#include "flametop/core/unit.h"
#include "flametop/ui/term.h"

#define LEGEND_STEPS 4
#define LEGEND_WIDTH (5 + LEGEND_STEPS + 7 + 1 + 8)
#define LABEL_WIDTH 8

static const struct style style_dim = {.fg = ROLE_DIM};

/* The columns of this width, aligned to the wall clock, the newest last. */
static void
plan(struct request_heat *heat, const struct panel_context *context)
{
    int width = MAX(heat->area.width, 1);
    struct strip_plan plan = strip_plan(width, context->span_ns, STRIP_BUCKET_NS_MIN);
    const struct picture *picture = context->picture;
    int64_t end_wall_ns = (picture->wall_ns / plan.bucket_ns + 1) * plan.bucket_ns;
    end_wall_ns = picture->past ? picture->wall_ns + 1 : end_wall_ns; /* nothing of later */
    heat->columns = (int)MIN(plan.count, (size_t)MAX(width / MAX(plan.repeat, 1), 1));
    heat->rows = heat->area.height;
    heat->bucket_ns = picture->past ? MAX(plan.bucket_ns, context->span_ns / heat->columns + 1)
                                    : plan.bucket_ns; /* a file's oldest are inside */
    heat->repeat = MAX(plan.repeat, 1);
    heat->from_ns = picture->mono_ns + (end_wall_ns - picture->wall_ns) -
                    (int64_t)heat->columns * heat->bucket_ns;
}

bool
request_heat_work(struct requests *requests, const struct panel_context *context, int64_t until_ns)
{
    struct request_heat *heat = &requests->heat;
    if (heat->heat == NULL || heat->area.width <= 0 || heat->area.height <= 0) {
        return false; /* never drawn */
    }
    plan(heat, context);
    struct trace_heat_options options = {.from_ns = heat->from_ns,
                                         .bucket_ns = heat->bucket_ns,
                                         .columns = heat->columns,
                                         .rows = heat->rows,
                                         .scope = request_scope(requests, context)};
    trace_heat_ask(heat->heat, context->picture->traces, &options);
    return !trace_heat_step(heat->heat, until_ns);
}

/* ---- cells ---- */

static bool
is_made(const struct request_heat *heat)
{
    return heat->heat != NULL && heat->heat->number != 0 && heat->heat->edges_ns != NULL;
}

/* The column of the map that a moment is in, as it was made; it may lie outside. */
static int
column_of(const struct request_heat *heat, int64_t at_ns)
{
    int64_t from_ns = heat->heat->options.from_ns, bucket_ns = heat->heat->options.bucket_ns;
    int64_t away = at_ns - from_ns;
    return (int)(away >= 0 ? away / bucket_ns : -1 - (-away - 1) / bucket_ns);
}

static int64_t
moment_of(const struct request_heat *heat, int column)
{
    return heat->heat->options.from_ns + (int64_t)column * heat->heat->options.bucket_ns;
}

static double
count_at(const struct trace_heat *heat, int column, int row)
{
    return heat->counts[(size_t)row * (size_t)heat->options.columns + (size_t)column];
}

static bool
has_errors(const struct trace_heat *heat, int column, int row)
{
    size_t at = (size_t)row * (size_t)heat->options.columns + (size_t)column;
    return heat->errors[at] > 0 && heat->errors[at] * 2 >= heat->counts[at];
}

/* Few and many both tell: a step is a share of the logarithm of the most there are. */
static double
shade(double count, double max)
{
    return count > 0 ? 0.1 + 0.9 * log1p(count) / log1p(MAX(max, 1.0)) : (double)NAN;
}

static void
draw_cells(const struct request_heat *heat, struct canvas *canvas, struct rect area)
{
    const struct trace_heat *made = heat->heat;
    int rows = made->options.rows;
    for (int row = 0; row < MIN(rows, area.height); row++) {
        int y = area.y + MIN(rows, area.height) - 1 - row;
        for (int column = 0; column < made->options.columns; column++) {
            double count = count_at(made, column, row);
            int x = area.x + column * heat->repeat;
            if (count <= 0) {
                continue;
            }
            for (int i = 0; i < heat->repeat && x + i < area.x + area.width; i++) {
                heat_cell(canvas, x + i, y, shade(count, made->max), 1);
                if (has_errors(made, column, row)) {
                    canvas_restyle(canvas, (struct rect){x + i, y, 1, 1},
                                   (struct style){.fg = ROLE_LEVEL_CRITICAL});
                }
            }
        }
    }
}

/* The duration a row begins with, where it differs from the one below. */
static void
draw_labels(const struct request_heat *heat, struct canvas *canvas, struct rect area)
{
    const struct trace_heat *made = heat->heat;
    int rows = MIN(made->options.rows, area.height);
    char before[REQUEST_TEXT] = "";
    for (int row = rows - 1; row >= 0; row--) {
        char text[REQUEST_TEXT];
        double seconds = (double)made->edges_ns[row] / 1e9;
        unit_format(seconds, "s", canvas->glyphs == GLYPHS_ASCII, text, sizeof(text));
        if (strcmp(text, before) != 0) {
            canvas_text_right(canvas, area.x - LABEL_WIDTH - 1, area.y + rows - 1 - row,
                              LABEL_WIDTH, str_from(text), style_dim);
        }
        strlcpy(before, text, sizeof(before));
    }
}

/* ---- cursor and rectangle ---- */

/* What is inside keeps its colours on a ground of its own; what is outside has none. */
static void
draw_rectangle(const struct request_heat *heat, struct canvas *canvas, struct rect area, int column,
               int row, int other_column, int other_row)
{
    int rows = MIN(heat->heat->options.rows, area.height), last = heat->heat->options.columns - 1;
    int left = CLAMP(MIN(column, other_column), 0, last);
    int right = CLAMP(MAX(column, other_column), 0, last);
    int low = CLAMP(MIN(row, other_row), 0, rows - 1),
        high = CLAMP(MAX(row, other_row), 0, rows - 1);
    for (int r = 0; r < rows; r++) {
        for (int c = 0; c <= last; c++) {
            struct rect cell = {area.x + c * heat->repeat, area.y + rows - 1 - r, heat->repeat, 1};
            bool inside = c >= left && c <= right && r >= low && r <= high;
            cell.width = MIN(cell.width, area.x + area.width - cell.x);
            if (!inside) {
                canvas_restyle(canvas, cell, style_dim);
            } else if (count_at(heat->heat, c, r) <= 0) {
                canvas_fill(canvas, cell, canvas->glyphs == GLYPHS_ASCII ? '_' : ' ',
                            (struct style){.fg = ROLE_SELECT_FG, .bg = ROLE_SELECT_BG});
            }
        }
    }
}

/* The rows a range of durations covers. */
static int
row_of(const struct request_heat *heat, int64_t duration_ns)
{
    int row = 0;
    while (row + 1 < heat->heat->options.rows && heat->heat->edges_ns[row + 1] <= duration_ns) {
        row++;
    }
    return row;
}

static void
draw_taken(const struct request_heat *heat, const struct request_rectangle *taken,
           struct canvas *canvas, struct rect area)
{
    int top = heat->heat->options.rows - 1;
    draw_rectangle(heat, canvas, area, column_of(heat, taken->from_ns), row_of(heat, taken->low_ns),
                   column_of(heat, taken->to_ns - 1),
                   taken->high_ns > 0 ? row_of(heat, taken->high_ns - 1) : top);
}

/* "14:02:10, 400 ms to 1 s: 12 requests" */
static void
cursor_text(const struct request_heat *heat, const struct panel_context *context, char *dst,
            size_t size)
{
    const struct trace_heat *made = heat->heat;
    int column = CLAMP(column_of(heat, heat->at_ns), 0, made->options.columns - 1);
    int row = CLAMP(heat->row, 0, made->options.rows - 1);
    bool ascii = context->glyphs == GLYPHS_ASCII;
    char when[REQUEST_TEXT], low[REQUEST_TEXT], high[REQUEST_TEXT];
    request_time_text(picture_wall(context->picture, moment_of(heat, column)), false, when);
    request_seconds_text((double)made->edges_ns[row] / 1e9, ascii, low);
    request_seconds_text((double)made->edges_ns[row + 1] / 1e9, ascii, high);
    double count = count_at(made, column, row);
    snprintf(dst, size, "%s  %s to %s: %.0f", when, row == 0 ? "0" : low,
             row == made->options.rows - 1 ? "any" : high, count);
}

/* The highest row of a column with requests; -1: none. */
static int
slowest_of(const struct trace_heat *made, int column)
{
    int row = made->options.rows - 1;
    while (row >= 0 && count_at(made, column, row) <= 0) {
        row--;
    }
    return row;
}

/* A cursor that was never set, or is out of sight, begins at the newest requests, as high as the
 * slowest of the newest quarter are: from there a rectangle grows over the slow ones to the left
 * and downwards. Without any requests it is in the middle. */
static void
settle(struct request_heat *heat)
{
    const struct trace_heat *made = heat->heat;
    int last = made->options.columns - 1, column = column_of(heat, heat->at_ns);
    if (column >= 0 && column <= last) {
        return;
    }
    int newest = last, row = -1;
    while (newest > 0 && slowest_of(made, newest) < 0) {
        newest--;
    }
    for (int c = newest; c >= MAX(newest - last / 4, 0); c--) {
        row = MAX(row, slowest_of(made, c));
    }
    heat->at_ns = moment_of(heat, row >= 0 ? newest : last / 2);
    heat->row = row >= 0 ? row : made->options.rows / 2;
}

static void
draw_cursor(struct request_heat *heat, const struct panel_context *context, struct canvas *canvas,
            struct rect frame, struct rect area)
{
    char text[128];
    const struct trace_heat *made = heat->heat;
    int rows = MIN(made->options.rows, area.height);
    settle(heat);
    int column = CLAMP(column_of(heat, heat->at_ns), 0, made->options.columns - 1);
    heat->row = CLAMP(heat->row, 0, rows - 1);
    if (heat->selecting) {
        draw_rectangle(heat, canvas, area, column_of(heat, heat->anchor_ns), heat->anchor_row,
                       column, heat->row);
    }
    int x = area.x + column * heat->repeat, y = area.y + rows - 1 - heat->row;
    canvas_restyle(canvas, (struct rect){x, y, 1, 1},
                   (struct style){ROLE_SELECT_FG, ROLE_SELECT_BG, CELL_REVERSE | CELL_BOLD});
    canvas->cursor_x = x;
    canvas->cursor_y = y;
    cursor_text(heat, context, text, sizeof(text));
    frame_note(canvas, frame, text, false, (struct style){.fg = ROLE_VALUE});
}

/* ---- drawing ---- */

/* "few ░▒▓█ many  ▒ failed", as the cells are drawn. */
static void
draw_legend(struct canvas *canvas, int x, int y)
{
    x += canvas_text(canvas, x, y, 5, STR(" few "), style_dim);
    for (int i = 0; i < LEGEND_STEPS; i++) { /* one of each shade, and the most */
        heat_cell(canvas, x++, y, i + 1 < LEGEND_STEPS ? (i + 0.5) / LEGEND_STEPS : 1, 1);
    }
    x += canvas_text(canvas, x, y, 7, STR(" many  "), style_dim);
    heat_cell(canvas, x, y, 0.5, 1);
    canvas_restyle(canvas, (struct rect){x, y, 1, 1}, (struct style){.fg = ROLE_LEVEL_CRITICAL});
    canvas_text(canvas, x + 1, y, 8, STR(" failed "), style_dim);
}

static void
draw_frame(const struct requests *requests, const struct panel_context *context,
           struct canvas *canvas, struct rect area, bool focused)
{
    const struct trace_heat *made = requests->heat.heat;
    const struct request_wish *wish = requests->wish;
    char title[2 * REQUEST_NAME], right[REQUEST_NAME], total[REQUEST_TEXT];
    snprintf(title, sizeof(title), "Latency%s%s · log scale",
             wish != NULL && wish->grouped ? " · " : "",
             wish != NULL && wish->grouped ? wish->name : "");
    unit_format(is_made(&requests->heat) ? made->total : (double)NAN, "",
                canvas->glyphs == GLYPHS_ASCII, total, sizeof(total));
    char span[SPAN_TEXT];
    snprintf(right, sizeof(right), "%s · %s %s", span_text(context->span_ns, span), total,
             request_word(made->total == 1 ? 1 : 2)); /* weights may sum to fractions */
    frame_draw(canvas, area, title, right, focused);
}

void
request_heat_draw(struct requests *requests, const struct panel_context *context,
                  struct canvas *canvas, struct rect area, bool focused)
{
    struct request_heat *heat = &requests->heat;
    struct rect cells = {area.x + 2 + LABEL_WIDTH + 1, area.y + 1, area.width - 4 - LABEL_WIDTH - 1,
                         area.height - 2};
    draw_frame(requests, context, canvas, area, focused);
    bool resized = heat->area.width != cells.width || heat->area.height != cells.height;
    heat->area = cells;
    if (resized) { /* it is made for this size */
        panel_again(context);
    }
    if (!is_made(heat)) {
        canvas_text(canvas, cells.x, cells.y, cells.width, STR("counting requests …"), style_dim);
        return;
    }
    struct rect clip =
        canvas_clip(canvas, (struct rect){area.x, area.y + 1, area.width, cells.height});
    draw_labels(heat, canvas, cells);
    draw_cells(heat, canvas, cells);
    if (requests->rectangle.on && !heat->selecting) {
        draw_taken(heat, &requests->rectangle, canvas, cells);
    }
    canvas_unclip(canvas, clip);
    if (focused) {
        draw_cursor(heat, context, canvas, area, cells);
    }
    int noted =
        frame_note(canvas, area,
                   heat->selecting          ? "arrows or drag, Enter takes it, Esc ends"
                   : requests->rectangle.on ? "F flame graph, D with before, Esc back to all"
                                            : "v select, arrows or drag, Enter: what is in it",
                   true, (struct style){.fg = ROLE_KEY});
    if (!focused &&
        noted + LEGEND_WIDTH + 2 <= area.width) { /* else the cursor's words stand there */
        draw_legend(canvas, area.x + 1, area.y + area.height - 1);
    }
}

/* ---- commands ---- */

static void
start(struct request_heat *heat)
{
    settle(heat);
    heat->selecting = true;
    heat->anchor_ns = heat->at_ns;
    heat->anchor_row = heat->row;
}

static bool
move(struct request_heat *heat, const char *name)
{
    static const struct {
        const char *name;
        int column, row;
    } moves[] = {{"move.up", 0, 1},         {"move.down", 0, -1},        {"move.left", -1, 0},
                 {"move.right", 1, 0},      {"move.first", -9999, 0},    {"move.last", 9999, 0},
                 {"move.page.up", 0, 9999}, {"move.page.down", 0, -9999}};
    for (size_t i = 0; i < ARRAY_SIZE(moves); i++) {
        if (strcmp(name, moves[i].name) == 0) {
            settle(heat);
            int last = heat->heat->options.columns - 1;
            int column = CLAMP(column_of(heat, heat->at_ns), 0, last);
            column = CLAMP(column + moves[i].column, 0, last);
            heat->at_ns = moment_of(heat, column);
            heat->row = CLAMP(heat->row + moves[i].row, 0, heat->heat->options.rows - 1);
            return true;
        }
    }
    return false;
}

/* What is between anchor and cursor becomes what is looked at. */
static void
take(struct requests *requests, const struct panel_context *context)
{
    struct request_heat *heat = &requests->heat;
    int last = heat->heat->options.columns - 1;
    int column = CLAMP(column_of(heat, heat->at_ns), 0, last);
    int other = heat->selecting ? CLAMP(column_of(heat, heat->anchor_ns), 0, last) : column;
    int row = heat->row, other_row = heat->selecting ? heat->anchor_row : row;
    double count = 0;
    for (int c = MIN(column, other); c <= MAX(column, other); c++) {
        for (int r = MIN(row, other_row); r <= MAX(row, other_row); r++) {
            count += count_at(heat->heat, c, r);
        }
    }
    heat->selecting = heat->dragging = false;
    if (count <= 0) {
        panel_say(context, "there is no request in it");
        return;
    }
    struct trace_scope scope = trace_heat_scope(heat->heat, column, row, other, other_row);
    requests->rectangle =
        (struct request_rectangle){true, scope.from_ns, scope.to_ns, scope.low_ns, scope.high_ns};
    trace_differ_free(requests->differ);
    requests->differ = NULL;
    requests->page_before =
        requests->page == REQUEST_DIFFER ? requests->page_before : requests->page;
    requests->heat_focused = false;
    requests->page = REQUEST_DIFFER;
}

bool
request_heat_command(struct requests *requests, const struct panel_context *context,
                     const char *name)
{
    struct request_heat *heat = &requests->heat;
    if (!is_made(heat)) {
        return false;
    }
    if (strcmp(name, "select") == 0) {
        requests->rectangle.on = false;
        requests->page = requests->page == REQUEST_DIFFER ? requests->page_before : requests->page;
        requests->heat_focused = true;
        start(heat);
        return true;
    }
    if (!requests->heat_focused) {
        return false;
    }
    if (strcmp(name, "escape") == 0 || strcmp(name, "close") == 0) {
        bool was = heat->selecting;
        heat->selecting = heat->dragging = false;
        requests->heat_focused = requests->heat_focused && was && strcmp(name, "close") != 0;
        return true;
    }
    if (strcmp(name, "open") == 0) {
        take(requests, context);
        return true;
    }
    return move(heat, name);
}

bool
request_heat_mouse(struct requests *requests, const struct panel_context *context, int x, int y,
                   int button)
{
    struct request_heat *heat = &requests->heat;
    const struct rect *area = &heat->area;
    bool inside =
        x >= area->x && x < area->x + area->width && y >= area->y && y < area->y + area->height;
    if (!is_made(heat) || (!inside && !heat->dragging)) {
        return false;
    }
    if (button == TERM_RELEASE) {
        bool moved =
            heat->dragging && (heat->anchor_row != heat->row || heat->anchor_ns != heat->at_ns);
        heat->dragging = false;
        heat->selecting = heat->selecting && moved;
        return true;
    }
    if (button != TERM_CLICK && button != TERM_DRAG && button != TERM_DOUBLE_CLICK) {
        return false;
    }
    int column = CLAMP((x - area->x) / heat->repeat, 0, heat->heat->options.columns - 1);
    int rows = MIN(heat->heat->options.rows, area->height);
    requests->heat_focused = true;
    heat->at_ns = moment_of(heat, column);
    heat->row = CLAMP(area->y + rows - 1 - y, 0, rows - 1);
    if (button == TERM_CLICK) {
        start(heat);
        heat->dragging = true;
    } else if (button == TERM_DOUBLE_CLICK) {
        take(requests, context);
    }
    return true;
}
