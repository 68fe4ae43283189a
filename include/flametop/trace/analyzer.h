/* Judges the requests of a picture (picture->traces): which endpoint is slow or fails, how much
 * that hurts, since when, and what it spends its time on along the critical path. Where no span
 * tells that, it says so instead of guessing. Silent where nobody receives traces. */
#ifndef FLAMETOP_TRACE_ANALYZER_H
#define FLAMETOP_TRACE_ANALYZER_H

#include "flametop/core/analyzer.h"

extern const struct analyzer analyzer_request;

#endif
