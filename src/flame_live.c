/* Sampling without a screen: for a while, or until Ctrl-C. */
#include "flame_live.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "flametop/base/clock.h"
#include "flametop/base/file.h"
#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "flametop/profile/live.h"
#include "flametop/ui/app.h"
#include "flame.h"
#include "monitor.h"

#define NAME_BYTES 96
#define TEXT_BYTES 480

/* The name of a process; "process" when there is none. */
static void
name_of(const char *proc, int64_t pid, char dst[NAME_BYTES])
{
    char path[300], raw[64];
    snprintf(path, sizeof(path), "%s/%lld/comm", proc, (long long)pid);
    ssize_t n = file_read_at(AT_FDCWD, path, raw, sizeof(raw));
    struct str name = str_trim((struct str){raw, n > 0 ? (size_t)n : 0});
    utf8_clean(name.n > 0 ? name : STR("process"), dst, NAME_BYTES);
}

/* Ctrl-C ends the sampling, not the program. */
static int
open_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Answers the last profile that came, NULL when none did. */
static struct profile *
sample(struct live *live, int64_t span_ns, struct live_status *status)
{
    int signals = open_signals();
    int64_t until_ns = clock_mono_ns() + span_ns;
    struct profile *profile = NULL, *newer;
    bool asked = false, last = false;
    while (!last) {
        int64_t left_ns = MAX(until_ns - clock_mono_ns(), 0);
        struct pollfd fds[] = {{.fd = live_fd(live), .events = POLLIN},
                               {.fd = asked ? -1 : signals, .events = POLLIN}};
        int count =
            poll(fds, ARRAY_SIZE(fds), asked ? -1 : (int)((left_ns + NS_PER_MS - 1) / NS_PER_MS));
        if (!asked && (count == 0 || (fds[1].revents & POLLIN) != 0)) {
            asked = true;
            live_switch(live, false);
        }
        if (count > 0 && (fds[0].revents & POLLIN) != 0) {
            newer = live_take(live, status);
            profile_release(newer != NULL ? profile : NULL);
            profile = newer != NULL ? newer : profile;
            last = status->state >= LIVE_HELD;
        }
    }
    if (signals >= 0) {
        close(signals);
    }
    return profile;
}

/* The process that is asked for; 0: none, or not a single one. */
static int64_t
wanted_pid(const struct cli *cli)
{
    size_t count;
    const char *const *pids = config_list(cli->config, "processes.pids", &count);
    struct str text = str_from(count == 1 ? pids[0] : "");
    int64_t pid;
    return str_i64(&text, &pid) && text.n == 0 && pid > 0 ? pid : 0;
}

bool
flame_live_is_wanted(const struct cli *cli)
{
    return cli->line.command->id == COMMAND_FLAME &&
           (cli->line.argument_count == 0 || config_bool(cli->config, "flame.machine"));
}

static int
finish(const struct cli *cli, struct profile *profile, const char *what,
       const struct live_status *status)
{
    char text[TEXT_BYTES], said[2 * TEXT_BYTES];
    live_describe(status, text, sizeof(text));
    snprintf(said, sizeof(said), "%s: %s", what, text);
    if (status->state == LIVE_FAILED) {
        cli_complain("%s", text);
        return EXIT_FAILED;
    }
    if (profile == NULL || status->samples == 0) {
        cli_complain("%s: it used no CPU meanwhile", said);
        return EXIT_FAILED;
    }
    if (config_text(cli->config, "flame.output")[0] != '\0') {
        fprintf(stderr, "%s\n", said);
    }
    return flame_finish(cli, profile, said);
}

static int
run_without_screen(const struct cli *cli, int64_t pid)
{
    char name[NAME_BYTES], what[NAME_BYTES + 32] = "this machine";
    const char *proc = config_text(cli->config, "roots.proc");
    struct live_options options = {.pid = (uint32_t)pid,
                                   .rate_hz = (unsigned)config_integer(cli->config, "flame.rate"),
                                   .proc = proc,
                                   .sys = config_text(cli->config, "roots.sys")};
    if (pid > 0) {
        name_of(proc, pid, name);
        snprintf(what, sizeof(what), "%s (%lld)", name, (long long)pid);
    }
    struct live *live = live_new(&options);
    struct live_status status = {.state = LIVE_OPENING};
    if (live == NULL) {
        cli_complain("out of memory");
        return EXIT_FAILED;
    }
    struct profile *profile = sample(live, config_integer(cli->config, "flame.for"), &status);
    int code = finish(cli, profile, what, &status);
    live_free(live);
    profile_release(profile);
    return code;
}

int
flame_live_run(const struct cli *cli)
{
    bool machine = config_bool(cli->config, "flame.machine");
    int64_t pid = wanted_pid(cli);
    if (cli->line.argument_count > 0 || config_text(cli->config, "flame.diff")[0] != '\0' ||
        machine == (pid > 0)) {
        cli_complain("flame: give a FILE, or one of --pid PID and --machine to sample what runs "
                     "now; --diff goes with a FILE");
        return EXIT_USAGE;
    }
    bool screen = config_text(cli->config, "flame.output")[0] == '\0' && isatty(STDOUT_FILENO);
    return screen ? monitor_run(cli) : run_without_screen(cli, pid);
}

void
flame_live_begin(const struct cli *cli, struct app *app)
{
    char name[NAME_BYTES];
    int64_t pid = wanted_pid(cli);
    if (flame_live_is_wanted(cli)) {
        name_of(config_text(cli->config, "roots.proc"), pid, name);
        app_sample(app, pid, name);
    }
}
