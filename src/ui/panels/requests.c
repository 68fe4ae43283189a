/* The requests view: latency over time above, pages of groups, single requests, calls, queries and
 * agents below, and one request when it is opened.
 *
 * Invariant: drawing and keys never take longer than a slice of work. Sets, groups, graphs and
 * flame graphs are made in steps while the panel is drawn, which asks to be drawn again until all
 * is done; what was shown before stays until what takes its place is whole. */
#include "request.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/clock.h"
#include "flametop/base/utf8.h"
#include "flametop/core/unit.h"
#include "flametop/ui/term.h"

#define SLICE_NS (6 * NS_PER_MS)
#define HEAT_ROWS_MIN 6
#define HEAT_ROWS_MAX 12
#define HEAT_ROWS_MOST 15 /* where the page leaves room */
#define PAGE_EDGES 4      /* tabs, head of the table, a blank, what is looked at */
#define HEAT_HEIGHT 16    /* lower panels have no heatmap */
#define STATUS_HEIGHT 8   /* nor these a line that says what is looked at */

static const struct style style_dim = {.fg = ROLE_DIM};

static const struct {
    const char *title, *short_title;
} pages[REQUEST_PAGES] = {
    [REQUEST_GROUPS] = {"Groups", "Groups"},
    [REQUEST_SLOWEST] = {"Slowest", "Slowest"},
    [REQUEST_RUNNING] = {"Running now", "Running"},
    [REQUEST_SERVICES] = {"Services", "Services"},
    [REQUEST_CALLS] = {"Calls", "Calls"},
    [REQUEST_QUERIES] = {"Queries", "Queries"},
    [REQUEST_AGENTS] = {"Agents and tools", "Agents"},
    [REQUEST_DIFFER] = {"Selection", "Selection"},
    [REQUEST_ANSWER] = {"Answer", "Answer"},
};

static void
requests_close(void *state)
{
    struct requests *requests = state;
    if (requests == NULL) {
        return;
    }
    trace_flame_free(requests->flame);
    trace_differ_free(requests->differ_making);
    trace_differ_free(requests->differ);
    trace_graph_free(requests->graph_making);
    trace_graph_free(requests->graph);
    trace_groups_free(requests->groups);
    trace_heat_free(requests->heat.heat);
    trace_query_free(requests->answer);
    request_sample_done(&requests->job[0]);
    request_sample_done(&requests->job[1]);
    request_sample_done(&requests->mark);
    trace_set_done(&requests->shown);
    trace_set_done(&requests->making);
    trace_set_done(&requests->differ_rest);
    request_wishes_done(requests);
    request_sheet_done(&requests->group_sheet);
    request_sheet_done(&requests->slow_sheet);
    request_sheet_done(&requests->running_sheet);
    request_sheet_done(&requests->query_sheet);
    request_sheet_done(&requests->agent_sheet);
    request_icicle_done(&requests->icicle);
    request_tree_done(&requests->tree);
    request_tree_done(&requests->callers);
    request_lines_done(&requests->answer_lines);
    waterfall_done(&requests->waterfall);
    arena_done(&requests->names);
    free(requests);
}

static void *
requests_open(struct catalog *catalog)
{
    struct requests *requests = calloc(1, sizeof(*requests));
    if (requests == NULL) {
        return NULL;
    }
    requests->catalog = catalog;
    arena_init(&requests->names, 1 << 16);
    struct request_sheet *sheets[] = {&requests->group_sheet, &requests->slow_sheet,
                                      &requests->running_sheet, &requests->query_sheet,
                                      &requests->agent_sheet};
    for (size_t i = 0; i < ARRAY_SIZE(sheets); i++) {
        sheets[i]->requests = requests;
    }
    request_groups_init(&requests->group_sheet);
    request_list_init(&requests->slow_sheet);
    request_list_init(&requests->running_sheet);
    requests->running_sheet.view.nothing =
        "No request runs now: what has begun and has not ended stands here.";
    request_operations_init(&requests->query_sheet);
    request_operations_init(&requests->agent_sheet);
    request_icicle_init(&requests->icicle);
    request_tree_init(&requests->tree);
    request_tree_init(&requests->callers);
    request_lines_init(&requests->answer_lines);
    waterfall_init(&requests->waterfall, catalog);
    requests->groups = trace_groups_new();
    requests->heat.heat = trace_heat_new();
    if (requests->groups == NULL || requests->heat.heat == NULL) {
        requests_close(requests);
        return NULL;
    }
    return requests;
}

