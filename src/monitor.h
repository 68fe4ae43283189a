/* The command without a name: the monitor on the screen. */
#ifndef FLAMETOP_MONITOR_H
#define FLAMETOP_MONITOR_H

#include "cli.h"

/* The exit code. Without a terminal on standard output: one text snapshot. */
int monitor_run(const struct cli *cli);

struct profile;
struct targets;

/* The screen of these targets, which begins with a profile in front of the requests view. The exit
 * code. */
int monitor_profile(const struct cli *cli, const struct targets *targets,
                    const struct profile *profile, const char *title);

struct app_options;
struct picture;

/* The screen of one picture that no engine follows. What the configuration says of the screen is
 * added to the options. The exit code. */
int monitor_show(const struct cli *cli, struct app_options *options, struct picture *picture);

#endif
