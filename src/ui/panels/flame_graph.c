/* The graph: rows of frames from the root downwards (or upwards), or a sandwich, where what calls a
 * frame stands above it and what it calls below. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "flame.h"
#include "flametop/base/hash.h"
#include "flametop/base/utf8.h"

#define TEXT_BYTES 512
#define DETAIL_ROWS 2
#define SAME_SHARE 0.02 /* of a frame's own weight: less is no change */

static const struct style style_dim = {.fg = ROLE_DIM};

/* A rectangle of rows of one piece. */
struct band {
    struct flame_piece *piece;
    unsigned index;
    int y, height;
    bool upwards;
    size_t first; /* row of the layout that stands next to the root */
};

/* What frames have in common that belong together: their module, else what stands before the last
 * separator of their name. */
static struct str
family(const struct profile_frame *frame)
{
    if (frame->module_n > 0) {
        return (struct str){frame->module, frame->module_n};
    }
    struct str name = {frame->name, frame->name_n};
    if (name.n > 4 && name.p[name.n - 4] == '_' && name.p[name.n - 3] == '[') { /* _[k] of perf */
        return (struct str){name.p + name.n - 4, 4};
    }
    const char *paren = memchr(name.p, '(', name.n);
    size_t n = paren != NULL && paren > name.p ? (size_t)(paren - name.p) : name.n;
    for (size_t i = n; i > 1; i--) {
        if (name.p[i - 1] == '.' || name.p[i - 1] == '/' || name.p[i - 1] == ':') {
            return (struct str){name.p, i - 1};
        }
    }
    return name;
}

static uint8_t
hue(const struct profile_frame *frame)
{
    struct str text = family(frame);
    return (uint8_t)(ROLE_FLAME_HUES + (hash_bytes(text.p, text.n) >> 16) % RAMP_STEPS);
}

/* How much more of the whole there is of it than there was: -1 all gone, 1 all new. */
static double
change(const struct flame *tree, uint32_t node)
{
    double after = tree->total[0][node], before = tree->total[1][node];
    double most = fmax(after, before);
    return most > 0 ? (after - before) / most : 0;
}

static const char *
change_sign(double value)
{
    return value > SAME_SHARE ? "+" : value < -SAME_SHARE ? "-" : "=";
}

static struct style
frame_style(const struct flame_panel *panel, const struct flame *tree,
            const struct flame_cell *cell)
{
    uint32_t frame = tree->frame[cell->node];
    if (frame == PROFILE_NONE) {
        return (struct style){.fg = ROLE_TITLE, .bg = ROLE_HEADER_BG};
    }
    if (flame_is_match(panel, tree, frame)) {
        return (struct style){.fg = ROLE_SEARCH, .attributes = CELL_REVERSE | CELL_BOLD};
    }
    if (tree->total[1] != NULL) {
        int step = (int)lround((change(tree, cell->node) + 1) / 2 * (RAMP_STEPS - 1));
        return (struct style){.fg = (uint8_t)(ROLE_RAMP_DIFF + CLAMP(step, 0, RAMP_STEPS - 1)),
                              .attributes = CELL_REVERSE};
    }
    return (struct style){.fg = ROLE_TEXT, .bg = hue(&tree->profile->frames[frame])};
}

/* "344 ms  56.2 %" */
static void
format_weight(const struct flame_panel *panel, const struct flame *tree, double weight, bool ascii,
              char *dst, size_t size)
{
    char value[FLAME_VALUE_BYTES], share[FLAME_VALUE_BYTES];
    snprintf(dst, size, "%s  %s", flame_value(tree, weight, ascii, value),
             flame_share(weight, tree->total[panel->side][0], share));
}

static void
draw_label(const struct flame_panel *panel, struct canvas *canvas, const struct flame *tree,
           const struct flame_cell *cell, int y, int width, struct style style)
{
    char label[TEXT_BYTES], weight[96];
    uint32_t frame = tree->frame[cell->node];
    const char *sign = tree->total[1] != NULL && frame != PROFILE_NONE
                           ? change_sign(change(tree, cell->node))
                           : "";
    struct str name = flame_name(tree->profile, frame);
    snprintf(label, sizeof(label), "%s%s%.*s", sign, sign[0] != '\0' ? " " : "", (int)name.n,
             name.p);
    format_weight(panel, tree, cell->weight, canvas->glyphs == GLYPHS_ASCII, weight,
                  sizeof(weight));
    int used = (int)utf8_text_width(str_from(weight));
    bool both = (int)utf8_text_width(str_from(label)) + used + 3 <= width;
    canvas_text(canvas, cell->x, y, width, str_from(label), style);
    if (both) {
        canvas_text_right(canvas, cell->x, y, width - 1, str_from(weight), style);
    }
}