static bool
requests_have_data(void *state, const struct panel_context *context)
{
    const struct traces *traces = context->picture->traces;
    (void)state;
    return traces != NULL && traces->count > 0;
}

/* ---- work ---- */

static bool
shows_heat(const struct requests *requests)
{
    return requests->page == REQUEST_GROUPS || requests->page == REQUEST_SLOWEST ||
           requests->page == REQUEST_RUNNING || requests->page == REQUEST_DIFFER;
}

static struct request_sheet *
sheet_of(struct requests *requests)
{
    static const size_t none = SIZE_MAX;
    const size_t offsets[REQUEST_PAGES] = {
        [REQUEST_GROUPS] = offsetof(struct requests, group_sheet),
        [REQUEST_SLOWEST] = offsetof(struct requests, slow_sheet),
        [REQUEST_RUNNING] = offsetof(struct requests, running_sheet),
        [REQUEST_SERVICES] = none,
        [REQUEST_CALLS] = none,
        [REQUEST_QUERIES] = offsetof(struct requests, query_sheet),
        [REQUEST_AGENTS] = offsetof(struct requests, agent_sheet),
        [REQUEST_DIFFER] = none,
        [REQUEST_ANSWER] = none,
    };
    size_t offset = offsets[requests->page];
    return offset != none ? (struct request_sheet *)(void *)((char *)requests + offset) : NULL;
}

/* Rows of the page out of what there is; quick. */
static void
fill(struct requests *requests, const struct panel_context *context)
{
    enum request_page page = requests->page;
    bool services = page == REQUEST_SERVICES;
    if (page == REQUEST_SLOWEST || page == REQUEST_RUNNING) {
        request_list_fill(requests, context, sheet_of(requests), page == REQUEST_RUNNING);
    } else if (page == REQUEST_QUERIES || page == REQUEST_AGENTS) {
        request_operations_fill(requests, sheet_of(requests), page == REQUEST_AGENTS);
    } else if ((services || page == REQUEST_CALLS) && requests->graph != NULL &&
               (requests->tree.number != requests->graph_number ||
                requests->tree.services != services)) {
        request_tree_down(&requests->tree, requests->graph, services);
        requests->tree.number = requests->graph_number;
    }
}

/* Before a key or a click: the page may be another than was drawn last, and what its rows were of
 * may be gone since. */
static void
refresh(struct requests *requests, const struct panel_context *context)
{
    fill(requests, context);
    struct request_sheet *sheet = sheet_of(requests);
    if (sheet != NULL && sheet->table != NULL) {
        table_view_update(&sheet->view, sheet->table, context->picture);
    }
}

static void
count_running(struct requests *requests)
{
    requests->running = 0;
    for (size_t i = 0; i < requests->shown.count; i++) {
        requests->running += (requests->shown.list[i]->flags & TRACE_UNFINISHED) != 0;
    }
}

/* Answers whether there is more to do. What is on the screen comes first. */
static bool
work(struct requests *requests, const struct panel_context *context)
{
    int64_t until_ns = clock_mono_ns() + SLICE_NS;
    uint64_t serial = requests->serial;
    bool more = waterfall_work(&requests->waterfall, until_ns);
    more |= request_flame_work(requests, context, until_ns);
    more |= request_scope_work(requests, context, until_ns);
    if (serial != requests->serial) {
        count_running(requests);
    }
    if (shows_heat(requests)) {
        more |= request_heat_work(requests, context, until_ns);
    }
    if (requests->page == REQUEST_GROUPS) {
        more |= request_groups_work(requests, context, until_ns);
    } else if (requests->page == REQUEST_DIFFER) {
        more |= request_icicle_work(requests, until_ns);
        more |= request_differ_work(requests, context, until_ns);
    }
    more |= request_graph_work(requests, context, until_ns);
    more |= request_answer_work(requests, context, until_ns);
    fill(requests, context);
    return more;
}

