/* The HTTP server on a loop of the test's own, spoken to over real sockets, byte for byte. */
#include "../check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "served.h"

static void
test_server__answers_and_keeps_the_connection(void **state)
{
    struct bench *bench = *state;
    struct http_server_options options = options_of(bench);
    start(bench, &options);
    int fd = dial(http_server_port(bench->server, 0));
    for (int i = 0; i < 3; i++) {
        say(fd, STR("GET /x%20y?b=1&a=%41+b HTTP/1.1\r\n" HOST END));
        const char *answer = hear(bench, fd, "body=");
        assert_non_null(strstr(answer, "GET /x y a=A b right=1 peer=127.0.0.1"));
        assert_null(strstr(answer, "onnection: close"));
        assert_non_null(strstr(answer, "X-Content-Type-Options: nosniff"));
    }
    close(fd);
    struct http_server_counts counts = http_server_counts(bench->server);
    assert_int_equal(counts.requests, 3);
    assert_int_equal(counts.connections_total, 1);
}

static void
test_server__errors_are_sentences(void **state)
{
    struct bench *bench = *state;
    struct http_server_options options = options_of(bench);
    start(bench, &options);
    expect(bench, STR("GET /error HTTP/1.1\r\n" HOST END), "HTTP/1.1 401",
           "{\"error\":\"say \\\"please\\\"\"}");
    expect(bench, STR("GET /error HTTP/1.1\r\n" HOST END), "HTTP/1.1 401",
           "WWW-Authenticate: Bearer");
    expect(bench, STR("GET /nothing HTTP/1.1\r\n" HOST END), "HTTP/1.1 500", "{\"error\"");
}

static void
test_server__reads_bodies(void **state)
{
    struct bench *bench = *state;
    struct http_server_options options = options_of(bench);
    start(bench, &options);
    expect(bench, STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello"), "HTTP/1.1 200",
           "POST / a=- right=1 peer=127.0.0.1 body=hello");
    expect(bench,
           STR("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\n"
               "llo\r\n0\r\n\r\n"),
           "HTTP/1.1 200", "body=hello");
    int fd = dial(http_server_port(bench->server, 0));
    say(fd, STR("HEAD / HTTP/1.1\r\n" HOST END));
    assert_null(strstr(hear(bench, fd, "\r\n\r\n"), "body="));
    close(fd);
    assert_string_equal(bench->seen, "GET / a=- right=1 peer=127.0.0.1 body=");
}

/* A request with a body of n bytes 'x', compressed or not. */
static struct str
post(size_t n, bool gzip, bool chunked)
{
    static char text[100000];
    static unsigned char body[60000], packed[60000];
    size_t size = n;
    memset(body, 'x', n);
    const unsigned char *bytes = body;
    if (gzip) {
        z_stream z = {
            .next_in = body, .avail_in = (uInt)n, .next_out = packed, .avail_out = sizeof(packed)};
        assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY), Z_OK);
        assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
        size = sizeof(packed) - z.avail_out;
        deflateEnd(&z);
        bytes = packed;
    }
    int at = snprintf(text, sizeof(text), "POST / HTTP/1.1\r\n" HOST "%s",
                      gzip ? "Content-Encoding: gzip\r\n" : "");
    at += chunked ? snprintf(text + at, 80, "Transfer-Encoding: chunked\r\n\r\n%zx\r\n", size)
                  : snprintf(text + at, 80, "Content-Length: %zu\r\n\r\n", size);
    memcpy(text + at, bytes, size);
    memcpy(text + at + size, "\r\n0\r\n\r\n", chunked ? 7 : 0);
    return (struct str){text, (size_t)at + size + (chunked ? 7 : 0)};
}

static void
test_server__bounds_bodies(void **state)
{
    struct bench *bench = *state;
    struct http_server_options options = options_of(bench);
    start(bench, &options);
    expect(bench, post(1000, false, false), "HTTP/1.1 200", "body=xxx");
    expect(bench, post(1001, false, false), "HTTP/1.1 413", "too large");
    expect(bench, post(1001, false, true), "HTTP/1.1 413", "too large");
    expect(bench, post(1000, true, false), "HTTP/1.1 200", "body=xxx");
    expect(bench, post(60000, true, false), "HTTP/1.1 413", "too large");
    expect(bench, post(60000, true, true), "HTTP/1.1 413", "too large");
    assert_int_equal(bench->handled, 2);
    ask(bench, post(30000, false, true)); /* more than is worth an answer */
    assert_int_equal(bench->handled, 2);
    expect(bench,
           STR("POST / HTTP/1.1\r\n" HOST "Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"),
           "HTTP/1.1 400", "not what Content-Encoding says");
    expect(bench,
           STR("POST / HTTP/1.1\r\n" HOST "Content-Encoding: br\r\nContent-Length: 3\r\n\r\nabc"),
           "HTTP/1.1 415", "gzip and deflate");
}

