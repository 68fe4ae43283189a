/* What is looked at. */
#include "flametop/core/interest.h"

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
