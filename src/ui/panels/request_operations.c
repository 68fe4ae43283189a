/* What requests do inside: database queries, caches and pools with who calls them; agents, tools
 * and models. And the graph of calls that all of it is from. */
#include "request.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../widgets/card.h"
#include "flametop/base/utf8.h"
#include "flametop/core/unit.h"

#define GRAPH_EVERY_NS (2 * NS_PER_S)
#define CALLER_ROWS 10
#define CALLER_ROWS_MIN 4
#define CALLERS_SHOWN 3

enum {
    OPERATION_KEY,
    OPERATION_LEVEL,
    OPERATION_NAME,
    OPERATION_KIND,
    OPERATION_SERVICE,
    OPERATION_RATE,
    OPERATION_P50,
    OPERATION_P95,
    OPERATION_ERRORS,
    OPERATION_TIME,
    OPERATION_PATH,
    OPERATION_NOW,
    OPERATION_MOST,
    OPERATION_CALLERS,
};

static const struct column columns[] = {
    [OPERATION_KEY] = {"operation.key", "KEY", "", "What tells operations apart.", COLUMN_INTEGER,
                       COLUMN_KEY | COLUMN_HIDDEN, 20},
    [OPERATION_LEVEL] = {"operation.level", "!", "", "How bad it is.", COLUMN_INTEGER, 0, 1},
    [OPERATION_NAME] = {"operation.name", "OPERATION", "", "What is done.", COLUMN_TEXT, 0, 30},
    [OPERATION_KIND] = {"operation.system", "KIND", "", "What it works with.", COLUMN_TEXT, 0, 9},
    [OPERATION_SERVICE] = {"service.name", "SERVICE", "", "Service that does it.", COLUMN_TEXT, 0,
                           14},
    [OPERATION_RATE] = {"operation.rate", "/s", "{call}/s", "Calls a second.", COLUMN_REAL, 0, 7},
    [OPERATION_P50] = {"operation.duration.p50", "p50", "s", "Half of them took no longer.",
                       COLUMN_REAL, 0, 7},
    [OPERATION_P95] = {"operation.duration.p95", "p95", "s", "95 of 100 took no longer.",
                       COLUMN_REAL, 0, 7},
    [OPERATION_ERRORS] = {"operation.error.ratio", "ERR", "1", "Share that failed.", COLUMN_REAL, 0,
                          7},
    [OPERATION_TIME] = {"operation.time", "TIME/min", "s",
                        "Time spent in them, a minute; before there is a minute, so far.",
                        COLUMN_REAL, 0, 9},
    [OPERATION_PATH] = {"operation.path", "WAITED/min", "s",
                        "Of it what people waited for: on critical paths, a minute.", COLUMN_REAL,
                        COLUMN_RANK, 11},
    [OPERATION_NOW] = {"operation.current", "NOW", "", "Running at the end of the span.",
                       COLUMN_INTEGER, COLUMN_HIDDEN, 5},
    [OPERATION_MOST] = {"operation.high_water", "MOST", "", "Most that ran at once.",
                        COLUMN_INTEGER, 0, 5},
    [OPERATION_CALLERS] = {"operation.callers", "CALLED BY", "", "What calls it, most often first.",
                           COLUMN_TEXT, 0, 0},
};

static const struct table_def def = {
    .name = "request_operations",
    .title = "Operations",
    .text = "What requests do inside.",
    .columns = columns,
    .column_count = ARRAY_SIZE(columns),
    .sort_column = OPERATION_PATH,
};

static const char *const order[] = {
    "operation.level",
    "operation.name",
    "operation.system",
    "operation.rate",
    "operation.duration.p50",
    "operation.duration.p95",
    "operation.error.ratio",
    "operation.path",
    "operation.time",
    "operation.high_water",
    "service.name",
    "operation.callers",
    NULL,
};

static const char *const narrow_order[] = {
    "operation.level",        "operation.name",        "operation.system", "operation.rate",
    "operation.duration.p95", "operation.error.ratio", "operation.path",   NULL,
};

/* ---- the graph ---- */

/* Made of the set that is shown; a new one every few seconds is enough, and at once when something
 * else is looked at. */
