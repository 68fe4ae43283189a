/* The agent. Everything runs in the main thread, on the engine's loop: collecting, the interface,
 * signals. */
#include "serve.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "flametop/agent/agent.h"
#include "flametop/base/file.h"
#include "flametop/base/log.h"
#include "flametop/base/macros.h"
#include "flametop/engine/engine.h"
#include "flametop/receivers/receive.h"
#include "flametop/sources/table.h"
#include "machine.h"
#include "notify.h"
#include "targets.h"

#define FILES_MAX 65536
#define HOSTS_MAX 64
#define HOST_BYTES 256
#define TOKEN_BYTES_MIN 16
#define TOKEN_BYTES 512
#define UNIX_BYTES 108 /* what a socket's address takes */
#define MEMORY "64MiB"

/* The options are the agent's as long as it serves; tokens and hosts change with a reload. */
struct serve {
    struct cli *cli;
    struct config *first; /* the configuration that names and paths point into */
    struct engine *engine;
    struct agent_options options;
    struct targets targets;                                         /* one: what is watched */
    char token[2][TOKEN_BYTES], change_token[2][TOKEN_BYTES];       /* in use, and read anew */
    char given_token[TOKEN_BYTES], given_change_token[TOKEN_BYTES]; /* by the environment */
    const char *hosts[2][HOSTS_MAX];
    char host_texts[2][HOSTS_MAX][HOST_BYTES]; /* configurations come and go */
    unsigned which;
    char unix_path[UNIX_BYTES];
    uv_signal_t signals[3];
    uv_poll_t input;
    bool watches_input;
    bool failed;     /* it ends by itself */
    int input_flags; /* of standard input, which others may have open as well */
};

/* One sentence: for the terminal at first, for the log while it serves. */
static void PRINTF_LIKE(2, 3) complain(const struct serve *serve, const char *format, ...)
{
    char sentence[600];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    if (serve->engine != NULL) {
        log_error("%s", sentence);
    } else {
        cli_complain("%s", sentence);
    }
}

/* ---- what the options need ---- */

/* From a file, else what the environment gave; "" when there is none. False and a sentence. */
static bool
read_token(const struct serve *serve, const char *option, const char *fallback,
           char dst[TOKEN_BYTES])
{
    const char *path = config_text(serve->cli->config, option);
    char *data = NULL;
    str_copy(str_from(path[0] == '\0' ? fallback : ""), dst, TOKEN_BYTES);
    if (path[0] == '\0') {
        return true;
    }
    struct stat info;
    ssize_t n = file_load(path, TOKEN_BYTES - 1, &data);
    if (n < 0) {
        complain(serve, "%s %s: %s", option, path, strerror((int)-n));
        return false;
    }
    str_copy(str_trim(str_from(data)), dst, TOKEN_BYTES);
    explicit_bzero(data, (size_t)n);
    free(data);
    if (dst[0] == '\0') {
        complain(serve, "%s %s: there is no token in it", option, path);
        return false;
    }
    if (stat(path, &info) == 0 && (info.st_mode & 077) != 0) {
        log_warning("%s %s can be read by others: chmod 600 it", option, path);
    }
    return true;
}

