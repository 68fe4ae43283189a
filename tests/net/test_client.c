/* The HTTP client against a server that behaves, and misbehaves, as told by the path. */
#include "../check.h"

#include "flametop/base/macros.h" /* before those that define MIN as well */

#include <uv.h>
#include <zlib.h>

#include "../peer.h"
#include "flametop/base/buf.h"
#include "flametop/base/clock.h"
#include "flametop/net/client.h"

/* What came of one request. */
struct got {
    int calls, status;
    char why[400], type[64], realm[64];
    struct buf body;
    uv_loop_t *loop;
    struct http_call *call;
    size_t streamed, stop_at;
};

struct scene {
    uv_loop_t loop;
    struct peer peer;
    struct http_client *client;
    char request[8192]; /* the last one the peer saw */
};

static void
reply_bomb(int fd)
{
    size_t n = (size_t)8 << 20;
    char *zeros = calloc(1, n), *packed = calloc(1, 64 << 10);
    z_stream stream = {.next_in = (Bytef *)zeros,
                       .avail_in = (uInt)n,
                       .next_out = (Bytef *)packed,
                       .avail_out = 64 << 10};
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    char head[200];
    snprintf(head, sizeof(head),
             "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %lu\r\n\r\n",
             stream.total_out);
    peer_puts(fd, head);
    peer_write(fd, packed, stream.total_out);
    deflateEnd(&stream);
    free(zeros);
    free(packed);
}

static void
reply_headers(int fd)
{
    peer_puts(fd, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 20000; i++) {
        peer_puts(fd, "X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n");
    }
    peer_puts(fd, "\r\n");
}

static bool
answer(struct peer *peer, int fd, const char *request)
{
    struct scene *scene = peer->context;
    snprintf(scene->request, sizeof(scene->request), "%s", request);
    if (peer_asks(request, "/hello")) {
        peer_reply(fd, "200 OK", "text/plain", "hello", 5);
    } else if (peer_asks(request, "/chunked")) {
        peer_puts(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                      "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    } else if (peer_asks(request, "/slow")) {
        peer_puts(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc");
        peer_hold(fd);
        return false;
    } else if (peer_asks(request, "/mute")) {
        peer_hold(fd);
        return false;
    } else if (peer_asks(request, "/elsewhere")) {
        peer_puts(fd, "HTTP/1.1 302 Found\r\nLocation: http://evil.example/\x1b[31mx\r\n"
                      "Content-Length: 0\r\n\r\n");
    } else if (peer_asks(request, "/bomb")) {
        reply_bomb(fd);
    } else if (peer_asks(request, "/headers")) {
        reply_headers(fd);
        return false;
    } else if (peer_asks(request, "/cut")) {
        peer_puts(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc");
        return false;
    } else if (peer_asks(request, "/closed")) {
        return false;
    } else if (peer_asks(request, "/noise")) {
        peer_puts(fd, "\x16\x03\x01 this is no HTTP\r\n\r\n");
        return false;
    } else if (peer_asks(request, "/password")) {
        peer_puts(fd, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 6\r\n"
                      "WWW-Authenticate: Basic realm=\"The \x1bRealm\"\r\n\r\nsecret");
    } else if (peer_asks(request, "/stream")) {
        peer_puts(fd, "HTTP/1.1 200 OK\r\n\r\nabcdefgh");
        peer_hold(fd);
        return false;
    } else {
        peer_reply(fd, "404 Not Found", "text/plain", "", 0);
    }
    return true;
}

static void
scene_open(struct scene *scene, const char *unix_path, const struct http_credentials *credentials)
{
    char text[200], why[200];
    struct url url;
    memset(scene, 0, sizeof(*scene));
    uv_loop_init(&scene->loop);
    peer_start(&scene->peer, unix_path, 0, answer, scene);
    if (unix_path != NULL) {
        snprintf(text, sizeof(text), "unix:%s", unix_path);
    } else {
        snprintf(text, sizeof(text), "http://127.0.0.1:%u", scene->peer.port);
    }
    assert_true(url_parse(str_from(text), &url, why, sizeof(why)));
    scene->client = http_client_new(&scene->loop, &url, credentials, why, sizeof(why));
    assert_non_null(scene->client);
}

static void
scene_close(struct scene *scene)
{
    http_client_free(scene->client);
    uv_run(&scene->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&scene->loop), 0);
    peer_stop(&scene->peer);
}

static void
take(void *context, const struct http_answer *answer_)
{
    struct got *got = context;
    got->calls++;
    got->status = answer_->status;
    snprintf(got->why, sizeof(got->why), "%s", answer_->why);
    snprintf(got->type, sizeof(got->type), "%s", answer_->type);
    snprintf(got->realm, sizeof(got->realm), "%s", answer_->realm);
    buf_init(&got->body, 1 << 20);
    buf_add(&got->body, answer_->body.p, answer_->body.n);
    buf_putc(&got->body, '\0');
    assert_true(answer_->first_byte_ns <= answer_->duration_ns);
    uv_stop(got->loop);
}

static struct got
ask_with(struct scene *scene, struct http_request request)
{
    struct got got = {.loop = &scene->loop};
    request.context = &got;
    request.done = take;
    request.timeout_ns = 300 * NS_PER_MS;
    request.body_max = 64 << 10;
    assert_non_null(http_send(scene->client, &request));
    assert_int_equal(got.calls, 0); /* never from inside http_send */
    uv_run(&scene->loop, UV_RUN_DEFAULT);
    assert_int_equal(got.calls, 1);
    return got;
}

/* One request; the body is compared and released. */
static void
expect(struct scene *scene, const char *path, int status, const char *body, const char *why)
{
    struct got got = ask_with(scene, (struct http_request){.path = path});
    assert_int_equal(got.status, status);
    assert_string_equal(got.body.data, body);
    if (strstr(got.why, why) == NULL || (why[0] == '\0') != (got.why[0] == '\0')) {
        fail_msg("%s: \"%s\" has no \"%s\"", path, got.why, why);
    }
    buf_done(&got.body);
}

static void
test_client__takes_answers(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene, NULL, NULL);
    expect(&scene, "/hello", 200, "hello", "");
    expect(&scene, "/chunked", 200, "abcde", "");
    expect(&scene, "/nothing", 404, "", "");
    assert_int_equal(scene.peer.connection_count, 1); /* it was kept */
    assert_true(http_client_received(scene.client) > 100);
    scene_close(&scene);
}

static void
test_client__says_what_went_wrong(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene, NULL, NULL);
    expect(&scene, "/mute", 0, "", "gave no answer within 0.3 s");
    expect(&scene, "/slow", 0, "abc", "did not finish its answer within 0.3 s");
    expect(&scene, "/cut", 0, "abc", "in the middle");
    expect(&scene, "/closed", 0, "", "without an answer");
    expect(&scene, "/noise", 0, "", "does not speak HTTP");
    expect(&scene, "/elsewhere", 302, "", "points to http://evil.example/");
    scene_close(&scene);
}