/* ---- drawing ---- */

static bool
is_there(const struct requests *requests, enum request_page page)
{
    return (page != REQUEST_DIFFER || requests->rectangle.on) &&
           (page != REQUEST_ANSWER || requests->answer != NULL);
}

static void
page_title(const struct requests *requests, enum request_page page, bool narrow, char *dst,
           size_t size)
{
    snprintf(dst, size, "%s", narrow ? pages[page].short_title : pages[page].title);
    const struct table *slow = requests->slow_sheet.table;
    if (page == REQUEST_SLOWEST && slow != NULL && slow->total > slow->count) {
        size_t n = strlen(dst);
        snprintf(dst + n, size - n, " %zu of %zu", slow->count, slow->total);
    }
    if (page == REQUEST_RUNNING && requests->running > 0) {
        size_t n = strlen(dst);
        snprintf(dst + n, size - n, " %zu", requests->running);
    }
}

static void
draw_tabs(struct requests *requests, struct canvas *canvas, struct rect row)
{
    static const char hint[] = ", . pages";
    int x = row.x + 1, end = row.x + row.width;
    requests->tab_y = row.y;
    memset(requests->tab_width, 0, sizeof(requests->tab_width));
    for (size_t i = 0; i < REQUEST_PAGES; i++) {
        char title[64];
        bool current = requests->page == (enum request_page)i;
        if (!is_there(requests, (enum request_page)i)) {
            continue;
        }
        page_title(requests, (enum request_page)i, row.width < 100, title, sizeof(title));
        requests->tab_x[i] = x;
        requests->tab_width[i] =
            canvas_text(canvas, x, row.y, MAX(end - x, 0), str_from(title),
                        current ? (struct style){.fg = ROLE_TAB_ACTIVE,
                                                 .attributes = CELL_BOLD | CELL_UNDERLINE}
                                : style_dim);
        x += requests->tab_width[i] + 2;
    }
    if (x + (int)sizeof(hint) < end) {
        canvas_text_right(canvas, end - (int)sizeof(hint), row.y, (int)sizeof(hint) - 1, STR(hint),
                          (struct style){.fg = ROLE_KEY});
    }
}

static void
join(char *dst, size_t size, const char *text)
{
    if (text[0] != '\0') {
        strlcat(dst, dst[0] != '\0' ? " · " : "", size);
        strlcat(dst, text, size);
    }
}

/* What is looked at, what counts as slow, and how much the traces can tell. */
static void
draw_status(const struct requests *requests, const struct panel_context *context,
            struct canvas *canvas, struct rect row)
{
    const struct traces *traces = context->picture->traces;
    const struct request_wish *wish = requests->wish;
    bool ascii = context->glyphs == GLYPHS_ASCII;
    char text[1024] = "", part[REQUEST_NAME + 64], slow[REQUEST_TEXT], query[REQUEST_TEXT];
    if (requests->flame != NULL) {
        snprintf(part, sizeof(part), "adding up the flame graph … %.0f %%",
                 trace_flame_progress(requests->flame) * 100);
        join(text, sizeof(text), part);
    }
    if (wish != NULL && wish->filter_text[0] != '\0') {
        snprintf(part, sizeof(part), "filter %.200s", wish->filter_text);
        join(text, sizeof(text), part);
    }
    if (requests->mark.name[0] != '\0') {
        snprintf(part, sizeof(part), "marked: %.120s", requests->mark.name);
        join(text, sizeof(text), part);
    }
    int x = row.x + 1, end = row.x + row.width - 1;
    x += canvas_text(canvas, x, row.y, end - x, str_from(text), (struct style){.fg = ROLE_MARK});
    bool before = text[0] != '\0';
    text[0] = '\0';
    if (traces->left > 0) {
        char size[32];
        unit_format((double)traces->left_bytes, "By", ascii, size, sizeof(size));
        snprintf(part, sizeof(part), "request of %s stays there: /api/v1/traces/%s", size,
                 traces->left_id);
        join(text, sizeof(text), part);
    }
    request_seconds_text(traces->slow_s, ascii, slow);
    request_seconds_text(traces->slow_query_s, ascii, query);
    snprintf(part, sizeof(part), "slow: %s, queries %s", slow, query);
    join(text, sizeof(text), part);
    if (traces->dropped > 0) {
        snprintf(part, sizeof(part), "%llu spans dropped", (unsigned long long)traces->dropped);
        join(text, sizeof(text), part);
    }
    x += before ? 3 : 0;
    if (requests->graph != NULL) {
        const struct trace_quality *quality = &requests->graph->quality;
        if (quality->sampled < 0.995) {
            snprintf(part, sizeof(part), "%.3g %% of requests are here, numbers are of all",
                     quality->sampled * 100);
            join(text, sizeof(text), part);
        }
        int room =
            end - x - (int)utf8_text_width(str_from(text)) - 3; /* what is left out is less */
        trace_quality_line(quality, part, CLAMP((size_t)MAX(room, 0) + 1, 16, sizeof(part)));
        join(text, sizeof(text), part);
    }
    canvas_text(canvas, x, row.y, MAX(end - x, 0), str_from(text), style_dim);
}

