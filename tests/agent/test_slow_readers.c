/* Readers of the record stream that do not read, over real connections: what they lose, what they
 * hold, and when they are let go. */
#include "../check.h"

#include <errno.h>

#include "../../src/agent/traces.h"
#include "heard.h"

#define ROWS_MAX 3000

/* Who does not read loses whole ticks; the other gets each. Reading again, it is where all are. */
static void
test_slow_readers__who_does_not_read_changes_nothing_for_others(void **state)
{
    struct bench *bench = *state;
    struct client mute, well;
    world.rows = ROWS_MAX;
    tick(bench);
    client_open(&mute, bench, "span=0", false);
    client_open(&well, bench, "span=0", false);
    hear(bench, &mute, 1, 0);
    hear(bench, &well, 1, 0);
    unsigned sent = 1;
    while (hub_counts(bench->hub).ticks_dropped < 20 && sent < 2000) {
        tick(bench);
        sent++;
        hear(bench, &well, sent, 0); /* fails when one is missing */
    }
    assert_in_range(sent, 20, 1999);
    assert_false(well.disordered);
    for (int i = 0; i < TURNS && mute.tick_ns < world.mono_ns; i++) {
        turn(bench, &mute);
        if (i % 100 == 99) {
            tick(bench);
        }
        usleep(1000);
    }
    assert_true(mute.tick_ns == world.mono_ns && mute.rows == ROWS_MAX && !mute.disordered);
    assert_in_range(mute.ticks, 2, sent - 1);
    client_close(&mute);
    client_close(&well);
    for (int i = 0; i < 100; i++) {
        tick(bench); /* that they left shows when something is sent */
        turn(bench, NULL);
        usleep(1000);
    }
    assert_int_equal(hub_counts(bench->hub).readers, 0);
}

/* Until the connection is closed from there. */
static void
hear_end(struct bench *bench, const struct client *client)
{
    char bytes[4096];
    for (int i = 0; i < TURNS; i++) {
        uv_run(&bench->loop, UV_RUN_NOWAIT);
        ssize_t n = recv(client->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN)) {
            return;
        }
        usleep(1000);
    }
    fail_msg("the connection is still open");
}

/* The loop does not turn meanwhile, so nothing that waits is taken. */
static void
test_slow_readers__who_takes_nothing_for_long_is_let_go(void **state)
{
    struct bench *bench = *state;
    struct client mute;
    client_open(&mute, bench, "", false);
    settle(bench, &mute);
    ticks(bench, 60);
    assert_int_equal(hub_counts(bench->hub).readers, 1);
    ticks(bench, 2);
    assert_int_equal(hub_counts(bench->hub).readers, 0);
    assert_int_equal(hub_counts(bench->hub).dropped_slow, 1);
    hear_end(bench, &mute);
    client_close(&mute);
}

static void
test_slow_readers__who_takes_all_may_stay(void **state)
{
    struct bench *bench = *state;
    struct client well;
    client_open(&well, bench, "", true);
    settle(bench, &well);
    for (unsigned i = 1; i <= 150; i++) {
        tick(bench);
        hear(bench, &well, i, 0);
    }
    assert_int_equal(hub_counts(bench->hub).readers, 1);
    client_close(&well);
}

static void
test_slow_readers__history_is_not_held_for_ever(void **state)
{
    struct bench *bench = *state;
    struct client client;
    client_open(&client, bench, "", false);
    settle(bench, &client);
    for (int i = 0; i < 200; i++) {
        world.mono_ns += NS_PER_S;
        picture_release(collector_tick(bench->collector));
    }
    tick(bench);
    assert_int_equal(hub_counts(bench->hub).histories_cut, 0);
    world.mono_ns += 600 * NS_PER_S;
    tick(bench);
    assert_int_equal(hub_counts(bench->hub).histories_cut, 1);
    client_close(&client);
}

/* Each wants another first picture, and there is room for one. */
static void
test_slow_readers__first_pictures_that_wait_are_bounded(void **state)
{
    struct bench *bench = *state;
    struct client clients[3];
    static const char *const wishes[] = {"", "span=30s", "span=0"};
    hub_free(bench->hub);
    bench->hub = hub_new(&(struct hub_setup){
        .instance = "this-one", .context = bench, .interest = on_interest, .firsts_bytes_max = 1});
    for (size_t i = 0; i < ARRAY_SIZE(clients); i++) {
        client_open(&clients[i], bench, wishes[i], i % 2 == 0);
        settle(bench, &clients[i]);
    }
    assert_int_equal(hub_counts(bench->hub).readers, 3);
    tick(bench);
    assert_int_equal(hub_counts(bench->hub).dropped_memory, 2);
    assert_int_equal(hub_counts(bench->hub).readers, 1);
    hear(bench, &clients[0], 1, 0);
    hear_end(bench, &clients[1]);
    hear_end(bench, &clients[2]);
    for (size_t i = 0; i < ARRAY_SIZE(clients); i++) {
        client_close(&clients[i]);
    }
}

/* What the store has let go is gone, however slowly somebody reads. */
static void
test_slow_readers__a_slow_reader_holds_no_traces(void **state)
{
    struct bench *bench = *state;
    struct client mute;
    client_open(&mute, bench, "span=0&requests=1", false);
    settle(bench, &mute);
    send_traces(bench, 1, 2000);
    ticks(bench, 3);
    world.mono_ns += NS_PER_S;
    struct picture *picture = collector_tick(bench->collector);
    struct traces *traces = traces_acquire(picture->traces);
    assert_true(traces->bytes > 2 * TRACES_PIECE_BYTES);
    hub_picture(bench->hub, picture);
    picture_release(picture);
    uv_run(&bench->loop, UV_RUN_NOWAIT); /* the first picture goes, and a piece of them comes */
    send_traces(bench, 3000, 1);
    ticks(bench, 3);
    assert_int_equal(traces->refs, 1);
    traces_release(traces);
    client_close(&mute);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_slow_readers__who_does_not_read_changes_nothing_for_others),
        TEST(test_slow_readers__who_takes_nothing_for_long_is_let_go),
        TEST(test_slow_readers__who_takes_all_may_stay),
        TEST(test_slow_readers__history_is_not_held_for_ever),
        TEST(test_slow_readers__first_pictures_that_wait_are_bounded),
        TEST(test_slow_readers__a_slow_reader_holds_no_traces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
