/* The flame view: what is looked at, where the cursor is, and what the keys do.
 *
 * Invariant: drawing and keys never take longer than a slice of work: trees, searches and sums are
 * made in steps while the panel is drawn, which asks to be drawn again until all is done. What was
 * shown before stays until what takes its place can be drawn. */
#include "flame.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/clock.h"
#include "flametop/base/utf8.h"
#include "flametop/core/unit.h"
#include "flametop/ui/term.h"

#define SLICE_NS (7 * NS_PER_MS)
#define ROWS_MAX ((size_t)65536) /* of a search through the graph */

/* ---- small things ---- */

struct flame_zoom *
flame_zoomed(struct flame_piece *piece)
{
    return &piece->zooms[piece->zoom_count - 1];
}

unsigned
flame_first_piece(const struct flame_panel *panel)
{
    return panel->look.sandwich ? PIECE_CALLEES : PIECE_MAIN;
}

struct str
flame_name(const struct flame_panel *panel, uint32_t frame)
{
    const struct profile_frame *found = &panel->profile->frames[frame];
    return (struct str){found->name, found->name_n};
}

char *
flame_value(const struct flame_panel *panel, double value, bool ascii, char dst[FLAME_VALUE_BYTES])
{
    const struct profile_measure *measure = &panel->profile->measures[panel->look.measure];
    return unit_format(value * measure->scale, measure->unit, ascii, dst, FLAME_VALUE_BYTES);
}

char *
flame_share(double part, double whole, char dst[FLAME_VALUE_BYTES])
{
    double share = whole > 0 ? part / whole * 100 : 0;
    if (share > 0 && share < 0.1) {
        snprintf(dst, FLAME_VALUE_BYTES, "<0.1 %%");
    } else {
        snprintf(dst, FLAME_VALUE_BYTES, share < 99.95 ? "%.1f %%" : "%.0f %%", share);
    }
    return dst;
}

/* ---- pieces ---- */

static void
piece_unzoom(struct flame_piece *piece)
{
    while (piece->zoom_count > 0) {
        flame_zoom_done(&piece->zooms[--piece->zoom_count]);
    }
    piece->zooms[piece->zoom_count++] = (struct flame_zoom){.node = 0};
    piece->top = 0;
}

static void
piece_done(struct flame_piece *piece)
{
    flame_free(piece->tree);
    flame_free(piece->making);
    piece_unzoom(piece);
    flame_layout_done(&piece->layout);
    *piece = (struct flame_piece){0};
}

static void
forget(struct flame_panel *panel)
{
    for (unsigned i = 0; i < PIECES; i++) {
        piece_done(&panel->pieces[i]);
    }
    flame_match_done(&panel->search);
    flame_match_done(&panel->wanted);
    free(panel->rule_bits);
    free(panel->covered);
    free(panel->listed);
    *panel = (struct flame_panel){0};
}

static void *
flame_open(struct catalog *catalog)
{
    (void)catalog;
    return calloc(1, sizeof(struct flame_panel));
}

static void
flame_close(void *state)
{
    struct flame_panel *panel = state;
    if (panel != NULL) {
        forget(panel);
        free(panel);
    }
}

static void
make(struct flame_panel *panel, unsigned index, enum flame_part part)
{
    struct flame_piece *piece = &panel->pieces[index];
    struct flame_options options = {.part = part,
                                    .frame = panel->look.frame,
                                    .measure = panel->look.measure,
                                    .collapse = panel->look.collapse,
                                    .rules = panel->look.rules > 0 ? panel->rule_bits : NULL};
    for (unsigned i = 0; i < panel->look.rules; i++) {
        *(panel->rules[i].drop ? &options.drop : &options.keep) |= UINT32_C(1) << i;
    }
    flame_free(piece->making);
    piece->making = flame_new(panel->profile, &options);
}

