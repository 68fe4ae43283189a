/* Tables on screen: places of the columns, texts of the cells, and drawing both. */
#include "table_view_parts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "flametop/base/utf8.h"
#include "flametop/core/unit.h"
#include "list.h"

#define TEXT_WIDTH_MIN 8 /* of a name that makes room for numbers */
#define SHARE_STEPS 5    /* colours of shares: more are more bytes and tell no more */
#define SHARE_OF_A_TICK 0.015
#define LAST_WIDTH_MIN 8 /* of the column that takes what is left */

char *
table_view_format(const struct column *column, union cell cell, bool full, bool ascii, char *dst,
                  size_t size)
{
    if (!cell_known(column->type, cell)) {
        snprintf(dst, size, "%s", ascii ? "-" : "–");
    } else if (column->type == COLUMN_TEXT) {
        utf8_clean(str_from(cell.text), dst, size);
    } else if (column->type == COLUMN_INTEGER && column->unit[0] == '\0') {
        snprintf(dst, size, "%lld", (long long)cell.integer);
    } else {
        double value = column->type == COLUMN_INTEGER ? (double)cell.integer : cell.real;
        if (strcmp(column->unit, "s") == 0 && value >= 1) {
            unit_format_age(value, dst, size);
        } else if (!full && strcmp(column->unit, "1") == 0) {
            snprintf(dst, size, value < 0.9995 ? "%.1f %%" : "%.0f %%", value * 100);
        } else if (full) {
            unit_format(value, column->unit, ascii, dst, size);
        } else {
            unit_format_short(value, column->unit, ascii, dst, size);
        }
    }
    return dst;
}

size_t
table_view_ordered(const struct table_view *view, int columns[TABLE_VIEW_COLUMNS])
{
    size_t count = 0;
    uint64_t left = (view->chosen & ~view->absent) | UINT64_C(1) << view->sort;
    for (size_t i = 0; view->order != NULL && view->order[i] != NULL; i++) {
        int column = table_column(view->def, view->order[i]);
        if (column >= 0 && column < TABLE_VIEW_COLUMNS && (left >> column & 1) != 0) {
            columns[count++] = column;
            left &= ~(UINT64_C(1) << column);
        }
    }
    if (view->narrow) {
        for (size_t i = 0; i < MIN(view->def->column_count, TABLE_VIEW_COLUMNS); i++) {
            left &= view->def->columns[i].width == 0 || (int)i == view->sort ? ~UINT64_C(0)
                                                                             : ~(UINT64_C(1) << i);
        }
    }
    int last = -1;
    for (int i = 0; i < (int)MIN(view->def->column_count, TABLE_VIEW_COLUMNS); i++) {
        if ((left >> i & 1) != 0 && view->def->columns[i].width == 0 && last < 0) {
            last = i;
        } else if ((left >> i & 1) != 0) {
            columns[count++] = i;
        }
    }
    if (last >= 0) {
        columns[count++] = last;
    }
    return count;
}

bool
table_view_found(const struct table_view *view, const union cell *cells)
{
    for (size_t i = 0; view->search[0] != '\0' && i < view->def->column_count; i++) {
        const struct column *column = &view->def->columns[i];
        char text[TABLE_VIEW_TEXT];
        bool key = (column->flags & COLUMN_KEY) != 0;
        if ((column->type == COLUMN_TEXT || key) && cell_known(column->type, cells[i]) &&
            strcasestr(table_view_format(column, cells[i], false, true, text, sizeof(text)),
                       view->search) != NULL) {
            return true;
        }
    }
    return false;
}

void
table_view_draw_fact(const struct column *column, union cell cell, int label_width,
                     struct canvas *canvas, struct rect row)
{
    char text[TABLE_VIEW_TEXT];
    table_view_format(column, cell, true, canvas->glyphs == GLYPHS_ASCII, text, sizeof(text));
    int label = canvas_printf(canvas, row.x, row.y, row.width, (struct style){.fg = ROLE_DIM},
                              "%-*s ", label_width, column->title);
    canvas_text(canvas, row.x + label, row.y, MAX(row.width - label, 0), str_from(text),
                (struct style){.fg = cell_known(column->type, cell) ? ROLE_VALUE : ROLE_DIM});
}

