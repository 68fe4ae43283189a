/* The gRPC server against libnghttp2's client, over a pair of sockets: what a call gets, however
 * its bytes are cut, what is refused and how, what is bounded, and bytes that mean harm. */
#include "../check.h"

#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>
#include <zlib.h>

#include "flametop/base/buf.h"
#include "flametop/base/clock.h"
#include "flametop/base/macros.h"
#include "flametop/net/grpc.h"

#define TURNS 5000 /* of the loop, a millisecond each, before a test gives up */
#define MESSAGE_MAX 1000
#define CONNECTIONS_MAX 4
#define CALLS_MAX 32 /* of one connection */
#define CALLS 40

struct bench {
    uv_loop_t loop;
    struct grpc_server *server;
    struct grpc_server_options options;
    struct buf heard; /* "path=message;" of each call handled */
    unsigned refused;
    struct grpc_call *later; /* to be answered */
    struct str message;      /* of it */
};

static enum grpc_status
handle(void *context, struct grpc_call *call, const char *path, struct str message,
       struct buf *reply, char *why, size_t why_size)
{
    struct bench *bench = context;
    buf_printf(&bench->heard, "%s=%.*s;", path, (int)message.n, message.p);
    if (strcmp(path, "/bad") == 0) {
        snprintf(why, why_size, "50 %% of \xC3\xA9\n");
        return GRPC_INVALID_ARGUMENT;
    }
    if (strcmp(path, "/later") == 0) {
        bench->later = call;
        bench->message = message;
        return GRPC_LATER;
    }
    buf_add(reply, message.p, message.n);
    buf_puts(reply, "!");
    return GRPC_OK;
}

static void
count_refused(void *context)
{
    struct bench *bench = context;
    bench->refused++;
}

static void
start(struct bench *bench)
{
    char why[200] = "";
    bench->server = grpc_server_new(&bench->options, why, sizeof(why));
    if (bench->server == NULL) {
        fail_msg("%s", why);
    }
}

static int
setup(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    uv_loop_init(&bench->loop);
    buf_init(&bench->heard, 1 << 20);
    bench->options = (struct grpc_server_options){.loop = &bench->loop,
                                                  .connections_max = CONNECTIONS_MAX,
                                                  .message_max = MESSAGE_MAX,
                                                  .messages_max = 1 << 20,
                                                  .timeout_ns = 3600 * NS_PER_S,
                                                  .context = bench,
                                                  .handle = handle,
                                                  .refused = count_refused};
    *state = bench;
    return 0;
}

static int
teardown(void **state)
{
    struct bench *bench = *state;
    grpc_server_free(bench->server);
    uv_run(&bench->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&bench->loop), 0);
    buf_done(&bench->heard);
    free(bench);
    return 0;
}

/* ---- a client ---- */

struct call {
    struct str body;
    size_t sent;
    bool held; /* its end is not sent yet */
    int32_t stream;
    char head[1000];  /* "name: value;" of what came before the body */
    char trail[1000]; /* and behind it */
    char reply[2000];
    size_t reply_n;
    bool closed;
    uint32_t error; /* of the stream, once it is closed */
};

struct client {
    int fd;
    nghttp2_session *session;
    struct call calls[CALLS];
    size_t count;
    bool ended; /* the server has closed */
};

static struct call *
call_of(struct client *client, int32_t stream)
{
    for (size_t i = 0; i < client->count; i++) {
        if (client->calls[i].stream == stream) {
            return &client->calls[i];
        }
    }
    return NULL;
}

static int
on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_n,
          const uint8_t *value, size_t value_n, uint8_t flags, void *context)
{
    struct call *call = call_of(context, frame->hd.stream_id);
    bool trails = frame->headers.cat == NGHTTP2_HCAT_HEADERS;
    char *dst = call != NULL ? (trails ? call->trail : call->head) : NULL;
    (void)session;
    (void)flags;
    if (dst != NULL) {
        size_t n = strlen(dst);
        snprintf(dst + n, sizeof(call->head) - n, "%.*s: %.*s;", (int)name_n, (const char *)name,
                 (int)value_n, (const char *)value);
    }
    return 0;
}

