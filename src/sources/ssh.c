/* The link over ssh.
 *
 * One run of ssh at a time: it starts an agent there that ends with its standard input, and carries
 * a unix socket to it. The agent says on its standard output that it serves; from then on the link
 * to the socket, the inner one, has the word. It is opened at the first such moment and kept: its
 * sources are the collector's.
 *
 * ssh has no terminal to ask or write at: it is the leader of a session without one, runs in batch
 * mode, and what it says becomes our sentence. A configuration that would let it share or leave
 * behind a connection, run another command or ask is overruled.
 *
 * When this program dies, whatever kills it, ssh's input ends; so does the agent's, and then ssh.
 */
#include "flametop/sources/ssh.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "flametop/base/clock.h"
#include "flametop/base/log.h"
#include "flametop/base/macros.h"
#include "flametop/base/str.h"
#include "flametop/base/utf8.h"
#include "flametop/sources/endpoint.h"

#define ARGUMENTS_MAX 40
#define FOLDER "flametop-ssh-"
#define ENTRIES_MAX 10000
#define FRESH_S 60
#define COMMAND_BYTES 700
#define SAID_BYTES 4096
#define HOST_BYTES 300
#define SOCKET_BYTES 100 /* a socket's address has 108, and ssh makes a longer name at first */
#define RETRY_FIRST_NS NS_PER_S
#define RETRY_LONGEST_NS (30 * NS_PER_S)
#define STEADY_NS (10 * NS_PER_S) /* a run that lasted so long was no failure */
#define HANDLES_CLOSED_MS 10

/* What the agent says when it can be asked. */
static const char serves[] = "flametop agent: serving";

enum phase {
    WAITING,  /* for the next try */
    REFUSED,  /* another try would end as this one did */
    STARTING, /* ssh runs */
    SERVING,  /* and the agent there says that it serves */
    COPYING,  /* the program is on its way there */
};

struct tunnel {
    struct link_setup setup;
    const struct endpoint_options *options;
    struct endpoint_options inner_options;
    void *inner; /* state of link_endpoint; NULL until an agent served */
    struct interest interest;
    bool interested;
    char destination[HOST_BYTES], port[8];
    char folder[PATH_MAX / 2], inner_target[PATH_MAX];
    int lock;                         /* of the folder: as long as it is used */
    char remote[64];                  /* folder there */
    char program[PATH_MAX], size[32]; /* what can be copied there */
    enum phase phase;

    uv_process_t process;
    uv_pipe_t input, output, errors;
    uv_timer_t timer;
    bool closing;
    bool useless;  /* the run was ended by us, and why says for what */
    unsigned open; /* handles of one run that are not closed yet */
    int64_t started_ns, retry_ns, back_off_ns;
    char said[SAID_BYTES]; /* on standard error, the newest of it */
    size_t said_n;
    char room[2048];           /* what is being read */
    char line[sizeof(serves)]; /* the beginning of a line of standard output */
    size_t line_n;

    char why[700], offer[160];
    link_answer *answer; /* of the copy */
    void *answer_context;
};

/* ---- what the target says ---- */

static bool
is_of(struct str text, const char *others)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool right = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     (c != '\0' && strchr(others, c) != NULL);
        if (!right) {
            return false;
        }
    }
    return text.n > 0 && text.p[0] != '-';
}

/* "HOST", "HOST:PORT", "[ADDRESS]:PORT", in its two parts. */
static bool
split_port(struct str *host, struct str *ret_port)
{
    const char *bracket = memchr(host->p, ']', host->n);
    *ret_port = (struct str){"", 0};
    struct str after = *host;
    if (str_starts(*host, "[") && bracket != NULL) {
        after = (struct str){bracket + 1, host->n - (size_t)(bracket + 1 - host->p)};
        *host = (struct str){host->p + 1, (size_t)(bracket - host->p) - 1};
        if (after.n > 0 && after.p[0] != ':') {
            return false;
        }
    } else {
        const char *colon = memchr(host->p, ':', host->n);
        after.p = colon != NULL ? colon : host->p + host->n;
        after.n = host->n - (size_t)(after.p - host->p);
        host->n -= after.n;
    }
    if (after.n > 0) {
        *ret_port = (struct str){after.p + 1, after.n - 1};
    }
    return after.n != 1;
}

