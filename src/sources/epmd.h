/* epmd, the daemon that knows under which port the Erlang nodes of a machine listen. */
#ifndef FLAMETOP_SOURCES_EPMD_H
#define FLAMETOP_SOURCES_EPMD_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "flametop/base/str.h"

#define EPMD_PORT 4369
#define EPMD_NODES_MAX 256
#define EPMD_NAME_BYTES 256

struct epmd_node {
    char name[EPMD_NAME_BYTES]; /* what stands before the @, cleaned */
    unsigned port;
};

/* An address of a machine; the port is 0. */
struct epmd_place {
    struct sockaddr_storage address;
    socklen_t size;
};

/* The addresses of a host, those of version 4 first. May take as long as the resolver likes.
 * Answers how many; with 0 why says what the resolver says. */
size_t epmd_resolve(const char *host, struct epmd_place *ret_places, size_t max, char *why,
                    size_t why_size);

/* A connected socket, or a negative errno: -ETIMEDOUT when nothing answers in time. */
int epmd_connect(const struct epmd_place *place, unsigned port, int64_t patience_ns);

/* The port of epmd: what ERL_EPMD_PORT says, or the usual one. */
unsigned epmd_port(void);

/* What it answers, read. */
bool epmd_parse_port(struct str answer, unsigned *ret_port);
size_t epmd_parse_names(struct str answer, struct epmd_node *ret_nodes, size_t max);

/* The port of a node: 0 with *ret_port, -ENOENT when epmd does not know it, or a negative errno. */
int epmd_find(const struct epmd_place *place, const char *name, int64_t patience_ns,
              unsigned *ret_port);

/* All nodes it knows: how many, or a negative errno. */
int epmd_list(const struct epmd_place *place, int64_t patience_ns, struct epmd_node *ret_nodes,
              size_t max);

#endif
