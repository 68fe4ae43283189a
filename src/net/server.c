/* The HTTP server: libmicrohttpd on a libuv loop.
 *
 * Each listening socket has a daemon of its own, so that a flood at one leaves the others alone. A
 * daemon has no thread: its epoll descriptor is watched by a uv_poll, its next timeout by a
 * uv_timer, and MHD_run does the work. What a request is and how it is answered is in exchange.c;
 * answers that go on are in stream.c.
 *
 * What MHD does not bound: a client that sends one byte now and then never times out there. Each
 * connection therefore has a moment by which its request must be whole; then its socket is shut. */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "flametop/base/clock.h"
#include "flametop/base/file.h"
#include "flametop/base/log.h"
#include "flametop/net/loop.h"
#include "listen.h"
#include "server_parts.h"

#define PEM_BYTES_MAX ((size_t)1 << 20)
#define TOKEN_BYTES_MIN 16
#define LAST_RUNS 4 /* an answer takes two to end, and it may have to be resumed */

/* --- Connections ----------------------------------------------------------------------------- */

static void
address_text(const struct sockaddr_storage *address, socklen_t n, char dst[INET6_ADDRSTRLEN])
{
    if (getnameinfo((const struct sockaddr *)address, n, dst, INET6_ADDRSTRLEN, NULL, 0,
                    NI_NUMERICHOST) != 0) {
        dst[0] = '\0';
    }
}

static void
connection_describe(struct connection *connection)
{
    struct sockaddr_storage address = {0};
    socklen_t n = sizeof(address);
    if (connection->listener->local) {
        str_copy(STR("unix"), connection->peer, sizeof(connection->peer));
        return;
    }
    if (getpeername(connection->fd, (struct sockaddr *)&address, &n) == 0) {
        address_text(&address, n, connection->peer);
    }
    n = sizeof(address);
    if (getsockname(connection->fd, (struct sockaddr *)&address, &n) == 0) {
        address_text(&address, n, connection->address);
    }
}

static void
connection_open(struct listener *listener, struct MHD_Connection *mhd, void **ret_connection)
{
    struct connection *connection = calloc(1, sizeof(*connection));
    const union MHD_ConnectionInfo *info =
        listener->server->mhd.get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    *ret_connection = connection;
    if (connection == NULL) {
        return; /* its requests are refused */
    }
    connection->listener = listener;
    connection->fd = info != NULL ? info->connect_fd : -1;
    connection->since_ns = clock_mono_ns();
    connection->waiting = true;
    connection_describe(connection);
    LIST_INSERT_HEAD(&listener->server->connections, connection, entry);
    listener->server->counts.connections++;
    listener->server->counts.connections_total++;
}

static void
on_connection(void *context, struct MHD_Connection *mhd, void **ret_connection,
              enum MHD_ConnectionNotificationCode code)
{
    struct listener *listener = context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        connection_open(listener, mhd, ret_connection);
        return;
    }
    struct connection *connection = *ret_connection;
    *ret_connection = NULL;
    if (connection != NULL) {
        LIST_REMOVE(connection, entry);
        listener->server->counts.connections--;
        exchange_free(connection->exchange);
        free(connection);
        /* At its limit a daemon listens no more, and notices that there is room in its next run. */
        listener_kick(listener);
    }
}

/* The other end has closed and all it sent is read: libmicrohttpd misses an end that came together
 * with the last bytes. */
