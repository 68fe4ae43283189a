/* One request: its spans as a tree beside bars of time, the critical path marked, and everything
 * known of the selected span.
 *
 * Times on the screen are those of trace/path.h: clocks put right, clipped to the parent. Work that
 * nobody waits for is drawn where it was. Only visible rows are visited when drawing; the list of
 * rows is made anew when something is folded. */
#include "request.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../list.h"
#include "../widgets/card.h"
#include "flametop/base/hash.h"
#include "flametop/base/utf8.h"
#include "flametop/core/unit.h"
#include "flametop/ui/term.h"

#define NUMBER_WIDTH 8
#define LABEL_WIDTH_MIN 24
#define MEASURED_MAX 4096 /* rows whose names are measured */
#define DETAIL_ROWS 10
#define LEGEND_WIDTH 27
#define DETAIL_ROWS_MIN 4
#define BESIDE_WIDTH 150 /* from here on details stand beside the spans */

static const struct style style_dim = {.fg = ROLE_DIM};

/* ---- what is open ---- */

void
waterfall_init(struct waterfall *waterfall, struct catalog *catalog)
{
    *waterfall = (struct waterfall){.catalog = catalog};
    trace_path_init(&waterfall->path);
    request_lines_init(&waterfall->lines);
}

void
waterfall_done(struct waterfall *waterfall)
{
    waterfall_close(waterfall);
    trace_path_done(&waterfall->path);
    request_lines_done(&waterfall->lines);
    request_host_done(&waterfall->host);
}

static bool
has_children(const struct trace_span *spans, uint32_t i)
{
    return spans[i].after > i + 1;
}

/* How wide the names are with their lines and services: bars take what they leave. */
static void
measure_labels(struct waterfall *waterfall)
{
    const struct trace *trace = waterfall->trace;
    const struct trace_span *spans = trace_spans(trace);
    waterfall->label_width = 0;
    for (size_t i = 0; i < MIN(waterfall->row_count, (size_t)MEASURED_MAX); i++) {
        uint32_t span = waterfall->rows[i], parent = spans[span].parent;
        size_t width = 2 * (size_t)spans[span].depth + 2;
        width += utf8_text_width(waterfall_label(trace, span));
        if (parent == TRACE_NONE || spans[parent].resource != spans[span].resource) {
            const struct trace_resource *resource = &trace_resources(trace)[spans[span].resource];
            width += 1 + utf8_text_width(str_from(trace_text(trace, resource->service)));
        }
        waterfall->label_width = MAX(waterfall->label_width, (int)MIN(width, (size_t)1000));
    }
}

void
waterfall_list(struct waterfall *waterfall)
{
    const struct trace_span *spans = trace_spans(waterfall->trace);
    uint32_t selected = waterfall_span(waterfall);
    waterfall->row_count = 0;
    for (uint32_t i = 0; i < waterfall->path.count;) {
        bool folded = (waterfall->state[i] & WATERFALL_FOLDED) != 0;
        if (waterfall->path_only && (waterfall->state[i] & WATERFALL_ON_PATH) == 0) {
            i = spans[i].after;
            continue;
        }
        waterfall->rows[waterfall->row_count++] = i;
        i = folded ? spans[i].after : i + 1;
    }
    measure_labels(waterfall);
    waterfall_select(waterfall, selected);
}

uint32_t
waterfall_span(const struct waterfall *waterfall)
{
    return waterfall->at < waterfall->row_count ? waterfall->rows[waterfall->at] : 0;
}

/* The row of a span, or of the nearest one above it that is shown. */
void
waterfall_select(struct waterfall *waterfall, uint32_t span)
{
    size_t low = 0, high = waterfall->row_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (waterfall->rows[middle] <= span) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    waterfall->at = low > 0 ? low - 1 : 0;
}

struct waterfall_time
waterfall_time(const struct waterfall *waterfall, uint32_t span)
{
    const struct trace_times *times = &waterfall->path.times[span];
    const struct trace_span *raw = &trace_spans(waterfall->trace)[span];
    if (times->counted || times->apart || span == 0) {
        bool open = raw->duration_ns < 0 && waterfall->running_ns > 0;
        return (struct waterfall_time){
            times->start_ns, open ? MAX(times->end_ns, waterfall->running_ns) : times->end_ns};
    }
    int64_t start = raw->start_ns + times->skew_ns;
    int64_t end = raw->duration_ns >= 0 ? start + raw->duration_ns
                                        : MAX(start, waterfall->trace->duration_ns);
    return (struct waterfall_time){start, end};
}

