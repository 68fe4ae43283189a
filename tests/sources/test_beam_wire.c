/* The wire to a node: the other end is a socket of this test. */
#include "../check.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "../../src/sources/beam_sampling.h"
#include "../../src/sources/beam_wire.h"
#include "flametop/base/clock.h"
#include "flametop/base/macros.h"

#define LONG_NS (60 * NS_PER_S)

struct answer {
    int count;
    enum beam_outcome outcome;
    char text[64];
};

struct desk {
    uv_loop_t loop;
    struct beam_wire *wire;
    int fd;
    int ends;
    char why[100];
};

static void
on_answer(void *context, enum beam_outcome outcome, struct str value)
{
    struct answer *answer = context;
    answer->count++;
    answer->outcome = outcome;
    if (value.n > 0) {
        etf_print(value, answer->text, sizeof(answer->text));
    }
}

static void
on_ended(void *context, const char *why)
{
    struct desk *desk = context;
    desk->ends++;
    snprintf(desk->why, sizeof(desk->why), "%s", why);
}

static void
desk_open(struct desk *desk)
{
    int pair[2];
    memset(desk, 0, sizeof(*desk));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    uv_loop_init(&desk->loop);
    desk->fd = pair[0];
    desk->wire = beam_wire_new(&(struct beam_wire_setup){.loop = &desk->loop,
                                                         .fd = pair[1],
                                                         .node = "us@here",
                                                         .creation = 4,
                                                         .context = desk,
                                                         .ended = on_ended});
    assert_non_null(desk->wire);
}

static void
turn(struct desk *desk)
{
    for (int i = 0; i < 20; i++) {
        uv_run(&desk->loop, UV_RUN_NOWAIT);
    }
}

static void
desk_close(struct desk *desk)
{
    beam_wire_free(desk->wire);
    uv_run(&desk->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&desk->loop), 0);
    close(desk->fd);
}

/* The next frame that the wire sent, without its length: how long it is. */
static size_t
take(struct desk *desk, char *dst, size_t size)
{
    unsigned char head[4];
    turn(desk);
    assert_int_equal(recv(desk->fd, head, 4, MSG_DONTWAIT), 4);
    size_t n = (size_t)head[2] << 8 | head[3];
    assert_true(n <= size && head[0] == 0 && head[1] == 0);
    assert_int_equal(n == 0 ? 0 : recv(desk->fd, dst, n, MSG_DONTWAIT), (ssize_t)n);
    return n;
}

/* Whom the frame wants to be answered: the pid in {6,Pid,'',rex} or {Tag,Pid,...}. */
static struct etf_term
sender(const char *frame, size_t n)
{
    struct str at = {frame + 2, n - 2};
    struct etf_term head, pid = {0};
    while (etf_next(&at, &head)) {
        if (head.type == ETF_PID && str_is(head.text, "us@here")) {
            pid = head;
        }
        if (at.n > 0 && (unsigned char)at.p[0] == 131) {
            at.p++;
            at.n--;
        }
    }
    assert_int_equal(pid.creation, 4);
    return pid;
}

/* {2,'',Pid} and {rex,Number}. */
static void
put_answer(struct buf *out, const struct etf_term *to, int64_t number)
{
    struct buf frame;
    buf_init(&frame, 4096);
    buf_add(&frame, "p\x83", 2);
    etf_put_tuple(&frame, 3);
    etf_put_integer(&frame, 2);
    etf_put_atom(&frame, "");
    etf_put_pid(&frame, &(struct etf_pid){"us@here", (uint32_t)to->integer, to->serial, 4});
    buf_putc(&frame, (char)131);
    etf_put_tuple(&frame, 2);
    etf_put_atom(&frame, "rex");
    etf_put_integer(&frame, number);
    char head[4] = {0, 0, (char)(frame.n >> 8), (char)frame.n};
    buf_add(out, head, 4);
    buf_add(out, frame.data, frame.n);
    buf_done(&frame);
}

