/* The formats there are, for the table. */
#ifndef FLAMETOP_SRC_PROFILE_FORMATS_H
#define FLAMETOP_SRC_PROFILE_FORMATS_H

#include "flametop/profile/read.h"

extern const struct profile_format profile_format_callgrind;
extern const struct profile_format profile_format_chrome;
extern const struct profile_format profile_format_folded;
extern const struct profile_format profile_format_perf_script;
extern const struct profile_format profile_format_pprof;
extern const struct profile_format profile_format_speedscope;

#endif
