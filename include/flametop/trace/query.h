/* Questions to many traces: one number by tags.
 *
 *   FUNCTION [FIELD] [of spans] [by TAG, TAG] [of spans] [where FILTER]
 *
 *   count by endpoint            p95 duration by tool where service=shop
 *   sum duration of spans by db.system.name, db.collection.name
 *   avg db.response.returned_rows of spans by name where system=db
 *
 * Functions: sum avg min max count rate stddev pNN (p50, p99.9). The field is duration (seconds)
 * unless another is said: self (of spans: without its children), spans, or an attribute that is a
 * number. Tags are those of the filter (trace/filter.h): service endpoint tool status name system
 * trace, or any attribute; of a trace the first span that has it tells. Traces count by their
 * weight, so sampling changes no sum, count or rate. */
#ifndef FLAMETOP_TRACE_QUERY_H
#define FLAMETOP_TRACE_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/json.h"
#include "flametop/base/str.h"
#include "flametop/core/traces.h"

#define TRACE_QUERY_TAGS_MAX 6
#define TRACE_QUERY_GROUPS_MAX 4096 /* what comes later counts as "(other)" */

struct trace_query;

struct trace_query_row {
    const char *tags[TRACE_QUERY_TAGS_MAX]; /* "" where there is none; live as long as the query */
    double value;                           /* NaN: nothing to tell */
    double count;                           /* by weight */
};

/* NULL and a sentence. */
struct trace_query *trace_query_new(struct str text, char *why, size_t why_size);
void trace_query_free(struct trace_query *query);

/* Counts one more trace; false when it was not wanted, or there is no memory. */
bool trace_query_add(struct trace_query *query, const struct trace *trace);

/* The time that rates are over, seconds; without it from the first start to the last end. */
void trace_query_set_span(struct trace_query *query, double span_s);

/* Largest first. Answers how many of at most `max`. */
size_t trace_query_rows(struct trace_query *query, struct trace_query_row *ret_rows, size_t max);
size_t trace_query_row_count(const struct trace_query *query); /* without a maximum */

/* What is named in the question and nothing that was counted has, so that it may be mistyped: the
 * field; attributes among the tags, one after another. NULL: none, or none more. */
const char *trace_query_missing_field(const struct trace_query *query);
const char *trace_query_missing_tag(const struct trace_query *query, size_t index);

/* The answer as a JSON object, the same from a file and from an agent:
 *   {"held": requests that were asked, "value": "p95 duration", "unit": "s", "tags": ["tool"],
 *    "groups": how many rows there are, "rows": [{"tags": ["fetch"], "value": 0.2, "count": 3}], at
 *    most `max` of them
 *    "missing": [{"name": what nothing has, "field": whether it is the field,
 *                 "meant": what of the requests is like it, or null}]} */
void trace_query_write(struct trace_query *query, const struct traces *traces, size_t max,
                       struct json *json);

/* What was asked, for a table's head. */
size_t trace_query_tag_count(const struct trace_query *query);
const char *trace_query_tag(const struct trace_query *query, size_t index);
const char *trace_query_value_name(const struct trace_query *query); /* "p95 duration" */
const char *trace_query_unit(const struct trace_query *query);       /* UCUM: "s", "/s", "" */

#endif
