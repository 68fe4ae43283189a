/* What is known of the selected span: its times, where it ran, its attributes, events and links,
 * and how the machine was doing while it ran. */
#include "request.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "flametop/base/json_scan.h"
#include "flametop/base/utf8.h"
#include "flametop/core/query.h"
#include "flametop/core/unit.h"

#define VALUE_BYTES 1024
#define POINTS_MAX 256
#define EVENTS_MAX 200
#define LINKS_MAX 100

/* What says how the machine was doing. */
static const struct {
    const char *label, *formula, *unit;
} hosts[REQUEST_HOST_READINGS] = {
    {"CPU", "system.cpu.utilization", "1"},
    {"Memory", "system.memory.utilization", "1"},
    {"Disk busy", "system.disk.utilization", "1"},
    {"CPU pressure", "system.pressure.some.utilization{resource=cpu}", "1"},
    {"Memory pressure", "system.pressure.some.utilization{resource=memory}", "1"},
    {"I/O pressure", "system.pressure.some.utilization{resource=io}", "1"},
};

void
request_host_done(struct request_host *host)
{
    for (size_t i = 0; i < REQUEST_HOST_READINGS; i++) {
        query_free(host->queries[i]);
        host->queries[i] = NULL;
    }
    host->asked = false;
}

static void
host_open(struct request_host *host, struct catalog *catalog)
{
    char why[160];
    for (size_t i = 0; i < REQUEST_HOST_READINGS && !host->asked; i++) {
        host->queries[i] = query_new_formula(catalog, hosts[i].formula, why, sizeof(why));
    }
    host->asked = true;
}

/* The largest reading between two moments, widened by an interval so that there is one; the mean of
 * the span of the charts beside it. */
static bool
host_at(struct query *query, const struct panel_context *context, int64_t from_ns, int64_t to_ns,
        double *ret_then, double *ret_usual)
{
    const struct picture *picture = context->picture;
    struct point points[POINTS_MAX];
    int64_t step = MAX(picture->interval_ns, NS_PER_S);
    double then = (double)NAN, sum = 0, known = 0;
    size_t count = query_points(query, picture, from_ns - step, to_ns + step, points, POINTS_MAX);
    for (size_t i = 0; i < count; i++) {
        then = fmax(then, points[i].value);
    }
    count = query_points(query, picture, picture->mono_ns - context->span_ns, picture->mono_ns,
                         points, POINTS_MAX);
    for (size_t i = 0; i < count; i++) {
        sum += isnan(points[i].value) ? 0 : points[i].value;
        known += !isnan(points[i].value);
    }
    *ret_then = then;
    *ret_usual = known > 0 ? sum / known : (double)NAN;
    return !isnan(then);
}

static void
add_host(struct waterfall *waterfall, const struct panel_context *context, uint32_t span)
{
    const struct trace *trace = waterfall->trace;
    struct waterfall_time time = waterfall_time(waterfall, span);
    int64_t from_ns = trace->mono_ns + time.start_ns, to_ns = trace->mono_ns + time.end_ns;
    bool any = false, ascii = context->glyphs == GLYPHS_ASCII;
    host_open(&waterfall->host, waterfall->catalog);
    for (size_t i = 0; i < REQUEST_HOST_READINGS; i++) {
        double then, usual;
        char value[REQUEST_TEXT], mean[REQUEST_TEXT];
        struct query *query = waterfall->host.queries[i];
        if (query == NULL || !host_at(query, context, from_ns, to_ns, &then, &usual)) {
            continue;
        }
        if (!any) {
            request_lines_heading(&waterfall->lines, "The machine then");
        }
        any = true;
        unit_format(then, hosts[i].unit, ascii, value, sizeof(value));
        unit_format(usual, hosts[i].unit, ascii, mean, sizeof(mean));
        request_lines_add(&waterfall->lines,
                          then > 2 * usual && then > 0.5 ? ROLE_LEVEL_WARNING : ROLE_TEXT,
                          hosts[i].label, "%s (usual %s)", value, mean);
    }
}