static void
test_server__refuses_other_hosts_and_origins(void **state)
{
    struct bench *bench = *state;
    struct http_server_options options = options_of(bench);
    static const char *const hosts[] = {"web-01"};
    options.hosts = hosts;
    options.host_count = 1;
    start(bench, &options);
    static const char *const refused[] = {
        "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "POST / HTTP/1.1\r\n" HOST "Origin: http://evil.example\r\nContent-Length: 0\r\n\r\n",
        "POST / HTTP/1.1\r\n" HOST "Origin: null\r\nContent-Length: 2\r\n\r\nab",
        "GET /echo HTTP/1.1\r\n" HOST "Origin: http://evil.example\r\nConnection: Upgrade\r\n"
        "Upgrade: echo\r\n\r\n",
        "DELETE / HTTP/1.1\r\n" HOST "Origin: http://localhost:81\r\n\r\n",
    };
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        expect(bench, str_from(refused[i]), "HTTP/1.1 403", "{\"error\"");
    }
    assert_int_equal(bench->handled, 0);
    assert_int_equal(http_server_counts(bench->server).refused, ARRAY_SIZE(refused));
    expect(bench, STR("GET / HTTP/1.1\r\nHost: WEB-01:7711\r\n\r\n"), "HTTP/1.1 200", "GET /");
    expect(bench,
           STR("POST / HTTP/1.1\r\n" HOST "Origin: http://localhost\r\nContent-Length: 0\r\n\r\n"),
           "HTTP/1.1 200", "POST /");
    const char *answer =
        ask(bench, STR("GET / HTTP/1.1\r\n" HOST "Origin: http://evil.example\r\n\r\n"));
    assert_non_null(strstr(answer, "HTTP/1.1 200")); /* but no page may read it: */
    assert_null(strstr(answer, "Access-Control"));
}

static void
test_server__refuses_bad_paths(void **state)
{
    struct bench *bench = *state;
    struct http_server_options options = options_of(bench);
    start(bench, &options);
    static const char *const paths[] = {"/../etc/passwd",   "/a/%2e%2E/b", "/%2e./x",
                                        "/a%00b",           "/%zz",        "/x?a=%0d%0a",
                                        "http://localhost/"};
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        char request[200];
        snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\n" HOST END, paths[i]);
        expect(bench, str_from(request), "HTTP/1.1 400", "error");
    }
    char query[400] = "GET /?a=1";
    for (int i = 0; i < 40; i++) {
        str_copy(STR("&b=2"), query + strlen(query), 5);
    }
    str_copy(STR(" HTTP/1.1\r\n" HOST END), query + strlen(query), 60);
    expect(bench, str_from(query), "HTTP/1.1 400", "error");
    assert_int_equal(bench->handled, 0);
}

static void
test_server__bounds_headers(void **state)
{
    struct bench *bench = *state;
    struct http_server_options options = options_of(bench);
    start(bench, &options);
    static char request[40000];
    static const int sizes[] = {9000, 20000};
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        snprintf(request, sizeof(request), "GET / HTTP/1.1\r\n" HOST "X: %0*d\r\n\r\n", sizes[i],
                 0);
        expect(bench, str_from(request), "HTTP/1.1 431", "");
    }
    assert_int_equal(bench->handled, 0);
}

