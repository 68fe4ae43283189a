/* Connecting.
 *
 * The thread and the loop share one structure with two owners; the last to leave frees it. The
 * thread may hang in the resolver for as long as that likes: the loop then says so, and goes on
 * without it.
 *
 * libei does the handshake over sockets of ours (its socket callbacks), so addresses of version 6
 * work, and it is known how far the handshake came: a node that hangs up after our answer to its
 * challenge did not like the cookie. It is told no file and no name to look up, and traces nothing:
 * it has nothing to write to standard error about. */
#include "beam_connect.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include <uv.h>

#ifdef FLAMETOP_HAVE_EI
#include <ei.h>
#endif

#include "beam_local.h"
#include "cookie.h"
#include "epmd.h"
#include "flametop/base/clock.h"
#include "flametop/base/macros.h"
#include "flametop/base/thread.h"
#include "flametop/net/loop.h"

#define PATIENCE_NS (5 * NS_PER_S)
/* A node gives up after 7 s itself (net_setuptime), and a busy one may need them. */
#define SHAKE_NS (8 * NS_PER_S)
#define PLACES_MAX 8
#define KNOWN_SHOWN 6

enum step { RESOLVING, ASKING_EPMD, CONNECTING, STEPS };

struct beam_connect {
    pthread_mutex_t lock;
    unsigned owners;
    bool cancelled, finished;
    enum step step;

    struct beam_options options;
    char target[600], cookie_file[PATH_MAX], proc[PATH_MAX];
    char given[COOKIE_BYTES];
    int64_t patience_ns, shake_ns; /* of each step, and of each message of the handshake */
    struct beam_connected result;

    /* The loop's. */
    uv_async_t *wake;
    uv_timer_t *timer;
    void *context;
    beam_connect_done *done;
};

bool
beam_is_built(void)
{
#ifdef FLAMETOP_HAVE_EI
    return true;
#else
    return false;
#endif
}

/* ---- sharing ---- */

static void
release(struct beam_connect *connect)
{
    pthread_mutex_lock(&connect->lock);
    bool last = --connect->owners == 0;
    pthread_mutex_unlock(&connect->lock);
    if (last) {
        if (connect->result.fd >= 0) {
            close(connect->result.fd);
        }
        explicit_bzero(connect->given, sizeof(connect->given));
        pthread_mutex_destroy(&connect->lock);
        free(connect);
    }
}

static void
set_step(struct beam_connect *connect, enum step step)
{
    pthread_mutex_lock(&connect->lock);
    connect->step = step;
    pthread_mutex_unlock(&connect->lock);
}

static void fail(struct beam_connected *result, enum beam_connect_state state, const char *format,
                 ...) PRINTF_LIKE(3, 4);

static void
fail(struct beam_connected *result, enum beam_connect_state state, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(result->why, sizeof(result->why), format, args);
    va_end(args);
    result->state = state;
}

/* ---- the handshake ---- */

#ifdef FLAMETOP_HAVE_EI

struct channel {
    int fd;
    unsigned sent, received; /* messages of the handshake, counted by their turns */
    bool sending;
    int error; /* errno of what went wrong first; 0 */
    bool closed_by_peer;
};

static int
await(int fd, short events, unsigned patience_ms)
{
    int64_t until_ns = clock_mono_ns() + (int64_t)patience_ms * NS_PER_MS;
    for (;;) {
        struct pollfd ready = {.fd = fd, .events = events};
        int64_t left_ns = until_ns - clock_mono_ns();
        int n = left_ns > 0 ? poll(&ready, 1, (int)(left_ns / NS_PER_MS) + 1) : 0;
        if (n > 0) {
            return 0;
        }
        if (n == 0 || errno != EINTR) {
            return n == 0 ? ETIMEDOUT : errno;
        }
    }
}

static int
channel_socket(void **ret_context, void *setup)
{
    *ret_context = setup;
    return 0;
}

/* The other end of a duplicate lives on. */
static int
channel_close(void *context)
{
    struct channel *channel = context;
    if (channel->fd >= 0) {
        close(channel->fd);
        channel->fd = -1;
    }
    return 0;
}

static int
channel_none(void *context, void *address, int *size, int backlog)
{
    (void)context, (void)address, (void)size, (void)backlog;
    return ENOTSUP;
}

