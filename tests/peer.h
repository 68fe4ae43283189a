/* A small HTTP server for tests: plain sockets on loopback or a unix socket, a thread a connection.
 * What it answers is the test's: `answer` is given the whole head of a request and writes to fd. */
#ifndef FLAMETOP_TESTS_PEER_H
#define FLAMETOP_TESTS_PEER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct peer;

/* False closes the connection. */
typedef bool peer_answer(struct peer *peer, int fd, const char *request);

#define PEER_CONNECTIONS 512

struct peer_connection {
    struct peer *peer;
    pthread_t thread;
    int fd;
};

struct peer {
    int fd;
    unsigned port;
    char path[108]; /* of a unix socket */
    pthread_t thread;
    peer_answer *answer;
    void *context;
    struct peer_connection connections[PEER_CONNECTIONS];
    unsigned connection_count;
    atomic_uint requests;
};

static inline void
peer_write(int fd, const void *bytes, size_t n)
{
    const char *at = bytes;
    while (n > 0) {
        ssize_t wrote = send(fd, at, n, MSG_NOSIGNAL);
        if (wrote <= 0) {
            return;
        }
        at += wrote;
        n -= (size_t)wrote;
    }
}

static inline void
peer_puts(int fd, const char *text)
{
    peer_write(fd, text, strlen(text));
}

/* A whole answer of this type. */
static inline void
peer_reply(int fd, const char *status, const char *type, const void *body, size_t n)
{
    char head[256];
    snprintf(head, sizeof(head), "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n",
             status, type, n);
    peer_puts(fd, head);
    peer_write(fd, body, n);
}

/* Waits until the other side has left. */
static inline void
peer_hold(int fd)
{
    char byte;
    while (recv(fd, &byte, 1, 0) > 0) {
    }
}

static inline bool
peer_asks(const char *request, const char *path)
{
    const char *at = strchr(request, ' ');
    size_t n = strlen(path);
    return at != NULL && strncmp(at + 1, path, n) == 0 && at[1 + n] == ' ';
}

static inline void *
peer_serve(void *context)
{
    struct peer_connection *connection = context;
    char request[8192];
    size_t n = 0;
    for (;;) {
        ssize_t got = recv(connection->fd, request + n, sizeof(request) - 1 - n, 0);
        if (got <= 0) {
            break;
        }
        n += (size_t)got;
        request[n] = '\0';
        if (strstr(request, "\r\n\r\n") == NULL) {
            continue;
        }
        atomic_fetch_add(&connection->peer->requests, 1);
        n = 0;
        if (!connection->peer->answer(connection->peer, connection->fd, request)) {
            break;
        }
    }
    shutdown(connection->fd, SHUT_RDWR);
    return NULL;
}

static inline void *
peer_accept(void *context)
{
    struct peer *peer = context;
    int fd;
    while ((fd = accept(peer->fd, NULL, NULL)) >= 0 && peer->connection_count < PEER_CONNECTIONS) {
        struct peer_connection *connection = &peer->connections[peer->connection_count++];
        *connection = (struct peer_connection){.peer = peer, .fd = fd};
        pthread_create(&connection->thread, NULL, peer_serve, connection);
    }
    return NULL;
}

/* On 127.0.0.1 and a port of the kernel's choice, or `port`, or at a unix socket. */
static inline void
peer_start(struct peer *peer, const char *unix_path, unsigned port, peer_answer *answer,
           void *context)
{
    memset(peer, 0, sizeof(*peer));
    peer->answer = answer;
    peer->context = context;
    if (unix_path != NULL) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        snprintf(peer->path, sizeof(peer->path), "%s", unix_path);
        snprintf(address.sun_path, sizeof(address.sun_path), "%s", unix_path);
        peer->fd = socket(AF_UNIX, SOCK_STREAM, 0);
        assert_int_equal(bind(peer->fd, (struct sockaddr *)&address, sizeof(address)), 0);
    } else {
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons((uint16_t)port),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t n = sizeof(address);
        int on = 1;
        peer->fd = socket(AF_INET, SOCK_STREAM, 0);
        setsockopt(peer->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        assert_int_equal(bind(peer->fd, (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(getsockname(peer->fd, (struct sockaddr *)&address, &n), 0);
        peer->port = ntohs(address.sin_port);
    }
    assert_int_equal(listen(peer->fd, 64), 0);
    assert_int_equal(pthread_create(&peer->thread, NULL, peer_accept, peer), 0);
}

static inline void
peer_stop(struct peer *peer)
{
    shutdown(peer->fd, SHUT_RDWR);
    pthread_join(peer->thread, NULL);
    close(peer->fd);
    for (unsigned i = 0; i < peer->connection_count; i++) {
        shutdown(peer->connections[i].fd, SHUT_RDWR);
        pthread_join(peer->connections[i].thread, NULL);
        close(peer->connections[i].fd);
    }
    if (peer->path[0] != '\0') {
        unlink(peer->path);
    }
}

#endif