static bool
is_name(const struct table_view *view, const struct column *column)
{
    return view->indented != NULL && strcmp(column->name, view->indented) == 0;
}

static int
column_width(const struct table_view *view, const struct column *column)
{
    bool name = is_name(view, column);
    int width = view->name_width > 0 && name ? view->name_width : (int)column->width;
    width += view->tree && name ? view->tree_width : 0;
    return MAX(width, (int)strlen(column->title));
}

static bool
is_left(const struct column *column)
{
    return column->type == COLUMN_TEXT;
}

/* How much narrower the first text column becomes so that the others fit as well. */
static int
squeeze(const struct table_view *view, const int *columns, size_t count, int room)
{
    int wanted = 0, text = -1;
    for (size_t i = 0; i < count; i++) {
        const struct column *column = &view->def->columns[columns[i]];
        wanted += column->width > 0 ? column_width(view, column) + 1 : 0;
        text = text < 0 && is_left(column) && column->width > TEXT_WIDTH_MIN ? columns[i] : text;
    }
    int spare = text >= 0 ? column_width(view, &view->def->columns[text]) - TEXT_WIDTH_MIN : 0;
    return view->narrow && wanted - room <= spare ? MAX(wanted - room, 0) : 0;
}

static bool
is_elastic(const struct table_view *view, int column)
{
    return view->def->columns[column].width == 0;
}

/* What stays when the others are scrolled: what says which row it is, and what it is sorted by. */
static bool
is_kept(const struct table_view *view, int column)
{
    const struct column *shown = &view->def->columns[column];
    return column == view->sort || (shown->flags & COLUMN_KEY) != 0 || is_name(view, shown);
}

/* Takes the first `skip` columns that do not stay out of the list. Answers what is left. */
static size_t
skip_columns(const struct table_view *view, int *columns, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0, skipped = 0; i < count; i++) {
        bool stays = is_kept(view, columns[i]) || is_elastic(view, columns[i]);
        if (stays || skipped == view->skip) {
            columns[kept++] = columns[i];
        } else {
            skipped++;
        }
    }
    return kept;
}

/* Room for the column that takes what is left, where there is room for it at all. */
static int
elastic_room(const struct table_view *view, const int *columns, size_t count, int width)
{
    bool there = count > 0 && is_elastic(view, columns[count - 1]);
    return !there || view->narrow ? 0 : MAX(width / 5, LAST_WIDTH_MIN) + 1;
}

/* Gives columns their places; those that do not fit are dropped from the right, never the one the
 * rows are sorted by. */
static void
place(struct table_view *view, struct rect area)
{
    int columns[TABLE_VIEW_COLUMNS], x = area.x + 1, end = area.x + area.width;
    size_t count = table_view_ordered(view, columns);
    count = skip_columns(view, columns, count);
    int squeezed = squeeze(view, columns, count, area.width);
    int fixed_end = end - elastic_room(view, columns, count, area.width);
    int sorted =
        is_elastic(view, view->sort) ? 0 : column_width(view, &view->def->columns[view->sort]) + 1;
    bool full = false;
    view->place_count = view->missing = 0;
    for (size_t i = 0; i < count; i++) {
        const struct column *column = &view->def->columns[columns[i]];
        bool rest = is_elastic(view, columns[i]), is_sort = columns[i] == view->sort;
        int width = rest ? end - x : column_width(view, column);
        if (!rest && is_left(column) && column->width > TEXT_WIDTH_MIN) {
            width -= squeezed;
            squeezed = 0;
        }
        sorted = is_sort ? 0 : sorted;
        full = full || (!rest && !is_sort && x + width + sorted > fixed_end);
        bool fits = rest ? width >= LAST_WIDTH_MIN : (is_sort ? x + width <= end : !full);
        if (!fits && (rest || view->place_count > 0)) {
            view->missing++;
            continue;
        }
        width = MIN(width, end - x);
        view->places[view->place_count++] = (struct table_view_place){columns[i], x, width};
        x += width + 1;
    }
}

