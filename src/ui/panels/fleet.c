/* All targets, one a row: how they are doing side by side, and which of them is not like the
 * others. */
#include "panels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "flametop/ui/term.h"
#include "../fleet.h"
#include "../table_view.h"
#include "../widgets/limits.h"

#define NAME_WIDTH_MIN 8

struct fleet_panel {
    struct table_view view;
};

static const char *const order[] = {
    "fleet.index",   "fleet.host", "fleet.level",  "fleet.cpu", "fleet.memory", "fleet.disk",
    "fleet.network", "fleet.p95",  "fleet.errors", "fleet.age", "fleet.odd",    NULL,
};

/* In its largest unit: the sentence beside it says more. */
static void
format_age(double seconds, char *text, size_t size)
{
    static const struct {
        double s;
        char unit;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
        if (seconds >= units[i].s || (i + 1 == ARRAY_SIZE(units) && seconds >= 0)) {
            snprintf(text, size, "%.0f %c", floor(seconds / units[i].s), units[i].unit);
            return;
        }
    }
}

/* A level and its impact; a value with the sign of standing apart; dim what is not of now. */
static void
dress(const struct table_view *view, const struct panel_context *context, size_t row, int column,
      char *text, size_t size, struct style *style)
{
    const union cell *cells = table_row(view->table, row);
    enum level level = fleet_rank_level(cells[FLEET_RANK].integer);
    int impact = fleet_rank_impact(cells[FLEET_RANK].integer),
        mark = fleet_mark(context->picture, row, column);
    bool fresh = fleet_is_fresh(context->picture, row);
    char sign[8] = "", plain[TABLE_VIEW_TEXT];
    if (column == FLEET_RANK) {
        sign[utf8_put(glyph_level(context->glyphs, (int)level), sign)] = '\0';
        if (level == LEVEL_NORMAL || !fleet_is_up(context->picture, row)) {
            snprintf(text, size, "%s %s", sign, level >= LEVEL_WARNING ? "away" : "  ");
        } else {
            snprintf(text, size, "%s %3d", sign, impact);
        }
        *style = (struct style){.fg = level_role(level),
                                .attributes = level >= LEVEL_WARNING ? CELL_BOLD : 0};
    } else if (column == FLEET_AGE && fresh) {
        strlcpy(text, isnan(cells[FLEET_AGE].real) ? "file" : "live", size);
        style->fg = ROLE_DIM;
    } else if (column == FLEET_AGE) {
        format_age(cells[FLEET_AGE].real, text, size);
        style->fg = level >= LEVEL_CRITICAL ? ROLE_LEVEL_CRITICAL : ROLE_LEVEL_WARNING;
    } else if (column == FLEET_DIAGNOSIS) {
        style->fg = level >= LEVEL_WARNING ? ROLE_TEXT : ROLE_DIM;
    } else if (!fresh) {
        style->fg = ROLE_DIM;
    } else if (mark != 0) {
        strlcpy(plain, text, sizeof(plain));
        bool ascii = context->glyphs == GLYPHS_ASCII;
        snprintf(text, size, "%s%s", mark > 0 ? (ascii ? "^" : "↑") : (ascii ? "v" : "↓"), plain);
        style->attributes |= CELL_BOLD | CELL_UNDERLINE;
    }
}

static void *
fleet_open(struct catalog *catalog)
{
    (void)catalog;
    struct fleet_panel *panel = calloc(1, sizeof(*panel));
    if (panel != NULL) {
        table_view_init(&panel->view, order, NULL, "fleet.host");
        panel->view.dress = dress;
    }
    return panel;
}

static void
fleet_close(void *state)
{
    struct fleet_panel *panel = state;
    if (panel != NULL) {
        table_view_done(&panel->view);
        free(panel);
    }
}

static bool
fleet_has_data(void *state, const struct panel_context *context)
{
    (void)state;
    return picture_table(context->picture, fleet_table.name) != NULL;
}

