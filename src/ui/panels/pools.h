/* Pools of workers and their workers, as sheets of tables. */
#ifndef FLAMETOP_SRC_UI_PANELS_POOLS_H
#define FLAMETOP_SRC_UI_PANELS_POOLS_H

#include "tables.h"

#define POOL_SHEETS 2
extern const struct sheet_def pool_sheets[POOL_SHEETS]; /* pools, workers */

/* Enter on a pool: its workers. False when the current table is not that of the pools, or there are
 * no workers. */
bool pools_open_workers(struct tables *tables, const struct panel_context *context);

/* Whether they were opened so and are still shown. */
bool pools_show_workers(const struct tables *tables);

/* Back to the pools; false when it was not opened so. */
bool pools_close_workers(struct tables *tables, const struct panel_context *context);

#endif