/* ---- drawing ---- */

static struct str
text_of(const struct waterfall *waterfall, uint32_t text)
{
    return str_from(trace_text(waterfall->trace, text));
}

struct str
waterfall_label(const struct trace *trace, uint32_t span)
{
    const struct trace_span *found = &trace_spans(trace)[span];
    return str_from(trace_text(trace, found->label != 0 ? found->label : found->name));
}

/* The lines of the tree before a name, for as many levels as there is room for. */
static int
draw_branch(const struct waterfall *waterfall, struct canvas *canvas, int x, int y, int width,
            uint32_t span)
{
    const struct trace_span *spans = trace_spans(waterfall->trace);
    int depth = (int)MIN(spans[span].depth, (uint32_t)4096), room = MAX(width / 2, 2) / 2 * 2;
    int skipped = MAX(depth - room / 2, 0);
    uint32_t at = span;
    for (int level = depth; level > skipped && at != TRACE_NONE; level--) {
        uint32_t parent = spans[at].parent;
        bool more = parent != TRACE_NONE && spans[at].after < spans[parent].after;
        struct str sign = level == depth ? more ? STR("├ ") : STR("└ ")
                          : more ? STR("│ ")
                                         : STR("  ");
        canvas_text(canvas, x + (level - skipped - 1) * 2, y, 2, sign, style_dim);
        at = parent;
    }
    int used = (depth - skipped) * 2;
    if (skipped > 0) { /* as deep as that */
        used += canvas_printf(canvas, x + used, y, MAX(width - used, 0), style_dim, "%d ", depth);
    }
    return used;
}

static uint8_t
service_hue(const struct waterfall *waterfall, uint32_t span)
{
    uint32_t resource = trace_spans(waterfall->trace)[span].resource;
    const char *service =
        trace_text(waterfall->trace, trace_resources(waterfall->trace)[resource].service);
    return (uint8_t)(ROLE_FLAME_HUES + (hash_text(service) >> 16) % RAMP_STEPS);
}

static bool
matches(const struct waterfall *waterfall, uint32_t span)
{
    const struct trace *trace = waterfall->trace;
    const struct trace_span *found = &trace_spans(trace)[span];
    const struct trace_attribute *attributes = trace_attributes(trace) + found->attribute;
    if (strcasestr(trace_text(trace, found->label), waterfall->search) != NULL ||
        strcasestr(trace_text(trace, found->name), waterfall->search) != NULL) {
        return true;
    }
    for (uint32_t i = 0; i < found->attribute_count; i++) {
        if (strcasestr(trace_text(trace, attributes[i].text), waterfall->search) != NULL) {
            return true;
        }
    }
    return false;
}

static void
draw_label(const struct waterfall *waterfall, struct canvas *canvas, struct rect cell,
           uint32_t span)
{
    const struct trace *trace = waterfall->trace;
    const struct trace_span *spans = trace_spans(trace);
    const struct trace_span *shown = &spans[span];
    bool folded = (waterfall->state[span] & WATERFALL_FOLDED) != 0,
         failed = shown->status == SPAN_ERROR;
    int x = cell.x + draw_branch(waterfall, canvas, cell.x, cell.y, cell.width, span);
    int end = cell.x + cell.width;
    if (folded) {
        x += canvas_printf(canvas, x, cell.y, MAX(end - x, 0), (struct style){.fg = ROLE_KEY},
                           "+%u ", shown->after - span - 1);
    }
    if (failed) {
        canvas_put(canvas, x, cell.y, glyph_level(canvas->glyphs, LEVEL_CRITICAL),
                   (struct style){.fg = ROLE_LEVEL_CRITICAL});
        x += 2;
    }
    bool path = (waterfall->state[span] & WATERFALL_ON_PATH) != 0, found = false;
    struct str label = waterfall_label(trace, span);
    found = waterfall->search[0] != '\0' && matches(waterfall, span);
    struct style style = {.fg = found    ? ROLE_SEARCH
                                : failed ? ROLE_LEVEL_CRITICAL
                                : path   ? ROLE_TEXT
                                         : ROLE_DIM,
                          .attributes = path ? CELL_BOLD : 0};
    x += canvas_text(canvas, x, cell.y, MAX(end - x, 0), label, style);
    uint32_t parent = shown->parent;
    bool another = parent == TRACE_NONE || spans[parent].resource != shown->resource;
    if (another && x + 4 < end) {
        struct str service = text_of(waterfall, trace_resources(trace)[shown->resource].service);
        x += 1;
        canvas_text(canvas, x, cell.y, MAX(end - x, 0), service,
                    (struct style){.fg = ROLE_CHART_1});
    }
}

