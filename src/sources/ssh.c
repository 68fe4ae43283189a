/* The link over ssh. */
#include "flametop/sources/ssh.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include <uv.h>

#include "flametop/base/log.h"
#include "flametop/base/macros.h"
#include "flametop/base/str.h"
#include "flametop/base/utf8.h"
#include "flametop/sources/endpoint.h"

#define ARGUMENTS_MAX 24
#define RETRY_NS (5 * NS_PER_S)

/* What a shell or the program says when there is no flametop there. */
static const char *const missing[] = {"not found", "No such file", "command not found"};

struct tunnel {
    struct link_setup setup;
    const struct endpoint_options *options;
    struct endpoint_options inner_options;
    void *inner; /* state of link_endpoint */
    char user_host[300], port[8];
    char folder[PATH_MAX / 2], inner_target[PATH_MAX];
    char remote[64]; /* folder there */

    uv_process_t process;
    uv_pipe_t input, errors;
    bool running; /* ssh has not ended */
    bool closing;
    unsigned open; /* handles of one run that are not closed yet */
    char said[512];
    size_t said_n;
    char why[300];
    int64_t retry_ns;
    uv_timer_t timer;
};

/* ---- what the target says ---- */

static bool
is_plain(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool right = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     (c != 0 && strchr("._-@[]:%", c) != NULL);
        if (!right) {
            return false;
        }
    }
    return text.n > 0 && text.p[0] != '-';
}

static bool
parse(struct tunnel *tunnel, const char *target, char *why, size_t why_size)
{
    struct str rest = str_from(target + strlen("ssh://"));
    const char *slash = memchr(rest.p, '/', rest.n);
    rest.n = slash != NULL ? (size_t)(slash - rest.p) : rest.n;
    const char *colon = memrchr(rest.p, ':', rest.n);
    const char *bracket = memrchr(rest.p, ']', rest.n);
    if (colon != NULL && colon > bracket) {
        struct str port = {colon + 1, rest.n - (size_t)(colon + 1 - rest.p)};
        uint64_t number;
        struct str digits = port;
        if (!str_u64(&digits, &number) || digits.n > 0 || number == 0 || number > 65535) {
            snprintf(why, why_size, "%s: a port is a number from 1 to 65535", target);
            return false;
        }
        str_copy(port, tunnel->port, sizeof(tunnel->port));
        rest.n = (size_t)(colon - rest.p);
    }
    if (!is_plain(rest) || rest.n >= sizeof(tunnel->user_host)) {
        snprintf(why, why_size, "%s: write ssh://HOST or ssh://USER@HOST", target);
        return false;
    }
    str_copy(rest, tunnel->user_host, sizeof(tunnel->user_host));
    return true;
}

/* ---- ssh ---- */

/* The last line it said is the reason. */
static void
explain(struct tunnel *tunnel, int64_t code)
{
    struct str rest = {tunnel->said, tunnel->said_n}, line, last = {"", 0};
    while (str_line(&rest, &line)) {
        line = str_trim(line);
        last = line.n > 0 ? line : last;
    }
    char said[200];
    utf8_clean(last, said, sizeof(said));
    for (size_t i = 0; i < ARRAY_SIZE(missing); i++) {
        if (strstr(said, "flametop") != NULL && strstr(said, missing[i]) != NULL) {
            snprintf(tunnel->why, sizeof(tunnel->why),
                     "there is no flametop on %s: copy this program into a folder of its PATH, "
                     "for example: scp $(command -v flametop) %s:.local/bin/",
                     tunnel->user_host, tunnel->user_host);
            return;
        }
    }
    if (strstr(said, "Permission denied") != NULL) {
        snprintf(tunnel->why, sizeof(tunnel->why),
                 "ssh: %s: flametop cannot ask for a password, it needs a key or an ssh-agent",
                 said);
    } else if (said[0] != 0) {
        snprintf(tunnel->why, sizeof(tunnel->why), "ssh: %s", said);
    } else {
        snprintf(tunnel->why, sizeof(tunnel->why), "ssh ended with status %lld", (long long)code);
    }
}

static void start(struct tunnel *tunnel);

static void
on_retry(uv_timer_t *timer)
{
    start(timer->data);
}

static void
finish_close(struct tunnel *tunnel)
{
    if (tunnel->closing && tunnel->open == 0) {
        free(tunnel);
    }
}

static void
on_closed(uv_handle_t *handle)
{
    struct tunnel *tunnel = handle->data;
    tunnel->open--;
    finish_close(tunnel);
}

static void
close_handle(struct tunnel *tunnel, uv_handle_t *handle)
{
    (void)tunnel;
    if (!uv_is_closing(handle)) {
        uv_close(handle, on_closed);
    }
}