static int
channel_accept(void **context, void *address, int *size, unsigned patience_ms)
{
    (void)context, (void)address, (void)size, (void)patience_ms;
    return ENOTSUP;
}

/* It is connected. */
static int
channel_connect(void *context, void *address, int size, unsigned patience_ms)
{
    (void)context, (void)address, (void)size, (void)patience_ms;
    return 0;
}

static int
channel_write(void *context, const char *bytes, ssize_t *n, unsigned patience_ms)
{
    struct channel *channel = context;
    int error = await(channel->fd, POLLOUT, patience_ms);
    ssize_t wrote = error == 0 ? send(channel->fd, bytes, (size_t)*n, MSG_NOSIGNAL) : -1;
    channel->sent += !channel->sending;
    channel->sending = true;
    if (wrote < 0) {
        channel->error = error != 0 ? error : errno;
        return channel->error;
    }
    *n = wrote;
    return 0;
}

static int
channel_writev(void *context, const void *parts, int count, ssize_t *n, unsigned patience_ms)
{
    struct channel *channel = context;
    int error = await(channel->fd, POLLOUT, patience_ms);
    ssize_t wrote = error == 0 ? writev(channel->fd, parts, count) : -1;
    channel->sent += !channel->sending;
    channel->sending = true;
    if (wrote < 0) {
        channel->error = error != 0 ? error : errno;
        return channel->error;
    }
    *n = wrote;
    return 0;
}

static int
channel_read(void *context, char *bytes, ssize_t *n, unsigned patience_ms)
{
    struct channel *channel = context;
    int error = await(channel->fd, POLLIN, patience_ms);
    ssize_t got = error == 0 ? recv(channel->fd, bytes, (size_t)*n, 0) : -1;
    channel->sending = false;
    if (got <= 0) {
        channel->closed_by_peer = got == 0 || (error == 0 && errno == ECONNRESET);
        channel->error = error != 0 ? error : got == 0 ? ECONNRESET : errno;
        return channel->error;
    }
    channel->received += (unsigned)got;
    *n = got;
    return 0;
}

static int
channel_header(void *context, int *size)
{
    (void)context;
    *size = 2;
    return 0;
}

static int
channel_complete(void *context)
{
    (void)context;
    return 0;
}

static int
channel_fd(void *context, int *ret_fd)
{
    const struct channel *channel = context;
    *ret_fd = channel->fd;
    return 0;
}

static void
init_libei(void)
{
    ei_init();
    ei_set_tracelevel(0); /* whatever the environment says */
}

static int
shake(struct channel *channel, const char *cookie, int64_t patience_ns,
      struct beam_connected *result)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    ei_socket_callbacks callbacks = {.flags = EI_SCLBK_FLG_FULL_IMPL,
                                     .socket = channel_socket,
                                     .close = channel_close,
                                     .listen = channel_none,
                                     .accept = channel_accept,
                                     .connect = channel_connect,
                                     .writev = channel_writev,
                                     .write = channel_write,
                                     .read = channel_read,
                                     .handshake_packet_header_size = channel_header,
                                     .connect_handshake_complete = channel_complete,
                                     .accept_handshake_complete = channel_complete,
                                     .get_fd = channel_fd};
    ei_cnode *node = calloc(1, sizeof(*node));
    struct in_addr nowhere = {.s_addr = htonl(INADDR_LOOPBACK)};
    char host[BEAM_NAME_BYTES] = "localhost";
    gethostname(host, sizeof(host) - 1);
    pthread_once(&once, init_libei);
    int fd = -1;
    if (node != NULL && ei_connect_xinit_ussi(node, host, NULL, NULL, NULL, cookie, 0, &callbacks,
                                              sizeof(callbacks), channel) >= 0) {
        fd = ei_xconnect_host_port_tmo(node, &nowhere, (int)result->port,
                                       (unsigned)(patience_ns / NS_PER_MS));
    }
    if (fd >= 0) {
        str_copy(str_from(ei_thisnodename(node)), result->node, sizeof(result->node));
        result->creation = ei_self(node)->creation;
        result->fd = fcntl(channel->fd, F_DUPFD_CLOEXEC, 0);
        ei_close_connection(fd); /* libei forgets it; the duplicate is the connection */
    }
    if (node != NULL) {
        explicit_bzero(node, sizeof(*node)); /* it holds the cookie */
    }
    free(node);
    return result->fd;
}