/* The sign of the sort stands in the blank beside the title: no column moves for it. */
static void
draw_sort_sign(const struct table_view *view, struct canvas *canvas,
               const struct table_view_place *place, int y, struct style style)
{
    const struct column *column = &view->def->columns[place->column];
    int title = MIN((int)strlen(column->title), place->width);
    int x = is_left(column) ? place->x + title : place->x + place->width - title - 1;
    uint32_t sign = canvas->glyphs == GLYPHS_ASCII ? (view->ascending ? '^' : 'v')
                    : view->ascending              ? 0x25B2
                                                   : 0x25BC;
    canvas_put(canvas, x, y, sign, style);
}

static void
draw_head(const struct table_view *view, struct canvas *canvas, struct rect area)
{
    struct style style = {.fg = ROLE_TITLE, .attributes = CELL_BOLD};
    for (size_t i = 0; i < view->place_count; i++) {
        const struct table_view_place *place = &view->places[i];
        const struct column *column = &view->def->columns[place->column];
        struct style here = style;
        here.attributes =
            (uint8_t)(style.attributes | (place->column == view->sort ? CELL_UNDERLINE : 0));
        if (is_left(column)) {
            canvas_text(canvas, place->x, area.y, place->width, str_from(column->title), here);
        } else {
            canvas_text_right(canvas, place->x, area.y, place->width, str_from(column->title),
                              here);
        }
        if (place->column == view->sort && !view->tree) {
            draw_sort_sign(view, canvas, place, area.y, style);
        }
    }
    if (view->skip > 0) {
        canvas_put(canvas, area.x, area.y, canvas->glyphs == GLYPHS_ASCII ? '<' : 0x2039,
                   (struct style){.fg = ROLE_KEY});
    }
}

/* Zeros recede, and so does a share of a clock tick a second: what idles looks calm, and a process
 * that ticks now and then does not change its colour each second. */
static bool
is_next_to_nothing(const struct column *column, union cell cell)
{
    bool share = strcmp(column->unit, "1") == 0;
    return column->type == COLUMN_REAL && fabs(cell.real) <= (share ? SHARE_OF_A_TICK : 0.0);
}

static struct style
cell_style(const struct column *column, union cell cell, bool exited)
{
    if (exited || !cell_known(column->type, cell) || is_next_to_nothing(column, cell)) {
        return (struct style){.fg = ROLE_DIM};
    }
    if (column->type == COLUMN_REAL && strcmp(column->unit, "1") == 0) {
        int step = (int)(CLAMP(cell.real, 0.0, 1.0) * (SHARE_STEPS - 1)) * (RAMP_STEPS - 1) /
                   (SHARE_STEPS - 1);
        return (struct style){.fg = (uint8_t)(ROLE_RAMP_LOAD + step)};
    }
    return (struct style){.fg = ROLE_TEXT};
}

static bool
has_state_exited(const struct table_def *def, const union cell *cells)
{
    int state = table_column(def, "process.state");
    return state >= 0 && cells[state].text != NULL && cells[state].text[0] == 'X';
}

/* The lines of the tree before a name. Answers their width. */
static int
draw_branch(struct canvas *canvas, int x, int y, int width, const struct table_view_row *row)
{
    struct style style = {.fg = ROLE_DIM};
    int indent = MAX(MIN(row->depth * 2, width / 2), row->folded ? 2 : 0);
    for (int at = 0; at + 2 < indent; at += 2) {
        int depth = at / 2 + 1;
        bool more = depth < TREE_DEPTHS && (row->more >> depth & 1) != 0;
        canvas_text(canvas, x + at, y, 2, more ? STR("│ ") : STR("  "), style);
    }
    if (indent >= 2) {
        bool more = row->depth < TREE_DEPTHS && (row->more >> row->depth & 1) != 0;
        struct str sign = row->folded ? STR("+ ") : more ? STR("├ ") : STR("└ ");
        canvas_text(canvas, x + indent - 2, y, 2, sign, style);
    }
    return indent;
}

