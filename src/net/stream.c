/* Answers that go on.
 *
 * A stream reads from a queue of shared bytes; when that is empty the connection is suspended until
 * the next push. After an upgrade the socket is ours, in a uv_poll of its own, until
 * MHD_upgrade_action gives it back. */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "flametop/base/clock.h"
#include "flametop/net/loop.h"
#include "server_parts.h"

#define STREAM_BLOCK_BYTES 1024
#define RECEIVE_BYTES 16384

/* --- Streams --------------------------------------------------------------------------------- */

static struct http_stream *
stream_new(struct http_exchange *exchange, const struct http_stream_events *events,
           size_t queue_max)
{
    struct http_stream *stream = calloc(1, sizeof(*stream));
    if (stream == NULL) {
        return NULL;
    }
    stream->server = exchange_server(exchange);
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
    const struct mhd *mhd = exchange_mhd(exchange);
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
    exchange_add_headers(exchange, response, type, headers);
    if (!exchange_answer(exchange, 200, response)) {
        return NULL; /* freed with the response */
    }
    stream->announced = true;
    return stream;
}

/* --- Upgraded connections -------------------------------------------------------------------- */

static void
upgrade_close(struct http_stream *stream)
{
    if (stream->poll != NULL) {
        uv_poll_stop(stream->poll);
        loop_close(stream->poll);
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
    const struct mhd *mhd = exchange_mhd(exchange);
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
    exchange_add_headers(exchange, response, NULL, headers);
    if (!exchange_answer(exchange, MHD_HTTP_SWITCHING_PROTOCOLS, response)) {
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

void
http_stream_drop(struct http_stream *stream)
{
    if (stream->upgrade != NULL) {
        upgrade_close(stream);
        return;
    }
    stream->ended = true;
    byte_queue_done(&stream->queue);
    stream->announced = false;
    stream->events.gone(stream->events.context, stream);
    if (stream->exchange != NULL) {
        shutdown(stream->exchange->connection->fd, SHUT_RDWR); /* MHD sees the end and cleans up */
    }
    if (stream->mhd != NULL) {
        stream_resume(stream);
    }
}

/* --- For the server -------------------------------------------------------------------------- */

void
stream_completed(struct http_stream *stream)
{
    stream->mhd = NULL;
    stream->exchange = NULL;
    if (stream->received != NULL && stream->upgrade == NULL) {
        stream_free(stream); /* it left before the upgrade */
    }
}

void
stream_end_all(struct http_server *server)
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

void
stream_close_stuck(struct http_server *server, int64_t late_ns)
{
    struct http_stream *stream, *next;
    for (stream = LIST_FIRST(&server->streams); stream != NULL; stream = next) {
        next = LIST_NEXT(stream, entry);
        if (stream->upgrade != NULL && stream->queue.count > 0 && stream->progress_ns < late_ns) {
            upgrade_close(stream);
        }
    }
}