/* After the look has changed. */
static void
make_all(struct flame_panel *panel)
{
    if (panel->look.sandwich) {
        make(panel, PIECE_CALLERS, FLAME_CALLERS);
        make(panel, PIECE_CALLEES, FLAME_CALLEES);
    } else {
        make(panel, PIECE_MAIN, panel->look.invert ? FLAME_INVERTED : FLAME_WHOLE);
    }
}

/* A new tree takes the place of another: what was looked at is found again where it is there. */
static void
adopt(struct flame_panel *panel, unsigned index)
{
    struct flame_piece *piece = &panel->pieces[index];
    struct flame *before = piece->tree;
    uint32_t zoomed = piece->zoom_count > 1 ? flame_zoomed(piece)->node : 0;
    piece_unzoom(piece);
    if (index != PIECE_MAIN && piece->making->count > 1) {
        piece->zooms[0].node = 1; /* the frame itself: the root has no other child */
    }
    if (before != NULL && before->count > 0) {
        zoomed = flame_find(piece->making, before, zoomed);
        if (panel->cursor.piece == index) {
            panel->cursor.node = flame_find(piece->making, before, panel->cursor.node);
            panel->cursor.rest = false;
        }
        if (zoomed > piece->zooms[0].node) {
            piece->zooms[piece->zoom_count++] = (struct flame_zoom){.node = zoomed};
        }
    }
    piece->tree = piece->making;
    piece->making = NULL;
    panel->covered_tree = panel->covered_tree == before ? NULL : panel->covered_tree;
    panel->listed_tree = panel->listed_tree == before ? NULL : panel->listed_tree;
    panel->gone_tree = panel->gone_tree == before ? NULL : panel->gone_tree;
    piece->layout.flame = NULL;
    flame_free(before);
}

/* Answers whether there is more to do. */
static bool
work_on(struct flame_panel *panel, unsigned index, int64_t until_ns)
{
    struct flame_piece *piece = &panel->pieces[index];
    if (piece->making != NULL) {
        bool done = flame_step(piece->making, until_ns);
        if (flame_is_drawable(piece->making)) {
            adopt(panel, index);
        } else if (done) { /* out of memory: what was there stays */
            flame_free(piece->making);
            piece->making = NULL;
        }
        return !done || (piece->tree != NULL && piece->tree->work != NULL);
    }
    return piece->tree != NULL && !flame_step(piece->tree, until_ns);
}

static void
remember(struct flame_panel *panel)
{
    if (panel->undo_count == FLAME_UNDO_MAX) {
        memmove(panel->undo, panel->undo + 1, (FLAME_UNDO_MAX - 1) * sizeof(panel->undo[0]));
        panel->undo_count--;
    }
    panel->undo[panel->undo_count++] = panel->look;
}

/* ---- rules ---- */

static bool
has_room_for_rule(struct flame_panel *panel, const struct panel_context *context)
{
    if (panel->rule_bits == NULL) {
        panel->rule_bits = calloc((size_t)panel->profile->frame_count + 1, sizeof(uint32_t));
    }
    if (panel->look.rules == FLAME_RULES_MAX || panel->rule_bits == NULL) {
        panel_say(context, "there are %u filters already: U takes the last one back",
                  panel->look.rules);
        return false;
    }
    return true;
}

/* Trees that are being made read the bits of rules, but only of those in force when they began. */
static void
add_rule(struct flame_panel *panel, bool drop, struct str text, uint32_t frame,
         const uint8_t *frames)
{
    uint32_t bit = UINT32_C(1) << panel->look.rules;
    struct flame_rule *rule = &panel->rules[panel->look.rules];
    rule->drop = drop;
    utf8_clean(text, rule->text, sizeof(rule->text));
    for (uint32_t i = 0; i < panel->profile->frame_count; i++) {
        bool is = frames != NULL ? frames[i] != 0 : i == frame;
        panel->rule_bits[i] = is ? panel->rule_bits[i] | bit : panel->rule_bits[i] & ~bit;
    }
    remember(panel);
    panel->look.rules++;
    make_all(panel);
}

