/* The table of frames: each once, whatever calls it. In a comparison those that are gone are in it
 * as well. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../list.h"
#include "flame.h"
#include "flametop/base/clock.h"

#define VALUE_WIDTH 10
#define SHARE_WIDTH 8

static const struct style style_dim = {.fg = ROLE_DIM};

static double
key_of(const struct flame_panel *panel, const struct flame_sum *sum)
{
    switch (panel->order) {
    case FLAME_BY_SELF:
        return sum->self[panel->side];
    case FLAME_BY_CHANGE:
        return fabs(sum->self[0] - sum->self[1]);
    case FLAME_BY_TOTAL:
    case FLAME_ORDERS:
        break;
    }
    return sum->total[panel->side];
}

static const struct flame *
tree_of(const struct flame_panel *panel)
{
    const struct flame *tree = panel->pieces[flame_first_piece(panel)].tree;
    return flame_is_drawable(tree) && tree->sums != NULL && tree->work == NULL ? tree : NULL;
}

static void
begin_ranking(struct flame_panel *panel, const struct flame *tree)
{
    uint32_t count = tree->profile->frame_count, n = 0;
    ranking_done(&panel->ranking);
    if (!ranking_init(&panel->ranking, count)) {
        count = 0; /* out of memory: an empty table */
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct flame_sum *sum = &tree->sums[i];
        if (sum->total[0] > 0 || sum->total[1] > 0) {
            panel->ranking.items[n++] = (struct ranked){key_of(panel, sum), i};
        }
    }
    panel->ranking.count = n;
    panel->ranked_tree = tree;
    panel->ranked_order = panel->order;
}

static void
take_ranking(struct flame_panel *panel)
{
    struct ranking *ranking = &panel->ranking;
    free(panel->listed);
    panel->listed = malloc(((size_t)ranking->count + 1) * sizeof(uint32_t));
    panel->listed_count = panel->listed != NULL ? ranking->count : 0;
    for (uint32_t i = 0; i < panel->listed_count; i++) {
        panel->listed[i] = ranking->items[i].number;
        panel->selected = panel->listed[i] == panel->kept ? i : panel->selected;
    }
    panel->listed_tree = panel->ranked_tree;
    panel->listed_order = panel->ranked_order;
    panel->kept = PROFILE_NONE;
    panel->selected =
        MIN(panel->selected, (size_t)(panel->listed_count > 0 ? panel->listed_count - 1 : 0));
    ranking_done(ranking);
    panel->ranked_tree = NULL;
}

/* Whether they are listed as wanted: a million frames are not in order at once. */
static bool
list(struct flame_panel *panel, const struct flame *tree)
{
    if (panel->listed_tree == tree && panel->listed_order == panel->order) {
        return true;
    }
    if (panel->ranked_tree != tree || panel->ranked_order != panel->order) {
        begin_ranking(panel, tree);
    }
    if (!ranking_step(&panel->ranking, clock_mono_ns() + FLAME_SLICE_NS)) {
        return false;
    }
    take_ranking(panel);
    return true;
}

uint32_t
flame_frames_selected(const struct flame_panel *panel)
{
    return panel->listed_tree != NULL && panel->selected < panel->listed_count
               ? panel->listed[panel->selected]
               : PROFILE_NONE;
}

static void
draw_head(const struct flame_panel *panel, struct canvas *canvas, int x, int y, int width,
          bool compared)
{
    static const struct {
        const char *title;
        enum flame_order order;
        int width;
    } columns[] = {{"SELF", FLAME_BY_SELF, VALUE_WIDTH},
                   {"", FLAME_ORDERS, SHARE_WIDTH},
                   {"TOTAL", FLAME_BY_TOTAL, VALUE_WIDTH},
                   {"", FLAME_ORDERS, SHARE_WIDTH},
                   {"SELF +/-", FLAME_BY_CHANGE, VALUE_WIDTH}};
    int begin = x;
    for (size_t i = 0; i < ARRAY_SIZE(columns) - !compared; i++) {
        bool sorted = columns[i].order == panel->order;
        canvas_text_right(canvas, x, y, columns[i].width, str_from(columns[i].title),
                          (struct style){.fg = sorted ? ROLE_TITLE : ROLE_DIM,
                                         .attributes = sorted ? CELL_UNDERLINE : 0});
        x += columns[i].width + 1;
    }
    canvas_text(canvas, x + 1, y, width - (x - begin) - 1, STR("FRAME"), style_dim);
}