static bool
is_port(struct str text)
{
    uint64_t number;
    return text.n == 0 ||
           (text.n <= 5 && str_u64(&text, &number) && text.n == 0 && number > 0 && number <= 65535);
}

static bool
parse(struct tunnel *tunnel, const char *target, char *why, size_t why_size)
{
    struct str host = str_from(target + strlen("ssh://")), user = {"", 0}, port;
    char shown[200];
    if (host.n > 0 && host.p[host.n - 1] == '/') {
        host.n--;
    }
    const char *at = memrchr(host.p, '@', host.n);
    if (at != NULL) {
        user = (struct str){host.p, (size_t)(at - host.p)};
        host = (struct str){at + 1, host.n - user.n - 1};
    }
    if (memchr(user.p, ':', user.n) != NULL) {
        snprintf(why, why_size,
                 "a password in a target would be seen by everybody who lists processes: use a "
                 "key, ssh-keygen makes one");
        return false;
    }
    utf8_clean(str_from(target), shown, sizeof(shown));
    if (!split_port(&host, &port) || !is_port(port)) {
        snprintf(why, why_size, "%s: a port is a number from 1 to 65535", shown);
        return false;
    }
    if (!is_of(host, "._-:%") || (at != NULL && !is_of(user, "._-+@")) ||
        user.n + host.n + 2 > sizeof(tunnel->destination)) {
        snprintf(why, why_size,
                 "%s: write ssh://HOST, ssh://USER@HOST or ssh://USER@HOST:PORT, in letters, "
                 "digits and . _ -",
                 shown);
        return false;
    }
    str_copy(port, tunnel->port, sizeof(tunnel->port));
    snprintf(tunnel->destination, sizeof(tunnel->destination), "%.*s%s%.*s", (int)user.n, user.p,
             at != NULL ? "@" : "", (int)host.n, host.p);
    return true;
}

/* ---- the program that can be copied there ---- */

static bool
is_file(const char *path, int64_t *ret_bytes)
{
    struct stat info;
    bool is = path[0] != '\0' && stat(path, &info) == 0 && S_ISREG(info.st_mode);
    *ret_bytes = is ? (int64_t)info.st_size : 0;
    return is;
}

/* One that brings its libraries along (src/portable.sh): the file this one was unpacked from, or
 * beside this one, or where it is installed; else this one. */
static void
find_program(struct tunnel *tunnel)
{
    static const char *const places[] = {"/flametop-portable", "/../lib/flametop/flametop-portable",
                                         NULL};
    const char *unpacked = getenv("PORTABLE_FLAMETOP");
    char own[PATH_MAX / 2], *path = tunnel->program;
    int64_t bytes = 0;
    ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);
    own[MAX(n, 0)] = '\0';
    const char *slash = strrchr(own, '/');
    int folder = slash != NULL ? (int)(slash - own) : 0;
    snprintf(path, PATH_MAX, "%s", unpacked != NULL && unpacked[0] == '/' ? unpacked : "");
    bool found = is_file(path, &bytes);
    for (size_t i = 0; i < ARRAY_SIZE(places) && !found; i++) {
        if (places[i] != NULL) {
            snprintf(path, PATH_MAX, "%.*s%s", folder, own, places[i]);
        } else {
            snprintf(path, PATH_MAX, "%s", own);
        }
        found = is_file(path, &bytes);
    }
    path[found ? strlen(path) : 0] = '\0';
    snprintf(tunnel->size, sizeof(tunnel->size), "%.1f MB", (double)bytes / 1e6);
}

/* ---- why a run ended ---- */

