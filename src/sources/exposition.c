/* Adapter for any metrics in text (Prometheus, OpenMetrics): each sample is a series of a metric
 * with the name it has there. node_exporter's become ours. */
#include "exposition.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter.h"
#include "adapters.h"
#include "flametop/base/macros.h"

enum {
    SERIES_MAX = 50000,
    BODY_BYTES_MAX = 16 << 20,
    NAME_BYTES = 200,
};

static const struct {
    const char *end, *unit;
} units[] = {
    {"_seconds", "s"}, {"_bytes", "By"},  {"_ratio", "1"}, {"_celsius", "Cel"}, {"_hertz", "Hz"},
    {"_volts", "V"},   {"_amperes", "A"}, {"_watts", "W"}, {"_joules", "J"},
};

static struct str
without(struct str name, const char *end)
{
    return str_ends(name, end) ? (struct str){name.p, name.n - strlen(end)} : name;
}

static const char *
unit_of(struct str name)
{
    if (str_ends(name, "_bucket") || str_ends(name, "_count")) {
        return "";
    }
    name = without(without(name, "_total"), "_sum");
    for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
        if (str_ends(name, units[i].end)) {
            return units[i].unit;
        }
    }
    return "";
}

static bool
is_counter(const struct exposition_sample *sample)
{
    switch (sample->type) {
    case EXPOSITION_COUNTER:
    case EXPOSITION_HISTOGRAM:
        return !str_ends(sample->name, "_created");
    case EXPOSITION_SUMMARY:
        return str_ends(sample->name, "_sum") || str_ends(sample->name, "_count");
    case EXPOSITION_UNTYPED:
        return str_ends(sample->name, "_total");
    default:
        return false;
    }
}

static enum metric_fold
fold_of(const struct exposition_sample *sample, const char *unit)
{
    bool level = strcmp(unit, "1") == 0 || strcmp(unit, "Cel") == 0 || strcmp(unit, "Hz") == 0;
    bool quantile = sample->type == EXPOSITION_SUMMARY && !is_counter(sample);
    return quantile || level ? FOLD_MAX : FOLD_SUM;
}

/* Our form of the labels, and their keys. */
static void
write_labels(struct str from, char *labels, size_t labels_size, char *keys, size_t keys_size)
{
    struct str key, value;
    size_t n = 0;
    labels[0] = keys[0] = '\0';
    while (exposition_label(&from, &key, &value)) {
        char name[64], text[256];
        str_copy(key, name, sizeof(name));
        exposition_text(value, text, sizeof(text));
        labels_add(labels, labels_size, name, str_from(text));
        int wrote = snprintf(keys + n, keys_size - n, "%s%s", n > 0 ? " " : "", name);
        n = MIN(n + (size_t)MAX(wrote, 0), keys_size - 1);
    }
}

const struct metric *
exposed_describe(struct catalog *catalog, const struct exposition_sample *sample, const char *keys,
                 bool on_demand)
{
    char name[NAME_BYTES], text[200];
    str_copy(sample->name, name, sizeof(name));
    exposition_text(sample->help, text, sizeof(text));
    const char *unit = unit_of(sample->name);
    const struct metric *metric = catalog_define(
        catalog, &(struct metric){.name = name,
                                  .unit = unit,
                                  .labels = keys,
                                  .text = text,
                                  .kind = is_counter(sample) ? METRIC_COUNTER : METRIC_GAUGE,
                                  .fold = fold_of(sample, unit),
                                  .on_demand = on_demand});
    return metric != NULL && metric->formula == NULL ? metric : NULL;
}

static int
define(struct batch *batch, const struct exposition_sample *sample)
{
    char labels[NATIVE_LABELS], keys[512];
    write_labels(sample->labels, labels, sizeof(labels), keys, sizeof(keys));
    const struct metric *metric = exposed_describe(batch->catalog, sample, keys, false);
    if (metric == NULL) {
        batch->dropped++;
        return -1;
    }
    return batch_column(batch, metric, labels);
}

