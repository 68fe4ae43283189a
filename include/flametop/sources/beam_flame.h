/* Stacks of an Erlang node's processes, sampled there: those that work most, while they run or want
 * to, with the process as the first frame. Nothing is traced; a process of ours there looks, for
 * less than a tenth of a scheduler, and is gone with the connection. Frames end where the node ends
 * them (8 deep unless it was told otherwise), and calls in tail position leave none.
 *
 * Here is what the node is told and how its answers are read; the link does it (core/link.h). */
#ifndef FLAMETOP_SOURCES_BEAM_FLAME_H
#define FLAMETOP_SOURCES_BEAM_FLAME_H

#include <stdbool.h>
#include <stdint.h>

#include "flametop/base/buf.h"
#include "flametop/base/str.h"
#include "flametop/core/profile.h"

struct beam_flame_options {
    unsigned rate_hz; /* at most: the node's share bounds it */
    const char *of;   /* "<0.412.0>", an application or a registered name; "": the whole node */
    bool wall;        /* where processes wait as well; the last frame says what they do */
};

/* The source that the collector learns (beam_collector.h): its fun answers what was sampled since
 * it was asked before. */
void beam_flame_source(const struct beam_flame_options *options, struct buf *out);

/* One answer. */
struct beam_flame_part {
    uint64_t looks, samples, dropped; /* dropped: of more different stacks than are told */
    unsigned processes;               /* that are looked at */
    int64_t busy_us, span_us;         /* our process there worked so much in so long */
    bool gone;                        /* whom it is of */
};

/* Adds an answer, {Looks, [{{Process,Status,[Frame]}, Count}],
 * {Busy,Span,Processes,Dropped,Alive}}, innermost frame first. False when it is no such term. */
bool beam_flame_read(struct str answer, struct profile *profile, uint32_t measure,
                     struct beam_flame_part *ret_part);

#endif
