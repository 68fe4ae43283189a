/* The record stream for many readers, over real connections: what all get and when, that the bytes
 * are the same packed and plain, who looks at what. */
#include "../check.h"

#include "heard.h"

/* The picture with the newest of the cards, then history newest first, that of the cards before the
 * rest, then each tick. */
static void
check_whole(struct bench *bench, bool packed)
{
    struct client client;
    ticks(bench, 200);
    client_open(&client, bench, "", packed);
    hear(bench, &client, 1, 199);
    settle(bench, &client);
    assert_string_equal(client.order, "hHccbbtcccooookkkkE");
    assert_string_equal(client.instance, "this-one");
    assert_int_equal(client.chunk_ticks[0], 199);
    assert_int_equal(client.kept_ticks, 199);
    assert_true(client.oldest_ns == 1001 * NS_PER_S);
    assert_true(client.tick_ns == 1200 * NS_PER_S);
    assert_int_equal(client.rows, 3);
    ticks(bench, 3);
    hear(bench, &client, 4, 199);
    assert_string_equal(client.order + 19, "bbtbbtbbt");
    assert_true(client.tick_ns == 1203 * NS_PER_S && !client.disordered);
    assert_int_equal(client.chunk_ticks[1], 199);
    assert_int_equal(hub_counts(bench->hub).readers, 1);
    assert_int_equal(hub_counts(bench->hub).ticks_dropped, 0);
    hub_end(bench->hub);
    settle(bench, &client);
    assert_true(client.ended && client.gzip_ended == packed);
    client_close(&client);
}

static void
test_hub__first_the_picture_then_history_then_ticks(void **state)
{
    check_whole(*state, false);
}

static void
test_hub__packed_it_is_the_same_and_ends_well(void **state)
{
    check_whole(*state, true);
}

/* Newest first what there was, then each new one, once; nothing for who does not look at them. */
static void
test_hub__who_looks_at_requests_is_sent_them(void **state)
{
    struct bench *bench = *state;
    struct client looks, not ;
    send_traces(bench, 1, 2000);
    ticks(bench, 3);
    client_open(&looks, bench, "span=0&requests=1", true);
    client_open(&not, bench, "span=0", false);
    hear(bench, &looks, 1, 0);
    hear(bench, &not, 1, 0);
    for (int i = 0; i < TURNS && looks.traces < 2000; i++) {
        turn(bench, &looks);
        usleep(1000);
    }
    settle(bench, &not );
    assert_int_equal(looks.traces, 2000);
    assert_int_equal(looks.newest_trace_ns, 2000 * NS_PER_S);
    assert_int_equal(looks.oldest_trace_ns, NS_PER_S);
    assert_int_equal(not .traces, 0);
    assert_string_equal(not .order, "hbbbt");
    assert_string_equal(looks.order, "hbbbtRE");
    send_traces(bench, 3001, 3);
    ticks(bench, 2);
    hear(bench, &looks, 3, 0);
    settle(bench, &looks);
    assert_int_equal(looks.traces, 2003);
    assert_int_equal(looks.newest_trace_ns, 3003 * NS_PER_S);
    client_close(&looks);
    client_close(&not );
}

/* What a node answers late is older than the tick before the one that it comes with. */
static void
test_hub__what_comes_late_comes_to_all(void **state)
{
    struct bench *bench = *state;
    struct client client;
    world.age_ns = 3 * NS_PER_S / 2;
    tick(bench);
    client_open(&client, bench, "span=0", true);
    hear(bench, &client, 1, 0);
    unsigned batches = client.batches;
    assert_true(batches >= 2);
    for (unsigned i = 2; i <= 4; i++) {
        tick(bench);
        hear(bench, &client, i, 0);
        assert_int_equal(client.batches, batches * i);
    }
    assert_true(record_reader_dropped(client.reader) == 0);
    client_close(&client);
}

