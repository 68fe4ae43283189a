/* Any text as a formula, asked of a picture with some history; and as the formula of a derived
 * metric that is asked with labels open and given. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/core/query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TICKS 20

static const struct metric metrics[] = {
    {.name = "c",
     .unit = "s",
     .labels = "cpu state",
     .text = "",
     .kind = METRIC_COUNTER,
     .bits = 32},
    {.name = "g", .unit = "1", .labels = "cpu", .text = "", .fold = FOLD_MEAN},
    {.name = "m", .unit = "1", .labels = "", .text = "", .fold = FOLD_MIN},
    {.name = "d",
     .unit = "1",
     .labels = "cpu",
     .text = "",
     .fold = FOLD_FORMULA,
     .formula = "1 - c{state=idle} / c"},
    {.name = "e", .unit = "1", .labels = "cpu", .text = "", .fold = FOLD_MAX, .formula = "d + g"},
    {.name = "x", .unit = "1", .labels = "", .text = "", .formula = "x + y"},
    {.name = "y", .unit = "1", .labels = "cpu", .text = "", .formula = "x * y"},
};

static const char *const names[][2] = {{"c", "cpu=0,state=idle"},
                                       {"c", "cpu=0,state=user"},
                                       {"c", "cpu=1,state=idle"},
                                       {"g", "cpu=0"},
                                       {"g", "cpu=1"},
                                       {"m", ""}};

static struct head *
make_head(struct catalog *catalog, size_t first, size_t count, int64_t step_ns)
{
    const struct series *series[ARRAY_SIZE(names)];
    for (size_t i = 0; i < count; i++) {
        series[i] = catalog_series(catalog, catalog_metric(catalog, names[first + i][0]),
                                   names[first + i][1]);
    }
    struct layout *layout = layout_new(series, count);
    struct head *head = head_new(layout, 5);
    layout_release(layout);
    for (size_t t = 0; t < TICKS; t++) {
        head->mono_ns[t] = (int64_t)(t + 1) * step_ns;
        for (size_t i = 0; i < count; i++) {
            double value = (double)((t * (i + 3) + first) % 17);
            head->values[i * CHUNK_TICKS + t] = value == 5 ? NAN : value == 7 ? INFINITY : value;
        }
    }
    return head;
}

static struct picture *
make_picture(struct catalog *catalog)
{
    struct picture *picture = picture_new(catalog, (size_t)1 << 20);
    picture->mono_ns = TICKS * NS_PER_S;
    picture->interval_ns = NS_PER_S;
    picture->tracks = arena_news(&picture->arena, struct track, 2);
    picture->track_count = 2;
    picture->tracks[0] = (struct track){.name = "a",
                                        .text = "",
                                        .why = "",
                                        .head = make_head(catalog, 0, 4, NS_PER_S),
                                        .head_ticks = TICKS};
    picture->tracks[1] = (struct track){.name = "b",
                                        .text = "",
                                        .why = "",
                                        .head = make_head(catalog, 4, 2, NS_PER_S / 3),
                                        .head_ticks = TICKS};
    return picture;
}

static void
ask(struct query *query, const struct picture *picture, const char *why)
{
    struct point points[8];
    if (query == NULL) {
        if (why[0] == 0) {
            abort();
        }
        return;
    }
    query_now(query, picture);
    size_t n = query_points(query, picture, 3 * NS_PER_S, INT64_MAX, points, ARRAY_SIZE(points));
    if (n > ARRAY_SIZE(points)) {
        abort();
    }
    for (size_t i = 1; i < n; i++) {
        if (points[i].mono_ns <= points[i - 1].mono_ns) {
            abort();
        }
    }
    query_free(query);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char why[160], *formula = malloc(size + 1);
    memcpy(formula, data, size);
    formula[size] = 0;
    struct catalog *catalog = catalog_new(100);
    struct metric own = {
        .name = "own", .unit = "1", .labels = "cpu", .text = "", .formula = formula};
    catalog_add(catalog, metrics, ARRAY_SIZE(metrics));
    catalog_add(catalog, &own, 1);
    struct picture *picture = make_picture(catalog);
    ask(query_new_formula(catalog, formula, why, sizeof(why)), picture, why);
    ask(query_new(catalog, "own", NULL, why, sizeof(why)), picture, why);
    ask(query_new(catalog, "own", "cpu=1", why, sizeof(why)), picture, why);
    picture_release(picture);
    catalog_free(catalog);
    free(formula);
    return 0;
}
