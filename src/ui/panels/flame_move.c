/* The cursor of the flame graph: a frame, or a rest, found again in every layout. */
#include <string.h>

#include "flame.h"

#define ROWS_MAX ((size_t)65536) /* of a search through the graph */

const struct flame_cell *
flame_cell_at(const struct flame_panel *panel)
{
    const struct flame_layout *layout = &panel->pieces[panel->cursor.piece].layout;
    return layout->flame != NULL && panel->cursor.cell < layout->count
               ? &layout->cells[panel->cursor.cell]
               : NULL;
}

static void
point_at(struct flame_cursor *cursor, const struct flame_layout *layout, size_t row, size_t cell)
{
    const struct flame_cell *found = &layout->cells[cell];
    cursor->node = found->node;
    cursor->rest = found->kind == FLAME_REST;
    cursor->from = found->from;
    cursor->row = row;
    cursor->cell = cell;
}

static bool
find_in_row(struct flame_cursor *cursor, const struct flame_layout *layout, size_t row)
{
    for (size_t i = layout->rows[row]; i < layout->rows[row + 1]; i++) {
        const struct flame_cell *cell = &layout->cells[i];
        if (cell->node == cursor->node && cell->from == cursor->from &&
            cell->kind == (cursor->rest ? FLAME_REST : FLAME_FRAME)) {
            point_at(cursor, layout, row, i);
            return true;
        }
    }
    return false;
}

/* Row of a node, or of the rest below it; SIZE_MAX above what is zoomed into. */
static size_t
row_of(const struct flame_piece *piece, const struct flame_cursor *cursor)
{
    const struct flame_zoom *zoom = &piece->zooms[piece->zoom_count - 1];
    size_t base = flame_depth(piece->tree, zoom->node) + (zoom->list != NULL);
    size_t depth = flame_depth(piece->tree, cursor->node) + cursor->rest;
    return depth >= base ? depth - base : SIZE_MAX;
}

/* Where it is not in the layout any more, its nearest caller that is; else the first row. */
void
flame_locate(struct flame_panel *panel, int width)
{
    for (unsigned i = 0; i < PIECES; i++) {
        struct flame_piece *piece = &panel->pieces[i];
        struct flame_zoom *zoom = flame_zoomed(piece);
        struct flame_layout *layout = &piece->layout;
        if (flame_is_drawable(piece->tree) &&
            (layout->flame != piece->tree || layout->zoom != zoom || layout->width != width ||
             layout->side != panel->side)) {
            flame_layout_begin(layout, piece->tree, zoom, panel->side, width);
        }
    }
    struct flame_cursor *cursor = &panel->cursor;
    struct flame_piece *piece = &panel->pieces[cursor->piece];
    struct flame_layout *layout = &piece->layout;
    for (size_t row = row_of(piece, cursor); row != SIZE_MAX; row = row_of(piece, cursor)) {
        flame_layout_extend(layout, row + 1);
        if (row < layout->row_count && find_in_row(cursor, layout, row)) {
            return;
        }
        if (!cursor->rest && cursor->node == 0) {
            break;
        }
        cursor->node = cursor->rest ? cursor->node : piece->tree->parent[cursor->node];
        cursor->rest = false;
        cursor->from = 0;
    }
    if (layout->count > 0) {
        point_at(cursor, layout, 0, 0);
    }
}

static void
move_sideways(struct flame_panel *panel, int step)
{
    const struct flame_layout *layout = &panel->pieces[panel->cursor.piece].layout;
    size_t row = panel->cursor.row, at = panel->cursor.cell;
    while (step > 0 ? at + 1 < layout->rows[row + 1] : at > layout->rows[row]) {
        at += (size_t)step;
        if (layout->cells[at].kind != FLAME_SELF) {
            point_at(&panel->cursor, layout, row, at);
            return;
        }
    }
}

