/* The hello of an agent. */
#include "agent_hello.h"

#include <cjson/cJSON.h>

#include "flametop/base/clock.h"

#define PATIENCE_NS (10 * NS_PER_S)
#define ANSWER_BYTES_MAX ((size_t)64 << 10)

/* Numbers beyond 2^53 are texts. */
static bool
integer_of(const cJSON *object, const char *key, int64_t *ret_value)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    if (cJSON_IsNumber(item) && item->valuedouble >= 0 && item->valuedouble < 9e15) {
        *ret_value = (int64_t)item->valuedouble;
        return true;
    }
    uint64_t value = 0;
    struct str rest = str_from(cJSON_IsString(item) ? item->valuestring : "");
    if (!str_u64(&rest, &value) || rest.n > 0 || value > INT64_MAX / 4) {
        return false;
    }
    *ret_value = (int64_t)value;
    return true;
}

static void
on_answered(void *context, const struct http_answer *answer)
{
    struct agent_hello *hello = context;
    hello->call = NULL;
    if (answer->status != 200) {
        return;
    }
    int64_t trip_ns = answer->duration_ns, mono_ns;
    hello->round_trip_ns = trip_ns;
    cJSON *body = cJSON_ParseWithLength(answer->body.p, answer->body.n);
    if (hello->clock->known && integer_of(body, "monotonic_ns", &mono_ns)) {
        agent_clock_heard(hello->clock, mono_ns, trip_ns);
    }
    cJSON_Delete(body);
}

void
agent_hello_ask(struct agent_hello *hello)
{
    struct http_request request = {.path = "/api/v1/hello",
                                   .accept = "application/json",
                                   .timeout_ns = PATIENCE_NS,
                                   .body_max = ANSWER_BYTES_MAX,
                                   .context = hello,
                                   .done = on_answered};
    if (hello->call == NULL) {
        hello->call = http_send(hello->client, &request);
    }
}

void
agent_hello_lose(struct agent_hello *hello)
{
    http_cancel(hello->call);
    hello->call = NULL;
}