static bool
work_on_rule(struct flame_panel *panel, const struct panel_context *context, int64_t until_ns)
{
    struct flame_match *wanted = &panel->wanted;
    if (wanted->frames == NULL) {
        return false;
    }
    if (!flame_match_step(wanted, panel->profile, until_ns)) {
        return true;
    }
    if (wanted->matched == 0) {
        panel_say(context, "no frame matches %s", wanted->text);
    } else if (has_room_for_rule(panel, context)) {
        add_rule(panel, panel->wanted_drop, str_from(wanted->text), 0, wanted->frames);
    }
    flame_match_done(wanted);
    return true;
}

static void
set_filter(struct flame_panel *panel, const struct panel_context *context, const char *text)
{
    char why[160];
    panel->wanted_drop = text[0] == '!';
    text += panel->wanted_drop;
    if (text[0] == '\0') {
        return;
    }
    if (!flame_match_begin(&panel->wanted, panel->profile, text, why, sizeof(why))) {
        panel_say(context, "%s: %s", text, why);
    }
}

/* ---- drawing ---- */

/* The measure to begin with, and the profile's first tree. */
static void
begin(struct flame_panel *panel, const struct profile *profile)
{
    forget(panel);
    panel->profile = profile;
    panel->look.measure = profile->measure_chosen;
    for (unsigned i = 0; i < PIECES; i++) {
        piece_unzoom(&panel->pieces[i]);
    }
    make_all(panel);
}

/* Answers whether there is more to do. */
static bool
work(struct flame_panel *panel, const struct panel_context *context)
{
    int64_t until_ns = clock_mono_ns() + SLICE_NS;
    bool more = work_on_rule(panel, context, until_ns);
    for (unsigned i = 0; i < PIECES && clock_mono_ns() < until_ns; i++) {
        bool shown = panel->look.sandwich ? i != PIECE_MAIN : i == PIECE_MAIN;
        more |= shown && work_on(panel, i, until_ns);
    }
    if (panel->search.frames != NULL) {
        more |= !flame_match_step(&panel->search, panel->profile, until_ns) ||
                !flame_cover_step(panel, until_ns);
    }
    return more;
}

static bool
is_ready(const struct flame_panel *panel)
{
    return panel->look.sandwich ? flame_is_drawable(panel->pieces[PIECE_CALLERS].tree) &&
                                      flame_is_drawable(panel->pieces[PIECE_CALLEES].tree)
                                : flame_is_drawable(panel->pieces[PIECE_MAIN].tree);
}

static void
draw_wait(const struct flame_panel *panel, struct canvas *canvas, struct rect area)
{
    double least = 1;
    bool failed = true;
    for (unsigned i = 0; i < PIECES; i++) {
        const struct flame *making = panel->pieces[i].making;
        failed &= making == NULL;
        least = making != NULL ? fmin(least, flame_progress(making)) : least;
    }
    canvas_printf(canvas, area.x + 1, area.y, area.width - 2, (struct style){.fg = ROLE_DIM},
                  failed ? "there is not enough memory for this" : "adding up stacks … %.0f %%",
                  least * 100);
}

static bool
flame_has_data(void *state, const struct panel_context *context)
{
    (void)state;
    return context->profile != NULL && context->profile->measure_count > 0;
}

static void
flame_draw(void *state, const struct panel_context *context, struct canvas *canvas,
           struct rect area, bool focused)
{
    (void)focused;
    struct flame_panel *panel = state;
    if (panel->profile != context->profile) {
        begin(panel, context->profile);
    }
    if (work(panel, context)) {
        panel_again(context);
    }
    if (!is_ready(panel)) {
        draw_wait(panel, canvas, area);
    } else if (panel->page == FLAME_PAGE_FRAMES) {
        flame_frames_draw(panel, context, canvas, area);
    } else {
        flame_graph_draw(panel, context, canvas, area);
    }
}

