/* Records of a perf ring buffer, as src/profile/sampler.c asks for them: samples have pid, tid,
 * time, period and call chain; all others end in pid, tid and time. Layouts: perf_event_open(2). */
#ifndef FLAMETOP_SRC_PROFILE_RING_RECORD_H
#define FLAMETOP_SRC_PROFILE_RING_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/str.h"

enum ring_kind { RING_OTHER, RING_SAMPLE, RING_LOST, RING_COMM, RING_FORK, RING_EXIT, RING_MAP };

struct ring_record {
    enum ring_kind kind;
    uint64_t time;               /* orders records of several rings */
    uint32_t pid, tid;           /* of all but RING_LOST and RING_OTHER */
    uint32_t parent, parent_tid; /* of a fork: what it came from */
    uint64_t lost;               /* how many records */

    uint64_t period;  /* of a sample: what it stands for */
    struct str chain; /* of a sample: 8 bytes each, innermost first, with marks of context */

    struct str text; /* of a comm: the name; of a map: the path */
    bool exec;       /* of a comm: a new program, with new maps */

    uint64_t start, size, offset, inode; /* of a map */
    uint32_t major, minor;
    bool executable;
};

/* Reads the record at the front of `bytes`. Answers its size, or 0 when there is no whole one.
 * Texts point into `bytes`. */
size_t ring_record_read(struct str bytes, struct ring_record *ret_record);

static inline size_t
ring_chain_count(const struct ring_record *record)
{
    return record->chain.n / sizeof(uint64_t);
}

uint64_t ring_chain_at(const struct ring_record *record, size_t i);

#endif