struct exposed_cell *
exposed_cell_of(struct exposed *exposed, struct batch *batch,
                const struct exposition_sample *sample)
{
    uint64_t key = hash_bytes(sample->series.p, sample->series.n);
    struct exposed_cell *cell = map_get(&exposed->cells, key);
    if (cell != NULL) {
        return cell;
    }
    bool room = exposed->cells.count < SERIES_MAX; /* or each reading would take memory */
    cell = room ? arena_new(&exposed->arena, struct exposed_cell) : NULL;
    if (cell == NULL || !map_put(&exposed->cells, key, cell)) {
        batch->dropped++;
        return NULL;
    }
    char labels[NATIVE_LABELS];
    cell->column = -1;
    bool node = !exposed->plain && str_starts(sample->name, "node_");
    cell->rule = node ? node_rule_for(sample, labels) : NULL;
    if (cell->rule != NULL) {
        cell->labels = arena_text(&exposed->arena, labels, strlen(labels));
        return cell;
    }
    cell->column = exposed->known != NULL ? exposed->known(batch, sample) : -1;
    if (cell->column < 0) {
        cell->column = define(batch, sample);
    }
    return cell;
}

void
exposed_begin(struct exposed *exposed, struct batch *batch)
{
    node_begin(&exposed->node, batch);
}

void
exposed_take(struct exposed *exposed, struct batch *batch, const struct exposed_cell *cell,
             const struct exposition_sample *sample)
{
    if (cell->rule != NULL) {
        node_take(&exposed->node, batch, cell->rule, cell->labels, sample);
    } else {
        batch_set(batch, cell->column, sample->value);
    }
}

void
exposed_end(struct exposed *exposed, struct batch *batch)
{
    node_end(&exposed->node, batch);
}

void
exposed_init(struct exposed *exposed)
{
    map_init(&exposed->cells, SERIES_MAX);
    arena_init(&exposed->arena, (size_t)16 << 20);
    node_init(&exposed->node);
}

void
exposed_done(struct exposed *exposed)
{
    node_done(&exposed->node);
    map_done(&exposed->cells);
    arena_done(&exposed->arena);
}

static bool
exposition_read(void *state, const struct str *bodies, struct batch *batch)
{
    struct exposed *exposed = state;
    struct exposition exposition;
    struct exposition_sample sample;
    size_t count = 0;
    exposition_init(&exposition, bodies[0]);
    exposed_begin(exposed, batch);
    for (; exposition_next(&exposition, &sample); count++) {
        struct exposed_cell *cell = exposed_cell_of(exposed, batch, &sample);
        if (cell != NULL) {
            exposed_take(exposed, batch, cell, &sample);
        }
    }
    exposed_end(exposed, batch);
    batch->rejected += exposition.rejected;
    return count > 0 || bodies[0].n == 0;
}

static void
exposition_close(void *state)
{
    exposed_done(state);
    free(state);
}

static void *
exposition_open(const struct adapter_setup *setup)
{
    struct exposed *exposed = calloc(1, sizeof(*exposed));
    (void)setup;
    if (exposed != NULL) {
        exposed_init(exposed);
    }
    return exposed;
}

static bool
exposition_host(const void *state, struct host *ret_host)
{
    return node_host(&((const struct exposed *)state)->node, ret_host);
}

static bool
exposition_recognizes(const struct adapter_answer *answer)
{
    return answer->status == 200 && exposition_is(answer->body);
}

const struct adapter adapter_exposition = {
    .name = "exposition",
    .text =
        "Metrics in text, as for Prometheus; those of node_exporter fill the views of a machine.",
    .probes = (const char *const[]){"", "/metrics", NULL},
    .recognizes = exposition_recognizes,
    .requests = (const char *const[]){"", NULL},
    .accept = "application/openmetrics-text;version=1.0.0;q=0.9,text/plain;version=0.0.4;q=0.8,"
              "*/*;q=0.1",
    .body_max = BODY_BYTES_MAX,
    .open = exposition_open,
    .read = exposition_read,
    .close = exposition_close,
    .host = exposition_host,
};
