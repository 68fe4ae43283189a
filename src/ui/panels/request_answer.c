/* Answers to questions about many requests: one number by tags (trace/query.h), asked after ":". */
#include "request.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "flametop/base/clock.h"
#include "flametop/base/utf8.h"
#include "flametop/core/unit.h"

#define ROWS_MAX 512
#define BATCH 64 /* requests between looks at the clock */

void
request_ask(struct requests *requests, const struct panel_context *context, const char *text)
{
    char why[200] = "";
    struct trace_query *query = trace_query_new(str_from(text), why, sizeof(why));
    if (query == NULL) {
        panel_say(context, "%s", why);
        return;
    }
    trace_query_free(requests->answer);
    requests->answer = query;
    requests->answer_at = 0;
    requests->answer_serial = 0; /* of no set yet */
    strlcpy(requests->question, text, sizeof(requests->question));
    request_lines_clear(&requests->answer_lines);
    requests->page = REQUEST_ANSWER;
    requests->heat_focused = false;
    waterfall_close(&requests->waterfall);
}

static void
begin(struct requests *requests)
{
    char why[200];
    struct trace_query *query = trace_query_new(str_from(requests->question), why, sizeof(why));
    if (query != NULL) {
        trace_query_free(requests->answer);
        requests->answer = query;
        trace_query_set_span(query, requests->shown_s);
    }
    requests->answer_at = 0;
    requests->answer_serial = requests->serial;
}

static void
write_rows(struct requests *requests, bool ascii)
{
    struct trace_query *query = requests->answer;
    struct trace_query_row rows[ROWS_MAX];
    struct request_lines *lines = &requests->answer_lines;
    size_t first = lines->first, tags = trace_query_tag_count(query);
    size_t count = trace_query_rows(query, rows, ROWS_MAX);
    request_lines_clear(lines);
    lines->first = first;
    request_lines_heading(lines, requests->question);
    size_t left = trace_query_row_count(query) - count;
    if (left > 0) {
        request_lines_add(lines, ROLE_DIM, "the largest", "%zu more are left out", left);
    }
    for (size_t i = 0; i < MIN(count, (size_t)ROWS_MAX); i++) {
        char name[2 * REQUEST_NAME] = "", value[REQUEST_TEXT], of[REQUEST_TEXT];
        for (size_t tag = 0; tag < tags; tag++) {
            const char *text = rows[i].tags[tag];
            strlcat(name, tag > 0 ? " · " : "", sizeof(name));
            strlcat(name, text[0] != '\0' ? text : "(none)", sizeof(name));
        }
        unit_format(rows[i].value, trace_query_unit(query), ascii, value, sizeof(value));
        unit_format(rows[i].count, "", ascii, of, sizeof(of));
        request_lines_add(lines, ROLE_VALUE, tags > 0 ? name : trace_query_value_name(query),
                          "%-12s of %s", value, of);
    }
    if (count == 0) {
        request_lines_add(lines, ROLE_DIM, "nothing", "no request matches the question");
    }
}

bool
request_answer_work(struct requests *requests, const struct panel_context *context,
                    int64_t until_ns)
{
    const struct trace_set *set = &requests->shown;
    if (requests->answer == NULL || requests->page != REQUEST_ANSWER || set->traces == NULL) {
        return false;
    }
    if (requests->answer_serial != requests->serial) {
        begin(requests);
    } else if (requests->answer_at > set->count) {
        return false;
    }
    while (requests->answer_at < set->count) {
        trace_query_add(requests->answer, set->list[requests->answer_at++]);
        if (requests->answer_at % BATCH == 0 && clock_mono_ns() >= until_ns) {
            return true;
        }
    }
    requests->answer_at = set->count + 1; /* it is written */
    write_rows(requests, context->glyphs == GLYPHS_ASCII);
    return false;
}