static void
draw_page(struct requests *requests, const struct panel_context *context, struct canvas *canvas,
          struct rect area, bool focused)
{
    struct request_sheet *sheet = sheet_of(requests);
    requests->content = area;
    switch (requests->page) {
    case REQUEST_QUERIES:
    case REQUEST_AGENTS:
        request_operations_draw(requests, context, sheet, canvas, area, focused);
        break;
    case REQUEST_SERVICES:
    case REQUEST_CALLS:
        if (requests->graph == NULL) {
            canvas_text(canvas, area.x + 1, area.y, area.width - 2, STR("following calls …"),
                        style_dim);
        } else {
            request_tree_draw(&requests->tree, context, canvas, area, focused);
        }
        break;
    case REQUEST_DIFFER:
        request_differ_draw(requests, context, canvas, area);
        break;
    case REQUEST_ANSWER:
        request_lines_draw(&requests->answer_lines, canvas,
                           (struct rect){area.x + 1, area.y, area.width - 2, area.height});
        break;
    default:
        request_sheet_draw(sheet, context, canvas, area, focused);
        break;
    }
}

static void
draw_nothing(const struct requests *requests, struct canvas *canvas, struct rect area)
{
    const struct request_wish *wish = requests->wish;
    bool filtered = wish != NULL && wish->filter_text[0] != '\0';
    canvas_printf(canvas, area.x + 1, area.y, area.width - 2, style_dim,
                  filtered ? "No request of this span matches the filter “%s”: Esc clears it, w "
                             "shows more time."
                           : "No requests in this span of time%s: w shows more, r goes to now.",
                  filtered ? wish->filter_text : "");
}

/* A third, and what a short page leaves over. */
static int
heat_height(struct requests *requests, int height)
{
    const struct request_sheet *sheet = sheet_of(requests);
    int rows = CLAMP(height / 3, HEAT_ROWS_MIN, HEAT_ROWS_MAX);
    if (requests->page == REQUEST_GROUPS && sheet->table != NULL) {
        int left = height - 2 - (int)MIN(sheet->table->count, (size_t)height) - PAGE_EDGES;
        rows = MIN(MAX(rows, left), HEAT_ROWS_MOST);
    }
    return rows + 2;
}

static void
requests_draw(void *state, const struct panel_context *context, struct canvas *canvas,
              struct rect area, bool focused)
{
    struct requests *requests = state;
    if (work(requests, context)) {
        panel_again(context);
    }
    if (requests->waterfall.trace != NULL) {
        waterfall_renew(&requests->waterfall, context->picture->traces);
        waterfall_draw(&requests->waterfall, context, canvas, area, focused);
        return;
    }
    bool heat = shows_heat(requests) && area.height >= HEAT_HEIGHT;
    requests->heat_focused = requests->heat_focused && heat;
    if (heat) {
        int height = heat_height(requests, area.height);
        request_heat_draw(requests, context, canvas,
                          (struct rect){area.x, area.y, area.width, height},
                          focused && requests->heat_focused);
        area.y += height;
        area.height -= height;
    }
    draw_tabs(requests, canvas, (struct rect){area.x, area.y, area.width, 1});
    area.y++;
    area.height--;
    if (area.height >= STATUS_HEIGHT - 2) {
        area.height--;
        draw_status(requests, context, canvas,
                    (struct rect){area.x, area.y + area.height, area.width, 1});
    }
    if (requests->shown.count == 0 && requests->serial > 0 && requests->page != REQUEST_ANSWER) {
        draw_nothing(requests, canvas, area);
    } else {
        draw_page(requests, context, canvas, area, focused && !requests->heat_focused);
    }
}