static int
on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data, size_t n,
        void *context)
{
    struct call *call = call_of(context, stream);
    (void)session;
    (void)flags;
    assert_non_null(call);
    assert_true(n <= sizeof(call->reply) - call->reply_n);
    memcpy(call->reply + call->reply_n, data, n);
    call->reply_n += n;
    return 0;
}

static int
on_close(nghttp2_session *session, int32_t stream, uint32_t error, void *context)
{
    struct call *call = call_of(context, stream);
    (void)session;
    if (call != NULL) {
        call->closed = true;
        call->error = error;
    }
    return 0;
}

static ssize_t
on_body_wanted(nghttp2_session *session, int32_t stream, uint8_t *dst, size_t room, uint32_t *flags,
               nghttp2_data_source *source, void *context)
{
    struct call *call = source->ptr;
    size_t n = MIN(room, call->body.n - call->sent);
    (void)session;
    (void)stream;
    (void)context;
    memcpy(dst, call->body.p + call->sent, n);
    call->sent += n;
    if (n == 0 && call->held) {
        return NGHTTP2_ERR_DEFERRED;
    }
    *flags |= call->sent == call->body.n && !call->held ? NGHTTP2_DATA_FLAG_EOF : 0;
    return (ssize_t)n;
}

static void
client_open(struct client *client, struct bench *bench)
{
    int ends[2];
    nghttp2_session_callbacks *callbacks;
    *client = (struct client){.count = 0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    client->fd = ends[0];
    assert_int_equal(nghttp2_session_callbacks_new(&callbacks), 0);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    assert_int_equal(nghttp2_session_client_new(&client->session, callbacks, client), 0);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(client->session, NGHTTP2_FLAG_NONE, NULL, 0);
    grpc_server_take(bench->server, ends[1]);
}

static void
client_close(struct client *client)
{
    nghttp2_session_del(client->session);
    close(client->fd);
}

static nghttp2_nv
pair(const char *name, const char *value)
{
    return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
                        .value = (uint8_t *)(uintptr_t)value,
                        .namelen = strlen(name),
                        .valuelen = strlen(value)};
}

/* What a call is made of; NULL: as it should be. */
struct wish {
    const char *method, *path, *type, *encoding;
    struct str body; /* with its prefix */
    bool held;
};

static struct call *
ask(struct client *client, const struct wish *wish)
{
    struct call *call = &client->calls[client->count++];
    *call = (struct call){.body = wish->body, .held = wish->held};
    nghttp2_data_provider body = {.source = {.ptr = call}, .read_callback = on_body_wanted};
    nghttp2_nv headers[] = {
        pair(":method", wish->method != NULL ? wish->method : "POST"),
        pair(":scheme", "http"),
        pair(":path", wish->path != NULL ? wish->path : "/echo"),
        pair(":authority", "h"),
        pair("content-type", wish->type != NULL ? wish->type : "application/grpc"),
        pair("grpc-encoding", wish->encoding != NULL ? wish->encoding : "identity")};
    call->stream =
        nghttp2_submit_request(client->session, NULL, headers, ARRAY_SIZE(headers), &body, NULL);
    assert_true(call->stream > 0);
    return call;
}

/* All that the client has to say, for the socket. */
static void
take_out(struct client *client, struct buf *out)
{
    const uint8_t *bytes;
    ssize_t n;
    while ((n = nghttp2_session_mem_send(client->session, &bytes)) > 0) {
        buf_add(out, bytes, (size_t)n);
    }
    assert_int_equal(n, 0);
}

