/* Pools: how busy they are and what waits; Enter shows the workers of one. */
#include "pools.h"

#include <stdio.h>
#include <string.h>

#include "../widgets/card.h"
#include "flametop/base/macros.h"
#include "panels.h"

static const char *const pool_order[] = {
    "pool.name",
    "pool.workers.utilization",
    "pool.workers.busy",
    "pool.workers",
    "pool.queue",
    "pool.rate",
    NULL,
};

static const char *const worker_order[] = {
    "worker.id",           "worker.pool",   "worker.profile",
    "worker.status",       "worker.load",   "worker.slots",
    "worker.rate",         "worker.os_pid", "worker.cpu.utilization",
    "worker.memory.usage", "worker.age",    NULL,
};

const struct sheet_def pool_sheets[POOL_SHEETS] = {
    {.name = "pools", .title = "Pools", .order = pool_order},
    {.name = "workers", .title = "Workers", .order = worker_order},
};

bool
pools_open_workers(struct tables *tables, const struct panel_context *context)
{
    char filter[TABLE_VIEW_TEXT];
    const struct table_view *view = tables_view(tables);
    const char *pool = strcmp(tables_name(tables), "pools") == 0
                           ? row_text(view->def, table_view_selected(view), "pool.name")
                           : NULL;
    if (pool == NULL || !tables_update(tables, context) || !tables_choose(tables, "workers")) {
        return false;
    }
    snprintf(filter, sizeof(filter), "pool=\"%.200s\"", pool);
    tables_command(tables, context, "filter.set", filter);
    return true;
}

bool
pools_show_workers(const struct tables *tables)
{
    const char *filter = tables_current(tables, "filter.set");
    return strcmp(tables_name(tables), "workers") == 0 && filter != NULL &&
           strncmp(filter, "pool=", 5) == 0;
}

bool
pools_close_workers(struct tables *tables, const struct panel_context *context)
{
    if (!pools_show_workers(tables)) {
        return false;
    }
    tables_command(tables, context, "filter.set", "");
    return tables_choose(tables, "pools");
}

/* ---- the panel ---- */

static void *
pools_open(struct catalog *catalog)
{
    (void)catalog;
    return tables_new(pool_sheets, POOL_SHEETS);
}

static void
pools_close(void *state)
{
    tables_free(state);
}

static bool
pools_have_data(void *state, const struct panel_context *context)
{
    const struct table *table = picture_table(context->picture, "pools");
    return table != NULL && table->count > 0 && tables_update(state, context);
}

static void
pools_draw(void *state, const struct panel_context *context, struct canvas *canvas,
           struct rect area, bool focused)
{
    struct tables *tables = state;
    char count[32];
    if (!tables_update(tables, context) || area.height < 4) {
        return;
    }
    struct table_view *view = tables_view(tables);
    bool workers = strcmp(tables_name(tables), "workers") == 0;
    const struct table *table = picture_table(context->picture, tables_name(tables));
    view->narrow = true;
    if (table != NULL) {
        table_view_update(view, table, context->picture);
    }
    snprintf(count, sizeof(count), "%zu", table != NULL ? view->count : 0);
    frame_draw(canvas, area, workers ? "Workers" : "Pools", count, focused);
    if (table != NULL) {
        table_view_draw(view, context, canvas,
                        (struct rect){area.x + 1, area.y + 1, area.width - 2, area.height - 2},
                        focused);
    }
}

static enum reaction
pools_command(void *state, const struct panel_context *context, const char *name,
              const char *argument)
{
    struct tables *tables = state;
    if (!tables_update(tables, context)) {
        return REACTION_NONE;
    }
    if (strcmp(name, "open") == 0) {
        return pools_open_workers(tables, context) ? REACTION_HANDLED | REACTION_INTEREST
                                                   : REACTION_NONE;
    }
    if ((strcmp(name, "close") == 0 || strcmp(name, "escape") == 0) &&
        pools_close_workers(tables, context)) {
        return REACTION_HANDLED;
    }
    return strncmp(name, "page.", 5) == 0 ? REACTION_NONE
                                          : tables_command(tables, context, name, argument);
}

static bool
pools_closes(const void *state)
{
    return pools_show_workers(state);
}

static const char *
pools_current(void *state, const char *command)
{
    return tables_current(state, command);
}

static enum reaction
pools_mouse(void *state, const struct panel_context *context, int x, int y, int button)
{
    struct tables *tables = state;
    if (!tables_update(tables, context)) {
        return REACTION_NONE;
    }
    return table_view_mouse(tables_view(tables), context, x, y, button);
}

static void
pools_interest(void *state, const struct panel_context *context, struct interest *interest)
{
    (void)state;
    (void)context;
    interest->tables |= 1U << INTEREST_WORKERS;
}

const struct panel panel_pools = {
    .name = "pools",
    .title = "Pools",
    .open = pools_open,
    .close = pools_close,
    .has_data = pools_have_data,
    .draw = pools_draw,
    .command = pools_command,
    .current = pools_current,
    .closes = pools_closes,
    .mouse = pools_mouse,
    .interest = pools_interest,
};