/* The mission's `resources`: what the sender said of itself. */
static void
add_resources(struct waterfall *waterfall)
{
    const struct trace *trace = waterfall->trace;
    struct json_scan scan;
    struct str key;
    if (trace->resources == 0) {
        return;
    }
    json_scan_init(&scan, str_from(trace_text(trace, trace->resources)));
    if (!json_scan_enter(&scan, JSON_OBJECT)) {
        return;
    }
    request_lines_heading(&waterfall->lines, "Resources, as sent");
    while (json_scan_key(&scan, &key)) {
        char name[128], value[VALUE_BYTES];
        enum json_token token = json_scan_next(&scan);
        json_scan_unescape(key, name, sizeof(name));
        if (token == JSON_STRING || token == JSON_NUMBER) {
            json_scan_unescape(scan.text, value, sizeof(value));
            request_lines_add(&waterfall->lines, ROLE_TEXT, name, "%s", value);
        } else if (!json_scan_skip(&scan, token)) {
            return;
        }
    }
}

static void
add_attributes(struct waterfall *waterfall, uint32_t first, uint32_t count)
{
    const struct trace *trace = waterfall->trace;
    const struct trace_attribute *attributes = trace_attributes(trace) + first;
    for (uint32_t i = 0; i < count; i++) {
        request_lines_add(&waterfall->lines, attributes[i].redacted ? ROLE_DIM : ROLE_TEXT,
                          trace_text(trace, attributes[i].key), "%s",
                          trace_text(trace, attributes[i].text));
    }
}

static void
add_events(struct waterfall *waterfall, uint32_t span, bool ascii)
{
    const struct trace *trace = waterfall->trace;
    const struct trace_span *shown = &trace_spans(trace)[span];
    const struct trace_event *events = trace_events(trace) + shown->event;
    for (uint32_t i = 0; i < MIN(shown->event_count, (uint32_t)EVENTS_MAX); i++) {
        char at[REQUEST_TEXT], heading[VALUE_BYTES];
        unit_format((double)(events[i].time_ns - shown->start_ns) / 1e9, "s", ascii, at,
                    sizeof(at));
        snprintf(heading, sizeof(heading), "Event %s, %s after it began",
                 trace_text(trace, events[i].name), at);
        request_lines_heading(&waterfall->lines, heading);
        add_attributes(waterfall, events[i].attribute, events[i].attribute_count);
    }
}

static void
add_links(struct waterfall *waterfall, uint32_t span)
{
    const struct trace *trace = waterfall->trace;
    const struct trace_span *shown = &trace_spans(trace)[span];
    const struct trace_link *links = trace_links(trace) + shown->link;
    if (shown->link_count > 0) {
        request_lines_heading(&waterfall->lines, "Links");
    }
    for (uint32_t i = 0; i < MIN(shown->link_count, (uint32_t)LINKS_MAX); i++) {
        request_lines_add(&waterfall->lines, ROLE_TEXT, links[i].follows ? "follows" : "linked to",
                          "trace %s span %s", trace_text(trace, links[i].trace),
                          trace_text(trace, links[i].span));
    }
}

static const char *
kind_name(unsigned kind)
{
    static const char *const names[] = {"–",      "internal", "server",
                                        "client", "producer", "consumer"};
    return names[kind < ARRAY_SIZE(names) ? kind : 0];
}

