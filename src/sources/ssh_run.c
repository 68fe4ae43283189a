/* Runs of ssh: what is started, what it says, and what comes when it ends.
 *
 * ssh has no terminal to ask or write at: it is the leader of a session without one, runs in batch
 * mode, and what it says becomes our sentence. A configuration that would let it share or leave
 * behind a connection, run another command or ask is overruled. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flametop/base/log.h"
#include "flametop/base/macros.h"
#include "ssh_parts.h"

#define ARGUMENTS_MAX 40
#define COMMAND_BYTES 700
#define RETRY_LONGEST_NS (30 * NS_PER_S)
#define STEADY_NS (10 * NS_PER_S) /* a run that lasted so long was no failure */
#define HANDLES_CLOSED_MS 10

static void
on_retry(uv_timer_t *timer)
{
    ssh_start(timer->data);
}

static void
start_timer(struct tunnel *tunnel, int64_t delay_ns)
{
    uv_update_time(tunnel->setup.loop);
    uv_timer_start(&tunnel->timer, on_retry, (uint64_t)(delay_ns / NS_PER_MS), 0);
}

void
ssh_on_closed(uv_handle_t *handle)
{
    struct tunnel *tunnel = handle->data;
    tunnel->open--;
    if (tunnel->closing && tunnel->open == 0) {
        free(tunnel);
    }
}

static void
close_run(struct tunnel *tunnel)
{
    uv_handle_t *const handles[] = {(uv_handle_t *)&tunnel->process, (uv_handle_t *)&tunnel->input,
                                    (uv_handle_t *)&tunnel->output, (uv_handle_t *)&tunnel->errors};
    for (size_t i = 0; i < ARRAY_SIZE(handles); i++) {
        if (!uv_is_closing(handles[i])) {
            uv_close(handles[i], ssh_on_closed);
        }
    }
}

static void
say_changed(struct tunnel *tunnel)
{
    tunnel->setup.sink.tick(tunnel->setup.sink.context);
}

/* The run is over; `next` says what comes. */
static void
conclude(struct tunnel *tunnel, enum phase next)
{
    bool steady = clock_mono_ns() - tunnel->started_ns > STEADY_NS;
    enum log_level level = tunnel->phase == SERVING ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO;
    log_write(level, "%s: %s", tunnel->options->target, tunnel->why);
    tunnel->phase = next;
    tunnel->retry_ns = 0;
    if (next == WAITING) {
        int64_t delay = steady ? RETRY_FIRST_NS : tunnel->back_off_ns;
        tunnel->back_off_ns = MIN(delay * 2, RETRY_LONGEST_NS);
        tunnel->retry_ns = clock_mono_ns() + delay;
        start_timer(tunnel, delay);
    }
    say_changed(tunnel);
}

static void
conclude_copy(struct tunnel *tunnel, int64_t code)
{
    char why[200] = "", said[160];
    link_answer *answer = tunnel->answer;
    tunnel->answer = NULL;
    if (code == 0) {
        log_info("%s: copied %s there", tunnel->options->target, tunnel->program);
        tunnel->phase = WAITING;
        start_timer(tunnel, 0);
    } else {
        ssh_last_line(tunnel, said, sizeof(said));
        snprintf(why, sizeof(why), "it does not run there: %s",
                 said[0] != '\0' ? said : "ssh failed");
        snprintf(tunnel->why, sizeof(tunnel->why), "the copy of flametop does not run on %s: %s",
                 tunnel->destination, said);
        conclude(tunnel, REFUSED);
    }
    answer(tunnel->answer_context, why);
}

static void
take_errors(struct tunnel *tunnel, const char *bytes, size_t n)
{
    if (n > SAID_BYTES / 2) {
        bytes += n - SAID_BYTES / 2;
        n = SAID_BYTES / 2;
    }
    if (tunnel->said_n + n > SAID_BYTES) { /* the newest half stays */
        size_t kept = SAID_BYTES / 2;
        memmove(tunnel->said, tunnel->said + tunnel->said_n - kept, kept);
        tunnel->said_n = kept;
    }
    memcpy(tunnel->said + tunnel->said_n, bytes, n);
    tunnel->said_n += n;
}

/* What it wrote before it ended is in the pipe. */
static void
drain_errors(struct tunnel *tunnel)
{
    char bytes[1024];
    uv_os_fd_t fd;
    ssize_t n;
    if (uv_fileno((uv_handle_t *)&tunnel->errors, &fd) != 0) {
        return;
    }
    for (int i = 0; i < 64 && (n = read(fd, bytes, sizeof(bytes))) > 0; i++) {
        take_errors(tunnel, bytes, (size_t)n);
    }
}