static void
say(struct client *client, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(client->fd, bytes, n, MSG_NOSIGNAL);
        if (sent < 0) {
            assert_true(errno == EPIPE || errno == ECONNRESET); /* it was closed from there */
            return;
        }
        bytes += sent;
        n -= (size_t)sent;
    }
}

static void
turn(struct bench *bench, struct client *client)
{
    uint8_t bytes[65536];
    struct buf out;
    uv_run(&bench->loop, UV_RUN_NOWAIT);
    ssize_t n = recv(client->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    client->ended |= n == 0 || (n < 0 && errno != EAGAIN);
    if (n > 0) {
        assert_true(nghttp2_session_mem_recv(client->session, bytes, (size_t)n) == n);
    }
    buf_init(&out, 16 << 20);
    take_out(client, &out);
    say(client, out.data, out.n);
    buf_done(&out);
}

/* Until the server has closed, or this call is closed. */
static void
hear(struct bench *bench, struct client *client, const struct call *call)
{
    for (int i = 0; i < TURNS && !client->ended && (call == NULL || !call->closed); i++) {
        turn(bench, client);
        if (i > 20) {
            usleep(1000);
        }
    }
    if (!client->ended && (call == NULL || !call->closed)) {
        fail_msg("nothing more came");
    }
}

static void
check_good(const struct call *call, const char *text)
{
    size_t n = strlen(text);
    const char prefix[] = {0, 0, 0, 0, (char)n};
    assert_string_equal(call->head, ":status: 200;content-type: application/grpc;");
    assert_string_equal(call->trail, "grpc-status: 0;");
    assert_int_equal(call->reply_n, sizeof(prefix) + n);
    assert_memory_equal(call->reply, prefix, sizeof(prefix));
    assert_memory_equal(call->reply + sizeof(prefix), text, n);
    assert_int_equal(call->error, 0);
}

static const struct wish hello = {.body = {"\0\0\0\0\5hello", 10}};

static void
check_alive(struct bench *bench)
{
    struct client client;
    client_open(&client, bench);
    struct call *call = ask(&client, &hello);
    hear(bench, &client, call);
    check_good(call, "hello!");
    client_close(&client);
    for (int i = 0; i < 3; i++) {
        uv_run(&bench->loop, UV_RUN_NOWAIT); /* it sees that the client has left */
    }
}

/* ---- the tests ---- */

static void
test_grpc__answers_with_a_reply_and_trailers(void **state)
{
    struct bench *bench = *state;
    struct client client;
    start(bench);
    client_open(&client, bench);
    struct call *one = ask(&client, &hello);
    struct call *two = ask(&client, &(struct wish){.path = "/other", .body = {"\0\0\0\0\0", 5}});
    hear(bench, &client, one);
    hear(bench, &client, two);
    check_good(one, "hello!");
    check_good(two, "!");
    assert_string_equal(bench->heard.data, "/echo=hello;/other=;");
    assert_int_equal(bench->refused, 0);
    client_close(&client);
}

static void
test_grpc__a_status_that_is_no_success_comes_with_the_headers(void **state)
{
    struct bench *bench = *state;
    struct client client;
    start(bench);
    client_open(&client, bench);
    struct call *call = ask(&client, &(struct wish){.path = "/bad", .body = hello.body});
    hear(bench, &client, call);
    assert_string_equal(call->head, ":status: 200;content-type: application/grpc;grpc-status: 3;"
                                    "grpc-message: 50 %25 of %C3%A9%0A;");
    assert_true(call->trail[0] == '\0' && call->reply_n == 0);
    client_close(&client);
}

/* However the bytes of a call come. */
static void
test_grpc__takes_frames_cut_at_each_byte(void **state)
{
    struct bench *bench = *state;
    struct client client;
    size_t n = 1;
    start(bench);
    for (size_t cut = 0; cut <= n; cut++) {
        struct buf out;
        buf_init(&out, 1 << 16);
        client_open(&client, bench);
        struct call *call = ask(&client, &hello);
        take_out(&client, &out);
        n = out.n;
        for (size_t i = 0; i < n; i += cut == 0 ? 1 : n) { /* each byte by itself first */
            size_t first = cut == 0 ? 1 : cut;
            say(&client, out.data + i, first);
            uv_run(&bench->loop, UV_RUN_NOWAIT);
            say(&client, out.data + i + first, cut == 0 ? 0 : n - first);
        }
        hear(bench, &client, call);
        check_good(call, "hello!");
        client_close(&client);
        uv_run(&bench->loop, UV_RUN_NOWAIT);
        buf_done(&out);
    }
    assert_true(n > 100);
}

static struct str
gzip(const char *text, size_t n, char *dst, size_t size)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)text;
    z.avail_in = (uInt)n;
    z.next_out = (Bytef *)dst + 5;
    z.avail_out = (uInt)(size - 5);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t packed = z.total_out;
    deflateEnd(&z);
    memcpy(dst, (char[]){1, 0, 0, (char)(packed >> 8), (char)packed}, 5);
    return (struct str){dst, packed + 5};
}

