/* Sampling without a screen: for a while, or until Ctrl-C. */
#include "flame_live.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flametop/base/clock.h"
#include "flametop/base/file.h"
#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "flametop/core/sampling.h"
#include "flametop/ui/app.h"
#include "flame.h"
#include "flame_requests.h"
#include "flame_sampler.h"
#include "look.h"
#include "monitor.h"
#include "nodes.h"
#include "targets.h"

#define NAME_BYTES 96
#define PATIENCE_NS (10 * NS_PER_S) /* with who samples */
#define FAR_LATE_NS (1500 * NS_PER_MS)
#define USAGE                                                                                      \
    "flame: give a FILE, the address of an agent for the requests that it holds, or one of --pid " \
    "PID, --machine and --node to sample what runs now, with an agent before them to do so "       \
    "there, "                                                                                      \
    "or NAME@HOST for an Erlang node; --diff does not go with what is sampled"

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

/* Answers the last profile that came, NULL when none did. Who samples is asked to hold at the end,
 * and waited for until it does. What is far is heard of once a second: so much longer it may take.
 */
static const struct profile *
sample(const struct app_sampler *sampler, int64_t span_ns, int64_t late_ns,
       struct sampling_status *status)
{
    int signals = open_signals();
    int64_t until_ns = clock_mono_ns() + span_ns + PATIENCE_NS;
    const struct profile *profile = NULL, *newer;
    bool asked = false, last = false;
    while (!last) {
        int64_t left_ns = MAX(until_ns - clock_mono_ns(), 0);
        struct pollfd fds[] = {{.fd = sampler->fd(sampler->context), .events = POLLIN},
                               {.fd = asked ? -1 : signals, .events = POLLIN}};
        int count = poll(fds, ARRAY_SIZE(fds), (int)((left_ns + NS_PER_MS - 1) / NS_PER_MS));
        last = asked && count == 0;
        if (!asked && (count == 0 || (fds[1].revents & POLLIN) != 0)) {
            asked = true;
            until_ns = clock_mono_ns() + PATIENCE_NS;
            sampler->hold(sampler->context, true);
        }
        if (count > 0 && (fds[0].revents & POLLIN) != 0) {
            newer = sampler->take(sampler->context, status);
            profile_release(newer != NULL ? profile : NULL);
            profile = newer != NULL ? newer : profile;
            last = status->state >= SAMPLING_HELD;
        }
        if (!asked && status->state == SAMPLING_RUNS) {
            int64_t rest_ns = span_ns - status->sampled_ns;
            until_ns = clock_mono_ns() + (rest_ns > 0 ? rest_ns + late_ns : 0);
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

/* An Erlang node is asked for, and no file of that name. */
static bool
is_of_node(const struct cli *cli)
{
    struct stat info;
    return cli->line.argument_count == 1 && nodes_is_one(cli->line.arguments[0]) &&
           stat(cli->line.arguments[0], &info) != 0;
}

/* This machine, whether it is named or not. */
static bool
is_of_this_machine(const struct cli *cli)
{
    struct stat info;
    return cli->line.argument_count == 0 || (strcmp(cli->line.arguments[0], "local") == 0 &&
                                             stat(cli->line.arguments[0], &info) != 0);
}

/* That which an agent watches. */
static bool
wants_node(const struct cli *cli)
{
    return config_bool(cli->config, "flame.node") ||
           config_text(cli->config, "flame.of")[0] != '\0';
}

/* Where it is sampled: the address of an agent or a node; NULL: here. */
static const char *
wanted_place(const struct cli *cli)
{
    const char *word = cli->line.argument_count == 1 ? cli->line.arguments[0] : "";
    bool asked =
        wanted_pid(cli) > 0 || config_bool(cli->config, "flame.machine") || wants_node(cli);
    bool agent = asked && !is_of_this_machine(cli) && !nodes_is_one(word);
    return agent || is_of_node(cli) ? word : NULL;
}

bool
flame_live_is_wanted(const struct cli *cli)
{
    return cli->line.command->id == COMMAND_FLAME &&
           (is_of_this_machine(cli) || config_bool(cli->config, "flame.machine") ||
            wanted_place(cli) != NULL);
}

static int
finish(const struct cli *cli, const struct profile *profile, const char *what,
       const struct sampling_status *status)
{
    char text[SAMPLING_TEXT_BYTES], said[SAMPLING_TEXT_BYTES + NAME_BYTES + 600];
    sampling_describe(status, text, sizeof(text));
    snprintf(said, sizeof(said), "%s: %s", what, text);
    if (status->state == SAMPLING_FAILED) {
        cli_complain("%s", text);
        return EXIT_FAILED;
    }
    if (status->state == SAMPLING_BEGINS) {
        cli_complain("%s: there was no answer", what);
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

static struct sampling_wish
wish_of(const struct cli *cli)
{
    int64_t pid = wanted_pid(cli);
    struct sampling_wish wish = {.kind = pid > 0 ? SAMPLING_PROCESS : SAMPLING_MACHINE,
                                 .id = pid,
                                 .rate_hz = (unsigned)config_integer(cli->config, "flame.rate")};
    if (is_of_node(cli) || wants_node(cli)) {
        wish.kind = SAMPLING_NODE;
        wish.wall = config_bool(cli->config, "flame.wall");
        str_copy(str_from(config_text(cli->config, "flame.of")), wish.of, sizeof(wish.of));
    }
    return wish;
}

static int
run_sampler(const struct cli *cli, const struct app_sampler *sampler, int64_t late_ns,
            const char *what)
{
    struct sampling_wish wish = wish_of(cli);
    struct sampling_status status = {.state = SAMPLING_BEGINS};
    char why[200] = "";
    if (!sampler->begin(sampler->context, &wish, why, sizeof(why))) {
        cli_complain("%s", why);
        return EXIT_FAILED;
    }
    const struct profile *profile =
        sample(sampler, config_integer(cli->config, "flame.for"), late_ns, &status);
    int code = finish(cli, profile, what, &status);
    profile_release(profile);
    return code;
}

static int
run_here(const struct cli *cli)
{
    char name[NAME_BYTES], what[NAME_BYTES + 32] = "this machine";
    int64_t pid = wanted_pid(cli);
    struct flame_sampler sampler;
    if (pid > 0) {
        name_of(config_text(cli->config, "roots.proc"), pid, name);
        snprintf(what, sizeof(what), "%s (%lld)", name, (long long)pid);
    }
    flame_sampler_init(&sampler, cli);
    int code = run_sampler(cli, &sampler.face, 0, what);
    flame_sampler_done(&sampler);
    return code;
}

static int
run_there(const struct cli *cli)
{
    struct targets targets;
    struct look *look = NULL;
    struct picture *picture = NULL;
    int code = EXIT_USAGE;
    bool good = targets_init(&targets, cli);
    if (good && (targets.count != 1 || targets.list[0].kind == TARGET_FILE)) {
        cli_complain(USAGE);
    } else if (good) {
        code = EXIT_FAILED;
        look = look_open(&targets, cli, 0);
        picture = look != NULL ? look_next(look) : NULL; /* or it has said why */
    }
    if (picture != NULL) {
        struct app_sampler sampler = look_sampler(look);
        char what[NAME_BYTES + 600] = "";
        int64_t pid = wanted_pid(cli);
        snprintf(what, sizeof(what), pid > 0 ? "%s, process %lld" : "%s", targets.list[0].shown,
                 (long long)pid);
        code = run_sampler(cli, &sampler, FAR_LATE_NS, what);
    }
    picture_release(picture);
    look_close(look);
    targets_done(&targets);
    return code;
}

int
flame_live_run(const struct cli *cli)
{
    bool node = is_of_node(cli) || wants_node(cli);
    int subjects = node + (wanted_pid(cli) > 0) + config_bool(cli->config, "flame.machine");
    if (subjects != 1 || config_text(cli->config, "flame.diff")[0] != '\0' ||
        (wanted_place(cli) == NULL && (node || !is_of_this_machine(cli)))) {
        cli_complain(USAGE);
        return EXIT_USAGE;
    }
    if (flame_requests_are_chosen(cli)) {
        cli_complain("--filter, --from and --to choose requests, not what is sampled now");
        return EXIT_USAGE;
    }
    bool screen = config_text(cli->config, "flame.output")[0] == '\0' && isatty(STDOUT_FILENO);
    return screen ? monitor_run(cli) : wanted_place(cli) != NULL ? run_there(cli) : run_here(cli);
}

void
flame_live_begin(const struct cli *cli, struct app *app)
{
    char name[NAME_BYTES] = "process";
    if (flame_live_is_wanted(cli)) {
        struct sampling_wish wish = wish_of(cli);
        if (wanted_place(cli) == NULL) {
            name_of(config_text(cli->config, "roots.proc"), wish.id, name);
        }
        app_sample(app, &wish, wish.kind == SAMPLING_NODE ? wish.of : name);
    }
}
