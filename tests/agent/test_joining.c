/* Readers that join the record stream, over real connections: what each is sent first, and how far
 * back its history goes. */
#include "../check.h"

#include "heard.h"

static void
test_joining__history_reaches_as_far_as_asked(void **state)
{
    struct bench *bench = *state;
    struct client client;
    ticks(bench, 200);
    client_open(&client, bench, "span=10s", true);
    hear(bench, &client, 1, 9);
    settle(bench, &client);
    assert_true(client.oldest_ns == 1191 * NS_PER_S && client.chunk_ticks[0] == 9);
    assert_int_equal(client.kept_ticks, 9);
    client_close(&client);
    client_open(&client, bench, "span=0", true);
    hear(bench, &client, 1, 0);
    settle(bench, &client);
    assert_string_equal(client.order, "hbbt");
    client_close(&client);
}

static void
test_joining__who_comes_back_gets_what_it_missed(void **state)
{
    struct bench *bench = *state;
    struct client client;
    ticks(bench, 200);
    client_open(&client, bench, "instance=this-one&since=1150000000000", true);
    hear(bench, &client, 1, 49);
    settle(bench, &client);
    assert_int_equal(client.chunk_ticks[0], 49);
    assert_true(client.oldest_ns == 1151 * NS_PER_S && !client.disordered);
    client_close(&client);
    client_open(&client, bench, "instance=another&since=1150000000000", true);
    hear(bench, &client, 1, 199);
    client_close(&client);
}

/* What they are sent is made once, as far as they want the same. */
static void
test_joining__readers_that_join_together_each_get_what_they_asked(void **state)
{
    struct bench *bench = *state;
    struct client clients[6];
    static const char *const spans[] = {"span=30s", "span=100s"};
    ticks(bench, 200);
    for (size_t i = 0; i < ARRAY_SIZE(clients); i++) {
        client_open(&clients[i], bench, spans[i / 2 % 2], i % 2 == 0);
    }
    for (size_t i = 0; i < ARRAY_SIZE(clients); i++) {
        hear(bench, &clients[i], 1, i / 2 % 2 == 0 ? 29 : 99);
    }
    ticks(bench, 2);
    for (size_t i = 0; i < ARRAY_SIZE(clients); i++) {
        hear(bench, &clients[i], 3, 0);
        assert_int_equal(clients[i].chunk_ticks[0], i / 2 % 2 == 0 ? 29 : 99);
        assert_int_equal(clients[i].chunk_ticks[0], clients[i].chunk_ticks[1]);
        assert_true(clients[i].rows == 3 && !clients[i].disordered);
        client_close(&clients[i]);
    }
}

static void
test_joining__who_was_there_before_the_first_picture_waits(void **state)
{
    struct bench *bench = *state;
    struct client client;
    client_open(&client, bench, "", true);
    settle(bench, &client);
    assert_string_equal(client.order, "");
    ticks(bench, 2);
    hear(bench, &client, 2, 0);
    assert_string_equal(client.order, "hHbbtbbtE");
    client_close(&client);
}

/* A table is cut for the first screen, and whole with the tick after it. */
static void
test_joining__large_tables_come_whole_with_the_second_tick(void **state)
{
    struct bench *bench = *state;
    struct client client;
    world.rows = 200;
    ticks(bench, 2);
    client_open(&client, bench, "span=0", true);
    hear(bench, &client, 1, 0);
    assert_int_equal(client.rows, 50);
    tick(bench);
    hear(bench, &client, 2, 0);
    assert_int_equal(client.rows, 200);
    tick(bench);
    hear(bench, &client, 3, 0);
    assert_int_equal(client.rows, 200);
    client_close(&client);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_joining__history_reaches_as_far_as_asked),
        TEST(test_joining__who_comes_back_gets_what_it_missed),
        TEST(test_joining__readers_that_join_together_each_get_what_they_asked),
        TEST(test_joining__who_was_there_before_the_first_picture_waits),
        TEST(test_joining__large_tables_come_whole_with_the_second_tick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