static void
on_ended(uv_process_t *process, int64_t code, int signal_number)
{
    struct tunnel *tunnel = process->data;
    (void)signal_number;
    tunnel->running = false;
    explain(tunnel, code);
    close_handle(tunnel, (uv_handle_t *)&tunnel->process);
    close_handle(tunnel, (uv_handle_t *)&tunnel->input);
    close_handle(tunnel, (uv_handle_t *)&tunnel->errors);
    if (!tunnel->closing) {
        log_warning("%s: %s", tunnel->options->target, tunnel->why);
        uv_timer_start(&tunnel->timer, on_retry, RETRY_NS / NS_PER_MS, 0);
        tunnel->retry_ns = (int64_t)uv_hrtime() + RETRY_NS;
        tunnel->setup.sink.tick(tunnel->setup.sink.context);
    }
}

static void
on_room(uv_handle_t *handle, size_t wanted, uv_buf_t *ret)
{
    struct tunnel *tunnel = handle->data;
    (void)wanted;
    size_t half = sizeof(tunnel->said) / 2;
    if (tunnel->said_n > half) { /* the newest half stays */
        memmove(tunnel->said, tunnel->said + tunnel->said_n - half, half);
        tunnel->said_n = half;
    }
    *ret = uv_buf_init(tunnel->said + tunnel->said_n,
                       (unsigned)(sizeof(tunnel->said) - tunnel->said_n));
}

static void
on_said(uv_stream_t *stream, ssize_t n, const uv_buf_t *bytes)
{
    struct tunnel *tunnel = stream->data;
    (void)bytes;
    if (n > 0) {
        tunnel->said_n += (size_t)n;
    } else if (n < 0) {
        uv_read_stop(stream);
    }
}

static void
start(struct tunnel *tunnel)
{
    char forward[PATH_MAX], command[512];
    const char *arguments[ARGUMENTS_MAX] = {"ssh", "-T",
                                            "-o",  "BatchMode=yes",
                                            "-o",  "ExitOnForwardFailure=yes",
                                            "-o",  "StreamLocalBindUnlink=yes",
                                            "-o",  "ConnectTimeout=10",
                                            "-o",  "ServerAliveInterval=15",
                                            "-o",  "ClearAllForwardings=no",
                                            "-L",  forward};
    size_t n = 16;
    if (tunnel->open > 0 || tunnel->running) {
        return; /* the last run is still being cleaned up: the timer comes again */
    }
    snprintf(forward, sizeof(forward), "%s/agent.sock:%s/agent.sock", tunnel->folder,
             tunnel->remote);
    snprintf(command, sizeof(command),
             "umask 077; mkdir %s && { PATH=$PATH:$HOME/.local/bin:/usr/local/bin flametop agent "
             "--no-listen --unix %s/agent.sock --exit-with-stdin; rm -rf %s; }",
             tunnel->remote, tunnel->remote, tunnel->remote);
    if (tunnel->port[0] != 0) {
        arguments[n++] = "-p";
        arguments[n++] = tunnel->port;
    }
    arguments[n++] = tunnel->user_host;
    arguments[n++] = command;
    tunnel->said_n = 0;
    tunnel->retry_ns = 0;
    uv_pipe_init(tunnel->setup.loop, &tunnel->input, 0);
    uv_pipe_init(tunnel->setup.loop, &tunnel->errors, 0);
    tunnel->process.data = tunnel->input.data = tunnel->errors.data = tunnel;
    uv_stdio_container_t stdio[3] = {{.flags = (uv_stdio_flags)(UV_CREATE_PIPE | UV_READABLE_PIPE),
                                      .data.stream = (uv_stream_t *)&tunnel->input},
                                     {.flags = UV_IGNORE},
                                     {.flags = (uv_stdio_flags)(UV_CREATE_PIPE | UV_WRITABLE_PIPE),
                                      .data.stream = (uv_stream_t *)&tunnel->errors}};
    uv_process_options_t options = {.file = "ssh",
                                    .args = (char **)(uintptr_t)arguments,
                                    .exit_cb = on_ended,
                                    .stdio = stdio,
                                    .stdio_count = 3};
    tunnel->open = 3;
    int error = uv_spawn(tunnel->setup.loop, &tunnel->process, &options);
    tunnel->running = error == 0;
    if (error != 0) {
        snprintf(tunnel->why, sizeof(tunnel->why), "ssh does not start: %s", uv_strerror(error));
        close_handle(tunnel, (uv_handle_t *)&tunnel->process);
        close_handle(tunnel, (uv_handle_t *)&tunnel->input);
        close_handle(tunnel, (uv_handle_t *)&tunnel->errors);
        return;
    }
    tunnel->why[0] = 0;
    uv_read_start((uv_stream_t *)&tunnel->errors, on_room, on_said);
}