static struct etf_term
call(struct desk *desk, int64_t patience_ns, struct answer *answer)
{
    char frame[1024];
    beam_wire_call(desk->wire, "erlang", "node", (struct str){"", 0}, 0, patience_ns, answer,
                   on_answer);
    size_t n = take(desk, frame, sizeof(frame));
    return sender(frame, n);
}

/* Answers come in any order and in any pieces. */
static void
test_beam_wire__finds_the_request_of_an_answer(void **state)
{
    (void)state;
    struct desk desk;
    struct answer first = {0}, second = {0};
    struct buf bytes;
    desk_open(&desk);
    struct etf_term a = call(&desk, LONG_NS, &first), b = call(&desk, LONG_NS, &second);
    buf_init(&bytes, 4096);
    put_answer(&bytes, &b, 2);
    put_answer(&bytes, &a, 1);
    for (size_t i = 0; i < bytes.n; i++) {
        assert_int_equal(send(desk.fd, bytes.data + i, 1, 0), 1);
        turn(&desk);
    }
    assert_true(first.count == 1 && first.outcome == BEAM_ANSWERED);
    assert_string_equal(first.text, "1");
    assert_string_equal(second.text, "2");
    buf_done(&bytes);
    desk_close(&desk);
}

/* An answer that comes after its time is nobody's, whoever waits then. */
static void
test_beam_wire__drops_late_answers(void **state)
{
    (void)state;
    struct desk desk;
    struct answer first = {0}, second = {0};
    struct buf bytes;
    desk_open(&desk);
    struct etf_term a = call(&desk, 0, &first);
    uv_run(&desk.loop, UV_RUN_ONCE); /* its time is over */
    assert_true(first.count == 1 && first.outcome == BEAM_LATE);
    struct etf_term b = call(&desk, LONG_NS, &second);
    buf_init(&bytes, 4096);
    put_answer(&bytes, &a, 1);
    assert_int_equal(send(desk.fd, bytes.data, bytes.n, 0), (ssize_t)bytes.n);
    turn(&desk);
    assert_int_equal(second.count, 0);
    buf_clear(&bytes);
    put_answer(&bytes, &b, 2);
    assert_int_equal(send(desk.fd, bytes.data, bytes.n, 0), (ssize_t)bytes.n);
    turn(&desk);
    assert_int_equal(first.count, 1);
    assert_string_equal(second.text, "2");
    buf_done(&bytes);
    desk_close(&desk);
}

static void
test_beam_wire__answers_ticks(void **state)
{
    (void)state;
    struct desk desk;
    char frame[16];
    desk_open(&desk);
    assert_int_equal(send(desk.fd, "\0\0\0\0", 4, 0), 4);
    assert_int_equal(take(&desk, frame, sizeof(frame)), 0);
    assert_int_equal(desk.ends, 0);
    desk_close(&desk);
}

/* What a node does not read is not added to without end. */
static void
test_beam_wire__answers_no_ticks_behind_others(void **state)
{
    (void)state;
    static char ticks[65536];
    struct desk desk;
    size_t sent = 0, came = 0;
    ssize_t n;
    desk_open(&desk);
    while (sent < sizeof(ticks)) {
        n = send(desk.fd, ticks + sent, sizeof(ticks) - sent, MSG_DONTWAIT);
        sent += n > 0 ? (size_t)n : 0;
        turn(&desk);
    }
    do {
        turn(&desk);
        n = recv(desk.fd, ticks, sizeof(ticks), MSG_DONTWAIT);
        came += n > 0 ? (size_t)n : 0;
    } while (n > 0);
    assert_true(came >= 4 && came <= sizeof(ticks) / 4);
    assert_int_equal(desk.ends, 0);
    desk_close(&desk);
}

