/* /api/v1/commands/{name}: what changes something on this machine. A process is held by a pidfd
 * before its start time is compared, so that the one that was looked at is the one that is meant.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "flametop/base/clock.h"
#include "flametop/base/file.h"
#include "flametop/base/log.h"
#include "flametop/base/macros.h"
#include "parts.h"

#define DONE "{\"done\":true}\n"
#define START_SLACK_S 2 /* ages are told in ticks of 10 ms, and clocks are set */

struct target {
    pid_t pid;
    double start_s; /* since 1970 */
    int fd;         /* pidfd */
};

static const struct {
    const char *name;
    int number;
} signals[] = {{"TERM", SIGTERM}, {"KILL", SIGKILL}, {"INT", SIGINT},   {"HUP", SIGHUP},
               {"QUIT", SIGQUIT}, {"STOP", SIGSTOP}, {"CONT", SIGCONT}, {"USR1", SIGUSR1},
               {"USR2", SIGUSR2}, {"ABRT", SIGABRT}};

/* When the process started, in seconds since 1970; NaN when it is not there. */
static double
start_of(const char *proc, pid_t pid)
{
    char path[256], text[1024];
    uint64_t ticks = 0;
    struct str rest, word;
    snprintf(path, sizeof(path), "%s/%d/stat", proc != NULL ? proc : "/proc", (int)pid);
    ssize_t n = file_read_at(AT_FDCWD, path, text, sizeof(text));
    const char *end = n > 0 ? memrchr(text, ')', (size_t)n) : NULL;
    if (end == NULL) {
        return NAN;
    }
    rest = str_from(end + 1);
    for (int field = 3; field < 22; field++) { /* proc(5): the 22nd is starttime */
        if (!str_word(&rest, &word)) {
            return NAN;
        }
    }
    if (!str_u64(&rest, &ticks)) {
        return NAN;
    }
    struct instant now = clock_now(&clock_system);
    return (double)(now.wall_ns - now.boot_ns) / 1e9 + (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

/* A number of seconds since 1970, or RFC 3339. NaN: neither. */
static double
time_of(const cJSON *value)
{
    struct tm tm = {0};
    if (cJSON_IsNumber(value)) {
        return value->valuedouble;
    }
    const char *text = cJSON_GetStringValue(value);
    const char *end = text != NULL ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;
    return end != NULL && (end[0] == 'Z' || end[0] == '.') ? (double)timegm(&tm) : NAN;
}

/* False: the request is answered. */
static bool
hold(struct agent *agent, const struct http_message *message, const cJSON *arguments,
     struct target *target)
{
    const cJSON *pid = cJSON_GetObjectItemCaseSensitive(arguments, "pid");
    double start_s = time_of(cJSON_GetObjectItemCaseSensitive(arguments, "start"));
    if (!cJSON_IsNumber(pid) || pid->valuedouble < 1 || pid->valuedouble > INT32_MAX ||
        floor(pid->valuedouble) < pid->valuedouble) {
        http_reply_error(message, 400, "pid is the number of a process");
        return false;
    }
    if (isnan(start_s)) {
        http_reply_error(message, 400,
                         "start is when the process started, as 2026-11-21T14:02:31Z or in seconds "
                         "since 1970: numbers of processes are used again");
        return false;
    }
    target->pid = (pid_t)pid->valuedouble;
    target->fd = (int)syscall(SYS_pidfd_open, target->pid, 0);
    double real_s = start_of(agent->options->roots.proc, target->pid);
    if (target->fd < 0 || !(fabs(real_s - start_s) <= START_SLACK_S)) {
        if (target->fd >= 0) {
            close(target->fd);
        }
        http_reply_error(message, 409, "process %d is not the one that started then", target->pid);
        return false;
    }
    return true;
}

static int
signal_of(const char *name)
{
    name += strncasecmp(name, "SIG", 3) == 0 ? 3 : 0;
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
        if (strcasecmp(signals[i].name, name) == 0) {
            return signals[i].number;
        }
    }
    return 0;
}

/* 0, a negative errno, or 1: the request is answered. */
static int
run_signal(const struct http_message *message, const struct target *target, const cJSON *arguments)
{
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(arguments, "signal"));
    int number = signal_of(name != NULL ? name : "TERM");
    if (number == 0) {
        http_reply_error(message, 400,
                         "signal is TERM, KILL, INT, HUP, QUIT, STOP, CONT, USR1, USR2 or ABRT");
        return 1;
    }
    log_info("command=signal pid=%d signal=%d peer=%s", (int)target->pid, number, message->peer);
    return syscall(SYS_pidfd_send_signal, target->fd, number, NULL, 0) == 0 ? 0 : -errno;
}

