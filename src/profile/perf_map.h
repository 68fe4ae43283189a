/* Symbols of code that a program made at run time, from its /tmp/perf-PID.map
 * (tools/perf/Documentation/jit-interface.txt): lines that are appended while it runs. */
#ifndef FLAMETOP_SRC_PROFILE_PERF_MAP_H
#define FLAMETOP_SRC_PROFILE_PERF_MAP_H

#include "symbols.h"

#define PERF_MAP_SYMBOLS_MAX (UINT32_C(1) << 20)

/* Adds the whole lines of `text`; a later line counts more than an earlier one at the same
 * address. Answers how many bytes those lines are. */
size_t perf_map_add(struct symbols *symbols, struct str text);

#endif
