/* Large requests of an agent, against a peer that plays one: which are fetched, and how often. */
#include "../check.h"

#include "flametop/base/macros.h" /* before those that define MIN as well */

#include <uv.h>

#include "../../src/sources/agent_large.h"
#include "../peer.h"
#include "flametop/base/log.h"

struct stage {
    uv_loop_t loop;
    struct peer peer;
    struct agent_large large;
    bool refuses;
    unsigned taken;
};

static bool
answer(struct peer *peer, int fd, const char *request)
{
    const struct stage *stage = peer->context;
    static const char refusal[] = "{\"error\":\"it is gone\"}";
    assert_non_null(strstr(request, "GET /api/v1/traces/0a0b?format=flametop "));
    if (stage->refuses) {
        peer_reply(fd, "404 Not Found", "application/json", refusal, sizeof(refusal) - 1);
    } else {
        peer_reply(fd, "200 OK", "application/x-flametop-trace", "all of it", 9);
    }
    return true;
}

static void
on_taken(void *context, const void *bytes, size_t n)
{
    struct stage *stage = context;
    assert_int_equal(n, 9);
    assert_memory_equal(bytes, "all of it", n);
    stage->taken++;
}

static void
stage_open(struct stage *stage)
{
    char text[64], why[200];
    struct url url;
    *stage = (struct stage){0};
    uv_loop_init(&stage->loop);
    peer_start(&stage->peer, NULL, 0, answer, stage);
    snprintf(text, sizeof(text), "http://127.0.0.1:%u", stage->peer.port);
    assert_true(url_parse(str_from(text), &url, why, sizeof(why)));
    stage->large =
        (struct agent_large){.client = http_client_new(&stage->loop, &url, NULL, why, sizeof(why)),
                             .context = stage,
                             .take = on_taken,
                             .newest_ns = INT64_MIN};
    assert_non_null(stage->large.client);
}

static void
stage_close(struct stage *stage)
{
    http_client_free(stage->large.client);
    uv_run(&stage->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&stage->loop), 0);
    peer_stop(&stage->peer);
}

/* A connection that brings the head, and is lost when there is nothing more to wait for. */
static void
connection(struct stage *stage, uint32_t version)
{
    struct trace head = {.id = {0x0a, 0x0b}, .id_n = 2, .bytes = 1 << 20, .version = version};
    stage->large.next_ns = 0; /* its pause is over */
    agent_large_want(&stage->large, &head);
    while (stage->large.call != NULL) {
        uv_run(&stage->loop, UV_RUN_ONCE);
    }
    agent_large_lose(&stage->large);
}

static void
test_agent_large__fetches_each_version_once(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage);
    connection(&stage, 1);
    connection(&stage, 1);
    assert_int_equal(stage.taken, 1);
    connection(&stage, 2);
    connection(&stage, 1);
    assert_int_equal(stage.taken, 2);
    assert_int_equal(stage.peer.requests, 2);
    stage_close(&stage);
}

static void
test_agent_large__says_why_one_stays_there(void **state)
{
    (void)state;
    struct stage stage;
    char line[1][LOG_LINE_BYTES];
    log_open(-1, LOG_LEVEL_WARNING);
    stage_open(&stage);
    stage.refuses = true;
    connection(&stage, 1);
    assert_int_equal(stage.taken, 0);
    assert_int_equal(log_tail(line, 1), 1);
    assert_non_null(strstr(line[0], "the large request 0a0b stays at the agent: it is gone"));
    stage.refuses = false; /* with the next connection it is tried again */
    connection(&stage, 1);
    assert_int_equal(stage.taken, 1);
    stage_close(&stage);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agent_large__fetches_each_version_once),
        cmocka_unit_test(test_agent_large__says_why_one_stays_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