static void
draw_row(const struct table_view *view, const struct panel_context *context, struct canvas *canvas,
         size_t i, struct rect row, bool focused)
{
    const struct table_view_row *shown = &view->rows[i];
    const union cell *cells = table_row(view->table, shown->row);
    bool exited = has_state_exited(view->def, cells), found = table_view_found(view, cells);
    for (size_t p = 0; p < view->place_count; p++) {
        const struct table_view_place *place = &view->places[p];
        const struct column *column = &view->def->columns[place->column];
        char text[TABLE_VIEW_TEXT * 2];
        struct style style = cell_style(column, cells[place->column], exited);
        /* no more of a long text than tells that it is cut */
        size_t size = MIN(sizeof(text), 4 * (size_t)place->width + 6);
        table_view_format(column, cells[place->column], false, context->glyphs == GLYPHS_ASCII,
                          text, size);
        if (view->dress != NULL) {
            view->dress(view, context, shown->row, place->column, text, sizeof(text), &style);
        }
        int x = place->x, width = place->width;
        if (is_left(column)) {
            if (view->tree && is_name(view, column)) {
                int indent = draw_branch(canvas, x, row.y, width, shown);
                x += indent;
                width -= indent;
            }
            style.fg = found && column->type == COLUMN_TEXT ? ROLE_SEARCH : style.fg;
            canvas_text(canvas, x, row.y, width, str_from(text), style);
        } else {
            canvas_text_right(canvas, x, row.y, width, str_from(text), style);
        }
    }
    if (focused && i == view->at) {
        canvas_restyle(canvas, row, (struct style){.fg = ROLE_SELECT_FG, .bg = ROLE_SELECT_BG});
        canvas->cursor_x = row.x;
        canvas->cursor_y = row.y;
    }
}

static void
scroll(struct table_view *view, size_t rows)
{
    size_t most = view->count > rows ? view->count - rows : 0;
    if (view->follow && rows > 0) {
        view->first = view->at > rows / 2 ? view->at - rows / 2 : 0;
    } else if (!view->loose || view->keep) {
        view->first = list_first(view->first, view->at, view->count, rows);
    }
    view->first = MIN(view->first, most);
}

static void
draw_nothing(const struct table_view *view, const struct panel_context *context,
             struct canvas *canvas, struct rect row)
{
    const char *awaits = panel_awaits(context);
    char text[TABLE_VIEW_TEXT + 64];
    if (view->filter != NULL) {
        snprintf(text, sizeof(text), "No row matches the filter “%s”: Esc clears it.",
                 view->filter_text);
    } else if (awaits != NULL) {
        strlcpy(text, awaits, sizeof(text));
    } else {
        snprintf(text, sizeof(text), "%s", view->nothing != NULL ? view->nothing : "No rows.");
    }
    canvas_text(canvas, row.x, row.y, row.width, str_from(text), (struct style){.fg = ROLE_DIM});
}

void
table_view_draw(struct table_view *view, const struct panel_context *context, struct canvas *canvas,
                struct rect area, bool focused)
{
    view->area = area;
    place(view, area);
    draw_head(view, canvas, area);
    size_t rows = (size_t)MAX(area.height - 1, 0);
    scroll(view, rows);
    if (view->count == 0) {
        draw_nothing(view, context, canvas,
                     (struct rect){area.x + 1, area.y + 1, area.width - 2, 1});
    }
    for (size_t i = 0; i < rows && view->first + i < view->count; i++) {
        draw_row(view, context, canvas, view->first + i,
                 (struct rect){area.x, area.y + 1 + (int)i, area.width, 1}, focused);
    }
}