static const char *
given(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

/* `needed`: there was one until now, and no reload may open the door. */
static bool
token_right(const struct serve *serve, const char *token, bool needed)
{
    size_t n = strlen(token);
    if (n == 0 ? needed : n < TOKEN_BYTES_MIN) {
        complain(serve, "a token has at least %d characters", TOKEN_BYTES_MIN);
        return false;
    }
    return true;
}

/* Tokens and hosts, into the half that is not in use. False: nothing has changed. */
static bool
read_access(struct serve *serve)
{
    unsigned next = 1 - serve->which;
    const struct cli *cli = serve->cli;
    if (!read_token(serve, "attach.token_file", serve->given_token, serve->token[next]) ||
        !read_token(serve, "attach.change_token_file", serve->given_change_token,
                    serve->change_token[next])) {
        return false;
    }
    if (!token_right(serve, serve->token[next], serve->options.token != NULL) ||
        !token_right(serve, serve->change_token[next], false)) {
        return false;
    }
    size_t count, n = 0;
    const char *const *names = config_list(cli->config, "agent.hosts", &count);
    gethostname(serve->host_texts[next][n++], HOST_BYTES - 1); /* no foreign page has this name */
    for (size_t i = 0; i < count && n < HOSTS_MAX; i++) {
        str_copy(str_from(names[i]), serve->host_texts[next][n++], HOST_BYTES);
    }
    for (size_t i = 0; i < n; i++) {
        serve->hosts[next][i] = serve->host_texts[next][i];
    }
    serve->which = next;
    serve->options.token = given(serve->token[next]);
    serve->options.change_token = given(serve->change_token[next]);
    serve->options.hosts = serve->hosts[next];
    serve->options.host_count = n;
    return true;
}

/* Where the unix socket is by default: the manager's folder, the user's, or root's own. Who comes
 * there means this machine: what watches something else has none. */
static void
default_unix(char *dst, size_t size)
{
    const char *manager = getenv("RUNTIME_DIRECTORY"), *user = getenv("XDG_RUNTIME_DIR");
    if (manager != NULL && manager[0] == '/') {
        snprintf(dst, size, "%s/agent.sock", manager);
    } else if (geteuid() == 0) {
        mkdir("/run/flametop", 0755);
        snprintf(dst, size, "/run/flametop/agent.sock");
    } else if (user != NULL && user[0] == '/') {
        snprintf(dst, size, "%s/flametop.sock", user);
    } else {
        dst[0] = '\0';
    }
}

/* Settings as they are, but paths to secrets: they are nobody's business. */
static void
write_config(void *context, struct json *json)
{
    const struct serve *serve = context;
    for (size_t i = 0; i < option_table_count; i++) {
        const struct option *option = &option_table[i];
        const char *name = option->name;
        if (strncmp(name, "attach.", 7) == 0 || strncmp(name, "agent.", 6) == 0) {
            continue;
        }
        json_key(json, name);
        if (option->type == OPTION_TEXT || option->type == OPTION_CHOICE) {
            json_text(json, config_text(serve->cli->config, name));
        } else if (option->type == OPTION_BOOL) {
            json_bool(json, config_bool(serve->cli->config, name));
        } else if (option->type == OPTION_DURATION) {
            json_double(json, (double)config_integer(serve->cli->config, name) / 1e9);
        } else if (option->type == OPTION_LIST) {
            size_t count;
            const char *const *items = config_list(serve->cli->config, name, &count);
            json_array(json);
            for (size_t k = 0; k < count; k++) {
                json_text(json, items[k]);
            }
            json_array_end(json);
        } else {
            json_int(json, config_integer(serve->cli->config, name));
        }
    }
}

static bool
make_options(struct serve *serve)
{
    const struct config *config = serve->cli->config;
    struct agent_options *options = &serve->options;
    const char *path = config_text(config, "agent.unix");
    options->listen = config_list(config, "agent.listen", &options->listen_count);
    if (options->listen_count == 1 && strcmp(options->listen[0], "none") == 0) {
        options->listen_count = 0;
    }
    if (strlen(path) >= sizeof(serve->unix_path)) {
        cli_complain("agent.unix %s: the path of a socket has at most %d bytes", path,
                     UNIX_BYTES - 1);
        return false;
    }
    if (path[0] == '\0' && serve->targets.list[0].kind == TARGET_LOCAL) {
        default_unix(serve->unix_path, sizeof(serve->unix_path));
    } else if (strcmp(path, "none") != 0) {
        str_copy(str_from(path), serve->unix_path, sizeof(serve->unix_path));
    }
    options->unix_path = given(serve->unix_path);
    options->cert_file = given(config_text(config, "agent.tls_cert"));
    options->key_file = given(config_text(config, "agent.tls_key"));
    options->insecure_no_tls = config_bool(config, "agent.insecure_no_tls");
    options->connections_max = (unsigned)config_integer(config, "agent.connections");
    options->timeout_ns = config_integer(config, "agent.timeout");
    options->heartbeat_ns = config_integer(config, "ws.heartbeat");
    options->roots.proc = config_text(config, "roots.proc");
    options->roots.sys = config_text(config, "roots.sys");
    options->write_config = write_config;
    options->context = serve;
    return read_access(serve);
}

/* ---- the service manager, an exporter: what it hears is that pictures come ---- */

static int
manager_open(const struct exporter_setup *setup, void **ret_state, char *why, size_t why_size)
{
    (void)why;
    (void)why_size;
    *ret_state = (void *)(uintptr_t)setup->options;
    return 0;
}

/* The clock of an agent is another machine's, and what comes of it is not ours to tell again. */
static void
refuse_agent(struct serve *serve, const struct link_status *link)
{
    if (link != NULL && link->agent && !serve->failed) {
        complain(serve, "%s is an agent already: attach to it with flametop %s", link->target,
                 link->target);
        serve->failed = true;
        engine_end(serve->engine);
    }
}

static void
manager_picture(void *state, struct picture *picture)
{
    refuse_agent(state, picture->link);
    notify(picture->number == 1 ? "READY=1\nWATCHDOG=1" : "WATCHDOG=1");
}

static void
manager_close(void *state)
{
    (void)state;
}

static const struct exporter exporter_manager = {
    .name = "manager",
    .text = "Tells the service manager that pictures come.",
    .open = manager_open,
    .picture = manager_picture,
    .close = manager_close,
};

/* Whether the log tells all that somebody later may want to know: where it served, what was asked
 * of it, why it stopped. A terminal is told where, and who started it over ssh waits for that. */
static bool
logs_all(const struct config *config)
{
    return !config_bool(config, "agent.until_eof") &&
           (!isatty(STDERR_FILENO) || config_text(config, "log.file")[0] != '\0');
}

/* What is another by default than in a monitor. */
static void
own_defaults(struct config *config)
{
    const struct {
        const char *name, *value;
    } options[] = {{"history.bytes", MEMORY},
                   {"traces.bytes", MEMORY},
                   {"log.level", logs_all(config) ? "info" : "warning"}};
    struct buf errors;
    buf_init(&errors, 1024);
    for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
        if (strcmp(config_origin(config, options[i].name), "default") == 0) {
            config_set(config, options[i].name, options[i].value, "default of the agent", &errors);
        }
    }
    buf_done(&errors);
}

