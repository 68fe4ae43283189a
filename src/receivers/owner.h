/* Who holds a socket: by the kernel's list of sockets, and the descriptors of all processes. Slow
 * (each descriptor is a link to be read): once for what is told to somebody, never in a tick, and
 * with a time by which it ends. */
#ifndef FLAMETOP_SRC_RECEIVERS_OWNER_H
#define FLAMETOP_SRC_RECEIVERS_OWNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/str.h"

struct owner {
    int64_t pid;
    char name[64]; /* cleaned */
};

enum owner_socket {
    OWNER_LISTENS,  /* a TCP socket that listens at the port */
    OWNER_BOUND,    /* a UDP socket at the port */
    OWNER_CONNECTED /* a TCP socket of that port, connected to port `other` */
};

/* False when it cannot be known: the socket is gone, another user's, or in another network; or the
 * monotonic time *until_ns is reached, which another thread may set (atomically). `proc` is the
 * root of /proc. */
bool owner_find(const char *proc, enum owner_socket kind, unsigned port, unsigned other,
                const int64_t *until_ns, struct owner *ret_owner);

/* The inode of the socket in the text of /proc/net/tcp or udp; 0: none. */
uint64_t owner_inode(struct str text, enum owner_socket kind, unsigned port, unsigned other);

#endif
