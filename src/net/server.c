/* The HTTP server: libmicrohttpd on a libuv loop.
 *
 * Each listening socket has a daemon of its own, so that a flood at one leaves the others alone. A
 * daemon has no thread: its epoll descriptor is watched by a uv_poll, its next timeout by a
 * uv_timer, and MHD_run does the work. MHD calls back for each request twice or more: first with
 * the header (judged there; a reply at that moment would close the connection, so only refusals
 * that want this are given), then with portions of the body, last with none, when it is answered.
 *
 * A stream reads from a queue of shared bytes; when that is empty the connection is suspended until
 * the next push. After an upgrade the socket is ours, in a uv_poll of its own, until
 * MHD_upgrade_action gives it back.
 *
 * What MHD does not bound: a client that sends one byte now and then never times out there. Each
 * connection therefore has a moment by which its request must be whole; then its socket is shut. */
#include "flametop/net/server.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "byte_queue.h"
#include "flametop/base/clock.h"
#include "flametop/base/file.h"
#include "flametop/base/json.h"
#include "flametop/base/log.h"
#include "guard.h"
#include "inflate.h"
#include "listen.h"

#define HEADER_BYTES_MAX 8192
#define CONNECTION_BYTES 16384 /* a header of the greatest size and its parsed form */
#define STREAM_BLOCK_BYTES 1024
#define RECEIVE_BYTES 16384
#define ARGUMENTS_MAX 32
#define PEM_BYTES_MAX ((size_t)1 << 20)
#define TOKEN_BYTES_MIN 16

/* The functions of libmicrohttpd, found at run time. */
#define MHD_FUNCTIONS(X)                                                                           \
    X(start_daemon)                                                                                \
    X(stop_daemon)                                                                                 \
    X(run)                                                                                         \
    X(get_timeout)                                                                                 \
    X(get_daemon_info)                                                                             \
    X(get_connection_info)                                                                         \
    X(lookup_connection_value)                                                                     \
    X(queue_response)                                                                              \
    X(create_response_from_buffer)                                                                 \
    X(create_response_from_callback)                                                               \
    X(create_response_for_upgrade)                                                                 \
    X(add_response_header)                                                                         \
    X(destroy_response)                                                                            \
    X(suspend_connection)                                                                          \
    X(resume_connection)                                                                           \
    X(upgrade_action)

struct mhd {
#define FIELD(name) __typeof__(MHD_##name) *name;
    MHD_FUNCTIONS(FIELD)
#undef FIELD
};

struct listener {
    struct http_server *server;
    struct MHD_Daemon *daemon;
    uv_poll_t *poll;
    uv_timer_t *timer;
    unsigned port;
    bool loopback, local; /* local: the unix socket */
    bool kicked;          /* MHD has something to do that no descriptor tells */
};

struct connection {
    LIST_ENTRY(connection) entry;
    struct listener *listener;
    int fd;
    int64_t since_ns;               /* when it was opened, or its last request was answered */
    bool waiting;                   /* for a whole request */
    struct http_exchange *exchange; /* MHD forgets it when a request ends before it has begun */
    char peer[INET6_ADDRSTRLEN], address[INET6_ADDRSTRLEN]; /* theirs, ours */
};

struct argument {
    const char *name, *value;
};

struct http_exchange {
    struct connection *connection;
    struct MHD_Connection *mhd;
    struct buf text; /* path and arguments, decoded, each with its NUL */
    const char *path;
    struct argument arguments[ARGUMENTS_MAX];
    size_t argument_count;
    bool begun, answered, abandoned;
    enum http_right right;
    int status; /* of a refusal; 0: none */
    const char *why;
    struct buf body;
    size_t received; /* bytes of the body as they came */
    struct inflater *inflater;
    struct http_stream *stream; /* the answer, as long as it goes on */
};

struct http_stream {
    LIST_ENTRY(http_stream) entry;
    struct http_server *server;
    struct listener *listener;
    struct MHD_Connection *mhd;     /* NULL: over */
    struct http_exchange *exchange; /* NULL: over */
    struct byte_queue queue;
    struct http_stream_events events;
    bool announced;        /* the caller has it: `gone` is owed */
    bool told;             /* `writable` was called since the last push */
    bool suspended, ended; /* ended: nothing is added any more */
    int64_t progress_ns;   /* when bytes last left, or the queue was empty */

    /* After an upgrade. */
    bool (*received)(void *context, struct http_stream *stream, const void *bytes, size_t n);
    struct MHD_UpgradeResponseHandle *upgrade; /* NULL: not yet, or no upgrade */
    uv_poll_t *poll;
    int fd;
    bool broken, busy; /* busy: inside stream_turn */
};

struct http_server {
    struct http_server_options options;
    struct guard_names names;
    struct mhd mhd;
    void *library;
    char *certificate, *key;
    struct listener *listeners;
    size_t listener_count;
    const char *unix_path; /* listening there */
    struct stat unix_made;
    uv_timer_t *sweep;
    LIST_HEAD(, connection) connections;
    LIST_HEAD(, http_stream) streams;
    struct http_server_counts counts;
    char said[160];  /* by libmicrohttpd, last */
    bool complained; /* it said something since its last run */
};

/* --- The texts of a request ------------------------------------------------------------------ */

const char *
http_argument(const struct http_message *message, const char *name)
{
    const struct http_exchange *exchange = message->exchange;
    for (size_t i = 0; i < exchange->argument_count; i++) {
        if (strcmp(exchange->arguments[i].name, name) == 0) {
            return exchange->arguments[i].value;
        }
    }
    return NULL;
}

