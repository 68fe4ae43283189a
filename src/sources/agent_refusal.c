/* Refusals of an agent. */
#include "agent_refusal.h"

#include <cjson/cJSON.h>
#include <stdio.h>

#include "flametop/base/utf8.h"

bool
agent_refusal(const struct http_answer *answer, char *why, size_t size)
{
    cJSON *body = cJSON_ParseWithLength(answer->body.p, answer->body.n);
    const char *said = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, "error"));
    bool any = said != NULL && said[0] != '\0';
    if (any) {
        utf8_clean(str_from(said), why, size);
    }
    cJSON_Delete(body);
    return any;
}

bool
agent_gave(const struct http_answer *answer, char *why, size_t size)
{
    if (answer->status / 100 == 2 && answer->why[0] == '\0') {
        return true;
    }
    if (!agent_refusal(answer, why, size)) {
        if (answer->why[0] != '\0') {
            snprintf(why, size, "%s", answer->why);
        } else {
            snprintf(why, size, "it answered with status %d", answer->status);
        }
    }
    return false;
}
