/* gRPC: HTTP/2 by libnghttp2, a length before each message, the status in trailers. */
#include "flametop/net/grpc.h"

#include <stdio.h>

#ifdef FLAMETOP_GRPC

#include <dlfcn.h>
#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "flametop/base/clock.h"
#include "flametop/base/log.h"
#include "flametop/base/macros.h"
#include "flametop/net/loop.h"
#include "inflate.h"

#define CALLS_MAX 32           /* at once on a connection */
#define WINDOW_BYTES (1 << 20) /* of flow control */
#define PREFIX_BYTES 5         /* before a message: compressed or not, and its length */
#define REPLY_BYTES_MAX ((size_t)64 << 10)
#define READ_BYTES 65536
#define READ_NS (4 * NS_PER_MS) /* at once; what is packed may be much */

#define NGHTTP2_FUNCTIONS(X)                                                                       \
    X(session_callbacks_new)                                                                       \
    X(session_callbacks_del)                                                                       \
    X(session_callbacks_set_on_begin_headers_callback)                                             \
    X(session_callbacks_set_on_header_callback)                                                    \
    X(session_callbacks_set_on_data_chunk_recv_callback)                                           \
    X(session_callbacks_set_on_frame_recv_callback)                                                \
    X(session_callbacks_set_on_stream_close_callback)                                              \
    X(session_server_new)                                                                          \
    X(session_del)                                                                                 \
    X(session_mem_recv)                                                                            \
    X(session_mem_send)                                                                            \
    X(session_want_read)                                                                           \
    X(session_want_write)                                                                          \
    X(session_set_local_window_size)                                                               \
    X(session_set_stream_user_data)                                                                \
    X(session_get_stream_user_data)                                                                \
    X(submit_settings)                                                                             \
    X(submit_response)                                                                             \
    X(submit_trailer)                                                                              \
    X(submit_rst_stream)

struct nghttp2_functions {
#define FIELD(name) __typeof__(nghttp2_##name) *name;
    NGHTTP2_FUNCTIONS(FIELD)
#undef FIELD
};

struct connection {
    LIST_ENTRY(connection) entry;
    struct grpc_server *server;
    nghttp2_session *session;
    uv_poll_t poll;
    int fd;
    LIST_HEAD(, grpc_call) calls;
    unsigned call_count, later_count;
    const uint8_t *waiting; /* bytes that the socket did not take yet: nghttp2's */
    size_t waiting_n;
    int64_t progress_ns;
};

/* One call: a stream of HTTP/2. */
struct grpc_call {
    LIST_ENTRY(grpc_call) entry;
    struct grpc_server *server;
    struct connection *connection; /* NULL: who called has left */
    int32_t stream;
    char path[160];
    bool post, grpc, gzip, answered;
    bool later; /* answered by grpc_answer */
    bool too_large, damaged;
    uint8_t prefix[PREFIX_BYTES];
    size_t prefix_n;
    size_t received;           /* bytes behind it, as they came */
    struct inflater *inflater; /* NULL: the message is not compressed */
    struct buf body;           /* the message */
    size_t counted;            /* of it, in server.bytes */
    struct buf reply;
    size_t sent;
    enum grpc_status status;
    char why[200];
};

struct grpc_server {
    struct grpc_server_options options;
    struct nghttp2_functions http2;
    void *library;
    nghttp2_session_callbacks *callbacks;
    uv_timer_t *sweep;
    LIST_HEAD(, connection) connections;
    unsigned connection_count;
    size_t bytes; /* of all messages being read */
};

/* ---- calls ---- */

static void
call_free(struct grpc_call *call)
{
    call->server->bytes -= call->counted;
    inflater_free(call->inflater);
    buf_done(&call->body);
    buf_done(&call->reply);
    free(call);
}

/* Its stream is over. One that is to be answered later stays until then, with its message. */
static void
call_leave(struct grpc_call *call)
{
    if (call != NULL) {
        LIST_REMOVE(call, entry);
        call->connection->call_count--;
        call->connection->later_count -= call->later;
        call->connection = NULL;
        if (!call->later) {
            call_free(call);
        }
    }
}

static void
refuse(struct grpc_call *call, enum grpc_status status, const char *why)
{
    const struct grpc_server_options *options = &call->server->options;
    call->status = status;
    str_copy(str_from(why), call->why, sizeof(call->why));
    if (options->refused != NULL) {
        options->refused(options->context);
    }
}