static bool
move_inwards(struct flame_panel *panel)
{
    struct flame_layout *layout = &panel->pieces[panel->cursor.piece].layout;
    const struct flame_cell cell = layout->cells[panel->cursor.cell];
    size_t row = panel->cursor.row + 1;
    flame_layout_extend(layout, row + 1);
    for (size_t i = row < layout->row_count ? layout->rows[row] : layout->count;
         i < layout->count && i < layout->rows[row + 1]; i++) {
        const struct flame_cell *below = &layout->cells[i];
        if (below->kind != FLAME_SELF && below->x >= cell.x && below->x < cell.x + cell.width) {
            point_at(&panel->cursor, layout, row, i);
            return true;
        }
    }
    return false;
}

static bool
move_outwards(struct flame_panel *panel)
{
    const struct flame_layout *layout = &panel->pieces[panel->cursor.piece].layout;
    const struct flame_cell cell = layout->cells[panel->cursor.cell];
    if (panel->cursor.row == 0) {
        return false;
    }
    size_t row = panel->cursor.row - 1;
    for (size_t i = layout->rows[row]; i < layout->rows[row + 1]; i++) {
        const struct flame_cell *above = &layout->cells[i];
        if (above->kind == FLAME_FRAME && cell.x >= above->x && cell.x < above->x + above->width) {
            point_at(&panel->cursor, layout, row, i);
            return true;
        }
    }
    return false;
}

/* Up and down on the screen. In a sandwich the callers grow upwards from the row both share. */
static bool
move_vertically(struct flame_panel *panel, bool up)
{
    struct flame_cursor *cursor = &panel->cursor;
    if (panel->look.sandwich && cursor->row == 0) {
        struct flame_cursor before = *cursor;
        cursor->piece = up ? PIECE_CALLERS : PIECE_CALLEES;
        struct flame_layout *layout = &panel->pieces[cursor->piece].layout;
        point_at(cursor, layout, 0, 0);
        bool moved = move_inwards(panel);
        *cursor = moved ? *cursor : before;
        return moved;
    }
    bool inwards = cursor->piece == PIECE_CALLERS   ? up
                   : cursor->piece == PIECE_CALLEES ? !up
                                                    : up == panel->flipped;
    return inwards ? move_inwards(panel) : move_outwards(panel);
}

/* The next cell in reading order that matches. */
static void
go_to_match(struct flame_panel *panel, const struct panel_context *context, bool forward)
{
    struct flame_layout *layout = &panel->pieces[panel->cursor.piece].layout;
    flame_layout_extend(layout, ROWS_MAX);
    size_t count = layout->count, at = panel->cursor.cell;
    for (size_t i = 0; i < count; i++) {
        at = (at + (forward ? 1 : count - 1)) % count;
        const struct flame_cell *cell = &layout->cells[at];
        if (cell->kind == FLAME_FRAME &&
            flame_is_match(panel, layout->flame, layout->flame->frame[cell->node])) {
            size_t row = 0;
            while (layout->rows[row + 1] <= at) {
                row++;
            }
            point_at(&panel->cursor, layout, row, at);
            return;
        }
    }
    panel_say(context,
              panel->search.matched > 0
                  ? "every match is narrower than a cell here: , lists frames, Enter zooms"
                  : "no frame matches %s",
              panel->search.text);
}

bool
flame_move(struct flame_panel *panel, const struct panel_context *context, const char *name)
{
    bool up = strcmp(name, "move.up") == 0 || strcmp(name, "move.page.up") == 0;
    if (strcmp(name, "move.left") == 0 || strcmp(name, "move.right") == 0) {
        move_sideways(panel, strcmp(name, "move.right") == 0 ? 1 : -1);
    } else if (up || strcmp(name, "move.down") == 0 || strcmp(name, "move.page.down") == 0) {
        bool page = strncmp(name, "move.page", 9) == 0;
        for (int i = page ? panel->rows : 1; i > 0 && move_vertically(panel, up); i--) {
        }
    } else if (strcmp(name, "move.first") == 0) {
        while (move_outwards(panel)) {
        }
    } else if (strcmp(name, "move.last") == 0) {
        while (move_inwards(panel)) {
        }
    } else if (strcmp(name, "search.next") == 0 || strcmp(name, "search.previous") == 0) {
        if (panel->search.frames != NULL) {
            go_to_match(panel, context, strcmp(name, "search.next") == 0);
        }
    } else {
        return false;
    }
    return true;
}
