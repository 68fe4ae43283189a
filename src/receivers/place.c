/* Places to listen at: the option's words into sockets. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "flametop/base/clock.h"
#include "flametop/net/loop.h"
#include "owner.h"
#include "receive_parts.h"

#define STATSD_PORT 8125
#define BACKLOG 128
#define DATAGRAM_BUFFER (4 << 20)
#define PATIENCE_NS (250 * NS_PER_MS) /* with the search for who holds a port, busy or not */

static bool
is_loopback(const struct sockaddr *address)
{
    static const uint8_t one[16] = {[15] = 1};
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)address;
        return ntohl(in->sin_addr.s_addr) >> 24 == 127;
    }
    const struct sockaddr_in6 *in6 = (const void *)address;
    return memcmp(&in6->sin6_addr, one, sizeof(one)) == 0;
}

/* "127.0.0.1:4318" or "[::1]:4318" as an address; NULL when it is none. */
static struct addrinfo *
resolve(const char *where, bool udp)
{
    char host[64], port[8];
    const char *colon = strrchr(where, ':');
    struct addrinfo hints = {.ai_socktype = udp ? SOCK_DGRAM : SOCK_STREAM,
                             .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    if (colon == NULL || strlen(colon + 1) >= sizeof(port)) {
        return NULL;
    }
    struct str name = {where, (size_t)(colon - where)};
    if (name.n > 2 && name.p[0] == '[' && name.p[name.n - 1] == ']') {
        name = (struct str){name.p + 1, name.n - 2};
    } else if (memchr(name.p, ':', name.n) != NULL) {
        return NULL; /* IPv6 stands in brackets */
    }
    if (name.n == 0 || name.n >= sizeof(host)) {
        return NULL;
    }
    str_copy(name, host, sizeof(host));
    str_copy(str_from(colon + 1), port, sizeof(port));
    return getaddrinfo(host, port, &hints, &found) == 0 ? found : NULL;
}

/* ---- the option ---- */

static bool
add_place(struct receive *receive, const char *where, unsigned port, bool udp, bool spare,
          char *why, size_t why_size)
{
    for (size_t i = 0; i < receive->place_count; i++) {
        if (strcmp(receive->places[i].where, where) == 0 && receive->places[i].udp == udp) {
            return true;
        }
    }
    if (receive->place_count == RECEIVE_PLACES_MAX) {
        snprintf(why, why_size, "more than %d addresses to receive at", RECEIVE_PLACES_MAX);
        return false;
    }
    struct place *place = &receive->places[receive->place_count++];
    *place = (struct place){.port = port, .udp = udp, .spare = spare, .receive = receive};
    str_copy(str_from(where), place->where, sizeof(place->where));
    return true;
}

/* A bare port is that of both loopback addresses: what says "localhost" may mean either. */
static bool
add_port(struct receive *receive, unsigned port, bool udp, char *why, size_t why_size)
{
    char first[RECEIVE_PLACE_BYTES], second[RECEIVE_PLACE_BYTES];
    snprintf(first, sizeof(first), "127.0.0.1:%u", port);
    snprintf(second, sizeof(second), "[::1]:%u", port);
    return add_place(receive, first, port, udp, false, why, why_size) &&
           add_place(receive, second, port, udp, true, why, why_size);
}

static bool
add_address(struct receive *receive, const char *where, bool udp, bool open, char *why,
            size_t why_size)
{
    struct addrinfo *found = resolve(where, udp);
    if (found == NULL) {
        snprintf(why, why_size,
                 "%s is no address to receive at: give PORT, ADDRESS:PORT as 127.0.0.1:4318 or "
                 "[::1]:4318, udp:ADDRESS:PORT, or usual",
                 where);
        return false;
    }
    bool near = is_loopback(found->ai_addr);
    unsigned port = found->ai_family == AF_INET
                        ? ntohs(((const struct sockaddr_in *)(void *)found->ai_addr)->sin_port)
                        : ntohs(((const struct sockaddr_in6 *)(void *)found->ai_addr)->sin6_port);
    freeaddrinfo(found);
    if (!near && !open) {
        snprintf(why, why_size,
                 "%s is reached from other machines, and anybody there could send: give "
                 "--receive-open as well if that is meant",
                 where);
        return false;
    }
    return add_place(receive, where, port, udp || port == STATSD_PORT, false, why, why_size);
}

static bool
add_word(struct receive *receive, const char *word, bool open, char *why, size_t why_size)
{
    struct str rest = str_from(word);
    bool udp = str_starts(rest, "udp:");
    const char *where = word + (udp ? 4 : 0);
    uint64_t port;
    rest = str_from(where);
    if (strncmp(where, "localhost:", 10) == 0) {
        rest = str_from(where + 10);
    }
    if (str_u64(&rest, &port) && rest.n == 0 && port <= 65535) {
        return add_port(receive, (unsigned)port, udp || port == STATSD_PORT, why, why_size);
    }
    return add_address(receive, where, udp, open, why, why_size);
}

static bool
add_usual(struct receive *receive, char *why, size_t why_size)
{
    struct str rest = STR(RECEIVE_USUAL), word;
    char text[16];
    bool good = true;
    while (good && str_word(&rest, &word)) {
        good = add_word(receive, str_copy(word, text, sizeof(text)), false, why, why_size);
    }
    return good;
}

bool
places_read(struct receive *receive, const char *const *listen, size_t count, char *why,
            size_t why_size)
{
    bool good = count > 0 || add_usual(receive, why, why_size);
    for (size_t i = 0; i < count && good; i++) {
        good = strcmp(listen[i], "usual") == 0
                   ? add_usual(receive, why, why_size)
                   : add_word(receive, listen[i], receive->options->open, why, why_size);
    }
    return good;
}

bool
receive_check(const char *where, bool open, char *why, size_t why_size)
{
    const struct receive_options options = {.open = open};
    struct receive *receive = calloc(1, sizeof(*receive));
    if (receive == NULL) {
        snprintf(why, why_size, "out of memory");
        return false;
    }
    receive->options = &options;
    bool good = places_read(receive, &where, 1, why, why_size);
    free(receive);
    return good;
}

/* ---- sockets ---- */

static int
open_socket(const struct addrinfo *at, bool udp)
{
    int one = 1, buffer = DATAGRAM_BUFFER;
    int fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -1;
    }
    if (!udp) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    } else {
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
    }
    if (at->ai_family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
    }
    if (bind(fd, at->ai_addr, at->ai_addrlen) != 0 || (!udp && listen(fd, BACKLOG) != 0)) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static void
