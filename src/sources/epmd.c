/* epmd: one question a connection, after whose answer it closes. Blocking, within a time. */
#include "epmd.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flametop/base/clock.h"
#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"

#define ASK_PORT 122
#define TELL_PORT 119
#define ASK_NAMES 'n'
#define ANSWER_BYTES_MAX 65536

/* ---- addresses ---- */

size_t
epmd_resolve(const char *host, struct epmd_place *ret_places, size_t max, char *why,
             size_t why_size)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *list = NULL;
    size_t count = 0;
    int error = getaddrinfo(host, NULL, &hints, &list);
    static const int families[] = {AF_INET, AF_INET6};
    for (size_t f = 0; error == 0 && f < ARRAY_SIZE(families); f++) {
        for (const struct addrinfo *at = list; at != NULL && count < max; at = at->ai_next) {
            if (at->ai_family == families[f] && at->ai_addrlen <= sizeof(ret_places->address)) {
                memcpy(&ret_places[count].address, at->ai_addr, at->ai_addrlen);
                ret_places[count++].size = at->ai_addrlen;
            }
        }
    }
    if (count == 0) {
        snprintf(why, why_size, "%s", error != 0 ? gai_strerror(error) : "no address");
    }
    if (list != NULL) {
        freeaddrinfo(list);
    }
    return count;
}

static void
set_port(struct epmd_place *place, unsigned port)
{
    if (place->address.ss_family == AF_INET6) {
        ((struct sockaddr_in6 *)&place->address)->sin6_port = htons((uint16_t)port);
    } else {
        ((struct sockaddr_in *)&place->address)->sin_port = htons((uint16_t)port);
    }
}

unsigned
epmd_port(void)
{
    const char *text = getenv("ERL_EPMD_PORT");
    struct str rest = str_from(text != NULL ? text : "");
    uint64_t port;
    return str_u64(&rest, &port) && rest.n == 0 && port > 0 && port < 65536 ? (unsigned)port
                                                                            : EPMD_PORT;
}

/* ---- sockets ---- */

/* 0 when it is ready, -ETIMEDOUT when the time is over. */
static int
await(int fd, short events, int64_t until_ns)
{
    for (;;) {
        struct pollfd ready = {.fd = fd, .events = events};
        int64_t left_ns = until_ns - clock_mono_ns();
        int n = left_ns > 0 ? poll(&ready, 1, (int)(left_ns / NS_PER_MS) + 1) : 0;
        if (n > 0) {
            return 0;
        }
        if (n == 0 || errno != EINTR) {
            return n == 0 ? -ETIMEDOUT : -errno;
        }
    }
}

int
epmd_connect(const struct epmd_place *place, unsigned port, int64_t patience_ns)
{
    struct epmd_place to = *place;
    int64_t until_ns = clock_mono_ns() + patience_ns;
    int on = 1, error = 0;
    socklen_t n = sizeof(error);
    set_port(&to, port);
    int fd = socket(to.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -errno;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(fd, (const struct sockaddr *)&to.address, to.size) < 0) {
        error = errno == EINPROGRESS ? -await(fd, POLLOUT, until_ns) : errno;
        if (error == 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0) {
            error = errno;
        }
    }
    if (error != 0) {
        close(fd);
        return -error;
    }
    return fd;
}

/* Asks, and reads until it closes or `enough` has come. Answers how much, or a negative errno. */
static ssize_t
ask(const struct epmd_place *place, struct str question, int64_t patience_ns, char *dst,
    size_t size, size_t enough)
{
    int64_t until_ns = clock_mono_ns() + patience_ns;
    int fd = epmd_connect(place, epmd_port(), patience_ns);
    if (fd < 0) {
        return fd;
    }
    size_t n = 0;
    ssize_t got = 1;
    int error = send(fd, question.p, question.n, MSG_NOSIGNAL) == (ssize_t)question.n ? 0 : -EIO;
    while (error == 0 && got > 0 && n < size && n < enough) {
        error = await(fd, POLLIN, until_ns);
        got = error == 0 ? recv(fd, dst + n, size - n, 0) : 0;
        error = got < 0 ? -errno : error;
        n += got > 0 ? (size_t)got : 0;
    }
    close(fd);
    return error != 0 ? error : (ssize_t)n;
}

/* ---- answers ---- */

bool
epmd_parse_port(struct str answer, unsigned *ret_port)
{
    const unsigned char *p = (const unsigned char *)answer.p;
    if (answer.n < 4 || p[0] != TELL_PORT || p[1] != 0) {
        return false;
    }
    *ret_port = (unsigned)p[2] << 8 | p[3];
    return true;
}

/* "name rabbit at port 25672". */
static bool
parse_name(struct str line, struct epmd_node *ret)
{
    struct str word, name;
    uint64_t port;
    if (!str_word(&line, &word) || !str_is(word, "name") || !str_word(&line, &name) ||
        name.n >= sizeof(ret->name) || !str_word(&line, &word) || !str_is(word, "at") ||
        !str_word(&line, &word) || !str_is(word, "port") || !str_u64(&line, &port) ||
        port > 65535) {
        return false;
    }
    utf8_clean(name, ret->name, sizeof(ret->name));
    ret->port = (unsigned)port;
    return true;
}

size_t
epmd_parse_names(struct str answer, struct epmd_node *ret_nodes, size_t max)
{
    size_t count = 0;
    struct str line;
    if (answer.n < 4) {
        return 0;
    }
    struct str rest = {answer.p + 4, answer.n - 4};
    while (count < max && str_line(&rest, &line)) {
        count += parse_name(line, &ret_nodes[count]);
    }
    return count;
}

int
epmd_find(const struct epmd_place *place, const char *name, int64_t patience_ns, unsigned *ret_port)
{
    char question[EPMD_NAME_BYTES + 3], answer[600];
    size_t n = strlen(name);
    if (n == 0 || n >= EPMD_NAME_BYTES) {
        return -ENOENT;
    }
    question[0] = (char)((n + 1) >> 8);
    question[1] = (char)(n + 1);
    question[2] = ASK_PORT;
    memcpy(question + 3, name, n);
    ssize_t got = ask(place, (struct str){question, n + 3}, patience_ns, answer, sizeof(answer),
                      sizeof(answer));
    if (got < 0) {
        return (int)got;
    }
    return epmd_parse_port((struct str){answer, (size_t)got}, ret_port) ? 0
           : got >= 2 && answer[0] == TELL_PORT                         ? -ENOENT
                                                                        : -EPROTO;
}

int
epmd_list(const struct epmd_place *place, int64_t patience_ns, struct epmd_node *ret_nodes,
          size_t max)
{
    static const char question[] = {0, 1, ASK_NAMES};
    char *answer = malloc(ANSWER_BYTES_MAX);
    if (answer == NULL) {
        return -ENOMEM;
    }
    ssize_t n = ask(place, (struct str){question, sizeof(question)}, patience_ns, answer,
                    ANSWER_BYTES_MAX, ANSWER_BYTES_MAX);
    /* it begins with its own port, in four bytes */
    bool is = n >= 4 && answer[0] == 0 && answer[1] == 0;
    int count = n < 0 ? (int)n
                : is  ? (int)epmd_parse_names((struct str){answer, (size_t)n}, ret_nodes, max)
                      : -EPROTO;
    free(answer);
    return count;
}
