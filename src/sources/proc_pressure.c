/* Pressure stall information of the machine: /proc/pressure (Documentation/accounting/psi.rst).
 *
 * The kernel has it since 4.20 when built with CONFIG_PSI and not booted with psi=0; some
 * distributions want psi=1. Where it is missing the source is left out and says so. irq exists
 * since 6.1 and knows "full" only; "full" of the cpu means nothing for a whole machine and reads 0.
 */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "flametop/base/macros.h"
#include "kept.h"
#include "proc_parse.h"
#include "sources.h"

enum { PRESSURE_SOME, PRESSURE_FULL, PRESSURE_SOME_SHARE, PRESSURE_FULL_SHARE, PRESSURE_AVG10 };

static const struct metric metrics[] = {
    [PRESSURE_SOME] =
        {.name = "system.pressure.some",
         .unit = "s",
         .labels = "resource",
         .kind = METRIC_COUNTER,
         .better = BETTER_LOWER,
         .fold = FOLD_MAX,
         .text =
             "Time during which at least one task waited for the resource (cpu, memory, io; PSI)."},
    [PRESSURE_FULL] = {.name = "system.pressure.full",
                       .unit = "s",
                       .labels = "resource",
                       .kind = METRIC_COUNTER,
                       .better = BETTER_LOWER,
                       .fold = FOLD_MAX,
                       .text = "Time during which all tasks that were not idle waited for the "
                               "resource at once (PSI)."},
    [PRESSURE_SOME_SHARE] =
        {.name = "system.pressure.some.utilization",
         .unit = "1",
         .labels = "resource",
         .formula = "min(1, system.pressure.some)",
         .better = BETTER_LOWER,
         .fold = FOLD_MAX,
         .text = "Share of time during which at least one task waited for the resource (PSI)."},
    [PRESSURE_FULL_SHARE] =
        {.name = "system.pressure.full.utilization",
         .unit = "1",
         .labels = "resource",
         .formula = "min(1, system.pressure.full)",
         .better = BETTER_LOWER,
         .fold = FOLD_MAX,
         .warning = 0.1,
         .critical = 0.6, /* where systemd-oomd starts to kill */
         .text = "Share of time during which all tasks that were not idle waited at once (PSI)."},
    [PRESSURE_AVG10] =
        {.name = "system.pressure.avg10",
         .unit = "1",
         .labels = "resource kind",
         .better = BETTER_LOWER,
         .fold = FOLD_MAX,
         .text = "The kernel's own average of the pressure (PSI) over 10 seconds, some and full."},
};

static const char *const resources[] = {"cpu", "memory", "io", "irq"};
#define RESOURCES ARRAY_SIZE(resources)

struct pressure {
    struct kept files[RESOURCES];
    int columns[RESOURCES][4]; /* some, full, avg10 of some, avg10 of full */
    bool registered[RESOURCES][4];
};

static void
pressure_close(void *state)
{
    struct pressure *pressure = state;
    for (size_t i = 0; i < RESOURCES; i++) {
        kept_close(&pressure->files[i]);
    }
    free(pressure);
}

static int
pressure_open(const struct source_setup *setup, void **ret_state, char *why, size_t why_size)
{
    struct pressure *pressure = calloc(1, sizeof(*pressure));
    if (pressure == NULL) {
        snprintf(why, why_size, "out of memory");
        return -ENOMEM;
    }
    int error = -ENOENT;
    for (size_t i = 0; i < RESOURCES; i++) {
        char path[32];
        snprintf(path, sizeof(path), "pressure/%s", resources[i]);
        struct str text;
        kept_open(&pressure->files[i], setup->roots->proc, path);
        /* Older kernels have the files with psi=0 as well, and refuse to read them. */
        bool there = kept_read(&pressure->files[i], &text);
        error = there || error == 0                  ? 0
                : pressure->files[i].error == ENOENT ? error
                                                     : -pressure->files[i].error;
    }
    if (error != 0) {
        snprintf(why, why_size,
                 "no pressure stall information: the kernel is older than 4.20 or needs psi=1");
        pressure_close(pressure);
        return error;
    }
    *ret_state = pressure;
    return 0;
}

/* What a kernel does not print gets no series. */
static void
put_value(struct pressure *pressure, size_t i, size_t j, double value, struct batch *batch)
{
    static const struct {
        int metric;
        const char *more;
    } rows[4] = {{PRESSURE_SOME, ""},
                 {PRESSURE_FULL, ""},
                 {PRESSURE_AVG10, ",kind=some"},
                 {PRESSURE_AVG10, ",kind=full"}};
    if (isnan(value)) {
        return;
    }
    if (!pressure->registered[i][j]) {
        char labels[48];
        snprintf(labels, sizeof(labels), "resource=%s%s", resources[i], rows[j].more);
        pressure->columns[i][j] = batch_column(batch, &metrics[rows[j].metric], labels);
        pressure->registered[i][j] = true;
    }
    batch_set(batch, pressure->columns[i][j], value);
}

static bool
put_resource(struct pressure *pressure, size_t i, struct batch *batch)
{
    struct str text;
    struct pressure_text read;
    if (!kept_read(&pressure->files[i], &text)) {
        int error = pressure->files[i].error;
        return error == ENOENT || error == EOPNOTSUPP;
    }
    if (!parse_pressure(text, &read)) {
        batch->rejected++;
        return false;
    }
    const double values[4] = {read.some.total_s, read.full.total_s, read.some.avg10,
                              read.full.avg10};
    for (size_t j = 0; j < 4; j++) {
        put_value(pressure, i, j, values[j], batch);
    }
    return true;
}

static enum source_step
pressure_poll(void *state, struct batch *batch)
{
    struct pressure *pressure = state;
    for (size_t i = 0; i < RESOURCES; i++) {
        if (!put_resource(pressure, i, batch)) {
            batch_fail(batch, SOURCE_DEGRADED, "%s cannot be read", pressure->files[i].path);
        }
    }
    return SOURCE_DONE;
}

const struct source source_proc_pressure = {
    .name = "pressure",
    .text = "How long tasks waited for CPU, memory and I/O, from /proc/pressure.",
    .metrics = metrics,
    .metric_count = ARRAY_SIZE(metrics),
    .open = pressure_open,
    .poll = pressure_poll,
    .close = pressure_close,
};
