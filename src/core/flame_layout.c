/* Rows of cells, each made from the one above it.
 *
 * A child is narrow when it is less than one cell of its parent's width. With n children that are
 * not, and something left over that is, n is less than the width: so there is always a cell for
 * the rest. */
#include "flametop/core/flame_layout.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"

void
flame_layout_init(struct flame_layout *layout)
{
    *layout = (struct flame_layout){0};
}

void
flame_layout_done(struct flame_layout *layout)
{
    free(layout->cells);
    free(layout->rows);
    *layout = (struct flame_layout){0};
}

void
flame_zoom_done(struct flame_zoom *zoom)
{
    free(zoom->list);
    *zoom = (struct flame_zoom){0};
}

static void
add_cell(struct flame_layout *layout, const struct flame_cell *cell)
{
    if (layout->count == layout->capacity) {
        size_t wider = MAX(layout->capacity * 2, (size_t)256);
        struct flame_cell *grown = realloc(layout->cells, wider * sizeof(*grown));
        if (grown == NULL) {
            layout->failed = true;
            return;
        }
        layout->cells = grown;
        layout->capacity = wider;
    }
    layout->cells[layout->count++] = *cell;
}

static void
end_row(struct flame_layout *layout)
{
    if (layout->row_count + 2 > layout->row_capacity) {
        size_t wider = MAX(layout->row_capacity * 2, (size_t)64);
        size_t *grown = realloc(layout->rows, wider * sizeof(*grown));
        if (grown == NULL) {
            layout->failed = true;
            return;
        }
        layout->rows = grown;
        layout->row_capacity = wider;
    }
    if (layout->row_count == 0) {
        layout->rows[0] = 0;
    }
    layout->rows[++layout->row_count] = layout->count;
}

/* What is put under one cell. */
struct span {
    uint32_t node;
    const uint32_t *list;
    uint32_t count;
    bool is_part; /* the list is not all of the node's children */
    double whole; /* their weight and the node's own */
    double begin; /* in the order of time: when it began */
    int x, width;
};

static uint32_t
span_node(const struct span *span, uint32_t i)
{
    return span->list[i];
}

static bool
is_narrow(const struct span *span, double weight)
{
    return weight * span->width < span->whole;
}

static int
round_to(const struct span *span, double before)
{
    return MIN((int)lround(before * span->width / span->whole), span->width);
}

/* What is left when the wide ones are placed. */
struct rest {
    uint32_t count, only;
    double weight, wide;
    int wide_count;
};

static struct rest
measure(const struct flame_layout *layout, const struct span *span)
{
    const double *total = layout->flame->total[layout->side];
    bool sorted = layout->flame->total[1] == NULL;
    struct rest rest = {0};
    double sum = 0;
    uint32_t i = 0;
    for (; i < span->count; i++) {
        double weight = total[span_node(span, i)];
        if (!is_narrow(span, weight)) {
            rest.wide += weight;
            rest.wide_count++;
        } else if (sorted) {
            break;
        } else if (weight > 0) {
            rest.only = span_node(span, i);
            rest.count++;
            sum += weight;
        }
    }
    if (sorted && i < span->count) {
        double self = span->is_part ? 0 : layout->flame->self[layout->side][span->node];
        rest.count = span->count - i;
        rest.only = span_node(span, i);
        sum = fmax(span->whole - self - rest.wide, total[rest.only]);
    }
    rest.weight = sum;
    return rest;
}

static void
place_wide(struct flame_layout *layout, const struct span *span, const struct rest *rest)
{
    const double *total = layout->flame->total[layout->side];
    bool sorted = layout->flame->total[1] == NULL;
    double before = 0;
    int x = 0, last = rest->count > 0 ? span->width - 1 : span->width; /* keeps room */
    int after = rest->wide_count;
    for (uint32_t i = 0; i < span->count; i++) {
        uint32_t node = span_node(span, i);
        double weight = total[node];
        if (is_narrow(span, weight)) {
            if (sorted) {
                break;
            }
            continue;
        }
        before += weight;
        after--;
        int end = MIN(MAX(round_to(span, before), x + 1), MAX(last - after, x));
        if (end <= x) {
            break; /* only where sums of fractions were not exact */
        }
        add_cell(layout, &(struct flame_cell){.kind = FLAME_FRAME,
                                              .node = node,
                                              .weight = weight,
                                              .x = span->x + x,
                                              .width = end - x});
        x = end;
    }
}