static void
draw_number(struct canvas *canvas, int x, int y, int64_t ns, struct style style)
{
    char text[32];
    unit_format((double)ns / 1e9, "s", canvas->glyphs == GLYPHS_ASCII, text, sizeof(text));
    canvas_text_right(canvas, x, y, NUMBER_WIDTH, str_from(text), style);
}

struct bar {
    int x, width;
    int64_t from_ns, span_ns;
};

static void
draw_piece(struct canvas *canvas, const struct bar *bar, int y, int64_t start_ns, int64_t end_ns,
           uint32_t c, struct style style)
{
    double scale = (double)bar->width / (double)bar->span_ns;
    int from = (int)((double)(start_ns - bar->from_ns) * scale);
    int to = (int)ceil((double)(end_ns - bar->from_ns) * scale - 1e-9);
    from = CLAMP(from, 0, bar->width - 1);
    to = CLAMP(MAX(to, from + 1), 1, bar->width);
    for (int i = from; i < to; i++) {
        canvas_put(canvas, bar->x + i, y, c, style);
    }
}

static void
draw_bar(const struct waterfall *waterfall, struct canvas *canvas, const struct bar *bar, int y,
         uint32_t span)
{
    const struct trace_span *shown = &trace_spans(waterfall->trace)[span];
    bool ascii = canvas->glyphs == GLYPHS_ASCII, open = shown->duration_ns < 0;
    struct waterfall_time time = waterfall_time(waterfall, span);
    /* Hues are made to be backgrounds: a dim shade in front of them says "not on the path". */
    struct style off = {.fg = ROLE_DIM}, on = {.fg = service_hue(waterfall, span)};
    on.attributes = CELL_BOLD;
    draw_piece(canvas, bar, y, time.start_ns, time.end_ns, ascii ? '-' : 0x2591, off); /* ░ */
    uint32_t first = waterfall->segment_first[span], after = waterfall->segment_first[span + 1];
    for (uint32_t i = first; i < after; i++) {
        const struct trace_segment_of_path *segment =
            &waterfall->path.segments[waterfall->segments[i]];
        draw_piece(canvas, bar, y, segment->start_ns, segment->end_ns, ascii ? '#' : 0x2588, on);
    }
    if (open) {
        canvas_put(canvas, bar->x + bar->width - 1, y, ascii ? '>' : 0x2192,
                   (struct style){.fg = ROLE_LEVEL_WARNING}); /* → */
    }
}

static void
draw_axis(struct canvas *canvas, const struct bar *bar, int y)
{
    bool ascii = canvas->glyphs == GLYPHS_ASCII;
    int marks = MAX(bar->width / 14, 1);
    for (int i = 0; i <= marks; i++) {
        char text[32];
        unit_format((double)(bar->from_ns + bar->span_ns * i / marks) / 1e9, "s", ascii, text,
                    sizeof(text));
        int width = (int)utf8_text_width(str_from(text));
        int x = bar->x + bar->width * i / marks - (i == marks ? width : 0);
        canvas_text(canvas, x, y, width, str_from(text), style_dim);
    }
}

