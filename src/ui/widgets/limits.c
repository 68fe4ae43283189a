/* Thresholds as levels and colours of the load ramp. */
#include "limits.h"

#include <math.h>

#include "flametop/base/macros.h"
#include "flametop/ui/role.h"

#define STEP_WARNING 9 /* the last step below the warning */
#define STEP_CRITICAL 13

struct limits
limits_of(struct catalog *catalog, const struct metric *metric)
{
    struct limits limits = {0, 0};
    if (metric != NULL) {
        catalog_thresholds(catalog, metric, &limits.warning, &limits.critical);
    }
    return limits;
}

bool
limits_known(const struct limits *limits)
{
    return limits->warning > 0 || limits->critical > 0;
}

static bool
less_is_worse(const struct limits *limits)
{
    return limits->critical > 0 && limits->critical < limits->warning;
}

/* Compared as charts keep values: 0.95 of a bucket is at 0.95, not below it. */
enum level
limits_level(const struct limits *limits, double value)
{
    float v = (float)value, warning = (float)limits->warning, critical = (float)limits->critical;
    if (isnan(value) || !limits_known(limits)) {
        return LEVEL_NORMAL;
    }
    if (less_is_worse(limits)) {
        return v <= critical ? LEVEL_CRITICAL : v <= warning ? LEVEL_WARNING : LEVEL_NORMAL;
    }
    if (critical > 0 && v >= critical) {
        return LEVEL_CRITICAL;
    }
    return warning > 0 && v >= warning ? LEVEL_WARNING : LEVEL_NORMAL;
}

/* How far value is on the way from `from` to `to`, 0-1. */
static double
share_of_way(double value, double from, double to)
{
    double share = to != from ? (value - from) / (to - from) : 1;
    return CLAMP(share, 0.0, 1.0);
}

uint8_t
limits_role(const struct limits *limits, double value, uint8_t plain)
{
    if (!limits_known(limits) || isnan(value)) {
        return plain;
    }
    enum level level = limits_level(limits, value);
    if (level == LEVEL_CRITICAL) {
        return ROLE_RAMP_LOAD + RAMP_STEPS - 1;
    }
    double warning = limits->warning > 0 ? limits->warning : limits->critical;
    if (level == LEVEL_WARNING) {
        double end = limits->critical > 0 ? limits->critical : 2 * warning;
        double share = share_of_way(value, warning, end);
        return (uint8_t)(ROLE_RAMP_LOAD + STEP_WARNING + 1 +
                         (int)(share * (STEP_CRITICAL - STEP_WARNING - 1)));
    }
    double share = less_is_worse(limits) ? share_of_way(value, 2 * warning, warning)
                                         : share_of_way(value, 0, warning);
    return (uint8_t)(ROLE_RAMP_LOAD + (int)(share * STEP_WARNING));
}

uint8_t
level_role(enum level level)
{
    static const uint8_t roles[] = {
        [LEVEL_NORMAL] = ROLE_LEVEL_NORMAL,       [LEVEL_INFO] = ROLE_LEVEL_INFO,
        [LEVEL_WARNING] = ROLE_LEVEL_WARNING,     [LEVEL_CRITICAL] = ROLE_LEVEL_CRITICAL,
        [LEVEL_EMERGENCY] = ROLE_LEVEL_EMERGENCY,
    };
    return roles[CLAMP((int)level, (int)LEVEL_NORMAL, (int)LEVEL_EMERGENCY)];
}
