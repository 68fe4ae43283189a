/* What keys and clicks do in the requests view: pages, what is opened and closed, filtered, marked
 * and written. */
#include "request.h"

#include <stdio.h>
#include <string.h>

#include "flametop/ui/term.h"

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
    const struct trace *trace = request_sheet_selected(request_page_sheet(requests));
    if (trace != NULL && !waterfall_open(&requests->waterfall, requests->shown.traces, trace)) {
        panel_say(context, "there is not enough memory for this");
    }
}

/* Requests with one more term in the filter, and of that service where one is given. */
static void
add_filter(struct requests *requests, const struct panel_context *context, const char *field,
           const char *value, const char *service, enum request_page page)
{
    char text[TRACE_FILTER_BYTES_MAX];
    const char *before = requests->wish != NULL ? requests->wish->filter_text : "";
    bool narrows = service[0] != '\0' && strchr(service, '"') == NULL;
    if (strchr(value, '"') != NULL) {
        panel_say(context, "f filters: this name has quotes in it");
        return;
    }
    snprintf(text, sizeof(text), "%s%s%s=\"%s\"%s%s%s", before, before[0] != '\0' ? " " : "", field,
             value, narrows ? " service=\"" : "", narrows ? service : "", narrows ? "\"" : "");
    if (request_set_wish(requests, context, text, NULL)) {
        requests->page = page;
        look_at_others(requests);
    }
}

/* Others may have operations of the same name. */
static void
filter_operation(struct requests *requests, const struct panel_context *context,
                 const struct trace_operation *operation)
{
    add_filter(requests, context, "name", operation->name, operation->service, REQUEST_SLOWEST);
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
        add_filter(requests, context, "service", graph->services[row->node].name, "",
                   REQUEST_GROUPS);
    } else {
        filter_operation(requests, context, &graph->operations[row->node]);
    }
}

static void
open_operation(struct requests *requests, const struct panel_context *context)
{
    const struct trace_operation *operation = request_sheet_selected(request_page_sheet(requests));
    if (operation != NULL) {
        filter_operation(requests, context, operation);
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
    } while (!request_page_is_there(requests, (enum request_page)page));
    requests->page = (enum request_page)page;
}

/* From an open request to its neighbour in the list it was opened from. */
static void
step_request(struct requests *requests, const struct panel_context *context, const char *move)
{
    struct request_sheet *sheet = request_page_sheet(requests);
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
    struct request_sheet *sheet = request_page_sheet(requests);
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
do_compare_before(struct requests *requests, const struct panel_context *context,
                  const char *argument)
{
    (void)argument;
    request_flame_before(requests, context);
}

static void
do_export(struct requests *requests, const struct panel_context *context, const char *argument)
{
    char id[2 * SPAN_ID_BYTES_MAX + 1];
    const struct trace *trace = requests->waterfall.trace;
    if (trace == NULL && (requests->page == REQUEST_SLOWEST || requests->page == REQUEST_RUNNING)) {
        trace = request_sheet_selected(request_page_sheet(requests));
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
    if (!request_page_has_heat(requests)) {
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
    {"compare.before", do_compare_before, true},
    {"export", do_export, true},
    {"query", do_query, true},
};

/* What is open goes first, then what is filtered; the latest first. `quits`: only what is open. */
static bool
escape(struct requests *requests, const struct panel_context *context, bool quits)
{
    struct request_wish *wish = requests->wish;
    struct request_sheet *sheet = request_page_sheet(requests);
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

bool
request_closes(const void *state)
{
    const struct requests *requests = state;
    return requests->waterfall.trace != NULL || requests->waterfall.coming != NULL ||
           requests->heat.selecting || requests->page == REQUEST_ANSWER || requests->rectangle.on ||
           requests->heat_focused || (requests->wish != NULL && requests->wish->grouped);
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
    if (requests->waterfall.trace != NULL || !request_page_has_heat(requests)) {
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
    struct request_sheet *sheet = request_page_sheet(requests);
    if (sheet != NULL && sheet->table != NULL) {
        table_view_update(&sheet->view, sheet->table, context->picture);
        return table_view_command(&sheet->view, context, name, argument) != REACTION_NONE;
    }
    if (requests->page == REQUEST_SERVICES || requests->page == REQUEST_CALLS) {
        return request_tree_move(&requests->tree, name);
    }
    return requests->page == REQUEST_ANSWER && request_lines_move(&requests->answer_lines, name);
}

enum reaction
request_command(void *state, const struct panel_context *context, const char *name,
                const char *argument)
{
    struct requests *requests = state;
    bool open = requests->waterfall.trace != NULL, done = false;
    if (context->picture->traces == NULL) {
        return REACTION_NONE;
    }
    request_refresh(requests, context);
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

const char *
request_current(void *state, const char *command)
{
    struct requests *requests = state;
    const struct request_sheet *sheet = request_page_sheet(requests);
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
    struct request_sheet *sheet = request_page_sheet(requests);
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

enum reaction
request_mouse(void *state, const struct panel_context *context, int x, int y, int button)
{
    struct requests *requests = state;
    bool moves = button == TERM_DRAG || button == TERM_RELEASE, hit = false;
    request_refresh(requests, context);
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
