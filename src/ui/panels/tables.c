/* Tables on one another, and the panel of those of a server that is no machine: queues, pools,
 * workers, whatever it has. Where processes are known that panel is not shown: they come first, and
 * have a panel of their own. */
#include "tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "flametop/ui/term.h"
#include "panels.h"

#define TABLES_MAX 16
#define TITLE_BYTES 80
#define OTHER_ROWS_MIN 6 /* below the current table: less room is no room for another */

/* One table as it is looked at; kept, so that coming back finds cursor, order and filter. */
struct sheet {
    char name[96];     /* of its def */
    const char *title; /* NULL: the table's own */
    bool asked_for;
    struct table_view view;
};

struct tables {
    struct sheet sheets[TABLES_MAX];
    size_t count, current;
    bool given;                            /* these alone */
    const struct table *shown[TABLES_MAX]; /* of the picture last seen, by sheet; NULL: not there */
    bool past;                             /* that picture is of the past */
    const char *missing;                   /* of what is not there; NULL: as usual */
    int tab_x[TABLES_MAX], tab_width[TABLES_MAX], tab_y; /* as last drawn */
    int other_y[TABLES_MAX];                             /* of the titles below; 0: not drawn */
};

struct tables *
tables_new(const struct sheet_def *defs, size_t count)
{
    struct tables *tables = calloc(1, sizeof(*tables));
    for (size_t i = 0; tables != NULL && i < MIN(count, (size_t)TABLES_MAX); i++) {
        struct sheet *sheet = &tables->sheets[i];
        strlcpy(sheet->name, defs[i].name, sizeof(sheet->name));
        sheet->title = defs[i].title;
        sheet->asked_for = defs[i].asked_for;
        table_view_init(&sheet->view, defs[i].order, defs[i].parent, defs[i].indented);
        sheet->view.tree = defs[i].parent != NULL;
        sheet->view.nothing = defs[i].nothing;
        tables->count = i + 1;
        tables->given = true;
    }
    return tables;
}

void
tables_free(struct tables *tables)
{
    for (size_t i = 0; tables != NULL && i < tables->count; i++) {
        table_view_done(&tables->sheets[i].view);
    }
    free(tables);
}

/* Tables with panels of their own. */
static bool
is_native(const struct table *table)
{
    static const char *const names[] = {"processes", "cgroups", "findings", "beam.nodes",
                                        "beam.process.detail"};
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
    if (i == tables->count && tables->given) {
        return TABLES_MAX;
    }
    if (i == tables->count && i < TABLES_MAX) {
        tables->count++;
        strlcpy(tables->sheets[i].name, name, sizeof(tables->sheets[i].name));
        table_view_init(&tables->sheets[i].view, NULL, NULL, NULL);
    }
    return i;
}

static bool
is_there(const struct tables *tables, size_t i)
{
    return tables->shown[i] != NULL || tables->sheets[i].asked_for;
}

static bool
find_tables(struct tables *tables, const struct panel_context *context)
{
    const struct picture *picture = context->picture;
    bool any = false;
    memset(tables->shown, 0, sizeof(tables->shown));
    if (!tables->given && picture_table(picture, "processes") != NULL) {
        return false;
    }
    for (size_t i = 0; i < picture->table_count; i++) {
        const struct table *table = picture->tables[i];
        bool wanted = tables->given || !is_native(table);
        size_t at = wanted ? sheet_of(tables, table->def->name) : TABLES_MAX;
        if (at < TABLES_MAX) {
            tables->shown[at] = table;
            any = true;
        }
    }
    tables->past = picture->past;
    for (size_t i = 0; i < tables->count; i++) {
        any = any || tables->sheets[i].asked_for;
    }
    for (size_t i = 0; any && !is_there(tables, tables->current) && i < tables->count; i++) {
        tables->current = (tables->current + 1) % tables->count;
    }
    return any;
}

bool
tables_update(struct tables *tables, const struct panel_context *context)
{
    if (!find_tables(tables, context)) {
        return false;
    }
    struct table_view *view = tables_view(tables);
    if (tables->shown[tables->current] != NULL) {
        table_view_update(view, tables->shown[tables->current], context->picture);
    } else { /* the rows of an earlier picture went with it */
        view->table = NULL;
        view->count = 0;
    }
    return true;
}

