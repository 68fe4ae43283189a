/* The kernel's samples of a process or of the machine, by perf_event_open(2).
 *
 * Each thread has an event on each CPU, which its later threads inherit: inheritance does not go
 * together with one event for all CPUs. The events of a CPU share one ring, which is emptied from
 * time to time. Cycles of the CPU where it counts them, else its clock. */
#ifndef FLAMETOP_SRC_PROFILE_SAMPLER_H
#define FLAMETOP_SRC_PROFILE_SAMPLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ring_record.h"

struct sampler_options {
    uint32_t pid; /* 0: all processes */
    unsigned rate_hz;
    const char *proc, *sys; /* roots of these filesystems */
};

struct sampler {
    int *events;
    size_t event_count, event_capacity;
    struct sampler_ring *rings;
    size_t ring_count;
    unsigned rate_hz;   /* what the kernel allows of it */
    bool cycles;        /* of the CPU, or its clock */
    bool kernel;        /* the kernel's part of stacks is there */
    uint32_t depth_max; /* frames after which the kernel cuts a stack; 0: unknown */
    struct sampler_work *work;
};

/* Opens everything, switched off. False, and a sentence with what would allow it. */
bool sampler_open(struct sampler *sampler, const struct sampler_options *options, char *why,
                  size_t why_size);
void sampler_close(struct sampler *sampler);
void sampler_switch(struct sampler *sampler, bool on);

/* Waits until a ring fills, `fd` can be read, or the time is over. True: fd can be read. */
bool sampler_wait(struct sampler *sampler, int fd, int timeout_ms);

/* Empties the rings: each record, in the order of time. */
void sampler_drain(struct sampler *sampler,
                   void (*take)(void *context, const struct ring_record *record), void *context);

#endif
