/* Processes of this machine, sampled while the screen is open. */
#include "flame_sampler.h"

#include <stdio.h>

#include "flametop/profile/live.h"

static void
end(void *context)
{
    struct flame_sampler *sampler = context;
    live_free(sampler->live);
    sampler->live = NULL;
}

static bool
begin(void *context, const struct sampling_wish *wish, char *why, size_t why_size)
{
    struct flame_sampler *sampler = context;
    struct live_options options = {.pid = (uint32_t)wish->id,
                                   .rate_hz = wish->rate_hz > 0 ? wish->rate_hz : LIVE_RATE_HZ,
                                   .proc = config_text(sampler->cli->config, "roots.proc"),
                                   .sys = config_text(sampler->cli->config, "roots.sys")};
    end(sampler);
    sampler->live = live_new(&options);
    if (sampler->live == NULL) {
        snprintf(why, why_size,
                 "nothing can be sampled: out of memory, or what was sampled before still hangs in "
                 "files "
                 "of its processes");
    }
    return sampler->live != NULL;
}

static void
hold(void *context, bool held)
{
    struct flame_sampler *sampler = context;
    if (sampler->live != NULL) {
        live_switch(sampler->live, !held);
    }
}

static int
fd(const void *context)
{
    const struct flame_sampler *sampler = context;
    return sampler->live != NULL ? live_fd(sampler->live) : -1;
}

static const struct profile *
take(void *context, struct sampling_status *ret_status)
{
    struct flame_sampler *sampler = context;
    return live_take(sampler->live, ret_status);
}

void
flame_sampler_init(struct flame_sampler *sampler, const struct cli *cli)
{
    *sampler = (struct flame_sampler){
        .cli = cli, .face = {.begin = begin, .end = end, .hold = hold, .fd = fd, .take = take}};
    sampler->face.context = sampler;
}

void
flame_sampler_done(struct flame_sampler *sampler)
{
    end(sampler);
}
