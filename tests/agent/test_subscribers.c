/* Event streams and WebSockets: what comes at each tick, and who is too slow for it. */
#include "../check.h"

#include "asked.h"
#include "flametop/net/websocket.h"

static void
test_subscribers__streams_events(void **state)
{
    struct bench *bench = *state;
    start(bench);
    tick(bench, 0.25);
    int fd = dial(bench);
    static const char text[] =
        "GET /api/v1/stream HTTP/1.1\r\n" HOST READ "Accept: text/event-stream\r\n\r\n";
    assert_true(send(fd, text, strlen(text), MSG_NOSIGNAL) > 0);
    struct str heard = hear(bench, fd, has, "\"bottlenecks\":[]");
    assert_true(has(heard, "Content-Type: text/event-stream"));
    assert_true(has(heard, "event: initial_data\ndata: {\"current\":{\"timestamp\":"));
    assert_true(has(heard, "\"config\":{\"interval\":\"1s\"}"));
    tick(bench, 0.5);
    heard = hear(bench, fd, has, "\n\n");
    assert_true(has(heard, "event: metrics_update\ndata: {"));
    assert_true(has(heard, "\"cpuUsage\":50,"));
    assert_true(has(heard, "\"t.bytes\":400"));
    tick(bench, 0.95);
    heard = hear(bench, fd, has, "alert_triggered");
    assert_true(has(heard, "{\"id\":\"cpu.saturated\",\"severity\":\"critical\",\"message\":\"the "
                           "CPU is \\\"busy\\\"\",\"metric\":\"system.cpu.utilization\","
                           "\"threshold\":0.9,\"value\":0.95}"));
    tick(bench, 0.96);
    assert_false(has(hear(bench, fd, has, "\n\n"), "alert_triggered")); /* the same one */
    close(fd);
}

/* A WebSocket's client: what it heard, as text with a line a message. */
struct talk {
    int fd;
    struct websocket_reader *reader;
    struct buf heard;
    int closed; /* the code; 0: not */
    unsigned pings;
};

static bool
on_message(void *context, enum websocket_opcode opcode, struct str payload)
{
    struct talk *talk = context;
    talk->pings += opcode == WEBSOCKET_PING;
    if (opcode == WEBSOCKET_TEXT) {
        buf_add(&talk->heard, payload.p, payload.n);
        buf_putc(&talk->heard, '\n');
    } else if (opcode == WEBSOCKET_CLOSE) {
        talk->closed = payload.n == 2 ? (uint8_t)payload.p[0] << 8 | (uint8_t)payload.p[1] : 1005;
    }
    return true;
}

