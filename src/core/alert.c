/* The table of alerts. */
#include "flametop/core/alert.h"

/* clang-format off */
static const struct column columns[ALERT_COLUMNS] = {
    [ALERT_KEY] = {"alert", "ALERT", "", "Its labels.", COLUMN_TEXT, COLUMN_KEY | COLUMN_KEEP | COLUMN_HIDDEN, 30},
    [ALERT_NAME] = {"alert.name", "NAME", "", "Name of the rule.", COLUMN_TEXT, COLUMN_KEEP, 20},
    [ALERT_STATE] = {"alert.state", "STATE", "", "firing, or pending while it holds for less than asked.", COLUMN_TEXT, COLUMN_KEEP, 8},
    [ALERT_LEVEL] = {"alert.level", "LEVEL", "", "What its severity means, 0 to 4.", COLUMN_INTEGER, COLUMN_RANK | COLUMN_KEEP | COLUMN_HIDDEN, 5},
    [ALERT_SEVERITY] = {"alert.severity", "SEVERITY", "", "What the rule says of its weight.", COLUMN_TEXT, COLUMN_KEEP, 9},
    [ALERT_INSTANCE] = {"alert.instance", "INSTANCE", "", "What it is about.", COLUMN_TEXT, COLUMN_KEEP, 20},
    [ALERT_AGE] = {"alert.age", "SINCE", "s", "How long its condition holds.", COLUMN_REAL, COLUMN_KEEP, 9},
    [ALERT_SINCE] = {"alert.since", "BEGAN", "", "When that began, seconds since 1970.", COLUMN_INTEGER, COLUMN_KEEP | COLUMN_HIDDEN, 10},
    [ALERT_VALUE] = {"alert.value", "VALUE", "", "Value of its expression.", COLUMN_REAL, COLUMN_KEEP, 8},
    [ALERT_SUMMARY] = {"alert.summary", "SUMMARY", "", "What the rule says of it.", COLUMN_TEXT, COLUMN_KEEP, 0},
};
/* clang-format on */

const struct table_def alert_table = {
    .name = "alerts",
    .title = "Alerts",
    .text = "Alerts of the other end's own rules.",
    .columns = columns,
    .column_count = ALERT_COLUMNS,
    .sort_column = ALERT_LEVEL,
    .kept_rows = 16,
};