static const struct mhd *
mhd_of(const struct http_exchange *exchange)
{
    return &exchange->connection->listener->server->mhd;
}

static struct http_server *
server_of(const struct http_exchange *exchange)
{
    return exchange->connection->listener->server;
}

static const char *
header_of(const struct http_exchange *exchange, const char *name)
{
    return mhd_of(exchange)->lookup_connection_value(exchange->mhd, MHD_HEADER_KIND, name);
}

static struct str
header_text(const struct http_exchange *exchange, const char *name)
{
    const char *value = header_of(exchange, name);
    return value != NULL ? str_from(value) : (struct str){"", 0};
}

const char *
http_header(const struct http_message *message, const char *name)
{
    return header_of(message->exchange, name);
}

/* Decodes onto exchange->text; the offset of the text, or SIZE_MAX. */
static size_t
decode_onto(struct http_exchange *exchange, struct str raw, bool plus)
{
    size_t at = exchange->text.n;
    if (!guard_decode(raw, plus, &exchange->text)) {
        return SIZE_MAX;
    }
    buf_putc(&exchange->text, '\0');
    return exchange->text.full ? SIZE_MAX : at;
}

static bool
parse_target(struct http_exchange *exchange, struct str target)
{
    size_t offsets[ARGUMENTS_MAX][2], count = 0, path;
    struct str raw, part;
    /* What is decoded is never longer than what it was made from, with a NUL for each separator:
     * the text never moves. */
    if (buf_reserve(&exchange->text, target.n + 2 * ARGUMENTS_MAX + 2) == NULL ||
        !str_until(&target, '?', &raw)) {
        return false;
    }
    path = decode_onto(exchange, raw, false);
    if (path == SIZE_MAX || !guard_path((struct str){exchange->text.data, exchange->text.n - 1})) {
        return false;
    }
    while (str_until(&target, '&', &part)) {
        struct str name = {"", 0};
        if (part.n == 0) {
            continue;
        }
        if (count == ARGUMENTS_MAX || !str_until(&part, '=', &name)) {
            return false;
        }
        offsets[count][0] = decode_onto(exchange, name, true);
        offsets[count][1] = decode_onto(exchange, part, true);
        if (offsets[count][0] == SIZE_MAX || offsets[count][1] == SIZE_MAX) {
            return false;
        }
        count++;
    }
    exchange->path = exchange->text.data;
    for (size_t i = 0; i < count; i++) {
        exchange->arguments[i] = (struct argument){exchange->text.data + offsets[i][0],
                                                   exchange->text.data + offsets[i][1]};
    }
    exchange->argument_count = count;
    return true;
}

/* --- Answers --------------------------------------------------------------------------------- */

static void
add_header(const struct mhd *mhd, struct MHD_Response *response, const char *name,
           const char *value)
{
    if (mhd->add_response_header(response, name, value) == MHD_NO) {
        log_warning("http: the header %s cannot be added", name);
    }
}

static void
add_headers(const struct mhd *mhd, struct MHD_Response *response, const char *type,
            const char *const *headers)
{
    if (type != NULL) {
        add_header(mhd, response, "Content-Type", type);
    }
    add_header(mhd, response, "Cache-Control", "no-store");
    add_header(mhd, response, "X-Content-Type-Options", "nosniff");
    for (size_t i = 0; headers != NULL && headers[i] != NULL; i++) {
        char name[64];
        const char *colon = strstr(headers[i], ": ");
        if (colon != NULL && (size_t)(colon - headers[i]) < sizeof(name)) {
            str_copy((struct str){headers[i], (size_t)(colon - headers[i])}, name, sizeof(name));
            add_header(mhd, response, name, colon + 2);
        }
    }
}

static bool
queue_response(struct http_exchange *exchange, int status, struct MHD_Response *response)
{
    const struct mhd *mhd = mhd_of(exchange);
    exchange->answered = mhd->queue_response(exchange->mhd, (unsigned)status, response) == MHD_YES;
    mhd->destroy_response(response); /* the connection holds it */
    return exchange->answered;
}

static void
reply(struct http_exchange *exchange, int status, const char *type, struct str body,
      const char *const *headers)
{
    const struct mhd *mhd = mhd_of(exchange);
    struct MHD_Response *response =
        mhd->create_response_from_buffer(body.n, (void *)(uintptr_t)body.p, MHD_RESPMEM_MUST_COPY);
    if (response == NULL) {
        return;
    }
    add_headers(mhd, response, type, headers);
    if (queue_response(exchange, status, response)) {
        server_of(exchange)->counts.bytes_sent += body.n;
    }
}

static void
reply_sentence(struct http_exchange *exchange, int status, const char *sentence)
{
    static const char *const challenge[] = {
        "WWW-Authenticate: Bearer realm=\"flametop\"",
        "WWW-Authenticate: Basic realm=\"flametop\", charset=\"UTF-8\"", NULL};
    struct buf body;
    struct json json;
    buf_init(&body, 4096);
    json_init(&json, &body, false);
    json_object(&json);
    json_key(&json, "error");
    json_text(&json, sentence);
    json_object_end(&json);
    buf_putc(&body, '\n');
    reply(exchange, status, "application/json", (struct str){body.data, body.n},
          status == 401 ? challenge : NULL);
    buf_done(&body);
}

void
http_reply(const struct http_message *message, int status, const char *type, struct str body,
           const char *const *headers)
{
    reply(message->exchange, status, type, body, headers);
}

void
http_reply_error(const struct http_message *message, int status, const char *format, ...)
{
    char sentence[512];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    reply_sentence(message->exchange, status, sentence);
}