explain(struct place *place, const char *proc, int error)
{
    struct owner owner;
    const char *what = place->udp ? "udp:" : "";
    int64_t until_ns = clock_mono_ns() + PATIENCE_NS;
    if (error == EADDRINUSE && owner_find(proc, place->udp ? OWNER_BOUND : OWNER_LISTENS,
                                          place->port, 0, &until_ns, &owner)) {
        receive_tell(place, "%s%s is in use by %s (pid %lld): end it, or receive elsewhere", what,
                     place->where, owner.name, (long long)owner.pid);
    } else if (error == EADDRINUSE) {
        receive_tell(place, "%s%s is in use by another program: end it, or receive elsewhere", what,
                     place->where);
    } else if (error == EACCES) {
        receive_tell(place, "%s%s cannot be had: ports below 1024 need root", what, place->where);
    } else {
        receive_tell(place, "%s%s cannot be had: %s", what, place->where, strerror(error));
    }
}

/* The port that an ephemeral one (0, in tests) became. */
static void
take_port(struct place *place)
{
    struct sockaddr_storage address = {0};
    socklen_t n = sizeof(address);
    char port[8] = "", *colon;
    if (place->port != 0 || getsockname(place->fd, (struct sockaddr *)&address, &n) != 0 ||
        getnameinfo((struct sockaddr *)&address, n, NULL, 0, port, sizeof(port), NI_NUMERICSERV) !=
            0) {
        return;
    }
    place->port = (unsigned)strtoul(port, NULL, 10);
    colon = strrchr(place->where, ':');
    if (colon != NULL) {
        str_copy(str_from(port), colon + 1,
                 sizeof(place->where) - (size_t)(colon + 1 - place->where));
    }
}

bool
place_listen(struct place *place, const char *proc, uv_loop_t *loop, uv_poll_cb ready)
{
    struct addrinfo *at = resolve(place->where, place->udp);
    place->fd = at != NULL ? open_socket(at, place->udp) : -1;
    int error = errno;
    if (at != NULL) {
        freeaddrinfo(at);
    }
    if (place->fd < 0) {
        if (!place->spare || error == EADDRINUSE) {
            explain(place, proc, error);
        }
        return false;
    }
    take_port(place);
    place->poll = calloc(1, sizeof(*place->poll));
    if (place->poll == NULL || uv_poll_init(loop, place->poll, place->fd) != 0) {
        free(place->poll);
        place->poll = NULL;
        close(place->fd);
        receive_tell(place, "%s cannot be listened at: out of memory", place->where);
        return false;
    }
    place->poll->data = place;
    uv_poll_start(place->poll, UV_READABLE, ready);
    place->listening = true;
    place->note[0] = '\0';
    return true;
}

void
place_close(struct place *place)
{
    if (place->poll != NULL) {
        uv_poll_stop(place->poll);
        loop_close(place->poll);
        place->poll = NULL;
        close(place->fd);
    }
    place->listening = false;
}
