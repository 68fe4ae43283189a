/* The filter language: a text becomes a filter for a table of every column type, which is then
 * asked about rows whose texts are part of the input. Input: the filter up to the first NUL, then
 * one text. */
#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/core/filter.h"
#include "flametop/base/macros.h"

static const struct column columns[] = {
    {"process.pid", "PID", "", "", COLUMN_INTEGER, COLUMN_KEY, 7},
    {"process.owner", "USER", "", "", COLUMN_TEXT, 0, 9},
    {"process.cpu.utilization", "CPU", "1", "", COLUMN_REAL, 0, 7},
    {"process.memory.usage", "MEM", "By", "", COLUMN_REAL, COLUMN_COSTLY, 9},
    {"process.age", "AGE", "s", "", COLUMN_REAL, 0, 9},
    {"process.name", "NAME", "", "", COLUMN_TEXT, 0, 16},
    {"process.command_line", "COMMAND", "", "", COLUMN_TEXT, 0, 0},
};
static const struct table_def def = {"processes",         "Processes", "", columns,
                                     ARRAY_SIZE(columns), 2,           16};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = memchr(data, 0, size);
    size_t n = end != NULL ? (size_t)(end - data) : size, rest = end != NULL ? size - n - 1 : 0;
    char *text = malloc(n + 1), *subject = malloc(rest + 1), why[160];
    assert(text != NULL && subject != NULL);
    memcpy(text, data, n);
    if (rest > 0) {
        memcpy(subject, data + n + 1, rest);
    }
    subject[rest] = '\0';
    struct filter *filter = filter_new((struct str){text, n}, &def, why, sizeof(why));
    assert(memchr(why, 0, sizeof(why)) != NULL);
    assert(filter == NULL || why[0] == '\0');
    union cell known[] = {{.integer = 812}, {.text = "root"},  {.real = 0.5},    {.real = 1e9},
                          {.real = 60},     {.text = subject}, {.text = subject}};
    union cell unknown[] = {{.integer = CELL_UNKNOWN},
                            {.text = NULL},
                            {.real = NAN},
                            {.real = NAN},
                            {.real = NAN},
                            {.text = NULL},
                            {.text = NULL}};
    (void)filter_matches(filter, known);
    (void)filter_matches(filter, unknown);
    (void)filter_is_costly(filter);
    filter_free(filter);
    free(text);
    free(subject);
    return 0;
}
