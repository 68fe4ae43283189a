/* All analyzers. */
#ifndef FLAMETOP_ANALYSIS_TABLE_H
#define FLAMETOP_ANALYSIS_TABLE_H

#include "flametop/core/analyzer.h"

extern const struct analyzer *const analyzer_table[];
extern const size_t analyzer_table_count;

#endif