/* ---- the cursor ---- */

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
        uint32_t frame = layout->flame->frame[cell->node];
        if (cell->kind == FLAME_FRAME && frame != PROFILE_NONE &&
            panel->search.frames[frame] != 0) {
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

/* ---- commands ---- */

/* The frame under the cursor, or of the table's row; PROFILE_NONE on the root and on a rest. */
static uint32_t
frame_at(const struct flame_panel *panel)
{
    if (panel->page == FLAME_PAGE_FRAMES) {
        return flame_frames_selected(panel);
    }
    const struct flame_cell *cell = flame_cell_at(panel);
    return cell != NULL && cell->kind == FLAME_FRAME
               ? panel->pieces[panel->cursor.piece].tree->frame[cell->node]
               : PROFILE_NONE;
}

static void
leave_sandwich(struct flame_panel *panel)
{
    panel->look.sandwich = false;
    panel->cursor = (struct flame_cursor){.piece = PIECE_MAIN};
}

static void
do_measure(struct flame_panel *panel, const struct panel_context *context, const char *argument)
{
    (void)argument;
    if (panel->profile->measure_count < 2) {
        panel_say(context, "this profile measured %s alone", panel->profile->measures[0].name);
        return;
    }
    remember(panel);
    panel->look.measure = (panel->look.measure + 1) % panel->profile->measure_count;
    make_all(panel);
}

static void
do_invert(struct flame_panel *panel, const struct panel_context *context, const char *argument)
{
    (void)context;
    (void)argument;
    remember(panel);
    if (panel->look.sandwich) {
        leave_sandwich(panel);
    }
    panel->look.invert = !panel->look.invert;
    make_all(panel);
}

static void
do_collapse(struct flame_panel *panel, const struct panel_context *context, const char *argument)
{
    (void)context;
    (void)argument;
    remember(panel);
    panel->look.collapse = !panel->look.collapse;
    make_all(panel);
}

static void
do_flip(struct flame_panel *panel, const struct panel_context *context, const char *argument)
{
    (void)argument;
    if (panel->look.sandwich) {
        panel_say(context, "callers stand above and callees below here: Esc goes back");
        return;
    }
    panel->flipped = !panel->flipped;
}

static void
rule_of_frame(struct flame_panel *panel, const struct panel_context *context, bool drop)
{
    uint32_t frame = frame_at(panel);
    if (frame == PROFILE_NONE) {
        panel_say(context, "this is no single frame: move to one first");
    } else if (has_room_for_rule(panel, context)) {
        add_rule(panel, drop, flame_name(panel, frame), frame, NULL);
    }
}

static void
do_hide(struct flame_panel *panel, const struct panel_context *context, const char *argument)
{
    (void)argument;
    rule_of_frame(panel, context, true);
}

static void
do_keep(struct flame_panel *panel, const struct panel_context *context, const char *argument)
{
    (void)argument;
    rule_of_frame(panel, context, false);
}

static void
do_sandwich(struct flame_panel *panel, const struct panel_context *context, const char *argument)
{
    (void)argument;
    uint32_t frame = frame_at(panel);
    if (frame == PROFILE_NONE) {
        panel_say(context, "this is no single frame: move to one first");
        return;
    }
    remember(panel);
    panel->outside = panel->look.sandwich ? panel->outside : panel->cursor;
    panel->look.sandwich = true;
    panel->look.invert = false;
    panel->look.frame = frame;
    panel->page = FLAME_PAGE_GRAPH;
    panel->cursor = (struct flame_cursor){.piece = PIECE_CALLEES};
    for (unsigned i = PIECE_CALLERS; i < PIECES; i++) { /* another's are no place to wait in */
        piece_done(&panel->pieces[i]);
        piece_unzoom(&panel->pieces[i]);
    }
    panel->covered_tree = panel->listed_tree = panel->gone_tree = NULL;
    make_all(panel);
}

static void
do_undo(struct flame_panel *panel, const struct panel_context *context, const char *argument)
{
    (void)argument;
    if (panel->undo_count == 0) {
        panel_say(context, "there is nothing to take back");
        return;
    }
    bool sandwich = panel->look.sandwich;
    panel->look = panel->undo[--panel->undo_count];
    if (panel->look.sandwich != sandwich) {
        panel->cursor = sandwich ? panel->outside : (struct flame_cursor){.piece = PIECE_CALLEES};
    }
    make_all(panel);
}

static void
do_swap(struct flame_panel *panel, const struct panel_context *context, const char *argument)
{
    (void)argument;
    if (panel->profile->sides < 2) {
        panel_say(context, "there is nothing to compare with: flametop flame FILE --diff OLDER");
        return;
    }
    panel->side = 1 - panel->side;
    panel->covered_tree = panel->listed_tree = NULL;
}

static void
do_open(struct flame_panel *panel, const struct panel_context *context, const char *argument)
{
    struct flame_piece *piece = &panel->pieces[panel->cursor.piece];
    const struct flame_cell *cell = flame_cell_at(panel);
    struct flame_zoom zoom;
    if (panel->page == FLAME_PAGE_FRAMES) {
        do_sandwich(panel, context, argument);
        return;
    }
    if (cell == NULL || (cell->kind == FLAME_FRAME && panel->cursor.row == 0 &&
                         flame_zoomed(piece)->list == NULL)) {
        return;
    }
    if (piece->zoom_count == FLAME_ZOOM_MAX) {
        panel_say(context, "Esc goes back first: this is %d zooms deep", FLAME_ZOOM_MAX);
        return;
    }
    if (flame_layout_zoom(&piece->layout, panel->cursor.row, cell, &zoom)) {
        piece->zooms[piece->zoom_count++] = zoom;
        piece->top = 0;
        panel->cursor.node = zoom.list != NULL && zoom.count > 0 ? zoom.list[0] : zoom.node;
        panel->cursor.rest = false;
        panel->cursor.from = 0;
    }
}

static bool
zoom_out(struct flame_panel *panel)
{
    struct flame_piece *piece = &panel->pieces[panel->cursor.piece];
    if (piece->zoom_count < 2) {
        return false;
    }
    panel->cursor.node = flame_zoomed(piece)->node;
    panel->cursor.rest = false;
    panel->cursor.from = 0;
    flame_zoom_done(flame_zoomed(piece));
    piece->zoom_count--;
    piece->top = 0;
    piece->layout.flame = NULL;
    return true;
}

static bool
clear_search(struct flame_panel *panel)
{
    bool any = panel->search.text[0] != '\0';
    flame_match_done(&panel->search);
    panel->covered_tree = NULL;
    return any;
}

/* One thing after the other, the latest first. */
static bool
escape(struct flame_panel *panel, const struct panel_context *context)
{
    if (panel->page == FLAME_PAGE_FRAMES) {
        panel->page = FLAME_PAGE_GRAPH;
        return true;
    }
    if (clear_search(panel) || zoom_out(panel)) {
        return true;
    }
    if (panel->look.sandwich) {
        do_undo(panel, context, "");
        return true;
    }
    return false;
}

static void
do_out(struct flame_panel *panel, const struct panel_context *context, const char *argument)
{
    (void)argument;
    if (!zoom_out(panel) && panel->look.sandwich) {
        do_undo(panel, context, "");
    }
}

static void
do_search(struct flame_panel *panel, const struct panel_context *context, const char *argument)
{
    char why[160];
    if (argument[0] == '\0') {
        clear_search(panel);
    } else if (!flame_match_begin(&panel->search, panel->profile, argument, why, sizeof(why))) {
        panel_say(context, "%s: %s", argument, why);
    }
    panel->covered_tree = NULL;
}

static void
do_copy(struct flame_panel *panel, const struct panel_context *context, const char *argument)
{
    (void)argument;
    uint32_t frame = frame_at(panel);
    if (frame != PROFILE_NONE) {
        panel_copy(context, flame_name(panel, frame));
    }
}

static void
do_save(struct flame_panel *panel, const struct panel_context *context, const char *argument)
{
    unsigned piece =
        panel->page == FLAME_PAGE_GRAPH ? panel->cursor.piece : flame_first_piece(panel);
    panel_save_flame(context, panel->pieces[piece].tree, panel->look.measure, argument);
}

static void
do_page(struct flame_panel *panel, const struct panel_context *context, const char *argument)
{
    (void)context;
    (void)argument;
    panel->page = panel->page == FLAME_PAGE_GRAPH ? FLAME_PAGE_FRAMES : FLAME_PAGE_GRAPH;
}

static void
do_filter(struct flame_panel *panel, const struct panel_context *context, const char *argument)
{
    set_filter(panel, context, argument);
}

static const struct {
    const char *name;
    void (*run)(struct flame_panel *panel, const struct panel_context *context,
                const char *argument);
} commands[] = {
    {"open", do_open},
    {"flame.out", do_out},
    {"flame.measure", do_measure},
    {"flame.invert", do_invert},
    {"flame.collapse", do_collapse},
    {"flame.flip", do_flip},
    {"flame.hide", do_hide},
    {"flame.keep", do_keep},
    {"flame.sandwich", do_sandwich},
    {"flame.undo", do_undo},
    {"flame.swap", do_swap},
    {"search.set", do_search},
    {"filter.set", do_filter},
    {"copy", do_copy},
    {"flame.save", do_save},
    {"page.next", do_page},
    {"page.previous", do_page},
};

static bool
move(struct flame_panel *panel, const struct panel_context *context, const char *name)
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

static enum reaction
flame_command(void *state, const struct panel_context *context, const char *name,
              const char *argument)
{
    struct flame_panel *panel = state;
    if (!is_ready(panel) || context->profile != panel->profile) {
        return REACTION_NONE;
    }
    if (strcmp(name, "escape") == 0) {
        return escape(panel, context) ? REACTION_HANDLED : REACTION_NONE;
    }
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        if (strcmp(commands[i].name, name) == 0) {
            commands[i].run(panel, context, argument);
            return REACTION_HANDLED;
        }
    }
    bool known = panel->page == FLAME_PAGE_FRAMES
                     ? flame_frames_command(panel, name)
                     : flame_cell_at(panel) != NULL && move(panel, context, name);
    return known ? REACTION_HANDLED : REACTION_NONE;
}

