/* Findings, and findings as rows of a table. */
#include "flametop/core/finding.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/core/table.h"

enum {
    ROW_ID,
    ROW_SENTENCE,
    ROW_SHORT,
    ROW_CULPRIT,
    ROW_ADVICE,
    ROW_PID,
    ROW_SINCE,
    ROW_IMPACT,
    ROW_LEVEL,
    ROW_UNTIL
};

static const struct column columns[] = {
    [ROW_ID] = {"finding.id", "ID", "", "What is found, stable over time.", COLUMN_TEXT,
                COLUMN_KEY | COLUMN_KEEP, 24},
    [ROW_SENTENCE] = {"finding.sentence", "FINDING", "", "The sentence.", COLUMN_TEXT, COLUMN_KEEP,
                      0},
    [ROW_SHORT] = {"finding.short", "SHORT", "", "The sentence for narrow screens.", COLUMN_TEXT,
                   COLUMN_KEEP | COLUMN_HIDDEN, 0},
    [ROW_CULPRIT] = {"finding.culprit", "CULPRIT", "", "Who causes it.", COLUMN_TEXT, COLUMN_KEEP,
                     20},
    [ROW_ADVICE] = {"finding.advice", "ADVICE", "", "What to do or look at next.", COLUMN_TEXT,
                    COLUMN_KEEP | COLUMN_HIDDEN, 0},
    [ROW_PID] = {"finding.pid", "PID", "", "The culprit's process.", COLUMN_INTEGER, COLUMN_KEEP,
                 8},
    [ROW_SINCE] = {"finding.since", "SINCE", "s", "Since when, seconds since 1970.", COLUMN_REAL,
                   COLUMN_KEEP, 9},
    [ROW_IMPACT] = {"finding.impact", "IMPACT", "", "How much it hurts, 0 to 100.", COLUMN_INTEGER,
                    COLUMN_KEEP | COLUMN_RANK, 6},
    [ROW_LEVEL] = {"finding.level", "LEVEL", "", "0 normal to 4 emergency.", COLUMN_INTEGER,
                   COLUMN_KEEP, 6},
    [ROW_UNTIL] = {"finding.until", "UNTIL", "s", "Until when, seconds since 1970; 0: still so.",
                   COLUMN_REAL, COLUMN_KEEP, 9},
};

const struct table_def finding_table = {
    .name = "findings",
    .title = "Findings",
    .text = "What the analyzers found, worst first.",
    .columns = columns,
    .column_count = ARRAY_SIZE(columns),
    .sort_column = ROW_IMPACT,
    .kept_rows = 8,
};

const char *
level_name(enum level level)
{
    static const char *const names[] = {"normal", "info", "warning", "critical", "emergency"};
    assert(level >= LEVEL_NORMAL && level <= LEVEL_EMERGENCY);
    return names[level];
}

static int
worst_first(const void *a, const void *b)
{
    const struct finding *x = a, *y = b;
    int order = (x->until_wall_ns != 0) - (y->until_wall_ns != 0);
    order = order != 0 ? order : (y->impact > x->impact) - (y->impact < x->impact);
    return order != 0 ? order : strcmp(x->id, y->id);
}

void
findings_sort(struct finding *findings, size_t count)
{
    if (count > 1) {
        qsort(findings, count, sizeof(findings[0]), worst_first);
    }
}

struct table *
findings_to_table(const struct finding *findings, size_t count, struct arena *arena)
{
    struct table *table = table_new(arena, &finding_table, count);
    for (size_t i = 0; table != NULL && i < count; i++) {
        const struct finding *finding = &findings[i];
        union cell *row = table_add(table, arena);
        if (row == NULL) {
            break;
        }
        row[ROW_ID].text = finding->id;
        row[ROW_SENTENCE].text = finding->sentence;
        row[ROW_SHORT].text = finding->short_sentence;
        row[ROW_CULPRIT].text = finding->culprit;
        row[ROW_ADVICE].text = finding->advice;
        row[ROW_PID].integer = finding->culprit_pid;
        row[ROW_SINCE].real = (double)finding->since_wall_ns / 1e9;
        row[ROW_IMPACT].integer = finding->impact;
        row[ROW_LEVEL].integer = finding->level;
        row[ROW_UNTIL].real = (double)finding->until_wall_ns / 1e9;
    }
    return table;
}

static int64_t
integer_in(const union cell *row, int column, int64_t low, int64_t high)
{
    int64_t value = row[column].integer;
    return value == CELL_UNKNOWN ? low : CLAMP(value, low, high);
}

static int64_t
time_in(const union cell *row, int column)
{
    double seconds = row[column].real;
    return seconds > 0 && seconds < 9e9 ? (int64_t)(seconds * 1e9) : 0;
}

size_t
findings_from_table(const struct table *table, struct finding *ret_findings, size_t max)
{
    size_t count = 0;
    for (size_t i = 0; i < table->count && count < max; i++) {
        const union cell *row = table_row(table, i);
        if (row[ROW_ID].text == NULL || row[ROW_SENTENCE].text == NULL) {
            continue;
        }
        ret_findings[count++] = (struct finding){
            .id = row[ROW_ID].text,
            .sentence = row[ROW_SENTENCE].text,
            .short_sentence = row[ROW_SHORT].text,
            .culprit = row[ROW_CULPRIT].text,
            .advice = row[ROW_ADVICE].text,
            .culprit_pid = integer_in(row, ROW_PID, 0, INT64_MAX),
            .since_wall_ns = time_in(row, ROW_SINCE),
            .until_wall_ns = time_in(row, ROW_UNTIL),
            .impact = (int)integer_in(row, ROW_IMPACT, 0, 100),
            .level = (enum level)integer_in(row, ROW_LEVEL, LEVEL_NORMAL, LEVEL_EMERGENCY),
        };
    }
    return count;
}
