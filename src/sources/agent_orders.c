/* Commands to an agent. */
#include "agent_orders.h"

#include <stdio.h>
#include <string.h>

#include "agent_refusal.h"
#include "flametop/base/clock.h"

#define PATIENCE_NS (10 * NS_PER_S)
#define ANSWER_BYTES_MAX ((size_t)64 << 10)

static void
on_done(void *context, const struct http_answer *answer)
{
    struct agent_order *order = context;
    char why[200] = "";
    if (answer->status == 401) {
        snprintf(why, sizeof(why),
                 "the agent does not know this token for changes: look at --change-token-file");
    } else if (answer->status / 100 != 2 && !agent_refusal(answer, why, sizeof(why))) {
        snprintf(why, sizeof(why), "%s", answer->why[0] != '\0' ? answer->why : "it was refused");
    }
    link_answer *tell = order->answer;
    order->answer = NULL;
    tell(order->context, why);
}

static struct agent_order *
free_order(struct agent_orders *orders)
{
    for (size_t i = 0; i < AGENT_ORDERS_MAX; i++) {
        if (orders->list[i].answer == NULL) {
            return &orders->list[i];
        }
    }
    return NULL;
}

void
agent_orders_send(struct agent_orders *orders, const char *name, const char *arguments_json,
                  void *context, link_answer *answer)
{
    char path[128];
    struct agent_order *order = free_order(orders);
    struct http_request request = {.path = path,
                                   .post = arguments_json,
                                   .post_size = strlen(arguments_json),
                                   .content_type = "application/json",
                                   .token = orders->token,
                                   .timeout_ns = PATIENCE_NS,
                                   .body_max = ANSWER_BYTES_MAX,
                                   .context = order,
                                   .done = on_done};
    snprintf(path, sizeof(path), "/api/v1/commands/%s", name);
    if (order == NULL || http_send(orders->client, &request) == NULL) {
        answer(context, "too many commands wait for their answer");
    } else {
        *order = (struct agent_order){answer, context};
    }
}