/* ---- commands ---- */

static void
look_at_others(struct requests *requests)
{
    requests->graph_anew = true;
    requests->group_sheet.view.pinned = false;
}

static void
open_group(struct requests *requests, const struct panel_context *context)
{
    const struct trace_group *group = request_sheet_selected(&requests->group_sheet);
    if (group != NULL && request_set_wish(requests, context, NULL, group)) {
        requests->page = REQUEST_SLOWEST;
        requests->slow_sheet.view.pinned = false;
        look_at_others(requests);
    }
}

static void
open_trace(struct requests *requests, const struct panel_context *context)
{
    const struct trace *trace = request_sheet_selected(sheet_of(requests));
    if (trace != NULL && !waterfall_open(&requests->waterfall, requests->shown.traces, trace)) {
        panel_say(context, "there is not enough memory for this");
    }
}

/* Requests with one more term in the filter. */
static void
add_filter(struct requests *requests, const struct panel_context *context, const char *field,
           const char *value, enum request_page page)
{
    char text[TRACE_FILTER_BYTES_MAX];
    const char *before = requests->wish != NULL ? requests->wish->filter_text : "";
    if (strchr(value, '"') != NULL) {
        panel_say(context, "f filters: this name has quotes in it");
        return;
    }
    snprintf(text, sizeof(text), "%s%s%s=\"%s\"", before, before[0] != '\0' ? " " : "", field,
             value);
    if (request_set_wish(requests, context, text, NULL)) {
        requests->page = page;
        look_at_others(requests);
    }
}

static void
open_node(struct requests *requests, const struct panel_context *context)
{
    const struct request_tree_row *row = request_tree_selected(&requests->tree);
    const struct trace_graph *graph = requests->graph;
    if (row == NULL || graph == NULL || requests->tree.number != requests->graph_number) {
        return;
    }
    if (requests->tree.services && graph->services[row->node].foreign) {
        panel_say(context, "%.60s sends no spans: its calls are on the page of queries",
                  graph->services[row->node].name);
    } else if (requests->tree.services) {
        add_filter(requests, context, "service", graph->services[row->node].name, REQUEST_GROUPS);
    } else {
        add_filter(requests, context, "name", graph->operations[row->node].name, REQUEST_SLOWEST);
    }
}

static void
open_operation(struct requests *requests, const struct panel_context *context)
{
    const struct trace_operation *operation = request_sheet_selected(sheet_of(requests));
    if (operation != NULL) {
        add_filter(requests, context, "name", operation->name, REQUEST_SLOWEST);
    }
}

static void
do_open(struct requests *requests, const struct panel_context *context, const char *argument)
{
    static void (*const opens[REQUEST_PAGES])(struct requests *, const struct panel_context *) = {
        [REQUEST_GROUPS] = open_group,     [REQUEST_SLOWEST] = open_trace,
        [REQUEST_RUNNING] = open_trace,    [REQUEST_SERVICES] = open_node,
        [REQUEST_CALLS] = open_node,       [REQUEST_QUERIES] = open_operation,
        [REQUEST_AGENTS] = open_operation, [REQUEST_DIFFER] = request_flame_open,
    };
    (void)argument;
    if (opens[requests->page] != NULL) {
        opens[requests->page](requests, context);
    }
}

static void
step_page(struct requests *requests, size_t step)
{
    size_t page = requests->page;
    do {
        page = (page + step) % REQUEST_PAGES;
    } while (!is_there(requests, (enum request_page)page));
    requests->page = (enum request_page)page;
}

