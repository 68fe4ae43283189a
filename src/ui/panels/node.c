/* The tables of an Erlang node, one a page: its processes with a drawer, pools and workers,
 * applications, ETS tables, ports, connected nodes, and who supervises whom. Tables that are costly
 * to make are asked for while they are looked at. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/ui/term.h"
#include "node_process.h"
#include "panels.h"
#include "pools.h"

#define PROCESSES "beam.processes"
#define TABLE_ROWS_MIN 5 /* beside the drawer */

struct node {
    struct tables *tables;
    struct trail trail;
    bool open; /* the drawer */
};

static const char *const process_order[] = {
    "beam.process.pid",        "beam.process.name",
    "beam.process.reductions", "beam.process.message_queue",
    "beam.process.memory",     "beam.process.message_queue.growth",
    "beam.process.status",     NULL,
};

/* Who is at the other end and what goes through, then whose it is. */
static const char *const port_order[] = {
    "beam.port",       "beam.port.address", "beam.port.in",    "beam.port.out",
    "beam.port.owner", "beam.port.name",    "beam.port.queue", NULL,
};

static const struct sheet_def sheets[] = {
    {.name = PROCESSES, .title = "Processes", .order = process_order, .asked_for = true},
    {.name = "pools", .title = "Pools"},
    {.name = "workers", .title = "Workers"},
    {.name = "beam.applications", .title = "Applications", .asked_for = true},
    {.name = "beam.ets", .title = "ETS", .asked_for = true},
    {.name = "beam.ports",
     .title = "Ports",
     .order = port_order,
     .nothing = "The node has no file, socket or program open.",
     .asked_for = true},
    {.name = "beam.peers",
     .title = "Nodes",
     .nothing = "The node is connected to no other.",
     .asked_for = true},
    {.name = "beam.supervisors",
     .title = "Supervisors",
     .parent = "beam.supervisor.parent",
     .indented = "beam.supervisor.child",
     .nothing = "No application of the node has supervisors.",
     .asked_for = true},
};

static void
node_close(void *state)
{
    struct node *node = state;
    if (node != NULL) {
        tables_free(node->tables);
        trail_done(&node->trail);
        free(node);
    }
}

static void *
node_open(struct catalog *catalog)
{
    (void)catalog;
    struct node *node = calloc(1, sizeof(*node));
    if (node == NULL) {
        return NULL;
    }
    node->tables = tables_new(sheets, ARRAY_SIZE(sheets));
    if (node->tables == NULL || !trail_init(&node->trail)) {
        node_close(node);
        return NULL;
    }
    return node;
}

static bool
node_has_data(void *state, const struct panel_context *context)
{
    (void)state;
    static const char *const any_of[] = {"beam.nodes", PROCESSES, "pools"};
    for (size_t i = 0; i < ARRAY_SIZE(any_of); i++) {
        if (picture_table(context->picture, any_of[i]) != NULL) {
            return true;
        }
    }
    return false;
}

/* Without a collector the node tells of no table. */
static const char *
missing_of(const struct picture *picture)
{
    const struct table *table = picture_table(picture, "beam.nodes");
    int mode = table != NULL && table->count > 0 ? table_column(table->def, "beam.node.mode") : -1;
    const char *text = mode >= 0 ? table_row(table, 0)[mode].text : NULL;
    return text != NULL && strcmp(text, "plain calls") == 0
               ? "Plain calls tell of no table: without --no-inject a collector does."
               : NULL;
}

static bool
shows_processes(const struct node *node)
{
    return strcmp(tables_name(node->tables), PROCESSES) == 0;
}

/* The drawer takes what it can fill, and leaves the table its head and some rows. */
static int
drawer_rows(const struct node *node, const struct panel_context *context, int height)
{
    if (!node->open || !shows_processes(node) || height < NODE_PROCESS_ROWS_MIN + 4) {
        return 0;
    }
    int wanted = node_process_height(context, tables_view(node->tables));
    return CLAMP(wanted, NODE_PROCESS_ROWS_MIN, MAX(height - TABLE_ROWS_MIN, height / 2));
}

static void
node_draw(void *state, const struct panel_context *context, struct canvas *canvas, struct rect area,
          bool focused)
{
    struct node *node = state;
    if (!tables_update(node->tables, context)) {
        return;
    }
    struct table_view *view = tables_view(node->tables);
    tables_set_missing(node->tables, missing_of(context->picture));
    int drawer = drawer_rows(node, context, area.height);
    view->keep = drawer > 0;
    area.height -= drawer;
    tables_draw(node->tables, context, canvas, area, focused, false);
    if (drawer > 0) {
        node_process_draw(view, &node->trail, context, canvas,
                          (struct rect){area.x, area.y + area.height, area.width, drawer});
    }
}