static void
draw_spans(struct waterfall *waterfall, struct canvas *canvas, struct rect area, bool focused)
{
    int label = CLAMP(waterfall->label_width + 1, LABEL_WIDTH_MIN,
                      CLAMP(area.width * 2 / 5, LABEL_WIDTH_MIN, 64));
    int numbers = area.width >= 60 ? 2 * (NUMBER_WIDTH + 1) : NUMBER_WIDTH + 1;
    struct bar bar = {.x = area.x + 1 + label + numbers + 1,
                      .width = MAX(area.width - label - numbers - 3, 4),
                      .from_ns = waterfall->from_ns,
                      .span_ns = MAX(waterfall->to_ns - waterfall->from_ns, INT64_C(1))};
    struct style head = {.fg = ROLE_TITLE, .attributes = CELL_BOLD};
    canvas_text(canvas, area.x + 1, area.y, label, STR("SPAN"), head);
    bool both = numbers > NUMBER_WIDTH + 1;
    int total = area.x + 1 + label + 1 + (both ? NUMBER_WIDTH + 1 : 0);
    if (both) {
        canvas_text_right(canvas, area.x + 2 + label, area.y, NUMBER_WIDTH, STR("SELF"), head);
    }
    canvas_text_right(canvas, total, area.y, NUMBER_WIDTH, STR("TOTAL"), head);
    draw_axis(canvas, &bar, area.y);
    waterfall->area = (struct rect){area.x, area.y + 1, area.width, MAX(area.height - 1, 0)};
    waterfall->at = MIN(waterfall->at, MAX(waterfall->row_count, (size_t)1) - 1);
    waterfall->first = list_first(waterfall->first, waterfall->at, waterfall->row_count,
                                  (size_t)waterfall->area.height);
    for (int i = 0; i < waterfall->area.height; i++) {
        size_t row = waterfall->first + (size_t)i;
        if (row >= waterfall->row_count) {
            break;
        }
        uint32_t span = waterfall->rows[row];
        const struct trace_times *times = &waterfall->path.times[span];
        int y = waterfall->area.y + i;
        draw_label(waterfall, canvas, (struct rect){area.x + 1, y, label, 1}, span);
        struct waterfall_time time = waterfall_time(waterfall, span);
        if (both) {
            draw_number(canvas, area.x + 2 + label, y, times->self_ns, style_dim);
        }
        draw_number(canvas, total, y, time.end_ns - time.start_ns, (struct style){.fg = ROLE_TEXT});
        draw_bar(waterfall, canvas, &bar, y, span);
        if (focused && row == waterfall->at) {
            canvas_restyle(canvas, (struct rect){area.x, y, 1 + label + numbers, 1},
                           (struct style){.fg = ROLE_SELECT_FG, .bg = ROLE_SELECT_BG});
            canvas->cursor_x = area.x;
            canvas->cursor_y = y;
        }
    }
}

/* "POST /tools/invoke · database-query · 612 ms · 23 spans · 14:02:07 · trace 4bf9…" */
static void
draw_title(const struct waterfall *waterfall, const struct panel_context *context,
           struct canvas *canvas, struct rect area)
{
    const struct trace *trace = waterfall->trace;
    char id[2 * SPAN_ID_BYTES_MAX + 1], when[REQUEST_TEXT], duration[REQUEST_TEXT], text[512];
    bool running = (trace->flags & TRACE_UNFINISHED) != 0;
    bool ascii = canvas->glyphs == GLYPHS_ASCII;
    unit_format((double)request_duration_ns(trace, context->picture) / 1e9, "s", ascii, duration,
                sizeof(duration));
    snprintf(text, sizeof(text), "%s%s%s", trace_text(trace, trace->endpoint),
             trace->tool != 0 ? " · " : "", trace_text(trace, trace->tool));
    int x = area.x + 1, end = area.x + area.width - 1;
    enum level level = request_level(trace);
    canvas_put(canvas, x, area.y, glyph_level(canvas->glyphs, level),
               (struct style){.fg = level_role(level)});
    x += 2;
    x += canvas_text(canvas, x, area.y, MAX((end - x) / 2, 0), str_from(text),
                     (struct style){.fg = ROLE_TITLE, .attributes = CELL_BOLD});
    x += canvas_printf(canvas, x, area.y, MAX(end - x, 0),
                       (struct style){.fg = ROLE_VALUE, .attributes = CELL_BOLD}, "  %s%s",
                       duration, running ? " so far, running" : "");
    snprintf(text, sizeof(text), "  %u %s  %s  trace %s", trace->span_count,
             trace->span_count == 1 ? "span" : "spans",
             request_time_text(trace->start_ns, true, when), trace_id_text(trace, id, sizeof(id)));
    if (trace->dropped > 0) {
        char dropped[48];
        snprintf(dropped, sizeof(dropped), "  %u spans dropped", trace->dropped);
        strlcat(text, dropped, sizeof(text));
    }
    if ((trace->flags & TRACE_ASSUMED) != 0) {
        strlcat(text, "  layout assumed", sizeof(text));
    }
    if (trace->weight > 1.005) {
        char share[48];
        snprintf(share, sizeof(share), "  stands for %.3g requests", trace->weight);
        strlcat(text, share, sizeof(text));
    }
    canvas_text(canvas, x, area.y, MAX(end - x, 0), str_from(text), style_dim);
}

