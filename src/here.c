/* This machine as a target: the agent that watches it already, else itself. What listens at the
 * agent's sockets may be somebody else, or not answer. */
#include "here.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "flametop/base/clock.h"
#include "flametop/base/log.h"
#include "flametop/base/macros.h"

#define AGENT_SOCKET_SYSTEM "/run/flametop/agent.sock"
#define HERE_PATIENCE_NS (100 * NS_PER_MS)

/* A socket of somebody else may show anything. */
static bool
is_trusted(int fd)
{
    struct ucred peer;
    socklen_t n = sizeof(peer);
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 &&
           (peer.uid == geteuid() || peer.uid == 0);
}

/* Connected, or a negative errno; -ENOENT: nobody said that there is an agent. */
static int
connect_here(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path)) {
        return -ENOENT;
    }
    str_copy(str_from(path), address.sun_path, sizeof(address.sun_path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
        return fd < 0 ? -errno : fd;
    }
    int error = errno;
    close(fd);
    return -error;
}

/* Whether it answers as an agent does. One that is busy with a reading gets a little more time than
 * one that is there needs. */
static bool
answers(int fd)
{
    static const char request[] =
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    static const char right[] = "HTTP/1.1 200";
    char answer[sizeof(right) - 1];
    size_t n = 0;
    int64_t until_ns = clock_mono_ns() + HERE_PATIENCE_NS;
    if (send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) != (ssize_t)sizeof(request) - 1) {
        return false;
    }
    while (n < sizeof(answer)) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        int64_t left_ns = until_ns - clock_mono_ns();
        ssize_t got = left_ns > 0 && poll(&ready, 1, (int)(left_ns / NS_PER_MS) + 1) > 0
                          ? recv(fd, answer + n, sizeof(answer) - n, 0)
                          : 0;
        if (got <= 0) {
            return false;
        }
        n += (size_t)got;
    }
    return memcmp(answer, right, sizeof(answer)) == 0;
}

/* Whether its process ids mean what ours mean: false as well where it cannot be known. */
static bool
sees_our_processes(int fd)
{
    struct ucred peer;
    struct stat theirs, ours;
    socklen_t n = sizeof(peer);
    char path[64] = "";
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) != 0 || peer.pid <= 0) {
        return false;
    }
    snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)peer.pid);
    return stat(path, &theirs) == 0 && stat("/proc/self/ns/pid", &ours) == 0 &&
           theirs.st_ino == ours.st_ino && theirs.st_dev == ours.st_dev;
}

/* `shared`: only root can have made the folder it is in, whoever the agent runs as. */
static bool
is_agent(const char *path, bool shared, bool *ret_here)
{
    int fd = connect_here(path);
    const char *why = fd == -ECONNREFUSED || fd == -EAGAIN ? "nobody listens there"
                      : fd < 0                             ? ""
                      : !shared && !is_trusted(fd)         ? "it is another user's"
                      : !answers(fd)                       ? "there is no answer"
                                                           : NULL;
    *ret_here = why == NULL && sees_our_processes(fd);
    if (fd >= 0) {
        close(fd);
    }
    if (why != NULL && why[0] != '\0') {
        log_warning("the agent at %s is left out: %s; this machine is read without it", path, why);
    }
    return why == NULL;
}

/* An agent that already watches this machine remembers more than we can know. */
bool
here_add(struct targets *targets, const struct cli *cli)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    char urls[2][TARGET_NAME_BYTES] = {"", "unix:" AGENT_SOCKET_SYSTEM};
    bool own_roots = false;
    static const char *const roots[] = {"roots.proc", "roots.sys", "roots.cgroup"};
    for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
        own_roots |= strcmp(config_origin(cli->config, roots[i]), "default") != 0;
    }
    if (runtime != NULL && runtime[0] == '/' && strlen(runtime) < TARGET_NAME_BYTES / 2) {
        snprintf(urls[0], sizeof(urls[0]), "unix:%s/flametop.sock", runtime);
    }
    own_roots |= targets->receive.now; /* what is sent here is shown here */
    for (size_t i = 0; i < ARRAY_SIZE(urls) && !own_roots; i++) {
        bool here;
        if (urls[i][0] != 0 && is_agent(urls[i] + strlen("unix:"), i == 1, &here)) {
            struct target *target = targets_add(targets, cli, TARGET_LINK, urls[i]);
            if (target != NULL) {
                target->endpoint.here = here;
            }
            return target != NULL;
        }
    }
    return targets_add(targets, cli, TARGET_LOCAL, "local") != NULL;
}
