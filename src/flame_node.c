/* Sampling an Erlang node without a screen. */
#include "flame_node.h"

#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flametop/base/clock.h"
#include "flametop/sources/beam_flame.h"
#include "flame.h"
#include "nodes.h"
#include "targets.h"

#define TEXT_BYTES 480

bool
flame_node_is_wanted(const struct cli *cli)
{
    struct stat info;
    return cli->line.command->id == COMMAND_FLAME && cli->line.argument_count == 1 &&
           nodes_is_one(cli->line.arguments[0]) && stat(cli->line.arguments[0], &info) != 0;
}

static int
sample(const struct cli *cli, const struct target *target)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    struct beam_flame_status status;
    char text[TEXT_BYTES];
    struct profile *profile =
        beam_flame_sample(&target->beam, (unsigned)config_integer(cli->config, "flame.rate"),
                          config_integer(cli->config, "flame.for"), signals, &status);
    if (signals >= 0) {
        close(signals);
    }
    if (profile == NULL) {
        cli_complain("%s: %s", target->shown, status.why);
        return EXIT_FAILED;
    }
    snprintf(text, sizeof(text),
             "%.200s: %llu samples of the processes that work most, in %.1f s (%llu looks)",
             target->shown, (unsigned long long)status.samples, (double)status.sampled_ns / 1e9,
             (unsigned long long)status.looks);
    if (config_text(cli->config, "flame.output")[0] != '\0') {
        fprintf(stderr, "%s\n", text);
    }
    int code = flame_finish(cli, profile, text);
    profile_release(profile);
    return code;
}

int
flame_node_run(const struct cli *cli)
{
    struct targets targets;
    int code = EXIT_USAGE;
    if (config_text(cli->config, "flame.diff")[0] != '\0') {
        cli_complain("flame: --diff goes with a FILE: write this one with -o first");
        return EXIT_USAGE;
    }
    if (targets_init(&targets, cli)) {
        if (targets.count == 1) {
            code = sample(cli, &targets.list[0]);
        } else {
            cli_complain("flame: one node at a time: beam://NAME@HOST");
        }
    }
    targets_done(&targets);
    return code;
}