/* ---- the link ---- */

static bool
make_folder(struct tunnel *tunnel, char *why, size_t why_size)
{
    const char *base = getenv("XDG_RUNTIME_DIR");
    base = base != NULL && base[0] == '/' ? base : "/tmp";
    snprintf(tunnel->folder, sizeof(tunnel->folder), "%s/flametop-XXXXXX", base);
    if (mkdtemp(tunnel->folder) == NULL) {
        snprintf(why, why_size, "cannot make a folder for ssh's socket in %s: %s", base,
                 strerror(errno));
        return false;
    }
    uint64_t random[2] = {0};
    if (getrandom(random, sizeof(random), 0) < 0) {
        snprintf(why, why_size, "no random numbers: %s", strerror(errno));
        return false;
    }
    snprintf(tunnel->remote, sizeof(tunnel->remote), "/tmp/flametop-%016llx%016llx",
             (unsigned long long)random[0], (unsigned long long)random[1]);
    snprintf(tunnel->inner_target, sizeof(tunnel->inner_target), "unix:%s/agent.sock",
             tunnel->folder);
    return true;
}

static int
ssh_open(const struct link_setup *setup, void **ret_state, char *why, size_t why_size)
{
    const struct endpoint_options *options = setup->options;
    struct tunnel *tunnel = calloc(1, sizeof(*tunnel));
    if (tunnel == NULL) {
        snprintf(why, why_size, "out of memory");
        return -ENOMEM;
    }
    tunnel->setup = *setup;
    tunnel->options = options;
    if (!parse(tunnel, options->target, why, why_size) || !make_folder(tunnel, why, why_size)) {
        free(tunnel);
        return -EINVAL;
    }
    tunnel->inner_options = *options;
    tunnel->inner_options.target = tunnel->inner_target;
    struct link_setup inner = *setup;
    inner.options = &tunnel->inner_options;
    int error = link_endpoint.open(&inner, &tunnel->inner, why, why_size);
    if (error < 0) {
        rmdir(tunnel->folder);
        free(tunnel);
        return error;
    }
    uv_timer_init(setup->loop, &tunnel->timer);
    tunnel->timer.data = tunnel;
    start(tunnel);
    *ret_state = tunnel;
    return 0;
}

static void
ssh_status(const void *state, struct link_status *ret_status)
{
    const struct tunnel *tunnel = state;
    link_endpoint.status(tunnel->inner, ret_status);
    ret_status->target = tunnel->options->target;
    if (ret_status->state == LINK_LIVE) {
        return;
    }
    if (tunnel->running) {
        ret_status->why = "ssh is connecting";
        return;
    }
    ret_status->state = ret_status->heard_mono_ns != 0 ? LINK_LOST : LINK_CONNECTING;
    ret_status->why = tunnel->why;
    ret_status->retry_mono_ns = tunnel->retry_ns;
}

static void
ssh_interest(void *state, const struct interest *interest)
{
    link_endpoint.interest(((struct tunnel *)state)->inner, interest);
}

static void
ssh_interval(void *state, int64_t interval_ns)
{
    link_endpoint.interval(((struct tunnel *)state)->inner, interval_ns);
}

static void
ssh_retry(void *state)
{
    struct tunnel *tunnel = state;
    start(tunnel);
    link_endpoint.retry(tunnel->inner);
}

static void
ssh_command(void *state, const char *name, const char *arguments, void *context,
            link_answer *answer)
{
    link_endpoint.command(((struct tunnel *)state)->inner, name, arguments, context, answer);
}

static void
remove_folder(const struct tunnel *tunnel)
{
    unlink(tunnel->inner_target + strlen("unix:"));
    rmdir(tunnel->folder);
}

/* Closing its input ends the agent there, and ssh with it. */
static void
ssh_close(void *state)
{
    struct tunnel *tunnel = state;
    link_endpoint.close(tunnel->inner);
    tunnel->closing = true;
    tunnel->open++;
    close_handle(tunnel, (uv_handle_t *)&tunnel->timer);
    if (tunnel->running) {
        close_handle(tunnel, (uv_handle_t *)&tunnel->input);
        uv_process_kill(&tunnel->process, SIGTERM);
    }
    remove_folder(tunnel);
}

const struct link link_ssh = {
    .name = "ssh",
    .open = ssh_open,
    .status = ssh_status,
    .interest = ssh_interest,
    .interval = ssh_interval,
    .retry = ssh_retry,
    .command = ssh_command,
    .close = ssh_close,
};