static void
draw_rest(const struct flame_panel *panel, struct canvas *canvas, const struct flame *tree,
          const struct flame_cell *cell, int y, struct style style)
{
    char text[96], share[FLAME_VALUE_BYTES];
    canvas_fill(canvas, (struct rect){cell->x, y, cell->width, 1},
                canvas->glyphs == GLYPHS_ASCII ? ':' : 0x2591, style); /* ░ */
    snprintf(text, sizeof(text), " +%u %s ", cell->count,
             flame_share(cell->weight, tree->total[panel->side][0], share));
    int used = (int)utf8_text_width(str_from(text));
    if (used + 1 > cell->width) {
        snprintf(text, sizeof(text), "+%u", cell->count);
        used = (int)strlen(text);
    }
    if (used + 1 <= cell->width) {
        canvas_text(canvas, cell->x + 1, y, used, str_from(text), style);
    }
}

static bool
is_selected(const struct flame_panel *panel, const struct band *band, size_t row, size_t cell)
{
    const struct flame_cursor *cursor = &panel->cursor;
    bool shared = panel->look.sandwich && row == 0 && cursor->row == 0; /* both have the root */
    return (cursor->piece == band->index && cursor->row == row && cursor->cell == cell) || shared;
}

static void
draw_cell(const struct flame_panel *panel, struct canvas *canvas, const struct band *band,
          size_t row, size_t index, int y)
{
    const struct flame *tree = band->piece->tree;
    const struct flame_cell *cell = &band->piece->layout.cells[index];
    bool selected = is_selected(panel, band, row, index);
    if (cell->kind == FLAME_SELF) {
        return;
    }
    if (cell->kind == FLAME_REST) {
        draw_rest(panel, canvas, tree, cell, y, style_dim);
    } else {
        struct style style = frame_style(panel, tree, cell);
        canvas_fill(canvas, (struct rect){cell->x, y, cell->width, 1}, ' ', style);
        bool edge = cell->x + cell->width < band->piece->layout.width;
        int width = edge ? cell->width - 1 : cell->width;
        if (width > 0) {
            draw_label(panel, canvas, tree, cell, y, width, style);
        }
        if (edge) {
            canvas_put(canvas, cell->x + cell->width - 1, y, 0x2502, style); /* │ */
        }
    }
    if (selected) {
        canvas_restyle(canvas, (struct rect){cell->x, y, cell->width, 1},
                       (struct style){.fg = ROLE_SELECT_FG,
                                      .bg = ROLE_SELECT_BG,
                                      .attributes = CELL_BOLD | CELL_REVERSE});
        canvas->cursor_x = cell->x;
        canvas->cursor_y = y;
    }
}

/* The window of rows follows the cursor. */
static void
scroll(const struct flame_panel *panel, struct band *band)
{
    struct flame_piece *piece = band->piece;
    size_t height = (size_t)MAX(band->height, 1);
    if (panel->cursor.piece == band->index) {
        size_t row = panel->cursor.row;
        row -= row >= band->first ? band->first : row;
        piece->top = MIN(piece->top, row);
        piece->top = row >= piece->top + height ? row - height + 1 : piece->top;
    }
    flame_layout_extend(&piece->layout, band->first + piece->top + height);
}

static void
draw_band(const struct flame_panel *panel, struct canvas *canvas, struct band *band, int x)
{
    const struct flame_layout *layout = &band->piece->layout;
    scroll(panel, band);
    for (int i = 0; i < band->height; i++) {
        size_t row = band->first + band->piece->top + (size_t)i;
        int y = band->upwards ? band->y + band->height - 1 - i : band->y + i;
        if (row >= layout->row_count) {
            break;
        }
        for (size_t c = layout->rows[row]; c < layout->rows[row + 1]; c++) {
            layout->cells[c].x += x;
            draw_cell(panel, canvas, band, row, c, y);
            layout->cells[c].x -= x;
        }
    }
}

