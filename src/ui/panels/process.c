/* Processes: the table, a drawer with everything known of one of them (process_drawer.c), and what
 * changes one (process_change.c). */
#include "process.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/core/query.h"
#include "flametop/ui/term.h"
#include "panels.h"

#define DRAWER_ROWS 14
#define NARROW 100 /* below this many columns only what matters most is shown */
#define DRAWER_ROWS_MIN 5

struct process_panel {
    struct table_view view;
    bool open; /* the drawer */
    struct trail trail;
    struct process_change change;
};

static const char *const order[] = {
    "process.pid",
    "process.owner",
    "process.state",
    "process.name",
    "process.cpu.utilization",
    "process.memory.usage",
    "process.disk.read",
    "process.disk.write",
    "process.threads",
    "process.age",
    NULL,
};

/* In a box beside others: what fits and matters. */
static const char *const order_small[] = {
    "process.pid",
    "process.name",
    "process.cpu.utilization",
    "process.memory.usage",
    "process.disk.read",
    "process.disk.write",
    NULL,
};

static void *
process_open(struct catalog *catalog)
{
    (void)catalog;
    struct process_panel *panel = calloc(1, sizeof(*panel));
    if (panel == NULL || !trail_init(&panel->trail)) {
        free(panel);
        return NULL;
    }
    process_change_init(&panel->change);
    table_view_init(&panel->view, order, "process.parent_pid", "process.name");
    return panel;
}

static void
process_close(void *state)
{
    struct process_panel *panel = state;
    if (panel != NULL) {
        process_change_forget(&panel->change);
        table_view_done(&panel->view);
        trail_done(&panel->trail);
        free(panel);
    }
}

static bool
process_has_data(void *state, const struct panel_context *context)
{
    (void)state;
    return picture_table(context->picture, "processes") != NULL || panel_awaits(context) != NULL;
}

int64_t
process_pid(const struct table_view *view)
{
    int64_t pid = row_integer(view->def, table_view_selected(view), "process.pid");
    return pid == CELL_UNKNOWN ? 0 : pid;
}

/* The rows of this picture; NULL without a table. */
static const struct table *
update(struct process_panel *panel, const struct panel_context *context)
{
    const struct table *table = picture_table(context->picture, "processes");
    if (table != NULL) {
        table_view_update(&panel->view, table, context->picture);
    }
    return table;
}

/* ---- the panel ---- */

/* How many processes there were, where more are known to have been than the table has rows. */
static size_t
processes_there(const struct panel_context *context, const struct table *table)
{
    size_t total = MAX(table->total, table->count);
    double count = context->picture->past
                       ? query_once(context->picture, "system.process.count", NULL)
                       : (double)NAN;
    return count > (double)total && count < 1e9 ? (size_t)count : total;
}

/* "top 8 of 214 kept" of a moment of the past, of which only the busiest are kept. */
static char *
kept_text(const struct panel_context *context, const struct table *table, char *dst, size_t size)
{
    size_t total = processes_there(context, table);
    if (total > table->count) {
        snprintf(dst, size, "top %zu of %zu kept", table->count, total);
    } else {
        snprintf(dst, size, "top %zu kept", table->count);
    }
    return dst;
}

static void
draw_box(struct process_panel *panel, const struct panel_context *context,
         const struct table *table, struct canvas *canvas, struct rect area, bool focused)
{
    canvas_box(canvas, area, (struct style){.fg = focused ? ROLE_BORDER_FOCUS : ROLE_BORDER});
    char kept[64], count[80];
    if (panel->view.filter != NULL) { /* not all, and nothing else in the box says so */
        snprintf(count, sizeof(count), " %zu of %zu ", panel->view.count,
                 processes_there(context, table));
    } else if (context->picture->past) {
        snprintf(count, sizeof(count), " %s ", kept_text(context, table, kept, sizeof(kept)));
    } else {
        snprintf(count, sizeof(count), " %zu ", MAX(table->total, table->count));
    }
    int room = area.width - 4 - (int)strlen(count);
    canvas_printf(canvas, area.x + 1, area.y, MAX(room, 0),
                  (struct style){.fg = ROLE_TITLE, .attributes = CELL_BOLD}, " Processes by %s ",
                  panel->view.def->columns[panel->view.sort].title);
    canvas_text_right(canvas, area.x + 2, area.y, area.width - 4, str_from(count),
                      (struct style){.fg = ROLE_VALUE});
}