static void
add_times(struct waterfall *waterfall, uint32_t span, bool ascii)
{
    const struct trace *trace = waterfall->trace;
    const struct trace_span *shown = &trace_spans(trace)[span];
    const struct trace_times *times = &waterfall->path.times[span];
    const struct trace_resource *resource = &trace_resources(trace)[shown->resource];
    struct request_lines *lines = &waterfall->lines;
    struct waterfall_time time = waterfall_time(waterfall, span);
    char total[REQUEST_TEXT], self[REQUEST_TEXT], path[REQUEST_TEXT], start[REQUEST_TEXT];
    unit_format((double)(time.end_ns - time.start_ns) / 1e9, "s", ascii, total, sizeof(total));
    unit_format((double)times->self_ns / 1e9, "s", ascii, self, sizeof(self));
    unit_format((double)times->path_ns / 1e9, "s", ascii, path, sizeof(path));
    unit_format((double)time.start_ns / 1e9, "s", ascii, start, sizeof(start));
    if (shown->status == SPAN_ERROR) {
        const char *text = trace_text(trace, shown->status_text);
        request_lines_add(lines, ROLE_LEVEL_CRITICAL, "failed", "%s",
                          text[0] != '\0' ? text : "no message was sent");
    }
    request_lines_add(lines, ROLE_VALUE, "time", "%s%s, self %s, began at %s", total,
                      shown->duration_ns < 0 ? " so far" : "", self, start);
    double whole = (double)MAX(waterfall->path.duration_ns, INT64_C(1));
    request_lines_add(lines, ROLE_TEXT, "critical path", "%s, %.1f %% of the request", path,
                      (double)times->path_ns / whole * 100);
    if (times->apart) {
        request_lines_add(lines, ROLE_TEXT, "waited for", "no: it runs apart");
    } else if (!times->counted) {
        request_lines_add(lines, ROLE_LEVEL_WARNING, "left out",
                          "its times do not meet those of what called it");
    }
    if (times->skew_ns != 0) {
        char skew[REQUEST_TEXT];
        unit_format(fabs((double)times->skew_ns) / 1e9, "s", ascii, skew, sizeof(skew));
        request_lines_add(lines, ROLE_TEXT, "clock skew", "%s%s, put right",
                          times->skew_ns < 0 ? "-" : "+", skew);
    }
    const char *service = trace_text(trace, resource->service);
    const char *scope = trace_text(trace, resource->scope);
    request_lines_add(lines, ROLE_TEXT, "service", "%s%s%s, %s",
                      service[0] != '\0' ? service : "not said", scope[0] != '\0' ? " by " : "",
                      scope, kind_name(shown->kind));
    if (shown->label != 0 && shown->name != shown->label) {
        request_lines_add(lines, ROLE_TEXT, "name as sent", "%s", trace_text(trace, shown->name));
    }
}

/* Made anew when another span is selected, or another picture shown. */
void
request_details(struct waterfall *waterfall, const struct panel_context *context)
{
    uint32_t span = waterfall_span(waterfall);
    uint64_t stamp = hash_mix(context->picture->number, (uint64_t)context->picture->mono_ns);
    stamp = hash_mix(stamp, waterfall->trace->version);
    if (span == waterfall->line_span && stamp == waterfall->line_stamp) {
        return;
    }
    bool ascii = context->glyphs == GLYPHS_ASCII;
    const struct trace_span *shown = &trace_spans(waterfall->trace)[span];
    const struct trace_resource *resource = &trace_resources(waterfall->trace)[shown->resource];
    waterfall->lines.first = span == waterfall->line_span ? waterfall->lines.first : 0;
    waterfall->line_span = span;
    waterfall->line_stamp = stamp;
    request_lines_clear(&waterfall->lines);
    add_times(waterfall, span, ascii);
    if (shown->attribute_count > 0) {
        request_lines_heading(&waterfall->lines, "Attributes");
        add_attributes(waterfall, shown->attribute, shown->attribute_count);
    }
    add_events(waterfall, span, ascii);
    add_links(waterfall, span);
    add_host(waterfall, context, span);
    add_resources(waterfall);
    if (resource->attribute_count > 0) {
        request_lines_heading(&waterfall->lines, "Where it ran");
        add_attributes(waterfall, resource->attribute, resource->attribute_count);
    }
}