static void
place(struct flame_layout *layout, const struct span *span)
{
    struct rest rest = measure(layout, span);
    size_t begin = layout->count;
    place_wide(layout, span, &rest);
    const struct flame_cell *tail =
        layout->count > begin ? &layout->cells[layout->count - 1] : NULL;
    int x = tail != NULL ? tail->x + tail->width - span->x : 0;
    if (rest.count > 0) {
        int end = MAX(round_to(span, rest.wide + rest.weight), x + 1);
        bool single = rest.count == 1;
        add_cell(layout, &(struct flame_cell){.kind = single ? FLAME_FRAME : FLAME_REST,
                                              .node = single ? rest.only : span->node,
                                              .count = single ? 0 : rest.count,
                                              .weight = rest.weight,
                                              .x = span->x + x,
                                              .width = end - x});
        x = end;
    }
    if (x < span->width) {
        add_cell(layout,
                 &(struct flame_cell){.kind = FLAME_SELF,
                                      .node = span->node,
                                      .weight = layout->flame->self[layout->side][span->node],
                                      .x = span->x + x,
                                      .width = span->width - x});
    }
}

/* All of a list are narrow: runs of them, each as wide as it is heavy and at least a cell. */
static void
place_runs(struct flame_layout *layout, const struct span *span)
{
    const double *total = layout->flame->total[layout->side];
    double before = 0, run = 0;
    int x = 0;
    for (uint32_t i = 0, from = 0; i < span->count; i++) {
        before += total[span_node(span, i)];
        run += total[span_node(span, i)];
        bool last = i + 1 == span->count;
        int end = last ? span->width : round_to(span, before);
        if (end > x && (last || end < span->width)) {
            bool single = i == from;
            add_cell(layout, &(struct flame_cell){.kind = single ? FLAME_FRAME : FLAME_REST,
                                                  .node = single ? span_node(span, i) : span->node,
                                                  .from = from,
                                                  .to = i + 1,
                                                  .count = single ? 0 : i + 1 - from,
                                                  .weight = run,
                                                  .x = span->x + x,
                                                  .width = end - x});
            x = end;
            from = i + 1;
            run = 0;
        }
    }
}

/* ---- in the order of time ---- */

static void
place_own(struct flame_layout *layout, const struct span *span, int from, int to)
{
    if (from < to) {
        add_cell(layout,
                 &(struct flame_cell){.kind = FLAME_SELF,
                                      .node = span->node,
                                      .weight = layout->flame->self[layout->side][span->node],
                                      .x = span->x + from,
                                      .width = to - from});
    }
}

/* A cell of the nodes [from, to) of the list: a frame where that is one. */
static void
place_some(struct flame_layout *layout, const struct span *span, uint32_t from, uint32_t to, int x,
           int end)
{
    bool single = to - from == 1;
    struct flame_cell cell = {.kind = single ? FLAME_FRAME : FLAME_REST,
                              .node = single ? span_node(span, from) : span->node,
                              .from = single ? 0 : from,
                              .to = single ? 0 : to,
                              .count = single ? 0 : to - from,
                              .x = span->x + x,
                              .width = end - x};
    for (uint32_t i = from; i < to; i++) {
        cell.weight += layout->flame->total[layout->side][span_node(span, i)];
    }
    add_cell(layout, &cell);
}

/* Each child has the columns that it began and ended in, and one at least. Where that is another's,
 * who has several gives it away; two that have no other are a rest. [x, end) is the cell of the
 * children [from, i), which is placed when it is known that nothing joins it. */
static void
place_timed(struct flame_layout *layout, const struct span *span)
{
    const struct flame *flame = layout->flame;
    uint32_t from = 0;
    int x = 0, end = 0, placed = 0;
    for (uint32_t i = 0; i < span->count; i++) {
        double began = flame->start[span_node(span, i)] - span->begin;
        double ended = began + flame->total[0][span_node(span, i)];
        int left = CLAMP(round_to(span, began), 0, span->width - 1);
        int right = CLAMP(round_to(span, ended), left + 1, span->width);
        if (i > 0 && left < end) {
            if (right <= end && end - x == 1) {
                continue;
            }
            end -= right <= end;
            left = end;
        }
        if (i > 0) {
            place_own(layout, span, placed, x);
            place_some(layout, span, from, i, x, end);
            placed = end;
        }
        from = i;
        x = left;
        end = right;
    }
    place_own(layout, span, placed, x);
    place_some(layout, span, from, span->count, x, end);
    place_own(layout, span, end, span->width);
}

/* ---- rows ---- */

/* The first row of a rest: all wide ones and the rest, or, where none is wide, runs. */
static void
place_list(struct flame_layout *layout)
{
    const struct flame_zoom *zoom = layout->zoom;
    const double *total = layout->flame->total[layout->side];
    struct span span = {.node = zoom->node,
                        .list = zoom->list,
                        .is_part = true,
                        .count = zoom->count,
                        .width = layout->width};
    double most = 0;
    for (uint32_t i = 0; i < zoom->count; i++) {
        span.whole += total[zoom->list[i]];
        most = fmax(most, total[zoom->list[i]]);
    }
    if (span.whole <= 0) {
        return;
    }
    const double *start = layout->flame->start;
    if (start != NULL) {
        uint32_t last = zoom->list[zoom->count - 1];
        span.begin = start[zoom->list[0]];
        span.whole = start[last] + total[last] - span.begin;
        place_timed(layout, &span);
    } else if (is_narrow(&span, most)) {
        place_runs(layout, &span);
    } else {
        place(layout, &span);
    }
}