/* From an open request to its neighbour in the list it was opened from. */
static void
step_request(struct requests *requests, const struct panel_context *context, const char *move)
{
    struct request_sheet *sheet = sheet_of(requests);
    if (requests->page != REQUEST_SLOWEST && requests->page != REQUEST_RUNNING) {
        return;
    }
    table_view_update(&sheet->view, sheet->table, context->picture);
    table_view_command(&sheet->view, context, move, "");
    open_trace(requests, context);
}

static void
do_page_next(struct requests *requests, const struct panel_context *context, const char *argument)
{
    (void)argument;
    if (requests->waterfall.trace != NULL) {
        step_request(requests, context, "move.down");
    } else {
        step_page(requests, 1);
    }
}

static void
do_page_previous(struct requests *requests, const struct panel_context *context,
                 const char *argument)
{
    (void)argument;
    if (requests->waterfall.trace != NULL) {
        step_request(requests, context, "move.up");
    } else {
        step_page(requests, REQUEST_PAGES - 1);
    }
}

static void
do_filter(struct requests *requests, const struct panel_context *context, const char *argument)
{
    struct request_wish *before = requests->wish;
    const bool grouped = before != NULL && before->grouped;
    char name[REQUEST_NAME];
    struct trace_group group = {.key = grouped ? before->key : 0, .name = name};
    struct trace_grouping grouping = requests->grouping;
    if (grouped) { /* it stays within its group */
        strlcpy(name, before->name, sizeof(name));
        requests->grouping = before->grouping;
    }
    if (request_set_wish(requests, context, argument, grouped ? &group : NULL)) {
        look_at_others(requests);
    }
    requests->grouping = grouping;
}

static void
do_group(struct requests *requests, const struct panel_context *context, const char *argument)
{
    request_groups_menu(requests, context, argument);
    requests->page = argument[0] != '\0' ? REQUEST_GROUPS : requests->page;
}

static void
do_copy(struct requests *requests, const struct panel_context *context, const char *argument)
{
    char id[2 * SPAN_ID_BYTES_MAX + 1];
    const struct trace *trace = requests->waterfall.trace;
    struct request_sheet *sheet = sheet_of(requests);
    (void)argument;
    if (trace == NULL && (requests->page == REQUEST_SLOWEST || requests->page == REQUEST_RUNNING)) {
        trace = request_sheet_selected(sheet);
    }
    if (trace != NULL) {
        panel_copy(context, str_from(trace_id_text(trace, id, sizeof(id))));
    } else if (sheet != NULL && sheet->table != NULL) {
        table_view_command(&sheet->view, context, "copy", "");
    }
}

static void
do_flame(struct requests *requests, const struct panel_context *context, const char *argument)
{
    (void)argument;
    request_flame_open(requests, context);
}

static void
do_mark(struct requests *requests, const struct panel_context *context, const char *argument)
{
    (void)argument;
    request_flame_mark(requests, context);
}

static void
do_compare(struct requests *requests, const struct panel_context *context, const char *argument)
{
    (void)argument;
    request_flame_compare(requests, context);
}

static void
do_export(struct requests *requests, const struct panel_context *context, const char *argument)
{
    char id[2 * SPAN_ID_BYTES_MAX + 1];
    const struct trace *trace = requests->waterfall.trace;
    if (trace == NULL && (requests->page == REQUEST_SLOWEST || requests->page == REQUEST_RUNNING)) {
        trace = request_sheet_selected(sheet_of(requests));
    }
    if (trace == NULL) {
        panel_say(context, "a single request is exported: move to one, or open it; F and then e "
                           "write a flame graph");
    } else if (argument[0] == '\0') {
        char name[64];
        snprintf(name, sizeof(name), "trace-%.16s.json", trace_id_text(trace, id, sizeof(id)));
        panel_prompt(context, "export as", name, "export");
    } else {
        panel_save_trace(context, trace, argument);
    }
}

static void
do_select(struct requests *requests, const struct panel_context *context, const char *argument)
{
    (void)argument;
    if (!shows_heat(requests)) {
        requests->page = REQUEST_GROUPS;
    }
    if (!request_heat_command(requests, context, "select")) {
        panel_say(context, "there is no room for the heatmap: make the terminal higher");
    }
}

