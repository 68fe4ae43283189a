/* Recognises an agent of ours, and hands it to its own link. */
#include <string.h>

#include "adapter.h"
#include "adapters.h"
#include "flametop/sources/agent.h"

static bool
agent_recognizes(const struct adapter_answer *answer)
{
    if (answer->status == 401) {
        return strcmp(answer->realm, "flametop") == 0;
    }
    if (answer->status == 403) { /* it was asked by a name that it does not know as its own */
        return memmem(answer->body.p, answer->body.n, "--allow-host", 12) != NULL;
    }
    return answer->status == 200 && str_starts(str_trim(answer->body), "{") &&
           memmem(answer->body.p, answer->body.n, "\"flametop\"", 10) != NULL;
}

static int
agent_attach(const struct link_setup *setup, const struct url *url,
             const struct endpoint_options *options, void **ret_state, char *why, size_t why_size)
{
    struct agent_link_options own = {
        .url = *url, .credentials = options->credentials, .change_token = options->change_token};
    struct link_setup inner = *setup;
    inner.options = &own; /* copied by open */
    return link_agent.open(&inner, ret_state, why, why_size);
}

const struct adapter adapter_agent = {
    .name = "agent",
    .text = "A flametop agent: everything it sees, with its history.",
    .probes = (const char *const[]){"/api/v1/hello", NULL},
    .recognizes = agent_recognizes,
    .link = &link_agent,
    .attach = agent_attach,
};