static void
test_grpc__unpacks_gzip_within_its_bound(void **state)
{
    struct bench *bench = *state;
    struct client client;
    char packed[200], bomb[2000], damaged[200];
    static const char zeros[100000];
    start(bench);
    struct str good = gzip("hello", 5, packed, sizeof(packed));
    struct str large = gzip(zeros, sizeof(zeros), bomb, sizeof(bomb));
    memcpy(damaged, packed, sizeof(damaged));
    damaged[good.n - 6] ^= 1; /* of the checksum */
    client_open(&client, bench);
    struct call *one = ask(&client, &(struct wish){.encoding = "gzip", .body = good});
    hear(bench, &client, one);
    check_good(one, "hello!");
    const struct {
        const char *encoding;
        struct str body;
        const char *status;
    } cases[] = {{"gzip", large, "grpc-status: 8;"},
                 {"gzip", {damaged, good.n}, "grpc-status: 3;"},
                 {"gzip", {packed, good.n - 1}, "grpc-status: 3;"}, /* shorter than it says */
                 {"identity", good, "grpc-status: 12;"},
                 {"br", good, "grpc-status: 12;"}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct call *call =
            ask(&client, &(struct wish){.encoding = cases[i].encoding, .body = cases[i].body});
        hear(bench, &client, call);
        assert_non_null(strstr(call->head, cases[i].status));
        assert_int_equal(bench->refused, i + 1);
    }
    client_close(&client);
}

static void
test_grpc__refuses_what_is_no_call(void **state)
{
    struct bench *bench = *state;
    struct client client;
    static char large[MESSAGE_MAX + 6];
    memcpy(large, "\0\0\0\3\351", 5); /* 1,001 bytes */
    start(bench);
    client_open(&client, bench);
    const struct {
        struct wish wish;
        const char *want;
    } cases[] = {{{.method = "GET", .body = hello.body}, ":status: 405;"},
                 {{.type = "text/html", .body = hello.body}, ":status: 415;"},
                 {{.body = {"", 0}}, "grpc-status: 3;"},
                 {{.body = {"\0\0\0\0", 4}}, "grpc-status: 3;"},
                 {{.body = {"\0\0\0\0\6hello", 10}}, "grpc-status: 3;"},
                 {{.body = {"\0\0\0\0\4hello", 10}}, "grpc-status: 3;"},
                 {{.body = {"\0\377\377\377\377hello", 10}}, "grpc-status: 3;"},
                 {{.body = {large, sizeof(large)}}, "grpc-status: 8;"}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct call *call = ask(&client, &cases[i].wish);
        hear(bench, &client, call);
        if (strstr(call->head, cases[i].want) == NULL) {
            fail_msg("%zu: %s", i, call->head);
        }
    }
    struct call *call = ask(&client, &hello); /* the connection is as good as it was */
    hear(bench, &client, call);
    check_good(call, "hello!");
    assert_string_equal(bench->heard.data, "/echo=hello;");
    client_close(&client);
}