/* Bytes of the body: the prefix, then the message, unpacked as it comes. */
static void
feed(struct grpc_call *call, const uint8_t *data, size_t n)
{
    size_t head = MIN(n, PREFIX_BYTES - call->prefix_n);
    memcpy(call->prefix + call->prefix_n, data, head);
    call->prefix_n += head;
    data += head;
    n -= head;
    call->received += n;
    if (n == 0 || call->damaged) {
        return;
    }
    if (call->prefix[0] == 0) {
        buf_add(&call->body, data, n);
        return;
    }
    if (call->inflater == NULL) {
        call->inflater = call->gzip && call->prefix[0] == 1 ? inflater_new() : NULL;
    }
    call->damaged = call->inflater == NULL ||
                    !inflater_feed(call->inflater, (const char *)data, n, &call->body);
}

/* Whether the message is whole. False: refused. */
static bool
is_whole(struct grpc_call *call)
{
    const uint8_t *prefix = call->prefix;
    size_t n =
        (size_t)prefix[1] << 24 | (size_t)prefix[2] << 16 | (size_t)prefix[3] << 8 | prefix[4];
    bool packed = call->prefix_n == PREFIX_BYTES && prefix[0] != 0;
    if (call->too_large) {
        refuse(call, GRPC_RESOURCE_EXHAUSTED,
               packed ? "the message is too large when unpacked" : "the message is too large");
    } else if (call->prefix_n < PREFIX_BYTES) {
        refuse(call, GRPC_INVALID_ARGUMENT, "there is no message");
    } else if (n != call->received) {
        refuse(call, GRPC_INVALID_ARGUMENT, "the message is not as long as it says");
    } else if (packed && !call->gzip) {
        refuse(call, GRPC_UNIMPLEMENTED, "the encodings of a message are identity and gzip");
    } else if (packed &&
               (call->damaged || call->inflater == NULL || !inflater_ended(call->inflater))) {
        refuse(call, GRPC_INVALID_ARGUMENT, "the message is not what grpc-encoding says");
    } else {
        return true;
    }
    return false;
}

static void
set_reply(struct grpc_call *call, struct str reply)
{
    const char prefix[PREFIX_BYTES] = {0, (char)(reply.n >> 24), (char)(reply.n >> 16),
                                       (char)(reply.n >> 8), (char)reply.n};
    buf_add(&call->reply, prefix, sizeof(prefix));
    buf_add(&call->reply, reply.p, reply.n);
}

/* The reply with its prefix, or another status; or it comes later. */
static void
answer(struct grpc_call *call)
{
    struct grpc_server *server = call->server;
    struct str message = {call->body.data != NULL ? call->body.data : "", call->body.n};
    struct buf reply;
    if (!is_whole(call)) {
        return;
    }
    buf_init(&reply, REPLY_BYTES_MAX);
    call->status = server->options.handle(server->options.context, call, call->path, message,
                                          &reply, call->why, sizeof(call->why));
    call->later = call->status == GRPC_LATER;
    call->connection->later_count += call->later;
    if (call->status == GRPC_OK) {
        set_reply(call, (struct str){reply.data != NULL ? reply.data : "", reply.n});
    }
    buf_done(&reply);
}

/* ---- answers ---- */

static nghttp2_nv
header(const char *name, const char *value)
{
    return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
                        .value = (uint8_t *)(uintptr_t)value,
                        .namelen = strlen(name),
                        .valuelen = strlen(value),
                        .flags = NGHTTP2_NV_FLAG_NONE};
}

/* grpc-message: bytes that are no printable ASCII, and '%', as %XX. */
static void
encode(const char *text, char *dst, size_t size)
{
    size_t n = 0;
    for (const unsigned char *p = (const unsigned char *)text; *p != '\0' && n + 4 < size; p++) {
        bool plain = *p >= ' ' && *p < 0x7f && *p != '%';
        n += (size_t)snprintf(dst + n, size - n, plain ? "%c" : "%%%02X", *p);
    }
    dst[n] = '\0';
}

/* The body of an answer, then its trailers. */
static ssize_t
on_body_wanted(nghttp2_session *session, int32_t stream, uint8_t *dst, size_t room, uint32_t *flags,
               nghttp2_data_source *source, void *context)
{
    struct grpc_call *call = source->ptr;
    const struct nghttp2_functions *http2 = &call->connection->server->http2;
    size_t n = MIN(room, call->reply.n - call->sent);
    (void)context;
    if (n > 0) {
        memcpy(dst, call->reply.data + call->sent, n);
        call->sent += n;
    }
    if (call->sent == call->reply.n) {
        nghttp2_nv trailers[] = {header("grpc-status", "0")};
        *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
        http2->submit_trailer(session, stream, trailers, ARRAY_SIZE(trailers));
    }
    return (ssize_t)n;
}

