/* Documents of an agent. */
#include "agent_ask.h"

#include "agent_refusal.h"
#include "flametop/base/macros.h"

#define PATIENCE_NS (120 * NS_PER_S) /* with what an agent makes of much */
#define DOCUMENT_BYTES_MAX ((size_t)64 << 20)

static void
on_answered(void *context, const struct http_answer *answer)
{
    struct agent_ask *ask = context;
    char why[200] = "";
    bool good = agent_gave(answer, why, sizeof(why));
    ask->call = NULL;
    ask->answer(ask->context, why, good ? answer->body : STR(""));
}

void
agent_ask_for(struct agent_ask *ask, const char *path, void *context, link_document *answer)
{
    struct http_request request = {.path = path,
                                   .timeout_ns = PATIENCE_NS,
                                   .body_max = DOCUMENT_BYTES_MAX,
                                   .context = ask,
                                   .done = on_answered};
    http_cancel(ask->call);
    ask->context = context;
    ask->answer = answer;
    ask->call = http_send(ask->client, &request);
    if (ask->call == NULL) {
        answer(context, "out of memory", STR(""));
    }
}