/* "Queues 12", "workers 1000 of 4200" */
static void
title_of(const struct tables *tables, size_t which, bool current, char *dst, size_t size)
{
    const struct table *table = tables->shown[which];
    const struct sheet *sheet = &tables->sheets[which];
    const struct table_view *view = &sheet->view;
    char name[48];
    utf8_clean(str_from(sheet->title != NULL ? sheet->title : table->def->title), name,
               sizeof(name));
    if (table == NULL) {
        strlcpy(dst, name, size);
        return;
    }
    if (current && view->filter_text[0] != '\0') {
        snprintf(dst, size, "%s %zu of %zu: %.20s", name, view->count, table->total,
                 view->filter_text);
    } else if (table->total > table->count) {
        snprintf(dst, size, "%s %zu of %zu", name, table->count, table->total);
    } else {
        snprintf(dst, size, "%s %zu", name, table->count);
    }
}

/* The first title to be drawn: as early as the current one allows. */
static size_t
first_title(const struct tables *tables, int room)
{
    char title[TITLE_BYTES];
    size_t first = tables->current;
    title_of(tables, first, true, title, sizeof(title));
    int used = (int)utf8_text_width(str_from(title));
    for (size_t i = first; i-- > 0;) {
        if (is_there(tables, i)) {
            title_of(tables, i, false, title, sizeof(title));
            used += (int)utf8_text_width(str_from(title)) + 2;
            first = used <= room ? i : first;
        }
    }
    return first;
}