static void
talk_begin(struct bench *bench, struct talk *talk, const char *path)
{
    char text[400];
    *talk = (struct talk){.fd = dial(bench)};
    buf_init(&talk->heard, 1 << 24);
    talk->reader = websocket_reader_new(false, 1 << 22, talk, on_message);
    int n = snprintf(text, sizeof(text),
                     "GET %s HTTP/1.1\r\n" HOST READ "Connection: keep-alive, Upgrade\r\n"
                     "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                     path);
    assert_int_equal(send(talk->fd, text, (size_t)n, MSG_NOSIGNAL), n);
    struct str answer = hear(bench, talk->fd, has, "\r\n\r\n");
    assert_true(has(answer, "HTTP/1.1 101 "));
    assert_true(has(answer, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    const char *rest = strstr(answer.p, "\r\n\r\n") + 4;
    assert_int_equal(
        websocket_reader_feed(talk->reader, rest, answer.n - (size_t)(rest - answer.p)), 0);
}

static void
talk_end(struct talk *talk)
{
    close(talk->fd);
    websocket_reader_free(talk->reader);
    buf_done(&talk->heard);
}

/* Turns the loop until a text has come (NULL: until it is closed). */
static void
talk_hear(struct bench *bench, struct talk *talk, const char *what)
{
    char bytes[65536];
    for (int i = 0; i < TURNS; i++) {
        if (what != NULL && talk->heard.n > 0 && strstr(talk->heard.data, what) != NULL) {
            return;
        }
        uv_run(&bench->loop, UV_RUN_NOWAIT);
        usleep(1000);
        ssize_t n = recv(talk->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (n > 0) {
            assert_int_equal(websocket_reader_feed(talk->reader, bytes, (size_t)n), 0);
        } else if (n == 0 || errno != EAGAIN) {
            assert_null(what);
            return;
        }
    }
    fail_msg("no \"%s\" came, but: %.300s", what != NULL ? what : "end",
             talk->heard.n > 0 ? talk->heard.data : "nothing");
}

/* Until it has the picture. */
static void
talk_greet(struct bench *bench, struct talk *talk)
{
    talk_begin(bench, talk, "/ws");
    talk_hear(bench, talk, "initial_data");
}

static void
talk_say(struct talk *talk, enum websocket_opcode opcode, struct str text)
{
    static const uint8_t mask[4] = {1, 2, 3, 4};
    struct buf frame;
    buf_init(&frame, 1 << 20);
    websocket_write(&frame, opcode, text, mask);
    assert_int_equal(send(talk->fd, frame.data, frame.n, MSG_NOSIGNAL), (ssize_t)frame.n);
    buf_done(&frame);
}

static void
test_subscribers__talks_over_websockets(void **state)
{
    struct bench *bench = *state;
    static const char *const paths[] = {"/ws", "/"};
    start(bench);
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        struct talk talk;
        tick(bench, 0.95);
        talk_begin(bench, &talk, paths[i]);
        talk_hear(bench, &talk, "\"config\":{\"interval\":\"1s\"}}}");
        assert_non_null(
            strstr(talk.heard.data, "{\"type\":\"initial_data\",\"data\":{\"current\":"));
        assert_non_null(strstr(talk.heard.data, "\"alerts\":[{\"id\":\"cpu.saturated\""));
        buf_clear(&talk.heard);
        tick(bench, 0.5);
        talk_hear(bench, &talk, "\n");
        assert_non_null(strstr(talk.heard.data, "{\"type\":\"metrics_update\",\"data\":{"));
        assert_non_null(
            strstr(talk.heard.data, "\"system\":{\"cpuUsage\":50,\"memoryUsage\":null"));
        talk_say(&talk, WEBSOCKET_CLOSE, STR("\x03\xe8"));
        talk_hear(bench, &talk, NULL);
        assert_int_equal(talk.closed, 1000);
        talk_end(&talk);
    }
}

static void
test_subscribers__keeps_subscriptions(void **state)
{
    struct bench *bench = *state;
    struct talk talk;
    start(bench);
    tick(bench, 0.5);
    talk_greet(bench, &talk);
    buf_clear(&talk.heard);
    talk_say(&talk, WEBSOCKET_TEXT,
             STR("{\"type\":\"subscribe\",\"metrics\":[\"system.cpuUsage\",\"t.bytes{device=a}\"],"
                 "\"interval\":\"3s\"}"));
    talk_hear(bench, &talk,
              "{\"type\":\"subscribed\",\"data\":{\"metrics\":[\"system.cpuUsage\","
              "\"t.bytes{device=a}\"],\"interval_s\":3}}\n");
    buf_clear(&talk.heard);
    talk_say(&talk, WEBSOCKET_TEXT, /* which changes nothing */
             STR("{\"type\":\"subscribe\",\"metrics\":[\"t.bytes{device=b}\",\"no.such\"]}"));
    talk_hear(bench, &talk, "{\"type\":\"error\"");
    buf_clear(&talk.heard);
    for (int i = 0; i < 6; i++) {
        tick(bench, 0.5);
        for (int k = 0; k < 5; k++) {
            uv_run(&bench->loop, UV_RUN_NOWAIT);
        }
    }
    talk_say(&talk, WEBSOCKET_TEXT, STR("{\"type\":\"unsubscribe\"}"));
    talk_hear(bench, &talk, "subscribed");
    size_t updates = 0;
    for (const char *at = talk.heard.data; (at = strstr(at, "metrics_update")) != NULL; at++) {
        updates++;
    }
    assert_int_equal(updates, 2); /* of six ticks, each third */
    assert_non_null(strstr(talk.heard.data,
                           "\"metrics\":{\"system.cpuUsage\":0.5,\"t.bytes{device=a}\":100}}}"));
    buf_clear(&talk.heard);
    static const char *const wrong[] = {
        "{\"type\":\"subscribe\",\"metrics\":[\"no.such\"]}",
        "{\"type\":\"subscribe\",\"metrics\":[5]}",
        "{\"type\":\"subscribe\",\"metrics\":5}",
        "{\"type\":\"subscribe\",\"interval\":5}",
        "{\"type\":\"dance\"}",
        "[[[[",
        "",
    };
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        talk_say(&talk, WEBSOCKET_TEXT, str_from(wrong[i]));
        talk_hear(bench, &talk, "{\"type\":\"error\",\"data\":{\"error\":\"");
        buf_clear(&talk.heard);
    }
    talk_say(&talk, WEBSOCKET_TEXT, (struct str){"\xff", 1});
    talk_hear(bench, &talk, NULL);
    assert_int_equal(talk.closed, 1007);
    talk_end(&talk);
}

static void
test_subscribers__ends_who_never_answers_pings(void **state)
{
    struct bench *bench = *state;
    struct talk talk;
    bench->options.heartbeat_ns = 20 * NS_PER_MS;
    start(bench);
    tick(bench, 0.5);
    talk_begin(bench, &talk, "/ws");
    talk_hear(bench, &talk, NULL);
    assert_int_equal(talk.pings, 2);
    talk_end(&talk);
}

static void
test_subscribers__says_goodbye_when_it_ends(void **state)
{
    struct bench *bench = *state;
    struct talk talk;
    start(bench);
    tick(bench, 0.5);
    talk_greet(bench, &talk);
    exporter_agent.close(bench->agent);
    talk_hear(bench, &talk, NULL);
    assert_int_equal(talk.closed, 1001);
    talk_end(&talk);
    start(bench);
}

static void
test_subscribers__slow_readers_get_the_newest(void **state)
{
    struct bench *bench = *state;
    struct talk slow, quick;
    start(bench);
    tick(bench, 0.5);
    talk_greet(bench, &slow);
    int small = 4096, large = 1 << 20;
    setsockopt(slow.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    talk_greet(bench, &quick);
    size_t ticks = 0;
    for (; bench->dropped < 20 && ticks < 50000; ticks++) {
        char text[64];
        tick(bench, 0.5 + (double)ticks / 1e6);
        snprintf(text, sizeof(text), "%.17g", 0.5 + (double)ticks / 1e6);
        uv_run(&bench->loop, UV_RUN_NOWAIT);
        char bytes[65536];
        ssize_t n = recv(quick.fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (n > 0) {
            assert_int_equal(websocket_reader_feed(quick.reader, bytes, (size_t)n), 0);
        }
    }
    assert_true(bench->dropped >= 20);
    tick(bench, 0.0625);
    buf_clear(&quick.heard);
    talk_hear(bench, &quick, "\"cpuUsage\":6.25,");
    setsockopt(slow.fd, SOL_SOCKET, SO_RCVBUF, &large, sizeof(large));
    talk_hear(bench, &slow, "\"cpuUsage\":6.25,"); /* what was kept, then the newest */
    size_t updates = 0;
    for (const char *at = slow.heard.data; (at = strstr(at, "metrics_update")) != NULL; at++) {
        updates++;
    }
    assert_true(updates + 20 <= ticks + 1);
    talk_end(&slow);
    talk_end(&quick);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_subscribers__streams_events),
        TEST(test_subscribers__talks_over_websockets),
        TEST(test_subscribers__keeps_subscriptions),
        TEST(test_subscribers__ends_who_never_answers_pings),
        TEST(test_subscribers__says_goodbye_when_it_ends),
        TEST(test_subscribers__slow_readers_get_the_newest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
