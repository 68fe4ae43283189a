/* What screens and subscribers look at now, sent up so that sources read costly things for that
 * only. */
#ifndef FLAMETOP_CORE_INTEREST_H
#define FLAMETOP_CORE_INTEREST_H

#include <stdbool.h>
#include <stdint.h>

#define INTEREST_ROWS_MAX 256
#define INTEREST_METRICS_MAX 32

struct metric;

struct interest {
    uint64_t process_columns;        /* bit i: column i of the processes table is shown */
    int process_sort;                /* column the table is sorted by; -1: none in view */
    bool process_filter_costly;      /* a filter needs the costly columns of all rows */
    int64_t pids[INTEREST_ROWS_MAX]; /* rows on screen */
    unsigned pid_count;
    int64_t selected_pid;                               /* whose detail drawer is open; 0: none */
    bool cgroups;                                       /* the cgroup table is in view */
    const struct metric *metrics[INTEREST_METRICS_MAX]; /* of those read on demand */
    unsigned metric_count;
};

/* Adds a metric that is read on demand; any other, or NULL, changes nothing. */
void interest_in_metric(struct interest *interest, const struct metric *metric);

#endif
