/* Signals and priorities of processes.
 *
 * A signal goes to the process the question named and to no other: it is held by a pidfd from the
 * question to the answer (before Linux 5.3 by its pid). A process of another machine is named to
 * that machine by its pid and when it started; nothing here is asked for its pid. */
#include "process.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "flametop/base/utf8.h"
#include "flametop/core/link.h"
#include "../command.h"
#include "panels.h"

void
process_change_init(struct process_change *change)
{
    *change = (struct process_change){.fd = -1};
}

void
process_change_forget(struct process_change *change)
{
    if (change->fd >= 0) {
        close(change->fd);
    }
    change->fd = -1;
    change->pid = 0;
}

static const struct {
    int number;
    const char *name, *text;
} signals[] = {
    {SIGTERM, "TERM", "ask it to end"},
    {SIGKILL, "KILL", "end it at once, nothing is saved"},
    {SIGINT, "INT", "as Ctrl-C"},
    {SIGHUP, "HUP", "often: read the configuration again"},
    {SIGQUIT, "QUIT", "end with a core dump"},
    {SIGSTOP, "STOP", "hold it"},
    {SIGCONT, "CONT", "let it go on"},
    {SIGUSR1, "USR1", "its own meaning"},
    {SIGUSR2, "USR2", "its own meaning"},
    {SIGABRT, "ABRT", "end with a core dump"},
};

void
panel_signal_words(const struct app *app, struct words *words)
{
    (void)app;
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
        words_add(words, signals[i].name);
    }
}

/* Whether what is shown may be changed; says so otherwise. */
static bool
may_ask(const struct panel_context *context)
{
    if (context->readonly) {
        panel_say(context, "--readonly: nothing is changed");
    } else if (context->paused || context->picture->past) {
        panel_say(context, "this is the past: only the present can be changed");
    } else if (context->link != NULL && context->link->state != LINK_LIVE) {
        panel_say(context, "there is no connection: nothing can be changed there");
    } else if (link_is_elsewhere(context->link) && !context->link->may_change) {
        panel_say(context, "nothing may be changed there: give its second token with "
                           "--change-token-file FILE");
    } else {
        return true;
    }
    return false;
}

/* Whether the selected process is of now; says so otherwise. */
static bool
begin_question(struct process_change *change, const struct table_view *view,
               const struct panel_context *context)
{
    const union cell *cells = table_view_selected(view);
    int64_t pid = process_pid(view);
    if (!may_ask(context)) {
        return false;
    }
    if (cells == NULL || pid <= 0 || pid > INT32_MAX) {
        panel_say(context, "no process is selected");
        return false;
    }
    const char *name = row_text(view->def, cells, "process.name");
    process_change_forget(change);
    change->pid = pid;
    change->there = link_is_elsewhere(context->link);
    change->fd = change->there ? -1 : (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
    change->start_s =
        (double)context->picture->wall_ns / 1e9 - row_real(view->def, cells, "process.age");
    change->nice = row_integer(view->def, cells, "process.nice");
    utf8_clean(str_from(name != NULL ? name : "?"), change->name, sizeof(change->name));
    return true;
}

static int
signal_number(const char *name)
{
    struct str rest = str_from(name);
    uint64_t number;
    if (str_u64(&rest, &number) && rest.n == 0) {
        return number >= 1 && number <= 64 ? (int)number : 0;
    }
    name += strncasecmp(name, "SIG", 3) == 0 ? 3 : 0;
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
        if (strcasecmp(signals[i].name, name) == 0) {
            return signals[i].number;
        }
    }
    return 0;
}

/* What is asked of the machine at the other end: a command with its arguments. */
static void
send_there(struct process_change *change, const struct panel_context *context, const char *command,
           const char *key, const char *text, const char *what)
{
    char arguments[160], start[24] = "null";
    if (!isnan(change->start_s)) {
        snprintf(start, sizeof(start), "%lld", (long long)change->start_s);
    }
    snprintf(arguments, sizeof(arguments), "{\"pid\":%lld,\"start\":%s,\"%s\":%s}",
             (long long)change->pid, start, key, text);
    panel_remote(context, command, arguments, what);
    process_change_forget(change);
}

/* The name where there is one: only we know what was typed. */
static void
send_signal_there(struct process_change *change, const struct panel_context *context, int number)
{
    char name[16], quoted[20], what[96];
    snprintf(name, sizeof(name), "%d", number);
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
        if (signals[i].number == number) {
            snprintf(name, sizeof(name), "%s", signals[i].name);
        }
    }
    snprintf(quoted, sizeof(quoted), "\"%s\"", name);
    snprintf(what, sizeof(what), "%s to %s (%lld)", name, change->name, (long long)change->pid);
    send_there(change, context, "signal", "signal", quoted, what);
}

