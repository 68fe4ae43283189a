/* Alerts that another end's own rules raised (Prometheus), as one table: a source delivers it with
 * every batch, and the diagnosis tells of those that fire. */
#ifndef FLAMETOP_CORE_ALERT_H
#define FLAMETOP_CORE_ALERT_H

#include "flametop/core/table.h"

/* Index in its columns. */
enum alert_column {
    ALERT_KEY,      /* text: all its labels */
    ALERT_NAME,     /* text: of the rule; NULL */
    ALERT_STATE,    /* text: "firing", or "pending" while its condition has not held long enough */
    ALERT_LEVEL,    /* integer, enum level: what the rule's severity means here */
    ALERT_SEVERITY, /* text: in the rule's own word; NULL */
    ALERT_INSTANCE, /* text: what it is about; NULL */
    ALERT_AGE,      /* s since its condition holds */
    ALERT_SINCE,    /* integer: when that began, seconds since 1970 */
    ALERT_VALUE,    /* real: of its expression */
    ALERT_SUMMARY,  /* text: what the rule says of it; NULL */
    ALERT_COLUMNS
};

extern const struct table_def alert_table; /* "alerts" */

#endif