static void
test_client__bounds_what_it_takes(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene, NULL, NULL);
    struct got got = ask_with(&scene, (struct http_request){.path = "/bomb"});
    assert_int_equal(got.status, 0);
    assert_non_null(strstr(got.why, "answered more than 64 KiB"));
    assert_true(got.body.n <= (64 << 10) + 1);
    buf_done(&got.body);
    expect(&scene, "/headers", 0, "", "64 KiB of headers");
    scene_close(&scene);
}

static void
test_client__names_the_realm_cleaned(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene, NULL, NULL);
    struct got got = ask_with(&scene, (struct http_request){.path = "/password"});
    assert_int_equal(got.status, 401);
    assert_string_equal(got.realm, "The ?Realm");
    buf_done(&got.body);
    scene_close(&scene);
}

static void
test_client__sends_credentials_and_headers(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene, NULL,
               &(struct http_credentials){.token = "abc123",
                                          .headers = "X-Scope-OrgID: a\n\n X-Other: b \n"});
    expect(&scene, "/hello", 200, "hello", "");
    assert_non_null(strstr(scene.request, "\r\nAuthorization: Bearer abc123\r\n"));
    assert_non_null(strstr(scene.request, "\r\nX-Scope-OrgID: a\r\n"));
    assert_non_null(strstr(scene.request, "\r\nX-Other: b\r\n"));
    struct got got = ask_with(
        &scene,
        (struct http_request){
            .path = "/hello", .token = "second", .post = "{}", .post_size = 2, .accept = "text/x"});
    buf_done(&got.body);
    assert_true(strncmp(scene.request, "POST /hello HTTP/1.1\r\n", 22) == 0);
    assert_non_null(strstr(scene.request, "\r\nAuthorization: Bearer second\r\n"));
    assert_null(strstr(scene.request, "abc123"));
    assert_non_null(strstr(scene.request, "\r\nAccept: text/x\r\n"));
    assert_non_null(strstr(scene.request, "\r\nContent-Type: application/json\r\n"));
    scene_close(&scene);
    scene_open(&scene, NULL, &(struct http_credentials){.user = "u", .password = "p"});
    expect(&scene, "/hello", 200, "hello", "");
    assert_non_null(strstr(scene.request, "\r\nAuthorization: Basic dTpw\r\n"));
    scene_close(&scene);
}

