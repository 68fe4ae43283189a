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
#include "flametop/core/link.h"
#include "flametop/core/unit.h"

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

bool
request_page_has_heat(const struct requests *requests)
{
    return requests->page == REQUEST_GROUPS || requests->page == REQUEST_SLOWEST ||
           requests->page == REQUEST_RUNNING || requests->page == REQUEST_DIFFER;
}

struct request_sheet *
request_page_sheet(struct requests *requests)
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
        request_list_fill(requests, context, request_page_sheet(requests), page == REQUEST_RUNNING);
    } else if (page == REQUEST_QUERIES || page == REQUEST_AGENTS) {
        request_operations_fill(requests, request_page_sheet(requests), page == REQUEST_AGENTS);
    } else if ((services || page == REQUEST_CALLS) && requests->graph != NULL &&
               (requests->tree.number != requests->graph_number ||
                requests->tree.services != services)) {
        request_tree_down(&requests->tree, requests->graph, services);
        requests->tree.number = requests->graph_number;
    }
}

void
request_refresh(struct requests *requests, const struct panel_context *context)
{
    fill(requests, context);
    struct request_sheet *sheet = request_page_sheet(requests);
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
    if (request_page_has_heat(requests)) {
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

bool
request_page_is_there(const struct requests *requests, enum request_page page)
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
        if (!request_page_is_there(requests, (enum request_page)i)) {
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

static void
left_text(const struct traces *traces, bool ascii, char *dst, size_t dst_size)
{
    char bytes[32], count[64] = "request";
    unit_format((double)traces->left_bytes, "By", ascii, bytes, sizeof(bytes));
    if (traces->left > 1) {
        snprintf(count, sizeof(count), "%llu requests stay there, the last",
                 (unsigned long long)traces->left);
    }
    snprintf(dst, dst_size, "%s of %s%s: /api/v1/traces/%s", count, bytes,
             traces->left > 1 ? "" : " stays there", traces->left_id);
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
        left_text(traces, ascii, part, sizeof(part));
        join(text, sizeof(text), part);
    }
    if (context->link != NULL && (context->link->coming & LINK_REQUESTS_COME) != 0) {
        double held = query_once(context->picture, "flametop.trace.count", NULL);
        snprintf(part, sizeof(part), "requests are coming: %zu of %.0f", traces->count,
                 MAX(held, (double)traces->count));
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
    struct request_sheet *sheet = request_page_sheet(requests);
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
    const struct request_sheet *sheet = request_page_sheet(requests);
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
    bool heat = request_page_has_heat(requests) && area.height >= HEAT_HEIGHT;
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
    .command = request_command,
    .current = request_current,
    .closes = request_closes,
    .mouse = request_mouse,
};
