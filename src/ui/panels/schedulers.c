/* The heatmap of an Erlang node's schedulers: row = scheduler, column = bucket of time. */
#include "cores.h"
#include "panels.h"

#include <string.h>

#include "flametop/base/macros.h"

#define ROWS_MAX 8
#define POOLS_ROWS_MAX 7 /* with the box of pools beside it */

static const struct cores_def schedulers = {.title = "Schedulers",
                                            .noun = "scheduler",
                                            .metric = "beam.scheduler.utilization",
                                            .label = "scheduler"};

static void *
schedulers_open(struct catalog *catalog)
{
    return cores_new(catalog, &schedulers);
}

static void
schedulers_close(void *state)
{
    cores_free(state);
}

static bool
schedulers_have_data(void *state, const struct panel_context *context)
{
    return cores_refresh(state, context) > 0;
}

/* At least as high as the pools beside it need. */
static int
schedulers_height(void *state, const struct panel_context *context, int width)
{
    (void)width;
    const struct table *pools = picture_table(context->picture, "pools");
    int beside = pools != NULL ? (int)MIN(pools->count + 1, (size_t)POOLS_ROWS_MAX) : 0;
    cores_refresh(state, context);
    return 2 + MAX(cores_rows(state, context, ROWS_MAX), beside);
}

static void
schedulers_draw(void *state, const struct panel_context *context, struct canvas *canvas,
                struct rect area, bool focused)
{
    cores_refresh(state, context);
    cores_draw(state, context, canvas, area, focused);
}

static enum reaction
schedulers_command(void *state, const struct panel_context *context, const char *name,
                   const char *argument)
{
    (void)argument;
    if (strcmp(name, "open") == 0) {
        panel_open_chart(context, schedulers.metric, cores_labels(state));
        return REACTION_HANDLED;
    }
    return cores_move(state, name) ? REACTION_HANDLED : REACTION_NONE;
}

const struct panel panel_schedulers = {
    .name = "schedulers",
    .title = "Schedulers",
    .open = schedulers_open,
    .close = schedulers_close,
    .has_data = schedulers_have_data,
    .height = schedulers_height,
    .draw = schedulers_draw,
    .command = schedulers_command,
};
