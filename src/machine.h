/* This machine as a target: the collector with every source there is, as configured. */
#ifndef FLAMETOP_MACHINE_H
#define FLAMETOP_MACHINE_H

#include "cli.h"
#include "flametop/engine/collector.h"
#include "flametop/export/snapshot.h"

/* NULL, and a sentence on stderr, when a root that was chosen is no folder or memory is short. */
struct collector *machine_collector(const struct cli *cli);

/* A snapshot file as a picture; NULL, and a sentence on stderr, when it cannot be read. */
struct picture *machine_open_file(const struct cli *cli, const char *path);

/* Whether the argument of the command line means this machine: none, or "local". When it is neither
 * that nor a file, a sentence is on stderr and the answer is TARGET_UNKNOWN. */
enum target { TARGET_LOCAL, TARGET_FILE, TARGET_UNKNOWN };
enum target machine_target(const struct cli *cli);

/* Whether the command opens a target that is a file; says nothing when it is not there. */
bool machine_is_file(const struct cli *cli);

#endif
