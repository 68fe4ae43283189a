/* What the formats and the answers of the agent have in common. */
#ifndef FLAMETOP_EXPORT_DOCUMENT_H
#define FLAMETOP_EXPORT_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "flametop/base/json.h"
#include "flametop/core/metric.h"
#include "flametop/core/table.h"

/* A row that is written, and how it is sorted; all of one document's rows alike. */
struct document_row {
    const struct table *table;
    size_t row, column;
    bool ascending;
};

/* By the column; rows that are equal there stay as they are in the table. */
void document_sort(struct document_row *rows, size_t count);

/* An array of the table's columns: name, type, unit, and the values of these rows on one line. */
void document_columns(struct json *json, const struct table *table, const struct document_row *rows,
                      size_t count);

/* "a=b,c=d" as an object. */
void document_labels(struct json *json, const char *labels);

/* The unit a metric is shown in: a rate's is the counter's a second. Answers dst. */
char *document_unit(const struct metric *metric, char *dst, size_t size);

#endif