/* ---- signals ---- */

static bool
reload_config(struct cli *cli)
{
    if (!cli_reload(cli)) {
        return false;
    }
    own_defaults(cli->config);
    return true;
}

static void
reload(struct serve *serve)
{
    struct config *before = serve->cli->config;
    notify_reloading();
    if (!reload_config(serve->cli)) {
        log_error("reload: the configuration is wrong, the old one stays");
    } else if (!read_access(serve)) {
        struct config *refused = serve->cli->config;
        serve->cli->config = before;
        config_apply(before, serve->cli->catalog);
        config_free(refused);
        log_error("reload: a token cannot be read, the old configuration stays");
    } else {
        struct message interval = {.type = MESSAGE_INTERVAL,
                                   .interval_ns = config_integer(serve->cli->config, "interval")};
        struct message retry = {.type = MESSAGE_RETRY}; /* what was set right may be a cookie */
        engine_send(serve->engine, &interval);
        engine_send(serve->engine, &retry);
        log_set_level((enum log_level)config_integer(serve->cli->config, "log.level"));
        log_info("reload: done; where the agent listens changes with a restart only");
        if (before != serve->first) {
            config_free(before);
        }
    }
    notify("READY=1");
}

static void
on_signal(uv_signal_t *handle, int number)
{
    struct serve *serve = handle->data;
    if (number == SIGHUP) {
        reload(serve);
    } else {
        log_info("stopping: %s", strsignal(number));
        engine_end(serve->engine);
    }
}

/* Standard input has ended: whoever started this over ssh has gone. */
static void
on_input(uv_poll_t *poll, int status, int events)
{
    struct serve *serve = poll->data;
    char bytes[512];
    (void)events;
    ssize_t n = status < 0 ? 0 : read(STDIN_FILENO, bytes, sizeof(bytes));
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        uv_poll_stop(poll);
        engine_end(serve->engine);
    }
}

/* What cannot be waited for is a file or /dev/null: it has ended as soon as it was read. */
static void
watch_input(struct serve *serve, uv_loop_t *loop)
{
    serve->input_flags = fcntl(STDIN_FILENO, F_GETFL);
    serve->watches_input = uv_poll_init(loop, &serve->input, STDIN_FILENO) == 0;
    serve->input.data = serve;
    if (!serve->watches_input ||
        uv_poll_start(&serve->input, UV_READABLE | UV_DISCONNECT, on_input) != 0) {
        log_warning("stopping: standard input has ended already");
        raise(SIGTERM);
    }
}

static void
watch(struct serve *serve)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    uv_loop_t *loop = engine_loop(serve->engine);
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        uv_signal_init(loop, &serve->signals[i]);
        serve->signals[i].data = serve;
        uv_signal_start(&serve->signals[i], on_signal, numbers[i]);
    }
    if (config_bool(serve->cli->config, "agent.until_eof")) {
        watch_input(serve, loop);
    }
}