static void
explain(const struct beam_connect *connect, const struct channel *channel, const char *cookie_from,
        struct beam_connected *result)
{
    const struct beam_address *address = &connect->options.address;
    if (channel->error == ETIMEDOUT) {
        fail(result, BEAM_UNREACHABLE,
             "port %u of %s accepts and says nothing%s: the node is stopped or overloaded, or it "
             "is something else",
             result->port, address->host, channel->received > 0 ? " more" : "");
    } else if (channel->sent >= 2 && channel->closed_by_peer) {
        fail(result, BEAM_REFUSED,
             "the node refuses the cookie (%s): give the right one with --cookie-file FILE",
             cookie_from);
    } else if (channel->closed_by_peer) {
        fail(result, channel->received > 0 ? BEAM_REFUSED : BEAM_UNREACHABLE,
             "port %u of %s hangs up before it asks for the cookie: a node with TLS distribution, "
             "one older than OTP 23, or something else",
             result->port, address->host);
    } else {
        fail(result, BEAM_UNREACHABLE, "the handshake with %s failed: %s", address->host,
             channel->error != 0 ? strerror(channel->error) : "it is no Erlang node");
    }
}

#endif

/* ---- step by step ---- */

/* Who epmd knows instead. */
static void
explain_unknown(const struct beam_connect *connect, const struct epmd_place *place,
                struct beam_connected *result)
{
    const struct beam_address *address = &connect->options.address;
    struct epmd_node *nodes = calloc(EPMD_NODES_MAX, sizeof(*nodes));
    int count = nodes != NULL ? epmd_list(place, connect->patience_ns, nodes, EPMD_NODES_MAX) : 0;
    fail(result, BEAM_UNREACHABLE, "epmd on %s knows no node %s%s", address->host, address->name,
         count > 0 ? ", but " : "; it knows none");
    for (int i = 0; i < count; i++) {
        size_t n = strlen(result->why);
        snprintf(result->why + n, sizeof(result->why) - n, "%s%s", i > 0 ? ", " : "",
                 i < KNOWN_SHOWN ? nodes[i].name : "...");
        if (i == KNOWN_SHOWN) {
            break;
        }
    }
    free(nodes);
}

static bool
ask_epmd(const struct beam_connect *connect, const struct epmd_place *places, size_t count,
         struct beam_connected *result)
{
    const struct beam_address *address = &connect->options.address;
    int error = -ECONNREFUSED;
    size_t at = 0;
    for (size_t i = 0; i < count && (error == -ECONNREFUSED || error == -ENETUNREACH); i++) {
        at = i;
        error = epmd_find(&places[i], address->name, connect->patience_ns, &result->port);
    }
    if (error == 0) {
        return true;
    }
    if (error == -ENOENT) {
        explain_unknown(connect, &places[at], result);
    } else if (error == -ECONNREFUSED) {
        fail(result, BEAM_UNREACHABLE,
             "no epmd on %s (port %u): no node with a name runs there, or one without epmd, which "
             "is given by its port: beam://%s@%s:PORT",
             address->host, epmd_port(), address->name, address->host);
    } else if (error == -ETIMEDOUT) {
        fail(result, BEAM_UNREACHABLE,
             "epmd on %s (port %u) does not answer: a firewall may be in between", address->host,
             epmd_port());
    } else {
        fail(result, BEAM_UNREACHABLE, "epmd on %s (port %u): %s", address->host, epmd_port(),
             error == -EPROTO ? "what answers there is no epmd" : strerror(-error));
    }
    return false;
}

/* The host as given; where nobody knows it, its first word alone. */
static size_t
resolve(struct beam_connect *connect, struct epmd_place *places, struct beam_connected *result)
{
    const char *host = connect->options.address.host;
    char why[200], first[BEAM_NAME_BYTES];
    size_t n = strcspn(host, ".");
    size_t count = epmd_resolve(host, places, PLACES_MAX, why, sizeof(why));
    if (count == 0 && host[n] == '.' && n > 0) {
        char again[200];
        str_copy((struct str){host, n}, first, sizeof(first));
        count = epmd_resolve(first, places, PLACES_MAX, again, sizeof(again));
        if (count > 0) {
            snprintf(result->note, sizeof(result->note), "there is no host %s: %s was reached",
                     host, first);
        }
    }
    if (count == 0) {
        fail(result, BEAM_UNREACHABLE, "there is no host called %s (%s)", host, why);
    }
    return count;
}

