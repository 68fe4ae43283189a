/* Views: numbered layouts of panels, as data. */
#ifndef FLAMETOP_SRC_UI_VIEW_H
#define FLAMETOP_SRC_UI_VIEW_H

#include <stdbool.h>
#include <stddef.h>

#include "flametop/ui/panel.h"

#define VIEW_BOXES_MAX 8
#define VIEW_FIRST 1
#define VIEW_BEAM 4
#define VIEW_REQUESTS 5
#define VIEW_FLAME 6
#define VIEW_CHART 10 /* the full-screen chart: opened by panels, has no number key */

/* Panels side by side; widths in proportion to the weights. */
struct view_row {
    struct {
        const char *panel;
        int weight; /* 0: a stopgap, only where no panel before it takes what room there is */
    } cells[3];
};

struct view {
    int number;
    const char *name;        /* of its key context: processes */
    const char *title;       /* in the tabs */
    const char *short_title; /* in the tabs of 80 columns */
    const char *remedy;      /* what to read when there is nothing to show */
    struct view_row rows[4];
    struct view_row compact[4]; /* below 100 columns or 30 rows; none: the same */
};

extern const struct view view_table[];
extern const size_t view_count;

/* What to read when there is nothing to show: of the present, or of a moment of the past. */
const char *view_remedy(const struct view *view, bool past);

/* What Enter runs while there is nothing to show; NULL: nothing. */
const char *view_enter(const struct view *view);

/* By number; NULL when there is none. */
const struct view *view_find(int number);

/* The number of a view, by that number, by its name, or by a beginning only one view has; -1. */
int view_number(const char *text);

/* All panels (src/ui/panels/table.c). */
extern const struct panel *const panel_table[];
extern const size_t panel_count;
const struct panel *panel_find(const char *name);

/* Whether keys may be bound in a context of this name. */
bool view_is_context(const char *name);

/* One panel in a layout, after arranging: `area` has no width when it is not shown. */
struct box {
    const struct panel *panel;
    void *state;
    int row, weight;
    bool stopgap;
    struct rect area;
};

/* Opens the panels of one form of a view; answers how many. */
size_t view_open(const struct view *view, bool compact, struct catalog *catalog,
                 struct box boxes[VIEW_BOXES_MAX]);
void view_close(struct box *boxes, size_t count);

/* Gives each box its room in the area. Boxes without data get none; true when at least one is
 * shown. */
bool view_arrange(struct box *boxes, size_t count, const struct panel_context *context,
                  struct rect area);

#endif
