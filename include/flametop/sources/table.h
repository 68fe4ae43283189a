/* All sources, in the order they are polled. */
#ifndef FLAMETOP_SOURCES_TABLE_H
#define FLAMETOP_SOURCES_TABLE_H

#include "flametop/core/source.h"

extern const struct source *const source_table[];
extern const size_t source_table_count;

#endif
