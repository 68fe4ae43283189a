/* Answers that go on, and connections that are taken over. */
#include "../check.h"

#include "served.h"

static void
test_stream__carries_what_is_pushed(void **state)
{
    struct bench *bench = *state;
    struct http_server_options options = options_of(bench);
    start(bench, &options);
    int fd = dial(http_server_port(bench->server, 0));
    say(fd, STR("GET /stream HTTP/1.1\r\n" HOST END));
    hear(bench, fd, "text/event-stream");
    assert_int_equal(bench->writable, 0);
    for (unsigned i = 1; i < 4; i++) {
        push(bench, "data: one\n\n", true);
        push(bench, "data: two\n\n", true);
        hear(bench, fd, "data: two\n\n");
        turn(bench);
        assert_int_equal(bench->writable, i);
        assert_int_equal(http_stream_queued(bench->stream), 0);
        assert_int_equal(http_stream_sent(bench->stream), 22 * i);
    }
    push(bench, "last", true);
    http_stream_end(bench->stream);
    push(bench, "too late", false);
    const char *rest = hear(bench, fd, "\r\n0\r\n\r\n");
    assert_non_null(strstr(rest, "last"));
    assert_null(strstr(rest, "too late"));
    assert_int_equal(bench->gone, 1);
    close(fd);
}

static void
test_stream__bounds_its_queue(void **state)
{
    struct bench *bench = *state;
    struct http_server_options options = options_of(bench);
    start(bench, &options);
    bench->queue_max = 10;
    int fd = dial(http_server_port(bench->server, 0));
    say(fd, STR("GET /stream HTTP/1.1\r\n" HOST END));
    hear(bench, fd, "text/event-stream");
    push(bench, "more than the ten bytes", true); /* one piece always */
    push(bench, "x", false);
    assert_int_equal(http_server_counts(bench->server).bytes_dropped, 1);
    hear(bench, fd, "bytes");
    push(bench, "12345", true);
    push(bench, "67890", true);
    push(bench, "1", false);
    close(fd);
    for (int i = 0; i < TURNS && bench->gone == 0; i++) {
        turn(bench);
        if (bench->stream != NULL) {
            struct http_bytes *bytes = http_bytes_new("y", 1);
            http_stream_push(bench->stream, bytes);
            http_bytes_release(bytes);
        }
    }
    assert_int_equal(bench->gone, 1); /* noticed by what is sent */
}

static void
test_stream__ends_with_its_server(void **state)
{
    struct bench *bench = *state;
    struct http_server_options options = options_of(bench);
    start(bench, &options);
    int one = dial(http_server_port(bench->server, 0));
    say(one, STR("GET /stream HTTP/1.1\r\n" HOST END));
    hear(bench, one, "text/event-stream");
    push(bench, "last", true);
    http_server_free(bench->server); /* at once: nothing turns the loop in between */
    bench->server = NULL;
    assert_int_equal(bench->gone, 1);
    assert_non_null(strstr(hear(bench, one, NULL), "last\r\n0\r\n\r\n"));
    close(one);
    start(bench, &options);
    one = dial(http_server_port(bench->server, 0));
    say(one, STR("GET /echo HTTP/1.1\r\n" HOST "Connection: Upgrade\r\nUpgrade: echo\r\n\r\n"));
    hear(bench, one, "101");
    push(bench, "unread", true);
    http_server_free(bench->server);
    bench->server = NULL;
    assert_int_equal(bench->gone, 2);
    close(one);
}

static void
test_stream__upgrades(void **state)
{
    struct bench *bench = *state;
    struct http_server_options options = options_of(bench);
    start(bench, &options);
    int fd = dial(http_server_port(bench->server, 0));
    say(fd, STR("GET /echo HTTP/1.1\r\n" HOST "Connection: Upgrade\r\nUpgrade: echo\r\n\r\nfirst"));
    const char *answer = hear(bench, fd, "first"); /* what came along with the header */
    assert_non_null(strstr(answer, "HTTP/1.1 101"));
    for (int i = 0; i < 3; i++) {
        say(fd, STR("ping"));
        hear(bench, fd, "ping");
        push(bench, "from here", true);
        hear(bench, fd, "from here");
    }
    assert_true(bench->writable > 0);
    say(fd, STR("bye"));
    assert_string_equal(hear(bench, fd, NULL), "bye"); /* then the end */
    assert_int_equal(bench->gone, 1);
    close(fd);
    for (int i = 0; i < 20; i++) {
        turn(bench);
    }
    assert_int_equal(http_server_counts(bench->server).connections, 0);
}

static void
test_stream__notices_who_leaves_an_upgrade(void **state)
{
    struct bench *bench = *state;
    struct http_server_options options = options_of(bench);
    start(bench, &options);
    int fd = dial(http_server_port(bench->server, 0));
    say(fd, STR("GET /echo HTTP/1.1\r\n" HOST "Connection: Upgrade\r\nUpgrade: echo\r\n\r\n"));
    hear(bench, fd, "101");
    close(fd);
    for (int i = 0; i < TURNS && bench->gone == 0; i++) {
        turn(bench);
    }
    assert_int_equal(bench->gone, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_stream__carries_what_is_pushed),        TEST(test_stream__bounds_its_queue),
        TEST(test_stream__ends_with_its_server),          TEST(test_stream__upgrades),
        TEST(test_stream__notices_who_leaves_an_upgrade),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
