#include "listen.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "flametop/base/macros.h"
#include "flametop/base/str.h"
#include "guard.h"

#define BACKLOG 511

/* "ADDRESS:PORT" in its two parts. */
static bool
split(const char *where, char host[64], char port[8])
{
    const char *colon = strrchr(where, ':');
    if (colon == NULL || colon[1] == '\0') {
        return false;
    }
    struct str name = {where, (size_t)(colon - where)};
    if (name.n >= 2 && name.p[0] == '[' && name.p[name.n - 1] == ']') {
        name = (struct str){name.p + 1, name.n - 2};
    } else if (memchr(name.p, ':', name.n) != NULL) {
        return false; /* IPv6 stands in brackets */
    }
    if (name.n == 0 || name.n >= 64 || strlen(colon + 1) >= 8) {
        return false;
    }
    str_copy(name, host, 64);
    str_copy(str_from(colon + 1), port, 8);
    return true;
}

static unsigned
port_of(int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t n = sizeof(address);
    char port[8] = "0";
    struct str text;
    uint64_t value = 0;
    if (getsockname(fd, (struct sockaddr *)&address, &n) == 0 &&
        getnameinfo((struct sockaddr *)&address, n, NULL, 0, port, sizeof(port), NI_NUMERICSERV) ==
            0) {
        text = str_from(port);
        str_u64(&text, &value);
    }
    return (unsigned)value;
}

static int
open_at(const struct addrinfo *at)
{
    int one = 1;
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (at->ai_family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
    }
    if (bind(fd, at->ai_addr, at->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static const char *
bind_advice(int error)
{
    return error == EADDRINUSE ? "another program listens there: end it, or choose another port"
           : error == EACCES   ? "ports below 1024 need root or CAP_NET_BIND_SERVICE"
           : error == EADDRNOTAVAIL ? "this machine does not have that address"
                                    : strerror(error);
}

int
listen_tcp(const char *where, bool *ret_loopback, unsigned *ret_port, char *why, size_t why_size)
{
    char host[64], port[8];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
    struct addrinfo *found = NULL;
    if (!split(where, host, port) ||
        getaddrinfo(strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, port, &hints, &found) !=
            0) {
        snprintf(why, why_size,
                 "cannot listen at %s: give ADDRESS:PORT, as 127.0.0.1:7711 or [::1]:7711", where);
        return -1;
    }
    int fd = open_at(found);
    if (fd < 0) {
        snprintf(why, why_size, "cannot listen at %s: %s", where, bind_advice(errno));
    } else {
        char numeric[64] = "";
        getnameinfo(found->ai_addr, found->ai_addrlen, numeric, sizeof(numeric), NULL, 0,
                    NI_NUMERICHOST);
        *ret_loopback = guard_is_loopback(str_from(numeric));
        *ret_port = port_of(fd);
    }
    freeaddrinfo(found);
    return fd;
}

/* True when the path is free now. */
static bool
make_way(const char *path, const struct sockaddr_un *address, char *why, size_t why_size)
{
    struct stat old;
    if (lstat(path, &old) != 0) {
        return true; /* bind tells what is wrong, if anything is */
    }
    if (!S_ISSOCK(old.st_mode)) {
        snprintf(why, why_size, "cannot listen at %s: there is a file that is no socket", path);
        return false;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool stale = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 &&
                 errno == ECONNREFUSED;
    if (fd >= 0) {
        close(fd);
    }
    if (!stale) {
        snprintf(why, why_size,
                 "cannot listen at %s: another agent listens there: end it, or give --unix another "
                 "path",
                 path);
        return false;
    }
    return unlink(path) == 0 || errno == ENOENT;
}

int
listen_unix(const char *path, struct stat *ret_made, char *why, size_t why_size)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (path[0] == '\0' || strlen(path) >= sizeof(address.sun_path)) {
        snprintf(why, why_size, "cannot listen at %s: the path of a socket has at most %zu bytes",
                 path, sizeof(address.sun_path) - 1);
        return -1;
    }
    str_copy(str_from(path), address.sun_path, sizeof(address.sun_path));
    snprintf(why, why_size, "%s", "");
    if (!make_way(path, &address, why, why_size)) {
        if (why[0] == '\0') {
            snprintf(why, why_size, "cannot listen at %s: %s", path, strerror(errno));
        }
        return -1;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* The mode of an unbound socket is the one its file gets: there is no moment at which others
     * may connect, and the umask, which all threads share, stays as it is. */
    if (fd < 0 || fchmod(fd, 0600) != 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || lstat(path, ret_made) != 0 ||
        listen(fd, BACKLOG) != 0) {
        snprintf(why, why_size, "cannot listen at %s: %s", path, strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    return fd;
}

void
listen_unix_remove(const char *path, const struct stat *made)
{
    struct stat now;
    if (lstat(path, &now) == 0 && now.st_dev == made->st_dev && now.st_ino == made->st_ino) {
        unlink(path);
    }
}
