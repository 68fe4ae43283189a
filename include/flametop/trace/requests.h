/* What passes through a trace store, as metrics and as the table `requests`: one row an endpoint
 * and tool of a service, over the last minute. */
#ifndef FLAMETOP_TRACE_REQUESTS_H
#define FLAMETOP_TRACE_REQUESTS_H

#include "flametop/core/source.h"
#include "flametop/core/table.h"

enum request_column {
    REQUEST_KEY, /* text: the labels of its series */
    REQUEST_SERVICE,
    REQUEST_ENDPOINT,
    REQUEST_TOOL,    /* text; NULL: none */
    REQUEST_RATE,    /* requests a second */
    REQUEST_ERRORS,  /* share that failed, since the start */
    REQUEST_P50,     /* s */
    REQUEST_P95,     /* s */
    REQUEST_P99,     /* s */
    REQUEST_MEAN,    /* s */
    REQUEST_WAITING, /* seconds that users waited, a second */
    REQUEST_COUNT,   /* since the start */
    REQUEST_COLUMNS
};

extern const struct table_def request_table; /* "requests" */

#endif
