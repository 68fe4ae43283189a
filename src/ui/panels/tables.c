/* The tables of a server that is no machine: queues, pools, workers, whatever it has. One has the
 * cursor; a line to choose by stands above it, and others below where there is room. Where
 * processes are known this is not shown: they come first, and have a panel of their own. */
#include "panels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "flametop/ui/term.h"
#include "../table_view.h"

#define TABLES_MAX 16
#define TITLE_BYTES 80
#define OTHER_ROWS_MIN 6 /* below the current table: less room is no room for another */

/* One table as it is looked at; kept, so that coming back finds cursor, order and filter. */
struct sheet {
    char name[96]; /* of its def */
    struct table_view view;
};

struct tables {
    struct sheet sheets[TABLES_MAX];
    size_t count, current;
    const struct table *shown[TABLES_MAX]; /* of the picture last seen, by sheet; NULL: not there */
    int tab_x[TABLES_MAX], tab_width[TABLES_MAX], tab_y; /* as last drawn */
    int other_y[TABLES_MAX];                             /* of the titles below; 0: not drawn */
};

static void *
tables_open(struct catalog *catalog)
{
    (void)catalog;
    return calloc(1, sizeof(struct tables));
}

static void
tables_close(void *state)
{
    struct tables *tables = state;
    for (size_t i = 0; tables != NULL && i < tables->count; i++) {
        table_view_done(&tables->sheets[i].view);
    }
    free(tables);
}