/* --- Streams --------------------------------------------------------------------------------- */

static struct http_stream *
stream_new(struct http_exchange *exchange, const struct http_stream_events *events,
           size_t queue_max)
{
    struct http_stream *stream = calloc(1, sizeof(*stream));
    if (stream == NULL) {
        return NULL;
    }
    stream->server = server_of(exchange);
    stream->listener = exchange->connection->listener;
    stream->mhd = exchange->mhd;
    stream->exchange = exchange;
    stream->events = *events;
    stream->told = true;
    stream->fd = -1;
    stream->progress_ns = clock_mono_ns();
    byte_queue_init(&stream->queue, queue_max);
    LIST_INSERT_HEAD(&stream->server->streams, stream, entry);
    return stream;
}

static void
stream_free(struct http_stream *stream)
{
    if (stream->exchange != NULL) {
        stream->exchange->stream = NULL;
    }
    LIST_REMOVE(stream, entry);
    if (stream->announced && stream->events.gone != NULL) {
        stream->announced = false;
        stream->events.gone(stream->events.context, stream);
    }
    byte_queue_done(&stream->queue);
    free(stream);
}

static void
stream_taken(struct http_stream *stream, size_t n)
{
    byte_queue_take(&stream->queue, n);
    stream->server->counts.bytes_sent += n;
    stream->progress_ns = clock_mono_ns();
}

/* Tells once that there is room again. */
static void
stream_ask(struct http_stream *stream)
{
    if (!stream->told && !stream->ended && stream->queue.count == 0) {
        stream->told = true;
        if (stream->events.writable != NULL) {
            stream->events.writable(stream->events.context, stream);
        }
    }
}

/* MHD wants bytes of a body that goes on. */
static ssize_t
stream_read(void *context, uint64_t position, char *dst, size_t max)
{
    struct http_stream *stream = context;
    (void)position;
    stream_ask(stream);
    size_t n = 0;
    while (n < max && stream->queue.count > 0) {
        struct str front = byte_queue_front(&stream->queue);
        size_t part = MIN(front.n, max - n);
        memcpy(dst + n, front.p, part);
        stream_taken(stream, part);
        n += part;
    }
    if (n == 0 && stream->ended) {
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    if (n == 0) {
        stream->suspended = true;
        stream->server->mhd.suspend_connection(stream->mhd);
    }
    return (ssize_t)n;
}

static void on_timer(uv_timer_t *timer);

/* Without threads MHD does not wake its own descriptor: all that is resumed in one turn of the loop
 * is served by one MHD_run in the next. */
static void
listener_kick(struct listener *listener)
{
    if (!listener->kicked) {
        listener->kicked = true;
        uv_timer_start(listener->timer, on_timer, 0, 0);
    }
}

static void
stream_resume(struct http_stream *stream)
{
    if (stream->suspended) {
        stream->suspended = false;
        stream->server->mhd.resume_connection(stream->mhd);
        listener_kick(stream->listener);
    }
}

static void
stream_released(void *context)
{
    stream_free(context);
}

struct http_stream *
http_reply_stream(const struct http_message *message, const char *type, const char *const *headers,
                  const struct http_stream_events *events, size_t queue_max)
{
    struct http_exchange *exchange = message->exchange;
    const struct mhd *mhd = mhd_of(exchange);
    struct http_stream *stream = stream_new(exchange, events, queue_max);
    if (stream == NULL) {
        return NULL;
    }
    struct MHD_Response *response = mhd->create_response_from_callback(
        MHD_SIZE_UNKNOWN, STREAM_BLOCK_BYTES, stream_read, stream, stream_released);
    if (response == NULL) {
        stream_free(stream);
        return NULL;
    }
    exchange->stream = stream;
    add_headers(mhd, response, type, headers);
    if (!queue_response(exchange, 200, response)) {
        return NULL; /* freed with the response */
    }
    stream->announced = true;
    return stream;
}

/* --- Upgraded connections -------------------------------------------------------------------- */

static void
free_handle(uv_handle_t *handle)
{
    free(handle);
}

static void
upgrade_close(struct http_stream *stream)
{
    if (stream->poll != NULL) {
        uv_poll_stop(stream->poll);
        uv_close((uv_handle_t *)stream->poll, free_handle);
    }
    stream->server->mhd.upgrade_action(stream->upgrade, MHD_UPGRADE_ACTION_CLOSE);
    listener_kick(stream->listener);
    stream_free(stream);
}

/* Sends what the socket takes. */
static void
upgrade_flush(struct http_stream *stream)
{
    while (!stream->broken && stream->queue.count > 0) {
        struct str front = byte_queue_front(&stream->queue);
        ssize_t n = send(stream->fd, front.p, front.n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0) {
            stream_taken(stream, (size_t)n);
        } else if (n < 0 && errno == EINTR) {
            continue;
        } else {
            stream->broken = n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
            return;
        }
    }
}

static void
upgrade_deliver(struct http_stream *stream, const void *bytes, size_t n)
{
    if (!stream->ended && !stream->received(stream->events.context, stream, bytes, n)) {
        stream->ended = true;
    }
}

static void
upgrade_receive(struct http_stream *stream)
{
    char bytes[RECEIVE_BYTES];
    ssize_t n = recv(stream->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (n > 0) {
        upgrade_deliver(stream, bytes, (size_t)n);
    } else if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
        stream->broken = true;
    }
}

static void upgrade_event(uv_poll_t *poll, int status, int events);

static void
upgrade_watch(struct http_stream *stream)
{
    bool writing = stream->queue.count > 0 || stream->ended || stream->broken;
    uv_poll_start(stream->poll, UV_READABLE | UV_DISCONNECT | (writing ? UV_WRITABLE : 0),
                  upgrade_event);
}

static void
upgrade_event(uv_poll_t *poll, int status, int events)
{
    struct http_stream *stream = poll->data;
    stream->busy = true;
    stream->broken = stream->broken || status < 0;
    if (!stream->broken && (events & UV_READABLE) != 0) {
        upgrade_receive(stream);
    }
    upgrade_flush(stream);
    if (!stream->broken) {
        stream_ask(stream);
        upgrade_flush(stream);
    }
    stream->busy = false;
    if (stream->broken || (stream->ended && stream->queue.count == 0)) {
        upgrade_close(stream);
    } else {
        upgrade_watch(stream);
    }
}

static void
upgrade_open(void *context, struct MHD_Connection *mhd, void *exchange, const char *extra,
             size_t extra_n, MHD_socket fd, struct MHD_UpgradeResponseHandle *handle)
{
    struct http_stream *stream = context;
    int one = 1;
    (void)mhd;
    (void)exchange;
    stream->upgrade = handle;
    stream->fd = fd;
    stream->poll = calloc(1, sizeof(*stream->poll));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); /* no TCP: no matter */
    if (stream->poll == NULL || uv_poll_init(stream->server->options.loop, stream->poll, fd) != 0) {
        free(stream->poll);
        stream->poll = NULL;
        upgrade_close(stream);
        return;
    }
    stream->poll->data = stream;
    stream->busy = true;
    if (extra_n > 0) {
        upgrade_deliver(stream, extra, extra_n);
    }
    upgrade_flush(stream);
    stream->busy = false;
    upgrade_watch(stream);
}

