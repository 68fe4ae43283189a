/* The trace store on any spans, and trace_check on any bytes. The first byte chooses: bytes as a
 * trace from elsewhere, which is walked when it is taken; a filter or query and a trace to ask; or
 * a list of spans, whose trace must pass trace_check, be built the same again from itself, and hold
 * each span once. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/core/span.h"
#include "flametop/core/traces.h"
#include "flametop/trace/filter.h"
#include "flametop/trace/query.h"
#include "flametop/trace/store.h"

#define SPANS_MAX 300

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct instant now = {1000000, 2000000, 0};

static struct str
take(const uint8_t **data, size_t *size, size_t n)
{
    n = MIN(n, *size);
    struct str text = {(const char *)*data, n};
    *data += n;
    *size -= n;
    return text;
}

static uint64_t
number(const uint8_t **data, size_t *size, size_t n)
{
    struct str bytes = take(data, size, n);
    uint64_t value = 0;
    memcpy(&value, bytes.p, MIN(bytes.n, sizeof(value)));
    return value;
}

/* Everything a reader may touch. */
static size_t
walk(const struct trace *trace)
{
    size_t n = 0;
    for (uint32_t i = 0; i < trace->span_count; i++) {
        const struct trace_span *span = &trace_spans(trace)[i];
        n += strlen(trace_text(trace, span->name)) + strlen(trace_text(trace, span->label)) +
             strlen(trace_text(trace, span->missing)) +
             strlen(trace_text(trace, trace_resources(trace)[span->resource].service));
        n += trace_attribute(trace, i, "key") != NULL;
        n += span->parent != TRACE_NONE ? trace_spans(trace)[span->parent].depth : 0;
        for (uint32_t e = 0; e < span->event_count; e++) {
            n += strlen(trace_text(trace, trace_events(trace)[span->event + e].name));
        }
        for (uint32_t l = 0; l < span->link_count; l++) {
            n += strlen(trace_text(trace, trace_links(trace)[span->link + l].trace));
        }
    }
    return n;
}

static void
ask(const struct traces *list, struct str text)
{
    char why[200];
    struct traces_cursor at = {0};
    const struct trace *trace;
    struct trace_filter *filter = trace_filter_new(text, why, sizeof(why));
    struct trace_query *query = trace_query_new(text, why, sizeof(why));
    while ((trace = traces_next(list, &at)) != NULL) {
        trace_filter_matches(filter, trace);
        if (query != NULL) {
            trace_query_add(query, trace);
        }
    }
    struct trace_query_row rows[8];
    if (query != NULL) {
        trace_query_rows(query, rows, ARRAY_SIZE(rows));
    }
    trace_query_free(query);
    trace_filter_free(filter);
}

static void
from_elsewhere(const uint8_t *data, size_t size)
{
    struct trace_store *store = trace_store_new(&(struct trace_store_options){0});
    if (trace_store_trace(store, data, size, now)) {
        struct traces *list = trace_store_publish(store, now);
        struct traces_cursor at = {0};
        const struct trace *trace = traces_next(list, &at);
        if (trace == NULL || walk(trace) == SIZE_MAX) {
            abort();
        }
        traces_release(list);
    }
    trace_store_free(store);
}

/* One span out of the bytes; ids are short, so that they meet. */
static void
send_one(struct trace_store *store, const uint8_t **data, size_t *size)
{
    static const char *const keys[] = {"db.statement", "http.target",       "url.full",
                                       "tool.name",    "password",          "k",
                                       "error",        "flametop.resources"};
    uint64_t bits = number(data, size, 4);
    struct str id = take(data, size, 1), parent = take(data, size, (bits >> 4 & 3) != 0);
    struct span_attribute attributes[2] = {
        {.key = str_from(keys[bits >> 8 & 7]),
         .type = (enum span_value_type)((bits >> 11 & 7) % 6),
         .text = take(data, size, bits >> 14 & 31)},
        {.key = take(data, size, 3), .real = (double)bits, .type = SPAN_REAL}};
    struct span_event event = {.time_ns = (int64_t)number(data, size, 2),
                               .name = take(data, size, 2),
                               .attributes = attributes,
                               .attribute_count = 1};
    struct span_link link = {.trace_id = id, .span_id = parent};
    struct span_resource resource = {.service = take(data, size, bits >> 19 & 1),
                                     .attributes = attributes,
                                     .attribute_count = bits >> 20 & 1};
    struct span span = {.trace_id = STR("t"),
                        .span_id = id,
                        .parent_id = parent,
                        .name = take(data, size, bits >> 21 & 7),
                        .kind = (enum span_kind)(bits & 7),
                        .status = (enum span_status)(bits >> 24 & 3),
                        .flags = (unsigned)(bits >> 26 & 7),
                        .start_ns = (int64_t)number(data, size, (bits >> 29 & 1) != 0 ? 8 : 2),
                        .end_ns = (int64_t)number(data, size, (bits >> 30 & 1) != 0 ? 8 : 2),
                        .attributes = attributes,
                        .attribute_count = 2,
                        .events = &event,
                        .event_count = bits >> 31 & 1,
                        .links = &link,
                        .link_count = bits >> 3 & 1,
                        .resource = &resource};
    trace_store_span(store, &span, now);
}

static const struct trace *
only(const struct traces *list)
{
    struct traces_cursor at = {0};
    const struct trace *trace = traces_next(list, &at);
    if (trace != NULL && (!trace_check(trace, trace->bytes) || traces_next(list, &at) != NULL)) {
        abort();
    }
    return trace;
}

static void
from_spans(const uint8_t *data, size_t size, struct str question)
{
    struct trace_store *store = trace_store_new(&(struct trace_store_options){0});
    for (size_t i = 0; i < SPANS_MAX && size > 0; i++) {
        send_one(store, &data, &size);
        if (i % 16 == 15) {
            trace_store_flush(store, now);
        }
    }
    trace_store_flush(store, now);
    struct traces *list = trace_store_publish(store, now);
    const struct trace *trace = only(list);
    size_t spans = 0;
    for (uint32_t i = 0; trace != NULL && i < trace->span_count; i++) {
        spans += (trace_spans(trace)[i].flags & SPAN_MADE_UP) == 0;
    }
    if (trace != NULL && (walk(trace) == SIZE_MAX || spans == 0)) {
        abort();
    }
    ask(list, question);
    traces_release(list);
    trace_store_free(store);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    uint8_t choice = data[0];
    data++;
    size--;
    if (choice == 0) {
        from_elsewhere(data, size);
    } else {
        struct str question = take(&data, &size, choice & 63);
        from_spans(data, size, question);
    }
    return 0;
}
