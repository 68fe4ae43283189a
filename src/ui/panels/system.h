/* The system view's tables, and those beside the processes on the overview. */
#ifndef FLAMETOP_UI_PANELS_SYSTEM_H
#define FLAMETOP_UI_PANELS_SYSTEM_H

#include "sections.h"

/* The few that stand beneath the cores on the overview; NULL when out of memory. */
struct sections *system_side_sections(struct catalog *catalog);

extern const struct panel panel_system;

#endif