static void
test_beam_wire__ends_at_what_is_no_protocol(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        const char *why;
    } rows[] = {
        {"\x04\x00\x00\x01", 4, "64 MiB"},
        {"\0\0\0\x04HTTP", 8, "not the distribution protocol"},
        {"\0\0\0\x03p\x83\x68", 7, "not the distribution protocol"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct desk desk;
        struct answer answer = {0};
        desk_open(&desk);
        call(&desk, LONG_NS, &answer);
        assert_int_equal(send(desk.fd, rows[i].bytes, rows[i].n, 0), (ssize_t)rows[i].n);
        turn(&desk);
        assert_int_equal(desk.ends, 1);
        assert_non_null(strstr(desk.why, rows[i].why));
        assert_true(answer.count == 1 && answer.outcome == BEAM_GONE);
        desk_close(&desk);
    }
}

static void
test_beam_wire__tells_when_the_other_end_leaves(void **state)
{
    (void)state;
    struct desk desk;
    struct answer answer = {0}, after = {0};
    desk_open(&desk);
    call(&desk, LONG_NS, &answer);
    shutdown(desk.fd, SHUT_RDWR);
    turn(&desk);
    assert_true(desk.ends == 1 && answer.count == 1 && answer.outcome == BEAM_GONE);
    beam_wire_call(desk.wire, "erlang", "node", (struct str){"", 0}, 0, LONG_NS, &after, on_answer);
    assert_true(after.count == 1 && after.outcome == BEAM_GONE);
    desk_close(&desk);
}

/* Sixteen megabytes in one message. */
static void
test_beam_wire__takes_large_answers(void **state)
{
    (void)state;
    struct desk desk;
    struct answer answer = {0};
    size_t large = (size_t)16 << 20;
    struct buf bytes;
    desk_open(&desk);
    struct etf_term pid = call(&desk, LONG_NS, &answer);
    buf_init(&bytes, large + 4096);
    put_answer(&bytes, &pid, 0);
    bytes.n -= 2; /* the number gives way to a binary */
    char *room = buf_reserve(&bytes, large + 5);
    assert_non_null(room);
    memset(room, 'x', large + 5);
    memcpy(room, "\x6d\x01\x00\x00\x00", 5);
    bytes.n += large + 5;
    size_t n = bytes.n - 4;
    memcpy(bytes.data, (char[]){(char)(n >> 24), (char)(n >> 16), (char)(n >> 8), (char)n}, 4);
    for (size_t at = 0; at < bytes.n;) {
        ssize_t sent = send(desk.fd, bytes.data + at, MIN(bytes.n - at, 65536), MSG_DONTWAIT);
        at += sent > 0 ? (size_t)sent : 0;
        uv_run(&desk.loop, UV_RUN_NOWAIT);
    }
    turn(&desk);
    assert_true(answer.count == 1 && answer.outcome == BEAM_ANSWERED);
    buf_done(&bytes);
    desk_close(&desk);
}

/* A wire that is full is not over: what was refused may be asked later. */
static void
test_beam_wire__is_busy_before_it_is_gone(void **state)
{
    (void)state;
    struct desk desk;
    static struct answer answers[BEAM_REQUESTS_MAX + 1];
    struct answer *last = &answers[BEAM_REQUESTS_MAX];
    memset(answers, 0, sizeof(answers));
    desk_open(&desk);
    for (size_t i = 0; i <= BEAM_REQUESTS_MAX; i++) {
        beam_wire_call(desk.wire, "erlang", "node", (struct str){"", 0}, 0, 0, &answers[i],
                       on_answer);
    }
    assert_true(last->count == 1 && last->outcome == BEAM_BUSY);
    while (answers[0].count == 0) { /* until their time is over */
        uv_run(&desk.loop, UV_RUN_ONCE);
    }
    assert_true(answers[0].count == 1 && answers[0].outcome == BEAM_LATE);
    call(&desk, LONG_NS, &answers[1]);
    close(desk.fd);
    desk.fd = -1;
    turn(&desk);
    beam_wire_call(desk.wire, "erlang", "node", (struct str){"", 0}, 0, 0, last, on_answer);
    assert_int_equal(last->outcome, BEAM_GONE);
    desk_close(&desk);
}

