/* HTTP server: libmicrohttpd, its epoll descriptor on a libuv loop. It is opened at first use
 * (dlopen); only src/net/server.c and its parts know it.
 *
 * Everything runs on the loop's thread. A request is handed to `handle` whole, its body read and
 * decompressed (at most body_max), after Host, Origin, token and size have been judged. Bounded
 * everywhere: connections, connections an address, header bytes (8 KiB), body bytes, seconds
 * without progress, bytes queued to a slow reader. */
#ifndef FLAMETOP_NET_SERVER_H
#define FLAMETOP_NET_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/buf.h"
#include "flametop/base/macros.h"
#include "flametop/base/str.h"

struct uv_loop_s;
struct http_server;
struct http_exchange; /* one request being answered */

/* Which tokens came with a request (compared in constant time). */
enum http_right { RIGHT_NONE, RIGHT_READ, RIGHT_CHANGE };

struct http_message {
    const char *method, *path; /* path without query, percent-decoded; ".." never reaches here */
    const char *peer;          /* address, "unix" */
    struct str body;
    enum http_right right;
    struct http_exchange *exchange;
};

/* A query argument, decoded; NULL when absent. A header, by name; NULL when absent. */
const char *http_argument(const struct http_message *message, const char *name);
const char *http_argument_name(const struct http_message *message, size_t i); /* NULL: no more */
const char *http_header(const struct http_message *message, const char *name);

/* Whether the reader is a program of the user that runs this server, or of root, on this machine,
 * and no page of another site asks through a browser: as far as the kernel and the browser tell. */
bool http_is_own(const struct http_message *message);

/* Bytes shared by many readers: counted, immutable. */
struct http_bytes {
    unsigned refs;
    size_t n;
    uint8_t data[];
};
struct http_bytes *http_bytes_new(const void *bytes, size_t n); /* one reference */
struct http_bytes *http_bytes_acquire(struct http_bytes *bytes);
void http_bytes_release(struct http_bytes *bytes);

/* A body that goes on: one reader. push answers false when more than queue_max would be waiting
 * (the caller decides what to drop; into an empty queue one piece of any size goes). `writable` is
 * called when the queue has run empty, `gone` when the reader has left or the server stops: the
 * stream is invalid afterwards. */
struct http_stream;
struct http_stream_events {
    void *context;
    void (*writable)(void *context, struct http_stream *stream);
    void (*gone)(void *context, struct http_stream *stream);
};
bool http_stream_push(struct http_stream *stream,
                      struct http_bytes *bytes); /* takes a reference of its own */
size_t http_stream_queued(const struct http_stream *stream);
uint64_t http_stream_sent(const struct http_stream *stream);
void http_stream_end(struct http_stream *stream); /* after what is queued; gone follows */
/* At once: what is queued is not sent, and `gone` has been called when this returns. Not for an
 * upgraded stream inside its own callbacks. */
void http_stream_drop(struct http_stream *stream);

/* Exactly one of these answers a request, inside `handle` but for http_defer. Extra header lines:
 * "Name: value" texts, NULL at the end; NULL: none. */
void http_reply(const struct http_message *message, int status, const char *type, struct str body,
                const char *const *headers);
/* The same without a copy: the body's bytes are the answer's, the buffer is left empty. */
void http_reply_buf(const struct http_message *message, int status, const char *type,
                    struct buf *body, const char *const *headers);
void http_reply_error(const struct http_message *message, int status, const char *format, ...)
    PRINTF_LIKE(3, 4); /* {"error": "..."} as application/json */
struct http_stream *http_reply_stream(const struct http_message *message, const char *type,
                                      const char *const *headers,
                                      const struct http_stream_events *events, size_t queue_max);

/* Puts the answer off: one of the above gives it later, on the loop's thread, to the message that
 * is returned, whose texts stay until then. `gone` is called instead when nobody waits for it any
 * more (the reader has left, the server stops). */
const struct http_message *http_defer(const struct http_message *message, void *context,
                                      void (*gone)(void *context));

/* The body of a request becomes the caller's (buf_done); the message's views of it stay right. */
struct buf http_take_body(const struct http_message *message);

/* 101: the same as a stream downwards, and bytes upwards by `received` (false closes). */
struct http_stream *http_reply_upgrade(const struct http_message *message,
                                       const char *const *headers,
                                       const struct http_stream_events *events, size_t queue_max,
                                       bool (*received)(void *context, struct http_stream *stream,
                                                        const void *bytes, size_t n));

struct http_server_options { /* texts must outlive the server */
    struct uv_loop_s *loop;
    const char *const *listen; /* "127.0.0.1:7711", "[::1]:7711" */
    size_t listen_count;
    const char *unix_path; /* NULL: none; 0600, a stale one is replaced, a live one is an error */
    const char *cert_file, *key_file; /* both or none; not for the unix socket */
    const char *token, *change_token; /* NULL: none. The unix socket needs no reading token */
    bool insecure_no_tls;             /* allow another address than loopback without TLS */
    const char *const *hosts;         /* further names allowed in Host and Origin */
    size_t host_count;
    unsigned connections_max; /* at each listener; 0: 256 */
    unsigned address_max;     /* from one address, unless it is a loopback one; 0: 64 */
    size_t body_max;          /* 0: 1 MiB */
    size_t bodies_max;        /* of all bodies together, else 503; 0: no bound of its own */
    bool pages;               /* pages of any port of this machine may send (CORS) */
    bool open;                /* another address than loopback needs neither TLS nor token, and any
                                 Host is right */
    bool takes;               /* connections come by http_server_take */
    int64_t timeout_ns;       /* of a request to be complete, and of silence; 0: 20 s */
    void *context;
    void (*handle)(void *context, const struct http_message *message);
    /* Words a refusal of the server itself (too large, no such coding ...) by http_reply; NULL: as
     * http_reply_error does. */
    void (*refuse)(void *context, const struct http_message *message, int status, const char *why);
};

/* What the server itself counts. */
struct http_server_counts {
    uint64_t requests, refused, connections, connections_total, bytes_sent, bytes_dropped;
};

/* NULL and one sentence (what, where, what to do): address in use, no certificate, an address that
 * is not loopback without TLS or without a token. */
struct http_server *http_server_new(const struct http_server_options *options, char *why,
                                    size_t why_size);
/* Ends all streams: what waits for them is sent as far as their sockets take it, then `gone` is
 * called. The loop must turn once more to release its handles. */
void http_server_free(struct http_server *server);
/* A connection that was accepted elsewhere, and is the server's from now on, whatever the answer;
 * what it has sent already may be unread. Only with the option `takes`. */
bool http_server_take(struct http_server *server, int fd);
/* Other tokens and names from the next request on; the texts must outlive the server. */
void http_server_set_access(struct http_server *server, const char *token, const char *change_token,
                            const char *const *hosts, size_t host_count);
struct http_server_counts http_server_counts(const struct http_server *server);

/* The port really bound by listen[i] (asked for as :0 in tests). */
unsigned http_server_port(const struct http_server *server, size_t i);

#endif
