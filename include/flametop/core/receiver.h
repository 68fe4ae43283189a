/* A receiver: what listens on the engine's loop for spans and readings that others send. Spans go
 * to the sink; readings, and the state of what listens, come back as a source. */
#ifndef FLAMETOP_CORE_RECEIVER_H
#define FLAMETOP_CORE_RECEIVER_H

#include <stddef.h>

#include "flametop/base/clock.h"
#include "flametop/core/source.h"
#include "flametop/core/span.h"

struct uv_loop_s;

struct receiver_setup {
    struct uv_loop_s *loop;
    struct catalog *catalog;
    const void *options;    /* what main gives this receiver */
    struct span_sink spans; /* `span` NULL: nobody keeps them */
    /* A source to poll from the next tick on. The collector closes it before the receiver is. */
    void (*source)(void *context, const struct source *source);
    void *context;
};

/* The command by which the screen starts to receive where it is offered (MESSAGE_COMMAND). */
#define RECEIVER_START "receive"

struct receiver {
    const char *name;
    /* 0 with *ret_state, or a negative errno and a sentence: the program does not start. That a
     * port is in use is no such error: it is told, and the rest goes on. */
    int (*open)(const struct receiver_setup *setup, void **ret_state, char *why, size_t why_size);
    /* Starts to listen; "" in why when it does, else a sentence. */
    void (*start)(void *state, char *why, size_t why_size);
    void (*close)(void *state);
};

#endif
