/* Round-trip times of TCP connections, as the kernel smooths them, by sock_diag (man 7 sock_diag).
 *
 * A bounded sample: one dump of the established sockets of both families is read until
 * SOCK_DIAG_PEERS_MAX peers or SOCK_DIAG_NS are reached, then the socket is closed. The kernel
 * keeps sockets in the order of a random hash, so that the first ones are no worse than any others.
 * /proc/net/tcp would cost a hundred times as much and has no times. */
#ifndef FLAMETOP_SOURCES_SOCK_DIAG_H
#define FLAMETOP_SOURCES_SOCK_DIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SOCK_DIAG_PEERS_MAX 256
#define SOCK_DIAG_SOCKETS_MAX 4096
#define SOCK_DIAG_NS (INT64_C(2) * 1000 * 1000)

/* Which sockets tell most: the best group that has any is the sample. */
enum rtt_group {
    RTT_ACTIVE,   /* another machine, heard from within the last minute */
    RTT_IDLE,     /* another machine; its time is as old as its last answer */
    RTT_LOOPBACK, /* this machine */
    RTT_GROUPS,
};

struct rtt_sample {
    uint32_t rtt_us[RTT_GROUPS][SOCK_DIAG_PEERS_MAX];
    size_t counts[RTT_GROUPS];
    size_t sockets; /* looked at */
    bool is_done;   /* the kernel said so, or a maximum is reached */
};

struct rtt_summary {
    size_t count;
    double median_s, p95_s; /* NaN when count is 0 */
};

/* Takes the messages of one datagram. False when they are no answer to us (an error of the kernel,
 * torn). */
bool rtt_take(struct rtt_sample *sample, const void *bytes, size_t n);

/* Of the best group; sorts the sample. */
struct rtt_summary rtt_summarize(struct rtt_sample *sample);

/* Asks the kernel. 0 or a negative errno. Does not wait for anything but the kernel's own walk. */
int sock_diag_read(struct rtt_sample *ret_sample);

#endif
