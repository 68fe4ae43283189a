/* Instances: what a server that watches many machines (Prometheus with node_exporter) knows of each
 * of them, as one table. A picture that holds a table of this name is a fleet: view 0 shows a row
 * an instance, the worst first, marks the odd one out, and Enter opens one.
 *
 * A source delivers the table with every batch, one row an instance, also for those that do not
 * answer. What it does not know stays unknown: the screen leaves out columns nobody has a value of,
 * judges levels by the thresholds of the metrics named below where `level` is unknown, and
 * says in words what is above them where there is no `text`.
 *
 * An instance is opened as a target of its own, by the same target with endpoint_options.instance
 * set to its name: the source then delivers no such table but that machine's series under our names
 * (system.*, see sources/node_exporter.h) and its host, and every view works on them. */
#ifndef FLAMETOP_CORE_INSTANCE_H
#define FLAMETOP_CORE_INSTANCE_H

#include "flametop/core/table.h"

#define INSTANCES_MAX 1000 /* rows; table.total says how many there are */
#define INSTANCE_NAME_BYTES 256

/* Index in instance_columns. */
enum instance_column {
    INSTANCE_NAME,    /* text, the key: "web-01:9100" */
    INSTANCE_UP,      /* integer: 1 it answers, 0 it does not; unknown: nobody has asked yet */
    INSTANCE_WHY,     /* text: why it does not answer; NULL */
    INSTANCE_AGE,     /* s since it was last read */
    INSTANCE_CPU,     /* 1: as system.cpu.utilization */
    INSTANCE_MEMORY,  /* 1: as system.memory.utilization */
    INSTANCE_DISK,    /* 1: as system.disk.utilization, of the busiest */
    INSTANCE_NETWORK, /* By/s: as system.network.io, received and sent */
    INSTANCE_P95,     /* s: as request.duration.p95 */
    INSTANCE_ERRORS,  /* 1: as request.error.ratio */
    INSTANCE_LEVEL,   /* integer, enum level: of its worst alert; LEVEL_NORMAL: none fires */
    INSTANCE_TEXT,    /* text: that alert as a sentence; NULL */
    INSTANCE_COLUMNS
};

extern const struct table_def instance_table; /* "instances" */

#endif
