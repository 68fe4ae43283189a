/* Targets: what the arguments of the command line name. This machine, a file, or the other end of a
 * link. */
#ifndef FLAMETOP_TARGETS_H
#define FLAMETOP_TARGETS_H

#include <stdbool.h>
#include <stddef.h>

#include "cli.h"
#include "flametop/engine/engine.h"
#include "flametop/sources/beam.h"
#include "flametop/receivers/receive.h"
#include "flametop/sources/endpoint.h"
#include "machine.h"

enum target_kind { TARGET_LOCAL, TARGET_FILE, TARGET_LINK, TARGET_SSH, TARGET_BEAM };

#define TARGET_NAME_BYTES 512
#define TARGETS_MAX 256

struct target {
    enum target_kind kind;
    char name[TARGET_NAME_BYTES];  /* "local", a path, a URL, ssh://host */
    char shown[TARGET_NAME_BYTES]; /* the same without what may be a secret: for people and logs */
    bool guess;                    /* of a link: its port was not given */
    struct endpoint_options endpoint;
    struct beam_options beam;
    char hindrance[400]; /* of an Erlang VM that cannot be attached: why */
};

struct targets {
    struct target *list;
    size_t count;
    const struct table_def *tables[MACHINE_TABLES_MAX]; /* that are known by name */
    size_t table_count;
    struct endpoint_mapping *mappings;
    size_t mapping_count;
    struct pool_def *pools;
    size_t pool_count;
    struct receive_options receive;                /* of this machine */
    char *token, *change_token, *headers, *cookie; /* secrets; NULL: none */
    bool unreachable; /* why there are none: who would name them does not answer */
};

/* The targets of the command line, groups and braces expanded, each once; this machine, or its
 * agent when one runs, where there are no arguments. An agent's is itself then, and its tokens are
 * for who comes to it, not for where it goes. False, and sentences on stderr, when one of
 * them is none. targets_done in either case; engines may use them until then. */
bool targets_init(struct targets *targets, const struct cli *cli);
void targets_done(struct targets *targets);

/* The exit code when it was false. */
int targets_refusal(const struct targets *targets);

/* Adds one, or answers the one that is there already; NULL, and a sentence, when there are too
 * many.
 */
struct target *targets_add(struct targets *targets, const struct cli *cli, enum target_kind kind,
                           const char *name);

/* What a target is called beside the others: its name without scheme and usual port, of sockets and
 * files without the folder, where no other is called the same then; else the whole name. Answers
 * dst. */
char *targets_short_name(const struct targets *targets, size_t which, char *dst, size_t size);

/* An engine that looks at one of them, not started yet. NULL and a sentence. Not for files. */
struct engine *targets_engine(const struct targets *targets, const struct cli *cli, size_t which,
                              char *why, size_t why_size);

/* What it is made with, for who adds to that: a collector of its own. False and a sentence. */
bool targets_engine_options(const struct targets *targets, const struct cli *cli,
                            const struct target *target, struct engine_options *ret_options,
                            char *why, size_t why_size);

/* The same for a target that differs from those (core/instance.h); it outlives the engine. */
struct engine *targets_engine_of(const struct targets *targets, const struct cli *cli,
                                 const struct target *target, char *why, size_t why_size);

#endif
