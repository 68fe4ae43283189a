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
flame_name(const struct profile *profile, uint32_t frame)
{
    const struct profile_frame *found = &profile->frames[frame];
    return frame != PROFILE_NONE ? (struct str){found->name, found->name_n} : STR("all");
}

uint32_t
flame_frame_in(const struct profile *profile, const struct profile *before, uint32_t frame)
{
    if (frame == PROFILE_NONE || profile == before) {
        return frame;
    }
    const struct profile_frame *known = &before->frames[frame];
    bool kept =
        frame < profile->frame_count && profile_frames_equal(&profile->frames[frame], known);
    return kept ? frame : profile_frame_like(profile, known); /* what only grew keeps its numbers */
}

char *
flame_value(const struct flame *tree, double value, bool ascii, char dst[FLAME_VALUE_BYTES])
{
    const struct profile_measure *measure = &tree->profile->measures[tree->measure];
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
discard(struct flame_panel *panel, struct flame *flame)
{
    if (flame != NULL && panel->dying_count < FLAME_DYING_MAX) {
        panel->dying[panel->dying_count++] = flame;
    } else {
        flame_free(flame);
    }
}

static void
piece_done(struct flame_panel *panel, struct flame_piece *piece)
{
    discard(panel, piece->tree);
    discard(panel, piece->making);
    piece_unzoom(piece);
    flame_layout_done(&piece->layout);
    *piece = (struct flame_piece){0};
}

static void
forget(struct flame_panel *panel)
{
    for (unsigned i = 0; i < PIECES; i++) {
        piece_done(panel, &panel->pieces[i]);
    }
    while (panel->dying_count > 0) {
        flame_free(panel->dying[--panel->dying_count]);
    }
    ranking_done(&panel->ranking);
    flame_match_done(&panel->search);
    flame_match_done(&panel->wanted);
    flame_match_done(&panel->marking);
    profile_release(panel->profile);
    free(panel->rule_bits);
    free(panel->covered);
    free(panel->listed);
    *panel = (struct flame_panel){.kept = PROFILE_NONE};
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
    discard(panel, piece->making);
    piece->making = flame_new(panel->profile, &options);
}

void
flame_make_all(struct flame_panel *panel)
{
    const struct flame_look *look = &panel->look;
    if (panel->marked < look->rules) {
        return; /* they are made when their filters are known */
    }
    if (look->sandwich) {
        make(panel, PIECE_CALLERS, FLAME_CALLERS);
        make(panel, PIECE_CALLEES, FLAME_CALLEES);
    } else {
        make(panel, PIECE_MAIN,
             look->invert  ? FLAME_INVERTED
             : look->timed ? FLAME_TIMED
                           : FLAME_WHOLE);
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
    if (before != NULL && panel->listed_tree == before) {
        uint32_t selected = flame_frames_selected(panel);
        panel->kept = flame_frame_in(piece->making->profile, before->profile, selected);
    }
    piece->tree = piece->making;
    piece->making = NULL;
    panel->covered_tree = panel->covered_tree == before ? NULL : panel->covered_tree;
    panel->listed_tree = panel->listed_tree == before ? NULL : panel->listed_tree;
    panel->ranked_tree = panel->ranked_tree == before ? NULL : panel->ranked_tree;
    panel->gone_tree = panel->gone_tree == before ? NULL : panel->gone_tree;
    piece->layout.flame = NULL;
    discard(panel, before);
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

void
flame_remember(struct flame_panel *panel)
{
    if (panel->undo_count == FLAME_UNDO_MAX) {
        memmove(panel->undo, panel->undo + 1, (FLAME_UNDO_MAX - 1) * sizeof(panel->undo[0]));
        panel->undo_count--;
    }
    panel->undo[panel->undo_count++] = panel->look;
}

/* ---- another profile ---- */

static unsigned
measure_in(const struct profile *profile, const struct profile *before, unsigned measure)
{
    for (unsigned i = 0; i < profile->measure_count; i++) {
        if (strcmp(profile->measures[i].name, before->measures[measure].name) == 0) {
            return i;
        }
    }
    return profile->measure_chosen;
}

static void
renew_look(struct flame_look *look, const struct profile *profile, const struct profile *before)
{
    look->measure = measure_in(profile, before, look->measure);
    look->timed &= profile->moment_count > 0;
    look->frame = look->sandwich ? flame_frame_in(profile, before, look->frame) : 0;
}

static void
renew_search(struct flame_panel *panel)
{
    char text[FLAME_PATTERN_BYTES], why[160];
    strlcpy(text, panel->search.text, sizeof(text));
    flame_match_done(&panel->search);
    if (text[0] != '\0') {
        flame_match_begin(&panel->search, panel->profile, text, why, sizeof(why));
    }
    panel->covered_tree = NULL;
}

/* What is looked at is found again by the texts of frames. The trees of the profile before are
 * shown until those of this one are made, and hold it until then. */
static void
renew(struct flame_panel *panel, const struct profile *profile)
{
    const struct profile *before = panel->profile;
    panel->profile = profile_acquire(profile);
    renew_look(&panel->look, profile, before);
    for (size_t i = 0; i < panel->undo_count; i++) {
        renew_look(&panel->undo[i], profile, before);
    }
    panel->side = profile->sides > 1 ? panel->side : 0;
    for (unsigned i = 0; i < PIECES; i++) {
        discard(panel, panel->pieces[i].making);
        panel->pieces[i].making = NULL;
    }
    flame_rules_renew(panel, before);
    flame_match_done(&panel->wanted);
    renew_search(panel);
    flame_make_all(panel);
    profile_release(before);
}

/* The trees of the other pieces wait until they are. */
static bool
is_shown(const struct flame_panel *panel, unsigned index)
{
    return panel->look.sandwich == (index != PIECE_MAIN);
}

/* Versions that come faster than they can be shown are left out. */
static bool
is_busy(const struct flame_panel *panel)
{
    bool busy = panel->marked < panel->look.rules;
    for (unsigned i = 0; i < PIECES; i++) {
        busy |= is_shown(panel, i) && panel->pieces[i].making != NULL;
    }
    return busy;
}

/* The measure to begin with, and the profile's first tree. */
static void
begin(struct flame_panel *panel, const struct profile *profile, unsigned subject)
{
    forget(panel);
    panel->profile = profile_acquire(profile);
    panel->subject = subject;
    panel->look.measure = profile->measure_chosen;
    panel->order = profile->sides > 1 ? FLAME_BY_CHANGE : FLAME_BY_SELF;
    for (unsigned i = 0; i < PIECES; i++) {
        piece_unzoom(&panel->pieces[i]);
    }
    flame_make_all(panel);
}

/* ---- drawing ---- */

/* Answers whether there is more to do. */
static bool
work(struct flame_panel *panel, const struct panel_context *context)
{
    int64_t until_ns = clock_mono_ns() + FLAME_SLICE_NS;
    bool more = flame_rules_step(panel, context, until_ns);
    for (unsigned i = 0; i < PIECES && clock_mono_ns() < until_ns; i++) {
        more |= is_shown(panel, i) && work_on(panel, i, until_ns);
    }
    if (panel->search.frames != NULL) {
        more |= !flame_match_step(&panel->search, panel->profile, until_ns) ||
                !flame_cover_step(panel, until_ns);
    }
    while (panel->dying_count > 0 && clock_mono_ns() < until_ns) {
        panel->dying_count -= flame_free_step(panel->dying[panel->dying_count - 1]);
    }
    return more || panel->dying_count > 0;
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
    if (panel->profile == NULL || panel->subject != context->profile_subject) {
        begin(panel, context->profile, context->profile_subject);
    } else if (panel->profile != context->profile && !is_busy(panel)) {
        renew(panel, context->profile);
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

/* ---- commands ---- */

/* The frame under the cursor, or of the table's row; PROFILE_NONE on the root and on a rest. */
uint32_t
flame_selected(const struct flame_panel *panel)
{
    bool graph = panel->page == FLAME_PAGE_GRAPH;
    const struct flame_cell *cell = graph ? flame_cell_at(panel) : NULL;
    unsigned piece = graph ? panel->cursor.piece : flame_first_piece(panel);
    const struct flame *tree = panel->pieces[piece].tree;
    uint32_t frame = !graph                                      ? flame_frames_selected(panel)
                     : cell != NULL && cell->kind == FLAME_FRAME ? tree->frame[cell->node]
                                                                 : PROFILE_NONE;
    return flame_frame_in(panel->profile, tree->profile, frame);
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
    if (panel->look.timed) {
        panel_say(context, "the order of time is of %s alone: o leaves it",
                  panel->profile->measures[panel->profile->moment_measure].name);
        return;
    }
    flame_remember(panel);
    panel->look.measure = (panel->look.measure + 1) % panel->profile->measure_count;
    flame_make_all(panel);
}

static void
do_invert(struct flame_panel *panel, const struct panel_context *context, const char *argument)
{
    (void)context;
    (void)argument;
    flame_remember(panel);
    if (panel->look.sandwich) {
        leave_sandwich(panel);
    }
    panel->look.invert = !panel->look.invert;
    panel->look.timed = false;
    flame_make_all(panel);
}

/* Calls as they came, or the heaviest first. */
static void
do_order(struct flame_panel *panel, const struct panel_context *context, const char *argument)
{
    const struct profile *profile = panel->profile;
    (void)argument;
    if (profile->sides > 1 || profile->moment_count == 0) {
        panel_say(context, profile->sides > 1      ? "two profiles have no order of time in common"
                           : profile->moments_lost ? "there is more time in it than can be ordered"
                                                   : "this profile keeps sums alone: nothing in it "
                                                     "says what came first");
        return;
    }
    flame_remember(panel);
    if (panel->look.sandwich) {
        leave_sandwich(panel);
    }
    panel->look.timed = !panel->look.timed;
    panel->look.invert = false;
    panel->look.measure = panel->look.timed ? profile->moment_measure : panel->look.measure;
    panel->page = FLAME_PAGE_GRAPH;
    flame_make_all(panel);
}

static void
do_collapse(struct flame_panel *panel, const struct panel_context *context, const char *argument)
{
    (void)context;
    (void)argument;
    flame_remember(panel);
    panel->look.collapse = !panel->look.collapse;
    flame_make_all(panel);
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
do_hide(struct flame_panel *panel, const struct panel_context *context, const char *argument)
{
    (void)argument;
    flame_rule_of_frame(panel, context, true);
}

static void
do_keep(struct flame_panel *panel, const struct panel_context *context, const char *argument)
{
    (void)argument;
    flame_rule_of_frame(panel, context, false);
}

static void
do_sandwich(struct flame_panel *panel, const struct panel_context *context, const char *argument)
{
    (void)argument;
    uint32_t frame = flame_selected(panel);
    if (frame == PROFILE_NONE) {
        panel_say(context, "this is no single frame: move to one first");
        return;
    }
    flame_remember(panel);
    panel->outside = panel->look.sandwich ? panel->outside : panel->cursor;
    panel->look.sandwich = true;
    panel->look.invert = false;
    panel->look.frame = frame;
    panel->page = FLAME_PAGE_GRAPH;
    panel->cursor = (struct flame_cursor){.piece = PIECE_CALLEES};
    for (unsigned i = PIECE_CALLERS; i < PIECES; i++) { /* another's are no place to wait in */
        piece_done(panel, &panel->pieces[i]);
        piece_unzoom(&panel->pieces[i]);
    }
    panel->covered_tree = panel->listed_tree = panel->ranked_tree = panel->gone_tree = NULL;
    flame_make_all(panel);
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
    panel->marked = MIN(panel->marked, panel->look.rules);
    if (panel->look.sandwich != sandwich) {
        panel->cursor = sandwich ? panel->outside : (struct flame_cursor){.piece = PIECE_CALLEES};
    }
    flame_make_all(panel);
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
    panel->covered_tree = panel->listed_tree = panel->ranked_tree = NULL;
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
    uint32_t frame = flame_selected(panel);
    if (frame != PROFILE_NONE) {
        panel_copy(context, flame_name(panel->profile, frame));
    }
}

static void
do_save(struct flame_panel *panel, const struct panel_context *context, const char *argument)
{
    unsigned piece =
        panel->page == FLAME_PAGE_GRAPH ? panel->cursor.piece : flame_first_piece(panel);
    panel_save_flame(context, panel->pieces[piece].tree, argument);
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
    flame_rule_of_pattern(panel, context, argument);
}

static const struct {
    const char *name;
    void (*run)(struct flame_panel *panel, const struct panel_context *context,
                const char *argument);
} commands[] = {
    {"open", do_open},
    {"flame.out", do_out},
    {"flame.measure", do_measure},
    {"flame.order", do_order},
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

static enum reaction
flame_command(void *state, const struct panel_context *context, const char *name,
              const char *argument)
{
    struct flame_panel *panel = state;
    if (!is_ready(panel) || context->profile_subject != panel->subject) {
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
                     : flame_cell_at(panel) != NULL && flame_move(panel, context, name);
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