bool
request_graph_work(struct requests *requests, const struct panel_context *context, int64_t until_ns)
{
    int64_t now_ns = context->picture->mono_ns;
    bool due = requests->graph == NULL || now_ns >= requests->graph_due_ns ||
               now_ns < requests->graph_due_ns - GRAPH_EVERY_NS || requests->graph_anew;
    if (requests->graph_making == NULL) {
        if (requests->shown.traces == NULL || requests->graph_serial == requests->serial || !due) {
            return false;
        }
        requests->graph_making = trace_graph_new(&requests->shown, requests->shown_s);
        requests->graph_serial = requests->serial;
        requests->graph_due_ns = now_ns + GRAPH_EVERY_NS;
        requests->graph_anew = false;
    }
    if (requests->graph_making == NULL || !trace_graph_step(requests->graph_making, until_ns)) {
        return requests->graph_making != NULL;
    }
    struct trace_graph *before = requests->graph;
    requests->graph = requests->graph_making;
    requests->graph_making = NULL;
    requests->graph_number++;
    trace_graph_free(before);
    return true;
}

/* ---- rows ---- */

static bool
is_wanted(const struct trace_operation *operation, bool agents)
{
    static const bool database[TRACE_SYSTEMS] = {
        [SYSTEM_DB] = true, [SYSTEM_CACHE] = true, [SYSTEM_POOL] = true};
    static const bool agent[TRACE_SYSTEMS] = {
        [SYSTEM_TOOL] = true, [SYSTEM_MODEL] = true, [SYSTEM_AGENT] = true};
    return operation->system < TRACE_SYSTEMS && (agents ? agent : database)[operation->system];
}

static double
error_ratio(const struct trace_numbers *numbers)
{
    return numbers->count > 0 ? numbers->errors / numbers->count : (double)NAN;
}

static enum level
level_of(const struct trace_operation *operation, double slow_s)
{
    double errors = error_ratio(&operation->numbers);
    return errors >= 0.05                                                         ? LEVEL_CRITICAL
           : errors >= 0.01 || (slow_s > 0 && operation->numbers.p95_s >= slow_s) ? LEVEL_WARNING
                                                                                  : LEVEL_NORMAL;
}

/* "tool_execution 96 %, GET /orders 4 %" */
static const char *
callers_text(const struct trace_graph *graph, uint32_t index, struct arena *arena)
{
    uint32_t calls[CALLERS_SHOWN];
    char text[512] = "";
    size_t count = trace_graph_callers(graph, index, calls, CALLERS_SHOWN);
    double all = graph->operations[index].numbers.count;
    for (size_t i = 0; i < MIN(count, (size_t)CALLERS_SHOWN); i++) {
        const struct trace_edge *edge = &graph->calls[calls[i]];
        size_t n = strlen(text);
        snprintf(text + n, sizeof(text) - n, "%s%s %.0f %%", i > 0 ? ", " : "",
                 edge->from != TRACE_NONE ? graph->operations[edge->from].name : "(request)",
                 all > 0 ? edge->numbers.count / all * 100 : 0);
    }
    if (count > CALLERS_SHOWN) {
        strlcat(text, " …", sizeof(text));
    }
    return arena_text(arena, text, strlen(text));
}

static void
add(struct requests *requests, struct request_sheet *sheet, uint32_t index)
{
    const struct trace_graph *graph = requests->graph;
    const struct trace_operation *operation = &graph->operations[index];
    const struct trace_numbers *numbers = &operation->numbers;
    union cell *row = request_sheet_add(sheet, operation);
    if (row == NULL) {
        return;
    }
    double minutes = MAX(graph->span_s / 60, 1.0); /* seconds do not foretell a minute */
    double mean_s = isnan(numbers->mean_s) ? 0 : numbers->mean_s;
    double slow_s = operation->system == SYSTEM_DB ? requests->shown.traces->slow_query_s : 0;
    row[OPERATION_KEY].integer =
        (int64_t)(hash_mix(hash_text(operation->service), hash_text(operation->name)) & INT64_MAX);
    row[OPERATION_LEVEL].integer = (int64_t)level_of(operation, slow_s);
    row[OPERATION_NAME].text = operation->name;
    row[OPERATION_KIND].text = trace_system_name(operation->system);
    row[OPERATION_SERVICE].text = operation->service;
    row[OPERATION_RATE].real = numbers->rate;
    row[OPERATION_P50].real = numbers->p50_s;
    row[OPERATION_P95].real = numbers->p95_s;
    row[OPERATION_ERRORS].real = error_ratio(numbers);
    row[OPERATION_TIME].real = mean_s * numbers->count / minutes;
    row[OPERATION_PATH].real = operation->path_s / minutes;
    row[OPERATION_NOW].integer = operation->current;
    row[OPERATION_MOST].integer = operation->high_water;
    row[OPERATION_CALLERS].text = callers_text(graph, index, &sheet->arenas[sheet->arena]);
}

