/* The answer to a question as a document. */
#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/config/nearest.h"
#include "flametop/trace/query.h"

#define NAMES_LOOKED 20000 /* of attributes, for what a mistyped name may mean */

static const char *const tags_known[] = {"service", "endpoint", "tool",     "status", "name",
                                         "system",  "trace",    "duration", "self",   "spans"};

/* The attribute of the requests that may be meant: the nearest one, else one that ends so. */
static const char *
meant(const struct traces *traces, const char *key)
{
    struct traces_cursor at = {0};
    const struct trace *trace;
    const char *same_end = NULL;
    struct nearest nearest;
    size_t n = strlen(key), looked = 0;
    nearest_init(&nearest, str_from(key));
    for (size_t i = 0; i < ARRAY_SIZE(tags_known); i++) {
        nearest_try(&nearest, tags_known[i]);
    }
    while (traces != NULL && looked < NAMES_LOOKED && (trace = traces_next(traces, &at)) != NULL) {
        size_t left = NAMES_LOOKED - looked++;
        for (uint32_t i = 0; i < MIN(trace->attribute_count, left); i++, looked++) {
            const char *name = trace_text(trace, trace_attributes(trace)[i].key);
            size_t before = strlen(name) - MIN(strlen(name), n);
            nearest_try(&nearest, name);
            if (before > 0 && name[before - 1] == '.' && strcmp(name + before, key) == 0) {
                same_end = name;
            }
        }
    }
    return nearest.best != NULL ? nearest.best : same_end;
}

static void
write_missing(struct json *json, const struct traces *traces, const char *name, bool field)
{
    json_object(json);
    json_key(json, "name");
    json_text(json, name);
    json_key(json, "field");
    json_bool(json, field);
    json_key(json, "meant");
    json_text(json, meant(traces, name));
    json_object_end(json);
}

static void
write_rows(struct trace_query *query, size_t max, struct json *json)
{
    max = MIN(max, (size_t)TRACE_QUERY_GROUPS_MAX + 1);
    struct trace_query_row *rows = calloc(MAX(max, (size_t)1), sizeof(*rows));
    size_t count = rows != NULL ? trace_query_rows(query, rows, max) : 0;
    json->out->full |= rows == NULL; /* no document rather than half of one */
    json_key(json, "rows");
    json_array(json);
    for (size_t i = 0; i < count; i++) {
        json_object(json);
        json_key(json, "tags");
        json_array(json);
        for (size_t t = 0; t < trace_query_tag_count(query); t++) {
            json_text(json, rows[i].tags[t]);
        }
        json_array_end(json);
        json_key(json, "value");
        json_double(json, rows[i].value);
        json_key(json, "count");
        json_double(json, rows[i].count);
        json_object_end(json);
    }
    json_array_end(json);
    free(rows);
}

void
trace_query_write(struct trace_query *query, const struct traces *traces, size_t max,
                  struct json *json)
{
    const char *name;
    json_object(json);
    json_key(json, "held");
    json_uint(json, traces != NULL ? traces->count : 0);
    json_key(json, "value");
    json_text(json, trace_query_value_name(query));
    json_key(json, "unit");
    json_text(json, trace_query_unit(query));
    json_key(json, "tags");
    json_array(json);
    for (size_t i = 0; i < trace_query_tag_count(query); i++) {
        json_text(json, trace_query_tag(query, i));
    }
    json_array_end(json);
    json_key(json, "groups");
    json_uint(json, trace_query_row_count(query));
    write_rows(query, max, json);
    json_key(json, "missing");
    json_array(json);
    if ((name = trace_query_missing_field(query)) != NULL) {
        write_missing(json, traces, name, true);
    }
    for (size_t i = 0; (name = trace_query_missing_tag(query, i)) != NULL; i++) {
        write_missing(json, traces, name, false);
    }
    json_array_end(json);
    json_object_end(json);
}
