/* A request as OTLP JSON (TracesData, one object): what trace files and other programs read. */
#ifndef FLAMETOP_EXPORT_TRACE_H
#define FLAMETOP_EXPORT_TRACE_H

#include <stdbool.h>
#include <stddef.h>

#include "flametop/base/buf.h"
#include "flametop/core/trace.h"

/* Spans stand under their resources. What was redacted stays so; a span that had not ended has no
 * end; spans that were made up are left out, and what stood below them says the parent it named.
 * False when `out` is full. */
bool trace_write_otlp(const struct trace *trace, struct buf *out);

#endif
