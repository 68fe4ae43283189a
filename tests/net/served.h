/* A server on a loop of the test's own, and what is said to it over real sockets. */
#ifndef FLAMETOP_TESTS_NET_SERVED_H
#define FLAMETOP_TESTS_NET_SERVED_H

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include "flametop/base/macros.h"
#include "flametop/net/server.h"

#define TURNS 4000 /* of the loop, a millisecond each, before a test gives up */
#define TOKEN "a-token-for-reading"
#define CHANGE "a-token-for-changes"

struct bench {
    uv_loop_t loop;
    struct http_server *server;
    struct http_stream *stream;
    const struct http_message *later; /* still to be answered */
    unsigned writable, gone, handled;
    size_t queue_max;
    char directory[64], unix_path[96];
    char seen[256]; /* of the last request */
};

static inline void
on_writable(void *context, struct http_stream *stream)
{
    struct bench *bench = context;
    assert_ptr_equal(stream, bench->stream);
    bench->writable++;
}

static inline void
on_gone(void *context, struct http_stream *stream)
{
    struct bench *bench = context;
    assert_ptr_equal(stream, bench->stream);
    bench->stream = NULL;
    bench->gone++;
}

/* Sends back what it got; "bye" ends. */
static inline bool
on_received(void *context, struct http_stream *stream, const void *bytes, size_t n)
{
    (void)context;
    struct http_bytes *echo = http_bytes_new(bytes, n);
    http_stream_push(stream, echo);
    http_bytes_release(echo);
    return n != 3 || memcmp(bytes, "bye", 3) != 0;
}

static inline void
on_later_gone(void *context)
{
    struct bench *bench = context;
    bench->later = NULL;
    bench->gone++;
}

static inline void
on_request(void *context, const struct http_message *message)
{
    struct bench *bench = context;
    static const char *const upgrade[] = {"Upgrade: echo", NULL};
    struct http_stream_events events = {bench, on_writable, on_gone};
    const char *a = http_argument(message, "a");
    bench->handled++;
    snprintf(bench->seen, sizeof(bench->seen), "%s %s a=%s right=%d peer=%s body=%.*s",
             message->method, message->path, a != NULL ? a : "-", (int)message->right,
             message->peer, (int)MIN(message->body.n, 40), message->body.p);
    if (strcmp(message->path, "/stream") == 0) {
        bench->stream =
            http_reply_stream(message, "text/event-stream", NULL, &events, bench->queue_max);
    } else if (strcmp(message->path, "/echo") == 0) {
        bench->stream =
            http_reply_upgrade(message, upgrade, &events, bench->queue_max, on_received);
    } else if (strcmp(message->path, "/later") == 0) {
        bench->later = http_defer(message, bench, on_later_gone);
    } else if (strcmp(message->path, "/nothing") == 0) {
        return;
    } else if (strcmp(message->path, "/error") == 0) {
        http_reply_error(message, 401, "say \"please\"");
    } else {
        http_reply(message, 200, "text/plain", str_from(bench->seen), NULL);
    }
}

static inline struct http_server_options
options_of(struct bench *bench)
{
    static const char *const listen[] = {"127.0.0.1:0"};
    return (struct http_server_options){.loop = &bench->loop,
                                        .listen = listen,
                                        .listen_count = 1,
                                        .unix_path = bench->unix_path,
                                        .change_token = CHANGE,
                                        .body_max = 1000,
                                        .context = bench,
                                        .handle = on_request};
}

static inline void
start(struct bench *bench, const struct http_server_options *options)
{
    char why[200] = "";
    bench->server = http_server_new(options, why, sizeof(why));
    if (bench->server == NULL) {
        fail_msg("%s", why);
    }
}

static inline int
setup(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    assert_int_equal(uv_loop_init(&bench->loop), 0);
    snprintf(bench->directory, sizeof(bench->directory), "/tmp/flametop-test-XXXXXX");
    assert_non_null(mkdtemp(bench->directory));
    snprintf(bench->unix_path, sizeof(bench->unix_path), "%s/s", bench->directory);
    bench->queue_max = 100000;
    *state = bench;
    return 0;
}

static inline int
teardown(void **state)
{
    struct bench *bench = *state;
    http_server_free(bench->server);
    uv_run(&bench->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&bench->loop), 0);
    assert_int_not_equal(access(bench->unix_path, F_OK), 0);
    assert_int_equal(rmdir(bench->directory), 0);
    free(bench);
    return 0;
}

static inline int
dial(unsigned port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

static inline int
dial_unix(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    str_copy(str_from(path), to.sun_path, sizeof(to.sun_path));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

static inline void
turn(struct bench *bench)
{
    uv_run(&bench->loop, UV_RUN_NOWAIT);
    usleep(1000);
}

static inline void
say(int fd, struct str text)
{
    assert_int_equal(send(fd, text.p, text.n, MSG_NOSIGNAL), (ssize_t)text.n);
}

/* Reads until `until` has come, or the end; the text is static. */
static inline const char *
hear(struct bench *bench, int fd, const char *until)
{
    static char text[400000];
    size_t n = 0;
    text[0] = '\0';
    for (int i = 0; i < TURNS; i++) {
        turn(bench);
        ssize_t got = recv(fd, text + n, sizeof(text) - 1 - n, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN)) {
            return text;
        }
        n += got > 0 ? (size_t)got : 0;
        text[n] = '\0';
        if (until != NULL && strstr(text, until) != NULL) {
            return text;
        }
    }
    fail_msg("no \"%s\" came, but: %.300s", until != NULL ? until : "end", text);
    return text;
}

/* Whether the text is an answer with all of its body. */
static inline bool
is_whole(const char *text)
{
    const char *body = strstr(text, "\r\n\r\n"), *length = strstr(text, "Content-Length: ");
    return body != NULL && length != NULL &&
           strlen(body + 4) >= strtoul(length + strlen("Content-Length: "), NULL, 10);
}

static inline const char *
ask(struct bench *bench, struct str request)
{
    static char text[20000];
    size_t n = 0;
    int fd = dial(http_server_port(bench->server, 0));
    say(fd, request);
    text[0] = '\0';
    for (int i = 0; i < TURNS && !is_whole(text); i++) {
        turn(bench);
        ssize_t got = recv(fd, text + n, sizeof(text) - 1 - n, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN)) {
            break;
        }
        n += got > 0 ? (size_t)got : 0;
        text[n] = '\0';
    }
    close(fd);
    return text;
}

#define HOST "Host: localhost\r\n"
#define END "\r\n"

static inline void
expect(struct bench *bench, struct str request, const char *start, const char *part)
{
    const char *answer = ask(bench, request);
    if (strncmp(answer, start, strlen(start)) != 0 || strstr(answer, part) == NULL) {
        fail_msg("%.*s\nwas answered by\n%s", (int)request.n, request.p, answer);
    }
}

static inline void
push(struct bench *bench, const char *text, bool taken)
{
    struct http_bytes *bytes = http_bytes_new(text, strlen(text));
    assert_int_equal(http_stream_push(bench->stream, bytes), taken);
    http_bytes_release(bytes);
}

#endif
