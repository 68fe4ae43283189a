/* What an agent is told of what is looked at, against a peer that plays one. */
#include "../check.h"

#include "flametop/base/macros.h" /* before those that define MIN as well */

#include <uv.h>

#include "../../src/sources/agent_interest.h"
#include "../peer.h"

struct stage {
    uv_loop_t loop;
    struct peer peer;
    struct agent_stream stream;
    struct agent_interest interest;
    atomic_bool hangs_up;
};

static bool
answer(struct peer *peer, int fd, const char *request)
{
    struct stage *stage = peer->context;
    assert_non_null(strstr(request, "POST /api/v1/interest?client=me "));
    if (stage->hangs_up) {
        return false;
    }
    peer_reply(fd, "200 OK", "application/json", "{}", 2);
    return true;
}

static void
stage_open(struct stage *stage)
{
    char text[64], why[200];
    struct url url;
    *stage = (struct stage){.stream = {.table_count = 0}};
    uv_loop_init(&stage->loop);
    peer_start(&stage->peer, NULL, 0, answer, stage);
    snprintf(text, sizeof(text), "http://127.0.0.1:%u", stage->peer.port);
    assert_true(url_parse(str_from(text), &url, why, sizeof(why)));
    stage->interest = (struct agent_interest){
        .client = http_client_new(&stage->loop, &url, NULL, why, sizeof(why)),
        .id = "me",
        .stream = &stage->stream};
    assert_non_null(stage->interest.client);
}

static void
stage_close(struct stage *stage)
{
    http_client_free(stage->interest.client);
    uv_run(&stage->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&stage->loop), 0);
    peer_stop(&stage->peer);
}

/* One of the stream, and what is told with it. Answers whether something was. */
static bool
tick(struct stage *stage)
{
    agent_interest_tell(&stage->interest);
    bool told = stage->interest.call != NULL;
    while (stage->interest.call != NULL) {
        uv_run(&stage->loop, UV_RUN_ONCE);
    }
    return told;
}

static void
test_agent_interest__is_told_once(void **state)
{
    (void)state;
    struct stage stage;
    struct interest look = {.process_sort = -1, .requests = true};
    stage_open(&stage);
    assert_false(tick(&stage));
    agent_interest_set(&stage.interest, &look);
    assert_true(tick(&stage));
    agent_interest_set(&stage.interest, &look);
    assert_false(tick(&stage));
    look.cgroups = true;
    agent_interest_set(&stage.interest, &look);
    assert_true(tick(&stage));
    assert_int_equal(stage.peer.requests, 2);
    stage_close(&stage);
}

static void
test_agent_interest__is_told_again_when_nobody_heard_it(void **state)
{
    (void)state;
    struct stage stage;
    struct interest look = {.process_sort = -1, .requests = true};
    stage_open(&stage);
    stage.hangs_up = true;
    agent_interest_set(&stage.interest, &look);
    assert_true(tick(&stage));
    stage.hangs_up = false;
    assert_true(tick(&stage));
    assert_false(tick(&stage));
    stage_close(&stage);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agent_interest__is_told_once),
        cmocka_unit_test(test_agent_interest__is_told_again_when_nobody_heard_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