/* ---- what stands around it ---- */

static void
add_text(char *dst, size_t size, const char *text)
{
    if (text[0] != '\0') {
        strlcat(dst, dst[0] != '\0' ? " · " : "", size);
        strlcat(dst, text, size);
    }
}

static void
add_rules(const struct flame_panel *panel, char *dst, size_t size)
{
    char text[FLAME_PATTERN_BYTES + 16];
    unsigned count = panel->look.rules;
    if (count > 2) {
        snprintf(text, sizeof(text), "%u filters", count);
        add_text(dst, size, text);
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        const struct flame_rule *rule = &panel->rules[i];
        snprintf(text, sizeof(text), "%s %s", rule->drop ? "without" : "only", rule->text);
        add_text(dst, size, text);
    }
}

static void
add_zoom(const struct flame_panel *panel, char *dst, size_t size)
{
    const struct flame_piece *piece = &panel->pieces[panel->cursor.piece];
    const struct flame_zoom *zoom = &piece->zooms[piece->zoom_count - 1];
    char text[FLAME_PATTERN_BYTES + 48];
    if (piece->zoom_count < 2 || !flame_is_drawable(piece->tree)) {
        return;
    }
    struct str name = flame_name(piece->tree->profile, piece->tree->frame[zoom->node]);
    if (zoom->list != NULL) {
        snprintf(text, sizeof(text), "%u narrow ones in %.*s", zoom->count,
                 (int)MIN(name.n, sizeof(text) - 40), name.p);
    } else {
        snprintf(text, sizeof(text), "in %.*s", (int)MIN(name.n, sizeof(text) - 8), name.p);
    }
    add_text(dst, size, text);
}

/* Keeps the heaviest, in order. */
static void
keep_gone(struct flame_panel *panel, const struct flame *tree, uint32_t frame)
{
    unsigned other = 1 - panel->side;
    uint32_t at = MIN(panel->gone, (uint32_t)FLAME_GONE_MAX - 1);
    bool full = panel->gone >= FLAME_GONE_MAX;
    double weight = tree->sums[frame].total[other];
    panel->gone++;
    if (full && tree->sums[panel->gone_frames[at]].total[other] >= weight) {
        return;
    }
    for (; at > 0 && tree->sums[panel->gone_frames[at - 1]].total[other] < weight; at--) {
        panel->gone_frames[at] = panel->gone_frames[at - 1];
    }
    panel->gone_frames[at] = frame;
}

/* Frames that only the other side of a comparison has: they have no width. */
static uint32_t
gone_of(struct flame_panel *panel, const struct flame *tree)
{
    if (tree->total[1] == NULL || tree->sums == NULL || tree->work != NULL) {
        return 0;
    }
    if (panel->gone_tree != tree || panel->gone_side != panel->side) {
        panel->gone_tree = tree;
        panel->gone_side = panel->side;
        panel->gone = 0;
        for (uint32_t i = 0; i < tree->profile->frame_count; i++) {
            const struct flame_sum *sum = &tree->sums[i];
            if (sum->total[panel->side] <= 0 && sum->total[1 - panel->side] > 0) {
                keep_gone(panel, tree, i);
            }
        }
    }
    return panel->gone;
}

/* " gone: a 12.3 % · b 4.5 % · 3 more: . lists them" */
static void
draw_gone(struct flame_panel *panel, struct canvas *canvas, struct rect area)
{
    const struct flame *tree = panel->pieces[flame_first_piece(panel)].tree;
    unsigned other = 1 - panel->side;
    struct style text = {.fg = ROLE_TEXT};
    uint32_t count = gone_of(panel, tree), i = 0;
    const char *word = panel->side == 0 ? "gone:" : "not there before:";
    int x = 1 + canvas_text(canvas, area.x + 1, area.y, area.width - 1, str_from(word), style_dim);
    for (; i < MIN(count, (uint32_t)FLAME_GONE_MAX); i++) {
        char share[FLAME_VALUE_BYTES], rest[64];
        uint32_t frame = panel->gone_frames[i];
        struct str name = flame_name(tree->profile, frame);
        flame_share(tree->sums[frame].total[other], tree->total[other][0], share);
        snprintf(rest, sizeof(rest), " \xC2\xB7 %u more: . lists them", count - i);
        int room = area.width - 2 - x - (int)utf8_text_width(str_from(rest));
        int wanted = (int)(utf8_text_width(name) + strlen(share)) + 5;
        if (wanted > room && i > 0) {
            break;
        }
        x += canvas_text(canvas, area.x + x, area.y, 3, i > 0 ? STR(" \xC2\xB7 ") : STR(" "),
                         style_dim);
        x += canvas_text(canvas, area.x + x, area.y, MAX(room - 8, 8), name, text);
        x += 1 + canvas_text(canvas, area.x + x + 1, area.y, area.width - x - 1, str_from(share),
                             (struct style){.fg = ROLE_VALUE});
    }
    if (i < count) {
        canvas_printf(canvas, area.x + x, area.y, area.width - x, style_dim,
                      " \xC2\xB7 %u more: . lists them", count - i);
    }
}

