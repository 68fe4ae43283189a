/* How much traces can tell: what their spans lack, and the sentence about it. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "graph_work.h"

#define BLIND_SHARE 0.5
#define PARTS_MAX 9

static bool
has_any(const struct trace *trace, uint32_t span, const char *const keys[])
{
    for (size_t i = 0; keys[i] != NULL; i++) {
        if (trace_attribute(trace, span, keys[i]) != NULL) {
            return true;
        }
    }
    return false;
}

/* The path goes through the root, and the root's time is not that of its children. */
bool
quality_is_blind(const struct trace *trace, const struct trace_path *path)
{
    const struct trace_times *root = &path->times[0];
    double least = BLIND_SHARE * (double)path->duration_ns;
    return (trace->flags & TRACE_UNFINISHED) == 0 && path->duration_ns > 0 &&
           (double)root->path_ns >= least && (double)root->self_ns >= least;
}

void
quality_read_trace(struct trace_quality *quality, const struct trace *trace,
                   const struct trace_path *path)
{
    quality->traces++;
    quality->spans += trace->span_count;
    quality->orphans += (trace->flags & TRACE_ORPHANS) != 0;
    quality->unfinished += (trace->flags & TRACE_UNFINISHED) != 0;
    quality->assumed += (trace->flags & TRACE_ASSUMED) != 0;
    quality->cut += (trace->flags & TRACE_CUT) != 0;
    quality->blind += quality_is_blind(trace, path);
}

void
quality_read_span(struct trace_quality *quality, const struct trace *trace, uint32_t i,
                  const struct trace_path *path)
{
    static const char *const queries[] = {"db.query.text",     "db.statement", "db.query.summary",
                                          "db.operation.name", "db.operation", NULL};
    static const char *const routes[] = {"http.route", "url.template", NULL};
    const struct trace_span *span = &trace_spans(trace)[i];
    const char *service = trace_text(trace, trace_resources(trace)[span->resource].service);
    bool database = span->system == SYSTEM_DB;
    bool http = span->system == SYSTEM_HTTP && span->kind == SPAN_SERVER;
    int64_t above_ns = span->parent != TRACE_NONE ? path->times[span->parent].skew_ns : 0;
    quality->database += database;
    quality->without_query += database && !has_any(trace, i, queries);
    quality->http += http;
    quality->without_route += http && !has_any(trace, i, routes);
    quality->without_service +=
        service[0] == '\0' || strncmp(service, "unknown_service", strlen("unknown_service")) == 0;
    quality->skewed += path->times[i].skew_ns != above_ns;
}

/* ---- the sentence ---- */

struct part {
    uint64_t count, of;
    const char *text;
};

/* "1,234,567" */
static char *
grouped(uint64_t value, char *dst, size_t size)
{
    char digits[24];
    int n = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)value);
    size_t at = 0;
    for (int i = 0; i < n && at + 2 < size; i++) {
        if (i > 0 && (n - i) % 3 == 0) {
            dst[at++] = ',';
        }
        dst[at++] = digits[i];
    }
    dst[at] = '\0';
    return dst;
}

static double
share_of(const struct part *part)
{
    return part->of > 0 ? (double)part->count / (double)part->of : 0;
}

/* The gravest that is left; it is taken away. */
static struct part
take_gravest(struct part *parts, size_t count)
{
    struct part *gravest = &parts[0];
    for (size_t i = 1; i < count; i++) {
        gravest = share_of(&parts[i]) > share_of(gravest) ? &parts[i] : gravest;
    }
    struct part taken = *gravest;
    gravest->count = 0;
    return taken;
}

char *
trace_quality_line(const struct trace_quality *quality, char *dst, size_t size)
{
    struct part parts[PARTS_MAX] = {
        {quality->without_query, quality->database, "of database spans lack query text"},
        {quality->without_service, quality->spans, "of spans lack a service name"},
        {quality->without_route, quality->http, "of server spans lack a route"},
        {quality->orphans, quality->traces, "of traces miss a parent"},
        {quality->unfinished, quality->traces, "of traces have no end"},
        {quality->assumed, quality->traces, "of traces: layout assumed"},
        {quality->cut, quality->traces, "of traces lost spans to limits"},
        {quality->blind, quality->traces, "of traces need more spans"},
        {quality->skewed, quality->spans, "of spans had clocks put right"},
    };
    char spans[32], more[96];
    int n = snprintf(dst, size, "%s spans", grouped(quality->spans, spans, sizeof(spans)));
    size_t at = n > 0 ? MIN((size_t)n, size) : 0;
    struct part part = take_gravest(parts, PARTS_MAX);
    const char *join = ": ";
    for (; part.count > 0; part = take_gravest(parts, PARTS_MAX)) {
        double percent = share_of(&part) * 100;
        n = percent < 1 ? snprintf(more, sizeof(more), "%s< 1 %% %s", join, part.text)
                        : snprintf(more, sizeof(more), "%s%.0f %% %s", join, percent, part.text);
        if (n < 0 || at + (size_t)n >= size) {
            break;
        }
        memcpy(dst + at, more, (size_t)n + 1);
        at += (size_t)n;
        join = ", ";
    }
    if (join[0] == ':' && at + strlen(", nothing missing") < size && part.count == 0) {
        memcpy(dst + at, ", nothing missing", strlen(", nothing missing") + 1);
    }
    return dst;
}