static void
test_client__reads_netrc_for_this_host_only(void **state)
{
    (void)state;
    char home[] = "/tmp/flametop-netrc.XXXXXX", path[64], *before = getenv("HOME");
    char kept[200];
    snprintf(kept, sizeof(kept), "%s", before != NULL ? before : "/");
    assert_non_null(mkdtemp(home));
    snprintf(path, sizeof(path), "%s/.netrc", home);
    FILE *file = fopen(path, "w");
    fputs("machine 127.0.0.1 login u password p\n", file);
    fclose(file);
    setenv("HOME", home, 1);
    struct scene scene;
    scene_open(&scene, NULL, &(struct http_credentials){.netrc = true});
    expect(&scene, "/hello", 200, "hello", "");
    assert_non_null(strstr(scene.request, "\r\nAuthorization: Basic dTpw\r\n"));
    file = fopen(path, "w");
    fputs("machine other.example login u password p\n", file);
    fclose(file);
    expect(&scene, "/hello", 200, "hello", "");
    assert_null(strstr(scene.request, "Authorization"));
    scene_close(&scene);
    setenv("HOME", kept, 1);
    unlink(path);
    rmdir(home);
}

static void
test_client__refuses_lines_in_secrets(void **state)
{
    (void)state;
    uv_loop_t loop;
    struct url url;
    char why[200];
    uv_loop_init(&loop);
    assert_true(url_parse(STR("http://127.0.0.1:1"), &url, why, sizeof(why)));
    assert_null(http_client_new(&loop, &url, &(struct http_credentials){.token = "a\r\nHost: b"},
                                why, sizeof(why)));
    assert_non_null(strstr(why, "token"));
    struct http_client *client = http_client_new(&loop, &url, NULL, why, sizeof(why));
    assert_null(http_send(client, &(struct http_request){.path = "@evil.example/", .done = take}));
    http_client_free(client);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static bool
take_bytes(void *context, const void *bytes, size_t n)
{
    struct got *got = context;
    (void)bytes;
    got->streamed += n;
    return got->streamed < got->stop_at;
}

static void
test_client__streams_until_told_or_silent(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene, NULL, NULL);
    struct got got = {.loop = &scene.loop, .stop_at = 100};
    struct http_request request = {.path = "/stream",
                                   .context = &got,
                                   .timeout_ns = 200 * NS_PER_MS,
                                   .bytes = take_bytes,
                                   .done = take};
    http_send(scene.client, &request);
    uv_run(&scene.loop, UV_RUN_DEFAULT);
    assert_int_equal(got.streamed, 8);
    assert_int_equal(got.status, 200);
    assert_non_null(strstr(got.why, "silent for 0.2 s"));
    buf_done(&got.body);
    got = (struct got){.loop = &scene.loop, .stop_at = 4};
    http_send(scene.client, &request);
    uv_run(&scene.loop, UV_RUN_DEFAULT);
    assert_int_equal(got.streamed, 8);
    assert_string_equal(got.why, "");
    buf_done(&got.body);
    got = (struct got){.loop = &scene.loop, .stop_at = 100};
    request.path = "/password"; /* a refusal is no stream */
    http_send(scene.client, &request);
    uv_run(&scene.loop, UV_RUN_DEFAULT);
    assert_int_equal(got.streamed, 0);
    assert_int_equal(got.status, 401);
    assert_string_equal(got.body.data, "secret");
    buf_done(&got.body);
    scene_close(&scene);
}

static bool
cancel_inside(void *context, const void *bytes, size_t n)
{
    struct got *got = context;
    (void)bytes;
    got->streamed += n;
    http_cancel(got->call);
    uv_stop(got->loop);
    return true;
}

static void
test_client__cancels_without_a_call(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene, NULL, NULL);
    struct got got = {.loop = &scene.loop};
    struct http_request request = {.path = "/stream",
                                   .context = &got,
                                   .timeout_ns = NS_PER_S,
                                   .bytes = cancel_inside,
                                   .done = take};
    got.call = http_send(scene.client, &request);
    uv_run(&scene.loop, UV_RUN_DEFAULT);
    assert_int_equal(got.streamed, 8);
    http_cancel(http_send(scene.client, &request));
    http_cancel(NULL);
    expect(&scene, "/hello", 200, "hello", "");
    assert_int_equal(got.calls, 0);
    scene_close(&scene);
}

static void
free_inside(void *context, const struct http_answer *answer_)
{
    struct scene *scene = context;
    assert_int_equal(answer_->status, 200);
    http_client_free(scene->client);
    scene->client = NULL;
}

