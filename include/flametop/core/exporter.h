/* An exporter: what keeps state and passes on what the engine makes: the agent's interface, a
 * recorder, history on disk. Runs on the engine's thread; blocking work has a thread of its own. */
#ifndef FLAMETOP_CORE_EXPORTER_H
#define FLAMETOP_CORE_EXPORTER_H

#include <stdbool.h>
#include <stddef.h>

#include "flametop/base/str.h"
#include "flametop/core/batch.h"
#include "flametop/core/interest.h"
#include "flametop/core/picture.h"
#include "flametop/core/sampling.h"

struct uv_loop_s;
struct config;

struct exporter_setup {
    struct uv_loop_s *loop; /* the engine's; NULL when there is none (a collector driven by hand) */
    struct catalog *catalog;
    const void *options; /* what main gives this exporter */
    /* What its readers look at; several exporters' and the screen's are joined. */
    void (*interest)(void *context, const struct interest *interest);
    /* A reading the program makes of itself (collector_report). */
    void (*report)(void *context, const char *metric, const char *labels, double value);
    /* Marks a request by its id, so that it is kept longer. False: none of this id is held. NULL:
     * no requests are. */
    bool (*mark)(void *context, struct str id);
    /* Connects to what is watched again now, where that is not live (core/link.h). */
    void (*retry)(void *context);
    /* Samples this there, in the place of what was sampled before (core/sampling.h); what comes of
     * it goes to `sampled`, also before this returns. */
    void (*sample)(void *context, const struct sampling_wish *wish);
    void *context;
};

struct exporter {
    const char *name;
    const char *text;
    /* 0 with *ret_state, or a negative errno and a sentence: the program does not start. */
    int (*open)(const struct exporter_setup *setup, void **ret_state, char *why, size_t why_size);
    /* Each batch as it is stored; valid during the call. NULL: not wanted. */
    void (*batch)(void *state, const char *source, const struct batch *batch);
    /* Each picture as it is published (acquire to keep). */
    void (*picture)(void *state, struct picture *picture);
    /* How what it asked to be sampled is doing; the profile's reference goes over, NULL: none that
     * is newer. NULL: it never asks. */
    void (*sampled)(void *state, const struct sampling_status *status,
                    const struct profile *profile);
    void (*close)(void *state);
};

#endif
