/* The drawer of one process of an Erlang node. */
#ifndef FLAMETOP_SRC_UI_PANELS_NODE_PROCESS_H
#define FLAMETOP_SRC_UI_PANELS_NODE_PROCESS_H

#include "../table_view.h"
#include "trail.h"

#define NODE_PROCESS_ROWS_MIN 6

/* Key of the selected row; 0: none. */
int64_t node_process_key(const struct table_view *view);

/* How many rows it would fill at most. */
int node_process_height(const struct panel_context *context, const struct table_view *view);

void node_process_draw(const struct table_view *view, struct trail *trail,
                       const struct panel_context *context, struct canvas *canvas,
                       struct rect area);

#endif
