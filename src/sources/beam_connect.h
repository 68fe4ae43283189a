/* Connecting to an Erlang node: the name of the host, epmd, the cookie, and libei's handshake. All
 * of it may take its time, so it happens in a thread of its own; what comes of it comes by the
 * engine's loop. */
#ifndef FLAMETOP_SOURCES_BEAM_CONNECT_H
#define FLAMETOP_SOURCES_BEAM_CONNECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/sources/beam.h"

struct uv_loop_s;
struct beam_connect;

enum beam_connect_state {
    BEAM_CONNECTED,
    BEAM_UNREACHABLE, /* another try may end otherwise */
    BEAM_REFUSED,     /* another try would end as this one did, and each is an error in its log */
};

struct beam_connected {
    enum beam_connect_state state;
    int fd;            /* the receiver's; -1 when not connected */
    char node[256];    /* our own name there */
    uint32_t creation; /* of ours */
    int64_t pid;       /* of the node's process when it runs on this machine; 0 */
    unsigned port;     /* where it listens */
    char note[200];    /* what was done otherwise than asked: "" */
    char cookie_from[400];
    char why[500]; /* when not connected */
};

typedef void beam_connect_done(void *context, const struct beam_connected *connected);

/* Starts it. `done` is called once, on the loop, unless it is cancelled; NULL when out of memory.
 */
struct beam_connect *beam_connect_start(struct uv_loop_s *loop, const struct beam_options *options,
                                        void *context, beam_connect_done *done);

/* Before or after it is done; once. What the thread still does is forgotten. NULL is allowed. */
void beam_connect_cancel(struct beam_connect *connect);

/* What it is doing, as a sentence. */
const char *beam_connect_doing(const struct beam_connect *connect, char *dst, size_t size);

#endif
