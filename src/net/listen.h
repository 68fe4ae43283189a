/* Listening sockets of the HTTP server. */
#ifndef FLAMETOP_NET_LISTEN_H
#define FLAMETOP_NET_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/* A socket listening at "127.0.0.1:7711", "[::1]:7711" or "localhost:7711" (port 0: any free one);
 * -1 and a sentence. */
int listen_tcp(const char *where, bool *ret_loopback, unsigned *ret_port, char *why,
               size_t why_size);

/* A socket at a path, mode 0600. One that nobody listens at any more is replaced; a live one, and
 * what is no socket, is an error. */
int listen_unix(const char *path, struct stat *ret_made, char *why, size_t why_size);

/* Removes it, if it is still the one that was made. */
void listen_unix_remove(const char *path, const struct stat *made);

#endif