static void
on_ended(uv_process_t *process, int64_t code, int signal_number)
{
    struct tunnel *tunnel = process->data;
    drain_errors(tunnel);
    close_run(tunnel);
    if (tunnel->closing) {
        return;
    }
    if (tunnel->phase == COPYING) {
        conclude_copy(tunnel, signal_number != 0 ? -1 : code);
    } else if (tunnel->useless) {
        conclude(tunnel, REFUSED);
    } else if (signal_number != 0) {
        snprintf(tunnel->why, sizeof(tunnel->why), "ssh was ended by signal %d", signal_number);
        conclude(tunnel, WAITING);
    } else {
        conclude(tunnel, code == 255 ? ssh_explain(tunnel) : ssh_explain_program(tunnel, code));
    }
}

static void
on_serving(struct tunnel *tunnel)
{
    tunnel->phase = SERVING;
    if (tunnel->inner != NULL) {
        link_endpoint.retry(tunnel->inner);
        return;
    }
    struct link_setup inner = tunnel->setup;
    inner.options = &tunnel->inner_options;
    if (link_endpoint.open(&inner, &tunnel->inner, tunnel->why, sizeof(tunnel->why)) < 0) {
        tunnel->inner = NULL;
        tunnel->useless = true;
        uv_process_kill(&tunnel->process, SIGTERM);
        return;
    }
    if (tunnel->interested) {
        link_endpoint.interest(tunnel->inner, &tunnel->interest);
    }
}

static void
on_room(uv_handle_t *handle, size_t wanted, uv_buf_t *ret)
{
    struct tunnel *tunnel = handle->data;
    (void)wanted;
    *ret = uv_buf_init(tunnel->room, sizeof(tunnel->room));
}

static void
on_errors(uv_stream_t *stream, ssize_t n, const uv_buf_t *bytes)
{
    if (n > 0) {
        take_errors(stream->data, bytes->base, (size_t)n);
    } else if (n < 0) {
        uv_read_stop(stream);
    }
}

/* Only the beginnings of lines count; shells may say things before. */
static void
on_output(uv_stream_t *stream, ssize_t n, const uv_buf_t *bytes)
{
    struct tunnel *tunnel = stream->data;
    for (ssize_t i = 0; i < n; i++) {
        char c = bytes->base[i];
        if (c == '\n') {
            bool is_word = tunnel->line_n >= sizeof(serves) - 1 &&
                           memcmp(tunnel->line, serves, sizeof(serves) - 1) == 0;
            tunnel->line_n = 0;
            if (is_word && tunnel->phase == STARTING) {
                on_serving(tunnel);
            }
        } else if (tunnel->line_n < sizeof(tunnel->line)) {
            tunnel->line[tunnel->line_n++] = c;
        }
    }
    if (n < 0) {
        uv_read_stop(stream);
    }
}

/* Answers how many there are. */
static size_t
common_arguments(struct tunnel *tunnel, const char *arguments[ARGUMENTS_MAX])
{
    static const char *const fixed[] = {
        "ssh", "-T", "-x", "-a", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10",
        /* a link that is dead is known to be after 15 s */
        "-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3",
        /* a shared connection would keep our socket when we have gone */
        "-o", "ControlMaster=no", "-o", "ControlPath=none", "-o", "RemoteCommand=none", "-o",
        "PermitLocalCommand=no", "-o", "LogLevel=ERROR"};
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_SIZE(fixed); i++) {
        arguments[n++] = fixed[i];
    }
    if (tunnel->port[0] != '\0') {
        arguments[n++] = "-p";
        arguments[n++] = tunnel->port;
    }
    return n;
}

