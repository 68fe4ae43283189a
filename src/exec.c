/* A service and the monitor on it. The service has a process group of its own and no terminal: what
 * it prints goes to a file. When the monitor is left it is asked to end, and ended when it does
 * not.
 */
#include "exec.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "flametop/base/clock.h"
#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "flametop/receivers/receive.h"
#include "monitor.h"

#define HTTP_PORT 4318
#define STATSD_PORT 8125
#define PATIENCE_NS (10 * NS_PER_S) /* for the service to end once it is asked to */
#define PATH_BYTES 256

struct service {
    char *const *arguments;
    char name[64]; /* cleaned */
    char output[PATH_BYTES];
    int output_fd;
    unsigned http_port, statsd_port;
    pid_t pid;
};

/* ---- where it sends ---- */

/* The usual port, or any free one when somebody has that: several services can be started so. */
static unsigned
free_port(unsigned usual, int type)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)usual)};
    socklen_t n = sizeof(address);
    int one = 1, fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    unsigned port = usual;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0) {
        return usual;
    }
    if (type == SOCK_STREAM) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    }
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        address.sin_port = 0;
        if (bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
            getsockname(fd, (struct sockaddr *)&address, &n) == 0) {
            port = ntohs(address.sin_port);
        }
    }
    close(fd);
    return port;
}

static bool
choose_ports(struct cli *cli, struct service *service)
{
    char listen[64];
    struct buf errors;
    size_t count;
    config_list(cli->config, "receive.listen", &count);
    if (count > 0) { /* chosen by the user: the usual ports are expected there */
        service->http_port = HTTP_PORT;
        service->statsd_port = STATSD_PORT;
        return true;
    }
    service->http_port = free_port(HTTP_PORT, SOCK_STREAM);
    service->statsd_port = free_port(STATSD_PORT, SOCK_DGRAM);
    snprintf(listen, sizeof(listen), "%u,udp:%u", service->http_port, service->statsd_port);
    buf_init(&errors, 1024);
    bool good = config_set(cli->config, "receive.listen", listen, "exec", &errors);
    buf_done(&errors);
    return good;
}

/* What a service would rather obey than the variables that are set. */
static const char *const unset[] = {
    "OTEL_SDK_DISABLED",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
    "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL",
    "OTEL_EXPORTER_OTLP_CERTIFICATE",
    "OTEL_EXPORTER_OTLP_HEADERS",
};