/* How it is drawn: in full, or in brief where there is little room. */
static void
add_state(const struct flame_panel *panel, const struct flame *tree, bool brief, char *dst,
          size_t size)
{
    const struct {
        bool holds;
        const char *full, *brief;
    } states[] = {
        {tree->start != NULL, "in the order of time", "in time"},
        {panel->look.sandwich, "callers above, callees below", "sandwich"},
        {panel->look.invert, "inverted: what ran, its callers below", "inverted"},
        {panel->look.collapse, "recursion collapsed", "collapsed"},
        {tree->total[1] != NULL && panel->side == 0, "widths now, + grown - shrunk", "widths now"},
        {tree->total[1] != NULL && panel->side == 1, "widths before, + grown - shrunk",
         "widths before"},
    };
    add_text(dst, size, tree->profile->measures[tree->measure].name);
    for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
        add_text(dst, size, !states[i].holds ? "" : brief ? states[i].brief : states[i].full);
    }
    if (tree->cut > 0) {
        char cut[64];
        snprintf(cut, sizeof(cut), "%llu %s: X for fewer", (unsigned long long)tree->cut,
                 tree->start != NULL ? "calls did not fit" : "stacks are cut short");
        add_text(dst, size, cut);
    }
    add_rules(panel, dst, size);
    add_zoom(panel, dst, size);
}

/* A title in less room than it wants: both of what is compared keep their beginning. */
static int
draw_short(struct canvas *canvas, int x, int y, int room, const char *title)
{
    const struct style style = {.fg = ROLE_TITLE};
    const char *before = strstr(title, PANEL_PROFILE_BEFORE);
    struct str first = str_from(title), second = str_from(before != NULL ? before : "");
    first.n -= second.n;
    int wanted = (int)utf8_text_width(second), left = room - (int)utf8_text_width(first);
    int rest = MIN(wanted, MAX(room / 2, left));
    int used = canvas_text(canvas, x, y, room - rest, first, style);
    return used + canvas_text(canvas, x + used, y, rest, second, style);
}

/* What it is of, and how it is drawn: in brief before the first is cut. */
static void
draw_subject(const struct flame_panel *panel, const struct flame *tree, const char *title,
             struct canvas *canvas, struct rect row)
{
    struct style style = {.fg = ROLE_TITLE};
    struct str text = str_from(title);
    char state[TEXT_BYTES] = "";
    int width = (int)utf8_text_width(text), joint = width > 0 ? 3 : 0, x = row.x;
    add_state(panel, tree, false, state, sizeof(state));
    if (width + joint + (int)utf8_text_width(str_from(state)) > row.width) {
        state[0] = '\0';
        add_state(panel, tree, true, state, sizeof(state));
    }
    int room = MAX(row.width - joint - (int)utf8_text_width(str_from(state)), row.width / 3);
    x += width > room ? draw_short(canvas, x, row.y, room, title)
                      : canvas_text(canvas, x, row.y, width, text, style);
    x += canvas_text(canvas, x, row.y, joint, STR(" \xC2\xB7 "), style);
    canvas_text(canvas, x, row.y, MAX(row.x + row.width - x, 0), str_from(state), style);
}