static int
open_socket(const struct beam_connect *connect, const struct epmd_place *places, size_t count,
            struct beam_connected *result)
{
    const struct beam_address *address = &connect->options.address;
    int fd = -ECONNREFUSED;
    for (size_t i = 0; i < count && fd < 0 && fd != -ETIMEDOUT; i++) {
        fd = epmd_connect(&places[i], result->port, connect->patience_ns);
    }
    if (fd == -ECONNREFUSED) {
        fail(result, BEAM_UNREACHABLE,
             "nothing listens at port %u of %s: the node has ended, or listens elsewhere",
             result->port, address->host);
    } else if (fd == -ETIMEDOUT) {
        fail(result, BEAM_UNREACHABLE,
             "port %u of %s does not answer: a firewall may be in between", result->port,
             address->host);
    } else if (fd < 0) {
        fail(result, BEAM_UNREACHABLE, "port %u of %s: %s", result->port, address->host,
             strerror(-fd));
    }
    return fd;
}

/* Whether the other end of the socket is this machine: its address is our own. */
static bool
is_here(int fd)
{
    struct sockaddr_storage own, other;
    socklen_t a = sizeof(own), b = sizeof(other);
    if (getsockname(fd, (struct sockaddr *)&own, &a) != 0 ||
        getpeername(fd, (struct sockaddr *)&other, &b) != 0 || own.ss_family != other.ss_family) {
        return false;
    }
    if (own.ss_family == AF_INET6) {
        return memcmp(&((struct sockaddr_in6 *)&own)->sin6_addr,
                      &((struct sockaddr_in6 *)&other)->sin6_addr, sizeof(struct in6_addr)) == 0;
    }
    return ((struct sockaddr_in *)&own)->sin_addr.s_addr ==
           ((struct sockaddr_in *)&other)->sin_addr.s_addr;
}

static void
greet(struct beam_connect *connect, int fd, struct beam_connected *result)
{
    struct cookie cookie;
    char why[400];
    const char *proc = connect->proc[0] != '\0' ? connect->proc : NULL;
    bool here = proc != NULL && is_here(fd);
    result->pid = here ? beam_local_pid(proc, connect->options.address.name, result->port) : 0;
    struct cookie_setup setup = {.file = connect->options.cookie_file,
                                 .given = connect->options.cookie,
                                 .proc = proc,
                                 .pid = result->pid};
    if (cookie_find(&setup, &cookie, why, sizeof(why)) < 0) {
        fail(result, BEAM_REFUSED, "%s", why);
        close(fd);
        return;
    }
    str_copy(str_from(cookie.from), result->cookie_from, sizeof(result->cookie_from));
#ifdef FLAMETOP_HAVE_EI
    struct channel channel = {.fd = fd};
    if (shake(&channel, cookie.text, connect->shake_ns, result) < 0) {
        explain(connect, &channel, cookie.from, result);
    } else {
        result->state = BEAM_CONNECTED;
    }
    channel_close(&channel);
#else
    close(fd);
#endif
    cookie_forget(&cookie);
}

static void
work(struct beam_connect *connect, struct beam_connected *result)
{
    struct epmd_place places[PLACES_MAX];
    size_t count = resolve(connect, places, result);
    result->port = connect->options.address.port;
    if (count == 0) {
        return;
    }
    set_step(connect, ASKING_EPMD);
    if (result->port == 0 && !ask_epmd(connect, places, count, result)) {
        return;
    }
    set_step(connect, CONNECTING);
    int fd = open_socket(connect, places, count, result);
    if (fd >= 0) {
        greet(connect, fd, result);
    }
}

static void *
run(void *context)
{
    struct beam_connect *connect = context;
    struct beam_connected result = {.fd = -1};
    pthread_setname_np(pthread_self(), "beam connect");
    if (beam_is_built()) {
        work(connect, &result);
    } else {
        fail(&result, BEAM_REFUSED,
             "this flametop was built without libei and cannot attach Erlang nodes: install "
             "erlang-dev and build it again");
    }
    pthread_mutex_lock(&connect->lock);
    connect->result = result;
    connect->finished = true;
    if (!connect->cancelled) {
        uv_async_send(connect->wake);
    }
    pthread_mutex_unlock(&connect->lock);
    release(connect);
    return NULL;
}

