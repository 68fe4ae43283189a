/* Questions to file systems that may never answer.
 *
 * statvfs on a dead server blocks without end and cannot be interrupted, so it is asked on detached
 * threads: one call in flight a path, one thread as long as all answer, another one for each that
 * hangs, up to a few. A thread that hangs is left alone: it holds a reference on what it needs,
 * ends when its call returns, and does not hold up the exit of the process.
 *
 * All functions are for one thread, the owner's; they never wait for an answer but in probes_wait.
 */
#ifndef FLAMETOP_SOURCES_PROBE_H
#define FLAMETOP_SOURCES_PROBE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/statvfs.h>

#include "flametop/base/clock.h"

#define PROBES_MAX 256

typedef int (*probe_function)(const char *path, struct statvfs *ret_answer);

struct probe_answer {
    bool is_known;      /* there was one, and it was no error */
    int error;          /* positive errno of the last call; 0: none */
    int64_t took_ns;    /* the last call */
    int64_t waiting_ns; /* the call in flight, so far; 0: none */
    int64_t
        pending_ns; /* since it was to be asked, also while others hold it up; 0: not asked now */
    struct statvfs values;
};

struct probes;

/* NULL when out of memory. The clock is copied; it is read on all threads, so what its
 * state points to must outlive them. */
struct probes *probes_new(probe_function function, const struct clock *clock);
void probes_free(struct probes *probes);

/* A slot for a path; -1 when all are taken. */
int probes_add(struct probes *probes, const char *path);
void probes_remove(struct probes *probes, int slot);

/* Asks all paths that are not being asked already, with probes_help. */
void probes_ask(struct probes *probes);

/* Starts another thread when something waits behind calls that hang. */
void probes_help(struct probes *probes);

void probes_get(struct probes *probes, int slot, struct probe_answer *ret_answer);

/* Waits until all have answered, at most so long by the machine's own clock. */
void probes_wait(struct probes *probes, int64_t timeout_ns);

#endif