void
flame_layout_begin(struct flame_layout *layout, const struct flame *flame,
                   const struct flame_zoom *zoom, unsigned side, int width)
{
    layout->flame = flame;
    layout->zoom = zoom;
    layout->side = side;
    layout->width = MAX(width, 1);
    layout->count = layout->row_count = 0;
    layout->whole = layout->failed = false;
    if (zoom->list != NULL) {
        place_list(layout);
    } else {
        add_cell(layout, &(struct flame_cell){.kind = FLAME_FRAME,
                                              .node = zoom->node,
                                              .weight = flame->total[side][zoom->node],
                                              .width = layout->width});
    }
    end_row(layout);
}

static bool
shows_calls(const struct flame_layout *layout, size_t from)
{
    for (; from < layout->count; from++) {
        if (layout->cells[from].kind != FLAME_SELF) {
            return true;
        }
    }
    return false;
}

static void
add_row(struct flame_layout *layout)
{
    const struct flame *flame = layout->flame;
    size_t begin = layout->rows[layout->row_count - 1], end = layout->count;
    bool any = false;
    for (size_t i = begin; i < end && !layout->failed; i++) {
        struct flame_cell cell = layout->cells[i]; /* the array may move */
        uint32_t first = flame->first[cell.node], count = flame->first[cell.node + 1] - first;
        double whole = flame->total[layout->side][cell.node];
        if (cell.kind == FLAME_FRAME && count > 0 && whole > 0) {
            size_t before = layout->count;
            struct span span = {.node = cell.node,
                                .list = flame->children + first,
                                .count = count,
                                .whole = whole,
                                .begin = flame->start != NULL ? flame->start[cell.node] : 0,
                                .x = cell.x,
                                .width = cell.width};
            (flame->start != NULL ? place_timed : place)(layout, &span);
            any |= shows_calls(layout, before);
        }
    }
    if (any && !layout->failed) {
        end_row(layout);
    } else {
        layout->count = end;
        layout->whole = true;
    }
}

void
flame_layout_extend(struct flame_layout *layout, size_t rows)
{
    while (layout->row_count < rows && !layout->whole && !layout->failed) {
        add_row(layout);
    }
}

/* The cell above: as wide as what its rest was measured by. */
static const struct flame_cell *
cell_of(const struct flame_layout *layout, size_t row, uint32_t node)
{
    for (size_t i = layout->rows[row]; i < layout->rows[row + 1]; i++) {
        if (layout->cells[i].kind == FLAME_FRAME && layout->cells[i].node == node) {
            return &layout->cells[i];
        }
    }
    return NULL;
}

static bool
zoom_list(const struct flame_layout *layout, const struct span *span, uint32_t from, uint32_t to,
          bool narrow, struct flame_zoom *ret_zoom)
{
    const double *total = layout->flame->total[layout->side];
    struct flame_zoom zoom = {.node = span->node};
    zoom.list = malloc(((size_t)(to - from) + 1) * sizeof(uint32_t));
    if (zoom.list == NULL) {
        return false;
    }
    for (uint32_t i = from; i < to; i++) {
        uint32_t node = span_node(span, i);
        if (total[node] > 0 && (!narrow || is_narrow(span, total[node]))) {
            zoom.list[zoom.count++] = node;
            zoom.weight += total[node];
        }
    }
    *ret_zoom = zoom;
    return true;
}

bool
flame_layout_zoom(const struct flame_layout *layout, size_t row, const struct flame_cell *cell,
                  struct flame_zoom *ret_zoom)
{
    const struct flame *flame = layout->flame;
    if (cell->kind != FLAME_REST) {
        *ret_zoom = (struct flame_zoom){.node = cell->node,
                                        .weight = flame->total[layout->side][cell->node]};
        return true;
    }
    if (row == 0) {
        const struct flame_zoom *zoom = layout->zoom;
        struct span span = {.node = zoom->node,
                            .list = zoom->list,
                            .is_part = true,
                            .count = zoom->count,
                            .width = layout->width};
        for (uint32_t i = 0; i < zoom->count; i++) {
            span.whole += flame->total[layout->side][zoom->list[i]];
        }
        return cell->to > 0 ? zoom_list(layout, &span, cell->from, cell->to, false, ret_zoom)
                            : zoom_list(layout, &span, 0, zoom->count, true, ret_zoom);
    }
    const struct flame_cell *above = cell_of(layout, row - 1, cell->node);
    assert(above != NULL);
    uint32_t first = flame->first[cell->node];
    struct span span = {.node = cell->node,
                        .list = flame->children + first,
                        .count = flame->first[cell->node + 1] - first,
                        .whole = flame->total[layout->side][cell->node],
                        .width = above->width};
    return cell->to > 0 ? zoom_list(layout, &span, cell->from, cell->to, false, ret_zoom)
                        : zoom_list(layout, &span, 0, span.count, true, ret_zoom);
}
