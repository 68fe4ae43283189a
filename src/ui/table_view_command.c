/* Tables on screen: what keys and clicks do. */
#include "table_view_parts.h"

#include <stdio.h>
#include <string.h>

#include "flametop/ui/term.h"
#include "list.h"

static void
select_at(struct table_view *view, int64_t at)
{
    if (view->count > 0) {
        view->at = (size_t)CLAMP(at, 0, (int64_t)view->count - 1);
        view->selected = table_view_key(view, view->at);
        view->pinned = true;
        view->loose = false;
        view->follow = false;
    }
}

void
table_view_pin(struct table_view *view)
{
    if (!view->pinned) {
        select_at(view, (int64_t)view->at);
    }
}

static bool
move_by(struct table_view *view, const char *name)
{
    size_t at = view->at;
    if (!list_move(name, view->count, (size_t)MAX(view->area.height - 2, 1), &at)) {
        return false;
    }
    select_at(view, (int64_t)at);
    return true;
}

/* Shows columns further right, or further left again. */
static bool
scroll_columns(struct table_view *view, const char *name)
{
    bool right = strcmp(name, "move.right") == 0;
    if (!right && strcmp(name, "move.left") != 0) {
        return false;
    }
    view->skip += right && view->missing > 0;
    view->skip -= !right && view->skip > 0;
    return true;
}

static void
sort_by(struct table_view *view, int column)
{
    view->ascending =
        view->sort == column ? !view->ascending : view->def->columns[column].type == COLUMN_TEXT;
    view->sort = column;
    view->tree = false;
    view->settings++;
}

static void
sort_step(struct table_view *view, int step)
{
    int columns[TABLE_VIEW_COLUMNS];
    size_t count = table_view_ordered(view, columns), at = 0;
    for (size_t i = 0; i < count; i++) {
        at = columns[i] == view->sort ? i : at;
    }
    if (count > 0) {
        sort_by(view, columns[(at + count + (size_t)step) % count]);
    }
}

/* A menu of the columns; for the chooser with the state of each. */
static void
open_menu(struct table_view *view, const struct panel_context *context, const char *title,
          const char *command, bool states, int selected)
{
    struct menu_item items[TABLE_VIEW_COLUMNS];
    char labels[TABLE_VIEW_COLUMNS][64];
    size_t count = MIN(view->def->column_count, TABLE_VIEW_COLUMNS);
    for (size_t i = 0; i < count; i++) {
        const struct column *column = &view->def->columns[i];
        bool on = (view->chosen >> i & 1) != 0;
        snprintf(labels[i], sizeof(labels[i]), "%s%s",
                 !states ? ""
                 : on    ? "[x] "
                         : "[ ] ",
                 column->title);
        items[i] = (struct menu_item){column->text, column->name, labels[i]};
    }
    panel_menu(context, title, items, count, (size_t)MAX(selected, 0), command);
}

static void
set_sort(struct table_view *view, const struct panel_context *context, const char *argument)
{
    int column = argument[0] != '\0' ? filter_column(view->def, str_from(argument)) : -1;
    if (argument[0] == '\0') {
        open_menu(view, context, "Sort by", "sort.set", false, view->sort);
    } else if (column < 0) {
        panel_say(context, "sort: no such column: %s", argument);
    } else if (column != view->sort || view->tree) {
        view->sort = column;
        view->ascending = view->def->columns[column].type == COLUMN_TEXT;
        view->tree = false;
        view->settings++;
    }
}

static void
choose_column(struct table_view *view, const struct panel_context *context, const char *argument)
{
    int column = argument[0] != '\0' ? filter_column(view->def, str_from(argument)) : -1;
    if (column >= 0 && column < TABLE_VIEW_COLUMNS) {
        view->chosen ^= UINT64_C(1) << column;
    }
    open_menu(view, context, "Columns: Enter shows or hides", "columns", true, column);
}

static void
set_filter(struct table_view *view, const struct panel_context *context, const char *argument)
{
    char why[160];
    struct filter *filter = filter_new(str_from(argument), view->def, why, sizeof(why));
    if (filter == NULL && why[0] != '\0') {
        panel_say(context, "%s", why);
        return;
    }
    filter_free(view->filter);
    view->filter = filter;
    snprintf(view->filter_text, sizeof(view->filter_text), "%s", filter != NULL ? argument : "");
    view->settings++;
}

static void
search_step(struct table_view *view, const struct panel_context *context, int step)
{
    for (size_t i = 1; view->search[0] != '\0' && i <= view->count; i++) {
        size_t at = (view->at + view->count + (step > 0 ? i : view->count - i)) % view->count;
        if (table_view_found(view, table_row(view->table, view->rows[at].row))) {
            select_at(view, (int64_t)at);
            return;
        }
    }
    panel_say(context,
              view->search[0] != '\0' ? "not found: %s" : "nothing is searched for: / asks what%s",
              view->search);
}

