/* The wire to an Erlang node after the handshake: the messages of the distribution protocol on the
 * engine's loop.
 *
 * Each request has a number of its own, which is the pid the answer is sent to; an answer whose
 * request was given up is nobody's and is dropped, so that a late one is never taken for another's.
 * A frame above 64 MiB, or bytes that are none, end the wire. Engine thread. */
#ifndef FLAMETOP_SOURCES_BEAM_WIRE_H
#define FLAMETOP_SOURCES_BEAM_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "etf.h"
#include "flametop/base/str.h"

#define BEAM_FRAME_BYTES_MAX ((size_t)64 << 20)
#define BEAM_REQUESTS_MAX 64

struct uv_loop_s;
struct beam_wire;

enum beam_outcome {
    BEAM_ANSWERED,
    BEAM_FAILED, /* the node answers that the call did not work: value is the reason */
    BEAM_LATE,   /* nothing in time */
    BEAM_GONE,   /* the wire has ended */
    BEAM_BUSY,   /* the wire is full and nothing was asked: it may be later */
};

/* `value` is one term, valid during the call. Called once a request, never from within the function
 * that made it, except with BEAM_GONE and BEAM_BUSY. */
typedef void beam_answer(void *context, enum beam_outcome outcome, struct str value);

struct beam_wire_setup {
    struct uv_loop_s *loop;
    int fd;           /* connected, the handshake is done; the wire's from then on */
    const char *node; /* our own name there; copied */
    uint32_t creation;
    void *context;
    /* The other end has gone, or what it says is no protocol. Not after beam_wire_free. */
    void (*ended)(void *context, const char *why);
};

/* NULL when out of memory; the descriptor is closed then. */
struct beam_wire *beam_wire_new(const struct beam_wire_setup *setup);

/* Open requests end with BEAM_GONE. Its handles close with the loop's next turns. NULL is allowed.
 */
void beam_wire_free(struct beam_wire *wire);

/* Calls module:function there by its `rex` server. `arguments` are the encoded elements, `count` of
 * them. */
void beam_wire_call(struct beam_wire *wire, const char *module, const char *function,
                    struct str arguments, unsigned count, int64_t patience_ns, void *context,
                    beam_answer *answer);

/* Sends {tag, our pid, number, arguments...} to a process, which answers {number, value}. */
void beam_wire_ask(struct beam_wire *wire, const struct etf_pid *to, const char *tag,
                   struct str arguments, unsigned count, int64_t patience_ns, void *context,
                   beam_answer *answer);

/* Sends an atom, for which there is no answer. */
void beam_wire_tell(struct beam_wire *wire, const struct etf_pid *to, const char *atom);

/* When anything came last, ticks as well. */
int64_t beam_wire_heard_ns(const struct beam_wire *wire);

#endif