static int
run_renice(const struct http_message *message, const struct target *target, const cJSON *arguments)
{
    const cJSON *nice = cJSON_GetObjectItemCaseSensitive(arguments, "nice");
    if (!cJSON_IsNumber(nice) || nice->valuedouble < -20 || nice->valuedouble > 19) {
        http_reply_error(message, 400, "nice is a number from -20 to 19");
        return 1;
    }
    log_info("command=renice pid=%d nice=%d peer=%s", (int)target->pid, (int)nice->valuedouble,
             message->peer);
    bool there = syscall(SYS_pidfd_send_signal, target->fd, 0, NULL, 0) == 0 || errno == EPERM;
    return !there                                                                      ? -ESRCH
           : setpriority(PRIO_PROCESS, (id_t)target->pid, (int)nice->valuedouble) == 0 ? 0
                                                                                       : -errno;
}

/* Not of a process. */
static void
run_mark(struct agent *agent, const struct http_message *message, const cJSON *arguments)
{
    const char *text =
        cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(arguments, "trace_id"));
    uint8_t id[SPAN_ID_BYTES_MAX];
    size_t n = text != NULL ? agent_trace_id(text, id) : 0;
    if (n == 0) {
        http_reply_error(message, 400, "trace_id is the id of a request, in hex");
    } else if (agent->setup.mark == NULL ||
               !agent->setup.mark(agent->setup.context, (struct str){(char *)id, n})) {
        http_reply_error(message, 404, "no request of this id is held");
    } else {
        log_info("command=mark trace=%s peer=%s", text, message->peer);
        http_reply(message, 200, "application/json", STR(DONE), NULL);
    }
}

static const struct {
    const char *name;
    int (*run)(const struct http_message *message, const struct target *target,
               const cJSON *arguments);
} commands[] = {{"signal", run_signal}, {"renice", run_renice}, {"mark", NULL}};

void
answer_command(struct agent *agent, const struct http_message *message, const char *name)
{
    size_t which = 0;
    while (which < ARRAY_SIZE(commands) && strcmp(commands[which].name, name) != 0) {
        which++;
    }
    if (which == ARRAY_SIZE(commands)) {
        http_reply_error(message, 404, "the commands are signal, renice and mark");
        return;
    }
    struct target target;
    cJSON *arguments = cJSON_ParseWithLength(message->body.p, message->body.n);
    if (!cJSON_IsObject(arguments)) {
        http_reply_error(message, 400, "the body is an object with the command's arguments");
    } else if (commands[which].run == NULL) {
        run_mark(agent, message, arguments);
    } else if (agent_has_processes(agent, message) && hold(agent, message, arguments, &target)) {
        int error = commands[which].run(message, &target, arguments);
        close(target.fd);
        if (error == 0) {
            http_reply(message, 200, "application/json", STR(DONE), NULL);
        } else if (error < 0) {
            http_reply_error(message, error == -EPERM || error == -EACCES ? 403 : 409,
                             "process %d: %s", (int)target.pid, strerror(-error));
        }
    }
    cJSON_Delete(arguments);
}