static void
ask_signal(struct process_change *change, const struct table_view *view,
           const struct panel_context *context, const char *argument)
{
    if (argument[0] == '\0') {
        struct menu_item items[ARRAY_SIZE(signals)];
        char texts[ARRAY_SIZE(signals)][64];
        for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
            snprintf(texts[i], sizeof(texts[i]), "%2d %-5s %s", signals[i].number, signals[i].name,
                     signals[i].text);
            items[i] = (struct menu_item){.text = texts[i], .argument = signals[i].name};
        }
        char title[96];
        if (begin_question(change, view, context)) {
            snprintf(title, sizeof(title), "Signal to %s (%lld)", change->name,
                     (long long)change->pid);
            panel_menu(context, title, items, ARRAY_SIZE(signals), 0, "process.signal.ask");
        }
        return;
    }
    if (signal_number(argument) == 0) {
        panel_say(context, "no such signal: %s (TERM, KILL, HUP … or a number)", argument);
    } else if (change->pid != 0 || begin_question(change, view, context)) {
        char question[160];
        snprintf(question, sizeof(question), "Send %s to %s (%lld)?", argument, change->name,
                 (long long)change->pid);
        panel_ask(context, question, "process.signal.send", argument);
    }
}

static void
send_signal(struct process_change *change, const struct table_view *view,
            const struct panel_context *context, const char *argument)
{
    (void)view;
    int number = signal_number(argument);
    if (change->pid <= 0 || number == 0 || context->readonly) {
        return;
    }
    if (change->there || link_is_elsewhere(context->link)) {
        send_signal_there(change, context, number);
        return;
    }
    long result = change->fd >= 0 ? syscall(SYS_pidfd_send_signal, change->fd, number, NULL, 0)
                                  : kill((pid_t)change->pid, number);
    if (result == 0) {
        panel_say(context, "%s sent to %s (%lld)", argument, change->name, (long long)change->pid);
    } else {
        panel_say(context, "%s (%lld) got no signal: %s", change->name, (long long)change->pid,
                  errno == EPERM   ? "it is not yours; root may"
                  : errno == ESRCH ? "it has ended already"
                                   : strerror(errno));
    }
    process_change_forget(change);
}

static void
ask_nice(struct process_change *change, const struct table_view *view,
         const struct panel_context *context, const char *argument)
{
    struct str rest = str_from(argument);
    int64_t step;
    if (!str_i64(&rest, &step) || step < -40 || step > 40) {
        panel_say(context, "process.nice: a step such as 1 or -5 is asked for");
        return;
    }
    if (!begin_question(change, view, context)) {
        return;
    }
    errno = 0;
    bool there = change->there, known = change->nice != CELL_UNKNOWN;
    int now =
        there ? (int)(known ? change->nice : 0) : getpriority(PRIO_PROCESS, (id_t)change->pid);
    if (there && !known) {
        panel_say(context, "the nice value of %s (%lld) is not known", change->name,
                  (long long)change->pid);
        return;
    }
    if (errno != 0) {
        panel_say(context, "%s (%lld) has no priority to change: %s", change->name,
                  (long long)change->pid,
                  errno == ESRCH ? "it has ended already" : strerror(errno));
        return;
    }
    int wanted = (int)CLAMP(now + step, -20, 19);
    char question[160], text[16];
    snprintf(text, sizeof(text), "%d", wanted);
    snprintf(question, sizeof(question), "Change nice of %s (%lld) from %d to %d?", change->name,
             (long long)change->pid, now, wanted);
    panel_ask(context, question, "process.nice.set", text);
}

/* There is no call that takes a pidfd: that the process is still there is asked of the pidfd right
 * before. */
static void
set_nice(struct process_change *change, const struct table_view *view,
         const struct panel_context *context, const char *argument)
{
    (void)view;
    struct str rest = str_from(argument);
    int64_t nice_value;
    if (change->pid <= 0 || !str_i64(&rest, &nice_value) || context->readonly) {
        return;
    }
    if (change->there || link_is_elsewhere(context->link)) {
        char value[16], what[96];
        snprintf(value, sizeof(value), "%d", (int)nice_value);
        snprintf(what, sizeof(what), "nice %d of %s (%lld)", (int)nice_value, change->name,
                 (long long)change->pid);
        send_there(change, context, "renice", "nice", value, what);
        return;
    }
    bool there = change->fd < 0 || syscall(SYS_pidfd_send_signal, change->fd, 0, NULL, 0) == 0 ||
                 errno == EPERM;
    errno = there ? 0 : ESRCH;
    if (there && setpriority(PRIO_PROCESS, (id_t)change->pid, (int)nice_value) == 0) {
        panel_say(context, "nice of %s (%lld) is now %d", change->name, (long long)change->pid,
                  (int)nice_value);
    } else {
        panel_say(context, "nice of %s (%lld) was not changed: %s", change->name,
                  (long long)change->pid,
                  errno == EACCES || errno == EPERM ? "only root may do that"
                  : errno == ESRCH                  ? "it has ended already"
                                                    : strerror(errno));
    }
    process_change_forget(change);
}

bool
process_change_command(struct process_change *change, const struct table_view *view,
                       const struct panel_context *context, const char *name, const char *argument)
{
    static const struct {
        const char *name;
        void (*run)(struct process_change *change, const struct table_view *view,
                    const struct panel_context *context, const char *argument);
    } own[] = {
        {"process.signal", ask_signal},       {"process.signal.ask", ask_signal},
        {"process.signal.send", send_signal}, {"process.nice", ask_nice},
        {"process.nice.set", set_nice},
    };
    for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
        if (strcmp(own[i].name, name) == 0) {
            if (strcmp(name, "process.signal") == 0) {
                process_change_forget(change);
            }
            own[i].run(change, view, context, argument);
            return true;
        }
    }
    return false;
}