struct http_stream *
http_reply_upgrade(const struct http_message *message, const char *const *headers,
                   const struct http_stream_events *events, size_t queue_max,
                   bool (*received)(void *context, struct http_stream *stream, const void *bytes,
                                    size_t n))
{
    struct http_exchange *exchange = message->exchange;
    const struct mhd *mhd = mhd_of(exchange);
    struct http_stream *stream = stream_new(exchange, events, queue_max);
    if (stream == NULL) {
        return NULL;
    }
    stream->received = received;
    struct MHD_Response *response = mhd->create_response_for_upgrade(upgrade_open, stream);
    if (response == NULL) {
        stream_free(stream);
        return NULL;
    }
    exchange->stream = stream;
    for (size_t i = 0; headers != NULL && headers[i] != NULL; i++) {
        const char *const one[] = {headers[i], NULL};
        add_headers(mhd, response, NULL, one);
    }
    if (!queue_response(exchange, MHD_HTTP_SWITCHING_PROTOCOLS, response)) {
        stream_free(stream);
        return NULL;
    }
    stream->announced = true;
    return stream;
}

bool
http_stream_push(struct http_stream *stream, struct http_bytes *bytes)
{
    if (stream->ended || stream->broken || stream->mhd == NULL) {
        return false;
    }
    bool was_empty = stream->queue.count == 0;
    if (!byte_queue_push(&stream->queue, bytes)) {
        stream->server->counts.bytes_dropped += bytes->n;
        return false;
    }
    stream->told = false;
    if (was_empty) {
        stream->progress_ns = clock_mono_ns();
    }
    if (stream->upgrade != NULL && !stream->busy) {
        upgrade_flush(stream);
        upgrade_watch(stream);
    } else if (stream->upgrade == NULL) {
        stream_resume(stream);
    }
    return true;
}

size_t
http_stream_queued(const struct http_stream *stream)
{
    return stream->queue.queued;
}

uint64_t
http_stream_sent(const struct http_stream *stream)
{
    return stream->queue.taken;
}

void
http_stream_end(struct http_stream *stream)
{
    stream->ended = true;
    if (stream->upgrade != NULL && !stream->busy) {
        upgrade_watch(stream);
    } else if (stream->upgrade == NULL && stream->mhd != NULL) {
        stream_resume(stream);
    }
}

/* --- Requests -------------------------------------------------------------------------------- */

static bool
refuse(struct http_exchange *exchange, int status, const char *why)
{
    exchange->status = status;
    exchange->why = why;
    return false;
}

static enum http_right
right_of(const struct http_exchange *exchange)
{
    const struct http_server_options *options = &server_of(exchange)->options;
    const char *header = header_of(exchange, "Authorization");
    struct buf secret;
    buf_init(&secret, HEADER_BYTES_MAX);
    bool given = header != NULL && guard_secret(str_from(header), &secret);
    struct str text = {given ? secret.data : "", given ? secret.n : 0};
    bool change = guard_equal(options->change_token, text);
    bool read = guard_equal(options->token, text);
    buf_done(&secret);
    bool open = options->token == NULL || exchange->connection->listener->local;
    return change ? RIGHT_CHANGE : read || open ? RIGHT_READ : RIGHT_NONE;
}

static bool
judge_origin(struct http_exchange *exchange, const char *method, struct str host)
{
    const char *origin = header_of(exchange, "Origin");
    bool reads = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    if (origin == NULL || (reads && header_of(exchange, "Upgrade") == NULL)) {
        return true; /* what a page of others may ask for, it may not read: there is no CORS */
    }
    return guard_origin(str_from(origin), host, server_of(exchange)->names) ||
           refuse(exchange, 403, "a page of another origin may not do this");
}