static void
unwatch(struct serve *serve)
{
    for (size_t i = 0; i < ARRAY_SIZE(serve->signals); i++) {
        uv_close((uv_handle_t *)&serve->signals[i], NULL);
    }
    if (serve->watches_input) {
        uv_close((uv_handle_t *)&serve->input, NULL);
        fcntl(STDIN_FILENO, F_SETFL, serve->input_flags);
    }
}

/* ---- all of it ---- */

static void
raise_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = MIN(limit.rlim_max, (rlim_t)FILES_MAX);
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* One engine watches one target. What is an agent already has no need of one. */
static bool
find_target(struct serve *serve)
{
    const struct target *target = NULL;
    if (!targets_init(&serve->targets, serve->cli)) {
        return false;
    }
    target = &serve->targets.list[0];
    if (serve->targets.count == 1 && target->kind != TARGET_FILE && target->kind != TARGET_SSH) {
        return true;
    }
    cli_complain(serve->targets.count > 1
                     ? "an agent watches one target: start one for each of these, and look at all "
                       "of them with flametop AGENT AGENT..."
                 : target->kind == TARGET_SSH
                     ? "ssh:// starts an agent at the other end: attach to it with flametop %s"
                     : "%s is a file: an agent watches what goes on",
                 target->shown);
    return false;
}

static struct engine *
make_engine(struct serve *serve)
{
    static const struct exporter *const exporters[] = {&exporter_agent, &exporter_manager};
    const void *const exporter_options[] = {&serve->options, serve};
    char why[400] = "";
    struct engine_options options;
    struct engine *engine = NULL;
    if (targets_engine_options(&serve->targets, serve->cli, &serve->targets.list[0], &options, why,
                               sizeof(why))) {
        options.exporters = exporters;
        options.exporter_options = exporter_options;
        options.exporter_count = ARRAY_SIZE(exporters);
        engine = engine_new(&options, why, sizeof(why));
    }
    if (engine == NULL) {
        cli_complain("%s", why);
    }
    return engine;
}

static void
tell_where(const struct serve *serve)
{
    struct buf where;
    buf_init(&where, 4096);
    for (size_t i = 0; i < serve->options.listen_count; i++) {
        buf_printf(&where, " %s://%s", serve->options.cert_file != NULL ? "https" : "http",
                   serve->options.listen[i]);
    }
    if (serve->options.unix_path != NULL) {
        buf_printf(&where, " unix:%s", serve->options.unix_path);
    }
    log_info("serving%s", where.n > 0 ? where.data : "");
    if (config_bool(serve->cli->config, "agent.until_eof")) { /* who started it waits for this */
        printf("flametop agent: serving%s\n", where.n > 0 ? where.data : "");
        fflush(stdout);
    } else if (isatty(STDERR_FILENO)) {
        fprintf(stderr, "flametop agent: serving%s\n", where.n > 0 ? where.data : "");
    }
    buf_done(&where);
}

int
serve_run(struct cli *cli)
{
    struct serve *serve = calloc(1, sizeof(*serve));
    int code = EXIT_FAILED;
    if (serve == NULL) {
        cli_complain("out of memory");
        return code;
    }
    serve->cli = cli;
    serve->first = cli->config;
    cli_take_secret("FLAMETOP_TOKEN", serve->given_token, TOKEN_BYTES);
    cli_take_secret("FLAMETOP_CHANGE_TOKEN", serve->given_change_token, TOKEN_BYTES);
    signal(SIGPIPE, SIG_IGN);
    raise_files();
    own_defaults(cli->config);
    if (!find_target(serve)) {
        code = targets_refusal(&serve->targets);
    } else if (make_options(serve) && (serve->engine = make_engine(serve)) != NULL) {
        log_set_level((enum log_level)config_integer(cli->config, "log.level"));
        watch(serve);
        tell_where(serve);
        engine_run(serve->engine);
        notify("STOPPING=1");
        unwatch(serve);
        engine_free(serve->engine);
        code = serve->failed ? EXIT_FAILED : EXIT_DONE;
    }
    targets_done(&serve->targets);
    if (serve->first != cli->config) {
        config_free(serve->first);
    }
    explicit_bzero(serve, sizeof(*serve));
    free(serve);
    return code;
}