static void
set_variables(const struct service *service)
{
    char endpoint[64], zipkin[80], statsd[16];
    snprintf(endpoint, sizeof(endpoint), "http://127.0.0.1:%u", service->http_port);
    snprintf(zipkin, sizeof(zipkin), "%s/api/v2/spans", endpoint);
    snprintf(statsd, sizeof(statsd), "%u", service->statsd_port);
    const struct {
        const char *name, *value;
        bool keep; /* what is set already stays */
    } variables[] = {
        {"OTEL_EXPORTER_OTLP_ENDPOINT", endpoint, false},
        {"OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf", false},
        {"OTEL_TRACES_EXPORTER", "otlp", false},
        {"OTEL_METRICS_EXPORTER", "otlp", false},
        {"OTEL_LOGS_EXPORTER", "none", false}, /* there is nobody who takes them */
        {"OTEL_SERVICE_NAME", service->name, true},
        {"OTEL_BSP_SCHEDULE_DELAY", "500", true},      /* ms: seen while it is remembered */
        {"OTEL_METRIC_EXPORT_INTERVAL", "5000", true}, /* ms; a minute is the default */
        {"OTEL_EXPORTER_ZIPKIN_ENDPOINT", zipkin, false},
        {"STATSD_HOST", "127.0.0.1", false},
        {"STATSD_PORT", statsd, false},
        {"DD_AGENT_HOST", "127.0.0.1", false},
        {"DD_DOGSTATSD_PORT", statsd, false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(unset); i++) {
        unsetenv(unset[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
        setenv(variables[i].name, variables[i].value, !variables[i].keep);
    }
}

/* ---- the process ---- */

static bool
open_output(struct service *service)
{
    const char *folder = getenv("TMPDIR");
    folder =
        folder != NULL && folder[0] == '/' && strlen(folder) < PATH_BYTES / 2 ? folder : "/tmp";
    snprintf(service->output, sizeof(service->output), "%s/flametop-%s-XXXXXX", folder,
             service->name);
    service->output_fd = mkostemp(service->output, O_APPEND | O_CLOEXEC);
    if (service->output_fd < 0) {
        cli_complain("exec: %s: %s", service->output, strerror(errno));
    }
    return service->output_fd >= 0;
}

/* In the child; `told` takes the error when the command does not start. */
static void
become(const struct service *service, pid_t parent, int told)
{
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* nobody would end it when the monitor is killed */
    if (getppid() == parent && nothing >= 0) {
        dup2(nothing, STDIN_FILENO);
        dup2(service->output_fd, STDOUT_FILENO);
        dup2(service->output_fd, STDERR_FILENO);
        set_variables(service);
        execvp(service->arguments[0], service->arguments);
    }
    int error = errno;
    if (write(told, &error, sizeof(error)) < 0) {
        _exit(126);
    }
    _exit(127);
}

static bool
start(struct service *service)
{
    int told[2], error = 0;
    pid_t parent = getpid();
    if (pipe2(told, O_CLOEXEC) != 0) {
        cli_complain("exec: %s", strerror(errno));
        return false;
    }
    service->pid = fork();
    if (service->pid == 0) {
        become(service, parent, told[1]);
    }
    close(told[1]);
    ssize_t n = service->pid > 0 ? read(told[0], &error, sizeof(error)) : -1;
    close(told[0]);
    if (n != 0) {
        cli_complain("exec: %s: %s", service->name, strerror(n > 0 ? error : errno));
        unlink(service->output);
        return false;
    }
    setpgid(service->pid, service->pid);
    return true;
}

/* False when it does not end in time. */
static bool
wait_for(const struct service *service, int64_t patience_ns, int *ret_status)
{
    int64_t until_ns = clock_mono_ns() + patience_ns;
    while (waitpid(service->pid, ret_status, WNOHANG) == 0) {
        if (clock_mono_ns() > until_ns) {
            return false;
        }
        usleep(20000);
    }
    return true;
}

/* Its code; 128 and the signal when it was ended by one. */
static int
code_of(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Asks it, and those it started, to end. */
static int
finish(const struct service *service)
{
    int status = 0;
    if (wait_for(service, 0, &status)) {
        int code = code_of(status);
        cli_complain("%s ended with %d; its output is in %s", service->name, code, service->output);
        return code;
    }
    kill(-service->pid, SIGTERM);
    if (!wait_for(service, PATIENCE_NS, &status)) {
        cli_complain("%s did not end within 10 s and was killed", service->name);
        kill(-service->pid, SIGKILL);
        waitpid(service->pid, &status, 0);
    }
    cli_complain("%s was ended; its output is in %s", service->name, service->output);
    return EXIT_DONE;
}

int
exec_run(struct cli *cli)
{
    struct service service = {.arguments = (char *const *)cli->line.arguments, .output_fd = -1};
    const char *slash = strrchr(service.arguments[0], '/');
    utf8_clean(str_from(slash != NULL ? slash + 1 : service.arguments[0]), service.name,
               sizeof(service.name));
    if (!isatty(STDOUT_FILENO)) {
        cli_complain("exec opens the monitor: standard output is no terminal");
        return EXIT_USAGE;
    }
    if (!choose_ports(cli, &service) || !open_output(&service)) {
        return EXIT_FAILED;
    }
    bool started = start(&service);
    close(service.output_fd);
    if (!started) {
        return EXIT_FAILED;
    }
    struct receive_child child = {service.pid, service.name, service.output};
    cli->child = &child;
    struct cli monitor = *cli;
    if (monitor.notice[0] == '\0') {
        snprintf(monitor.notice, sizeof(monitor.notice), "%s is process %d; it prints to %s",
                 service.name, (int)service.pid, service.output);
    }
    monitor.line.command = &subcommand_table[0];
    monitor.line.argument_count = 0;
    int code = monitor_run(&monitor);
    int ended = finish(&service);
    return code != EXIT_DONE ? code : ended;
}