/* A status that is no success comes with the headers, and there is no body. */
static void
respond(struct connection *connection, int32_t stream, struct grpc_call *call)
{
    const struct nghttp2_functions *http2 = &connection->server->http2;
    char status[16], message[600];
    nghttp2_data_provider body = {.source = {.ptr = call}, .read_callback = on_body_wanted};
    snprintf(status, sizeof(status), "%d", (int)call->status);
    encode(call->why, message, sizeof(message));
    nghttp2_nv headers[] = {header(":status", "200"), header("content-type", "application/grpc"),
                            header("grpc-status", status), header("grpc-message", message)};
    bool good = call->status == GRPC_OK;
    http2->submit_response(connection->session, stream, headers, good ? 2 : ARRAY_SIZE(headers),
                           good ? &body : NULL);
}

/* What is no gRPC. */
static void
respond_plainly(struct connection *connection, int32_t stream, const char *status)
{
    nghttp2_nv headers[] = {header(":status", status)};
    connection->server->http2.submit_response(connection->session, stream, headers,
                                              ARRAY_SIZE(headers), NULL);
}

/* ---- libnghttp2's callbacks ---- */

static int
on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    struct connection *connection = context;
    struct grpc_server *server = connection->server;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
        return 0;
    }
    struct grpc_call *call = connection->call_count < CALLS_MAX ? calloc(1, sizeof(*call)) : NULL;
    if (call == NULL) {
        server->http2.submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                        NGHTTP2_REFUSED_STREAM);
        return 0;
    }
    call->server = server;
    call->connection = connection;
    call->stream = frame->hd.stream_id;
    connection->call_count++;
    LIST_INSERT_HEAD(&connection->calls, call, entry);
    buf_init(&call->body, server->options.message_max);
    buf_init(&call->reply, REPLY_BYTES_MAX + PREFIX_BYTES);
    server->http2.session_set_stream_user_data(session, frame->hd.stream_id, call);
    return 0;
}

static int
on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_n,
          const uint8_t *value, size_t value_n, uint8_t flags, void *context)
{
    struct connection *connection = context;
    struct grpc_call *call =
        connection->server->http2.session_get_stream_user_data(session, frame->hd.stream_id);
    struct str key = {(const char *)name, name_n}, text = {(const char *)value, value_n};
    (void)flags;
    if (call == NULL) {
        return 0;
    }
    if (str_is(key, ":path")) {
        str_copy(text, call->path, sizeof(call->path));
    } else if (str_is(key, ":method")) {
        call->post = str_is(text, "POST");
    } else if (str_is(key, "content-type")) {
        call->grpc = str_starts(text, "application/grpc");
    } else if (str_is(key, "grpc-encoding")) {
        call->gzip = str_is(text, "gzip");
    }
    return 0;
}

static int
on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data, size_t n,
        void *context)
{
    struct connection *connection = context;
    struct grpc_server *server = connection->server;
    struct grpc_call *call = server->http2.session_get_stream_user_data(session, stream);
    (void)flags;
    if (call == NULL || call->too_large) {
        return 0;
    }
    feed(call, data, n);
    server->bytes += call->body.capacity - call->counted;
    call->counted = call->body.capacity;
    if (call->body.full || server->bytes > server->options.messages_max) {
        call->too_large = true;
        server->bytes -= call->counted;
        call->counted = 0;
        buf_done(&call->body);
    }
    return 0;
}

static int
on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    struct connection *connection = context;
    bool carries = frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS;
    struct grpc_call *call =
        carries
            ? connection->server->http2.session_get_stream_user_data(session, frame->hd.stream_id)
            : NULL;
    if (call == NULL || call->answered || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) {
        return 0;
    }
    call->answered = true;
    if (!call->post) {
        respond_plainly(connection, frame->hd.stream_id, "405");
    } else if (!call->grpc) {
        respond_plainly(connection, frame->hd.stream_id, "415");
    } else {
        answer(call);
        if (!call->later) {
            respond(connection, frame->hd.stream_id, call);
        }
    }
    return 0;
}

static int
on_stream_close(nghttp2_session *session, int32_t stream, uint32_t code, void *context)
{
    struct connection *connection = context;
    (void)code;
    call_leave(connection->server->http2.session_get_stream_user_data(session, stream));
    connection->server->http2.session_set_stream_user_data(session, stream, NULL);
    return 0;
}