static void
draw_details(struct waterfall *waterfall, const struct panel_context *context,
             struct canvas *canvas, struct rect area)
{
    struct str label = waterfall_label(waterfall->trace, waterfall_span(waterfall));
    char title[128];
    request_details(waterfall, context);
    utf8_clean(label, title, sizeof(title));
    frame_draw(canvas, area, title, "", waterfall->whole);
    request_lines_draw(
        &waterfall->lines, canvas,
        (struct rect){area.x + 2, area.y + 1, area.width - 4, MAX(area.height - 2, 0)});
    static const char *const hints[] = {
        "Enter details  + - fold  c path  F flame  d compare  e export  , . others  Esc back",
        "Enter details  + - fold  c path  F flame  e export  Esc back",
        "Enter details  c path  F flame  Esc back"};
    size_t i = 0; /* what the bars mean is not written elsewhere, what keys do is in the help */
    while (i + 1 < ARRAY_SIZE(hints) && (int)strlen(hints[i]) + LEGEND_WIDTH + 6 > area.width) {
        i++;
    }
    if ((int)strlen(hints[i]) + LEGEND_WIDTH + 6 <= area.width) {
        frame_note(canvas, area,
                   canvas->glyphs == GLYPHS_ASCII ? "# critical path  - beside it"
                                                  : "█ critical path  ░ beside it",
                   true, style_dim);
    }
    frame_note(canvas, area, waterfall->whole ? "arrows scroll  Esc back" : hints[i], false,
               (struct style){.fg = ROLE_KEY});
    if (waterfall->lines.count > waterfall->lines.room) {
        char more[64];
        snprintf(more, sizeof(more), "%zu of %zu lines",
                 MIN(waterfall->lines.room, waterfall->lines.count), waterfall->lines.count);
        int x = area.x + area.width - (int)strlen(more) - 3;
        canvas_printf(canvas, x, area.y, (int)strlen(more) + 2, style_dim, " %s ", more);
    }
}

void
waterfall_draw(struct waterfall *waterfall, const struct panel_context *context,
               struct canvas *canvas, struct rect area, bool focused)
{
    if ((waterfall->trace->flags & TRACE_UNFINISHED) != 0) {
        waterfall->running_ns = request_duration_ns(waterfall->trace, context->picture);
        waterfall_extent(waterfall);
    }
    draw_title(waterfall, context, canvas, (struct rect){area.x, area.y, area.width, 1});
    struct rect body = {area.x, area.y + 1, area.width, area.height - 1};
    if (waterfall->whole) {
        draw_details(waterfall, context, canvas, body);
        return;
    }
    struct rect spans = body, details = {0, 0, 0, 0};
    if (body.width >= BESIDE_WIDTH) {
        spans.width = body.width * 5 / 8;
        details = (struct rect){body.x + spans.width + 1, body.y, body.width - spans.width - 1,
                                body.height};
    } else if (body.height >= 2 * DETAIL_ROWS_MIN + 4) {
        int rows = MAX(MIN(DETAIL_ROWS, body.height / 3), DETAIL_ROWS_MIN) + 2;
        int left = body.height - 1 - (int)MIN(waterfall->row_count, (size_t)body.height);
        rows = MIN(MAX(rows, left), body.height - 6);
        spans.height = body.height - rows;
        details = (struct rect){body.x, body.y + spans.height, body.width, rows};
    }
    draw_spans(waterfall, canvas, spans, focused);
    if (details.height > 2) {
        draw_details(waterfall, context, canvas, details);
    }
}

/* ---- commands ---- */

