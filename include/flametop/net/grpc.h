/* A server of unary gRPC calls, by libnghttp2 on a libuv loop: connections come from elsewhere.
 * libnghttp2 is opened at first use (dlopen); only src/net/grpc.c knows it, and a program built
 * without its header has no such server.
 *
 * A call is handed to `handle` whole, its message decompressed (identity or gzip). Bounded:
 * connections, calls of each, bytes of a message and of all together, seconds without progress. */
#ifndef FLAMETOP_NET_GRPC_H
#define FLAMETOP_NET_GRPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/buf.h"
#include "flametop/base/str.h"

struct uv_loop_s;
struct grpc_server;
struct grpc_call; /* one that is being answered */

/* Of those that gRPC has, and that the answer comes later. */
enum grpc_status {
    GRPC_LATER = -1,
    GRPC_OK = 0,
    GRPC_INVALID_ARGUMENT = 3,
    GRPC_RESOURCE_EXHAUSTED = 8,
    GRPC_UNIMPLEMENTED = 12,
    GRPC_INTERNAL = 13,
    GRPC_UNAVAILABLE = 14
};

struct grpc_server_options {
    struct uv_loop_s *loop;
    unsigned connections_max;
    size_t message_max, messages_max; /* bytes of one, and of all being read together */
    int64_t timeout_ns;               /* for a call to be whole, and for answers to be read */
    void *context;
    /* Answers a call ("/package.Service/Method"): the reply's bytes, or another status and a
     * sentence. After GRPC_LATER the message stays, also when who called has left, until
     * grpc_answer, which must come before the server is freed. */
    enum grpc_status (*handle)(void *context, struct grpc_call *call, const char *path,
                               struct str message, struct buf *reply, char *why, size_t why_size);
    /* A call that was refused before: too large, damaged. May be NULL. */
    void (*refused)(void *context);
};

/* NULL and a sentence: not built in, no libnghttp2, out of memory. */
struct grpc_server *grpc_server_new(const struct grpc_server_options *options, char *why,
                                    size_t why_size);
/* The loop must turn once more to release its handles. */
void grpc_server_free(struct grpc_server *server);

/* Answers a call that was to be answered later, on the loop's thread: it is over then. */
void grpc_answer(struct grpc_call *call, enum grpc_status status, struct str reply,
                 const char *why);

/* A connection that begins with HTTP/2's preface, not read yet; the server's from now on. */
void grpc_server_take(struct grpc_server *server, int fd);

#endif