/* ---- connections ---- */

static void
connection_freed(uv_handle_t *handle)
{
    free(handle->data);
}

static void
connection_close(struct connection *connection)
{
    uv_poll_stop(&connection->poll);
    LIST_REMOVE(connection, entry);
    connection->server->connection_count--;
    connection->server->http2.session_del(connection->session); /* calls nobody back */
    while (!LIST_EMPTY(&connection->calls)) {
        call_leave(LIST_FIRST(&connection->calls));
    }
    close(connection->fd);
    uv_close((uv_handle_t *)&connection->poll, connection_freed);
}

/* Sends what there is; false when the connection is over. */
static bool
flush(struct connection *connection)
{
    const struct nghttp2_functions *http2 = &connection->server->http2;
    for (;;) {
        if (connection->waiting_n == 0) {
            ssize_t n = http2->session_mem_send(connection->session, &connection->waiting);
            if (n <= 0) {
                return n == 0;
            }
            connection->waiting_n = (size_t)n;
        }
        ssize_t sent = send(connection->fd, connection->waiting, connection->waiting_n,
                            MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0) {
            return errno == EAGAIN || errno == EINTR;
        }
        connection->waiting += sent;
        connection->waiting_n -= (size_t)sent;
        connection->progress_ns = clock_mono_ns();
    }
}

static bool
receive(struct connection *connection)
{
    uint8_t bytes[READ_BYTES];
    int64_t until_ns = clock_mono_ns() + READ_NS;
    do {
        ssize_t n = recv(connection->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (n <= 0) {
            return n < 0 && (errno == EAGAIN || errno == EINTR);
        }
        connection->progress_ns = clock_mono_ns();
        if (connection->server->http2.session_mem_recv(connection->session, bytes, (size_t)n) < 0) {
            return false;
        }
    } while (clock_mono_ns() < until_ns);
    return true;
}

static void on_ready(uv_poll_t *poll, int status, int events);

static void
go_on(struct connection *connection, bool good)
{
    const struct nghttp2_functions *http2 = &connection->server->http2;
    bool more = good && flush(connection);
    bool wants = more && (http2->session_want_read(connection->session) ||
                          http2->session_want_write(connection->session));
    if (!wants) {
        connection_close(connection);
        return;
    }
    /* Whoever does not read is not read from: each of his frames may be answered with another. */
    uv_poll_start(&connection->poll, connection->waiting_n > 0 ? UV_WRITABLE : UV_READABLE,
                  on_ready);
}

static void
on_ready(uv_poll_t *poll, int status, int events)
{
    struct connection *connection = poll->data;
    bool good = status == 0 && ((events & UV_READABLE) == 0 || receive(connection));
    go_on(connection, good);
}

static bool
begin_session(struct connection *connection)
{
    const struct nghttp2_functions *http2 = &connection->server->http2;
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, CALLS_MAX},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW_BYTES},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, 16384},
    };
    if (http2->session_server_new(&connection->session, connection->server->callbacks,
                                  connection) != 0) {
        return false;
    }
    return http2->submit_settings(connection->session, NGHTTP2_FLAG_NONE, settings,
                                  ARRAY_SIZE(settings)) == 0 &&
           http2->session_set_local_window_size(connection->session, NGHTTP2_FLAG_NONE, 0,
                                                WINDOW_BYTES) == 0;
}

void
grpc_answer(struct grpc_call *call, enum grpc_status status, struct str reply, const char *why)
{
    struct connection *connection = call->connection;
    call->later = false;
    if (connection == NULL) {
        call_free(call);
        return;
    }
    connection->later_count--;
    connection->progress_ns = clock_mono_ns();
    call->status = status;
    str_copy(str_from(why), call->why, sizeof(call->why));
    if (status == GRPC_OK) {
        set_reply(call, reply);
    }
    respond(connection, call->stream, call);
    go_on(connection, true);
}

void
grpc_server_take(struct grpc_server *server, int fd)
{
    struct connection *connection = server->connection_count < server->options.connections_max
                                        ? calloc(1, sizeof(*connection))
                                        : NULL;
    if (connection == NULL || uv_poll_init(server->options.loop, &connection->poll, fd) != 0) {
        free(connection);
        close(fd);
        return;
    }
    connection->server = server;
    connection->fd = fd;
    connection->poll.data = connection;
    connection->progress_ns = clock_mono_ns();
    LIST_INIT(&connection->calls);
    LIST_INSERT_HEAD(&server->connections, connection, entry);
    server->connection_count++;
    go_on(connection, begin_session(connection) && receive(connection));
}