/* What the table shows, where that is not simply everything. */
static int
draw_state(const struct process_panel *panel, const struct panel_context *context,
           struct canvas *canvas, struct rect area, const struct table *table)
{
    const struct table_view *view = &panel->view;
    bool past = context->picture->past;
    bool everything = view->count == MAX(table->total, table->count) && !past;
    if (everything && !view->tree && !view->follow && view->search[0] == '\0') {
        return 0;
    }
    char text[512], kept[64], shown[160];
    if (past) {
        snprintf(shown, sizeof(shown), "%s: of the past only the busiest processes are kept",
                 kept_text(context, table, kept, sizeof(kept)));
    } else {
        snprintf(shown, sizeof(shown), "%zu of %zu", view->count, MAX(table->total, table->count));
    }
    snprintf(text, sizeof(text), " %s%s%s%s%s%s%s", shown,
             view->filter_text[0] != '\0' ? "  filter: " : "", view->filter_text,
             view->tree ? "  tree" : "", view->follow ? "  following" : "",
             view->search[0] != '\0' ? "  search: " : "", view->search);
    canvas_text(canvas, area.x, area.y, area.width, str_from(text), (struct style){.fg = ROLE_DIM});
    return 1;
}

/* Their history is on its way. */
static void
draw_awaited(const struct panel_context *context, struct canvas *canvas, struct rect area,
             bool focused)
{
    const char *awaits = panel_awaits(context);
    if (area.height >= 3) {
        canvas_box(canvas, area, (struct style){.fg = focused ? ROLE_BORDER_FOCUS : ROLE_BORDER});
        canvas_text(canvas, area.x + 1, area.y, MAX(area.width - 2, 0), STR(" Processes "),
                    (struct style){.fg = ROLE_TITLE, .attributes = CELL_BOLD});
        area = (struct rect){area.x + 1, area.y + 1, area.width - 2, area.height - 2};
    }
    canvas_text(canvas, area.x + 1, area.y, MAX(area.width - 2, 0),
                str_from(awaits != NULL ? awaits : ""), (struct style){.fg = ROLE_DIM});
}

static void
process_draw(void *state, const struct panel_context *context, struct canvas *canvas,
             struct rect area, bool focused)
{
    struct process_panel *panel = state;
    const struct table *table = update(panel, context);
    if (table == NULL) {
        draw_awaited(context, canvas, area, focused);
        return;
    }
    bool boxed = area.width < canvas->width && area.height >= 4;
    panel->view.keep = panel->open;
    panel->view.narrow = boxed || area.width < NARROW;
    panel->view.order = panel->view.narrow ? order_small : order;
    if (boxed) {
        draw_box(panel, context, table, canvas, area, focused);
        area = (struct rect){area.x + 1, area.y + 1, area.width - 2, area.height - 2};
    } else if (area.height > 10 || (context->picture->past && area.height > 3)) {
        int used = draw_state(panel, context, canvas, area, table);
        area.y += used;
        area.height -= used;
    }
    struct rect drawer = area;
    if (panel->open && area.height >= DRAWER_ROWS_MIN + 3) {
        drawer.height = CLAMP(area.height * 3 / 5, DRAWER_ROWS_MIN, DRAWER_ROWS);
        drawer.y = area.y + area.height - drawer.height;
        area.height -= drawer.height;
        process_drawer_draw(&panel->view, &panel->trail, context, canvas, drawer);
    }
    table_view_draw(&panel->view, context, canvas, area, focused);
}