static void
draw_chooser(struct tables *tables, struct canvas *canvas, struct rect area)
{
    static const char hint[] = ", . other tables ";
    int x = area.x + 1, end = area.x + area.width;
    size_t there = 0;
    for (size_t i = 0; i < tables->count; i++) {
        there += is_there(tables, i);
    }
    if (there > 1 && area.width > 60) {
        end -= (int)sizeof(hint);
        canvas_text(canvas, end + 1, area.y, (int)sizeof(hint) - 1, STR(hint),
                    (struct style){.fg = ROLE_KEY});
    }
    tables->tab_y = area.y;
    memset(tables->tab_width, 0, sizeof(tables->tab_width));
    for (size_t i = first_title(tables, end - x); i < tables->count && x < end; i++) {
        bool current = i == tables->current;
        char title[TITLE_BYTES];
        if (!is_there(tables, i)) {
            continue;
        }
        title_of(tables, i, current, title, sizeof(title));
        tables->tab_x[i] = x;
        bool whole = current || (int)utf8_text_width(str_from(title)) <= end - x;
        tables->tab_width[i] = canvas_text(
            canvas, x, area.y, whole ? end - x : 1, str_from(title),
            current
                ? (struct style){.fg = ROLE_TAB_ACTIVE,
                                 .attributes = there > 1 ? CELL_BOLD | CELL_UNDERLINE : CELL_BOLD}
                : (struct style){.fg = ROLE_DIM});
        x = whole ? x + tables->tab_width[i] + 2 : end;
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
    for (size_t i = 1; i < tables->count; i++) {
        size_t which = (tables->current + i) % tables->count;
        char title[TITLE_BYTES];
        if (tables->shown[which] == NULL || area.height < OTHER_ROWS_MIN) {
            continue;
        }
        title_of(tables, which, false, title, sizeof(title));
        canvas_text(canvas, area.x + 1, area.y + 1, area.width - 2, str_from(title),
                    (struct style){.fg = ROLE_TITLE});
        tables->other_y[which] = area.y + 1;
        int used = draw_sheet(tables, which, context, canvas, area, 2, false);
        area.y += used;
        area.height -= used;
    }
}

void
tables_set_missing(struct tables *tables, const char *text)
{
    tables->missing = text;
}

void
tables_draw(struct tables *tables, const struct panel_context *context, struct canvas *canvas,
            struct rect area, bool focused, bool beside)
{
    if (!tables_update(tables, context)) {
        return;
    }
    bool titled = area.height > 3;
    if (tables->shown[tables->current] == NULL) {
        const char *awaits = panel_awaits(context);
        const char *text = awaits != NULL ? awaits
                           : tables->past ? "This was not looked at then, so it was not kept."
                           : tables->missing != NULL ? tables->missing
                                                     : "The node is asked for it …";
        draw_chooser(tables, canvas, (struct rect){area.x, area.y, area.width, 1});
        canvas_text(canvas, area.x + 1, area.y + 2, area.width - 2, str_from(text),
                    (struct style){.fg = ROLE_DIM});
        return;
    }
    if (titled) {
        draw_chooser(tables, canvas, (struct rect){area.x, area.y, area.width, 1});
    }
    int used = draw_sheet(tables, tables->current, context, canvas, area, titled, focused);
    memset(tables->other_y, 0, sizeof(tables->other_y));
    if (beside) {
        draw_others(tables, context, canvas,
                    (struct rect){area.x, area.y + used, area.width, area.height - used});
    }
}

static void
choose(struct tables *tables, size_t step)
{
    do {
        tables->current = (tables->current + step) % tables->count;
    } while (!is_there(tables, tables->current));
}

bool
tables_choose(struct tables *tables, const char *name)
{
    for (size_t i = 0; i < tables->count; i++) {
        if (is_there(tables, i) && strcmp(tables->sheets[i].name, name) == 0) {
            tables->current = i;
            return true;
        }
    }
    return false;
}

const char *
tables_name(const struct tables *tables)
{
    return tables->sheets[tables->current].name;
}

struct table_view *
tables_view(struct tables *tables)
{
    return &tables->sheets[tables->current].view;
}

enum reaction
tables_command(struct tables *tables, const struct panel_context *context, const char *name,
               const char *argument)
{
    if (!tables_update(tables, context)) {
        return REACTION_NONE;
    }
    if (strcmp(name, "page.next") == 0) {
        choose(tables, 1);
        return REACTION_HANDLED | REACTION_INTEREST;
    }
    if (strcmp(name, "page.previous") == 0) {
        choose(tables, tables->count - 1);
        return REACTION_HANDLED | REACTION_INTEREST;
    }
    struct table_view *view = &tables->sheets[tables->current].view;
    if (tables->shown[tables->current] == NULL) {
        return REACTION_NONE;
    }
    table_view_update(view, tables->shown[tables->current], context->picture);
    return table_view_command(view, context, name, argument);
}

const char *
tables_current(const struct tables *tables, const char *command)
{
    return tables->count > 0 ? table_view_current(&tables->sheets[tables->current].view, command)
                             : NULL;
}

enum reaction
tables_mouse(struct tables *tables, const struct panel_context *context, int x, int y, int button)
{
    if (!tables_update(tables, context)) {
        return REACTION_NONE;
    }
    for (size_t i = 0; i < tables->count && y == tables->tab_y && button == TERM_CLICK; i++) {
        if (is_there(tables, i) && tables->tab_width[i] > 0 && x >= tables->tab_x[i] &&
            x < tables->tab_x[i] + tables->tab_width[i]) {
            tables->current = i;
            return REACTION_HANDLED | REACTION_INTEREST;
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
    if (tables->shown[tables->current] == NULL) {
        return REACTION_NONE;
    }
    table_view_update(view, tables->shown[tables->current], context->picture);
    return table_view_mouse(view, context, x, y, button);
}

/* ---- the panel of all that have none of their own ---- */

static void *
panel_open(struct catalog *catalog)
{
    (void)catalog;
    return tables_new(NULL, 0);
}

static void
panel_close(void *state)
{
    tables_free(state);
}

static bool
panel_has_data(void *state, const struct panel_context *context)
{
    return find_tables(state, context);
}

static void
panel_draw(void *state, const struct panel_context *context, struct canvas *canvas,
           struct rect area, bool focused)
{
    tables_draw(state, context, canvas, area, focused, true);
}

static enum reaction
panel_command(void *state, const struct panel_context *context, const char *name,
              const char *argument)
{
    return tables_command(state, context, name, argument);
}

static const char *
panel_current(void *state, const char *command)
{
    return tables_current(state, command);
}

static enum reaction
panel_mouse(void *state, const struct panel_context *context, int x, int y, int button)
{
    return tables_mouse(state, context, x, y, button);
}

const struct panel panel_tables = {
    .name = "tables",
    .title = "Tables",
    .open = panel_open,
    .close = panel_close,
    .has_data = panel_has_data,
    .draw = panel_draw,
    .command = panel_command,
    .current = panel_current,
    .mouse = panel_mouse,
};
