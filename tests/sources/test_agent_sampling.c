/* Sampling at an agent, against a peer that plays one: what is handed over of what it sends,
 * whoever it is. */
#include "../check.h"

#include "flametop/base/macros.h" /* before those that define MIN as well */

#include <uv.h>

#include "../../src/sources/agent_sampling.h"
#include "../peer.h"
#include "flametop/base/clock.h"

#define MANY 2000

struct stage {
    uv_loop_t loop;
    struct peer peer;
    bool measured, ends; /* what it sends has a measure; it says that it ended, and goes on */
    unsigned told, copies;
    struct sampling_status status;
    const struct profile *last;
    void (*over)(struct stage *stage, struct agent_sampling *sampling); /* when it is; or NULL */
};

/* A status and, where there are measures, one sample more of a stack, again and again. */
static void
write_growths(const struct stage *stage, struct buf *out)
{
    struct record_writer *writer = record_writer_new(out);
    struct profile *profile = profile_new();
    struct sampling_status status = {.state = SAMPLING_RUNS, .rate_hz = 99};
    const struct profile *sent = NULL;
    struct buf growth;
    buf_init(&growth, 1 << 16);
    record_write_hello(writer, &(struct record_hello){.protocol = RECORD_PROTOCOL,
                                                      .protocol_min = RECORD_PROTOCOL,
                                                      .at = clock_now(&clock_system),
                                                      .interval_ns = NS_PER_S,
                                                      .instance = "abc",
                                                      .host = {.name = "far"}});
    uint32_t node = profile_child(profile, 0, profile_frame(profile, STR("main"), STR("")));
    uint32_t samples = stage->measured ? profile_measure(profile, STR("samples"), "", 1) : 0;
    for (int i = 0; i < MANY; i++) {
        profile_put(profile, node, stage->measured ? samples : PROFILE_NONE, 1);
        const struct profile *now = profile_copy(profile);
        status.samples++;
        status.state = stage->ends && i >= MANY / 2 ? SAMPLING_ENDED : SAMPLING_RUNS;
        buf_clear(&growth);
        sampling_write(sent, now, &status, &growth);
        record_write_profile(writer, &growth);
        profile_release(sent);
        sent = now;
    }
    record_write_end(writer);
    profile_release(sent);
    profile_release(profile);
    buf_done(&growth);
    record_writer_free(writer);
}

static bool
answer(struct peer *peer, int fd, const char *request)
{
    const struct stage *stage = peer->context;
    struct buf out;
    (void)request;
    buf_init(&out, 1 << 24);
    write_growths(stage, &out);
    peer_puts(fd, "HTTP/1.1 200 OK\r\nContent-Type: application/x-flametop\r\n\r\n");
    peer_write(fd, out.data, out.n);
    buf_done(&out);
    return false;
}

static void
on_sampled(void *context, const struct sampling_status *status, const struct profile *profile)
{
    struct stage *stage = context;
    stage->told++;
    stage->copies += profile != NULL;
    stage->status = *status;
    if (profile != NULL) {
        assert_true(profile->measure_count > 0);
        profile_release(stage->last);
        stage->last = profile;
    }
}

static void
play(struct stage *stage)
{
    char text[64], why[200];
    struct url url;
    struct link_sink sink = {.context = stage, .sampled = on_sampled};
    uv_loop_init(&stage->loop);
    peer_start(&stage->peer, NULL, 0, answer, stage);
    snprintf(text, sizeof(text), "http://127.0.0.1:%u", stage->peer.port);
    assert_true(url_parse(str_from(text), &url, why, sizeof(why)));
    struct catalog *catalog = catalog_new(10);
    struct agent_sampling sampling = {
        .client = http_client_new(&stage->loop, &url, NULL, why, sizeof(why)),
        .catalog = catalog,
        .sink = &sink};
    assert_non_null(sampling.client);
    agent_sampling_wish(&sampling, &(struct sampling_wish){.kind = SAMPLING_MACHINE});
    while (!sampling_is_over(&stage->status) || sampling.call != NULL) {
        uv_run(&stage->loop, UV_RUN_ONCE);
    }
    if (stage->over != NULL) {
        stage->over(stage, &sampling);
    }
    agent_sampling_done(&sampling);
    http_client_free(sampling.client);
    uv_run(&stage->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&stage->loop), 0);
    peer_stop(&stage->peer);
    catalog_free(catalog);
}

/* A copy of all there is takes longer than to say that there is more. */
static void
test_agent_sampling__copies_now_and_then_and_at_the_end(void **state)
{
    (void)state;
    struct stage stage = {.measured = true};
    play(&stage);
    assert_true(stage.told >= MANY);
    assert_true(stage.copies >= 1 && stage.copies < MANY / 10);
    assert_int_equal(stage.status.state, SAMPLING_ENDED);
    assert_int_equal(stage.status.samples, MANY);
    assert_true(stage.last->values[0][0][1] == MANY);
    profile_release(stage.last);
}

static void
test_agent_sampling__takes_nothing_after_its_end(void **state)
{
    (void)state;
    struct stage stage = {.measured = true, .ends = true};
    play(&stage);
    assert_int_equal(stage.told, MANY / 2 + 1);
    assert_true(stage.last->values[0][0][1] == MANY / 2 + 1);
    profile_release(stage.last);
}

/* There is nothing to draw, or to write, without a measure. */
static void
test_agent_sampling__shows_no_profile_without_a_measure(void **state)
{
    (void)state;
    struct stage stage = {0};
    play(&stage);
    assert_true(stage.told >= MANY);
    assert_int_equal(stage.copies, 0);
}

static void
wish_again(struct stage *stage, struct agent_sampling *sampling)
{
    struct sampling_wish wish = sampling->wish, held = wish;
    held.held = true;
    agent_sampling_wish(sampling, &held); /* its own reader holds what there is, and lets it go */
    assert_true(sampling->call == NULL && sampling->grown.status.samples > 0);
    agent_sampling_wish(sampling, &wish);
    assert_true(sampling->call == NULL && sampling->grown.status.samples > 0);
    agent_sampling_wish(sampling, &wish); /* another's */
    assert_true(sampling->call != NULL && sampling->grown.status.samples == 0);
    stage->status.state = SAMPLING_BEGINS;
    while (!sampling_is_over(&stage->status)) {
        uv_run(&stage->loop, UV_RUN_ONCE);
    }
}

/* Who comes when it is over, and wishes the same, is to hear of one that goes on. */
static void
test_agent_sampling__that_is_over_serves_nobody_else(void **state)
{
    (void)state;
    struct stage stage = {.measured = true, .over = wish_again};
    play(&stage);
    assert_int_equal(stage.peer.requests, 2);
    assert_int_equal(stage.status.samples, MANY);
    profile_release(stage.last);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agent_sampling__copies_now_and_then_and_at_the_end),
        cmocka_unit_test(test_agent_sampling__takes_nothing_after_its_end),
        cmocka_unit_test(test_agent_sampling__shows_no_profile_without_a_measure),
        cmocka_unit_test(test_agent_sampling__that_is_over_serves_nobody_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
