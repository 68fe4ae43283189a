/* Reference tables as mdoc, for the marked parts of the manual pages. */
#ifndef FLAMETOP_DOCS_H
#define FLAMETOP_DOCS_H

#include <stdbool.h>

#include "flametop/base/buf.h"
#include "flametop/core/metric.h"

/* "metrics", "options" …; false when the topic is not known. */
bool docs_print(const char *topic, struct catalog *catalog, struct buf *out);

/* All topics, separated by blanks. */
const char *docs_topics(void);

#endif