static void
show_environment(struct process_panel *panel, const struct panel_context *context,
                 const char *argument)
{
    (void)argument;
    const char *name = row_text(panel->view.def, table_view_selected(&panel->view), "process.name");
    if (process_pid(&panel->view) > 0) {
        panel_open_environment(context, process_pid(&panel->view), name != NULL ? name : "?");
    } else {
        panel_say(context, "no process is selected");
    }
}

static void
sample(struct process_panel *panel, const struct panel_context *context, const char *argument)
{
    (void)argument;
    const char *name = row_text(panel->view.def, table_view_selected(&panel->view), "process.name");
    if (process_pid(&panel->view) > 0) {
        panel_sample(context, SAMPLING_PROCESS, process_pid(&panel->view),
                     name != NULL ? name : "process");
    } else {
        panel_say(context, "no process is selected");
    }
}

static enum reaction
process_command(void *state, const struct panel_context *context, const char *name,
                const char *argument)
{
    struct process_panel *panel = state;
    static const struct {
        const char *name;
        void (*run)(struct process_panel *panel, const struct panel_context *context,
                    const char *argument);
    } own[] = {
        {"process.environment", show_environment},
        {"flame.open", sample},
    };
    if (update(panel, context) == NULL) {
        return REACTION_NONE;
    }
    if (process_change_command(&panel->change, &panel->view, context, name, argument)) {
        return REACTION_HANDLED;
    }
    for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
        if (strcmp(own[i].name, name) == 0) {
            own[i].run(panel, context, argument);
            return REACTION_HANDLED;
        }
    }
    if (strcmp(name, "open") == 0) {
        panel->open = !panel->open;
        if (panel->open) {
            table_view_pin(&panel->view);
        }
        return REACTION_HANDLED | REACTION_INTEREST;
    }
    if (panel->open && (strcmp(name, "close") == 0 || strcmp(name, "escape") == 0)) {
        panel->open = false;
        return REACTION_HANDLED | REACTION_INTEREST;
    }
    return table_view_command(&panel->view, context, name, argument);
}

static bool
process_closes(const void *state)
{
    const struct process_panel *panel = state;
    return panel->open;
}

static const char *
process_current(void *state, const char *command)
{
    const struct process_panel *panel = state;
    return table_view_current(&panel->view, command);
}

static enum reaction
process_mouse(void *state, const struct panel_context *context, int x, int y, int button)
{
    struct process_panel *panel = state;
    if (update(panel, context) == NULL) { /* the rows of the last drawing may be gone */
        return REACTION_NONE;
    }
    enum reaction reaction = table_view_mouse(&panel->view, context, x, y, button);
    if (button == TERM_DOUBLE_CLICK && y > panel->view.area.y) {
        panel->open = true;
    }
    return reaction;
}

static void
process_interest(void *state, const struct panel_context *context, struct interest *interest)
{
    struct process_panel *panel = state;
    if (update(panel, context) == NULL) {
        return;
    }
    const struct table_view *view = &panel->view;
    for (size_t i = 0; i < view->place_count; i++) {
        interest->process_columns |= UINT64_C(1) << view->places[i].column;
    }
    interest->process_sort = view->sort;
    interest->process_filter_costly =
        interest->process_filter_costly || filter_is_costly(view->filter);
    const union cell *cells;
    for (size_t i = 0;
         (cells = table_view_visible(view, i)) != NULL && interest->pid_count < INTEREST_ROWS_MAX;
         i++) {
        int64_t pid = row_integer(view->def, cells, "process.pid");
        if (pid != CELL_UNKNOWN) {
            interest->pids[interest->pid_count++] = pid;
        }
    }
    if (panel->open) {
        interest->selected_pid = process_pid(&panel->view);
        interest->cgroups = true;
    }
}

const struct panel panel_processes = {
    .name = "processes",
    .title = "Processes",
    .open = process_open,
    .close = process_close,
    .has_data = process_has_data,
    .draw = process_draw,
    .command = process_command,
    .current = process_current,
    .closes = process_closes,
    .mouse = process_mouse,
    .interest = process_interest,
};
