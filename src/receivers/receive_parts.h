/* What the parts of the network's receiver share. Everything runs on the loop's thread. */
#ifndef FLAMETOP_SRC_RECEIVERS_RECEIVE_PARTS_H
#define FLAMETOP_SRC_RECEIVERS_RECEIVE_PARTS_H

#include <uv.h>

#include "decoding.h"
#include "flametop/base/macros.h"
#include "flametop/core/batch.h"
#include "flametop/net/grpc.h"
#include "flametop/net/server.h"
#include "flametop/receivers/decode.h"
#include "flametop/receivers/receive.h"
#include "fold.h"

#define RECEIVE_BODY_MAX ((size_t)64 << 20) /* after decompression, as OTLP recommends */
#define RECEIVE_BODIES_MAX ((size_t)256 << 20)
#define RECEIVE_PLACES_MAX 16
#define RECEIVE_PLACE_BYTES 72
#define RECEIVE_NOTE_BYTES 320

enum receive_protocol {
    RECEIVE_OTLP_HTTP,
    RECEIVE_OTLP_GRPC,
    RECEIVE_ZIPKIN,
    RECEIVE_REQUESTS,
    RECEIVE_SAMPLES,
    RECEIVE_STATSD,
    RECEIVE_PROTOCOLS
};

struct receive_counts {
    uint64_t messages, bytes, spans, readings, refused, cut, errors;
};

/* Where it listens. */
struct place {
    char where[RECEIVE_PLACE_BYTES]; /* "127.0.0.1:4318" */
    unsigned port;
    bool udp;
    bool spare; /* the other address of a bare port: that it is not there is no news */
    bool listening;
    bool full;                     /* no descriptor was left for who came; the note says so */
    uint64_t accepted;             /* connections, or datagrams */
    int64_t heard_ns;              /* monotonic; 0: never */
    int64_t noted_ns;              /* when, monotonic */
    char note[RECEIVE_NOTE_BYTES]; /* what is wrong, or who knocked in vain; "": nothing */
    struct receive *receive;
    uv_poll_t *poll; /* NULL: not listening */
    int fd;
};

struct door;

struct receive {
    struct receiver_setup setup;
    const struct receive_options *options;
    struct source source; /* what the collector polls: source_received, inside this */
    struct fold *fold;
    struct decodings *decodings;
    struct span_sink sink; /* spans to the setup's, readings to the fold */
    struct receive_counts counts[RECEIVE_PROTOCOLS];
    struct place places[RECEIVE_PLACES_MAX];
    size_t place_count;
    bool begun;
    struct http_server *http; /* NULL: not begun */
    struct door *door;
    struct grpc_server *grpc; /* NULL: not built in, or not begun */
};

/* ---- receive.c ---- */

/* Decodes a body and counts it. What decode answers. */
bool receive_decode(struct receive *receive, enum receive_protocol protocol,
                    decode_function *decode, struct str body, struct delivery *ret_delivery);

/* A body that takes long, in the struct of who answers it. */
struct receive_large {
    struct receive *receive;
    enum receive_protocol protocol;
    /* Answers, and frees it. */
    void (*answer)(struct receive_large *large, const struct delivery *delivery, enum decoded how);
};

/* Whether a body is to be decoded little by little: it is large, or this turn of the loop has
 * lasted long. */
bool receive_is_large(const struct receive *receive, struct str body);

/* Decodes it so, and counts it; the body stays until it is answered. False: there are too many. */
bool receive_decode_large(struct receive_large *large, decode_function *decode, struct str body);

/* A body that could not be read, or came as something else than it should. */
void receive_error(struct receive *receive, enum receive_protocol protocol);

/* Says it at the place, and once to the log. */
void receive_tell(struct place *place, const char *format, ...) PRINTF_LIKE(2, 3);

/* ---- place.c ---- */

/* Reads the option into places; false and a sentence. */
bool places_read(struct receive *receive, const char *const *listen, size_t count, char *why,
                 size_t why_size);

/* Listens at it; what is wrong is noted there. `ready` is called when there is something. */
bool place_listen(struct place *place, const char *proc, uv_loop_t *loop, uv_poll_cb ready);
void place_close(struct place *place);

/* ---- http.c ---- */

/* The server's callbacks; context is the receive. */
void http_handle(void *context, const struct http_message *message);
void http_refuse(void *context, const struct http_message *message, int status, const char *why);

/* ---- door.c ---- */

/* Accepts connections, looks at their first bytes, and hands them on. NULL: out of memory. */
struct door *door_new(struct receive *receive);
void door_free(struct door *door);
void door_ready(uv_poll_t *poll, int status, int events); /* of a place */

/* ---- grpc.c ---- */

/* The gRPC server's callbacks; context is the receive. */
enum grpc_status grpc_handle(void *context, struct grpc_call *call, const char *path,
                             struct str message, struct buf *reply, char *why, size_t why_size);
void grpc_refused(void *context);

/* ---- datagram.c ---- */

void datagram_ready(uv_poll_t *poll, int status, int events); /* of a place */

#endif
