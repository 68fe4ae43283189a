/* The table of instances. */
#include "flametop/core/instance.h"

static const struct column columns[INSTANCE_COLUMNS] = {
    [INSTANCE_NAME] = {"instance.name", "INSTANCE", "", "The machine, as the server names it.",
                       COLUMN_TEXT, COLUMN_KEY, 20},
    [INSTANCE_UP] = {"instance.up", "UP", "", "1 when it answers the server, 0 when it does not.",
                     COLUMN_INTEGER, 0, 3},
    [INSTANCE_WHY] = {"instance.why", "WHY", "", "Why it does not answer.", COLUMN_TEXT,
                      COLUMN_HIDDEN, 30},
    [INSTANCE_AGE] = {"instance.age", "AGE", "s", "How long ago the server read it.", COLUMN_REAL,
                      0, 5},
    [INSTANCE_CPU] = {"instance.cpu", "CPU", "1", "CPU use of all its cores.", COLUMN_REAL,
                      COLUMN_RANK, 7},
    [INSTANCE_MEMORY] = {"instance.memory", "MEM", "1", "Memory use.", COLUMN_REAL, 0, 7},
    [INSTANCE_DISK] = {"instance.disk", "DISK", "1", "Share of the time its busiest disk was busy.",
                       COLUMN_REAL, 0, 7},
    [INSTANCE_NETWORK] = {"instance.network", "NET", "By/s", "Bytes received and sent per second.",
                          COLUMN_REAL, 0, 9},
    [INSTANCE_P95] = {"instance.p95", "P95", "s", "95 of 100 requests took at most so long.",
                      COLUMN_REAL, 0, 8},
    [INSTANCE_ERRORS] = {"instance.errors", "ERR", "1", "Share of requests that failed.",
                         COLUMN_REAL, 0, 7},
    [INSTANCE_LEVEL] = {"instance.level", "LEVEL", "", "How bad its worst alert is, 0 to 4.",
                        COLUMN_INTEGER, 0, 5},
    [INSTANCE_TEXT] = {"instance.text", "ALERT", "", "Its worst alert.", COLUMN_TEXT, 0, 0},
};

const struct table_def instance_table = {
    .name = "instances",
    .title = "Instances",
    .text = "Machines that the attached server watches, one a row.",
    .columns = columns,
    .column_count = INSTANCE_COLUMNS,
    .sort_column = INSTANCE_CPU,
};