static void
test_hub__another_host_is_told_to_all(void **state)
{
    struct bench *bench = *state;
    struct client client;
    struct host host = {
        .name = "shop@web-01", .system = "OTP 25", .kernel = "", .virtualization = ""};
    tick(bench);
    client_open(&client, bench, "span=0", true);
    hear(bench, &client, 1, 0);
    collector_set_host(bench->collector, &host);
    tick(bench);
    tick(bench);
    hear(bench, &client, 3, 0);
    assert_string_equal(client.host, "shop@web-01");
    assert_int_equal(client.hellos, 2);
    client_close(&client);
}

/* The status of a POST. */
static long
post(struct bench *bench, const char *arguments, const char *body)
{
    char request[600], answer[1000] = "";
    int fd = dial(bench);
    int n = snprintf(request, sizeof(request),
                     "POST /interest?%s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n"
                     "Connection: close\r\n\r\n%s",
                     arguments, strlen(body), body);
    assert_int_equal(send(fd, request, (size_t)n, 0), n);
    for (int i = 0; i < TURNS && answer[0] == '\0'; i++) {
        uv_run(&bench->loop, UV_RUN_NOWAIT);
        usleep(1000);
        recv(fd, answer, sizeof(answer) - 1, MSG_DONTWAIT);
    }
    close(fd);
    return answer[0] != '\0' ? strtol(answer + strlen("HTTP/1.1 "), NULL, 10) : 0;
}

static void
test_hub__interests_are_joined_until_their_readers_leave(void **state)
{
    struct bench *bench = *state;
    struct client one, two;
    tick(bench);
    client_open(&one, bench, "client=one&span=0", true);
    client_open(&two, bench, "client=two&span=0", true);
    hear(bench, &one, 1, 0);
    hear(bench, &two, 1, 0);
    assert_int_equal(post(bench, "client=one",
                          "{\"columns\":[\"process.load\",\"no.such\"],\"sort\":\"process.load\","
                          "\"pids\":[7,8,-3,1e300,\"x\"],\"selected_pid\":8}"),
                     200);
    assert_true(bench->interest.process_columns == 4 && bench->interest.process_sort == 2);
    assert_true(bench->interest.pid_count == 2 && bench->interest.pids[1] == 8);
    assert_int_equal(bench->interest.selected_pid, 8);
    assert_int_equal(post(bench, "client=two",
                          "{\"columns\":[\"process.name\"],\"pids\":[7,9],\"filter_costly\":true,"
                          "\"cgroups\":true}"),
                     200);
    assert_int_equal(bench->interest.process_columns, 6);
    assert_int_equal(bench->interest.pid_count, 3);
    assert_true(bench->interest.process_filter_costly && bench->interest.cgroups);
    struct interest also = {.process_columns = 8, .process_sort = 1, .pids = {5}, .pid_count = 1};
    hub_also_interest(bench->hub, &also); /* of who asks for a table: takes nothing from readers */
    assert_true(bench->interest.process_columns == 14 && bench->interest.process_sort == 2);
    assert_int_equal(bench->interest.pid_count, 4);
    hub_also_interest(bench->hub, NULL);
    assert_int_equal(bench->interest.process_columns, 6);
    assert_int_equal(bench->interest.pid_count, 3);
    assert_int_equal(post(bench, "client=three", "{}"), 404);
    assert_int_equal(post(bench, "client=", "{}"), 404);
    assert_int_equal(post(bench, "client=one", "[1]"), 400);
    assert_int_equal(post(bench, "client=one", "{"), 400);
    client_close(&one);
    for (int i = 0; i < TURNS && bench->interest.pid_count > 2; i++) {
        tick(bench);
        turn(bench, &two);
        usleep(1000);
    }
    assert_true(bench->interest.pid_count == 2 && bench->interest.pids[1] == 9);
    assert_true(bench->interest.process_columns == 2 && bench->interest.process_sort == -1);
    client_close(&two);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_hub__first_the_picture_then_history_then_ticks),
        TEST(test_hub__packed_it_is_the_same_and_ends_well),
        TEST(test_hub__who_looks_at_requests_is_sent_them),
        TEST(test_hub__what_comes_late_comes_to_all),
        TEST(test_hub__another_host_is_told_to_all),
        TEST(test_hub__interests_are_joined_until_their_readers_leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
