/* What the screen samples: the face of profile/live.h for the flame view. */
#ifndef FLAMETOP_FLAME_SAMPLER_H
#define FLAMETOP_FLAME_SAMPLER_H

#include "flametop/ui/app.h"
#include "cli.h"

struct flame_sampler {
    const struct cli *cli;
    struct live *live; /* NULL: nothing is sampled */
    struct app_sampler face;
};

void flame_sampler_init(struct flame_sampler *sampler, const struct cli *cli);
void flame_sampler_done(struct flame_sampler *sampler);

#endif