static void
do_query(struct requests *requests, const struct panel_context *context, const char *argument)
{
    requests->page_before =
        requests->page == REQUEST_ANSWER ? requests->page_before : requests->page;
    request_ask(requests, context, argument);
}

static const struct {
    const char *name;
    void (*run)(struct requests *requests, const struct panel_context *context,
                const char *argument);
    bool anywhere; /* while a request is open, too */
} commands[] = {
    {"open", do_open, false},
    {"page.next", do_page_next, true},
    {"page.previous", do_page_previous, true},
    {"filter.set", do_filter, false},
    {"request.group", do_group, false},
    {"select", do_select, false},
    {"copy", do_copy, true},
    {"flame.open", do_flame, true},
    {"mark", do_mark, true},
    {"compare", do_compare, true},
    {"export", do_export, true},
    {"query", do_query, true},
};

/* What is open goes first, then what is filtered; the latest first. `quits`: only what is open. */
static bool
escape(struct requests *requests, const struct panel_context *context, bool quits)
{
    struct request_wish *wish = requests->wish;
    struct request_sheet *sheet = sheet_of(requests);
    if (sheet != NULL && !quits && sheet->view.search[0] != '\0') {
        sheet->view.search[0] = '\0';
    } else if (requests->page == REQUEST_ANSWER) {
        requests->page = requests->page_before;
    } else if (requests->rectangle.on) {
        requests->rectangle.on = false;
        requests->page = wish != NULL && wish->grouped ? REQUEST_SLOWEST : REQUEST_GROUPS;
    } else if (wish != NULL && wish->grouped) {
        request_set_wish(requests, context, NULL, NULL);
        requests->page = REQUEST_GROUPS;
    } else if (!quits && wish != NULL && wish->filter_text[0] != '\0') {
        request_set_wish(requests, context, "", NULL);
    } else if (requests->heat_focused) {
        requests->heat_focused = false;
    } else {
        return false;
    }
    requests->graph_anew = true;
    return true;
}

static bool
close_one(struct requests *requests, const struct panel_context *context, const char *name)
{
    bool quits = strcmp(name, "close") == 0;
    if (requests->waterfall.trace != NULL) {
        if (!waterfall_command(&requests->waterfall, context, name, "")) {
            waterfall_close(&requests->waterfall);
        }
        return true;
    }
    if (requests->waterfall.coming != NULL) { /* what is being opened is not wanted any more */
        waterfall_close(&requests->waterfall);
        return true;
    }
    if (requests->heat.selecting) {
        return request_heat_command(requests, context, "escape");
    }
    return escape(requests, context, quits);
}

/* From the heatmap to the page and back. */
static bool
step_panel(struct requests *requests, const char *name)
{
    bool forward = strcmp(name, "panel.next") == 0 || strcmp(name, "panel.first") == 0;
    if (requests->waterfall.trace != NULL || !shows_heat(requests)) {
        return false;
    }
    if (strcmp(name, "panel.first") == 0 || strcmp(name, "panel.last") == 0) {
        requests->heat_focused = forward;
        return true;
    }
    bool inside = forward ? requests->heat_focused : !requests->heat_focused;
    requests->heat_focused = !requests->heat_focused;
    return inside || requests->heat.columns > 0;
}

static bool
to_page(struct requests *requests, const struct panel_context *context, const char *name,
        const char *argument)
{
    struct request_sheet *sheet = sheet_of(requests);
    if (sheet != NULL && sheet->table != NULL) {
        table_view_update(&sheet->view, sheet->table, context->picture);
        return table_view_command(&sheet->view, context, name, argument) != REACTION_NONE;
    }
    if (requests->page == REQUEST_SERVICES || requests->page == REQUEST_CALLS) {
        return request_tree_move(&requests->tree, name);
    }
    return requests->page == REQUEST_ANSWER && request_lines_move(&requests->answer_lines, name);
}

