/* A profile that grows: stacks of one process of this machine, or of all, sampled while somebody
 * looks.
 *
 * A thread of its own does everything, as files of other processes are read, which may take as long
 * as it likes; it hands over what it has about once a second. Neither the caller nor the process
 * that is sampled ever waits for it. */
#ifndef FLAMETOP_PROFILE_LIVE_H
#define FLAMETOP_PROFILE_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/core/sampling.h"

/* At a time, with those whose thread still hangs in a file after live_free. */
#define LIVES_MAX 16
#define LIVE_RATE_HZ 99 /* not 100: no timer of the program's own keeps step with it */

struct live_options {
    uint32_t pid; /* 0: all processes */
    unsigned rate_hz;
    const char *proc, *sys;         /* roots of these filesystems */
    uint32_t nodes_max, frames_max; /* of the profile; 0: as many as there is room for */
};

struct live;

/* Begins at once; what goes wrong is in the status. NULL when out of memory, or when
 * LIVES_MAX have not ended. */
struct live *live_new(const struct live_options *options);

/* Ends it. Does not wait. NULL is allowed. */
void live_free(struct live *live);

/* Holds the sampling, or goes on. */
void live_switch(struct live *live, bool on);

/* Readable when there is something newer (an eventfd). */
int live_fd(const struct live *live);

/* How it is doing, and the newest profile, which is the caller's and does not change; NULL when
 * there is none that is newer than the one taken before. Clears live_fd. */
struct profile *live_take(struct live *live, struct sampling_status *ret_status);

#endif