static void
test_server__knows_tokens(void **state)
{
    struct bench *bench = *state;
    struct http_server_options options = options_of(bench);
    options.token = TOKEN;
    start(bench, &options);
    static const struct {
        const char *header, *right;
    } rows[] = {
        {"", "right=0"},
        {"Authorization: Bearer " TOKEN "\r\n", "right=1"},
        {"Authorization: Bearer a-token-for-readin\r\n", "right=0"},
        {"Authorization: Bearer a-token-for-readings\r\n", "right=0"},
        {"Authorization: Bearer \r\n", "right=0"},
        {"Authorization: Bearer " CHANGE "\r\n", "right=2"},
        {"Authorization: Basic eDphLXRva2VuLWZvci1yZWFkaW5n\r\n", "right=1"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char request[200];
        snprintf(request, sizeof(request), "GET / HTTP/1.1\r\n" HOST "%s\r\n", rows[i].header);
        expect(bench, str_from(request), "HTTP/1.1 200", rows[i].right);
    }
}

static void
test_server__serves_a_unix_socket(void **state)
{
    struct bench *bench = *state;
    struct http_server_options options = options_of(bench);
    options.token = TOKEN;
    int stale = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    str_copy(str_from(bench->unix_path), at.sun_path, sizeof(at.sun_path));
    assert_int_equal(bind(stale, (struct sockaddr *)&at, sizeof(at)), 0);
    close(stale); /* its file stays */
    start(bench, &options);
    struct stat made;
    assert_int_equal(stat(bench->unix_path, &made), 0);
    assert_int_equal(made.st_mode & 0777, 0600);
    int fd = dial_unix(bench->unix_path);
    say(fd, STR("GET / HTTP/1.1\r\nHost: whatever\r\n\r\n"));
    assert_non_null(strstr(hear(bench, fd, "body="), "right=1 peer=unix"));
    close(fd);
    char why[200];
    assert_null(http_server_new(&options, why, sizeof(why)));
    assert_non_null(strstr(why, "another agent listens there"));
    assert_int_equal(access(bench->unix_path, F_OK), 0);
}

static void
test_server__leaves_foreign_files_alone(void **state)
{
    struct bench *bench = *state;
    struct http_server_options options = options_of(bench);
    char why[200];
    close(open(bench->unix_path, O_CREAT | O_WRONLY, 0600));
    assert_null(http_server_new(&options, why, sizeof(why)));
    assert_non_null(strstr(why, "no socket"));
    assert_int_equal(unlink(bench->unix_path), 0);
}

static void
test_server__guards_other_addresses(void **state)
{
    struct bench *bench = *state;
    static const char *const open[] = {"0.0.0.0:0"}, *const bad[] = {"somewhere:1"};
    struct http_server_options options = options_of(bench);
    char why[200];
    options.unix_path = NULL;
    options.listen = open;
    options.insecure_no_tls = true;
    assert_null(http_server_new(&options, why, sizeof(why)));
    assert_non_null(strstr(why, "--token-file"));
    options.token = TOKEN;
    options.insecure_no_tls = false;
    assert_null(http_server_new(&options, why, sizeof(why)));
    assert_non_null(strstr(why, "--tls-cert"));
    options.token = "short";
    assert_null(http_server_new(&options, why, sizeof(why)));
    assert_non_null(strstr(why, "at least 16"));
    options.token = TOKEN;
    options.listen = bad;
    assert_null(http_server_new(&options, why, sizeof(why)));
    assert_non_null(strstr(why, "127.0.0.1:7711"));
    options.listen = open;
    options.insecure_no_tls = true;
    start(bench, &options);
    /* Asked by the address it came in by, "localhost" as well here. */
    expect(bench, STR("GET / HTTP/1.1\r\n" HOST END), "HTTP/1.1 200", "right=0");
    expect(bench, STR("GET / HTTP/1.1\r\nHost: 0.0.0.0\r\n\r\n"), "HTTP/1.1 403", "error");
}

static void
wait_for_later(struct bench *bench, bool there)
{
    for (int i = 0; i < TURNS && (bench->later != NULL) != there; i++) {
        turn(bench);
    }
    assert_true((bench->later != NULL) == there);
}

static void
test_server__puts_an_answer_off(void **state)
{
    struct bench *bench = *state;
    struct http_server_options options = options_of(bench);
    start(bench, &options);
    int slow = dial(http_server_port(bench->server, 0)),
        quick = dial(http_server_port(bench->server, 0));
    say(slow, STR("GET /later?a=1 HTTP/1.1\r\n" HOST END));
    wait_for_later(bench, true);
    say(quick, STR("GET /now HTTP/1.1\r\n" HOST END)); /* others are answered meanwhile */
    hear(bench, quick, "GET /now");
    assert_string_equal(http_argument(bench->later, "a"), "1");
    http_reply(bench->later, 200, "text/plain", STR("at last"), NULL);
    bench->later = NULL;
    hear(bench, slow, "at last");
    say(slow, STR("GET /later HTTP/1.1\r\n" HOST END)); /* on the same connection again */
    wait_for_later(bench, true);
    http_reply_error(bench->later, 503, "in vain");
    bench->later = NULL;
    const char *answer = hear(bench, slow, "in vain");
    assert_non_null(strstr(answer, "HTTP/1.1 503"));
    assert_int_equal(bench->gone, 0);
    close(slow);
    close(quick);
}

static void
test_server__notices_who_does_not_wait(void **state)
{
    struct bench *bench = *state;
    struct http_server_options options = options_of(bench);
    options.timeout_ns = 100 * NS_PER_MS; /* looked at four times in that time */
    start(bench, &options);
    int fd = dial(http_server_port(bench->server, 0));
    say(fd, STR("GET /later HTTP/1.1\r\n" HOST END));
    wait_for_later(bench, true);
    for (int i = 0; i < 300; i++) { /* waiting is no silence */
        turn(bench);
    }
    assert_int_equal(bench->gone, 0);
    close(fd);
    wait_for_later(bench, false);
    assert_int_equal(bench->gone, 1);
    fd = dial(http_server_port(bench->server, 0));
    say(fd, STR("GET /later HTTP/1.1\r\n" HOST END));
    wait_for_later(bench, true);
    http_server_free(bench->server); /* nor does who stops wait for an answer */
    bench->server = NULL;
    assert_int_equal(bench->gone, 2);
    close(fd);
}

static void
test_server__shuts_who_is_too_slow(void **state)
{
    struct bench *bench = *state;
    struct http_server_options options = options_of(bench);
    options.timeout_ns = NS_PER_S;
    start(bench, &options);
    int slow = dial(http_server_port(bench->server, 0)), n = 0;
    int idle = dial(http_server_port(bench->server, 0)), unread;
    unread = dial(http_server_port(bench->server, 0));
    bench->queue_max = (size_t)64 << 20;
    say(unread, STR("GET /echo HTTP/1.1\r\n" HOST "Connection: Upgrade\r\nUpgrade: echo\r\n\r\n"));
    hear(bench, unread, "101");
    static char much[16 << 20];
    memset(much, 'x', sizeof(much) - 1);
    push(bench, much, true);
    say(slow, STR("GET / HTTP/1.1\r\n"));
    char byte;
    for (; n < TURNS; n++) {
        turn(bench);
        if (n % 200 == 0) {
            send(slow, "x", 1, MSG_NOSIGNAL); /* a header that never ends */
        }
        ssize_t got = recv(slow, &byte, 1, MSG_DONTWAIT);
        if ((got == 0 || (got < 0 && errno != EAGAIN)) && bench->gone == 1 &&
            http_server_counts(bench->server).connections == 0) {
            break;
        }
    }
    assert_true(n < TURNS);
    assert_int_equal(bench->handled, 1);
    close(slow);
    close(idle);
    close(unread);
}

/* What libmicrohttpd refuses by itself never begins here, and must not be kept (a leak is an error
 * of the sanitizer), nor may its connection stay. */
static void
test_server__forgets_requests_that_never_begin(void **state)
{
    struct bench *bench = *state;
    struct http_server_options options = options_of(bench);
    static char request[9000];
    start(bench, &options);
    int n = snprintf(request, sizeof(request), "GET /?");
    memset(request + n, '&', 5000);
    snprintf(request + n + 5000, sizeof(request) - (size_t)n - 5000, " HTTP/1.1\r\n" HOST "\r\n");
    for (int i = 0; i < 3; i++) {
        int fd = dial(http_server_port(bench->server, 0));
        say(fd, str_from(request));
        hear(bench, fd, NULL);
        close(fd);
    }
    assert_int_equal(http_server_counts(bench->server).connections, 0);
    assert_int_equal(bench->handled, 0);
    expect(bench, STR("GET / HTTP/1.1\r\n" HOST END), "HTTP/1.1 200", "");
}

/* At its limit libmicrohttpd listens no more: it must begin again when there is room. */
static void
test_server__listens_again_after_its_limit(void **state)
{
    struct bench *bench = *state;
    struct http_server_options options = options_of(bench);
    int many[8];
    options.connections_max = 4;
    start(bench, &options);
    for (size_t i = 0; i < ARRAY_SIZE(many); i++) {
        many[i] = dial(http_server_port(bench->server, 0));
        turn(bench);
    }
    for (int i = 0; i < 20; i++) {
        turn(bench);
    }
    assert_int_equal(http_server_counts(bench->server).connections, 4);
    for (size_t i = 0; i < ARRAY_SIZE(many); i++) {
        close(many[i]);
    }
    expect(bench, STR("GET / HTTP/1.1\r\n" HOST END), "HTTP/1.1 200", "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_server__answers_and_keeps_the_connection),
        TEST(test_server__errors_are_sentences),
        TEST(test_server__reads_bodies),
        TEST(test_server__bounds_bodies),
        TEST(test_server__refuses_other_hosts_and_origins),
        TEST(test_server__refuses_bad_paths),
        TEST(test_server__bounds_headers),
        TEST(test_server__knows_tokens),
        TEST(test_server__serves_a_unix_socket),
        TEST(test_server__leaves_foreign_files_alone),
        TEST(test_server__guards_other_addresses),
        TEST(test_server__puts_an_answer_off),
        TEST(test_server__notices_who_does_not_wait),
        TEST(test_server__shuts_who_is_too_slow),
        TEST(test_server__forgets_requests_that_never_begin),
        TEST(test_server__listens_again_after_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