static enum reaction
requests_command(void *state, const struct panel_context *context, const char *name,
                 const char *argument)
{
    struct requests *requests = state;
    bool open = requests->waterfall.trace != NULL, done = false;
    if (context->picture->traces == NULL) {
        return REACTION_NONE;
    }
    refresh(requests, context);
    if (strcmp(name, "escape") == 0 || strcmp(name, "close") == 0) {
        return close_one(requests, context, name) ? REACTION_HANDLED : REACTION_NONE;
    }
    if (strncmp(name, "panel.", 6) == 0) {
        return step_panel(requests, name) ? REACTION_HANDLED : REACTION_NONE;
    }
    done = open && waterfall_command(&requests->waterfall, context, name, argument);
    done =
        done || (!open && requests->heat_focused && request_heat_command(requests, context, name));
    for (size_t i = 0; i < ARRAY_SIZE(commands) && !done; i++) {
        if (strcmp(commands[i].name, name) == 0 && (!open || commands[i].anywhere)) {
            commands[i].run(requests, context, argument);
            done = true;
        }
    }
    done = done || (!open && to_page(requests, context, name, argument));
    return done ? REACTION_HANDLED : REACTION_NONE;
}

static const char *
requests_current(void *state, const char *command)
{
    struct requests *requests = state;
    const struct request_sheet *sheet = sheet_of(requests);
    if (strcmp(command, "filter.set") == 0) {
        return requests->wish != NULL ? requests->wish->filter_text : "";
    }
    if (strcmp(command, "query") == 0) {
        return requests->question;
    }
    if (strcmp(command, "search.set") == 0) {
        return requests->waterfall.trace != NULL ? requests->waterfall.search
               : sheet != NULL                   ? sheet->view.search
                                                 : "";
    }
    return NULL;
}

static bool
click_tab(struct requests *requests, int x, int y)
{
    for (size_t i = 0; i < REQUEST_PAGES && y == requests->tab_y; i++) {
        if (requests->tab_width[i] > 0 && x >= requests->tab_x[i] &&
            x < requests->tab_x[i] + requests->tab_width[i]) {
            requests->page = (enum request_page)i;
            return true;
        }
    }
    return false;
}

static bool
click_page(struct requests *requests, const struct panel_context *context, int x, int y, int button)
{
    struct request_sheet *sheet = sheet_of(requests);
    bool wheel = button == TERM_WHEEL_UP || button == TERM_WHEEL_DOWN;
    if (sheet != NULL && sheet->table != NULL) {
        table_view_mouse(&sheet->view, context, x, y, button);
    } else if (wheel) {
        to_page(requests, context, button == TERM_WHEEL_UP ? "move.up" : "move.down", "");
    } else if (requests->page == REQUEST_SERVICES || requests->page == REQUEST_CALLS) {
        struct request_tree *tree = &requests->tree;
        size_t row = tree->first + (size_t)MAX(y - tree->y, 0);
        tree->at = y >= tree->y && row < tree->count ? row : tree->at;
    }
    if (button == TERM_DOUBLE_CLICK && y > requests->content.y) {
        do_open(requests, context, "");
    }
    return true;
}

static enum reaction
requests_mouse(void *state, const struct panel_context *context, int x, int y, int button)
{
    struct requests *requests = state;
    bool moves = button == TERM_DRAG || button == TERM_RELEASE, hit = false;
    refresh(requests, context);
    if (requests->waterfall.trace != NULL) {
        hit = !moves && waterfall_mouse(&requests->waterfall, context, x, y, button);
    } else if (request_heat_mouse(requests, context, x, y, button)) {
        hit = true;
    } else if (!moves && y >= requests->tab_y) {
        requests->heat_focused = false;
        hit = click_tab(requests, x, y) || click_page(requests, context, x, y, button);
    }
    return hit ? REACTION_HANDLED : REACTION_NONE;
}

/* An agent sends requests to who looks at them. */
static void
requests_interest(void *state, const struct panel_context *context, struct interest *interest)
{
    (void)state;
    (void)context;
    interest->requests = true;
}

const struct panel panel_requests = {
    .name = "requests",
    .title = "Requests",
    .drags = true,
    .open = requests_open,
    .close = requests_close,
    .has_data = requests_have_data,
    .draw = requests_draw,
    .interest = requests_interest,
    .command = requests_command,
    .current = requests_current,
    .mouse = requests_mouse,
};