/* What follows "ssh" when somebody types it. */
static const char *
command_words(const struct tunnel *tunnel, char dst[HOST_BYTES + 16])
{
    bool port = tunnel->port[0] != '\0';
    snprintf(dst, HOST_BYTES + 16, "%s%s%s%s", port ? "-p " : "", tunnel->port, port ? " " : "",
             tunnel->destination);
    return dst;
}

static void
say_missing(struct tunnel *tunnel, const char *what)
{
    const char *host = tunnel->destination;
    find_program(tunnel);
    snprintf(tunnel->why, sizeof(tunnel->why), "%s on %s", what, host);
    if (tunnel->program[0] == '\0') {
        return;
    }
    size_t n = strlen(tunnel->why);
    char command[HOST_BYTES + 16];
    snprintf(tunnel->why + n, sizeof(tunnel->why) - n,
             "; to put it there: ssh %s 'mkdir -p .local/bin && cat >.local/bin/flametop && "
             "chmod +x .local/bin/flametop' <%s",
             command_words(tunnel, command), tunnel->program);
    snprintf(tunnel->offer, sizeof(tunnel->offer), "copy flametop (%s) to %.80s, ~/.local/bin?",
             tunnel->size, host);
}

/* What ssh says of itself. `refused`: the next try would end alike. */
static const struct {
    const char *said, *form; /* the form is given the host, then what follows "ssh" */
    bool refused;
} known[] = {
    {"Permission denied",
     "%s does not let us in: ssh has no key that it takes and may not ask for a password; try it "
     "with: ssh %s",
     true},
    {"Too many authentication failures",
     "%s does not let us in: ssh has too many keys and none that it takes; try it with: ssh %s",
     true},
    {"IDENTIFICATION HAS CHANGED",
     "the host key of %s is not the one that ssh knows: somebody may pretend to be it, or it was "
     "installed anew; look at what this says: ssh %s",
     true},
    {"Host key verification failed",
     "ssh does not know the host key of %s: see it once, and compare it, with: ssh %s", true},
    {"Could not resolve hostname", "there is no host called %s", false},
    {"Connection refused", "no ssh server listens at %s", false},
    {"Connection timed out", "%s does not answer", false},
    {"not responding", "%s does not answer any more", false},
    {"Broken pipe", "the connection to %s was cut", false},
    {"closed by remote host", "%s closed the connection", false},
    {"Connection reset", "%s cut the connection", false},
    {"Connection closed", "%s closed the connection", false},
};

/* The last line that was said, cleaned; what the agent there logs is not meant for us. */
static void
last_line(const struct tunnel *tunnel, char *dst, size_t size)
{
    struct str rest = {tunnel->said, tunnel->said_n}, line, last = {"", 0};
    while (str_line(&rest, &line)) {
        line = str_trim(line);
        last = line.n > 0 && !str_starts(line, "time=") ? line : last;
    }
    utf8_clean(last, dst, size);
}

static bool
was_said(const struct tunnel *tunnel, const char *words)
{
    return memmem(tunnel->said, tunnel->said_n, words, strlen(words)) != NULL;
}

/* Of ssh itself: it ends with 255. */
static enum phase
explain_ssh(struct tunnel *tunnel)
{
    char said[200], command[HOST_BYTES + 16];
    command_words(tunnel, command);
    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        if (was_said(tunnel, known[i].said)) {
            snprintf(tunnel->why, sizeof(tunnel->why), known[i].form, tunnel->destination, command);
            return known[i].refused ? REFUSED : WAITING;
        }
    }
    last_line(tunnel, said, sizeof(said));
    snprintf(tunnel->why, sizeof(tunnel->why), "ssh: %s",
             said[0] != '\0' ? said : "it ended without a word");
    return WAITING;
}