static void
test_client__may_be_freed_by_an_answer(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene, NULL, NULL);
    struct got got = {.loop = &scene.loop};
    http_send(scene.client,
              &(struct http_request){
                  .path = "/mute", .context = &got, .timeout_ns = NS_PER_S, .done = take});
    http_send(scene.client, &(struct http_request){.path = "/hello",
                                                   .context = &scene,
                                                   .timeout_ns = NS_PER_S,
                                                   .body_max = 100,
                                                   .done = free_inside});
    uv_run(&scene.loop, UV_RUN_DEFAULT);
    assert_null(scene.client);
    assert_int_equal(got.calls, 0);
    scene_close(&scene);
}

static void
count_answer(void *context, const struct http_answer *answer_)
{
    int *count = context;
    *count += answer_->status == 200;
}

static void
test_client__lets_many_wait_their_turn(void **state)
{
    (void)state;
    struct scene scene;
    int count = 0;
    scene_open(&scene, NULL, NULL);
    for (int i = 0; i < 200; i++) {
        http_send(scene.client, &(struct http_request){.path = "/hello",
                                                       .context = &count,
                                                       .timeout_ns = 20 * NS_PER_S,
                                                       .body_max = 100,
                                                       .done = count_answer});
    }
    uv_run(&scene.loop, UV_RUN_DEFAULT);
    assert_int_equal(count, 200);
    scene_close(&scene);
}

static void
test_client__speaks_to_unix_sockets(void **state)
{
    (void)state;
    struct scene scene;
    char path[64];
    snprintf(path, sizeof(path), "/tmp/flametop-client.%d", (int)getpid());
    scene_open(&scene, path, NULL);
    expect(&scene, "/hello", 200, "hello", "");
    assert_non_null(strstr(scene.request, "\r\nHost: localhost\r\n"));
    scene_close(&scene);
}

static void
test_client__says_why_there_is_no_connection(void **state)
{
    static const struct {
        const char *url, *why;
    } cases[] = {
        {"http://127.0.0.1:1", "127.0.0.1:1 refused the connection"},
        {"http://[::1]:1", "[::1]:1"},
        {"http://no-such-host.invalid:7711", "no such host no-such-host.invalid"},
        {"unix:/nowhere/socket", "there is no socket /nowhere/socket"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct scene scene = {0};
        struct url url;
        char why[200];
        uv_loop_init(&scene.loop);
        assert_true(url_parse(str_from(cases[i].url), &url, why, sizeof(why)));
        scene.client = http_client_new(&scene.loop, &url, NULL, why, sizeof(why));
        struct got got = {.loop = &scene.loop};
        http_send(scene.client,
                  &(struct http_request){
                      .path = "/", .context = &got, .timeout_ns = 20 * NS_PER_S, .done = take});
        uv_run(&scene.loop, UV_RUN_DEFAULT);
        if (got.status != 0 || strstr(got.why, cases[i].why) == NULL) {
            fail_msg("%s: %s", cases[i].url, got.why);
        }
        buf_done(&got.body);
        http_client_free(scene.client);
        uv_run(&scene.loop, UV_RUN_DEFAULT);
        assert_int_equal(uv_loop_close(&scene.loop), 0);
    }
}

static void
test_client__wants_tls_where_it_was_asked_for(void **state)
{
    (void)state;
    struct scene scene;
    char text[64], why[200];
    struct url url;
    scene_open(&scene, NULL, NULL);
    http_client_free(scene.client);
    snprintf(text, sizeof(text), "https://127.0.0.1:%u", scene.peer.port);
    assert_true(url_parse(str_from(text), &url, why, sizeof(why)));
    scene.client = http_client_new(&scene.loop, &url, NULL, why, sizeof(why));
    struct got got = ask_with(&scene, (struct http_request){.path = "/hello"});
    assert_int_equal(got.status, 0);
    assert_true(got.why[0] != '\0');
    buf_done(&got.body);
    scene_close(&scene);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_client__takes_answers),
        cmocka_unit_test(test_client__says_what_went_wrong),
        cmocka_unit_test(test_client__bounds_what_it_takes),
        cmocka_unit_test(test_client__names_the_realm_cleaned),
        cmocka_unit_test(test_client__sends_credentials_and_headers),
        cmocka_unit_test(test_client__reads_netrc_for_this_host_only),
        cmocka_unit_test(test_client__refuses_lines_in_secrets),
        cmocka_unit_test(test_client__streams_until_told_or_silent),
        cmocka_unit_test(test_client__cancels_without_a_call),
        cmocka_unit_test(test_client__may_be_freed_by_an_answer),
        cmocka_unit_test(test_client__lets_many_wait_their_turn),
        cmocka_unit_test(test_client__speaks_to_unix_sockets),
        cmocka_unit_test(test_client__says_why_there_is_no_connection),
        cmocka_unit_test(test_client__wants_tls_where_it_was_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