static bool
connection_left(const struct connection *connection)
{
    char byte;
    return recv(connection->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* Shuts who is too slow: requests that do not get whole, upgraded readers that do not read. */
static void
on_sweep(uv_timer_t *timer)
{
    struct http_server *server = timer->data;
    int64_t late_ns = clock_mono_ns() - server->options.timeout_ns;
    struct connection *connection;
    LIST_FOREACH(connection, &server->connections, entry)
    {
        if (connection->waiting &&
            (connection->since_ns < late_ns || connection_left(connection))) {
            shutdown(connection->fd, SHUT_RDWR); /* MHD sees the end and cleans up */
            connection->waiting = false;
        }
        if (connection->exchange != NULL && connection->exchange->suspended &&
            connection_left(connection)) {
            exchange_wake(connection->exchange);
        }
    }
    stream_close_stuck(server, late_ns);
    for (size_t i = 0; i < server->listener_count; i++) {
        listener_kick(&server->listeners[i]); /* descriptors that others gave back are room, too */
    }
}

/* --- The daemons ----------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer);

void
listener_kick(struct listener *listener)
{
    if (!listener->kicked && listener->timer != NULL) {
        listener->kicked = true;
        uv_timer_start(listener->timer, on_timer, 0, 0);
    }
}

static void
listener_run(struct listener *listener)
{
    const struct mhd *mhd = &listener->server->mhd;
    MHD_UNSIGNED_LONG_LONG timeout_ms;
    listener->kicked = listener->server->complained = false;
    mhd->run(listener->daemon);
    /* What it complains about it closes in its next run only, and tells no timeout for that. */
    if (listener->kicked || listener->server->complained) {
        uv_timer_start(listener->timer, on_timer, 0, 0);
    } else if (mhd->get_timeout(listener->daemon, &timeout_ms) == MHD_YES) {
        uv_timer_start(listener->timer, on_timer, timeout_ms, 0);
    } else {
        uv_timer_stop(listener->timer);
    }
}

static void
on_timer(uv_timer_t *timer)
{
    listener_run(timer->data);
}

static void
on_poll(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    listener_run(poll->data);
}

static void
on_log(void *context, const char *format, va_list args)
{
    struct http_server *server = context;
    vsnprintf(server->said, sizeof(server->said), format, args);
    server->said[strcspn(server->said, "\n")] = '\0';
    server->complained = true;
    log_debug("http: %s", server->said);
}

static unsigned
daemon_flags(const struct http_server *server, bool local, bool takes)
{
    unsigned flags =
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_ALLOW_UPGRADE | MHD_USE_ERROR_LOG;
    flags |= takes ? MHD_USE_NO_LISTEN_SOCKET : 0;
    return server->certificate != NULL && !local ? flags | MHD_USE_TLS : flags;
}

static bool
daemon_start(struct listener *listener, int fd)
{
    struct http_server *server = listener->server;
    const struct http_server_options *options = &server->options;
    bool tls = server->certificate != NULL && !listener->local;
    bool near = listener->loopback || listener->local;
    struct MHD_OptionItem items[] = {
        {MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)on_log, server},
        {MHD_OPTION_CONNECTION_LIMIT, (intptr_t)options->connections_max, NULL},
        {MHD_OPTION_PER_IP_CONNECTION_LIMIT, near ? 0 : (intptr_t)options->address_max, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, HTTP_CONNECTION_BYTES, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, (intptr_t)MAX(options->timeout_ns / NS_PER_S, 1), NULL},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, listener},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)exchange_on_completed, listener},
        {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)exchange_on_target, listener},
        {tls ? MHD_OPTION_HTTPS_MEM_CERT : MHD_OPTION_END, 0, server->certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, server->key},
        {MHD_OPTION_HTTPS_PRIORITIES, 0,
         (void *)(uintptr_t) "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"},
        {MHD_OPTION_END, 0, NULL},
    };
    struct MHD_OptionItem socket[] = {
        {fd >= 0 ? MHD_OPTION_LISTEN_SOCKET : MHD_OPTION_END, fd, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    listener->daemon = server->mhd.start_daemon(
        daemon_flags(server, listener->local, fd < 0), 0, NULL, NULL, exchange_on_request, listener,
        MHD_OPTION_ARRAY, socket, MHD_OPTION_ARRAY, items, MHD_OPTION_END);
    return listener->daemon != NULL;
}

/* Puts the daemon on the loop. */
static bool
listener_watch(struct listener *listener)
{
    const union MHD_DaemonInfo *info =
        listener->server->mhd.get_daemon_info(listener->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    uv_loop_t *loop = listener->server->options.loop;
    uv_timer_t *timer = calloc(1, sizeof(*timer));
    uv_poll_t *poll = calloc(1, sizeof(*poll));
    if (info == NULL || timer == NULL || poll == NULL ||
        uv_poll_init(loop, poll, info->epoll_fd) != 0) {
        free(timer);
        free(poll);
        return false;
    }
    uv_timer_init(loop, timer);
    timer->data = poll->data = listener;
    listener->timer = timer;
    listener->poll = poll;
    return uv_poll_start(poll, UV_READABLE, on_poll) == 0;
}

static bool
listener_start(struct http_server *server, int fd, bool local, bool loopback, unsigned port,
               char *why, size_t why_size)
{
    struct listener *listener = &server->listeners[server->listener_count];
    *listener =
        (struct listener){.server = server, .local = local, .loopback = loopback, .port = port};
    if (!daemon_start(listener, fd)) {
        if (fd >= 0) {
            close(fd);
        }
        snprintf(why, why_size, "the HTTP server does not start: %s",
                 server->said[0] != '\0' ? server->said : "libmicrohttpd says no more");
        return false;
    }
    server->listener_count++;
    if (!listener_watch(listener)) {
        snprintf(why, why_size, "the HTTP server does not start: out of memory");
        return false;
    }
    return true;
}

/* What may be listened at: see the security section of the header. */
static bool
listener_allowed(const struct http_server_options *options, const char *where, bool loopback,
                 char *why, size_t why_size)
{
    if (loopback || options->open) {
        return true;
    }
    if (options->token == NULL) {
        snprintf(why, why_size, "%s is reached from other machines: give --token-file", where);
        return false;
    }
    if (options->cert_file == NULL && !options->insecure_no_tls) {
        snprintf(why, why_size,
                 "%s is reached from other machines: give --tls-cert and --tls-key, or "
                 "--insecure-no-tls if somebody else encrypts",
                 where);
        return false;
    }
    return true;
}

static bool
start_tcp(struct http_server *server, const char *where, char *why, size_t why_size)
{
    bool loopback;
    unsigned port;
    int fd = listen_tcp(where, &loopback, &port, why, why_size);
    if (fd < 0) {
        return false;
    }
    if (!listener_allowed(&server->options, where, loopback, why, why_size)) {
        close(fd);
        return false;
    }
    return listener_start(server, fd, false, loopback, port, why, why_size);
}

static bool
start_unix(struct http_server *server, const char *path, char *why, size_t why_size)
{
    int fd = listen_unix(path, &server->unix_made, why, why_size);
    if (fd < 0) {
        return false;
    }
    server->unix_path = path;
    return listener_start(server, fd, true, false, 0, why, why_size);
}

/* The daemon without a socket of its own. */
static bool
start_taker(struct http_server *server, char *why, size_t why_size)
{
    if (!listener_start(server, -1, false, true, 0, why, why_size)) {
        return false;
    }
    server->taker = &server->listeners[server->listener_count - 1];
    return true;
}

bool
http_server_take(struct http_server *server, int fd)
{
    struct sockaddr_storage peer = {0};
    socklen_t n = sizeof(peer);
    if (getpeername(fd, (struct sockaddr *)&peer, &n) != 0) {
        close(fd);
        return false;
    }
    bool taken = server->mhd.add_connection(server->taker->daemon, fd, (struct sockaddr *)&peer,
                                            n) == MHD_YES; /* which closes what it does not take */
    listener_kick(server->taker);
    return taken;
}

/* --- The server ------------------------------------------------------------------------------ */

static bool
library_open(struct http_server *server, char *why, size_t why_size)
{
    static const struct {
        const char *name;
        size_t offset;
    } functions[] = {
#define ROW(name) {"MHD_" #name, offsetof(struct mhd, name)},
        MHD_FUNCTIONS(ROW)
#undef ROW
    };
    server->library = dlopen("libmicrohttpd.so.12", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (server->library == NULL) {
        snprintf(why, why_size,
                 "the HTTP server needs libmicrohttpd: install the package libmicrohttpd12");
        return false;
    }
    for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
        void *function = dlsym(server->library, functions[i].name);
        if (function == NULL) {
            snprintf(why, why_size, "libmicrohttpd has no %s: install a newer one",
                     functions[i].name);
            return false;
        }
        memcpy((char *)&server->mhd + functions[i].offset, &function, sizeof(function));
    }
    return true;
}

static char *
read_pem(const char *path, char *why, size_t why_size)
{
    char *text = NULL;
    ssize_t n = file_load(path, PEM_BYTES_MAX, &text);
    if (n < 0) {
        snprintf(why, why_size, "%s cannot be read: %s", path, strerror((int)-n));
        return NULL;
    }
    return text;
}

static bool
options_right(const struct http_server_options *options, char *why, size_t why_size)
{
    const char *tokens[] = {options->token, options->change_token};
    for (size_t i = 0; i < ARRAY_SIZE(tokens); i++) {
        if (tokens[i] != NULL && strlen(tokens[i]) < TOKEN_BYTES_MIN) {
            snprintf(why, why_size, "a token has at least %d characters", TOKEN_BYTES_MIN);
            return false;
        }
    }
    if ((options->cert_file == NULL) != (options->key_file == NULL)) {
        snprintf(why, why_size, "TLS needs both a certificate and its key");
        return false;
    }
    return true;
}

static bool
server_open(struct http_server *server, char *why, size_t why_size)
{
    const struct http_server_options *options = &server->options;
    if (!options_right(options, why, why_size) || !library_open(server, why, why_size)) {
        return false;
    }
    if (options->cert_file != NULL) {
        server->certificate = read_pem(options->cert_file, why, why_size);
        server->key =
            server->certificate != NULL ? read_pem(options->key_file, why, why_size) : NULL;
        if (server->key == NULL) {
            return false;
        }
    }
    for (size_t i = 0; i < options->listen_count; i++) {
        if (!start_tcp(server, options->listen[i], why, why_size)) {
            return false;
        }
    }
    return (!options->takes || start_taker(server, why, why_size)) &&
           (options->unix_path == NULL || start_unix(server, options->unix_path, why, why_size));
}

static bool
sweep_start(struct http_server *server)
{
    uint64_t period_ms = (uint64_t)MAX(server->options.timeout_ns / 4 / NS_PER_MS, 1);
    server->sweep = calloc(1, sizeof(*server->sweep));
    if (server->sweep == NULL) {
        return false;
    }
    uv_timer_init(server->options.loop, server->sweep);
    server->sweep->data = server;
    return uv_timer_start(server->sweep, on_sweep, period_ms, period_ms) == 0;
}

struct http_server *
http_server_new(const struct http_server_options *options, char *why, size_t why_size)
{
    struct http_server *server = calloc(1, sizeof(*server));
    snprintf(why, why_size, "out of memory");
    if (server == NULL) {
        return NULL;
    }
    server->options = *options;
    server->names = (struct guard_names){options->hosts, options->host_count};
    struct http_server_options *own = &server->options;
    own->connections_max = own->connections_max != 0 ? own->connections_max : 256;
    own->address_max = own->address_max != 0 ? own->address_max : 64;
    own->body_max = own->body_max != 0 ? own->body_max : (size_t)1 << 20;
    own->timeout_ns = own->timeout_ns != 0 ? own->timeout_ns : 20 * NS_PER_S;
    LIST_INIT(&server->connections);
    LIST_INIT(&server->streams);
    server->listeners = calloc(options->listen_count + 2, sizeof(*server->listeners));
    if (server->listeners == NULL || !sweep_start(server) || !server_open(server, why, why_size)) {
        http_server_free(server);
        return NULL;
    }
    return server;
}

/* Sends the ends of the streams as far as the sockets take them: stopped, a daemon sends nothing.
 */
static void
send_ends(struct http_server *server)
{
    struct connection *connection;
    server->stopping = true;
    stream_end_all(server);
    LIST_FOREACH(connection, &server->connections, entry)
    {
        if (connection->exchange != NULL) {
            exchange_wake(connection->exchange);
        }
    }
    for (size_t i = 0; i < server->listener_count; i++) {
        for (int run = 0; run < LAST_RUNS; run++) {
            server->mhd.run(server->listeners[i].daemon);
        }
    }
}

void
http_server_free(struct http_server *server)
{
    if (server == NULL) {
        return;
    }
    loop_close(server->sweep);
    send_ends(server);
    for (size_t i = 0; i < server->listener_count; i++) {
        struct listener *listener = &server->listeners[i];
        if (listener->poll != NULL) {
            uv_poll_stop(listener->poll); /* before the descriptor is closed */
        }
        loop_close(listener->poll);
        loop_close(listener->timer);
        server->mhd.stop_daemon(listener->daemon);
    }
    if (server->unix_path != NULL) {
        listen_unix_remove(server->unix_path, &server->unix_made);
    }
    if (server->library != NULL) {
        dlclose(server->library);
    }
    if (server->key != NULL) {
        explicit_bzero(server->key, strlen(server->key));
    }
    free(server->certificate);
    free(server->key);
    free(server->listeners);
    free(server);
}

void
http_server_set_access(struct http_server *server, const char *token, const char *change_token,
                       const char *const *hosts, size_t host_count)
{
    server->options.token = token;
    server->options.change_token = change_token;
    server->names = (struct guard_names){hosts, host_count};
}

struct http_server_counts
http_server_counts(const struct http_server *server)
{
    return server->counts;
}

unsigned
http_server_port(const struct http_server *server, size_t i)
{
    return i < server->listener_count ? server->listeners[i].port : 0;
}
