/* Whose socket is at the other end of a connection, where that is on this machine. */
#ifndef FLAMETOP_SRC_NET_PEER_H
#define FLAMETOP_SRC_NET_PEER_H

#include <stdbool.h>
#include <sys/types.h>

/* The user who made it, as the kernel tells of unix sockets and of loopback connections. False: it
 * does not tell, or the peer is elsewhere, or has closed it. Does not wait. */
bool peer_user(int fd, uid_t *ret_uid);

#endif