static void
fold(struct table_view *view, bool on)
{
    uint64_t key = view->count > 0 ? table_view_key(view, view->at) : 0;
    if (on && !table_view_is_folded(view, key) && view->folded_count < ARRAY_SIZE(view->folded)) {
        view->folded[view->folded_count++] = key;
    }
    for (size_t i = 0; !on && i < view->folded_count; i++) {
        if (view->folded[i] == key) {
            view->folded[i] = view->folded[--view->folded_count];
        }
    }
    select_at(view, (int64_t)view->at);
    view->settings++;
}

static void
follow(struct table_view *view)
{
    bool on = !view->follow;
    select_at(view, (int64_t)view->at);
    view->follow = on && view->count > 0;
}

/* Clears one thing; false when there is nothing left to clear. The selection stays: what was meant
 * for the row somebody chose must not hit the one that happens to be first. */
static bool
escape(struct table_view *view, const struct panel_context *context)
{
    if (view->search[0] != '\0') {
        view->search[0] = '\0';
    } else if (view->filter != NULL) {
        set_filter(view, context, "");
    } else if (view->follow) {
        view->follow = false;
    } else {
        return false;
    }
    return true;
}

static void
copy_row(const struct table_view *view, const struct panel_context *context)
{
    const union cell *cells = table_view_selected(view);
    char line[4096], text[1024];
    size_t n = 0;
    line[0] = '\0';
    for (size_t i = 0; cells != NULL && i < view->def->column_count && n < sizeof(line); i++) {
        table_view_format(&view->def->columns[i], cells[i], true, false, text, sizeof(text));
        n += (size_t)snprintf(line + n, sizeof(line) - n, "%s%s", i > 0 ? "\t" : "", text);
    }
    panel_copy(context, str_from(line));
}

enum reaction
table_view_command(struct table_view *view, const struct panel_context *context, const char *name,
                   const char *argument)
{
    if (view->def == NULL) {
        return REACTION_NONE;
    }
    if (move_by(view, name) || scroll_columns(view, name)) {
        return REACTION_HANDLED | REACTION_INTEREST;
    }
    if (strcmp(name, "sort.next") == 0) {
        sort_step(view, 1);
    } else if (strcmp(name, "sort.previous") == 0) {
        sort_step(view, -1);
    } else if (strcmp(name, "sort.invert") == 0) {
        sort_by(view, view->sort);
    } else if (strcmp(name, "sort.set") == 0) {
        set_sort(view, context, argument);
    } else if (strcmp(name, "filter.set") == 0 && str_ends(str_from(argument), "=")) {
        panel_prompt(context, "filter", argument, name); /* "user=": which one is asked for */
    } else if (strcmp(name, "filter.set") == 0) {
        set_filter(view, context, argument);
    } else if (strcmp(name, "search.set") == 0) {
        snprintf(view->search, sizeof(view->search), "%s", argument);
        search_step(view, context, 1);
    } else if (strcmp(name, "search.next") == 0 || strcmp(name, "search.previous") == 0) {
        search_step(view, context, strcmp(name, "search.next") == 0 ? 1 : -1);
    } else if (strcmp(name, "tree") == 0 && view->parent != NULL) {
        view->tree = !view->tree;
        view->settings++;
    } else if (strcmp(name, "tree.fold") == 0 || strcmp(name, "tree.unfold") == 0) {
        fold(view, strcmp(name, "tree.fold") == 0);
    } else if (strcmp(name, "columns") == 0) {
        choose_column(view, context, argument);
    } else if (strcmp(name, "follow") == 0) {
        follow(view);
    } else if (strcmp(name, "copy") == 0) {
        copy_row(view, context);
    } else if (strcmp(name, "escape") != 0 || !escape(view, context)) {
        return REACTION_NONE;
    }
    return REACTION_HANDLED | REACTION_INTEREST;
}

enum reaction
table_view_mouse(struct table_view *view, const struct panel_context *context, int x, int y,
                 int button)
{
    if (button == TERM_WHEEL_UP || button == TERM_WHEEL_DOWN) {
        select_at(view, (int64_t)view->at + (button == TERM_WHEEL_UP ? -3 : 3));
        return REACTION_HANDLED | REACTION_INTEREST;
    }
    (void)context;
    if (y == view->area.y) {
        for (size_t i = 0; i < view->place_count; i++) {
            if (x >= view->places[i].x && x <= view->places[i].x + view->places[i].width) {
                sort_by(view, view->places[i].column);
            }
        }
    } else if (y > view->area.y && view->first + (size_t)(y - view->area.y - 1) < view->count) {
        select_at(view, (int64_t)view->first + y - view->area.y - 1);
    }
    return REACTION_HANDLED | REACTION_INTEREST;
}
