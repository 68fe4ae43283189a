/* What is looked at. */
#include "flametop/core/interest.h"

#include "flametop/base/macros.h"
#include "flametop/core/metric.h"

const char *const interest_table_names[INTEREST_TABLES] = {
    [INTEREST_ETS] = "beam.ets",
    [INTEREST_PORTS] = "beam.ports",
    [INTEREST_APPLICATIONS] = "beam.applications",
    [INTEREST_PEERS] = "beam.peers",
    [INTEREST_SUPERVISORS] = "beam.supervisors",
    [INTEREST_WORKERS] = "workers",
};

void
interest_in_metric(struct interest *interest, const struct metric *metric)
{
    for (unsigned i = 0; i < interest->metric_count; i++) {
        if (interest->metrics[i] == metric) {
            return;
        }
    }
    if (metric != NULL && metric->on_demand && interest->metric_count < INTEREST_METRICS_MAX) {
        interest->metrics[interest->metric_count++] = metric;
    }
}

static void
join_row(struct interest *all, int64_t pid)
{
    for (unsigned i = 0; i < all->pid_count; i++) {
        if (all->pids[i] == pid) {
            return;
        }
    }
    if (all->pid_count < INTEREST_ROWS_MAX) {
        all->pids[all->pid_count++] = pid;
    }
}

void
interest_join(struct interest *all, const struct interest *one)
{
    all->process_columns |= one->process_columns;
    all->process_sort = all->process_sort >= 0 ? all->process_sort : one->process_sort;
    all->process_filter_costly |= one->process_filter_costly;
    all->cgroups |= one->cgroups;
    all->tables |= one->tables;
    all->requests |= one->requests;
    all->node_process = all->node_process != 0 ? all->node_process : one->node_process;
    all->selected_pid = all->selected_pid != 0 ? all->selected_pid : one->selected_pid;
    for (unsigned i = 0; i < MIN(one->pid_count, (unsigned)INTEREST_ROWS_MAX); i++) {
        join_row(all, one->pids[i]);
    }
    if (one->selected_pid != 0) {
        join_row(all, one->selected_pid);
    }
    for (unsigned i = 0; i < MIN(one->metric_count, (unsigned)INTEREST_METRICS_MAX); i++) {
        interest_in_metric(all, one->metrics[i]);
    }
}