/* A call that does not get whole, an answer that is not read. Channels without calls may stay. */
static void
on_sweep(uv_timer_t *timer)
{
    struct grpc_server *server = timer->data;
    int64_t late_ns = clock_mono_ns() - server->options.timeout_ns;
    struct connection *connection = LIST_FIRST(&server->connections);
    while (connection != NULL) {
        struct connection *next = LIST_NEXT(connection, entry);
        bool busy = connection->call_count > connection->later_count || connection->waiting_n > 0;
        if (busy && connection->progress_ns < late_ns) {
            connection_close(connection);
        }
        connection = next;
    }
}

/* ---- the server ---- */

static bool
library_open(struct grpc_server *server, char *why, size_t why_size)
{
    static const struct {
        const char *name;
        size_t offset;
    } functions[] = {
#define ROW(name) {"nghttp2_" #name, offsetof(struct nghttp2_functions, name)},
        NGHTTP2_FUNCTIONS(ROW)
#undef ROW
    };
    server->library = dlopen("libnghttp2.so.14", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (server->library == NULL) {
        snprintf(why, why_size, "gRPC needs libnghttp2: install the package libnghttp2-14");
        return false;
    }
    for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
        void *function = dlsym(server->library, functions[i].name);
        if (function == NULL) {
            snprintf(why, why_size, "libnghttp2 has no %s: install a newer one", functions[i].name);
            return false;
        }
        memcpy((char *)&server->http2 + functions[i].offset, &function, sizeof(function));
    }
    return true;
}

static bool
make_callbacks(struct grpc_server *server)
{
    const struct nghttp2_functions *http2 = &server->http2;
    if (http2->session_callbacks_new(&server->callbacks) != 0) {
        return false;
    }
    http2->session_callbacks_set_on_begin_headers_callback(server->callbacks, on_begin_headers);
    http2->session_callbacks_set_on_header_callback(server->callbacks, on_header);
    http2->session_callbacks_set_on_data_chunk_recv_callback(server->callbacks, on_data);
    http2->session_callbacks_set_on_frame_recv_callback(server->callbacks, on_frame);
    http2->session_callbacks_set_on_stream_close_callback(server->callbacks, on_stream_close);
    server->sweep = calloc(1, sizeof(*server->sweep));
    if (server->sweep == NULL) {
        return false;
    }
    uint64_t period_ms = (uint64_t)MAX(server->options.timeout_ns / 4 / NS_PER_MS, 1);
    uv_timer_init(server->options.loop, server->sweep);
    server->sweep->data = server;
    uv_timer_start(server->sweep, on_sweep, period_ms, period_ms);
    return true;
}

struct grpc_server *
grpc_server_new(const struct grpc_server_options *options, char *why, size_t why_size)
{
    struct grpc_server *server = calloc(1, sizeof(*server));
    snprintf(why, why_size, "out of memory");
    if (server == NULL) {
        return NULL;
    }
    server->options = *options;
    LIST_INIT(&server->connections);
    if (!library_open(server, why, why_size) || !make_callbacks(server)) {
        grpc_server_free(server);
        return NULL;
    }
    return server;
}

void
grpc_server_free(struct grpc_server *server)
{
    if (server == NULL) {
        return;
    }
    while (!LIST_EMPTY(&server->connections)) {
        connection_close(LIST_FIRST(&server->connections));
    }
    if (server->sweep != NULL) {
        loop_close(server->sweep);
    }
    if (server->callbacks != NULL) {
        server->http2.session_callbacks_del(server->callbacks);
    }
    if (server->library != NULL) {
        dlclose(server->library);
    }
    free(server);
}

#else

#include <unistd.h>

struct grpc_server *
grpc_server_new(const struct grpc_server_options *options, char *why, size_t why_size)
{
    (void)options;
    snprintf(why, why_size, "this flametop is built without gRPC");
    return NULL;
}

void
grpc_server_free(struct grpc_server *server)
{
    (void)server;
}

void
grpc_answer(struct grpc_call *call, enum grpc_status status, struct str reply, const char *why)
{
    (void)call;
    (void)status;
    (void)reply;
    (void)why;
}

void
grpc_server_take(struct grpc_server *server, int fd)
{
    (void)server;
    close(fd);
}

#endif