static void
dress(const struct table_view *view, const struct panel_context *context, size_t row, int column,
      char *text, size_t size, struct style *style)
{
    const struct request_sheet *sheet = (const struct request_sheet *)(const void *)view;
    const union cell *cells = table_row(sheet->table, row);
    bool ascii = context->glyphs == GLYPHS_ASCII;
    enum level level = (enum level)cells[OPERATION_LEVEL].integer;
    if (column == OPERATION_LEVEL) {
        size_t n = utf8_put(glyph_level(context->glyphs, level), text);
        text[n] = '\0';
        style->fg = level_role(level);
    } else if (column == OPERATION_P50 || column == OPERATION_P95 || column == OPERATION_TIME ||
               column == OPERATION_PATH) {
        unit_format(cells[column].real, "s", ascii, text, size);
    }
}

void
request_operations_init(struct request_sheet *sheet)
{
    table_view_init(&sheet->view, order, NULL, "operation.name");
    sheet->view.dress = dress;
    sheet->order = order;
    sheet->narrow_order = narrow_order;
}

void
request_operations_fill(struct requests *requests, struct request_sheet *sheet, bool agents)
{
    const struct trace_graph *graph = requests->graph;
    if (graph == NULL || sheet->serial == requests->graph_number ||
        !request_sheet_begin(sheet, &def, graph->operation_count)) {
        return;
    }
    sheet->serial = requests->graph_number;
    for (uint32_t i = 0; i < graph->operation_count; i++) {
        if (is_wanted(&graph->operations[i], agents)) {
            add(requests, sheet, i);
        }
    }
}

/* ---- drawing ---- */

/* Who calls the selected one, and who calls those, up to the requests. */
static void
draw_callers(struct requests *requests, const struct panel_context *context,
             const struct trace_operation *operation, struct canvas *canvas, struct rect area)
{
    char title[REQUEST_NAME], clean[REQUEST_NAME];
    struct request_tree *tree = &requests->callers;
    uint32_t index = (uint32_t)(operation - requests->graph->operations);
    if (tree->number != requests->graph_number || tree->node != index) {
        request_tree_up(tree, requests->graph, index);
        tree->number = requests->graph_number;
    }
    utf8_clean(str_from(operation->name), clean, sizeof(clean) - 16);
    snprintf(title, sizeof(title), "Who calls %.200s", clean);
    frame_draw(canvas, area, title, "", false);
    request_tree_draw(
        tree, context, canvas,
        (struct rect){area.x + 1, area.y + 1, area.width - 2, MAX(area.height - 2, 0)}, false);
}

void
request_operations_draw(struct requests *requests, const struct panel_context *context,
                        struct request_sheet *sheet, struct canvas *canvas, struct rect area,
                        bool focused)
{
    int rows = sheet->table != NULL ? (int)MIN(sheet->table->count, (size_t)area.height) : 0;
    int drawer = MIN(MAX(CALLER_ROWS, area.height - rows - 2), area.height / 2) + 2;
    bool shown = area.height >= 2 * CALLER_ROWS_MIN + 4;
    struct rect table = area;
    table.height -= shown ? drawer : 0;
    if (sheet->table != NULL && sheet->table->count == 0) {
        const char *none = sheet == &requests->agent_sheet
                               ? "No agents, tools or models here: spans with gen_ai.* or mcp.* "
                                 "attributes, or tool.name, are shown."
                               : "No queries here: client spans with db.system.name (or db.system) "
                                 "and db.query.text are shown.";
        canvas_text(canvas, area.x + 1, area.y, area.width - 2, str_from(none),
                    (struct style){.fg = ROLE_DIM});
        return;
    }
    request_sheet_draw(sheet, context, canvas, table, focused);
    const struct trace_operation *operation = request_sheet_selected(sheet);
    if (shown && operation != NULL) {
        draw_callers(requests, context, operation, canvas,
                     (struct rect){area.x, area.y + table.height, area.width, drawer});
    }
}

bool
request_trace_calls(const struct trace *trace, const struct trace_operation *operation)
{
    const struct trace_span *spans = trace_spans(trace);
    for (uint32_t i = 0; i < trace->span_count; i++) {
        struct str label = waterfall_label(trace, i);
        if (spans[i].system == operation->system && str_is(label, operation->name)) {
            return true;
        }
    }
    return false;
}
