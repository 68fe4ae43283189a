/* All panels. */
#include "panels.h"

#include "flametop/base/macros.h"
#include "../view.h"

const struct panel *const panel_table[] = {
    &panel_cards,     &panel_chart,    &panel_cores,      &panel_findings,   &panel_flame,
    &panel_fleet,     &panel_metrics,  &panel_node,       &panel_node_cards, &panel_pools,
    &panel_processes, &panel_requests, &panel_schedulers, &panel_system,     &panel_tables,
};
const size_t panel_count = ARRAY_SIZE(panel_table);
