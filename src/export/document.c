/* What the formats and the answers of the agent have in common. */
#include "flametop/export/document.h"

#include <stdio.h>
#include <stdlib.h>

static int
by_column(const void *a, const void *b)
{
    const struct document_row *x = a, *y = b;
    enum column_type type = x->table->def->columns[x->column].type;
    int order = cell_compare(type, table_row(x->table, x->row)[x->column],
                             table_row(y->table, y->row)[y->column]);
    order = x->ascending ? order : -order;
    return order != 0 ? order : (x->row > y->row) - (x->row < y->row);
}

void
document_sort(struct document_row *rows, size_t count)
{
    qsort(rows, count, sizeof(*rows), by_column);
}

static void
write_cell(struct json *json, enum column_type type, union cell cell)
{
    if (!cell_known(type, cell)) {
        json_null(json);
    } else if (type == COLUMN_TEXT) {
        json_text(json, cell.text);
    } else if (type == COLUMN_INTEGER) {
        json_int(json, cell.integer);
    } else {
        json_double(json, cell.real);
    }
}

static void
write_values(struct json *json, enum column_type type, size_t column,
             const struct document_row *rows, size_t count)
{
    bool pretty = json->pretty;
    json->pretty = false;
    json_array(json);
    for (size_t i = 0; i < count; i++) {
        write_cell(json, type, table_row(rows[i].table, rows[i].row)[column]);
    }
    json_array_end(json);
    json->pretty = pretty;
}

void
document_columns(struct json *json, const struct table *table, const struct document_row *rows,
                 size_t count)
{
    static const char *const types[] = {"real", "integer", "text"};
    json_array(json);
    for (size_t c = 0; c < table->def->column_count; c++) {
        const struct column *column = &table->def->columns[c];
        json_object(json);
        json_key(json, "name");
        json_text(json, column->name);
        json_key(json, "type");
        json_text(json, types[column->type]);
        json_key(json, "unit");
        json_text(json, column->unit);
        json_key(json, "values");
        write_values(json, column->type, c, rows, count);
        json_object_end(json);
    }
    json_array_end(json);
}

void
document_labels(struct json *json, const char *labels)
{
    struct str rest = str_from(labels), key, value;
    json_object(json);
    while (labels_next(&rest, &key, &value)) {
        char name[64], plain[512];
        json_key(json, str_copy(key, name, sizeof(name)));
        json_text(json, labels_unescape(value, plain, sizeof(plain)));
    }
    json_object_end(json);
}

char *
document_unit(const struct metric *metric, char *dst, size_t size)
{
    bool is_rate = metric->kind == METRIC_COUNTER && metric->formula == NULL;
    snprintf(dst, size, "%s%s", metric->unit, is_rate ? "/s" : "");
    return dst;
}