/* Matches are looked for in folded spans as well; what hides one is unfolded. */
static void
search_step(struct waterfall *waterfall, const struct panel_context *context, bool forward)
{
    const struct trace_span *spans = trace_spans(waterfall->trace);
    uint32_t count = waterfall->path.count, at = waterfall_span(waterfall);
    for (uint32_t i = 0; waterfall->search[0] != '\0' && i < count; i++) {
        at = (at + (forward ? 1 : count - 1)) % count;
        if (!matches(waterfall, at)) {
            continue;
        }
        for (uint32_t above = spans[at].parent; above != TRACE_NONE; above = spans[above].parent) {
            waterfall->state[above] &= (uint8_t)~WATERFALL_FOLDED;
        }
        waterfall->path_only =
            waterfall->path_only && (waterfall->state[at] & WATERFALL_ON_PATH) != 0;
        waterfall_list(waterfall);
        waterfall_select(waterfall, at);
        return;
    }
    panel_say(context,
              waterfall->search[0] != '\0' ? "no span has it: %s"
                                           : "nothing is searched for: / asks what%s",
              waterfall->search);
}

static void
fold(struct waterfall *waterfall, bool on)
{
    const struct trace_span *spans = trace_spans(waterfall->trace);
    uint32_t span = waterfall_span(waterfall);
    bool folded = (waterfall->state[span] & WATERFALL_FOLDED) != 0;
    if (on && (folded || !has_children(spans, span)) && spans[span].parent != TRACE_NONE) {
        span = spans[span].parent; /* what is folded already goes with the one above */
    }
    if (on && has_children(spans, span)) {
        waterfall->state[span] |= WATERFALL_FOLDED;
    } else if (!on) {
        waterfall->state[span] &= (uint8_t)~WATERFALL_FOLDED;
    }
    waterfall_list(waterfall);
    waterfall_select(waterfall, span);
}

/* Whole details, search, the path alone: one after the other. */
static bool
escape(struct waterfall *waterfall)
{
    if (waterfall->whole) {
        waterfall->whole = false;
        waterfall->lines.first = 0;
    } else if (waterfall->search[0] != '\0') {
        waterfall->search[0] = '\0';
    } else if (waterfall->path_only) {
        waterfall->path_only = false;
        waterfall_list(waterfall);
    } else {
        return false;
    }
    return true;
}

bool
waterfall_command(struct waterfall *waterfall, const struct panel_context *context,
                  const char *name, const char *argument)
{
    if (strcmp(name, "escape") == 0 || (strcmp(name, "close") == 0 && waterfall->whole)) {
        return escape(waterfall);
    }
    if (waterfall->whole && request_lines_move(&waterfall->lines, name)) {
        return true;
    }
    if (strcmp(name, "open") == 0) {
        waterfall->whole = !waterfall->whole;
        waterfall->lines.first = 0;
    } else if (strcmp(name, "tree.fold") == 0 || strcmp(name, "move.left") == 0) {
        fold(waterfall, true);
    } else if (strcmp(name, "tree.unfold") == 0 || strcmp(name, "move.right") == 0) {
        fold(waterfall, false);
    } else if (strcmp(name, "request.path") == 0) {
        waterfall->path_only = !waterfall->path_only;
        waterfall_list(waterfall);
    } else if (strcmp(name, "search.set") == 0) {
        strlcpy(waterfall->search, argument, sizeof(waterfall->search));
        search_step(waterfall, context, true);
    } else if (strcmp(name, "search.next") == 0 || strcmp(name, "search.previous") == 0) {
        search_step(waterfall, context, strcmp(name, "search.next") == 0);
    } else {
        return list_move(name, waterfall->row_count, (size_t)MAX(waterfall->area.height - 1, 1),
                         &waterfall->at);
    }
    return true;
}

bool
waterfall_mouse(struct waterfall *waterfall, const struct panel_context *context, int x, int y,
                int button)
{
    (void)x;
    if (button == TERM_WHEEL_UP || button == TERM_WHEEL_DOWN) {
        const char *name = button == TERM_WHEEL_UP ? "move.up" : "move.down";
        for (int i = 0; i < 3; i++) {
            waterfall_command(waterfall, context, name, "");
        }
        return true;
    }
    size_t row = waterfall->first + (size_t)MAX(y - waterfall->area.y, 0);
    if (waterfall->whole || y < waterfall->area.y || row >= waterfall->row_count ||
        y >= waterfall->area.y + waterfall->area.height) {
        return false;
    }
    waterfall->at = row;
    if (button == TERM_DOUBLE_CLICK) {
        waterfall_command(waterfall, context, "open", "");
    }
    return true;
}
