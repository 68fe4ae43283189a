/* Documents made by the formats: /api/v1/snapshot and /metrics. */
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/export/table.h"
#include "parts.h"

#define SPAN_NS (300 * NS_PER_S)
#define SPAN_NS_MAX (86400 * NS_PER_S)
#define ROWS_MAX 100000

static void
reply_format(struct agent *agent, const struct http_message *message, const struct format *format,
             const struct format_options *options)
{
    struct picture *picture = agent_picture(agent, message);
    struct buf out;
    if (picture == NULL) {
        return;
    }
    buf_init(&out, AGENT_ANSWER_BYTES_MAX);
    if (format->write(picture, options, &out) == 0 && !out.full) {
        http_reply_buf(message, 200, format->media_type, &out, NULL);
    } else {
        http_reply_error(message, 500, "the picture does not fit: ask for fewer rows or less time");
    }
    buf_done(&out);
}

void
answer_snapshot(struct agent *agent, const struct http_message *message, const char *name)
{
    const char *wanted = http_argument(message, "format");
    const struct format *format = format_by_name(wanted != NULL ? wanted : "json");
    struct format_options options = {.width = 120};
    uint64_t rows;
    (void)name;
    if (format == NULL) {
        http_reply_error(message, 400, "there is no such format");
        return;
    }
    if (agent_duration(message, "span", SPAN_NS, &options.span_ns) &&
        agent_number(message, "rows", ROWS_MAX, ROWS_MAX, &rows)) {
        options.span_ns = MIN(options.span_ns, SPAN_NS_MAX);
        options.rows_max = (size_t)rows;
        reply_format(agent, message, format, &options);
    }
}

void
answer_metrics(struct agent *agent, const struct http_message *message, const char *name)
{
    const char *accept = http_header(message, "Accept");
    bool open = accept != NULL && strstr(accept, "application/openmetrics-text") != NULL;
    const struct format *format = open ? format_by_name("openmetrics") : NULL;
    (void)name;
    if (format == NULL) {
        format = format_by_name("prometheus");
    }
    if (format == NULL) {
        http_reply_error(message, 501, "this build has no Prometheus format");
        return;
    }
    reply_format(agent, message, format, &(struct format_options){.rows_max = ROWS_MAX});
}