static bool
judge_coding(struct http_exchange *exchange)
{
    struct str coding = header_text(exchange, "Content-Encoding");
    if (coding.n == 0 || str_is(coding, "identity")) {
        return true;
    }
    if (!str_is(coding, "gzip") && !str_is(coding, "deflate")) {
        return refuse(exchange, 415, "the codings of a body are gzip and deflate");
    }
    exchange->inflater = inflater_new();
    return exchange->inflater != NULL || refuse(exchange, 503, "out of memory");
}

/* Host, Origin, sizes. False: refused. */
static bool
judge(struct http_exchange *exchange, const char *method)
{
    struct listener *listener = exchange->connection->listener;
    const union MHD_ConnectionInfo *info = mhd_of(exchange)->get_connection_info(
        exchange->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    struct str host = header_text(exchange, "Host"),
               length = header_text(exchange, "Content-Length");
    uint64_t bytes = 0;
    if (info == NULL || info->header_size > HEADER_BYTES_MAX) {
        return refuse(exchange, 431, "the header is larger than 8 KiB");
    }
    if (exchange->path == NULL) {
        return refuse(exchange, 400, "the path is not one that this server reads");
    }
    if (listener->local) {
        host.n = 0; /* no page of a browser gets here by a name */
    } else if (!guard_host(host, exchange->connection->address, listener->server->names)) {
        return refuse(exchange, 403,
                      "Host names another server: use the address, or start the agent with "
                      "--allow-host NAME");
    }
    if (str_u64(&length, &bytes) && bytes > listener->server->options.body_max) {
        return refuse(exchange, 413, "the body is too large");
    }
    return judge_origin(exchange, method, host) && judge_coding(exchange);
}

static bool
has_body(const struct http_exchange *exchange)
{
    struct str length = header_text(exchange, "Content-Length");
    uint64_t bytes = 0;
    return header_of(exchange, "Transfer-Encoding") != NULL ||
           (str_u64(&length, &bytes) && bytes > 0);
}

static enum MHD_Result
request_begin(struct http_exchange *exchange, const char *method)
{
    struct http_server *server = server_of(exchange);
    server->counts.requests++;
    buf_init(&exchange->body, server->options.body_max);
    exchange->right = right_of(exchange);
    if (!judge(exchange, method)) {
        server->counts.refused++;
        if (has_body(exchange)) { /* not to be read: a reply now closes the connection */
            reply_sentence(exchange, exchange->status, exchange->why);
            return exchange->answered ? MHD_YES : MHD_NO;
        }
    }
    return MHD_YES;
}

static void
request_body(struct http_exchange *exchange, const char *bytes, size_t n)
{
    size_t max = server_of(exchange)->options.body_max;
    exchange->received += n;
    if (exchange->received > max && exchange->inflater == NULL) {
        exchange->body.full = true;
    }
    if (exchange->received > 2 * max) {
        exchange->abandoned = true; /* chunks without end: no answer reaches who never listens */
    }
    if (exchange->status != 0) {
        return;
    }
    if (exchange->inflater == NULL) {
        buf_add(&exchange->body, bytes, n);
    } else if (!inflater_feed(exchange->inflater, bytes, n, &exchange->body)) {
        refuse(exchange, 400, "the body is not what Content-Encoding says");
    }
    if (exchange->body.full) {
        refuse(exchange, 413, "the body is too large");
    }
    server_of(exchange)->counts.refused += exchange->status != 0;
}

static enum MHD_Result
request_whole(struct http_exchange *exchange, const char *method)
{
    struct http_server *server = server_of(exchange);
    exchange->connection->waiting = false;
    if (exchange->status == 0 && exchange->inflater != NULL &&
        !inflater_ended(exchange->inflater)) {
        refuse(exchange, 400, "the body ends too early");
    }
    if (exchange->status != 0) {
        reply_sentence(exchange, exchange->status, exchange->why);
        return exchange->answered ? MHD_YES : MHD_NO;
    }
    struct http_message message = {
        .method = strcmp(method, "HEAD") == 0 ? "GET" : method, /* MHD leaves the body out */
        .path = exchange->path,
        .peer = exchange->connection->peer,
        .body = {exchange->body.data != NULL ? exchange->body.data : "", exchange->body.n},
        .right = exchange->right,
        .exchange = exchange,
    };
    server->options.handle(server->options.context, &message);
    if (!exchange->answered) {
        reply_sentence(exchange, 500, "there is no answer");
    }
    return exchange->answered ? MHD_YES : MHD_NO;
}

static enum MHD_Result
on_request(void *context, struct MHD_Connection *mhd, const char *url, const char *method,
           const char *version, const char *bytes, size_t *n, void **ret_exchange)
{
    struct http_exchange *exchange = *ret_exchange;
    (void)context;
    (void)mhd;
    (void)url;
    (void)version;
    if (exchange == NULL) {
        return MHD_NO;
    }
    if (!exchange->begun) {
        exchange->begun = true;
        return request_begin(exchange, method);
    }
    if (*n > 0) {
        request_body(exchange, bytes, *n);
        *n = 0;
        return exchange->abandoned ? MHD_NO : MHD_YES;
    }
    return exchange->answered ? MHD_YES : request_whole(exchange, method);
}

static void
exchange_free(struct http_exchange *exchange)
{
    if (exchange == NULL) {
        return;
    }
    exchange->connection->exchange = NULL;
    inflater_free(exchange->inflater);
    buf_done(&exchange->text);
    buf_done(&exchange->body);
    free(exchange);
}

/* The request line is there: the raw target, before MHD decodes it (it would stop at %00). */
static void *
on_target(void *context, const char *target, struct MHD_Connection *mhd)
{
    struct listener *listener = context;
    const union MHD_ConnectionInfo *info =
        listener->server->mhd.get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct http_exchange *exchange = calloc(1, sizeof(*exchange));
    if (exchange == NULL || info == NULL || info->socket_context == NULL) {
        free(exchange);
        return NULL;
    }
    exchange->connection = info->socket_context;
    exchange_free(exchange->connection->exchange);
    exchange->connection->exchange = exchange;
    exchange->mhd = mhd;
    buf_init(&exchange->text, (size_t)2 * CONNECTION_BYTES);
    if (!parse_target(exchange, str_from(target))) {
        exchange->path = NULL;
    }
    return exchange;
}

static void
on_completed(void *context, struct MHD_Connection *mhd, void **ret_exchange,
             enum MHD_RequestTerminationCode code)
{
    struct http_exchange *exchange = *ret_exchange;
    (void)context;
    (void)mhd;
    (void)code;
    *ret_exchange = NULL;
    if (exchange == NULL) {
        return;
    }
    struct http_stream *stream = exchange->stream;
    exchange->connection->waiting = true;
    exchange->connection->since_ns = clock_mono_ns();
    if (stream != NULL) {
        stream->mhd = NULL;
        stream->exchange = NULL;
        if (stream->received != NULL && stream->upgrade == NULL) {
            stream_free(stream); /* it left before the upgrade */
        }
    }
    exchange_free(exchange);
}

/* --- Connections ----------------------------------------------------------------------------- */

static void
address_text(const struct sockaddr_storage *address, socklen_t n, char dst[INET6_ADDRSTRLEN])
{
    if (getnameinfo((const struct sockaddr *)address, n, dst, INET6_ADDRSTRLEN, NULL, 0,
                    NI_NUMERICHOST) != 0) {
        dst[0] = '\0';
    }
}

static void
connection_describe(struct connection *connection)
{
    struct sockaddr_storage address = {0};
    socklen_t n = sizeof(address);
    if (connection->listener->local) {
        str_copy(STR("unix"), connection->peer, sizeof(connection->peer));
        return;
    }
    if (getpeername(connection->fd, (struct sockaddr *)&address, &n) == 0) {
        address_text(&address, n, connection->peer);
    }
    n = sizeof(address);
    if (getsockname(connection->fd, (struct sockaddr *)&address, &n) == 0) {
        address_text(&address, n, connection->address);
    }
}

static void
connection_open(struct listener *listener, struct MHD_Connection *mhd, void **ret_connection)
{
    struct connection *connection = calloc(1, sizeof(*connection));
    const union MHD_ConnectionInfo *info =
        listener->server->mhd.get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    *ret_connection = connection;
    if (connection == NULL) {
        return; /* its requests are refused */
    }
    connection->listener = listener;
    connection->fd = info != NULL ? info->connect_fd : -1;
    connection->since_ns = clock_mono_ns();
    connection->waiting = true;
    connection_describe(connection);
    LIST_INSERT_HEAD(&listener->server->connections, connection, entry);
    listener->server->counts.connections++;
    listener->server->counts.connections_total++;
}

static void
on_connection(void *context, struct MHD_Connection *mhd, void **ret_connection,
              enum MHD_ConnectionNotificationCode code)
{
    struct listener *listener = context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        connection_open(listener, mhd, ret_connection);
        return;
    }
    struct connection *connection = *ret_connection;
    *ret_connection = NULL;
    if (connection != NULL) {
        LIST_REMOVE(connection, entry);
        listener->server->counts.connections--;
        exchange_free(connection->exchange);
        free(connection);
        /* At its limit a daemon listens no more, and notices that there is room in its next run. */
        listener_kick(listener);
    }
}

