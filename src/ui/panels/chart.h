/* The full-screen chart: what it shows is told with the command "show METRIC [LABELS]" ("show
 * system.disk.io device=sda"), which panel_open_chart sends after it has switched to the view. */
#ifndef FLAMETOP_UI_PANELS_CHART_H
#define FLAMETOP_UI_PANELS_CHART_H

#include "flametop/ui/panel.h"

extern const struct panel panel_chart;

#endif