/* Of the shell or the program there. */
static enum phase
explain_program(struct tunnel *tunnel, int64_t code)
{
    char said[200];
    last_line(tunnel, said, sizeof(said));
    if (code == 127 && was_said(tunnel, "shared libraries")) {
        say_missing(tunnel, "flametop lacks libraries");
        return REFUSED;
    }
    if (code == 126 || code == 127) {
        say_missing(tunnel, code == 126 ? "no flametop that runs" : "there is no flametop");
        return REFUSED;
    }
    if (said[0] != '\0') {
        snprintf(tunnel->why, sizeof(tunnel->why), "on %s: %s", tunnel->destination, said);
    } else {
        snprintf(tunnel->why, sizeof(tunnel->why), "the agent on %s has ended",
                 tunnel->destination);
    }
    return code == 2 ? REFUSED : WAITING; /* 2: it does not know an option: another version */
}

/* ---- runs of ssh ---- */

static void start(struct tunnel *tunnel);

static void
on_retry(uv_timer_t *timer)
{
    start(timer->data);
}

static void
start_timer(struct tunnel *tunnel, int64_t delay_ns)
{
    uv_update_time(tunnel->setup.loop);
    uv_timer_start(&tunnel->timer, on_retry, (uint64_t)(delay_ns / NS_PER_MS), 0);
}

static void
on_closed(uv_handle_t *handle)
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
            uv_close(handles[i], on_closed);
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
        last_line(tunnel, said, sizeof(said));
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
        conclude(tunnel, code == 255 ? explain_ssh(tunnel) : explain_program(tunnel, code));
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
static void
start(struct tunnel *tunnel)
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
static void
start_copy(struct tunnel *tunnel, void *context, link_answer *answer)
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

/* ---- the link ---- */

/* ssh expands some characters in the path of a socket. */
static const char *
base_folder(void)
{
    const char *base = getenv("XDG_RUNTIME_DIR");
    bool plain = base != NULL && base[0] == '/' &&
                 strlen(base) + strlen("/" FOLDER "XXXXXX/agent.sock") < SOCKET_BYTES &&
                 is_of(str_from(base), "/._-");
    return plain ? base : "/tmp";
}

static void
remove_folder(const char *folder)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/agent.sock", folder);
    unlink(path);
    rmdir(folder);
}

/* The folders of those who were killed: nobody has them locked, and they are not just being made.
 */
static void
sweep(const char *base)
{
    DIR *entries = opendir(base);
    const struct dirent *entry;
    for (int i = 0; entries != NULL && i < ENTRIES_MAX && (entry = readdir(entries)) != NULL; i++) {
        char path[PATH_MAX];
        struct stat info;
        if (strncmp(entry->d_name, FOLDER, strlen(FOLDER)) != 0 ||
            strlen(entry->d_name) != strlen(FOLDER "XXXXXX")) {
            continue;
        }
        snprintf(path, sizeof(path), "%s/%s", base, entry->d_name);
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0 && fstat(fd, &info) == 0 && info.st_uid == geteuid() &&
            time(NULL) - info.st_mtime > FRESH_S && flock(fd, LOCK_EX | LOCK_NB) == 0) {
            remove_folder(path);
        }
        if (fd >= 0) {
            close(fd);
        }
    }
    if (entries != NULL) {
        closedir(entries);
    }
}

