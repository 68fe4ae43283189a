/* What the files of the HTTP server share: a listener is a daemon of libmicrohttpd on the loop, a
 * connection one of its clients, an exchange a request with its answer, a stream an answer that
 * goes on. Everything belongs to the loop's thread. Nothing else includes this: libmicrohttpd stays
 * behind it. */
#ifndef FLAMETOP_NET_SERVER_PARTS_H
#define FLAMETOP_NET_SERVER_PARTS_H

#include <microhttpd.h>
#include <netinet/in.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <uv.h>

#include "byte_queue.h"
#include "flametop/net/server.h"
#include "guard.h"

#define HTTP_HEADER_BYTES_MAX 8192
#define HTTP_CONNECTION_BYTES 16384 /* a header of the greatest size and its parsed form */
#define HTTP_ARGUMENTS_MAX 32

struct inflater;

/* The functions of libmicrohttpd, found at run time. */
#define MHD_FUNCTIONS(X)                                                                           \
    X(start_daemon)                                                                                \
    X(stop_daemon)                                                                                 \
    X(run)                                                                                         \
    X(get_timeout)                                                                                 \
    X(get_daemon_info)                                                                             \
    X(get_connection_info)                                                                         \
    X(add_connection)                                                                              \
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
    struct argument arguments[HTTP_ARGUMENTS_MAX];
    size_t argument_count;
    bool begun, answered, abandoned;
    enum http_right right;
    int status; /* of a refusal; 0: none */
    const char *why;
    struct buf body;
    size_t received; /* bytes of the body as they came */
    size_t counted;  /* bytes of the body in server.body_bytes */
    const char *method;
    struct inflater *inflater;
    struct http_stream *stream; /* the answer, as long as it goes on */

    /* Of an answer that was put off. */
    bool deferred, suspended;
    struct http_message later;
    struct MHD_Response *response; /* to be given in the next call; NULL: none */
    void *gone_context;
    void (*gone)(void *context);
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
    struct listener *taker; /* of connections from elsewhere; NULL: none */
    size_t body_bytes;      /* of all bodies being read */
    char said[160];         /* by libmicrohttpd, last */
    bool complained;        /* it said something since its last run */
    bool stopping;          /* nothing is asked any more */
};

/* ---- exchange.c ---- */

static inline struct http_server *
exchange_server(const struct http_exchange *exchange)
{
    return exchange->connection->listener->server;
}

static inline const struct mhd *
exchange_mhd(const struct http_exchange *exchange)
{
    return &exchange_server(exchange)->mhd;
}

/* NULL is allowed. */
void exchange_free(struct http_exchange *exchange);

/* The headers of every answer and these: "Name: value", NULL at the end. Type NULL: none. */
void exchange_add_headers(const struct http_exchange *exchange, struct MHD_Response *response,
                          const char *type, const char *const *headers);

/* Goes on with a request whose answer was put off: it is answered, or its reader has left. */
void exchange_wake(struct http_exchange *exchange);

/* Answers with the response, which belongs to the connection from then on. */
bool exchange_answer(struct http_exchange *exchange, int status, struct MHD_Response *response);

/* Callbacks of libmicrohttpd, in the order in which a request meets them. */
void *exchange_on_target(void *listener, const char *target, struct MHD_Connection *mhd);
enum MHD_Result exchange_on_request(void *listener, struct MHD_Connection *mhd, const char *url,
                                    const char *method, const char *version, const char *bytes,
                                    size_t *n, void **ret_exchange);
void exchange_on_completed(void *listener, struct MHD_Connection *mhd, void **ret_exchange,
                           enum MHD_RequestTerminationCode code);

/* ---- stream.c ---- */

/* The exchange it answers is over. */
void stream_completed(struct http_stream *stream);

/* Ends all streams: libmicrohttpd stops only when nothing is suspended or upgraded. */
void stream_end_all(struct http_server *server);

/* Closes upgraded connections to readers that have not read since then. */
void stream_close_stuck(struct http_server *server, int64_t late_ns);

/* ---- server.c ---- */

/* Without threads MHD does not wake its own descriptor: runs it in the next turn of the loop. */
void listener_kick(struct listener *listener);

#endif
