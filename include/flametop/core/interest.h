/* What screens and subscribers look at now, sent up so that sources read costly things for that
 * only. */
#ifndef FLAMETOP_CORE_INTEREST_H
#define FLAMETOP_CORE_INTEREST_H

#include <stdbool.h>
#include <stdint.h>

#define INTEREST_ROWS_MAX 256
#define INTEREST_METRICS_MAX 32

struct metric;

/* Tables of an Erlang node that are costly to make, by their names; bit i stands for the i-th. */
#define INTEREST_TABLES 6
enum interest_table {
    INTEREST_ETS,
    INTEREST_PORTS,
    INTEREST_APPLICATIONS,
    INTEREST_PEERS,
    INTEREST_SUPERVISORS,
    INTEREST_WORKERS,
};
extern const char *const interest_table_names[INTEREST_TABLES];

struct interest {
    uint64_t process_columns;        /* bit i: column i of the processes table is shown */
    int process_sort;                /* column the table is sorted by; -1: none in view */
    bool process_filter_costly;      /* a filter needs the costly columns of all rows */
    int64_t pids[INTEREST_ROWS_MAX]; /* rows on screen */
    unsigned pid_count;
    int64_t selected_pid; /* whose detail drawer is open; 0: none */
    bool cgroups;         /* the cgroup table is in view */
    unsigned tables;      /* bits of enum interest_table: those that are in view */
    int64_t node_process; /* key (sources/beam_metrics.h) of the node's process whose detail drawer
                             is open; 0: none */
    bool requests;        /* traces are in view: an agent sends them to who says so */
    const struct metric *metrics[INTEREST_METRICS_MAX]; /* of those read on demand */
    unsigned metric_count;
};

/* Adds a metric that is read on demand; any other, or NULL, changes nothing. */
void interest_in_metric(struct interest *interest, const struct metric *metric);

/* Adds what somebody else looks at. What only one can be stays that of `all`, where it has it; rows
 * and metrics are there once, and as far as there is room. */
void interest_join(struct interest *all, const struct interest *one);

#endif
