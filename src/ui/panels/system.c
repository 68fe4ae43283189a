/* The system view: tables of everything the machine has, as data. */
#include "system.h"

#include <stdlib.h>

static const struct section_row load_rows[] = {
    {"Load 1 min", "system.cpu.load_average.1m", NULL, NULL, READING_NICE},
    {"Load 5 min", "system.cpu.load_average.5m", NULL, NULL, READING_NICE},
    {"Load 15 min", "system.cpu.load_average.15m", NULL, NULL, READING_NICE},
};

static const struct section_def defs[] = {
    {.title = "Cores",
     .metric = "system.cpu.utilization",
     .label = "cpu",
     .label_title = "CORE",
     .scale = READING_SHARE,
     .columns = {{"USE", "system.cpu.utilization", NULL, 7},
                 {"MHZ", "system.cpu.frequency", NULL, 9}}},
    {.title = "Load", .rows = load_rows, .row_count = ARRAY_SIZE(load_rows)},
    {.title = "Cgroups", .table = "cgroups"},
};

static const struct section_def side_defs[] = {
    {.title = "Disks",
     .metric = "system.disk.io",
     .label = "device",
     .label_title = "DEVICE",
     .scale = READING_NICE,
     .columns = {{"READ", "system.disk.io", "direction=read", 10},
                 {"WRITE", "system.disk.io", "direction=write", 10},
                 {"BUSY", "system.disk.utilization", NULL, 7}}},
};

struct sections *
system_side_sections(struct catalog *catalog)
{
    return sections_new(catalog, side_defs, ARRAY_SIZE(side_defs));
}

static void *
system_open(struct catalog *catalog)
{
    return sections_new(catalog, defs, ARRAY_SIZE(defs));
}

static void
system_close(void *state)
{
    sections_free(state);
}

static bool
system_has_data(void *state, const struct panel_context *context)
{
    return sections_have_data(state, context);
}

static void
system_draw(void *state, const struct panel_context *context, struct canvas *canvas, struct rect area, bool focused)
{
    sections_draw(state, context, canvas, area, focused, true);
}

static enum reaction
system_command(void *state, const struct panel_context *context, const char *name, const char *argument)
{
    (void)argument;
    return sections_command(state, context, name);
}

static enum reaction
system_mouse(void *state, const struct panel_context *context, int x, int y, int button)
{
    return sections_mouse(state, context, x, y, button);
}

static void
system_interest(void *state, const struct panel_context *context, struct interest *interest)
{
    (void)state;
    (void)context;
    interest->cgroups = true;
}

const struct panel panel_system = {
    .name = "system",
    .title = "System",
    .open = system_open,
    .close = system_close,
    .has_data = system_has_data,
    .draw = system_draw,
    .command = system_command,
    .mouse = system_mouse,
    .interest = system_interest,
};
