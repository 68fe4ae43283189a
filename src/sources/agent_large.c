/* Large requests of an agent. */
#include "agent_large.h"

#include <stdio.h>
#include <string.h>

#include "flametop/base/clock.h"
#include "flametop/base/macros.h"

#define PATIENCE_NS (120 * NS_PER_S)
#define PAUSE_NS (3 * NS_PER_S) /* late spans make new versions of it */

static void
on_fetched(void *context, const struct http_answer *answer)
{
    struct agent_large *large = context;
    large->call = NULL;
    large->next_ns = clock_mono_ns() + PAUSE_NS;
    if (answer->status == 200 && answer->why[0] == '\0') {
        large->take(large->context, answer->body.p, answer->body.n);
    }
}

void
agent_large_go_on(struct agent_large *large)
{
    char path[sizeof(large->wanted) + 64];
    struct http_request request = {.path = path,
                                   .accept = "application/x-flametop-trace",
                                   .timeout_ns = PATIENCE_NS,
                                   .body_max = TRACE_BYTES_MAX,
                                   .context = large,
                                   .done = on_fetched};
    if (large->wanted[0] != '\0' && large->call == NULL && clock_mono_ns() >= large->next_ns) {
        snprintf(path, sizeof(path), "/api/v1/traces/%s?format=flametop", large->wanted);
        large->wanted[0] = '\0';
        large->call = http_send(large->client, &request);
    }
}

/* When it ended; of one that lies about its times, the longest ago there is. */
static int64_t
end_of(const struct trace *head)
{
    int64_t end_ns;
    return __builtin_add_overflow(head->mono_ns, MAX(head->duration_ns, 0), &end_ns) ? INT64_MIN
                                                                                     : end_ns;
}

/* What was before comes newest first. */
void
agent_large_want(struct agent_large *large, const struct trace *head)
{
    if (head->id_n > 0 && head->id_n <= SPAN_ID_BYTES_MAX && head->bytes <= TRACE_BYTES_MAX &&
        end_of(head) >= large->newest_ns) {
        large->newest_ns = end_of(head);
        trace_id_text(head, large->wanted, sizeof(large->wanted));
        agent_large_go_on(large);
    }
}

void
agent_large_lose(struct agent_large *large)
{
    http_cancel(large->call);
    large->call = NULL;
    large->wanted[0] = '\0';
}
