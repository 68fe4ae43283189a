/* Stacks of an Erlang node's processes, sampled there: those that work most, while they run or want
 * to, with the process as the first frame. Nothing is traced; the node does some per cent less
 * meanwhile at most. Frames end where the node ends them (8 deep unless it was told otherwise), and
 * calls in tail position leave none. */
#ifndef FLAMETOP_SOURCES_BEAM_FLAME_H
#define FLAMETOP_SOURCES_BEAM_FLAME_H

#include <stdbool.h>
#include <stdint.h>

#include "flametop/base/str.h"
#include "flametop/core/profile.h"
#include "flametop/sources/beam.h"

struct beam_flame_status {
    char why[600]; /* what went wrong; "" */
    uint64_t samples, looks;
    int64_t sampled_ns;
};

/* Attaches the node and samples it for span_ns at up to rate_hz, or until `stop_fd` (-1: none) is
 * readable. Runs its own loop: for commands without a screen. NULL, and a sentence, when nothing
 * came; the profile is the caller's. */
struct profile *beam_flame_sample(const struct beam_options *options, unsigned rate_hz,
                                  int64_t span_ns, int stop_fd,
                                  struct beam_flame_status *ret_status);

/* Adds one answer of the node, {Looks, [{{Process, [Frame]}, Count}]}, innermost frame first.
 * Answers how many samples that were; 0 when it is no such term. */
uint64_t beam_flame_read(struct str answer, struct profile *profile, uint32_t measure,
                         uint64_t *ret_looks);

#endif
