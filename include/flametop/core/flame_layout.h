/* A flame tree as cells of a row grid.
 *
 * Invariant: in every row, the cells under a frame tile it exactly: its children, heaviest first,
 * then what is narrower than a cell in one cell of its own (FLAME_REST), then its own time
 * (FLAME_SELF). Boundaries are rounded cumulatively. Nothing is dropped: a rest has at least one
 * cell, its count says how many nodes it stands for, and zooming into it shows them.
 *
 * In the order of time each stands where it began: what is narrow is a rest where it happened, and
 * its own time lies between its children. */
#ifndef FLAMETOP_CORE_FLAME_LAYOUT_H
#define FLAMETOP_CORE_FLAME_LAYOUT_H

#include "flametop/core/flame.h"

enum flame_cell_kind { FLAME_FRAME, FLAME_REST, FLAME_SELF };

struct flame_cell {
    enum flame_cell_kind kind;
    uint32_t node;     /* of a rest or of its own time: whose */
    uint32_t from, to; /* of a rest: its place among the children of `node`, or in row 0 of the
                          list that is zoomed into; both 0: all that are narrow */
    uint32_t count;    /* of a rest: nodes */
    double weight;
    int x, width;
};

/* What is laid out: a node, or some children of it (a rest that was zoomed into). */
struct flame_zoom {
    uint32_t node;
    uint32_t *list; /* NULL: the node itself */
    uint32_t count;
    double weight;
};

struct flame_layout {
    const struct flame *flame;
    const struct flame_zoom *zoom;
    unsigned side; /* whose weights are widths */
    int width;
    struct flame_cell *cells;
    size_t count, capacity;
    size_t *rows; /* where each begins; rows[row_count] is count */
    size_t row_count, row_capacity;
    bool whole;  /* there is nothing below the last row */
    bool failed; /* out of memory */
};

void flame_layout_init(struct flame_layout *layout);
void flame_layout_done(struct flame_layout *layout);

/* Begins anew: row 0 is what is zoomed into. The tree and the zoom must outlive it. */
void flame_layout_begin(struct flame_layout *layout, const struct flame *flame,
                        const struct flame_zoom *zoom, unsigned side, int width);

/* Goes on to at least so many rows, where there are as many. Takes time by the cells of those
 * rows. */
void flame_layout_extend(struct flame_layout *layout, size_t rows);

/* The zoom of a cell: a frame, or the nodes of a rest. False when out of memory. flame_zoom_done
 * when it is no longer needed. */
bool flame_layout_zoom(const struct flame_layout *layout, size_t row, const struct flame_cell *cell,
                       struct flame_zoom *ret_zoom);
void flame_zoom_done(struct flame_zoom *zoom);

#endif