/* Its message stays meanwhile, also when who called has left. */
static void
test_grpc__answers_later(void **state)
{
    struct bench *bench = *state;
    struct client client;
    const struct wish wish = {.path = "/later", .body = hello.body};
    start(bench);
    client_open(&client, bench);
    for (int round = 0; round < 3; round++) {
        struct call *call = ask(&client, &wish);
        bench->later = NULL;
        for (int i = 0; i < TURNS && bench->later == NULL; i++) {
            turn(bench, &client);
        }
        assert_true(bench->later != NULL && !call->closed);
        assert_true(str_is(bench->message, "hello"));
        if (round == 0) {
            grpc_answer(bench->later, GRPC_OK, STR("at last"), "");
            hear(bench, &client, call);
            check_good(call, "at last");
        } else if (round == 1) {
            grpc_answer(bench->later, GRPC_UNAVAILABLE, STR(""), "too busy");
            hear(bench, &client, call);
            assert_non_null(strstr(call->head, "grpc-status: 14;grpc-message: too busy;"));
        }
    }
    client_close(&client);
    for (int i = 0; i < 3; i++) {
        uv_run(&bench->loop, UV_RUN_NOWAIT);
    }
    assert_true(str_is(bench->message, "hello"));
    grpc_answer(bench->later, GRPC_OK, STR("to nobody"), "");
    check_alive(bench);
}

/* More at once than it has told are refused one by one. */
static void
test_grpc__bounds_the_calls_of_a_connection(void **state)
{
    struct bench *bench = *state;
    struct client *client = calloc(1, sizeof(*client));
    struct buf out;
    start(bench);
    client_open(client, bench);
    for (size_t i = 0; i < CALLS; i++) {
        ask(client, &(struct wish){.body = hello.body, .held = true});
    }
    buf_init(&out, 1 << 20); /* all at once: before it hears how many there may be */
    take_out(client, &out);
    say(client, out.data, out.n);
    buf_done(&out);
    for (size_t i = CALLS_MAX; i < CALLS; i++) {
        hear(bench, client, &client->calls[i]);
        assert_int_equal(client->calls[i].error, NGHTTP2_REFUSED_STREAM);
    }
    for (size_t i = 0; i < CALLS_MAX; i++) {
        assert_false(client->calls[i].closed);
        client->calls[i].held = false;
        nghttp2_session_resume_data(client->session, client->calls[i].stream);
        hear(bench, client, &client->calls[i]);
        check_good(&client->calls[i], "hello!");
    }
    client_close(client);
    free(client);
}

static void
test_grpc__bounds_the_bytes_of_all_messages(void **state)
{
    struct bench *bench = *state;
    struct client client;
    static char body[905];
    memcpy(body, "\0\0\0\3\204", 5); /* 900 bytes */
    bench->options.messages_max = 1500;
    start(bench);
    client_open(&client, bench);
    const struct wish wish = {.body = {body, sizeof(body)}, .held = true};
    struct call *calls[] = {ask(&client, &wish), ask(&client, &wish)};
    for (int i = 0; i < 20; i++) {
        turn(bench, &client);
    }
    for (size_t i = 0; i < 2; i++) {
        calls[i]->held = false;
        nghttp2_session_resume_data(client.session, calls[i]->stream);
        hear(bench, &client, calls[i]);
    }
    assert_string_equal(calls[0]->trail, "grpc-status: 0;");
    assert_non_null(strstr(calls[1]->head, "grpc-status: 8;"));
    struct call *again = ask(&client, &hello); /* what both held was given back */
    hear(bench, &client, again);
    check_good(again, "hello!");
    client_close(&client);
}