static const char *
flame_current(void *state, const char *command)
{
    const struct flame_panel *panel = state;
    return strcmp(command, "search.set") == 0 ? panel->search.text : NULL;
}

static enum reaction
flame_mouse(void *state, const struct panel_context *context, int x, int y, int button)
{
    struct flame_panel *panel = state;
    if (button == TERM_WHEEL_UP || button == TERM_WHEEL_DOWN) {
        return flame_command(state, context, button == TERM_WHEEL_UP ? "move.up" : "move.down", "");
    }
    bool hit = false;
    if (!is_ready(panel)) {
        return REACTION_NONE;
    }
    if (panel->page == FLAME_PAGE_GRAPH) {
        hit = flame_graph_at(panel, x, y, &panel->cursor);
    } else if (y >= panel->area.y &&
               panel->top + (size_t)(y - panel->area.y) < panel->listed_count) {
        panel->selected = panel->top + (size_t)(y - panel->area.y);
        hit = true;
    }
    if (hit && button == TERM_DOUBLE_CLICK) {
        do_open(panel, context, "");
    }
    return hit ? REACTION_HANDLED : REACTION_NONE;
}

const struct panel panel_flame = {
    .name = "flame",
    .title = "Flame",
    .open = flame_open,
    .close = flame_close,
    .has_data = flame_has_data,
    .draw = flame_draw,
    .command = flame_command,
    .current = flame_current,
    .mouse = flame_mouse,
};
