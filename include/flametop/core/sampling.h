/* A sampling: a profile that grows while somebody looks, of a process, a machine or an Erlang node,
 * here or at the other end of a link.
 *
 * What is asked for is a wish, what comes of it a status and, now and then, a newer profile of the
 * same: frames and nodes keep their numbers, values only grow. */
#ifndef FLAMETOP_CORE_SAMPLING_H
#define FLAMETOP_CORE_SAMPLING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/buf.h"
#include "flametop/base/str.h"
#include "flametop/core/profile.h"

#define SAMPLING_WHY_BYTES 240
#define SAMPLING_TEXT_BYTES 560
#define SAMPLING_OF_BYTES 96

enum sampling_kind {
    SAMPLING_NOTHING, /* what was sampled before ends */
    SAMPLING_MACHINE,
    SAMPLING_PROCESS,     /* of the operating system, by its number */
    SAMPLING_NODE,        /* an Erlang node: the processes that work most, or what `of` names */
    SAMPLING_NODE_PROCESS /* one of them, by the number that its table has for it */
};

struct sampling_wish {
    enum sampling_kind kind;
    int64_t id;                 /* of a process */
    char of[SAMPLING_OF_BYTES]; /* of a node: an application, a registered name, "<0.412.0>"; "":
                                   all */
    bool wall;                  /* processes of a node where they wait as well */
    unsigned rate_hz;           /* 0: as usual */
    bool held;                  /* no more for now: what there is stays, and grows on afterwards */
};

enum sampling_state {
    SAMPLING_BEGINS,
    SAMPLING_RUNS,
    SAMPLING_HELD,
    SAMPLING_ENDED, /* there will be no more; `why`: what became of it, "": the process is over */
    SAMPLING_FAILED /* it cannot be sampled: `why` says what would allow it */
};

struct sampling_status {
    enum sampling_state state;
    char why[SAMPLING_WHY_BYTES];
    char notes[SAMPLING_WHY_BYTES]; /* what a reader of the profile should know; "" */
    int64_t sampled_ns;             /* without the times it was held */
    unsigned rate_hz;
    uint64_t samples, lost;
};

static inline bool
sampling_is_over(const struct sampling_status *status)
{
    return status->state >= SAMPLING_ENDED;
}

/* Whether both are of the same, held or not. */
bool sampling_is_same(const struct sampling_wish *a, const struct sampling_wish *b);

/* Whether the sampling that `before` began, and how it is doing, is also the answer to `wish`. One
 * that is over is no more than what its own reader holds and lets go: the same wish once more is
 * another reader's, who has seen nothing of it. */
bool sampling_answers(const struct sampling_wish *before, const struct sampling_status *status,
                      const struct sampling_wish *wish);

/* "sampling for 12 s at 99 Hz, 1188 samples, 0 lost", and its notes. */
void sampling_describe(const struct sampling_status *status, char *dst, size_t size);

/* ---- on the way to a terminal (core/record.h) ---- */

/* Most that travels: a profile that is to be sent is made with these limits. */
#define SAMPLING_NODES_MAX (UINT32_C(1) << 16)
#define SAMPLING_FRAMES_MAX (UINT32_C(1) << 14)

/* Adds the status and what `now` has that `before` had not, NULL: nothing yet. `now` NULL: the
 * status alone. Long names are cut. */
void sampling_write(const struct profile *before, const struct profile *now,
                    const struct sampling_status *status, struct buf *out);

/* Takes what was written, bytes from outside, in the order it was. What comes of another sampling
 * of the same is added to what there was before: sampling_reader_again goes before it. */
struct sampling_reader {
    struct profile *profile; /* as it grows; the reader's own */
    struct sampling_status status;
    struct sampling_status before; /* of the samplings before this one, in sum */
    uint32_t *frames, *nodes;      /* ours by theirs */
    uint32_t frame_count, node_count;
    uint32_t measures[PROFILE_MEASURES_MAX];
    uint32_t measure_count;
};

bool sampling_reader_init(struct sampling_reader *reader); /* false when out of memory */
void sampling_reader_done(struct sampling_reader *reader);
void sampling_reader_again(struct sampling_reader *reader);

/* False when the bytes are damaged: what came before them stands. */
bool sampling_read(struct sampling_reader *reader, struct str bytes);

#endif