static void
test_grpc__bounds_the_connections(void **state)
{
    struct bench *bench = *state;
    struct client clients[CONNECTIONS_MAX + 1];
    start(bench);
    for (size_t i = 0; i < ARRAY_SIZE(clients); i++) {
        client_open(&clients[i], bench);
    }
    hear(bench, &clients[CONNECTIONS_MAX], NULL); /* closed at once */
    struct call *call = ask(&clients[0], &hello);
    hear(bench, &clients[0], call);
    check_good(call, "hello!");
    for (size_t i = 0; i < ARRAY_SIZE(clients); i++) {
        client_close(&clients[i]);
    }
}

static void
test_grpc__ends_calls_that_never_get_whole(void **state)
{
    struct bench *bench = *state;
    struct client client;
    bench->options.timeout_ns = 20 * NS_PER_MS;
    start(bench);
    client_open(&client, bench);
    struct call *call = ask(&client, &(struct wish){.body = hello.body, .held = true});
    hear(bench, &client, NULL);
    assert_true(client.ended && !call->closed);
    client_close(&client);
}

/* A path longer than any, and headers that never end. */
static void
test_grpc__survives_headers_without_measure(void **state)
{
    struct bench *bench = *state;
    struct client client;
    static char path[4000], value[16001];
    start(bench);
    memset(path, 'p', sizeof(path) - 1);
    path[0] = '/';
    client_open(&client, bench);
    struct call *call = ask(&client, &(struct wish){.path = path, .body = hello.body});
    hear(bench, &client, call);
    check_good(call, "hello!");
    assert_true(bench->heard.n < 300); /* cut */
    client_close(&client);

    memset(value, 'v', sizeof(value) - 1);
    client_open(&client, bench);
    nghttp2_nv headers[6];
    for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
        headers[i] = pair("x-many", value);
        headers[i].flags = NGHTTP2_NV_FLAG_NO_INDEX;
    }
    headers[0] = pair(":method", "POST");
    headers[1] = pair(":scheme", "http");
    headers[2] = pair(":path", "/many");
    call = &client.calls[client.count++];
    call->stream = nghttp2_submit_request(client.session, NULL, headers, ARRAY_SIZE(headers), NULL,
                                          NULL); /* 48,000 bytes */
    hear(bench, &client, call);
    client_close(&client);
    check_alive(bench);
}

/* Each byte of a call is damaged in turn: whatever becomes of it, the next one is answered. */
static void
test_grpc__survives_any_damage(void **state)
{
    struct bench *bench = *state;
    size_t n = 1;
    start(bench);
    for (size_t at = 0; at < n; at++) {
        struct client client;
        struct buf out;
        buf_init(&out, 1 << 16);
        client_open(&client, bench);
        ask(&client, &hello);
        take_out(&client, &out);
        n = out.n;
        out.data[at] = (char)~out.data[at];
        say(&client, out.data, out.n);
        for (int i = 0; i < 3; i++) {
            uv_run(&bench->loop, UV_RUN_NOWAIT);
        }
        client_close(&client);
        for (int i = 0; i < 3; i++) {
            uv_run(&bench->loop, UV_RUN_NOWAIT);
        }
        buf_done(&out);
    }
    check_alive(bench);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(test_grpc__answers_with_a_reply_and_trailers),
        TEST(test_grpc__a_status_that_is_no_success_comes_with_the_headers),
        TEST(test_grpc__takes_frames_cut_at_each_byte),
        TEST(test_grpc__unpacks_gzip_within_its_bound),
        TEST(test_grpc__refuses_what_is_no_call),
        TEST(test_grpc__answers_later),
        TEST(test_grpc__bounds_the_calls_of_a_connection),
        TEST(test_grpc__bounds_the_bytes_of_all_messages),
        TEST(test_grpc__bounds_the_connections),
        TEST(test_grpc__ends_calls_that_never_get_whole),
        TEST(test_grpc__survives_headers_without_measure),
        TEST(test_grpc__survives_any_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