static void
on_told(void *context, const struct sampling_status *status, const struct profile *profile)
{
    struct desk *desk = context;
    desk->ends += sampling_is_over(status);
    profile_release((struct profile *)(uintptr_t)profile);
}

/* Sampling that finds it full comes again by itself. */
static void
test_beam_sampling__waits_for_room_on_the_wire(void **state)
{
    (void)state;
    struct desk desk;
    struct answer answer = {0};
    struct etf_pid collector = {.node = "them@there", .id = 7, .creation = 1};
    struct sampling_wish wish = {.kind = SAMPLING_NODE};
    desk_open(&desk);
    for (size_t i = 0; i < BEAM_REQUESTS_MAX; i++) {
        beam_wire_call(desk.wire, "erlang", "node", (struct str){"", 0}, 0, 0, &answer, on_answer);
    }
    struct beam_sampling *sampling =
        beam_sampling_new(&(struct beam_sampling_setup){.loop = &desk.loop,
                                                        .wire = desk.wire,
                                                        .collector = &collector,
                                                        .context = &desk,
                                                        .told = on_told},
                          &wish);
    assert_non_null(sampling);
    while (answer.count < BEAM_REQUESTS_MAX) { /* they are late then, and nothing else waits */
        uv_run(&desk.loop, UV_RUN_ONCE);
    }
    assert_true(uv_backend_timeout(&desk.loop) > 0);
    beam_sampling_end(sampling, "");
    desk_close(&desk);
}

/* Who comes when it is over, and wishes the same, is to hear of one that goes on. */
static void
test_beam_sampling__that_is_over_serves_nobody_else(void **state)
{
    (void)state;
    static char frame[65536];
    struct desk desk;
    struct buf refusal;
    struct etf_pid collector = {.node = "them@there", .id = 7, .creation = 1};
    struct sampling_wish wish = {.kind = SAMPLING_NODE}, held = wish;
    held.held = true;
    desk_open(&desk);
    struct beam_sampling_setup setup = {.loop = &desk.loop,
                                        .wire = desk.wire,
                                        .collector = &collector,
                                        .context = &desk,
                                        .told = on_told};
    struct beam_sampling *sampling = beam_sampling_new(&setup, &wish);
    assert_non_null(sampling);
    assert_true(beam_sampling_follow(sampling, &wish));
    struct etf_term asker = sender(frame, take(&desk, frame, sizeof(frame)));
    buf_init(&refusal, 4096);
    put_answer(&refusal, &asker, 0);
    assert_int_equal(send(desk.fd, refusal.data, refusal.n, 0), (ssize_t)refusal.n);
    turn(&desk);
    assert_int_equal(desk.ends, 1);
    assert_true(beam_sampling_follow(sampling, &held)); /* its own reader looks at it for longer */
    assert_true(beam_sampling_follow(sampling, &wish));
    assert_false(beam_sampling_follow(sampling, &wish));
    beam_sampling_end(sampling, "");
    buf_done(&refusal);
    desk_close(&desk);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_beam_wire__finds_the_request_of_an_answer),
        cmocka_unit_test(test_beam_wire__drops_late_answers),
        cmocka_unit_test(test_beam_wire__answers_ticks),
        cmocka_unit_test(test_beam_wire__answers_no_ticks_behind_others),
        cmocka_unit_test(test_beam_wire__ends_at_what_is_no_protocol),
        cmocka_unit_test(test_beam_wire__tells_when_the_other_end_leaves),
        cmocka_unit_test(test_beam_wire__takes_large_answers),
        cmocka_unit_test(test_beam_wire__is_busy_before_it_is_gone),
        cmocka_unit_test(test_beam_sampling__waits_for_room_on_the_wire),
        cmocka_unit_test(test_beam_sampling__that_is_over_serves_nobody_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