/* Tables with panels of their own. */
static bool
is_native(const struct table *table)
{
    static const char *const names[] = {"processes", "cgroups", "findings"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (strcmp(table->def->name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static size_t
sheet_of(struct tables *tables, const char *name)
{
    size_t i = 0;
    while (i < tables->count && strcmp(tables->sheets[i].name, name) != 0) {
        i++;
    }
    if (i == tables->count && i < TABLES_MAX) {
        tables->count++;
        strlcpy(tables->sheets[i].name, name, sizeof(tables->sheets[i].name));
        table_view_init(&tables->sheets[i].view, NULL, NULL, NULL);
    }
    return i;
}

/* Finds the picture's tables; those that were seen once keep their place. False: there are none. */
static bool
update(struct tables *tables, const struct panel_context *context)
{
    const struct picture *picture = context->picture;
    bool any = false;
    memset(tables->shown, 0, sizeof(tables->shown));
    if (picture_table(picture, "processes") != NULL) {
        return false;
    }
    for (size_t i = 0; i < picture->table_count; i++) {
        const struct table *table = picture->tables[i];
        size_t at = is_native(table) ? TABLES_MAX : sheet_of(tables, table->def->name);
        if (at < TABLES_MAX) {
            tables->shown[at] = table;
            any = true;
        }
    }
    for (size_t i = 0; any && tables->shown[tables->current] == NULL && i < tables->count; i++) {
        tables->current = (tables->current + 1) % tables->count;
    }
    return any;
}

static bool
tables_have_data(void *state, const struct panel_context *context)
{
    return update(state, context);
}

/* "Queues 12", "workers 1000 of 4200" */
static void
title_of(const struct table *table, const struct table_view *view, bool current, char *dst,
         size_t size)
{
    char name[48];
    utf8_clean(str_from(table->def->title), name, sizeof(name));
    if (current && view->filter_text[0] != '\0') {
        snprintf(dst, size, "%s %zu of %zu: %.20s", name, view->count, table->total,
                 view->filter_text);
    } else if (table->total > table->count) {
        snprintf(dst, size, "%s %zu of %zu", name, table->count, table->total);
    } else {
        snprintf(dst, size, "%s %zu", name, table->count);
    }
}

static void
draw_chooser(struct tables *tables, struct canvas *canvas, struct rect area)
{
    static const char hint[] = ", . other tables ";
    int x = area.x + 1, end = area.x + area.width;
    size_t there = 0;
    for (size_t i = 0; i < tables->count; i++) {
        there += tables->shown[i] != NULL;
    }
    if (there > 1 && area.width > 60) {
        end -= (int)sizeof(hint);
        canvas_text(canvas, end + 1, area.y, (int)sizeof(hint) - 1, STR(hint),
                    (struct style){.fg = ROLE_KEY});
    }
    tables->tab_y = area.y;
    memset(tables->tab_width, 0, sizeof(tables->tab_width));
    for (size_t i = 0; i < tables->count && x < end; i++) {
        bool current = i == tables->current;
        char title[TITLE_BYTES];
        if (tables->shown[i] == NULL) {
            continue;
        }
        title_of(tables->shown[i], &tables->sheets[i].view, current, title, sizeof(title));
        tables->tab_x[i] = x;
        tables->tab_width[i] = canvas_text(
            canvas, x, area.y, end - x, str_from(title),
            current
                ? (struct style){.fg = ROLE_TAB_ACTIVE,
                                 .attributes = there > 1 ? CELL_BOLD | CELL_UNDERLINE : CELL_BOLD}
                : (struct style){.fg = ROLE_DIM});
        x += tables->tab_width[i] + 2;
    }
}

/* One table with `title` rows left free above it. Answers the rows used. */
static int
draw_sheet(struct tables *tables, size_t which, const struct panel_context *context,
           struct canvas *canvas, struct rect area, int title, bool focused)
{
    struct table_view *view = &tables->sheets[which].view;
    const struct table *table = tables->shown[which];
    table_view_update(view, table, context->picture);
    int wanted = (int)MIN(table->count, (size_t)area.height) + 1;
    area.y += title;
    area.height = MIN(area.height - title, wanted);
    table_view_draw(view, context, canvas, area, focused);
    return title + area.height;
}

/* The tables after the current one, with their titles, while there is room. */
static void
draw_others(struct tables *tables, const struct panel_context *context, struct canvas *canvas,
            struct rect area)
{
    memset(tables->other_y, 0, sizeof(tables->other_y));
    for (size_t i = 1; i < tables->count; i++) {
        size_t which = (tables->current + i) % tables->count;
        char title[TITLE_BYTES];
        if (tables->shown[which] == NULL || area.height < OTHER_ROWS_MIN) {
            continue;
        }
        title_of(tables->shown[which], &tables->sheets[which].view, false, title, sizeof(title));
        canvas_text(canvas, area.x + 1, area.y + 1, area.width - 2, str_from(title),
                    (struct style){.fg = ROLE_TITLE});
        tables->other_y[which] = area.y + 1;
        int used = draw_sheet(tables, which, context, canvas, area, 2, false);
        area.y += used;
        area.height -= used;
    }
}

static void
tables_draw(void *state, const struct panel_context *context, struct canvas *canvas,
            struct rect area, bool focused)
{
    struct tables *tables = state;
    if (!update(tables, context)) {
        return;
    }
    bool titled = area.height > 3;
    table_view_update(&tables->sheets[tables->current].view, tables->shown[tables->current],
                      context->picture);
    if (titled) {
        draw_chooser(tables, canvas, (struct rect){area.x, area.y, area.width, 1});
    }
    int used = draw_sheet(tables, tables->current, context, canvas, area, titled, focused);
    draw_others(tables, context, canvas,
                (struct rect){area.x, area.y + used, area.width, area.height - used});
}

static void
choose(struct tables *tables, size_t step)
{
    do {
        tables->current = (tables->current + step) % tables->count;
    } while (tables->shown[tables->current] == NULL);
}

static enum reaction
tables_command(void *state, const struct panel_context *context, const char *name,
               const char *argument)
{
    struct tables *tables = state;
    if (!update(tables, context)) {
        return REACTION_NONE;
    }
    if (strcmp(name, "page.next") == 0) {
        choose(tables, 1);
        return REACTION_HANDLED;
    }
    if (strcmp(name, "page.previous") == 0) {
        choose(tables, tables->count - 1);
        return REACTION_HANDLED;
    }
    struct table_view *view = &tables->sheets[tables->current].view;
    table_view_update(view, tables->shown[tables->current], context->picture);
    return table_view_command(view, context, name, argument);
}

static const char *
tables_current(void *state, const char *command)
{
    const struct tables *tables = state;
    return tables->count > 0 ? table_view_current(&tables->sheets[tables->current].view, command)
                             : NULL;
}

static enum reaction
tables_mouse(void *state, const struct panel_context *context, int x, int y, int button)
{
    struct tables *tables = state;
    if (!update(tables, context)) {
        return REACTION_NONE;
    }
    for (size_t i = 0; i < tables->count && y == tables->tab_y && button == TERM_CLICK; i++) {
        if (tables->shown[i] != NULL && x >= tables->tab_x[i] &&
            x < tables->tab_x[i] + tables->tab_width[i]) {
            tables->current = i;
            return REACTION_HANDLED;
        }
    }
    for (size_t i = 0; i < tables->count && button == TERM_CLICK; i++) {
        const struct rect *rows = &tables->sheets[i].view.area;
        if (tables->shown[i] != NULL && tables->other_y[i] > 0 && y >= tables->other_y[i] &&
            y < rows->y + rows->height) {
            tables->current = i;
            return REACTION_HANDLED;
        }
    }
    struct table_view *view = &tables->sheets[tables->current].view;
    table_view_update(view, tables->shown[tables->current], context->picture);
    return table_view_mouse(view, context, x, y, button);
}

const struct panel panel_tables = {
    .name = "tables",
    .title = "Tables",
    .open = tables_open,
    .close = tables_close,
    .has_data = tables_have_data,
    .draw = tables_draw,
    .command = tables_command,
    .current = tables_current,
    .mouse = tables_mouse,
};
