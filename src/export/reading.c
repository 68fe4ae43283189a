/* A walk over a picture's metrics. */
#include "reading.h"

#include <math.h>
#include <string.h>

#include "flametop/core/query.h"

#define VALUES_MAX 256

struct walk {
    const struct picture *picture;
    reading_each *each;
    void *context;
    struct arena arena; /* of label values */
};

static void
give_derived(struct walk *walk, const struct metric *metric, const char *labels, bool folded)
{
    struct reading reading = {.metric = metric, .labels = labels, .folded = folded};
    reading.raw = reading.value = query_once(walk->picture, metric->name, labels);
    if (!isnan(reading.value)) {
        walk->each(walk->context, &reading);
    }
}

static void
give_stored(struct walk *walk, const struct series *series, double raw)
{
    struct reading reading = {.metric = series->metric, .labels = series->labels, .raw = raw};
    reading.value = query_series(walk->picture, series);
    if (!isnan(reading.value) || !isnan(raw)) {
        walk->each(walk->context, &reading);
    }
}

static void
walk_derived(struct walk *walk, const struct metric *metric)
{
    struct str rest = str_from(metric->labels), key, more;
    bool has_labels = str_word(&rest, &key);
    bool has_one = has_labels && !str_word(&rest, &more);
    const char *values[VALUES_MAX];
    size_t count = 0;
    char name[64];
    arena_clear(&walk->arena);
    if (has_one) {
        str_copy(key, name, sizeof(name));
        count =
            query_label_values(walk->picture, metric->name, name, &walk->arena, values, VALUES_MAX);
    }
    give_derived(walk, metric, "", count > 0);
    for (size_t i = 0; i < count; i++) {
        char labels[640] = "";
        labels_add(labels, sizeof(labels), name, str_from(values[i]));
        give_derived(walk, metric, labels, false);
    }
}

/* The newest value of a column that is kept less often than its source is read, too. */
static double
newest(const struct track *track, size_t column)
{
    double value = (double)NAN;
    for (size_t i = track->head_ticks; i > 0 && isnan(value); i--) {
        value = track->head->values[column * CHUNK_TICKS + i - 1];
    }
    return value;
}

static void
walk_stored(struct walk *walk, const struct metric *metric)
{
    for (size_t t = 0; t < walk->picture->track_count; t++) {
        const struct track *track = &walk->picture->tracks[t];
        const struct layout *layout = track->head != NULL ? track->head->layout : NULL;
        for (size_t c = 0; layout != NULL && c < layout->count; c++) {
            if (layout->series[c]->metric == metric) {
                give_stored(walk, layout->series[c], newest(track, c));
            }
        }
    }
}

void
readings_each(const struct picture *picture, reading_each *each, void *context)
{
    struct walk walk = {.picture = picture, .each = each, .context = context};
    const struct metric *metric;
    arena_init(&walk.arena, (size_t)1 << 20);
    for (size_t i = 0; (metric = catalog_metric_at(picture->catalog, i)) != NULL; i++) {
        if (metric->formula != NULL) {
            walk_derived(&walk, metric);
        } else {
            walk_stored(&walk, metric);
        }
    }
    arena_done(&walk.arena);
}