static bool
make_folder(struct tunnel *tunnel, char *why, size_t why_size)
{
    const char *base = base_folder();
    uint64_t random[2] = {0};
    snprintf(tunnel->folder, sizeof(tunnel->folder), "%s/" FOLDER "XXXXXX", base);
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
        snprintf(why, why_size, "no random numbers: %s", strerror(errno));
        return false;
    }
    sweep(base);
    if (mkdtemp(tunnel->folder) == NULL ||
        (tunnel->lock = open(tunnel->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 ||
        flock(tunnel->lock, LOCK_EX | LOCK_NB) != 0) {
        snprintf(why, why_size, "cannot make a folder for ssh's socket in %s: %s", base,
                 strerror(errno));
        return false;
    }
    snprintf(tunnel->remote, sizeof(tunnel->remote), "/tmp/flametop-%016llx%016llx",
             (unsigned long long)random[0], (unsigned long long)random[1]);
    snprintf(tunnel->inner_target, sizeof(tunnel->inner_target), "agent+unix:%s/agent.sock",
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
    tunnel->back_off_ns = RETRY_FIRST_NS;
    if (!parse(tunnel, options->target, why, why_size) || !make_folder(tunnel, why, why_size)) {
        free(tunnel);
        return -EINVAL;
    }
    tunnel->inner_options = *options;
    tunnel->inner_options.target = tunnel->inner_target;
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
    if (tunnel->inner != NULL) {
        link_endpoint.status(tunnel->inner, ret_status);
    } else {
        *ret_status = (struct link_status){.kind = ""};
    }
    ret_status->target = tunnel->options->target;
    ret_status->offer = "";
    if (tunnel->phase == SERVING && tunnel->inner != NULL) {
        return;
    }
    bool heard = ret_status->heard_mono_ns != 0;
    ret_status->state = tunnel->phase == REFUSED ? LINK_REFUSED
                        : heard                  ? LINK_LOST
                                                 : LINK_CONNECTING;
    ret_status->retry_mono_ns = tunnel->retry_ns;
    ret_status->why = tunnel->phase == COPYING ? "flametop is being copied there"
                      : tunnel->phase == STARTING || tunnel->why[0] == '\0' ? "ssh is connecting"
                                                                            : tunnel->why;
    ret_status->offer = tunnel->phase == REFUSED ? tunnel->offer : "";
}

static void
ssh_interest(void *state, const struct interest *interest)
{
    struct tunnel *tunnel = state;
    tunnel->interest = *interest;
    tunnel->interested = true;
    if (tunnel->inner != NULL) {
        link_endpoint.interest(tunnel->inner, interest);
    }
}

static void
ssh_interval(void *state, int64_t interval_ns)
{
    struct tunnel *tunnel = state;
    tunnel->setup.interval_ns = interval_ns;
    if (tunnel->inner != NULL) {
        link_endpoint.interval(tunnel->inner, interval_ns);
    }
}

static void
ssh_retry(void *state)
{
    struct tunnel *tunnel = state;
    if (tunnel->phase == SERVING && tunnel->inner != NULL) {
        link_endpoint.retry(tunnel->inner);
        return;
    }
    tunnel->back_off_ns = RETRY_FIRST_NS;
    start(tunnel);
}

static void
ssh_command(void *state, const char *name, const char *arguments, void *context,
            link_answer *answer)
{
    struct tunnel *tunnel = state;
    if (strcmp(name, LINK_ACCEPT) == 0) {
        if (tunnel->phase == REFUSED && tunnel->offer[0] != '\0') {
            start_copy(tunnel, context, answer);
        } else {
            answer(context, "nothing is offered any more");
        }
    } else if (tunnel->inner != NULL) {
        link_endpoint.command(tunnel->inner, name, arguments, context, answer);
    } else {
        answer(context, "there is no connection");
    }
}

static void
ssh_sample(void *state, const struct sampling_wish *wish)
{
    struct tunnel *tunnel = state;
    if (tunnel->inner != NULL) {
        link_endpoint.sample(tunnel->inner, wish);
    }
}

/* Its end closes the agent's input there. */
static void
ssh_close(void *state)
{
    struct tunnel *tunnel = state;
    if (tunnel->inner != NULL) {
        link_endpoint.close(tunnel->inner);
    }
    tunnel->closing = true;
    bool runs = tunnel->phase == STARTING || tunnel->phase == SERVING || tunnel->phase == COPYING;
    if (runs) {
        uv_process_kill(&tunnel->process, SIGTERM);
    }
    tunnel->open++;
    uv_close((uv_handle_t *)&tunnel->timer, on_closed);
    remove_folder(tunnel->folder);
    close(tunnel->lock);
}

const struct link link_ssh = {
    .name = "ssh",
    .open = ssh_open,
    .status = ssh_status,
    .interest = ssh_interest,
    .interval = ssh_interval,
    .retry = ssh_retry,
    .command = ssh_command,
    .sample = ssh_sample,
    .close = ssh_close,
};
