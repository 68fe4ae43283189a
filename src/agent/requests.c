/* GET /api/v1/traces and /api/v1/traces/{id}: the requests that are held. */
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/core/traces.h"
#include "flametop/export/trace.h"
#include "flametop/trace/filter.h"
#include "parts.h"

#define TRACES 100
#define TRACES_MAX 1000
#define PORTION 512 /* spans between two looks at the clock */
#define LOOKED_AT_NS                                                                               \
    (50 * NS_PER_MS) /* an agent has more to do than to look through all of them                   \
                      */

static void
write_flags(struct json *json, uint32_t flags)
{
    static const struct {
        uint32_t flag;
        const char *word;
    } words[] = {{TRACE_ERROR, "error"},          {TRACE_SLOW, "slow"},
                 {TRACE_FAILED_INSIDE, "failed"}, {TRACE_MARKED, "marked"},
                 {TRACE_ORPHANS, "orphans"},      {TRACE_UNFINISHED, "unfinished"},
                 {TRACE_ASSUMED, "assumed"},      {TRACE_CUT, "cut"}};
    json_array(json);
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if ((flags & words[i].flag) != 0) {
            json_text(json, words[i].word);
        }
    }
    json_array_end(json);
}

static void
write_trace(struct json *json, const struct trace *trace)
{
    char id[2 * SPAN_ID_BYTES_MAX + 1];
    json_object(json);
    json_key(json, "trace_id");
    json_text(json, trace_id_text(trace, id, sizeof(id)));
    json_key(json, "time");
    json_time(json, trace->start_ns);
    json_key(json, "service");
    json_text(json, trace_text(trace, trace->service));
    json_key(json, "endpoint");
    json_text(json, trace_text(trace, trace->endpoint));
    json_key(json, "tool");
    json_text(json, trace->tool != 0 ? trace_text(trace, trace->tool) : NULL);
    json_key(json, "duration_s");
    json_double(json, (double)trace->duration_ns / 1e9);
    json_key(json, "spans");
    json_uint(json, trace->span_count);
    json_key(json, "weight");
    json_double(json, trace->weight);
    json_key(json, "is");
    write_flags(json, trace->flags);
    json_object_end(json);
}

/* Newest first. False when not all could be looked at. */
static bool
write_matches(struct json *json, const struct traces *traces, const struct trace_filter *filter,
              size_t limit)
{
    int64_t until_ns = clock_mono_ns() + LOOKED_AT_NS;
    const struct trace *trace;
    size_t written = 0, spans = 0; /* since the clock was asked */
    struct traces_cursor at = {0};
    while (traces != NULL && (trace = traces_next(traces, &at)) != NULL) {
        if (written == limit || (spans >= PORTION && clock_mono_ns() > until_ns)) {
            return false;
        }
        spans = (spans < PORTION ? spans : 0) + trace->span_count;
        if (trace_filter_matches(filter, trace)) {
            write_trace(json, trace);
            written++;
        }
    }
    return true;
}

static uint64_t
count_of(const struct traces *traces)
{
    return traces != NULL ? traces->count : 0;
}

void
answer_traces(struct agent *agent, const struct http_message *message, const char *name)
{
    struct picture *picture = agent_picture(agent, message);
    const char *text = http_argument(message, "filter");
    char why[200] = "";
    uint64_t limit;
    (void)name;
    if (picture == NULL || !agent_number(message, "limit", TRACES, TRACES_MAX, &limit)) {
        return;
    }
    struct trace_filter *filter =
        text != NULL ? trace_filter_new(str_from(text), why, sizeof(why)) : NULL;
    if (why[0] != '\0') {
        http_reply_error(message, 400, "%s", why);
        return;
    }
    struct buf out;
    struct json json;
    buf_init(&out, AGENT_ANSWER_BYTES_MAX);
    json_init(&json, &out, false);
    json_object(&json);
    json_key(&json, "time");
    json_time(&json, picture->wall_ns);
    json_key(&json, "held");
    json_uint(&json, count_of(picture->traces));
    json_key(&json, "traces");
    json_array(&json);
    bool all = write_matches(&json, picture->traces, filter, (size_t)limit);
    json_array_end(&json);
    json_key(&json, "all");
    json_bool(&json, all);
    json_object_end(&json);
    agent_reply_json(message, &out);
    buf_done(&out);
    trace_filter_free(filter);
}

size_t
agent_trace_id(const char *text, uint8_t id[SPAN_ID_BYTES_MAX])
{
    size_t n = strlen(text);
    if (n == 0 || n % 2 != 0 || n / 2 > SPAN_ID_BYTES_MAX) {
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        int digit = str_hex_digit(text[i]);
        if (digit < 0) {
            return 0;
        }
        id[i / 2] = (uint8_t)(i % 2 == 0 ? digit << 4 : id[i / 2] | digit);
    }
    return n / 2;
}

void
answer_trace(struct agent *agent, const struct http_message *message, const char *name)
{
    struct picture *picture = agent_picture(agent, message);
    const char *format = http_argument(message, "format");
    uint8_t id[SPAN_ID_BYTES_MAX];
    if (picture == NULL) {
        return;
    }
    if (format != NULL && strcmp(format, "otlp") != 0 && strcmp(format, "flametop") != 0) {
        http_reply_error(message, 400, "format is otlp or flametop");
        return;
    }
    size_t n = agent_trace_id(name, id);
    const struct trace *trace = n > 0 && picture->traces != NULL
                                    ? traces_find(picture->traces, (struct str){(char *)id, n})
                                    : NULL;
    if (trace == NULL) {
        http_reply_error(message, 404, "no trace of this id is held");
        return;
    }
    if (format != NULL && strcmp(format, "flametop") == 0) { /* as records have it */
        http_reply(message, 200, "application/x-flametop-trace",
                   (struct str){(const char *)trace, trace->bytes}, NULL);
        return;
    }
    struct buf out;
    buf_init(&out, AGENT_ANSWER_BYTES_MAX);
    out.full |= !trace_write_otlp(trace, &out);
    agent_reply_json(message, &out);
    buf_done(&out);
}