/* ---- the loop's side ---- */

/* The loop leaves. */
static void
leave(struct beam_connect *connect)
{
    pthread_mutex_lock(&connect->lock);
    connect->cancelled = true;
    pthread_mutex_unlock(&connect->lock);
    loop_close(connect->wake);
    loop_close(connect->timer);
    connect->done = NULL;
    release(connect);
}

static void
on_done(uv_async_t *wake)
{
    struct beam_connect *connect = wake->data;
    beam_connect_done *done = connect->done;
    struct beam_connected result = connect->result;
    connect->result.fd = -1; /* the receiver's */
    connect->done = NULL;
    uv_timer_stop(connect->timer);
    if (done != NULL) {
        done(connect->context, &result);
    } else if (result.fd >= 0) {
        close(result.fd);
    }
}

/* Each step has its own time; only the resolver knows none. */
static void
on_late(uv_timer_t *timer)
{
    struct beam_connect *connect = timer->data;
    struct beam_connected result = {.fd = -1};
    pthread_mutex_lock(&connect->lock);
    enum step step = connect->step;
    bool finished = connect->finished;
    pthread_mutex_unlock(&connect->lock);
    beam_connect_done *done = connect->done;
    if (finished || step != RESOLVING || done == NULL) {
        return;
    }
    fail(&result, BEAM_UNREACHABLE, "looking up the name %s takes too long: try its address",
         connect->options.address.host);
    connect->done = NULL;
    done(connect->context, &result);
}

static void
copy_options(struct beam_connect *connect, const struct beam_options *from)
{
    struct beam_options *to = &connect->options;
    *to = *from;
    str_copy(str_from(from->target), connect->target, sizeof(connect->target));
    to->target = connect->target;
    if (from->cookie_file != NULL) {
        str_copy(str_from(from->cookie_file), connect->cookie_file, sizeof(connect->cookie_file));
        to->cookie_file = connect->cookie_file;
    }
    if (from->cookie != NULL) {
        str_copy(str_from(from->cookie), connect->given, sizeof(connect->given));
        to->cookie = connect->given;
    }
    const char *proc = from->roots.proc;
    str_copy(str_from(proc != NULL ? proc : ""), connect->proc, sizeof(connect->proc));
    connect->patience_ns = from->patience_ns > 0 ? from->patience_ns : PATIENCE_NS;
    connect->shake_ns = from->patience_ns > 0 ? from->patience_ns : SHAKE_NS;
}

struct beam_connect *
beam_connect_start(struct uv_loop_s *loop, const struct beam_options *options, void *context,
                   beam_connect_done *done)
{
    struct beam_connect *connect = calloc(1, sizeof(*connect));
    uv_async_t *wake = calloc(1, sizeof(*wake));
    uv_timer_t *timer = calloc(1, sizeof(*timer));
    if (connect == NULL || wake == NULL || timer == NULL) {
        free(connect);
        free(wake);
        free(timer);
        return NULL;
    }
    copy_options(connect, options);
    pthread_mutex_init(&connect->lock, NULL);
    connect->result.fd = -1;
    connect->owners = 2;
    connect->wake = wake;
    connect->timer = timer;
    connect->context = context;
    connect->done = done;
    uv_async_init(loop, wake, on_done);
    uv_timer_init(loop, timer);
    wake->data = timer->data = connect;
    uv_update_time(loop);
    uv_timer_start(timer, on_late, (uint64_t)(connect->patience_ns / NS_PER_MS), 0);
    if (thread_start(run, connect, NULL) != 0) {
        connect->owners = 1;
        leave(connect);
        return NULL;
    }
    return connect;
}

void
beam_connect_cancel(struct beam_connect *connect)
{
    if (connect != NULL) {
        leave(connect);
    }
}

const char *
beam_connect_doing(const struct beam_connect *connect, char *dst, size_t size)
{
    static const char *const words[STEPS] = {[RESOLVING] = "looking up the name %s",
                                             [ASKING_EPMD] = "asking epmd on %s",
                                             [CONNECTING] = "connecting to %s"};
    struct beam_connect *own = (struct beam_connect *)(uintptr_t)connect;
    pthread_mutex_lock(&own->lock);
    enum step step = own->step;
    pthread_mutex_unlock(&own->lock);
    snprintf(dst, size, words[step], own->options.address.host);
    return dst;
}
