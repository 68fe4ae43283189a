/* The sampling of a node over the link's own wire, by its collector. Engine thread. */
#ifndef FLAMETOP_SOURCES_BEAM_SAMPLING_H
#define FLAMETOP_SOURCES_BEAM_SAMPLING_H

#include "beam_wire.h"
#include "flametop/core/sampling.h"

struct beam_sampling;

struct beam_sampling_setup {
    struct uv_loop_s *loop;
    struct beam_wire *wire;
    const struct etf_pid *collector; /* outlives the sampling, as the wire does */
    void *context;
    /* How it is doing; the profile's reference goes over, NULL: none that is newer. */
    void (*told)(void *context, const struct sampling_status *status,
                 const struct profile *profile);
};

/* NULL when out of memory. `wish` is of a node. */
struct beam_sampling *beam_sampling_new(const struct beam_sampling_setup *setup,
                                        const struct sampling_wish *wish);

/* Whether what is sampled answers the wish (core/sampling.h): then whether it is held is obeyed. */
bool beam_sampling_follow(struct beam_sampling *sampling, const struct sampling_wish *wish);

/* There will be no more, and why: "" by the user's wish, which is not told. Frees it. NULL is
 * allowed. */
void beam_sampling_end(struct beam_sampling *sampling, const char *why);

#endif