static void
draw_row(const struct flame_panel *panel, struct canvas *canvas, const struct flame *tree,
         uint32_t frame, int x, int y, int width)
{
    struct style text = {.fg = ROLE_TEXT};
    bool ascii = canvas->glyphs == GLYPHS_ASCII;
    bool matched = flame_is_match(panel, tree, frame);
    const struct flame_sum *sum = &tree->sums[frame];
    const struct profile_frame *about = &tree->profile->frames[frame];
    double whole = tree->total[panel->side][0];
    const double values[] = {sum->self[panel->side], sum->total[panel->side]};
    int begin = x;
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        char value[FLAME_VALUE_BYTES], share[FLAME_VALUE_BYTES];
        canvas_text_right(canvas, x, y, VALUE_WIDTH,
                          str_from(flame_value(tree, values[i], ascii, value)), text);
        canvas_text_right(canvas, x + VALUE_WIDTH + 1, y, SHARE_WIDTH,
                          str_from(flame_share(values[i], whole, share)), style_dim);
        x += VALUE_WIDTH + SHARE_WIDTH + 2;
    }
    const char *only = "";
    if (tree->total[1] != NULL) {
        char points[32];
        double change = (sum->self[0] - sum->self[1]) / fmax(tree->total[0][0], 1e-300) * 100;
        snprintf(points, sizeof(points), "%+.1f %%", change);
        canvas_text_right(canvas, x, y, VALUE_WIDTH, str_from(points), text);
        x += VALUE_WIDTH + 1;
        only = sum->total[0] <= 0 ? "gone  " : sum->total[1] <= 0 ? "new  " : "";
    }
    struct style name = {.fg = matched ? ROLE_SEARCH : ROLE_TEXT,
                         .attributes = matched ? CELL_BOLD : 0};
    int used = canvas_text(canvas, x + 1, y, width - (x - begin) - 1,
                           flame_name(tree->profile, frame), name);
    x += 3 + used;
    x += canvas_text(canvas, x, y, MAX(width - (x - begin), 0), str_from(only),
                     (struct style){.fg = ROLE_VALUE});
    canvas_text(canvas, x, y, MAX(width - (x - begin), 0),
                (struct str){about->module, about->module_n}, style_dim);
}

void
flame_frames_draw(struct flame_panel *panel, const struct panel_context *context,
                  struct canvas *canvas, struct rect area)
{
    const struct flame *tree = tree_of(panel);
    bool ready = tree != NULL && list(panel, tree);
    if (!ready) {
        if (tree != NULL) {
            panel_again(context);
        }
        canvas_text(canvas, area.x + 1, area.y, area.width - 1, STR("adding up each frame …"),
                    style_dim);
        return;
    }
    panel->rows = MAX(area.height - 1, 1);
    panel->area = (struct rect){area.x, area.y + 1, area.width, area.height - 1};
    draw_head(panel, canvas, area.x, area.y, area.width, tree->total[1] != NULL);
    size_t rows = (size_t)panel->rows;
    panel->top = MIN(panel->top, panel->selected);
    panel->top = panel->selected >= panel->top + rows ? panel->selected - rows + 1 : panel->top;
    for (size_t i = 0; i < rows && panel->top + i < panel->listed_count; i++) {
        int y = area.y + 1 + (int)i;
        draw_row(panel, canvas, tree, panel->listed[panel->top + i], area.x, y, area.width);
        if (panel->top + i == panel->selected) {
            canvas_restyle(canvas, (struct rect){area.x, y, area.width, 1},
                           (struct style){.fg = ROLE_SELECT_FG,
                                          .bg = ROLE_SELECT_BG,
                                          .attributes = CELL_REVERSE});
            canvas->cursor_x = area.x;
            canvas->cursor_y = y;
        }
    }
}

static bool
go_to_match(struct flame_panel *panel, bool forward)
{
    size_t count = panel->listed_count;
    for (size_t i = 1; i <= count && panel->listed_tree != NULL; i++) {
        size_t at = (panel->selected + (forward ? i : count - i)) % count;
        if (flame_is_match(panel, panel->listed_tree, panel->listed[at])) {
            panel->selected = at;
            return true;
        }
    }
    return false;
}

bool
flame_frames_command(struct flame_panel *panel, const char *name)
{
    if (list_move(name, panel->listed_count, (size_t)MAX(panel->rows, 1), &panel->selected)) {
        return true;
    }
    const struct flame *tree = tree_of(panel);
    int orders = tree != NULL && tree->total[1] != NULL ? FLAME_ORDERS : FLAME_BY_CHANGE;
    if (strcmp(name, "sort.next") == 0 || strcmp(name, "sort.previous") == 0) {
        int step = strcmp(name, "sort.next") == 0 ? 1 : orders - 1;
        panel->order = (enum flame_order)(((int)panel->order + step) % orders);
        return true;
    }
    if (strcmp(name, "search.next") == 0 || strcmp(name, "search.previous") == 0) {
        go_to_match(panel, strcmp(name, "search.next") == 0);
        return true;
    }
    return false;
}