/* The other end has closed and all it sent is read: libmicrohttpd misses an end that came together
 * with the last bytes. */
static bool
connection_left(const struct connection *connection)
{
    char byte;
    return recv(connection->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* Shuts who is too slow: requests that do not get whole, upgraded readers that do not read. */
static void
on_sweep(uv_timer_t *timer)
{
    struct http_server *server = timer->data;
    int64_t late_ns = clock_mono_ns() - server->options.timeout_ns;
    struct connection *connection;
    struct http_stream *stream, *next;
    LIST_FOREACH(connection, &server->connections, entry)
    {
        if (connection->waiting &&
            (connection->since_ns < late_ns || connection_left(connection))) {
            shutdown(connection->fd, SHUT_RDWR); /* MHD sees the end and cleans up */
            connection->waiting = false;
        }
    }
    for (stream = LIST_FIRST(&server->streams); stream != NULL; stream = next) {
        next = LIST_NEXT(stream, entry);
        if (stream->upgrade != NULL && stream->queue.count > 0 && stream->progress_ns < late_ns) {
            upgrade_close(stream);
        }
    }
    for (size_t i = 0; i < server->listener_count; i++) {
        listener_kick(&server->listeners[i]); /* descriptors that others gave back are room, too */
    }
}

/* --- The daemons ----------------------------------------------------------------------------- */

static void
listener_run(struct listener *listener)
{
    const struct mhd *mhd = &listener->server->mhd;
    MHD_UNSIGNED_LONG_LONG timeout_ms;
    listener->kicked = listener->server->complained = false;
    mhd->run(listener->daemon);
    /* What it complains about it closes in its next run only, and tells no timeout for that. */
    if (listener->kicked || listener->server->complained) {
        uv_timer_start(listener->timer, on_timer, 0, 0);
    } else if (mhd->get_timeout(listener->daemon, &timeout_ms) == MHD_YES) {
        uv_timer_start(listener->timer, on_timer, timeout_ms, 0);
    } else {
        uv_timer_stop(listener->timer);
    }
}

static void
on_timer(uv_timer_t *timer)
{
    listener_run(timer->data);
}

static void
on_poll(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    listener_run(poll->data);
}

static void
on_log(void *context, const char *format, va_list args)
{
    struct http_server *server = context;
    vsnprintf(server->said, sizeof(server->said), format, args);
    server->said[strcspn(server->said, "\n")] = '\0';
    server->complained = true;
    log_debug("http: %s", server->said);
}

static unsigned
daemon_flags(const struct http_server *server, bool local)
{
    unsigned flags =
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_ALLOW_UPGRADE | MHD_USE_ERROR_LOG;
    return server->certificate != NULL && !local ? flags | MHD_USE_TLS : flags;
}

static bool
daemon_start(struct listener *listener, int fd)
{
    struct http_server *server = listener->server;
    const struct http_server_options *options = &server->options;
    bool tls = server->certificate != NULL && !listener->local;
    bool near = listener->loopback || listener->local;
    struct MHD_OptionItem items[] = {
        {MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)on_log, server},
        {MHD_OPTION_LISTEN_SOCKET, fd, NULL},
        {MHD_OPTION_CONNECTION_LIMIT, (intptr_t)options->connections_max, NULL},
        {MHD_OPTION_PER_IP_CONNECTION_LIMIT, near ? 0 : (intptr_t)options->address_max, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_BYTES, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, (intptr_t)MAX(options->timeout_ns / NS_PER_S, 1), NULL},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, listener},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)on_completed, listener},
        {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)on_target, listener},
        {tls ? MHD_OPTION_HTTPS_MEM_CERT : MHD_OPTION_END, 0, server->certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, server->key},
        {MHD_OPTION_HTTPS_PRIORITIES, 0,
         (void *)(uintptr_t) "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"},
        {MHD_OPTION_END, 0, NULL},
    };
    listener->daemon =
        server->mhd.start_daemon(daemon_flags(server, listener->local), 0, NULL, NULL, on_request,
                                 listener, MHD_OPTION_ARRAY, items, MHD_OPTION_END);
    return listener->daemon != NULL;
}

