/* The heatmap of the cores, or of others like them: row = core, column = bucket of time, the value
 * of now right. With more cores than rows: two in a row by half blocks, then groups by their
 * maximum, worst first. */
#ifndef FLAMETOP_UI_PANELS_CORES_H
#define FLAMETOP_UI_PANELS_CORES_H

#include "flametop/ui/panel.h"

struct cores;

/* What the rows are of: the values that a label of a metric has, which is a share. */
struct cores_def {
    const char *title, *noun; /* "Cores", "core" */
    const char *metric, *label;
};

/* NULL: of the machine's cores. The definition must outlive it. */
struct cores *cores_new(struct catalog *catalog, const struct cores_def *def);
void cores_free(struct cores *cores);

/* Finds the cores of the picture; answers how many. */
size_t cores_refresh(struct cores *cores, const struct panel_context *context);

/* Rows of the map when it may have at most `lines`. */
int cores_rows(struct cores *cores, const struct panel_context *context, int lines);

/* Draws into the area with its box. The cursor is drawn when focused. */
void cores_draw(struct cores *cores, const struct panel_context *context, struct canvas *canvas,
                struct rect area, bool focused);

/* Moves the cursor; false when the name is no move or the cursor would leave by its lower edge. */
bool cores_move(struct cores *cores, const char *name);

/* Labels of the core under the cursor: "cpu=3". */
const char *cores_labels(const struct cores *cores);

extern const struct panel panel_cores;

#endif