static void
draw_title(struct flame_panel *panel, const struct panel_context *context, struct canvas *canvas,
           struct rect area)
{
    const struct flame *tree = panel->pieces[flame_first_piece(panel)].tree;
    char right[160] = "", value[FLAME_VALUE_BYTES], share[FLAME_VALUE_BYTES];
    double all = tree->total[panel->side][0];
    double whole = tree->whole[panel->side] * (panel->side == 1 ? tree->factor : 1);
    flame_value(tree, all, canvas->glyphs == GLYPHS_ASCII, value);
    if (whole - all > whole * 1e-9) {
        snprintf(right, sizeof(right), "%s = 100 %%, %s of all", value,
                 flame_share(all, whole, share));
    } else {
        snprintf(right, sizeof(right), "%s = 100 %%", value);
    }
    const struct flame *making = panel->pieces[flame_first_piece(panel)].making;
    if (making != NULL) {
        snprintf(right, sizeof(right), "making the next … %.0f %%", flame_progress(making) * 100);
    }
    int used = (int)utf8_text_width(str_from(right));
    canvas_text_right(canvas, area.x, area.y, area.width - 1, str_from(right),
                      (struct style){.fg = ROLE_VALUE});
    draw_subject(panel, tree, context->profile_title != NULL ? context->profile_title : "", canvas,
                 (struct rect){area.x + 1, area.y, MAX(area.width - used - 4, 0), 1});
}

/* Means of one thing are compared as they are, other profiles by their shares. */
static void
format_change(const struct flame *tree, uint32_t node, bool ascii, char *dst, size_t size)
{
    char now[FLAME_VALUE_BYTES], before[FLAME_VALUE_BYTES];
    double newer = tree->total[0][node], older = tree->total[1][node];
    if (tree->profile->comparable) {
        snprintf(dst, size, "   now %s, before %s", flame_value(tree, newer, ascii, now),
                 flame_value(tree, older, ascii, before));
        return;
    }
    snprintf(dst, size, "   now %s, before %s: %+.1f points",
             flame_share(newer, tree->total[0][0], now),
             flame_share(older, tree->total[1][0], before),
             (newer - older) / fmax(tree->total[0][0], 1e-300) * 100);
}

static void
format_details(const struct flame_panel *panel, const struct flame *tree,
               const struct flame_cell *cell, bool ascii, char *dst, size_t size)
{
    char own[96], all[96];
    double self = tree->self[panel->side][cell->node];
    format_weight(panel, tree, self, ascii, own, sizeof(own));
    format_weight(panel, tree, tree->total[panel->side][cell->node], ascii, all, sizeof(all));
    snprintf(dst, size, "self %s   total %s", own, all);
    uint32_t frame = tree->frame[cell->node];
    if (tree->total[1] != NULL) {
        char text[160];
        format_change(tree, cell->node, ascii, text, sizeof(text));
        strlcat(dst, text, size);
    } else if (tree->sums != NULL && tree->work == NULL && frame != PROFILE_NONE) {
        char everywhere[96];
        format_weight(panel, tree, tree->sums[frame].total[panel->side], ascii, everywhere,
                      sizeof(everywhere));
        strlcat(dst, "   everywhere ", size);
        strlcat(dst, everywhere, size);
    }
}

/* What colours mean, at the end of a row; false where there is no room for it. */
static bool
draw_legend(const struct flame *tree, struct canvas *canvas, struct rect row)
{
    const struct str less = STR("shrank "), more = STR(" grew");
    bool modules = tree->profile->modules[0] || tree->profile->modules[1];
    struct str hues = modules ? STR("colour: module or service") : STR("colour: namespace");
    bool compared = tree->total[1] != NULL;
    int width = compared ? (int)(less.n + more.n) + RAMP_STEPS : (int)hues.n;
    int x = row.x + row.width - width;
    if (width > row.width) {
        return false;
    }
    x += canvas_text(canvas, x, row.y, width, compared ? less : hues, style_dim);
    for (int i = 0; compared && i < RAMP_STEPS; i++, x++) {
        struct str sign = str_from(change_sign(2.0 * i / (RAMP_STEPS - 1) - 1));
        canvas_text(
            canvas, x, row.y, 1, sign,
            (struct style){.fg = (uint8_t)(ROLE_RAMP_DIFF + i), .attributes = CELL_REVERSE});
    }
    canvas_text(canvas, x, row.y, compared ? (int)more.n : 0, more, style_dim);
    return true;
}

