/* Thresholds of a metric as levels and colours. */
#ifndef FLAMETOP_UI_LIMITS_H
#define FLAMETOP_UI_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "flametop/core/finding.h"
#include "flametop/core/metric.h"

/* With critical below warning, less is worse. Both 0: no thresholds. One of them 0 beside a
 * positive other: that level is never reached. */
struct limits {
    double warning, critical;
};

/* With the user's overrides. */
struct limits limits_of(struct catalog *catalog, const struct metric *metric);
bool limits_known(const struct limits *limits);

/* LEVEL_NORMAL, WARNING or CRITICAL; normal for NaN. */
enum level limits_level(const struct limits *limits, double value);

/* The role of the load ramp for a value: its lower part up to the warning, its end from critical
 * on. Without thresholds the plain role. */
uint8_t limits_role(const struct limits *limits, double value, uint8_t plain);

/* ROLE_LEVEL_* of an enum level. */
uint8_t level_role(enum level level);

#endif
