/* What the parts of a table on screen share. */
#ifndef FLAMETOP_SRC_UI_TABLE_VIEW_PARTS_H
#define FLAMETOP_SRC_UI_TABLE_VIEW_PARTS_H

#include "table_view.h"

#define TREE_DEPTHS 64

/* The key of row i. */
uint64_t table_view_key(const struct table_view *view, size_t i);

bool table_view_is_folded(const struct table_view *view, uint64_t key);

/* Columns in the order they are shown; answers how many. */
size_t table_view_ordered(const struct table_view *view, int columns[TABLE_VIEW_COLUMNS]);

/* Whether what is searched for is in the row. */
bool table_view_found(const struct table_view *view, const union cell *cells);

#endif