/* Enter on an application: its processes. */
static bool
open_application(struct node *node, const struct panel_context *context)
{
    const struct table_view *view = tables_view(node->tables);
    const union cell *cells = table_view_selected(view);
    int column = view->def != NULL ? table_column(view->def, "beam.application") : -1;
    char filter[TABLE_VIEW_TEXT];
    if (strcmp(tables_name(node->tables), "beam.applications") != 0 || cells == NULL ||
        column < 0 || cells[column].text == NULL) {
        return false;
    }
    snprintf(filter, sizeof(filter), "application=\"%.200s\"", cells[column].text);
    if (tables_choose(node->tables, PROCESSES)) {
        tables_command(node->tables, context, "filter.set", filter);
        return true;
    }
    return false;
}

/* F on a process or an application samples that alone. */
static bool
sample_row(struct node *node, const struct panel_context *context)
{
    static const struct {
        const char *table, *key, *name; /* columns; key NULL: it is an application */
    } rows[] = {
        {PROCESSES, "beam.process.key", "beam.process.name"},
        {"beam.supervisors", "beam.supervisor.key", "beam.supervisor.child"},
        {"beam.applications", NULL, "beam.application"},
    };
    const struct table_view *view = tables_view(node->tables);
    const union cell *cells = table_view_selected(view);
    for (size_t i = 0; i < ARRAY_SIZE(rows) && cells != NULL && view->def != NULL; i++) {
        int key = rows[i].key != NULL ? table_column(view->def, rows[i].key) : -1;
        int name = table_column(view->def, rows[i].name);
        const char *text = name >= 0 ? cells[name].text : NULL;
        if (strcmp(tables_name(node->tables), rows[i].table) != 0) {
            continue;
        }
        if (rows[i].key == NULL && text != NULL) {
            panel_sample(context, SAMPLING_NODE, 0, text);
            return true;
        }
        if (key >= 0 && cells[key].integer > 0) {
            panel_sample(context, SAMPLING_NODE_PROCESS, cells[key].integer,
                         text != NULL ? text : "process");
            return true;
        }
    }
    return false;
}

static enum reaction
open_row(struct node *node, const struct panel_context *context)
{
    if (shows_processes(node)) {
        node->open = !node->open;
        if (node->open) {
            table_view_pin(tables_view(node->tables));
        }
        return REACTION_HANDLED | REACTION_INTEREST;
    }
    return pools_open_workers(node->tables, context) || open_application(node, context)
               ? REACTION_HANDLED | REACTION_INTEREST
               : REACTION_NONE;
}

static enum reaction
node_command(void *state, const struct panel_context *context, const char *name,
             const char *argument)
{
    struct node *node = state;
    if (!tables_update(node->tables, context)) {
        return REACTION_NONE;
    }
    if (strcmp(name, "flame.open") == 0) {
        return sample_row(node, context) ? REACTION_HANDLED : REACTION_NONE;
    }
    bool closes = strcmp(name, "close") == 0 || strcmp(name, "escape") == 0;
    if (strcmp(name, "open") == 0) {
        return open_row(node, context);
    }
    if (closes && node->open && shows_processes(node)) {
        node->open = false;
        return REACTION_HANDLED | REACTION_INTEREST;
    }
    if (closes && pools_close_workers(node->tables, context)) {
        return REACTION_HANDLED;
    }
    enum reaction reaction = tables_command(node->tables, context, name, argument);
    bool moved = node->open && strncmp(name, "move.", 5) == 0;
    return reaction != REACTION_NONE && moved ? reaction | REACTION_INTEREST : reaction;
}

static bool
node_closes(const void *state)
{
    const struct node *node = state;
    return (node->open && shows_processes(node)) || pools_show_workers(node->tables);
}

static const char *
node_current(void *state, const char *command)
{
    const struct node *node = state;
    return tables_current(node->tables, command);
}

static enum reaction
node_mouse(void *state, const struct panel_context *context, int x, int y, int button)
{
    struct node *node = state;
    enum reaction reaction = tables_mouse(node->tables, context, x, y, button);
    if (reaction != REACTION_NONE && button == TERM_DOUBLE_CLICK && shows_processes(node)) {
        node->open = true;
    }
    return reaction != REACTION_NONE ? reaction | REACTION_INTEREST : reaction;
}

static void
node_interest(void *state, const struct panel_context *context, struct interest *interest)
{
    struct node *node = state;
    if (!tables_update(node->tables, context)) {
        return;
    }
    for (unsigned i = 0; i < INTEREST_TABLES; i++) {
        bool shown = strcmp(tables_name(node->tables), interest_table_names[i]) == 0;
        interest->tables |= shown ? 1U << i : 0;
    }
    if (node->open && shows_processes(node)) {
        interest->node_process = node_process_key(tables_view(node->tables));
    }
}

const struct panel panel_node = {
    .name = "node",
    .title = "Node",
    .open = node_open,
    .close = node_close,
    .has_data = node_has_data,
    .draw = node_draw,
    .command = node_command,
    .current = node_current,
    .closes = node_closes,
    .mouse = node_mouse,
    .interest = node_interest,
};