/* What is searched for, at the end of a row; answers the cells used. */
static int
draw_searched(const struct flame_panel *panel, struct canvas *canvas, struct rect row)
{
    const struct flame *tree = panel->covered_tree;
    char text[FLAME_PATTERN_BYTES + 96], share[FLAME_VALUE_BYTES];
    if (panel->search.text[0] == '\0') {
        return 0;
    }
    bool done = panel->search.at >= panel->profile->frame_count && tree != NULL &&
                panel->covered_at >= tree->count;
    snprintf(
        text, sizeof(text), "/%s: %s%s, %u %s", panel->search.text, done ? "" : "at least ",
        flame_share(panel->covered_weight, tree != NULL ? tree->total[panel->side][0] : 0, share),
        panel->search.matched, panel->search.matched == 1 ? "name" : "names");
    return canvas_text_right(canvas, row.x, row.y, row.width, str_from(text),
                             (struct style){.fg = ROLE_SEARCH});
}

/* The name of what is selected; answers the cells used, and a line on it. */
static int
draw_selected(const struct flame_panel *panel, const struct flame_cell *cell, struct canvas *canvas,
              struct rect row, char *line, size_t size)
{
    const struct flame *tree = panel->pieces[panel->cursor.piece].tree;
    const struct style style = {.fg = ROLE_TITLE, .attributes = CELL_BOLD};
    bool ascii = canvas->glyphs == GLYPHS_ASCII, one = cell->count == 1;
    uint32_t frame = tree->frame[cell->node];
    struct str name = flame_name(tree->profile, frame);
    if (cell->kind == FLAME_REST) {
        char weight[96];
        format_weight(panel, tree, cell->weight, ascii, weight, sizeof(weight));
        snprintf(line, size, "together %s; Enter shows %s", weight, one ? "it" : "them");
        return canvas_printf(canvas, row.x, row.y, row.width, style,
                             "%u %s from %.*s %s narrower than a cell", cell->count,
                             one ? "call" : "calls", (int)MIN(name.n, (size_t)200), name.p,
                             one ? "is" : "are");
    }
    const char *module = frame != PROFILE_NONE ? tree->profile->frames[frame].module : "";
    int taken = canvas_text(canvas, row.x, row.y, row.width, name, style);
    format_details(panel, tree, cell, ascii, line, size);
    return taken + 2 +
           canvas_text(canvas, row.x + taken + 2, row.y, MAX(row.width - taken - 2, 0),
                       str_from(module), style_dim);
}

static void
draw_details(const struct flame_panel *panel, const struct panel_context *context,
             struct canvas *canvas, struct rect area)
{
    const struct flame_cell *cell = flame_cell_at(panel);
    struct rect row = {area.x + 1, area.y, area.width - 2, 1}, next = row;
    char line[TEXT_BYTES] = "";
    int searched = draw_searched(panel, canvas, row);
    if (cell == NULL) {
        return;
    }
    int room = MAX(row.width - (searched > 0 ? searched + 2 : 0), 0);
    int used = draw_selected(panel, cell, canvas, (struct rect){row.x, row.y, room, 1}, line,
                             sizeof(line));
    next.y++;
    int second = 3 + canvas_text(canvas, next.x, next.y, next.width, str_from(line),
                                 (struct style){.fg = ROLE_TEXT});
    const struct flame *tree = panel->pieces[panel->cursor.piece].tree;
    if (context->mono && tree->total[1] == NULL) {
        return; /* frames have no colours to explain */
    }
    if (!draw_legend(tree, canvas,
                     (struct rect){next.x + second, next.y, next.width - second, 1}) &&
        searched == 0) {
        draw_legend(tree, canvas, (struct rect){row.x + used + 3, row.y, row.width - used - 3, 1});
    }
}

/* Half of the room for the callers, or what they or the callees leave over. */
static int
rows_above(struct flame_panel *panel, int height)
{
    struct flame_layout *callers = &panel->pieces[PIECE_CALLERS].layout;
    struct flame_layout *callees = &panel->pieces[PIECE_CALLEES].layout;
    flame_layout_extend(callers, (size_t)height);
    flame_layout_extend(callees, (size_t)height);
    int above = (int)MIN(callers->row_count, (size_t)height) - 1;
    int below = (int)MIN(callees->row_count, (size_t)height) - 1;
    int half = (height - 1) / 2;
    return above <= half ? above : MIN(above, MAX(half, height - 1 - below));
}

