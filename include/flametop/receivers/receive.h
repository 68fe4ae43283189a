/* The receiver of the network: OTLP, Zipkin, the profiling data model and StatsD.
 *
 * Any TCP port takes any of the protocols that go over HTTP, as the first bytes tell whether they
 * are HTTP/1 or HTTP/2 (gRPC). All is bounded: connections, bytes of a body after decompression
 * (64 MiB) and of all bodies together, readings (receivers/fold.c), messages a second to the log.
 */
#ifndef FLAMETOP_RECEIVERS_RECEIVE_H
#define FLAMETOP_RECEIVERS_RECEIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/core/receiver.h"
#include "flametop/core/table.h"

#define RECEIVE_USUAL "4317 4318 8125" /* the ports behind the word "usual" */

/* A service that was started to be looked at: a row of its own tells of it. */
struct receive_child {
    int64_t pid;
    const char *name;   /* cleaned */
    const char *output; /* the file that it prints to */
};

struct receive_options { /* texts outlive the receiver */
    /* "usual", PORT (of this machine's loopback addresses), ADDRESS:PORT, each with "udp:" in front
     * for StatsD; port 8125 is UDP without it. Empty: the usual ones, once they are asked for. */
    const char *const *listen;
    size_t listen_count;
    bool now;         /* begin to listen when the program starts */
    bool open;        /* addresses that others reach are allowed: anybody may send */
    const char *proc; /* roots.proc, to find who holds a port and who knocks */
    const struct receive_child *child; /* NULL: none */
};

extern const struct receiver receiver_network;

/* Whether these can be listened at; false and a sentence. */
bool receive_check(const char *where, bool open, char *why, size_t why_size);

/* The metrics of what is received, for the manual; the source itself comes from the receiver. */
extern const struct source source_received;

/* Each place it listens at, one a row: its state as a sentence. */
extern const struct table_def receive_table;

#endif
