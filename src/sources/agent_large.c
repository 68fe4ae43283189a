/* Large requests of an agent. */
#include "agent_large.h"

#include <stdio.h>
#include <string.h>

#include "agent_refusal.h"
#include "flametop/base/clock.h"
#include "flametop/base/log.h"
#include "flametop/base/macros.h"

#define PATIENCE_NS (120 * NS_PER_S)
#define PAUSE_NS (3 * NS_PER_S) /* late spans make new versions of it */

static bool
is_none(const struct agent_large_version *version)
{
    return version->id[0] == '\0';
}

static bool
is_taken(const struct agent_large *large, const struct agent_large_version *version)
{
    return strcmp(version->id, large->taken.id) == 0 && version->number <= large->taken.number;
}

static void
on_fetched(void *context, const struct http_answer *answer)
{
    struct agent_large *large = context;
    char why[200];
    large->call = NULL;
    large->next_ns = clock_mono_ns() + PAUSE_NS;
    if (!agent_gave(answer, why, sizeof(why))) {
        log_warning("the large request %s stays at the agent: %s", large->coming.id, why);
    } else {
        large->taken = large->coming;
        large->take(large->context, answer->body.p, answer->body.n);
    }
}

void
agent_large_go_on(struct agent_large *large)
{
    char path[sizeof(large->wanted.id) + 64];
    struct http_request request = {.path = path,
                                   .accept = "application/x-flametop-trace",
                                   .timeout_ns = PATIENCE_NS,
                                   .body_max = TRACE_BYTES_MAX,
                                   .context = large,
                                   .done = on_fetched};
    if (is_taken(large, &large->wanted)) {
        large->wanted = (struct agent_large_version){0};
    }
    if (!is_none(&large->wanted) && large->call == NULL && clock_mono_ns() >= large->next_ns) {
        snprintf(path, sizeof(path), "/api/v1/traces/%s?format=flametop", large->wanted.id);
        large->coming = large->wanted;
        large->wanted = (struct agent_large_version){0};
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
        trace_id_text(head, large->wanted.id, sizeof(large->wanted.id));
        large->wanted.number = head->version;
        agent_large_go_on(large);
    }
}

void
agent_large_lose(struct agent_large *large)
{
    http_cancel(large->call);
    large->call = NULL;
    large->wanted = (struct agent_large_version){0};
}