/* `from`: a descriptor for its input; -1: a pipe that stays open until we close it or end. */
static void
run(struct tunnel *tunnel, const char *const *arguments, int from)
{
    uv_pipe_t *const pipes[] = {&tunnel->input, &tunnel->output, &tunnel->errors};
    for (size_t i = 0; i < ARRAY_SIZE(pipes); i++) {
        uv_pipe_init(tunnel->setup.loop, pipes[i], 0);
        pipes[i]->data = tunnel;
    }
    uv_stdio_flags ours = (uv_stdio_flags)(UV_CREATE_PIPE | UV_READABLE_PIPE);
    uv_stdio_flags theirs = (uv_stdio_flags)(UV_CREATE_PIPE | UV_WRITABLE_PIPE);
    uv_stdio_container_t stdio[3] = {
        {.flags = ours, .data.stream = (uv_stream_t *)&tunnel->input},
        {.flags = theirs, .data.stream = (uv_stream_t *)&tunnel->output},
        {.flags = theirs, .data.stream = (uv_stream_t *)&tunnel->errors}};
    if (from >= 0) {
        stdio[0] = (uv_stdio_container_t){.flags = UV_INHERIT_FD, .data.fd = from};
    }
    uv_process_options_t options = {.file = "ssh",
                                    .args = (char **)(uintptr_t)arguments,
                                    .flags = UV_PROCESS_DETACHED,
                                    .exit_cb = on_ended,
                                    .stdio = stdio,
                                    .stdio_count = 3};
    tunnel->said_n = tunnel->line_n = 0;
    tunnel->useless = false;
    tunnel->retry_ns = 0;
    tunnel->why[0] = tunnel->offer[0] = '\0';
    tunnel->started_ns = clock_mono_ns();
    tunnel->process.data = tunnel;
    tunnel->open = 4;
    int error = uv_spawn(tunnel->setup.loop, &tunnel->process, &options);
    if (error != 0) {
        snprintf(tunnel->why, sizeof(tunnel->why), "ssh does not start: %s",
                 error == UV_ENOENT ? "it is not installed (apt install openssh-client)"
                                    : uv_strerror(error));
        close_run(tunnel);
        return;
    }
    uv_read_start((uv_stream_t *)&tunnel->output, on_room, on_output);
    uv_read_start((uv_stream_t *)&tunnel->errors, on_room, on_errors);
}

/* Any login shell understands the outer line; what a shell says on its way is not in it. */
void
ssh_start(struct tunnel *tunnel)
{
    char forward[PATH_MAX], command[COMMAND_BYTES];
    const char *arguments[ARGUMENTS_MAX] = {NULL}, *there = tunnel->remote;
    if (tunnel->phase == STARTING || tunnel->phase == SERVING || tunnel->phase == COPYING) {
        return;
    }
    if (tunnel->open > 0) { /* the last run is still being cleaned up */
        start_timer(tunnel, HANDLES_CLOSED_MS * NS_PER_MS);
        return;
    }
    snprintf(forward, sizeof(forward), "%s/agent.sock:%s/agent.sock", tunnel->folder, there);
    snprintf(command, sizeof(command),
             "exec sh -c 'umask 077; PATH=\"$PATH:$HOME/.local/bin:/usr/local/bin\"; "
             "command -v flametop >/dev/null || exit 127; mkdir %s || exit 73; "
             "flametop agent --listen none --unix %s/agent.sock --until-eof; "
             "s=$?; rm -rf %s; exit $s'",
             there, there, there);
    size_t n = common_arguments(tunnel, arguments);
    arguments[n++] = "-o";
    arguments[n++] = "StreamLocalBindUnlink=yes";
    arguments[n++] = "-L";
    arguments[n++] = forward;
    arguments[n++] = "--";
    arguments[n++] = tunnel->destination;
    arguments[n++] = command;
    tunnel->phase = STARTING;
    run(tunnel, arguments, -1);
    if (tunnel->why[0] != '\0') {
        conclude(tunnel, REFUSED);
    }
}

/* It takes its place only when it runs there. */
void
ssh_start_copy(struct tunnel *tunnel, void *context, link_answer *answer)
{
    static const char command[] =
        "exec sh -c 'umask 022; d=\"$HOME/.local/bin\"; f=\"$d/.flametop.$$\"; "
        "mkdir -p \"$d\" && cat >\"$f\" && chmod 755 \"$f\" && \"$f\" --version | grep -q "
        "^flametop && "
        "mv -f \"$f\" \"$d/flametop\"; s=$?; rm -f \"$f\"; exit $s'";
    const char *arguments[ARGUMENTS_MAX] = {NULL};
    int fd = tunnel->open == 0 ? open(tunnel->program, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) {
        answer(context, tunnel->open > 0 ? "not yet: once more" : strerror(errno));
        return;
    }
    size_t n = common_arguments(tunnel, arguments);
    arguments[n++] = "--";
    arguments[n++] = tunnel->destination;
    arguments[n++] = command;
    tunnel->answer = answer;
    tunnel->answer_context = context;
    tunnel->phase = COPYING;
    run(tunnel, arguments, fd);
    close(fd);
    if (tunnel->why[0] != '\0') {
        conclude_copy(tunnel, -1);
    } else {
        say_changed(tunnel);
    }
}