/* Columns that no target has a value for take no room. */
static uint64_t
absent_of(const struct table *table)
{
    uint64_t absent = 0;
    for (size_t c = FLEET_READING; c < FLEET_READING + FLEET_READINGS; c++) {
        bool any = false;
        for (size_t i = 0; i < table->count && !any; i++) {
            any = !isnan(table_row(table, i)[c].real);
        }
        absent |= any ? 0 : UINT64_C(1) << c;
    }
    return absent;
}

/* NULL when there is no fleet in this picture. */
static const struct table *
update(struct fleet_panel *panel, const struct panel_context *context)
{
    const struct table *table = picture_table(context->picture, fleet_table.name);
    if (table != NULL) {
        table_view_update(&panel->view, table, context->picture);
        panel->view.absent = absent_of(table);
    }
    return table;
}

/* As wide as the longest name, where there is room. */
static int
names_width(const struct table *table, int most)
{
    int width = NAME_WIDTH_MIN;
    for (size_t i = 0; i < table->count; i++) {
        const char *name = table_row(table, i)[FLEET_HOST].text;
        width = MAX(width, name != NULL ? (int)utf8_text_width(str_from(name)) : 0);
    }
    return MAX(MIN(width, most), NAME_WIDTH_MIN);
}

static void
fleet_draw(void *state, const struct panel_context *context, struct canvas *canvas,
           struct rect area, bool focused)
{
    struct fleet_panel *panel = state;
    const struct table *table = update(panel, context);
    const struct table_view *view = &panel->view;
    if (table == NULL) {
        return;
    }
    panel->view.name_width = names_width(table, area.width / 4);
    bool all = view->count == table->count && view->search[0] == '\0';
    if (!all && area.height > 4) {
        canvas_printf(canvas, area.x, area.y, area.width, (struct style){.fg = ROLE_DIM},
                      " %zu of %zu%s%s%s%s", view->count, table->count,
                      view->filter_text[0] != '\0' ? "  filter: " : "", view->filter_text,
                      view->search[0] != '\0' ? "  search: " : "", view->search);
        area.y++;
        area.height--;
    }
    table_view_draw(&panel->view, context, canvas, area, focused);
}

static void
show_target(struct fleet_panel *panel, const struct panel_context *context, int view)
{
    const union cell *cells = table_view_selected(&panel->view);
    if (cells != NULL) {
        table_view_pin(&panel->view); /* it is there again when the user comes back */
        panel_open_target(context, (size_t)cells[FLEET_INDEX].integer - 1, cells[FLEET_HOST].text,
                          view);
    }
}

static enum reaction
fleet_command(void *state, const struct panel_context *context, const char *name,
              const char *argument)
{
    struct fleet_panel *panel = state;
    if (update(panel, context) == NULL) {
        return REACTION_NONE;
    }
    if (strcmp(name, "open") == 0) {
        show_target(panel, context, 0);
        return REACTION_HANDLED;
    }
    if (strcmp(name, "view") == 0) {
        struct str rest = str_from(argument);
        uint64_t number = 1;
        show_target(panel, context, str_u64(&rest, &number) ? (int)number : 1);
        return REACTION_HANDLED;
    }
    return table_view_command(&panel->view, context, name, argument);
}

static const char *
fleet_current(void *state, const char *command)
{
    const struct fleet_panel *panel = state;
    return table_view_current(&panel->view, command);
}

static enum reaction
fleet_mouse(void *state, const struct panel_context *context, int x, int y, int button)
{
    struct fleet_panel *panel = state;
    if (update(panel, context) == NULL) {
        return REACTION_NONE;
    }
    enum reaction reaction = table_view_mouse(&panel->view, context, x, y, button);
    if (button == TERM_DOUBLE_CLICK && y > panel->view.area.y) {
        show_target(panel, context, 0);
    }
    return reaction;
}

const struct panel panel_fleet = {
    .name = "fleet",
    .title = "Fleet",
    .open = fleet_open,
    .close = fleet_close,
    .has_data = fleet_has_data,
    .draw = fleet_draw,
    .command = fleet_command,
    .current = fleet_current,
    .mouse = fleet_mouse,
};