/* Puts the daemon on the loop. */
static bool
listener_watch(struct listener *listener)
{
    const union MHD_DaemonInfo *info =
        listener->server->mhd.get_daemon_info(listener->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    uv_loop_t *loop = listener->server->options.loop;
    uv_timer_t *timer = calloc(1, sizeof(*timer));
    uv_poll_t *poll = calloc(1, sizeof(*poll));
    if (info == NULL || timer == NULL || poll == NULL ||
        uv_poll_init(loop, poll, info->epoll_fd) != 0) {
        free(timer);
        free(poll);
        return false;
    }
    uv_timer_init(loop, timer);
    timer->data = poll->data = listener;
    listener->timer = timer;
    listener->poll = poll;
    return uv_poll_start(poll, UV_READABLE, on_poll) == 0;
}

static bool
listener_start(struct http_server *server, int fd, bool local, bool loopback, unsigned port,
               char *why, size_t why_size)
{
    struct listener *listener = &server->listeners[server->listener_count];
    *listener =
        (struct listener){.server = server, .local = local, .loopback = loopback, .port = port};
    if (!daemon_start(listener, fd)) {
        close(fd);
        snprintf(why, why_size, "the HTTP server does not start: %s",
                 server->said[0] != '\0' ? server->said : "libmicrohttpd says no more");
        return false;
    }
    server->listener_count++;
    if (!listener_watch(listener)) {
        snprintf(why, why_size, "the HTTP server does not start: out of memory");
        return false;
    }
    return true;
}

/* What may be listened at: see the security section of the header. */
static bool
listener_allowed(const struct http_server_options *options, const char *where, bool loopback,
                 char *why, size_t why_size)
{
    if (loopback) {
        return true;
    }
    if (options->token == NULL) {
        snprintf(why, why_size, "%s is reached from other machines: give --token-file", where);
        return false;
    }
    if (options->cert_file == NULL && !options->insecure_no_tls) {
        snprintf(why, why_size,
                 "%s is reached from other machines: give --tls-cert and --tls-key, or "
                 "--insecure-no-tls if somebody else encrypts",
                 where);
        return false;
    }
    return true;
}

static bool
start_tcp(struct http_server *server, const char *where, char *why, size_t why_size)
{
    bool loopback;
    unsigned port;
    int fd = listen_tcp(where, &loopback, &port, why, why_size);
    if (fd < 0) {
        return false;
    }
    if (!listener_allowed(&server->options, where, loopback, why, why_size)) {
        close(fd);
        return false;
    }
    return listener_start(server, fd, false, loopback, port, why, why_size);
}

static bool
start_unix(struct http_server *server, const char *path, char *why, size_t why_size)
{
    int fd = listen_unix(path, &server->unix_made, why, why_size);
    if (fd < 0) {
        return false;
    }
    server->unix_path = path;
    return listener_start(server, fd, true, false, 0, why, why_size);
}

/* --- The server ------------------------------------------------------------------------------ */

static bool
library_open(struct http_server *server, char *why, size_t why_size)
{
    static const struct {
        const char *name;
        size_t offset;
    } functions[] = {
#define ROW(name) {"MHD_" #name, offsetof(struct mhd, name)},
        MHD_FUNCTIONS(ROW)
#undef ROW
    };
    server->library = dlopen("libmicrohttpd.so.12", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (server->library == NULL) {
        snprintf(why, why_size,
                 "the HTTP server needs libmicrohttpd: install the package libmicrohttpd12");
        return false;
    }
    for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
        void *function = dlsym(server->library, functions[i].name);
        if (function == NULL) {
            snprintf(why, why_size, "libmicrohttpd has no %s: install a newer one",
                     functions[i].name);
            return false;
        }
        memcpy((char *)&server->mhd + functions[i].offset, &function, sizeof(function));
    }
    return true;
}

static char *
read_pem(const char *path, char *why, size_t why_size)
{
    char *text = NULL;
    ssize_t n = file_load(path, PEM_BYTES_MAX, &text);
    if (n < 0) {
        snprintf(why, why_size, "%s cannot be read: %s", path, strerror((int)-n));
        return NULL;
    }
    return text;
}

static bool
options_right(const struct http_server_options *options, char *why, size_t why_size)
{
    const char *tokens[] = {options->token, options->change_token};
    for (size_t i = 0; i < ARRAY_SIZE(tokens); i++) {
        if (tokens[i] != NULL && strlen(tokens[i]) < TOKEN_BYTES_MIN) {
            snprintf(why, why_size, "a token has at least %d characters", TOKEN_BYTES_MIN);
            return false;
        }
    }
    if ((options->cert_file == NULL) != (options->key_file == NULL)) {
        snprintf(why, why_size, "TLS needs both a certificate and its key");
        return false;
    }
    return true;
}

static bool
server_open(struct http_server *server, char *why, size_t why_size)
{
    const struct http_server_options *options = &server->options;
    if (!options_right(options, why, why_size) || !library_open(server, why, why_size)) {
        return false;
    }
    if (options->cert_file != NULL) {
        server->certificate = read_pem(options->cert_file, why, why_size);
        server->key =
            server->certificate != NULL ? read_pem(options->key_file, why, why_size) : NULL;
        if (server->key == NULL) {
            return false;
        }
    }
    for (size_t i = 0; i < options->listen_count; i++) {
        if (!start_tcp(server, options->listen[i], why, why_size)) {
            return false;
        }
    }
    return options->unix_path == NULL || start_unix(server, options->unix_path, why, why_size);
}

static bool
sweep_start(struct http_server *server)
{
    uint64_t period_ms = (uint64_t)MAX(server->options.timeout_ns / 4 / NS_PER_MS, 1);
    server->sweep = calloc(1, sizeof(*server->sweep));
    if (server->sweep == NULL) {
        return false;
    }
    uv_timer_init(server->options.loop, server->sweep);
    server->sweep->data = server;
    return uv_timer_start(server->sweep, on_sweep, period_ms, period_ms) == 0;
}

struct http_server *
http_server_new(const struct http_server_options *options, char *why, size_t why_size)
{
    struct http_server *server = calloc(1, sizeof(*server));
    snprintf(why, why_size, "out of memory");
    if (server == NULL) {
        return NULL;
    }
    server->options = *options;
    server->names = (struct guard_names){options->hosts, options->host_count};
    struct http_server_options *own = &server->options;
    own->connections_max = own->connections_max != 0 ? own->connections_max : 256;
    own->address_max = own->address_max != 0 ? own->address_max : 64;
    own->body_max = own->body_max != 0 ? own->body_max : (size_t)1 << 20;
    own->timeout_ns = own->timeout_ns != 0 ? own->timeout_ns : 20 * NS_PER_S;
    LIST_INIT(&server->connections);
    LIST_INIT(&server->streams);
    server->listeners = calloc(options->listen_count + 1, sizeof(*server->listeners));
    if (server->listeners == NULL || !sweep_start(server) || !server_open(server, why, why_size)) {
        http_server_free(server);
        return NULL;
    }
    return server;
}

/* MHD stops only when nothing is suspended or upgraded. */
static void
end_streams(struct http_server *server)
{
    struct http_stream *stream, *next;
    for (stream = LIST_FIRST(&server->streams); stream != NULL; stream = next) {
        next = LIST_NEXT(stream, entry);
        stream->ended = true;
        if (stream->upgrade != NULL) {
            upgrade_close(stream);
        } else if (stream->mhd != NULL) {
            stream_resume(stream);
        }
    }
}

static void
close_handle(void *handle)
{
    if (handle != NULL) {
        uv_close(handle, free_handle);
    }
}

void
http_server_free(struct http_server *server)
{
    if (server == NULL) {
        return;
    }
    close_handle(server->sweep);
    end_streams(server);
    for (size_t i = 0; i < server->listener_count; i++) {
        struct listener *listener = &server->listeners[i];
        if (listener->poll != NULL) {
            uv_poll_stop(listener->poll); /* before the descriptor is closed */
        }
        close_handle(listener->poll);
        close_handle(listener->timer);
        server->mhd.stop_daemon(listener->daemon);
    }
    if (server->unix_path != NULL) {
        listen_unix_remove(server->unix_path, &server->unix_made);
    }
    if (server->library != NULL) {
        dlclose(server->library);
    }
    if (server->key != NULL) {
        explicit_bzero(server->key, strlen(server->key));
    }
    free(server->certificate);
    free(server->key);
    free(server->listeners);
    free(server);
}

void
http_server_set_access(struct http_server *server, const char *token, const char *change_token,
                       const char *const *hosts, size_t host_count)
{
    server->options.token = token;
    server->options.change_token = change_token;
    server->names = (struct guard_names){hosts, host_count};
}

struct http_server_counts
http_server_counts(const struct http_server *server)
{
    return server->counts;
}

unsigned
http_server_port(const struct http_server *server, size_t i)
{
    return i < server->listener_count ? server->listeners[i].port : 0;
}