static void
draw_sandwich(struct flame_panel *panel, struct canvas *canvas, struct rect graph)
{
    int above = rows_above(panel, graph.height), below = graph.height - 1 - above;
    panel->middle = graph.y + above;
    struct band root = {&panel->pieces[PIECE_CALLEES], PIECE_CALLEES, panel->middle, 1, false, 0};
    struct band callers = {&panel->pieces[PIECE_CALLERS], PIECE_CALLERS, graph.y, above, true, 1};
    struct band callees = {
        &panel->pieces[PIECE_CALLEES], PIECE_CALLEES, panel->middle + 1, below, false, 1};
    size_t kept = root.piece->top;
    root.piece->top = 0;
    struct flame_cursor cursor = panel->cursor;
    panel->cursor.piece = cursor.row == 0 ? PIECE_CALLEES : PIECES;
    draw_band(panel, canvas, &root, graph.x);
    panel->cursor = cursor;
    root.piece->top = kept;
    if (cursor.row == 0) {
        panel->cursor.piece = PIECES; /* neither scrolls */
    }
    draw_band(panel, canvas, &callers, graph.x);
    draw_band(panel, canvas, &callees, graph.x);
    panel->cursor = cursor;
}

void
flame_graph_draw(struct flame_panel *panel, const struct panel_context *context,
                 struct canvas *canvas, struct rect area)
{
    int details = area.height >= DETAIL_ROWS + 4 ? DETAIL_ROWS : 0;
    const struct flame *tree = panel->pieces[flame_first_piece(panel)].tree;
    int gone = area.height >= DETAIL_ROWS + 6 && gone_of(panel, tree) > 0;
    struct rect graph = {area.x, area.y + 1, area.width, area.height - 1 - details - gone};
    panel->area = graph;
    panel->rows = MAX(graph.height, 1);
    flame_locate(panel, area.width);
    draw_title(panel, context, canvas, area);
    if (panel->look.sandwich) {
        draw_sandwich(panel, canvas, graph);
    } else {
        struct band band = {
            &panel->pieces[PIECE_MAIN], PIECE_MAIN, graph.y, graph.height, panel->flipped, 0};
        draw_band(panel, canvas, &band, graph.x);
    }
    if (gone > 0) {
        draw_gone(panel, canvas,
                  (struct rect){area.x, area.y + area.height - details - 1, area.width, 1});
    }
    if (details > 0) {
        draw_details(panel, context, canvas,
                     (struct rect){area.x, area.y + area.height - details, area.width, details});
    }
}

/* ---- which cell is where ---- */

static bool
row_at(const struct flame_panel *panel, int y, unsigned *ret_piece, size_t *ret_row)
{
    int from_top = y - panel->area.y;
    if (from_top < 0 || from_top >= panel->area.height) {
        return false;
    }
    *ret_piece = PIECE_MAIN;
    int away = panel->flipped ? panel->area.height - 1 - from_top : from_top;
    size_t skipped = 0;
    if (panel->look.sandwich) {
        away = y - panel->middle;
        *ret_piece = away < 0 ? PIECE_CALLERS : PIECE_CALLEES;
        away = away < 0 ? -away : away;
        skipped = away == 0 ? 0 : panel->pieces[*ret_piece].top;
    } else {
        skipped = panel->pieces[PIECE_MAIN].top;
    }
    *ret_row = skipped + (size_t)away;
    return *ret_row < panel->pieces[*ret_piece].layout.row_count;
}

bool
flame_graph_at(const struct flame_panel *panel, int x, int y, struct flame_cursor *ret_cursor)
{
    unsigned piece;
    size_t row;
    if (!row_at(panel, y, &piece, &row)) {
        return false;
    }
    const struct flame_layout *layout = &panel->pieces[piece].layout;
    if (layout->flame == NULL) {
        return false; /* its cells are of a tree, or a zoom, that is gone */
    }
    for (size_t i = layout->rows[row]; i < layout->rows[row + 1]; i++) {
        const struct flame_cell *cell = &layout->cells[i];
        int at = x - panel->area.x;
        if (cell->kind != FLAME_SELF && at >= cell->x && at < cell->x + cell->width) {
            *ret_cursor = (struct flame_cursor){piece,      cell->node, cell->kind == FLAME_REST,
                                                cell->from, row,        i};
            return true;
        }
    }
    return false;
}
