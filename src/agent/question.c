/* GET /api/v1/traces/query: a question to all requests that are held, answered in steps between
 * which the agent does everything else; who asked waits. */
#include <stdlib.h>
#include <uv.h>

#include "flametop/base/clock.h"
#include "flametop/base/macros.h"
#include "flametop/core/traces.h"
#include "flametop/net/loop.h"
#include "flametop/trace/query.h"
#include "parts.h"

#define QUESTIONS_MAX 4
#define ROWS 100
#define STEP_NS (4 * NS_PER_MS)

struct question {
    struct agent *agent;
    const struct http_message *message;
    struct trace_query *query;
    struct traces *traces; /* NULL: there are none */
    struct traces_cursor at;
    uv_timer_t *timer;
    size_t limit;
};

static void
question_free(struct question *question)
{
    question->agent->question_count--;
    loop_close(question->timer);
    traces_release(question->traces);
    trace_query_free(question->query);
    free(question);
}

static void
nobody_waits(void *context)
{
    question_free(context);
}

static void
answer(struct question *question)
{
    struct buf out;
    struct json json;
    buf_init(&out, AGENT_ANSWER_BYTES_MAX);
    json_init(&json, &out, false);
    trace_query_write(question->query, question->traces, question->limit, &json);
    agent_reply_json(question->message, &out);
    buf_done(&out);
    question_free(question);
}

static void
on_step(uv_timer_t *timer)
{
    struct question *question = timer->data;
    int64_t until_ns = clock_mono_ns() + STEP_NS;
    const struct trace *trace;
    do {
        trace = question->traces != NULL ? traces_next(question->traces, &question->at) : NULL;
        if (trace != NULL) {
            trace_query_add(question->query, trace);
        }
    } while (trace != NULL && clock_mono_ns() < until_ns);
    if (trace == NULL) {
        answer(question);
    }
}

/* NULL: the request is answered. */
static struct question *
question_new(struct agent *agent, const struct http_message *message, uint64_t limit)
{
    const char *text = http_argument(message, "query");
    char why[240] = "";
    struct question *question = calloc(1, sizeof(*question));
    uv_timer_t *timer = calloc(1, sizeof(*timer));
    struct trace_query *query =
        trace_query_new(str_from(text != NULL ? text : ""), why, sizeof(why));
    if (question == NULL || timer == NULL || query == NULL) {
        bool wrong = question != NULL && timer != NULL && why[0] != '\0';
        http_reply_error(message, wrong ? 400 : 503, "%s", wrong ? why : "out of memory");
        trace_query_free(query);
        free(question);
        free(timer);
        return NULL;
    }
    uv_timer_init(agent->setup.loop, timer);
    timer->data = question;
    *question = (struct question){.agent = agent,
                                  .query = query,
                                  .traces = traces_acquire(agent->picture->traces),
                                  .timer = timer,
                                  .limit = (size_t)limit};
    agent->question_count++;
    return question;
}

void
answer_question(struct agent *agent, const struct http_message *message, const char *name)
{
    uint64_t limit;
    (void)name;
    if (agent_picture(agent, message) == NULL ||
        !agent_number(message, "limit", ROWS, TRACE_QUERY_GROUPS_MAX, &limit)) {
        return;
    }
    if (agent->question_count >= QUESTIONS_MAX) {
        http_reply_error(message, 429, "%d questions are being answered here: ask again later",
                         QUESTIONS_MAX);
        return;
    }
    struct question *question = question_new(agent, message, limit);
    if (question != NULL) {
        question->message = http_defer(message, question, nobody_waits);
        uv_timer_start(question->timer, on_step, 0, 1);
    }
}
